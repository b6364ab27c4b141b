"""Chapter *Calculus on the sphere*: derivatives, the trace of the Hessian, and the numbers of a point."""

import numpy as np
import pytest
from landscape_frames import ALL, DESIGNS, FRAMES, ROUNDING, UNTF, samples, untf

from l4lib.data import frame_report, random_unit, simplex
from l4lib.landscape import (
    critical_points,
    global_condition,
    harmonic_bound,
    largest_coherence,
    lift,
    minimiser_angle,
    plane_survivors,
    point_quantities,
    second_order_floor,
    tangent_spectrum,
    trace_margin,
)
from l4lib.quartic import geodesic, inner, phi_T, random_points, random_tangents

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
@pytest.mark.parametrize("name", UNTF)
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


@pytest.mark.parametrize("name", ALL)
def test_numbers_of_a_point(name):
    A = FRAMES[name]
    Q, _ = samples(name)
    at = point_quantities(A, Q)
    norm = np.sum(A * A, axis=0)[at.best]
    assert np.allclose(at.zeta, A.T @ Q)
    assert np.allclose(at.alpha, -4 * phi_T(A).value(Q))
    assert np.array_equal(at.best, np.argmax(np.abs(at.zeta), axis=0))
    assert np.allclose(at.h * norm, np.max(at.zeta**2, axis=0))
    assert np.allclose(at.x, 1 - at.h, atol=1e-12)
    assert np.allclose(norm**2 * at.h * (at.h + at.z), at.alpha)
    cosines = A / np.linalg.norm(A, axis=0)
    mu = np.max(np.abs(cosines.T @ cosines - np.eye(A.shape[1])))
    largest = np.linalg.norm(A, axis=0).max()
    assert np.allclose(at.eta, mu * largest**3 * np.sum(np.abs(at.zeta) ** 3, axis=0) / at.alpha**1.5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: global_condition(np.ones((2, 3))), "atoms that span"),
        (lambda: global_condition(np.ones((1, 2))), "n >= 2"),
        (lambda: trace_margin(0.5, 0.1), "B: expected at least 1"),
        (lambda: trace_margin(1.5, 0.1, 0.5), "rho: expected at least 1"),
        (lambda: plane_survivors(2, -0.5), "g: expected at least 0"),
        (lambda: minimiser_angle(2.0, 0.3), "where the angle is proved"),
        (lambda: lift(simplex(3), 1.5), "s: expected a number in"),
        (lambda: second_order_floor(0.5), "B: expected at least 1"),
        (lambda: tangent_spectrum(np.ones((1, 2)), [1.0]), "n >= 2"),
        (lambda: point_quantities(np.eye(1), [1.0]), "two atoms"),
        (lambda: harmonic_bound(np.ones((1, 2)), [1.0]), "n >= 2"),
        (lambda: largest_coherence(2.0, "magic"), "criterion: expected"),
        (lambda: critical_points(simplex(3), starts=0, rng=np.random.default_rng(0)), "starts: expected"),
    ],
)
def test_errors_say_what_came(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()
