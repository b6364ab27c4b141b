"""Convolutional recovery: the shift-invariant subspace, and whole sets of kernels."""

import numpy as np
import pytest

from l4lib.data import circular_whitening, match_kernels, models
from l4lib.experiments import EXPERIMENTS, read_record
from l4lib.quartic import CirculantMap, project, sphere
from l4lib.recovery import ShiftSubspace, recover_kernels
from l4lib.recovery.evidence import Test as Evidence
from l4lib.recovery.kernel_evidence import LIMITS, spectral_fit
from l4lib.recovery.shift_subspace import FrequencyPairs

SHAPES = [(8,), (9,), (3, 4), (4, 4), (3, 5)]


@pytest.mark.claim("shift-blocks")
@pytest.mark.parametrize("shape", SHAPES)
def test_pairs_of_frequencies_are_an_isometry(shape):
    """For symmetric matrices vvᵀ: the vectors w_ω(v) keep inner products, Σ_ω ⟨w_ω(u), w_ω(v)⟩ = ⟨u, v⟩²."""
    pairs = FrequencyPairs(shape)
    V = np.random.default_rng(0).standard_normal((pairs.n, 3))
    hat = pairs.transform(V)
    lifted = np.stack([pairs.lift(hat, omega) for omega in range(pairs.multiplicity.size)])
    gram = np.einsum("f,flr,fls->rs", pairs.multiplicity, lifted.conj(), lifted).real
    assert np.allclose(gram, (V.T @ V) ** 2)
    assert np.allclose(pairs.inverse(hat), V)


@pytest.mark.claim("shift-blocks")
@pytest.mark.parametrize("shape", [(8,), (9,), (3, 4)])
def test_subspace_blocks_equal_the_dense_fourth_moment(shape):
    """Π from the Fourier blocks is the projector on the span of the dense shift-averaged moment, K = 1."""
    n = int(np.prod(shape))
    data = models.make_cdl((n, 1), 4000, 0.2, shape=shape, rng=np.random.default_rng(2))
    P = circular_whitening(data.Y, shape=shape)
    white = P.apply(data.Y)
    form = ShiftSubspace(white, 1, shape=shape)
    shifts = CirculantMap(white, shape=shape).dense()
    pairs = np.einsum("in,jn->ijn", shifts, shifts).reshape(n * n, -1)
    moment = pairs @ pairs.T / pairs.shape[1] - np.mean(white**2) ** 2 * np.outer(np.eye(n).ravel(), np.eye(n).ravel())
    vectors = np.linalg.eigh(moment)[1][:, -n:]
    projector = vectors @ vectors.T
    Q = sphere.random_points(n, 4, rng=np.random.default_rng(3))
    value, gradient = form.value_and_gradient(Q)
    for k, q in enumerate(Q.T):
        image = (projector @ np.outer(q, q).ravel()).reshape(n, n)
        assert value[k] == pytest.approx(np.sum(image * np.outer(q, q)), rel=1e-8)
        assert np.allclose(gradient[:, k], 4 * image @ q, atol=1e-8)


def test_gradient_of_the_subspace_form_by_finite_differences():
    data = models.make_cdl((10, 2), 500, 0.2, rng=np.random.default_rng(4))
    form = ShiftSubspace(circular_whitening(data.Y).apply(data.Y), 2)
    Q, V = np.random.default_rng(5).standard_normal((2, 10, 3))
    h = 1e-5
    slope = (form.value_and_gradient(Q + h * V)[0] - form.value_and_gradient(Q - h * V)[0]) / (2 * h)
    assert np.allclose(slope, np.sum(form.value_and_gradient(Q)[1] * V, axis=0), rtol=1e-6)


