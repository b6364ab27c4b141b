r"""What a small perturbation leaves of the landscape: near-critical points, and exactly 2m minimisers.

For a unit-norm tight frame and an objective φ_T + const + Δ with |Δ| ≤ ε on the sphere, a critical point has
‖grad φ_T‖ ≤ 4ε, and curvature is known up to E = 16ε.
Two inequalities at such points, one of curvature and one of slope, carry all the theorems of *From population to
samples* and the sample theorem of *Geometry in a region*.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from l4lib.quartic import phi_T, tangent_basis
from l4lib.validate import Array, as_array, as_count, as_dictionary, as_positive, as_unit_points

__all__ = [
    "LandscapeGuarantee",
    "NearCriticalSlacks",
    "descent_height",
    "height_curvature",
    "landscape_guarantee",
    "low_curvature",
    "middle_margin",
    "near_critical_slacks",
    "persistence",
    "perturbation_budget",
]


@dataclass(frozen=True)
class NearCriticalSlacks:
    """The two inequalities of a near-critical point, scaled to ν_i = 1 for its best atom i.

    Attributes
    ----------
    h, z : float
        ζ_i²/ν_i² and α/ζ_i² − ζ_i² in that scale.
    curvature : float
        χz + 2(γ/α)√(hx) − x with x = 1 − h, χ = (1+κ)/3, κ = −λ_min/α and γ = ‖grad φ_T‖; not negative.
    slope : float
        (g/h)√((B−h)z) + γ√x/h^{3/2} − |z − x|; not negative.
    """

    h: float
    z: float
    curvature: float
    slope: float


def near_critical_slacks(A: ArrayLike, q: ArrayLike) -> NearCriticalSlacks:
    """Evaluate the near-critical inequalities at any point, for any dictionary.

    Parameters
    ----------
    A : array_like, shape (n, m)
        A dictionary, tight or not, with atoms of any norms.
    q : array_like, shape (n,)
        A point of the sphere.

    Raises
    ------
    TypeError, ValueError
        If A is not a dictionary or q not a unit vector of R^n.

    References
    ----------
    Claim ``near-critical``, equations ``eq-near-curvature`` and ``eq-near-slope``.

    Examples
    --------
    >>> import numpy as np
    >>> slacks = near_critical_slacks(np.eye(2), np.array([0.6, 0.8]))
    >>> round(slacks.h, 2), slacks.curvature > 0, slacks.slope > -1e-12
    (0.64, True, True)
    """
    A = as_dictionary(A)
    point = as_unit_points(q, A.shape[0], "q")
    zeta = A.T @ point
    i = int(np.argmax(np.abs(zeta)))
    scale = float(np.linalg.norm(A[:, i]))
    A, zeta = A / scale, zeta / scale
    gram = np.abs(A.T @ A)
    np.fill_diagonal(gram, 0.0)
    phi, basis = phi_T(A), tangent_basis(point)
    alpha, h = float(np.sum(zeta**4)), float(zeta[i] ** 2)
    gamma = float(np.linalg.norm(phi.gradient(point)))
    chi = (1.0 - float(np.linalg.eigvalsh(basis.T @ phi.hessian(point) @ basis)[0]) / alpha) / 3.0
    x, z = max(0.0, 1.0 - h), max(0.0, alpha / h - h)
    B, g = float(np.linalg.norm(A, 2) ** 2), float(gram.max())
    return NearCriticalSlacks(
        h=h,
        z=z,
        curvature=float(chi * z + 2.0 * gamma / alpha * np.sqrt(h * x) - x),
        slope=float(g / h * np.sqrt(max(0.0, B - h) * z) + gamma * np.sqrt(x) / h**1.5 - abs(z - x)),
    )


# The three zones of a unit-norm tight frame


def low_curvature(n: int, K: float, threshold: float) -> float:
    """Γ: every point with h = max ζ_i² < ``threshold`` has λ_min ≤ −Γ.

    The smaller value of h(3−K−3h) at the threshold and where it meets K(3−(n+2)h)/(n−1).

    Raises
    ------
    TypeError, ValueError
        If n < 2, K is not in [1, 3) or the threshold is not in (0, 2/3).

    References
    ----------
    Claim ``three-zones``, equation ``eq-low-curvature``.

    Examples
    --------
    >>> round(low_curvature(64, 2.0, 0.2), 4)
    0.0287
    """
    n, K = as_count(n, "n", minimum=2), _as_overcompleteness(K)
    if not 0.0 < threshold < 2.0 / 3.0:
        raise ValueError(f"threshold: expected a number in (0, 2/3), got {threshold}")
    # 3h² − (3 − K + K(n+2)/(n−1)) h + 3K/(n−1) = 0, the smaller root
    b, c = 3.0 - K + K * (n + 2.0) / (n - 1.0), 3.0 * K / (n - 1.0)
    crossing = 2.0 * c / (b + np.sqrt(b * b - 12.0 * c)) if b * b >= 12.0 * c else np.inf
    return float(min(h * (3.0 - K - 3.0 * h) for h in (threshold, min(crossing, threshold))))


def middle_margin(K: float, mu: float, kappa: float, eta: float) -> float:
    r"""The margin 3(1−μ)/K − F(κ, η); if it is positive, h > 2/3 at the points of its theorem.

    :math:`F(\kappa,\eta)=(1+\kappa)\frac{6+7\eta}{6-14\eta}+3\eta` for points with λ_min ≥ −κα and slope
    ‖grad‖ ≤ ηα√h.

    Raises
    ------
    ValueError
        If K < 1, μ is not in [0, 1], or κ or η is negative.

    References
    ----------
    Claim ``three-zones``, equation ``eq-middle``.

    Examples
    --------
    >>> middle_margin(1.5, 0.0, 0.0, 0.0)
    1.0
    """
    K, mu = _as_overcompleteness(K, limit=np.inf), _as_coherence(mu)
    if min(kappa, eta) < 0.0:
        raise ValueError(f"kappa, eta: expected numbers of at least 0, got {kappa} and {eta}")
    if eta >= 3.0 / 7.0:
        return -np.inf
    return float(3.0 * (1.0 - mu) / K - (1.0 + kappa) * (6.0 + 7.0 * eta) / (6.0 - 14.0 * eta) - 3.0 * eta)


def height_curvature(alpha: ArrayLike, K: float, mu: float) -> Array:
    r"""α − 3√(α(1−α) + μ²(K²−α)): a lower bound of the Hessian of φ_T at any point of height α.

    Raises
    ------
    ValueError
        If K < 1 or μ is not in [0, 1].

    References
    ----------
    Claim ``three-zones``, equation ``eq-height-curvature``.

    Examples
    --------
    >>> float(height_curvature(1.0, 1.0, 0.0))
    1.0
    """
    K, mu = _as_overcompleteness(K, limit=np.inf), _as_coherence(mu)
    height = as_array(alpha, "alpha", ndim=(0, 1), shape="() or (r,)")
    rest = height * (1.0 - height) + mu * mu * (K * K - height)
    return np.asarray(height - 3.0 * np.sqrt(np.maximum(rest, 0.0)))


def _high_margin(K: float, mu: float, E: float) -> float:
    """The curvature at heights above 1 − 2E², less E; −inf for E > 1/8."""
    return float(height_curvature(1.0 - 2.0 * E * E, K, mu)) - E if E <= 0.125 else -np.inf


def _middle(K: float, mu: float, E: float, h: float) -> float:
    """The middle margin at height h with the floor α ≥ 3h(1−h) − E."""
    alpha = 3.0 * h * (1.0 - h) - E
    return middle_margin(K, mu, E / alpha, E / (4.0 * alpha * np.sqrt(h))) if alpha > 0.0 else -np.inf


@dataclass(frozen=True)
class LandscapeGuarantee:
    """The finite-sample theorem for a bound ε of the injective norm.

    Attributes
    ----------
    holds : bool
        Whether all margins are positive: every Δ with |Δ| ≤ ε then leaves exactly 2m local minimisers, and every other
        critical point has λ_min < −16(ε − ‖Δ‖).
    epsilon, threshold : float
        The bound ε and the threshold h̄ in (0, 2/3).
    low, middle, high : float
        The margins of the three zones; the Hessian of the sample objective at its minimisers is at least ``high``.
    """

    holds: bool
    epsilon: float
    threshold: float
    low: float
    middle: float
    high: float

    @property
    def shift(self) -> float:
        """4ε/``high``, a bound of the distance between a sample minimiser and the population's; inf if silent."""
        return 4.0 * self.epsilon / self.high if self.holds else np.inf


