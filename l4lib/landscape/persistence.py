"""What a small perturbation leaves of the landscape: critical points that persist, and exactly 2m minimisers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l4lib.landscape.cone import atom_gradient_bound
from l4lib.validate import (
    Array,
    as_count,
    as_positive,
)

__all__ = ["CriticalPersistence", "LandscapeGuarantee", "landscape_guarantee", "persistence", "perturbation_budget"]


# What survives


@dataclass(frozen=True)
class CriticalPersistence:
    """What becomes of a strict local minimiser of φ_T under a perturbation of injective norm ε.

    Attributes
    ----------
    holds : bool
        Whether the hypothesis of the theorem is satisfied.
    distance : float
        How far the perturbed minimiser can be (radians); inf if the theorem does not apply.
    radius : float
        It is the only critical point within this distance; 0 if the theorem does not apply.
    curvature : float
        Lower bound of the Hessian of the perturbed objective at the old minimiser, σ − 16ε.
    """

    holds: bool
    distance: float
    radius: float
    curvature: float


def persistence(sigma: float, K: float, epsilon: float) -> CriticalPersistence:
    """Whether a minimiser of φ_T with Hessian at least σ, of a UNTF, persists when ‖Δ‖ = ε, and how far it moves.

    Raises
    ------
    TypeError, ValueError
        If σ or K is not positive or ε is negative.

    References
    ----------
    Claim ``persistence`` (hypothesis: 128 ε (K + 4ε) < (σ − 16ε)²).

    Examples
    --------
    >>> moved = persistence(0.9, 1.5, 1e-3)
    >>> moved.holds, round(moved.distance, 4)
    (True, 0.009)
    """
    sigma, K = as_positive(sigma, "sigma"), as_positive(K, "K")
    epsilon = float(epsilon)
    if not (np.isfinite(epsilon) and epsilon >= 0.0):
        raise ValueError(f"epsilon: expected a finite number of at least 0, got {epsilon}")
    rest = sigma - 16.0 * epsilon
    holds = rest > 0.0 and 128.0 * epsilon * (K + 4.0 * epsilon) < rest * rest
    return CriticalPersistence(
        holds=holds,
        distance=8.0 * epsilon / rest if holds else np.inf,
        radius=rest / (16.0 * K + 64.0 * epsilon) if holds else 0.0,
        curvature=rest,
    )


@dataclass(frozen=True)
class LandscapeGuarantee:
    """The finite-sample landscape theorem, evaluated for a bound ε of the injective norm.

    Attributes
    ----------
    holds : bool
        Whether every condition is satisfied: for every Δ with ‖Δ‖ < ε, φ_DL then has exactly 2m local minimisers, one
        near each ±a_i, and every other critical point has λ_min <= −16(ε − ‖Δ‖).
    epsilon : float
        The bound ε.
    threshold : float
        The threshold h̄ in (0, 1 − K/3) that was used.
    low : float
        Γ(h̄): φ_T has λ_min <= −Γ at every point with max ζ_i² < h̄; the theorem wants 16ε <= Γ.
    margins : tuple of float
        C₁, …, C₅, all wanted positive (NaN where an earlier one fails).
    h, t : float
        The minimisers have ⟨a_i, q⟩² >= h and |⟨a_j, q⟩| <= t |⟨a_i, q⟩| for all other j.
    distance : float
        Bound on the angle between a minimiser and its atom; inf if C₅ is not positive.
    """

    holds: bool
    epsilon: float
    threshold: float
    low: float
    margins: tuple[float, float, float, float, float]
    h: float
    t: float
    distance: float


def _low_curvature(threshold: Array, n: int, K: float) -> Array:
    """Γ(h̄), Equation ``eq-low-curvature``: the least over 1/n <= h <= h̄ of max(h(3−K−3h), K(3−(n+2)h)/(n−1)).

    The first function is concave and the second decreasing and affine: the least value of their maximum is at an end
    of the interval or where they cross.
    """

    def curvature(h: Array) -> Array:
        best: Array = np.maximum(h * (3.0 - K - 3.0 * h), K * (3.0 - (n + 2.0) * h) / (n - 1.0))
        return best

    # h(3−K−3h) = K(3−(n+2)h)/(n−1)
    crossings = np.roots([-3.0, 3.0 - K + K * (n + 2.0) / (n - 1.0), -3.0 * K / (n - 1.0)])
    least = np.minimum(curvature(np.full_like(threshold, 1.0 / n)), curvature(threshold))
    for h in crossings[np.isreal(crossings)].real:
        least = np.where((h >= 1.0 / n) & (h <= threshold), np.minimum(least, curvature(h)), least)
    return np.where(threshold < 1.0 / n, np.inf, least)


def _least_root(linear: Array, square: Array, cube: float, level: Array, top: Array) -> Array:
    """The least t >= 0 with t(linear − square·t − cube·t²) = level, or ``top`` where the left side stays below there.

    The left side is concave, so that Newton's method from 0 approaches the root from below.
    """
    t = np.zeros_like(top)
    for _ in range(60):
        slope = linear - 2.0 * square * t - 3.0 * cube * t * t
        gap = level - t * (linear - square * t - cube * t * t)
        t = np.where((slope > 0.0) & (gap > 0.0), np.minimum(t + gap / np.where(slope > 0.0, slope, 1.0), top), t)
    return np.where(top * (linear - square * top - cube * top * top) > level, t, top)


def _squeeze(n: int, K: float, mu: float, epsilon: Array, threshold: Array) -> dict[str, Array]:
    """Every constant of the finite-sample theorem, elementwise over arrays of ε and h̄."""
    g, kappa = 4.0 * epsilon, 16.0 * epsilon / (threshold * threshold)
    b = 3.0 / (1.0 + kappa)
    valid = b * (1.0 - mu) > 1.0
    b = np.where(valid, b, np.nan)
    h1 = 1.0 - 1.0 / b
    h0 = np.minimum(threshold, h1)
    r, rho = np.sqrt(b * (K - 1.0) + 1.0), 1.0 - 1.0 / (b * (1.0 - mu))
    slope0, slope1 = g * h0**-1.5, g * h1**-1.5
    delta1 = mu * (K / h1 - 1.0)
    C1 = rho - delta1 - r * (mu + slope1)
    C2 = b * rho * (1.0 - h0) - mu * (K / h0 - 1.0) - r * (mu + slope0)
    a1 = 1.0 - mu * r / (b - 1.0) - slope1 / np.sqrt(b)
    t1 = np.sqrt(np.where(a1 > 0.0, a1, np.nan) / (b * (1.0 - mu)))
    C3 = t1 * (a1 * (1.0 - 1.0 / b) - delta1) - mu - slope1
    C3 = np.where((C1 > 0.0) & (C2 > 0.0), C3, np.nan)
    zero = np.zeros_like(t1)
    h, t = h1, _least_root(a1 - delta1, zero, 1.0 - mu, mu + slope1, np.where(C3 > 0.0, t1, np.nan))
    for _ in range(12):
        slope, delta, e = g * h**-1.5, mu * (K / h - 1.0), t * t + mu * t / h
        rest = np.where(e < 1.0, 1.0 - e, np.nan)
        x = (slope + np.sqrt(slope * slope + 4.0 * rest * e * (K - 1.0))) / (2.0 * rest)
        linear = 1.0 - slope * np.sqrt(1.0 - h) - delta
        t = _least_root(linear, delta, 1.0 - mu, mu + slope, t)
        h = np.fmax(h, 1.0 - x * x)
    C4 = h * (4.0 * h - 3.0 - 3.0 * K * t * t) - 16.0 * epsilon
    slope_at_atom = atom_gradient_bound(mu, K) + g
    R = np.linspace(0.0, 0.5, 251)[1:]
    c2, t_R = np.cos(R) ** 2, mu + np.tan(R)
    convexity = np.where(t_R <= 1.0, c2 * (4.0 * c2 - 3.0 - 3.0 * K * t_R * t_R), -np.inf) - 16.0 * epsilon[..., None]
    excess = np.where(convexity > 0.0, convexity * R - slope_at_atom[..., None], -np.inf)
    C5 = np.max(excess, axis=-1)
    reach = slope_at_atom[..., None] / np.where(excess > 0.0, convexity, 1.0)
    return {
        "low": _low_curvature(threshold, n, K),
        "margins": np.stack([C1, C2, C3, C4, np.where(np.isnan(C4), np.nan, C5)]),
        "h": h,
        "t": t,
        "distance": np.min(np.where(excess > 0.0, reach, np.inf), axis=-1),
    }


def _holds(found: dict[str, Array], epsilon: Array) -> NDArray[np.bool_]:
    enough: NDArray[np.bool_] = (16.0 * epsilon <= found["low"]) & np.all(found["margins"] > 0.0, axis=0)
    return enough


def _thresholds(K: float) -> Array:
    return np.linspace(0.0, 1.0 - K / 3.0, 402)[1:-1]


def _frame_numbers(n: int, K: float, mu: float) -> tuple[int, float, float]:
    n, K, mu = as_count(n, "n", minimum=2), as_positive(K, "K"), float(mu)
    if K < 1.0:
        raise ValueError(f"K: expected at least 1, got {K}")
    if not 0.0 <= mu <= 1.0:
        raise ValueError(f"mu: expected a coherence in [0, 1], got {mu}")
    return n, K, mu


def landscape_guarantee(
    n: int, K: float, mu: float, epsilon: float, *, threshold: float | None = None
) -> LandscapeGuarantee:
    """Evaluate the finite-sample landscape theorem for a UNTF (n, K, μ) and a bound ε of the injective norm.

    Parameters
    ----------
    n : int
        Dimension, at least 2.
    K : float
        Overcompleteness m/n of the frame, at least 1.
    mu : float
        Its mutual coherence, in [0, 1].
    epsilon : float
        A positive number above ‖Δ‖, such as :attr:`InjectiveNorm.upper`.
    threshold : float, optional
        The threshold h̄ in (0, 1 − K/3); without it the one with the largest smallest margin is taken from a grid.

    Returns
    -------
    LandscapeGuarantee

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or K >= 3 (there is no threshold).

    References
    ----------
    Equation ``eq-finite-sample``, claim ``finite-sample-landscape``.

    Examples
    --------
    >>> landscape_guarantee(64, 2.0, 0.125, 0.001).holds  # [I, H/8]
    True
    >>> landscape_guarantee(3, 2.0, 5 ** -0.5, 1e-9).holds  # the icosahedron, a flat landscape
    False
    """
    n, K, mu = _frame_numbers(n, K, mu)
    epsilon = as_positive(epsilon, "epsilon")
    if K >= 3.0:
        raise ValueError(f"K: expected less than 3, got {K}")
    if threshold is not None and not 0.0 < threshold < 1.0 - K / 3.0:
        raise ValueError(f"threshold: expected a number in (0, 1 - K/3) = (0, {1.0 - K / 3.0:.4g}), got {threshold}")
    grid = _thresholds(K) if threshold is None else np.array([float(threshold)])
    with np.errstate(invalid="ignore"):
        found = _squeeze(n, K, mu, np.full_like(grid, epsilon), grid)
    slack = np.min(np.vstack([np.nan_to_num(found["margins"], nan=-1.0), found["low"] - 16.0 * epsilon]), axis=0)
    best = int(np.argmax(slack))
    return LandscapeGuarantee(
        holds=bool(_holds(found, np.full_like(grid, epsilon))[best]),
        epsilon=epsilon,
        threshold=float(grid[best]),
        low=float(found["low"][best]),
        margins=tuple(float(C) for C in found["margins"][:, best]),  # type: ignore[arg-type]
        h=float(found["h"][best]),
        t=float(found["t"][best]),
        distance=float(found["distance"][best]),
    )


def perturbation_budget(n: int, K: float, mu: float) -> float:
    """The largest ε (over a grid of thresholds) for which :func:`landscape_guarantee` holds; 0 if there is none.

    The theorem applies to every sample with ‖Δ‖ below it.

    Parameters
    ----------
    n : int
        Dimension, at least 2.
    K : float
        Overcompleteness m/n of a UNTF, at least 1.
    mu : float
        Its mutual coherence, in [0, 1].

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        If n < 2, K < 1 or μ lies outside [0, 1].

    References
    ----------
    Equation ``eq-finite-sample``, claim ``finite-sample-landscape``.

    Examples
    --------
    >>> 0.004 < perturbation_budget(6, 7 / 6, 1 / 6) < 0.005  # a simplex frame
    True
    >>> perturbation_budget(3, 2.0, 5 ** -0.5)  # the icosahedron
    0.0
    """
    n, K, mu = _frame_numbers(n, K, mu)
    if K >= 3.0:
        return 0.0
    grid = _thresholds(K)
    low, high = np.zeros_like(grid), np.full_like(grid, 0.25)
    with np.errstate(invalid="ignore"):
        for _ in range(50):
            middle = (low + high) / 2.0
            good = _holds(_squeeze(n, K, mu, middle, grid), middle)
            low, high = np.where(good, middle, low), np.where(good, high, middle)
    return float(np.max(low)) if np.max(low) > 1e-12 else 0.0
