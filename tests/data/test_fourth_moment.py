"""Moments of a stream of samples: what they are, that parts add up, that memory is bounded, what bad input does."""

import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from l4lib import make_odl, match_atoms, random_points
from l4lib.data import FourthMoment, fourth_moment, tempered, whitening, whitening_of_moment
from l4lib.quartic import SymmetricQuartic, pairs, smat, svec
from l4lib.recovery import recover_from_moment

DATA = make_odl((6, 8), 9000, 0.2, rng=np.random.default_rng(0))


def test_svec_is_an_isometry_and_smat_its_inverse():
    rng = np.random.default_rng(1)
    Q = rng.standard_normal((5, 3))
    V = svec(Q)
    assert np.allclose(V.T @ V, (Q.T @ Q) ** 2)
    assert np.allclose(smat(V, 5), np.einsum("ir,jr->ijr", Q, Q))
    assert svec(Q.astype(np.float32)).dtype == np.float32
    i, j, weight = pairs(5)
    assert i.size == 15 and np.all(i <= j) and np.allclose(weight**2, np.where(i == j, 1, 2))


def tempered_exactly(white):
    """z‖z‖^(−1/2) in double precision, without the quiet samples."""
    norms = np.linalg.norm(white, axis=0)
    loud = norms > 0.05 * np.sqrt(white.shape[0])
    return white[:, loud] / np.sqrt(norms[loud])


def test_the_form_is_the_mean_fourth_power_of_the_tempered_samples():
    """Against the definition, sample by sample in double precision."""
    moment = FourthMoment(whitening(DATA.Y)).update(DATA.Y)
    white = whitening(DATA.Y).apply(DATA.Y)
    V = tempered_exactly(white)
    assert np.allclose(tempered(white), V, atol=1e-5)
    q = random_points(6, 4, rng=np.random.default_rng(2))
    expected = np.mean((q.T @ V) ** 4, axis=1) / np.mean(np.sum(V**2, axis=0) ** 2)
    assert moment.form().value(q) == pytest.approx(expected, rel=1e-5)
    W = moment.whitening()
    assert np.allclose(W.W, whitening(DATA.Y).W) and np.allclose(W.inverse @ W.W, np.eye(6))
    assert W.condition == pytest.approx(whitening(DATA.Y).condition)


def test_the_basis_hardly_matters():
    """Tempered samples in coordinates whitened by a fifth of the samples lead to the same atoms."""
    exact = FourthMoment(whitening(DATA.Y)).update(DATA.Y)
    rough = FourthMoment(whitening(DATA.Y[:, :1800])).update(DATA.Y)
    product = rough.whitening().W @ exact.whitening().inverse
    assert np.allclose(product @ product.T, np.eye(6), atol=1e-9)  # white up to a rotation
    errors = [
        match_atoms(recover_from_moment(moment, 8, rng=np.random.default_rng(3)).A, DATA.A).max_error
        for moment in (exact, rough)
    ]
    assert max(errors) < 5e-3


def test_the_change_of_coordinates_is_exact():
    """With a basis far from white the form is that of the moved directions, scaled to mean fourth norm one."""
    basis = whitening(DATA.Y[:, :60])
    moment = FourthMoment(basis).update(DATA.Y)
    correction = moment.whitening().W @ basis.inverse
    assert np.linalg.norm(correction - np.eye(6)) > 0.3
    moved = correction @ tempered_exactly(basis.apply(DATA.Y))
    q = random_points(6, 20, rng=np.random.default_rng(8))
    expected = np.mean((q.T @ moved) ** 4, axis=1) / np.mean(np.sum(moved**2, axis=0) ** 2)
    assert moment.form().value(q) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("jobs", [1, 2])
def test_blocks_threads_and_merged_parts_agree(jobs):
    whole = fourth_moment(DATA.Y)
    parts = fourth_moment(DATA.Y, block=1234, jobs=jobs)
    assert parts.count == whole.count == 9000
    assert np.allclose(parts.form().D, whole.form().D, atol=1e-7)
    assert np.allclose(parts.whitening().W, whole.whitening().W)
    assert np.array_equal(parts.form().D, fourth_moment(DATA.Y, block=1234, jobs=3 - jobs).form().D)


