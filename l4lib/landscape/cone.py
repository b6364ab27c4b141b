"""One large correlation: the cone around an atom, and the second-order conditions that lead into it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from l4lib.landscape.curvature import _smaller_eigenvalue
from l4lib.landscape.points import _ROUNDING, _as_b, _as_K, _as_mu, _as_untf, point_quantities
from l4lib.validate import Array, as_array, as_dictionary

__all__ = [
    "SecondOrderSlacks",
    "atom_gradient_bound",
    "cone_curvature",
    "minimiser_radius",
    "one_large_bound",
    "second_order_slacks",
]


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
    >>> from l4lib.data import identity_hadamard
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
