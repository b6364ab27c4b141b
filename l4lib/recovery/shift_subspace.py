r"""The span of the matrices (S_j a_k)(S_j a_k)ᵀ in the fourth moment of white samples, block by block.

The fourth moment commutes with shifts, so the discrete Fourier transform takes it apart: the block of the frequency ω
is the mean of ww* over the samples, w the vector of the products ŷ(ν) ŷ(ω − ν) over the unordered pairs {ν, ω − ν}.
There are about n/2 blocks, each with about n/2 rows, and K shifted kernels leave rank K above a multiple of the
identity in each.
A block is formed, its leading eigenvectors are taken, and it is forgotten: no more than one is in memory at a time.

References
----------
The use of the span is the subspace power method of Kileel and Pereira, arXiv:1912.04007, in its shift-invariant form.
"""

from __future__ import annotations

from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import ArrayLike
from scipy import fft
from scipy.linalg import eigh
from scipy.linalg.blas import cherk, zherk

from l4lib.quartic import as_signal_shape, project
from l4lib.validate import Array, as_count, as_data

__all__ = ["ShiftSubspace"]

TILE_BYTES = 1 << 26
"""Size of the largest temporary array, in bytes; memory beyond copies of the data stays within a few of these."""


def tile_width(rows: int, itemsize: int = 16) -> int:
    """How many columns of so many rows fit in a tile."""
    return max(1, TILE_BYTES // (rows * itemsize))


class FrequencyPairs:
    """The unordered pairs {ν, ω − ν} of frequencies of periodic signals, for each ω of the real Fourier transform.

    The vectors w_ω(v) of :meth:`lift` satisfy Σ_ω ‖w_ω(v)‖² = ‖vvᵀ‖_F² when each ω counts ``multiplicity`` times.

    Parameters
    ----------
    shape : tuple of int
        Shape of a signal.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.n = prod(shape)
        sizes = np.array(shape)[:, None, None]
        grid = np.stack(np.unravel_index(np.arange(self.n), shape))
        half = (*shape[:-1], shape[-1] // 2 + 1)
        omega = np.stack(np.unravel_index(np.arange(prod(half)), half))
        self.rest = np.ravel_multi_index(tuple((omega[:, :, None] - grid[:, None, :]) % sizes), shape)
        first = np.arange(self.n) <= self.rest
        self.count = int(first.sum(axis=1).max())
        self.left = np.zeros((len(first), self.count), dtype=np.intp)
        self.right = np.zeros_like(self.left)
        self.weight = np.zeros(self.left.shape)
        self.position = np.zeros(self.rest.shape, dtype=np.intp)
        for k, (row, rest) in enumerate(zip(first, self.rest, strict=True)):
            nu = np.flatnonzero(row)
            self.left[k, : nu.size], self.right[k, : nu.size] = nu, rest[nu]
            self.weight[k, : nu.size] = np.where(nu == rest[nu], 1.0, np.sqrt(2.0)) / self.n
            self.position[k, nu] = self.position[k, rest[nu]] = np.arange(nu.size)
        last = omega[-1]
        self.multiplicity = np.where((last > 0) & (2 * last != shape[-1]), 2.0, 1.0)

    def transform(self, V: Array) -> np.ndarray:
        """The full Fourier transform of each column, shape (n, r)."""
        axes = range(len(self.shape))
        return np.asarray(fft.fftn(V.reshape(*self.shape, -1), axes=axes)).reshape(self.n, -1)

    def inverse(self, spectra: np.ndarray) -> Array:
        """The real part of the signals with these transforms, shape (n, r)."""
        axes = range(len(self.shape))
        return np.asarray(fft.ifftn(spectra.reshape(*self.shape, -1), axes=axes).real).reshape(self.n, -1)

    def lift(self, spectra: np.ndarray, omega: int) -> np.ndarray:
        """The vectors w_ω of signals given by their transforms: shape (pairs, r)."""
        lifted = spectra[self.left[omega]]
        lifted *= spectra[self.right[omega]]
        lifted *= self.weight[omega][:, None].astype(lifted.real.dtype)
        return lifted

    def block(self, spectra: np.ndarray, omega: int) -> np.ndarray:
        """The lower triangle of Σ_i w_ω(y_i) w_ω(y_i)*, shape (pairs, pairs)."""
        herk = cherk if spectra.dtype == np.complex64 else zherk
        total = np.zeros((self.count, self.count), dtype=spectra.dtype)
        step = tile_width(self.count, spectra.itemsize)
        for start in range(0, spectra.shape[1], step):
            total += herk(1.0, self.lift(spectra[:, start : start + step], omega).T, trans=2).T
        return total


class ShiftSubspace:
    r"""The span of (S_j a_k)(S_j a_k)ᵀ as found in data, and the quartic F(q) = ‖Π(qqᵀ)‖² it defines on the sphere.

    Parameters
    ----------
    Y : array_like, shape (n, p)
        White samples (after :func:`l4lib.data.circular_whitening`).
    n_kernels : int
        The number K of kernels: the rank of every block.
    shape : tuple of int, optional
        Shape of a sample if it is a picture.

    Attributes
    ----------
    bases : ndarray, shape (frequencies, pairs, K)
        An orthonormal basis of the span in each Fourier block.

    Raises
    ------
    TypeError, ValueError
        If the data are not finite or a block has no more than K rows.

    References
    ----------
    Claim ``shift-subspace``, equation ``eq-subspace-form``.

    Examples
    --------
    >>> import numpy as np
    >>> from l4lib.data import make_cdl
    >>> from l4lib.data import circular_whitening
    >>> Y = make_cdl((16, 2), 3000, 0.1, rng=np.random.default_rng(0)).Y
    >>> F = ShiftSubspace(circular_whitening(Y).apply(Y), 2)
    >>> F.bases.shape
    (9, 9, 2)
    """

    def __init__(self, Y: ArrayLike, n_kernels: int, *, shape: tuple[int, ...] | None = None) -> None:
        data = as_data(Y)
        pairs = FrequencyPairs(as_signal_shape(shape, data.shape[0]))
        K = as_count(n_kernels, "n_kernels")
        if pairs.count <= K:
            raise ValueError(f"n_kernels: expected fewer than the {pairs.count} rows of a block, got {K}")
        (whole,) = leading_bases(pairs, (pairs.transform(data),), (K,))
        self._pairs, self.bases = pairs, whole

    @classmethod
    def of_bases(cls, pairs: FrequencyPairs, bases: np.ndarray) -> ShiftSubspace:
        """The form of known bases, in their precision."""
        form = cls.__new__(cls)
        form._pairs, form.bases = pairs, bases
        return form

    def doubled(self) -> ShiftSubspace:
        """The same form in double precision."""
        return self.of_bases(self._pairs, self.bases.astype(complex))

    @cached_property
    def _unfolded(self) -> np.ndarray:
        """N with ⟨basis, w_ω(v)⟩ = Σ_ν conj N(ω, ν) v̂(ν) v̂(ω − ν): shape (frequencies, n, K)."""
        pairs = self._pairs
        weight = np.where(pairs.weight > 0, pairs.weight, 1.0) * pairs.n**2
        scaled = self.bases / weight[:, :, None].astype(self.bases.real.dtype)
        return np.take_along_axis(scaled, pairs.position[:, :, None], axis=1)

    def value_and_gradient(self, Q: Array) -> tuple[Array, Array]:
        """F, shape (r,), and ∇F = 4 Π(qqᵀ)q, shape (n, r), at unit columns of Q."""
        pairs, N = self._pairs, self._unfolded
        value, gradient = np.empty(Q.shape[1]), np.empty(Q.shape)
        step = tile_width(pairs.rest.size, 2 * N.itemsize)
        for start in range(0, Q.shape[1], step):
            part = slice(start, start + step)
            hat = pairs.transform(Q[:, part]).astype(N.dtype, copy=False)
            turned = hat[pairs.rest]
            coefficients = N.conj().transpose(0, 2, 1) @ (hat * turned)
            coefficients *= np.sqrt(pairs.multiplicity)[:, None, None].astype(N.real.dtype)
            value[part] = np.sum(np.abs(coefficients) ** 2, axis=(0, 1))
            coefficients *= np.sqrt(pairs.multiplicity)[:, None, None].astype(N.real.dtype)
            np.conjugate(turned, out=turned)
            turned *= N @ coefficients
            gradient[:, part] = 4.0 * pairs.n * pairs.inverse(turned.sum(axis=0))
        return value, gradient

    def maximise(self, Q: Array, *, tol: float, max_iterations: int = 500) -> tuple[Array, Array, np.ndarray]:
        """The power map q ← ∇F/‖∇F‖ from each column until it turns by less than ``tol`` (the sine of the angle).

        Returns the points, their values F, and which runs converged.
        """
        Q = project(Q)
        converged = np.zeros(Q.shape[1], dtype=bool)
        for _ in range(max_iterations):
            active = np.flatnonzero(~converged)
            if not active.size:
                break
            points = Q[:, active]
            new = project(self.value_and_gradient(points)[1])
            converged[active] = np.linalg.norm(new - points * np.sum(new * points, axis=0), axis=0) <= tol
            Q[:, active] = new
        return Q, self.value_and_gradient(Q)[0], converged


def leading_bases(
    pairs: FrequencyPairs, groups: tuple[np.ndarray, ...], ranks: tuple[int, ...]
) -> tuple[np.ndarray, ...]:
    """Leading eigenvectors of the fourth moment's blocks: of each group of samples, then, if there are several, of all.

    Parameters
    ----------
    pairs : FrequencyPairs
        The frequencies.
    groups : tuple of ndarray, shapes (n, p_g)
        Transforms of the white samples of each group, in the precision of the computation.
    ranks : tuple of int
        How many eigenvectors of each group, and of all together if there is more than one group.

    Returns
    -------
    tuple of ndarray, shapes (frequencies, pairs, rank)
    """
    shape = (pairs.multiplicity.size, pairs.count)
    bases = tuple(np.empty((*shape, rank), dtype=groups[0].dtype) for rank in ranks)
    energy = [float(np.sum(np.abs(part) ** 2)) / (pairs.n**2 * part.shape[1]) for part in groups]
    for omega in range(shape[0]):
        blocks = [pairs.block(part, omega) for part in groups]
        if omega == 0:
            # White Gaussian data leave a multiple of the identity, which moves no eigenvector, and this rank-one term.
            trace = pairs.n * pairs.weight[0]
            for block, part, power in zip(blocks, groups, energy, strict=True):
                block -= (part.shape[1] * power**2 * np.outer(trace, trace)).astype(block.dtype)
        if len(blocks) > 1:
            blocks.append(np.sum(blocks, axis=0))
        for basis, block, rank in zip(bases, blocks, ranks, strict=True):
            last = pairs.count - 1
            basis[omega] = eigh(
                block, subset_by_index=(last - rank + 1, last), driver="evr", overwrite_a=True, check_finite=False
            )[1]
    return bases
