"""The span of a_i a_iᵀ: exact eigenspace in the population, its rank-one elements, and what atoms must explain."""

import numpy as np
import pytest
from scipy.linalg import subspace_angles

from l4lib import Quartic, make_odl, match_atoms, random_points, random_untf, recover_dictionary, unique_lines
from l4lib.data import directions, frames, whitening
from l4lib.landscape import support_moments
from l4lib.quartic import SymmetricQuartic, inner, pairs, project, rank_one_sum, svec
from l4lib.recovery import AtomSubspace, explain_covariance, separate
from l4lib.recovery.dictionary import _by_orthogonal, _moment_sizes, _rotations_lose

FRAMES = {
    "simplex 4": frames.simplex(4),
    "untf 6 x 9": random_untf(6, 9, rng=np.random.default_rng(0)),
    "orthogonal 5": frames.orthogonal(5, rng=np.random.default_rng(1)),
    "untf 5 x 8": random_untf(5, 8, rng=np.random.default_rng(2)),
}


def population(A, theta):
    """E (qᵀy)⁴ for y = Ax as a pair matrix, from the definition: sparse part, and 3θ²‖Aᵀq‖⁴ by polarisation."""
    n = A.shape[0]
    d = n * (n + 1) // 2
    Q = random_points(n, 4 * d * d, rng=np.random.default_rng(9))
    zeta = A.T @ Q
    values = 3 * support_moments(zeta, theta).second
    V = svec(Q)
    # Among all D that give these values, the one of a symmetric tensor: a sum of fourth powers.
    anchors = random_points(n, 2 * d * d, rng=np.random.default_rng(10))
    weights = np.linalg.lstsq((Q.T @ anchors) ** 4, values, rcond=1e-12)[0]
    lifted = svec(anchors)
    D = (lifted * weights) @ lifted.T
    assert np.allclose(inner(V, D @ V), values, rtol=1e-6)
    return SymmetricQuartic(n, D)


@pytest.mark.claim("atom-subspace")
@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.parametrize("theta", [0.1, 0.6])
def test_the_span_is_the_leading_eigenspace(name, theta):
    """The fourth moment is 2θ²K² I + a form on the span; m eigenvalues exceed the others, which are all equal."""
    A = FRAMES[name]
    n, m = A.shape
    form = population(A, theta)
    subspace = AtomSubspace(form, m)
    angle = np.max(subspace_angles(subspace.basis, svec(A)))
    assert angle < 1e-5
    values = np.linalg.eigvalsh(form.D)
    rest = 2 * theta**2 * (m / n) ** 2
    assert values[: values.size - m] == pytest.approx(np.full(values.size - m, rest), rel=1e-5)
    assert values[-m] > rest * (1 + 1e-6)
    assert subspace.spectrum == pytest.approx(values[::-1][: m + 1])


@pytest.mark.claim("atom-subspace")
def test_gaussian_coefficients_have_no_such_subspace():
    """Negative control: at θ = 1 only the identity stands out."""
    A = FRAMES["untf 6 x 9"]
    values = np.linalg.eigvalsh(population(A, 1 - 1e-12).D)
    assert values[:-1] == pytest.approx(np.full(20, values[0]), rel=1e-5)


@pytest.mark.claim("atom-subspace")
@pytest.mark.parametrize("name", FRAMES)
def test_one_exactly_at_the_atoms(name):
    A = FRAMES[name]
    n, m = A.shape
    assert m <= 2 * n - 2
    subspace = AtomSubspace(SymmetricQuartic.from_dictionary(A), m)
    assert subspace.value(A) == pytest.approx(np.ones(m))
    points, values, good = subspace.maximise(random_points(n, 400, rng=np.random.default_rng(3)), tol=1e-10)
    assert good.all()
    top = points[:, values > 1 - 1e-9]
    assert np.max(1 - np.abs(A.T @ top).max(axis=0)) < 1e-7
    assert unique_lines(top)[0].shape[1] == m


