"""Convolutional recovery: the shift-invariant subspace, and whole sets of kernels."""

import numpy as np
import pytest

from l4lib.data import circular_whitening, match_kernels, models
from l4lib.quartic import CirculantMap, sphere
from l4lib.recovery import ShiftSubspace, kernels, recover_kernels

SHAPES = [(8,), (9,), (3, 4), (4, 4), (3, 5)]


@pytest.mark.parametrize("shape", SHAPES)
def test_lift_is_an_isometry_and_contract_applies_the_matrix(shape):
    """For v: ‖lift‖² = ‖vvᵀ‖_F² = ‖v‖⁴, and the symmetric matrix it represents is vvᵀ."""
    lags = kernels._Lags(shape)
    V = np.random.default_rng(0).standard_normal((lags.n, 3))
    lifted = lags.lift(V)
    norm = np.einsum("f,flr->r", lags.multiplicity, np.abs(lifted) ** 2) / lags.n
    assert np.allclose(norm, np.sum(V * V, axis=0) ** 2)
    assert np.allclose(lags.contract(lifted, V), V * np.sum(V * V, axis=0))
    W = np.random.default_rng(1).standard_normal((lags.n, 3))
    assert np.allclose(lags.contract(lifted, W), V * np.sum(V * W, axis=0))


@pytest.mark.parametrize("shape", [(8,), (9,), (3, 4)])
def test_subspace_blocks_equal_the_dense_fourth_moment(shape):
    """Π from the Fourier blocks is the projector on the span of the dense shift-averaged moment, K = 1."""
    n = int(np.prod(shape))
    data = models.make_cdl((n, 1), 4000, 0.2, shape=shape, rng=np.random.default_rng(2))
    P = circular_whitening(data.Y, shape=shape)
    white = P.apply(data.Y)
    form = ShiftSubspace(white, 1, shape=shape)
    shifts = CirculantMap(white, shape=shape).dense()
    pairs = np.einsum("in,jn->ijn", shifts, shifts).reshape(n * n, -1)
    moment = pairs @ pairs.T / pairs.shape[1] - np.mean(white**2) ** 2 * np.outer(np.eye(n).ravel(), np.eye(n).ravel())
    vectors = np.linalg.eigh(moment)[1][:, -n:]
    projector = vectors @ vectors.T
    Q = sphere.random_points(n, 4, rng=np.random.default_rng(3))
    value, gradient = form.value_and_gradient(Q)
    for k, q in enumerate(Q.T):
        image = (projector @ np.outer(q, q).ravel()).reshape(n, n)
        assert value[k] == pytest.approx(np.sum(image * np.outer(q, q)), rel=1e-8)
        assert np.allclose(gradient[:, k], 4 * image @ q, atol=1e-8)


def test_gradient_of_the_subspace_form_by_finite_differences():
    data = models.make_cdl((10, 2), 500, 0.2, rng=np.random.default_rng(4))
    form = ShiftSubspace(circular_whitening(data.Y).apply(data.Y), 2)
    Q, V = np.random.default_rng(5).standard_normal((2, 10, 3))
    h = 1e-5
    slope = (form.value_and_gradient(Q + h * V)[0] - form.value_and_gradient(Q - h * V)[0]) / (2 * h)
    assert np.allclose(slope, np.sum(form.value_and_gradient(Q)[1] * V, axis=0), rtol=1e-6)


def test_kernels_are_where_the_form_reaches_one():
    """F ≤ 1 on the sphere, F near 1 at the preconditioned kernels and their shifts, clearly below elsewhere."""
    data = models.make_cdl((16, 2), 40_000, 0.1, rng=np.random.default_rng(6))
    P = circular_whitening(data.Y)
    form = ShiftSubspace(P.apply(data.Y), 2)
    atoms = sphere.project(CirculantMap(P.apply(data.kernels)).dense())
    assert np.all(form.value_and_gradient(atoms)[0] > 0.99)
    Q = sphere.random_points(16, 500, rng=np.random.default_rng(7))
    value = form.value_and_gradient(Q)[0]
    assert np.all(value <= 1 + 1e-12) and np.all(value < 0.9)


PROBLEMS = [(64, 2, 0.1), (64, 3, 0.08), (64, 4, 0.1), (64, 5, 0.05), (32, 3, 0.1)]


@pytest.mark.parametrize("n, K, theta", PROBLEMS)
def test_all_kernels_are_found(n, K, theta):
    for seed in range(3):
        data = models.make_cdl((n, K), 1000, theta, rng=np.random.default_rng(seed))
        found = recover_kernels(data.Y, K, rng=np.random.default_rng(seed + 100)).require_complete()
        assert found.method == "subspace" and found.distinct == K
        assert match_kernels(found.kernels, data.kernels).recovered(0.02) == K


