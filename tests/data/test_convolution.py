"""Chapter *Convolution is a dictionary*: its statements by enumeration of all supports, which is exact."""

from itertools import product

import numpy as np
import pytest

from l4lib.data import circular_whitening, data_constant, models, phi_CDL
from l4lib.quartic import CirculantMap, Quartic, random_points

SMALL = [(3, 2, 0.3), (4, 2, 0.15), (5, 1, 0.5)]


def kernels_of(n, K, seed=0):
    return np.random.default_rng(seed).standard_normal((n, K))


def tight(A0):
    """Preconditioner (A₀A₀ᵀ/K)^(−1/2) of the population, and the frame, for kernels (n, K)."""
    K = A0.shape[1]
    D = CirculantMap(A0).dense()
    values, vectors = np.linalg.eigh(D @ D.T / K)
    P = (vectors / np.sqrt(values)) @ vectors.T
    return P, P @ D


def supports(m, theta):
    """Every support of m coefficients with its probability."""
    for b in product((0, 1), repeat=m):
        yield np.array(b), theta ** sum(b) * (1 - theta) ** (m - sum(b))


@pytest.mark.claim("circulant-structure")
@pytest.mark.parametrize(("n", "K"), [(5, 1), (6, 2), (7, 3)])
def test_shifts_permute_the_dictionary(n, K):
    kernels = kernels_of(n, K)
    D = CirculantMap(kernels).dense()
    for j in range(n):
        columns = [k * n + (t + j) % n for k in range(K) for t in range(n)]
        assert np.allclose(np.roll(D, j, axis=0), D[:, columns])
    x = np.random.default_rng(1).standard_normal(n * K)
    direct = [sum(kernels[(t - s) % n, k] * x[k * n + s] for k in range(K) for s in range(n)) for t in range(n)]
    assert np.allclose(D @ x, direct)


@pytest.mark.claim("circulant-structure")
@pytest.mark.parametrize(("n", "K"), [(5, 1), (6, 2), (9, 3)])
def test_spectrum_of_the_frame_operator(n, K):
    kernels = kernels_of(n, K)
    D = CirculantMap(kernels).dense()
    s = np.sum(np.abs(np.fft.fft(kernels, axis=0)) ** 2, axis=1)
    assert np.allclose(np.linalg.eigvalsh(D @ D.T), np.sort(s))


@pytest.mark.claim("preconditioner-tight")
@pytest.mark.parametrize(("n", "K", "theta"), SMALL)
def test_expected_second_moment_by_enumeration(n, K, theta):
    D = CirculantMap(kernels_of(n, K)).dense()
    expected = np.zeros((n, n))
    for b, probability in supports(n * K, theta):
        second = D @ np.diag(b) @ D.T  # E yyᵀ for this support
        expected += probability * sum(np.roll(second, (j, j), (0, 1)) for j in range(n))
    assert np.allclose(expected / (theta * n * K), D @ D.T / K)


@pytest.mark.claim("preconditioner-tight")
@pytest.mark.parametrize(("n", "K"), [(6, 1), (7, 2), (16, 4)])
def test_norms_from_the_spectrum(n, K):
    kernels = kernels_of(n, K)
    P, A = tight(kernels)
    assert np.allclose(A @ A.T, K * np.eye(n))
    power = np.abs(np.fft.fft(kernels, axis=0)) ** 2
    nu2 = np.mean(K * power / power.sum(axis=1, keepdims=True), axis=0)
    assert np.allclose(nu2, np.sum((P @ kernels) ** 2, axis=0))
    assert np.allclose(np.sum(A * A, axis=0), np.repeat(nu2, n))
    assert nu2.sum() == pytest.approx(K)


