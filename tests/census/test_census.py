"""The census: closed forms, published tensors, invariances, independent searches, and what must be refused."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from l4lib.census import IncompleteCensusError, census, census_tensor, distinct, eigenvector_count, start_vectors, track
from l4lib.census.homotopy import _jacobian, _pairs, _Pencil, _series
from l4lib.data import frames
from l4lib.quartic import phi_T


def quartic_tensor(A, weights):
    return np.einsum("r,ir,jr,kr,lr->ijkl", weights, A, A, A, A)


def symmetric_tensor(n, entries):
    """From entries such as {"1123": 0.5}, with indices counted from 1."""
    T = np.zeros((n,) * 4)
    for indices, value in entries.items():
        for p in itertools.permutations(int(i) - 1 for i in indices):
            T[p] = value
    return T


def signature(c):
    """(α, index) of all points, in an order that does not depend on rounding."""
    return sorted(zip(c.alpha.round(8).tolist(), c.index.tolist(), strict=True))


# --- generic dictionaries: counts and checks -------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.claim("census-complete")
def test_counts_euler_and_residuals_of_random_dictionaries(n, seed):
    rng = np.random.default_rng([n, seed])
    m = int(rng.integers(n + 1, 2 * n + 1)) if n > 2 else 2 * n
    for A in (frames.random_untf(n, m, rng=rng), frames.random_unit(n, m, rng=rng)):
        if frames.frame_report(A).is_untf() and m == n + 1 and m % 3 == 0:
            continue  # a simplex with 3 | m has continua of critical points: see below
        c = census(A, rng=rng)
        assert c.complete, c.objections
        assert c.found == c.expected == c.paths.regular == (3**n - 1) // 2
        assert (c.paths.failed, c.paths.repeated, c.paths.singular, c.paths.continuum) == (0, 0, 0, 0)
        assert c.euler == c.euler_expected == (2 if n % 2 else 0)
        assert c.residuals.max() <= 1e-14
        assert c.closed
        assert (c.found - c.real) % 2 == 0
        assert c.minimisers.shape[1] >= 1


@pytest.mark.parametrize(("n", "m"), [(6, 12), (7, 9), (8, 13)])
@pytest.mark.claim("census-complete")
def test_larger_dictionaries_lose_no_path(n, m):
    rng = np.random.default_rng(n)
    c = census(frames.random_untf(n, m, rng=rng), rng=rng).require_complete()
    assert c.paths.retracked == 0
    assert c.residuals.max() <= 1e-14


def test_every_point_is_critical_with_the_index_of_the_objective():
    rng = np.random.default_rng(3)
    A = frames.random_untf(4, 7, rng=rng)
    c = census(A, rng=rng).require_complete()
    phi = phi_T(A)
    assert np.linalg.norm(phi.gradient(c.points), axis=0).max() < 1e-14
    np.testing.assert_allclose(phi.value(c.points), c.value, atol=1e-14)
    for k in range(c.real):
        np.testing.assert_allclose(phi.curvatures(c.points[:, k]), c.spectrum[:, k], atol=1e-12)
        assert c.index[k] == np.sum(phi.curvatures(c.points[:, k]) < 0)
    np.testing.assert_allclose(c.lambda_min, c.spectrum[0])
    # complex solutions satisfy the equation in the stated normalisation
    residual = A @ (A.T @ c.solutions) ** 3 - c.eigenvalues * c.solutions
    assert np.abs(residual).max() < 1e-11
    np.testing.assert_allclose(np.sum(c.solutions**2, axis=0), 1.0, atol=1e-10)


def test_the_points_are_split_by_index():
    rng = np.random.default_rng(4)
    c = census(frames.random_untf(4, 6, rng=rng), rng=rng).require_complete()
    sizes = [part.shape[1] for part in (c.minimisers, c.saddles, c.maximisers)]
    assert sizes == [int(np.sum(c.index == 0)), int(np.sum((c.index == 1) | (c.index == 2))), int(np.sum(c.index == 3))]
    assert sum(sizes) == c.real


def _real_newton(A, q, iterations=60):
    """Newton's method on the bordered real system, written independently of the library."""
    n = q.size
    for _ in range(iterations):
        z = A.T @ q
        lam = np.sum(z**4)
        J = np.zeros((n + 1, n + 1))
        J[:n, :n] = 3.0 * (A * z**2) @ A.T - lam * np.eye(n)
        J[:n, n], J[n, :n] = -q, q
        step = np.linalg.lstsq(J, np.append(A @ z**3 - lam * q, 0.0), rcond=None)[0]
        q = q - step[:n]
        q /= np.linalg.norm(q)
    z = A.T @ q
    return q if np.linalg.norm(A @ z**3 - np.sum(z**4) * q) < 1e-12 else None


