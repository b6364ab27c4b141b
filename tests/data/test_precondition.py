"""Whitening makes data white and any full-rank dictionary a tight frame."""

import numpy as np
import pytest

import l4lib
from l4lib.data import circular_whitening, models, whiten, whitening
from l4lib.quartic import CirculantMap


def test_whitening_takes_the_dictionary_to_a_tight_frame():
    """W computed from many samples of a badly conditioned dictionary: WA(WA)ᵀ = K·I up to p^(−1/2)."""
    rng = np.random.default_rng(0)
    n, m, theta, p = 5, 8, 0.2, 200_000
    A = rng.standard_normal((n, m)) * np.linspace(0.5, 4, n)[:, None]
    Y = models.make_odl(A, p, theta, rng=rng).Y
    K = m / n
    B = whitening(Y, scale=K * theta).apply(A)
    assert np.linalg.norm(B @ B.T / K - np.eye(n), 2) < 10 * np.sqrt(n / (theta * p))
    exact = np.sqrt(K) * np.linalg.inv(np.real(_sqrtm(A @ A.T))) @ A
    assert np.allclose(exact @ exact.T, K * np.eye(n))
    assert np.linalg.norm(B - exact) / np.linalg.norm(exact) < 0.05


def _sqrtm(S):
    values, vectors = np.linalg.eigh(S)
    return (vectors * np.sqrt(values)) @ vectors.T


def test_white_data_have_identity_second_moment_and_the_way_back():
    rng = np.random.default_rng(1)
    Y = rng.standard_normal((4, 4)) @ rng.standard_normal((4, 500))
    W = whitening(Y)
    Z = W.apply(Y)
    assert np.allclose(Z @ Z.T / 500, np.eye(4))
    assert np.allclose(W.undo(Z), Y)
    assert np.allclose(W.W, W.W.T) and np.all(np.linalg.eigvalsh(W.W) > 0)
    assert np.allclose(whiten(Y, scale=2.0), np.sqrt(2.0) * Z)


def test_condition_number_is_reported():
    Y = np.diag([1.0, 10.0]) @ np.random.default_rng(2).standard_normal((2, 100_000))
    assert whitening(Y).condition == pytest.approx(10, rel=0.02)


def test_minimisers_ignore_the_scale():
    Y = l4lib.make_odl((4, 5), 2000, 0.2, rng=np.random.default_rng(3)).Y
    start = l4lib.random_points(4, 6, rng=np.random.default_rng(4))
    first = l4lib.solve(l4lib.Quartic(whiten(Y), 1.0), start)
    second = l4lib.solve(l4lib.Quartic(whiten(Y, scale=100.0), 0.3), start)
    assert np.allclose(first.Q, second.Q, atol=1e-6)
    assert first.stationarity == pytest.approx(second.stationarity, abs=1e-9)


@pytest.mark.parametrize("shape", [(12,), (3, 4)])
def test_circular_whitening_is_the_inverse_root_of_the_circulant_second_moment(shape):
    Y = np.random.default_rng(5).standard_normal((12, 7))
    P = circular_whitening(Y, scale=0.3, shape=shape)
    shifts = CirculantMap(Y, shape=shape).dense()
    expected = np.sqrt(0.3) * np.linalg.inv(_sqrtm(shifts @ shifts.T / shifts.shape[1]))
    assert np.allclose(P.apply(np.eye(12)), expected)
    assert np.allclose(P.undo(P.apply(Y)), Y)
    white = CirculantMap(P.apply(Y), shape=shape).dense()
    assert np.allclose(white @ white.T / white.shape[1], 0.3 * np.eye(12))


def test_preconditioner_makes_the_kernels_a_tight_frame():
    """With scale Kθ: PA₀ is tight with constant K up to p^(−1/2), and Σ_k ν_k² = K."""
    n, K, theta, p = 16, 3, 0.2, 20_000
    data = models.make_cdl((n, K), p, theta, rng=np.random.default_rng(6))
    P = circular_whitening(data.Y, scale=K * theta)
    A = CirculantMap(P.apply(data.kernels)).dense()
    assert np.linalg.norm(A @ A.T / K - np.eye(n), 2) < 0.05
    nu = np.linalg.norm(P.apply(data.kernels), axis=0)
    assert np.sum(nu**2) == pytest.approx(K, rel=0.02)


def test_frequencies_without_power_are_refused_or_capped_and_counted():
    Y = models.make_cdl(np.array([[1.0], [-1.0]]), 50, 0.2, n=16, rng=np.random.default_rng(7)).Y
    with pytest.raises(ValueError, match=r"1 of 9 frequencies"):
        circular_whitening(Y)
    with pytest.warns(RuntimeWarning, match="gain of 1 of 9"):
        P = circular_whitening(Y, floor=1e-4)
    assert P.regularised == 1
    assert P.condition == pytest.approx(100, rel=1e-6)
