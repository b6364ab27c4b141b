"""Chapter *The global theorem*: the lift, the theorem near an atom, the conditions, and counts by the census."""

import numpy as np
import pytest
from landscape_frames import ALL, DESIGNS, FRAMES, ROUNDING, UNTF, atom_minimisers, critical, lambda_min, newton, untf
from scipy.optimize import brentq
from test_curvature import at_pole, attack

from l4lib.census import census
from l4lib.data import icosahedron, identity_hadamard, paley, random_unit, random_untf, simplex, unique_lines
from l4lib.landscape import (
    GlobalCondition,
    condition_table,
    far_margin,
    global_condition,
    largest_coherence,
    lift,
    minimiser_angle,
    plane_survivors,
    point_quantities,
    ratio_margin,
    trace_margin,
)
from l4lib.quartic import distance, phi_T, project, random_points

BENIGN = [name for name in ALL if global_condition(FRAMES[name]).holds]
BY_TRACE = [name for name in BENIGN if global_condition(FRAMES[name]).by == "trace"]


def count(A, seed=0):
    """The number of pairs of local minimisers, by the census."""
    found = census(A, rng=np.random.default_rng(seed))
    assert found.complete
    return found.minimisers.shape[1]


# The lift


@pytest.mark.claim("lift")
@pytest.mark.parametrize("name", ["simplex 3", "random 5 8", "norms 4 6"])
def test_lift_joins_the_frame_to_an_orthogonal_one(name):
    A = FRAMES[name]
    G = A.T @ A
    own = np.diag(np.diag(G))
    for s in (0.0, 0.3, 0.8, 1.0):
        lifted = lift(A, s)
        assert np.allclose(lifted.T @ lifted, (1 - s * s) * own + s * s * G)
        assert np.linalg.norm(lifted, 2) <= np.linalg.norm(A, 2) + 1e-12
    assert np.allclose(lift(A, 1.0)[: A.shape[0]], A)
    # Second-order points of the lifted frame lie in its span, and there are two for each atom at s = 0.
    for s in (0.0, 0.5):
        lifted = lift(A, s)
        basis = np.linalg.qr(lifted)[0]
        if basis.shape[1] < 8 and (s == 0 or name != "norms 4 6"):
            assert count(basis.T @ lifted) == A.shape[1]
    saddle = project(lift(A, 0.0)[:, :2].sum(axis=1)) if name != "norms 4 6" else None
    if saddle is not None:
        assert lambda_min(lift(A, 0.0), saddle[:, None])[0] < -0.4


# Near an atom


def margin_at_pole(A):
    """The trace margin of a unit-norm frame, from its own coherence and bound."""
    G = A.T @ A
    B, g = np.linalg.norm(A, 2) ** 2, np.max(np.abs(G - np.diag(np.diag(G))))
    return trace_margin(max(B, 1.0), g)


@pytest.mark.claim("near-theorem")
def test_no_degenerate_point_near_an_atom_under_attack():
    """Maximise the margin over frames with a degenerate second-order point at h ≥ 2/3: it stays negative."""

    def second_order(A):
        h, beta, _, _ = at_pole(A)
        return np.array([h - 2 / 3, beta - 1 / 3, 0.4 - beta])

    found = attack(margin_at_pole, second_order, 2, 3, range(12))
    assert len(found) >= 3
    assert found.max() < -1.0
    assert found.max() > -6.0  # the hypothesis is too strong by a factor, not empty


@pytest.mark.claim("first-condition")
def test_least_coherence_of_a_degenerate_point():
    def degenerate(A):
        beta = at_pole(A)[1]
        return np.array([beta - 1 / 3 + 1e-7, 1 / 3 + 1e-7 - beta])

    def score(A):
        G = A.T @ A
        return -np.max(np.abs(G - np.diag(np.diag(G)))) - np.linalg.norm(A, 2) ** 2 / 3

    least = [-attack(score, degenerate, n, m, range(6)).max(initial=-np.inf) for n, m in ((2, 2), (2, 3))]
    assert min(least) >= 1 - 1e-5
    assert min(least) <= 1 + 1e-3


