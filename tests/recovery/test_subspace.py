"""The span of a_i a_iᵀ: exact eigenspace in the population, and its rank-one elements."""

import numpy as np
import pytest
from scipy.linalg import subspace_angles

from l4lib import make_odl, match_atoms, random_points, random_untf, recover_dictionary, unique_lines
from l4lib.data import frames, tempered
from l4lib.landscape import support_moments
from l4lib.quartic import SymmetricQuartic, inner, pairs, project, rank_one_sum, svec
from l4lib.recovery import AtomSubspace

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


@pytest.mark.claim("direction-bias")
def test_directions_are_biased_and_tempered_samples_are_better_than_both():
    """Atoms from directions stop improving; those from tempered samples go on, and stay ahead of plain samples."""
    A, rng = random_untf(8, 16, rng=np.random.default_rng(5)), np.random.default_rng(6)
    moments, fourth = {}, {}
    errors = {"directions": [], "tempered": [], "samples": []}
    for part in range(16):
        Y = make_odl(A, 100_000, 0.3, rng=rng).Y
        plain = Y[:, np.any(Y != 0, axis=0)].astype(np.float32)
        for name, V in (("directions", project(plain)), ("tempered", tempered(Y)), ("samples", plain)):
            moments[name] = moments.get(name, 0) + rank_one_sum(V.astype(np.float32), 1.0)
            fourth[name] = fourth.get(name, 0) + float(np.sum(np.sum(V.astype(float) ** 2, axis=0) ** 2))
            if part in (3, 15):
                F = AtomSubspace(SymmetricQuartic(8, moments[name] / fourth[name]), 16)
                errors[name].append(float(np.max(1 - np.abs(inner(F.maximise(A, tol=1e-9)[0], A)))))
    assert errors["directions"][1] > 0.7 * errors["directions"][0] and errors["directions"][1] < 5e-4
    assert errors["tempered"][1] < 0.5 * errors["tempered"][0]
    assert all(t < s for t, s in zip(errors["tempered"], errors["samples"], strict=True))


@pytest.mark.claim("subspace-recovery")
def test_the_second_opinion_where_limits_are_not_atoms():
    """m = 22 in eight dimensions: the pool says that it failed, and the subspace finds every atom."""
    data = make_odl((8, 22), 50_000, 0.1, rng=np.random.default_rng(5003))
    pool = recover_dictionary(data.Y, 22, rng=np.random.default_rng(3), route="pool")
    found = recover_dictionary(data.Y, 22, rng=np.random.default_rng(3)).require_complete()
    assert not pool.complete and found.route == "subspace"
    assert match_atoms(found.A, data.A).max_error < 1e-2
    with pytest.raises(ValueError, match="'subspace' needs n_atoms"):
        recover_dictionary(data.Y, rng=np.random.default_rng(3), route="subspace")
