"""A start that is good enough: heights of starts, their expected values and tails, and the guarantee."""

from itertools import combinations
from math import isclose, sqrt

import numpy as np
import pytest
from scipy.stats import binom

from l4lib.data import (
    bernoulli_gaussian,
    circular_whitening,
    coherence,
    make_cdl,
    nearest_atom,
    simplex,
)
from l4lib.experiments import wilson
from l4lib.landscape import (
    FrameBounds,
    data_starts,
    energy_tail,
    expected_start,
    expected_start_on_support,
    filter_offset,
    frame_bounds,
    height_after_offset,
    kernel_bounds,
    region_guarantee,
    required_level,
    spread_tail,
    start_bounds,
    start_guarantee,
    start_tail,
    sublevel_threshold,
)
from l4lib.landscape.tails import _log_moments
from l4lib.quartic import CirculantMap, Quartic, exp, inner, phi_T, project, random_points


def legendre_kernels(n, w=1.0):
    """Kernels w·δ and √(2−w²)·c with a flat spectrum; c has entries 1/n ± 1/√n (n ≡ 3 mod 4 a prime)."""
    character = np.full(n, -1.0)
    character[np.unique(np.arange(1, n) ** 2 % n)] = 1.0
    character[0] = 0.0
    kernels = np.zeros((n, 2))
    kernels[0, 0], kernels[:, 1] = w, sqrt(2.0 - w * w) * (1.0 / n + character / sqrt(n))
    return kernels


def circulant_frame(n, K, rng):
    """A = (A₀A₀ᵀ/K)^{-1/2} A₀ for K random kernels: tight, with different norms."""
    spectra = np.fft.rfft(rng.standard_normal((n, K)), axis=0)
    spectra *= np.sqrt(K / np.sum(np.abs(spectra) ** 2, axis=1, keepdims=True))
    return CirculantMap(np.fft.irfft(spectra, n, axis=0)).dense()


def numbers(A):
    """K, ν and the coherence of the directions."""
    nu = np.linalg.norm(A, axis=0)
    gram = np.abs((A / nu).T @ (A / nu))
    np.fill_diagonal(gram, 0.0)
    return A.shape[1] / A.shape[0], nu, float(gram.max())


FRAMES = {
    "legendre": lambda: CirculantMap(legendre_kernels(23)).dense(),
    "unequal": lambda: CirculantMap(legendre_kernels(23, 0.8)).dense(),
    "random": lambda: circulant_frame(12, 3, np.random.default_rng(3)),
    "simplex": lambda: simplex(9),
    "basis": lambda: np.eye(8),
}


@pytest.fixture(params=FRAMES)
def A(request):
    return FRAMES[request.param]()


def sparse(m, s, p, rng):
    """Gaussian coefficients on random supports of size s."""
    X = np.zeros((m, p))
    for k in range(p):
        X[rng.choice(m, s, replace=False), k] = rng.standard_normal(s)
    return X


def test_the_legendre_frame_is_what_it_is_said_to_be():
    for n in (23, 103):
        A = CirculantMap(legendre_kernels(n)).dense()
        assert np.allclose(A @ A.T, 2 * np.eye(n))
        assert isclose(coherence(A), 1 / sqrt(n) + 1 / n)


# The chain of lower bounds


@pytest.mark.claim("start-hoelder")
def test_the_three_bounds_are_never_violated(A):
    rng = np.random.default_rng(1)
    for s in (1, 2, 4, 8):
        X = sparse(A.shape[1], s, 500, rng)
        # heavy tails and aligned signs, the bounds are for any coefficients
        X[:, ::3] *= np.exp(3 * rng.standard_normal((A.shape[1], 1)))
        X[:, 1::3] = np.abs(X[:, 1::3])
        bounds = start_bounds(A, X)
        direct = np.sum((A.T @ project(A @ X)) ** 4, axis=0)
        assert np.allclose(bounds.value, direct)
        for lower in (bounds.cube, bounds.hoelder):
            assert np.all(lower <= bounds.value * (1 + 1e-9))
        assert np.all(bounds.support <= bounds.hoelder * (1 + 1e-9))


