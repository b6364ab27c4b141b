r"""Comparison of dictionaries, kernels and points modulo what the problem cannot see: sign, order and shift."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import fft
from scipy.optimize import linear_sum_assignment

from l4lib.quartic import as_signal_shape, project, spectrum
from l4lib.validate import Array, as_dictionary, as_points, as_tolerance

__all__ = [
    "KernelMatch",
    "Match",
    "match_atoms",
    "match_kernels",
    "max_cosines",
    "mmcs",
    "nearest_atom",
    "shift_correlations",
    "unique_kernels",
    "unique_lines",
]


@dataclass(frozen=True)
class Match:
    """A one-to-one pairing of estimated atoms with true atoms.

    Attributes
    ----------
    index : ndarray of int, shape (m,)
        For each true atom the column of its estimate, −1 if there are fewer estimates than atoms.
    sign : ndarray, shape (m,)
        ±1: sign × estimate points along the atom (0 if unmatched).
    error : ndarray, shape (m,)
        1 − |correlation| of each true atom with its estimate (1 if unmatched).
    """

    index: np.ndarray
    sign: Array
    error: Array

    @property
    def max_error(self) -> float:
        """The worst atom's error."""
        return float(self.error.max())

    def recovered(self, tol: float = 0.02) -> int:
        """How many true atoms have an error of at most ``tol``.

        Raises
        ------
        TypeError, ValueError
            If tol lies outside (0, 1).
        """
        return int(np.count_nonzero(self.error <= as_tolerance(tol, "tol")))


def match_atoms(A_hat: ArrayLike, A: ArrayLike) -> Match:
    """Pair estimated with true atoms so that the sum of absolute correlations is largest.

    Parameters
    ----------
    A_hat : array_like, shape (n, m̂)
        Estimated atoms; any number, any order, sign and scale.
    A : array_like, shape (n, m)
        True atoms.

    Returns
    -------
    Match

    Raises
    ------
    TypeError, ValueError
        If either is not a dictionary, or their dimensions differ.

    Examples
    --------
    >>> import numpy as np
    >>> match = match_atoms(-np.eye(3)[:, [2, 0, 1]], np.eye(3))
    >>> match.index, match.max_error
    (array([1, 2, 0]), 0.0)
    """
    index, sign, error = _assign(_cosines(A_hat, A))
    return Match(index=index, sign=sign, error=error)


def _cosines(A_hat: ArrayLike, A: ArrayLike) -> Array:
    """The cosines of all pairs of columns, shape (m, m̂), if both are dictionaries of one dimension."""
    estimate, truth = project(as_dictionary(A_hat, "A_hat")), project(as_dictionary(A))
    if estimate.shape[0] != truth.shape[0]:
        raise ValueError(f"A_hat: expected atoms of dimension {truth.shape[0]}, got shape {estimate.shape}")
    return truth.T @ estimate


def _assign(correlation: Array) -> tuple[np.ndarray, Array, Array]:
    """The assignment of columns to rows with the largest sum of absolute values: index, sign and error of each row."""
    rows, columns = linear_sum_assignment(-np.abs(correlation))
    m = correlation.shape[0]
    index, sign, error = np.full(m, -1), np.zeros(m), np.ones(m)
    index[rows] = columns
    paired = correlation[rows, columns]
    sign[rows] = np.where(paired < 0, -1.0, 1.0)
    error[rows] = np.maximum(0.0, 1.0 - np.abs(paired))
    return index, sign, error


def nearest_atom(A: ArrayLike, Q: ArrayLike) -> tuple[np.ndarray, Array]:
    """For each point the atom of largest absolute correlation, and that signed correlation.

    Parameters
    ----------
    A : array_like, shape (n, m)
        The dictionary.
    Q : array_like, shape (n,) or (n, r)
        Nonzero points.

    Returns
    -------
    index : ndarray of int, shape () or (r,)
    correlation : ndarray, shape () or (r,)

    Raises
    ------
    TypeError, ValueError
        If A is not a dictionary or Q not points of its dimension.

    Examples
    --------
    >>> import numpy as np
    >>> index, correlation = nearest_atom(np.eye(2), np.array([0.6, -0.8]))
    >>> int(index), float(correlation)
    (1, -0.8)
    """
    atoms = project(as_dictionary(A))
    points = project(as_points(Q, atoms.shape[0]))
    correlation = atoms.T @ points
    index = np.abs(correlation).argmax(axis=0)
    return index, np.take_along_axis(correlation, np.expand_dims(index, 0), axis=0)[0]


