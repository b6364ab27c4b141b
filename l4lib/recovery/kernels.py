r"""All kernels of a convolutional dictionary, from samples.

Two routes lead to the kernels, both by restarts of local search on a quartic over the sphere, after preconditioning.

* ``"restarts"`` minimises φ_CDL, the objective of the theory.
  Its minimisers are biased, and its largest basins belong to the kernels with the largest norm ν_k.
* ``"subspace"`` maximises :math:`F(q) = \|\Pi(qq^\top)\|_F^2 \le 1`, where Π projects on the span of the matrices
  :math:`(S_j a_k)(S_j a_k)^\top` as :mod:`l4lib.recovery.shift_subspace` finds it in the fourth moment.
  In the population F = 1 at every kernel, so there is no bias and no kernel is preferred.
  The converse needs an assumption: kernels of length L can only be told from other points if K ≤ L − 1.

Fourth powers are heavy-tailed, so the few largest samples decide; each sample is divided by the root of its norm
before, which on ordinary data about halves the error and costs a small bias on dense data.
The search uses one half of the samples and the other half tests it; only the final polish uses all of them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import fft
from tqdm import tqdm

from l4lib.data import CircularWhitening, mean_power, shift_correlations, unique_kernels
from l4lib.quartic import CirculantMap, Quartic, as_signal_shape, project, random_points, solve, spectrum
from l4lib.recovery.evidence import Test, first_failure
from l4lib.recovery.kernel_evidence import LIMITS, Findings, Held, examine, pair, spectral_fit, unexplained
from l4lib.recovery.shift_subspace import FrequencyPairs, ShiftSubspace, leading_bases, tile_width
from l4lib.validate import Array, as_count, as_data, as_rng, as_tolerance

__all__ = ["KernelRecovery", "recover_kernels"]

_WORK_LIMIT = 2e13
"""Floating-point operations of the blocks up to which the subspace route is taken by itself (some minutes)."""

_SAME = 0.02
"""Two limits with 1 − |correlation| below this, modulo shift, are one kernel."""


@dataclass(frozen=True)
class KernelRecovery:
    """Kernels found in samples, with the evidence for them.

    Attributes
    ----------
    kernels : ndarray, shape (n, k) or (kernel_length, k)
        Unit kernels in the coordinates of the data, best first; sign and shift are arbitrary.
        There are at most the K asked for, and fewer if fewer distinct limits were found.
    value : ndarray, shape (k,)
        With ``"subspace"`` F at each kernel, 1 for a perfect one; with ``"restarts"`` the mean fourth power of the
        white data along it.
    error : ndarray, shape (k,)
        A quarter of 1 − |correlation| between the kernels of the two halves of the samples: about the error of each.
    hits : ndarray of int, shape (k,)
        How many starts ended at each kernel (some shift of it).
    distinct : int
        How many distinct limits there were in all; more than K means that some were discarded.
    starts : int
        Runs made.
    evidence : tuple of Test
        The tests that the answer was put to.
    method : str
        The route taken.
    whitening : CircularWhitening
        The preconditioner used; its ``regularised`` says how many frequencies were capped.
    mean : float
        The constant that was subtracted from the data.
    seconds : float
        Wall-clock time.
    """

    kernels: Array
    value: Array
    error: Array
    hits: np.ndarray
    distinct: int
    starts: int
    evidence: tuple[Test, ...]
    method: str
    whitening: CircularWhitening
    mean: float
    seconds: float

    @property
    def complete(self) -> bool:
        """Whether all tests passed: the K kernels asked for are there, and are what the samples are made of."""
        return all(test.passed for test in self.evidence)

    def require_complete(self) -> KernelRecovery:
        """This recovery, if it is complete.

        Raises
        ------
        RuntimeError
            Otherwise; the message says which test failed and what would help.
        """
        if self.complete:
            return self
        raise RuntimeError(first_failure(self.evidence, "recover_kernels"))


def _cut(kernels: Array, length: int) -> Array:
    """Each kernel's most energetic (circular) window, normalised."""
    energy = np.vstack([np.zeros((1, kernels.shape[1])), np.cumsum(kernels * kernels, axis=0)])
    doubled = np.vstack([energy, energy[-1] + energy[1:]])
    start = (doubled[length : length + kernels.shape[0]] - doubled[: kernels.shape[0]]).argmax(axis=0)
    rows = (start[None, :] + np.arange(length)[:, None]) % kernels.shape[0]
    return project(np.take_along_axis(kernels, rows, axis=0))