def landscape_guarantee(
    n: int, K: float, mu: float, epsilon: float, *, threshold: float | None = None
) -> LandscapeGuarantee:
    """Evaluate the finite-sample theorem for a UNTF (n, K, μ) and a bound ε of the injective norm.

    Parameters
    ----------
    n : int
        Dimension, at least 2.
    K : float
        Overcompleteness of the frame, in [1, 3).
    mu : float
        Its coherence, in [0, 1].
    epsilon : float
        An upper bound of |Δ| on the sphere, such as :attr:`InjectiveNorm.upper`.
    threshold : float, optional
        The threshold h̄ in (0, 2/3); without it the best of a grid (each of them gives a valid theorem).

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.

    References
    ----------
    Equation ``eq-finite-sample``, claim ``finite-sample-landscape``.

    Examples
    --------
    >>> landscape_guarantee(64, 2.0, 0.125, 0.0015).holds  # [I, H/8]
    True
    >>> landscape_guarantee(3, 2.0, 5 ** -0.5, 1e-9).holds  # the icosahedron, a flat landscape
    False
    """
    n, K, mu = as_count(n, "n", minimum=2), _as_overcompleteness(K), _as_coherence(mu)
    E = 16.0 * as_positive(epsilon, "epsilon")
    grid = np.linspace(0.0, 2.0 / 3.0, 202)[1:-1] if threshold is None else np.array([float(threshold)])
    high, end = _high_margin(K, mu, E), _middle(K, mu, E, 2.0 / 3.0)
    low = np.array([low_curvature(n, K, h) - E for h in grid])
    middle = np.array([min(_middle(K, mu, E, h), end) for h in grid])
    best = int(np.argmax(np.minimum(low, middle)))
    return LandscapeGuarantee(
        holds=bool(min(low[best], middle[best], high) > 0.0),
        epsilon=float(epsilon),
        threshold=float(grid[best]),
        low=float(low[best]),
        middle=float(middle[best]),
        high=high,
    )