@pytest.mark.claim("atom-subspace")
def test_too_many_atoms_share_the_span_with_others():
    """Negative control of m <= 2n − 2: in the plane three generic atoms span all symmetric matrices, so that F = 1."""
    A = random_points(2, 3, rng=np.random.default_rng(4))
    lifted = svec(A)
    assert np.linalg.matrix_rank(lifted) == 3 == pairs(2)[0].size
    basis = np.linalg.qr(lifted)[0]
    q = svec(random_points(2, 5, rng=np.random.default_rng(5)))
    assert np.sum((basis.T @ q) ** 2, axis=0) == pytest.approx(np.ones(5))


@pytest.mark.claim("atom-subspace")
def test_four_atoms_in_space_meet_the_bound():
    """m = 2n − 2 in dimension three: the span of four generic a_i a_iᵀ contains no other matrix of rank one."""
    A = random_points(3, 4, rng=np.random.default_rng(6))
    subspace = AtomSubspace(SymmetricQuartic.from_dictionary(A), 4)
    points, values, _ = subspace.maximise(random_points(3, 100, rng=np.random.default_rng(7)), max_iterations=5000)
    top = points[:, values > 1 - 1e-7]
    assert top.shape[1] > 50 and np.max(1 - np.abs(A.T @ top).max(axis=0)) < 1e-4
    assert subspace.value(A) == pytest.approx(np.ones(4))


def test_gradient():
    subspace = AtomSubspace(SymmetricQuartic.from_dictionary(FRAMES["untf 6 x 9"]), 9)
    rng = np.random.default_rng(8)
    q, v = random_points(6, rng=rng), rng.standard_normal(6)
    h = 1e-5

    def homogeneous(x):
        return np.linalg.norm(x) ** 4 * subspace.value(project(x))

    slope = (homogeneous(q + h * v) - homogeneous(q - h * v)) / (2 * h)
    assert subspace.euclidean_gradient(q) @ v == pytest.approx(slope, rel=1e-6)


def test_single_precision_finds_the_same():
    form = SymmetricQuartic.from_dictionary(FRAMES["untf 6 x 9"])
    Q = random_points(6, 50, rng=np.random.default_rng(17))
    fine, rough = (AtomSubspace(form, 9, single=single).maximise(Q, tol=1e-4)[0] for single in (False, True))
    assert np.quantile(np.abs(np.sum(fine * rough, axis=0)), 0.1) > 1 - 1e-5


@pytest.mark.claim("covariance-explained")
@pytest.mark.parametrize("name", FRAMES)
def test_all_atoms_explain_and_one_missing_shows(name):
    A = FRAMES[name]
    n, m = A.shape
    fit = explain_covariance(A)
    assert fit.complete and abs(fit.unexplained) < 1e-9
    assert fit.weights == pytest.approx(np.full(m, n / m), rel=1e-6)
    for k in range(m):
        rest = explain_covariance(np.delete(A, k, axis=1))
        assert not rest.complete
        assert abs(rest.direction @ A[:, k]) > 0.9


@pytest.mark.claim("covariance-explained")
def test_unequal_variances_are_explained_too():
    """White data Σ w_i u_i u_iᵀ = I with unequal w: the fit returns them."""
    A = random_points(6, 9, rng=np.random.default_rng(11)) * np.linspace(0.5, 2, 9)
    white = whitening(A @ np.random.default_rng(12).standard_normal((9, 100))).W  # any invertible matrix will do
    S = white @ A @ A.T @ white
    values, vectors = np.linalg.eigh(S)
    U = (vectors / np.sqrt(values)) @ vectors.T @ white @ A
    weights = np.sum(U * U, axis=0)
    fit = explain_covariance(project(U))
    assert fit.weights == pytest.approx(weights, rel=1e-6) and np.ptp(weights) > 0.3
    assert fit.complete