@dataclass
class _White:
    """White samples as transforms in single precision, the two halves apart, and the norms of the samples.

    Each sample is divided by the root of its norm.
    The halves are made of eight stretches each, which overlapping windows share little of.
    """

    pairs: FrequencyPairs
    halves: tuple[np.ndarray, np.ndarray]
    norms: Array
    P: CircularWhitening

    @classmethod
    def of(cls, data: Array, P: CircularWhitening) -> _White:
        pairs = FrequencyPairs(P.shape)
        n, p = data.shape
        gain = pairs.transform(P.apply(np.eye(n, 1))).real
        stretch = (min(16, p) * np.arange(p)) // p
        parts = [np.flatnonzero(stretch % 2 == parity) for parity in (0, 1)]
        halves = (np.empty((n, parts[0].size), np.complex64), np.empty((n, parts[1].size), np.complex64))
        norms, step = [], tile_width(n, 64)
        for half, index in zip(halves, parts, strict=True):
            for start in range(0, index.size, step):
                hat = pairs.transform(data[:, index[start : start + step]]) * gain
                norm = np.sqrt(np.sum(hat.real**2 + hat.imag**2, axis=0) / n)
                half[:, start : start + norm.size] = hat / np.sqrt(np.where(norm > 0, norm, 1.0))
                norms.append(norm)
        return cls(pairs, halves, np.concatenate(norms), P)

    def directions(self, index: np.ndarray) -> Array:
        """Samples of the first half as points of the sphere, shape (n, r)."""
        return project(self.pairs.inverse(self.halves[0][:, index].astype(complex)))

    @property
    def held(self) -> Held:
        """The second half."""
        return Held(self.pairs, self.halves[1], self.norms, self.noise)

    @property
    def noise(self) -> Array:
        """What white noise in the data becomes: its power spectrum after the preconditioner, up to a factor."""
        return self.P.gain * self.P.gain


def _distinct(
    ends: Array, values: Array, shape: tuple[int, ...], tol: float = _SAME
) -> tuple[Array, Array, np.ndarray]:
    """Distinct limits modulo sign and shift with their best values and hits, best first."""
    if not values.size:
        return np.empty((ends.shape[0], 0)), values, np.empty(0, dtype=int)
    order = np.argsort(-values, kind="stable")
    kernels, label = unique_kernels(ends[:, order], tol=tol, shape=shape)
    first = np.array([int(np.argmax(label == k)) for k in range(kernels.shape[1])])
    return kernels, values[order][first], np.bincount(label)


def _search(
    form: ShiftSubspace, Q: Array, K: int, white: _White, bar: tqdm[Any]
) -> tuple[Array, Array, np.ndarray, int]:
    """Climb from the starts, a batch at a time, until K limits with two hits each explain the white spectrum."""
    ends, values = [np.empty((Q.shape[0], 0))], [np.empty(0)]
    used, step = 0, max(8, 4 * K)
    while used < Q.shape[1]:
        batch = Q[:, used : used + step]
        used += batch.shape[1]
        bar.update(batch.shape[1])
        reached, value, good = form.maximise(batch, tol=1e-4, max_iterations=300)
        ends.append(reached[:, good])
        values.append(value[good])
        kernels, depth, hits = _distinct(np.hstack(ends), np.concatenate(values), white.pairs.shape)
        enough = kernels.shape[1] >= K and hits[:K].min() >= 2 and depth[:K].min() > LIMITS["form"]
        if enough and spectral_fit(kernels[:, :K], white.pairs.shape, white.noise)[0] < 2.0 * LIMITS["spectrum"]:
            break
    return kernels, depth, hits, used


def _by_subspace(
    white: _White, Q: Array, K: int, tol: float, bar: tqdm[Any], rng: np.random.Generator
) -> tuple[Findings, int, int]:
    """Search on the first half; polish on all samples, or search there too if the half does not suffice."""
    pairs, shape = white.pairs, white.pairs.shape
    more, second, whole = leading_bases(pairs, white.halves, (K + 1, K, K))
    first, both = ShiftSubspace.of_bases(pairs, more[:, :, 1:]), ShiftSubspace.of_bases(pairs, whole)
    limits, depth, hits, used = _search(first, Q, K, white, bar)
    distinct = depth.size
    q = both.maximise(limits[:, :K], tol=1e-4)[0] if distinct else limits
    if (
        q.shape[1] < K
        or depth[:K].min() <= LIMITS["form"]
        or spectral_fit(q, shape, white.noise)[0] >= LIMITS["spectrum"]
    ):
        wider, again, hits_again, _ = _search(both, Q, K, white, bar)
        distinct = max(distinct, again.size)
        q = np.hstack([wider[:, :K], q])
        limits_all, hits_all = np.hstack([wider, limits]), np.concatenate([hits_again, hits])
    else:
        limits_all, hits_all = limits, hits
    if q.shape[1]:
        q, value, _ = both.doubled().maximise(q, tol=tol)
        q, value, _ = _distinct(q, value, shape)
        q, value = q[:, :K], value[:K]
        near = np.abs(shift_correlations(q, limits_all, shape)[0])
        hits = hits_all[near.argmax(axis=1)]
        start = pair(limits[:, :K], q, shape)
    else:
        value, start = np.empty(0), q
    there = bool(q.shape[1]) and bool(np.isfinite(start).all())
    other = ShiftSubspace.of_bases(pairs, second)
    found = Findings(
        q=q,
        value=value,
        hits=hits[: q.shape[1]],
        first=start,
        second=other.maximise(q, tol=1e-4, max_iterations=100)[0] if there else start,
        held_out=other.value_and_gradient(start)[0] if there else np.zeros(q.shape[1]),
        further=_beyond(ShiftSubspace.of_bases(pairs, more), white, start, rng) if there else start[:, :0],
    )
    return found, distinct, used


