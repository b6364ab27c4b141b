"""How likely a start from the data is high enough: tails of its height, and the guarantee."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.special import gammaln
from scipy.stats import binom

from l4lib.landscape.region import FrameBounds, sublevel_threshold
from l4lib.validate import Array, as_count, as_positive, as_theta

__all__ = ["StartGuarantee", "energy_tail", "required_level", "spread_tail", "start_guarantee", "start_tail"]

_ORDERS: Array = np.arange(161, dtype=np.float64)  # moments used by the tail bound of the spread


def _support_sizes(m: int, theta: float) -> tuple[Array, Array]:
    """The sizes s >= 1 that carry probability, and their probabilities given s >= 1; what is dropped is below 1e-15."""
    top = min(m, max(1, int(binom.isf(1e-16, m, theta)) + 1))
    s = np.arange(1, top + 1)
    return s.astype(float), binom.pmf(s, m, theta) / -np.expm1(m * np.log1p(-theta))


# Tails


def energy_tail(s: int, mu: float, delta: float) -> float:
    r"""A bound of P(‖Ax‖² < (1−δ) ν_min² ‖x‖²) for Gaussian coefficients on a support of size s.

    It is zero for δ ≥ (s−1)μ; else :math:`\sqrt{1+\delta/\mu}\,(1-\delta/((s-1)\mu))^{(s-1)/2}`, which is at most
    √(1+δ/μ) exp(−δ/(2μ)), provided (δ+μ)((s−1)μ−δ) ≤ δ(1−δ); and one if neither is the case.

    Parameters
    ----------
    s : int
        Size of the support, at least 1.
    mu : float
        Coherence of the atoms' directions, in [0, 1].
    delta : float
        Relative loss, in [0, 1).

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.

    References
    ----------
    Equation ``eq-energy-tail``, claim ``start-energy``.

    Examples
    --------
    >>> energy_tail(5, 0.05, 0.2)
    0.0
    >>> 0.01 < energy_tail(9, 0.05, 0.3) < 0.011
    True
    """
    s, mu, delta = as_count(s, "s"), _as_coherence(mu), _as_loss(delta)
    return float(_energy_tail(s, mu, np.array([delta]))[0])


def _energy_tail(s: int, mu: float, delta: Array) -> Array:
    worst = (s - 1) * mu
    covered = (delta < worst) & ((delta + mu) * (worst - delta) <= delta * (1.0 - delta))
    ratio = np.where(covered, delta, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        log_bound = 0.5 * np.log1p(ratio / mu) + 0.5 * (s - 1) * np.log1p(-ratio / worst)
    return np.where(delta >= worst, 0.0, np.where(covered, np.exp(log_bound), 1.0))


@lru_cache(maxsize=4096)
def _log_moments(s: int) -> Array:
    """Logarithms of E T^q, T = Σ|ω_i|^{4/3} for a uniform unit vector ω in R^s, for each order q."""
    order = _ORDERS
    # E e^{λΣ|g_i|^{4/3}} = (Σ_k λ^k E|g|^{4k/3}/k!)^s: positive series, scaled by s^{-k}
    series = np.exp(_log_gaussian(1, 2.0 * order / 3.0) - gammaln(order + 1.0) - order * np.log(s))
    power, exponent = np.eye(1, order.size)[0], s
    while exponent:
        if exponent & 1:
            power = np.convolve(power, series)[: order.size]
        series = np.convolve(series, series)[: order.size]
        exponent >>= 1
    moments: Array = np.log(power) + gammaln(order + 1.0) + order * np.log(s) - _log_gaussian(s, 2.0 * order / 3.0)
    return moments


def _log_gaussian(s: int, power: Array) -> Array:
    """log E‖g‖^{2·power} for a standard Gaussian in R^s."""
    value: Array = power * np.log(2.0) + gammaln(s / 2.0 + power) - gammaln(s / 2.0)
    return value


def spread_tail(s: int, level: float) -> float:
    """A bound of P(H ≤ level) for H = ‖g‖₂⁴/‖g‖_{4/3}⁴ and a standard Gaussian g in R^s.

    By Markov's inequality for the exact moments of H^{-1/3}; zero below level 1/s, since H is never smaller.

    Parameters
    ----------
    s : int
        Size of the support, at least 1.
    level : float
        A positive number.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.

    References
    ----------
    Equation ``eq-spread-tail``, claim ``start-spread``.

    Examples
    --------
    >>> spread_tail(10, 0.099), spread_tail(10, 1.5)
    (0.0, 1.0)
    >>> 0.1 < spread_tail(10, 0.125) < 0.2
    True
    """
    s, level = as_count(s, "s"), as_positive(level, "level")
    return float(_spread_tail(s, np.array([level]))[0])


def _spread_tail(s: int, level: Array) -> Array:
    log_z = -np.log(level) / 3.0
    best = np.exp(np.minimum(np.min(_log_moments(s)[:, None] - _ORDERS[:, None] * log_z, axis=0), 0.0))
    return np.where(level * s <= 1.0 - 1e-12, 0.0, best)


def start_tail(s: int, mu: float, level: float) -> float:
    """A bound of P(α₀ ≤ level · ν_min⁴) for Gaussian coefficients on any support of size s.

    The best sum of :func:`energy_tail` and :func:`spread_tail` over a grid of losses δ.

    Parameters
    ----------
    s : int
        Size of the support, at least 1.
    mu : float
        Coherence of the atoms' directions, in [0, 1].
    level : float
        A positive number.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.

    References
    ----------
    Equation ``eq-start-tail``, claim ``good-start``.

    Examples
    --------
    >>> start_tail(3, 0.05, 0.25), start_tail(3, 0.05, 1.2)
    (0.0, 1.0)
    """
    s, mu, level = as_count(s, "s"), _as_coherence(mu), as_positive(level, "level")
    worst = (s - 1) * mu
    delta = np.unique(np.append(np.linspace(0.0, min(worst, 0.95), 97), min(worst, 0.95)))
    total = _energy_tail(s, mu, delta) + _spread_tail(s, level / (1.0 - delta) ** 2)
    return float(min(1.0, total.min()))


# The guarantee


def required_level(frame: FrameBounds, *, epsilon: float | None = None) -> float:
    r"""The level L for which α₀ > L ν_min⁴ puts the start into the sublevel set of the region theorem.

    L = (3/2) g B/ν_min⁴ for φ_T; with a sampling error ε, L = (α_* + 8ε)/ν_min⁴.

    Parameters
    ----------
    frame : FrameBounds
        From :func:`frame_bounds` or :func:`kernel_bounds`.
    epsilon : float, optional
        Bound of |Δ| on the sphere for the objective of the samples.

    Raises
    ------
    ValueError
        If ε is negative or not finite.

    References
    ----------
    Equation ``eq-start-level``, claim ``good-start``.

    Examples
    --------
    >>> import numpy as np
    >>> required_level(FrameBounds(B=2.0, g=0.015, mu=0.015, nu=np.ones(2)))
    0.045
    """
    needed = sublevel_threshold(frame, epsilon=epsilon) + 8.0 * (epsilon or 0.0)
    return float(needed / np.min(frame.nu) ** 4)


@dataclass(frozen=True)
class StartGuarantee:
    """What is proved about the start from one nonempty sample.

    Attributes
    ----------
    probability : float
        Lower bound of the probability that the start lies in the sublevel set; zero if nothing is proved.
    level : float
        The level L.
    margin : float
        L_typical/L − 1, where L_typical is the theorem's height (without loss of energy) at the mean number of
        nonzeros; positive means that typical samples are expected to be good.
    certain : int
        Largest s for which every sample with at most s nonzeros is good, whatever its values; zero if there is none.
    mean_support : float
        Mean number of nonzeros of a nonempty sample.
    """

    probability: float
    level: float
    margin: float
    certain: int
    mean_support: float

    def samples_needed(self, delta: float) -> int | None:
        """How many independent samples suffice for at least one good start with probability 1 − δ; None if void.

        Raises
        ------
        TypeError, ValueError
            If δ lies outside (0, 1).

        Examples
        --------
        >>> start_guarantee(0.00025, 20_014, 0.0101, 0.0303).samples_needed(0.01)
        1
        """
        delta = as_theta(delta, "delta")
        if self.probability <= 0.0:
            return None
        if self.probability >= 1.0:
            return 1
        return int(np.ceil(np.log(delta) / np.log1p(-self.probability)))


def start_guarantee(theta: float, m: int, mu: float, level: float) -> StartGuarantee:
    """The probability that the start from a sample of m coefficients is higher than level · ν_min⁴, bounded below.

    Parameters
    ----------
    theta : float
        Sparsity level in (0, 1).
    m : int
        Number of atoms, nK for K kernels.
    mu : float
        Coherence of the directions of the atoms.
    level : float
        The level L, such as :func:`required_level` returns; at L = 0 every start is good.

    Returns
    -------
    StartGuarantee

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.

    References
    ----------
    Equation ``eq-good-start``, claim ``good-start``.

    Examples
    --------
    A Legendre pair of length 10007, five nonzeros a sample, and one of length 67:

    >>> start_guarantee(0.00025, 20_014, 0.0101, 0.0303).probability > 0.99
    True
    >>> start_guarantee(0.01, 134, 0.14, 0.42).probability > 0.99
    False
    """
    theta, m, mu = as_theta(theta), as_count(m, "m", minimum=2), _as_coherence(mu)
    if not (np.isfinite(level) and level >= 0.0):
        raise ValueError(f"level: expected a finite number of at least 0, got {level}")
    sizes, pi = _support_sizes(m, theta)
    mean = m * theta / -np.expm1(m * np.log1p(-theta))
    s = max(1, round(mean))
    typical = float(np.exp(-3.0 * _log_moments(s)[1]))
    if level == 0.0:
        return StartGuarantee(1.0, 0.0, float("inf"), m, float(mean))
    good = 0.0
    for size, weight in zip(sizes, pi, strict=True):
        if weight > 1e-12:  # what is left out only lowers the bound
            failure = start_tail(int(size), mu, level)
            good += weight * (1.0 - failure)
            if failure == 1.0 and size > 4.0 / level:
                break
    return StartGuarantee(
        probability=float(min(1.0, good)),
        level=level,
        margin=typical / level - 1.0,
        certain=_certain(m, mu, level),
        mean_support=float(mean),
    )


def _certain(m: int, mu: float, level: float) -> int:
    """The largest s <= m with (s−1)μ < 1 and (1 − (s−1)μ)² > s·level; the left side falls and the right side rises."""
    top = int(min(m, np.floor(1.0 / level)))
    s = np.arange(1, top + 1)
    good = ((s - 1) * mu < 1.0) & ((1.0 - (s - 1) * mu) ** 2 > s * level)
    return int(np.count_nonzero(good))


def _as_coherence(mu: Any) -> float:
    value = float(mu)
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"mu: expected a coherence in [0, 1], got {value}")
    return value


def _as_loss(delta: Any) -> float:
    value = float(delta)
    if not 0.0 <= value < 1.0:
        raise ValueError(f"delta: expected a number in [0, 1), got {value}")
    return value
