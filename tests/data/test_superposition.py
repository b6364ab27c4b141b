"""Superposition: cumulants of gated coefficients, white features, shared gates, the generator, and MMCS."""

import itertools

import numpy as np
import pytest
from scipy.optimize import brentq, minimize
from scipy.special import roots_genlaguerre, roots_legendre

from l4lib.data import (
    AMPLITUDES,
    excess_kurtosis,
    gated_cumulants,
    kurtosis_floor,
    make_superposition,
    match_atoms,
    max_cosines,
    mmcs,
    orient,
    power_law,
    random_unit,
    shared_gate_cumulant,
    white_features,
)

LEAST = (3 - np.sqrt(3)) / 6


def quadrature(law):
    """Nodes and weights for the law of an amplitude, from another source than its moments."""
    if law == "exponential":
        nodes, weights = roots_genlaguerre(20, 0)
    elif law == "half-normal":
        nodes, weights = roots_legendre(60)
        nodes = 6 * (nodes + 1)
        weights = weights * np.exp(-nodes * nodes / 2)
    elif law == "uniform":
        nodes, weights = roots_legendre(8)
        nodes = (nodes + 1) / 2
    else:
        nodes, weights = np.array([1.0]), np.array([1.0])
    return nodes, weights / weights.sum()


def cumulants(values, weights):
    mean = weights @ values
    second, third, fourth = (weights @ (values - mean) ** k for k in (2, 3, 4))
    return np.array([mean, second, third, fourth - 3 * second**2])


@pytest.mark.claim("gated-cumulants")
@pytest.mark.parametrize("law", AMPLITUDES)
def test_cumulants_of_a_gated_amplitude(law):
    nodes, weights = quadrature(law)
    for theta in (0.03, 0.2, 0.41, 0.7, 1.0):
        direct = cumulants(np.append(nodes, 0.0), np.append(theta * weights, 1 - theta))
        assert np.allclose(gated_cumulants(law, theta), direct, rtol=1e-9, atol=1e-12)


@pytest.mark.claim("gated-cumulants")
def test_signs_and_zeros():
    theta = np.linspace(1e-4, 1, 5001)
    assert np.allclose(gated_cumulants("exponential", theta)[3], 6 * (1 - (1 - theta) ** 4))
    slope = np.diff(gated_cumulants("half-normal", theta)[3] / theta)
    assert slope.max() < 0 and gated_cumulants("half-normal", 1.0)[3] == pytest.approx(8 / np.pi - 24 / np.pi**2)
    uniform = gated_cumulants("uniform", theta)[3]
    zero = brentq(lambda t: float(gated_cumulants("uniform", t)[3]), 0.1, 0.9)
    assert zero == pytest.approx(0.4129, abs=5e-5)
    assert np.all(uniform[theta < zero] > 0) and np.all(uniform[theta > zero + 1e-9] < 0)
    binary = gated_cumulants("constant", theta)[3]
    assert np.allclose(binary, theta * (1 - theta) * (1 - 6 * theta + 6 * theta**2))


def kurtosis(values, weights):
    _, second, _, fourth = cumulants(values, weights)
    return fourth / second**2


@pytest.mark.claim("kurtosis-floor")
@pytest.mark.parametrize("theta", [0.05, 0.2, LEAST, 0.35, 0.499])
def test_no_law_with_that_many_zeros_is_flatter(theta):
    """The adversary moves four values and their weights, signs free, and gets to the floor but not below."""
    rng = np.random.default_rng(3)

    def law(v):
        shares = np.exp(v[4:] - v[4:].max())
        return np.append(v[:4], 0.0), np.append(theta * shares / shares.sum(), 1 - theta)

    least = np.inf
    for _ in range(4):
        start = rng.standard_normal(8)
        found = minimize(lambda v: kurtosis(*law(v)), start, method="Nelder-Mead", options={"maxfev": 3000})
        least = min(least, found.fun)
    floor = kurtosis_floor(theta)
    assert least >= floor - 1e-9 * abs(floor) - 1e-9
    assert least == pytest.approx(floor, abs=2e-2)
    assert kurtosis(np.array([0.0, 7.0]), np.array([1 - theta, theta])) == pytest.approx(floor)


