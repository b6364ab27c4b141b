"""To be deleted when unused: the gradient at an atom and the margins of an earlier criterion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import brentq

from l4lib.validate import as_array, as_positive

__all__ = ["SharpCondition", "atom_gradient_bound", "sharp_condition"]

_ROUNDING = 1e-9


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


def atom_gradient_bound(mu: float, K: float) -> float:
    """μ²√(K(K−1)), a bound on ‖grad φ_T(a_i)‖ for a unit-norm tight frame.

    Raises
    ------
    TypeError, ValueError
        If K < 1 or μ is outside [0, 1].

    Examples
    --------
    >>> round(atom_gradient_bound(0.1, 2.0), 6)
    0.014142
    """
    mu, K = _as_mu(mu), _as_K(K)
    return float(mu * mu * np.sqrt(K * (K - 1.0)))


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