def test_map_reduce_over_pickled_parts():
    basis = whitening(DATA.Y[:, :2000])
    parts = [FourthMoment(basis).update(DATA.Y[:, start : start + 3000]) for start in (0, 3000, 6000)]
    total = FourthMoment(basis)
    for part in pickle.loads(pickle.dumps(parts)):
        total.merge(part)
    together = FourthMoment(basis).update(DATA.Y)
    assert total.count == 9000
    assert np.allclose(total.form().D, together.form().D, atol=1e-7)
    other = FourthMoment(whitening(DATA.Y[:, :1000])).update(DATA.Y)
    with pytest.raises(ValueError, match="same basis"):
        total.merge(other)


def test_a_file_larger_than_the_budget_is_streamed(tmp_path):
    """300 000 samples of 16 numbers on disk: the pass holds a block, its products and the sums, not the file."""
    n, m, p, block = 16, 24, 300_000, 8192
    rng = np.random.default_rng(4)
    A = make_odl((n, m), 2, 0.1, rng=rng).A
    disk = np.memmap(tmp_path / "samples.f32", dtype=np.float32, mode="w+", shape=(n, p))
    for start in range(0, p, block):
        size = min(block, p - start)
        disk[:, start : start + size] = make_odl(A, size, 0.1, rng=rng).Y
    disk.flush()
    tracemalloc.start()
    moment = fourth_moment(np.memmap(tmp_path / "samples.f32", dtype=np.float32, mode="r", shape=(n, p)), block=block)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    d = n * (n + 1) // 2
    budget = 8 * (6 * n * block + 6 * d * d + 2 * d * 2048)
    assert peak < budget < 8 * n * p
    found = recover_from_moment(moment, m, rng=np.random.default_rng(5))
    assert found.complete
    assert match_atoms(found.A, A).max_error < 1e-4


def test_an_update_that_fails_changes_nothing():
    moment = FourthMoment(whitening(DATA.Y)).update(DATA.Y[:, :5000])
    before = moment.form().D
    bad = DATA.Y[:, 5000:].copy()
    bad[0, 7] = np.nan
    with pytest.raises(ValueError, match="1 NaN"):
        moment.update(bad)
    assert moment.count == 5000 and np.array_equal(moment.form().D, before)


def test_empty_samples_count_for_the_second_moment_only():
    padded = np.hstack([DATA.Y, np.zeros((6, 1000))])
    basis = whitening(DATA.Y)
    assert np.allclose(FourthMoment(basis).update(padded).form().D, FourthMoment(basis).update(DATA.Y).form().D)
    assert tempered(np.zeros((3, 5))).shape == (3, 0)