@pytest.mark.claim("kurtosis-floor")
def test_the_threshold_is_sharp_and_one_half_is_needed():
    assert kurtosis_floor(LEAST - 1e-3) > 0 > kurtosis_floor(LEAST + 1e-3)
    theta = 0.6  # an amplitude that is sometimes zero is flatter: two values at one half each
    assert kurtosis(np.array([0.0, 0.0, 1.0]), np.array([0.4, 0.1, 0.5])) < 1 / (theta * (1 - theta)) - 6
    with pytest.raises(ValueError, match="theta: expected at most 1/2"):
        kurtosis_floor(theta)


def exact_fourth(A, theta, noise, Q):
    """E⟨q, z⟩⁴ for binary coefficients, from all 2^m states."""
    m = A.shape[1]
    states = np.array(list(itertools.product((0, 1), repeat=m))).T
    weights = np.prod(np.where(states == 1, theta[:, None], 1 - theta[:, None]), axis=0)
    centred = A @ (states - theta[:, None])
    second = (centred * weights) @ centred.T + noise**2 * np.eye(len(A))
    values, axes = np.linalg.eigh(second)
    white = (axes / np.sqrt(values)) @ axes.T
    t = Q.T @ white @ centred
    extra = noise**2 * np.sum((white @ Q) ** 2, axis=0)
    return (t**4) @ weights + 6 * extra * (t**2 @ weights) + 3 * extra**2


@pytest.mark.claim("white-quartic")
def test_the_white_quartic_is_exact():
    rng = np.random.default_rng(0)
    A, theta = random_unit(3, 5, rng=rng), rng.uniform(0.03, 0.6, 5)
    Q = random_unit(3, 7, rng=rng)
    for noise in (0.0, 0.4):
        B = white_features(A, gated_cumulants("constant", theta)[1], noise=noise)
        formula = 3 + excess_kurtosis("constant", theta) @ (B.T @ Q) ** 4
        assert np.allclose(formula, exact_fourth(A, theta, noise, Q))
        top = np.linalg.eigvalsh(B @ B.T)[-1]
        assert top == pytest.approx(1) if noise == 0 else top < 1
        assert not np.allclose(
            3 + excess_kurtosis("constant", theta) @ (A.T @ Q) ** 4, exact_fourth(A, theta, noise, Q)
        )


@pytest.mark.claim("white-quartic")
def test_the_depth_of_a_well_is_the_cumulant_times_the_squared_leverage():
    A = random_unit(6, 9, rng=np.random.default_rng(1))
    c = gated_cumulants("exponential", power_law(9, 1.0, 1.0))
    B = white_features(A, c[1], noise=0.2)
    for i, a in enumerate(A.T):
        others = np.delete(A * np.sqrt(c[1]), i, axis=1)
        leverage = a @ np.linalg.solve(others @ others.T + 0.04 * np.eye(6), a)
        depth = c[3, i] * (leverage / (1 + c[1, i] * leverage)) ** 2
        assert c[3, i] / c[1, i] ** 2 * np.sum(B[:, i] ** 2) ** 2 == pytest.approx(depth)


@pytest.mark.claim("shared-gate")
@pytest.mark.parametrize("gate", [0.05, 0.3, 0.5, 1.0])
def test_a_shared_gate_by_enumeration(gate):
    """Binary features behind one gate, all states; and the cross-cumulants of a pair are the mixed coefficients."""
    given, zeta = np.array([0.2, 0.5, 0.9]), np.array([1.0, -0.7, 0.4])
    states = np.array(list(itertools.product((0, 1), repeat=3))).T
    weights = gate * np.prod(np.where(states == 1, given[:, None], 1 - given[:, None]), axis=0)
    direct = cumulants(np.append(zeta @ states, 0.0), np.append(weights, 1 - gate))[3]
    assert shared_gate_cumulant(gated_cumulants("constant", given), gate, zeta) == pytest.approx(direct)


@pytest.mark.claim("shared-gate")
def test_symmetric_amplitudes_leave_one_term_and_an_open_gate_none():
    zeta = np.random.default_rng(2).standard_normal((3, 5))
    symmetric = np.array([[0.0], [2.0], [0.0], [1.5]]) * np.ones(3)
    z2, z4 = np.sum(zeta**2, axis=0), np.sum(zeta**4, axis=0)
    assert np.allclose(shared_gate_cumulant(symmetric, 0.3, zeta), 0.3 * 1.5 * z4 + 3 * 0.21 * 4 * z2**2)
    free = gated_cumulants("exponential", [0.1, 0.2, 0.3])
    assert np.allclose(shared_gate_cumulant(free, 1.0, zeta), free[3] @ zeta**4)


