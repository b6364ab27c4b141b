"""Exercises of the chapter *Against the peers*."""

from __future__ import annotations

import numpy as np

from l4lib.course.exercise import Exercise, Given, Mistake
from l4lib.data import random_untf


def _frame(rng: np.random.Generator) -> np.ndarray:
    n = int(rng.integers(4, 7))
    return random_untf(n, n + int(rng.integers(1, 4)), rng=rng)


def _levels(A: np.ndarray, below: int, pairs: int, above: int) -> np.ndarray:
    return np.array([below, pairs - below - above, above])


def _pairs(A: np.ndarray) -> int:
    return A.shape[0] * (A.shape[0] + 1) // 2


def _price_given(rng: np.random.Generator) -> Given:
    """Runs of which some fail, and failures take another time than successes."""
    runs = int(rng.integers(6, 15))
    found = rng.permutation(np.arange(runs) < rng.integers(2, runs - 2)).astype(int)
    return {"seconds": rng.uniform(1, 3, runs) * np.where(found, 1.0, 2.5), "found": found}


def _share(found: np.ndarray) -> float:
    return float(np.mean(found))


def _small(A: np.ndarray, theta: float, kappa: float, ones: float) -> float:
    """The least eigenvalue on V over the level, from the m by m matrix (diag(kappa) + ones) · C∘C."""
    m, K = A.shape[1], A.shape[1] / A.shape[0]
    values = np.linalg.eigvals((kappa * np.eye(m) + ones * np.ones((m, m))) @ (A.T @ A) ** 2).real
    return float(1 + values.min() / (2 * theta**2 * K**2))


def _weakest(A: np.ndarray, theta: float) -> float:
    return _small(A, theta, 3 * theta * (1 - theta), theta**2)


def _without_roots(A: np.ndarray, theta: float) -> float:
    i, j = np.triu_indices(len(A))
    L, K = A[i] * A[j], A.shape[1] / A.shape[0]
    M = 3 * theta * (1 - theta) * L @ L.T + theta**2 * L.sum(axis=1)[:, None] * L.sum(axis=1)
    return float(1 + np.linalg.eigvalsh(M)[-A.shape[1]] / (2 * theta**2 * K**2))


EXERCISES = (
    Exercise(
        label="ex-three-levels",
        answer="levels",
        points=3,
        draw=lambda rng: {"A": _frame(rng), "kappa": float(rng.uniform(-2, -0.4))},
        call=("A", "kappa"),
        truth=lambda A, kappa: _levels(A, A.shape[1] - 1, _pairs(A), 1),
        tolerance=1e-9,
        mistakes={
            "all below": Mistake(
                lambda A, kappa: _levels(A, A.shape[1], _pairs(A), 0),
                "You have left out the part of the matrix that does not depend on the fourth cumulant.",
            ),
            "as if positive": Mistake(
                lambda A, kappa: _levels(A, 0, _pairs(A), A.shape[1]),
                "This would be right for sparse coefficients. What does a negative cumulant do to the order?",
            ),
            "all entries": Mistake(
                lambda A, kappa: _levels(A, A.shape[1] - 1, A.shape[0] ** 2, 1),
                "You have counted on all entries of a matrix; symmetric matrices have fewer.",
            ),
            "reversed": Mistake(
                lambda A, kappa: _levels(A, A.shape[1] - 1, _pairs(A), 1)[::-1],
                "Your three numbers are in the opposite order.",
            ),
        },
    ),
    Exercise(
        label="ex-price",
        answer="price",
        points=2,
        draw=_price_given,
        call=("seconds", "found"),
        truth=lambda seconds, found: float(np.mean(seconds)) / _share(found),
        mistakes={
            "successes only": Mistake(
                lambda seconds, found: float(np.mean(seconds[found == 1])),
                "You have left out the time of the runs that failed; they were paid for as well.",
            ),
            "all runs": Mistake(
                lambda seconds, found: float(np.mean(seconds)),
                "This is the mean time of a run, whether it succeeds or not.",
            ),
            "successes over the rate": Mistake(
                lambda seconds, found: float(np.mean(seconds[found == 1])) / _share(found),
                "You charge a failure as if it took as long as a success.",
            ),
            "multiplied": Mistake(
                lambda seconds, found: float(np.mean(seconds)) * _share(found),
                "A method that succeeds less often is cheaper with you.",
            ),
        },
    ),
    Exercise(
        label="ex-weakest-signal",
        answer="weakest",
        points=4,
        draw=lambda rng: {"A": _frame(rng), "theta": float(rng.uniform(0.1, 0.6))},
        call=("A", "theta"),
        truth=_weakest,
        tolerance=1e-5,
        mistakes={
            "excess": Mistake(
                lambda A, theta: _weakest(A, theta) - 1,
                "This is what exceeds the level; the eigenvalue of the moment itself is asked for.",
            ),
            "level only": Mistake(
                lambda A, theta: 1.0,
                "You have picked an eigenvalue outside the subspace. How many belong to it?",
            ),
            "fourth moment": Mistake(
                lambda A, theta: _small(A, theta, 3 * theta, theta**2),
                "You have used the fourth moment of a coefficient in the place of its cumulant.",
            ),
            "lengths on pairs": Mistake(
                _without_roots,
                "On pairs an entry off the diagonal stands for two; your matrix is in other coordinates.",
            ),
            "K forgotten": Mistake(
                lambda A, theta: 1 + (_weakest(A, theta) - 1) * (A.shape[1] / A.shape[0]) ** 2,
                "You have divided by a level without the overcompleteness.",
            ),
        },
    ),
)
