r"""The population landscape of a unit-norm tight frame: what a point looks like, and what is proved about it.

With :math:`\zeta = A^\top q`, :math:`\alpha = \|\zeta\|_4^4` and :math:`h = \max_i \zeta_i^2`, the functions below
evaluate every inequality of the chapters *Calculus on the sphere*, *Negative curvature everywhere else*, *The cubic
dichotomy* and *The global theorem*, one function for each, with the claim it belongs to.
Upper bounds on the least curvature hold at every point, critical or not; the dichotomy needs a critical point.

Three criteria decide from K and μ alone (and an optional κ) that a landscape is benign, that is, has exactly 2m local
minimisers, one next to each ±a_i, and negative curvature at every other critical point: a closed formula, a sharper
one with five margins, and a subdivision that is sharper still.
:func:`global_condition` evaluates all three for a dictionary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from l4lib.frames import frame_report
from l4lib.metrics import unique_lines
from l4lib.objective import phi_T
from l4lib.sphere import exp, inner, project, random_points, tangent
from l4lib.validate import Array, as_array, as_count, as_dictionary, as_positive, as_rng, as_unit_points

__all__ = [
    "ETA_LIMIT",
    "Classification",
    "CubicRoots",
    "GlobalCondition",
    "PointQuantities",
    "SecondOrderSlacks",
    "SharpCondition",
    "SubdivisionCondition",
    "admissible_kappa",
    "alpha_floor",
    "atom_gradient_bound",
    "best_atom_bound",
    "classify",
    "closed_condition",
    "condition_table",
    "cone_curvature",
    "critical_points",
    "cross_terms",
    "cubic_residuals",
    "cubic_roots_bounds",
    "curvature_bound",
    "curvature_toward_atom",
    "dichotomy_condition",
    "global_condition",
    "harmonic_bound",
    "largest_coherence",
    "minimiser_radius",
    "one_large_bound",
    "point_quantities",
    "region_xi",
    "second_order_slacks",
    "sharp_condition",
    "subdivision_condition",
    "two_atoms_bound",
]

ETA_LIMIT = 2.0 / (3.0 * np.sqrt(3.0))
"""The height 2/(3√3) of the hump of z − z³, up to which small and large roots are separate."""

_KAPPA_CLOSED = 0.05
"""The largest κ for which the closed condition was proved."""

_ROUNDING = 1e-9
"""What the criteria concede to rounding: far above the error of their few operations on numbers of order one."""

Criterion = Literal["dichotomy", "closed", "sharp", "subdivision"]


# What a point looks like


@dataclass(frozen=True)
class PointQuantities:
    """The numbers in which the landscape is described, at r points (scalars for a single point of shape (n,)).

    Attributes
    ----------
    zeta : ndarray, shape (m,) or (m, r)
        Correlations ζ = Aᵀq.
    alpha : ndarray, shape () or (r,)
        ‖ζ‖₄⁴, minus four times the objective.
    norm3 : ndarray, shape () or (r,)
        ‖ζ‖₃.
    best : ndarray of int, shape () or (r,)
        The index of the best atom, argmax |ζ_i|.
    h : ndarray, shape () or (r,)
        Its squared correlation.
    eta : ndarray, shape () or (r,)
        η = μ‖ζ‖₃³/α^{3/2}, the height in the cubic dichotomy.
    t : ndarray, shape () or (r,)
        The largest |ζ_j|/√h over the other atoms.
    """

    zeta: Array
    alpha: Array
    norm3: Array
    best: NDArray[np.int64]
    h: Array
    eta: Array
    t: Array


def _points(A: ArrayLike, Q: ArrayLike) -> tuple[Array, Array]:
    dictionary = as_dictionary(A)
    return dictionary, as_unit_points(Q, dictionary.shape[0])


def _fourth(zeta: Array) -> Array:
    square = zeta * zeta
    return inner(square, square)


def point_quantities(A: ArrayLike, Q: ArrayLike) -> PointQuantities:
    """Correlations, α, h, η and t at unit points.

    Parameters
    ----------
    A : array_like, shape (n, m)
        The dictionary, m >= 2.
    Q : array_like, shape (n,) or (n, r)
        Unit vectors.

    Raises
    ------
    TypeError, ValueError
        If A is not a dictionary of at least two atoms or Q is not made of unit vectors of its dimension.

    References
    ----------
    Equations ``eq-eta`` and ``eq-htap``.

    Examples
    --------
    >>> import numpy as np
    >>> at = point_quantities(np.eye(2), [0.6, 0.8])
    >>> int(at.best), float(at.h.round(4)), float(at.alpha.round(4)), float(at.t.round(4))
    (1, 0.64, 0.5392, 0.75)
    """
    A, Q = _points(A, Q)
    if A.shape[1] < 2:
        raise ValueError(f"A: expected at least two atoms, got shape {A.shape}")
    zeta = A.T @ Q
    size = np.abs(zeta)
    alpha = _fourth(zeta)
    cubes = np.sum(size * size * size, axis=0)
    top = np.partition(size, -2, axis=0)
    mu = frame_report(A).coherence
    return PointQuantities(
        zeta=zeta,
        alpha=alpha,
        norm3=np.cbrt(cubes),
        best=np.argmax(size, axis=0),
        h=top[-1] * top[-1],
        eta=mu * cubes / alpha**1.5,
        t=top[-2] / top[-1],
    )


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
    >>> from l4lib.frames import icosahedron
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


def one_large_bound(h: ArrayLike, sigma: ArrayLike, K: float) -> Array:
    """σ²(K − h + √((K−1)(K−h)h)), a bound on 1 − h at a critical point with exactly one large coordinate.

    Raises
    ------
    TypeError, ValueError
        If K < 1.

    References
    ----------
    Claim ``region-theorem``, equation ``eq-one-large``.

    Examples
    --------
    >>> float(one_large_bound(1.0, 0.1, 2.0).round(6))
    0.02
    """
    K = _as_K(K)
    h = as_array(h, "h", ndim=(0, 1), shape="() or (r,)")
    sigma = as_array(sigma, "sigma", ndim=(0, 1), shape="() or (r,)")
    return np.asarray(sigma * sigma * (K - h + np.sqrt((K - 1.0) * (K - h) * h)))


# Next to an atom


def cone_curvature(h: ArrayLike, t: ArrayLike, K: float) -> Array:
    """h(4h − 3 − 3Kt²), a lower bound on the curvature where ζ_i² = h and |ζ_j| ≤ t|ζ_i| for all other atoms.

    Raises
    ------
    TypeError, ValueError
        If K < 1.

    References
    ----------
    Claim ``hessian-cone``, equation ``eq-cone-hessian``.

    Examples
    --------
    >>> float(cone_curvature(1.0, 0.0, 1.0))
    1.0
    """
    K = _as_K(K)
    h = as_array(h, "h", ndim=(0, 1), shape="() or (r,)")
    t = as_array(t, "t", ndim=(0, 1), shape="() or (r,)")
    return np.asarray(h * (4.0 * h - 3.0 - 3.0 * K * t * t))


def atom_gradient_bound(mu: float, K: float) -> float:
    """μ²√(K(K−1)), a bound on ‖grad φ_T(a_i)‖ for a unit-norm tight frame.

    Raises
    ------
    TypeError, ValueError
        If K < 1 or μ is outside [0, 1].

    References
    ----------
    Claim ``one-per-atom``, equation ``eq-atom-gradient``.

    Examples
    --------
    >>> round(atom_gradient_bound(0.1, 2.0), 6)
    0.014142
    """
    mu, K = _as_mu(mu), _as_K(K)
    return float(mu * mu * np.sqrt(K * (K - 1.0)))


def minimiser_radius(mu: float, K: float) -> float:
    """4μ²√(K(K−1)), a bound on the angle from ±a_i to its local minimiser, for μK ≤ 1/4 and any K.

    Raises
    ------
    TypeError, ValueError
        If K < 1, μ is outside [0, 1], or μK > 1/4, where it is not proved.

    References
    ----------
    Claim ``one-per-atom``, equation ``eq-global-minimiser``.

    Examples
    --------
    >>> round(minimiser_radius(0.1, 2.0), 6)
    0.056569
    """
    mu, K = _as_mu(mu), _as_K(K)
    if mu * K > 0.25 + _ROUNDING:
        raise ValueError(f"mu: expected μK <= 1/4, where the radius is proved, got {mu * K:g}")
    return 4.0 * atom_gradient_bound(mu, K)


# Second-order points


@dataclass(frozen=True)
class SecondOrderSlacks:
    """How far each inequality of the global theorem's proof is from failing, at each point (all must be >= 0).

    Attributes
    ----------
    best, two : ndarray, shape () or (r,)
        a − b(1−h) and a − bτ, τ the smaller eigenvalue for the two best atoms divided by h: what curvature says.
    small, large : ndarray, shape () or (r,)
        μ(1 + t(p − t²)) − t(a − t²) and μ min{tp, √(P(a−h))/h} − |1 − a|: what criticality says.
    confinement : ndarray, shape () or (r,)
        (K−h)(t² + μt/h) − (1−h), a consequence of ``large``.
    """

    best: Array
    two: Array
    small: Array
    large: Array
    confinement: Array


def second_order_slacks(A: ArrayLike, Q: ArrayLike, *, kappa: float = 0.0) -> SecondOrderSlacks:
    """The inequalities that a critical point with λ_min ≥ −κα of a unit-norm tight frame must satisfy.

    Parameters
    ----------
    A : array_like, shape (n, m)
        A unit-norm tight frame.
    Q : array_like, shape (n,) or (n, r)
        Unit vectors; the slacks are proved nonnegative only at critical points with λ_min ≥ −κα
        (``small``, ``large`` and ``confinement`` at every critical point).
    kappa : float
        Relative negative curvature, κ >= 0.

    Raises
    ------
    TypeError, ValueError
        As :func:`global_condition` and :func:`point_quantities`.

    References
    ----------
    Claim ``four-inequalities``, equations ``eq-second-order-best`` to ``eq-critical-large``.

    Examples
    --------
    >>> from l4lib.frames import identity_hadamard
    >>> A = identity_hadamard(16)
    >>> float(second_order_slacks(A, A[:, 0]).best.round(4))
    1.0625
    """
    A = as_dictionary(A)
    _, K, mu = _as_untf(A)
    b = _as_b(kappa)
    at = point_quantities(A, Q)
    h, t = at.h, at.t
    a = at.alpha / h
    P = K - h
    p = P / h
    interference = mu * np.minimum(t * p, np.sqrt(np.maximum(P * (a - h), 0.0)) / h)
    return SecondOrderSlacks(
        best=a - b * (1.0 - h),
        two=a - b * _smaller_eigenvalue(np.ones_like(t), t * t, mu),
        small=mu * (1.0 + t * (p - t * t)) - t * (a - t * t),
        large=interference - np.abs(1.0 - a),
        confinement=P * (t * t + mu * t / h) - (1.0 - h),
    )


# Criteria


def _as_K(K: Any) -> float:
    value = as_positive(K, "K")
    if value < 1.0:
        raise ValueError(f"K: expected at least 1, got {value:g}")
    return value


def _as_mu(mu: Any) -> float:
    value = float(as_array(mu, "mu", ndim=0, shape="()"))
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"mu: expected a coherence in [0, 1], got {value:g}")
    return value


def _as_b(kappa: Any) -> float:
    value = float(as_array(kappa, "kappa", ndim=0, shape="()"))
    if value < 0.0:
        raise ValueError(f"kappa: expected a number of at least 0, got {value:g}")
    return 3.0 / (1.0 + value)


def _as_untf(A: Array) -> tuple[int, float, float]:
    report = frame_report(A)
    if not report.is_untf(1e-8):
        raise ValueError(
            "A: expected a unit-norm tight frame, got tightness error "
            f"{report.tightness_error:.1e} and norm error {report.norm_error:.1e}"
        )
    if report.n < 2:
        raise ValueError("A: expected n >= 2, where the sphere is connected to its tangent directions, got n = 1")
    return report.n, report.K, report.coherence


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


def closed_condition(K: float, mu: float, kappa: float = 0.0) -> float:
    """The margin min{1/4, 1 − (1+κ)K/3} − μK of the global theorem (−inf for κ > 1/20 or (1+κ)K >= 3).

    Raises
    ------
    TypeError, ValueError
        If K < 1, μ is outside [0, 1] or κ < 0.

    References
    ----------
    Claim ``global-theorem``, equation ``eq-global-condition``.

    Examples
    --------
    >>> closed_condition(2.0, 0.125), closed_condition(1.2, 0.2) > 0, closed_condition(1.25, 0.25) > 0
    (0.0, True, False)
    """
    K, mu, b = _as_K(K), _as_mu(mu), _as_b(kappa)
    if kappa > _KAPPA_CLOSED or b <= K:
        return -np.inf
    return float(min(0.25, 1.0 - K / b) - mu * K)


def admissible_kappa(K: float, mu: float) -> float:
    """The largest κ in [0, 1/20] for which the closed condition holds; NaN if it fails for κ = 0.

    Raises
    ------
    TypeError, ValueError
        As :func:`closed_condition`.

    References
    ----------
    Claim ``global-theorem``.

    Examples
    --------
    >>> admissible_kappa(2.0, 0.125)
    0.05
    """
    K, mu = _as_K(K), _as_mu(mu)
    if closed_condition(K, mu) < -_ROUNDING:
        return float("nan")
    return float(max(0.0, min(_KAPPA_CLOSED, 3.0 * (1.0 - mu * K) / K - 1.0)))


@dataclass(frozen=True)
class SharpCondition:
    """The sharp criterion, evaluated: five margins that must be positive, and what follows.

    Attributes
    ----------
    K, mu, kappa : float
        The hypotheses.
    C1, C2, C3, C4, C5 : float
        The margins of the equations ``eq-margins-middle``, ``eq-margin-interference``, ``eq-margin-convex`` and
        ``eq-margin-existence`` (C5 is infinite for μ = 0; NaN where an earlier margin fails).
    h, t : float
        Every second-order point has best squared correlation at least h and ratio at most t.
    curvature : float
        Lower bound on all curvatures at the minimisers.
    distance : float
        Upper bound on the angle from a minimiser to its atom.
    """

    K: float
    mu: float
    kappa: float
    C1: float
    C2: float
    C3: float
    C4: float
    C5: float
    h: float
    t: float
    curvature: float
    distance: float

    @property
    def margin(self) -> float:
        """The least of the five margins (NaN counts as failed: −inf)."""
        values = np.array([self.C1, self.C2, self.C3, self.C4, self.C5])
        return -np.inf if np.isnan(values).any() else float(values.min())

    @property
    def holds(self) -> bool:
        """Whether all five margins are positive (beyond rounding)."""
        return self.margin > _ROUNDING


def _existence(K: float, mu: float) -> tuple[float, float]:
    """The margin C5 and the distance bound, maximised over a grid of radii R."""
    if mu == 0.0:
        return np.inf, 0.0
    R = np.linspace(0.0, np.pi / 6.0, 2002)[1:-1]
    ratio = mu + np.tan(R)
    square = np.cos(R) ** 2
    curvature = square * (4.0 * square - 3.0 - 3.0 * K * ratio * ratio)
    usable = (curvature > 0.0) & (ratio <= 1.0)
    slope = atom_gradient_bound(mu, K)
    margins = np.where(usable, curvature * R - slope, -slope)
    good = margins > _ROUNDING
    distance = float(np.min(slope / curvature[good])) if good.any() else np.nan
    return float(margins.max()), distance


def _bootstrap(K: float, mu: float, h: float, t: float) -> tuple[float, float]:
    """Iterate ``eq-bootstrap`` from h >= h and t <= t until nothing changes."""
    for _ in range(200):
        e = t * t + mu * t / h
        higher = max(h, 1.0 - e / (1.0 - e) * (K - 1.0)) if e < 1.0 else h
        delta = mu * (K / higher - 1.0)

        def excess(s: float, delta: float = delta) -> float:
            return s * (1.0 - delta - delta * s - (1.0 - mu) * s * s) - mu

        lower = float(brentq(excess, 0.0, t, xtol=1e-15)) + 1e-14 if excess(t) > 1e-14 else t
        if higher - h < 1e-12 and t - lower < 1e-12:
            break
        h, t = higher, min(t, lower)
    return h, t


def sharp_condition(K: float, mu: float, kappa: float = 0.0) -> SharpCondition:
    """Evaluate the sharp criterion from K, μ and κ.

    Raises
    ------
    TypeError, ValueError
        If K < 1, μ is outside [0, 1] or κ < 0.

    References
    ----------
    Claims ``squeeze`` and ``sharp-criterion``, theorem ``thm-sharp``.

    Examples
    --------
    >>> sharp_condition(2.0, 0.15).holds, sharp_condition(2.0, 0.16).holds
    (True, False)
    """
    K, mu, b = _as_K(K), _as_mu(mu), _as_b(kappa)
    nan = float("nan")
    if b <= K or b * (1.0 - mu) <= 1.0:
        return SharpCondition(K, mu, float(kappa), nan, nan, nan, nan, nan, nan, nan, nan, nan)
    h0, h1 = 1.0 - K / b, 1.0 - 1.0 / b
    r = float(np.sqrt(b * (K - 1.0) + 1.0))
    rho = 1.0 - 1.0 / (b * (1.0 - mu))
    delta1 = mu * (K / h1 - 1.0)
    a1 = 1.0 - mu * r / (b - 1.0)
    t1 = float(np.sqrt(max(a1, 0.0) / (b * (1.0 - mu))))
    C1 = rho - delta1 - mu * r
    C2 = K * rho - mu * (K / h0 - 1.0) - mu * r
    C3 = t1 * (a1 * (1.0 - 1.0 / b) - delta1) - mu
    if min(C1, C2, C3) <= 0.0 or a1 <= 0.0:
        return SharpCondition(K, mu, float(kappa), C1, C2, C3, nan, nan, nan, nan, nan, nan)
    if mu == 0.0:
        h, t = 1.0, 0.0
    else:
        t0 = float(brentq(lambda s: s * (a1 - delta1 - (1.0 - mu) * s * s) - mu, 0.0, t1, xtol=1e-15)) + 1e-14
        h, t = _bootstrap(K, mu, h1, min(t0, t1))
    C4 = 4.0 * h - 3.0 - 3.0 * K * t * t
    C5, distance = _existence(K, mu)
    return SharpCondition(K, mu, float(kappa), C1, C2, C3, C4, C5, h, t, h * C4 if C4 > 0.0 else nan, distance)


@dataclass(frozen=True)
class SubdivisionCondition:
    """The subdivision criterion, evaluated.

    Attributes
    ----------
    K, mu, kappa : float
        The hypotheses.
    h, t : float
        Every second-order point has best squared correlation at least h and ratio at most t.
    C4, C5 : float
        The two margins that must be positive, as in the sharp criterion.
    boxes : int
        Boxes of (h, t, a) that survive.
    curvature, distance : float
        As in :class:`SharpCondition`.
    """

    K: float
    mu: float
    kappa: float
    h: float
    t: float
    C4: float
    C5: float
    boxes: int
    curvature: float
    distance: float

    @property
    def holds(self) -> bool:
        """Whether both margins are positive (beyond rounding)."""
        return self.C4 > _ROUNDING and self.C5 > _ROUNDING


def _survivors(boxes: Array, K: float, mu: float, b: float) -> NDArray[np.bool_]:
    """Which boxes [h]×[t]×[a] are not excluded by any inequality of a second-order point."""
    h_low, h_high, t_low, t_high, a_low, a_high = boxes.T
    P, p = K - h_low, (K - h_low) / h_low
    spread = np.sqrt(P * np.maximum(a_high - h_low, 0.0)) / h_low

    def concave(s: Array, drain: Array | float) -> Array:
        return s * (a_low - (1.0 - mu) * s * s - drain)

    keep = a_high >= b * (1.0 - h_high) - _ROUNDING
    keep &= b * _smaller_eigenvalue(np.ones_like(t_low), t_low * t_low, mu) <= a_high + _ROUNDING
    keep &= np.minimum(concave(t_low, mu * p), concave(t_high, mu * p)) <= mu + _ROUNDING
    keep &= np.minimum(concave(t_low, 0.0), concave(t_high, 0.0)) <= mu * (1.0 + spread) + _ROUNDING
    distance = np.maximum(np.maximum(a_low - 1.0, 1.0 - a_high), 0.0)
    cauchy = t_high * t_high * np.sqrt((K - 1.0) * p)
    keep &= distance <= np.minimum(np.minimum(mu * t_high * p, mu * spread), cauchy) + _ROUNDING
    keep &= a_low <= h_high + t_high * t_high * (K - h_high) + _ROUNDING
    keep &= a_high >= h_low * (1.0 + t_low * t_low * t_low * t_low) - _ROUNDING
    return np.asarray(keep)


def subdivision_condition(K: float, mu: float, kappa: float = 0.0, *, depth: int = 8) -> SubdivisionCondition:
    """Enclose all second-order points by bisecting the box of (h, t, a) and discarding what an inequality excludes.

    Parameters
    ----------
    K, mu, kappa : float
        Overcompleteness, coherence and relative negative curvature.
    depth : int
        How often each of the three sides is halved.

    Raises
    ------
    TypeError, ValueError
        If K < 1, μ is outside [0, 1], κ < 0 or the depth is not a whole number of at least 1.

    References
    ----------
    Claim ``subdivision-criterion``, proposition ``prop-subdivision``.

    Examples
    --------
    >>> subdivision_condition(2.0, 1 / 6).holds, subdivision_condition(2.0, 0.18).holds
    (True, False)
    """
    K, mu, b = _as_K(K), _as_mu(mu), _as_b(kappa)
    depth = as_count(depth, "depth")
    nan = float("nan")
    if b <= K or mu >= 1.0:
        return SubdivisionCondition(K, mu, float(kappa), nan, nan, nan, nan, 0, nan, nan)
    h0 = 1.0 - K / b
    boxes = np.array([[h0, 1.0, 0.0, 1.0, h0, K]])
    for _ in range(depth):
        for axis in (0, 2, 4):
            lower, upper = boxes.copy(), boxes.copy()
            lower[:, axis + 1] = upper[:, axis] = (boxes[:, axis] + boxes[:, axis + 1]) / 2.0
            boxes = np.vstack([lower, upper])
            boxes = boxes[_survivors(boxes, K, mu, b)]
    # Nothing survives only if no unit-norm tight frame has this K and μ (the global minimiser would).
    h, t = float(np.min(boxes[:, 0], initial=1.0)), float(np.max(boxes[:, 3], initial=0.0))
    C4 = 4.0 * h - 3.0 - 3.0 * K * t * t
    C5, distance = _existence(K, mu)
    return SubdivisionCondition(K, mu, float(kappa), h, t, C4, C5, len(boxes), h * C4 if C4 > 0.0 else nan, distance)


@dataclass(frozen=True)
class GlobalCondition:
    """What the global theorem says about one dictionary.

    Attributes
    ----------
    n, m : int
        Size.
    K, mu, kappa : float
        Overcompleteness, coherence, relative negative curvature asked for.
    dichotomy : float
        Margin of the classical route, for comparison (κ = 0 only).
    closed : float
        Margin of the closed condition.
    sharp : SharpCondition
        The five margins of the sharp criterion.
    subdivision : SubdivisionCondition
        The subdivision criterion.
    """

    n: int
    m: int
    K: float
    mu: float
    kappa: float
    dichotomy: float
    closed: float
    sharp: SharpCondition
    subdivision: SubdivisionCondition

    @property
    def by(self) -> Criterion | None:
        """The simplest criterion that proves the landscape benign; None if none does (which decides nothing)."""
        if self.closed >= -_ROUNDING:
            return "closed"
        if self.sharp.holds:
            return "sharp"
        return "subdivision" if self.subdivision.holds else None

    @property
    def holds(self) -> bool:
        """Whether the landscape is proved benign: 2m minimisers, λ_min < −κα at every other critical point."""
        return self.by is not None


def global_condition(A: ArrayLike, *, kappa: float = 0.0) -> GlobalCondition:
    """Evaluate the conditions of the global theorem for a unit-norm tight frame.

    Parameters
    ----------
    A : array_like, shape (n, m)
        A unit-norm tight frame, n >= 2.
    kappa : float
        How much relative negative curvature to ask for, λ_min < −κα at all critical points that are no minimisers.

    Raises
    ------
    TypeError, ValueError
        If A is not a unit-norm tight frame with n >= 2, or κ < 0.

    References
    ----------
    Claims ``global-theorem``, ``sharp-criterion`` and ``subdivision-criterion``.

    Examples
    --------
    >>> from l4lib.frames import icosahedron, identity_hadamard, simplex
    >>> [global_condition(A).by for A in (identity_hadamard(64), simplex(5), simplex(4), icosahedron())]
    ['closed', 'closed', 'subdivision', None]
    """
    A = as_dictionary(A)
    n, K, mu = _as_untf(A)
    return GlobalCondition(
        n=n,
        m=A.shape[1],
        K=K,
        mu=mu,
        kappa=float(kappa),
        dichotomy=dichotomy_condition(K, mu),
        closed=closed_condition(K, mu, kappa),
        sharp=sharp_condition(K, mu, kappa),
        subdivision=subdivision_condition(K, mu, kappa),
    )


def _satisfied(criterion: Criterion, K: float, mu: float, kappa: float) -> bool:
    if criterion == "dichotomy":
        return dichotomy_condition(K, mu) >= 0.0
    if criterion == "closed":
        return closed_condition(K, mu, kappa) >= 0.0
    if criterion == "sharp":
        return sharp_condition(K, mu, kappa).holds
    return subdivision_condition(K, mu, kappa).holds


def largest_coherence(K: float, criterion: Criterion, kappa: float = 0.0) -> float:
    """The largest coherence (to 1e-4, rounded down) that a criterion admits at overcompleteness K; 0 if none.

    Raises
    ------
    TypeError, ValueError
        If K < 1, κ < 0 or the criterion is unknown.

    Examples
    --------
    >>> [largest_coherence(2.0, c) for c in ("dichotomy", "closed", "sharp", "subdivision")]
    [0.0098, 0.125, 0.1515, 0.1675]
    """
    K, _ = _as_K(K), _as_b(kappa)
    if criterion not in ("dichotomy", "closed", "sharp", "subdivision"):
        raise ValueError(f"criterion: expected dichotomy, closed, sharp or subdivision, got {criterion!r}")
    # Each criterion gets harder as μ grows, so bisect on whole multiples of 1e-4.
    low, high = 0, 10_000
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _satisfied(criterion, K, middle / 10_000, kappa) else (low, middle)
    return low / 10_000


def condition_table(overcompleteness: ArrayLike = (1.1, 1.25, 1.5, 2.0, 2.25, 2.5, 2.75)) -> pd.DataFrame:
    """How much coherence each criterion admits, and from which n on a frame that meets the Welch bound has so little.

    Parameters
    ----------
    overcompleteness : array_like, shape (k,)
        Values of K > 1.

    Returns
    -------
    pandas.DataFrame
        One row a value of K; for each criterion the largest μ, and the least n with μ ≥ √((K−1)/(Kn−1)) (the Welch
        bound with m = Kn; whether a frame of that size attains it is another matter).

    Raises
    ------
    TypeError, ValueError
        If a value of K is below 1.

    Examples
    --------
    >>> condition_table([2.0]).loc[0, ["mu_closed", "n_closed"]].tolist()
    [0.125, 33.0]
    """
    rows = []
    for K in as_array(overcompleteness, "overcompleteness", ndim=1, shape="(k,)"):
        row: dict[str, float] = {"K": float(K)}
        for criterion in ("dichotomy", "closed", "sharp", "subdivision"):
            mu = largest_coherence(float(K), criterion)
            row[f"mu_{criterion}"] = mu
            row[f"n_{criterion}"] = float(np.ceil(((K - 1.0) / mu**2 + 1.0) / K - 1e-9)) if mu > 0.0 else np.inf
        rows.append(row)
    return pd.DataFrame(rows)


# Critical points to test the inequalities on


def critical_points(
    A: ArrayLike, *, starts: int, rng: np.random.Generator, tol: float = 1e-12, iterations: int = 60
) -> Array:
    """Critical points of φ_T found by Newton's method from random starts, one of each ± pair, shape (n, k).

    Newton's method is drawn to critical points of every index.
    Half of the starts are uniform; the others are signed sums of 1 to min(n, 6) random atoms, near which an incoherent
    frame has critical points.
    This is a sample of the critical points, not all of them: for those see :func:`l4lib.census.census`.

    Parameters
    ----------
    A : array_like, shape (n, m)
        The dictionary, n >= 2.
    starts : int
        Number of starting points.
    rng : numpy.random.Generator
        The source of randomness.
    tol : float
        Largest gradient norm of a point that is returned.
    iterations : int
        Newton steps, each of length at most 1/2.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.

    Examples
    --------
    >>> import numpy as np
    >>> Q = critical_points(np.eye(2), starts=40, rng=np.random.default_rng(0))
    >>> Q.shape  # two atoms and two midpoints
    (2, 4)
    """
    A = as_dictionary(A)
    n, m = A.shape
    as_count(n, "n", minimum=2)
    starts, iterations = as_count(starts, "starts"), as_count(iterations, "iterations")
    rng = as_rng(rng)
    Q = random_points(n, starts, rng=rng)
    for k in range(starts // 2):
        chosen = rng.choice(m, size=rng.integers(1, min(n, 6) + 1), replace=False)
        mixture = A[:, chosen] @ rng.choice([-1.0, 1.0], size=chosen.size)
        if np.linalg.norm(mixture) > 1e-3:
            Q[:, k] = project(mixture)
    objective = phi_T(A)
    for _ in range(iterations):
        gradient = objective.gradient(Q)
        normal = np.einsum("ir,jr->rij", Q, Q)
        # Least squares instead of a solve: at a degenerate critical point the Hessian is singular.
        inverse = np.linalg.pinv(objective.hessian(Q) + normal, rcond=1e-10, hermitian=True)
        step = tangent(Q, -np.einsum("rij,jr->ir", inverse, gradient))
        length = np.sqrt(inner(step, step))
        Q = project(exp(Q, step * np.minimum(1.0, 0.5 / np.maximum(length, 1e-300))))
    gradient = objective.gradient(Q)
    found = Q[:, np.sqrt(inner(gradient, gradient)) <= tol]
    return unique_lines(found, tol=1e-6)[0] if found.shape[1] else found
