"""Chapter *Geometry in a region*: every displayed inequality, on instances that satisfy its hypotheses."""

import numpy as np
import pytest

from l4lib import phi_T, random_untf
from l4lib.census import census
from l4lib.data import identity_hadamard
from l4lib.landscape import (
    REGION_LIMIT,
    cone_curvature_unequal,
    cubic_residuals_unequal,
    kernel_distance,
    kernel_gradient,
    region_points,
    region_xi,
    sample_threshold,
    sublevel_threshold,
    tight_frame,
    two_kernels_bound,
)
from l4lib.quartic import CirculantMap, project, random_points, solve, tangent_basis


def circulant_frame(kernels):
    """All shifts of the kernels after exact preconditioning."""
    D = CirculantMap(kernels).dense()
    values, vectors = np.linalg.eigh(D @ D.T / kernels.shape[1])
    return tight_frame((vectors / np.sqrt(values)) @ vectors.T @ D)


def random_circulant(n, K, seed):
    return circulant_frame(np.random.default_rng(seed).standard_normal((n, K)))


def legendre(prime, w=1.0):
    """[w I, √(2−w²) C] with the shifts of a Legendre sequence of flat spectrum (prime ≡ 3 modulo 4): K = 2."""
    residues = {(k * k) % prime for k in range(1, prime)}
    chi = np.array([0.0] + [1.0 if t in residues else -1.0 for t in range(1, prime)])
    chi[0] += 1.0
    chi += (np.sqrt(prime + 1) - 1) / prime
    C = CirculantMap((chi / np.sqrt(prime + 1))[:, None]).dense()
    return tight_frame(np.hstack([w * np.eye(prime), np.sqrt(2 - w * w) * C]))


FRAMES = {
    "circulant 6x2": random_circulant(6, 2, 0),
    "circulant 9x3": random_circulant(9, 3, 1),
    "circulant 16x2": random_circulant(16, 2, 2),
    "untf": tight_frame(random_untf(6, 10, rng=np.random.default_rng(3))),
    "legendre 43": legendre(43, 0.95),
}
INCOHERENT = {
    "legendre 103": legendre(103),
    "legendre 103, unequal": legendre(103, 0.97),
    "legendre 331": legendre(331, 0.98),
    "hadamard 256": tight_frame(identity_hadamard(256)),
}


def near_atoms(frame, count, rng, spread):
    """Points near one or two atoms."""
    n, m = frame.A.shape
    i, j = rng.integers(0, m, (2, count))
    weight = np.where(rng.random(count) < 0.5, 0.0, rng.random(count))
    return project(
        frame.A[:, i] / frame.nu[i]
        + weight * frame.A[:, j] / frame.nu[j]
        + spread * rng.standard_normal((n, count)) / np.sqrt(n)
    )


def critical(frame, q):
    """Newton's method on the sphere; None if it does not converge."""
    phi = phi_T(frame.A)
    for _ in range(60):
        g = phi.gradient(q)
        if np.linalg.norm(g) < 1e-13:
            return q
        basis = tangent_basis(q)
        q = project(q - basis @ np.linalg.solve(basis.T @ phi.hessian(q) @ basis, basis.T @ g))
    return q if np.linalg.norm(phi.gradient(q)) < 1e-11 else None


def between(frame, i, j):
    """The critical point between two atoms, by Newton from the point where ν|ζ| are equal."""
    return critical(frame, project(frame.A[:, i] / frame.nu[i] ** 2 + frame.A[:, j] / frame.nu[j] ** 2))


def spectrum(frame, q):
    basis = tangent_basis(q)
    return np.linalg.eigvalsh(basis.T @ phi_T(frame.A).hessian(q) @ basis)


