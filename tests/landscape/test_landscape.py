"""The proofs under test: every displayed inequality of the landscape chapters on many instances, and its mutations.

A mutation is the inequality with one constant made too good; it must fail somewhere on the same instances, or the
test would not notice a wrong constant.
"""

from functools import cache

import numpy as np
import pytest

from l4lib.census import census
from l4lib.data import (
    coherence,
    direct_sum,
    frame_report,
    icosahedron,
    identity_hadamard,
    mercedes_benz,
    orthogonal,
    paley,
    random_unit,
    random_untf,
    simplex,
)
from l4lib.landscape import (
    ETA_LIMIT,
    admissible_kappa,
    alpha_floor,
    atom_gradient_bound,
    best_atom_bound,
    classify,
    closed_condition,
    condition_table,
    cone_curvature,
    critical_points,
    cross_terms,
    cubic_residuals,
    cubic_roots_bounds,
    curvature_bound,
    curvature_toward_atom,
    dichotomy_condition,
    global_condition,
    harmonic_bound,
    largest_coherence,
    minimiser_radius,
    one_large_bound,
    point_quantities,
    region_xi,
    second_order_slacks,
    sharp_condition,
    subdivision_condition,
    two_atoms_bound,
)
from l4lib.quartic import distance, exp, geodesic, inner, phi_T, project, random_points, random_tangents, tangent_basis

ROUNDING = 1e-9


def three_bases(k):
    """Three mutually unbiased orthonormal bases in dimension n = 4^k: K = 3, μ = 1/√n (k = 1: the 24-cell)."""
    n = 4**k
    bits = (np.arange(n)[:, None] >> np.arange(2 * k)) & 1
    bent = (-1.0) ** np.sum(bits[:, ::2] * bits[:, 1::2], axis=1)
    H = identity_hadamard(n)[:, n:]
    return np.hstack([np.eye(n), H, bent[:, None] * H])


def _build():
    rng = np.random.default_rng(2024)
    return {
        "basis 5": orthogonal(5, rng=rng),
        "simplex 3": simplex(3),
        "simplex 4": simplex(4),
        "simplex 5": simplex(5),
        "simplex 6": simplex(6),
        "simplex 8": simplex(8),
        "simplex 20": simplex(20),
        "sum 5 5": direct_sum(simplex(5), simplex(5)),
        "sum 6 6 6": direct_sum(simplex(6), simplex(6), simplex(6)),
        "sum 16 16": direct_sum(simplex(16), simplex(16)),
        "IH 4": identity_hadamard(4),
        "IH 16": identity_hadamard(16),
        "IH 64": identity_hadamard(64),
        "paley 13": paley(13),
        "paley 41": paley(41),
        "paley 73": paley(73),
        "random 5 8": random_untf(5, 8, rng=rng),
        "random 8 14": random_untf(8, 14, rng=rng),
        "random 6 24": random_untf(6, 24, rng=rng),
        "three lines": mercedes_benz(),
        "icosahedron": icosahedron(),
        "24-cell": three_bases(1),
    }


FRAMES = _build()
ALL = list(FRAMES)
DESIGNS = ["three lines", "icosahedron", "24-cell"]
CLOSED = [name for name in ALL if (c := global_condition(FRAMES[name])).by == "closed"]
BENIGN = [name for name in ALL if global_condition(FRAMES[name]).holds]


def lambda_min(A, Q):
    """The least tangent curvature at each point: the normal direction is lifted out of the way."""
    H = phi_T(A).hessian(Q)
    return np.linalg.eigvalsh(H + 1e3 * np.einsum("ir,jr->rij", Q, Q))[:, 0]


@cache
def samples(name):
    """Points of all kinds: uniform, near an atom, between atoms, along the way from an atom to a random point."""
    A = FRAMES[name]
    n, m = A.shape
    rng = np.random.default_rng(ALL.index(name) + 17)
    uniform = random_points(n, 60, rng=rng)
    atoms = A[:, rng.integers(m, size=120)]
    way = project(atoms + rng.uniform(0.01, 3.0, size=120) * random_points(n, 120, rng=rng))
    pairs = A[:, rng.integers(m, size=60)] + rng.choice([-1, 1], 60) * rng.uniform(0.5, 1.0, 60) * way[:, :60]
    Q = np.hstack([uniform, way, project(pairs + 1e-3 * random_points(n, 60, rng=rng))])
    return Q, lambda_min(A, Q)


@cache
def critical(name):
    """Critical points found by Newton's method, and those next to the atoms."""
    A = FRAMES[name]
    rng = np.random.default_rng(ALL.index(name) + 1)
    Q = critical_points(A, starts=60 if A.shape[0] > 30 else 200, rng=rng)
    if name not in DESIGNS:
        near = atom_minimisers(name)
        gradient = phi_T(A).gradient(near)
        # In a very coherent frame there need not be a critical point near an atom for Newton's method to find.
        Q = np.hstack([Q, near[:, np.linalg.norm(gradient, axis=0) < 1e-12]])
    return Q, lambda_min(A, Q)


