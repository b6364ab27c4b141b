"""Bad input as a user would make it: one line that says what came and what was wanted."""

import copy
import pickle
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import l4lib
from l4lib import quartic, validate
from l4lib.census import IncompleteCensusError, census
from l4lib.data import frames, models, precondition
from l4lib.quartic import solvers, sphere
from l4lib.recovery import recover_kernels

RNG = np.random.default_rng(0)
A = l4lib.random_untf(4, 6, rng=np.random.default_rng(1))
Y = np.random.default_rng(2).standard_normal((4, 50))
NAN = Y.copy()
NAN[1, 2] = np.nan


BAD = {
    "nan in data": (lambda: l4lib.recover_dictionary(NAN, rng=RNG), ValueError, r"Y: .*1 NaN .*\(1, 2\)"),
    "infinite entry": (lambda: l4lib.phi_DL(np.where(Y > 2, np.inf, Y), 0.1), ValueError, "NaN or infinite"),
    "samples as rows": (
        lambda: l4lib.recover_dictionary(Y.T, rng=RNG),
        ValueError,
        r"Y: .*got \(50, 4\).*pass Y\.T",
    ),
    "p < n": (lambda: l4lib.recover_dictionary(Y[:, :3], rng=RNG), ValueError, r"got \(4, 3\)"),
    "constant data": (lambda: l4lib.recover_dictionary(np.full((4, 50), 2.5), rng=RNG), ValueError, "constant 2.5"),
    "all zero data": (lambda: l4lib.phi_DL(np.zeros((4, 50)), 0.1), ValueError, "constant 0.0"),
    "rank deficient": (
        lambda: l4lib.recover_dictionary(np.vstack([Y, Y[:1]]), rng=RNG),
        ValueError,
        r"span all 5 dimensions, got rank 4",
    ),
    "strings": (lambda: l4lib.recover_dictionary("my data", rng=RNG), TypeError, "Y: expected a numeric array"),
    "numbers as strings": (lambda: l4lib.phi_T(np.array([["1", "2"]])), TypeError, "A: expected a numeric array"),
    "None": (lambda: l4lib.recover_dictionary(None, rng=RNG), (TypeError, ValueError), "Y: expected"),
    "masked entries": (
        lambda: l4lib.recover_dictionary(np.ma.masked_less(Y, -1.0), 6, rng=RNG),
        ValueError,
        r"Y: expected no missing entries, got \d+ of 200 masked; fill or drop",
    ),
    "masked dictionary": (lambda: l4lib.phi_T(np.ma.masked_less(A, -0.5)), ValueError, "A: .* masked"),
    "missing entries": (
        lambda: l4lib.phi_DL(pd.DataFrame(Y).astype("Float64").mask(Y > 1), 0.1),
        ValueError,
        r"Y: expected no missing entries, got \d+ of 200; fill or drop",
    ),
    "None among numbers": (
        lambda: l4lib.phi_T([[1.0, None]]),
        ValueError,
        "A: expected no missing entries, got 1 of 2",
    ),
    "signals of different lengths": (
        lambda: l4lib.phi_DL([[1.0] * 5, [2.0] * 7], 0.1),
        TypeError,
        r"Y: .*got 2 rows of different lengths, 5 to 7",
    ),
    "sparse matrix": (
        lambda: l4lib.phi_DL(sparse.csr_array(Y), 0.1),
        TypeError,
        r"Y: .*a sparse matrix of shape \(4, 50\); pass its \.toarray\(\)",
    ),
    "dates": (lambda: l4lib.phi_DL(np.datetime64("2020") + Y.astype("m8[s]"), 0.1), TypeError, "dtype datetime64"),
    "durations": (lambda: l4lib.phi_DL((1e3 * Y).astype("m8[s]"), 0.1), TypeError, "dtype timedelta64"),
    "words in a table": (lambda: l4lib.phi_DL(pd.DataFrame({"a": [1, "x"]}), 0.1), TypeError, "Y: expected a numeric"),
    "complex objects": (lambda: l4lib.phi_T(np.array([[1, 2j]], dtype=object)), TypeError, "A: expected real numbers"),
    "one recording": (
        lambda: recover_kernels(Y.ravel(), 2, rng=RNG),
        ValueError,
        r"Y: expected shape \(n, p\), got \(200,\); cut a recording into windows",
    ),
    "trials by channels": (
        lambda: recover_kernels(Y.reshape(4, 10, 5), 2, rng=RNG),
        ValueError,
        r"got \(4, 10, 5\); .*one channel at a time",
    ),
    "too large": (lambda: l4lib.phi_DL(1e200 * Y, 0.1), ValueError, r"Y: expected a scale .*e\+200; divide by it"),
    "too small": (lambda: l4lib.phi_DL(1e-200 * Y, 0.1), ValueError, r"Y: expected a scale .*e-200; divide by it"),
    "ragged list": (lambda: l4lib.phi_T([[1.0, 2.0], [3.0]]), TypeError, "A: expected a numeric array"),
    "complex": (lambda: l4lib.phi_T(A * 1j), TypeError, "A: expected real numbers"),
    "one-dimensional dictionary": (
        lambda: l4lib.phi_T(np.ones(40)),
        ValueError,
        r"A: expected shape \(n, m\), got \(40,\)",
    ),
    "empty": (lambda: l4lib.phi_T(np.empty((0, 3))), ValueError, r"at least one entry, got \(0, 3\)"),
    "zero atom": (
        lambda: l4lib.phi_T(A * (np.arange(6) != 2)),
        ValueError,
        "nonzero atoms, got 1 zero column.*index 2",
    ),
    "theta = 0": (lambda: l4lib.phi_DL(Y, 0), ValueError, r"theta: .*\(0, 1\), got 0"),
    "theta = 1": (lambda: l4lib.phi_DL(Y, 1.0), ValueError, r"theta: .*\(0, 1\), got 1"),
    "theta = nan": (lambda: l4lib.phi_DL(Y, float("nan")), ValueError, "got nan"),
    "theta a string": (lambda: l4lib.phi_DL(Y, "0.1"), TypeError, "theta: expected a number"),
    "theta True": (lambda: l4lib.phi_DL(Y, True), TypeError, "theta: expected a number"),
    "p = 0": (
        lambda: l4lib.make_odl((4, 6), 0, 0.1, rng=RNG),
        ValueError,
        "p: expected a whole number of at least 1, got 0",
    ),
    "p = 10.5": (lambda: l4lib.bernoulli_gaussian(3, 10.5, 0.1, rng=RNG), TypeError, "p: expected a whole number"),
    "m < n": (lambda: l4lib.random_untf(5, 3, rng=RNG), ValueError, "m: expected at least n = 5 atoms"),
    "seed for rng": (lambda: l4lib.random_points(3, rng=0), TypeError, "rng: expected a numpy.random.Generator"),
    "no rng": (lambda: l4lib.recover_dictionary(Y, rng=None), TypeError, "rng: .*got None"),
    "n_atoms = 0": (lambda: l4lib.recover_dictionary(Y, 0, rng=RNG), ValueError, "n_atoms: .*at least 1, got 0"),
    "zero start": (lambda: l4lib.solve(l4lib.phi_T(A), np.zeros(4)), ValueError, "nonzero"),
    "start of wrong dimension": (
        lambda: l4lib.solve(l4lib.phi_T(A), np.ones(5)),
        ValueError,
        r"expected shape \(4,\) or \(4, r\), got \(5,\)",
    ),
    "unknown method": (lambda: l4lib.solve(l4lib.phi_T(A), np.ones(4), method="adam"), ValueError, "power, gradient"),
    "method without step": (lambda: l4lib.solve(l4lib.phi_T(A), np.ones(4), method=3), TypeError, "step method"),
    "not an objective": (lambda: l4lib.solve(A, np.ones(4)), TypeError, "objective: expected a Quartic"),
    "negative shift": (lambda: l4lib.PowerMap(gamma=-1.0), ValueError, "gamma: .*-1.0"),
    "negative step": (lambda: l4lib.GradientDescent(step_size=-0.1), ValueError, "step_size: .*-0.1"),
    "radius of zero": (lambda: l4lib.TrustRegion(radius=0.0), ValueError, "radius"),
    "tol = 0": (lambda: l4lib.solve(l4lib.phi_T(A), np.ones(4), tol=0.0), ValueError, "tol: "),
    "velocity of another shape": (
        lambda: l4lib.phi_T(A).hessp(np.ones((4, 2)), np.ones(4)),
        ValueError,
        r"V: expected the shape of Q \(4, 2\), got \(4,\)",
    ),
    "curvatures of a batch": (lambda: l4lib.phi_T(A).curvatures(np.ones((4, 2))), ValueError, "one point"),
    "curvatures at n = 1": (lambda: l4lib.phi_T([[1.0]]).curvatures([1.0]), ValueError, "n >= 2"),
    "negative constant": (lambda: l4lib.Quartic(A, -1.0), ValueError, "c: .*above 0, got -1.0"),
    "match in other dimensions": (
        lambda: l4lib.match_atoms(np.eye(3), A),
        ValueError,
        r"dimension 4, got shape \(3, 3\)",
    ),
    "no frames": (frames.direct_sum, ValueError, "at least one dictionary"),
    "hadamard 12": (lambda: frames.identity_hadamard(12), ValueError, "power of two"),
    "paley 7": (lambda: frames.paley(7), ValueError, "remainder 1 modulo 4"),
    "paley 21": (lambda: frames.paley(21), ValueError, "prime"),
    "patch larger than picture": (
        lambda: models.patches(np.eye(5), 8, 10, rng=RNG),
        ValueError,
        r"size: expected at most 5 .*got 8",
    ),
    "constant recording": (lambda: models.windows(np.full(30, 2.0), 8), ValueError, "recording: .*constant 2.0"),
    "recording shorter than a window": (
        lambda: models.windows(np.arange(7.0), 8),
        ValueError,
        "recording: expected at least one window of 8 samples, got 7",
    ),
    "constant picture": (lambda: models.patches(np.ones((9, 9)), 3, 10, rng=RNG), ValueError, "constant"),
    "too many components": (
        lambda: models.patches(np.eye(9), 3, 10, components=9, rng=RNG),
        ValueError,
        r"components: expected at most size\*\*2 - 1 = 8",
    ),
    "whitening of other dimension": (
        lambda: precondition.whitening(Y).apply(np.ones((5, 2))),
        ValueError,
        r"Y: expected 4 rows, got shape \(5, 2\)",
    ),
    "nothing to project": (lambda: sphere.project(np.zeros(3)), ValueError, "zero or not finite"),
    "not a unit vector": (lambda: validate.as_unit_points(np.ones(3), 3, "q"), ValueError, "unit vectors, got norms"),
}