@pytest.mark.claim("covariance-explained")
@pytest.mark.parametrize("seed", range(3))
def test_a_wrong_atom_is_noticed(seed):
    A = random_untf(8, 12, rng=np.random.default_rng(seed))
    for k in range(12):
        B = A.copy()
        B[:, k] = random_points(8, rng=np.random.default_rng(100 + k))
        if abs(B[:, k] @ A[:, k]) < 0.9:
            assert not explain_covariance(B).complete


@pytest.mark.claim("subspace-recovery")
@pytest.mark.parametrize(
    ("n", "m", "theta", "p"), [(16, 24, 0.1, 20_000), (10, 12, 0.1, 4000), (16, 48, 0.1, 20_000), (8, 18, 0.1, 50_000)]
)
def test_recovery_on_new_data(n, m, theta, p):
    """Every atom, every time, also where restarts of φ_DL cannot: K = 3 and m > 2n."""
    for seed in range(8):
        data = make_odl((n, m), p, theta, rng=np.random.default_rng(2000 + seed))
        found = recover_dictionary(data.Y, m, rng=np.random.default_rng(seed), progress=False)
        assert found.route == "subspace" and found.complete and found.unexplained < 0.5
        assert match_atoms(found.A, data.A).max_error < 1e-2


@pytest.mark.claim("subspace-recovery")
def test_gaussian_data_are_not_called_complete():
    """Negative control: noise alone has no dictionary, and the covariance says so."""
    for seed, (n, m) in enumerate([(10, 12), (6, 9), (16, 24)]):
        Y = np.random.default_rng(seed).standard_normal((n, 20_000))
        found = recover_dictionary(Y, m, rng=np.random.default_rng(1), route="subspace", max_starts=600)
        assert not found.complete and found.unexplained > 0.5
        with pytest.raises(RuntimeError, match="variance unexplained"):
            found.require_complete()


def leaked(A, kappa, c):
    """E⟨a_i, u⟩³u by the formula, for a fourth moment Σ κ_j a_j⁴ + 3c."""
    C = A.T @ A
    return A @ (kappa[:, None] * C**3) + 3 * c * A


@pytest.mark.claim("separate-fixed-point")
@pytest.mark.parametrize("name", FRAMES)
def test_the_atoms_are_a_fixed_point(name):
    """On samples whose fourth moment is exactly of the form assumed: each atom repeated, which is Σ κ_j a_j⁴."""
    A = FRAMES[name]
    times = np.arange(10, 10 + A.shape[1])
    U = np.repeat(A, times, axis=1)
    assert np.allclose(U @ (U.T @ A) ** 3 / U.shape[1], leaked(A, times / times.sum(), 0.0))
    fine, settled = separate(U, A)
    assert settled and np.max(1 - inner(fine, A)) < 1e-12


@pytest.mark.claim("separate-fixed-point")
def test_an_isotropic_part_does_not_move_them():
    """The twelve vertices of the icosahedron have an isotropic fourth moment: E⟨q, v⟩⁴ = 3/(3·5) = 3c."""
    A = random_points(3, 4, rng=np.random.default_rng(22))
    times = np.array([10, 12, 14, 16])
    U = np.hstack([np.repeat(A, times, axis=1), np.repeat(frames.icosahedron(), 20, axis=1)])
    p = U.shape[1]
    assert np.allclose(U @ (U.T @ A) ** 3 / p, leaked(A, times / p, 120 / p / 15))
    fine, settled = separate(U, A)
    assert settled and np.max(1 - inner(fine, A)) < 1e-12


@pytest.mark.claim("separate-fixed-point")
def test_the_power_map_leaks_and_separation_does_not():
    """Negative control: on the same samples one step of the power map moves off the atoms, by the bias."""
    A = random_untf(6, 9, rng=np.random.default_rng(0))
    U = np.repeat(A, 10, axis=1)
    moved = project(U @ (U.T @ A) ** 3)
    assert np.max(1 - inner(moved, A)) > 1e-3
    start = project(A + 0.02 * np.random.default_rng(19).standard_normal(A.shape))
    fine, settled = separate(U, start, tol=1e-8, max_passes=200)
    assert settled and np.max(1 - np.abs(inner(fine, A))) < 1e-10