@pytest.mark.claim("near-theorem")
@pytest.mark.parametrize("name", ALL)
def test_near_theorem_at_critical_points(name):
    """h > 2/3 and β < 2α/5 give α ≥ ν⁴ and β² + (α−1)(α+g²) ≤ g²(B²−1) + (ρ⁴−1)hz, whatever the condition."""
    A = FRAMES[name]
    Q, least = critical(name)
    at = point_quantities(A, Q)
    norms = np.sum(A * A, axis=0)
    scale = norms[at.best]
    near = (at.h >= 2 / 3) & (least >= -at.alpha / 5)
    alpha, beta = at.alpha / scale**2, (at.alpha - least) / 3 / scale**2
    G = A.T @ A
    g = np.max(np.abs(G - np.diag(norms))) / scale
    B = np.linalg.norm(A, 2) ** 2 / scale
    spread = np.maximum((norms.max() / scale) ** 2 - 1, 0)
    assert np.all(alpha[near] >= 1 - ROUNDING)
    slack = g**2 * (B**2 - 1) + spread * at.h * at.z - beta**2 - (alpha - 1) * (alpha + g**2)
    assert np.all(slack[near] >= -1e-8)
    assert np.all((25 / 9 * g**2 * (1.5 * B - 1) - at.h * at.z)[near] >= -1e-8)
    condition = global_condition(A)
    if condition.trace > 0:
        assert np.all(least[near] > 0)
        assert np.all(at.h[near] > 5 / 6)
        if condition.rho < 1 + 1e-9:
            curvature = 1 - 3 * condition.g * np.sqrt(condition.B**2 - 1)
            assert np.all(least[near] >= curvature - ROUNDING)
        assert near.sum() >= min(A.shape[1], 40) or name in DESIGNS


@pytest.mark.claim("near-theorem")
def test_near_theorem_estimate_has_no_slack_to_give():
    """Mutations: the estimate for β² with 0.4 of its right side fails, and so does α ≥ 1 with a smaller rate."""
    failed = 0
    for name in UNTF:
        A = FRAMES[name]
        _, K, mu = untf(name)
        Q, least = critical(name)
        at = point_quantities(A, Q)
        near = (at.h >= 2 / 3) & (least >= -at.alpha / 5)
        beta = (at.alpha - least) / 3
        failed += np.sum((0.4 * mu**2 * (K**2 - 1) < beta**2 + (at.alpha - 1) * (at.alpha + mu**2) - 1e-9)[near])
    assert failed > 0
    h = np.linspace(2 / 3, 1, 400)  # the polynomial facts of the proof
    assert np.all(h * (5 - 3 * h) / 2 >= 1 - 1e-12)
    assert np.any(h * (1 + (1 - h) * 1.3) < 1)  # z ≥ 2.3x in place of 5x/2 does not do
    assert np.all((h * (3 - 2 * h) < 10 / 9 - 1e-12) == (h > 5 / 6 + 1e-9))


@pytest.mark.claim("location")
@pytest.mark.parametrize("name", [n for n in BY_TRACE if n in UNTF])
def test_minimisers_lie_within_the_angle(name):
    A = FRAMES[name]
    _, K, mu = untf(name)
    Q = atom_minimisers(name)
    atoms = A[:, : Q.shape[1]]
    assert np.max(np.abs(phi_T(A).gradient(Q))) < 1e-11
    angle = distance(Q, atoms)
    assert np.all(angle <= minimiser_angle(K, mu) + 1e-7)
    assert np.all(np.sin(angle) ** 2 <= mu**2 * (K - 1) + 1e-9)
    assert np.all(point_quantities(A, Q).alpha >= 1 - 1e-12)


