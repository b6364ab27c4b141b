"""Features in superposition: wells that survive, and densities at which the search must fail."""

import numpy as np
import pytest

from l4lib.data import (
    excess_kurtosis,
    gated_cumulants,
    make_superposition,
    max_cosines,
    random_unit,
    white_features,
)
from l4lib.quartic import phi_T, random_points, solve
from l4lib.recovery import recover_dictionary


@pytest.mark.claim("white-quartic")
def test_strong_features_keep_their_wells():
    """Part 1 of the corollary, on features that are nearly orthogonal in white coordinates."""
    rng = np.random.default_rng(0)
    A = np.hstack([np.eye(8) + 0.01 * rng.standard_normal((8, 8)), random_unit(8, 1, rng=rng)])
    theta = np.append(rng.uniform(0.03, 0.1, 8), 0.0002)
    variance = gated_cumulants("exponential", theta)[1]
    C = excess_kurtosis("exponential", theta) ** 0.25 * white_features(A, variance)
    gram = C.T @ C
    norms = np.sqrt(np.diag(gram))
    g, B = np.abs(gram - np.diag(norms**2)).max(), np.linalg.eigvalsh(C @ C.T)[-1]
    assert np.sqrt(excess_kurtosis("exponential", theta).max()) >= B
    strong = norms**4 >= 8 / 3 * g * B
    assert strong.sum() >= 6
    ends = solve(phi_T(C), random_points(8, 300, rng=rng), tol=1e-10).Q
    high = ends[:, np.sum((C.T @ ends) ** 4, axis=0) > 1.5 * g * B]
    for i in np.flatnonzero(strong):
        best = np.argmax((C.T @ high) ** 2, axis=0) == i
        assert best.any()
        cosine = np.abs(C[:, i] @ high[:, best]) / norms[i]
        b = B / norms[i] ** 2
        limit = 2.04 * (g / norms[i] ** 2) ** 2 * b * np.sqrt(b - 0.96)
        assert np.sqrt(np.maximum(0, 1 - cosine**2)).max() <= limit + 1e-6
        assert np.ptp(cosine) < 1e-8


@pytest.mark.claim("gated-cumulants")
def test_the_search_fails_where_the_cumulant_vanishes_or_is_negative():
    for law, theta, route, wanted in (
        ("constant", 0.1, "auto", 12),
        ("constant", (3 - np.sqrt(3)) / 6, "restarts", 0),  # tempered samples may still see some features there
        ("constant", 0.4, "auto", 0),
        ("exponential", 0.4, "auto", 12),
    ):
        data = make_superposition((10, 12), 40_000, theta, law=law, rng=np.random.default_rng(1))
        found = recover_dictionary(data.Y, 12, route=route, max_starts=100, rng=np.random.default_rng(2))
        near = max_cosines(data.A, found.A, signed=False) > 0.9 if found.A.shape[1] else np.zeros(12)
        assert near.sum() == wanted
        assert not found.complete or wanted