def _beyond(form: ShiftSubspace, white: _White, first: Array, rng: np.random.Generator) -> Array:
    """Up to four limits of the form of rank K + 1 that are no kernels, from what the kernels leave of the samples."""
    pairs, shape = white.pairs, white.pairs.shape
    left = np.sqrt(np.maximum(unexplained(first, shape, white.noise)[1], 0.0)).reshape(-1, 1)
    occupied = np.flatnonzero(white.norms[: white.halves[0].shape[1]] > 0)
    samples = white.directions(rng.permutation(occupied)[:8])
    rest = np.stack(
        [
            fft.irfftn((row.ravel() * left.ravel()).reshape(row.shape), s=shape).ravel()
            for row in spectrum(samples, shape)
        ],
        axis=1,
    )
    starts = np.hstack([rest[:, np.linalg.norm(rest, axis=0) > 1e-9], random_points(pairs.n, 8, rng=rng)])
    ends, value, _ = form.maximise(starts, tol=1e-3, max_iterations=150)
    new = np.abs(shift_correlations(first, ends, shape)[0]).max(axis=0) < 0.8
    return _distinct(ends[:, new], value[new], shape, tol=0.05)[0][:, :4]


def _by_restarts(
    white: _White, Q: Array, K: int, tol: float, bar: tqdm[Any], rng: np.random.Generator
) -> tuple[Findings, int, int]:
    """Minimise the objective of the theory from every start, and polish what was found on each half."""
    pairs, shape = white.pairs, white.pairs.shape
    root = np.sqrt(white.norms)
    cut = white.halves[0].shape[1]
    halves = [
        pairs.inverse(half.astype(complex)) * scale
        for half, scale in zip(white.halves, (root[:cut], root[cut:]), strict=True)
    ]

    def objective(Z: Array) -> Quartic:
        return Quartic(CirculantMap(Z, shape=shape), 1.0 / max(Z.size, 1))

    phi, ends, values = objective(np.hstack(halves)), [np.empty((pairs.n, 0))], [np.empty(0)]
    for start in range(0, Q.shape[1], 16):
        result = solve(phi, Q[:, start : start + 16], tol=tol)
        ends.append(result.Q[:, result.converged])
        values.append(-result.value[result.converged])
        bar.update(result.Q.shape[1])
    q, value, hits = _distinct(np.hstack(ends), np.concatenate(values), shape)
    distinct = value.size
    q, value, hits = q[:, :K], value[:K], hits[:K]
    if q.shape[1] and white.halves[1].size:
        first, second = (solve(objective(Z), q, tol=1e-4).Q for Z in halves)
    else:
        first = second = np.full(q.shape, np.nan)
    found = Findings(q=q, value=value, hits=hits, first=first, second=second, held_out=None, further=q[:, :0])
    return found, distinct, Q.shape[1]