@pytest.mark.claim("subspace-recovery")
def test_separation_uses_all_samples():
    """From the subspace of few samples to the accuracy of all of them."""
    data = make_odl((16, 24), 50_000, 0.1, rng=np.random.default_rng(20))
    few = recover_dictionary(data.Y[:, :5000], 24, rng=np.random.default_rng(21))
    all_of_them = recover_dictionary(data.Y, 24, rng=np.random.default_rng(21))
    assert match_atoms(all_of_them.A, data.A).max_error < 0.3 * match_atoms(few.A, data.A).max_error


def test_separate_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="U: expected finite numbers, got 1 NaN or infinite"):
        separate(np.array([[1.0, np.nan], [0.0, 1.0]]), np.eye(2))
    with pytest.raises(ValueError, match=r"A: expected 3 rows like U, got shape \(4, 4\)"):
        separate(np.zeros((3, 5)), np.eye(4))


def test_noise_is_tolerated():
    data = make_odl((16, 24), 20_000, 0.1, rng=np.random.default_rng(13))
    noise = np.random.default_rng(14).standard_normal(data.Y.shape)
    found = recover_dictionary(data.Y + 0.3 * np.std(data.Y) * noise, 24, rng=np.random.default_rng(15))
    assert found.complete and match_atoms(found.A, data.A).max_error < 5e-3


def test_route_is_chosen_and_falls_back():
    rng = np.random.default_rng(16)
    complete = make_odl((40, 40), 20_000, 0.1, rng=rng)
    assert recover_dictionary(complete.Y, 40, rng=rng).route == "orthogonal"
    small = make_odl((8, 10), 4000, 0.1, rng=rng)
    assert recover_dictionary(small.Y, 10, rng=rng).route == "subspace"
    assert recover_dictionary(small.Y, rng=rng).route == "restarts"
    wrong = recover_dictionary(small.Y, 13, rng=rng, max_starts=100)  # there are only ten
    assert wrong.route == "restarts" and not wrong.complete


def test_a_route_that_does_not_converge_is_followed_by_the_next(monkeypatch):
    data = make_odl((8, 10), 4000, 0.1, rng=np.random.default_rng(23))

    def never(self, Q, **options):
        return Q, np.zeros(Q.shape[1]), np.zeros(Q.shape[1], dtype=bool)

    monkeypatch.setattr(AtomSubspace, "maximise", never)
    assert recover_dictionary(data.Y, 10, rng=np.random.default_rng(24)).route == "restarts"
    with pytest.raises(RuntimeError, match="none of"):
        recover_dictionary(data.Y, 10, rng=np.random.default_rng(24), route="subspace")


def test_a_saddle_is_not_taken_for_a_dictionary():
    """Two atoms rotated by 45° are a fixed point of the orthonormal iteration, and explain the covariance as well."""
    data = make_odl(np.eye(9), 20_000, 0.1, rng=np.random.default_rng(25))
    U = directions(data.Y)
    rotated = np.eye(9)
    rotated[:2, :2] = np.array([[1, -1], [1, 1]]) / np.sqrt(2)
    assert explain_covariance(rotated).complete
    assert _rotations_lose(U, np.eye(9, dtype=np.float32))
    assert not _rotations_lose(U, rotated.astype(np.float32))


class Start:
    """A generator whose only random matrix is the one given."""

    def __init__(self, matrix):
        self.matrix = matrix

    def standard_normal(self, shape):
        assert self.matrix.shape == shape
        return self.matrix


