"""Exercises of the chapter *Exact tensors*."""

from __future__ import annotations

import numpy as np

from l4lib.course.exercise import Exercise, Given, Mistake
from l4lib.data import random_unit
from l4lib.quartic import svec


def _weight_given(rng: np.random.Generator) -> Given:
    """A tensor whose first atom has a negative weight; its columns are what must not be needed."""
    n = int(rng.integers(4, 6))
    A = random_unit(n, n + int(rng.integers(1, 3)), rng=rng)
    w = rng.uniform(0.5, 2, A.shape[1]) * rng.choice([-1.0, 1.0], A.shape[1])
    w[0] = -rng.uniform(0.5, 0.9)
    return {"T": np.einsum("ai,bi,ci,di,i->abcd", A, A, A, A, w, optimize=True), "a": A[:, 0]}


def _flattened(T: np.ndarray, root: float) -> np.ndarray:
    """The tensor on index pairs i <= j, with a factor for the pairs off the diagonal."""
    i, j = np.triu_indices(len(T))
    factor = np.where(i == j, 1.0, root)
    return T[i[:, None], j[:, None], i, j] * np.outer(factor, factor)


def _weight(T: np.ndarray, a: np.ndarray, root: float = np.sqrt(2)) -> float:
    """By the minimum-norm solution of D u = v on pairs."""
    v = svec(a[:, None])[:, 0]
    u = np.linalg.lstsq(_flattened(T, root), v, rcond=1e-10)[0]
    return float(1 / (u @ v))


def _value(T: np.ndarray, a: np.ndarray) -> float:
    return float(np.einsum("abcd,a,b,c,d->", T, a, a, a, a))


def _height_given(rng: np.random.Generator) -> Given:
    return {"F": float(rng.uniform(0.3, 0.95))}


def _root(coefficients: list[float]) -> float:
    """The real root of a polynomial in [0, 1]."""
    roots = np.roots(coefficients)
    (root,) = roots[(np.abs(roots.imag) < 1e-9) & (roots.real > 0) & (roots.real < 1 + 1e-9)].real
    return float(root)


def _curve_given(rng: np.random.Generator) -> Given:
    """Parameters apart from each other: fewer atoms than 2n - 1 in most cases, so that F is below one."""
    n = int(rng.integers(3, 5))
    m = int(rng.integers(2, 2 * n - 2))
    t = np.linspace(-1, 1, m + 1) + rng.uniform(-0.2, 0.2, m + 1) / m
    t = rng.permutation(t)
    if rng.random() < 0.1:
        m = 2 * n + 1
        t = rng.permutation(np.linspace(-1, 1, m + 1) + rng.uniform(-0.2, 0.2, m + 1) / m)
    return {"n": n, "t": t[1:], "s": float(t[0])}


def _on_curve(n: int, t: np.ndarray) -> np.ndarray:
    powers = np.asarray(t)[None, :] ** np.arange(n)[:, None]
    return powers / np.sqrt(np.sum(powers**2, axis=0))


def _squares(n: int, t: np.ndarray, s: float) -> tuple[np.ndarray, np.ndarray]:
    """The Gram matrix of the v_i, and the squared correlations of the point with the atoms."""
    A, q = _on_curve(n, t), _on_curve(n, np.array([s]))[:, 0]
    return (A.T @ A) ** 2, (A.T @ q) ** 2


def _height(n: int, t: np.ndarray, s: float) -> float:
    """By the normal equations, whose matrix is the entrywise square of the Gram matrix."""
    gram, h = _squares(n, t, s)
    values, vectors = np.linalg.eigh(gram)
    kept = values > 1e-12 * values[-1]
    return float(np.sum((vectors[:, kept].T @ h) ** 2 / values[kept]))


def _not_normalised(n: int, t: np.ndarray, s: float) -> float:
    return _height(n, t, s) * sum(s ** (2 * k) for k in range(n)) ** 2


def _without_roots(n: int, t: np.ndarray, s: float) -> float:
    """On index pairs i <= j without the factor that makes lengths right."""
    i, j = np.triu_indices(n)
    A, q = _on_curve(n, t), _on_curve(n, np.array([s]))[:, 0]
    V, v = A[i] * A[j], q[i] * q[j]
    return float(v @ V @ np.linalg.lstsq(V, v, rcond=1e-10)[0])


EXERCISES = (
    Exercise(
        label="ex-one-weight",
        answer="weight_of",
        points=3,
        draw=_weight_given,
        call=("T", "a"),
        truth=_weight,
        look_at=("decompose",),
        mistakes={
            "the value": Mistake(
                _value,
                "This is the value of the tensor at the atom; all other atoms have added to it.",
            ),
            "upside down": Mistake(
                lambda T, a: 1 / _weight(T, a),
                "Double the tensor: the weight must double, and yours halves.",
            ),
            "size only": Mistake(
                lambda T, a: abs(_weight(T, a)),
                "Weights may be negative; you have lost the sign.",
            ),
            "lengths on pairs": Mistake(
                lambda T, a: _weight(T, a, 1.0),
                "Matrix and vector do not use the same coordinates: an entry off the diagonal stands for two.",
            ),
        },
    ),
    Exercise(
        label="ex-correlation-from-height",
        answer="largest_correlation",
        points=3,
        draw=_height_given,
        call=("F",),
        truth=lambda F: float(np.sqrt(_root([2, -4, 3, -F]))),
        mistakes={
            "squared": Mistake(
                lambda F: _root([2, -4, 3, -F]),
                "This is the square of a correlation.",
            ),
            "height only": Mistake(
                lambda F: float(np.sqrt(F)),
                "You have used that the square of the correlation is at most F. The theorem says more.",
            ),
            "two lost": Mistake(
                lambda F: float(np.sqrt(_root([1, -2, 2, -F]))),
                "A factor is missing in front of the square; insert h = 1/2, where the left-hand side is 3/4.",
            ),
            "not squared": Mistake(
                lambda F: float(np.sqrt((3 - np.sqrt(9 - 8 * F)) / 4)) if F < 1 else 1.0,
                "One minus h enters with its square.",
            ),
        },
    ),
    Exercise(
        label="ex-atoms-on-a-curve",
        answer="curve_height",
        points=4,
        draw=_curve_given,
        call=("n", "t", "s"),
        truth=_height,
        tolerance=1e-5,
        mistakes={
            "as if orthogonal": Mistake(
                lambda n, t, s: float(np.sum(_squares(n, t, s)[1] ** 2)),
                "You have added the squares of the products with the atoms, as if these were orthonormal. "
                "Orthonormalise the span first.",
            ),
            "length": Mistake(
                _not_normalised,
                "F is defined on the sphere; what is the length of your point?",
            ),
            "root": Mistake(
                lambda n, t, s: float(np.sqrt(_height(n, t, s))),
                "You return the norm of the projection, not its square.",
            ),
            "lengths on pairs": Mistake(
                _without_roots,
                "On index pairs an entry off the diagonal stands for two; matrices have other products than yours.",
            ),
            "vectors": Mistake(
                lambda n, t, s: float(
                    np.sum((np.linalg.qr(_on_curve(n, t))[0].T @ _on_curve(n, np.array([s]))[:, 0]) ** 2)
                ),
                "You have projected the vector on the span of the atoms. The span in question consists of matrices.",
            ),
        },
    ),
)
