"""Whitening makes data white and any full-rank dictionary a tight frame."""

import numpy as np
import pytest

import l4lib
from l4lib import models
from l4lib.precondition import whiten, whitening


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