def max_cosines(A_hat: ArrayLike, A: ArrayLike, *, signed: bool = True) -> Array:
    """For each column of A_hat the largest cosine with a column of A.

    Parameters
    ----------
    A_hat : array_like, shape (n, k)
        Features, of any nonzero length; several may be nearest to the same column of A.
    A : array_like, shape (n, m)
        Features to look for them among.
    signed : bool
        Count opposite directions as different, as one does for non-negative coefficients.

    Returns
    -------
    ndarray, shape (k,)

    Raises
    ------
    TypeError, ValueError
        If either is not a dictionary, or their dimensions differ.

    Examples
    --------
    >>> import numpy as np
    >>> max_cosines(-2 * np.eye(3)[:, :2], np.eye(3)), max_cosines(-2 * np.eye(3)[:, :2], np.eye(3), signed=False)
    (array([0., 0.]), array([1., 1.]))
    """
    cosines = _cosines(A_hat, A)
    return np.asarray(np.max(cosines if signed else np.abs(cosines), axis=0))


def mmcs(A_hat: ArrayLike, A: ArrayLike, *, signed: bool = True) -> float:
    """Mean max cosine similarity: the mean over the columns of A_hat of the largest cosine with a column of A.

    It is not symmetric: ``mmcs(A, A_hat)`` says how much of A was found, ``mmcs(A_hat, A)`` how much of A_hat is true.
    No pairing is asked for, unlike in :func:`match_atoms`.

    Parameters
    ----------
    A_hat, A, signed
        As for :func:`max_cosines`.

    Raises
    ------
    TypeError, ValueError
        As :func:`max_cosines`.

    Examples
    --------
    >>> import numpy as np
    >>> twice = np.eye(3)[:, [0, 0, 1]]
    >>> mmcs(twice, np.eye(3)), round(mmcs(np.eye(3), twice), 3)
    (1.0, 0.667)
    """
    return float(np.mean(max_cosines(A_hat, A, signed=signed)))


def unique_lines(Q: ArrayLike, *, tol: float = 1e-3) -> tuple[Array, np.ndarray]:
    """De-duplicate points up to sign: one representative a line, in order of first appearance.

    Parameters
    ----------
    Q : array_like, shape (n, r)
        Nonzero points.
    tol : float
        Two points are the same line when 1 − |⟨q, q'⟩| <= tol.

    Returns
    -------
    lines : ndarray, shape (n, k)
        The representatives, unit vectors.
    label : ndarray of int, shape (r,)
        Which representative each point belongs to.

    Raises
    ------
    TypeError, ValueError
        If Q is not a batch of points or tol lies outside (0, 1).

    Examples
    --------
    >>> import numpy as np
    >>> lines, label = unique_lines(np.array([[1.0, 0.0, -1.0], [0.0, 1.0, 0.0]]))
    >>> lines.shape, label
    ((2, 2), array([0, 1, 0]))
    """
    points = project(as_dictionary(Q, "Q"))
    tol = as_tolerance(tol, "tol")
    return _group(points, lambda k: np.abs(points[:, k] @ points), tol)


def _group(points: Array, similarity: Callable[[int], Array], tol: float) -> tuple[Array, np.ndarray]:
    """Greedy grouping: the first point without a group founds one and takes in every free point similar to it."""
    label = np.full(points.shape[1], -1)
    chosen: list[int] = []
    while (label < 0).any():
        first = int(np.argmax(label < 0))
        label[(1.0 - similarity(first) <= tol) & (label < 0)] = len(chosen)
        chosen.append(first)
    return points[:, chosen], label


