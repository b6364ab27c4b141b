r"""Data: the Bernoulli–Gaussian model of the theory, and real data that ship inside packages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from l4lib.data.frames import random_unit, random_untf
from l4lib.quartic import CirculantMap, as_signal_shape
from l4lib.validate import Array, as_array, as_count, as_dictionary, as_rng, as_theta

__all__ = [
    "CDLData",
    "ODLData",
    "Patches",
    "bernoulli_gaussian",
    "camera",
    "ecg",
    "make_cdl",
    "make_odl",
    "patches",
    "windows",
]


def bernoulli_gaussian(m: int, p: int, theta: float, *, rng: np.random.Generator) -> Array:
    """Independent coefficients that are N(0, 1) with probability θ and zero otherwise, written BG(θ).

    Parameters
    ----------
    m, p : int
        Numbers of atoms and of samples.
    theta : float
        Probability of a nonzero, in (0, 1).
    rng : numpy.random.Generator
        The source of randomness.

    Returns
    -------
    X : ndarray, shape (m, p)

    Raises
    ------
    TypeError, ValueError
        If m or p is not a positive whole number or θ lies outside (0, 1).

    Examples
    --------
    >>> import numpy as np
    >>> X = bernoulli_gaussian(4, 10_000, 0.25, rng=np.random.default_rng(0))
    >>> X.shape, bool(abs(np.count_nonzero(X) / X.size - 0.25) < 0.01)
    ((4, 10000), True)
    """
    m, p, theta, rng = as_count(m, "m"), as_count(p, "p"), as_theta(theta), as_rng(rng)
    X = rng.standard_normal((m, p))
    X *= rng.random((m, p)) < theta
    return X


@dataclass(frozen=True)
class ODLData:
    """A synthetic problem with its truth: Y = AX.

    Attributes
    ----------
    A : ndarray, shape (n, m)
        The dictionary.
    X : ndarray, shape (m, p)
        The coefficients.
    Y : ndarray, shape (n, p)
        The data.
    theta : float
        The sparsity level of X.
    """

    A: Array
    X: Array
    Y: Array
    theta: float


def make_odl(A: ArrayLike | tuple[int, int], p: int, theta: float, *, rng: np.random.Generator) -> ODLData:
    """Overcomplete dictionary learning data Y = AX with X ~ BG(θ).

    Parameters
    ----------
    A : array_like of shape (n, m), or a pair (n, m)
        The dictionary, or the size of a random UNTF to draw.
    p : int
        Number of samples.
    theta : float
        Sparsity level in (0, 1).
    rng : numpy.random.Generator
        The source of randomness.

    Returns
    -------
    ODLData

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range; see :func:`bernoulli_gaussian` and :func:`l4lib.data.random_untf`.

    Examples
    --------
    >>> import numpy as np
    >>> data = make_odl((8, 12), 1000, 0.1, rng=np.random.default_rng(0))
    >>> data.A.shape, data.Y.shape
    ((8, 12), (8, 1000))
    """
    if isinstance(A, tuple) and len(A) == 2 and all(np.ndim(size) == 0 for size in A):
        dictionary = random_untf(A[0], A[1], rng=rng)
    else:
        dictionary = as_dictionary(A)
    X = bernoulli_gaussian(dictionary.shape[1], p, theta, rng=rng)
    return ODLData(A=dictionary, X=X, Y=dictionary @ X, theta=as_theta(theta))


@dataclass(frozen=True)
class CDLData:
    """A synthetic convolutional problem with its truth: y_i = Σ_k a_k ⊛ x_ik.

    Attributes
    ----------
    kernels : ndarray, shape (n, K)
        The kernels a_k, zero-padded to the length of a sample.
    X : ndarray, shape (K, n, p)
        The coefficients: ``X[k, :, i]`` is x_ik.
    Y : ndarray, shape (n, p)
        The samples.
    theta : float
        The sparsity level of X.
    shape : tuple of int
        The shape of a sample: (n,) or (rows, columns).
    """

    kernels: Array
    X: Array
    Y: Array
    theta: float
    shape: tuple[int, ...]


def make_cdl(
    kernels: ArrayLike | tuple[int, int],
    p: int,
    theta: float,
    *,
    n: int | None = None,
    shape: tuple[int, ...] | None = None,
    rng: np.random.Generator,
) -> CDLData:
    """Convolutional dictionary learning data y_i = Σ_k a_k ⊛ x_ik (circular) with x_ik ~ BG(θ).

    Parameters
    ----------
    kernels : array_like of shape (ℓ, K), or a pair (n, K)
        The kernels as columns, or the size of K uniform random unit kernels to draw.
    p : int
        Number of samples.
    theta : float
        Sparsity level in (0, 1).
    n : int, optional
        Length of a sample, at least ℓ; kernels shorter than n are padded with zeros (one-dimensional signals only).
    shape : tuple of int, optional
        Shape of a sample if it is a picture; its sizes multiply to n.
    rng : numpy.random.Generator
        The source of randomness.

    Returns
    -------
    CDLData

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, a kernel is zero, or n < ℓ.

    Examples
    --------
    >>> import numpy as np
    >>> data = make_cdl((16, 2), 100, 0.1, rng=np.random.default_rng(0))
    >>> data.kernels.shape, data.X.shape, data.Y.shape
    ((16, 2), (2, 16, 100), (16, 100))
    """
    p, theta, rng = as_count(p, "p"), as_theta(theta), as_rng(rng)
    if isinstance(kernels, tuple) and len(kernels) == 2 and all(np.ndim(size) == 0 for size in kernels):
        short = random_unit(as_count(kernels[0], "n"), as_count(kernels[1], "K"), rng=rng)
    else:
        short = as_dictionary(kernels, "kernels")
    length = short.shape[0] if n is None else as_count(n, "n")
    if length < short.shape[0]:
        raise ValueError(f"n: expected at least the kernels' length {short.shape[0]}, got {length}")
    if length > short.shape[0] and shape is not None:
        raise ValueError("kernels: expected pictures padded to the full shape, got shorter kernels and a shape")
    A = np.zeros((length, short.shape[1]))
    A[: short.shape[0]] = short
    signal_shape = as_signal_shape(shape, length)
    K = A.shape[1]
    X = bernoulli_gaussian(K * length, p, theta, rng=rng)
    Y = CirculantMap(A, shape=signal_shape).apply(X)
    return CDLData(kernels=A, X=X.reshape(K, length, p), Y=Y, theta=theta, shape=signal_shape)


def windows(recording: ArrayLike, length: int, *, hop: int | None = None) -> Array:
    """Cut a long recording into windows, one a column.

    A window is treated as periodic by the convolutional model although the recording is not: what a kernel does
    across a window's two ends is lost, a fraction of about (kernel length)/(window length) of the events.

    Parameters
    ----------
    recording : array_like, shape (N,)
        The recording.
    length : int
        Length n of a window.
    hop : int, optional
        Samples between the beginnings of windows; by default half a window.

    Returns
    -------
    ndarray, shape (n, p)

    Raises
    ------
    TypeError, ValueError
        If the recording is shorter than a window, constant, or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> windows(np.arange(6.0), 4, hop=2)
    array([[0., 2.],
           [1., 3.],
           [2., 4.],
           [3., 5.]])
    """
    signal = as_array(recording, "recording", ndim=1, shape="(N,)")
    length = as_count(length, "length", minimum=2)
    step = length // 2 if hop is None else as_count(hop, "hop")
    if signal.size < length:
        raise ValueError(f"recording: expected at least one window of {length} samples, got {signal.size}")
    if np.ptp(signal) == 0.0:
        raise ValueError(f"recording: expected a signal that varies, got the constant {signal[0]}")
    return np.lib.stride_tricks.sliding_window_view(signal, length)[::step].T.copy()


def ecg() -> Array:
    """The electrocardiogram that ships in PyWavelets (an MIT-BIH excerpt, 1024 samples at 360 Hz), in its own units.

    Raises
    ------
    ImportError
        If PyWavelets is missing; the message names the extra that brings it.

    Examples
    --------
    >>> ecg().shape
    (1024,)
    """
    return np.asarray(_pywt_data().ecg(), dtype=np.float64)


def camera() -> Array:
    """The 512 × 512 "camera" photograph that ships in PyWavelets, as floats in [0, 1].

    Raises
    ------
    ImportError
        If PyWavelets is missing; the message names the extra that brings it.

    Examples
    --------
    >>> camera().shape
    (512, 512)
    """
    return np.asarray(_pywt_data().camera(), dtype=np.float64) / 255.0


def _pywt_data() -> Any:
    try:
        import pywt.data
    except ImportError:
        raise ImportError("this data set ships in PyWavelets: pip install PyWavelets") from None
    return pywt.data


@dataclass(frozen=True)
class Patches:
    """Image patches without their mean, in coordinates in which they have full rank.

    Attributes
    ----------
    Y : ndarray, shape (n, p)
        The samples: coordinates in the leading principal directions.
    basis : ndarray, shape (size², n)
        Orthonormal principal directions as pictures.
    size : int
        Edge of a patch in pixels.
    explained : float
        Fraction of the patches' variance that the n directions carry.
    """

    Y: Array
    basis: Array
    size: int
    explained: float

    def to_pixels(self, A: ArrayLike) -> Array:
        """Vectors in these coordinates as pictures, shape (size, size, m).

        Raises
        ------
        ValueError
            If the vectors do not have n coordinates.

        Examples
        --------
        >>> import numpy as np
        >>> data = patches(camera(), 6, 500, components=20, rng=np.random.default_rng(0))
        >>> data.to_pixels(np.eye(20)).shape
        (6, 6, 20)
        """
        vectors = as_array(A, "A", ndim=2, shape="(n, m)")
        if vectors.shape[0] != self.basis.shape[1]:
            raise ValueError(f"A: expected shape ({self.basis.shape[1]}, m), got {vectors.shape}")
        return (self.basis @ vectors).reshape(self.size, self.size, -1)


def patches(image: ArrayLike, size: int, p: int, *, components: int | None = None, rng: np.random.Generator) -> Patches:
    """Random square patches of a grey picture, each without its mean, in principal coordinates.

    Parameters
    ----------
    image : array_like, shape (rows, columns)
        The picture.
    size : int
        Edge of a patch in pixels, at least 2.
    p : int
        How many patches.
    components : int, optional
        Principal directions kept; by default all size² − 1 that patches without mean can have.
        The last ones carry mostly noise of the camera, which whitening would blow up.
    rng : numpy.random.Generator
        The source of randomness.

    Returns
    -------
    Patches

    Raises
    ------
    TypeError, ValueError
        If the picture is smaller than a patch, not finite, or constant, or components is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> data = patches(camera(), 8, 1000, components=40, rng=np.random.default_rng(0))
    >>> data.Y.shape, data.explained > 0.95
    ((40, 1000), True)
    """
    picture = as_array(image, "image", ndim=2, shape="(rows, columns)")
    size, p, rng = as_count(size, "size", minimum=2), as_count(p, "p"), as_rng(rng)
    rows, columns = picture.shape
    if size > min(rows, columns):
        raise ValueError(
            f"size: expected at most {min(rows, columns)} for a picture of shape {picture.shape}, got {size}"
        )
    if np.ptp(picture) == 0.0:
        raise ValueError(f"image: expected a picture that varies, got the constant {picture.flat[0]}")
    full = size * size - 1
    keep = full if components is None else as_count(components, "components")
    if keep > full:
        raise ValueError(f"components: expected at most size**2 - 1 = {full}, got {keep}")
    windows = np.lib.stride_tricks.sliding_window_view(picture, (size, size))
    corner_rows = rng.integers(0, windows.shape[0], p)
    corner_columns = rng.integers(0, windows.shape[1], p)
    samples = windows[corner_rows, corner_columns].reshape(p, size * size).T.copy()
    samples -= samples.mean(axis=0)
    variances, directions = np.linalg.eigh(samples @ samples.T)
    basis = directions[:, ::-1][:, :keep]
    basis = basis * np.where(basis[np.abs(basis).argmax(axis=0), np.arange(keep)] < 0, -1.0, 1.0)
    explained = float(variances[::-1][:keep].sum() / variances.sum())
    return Patches(Y=basis.T @ samples, basis=basis, size=size, explained=explained)
