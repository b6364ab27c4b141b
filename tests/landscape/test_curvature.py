"""Chapter *Negative curvature*: the spectrum of M, the two lemmas, and the theorem far from the atoms, under attack.

A mutation is an inequality with one constant made too good; it must fail somewhere on the same instances.
"""

import numpy as np
import pytest
from landscape_frames import ALL, DESIGNS, FRAMES, ROUNDING, UNTF, critical, lambda_min, samples, untf
from scipy.optimize import minimize

from l4lib.data import simplex
from l4lib.landscape import (
    best_atom_bound,
    critical_slacks,
    curvature_bound,
    far_bound,
    harmonic_bound,
    point_quantities,
    second_order_floor,
    tangent_spectrum,
    two_atoms_bound,
)
from l4lib.quartic import phi_T, project, tangent_basis


def cluster(N, gamma, rest=0):
    """N unit atoms with mutual products γ, and their sum's direction: Mq = αq with the spectrum of the chapter."""
    G = np.full((N, N), gamma) + (1 - gamma) * np.eye(N)
    A = np.linalg.cholesky(G).T
    return A, project(A.sum(axis=1))


@pytest.mark.claim("one-sentence")
@pytest.mark.parametrize("name", ALL)
def test_critical_points_are_eigenvectors_of_M(name):
    A = FRAMES[name]
    Q, _ = samples(name)
    found, least = critical(name)
    assert found.shape[1] > 0
    for points in (Q[:, ::7], found[:, :60]):
        zeta = A.T @ points
        alpha = np.sum(zeta**4, axis=0)
        gradient = -(A @ zeta**3 - alpha * points)
        assert np.allclose(phi_T(A).gradient(points), gradient, atol=1e-11)
        for k in range(0, points.shape[1], 17):
            basis = tangent_basis(points[:, k])
            M = (A * zeta[:, k] ** 2) @ A.T
            curvatures = np.linalg.eigvalsh(basis.T @ phi_T(A).hessian(points[:, k]) @ basis)
            assert np.allclose(curvatures, alpha[k] - 3 * tangent_spectrum(A, points[:, k]), atol=1e-10)
            assert np.allclose(np.trace(M), alpha[k] * 0 + np.sum(np.sum(A * A, axis=0) * zeta[:, k] ** 2))
    beta = tangent_spectrum(A, found)[0]
    alpha = point_quantities(A, found).alpha
    clear = np.abs(alpha / 3 - beta) > 1e-8
    assert np.array_equal((least >= 0)[clear], (beta <= alpha / 3)[clear])
    if name not in DESIGNS:
        assert np.any((beta > alpha / 3.3) != (beta > alpha / 2.7)) or np.all(np.abs(beta / alpha - 1 / 3) > 0.03)


# What parts of M say at every point


@pytest.mark.claim("parts-of-m")
@pytest.mark.parametrize("name", ALL)
def test_parts_of_M_bound_the_curvature(name):
    A = FRAMES[name]
    Q, least = samples(name)
    at = point_quantities(A, Q)
    three = np.array([best_atom_bound(A, Q), two_atoms_bound(A, Q), harmonic_bound(A, Q)])
    assert np.array_equal(curvature_bound(A, Q), three.min(axis=0))
    assert np.all(three - least >= -1e-7)
    if name in UNTF:
        _, K, _ = untf(name)
        assert np.all(least[at.h < 1 - K / 3 - 1e-9] < 0)
        G = np.abs(A.T @ A)
        for i in range(min(A.shape[1], 8)):
            for j in range(i):
                simple = at.alpha - 3 * (1 - G[i, j]) * np.minimum(at.zeta[i] ** 2, at.zeta[j] ** 2)
                assert np.all(simple - three[1] >= -ROUNDING)