@pytest.mark.claim("cdl-cubic")
@pytest.mark.parametrize("name", FRAMES)
def test_norm_facts_and_the_cubic(name):
    frame = FRAMES[name]
    n, m = frame.A.shape
    gram = frame.A.T @ frame.A
    off = gram - np.diag(np.diag(gram))
    assert np.allclose(np.sum(off**2, axis=1), frame.nu**2 * (frame.K - frame.nu**2))
    assert np.sum(frame.nu**2) == pytest.approx(n * frame.K)
    assert frame.nu_max <= frame.kappa * np.sqrt(n * frame.K / m) + 1e-12
    found = solve(phi_T(frame.A), random_points(n, 10, rng=np.random.default_rng(0)), tol=1e-13, max_iterations=5000).Q
    rest = random_points(n, 50, rng=np.random.default_rng(1))
    for q in found.T:
        assert np.abs(cubic_residuals_unequal(frame, q)).max() < 1e-9
    for q in np.hstack([found, rest]).T:
        zeta = frame.A.T @ q
        beta = off @ zeta**3
        T = frame.nu @ np.abs(zeta) ** 3
        others = np.sqrt(np.sum(zeta**6) - zeta**6)
        assert np.all(np.abs(beta) <= frame.mu * frame.nu * T + 1e-12)
        assert np.all(np.abs(beta) <= frame.nu * np.sqrt(np.maximum(frame.K - frame.nu**2, 0)) * others + 1e-12)
        assert region_points(frame, q).varrho >= frame.mu - 1e-12


@pytest.mark.claim("cdl-dichotomy")
@pytest.mark.parametrize("name", INCOHERENT)
def test_small_and_large_coordinates_at_critical_points(name):
    frame = INCOHERENT[name]
    m = frame.A.shape[1]
    rng = np.random.default_rng(2)
    points = [critical(frame, frame.A[:, i] / frame.nu[i]) for i in rng.choice(m, 3, replace=False)]
    points += [between(frame, *rng.choice(m, 2, replace=False)) for _ in range(3)]
    inside = 0
    for q in points:
        if q is None:
            continue
        at = region_points(frame, q)
        if at.inside:
            inside += 1
            assert at.neither == 0 and at.large >= 1
            zeta = np.sort(np.abs(frame.A.T @ q))[: m - int(at.large)]
            assert np.all(zeta**2 <= (16 / 15 * at.varrho) ** 2 / frame.K * at.alpha + 1e-12)
    assert inside >= 2


@pytest.mark.claim("cdl-regions")
@pytest.mark.parametrize("name", [*FRAMES, *INCOHERENT])
def test_nested_regions(name):
    frame = {**FRAMES, **INCOHERENT}[name]
    Q = np.hstack([near_atoms(frame, 300, np.random.default_rng(4), s) for s in (0.01, 0.2, 0.6)])
    zeta = np.abs(frame.A.T @ Q)
    at = region_points(frame, Q)
    xi = region_xi(frame.K) if frame.K > 0 else 0
    assert xi == pytest.approx((64 / 15 * np.sqrt(frame.K)) ** (2 / 3))
    three = at.alpha >= xi * frame.mu ** (2 / 3) * frame.nu_max ** (4 / 3) * np.sum(zeta**3, axis=0) ** (2 / 3)
    level = at.alpha >= sublevel_threshold(frame)
    assert np.all(at.inside[three])
    assert np.all(three[level])
    if frame.mu > REGION_LIMIT:
        assert not at.inside.any()


@pytest.mark.claim("cdl-two-kernels")
@pytest.mark.parametrize("name", FRAMES)
def test_between_two_kernels(name):
    frame = FRAMES[name]
    rng = np.random.default_rng(5)
    Q = np.hstack([near_atoms(frame, 40, rng, 0.3), random_points(frame.A.shape[0], 40, rng=rng)])
    bounds = two_kernels_bound(frame, Q)
    for q, bound in zip(Q.T, bounds, strict=True):
        assert spectrum(frame, q)[0] <= bound + 1e-10
        zeta = np.sort(frame.nu * np.abs(frame.A.T @ q))[-2]
        assert bound <= np.sum((frame.A.T @ q) ** 4) - 3 * (1 - frame.mu) * zeta**2 + 1e-10


