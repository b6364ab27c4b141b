r"""Second and fourth moments of a stream of samples, from which a dictionary can be found without the samples.

A pass over the data keeps two matrices, whatever the number of samples: the second moment, of size n × n, and the
fourth moment of the *directions* u = z/‖z‖ of the white samples z on symmetric pairs, of size n(n+1)/2.
Directions, since fourth powers of heavy-tailed samples are decided by the few largest; every direction counts alike.
For more atoms than dimensions this costs a small bias, which shows from several hundred thousand samples on (claim
``direction-bias``).
Sums over parts of the data add up, so parts can be read one after the other (from disk, as a ``numpy.memmap``) or by
many workers, and merged.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from tqdm import tqdm

from l4lib.data.precondition import Whitening, whitening, whitening_of_moment
from l4lib.quartic import LARGEST_N, SymmetricQuartic, pairs, rank_one_sum, smat
from l4lib.validate import Array, as_array, as_count

__all__ = ["FourthMoment", "cubed", "directions", "fourth_moment"]

_TILE = 2048
"""Samples at a time."""
_PROBES, _PROBE_SAMPLES = 16, 20_000
"""The basis is whitened by about this many samples, read in this many runs spread over the data."""


def directions(Z: Array) -> np.ndarray:
    """z/‖z‖ for each nonzero column, in single precision; zero columns are left out.

    Examples
    --------
    >>> import numpy as np
    >>> directions(np.array([[3.0, 0.0], [4.0, 0.0]]))
    array([[0.6],
           [0.8]], dtype=float32)
    """
    small = Z.astype(np.float32)
    norms = np.linalg.norm(small, axis=0)
    seen = norms > 0
    if not seen.all():
        small, norms = small[:, seen], norms[seen]
    small /= norms
    return small


def cubed(samples: np.ndarray, points: np.ndarray) -> Array:
    """Σ_k ⟨q, y_k⟩³ y_k for each column q of the points, over tiles of samples, added in double precision.

    Examples
    --------
    >>> import numpy as np
    >>> cubed(np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([[1.0], [1.0]])).ravel()
    array([ 1., 16.])
    """
    total = np.zeros(points.shape)
    for start in range(0, samples.shape[1], _TILE):
        tile = samples[:, start : start + _TILE]
        z = tile.T @ points
        total += tile @ (z * z * z)
    return total


class FourthMoment:
    """Sums over samples: second moment, and fourth moment of the directions of the white samples.

    Parameters
    ----------
    basis : Whitening
        Coordinates in which directions are taken; the whitening of some of the samples is enough.
        All parts that are to be merged need the same one.

    Attributes
    ----------
    n : int
        Dimension.
    count : int
        Samples seen.

    Raises
    ------
    ValueError
        If n > 96: the matrix on pairs would be too large.

    Examples
    --------
    >>> import numpy as np
    >>> Y = np.random.default_rng(0).standard_normal((4, 3000))
    >>> left, right = FourthMoment(whitening(Y[:, :500])), FourthMoment(whitening(Y[:, :500]))
    >>> both = left.update(Y[:, :1000]).merge(right.update(Y[:, 1000:]))
    >>> both.count, bool(abs(both.form().value(np.eye(4)).mean() - 3 / (4 * 6)) < 0.01)
    (3000, True)
    """

    def __init__(self, basis: Whitening) -> None:
        self.basis = basis
        self.n = basis.W.shape[0]
        if self.n > LARGEST_N:
            raise ValueError(
                f"basis: expected n <= {LARGEST_N}, as a matrix with n(n+1)/2 rows is stored, got n = {self.n}"
            )
        d = self.n * (self.n + 1) // 2
        self.count = 0
        self._directions = 0
        self._second = np.zeros((self.n, self.n))
        self._fourth = np.zeros((d, d))

    def update(self, Y: ArrayLike) -> FourthMoment:
        """Add the samples that are the columns of Y, shape (n, p); returns itself.

        An update that fails or is interrupted changes nothing.

        Raises
        ------
        TypeError, ValueError
            If Y is not a finite matrix of n rows.
        """
        data = as_array(Y, "Y", ndim=2, shape=f"({self.n}, p)")
        if data.shape[0] != self.n:
            raise ValueError(f"Y: expected {self.n} rows, got shape {data.shape}")
        white = self.basis.W @ data
        U = directions(white)
        self._add(white @ white.T, rank_one_sum(U, 1.0), data.shape[1], U.shape[1])
        return self

    def merge(self, other: FourthMoment) -> FourthMoment:
        """Add what another has seen; returns itself.

        Raises
        ------
        ValueError
            If the other was made with another basis.
        """
        if not np.array_equal(self.basis.W, other.basis.W):
            raise ValueError("other: expected moments in the same basis; make all parts with one whitening")
        self._add(other._second, other._fourth, other.count, other._directions)
        return self

    def _add(self, second: Array, fourth: Array, count: int, seen: int) -> None:
        self._second += second
        self._fourth += fourth
        self.count += count
        self._directions += seen

    def whitening(self) -> Whitening:
        """The whitening of all samples seen.

        Raises
        ------
        ValueError
            If they do not span R^n.
        """
        correction = self._correction()
        W = correction @ self.basis.W
        inverse = self.basis.inverse @ np.linalg.inv(correction)
        singular = np.linalg.svd(W, compute_uv=False)
        return Whitening(W=W, inverse=inverse, condition=float(singular[0] / singular[-1]))

    def form(self) -> SymmetricQuartic:
        """The mean of (qᵀu)⁴ over the directions u, as a form in the coordinates of :meth:`whitening`.

        For Gaussian samples it is 3/(n(n+2)) for every unit q.

        Raises
        ------
        ValueError
            If the samples seen do not span R^n.
        """
        correction = self._correction()

        def transformed(D: Array) -> Array:
            i, j, weight = pairs(self.n)
            S = correction @ np.ascontiguousarray(smat(D, self.n).transpose(2, 0, 1)) @ correction
            return weight[:, None] * S[:, i, j].T

        D = transformed(transformed(self._fourth / max(self._directions, 1)).T)
        # The change of coordinates leaves the sphere a little; the mean of ‖u‖⁴ is one again.
        return SymmetricQuartic(self.n, (D + D.T) / (2.0 * np.trace(D)))

    def _correction(self) -> Array:
        """The whitening of the samples in the coordinates of the basis, near the identity."""
        if self.count < self.n:
            raise ValueError(f"expected at least n = {self.n} samples, got {self.count}")
        return whitening_of_moment(self._second / self.count).W


def fourth_moment(Y: ArrayLike, *, block: int = 1 << 16, jobs: int = 1, progress: bool | None = None) -> FourthMoment:
    """The moments of all columns of Y, read in blocks, so that Y may be larger than memory.

    The result depends on ``block`` (in the last digits), but not on ``jobs``.

    Parameters
    ----------
    Y : array_like, shape (n, p)
        An array, or anything with a ``shape`` that gives columns by slicing: a ``numpy.memmap``, a Zarr or HDF5 array.
    block : int
        Columns in memory at a time, for each job.
    jobs : int
        Threads; a job holds its own sums, n²(n+1)²/4 numbers, while it works on a block.
    progress : bool, optional
        Show a progress bar; by default when there are many blocks.

    Returns
    -------
    FourthMoment

    Raises
    ------
    TypeError, ValueError
        If a block is not finite, if p < n, if the samples do not span R^n, or if n > 96.

    Examples
    --------
    >>> import numpy as np
    >>> fourth_moment(np.random.default_rng(0).standard_normal((3, 1000)), block=300).count
    1000
    """
    block, jobs = as_count(block, "block"), as_count(jobs, "jobs")
    source: Any = Y if hasattr(Y, "shape") else np.asarray(Y)
    shape = tuple(source.shape)
    if len(shape) != 2 or shape[1] < shape[0] or shape[0] == 0:
        raise ValueError(
            f"Y: expected shape (n, p) with p >= n >= 1, got {shape}; if the samples are the rows, pass Y.T"
        )
    n, p = shape
    if n > LARGEST_N:
        raise ValueError(f"Y: expected n <= {LARGEST_N}, as a matrix with n(n+1)/2 rows is stored, got n = {n}")

    def columns(start: int, stop: int) -> Array:
        try:
            return as_array(np.asarray(source[:, start:stop]), "Y", ndim=2, shape="(n, p)")
        except (TypeError, ValueError) as problem:
            raise type(problem)(f"columns {start} to {stop - 1} of {p}: {problem}") from None

    run = -(-_PROBE_SAMPLES // _PROBES)
    if p <= _PROBE_SAMPLES:
        probe = columns(0, p)
    else:
        probe = np.hstack([columns(s, s + run) for s in np.linspace(0, p - run, _PROBES).astype(int)])
    basis = whitening(probe)

    def part(start: int) -> FourthMoment:
        return FourthMoment(basis).update(columns(start, min(start + block, p)))

    starts = range(0, p, block)
    show = len(starts) > 20 if progress is None else progress
    total = FourthMoment(basis)
    with (
        ThreadPoolExecutor(jobs) as pool,
        tqdm(pool.map(part, starts), total=len(starts), disable=not show, desc="fourth_moment", unit="block") as parts,
    ):
        for found in parts:
            total.merge(found)
    return total
