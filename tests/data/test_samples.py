"""Samples: checked and whitened once, quiet ones left out, tempered, in two halves."""

import numpy as np
import pytest

from l4lib import make_odl, match_atoms, recover_dictionary
from l4lib.data import Samples, cubed, fourth_powers

DATA = make_odl((12, 18), 20_000, 0.1, rng=np.random.default_rng(0))


def of(Y, **options):
    return Samples.of(Y, rng=np.random.default_rng(1), **options)


def test_rows_are_white_samples_tempered():
    samples = of(DATA.Y)
    white = samples.rows * np.sqrt(samples.norms)[:, None]
    assert np.allclose(white.T @ white / 20_000, np.eye(12), atol=1e-3)
    assert np.allclose(np.linalg.norm(samples.rows, axis=1) ** 2, samples.norms, rtol=1e-5)
    assert samples.scale == pytest.approx(np.mean(np.linalg.norm(samples.rows, axis=1) ** 4), rel=1e-5)
    whole = samples.white()
    assert np.allclose(whole @ whole.T / 20_000, np.eye(12)) and np.allclose(whole.mean(axis=1), 0)
    order = np.sort(np.linalg.norm(whole, axis=0))
    assert np.allclose(order[order > 0.05 * np.sqrt(12)], np.sort(samples.norms), rtol=1e-4)


def test_three_weightings_have_unit_mean_fourth_power():
    samples = of(DATA.Y)
    squares = np.linalg.norm(samples.rows, axis=1) ** 4
    weights = samples.weights(0, samples.size)
    assert np.mean(weights * squares, axis=1) == pytest.approx(np.ones(3), rel=1e-4)
    Q = np.linalg.qr(np.random.default_rng(2).standard_normal((12, 12)))[0][:, :3]
    direct = samples.weights(samples.half, samples.size) @ fourth_powers(samples.rows[samples.half :], Q)
    assert samples.held_out(Q) == pytest.approx(direct / (samples.size - samples.half), rel=1e-3)
    first, second = samples.halves(Q)
    total = samples.half * first + (samples.size - samples.half) * second
    assert total == pytest.approx(cubed(samples.rows.astype(float), Q) / samples.scale, rel=1e-3, abs=1e-3)


def test_quiet_samples_are_left_out():
    """Empty samples, also after an offset or with a trace of noise, never become directions."""
    Y = np.hstack([DATA.Y, np.zeros((12, 5000))])
    sizes = {of(Z).size for Z in (Y, Y + 1e3, Y + 1e-9 * np.random.default_rng(3).standard_normal(Y.shape))}
    assert len(sizes) == 1 and sizes.pop() <= 20_000
    assert of(Y).loud < 0.81


def test_quiet_and_loud_samples_give_their_places_to_the_last():
    Y = DATA.Y.copy()
    Y[:, 5::50] = 0
    Y[:, 7::1000] *= 60
    samples = of(Y, pairs=False)
    white = samples.whitening.W @ (Y - samples.mean[:, None])
    norms = np.linalg.norm(white, axis=0)
    kept = norms[(norms > 0.05 * np.sqrt(12)) & (norms < 20 * np.median(norms))]
    count = samples.size - 3
    assert abs(samples.size - kept.size) <= 3 and count < 20_000 - 410  # the median is that of some
    assert np.allclose(np.sort(samples.norms)[:count], np.sort(kept)[:count], rtol=1e-4)
    assert np.allclose(np.linalg.norm(samples.rows, axis=1) ** 2, samples.norms, rtol=1e-4)


def test_either_half_has_all_times():
    """Sources that drift: every twentieth of the time is about equally in both halves, a few samples at a time."""
    loud = np.repeat(1.1 ** np.arange(20), 13_000)
    samples = of(np.random.default_rng(8).standard_normal((3, loud.size)) * loud)
    energy = samples.norms / np.sqrt(3)
    first, second = np.sort(energy[: samples.half]), np.sort(energy[samples.half :])
    for share in (0.2, 0.5, 0.8):
        assert first[int(share * first.size)] == pytest.approx(second[int(share * second.size)], rel=0.03)
    ramp = of(np.vstack([np.arange(300_000.0), np.random.default_rng(9).standard_normal(300_000)]), pairs=False)
    times = ramp.rows[:, 0] * np.sqrt(ramp.norms)
    near = np.abs(np.diff(times)) < 0.01 * np.ptp(times)
    assert 0.9 < np.mean(near) < 0.995  # neighbours stay together in blocks, and only in blocks