def test_kernels_are_where_the_form_reaches_one():
    """F ≤ 1 on the sphere, F near 1 at the preconditioned kernels and their shifts, clearly below elsewhere."""
    data = models.make_cdl((16, 2), 40_000, 0.1, rng=np.random.default_rng(6))
    P = circular_whitening(data.Y)
    form = ShiftSubspace(P.apply(data.Y), 2)
    atoms = sphere.project(CirculantMap(P.apply(data.kernels)).dense())
    assert np.all(form.value_and_gradient(atoms)[0] > 0.99)
    Q = sphere.random_points(16, 500, rng=np.random.default_rng(7))
    value = form.value_and_gradient(Q)[0]
    assert np.all(value <= 1 + 1e-12) and np.all(value < 0.9)


PROBLEMS = [(64, 2, 0.1), (64, 3, 0.08), (64, 4, 0.1), (64, 5, 0.05), (32, 3, 0.1)]


@pytest.mark.parametrize("n, K, theta", PROBLEMS)
def test_all_kernels_are_found(n, K, theta):
    for seed in range(3):
        data = models.make_cdl((n, K), 1000, theta, rng=np.random.default_rng(seed))
        found = recover_kernels(data.Y, K, rng=np.random.default_rng(seed + 100)).require_complete()
        assert found.method == "subspace" and found.distinct == K
        assert match_kernels(found.kernels, data.kernels).recovered(0.02) == K


def test_restarts_find_kernels_too_but_with_bias():
    """The theory's own objective on the same data: right kernels, larger errors."""
    data = models.make_cdl((64, 2), 1000, 0.1, rng=np.random.default_rng(8))
    errors = {}
    for method in ("subspace", "restarts"):
        found = recover_kernels(data.Y, 2, rng=np.random.default_rng(9), method=method)
        errors[method] = match_kernels(found.kernels, data.kernels).max_error
    assert errors["restarts"] < 0.02 and errors["subspace"] < 0.02


def test_pictures():
    data = models.make_cdl((64, 2), 800, 0.08, shape=(8, 8), rng=np.random.default_rng(10))
    found = recover_kernels(data.Y, 2, shape=(8, 8), rng=np.random.default_rng(11))
    assert match_kernels(found.kernels, data.kernels, shape=(8, 8)).recovered(0.02) == 2
    assert (
        match_kernels(found.kernels, data.kernels).recovered(0.02) < 2
    )  # shifts of rows are not shifts of the flat array


def test_short_kernels_are_cut_to_their_length():
    rng = np.random.default_rng(12)
    short = rng.standard_normal((12, 2))
    data = models.make_cdl(short, 2000, 0.05, n=64, rng=rng)
    found = recover_kernels(data.Y, 2, kernel_length=12, rng=rng)
    assert found.kernels.shape == (12, 2)
    padded = np.vstack([found.kernels, np.zeros((52, 2))])
    assert match_kernels(padded, data.kernels).recovered(0.02) == 2


def test_without_preconditioner_the_kernels_are_lost():
    """Negative control: smooth kernels, straight into the objective, without P."""
    from l4lib import Quartic, solve
    from l4lib.data import unique_kernels

    t = np.linspace(-2, 2, 32)
    short = np.stack([np.exp(-(t**2)), np.exp(-(t**2)) * np.sin(3 * t)], axis=1)
    data = models.make_cdl(short, 1000, 0.1, rng=np.random.default_rng(13))
    found = recover_kernels(data.Y, 2, rng=np.random.default_rng(14), floor=1e-9)
    assert match_kernels(found.kernels, data.kernels).recovered(0.02) == 2
    raw = solve(Quartic(CirculantMap(data.Y), 1.0 / data.Y.size), data.Y[:, :40], tol=1e-5)
    assert match_kernels(unique_kernels(raw.Q)[0], data.kernels).recovered(0.02) < 2


def test_too_few_starts_are_reported():
    data = models.make_cdl((32, 3), 500, 0.1, rng=np.random.default_rng(15))
    found = recover_kernels(data.Y, 3, starts=1, rng=np.random.default_rng(16))
    assert not found.complete
    with pytest.raises(RuntimeError, match=r"[12] of 3 distinct kernels were found. What would help: "):
        found.require_complete()