@pytest.mark.claim("start-hoelder")
def test_hoelder_is_an_equality_for_one_and_for_equal_orthogonal_spikes():
    for s in (1, 3, 7):
        X = np.zeros((8, 1))
        X[:s] = 1.7
        bounds = start_bounds(np.eye(8), X)
        assert np.allclose([bounds.value, bounds.cube, bounds.hoelder, bounds.support], 1 / s)


# Expected values


@pytest.mark.claim("start-expectation")
def test_the_integral_against_draws_in_standard_errors(A):
    rng = np.random.default_rng(5)
    scores = []
    for s in (1, 2, 5, 9):
        if s > A.shape[1]:
            continue
        S = rng.choice(A.shape[1], min(s, A.shape[1]), replace=False)
        X = np.zeros((A.shape[1], 20_000))
        X[S] = rng.standard_normal((S.size, 20_000))
        value = start_bounds(A, X).value
        error = np.std(value) / sqrt(value.size)
        gap = value.mean() - expected_start_on_support(A, S)
        assert abs(gap) <= 4.5 * error + 1e-9
        scores.append(gap / max(error, 1e-12))
    assert len(scores) >= 3


@pytest.mark.claim("start-expectation")
def test_the_integral_in_closed_cases():
    for s in (1, 2, 6, 30):
        assert isclose(expected_start_on_support(np.eye(30), list(range(s))), 3 / (s + 2))
    A = simplex(5)
    assert isclose(expected_start_on_support(A, [2]), np.sum((A.T @ A[:, 2]) ** 4))
    # all atoms of a tight frame: y is isotropic, the start is uniform on the sphere
    for tight, K in ((A, 1.2), (CirculantMap(legendre_kernels(23)).dense(), 2.0)):
        n = tight.shape[0]
        assert isclose(expected_start_on_support(tight, list(range(tight.shape[1]))), 3 * K / (n + 2), rel_tol=1e-9)


@pytest.mark.claim("start-mean")
def test_predicted_mean_against_all_supports_and_draws():
    """The exact mean by enumeration of all supports is met by draws, and the prediction is near it."""
    theta = 0.3
    for A, tolerance in (
        (np.eye(6), 1e-9),
        (simplex(6), 0.03),
        (circulant_frame(4, 2, np.random.default_rng(2)), 0.12),
    ):
        m = A.shape[1]
        exact = weight = 0.0
        for s in range(1, m + 1):
            pi = theta**s * (1 - theta) ** (m - s)
            for S in combinations(range(m), s):
                exact += pi * expected_start_on_support(A, list(S))
                weight += pi
        exact /= weight
        X = bernoulli_gaussian(m, 20_000, theta, rng=np.random.default_rng(4))
        value = start_bounds(A, X[:, np.any(X, axis=0)]).value
        assert abs(value.mean() - exact) <= 4 * np.std(value) / sqrt(value.size)
        assert abs(expected_start(A, theta) / exact - 1) <= tolerance


@pytest.mark.claim("start-mean")
def test_predicted_mean_at_both_ends(A):
    """One spike: the mean of α over the atoms, weighted by ν⁴; no sparsity, tight frame: the mean over the sphere."""
    n = A.shape[0]
    _, nu, _ = numbers(A)
    atoms = np.average(np.sum((A.T @ (A / nu)) ** 4, axis=0), weights=nu**4)
    assert isclose(expected_start(A, 1e-10), atoms, rel_tol=1e-7)
    assert isclose(expected_start(A, 1 - 1e-12), 3 * np.sum(nu**4) / (n * (n + 2)), rel_tol=1e-7)


# Tails


def worst_frame(s, mu):
    """s unit vectors with all inner products −μ."""
    values, vectors = np.linalg.eigh((1 + mu) * np.eye(s) - mu * np.ones((s, s)))
    return (vectors * np.sqrt(np.maximum(values, 0.0))).T