@pytest.mark.claim("preconditioner-error")
@pytest.mark.parametrize(("n", "K", "theta"), SMALL)
def test_variance_of_the_power_by_enumeration(n, K, theta):
    kernels = kernels_of(n, K, seed=2)
    a = np.fft.fft(kernels, axis=0)
    s = np.sum(np.abs(a) ** 2, axis=1)
    for omega in range(n):
        c = np.concatenate([a[omega, k] * np.exp(-2j * np.pi * omega * np.arange(n) / n) for k in range(K)])
        fourth = sum(  # E|Σ c x|⁴ of a Gaussian vector on each support
            probability * (2 * (b @ np.abs(c) ** 2) ** 2 + abs(b @ c**2) ** 2)
            for b, probability in supports(n * K, theta)
        )
        variance = fourth / (theta * n * s[omega]) ** 2 - 1
        extra = 1.0 if 2 * omega % n == 0 else 0.0
        kurtosis = 3 * (1 - theta) / (theta * n) * np.sum(np.abs(a[omega]) ** 4) / s[omega] ** 2
        assert variance == pytest.approx(1 + extra + kurtosis, rel=1e-10)


@pytest.mark.claim("preconditioner-error")
def test_power_within_the_bound_as_often_as_proved():
    n, theta, p, delta, repeats = 8, 0.2, 600, 0.25, 200
    kernels = kernels_of(n, 2, seed=3)
    s = np.sum(np.abs(np.fft.fft(kernels, axis=0)) ** 2, axis=1)
    proved = 1 - (n / 2 + 1) * (2 + 3 * (1 - theta) / (theta * n)) / (p * delta**2)
    rng = np.random.default_rng(4)
    inside = 0
    for _ in range(repeats):
        Y = models.make_cdl(kernels, p, theta, rng=rng).Y
        ratio = np.mean(np.abs(np.fft.fft(Y, axis=0)) ** 2, axis=1) / (theta * n * s)
        frame = circular_whitening(Y, scale=2 * theta).apply(CirculantMap(kernels).dense())
        eigenvalues = np.linalg.eigvalsh(frame @ frame.T / 2)
        if np.all(np.abs(ratio - 1) <= delta):
            inside += 1
            assert 1 / (1 + delta) - 1e-12 <= eigenvalues[0] and eigenvalues[-1] <= 1 / (1 - delta) + 1e-12
    assert 0.5 < proved < 1
    assert inside / repeats >= proved


@pytest.mark.claim("cdl-population")
@pytest.mark.parametrize(("n", "K", "theta"), SMALL)
def test_expected_objective_by_enumeration(n, K, theta):
    kernels = kernels_of(n, K, seed=5)
    P, A = tight(kernels)
    D = CirculantMap(kernels).dense()
    q = random_points(n, rng=np.random.default_rng(6))
    expected = 0.0
    for b, probability in supports(n * K, theta):
        for j in range(n):  # entry j of C_yᵀPq is ⟨S_j y, Pq⟩, Gaussian on each support
            v = D.T @ np.roll(P @ q, -j)
            expected += probability * 3 * (b @ (v * v)) ** 2
    phi_T = -0.25 * np.sum((A.T @ q) ** 4)
    value = -data_constant(theta) / n * expected
    assert value == pytest.approx(phi_T - theta * K**2 / (4 * (1 - theta)), rel=1e-12)


@pytest.mark.claim("cdl-population")
def test_symmetries_and_the_way_back():
    data = models.make_cdl((12, 2), 40, 0.2, rng=np.random.default_rng(7))
    phi = phi_CDL(data.Y, 0.2, 2)
    P = circular_whitening(data.Y, scale=0.4)
    direct = Quartic(P.apply(CirculantMap(data.Y).dense()), data_constant(0.2) / data.Y.size)
    q = random_points(12, rng=np.random.default_rng(8))
    assert phi.value(q) == pytest.approx(direct.value(q), rel=1e-12)
    for j in range(12):
        assert phi.value(-np.roll(q, j)) == pytest.approx(phi.value(q), rel=1e-12)
    a = data.kernels[:, 0]
    back = P.undo(P.apply(np.roll(a, 5)))
    assert np.allclose(back, np.roll(a, 5))