def perturbation_budget(n: int, K: float, mu: float) -> float:
    """The largest ε for which :func:`landscape_guarantee` holds, rounded down; 0 if there is none.

    Parameters
    ----------
    n : int
        Dimension, at least 2.
    K : float
        Overcompleteness of a UNTF, at least 1.
    mu : float
        Its coherence, in [0, 1].

    Raises
    ------
    TypeError, ValueError
        If n < 2, K < 1 or μ lies outside [0, 1].

    References
    ----------
    Equation ``eq-finite-sample``, claim ``finite-sample-landscape``.

    Examples
    --------
    >>> round(perturbation_budget(64, 1.5, 0.268), 4)  # a random frame
    0.0021
    >>> perturbation_budget(3, 2.0, 5 ** -0.5)  # the icosahedron
    0.0
    """
    n, K, mu = as_count(n, "n", minimum=2), _as_overcompleteness(K, limit=np.inf), _as_coherence(mu)
    low, high = 0.0, 1.0 / 128.0
    if K >= 3.0 or not landscape_guarantee(n, K, mu, 1e-9).holds:
        return 0.0
    if landscape_guarantee(n, K, mu, high).holds:
        return high
    for _ in range(24):
        middle = (low + high) / 2.0
        low, high = (middle, high) if landscape_guarantee(n, K, mu, middle).holds else (low, middle)
    return low


def descent_height(K: float, mu: float, epsilon: float) -> float:
    """The least α_* (up to 1e-6) above which a sample objective has no minimiser but those near atoms; inf if none.

    Parameters
    ----------
    K, mu : float
        Overcompleteness, at least 1, and coherence of a UNTF.
    epsilon : float
        An upper bound of |Δ| on the sphere.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.

    References
    ----------
    Equation ``eq-descent-height``, claim ``sample-descent``.

    Examples
    --------
    >>> 0.2 < descent_height(1.5, 0.14, 0.002) < 0.3
    True
    """
    K, mu = _as_overcompleteness(K, limit=np.inf), _as_coherence(mu)
    E = 16.0 * as_positive(epsilon, "epsilon")

    def enough(alpha: float) -> bool:
        return middle_margin(K, mu, E / alpha, E * np.sqrt(K) / (4.0 * alpha**1.5)) > 0.0

    low, high = 0.0, K
    if _high_margin(K, mu, E) <= 0.0 or not enough(high):
        return np.inf
    while high - low > 1e-6:
        middle = (low + high) / 2.0
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def persistence(sigma: float, K: float, epsilon: float) -> float:
    """How far a minimiser of φ_T with Hessian at least σ can move, 8ε/(σ−16ε); inf if the proposition is silent.

    Raises
    ------
    TypeError, ValueError
        If σ or K is not positive or ε is negative.

    References
    ----------
    Claim ``persistence`` (hypotheses: 64 ε (K + 8ε) < (σ − 16ε)² and 16ε < σ), for a UNTF with any K and μ.

    Examples
    --------
    >>> round(persistence(0.9, 1.5, 1e-3), 4)
    0.009
    """
    sigma, K = as_positive(sigma, "sigma"), as_positive(K, "K")
    epsilon = float(epsilon)
    if not (np.isfinite(epsilon) and epsilon >= 0.0):
        raise ValueError(f"epsilon: expected a finite number of at least 0, got {epsilon}")
    rest = sigma - 16.0 * epsilon
    holds = rest > 0.0 and 64.0 * epsilon * (K + 8.0 * epsilon) < rest * rest
    return 8.0 * epsilon / rest if holds else np.inf


def _as_overcompleteness(K: float, limit: float = 3.0) -> float:
    value = as_positive(K, "K")
    if not 1.0 <= value < limit:
        wanted = f"in [1, {limit:g})" if np.isfinite(limit) else "of at least 1"
        raise ValueError(f"K: expected a number {wanted}, got {value}")
    return value


def _as_coherence(mu: float) -> float:
    value = float(mu)
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"mu: expected a coherence in [0, 1], got {value}")
    return value
