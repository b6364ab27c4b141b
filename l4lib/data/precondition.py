r"""Whitening: the linear change of coordinates that makes any full-rank dictionary a tight frame.

:func:`whitening` does it with a matrix, :func:`circular_whitening` with a filter, for data in which every circular
shift of a sample is as good as the sample.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import ArrayLike
from scipy import fft

from l4lib.quartic import as_signal_shape, spectrum
from l4lib.validate import Array, as_array, as_data, as_positive, as_tolerance, full_rank_spectrum

__all__ = [
    "CircularWhitening",
    "Whitening",
    "circular_whitening",
    "in_equal_units",
    "mean_power",
    "whiten",
    "whitening",
    "whitening_of_moment",
]

_TILE = 1 << 22
"""How many numbers are transformed at once."""


@dataclass(frozen=True)
class Whitening:
    """A whitening matrix W and its inverse.

    Attributes
    ----------
    W, inverse : ndarray, shape (n, n)
        The whitening matrix and its inverse.
    condition : float
        Condition number of W, the square root of that of the second-moment matrix.
    """

    W: Array
    inverse: Array
    condition: float

    def apply(self, Y: ArrayLike) -> Array:
        """WY, shape (n, p).

        Examples
        --------
        >>> import numpy as np
        >>> Y = np.random.default_rng(0).standard_normal((3, 100))
        >>> W = whitening(Y)
        >>> bool(np.allclose(W.undo(W.apply(Y)), Y))
        True
        """
        return self.W @ self._columns(Y, "Y")

    def undo(self, A: ArrayLike) -> Array:
        """W⁻¹A, shape (n, m): atoms found in whitened coordinates, back in the coordinates of the data.

        Raises
        ------
        ValueError
            If the array does not have n rows.
        """
        return self.inverse @ self._columns(A, "A")

    def _columns(self, V: ArrayLike, name: str) -> Array:
        array = as_array(V, name, ndim=(1, 2), shape="(n,) or (n, m)")
        if array.shape[0] != self.W.shape[0]:
            raise ValueError(f"{name}: expected {self.W.shape[0]} rows, got shape {array.shape}")
        return array


def whitening(Y: ArrayLike, *, scale: float = 1.0) -> Whitening:
    r"""The whitening matrix W = √scale · (YYᵀ/p)^{−1/2}.

    Where the rows are in units so different that this root cannot be computed, the root is taken in equal units.

    With ``scale`` = Kθ this is the book's :math:`\sqrt K\,(YY^\top/(p\theta))^{-1/2}`, which takes the dictionary A of
    Y = AX to a frame with :math:`WA(WA)^\top \to K I`.
    Minimisers on the sphere do not depend on the scale.

    Parameters
    ----------
    Y : array_like, shape (n, p)
        Data of full rank, p >= n.
    scale : float
        Wanted value of WYYᵀW/p, a multiple of the identity.

    Returns
    -------
    Whitening

    Raises
    ------
    TypeError, ValueError
        If the data are not finite, or do not span R^n (too few samples, transposed, constant).

    References
    ----------
    Claim ``whitening-tight``.

    Examples
    --------
    >>> import numpy as np
    >>> Y = np.random.default_rng(0).standard_normal((3, 500)) * np.array([[1.0], [5.0], [9.0]])
    >>> Z = whitening(Y).apply(Y)
    >>> bool(np.allclose(Z @ Z.T / 500, np.eye(3)))
    True
    """
    data = as_data(Y)
    return _symmetric(data @ data.T / data.shape[1], data.shape, as_positive(scale, "scale"))


def whitening_of_moment(S: ArrayLike, *, scale: float = 1.0) -> Whitening:
    """The whitening matrix √scale · S^{−1/2} of data with second-moment matrix S.

    Parameters
    ----------
    S : array_like, shape (n, n)
        Symmetric positive definite.
    scale : float
        Wanted second moment after whitening, a multiple of the identity.

    Raises
    ------
    TypeError, ValueError
        If S is not finite, square and positive definite.

    Examples
    --------
    >>> import numpy as np
    >>> whitening_of_moment(np.diag([4.0, 9.0])).W.round(4)
    array([[0.5   , 0.    ],
           [0.    , 0.3333]])
    """
    second = as_array(S, "S", ndim=2, shape="(n, n)")
    scale = as_positive(scale, "scale")
    n = second.shape[0]
    if second.shape != (n, n):
        raise ValueError(f"S: expected a square matrix, got shape {second.shape}")
    try:
        return _symmetric(second, (n, n), scale)
    except ValueError:
        raise ValueError(
            f"S: expected a positive definite second-moment matrix (samples that span all {n} dimensions), got "
            f"{_least(second)}"
        ) from None


def _least(second: Array) -> str:
    values = np.linalg.eigvalsh(second)
    return f"eigenvalues from {values[0]:.3g} to {values[-1]:.3g}"


def in_equal_units(second: Array, shape: tuple[int, ...], name: str = "Y") -> Whitening:
    r"""The whitening W = (D⁻¹SD⁻¹)^{−1/2}D⁻¹ with the roots D of the diagonal of S: a change of units changes nothing.

    Parameters
    ----------
    second : ndarray, shape (n, n)
        Second-moment matrix S.
    shape : tuple of int
        Shape of the data, for the message.
    name : str
        Name of the data, for the message.

    Raises
    ------
    ValueError
        If the data do not span R^n.

    Examples
    --------
    >>> import numpy as np
    >>> in_equal_units(np.array([[1.0, 0.0], [0.0, 1e-30]]), (2, 9)).W.diagonal()
    array([1.e+00, 1.e+15])
    """
    units, variances, directions = full_rank_spectrum(second, shape, name)
    root = np.sqrt(variances)
    return Whitening(
        W=(directions / root) @ directions.T / units,
        inverse=units[:, None] * ((directions * root) @ directions.T),
        condition=float(root[-1] / root[0]),
    )


def _symmetric(second: Array, shape: tuple[int, ...], scale: float) -> Whitening:
    """√scale · S^{−1/2}, or where units differ too much for that to be computed, :func:`in_equal_units`."""
    equal = in_equal_units(second, shape)
    variances, directions = np.linalg.eigh(second)
    if variances[0] <= variances[-1] * second.shape[0] * np.finfo(float).eps * 8:
        return Whitening(equal.W * np.sqrt(scale), equal.inverse / np.sqrt(scale), equal.condition)
    root = np.sqrt(variances / scale)
    return Whitening(
        W=(directions / root) @ directions.T,
        inverse=(directions * root) @ directions.T,
        condition=float(root[-1] / root[0]),
    )


def whiten(Y: ArrayLike, *, scale: float = 1.0) -> Array:
    """The whitened data WY; :func:`whitening` also gives the way back.

    Examples
    --------
    >>> import numpy as np
    >>> Z = whiten(np.random.default_rng(0).standard_normal((2, 50)), scale=3.0)
    >>> bool(np.allclose(Z @ Z.T / 50, 3.0 * np.eye(2)))
    True
    """
    return whitening(Y, scale=scale).apply(Y)


@dataclass(frozen=True)
class CircularWhitening:
    """The preconditioner P as a filter: a real gain per frequency.

    Attributes
    ----------
    gain : ndarray
        The eigenvalues of P, laid out as by the real FFT of one sample.
    shape : tuple of int
        Shape of a sample.
    condition : float
        Largest gain over smallest.
    regularised : int
        How many frequencies (of the real FFT) had so little power that their gain was capped.
    """

    gain: Array
    shape: tuple[int, ...]
    condition: float
    regularised: int

    def apply(self, V: ArrayLike) -> Array:
        """PV, column by column, for V of shape (n,) or (n, r).

        Raises
        ------
        TypeError, ValueError
            If V is not finite or does not have n rows.
        """
        return self._filter(V, self.gain)

    def undo(self, V: ArrayLike) -> Array:
        """P⁻¹V: from white coordinates back to those of the data.

        Raises
        ------
        TypeError, ValueError
            If V is not finite or does not have n rows.
        """
        return self._filter(V, 1.0 / self.gain)

    @classmethod
    def of_power(
        cls, power: ArrayLike, *, shape: tuple[int, ...], scale: float = 1.0, floor: float | None = None
    ) -> CircularWhitening:
        """The preconditioner of samples whose mean power spectrum is known (see :func:`mean_power`).

        Parameters
        ----------
        power : array_like
            Mean power by frequency, laid out as by the real FFT of one sample.
        shape : tuple of int
            Shape of a sample.
        scale, floor
            As for :func:`circular_whitening`.

        Raises
        ------
        TypeError, ValueError
            If a frequency has no power and no ``floor`` is given.

        Warns
        -----
        RuntimeWarning
            If frequencies were regularised.

        Examples
        --------
        >>> CircularWhitening.of_power([4.0, 1.0, 1.0], shape=(4,)).gain
        array([0.5, 1. , 1. ])
        """
        power = as_array(power, "power", ndim=len(shape), shape="of the real FFT of one sample")
        scale = as_positive(scale, "scale")
        top = float(power.max())
        least = 1e-12 if floor is None else as_tolerance(floor, "floor")
        low = power <= least * top
        if low.any():
            if floor is None:
                where = tuple(int(i) for i in np.argwhere(low)[0])
                raise ValueError(
                    f"Y: expected power at every frequency, got {int(low.sum())} of {low.size} frequencies below "
                    f"{least:g} of the largest, first at index {where}; pass floor=1e-6, say, to cap their gain"
                )
            warnings.warn(
                f"circular_whitening: the gain of {int(low.sum())} of {low.size} frequencies was capped "
                f"(floor {floor:g})",
                RuntimeWarning,
                stacklevel=3,
            )
            power = np.maximum(power, least * top)
        gain = np.sqrt(scale / power)
        return cls(gain=gain, shape=shape, condition=float(gain.max() / gain.min()), regularised=int(low.sum()))

    def _filter(self, V: ArrayLike, gain: Array) -> Array:
        array = as_array(V, "V", ndim=(1, 2), shape="(n,) or (n, r)")
        n = prod(self.shape)
        if array.shape[0] != n:
            raise ValueError(f"V: expected {n} rows, got shape {array.shape}")
        columns = array.reshape(n, -1)
        filtered = fft.irfftn(spectrum(columns, self.shape) * gain, s=self.shape, axes=range(1, 1 + len(self.shape)))
        return np.asarray(filtered.reshape(columns.shape[1], n).T.reshape(array.shape))


def circular_whitening(
    Y: ArrayLike, *, scale: float = 1.0, floor: float | None = None, shape: tuple[int, ...] | None = None
) -> CircularWhitening:
    r"""The circulant preconditioner P = √scale · ((1/(np)) Σ_i C_{y_i}C_{y_i}ᵀ)^{−1/2}, a filter.

    With ``scale`` = Kθ it is the book's
    :math:`P = \bigl(\frac{1}{\theta nKp}\sum_i C_{y_i}C_{y_i}^\top\bigr)^{-1/2}`.
    In the Fourier basis the matrix is diagonal with the mean power spectrum
    :math:`\sum_i|\hat y_i|^2/(np)` of the data.

    Parameters
    ----------
    Y : array_like, shape (n, p)
        The samples; one is enough if its spectrum has no zero.
    scale : float
        Wanted value of the whitened spectrum.
    floor : float, optional
        Least power of a frequency, as a fraction of the largest, in (0, 1); below it the gain is capped, which is
        counted in ``regularised`` and warned of.
        Without it a spectrum that falls below 10⁻¹² of its largest value is refused.
    shape : tuple of int, optional
        Shape of a sample if it is a picture.

    Returns
    -------
    CircularWhitening

    Raises
    ------
    TypeError, ValueError
        If the data are not finite, vary too little, or have a spectral zero and no ``floor`` is given.

    Warns
    -----
    RuntimeWarning
        If frequencies were regularised.

    Examples
    --------
    >>> import numpy as np
    >>> P = circular_whitening(np.random.default_rng(0).standard_normal((8, 100)))
    >>> P.gain.shape, P.regularised, P.condition < 2
    ((5,), 0, True)
    """
    data = as_data(Y)
    signal_shape = as_signal_shape(shape, data.shape[0])
    return CircularWhitening.of_power(mean_power(data, signal_shape), shape=signal_shape, scale=scale, floor=floor)


def mean_power(Y: Array, shape: tuple[int, ...]) -> Array:
    r"""The mean power spectrum :math:`\sum_i|\hat y_i|^2/(np)` of samples, laid out as by the real FFT of one sample.

    Samples are transformed in tiles, so that memory stays bounded.

    Parameters
    ----------
    Y : ndarray, shape (n, p)
        The samples.
    shape : tuple of int
        Shape of a sample.

    Examples
    --------
    >>> import numpy as np
    >>> mean_power(np.eye(4), (4,))
    array([0.25, 0.25, 0.25])
    """
    n, p = Y.shape
    step = max(1, _TILE // n)
    total = 0.0
    for start in range(0, p, step):
        hat = spectrum(Y[:, start : start + step], shape)
        total = total + np.sum(hat.real**2 + hat.imag**2, axis=0)
    return np.asarray(total) / (n * p)
