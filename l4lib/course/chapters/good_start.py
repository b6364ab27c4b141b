"""Exercises of the chapter *A start that is good enough*."""

from __future__ import annotations

import numpy as np
from scipy.special import roots_jacobi

from l4lib.course.exercise import Exercise, Given, Mistake
from l4lib.data import random_unit
from l4lib.landscape import start_bounds


def _sample_given(rng: np.random.Generator) -> Given:
    n = int(rng.integers(4, 9))
    m = n + int(rng.integers(0, 6))
    x = np.zeros(m)
    x[rng.choice(m, 3, replace=False)] = rng.uniform(0.5, 2, 3) * rng.choice([-1.0, 1.0], 3)
    return {"A": random_unit(n, m, rng=rng) * rng.uniform(0.5, 1.5), "x": x}


def _slack(A: np.ndarray, x: np.ndarray) -> float:
    bounds = start_bounds(A, x[:, None])
    return float(bounds.value[0] / bounds.hoelder[0])


def _filters_given(rng: np.random.Generator) -> Given:
    n = int(rng.integers(8, 40))
    p = rng.uniform(0.5, 2, n // 2 + 1)
    return {"p": p, "r": rng.uniform(0.5, 2) * p * np.exp(0.4 * rng.standard_normal(p.size)), "y": rng.normal(size=n)}


def _energies(p: np.ndarray, r: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Mean and mean square of the quotients of the eigenvalues, weighted by the energy of the first start."""
    size = y.size
    full = np.abs(np.arange(size) - size * (2 * np.arange(size) > size))
    weight = np.abs(p[full] * np.fft.fft(y)) ** 2
    quotient = (r / p)[full]
    return float(np.average(quotient, weights=weight)), float(np.average(quotient**2, weights=weight))


def _sine(p: np.ndarray, r: np.ndarray, y: np.ndarray) -> float:
    mean, square = _energies(p, r, y)
    return float(np.sqrt((square - mean**2) / square))


def _range(b: np.ndarray) -> float:
    return float((b.max() - b.min()) / (b.max() + b.min()))


def _noise_given(rng: np.random.Generator) -> Given:
    n = int(rng.integers(20, 61))
    return {"n": n, "s": int(rng.integers(2, 7)), "sigma": float(rng.uniform(0.1, 0.5))}


def _two_blocks(n: int, s: int, on: float, off: float) -> float:
    """Directions within support and complement are uniform; the share of the energy comes from a Beta variable."""
    nodes, weights = roots_jacobi(150, (n - s) / 2 - 1, s / 2 - 1)
    beta = (1 + nodes) / 2
    share = on * beta / (on * beta + off * (1 - beta))
    height = 3 * share**2 / (s + 2) + 3 * (1 - share) ** 2 / (n - s + 2)
    return float(np.average(height, weights=weights))


def _quotient(n: int, s: int, sigma: float) -> float:
    v = np.append(np.full(s, 1 + sigma**2), np.full(n - s, sigma**2))
    return float(3 * np.sum(v**2) / (np.sum(v) ** 2 + 2 * np.sum(v**2)))


EXERCISES = (
    Exercise(
        label="ex-start-slack",
        answer="slack",
        points=3,
        draw=_sample_given,
        call=("A", "x"),
        truth=_slack,
        look_at=("start_bounds",),
        mistakes={
            "not normalised": Mistake(
                lambda A, x: _slack(A, x) * float(np.sum((A @ x) ** 2)) ** 2,
                "Your ratio grows when the sample is doubled: the start is a unit vector.",
            ),
            "a norm, not its power": Mistake(
                lambda A, x: _slack(A, x) / np.sum(np.abs(x) ** (4 / 3)) ** (9 / 4),
                "Your bound is not homogeneous: which power of the norm stands in the chapter?",
            ),
            "the energy": Mistake(
                lambda A, x: _slack(A, x) * float(np.sum((A @ x) ** 2) / np.sum(x**2)) ** 2,
                "You have compared with H alone. Something may cancel, or be amplified, in the synthesis.",
            ),
            "the dual norm": Mistake(
                lambda A, x: _slack(A, x) / np.sum(np.abs(x) ** (4 / 3)) ** 3 * float(np.sum(x**4)),
                "You have used the 4-norm of the coefficients; Hölder's inequality pairs it with another one.",
            ),
        },
    ),
    Exercise(
        label="ex-filter-angle",
        answer="angle_share",
        points=4,
        draw=_filters_given,
        call=("p", "r", "y"),
        truth=lambda p, r, y: _sine(p, r, y) / _range(r / p),
        mistakes={
            "the angle": Mistake(
                lambda p, r, y: np.arcsin(_sine(p, r, y)) / _range(r / p),
                "A little too large: which function of the angle is bounded?",
            ),
            "the chord": Mistake(
                lambda p, r, y: 2 * np.sin(np.arcsin(_sine(p, r, y)) / 2) / _range(r / p),
                "This is the distance of the two starts in space, and the bound is for an angle.",
            ),
            "one filter": Mistake(
                lambda p, r, y: _sine(p, r, y) / _range(r),
                "You have taken the range of one filter. Scale both filters in the same way: what should happen?",
            ),
            "half the bound": Mistake(
                lambda p, r, y: _sine(p, r, y) / (np.ptp(r / p)),
                "Your bound changes when one of the filters is doubled, but the starts do not.",
            ),
        },
    ),
    Exercise(
        label="ex-noisy-height",
        answer="noisy_height",
        points=4,
        draw=_noise_given,
        call=("n", "s", "sigma"),
        truth=lambda n, s, sigma: _two_blocks(n, s, 1 + sigma**2, sigma**2),
        mistakes={
            "a quotient of means": Mistake(
                _quotient,
                "You have divided one mean by another. Numerator and denominator are not independent here.",
            ),
            "deviation": Mistake(
                lambda n, s, sigma: _two_blocks(n, s, 1 + sigma, sigma),
                "The noise is too strong: which power of its standard deviation is its variance?",
            ),
            "noise beside the signal": Mistake(
                lambda n, s, sigma: _two_blocks(n, s, 1, sigma**2),
                "Your noise spares the support of the signal. It does not know where that is.",
            ),
            "a third": Mistake(
                lambda n, s, sigma: _two_blocks(n, s, 1 + sigma**2, sigma**2) / 3,
                "For one nonzero and no noise the height is one. What is the fourth moment of a Gaussian entry?",
            ),
        },
    ),
)
