"""Refinement by sparse coding and least squares, and the record of the benchmark."""

import numpy as np
import pytest

from l4lib import make_odl, match_atoms, recover_dictionary
from l4lib.experiments import read_benchmark
from l4lib.quartic import project, random_points
from l4lib.recovery import refine, refine_dictionary, sparse_codes
from l4lib.recovery.restarts import coarse_ends


def test_sparse_codes_find_supports_and_report_residuals():
    data = make_odl((24, 32), 400, 0.06, rng=np.random.default_rng(0))
    X, residual = sparse_codes(data.Y, data.A, 8)
    truth = data.X
    few = np.count_nonzero(truth, axis=0) <= 3
    exact = np.all((X != 0) == (truth != 0), axis=0)
    assert exact[few].mean() > 0.95
    assert np.allclose(X[:, exact], truth[:, exact], atol=1e-8)
    norms = np.linalg.norm(data.Y, axis=0)
    direct = np.divide(np.linalg.norm(data.Y - data.A @ X, axis=0), norms, out=np.zeros_like(norms), where=norms > 0)
    assert np.allclose(residual, direct, atol=1e-12)


@pytest.mark.parametrize(("n", "m", "theta"), [(32, 48, 0.1), (24, 24, 0.15), (16, 24, 0.1)])
def test_refinement_reaches_rounding_on_noiseless_data(n, m, theta):
    data = make_odl((n, m), 6000, theta, rng=np.random.default_rng(1))
    rough = project(data.A + 0.04 / np.sqrt(n) * np.random.default_rng(2).standard_normal((n, m)))
    fine = refine_dictionary(data.Y, rough, rng=np.random.default_rng(20))
    assert fine.converged
    assert match_atoms(fine.A, data.A).max_error < 1e-10 < match_atoms(rough, data.A).max_error
    assert fine.iterations == len(fine.changes) and fine.changes[-1] <= 1e-12
    assert np.all(np.sum(fine.A * rough, axis=0) > 0.9)  # signs are kept


def test_refinement_with_noise_is_limited_by_the_noise():
    data = make_odl((24, 32), 6000, 0.1, rng=np.random.default_rng(3))
    noisy = data.Y + 0.01 * np.random.default_rng(4).standard_normal(data.Y.shape)
    rough = project(data.A + 0.02 * np.random.default_rng(5).standard_normal(data.A.shape))
    fine = refine_dictionary(noisy, rough, tol=1e-9, rng=np.random.default_rng(20))
    error = match_atoms(fine.A, data.A).max_error
    assert error < 0.2 * match_atoms(rough, data.A).max_error or not fine.converged


def test_dense_samples_are_refused_not_pretended():
    data = make_odl((16, 20), 5000, 0.6, rng=np.random.default_rng(6))
    start = project(data.A + 0.01 * np.random.default_rng(7).standard_normal(data.A.shape))
    result = refine_dictionary(data.Y, start, rng=np.random.default_rng(20))
    assert not result.converged
    assert np.allclose(result.A, start, atol=1e-12)


def test_recovery_with_refinement():
    data = make_odl((24, 32), 20_000, 0.1, rng=np.random.default_rng(8))
    plain = recover_dictionary(data.Y, 32, rng=np.random.default_rng(9))
    fine = recover_dictionary(data.Y, 32, rng=np.random.default_rng(9), refine=True)
    assert plain.refinement is None and fine.refinement is not None and fine.refinement.converged
    assert match_atoms(plain.A, data.A).max_error < 1e-2
    assert match_atoms(fine.A, data.A).max_error < 1e-5


def test_refinement_looks_everywhere():
    """Silence first, or sorted by loudness: the samples are drawn at random among those that are not quiet."""
    data = make_odl((12, 18), 20_000, 0.1, rng=np.random.default_rng(10))
    silent = np.hstack([np.zeros((12, 5000)), data.Y])
    ordered = data.Y[:, np.argsort(np.linalg.norm(data.Y, axis=0))]
    for Y in (silent, ordered):
        found = recover_dictionary(Y, 18, rng=np.random.default_rng(11), refine=True)
        assert found.refinement.converged and match_atoms(found.A, data.A).max_error < 1e-5


def test_coarse_ends_settle_near_minimisers():
    data = make_odl((8, 8), 20_000, 0.1, rng=np.random.default_rng(14))
    rows = np.ascontiguousarray(data.Y.T, dtype=np.float32)
    ends, settled = coarse_ends(rows, random_points(8, 30, rng=np.random.default_rng(15)))
    assert settled.all()
    assert np.all(np.abs(data.A.T @ ends).max(axis=0) > 0.98)


RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda Y, A: sparse_codes(Y, A, 0), "max_nonzeros"),
        (lambda Y, A: sparse_codes(Y, A, 99), "at most n"),
        (lambda Y, A: sparse_codes(Y, A[:3], 2), "rows like Y"),
        (lambda Y, A: refine_dictionary(Y, A[:3], rng=RNG), "rows like Y"),
        (lambda Y, A: refine_dictionary(Y * np.nan, A, rng=RNG), "Y"),
        (lambda Y, A: refine_dictionary(Y, A, tol=-1.0, rng=RNG), "tol"),
    ],
)
def test_bad_input(call, message):
    data = make_odl((6, 8), 50, 0.2, rng=np.random.default_rng(16))
    with pytest.raises((TypeError, ValueError), match=message):
        call(data.Y, data.A)


@pytest.mark.claim("reference-speed")
def test_what_the_recorded_benchmark_says():
    record = read_benchmark("recovery")
    parts, target = record["parts"], record["target"]
    assert record["kernel"] and record["versions"]["numpy"]
    for key, own in parts.items():
        if not key.endswith("|l4lib"):
            continue
        runs = own["runs"]
        assert all(run["max_error"] <= target for run in runs), key
        assert sum(not run["complete"] for run in runs) <= 0.05 * len(runs), key
        assert all(run["seed"] >= record["seeds"]["test"] for run in runs)
        rivals = [part["price"] for name, part in parts.items() if name.startswith(key[:-5]) and part.get("price")]
        assert own["price"] == min(rivals), key
    assert all(row["wrong and complete"] == 0 for row in parts["honesty"])
    stream = parts["streaming"]
    assert stream["complete"] and stream["max_error"] < 1e-4


def test_where_the_rounds_do_not_settle_other_samples_are_drawn(monkeypatch):
    data = make_odl((12, 18), 20_000, 0.1, rng=np.random.default_rng(0))
    rough = project(data.A + 0.01 * np.random.default_rng(1).standard_normal(data.A.shape))
    whole, draws = refine._rounds, []

    def once_in_vain(used, start, limit, rounds, tol):
        draws.append(used)
        return whole(used, start, limit, 1 if len(draws) == 1 else rounds, tol)

    monkeypatch.setattr(refine, "_rounds", once_in_vain)
    fine = refine_dictionary(data.Y, rough, rng=np.random.default_rng(2))
    assert fine.converged and len(draws) == 2 and not np.array_equal(*draws)
    draws.clear()
    assert not refine_dictionary(data.Y[:, :60], rough, rng=np.random.default_rng(3)).converged and len(draws) == 2
