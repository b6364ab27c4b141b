r"""Second and fourth moments of a stream of samples, from which a dictionary can be found without the samples.

Two matrices are kept, whatever the number of samples: the second moment, of size n × n, and the fourth moment of the
*tempered* white samples v = z‖z‖^{−1/2} on symmetric pairs, of size n(n+1)/2.
Tempered, since fourth powers of heavy-tailed samples are decided by the few largest (:mod:`l4lib.data.samples`).
For more atoms than dimensions this costs a small bias, which shows from several hundred thousand samples on (claim
``direction-bias``).
Sums over parts of the data add up, so parts can be read one after the other (from disk, as a ``numpy.memmap``) or by
many workers, and merged.
"""

from __future__ import annotations

import numbers
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from tqdm import tqdm

from l4lib.data.precondition import Whitening, in_equal_units, whitening_of_moment
from l4lib.data.samples import QUIET
from l4lib.quartic import LARGEST_N, SymmetricQuartic, pairs, rank_one_sum, smat
from l4lib.validate import Array, as_array, as_count

__all__ = ["FourthMoment", "fourth_moment", "tempered"]


def tempered(Z: Array) -> np.ndarray:
    """z‖z‖^{−1/2} for each column of white samples, in single precision; quiet columns are left out.

    Examples
    --------
    >>> import numpy as np
    >>> tempered(np.array([[3.0, 0.0], [4.0, 0.01]])).round(3)
    array([[1.342],
           [1.789]], dtype=float32)
    """
    small = Z.astype(np.float32)
    squares = np.einsum("ij,ij->j", small, small)
    loud = squares > QUIET * QUIET * Z.shape[0]
    if not loud.all():
        small, squares = small[:, loud], squares[loud]
    small *= squares**-0.25
    return small


