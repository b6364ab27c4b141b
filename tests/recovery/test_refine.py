"""Refinement by sparse coding and least squares, and the record of the benchmark."""

import numpy as np
import pytest

from l4lib import make_odl, match_atoms, recover_dictionary
from l4lib.experiments import read_benchmark
from l4lib.quartic import project, random_points
from l4lib.recovery import refine_dictionary, sparse_codes
from l4lib.recovery.dictionary import _coarse_ends, _coarse_size


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
    fine = refine_dictionary(data.Y, rough)
    assert fine.converged
    assert match_atoms(fine.A, data.A).max_error < 1e-10 < match_atoms(rough, data.A).max_error
    assert fine.iterations == len(fine.changes) and fine.changes[-1] <= 1e-12
    assert np.all(np.sum(fine.A * rough, axis=0) > 0.9)  # signs are kept


def test_refinement_with_noise_is_limited_by_the_noise():
    data = make_odl((24, 32), 6000, 0.1, rng=np.random.default_rng(3))
    noisy = data.Y + 0.01 * np.random.default_rng(4).standard_normal(data.Y.shape)
    rough = project(data.A + 0.02 * np.random.default_rng(5).standard_normal(data.A.shape))
    fine = refine_dictionary(noisy, rough, tol=1e-9)
    error = match_atoms(fine.A, data.A).max_error
    assert error < 0.2 * match_atoms(rough, data.A).max_error or not fine.converged


def test_dense_samples_are_refused_not_pretended():
    data = make_odl((16, 20), 5000, 0.6, rng=np.random.default_rng(6))
    start = project(data.A + 0.01 * np.random.default_rng(7).standard_normal(data.A.shape))
    result = refine_dictionary(data.Y, start)
    assert not result.converged
    assert np.allclose(result.A, start, atol=1e-12)


def test_recovery_with_refinement():
    data = make_odl((24, 32), 20_000, 0.1, rng=np.random.default_rng(8))
    plain = recover_dictionary(data.Y, 32, rng=np.random.default_rng(9))
    fine = recover_dictionary(data.Y, 32, rng=np.random.default_rng(9), refine=True)
    assert plain.refinement is None and fine.refinement is not None and fine.refinement.converged
    assert match_atoms(plain.A, data.A).max_error < 1e-2
    assert match_atoms(fine.A, data.A).max_error < 1e-5


def test_the_coarse_stage_changes_only_where_runs_begin():
    """With and without it the same atoms, to the tolerance of the solver, since the last steps see all samples."""
    data = make_odl((12, 16), 40_000, 0.1, rng=np.random.default_rng(10))
    assert data.Y.shape[1] >= 2 * _coarse_size(12, 16)
    whole = recover_dictionary(data.Y, 16, rng=np.random.default_rng(11), route="restarts", tol=1e-9)
    half = recover_dictionary(data.Y[:, :19_000], 16, rng=np.random.default_rng(12), route="restarts", tol=1e-9)
    assert whole.complete and half.complete
    assert match_atoms(whole.A, data.A).max_error < match_atoms(half.A, data.A).max_error + 5e-3
    from l4lib import Quartic, solve
    from l4lib.data import whitening

    W = whitening(data.Y)
    direct = solve(
        Quartic(W.apply(data.Y), 1 / 40_000), random_points(12, 120, rng=np.random.default_rng(13)), tol=1e-9
    )
    atoms = project(W.undo(direct.Q[:, direct.converged]))
    assert np.all(np.abs(whole.A.T @ atoms).max(axis=0) > 1 - 1e-9)


def test_coarse_ends_settle_near_minimisers():
    data = make_odl((8, 8), 20_000, 0.1, rng=np.random.default_rng(14))
    ends, settled = _coarse_ends(data.Y.astype(np.float32), random_points(8, 30, rng=np.random.default_rng(15)))
    assert settled.all()
    assert np.all(np.abs(data.A.T @ ends).max(axis=0) > 0.98)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda Y, A: sparse_codes(Y, A, 0), "max_nonzeros"),
        (lambda Y, A: sparse_codes(Y, A, 99), "at most n"),
        (lambda Y, A: sparse_codes(Y, A[:3], 2), "rows like Y"),
        (lambda Y, A: refine_dictionary(Y, A[:3]), "rows like Y"),
        (lambda Y, A: refine_dictionary(Y * np.nan, A), "Y"),
        (lambda Y, A: refine_dictionary(Y, A, tol=-1.0), "tol"),
    ],
)
def test_bad_input(call, message):
    data = make_odl((6, 8), 50, 0.2, rng=np.random.default_rng(16))
    with pytest.raises((TypeError, ValueError), match=message):
        call(data.Y, data.A)


@pytest.mark.claim("reference-speed")
def test_what_the_recorded_benchmark_says():
    record = read_benchmark("recovery")
    parts = {
        "machine",
        "versions",
        "reference",
        "complete",
        "reliability",
        "growth",
        "grid",
        "streaming",
        "gradient_share",
    }
    assert parts <= set(record)
    rows = {row["method"]: row for row in record["reference"]}
    ours, refined, _ = rows.pop("l4lib"), rows.pop("l4lib, refined"), rows.pop("l4lib, restarts only")
    assert ours["sets_to_target"] == len(ours["sets"]) == 3
    others = [row["seconds_to_target"] for row in rows.values() if row["seconds_to_target"]]
    assert 0.5 <= min(others) / ours["seconds_to_target"] <= 1
    assert refined["best_error"] <= record["fine"] and refined["sets_to_fine"] == 3
    assert all(row["seconds_to_fine"] is None for row in rows.values())
    sure = {row["method"]: row for row in record["reliability"]}
    price = {name: row["median_seconds"] * row["runs"] / row["successes"] for name, row in sure.items()}
    own = sure.pop("l4lib")
    assert own["successes"] == own["runs"] == 60 and own["unnoticed_failures"] == 0
    assert min(price[name] for name in sure if "spams" in name) > 2 * price["l4lib"]
    complete = {row["method"]: row for row in record["complete"]}
    for name in ("MSP (own)", "Picard", "scikit-learn FastICA"):
        assert complete[name]["seconds_to_target"] > 2 * complete["l4lib"]["seconds_to_target"]
        assert complete[name]["best_error"] > complete["l4lib"]["best_error"]
    tuned = complete["spams trainDL, penalty 0.4, batches of 200"]["seconds_to_target"]
    assert 0.3 < tuned / complete["l4lib"]["seconds_to_target"] < 0.7
    assert record["gradient_share"] >= 0.5
    stream = record["streaming"]
    assert stream["p"] == 10_000_000 and stream["complete"] and stream["max_error"] < 1e-4
    assert stream["peak_bytes"] < stream["data_bytes"] / 20
