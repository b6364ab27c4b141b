"""From population to samples: the perturbation theorems on random forms, and the whole chain on real samples."""

import itertools
from math import ceil, exp, log, sin, sqrt

import numpy as np
import pytest

from l4lib import frames
from l4lib.census import census_tensor
from l4lib.models import bernoulli_gaussian, make_odl
from l4lib.objective import data_constant, phi_DL, phi_T
from l4lib.perturbation import (
    SymmetricQuartic,
    expected_phi_DL,
    injective_norm,
    mean_square_perturbation,
    persistence,
    perturbation,
    perturbation_budget,
    sample_size_bound,
    support_moments,
)
from l4lib.sphere import (
    distance,
    geodesic,
    inner,
    project,
    random_points,
    random_tangents,
    retract,
    tangent_basis,
    transport,
)

S, LOW, HIGH = 0.12706, 0.93040, 1.05746  # the constants of the chapter: roots of z − z³ = ±1/8


def random_form(n, rng, terms=40, size=1.0):
    """A random signed sum of fourth powers, scaled so that its injective norm is ``size`` (the best of many starts)."""
    form = SymmetricQuartic(
        n,
        SymmetricQuartic.from_dictionary(rng.standard_normal((n, terms))).D
        - SymmetricQuartic.from_dictionary(rng.standard_normal((n, terms))).D,
    )
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
    "simplex 24": frames.simplex(24),
    "simplex 40": frames.simplex(40),
    "two simplices": frames.direct_sum(frames.simplex(22), frames.simplex(22)),
    "orthogonal 10": np.eye(10),
}


