"""Nothing depends on the unit of the data: each public function that is given any scales as its formula says.

Every public function of the wings below `experiments` is in one of the two tables, which a test enforces.
"""

import numpy as np
import pytest

import l4lib
from l4lib import census, data, landscape, quartic, recovery

RNG = np.random.default_rng(11)
A = RNG.standard_normal((4, 6))
Y = l4lib.make_odl(A, 400, 0.2, rng=RNG).Y
Q = l4lib.random_points(4, 5, rng=RNG)
V = quartic.random_tangents(Q, rng=RNG)
KERNELS = RNG.standard_normal((9, 2))
PICTURE = RNG.standard_normal((12, 15))
SPACED = np.hstack([A[:, :3], -A[:, :3]])
SPREAD = data.random_untf(4, 6, rng=RNG) * np.array([1.0, 1.1, 0.9, 1.0, 1.2, 1.0])
SMALL = data.random_untf(3, 4, rng=RNG)
MANY = l4lib.make_odl(SMALL, 4000, 0.2, rng=RNG).Y
WHITE = data.whitening(MANY)
TENSOR = np.einsum("ai,bi,ci,di->abcd", SMALL, SMALL, SMALL, SMALL)
RECORDING = data.make_cdl((16, 2), 400, 0.05, rng=RNG).Y


def seed():
    return np.random.default_rng(0)


def minimisers(method):
    return lambda s: l4lib.solve(l4lib.Quartic(s * A, 0.3), Q, method=method).require_converged().Q


def form(s):
    return quartic.SymmetricQuartic.from_dictionary(s * SPREAD)


def shape_of(at):
    return np.stack([at.h, at.x, at.z, at.eta])


# name -> (power of the scale in the result, function of the scale)
SCALED = {
    "inner": (1, lambda s: quartic.inner(s * A, A)),
    "rank_one_sum": (4, lambda s: quartic.rank_one_sum(s * A, 1.0)),
    "svec": (2, lambda s: quartic.svec(s * A)),
    "smat": (1, lambda s: quartic.smat(s * np.ones((10, 2)), 4)),
    "spectrum": (1, lambda s: np.abs(quartic.spectrum(s * A, (4,)))),
    "tangent": (1, lambda s: quartic.tangent(Q, s * V)),
    "transport": (1, lambda s: quartic.transport(Q, quartic.exp(Q, V), s * V)),
    "cubed": (4, lambda s: data.cubed(s * A.T, Q)),
    "fourth_powers": (4, lambda s: data.fourth_powers(s * A.T, Q)),
    "fourth_moment": (0, lambda s: recovery.recover_from_moment(data.fourth_moment(s * MANY), 4, rng=seed()).value),
    "in_equal_units": (-1, lambda s: data.in_equal_units(s**2 * np.diag([1.0, 2.0, 3.0]), (3, 9)).W),
    "mean_power": (2, lambda s: data.mean_power(s * Y, (4,))),
    "shift_correlations": (1, lambda s: data.shift_correlations(s * KERNELS, KERNELS, (9,))[0]),
    "whitening_of_moment": (-1, lambda s: data.whitening_of_moment(s**2 * np.diag([1.0, 2.0, 3.0])).W),
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
    "white_features": (0, lambda s: data.white_features(s * SPREAD, np.ones(6))),
    "shared_gate_cumulant": (
        4,
        lambda s: data.shared_gate_cumulant(
            data.gated_cumulants("exponential", [0.2, 0.3]), 0.5, s * np.array([1.0, 2.0])
        ),
    ),
    "orient": (1, lambda s: data.orient(s * A, Y)),
    "mmcs": (0, lambda s: data.mmcs(s * A, A[:, :4])),
    "max_cosines": (0, lambda s: data.max_cosines(s * A, A[:, :4])),
    "best_atom_bound": (4, lambda s: landscape.best_atom_bound(s * SPREAD, Q)),
    "critical_points": (0, lambda s: landscape.critical_points(s * SPREAD, starts=20, rng=seed())),
    "critical_slacks": (0, lambda s: landscape.critical_slacks(s * SPREAD, Q).curvature),
    "curvature_bound": (4, lambda s: landscape.curvature_bound(s * SPREAD, Q)),
    "data_starts": (0, lambda s: landscape.data_starts(s * Y, 5, rng=seed())),
    "expected_phi_DL": (4, lambda s: landscape.expected_phi_DL(s * SPREAD, 0.2, Q)),
    "expected_start": (4, lambda s: landscape.expected_start(s * SPREAD, 0.2)),
    "expected_start_on_support": (4, lambda s: landscape.expected_start_on_support(s * SPREAD, [0, 2, 3])),
    "far_bound": (0, lambda s: landscape.far_bound(s * SPREAD, Q)),
    "filter_offset": (0, lambda s: landscape.filter_offset(s * np.arange(1.0, 6.0), s * np.arange(2.0, 7.0))),
    "frame_bounds": (2, lambda s: landscape.frame_bounds(s * SPREAD).B),
    "norms of frame_bounds": (1, lambda s: landscape.frame_bounds(s * SPREAD).nu),
    "global_condition": (0, lambda s: landscape.global_condition(s * SPREAD).far),
    "harmonic_bound": (4, lambda s: landscape.harmonic_bound(s * SPREAD, Q)),
    "injective_norm": (4, lambda s: landscape.injective_norm(form(s), rng=seed()).lower),
    "kernel_bounds": (2, lambda s: landscape.kernel_bounds(s * KERNELS).B),
    "lift": (1, lambda s: landscape.lift(s * SPREAD, 0.5)),
    "near_critical_slacks": (0, lambda s: landscape.near_critical_slacks(s * SPREAD, Q[:, 0]).curvature),
    "perturbation": (4, lambda s: landscape.perturbation(s * Y, s * A, 0.2).D),
    "point_quantities": (4, lambda s: landscape.point_quantities(s * SPREAD, Q).alpha),
    "h, x, z, eta": (0, lambda s: shape_of(landscape.point_quantities(s * SPREAD, Q))),
    "region_guarantee": (4, lambda s: landscape.region_guarantee(landscape.frame_bounds(s * SPREAD)).threshold),
    "required_level": (0, lambda s: landscape.required_level(landscape.frame_bounds(s * SPREAD))),
    "standard_error": (4, lambda s: landscape.standard_error(s * SPREAD, 0.2, 400, Q)),
    "start_bounds": (4, lambda s: landscape.start_bounds(s * SPREAD, np.eye(6)).value),
    "sublevel_threshold": (4, lambda s: landscape.sublevel_threshold(landscape.frame_bounds(s * SPREAD))),
    "support_moments": (2, lambda s: landscape.support_moments(s * Q, 0.2).first),
    "tangent_spectrum": (4, lambda s: landscape.tangent_spectrum(s * SPREAD, Q)),
    "two_atoms_bound": (4, lambda s: landscape.two_atoms_bound(s * SPREAD, Q)),
    "census": (4, lambda s: np.sort(census.census(s * SMALL, rng=seed(), progress=False).alpha)),
    "census_tensor": (1, lambda s: np.sort(census.census_tensor(s * TENSOR, rng=seed(), progress=False).alpha)),
    "decompose": (1, lambda s: recovery.decompose(s * TENSOR, rng=seed()).weights),
    "explain_covariance": (0, lambda s: recovery.explain_covariance(s * SMALL).weights),
    "recover_dictionary": (0, lambda s: np.abs(recovery.recover_dictionary(s * MANY, 4, rng=seed()).A)),
    "recover_kernels": (0, lambda s: np.sort(recovery.recover_kernels(s * RECORDING, 2, rng=seed()).value)),
    "refine_dictionary": (0, lambda s: recovery.refine_dictionary(s * MANY, s * SMALL, rng=seed()).A),
    "separate": (0, lambda s: recovery.separate(s * WHITE.apply(MANY), WHITE.apply(SMALL))[0]),
    "sparse_codes": (1, lambda s: recovery.sparse_codes(s * MANY, SMALL, 2)[0]),
}


