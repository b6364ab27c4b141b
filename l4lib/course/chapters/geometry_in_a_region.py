"""Exercises of the chapter *Geometry in a region*."""

from __future__ import annotations

import numpy as np

from l4lib.course.exercise import Exercise, Given, Mistake


def _products(A: np.ndarray) -> float:
    return float(np.max(np.abs(A.T @ A)[~np.eye(A.shape[1], dtype=bool)]))


def _bound(A: np.ndarray) -> float:
    return float(np.linalg.eigvalsh(A @ A.T)[-1])


def _atoms_given(rng: np.random.Generator) -> Given:
    n = int(rng.integers(3, 6))
    while True:
        A = np.eye(n) + rng.uniform(-0.1, 0.1, (n, n))
        A *= rng.uniform(0.93, 1.07, n) / np.linalg.norm(A, axis=0)
        i = int(rng.integers(n))
        weak = np.min(np.linalg.norm(A, axis=0)) ** 4
        if _products(A) > 0.08 and weak >= 8 / 3 * _products(A) * _bound(A) and _measured(A, i) > 1e-9:
            return {"A": A, "i": i}


def _measured(A: np.ndarray, i: int) -> float:
    """The squared sine at the minimiser, by Newton's method for A ζ³ = α q, without cancellation."""
    atom = A[:, i] / np.linalg.norm(A[:, i])
    q, value = atom, float(np.sum((A.T @ atom) ** 4))
    for _ in range(4):
        zeta = A.T @ q
        left = np.block([[3 * (A * zeta**2) @ A.T - value * np.eye(len(q)), -q[:, None]], [q, 0.0]])
        step = np.linalg.solve(left, -np.append(A @ zeta**3 - value * q, (q @ q - 1) / 2))
        q, value = q + step[:-1], value + step[-1]
    return float(np.sum((q - atom * (atom @ q)) ** 2))


def _slack(A: np.ndarray, i: int, g: float | None = None, B: float | None = None, scale: bool = True) -> float:
    nu2 = float(A[:, i] @ A[:, i])
    g, B = _products(A) if g is None else g, _bound(A) if B is None else B
    return float(_measured(A, i) * 3 / 4 / ((g / (nu2 if scale else 1)) ** 2 * (B / nu2 - 0.75)))


def _sine_slack(A: np.ndarray, i: int) -> float:
    return _slack(A, i) / np.sqrt(_measured(A, i))


def _raw_slack(A: np.ndarray, i: int) -> float:
    """With the atom as it is instead of the normalised one."""
    x = _measured(A, i)
    return _slack(A, i) / x * (1 - float(A[:, i] @ A[:, i]) * (1 - x))


def _weakest(n: int, four: float = 2.0, factor: float = 8 / 3, product: int = 1, frame: float = 1.0) -> np.ndarray:
    """The two norms; the second by bisection of w⁴ = factor g B, g = w^product/√n, B = 1 + frame w²."""
    low, high = 0.0, 4.0
    for _ in range(100):
        w = (low + high) / 2
        if w**4 < factor * w**product / n**0.5 * (1 + frame * w * w):
            low = w
        else:
            high = w
    return np.array([np.sqrt(np.sqrt(four / n)), (low + high) / 2])


EXERCISES = (
    Exercise(
        label="ex-location-slack",
        answer="location_slack",
        points=4,
        draw=_atoms_given,
        call=("A", "i"),
        truth=_slack,
        tolerance=1e-3,
        mistakes={
            "not normalised": Mistake(
                _raw_slack,
                "You correlate with an atom that is not of length one, so your measured number is not a squared sine.",
            ),
            "diagonal": Mistake(
                lambda A, i: _slack(A, i, g=float(np.max(np.sum(A**2, axis=0)))),
                "Your g is at least the largest squared norm: does an atom's product with itself count?",
            ),
            "root": Mistake(
                lambda A, i: _slack(A, i, B=np.sqrt(_bound(A))),
                "Your frame bound is a bound for A; which matrix does B belong to?",
            ),
            "not scaled": Mistake(
                lambda A, i: _slack(A, i, scale=False),
                "The formula must not change when the whole dictionary is multiplied by a number. Check g.",
            ),
            "sine": Mistake(
                _sine_slack,
                "You have measured a sine; the bound is for its square.",
            ),
        },
    ),
    Exercise(
        label="ex-weakest-atom",
        answer="weakest_norms",
        points=4,
        draw=lambda rng: {"n": int(10 ** rng.uniform(1.5, 5))},
        call=("n",),
        truth=_weakest,
        mistakes={
            "basis forgotten": Mistake(
                lambda n: _weakest(n, four=3.0),
                "First number: the basis vectors contribute to the value at u as well, not only to the curvature.",
            ),
            "three lost": Mistake(
                lambda n: np.array([0.0, _weakest(n)[1]]),
                "First number: without the factor three in the Hessian u would be a minimiser for every w.",
            ),
            "frame bound one": Mistake(
                lambda n: _weakest(n, frame=0.0),
                "Second number: the largest eigenvalue of A Aᵀ is larger than one. Which direction does it belong to?",
            ),
            "normalised": Mistake(
                lambda n: _weakest(n, product=0),
                "Second number: g is a product of the atoms as they are, and the weak one is short.",
            ),
            "other constant": Mistake(
                lambda n: _weakest(n, factor=1.5),
                "Second number: you have used the height of the level instead of the condition for a strong atom.",
            ),
        },
    ),
)
