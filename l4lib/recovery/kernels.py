r"""All kernels of a convolutional dictionary, from samples.

Two routes lead to the kernels, both by restarts of local search on a quartic over the sphere, after preconditioning.

* ``"restarts"`` minimises φ_CDL, the objective of the theory.
  Its minimisers are biased, and its largest basins belong to the kernels with the largest norm ν_k.
* ``"subspace"`` first finds the span of the matrices :math:`(S_j a_k)(S_j a_k)^\top` (all shifts S_j of all kernels)
  as the leading eigenspace of the fourth moment, and then maximises
  :math:`F(q) = \|\Pi(qq^\top)\|_F^2 \le 1`, where Π projects on that span.
  In the population F = 1 exactly at the kernels, so there is no bias, no kernel is preferred, and the value of F tells
  whether a point is a kernel.
  The fourth moment commutes with shifts, so in Fourier coordinates it falls into n/2 + 1 blocks of size n/2 + 1 and
  rank K: it is never formed as an n² × n² matrix.
  Fourth powers are heavy-tailed, so the few largest samples decide; each sample is divided by the root of its norm
  before, which on ordinary data about halves the error and costs a small bias on dense data.

References
----------
The use of the span is the subspace power method of Kileel and Pereira, arXiv:1912.04007, in its shift-invariant form.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import ArrayLike
from scipy import fft
from tqdm import tqdm

from l4lib.data import CircularWhitening, circular_whitening, unique_kernels
from l4lib.quartic import CirculantMap, Quartic, as_signal_shape, project, random_points, solve
from l4lib.validate import Array, as_count, as_data, as_rng, as_tolerance

__all__ = ["KernelRecovery", "ShiftSubspace", "recover_kernels"]

_SUBSPACE_LIMIT = 3_000_000_000
"""Bytes of the moment's blocks up to which the subspace route is taken by itself."""