@pytest.mark.claim("cdl-kernel-cone")
@pytest.mark.parametrize("name", ["legendre 103", "legendre 103, unequal", "hadamard 256"])
def test_convexity_next_to_a_kernel(name):
    frame = INCOHERENT[name]
    rng = np.random.default_rng(6)
    checked = 0
    for q in near_atoms(frame, 12, rng, 0.15).T:
        zeta = frame.A.T @ q
        i = int(np.argmax(frame.nu * np.abs(zeta)))
        h = min(1.0, float((zeta[i] / frame.nu[i]) ** 2))
        t = float(np.max(np.delete(np.abs(zeta), i)) * np.sqrt(frame.K) / (frame.nu[i] * abs(zeta[i])))
        if t <= 1:
            checked += 1
            assert spectrum(frame, q)[0] >= cone_curvature_unequal(h, t, frame.nu[i]) - 1e-10
    assert checked >= 3


@pytest.mark.claim("cdl-region-theorem")
@pytest.mark.parametrize("name", INCOHERENT)
def test_geometry_in_the_region(name):
    frame = INCOHERENT[name]
    m = frame.A.shape[1]
    rng = np.random.default_rng(7)
    points = [critical(frame, frame.A[:, i] / frame.nu[i]) for i in rng.choice(m, 3, replace=False)]
    points += [between(frame, *rng.choice(m, 2, replace=False)) for _ in range(4)]
    kinds = set()
    for q in points:
        if q is None or not region_points(frame, q).inside:
            continue
        at, curvature = region_points(frame, q), spectrum(frame, q)
        kinds.add(min(int(at.large), 2))
        if at.large >= 2:
            assert curvature[0] <= -13 / 20 * at.alpha
        else:
            i = int(at.strongest)
            zeta = frame.A.T @ q
            h = (zeta[i] / frame.nu[i]) ** 2
            assert 1 - h <= 512 / 225 * at.varrho**2 + 1e-12
            assert np.delete(np.abs(zeta), i).max() <= frame.nu[i] / np.sqrt(15 * frame.K) * abs(zeta[i]) + 1e-12
            assert curvature[0] >= frame.nu[i] ** 4 / 4
    assert 1 in kinds
    if name in ("legendre 331", "hadamard 256"):
        assert 2 in kinds


@pytest.mark.claim("cdl-kernel-minimiser")
@pytest.mark.parametrize("name", INCOHERENT)
def test_the_minimiser_of_a_kernel(name):
    frame = INCOHERENT[name]
    n = frame.A.shape[0]
    distance, slope = kernel_distance(frame), kernel_gradient(frame)
    some = [0, n - 1, n, frame.A.shape[1] - 1]
    assert np.isfinite(distance[some]).any()
    for i in some:
        start = frame.A[:, i] / frame.nu[i]
        assert np.linalg.norm(phi_T(frame.A).gradient(start)) <= slope[i] + 1e-12
        if np.isfinite(distance[i]):
            q = critical(frame, start)
            angle = np.arcsin(min(1.0, np.linalg.norm(q - start * (start @ q))))
            assert angle <= distance[i] + 1e-9 <= frame.mu / 2 + 1e-8
            assert spectrum(frame, q)[0] >= frame.nu[i] ** 4 / 2
            assert np.sum((frame.A.T @ q) ** 4) >= frame.nu[i] ** 4 - 1e-10


