r"""Samples, checked and whitened once, as recovery wants them: single precision, one a row, loud ones toned down.

Fourth powers of white samples z are decided by the few loudest, those of directions z/‖z‖ count the quietest as much as
any.
Between the two stand the *tempered* samples v = z‖z‖^{−1/2}, scaled so that the mean of ‖v‖⁴ is one: each enters fourth
moments with the weight ‖z‖², which is what it contributes to the covariance.
A sample quieter than a twentieth of the root mean square norm is left out: what remains of an empty sample after
centring, or under noise, has a direction that says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from l4lib.data.precondition import Whitening, in_equal_units
from l4lib.validate import Array, as_array, as_rng, enough_samples

__all__ = ["Samples", "cubed", "fourth_powers"]

QUIET = 0.05
"""Samples below this share of the root mean square norm are left out."""
LOUD = 20.0
"""So are samples above this multiple of the median norm of the others: one of them would count like 400."""
_SKEW, _SKEW_SIGMAS = 0.005, 5.0
"""Coefficients are taken for asymmetric if ``skew`` and ``skew_sigmas`` are above these."""
_SINGLE = 1e3
"""Condition number, in equal units, up to which the data are whitened in single precision."""
_NEAR = 10.0
"""And how many standard deviations of a row its mean may be from zero for that."""
_BLOCK = 64
"""Consecutive samples that stay together, if there are so many blocks of so many."""
_TILE, _NUMBERS = 4096, 1 << 17
"""Samples at a time, at most, and numbers (of samples, and of their products with points): what the cache holds."""


def cubed(rows: np.ndarray, Q: Array) -> Array:
    """Σ_k ⟨q, v_k⟩³ v_k for each column q of Q, over tiles of samples, added in double precision.

    Parameters
    ----------
    rows : ndarray, shape (p, n)
        Samples, one a row; products are taken in their precision.
    Q : ndarray, shape (n, r)
        Points.

    Returns
    -------
    ndarray, shape (n, r)

    Examples
    --------
    >>> import numpy as np
    >>> cubed(np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([[1.0], [1.0]])).ravel()
    array([ 1., 16.])
    """
    (p, n), r = rows.shape, Q.shape[1]
    points = np.ascontiguousarray(Q, dtype=rows.dtype)
    total, tile = np.zeros((r, n)), _tile(n + 2 * r)
    z, cubes = np.empty((tile, r), rows.dtype), np.empty((tile, r), rows.dtype)
    for start in range(0, p, tile):
        part = rows[start : start + tile]
        k = part.shape[0]
        np.matmul(part, points, out=z[:k])
        np.multiply(z[:k], z[:k], out=cubes[:k])
        cubes[:k] *= z[:k]
        total += cubes[:k].T @ part
    return total.T


def fourth_powers(rows: np.ndarray, Q: Array) -> Array:
    """⟨q, v_k⟩⁴ for each sample (row) and each column q of Q, shape (p, r).

    Examples
    --------
    >>> import numpy as np
    >>> fourth_powers(np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([[1.0], [1.0]])).ravel()
    array([ 1., 16.])
    """
    z = rows @ np.asarray(Q, dtype=rows.dtype)
    z *= z
    z *= z
    return z


@dataclass(frozen=True, eq=False)
class Samples:
    """What a search needs of the data, made once at the border by :meth:`of` and trusted behind it.

    Attributes
    ----------
    data : ndarray, shape (n, p)
        The data as they came, in double precision.
    mean : ndarray, shape (n,)
        What was subtracted from every sample; zeros if the data were not centred.
    whitening : Whitening
        The change of coordinates; its W is (D⁻¹SD⁻¹)^{−1/2}D⁻¹ with the covariance S and the units D of the rows.
    rows : ndarray, shape (N, n)
        Tempered white samples in single precision, without those that are very quiet or very loud; short blocks of them
        are in random order, so that either half has all times.
    norms : ndarray, shape (N,)
        Norms of the white samples before tempering.
    scale : float
        The mean of ‖v‖⁴ over the rows v, by which means of fourth powers are divided.
    paired : bool
        Whether the rows come from differences of disjoint random pairs of samples.
    loud : float
        Share of the white samples that were neither too quiet nor too loud.
    offset : float
        Squared norm of the white mean that was left in the data: zero if they were centred.
    skew, skew_sigmas : float
        n‖mean v‖² as a share of the mean of ‖v‖², and how many standard errors it is above that of a symmetric law.
    """

    data: Array
    mean: Array
    whitening: Whitening
    rows: np.ndarray
    norms: np.ndarray
    scale: float
    paired: bool
    loud: float
    offset: float
    skew: float
    skew_sigmas: float

    @classmethod
    def of(
        cls,
        Y: ArrayLike,
        *,
        rng: np.random.Generator,
        center: bool = True,
        pairs: bool | None = None,
        name: str = "Y",
    ) -> Samples:
        """Check, centre, whiten and temper the data: one Gram matrix, one eigendecomposition, one product with W.

        Parameters
        ----------
        Y : array_like, shape (n, p)
            Data, one sample a column, p >= n.
        rng : numpy.random.Generator
            Puts the blocks in random order.
        center : bool
            Subtract the mean sample.
        pairs : bool, optional
            Replace the samples by differences of disjoint random pairs, which are symmetric about zero whatever the law
            of the coefficients; half as many, twice as dense.
            By default if the coefficients are visibly asymmetric (non-negative ones are).
        name : str
            The argument's name for messages.

        Raises
        ------
        TypeError, ValueError
            If the data are not numeric, not finite, transposed, constant, or do not span R^n.

        Examples
        --------
        >>> import numpy as np
        >>> Y = np.random.default_rng(0).laplace(size=(3, 1000))
        >>> samples = Samples.of(Y, rng=np.random.default_rng(1))
        >>> samples.rows.dtype, samples.n, samples.size <= 1000
        (dtype('float32'), 3, True)
        """
        rng = as_rng(rng)
        data = as_array(Y, name, ndim=2, shape="(n, p)", check_finite=False)
        enough_samples(data.shape, name)
        mean, second = _moments(data, center, name)
        subtracted = mean if center else np.zeros_like(mean)
        try:
            whitening = in_equal_units(second, data.shape, name)
        except ValueError:
            if data.size > 1 and np.ptp(data) == 0.0:
                raise ValueError(
                    f"{name}: expected data that vary, got the constant {data.flat[0]} in all {data.size} entries"
                ) from None
            raise
        total = data.shape[1]
        rows, norms = _white(data, mean if center else None, whitening, rng)
        rows, norms = _audible(rows, norms)
        skew, sigmas = _skew(rows, norms)
        paired = bool(pairs) or (pairs is None and skew > _SKEW and sigmas > _SKEW_SIGMAS)
        if paired:
            white = rows * np.sqrt(norms)[:, None]
            half = total = norms.size // 2
            rows, norms = _temper((white[:half] - white[half : 2 * half]) * np.float32(np.sqrt(0.5)))
            rows, norms = _audible(rows, norms)
            skew, sigmas = _skew(rows, norms)
        if not norms.size:
            raise ValueError(f"{name}: expected samples that vary, got none louder than a twentieth of the mean")
        left = whitening.W @ (mean - subtracted)
        return cls(
            data=data,
            mean=subtracted,
            whitening=whitening,
            rows=rows,
            norms=norms,
            scale=float(np.mean(norms * norms)),
            paired=paired,
            loud=norms.size / total,
            offset=float(left @ left),
            skew=skew,
            skew_sigmas=sigmas,
        )

    @property
    def n(self) -> int:
        """Dimension."""
        return self.rows.shape[1]

    @property
    def size(self) -> int:
        """Rows."""
        return self.rows.shape[0]

    @property
    def half(self) -> int:
        """The search may see the rows before this one; the others are for testing what it found."""
        return (self.size + 1) // 2

    def white(self) -> Array:
        """The white samples in double precision, shape (n, p): all, in their order, or the differences."""
        if self.paired:
            return (self.rows * np.sqrt(self.norms)[:, None]).T.astype(np.float64)
        return self.whitening.W @ (self.data - self.mean[:, None])

    def covariances(self) -> tuple[Array, Array]:
        """The second moments of the white samples of either half, each of shape (n, n), with the mean I.

        The latter spares the second pass, unless the samples are differences.
        """
        h, first = self.half, self._second_moment(0, self.half)
        return first, self._second_moment(h, self.size) if self.paired else 2.0 * np.eye(self.n) - first

    def _second_moment(self, start: int, stop: int) -> Array:
        total = np.zeros((self.n, self.n))
        for k in range(start, stop, _TILE):
            here = slice(k, min(k + _TILE, stop))
            white = self.rows[here] * np.sqrt(self.norms[here])[:, None]
            total += white.T @ white
        return total * (self.loud / max(stop - start, 1))

    def first_half(self) -> np.ndarray:
        """The white samples that a search may see, one a row, in single precision."""
        h = self.half
        return self.rows[:h] * np.sqrt(self.norms[:h])[:, None]

    def swapped(self) -> Samples:
        """The same samples with the halves exchanged."""
        order = np.roll(np.arange(self.size), -self.half)
        return replace(self, rows=self.rows[order], norms=self.norms[order])

    def weights(self, start: int, stop: int) -> np.ndarray:
        """What turns ⟨q, v⟩⁴ of a row v into fourth powers of its direction, of v, and of z, with E‖·‖⁴ = 1.

        Parameters
        ----------
        start, stop : int
            Rows.

        Returns
        -------
        ndarray, shape (3, stop − start)
        """
        squares = self.norms[start:stop] ** 2
        raw = squares / np.mean(squares * squares)
        return np.stack([1.0 / squares, np.full_like(squares, 1.0 / np.mean(squares)), raw])

    def halves(self, Q: Array) -> tuple[Array, Array]:
        """One pass: means of ⟨q, v⟩³v over each half, for the columns q of Q, each of shape (n, r)."""
        h, rest = self.half, self.size - self.half
        return cubed(self.rows[:h], Q) / (h * self.scale), cubed(self.rows[h:], Q) / (rest * self.scale)

    def held_out(self, Q: Array) -> Array:
        """Half a pass: means of fourth powers at the columns of Q over the second half, weighted three ways, (3, r)."""
        h = self.half
        weights, total, tile = self.weights(h, self.size), np.zeros((3, Q.shape[1])), _tile(self.n + Q.shape[1])
        for start in range(h, self.size, tile):
            powers = fourth_powers(self.rows[start : start + tile], Q)
            total += weights[:, start - h : start - h + tile] @ powers
        return total / (self.size - h)


def _tile(width: int) -> int:
    """How many samples to take at a time, if there are so many numbers for each."""
    return max(512, min(_TILE, _NUMBERS // width))


def _temper(white: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """z‖z‖^{−1/2} for each row z (which is overwritten), and ‖z‖; zero rows stay zero."""
    norms = np.sqrt(np.einsum("ij,ij->i", white, white))
    white *= np.divide(1.0, np.sqrt(norms), out=np.zeros_like(norms), where=norms > 0)[:, None]
    return white, norms


def _audible(rows: np.ndarray, norms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows that are neither too quiet nor too loud, and their norms; the last take their places."""
    kept = norms > QUIET * np.sqrt(rows.shape[1])
    if kept.any():
        kept &= norms <= LOUD * np.median(norms[kept][:_TILE])
    count = int(np.count_nonzero(kept))
    gaps, last = np.flatnonzero(~kept[:count]), count + np.flatnonzero(kept[count:])
    rows[gaps], norms[gaps] = rows[last], norms[last]
    return rows[:count], norms[:count]