def pair_states(gate, given):
    """Values of two binary coefficients behind one gate, and their probabilities."""
    values = np.array([[0, 0, 1, 1], [0, 1, 0, 1]])
    weights = gate * np.prod(np.where(values == 1, given[:, None], 1 - given[:, None]), axis=0)
    weights[0] += 1 - gate
    return values, weights


def mixed(values, weights):
    """Standardised cross-cumulants p_12, p_21, r and the correlation of a pair."""
    centred = values - (values @ weights)[:, None]
    x, y = centred / np.sqrt((centred**2 @ weights)[:, None])
    c = (x * y) @ weights
    return (x**3 * y) @ weights - 3 * c, (x * y**3) @ weights - 3 * c, (x**2 * y**2) @ weights - 1 - 2 * c * c, c


def pair_bound(cross):
    p, s, r, correlation = cross
    return (2 * max(abs(p), abs(s)) + 1.5 * abs(r)) / (1 - abs(correlation)) ** 2


@pytest.mark.claim("shared-gate")
def test_the_bound_for_pairs_is_attained():
    values, weights = pair_states(0.6, np.array([0.5, 0.5]))
    p, _, r, correlation = cross = mixed(values, weights)
    assert correlation == pytest.approx(2 / 7) and p < 0 < r
    x = (values - 0.3) / np.sqrt(0.21)
    t = np.array([1, -1]) @ x / np.sqrt(2 * (1 - correlation))  # in the plane every unit variance is a ⟨q, z⟩
    kurt = kurtosis(values[0], weights)
    assert weights @ t**2 == pytest.approx(1)
    delta = weights @ t**4 - 3 - 2 * kurt / (2 * (1 - correlation)) ** 2
    assert abs(delta) == pytest.approx(pair_bound(cross))


@pytest.mark.claim("shared-gate")
@pytest.mark.parametrize("n", [3, 4])
def test_the_bound_for_pairs_holds_at_its_worst_point(n):
    rng = np.random.default_rng(5)
    A = random_unit(n, 4, rng=rng)
    pairs = [pair_states(0.3, np.array([0.6, 0.8])), pair_states(0.15, np.array([0.5, 0.9]))]
    states = np.vstack([np.repeat(pairs[0][0], 4, axis=1), np.tile(pairs[1][0], 4)])
    weights = np.outer(pairs[0][1], pairs[1][1]).ravel()
    centred = states - (states @ weights)[:, None]
    variance = centred**2 @ weights
    second = A @ (centred * weights) @ centred.T @ A.T
    values, axes = np.linalg.eigh(second)
    W = (axes / np.sqrt(values)) @ axes.T
    B = W @ A * np.sqrt(variance)
    kurt = centred**4 @ weights / variance**2 - 3
    cross = [mixed(*pair) for pair in pairs]

    def delta(Q):
        fourth = (Q.T @ W @ A @ centred) ** 4 @ weights
        return fourth - 3 - kurt @ (B.T @ Q) ** 4

    Q = random_unit(n, 20, rng=rng)
    z = B.T @ Q
    formula = sum(
        4 * (p * z[2 * k] ** 3 * z[2 * k + 1] + s * z[2 * k] * z[2 * k + 1] ** 3)
        + 6 * r * z[2 * k] ** 2 * z[2 * k + 1] ** 2
        for k, (p, s, r, _) in enumerate(cross)
    )
    assert np.allclose(delta(Q), formula)
    bound = max(map(pair_bound, cross))
    for start in Q.T[:6]:
        for sign in (1, -1):
            end = minimize(lambda q, t=sign: t * delta((q / np.linalg.norm(q))[:, None])[0], start)
            assert abs(end.fun) <= bound
    zeta = np.array([0.4, -1.1])  # the same coefficients as in the formula with a gate
    c = gated_cumulants("constant", np.array([0.6, 0.8]))
    direct = cumulants(zeta @ pairs[0][0], pairs[0][1])[3]
    assert shared_gate_cumulant(c, 0.3, zeta) == pytest.approx(direct)


