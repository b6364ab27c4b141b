"""Exercises of the chapter *From data to a dictionary*."""

from __future__ import annotations

from itertools import product

import numpy as np

from l4lib.course.exercise import Exercise, Given, Mistake
from l4lib.data import random_unit, random_untf
from l4lib.quartic import sphere, svec


def _frame_given(rng: np.random.Generator) -> Given:
    n = int(rng.integers(4, 8))
    m = n + int(rng.integers(0, 4))
    return {"A": random_unit(n, m, rng=rng) * rng.uniform(0.5, 2, m)}


def _unit(A: np.ndarray) -> np.ndarray:
    return A / np.linalg.norm(A, axis=0)


def _distances(V: np.ndarray) -> np.ndarray:
    """The squared distance of each column to the span of the others, by least squares, one after the other."""
    left = []
    for k in range(V.shape[1]):
        rest = np.delete(V, k, axis=1)
        left.append(np.sum((V[:, k] - rest @ np.linalg.lstsq(rest, V[:, k], rcond=None)[0]) ** 2))
    return np.array(left)


def _moments_given(rng: np.random.Generator) -> Given:
    n = int(rng.integers(4, 7))
    m = n + int(rng.integers(1, 4))
    A = random_unit(n, m, rng=rng)
    kappa = rng.uniform(0.5, 1.5, m)
    kappa *= rng.uniform(0.3, 0.7) / kappa.sum()
    c = (1 - kappa.sum()) / (n * (n + 2))
    return {"A": A, "moments": (A.T @ A) ** 4 @ kappa + 3 * c}


def _solved(A: np.ndarray, moments: np.ndarray, three: float, last: float, power: int = 4) -> np.ndarray:
    """Eliminate kappa = F⁻¹(moments − three·c) first, then c from the sum."""
    F = (A.T @ A) ** power
    x, y = np.linalg.solve(F, moments), np.linalg.solve(F, np.full(len(F), three))
    c = (1 - x.sum()) / (last - y.sum())
    return x - c * y


def _dimension(A: np.ndarray) -> int:
    return int(A.shape[0])


def _groups_given(rng: np.random.Generator) -> Given:
    n = int(rng.integers(3, 6))
    m = n + int(rng.integers(1, 4))
    groups = rng.permutation(np.append(np.arange(m - 2), [0, 1]))
    return {
        "A": random_untf(n, m, rng=rng),
        "groups": groups,
        "theta": float(rng.uniform(0.05, 0.4)),
        "q": sphere.random_points(n, rng=rng),
    }


def _by_patterns(A: np.ndarray, groups: np.ndarray, theta: float, q: np.ndarray) -> float:
    """Moments as sums over all patterns of switches, given which the projection is Gaussian."""
    energy = np.array([np.sum((A[:, groups == g].T @ q) ** 2) for g in range(groups.max() + 1)])
    second = fourth = 0.0
    for pattern in product((0, 1), repeat=len(energy)):
        chance = np.prod(np.where(pattern, theta, 1 - theta))
        variance = energy @ pattern
        second += chance * variance
        fourth += chance * 3 * variance**2
    return float(fourth - 3 * second**2)


def _sums(A: np.ndarray, groups: np.ndarray, q: np.ndarray, power: int) -> np.ndarray:
    zeta = A.T @ q
    return np.array([np.sum(zeta[groups == g] ** power) for g in range(groups.max() + 1)])


EXERCISES = (
    Exercise(
        label="ex-visibility",
        answer="visibility",
        points=3,
        draw=_frame_given,
        call=("A",),
        truth=lambda A: _distances(svec(_unit(A))),
        tolerance=1e-5,
        mistakes={
            "not reciprocal": Mistake(
                lambda A: 1 / _distances(svec(_unit(A))),
                "Your numbers exceed one; a distance to a subspace is at most the length of the vector.",
            ),
            "explained part": Mistake(
                lambda A: 1 - _distances(svec(_unit(A))),
                "This is the part that the other atoms explain; the question is what is left.",
            ),
            "distance": Mistake(
                lambda A: np.sqrt(_distances(svec(_unit(A)))),
                "The square of the distance was asked for.",
            ),
            "length": Mistake(
                lambda A: _distances(svec(A)),
                "The columns need not have length one; normalise first.",
            ),
            "pairs": Mistake(
                lambda A: _distances(_unit(A)[np.triu_indices(len(A))[0]] * _unit(A)[np.triu_indices(len(A))[1]]),
                "On index pairs an entry off the diagonal stands for two; distances of matrices count it twice.",
            ),
        },
    ),
    Exercise(
        label="ex-fit-cumulants",
        answer="fit_cumulants",
        points=4,
        draw=_moments_given,
        call=("A", "moments"),
        truth=lambda A, moments: _solved(A, moments, 3.0, _dimension(A) * (_dimension(A) + 2)),
        tolerance=1e-5,
        mistakes={
            "no isotropic part": Mistake(
                lambda A, moments: np.linalg.lstsq((A.T @ A) ** 4, moments, rcond=None)[0],
                "You have left out c: then the isotropic part is counted as cumulants.",
            ),
            "the excess": Mistake(
                lambda A, moments: moments - 3 / (_dimension(A) * (_dimension(A) + 2)),
                "This is an excess over Gaussian samples; what do the other atoms add at each atom?",
            ),
            "squares": Mistake(
                lambda A, moments: _solved(A, moments, 3.0, _dimension(A) * (_dimension(A) + 2), 2),
                "Fourth moments are sums of fourth powers of inner products; yours are squares.",
            ),
            "three lost": Mistake(
                lambda A, moments: _solved(A, moments, 1.0, _dimension(A) * (_dimension(A) + 2)),
                "A factor is missing in front of c in the moments: what is the fourth moment of a Gaussian variable?",
            ),
            "n squared": Mistake(
                lambda A, moments: _solved(A, moments, 3.0, _dimension(A) ** 2),
                "The condition on the sum is not right: sum the model over what gives the fourth power of the length.",
            ),
        },
    ),
    Exercise(
        label="ex-common-switch",
        answer="cumulant",
        points=4,
        draw=_groups_given,
        call=("A", "groups", "theta", "q"),
        truth=_by_patterns,
        mistakes={
            "independent": Mistake(
                lambda A, groups, theta, q: float(3 * theta * (1 - theta) * np.sum((A.T @ q) ** 4)),
                "This is the formula for independent coefficients; two atoms of a group are on at the same time.",
            ),
            "same amplitude": Mistake(
                lambda A, groups, theta, q: float(3 * theta * (1 - theta) * np.sum(_sums(A, groups, q, 1) ** 4)),
                "You have given all atoms of a group the same amplitude. Only the switch is shared.",
            ),
            "moment": Mistake(
                lambda A, groups, theta, q: float(3 * theta * np.sum(_sums(A, groups, q, 2) ** 2)),
                "What a single group contributes to the fourth moment is not yet its cumulant.",
            ),
            "three lost": Mistake(
                lambda A, groups, theta, q: float(theta * (1 - theta) * np.sum(_sums(A, groups, q, 2) ** 2)),
                "A factor was lost: what is the fourth moment of a Gaussian variable?",
            ),
        },
    ),
)
