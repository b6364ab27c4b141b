"""Exercises of the chapter *Where it ends*."""

from __future__ import annotations

from itertools import product
from math import factorial

import numpy as np

from l4lib.course.exercise import Exercise, Given, Mistake
from l4lib.data import half_cube, planted_simplex


def _cluster_given(rng: np.random.Generator) -> Given:
    """The cluster of an odd corner or a planted simplex, turned, in any order and with any signs."""
    if rng.random() < 0.4:
        A = half_cube(6)
        S = np.flatnonzero(np.abs(A.T @ half_cube(6, odd=True)[:, rng.integers(16)]) > 0.5)
    else:
        K = int(rng.integers(2, 5))
        n = int(rng.integers(2 * K + 1, 2 * K + 6))
        A, S = planted_simplex(n, K, rng=rng), np.arange(n)
    n, m = A.shape
    order = rng.permutation(m)
    signs = rng.choice([-1.0, 1.0], m)
    signs[S[:2]] = [1.0, -1.0]  # the plain sum is never right
    A = np.linalg.qr(rng.standard_normal((n, n)))[0] @ (A * signs)[:, order]
    return {"A": A, "S": rng.permutation(np.flatnonzero(np.isin(order, S)))}


def _bottom(A: np.ndarray, S: np.ndarray) -> float:
    """By the formula for clusters."""
    K, N = A.shape[1] / A.shape[0], len(S)
    return (1 - 3 * (N - K) / ((N - 1) * K)) * K**2 / N


def _direction(A: np.ndarray, S: np.ndarray, *, aligned: bool = True) -> np.ndarray:
    """The sum of the cluster; signs from the leading eigenvector of its Gram matrix."""
    leading = np.linalg.eigh(A[:, S].T @ A[:, S])[1][:, -1]
    return A[:, S] @ (np.sign(leading) if aligned else np.ones(len(S)))


def _ambient(A: np.ndarray, q: np.ndarray) -> np.ndarray:
    """The matrix whose form is the Hessian, restricted to vectors orthogonal to q."""
    zeta, unit = A.T @ q, q / np.linalg.norm(q)
    P = np.eye(len(q)) - np.outer(unit, unit)
    return np.sum(zeta**4) * np.eye(len(q)) - 3 * P @ (A * zeta**2) @ A.T @ P


def _unaligned(A: np.ndarray, S: np.ndarray) -> float:
    q = _direction(A, S, aligned=False)
    return float(np.linalg.eigvalsh(_ambient(A, q / np.linalg.norm(q)))[0])


def _parity_given(rng: np.random.Generator) -> Given:
    n = 2 * int(rng.integers(2, 5))
    q = rng.uniform(0.5, 1, n) * rng.choice([-1.0, 1.0], n)
    return {"q": q / np.linalg.norm(q)}


def _gap(q: np.ndarray) -> float:
    """Corner by corner."""
    corners = np.array(list(product([-1.0, 1.0], repeat=len(q))))
    return float(np.prod(corners, axis=1) @ (corners @ q / np.sqrt(len(q))) ** len(q) / 2)


EXERCISES = (
    Exercise(
        label="ex-cluster-bottom",
        answer="cluster_curvature",
        points=3,
        draw=_cluster_given,
        call=("A", "S"),
        truth=_bottom,
        look_at=("curvatures", "tangent_spectrum", "hessian"),
        mistakes={
            "signs": Mistake(
                _unaligned,
                "You have added the atoms as they come; some of them point away from the others.",
            ),
            "the radial one": Mistake(
                lambda A, S: -2 * (A.shape[1] / A.shape[0]) ** 2 / len(S),
                "Your least eigenvalue belongs to q itself, which is no direction on the sphere.",
            ),
            "length": Mistake(
                lambda A, S: float(np.linalg.eigvalsh(_ambient(A, _direction(A, S)))[0]),
                "The sum of the cluster is longer than one, and your formulas want a unit vector.",
            ),
            "Euclidean": Mistake(
                lambda A, S: _bottom(A, S) - (A.shape[1] / A.shape[0]) ** 2 / len(S),
                "The bending of the sphere is missing: your curvature belongs to a straight line.",
            ),
        },
    ),
    Exercise(
        label="ex-parity-gap",
        answer="parity_gap",
        points=3,
        draw=_parity_given,
        call=("q",),
        truth=_gap,
        mistakes={
            "corners": Mistake(
                lambda q: 2 * _gap(q),
                "You count each line twice: a corner and its negative.",
            ),
            "orders": Mistake(
                lambda q: _gap(q) / factorial(len(q)),
                "In how many orders does the product of all coordinates come out of the power?",
            ),
            "length": Mistake(
                lambda q: _gap(q) * len(q) ** (len(q) / 2),
                "Your corners are too long: the atoms have length one.",
            ),
            "sign": Mistake(
                lambda q: -_gap(q),
                "Right up to the sign: at an even corner, which of the two sums is larger?",
            ),
        },
    ),
)