@pytest.mark.parametrize("scale", [1e-20, 1.0, 1e20])
@pytest.mark.parametrize("offset", [0.0, 3.0, 1e6])
def test_mean_and_units_change_nothing(scale, offset):
    """Subtracted by the product in single precision, or before it in double precision if that would lose digits."""
    plain, moved = of(DATA.Y), of(scale * (DATA.Y + offset))
    assert moved.size == plain.size
    assert np.allclose(moved.rows, plain.rows, atol=1e-3 if offset == 1e6 else 1e-5)


def test_pairs_are_symmetric():
    X = np.abs(np.random.default_rng(4).standard_normal((18, 20_000))) * (
        np.random.default_rng(5).random((18, 20_000)) < 0.1
    )
    samples = of(DATA.A @ X)
    assert samples.paired and samples.size <= 10_000 and samples.skew_sigmas < 5
    assert not of(DATA.Y).paired and of(DATA.Y, pairs=True).paired
    single = of(DATA.A @ X, pairs=False)
    assert not single.paired and single.skew > 0.005 and single.skew_sigmas > 5


def test_halves_can_be_exchanged():
    samples = of(DATA.Y)
    other = samples.swapped()
    assert np.array_equal(other.rows[: samples.size - samples.half], samples.rows[samples.half :])


def test_each_pass_is_made_once(monkeypatch):
    """One Gram matrix, no search for bad entries, one eigendecomposition of the covariance."""
    data = make_odl((32, 48), 50_000, 0.1, rng=np.random.default_rng(6))
    spectra, looks = [], []
    for name in ("eigh", "eigvalsh", "svd"):
        whole = getattr(np.linalg, name)
        monkeypatch.setattr(
            np.linalg, name, lambda M, *a, _whole=whole, **k: spectra.append(np.array(M)) or _whole(M, *a, **k)
        )
    for name, whole in (("isfinite", np.isfinite), ("ptp", np.ptp)):
        monkeypatch.setattr(np, name, lambda x, *a, _whole=whole, **k: looks.append(np.size(x)) or _whole(x, *a, **k))
    found = recover_dictionary(data.Y, 48, rng=np.random.default_rng(7))
    monkeypatch.undo()
    assert found.complete and match_atoms(found.A, data.A).max_error < 1e-2
    assert all(size < data.Y.size / 10 for size in looks)
    Y = data.Y - data.Y.mean(axis=1, keepdims=True)
    scale = np.sqrt(np.mean(Y * Y, axis=1))
    S = Y @ Y.T / 50_000 / scale[:, None] / scale
    similar = [M for M in spectra if M.shape == S.shape and np.allclose(M / np.trace(M) * 32, S, atol=1e-6)]
    assert len(similar) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda Y: np.where(Y > 3, np.nan, Y), r"Y: expected finite numbers, got \d+ NaN"),
        (lambda Y: Y * 1e200, "squares are finite.*change the scale"),
        (lambda Y: np.vstack([Y, Y[:1]]), "span all 13 dimensions, got rank 12.*linear combinations"),
        (lambda Y: Y - Y.mean(axis=0), "span all 12 dimensions, got rank 11"),
        (lambda Y: np.vstack([Y, np.zeros(20_000)]), "row 12 does not vary"),
        (lambda Y: np.vstack([Y, np.full(20_000, 7.0)]), "row 12 does not vary"),
        (lambda Y: np.full((3, 50), 2.5), "constant 2.5"),
        (lambda Y: Y.T, r"got \(20000, 12\).*pass Y\.T"),
    ],
)
def test_what_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        of(change(DATA.Y))
