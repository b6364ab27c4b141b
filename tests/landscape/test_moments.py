"""From sparsity to the fourth power: every moment formula against exact enumeration, symbols and simulation."""

import itertools
from math import exp, lgamma, pi, sqrt

import numpy as np
import pytest
import sympy
from scipy.linalg import hadamard

from l4lib.data import bernoulli_gaussian, data_constant, frames, phi_DL, whitening
from l4lib.landscape import expected_phi_DL, standard_error, support_moments
from l4lib.quartic import inner, phi_T, random_points, tangent

THETAS = [0.05, 0.3, 0.5, 0.9]


def supports(m, theta):
    """All supports with their probabilities."""
    for b in itertools.product([0.0, 1.0], repeat=m):
        b = np.array(b)
        yield b, theta ** b.sum() * (1 - theta) ** (m - b.sum())


def projective_lines():
    """The 35 × 120 equiangular tight frame from the lines of PG(3, 2) and a Hadamard matrix of order 8."""
    points = range(1, 16)
    lines = sorted({tuple(sorted((a, b, a ^ b))) for a in points for b in points if a != b})
    columns = []
    for point in points:
        through = [k for k, line in enumerate(lines) if point in line]
        for signs in hadamard(8)[:, 1:]:
            column = np.zeros(len(lines))
            column[through] = signs / sqrt(7)
            columns.append(column)
    return np.array(columns).T


def conditioned(n, m, condition, rng):
    """A unit-norm dictionary that is not tight."""
    A = rng.standard_normal((n, m)) * np.geomspace(1, condition, n)[:, None]
    return A / np.linalg.norm(A, axis=0)


# Moments


@pytest.mark.claim("bg-fourth-moment")
def test_fourth_moment_symbolically():
    """E(ζᵀx)⁴ by multinomial expansion with E x² = θ, E x⁴ = 3θ, as an identity of polynomials for m = 4."""
    theta, *zeta = sympy.symbols("theta z1:5")
    x = sympy.symbols("x1:5")
    fourth = sympy.Poly(sympy.expand(sum(z * v for z, v in zip(zeta, x, strict=True)) ** 4), *x)
    moment = {0: 1, 1: 0, 2: theta, 3: 0, 4: 3 * theta}
    expectation = sum(c * sympy.prod([moment[k] for k in powers]) for powers, c in fourth.terms())
    alpha, square = sum(z**4 for z in zeta), sum(z**2 for z in zeta)
    assert sympy.expand(expectation - (3 * theta * (1 - theta) * alpha + 3 * theta**2 * square**2)) == 0


@pytest.mark.claim("bg-fourth-moment", "mc-standard-error")
@pytest.mark.parametrize("theta", THETAS)
def test_support_moments_by_enumeration(theta):
    zeta = np.random.default_rng(0).standard_normal((7, 3))
    s = np.zeros((3, 3))
    for b, probability in supports(7, theta):
        v = b @ (zeta * zeta)
        s += probability * np.array([v, v**2, v**4])
    found = support_moments(zeta, theta)
    np.testing.assert_allclose([found.first, found.second, found.fourth], s, rtol=1e-12)


@pytest.mark.claim("bg-fourth-moment", "mc-standard-error")
def test_moments_of_one_coefficient():
    """E x² = θ, E x⁴ = 3θ, E x⁸ = 105θ, and a simulation within 5 standard errors (E x¹⁶ = 15!!·θ)."""
    theta, p = 0.2, 400_000
    s = support_moments(np.array([1.0]), theta)
    assert (s.first, 3 * s.second, 105 * s.fourth) == pytest.approx((theta, 3 * theta, 105 * theta), rel=1e-12)
    x = bernoulli_gaussian(1, p, theta, rng=np.random.default_rng(1))[0]
    for power, mean, square in [(2, theta, 3 * theta), (4, 3 * theta, 105 * theta), (8, 105 * theta, 2027025 * theta)]:
        error = sqrt((square - mean**2) / p)
        assert abs(np.mean(x**power) - mean) < 5 * error


