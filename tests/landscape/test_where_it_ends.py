"""Chapter *Where it ends*: every construction does exactly what the page says, and a little less is benign."""

import numpy as np
import pytest

from l4lib import phi_T, random_points, solve
from l4lib.census import census, certify
from l4lib.data import (
    coherence,
    frame_report,
    half_cube,
    icosahedron,
    mercedes_benz,
    planted_simplex,
    quadric_frame,
    simplex,
    unbiased_bases,
)


def spectrum(A, q):
    """α, the residual of Mq = αq, and the curvatures α − 3λ from the other eigenvalues of M = A diag(ζ²) Aᵀ."""
    z = A.T @ q
    M = (A * z**2) @ A.T
    alpha = q @ M @ q
    basis = np.linalg.svd(q[None, :])[2][1:]
    return alpha, np.linalg.norm(M @ q - alpha * q), np.sort(alpha - 3 * np.linalg.eigvalsh(basis @ M @ basis.T))


def check_spectrum(A, q, alpha, expected):
    """Each expected curvature with its multiplicity, and the library's Hessian says the same."""
    found, residual, curvatures = spectrum(A, q)
    assert residual < 1e-12
    assert found == pytest.approx(alpha, abs=1e-12)
    wanted = np.sort(np.concatenate([np.full(count, value) for value, count in expected.items()]))
    assert curvatures == pytest.approx(wanted, abs=1e-11)
    assert phi_T(A).curvatures(q) == pytest.approx(wanted, abs=1e-11)


def normalised(v):
    return v / np.linalg.norm(v)


@pytest.mark.claim("half-cube")
@pytest.mark.parametrize("n", [5, 6, 7, 8])
@pytest.mark.parametrize("odd", [False, True])
def test_half_cube_is_the_quartic_of_the_coordinates(n, odd):
    A = half_cube(n, odd=odd)
    Q = random_points(n, 50, rng=np.random.default_rng(n))
    alpha = np.sum((A.T @ Q) ** 4, axis=0)
    assert alpha == pytest.approx(A.shape[1] / n**2 * (3 - 2 * np.sum(Q**4, axis=0)))


def test_half_cube_in_four_dimensions_is_not():
    """The degree four of the product of all signs is where the proof needs n >= 5."""
    q = np.array([1.0, 0.0, 0.0, 0.0])
    A = half_cube(4)
    assert np.sum((A.T @ q) ** 4) == pytest.approx(1 / 4)
    q = np.full(4, 0.5)
    assert np.sum((A.T @ q) ** 4) == pytest.approx(1.0)
    assert 4 / 16 * (3 - 2 * np.sum(q**4)) != pytest.approx(1.0)


@pytest.mark.claim("half-cube")
def test_sixteen_lines_have_sixteen_spurious_minimisers_as_deep_as_the_atoms():
    A, B = half_cube(6), half_cube(6, odd=True)
    for q in np.hstack([A, B]).T:
        check_spectrum(A, q, 32 / 27, {8 / 27: 5})
    assert np.sort(np.abs(A.T @ B), axis=0) == pytest.approx(np.tile(np.r_[np.zeros(10), np.full(6, 2 / 3)], (16, 1)).T)
    found = census(A, rng=np.random.default_rng(0)).require_complete()
    assert found.real == found.expected == 364
    assert np.bincount(found.index).tolist() == [32, 96, 120, 80, 30, 6]
    support = np.sum(np.abs(found.points) > 1e-9, axis=0)
    assert (found.index == 6 - support).all()


@pytest.mark.claim("half-cube")
def test_half_of_all_starts_end_at_spurious_minimisers():
    A = half_cube(6)
    ends = solve(phi_T(A), random_points(6, 2000, rng=np.random.default_rng(1))).Q
    at_atom = np.abs(A.T @ ends).max(axis=0) > 1 - 1e-6
    at_odd = np.abs(half_cube(6, odd=True).T @ ends).max(axis=0) > 1 - 1e-6
    assert (at_atom ^ at_odd).all()
    assert abs(at_atom.mean() - 0.5) < 4 * 0.5 / np.sqrt(2000)


@pytest.mark.claim("half-cube")
def test_the_sixteen_lines_are_certified():
    verdict = certify(np.sign(half_cube(6)), rng=np.random.default_rng(0)).verdict
    assert verdict.by_index == (32, 96, 120, 80, 30, 6)
    assert verdict.real == verdict.solutions == 364
    assert not verdict.benign
    assert verdict.convexity == pytest.approx(36 * 8 / 27)
    assert verdict.correlation == pytest.approx(2 / 3)