def test_restarts_find_kernels_too_but_with_bias():
    """The theory's own objective on the same data: right kernels, larger errors."""
    data = models.make_cdl((64, 2), 1000, 0.1, rng=np.random.default_rng(8))
    errors = {}
    for method in ("subspace", "restarts"):
        found = recover_kernels(data.Y, 2, rng=np.random.default_rng(9), method=method)
        errors[method] = match_kernels(found.kernels, data.kernels).max_error
    assert errors["restarts"] < 0.02 and errors["subspace"] < 0.02


def test_pictures():
    data = models.make_cdl((64, 2), 800, 0.08, shape=(8, 8), rng=np.random.default_rng(10))
    found = recover_kernels(data.Y, 2, shape=(8, 8), rng=np.random.default_rng(11))
    assert match_kernels(found.kernels, data.kernels, shape=(8, 8)).recovered(0.02) == 2
    assert (
        match_kernels(found.kernels, data.kernels).recovered(0.02) < 2
    )  # shifts of rows are not shifts of the flat array


def test_short_kernels_are_cut_to_their_length():
    rng = np.random.default_rng(12)
    short = rng.standard_normal((12, 2))
    data = models.make_cdl(short, 2000, 0.05, n=64, rng=rng)
    found = recover_kernels(data.Y, 2, kernel_length=12, rng=rng)
    assert found.kernels.shape == (12, 2)
    padded = np.vstack([found.kernels, np.zeros((52, 2))])
    assert match_kernels(padded, data.kernels).recovered(0.02) == 2


def test_without_preconditioner_the_kernels_are_lost():
    """Negative control: smooth kernels, straight into the objective, without P."""
    from l4lib import Quartic, solve
    from l4lib.data import unique_kernels

    t = np.linspace(-2, 2, 32)
    short = np.stack([np.exp(-(t**2)), np.exp(-(t**2)) * np.sin(3 * t)], axis=1)
    data = models.make_cdl(short, 1000, 0.1, rng=np.random.default_rng(13))
    found = recover_kernels(data.Y, 2, rng=np.random.default_rng(14), floor=1e-9)
    assert match_kernels(found.kernels, data.kernels).recovered(0.02) == 2
    raw = solve(Quartic(CirculantMap(data.Y), 1.0 / data.Y.size), data.Y[:, :40], tol=1e-5)
    assert match_kernels(unique_kernels(raw.Q)[0], data.kernels).recovered(0.02) < 2


def test_too_few_starts_are_reported():
    data = models.make_cdl((32, 3), 500, 0.1, rng=np.random.default_rng(15))
    found = recover_kernels(data.Y, 3, starts=1, rng=np.random.default_rng(16))
    assert not found.complete
    with pytest.raises(RuntimeError, match="1 distinct kernels from 1 starts"):
        found.require_complete()


BAD = {
    "zero kernel": (
        lambda rng: models.make_cdl(np.eye(4) * [1, 0, 1, 1], 10, 0.1, rng=rng),
        "kernels: expected nonzero atoms.*index 1",
    ),
    "no kernels": (lambda rng: recover_kernels(np.ones((4, 4)) * np.arange(4), 0, rng=rng), "n_kernels: .*got 0"),
    "constant signal": (lambda rng: recover_kernels(np.full((8, 9), 3.0), 1, rng=rng), "constant 3.0"),
    "nan": (lambda rng: recover_kernels(np.full((8, 9), np.nan), 1, rng=rng), "72 NaN"),
    "spectral zero": (
        lambda rng: recover_kernels(models.make_cdl(np.array([[1.0], [-1.0]]), 50, 0.2, n=16, rng=rng).Y, 1, rng=rng),
        r"Y: expected power at every frequency, got 1 of 9 .*index \(0,\)",
    ),
    "too short a recording": (lambda rng: models.windows(np.arange(5.0), 8), "at least one window of 8 samples, got 5"),
    "constant recording": (lambda rng: models.windows(np.ones(50), 8), "constant 1.0"),
    "kernel longer than sample": (
        lambda rng: recover_kernels(rng.standard_normal((8, 50)), 1, kernel_length=9, rng=rng),
        "kernel_length: expected at most .* 8, got 9",
    ),
    "wrong shape": (
        lambda rng: recover_kernels(rng.standard_normal((8, 50)), 1, shape=(3, 3), rng=rng),
        r"shape: expected sizes that multiply to the 8 rows, got \(3, 3\)",
    ),
    "unknown method": (lambda rng: recover_kernels(rng.standard_normal((8, 50)), 1, method="lasso", rng=rng), "method"),
    "too many kernels": (lambda rng: ShiftSubspace(rng.standard_normal((8, 50)), 5), "fewer than the 5 lags"),
    "sample shorter than kernel": (
        lambda rng: models.make_cdl(np.ones((8, 1)), 5, 0.1, n=4, rng=rng),
        "n: expected at least the kernels' length 8, got 4",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    call, pattern = BAD[case]
    with pytest.raises(ValueError, match=pattern):
        call(np.random.default_rng(0))