def newton(A, Q, steps=25):
    """Newton's method on the sphere from the columns of Q."""
    phi = phi_T(A)
    for _ in range(steps):
        g, H = phi.gradient(Q), phi.hessian(Q)
        step = np.linalg.solve(H + np.einsum("ir,jr->rij", Q, Q), -g.T[..., None])[..., 0].T
        Q = project(exp(Q, step - Q * inner(Q, step)))
    return Q


@cache
def atom_minimisers(name):
    """The minimiser that Newton's method finds from each atom (of at most 40)."""
    A = FRAMES[name]
    return newton(A, A[:, :40])


def untf(name):
    report = frame_report(FRAMES[name])
    return report.n, report.K, report.coherence


# Calculus


@pytest.mark.claim("riemannian-gradient", "riemannian-hessian")
@pytest.mark.parametrize("name", ["basis 5", "random 5 8", "IH 16"])
def test_taylor_slopes_of_gradient_and_hessian(name):
    A = FRAMES[name]
    rng = np.random.default_rng(5)
    phi = phi_T(A)
    q = random_points(A.shape[0], rng=rng)
    v = random_tangents(q, rng=rng)
    zeta, omega = A.T @ q, A.T @ v
    alpha = np.sum(zeta**4)
    slope, bend = -(A @ zeta**3 - alpha * q) @ v, alpha - 3 * np.sum(zeta**2 * omega**2)
    assert phi.gradient(q) @ v == pytest.approx(slope, abs=1e-12)
    assert v @ phi.hessian(q) @ v == pytest.approx(bend, abs=1e-12)
    s = np.geomspace(1e-3, 1e-2, 8)
    values = np.array([float(phi.value(geodesic(q, v, t)) - phi.value(q)) for t in s])

    def order(model):
        return np.polyfit(np.log(s), np.log(np.abs(values - model)), 1)[0]

    assert order(slope * s) == pytest.approx(2, abs=0.15)
    assert order(slope * s + 0.5 * bend * s**2) == pytest.approx(3, abs=0.25)
    assert order(slope * s + 0.5 * (bend - alpha) * s**2) < 2.2  # mutation: the sphere's own term forgotten


@pytest.mark.claim("harmonic-identity")
def test_trace_of_the_hessian_is_the_value():
    rng = np.random.default_rng(6)
    for A in (*FRAMES.values(), random_unit(5, 9, rng=rng), rng.standard_normal((4, 7))):
        n, m = A.shape
        Q = random_points(n, 20, rng=rng)
        trace = np.trace(phi_T(A).hessian(Q), axis1=1, axis2=2)
        M = (A * np.sum(A * A, axis=0)) @ A.T
        alpha = np.sum((A.T @ Q) ** 4, axis=0)
        assert np.allclose(trace, (n + 2) * alpha - 3 * inner(Q, M @ Q), atol=1e-9 * m)
        assert np.allclose(harmonic_bound(A, Q) * (n - 1), trace, atol=1e-9 * m)
        assert not np.allclose(trace, (n + 1) * alpha - 3 * inner(Q, M @ Q), atol=1e-3)  # mutation
        if frame_report(A).is_untf(1e-9):
            value, mean = -alpha / 4, -3 * (m / n) / (4 * (n + 2))
            assert np.allclose(trace, -4 * (n + 2) * (value - mean), atol=1e-9 * m)


@pytest.mark.claim("harmonic-identity")
@pytest.mark.parametrize("m", [2, 3, 4, 5, 9])
def test_mean_over_the_circle_and_degree_four(m):
    angles = np.pi * np.arange(m) / m
    A = np.array([np.cos(angles), np.sin(angles)])
    s = 2 * np.pi * np.arange(64) / 64  # exact for trigonometric polynomials up to degree 63
    values = phi_T(A).value(np.array([np.cos(s), np.sin(s)]))
    spectrum = np.abs(np.fft.rfft(values)) / 64
    assert spectrum[0] == pytest.approx(3 * (m / 2) / 16)
    assert np.allclose(np.delete(spectrum, [0, 4]), 0, atol=1e-12)
    assert (spectrum[4] > 0.01) == (m == 2)  # three and more equally spaced lines are designs