BAD = np.array(DATA.Y)
BAD[3, 8000] = np.inf


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: fourth_moment(DATA.Y.T), ValueError, r"p >= n.*got \(9000, 6\).*pass Y\.T"),
        (
            lambda: fourth_moment(BAD, block=1000),
            ValueError,
            r"columns \d+ to \d+ of 9000: Y: expected finite numbers, got 1 NaN or infinite",
        ),
        (lambda: fourth_moment(np.zeros(5)), ValueError, r"expected shape \(n, p\)"),
        (lambda: fourth_moment(np.zeros((97, 200))), ValueError, "n <= 96.*got n = 97"),
        (lambda: fourth_moment(np.vstack([DATA.Y, DATA.Y[:1]])), ValueError, "span all 7"),
        (lambda: fourth_moment(DATA.Y, block=0), ValueError, "block: .*got 0"),
        (lambda: FourthMoment(whitening(DATA.Y)).update(DATA.Y[:4]), ValueError, "expected 6 rows"),
        (lambda: FourthMoment(whitening(DATA.Y)).form(), ValueError, "at least n = 6 samples, got 0"),
        (lambda: recover_from_moment("moment", 3, rng=np.random.default_rng(0)), TypeError, "got str"),
        (lambda: whitening_of_moment(np.ones((2, 3))), ValueError, "square"),
        (lambda: whitening_of_moment(np.ones((2, 2))), ValueError, "positive definite"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_gaussian_data_have_the_isotropic_moment():
    moment = fourth_moment(np.random.default_rng(6).standard_normal((5, 100_000)))
    values = moment.form().value(random_points(5, 20, rng=np.random.default_rng(7)))
    assert 5 * 7 * values == pytest.approx(np.full(20, 3.0), rel=0.02)
    assert isinstance(moment.form(), SymmetricQuartic)


def test_offsets_and_bursts_are_seen():
    """The covariance and the mean are those of all samples, wherever in the file they are."""
    data = make_odl((6, 8), 20_000, 0.1, rng=np.random.default_rng(9))
    burst = np.zeros((6, 300_000))
    burst[:, 81_500:101_500] = data.Y
    for Y in (burst, burst + 1e3):
        found = recover_from_moment(fourth_moment(Y, block=5000), 8, rng=np.random.default_rng(10))
        assert found.complete and match_atoms(found.A, data.A).max_error < 1e-3
    kept = FourthMoment(whitening(DATA.Y), np.ones(6)).update(DATA.Y + 1.0)
    assert np.allclose(kept.form().D, FourthMoment(whitening(DATA.Y)).update(DATA.Y).form().D, atol=1e-6)


class Reader:
    """A file whose second half cannot be read."""

    shape = DATA.Y.shape

    def __getitem__(self, key):
        if key[1].stop > 5000:
            raise UnicodeDecodeError("utf-8", b"?", 0, 1, "not a number")
        return DATA.Y[key]


def test_a_readers_own_exception_is_passed_on_with_a_note():
    with pytest.raises(UnicodeDecodeError) as raised:
        fourth_moment(Reader(), block=1000)
    assert raised.value.__notes__ == ["fourth_moment was reading columns 5000 to 5999 of 9000"]


def test_tables_are_arrays():
    expected = fourth_moment(DATA.Y)
    assert np.allclose(fourth_moment(pd.DataFrame(DATA.Y)).form().D, expected.form().D, atol=1e-9)
    table = pd.DataFrame(DATA.Y).astype("Float64")
    table.iloc[2, 5] = pd.NA
    with pytest.raises(ValueError, match="expected no missing entries, got 1 of"):
        fourth_moment(table)
    with pytest.raises(TypeError, match="toarray"):
        fourth_moment(sp.csr_array(DATA.Y))


def test_dask_arrays_are_merged_block_by_block_on_two_processes():
    """A real local cluster; needs the extra ``dask``."""
    distributed, da = pytest.importorskip("distributed"), pytest.importorskip("dask.array")
    whole = make_odl((6, 8), 20_000, 0.1, rng=np.random.default_rng(9))
    Y = whole.Y + 100.0
    source = da.from_array(Y, chunks=(4, 3000))  # rows in two chunks too, and a last block that is shorter
    here = fourth_moment(Y, block=3000)
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        there = fourth_moment(source)
        again = fourth_moment(source)
        workers = {key for key, tasks in client.run(lambda dask_worker: len(dask_worker.state.log)).items() if tasks}
        with pytest.raises(ValueError, match=r"block 0 of 1: Y: expected finite"):
            fourth_moment(da.full((3, 90), np.nan, chunks=(3, 90)))
    assert len(workers) == 2
    assert there.count == 20_000 and np.allclose(there.form().D, here.form().D, atol=1e-9)
    assert np.array_equal(there.form().D, again.form().D)  # whichever worker was faster
    found = recover_from_moment(there, 8, rng=np.random.default_rng(10))
    assert found.complete and match_atoms(found.A, whole.A).max_error < 1e-3


def test_dask_arrays_of_unknown_or_wrong_shape_are_refused():
    da = pytest.importorskip("dask.array")
    rows = da.from_array(DATA.Y.T, chunks=(1000, 6))
    with pytest.raises(ValueError, match=r"pass Y\.T"):
        fourth_moment(rows)
    with pytest.raises(ValueError, match="compute_chunk_sizes"):
        fourth_moment(rows[rows[:, 0] > 0].T)
    assert fourth_moment(rows.T).count == 9000  # in threads, without a cluster


def test_moments_alone_know_what_they_do_not_know():
    """Noise is not complete, whatever is asked; too many atoms are refused by count; unknown numbers are found."""
    for seed, (n, m) in enumerate([(3, 3), (8, 8), (8, 12)]):
        noise = np.random.default_rng(seed).standard_normal((n, 5000))
        assert not recover_from_moment(fourth_moment(noise), m, rng=np.random.default_rng(0)).complete
    assert not recover_from_moment(fourth_moment(DATA.Y), 21, rng=np.random.default_rng(0)).complete
    found = recover_from_moment(fourth_moment(DATA.Y), rng=np.random.default_rng(0)).require_complete()
    assert found.A.shape == (6, 8) and np.isnan(found.error).all()