def test_the_orthogonal_route_reports_a_saddle():
    """Data with the symmetries of two coordinates, so that their rotation by 45° is an exact fixed point."""
    X = make_odl(np.eye(9), 1000, 0.1, rng=np.random.default_rng(27)).Y
    X = np.hstack([X, np.vstack([X[1::-1], X[2:]])])
    for k in (0, 1):
        flipped = X.copy()
        flipped[k] *= -1
        X = np.hstack([X, flipped])
    rotated = np.eye(9)
    rotated[:2, :2] = np.array([[1, -1], [1, 1]]) / np.sqrt(2)
    white = whitening(X).apply(X)
    for start, complete in ((np.eye(9), True), (rotated, False)):
        found = _by_orthogonal(Quartic(white, 1.0 / X.shape[1]), white, rng=Start(start))
        assert found.converged == 9 and found.complete is complete
        assert np.max(1 - np.abs(np.sum(found.atoms * start, axis=0))) < 0.01


def test_more_samples_are_used_where_few_are_not_enough():
    data = make_odl((32, 64), 50_000, 0.2, rng=np.random.default_rng(7))
    assert _moment_sizes(32, 50_000) == [5000, 25_000]
    assert _moment_sizes(32, 8000) == [5000, 8000] and _moment_sizes(32, 3000) == [3000]
    few = recover_dictionary(data.Y[:, :5000], 64, rng=np.random.default_rng(28), route="subspace", max_starts=800)
    found = recover_dictionary(data.Y, 64, rng=np.random.default_rng(28), route="subspace", max_starts=800)
    assert found.complete and not few.complete
    assert match_atoms(found.A, data.A).max_error < 1e-2


@pytest.mark.claim("separate-fixed-point")
def test_empty_samples_do_not_mislead_the_separation():
    """At θ = 0.05 half of the samples are zero: with them and without them the same atoms."""
    data = make_odl((10, 12), 50_000, 0.05, rng=np.random.default_rng(26))
    white = whitening(data.Y).apply(data.Y)
    units = project(white[:, np.any(white != 0, axis=0)])
    padded = np.hstack([units, np.zeros((10, white.shape[1] - units.shape[1]))])
    assert padded.shape[1] > 1.9 * units.shape[1]
    start = project(whitening(data.Y).apply(data.A))
    with_them, without = (separate(U, start, tol=1e-7, max_passes=100)[0] for U in (padded, units))
    assert np.max(1 - inner(with_them, without)) < 1e-10


@pytest.mark.claim("direction-bias")
def test_directions_are_biased_and_samples_are_not():
    """Atoms from the moment of directions stop improving with more samples, those from plain samples do not."""
    A, rng = random_untf(8, 16, rng=np.random.default_rng(5)), np.random.default_rng(6)
    moments, counts = {"directions": np.zeros((36, 36)), "samples": np.zeros((36, 36))}, {}
    errors = {"directions": [], "samples": []}
    for part in range(16):
        Y = make_odl(A, 100_000, 0.3, rng=rng).Y
        for name, V in (("directions", directions(Y)), ("samples", Y.astype(np.float32))):
            moments[name] += rank_one_sum(V, 1.0)
            counts[name] = counts.get(name, 0) + V.shape[1]
            if part in (3, 15):
                F = AtomSubspace(SymmetricQuartic(8, moments[name] / counts[name]), 16)
                errors[name].append(float(np.max(1 - np.abs(inner(F.maximise(A, tol=1e-9)[0], A)))))
    assert errors["samples"][1] < 0.4 * errors["samples"][0]
    assert errors["directions"][1] > 0.7 * errors["directions"][0]
    assert errors["directions"][0] < errors["samples"][0] and errors["directions"][1] > errors["samples"][1]
    assert errors["directions"][1] < 5e-4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"route": "magic"}, "route: expected one of auto, restarts, subspace, orthogonal, got 'magic'"),
        ({"route": "subspace"}, "needs n_atoms"),
        ({"route": "subspace", "n_atoms": 10}, r"n_atoms < n\(n\+1\)/2 = 10"),
        ({"route": "orthogonal", "n_atoms": 5}, "needs n_atoms = n = 4, got 5"),
    ],
)
def test_routes_that_do_not_apply(options, message):
    Y = np.random.default_rng(0).standard_normal((4, 100))
    with pytest.raises(ValueError, match=message):
        recover_dictionary(Y, rng=np.random.default_rng(0), **options)
