"""Whole dictionaries from data."""

import numpy as np
import pytest

import l4lib
from l4lib.data import frames
from l4lib.quartic import project


def test_the_promised_size_is_recovered_in_one_call():
    """n = 64, m = 96, θ = 0.1, p = 50 000: every atom to 1 − |corr| ≤ 0.02."""
    data = l4lib.make_odl((64, 96), 50_000, 0.1, rng=np.random.default_rng(1))
    found = l4lib.recover_dictionary(data.Y, 96, rng=np.random.default_rng(2)).require_complete()
    match = l4lib.match_atoms(found.A, data.A)
    assert match.recovered(0.02) == 96


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n, m", [(8, 8), (10, 12), (20, 26)])
def test_number_of_atoms_need_not_be_known(n, m, seed):
    data = l4lib.make_odl((n, m), 20_000, 0.1, rng=np.random.default_rng(seed))
    found = l4lib.recover_dictionary(data.Y, rng=np.random.default_rng(seed + 10)).require_complete()
    assert found.A.shape == (n, m)
    assert l4lib.match_atoms(found.A, data.A).recovered(0.02) == m
    assert np.all(np.diff(found.value) <= 0)


def test_dictionary_that_is_not_tight():
    """Whitening takes care of unequal scales; the atoms come back in the coordinates of the data."""
    rng = np.random.default_rng(3)
    A = np.diag(np.linspace(0.3, 3, 8)) @ l4lib.random_untf(8, 10, rng=rng)
    data = l4lib.make_odl(A, 20_000, 0.1, rng=rng)
    found = l4lib.recover_dictionary(data.Y, 10, rng=rng)
    assert l4lib.match_atoms(found.A, A).recovered(0.02) == 10


def test_without_whitening_that_dictionary_is_lost():
    """Negative control: the same data, straight into the objective."""
    rng = np.random.default_rng(3)
    A = np.diag(np.linspace(0.3, 3, 8)) @ l4lib.random_untf(8, 10, rng=rng)
    data = l4lib.make_odl(A, 20_000, 0.1, rng=rng)
    result = l4lib.solve(l4lib.phi_DL(data.Y, 0.1), l4lib.random_points(8, 200, rng=rng))
    assert l4lib.match_atoms(l4lib.unique_lines(result.Q)[0], A).recovered(0.02) < 10


def test_gaussian_coefficients_carry_no_signal():
    """Negative control: at θ = 1 nothing is found that could be an atom, and the answer says so."""
    rng = np.random.default_rng(4)
    A = l4lib.random_untf(10, 12, rng=rng)
    found = l4lib.recover_dictionary(A @ rng.standard_normal((12, 20_000)), 12, rng=rng)
    assert not found.complete
    assert found.A.shape[1] < 12 or l4lib.match_atoms(found.A, A).recovered(0.02) == 0


def test_sparse_directions_have_large_fourth_moments():
    """At an atom of an orthogonal dictionary the white data are one coefficient: E x⁴/θ² = 3/θ, E x⁸/θ⁴ = 105/θ³."""
    data = l4lib.make_odl(
        frames.orthogonal(6, rng=np.random.default_rng(5)), 100_000, 0.2, rng=np.random.default_rng(6)
    )
    found = l4lib.recover_dictionary(data.Y, 6, rng=np.random.default_rng(7))
    spread = np.sqrt((105 / 0.2**3 - (3 / 0.2) ** 2) / 50_000)
    assert found.value == pytest.approx(np.full(6, 3 / 0.2), abs=3.5 * spread)


def test_budget_that_is_too_small_is_reported():
    data = l4lib.make_odl((20, 26), 5000, 0.1, rng=np.random.default_rng(0))
    found = l4lib.recover_dictionary(data.Y, 26, rng=np.random.default_rng(1), route="restarts", max_starts=10)
    assert not found.complete and found.starts == 10
    with pytest.raises(RuntimeError, match=r"found: .* atoms were found of 26; pass fewer atoms"):
        found.require_complete()