@pytest.mark.claim("cdl-sublevel")
@pytest.mark.parametrize("name", ["legendre 103", "legendre 331", "hadamard 256"])
def test_descent_stays_and_finds_a_kernel(name):
    frame = INCOHERENT[name]
    level = sublevel_threshold(frame)
    Q = near_atoms(frame, 40, np.random.default_rng(8), 0.05)
    Q = Q[:, np.sum((frame.A.T @ Q) ** 4, axis=0) >= level]
    assert Q.shape[1] >= 5
    ends = solve(phi_T(frame.A), Q, method="gradient", tol=1e-10, max_iterations=3000).Q
    for q in ends.T:
        at = region_points(frame, q)
        assert at.alpha >= level
        assert at.large == 1
        i = int(at.strongest)
        assert frame.nu[i] ** 4 >= 4 * frame.K * frame.mu * frame.nu_max**2
        assert abs(frame.A[:, i] @ q) / frame.nu[i] >= np.cos(frame.mu / 2) - 1e-9
    if 64 / 15 * frame.mu * frame.K <= frame.nu.min() ** 4 / frame.nu_max**2:
        for i in range(0, frame.A.shape[1], 37):
            assert np.sum((frame.A.T @ (frame.A[:, i] / frame.nu[i])) ** 4) >= level


@pytest.mark.claim("cdl-descent")
@pytest.mark.parametrize("name", ["circulant 6x2", "circulant 9x3", "untf", "legendre 43"])
def test_descent_constant_and_local_diffeomorphism(name):
    frame = FRAMES[name]
    phi = phi_T(frame.A)
    M = frame.K * frame.nu_max**2
    tau = 3 / (4 * M)

    def step(q):
        g = phi.gradient(q)
        size = np.linalg.norm(g)
        return np.cos(tau * size) * q - np.sin(tau * size) * g / size

    for q in random_points(frame.A.shape[0], 20, rng=np.random.default_rng(9)).T:
        g = phi.gradient(q)
        new = step(q)
        assert phi.value(new) <= phi.value(q) - 5 / 8 * tau * (g @ g) + 1e-13
        assert tau * np.linalg.norm(g) <= 0.75
        assert np.linalg.eigvalsh(phi.hessian(q))[-1] <= M + 1e-12
        source, target = tangent_basis(q), tangent_basis(new)
        h = 1e-6
        columns = [(step(project(q + h * e)) - step(project(q - h * e))) / (2 * h) for e in source.T]
        assert np.linalg.svd(target.T @ np.column_stack(columns), compute_uv=False)[-1] > 0.03


@pytest.mark.claim("cdl-odl-corollary")
def test_unit_norms_any_overcompleteness():
    frame = INCOHERENT["hadamard 256"]
    assert frame.mu * frame.K <= 15 / 64
    distance = kernel_distance(frame)
    assert np.all(np.isfinite(distance))
    assert np.allclose(distance, 2 * frame.mu**2 * np.sqrt(frame.K * (frame.K - 1)))
    q = critical(frame, frame.A[:, 300])
    assert np.sum((frame.A.T @ q) ** 4) >= 64 / 15 * frame.mu * frame.K
    saddle = between(frame, 0, 1)
    at = region_points(frame, saddle)
    assert at.inside
    assert spectrum(frame, saddle)[0] <= -13 / 20 * at.alpha


@pytest.mark.claim("cdl-near-critical")
@pytest.mark.parametrize("name", ["legendre 331", "hadamard 256"])
def test_nearly_critical_points(name):
    frame = INCOHERENT[name]
    rng = np.random.default_rng(10)
    seen = set()
    base = [frame.A[:, 0] / frame.nu[0], frame.A[:, -1] / frame.nu[-1], between(frame, 0, 1)]
    for start in base:
        for size in (1e-4, 3e-3, 3e-2):
            q = project(start + size * rng.standard_normal(start.size) / np.sqrt(start.size))
            g = float(np.linalg.norm(phi_T(frame.A).gradient(q)))
            at = region_points(frame, q, gradient=g)
            if at.varrho > 1 / 6:
                continue
            least = spectrum(frame, q)[0]
            if least <= -at.alpha:
                seen.add("saddle")
                continue
            seen.add("well")
            i = int(at.strongest)
            zeta = frame.A.T @ q
            assert (zeta[i] / frame.nu[i]) ** 2 >= 0.88
            assert np.delete(np.abs(zeta), i).max() <= frame.nu[i] / np.sqrt(32 * frame.K) * abs(zeta[i])
            assert least >= 3 / 8 * frame.nu[i] ** 4
            assert at.alpha <= 100 / 97 * frame.nu[i] ** 4
    assert "well" in seen


