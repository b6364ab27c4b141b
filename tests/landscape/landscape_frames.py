"""Frames and critical points on which the landscape chapters are tested, computed once."""

from functools import cache

import numpy as np

from l4lib.data import (
    direct_sum,
    frame_report,
    icosahedron,
    identity_hadamard,
    mercedes_benz,
    orthogonal,
    paley,
    random_unit,
    random_untf,
    simplex,
)
from l4lib.landscape import critical_points
from l4lib.quartic import exp, inner, phi_T, project, random_points

ROUNDING = 1e-9


def three_bases(k):
    """Three mutually unbiased orthonormal bases in dimension n = 4^k: K = 3, μ = 1/√n (k = 1: the 24-cell)."""
    n = 4**k
    bits = (np.arange(n)[:, None] >> np.arange(2 * k)) & 1
    bent = (-1.0) ** np.sum(bits[:, ::2] * bits[:, 1::2], axis=1)
    H = identity_hadamard(n)[:, n:]
    return np.hstack([np.eye(n), H, bent[:, None] * H])


def _build():
    rng = np.random.default_rng(2024)
    return {
        "basis 5": orthogonal(5, rng=rng),
        "simplex 3": simplex(3),
        "simplex 4": simplex(4),
        "simplex 5": simplex(5),
        "simplex 6": simplex(6),
        "simplex 8": simplex(8),
        "simplex 20": simplex(20),
        "sum 5 5": direct_sum(simplex(5), simplex(5)),
        "sum 6 6 6": direct_sum(simplex(6), simplex(6), simplex(6)),
        "sum 16 16": direct_sum(simplex(16), simplex(16)),
        "IH 4": identity_hadamard(4),
        "IH 16": identity_hadamard(16),
        "IH 64": identity_hadamard(64),
        "paley 13": paley(13),
        "paley 41": paley(41),
        "paley 73": paley(73),
        "random 5 8": random_untf(5, 8, rng=rng),
        "random 8 14": random_untf(8, 14, rng=rng),
        "random 6 24": random_untf(6, 24, rng=rng),
        "three lines": mercedes_benz(),
        "icosahedron": icosahedron(),
        "24-cell": three_bases(1),
        "untight 4 6": random_unit(4, 6, rng=rng),
        "norms 4 6": random_unit(4, 6, rng=rng) * rng.uniform(0.6, 1.4, 6),
        "norms 3 3": rng.standard_normal((3, 3)),
    }


FRAMES = _build()
ALL = list(FRAMES)
DESIGNS = ["three lines", "icosahedron", "24-cell"]
UNTF = [name for name in ALL if frame_report(FRAMES[name]).is_untf(1e-9)]


def lambda_min(A, Q):
    """The least tangent curvature at each point: the normal direction is lifted out of the way."""
    H = phi_T(A).hessian(Q)
    return np.linalg.eigvalsh(H + 1e3 * np.einsum("ir,jr->rij", Q, Q))[:, 0]


@cache
def samples(name):
    """Points of all kinds: uniform, near an atom, between atoms, along the way from an atom to a random point."""
    A = FRAMES[name]
    n, m = A.shape
    rng = np.random.default_rng(ALL.index(name) + 17)
    uniform = random_points(n, 60, rng=rng)
    atoms = A[:, rng.integers(m, size=120)]
    way = project(atoms + rng.uniform(0.01, 3.0, size=120) * random_points(n, 120, rng=rng))
    pairs = A[:, rng.integers(m, size=60)] + rng.choice([-1, 1], 60) * rng.uniform(0.5, 1.0, 60) * way[:, :60]
    Q = np.hstack([uniform, way, project(pairs + 1e-3 * random_points(n, 60, rng=rng))])
    return Q, lambda_min(A, Q)


@cache
def critical(name):
    """Critical points found by Newton's method, and those next to the atoms."""
    A = FRAMES[name]
    rng = np.random.default_rng(ALL.index(name) + 1)
    Q = critical_points(A, starts=60 if A.shape[0] > 30 else 200, rng=rng)
    if name in UNTF and name not in DESIGNS:
        near = atom_minimisers(name)
        gradient = phi_T(A).gradient(near)
        # In a very coherent frame there need not be a critical point near an atom for Newton's method to find.
        Q = np.hstack([Q, near[:, np.linalg.norm(gradient, axis=0) < 1e-12]])
    return Q, lambda_min(A, Q)


def newton(A, Q, steps=25):
    """Newton's method on the sphere from the columns of Q."""
    phi = phi_T(A)
    for _ in range(steps):
        g, H = phi.gradient(Q), phi.hessian(Q)
        step = np.linalg.solve(H + np.einsum("ir,jr->rij", Q, Q), -g.T[..., None])[..., 0].T
        Q = project(exp(Q, step - Q * inner(Q, step)))
    return Q


@cache
def atom_minimisers(name):
    """The minimiser that Newton's method finds from each atom (of at most 40)."""
    A = FRAMES[name]
    return newton(A, A[:, :40])


def untf(name):
    report = frame_report(FRAMES[name])
    return report.n, report.K, report.coherence