def test_the_generator_keeps_its_promises():
    theta = power_law(6, 1.5, 1.0)
    assert theta.sum() == pytest.approx(1.5) and np.allclose(theta * np.arange(1, 7), theta[0])
    p = 40_000
    for together in (None, 0.7, 1.0):
        data = make_superposition((4, 6), p, theta, together=together, rng=np.random.default_rng(1))
        on = data.X > 0
        assert np.all(np.abs(on.mean(axis=1) - theta) < 5 * np.sqrt(theta / p))
        assert data.X.min() == 0 and np.allclose(data.Y, data.A @ data.X)
        both, single = np.mean(on[0] & on[1]), theta[0] * theta[1]
        wanted = single if together is None else theta[1] * together
        assert abs(both - wanted) < 5 * np.sqrt(wanted / p)
        assert abs(np.mean(on[1] & on[2]) - theta[1] * theta[2]) < 5 * np.sqrt(theta[1] * theta[2] / p)
    for law, moments in AMPLITUDES.items():
        X = make_superposition(np.eye(2), p, 0.5, law=law, rng=np.random.default_rng(2)).X
        for k, moment in enumerate(moments[:3], start=1):
            spread = np.std(X**k) / np.sqrt(X.size)
            assert abs(np.mean(X**k) - 0.5 * moment) < 5 * spread + 1e-12
    clean, noisy = (
        make_superposition(np.eye(3), p, 0.1, noise=noise, rng=np.random.default_rng(3)) for noise in (0.0, 0.5)
    )
    assert np.array_equal(clean.X, noisy.X) and np.std(noisy.Y - clean.Y) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rng: make_superposition((3, 4), 10, 0.0, rng=rng), r"theta: expected probabilities in \(0, 1\]"),
        (lambda rng: make_superposition((3, 4), 10, [0.1, 0.2], rng=rng), "one for each of 4 features"),
        (lambda rng: make_superposition((3, 4), 10, 0.1, law="gamma", rng=rng), "law: expected one of exponential"),
        (lambda rng: make_superposition((3, 2), 9, [0.4, 0.1], together=0.3, rng=rng), "together: expected a number"),
        (lambda rng: make_superposition((3, 4), 10, 0.4, noise=-1, rng=rng), "noise: expected a standard deviation"),
        (lambda rng: power_law(4, 3.0, 2.0), "active: expected at most 1.424 for 4 features"),
        (lambda rng: excess_kurtosis("constant", 1.0), "expected coefficients that vary"),
        (lambda rng: gated_cumulants("gamma", 0.1), "law: expected one of"),
        (lambda rng: white_features(np.eye(2), [1.0]), "variance: expected a positive number for each of 2"),
        (lambda rng: shared_gate_cumulant(np.ones((3, 2)), 0.5, [1, 1]), "zeta: expected cumulants"),
        (lambda rng: mmcs(np.eye(2), np.eye(3)), "A_hat: expected atoms of dimension 3"),
        (lambda rng: orient(np.eye(2), np.ones((3, 9)) + np.eye(3, 9)), "A: expected 3 rows like Y"),
    ],
)
def test_messages(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.random.default_rng(0))


def test_mmcs_by_hand_and_against_a_pairing():
    rng = np.random.default_rng(4)
    A, D = rng.standard_normal((5, 7)), rng.standard_normal((5, 4))
    unit = [v / np.linalg.norm(v) for v in A.T]
    expected = [max(u @ d / np.linalg.norm(d) for u in unit) for d in D.T]
    assert np.allclose(max_cosines(D, A), expected) and mmcs(D, A) == pytest.approx(np.mean(expected))
    assert mmcs(-A, A, signed=False) == pytest.approx(1) and mmcs(-A, A) < 0.9
    assert mmcs(A[:, [0, 0, 0]], A) == pytest.approx(1) and mmcs(A, A[:, [0, 0, 0]]) < 0.9
    nearest = 1 - max_cosines(D, A, signed=False)  # a pairing can only be worse
    assert np.all(match_atoms(A, D).error >= nearest - 1e-12)


def test_signs_are_those_of_the_skew():
    data = make_superposition((6, 9), 20_000, 0.1, rng=np.random.default_rng(6))
    signs = np.random.default_rng(7).choice([-1.0, 1.0], 9)
    assert np.allclose(orient(data.A * signs, data.Y), data.A)
    assert np.allclose(orient(data.A * signs, -data.Y + 3), -data.A)