@pytest.mark.claim("location")
def test_angle_has_the_right_order():
    """One more atom at angle arccos μ in the plane: the angle of its minimiser over μ²√(B(B−1)) stays in [1/10, 1]."""
    for mu in (0.05, 0.1, 0.2, 0.3):
        A = np.array([[1.0, mu], [0.0, np.sqrt(1 - mu * mu)]])
        q = newton(A, A[:, :1])
        share = np.arctan(distance(q, A[:, :1])) / (mu * mu * np.sqrt((1 + mu) * mu))
        assert 0.1 < float(share[0]) < 10
        assert float(distance(q, A[:, :1])[0]) <= minimiser_angle(1 + mu, mu)
    bounds = np.array([(1.02, 0.02), (1.36, 0.36), (2.0, 0.192), (3.0, 0.117), (9.0, 0.037)])
    for B, mu in bounds:  # the constants in the proof of the location, over the edge of the hypothesis
        c = mu * mu * (B - 1)
        assert (1 - c) ** 2 > 0.75 * (1 + mu * mu)
        factor = 1.5 * np.sqrt(1 + mu * mu) * (1 - c) ** -1.5
        pull = factor * mu * np.sqrt(B * (B - 1))
        assert factor / (1 - pull) <= 3.5


# All together


@pytest.mark.claim("global-theorem", "ratio-condition", "plane-criterion")
@pytest.mark.parametrize("name", BENIGN)
def test_every_critical_point_found_is_benign(name):
    A = FRAMES[name]
    condition = global_condition(A)
    Q, least = critical(name)
    at = point_quantities(A, Q)
    near = (at.h > 2 / 3) & (least > -1e-9)
    assert np.all(least[near] > 0)
    assert np.all(least[~near] <= -condition.rate * at.alpha[~near] + 1e-9)
    atoms = A / np.linalg.norm(A, axis=0)
    for i in set(at.best[near]):  # all that Newton's method found near one atom is one point
        points = Q[:, near & (at.best == i)]
        assert np.ptp(np.abs(atoms.T @ points), axis=1).max() < 1e-8


def bisected(first, second, margin):
    """The frame on the segment from the first (admitted) to the second at which the margin vanishes, columns unit."""

    def frame(s):
        return project((1 - s) * first + s * second)

    s = brentq(lambda s: margin(frame(s)), 0.0, 1.0)
    return frame(0.999 * s)


def unit_margin(A):
    condition = global_condition(A)
    return min(condition.far, max(condition.trace, condition.ratio))


@pytest.mark.claim("global-theorem", "ratio-condition", "plane-criterion")
@pytest.mark.parametrize("seed", range(6))
def test_exactly_2m_minimisers_at_the_edge_of_the_hypotheses(seed):
    rng = np.random.default_rng(seed)
    n, m = ((2, 2), (3, 3), (3, 4))[seed % 3]
    good = simplex(3) if m == 4 else np.eye(n)
    bad = random_unit(n, m, rng=rng)
    if unit_margin(bad) > 0:
        bad = np.repeat(bad[:, :1], m, axis=1) + 0.1 * bad
    A = bisected(good, project(bad), unit_margin)
    condition = global_condition(A)
    assert condition.holds
    assert min(condition.far, max(condition.trace, condition.ratio)) < 0.05
    assert count(A) == m


@pytest.mark.claim("global-theorem")
@pytest.mark.parametrize("seed", range(3))
def test_exactly_2m_minimisers_with_unequal_norms(seed):
    rng = np.random.default_rng(10 + seed)
    base = simplex(4) if seed else np.eye(3)

    def frame(s):
        return base * np.sqrt(1 + s * np.array([0.0, 1.0, 0.4, 0.7, 0.2])[: base.shape[1]]) + 0.01 * noise

    noise = rng.standard_normal(base.shape)
    s = brentq(lambda s: min((c := global_condition(frame(s))).far, c.trace), 0.0, 30.0)
    condition = global_condition(frame(0.999 * s))
    assert condition.holds
    assert condition.rho > 1.01
    assert count(frame(0.999 * s)) == base.shape[1]


