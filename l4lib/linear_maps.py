r"""The linear maps B that the quartic objective −c Σ_i (b_iᵀq)⁴ sees its data through.

A map has n rows and N columns b_i and offers Z = BᵀQ (:meth:`LinearMap.adjoint`) and BZ (:meth:`LinearMap.apply`).
It can be cut into tiles of consecutive columns, so that an evaluation over many samples and many points keeps its
intermediate in cache and its memory bounded.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from l4lib.validate import Array, as_array

__all__ = ["LinearMap", "MatrixMap"]


class LinearMap(ABC):
    """A linear map from R^N to R^n, known through its products with vectors.

    Attributes
    ----------
    shape : tuple of int
        (n, N).
    """

    shape: tuple[int, int]

    @abstractmethod
    def adjoint(self, Q: Array) -> Array:
        """BᵀQ of shape (N,) or (N, r) for Q of shape (n,) or (n, r)."""

    @abstractmethod
    def apply(self, Z: Array) -> Array:
        """BZ of shape (n,) or (n, r) for Z of shape (N,) or (N, r)."""

    @abstractmethod
    def tiles(self, width: int) -> Iterator[LinearMap]:
        """Maps of at most about ``width`` columns each which together are this map, in order."""

    def dense(self) -> Array:
        """The matrix B of shape (n, N); for small maps and for tests."""
        return self.adjoint(np.eye(self.shape[0])).T


class MatrixMap(LinearMap):
    """A map given by its matrix.

    Parameters
    ----------
    B : array_like, shape (n, N)
        The matrix.
        The transpose is kept contiguous, as tiles are then contiguous blocks: an array in Fortran order is not copied.

    Raises
    ------
    TypeError, ValueError
        If B is not a finite numeric matrix.

    Examples
    --------
    >>> import numpy as np
    >>> B = MatrixMap([[1.0, 0.0, 2.0], [0.0, 1.0, 0.0]])
    >>> B.adjoint(np.array([1.0, 1.0]))
    array([1., 1., 2.])
    >>> [tile.shape for tile in B.tiles(2)]
    [(2, 2), (2, 1)]
    """

    def __init__(self, B: ArrayLike) -> None:
        matrix = as_array(B, "B", ndim=2, shape="(n, N)")
        self._rows = np.ascontiguousarray(matrix.T)
        self.shape = (int(matrix.shape[0]), int(matrix.shape[1]))

    @classmethod
    def _of_rows(cls, rows: Array) -> MatrixMap:
        tile = cls.__new__(cls)
        tile._rows = rows
        tile.shape = (rows.shape[1], rows.shape[0])
        return tile

    def adjoint(self, Q: Array) -> Array:
        """BᵀQ."""
        return self._rows @ Q

    def apply(self, Z: Array) -> Array:
        """BZ."""
        return self._rows.T @ Z

    def tiles(self, width: int) -> Iterator[MatrixMap]:
        """Tiles of ``width`` columns, views of this map's memory."""
        for start in range(0, self.shape[1], width):
            yield self._of_rows(self._rows[start : start + width])

    def dense(self) -> Array:
        """The matrix itself."""
        return self._rows.T
