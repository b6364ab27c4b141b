"""The manifold: identities that hold for every point and velocity."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l4lib.quartic import sphere

seeds = st.integers(0, 2**32 - 1)
sizes = st.tuples(st.integers(2, 12), st.integers(1, 5))


def _draw(size, seed):
    rng = np.random.default_rng(seed)
    Q = sphere.random_points(*size, rng=rng)
    V = sphere.tangent(Q, rng.standard_normal(size))
    return Q, V, rng


@given(sizes, seeds)
def test_tangent_is_the_orthogonal_projector(size, seed):
    Q, V, rng = _draw(size, seed)
    W = rng.standard_normal(size)
    P = sphere.tangent(Q, W)
    assert np.allclose(sphere.inner(Q, P), 0, atol=1e-13)
    assert np.allclose(sphere.tangent(Q, P), P)
    assert np.allclose(sphere.inner(P, V), sphere.inner(W, V))  # self-adjoint, and the identity on tangents


@given(sizes, seeds, st.floats(1e-6, 3.0))
def test_exp_and_log_are_inverse_and_exp_has_unit_speed(size, seed, length):
    Q, V, _ = _draw(size, seed)
    V = length * sphere.project(V)
    R = sphere.exp(Q, V)
    assert np.allclose(sphere.inner(R, R), 1)
    assert np.allclose(sphere.distance(Q, R), length, rtol=1e-7)
    assert np.allclose(sphere.log(Q, R), V, rtol=1e-6, atol=1e-9)


@given(sizes, seeds)
def test_geodesic_has_no_acceleration_along_the_sphere(size, seed):
    Q, V, _ = _draw(size, seed)
    h = 1e-3
    second = (sphere.geodesic(Q, V, h) - 2 * Q + sphere.geodesic(Q, V, -h)) / h**2
    assert np.allclose(sphere.tangent(Q, second), 0, atol=1e-6)
    assert np.allclose(sphere.inner(Q, second), -sphere.inner(V, V), rtol=1e-3, atol=1e-6)


def test_retraction_agrees_with_exp_to_second_order():
    Q, V, _ = _draw((6, 4), 0)
    V = sphere.project(V)
    steps = np.array([1e-1, 1e-2])
    gaps = [np.linalg.norm(sphere.retract(Q, t * V) - sphere.exp(Q, t * V)) for t in steps]
    slope = np.log(gaps[0] / gaps[1]) / np.log(steps[0] / steps[1])
    assert abs(slope - 3) < 0.05


@given(sizes, seeds)
def test_transport_is_an_isometry_between_tangent_spaces(size, seed):
    Q, V, rng = _draw(size, seed)
    U = sphere.tangent(Q, rng.standard_normal(size))
    R = sphere.exp(Q, 0.7 * sphere.project(U))
    moved = sphere.transport(Q, R, V)
    assert np.allclose(sphere.inner(R, moved), 0, atol=1e-12)
    assert np.allclose(sphere.inner(moved, sphere.transport(Q, R, U)), sphere.inner(V, U))
    # the velocity of the geodesic itself is carried along the geodesic
    assert np.allclose(sphere.transport(Q, R, sphere.log(Q, R)), -sphere.log(R, Q), atol=1e-9)


@given(st.integers(2, 30), seeds)
def test_tangent_basis_is_orthonormal_and_orthogonal_to_q(n, seed):
    q = sphere.random_points(n, rng=np.random.default_rng(seed))
    B = sphere.tangent_basis(q)
    assert B.shape == (n, n - 1)
    assert np.allclose(B.T @ B, np.eye(n - 1), atol=1e-12)
    assert np.allclose(B.T @ q, 0, atol=1e-12)


def test_tangent_basis_at_the_poles():
    for q in (np.eye(4)[0], -np.eye(4)[0]):
        B = sphere.tangent_basis(q)
        assert np.allclose(B.T @ q, 0) and np.allclose(B.T @ B, np.eye(3))


def test_random_points_are_uniform():
    """Second and fourth moments of the uniform distribution, within five standard errors."""
    n, r = 5, 40_000
    Q = sphere.random_points(n, r, rng=np.random.default_rng(3))
    assert np.allclose(np.linalg.norm(Q, axis=0), 1)
    for moment, power in ((1 / n, 2), (3 / (n * (n + 2)), 4)):
        samples = Q**power
        error = samples.std(axis=1) / np.sqrt(r)
        assert np.all(np.abs(samples.mean(axis=1) - moment) < 5 * error)
    assert np.all(np.abs(Q.mean(axis=1)) < 5 / np.sqrt(n * r))


def test_random_tangents_are_unit_and_tangent():
    rng = np.random.default_rng(0)
    Q = sphere.random_points(7, 20, rng=rng)
    V = sphere.random_tangents(Q, rng=rng)
    assert np.allclose(sphere.inner(Q, V), 0, atol=1e-14) and np.allclose(sphere.inner(V, V), 1)


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_project_neither_underflows_nor_overflows(scale):
    assert np.allclose(sphere.project(scale * np.array([3.0, 4.0])), [0.6, 0.8])


def test_distance_of_nearby_points_keeps_its_digits():
    q = np.array([1.0, 0.0])
    assert float(sphere.distance(q, sphere.exp(q, np.array([0.0, 1e-9])))) == pytest.approx(1e-9, rel=1e-6)