def shift_correlations(U: Array, V: Array, shape: tuple[int, ...]) -> tuple[Array, np.ndarray]:
    """For each pair of columns the correlation of largest absolute value over all circular shifts of v, and that shift.

    Parameters
    ----------
    U, V : ndarray, shapes (n, k) and (n, l)
        Unit columns.
    shape : tuple of int
        The shape of a column as a signal.

    Returns
    -------
    correlation : ndarray, shape (k, l)
        Signed.
    shift : ndarray of int, shape (k, l)
        Flat index of the shift: v shifted by it is along ± u.

    Examples
    --------
    >>> import numpy as np
    >>> u = np.eye(5)[:, [0]]
    >>> correlation, shift = shift_correlations(np.roll(u, 2), -u, (5,))
    >>> float(correlation[0, 0].round(6)), int(shift[0, 0])
    (-1.0, 2)
    """
    axes = range(2, 2 + len(shape))
    product = spectrum(U, shape)[:, None] * np.conj(spectrum(V, shape))[None]
    values = np.asarray(fft.irfftn(product, s=shape, axes=axes)).reshape(U.shape[1], V.shape[1], -1)
    shift = np.abs(values).argmax(axis=2)
    return np.take_along_axis(values, shift[..., None], axis=2)[..., 0], shift


@dataclass(frozen=True)
class KernelMatch(Match):
    """A one-to-one pairing of estimated with true kernels, modulo circular shift.

    Attributes
    ----------
    shift : ndarray of int, shape (K,)
        Flat circular shift that takes each estimate onto its kernel (0 if unmatched).
    """

    shift: np.ndarray


def match_kernels(A_hat: ArrayLike, A: ArrayLike, *, shape: tuple[int, ...] | None = None) -> KernelMatch:
    """Pair estimated with true kernels so that the sum of absolute correlations, over all shifts, is largest.

    Parameters
    ----------
    A_hat : array_like, shape (n, K̂)
        Estimated kernels; any number, order, shift, sign and scale.
    A : array_like, shape (n, K)
        True kernels, padded to the same length.
    shape : tuple of int, optional
        Shape of a kernel if it is a picture.

    Returns
    -------
    KernelMatch

    Raises
    ------
    TypeError, ValueError
        If either has a zero column, or their lengths differ.

    Examples
    --------
    >>> import numpy as np
    >>> A = np.random.default_rng(0).standard_normal((9, 2))
    >>> match = match_kernels(-np.roll(A[:, ::-1], 3, axis=0), A)
    >>> match.index, match.shift, match.max_error < 1e-12
    (array([1, 0]), array([6, 6]), True)
    """
    estimate, truth = project(as_dictionary(A_hat, "A_hat")), project(as_dictionary(A))
    if estimate.shape[0] != truth.shape[0]:
        raise ValueError(f"A_hat: expected kernels of length {truth.shape[0]}, got shape {estimate.shape}")
    correlation, shifts = shift_correlations(truth, estimate, as_signal_shape(shape, truth.shape[0]))
    index, sign, error = _assign(correlation)
    matched = index >= 0
    shift = np.zeros(index.size, dtype=int)
    shift[matched] = shifts[np.flatnonzero(matched), index[matched]]
    return KernelMatch(index=index, sign=sign, error=error, shift=shift)


def unique_kernels(
    Q: ArrayLike, *, tol: float = 1e-2, shape: tuple[int, ...] | None = None
) -> tuple[Array, np.ndarray]:
    """De-duplicate points up to sign and circular shift, in order of first appearance.

    Parameters
    ----------
    Q : array_like, shape (n, r)
        Nonzero points.
    tol : float
        Two points are the same kernel when 1 − |⟨q, shifted q'⟩| <= tol for some shift.
    shape : tuple of int, optional
        Shape of a point if it is a picture.

    Returns
    -------
    kernels : ndarray, shape (n, k)
        Unit representatives.
    label : ndarray of int, shape (r,)
        Which representative each point belongs to.

    Raises
    ------
    TypeError, ValueError
        If Q is not a batch of points or tol lies outside (0, 1).

    Examples
    --------
    >>> import numpy as np
    >>> Q = np.random.default_rng(0).standard_normal((7, 2))
    >>> kernels, label = unique_kernels(np.hstack([Q, -np.roll(Q, 2, axis=0)]))
    >>> kernels.shape, label
    ((7, 2), array([0, 1, 0, 1]))
    """
    points = project(as_dictionary(Q, "Q"))
    tol = as_tolerance(tol, "tol")
    signal_shape = as_signal_shape(shape, points.shape[0])
    return _group(points, lambda k: np.abs(shift_correlations(points[:, [k]], points, signal_shape)[0][0]), tol)