@pytest.mark.claim("harmonic-corollary", "harmonic-identity")
@pytest.mark.parametrize("name", ALL)
def test_worse_than_average_means_negative_curvature(name):
    A = FRAMES[name]
    n, K, _ = untf(name)
    Q, least = samples(name)
    bound = harmonic_bound(A, Q)
    assert np.all(bound - least >= -ROUNDING)
    alpha = point_quantities(A, Q).alpha
    worse = alpha < 3 * K / (n + 2) - 1e-9
    assert np.all(least[worse] < 0)
    assert np.any(worse) != (name in DESIGNS)
    if name in DESIGNS:
        assert np.allclose(bound, 0, atol=1e-12)
        assert np.allclose(least, 0, atol=1e-9)


# Negative curvature


@pytest.mark.claim("best-atom")
@pytest.mark.parametrize("name", ALL)
def test_toward_the_best_atom(name):
    A = FRAMES[name]
    _, K, _ = untf(name)
    Q, least = samples(name)
    at = point_quantities(A, Q)
    along, bound = curvature_toward_atom(A, Q), best_atom_bound(A, Q)
    assert np.all(along - least >= -1e-7)
    assert np.all(bound - along >= -1e-7)
    assert np.all(at.h * (K - 3 * (1 - at.h)) - bound >= -ROUNDING)
    if K < 3:
        assert np.all(least[at.h < 1 - K / 3 - 1e-9] < 0)


@pytest.mark.claim("best-atom")
def test_constant_three_of_the_best_atom_is_needed_and_the_direction_vanishes_at_an_atom():
    violated = 0
    for name in ALL:
        A = FRAMES[name]
        Q, least = samples(name)
        at = point_quantities(A, Q)
        violated += np.sum(at.alpha - 3.3 * at.h * (1 - at.h) < least - 1e-6)
    assert violated > 0
    at_atom = simplex(3)[:, :1]
    assert np.isnan(curvature_toward_atom(simplex(3), at_atom)).all()
    assert np.isnan(best_atom_bound(simplex(3), at_atom)).all()


@pytest.mark.claim("two-atoms")
@pytest.mark.parametrize("name", ALL)
def test_between_two_atoms(name):
    A = FRAMES[name]
    Q, least = samples(name)
    at = point_quantities(A, Q)
    bound = two_atoms_bound(A, Q)
    assert np.all(bound - least >= -ROUNDING)
    G = np.abs(A.T @ A)
    simple = np.full(Q.shape[1], np.inf)
    for i in range(min(A.shape[1], 12)):
        for j in range(i):
            s = np.minimum(at.zeta[i] ** 2, at.zeta[j] ** 2)
            simple = np.minimum(simple, at.alpha - 3 * (1 - G[i, j]) * s)
    assert np.all(simple - bound >= -ROUNDING)


@pytest.mark.claim("two-atoms")
def test_two_atoms_constant_and_morse_index():
    violated = 0
    for name in ALL:
        Q, least = samples(name)
        alpha = point_quantities(FRAMES[name], Q).alpha
        tau = (alpha - two_atoms_bound(FRAMES[name], Q)) / 3
        violated += np.sum(alpha - 3.3 * tau < least - 1e-6)
    assert violated > 0  # mutation: 3 -> 3.3
    rng = np.random.default_rng(3)
    indices = []
    for name in ("simplex 8", "IH 16", "random 8 14", "paley 73"):
        A = FRAMES[name]
        for size in (2, 3, 4):
            L = rng.choice(A.shape[1], size, replace=False)
            q = project(A[:, L] @ rng.uniform(0.9, 1.1, size))
            zeta = A.T @ q
            basis = tangent_basis(q)
            curvatures = np.linalg.eigvalsh(basis.T @ phi_T(A).hessian(q) @ basis)
            weighted = A[:, L] * zeta[L]
            tau = np.linalg.eigvalsh(weighted.T @ weighted)[0]
            assert np.sum(curvatures <= np.sum(zeta**4) - 3 * tau + ROUNDING) >= size - 1
            indices.append(3 * tau > np.sum(zeta**4))
    assert sum(indices) >= 4  # the statement about the index was not empty


@pytest.mark.claim("combined-bound")
@pytest.mark.parametrize("name", ALL)
def test_combined_bound_is_the_best_of_three(name):
    A = FRAMES[name]
    Q, least = samples(name)
    three = np.array([best_atom_bound(A, Q), two_atoms_bound(A, Q), harmonic_bound(A, Q)])
    assert np.array_equal(curvature_bound(A, Q), three.min(axis=0))
    assert np.all(curvature_bound(A, Q) - least >= -1e-7)
    if name in ("IH 16", "IH 64", "simplex 20"):
        assert set(np.argmin(three, axis=0)) >= {0, 1}


@pytest.mark.claim("alpha-floor")
@pytest.mark.parametrize("name", ALL)
def test_points_without_negative_curvature_are_tall(name):
    A = FRAMES[name]
    n, K, _ = untf(name)
    Q, least = samples(name)
    at = point_quantities(A, Q)
    tall = least >= 0
    assert np.all(at.alpha[tall] >= alpha_floor(n, K) - ROUNDING)
    if K < 3:
        assert np.all(at.h[tall] >= 1 - K / 3 - ROUNDING)


