"""What `complete` means: each test of the evidence fails where it should, and data that say little raise nothing."""

from dataclasses import replace

import numpy as np
import pytest

from l4lib import make_odl, match_atoms, random_untf, recover_dictionary
from l4lib.data import Samples, cubed
from l4lib.experiments import EXPERIMENTS, read_record
from l4lib.experiments.statistics import wilson
from l4lib.quartic import project
from l4lib.recovery import Test, search
from l4lib.recovery.cumulants import separated, sines
from l4lib.recovery.search import finish


def recovered(Y, m, seed=0, **options):
    return recover_dictionary(Y, m, rng=np.random.default_rng(seed), **options)


def failed(found):
    return {test.name for test in found.evidence if not test.passed}


@pytest.mark.claim("evidence-calibrated")
@pytest.mark.parametrize(("n", "m", "p"), [(3, 3, 500), (3, 4, 2000), (8, 8, 5000), (16, 24, 20_000)])
def test_noise_is_never_complete(n, m, p):
    for seed in range(6):
        found = recovered(np.random.default_rng(seed).standard_normal((n, p)), m, seed)
        assert not found.complete
        with pytest.raises(RuntimeError, match="; "):
            found.require_complete()


@pytest.mark.parametrize(("n", "m", "p"), [(16, 24, 24), (16, 16, 17), (8, 40, 1000), (4, 12, 2000), (1, 1, 100)])
def test_uninformative_data_raise_nothing(n, m, p):
    """Far too few samples, or more atoms than fourth moments tell: an incomplete answer, not an exception."""
    Y = np.random.default_rng(1).standard_normal((n, max(m, n))) @ np.random.default_rng(2).laplace(size=(max(m, n), p))
    assert not recovered(Y, m).complete


@pytest.mark.parametrize(("n", "p"), [(3, 500), (4, 2000), (8, 3000)])
def test_noise_has_no_number_of_atoms(n, p):
    """The number is not told: the search ends without an answer, and without a warning when no atom is left."""
    for seed in range(5):
        Y = np.random.default_rng([5, n, seed]).standard_normal((n, p))
        assert not recovered(Y, None, seed).complete


def test_the_forecast_of_the_last_pass_is_right_within_a_factor_two():
    for seed in range(4):
        data = make_odl((16, 24), 5000, 0.1, rng=np.random.default_rng(40 + seed))
        samples = Samples.of(data.Y, rng=np.random.default_rng(seed))
        atoms = project(samples.whitening.apply(data.A))

        def cubes(A, size, samples=samples):
            return cubed(samples.rows[:size], A) / (size * samples.scale)

        for _ in range(6):
            atoms = separated(cubes(atoms, 640), atoms).A
        found = finish(samples, atoms, 640, starts=0)
        end = found.A
        for _ in range(12):
            end = separated(cubes(end, samples.size), end).A
        left = np.max(sines(found.A, end))
        assert 0.5 * found.ahead < left < 2 * found.ahead < 0.05


def test_equations_that_were_not_solved_are_not_settled(monkeypatch):
    data = make_odl((8, 12), 5000, 0.1, rng=np.random.default_rng(60))
    samples = Samples.of(data.Y, rng=np.random.default_rng(61))
    atoms = project(samples.whitening.apply(data.A))
    assert finish(samples, atoms, 640, starts=0).ahead < 0.1
    monkeypatch.setattr(search, "separated", lambda *a, **options: replace(separated(*a, **options), left=0.5))
    assert finish(samples, atoms, 640, starts=0).ahead >= 0.5


def test_the_rate_of_coherent_atoms_is_measured():
    """Three atoms to a dimension: a forecast rate calls an answer settled that further passes turn by a half."""
    for seed in (1, 2, 6):
        data = make_odl((12, 36), 5000, 0.1, rng=np.random.default_rng([777, 12, 36, 5000, 10, seed]))
        found = recover_dictionary(data.Y, 36, rng=np.random.default_rng(seed), route="pool")
        assert not found.complete or match_atoms(found.A, data.A).max_error < 0.02


def test_uniform_coefficients_are_not_atoms():
    A = random_untf(8, 8, rng=np.random.default_rng(3))
    found = recovered(A @ np.random.default_rng(4).uniform(-1, 1, (8, 20_000)), 8)
    assert not found.complete


def test_one_atom_too_few_is_noticed():
    data = make_odl((16, 24), 20_000, 0.1, rng=np.random.default_rng(5))
    found = recovered(data.Y, 23)
    assert failed(found) & {"covariance", "residual", "own", "halves"}


def test_one_atom_too_many_is_noticed():
    data = make_odl((16, 24), 20_000, 0.1, rng=np.random.default_rng(6))
    found = recovered(data.Y, 25)
    assert "found" in failed(found) and match_atoms(found.A, data.A).recovered(0.01) == 24


def test_a_weak_atom_is_seen_by_its_excess():
    """Amplitude 0.4: the covariance has room for it, the fourth moments of the other half have not."""
    rng = np.random.default_rng(7)
    A = random_untf(16, 20, rng=rng)
    amplitudes = np.ones(20)
    amplitudes[0] = 0.4
    Y = (A * amplitudes) @ make_odl(np.eye(20), 100_000, 0.1, rng=rng).Y
    told = recovered(Y, 20)
    assert told.complete and match_atoms(told.A, A).max_error < 2e-2
    assert not recovered(Y, 19).complete
    assert recovered(Y, None).A.shape[1] == 20