# The population objective


@pytest.mark.claim("expectation-identity")
@pytest.mark.parametrize("theta", THETAS)
@pytest.mark.parametrize("A", [frames.mercedes_benz(), frames.simplex(4), frames.icosahedron()], ids=["2", "4", "3"])
def test_population_objective_by_enumeration(A, theta):
    """E φ_DL = φ_T − θK²/(4(1−θ)), with the expectation summed over all supports."""
    n, m = A.shape
    K = m / n
    Q = random_points(n, 5, rng=np.random.default_rng(2))
    zeta2 = (A.T @ Q) ** 2
    fourth = sum(probability * 3 * (b @ zeta2) ** 2 for b, probability in supports(m, theta))
    closed = phi_T(A).value(Q) - theta * K**2 / (4 * (1 - theta))
    np.testing.assert_allclose(-data_constant(theta) * fourth, closed, rtol=1e-12)
    np.testing.assert_allclose(expected_phi_DL(A, theta, Q), closed, rtol=1e-12)


@pytest.mark.claim("expectation-identity", "mc-standard-error")
@pytest.mark.parametrize("theta", [0.1, 0.5])
def test_population_objective_by_simulation(theta):
    """z-scores of φ_DL with the exact standard error: none beyond 5, and their mean square is one."""
    rng = np.random.default_rng(3)
    A = frames.random_untf(8, 12, rng=rng)
    Q = random_points(8, 4, rng=rng)
    p, repeats = 4000, 150
    z = [
        (phi_DL(A @ bernoulli_gaussian(12, p, theta, rng=rng), theta).value(Q) - expected_phi_DL(A, theta, Q))
        / standard_error(A, theta, p, Q)
        for _ in range(repeats)
    ]
    assert np.max(np.abs(z)) < 5
    assert abs(np.mean(z)) < 5 / sqrt(repeats)  # the four directions are correlated: not √(4·repeats)
    assert abs(np.mean(np.square(z)) - 1) < 5 * sqrt(3 / repeats)


@pytest.mark.claim("mc-standard-error")
def test_standard_error_by_enumeration_and_its_limits():
    A = frames.simplex(4)
    q = random_points(4, rng=np.random.default_rng(4))
    zeta2 = (A.T @ q) ** 2
    for theta in THETAS:
        second = sum(w * (b @ zeta2) ** 2 for b, w in supports(5, theta))
        fourth = sum(w * (b @ zeta2) ** 4 for b, w in supports(5, theta))
        variance = (105 * fourth - (3 * second) ** 2) / (144 * theta**2 * (1 - theta) ** 2 * 1000)
        assert float(standard_error(A, theta, 1000, q)) == pytest.approx(sqrt(variance), rel=1e-10)
    K = 5 / 4
    gaussian, sparse = 1 - 1e-5, 1e-6
    assert (1 - gaussian) ** 2 * float(standard_error(A, gaussian, 1, q)) ** 2 == pytest.approx(2 / 3 * K**4, rel=1e-3)
    assert sparse * float(standard_error(A, sparse, 1, q)) ** 2 == pytest.approx(35 / 48 * np.sum(zeta2**4), rel=1e-3)


@pytest.mark.claim("nontight-bias")
def test_bias_without_tightness():
    """The additional term has exactly the stated range, and a gradient within (and near) its bound."""
    rng, theta = np.random.default_rng(5), 0.3
    A = conditioned(4, 6, 3.0, rng)
    M = A @ A.T
    lam, V = np.linalg.eigh(M)
    Q = np.hstack([V, random_points(4, 2000, rng=rng)])
    bias = expected_phi_DL(A, theta, Q) - phi_T(A).value(Q)
    assert np.ptp(bias) == pytest.approx(theta * (lam[-1] ** 2 - lam[0] ** 2) / (4 * (1 - theta)), rel=1e-12)
    fourth = sum(w * 3 * (b @ (A.T @ Q) ** 2) ** 2 for b, w in supports(6, theta))
    np.testing.assert_allclose(expected_phi_DL(A, theta, Q), -data_constant(theta) * fourth, rtol=1e-12)
    gradient = tangent(Q, -theta / (1 - theta) * inner(Q, M @ Q) * (M @ Q))
    bound = theta * lam[-1] * (lam[-1] - lam[0]) / (2 * (1 - theta))
    norms = np.linalg.norm(gradient, axis=0)
    assert np.max(norms) <= bound
    # the factor (λ_max − λ_min)/2 in it is attained half-way between the extreme eigenvectors
    diagonal = (V[:, 0] + V[:, 3]) / sqrt(2)
    spread = np.linalg.norm(tangent(diagonal, M @ diagonal))
    assert spread == pytest.approx((lam[-1] - lam[0]) / 2, rel=1e-12)


