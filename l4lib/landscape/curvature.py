"""Curvature as a spectrum: the matrix M, what single atoms say about it, and what a critical point must satisfy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from l4lib.landscape.points import _fourth, _points, point_quantities
from l4lib.quartic import inner, tangent_basis
from l4lib.validate import Array, as_positive

__all__ = [
    "CriticalSlacks",
    "best_atom_bound",
    "critical_slacks",
    "curvature_bound",
    "far_bound",
    "harmonic_bound",
    "second_order_floor",
    "tangent_spectrum",
    "two_atoms_bound",
]


def tangent_spectrum(A: ArrayLike, Q: ArrayLike) -> Array:
    """The eigenvalues of M = A diag(ζ²) Aᵀ on the tangent space at each point, largest first, shape (n−1,) or (n−1, r).

    The curvatures of φ_T are α − 3·(these numbers); the largest is called β in the book.

    Parameters
    ----------
    A : array_like, shape (n, m)
        The dictionary, of any norms, n >= 2.
    Q : array_like, shape (n,) or (n, r)
        Unit vectors.

    Raises
    ------
    TypeError, ValueError
        If A is not a dictionary with n >= 2 or Q is not made of unit vectors of its dimension.

    References
    ----------
    Claim ``one-sentence``.

    Examples
    --------
    >>> import numpy as np
    >>> tangent_spectrum(np.eye(3), [0.6, 0.8, 0.0]).round(4) + 0.0
    array([0.4608, 0.    ])
    """
    A, Q = _points(A, Q)
    if A.shape[0] < 2:
        raise ValueError("A: expected n >= 2, where there are tangent directions, got n = 1")
    columns = Q[:, None] if Q.ndim == 1 else Q
    spectra = np.empty((A.shape[0] - 1, columns.shape[1]))
    for k, q in enumerate(columns.T):
        V = (A.T @ q)[:, None] * (A.T @ tangent_basis(q))
        spectra[:, k] = np.linalg.eigvalsh(V.T @ V)[::-1]
    return spectra[:, 0] if Q.ndim == 1 else spectra


# What single atoms say, at every point


def best_atom_bound(A: ArrayLike, Q: ArrayLike) -> Array:
    """The upper bound α − 3ζ_i²(‖a_i‖² − ζ_i²) on the least curvature, i the best atom (NaN at the atom itself).

    Raises
    ------
    TypeError, ValueError
        As :func:`point_quantities`.

    References
    ----------
    Claim ``parts-of-m``, equation ``eq-parts``.

    Examples
    --------
    >>> import numpy as np
    >>> float(best_atom_bound(np.eye(2), np.array([1.0, 1.0]) / np.sqrt(2)).round(6))
    -0.25
    """
    A, Q = _points(A, Q)
    at = point_quantities(A, Q)
    norm = np.sum(A * A, axis=0)[at.best]
    return np.where(at.x > 1e-14, at.alpha - 3.0 * norm * norm * at.h * at.x, np.nan)


def two_atoms_bound(A: ArrayLike, Q: ArrayLike) -> Array:
    """The least α − 3τ_ij over all pairs, τ_ij the smaller eigenvalue of the Gram matrix of ζ_i a_i and ζ_j a_j.

    An upper bound on the least curvature; for unit norms τ_ij ≥ (1−|G_ij|) min(ζ_i², ζ_j²).

    Raises
    ------
    TypeError, ValueError
        As :func:`point_quantities`.

    References
    ----------
    Claim ``parts-of-m``, equation ``eq-parts``.

    Examples
    --------
    >>> import numpy as np
    >>> float(two_atoms_bound(np.eye(2), np.array([1.0, 1.0]) / np.sqrt(2)).round(6))
    -1.0
    """
    A, Q = _points(A, Q)
    alpha = point_quantities(A, Q).alpha
    G = A.T @ A
    i, j = np.triu_indices(A.shape[1], 1)
    tau = np.empty(alpha.shape)
    square = (A.T @ Q) ** 2
    for index in np.ndindex(tau.shape):
        s = square[(slice(None), *index)]
        mean, product = (G[i, i] * s[i] + G[j, j] * s[j]) / 2.0, s[i] * s[j] * (G[i, i] * G[j, j] - G[i, j] ** 2)
        larger = mean + np.sqrt(np.maximum(mean * mean - product, 0.0))  # the smaller one without cancellation
        tau[index] = np.max(np.divide(product, larger, out=np.zeros_like(product), where=larger > 0.0))
    return alpha - 3.0 * tau


def harmonic_bound(A: ArrayLike, Q: ArrayLike) -> Array:
    """The mean curvature ((n+2)α − 3 Σ‖a_k‖²ζ_k²)/(n−1), an upper bound on the least curvature.

    For a unit-norm tight frame the sum is K: it is negative exactly where the objective is worse than average.

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
    """The smallest of the three upper bounds on the least curvature.

    Raises
    ------
    TypeError, ValueError
        As :func:`harmonic_bound`.

    References
    ----------
    Claim ``parts-of-m``, equation ``eq-parts``.

    Examples
    --------
    >>> import numpy as np
    >>> float(curvature_bound(np.eye(2), np.array([1.0, 1.0]) / np.sqrt(2)).round(6))
    -1.0
    """
    bounds = np.stack([best_atom_bound(A, Q), two_atoms_bound(A, Q), harmonic_bound(A, Q)])
    return np.asarray(np.nanmin(bounds, axis=0))


