"""A symmetric tensor of order four as a matrix on symmetric pairs, however it is given."""

from __future__ import annotations

from typing import Any

import numpy as np

from l4lib.quartic import LARGEST_N, SymmetricQuartic, inner, pairs, smat, svec
from l4lib.validate import Array, as_array, as_dictionary

__all__: list[str] = []


def unfold(T: Any, rng: np.random.Generator, tol: float) -> tuple[int, Array]:
    """The dimension and the matrix on symmetric pairs, as a new array, if the tensor is symmetric.

    Parameters
    ----------
    T : SymmetricQuartic, tuple of atoms and weights, or array_like of shape (n, n, n, n)
        The tensor.
    rng : numpy.random.Generator
        For the vector that tests the symmetry.
    tol : float
        Asymmetry up to ten times this, relative, is noise.

    Returns
    -------
    tuple of int and ndarray, shape (n(n+1)/2, n(n+1)/2)
        n and D; zeros if the weights cancel.

    Raises
    ------
    TypeError, ValueError
        If T is nothing of that kind, not finite, not symmetric, or too large.

    References
    ----------
    Equation ``eq-flattening``.

    Examples
    --------
    >>> n, D = unfold((np.eye(2), np.array([1.0, 3.0])), np.random.default_rng(0), 1e-9)
    >>> n, np.round(np.diag(D), 12).tolist()
    (2, [1.0, 0.0, 3.0])
    """
    if isinstance(T, tuple):
        if len(T) != 2:
            raise ValueError(f"T: expected a tuple of atoms and weights, got one of length {len(T)}")
        A = as_dictionary(T[0], "A")
        weights = as_array(T[1], "weights", ndim=1, shape="(N,)")
        if weights.size != A.shape[1]:
            raise ValueError(f"weights: expected one for each of {A.shape[1]} atoms, got {weights.size}")
        _check_size(A.shape[0])
        V = svec(A)
        D = (V * weights) @ V.T
        _check_scale(D)
        # Weights may cancel; what rounding leaves then is no tensor.
        rounding = 1e-14 * float(np.sum(np.abs(weights) * inner(V, V)))
        return A.shape[0], D if np.linalg.norm(D) > rounding else np.zeros_like(D)
    if isinstance(T, SymmetricQuartic):
        n, d = T.n, T.n * (T.n + 1) // 2
        _check_size(n)
        D = as_array(T.D, "T.D", ndim=2, shape=f"({d}, {d})")
        if D.shape != (d, d):
            raise ValueError(f"T.D: expected shape ({d}, {d}) for n = {n}, got {D.shape}")
        _check_scale(D)
        i, j, weight = pairs(n)
        w = _probe(n, rng)
        lift = np.zeros((d, n))
        lift[np.arange(d), i] += w[j] / weight
        lift[np.arange(d), j] += np.where(i == j, 0.0, w[i] / weight)
        first, last = smat(D @ lift, n), smat(D.T @ lift, n)
        _refuse_asymmetric(first, last, tol)
        return n, (D + D.T) / 2.0
    tensor = as_array(T, "T", ndim=4, shape="(n, n, n, n)", check_finite=False)
    n = tensor.shape[0]
    if tensor.shape != (n, n, n, n):
        raise ValueError(f"T: expected shape (n, n, n, n), got {tensor.shape}")
    _check_size(n)
    w = _probe(n, rng)
    first = (tensor.reshape(-1, n) @ w).reshape(n, n, n)
    last = (w @ tensor.reshape(n, -1)).reshape(n, n, n)
    if not np.isfinite(first).all():  # every entry counts in it
        _check_scale(as_array(tensor, "T", ndim=4, shape="(n, n, n, n)"))
    _check_scale(first)
    _refuse_asymmetric(first, last, tol)
    i, j, weight = pairs(n)
    columns, D = i * n + j, np.empty((i.size, i.size))
    for row, block in enumerate(tensor.reshape(n, n, n * n)):
        here = slice(*np.searchsorted(i, (row, row + 1)))
        np.take(block[row:], columns, axis=1, out=D[here], mode="clip")
    D *= weight
    D *= weight[:, None]
    return n, D


def _check_size(n: int) -> None:
    if n > LARGEST_N:
        raise ValueError(f"T: expected n <= {LARGEST_N}, as a matrix with n(n+1)/2 rows is stored, got n = {n}")


def _check_scale(values: Array) -> None:
    """Squares must neither overflow nor vanish, in which case no comparison below would be true."""
    largest = max(float(values.max()), -float(values.min()))
    if not (largest == 0.0 or 1e-100 < largest < 1e100):
        raise ValueError(f"T: expected entries of size 1e-100 to 1e100, got {largest:.1e} as the largest; scale it")


def _probe(n: int, rng: np.random.Generator) -> Array:
    """A vector that sees every entry: a tensor is symmetric if two contractions with a generic one are."""
    probe: Array = rng.uniform(1.0, 2.0, n) * rng.choice([-1.0, 1.0], n)
    return probe


def _refuse_asymmetric(first: Array, last: Array, tol: float) -> None:
    """T(·,·,·,w) and T(w,·,·,·) must agree and be symmetric: the cycle and the permutations of three generate all."""
    size = max(float(np.linalg.norm(first)), float(np.linalg.norm(last)))
    gap = max(float(np.linalg.norm(first - other)) for other in (last, first.swapaxes(0, 1), first.swapaxes(1, 2)))
    if gap > 10.0 * max(tol, 1e-12) * size:
        raise ValueError(
            "T: expected a symmetric tensor, got one whose contractions with a random vector differ between its axes "
            f"by {gap / size:.1e} of their norm; symmetrise it, or raise tol"
        )