@pytest.mark.parametrize(("n", "m", "seed"), [(3, 5, 0), (4, 7, 1), (5, 7, 2)])
@pytest.mark.claim("census-full-list")
def test_newton_from_many_starts_never_finds_a_point_outside_the_census(n, m, seed):
    rng = np.random.default_rng(seed)
    A = frames.random_untf(n, m, rng=rng)
    c = census(A, rng=rng).require_complete()
    seen = set()
    for start in rng.standard_normal((400, n)):
        q = _real_newton(A, start / np.linalg.norm(start))
        if q is not None:
            match = np.abs(c.points.T @ q)
            assert match.max() > 1 - 1e-9
            seen.add(int(match.argmax()))
    assert len(seen) >= 0.8 * c.real  # the search itself is a serious one


# --- closed forms ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_orthogonal_dictionary_in_closed_form(n):
    """q ∝ Q t with t in {0, ±1}ⁿ, α = 1/k and index k − 1 for k nonzero entries, spectrum −2/k and 1/k."""
    rng = np.random.default_rng(n)
    Q = frames.orthogonal(n, rng=rng)
    c = census(Q, rng=rng).require_complete()
    assert c.real == c.found
    T = Q.T @ c.points
    k = np.sum(np.abs(T) > 1e-9, axis=0)
    digits = (T * np.sqrt(k)).round(12)
    assert set(np.unique(np.abs(digits))) <= {0.0, 1.0}
    lines = {tuple(t if t[np.flatnonzero(t)[0]] > 0 else -t) for t in digits.T}
    assert len(lines) == eigenvector_count(n)
    np.testing.assert_allclose(c.alpha, 1.0 / k, atol=1e-14)
    np.testing.assert_array_equal(c.index, k - 1)
    for j in range(c.real):
        expected = np.r_[np.full(k[j] - 1, -2.0 / k[j]), np.full(n - k[j], 1.0 / k[j])]
        np.testing.assert_allclose(c.spectrum[:, j], expected, atol=1e-13)
    assert c.is_benign(0.99)


def test_weighted_orthogonal_dictionary_with_both_signs():
    """Σ w_i q_i⁴ has q_i² = λ/w_i on the support: real where all those w_i have the sign of λ."""
    w = np.array([1.0, 2.0, -3.0])
    c = census(np.eye(3), w, rng=np.random.default_rng(0)).require_complete()
    # λI − 3 diag(w q²) on the tangent space: w_i twice at e_i; −2λ and λ at the two points between e_1 and e_2.
    between = 1.0 / (1.0 / 1.0 + 1.0 / 2.0)
    expected = [(1.0, 0), (2.0, 0), (-3.0, 2), (between, 1), (between, 1)]
    assert signature(c) == sorted((round(alpha, 8), index) for alpha, index in expected)


def test_simplex_with_a_number_of_atoms_divisible_by_three_has_continua():
    """ζ with m/3 entries at each root of z³ − az + b sums to zero for every b: a curve of critical points.

    For m = 6 there are 15 partitions of the atoms into three pairs, each with a projective line of eigenvectors that
    the count (3⁵ − 1)/2 = 121 takes for 6; the other 31 are the signs patterns with at most two values.
    """
    A = frames.simplex(5)
    c = census(A, rng=np.random.default_rng(0))
    assert not c.complete
    assert (c.found, c.real) == (31, 31)
    assert c.paths.continuum == 90
    assert c.singular.continuum.all()
    assert c.euler != c.euler_expected or "continuum" in " ".join(c.objections)
    # the curve is real: exhibit it
    t = np.linspace(0.0, 1.0, 7)
    roots = np.cos(t[:, None] + 2.0 * np.pi * np.arange(3) / 3.0)  # sum zero, sum of products constant
    q = A @ np.repeat(roots, 2, axis=1).T
    q /= np.linalg.norm(q, axis=0)
    assert np.linalg.norm(phi_T(A).gradient(q), axis=0).max() < 1e-14
    assert np.abs(q.T @ q)[0, 1:].max() < 0.999  # different points
    with pytest.raises(IncompleteCensusError, match="continuum") as error:
        c.is_benign()
    assert error.value.census is c


# --- published tensors -----------------------------------------------------------------------------------------------

