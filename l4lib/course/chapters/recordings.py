"""Exercises of the chapter *All kernels, and real recordings*."""

from __future__ import annotations

import numpy as np

from l4lib.course.exercise import Exercise, Given, Mistake
from l4lib.data import random_unit, random_untf
from l4lib.quartic import sphere


def _form_given(rng: np.random.Generator) -> Given:
    n = int(rng.integers(4, 6))
    m = int(rng.integers(n + 1, n * (n + 1) // 2 - 1))
    return {"A": random_unit(n, m, rng=rng) * rng.uniform(0.7, 1.3, m), "q": sphere.random_points(n, rng=rng)}


def _projected(lifted: np.ndarray, target: np.ndarray) -> float:
    """The squared norm of the projection of a flat matrix on the span of the columns."""
    left, size, _ = np.linalg.svd(lifted, full_matrices=False)
    return float(np.sum((left[:, size > 1e-10 * size[0]].T @ target) ** 2))


def _lift(V: np.ndarray) -> np.ndarray:
    return np.einsum("ik,jk->ijk", V, V).reshape(-1, V.shape[1])


def _form(A: np.ndarray, q: np.ndarray) -> float:
    return _projected(_lift(A), np.outer(q, q).ravel())


def _gap_given(rng: np.random.Generator) -> Given:
    while True:
        A = random_untf(4, int(rng.integers(5, 8)), rng=rng)
        if np.linalg.eigvalsh((A.T @ A) ** 2)[0] > 0.05:
            return {"A": A, "theta": float(rng.uniform(0.05, 0.5))}


def _eigenvalues(A: np.ndarray, theta: float) -> np.ndarray:
    """Of M' on the symmetric matrices, from the table of all fourth moments of the coefficients."""
    n, m = A.shape
    pair = np.eye(m)
    moments = theta**2 * (
        np.einsum("ij,kl->ijkl", pair, pair)
        + np.einsum("ik,jl->ijkl", pair, pair)
        + np.einsum("il,jk->ijkl", pair, pair)
    )
    for k in range(m):
        moments[k, k, k, k] = 3 * theta
    table = np.einsum("ai,bj,ck,dl,ijkl->abcd", A, A, A, A, moments, optimize=True).reshape(n * n, n * n)
    identity = np.eye(n).ravel()
    table -= (theta * m / n) ** 2 * np.outer(identity, identity)
    rows, columns = np.triu_indices(n)
    basis = np.zeros((n, n, rows.size))
    basis[rows, columns, np.arange(rows.size)] = basis[columns, rows, np.arange(rows.size)] = 1
    flat = basis.reshape(n * n, -1)
    flat /= np.linalg.norm(flat, axis=0)
    return np.linalg.eigvalsh(flat.T @ table @ flat)


def _gap(A: np.ndarray, theta: float) -> float:
    size = _eigenvalues(A, theta)
    return float(size[-A.shape[1]] / size[0] - 1)


def _parity_given(rng: np.random.Generator) -> Given:
    return {"n": int(rng.integers(3, 15)), "t": float(rng.uniform(0.05, 0.6))}


def _parity(n: int, t: float) -> float:
    """From an explicit basis of the span."""
    kernels = [np.roll(np.eye(n)[0] + sign * np.eye(n)[1], j) for j in range(n) for sign in (1, -1)]
    q = np.cos(t) * np.eye(n)[0] + np.sin(t) * np.eye(n)[1]
    return _projected(_lift(np.column_stack(kernels)), np.outer(q, q).ravel())


EXERCISES = (
    Exercise(
        label="ex-span-form",
        answer="span_form",
        points=3,
        draw=_form_given,
        call=("A", "q"),
        truth=_form,
        mistakes={
            "orthogonal atoms": Mistake(
                lambda A, q: float(np.sum((A.T @ q / np.linalg.norm(A, axis=0)) ** 4)),
                "You treat the lifted atoms as orthogonal. What is the inner product of two of them?",
            ),
            "the atoms' Gram matrix": Mistake(
                lambda A, q: float((A.T @ q) ** 2 @ np.linalg.pinv(A.T @ A) @ (A.T @ q) ** 2),
                "You have inverted the Gram matrix of the atoms; the projection is on a span of matrices.",
            ),
            "the norm": Mistake(
                lambda A, q: float(np.sqrt(_form(A, q))),
                "This is the norm of the projection. F is a quartic in q, so which power of the norm is it?",
            ),
            "q itself": Mistake(
                lambda A, q: float((A.T @ q) @ np.linalg.solve((A.T @ A) ** 2, A.T @ q)),
                "Your right-hand side has the inner products with q. It should have those with its matrix.",
            ),
        },
    ),
    Exercise(
        label="ex-moment-gap",
        answer="relative_gap",
        points=4,
        draw=_gap_given,
        call=("A", "theta"),
        truth=_gap,
        mistakes={
            "one pairing": Mistake(
                lambda A, theta: 2 * _gap(A, theta),
                "Outside of the span you have counted one pairing of the indices. How many of them keep S as it is?",
            ),
            "the largest": Mistake(
                lambda A, theta: float(_eigenvalues(A, theta)[-1] / _eigenvalues(A, theta)[0] - 1),
                "This is how far the top of the spectrum stands out. Which eigenvalue is the first to drown?",
            ),
            "one K": Mistake(
                lambda A, theta: _gap(A, theta) * A.shape[1] / A.shape[0],
                "Too large by a factor K: with which power does it enter the eigenvalue outside of the span?",
            ),
            "absolute": Mistake(
                lambda A, theta: _gap(A, theta) * float(_eigenvalues(A, theta)[0]),
                "This is the difference of the two eigenvalues; the exercise asks for it in relation to one of them.",
            ),
        },
    ),
    Exercise(
        label="ex-parity",
        answer="form_at",
        points=4,
        draw=_parity_given,
        call=("n", "t"),
        cases=16,
        truth=_parity,
        mistakes={
            "always one": Mistake(
                lambda n, t: 1.0,
                "So the theorem says for almost all kernels. Is the matrix of a spike a combination when n = 4?",
            ),
            "every length": Mistake(
                lambda n, t: float(1 - np.cos(2 * t) ** 2 / n),
                "Right for some lengths. For the others, is there a vector orthogonal to all sums of neighbours?",
            ),
            "not normalised": Mistake(
                lambda n, t: float(1 - (n + 1) % 2 * np.cos(2 * t) ** 2),
                "You project on a vector that does not have length one.",
            ),
            "not squared": Mistake(
                lambda n, t: float(1 - (n + 1) % 2 * np.cos(2 * t) / n),
                "F is a squared norm, so what is lost is a square as well.",
            ),
        },
    ),
)
