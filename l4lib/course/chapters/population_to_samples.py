"""Exercises of the chapter *From population to samples*."""

from __future__ import annotations

from itertools import product

import numpy as np

from l4lib.course.exercise import Exercise, Given, Mistake
from l4lib.data import random_unit
from l4lib.quartic import sphere


def _noise_given(rng: np.random.Generator) -> Given:
    n = int(rng.integers(2, 5))
    return {
        "A": random_unit(n, n + int(rng.integers(1, 4)), rng=rng),
        "theta": float(rng.uniform(0.1, 0.4)),
        "p": int(rng.integers(20, 200)),
        "q": sphere.random_points(n, rng=rng),
    }


def _support_moments(A: np.ndarray, theta: float, q: np.ndarray) -> tuple[float, float]:
    """E s² and E s⁴ of the variance of the inner product, over all supports."""
    supports = np.array(list(product((0, 1), repeat=A.shape[1])))
    chance = np.prod(np.where(supports, theta, 1 - theta), axis=1)
    s = supports @ (A.T @ q) ** 2
    return float(chance @ s**2), float(chance @ s**4)


def _noise(A: np.ndarray, theta: float, p: int, q: np.ndarray, eighth: float = 105, fourth: float = 3) -> float:
    second, quartic = _support_moments(A, theta, q)
    return float(np.sqrt(eighth * quartic - fourth**2 * second**2) / (12 * theta * (1 - theta) * np.sqrt(p)))


def _gaussian_noise(A: np.ndarray, theta: float, p: int, q: np.ndarray) -> float:
    return float(np.sqrt(96 / p) * (theta * np.sum((A.T @ q) ** 2)) ** 2 / (12 * theta * (1 - theta)))


def _outlier_given(rng: np.random.Generator) -> Given:
    return {"p": int(10 ** rng.uniform(3, 7)), "theta": float(rng.uniform(0.05, 0.45))}


def _length(p: int, theta: float, beta: float) -> float:
    """The length at which c R⁴/p is β."""
    return float((12 * theta * (1 - theta) * p * beta) ** 0.25)


EXERCISES = (
    Exercise(
        label="ex-direction-noise",
        answer="direction_noise",
        points=4,
        draw=_noise_given,
        call=("A", "theta", "p", "q"),
        truth=_noise,
        mistakes={
            "not centred": Mistake(
                lambda A, theta, p, q: _noise(A, theta, p, q, fourth=0),
                "This is the root of a second moment; a standard deviation is measured from the mean.",
            ),
            "given the support": Mistake(
                lambda A, theta, p, q: _noise(A, theta, p, q, eighth=96, fourth=0),
                "You have averaged the variance given the support; the supports themselves vary too.",
            ),
            "Gaussian": Mistake(
                _gaussian_noise,
                "You treat the inner product as Gaussian; it is so only given the support, and its tails are heavier.",
            ),
            "one sample": Mistake(
                lambda A, theta, p, q: _noise(A, theta, 1, q),
                "This is the noise of a single sample. What does averaging do?",
            ),
            "variance": Mistake(
                lambda A, theta, p, q: _noise(A, theta, p, q) ** 2,
                "You return the variance; its root is asked for.",
            ),
        },
    ),
    Exercise(
        label="ex-one-bad-sample",
        answer="outlier_length",
        points=3,
        draw=_outlier_given,
        call=("p", "theta"),
        truth=lambda p, theta: _length(p, theta, 0.25),
        mistakes={
            "square root": Mistake(
                lambda p, theta: _length(p, theta, 0.25) ** 2,
                "The outlier enters with the fourth power of its length; you solve for its square.",
            ),
            "curvature at the atom": Mistake(
                lambda p, theta: _length(p, theta, 0.5),
                "At your length the curvature at the atoms vanishes, but the minimisers left the atoms long before.",
            ),
            "theorem": Mistake(
                lambda p, theta: _length(p, theta, 1 / 16),
                "Too short. Either this is where a theorem falls silent, which is not where the minimisers merge, or "
                "your outlier is R (1, 1), whose length is not R.",
            ),
            "constant": Mistake(
                lambda p, theta: float((p / 4) ** 0.25),
                "The factor in front of the samples' sum depends on the sparsity; where is it in your formula?",
            ),
        },
    ),
)
