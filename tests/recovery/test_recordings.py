"""Chapter *All kernels, and real recordings*."""

import warnings
from itertools import product

import numpy as np
import pytest
from scipy.signal import decimate
from scipy.signal.windows import tukey

from l4lib.data import match_kernels, models
from l4lib.experiments import read_benchmark
from l4lib.quartic import CirculantMap, project, random_points
from l4lib.recovery import recover_kernels


def tight_frame(n, K, seed):
    """All shifts of K preconditioned random kernels."""
    D = CirculantMap(np.random.default_rng(seed).standard_normal((n, K))).dense()
    values, vectors = np.linalg.eigh(D @ D.T / K)
    return (vectors / np.sqrt(values)) @ vectors.T @ D


@pytest.mark.claim("shift-subspace")
@pytest.mark.parametrize(("n", "K", "theta"), [(3, 2, 0.3), (4, 2, 0.15), (5, 1, 0.6)])
def test_fourth_moment_map_by_enumeration(n, K, theta):
    A = tight_frame(n, K, 0)
    S = np.random.default_rng(1).standard_normal((n, n))
    S = S + S.T
    expected = np.zeros((n, n))
    for b in product((0, 1), repeat=n * K):
        C = A @ np.diag(b) @ A.T  # the Gaussian fourth moment on this support
        weight = theta ** sum(b) * (1 - theta) ** (n * K - sum(b))
        expected += weight * (2 * C @ S @ C + np.trace(C @ S) * C)
    atoms = sum((a @ S @ a) * np.outer(a, a) for a in A.T)
    formula = 3 * theta * (1 - theta) * atoms + theta**2 * K**2 * (2 * S + np.trace(S) * np.eye(n))
    assert np.allclose(expected, formula, rtol=1e-10)


@pytest.mark.claim("shift-subspace")
@pytest.mark.parametrize(("n", "K"), [(6, 2), (8, 3)])
def test_form_is_at_most_one_and_one_at_the_kernels(n, K):
    A = tight_frame(n, K, 2)
    lifted = np.stack([np.outer(a, a).ravel() for a in A.T], axis=1)
    left, sizes, _ = np.linalg.svd(lifted, full_matrices=False)
    basis = left[:, sizes > 1e-10 * sizes[0]]

    def F(Q):
        return np.sum((basis.T @ np.stack([np.outer(q, q).ravel() for q in Q.T], axis=1)) ** 2, axis=0)

    assert np.allclose(F(project(A)), 1.0)
    Q = random_points(n, 500, rng=np.random.default_rng(3))
    assert F(Q).max() < 1.0
    assert np.allclose(F(np.roll(Q, 1, axis=0)), F(Q))


def _short_form(kernels, n, gain):
    """F of the span of (P S_j a)(P S_j a)ᵀ as a symmetric operator on matrices, P, and the dimension of the span."""
    P = np.fft.ifft(np.fft.fft(np.eye(n), axis=0) * gain[:, None], axis=0).real
    atoms = P @ CirculantMap(np.pad(kernels, [(0, n - len(kernels)), (0, 0)])).dense()
    lifted = np.stack([np.outer(a, a).ravel() for a in atoms.T], axis=1)
    left, sizes, _ = np.linalg.svd(lifted, full_matrices=False)
    return left[:, sizes > 1e-10 * sizes[0]], P


def _lowest(basis, P, L, rng):
    """The smallest F(Pv) over v on the first L instants: best of random points, then descent with shrinking steps."""

    def F(V):
        Q = project(P[:, :L] @ V)
        return np.sum((basis.T @ (Q[:, None] * Q[None]).reshape(len(P) ** 2, -1)) ** 2, axis=0)

    V = rng.standard_normal((L, 500))
    v = V[:, [F(V).argmin()]]
    for step in np.geomspace(0.3, 1e-3, 60):
        near = project(np.hstack([v, v + step * rng.standard_normal((L, 50))]))
        v = near[:, [F(near).argmin()]]
    return float(F(v)[0])


def _gain(n, rng):
    """A random positive filter."""
    return np.abs(np.fft.fft(rng.standard_normal(n))) + 0.5


@pytest.mark.claim("short-kernels")
@pytest.mark.parametrize(("L", "n"), [(2, 3), (3, 5), (3, 8), (4, 7), (4, 12)])
def test_as_many_short_kernels_as_instants_leave_the_form_flat(L, n):
    """The lowest value that descent finds on L consecutive instants is one; the span has dimension nL."""
    rng = np.random.default_rng([L, n])
    for K in (L, L + 1):
        basis, P = _short_form(rng.standard_normal((L, K)), n, _gain(n, rng))
        assert basis.shape[1] == n * L
        assert _lowest(basis, P, L, rng) > 1 - 1e-9