class _Lags:
    """Products v(t) v(t+ℓ) of periodic signals for one lag ℓ of each pair ±ℓ, and their Fourier transforms over t.

    Weights √2 for lags that stand for a pair make the map from a signal v to its products an isometry from the
    symmetric matrices vvᵀ with the Frobenius norm.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.n = prod(shape)
        grid = np.stack(np.unravel_index(np.arange(self.n), shape))
        sizes = np.array(shape)[:, None]
        opposite = np.ravel_multi_index(tuple((-grid) % sizes), shape)
        lags = np.flatnonzero(np.arange(self.n) <= opposite)
        self.weight = np.where(lags == opposite[lags], 1.0, np.sqrt(2.0))[:, None]
        self.paired = (lags != opposite[lags])[:, None]

        def table(sign: int) -> np.ndarray:
            moved = (grid[:, None, :] + sign * grid[:, lags, None]) % sizes[:, None]
            return np.asarray(np.ravel_multi_index(tuple(moved), shape))

        self.ahead, self.behind = table(1), table(-1)
        half = fft.rfftn(np.zeros(shape)).shape
        last = np.arange(half[-1])
        both = (last > 0) & (2 * last != shape[-1])
        # How often a frequency of the real FFT counts in the full one.
        self.multiplicity = np.broadcast_to(np.where(both, 2.0, 1.0), half).ravel()

    @property
    def count(self) -> int:
        """How many lags there are, about n/2."""
        return int(self.ahead.shape[0])

    def lift(self, V: Array) -> np.ndarray:
        """Transforms of the products of each column: shape (frequencies, lags, r)."""
        rows = V.T
        products = rows[:, None, :] * rows[:, self.ahead] * self.weight
        spectra = fft.rfftn(products.reshape(*products.shape[:2], *self.shape), axes=range(2, 2 + len(self.shape)))
        return np.ascontiguousarray(spectra.reshape(*products.shape[:2], -1).transpose(2, 1, 0))

    def contract(self, spectra: np.ndarray, V: Array) -> Array:
        """M_v v for the symmetric matrix M_v that each column's transforms represent: shape (n, r)."""
        rows = V.T
        half = self.shape[-1] // 2 + 1
        stacked = spectra.transpose(2, 1, 0).reshape(rows.shape[0], self.count, *self.shape[:-1], half)
        entries = fft.irfftn(stacked, s=self.shape, axes=range(2, 2 + len(self.shape)))
        entries = entries.reshape(rows.shape[0], self.count, self.n) / self.weight
        product = np.einsum("rlt,rlt->rt", entries, rows[:, self.ahead])
        mirrored = np.where(self.paired, entries * rows[:, None, :], 0.0)
        lag_index = np.arange(self.count)[:, None]
        product += mirrored[:, lag_index, self.behind].sum(axis=1)
        return product.T


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
    bases : ndarray, shape (frequencies, lags, K)
        An orthonormal basis of the span in each Fourier block.
    spectra : ndarray, shape (frequencies, lags)
        Eigenvalues of each block, ascending; a gap before the last K is what the method lives on.

    Raises
    ------
    TypeError, ValueError
        If the data are not finite or K exceeds the number of lags.

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
        self.n, p = data.shape
        self._lags = _Lags(as_signal_shape(shape, self.n))
        K = as_count(n_kernels, "n_kernels")
        if self._lags.count <= K:
            raise ValueError(f"n_kernels: expected fewer than the {self._lags.count} lags of length {self.n}, got {K}")
        blocks = np.zeros((self._lags.multiplicity.size, self._lags.count, self._lags.count), dtype=complex)
        step = max(1, (1 << 23) // (self.n * self._lags.count))
        for start in range(0, p, step):
            lifted = self._lags.lift(data[:, start : start + step])
            blocks += lifted @ lifted.conj().transpose(0, 2, 1)
        blocks /= p
        # White Gaussian data leave a multiple of the identity, which moves no eigenvector, and this rank-one term.
        blocks[0, 0, 0] -= (np.mean(data * data) * self.n) ** 2
        self.spectra, vectors = np.linalg.eigh(blocks)
        self.bases = np.ascontiguousarray(vectors[:, :, -K:])

    def value_and_gradient(self, Q: Array) -> tuple[Array, Array]:
        """F, shape (r,), and ∇F = 4 Π(qqᵀ)q, shape (n, r), at unit columns of Q."""
        lifted = self._lags.lift(Q)
        coefficients = self.bases.conj().transpose(0, 2, 1) @ lifted
        energy = np.sum(np.abs(coefficients) ** 2, axis=1)
        value = self._lags.multiplicity @ energy / self.n
        return value, 4.0 * self._lags.contract(self.bases @ coefficients, Q)

    def maximise(self, Q: Array, *, tol: float, max_iterations: int = 500) -> tuple[Array, Array, np.ndarray]:
        """The power map q ← ∇F/‖∇F‖ from each column until it turns by less than ``tol`` (the sine of the angle).

        Returns the points, their values F, and which runs converged.
        """
        Q = project(Q)
        value = np.zeros(Q.shape[1])
        converged = np.zeros(Q.shape[1], dtype=bool)
        for _ in range(max_iterations):
            active = np.flatnonzero(~converged)
            if not active.size:
                break
            points = Q[:, active]
            value[active], gradient = self.value_and_gradient(points)
            new = project(gradient)
            converged[active] = np.linalg.norm(new - points * np.sum(new * points, axis=0), axis=0) <= tol
            Q[:, active] = new
        return Q, self.value_and_gradient(Q)[0], converged


@dataclass(frozen=True)
class KernelRecovery:
    """Kernels found in samples.

    Attributes
    ----------
    kernels : ndarray, shape (n, K) or (kernel_length, K)
        Unit kernels in the coordinates of the data, best first; sign and shift are arbitrary.
    value : ndarray, shape (K,)
        With ``"subspace"`` F at each kernel, 1 for a perfect one; with ``"restarts"`` the mean fourth power of the
        white data along it.
    hits : ndarray of int, shape (K,)
        How many starts ended at each kernel (some shift of it).
    distinct : int
        How many distinct limits there were in all; more than K means that some were discarded.
    starts : int
        Runs made.
    complete : bool
        Whether K distinct limits were found.
    method : str
        The route taken.
    whitening : CircularWhitening
        The preconditioner used; its ``regularised`` says how many frequencies were capped.
    seconds : float
        Wall-clock time.
    """

    kernels: Array
    value: Array
    hits: np.ndarray
    distinct: int
    starts: int
    complete: bool
    method: str
    whitening: CircularWhitening
    seconds: float

    def require_complete(self) -> KernelRecovery:
        """This recovery, if it is complete.

        Raises
        ------
        RuntimeError
            Otherwise; the message says how many kernels were found and from how many starts.
        """
        if self.complete:
            return self
        raise RuntimeError(
            f"recover_kernels: {self.kernels.shape[1]} distinct kernels from {self.starts} starts; "
            "raise starts, pass more samples, or ask for fewer kernels"
        )


def _tempered(Y: Array) -> Array:
    """Each column divided by the root of its norm (relative to the mean): its fourth power grows like its square."""
    norms = np.linalg.norm(Y, axis=0)
    return Y * np.sqrt(np.divide(norms.mean(), norms, out=np.zeros_like(norms), where=norms > 0))


def _cut(kernels: Array, length: int) -> Array:
    """Each kernel shifted so that its most energetic window of ``length`` samples comes first, and cut to it."""
    energy = kernels * kernels
    doubled = np.vstack([np.zeros((1, kernels.shape[1])), np.cumsum(np.vstack([energy, energy]), axis=0)])
    start = (doubled[length : length + kernels.shape[0]] - doubled[: kernels.shape[0]]).argmax(axis=0)
    rows = (start[None, :] + np.arange(length)[:, None]) % kernels.shape[0]
    return project(np.take_along_axis(kernels, rows, axis=0))


def recover_kernels(
    Y: ArrayLike,
    n_kernels: int,
    *,
    rng: np.random.Generator,
    kernel_length: int | None = None,
    shape: tuple[int, ...] | None = None,
    floor: float | None = None,
    method: str = "auto",
    starts: int | None = None,
    tol: float = 1e-6,
    progress: bool | None = None,
) -> KernelRecovery:
    """Find the kernels a_k of y_i = Σ_k a_k ⊛ x_ik, with sparse x_ik, up to sign and circular shift.

    Half of the starts are preconditioned samples, the data-driven initialisation of the theory, half are random.
    The sparsity level is not needed: it only scales the objective.

    Parameters
    ----------
    Y : array_like, shape (n, p)
        Samples, one a column; a long recording is cut by :func:`l4lib.data.windows`.
    n_kernels : int
        The number K of kernels.
    rng : numpy.random.Generator
        The source of randomness.
    kernel_length : int, optional
        If kernels are shorter than the samples: each is cut to its most energetic window of this length
        (one-dimensional signals only).
    shape : tuple of int, optional
        ``(rows, columns)`` if a sample is a picture.
    floor : float, optional
        Cap for frequencies of little power; see :func:`l4lib.data.circular_whitening`.
    method : str
        ``"subspace"``, ``"restarts"``, or ``"auto"``: the subspace unless its blocks would exceed 3 GB.
    starts : int, optional
        Number of starts, by default 20 K.
    tol : float
        Convergence tolerance of a run.
    progress : bool, optional
        Show a progress bar; by default when the work is long.

    Returns
    -------
    KernelRecovery

    Raises
    ------
    TypeError, ValueError
        If the samples are unusable: NaN, constant, with a spectral zero and no ``floor``; or an option is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from l4lib.data import match_kernels
    >>> from l4lib.data import make_cdl
    >>> data = make_cdl((32, 3), 1000, 0.1, rng=np.random.default_rng(0))
    >>> found = recover_kernels(data.Y, 3, rng=np.random.default_rng(1))
    >>> match_kernels(found.kernels, data.kernels).recovered(0.02)
    3
    """
    data = as_data(Y)
    n, p = data.shape
    K, rng, tol = as_count(n_kernels, "n_kernels"), as_rng(rng), as_tolerance(tol, "tol")
    signal_shape = as_signal_shape(shape, n)
    runs = 20 * K if starts is None else as_count(starts, "starts")
    if kernel_length is not None:
        kernel_length = as_count(kernel_length, "kernel_length")
        if kernel_length > n:
            raise ValueError(f"kernel_length: expected at most the length of a sample {n}, got {kernel_length}")
        if len(signal_shape) > 1:
            raise ValueError("kernel_length: expected one-dimensional samples, got pictures")
    if method not in ("auto", "subspace", "restarts"):
        raise ValueError(f"method: expected 'auto', 'subspace' or 'restarts', got {method!r}")
    if method == "auto":
        fits = 16 * (n // 2 + 1) ** 3 <= _SUBSPACE_LIMIT and n // 2 > K
        method = "subspace" if fits else "restarts"

    begin = time.perf_counter()
    P = circular_whitening(data, floor=floor, shape=shape)
    white = P.apply(data)
    from_data = rng.permutation(np.flatnonzero(np.any(white != 0, axis=0)))[: (runs + 1) // 2]
    Q = np.hstack([white[:, from_data], random_points(n, max(1, runs - from_data.size), rng=rng)])[:, :runs]
    show = (n * p * runs > 5e8) if progress is None else progress
    with tqdm(total=runs, disable=not show, desc="recover_kernels", unit="start") as bar:
        ends, values = [], []
        form = ShiftSubspace(_tempered(white), K, shape=shape) if method == "subspace" else None
        objective = Quartic(CirculantMap(white, shape=shape), 1.0 / data.size) if form is None else None
        for start in range(0, runs, 16):
            batch = Q[:, start : start + 16]
            if form is not None:
                reached, value, good = form.maximise(batch, tol=tol)
            elif objective is not None:
                result = solve(objective, batch, tol=tol)
                reached, value, good = result.Q, -result.value, result.converged
            ends.append(reached[:, good])
            values.append(value[good])
            bar.update(batch.shape[1])
    limits, depth = np.hstack(ends), np.concatenate(values)
    if not depth.size:
        raise RuntimeError(f"recover_kernels: none of {runs} runs converged; raise tol (now {tol:g})")
    order = np.argsort(-depth, kind="stable")
    kernels, label = unique_kernels(limits[:, order], tol=0.02, shape=shape)
    hits = np.bincount(label)
    best = np.array([depth[order][label == k][0] for k in range(hits.size)])
    found = project(P.undo(kernels[:, :K]))
    return KernelRecovery(
        kernels=found if kernel_length is None else _cut(found, kernel_length),
        value=best[:K],
        hits=hits[:K],
        distinct=int(hits.size),
        starts=runs,
        complete=hits.size >= K,
        method=method,
        whitening=P,
        seconds=time.perf_counter() - begin,
    )