# Example 1 of E. Kofidis and P. A. Regalia, SIAM J. Matrix Anal. Appl. 23 (2002), 863–884; the entries were compared
# with those in the documentation of the MATLAB Tensor Toolbox (page "Shifted Symmetric Higher-order Power Method").
KOFIDIS_REGALIA = {
    "1111": 0.2883, "1112": -0.0031, "1113": 0.1973, "1122": -0.2485, "1123": -0.2939, "1133": 0.3847,
    "1222": 0.2972, "1223": 0.1862, "1233": 0.0919, "1333": -0.3619, "2222": 0.1241, "2223": -0.3420,
    "2233": 0.2127, "2333": 0.2727, "3333": -0.3054,
}  # fmt: skip
# Its eleven real Z-eigenpairs in T. G. Kolda and J. R. Mayo, SIAM J. Matrix Anal. Appl. 32 (2011), with the index that
# goes with their classification (negative stable: a minimiser of φ; positive stable: a maximiser; unstable: a saddle).
KOLDA_MAYO = [
    (0.8893, (0.6672, 0.2471, -0.7027), 0),
    (0.8169, (0.8412, -0.2635, 0.4722), 0),
    (0.5105, (0.3598, -0.7780, 0.5150), 1),
    (0.3633, (0.2676, 0.6447, 0.7160), 0),
    (0.2682, (0.6099, 0.4362, 0.6616), 1),
    (0.2628, (0.1318, -0.4425, -0.8870), 1),
    (0.2433, (0.9895, 0.0947, -0.1088), 1),
    (0.1735, (0.3357, 0.9073, 0.2531), 1),
    (-0.0451, (0.7797, 0.6135, 0.1250), 2),
    (-0.5629, (0.1762, -0.1796, 0.9678), 2),
    (-1.0954, (0.5915, -0.7467, -0.3043), 2),
]


@pytest.mark.claim("census-published")
def test_the_tensor_of_kofidis_and_regalia_has_the_published_eigenpairs():
    c = census_tensor(symmetric_tensor(3, KOFIDIS_REGALIA), rng=np.random.default_rng(0)).require_complete()
    assert (c.found, c.real) == (13, 11)
    for (lam, x, index), alpha, q, found in zip(KOLDA_MAYO, c.alpha, c.points.T, c.index, strict=True):
        assert alpha == pytest.approx(lam, abs=6e-5)
        np.testing.assert_allclose(q * np.sign(q @ np.array(x)), x, atol=1e-4)
        assert found == index


@pytest.mark.parametrize(
    ("c", "published"),
    [
        (np.tan(np.arange(1.0, 6.0)), (34.5304, -101.1994)),
        (np.arctan((-1.0) ** np.arange(1, 6) * np.arange(1, 6) / 5.0), (13.0779, -23.5741)),
    ],
)
def test_the_sum_tensors_of_cui_dai_and_nie(c, published):
    """T_ijkl = c_i + c_j + c_k + c_l, n = 5: C.-F. Cui, Y.-H. Dai and J. Nie, SIAM J. Matrix Anal. Appl. 35 (2014).

    As T q⁴ = 4 (cᵀq)(1ᵀq)³ depends on two directions only, the five-dimensional census refuses it and says so.
    In the plane of c and 1 there are two real nondegenerate pairs, the published extreme eigenvalues; the published
    third one, 0, belongs to 1ᵀq = 0, where two of the four paths meet.
    """
    one = np.ones(5)
    T = sum(np.einsum("i,j,k,l->ijkl", *[c if s == t else one for s in range(4)]) for t in range(4))
    with pytest.raises(ValueError, match="depends on 2 of 5 dimensions"):
        census_tensor(T, rng=np.random.default_rng(0))
    U = np.linalg.qr(np.column_stack([c, one]))[0]
    found = census_tensor(np.einsum("ijkl,ia,jb,kc,ld->abcd", T, U, U, U, U), rng=np.random.default_rng(0))
    np.testing.assert_allclose(found.alpha, published, atol=6e-5)
    assert not found.complete
    assert (found.paths.regular, found.paths.singular, found.paths.failed) == (2, 2, 0)
    np.testing.assert_allclose(found.singular.eigenvalues, 0.0, atol=1e-9)
    assert np.abs(one @ U @ found.singular.solutions).max() < 1e-3


