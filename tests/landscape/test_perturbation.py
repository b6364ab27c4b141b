"""From population to samples: what a perturbation leaves of the landscape, and the whole chain on real samples."""

import itertools
from math import ceil, exp, log, sin, sqrt

import numpy as np
import pytest
from scipy.optimize import minimize

from l4lib.census import census_tensor
from l4lib.data import (
    bernoulli_gaussian,
    coherence,
    data_constant,
    direct_sum,
    identity_hadamard,
    make_odl,
    mercedes_benz,
    orthogonal,
    phi_DL,
    random_unit,
    random_untf,
    simplex,
)
from l4lib.landscape import (
    descent_height,
    expected_phi_DL,
    height_curvature,
    injective_norm,
    landscape_guarantee,
    low_curvature,
    middle_margin,
    near_critical_slacks,
    persistence,
    perturbation,
    perturbation_budget,
    sample_size_bound,
    support_moments,
)
from l4lib.quartic import (
    SymmetricQuartic,
    distance,
    geodesic,
    inner,
    phi_T,
    project,
    random_points,
    random_tangents,
    retract,
    tangent_basis,
)


def random_difference(n, rng, terms=40):
    """A random signed sum of fourth powers."""
    plus, minus = (SymmetricQuartic.from_dictionary(rng.standard_normal((n, terms))) for _ in range(2))
    return SymmetricQuartic(n, plus.D - minus.D)


def random_form(n, rng, terms=40, size=1.0):
    """A random form scaled so that its injective norm is ``size`` (the best of many starts)."""
    form = random_difference(n, rng, terms)
    return SymmetricQuartic(n, form.D * (size / injective_norm(form, rng=rng).lower))


def planar_wave(n):
    """Re(q₁ + iq₂)⁴ on R^n, injective norm one: the form for which the constants 4 and 16 are attained."""
    rays = np.zeros((n, 4))
    rays[0, 0] = rays[1, 1] = 1.0
    rays[:2, 2] = sqrt(0.5)
    rays[:2, 3] = sqrt(0.5), -sqrt(0.5)
    plus, minus = (SymmetricQuartic.from_dictionary(part, weight=2.0) for part in (rays[:, :2], rays[:, 2:]))
    return SymmetricQuartic(n, plus.D - minus.D)


def population(A):
    """φ_T as a form."""
    return SymmetricQuartic.from_dictionary(A, weight=-0.25)


def newton(form, Q, steps=60):
    """Critical points near each start: Riemannian Newton with steps of at most 0.3; unconverged starts are dropped."""
    found = []
    for start in Q.T:
        q = start
        for _ in range(steps):
            g = form.gradient(q)
            if np.linalg.norm(g) < 1e-13:
                break
            B = tangent_basis(q)
            step = B @ np.linalg.lstsq(B.T @ form.hessian(q) @ B, -B.T @ g, rcond=1e-10)[0]
            q = retract(q, step * min(1.0, 0.3 / np.linalg.norm(step)))
        if np.linalg.norm(form.gradient(q)) < 1e-10:
            found.append(q)
    return np.array(found).T


def curvatures(form, q):
    B = tangent_basis(q)
    return np.linalg.eigvalsh(B.T @ form.hessian(q) @ B)


# The form


@pytest.mark.parametrize("tight", [True, False])
def test_the_form_is_the_sampling_error(tight):
    rng = np.random.default_rng(0)
    A = random_untf(5, 8, rng=rng) if tight else random_unit(5, 8, rng=rng)
    data = make_odl(A, 400, 0.2, rng=rng)
    delta, phi = perturbation(data.Y, A, 0.2), phi_DL(data.Y, 0.2)
    Q = rng.standard_normal((5, 6))
    np.testing.assert_allclose(delta.value(Q), expected_phi_DL(A, 0.2, Q) - phi.value(Q), rtol=1e-9)
    if tight:  # on the sphere the difference of the landscapes is Δ up to a constant
        q = random_points(5, rng=rng)
        np.testing.assert_allclose(delta.gradient(q), phi_T(A).gradient(q) - phi.gradient(q), atol=1e-12)
        np.testing.assert_allclose(delta.hessian(q), phi_T(A).hessian(q) - phi.hessian(q), atol=1e-11)


def test_the_tensor_of_a_form_is_symmetric_and_gives_its_norm_and_values():
    form = random_form(4, np.random.default_rng(1))
    T = form.tensor()
    for order in itertools.permutations(range(4)):
        np.testing.assert_allclose(T, T.transpose(order), atol=1e-12)
    assert np.linalg.norm(T) == pytest.approx(form.frobenius, rel=1e-12)
    q = np.random.default_rng(2).standard_normal(4)
    assert np.einsum("ijkl,i,j,k,l", T, q, q, q, q) == pytest.approx(float(form.value(q)), rel=1e-12)
    np.testing.assert_allclose(np.einsum("ijkl,i,j,k", T, q, q, q), form.contract(q), rtol=1e-10, atol=1e-12)


