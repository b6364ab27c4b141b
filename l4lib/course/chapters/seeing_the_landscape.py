"""Exercises of the chapter *Seeing the landscape*."""

from __future__ import annotations

import numpy as np

from l4lib.course.exercise import Exercise, Given, Mistake
from l4lib.data import icosahedron, mercedes_benz, random_unit
from l4lib.quartic import phi_T, sphere


def _curvatures_given(rng: np.random.Generator) -> Given:
    n = int(rng.integers(3, 7))
    return {"A": random_unit(n, n + int(rng.integers(0, 4)), rng=rng), "q": sphere.random_points(n, rng=rng)}


def _tangent_basis(q: np.ndarray) -> np.ndarray:
    """The last n - 1 columns of the Householder reflection that takes q to a coordinate axis."""
    w = q.copy()
    w[0] += np.copysign(1.0, q[0])
    return (np.eye(len(q)) - 2 * np.outer(w, w) / (w @ w))[:, 1:]


def _curvatures(A: np.ndarray, q: np.ndarray) -> np.ndarray:
    E = _tangent_basis(q)
    phi = phi_T(A)
    return np.linalg.eigvalsh(np.array([[phi.hessp(q, u) @ v for u in E.T] for v in E.T]))


def _ambient(A: np.ndarray, q: np.ndarray) -> np.ndarray:
    zeta = A.T @ q
    return np.sum(zeta**4) * np.eye(len(q)) - 3 * (A * zeta**2) @ A.T


def _projector(q: np.ndarray) -> np.ndarray:
    return np.eye(len(q)) - np.outer(q, q)


def _flat_given(rng: np.random.Generator) -> Given:
    D = mercedes_benz() if rng.random() < 0.5 else icosahedron()
    n, m = D.shape
    rotation = np.linalg.qr(rng.standard_normal((n, n)))[0]
    signs = rng.choice([-1.0, 1.0], m)
    return {"D": rotation @ D[:, rng.permutation(m)] * signs, "j": int(rng.integers(m))}


def _others(D: np.ndarray, j: int) -> np.ndarray:
    """Absolute inner products of atom j with the other atoms."""
    return np.abs(np.delete(D, j, axis=1).T @ D[:, j])


EXERCISES = (
    Exercise(
        label="ex-curvatures",
        answer="curvatures",
        points=4,
        draw=_curvatures_given,
        call=("A", "q"),
        truth=_curvatures,
        look_at=("point_quantities", "hessp", "curvature"),
        mistakes={
            "the radial zero": Mistake(
                lambda A, q: np.linalg.eigvalsh(_projector(q) @ _ambient(A, q) @ _projector(q)),
                "You return n numbers; one of them is a zero that belongs to no direction on the sphere.",
            ),
            "not projected": Mistake(
                lambda A, q: np.linalg.eigvalsh(_ambient(A, q)),
                "These are the eigenvalues of an n by n matrix in the whole space; restrict it to the tangent "
                "space first.",
            ),
            "Euclidean": Mistake(
                lambda A, q: _curvatures(A, q) - np.sum((A.T @ q) ** 4),
                "All your curvatures are too small by the same number: the sphere's own bending is missing.",
            ),
            "sign": Mistake(
                lambda A, q: np.sort(-_curvatures(A, q)),
                "These are the curvatures of the objective upside down.",
            ),
        },
    ),
    Exercise(
        label="ex-one-line-less",
        answer="correlation_left",
        points=3,
        draw=_flat_given,
        call=("D", "j"),
        truth=lambda D, j: float(np.sqrt(1 - np.min(_others(D, j)) ** 2)),
        tolerance=1e-3,
        mistakes={
            "at the atoms": Mistake(
                lambda D, j: 1.0,
                "You expect the minimisers at atoms. Write α without the term of the missing line: where is it "
                "largest?",
            ),
            "at the lost line": Mistake(
                lambda D, j: float(np.max(_others(D, j))),
                "You have put the minimiser on the lost line itself; is α large or small there?",
            ),
            "squared": Mistake(
                lambda D, j: float(1 - np.min(_others(D, j)) ** 2),
                "You return the square of the correlation.",
            ),
        },
    ),
)