# --- other routes to the same census ---------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 4])
def test_dense_tensor_and_atoms_give_the_same_census(n):
    rng = np.random.default_rng(n)
    A, w = rng.standard_normal((n, n + 2)), rng.standard_normal(n + 2)
    by_atoms = census(A, w, rng=rng).require_complete()
    by_tensor = census_tensor(quartic_tensor(A, w), rng=rng).require_complete()
    np.testing.assert_allclose(by_tensor.alpha, by_atoms.alpha, rtol=1e-11, atol=1e-12)
    np.testing.assert_array_equal(by_tensor.index, by_atoms.index)
    assert np.abs(np.sum(by_tensor.points * by_atoms.points, axis=0)) == pytest.approx(1.0, abs=1e-12)
    assert by_tensor.from_tensor
    with pytest.raises(ValueError, match="has no atoms"):
        by_tensor.is_benign()


def test_many_columns_are_condensed_without_a_trace():
    """More columns than symmetric tensors have dimensions (data as atoms) take the condensed route."""
    rng = np.random.default_rng(0)
    Y = rng.standard_normal((3, 3)) @ (rng.standard_normal((3, 2000)) ** 3)
    w = np.full(2000, 1e-6)
    c = census(Y, w, rng=rng).require_complete()
    assert c.residuals.max() < 1e-14
    direct = census_tensor(quartic_tensor(Y, w), rng=rng).require_complete()
    np.testing.assert_allclose(c.alpha, direct.alpha, rtol=1e-10)
    assert c.A.shape == (3, 2000)


def test_repeated_and_parallel_atoms_add_up_to_a_weight():
    rng = np.random.default_rng(8)
    A = frames.random_unit(3, 4, rng=rng)
    repeated = census(np.column_stack([A, A[:, 0], -0.5 * A[:, 0]]), rng=rng).require_complete()
    weighted = census(A, [1.0 + 1.0 + 0.5**4, 1.0, 1.0, 1.0], rng=rng).require_complete()
    np.testing.assert_allclose(repeated.alpha, weighted.alpha, atol=1e-12)
    np.testing.assert_array_equal(repeated.index, weighted.index)
    assert census(np.hstack([np.eye(3), -np.eye(3)]), rng=rng).is_benign()  # two equal atoms are one target


def test_an_atom_of_weight_zero_takes_no_part():
    rng = np.random.default_rng(9)
    A = frames.random_unit(3, 5, rng=rng)
    a = census(A, [1.0, 1.0, 1.0, 1.0, 0.0], rng=rng).require_complete()
    b = census(A[:, :4], rng=rng).require_complete()
    assert signature(a) == signature(b)
    assert census(np.column_stack([np.eye(3), np.ones(3)]), [1, 1, 1, 0], rng=rng).is_benign()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31), n=st.integers(2, 4), signed=st.booleans())
def test_rotations_signs_and_order_of_the_atoms_do_not_matter(seed, n, signed):
    rng = np.random.default_rng(seed)
    m = n + 3
    A = frames.random_unit(n, m, rng=rng)
    w = rng.standard_normal(m) if signed else np.ones(m)
    order, sign = rng.permutation(m), rng.choice([-1.0, 1.0], m)
    a = census(A, w, rng=rng)
    b = census(frames.orthogonal(n, rng=rng) @ A[:, order] * sign, w[order], rng=rng)
    assert a.complete == b.complete
    if a.complete:
        np.testing.assert_allclose(np.sort(a.eigenvalues.real), np.sort(b.eigenvalues.real), rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(np.sort(a.alpha), np.sort(b.alpha), atol=1e-9)
        assert np.bincount(a.index).tolist() == np.bincount(b.index).tolist()


def test_scaling_the_weights_scales_the_eigenvalues_and_flipping_them_turns_the_landscape_over():
    rng = np.random.default_rng(10)
    A, w = frames.random_unit(4, 6, rng=rng), rng.standard_normal(6)
    c = census(A, w, rng=rng).require_complete()
    big = census(A, 1e6 * w, rng=rng).require_complete()
    np.testing.assert_allclose(big.alpha, 1e6 * c.alpha, rtol=1e-9, atol=1e-6)
    np.testing.assert_array_equal(big.index, c.index)
    over = census(A, -w, rng=rng).require_complete()
    np.testing.assert_allclose(over.alpha, -c.alpha[::-1], atol=1e-12)
    np.testing.assert_array_equal(over.index, 3 - c.index[::-1])


def test_threads_do_not_change_the_result():
    A = frames.random_untf(6, 9, rng=np.random.default_rng(0))
    one, two = (census(A, rng=np.random.default_rng(1), workers=k) for k in (1, 2))
    np.testing.assert_array_equal(one.solutions, two.solutions)


# --- degenerate input is never called complete -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "A",
    [
        frames.mercedes_benz(),
        frames.icosahedron(),
        frames.direct_sum(frames.mercedes_benz(), np.eye(1)),
        frames.direct_sum(frames.mercedes_benz(), frames.mercedes_benz()),
    ],
    ids=["three lines", "icosahedron", "three lines + one", "three + three lines"],
)
@pytest.mark.claim("census-full-list")
def test_continua_are_found_out(A):
    c = census(A, rng=np.random.default_rng(0))
    assert not c.complete
    assert c.paths.continuum == c.expected - c.paths.regular > 0
    with pytest.raises(IncompleteCensusError, match="end on a continuum"):
        c.require_complete()