CLUSTERS = {
    "16 lines": (half_cube(6), None, 6),
    "simplex, all atoms but one": (simplex(5), None, None),
    "10 lines": (quadric_frame(2), np.arange(4), 4),
    "36 lines": (quadric_frame(3), np.arange(8), 8),
    "planted, K = 3": (planted_simplex(8, 3, rng=np.random.default_rng(0)), np.arange(8), 8),
    "planted, K = 2": (planted_simplex(8, 2, rng=np.random.default_rng(0)), np.arange(8), 8),
}


@pytest.mark.claim("cluster-minimiser")
@pytest.mark.parametrize("name", [name for name in CLUSTERS if name[:7] != "simplex"])
def test_clusters_have_the_stated_spectrum(name):
    A, members, N = CLUSTERS[name]
    n, m = A.shape
    K = m / n
    if members is None:  # the six atoms next to an odd corner
        q = half_cube(6, odd=True)[:, 3]
        members = np.flatnonzero(np.abs(A.T @ q) > 0.5)
    q = normalised(A[:, members] @ np.sign(A[:, members].T @ A[:, members[0]]))
    gamma = (K - 1) / (N - 1)
    assert (A.T @ q) ** 2 == pytest.approx(np.isin(np.arange(m), members) * K / N, abs=1e-12)
    check_spectrum(A, q, K * K / N, {(1 - 3 * (1 - gamma) / K) * K * K / N: N - 1, K * K / N: n - N})
    smallest = spectrum(A, q)[2][0]
    assert (smallest > 1e-9) == (gamma > 1 - K / 3 + 1e-9) == (N * (3 - K) < 2 * K - 1e-9)


@pytest.mark.claim("sixty-degrees")
@pytest.mark.parametrize("product", [0.3, 0.45, 0.49, 0.51, 0.6, 0.8, 0.95])
def test_two_atoms_have_two_pairs_of_minimisers_up_to_sixty_degrees(product):
    beta = np.arccos(product) / 2
    A = np.array([[np.cos(beta), np.cos(beta)], [np.sin(beta), -np.sin(beta)]])
    assert np.linalg.norm(A @ A.T, 2) == pytest.approx(1 + product)
    angles = np.linspace(0, np.pi, 20_001)[:-1]
    alpha = np.cos(angles - beta) ** 4 + np.cos(angles + beta) ** 4
    formula = 3 / 4 + product * np.cos(2 * angles) + (2 * product**2 - 1) / 4 * np.cos(4 * angles)
    assert alpha == pytest.approx(formula)
    pairs = np.sum((alpha > np.roll(alpha, 1)) & (alpha > np.roll(alpha, -1)))
    assert pairs == (2 if product < 0.5 else 1)
    check_spectrum(A, np.array([1.0, 0.0]), (1 + product) ** 2 / 2, {(1 + product) * (2 * product - 1): 1})


@pytest.mark.claim("quadric-family")
@pytest.mark.parametrize("e", [1, 2, 3, 4])
def test_quadric_family_attains_the_threshold_with_a_degenerate_point(e):
    N = 2**e
    A = quadric_frame(e)
    report = frame_report(A)
    assert np.linalg.matrix_rank(A.T @ A) == report.n == (N + 1) * (N + 2) // 6
    assert pytest.approx(3 * N / (N + 2)) == report.K
    assert report.coherence == pytest.approx(1 - report.K / 3)
    assert report.coherence == pytest.approx(report.welch)
    q = normalised(A[:, :N].sum(axis=1))
    K = report.K
    check_spectrum(A, q, K * K / N, {0.0: N - 1, K * K / N: report.n - N})
    assert np.max((A.T @ q) ** 2) == pytest.approx(3 / (N + 2))


@pytest.mark.claim("quadric-family")
@pytest.mark.parametrize("e", [2, 3])
def test_the_degenerate_point_of_the_quadric_is_a_saddle(e):
    """Along minus an atom's direction the cubic term wins: the value of α rises above that of the point."""
    N = 2**e
    A = quadric_frame(e)
    q = normalised(A[:, :N].sum(axis=1))
    d = normalised(A[:, 0] - q * (q @ A[:, 0]))
    t = np.linspace(-0.2, 0.2, 81)
    alpha = np.sum((A.T @ (np.outer(q, np.cos(t)) + np.outer(d, np.sin(t)))) ** 4, axis=0)
    assert alpha.max() > np.sum((A.T @ q) ** 4) + 1e-6


