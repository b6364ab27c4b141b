r"""The linear maps B that the quartic objective −c Σ_i (b_iᵀq)⁴ sees its data through.

A map has n rows and N columns b_i and offers Z = BᵀQ (:meth:`LinearMap.adjoint`) and BZ (:meth:`LinearMap.apply`).
It can be cut into tiles of consecutive columns, so that an evaluation over many samples and many points keeps its
intermediate in cache and its memory bounded.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from math import prod

import numpy as np
from numpy.typing import ArrayLike
from scipy import fft

from l4lib.validate import Array, as_array, as_count

__all__ = ["CirculantMap", "LinearMap", "MatrixMap", "as_signal_shape", "spectrum"]


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


def as_signal_shape(shape: tuple[int, ...] | None, n: int) -> tuple[int, ...]:
    """The shape of the periodic signals that columns of length n hold: (n,) by default, (rows, columns) for pictures.

    Raises
    ------
    TypeError, ValueError
        If an entry is not a positive whole number, or the entries do not multiply to n.

    Examples
    --------
    >>> as_signal_shape(None, 12), as_signal_shape((3, 4), 12)
    ((12,), (3, 4))
    """
    if shape is None:
        return (n,)
    if not isinstance(shape, tuple | list):
        raise TypeError(f"shape: expected a tuple of whole numbers, got {shape!r}")
    sizes = tuple(as_count(size, "shape") for size in shape)
    if prod(sizes) != n:
        raise ValueError(f"shape: expected sizes that multiply to the {n} rows, got {sizes}")
    return sizes


def spectrum(V: Array, shape: tuple[int, ...]) -> np.ndarray:
    """The real discrete Fourier transform of each column, one a row: (r, …) for V of shape (n, r).

    Examples
    --------
    >>> import numpy as np
    >>> spectrum(np.eye(4)[:, :1], (4,)).real
    array([[1., 1., 1.]])
    """
    columns = V.shape[1]
    return np.asarray(fft.rfftn(V.T.reshape(columns, *shape), axes=range(1, 1 + len(shape))))


class CirculantMap(LinearMap):
    r"""B = [C_{y_1} … C_{y_p}], all circular shifts of all samples, applied by FFT in O(p n log n).

    C_v is the circulant matrix with C_v w = v ⊛ w, whose columns are the shifts of v.
    The column (i, j) of B, at position i·n + j, is the sample y_i shifted by j.

    Parameters
    ----------
    Y : array_like, shape (n, p)
        The samples, one a column.
    shape : tuple of int, optional
        The shape of a sample; ``(rows, columns)`` makes the convolution two-dimensional.

    Raises
    ------
    TypeError, ValueError
        If Y is not a finite matrix or the shape does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> B = CirculantMap(np.array([[1.0], [2.0], [0.0]]))
    >>> B.dense().round(12) + 0.0
    array([[1., 0., 2.],
           [2., 1., 0.],
           [0., 2., 1.]])
    """

    def __init__(self, Y: ArrayLike, *, shape: tuple[int, ...] | None = None) -> None:
        samples = as_array(Y, "Y", ndim=2, shape="(n, p)")
        self.signal_shape = as_signal_shape(shape, samples.shape[0])
        self._spectra = spectrum(samples, self.signal_shape)
        self.shape = (samples.shape[0], samples.shape[0] * samples.shape[1])

    @classmethod
    def _of_spectra(cls, spectra: np.ndarray, signal_shape: tuple[int, ...]) -> CirculantMap:
        tile = cls.__new__(cls)
        tile.signal_shape = signal_shape
        tile._spectra = spectra
        n = prod(signal_shape)
        tile.shape = (n, n * spectra.shape[0])
        return tile

    @property
    def _axes(self) -> tuple[int, ...]:
        return tuple(range(-len(self.signal_shape), 0))

    def adjoint(self, Q: Array) -> Array:
        """BᵀQ: the circular correlations of every sample with every point."""
        batch = spectrum(Q.reshape(self.shape[0], -1), self.signal_shape)
        product = np.conj(self._spectra)[None] * batch[:, None]
        Z = fft.irfftn(product, s=self.signal_shape, axes=self._axes, overwrite_x=True)
        return np.asarray(Z.reshape(-1) if Q.ndim == 1 else Z.reshape(batch.shape[0], -1).T)

    def apply(self, Z: Array) -> Array:
        """BZ: the sum over the samples of their circular convolutions with the columns' segments."""
        segments = Z.T.reshape(-1, self._spectra.shape[0], *self.signal_shape)
        product = fft.rfftn(segments, axes=self._axes)
        product *= self._spectra
        V = fft.irfftn(product.sum(axis=1), s=self.signal_shape, axes=self._axes)
        return np.asarray(V.reshape(-1) if Z.ndim == 1 else V.reshape(segments.shape[0], -1).T)

    def tiles(self, width: int) -> Iterator[CirculantMap]:
        """Tiles of whole samples (n columns each), at least one."""
        step = max(1, width // self.shape[0])
        for start in range(0, self._spectra.shape[0], step):
            yield self._of_spectra(self._spectra[start : start + step], self.signal_shape)