@pytest.mark.claim("alpha-floor")
def test_floor_nine_sixteenths_is_nearly_attained():
    n = 400
    q = np.full(n, np.sqrt(0.2495 / (n - 1)))
    q[0] = np.sqrt(0.7505)
    least = lambda_min(np.eye(n), q[:, None])
    alpha = point_quantities(np.eye(n), q).alpha
    assert least[0] >= 0
    assert alpha_floor(n, 1.0) == 9 / 16
    assert 9 / 16 <= alpha < 0.566


# The cubic dichotomy


@pytest.mark.claim("coordinate-cubic")
@pytest.mark.parametrize("name", ALL)
def test_every_coordinate_solves_its_cubic(name):
    A = FRAMES[name]
    _, K, mu = untf(name)
    Q, _ = samples(name)
    assert np.allclose(cubic_residuals(A, Q), -A.T @ phi_T(A).gradient(Q), atol=1e-11)
    beta = np.abs(cross_terms(A, Q))
    size = np.abs(A.T @ Q)
    by_mu = mu * (np.sum(size**3, axis=0) - size**3)
    by_K = np.sqrt(K - 1) * np.sqrt(np.maximum(np.sum(size**6, axis=0) - size**6, 0))
    assert np.all(by_mu - beta >= -ROUNDING)
    assert np.all(by_K - beta >= -1e-8)
    if name in ("simplex 8", "IH 16", "paley 13"):
        assert np.any(0.5 * by_mu < beta)  # mutation
    found, _ = critical(name)
    assert found.shape[1] > 0
    assert np.max(np.abs(cubic_residuals(A, found))) < 1e-11
    if name not in DESIGNS:
        assert np.max(np.abs(cubic_residuals(A, Q))) > 1e-2


@pytest.mark.claim("cubic-roots")
def test_root_bounds_against_a_polynomial_solver():
    for eta in np.linspace(0, ETA_LIMIT, 60)[:-1]:
        bounds = cubic_roots_bounds(eta)
        for b in np.linspace(-eta, eta, 9):
            roots = np.sort(np.abs(np.roots([1, 0, -1, b]).real))
            assert roots[0] <= bounds.sigma + 1e-7
            assert bounds.ell - 1e-7 <= roots[1] <= roots[2] <= bounds.u + 1e-7
        attained = np.sort(np.abs(np.roots([1, 0, -1, eta]).real))
        assert np.allclose(attained, [bounds.sigma, bounds.ell, bounds.u], atol=1e-7)


@pytest.mark.claim("cubic-roots")
def test_root_identities_and_monotonicity():
    eta = np.linspace(0, ETA_LIMIT, 400)
    s, ell, u = (getattr(cubic_roots_bounds(eta), k) for k in ("sigma", "ell", "u"))
    assert np.allclose(s - s**3, eta, atol=1e-15)
    assert np.allclose(ell - ell**3, eta, atol=1e-15)
    assert np.allclose(u**3 - u, eta, atol=1e-14)
    assert np.allclose(u, ell + s, atol=1e-14)
    assert np.allclose(ell**2 + ell * s + s**2, 1, atol=1e-14)
    assert np.all(np.diff(s) > 0)
    assert np.all(np.diff(ell) < 0)
    assert np.all(np.diff(u) > 0)
    assert np.all(eta <= s + 1e-15)
    assert np.all(s <= 1.5 * eta + 1e-8)
    assert np.any(s > 1.4 * eta)  # mutation
    at = cubic_roots_bounds(1 / 8)
    assert (round(float(at.sigma), 4), round(float(at.ell), 4), round(float(at.u), 4)) == (0.1271, 0.9304, 1.0575)
    for bad in (-0.1, 0.4):
        with pytest.raises(ValueError, match="eta: expected heights in"):
            cubic_roots_bounds(bad)


@pytest.mark.claim("dichotomy")
def test_small_or_large_at_critical_points():
    within = several = 0
    for name in ALL:
        A = FRAMES[name]
        _, K, _ = untf(name)
        Q, _ = critical(name)
        kinds = classify(A, Q)
        ok = kinds.eta < ETA_LIMIT
        if not ok.any():
            continue
        assert np.all(kinds.neither[ok] == 0)
        assert np.all(kinds.neither[~ok] == -1)
        roots = cubic_roots_bounds(kinds.eta[ok])
        some = K * roots.sigma**2 < 1 - 1e-9
        assert np.all(kinds.large[ok][some] >= 1)
        alpha = point_quantities(A, Q).alpha[ok]
        assert np.all(kinds.large[ok] <= 1 / (roots.ell**4 * alpha) + 1e-9)
        within += ok.sum()
        several += np.sum(kinds.large[ok] >= 2)
    assert within > 100
    assert several > 30


