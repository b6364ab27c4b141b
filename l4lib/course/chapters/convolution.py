"""Exercises of the chapter *Convolution is a dictionary*."""

from __future__ import annotations

import numpy as np

from l4lib.course.exercise import Exercise, Given, Mistake
from l4lib.quartic import CirculantMap


def _kernels_given(rng: np.random.Generator) -> Given:
    n, K = int(rng.integers(9, 20)), int(rng.integers(2, 4))
    return {"kernels": rng.standard_normal((n, K)) * np.exp(-np.arange(n) / rng.uniform(2, 5))[:, None]}


def _columns(kernels: np.ndarray, power: float = -0.5, scale: bool = True) -> np.ndarray:
    """The dictionary after the population preconditioner, by dense linear algebra."""
    A0 = CirculantMap(kernels).dense()
    values, vectors = np.linalg.eigh(A0 @ A0.T / (kernels.shape[1] if scale else 1))
    return (vectors * values**power) @ vectors.T @ A0


def _largest(A: np.ndarray, banned: np.ndarray | None = None) -> float:
    """The largest product of two columns, those that are banned left out."""
    products = np.abs(A.T @ A)
    banned = np.eye(A.shape[1], dtype=bool) if banned is None else banned
    return float(np.max(products, where=~banned, initial=0.0))


def _window_given(rng: np.random.Generator) -> Given:
    length, K = int(rng.integers(4, 9)), int(rng.integers(1, 4))
    return {
        "kernels": rng.standard_normal((length, K)),
        "n": length + int(rng.integers(2, 12)),
        "theta": float(rng.uniform(0.05, 0.5)),
    }


def _window(kernels: np.ndarray, n: int, theta: float) -> np.ndarray:
    """Each unit coefficient's share of the window, Fourier transformed; their powers add."""
    length = len(kernels)
    shares = np.zeros((n + 2 * length, n + length - 1, kernels.shape[1]))
    for start in range(n + length - 1):
        shares[start : start + length, start] = kernels
    inside = shares[length - 1 : length - 1 + n]
    return np.sum(np.abs(np.fft.fft(inside, axis=0)) ** 2, axis=(1, 2)) * theta / n


def _circular(kernels: np.ndarray, n: int, theta: float) -> np.ndarray:
    return theta * np.sum(np.abs(np.fft.fft(kernels, n, axis=0)) ** 2, axis=1)


def _whole_events(kernels: np.ndarray, n: int, theta: float) -> np.ndarray:
    return _circular(kernels, n, theta) * (n - len(kernels) + 1) / n


EXERCISES = (
    Exercise(
        label="ex-cdl-coherence",
        answer="largest_product",
        points=4,
        draw=_kernels_given,
        call=("kernels",),
        truth=lambda kernels: _largest(_columns(kernels)),
        mistakes={
            "itself": Mistake(
                lambda kernels: _largest(_columns(kernels), np.zeros((kernels.size, kernels.size), dtype=bool)),
                "A column's product with itself is its squared norm and does not count.",
            ),
            "filter twice": Mistake(
                lambda kernels: _largest(_columns(kernels, power=-1.0)),
                "Too much filter: each column is filtered once, and the eigenvalues of P are inverse square roots.",
            ),
            "no filter": Mistake(
                lambda kernels: _largest(_columns(kernels, power=0.0)),
                "These are the products in the raw dictionary; where does the preconditioner enter?",
            ),
            "no K": Mistake(
                lambda kernels: _largest(_columns(kernels, scale=False)),
                "Your frame satisfies A Aᵀ = I; the book's has another constant.",
            ),
            "normalised": Mistake(
                lambda kernels: _largest(_columns(kernels) / np.linalg.norm(_columns(kernels), axis=0)),
                "You have normalised the columns. Here their norms are part of the answer.",
            ),
        },
    ),
    Exercise(
        label="ex-window-power",
        answer="window_power",
        points=4,
        draw=_window_given,
        call=("kernels", "n", "theta"),
        truth=_window,
        mistakes={
            "circular": Mistake(
                _circular,
                "This is the power of a circular signal. Which products of two instants does a window not see?",
            ),
            "whole events": Mistake(
                _whole_events,
                "You count only events that lie inside; those that are cut at the ends leave power as well.",
            ),
            "sum": Mistake(
                lambda kernels, n, theta: n * _window(kernels, n, theta),
                "Right up to a factor: the exercise divides the power by the number of instants.",
            ),
            "density": Mistake(
                lambda kernels, n, theta: _window(kernels, n, 1.0),
                "You let an event happen at every instant.",
            ),
        },
    ),
)
