"""Exercises of the chapter *Solvers*."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from l4lib.course.exercise import Exercise, Given, Mistake
from l4lib.data import random_untf
from l4lib.quartic import exp, phi_T, project, sphere, tangent


def _frame(rng: np.random.Generator) -> np.ndarray:
    n = int(rng.integers(4, 7))
    return random_untf(n, n + int(rng.integers(2, 5)), rng=rng)


def _step_given(rng: np.random.Generator) -> Given:
    A = _frame(rng)
    n, m = A.shape
    return {"A": A, "q": sphere.random_points(n, rng=rng), "tau": float(rng.uniform(0.3, 1) * n / m)}


def _pace(A: np.ndarray, q: np.ndarray, tau: float) -> float:
    phi = phi_T(A)
    g = tangent(q, phi.gradient(q))
    return float((phi.value(q) - phi.value(exp(q, -tau * g))) / (0.5 * tau * np.dot(g, g)))


def _straight(A: np.ndarray, q: np.ndarray, tau: float, g: np.ndarray) -> float:
    """The ratio for a step along a straight line, then back to the sphere."""
    phi = phi_T(A)
    return float((phi.value(q) - phi.value(project(q - tau * g))) / (0.5 * tau * np.dot(g, g)))


def _minimiser_given(rng: np.random.Generator) -> Given:
    """A frame, a minimiser with curvatures that are positive and not all equal, and a step near the best one."""
    while True:
        A = _frame(rng)
        q = sphere.random_points(len(A), rng=rng)
        for _ in range(300):
            q = project(A @ (A.T @ q) ** 3)
        curvature, height = phi_T(A).curvatures(q), np.sum((A.T @ q) ** 4)
        moved = np.linalg.norm(project(A @ (A.T @ q) ** 3) - q)
        if moved < 1e-13 and curvature[0] > 0.05 and np.ptp(curvature) > 0.1 and abs(height - 1) > 0.01:
            break
    side = 0.7 if rng.random() < 0.3 else rng.uniform(1.05, 1.3)
    return {"A": A, "q": q, "tau": float(2 * side / (curvature[0] + curvature[-1]))}


def _slope(q: np.ndarray, step: Callable[[np.ndarray], np.ndarray], h: float = 1e-5) -> np.ndarray:
    """Eigenvalues of the differential of a map of the sphere at its fixed point, by central differences."""
    E = np.linalg.svd(q[None])[2][1:]
    rows = [E @ (step(project(q + h * e)) - step(project(q - h * e))) / (2 * h) for e in E]
    table = np.array(rows)
    return np.linalg.eigvalsh((table + table.T) / 2)


def _power_slope(A: np.ndarray, q: np.ndarray) -> np.ndarray:
    return _slope(q, lambda x: project(A @ (A.T @ x) ** 3))


def _rates(A: np.ndarray, q: np.ndarray, tau: float) -> np.ndarray:
    phi = phi_T(A)
    descent = _slope(q, lambda x: exp(x, -tau * tangent(x, phi.gradient(x))))
    return np.array([_power_slope(A, q).max(), np.abs(descent).max()])


def _from(curvature: np.ndarray, alpha: float, tau: float) -> np.ndarray:
    return np.array([np.abs(1 - curvature / alpha).max(), np.abs(1 - tau * curvature).max()])


def _height(A: np.ndarray, q: np.ndarray) -> float:
    return float(np.sum((A.T @ q) ** 4))


def _ambient(A: np.ndarray, q: np.ndarray) -> np.ndarray:
    zeta = A.T @ q
    return np.linalg.eigvalsh(_height(A, q) * np.eye(len(q)) - 3 * (A * zeta**2) @ A.T)


def _shift(A: np.ndarray, q: np.ndarray) -> float:
    """The middle of the factors without a shift, from differences, times the height."""
    slope = _power_slope(A, q)
    return float(-_height(A, q) * (slope.min() + slope.max()) / 2)


EXERCISES = (
    Exercise(
        label="ex-descent-pace",
        answer="pace",
        points=3,
        draw=_step_given,
        call=("A", "q", "tau"),
        truth=_pace,
        look_at=("phi_T", "exp", "tangent"),
        mistakes={
            "not projected": Mistake(
                lambda A, q, tau: _straight(A, q, tau, -A @ (A.T @ q) ** 3),
                "Your gradient has a part along q, which no step on the sphere can use, but which makes it longer.",
            ),
            "straight": Mistake(
                lambda A, q, tau: _straight(A, q, tau, tangent(q, phi_T(A).gradient(q))),
                "You walk along a straight line and come back to the sphere; the great circle leads a little further.",
            ),
            "without the half": Mistake(
                lambda A, q, tau: _pace(A, q, tau) / 2,
                "To first order the decrease is twice what the theorem promises; yours is once.",
            ),
            "uphill": Mistake(
                lambda A, q, tau: -_pace(A, q, -tau),
                "Your value goes up: which way does the gradient point?",
            ),
        },
    ),
    Exercise(
        label="ex-two-rates",
        answer="local_rates",
        points=4,
        draw=_minimiser_given,
        call=("A", "q", "tau"),
        truth=_rates,
        cases=8,
        tolerance=1e-5,
        look_at=("curvatures",),
        mistakes={
            "the radial zero": Mistake(
                lambda A, q, tau: _from(np.append(phi_T(A).curvatures(q), 0.0), _height(A, q), tau),
                "One of your eigenvalues is a zero that belongs to no direction on the sphere; it makes a factor of "
                "one.",
            ),
            "not projected": Mistake(
                lambda A, q, tau: _from(_ambient(A, q), _height(A, q), tau),
                "One of your directions is q itself. The iteration is normalised, so it cannot move there.",
            ),
            "one end": Mistake(
                lambda A, q, tau: np.abs(
                    [1 - phi_T(A).curvatures(q)[0] / _height(A, q), 1 - tau * phi_T(A).curvatures(q)[0]]
                ),
                "The power map is right. A long gradient step may overshoot: does the smallest curvature still decide?",
            ),
            "the height": Mistake(
                lambda A, q, tau: _from(phi_T(A).curvatures(q), 1.0, tau),
                "Gradient descent is right. The step of the power map is relative to the height, which need not be "
                "one.",
            ),
        },
    ),
    Exercise(
        label="ex-best-shift",
        answer="best_shift",
        points=4,
        draw=lambda rng: {key: value for key, value in _minimiser_given(rng).items() if key != "tau"},
        call=("A", "q"),
        truth=_shift,
        tolerance=1e-5,
        look_at=("curvatures",),
        mistakes={
            "sign": Mistake(
                lambda A, q: -_shift(A, q),
                "The size is right, but the theorem says what a positive shift does to the factor.",
            ),
            "the slow end only": Mistake(
                lambda A, q: phi_T(A).curvatures(q)[0] - _height(A, q),
                "The slowest direction converges at once with your shift. What do the others do?",
            ),
            "the mean": Mistake(
                lambda A, q: phi_T(A).curvatures(q).mean() - _height(A, q),
                "You balance the average of the curvatures. The factor is the worst of them, not the average.",
            ),
            "the edge": Mistake(
                lambda A, q: phi_T(A).curvatures(q)[-1] / 2 - _height(A, q),
                "With your shift one eigenvalue is minus one: this is the most negative shift before the iteration "
                "diverges.",
            ),
        },
    ),
)
