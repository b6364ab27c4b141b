"""Dictionaries: what each construction promises."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from l4lib.data import frames


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 12), st.integers(0, 12), st.integers(0, 2**32 - 1))
def test_random_untf_is_one_and_its_coherence_respects_welch(n, extra, seed):
    A = frames.random_untf(n, n + extra, rng=np.random.default_rng(seed))
    report = frames.frame_report(A)
    assert report.is_untf(1e-11)
    assert report.coherence >= report.welch - 1e-12
    assert np.allclose(A @ A.T, report.K * np.eye(n))


CONSTRUCTIONS = {
    "simplex": (frames.simplex(7), 8 / 7, 1 / 7),
    "direct sum": (frames.direct_sum(frames.simplex(3), frames.simplex(3)), 4 / 3, 1 / 3),
    "identity and Hadamard": (frames.identity_hadamard(16), 2.0, 1 / 4),
    "Paley 29": (frames.paley(29), 2.0, 29**-0.5),
    "Mercedes-Benz": (frames.mercedes_benz(), 1.5, 1 / 2),
    "icosahedron": (frames.icosahedron(), 2.0, 5**-0.5),
}


@pytest.mark.parametrize("name", CONSTRUCTIONS)
def test_construction_has_its_overcompleteness_and_coherence(name):
    A, K, mu = CONSTRUCTIONS[name]
    report = frames.frame_report(A)
    assert report.is_untf(1e-12)
    assert pytest.approx(K) == report.K
    assert report.coherence == pytest.approx(mu, abs=1e-12)


@pytest.mark.parametrize("A", [frames.simplex(5), frames.paley(13), frames.icosahedron(), frames.mercedes_benz()])
def test_equiangular_frames_meet_welch(A):
    report = frames.frame_report(A)
    assert report.coherence == pytest.approx(report.welch, abs=1e-12)


def test_paley_five_is_the_icosahedron():
    """Same Gram matrix up to sign and order: equal sorted absolute inner products and a constant fourth power."""
    A, B = frames.paley(5), frames.icosahedron()
    assert np.allclose(np.sort(np.abs(A.T @ A).ravel()), np.sort(np.abs(B.T @ B).ravel()))
    Q = np.random.default_rng(0).standard_normal((3, 50))
    Q /= np.linalg.norm(Q, axis=0)
    assert np.allclose(np.sum((A.T @ Q) ** 4, axis=0), 6 / 5)


def test_report_measures_what_is_wrong():
    A = frames.simplex(3)
    assert frames.frame_report(2 * A).norm_error == pytest.approx(1.0)
    assert frames.frame_report(2 * A).tightness_error < 1e-12  # still tight
    report = frames.frame_report(np.diag([1.0, 2.0]))
    assert report.tightness_error == pytest.approx(0.6)
    assert not report.is_untf()


def test_coherence_is_of_the_normalised_atoms_and_zero_for_one():
    assert frames.coherence([[2.0, 1.0], [0.0, 1.0]]) == pytest.approx(0.5**0.5)
    assert frames.coherence([[3.0], [4.0]]) == 0.0


def test_welch_is_zero_for_at_most_n_atoms():
    assert frames.welch_bound(5, 5) == frames.welch_bound(5, 1) == 0.0


def test_random_untf_says_when_it_fails():
    with pytest.raises(RuntimeError, match="tightness error"):
        frames.random_untf(5, 7, rng=np.random.default_rng(0), max_iterations=1)


def test_same_seed_same_frame():
    first, second = (frames.random_untf(5, 8, rng=np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(first, second)
