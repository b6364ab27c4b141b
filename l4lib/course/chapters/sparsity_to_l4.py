"""Exercises of the chapter *From sparsity to ℓ⁴*."""

from __future__ import annotations

from itertools import product

import numpy as np

from l4lib.course.exercise import Exercise, Given, Mistake
from l4lib.data import make_odl, random_unit, random_untf
from l4lib.quartic import sphere


def _norms_given(rng: np.random.Generator) -> Given:
    n = int(rng.integers(3, 7))
    m = n + int(rng.integers(1, 5))
    Y = make_odl(random_untf(n, m, rng=rng), 500, float(rng.uniform(0.1, 0.4)), rng=rng).Y
    return {"Y": rng.uniform(0.5, 2) * Y, "m": m}


def _ratio(Y: np.ndarray) -> float:
    """The fourth moment of the norm over the squared second one, entry by entry of the table of E y_i^2 y_j^2."""
    square = Y * Y
    return float(Y.shape[1] * np.sum(square @ square.T) / np.sum(square) ** 2)


def _level(excess: float, m: float) -> float:
    return 3 / (3 + m * excess)


def _plan_given(rng: np.random.Generator) -> Given:
    n, m = 4, int(rng.integers(5, 9))
    zeta = random_unit(n, m, rng=rng).T @ sphere.random_points(n, rng=rng)
    return {"zeta": zeta, "theta": float(rng.uniform(0.05, 0.6)), "error": float(rng.uniform(0.005, 0.02))}


def _supports(zeta: np.ndarray, theta: float, power: int) -> float:
    """The moment of the conditional variance, by going through all supports."""
    moment = 0.0
    for active in product((0, 1), repeat=len(zeta)):
        weight = theta ** sum(active) * (1 - theta) ** (len(zeta) - sum(active))
        moment += weight * float(np.dot(active, zeta * zeta)) ** power
    return moment


def _plan(zeta: np.ndarray, theta: float, error: float, *, less: float = 9, constant: bool = True) -> float:
    """Samples for the error, not rounded."""
    variance = 105 * _supports(zeta, theta, 4) - less * _supports(zeta, theta, 2) ** 2
    return variance / error**2 / ((12 * theta * (1 - theta)) ** 2 if constant else 1)


def _pairs_given(rng: np.random.Generator) -> Given:
    n = int(rng.integers(3, 6))
    A = random_unit(n, 2 * int(rng.integers(2, 5)), rng=rng) * rng.uniform(0.5, 1.5)
    return {"A": A, "theta": float(rng.uniform(0.1, 0.6)), "q": sphere.random_points(n, rng=rng)}


def _pairs(A: np.ndarray, theta: float, q: np.ndarray) -> float:
    """By going through the activations of the pairs."""
    variance = np.add.reduceat((A.T @ q) ** 2, range(0, A.shape[1], 2))
    return 3 * _supports(np.sqrt(variance), theta, 2)


EXERCISES = (
    Exercise(
        label="ex-sparsity-level",
        answer="sparsity",
        points=4,
        draw=_norms_given,
        call=("Y", "m"),
        truth=lambda Y, m: _level(_ratio(Y) - 1 - 2 / Y.shape[0], m),
        mistakes={
            "Gaussian norms": Mistake(
                lambda Y, m: _level(_ratio(Y) - 1, m),
                "For Gaussian data your formula does not return one: in n dimensions their norms fluctuate as well.",
            ),
            "n for m": Mistake(
                lambda Y, m: _level(_ratio(Y) - 1 - 2 / Y.shape[0], Y.shape[0]),
                "Right for a complete dictionary only. How many atoms contribute to the excess of a sample?",
            ),
            "three lost": Mistake(
                lambda Y, m: _level(3 * (_ratio(Y) - 1 - 2 / Y.shape[0]), m),
                "The excess comes with the fourth moment of a Gaussian amplitude; you have taken one for it.",
            ),
            "upside down": Mistake(
                lambda Y, m: 1 / _level(_ratio(Y) - 1 - 2 / Y.shape[0], m),
                "A probability cannot be larger than one; the sparser the data, the larger the fluctuations.",
            ),
        },
    ),
    Exercise(
        label="ex-samples-needed",
        answer="samples_needed",
        points=3,
        draw=_plan_given,
        call=("zeta", "theta", "error"),
        truth=lambda zeta, theta, error: int(np.ceil(_plan(zeta, theta, error))),
        tolerance=1e-9,
        look_at=("standard_error",),
        mistakes={
            "the mean not subtracted": Mistake(
                lambda zeta, theta, error: int(np.ceil(_plan(zeta, theta, error, less=0))),
                "This is a second moment, a little too large; a variance has something subtracted.",
            ),
            "three not squared": Mistake(
                lambda zeta, theta, error: int(np.ceil(_plan(zeta, theta, error, less=3))),
                "What is subtracted is the square of a mean, and the mean has a factor of its own.",
            ),
            "error not squared": Mistake(
                lambda zeta, theta, error: int(np.ceil(error * _plan(zeta, theta, error))),
                "To halve the error takes four times as many samples; with your formula twice as many would do.",
            ),
            "the constant": Mistake(
                lambda zeta, theta, error: int(np.ceil(_plan(zeta, theta, error, constant=False))),
                "This is the plan for the mean of the fourth powers themselves; the objective scales them.",
            ),
        },
    ),
    Exercise(
        label="ex-paired-moment",
        answer="paired_moment",
        points=3,
        draw=_pairs_given,
        call=("A", "theta", "q"),
        truth=_pairs,
        mistakes={
            "independent": Mistake(
                lambda A, theta, q: 3 * _supports(A.T @ q, theta, 2),
                "This is the moment for independent activations. When one atom of a pair is active, so is the other.",
            ),
            "one amplitude": Mistake(
                lambda A, theta, q: 3 * _supports((A.T @ q).reshape(-1, 2).sum(axis=1), theta, 2),
                "You have given a pair a common amplitude as well; only the activation is shared.",
            ),
            "the Gaussian part": Mistake(
                lambda A, theta, q: _pairs(A, theta, q) - 3 * theta**2 * float(np.sum((A.T @ q) ** 2)) ** 2,
                "At theta = 1 the data are Gaussian, and your fourth moment would be zero.",
            ),
            "three lost": Mistake(
                lambda A, theta, q: _pairs(A, theta, q) / 3,
                "This is the second moment of the conditional variance. What is the fourth moment of a Gaussian?",
            ),
        },
    ),
)
