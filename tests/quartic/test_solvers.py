"""Every solver on every problem: truthful numbers, descent, and the same minimisers."""

import numpy as np
import pytest

import l4lib
from l4lib import GradientDescent, PowerMap, Status, TrustRegion
from l4lib.data import frames
from l4lib.quartic import ConvergenceError, sphere
from l4lib.quartic.solvers import _Spectrum

METHODS = {
    "power map": PowerMap(),
    "shifted power map": PowerMap(gamma=0.7),
    "gradient descent": GradientDescent(),
    "fixed step": GradientDescent(step_size=0.25),
    "trust region, exact": TrustRegion(exact=True),
    "trust region, truncated": TrustRegion(exact=False),
}
A = l4lib.random_untf(10, 13, rng=np.random.default_rng(0))
PROBLEMS = {
    "orthogonal": l4lib.phi_T(frames.orthogonal(7, rng=np.random.default_rng(1))),
    "untf": l4lib.phi_T(A),
    "data": l4lib.phi_DL(l4lib.make_odl(A, 4000, 0.15, rng=np.random.default_rng(2)).Y, 0.15),
    "scaled by a million": l4lib.Quartic(1e3 * A, 1e-6),
    "simplex": l4lib.phi_T(frames.simplex(5)),
}


CARRIES_THE_SCALE = {"fixed step", "shifted power map"}  # their parameter has the objective's units
PAIRS = [(m, p) for m in METHODS for p in PROBLEMS if not (m in CARRIES_THE_SCALE and p == "scaled by a million")]


@pytest.mark.parametrize("method, problem", PAIRS)
def test_solver_on_problem(method, problem):
    phi = PROBLEMS[problem]
    Q0 = l4lib.random_points(phi.n, 12, rng=np.random.default_rng(3))
    result = l4lib.solve(phi, Q0, method=METHODS[method], tol=1e-9, max_iterations=3000, history=True)
    result.require_converged()
    # every number is the one at the returned point
    assert np.allclose(np.linalg.norm(result.Q, axis=0), 1, atol=1e-14)
    assert np.allclose(result.value, phi.value(result.Q), rtol=1e-13)
    assert np.allclose(result.gradient_norm, np.linalg.norm(phi.gradient(result.Q), axis=0), atol=1e-9)
    assert np.all(result.stationarity <= 2e-9)
    # descent at every iteration, and never up (claimed for each of these methods)
    trace = np.array(result.history)
    assert np.all(np.diff(trace, axis=0) <= 1e-12 * np.abs(trace[:-1]))
    assert np.all(result.value < phi.value(sphere.project(Q0)))
    # generic starts end at minimisers
    for q in result.Q.T:
        assert phi.curvatures(q)[0] > 0
    assert result.q is not None and phi.value(result.q) == pytest.approx(result.value.min())


@pytest.mark.parametrize("method", METHODS)
def test_all_methods_find_the_atoms_of_an_orthogonal_dictionary(method):
    phi = l4lib.phi_T(np.eye(5))
    Q0 = l4lib.random_points(5, 40, rng=np.random.default_rng(4))
    result = l4lib.solve(phi, Q0, method=METHODS[method], tol=1e-9, max_iterations=2000)
    assert np.allclose(np.abs(result.Q).max(axis=0), 1)
    assert np.allclose(result.value, -0.25)


def test_power_map_ends_at_the_largest_coordinate_of_an_orthogonal_dictionary():
    """In the complete case the map cubes coordinates, so the basin is decided by the largest one."""
    Q0 = l4lib.random_points(6, 50, rng=np.random.default_rng(5))
    result = l4lib.solve(l4lib.phi_T(np.eye(6)), Q0)
    assert np.array_equal(np.abs(result.Q).argmax(axis=0), np.abs(Q0).argmax(axis=0))