@pytest.mark.claim("global-theorem")
def test_what_fails_without_the_hypotheses():
    """Two atoms at 60°: a degenerate point. A tight 4×6 frame: 5 pairs. Unequal norms: (i) alone leaves one pair."""
    pair = np.array([[1.0, 0.5], [0.0, np.sqrt(0.75)]])
    midpoint = project(pair.sum(axis=1, keepdims=True))
    assert float(lambda_min(pair, midpoint)[0]) == pytest.approx(0, abs=1e-12)
    assert far_margin(1.5, 0.5) == pytest.approx(0)
    assert not global_condition(pair).holds
    for degrees, pairs in ((61.0, 2), (59.0, 1)):
        angle = np.radians(degrees)
        assert count(np.array([[1.0, np.cos(angle)], [0.0, np.sin(angle)]])) == pairs
    assert global_condition(np.array([[1.0, np.cos(1.11)], [0.0, np.sin(1.11)]])).holds

    uneven = np.array([[1.0, 0.4], [0.0, np.sqrt(4 / 3 - 0.16)]])
    condition = global_condition(uneven)
    assert condition.far == pytest.approx(1 / 15, abs=2e-3)
    assert condition.trace < 0
    assert not condition.holds
    assert count(uneven) == 1


@pytest.mark.claim("global-theorem")
def test_tight_frame_with_fewer_minimisers_than_atoms():
    A = five_of_six()
    assert np.allclose(A @ A.T, 1.5 * np.eye(4), atol=1e-9)
    assert np.allclose(np.linalg.norm(A, axis=0), 1)
    assert not global_condition(A).holds
    # Its sixth atom has none: two share the degenerate point between them, so count by descent and not by the census.
    Q = random_points(4, 200, rng=np.random.default_rng(0))
    for _ in range(3000):
        Q = project(A @ (A.T @ Q) ** 3 + Q)
    assert unique_lines(Q, tol=0.2)[0].shape[1] == 5


def five_of_six():
    """√¾ q ± ½ d, and four unit atoms orthogonal to q with frame operator diag(1, 3/2, 3/2): tight, K = 3/2."""
    X = np.random.default_rng(5).standard_normal((3, 4))
    root = np.sqrt([[1.0], [1.5], [1.5]])
    for _ in range(3000):
        U, _, V = np.linalg.svd(X / root, full_matrices=False)
        X = project(root * (U @ V))
    pair = np.array([[np.sqrt(0.75), np.sqrt(0.75)], [0.5, -0.5], [0.0, 0.0], [0.0, 0.0]])
    return np.hstack([pair, np.vstack([np.zeros((1, 4)), X])])


@pytest.mark.claim("global-theorem", "ratio-condition", "plane-criterion")
def test_conditions_and_their_order():
    assert [global_condition(FRAMES[n]).by for n in DESIGNS] == [None] * 3
    assert [global_condition(FRAMES[n]).by for n in ("IH 64", "paley 73", "simplex 3", "IH 16")] == [
        "trace",
        "trace",
        "trace",
        "ratio",
    ]
    assert global_condition(simplex(2)).by is None
    assert global_condition(paley(17)).by == "ratio"
    assert global_condition(identity_hadamard(4)).by is None
    for B in (1.1, 1.5, 2.0, 2.4, 2.8):
        limits = [largest_coherence(B, c) for c in ("trace", "ratio", "plane")]
        assert max(limits) == limits[2]
        assert limits[2] <= min(1 - B / 3, B - 1) + 1e-4
    assert largest_coherence(1.36, "trace") == 0.36  # no coherence condition at all up to here
    assert largest_coherence(1.37, "trace") < 0.37
    assert largest_coherence(1.48, "plane") == 0.48
    assert largest_coherence(7 / 3, "ratio") == 0.2222
    assert largest_coherence(3.0, "plane") == 0
    assert ratio_margin(3.0, 0.0) == -np.inf
    table = condition_table([1.5, 2.0, 2.5])
    assert list(table["trace"]) == [0.2981, 0.1924, 0.1454]
    assert list(table["plane"]) == [0.4453, 0.2718, 0.1666]
    assert np.all(table["ratio"] <= table["plane"])
    assert np.all(table["plane"] <= table["limit"])
    # No condition may admit a flat landscape: three lines (K = 3/2, μ = 1/2) and the icosahedron (K = 2, μ = 1/√5).
    assert not global_condition(icosahedron()).holds


