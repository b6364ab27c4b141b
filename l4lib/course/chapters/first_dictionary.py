"""Exercises of the chapter *A first dictionary*."""

from __future__ import annotations

import numpy as np

from l4lib.course.exercise import Exercise, Given, Mistake
from l4lib.data import random_unit, random_untf, whitening
from l4lib.quartic import sphere


def _errors_given(rng: np.random.Generator) -> Given:
    n = int(rng.integers(4, 8))
    m = n + int(rng.integers(1, 4))
    A = random_unit(n, m, rng=rng)
    noisy = A + 0.1 * rng.standard_normal(A.shape)
    B = np.hstack([noisy, rng.standard_normal((n, 2))])[:, rng.permutation(m + 2)]
    return {"A": A, "B": B * rng.choice([-1.0, 1.0], m + 2) * rng.uniform(0.5, 2, m + 2)}


def _unit(B: np.ndarray) -> np.ndarray:
    return B / np.linalg.norm(B, axis=0)


def _errors(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """The error 1 - |<a, b>| from the chord to the nearer of b and -b, whose square is twice the error."""
    U = _unit(B)
    chords = [np.minimum(np.linalg.norm(U.T - a, axis=1), np.linalg.norm(U.T + a, axis=1)) for a in A.T]
    return np.array([chord.min() ** 2 / 2 for chord in chords])


def _moment_given(rng: np.random.Generator) -> Given:
    n = int(rng.integers(3, 7))
    Y = rng.standard_normal((n, n)) @ (rng.standard_normal((n, 400)) * (rng.random((n, 400)) < 0.3))
    return {"Y": Y, "q": sphere.random_points(n, rng=rng)}


def _moment(Y: np.ndarray, q: np.ndarray) -> float:
    return float(np.mean((whitening(Y).apply(Y).T @ q) ** 4))


def _signs_given(rng: np.random.Generator) -> Given:
    n = int(rng.integers(3, 7))
    A = random_untf(n, n + int(rng.integers(1, 5)), rng=rng)
    return {"A": A, "theta": float(rng.uniform(0.05, 0.9)), "q": sphere.random_points(n, rng=rng)}


def _signs(A: np.ndarray, theta: float, q: np.ndarray) -> float:
    """Counted term by term, E x_k^4 = theta and E x_k^2 x_l^2 = theta^2, divided by the squared variance."""
    square = (A.T @ q) ** 2
    table = 3 * theta**2 * np.outer(square, square)
    np.fill_diagonal(table, theta * square**2)
    return float(table.sum() / (theta * square.sum()) ** 2 - 3)


def _share(A: np.ndarray, q: np.ndarray) -> float:
    return float(np.sum((A.T @ q) ** 4) * (A.shape[0] / A.shape[1]) ** 2)


EXERCISES = (
    Exercise(
        label="ex-recovery-errors",
        answer="recovery_errors",
        points=3,
        draw=_errors_given,
        call=("A", "B"),
        truth=_errors,
        look_at=("match_atoms", "nearest_atom"),
        mistakes={
            "sign": Mistake(
                lambda A, B: 1 - np.max(A.T @ _unit(B), axis=1),
                "An atom that came back as its negative counts as lost with you. Can the data tell a from -a?",
            ),
            "length": Mistake(
                lambda A, B: 1 - np.max(np.abs(A.T @ B), axis=1),
                "The columns of B need not have length one; a long column looks close to everything.",
            ),
            "the other way": Mistake(
                lambda A, B: 1 - np.max(np.abs(A.T @ _unit(B)), axis=0),
                "You have one number for each estimate. The question is which atoms were found, so one for each atom.",
            ),
            "not the best": Mistake(
                lambda A, B: 1 - np.mean(np.abs(A.T @ _unit(B)), axis=1),
                "You average over all estimates; an atom is recovered if a single one is close to it.",
            ),
        },
    ),
    Exercise(
        label="ex-white-moment",
        answer="white_moment",
        points=4,
        draw=_moment_given,
        call=("Y", "q"),
        truth=_moment,
        look_at=("whitening", "recover_dictionary"),
        mistakes={
            "not white": Mistake(
                lambda Y, q: float(np.mean((Y.T @ q) ** 4)),
                "These are the raw data: along long axes every moment is large. Change coordinates first.",
            ),
            "one direction only": Mistake(
                lambda Y, q: float(np.mean((Y.T @ q) ** 4) / np.mean((Y.T @ q) ** 2) ** 2),
                "You have divided by the variance along q, which is a kurtosis of the raw data. Whitening also turns "
                "the direction.",
            ),
            "a sum": Mistake(
                lambda Y, q: _moment(Y, q) * Y.shape[1],
                "Too large by the number of samples.",
            ),
            "the full inverse": Mistake(
                lambda Y, q: float(np.mean((Y.T @ np.linalg.solve(Y @ Y.T / Y.shape[1], q)) ** 4)),
                "You apply the inverse of the covariance. What covariance do the data have after that?",
            ),
        },
    ),
    Exercise(
        label="ex-signs",
        answer="excess",
        points=4,
        draw=_signs_given,
        call=("A", "theta", "q"),
        truth=_signs,
        mistakes={
            "Gaussian amplitudes": Mistake(
                lambda A, theta, q: 3 * (1 / theta - 1) * _share(A, q),
                "This is the formula for Gaussian amplitudes. What is the fourth moment of a sign?",
            ),
            "three not subtracted": Mistake(
                lambda A, theta, q: (1 / theta - 3) * _share(A, q) + 3,
                "The excess of a Gaussian is zero; yours is three.",
            ),
            "pairs once": Mistake(
                lambda A, theta, q: (1 / theta - 1) * _share(A, q) - 2,
                "In the expansion of the fourth power each pair of squares appears more than once. How many ways?",
            ),
            "one K": Mistake(
                lambda A, theta, q: (1 / theta - 3) * _share(A, q) * A.shape[1] / A.shape[0],
                "Too large by a factor K: the fourth moment is divided by the square of the variance.",
            ),
        },
    ),
)