# Deterministic perturbation


@pytest.mark.claim("perturbation")
@pytest.mark.parametrize("n", [2, 3, 6])
def test_values_control_gradients_and_hessians(n):
    rng = np.random.default_rng(10 + n)
    for _ in range(4):
        form = random_form(n, rng)
        Q = random_points(n, 300, rng=rng)
        assert np.max(np.abs(form.value(Q))) <= 1 + 1e-9
        assert np.max(np.linalg.norm(form.gradient(Q), axis=0)) <= 4 + 1e-8
        for q, value in zip(Q.T, form.value(Q), strict=True):
            assert np.linalg.norm(form.hessian(q), 2) <= 12 + 4 * abs(value) + 1e-8


@pytest.mark.claim("perturbation")
@pytest.mark.parametrize("n", [2, 3, 5])
def test_four_and_sixteen_are_attained(n):
    """On the great circle q₃ = … = 0 the form is cos 4t."""
    wave = planar_wave(n)
    bracket = injective_norm(wave, rng=np.random.default_rng(3))
    assert bracket.lower == pytest.approx(1.0, abs=1e-9)
    t = np.pi / 8
    steep = np.zeros(n)
    steep[:2] = np.cos(t), np.sin(t)
    assert np.linalg.norm(wave.gradient(steep)) == pytest.approx(4.0, rel=1e-12)
    assert np.linalg.norm(wave.hessian(np.eye(n)[0]), 2) == pytest.approx(16.0, rel=1e-12)


@pytest.mark.claim("persistence")
def test_minimisers_persist_within_the_bound():
    """Perturb φ_T of several frames by random forms of known ε and follow each minimiser."""
    rng, applied = np.random.default_rng(5), 0
    for A in (simplex(5), random_untf(6, 8, rng=rng), identity_hadamard(8)):
        n, m = A.shape
        minimisers = newton(population(A), A)
        for size in (2e-4, 1e-3):
            moved = SymmetricQuartic(n, population(A).D - random_form(n, rng, size=size).D)
            for q in minimisers.T:
                sigma = curvatures(population(A), q)[0]
                if sigma <= 0 or not np.isfinite(bound := persistence(sigma, m / n, size)):
                    continue
                applied += 1
                r = newton(moved, q[:, None])[:, 0]
                assert 0 < float(distance(q, r)) <= bound
                assert curvatures(moved, r)[0] > 0
    assert applied >= 20


@pytest.mark.claim("persistence")
def test_persistence_refuses_a_large_perturbation():
    assert persistence(0.5, 1.5, 0.5 / 16) == np.inf
    # just on either side of 64 ε (K + 8ε) = (σ − 16ε)²
    sigma, K = 0.8, 2.0
    root = np.roots([256 - 512, -32 * sigma - 64 * K, sigma**2])
    critical = min(r.real for r in root if r.real > 0)
    assert persistence(sigma, K, 0.999 * critical) == pytest.approx(8 * 0.999 * critical / (0.8 - 15.984 * critical))
    assert persistence(sigma, K, 1.001 * critical) == np.inf


# Near-critical points


def planar_numbers(p, m):
    """A frame of m atoms of any norms in the plane and a point, from angles and logarithms of norms."""
    A = np.exp(p[m : 2 * m]) * np.array([np.cos(p[:m]), np.sin(p[:m])])
    return A, np.array([np.cos(p[2 * m]), np.sin(p[2 * m])])


@pytest.mark.claim("near-critical")
def test_the_two_inequalities_hold_at_every_point():
    """Random and near-critical points of frames of any norms, tight or not; without the slope term they fail."""
    rng, least, without = np.random.default_rng(60), np.inf, np.inf
    for shape in ((2, 3), (4, 6), (6, 9), (5, 14)):
        A = random_unit(*shape, rng=rng) * rng.uniform(0.4, 1.0, shape[1])
        near = project(A[:, rng.integers(0, shape[1], 30)] + 0.3 * rng.standard_normal((shape[0], 30)))
        for q in np.hstack([near, random_points(shape[0], 30, rng=rng)]).T:
            found = near_critical_slacks(A, q)
            least = min(least, found.curvature, found.slope)
            scale = np.linalg.norm(A[:, np.argmax(np.abs(A.T @ q))])
            gamma = np.linalg.norm(phi_T(A / scale).gradient(q))
            bend = 2 * gamma / (found.h * (found.h + found.z)) * sqrt(found.h * (1 - found.h))
            without = min(without, found.curvature - bend)
    assert least > -1e-9
    assert without < -0.01


@pytest.mark.claim("near-critical")
@pytest.mark.parametrize("which", ["curvature", "slope"])
def test_an_adversary_reaches_the_two_inequalities(which):
    """Minimise each slack over two atoms and a point in the plane: it comes to zero and not below."""
    rng, best = np.random.default_rng(61), np.inf
    for _ in range(4):
        start = np.concatenate([rng.uniform(0, 3, 2), 0.2 * rng.standard_normal(2), rng.uniform(0, 3, 1)])
        slack = minimize(
            lambda p: getattr(near_critical_slacks(*planar_numbers(p, 2)), which),
            start,
            method="Nelder-Mead",
            options={"maxiter": 400},
        ).fun
        best = min(best, slack)
        assert slack > -1e-9
    assert best < 1e-4


