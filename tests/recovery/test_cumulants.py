"""What a pass measures is solved exactly: fit, fixed point, local rate, deflation, covariance."""

import numpy as np
import pytest

from l4lib import make_odl, match_atoms, random_points, random_untf
from l4lib.data import frames, tempered, whitening
from l4lib.quartic import inner, project
from l4lib.recovery import explain_covariance, separate, separated
from l4lib.recovery.cumulants import Separation, cumulant_map, fit_cumulants, fourth_inverse, shadowed, sines
from l4lib.recovery.examination import examine_moment
from l4lib.recovery.pool import _State, climb

FRAMES = {
    "simplex 4": frames.simplex(4),
    "untf 6 x 9": random_untf(6, 9, rng=np.random.default_rng(0)),
    "orthogonal 5": frames.orthogonal(5, rng=np.random.default_rng(1)),
    "untf 5 x 8": random_untf(5, 8, rng=np.random.default_rng(2)),
    "untf 16 x 24": random_untf(16, 24, rng=np.random.default_rng(3)),
}


class Exact:
    """The moment Σ κ_j a_j^{⊗4} plus an isotropic part 3c, scaled to E‖v‖⁴ = 1."""

    def __init__(self, A, share=0.7, seed=0):
        self.A, self.n = A, A.shape[0]
        kappa = np.random.default_rng(seed).uniform(0.6, 1.4, A.shape[1])
        self.kappa = share * kappa / kappa.sum()
        self.c = (1 - share) / (self.n * (self.n + 2))

    def cubes(self, Q):
        return self.A @ (self.kappa[:, None] * (self.A.T @ Q) ** 3) + 3 * self.c * Q


@pytest.mark.parametrize("name", FRAMES)
def test_cumulants_are_fitted_exactly_and_linearly(name):
    """κ and c come back; the linear map gives the same; a point that is no atom has no cumulant beside all atoms."""
    moment = Exact(FRAMES[name])
    A = moment.A
    fourth = inner(moment.cubes(A), A)
    kappa, c = fit_cumulants(A.T @ A, fourth, moment.n)
    assert kappa == pytest.approx(moment.kappa) and c == pytest.approx(moment.c)
    linear = cumulant_map(fourth_inverse(A.T @ A), moment.n) @ np.append(fourth, 1.0)
    assert linear == pytest.approx(moment.kappa)


@pytest.mark.claim("deflated-quartic")
@pytest.mark.parametrize("name", FRAMES)
def test_a_further_point_has_no_cumulant_beside_all_atoms(name):
    moment = Exact(FRAMES[name])
    A = moment.A
    further = random_points(moment.n, 20, rng=np.random.default_rng(4))
    for q in further.T:
        B = np.column_stack([A, q])
        if np.linalg.cond((B.T @ B) ** 4) < 1e8:
            extra = fit_cumulants(B.T @ B, inner(moment.cubes(B), B), moment.n)[0]
            assert abs(extra[-1]) < 1e-9 and extra[:-1] == pytest.approx(moment.kappa)


@pytest.mark.claim("deflated-quartic")
@pytest.mark.parametrize("name", ["untf 6 x 9", "untf 16 x 24", "orthogonal 5"])
def test_found_atoms_are_no_limits_of_the_deflated_map(name):
    """Its value at a found atom is at most μ²(K − 1) max κ, at a missing one at least κ."""
    moment = Exact(FRAMES[name])
    A, kappa, c = moment.A, moment.kappa, moment.c
    n, m = A.shape
    off = np.abs(A.T @ A - np.eye(m)).max()
    half = m // 2

    def deflated(Q):
        return moment.cubes(Q) - 3 * c * Q - (A[:, :half] * kappa[:half]) @ (A[:, :half].T @ Q) ** 3

    value = inner(deflated(A), A)
    assert np.all(value[:half] <= off**2 * (m / n - 1) * kappa.max() + 1e-12)
    assert np.all(value[half:] >= kappa[half:] - 1e-12)
    Q, _, turn = climb(
        moment, random_points(n, 60, rng=np.random.default_rng(5)), c, A[:, :half], kappa[:half], steps=200, rest=1e-6
    )
    ends = Q[:, turn < 1e-5]
    assert ends.shape[1] > 30
    assert np.mean(np.abs(A[:, :half].T @ ends).max(axis=0) > 0.97) < 0.05
    plain, _, turn = climb(
        moment, random_points(n, 60, rng=np.random.default_rng(5)), c, A[:, :0], kappa[:0], steps=200, rest=1e-6
    )
    assert np.mean(np.abs(A[:, :half].T @ plain[:, turn < 1e-5]).max(axis=0) > 0.97) > 0.05  # negative control


