"""Intervals and transitions against exact coverage and known curves."""

import numpy as np
import pytest
from scipy import optimize, stats

from l4lib.experiments import bootstrap_mean, fit_transition, wilson


@pytest.mark.parametrize("p", [0.05, 0.3, 0.5, 0.9])
def test_wilson_covers_about_as_often_as_it_says(p):
    n = 60
    k = np.arange(n + 1)
    low, high = wilson(k, np.full(n + 1, n))
    covered = stats.binom.pmf(k, n, p) @ ((low <= p) & (p <= high))
    assert 0.92 < covered < 0.985


def test_wilson_agrees_with_scipy():
    for k, n in ((0, 12), (7, 12), (12, 12), (3, 50)):
        expected = stats.binomtest(k, n).proportion_ci(method="wilson")
        assert np.allclose(wilson(k, n), (expected.low, expected.high))


def test_wilson_refuses_impossible_counts():
    for k, n in ((3, 2), (-1, 2), (0, 0)):
        with pytest.raises(ValueError, match="0 <= successes <= trials"):
            wilson(k, n)


@pytest.mark.parametrize("sign", [1, -1])
def test_fit_recovers_the_midpoint_and_covers_it(sign):
    x = np.linspace(-2, 3, 11)
    truth, slope, covered = 0.7, 3.0, 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        k = rng.binomial(40, 1 / (1 + np.exp(-sign * slope * (x - truth))))
        fit = fit_transition(x, k, np.full(11, 40))
        assert fit.midpoint == pytest.approx(truth, abs=0.35)
        assert np.sign(fit.slope) == sign
        assert abs(fit.slope) == pytest.approx(slope, rel=0.5)
        covered += fit.midpoint_interval[0] <= truth <= fit.midpoint_interval[1]
    assert covered >= 34


def test_separated_counts_are_said_to_be():
    fit = fit_transition([0, 1, 2, 3], [0, 0, 5, 5], [5] * 4)
    assert fit.separated
    assert fit.midpoint_interval == (1.0, 2.0)
    assert fit_transition([0, 1, 2, 3], [5, 5, 0, 0], [5] * 4).midpoint_interval == (1.0, 2.0)


def test_no_transition_is_refused():
    with pytest.raises(ValueError, match="both successes and failures, got 0 of 10"):
        fit_transition([0, 1], [0, 0], [5, 5])


def _loss(x, k, n, midpoint, slope):
    """Minus the log-likelihood, written out a second time."""
    success = 1 / (1 + np.exp(-slope * (x - midpoint)))
    return -np.sum(k * np.log(success) + (n - k) * np.log(1 - success))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_fit_is_the_maximum_of_the_likelihood_with_unequal_trials(sign):
    x = sign * np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    k, n = np.array([1, 2, 40, 3, 5]), np.array([20, 5, 90, 4, 6])
    fit = fit_transition(x, k, n)
    best = optimize.minimize(lambda v: _loss(x, k, n, *v), (sign * 2.0, sign), method="BFGS", options={"gtol": 1e-7})
    assert (fit.midpoint, fit.slope) == pytest.approx(tuple(best.x), abs=2e-3)
    for level in (0.5, 0.95):
        allowed = best.fun + stats.chi2.ppf(level, 1) / 2
        for end in fit_transition(x, k, n, level=level).midpoint_interval:
            profile = optimize.minimize_scalar(lambda s, end=end: _loss(x, k, n, end, s), (0.5 * sign, 1.5 * sign))
            assert profile.fun == pytest.approx(allowed, abs=2e-3)


def test_fit_does_not_depend_on_units_or_on_how_trials_are_split():
    x, k, n = np.arange(6.0), np.array([0, 2, 3, 9, 14, 20]), np.array([20, 20, 12, 20, 20, 20])
    fit, far = fit_transition(x, k, n), fit_transition(1e3 * x - 70, k, n)
    assert far.midpoint == pytest.approx(1e3 * fit.midpoint - 70, rel=1e-3)
    assert far.slope == pytest.approx(fit.slope / 1e3, rel=1e-3)
    assert np.allclose(far.midpoint_interval, 1e3 * np.array(fit.midpoint_interval) - 70, rtol=1e-3)
    twice = fit_transition(np.repeat(x, 2), np.repeat(k, 2), np.repeat(n, 2))
    assert twice.midpoint == pytest.approx(fit.midpoint, abs=2e-3)
    narrower = np.ptp(twice.midpoint_interval) / np.ptp(fit.midpoint_interval)
    assert narrower == pytest.approx(2**-0.5, abs=0.03)


def test_the_direction_of_the_transition_is_weighed_by_the_trials():
    """A single lucky trial far to the left does not make a rising curve a falling one."""
    fit = fit_transition([-9.0, 0.0, 1.0, 2.0], [1, 2, 60, 190], [1, 200, 200, 200])
    assert fit.slope > 0 and not fit.separated


def test_a_transition_beyond_the_data_has_an_open_interval():
    """All but one of very few trials succeed everywhere: the midpoint is not bounded on that side."""
    fit = fit_transition([0.0, 1.0, 2.0], [3, 4, 3], [4, 4, 4])
    assert fit.midpoint_interval[0] == -np.inf or fit.midpoint_interval[1] == np.inf


def test_the_bootstrap_covers_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(400):
        low, high = bootstrap_mean(rng.exponential(size=60), level=0.9, resamples=300, rng=rng)
        inside += low <= 1.0 <= high
    assert 0.84 <= inside / 400 <= 0.93
    low, high = bootstrap_mean([0.25] * 5, rng=rng)
    assert low == high == pytest.approx(0.25)
    with pytest.raises(ValueError, match="level"):
        bootstrap_mean([1.0, 2.0], level=1.0, rng=rng)