class FourthMoment:
    """Sums over samples: second moment, and fourth moment of the tempered white samples.

    Parameters
    ----------
    basis : Whitening
        Coordinates in which samples are tempered; the whitening of some of the samples is enough.
        All parts that are to be merged need the same one.
    mean : array_like, shape (n,), optional
        Subtracted from every sample; parts that are to be merged need the same one.

    Attributes
    ----------
    n : int
        Dimension.
    count, loud : int
        Samples seen, and those not too quiet to enter the fourth moment.

    Raises
    ------
    ValueError
        If n > 96: the matrix on pairs would be too large.

    Examples
    --------
    >>> import numpy as np
    >>> from l4lib.data import whitening
    >>> Y = np.random.default_rng(0).standard_normal((4, 3000))
    >>> left, right = FourthMoment(whitening(Y[:, :500])), FourthMoment(whitening(Y[:, :500]))
    >>> both = left.update(Y[:, :1000]).merge(right.update(Y[:, 1000:]))
    >>> both.count, bool(abs(both.form().value(np.eye(4)).mean() - 3 / (4 * 6)) < 0.01)
    (3000, True)
    """

    def __init__(self, basis: Whitening, mean: ArrayLike | None = None) -> None:
        self.basis = basis
        self.n = basis.W.shape[0]
        self.mean = np.zeros(self.n) if mean is None else as_array(mean, "mean", ndim=1, shape="(n,)")
        if self.n > LARGEST_N:
            raise ValueError(
                f"basis: expected n <= {LARGEST_N}, as a matrix with n(n+1)/2 rows is stored, got n = {self.n}"
            )
        d = self.n * (self.n + 1) // 2
        self.count = 0
        self.loud = 0
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
        white = self.basis.W @ (data - self.mean[:, None])
        V = tempered(white)
        self._add(white @ white.T, rank_one_sum(V, 1.0), data.shape[1], V.shape[1])
        return self

    def merge(self, other: FourthMoment) -> FourthMoment:
        """Add what another has seen; returns itself.

        Raises
        ------
        ValueError
            If the other was made with another basis.
        """
        if not (np.array_equal(self.basis.W, other.basis.W) and np.array_equal(self.mean, other.mean)):
            raise ValueError("other: expected moments in the same basis; make all parts with one whitening and mean")
        self._add(other._second, other._fourth, other.count, other.loud)
        return self

    def _add(self, second: Array, fourth: Array, count: int, seen: int) -> None:
        self._second += second
        self._fourth += fourth
        self.count += count
        self.loud += seen

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
        """The mean of (qᵀv)⁴ over the tempered samples v, as a form in the coordinates of :meth:`whitening`.

        It is scaled to E‖v‖⁴ = 1; for Gaussian samples it is then 3/(n(n+2)) for every unit q.

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

        D = transformed(transformed(self._fourth / max(self.loud, 1)).T)
        return SymmetricQuartic(self.n, (D + D.T) / (2.0 * np.trace(D)))

    def _correction(self) -> Array:
        """The whitening of the samples in the coordinates of the basis, near the identity."""
        if self.count < self.n:
            raise ValueError(f"expected at least n = {self.n} samples, got {self.count}")
        return whitening_of_moment(self._second / self.count).W


def fourth_moment(
    Y: ArrayLike, *, block: int = 1 << 16, center: bool = True, jobs: int = 1, progress: bool | None = None
) -> FourthMoment:
    """The moments of all columns of Y, read in blocks, so that Y may be larger than memory.

    Y is read twice: for the mean and covariance, and then for the fourth moment in white coordinates.
    The result depends on ``block`` (in the last digits), but not on ``jobs``.

    Parameters
    ----------
    Y : array_like, shape (n, p)
        An array or DataFrame, or anything with a ``shape`` that gives columns by slicing: a ``numpy.memmap``, a Zarr or
        HDF5 array.
        Or a ``dask.array``, whose chunks of columns are the blocks, one task each, wherever Dask computes: in threads,
        or on the cluster of the client in use.
    block : int
        Columns in memory at a time, for each job; of no effect for a ``dask.array``.
    center : bool
        Subtract the mean of all samples.
    jobs : int
        Threads; a job holds its own sums, n²(n+1)²/4 numbers, while it works on a block; of no effect for a
        ``dask.array``.
    progress : bool, optional
        Show a progress bar; by default when there are many blocks.

    Returns
    -------
    FourthMoment

    Raises
    ------
    TypeError, ValueError
        If a block is not finite, if p < n, if the samples do not span R^n, or if n > 96.
        What a reader of files raises itself is passed on, with a note on which columns were being read.

    Examples
    --------
    >>> import numpy as np
    >>> fourth_moment(np.random.default_rng(0).standard_normal((3, 1000)), block=300).count
    1000
    """
    block, jobs = as_count(block, "block"), as_count(jobs, "jobs")
    source: Any = Y if hasattr(Y, "shape") else np.asarray(Y)
    if hasattr(source, "iloc"):
        source = source.to_numpy()
    shape = tuple(source.shape)
    if not all(isinstance(size, numbers.Integral) for size in shape):
        raise ValueError(f"Y: expected known chunk sizes, got shape {shape}; call Y.compute_chunk_sizes() first")
    if len(shape) != 2 or shape[1] < shape[0] or shape[0] == 0:
        raise ValueError(
            f"Y: expected shape (n, p) with p >= n >= 1, got {shape}; if the samples are the rows, pass Y.T"
        )
    n, p = shape
    if n > LARGEST_N:
        raise ValueError(f"Y: expected n <= {LARGEST_N}, as a matrix with n(n+1)/2 rows is stored, got n = {n}")
    if hasattr(source, "to_delayed"):
        return _of_dask_array(source, center)

    def columns(start: int) -> Array:
        stop = min(start + block, p)
        try:
            part = source[:, start:stop]
        except Exception as problem:
            problem.add_note(f"fourth_moment was reading columns {start} to {stop - 1} of {p}")
            raise
        return _checked(part, f"columns {start} to {stop - 1} of {p}")

    starts = range(0, p, block)
    origin = _origin(columns(0), center)
    show = len(starts) > 20 if progress is None else progress
    with (
        ThreadPoolExecutor(jobs) as pool,
        tqdm(total=2 * len(starts), disable=not show, desc="fourth_moment", unit="block") as bar,
    ):
        low = _SecondMoment(n)
        for found in pool.map(lambda start: _SecondMoment(n).update(columns(start), origin), starts):
            low = low.merged(found)
            bar.update()
        basis, mean = low.basis(origin, center)
        moment = FourthMoment(basis, mean)
        for part in pool.map(lambda start: FourthMoment(basis, mean).update(columns(start)), starts):
            moment.merge(part)
            bar.update()
    return moment


def _checked(part: Any, where: str) -> Array:
    """A block as a finite matrix, or an error that says which block is not."""
    try:
        return as_array(part, "Y", ndim=2, shape="(n, p)")
    except (TypeError, ValueError) as problem:
        raise type(problem)(f"{where}: {problem}") from None


def _origin(first: Array, center: bool) -> Array:
    """The mean of the first block, about which moments are taken, so that an offset does not swallow the digits."""
    return first.mean(axis=1) if center else np.zeros(first.shape[0])


class _SecondMoment:
    """First and second moments about an origin."""

    def __init__(self, n: int) -> None:
        self.count, self.total, self.gram = 0, np.zeros(n), np.zeros((n, n))

    def update(self, data: Array, origin: Array) -> _SecondMoment:
        """Add samples; returns itself."""
        part = data - origin[:, None]
        self.count += part.shape[1]
        self.total += part.sum(axis=1)
        self.gram += part @ part.T
        return self

    def merged(self, other: _SecondMoment) -> _SecondMoment:
        """What both have seen; neither changes, as a task on a cluster may be run again."""
        both = _SecondMoment(self.total.size)
        both.count, both.total, both.gram = (
            self.count + other.count,
            self.total + other.total,
            self.gram + other.gram,
        )
        return both

    def basis(self, origin: Array, center: bool) -> tuple[Whitening, Array]:
        """The whitening of all samples, and the mean to subtract."""
        shift = self.total / self.count if center else np.zeros_like(self.total)
        second = self.gram / self.count - np.outer(shift, shift)
        return in_equal_units(second, (shift.size, self.count)), origin + shift


def _of_dask_array(source: Any, center: bool) -> FourthMoment:
    """The moments of a dask.array: a task for each block of columns, merged two by two, so that few are held."""
    from dask.delayed import delayed

    n = source.shape[0]
    blocks = [
        delayed(_checked)(part, f"block {k} of {source.numblocks[1]}")
        for k, part in enumerate(source.rechunk({0: n}).to_delayed().ravel())
    ]
    origin = delayed(_origin)(blocks[0], center).compute()
    low = _tree([delayed(_second)(block, origin) for block in blocks], delayed(_SecondMoment.merged)).compute()
    basis, mean = low.basis(origin, center)
    shared = delayed(FourthMoment(basis, mean))
    parts = [delayed(_update)(shared, block) for block in blocks]
    moment: FourthMoment = _tree(parts, delayed(_merged)).compute()
    return moment


def _second(block: Array, origin: Array) -> _SecondMoment:
    return _SecondMoment(block.shape[0]).update(block, origin)


def _update(empty: FourthMoment, block: Array) -> FourthMoment:
    return FourthMoment(empty.basis, empty.mean).update(block)


def _merged(one: FourthMoment, other: FourthMoment) -> FourthMoment:
    """What both have seen; neither changes, as a task on a cluster may be run again."""
    return FourthMoment(one.basis, one.mean).merge(one).merge(other)


def _tree(parts: list[Any], merge: Any) -> Any:
    """Merge neighbours until one is left."""
    while len(parts) > 1:
        pairs_of = [merge(*parts[k : k + 2]) for k in range(0, len(parts) - 1, 2)]
        parts = pairs_of + parts[2 * len(pairs_of) :]
    return parts[0]