@pytest.mark.claim("separate-fixed-point")
@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.parametrize("share", [1.0, 0.5])
def test_one_pass_near_the_atoms_gives_the_atoms(name, share):
    """At points near them the atoms solve the equations, and the iteration finds them where it contracts."""
    moment = Exact(FRAMES[name], share=share)
    A = moment.A
    assert np.max(separated(moment.cubes(A), A).turn) < 1e-10
    Q = project(A + 0.02 * np.random.default_rng(6).standard_normal(A.shape))
    stay = separated(moment.cubes(Q), Q, A, steps=1)
    assert np.max(1 - inner(stay.A, A)) < 1e-12 and stay.kappa == pytest.approx(moment.kappa)
    found = separated(moment.cubes(Q), Q, steps=300, tol=1e-9)
    assert np.max(1 - inner(found.A, A)) < 1e-10 and found.left < 1e-6


@pytest.mark.claim("separate-fixed-point")
@pytest.mark.parametrize("name", FRAMES)
def test_some_atoms_are_separated_with_the_others_known(name):
    """The vectors less what the other atoms explain have the rest as their solution; with a wrong c they have not."""
    moment = Exact(FRAMES[name])
    A, kappa = moment.A, moment.kappa
    n, m = A.shape
    some = np.arange(m) < 2
    Q = project(A[:, some] + 0.02 * np.random.default_rng(13).standard_normal((n, 2)))
    c = (1 - kappa.sum()) / (n * (n + 2))
    rest = moment.cubes(Q) - (A[:, ~some] * kappa[~some]) @ (A[:, ~some].T @ Q) ** 3
    found = separated(rest, Q, c=c, steps=300, tol=1e-9)
    assert np.max(1 - inner(found.A, A[:, some])) < 1e-12
    assert found.kappa == pytest.approx(kappa[some], rel=1e-6)
    assert np.max(1 - inner(separated(rest, Q, c=1.5 * c + 1e-3, steps=300, tol=1e-9).A, A[:, some])) > 1e-9


def test_steps_that_oscillate_are_mixed():
    """Too coherent for the plain iteration, whose steps do not shrink; with mixing the same equations are solved."""
    moment = Exact(random_untf(8, 18, rng=np.random.default_rng(29)))
    A = moment.A
    Q = project(A + 0.02 * np.random.default_rng(4).standard_normal(A.shape))
    G, B = moment.cubes(Q), Q
    for _ in range(60):
        B = separated(G, Q, B, steps=1).A
    found = separated(G, Q, steps=60, tol=0.01)
    assert found.left < 0.01 and 8 < found.steps < 60 and np.max(sines(found.A, A)) < 0.01 < np.max(sines(B, A))


def test_of_two_atoms_in_one_direction_the_lighter_is_none():
    A = project(np.array([[1.0, 0.0, 0.97, 0.2], [0.0, 1.0, 0.2, 0.97]]))
    kappa = np.array([0.3, 0.2, 0.1, 0.4])
    assert shadowed(A, kappa).tolist() == [False, True, True, False]
    assert not shadowed(A[:, :2], np.ones(2)).any() and shadowed(A[:, [0, 0]], np.ones(2)).tolist() == [False, True]
    assert Separation(A, kappa, kappa, np.zeros(4)).owns.tolist() == [True, False, False, True]
    tests = {t.name: t for t in examine_moment(A, kappa, kappa, 4, 1000, True)[0]}
    assert tests["own"].value == 0 and not tests["own"].passed


def test_the_state_of_a_search_separates_what_moved():
    moment = Exact(FRAMES["untf 16 x 24"])
    A, n = moment.A, 16
    some = np.arange(24) % 8 == 0
    Q = A.copy()
    Q[:, some] = project(A[:, some] + 0.05 * np.random.default_rng(14).standard_normal((n, 3)))
    state = _State.at(moment, Q)
    state.kappa = moment.kappa.copy()
    found = state.separate(some, anew=True)
    assert np.max(sines(Q, A)) > 0.1 and np.max(sines(state.A, A)) < 1e-3
    assert np.array_equal(state.A[:, ~some], A[:, ~some]) and found.turn == pytest.approx(sines(Q, A)[some], rel=0.01)
    assert state.kappa == pytest.approx(moment.kappa, rel=1e-3)


