r"""What is held against the kernels that were found, on samples that were not used to find them.

A kernel must have more fourth moment than Gaussian data on the other half of the samples, the kernels of the two halves
must agree, and all together must explain the white spectrum: Σ_k w_k |q̂_k(ω)|² = 1 with positive weights, apart from a
constant multiple of what white noise would leave there.
The limits are calibrated on recorded random problems (experiment E10).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from l4lib.data import match_kernels, shift_correlations
from l4lib.quartic import project, spectrum
from l4lib.recovery.evidence import Test
from l4lib.recovery.shift_subspace import FrequencyPairs, tile_width
from l4lib.validate import Array

__all__: list[str] = []

LIMITS = {
    "excess": 2.0,
    "held-out form": 0.5,
    "form": 0.8,
    "spectrum": 0.3,
    "halves": 0.2,
    "hits": 2.0,
    "kurtosis": 3.0,
    "loudest": 0.5,
    "extra": 3.0,
    "mean": 0.2,
}
"""What each test of :func:`examine` is held against."""

_LEAST_EXTRA = 0.05
"""A further kernel counts only if its excess is above this part of the median one."""


@dataclass(frozen=True)
class Held:
    """White tempered samples that the search did not see, as transforms; the norms of all; the spectrum of noise."""

    pairs: FrequencyPairs
    spectra: np.ndarray
    norms: Array
    noise: Array


@dataclass(frozen=True)
class Findings:
    """What a search found, in white coordinates.

    Attributes
    ----------
    q, value, hits
        The limits on all samples, best first, their values and how many starts ended at each.
    first, second : ndarray, shape (n, k)
        The limits of each half, paired with ``q``; a column of NaN where the first half has none.
    held_out : ndarray, shape (k,), or None
        The form of the second half at ``first``; None if there is no form.
    further : ndarray, shape (n, r)
        Limits of the first half that are none of the kernels.
    """

    q: Array
    value: Array
    hits: np.ndarray
    first: Array
    second: Array
    held_out: Array | None
    further: Array


def unexplained(q: Array, shape: tuple[int, ...], noise: Array | None = None) -> tuple[Array, Array]:
    """The weights w of the least-squares fit Σ_k w_k |q̂_k(ω)|² + σ² noise(ω) ≈ 1 with σ² ≥ 0, and what it leaves.

    Parameters
    ----------
    q : ndarray, shape (n, k)
        Unit kernels in white coordinates.
    shape : tuple of int
        Shape of a signal.
    noise : ndarray, optional
        Spectrum of the noise in white coordinates, laid out as by the real FFT: white noise in the data is the square
        of the preconditioner's gain there.

    Returns
    -------
    w : ndarray, shape (k,)
    left : ndarray
        One minus the fit, laid out as by the real FFT, flat.
    """
    power = np.abs(spectrum(q, shape).reshape(q.shape[1], -1)) ** 2
    last = np.arange(shape[-1] // 2 + 1)
    often = np.where((last > 0) & (2 * last != shape[-1]), 2.0, 1.0)
    root = np.sqrt(np.broadcast_to(often, (power.shape[1] // often.size, often.size)).ravel())
    if noise is not None:
        more = np.vstack([power, noise.ravel() / noise.mean()])
        w = np.linalg.lstsq((more * root).T, root, rcond=None)[0]
        if w[-1] > 0:
            return w[:-1], 1.0 - w @ more
    w = np.linalg.lstsq((power * root).T, root, rcond=None)[0]
    return w, 1.0 - w @ power


def spectral_fit(q: Array, shape: tuple[int, ...], noise: Array | None = None) -> tuple[float, Array]:
    """Root mean square of what :func:`unexplained` leaves over the least weight (infinite if that is negative).

    Examples
    --------
    >>> import numpy as np
    >>> round(spectral_fit(np.eye(6)[:, :1], (6,))[0], 12)
    0.0
    """
    w, left = unexplained(q, shape, noise)
    return (float(np.sqrt(np.mean(left**2)) / w.min()) if w.min() > 0 else np.inf), w


def _fourth_powers(held: Held, q: Array) -> tuple[Array, Array]:
    """For each sample and kernel the mean over the shifts of ⟨S_j q, y⟩⁴ and of its square: shape (k, p)."""
    pairs = held.pairs
    hat = pairs.transform(q).conj().astype(held.spectra.dtype)
    p = held.spectra.shape[1]
    fourth, second = np.empty((2, q.shape[1], p))
    step = tile_width(pairs.n, 4 * held.spectra.itemsize)
    for start in range(0, p, step):
        part = held.spectra[:, start : start + step]
        for k in range(q.shape[1]):
            square = pairs.inverse(part * hat[:, [k]]) ** 2
            second[k, start : start + step] = square.mean(axis=0)
            fourth[k, start : start + step] = (square * square).mean(axis=0)
    return fourth, second


def _excess(q: Array, fourth: Array, norms4: Array, shape: tuple[int, ...]) -> tuple[Array, Array]:
    r"""The fourth cumulants κ_k that fit the fourth powers, and their standard errors.

    With :math:`C_{kl} = \sum_j \langle S_j q_l, q_k\rangle^4` the expected powers are Cκ + 3c, and
    E‖y‖⁴ = n Σκ + n(n + 2)c; both are linear in the samples.
    """
    n = q.shape[0]
    correlation = np.fft.irfftn(
        spectrum(q, shape)[:, None] * spectrum(q, shape).conj()[None], s=shape, axes=range(2, 2 + len(shape))
    )
    inverse = np.linalg.pinv(np.sum(correlation.reshape(q.shape[1], q.shape[1], -1) ** 4, axis=2))
    total = inverse.sum(axis=0)
    gauss = (norms4 - n * (total @ fourth)) / (n * (n + 2.0) - 3.0 * n * total.sum())
    kappa = inverse @ fourth - 3.0 * np.outer(total, gauss)
    error = kappa.std(axis=1) / np.sqrt(kappa.shape[1])
    return kappa.mean(axis=1), np.maximum(error, np.finfo(float).tiny)


def _further(found: Findings, held: Held, fourth: Array, norms4: Array) -> tuple[float, float]:
    """Standard errors and relative excess of the strongest further limit on the held-out samples."""
    worst = (0.0, 0.0)
    extra = _fourth_powers(held, found.further)[0] if found.further.shape[1] else np.empty((0, 0))
    for k in range(found.further.shape[1]):
        q = np.column_stack([found.first, found.further[:, k]])
        kappa, error = _excess(q, np.vstack([fourth, extra[k]]), norms4, held.pairs.shape)
        ratio = float(kappa[-1] / max(np.median(kappa[:-1]), np.finfo(float).tiny))
        if ratio > _LEAST_EXTRA and kappa[-1] / error[-1] > worst[0]:
            worst = (float(kappa[-1] / error[-1]), ratio)
    return worst


def _disagreement(found: Findings, undo: Array, pairs: FrequencyPairs) -> Array:
    """1 − |correlation| of the kernels of the two halves, in the coordinates of the data."""
    first, second = (project(pairs.inverse(pairs.transform(V) * undo)) for V in (found.first, found.second))
    return 1.0 - np.abs(np.diag(shift_correlations(first, second, pairs.shape)[0]))


def examine(
    found: Findings, held: Held, K: int, *, length: int | None, undo: Array, mean: float
) -> tuple[tuple[Test, ...], Array]:
    """All tests of the kernels found, and the error of each estimated from the two halves.

    Parameters
    ----------
    found : Findings
        What the search found.
    held : Held
        Samples it did not see.
    K : int
        The number of kernels asked for.
    length : int or None
        The kernels' length, if it is known to be shorter than a sample.
    undo : ndarray, shape (n, 1)
        The filter that leads back to the coordinates of the data, as a transform.
    mean : float
        Mean of the white samples.
    """
    pairs = held.pairs
    n, k = pairs.n, found.q.shape[1]
    bound = pairs.count - 1 if length is None else min(length, pairs.count) - 1
    tests = [
        Test("found", k, K, k == K, f"{k} of {K} distinct kernels were found.", "more samples, or fewer kernels"),
        Test(
            "count",
            K,
            bound,
            bound >= K,
            f"{K} kernels are asked for; kernels of this length can be told apart up to {bound}.",
            "fewer kernels, longer samples or a larger kernel_length",
        ),
    ]
    agree = np.isfinite(found.first).all()
    if k < K or not agree:
        tests.append(
            Test("halves", 1.0, LIMITS["halves"], False, "Half of the samples does not show them all.", "more samples")
        )
        return tuple(tests), np.full(k, np.nan)

    def test(name: str, value: float, above: bool, sentence: str, advice: str) -> None:
        limit = LIMITS[name]
        good = bool(value >= limit) if name == "hits" else bool(value > limit if above else value < limit)
        tests.append(Test(name, float(value), limit, good, sentence, advice))

    fourth, second = _fourth_powers(held, found.first)
    norms4 = held.norms[-fourth.shape[1] :] ** 2
    over = fourth - 3.0 * norms4 / (n * (n + 2.0))
    z = over.mean(axis=1) / np.maximum(over.std(axis=1) / np.sqrt(over.shape[1]), np.finfo(float).tiny)
    worst = int(z.argmin())
    test(
        "excess",
        z[worst],
        True,
        f"Kernel {worst} exceeds a Gaussian by {z[worst]:.1f} standard errors on samples not used to find it; "
        f"{LIMITS['excess']:g} are needed.",
        "sparser coefficients, less noise, or more samples",
    )
    kurtosis = float((fourth.mean(axis=1) / second.mean(axis=1) ** 2).min())
    test(
        "kurtosis",
        kurtosis,
        True,
        f"The standardised fourth moment along a kernel is {kurtosis:.2f}; a Gaussian has 3.",
        "sparse coefficients: flatter than Gaussian ones cannot be found this way",
    )
    if found.held_out is not None:
        low = float(found.held_out.min())
        test(
            "held-out form",
            low,
            True,
            f"On the other half of the samples F falls to {low:.2f}; {LIMITS['held-out form']:g} is needed.",
            "more samples",
        )
        low = float(found.value.min())
        test(
            "form",
            low,
            True,
            f"F is {low:.2f} at the worst kernel, 1 for a perfect one; {LIMITS['form']:g} is needed.",
            "another number of kernels, or more samples",
        )
    fit, weights = spectral_fit(found.q, pairs.shape, held.noise)
    test(
        "spectrum",
        fit,
        False,
        f"The kernels leave {fit:.2f} of the least weight of the white spectrum unexplained.",
        "another number of kernels; check that samples are columns and that the shape of pictures is right",
    )
    apart = _disagreement(found, undo, pairs)
    test(
        "halves",
        apart.max(),
        False,
        f"The kernels of the two halves of the samples differ by {apart.max():.3f}.",
        "more samples",
    )
    test(
        "hits",
        found.hits.min(),
        True,
        f"The rarest kernel was reached by {found.hits.min()} starts.",
        "raise starts, or another number of kernels",
    )
    share = float(np.max(held.norms) ** 4 / np.sum(held.norms**4))
    test(
        "loudest",
        share,
        False,
        f"One sample carries {share:.0%} of the fourth moment.",
        "leave out or repair the loudest sample",
    )
    errors, ratio = _further(found, held, fourth, norms4)
    test(
        "extra",
        errors,
        False,
        f"A further kernel has {ratio:.0%} of a typical excess ({errors:.1f} standard errors).",
        "ask for more kernels",
    )
    constant = n * mean**2 / weights.min() if weights.min() > 0 else np.inf
    test(
        "mean",
        constant,
        False,
        f"The mean of the data is {constant:.2g} of the power of the weakest kernel.",
        "center=True",
    )
    return tuple(tests), apart / 4.0


def pair(first: Array, q: Array, shape: tuple[int, ...]) -> Array:
    """The columns of ``first`` in the order of their nearest columns of ``q``, NaN where there is none."""
    result = np.full(q.shape, np.nan)
    if first.shape[1] and q.shape[1]:
        index = match_kernels(first, q, shape=shape).index
        result[:, index >= 0] = first[:, index[index >= 0]]
    return result