def test_one_power_step_is_the_natural_gradient_step():
    phi = PROBLEMS["untf"]
    q = l4lib.random_points(10, rng=np.random.default_rng(6))
    step = 1 / (4 * abs(float(phi.value(q))))
    gradient = l4lib.solve(phi, q, method=GradientDescent(step_size=step), max_iterations=1)
    power = l4lib.solve(phi, q, max_iterations=1)
    assert np.allclose(gradient.Q, power.Q)


@pytest.mark.parametrize("exact", [True, False])
def test_trust_region_converges_quadratically(exact):
    phi = PROBLEMS["untf"]
    q = sphere.project(A[:, 0] + 0.05 * np.random.default_rng(7).standard_normal(10))
    errors = []
    limit = l4lib.solve(phi, q, method=TrustRegion(exact=exact), tol=1e-13).q
    for iterations in (1, 2, 3):
        reached = l4lib.solve(phi, q, method=TrustRegion(exact=exact), tol=1e-13, max_iterations=iterations).q
        errors.append(float(sphere.distance(reached, limit)))
    assert errors[1] < 10 * errors[0] ** 1.8 and errors[2] < 1e-6


def test_trust_region_leaves_a_saddle_at_once():
    """A hair from the worst saddle, first-order methods linger and the exact trust region does not."""
    phi = l4lib.phi_T(np.eye(8))
    q = sphere.project(np.ones(8) + 1e-7 * np.random.default_rng(8).standard_normal(8))
    newton = l4lib.solve(phi, q, method=TrustRegion(exact=True))
    power = l4lib.solve(phi, q)
    assert newton.value[0] == pytest.approx(-0.25) and power.value[0] == pytest.approx(-0.25)
    assert newton.iterations[0] < power.iterations[0]


def test_exact_model_solution_is_optimal():
    """Against dense sampling of the region, hard case included (gradient orthogonal to the lowest eigenvector)."""
    from l4lib.quartic.solvers import _Spectrum

    rng = np.random.default_rng(9)
    for case in range(30):
        n = 5
        q = sphere.random_points(n, rng=rng)
        P = np.eye(n) - np.outer(q, q)
        M = rng.standard_normal((n, n))
        H = P @ (M + M.T) @ P
        g = P @ rng.standard_normal(n) * (0.0 if case % 3 == 0 else 1.0)
        if case % 3 == 1:
            lowest = np.linalg.eigh(H)[1][:, 0]
            g = g - lowest * (lowest @ g)
        radius = np.array([0.5])
        V, decrease = _Spectrum(H[None], q[:, None], g[:, None]).minimise(np.array([0]), radius)
        v = V[:, 0]
        assert abs(q @ v) < 1e-10 and np.linalg.norm(v) <= 0.5 * (1 + 1e-6)
        model = g @ v + v @ H @ v / 2
        assert decrease[0] == pytest.approx(-model, abs=1e-9)
        W = P @ rng.standard_normal((n, 20_000))
        W *= 0.5 * rng.random(20_000) ** 0.2 / np.linalg.norm(W, axis=0)
        assert model <= np.min(g @ W + np.einsum("ij,ij->j", W, H @ W) / 2) + 1e-9


def test_evaluations_are_counted_as_they_happen():
    class Spy(l4lib.Quartic):
        gradients = 0

        def euclidean_gradient(self, Q):
            self.gradients += np.shape(Q)[1]
            return super().euclidean_gradient(Q)

    phi = Spy(A, 0.25)
    result = l4lib.solve(phi, l4lib.random_points(10, 5, rng=np.random.default_rng(10)))
    assert result.evaluations.gradient == phi.gradients > 10
    assert result.evaluations.hessian == 0


def test_finished_runs_cost_nothing_more():
    phi = PROBLEMS["untf"]
    start = np.column_stack(
        [l4lib.solve(phi, A[:, 0], tol=1e-12).q, l4lib.random_points(10, rng=np.random.default_rng(0))]
    )
    result = l4lib.solve(phi, start)
    assert result.iterations[0] == 0 < result.iterations[1]
    assert result.evaluations.gradient == 2 + result.iterations[1] + 2  # first, steps of one run, and the final check


