r"""Comparison of dictionaries and points modulo what the problem cannot see: sign and order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment

from l4lib.sphere import project
from l4lib.validate import Array, as_dictionary, as_points, as_tolerance

__all__ = ["Match", "match_atoms", "nearest_atom", "unique_lines"]


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
    estimate, truth = project(as_dictionary(A_hat, "A_hat")), project(as_dictionary(A))
    if estimate.shape[0] != truth.shape[0]:
        raise ValueError(f"A_hat: expected atoms of dimension {truth.shape[0]}, got shape {estimate.shape}")
    correlation = truth.T @ estimate
    rows, columns = linear_sum_assignment(-np.abs(correlation))
    m = truth.shape[1]
    index, sign, error = np.full(m, -1), np.zeros(m), np.ones(m)
    index[rows] = columns
    paired = correlation[rows, columns]
    sign[rows] = np.where(paired < 0, -1.0, 1.0)
    error[rows] = np.maximum(0.0, 1.0 - np.abs(paired))
    return Match(index=index, sign=sign, error=error)


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
    label = np.full(points.shape[1], -1)
    chosen: list[int] = []
    while (label < 0).any():
        first = int(np.argmax(label < 0))
        same = (1.0 - np.abs(points[:, first] @ points) <= tol) & (label < 0)
        label[same] = len(chosen)
        chosen.append(first)
    return points[:, chosen], label