def near_critical_points(A, g, rng):
    """Points with ‖grad φ_T‖ <= g: critical points of every index from sums of atoms, then moved a little."""
    n, m = A.shape
    starts = []
    for size in [1, 1, 2, 2, 3, 4, 6, 10, m // 2, m - 2]:
        subset = rng.choice(m, size=size, replace=False)
        starts.append(A[:, subset] @ rng.choice([-1.0, 1.0], size=size) + 0.01 * rng.standard_normal(n))
    critical = newton(population(A), project(np.array(starts).T))
    pushed = retract(critical, random_tangents(critical, rng=rng) * rng.uniform(0, 0.5, critical.shape[1]) * g)
    return np.hstack([critical, pushed])


@pytest.mark.claim("robust-strict-saddle")
def test_constants_of_the_dichotomy():
    """The rounded roots are on the safe side, and by less than 2e-5."""
    assert S - S**3 > 1 / 8 > (S - 2e-5) - (S - 2e-5) ** 3
    assert LOW - LOW**3 > 1 / 8 > (LOW + 2e-5) - (LOW + 2e-5) ** 3
    assert HIGH**3 - HIGH > 1 / 8 > (HIGH - 2e-5) ** 3 - (HIGH - 2e-5)
    for b in np.linspace(-1 / 8, 1 / 8, 41):
        roots = np.abs(np.roots([1, 0, -1, b]).real)
        assert np.all((roots <= S) | ((roots >= LOW) & (roots <= HIGH)))
    # S2: 3N/D >= 2.4
    ratio = HIGH / LOW + LOW / HIGH
    assert 3 * 2 * LOW**2 * (1 - ratio / 18) / (ratio - 1 / 9) > 2.4
    u = np.linspace(LOW, HIGH, 25)
    u, v, G = np.meshgrid(u, u, np.linspace(-1 / 18, 1 / 18, 25))
    D = u**2 + v**2 - 2 * G * u * v
    N = u**2 * (v - G * u) ** 2 + v**2 * (u - G * v) ** 2
    assert np.max(1 - 3 * N / D) <= -1.4
    # M: convexity on W_i at the worst K
    h = (1 - 3 * S**2) / HIGH**2
    assert h * (4 * h - 3 - 9 * (S / LOW) ** 2) >= 0.20


@pytest.mark.claim("robust-strict-saddle")
@pytest.mark.parametrize(
    ("name", "threshold", "wanted"),
    [
        ("simplex 24", 0.98, {"S1", "M"}),
        ("simplex 40", 0.98, {"S1", "M"}),
        ("two simplices", 0.98, {"S1", "M"}),
        ("orthogonal 10", 0.4, {"S1", "S2", "M"}),
    ],
)
def test_every_nearly_critical_point_is_of_one_kind(name, threshold, wanted):
    A = ADMISSIBLE[name]
    rng = np.random.default_rng(6)
    n, m = A.shape
    K, mu = m / n, frames.coherence(A)
    h_bar = threshold * (1 - K / 3)
    g = h_bar**3 * (1 / 8 - mu * sqrt(K) / h_bar**2)
    assert g > 0
    form = population(A)
    gamma = perturbation_budget_gamma(n, K, h_bar)
    kinds = set()
    for q in near_critical_points(A, g, rng).T:
        if np.linalg.norm(form.gradient(q)) > g:
            continue
        zeta = np.abs(A.T @ q)
        alpha, h = np.sum(zeta**4), zeta.max() ** 2
        spectrum = curvatures(form, q)
        if h < h_bar:
            kinds.add("S1")
            assert spectrum[0] <= -gamma
            continue
        z = zeta / sqrt(alpha)
        large = (z >= LOW) & (z <= HIGH)
        assert np.all(large | (z <= S))
        if large.sum() >= 2:
            kinds.add("S2")
            assert spectrum[0] <= -1.4 * alpha
        else:
            kinds.add("M")
            assert large.sum() == 1
            floor = (1 - S**2 * K) / HIGH**2
            assert h >= floor
            assert np.sort(zeta)[-2] <= S / LOW * zeta.max()
            assert spectrum[0] >= floor * (4 * floor - 3 - 3 * K * (S / LOW) ** 2)
    assert kinds == wanted


def perturbation_budget_gamma(n, K, h_bar):
    """γ₁(h̄) by a fine grid, independent of the library's crossing formula."""
    h = np.geomspace(1 / n, h_bar, 20001)
    return float(np.min(np.maximum(h * (3 - K - 3 * h), K * (3 - (n + 2) * h) / (n - 1))))


@pytest.mark.claim("robust-strict-saddle")
def test_negative_curvature_bounds_hold_at_any_point():
    """Both functions in γ₁ bound λ_min at arbitrary points, for frames of every coherence, and h >= 1/n."""
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
def test_the_budget_is_the_largest_epsilon():
    """Both conditions hold just below the budget for its h̄, and no h̄ admits more."""
    for n, K, mu in [(32, 33 / 32, 1 / 32), (3, 1.0, 0.0), (200, 1.5, 0.01), (64, 1.25, 0.005)]:
        budget = perturbation_budget(n, K, mu)
        assert budget.population
        gamma = perturbation_budget_gamma(n, K, budget.h)
        assert 0.99 * gamma <= budget.gamma <= gamma * (1 + 1e-9)
        epsilon = 0.999 * budget.epsilon
        assert 16 * epsilon < gamma
        assert mu * sqrt(K) / budget.h**2 + 4 * epsilon / budget.h**3 <= 1 / 8
        for h in np.linspace(0.02, 0.999, 60) * (1 - K / 3):
            best = (h**3 / 8 - mu * sqrt(K) * h) / 4
            if h > 1 / n:
                best = min(best, perturbation_budget_gamma(n, K, h) / 16)
            assert best <= budget.epsilon * (1 + 1e-3)  # the grid misses the crossing a little
    assert not perturbation_budget(3, 2.0, 5**-0.5).population
    assert perturbation_budget(50, 3.0, 0.0).epsilon == 0.0


@pytest.mark.claim("finite-sample-landscape")
@pytest.mark.parametrize("name", ["simplex 24", "two simplices"])
def test_landscape_under_a_perturbation_within_the_budget(name):
    """A worst-case-sized random Δ: one minimiser near each atom within the distance, others strict saddles."""
    A = ADMISSIBLE[name]
    rng = np.random.default_rng(8)
    n, m = A.shape
    K, mu = m / n, frames.coherence(A)
    budget = perturbation_budget(n, K, mu)
    epsilon = 0.95 * budget.epsilon
    raw = SymmetricQuartic(
        n,
        SymmetricQuartic.from_dictionary(rng.standard_normal((n, 40))).D
        - SymmetricQuartic.from_dictionary(rng.standard_normal((n, 40))).D,
    )
    upper = injective_norm(raw, rng=rng, starts=4, iterations=5).upper
    form = SymmetricQuartic(n, population(A).D - epsilon / upper * raw.D)  # ‖Δ‖ <= ε for certain
    found = newton(form, A)
    assert found.shape[1] == m
    away = distance(found, A)
    assert np.max(away) <= 8 / 5 * (mu**2 * sqrt(K * (K - 1)) + 4 * epsilon)
    assert np.max(away) > 0
    assert min(curvatures(form, q)[0] for q in found.T) >= 5 / 8
    margin = min(budget.gamma, 1.4 * budget.h**2) - 16 * epsilon
    assert margin > 0
    saddles = 0
    for q in newton(form, near_critical_points(A, 0.01, rng)).T:
        spectrum = curvatures(form, q)
        near = np.max(np.abs(A.T @ q)) > np.cos(1 / 16)
        assert spectrum[0] >= 5 / 8 if near else spectrum[0] <= -margin
        saddles += not near
    assert saddles > 0


@pytest.mark.claim("finite-sample-landscape", "sample-landscape-corollary", "sample-size-markov")
@pytest.mark.parametrize("n", [2, 3])
def test_the_whole_chain_on_a_real_sample(n):
    """Draw the proved number of samples: ε is within the budget, and the census of φ_DL counts 2m minimisers."""
    theta = 0.3
    budget = perturbation_budget(n, 1.0, 0.0)
    t = 0.999 * budget.epsilon
    p = ceil(sample_size_bound(n, n, theta, epsilon=t, delta=0.1).markov)
    rng = np.random.default_rng(9)
    A = frames.orthogonal(n, rng=rng)
    delta = perturbation(A @ bernoulli_gaussian(n, p, theta, rng=rng), A, theta)
    assert injective_norm(delta, rng=rng).upper <= t
    landscape = SymmetricQuartic(n, SymmetricQuartic.from_dictionary(A).D + 4 * delta.D)  # −4 φ_DL up to a constant
    listed = census_tensor(landscape.tensor(), rng=rng)
    assert listed.complete
    minima = listed.points[:, listed.index == 0]
    assert minima.shape[1] == n
    assert np.max(np.abs(A.T @ minima), axis=0).min() >= np.cos(8 / 5 * 4 * t)
    margin = min(budget.gamma, 1.4 * budget.h**2) - 16 * t
    assert np.all(listed.spectrum[0, listed.index > 0] <= -margin)


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
    squares = [
        perturbation(A @ bernoulli_gaussian(5, p, 0.3, rng=rng), A, 0.3).frobenius ** 2 for _ in range(repeats)
    ]
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
    for _ in range(20):
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


def test_the_size_of_the_error_falls_like_the_square_root_of_p():
    """ε(p)√p is roughly constant over two decades (a measurement, with room for its fluctuation)."""
    rng = np.random.default_rng(22)
    A = frames.simplex(4)
    sizes = np.array([1000, 10_000, 100_000])
    mean = [
        np.mean([
            injective_norm(perturbation(A @ bernoulli_gaussian(5, p, 0.3, rng=rng), A, 0.3), rng=rng, starts=16).lower
            for _ in range(12)
        ])
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
    with pytest.raises(ValueError, match="form: expected n >= 2"):
        injective_norm(SymmetricQuartic(1, np.ones((1, 1))), rng=rng)
    with pytest.raises(TypeError, match="numpy[.]random[.]Generator such"):
        injective_norm(planar_wave(2), rng=7)