@pytest.mark.parametrize("name", SCALED)
@pytest.mark.parametrize("exponent", [-12, -5, 4, 15])
def test_results_scale_with_the_unit(name, exponent):
    power, function = SCALED[name]
    scale = 10.0**exponent
    expected, got = np.asarray(function(1.0)), np.asarray(function(scale)) / scale**power
    assert np.allclose(got, expected, rtol=1e-6, atol=1e-7 * np.abs(expected).max())


UNITLESS = {
    "of numbers, sizes and names": "as_signal_shape pairs random_points bernoulli_gaussian data_constant welch_bound "
    "condition_table descent_height energy_tail far_margin height_after_offset height_curvature landscape_guarantee "
    "largest_coherence low_curvature middle_margin minimiser_angle persistence perturbation_budget plane_survivors "
    "ratio_margin sample_size_bound second_order_floor spread_tail start_guarantee start_tail trace_margin "
    "eigenvector_count start_vectors rank_limit prove_forms load_forms load_certificate stored_certificates "
    "first_failure make_odl make_cdl make_superposition power_law gated_cumulants excess_kurtosis kurtosis_floor",
    "of unit vectors": "distance exp geodesic log retract random_tangents tangent_basis newton distinct on_continuum "
    "track separated",
    "frames and data sets": "camera ecg half_cube icosahedron identity_dct identity_hadamard mercedes_benz orthogonal "
    "paley planted_simplex quadric_frame random_unit random_untf simplex unbiased_bases",
    "of white samples only": "tempered",
    "of dictionaries of unit norms only": "certify",
    "the entries of the table that go through them": "phi_T solve recover_from_moment overcompleteness frame_report",
}
"""Functions without a unit, by reason."""


def test_every_public_function_is_in_a_table():
    public = {
        name
        for wing in (quartic, data, landscape, census, recovery)
        for name in wing.__all__
        if callable(getattr(wing, name)) and not isinstance(getattr(wing, name), type)
    }
    unitless = {name for names in UNITLESS.values() for name in names.split()}
    assert public - unitless - set(SCALED) == set()
    assert unitless - public == set() and unitless & set(SCALED) <= {"overcompleteness"}