@pytest.mark.claim("dichotomy")
def test_dichotomy_needs_a_critical_point():
    A = FRAMES["simplex 20"]
    Q, _ = samples("simplex 20")
    kinds = classify(A, Q)
    assert np.any(kinds.neither > 0)


@pytest.mark.claim("regions")
@pytest.mark.parametrize("name", ALL)
def test_regions_are_sets_of_the_height(name):
    A = FRAMES[name]
    _, K, mu = untf(name)
    Q, _ = samples(name)
    at = point_quantities(A, Q)
    for xi in (0.5, 1.2, 2.5):
        kinds = classify(A, Q, xi=xi)
        if mu > 1e-6:
            margin = at.alpha - xi * mu ** (2 / 3) * at.norm3**2
            clear = np.abs(margin) > 1e-12
            assert np.array_equal(kinds.in_region[clear], margin[clear] > 0)
        assert np.all(kinds.in_region[at.alpha >= xi**1.5 * mu * np.sqrt(K) + 1e-12])
    assert np.all(at.eta <= mu * np.sqrt(K) / at.alpha + 1e-12)


def cone_points(A, h, t, rng, count=400):
    """Points of the cone of the lemma around atom 0, by rejection, with a bias toward its boundary."""
    n = A.shape[0]
    angle = np.arccos(np.sqrt(h)) * rng.uniform(0, 1, count) ** (1 / 3)
    q = A[:, :1]
    V = random_points(n, count, rng=rng)
    V = project(V - q * (q.T @ V))
    Q = np.cos(angle) * q + np.sin(angle) * V
    zeta = A.T @ Q
    return Q[:, np.max(np.abs(zeta[1:]), axis=0) <= t * zeta[0]]


