"""Chapter *Solvers*: the guaranteed pace and the local rates."""

import numpy as np
import pytest

from l4lib import phi_T, random_untf, solve
from l4lib.data import identity_hadamard, simplex
from l4lib.experiments import read_record
from l4lib.quartic import project, random_points, tangent_basis


def power_step(A, q, gamma=0.0):
    z = A.T @ q
    return project(A @ (z * z * z) + gamma * q)


def exp_step(A, q, tau):
    g = phi_T(A).gradient(q)
    size = np.linalg.norm(g)
    return q if size == 0 else np.cos(tau * size) * q - np.sin(tau * size) * g / size


@pytest.mark.claim("gd-pace")
@pytest.mark.parametrize("A", [simplex(4), random_untf(6, 14, rng=np.random.default_rng(0)), identity_hadamard(8)])
@pytest.mark.parametrize("share", [0.3, 1.0])
def test_gradient_descent_keeps_its_pace(A, share):
    n, m = A.shape
    K = m / n
    tau, phi = share / K, phi_T(A)
    for seed in range(10):
        q = random_points(n, rng=np.random.default_rng(seed))
        norms = []
        for step in range(60):
            g = np.linalg.norm(phi.gradient(q))
            new = exp_step(A, q, tau)
            assert phi.value(new) <= phi.value(q) - tau / 2 * g**2 + 1e-13
            norms.append(g**2)
            assert min(norms) <= K / (2 * tau * (step + 1)) + 1e-13
            q = new


def test_a_step_four_times_as_long_breaks_the_descent():
    """The negative control of gd-pace: for an orthonormal basis the curvature reaches its bound."""
    A = np.eye(6)
    phi = phi_T(A)
    worse = 0
    for seed in range(50):
        q = project(A[:, 0] + 0.3 * random_points(6, rng=np.random.default_rng(seed)))
        worse += phi.value(exp_step(A, q, 4.0)) > phi.value(q)
    assert worse > 0


def critical_points(A):
    """A minimiser and a saddle of the landscape of A."""
    phi = phi_T(A)
    n = A.shape[0]
    starts = random_points(n, 40, rng=np.random.default_rng(1))
    found = [solve(phi, starts, tol=1e-13, max_iterations=5000).Q[:, 0]]
    for a, b in ((0, 1), (0, 2), (1, 2)):
        q = project(A[:, a] + A[:, b])
        for _ in range(30):  # Newton from between two atoms
            basis = tangent_basis(q)
            step = -basis @ np.linalg.solve(basis.T @ phi.hessian(q) @ basis, basis.T @ phi.gradient(q))
            q = project(q + step)
        if np.linalg.norm(phi.gradient(q)) < 1e-12:
            found.append(q)
    return found


@pytest.mark.claim("local-rate")
@pytest.mark.parametrize("A", [simplex(4), random_untf(5, 7, rng=np.random.default_rng(2)), identity_hadamard(4)])
def test_differentials_at_critical_points(A):
    points = critical_points(A)
    assert len(points) >= 2
    kinds = set()
    for q in points:
        basis = tangent_basis(q)
        hessian = basis.T @ phi_T(A).hessian(q) @ basis
        alpha = np.sum((A.T @ q) ** 4)
        kinds.add(bool(np.linalg.eigvalsh(hessian)[0] > 0))
        h = 1e-5
        for predicted, step in (
            (np.eye(len(hessian)) - hessian / alpha, power_step),
            (np.eye(len(hessian)) - hessian / (alpha + 0.7), lambda A, q: power_step(A, q, 0.7)),
            (np.eye(len(hessian)) - 0.2 * hessian, lambda A, q: exp_step(A, q, 0.2)),
        ):
            columns = [(step(A, project(q + h * e)) - step(A, project(q - h * e))) / (2 * h) for e in basis.T]
            assert np.allclose(basis.T @ np.column_stack(columns), predicted, atol=1e-7)
        assert np.linalg.eigvalsh(np.eye(len(hessian)) - hessian / alpha)[0] > -1e-9
    assert kinds == {True, False}


@pytest.mark.claim("local-rate")
def test_orthonormal_ratios_are_cubed():
    q = random_points(5, rng=np.random.default_rng(3))
    new = power_step(np.eye(5), q)
    assert np.allclose(new / new[0], (q / q[0]) ** 3)


@pytest.mark.claim("e7-iterations")
def test_iteration_counts_of_the_record():
    table = read_record("E7").table
    assert table["success"].mean() > 0.95
    median = table.groupby(["n", "method"])["iterations"].median().unstack()
    assert (median["trust region"] < median["gradient descent"]).all()
    assert (median["trust region"] < median["power map"]).all()
    assert (table.loc[table["method"] == "power map", ["values", "hessians"]] == 0).all(axis=None)


@pytest.mark.claim("local-rate")
def test_a_strict_minimiser_with_a_zero_curvature_is_approached_slowly():
    """Two unit atoms at ±30°: a strict minimiser between them with λ₁ = 0, so the factor is one."""
    angle = np.pi / 6
    A = np.array([[np.cos(angle), np.cos(angle)], [np.sin(angle), -np.sin(angle)]])
    phi, q = phi_T(A), np.array([1.0, 0.0])
    assert phi.curvatures(q)[0] == pytest.approx(0.0, abs=1e-12)
    for t in (0.02, 0.1, 0.3):
        assert phi.value(np.array([np.cos(t), np.sin(t)])) > phi.value(q)
    point = np.array([np.cos(0.3), np.sin(0.3)])
    turns = []
    for _ in range(1000):
        point = power_step(A, point)
        turns.append(abs(point[1]))
    assert turns[-1] < turns[99] < turns[9]
    assert turns[-1] / turns[-2] > 0.99