@pytest.mark.claim("kurtosis-sign")
@pytest.mark.parametrize(
    ("values", "weights"),
    [([-1, 1], [0.5, 0.5]), ([-1, 2], [2 / 3, 1 / 3]), ([-3, 0, 3], [0.05, 0.9, 0.05])],
    ids=["sign", "skewed", "sparse"],
)
def test_cumulant_formula_for_other_coefficients(values, weights):
    """E(ζᵀx)⁴ = κ₄‖ζ‖₄⁴ + 3σ⁴‖ζ‖₂⁴ by enumerating a discrete law, symmetric or not."""
    values, weights = np.array(values, float), np.array(weights)
    assert weights @ values == pytest.approx(0.0, abs=1e-12)
    variance = weights @ values**2
    cumulant = weights @ values**4 - 3 * variance**2
    zeta = np.random.default_rng(6).standard_normal(5)
    grid = np.array(list(itertools.product(range(len(values)), repeat=5)))
    exact = np.prod(weights[grid], axis=1) @ (values[grid] @ zeta) ** 4
    closed = cumulant * np.sum(zeta**4) + 3 * variance**2 * np.sum(zeta**2) ** 2
    assert exact == pytest.approx(closed, rel=1e-12)
    assert (cumulant > 0) == (len(values) == 3)  # the sparse law is heavy-tailed, the others light-tailed


@pytest.mark.claim("kurtosis-sign")
def test_excess_kurtosis_of_bernoulli_gaussian():
    for theta in THETAS:
        s = support_moments(np.array([1.0]), theta)
        assert 3 * s.second / s.first**2 - 3 == pytest.approx(3 * (1 / theta - 1), rel=1e-12)
        cumulant = 3 * s.second - 3 * s.first**2
        assert data_constant(theta) == pytest.approx(1 / (4 * cumulant), rel=1e-12)


# ℓ¹ and FastICA


@pytest.mark.claim("l1-atoms")
def test_atoms_are_bad_in_l1_and_good_in_l4():
    A = projective_lines()
    n, m = A.shape
    report = frames.frame_report(A)
    assert report.is_untf()
    assert report.coherence == pytest.approx(report.welch, rel=1e-12)
    G = np.abs(A.T @ A)
    mean = m * exp(lgamma(n / 2) - lgamma((n + 1) / 2)) / sqrt(pi)
    np.testing.assert_allclose(G.sum(axis=0), 1 + sqrt((m - 1) * (report.K - 1)), rtol=1e-12)
    assert G.sum(axis=0).min() > 1.1 * mean
    sample = np.abs(A.T @ random_points(n, 4000, rng=np.random.default_rng(7))).sum(axis=0)
    assert abs(sample.mean() - mean) < 5 * sample.std() / sqrt(4000)
    np.testing.assert_allclose((G**4).sum(axis=0), 1 + 119 / 7**4, rtol=1e-12)
    assert (G**4).sum(axis=0).min() > 3.5 * 3 * report.K / (n + 2)


