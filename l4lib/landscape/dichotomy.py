"""The cubic that each correlation solves at a critical point, and the classes it leads to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from l4lib.landscape.points import _as_K, _as_mu, _fourth, _points, point_quantities
from l4lib.validate import Array, as_array, as_positive

__all__ = [
    "ETA_LIMIT",
    "Classification",
    "CubicRoots",
    "classify",
    "cross_terms",
    "cubic_residuals",
    "cubic_roots_bounds",
    "dichotomy_condition",
    "region_xi",
]

ETA_LIMIT = 2.0 / (3.0 * np.sqrt(3.0))
"""The height 2/(3√3) of the hump of z − z³, up to which small and large roots are separate."""


# The cubic of each coordinate


def cross_terms(A: ArrayLike, Q: ArrayLike) -> Array:
    """β_i = Σ_{j≠i} G_ij ζ_j³, shape (m,) or (m, r): what the other atoms add to the cubic of coordinate i.

    Raises
    ------
    TypeError, ValueError
        If A is not a dictionary or Q is not made of unit vectors.

    References
    ----------
    Claim ``coordinate-cubic``, equation ``eq-critical-coordinate``.

    Examples
    --------
    >>> import numpy as np
    >>> cross_terms(np.eye(2), np.array([0.6, 0.8])).round(12) + 0.0
    array([0., 0.])
    """
    A, Q = _points(A, Q)
    zeta = A.T @ Q
    cube = zeta * zeta * zeta
    own = np.sum(A * A, axis=0)
    return A.T @ (A @ cube) - (cube.T * own).T


def cubic_residuals(A: ArrayLike, Q: ArrayLike) -> Array:
    """ζ_i³ − αζ_i + β_i for unit-norm atoms, shape (m,) or (m, r); it equals −⟨a_i, grad φ_T(q)⟩.

    Raises
    ------
    TypeError, ValueError
        If A is not a dictionary or Q is not made of unit vectors.

    References
    ----------
    Claim ``coordinate-cubic``, equation ``eq-critical-coordinate``.

    Examples
    --------
    >>> import numpy as np
    >>> cubic_residuals(np.eye(2), np.array([1.0, 1.0]) / np.sqrt(2)).round(12) + 0.0
    array([0., 0.])
    """
    A, Q = _points(A, Q)
    zeta = A.T @ Q
    return zeta * zeta * zeta - _fourth(zeta) * zeta + cross_terms(A, Q)


@dataclass(frozen=True)
class CubicRoots:
    """|z − z³| ≤ η holds exactly for |z| ≤ σ (small) and for ℓ ≤ |z| ≤ u (large).

    Attributes
    ----------
    sigma, ell, u : ndarray
        The bounds, of the shape of η.
    """

    sigma: Array
    ell: Array
    u: Array


def cubic_roots_bounds(eta: ArrayLike) -> CubicRoots:
    """Exact bounds of the small and the large roots of z³ − z + b = 0 over |b| ≤ η.

    σ = (2/√3) sin(ψ/3), ℓ = (2/√3) sin((π−ψ)/3), u = (2/√3) sin((π+ψ)/3), ψ = arcsin(3√3η/2).

    Parameters
    ----------
    eta : array_like
        Heights in [0, 2/(3√3)].

    Raises
    ------
    TypeError, ValueError
        If a height is outside that interval, where the two kinds of roots merge.

    References
    ----------
    Claim ``cubic-roots``, equation ``eq-root-bounds``.

    Examples
    --------
    >>> roots = cubic_roots_bounds(1 / 8)
    >>> float(roots.sigma.round(4)), float(roots.ell.round(4)), float(roots.u.round(4))
    (0.1271, 0.9304, 1.0575)
    """
    height = as_array(eta, "eta", ndim=(0, 1, 2), shape="() or (r,)")
    if np.min(height) < 0.0 or np.max(height) > ETA_LIMIT * (1.0 + 1e-15):
        raise ValueError(f"eta: expected heights in [0, 2/(3√3)], got {np.min(height):g} to {np.max(height):g}")
    psi = np.arcsin(np.minimum(height / ETA_LIMIT, 1.0))
    scale = 2.0 / np.sqrt(3.0)
    return CubicRoots(
        sigma=scale * np.sin(psi / 3.0),
        ell=scale * np.sin((np.pi - psi) / 3.0),
        u=scale * np.sin((np.pi + psi) / 3.0),
    )


@dataclass(frozen=True)
class Classification:
    """How many coordinates of ζ/√α are small, large or neither at each point, and on which side of the split it lies.

    Attributes
    ----------
    small, large, neither : ndarray of int, shape () or (r,)
        Counts of |ζ_i| ≤ σ√α, of ℓ√α ≤ |ζ_i| ≤ u√α, and of the rest; −1 in all three where η is at or above the limit.
        At a critical point ``neither`` is zero.
    eta : ndarray, shape () or (r,)
        The height μ‖ζ‖₃³/α^{3/2}.
    in_region : ndarray of bool, shape () or (r,)
        Whether the point is in R_C(ξ), that is η ≤ ξ^{−3/2}; otherwise it is in R_N(ξ).
    xi : float
        The parameter of the split.
    """

    small: NDArray[np.int64]
    large: NDArray[np.int64]
    neither: NDArray[np.int64]
    eta: Array
    in_region: NDArray[np.bool_]
    xi: float


def classify(A: ArrayLike, Q: ArrayLike, *, xi: float = 2.5, atol: float = 1e-9) -> Classification:
    """Small and large coordinates, and the region R_C(ξ) = {α ≥ ξμ^{2/3}‖ζ‖₃²} or its complement.

    Parameters
    ----------
    A : array_like, shape (n, m)
        The dictionary.
    Q : array_like, shape (n,) or (n, r)
        Unit vectors.
    xi : float
        The parameter of the split; the dichotomy needs ξ > 3/2^{2/3} ≈ 1.89.
    atol : float
        What the classification of a coordinate concedes to rounding.

    Raises
    ------
    TypeError, ValueError
        As :func:`point_quantities`, or if ξ is not a positive number.

    References
    ----------
    Claims ``dichotomy`` and ``regions``, equation ``eq-regions``.

    Examples
    --------
    >>> import numpy as np
    >>> kinds = classify(np.eye(3), np.array([1.0, 1.0, 0.0]) / np.sqrt(2))
    >>> int(kinds.small), int(kinds.large), bool(kinds.in_region)
    (1, 2, True)
    """
    xi = as_positive(xi, "xi")
    at = point_quantities(A, Q)
    valid = at.eta < ETA_LIMIT
    roots = cubic_roots_bounds(np.where(valid, at.eta, 0.0))
    z = np.abs(at.zeta) / np.sqrt(at.alpha)
    small = np.sum(z <= roots.sigma + atol, axis=0)
    large = np.sum((z >= roots.ell - atol) & (z <= roots.u + atol), axis=0)
    return Classification(
        small=np.where(valid, small, -1),
        large=np.where(valid, large, -1),
        neither=np.where(valid, z.shape[0] - small - large, -1),
        eta=at.eta,
        in_region=at.eta <= xi**-1.5,
        xi=xi,
    )


def region_xi(K: float) -> float:
    """ξ_K = (64√K/15)^{2/3}, for which the region theorem is proved.

    Raises
    ------
    TypeError, ValueError
        If K < 1.

    References
    ----------
    Claim ``region-theorem``.

    Examples
    --------
    >>> round(region_xi(2.0), 2)
    3.31
    """
    return float((64.0 * np.sqrt(_as_K(K)) / 15.0) ** (2.0 / 3.0))


def dichotomy_condition(K: float, mu: float) -> float:
    """The margin (1−K/3)²/8 − μ√K of the classical route by the cubic dichotomy at η ≤ 1/8 (−inf for K >= 3).

    Raises
    ------
    TypeError, ValueError
        If K < 1 or μ is outside [0, 1].

    Examples
    --------
    >>> dichotomy_condition(2.0, 0.0098) > 0 > dichotomy_condition(2.0, 0.0099)
    True
    """
    K, mu = _as_K(K), _as_mu(mu)
    return float((1.0 - K / 3.0) ** 2 / 8.0 - mu * np.sqrt(K)) if K < 3.0 else -np.inf
