"""What repeated trials allow to be said: intervals for probabilities, and transitions with their uncertainty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special, stats

from l4lib.validate import Array, as_array, as_count, as_rng, as_tolerance

__all__ = ["Transition", "bootstrap_mean", "fit_transition", "wilson"]


def wilson(successes: ArrayLike, trials: ArrayLike, *, level: float = 0.95) -> tuple[Array, Array]:
    """Wilson's score interval for a success probability.

    Parameters
    ----------
    successes, trials : array_like, same shape
        Counts, 0 <= successes <= trials and trials >= 1.
    level : float
        Wanted coverage, in (0, 1).

    Returns
    -------
    low, high : ndarray
        Ends of the interval, within [0, 1].

    Raises
    ------
    ValueError
        If a count is negative, there were no trials, or more successes than trials.

    Examples
    --------
    >>> low, high = wilson(0, 12)
    >>> float(low), round(float(high), 3)
    (0.0, 0.242)
    """
    k = as_array(successes, "successes", ndim=(0, 1, 2), shape="any")
    n = as_array(trials, "trials", ndim=(0, 1, 2), shape="any")
    if np.any(n < 1) or np.any(k < 0) or np.any(k > n):
        raise ValueError("successes: expected 0 <= successes <= trials and at least one trial")
    z = stats.norm.ppf(0.5 + as_tolerance(level, "level") / 2)
    centre = (k + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * np.sqrt(k * (n - k) / n + z * z / 4)
    return np.where(k == 0, 0.0, centre - half), np.where(k == n, 1.0, centre + half)


def bootstrap_mean(
    values: ArrayLike, *, level: float = 0.95, resamples: int = 1000, rng: np.random.Generator
) -> tuple[float, float]:
    """The percentile interval of a mean by the bootstrap: ends of the middle share of the means of resampled values.

    Parameters
    ----------
    values : array_like, shape (k,)
        What the mean is of; they count as drawn independently of each other.
    level : float
        Wanted coverage, in (0, 1).
    resamples : int
        How often k values are drawn with replacement.
    rng : numpy.random.Generator
        The source of randomness.

    Returns
    -------
    low, high : float

    Raises
    ------
    TypeError, ValueError
        If there are no values, or an option is out of range.

    Examples
    --------
    >>> low, high = bootstrap_mean(np.arange(101.0), rng=np.random.default_rng(0))
    >>> bool(40 < low < 47), bool(53 < high < 60)
    (True, True)
    """
    x = as_array(values, "values", ndim=1, shape="(k,)")
    tail = (1.0 - as_tolerance(level, "level")) / 2.0
    weights = as_rng(rng).multinomial(x.size, np.full(x.size, 1.0 / x.size), size=as_count(resamples, "resamples"))
    low, high = np.quantile(weights @ x / x.size, [tail, 1.0 - tail])
    return float(low), float(high)


@dataclass(frozen=True)
class Transition:
    """A logistic curve P(success) = 1/(1 + exp(−slope (x − midpoint))) fitted to counts.

    Attributes
    ----------
    midpoint, slope : float
        Where the probability is one half, and how steeply it changes there.
    midpoint_interval : tuple of float
        Profile-likelihood interval of the midpoint.
    separated : bool
        Successes and failures do not overlap in x, so that the slope is not determined (its estimate is a bound) and
        the midpoint lies anywhere in the gap, which then is the interval.
    """

    midpoint: float
    slope: float
    midpoint_interval: tuple[float, float]
    separated: bool


def fit_transition(x: ArrayLike, successes: ArrayLike, trials: ArrayLike, *, level: float = 0.95) -> Transition:
    """Fit a logistic transition by maximum likelihood.

    Parameters
    ----------
    x : array_like, shape (k,)
        The quantity that is varied (often a logarithm).
    successes, trials : array_like, shape (k,)
        Counts at each x.
    level : float
        Coverage of the interval.

    Returns
    -------
    Transition

    Raises
    ------
    ValueError
        If there are only successes or only failures (no transition to fit), or the counts are inconsistent.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(7.0)
    >>> fit = fit_transition(x, [0, 1, 3, 10, 16, 19, 20], [20] * 7)
    >>> round(fit.midpoint, 1), fit.midpoint_interval[0] < fit.midpoint < fit.midpoint_interval[1], fit.separated
    (3.1, True, False)
    """
    x = as_array(x, "x", ndim=1, shape="(k,)")
    k = as_array(successes, "successes", ndim=1, shape="(k,)")
    n = as_array(trials, "trials", ndim=1, shape="(k,)")
    wilson(k, n)
    if k.sum() == 0 or k.sum() == n.sum():
        raise ValueError(f"successes: expected both successes and failures, got {int(k.sum())} of {int(n.sum())}")
    rising = bool(np.average(x, weights=k) >= np.average(x, weights=n - k))
    sign = 1.0 if rising else -1.0
    won, lost = sign * x[k > 0], sign * x[k < n]
    if won.min() > lost.max():
        ends = sorted((sign * lost.max(), sign * won.min()))
        return Transition(
            midpoint=float(np.mean(ends)),
            slope=sign * np.inf,
            midpoint_interval=(float(ends[0]), float(ends[1])),
            separated=True,
        )
    width = float(np.ptp(x))

    def deviance(midpoint: float, log_slope: float) -> float:
        t = sign * np.exp(log_slope) * (x - midpoint)
        return float(-np.sum(k * special.log_expit(t) + (n - k) * special.log_expit(-t)))

    def both(v: Array) -> float:
        return deviance(float(v[0]), float(v[1]))

    def profile(midpoint: float) -> float:
        found = optimize.minimize_scalar(lambda s: deviance(midpoint, s), bounds=limits, method="bounded")
        return float(found.fun)

    limits = (np.log(0.05 / width), np.log(200.0 * x.size / width))
    start = float(np.average(x, weights=k * (n - k) / n + 1e-9))
    first = np.array([start, np.log(8.0 / width)])
    best = optimize.minimize(both, first, method="Nelder-Mead")
    midpoint, log_slope = float(best.x[0]), float(np.clip(best.x[1], *limits))
    allowed = float(best.fun) + stats.chi2.ppf(as_tolerance(level, "level"), 1) / 2

    def end(direction: float) -> float:
        far = midpoint + direction * 3 * width
        if profile(far) <= allowed:
            return direction * np.inf
        return float(optimize.brentq(lambda c: profile(c) - allowed, midpoint, far))

    return Transition(
        midpoint=midpoint,
        slope=sign * float(np.exp(log_slope)),
        midpoint_interval=(end(-1.0), end(1.0)),
        separated=False,
    )