def derivative(moment):
    """The matrix of one inner step at the atoms, by differences, on tangent perturbations."""
    A, G = moment.A, moment.cubes(moment.A)
    n, m = A.shape
    bases = [np.linalg.svd(np.eye(n) - np.outer(a, a))[0][:, : n - 1] for a in A.T]
    h, columns = 1e-6, []
    for j in range(m):
        for k in range(n - 1):
            ends = []
            for sign in (h, -h):
                B = A.copy()
                B[:, j] = project(A[:, j] + sign * bases[j][:, k])
                ends.append(separated(G, A, B, steps=1).A)
            change = (ends[0] - ends[1]) / (2 * h)
            columns.append(np.concatenate([bases[i].T @ change[:, i] for i in range(m)]))
    return np.array(columns).T


def rate(moment):
    """3 ‖AAᵀ‖ μ² / λ_min(C^{∘3})."""
    A = moment.A
    C = A.T @ A
    mu = np.abs(C - np.eye(A.shape[1])).max()
    return 3 * np.linalg.norm(A, 2) ** 2 * mu**2 / np.linalg.eigvalsh(C**3)[0]


def isotropic_part(moment):
    """What the fit of c adds to the derivative: the rank-one matrix of the theorem."""
    A, kappa, n = moment.A, moment.kappa, moment.n
    m = A.shape[1]
    C = A.T @ A
    inverse = np.linalg.inv(C**4)
    sums = inverse.sum(axis=1)
    bases = [np.linalg.svd(np.eye(n) - np.outer(a, a))[0][:, : n - 1] for a in A.T]
    direction = -3 * A @ np.linalg.inv(C**3) / kappa
    column = np.concatenate([bases[i].T @ direction[:, i] for i in range(m)])
    # dc = Σ_i s_i Σ_j 4 κ_j C_ji³ E_ji / D with E = ΔᵀA and D = n(n + 2) − 3 Σ s.
    slopes = 4 * A @ ((C**3 - np.eye(m)) * sums[:, None]) * kappa / (n * (n + 2) - 3 * sums.sum())
    row = np.concatenate([bases[j].T @ slopes[:, j] for j in range(m)])
    return np.outer(column, row)


@pytest.mark.claim("separation-rate")
@pytest.mark.parametrize("name", ["simplex 4", "untf 6 x 9", "untf 5 x 8"])
@pytest.mark.parametrize("share", [1.0, 0.5])
def test_the_local_rate_of_separation(name, share):
    """The derivative less its rank-one part has norm at most the rate of the theorem, for unequal cumulants too."""
    moment = Exact(FRAMES[name], share=share, seed=7)
    T = derivative(moment)
    first = T - isotropic_part(moment)
    C, kappa = moment.A.T @ moment.A, moment.kappa
    # The first part by its formula, at a random tangent: −3 P A diag(κ) (C² ∘ E) (C³)⁻¹ diag(κ)⁻¹.
    n, m = moment.A.shape
    bases = [np.linalg.svd(np.eye(n) - np.outer(a, a))[0][:, : n - 1] for a in moment.A.T]
    x = np.random.default_rng(8).standard_normal(m * (n - 1))
    delta = np.column_stack([bases[i] @ x[i * (n - 1) : (i + 1) * (n - 1)] for i in range(m)])
    image = -3 * moment.A @ (kappa[:, None] * (C**2 * (delta.T @ moment.A))) @ np.linalg.inv(C**3) / kappa
    expected = np.concatenate([bases[i].T @ image[:, i] for i in range(m)])
    assert first @ x == pytest.approx(expected, abs=1e-6)
    weights = np.repeat(kappa, n - 1)  # the norm of Δ diag(κ)
    assert np.linalg.norm(weights[:, None] * first / weights, 2) <= rate(moment)