def test_an_isolated_degenerate_point_is_told_from_a_continuum():
    """cos⁴ on top of a constant: e₁ is a strict minimiser; at e₂ all derivatives up to the third vanish."""
    A = np.column_stack([frames.mercedes_benz(), [1.0, 0.0]])
    c = census(A, rng=np.random.default_rng(0))
    assert not c.complete
    assert (c.found, c.paths.singular, c.paths.continuum, c.paths.failed) == (1, 3, 0, 0)
    np.testing.assert_allclose(np.abs(c.points), [[1.0], [0.0]], atol=1e-12)
    np.testing.assert_allclose(np.abs(c.singular.solutions), [[0.0] * 3, [1.0] * 3], atol=1e-2)


def test_a_nearly_degenerate_dictionary_is_resolved_or_refused():
    base = frames.icosahedron()
    outcome = []
    for epsilon in (1e-2, 1e-4, 1e-9):
        A = np.column_stack([base, epsilon**0.25 * np.eye(3) * np.array([1.0, 1.2, 1.4])])
        c = census(A, rng=np.random.default_rng(1))
        outcome.append(c.complete)
        assert c.complete == (c.found == 13 and c.euler == 2 and not c.degenerate.any())
    assert outcome == [True, True, False]


# --- a census checks itself ------------------------------------------------------------------------------------------


class Saboteur:
    """Stands in for the tracker: some paths jump to the end of another, others stop half-way."""

    def __init__(self, jumps, stops, times):
        self.jumps, self.stops, self.times = jumps, stops, times

    def __call__(self, A, weights, gamma, indices=None, **options):
        tracks = track(A, weights, gamma, indices, **options)
        paths = np.arange(tracks.s.size) if indices is None else np.asarray(indices) - 1
        q, s = tracks.q.copy(), tracks.s.copy()
        if self.times:
            self.times -= 1
            for path in self.jumps:
                q[:, paths == path] = track(A, weights, gamma, np.array([path + 2])).q
            s[np.isin(paths, self.stops)] = 0.5
        return dataclasses.replace(tracks, q=q, s=s)


def test_jumped_and_lost_paths_are_followed_again(monkeypatch):
    A = frames.random_unit(4, 6, rng=np.random.default_rng(0))
    reference = census(A, rng=np.random.default_rng(1)).require_complete()
    assert reference.paths.retracked == 0
    monkeypatch.setattr("l4lib.census.enumeration.track", Saboteur(jumps=[5, 17], stops=[30], times=1))
    c = census(A, rng=np.random.default_rng(1)).require_complete()
    assert (c.paths.retracked, c.paths.attempts) == (5, 1)  # both parties of a collision, and the lost one
    assert signature(c) == signature(reference)


def test_a_second_homotopy_makes_up_for_a_first_that_cannot_be_repaired(monkeypatch):
    A = frames.random_unit(4, 6, rng=np.random.default_rng(0))
    monkeypatch.setattr("l4lib.census.enumeration.track", Saboteur(jumps=[5], stops=[30], times=3))
    c = census(A, rng=np.random.default_rng(1)).require_complete()
    assert c.paths.attempts == 2


def test_what_cannot_be_repaired_is_said(monkeypatch):
    """Eleven paths are lost each time and one jumps: three homotopies find at most three solutions."""
    A = frames.random_unit(3, 5, rng=np.random.default_rng(0))
    monkeypatch.setattr("l4lib.census.enumeration.track", Saboteur(jumps=[0], stops=list(range(2, 13)), times=10**9))
    c = census(A, rng=np.random.default_rng(1))
    p = c.paths
    assert (p.attempts, p.regular, p.repeated, p.failed, p.total) == (3, 1, 1, 11, 13)
    assert 1 <= c.found <= 3
    with pytest.raises(IncompleteCensusError, match="11 of 13 paths could not be followed to their end; 1 of 13 paths"):
        c.require_complete()