# What a critical point must satisfy


@dataclass(frozen=True)
class CriticalSlacks:
    """How far the two lemmas are from failing at each point, for its best atom i and in units in which ‖a_i‖ = 1.

    Attributes
    ----------
    curvature : ndarray, shape () or (r,)
        (β/α)z − x, nonnegative at critical points.
    balance : ndarray, shape () or (r,)
        z − x − Σ_{k≠i} G_ik (ζ_k/ζ_i)³, zero at critical points.
    crosstalk : ndarray, shape () or (r,)
        (g/h)√((B−h)z) − |z − x|, nonnegative at critical points.
    size : ndarray, shape () or (r,)
        B − h − z, nonnegative everywhere.
    """

    curvature: Array
    balance: Array
    crosstalk: Array
    size: Array


def critical_slacks(A: ArrayLike, Q: ArrayLike) -> CriticalSlacks:
    """The slacks of the curvature lemma and of the criticality lemma, for any dictionary that spans.

    Parameters
    ----------
    A : array_like, shape (n, m)
        The dictionary, of any norms, n >= 2; g is its largest |G_ij|, B the largest eigenvalue of AAᵀ.
    Q : array_like, shape (n,) or (n, r)
        Unit vectors.

    Raises
    ------
    TypeError, ValueError
        As :func:`tangent_spectrum` and :func:`point_quantities`.

    References
    ----------
    Claims ``curvature-lemma`` and ``criticality-lemma``, equations ``eq-curvature-lemma`` and ``eq-criticality-lemma``.

    Examples
    --------
    >>> import numpy as np
    >>> slacks = critical_slacks(np.eye(2), np.array([1.0, 1.0]) / np.sqrt(2))
    >>> float(slacks.curvature.round(6)) + 0.0, float(slacks.crosstalk.round(6)) + 0.0
    (0.0, 0.0)
    """
    A, Q = _points(A, Q)
    at = point_quantities(A, Q)
    G = A.T @ A
    norm = np.diag(G)[at.best]
    B = np.linalg.norm(A, 2) ** 2 / norm
    g = np.max(np.abs(G - np.diag(np.diag(G)))) / norm
    ratio = at.zeta / np.take_along_axis(at.zeta, at.best[None], axis=0)[0]
    products = G[:, at.best] / norm
    interference = inner(products, ratio * ratio * ratio) - 1.0
    y = at.z - at.x
    return CriticalSlacks(
        curvature=tangent_spectrum(A, Q)[0] / at.alpha * at.z - at.x,
        balance=y - interference,
        crosstalk=g / at.h * np.sqrt(np.maximum(B - at.h, 0.0) * at.z) - np.abs(y),
        size=B - at.h - at.z,
    )


def far_bound(A: ArrayLike, Q: ArrayLike) -> Array:
    """1 − 3(‖a_i‖² − g)/B where the best atom i has h ≤ 2/3 (NaN elsewhere): it bounds λ_min/α at critical points.

    Raises
    ------
    TypeError, ValueError
        As :func:`point_quantities`.

    References
    ----------
    Claim ``far-theorem``, equation ``eq-far``.

    Examples
    --------
    >>> import numpy as np
    >>> float(far_bound(np.eye(3), np.ones(3) / np.sqrt(3)))
    -2.0
    """
    A, Q = _points(A, Q)
    at = point_quantities(A, Q)
    G = A.T @ A
    norm = np.diag(G)[at.best]
    g = np.max(np.abs(G - np.diag(np.diag(G))))
    return np.where(at.h <= 2.0 / 3.0, 1.0 - 3.0 * (norm - g) / np.linalg.norm(A, 2) ** 2, np.nan)


def second_order_floor(B: float) -> tuple[float, float]:
    """The least h and α that a critical point without negative curvature can have: (3−B)/2 and min{1, B(3−B)/2}.

    For unit norms and AAᵀ ⪯ B·I, whatever the coherence; zero for B >= 3.

    Raises
    ------
    TypeError, ValueError
        If B < 1.

    References
    ----------
    Claim ``floor``, equation ``eq-floor``.

    Examples
    --------
    >>> second_order_floor(2.0), second_order_floor(2.5)
    ((0.5, 1.0), (0.25, 0.625))
    """
    B = as_positive(B, "B")
    if B < 1.0:
        raise ValueError(f"B: expected at least 1, got {B:g}")
    h = max((3.0 - B) / 2.0, 0.0)
    return h, min(1.0, B * h)