@pytest.mark.claim("cdl-samples")
def test_a_perturbed_objective_keeps_its_wells():
    """φ̃ = φ_T + Δ with a quartic form of known norm: Δ = ε⟨v, q⟩⁴."""
    frame = legendre(691)
    rng = np.random.default_rng(11)
    epsilon = 2e-4
    v = random_points(frame.A.shape[0], rng=rng)
    level = sample_threshold(frame, epsilon)
    n = frame.A.shape[0]
    for i in (0, n):
        q = frame.A[:, i] / frame.nu[i]
        assert np.sum((frame.A.T @ q) ** 4) >= level + 8 * epsilon

        def gradient(q):
            g = phi_T(frame.A).gradient(q) + 4 * epsilon * (v @ q) ** 3 * (v - (v @ q) * q)
            return g - (g @ q) * q

        start = q
        for _ in range(300):
            q = project(q - 0.3 * gradient(q))
        assert np.linalg.norm(gradient(q)) < 1e-10
        assert np.sum((frame.A.T @ q) ** 4) >= level
        nu = frame.nu[i]
        bound = 2 * kernel_gradient(frame)[i] / nu**4 + 32 / 3 * epsilon / nu**4
        assert np.linalg.norm(q - (start @ q) * start) <= np.sin(bound)
        hessian = phi_T(frame.A).hessian(q)
        basis = tangent_basis(q)
        extra = 12 * epsilon * (v @ q) ** 2 * np.outer(v, v) - 4 * epsilon * (v @ q) ** 4 * np.eye(n)
        assert np.linalg.eigvalsh(basis.T @ (hessian + extra) @ basis)[0] >= nu**4 / 5


@pytest.mark.claim("cdl-empty-region")
@pytest.mark.parametrize(("n", "K", "seed"), [(4, 2, 0), (5, 2, 1), (6, 2, 2), (4, 3, 3), (5, 3, 4)])
def test_small_circulant_dictionaries_have_no_region(n, K, seed):
    frame = random_circulant(n, K, seed)
    assert frame.mu > REGION_LIMIT
    found = census(frame.A, rng=np.random.default_rng(12))
    at = region_points(frame, found.points)
    assert not at.inside.any()
    assert at.varrho.min() >= frame.mu - 1e-12


@pytest.mark.claim("cdl-empty-region")
def test_welch_excludes_small_dimensions():
    for n in range(2, 10):
        for K in (2, 3, 5):
            assert np.sqrt((K - 1) / (n * K - 1)) > REGION_LIMIT
    assert np.sqrt(1 / (2 * 36 - 1)) * 2 > REGION_LIMIT >= np.sqrt(1 / (2 * 37 - 1)) * 2
    assert np.sqrt(2 / (3 * 109 - 1)) * 3 > REGION_LIMIT >= np.sqrt(2 / (3 * 110 - 1)) * 3


def test_bad_input():
    with pytest.raises(ValueError, match="tight frame"):
        tight_frame(np.array([[1.0, 0.0, 1.0], [0.0, 2.0, 1.0]]))
    frame = FRAMES["untf"]
    with pytest.raises(ValueError, match="negative"):
        region_points(frame, np.eye(6)[0], gradient=-1.0)
    with pytest.raises(ValueError, match="epsilon"):
        sample_threshold(frame, -1.0)
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        cone_curvature_unequal(1.2, 0.0, 1.0)
    with pytest.raises(ValueError, match="positive"):
        cone_curvature_unequal(1.0, 0.0, 0.0)