@pytest.mark.claim("short-kernels")
@pytest.mark.parametrize(("L", "n"), [(2, 3), (3, 5), (3, 8), (4, 7), (4, 12)])
def test_one_kernel_less_does_not(L, n):
    rng = np.random.default_rng([L, n, 1])
    basis, P = _short_form(rng.standard_normal((L, L - 1)), n, _gain(n, rng))
    assert basis.shape[1] == n * (L - 1)
    assert _lowest(basis, P, L, rng) < 0.9
    # The kernels of the proof, e_0 and e_0 + e_l, are generic enough; equal kernels are not.
    special = np.eye(L) + np.eye(L, 1)[:, [0] * L] * (np.arange(L) > 0)
    assert _short_form(special, n, _gain(n, rng))[0].shape[1] == n * L
    assert _short_form(special[:, [0] * L], n, _gain(n, rng))[0].shape[1] == n


@pytest.mark.claim("short-kernels")
def test_too_many_short_kernels_are_flagged():
    rng = np.random.default_rng(5)
    data = models.make_cdl(rng.standard_normal((3, 3)), 2000, 0.05, n=24, rng=rng)
    found = recover_kernels(data.Y, 3, kernel_length=3, rng=rng)
    count = next(test for test in found.evidence if test.name == "count")
    assert not found.complete and not count.passed and count.limit == 2


@pytest.mark.claim("all-kernels")
@pytest.mark.parametrize(("n", "K"), [(64, 2), (64, 3), (64, 4), (64, 5), (32, 3)])
@pytest.mark.parametrize("theta", [0.05, 0.1])
def test_all_kernels_in_fifty_problems(n, K, theta):
    """Five problems a case, fifty in all, and every kernel of every one of them."""
    errors = []
    for trial in range(5):
        rng = np.random.default_rng([n, K, round(1000 * theta), trial])
        data = models.make_cdl((n, K), 1000, theta, rng=rng)
        found = recover_kernels(data.Y, K, rng=rng, progress=False)
        errors.append(match_kernels(found.kernels, data.kernels).max_error)
    assert max(errors) <= 0.02


def _windows(signal):
    Y = models.windows(signal, 64, hop=1)
    return (Y - Y.mean(axis=0)) * tukey(64, 1.0)[:, None]


def _atoms_needed(D, Y, error=0.1):
    D, counts = project(D), []
    for y in Y.T:
        chosen, rest = [], y
        while np.linalg.norm(rest) > error * np.linalg.norm(y):
            chosen.append(int(np.argmax(np.abs(D.T @ rest))))
            rest = y - D[:, chosen] @ np.linalg.lstsq(D[:, chosen], y, rcond=None)[0]
        counts.append(len(chosen))
    return np.mean(counts)


@pytest.mark.claim("recording-sparsity")
def test_learned_kernels_code_an_unseen_beat_with_fewer_atoms():
    signal = models.ecg()
    signal = decimate(signal - np.median(signal), 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found = recover_kernels(_windows(signal[:228]), 2, rng=np.random.default_rng(0), floor=1e-2, tol=1e-4)
    Y = _windows(signal[228:])[:, ::5]
    learned = _atoms_needed(CirculantMap(found.kernels).dense(), Y)
    random = project(np.random.default_rng(0).standard_normal((64, 2)))
    turns = 2 * np.pi * np.outer(np.arange(64), np.arange(65)) / 128
    fourier = np.hstack([np.cos(turns), np.sin(turns[:, 1:-1])])
    assert learned < 0.4 * _atoms_needed(CirculantMap(random).dense(), Y)
    assert learned < 0.5 * _atoms_needed(fourier, Y)
    assert not found.complete  # two shapes do not explain the white spectrum of this recording


def test_a_long_recording_with_a_baseline_and_noise():
    """Kernels of length 16 in 40 000 instants of a recording that is not periodic: found, and nothing else is."""
    rng, t = np.random.default_rng(0), np.arange(16)
    sharp = np.exp(-(((t - 5) / 1.2) ** 2)) - np.exp(-(((t - 8) / 2) ** 2)) / 2
    truth = project(np.stack([sharp, np.sin(t * np.pi / 8) * np.hanning(16)], axis=1))
    events = rng.standard_normal((40_000, 2)) * (rng.random((40_000, 2)) < 0.02)
    clean = sum(np.convolve(events[:, k], truth[:, k])[:40_000] for k in (0, 1))
    recording = 1024 + clean + 0.05 * clean.std() * rng.standard_normal(40_000)
    Y = models.windows(recording - recording.mean(), 128) * tukey(128, 0.5)[:, None]
    found = recover_kernels(Y, 2, kernel_length=16, rng=np.random.default_rng(1)).require_complete()
    pad = [(0, 112), (0, 0)]
    assert match_kernels(np.pad(found.kernels, pad), np.pad(truth, pad)).max_error < 0.05
    assert not recover_kernels(Y, 1, kernel_length=16, rng=np.random.default_rng(1)).complete


def test_the_benchmark_is_committed_with_its_provenance():
    record = read_benchmark("convolution")
    assert {"machine", "versions", "gradient", "sizes", "peers"} <= set(record)
    assert {row["method"] for row in record["peers"]} >= {"l4lib"}
    assert all("error" in row or row["seconds"] > 0 for row in record["peers"])