# Evidence: each kind of data, and the tests that must see it.

n, K = 32, 2
RIGHT = project(np.random.default_rng(20).standard_normal((n, K)))


def _sparse(rng, p=1500, theta=0.05, law=None):
    X = rng.standard_normal((n * K, p)) if law is None else law(rng, (n * K, p))
    return CirculantMap(RIGHT).apply(X * (rng.random(X.shape) < theta))


def _glitch(rng):
    Y = _sparse(rng)
    Y[3, 5] += 1000.0
    return Y


def _phases(rng):
    half = np.fft.rfft(_sparse(rng), axis=0)
    return np.fft.irfft(np.abs(half) * np.exp(2j * np.pi * rng.random(half.shape)), n, axis=0)


WRONG = {
    "Gaussian noise": (lambda rng: rng.standard_normal((n, 1500)), 2),
    "five samples of noise": (lambda rng: rng.standard_normal((n, 5)), 2),
    "dense Gaussian coefficients": (lambda rng: CirculantMap(RIGHT).apply(rng.standard_normal((n * K, 1500))), 2),
    "uniform coefficients": (lambda rng: CirculantMap(RIGHT).apply(rng.uniform(-1, 1, (n * K, 1500))), 2),
    "eight samples": (lambda rng: _sparse(rng, 8), 2),
    "transposed": (lambda rng: _sparse(rng, 96).T, 2),
    "a kernel too many": (_sparse, 3),
    "a kernel too few": (_sparse, 1),
    "a glitch": (_glitch, 2),
    "random phases": (_phases, 2),
}


@pytest.mark.claim("kernel-evidence")
@pytest.mark.parametrize("kind", WRONG)
def test_wrong_answers_do_not_call_themselves_complete(kind):
    make, asked = WRONG[kind]
    for seed in range(3):
        found = recover_kernels(make(np.random.default_rng(seed)), asked, rng=np.random.default_rng(seed))
        assert not found.complete
        assert any(not test.passed for test in found.evidence)


LAWS = {
    "Gauss": None,
    "signs": lambda rng, size: rng.choice([-1.0, 1.0], size),
    "half-normal": lambda rng, size: np.abs(rng.standard_normal(size)),
}


@pytest.mark.claim("kernel-evidence")
@pytest.mark.parametrize("law", LAWS)
def test_right_answers_do(law):
    """Also with coefficients of mean above zero: the mean of the data is subtracted."""
    for seed in range(3):
        Y = _sparse(np.random.default_rng(seed), 4000, law=LAWS[law])
        found = recover_kernels(Y, K, rng=np.random.default_rng(seed)).require_complete()
        match = match_kernels(found.kernels, RIGHT)
        assert match.recovered(0.02) == K
        assert match.max_error < 8 * found.error.max() + 1e-3


def test_units_and_offsets_change_nothing():
    Y = _sparse(np.random.default_rng(1))
    usual = recover_kernels(Y, K, rng=np.random.default_rng(2))
    for scale, offset in ((1e-12, 0.0), (1e9, 0.0), (1.0, 1024.0), (-3.0, 1e4)):
        found = recover_kernels(scale * Y + offset, K, rng=np.random.default_rng(2))
        assert found.complete and match_kernels(found.kernels, usual.kernels).max_error < 1e-6
        assert found.mean == pytest.approx(scale * Y.mean() + offset)
    kept = recover_kernels(Y + 10.0, K, center=False, rng=np.random.default_rng(2))
    assert kept.mean == 0.0 and not kept.complete
    assert not next(test for test in kept.evidence if test.name == "mean").passed


def test_spectral_fit_of_exact_kernels_is_zero():
    """Σ ν_k² |q̂_k|² = K at every frequency for the kernels of a tight frame, and not for any others."""
    s = np.sum(np.abs(np.fft.fft(RIGHT, axis=0)) ** 2, axis=1)
    white = np.fft.ifft(np.fft.fft(RIGHT, axis=0) / np.sqrt(s / K)[:, None], axis=0).real
    residual, weights = spectral_fit(project(white), (n,))
    assert residual < 1e-12 and np.allclose(weights, np.sum(white * white, axis=0) / K)
    assert spectral_fit(RIGHT, (n,))[0] > LIMITS["spectrum"]