@pytest.mark.claim("near-theorem", "global-theorem", "ratio-condition", "location")
def test_margins_by_hand():
    assert trace_margin(1.2, 0.1, 1.1) == pytest.approx(1 - 0.09 * 0.44 - 0.25 * 0.4641 * 0.8)
    assert ratio_margin(1.5, 0.1) == pytest.approx(2 / 6.5 - 0.1)
    assert far_margin(1.5, 0.2) == pytest.approx(0.3)
    assert minimiser_angle(2.0, 0.1) == pytest.approx(np.arctan(0.035 * np.sqrt(2)))
    assert GlobalCondition(2, 2, 2.5, 0.1, 1.0, 0.06, 0.4, 0.1, -1).rate == pytest.approx(0.08)
    assert GlobalCondition(2, 2, 1.5, 0.1, 1.0, 0.4, 0.4, 0.1, -1).rate == pytest.approx(0.2)
    assert GlobalCondition(2, 2, 1.5, 0.1, 1.0, 0.4, -0.4, 0.1, -1).rate == 0


@pytest.mark.claim("ratio-condition", "plane-criterion")
def test_constants_of_the_ratio_condition():
    """Each numerical step of the proof, on grids."""
    x = np.linspace(0.06, 1 / 3, 4001)
    assert np.all(4 * x * (1 - x) ** 2 * (5 - 3 * x) > 1)
    assert 1 / (2 * 0.94**2 * 4.82) < 0.12
    t = np.linspace(0.32, 0.5, 2001)
    assert np.all(t * (0.94 - 1.06 * t) / (0.94 + 2 * t * t) > 0.12)
    assert np.sqrt(0.94 / 9) > 0.32
    t = np.linspace(0.5, 0.67, 2001)
    assert np.all((1 - t) * (2 * t * t + 2 * t - 1) / 3 > 0.03 / t)
    assert (1.5 * 0.12 / 0.94) ** 0.25 < 0.67
    # The condition is implied by the decided criterion, on a grid of B at the edge.
    for B in np.linspace(1.02, 2.98, 25):
        mu = min(2 / (3 * B + 2), B - 1, 1 - B / 3)
        assert plane_survivors(B, mu * (1 - 1e-9)) == 0


@pytest.mark.claim("plane-criterion")
def test_no_true_degenerate_point_is_discarded():
    """Degenerate second-order points of frames outside the hypotheses survive in the (x, z)-plane, at every depth."""
    pair = np.array([[1.0, 0.5], [0.0, np.sqrt(0.75)]])
    assert at_pole(np.vstack([project(pair.sum(axis=1, keepdims=True)).T @ pair, np.array([[0.5, -0.5]])]))[
        1
    ] == pytest.approx(1 / 3)
    for B, mu in ((1.5, 0.5), (2.0, 5**-0.5), (2.25, 0.3)):
        kept = [plane_survivors(B, mu, depth=d) for d in (3, 6, 9)]
        assert min(kept) > 0
    for depth in (4, 8, 11):
        assert (plane_survivors(1.45, 0.3, depth=depth) == 0) <= (plane_survivors(1.45, 0.3, depth=12) == 0)
    for B, mu in ((1.3, 0.25), (1.7, 0.2), (2.2, 0.2)):  # monotone in both, as the lift needs
        assert plane_survivors(B, mu) == 0
        assert plane_survivors(0.5 * (1 + B), mu / 2) == 0


@pytest.mark.claim("global-theorem")
def test_random_tight_frames_below_the_bound_without_coherence_condition():
    rng = np.random.default_rng(4)
    for n, m in ((4, 5), (3, 4), (5, 6)):
        A = random_untf(n, m, rng=rng)
        assert global_condition(A).by == "trace"
        if n < 5:
            assert count(A) == m
    for _ in range(3):
        A = random_unit(3, 3, rng=rng)
        H = (A @ A.T) / np.linalg.norm(A @ A.T, 2)
        A = project(np.linalg.inv(np.linalg.cholesky(H)) @ A)
        if np.linalg.norm(A, 2) ** 2 < 1.36:
            assert global_condition(A).holds
            assert count(A) == 3