def test_what_both_halves_leave_alike_is_an_atom():
    """Two errors have nothing in common; without one atom, of half the amplitude, both halves leave the same."""
    alike = {11: [], 12: []}
    for seed in range(8):
        rng = np.random.default_rng(300 + seed)
        A = random_untf(8, 12, rng=rng)
        Y = A * np.r_[0.5, np.ones(11)] @ make_odl(np.eye(12), 6000, 0.1, rng=rng).Y
        for m, values in alike.items():
            tests = {test.name: test for test in recovered(Y, m, seed).evidence}
            values.append(tests["remainder"].passed)
    assert sum(alike[12]) >= 7 and sum(alike[11]) <= 2


def test_heavy_tails_and_one_loud_sample():
    """Student's coefficients with three degrees of freedom are found; one loud sample of 20 000 does no harm."""
    rng = np.random.default_rng(8)
    A = random_untf(16, 24, rng=rng)
    X = rng.standard_t(3, (24, 40_000)) * (rng.random((24, 40_000)) < 0.1)
    assert match_atoms(recovered(A @ X, 24).require_complete().A, A).max_error < 1e-2
    data = make_odl((16, 24), 20_000, 0.1, rng=rng)
    Y = data.Y.copy()
    Y[:, 77] = 100 * rng.standard_normal(16)
    assert match_atoms(recovered(Y, 24).A, data.A).max_error < 1e-2


def test_the_error_is_estimated():
    """A quarter of the difference between halves is the size of the error: within a factor two over six data sets."""
    ratios = []
    for seed in range(6):
        data = make_odl((16, 24), 10_000, 0.1, rng=np.random.default_rng(100 + seed))
        found = recovered(data.Y, 24, seed)
        actual = 1 - np.abs(project(found.A).T @ project(data.A)).max(axis=1)
        ratios.append(np.mean(found.error) / np.mean(actual))
    assert 0.5 < np.median(ratios) < 2


def test_the_units_of_rows_change_no_evidence():
    data = make_odl((12, 16), 4000, 0.1, rng=np.random.default_rng(0))
    units = np.logspace(0, 6, 12)[:, None]
    plain, scaled = recovered(data.Y, 16), recovered(units * data.Y, 16)
    assert plain.complete
    for one, other in zip(plain.evidence, scaled.evidence, strict=True):
        assert (one.name, one.passed) == (other.name, other.passed)
        assert other.value == pytest.approx(one.value, rel=1e-2, abs=1e-4)
    assert scaled.error == pytest.approx(plain.error, rel=1e-2)


def test_the_report_names_the_first_failure_and_its_advice():
    data = make_odl((8, 10), 4000, 0.1, rng=np.random.default_rng(9))
    found = recovered(data.Y, 10)
    assert found.require_complete() is found and found.complete
    names = [test.name for test in found.evidence]
    assert names[:2] == ["found", "count"] and len(set(names)) == len(names) >= 10
    assert all(isinstance(test, Test) and test.sentence and test.advice for test in found.evidence)
    assert 0 < found.visible < 1
    few = recovered(data.Y[:, :60], 10)
    first = next(test for test in few.evidence if not test.passed)
    with pytest.raises(RuntimeError) as caught:
        few.require_complete()
    assert str(caught.value) == f"{first.name}: {first.sentence}; {first.advice}"


@pytest.mark.claim("subspace-recovery")
@pytest.mark.parametrize(("n", "m", "theta", "p"), [(16, 24, 0.1, 20_000), (10, 12, 0.1, 4000), (12, 24, 0.05, 20_000)])
def test_recovery_on_new_data(n, m, theta, p):
    for seed in range(8):
        data = make_odl((n, m), p, theta, rng=np.random.default_rng(2000 + seed))
        found = recovered(data.Y, m, seed).require_complete()
        assert found.complete and match_atoms(found.A, data.A).max_error < 1e-2


@pytest.mark.claim("evidence-calibrated")
def test_the_recorded_calibration():
    """At most one per cent wrong and complete, at most five right and incomplete in the regime that is documented."""
    table = read_record("E11").table
    assert len(table) >= 400 and ("error" not in table or table["error"].isna().all())
    wrong = table["complete"] & ~table["right"]
    assert wrong.mean() <= 0.01
    plain = table[(table["n"] >= 8) & (table["weak"] == 1)]
    regime = plain[(plain["asked"] == 0) & plain["law"].isin(["gauss", "sign"]) & (plain["load"] >= 16)]
    right = regime[regime["right"]]
    assert (~right["complete"]).mean() <= 0.05
    assert (regime["complete"] & ~regime["right"]).mean() <= 0.01
    noise = table[table["law"].isin(["noise", "uniform"])]
    assert not noise["complete"].any() and wilson(0, len(noise))[1] < 0.03
    assert wrong.sum() > 0  # not everything can be seen


@pytest.mark.claim("evidence-calibrated")
def test_recorded_trials_again():
    experiment, table = EXPERIMENTS["E11"], read_record("E11").table
    cells = experiment.cells["full"]
    for index in (0, 40, 300, len(cells) - 1):
        cell = cells[index]
        row = experiment.run_trial(cell, 0)
        start = sum(c.trials for c in cells[:index])
        old = table.iloc[start]
        assert (row["complete"], row["atoms"]) == (old["complete"], old["atoms"])
        assert row["max_error"] == pytest.approx(old["max_error"], rel=0.05, abs=1e-6)