def test_the_first_failure_is_what_is_reported():
    found = recover_kernels(_sparse(np.random.default_rng(3)), 3, rng=np.random.default_rng(4))
    failed = [test for test in found.evidence if not test.passed]
    assert all(isinstance(test, Evidence) and test.sentence and test.advice for test in found.evidence)
    with pytest.raises(RuntimeError) as refusal:
        found.require_complete()
    assert failed[0].sentence in str(refusal.value) and failed[0].advice in str(refusal.value)


@pytest.mark.claim("kernel-evidence")
def test_record_of_the_calibration():
    """The two rates that the book states, from the committed record of E10."""
    table = read_record("E10").table
    wrong = table["complete"] & ~table["right"]
    assert len(table) >= 400 and wrong.mean() <= 0.01
    regime = table[(table["law"].isin(["Gauss", "Laplace", "signs"])) & (table["per_unknown"] >= 16)]
    regime = regime[(regime["asked"] == 0) & (regime["weakest"] == 1) & (regime["spoilt"] == "no")]
    regime = regime[(regime["noise"] == 0) & (regime["length"] != "at most K") & regime["right"]]
    assert (~regime["complete"]).mean() <= 0.05


def test_a_recorded_trial_again():
    experiment = EXPERIMENTS["E10"]
    assert read_record("E10").recomputes(experiment, cells=list(experiment.cells["full"][4:7]), trials=1)


BAD = {
    "zero kernel": (
        lambda rng: models.make_cdl(np.eye(4) * [1, 0, 1, 1], 10, 0.1, rng=rng),
        "kernels: expected nonzero atoms.*index 1",
    ),
    "no kernels": (lambda rng: recover_kernels(np.ones((4, 4)) * np.arange(4), 0, rng=rng), "n_kernels: .*got 0"),
    "constant signal": (lambda rng: recover_kernels(np.full((8, 9), 3.0), 1, rng=rng), "constant 3.0"),
    "nan": (lambda rng: recover_kernels(np.full((8, 9), np.nan), 1, rng=rng), "72 NaN"),
    "spectral zero": (
        lambda rng: recover_kernels(models.make_cdl(np.array([[1.0], [-1.0]]), 50, 0.2, n=16, rng=rng).Y, 1, rng=rng),
        r"Y: expected power at every frequency, got 1 of 9 .*index \(0,\)",
    ),
    "too short a recording": (lambda rng: models.windows(np.arange(5.0), 8), "at least one window of 8 samples, got 5"),
    "constant recording": (lambda rng: models.windows(np.ones(50), 8), "constant 1.0"),
    "kernel longer than sample": (
        lambda rng: recover_kernels(rng.standard_normal((8, 50)), 1, kernel_length=9, rng=rng),
        "kernel_length: expected at most .* 8, got 9",
    ),
    "wrong shape": (
        lambda rng: recover_kernels(rng.standard_normal((8, 50)), 1, shape=(3, 3), rng=rng),
        r"shape: expected sizes that multiply to the 8 rows, got \(3, 3\)",
    ),
    "unknown method": (lambda rng: recover_kernels(rng.standard_normal((8, 50)), 1, method="lasso", rng=rng), "method"),
    "too many kernels": (lambda rng: ShiftSubspace(rng.standard_normal((8, 50)), 5), "fewer than the 5 rows"),
    "sample shorter than kernel": (
        lambda rng: models.make_cdl(np.ones((8, 1)), 5, 0.1, n=4, rng=rng),
        "n: expected at least the kernels' length 8, got 4",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    call, pattern = BAD[case]
    with pytest.raises(ValueError, match=pattern):
        call(np.random.default_rng(0))
