"""From population to samples: the perturbation theorems on random forms, and the whole chain on real samples."""

import itertools
from math import ceil, exp, log, sin, sqrt

import numpy as np
import pytest

from l4lib.census import census_tensor
from l4lib.data import bernoulli_gaussian, data_constant, frames, make_odl, phi_DL
from l4lib.landscape import (
    expected_phi_DL,
    injective_norm,
    landscape_guarantee,
    mean_square_perturbation,
    persistence,
    perturbation,
    perturbation_budget,
    sample_size_bound,
    sharp_condition,
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
    transport,
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
    A = frames.random_untf(5, 8, rng=rng) if tight else frames.random_unit(5, 8, rng=rng)
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
@pytest.mark.parametrize("n", [2, 3, 5])
def test_banach(n):
    """The four-linear form on unit vectors never exceeds the maximum of the values."""
    rng = np.random.default_rng(n)
    for _ in range(4):
        form = random_form(n, rng)
        U = random_points(n, 4 * 3000, rng=rng).reshape(n, 4, 3000)
        U[:, 1] = project(U[:, 0] + 0.5 * U[:, 1])  # some tuples nearly parallel, where the maximum is
        values = np.einsum("ijkl,ir,jr,kr,lr->r", form.tensor(), *(U[:, k] for k in range(4)), optimize=True)
        assert np.max(np.abs(values)) <= 1 + 1e-9


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


@pytest.mark.claim("perturbation")
def test_rate_of_the_hessian():
    """Along geodesics the Hessian of a form of injective norm one changes at rate at most 64; cos 4t attains it."""
    rng = np.random.default_rng(4)
    step = 1e-4

    def rate(form, q, w, v):
        ends = []
        for t in (-step, step):
            moved = geodesic(q, w, t)
            carried = transport(q, moved, v)
            ends.append(carried @ form.hessian(moved) @ carried)
        return abs(ends[1] - ends[0]) / (2 * step)

    for n in (2, 3, 5):
        form = random_form(n, rng)
        for _ in range(150):
            q = random_points(n, rng=rng)
            w, v = random_tangents(q, rng=rng), random_tangents(q, rng=rng)
            assert rate(form, q, w, v) <= 64 + 1e-4
    t = np.pi / 8
    q, w = np.array([np.cos(t), np.sin(t)]), np.array([-np.sin(t), np.cos(t)])
    assert rate(planar_wave(2), q, w, w) == pytest.approx(64.0, rel=1e-5)


@pytest.mark.claim("persistence")
def test_minimisers_persist_within_the_bound():
    """Perturb φ_T of several frames by random forms of known ε and follow each minimiser."""
    rng = np.random.default_rng(5)
    applied = 0
    for A in (frames.simplex(5), frames.random_untf(6, 8, rng=rng), frames.identity_hadamard(8)):
        n, m = A.shape
        minimisers = newton(population(A), A)
        for size in (2e-4, 1e-3):
            delta = random_form(n, rng, size=size)
            moved = SymmetricQuartic(n, population(A).D - delta.D)
            for q in minimisers.T:
                sigma = curvatures(population(A), q)[0]
                if sigma <= 0:
                    continue
                bound = persistence(sigma, m / n, size)
                if not bound.holds:
                    continue
                applied += 1
                r = newton(moved, q[:, None])[:, 0]
                assert 0 < float(distance(q, r)) <= bound.distance
                assert bound.distance < bound.radius
                assert curvatures(moved, r)[0] > 0
                # and no second critical point in the ball
                centres = np.tile(q[:, None], 8)
                others = newton(moved, geodesic(centres, random_tangents(centres, rng=rng), 0.9 * bound.radius))
                inside = distance(np.tile(q[:, None], others.shape[1]), others) < bound.radius
                assert np.all(distance(np.tile(r[:, None], inside.sum()), others[:, inside]) < 1e-7)
    assert applied >= 20


@pytest.mark.claim("persistence")
def test_persistence_refuses_a_large_perturbation():
    assert not persistence(0.5, 1.5, 0.5 / 16).holds
    # just on either side of 128 ε (K + 4ε) = (σ − 16ε)²
    sigma, K = 0.8, 2.0
    root = np.roots([256 - 512, -32 * sigma - 128 * K, sigma**2])
    critical = min(r.real for r in root if r.real > 0)
    assert persistence(sigma, K, 0.999 * critical).holds
    assert not persistence(sigma, K, 1.001 * critical).holds
    assert persistence(sigma, K, 1.001 * critical).distance == np.inf


# The robust landscape

ADMISSIBLE = {
    "simplex 8": (frames.simplex(8), 0.55),
    "simplex 24": (frames.simplex(24), 0.29),
    "two simplices": (frames.direct_sum(frames.simplex(12), frames.simplex(12)), 0.4),
    "orthogonal 10": (np.eye(10), 0.3),
}


def low_curvature(n, K, threshold):
    """Γ(h̄) by a fine grid, independent of the library's crossing formula."""
    h = np.geomspace(1 / n, threshold, 20001)
    return float(np.min(np.maximum(h * (3 - K - 3 * h), K * (3 - (n + 2) * h) / (n - 1))))


def margins(n, K, mu, kappa, g, threshold):
    """C₁, C₂, C₃ and the first interference bound t₀, written out as on the page."""
    b = 3 / (1 + kappa)
    h1 = 1 - 1 / b
    h0 = min(threshold, h1)
    r = sqrt(b * (K - 1) + 1)
    rho = 1 - 1 / (b * (1 - mu))
    delta1 = mu * (K / h1 - 1)
    a = 1 - mu * r / (b - 1) - g / h1**1.5 / sqrt(b)
    t = sqrt(a / (b * (1 - mu)))
    C1 = rho - delta1 - r * (mu + g / h1**1.5)
    C2 = b * rho * (1 - h0) - mu * (K / h0 - 1) - r * (mu + g / h0**1.5)
    C3 = t * (a * (1 - 1 / b) - delta1) - mu - g / h1**1.5
    roots = np.roots([-(1 - mu), 0, a - delta1, -(mu + g / h1**1.5)])
    t0 = min(z.real for z in roots if abs(z.imag) < 1e-9 and z.real > -1e-9)
    return (C1, C2, C3), h1, t0


def near_critical_points(A, g, rng):
    """Critical points of many indices, from Newton at sums of atoms, and points moved away from them by about g."""
    n, m = A.shape
    starts = []
    for size in [1, 1, 1, 2, 2, 2, 3, 4, 6, m // 2, m - 2]:
        subset = rng.choice(m, size=size, replace=False)
        starts.append(A[:, subset] @ rng.choice([-1.0, 1.0], size=size) + 0.01 * rng.standard_normal(n))
    critical = newton(population(A), project(np.array(starts).T))
    pushed = [
        retract(critical, random_tangents(critical, rng=rng) * rng.uniform(0, 1.0, critical.shape[1]) * g)
        for _ in range(4)
    ]
    return np.hstack([critical, *pushed])


@pytest.mark.claim("robust-strict-saddle")
@pytest.mark.parametrize("untight", [False, True])
def test_inequalities_with_slack_at_any_point(untight):
    """The four inequalities hold for every q of every UNTF with g = ‖grad‖ and the least κ, however large."""
    rng = np.random.default_rng(60)
    slacks = []
    for A in (frames.random_untf(6, 9, rng=rng), frames.simplex(8), frames.random_untf(5, 14, rng=rng)):
        if untight:  # negative control: without tightness they fail somewhere
            A = project(A * np.geomspace(1, 8, A.shape[0])[:, None])
        n, m = A.shape
        K, mu, form = m / n, frames.coherence(A), population(A)
        Q = np.hstack([random_points(n, 60, rng=rng), near_critical_points(A, 0.3, rng)])
        for q in Q.T:
            zeta = np.sort(np.abs(A.T @ q))[::-1]
            alpha, h = np.sum(zeta**4), zeta[0] ** 2
            kappa = max(0.0, -curvatures(form, q)[0] / alpha)
            g = np.linalg.norm(form.gradient(q))
            b, t, a, P = 3 / (1 + kappa), zeta[1] / zeta[0], alpha / h, K - h
            p, gamma = P / h, g / h**1.5
            slacks.append(
                [
                    a - b * (1 - h),
                    a - b * (1 - mu) * t**2,
                    mu + gamma - t * (a - t**2 - mu * (p - t**2)),
                    mu * t * p + gamma * sqrt(max(0, 1 - h)) - abs(1 - a),
                    mu * sqrt(max(0, P * (a - h))) / h + gamma * sqrt(max(0, 1 - h)) - abs(1 - a),
                    P * (t**2 + mu * t / h) + gamma * sqrt(max(0, 1 - h)) - (1 - h),
                ]
            )
    least = np.min(slacks, axis=0)
    if untight:
        assert np.min(least) < -0.01
    else:
        assert np.min(least) > -1e-9
        assert np.max(least) < 0.2  # and none of them is idle


@pytest.mark.claim("robust-strict-saddle")
@pytest.mark.parametrize("name", ADMISSIBLE)
def test_every_nearly_critical_point_is_of_one_kind(name):
    A, threshold = ADMISSIBLE[name]
    rng = np.random.default_rng(6)
    n, m = A.shape
    K, mu, form = m / n, frames.coherence(A), population(A)
    kappa, g = 0.05, 0.01
    C, h1, t0 = margins(n, K, mu, kappa, g, threshold)
    assert min(C) > 0
    gamma, kinds = low_curvature(n, K, threshold), set()
    for q in near_critical_points(A, g, rng).T:
        if np.linalg.norm(form.gradient(q)) > g:
            continue
        zeta = np.sort(np.abs(A.T @ q))[::-1]
        alpha, h, spectrum = np.sum(zeta**4), zeta[0] ** 2, curvatures(form, q)
        if h < threshold:
            kinds.add("low")
            assert spectrum[0] <= -gamma * (1 - 1e-9)
        elif spectrum[0] < -kappa * alpha:
            kinds.add("saddle")
        else:
            kinds.add("well")
            assert h > h1
            assert zeta[1] / zeta[0] <= t0 + 1e-12
            convexity = h * (4 * h - 3 - 3 * K * (zeta[1] / zeta[0]) ** 2)
            assert spectrum[0] >= convexity - 1e-10
    assert {"well", "low"} <= kinds or {"well", "saddle"} <= kinds
    if name == "orthogonal 10":
        assert kinds == {"low", "saddle", "well"}


@pytest.mark.claim("robust-strict-saddle")
def test_negative_curvature_bounds_hold_at_any_point():
    """Both functions in Γ bound λ_min at arbitrary points, for frames of every coherence, and h >= 1/n."""
    rng = np.random.default_rng(7)
    for A in (frames.random_untf(6, 9, rng=rng), frames.simplex(8), frames.random_untf(5, 14, rng=rng)):
        n, m = A.shape
        K = m / n
        for q in random_points(n, 60, rng=rng).T:
            h = np.max((A.T @ q) ** 2)
            assert h >= 1 / n - 1e-12
            least = curvatures(population(A), q)[0]
            assert least <= -h * (3 - K - 3 * h) + 1e-10
            assert least <= -K * (3 - (n + 2) * h) / (n - 1) + 1e-10


@pytest.mark.claim("finite-sample-landscape")
@pytest.mark.parametrize(
    ("n", "K", "mu"), [(3, 1.0, 0.0), (6, 7 / 6, 1 / 6), (32, 33 / 32, 1 / 32), (64, 2.0, 0.125), (200, 1.5, 0.01)]
)
def test_guarantee_evaluates_the_conditions_of_the_page(n, K, mu):
    """Γ, C₁…C₅ and the bootstrap recomputed independently; the budget is the edge of their validity."""
    budget = perturbation_budget(n, K, mu)
    assert budget > 0
    epsilon = 0.9 * budget
    found = landscape_guarantee(n, K, mu, epsilon)
    assert found.holds
    threshold, g = found.threshold, 4 * epsilon
    assert 0.99 * low_curvature(n, K, threshold) <= found.low <= low_curvature(n, K, threshold) * (1 + 1e-9)
    assert 16 * epsilon <= found.low
    C, h, t = margins(n, K, mu, 16 * epsilon / threshold**2, g, threshold)
    np.testing.assert_allclose(found.margins[:3], C, rtol=1e-9)
    for _ in range(12):
        gamma, delta, e = g / h**1.5, mu * (K / h - 1), t * t + mu * t / h
        quadratic = np.roots([1 - e, -gamma, -e * (K - 1)])
        cubic = np.roots([-(1 - mu), -delta, 1 - gamma * sqrt(1 - h) - delta, -(mu + gamma)])
        t = min([t, *(z.real for z in cubic if abs(z.imag) < 1e-9 and z.real > -1e-9)])
        h = max(h, 1 - max(quadratic.real) ** 2)
    assert (found.h, found.t) == pytest.approx((h, t), rel=1e-7, abs=1e-9)
    C4 = h * (4 * h - 3 - 3 * K * t * t) - 16 * epsilon
    assert found.margins[3] == pytest.approx(C4, rel=1e-6)
    radii = np.linspace(0.002, 0.5, 250)
    c2 = np.cos(radii) ** 2
    rate = c2 * (4 * c2 - 3 - 3 * K * (mu + np.tan(radii)) ** 2) - 16 * epsilon
    slope = mu**2 * sqrt(K * (K - 1)) + g
    assert found.margins[4] == pytest.approx(np.max(rate * radii - slope), rel=1e-6)
    usable = (rate > 0) & (rate * radii > slope)
    assert found.distance == pytest.approx(np.min(slope / rate[usable]), rel=1e-6)
    # the edge: fails just above the budget, holds below it, for every smaller ε as well
    assert not landscape_guarantee(n, K, mu, 1.01 * budget).holds
    assert all(landscape_guarantee(n, K, mu, fraction * budget).holds for fraction in (1e-3, 0.3, 0.99))


@pytest.mark.claim("finite-sample-landscape")
@pytest.mark.parametrize(("K", "mu"), [(1.2, 0.1), (2.0, 0.125), (2.5, 0.02)])
def test_the_population_criterion_is_the_limit(K, mu):
    """For ε → 0 and h̄ → 1 − K/3 every margin tends to that of the sharp criterion of the population."""
    population_margins = sharp_condition(K, mu)
    assert population_margins.holds
    found = landscape_guarantee(40, K, mu, 1e-12, threshold=(1 - K / 3) * (1 - 1e-9))
    assert found.holds
    wanted = (population_margins.C1, population_margins.C2, population_margins.C3)
    assert found.margins[:3] == pytest.approx(wanted, abs=1e-6)
    assert (found.h, found.t) == pytest.approx((population_margins.h, population_margins.t), abs=1e-4)
    assert found.margins[3] == pytest.approx(population_margins.h * population_margins.C4, abs=1e-3)
    assert found.distance == pytest.approx(population_margins.distance, rel=2e-2)


@pytest.mark.claim("finite-sample-landscape")
def test_no_guarantee_where_the_landscape_is_flat_or_k_too_large():
    assert perturbation_budget(3, 2.0, 5**-0.5) == 0.0
    assert perturbation_budget(50, 3.0, 0.0) == 0.0
    assert not landscape_guarantee(2, 1.5, 0.5, 1e-9).holds


@pytest.mark.claim("finite-sample-landscape")
@pytest.mark.parametrize("name", ["simplex 8", "simplex 24", "two simplices"])
def test_landscape_under_a_perturbation_within_the_budget(name):
    """A random Δ of certain size: one minimiser near each atom within the distance, others strict saddles."""
    A, _ = ADMISSIBLE[name]
    rng = np.random.default_rng(8)
    n, m = A.shape
    K, mu = m / n, frames.coherence(A)
    bound = 0.95 * perturbation_budget(n, K, mu)
    guarantee = landscape_guarantee(n, K, mu, bound)
    assert guarantee.holds
    raw = random_difference(n, rng)
    epsilon = 0.98 * bound
    upper = injective_norm(raw, rng=rng, starts=4, iterations=5).upper
    form = SymmetricQuartic(n, population(A).D - epsilon / upper * raw.D)  # ‖Δ‖ <= ε < bound for certain
    found = newton(form, A)
    assert found.shape[1] == m
    away = distance(found, A)
    assert 0 < np.max(away) <= guarantee.distance
    correlations = np.sort(np.abs(A.T @ found), axis=0)
    assert np.min(correlations[-1]) ** 2 >= guarantee.h
    assert np.max(correlations[-2] / correlations[-1]) <= guarantee.t
    assert min(curvatures(form, q)[0] for q in found.T) >= guarantee.margins[3]
    saddles = 0
    for q in newton(form, near_critical_points(A, 0.01, rng)).T:
        near = np.max((A.T @ q) ** 2) >= guarantee.h
        least = curvatures(form, q)[0]
        assert least >= guarantee.margins[3] if near else least <= -16 * (bound - epsilon)
        saddles += not near
    assert saddles > 0


@pytest.mark.claim("finite-sample-landscape", "sample-landscape-corollary", "sample-size-markov")
@pytest.mark.parametrize("n", [2, 3])
def test_the_whole_chain_on_a_real_sample(n):
    """Draw the proved number of samples: ε is within the budget, and the census of φ_DL counts 2m minimisers."""
    theta, rng = 0.3, np.random.default_rng(9)
    budget = perturbation_budget(n, 1.0, 0.0)
    t = 0.9 * budget
    p = ceil(sample_size_bound(n, n, theta, epsilon=t, delta=0.1).markov)
    A = frames.orthogonal(n, rng=rng)
    check_landscape(A, theta, p, 0.95 * budget, t, rng)


@pytest.mark.claim("finite-sample-landscape")
def test_an_overcomplete_sample_whose_hypothesis_is_verified():
    """Simplex frame n = 6 (K = 7/6): the upper bound of ε is below the budget for this sample, hence 2m minimisers."""
    budget = perturbation_budget(6, 7 / 6, 1 / 6)
    check_landscape(frames.simplex(6), 0.2, 3_000_000, 0.99 * budget, 0.99 * budget, np.random.default_rng(24))


def check_landscape(A, theta, p, bound, largest, rng):
    """‖Δ‖ <= largest <= bound for a sample of size p, and every conclusion of the theorem by the census of φ_DL."""
    n, m = A.shape
    guarantee = landscape_guarantee(n, m / n, frames.coherence(A), bound)
    assert guarantee.holds
    delta = SymmetricQuartic(n, np.zeros((n * (n + 1) // 2, n * (n + 1) // 2)))
    pieces = 4
    for _ in range(pieces):
        part = perturbation(A @ bernoulli_gaussian(m, p // pieces, theta, rng=rng), A, theta)
        delta = SymmetricQuartic(n, delta.D + part.D / pieces)
    epsilon = injective_norm(delta, rng=rng).upper
    assert epsilon <= largest
    landscape = SymmetricQuartic(n, SymmetricQuartic.from_dictionary(A).D + 4 * delta.D)  # −4 φ_DL up to a constant
    listed = census_tensor(landscape.tensor(), rng=rng)
    assert listed.complete
    minima = listed.points[:, listed.index == 0]
    assert minima.shape[1] == m
    nearest = np.max(np.abs(A.T @ minima), axis=0)
    assert sorted(np.argmax(np.abs(A.T @ minima), axis=0)) == list(range(m))
    assert np.min(nearest) >= np.cos(guarantee.distance)
    assert np.all(listed.spectrum[0, listed.index > 0] <= -16 * (bound - epsilon))


# Probability


def eighth_moment_by_enumeration(A, theta):
    total = 0.0
    for b in itertools.product([0.0, 1.0], repeat=A.shape[1]):
        b = np.array(b)
        Sigma = (A * b) @ A.T
        t1, t2, t3, t4 = (np.trace(np.linalg.matrix_power(Sigma, k)) for k in (1, 2, 3, 4))
        weight = theta ** b.sum() * (1 - theta) ** (b.size - b.sum())
        total += weight * (t1**4 + 12 * t1**2 * t2 + 12 * t2**2 + 32 * t1 * t3 + 48 * t4)
    return total


@pytest.mark.claim("frobenius-exact", "sample-size-markov")
@pytest.mark.parametrize("theta", [0.05, 0.3, 0.8])
@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (2, 3), (4, 7), (3, 8)])
def test_mean_square_by_enumeration(shape, theta):
    """The closed form against a sum over all supports, and E y^{⊗4} from its definition; V₈ is above."""
    n, m = shape
    A = frames.random_untf(n, m, rng=np.random.default_rng(10))
    eighth = eighth_moment_by_enumeration(A, theta)
    mean = np.zeros((n,) * 4)
    for b in itertools.product([0.0, 1.0], repeat=m):
        Sigma = (A * np.array(b)) @ A.T
        weight = theta ** sum(b) * (1 - theta) ** (m - sum(b))
        mean += weight * (
            np.einsum("ij,kl->ijkl", Sigma, Sigma)
            + np.einsum("ik,jl->ijkl", Sigma, Sigma)
            + np.einsum("il,jk->ijkl", Sigma, Sigma)
        )
    exact = data_constant(theta) ** 2 * (eighth - np.sum(mean * mean))
    assert mean_square_perturbation(A, theta) == pytest.approx(exact, rel=1e-9)
    if n >= 2:
        V8 = sample_size_bound(n, m, theta, epsilon=1.0, delta=0.5).markov * 0.5 / data_constant(theta) ** 2
        assert eighth * (1 - 1e-12) <= V8


@pytest.mark.claim("frobenius-exact")
def test_gaussian_eighth_moment():
    """E‖y‖⁸ = t₁⁴ + 12t₁²t₂ + 12t₂² + 32t₁t₃ + 48t₄ by Gauss–Hermite quadrature for a diagonal covariance."""
    lam = np.array([0.5, 2.0])
    x, w = np.polynomial.hermite_e.hermegauss(12)
    w = w / w.sum()
    norm2 = lam[0] * x[:, None] ** 2 + lam[1] * x[None, :] ** 2
    t1, t2, t3, t4 = (np.sum(lam**k) for k in (1, 2, 3, 4))
    exact = w @ norm2**4 @ w
    assert t1**4 + 12 * t1**2 * t2 + 12 * t2**2 + 32 * t1 * t3 + 48 * t4 == pytest.approx(exact, rel=1e-12)


@pytest.mark.claim("frobenius-exact")
def test_mean_square_by_simulation():
    rng = np.random.default_rng(11)
    A = frames.simplex(4)
    p, repeats = 400, 1500
    squares = [perturbation(A @ bernoulli_gaussian(5, p, 0.3, rng=rng), A, 0.3).frobenius ** 2 for _ in range(repeats)]
    error = np.std(squares) / sqrt(repeats)
    assert abs(np.mean(squares) - mean_square_perturbation(A, 0.3) / p) < 5 * error
    assert error < 0.1 * np.mean(squares)  # so that the comparison says something


@pytest.mark.claim("sample-size-markov")
def test_markov_sample_size_formula():
    """The formula as printed, its scaling in ε and δ, and a frequency of failure at most δ."""
    n, m, theta, K, D = 3, 4, 0.3, 4 / 3, 1.2
    V8 = D**4 + 6 * D**3 + 7 * D**2 + D + 12 * K * (D**3 + 3 * D**2 + D) + 44 * K**2 * (D**2 + D) + 48 * K**3 * D
    sizes = sample_size_bound(n, m, theta, epsilon=0.5, delta=0.25)
    assert sizes.markov == pytest.approx(V8 / (144 * theta**2 * (1 - theta) ** 2 * 0.25 * 0.5**2), rel=1e-12)
    rng = np.random.default_rng(12)
    A = frames.simplex(3)
    failures = sum(
        injective_norm(
            perturbation(A @ bernoulli_gaussian(m, ceil(sizes.markov), theta, rng=rng), A, theta), rng=rng, starts=8
        ).lower
        > 0.5
        for _ in range(20)
    )
    assert failures <= 0.25 * 20


@pytest.mark.claim("net-lemma")
@pytest.mark.parametrize("n", [2, 3])
def test_a_net_sees_half_of_the_maximum(n):
    """A maximal 1/4-separated set: its size is within the volume bound, and no form is more than twice its maximum."""
    rng = np.random.default_rng(13)
    net = random_points(n, 1, rng=rng)
    for q in random_points(n, 20_000, rng=rng).T:
        if np.min(distance(np.tile(q[:, None], net.shape[1]), net)) >= 0.25:
            net = np.column_stack([net, q])
    assert net.shape[1] <= (1 + 1 / sin(1 / 8)) ** n <= 9.03**n <= exp(2.21 * n)
    worst = 0.0
    for _ in range(8):
        turn = frames.orthogonal(n, rng=rng)
        for form in (random_form(n, rng, terms=8), planar_wave(n)):
            worst = max(worst, 1.0 / np.max(np.abs(form.value(turn @ net))))
    assert 1.0 < worst <= 2.0


@pytest.mark.claim("net-lemma")
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
    for theta, A in itertools.product([0.05, 0.3, 0.9], [frames.simplex(4), frames.random_untf(3, 8, rng=rng)]):
        D = theta * A.shape[1] / A.shape[0]
        Q = np.hstack([A, random_points(A.shape[0], 100, rng=rng)])
        assert np.max(support_moments(A.T @ Q, theta).fourth) <= D**4 + 6 * D**3 + 7 * D**2 + D
    theta, A, p, repeats = 0.3, frames.simplex(4), 4000, 800
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
    A, rng = frames.mercedes_benz(), np.random.default_rng(16)
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
    A = frames.simplex(4)
    sizes = np.array([500, 5000, 50_000])
    mean = [
        np.mean(
            [
                injective_norm(
                    perturbation(A @ bernoulli_gaussian(5, p, 0.3, rng=rng), A, 0.3), rng=rng, starts=16
                ).lower
                for _ in range(12)
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
    with pytest.raises(ValueError, match="A: expected a unit-norm tight frame"):
        mean_square_perturbation(frames.random_unit(3, 5, rng=rng), 0.3)
    with pytest.raises(ValueError, match="m: expected at least n = 4"):
        sample_size_bound(4, 3, 0.3, epsilon=0.1, delta=0.1)
    with pytest.raises(ValueError, match="epsilon: expected a finite number of at least 0"):
        persistence(1.0, 1.5, -1e-3)
    with pytest.raises(ValueError, match="K: expected at least 1"):
        perturbation_budget(5, 0.5, 0.1)
    with pytest.raises(ValueError, match="mu: expected a coherence"):
        perturbation_budget(5, 1.5, 1.5)
    with pytest.raises(ValueError, match="K: expected less than 3"):
        landscape_guarantee(5, 3.0, 0.1, 0.01)
    with pytest.raises(ValueError, match="threshold: expected a number in"):
        landscape_guarantee(5, 1.5, 0.1, 0.01, threshold=0.6)
    with pytest.raises(ValueError, match="form: expected n >= 2"):
        injective_norm(SymmetricQuartic(1, np.ones((1, 1))), rng=rng)
    with pytest.raises(TypeError, match=r"numpy\.random\.Generator such"):
        injective_norm(planar_wave(2), rng=7)