def test_restarts_return_minimisers_of_the_objective():
    """The route of the theory: critical points of the quartic of all white samples, with their basins."""
    data = l4lib.make_odl((10, 12), 20_000, 0.1, rng=np.random.default_rng(8))
    found = l4lib.recover_dictionary(data.Y, 12, rng=np.random.default_rng(9), route="restarts", tol=1e-9)
    white = found.whitening.W @ (data.Y - found.mean[:, None])
    q = project(found.whitening.W @ found.A)
    step = project(-l4lib.Quartic(white, 1.0 / 20_000).euclidean_gradient(q))
    assert np.max(np.linalg.norm(step - q, axis=0)) < 1e-8
    # Minimisers are biased, and the held-out cumulants may see it: nothing else may be amiss.
    assert {test.name for test in found.evidence if not test.passed} <= {"residual"}
    assert found.hits.sum() <= found.starts and found.unseen <= 1 / 48
    assert l4lib.match_atoms(found.A, data.A).recovered(0.02) == 12


@pytest.mark.parametrize(("n", "m"), [(2, 2), (3, 4), (5, 7), (6, 9)])
def test_few_dimensions(n, m):
    data = l4lib.make_odl((n, m), 50_000, 0.1, rng=np.random.default_rng(10))
    found = l4lib.recover_dictionary(data.Y, m, rng=np.random.default_rng(11))
    assert l4lib.match_atoms(found.A, data.A).recovered(0.02) == m
    assert found.complete is (n > 2)  # two dimensions have too few fourth moments to tell


def test_atoms_do_not_depend_on_units_or_scale():
    data = l4lib.make_odl((8, 10), 4000, 0.1, rng=np.random.default_rng(12))
    plain = l4lib.recover_dictionary(data.Y, 10, rng=np.random.default_rng(13))
    for units in (np.full(8, 1e-6), np.full(8, 1e40), np.logspace(0, -12, 8)):
        found = l4lib.recover_dictionary(data.Y * units[:, None], 10, rng=np.random.default_rng(13))
        assert found.complete
        assert l4lib.match_atoms(found.A / units[:, None], plain.A).max_error < 1e-6


def test_offsets_are_subtracted():
    data = l4lib.make_odl((8, 10), 20_000, 0.1, rng=np.random.default_rng(14))
    offset = np.random.default_rng(15).standard_normal((8, 1))
    for size in (1.0, 1e3, 1e7):
        found = l4lib.recover_dictionary(data.Y + size * offset, 10, rng=np.random.default_rng(16)).require_complete()
        assert l4lib.match_atoms(found.A, data.A).max_error < 2e-3
    kept = l4lib.recover_dictionary(data.Y + offset, 10, rng=np.random.default_rng(16), center=False)
    assert not kept.complete


def test_non_negative_coefficients_are_paired():
    """Half-normal and binary activations: differences of pairs are symmetric, and used where the skew shows."""
    A = l4lib.random_untf(10, 12, rng=np.random.default_rng(17))
    for seed, X in enumerate((np.abs(np.random.default_rng(18).standard_normal((12, 40_000))), np.ones((12, 40_000)))):
        Y = A @ (X * (np.random.default_rng(19).random(X.shape) < 0.1))
        found = l4lib.recover_dictionary(Y, 12, rng=np.random.default_rng(seed)).require_complete()
        assert l4lib.match_atoms(found.A, A).max_error < 5e-3
        single = l4lib.recover_dictionary(Y, 12, rng=np.random.default_rng(seed), pairs=False)
        assert not single.complete


def test_same_generator_same_dictionary():
    data = l4lib.make_odl((8, 10), 3000, 0.1, rng=np.random.default_rng(0))
    first, second = (l4lib.recover_dictionary(data.Y, 10, rng=np.random.default_rng(1)) for _ in range(2))
    assert np.array_equal(first.A, second.A)


@pytest.mark.parametrize("route", ["auto", "pool", "restarts"])
def test_one_atom_may_be_asked_of_data_that_have_more(route):
    """As a cautious user begins; the answer is one atom at most, and not complete."""
    data = l4lib.make_odl((3, 4), 400, 0.2, rng=np.random.default_rng(0))
    for seed in range(5):
        found = l4lib.recover_dictionary(data.Y, 1, rng=np.random.default_rng(seed), route=route)
        assert found.A.shape[1] <= 1 and not found.complete