@pytest.mark.parametrize("case", BAD, ids=list(BAD))
def test_bad_input_says_what_came_and_what_was_wanted(case):
    call, error, pattern = BAD[case]
    with pytest.raises(error, match=pattern) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("name", sorted(solvers.METHODS))
def test_good_input_passes(name):
    """The table above would also pass if everything were refused."""
    result = l4lib.solve(l4lib.phi_T(A.tolist()), [1, 0, 0, 0.5], method=name)
    assert result.converged.all()


@pytest.mark.parametrize(
    "container",
    [
        A.tolist(),
        pd.DataFrame(A),
        pd.DataFrame(A).astype("Float64"),
        A.astype(object),
        np.asfortranarray(A),
        np.ma.masked_array(A),  # nothing is masked
        memoryview(np.ascontiguousarray(A)),
    ],
    ids=lambda container: type(container).__name__,
)
def test_usual_containers_are_arrays(container):
    assert np.array_equal(l4lib.phi_T(container).B.dense(), A)
    assert l4lib.coherence(container) == pytest.approx(l4lib.coherence(A), abs=1e-14)


@pytest.mark.parametrize(
    "call",
    [
        l4lib.solve(l4lib.phi_T(A), np.ones(4), max_iterations=1).require_converged,
        census(frames.mercedes_benz(), rng=np.random.default_rng(0)).require_complete,
    ],
    ids=["solve", "census"],
)
def test_exceptions_survive_the_way_back_from_another_process(call):
    with pytest.raises((quartic.ConvergenceError, IncompleteCensusError)) as caught:
        call()
    error = caught.value
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert twin.__dict__.keys() == error.__dict__.keys()


def test_numbers_are_not_looped_over():
    """Checking a million numbers calls no more Python functions than checking four."""

    def calls(array):
        seen = []
        sys.setprofile(lambda frame, event, argument: seen.append(event))
        try:
            validate.as_array(array, "Y", ndim=1, shape="(p,)")
        finally:
            sys.setprofile(None)
        return len(seen)

    assert calls(np.ones(1_000_000)) == calls(np.ones(4))