def _skew(rows: np.ndarray, norms: np.ndarray) -> tuple[float, float]:
    """n‖mean v‖² over the mean of ‖v‖², and how many standard errors it is above that of a symmetric law."""
    (count, n), ones = rows.shape, np.ones(rows.shape[0], np.float32)
    centre = (ones @ rows).astype(np.float64) / max(count, 1)
    skew = n * float(centre @ centre) / max(float(np.mean(norms)) if count else 1.0, 1e-300)
    return skew, (count * skew - n) / float(np.sqrt(2.0 * n))


def _moments(data: Array, center: bool, name: str) -> tuple[Array, Array]:
    """Mean and second moment about it: one pass for each, unless an offset would swallow the digits."""
    n, p = data.shape
    with np.errstate(over="ignore", invalid="ignore"):
        second = data @ data.T / p
    if not np.isfinite(second).all():
        as_array(data, name, ndim=2, shape="(n, p)")
        raise ValueError(
            f"{name}: expected numbers whose squares are finite, got entries up to {np.max(np.abs(data)):.3g}; change "
            "the scale"
        )
    mean = data @ np.full(p, 1.0 / p)
    if not center:
        return mean, second
    squares = np.diag(second)
    rest = squares - mean * mean
    if np.any(rest < 1e-6 * squares):
        second = np.zeros((n, n))
        for start in range(0, p, _TILE):
            part = data[:, start : start + _TILE] - mean[:, None]
            second += part @ part.T
        rest = np.diag(second) / p
        second[rest <= 1e-26 * squares] = 0.0  # rounding, not variation
        second = np.triu(second) + np.triu(second, 1).T
        return mean, second / p
    return mean, second - np.outer(mean, mean)


