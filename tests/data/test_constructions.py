"""The named frames: size, tightness, coherence, and what sets each apart."""

import numpy as np
import pytest

from l4lib.data import (
    frame_report,
    half_cube,
    identity_dct,
    identity_hadamard,
    planted_simplex,
    quadric_frame,
    unbiased_bases,
)


@pytest.mark.parametrize(("n", "m"), [(2, 1), (3, 4), (4, 4), (5, 16), (6, 16), (7, 64), (8, 64)])
@pytest.mark.parametrize("odd", [False, True])
def test_half_cube_has_one_corner_of_each_line_and_the_right_parity(n, m, odd):
    A = half_cube(n, odd=odd)
    assert A.shape == (n, m)
    lines = {tuple(c if c[0] > 0 else -c) for c in np.sign(A).T}
    assert len(lines) == m
    assert np.allclose(np.abs(A), n**-0.5)
    assert set(np.prod(np.sign(A), axis=0)) == ({-1.0} if odd else {1.0})


def test_half_cube_in_six_dimensions_meets_the_welch_bound():
    report = frame_report(half_cube(6))
    assert report.is_untf(1e-13)
    assert report.coherence == pytest.approx(1 / 3)
    assert report.welch == pytest.approx(1 / 3)


@pytest.mark.parametrize("e", [1, 2, 3, 4])
def test_quadric_frames_are_equiangular_and_tight(e):
    N = 2**e
    A = quadric_frame(e)
    assert A.shape == ((N + 1) * (N + 2) // 6, N * (N + 1) // 2)
    assert frame_report(A).is_untf(1e-12)
    G = A.T @ A
    off = np.abs(G[~np.eye(len(G), dtype=bool)])
    assert off == pytest.approx(2 / (N + 2))
    assert G[:N, :N][~np.eye(N, dtype=bool)] == pytest.approx(2 / (N + 2))  # the cluster comes first, signs and all


@pytest.mark.parametrize(("n", "bases"), [(4, 3), (16, 5), (64, 9), (16, 2), (4, 1)])
def test_unbiased_bases(n, bases):
    A = unbiased_bases(n, bases)
    blocks = np.split(A, bases, axis=1)
    for i, first in enumerate(blocks):
        assert first.T @ first == pytest.approx(np.eye(n))
        for second in blocks[:i]:
            assert np.abs(first.T @ second) == pytest.approx(n**-0.5)


def test_two_unbiased_bases_are_identity_and_hadamard():
    lines = {tuple(np.round(a, 9)) for a in identity_hadamard(16).T}
    assert {tuple(np.round(a, 9)) for a in unbiased_bases(16, 2).T} == lines


@pytest.mark.parametrize("K", [2, 3, 4])
def test_planted_simplex_is_tight_and_leans(K):
    n = 4 * K
    A = planted_simplex(n, K, rng=np.random.default_rng(K))
    assert A.shape == (n, K * n)
    assert frame_report(A).is_untf(1e-12)
    assert A[0] == pytest.approx(np.r_[np.full(n, np.sqrt(K / n)), np.zeros((K - 1) * n)])
    G = A[:, :n].T @ A[:, :n]
    assert G[~np.eye(n, dtype=bool)] == pytest.approx((K - 1) / (n - 1))


@pytest.mark.parametrize("n", [1, 7, 50, 64])
def test_identity_dct(n):
    report = frame_report(identity_dct(n))
    assert report.is_untf(1e-12)
    assert report.coherence <= (2 / n) ** 0.5 + 1e-12


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: half_cube(1), "n"),
        (lambda: half_cube(17), "2 to 16"),
        (lambda: quadric_frame(6), "1 to 5"),
        (lambda: unbiased_bases(8, 2), "4, 16, 64, 256"),
        (lambda: unbiased_bases(16, 6), "at most sqrt"),
        (lambda: planted_simplex(5, 3, rng=np.random.default_rng(0)), "n"),
        (lambda: planted_simplex(5, 1, rng=np.random.default_rng(0)), "K"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
