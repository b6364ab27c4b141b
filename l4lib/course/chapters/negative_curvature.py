"""Exercises of the chapter *Negative curvature*."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq, minimize_scalar

from l4lib.course.exercise import Exercise, Given, Mistake
from l4lib.data import random_unit
from l4lib.quartic import phi_T, sphere


def _pair_given(rng: np.random.Generator) -> Given:
    n = int(rng.integers(3, 7))
    m = n + int(rng.integers(1, 5))
    A = random_unit(n, m, rng=rng) * rng.uniform(0.7, 1.3, m)
    i, j = (int(k) for k in rng.choice(m, 2, replace=False))
    return {"A": A, "q": sphere.random_points(n, rng=rng), "i": i, "j": j}


def _pair_tangent(A: np.ndarray, q: np.ndarray, i: int, j: int) -> np.ndarray:
    """The unit vector of the plane that is orthogonal to the shadow of q in it."""
    E = np.linalg.qr(A[:, [i, j]])[0]
    u, v = E.T @ q
    return E @ np.array([-v, u]) / np.hypot(u, v)


def _pair(A: np.ndarray, q: np.ndarray, i: int, j: int) -> float:
    d = _pair_tangent(A, q, i, j)
    return float(phi_T(A).hessp(q, d) @ d)


def _pair_along(A: np.ndarray, q: np.ndarray, d: np.ndarray) -> float:
    zeta = A.T @ q
    return float(np.sum(zeta**4) - 3 * np.sum(zeta**2 * (A.T @ d) ** 2))


def _pair_two_terms(A: np.ndarray, q: np.ndarray, i: int, j: int) -> float:
    two = A[:, [i, j]]
    return float(np.sum((A.T @ q) ** 4) - 3 * np.sum((two.T @ q * (two.T @ _pair_tangent(A, q, i, j))) ** 2))


def _difference(A: np.ndarray, i: int, j: int) -> np.ndarray:
    d = A[:, i] - A[:, j]
    return d / np.linalg.norm(d)


def _pair_unscaled(A: np.ndarray, q: np.ndarray, i: int, j: int) -> float:
    zeta = A.T @ q
    return _pair_along(A, q, zeta[j] * A[:, i] - zeta[i] * A[:, j])


def _weak_given(rng: np.random.Generator) -> Given:
    return {"psi": float(np.radians(rng.uniform(62, 88)))}


def _weakest(psi: float) -> float:
    """By minimising the fourth power of the norm for which a point of the arc is critical."""

    def fourth(t: float) -> float:
        return float(np.sin(2 * t) * np.cos(t) ** 2 / (np.sin(2 * (psi - t)) * np.cos(psi - t) ** 2))

    found = minimize_scalar(fourth, bounds=(psi / 2, psi), method="bounded", options={"xatol": 1e-12})
    return float(found.fun**0.25)


def _silent(psi: float) -> float:
    """The norm at which the condition of the theorem on points far from the atoms stops."""
    c = float(np.cos(psi))

    def excess(nu: float) -> float:
        return nu * c + (1 + nu**2 + np.sqrt((1 - nu**2) ** 2 + 4 * nu**2 * c**2)) / 6 - nu**2

    return float(brentq(excess, 0, 1))


EXERCISES = (
    Exercise(
        label="ex-pair-curvature",
        answer="pair_curvature",
        points=3,
        draw=_pair_given,
        call=("A", "q", "i", "j"),
        truth=_pair,
        look_at=("hessp", "two_atoms_bound"),
        mistakes={
            "two terms": Mistake(
                _pair_two_terms,
                "You have dropped all atoms but two from the curvature. They give the direction; what do the others "
                "contribute along it?",
            ),
            "difference": Mistake(
                lambda A, q, i, j: _pair_along(A, q, _difference(A, i, j)),
                "The difference of the two atoms is tangent only where both correlations agree.",
            ),
            "length": Mistake(
                _pair_unscaled,
                "Your direction is tangent, but it does not have length one.",
            ),
            "Euclidean": Mistake(
                lambda A, q, i, j: _pair(A, q, i, j) - float(np.sum((A.T @ q) ** 4)),
                "This is the second derivative along a straight line; the sphere bends, and that adds a term.",
            ),
            "sign": Mistake(
                lambda A, q, i, j: -_pair(A, q, i, j),
                "The sign is wrong: a way down has negative curvature of the objective.",
            ),
        },
    ),
    Exercise(
        label="ex-weak-atom",
        answer="weakest_norm",
        points=5,
        draw=_weak_given,
        call=("psi",),
        truth=_weakest,
        mistakes={
            "fourth power": Mistake(
                lambda psi: _weakest(psi) ** 4,
                "With which power does the norm of an atom enter the objective? You have not undone it.",
            ),
            "squared": Mistake(
                lambda psi: _weakest(psi) ** 2,
                "This is the square of the norm.",
            ),
            "the sufficient condition": Mistake(
                _silent,
                "This is where the theorem falls silent. It is sufficient only; ask the landscape itself.",
            ),
            "curvature at the atom": Mistake(
                lambda psi: float((3 * np.cos(psi) ** 2 - 4 * np.cos(psi) ** 4) ** 0.25),
                "This is where the curvature at the atom vanishes. But is the atom a critical point, and where is the "
                "minimiser when it disappears?",
            ),
            "the other atom": Mistake(
                lambda psi: 1 / _weakest(psi),
                "A norm above one: you have scaled the wrong one of the two atoms to length one.",
            ),
        },
    ),
)