@pytest.mark.parametrize("tol", [0.9, 1e-2, 1e-8])
def test_the_tolerance_of_the_predictor_does_not_matter(tol):
    A = frames.random_untf(5, 8, rng=np.random.default_rng(0))
    reference = census(A, rng=np.random.default_rng(1)).require_complete()
    assert signature(census(A, rng=np.random.default_rng(1), tol=tol).require_complete()) == signature(reference)


@pytest.mark.claim("census-complete")
def test_each_check_can_fail():
    rng = np.random.default_rng(2)
    c = census(frames.random_unit(3, 5, rng=rng), rng=rng).require_complete()
    lost = dataclasses.replace(c, solutions=c.solutions[:, 1:])
    wrong_index = dataclasses.replace(c, index=np.where(np.arange(c.real) == 0, c.index + 1, c.index))
    not_closed = dataclasses.replace(c, closed=False)
    flat = dataclasses.replace(c, degenerate=np.ones(c.real, dtype=bool))
    rough = dataclasses.replace(c, residuals=c.residuals + 1e-9)
    for spoiled, words in [
        (lost, "12 nondegenerate solutions were found where a generic quartic has 13"),
        (wrong_index, "not to the Euler characteristic 2"),
        (not_closed, "complex conjugate"),
        (flat, "too close to zero"),
        (rough, "largest residual"),
    ]:
        assert not spoiled.complete
        with pytest.raises(IncompleteCensusError, match=words):
            spoiled.require_complete()


def test_benign_and_not_benign():
    rng = np.random.default_rng(0)
    assert census(frames.simplex(4), rng=rng).is_benign(0.95)
    assert census(frames.identity_hadamard(4), rng=rng).is_benign(0.9)
    crowded = census(frames.random_unit(2, 9, rng=rng), rng=rng).require_complete()
    assert crowded.minimisers.shape[1] < 9  # there is room for at most two pairs of minimisers on the circle
    assert not crowded.is_benign()
    tilted = census([[1.0, 0.4], [0.0, 0.84**0.5]], rng=rng).require_complete()
    assert tilted.is_benign(0.9)
    assert not tilted.is_benign(0.9999)  # one minimiser for each atom, but not exactly there
    negative = census(np.eye(3), [1.0, 1.0, -1.0], rng=rng).require_complete()
    assert negative.is_benign()  # an atom of negative weight is no target


def test_table():
    c = census(np.eye(2), rng=np.random.default_rng(0))
    table = c.to_frame()
    assert table["index"].tolist() == [0, 0, 1, 1]
    np.testing.assert_allclose(table["value"], -table["alpha"] / 4)
    np.testing.assert_allclose(table["correlation"], [1, 1, 0.5**0.5, 0.5**0.5])
    np.testing.assert_allclose(table["lambda_min"], [1, 1, -1, -1], atol=1e-14)


def test_dimension_one():
    c = census([[2.0, -1.0]], [1.0, -3.0], rng=np.random.default_rng(0)).require_complete()
    assert (c.real, c.euler, c.index.tolist(), c.spectrum.shape) == (1, 2, [0], (0, 1))
    np.testing.assert_allclose(c.alpha, [16.0 - 3.0])
    assert c.lambda_min.tolist() == [np.inf]