@pytest.mark.claim("hessian-cone")
@pytest.mark.parametrize("name", [n for n in ALL if n not in DESIGNS])
def test_curvature_in_the_cone(name):
    A = FRAMES[name]
    _, K, mu = untf(name)
    rng = np.random.default_rng(9)
    mutated = tested = 0
    for h, t in ((0.76, 0.6), (0.85, mu + 0.1), (0.93, 1.5 * mu), (0.99, mu + 0.02)):
        t = min(t, 1.0)
        Q = cone_points(A, h, t, rng)
        if Q.shape[1] < 2:
            continue
        tested += Q.shape[1]
        at = point_quantities(A, Q)
        least = lambda_min(A, Q)
        middle = at.alpha - 3 * at.h * (1 - at.h) * (1 - t * t) - 3 * K * t * t * at.h
        assert np.all(least - middle >= -ROUNDING)
        assert np.all(middle - cone_curvature(at.h, t, K) >= -ROUNDING)
        own = at.alpha - 3 * at.h * (1 - at.h) * (1 - at.t**2) - 3 * K * at.t**2 * at.h
        assert np.all(least - own >= -ROUNDING)
        mutated += np.sum(least < at.alpha - 1.5 * at.h * (1 - at.h) * (1 - at.t**2) - 1e-6)
        left, right = Q[:, ::2][:, : Q.shape[1] // 2], Q[:, 1::2]
        for s in (0.25, 0.5):
            between = A.T @ project((1 - s) * left + s * right)
            assert np.all(between[0] >= np.sqrt(h) - ROUNDING)
            assert np.all(np.max(np.abs(between[1:]), axis=0) <= t * between[0] + ROUNDING)
    assert tested > 0
    assert mutated > 0


@pytest.mark.claim("region-theorem")
def test_region_theorem_on_critical_points():
    several = single = 0
    for name in ALL:
        A = FRAMES[name]
        _, K, mu = untf(name)
        if mu > 1 / 3:
            continue
        Q, least = critical(name)
        kinds, at = classify(A, Q, xi=region_xi(K)), point_quantities(A, Q)
        inside = kinds.in_region
        assert np.array_equal(inside, at.eta * np.sqrt(K) <= 15 / 64)
        two, one = inside & (kinds.large >= 2), inside & (kinds.large == 1)
        assert np.array_equal(two | one, inside)
        if not one.any():
            continue
        assert np.all(least[two] <= -0.4 * at.alpha[two])
        assert np.all(least[one] >= 0.25)
        sigma = cubic_roots_bounds(at.eta[inside]).sigma
        assert np.all(K * sigma**2 <= 1 / 16 + 1e-12)
        sigma = cubic_roots_bounds(at.eta[one]).sigma
        bound = one_large_bound(at.h[one], sigma, K)
        assert np.all(bound - (1 - at.h[one]) >= -ROUNDING)
        assert np.all(2 * K * sigma**2 - bound >= -ROUNDING)
        assert np.all(at.t[one] <= 1 / np.sqrt(15 * K) + ROUNDING)
        several += two.sum()
        single += one.sum()
    assert several > 20
    assert single > 50


@pytest.mark.claim("region-theorem")
def test_two_large_coordinates_at_low_coherence():
    A = paley(197)  # n = 99, K = 2, μ = 0.071
    rng = np.random.default_rng(8)
    starts = [project(A[:, L] @ rng.choice([-1, 1], 2)) for L in (rng.choice(198, 2, replace=False) for _ in range(6))]
    Q = newton(A, np.array(starts).T, 12)
    assert np.max(np.abs(phi_T(A).gradient(Q))) < 1e-12
    kinds = classify(A, Q, xi=region_xi(2.0))
    inside = kinds.in_region
    assert inside.sum() >= 3
    assert np.all(kinds.large[inside] == 2)
    assert np.all(lambda_min(A, Q)[inside] <= -0.4 * point_quantities(A, Q).alpha[inside])


# The global theorem


@pytest.mark.claim("four-inequalities")
@pytest.mark.parametrize("name", ALL)
def test_second_order_inequalities_at_critical_points(name):
    A = FRAMES[name]
    Q, least = critical(name)
    alpha = point_quantities(A, Q).alpha
    every = second_order_slacks(A, Q)
    for slack in (every.small, every.large, every.confinement):
        assert np.all(slack >= -ROUNDING)
    for k in range(0, Q.shape[1], max(1, Q.shape[1] // 40)):  # each point with the smallest κ it allows
        own = second_order_slacks(A, Q[:, k], kappa=max(0.0, -least[k] / alpha[k]))
        assert own.best >= -1e-7
        assert own.two >= -1e-7


@pytest.mark.claim("four-inequalities")
def test_second_order_inequalities_can_fail():
    failed = {"best": 0, "two": 0, "small": 0, "large": 0}
    for name in ALL:
        A = FRAMES[name]
        Q, _ = critical(name)
        saddle = second_order_slacks(A, Q)  # κ = 0 where it is not allowed
        failed["best"] += np.sum(saddle.best < -1e-6)
        failed["two"] += np.sum(saddle.two < -1e-6)
        other = second_order_slacks(A, samples(name)[0])  # not critical
        failed["small"] += np.sum(other.small < -1e-6)
        failed["large"] += np.sum(other.large < -1e-6)
    assert min(failed.values()) > 0


@pytest.mark.claim("squeeze", "sharp-criterion", "subdivision-criterion")
@pytest.mark.parametrize("name", BENIGN)
@pytest.mark.parametrize("kappa", [0.0, 0.04])
def test_second_order_points_are_enclosed(name, kappa):
    A = FRAMES[name]
    _, K, mu = untf(name)
    Q, least = critical(name)
    at = point_quantities(A, Q)
    second = least >= -kappa * at.alpha
    assert second.sum() >= min(A.shape[1], 40)
    sharp, boxes = sharp_condition(K, mu, kappa), subdivision_condition(K, mu, kappa)
    enclosures = [(boxes.h, boxes.t)] + ([(sharp.h, sharp.t)] if min(sharp.C1, sharp.C2, sharp.C3) > 0 else [])
    for h, t in enclosures:
        assert np.all(at.h[second] >= h - ROUNDING)
        assert np.all(at.t[second] <= t + ROUNDING)
    if sharp.holds:
        assert np.all(least[second] >= sharp.curvature - ROUNDING)
    if boxes.holds:
        assert np.all(least[second] >= boxes.curvature - ROUNDING)


@pytest.mark.claim("subdivision-criterion")
@pytest.mark.parametrize("name", [name for name in ALL if name not in DESIGNS])
def test_no_true_second_order_point_is_discarded(name):
    _, K, mu = untf(name)
    if K >= 3:
        assert not subdivision_condition(K, mu).holds
        return
    at = point_quantities(FRAMES[name], atom_minimisers(name))
    for depth in (4, 7):
        found = subdivision_condition(K, mu, depth=depth)
        assert found.boxes > 0
        assert np.all(at.h >= found.h - ROUNDING)
        assert np.all(at.t <= found.t + ROUNDING)
    coarse, fine = subdivision_condition(K, mu, depth=3), subdivision_condition(K, mu, depth=7)
    assert fine.h >= coarse.h
    assert fine.t <= coarse.t


@pytest.mark.claim("squeeze", "confinement")
def test_constants_of_the_closed_condition():
    """Each numerical claim in the proof of the proposition, on a grid of all (K, μ, κ) that it admits."""
    worst = {"C1": np.inf, "C2": np.inf, "C3": np.inf, "t": np.inf, "h": np.inf}
    for kappa in (0.0, 0.02, 0.05):
        for K in np.linspace(1.0, 3 / (1 + kappa), 40, endpoint=False):
            for share in (0.0, 0.05, 0.3, 0.7, 0.95, 1.0):
                mu = share * min(0.25, 1 - (1 + kappa) * K / 3) / K
                assert closed_condition(K, mu, kappa) >= -1e-12
                sharp = sharp_condition(K, mu, kappa)
                for key in ("C1", "C2", "C3"):
                    worst[key] = min(worst[key], getattr(sharp, key))
                assert sharp.holds
                if mu > 0:
                    worst["t"] = min(worst["t"], 1.5 * mu - sharp.t)
                    worst["h"] = min(worst["h"], 16 / 3 * mu**2 * (K - 1) - (1 - sharp.h), sharp.h - 0.93)
    assert worst["C1"] > 0.01
    assert worst["C2"] > 0.019
    assert worst["C3"] > 0.003
    assert worst["t"] >= -1e-12
    assert worst["h"] >= -1e-12
    assert not sharp_condition(2.0, 1.25 * 0.125).holds  # the closed condition is not vacuous padding


@pytest.mark.claim("confinement", "global-theorem")
@pytest.mark.parametrize("name", CLOSED)
def test_confinement_of_the_minimisers(name):
    A = FRAMES[name]
    _, K, mu = untf(name)
    kappa = admissible_kappa(K, mu)
    Q, least = critical(name)
    at = point_quantities(A, Q)
    second = least >= -kappa * at.alpha
    assert np.all(at.t[second] <= 1.5 * mu + ROUNDING)
    assert np.all(1 - at.h[second] <= 16 / 3 * mu**2 * (K - 1) + ROUNDING)
    assert np.all(at.h[second] >= 0.93)
    assert np.all(least[second] >= 0.25)
    other = ~second
    assert np.all(at.alpha[other] >= K / A.shape[0] - ROUNDING)
    assert np.any(other)


@pytest.mark.claim("one-per-atom")
@pytest.mark.parametrize("name", CLOSED)
def test_one_minimiser_next_to_each_atom(name):
    A = FRAMES[name]
    _, K, mu = untf(name)
    atoms = A[:, :40]
    gradient = np.linalg.norm(phi_T(A).gradient(atoms), axis=0)
    assert np.all(gradient <= atom_gradient_bound(mu, K) + ROUNDING)
    G = A.T @ A - np.eye(A.shape[1])
    chain = np.sqrt(K) * np.linalg.norm(G**3, axis=0)
    assert np.all(chain <= atom_gradient_bound(mu, K) + ROUNDING)
    if name.startswith(("simplex", "paley")):  # equiangular: the last step loses nothing
        assert np.allclose(chain, atom_gradient_bound(mu, K))
    Q = atom_minimisers(name)
    assert np.max(np.abs(phi_T(A).gradient(Q))) < 1e-11
    strength = 0.93 * (0.72 - 6.75 * K * mu**2)
    assert strength > 0.25
    assert np.all(distance(Q, atoms) <= atom_gradient_bound(mu, K) / strength + 1e-7)
    assert np.all(distance(Q, atoms) <= minimiser_radius(mu, K) + 1e-7)
    inside = cone_points(A, 0.93, 1.5 * mu, np.random.default_rng(4)) if mu > 1e-9 else atoms
    assert np.all(lambda_min(A, inside) >= strength - ROUNDING)


@pytest.mark.claim("one-per-atom", "benign-sublevel")
def test_minimisers_of_three_bases_although_K_is_three():
    A = three_bases(4)  # n = 256, K = 3, μ = 1/16
    mu, K = coherence(A), 3.0
    assert mu == pytest.approx(1 / 16)
    atoms = A[:, [0, 300, 700]]
    Q = newton(A, atoms, 6)
    assert np.max(np.abs(phi_T(A).gradient(Q))) < 1e-12
    assert np.all(distance(Q, atoms) <= minimiser_radius(mu, K))
    assert np.all(lambda_min(A, Q) >= 0.25)
    assert np.all(point_quantities(A, Q).alpha >= 64 / 15 * mu * K)
    midpoint = newton(A, project(A[:, :1] + A[:, 300:301]), 8)
    kinds = classify(A, midpoint, xi=region_xi(K))
    assert np.all(lambda_min(A, midpoint) <= -0.4 * point_quantities(A, midpoint).alpha) or not kinds.in_region.any()


@pytest.mark.claim("benign-sublevel")
def test_sublevel_set_is_benign():
    saddles = minimisers = 0
    for name in ALL:
        A = FRAMES[name]
        _, K, mu = untf(name)
        if mu * K > 15 / 64:
            continue
        Q, least = critical(name)
        at = point_quantities(A, Q)
        inside = at.alpha >= 64 / 15 * mu * K
        assert np.all(classify(A, Q, xi=region_xi(K)).in_region[inside])
        saddle = inside & (least < 0)
        assert np.all(least[saddle] <= -0.4 * at.alpha[saddle])
        good = inside & (least >= 0)
        assert np.all(np.arccos(np.minimum(np.sqrt(at.h[good]), 1)) <= minimiser_radius(mu, K) + 1e-6)
        saddles += saddle.sum()
        minimisers += good.sum()
    assert saddles > 10
    assert minimisers > 50


@pytest.mark.claim("global-theorem", "sharp-criterion", "subdivision-criterion")
@pytest.mark.parametrize("name", [n for n in BENIGN if n != "basis 5"])
def test_every_critical_point_found_is_benign(name):
    A = FRAMES[name]
    condition = global_condition(A)
    kappa = {"closed": admissible_kappa(condition.K, condition.mu)}.get(condition.by, 0.0)
    Q, least = critical(name)
    at = point_quantities(A, Q)
    near = np.arccos(np.minimum(np.sqrt(at.h), 1)) <= condition.subdivision.distance + 1e-6
    assert np.all(least[near] > 0)
    assert np.all(least[~near] < -kappa * at.alpha[~near])
    assert np.any(~near)


@pytest.mark.claim("global-theorem", "subdivision-criterion")
@pytest.mark.parametrize("name", ["simplex 4", "simplex 6"])
def test_exactly_2m_minimisers_by_the_census(name):
    A = FRAMES[name]
    found = census(A, rng=np.random.default_rng(0))
    assert found.complete
    condition = global_condition(A)
    assert condition.holds
    assert found.minimisers.shape[1] == A.shape[1]  # one of each ± pair
    angles = np.arccos(np.minimum(np.max(np.abs(A.T @ found.minimisers), axis=0), 1))
    assert np.all(angles <= condition.subdivision.distance + 1e-7)


@pytest.mark.claim("global-theorem", "sharp-criterion", "subdivision-criterion")
def test_criteria_and_their_order():
    assert [global_condition(FRAMES[n]).by for n in DESIGNS] == [None] * 3
    assert [global_condition(FRAMES[n]).by for n in ("IH 64", "paley 73", "simplex 5", "simplex 4", "IH 16")] == [
        "closed",
        "closed",
        "closed",
        "subdivision",
        None,
    ]
    assert global_condition(paley(53)).by == "sharp"
    assert global_condition(paley(37)).by == "subdivision"
    for K in (1.1, 1.5, 2.0, 2.5, 2.8):
        limits = [largest_coherence(K, c) for c in ("dichotomy", "closed", "sharp", "subdivision")]
        assert limits == sorted(limits)
        assert dichotomy_condition(K, limits[0]) >= 0 > dichotomy_condition(K, limits[0] + 1e-4)
    # No criterion may admit a flat landscape: three lines (K = 3/2, μ = 1/2) and the icosahedron (K = 2, μ = 1/√5).
    assert largest_coherence(1.5, "subdivision") < 0.5
    assert largest_coherence(2.0, "subdivision") < 5**-0.5
    assert not subdivision_condition(3.0, 0.01).holds
    assert np.isneginf(closed_condition(2.0, 0.01, kappa=0.06))
    assert np.isnan(admissible_kappa(2.0, 0.2))
    table = condition_table([1.5, 2.0])
    assert list(table["mu_closed"]) == [0.1666, 0.125]
    assert np.all(table["n_closed"] >= table["n_subdivision"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: global_condition(np.ones((2, 3))), "unit-norm tight frame"),
        (lambda: global_condition(np.ones((1, 2))), "n >= 2"),
        (lambda: global_condition(simplex(3), kappa=-1), "kappa: expected"),
        (lambda: sharp_condition(0.5, 0.1), "K: expected at least 1"),
        (lambda: subdivision_condition(2, 1.5), "mu: expected a coherence"),
        (lambda: minimiser_radius(0.3, 2.0), "μK <= 1/4"),
        (lambda: classify(simplex(3), np.ones(3)), "unit vectors"),
        (lambda: classify(simplex(3), np.eye(3)[0], xi=0), "xi: expected"),
        (lambda: point_quantities(np.eye(1), [1.0]), "two atoms"),
        (lambda: harmonic_bound(np.ones((1, 2)), [1.0]), "n >= 2"),
        (lambda: largest_coherence(2.0, "magic"), "criterion: expected"),
        (lambda: critical_points(simplex(3), starts=0, rng=np.random.default_rng(0)), "starts: expected"),
    ],
)
def test_errors_say_what_came(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()
