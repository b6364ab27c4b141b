"""Checks at the public border: every error says what came and what was wanted.

Public functions call these on their arguments once; the kernels behind them trust their input.

Examples
--------
>>> from l4lib.validate import as_theta
>>> as_theta(1.0)
Traceback (most recent call last):
...
ValueError: theta: expected a number in the open interval (0, 1), got 1.0
"""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Array",
    "as_array",
    "as_count",
    "as_data",
    "as_dictionary",
    "as_points",
    "as_positive",
    "as_rng",
    "as_theta",
    "as_tolerance",
    "as_unit_points",
    "enough_samples",
]

Array = NDArray[np.float64]

_SMALLEST = 1e-70
"""Of the scale of data: fourth powers of it, and of its inverse, summed over many samples, are ordinary numbers."""


def _describe(value: Any) -> str:
    """A few words on a value, short enough for one line of an error message."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    if hasattr(value, "toarray") and hasattr(value, "shape"):
        return f"a sparse matrix of shape {value.shape}; pass its .toarray()"
    if isinstance(value, list | tuple):
        lengths = {np.size(row) for row in value}
        if len(lengths) > 1:
            return f"{len(value)} rows of different lengths, {min(lengths)} to {max(lengths)}"
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{type(value).__name__} {text[:57]}..."


def _is_missing(entry: Any) -> bool:
    return entry is None or type(entry).__name__ in ("NAType", "NaTType")


def _numeric(value: Any, name: str, shape: str) -> NDArray[Any]:
    """The value as a real numeric array of any shape, with no missing entry and nothing that is not a number."""
    if isinstance(value, np.ma.MaskedArray):
        masked = int(np.ma.count_masked(value))
        if masked:
            raise ValueError(
                f"{name}: expected no missing entries, got {masked} of {value.size} masked; fill or drop them"
            )
        value = value.data
    try:
        given = np.asarray(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: expected a numeric array of shape {shape}, got {_describe(value)}") from None
    kind, entries = given.dtype.kind, (list(given.flat) if given.dtype.kind == "O" else [])  # of objects only
    if given.ndim:
        missing = sum(_is_missing(entry) for entry in entries)
        if missing:
            raise ValueError(f"{name}: expected no missing entries, got {missing} of {given.size}; fill or drop them")
    if kind == "c" or any(isinstance(entry, complex) for entry in entries):
        raise TypeError(f"{name}: expected real numbers, got {_describe(given)}")
    if kind not in "biufO" or any(not hasattr(entry, "__float__") for entry in entries):
        raise TypeError(f"{name}: expected a numeric array of shape {shape}, got {_describe(value)}")
    return given


def as_array(
    value: ArrayLike, name: str, *, ndim: int | tuple[int, ...], shape: str, check_finite: bool = True
) -> Array:
    """A finite float64 array with one of the wanted numbers of dimensions.

    Parameters
    ----------
    value : array_like
        What the caller passed.
    name : str
        The argument's name, which opens the message.
    ndim : int or tuple of int
        The admissible numbers of dimensions.
    shape : str
        The wanted shape in the book's letters, for the message, such as ``"(n, m)"``.
    check_finite : bool
        Look at every entry; False where the caller finds out otherwise (from a Gram matrix, say).

    Raises
    ------
    TypeError
        If the value is not numeric or is complex.
    ValueError
        If the number of dimensions is wrong, the array is empty, or an entry is missing, masked, NaN or infinite.

    Examples
    --------
    >>> as_array([1, 2], "q", ndim=1, shape="(n,)")
    array([1., 2.])
    """
    array = np.asarray(_numeric(value, name, shape), dtype=np.float64)
    wanted = (ndim,) if isinstance(ndim, int) else ndim
    if array.ndim not in wanted:
        raise ValueError(f"{name}: expected shape {shape}, got {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name}: expected shape {shape} with at least one entry, got {array.shape}")
    if not check_finite:
        return array
    finite = np.isfinite(array)
    if not finite.all():
        count = int(array.size - np.count_nonzero(finite))
        first = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise ValueError(
            f"{name}: expected finite numbers, got {count} NaN or infinite of {array.size}, first at index {first}"
        )
    return array


def _refuse_zero_columns(array: Array, name: str, what: str) -> None:
    zero = np.flatnonzero(~np.any(array, axis=0))
    if zero.size:
        raise ValueError(
            f"{name}: expected nonzero {what}, got {zero.size} zero column(s), first at index {int(zero[0])}"
        )


def as_dictionary(A: ArrayLike, name: str = "A") -> Array:
    """A dictionary: shape (n, m), finite, no zero column (atoms are the columns).

    Raises
    ------
    TypeError, ValueError
        If the array is not numeric, two-dimensional and finite, or has a zero column.

    Examples
    --------
    >>> as_dictionary([[1, 0], [0, 0]])
    Traceback (most recent call last):
    ...
    ValueError: A: expected nonzero atoms, got 1 zero column(s), first at index 1
    """
    array = as_array(A, name, ndim=2, shape="(n, m)")
    _refuse_zero_columns(array, name, "atoms")
    return array


def as_data(Y: ArrayLike, name: str = "Y", *, full_rank: bool = False) -> Array:
    """Data: shape (n, p) with one sample a column.

    Parameters
    ----------
    Y : array_like, shape (n, p)
        The samples; zero columns are samples that happened to be empty and are allowed, all-zero data is not.
    name : str
        The argument's name for the message.
    full_rank : bool
        Also demand p >= n and a second-moment matrix of rank n, which whitening needs.

    Raises
    ------
    TypeError, ValueError
        If the array is not numeric, two-dimensional and finite, is zero, constant in every entry, of a scale whose
        fourth powers over- or underflow, or (with ``full_rank``) has fewer samples than dimensions or does not span
        them.

    Examples
    --------
    >>> import numpy as np
    >>> as_data(np.ones((100, 3)), full_rank=True)
    Traceback (most recent call last):
    ...
    ValueError: Y: expected data that vary, got the constant 1.0 in all 300 entries
    """
    array = as_array(Y, name, ndim=(1, 2, 3), shape="(n, p)")
    if array.ndim != 2:
        advice = {
            1: "cut a recording into windows first, see l4lib.data.windows",
            3: "reshape each trial or picture to one column, or take one channel at a time",
        }
        raise ValueError(f"{name}: expected shape (n, p), got {array.shape}; {advice[array.ndim]}")
    low, high = float(array.min()), float(array.max())
    largest = max(-low, high)
    if largest and not _SMALLEST <= largest <= 1.0 / _SMALLEST:
        raise ValueError(
            f"{name}: expected a scale whose fourth powers are finite and not zero, got a largest entry {largest:.1e}; "
            "divide by it first"
        )
    if array.size > 1 and low == high:
        raise ValueError(
            f"{name}: expected data that vary, got the constant {array.flat[0]} in all {array.size} entries"
        )
    if not full_rank:
        return array
    full_rank_spectrum(array @ array.T, array.shape, name)
    return array


def enough_samples(shape: tuple[int, ...], name: str = "Y") -> None:
    """Refuse fewer samples (columns) than dimensions (rows), before anything large is computed from them.

    Raises
    ------
    ValueError
        If p < n for the shape (n, p).
    """
    n, p = shape
    if p < n:
        raise ValueError(
            f"{name}: expected shape (n, p) with at least as many samples (columns) as dimensions (rows), "
            f"got {shape}; if the samples are the rows, pass {name}.T"
        )


def full_rank_spectrum(gram: Array, shape: tuple[int, ...], name: str = "Y") -> tuple[Array, Array, Array]:
    """The spectrum of a Gram matrix in equal units, if data of the given shape span R^n.

    Rows may be in different units: rank is judged after each has been divided by its root mean square.

    Parameters
    ----------
    gram : ndarray, shape (n, n)
        YYᵀ or a multiple of it.
    shape : tuple of int
        The shape of Y.
    name : str
        The argument's name for the message.

    Returns
    -------
    scale : ndarray, shape (n,)
        Roots of the diagonal of the Gram matrix.
    spectrum, directions : ndarray, shapes (n,) and (n, n)
        Eigenvalues and eigenvectors of the Gram matrix divided by ``scale`` from both sides.

    Raises
    ------
    ValueError
        If there are fewer samples than dimensions, a row is zero, or the rows are linearly dependent.

    Examples
    --------
    >>> import numpy as np
    >>> full_rank_spectrum(np.diag([1.0, 1e-20]), (2, 50))[1]
    array([1., 1.])
    """
    n, _ = shape
    enough_samples(shape, name)
    scale = np.sqrt(np.diag(gram))
    zero = np.flatnonzero(scale == 0)
    if zero.size:
        raise ValueError(
            f"{name}: expected samples that span all {n} dimensions, got rank {n - zero.size} or less from shape "
            f"{shape}: row {int(zero[0])} does not vary (or its squares underflow)"
        )
    spectrum, directions = np.linalg.eigh(gram / scale[:, None] / scale)
    rank = int(np.count_nonzero(spectrum > spectrum[-1] * n * np.finfo(float).eps * 8))
    if rank < n:
        raise ValueError(
            f"{name}: expected samples that span all {n} dimensions, got rank {rank} from shape {shape}: some "
            f"rows are linear combinations of others (an average reference, say); pass U.T @ {name}, U the leading "
            "left singular vectors"
        )
    return scale, spectrum, directions


def as_points(Q: ArrayLike, n: int, name: str = "Q") -> Array:
    """One point of shape (n,) or a batch of shape (n, r), finite.

    Raises
    ------
    TypeError, ValueError
        If the array is not numeric and finite or its first dimension is not n.

    Examples
    --------
    >>> as_points([1.0, 0.0], 3, "q")
    Traceback (most recent call last):
    ...
    ValueError: q: expected shape (3,) or (3, r), got (2,)
    """
    array = as_array(Q, name, ndim=(1, 2), shape=f"({n},) or ({n}, r)")
    if array.shape[0] != n:
        raise ValueError(f"{name}: expected shape ({n},) or ({n}, r), got {array.shape}")
    return array


def as_unit_points(Q: ArrayLike, n: int, name: str = "Q", *, atol: float = 1e-8) -> Array:
    """Points on the sphere: as :func:`as_points`, with every column of unit norm up to ``atol``.

    Raises
    ------
    TypeError, ValueError
        As :func:`as_points`, or if a column is not a unit vector.

    Examples
    --------
    >>> as_unit_points([3.0, 4.0], 2, "q")
    Traceback (most recent call last):
    ...
    ValueError: q: expected unit vectors, got norms between 5 and 5
    """
    array = as_points(Q, n, name)
    norms = np.linalg.norm(array, axis=0)
    if np.max(np.abs(norms - 1.0)) > atol:
        raise ValueError(f"{name}: expected unit vectors, got norms between {np.min(norms):g} and {np.max(norms):g}")
    return array


def as_theta(theta: Any, name: str = "theta") -> float:
    """The sparsity level: a number with 0 < theta < 1 (at 1 the coefficients are Gaussian and carry no signal).

    Raises
    ------
    TypeError, ValueError
        If it is not a real number, or lies outside the open interval.

    Examples
    --------
    >>> as_theta(0.1)
    0.1
    """
    if not isinstance(theta, numbers.Real) or isinstance(theta, bool):
        raise TypeError(f"{name}: expected a number in the open interval (0, 1), got {_describe(theta)}")
    value = float(theta)
    if not 0.0 < value < 1.0:
        raise ValueError(f"{name}: expected a number in the open interval (0, 1), got {value}")
    return value


def as_count(value: Any, name: str, *, minimum: int = 1) -> int:
    """A whole number of at least ``minimum``.

    Raises
    ------
    TypeError, ValueError
        If it is not an integer, or is too small.

    Examples
    --------
    >>> as_count(0, "p")
    Traceback (most recent call last):
    ...
    ValueError: p: expected a whole number of at least 1, got 0
    """
    if not isinstance(value, numbers.Integral) or isinstance(value, bool):
        raise TypeError(f"{name}: expected a whole number of at least {minimum}, got {_describe(value)}")
    number = int(value)
    if number < minimum:
        raise ValueError(f"{name}: expected a whole number of at least {minimum}, got {number}")
    return number


def as_positive(value: Any, name: str) -> float:
    """A finite number above zero.

    Raises
    ------
    TypeError, ValueError
        If it is not a real number, or is not finite and positive.

    Examples
    --------
    >>> as_positive(-1.0, "c")
    Traceback (most recent call last):
    ...
    ValueError: c: expected a finite number above 0, got -1.0
    """
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise TypeError(f"{name}: expected a finite number above 0, got {_describe(value)}")
    number = float(value)
    if not (np.isfinite(number) and number > 0.0):
        raise ValueError(f"{name}: expected a finite number above 0, got {number}")
    return number


def as_tolerance(value: Any, name: str) -> float:
    """A number strictly between 0 and 1, as a tolerance on cosines or relative errors.

    Raises
    ------
    TypeError, ValueError
        If it is not a real number, or lies outside the open interval.

    Examples
    --------
    >>> as_tolerance(1e-3, "tol")
    0.001
    """
    return as_theta(value, name)


def as_rng(rng: Any, name: str = "rng") -> np.random.Generator:
    """A NumPy random generator; seeds and ``None`` are refused, so that no run depends on a hidden seed.

    Raises
    ------
    TypeError
        If it is anything but a ``numpy.random.Generator``.

    Examples
    --------
    >>> as_rng(0)
    Traceback (most recent call last):
    ...
    TypeError: rng: expected a numpy.random.Generator such as numpy.random.default_rng(seed), got 0
    """
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"{name}: expected a numpy.random.Generator such as numpy.random.default_rng(seed), got {_describe(rng)}"
        )
    return rng
