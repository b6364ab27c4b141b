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
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from l4lib.landscape.cone import atom_gradient_bound
from l4lib.landscape.curvature import _smaller_eigenvalue
from l4lib.landscape.dichotomy import dichotomy_condition
from l4lib.landscape.points import _ROUNDING, _as_b, _as_K, _as_mu, _as_untf
from l4lib.validate import Array, as_array, as_count, as_dictionary

__all__ = [
    "GlobalCondition",
    "SharpCondition",
    "SubdivisionCondition",
    "admissible_kappa",
    "closed_condition",
    "condition_table",
    "global_condition",
    "largest_coherence",
    "sharp_condition",
    "subdivision_condition",
]


_KAPPA_CLOSED = 0.05
"""The largest κ for which the closed condition was proved."""


Criterion = Literal["dichotomy", "closed", "sharp", "subdivision"]


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
    >>> from l4lib.data import icosahedron, identity_hadamard, simplex
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
