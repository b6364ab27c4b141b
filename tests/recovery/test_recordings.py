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


def _beats(signal):
    Y = models.windows(signal, 64, hop=1)
    Y = (Y - Y.mean(axis=0)) * tukey(64, 1.0)[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return Y, recover_kernels(Y, 2, rng=np.random.default_rng(0), floor=1e-2, tol=1e-4).kernels


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
def test_learned_kernels_code_the_recording_with_fewer_atoms():
    signal = models.ecg()
    Y, kernels = _beats(decimate(signal - np.median(signal), 3))
    learned = _atoms_needed(CirculantMap(kernels).dense(), Y[:, ::7])
    random = project(np.random.default_rng(0).standard_normal((64, 2)))
    turns = 2 * np.pi * np.outer(np.arange(64), np.arange(65)) / 128
    fourier = np.hstack([np.cos(turns), np.sin(turns[:, 1:-1])])
    assert learned < 0.6 * _atoms_needed(CirculantMap(random).dense(), Y[:, ::7])
    assert learned < _atoms_needed(fourier, Y[:, ::7])


def test_the_benchmark_is_committed_with_its_provenance():
    record = read_benchmark("convolution")
    assert {"machine", "versions", "gradient", "large", "peers"} <= set(record)
    assert {row["method"] for row in record["peers"]} >= {"l4lib"}
    assert all("error" in row or row["seconds"] > 0 for row in record["peers"])