def recover_kernels(
    Y: ArrayLike,
    n_kernels: int,
    *,
    rng: np.random.Generator,
    kernel_length: int | None = None,
    shape: tuple[int, ...] | None = None,
    center: bool = True,
    floor: float | None = None,
    method: str = "auto",
    starts: int | None = None,
    tol: float = 1e-6,
    progress: bool | None = None,
) -> KernelRecovery:
    """Find the kernels a_k of y_i = Σ_k a_k ⊛ x_ik, with sparse x_ik, up to sign and circular shift.

    Half of the starts are preconditioned samples, the data-driven initialisation of the theory, half are random.
    The sparsity level is not needed: it only scales the objective.
    The answer does not depend on the units of the data, nor (with ``center``) on a constant offset.

    Parameters
    ----------
    Y : array_like, shape (n, p)
        Samples, one a column; a long recording is cut by :func:`l4lib.data.windows`.
        The tests take samples far apart for independent; with overlapping windows they are optimistic.
    n_kernels : int
        The number K of kernels; kernels of length L can be told from other points only if K <= L - 1.
    rng : numpy.random.Generator
        The source of randomness.
    kernel_length : int, optional
        If kernels are shorter than the samples: each is cut to its most energetic window of this length
        (one-dimensional signals only).
    shape : tuple of int, optional
        ``(rows, columns)`` if a sample is a picture.
    center : bool
        Subtract the mean of all entries, one number: the model has mean zero.
        It removes the baseline of a recording and the mean of non-negative coefficients.
    floor : float, optional
        Cap for frequencies of little power; see :func:`l4lib.data.circular_whitening`.
    method : str
        ``"subspace"``, ``"restarts"``, or ``"auto"``: the subspace unless it would take many minutes.
    starts : int, optional
        Largest number of starts, by default 20 K; the subspace route stops as soon as the kernels are found.
    tol : float
        Convergence tolerance of a run.
    progress : bool, optional
        Show a progress bar; by default when the work is long.

    Returns
    -------
    KernelRecovery
        Its ``evidence`` says why it may be trusted; ``require_complete()`` insists on it.

    Raises
    ------
    TypeError, ValueError
        If the samples are unusable: NaN, constant, with a spectral zero and no ``floor``; or an option is out of range.

    Notes
    -----
    Beyond the data one copy of them in single-precision Fourier coordinates is held, the bases (16 n²(3K + 1) bytes)
    and a few tiles of 64 MB.

    References
    ----------
    Claims ``shift-subspace``, ``short-kernels``, ``kernel-evidence``.

    Examples
    --------
    >>> import numpy as np
    >>> from l4lib.data import match_kernels
    >>> from l4lib.data import make_cdl
    >>> data = make_cdl((32, 3), 1000, 0.1, rng=np.random.default_rng(0))
    >>> found = recover_kernels(data.Y, 3, rng=np.random.default_rng(1))
    >>> match_kernels(found.kernels, data.kernels).recovered(0.02), found.complete
    (3, True)
    """
    begin = time.perf_counter()
    data = as_data(Y)
    n, p = data.shape
    K, rng, tol = as_count(n_kernels, "n_kernels"), as_rng(rng), as_tolerance(tol, "tol")
    signal_shape = as_signal_shape(shape, n)
    runs = 20 * K if starts is None else as_count(starts, "starts")
    length = _as_length(kernel_length, n, signal_shape)
    if method not in ("auto", "subspace", "restarts"):
        raise ValueError(f"method: expected 'auto', 'subspace' or 'restarts', got {method!r}")
    rows = n // 2 + 1
    if method == "auto":
        method = "subspace" if rows > K + 1 and p > 1 and 4.0 * rows**3 * p <= _WORK_LIMIT else "restarts"
    if method == "subspace" and rows <= K + 1:
        raise ValueError(f"n_kernels: expected fewer than {rows - 1} kernels for samples of length {n}, got {K}")
    if method == "subspace" and p < 2:
        raise ValueError(f"Y: expected at least 2 samples, one for each half, got {p}")

    mean = float(data.mean()) if center else 0.0
    data = data - mean if center else data
    P = CircularWhitening.of_power(mean_power(data, signal_shape), shape=signal_shape, floor=floor)
    white = _White.of(data, P)
    show = (4.0 * rows**3 * p > 1e12 or n * p * runs > 5e8) if progress is None else progress
    occupied = np.flatnonzero(white.norms[: white.halves[0].shape[1]] > 0)
    from_data = rng.permutation(occupied)[: (runs + 1) // 2]
    Q = np.hstack([white.directions(from_data), random_points(n, max(1, runs - from_data.size), rng=rng)])
    Q = Q[:, rng.permutation(Q.shape[1])][:, :runs]
    with tqdm(total=runs, disable=not show, desc="recover_kernels", unit="start") as bar:
        route = _by_subspace if method == "subspace" else _by_restarts
        findings, distinct, used = route(white, Q, K, tol, bar, rng)
    undo = white.pairs.transform(P.undo(np.eye(n, 1))).real
    constant = float(P.gain.flat[0] * data.mean())
    evidence, error = examine(findings, white.held, K, length=length, undo=undo, mean=constant)
    found = project(P.undo(findings.q)) if findings.q.shape[1] else findings.q
    return KernelRecovery(
        kernels=found if length is None or not found.size else _cut(found, length),
        value=findings.value,
        error=error,
        hits=findings.hits,
        distinct=distinct,
        starts=used,
        evidence=evidence,
        method=method,
        whitening=P,
        mean=mean,
        seconds=time.perf_counter() - begin,
    )


def _as_length(kernel_length: int | None, n: int, shape: tuple[int, ...]) -> int | None:
    """The kernels' length, checked."""
    if kernel_length is None:
        return None
    length = as_count(kernel_length, "kernel_length")
    if length > n:
        raise ValueError(f"kernel_length: expected at most the length of a sample {n}, got {length}")
    if len(shape) > 1:
        raise ValueError("kernel_length: expected one-dimensional samples, got pictures")
    return length