# --- refusals --------------------------------------------------------------------------------------------------------

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: census(np.eye(12), rng=RNG), ValueError, r"265720 solutions to follow, more than max_paths = 100000"),
        (lambda: census(np.eye(4), rng=RNG, max_paths=39), ValueError, r"\(3\^4 - 1\)/2 = 40 solutions"),
        (lambda: census(np.eye(4)[:, :3], rng=RNG), ValueError, "depends on 3 of 4 dimensions"),
        (lambda: census(np.eye(3), [1, 1, 0], rng=RNG), ValueError, "depends on 2 of 3 dimensions"),
        (lambda: census([[1.0, 0.0], [0.0, 0.0]], rng=RNG), ValueError, "zero column"),
        (lambda: census(np.eye(2), [0, 0], rng=RNG), ValueError, "vanishes identically"),
        (lambda: census(np.hstack([np.eye(2)] * 2), [1, 1, -1, -1], rng=RNG), ValueError, "vanishes identically"),
        (lambda: census(np.eye(2), [1, 1, 1], rng=RNG), ValueError, r"weights: expected shape \(2,\)"),
        (lambda: census([[np.nan]], rng=RNG), ValueError, "NaN"),
        (lambda: census(np.eye(2), rng=0), TypeError, "Generator"),
        (lambda: census(np.eye(2), rng=RNG, tol=2.0), ValueError, "tol"),
        (lambda: census(np.eye(2), rng=RNG, workers=0), ValueError, "workers"),
        (lambda: census_tensor(np.zeros((2, 2, 2)), rng=RNG), ValueError, r"T: expected shape \(n, n, n, n\)"),
        (lambda: census_tensor(np.ones((2, 2, 2, 3)), rng=RNG), ValueError, r"T: expected shape \(n, n, n, n\)"),
        (lambda: census_tensor(np.arange(16.0).reshape(2, 2, 2, 2), rng=RNG), ValueError, "symmetric"),
        (lambda: census_tensor(np.zeros((2, 2, 2, 2)), rng=RNG), ValueError, "vanishes identically"),
        (lambda: census_tensor(np.ones((3, 3, 3, 3)), rng=RNG, max_paths=3), ValueError, "13 solutions to follow"),
        (lambda: census(np.eye(2), rng=RNG).is_benign(1.5), ValueError, "correlation"),
    ],
)
def test_refusals_say_what_came_and_what_was_wanted(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_progress_bar_counts_the_paths(capsys):
    census(np.eye(3), rng=np.random.default_rng(0), progress=True)
    assert "13/13" in capsys.readouterr().err
    census(np.eye(3), rng=np.random.default_rng(0))
    assert capsys.readouterr().err == ""


# --- the tracker -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_start_vectors_are_all_sign_patterns_once(n):
    T = start_vectors(n, np.arange(1, eigenvector_count(n) + 1))
    patterns = {tuple(t) for t in T.T} | {tuple(-t) for t in T.T}
    assert patterns == set(itertools.product((-1.0, 0.0, 1.0), repeat=n)) - {(0.0,) * n}


def test_taylor_series_of_a_path_has_the_slope_of_its_order():
    """The residual of the truncated series decays as h^(order + 1)."""
    rng = np.random.default_rng(0)
    n, m = 4, 6
    A, w = rng.standard_normal((n, m)), rng.standard_normal(m)
    gamma = np.exp(1.3j)
    pencil = _Pencil(A, w, gamma)
    T = start_vectors(n, np.arange(1, 41))
    k = np.sum(np.abs(T), axis=0)
    q, lam = (T / np.sqrt(k)).astype(complex), gamma / k.astype(complex)
    d = pencil.d0 + np.zeros(40) * pencil.d1
    zeta = pencil.B.T @ q
    inverse = np.linalg.inv(_jacobian(pencil.pairs, q, lam, 3.0 * d * zeta**2))[:, :, :n]
    for order in (2, 3, 6):
        Q, L = _series(pencil, inverse, q, lam, d, order)
        residual = []
        for h in (1e-2, 5e-3):
            x, mu = (sum(C[j] * h**j for j in range(order + 1)) for C in (Q, L))
            F = (1 - h) * gamma * x**3 + h * A @ (w[:, None] * (A.T @ x) ** 3)
            residual.append(np.linalg.norm(F - mu * x))
        slope = np.log2(residual[0] / residual[1])
        assert slope == pytest.approx(order + 1, abs=0.25)


def test_paths_end_at_solutions_whatever_the_size_of_the_tile():
    rng = np.random.default_rng(1)
    A = frames.random_unit(4, 6, rng=rng)
    small, large = (track(A, np.ones(6), np.exp(2j), tile=tile) for tile in (7, 256))
    assert small.arrived.all()
    np.testing.assert_allclose(small.q, large.q, atol=1e-9)
    end = A @ (A.T @ large.q) ** 3 - large.lam * large.q
    assert np.abs(end).max() < 1e-5  # the last 1e-8 of the way is Newton's
    np.testing.assert_allclose(np.linalg.norm(large.q, axis=0), 1.0, atol=1e-6)


def test_an_ill_conditioned_end_costs_few_steps():
    """Series made with the inverse of the predicted point instead of the corrected one need six times as many."""
    A = np.column_stack([frames.icosahedron(), 0.1 * np.eye(3) * np.array([1.0, 1.2, 1.4])])
    tracks = track(frames.orthogonal(3, rng=np.random.default_rng(0)) @ A, np.full(9, 0.6), np.exp(1j))
    assert tracks.arrived.all()
    assert tracks.steps.max() < 100


def test_jacobian_by_finite_differences():
    rng = np.random.default_rng(2)
    A, w = rng.standard_normal((3, 5)), rng.standard_normal(5)
    q, v = (rng.standard_normal((3, 1)) + 1j * rng.standard_normal((3, 1)) for _ in range(2))
    lam, mu, h = np.array([0.3 + 0.2j]), 0.7 - 0.1j, 1e-6

    def F(t):
        x = q + t * v
        return (A @ (w[:, None] * (A.T @ x) ** 3) - (lam + t * mu) * x)[:, 0]

    J = _jacobian(_pairs(A), q, lam, 3.0 * w[:, None] * (A.T @ q) ** 2)[0]
    derivative = J @ np.append(v[:, 0], mu)
    np.testing.assert_allclose(derivative[:3], (F(h) - F(-h)) / (2 * h), atol=1e-8)
    np.testing.assert_allclose(derivative[3], np.vdot(q[:, 0], v[:, 0]))


def test_lines_are_told_apart_whatever_their_phases():
    rng = np.random.default_rng(3)
    q = rng.standard_normal((3, 4)) + 1j * rng.standard_normal((3, 4))
    q /= np.linalg.norm(q, axis=0)
    phases = np.exp(2j * np.pi * rng.random(8))
    label, conjugate = distinct(np.hstack([q, q]) * phases)
    assert label.tolist() == [0, 1, 2, 3, 0, 1, 2, 3]
    assert (conjugate == -1).all()
    label, conjugate = distinct(np.hstack([q, q.conj()]) * phases)
    assert conjugate.tolist() == [4, 5, 6, 7, 0, 1, 2, 3]


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1e-2, 1e2, 1e40])
def test_a_census_scales_with_the_unit_of_the_atoms(scale):
    """q stays and everything of degree four in A scales, also the order of the points."""
    A = frames.random_untf(4, 6, rng=np.random.default_rng(3))
    one, other = (census(B, rng=np.random.default_rng(0)).require_complete() for B in (A, A * scale))
    assert np.array_equal(one.index, other.index)
    assert np.all(np.diff(other.alpha) <= 1e-9 * other.alpha.max())
    for name in ("alpha", "spectrum", "lambda_min"):
        assert np.allclose(getattr(other, name) / scale**2 / scale**2, getattr(one, name), rtol=1e-9, atol=1e-12)
    assert np.array_equal(other.A, A * scale)