@pytest.mark.claim("separation-rate")
def test_the_rate_is_met_where_it_promises_and_separation_can_fail_to_contract():
    """ρ < 1 on a mildly coherent frame, and iterates obey it; at 6 × 15 the spectral radius exceeds one."""
    mild = Exact(frames.paley(13)) if hasattr(frames, "paley") else Exact(FRAMES["simplex 4"])
    assert rate(Exact(FRAMES["simplex 4"])) > 0
    good = Exact(frames.identity_hadamard(16), share=0.5)
    for moment in (mild, good):
        if rate(moment) < 1:
            Q = project(moment.A + 1e-3 * np.random.default_rng(9).standard_normal(moment.A.shape))
            G, errors, A = moment.cubes(Q), [], Q
            for _ in range(5):
                errors.append(np.linalg.norm(A - moment.A))
                A = separated(G, Q, A, steps=1).A
            assert errors[-1] < 1.1 * rate(moment) ** 4 * errors[0]
    bad = Exact(random_untf(6, 15, rng=np.random.default_rng(10)))
    assert np.max(np.abs(np.linalg.eigvals(derivative(bad)))) > 1


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


@pytest.mark.claim("separate-fixed-point")
def test_an_isotropic_part_does_not_move_them():
    """The twelve vertices of the icosahedron have an isotropic fourth moment: E⟨q, v⟩⁴ = 3/(3·5) = 3c."""
    A = random_points(3, 4, rng=np.random.default_rng(22))
    U = np.hstack([np.repeat(A, [10, 12, 14, 16], axis=1), np.repeat(frames.icosahedron(), 20, axis=1)])
    fine, settled = separate(U, A)
    assert settled and np.max(1 - inner(fine, A)) < 1e-12


@pytest.mark.claim("separate-fixed-point")
def test_quiet_samples_do_not_mislead_the_separation():
    """At θ = 0.05 half of the samples are empty; a trace of noise in them changes nothing."""
    data = make_odl((10, 12), 50_000, 0.05, rng=np.random.default_rng(26))
    W = whitening(data.Y)
    start = project(W.apply(data.A))
    quiet = W.apply(data.Y + 1e-9 * np.random.default_rng(27).standard_normal(data.Y.shape))
    fine, again = (separate(tempered(Z), start, tol=1e-7, max_passes=100)[0] for Z in (W.apply(data.Y), quiet))
    assert np.max(1 - inner(fine, again)) < 1e-8
    assert match_atoms(W.undo(fine), data.A).max_error < 1e-3


def test_separate_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="V: expected finite numbers, got 1 NaN or infinite"):
        separate(np.array([[1.0, np.nan], [0.0, 1.0]]), np.eye(2))
    with pytest.raises(ValueError, match=r"A: expected 3 rows like V, got shape \(4, 4\)"):
        separate(np.zeros((3, 5)), np.eye(4))


@pytest.mark.claim("covariance-explained")
@pytest.mark.parametrize("name", FRAMES)
def test_all_atoms_explain_and_one_missing_shows(name):
    A = FRAMES[name]
    n, m = A.shape
    fit = explain_covariance(A)
    assert fit.complete and abs(fit.values[-1]) < 1e-9
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


@pytest.mark.claim("sample-start")
@pytest.mark.parametrize("name", ["simplex 4", "untf 6 x 9", "untf 16 x 24"])
def test_a_sample_is_as_near_as_its_support_is_small(name):
    """The least mean squared correlation over all coefficients of a support is an eigenvalue, and above the bound."""
    A = FRAMES[name]
    mu = np.abs(A.T @ A - np.eye(A.shape[1])).max()
    rng, checked = np.random.default_rng(11), 0
    for s in (1, 2, 3, 4):
        for _ in range(100):
            S = rng.choice(A.shape[1], s, replace=False)
            values = np.linalg.eigvalsh(A[:, S].T @ A[:, S])
            if (s - 1) * mu < 1:
                checked += 1
                assert values[0] / s >= (1 - (s - 1) * mu) / s - 1e-12
                x = np.linalg.eigh(A[:, S].T @ A[:, S])[1][:, 0]  # the worst coefficients
                u = project(A[:, S] @ x)
                assert np.mean((A[:, S].T @ u) ** 2) == pytest.approx(values[0] / s)
    assert checked >= 200
    q = random_points(A.shape[0], 20_000, rng=rng)
    assert np.mean((A.T @ q) ** 2) == pytest.approx(1 / A.shape[0], rel=0.02)
