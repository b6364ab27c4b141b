"""Directions of negative curvature: toward the best atom, between two atoms, and on average."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from l4lib.landscape.points import _as_K, _fourth, _points, point_quantities
from l4lib.quartic import inner, tangent
from l4lib.validate import Array, as_count

__all__ = [
    "alpha_floor",
    "best_atom_bound",
    "curvature_bound",
    "curvature_toward_atom",
    "harmonic_bound",
    "two_atoms_bound",
]


# Three bounds on the least curvature, at every point


def curvature_toward_atom(A: ArrayLike, Q: ArrayLike) -> Array:
    """The curvature Hess φ_T(q)[d, d]/‖d‖² along d = P_q a_i, i the best atom (NaN where q = ±a_i and d vanishes).

    Raises
    ------
    TypeError, ValueError
        As :func:`point_quantities`.

    References
    ----------
    Claim ``best-atom``, equation ``eq-toward-atom``; :func:`best_atom_bound` is its upper bound.

    Examples
    --------
    >>> import numpy as np
    >>> curvature_toward_atom(np.eye(2), np.array([0.6, 0.8])).round(4) <= 0.5392 - 3 * 0.64 * 0.36
    np.True_
    """
    A, Q = _points(A, Q)
    at = point_quantities(A, Q)
    D = tangent(Q, A[:, at.best])
    length = inner(D, D)
    omega = A.T @ D
    bend = at.alpha * length - 3.0 * inner(at.zeta * at.zeta, omega * omega)
    # Below 1e-14 = (1e-7)² the direction is the rounding error of an atom.
    return np.divide(bend, length, out=np.full_like(length, np.nan), where=length > 1e-14)


def best_atom_bound(A: ArrayLike, Q: ArrayLike) -> Array:
    """The upper bound α − 3h(1−h) on the least curvature, for unit-norm atoms and h < 1 (NaN at h = 1).

    Raises
    ------
    TypeError, ValueError
        As :func:`point_quantities`.

    References
    ----------
    Claim ``best-atom``, equation ``eq-best-atom``.

    Examples
    --------
    >>> import numpy as np
    >>> float(best_atom_bound(np.eye(2), np.array([1.0, 1.0]) / np.sqrt(2)).round(6))
    -0.25
    """
    at = point_quantities(A, Q)
    return np.where(at.h < 1.0 - 1e-14, at.alpha - 3.0 * at.h * (1.0 - at.h), np.nan)


def two_atoms_bound(A: ArrayLike, Q: ArrayLike) -> Array:
    """The least over all pairs of atoms of α − 3τ_ij, an upper bound on the least curvature.

    τ_ij is the smaller eigenvalue of the Gram matrix of ζ_i a_i and ζ_j a_j; τ_ij ≥ (1−|G_ij|) min(ζ_i², ζ_j²).

    Raises
    ------
    TypeError, ValueError
        As :func:`point_quantities`.

    References
    ----------
    Claim ``two-atoms``, equation ``eq-two-atoms``.

    Examples
    --------
    >>> import numpy as np
    >>> float(two_atoms_bound(np.eye(2), np.array([1.0, 1.0]) / np.sqrt(2)).round(6))
    -1.0
    """
    A, Q = _points(A, Q)
    at = point_quantities(A, Q)
    cosine = np.abs(A.T @ A)
    rows, columns = np.triu_indices(A.shape[1], 1)
    g = cosine[rows, columns]
    best = np.empty(at.alpha.shape)
    squares = at.zeta * at.zeta
    for index in np.ndindex(best.shape):
        s = squares[(slice(None), *index)]
        best[index] = np.max(_smaller_eigenvalue(s[rows], s[columns], g))
    return at.alpha - 3.0 * best


def _smaller_eigenvalue(x: Array, y: Array, g: Array | float) -> Array:
    """The smaller eigenvalue of [[x, g√(xy)], [g√(xy), y]], without cancellation for g < 1."""
    larger = 0.5 * (x + y + np.sqrt((x - y) * (x - y) + 4.0 * g * g * x * y))
    product = np.asarray((1.0 - g) * (1.0 + g) * x * y)
    return np.divide(product, larger, out=np.zeros_like(product), where=larger > 0.0)


def harmonic_bound(A: ArrayLike, Q: ArrayLike) -> Array:
    """The mean curvature ((n+2)α − 3 qᵀMq)/(n−1), M = Σ‖a_k‖² a_k a_kᵀ, an upper bound on the least curvature.

    For a unit-norm tight frame qᵀMq = K: it is negative exactly where the objective is worse than average.

    Raises
    ------
    TypeError, ValueError
        As :func:`point_quantities`, or if n = 1.

    References
    ----------
    Claims ``harmonic-identity`` and ``harmonic-corollary``, equation ``eq-harmonic-corollary``.

    Examples
    --------
    >>> from l4lib.data import icosahedron
    >>> abs(float(harmonic_bound(icosahedron(), [0.0, 0.6, 0.8]))) < 1e-12  # constant objective
    True
    """
    A, Q = _points(A, Q)
    n = A.shape[0]
    if n < 2:
        raise ValueError("A: expected n >= 2, where there are tangent directions, got n = 1")
    zeta = A.T @ Q
    weighted = inner(np.sum(A * A, axis=0), zeta * zeta)
    return ((n + 2) * _fourth(zeta) - 3.0 * weighted) / (n - 1)


def curvature_bound(A: ArrayLike, Q: ArrayLike) -> Array:
    """The smallest of the three upper bounds on the least curvature, for unit-norm atoms.

    Raises
    ------
    TypeError, ValueError
        As :func:`harmonic_bound`.

    References
    ----------
    Claim ``combined-bound``, equation ``eq-combined-bound``.

    Examples
    --------
    >>> import numpy as np
    >>> float(curvature_bound(np.eye(2), np.array([1.0, 1.0]) / np.sqrt(2)).round(6))
    -1.0
    """
    bounds = np.stack([best_atom_bound(A, Q), two_atoms_bound(A, Q), harmonic_bound(A, Q)])
    return np.asarray(np.nanmin(bounds, axis=0))


def alpha_floor(n: int, K: float) -> float:
    """The least α that a point without negative curvature can have, for a unit-norm tight frame.

    max{min{K(1−K/3), 9/16}, 3K/(n+2)} for K < 3, and 3K/(n+2) for K >= 3.

    Raises
    ------
    TypeError, ValueError
        If n is not a whole number of at least 2 or K < 1.

    References
    ----------
    Claim ``alpha-floor``, equation ``eq-alpha-floor``.

    Examples
    --------
    >>> alpha_floor(100, 2.0), alpha_floor(100, 17.0)
    (0.5625, 0.5)
    """
    n, K = as_count(n, "n", minimum=2), _as_K(K)
    tall = min(K * (1.0 - K / 3.0), 9.0 / 16.0) if K < 3.0 else 0.0
    return max(tall, 3.0 * K / (n + 2))
