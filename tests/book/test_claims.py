"""Claims of the first chapters that no module's own tests check."""

import itertools

import numpy as np
import pytest

from l4lib import Quartic, phi_T
from l4lib.census import census
from l4lib.data import frames
from l4lib.quartic import sphere


@pytest.mark.claim("power-map-monotone")
def test_power_map_descends_by_the_stated_amount():
    rng = np.random.default_rng(0)
    for _ in range(60):
        n, N = rng.integers(2, 9), rng.integers(1, 15)
        phi = Quartic(rng.standard_normal((n, N)), rng.uniform(0.05, 2))
        gamma = rng.choice([0.0, 0.3, 5.0])
        Q = sphere.random_points(int(n), 20, rng=rng)
        g = gamma * Q - phi.euclidean_gradient(Q)
        length = np.linalg.norm(g, axis=0)
        R = g / length
        promised = 0.5 * (length + gamma) * np.sum((R - Q) ** 2, axis=0)
        assert np.all(phi.value(R) <= phi.value(Q) - promised + 1e-12 * np.abs(phi.value(Q)))


@pytest.mark.claim("power-map-monotone")
def test_power_map_needs_a_convex_quartic():
    """Negative control: with signed weights the map goes up somewhere."""
    rng = np.random.default_rng(1)
    B, w = rng.standard_normal((5, 9)), np.where(np.arange(9) < 4, -1.0, 1.0)
    Q = sphere.random_points(5, 200, rng=rng)
    R = sphere.project(B @ (w[:, None] * (B.T @ Q) ** 3))
    assert np.any(-(w @ (B.T @ R) ** 4) > -(w @ (B.T @ Q) ** 4))


@pytest.mark.claim("orthonormal-landscape")
@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_orthonormal_landscape(n):
    A = frames.orthogonal(n, rng=np.random.default_rng(n))
    phi = phi_T(A)
    expected = []
    for s in itertools.product((-1, 0, 1), repeat=n):
        k = int(np.abs(s).sum())
        if k == 0:
            continue
        q = A @ np.array(s) / np.sqrt(k)
        assert np.linalg.norm(phi.gradient(q)) < 1e-14
        assert np.allclose(phi.curvatures(q), [-2 / k] * (k - 1) + [1 / k] * (n - k))
        expected.append(q)
    found = census(A, rng=np.random.default_rng(0)).require_complete()
    every = np.hstack([found.points, -found.points])
    assert every.shape[1] == len(expected) == 3**n - 1
    distances = np.linalg.norm(every[:, :, None] - np.array(expected).T[:, None, :], axis=0)
    assert np.all(distances.min(axis=1) < 1e-10)
    assert np.all(distances.min(axis=0) < 1e-10)


@pytest.mark.claim("flat-designs")
def test_flat_designs_are_flat_and_have_enough_atoms():
    H = np.array([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]]) / 2
    cell24 = np.hstack([np.eye(4), H, H * np.array([[1], [1], [1], [-1]])])
    for A, alpha in ((frames.mercedes_benz(), 9 / 8), (frames.icosahedron(), 6 / 5), (cell24, 3 / 2)):
        n, m = A.shape
        Q = sphere.random_points(n, 300, rng=np.random.default_rng(2))
        assert np.allclose(-4 * phi_T(A).value(Q), alpha, atol=1e-13)
        assert alpha == pytest.approx(3 * (m / n) / (n + 2))
        squares = np.einsum("ik,jk->ijk", A, A).reshape(n * n, m)
        assert np.linalg.matrix_rank(squares) == n * (n + 1) // 2


@pytest.mark.claim("flat-designs")
def test_fewer_atoms_are_never_flat():
    for n in (2, 3, 4, 5):
        for m in range(n, n * (n + 1) // 2):
            A = frames.random_untf(n, m, rng=np.random.default_rng(10 * n + m))
            Q = sphere.random_points(n, 300, rng=np.random.default_rng(3))
            assert np.ptp(phi_T(A).value(Q)) > 1e-3


@pytest.mark.claim("harmonic-identity")
def test_component_of_degree_two():
    """On the circle the part of φ_T with cos 2b, sin 2b is −3/(2n+8) of Σ ν_k² ζ_k²; unequal norms keep it."""
    b = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    Q, waves = np.array([np.cos(b), np.sin(b)]), np.array([np.cos(2 * b), np.sin(2 * b)])
    crowded = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]) * np.sqrt([0.75, 0.75, 1.5])
    random = np.random.default_rng(4).standard_normal((2, 5))
    untf = frames.random_untf(2, 5, rng=np.random.default_rng(5))
    sizes = []
    for A in (crowded, random, untf):
        weighted = np.sum(A * A, axis=0) @ (A.T @ Q) ** 2
        component = waves @ phi_T(A).value(Q) / 32
        assert np.allclose(component, -3 / (2 * 2 + 8) * waves @ weighted / 32)
        sizes.append(np.abs(component).max())
    assert np.allclose(crowded @ crowded.T, 1.5 * np.eye(2))
    assert sizes[0] == pytest.approx(9 / 64)
    assert sizes[1] > 0.1 and sizes[2] < 1e-12