def _white(
    data: Array, mean: Array | None, whitening: Whitening, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The tempered white samples as rows, in single precision and blocks in random order, and their norms before."""
    n, p = data.shape
    deviation, centre = np.linalg.norm(whitening.inverse, axis=1), np.zeros(n) if mean is None else mean
    single = bool(
        whitening.condition < _SINGLE
        and 1e-15 < deviation.min() <= deviation.max() < 1e15
        and np.all(np.abs(centre) <= _NEAR * deviation)
    )
    # In single precision the mean is subtracted by the product, with a row of ones; otherwise before it.
    shift = -(whitening.W @ centre) if single else np.zeros(n)
    W = np.vstack([whitening.W.T, shift]).astype(np.float32 if single else np.float64)
    rows, norms = np.empty((p, n), np.float32), np.empty(p, np.float32)
    block = max(1, min(_BLOCK, p // _BLOCK**2))
    count = p // block
    places, tile = rng.permutation(count), _TILE // block * block
    inner = count * block
    blocks, sizes = rows[:inner].reshape(count, block, n), norms[:inner].reshape(count, block)
    part = np.ones((n + 1, min(tile, p)), W.dtype)
    for start in range(0, p, tile):
        k = min(tile, p - start)
        if single:
            part[:n, :k] = data[:, start : start + k]
        else:
            np.subtract(data[:, start : start + k], centre[:, None], out=part[:n, :k])
        white, size = _temper(part[:, :k].T @ W)
        full = k // block * block
        here = places[start // block : (start + full) // block]
        blocks[here], sizes[here] = white[:full].reshape(-1, block, n), size[:full].reshape(-1, block)
        rows[start + full : start + k], norms[start + full : start + k] = white[full:], size[full:]
    return rows, norms