@pytest.mark.claim("start-energy")
def test_energy_tail_against_frequencies():
    """Never exceeded: on the extremal Gram matrix, on random ones with the same μ, and with unequal norms."""
    rng = np.random.default_rng(11)
    seen = 0
    for s, mu in ((4, 0.1), (9, 0.05), (9, 0.08), (20, 0.02)):
        signs = np.triu(np.sign(rng.standard_normal((s, s))), 1)
        mixed = np.eye(s) + mu * (signs + signs.T)
        root = np.linalg.cholesky(mixed + 1e-12 * np.eye(s)).T
        for B in (worst_frame(s, mu), root):
            for nu in (np.ones(s), np.linspace(1.0, 1.5, s)):
                g = rng.standard_normal((s, 20_000))
                ratio = np.sum((B @ (nu[:, None] * g)) ** 2, axis=0) / np.sum(g * g, axis=0)
                for delta in np.array([1.0, 1.5, 2.0, 3.0]) * mu:
                    bound = energy_tail(s, mu, float(delta))
                    count = int(np.count_nonzero(ratio < 1 - delta - 1e-12))
                    assert wilson(count, g.shape[1], level=0.9999)[0] <= bound
                    seen += count > 100
    assert seen >= 4


@pytest.mark.claim("start-energy")
def test_energy_tail_is_the_best_exponential_bound_and_below_its_simple_form():
    for s, mu in ((5, 0.1), (12, 0.03), (40, 0.01)):
        for rho in (1.0, 1.7, 2.5, 3.9):
            a, b = (1 + rho) * mu, (s - 1 - rho) * mu
            if b <= 0:
                continue
            tilt = np.linspace(1e-6, (1 - 1e-9) / b, 400_001)
            log_bound = -0.5 * ((s - 1) * np.log1p(tilt * a) + np.log1p(-tilt * b))
            assert isclose(energy_tail(s, mu, rho * mu), np.exp(log_bound.min()), rel_tol=1e-4)
            assert energy_tail(s, mu, rho * mu) <= sqrt(1 + rho) * np.exp(-rho / 2)
    # the condition (δ + μ)((s−1)μ − δ) ≤ δ(1 − δ), just inside and just outside
    mu, delta = 0.05, 0.1
    s = int(1 + (delta + delta * (1 - delta) / (delta + mu)) / mu)
    assert energy_tail(s, mu, delta) < 1
    assert energy_tail(s + 1, mu, delta) == 1


@pytest.mark.claim("start-energy")
def test_the_extremal_eigenvalues_minimise_the_determinant():
    """Σe = 0, Σe² = s(s−1)β² and β(s−1) < 1: the product of the 1 + e_k is at least (1+β)^{s−1}(1−(s−1)β)."""
    rng = np.random.default_rng(2)
    for s in (2, 3, 6, 15):
        e = rng.standard_normal((s, 4000)) * np.exp(rng.standard_normal((s, 4000)))
        e -= e.mean(axis=0)
        for beta in (0.1 / s, 0.9 / s, 0.99 / max(1, s - 1)):
            scaled = e * (beta * sqrt(s * (s - 1)) / np.linalg.norm(e, axis=0))
            least = (1 + beta) ** (s - 1) * (1 - (s - 1) * beta)
            assert np.prod(1 + scaled, axis=0).min() >= least - 1e-12


@pytest.mark.claim("start-spread")
def test_moments_of_the_spread_and_its_tail():
    rng = np.random.default_rng(13)
    for s in (1, 2, 5, 12, 60):
        g = rng.standard_normal((s, 40_000))
        H = np.sum(g * g, axis=0) ** 2 / np.sum(np.abs(g) ** (4 / 3), axis=0) ** 3
        assert H.min() >= 1 / s - 1e-12
        assert H.max() <= 1 + 1e-12
        for level in np.quantile(H, [0.01, 0.1, 0.5]):
            count = int(np.count_nonzero(level * (1 + 1e-9) >= H))
            assert wilson(count, H.size, level=0.9999)[0] <= spread_tail(s, float(level))
        if s > 5:
            assert spread_tail(s, float(np.quantile(H, 0.001))) < 0.02
        T = H ** (-1 / 3)
        for q in (1, 2, 4):
            error = np.std(T**q) / sqrt(T.size)
            assert abs(np.mean(T**q) - np.exp(_log_moments(s)[q])) <= 4 * error + 1e-9