@pytest.mark.claim("l1-atoms")
def test_the_limit_of_the_l1_comparison():
    """For equiangular frames √(K(K−1)) overtakes K√(2/π) at K = 1/(1 − 2/π): the sign changes there for large n."""
    n = 10**8
    for K, worse in [(2.74, False), (2.76, True)]:
        atom = 1 + sqrt((K * n - 1) * (K - 1))
        average = K * n * exp(lgamma(n / 2) - lgamma((n + 1) / 2)) / sqrt(pi)
        assert (atom > average) == worse
    assert 1 / (1 - 2 / pi) == pytest.approx(2.752, abs=5e-4)


@pytest.mark.claim("l1-data-sandwich")
@pytest.mark.parametrize("theta", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("size", [(5, 9), (2, 16)])
def test_l1_data_objective_is_sandwiched(theta, size):
    n, m = size
    A = frames.random_untf(n, m, rng=np.random.default_rng(8))
    D = theta * m / n
    zeta = A.T @ np.hstack([A[:, :2], random_points(n, 3, rng=np.random.default_rng(9))])
    b, w = (np.array(part) for part in zip(*supports(m, theta), strict=True))
    s = b @ zeta**2
    ratio, u = w @ np.sqrt(s / D), s / D - 1
    fourth, sixth, eighth = (np.sum(zeta**k, axis=0) for k in (4, 6, 8))
    second = (1 - theta) * fourth * theta / D**2
    third = (1 - theta) * (1 - 2 * theta) * sixth * theta / D**3
    last = 3 * second**2 + (1 - theta) * (1 - 6 * theta + 6 * theta**2) * eighth * theta / D**4
    for k, moment in ((1, 0.0), (2, second), (3, third), (4, last)):
        assert np.allclose(w @ u**k, moment, rtol=1e-10, atol=1e-12)
    rest = ratio - 1 + second / 8 - third / 16
    assert np.all(rest <= 1e-14)
    assert np.all(rest >= -5 / 16 * last)
    assert np.all(np.abs((1 - ratio) / (second / 8) - 1) <= 8 / D + 5 / (2 * D * D))
    if D > 6:
        assert np.all(np.abs((1 - ratio) / (second / 8) - 1) < 0.2)  # where many atoms are active it says something


@pytest.mark.claim("fastica-cube")
@pytest.mark.parametrize("theta", THETAS)
def test_fastica_with_the_cube_is_the_power_map(theta):
    """E[z(wᵀz)³] − 3w, summed over supports, is 3(1−θ)/(θK²) Aζ³ in the overcomplete and the complete case."""
    rng = np.random.default_rng(10)
    for A in (frames.random_untf(4, 7, rng=rng), frames.orthogonal(4, rng=rng)):
        n, m = A.shape
        K = m / n
        w = random_points(n, rng=rng)
        third = np.zeros(n)
        for b, probability in supports(m, theta):
            Sigma = (A * b) @ A.T / (theta * K)
            third += probability * 3 * (w @ Sigma @ w) * (Sigma @ w)
        zeta = A.T @ w
        np.testing.assert_allclose(third - 3 * w, 3 * (1 - theta) / (theta * K**2) * A @ zeta**3, atol=1e-12 / theta)
        shifted = -phi_T(A).euclidean_gradient(w)
        np.testing.assert_allclose(A @ zeta**3, shifted, rtol=1e-12)


# Frames


@pytest.mark.claim("welch-bound")
def test_welch_bound_and_its_equality_case():
    rng = np.random.default_rng(11)
    for n, m in [(2, 3), (3, 7), (5, 9), (8, 40), (4, 4)]:
        for A in (frames.random_unit(n, m, rng=rng), frames.random_untf(n, m, rng=rng)):
            assert frames.coherence(A) >= frames.welch_bound(n, m) - 1e-12
    for A in (frames.simplex(6), frames.icosahedron(), frames.mercedes_benz(), projective_lines()):
        report = frames.frame_report(A)
        assert report.coherence == pytest.approx(report.welch, abs=1e-12)
        assert report.m <= report.n * (report.n + 1) // 2
    # tight but not equiangular, and equiangular but not tight: both strictly above the bound
    assert frames.coherence(frames.identity_hadamard(8)) > frames.welch_bound(8, 16) + 0.05
    three_lines = np.linalg.cholesky(1.2 * np.eye(3) - 0.2).T  # three equiangular lines in three dimensions
    three_lines /= np.linalg.norm(three_lines, axis=0)
    assert frames.coherence(three_lines) > frames.welch_bound(3, 3) + 0.05


@pytest.mark.claim("welch-bound")
def test_frame_potential_inequality():
    """‖G‖_F² >= m²/n with equality for tight frames only."""
    rng = np.random.default_rng(12)
    loose, tight = frames.random_unit(5, 8, rng=rng), frames.random_untf(5, 8, rng=rng)
    assert np.sum((loose.T @ loose) ** 2) > 64 / 5 + 0.1
    assert np.sum((tight.T @ tight) ** 2) == pytest.approx(64 / 5, rel=1e-10)


@pytest.mark.claim("gram-row-sum")
def test_rows_of_the_gram_matrix():
    for A in (frames.random_untf(6, 10, rng=np.random.default_rng(13)), projective_lines()):
        n, m = A.shape
        np.testing.assert_allclose(np.sum((A.T @ A) ** 2, axis=1), m / n, rtol=1e-10)
    loose = frames.random_unit(6, 10, rng=np.random.default_rng(13))
    assert np.ptp(np.sum((loose.T @ loose) ** 2, axis=1)) > 0.1


# Whitening


@pytest.mark.claim("whitening-tight")
@pytest.mark.parametrize("condition", [1.5, 5.0, 30.0])
def test_whitening_makes_a_tight_frame_with_bounded_norms(condition):
    rng = np.random.default_rng(14)
    for n, m in [(4, 6), (6, 20), (5, 5)]:
        A = conditioned(n, m, condition, rng)
        K, theta = m / n, 0.2
        # Data whose second moment is exactly θAAᵀ.
        W = whitening(sqrt(theta * m) * A, scale=K * theta)
        tilde = W.apply(A)
        np.testing.assert_allclose(tilde @ tilde.T, K * np.eye(n), atol=1e-9)
        lam = np.linalg.eigvalsh(A @ A.T)
        kappa2 = lam[-1] / lam[0]
        nu2 = np.sum(tilde * tilde, axis=0)
        assert np.mean(nu2) == pytest.approx(1.0, rel=1e-9)
        tiny = 1e-9
        assert 1 / kappa2 <= K / lam[-1] * (1 + tiny)
        assert np.all(nu2 >= K / lam[-1] * (1 - tiny))
        assert np.all(nu2 <= min(K / lam[0], K) * (1 + tiny))
        assert K / lam[0] <= kappa2 * (1 + tiny)
        cross = np.abs(tilde.T @ tilde)[~np.eye(m, dtype=bool)].max()
        mu = frames.coherence(A)
        assert cross <= K / 2 * ((1 / lam[0] + 1 / lam[-1]) * mu + 1 / lam[0] - 1 / lam[-1]) * (1 + tiny)
        if m == n:
            np.testing.assert_allclose(nu2, 1.0, atol=1e-9)


@pytest.mark.claim("unequal-norms")
def test_wells_of_unequal_depth():
    rng = np.random.default_rng(15)
    A = conditioned(12, 15, 2.0, rng)
    lam, V = np.linalg.eigh(A @ A.T)
    K = 15 / 12
    tilde = sqrt(K) * V @ np.diag(lam**-0.5) @ V.T @ A
    phi, nu = phi_T(tilde), np.linalg.norm(tilde, axis=0)
    tight = 0
    for i in range(15):
        q = tilde[:, i] / nu[i]
        mu = np.abs(np.delete(tilde, i, axis=1).T @ q).max()
        assert float(phi.value(q)) <= -(nu[i] ** 4) / 4
        assert np.linalg.norm(phi.gradient(q)) <= mu**2 * sqrt(K * (K - nu[i] ** 2)) + 1e-12
        floor = nu[i] ** 4 - 3 * K * mu**2
        assert phi.curvatures(q)[0] >= floor - 1e-12
        tight += floor > 0
    assert tight > 0  # for some atoms the bound does promise a well


@pytest.mark.claim("unequal-norms")
def test_hessian_bound_at_an_atom_is_sharp_in_the_complete_case():
    """With μ_i = 0 the Hessian at an atom is ν⁴ I."""
    np.testing.assert_allclose(phi_T(np.eye(4)).curvatures(np.eye(4)[0]), 1.0, rtol=1e-12)


@pytest.mark.claim("whitening-finite-p")
def test_mean_square_error_of_whitening():
    rng = np.random.default_rng(16)
    n, m, theta, p, repeats = 4, 7, 0.2, 50, 6000
    A = conditioned(n, m, 4.0, rng)
    lam, V = np.linalg.eigh(A @ A.T)
    B = V @ np.diag(lam**-0.5) @ V.T @ A
    leverage = np.sum(B * B, axis=0)
    X = bernoulli_gaussian(m, p * repeats, theta, rng=rng)
    Z = (B @ X / sqrt(theta)).reshape(n, repeats, p)
    E = np.einsum("irk,jrk->rij", Z, Z) / p - np.eye(n)
    errors = np.sum(E * E, axis=(1, 2))
    exact = (n * (n + 1) + 3 * (1 / theta - 1) * np.sum(leverage**2)) / p
    assert abs(errors.mean() - exact) < 5 * errors.std() / sqrt(repeats)
    assert n * n / m <= np.sum(leverage**2) <= n
    # Markov: the stated radius fails with a frequency of at most δ
    delta = 0.2
    radius = sqrt((n * (n + 1) + 3 * n * (1 / theta - 1)) / (delta * p))
    assert np.mean(np.linalg.norm(E, 2, axis=(1, 2)) > radius) <= delta


@pytest.mark.claim("whitening-finite-p")
@pytest.mark.parametrize("condition", [2.0, 50.0])
def test_landscape_after_whitening_with_data(condition):
    rng = np.random.default_rng(17)
    n, m, theta, p = 5, 7, 0.2, 3000
    A = conditioned(n, m, condition, rng)
    K = m / n
    Y = A @ bernoulli_gaussian(m, p, theta, rng=rng)
    lam, V = np.linalg.eigh(A @ A.T)
    root, inverse_root = V @ np.diag(lam**0.5) @ V.T, V @ np.diag(lam**-0.5) @ V.T
    W = whitening(Y, scale=K * theta)
    rho = np.linalg.norm(inverse_root @ (Y @ Y.T / (p * theta)) @ inverse_root - np.eye(n), 2)
    assert rho < 0.5
    hat = W.apply(A)
    spectrum = np.linalg.eigvalsh(hat @ hat.T)
    assert K / (1 + rho) * (1 - 1e-9) <= spectrum[0]
    assert spectrum[-1] <= K / (1 - rho) * (1 + 1e-9)
    Q = random_points(n, 6, rng=rng)
    R = root @ W.W / sqrt(K)
    U = R @ Q
    size = inner(U, U)
    assert np.all((1 / (1 + rho) - 1e-9 <= size) & (size <= 1 / (1 - rho) + 1e-9))
    ideal = phi_DL(sqrt(K) * inverse_root @ Y, theta)
    np.testing.assert_allclose(phi_DL(W.apply(Y), theta).value(Q), size**2 * ideal.value(U / np.sqrt(size)), rtol=1e-9)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="theta: expected a number in the open interval"):
        support_moments(np.ones(3), 1.0)
    with pytest.raises(ValueError, match=r"zeta: expected shape \(m,\) or \(m, r\)"):
        support_moments(np.ones((2, 2, 2)), 0.5)
    with pytest.raises(ValueError, match="p: expected a whole number"):
        standard_error(np.eye(2), 0.5, 0, np.array([1.0, 0.0]))
    with pytest.raises(ValueError, match=r"Q: expected shape \(2,\)"):
        expected_phi_DL(np.eye(2), 0.5, np.ones(3))
