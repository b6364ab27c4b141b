r"""Evidence that atoms found are atoms, and all of them: tests on samples that the search did not see.

The search uses the first half of the samples; the second half measures the fourth power along each atom it found.
From these, κ = Mv − bs is linear in the samples (:func:`l4lib.recovery.cumulants.cumulant_map`), so that its standard
error comes from a part of them.
The limits were calibrated on recorded runs (experiment E11); the chapter *From data to a dictionary* shows how often
they fail, and what no test can see.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import comb

import numpy as np

from l4lib.data import Samples, fourth_powers
from l4lib.quartic import inner, project
from l4lib.recovery.cumulants import CovarianceFit, covariance_fit, cumulant_map, fourth_inverse, shadowed
from l4lib.recovery.evidence import Test
from l4lib.recovery.pool import SampleMoment, climb, distinct
from l4lib.recovery.search import Found
from l4lib.validate import Array

__all__: list[str] = []

_PART = 4096
"""Samples from which standard errors are taken."""
_CALIBRATED_FROM = 8
"""Dimension below which a second search is compared."""
EXCESS, OWNED, HALVES, SETTLED, COVARIANCE, REMAINDER, SECOND = 2.0, 0.5, 0.08, 0.1, 0.35, 2.0, 0.05
"""Limits of the tests of these names."""
NOISE = 2.0
"""Limit of a cumulant in Gaussian standard errors over √n; searches in noise found at most 0.9 (measured)."""


@dataclass(frozen=True)
class Examination:
    """All tests, the estimated error of each atom, the cumulant that would be visible, and the covariance fit."""

    tests: tuple[Test, ...]
    error: Array
    visible: float
    covariance: CovarianceFit | None
    value: Array

    @property
    def complete(self) -> bool:
        """Whether all tests passed."""
        return all(test.passed for test in self.tests)

    def failed(self, name: str) -> bool:
        """Whether the test of this name is there and failed."""
        return any(test.name == name and not test.passed for test in self.tests)


class _Weighing:
    """Cumulants at atoms A, and at one further point each, from fourth powers in one weighting of the samples.

    Every weighting has E‖·‖⁴ = 1.

    Parameters
    ----------
    inverse : ndarray, shape (m, m)
        The inverse of (AᵀA)^{∘4}.
    n : int
        Dimension.
    powers : ndarray, shape (m,)
        Means of the weighted fourth powers.
    part : ndarray, shape (k, m + 1)
        Weighted fourth powers, and ‖·‖⁴, of some of the samples.
    count : int
        Samples behind the means.
    """

    def __init__(self, inverse: Array, n: int, powers: Array, part: np.ndarray, count: int) -> None:
        self.n, self.count, self.part = n, count, part
        self.means = np.append(powers, 1.0)
        self._inverse = inverse
        self.map = cumulant_map(inverse, n)
        self.kappa = self.map @ self.means
        self.c = (1.0 - float(self.kappa.sum())) / (n * (n + 2.0))
        self.error = _spread(part @ self.map.T.astype(part.dtype)) / np.sqrt(count)

    @property
    def z(self) -> Array:
        """Cumulants in standard errors."""
        return self.kappa / np.maximum(self.error, 1e-300)

    def further(self, cosines: Array, powers: Array, part: np.ndarray) -> tuple[Array, Array]:
        """κ and its standard error of each further point q, joined alone to the fit.

        The last row of the inverse of a bordered matrix, written out; ``cosines`` is AᵀQ, shape (m, r).
        """
        squares = cosines * cosines
        b = squares * squares
        x = self._inverse @ b
        schur = np.maximum(1.0 - inner(b, x), 1e-12)
        sums = self._inverse.sum(axis=1)
        t = (1.0 - sums @ b) / schur
        old = sums[:, None] - x * t
        free = self.n * (self.n + 2.0) - 3.0 * (old.sum(axis=0) + t)
        slope = 3.0 * t / np.where(free == 0.0, np.inf, free)  # no isotropic part can be told in one dimension
        weights = np.vstack([slope * old - x / schur, -slope])
        own = 1.0 / schur + slope * t
        kappa = weights.T @ self.means + own * powers
        spread = self.part @ weights.astype(self.part.dtype) + part * own.astype(part.dtype)
        return kappa, _spread(spread) / np.sqrt(self.count)


def _spread(columns: np.ndarray) -> Array:
    """Standard deviation of each column."""
    mean = columns.mean(axis=0)
    square = np.einsum("ij,ij->j", columns, columns).astype(np.float64) / columns.shape[0]
    return np.sqrt(np.maximum(square - mean.astype(np.float64) ** 2, 0.0))


def _counts(found: int, wanted: int | None, n: int) -> list[Test]:
    """Whether all atoms were found, and whether there are fewer than anything would fit."""
    unknowns, equations, pairs = found * n + 1, comb(n + 3, 4), n * (n + 1) // 2
    needed = 1 if wanted is None else wanted
    return [
        Test(
            "found",
            found,
            needed,
            found >= needed,
            f"{found} atoms were found of {needed}" if wanted else f"{found} atoms were found",
            "pass fewer atoms, more samples, or leave n_atoms out",
        ),
        Test(
            "count",
            unknowns,
            equations,
            unknowns < equations and found < pairs,
            f"{found} atoms in {n} dimensions have {unknowns} unknowns, and a fourth moment has {equations} entries",
            "so many atoms cannot be told from others by fourth moments; pass fewer",
        ),
    ]


def _least(values: Array) -> tuple[float, int]:
    """The smallest value and its index; −∞ if one is not a number."""
    i = int(np.argmin(np.where(np.isfinite(values), values, -np.inf)))
    return float(values[i]) if np.isfinite(values[i]) else float("-inf"), i


def _covariance(fit: CovarianceFit, limit: float, passed: bool) -> Test:
    return Test(
        "covariance",
        fit.unexplained,
        limit,
        passed,
        f"the atoms leave {fit.unexplained:.2f} of the variance of the least of them unexplained in one direction",
        "an atom is missing or wrong: ask for more atoms, or pass more samples",
    )


def _owned(A: Array, kappa: Array, excess: Array) -> Test:
    own, i = _least(np.where(shadowed(A, kappa), 0.0, kappa / np.maximum(excess, 1e-300)))
    return Test(
        "own",
        own,
        OWNED,
        own > OWNED,
        f"atom {i} owns {100 * own:.0f} % of the excess measured at it",
        "two atoms share one direction: ask for fewer",
    )


def examine(
    samples: Samples, found: Found, wanted: int | None, again: Callable[[Samples], Found], *, rng: np.random.Generator
) -> Examination:
    """All tests; ``again`` repeats the search, which is done on the other half in few dimensions."""
    n, m = found.A.shape
    tests = _counts(m, wanted, n)
    if not m:
        return Examination(tuple(tests), np.empty(0), float("inf"), None, np.empty(0))
    A1, h = found.blind.A, samples.half
    powers = fourth_powers(samples.rows[h : h + _PART], A1)
    weights = samples.weights(h, samples.size)
    inverse = fourth_inverse(A1.T @ A1)
    means = samples.held_out(A1)
    fourth_norms = samples.norms[h:] ** 2
    part = [
        np.column_stack([powers * w[: powers.shape[0], None], (w * fourth_norms)[: powers.shape[0]]]) for w in weights
    ]
    directional, fair, raw = (
        _Weighing(inverse, n, v, some, samples.size - h) for v, some in zip(means, part, strict=True)
    )
    value = means[2] * float(np.mean(fourth_norms.astype(np.float64) ** 2)) * samples.loud

    z, i = _least(directional.z)
    times = max(2.0, (1.5 * EXCESS / z) ** 2) if z > 0.3 else 10.0
    tests.append(
        Test(
            "excess",
            z,
            EXCESS,
            z > EXCESS,
            f"atom {i} exceeds a Gaussian by {z:.1f} standard errors on samples not used to find it",
            f"pass about {times:.0f} times the samples; Gaussian coefficients cannot be found at all",
        )
    )
    z, i = _least(raw.z)
    tests.append(
        Test(
            "raw excess",
            z,
            0.0,
            z > 0,
            f"the untempered fourth power of atom {i} is {z:.1f} standard errors from what the other atoms explain",
            "pass more samples; noise has no such excess",
        )
    )
    tests.append(_owned(found.A, fair.kappa, fair.means[:-1] - 3.0 * fair.c))

    error = _between_halves(samples, found) / 4.0
    worst = 4.0 * float(np.max(error))
    tests.append(
        Test(
            "halves",
            worst,
            HALVES,
            worst < HALVES,
            f"atom {int(np.argmax(error))} differs by {worst:.3f} (1 − |correlation|) between the halves",
            "pass more samples",
        )
    )

    tests.append(
        Test(
            "settled",
            found.ahead,
            SETTLED,
            found.ahead < SETTLED,
            f"further passes over the samples are forecast to turn an atom by the sine {found.ahead:.2g}",
            "the atoms are too coherent for the separation to converge: pass fewer, or more samples",
        )
    )

    fit = covariance_fit(found.A)
    further, rest = _further(samples, found, fit, fair, raw, weights[1:], rng=rng)
    typical, raw_typical = float(np.median(fair.kappa)), float(np.median(raw.kappa))
    noise = rest[1] < 2.0 and raw_typical > 0 and abs(rest[0]) < 0.1 * raw_typical
    limit = 1.0 if noise else COVARIANCE
    tests.append(_covariance(fit, limit, fit.unexplained < limit))
    tests += [_residual(further, typical), _remainder(samples, found)]

    kurtosis, i = _least(value)
    tests += [
        Test(
            "kurtosis",
            kurtosis,
            3.0,
            kurtosis > 3.0,
            f"the fourth power along atom {i} is {kurtosis:.2f} of the squared variance, and 3 for a Gaussian",
            "flatter than Gaussian coefficients (uniform, binary) are not found this way",
        ),
        Test(
            "asymmetry",
            samples.skew,
            0.005,
            samples.skew < 0.005 or samples.skew_sigmas < 5.0,
            f"the coefficients are asymmetric by {100 * samples.skew:.1f} %, {samples.skew_sigmas:.0f} standard errors",
            "use pairs=True",
        ),
        _mean(samples, fit),
    ]
    if n < _CALIBRATED_FROM:
        tests.append(_second(samples, found, again))
    visible = float(3.0 * np.median(fair.error) / typical) if typical > 0 else float("inf")
    return Examination(tuple(tests), error, visible, fit, value)


def _in_equal_units(samples: Samples, A: Array) -> Array:
    """Atoms of white coordinates in those of the data, each row over its standard deviation."""
    back = samples.whitening.inverse
    return project(back / np.linalg.norm(back, axis=1)[:, None] @ A)


def _between_halves(samples: Samples, found: Found) -> Array:
    """1 − |correlation|, in equal units, of the atoms by the last pass over either half; 2 where there is none."""
    ends = [_in_equal_units(samples, end.A) for end in found.ends]
    return np.nan_to_num(1.0 - np.abs(inner(*ends)), nan=2.0)


def _further(
    samples: Samples,
    found: Found,
    fit: CovarianceFit,
    fair: _Weighing,
    raw: _Weighing,
    weights: np.ndarray,
    *,
    rng: np.random.Generator,
) -> tuple[list[tuple[float, float, float, float]], tuple[float, float]]:
    """Limits of the deflated quartic of the first half, judged on the second.

    Returns for each of them κ, its standard errors, and both untempered, and κ and standard errors of the
    least explained direction, untempered.
    """
    A1, kappa, h, n = found.blind.A, found.blind.kappa, samples.half, samples.n
    left = covariance_fit(A1)
    few = min(h, 80 * n)
    level = SampleMoment(samples.rows[rng.choice(h, few, replace=False)], samples.scale)
    c = 0.9 * max(0.0, 1.0 - float(kappa.sum())) / (n * (n + 2))
    starts = np.hstack([level.starts(8, left.residual, rng), left.vectors[:, -min(4, n) :]])
    Q, value, turn = climb(level, starts, c, A1, kappa, steps=6)
    Q = distinct(Q[:, turn < 0.7], value[turn < 0.7], A1)[:, :5]
    if Q.shape[1] and few < h:
        Q, value, _ = climb(SampleMoment(samples.rows[:h], samples.scale), Q, c, A1, kappa, steps=3, rest=0.05)
        Q = distinct(Q, value, A1)
    points = np.hstack([Q, fit.direction[:, None]])
    powers = fourth_powers(samples.rows[h:], points)
    k, means, cosines = fair.part.shape[0], weights @ powers / powers.shape[0], A1.T @ points
    further, error = fair.further(cosines, means[0], powers[:k] * weights[0, :k, None])
    raw_kappa, raw_error = raw.further(cosines, means[1], powers[:k] * weights[1, :k, None])
    z, raw_z = further / np.maximum(error, 1e-300), raw_kappa / np.maximum(raw_error, 1e-300)
    judged = [(float(further[i]), float(z[i]), float(raw_kappa[i]), float(raw_z[i])) for i in range(Q.shape[1])]
    return judged, (float(raw_kappa[-1]), float(raw_z[-1]))


def _residual(further: list[tuple[float, float, float, float]], typical: float) -> Test:
    """Whether no further direction has a fourth cumulant of its own: neither a large nor a certain one."""
    share, z = 0.0, 0.0
    for kappa, sigmas, _, raw_sigmas in further:
        ratio = kappa / max(typical, 1e-300)
        if raw_sigmas > 1.0 and ((ratio > 0.3 and sigmas > 3.0) or (ratio > 0.05 and sigmas > 5.0)):
            share, z = max((share, z), (ratio, sigmas))
    return Test(
        "residual",
        z,
        3.0,
        z == 0.0,
        f"a further direction has {100 * share:.0f} % of a typical atom's excess ({z:.1f} standard errors)"
        if z
        else "no further direction has an excess of its own",
        "ask for more atoms",
    )


def _remainder(samples: Samples, found: Found) -> Test:
    """Whether what the atoms of either half leave of its covariance is unlike: errors differ, a missing atom does not.

    Two independent directions of a space of d dimensions have a cosine of about a standard normal number over √d; these
    have less (measured), since the covariances of the halves add up to 2I.
    """
    n, m = found.A.shape
    first, second = (
        covariance_fit(end.A, S).residual for end, S in zip(found.ends, samples.covariances(), strict=True)
    )
    size = float(np.linalg.norm(first) * np.linalg.norm(second))
    alike = float(np.vdot(first, second)) / size * np.sqrt(max(n * (n + 1) / 2 - m, 0)) if size else 0.0
    return Test(
        "remainder",
        alike,
        REMAINDER,
        alike < REMAINDER,
        f"what the atoms leave of the covariance is alike in both halves, by {alike:.1f} standard errors",
        "an atom is missing: ask for more atoms, or pass more samples",
    )


def _mean(samples: Samples, fit: CovarianceFit) -> Test:
    limit = 0.1 * max(float(np.min(fit.weights)), 0.0) + 3.0 * samples.n / samples.size
    return Test(
        "mean",
        samples.offset,
        limit,
        samples.offset <= limit,
        f"the mean left in the data has the share {samples.offset:.2g} of a direction's variance",
        "leave center=True",
    )


def _second(samples: Samples, found: Found, again: Callable[[Samples], Found]) -> Test:
    """In few dimensions much fits by accident: the same search on the other half must find the same atoms."""
    other = again(samples.swapped()).blind.A
    if other.shape[1]:
        near = np.abs(_in_equal_units(samples, found.A).T @ _in_equal_units(samples, other)).max(axis=1)
        worst = float(np.max(1.0 - near))
    else:
        worst = 1.0
    return Test(
        "second search",
        worst,
        SECOND,
        worst < SECOND,
        f"a search on the other half of the samples differs by {worst:.3f} (1 − |correlation|)",
        "pass more samples; below eight dimensions answers are less certain",
    )


def examine_moment(
    A: Array, kappa: Array, excess: Array, wanted: int | None, count: int, settled: bool
) -> tuple[tuple[Test, ...], CovarianceFit | None]:
    """The tests that moments allow: nothing is held out, so the excess is held against the largest of pure noise."""
    n, m = A.shape
    tests = _counts(m, wanted, n)
    if not m:
        return tuple(tests), None
    tests.append(
        Test(
            "settled",
            float(settled),
            1.0,
            settled,
            "the atoms stopped moving" if settled else "the atoms still moved",
            "pass another number of atoms, or more samples",
        )
    )
    null = np.sqrt((105.0 / ((n + 4) * (n + 6)) - 9.0 / (n + 2) ** 2) / count) / n
    z, i = _least(kappa / null)
    limit = NOISE * float(np.sqrt(n))
    tests.append(
        Test(
            "excess",
            z,
            limit,
            z > limit,
            f"the cumulant of atom {i} is {z:.1f} standard errors of Gaussian samples, of which a search finds "
            f"{limit:.0f} in noise",
            "pass more samples; Gaussian coefficients cannot be found at all",
        )
    )
    tests.append(_owned(A, kappa, excess))
    fit = covariance_fit(A)
    tests.append(_covariance(fit, COVARIANCE, fit.unexplained < COVARIANCE))
    return tuple(tests), fit
