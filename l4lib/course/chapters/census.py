"""Exercises of the chapter *The census*."""

from __future__ import annotations

import numpy as np

from l4lib.course.exercise import Exercise, Given, Mistake
from l4lib.data import random_unit


def _start_given(rng: np.random.Generator) -> Given:
    n = int(rng.integers(4, 7))
    k = int(rng.integers(2, n - 1))
    t = np.zeros(n)
    t[rng.choice(n, k, replace=False)] = rng.choice([-1.0, 1.0], k) / np.sqrt(k)
    return {"A": random_unit(n, n + int(rng.integers(1, 4)), rng=rng), "t": t}


def _velocity(A: np.ndarray, t: np.ndarray) -> np.ndarray:
    """By solving the equations of the path, differentiated, together with the constraint."""
    n, lam = len(t), float(np.sum(t**4))
    border = np.zeros((n + 1, n + 1))
    border[:n, :n] = np.diag(3 * t**2 - lam)
    border[:n, n], border[n, :n] = -t, t
    right = np.zeros(n + 1)
    right[:n] = t**3 - np.einsum("nk,k->n", A, (t @ A) ** 3)
    return np.asarray(np.linalg.solve(border, right)[:n])


def _pull(A: np.ndarray, t: np.ndarray) -> np.ndarray:
    """What the frame adds to the equation at the start, without its part along t."""
    pull = A @ (A.T @ t) ** 3
    return pull - (pull @ t) * t


def _count(t: np.ndarray) -> float:
    return 1 / float(np.sum(t**4))


def _signed_given(rng: np.random.Generator) -> Given:
    n = int(rng.integers(3, 7))
    signs = rng.permutation(np.where(np.arange(n) < rng.integers(1, n), 1.0, -1.0))
    return {"c": signs * rng.uniform(0.5, 2, n)}


def _half(count: int) -> int:
    """The pairs of vectors with entries 0 and ±1, but for zero."""
    return sum(3**k for k in range(count))


def _signed(c: np.ndarray) -> np.ndarray:
    plus = int(np.sum(np.sign(c) == 1))
    return np.array([_half(plus) + _half(len(c) - plus), plus])


EXERCISES = (
    Exercise(
        label="ex-start-velocity",
        answer="start_velocity",
        points=4,
        draw=_start_given,
        call=("A", "t"),
        truth=_velocity,
        mistakes={
            "sign": Mistake(
                lambda A, t: -_velocity(A, t),
                "Your path runs backwards: on which side of the equation does the change of the tensor stand?",
            ),
            "support ignored": Mistake(
                lambda A, t: _count(t) * _pull(A, t),
                "The Jacobian at the start is no multiple of the identity: what are its entries where t is not zero?",
            ),
            "only the support": Mistake(
                lambda A, t: np.where(t == 0, 0.0, _velocity(A, t)),
                "The entries that are zero at the start do not stay zero.",
            ),
            "not on the sphere": Mistake(
                lambda A, t: np.where(t == 0, _velocity(A, t), -_count(t) / 2 * (A @ (A.T @ t) ** 3)),
                "Your velocity has a part along t, so q(s) does not keep its length; λ changes as well.",
            ),
            "eigenvalue one": Mistake(
                lambda A, t: _velocity(A, t) / _count(t),
                "Too short by a factor: which eigenvalue belongs to a start with several nonzero entries?",
            ),
        },
    ),
    Exercise(
        label="ex-signed-basis",
        answer="real_lines",
        points=3,
        draw=_signed_given,
        call=("c",),
        truth=_signed,
        tolerance=1e-9,
        mistakes={
            "all real": Mistake(
                lambda c: np.array([_half(len(c)), np.sum(c > 0)]),
                "This counts all eigenvectors. Try two components with weights 1 and -1: are all four real?",
            ),
            "positives only": Mistake(
                lambda c: np.array([_half(int(np.sum(c > 0))), np.sum(c > 0)]),
                "Nothing says that the λ of a critical point is positive.",
            ),
            "points": Mistake(
                lambda c: 2 * _signed(c),
                "You count points; the exercise asks for pairs ± of them.",
            ),
            "every axis": Mistake(
                lambda c: np.array([_signed(c)[0], len(c)]),
                "The critical points are right. Is an axis with a negative weight a minimiser?",
            ),
        },
    ),
)