@pytest.mark.claim("unbiased-bases")
@pytest.mark.parametrize(
    ("n", "R", "expected"),
    [
        (16, 3, {0.0: 9, 0.75: 6}),
        (16, 4, {0.25: 12, 1.0: 3}),
        (16, 5, {0.5: 15}),
        (64, 4, {1 / 8: 28, 1 / 2: 35}),
        (64, 9, {6 / 8: 63}),
        (16, 2, {-0.25: 6, 0.5: 9}),
        (4, 3, {0.0: 3}),
    ],
)
def test_unbiased_bases_have_the_stated_spectrum(n, R, expected):
    A = unbiased_bases(n, R)
    q = np.zeros(n)
    q[: round(n**0.5)] = n**-0.25
    assert coherence(A) == pytest.approx(n**-0.5)
    assert np.max((A.T @ q) ** 2) == pytest.approx(n**-0.5)
    check_spectrum(A, q, R * n**-0.5, expected)


@pytest.mark.claim("unbiased-bases")
def test_a_start_near_the_spurious_point_of_four_bases_stays_there():
    A = unbiased_bases(64, 4)
    q = np.zeros(64)
    q[:8] = 8**-0.5
    rng = np.random.default_rng(0)
    starts = q[:, None] + 0.02 * rng.standard_normal((64, 20))
    ends = solve(phi_T(A), starts / np.linalg.norm(starts, axis=0)).Q
    assert np.abs(q @ ends).min() > 1 - 1e-9


@pytest.mark.claim("planted-simplex")
@pytest.mark.parametrize(("K", "n"), [(3, 6), (3, 40), (4, 40), (5, 30)])
def test_planted_simplex_keeps_its_promise(K, n):
    bound = max((K - 1) / (n - 1), 2 * np.sqrt(np.log(K * n) / (n - 1)))
    A = min((planted_simplex(n, K, rng=np.random.default_rng(s)) for s in range(4)), key=coherence)
    assert coherence(A) <= bound
    q = np.eye(n)[0]
    smallest = spectrum(A, q)[2][0]
    gamma = (K - 1) / (n - 1)
    assert smallest == pytest.approx((1 - 3 * (1 - gamma) / K) * K * K / n)
    assert smallest > 0
    assert np.max((A.T @ q) ** 2) == pytest.approx(K / n)
    assert K / n <= 0.5


@pytest.mark.claim("planted-simplex")
def test_the_tail_bound_of_one_coordinate():
    """Even moments of a coordinate on the sphere in R^d against those of a Gaussian of variance 1/d."""
    for d in (2, 3, 10):
        sphere = gauss = 1.0
        for k in range(1, 20):
            sphere *= (2 * k - 1) / (d + 2 * k - 2)
            gauss *= (2 * k - 1) / d
            assert sphere <= gauss * (1 + 1e-12)


@pytest.mark.parametrize("A", [mercedes_benz(), icosahedron()], ids=["three lines", "icosahedron"])
def test_flat_designs_are_degenerate_everywhere(A):
    for q in random_points(A.shape[0], 20, rng=np.random.default_rng(0)).T:
        alpha, residual, curvatures = spectrum(A, q)
        assert residual < 1e-12
        assert curvatures == pytest.approx(0, abs=1e-12)
        assert alpha == pytest.approx(3 * A.shape[1] / A.shape[0] / (A.shape[0] + 2))
    assert coherence(A) >= 1 - A.shape[1] / A.shape[0] / 3 - 1e-12


@pytest.mark.claim("sixty-degrees")
def test_a_tight_frame_at_three_halves_with_a_strict_degenerate_minimiser():
    """Two atoms at 60 degrees inside a tight frame: the point between them is a minimiser of no atom."""
    q, d = np.eye(4)[:2]
    turn = np.arange(4) * np.pi / 2
    others = np.vstack([np.zeros(4), np.full(4, 0.5), np.sqrt(0.75) * np.cos(turn), np.sqrt(0.75) * np.sin(turn)])
    A = np.column_stack([np.sqrt(0.75) * q + d / 2, np.sqrt(0.75) * q - d / 2, others])
    assert frame_report(A).is_untf(1e-12)
    check_spectrum(A, q, 9 / 8, {0.0: 1, 9 / 8: 2})
    near = q[:, None] + 0.1 * random_points(4, 400, rng=np.random.default_rng(0))
    near /= np.linalg.norm(near, axis=0)
    assert np.sum((A.T @ near) ** 4, axis=0).max() < 9 / 8


@pytest.mark.claim("half-cube")
def test_the_complementary_frame_is_benign():
    """The control: the same sixteen-point structure with K = 8/5 and μ = 1/5, inside the theorem."""
    P = half_cube(6).T @ half_cube(6) * 3 / 8
    A = np.linalg.eigh(np.eye(16) - P)[1][:, 6:].T
    A = A / np.linalg.norm(A, axis=0)
    report = frame_report(A)
    assert (report.n, report.m) == (10, 16)
    assert report.coherence == pytest.approx(1 / 5)
    ends = solve(phi_T(A), random_points(10, 400, rng=np.random.default_rng(2))).Q
    assert np.abs(A.T @ ends).max(axis=0).min() > 0.95
