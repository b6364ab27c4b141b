"""The quartic objective against its definition, its Taylor expansion and closed forms."""

import numpy as np
import pytest

import l4lib
from l4lib.data import phi_CDL
from l4lib.quartic import LinearMap, sphere

RNG = np.random.default_rng(5)
A = l4lib.random_untf(6, 9, rng=RNG)
Y = l4lib.make_odl(A, 300, 0.2, rng=RNG).Y
OBJECTIVES = {
    "phi_T": l4lib.phi_T(A),
    "phi_DL": l4lib.phi_DL(Y, 0.2),
    "phi_CDL": phi_CDL(RNG.standard_normal((6, 40)) ** 3, 0.2, 2),
    "untidy": l4lib.Quartic(RNG.standard_normal((6, 4)), 2.5),
}


def slope(errors, steps):
    return np.polyfit(np.log(steps), np.log(errors), 1)[0]


@pytest.mark.parametrize("name", OBJECTIVES)
def test_taylor_slopes_along_geodesics(name):
    """First order leaves an error of order 2, second order one of order 3."""
    phi = OBJECTIVES[name]
    Q = sphere.random_points(6, 4, rng=np.random.default_rng(0))
    V = sphere.random_tangents(Q, rng=np.random.default_rng(1))
    f, g, h = phi.value(Q), sphere.inner(phi.gradient(Q), V), sphere.inner(phi.hessp(Q, V), V)
    steps = np.logspace(-3, -1.5, 8)
    first, second = [], []
    for t in steps:
        change = phi.value(sphere.geodesic(Q, V, t)) - f
        first.append(np.linalg.norm(change - t * g))
        second.append(np.linalg.norm(change - t * g - t * t * h / 2))
    assert slope(first, steps) == pytest.approx(2.0, abs=0.05)
    assert slope(second, steps) == pytest.approx(3.0, abs=0.1)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_hessian_matrix_products_and_curvatures_agree(name):
    phi = OBJECTIVES[name]
    Q = sphere.random_points(6, 3, rng=np.random.default_rng(2))
    V = sphere.random_tangents(Q, rng=np.random.default_rng(3))
    matrices = phi.hessian(Q)
    for k in range(3):
        H = phi.hessian(Q[:, k])
        assert np.allclose(matrices[k], H)
        assert np.allclose(H, H.T)
        assert np.allclose(H @ Q[:, k], 0, atol=1e-10)
        assert np.allclose(H @ V[:, k], phi.hessp(Q, V)[:, k])
        spectrum = np.sort(np.append(phi.curvatures(Q[:, k]), 0.0))
        assert np.allclose(spectrum, np.linalg.eigvalsh(H), atol=1e-9)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_batches_are_columns_and_tiles_change_nothing(name):
    phi = OBJECTIVES[name]
    narrow = l4lib.Quartic(phi.B, phi.c, tile_elements=7)
    Q = sphere.random_points(6, 5, rng=np.random.default_rng(4))
    V = sphere.random_tangents(Q, rng=np.random.default_rng(5))
    for f in (phi, narrow):
        assert np.allclose(f.value(Q), [phi.value(q) for q in Q.T])
        assert np.allclose(f.gradient(Q), np.column_stack([phi.gradient(q) for q in Q.T]))
        assert np.allclose(f.hessp(Q, V), np.column_stack([phi.hessp(q, v) for q, v in zip(Q.T, V.T, strict=True)]))
        assert np.allclose(f.hessian(Q[:, 0]), phi.hessian(Q[:, 0]))


def test_value_is_the_definition_with_the_books_constants():
    q = sphere.random_points(6, rng=np.random.default_rng(6))
    assert l4lib.phi_T(A).value(q) == pytest.approx(-np.sum((A.T @ q) ** 4) / 4)
    assert l4lib.phi_DL(Y, 0.2).value(q) == pytest.approx(-np.sum((Y.T @ q) ** 4) / (12 * 0.2 * 0.8 * 300))


def test_convolutional_value_is_the_definition():
    """−(c/(np)) Σ_i ‖C_{y_i}ᵀ P q‖₄⁴ with dense circulant matrices and P from their second moment."""
    samples, theta, K, n, p = RNG.standard_normal((6, 5)), 0.3, 2, 6, 5
    circulants = [np.column_stack([np.roll(y, j) for j in range(n)]) for y in samples.T]
    values, vectors = np.linalg.eigh(sum(C @ C.T for C in circulants) / (theta * n * K * p))
    P = (vectors / np.sqrt(values)) @ vectors.T
    q = sphere.random_points(n, rng=np.random.default_rng(1))
    expected = -sum(np.sum((C.T @ P @ q) ** 4) for C in circulants) / (12 * theta * (1 - theta) * n * p)
    assert phi_CDL(samples, theta, K).value(q) == pytest.approx(expected)


def test_riemannian_gradient_is_the_books_formula():
    q = sphere.random_points(6, rng=np.random.default_rng(6))
    zeta = A.T @ q
    assert np.allclose(l4lib.phi_T(A).gradient(q), -(A @ zeta**3 - np.sum(zeta**4) * q))


def test_orthogonal_dictionary_in_closed_form():
    """At (e_1 + … + e_k)/√k: α = 1/k, k−1 eigenvalues −2/k along the support and n−k eigenvalues 1/k."""
    n, k = 6, 3
    q = np.r_[np.ones(k), np.zeros(n - k)] / np.sqrt(k)
    phi = l4lib.phi_T(np.eye(n))
    assert phi.value(q) == pytest.approx(-1 / (4 * k))
    assert np.allclose(phi.gradient(q), 0)
    assert np.allclose(phi.curvatures(q), [-2 / k] * (k - 1) + [1 / k] * (n - k))


def test_euler_relation_and_evenness():
    phi = OBJECTIVES["phi_DL"]
    Q = sphere.random_points(6, 4, rng=np.random.default_rng(7))
    assert np.allclose(sphere.inner(Q, phi.euclidean_gradient(Q)) / 4, phi.value(Q))
    assert np.allclose(phi.value(-Q), phi.value(Q))
    assert np.allclose(phi.gradient(-Q), -phi.gradient(Q))


def test_any_linear_map_will_do():
    """The objective needs products only, which is what its convolutional twin offers."""

    class Twice(LinearMap):
        shape = (6, 6)

        def adjoint(self, Q):
            return 2.0 * Q

        def apply(self, Z):
            return 2.0 * Z

        def tiles(self, width):
            yield self

    Q = sphere.random_points(6, 3, rng=np.random.default_rng(8))
    phi, twin = l4lib.Quartic(Twice(), 0.25), l4lib.Quartic(2.0 * np.eye(6), 0.25)
    assert np.allclose(phi.value(Q), twin.value(Q))
    assert np.allclose(phi.gradient(Q), twin.gradient(Q))
    assert np.allclose(phi.hessian(Q), twin.hessian(Q))
