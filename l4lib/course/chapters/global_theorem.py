"""Exercises of the chapter *The global theorem*."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from l4lib.course.exercise import Exercise, Given, Mistake
from l4lib.data import random_untf, simplex
from l4lib.quartic import phi_T


def _shift_given(rng: np.random.Generator) -> Given:
    n = int(rng.integers(4, 9))
    m = n + int(rng.integers(2, 5))  # by symmetry the atoms of a simplex, m = n + 1, do not move
    return {"A": random_untf(n, m, rng=rng), "i": int(rng.integers(m))}


def _projector(A: np.ndarray, i: int) -> np.ndarray:
    return np.eye(A.shape[0]) - np.outer(A[:, i], A[:, i])


def _shift(A: np.ndarray, i: int) -> np.ndarray:
    """With the pseudoinverse of the Hessian as a matrix on the whole space."""
    a, P, phi = A[:, i], _projector(A, i), phi_T(A)
    H = np.stack([phi.hessp(a, e) for e in P], axis=1)
    return -np.linalg.pinv(H, rcond=1e-10) @ phi.gradient(a)


def _fold(A: np.ndarray, i: int) -> np.ndarray:
    """The sum of the cubes of the correlations of atom i, times the atoms."""
    return A @ (A.T @ A[:, i]) ** 3


def _moment(A: np.ndarray, i: int) -> np.ndarray:
    return np.einsum("nk,k,mk->nm", A, (A.T @ A[:, i]) ** 2, A)


def _ambient(A: np.ndarray, i: int) -> np.ndarray:
    alpha = float(np.sum((A.T @ A[:, i]) ** 4))
    return np.linalg.solve(alpha * np.eye(len(A)) - 3 * _moment(A, i), _fold(A, i))


def _straight(A: np.ndarray, i: int) -> np.ndarray:
    P = _projector(A, i)
    return np.linalg.pinv(-3 * P @ _moment(A, i) @ P, rcond=1e-10) @ _fold(A, i)


def _clones_given(rng: np.random.Generator) -> Given:
    n = int(rng.integers(20, 29))
    return {"A": np.linalg.qr(rng.standard_normal((n, n)))[0] @ simplex(n)}


def _first(fails: Callable[[int], bool]) -> int:
    return next(k for k in range(2, 100) if fails(k)) - 1


def _conditions(A: np.ndarray, k: int, power: float = 0.25) -> tuple[float, float]:
    """Both left-hand sides for k copies of the first atom, from the Gram matrix."""
    norms = np.ones(A.shape[1])
    norms[0] = k**power
    G = norms[:, None] * (A.T @ A) * norms
    B = float(np.linalg.eigvalsh(G)[-1])
    g = float(np.abs(G - np.diag(np.diag(G))).max())
    return g + B / 3, g * g * (9 * B * B - 9 + 25 * (norms[0] ** 4 - 1) * (1.5 * B - 1))


def _clones(A: np.ndarray) -> int:
    return _first(lambda k: max(_conditions(A, k)) >= 1)


EXERCISES = (
    Exercise(
        label="ex-newton-shift",
        answer="newton_shift",
        points=4,
        draw=_shift_given,
        call=("A", "i"),
        truth=_shift,
        look_at=("hessp", "gradient", "hessian"),
        mistakes={
            "uphill": Mistake(
                lambda A, i: -_shift(A, i),
                "Your vector points the other way: which sign has the gradient of the objective?",
            ),
            "a gradient step": Mistake(
                lambda A, i: _projector(A, i) @ _fold(A, i),
                "This is the negative gradient. A Newton step divides it by the curvature.",
            ),
            "not on the sphere": Mistake(
                _ambient,
                "You have solved in the whole space: your vector is not orthogonal to the atom. Restrict both "
                "sides to the tangent space.",
            ),
            "flat space": Mistake(
                _straight,
                "Your Hessian is that along straight lines. What does the bending of the sphere add to it?",
            ),
        },
    ),
    Exercise(
        label="ex-clones",
        answer="clones_covered",
        points=3,
        draw=_clones_given,
        call=("A",),
        truth=_clones,
        tolerance=1e-9,
        look_at=("global_condition",),
        mistakes={
            "square root": Mistake(
                lambda A: _first(lambda k: max(_conditions(A, k, 0.5)) >= 1),
                "Copies merge differently in the frame operator and in the objective. Which of them has to stay "
                "the same?",
            ),
            "one condition": Mistake(
                lambda A: _first(lambda k: _conditions(A, k)[0] >= 1),
                "The theorem has two conditions, and you have checked the first.",
            ),
            "not merged": Mistake(
                lambda A: 1,
                "With copies as separate atoms the coherence is one, and no theorem says anything. Merge them first.",
            ),
            "one too many": Mistake(
                lambda A: _clones(A) + 1,
                "One off: is this the last number that is covered, or the first that is not?",
            ),
        },
    ),
)
