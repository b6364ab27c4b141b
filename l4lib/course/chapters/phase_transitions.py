"""Exercises of the chapter *Phase transitions*."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from scipy.integrate import quad
from scipy.stats import norm

from l4lib.course.exercise import Exercise, Given, Mistake
from l4lib.data import random_unit
from l4lib.quartic import phi_T


def _basins_given(rng: np.random.Generator) -> Given:
    m = int(rng.integers(4, 9))
    p = rng.uniform(0.2, 1, m)
    return {"p": p / p.sum() * rng.uniform(0.6, 0.9)}


def _starts(p: np.ndarray) -> float:
    """The expected maximum of exponential waiting times, by inclusion and exclusion."""
    subsets = (p[list(J)] for size in range(1, len(p) + 1) for J in combinations(range(len(p)), size))
    return float(sum((-1) ** (len(J) + 1) / J.sum() for J in subsets))


def _collector(m: int) -> float:
    return float(sum(m / k for k in range(1, m + 1)))


def _newton_given(rng: np.random.Generator) -> Given:
    """A dictionary and an atom at which the curvatures are far enough from zero and from one."""
    while True:
        n = int(rng.integers(10, 15))
        A = random_unit(n, n + int(rng.integers(2, 6)), rng=rng)
        i = int(rng.integers(A.shape[1]))
        _, g, H = _tangent_system(A, i)
        if 0.2 < np.linalg.eigvalsh(H)[0] < 0.8 and np.linalg.norm(g) > 1e-2:
            return {"A": A, "i": i}


def _tangent_system(A: np.ndarray, i: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A basis of the complement of the atom from the singular vectors, with gradient and Hessian of the library."""
    q, phi = A[:, i], phi_T(A)
    E = np.linalg.svd(q[None, :])[2][1:].T
    return E, E.T @ phi.gradient(q), np.array([[phi.hessp(q, u) @ v for u in E.T] for v in E.T])


def _newton(A: np.ndarray, i: int) -> float:
    _, g, H = _tangent_system(A, i)
    return float(np.sum(np.linalg.lstsq(H, -g, rcond=None)[0] ** 2) / 2)


def _bent(A: np.ndarray, i: int, alpha: float) -> float:
    """The Newton step with another coefficient of the identity in the Hessian."""
    _, g, H = _tangent_system(A, i)
    shift = alpha - np.sum((A.T @ A[:, i]) ** 4)
    return float(np.sum(np.linalg.solve(H + shift * np.eye(len(g)), g) ** 2) / 2)


def _whole_space(A: np.ndarray, i: int) -> float:
    q = A[:, i]
    zeta = A.T @ q
    hessian = np.sum(zeta**4) * np.eye(len(q)) - 3 * (A * zeta**2) @ A.T
    return float(np.sum(np.linalg.solve(hessian, A @ zeta**3) ** 2) / 2)


def _luck_given(rng: np.random.Generator) -> Given:
    return {"n": int(rng.integers(4, 10)), "m": int(rng.integers(5, 30)), "limit": float(rng.uniform(0.1, 0.3))}


def _cap(n: int, height: float) -> float:
    """The share of the sphere with first coordinate above the height, by integrating its density."""
    power = (n - 3) / 2
    above, half = (quad(lambda t: (1 - t * t) ** power, a, 1, epsabs=1e-13)[0] for a in (height, 0.0))
    return float(above / half / 2)


def _some(m: int, one: float) -> float:
    return float(1 - (1 - one) ** m)


EXERCISES = (
    Exercise(
        label="ex-small-basin",
        answer="coupon_ratio",
        points=4,
        draw=_basins_given,
        call=("p",),
        truth=lambda p: _starts(p) / _collector(len(p)),
        mistakes={
            "elsewhere forgotten": Mistake(
                lambda p: _starts(p / p.sum()) / _collector(len(p)),
                "You have made the probabilities sum to one. What happens to the starts that end at no atom?",
            ),
            "the rarest alone": Mistake(
                lambda p: 1 / p.min() / _collector(len(p)),
                "This is the mean time until the rarest atom is met; the others may take longer.",
            ),
            "one after the other": Mistake(
                lambda p: float(np.sum(1 / p)) / _collector(len(p)),
                "You wait for one atom, and only then for the next. What is met in the meantime counts as well.",
            ),
            "not a ratio": Mistake(
                _starts,
                "This is the number of starts itself; the question is how it compares with equal basins.",
            ),
            "m log m": Mistake(
                lambda p: _starts(p) / (len(p) * np.log(len(p))),
                "For a few atoms the logarithm is a poor harmonic number.",
            ),
        },
    ),
    Exercise(
        label="ex-newton-error",
        answer="newton_error",
        points=4,
        draw=_newton_given,
        call=("A", "i"),
        truth=_newton,
        look_at=("hessp", "gradient"),
        mistakes={
            "curvature one": Mistake(
                lambda A, i: float(np.sum(_tangent_system(A, i)[1] ** 2) / 2),
                "This is half the squared gradient, the heuristic's own assumption. What does the Hessian change?",
            ),
            "the whole space": Mistake(
                _whole_space,
                "Your step has a component along the atom. How many unknowns does the system have?",
            ),
            "a half lost": Mistake(
                lambda A, i: 2 * _newton(A, i),
                "The error one minus cosine of a small angle is not its square.",
            ),
            "alpha one": Mistake(
                lambda A, i: _bent(A, i, 1.0),
                "In your Hessian the atom alone makes up α; the other atoms contribute as well.",
            ),
            "Euclidean": Mistake(
                lambda A, i: _bent(A, i, 0.0),
                "Your Hessian is that of a straight line: it has no positive curvature at all.",
            ),
        },
    ),
    Exercise(
        label="ex-by-luck",
        answer="by_luck",
        points=3,
        draw=_luck_given,
        call=("n", "m", "limit"),
        truth=lambda n, m, limit: _some(m, 2 * _cap(n, 1 - limit)),
        mistakes={
            "one side": Mistake(
                lambda n, m, limit: _some(m, _cap(n, 1 - limit)),
                "An atom and its negative are the same line; a point near either succeeds.",
            ),
            "union bound": Mistake(
                lambda n, m, limit: m * 2 * _cap(n, 1 - limit),
                "You add the probabilities of events that may happen together. For many atoms that exceeds one.",
            ),
            "Gaussian": Mistake(
                lambda n, m, limit: _some(m, 2 * float(norm.sf(np.sqrt(n) * (1 - limit)))),
                "A coordinate of a point on the sphere is nearly Gaussian in the middle, but not in the tails.",
            ),
            "limit on the square": Mistake(
                lambda n, m, limit: _some(m, 2 * _cap(n, float(np.sqrt(1 - limit)))),
                "You compare the squared correlation with one minus the limit.",
            ),
            "one dimension off": Mistake(
                lambda n, m, limit: _some(m, 2 * _cap(n + 1, 1 - limit)),
                "Your distribution of the correlation belongs to another dimension; try n = 3, where a coordinate "
                "is uniform.",
            ),
        },
    ),
)