@pytest.mark.claim("good-start")
def test_start_tail_against_frequencies(A):
    """For every support size the frequency of α₀ < level · ν_min⁴ stays below the bound."""
    rng = np.random.default_rng(17)
    _, nu, mu = numbers(A)
    binding = 0
    for s in (1, 2, 3, 5):
        value = start_bounds(A, sparse(A.shape[1], s, 2000, rng)).value / nu.min() ** 4
        for level in (0.5 / s, 0.9 / s, 1.2 / s, 1.6 / s):
            bound = start_tail(s, mu, level)
            count = int(np.count_nonzero(value <= level * (1 + 1e-9)))
            assert wilson(count, value.size, level=0.9999)[0] <= bound
            binding += bound < 1
    assert binding >= 2


@pytest.mark.claim("good-start")
@pytest.mark.parametrize("t", [1.0, 2.0, 4.0, 6.0])
@pytest.mark.parametrize("w", [1.0, 0.97])
def test_guarantee_against_frequencies(t, w):
    """n = 499: the share of samples in the sublevel set is at least the bound, and the bound is not void."""
    n, rng = 499, np.random.default_rng(19)
    kernels = legendre_kernels(n, w)
    B = CirculantMap(kernels)
    nu = np.linalg.norm(kernels, axis=0)
    frame, theta = kernel_bounds(kernels), t / (2 * n)
    X = bernoulli_gaussian(2 * n, 3000, theta, rng=rng)
    Q = project(B.apply(X[:, np.any(X, axis=0)]))
    alpha = np.sum(B.adjoint(Q) ** 4, axis=0)
    inside = int(np.count_nonzero(alpha > 1.5 * 2 * frame.g))
    guarantee = start_guarantee(theta, 2 * n, frame.mu, required_level(frame))
    assert 0 < guarantee.probability <= wilson(inside, alpha.size, level=0.9999)[1]
    support = np.count_nonzero(X[:, np.any(X, axis=0)], axis=0)
    certain = support <= guarantee.certain
    assert np.all(alpha[certain] >= guarantee.level * nu.min() ** 4 * (1 - 1e-12))
    assert guarantee.certain >= 1
    assert isclose(guarantee.mean_support, support.mean(), rel_tol=0.1)