# The three zones

TIGHT = {
    "simplex 6": simplex(6),
    "two simplices": direct_sum(simplex(6), simplex(6)),
    "hadamard 8": identity_hadamard(8),
    "untf 6x9": random_untf(6, 9, rng=np.random.default_rng(62)),
    "untf 5x14": random_untf(5, 14, rng=np.random.default_rng(63)),
}


@pytest.mark.claim("three-zones")
@pytest.mark.parametrize("name", TIGHT)
def test_low_points_and_high_points(name):
    """λ_min ≤ −Γ below any threshold, and the height bounds the curvature from below, at arbitrary points."""
    A, rng = TIGHT[name], np.random.default_rng(64)
    n, m = A.shape
    K, mu, form = m / n, coherence(A), population(A)
    subsets = [rng.choice(m, size, replace=False) for size in (1, 2, 3, m // 2, m) for _ in range(10)]
    Q = project(np.array([A[:, S] @ rng.choice([-1, 1], S.size) + 0.05 * rng.standard_normal(n) for S in subsets]).T)
    for q in np.hstack([Q, random_points(n, 40, rng=rng)]).T:
        zeta = A.T @ q
        h, alpha, least = np.max(zeta**2), np.sum(zeta**4), curvatures(form, q)[0]
        assert least >= height_curvature(alpha, K, mu) - 1e-10
        if h < 2 / 3 and K < 3:
            assert least <= -low_curvature(n, K, h) + 1e-10


@pytest.mark.claim("three-zones")
def test_low_curvature_is_the_minimum_over_all_low_points():
    for n, K, threshold in ((6, 7 / 6, 0.5), (64, 2.0, 0.2), (64, 1.5, 0.3), (200, 2.8, 0.05)):
        h = np.geomspace(1e-6, threshold, 40_001)
        least = np.min(np.maximum(h * (3 - K - 3 * h), K * (3 - (n + 2) * h) / (n - 1)))
        assert low_curvature(n, K, threshold) == pytest.approx(least, rel=1e-3)
        assert low_curvature(n, K, threshold) <= least * (1 + 1e-9)


@pytest.mark.claim("three-zones")
def test_no_point_of_the_middle_satisfies_the_inequalities():
    """Where the margin is positive, no (h, z) with h ≤ 2/3 meets both inequalities and z ≤ K − h."""
    rng, met = np.random.default_rng(65), 0
    h = np.linspace(0.01, 2 / 3, 300)[:, None]
    for _ in range(150):
        K, mu, eta, kappa = rng.uniform(1, 2.8), rng.uniform(0, 0.5), rng.uniform(0, 0.15), rng.uniform(0, 0.5)
        z, x, k = np.linspace(1e-6, 1, 400) * (K - h), 1 - h, (1 + kappa) / 3
        first = x <= k * z + 2 * eta * h * np.sqrt(x)
        second = np.abs(z - x) <= mu / h * np.sqrt((K - h) * z) + eta * (h + z) * np.sqrt(x)
        if np.any(first & second):
            met += 1
            assert middle_margin(K, mu, kappa, eta) <= 0
    assert 20 < met < 150
    F = 3 * (1 - 0.1) / 1.5 - 1.2 * (6 + 0.35) / (6 - 0.7) - 0.15
    assert middle_margin(1.5, 0.1, 0.2, 0.05) == pytest.approx(F)
    assert middle_margin(1.5, 0.1, 0.2, 0.43) == -np.inf


@pytest.mark.claim("three-zones")
def test_the_middle_is_sharp_between_two_atoms_of_a_simplex():
    A = simplex(6)
    q = project(A[:, 0] - A[:, 1])
    assert np.linalg.norm(population(A).gradient(q)) < 1e-12
    assert np.max((A.T @ q) ** 2) < 2 / 3
    kappa = -curvatures(population(A), q)[0] / np.sum((A.T @ q) ** 4)
    assert middle_margin(7 / 6, 1 / 6, kappa, 0.0) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.claim("three-zones")
def test_height_in_the_high_zone():
    """For E ≤ 1/8 and h ≥ 2/3 the curvature inequality, multiplied out, leaves only α > 1 − 2E²."""
    h = np.linspace(2 / 3, 1, 2001)[:, None]
    for E in (0.01, 0.05, 0.1, 0.125):
        alpha = h**2 + (1.5 - h**2) * np.linspace(0, 1, 2001)
        z, x = alpha / h - h, 1 - h
        allowed = 3 * alpha * x <= (alpha + E) * z + 1.5 * E * np.sqrt(h * x) + 1e-12
        assert alpha[allowed].min() > 1 - 2 * E**2
    assert landscape_guarantee(6, 1.1, 0.0, 0.126 / 16).high == -np.inf
    found = landscape_guarantee(6, 1.1, 0.1, 0.1 / 16)
    assert found.high == pytest.approx(0.98 - 3 * sqrt(0.98 * 0.02 + 0.01 * (1.21 - 0.98)) - 0.1)


def planar_hit(q, u, epsilon):
    """ε·Re of a fourth power in the plane of q and u: injective norm ε, and at q the slope is 4ε along u."""
    c, s = np.cos(np.pi / 8), np.sin(np.pi / 8)
    basis = np.column_stack([c * q - s * u, s * q + c * u])
    v = basis @ np.array([[1.0, 0.0, sqrt(0.5), sqrt(0.5)], [0.0, 1.0, sqrt(0.5), -sqrt(0.5)]])
    plus, minus = (SymmetricQuartic.from_dictionary(part, weight=2.0 * epsilon) for part in (v[:, :2], v[:, 2:]))
    return SymmetricQuartic(q.size, plus.D - minus.D)


@pytest.mark.claim("finite-sample-landscape")
@pytest.mark.parametrize(
    ("n", "K", "mu"), [(3, 1.0, 0.0), (6, 7 / 6, 1 / 6), (32, 33 / 32, 1 / 32), (64, 2.0, 0.125), (64, 1.5, 0.268)]
)
def test_the_budget_is_the_edge_of_the_printed_conditions(n, K, mu):
    budget = perturbation_budget(n, K, mu)
    assert budget > 0
    for factor, expected in ((0.999, True), (1.003, budget >= 1 / 128)):
        E, holds = 16 * budget * factor, False
        for threshold in np.linspace(0, 2 / 3, 202)[1:-1]:
            rooms = [low_curvature(n, K, threshold) - E]
            for h in (threshold, 2 / 3):
                alpha = 3 * h * (1 - h) - E
                kappa, eta = E / alpha, E / (4 * alpha * sqrt(h))
                fits = alpha > 0 and eta < 3 / 7
                rooms.append(
                    3 * (1 - mu) / K - (1 + kappa) * (6 + 7 * eta) / (6 - 14 * eta) - 3 * eta if fits else -1.0
                )
            one = 1 - 2 * E**2
            rooms.append(one - 3 * sqrt(one * (1 - one) + mu**2 * (K**2 - one)) - E)
            holds |= min(rooms) > 0
        assert holds == expected
        assert landscape_guarantee(n, K, mu, budget * factor).holds == (expected and factor * budget <= 1 / 128)
    assert all(landscape_guarantee(n, K, mu, share * budget).holds for share in (1e-3, 0.3, 0.99))
    found, E = landscape_guarantee(n, K, mu, 0.9 * budget), 14.4 * budget
    middles = []
    for h in (found.threshold, 2 / 3):
        alpha = 3 * h * (1 - h) - E
        middles.append(middle_margin(K, mu, E / alpha, E / (4 * alpha * sqrt(h))))
    assert found.middle == pytest.approx(min(middles), rel=1e-9)
    assert found.low == pytest.approx(low_curvature(n, K, found.threshold) - E, rel=1e-9)


@pytest.mark.claim("finite-sample-landscape")
def test_no_guarantee_where_the_landscape_is_flat_or_k_too_large():
    assert perturbation_budget(3, 2.0, 5**-0.5) == 0.0
    assert perturbation_budget(50, 3.0, 0.0) == 0.0
    assert not landscape_guarantee(2, 1.5, 0.5, 1e-9).holds
    assert 0.0020 < perturbation_budget(64, 1.5, 0.268) < 0.0022  # a random frame of shape 64 × 96


@pytest.mark.claim("finite-sample-landscape")
@pytest.mark.parametrize("adversary", ["random", "aimed"])
def test_landscape_of_a_perturbation_of_exactly_the_budget(adversary):
    """Simplex in R⁶ by census: a random Δ, and one aimed at a point between two atoms, as large as is allowed."""
    A, rng = simplex(6), np.random.default_rng(8)
    budget = perturbation_budget(6, 7 / 6, 1 / 6)
    if adversary == "random":
        raw = random_difference(6, rng)
        delta = SymmetricQuartic(6, budget / injective_norm(raw, rng=rng).upper * raw.D)
    else:
        q = project(A[:, 0] - A[:, 1] + 0.2 * A[:, 2])
        delta = planar_hit(q, project(phi_T(A).gradient(q)), budget)
        assert injective_norm(delta, rng=rng).lower == pytest.approx(budget)
        assert np.linalg.norm(delta.gradient(q)) == pytest.approx(4 * budget)
    form = SymmetricQuartic(6, population(A).D - delta.D)
    found = census_tensor(-4 * form.tensor(), rng=rng)
    guarantee = landscape_guarantee(6, 7 / 6, 1 / 6, budget)
    assert found.complete
    assert int(np.sum(found.index == 0)) == 7
    for q in found.points.T[found.index == 0]:
        assert np.max((A.T @ q) ** 2) > 2 / 3
        assert np.sum((A.T @ q) ** 4) > 1 - 2 * (16 * budget) ** 2
        assert curvatures(form, q)[0] >= guarantee.high
        assert np.min(distance(np.tile(q[:, None], 14), np.hstack([A, -A]))) <= guarantee.shift  # q̂_i = a_i here
    assert np.max(found.spectrum[0, found.index > 0]) < 0


@pytest.mark.claim("finite-sample-landscape", "sample-size-markov")
@pytest.mark.parametrize("n", [2, 3])
def test_the_whole_chain_on_a_real_sample(n):
    """Draw the proved number of samples: ε is within the budget, and the census of φ_DL counts 2m minimisers."""
    rng = np.random.default_rng(9)
    budget = perturbation_budget(n, 1.0, 0.0)
    p = ceil(sample_size_bound(n, n, 0.3, epsilon=0.9 * budget, delta=0.1).markov)
    check_landscape(orthogonal(n, rng=rng), 0.3, p, 0.95 * budget, 0.9 * budget, rng)


@pytest.mark.claim("finite-sample-landscape")
def test_an_overcomplete_sample_whose_hypothesis_is_verified():
    """Simplex frame n = 6 (K = 7/6): the upper bound of ε is below the budget for this sample, hence 2m minimisers."""
    budget = perturbation_budget(6, 7 / 6, 1 / 6)
    check_landscape(simplex(6), 0.2, 2_000_000, 0.99 * budget, 0.99 * budget, np.random.default_rng(24))


def check_landscape(A, theta, p, bound, largest, rng):
    """‖Δ‖ <= largest <= bound for a sample of size p, and every conclusion of the theorem by the census of φ_DL."""
    n, m = A.shape
    guarantee = landscape_guarantee(n, m / n, coherence(A), bound)
    assert guarantee.holds
    pieces, delta = 4, 0.0
    for _ in range(pieces):
        part = perturbation(A @ bernoulli_gaussian(m, p // pieces, theta, rng=rng), A, theta)
        delta = delta + part.D / pieces
    epsilon = injective_norm(SymmetricQuartic(n, delta), rng=rng).upper
    assert epsilon <= largest
    form = SymmetricQuartic(n, population(A).D - delta)
    listed = census_tensor(-4.0 * form.tensor(), rng=rng)
    assert listed.complete
    assert np.sum(listed.index == 0) == m
    wells = listed.points[:, listed.index == 0]
    correlation = np.abs(A.T @ wells)
    assert sorted(np.argmax(correlation, axis=0)) == list(range(m))
    assert np.max(np.arccos(np.minimum(np.max(correlation, axis=0), 1.0))) <= guarantee.shift  # here q̂_i = a_i
    assert np.min(listed.spectrum[0, listed.index == 0]) >= guarantee.high
    assert np.all(listed.spectrum[0, listed.index > 0] <= -16 * (bound - epsilon))


@pytest.mark.claim("sample-descent")
def test_descent_height_is_the_edge_of_its_condition():
    for K, mu, epsilon in ((1.5, 0.14, 0.002), (7 / 6, 1 / 6, 0.004), (2.0, 0.05, 0.001)):
        alpha, E = descent_height(K, mu, epsilon), 16 * epsilon
        margins = [
            middle_margin(K, mu, E / a, E * sqrt(K) / (4 * a**1.5)) for a in (alpha * (1 + 1e-4), alpha * (1 - 1e-4))
        ]
        assert margins[0] > 0 > margins[1]
    assert descent_height(1.5, 0.14, 0.0079) == np.inf  # the high zone fails
    assert descent_height(2.9, 0.1, 1e-6) == np.inf


@pytest.mark.claim("sample-descent")
def test_minimisers_above_the_descent_height_are_near_atoms():
    """An orthonormal basis of R²⁴ and perturbations above the budget for the sphere: descent from α_* finds atoms."""
    A, rng, epsilon = orthogonal(24, rng=np.random.default_rng(66)), np.random.default_rng(67), 0.0075
    level = descent_height(1.0, 0.0, epsilon)
    assert perturbation_budget(24, 1.0, 0.0) < epsilon
    assert level + 8 * epsilon < 0.5
    raw = random_difference(24, rng)
    delta = SymmetricQuartic(24, epsilon / injective_norm(raw, rng=rng, starts=2, iterations=5).upper * raw.D)
    form = SymmetricQuartic(24, population(A).D - delta.D)
    pairs = project(A[:, rng.integers(0, 24, 60)] + 0.8 * A[:, rng.integers(0, 24, 60)])
    Q = project(pairs + 0.3 * random_points(24, 60, rng=rng))
    Q = Q[:, np.sum((A.T @ Q) ** 4, axis=0) >= level + 8 * epsilon]
    assert Q.shape[1] >= 10
    for _ in range(300):
        Q = project(Q - 0.4 * form.gradient(Q))
        assert np.min(np.sum((A.T @ Q) ** 4, axis=0)) >= level
    assert np.min(np.max((A.T @ Q) ** 2, axis=0)) > 2 / 3


# Probability


@pytest.mark.claim("sample-size-markov")
@pytest.mark.parametrize("theta", [0.05, 0.3, 0.8])
@pytest.mark.parametrize("shape", [(2, 2), (2, 3), (4, 7), (3, 8)])
def test_eighth_moment_is_below_its_polynomial(shape, theta):
    """E‖y‖⁸ by a sum over all supports, each with the Gaussian formula, is at most V₈."""
    A, total = random_untf(*shape, rng=np.random.default_rng(10)), 0.0
    for b in itertools.product([0.0, 1.0], repeat=shape[1]):
        Sigma = (A * np.array(b)) @ A.T
        t1, t2, t3, t4 = (np.trace(np.linalg.matrix_power(Sigma, k)) for k in (1, 2, 3, 4))
        weight = theta ** sum(b) * (1 - theta) ** (len(b) - sum(b))
        total += weight * (t1**4 + 12 * t1**2 * t2 + 12 * t2**2 + 32 * t1 * t3 + 48 * t4)
    V8 = sample_size_bound(*shape, theta, epsilon=1.0, delta=0.5).markov * 0.5 / data_constant(theta) ** 2
    assert 0.1 * V8 < total <= V8 * (1 + 1e-12)


@pytest.mark.claim("sample-size-markov")
def test_gaussian_eighth_moment():
    """E‖y‖⁸ = t₁⁴ + 12t₁²t₂ + 12t₂² + 32t₁t₃ + 48t₄ by Gauss–Hermite quadrature for a diagonal covariance."""
    lam = np.array([0.5, 2.0])
    x, w = np.polynomial.hermite_e.hermegauss(12)
    w = w / w.sum()
    norm2 = lam[0] * x[:, None] ** 2 + lam[1] * x[None, :] ** 2
    t1, t2, t3, t4 = (np.sum(lam**k) for k in (1, 2, 3, 4))
    exact = w @ norm2**4 @ w
    assert t1**4 + 12 * t1**2 * t2 + 12 * t2**2 + 32 * t1 * t3 + 48 * t4 == pytest.approx(exact, rel=1e-12)


@pytest.mark.claim("sample-size-markov")
def test_markov_sample_size_formula():
    """The formula as printed, its scaling in ε and δ, and a frequency of failure at most δ."""
    n, m, theta, K, D = 3, 4, 0.3, 4 / 3, 1.2
    V8 = D**4 + 6 * D**3 + 7 * D**2 + D + 12 * K * (D**3 + 3 * D**2 + D) + 44 * K**2 * (D**2 + D) + 48 * K**3 * D
    sizes = sample_size_bound(n, m, theta, epsilon=0.5, delta=0.25)
    assert sizes.markov == pytest.approx(V8 / (144 * theta**2 * (1 - theta) ** 2 * 0.25 * 0.5**2), rel=1e-12)
    rng = np.random.default_rng(12)
    A = simplex(3)
    failures = sum(
        injective_norm(
            perturbation(A @ bernoulli_gaussian(m, ceil(sizes.markov), theta, rng=rng), A, theta), rng=rng, starts=8
        ).lower
        > 0.5
        for _ in range(8)
    )
    assert failures <= 0.25 * 8


@pytest.mark.claim("sample-size-net")
@pytest.mark.parametrize("n", [2, 3])
def test_a_net_sees_half_of_the_maximum(n):
    """A maximal 1/4-separated set: its size is within the volume bound, and no form is more than twice its maximum."""
    rng = np.random.default_rng(13)
    net = random_points(n, 1, rng=rng)
    for q in random_points(n, 6000, rng=rng).T:
        if np.min(distance(np.tile(q[:, None], net.shape[1]), net)) >= 0.25:
            net = np.column_stack([net, q])
    assert net.shape[1] <= (1 + 1 / sin(1 / 8)) ** n <= 9.03**n <= exp(2.21 * n)
    worst = 0.0
    for _ in range(8):
        turn = orthogonal(n, rng=rng)
        for form in (random_form(n, rng, terms=8), planar_wave(n)):
            worst = max(worst, 1.0 / np.max(np.abs(form.value(turn @ net))))
    assert 1.0 < worst <= 2.0


@pytest.mark.claim("sample-size-net")
def test_a_quartic_falls_from_its_maximum_no_faster_than_the_lemma():
    """|Δ(q)| >= ε(1 − 8φ²) at distance φ from a maximiser, for φ up to 1/4."""
    rng = np.random.default_rng(14)
    for n in (2, 4):
        for form in (random_form(n, rng), planar_wave(n)):
            best = injective_norm(form, rng=rng)
            for phi in (0.05, 0.15, 0.25):
                V = random_tangents(np.tile(best.q[:, None], 100), rng=rng)
                values = best.sign * form.value(geodesic(np.tile(best.q[:, None], 100), V, phi))
                assert np.min(values) >= best.lower * (1 - 8 * phi**2) - 1e-9


@pytest.mark.claim("sample-size-net")
def test_tail_lemma_against_simulation():
    """T₄(θK) is above E s⁴ everywhere, and both tails of the mean fourth power stay below the bounds."""
    rng = np.random.default_rng(15)
    for theta, A in itertools.product([0.05, 0.3, 0.9], [simplex(4), random_untf(3, 8, rng=rng)]):
        D = theta * A.shape[1] / A.shape[0]
        Q = np.hstack([A, random_points(A.shape[0], 100, rng=rng)])
        assert np.max(support_moments(A.T @ Q, theta).fourth) <= D**4 + 6 * D**3 + 7 * D**2 + D
    theta, A, p, repeats = 0.3, simplex(4), 4000, 800
    K, D, q = 5 / 4, 0.3 * 5 / 4, A[:, 0]
    V = 105 * (D**4 + 6 * D**3 + 7 * D**2 + D)
    z = (q @ A @ bernoulli_gaussian(5, p * repeats, theta, rng=rng)).reshape(repeats, p)
    error = np.mean(z**4, axis=1) - 3 * support_moments(A.T @ q, theta).second
    for t in (0.1, 0.2, 0.3):
        assert np.mean(error <= -t) <= exp(-p * t**2 / (2 * V)) + 5 * sqrt(0.25 / repeats)
        tau2 = 2 * K * (log(p) + 5)
        beta = 0.25
        upper = exp(-p * t / 2 * min(t * (1 - beta) ** 4.5 / V, beta / (2 * K * tau2))) + p * exp(-tau2 / (2 * K))
        assert np.mean(error >= t) <= upper + 5 * sqrt(0.25 / repeats)


@pytest.mark.claim("sample-size-net")
@pytest.mark.parametrize("beta", [0.0, 0.2, 0.6])
def test_exponential_moment_in_the_tail_lemma(beta):
    """E[g⁸ exp(βg²/2)] = 105 (1−β)^{−9/2} by quadrature."""
    g = np.linspace(-60, 60, 400_001)
    integral = np.sum(g**8 * np.exp((beta - 1) * g * g / 2)) * (g[1] - g[0]) / sqrt(2 * np.pi)
    assert integral == pytest.approx(105 * (1 - beta) ** -4.5, rel=1e-9)


@pytest.mark.claim("sample-size-net")
@pytest.mark.parametrize(("n", "m", "theta", "epsilon"), [(2, 3, 0.3, 0.5), (32, 33, 0.1, 0.003), (64, 96, 0.5, 0.1)])
def test_net_sample_size_satisfies_its_inequality_and_is_least(n, m, theta, epsilon):
    delta = 0.05
    sizes = sample_size_bound(n, m, theta, epsilon=epsilon, delta=delta)
    K, c, beta = m / n, 1 / (12 * theta * (1 - theta)), sizes.beta
    Lambda = 2.21 * n + log(3 / delta)
    D = theta * K
    V = 105 * (D**4 + 6 * D**3 + 7 * D**2 + D) / (1 - beta) ** 4.5

    def enough(p):
        bulk = 8 * c**2 * V * Lambda / epsilon**2
        return p >= max(bulk, 16 * c * K**2 * Lambda * (Lambda + log(p)) / (beta * epsilon))

    assert enough(sizes.net)
    assert not enough(0.999 * sizes.net)
    assert sizes.p == ceil(min(sizes.net, sizes.markov))
    assert sample_size_bound(n, m, theta, epsilon=epsilon / 2, delta=delta).net >= 2 * sizes.net


@pytest.mark.claim("sample-size-net")
def test_net_sample_size_succeeds():
    n, m, theta, epsilon = 2, 3, 0.3, 0.5
    p = ceil(sample_size_bound(n, m, theta, epsilon=epsilon, delta=0.1).net)
    A, rng = mercedes_benz(), np.random.default_rng(16)
    for _ in range(5):
        delta = perturbation(A @ bernoulli_gaussian(m, p, theta, rng=rng), A, theta)
        assert injective_norm(delta, rng=rng, starts=8).upper <= epsilon


# The injective norm


@pytest.mark.claim("injective-norm-bounds")
@pytest.mark.parametrize("n", [2, 3, 4])
def test_bracket_against_the_census(n):
    """The census lists every critical point of Δ on the sphere, so it decides ε; the bracket contains it."""
    rng = np.random.default_rng(17)
    for p in (200, 20_000):
        data = make_odl((n, n + 1), p, 0.3, rng=rng)
        delta = perturbation(data.Y, data.A, 0.3)
        listed = census_tensor(delta.tensor(), rng=rng)
        assert listed.complete
        exact = np.max(np.abs(listed.alpha))
        bracket = injective_norm(delta, rng=rng)
        assert bracket.lower == pytest.approx(exact, rel=1e-8)
        assert exact <= bracket.upper * (1 + 1e-9)
        assert bracket.upper <= bracket.spectral * (1 + 1e-9) <= bracket.frobenius * (1 + 2e-9)
        assert float(delta.value(bracket.q)) == pytest.approx(bracket.sign * bracket.lower, rel=1e-12)
        assert np.linalg.norm(delta.gradient(bracket.q)) <= 1e-6 * bracket.lower


@pytest.mark.claim("injective-norm-bounds")
def test_the_relaxation_is_better_than_the_spectral_bound_where_norms_fluctuate():
    """For ‖q‖⁴ the spectral norm is (n+2)/3 and the relaxation exact; any λ gives a valid upper bound."""
    n = 5
    i, j = np.triu_indices(n)
    weight = np.where(i == j, 1.0, sqrt(2.0))
    e = (i == j) * 1.0
    D = (np.outer(e, e) + 2 * np.eye(e.size)) / 3  # the symmetric tensor of ‖q‖⁴
    form = SymmetricQuartic(n, D)
    q = random_points(n, rng=np.random.default_rng(18))
    assert float(form.value(q)) == pytest.approx(1.0, rel=1e-12)
    bracket = injective_norm(form, rng=np.random.default_rng(19), starts=4)
    assert bracket.spectral == pytest.approx((n + 2) / 3, rel=1e-12)
    assert bracket.upper == pytest.approx(1.0, abs=1e-6)
    # Equation eq-injective-upper at a λ of our own choice, on a random form
    form = random_form(n, np.random.default_rng(20))
    B = np.linalg.svd(e[None, :])[2][1:].T
    r = B.T @ form.D @ e / n
    compressed = B.T @ form.D @ B
    top = np.linalg.eigvalsh(compressed)[-1]
    Q = random_points(n, 500, rng=np.random.default_rng(21))
    v = weight[:, None] * Q[i] * Q[j]
    assert inner(v, form.D @ v) == pytest.approx(form.value(Q), rel=1e-9, abs=1e-12)
    for lam in (top + 0.01, top + 0.3, top + 2.0):
        bound = e @ form.D @ e / n**2 + lam * (1 - 1 / n) + r @ np.linalg.solve(lam * np.eye(len(r)) - compressed, r)
        assert np.max(form.value(Q)) <= bound


@pytest.mark.claim("epsilon-rate")
def test_the_size_of_the_error_falls_like_the_square_root_of_p():
    """The slope of ε(p) over two decades (a measurement, with room for its fluctuation)."""
    rng = np.random.default_rng(22)
    A = simplex(4)
    sizes = np.array([500, 3000, 18_000])
    mean = [
        np.mean(
            [
                injective_norm(
                    perturbation(A @ bernoulli_gaussian(5, p, 0.3, rng=rng), A, 0.3), rng=rng, starts=8
                ).lower
                for _ in range(8)
            ]
        )
        for p in sizes
    ]
    assert np.polyfit(np.log(sizes), np.log(mean), 1)[0] == pytest.approx(-0.5, abs=0.1)


def test_degenerate_and_bad_input():
    rng = np.random.default_rng(23)
    zero = injective_norm(SymmetricQuartic(3, np.zeros((6, 6))), rng=rng)
    assert (zero.lower, zero.upper) == (0.0, 0.0)
    with pytest.raises(ValueError, match="Y: expected 3 rows as A"):
        perturbation(np.ones((2, 5)) * np.arange(5), np.eye(3), 0.3)
    with pytest.raises(ValueError, match="expected n <= 96"):
        perturbation(rng.standard_normal((97, 3)), np.eye(97), 0.3)
    with pytest.raises(ValueError, match="m: expected at least n = 4"):
        sample_size_bound(4, 3, 0.3, epsilon=0.1, delta=0.1)
    with pytest.raises(ValueError, match="epsilon: expected a finite number of at least 0"):
        persistence(1.0, 1.5, -1e-3)
    with pytest.raises(ValueError, match="K: expected a number of at least 1"):
        perturbation_budget(5, 0.5, 0.1)
    with pytest.raises(ValueError, match="mu: expected a coherence"):
        perturbation_budget(5, 1.5, 1.5)
    with pytest.raises(ValueError, match=r"K: expected a number in \[1, 3\)"):
        landscape_guarantee(5, 3.0, 0.1, 0.01)
    with pytest.raises(ValueError, match="threshold: expected a number in"):
        landscape_guarantee(5, 1.5, 0.1, 0.01, threshold=0.7)
    with pytest.raises(ValueError, match="kappa, eta: expected"):
        middle_margin(1.5, 0.1, -0.1, 0.0)
    with pytest.raises(ValueError, match="form: expected n >= 2"):
        injective_norm(SymmetricQuartic(1, np.ones((1, 1))), rng=rng)
    with pytest.raises(TypeError, match=r"numpy\.random\.Generator such"):
        injective_norm(planar_wave(2), rng=7)
