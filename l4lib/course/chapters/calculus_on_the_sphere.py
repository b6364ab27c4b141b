"""Exercises of the chapter *Calculus on the sphere*."""

from __future__ import annotations

import numpy as np

from l4lib.course.exercise import Exercise, Given, Mistake
from l4lib.data import random_unit
from l4lib.quartic import phi_T, sphere


def _form_given(rng: np.random.Generator) -> Given:
    n = int(rng.integers(3, 7))
    A = random_unit(n, n + int(rng.integers(1, 5)), rng=rng)
    q = sphere.random_points(n, rng=rng)
    return {"A": A, "q": q, "d": rng.uniform(1.5, 3) * sphere.random_tangents(q, rng=rng)}


def _form(A: np.ndarray, q: np.ndarray, d: np.ndarray, three: float, length: float) -> float:
    zeta = A.T @ q
    return float(np.sum(zeta**4) * length - three * np.sum(zeta**2 * (A.T @ d) ** 2))


def _gap_given(rng: np.random.Generator) -> Given:
    n = int(rng.integers(3, 7))
    A = random_unit(n, n + int(rng.integers(1, 5)), rng=rng)
    q = sphere.random_points(n, rng=rng)
    while abs(_gap(A, q)) < 0.3:  # a gap of nearly zero has no relative error, and no sign
        q = sphere.random_points(n, rng=rng)
    return {"A": A, "q": q}


def _gap(A: np.ndarray, q: np.ndarray) -> float:
    return float(3 * (A.shape[1] / A.shape[0] - q @ (A @ A.T) @ q))


def _alpha(A: np.ndarray, q: np.ndarray) -> float:
    return float(np.sum((A.T @ q) ** 4))


def _copies_given(rng: np.random.Generator) -> Given:
    return {"n": 3 * int(rng.integers(1, 30)) + int(rng.integers(0, 2))}


def _copies(n: int) -> int:
    return 1 + max(k for k in range(n * n) if 3 * (k + n - 1) / (n * (n + 2)) - 1e-12 <= 1)


EXERCISES = (
    Exercise(
        label="ex-hessian-form",
        answer="hessian_form",
        points=3,
        draw=_form_given,
        call=("A", "q", "d"),
        truth=lambda A, q, d: float(phi_T(A).hessp(q, d) @ d),
        look_at=("hessp",),
        mistakes={
            "three lost": Mistake(
                lambda A, q, d: _form(A, q, d, 1, d @ d),
                "Your second term is a third of what it should be: which factor comes from differentiating the cube?",
            ),
            "unit length assumed": Mistake(
                lambda A, q, d: _form(A, q, d, 3, 1.0),
                "Right for unit vectors d only. A quadratic form quadruples when d doubles; does each of your terms?",
            ),
            "Euclidean": Mistake(
                lambda A, q, d: _form(A, q, d, 3, 0.0),
                "This is the second derivative along a straight line; a great circle bends. What does its "
                "acceleration add?",
            ),
            "sign": Mistake(
                lambda A, q, d: -_form(A, q, d, 3, d @ d),
                "The sign is wrong: the objective has a minus in front, and we minimise it.",
            ),
        },
    ),
    Exercise(
        label="ex-tightness-gap",
        answer="tightness_gap",
        points=4,
        draw=_gap_given,
        call=("A", "q"),
        truth=_gap,
        tolerance=1e-4,
        mistakes={
            "n directions": Mistake(
                lambda A, q: _gap(A, q) - 2 * _alpha(A, q),
                "You have summed over n directions, but the sphere has only n - 1 of them at q. Which one is too many?",
            ),
            "straight lines": Mistake(
                lambda A, q: _gap(A, q) - (A.shape[0] - 1) * _alpha(A, q),
                "Your second differences leave the sphere: q + t v is longer than one. Walk along the great "
                "circle instead.",
            ),
            "sign": Mistake(
                lambda A, q: -_gap(A, q),
                "Right up to the sign: which minus which does the exercise ask for?",
            ),
            "a quarter": Mistake(
                lambda A, q: (
                    (_gap(A, q) + (A.shape[0] + 2) * _alpha(A, q) - 3 * A.shape[1] / A.shape[0]) / 4
                    - (A.shape[0] + 2) * _alpha(A, q)
                    + 3 * A.shape[1] / A.shape[0]
                ),
                "Your trace is a quarter of what it should be. Was the second difference divided by the right "
                "power of the step?",
            ),
        },
    ),
    Exercise(
        label="ex-worse-than-average",
        answer="copies_needed",
        points=3,
        draw=_copies_given,
        call=("n",),
        truth=_copies,
        tolerance=1e-9,
        mistakes={
            "equality": Mistake(
                lambda n: _copies(n) - 1,
                "With your number the minimiser is exactly as good as the average, or your count of the atoms "
                "is one off.",
            ),
            "Gaussian mean": Mistake(
                lambda n: 1 + int(n * n / 3 - n + 1 + 1e-9),
                "You have averaged over Gaussian vectors of variance 1/n; a point of the sphere has a smaller "
                "fourth moment.",
            ),
            "a quarter on one side": Mistake(
                lambda n: max(1, 1 + int(np.floor(n * (n + 2) / 12 - n + 1 + 1e-9))),
                "You compare the objective on one side with the mean of α on the other: a factor of four is "
                "between them.",
            ),
        },
    ),
)
