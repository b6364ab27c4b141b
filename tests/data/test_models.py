"""Random models within standard errors of their moments; real data as promised."""

import numpy as np
import pytest

from l4lib.data import models


def test_bernoulli_gaussian_moments():
    """E x² = θ, E x⁴ = 3θ, P(x ≠ 0) = θ, within five standard errors."""
    theta, p = 0.3, 200_000
    x = models.bernoulli_gaussian(1, p, theta, rng=np.random.default_rng(0)).ravel()
    for samples, expected in (((x != 0).astype(float), theta), (x**2, theta), (x**4, 3 * theta), (x, 0.0)):
        assert abs(samples.mean() - expected) < 5 * samples.std() / np.sqrt(p)


def test_make_odl_multiplies_what_it_returns():
    data = models.make_odl((4, 7), 50, 0.2, rng=np.random.default_rng(1))
    assert np.array_equal(data.Y, data.A @ data.X)
    assert (data.A.shape, data.X.shape, data.theta) == ((4, 7), (7, 50), 0.2)


def test_make_odl_takes_a_dictionary():
    A = np.array([[1.0, 0.0, 0.6], [0.0, 1.0, 0.8]])
    assert np.array_equal(models.make_odl(A, 5, 0.5, rng=np.random.default_rng(0)).A, A)


def test_patches_have_full_rank_no_mean_and_come_from_the_picture():
    picture = models.camera()
    data = models.patches(picture, 6, 2000, rng=np.random.default_rng(0))
    assert data.Y.shape == (35, 2000)
    assert data.explained == pytest.approx(1.0)
    assert np.linalg.matrix_rank(data.Y) == 35
    pixels = data.to_pixels(data.Y[:, :3])
    assert np.allclose(pixels.mean(axis=(0, 1)), 0)
    windows = np.lib.stride_tricks.sliding_window_view(picture, (6, 6)).reshape(-1, 36)
    centred = windows - windows.mean(axis=1, keepdims=True)
    for k in range(3):
        assert np.min(np.abs(centred - pixels[:, :, k].ravel()).max(axis=1)) < 1e-12


def test_patches_keep_the_leading_directions():
    data = models.patches(models.camera(), 6, 2000, components=10, rng=np.random.default_rng(0))
    variances = data.Y.var(axis=1)
    assert np.all(np.diff(variances) < 0)
    assert 0.8 < data.explained < 1.0


def test_camera_is_in_the_unit_interval():
    picture = models.camera()
    assert 0.0 <= picture.min() < 0.05 and 0.95 < picture.max() <= 1.0


def test_smallest_patches_have_three_directions():
    data = models.patches(models.camera(), 2, 100, rng=np.random.default_rng(0))
    assert data.Y.shape == (3, 100) and data.to_pixels(np.eye(3)).shape == (2, 2, 3)
    assert np.allclose(data.basis.T @ data.basis, np.eye(3))


def test_windows_step_by_half_a_window_or_as_told():
    signal = np.arange(20.0)
    assert np.array_equal(models.windows(signal, 8)[0], [0, 4, 8, 12])
    assert np.array_equal(models.windows(signal, 2)[0], np.arange(19))
    assert np.array_equal(models.windows(signal, 8, hop=5)[0], [0, 5, 10])


@pytest.mark.parametrize("shape", [None, (3, 4)])
def test_make_cdl_convolves(shape):
    """Y is Σ_k a_k ⊛ x_ik, written out."""
    data = models.make_cdl((12, 2), 3, 0.4, shape=shape, rng=np.random.default_rng(4))
    grid = shape or (12,)
    expected = np.zeros_like(data.Y)
    for k in range(2):
        for shift in range(12):
            moved = np.roll(data.kernels[:, k].reshape(grid), np.unravel_index(shift, grid), range(len(grid))).ravel()
            expected += np.outer(moved, data.X[k, shift])
    assert np.allclose(data.Y, expected)
