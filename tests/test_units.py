"""Nothing depends on the unit of the data: each public function scales as its formula says."""

import numpy as np
import pytest

import l4lib
from l4lib import data, quartic

RNG = np.random.default_rng(11)
A = RNG.standard_normal((4, 6))
Y = l4lib.make_odl(A, 400, 0.2, rng=RNG).Y
Q = l4lib.random_points(4, 5, rng=RNG)
V = quartic.random_tangents(Q, rng=RNG)
KERNELS = RNG.standard_normal((9, 2))
PICTURE = RNG.standard_normal((12, 15))
SPACED = np.hstack([A[:, :3], -A[:, :3]])


def minimisers(method):
    return lambda s: l4lib.solve(l4lib.Quartic(s * A, 0.3), Q, method=method).require_converged().Q


# name -> (power of the scale in the result, function of the scale)
SCALED = {
    "gram": (2, lambda s: data.gram(s * A)),
    "coherence": (0, lambda s: data.coherence(s * A)),
    "overcompleteness": (0, lambda s: data.overcompleteness(s * A)),
    "tightness": (0, lambda s: data.frame_report(s * A).tightness_error),
    "direct_sum": (1, lambda s: data.direct_sum(s * A, s * A)),
    "nearest_atom": (0, lambda s: data.nearest_atom(s * A, Q / s)[1]),
    "match_atoms": (0, lambda s: data.match_atoms(s * A[:, ::-1], A / s).index),
    "unique_lines": (0, lambda s: data.unique_lines(s * SPACED)[1]),
    "match_kernels": (0, lambda s: data.match_kernels(s * np.roll(KERNELS, 2, axis=0), KERNELS / s).shift),
    "unique_kernels": (0, lambda s: data.unique_kernels(s * np.hstack([KERNELS, -np.roll(KERNELS, 1, axis=0)]))[1]),
    "windows": (1, lambda s: data.windows(s * Y[0], 20)),
    "patches": (1, lambda s: data.patches(s * PICTURE, 4, 50, rng=np.random.default_rng(0)).Y),
    "phi_DL": (4, lambda s: data.phi_DL(s * Y, 0.2).value(Q)),
    "phi_CDL": (0, lambda s: data.phi_CDL(s * Y, 0.2, 1).value(Q)),
    "whitening": (0, lambda s: data.whitening(s * Y).apply(s * A)),
    "undo whitening": (1, lambda s: data.whitening(s * Y).undo(A)),
    "whiten": (0, lambda s: data.whiten(s * Y)),
    "condition": (0, lambda s: data.whitening(s * Y).condition),
    "circular_whitening": (0, lambda s: data.circular_whitening(s * Y).apply(s * A)),
    "value": (4, lambda s: l4lib.phi_T(s * A).value(Q)),
    "gradient": (4, lambda s: l4lib.phi_T(s * A).gradient(Q)),
    "hessp": (4, lambda s: l4lib.phi_T(s * A).hessp(Q, V)),
    "curvatures": (4, lambda s: l4lib.phi_T(s * A).curvatures(Q[:, 0])),
    "form": (4, lambda s: quartic.SymmetricQuartic.from_dictionary(s * A).hessian(Q[:, 0])),
    "frobenius": (4, lambda s: quartic.SymmetricQuartic.from_dictionary(s * A).frobenius),
    "project": (0, lambda s: quartic.project(s * A)),
    "starts of any length": (0, lambda s: l4lib.solve(l4lib.phi_T(A), s * Q).Q),
    "power map": (0, minimisers("power")),
    "gradient descent": (0, minimisers("gradient")),
    "trust region": (0, minimisers("trust-region")),
    "truncated trust region": (0, minimisers(l4lib.TrustRegion(exact=False))),
}


@pytest.mark.parametrize("name", SCALED)
@pytest.mark.parametrize("exponent", [-12, -5, 4, 15])
def test_results_scale_with_the_unit(name, exponent):
    power, function = SCALED[name]
    scale = 10.0**exponent
    expected, got = np.asarray(function(1.0)), np.asarray(function(scale)) / scale**power
    assert np.allclose(got, expected, rtol=1e-6, atol=1e-7 * np.abs(expected).max())