def test_limit_is_reported_and_require_converged_raises_with_the_result():
    phi = PROBLEMS["untf"]
    result = l4lib.solve(phi, l4lib.random_points(10, 3, rng=np.random.default_rng(11)), max_iterations=2)
    assert set(result.status) == {Status.MAX_ITERATIONS}
    with pytest.raises(ConvergenceError, match=r"3 of 3 runs did not converge: 3 × MAX_ITERATIONS") as caught:
        result.require_converged()
    assert caught.value.result is result


def test_a_step_that_is_too_long_is_reported_not_hidden():
    result = l4lib.solve(PROBLEMS["untf"], A[:, 0] + 0.1, method=GradientDescent(step_size=50.0), max_iterations=40)
    assert result.status[0] is Status.MAX_ITERATIONS and not result.converged.any()


def test_first_order_convergence_at_a_saddle_is_what_the_documentation_says():
    result = l4lib.solve(l4lib.phi_T(np.eye(3)), np.ones(3))
    assert result.converged.all() and result.iterations[0] == 0
    assert l4lib.phi_T(np.eye(3)).curvatures(result.q)[0] < 0


def test_batch_equals_single_runs():
    phi = PROBLEMS["data"]
    Q0 = l4lib.random_points(10, 4, rng=np.random.default_rng(12))
    for method in METHODS.values():
        batch = l4lib.solve(phi, Q0, method=method, max_iterations=20)
        single = np.column_stack([l4lib.solve(phi, q, method=method, max_iterations=20).q for q in Q0.T])
        assert np.allclose(batch.Q, single, atol=1e-6)


def test_dimension_one_is_trivial():
    result = l4lib.solve(l4lib.phi_T([[1.0, -2.0]]), [3.0])
    assert result.converged.all() and abs(result.q[0]) == 1.0


def test_the_power_map_needs_gradients_only():
    """The power map: one gradient at each start, one an iteration, one more at the end, and nothing else."""
    starts = l4lib.random_points(5, 3, rng=np.random.default_rng(2))
    result = l4lib.solve(l4lib.phi_T(np.eye(5)), starts)
    counts = result.evaluations
    assert (counts.value, counts.hessp, counts.hessian) == (0, 0, 0)
    assert counts.gradient == 3 + result.iterations.sum() + 3


@pytest.mark.parametrize("scale", [0.05, 1.0, 20.0])
@pytest.mark.parametrize("kind", ["minimiser", "saddle", "hard"])
def test_the_trust_region_step_is_the_minimiser_of_its_model(scale, kind):
    """Against a fine grid of the disc of the tangent plane, inside and on the boundary, and in the hard case."""
    bend = {"minimiser": (0.5, 2.0), "saddle": (-1.0, 2.0), "hard": (-1.0, 2.0)}[kind]
    q, basis = np.eye(3)[:, [0]], np.eye(3)[:, 1:]
    hessian = scale * (basis * bend) @ basis.T
    gradient = scale * basis @ ([0.0, 0.3] if kind == "hard" else [0.4, 0.3])
    spectrum = _Spectrum(hessian[None], q, gradient[:, None])
    for radius in (0.1, 0.5, 0.9, 3.0):
        t, r = np.meshgrid(np.linspace(0, 2 * np.pi, 721), np.linspace(0, radius, 201))
        v = basis @ np.array([(r * np.cos(t)).ravel(), (r * np.sin(t)).ravel()])
        model = gradient @ v + 0.5 * np.einsum("ir,ij,jr->r", v, hessian, v)
        step, promised = spectrum.minimise(np.array([0]), np.array([radius]))
        step = step[:, 0]
        assert np.linalg.norm(step) <= radius * (1 + 1e-7) and abs(step @ q[:, 0]) < 1e-9
        reached = gradient @ step + 0.5 * step @ hessian @ step
        assert promised[0] == pytest.approx(-reached)
        assert reached <= model.min() + 1e-9 * scale
        assert reached >= model.min() - 1e-3 * scale * max(1.0, radius)