@pytest.mark.parametrize("scale", [1e-200, 1e-12, 1e8, 1e150])
def test_a_census_scales_with_the_unit_of_the_tensor_or_the_weights(scale):
    rng = np.random.default_rng(5)
    A, w = rng.standard_normal((3, 5)), np.array([1.0, 2.0, -0.5, 1.0, 0.3])
    T = np.einsum("ir,jr,kr,lr,r->ijkl", A, A, A, A, w)
    one = census(A, w, rng=np.random.default_rng(0)).require_complete()
    for other in (census_tensor(T * scale, rng=np.random.default_rng(0)), census(A, w * scale, rng=rng)):
        assert other.complete
        assert np.allclose(other.alpha / scale, one.alpha, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: census(np.eye(3) * 1e-90, rng=RNG), "A: expected a scale whose fourth powers"),
        (lambda: census(np.eye(3) * 1e90, rng=RNG), "A: expected a scale whose fourth powers"),
        (lambda: census_tensor(np.ones((2,) * 4) * 1e300, rng=RNG), "T: expected a scale of ordinary numbers"),
        (lambda: census_tensor(np.ones((3,) * 4), rng=RNG), "T: the quartic depends on 1 of 3 dimensions only"),
        (lambda: census_tensor(np.zeros((3,) * 4), rng=RNG), "T: the quartic vanishes"),
        (lambda: census_tensor(np.ones((3,) * 4), rng=RNG, max_paths=3), "T: n = 3 has"),
    ],
)
def test_messages_name_the_argument_that_was_passed(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_advice_for_a_tensor_that_is_not_quite_symmetric_helps():
    T = census_tensor_example() + 1e-8 * np.random.default_rng(0).standard_normal((3,) * 4)
    with pytest.raises(ValueError, match="take the mean of"):
        census_tensor(T, rng=np.random.default_rng(0))
    mean = sum(T.transpose(p) for p in itertools.permutations(range(4))) / 24
    assert census_tensor(mean, rng=np.random.default_rng(0)).complete


def census_tensor_example():
    A = np.random.default_rng(5).standard_normal((3, 5))
    return np.einsum("ir,jr,kr,lr->ijkl", A, A, A, A)
