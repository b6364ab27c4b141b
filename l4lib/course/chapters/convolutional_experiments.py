"""Exercises of the chapter *Convolutional experiments*."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from l4lib.course.exercise import Exercise, Given, Mistake

_Z = 1.959963985
_NODES, _WEIGHTS = (x / 2 for x in np.polynomial.legendre.leggauss(100))


def _height_given(rng: np.random.Generator) -> Given:
    return {"n": int(rng.integers(8, 40)), "theta": float(rng.uniform(0.03, 0.3))}


def _sum_of(n: int, theta: float, shift: int) -> float:
    """E[1/(s + shift); s >= 1] for binomial s, as an integral over powers of the generating function."""
    t = _NODES + 0.5
    generating = (1 - theta + theta * t) ** n - (1 - theta) ** n
    return float(np.sum(_WEIGHTS * t ** (shift - 1) * generating))


def _some(n: int, theta: float) -> float:
    """The probability of at least one event."""
    return -math.expm1(n * math.log1p(-theta))


def _runs(k: int, limit: float, z: float = _Z) -> int:
    """The larger root of (k − N·limit)² = z²·N·limit·(1 − limit), rounded up."""
    middle = k + z * z * (1 - limit) / 2
    return math.ceil((middle + math.sqrt(middle**2 - k * k)) / limit)


def _first(good: int, below: Callable[[int], bool]) -> int:
    """The least number from ``good`` on at which a monotone condition holds, one by one."""
    while not below(good):
        good += 1
    return good


def _runs_given(rng: np.random.Generator) -> Given:
    return {"k": int(rng.integers(1, 9)), "limit": float(rng.choice([0.02, 0.03, 0.05, 0.08]))}


def _falling(value: Callable[[float], float], level: float) -> float:
    """Where a falling function of theta meets a level, by halving."""
    low, high = 1e-4, 1.0 - 1e-13
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if value(middle) > level else (low, middle)
    return low


def _crossing(n: int, level: float, *, given: bool = True) -> float:
    return _falling(lambda theta: _sum_of(n, theta, 0) / (_some(n, theta) if given else 1.0), level)


EXERCISES = (
    Exercise(
        label="ex-start-height",
        answer="start_height",
        points=3,
        draw=_height_given,
        call=("n", "theta"),
        truth=lambda n, theta: 3 * _sum_of(n, theta, 2) / _some(n, theta),
        mistakes={
            "mean inserted": Mistake(
                lambda n, theta: 3 / (n * theta + 2),
                "You have put the mean number of events into the formula. Is the mean of a convex function its value "
                "at the mean?",
            ),
            "conditional mean inserted": Mistake(
                lambda n, theta: 3 / (n * theta / _some(n, theta) + 2),
                "This is the lower bound of the exercise before, by Jensen's inequality; the mean itself is larger.",
            ),
            "not conditional": Mistake(
                lambda n, theta: 3 * _sum_of(n, theta, 2),
                "The probabilities of at least one event do not sum to one.",
            ),
            "empty samples": Mistake(
                lambda n, theta: 3 * _sum_of(n, theta, 2) + 1.5 * (1 - theta) ** n,
                "You have counted empty samples, as if they had a height of 3/2.",
            ),
            "of signs": Mistake(
                lambda n, theta: _sum_of(n, theta, 0) / _some(n, theta),
                "With one over the number of events you have given them equal amplitudes; here these are Gaussian.",
            ),
        },
    ),
    Exercise(
        label="ex-runs-needed",
        answer="runs_needed",
        points=3,
        draw=_runs_given,
        call=("k", "limit"),
        truth=_runs,
        tolerance=1e-9,
        mistakes={
            "the rate itself": Mistake(
                lambda k, limit: math.ceil(k / limit - 1e-9),
                "With this number the measured share is at the limit; the upper end of its interval is above.",
            ),
            "one-sided": Mistake(
                lambda k, limit: _runs(k, limit, 1.6448536),
                "Your z belongs to an interval of 90 %.",
            ),
            "symmetric interval": Mistake(
                lambda k, limit: _first(k, lambda N: k / N + _Z * math.sqrt(k / N * (1 - k / N) / N) <= limit),
                "You have used the symmetric interval, estimate plus z standard errors, which is too short for rare "
                "events.",
            ),
            "one less": Mistake(
                lambda k, limit: _runs(k, limit) - 1,
                "One run too few: with your number the upper end is still above the limit.",
            ),
        },
    ),
    Exercise(
        label="ex-dense-sign-start",
        answer="crossing",
        points=4,
        draw=lambda rng: {"n": int(rng.integers(6, 21))},
        call=("n",),
        truth=lambda n: _crossing(n, 3 / (n + 2)),
        mistakes={
            "a third": Mistake(
                lambda n: 1 / 3,
                "Right for very long windows only. How many events has a window, and is the mean of 1/s one over the "
                "mean?",
            ),
            "mean inserted": Mistake(
                lambda n: (n + 2) / (3 * n),
                "You have replaced the number of events by its mean; the mean of 1/s is larger.",
            ),
            "a random point": Mistake(
                lambda n: _crossing(n, 3 / n),
                "The mean of the fourth power of a coordinate on the sphere is not quite three over the square of "
                "the dimension.",
            ),
            "not conditional": Mistake(
                lambda n: _falling(lambda theta: _sum_of(n, max(theta, 1 / n), 0), 3 / (n + 2)),
                "The probabilities of one or more events sum to less than one.",
            ),
        },
    ),
)