@pytest.mark.claim("parts-of-m")
def test_constants_of_the_parts_are_needed_and_the_atom_has_no_direction():
    wrong = np.zeros(3)
    for name in UNTF:
        A = FRAMES[name]
        Q, least = samples(name)
        alpha = point_quantities(A, Q).alpha
        for k, bound in enumerate((best_atom_bound, two_atoms_bound, harmonic_bound)):
            wrong[k] += np.sum(alpha + 1.1 * (bound(A, Q) - alpha) < least - 1e-6)  # mutation: 3 -> 3.3
    assert np.all(wrong > 0)
    assert np.isnan(best_atom_bound(simplex(3), simplex(3)[:, 0]))


@pytest.mark.claim("parts-of-m")
def test_index_between_equal_orthogonal_atoms():
    """k equal atoms of an orthonormal basis: k − 1 eigenvalues of M equal α, all others vanish."""
    for k in (2, 3, 5):
        q = project(np.concatenate([np.ones(k), np.zeros(6 - k)]))
        spectrum = tangent_spectrum(np.eye(6), q)
        assert np.allclose(spectrum, np.concatenate([np.full(k - 1, 1 / k), np.zeros(6 - k)]))


# The two lemmas


@pytest.mark.claim("curvature-lemma", "criticality-lemma")
@pytest.mark.parametrize("name", ALL)
def test_two_lemmas_at_critical_points(name):
    A = FRAMES[name]
    Q, _ = critical(name)
    slacks = critical_slacks(A, Q)
    assert np.all(slacks.curvature >= -1e-9)
    assert np.all(np.abs(slacks.balance) <= 1e-9)
    assert np.all(slacks.crosstalk >= -1e-7)
    assert np.all(slacks.size >= -ROUNDING)
    assert np.all(critical_slacks(A, samples(name)[0]).size >= -ROUNDING)


@pytest.mark.claim("curvature-lemma", "criticality-lemma")
def test_two_lemmas_need_a_critical_point_and_their_constants():
    not_critical, mutated = np.zeros(3), np.zeros(3)
    for name in ALL:
        A = FRAMES[name]
        other = critical_slacks(A, samples(name)[0])
        not_critical += [np.sum(s < -1e-3) for s in (other.curvature, -np.abs(other.balance), other.crosstalk)]
        Q, _ = critical(name)
        at = point_quantities(A, Q)
        s = critical_slacks(A, Q)
        y = np.abs(at.z - at.x)
        mutated += [
            np.sum((s.curvature + at.x) * 0.9 < at.x - 1e-6),
            np.sum((s.crosstalk + y) * 0.8 < y - 1e-6),
            np.sum(s.size < 0.1 * at.h),
        ]
    assert np.all(not_critical > 0)
    assert np.all(mutated > 0)


def frame_of(v, n, m, norms):
    """A frame around q = e₁ and its relative gradient there: Σ ζ_k³ b_k / α, where b_k are the other coordinates."""
    A = v.reshape(n, m)
    A = A / (np.linalg.norm(A, axis=0) if norms == "unit" else np.linalg.norm(A) / np.sqrt(m))
    return A, A[1:] @ A[0] ** 3 / np.sum(A[0] ** 4)


def attack(objective, constraint, n, m, seeds, norms="unit"):
    """The largest values of an objective of (A, e₁) over frames with e₁ critical, by SLSQP from random starts."""
    found = []
    for seed in seeds:
        conditions = [
            {"type": "eq", "fun": lambda v: frame_of(v, n, m, norms)[1]},
            {"type": "ineq", "fun": lambda v: constraint(frame_of(v, n, m, norms)[0])},
        ]
        run = minimize(
            lambda v: -objective(frame_of(v, n, m, norms)[0]),
            np.random.default_rng(seed).standard_normal(n * m),
            constraints=conditions,
            method="SLSQP",
            options={"maxiter": 200, "ftol": 1e-9},
        )
        A, residual = frame_of(run.x, n, m, norms)
        if np.linalg.norm(residual) < 1e-7 and np.all(constraint(A) > -1e-7):
            found.append(objective(A))
    return np.array(found)


