"""Intervals and transitions against exact coverage and known curves."""

import numpy as np
import pytest
from scipy import stats

from l4lib.experiments import fit_transition, wilson


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