@pytest.mark.claim("good-start")
def test_certain_sizes_for_adversarial_values():
    """Up to ``certain`` nonzeros the start is good whatever the values, here spikes of equal size and random sign."""
    n = 2003
    mu = 1 / sqrt(n) + 1 / n
    guarantee = start_guarantee(0.001, 2 * n, mu, 3 * mu)
    rng, B = np.random.default_rng(23), CirculantMap(legendre_kernels(n))
    s = guarantee.certain
    assert s >= 4
    X = np.zeros((2 * n, 300))
    for k in range(300):
        S = np.append(rng.choice(n, s // 2, replace=False), n + rng.choice(n, s - s // 2, replace=False))
        X[S, k] = rng.choice([-1.0, 1.0], s)  # equal sizes are the worst
    alpha = np.sum(B.adjoint(project(B.apply(X))) ** 4, axis=0)
    assert alpha.min() >= guarantee.level
    assert (1 - s * mu) ** 2 <= (s + 1) * guarantee.level  # and one more is not covered


@pytest.mark.claim("good-start")
def test_the_level_is_the_threshold_over_the_weakest_atom(A):
    frame = frame_bounds(A)
    unit = frame.nu.min() ** 4
    assert isclose(required_level(frame) * unit, sublevel_threshold(frame), abs_tol=1e-15)
    for e in (1e-6, 1e-2):
        assert isclose(required_level(frame, epsilon=e) * unit, sublevel_threshold(frame, epsilon=e) + 8 * e)
    assert isclose(required_level(FrameBounds(B=3.0, g=0.02, mu=0.03, nu=np.array([1.1, 0.8]))), 0.09 / 0.8**4)


@pytest.mark.claim("good-start-asymptotic")
def test_the_limit_constant():
    """Typical H·s tends to 1/(E|g|^{4/3})³ = 1.743…, and the guarantee tends to one below it, to zero above."""
    g = np.abs(np.random.default_rng(0).standard_normal(2_000_000)) ** (4 / 3)
    limit = 1 / np.mean(g) ** 3
    assert abs(limit - 1.7434) < 0.01
    below, above = [], []
    for n in (10**4, 10**6, 10**8):
        mu = n**-0.5
        for share, found in ((0.75, below), (1.1, above)):
            theta = share * 1.7434 * 2 / 3 / (4 * n * mu)
            found.append(start_guarantee(theta, 2 * n, mu, 3 * mu).probability)
    assert below[0] < below[1] < below[2]
    assert below[2] > 0.99
    assert above[2] < 0.01


# Offsets and the dense control


@pytest.mark.claim("start-offset")
def test_offset_bounds(A):
    rng = np.random.default_rng(29)
    K, nu, _ = numbers(A)
    K = float(np.sum(A * A)) / A.shape[0]
    Q = random_points(A.shape[0], 300, rng=rng)
    Q[:, ::3] = project(A[:, rng.integers(0, A.shape[1], 100)])
    for size in (0.01, 0.1, 0.4):
        R = project(Q + size * rng.standard_normal(Q.shape) / sqrt(A.shape[0]))
        alpha, beta = (np.sum((A.T @ P) ** 4, axis=0) for P in (Q, R))
        for a, b, d in zip(alpha, beta, np.linalg.norm(Q - R, axis=0), strict=True):
            assert b >= height_after_offset(float(a), float(d), K, float(nu.max())) * (1 - 1e-9)


@pytest.mark.claim("start-offset")
def test_filter_offset_bounds_the_estimated_preconditioner():
    rng = np.random.default_rng(31)
    kernels = rng.standard_normal((32, 3))
    data = make_cdl(kernels, 400, 0.1, rng=rng)
    estimated = circular_whitening(data.Y)
    exact = 1 / np.sqrt(np.sum(np.abs(np.fft.rfft(kernels, axis=0)) ** 2, axis=1))
    bound = filter_offset(estimated.gain, exact)
    first = project(estimated.apply(data.Y))
    second = project(np.fft.irfft(exact[:, None] * np.fft.rfft(data.Y, axis=0), 32, axis=0))
    offset = np.linalg.norm(first - second, axis=0)
    assert 0.2 * bound < offset.max() <= bound
    # two frequencies with the extreme quotients: the bound is attained
    gain = np.array([1.3, 0.7])
    v = np.array([sqrt(0.7), sqrt(1.3)])
    assert isclose(filter_offset(gain, np.ones(2)), float(np.linalg.norm(project(gain * v) - project(v))))


@pytest.mark.claim("start-dense")
def test_dense_samples_are_random_starts_and_outside(A):
    rng = np.random.default_rng(37)
    n, m = A.shape
    K, nu, mu = numbers(A)
    X = rng.standard_normal((m, 20_000))
    value = start_bounds(A, X).value
    uniform = np.sum((A.T @ random_points(n, 20_000, rng=rng)) ** 4, axis=0)
    error = sqrt(np.var(value) / value.size + np.var(uniform) / uniform.size)
    assert abs(value.mean() - uniform.mean()) <= 4 * error + 1e-9
    assert abs(uniform.mean() - 3 * np.sum(nu**4) / (n * (n + 2))) <= 4 * error + 1e-9
    if mu > 1e-9:
        g = frame_bounds(A).g
        share = np.mean(uniform > 1.5 * K * g)
        assert share <= 2 * nu.max() ** 2 / ((n + 2) * g)


# From the start to a kernel


@pytest.mark.claim("good-start-descent")
def test_descent_from_good_starts_reaches_kernels():
    """n = 499: gradient descent with the fixed step of the theorem, from perturbed good starts, ends at kernels."""
    n, rng = 499, np.random.default_rng(41)
    B = CirculantMap(legendre_kernels(n))
    objective, mu, M = Quartic(B, 0.25), 1 / sqrt(n) + 1 / n, 2.0
    level = 3 * mu
    X = bernoulli_gaussian(2 * n, 200, 3 / (2 * n), rng=rng)
    Q = project(B.apply(X[:, np.any(X, axis=0)]))
    Q = Q[:, np.sum(B.adjoint(Q) ** 4, axis=0) > level]
    alpha = np.sum(B.adjoint(Q) ** 4, axis=0)
    Q, alpha = Q[:, :40], alpha[:40]
    assert Q.shape[1] > 20
    radius = 0.9 * (alpha**0.25 - level**0.25) / M**0.25
    Q = project(Q + radius * project(rng.standard_normal(Q.shape)) * rng.random(Q.shape[1]))
    value = objective.value(Q)
    assert np.all(-4 * value > level)
    for _ in range(300):
        V = objective.gradient(Q)
        gradient = V - Q * inner(Q, V)
        Q = exp(Q, -0.75 / M * gradient)
        new = objective.value(Q)
        assert np.all(new <= value + 1e-12)
        value = new
    assert np.linalg.norm(gradient, axis=0).max() < 1e-8
    # correlations with all shifts of both kernels
    cosine = np.max(np.abs(B.adjoint(Q)), axis=0)
    angle = region_guarantee(kernel_bounds(legendre_kernels(n))).angle[0]
    assert np.all(np.arccos(np.minimum(cosine, 1.0)) <= angle)


@pytest.mark.claim("good-start-descent")
def test_a_start_can_lie_on_the_exceptional_set():
    """Why the corollary perturbs: two equal orthogonal spikes are a critical start, and descent does not move."""
    q = project(np.array([1.0, 1.0, 0.0]))
    objective = phi_T(np.eye(3))
    V = objective.gradient(q)
    assert np.allclose(V - q * (q @ V), 0.0)
    assert objective.curvatures(q)[0] < -0.1
    moved = project(q + 0.01 * np.array([1.0, 0.2, -0.4]))
    for _ in range(400):
        V = objective.gradient(moved)
        moved = exp(moved, -0.75 * (V - moved * (moved @ V)))
    assert nearest_atom(np.eye(3), moved)[1] > 0.999999


# Borders


def test_levels_and_counts():
    plain, sampled = (start_guarantee(1e-4, 20_000, 0.01, level).probability for level in (0.03, 0.08))
    assert 0 < sampled < plain
    assert start_guarantee(1e-4, 20_000, 0.01, 0.03).samples_needed(1e-3) <= 3
    assert start_guarantee(0.1, 32, 0.3, 1.2).samples_needed(0.1) is None
    assert start_guarantee(0.1, 16, 0.0, 0.0).probability == 1.0  # orthogonal atoms: nothing is to be shown
    # only the sizes that are certain: a sum of binomial probabilities
    one = start_guarantee(0.001, 200, 0.11, 0.9)
    only = binom.pmf(1, 200, 0.001) / (1 - 0.999**200)
    assert one.certain == 1
    assert only <= one.probability < only + 0.05
    # at level 1 not even one nonzero is enough: α₀ > ν_min⁴ fails for an orthogonal atom
    assert start_guarantee(0.001, 200, 0.11, 1.0).certain == 0


def test_data_starts():
    Y = np.zeros((3, 5))
    Y[:, 1], Y[:, 3] = [1.0, 2.0, 2.0], [0.0, 0.0, -4.0]
    found = data_starts(Y, 2, rng=np.random.default_rng(0))
    assert sorted(found.T.round(6).tolist()) == [[0.0, 0.0, -1.0], [0.333333, 0.666667, 0.666667]]
    with pytest.raises(ValueError, match="at most the 2 samples"):
        data_starts(Y, 3, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: start_bounds(np.eye(3), np.zeros((3, 1))), "samples that are not zero"),
        (lambda: start_bounds(np.eye(3), np.ones((2, 1))), "3 rows"),
        (lambda: expected_start_on_support(np.eye(3), [0, 0]), "distinct"),
        (lambda: expected_start_on_support(np.eye(3), [3]), "below 3"),
        (lambda: energy_tail(3, 1.2, 0.1), "coherence"),
        (lambda: energy_tail(3, 0.2, 1.0), "delta"),
        (lambda: required_level(FrameBounds(B=2.0, g=0.1, mu=0.1, nu=np.ones(2)), epsilon=-1.0), "epsilon"),
        (lambda: start_guarantee(0.1, 20, 0.1, -1.0), "level"),
        (lambda: start_guarantee(0.1, 20, 1.1, 0.5), "coherence"),
        (lambda: height_after_offset(1.0, -1.0, 2.0, 1.0), "distance"),
        (lambda: filter_offset([1.0, -1.0], [1.0, 1.0]), "positive gains"),
        (lambda: filter_offset([1.0], [1.0, 1.0]), "expected shape"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()