def at_pole(A):
    """h, β/α, g and B in units of the best atom's norm at q = e₁."""
    zeta = A[0]
    i = np.argmax(np.abs(zeta))
    norm = A[:, i] @ A[:, i]
    G = A.T @ A
    g = np.max(np.abs(G - np.diag(np.diag(G)))) / norm
    beta = np.linalg.eigvalsh((A[1:] * zeta**2) @ A[1:].T)[-1] / np.sum(zeta**4)
    return zeta[i] ** 2 / norm, beta, g, np.linalg.norm(A, 2) ** 2 / norm


@pytest.mark.claim("coordinate-cubic")
@pytest.mark.parametrize("name", UNTF)
def test_every_correlation_solves_a_cubic(name):
    A = FRAMES[name]
    off = A.T @ A - np.eye(A.shape[1])

    def residual(Q):
        at = point_quantities(A, Q)
        w, heights = at.zeta / np.sqrt(at.alpha), off @ at.zeta**3 / at.alpha**1.5
        assert np.all(np.abs(heights) <= at.eta + ROUNDING)
        return np.max(np.abs(w - w**3 - heights))

    assert residual(critical(name)[0]) < 1e-9
    if name not in DESIGNS:
        assert residual(samples(name)[0]) > 1e-2


# Far from the atoms


@pytest.mark.claim("far-theorem")
@pytest.mark.parametrize("name", ALL)
def test_far_theorem_at_critical_points(name):
    A = FRAMES[name]
    Q, least = critical(name)
    at = point_quantities(A, Q)
    bound = far_bound(A, Q)
    far = at.h <= 2 / 3
    assert np.array_equal(far, np.isfinite(bound))
    assert np.all(least[far] / at.alpha[far] <= bound[far] + ROUNDING)


@pytest.mark.claim("far-theorem")
@pytest.mark.parametrize("norms", ["unit", "free"])
def test_far_theorem_under_attack_and_attained(norms):
    def excess(A):
        _, beta, g, B = at_pole(A)
        return (1 - g) / B - beta

    found = attack(excess, lambda A: 2 / 3 - at_pole(A)[0], 3, 4, range(10), norms)
    assert len(found) >= 3
    assert found.max() <= 1e-6
    assert found.max() >= -0.02  # the attack comes close, so a constant made 3 % better would fall
    for N, gamma in ((2, 0.1), (3, 0.3), (5, -0.1), (6, 1 / 3)):
        A, q = cluster(N, gamma)
        bound = float(far_bound(A, q))
        B = 1 + (N - 1) * gamma
        ratio = float(lambda_min(A, q[:, None])[0] / point_quantities(A, q).alpha)
        assert ratio == pytest.approx(1 - 3 * (1 - gamma) / B)
        if gamma > 0 and B / N <= 2 / 3:
            assert bound == pytest.approx(ratio, abs=1e-9)


@pytest.mark.claim("floor")
def test_floor_of_second_order_points():
    assert second_order_floor(1.5) == (0.75, 1.0)
    assert second_order_floor(2.5) == (0.25, 0.625)
    assert second_order_floor(3.5) == (0.0, 0.0)
    lowest = np.inf
    for name in UNTF:
        _, K, _ = untf(name)
        Q, least = critical(name)
        at = point_quantities(FRAMES[name], Q)
        good = least >= -1e-10
        h, alpha = second_order_floor(K)
        assert np.all(at.h[good] >= h - ROUNDING)
        assert np.all(at.alpha[good] >= alpha - ROUNDING)
        lowest = min(lowest, np.min(at.alpha[good] - at.h[good] * (3 - 2 * at.h[good]), initial=np.inf))
    assert -ROUNDING <= lowest < 1e-3
    A, q = cluster(2, 0.5)  # two atoms at 60 degrees: equality in h, and in the curvature lemma
    at = point_quantities(A, q)
    assert float(at.h) == pytest.approx(second_order_floor(1.5)[0])
    assert float(at.alpha) == pytest.approx(9 / 8)
    assert float(lambda_min(A, q[:, None])[0]) == pytest.approx(0, abs=1e-12)
