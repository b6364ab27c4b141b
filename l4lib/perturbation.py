r"""From population to samples: the sampling error Δ of the data objective, its size, and what it cannot break.

For data Y = AX with X ~ BG(θ) and c = 1/(12θ(1−θ)) the symmetric quartic form

.. math:: \Delta(q) = \frac cp\sum_k (y_k^\top q)^4 - \mathbb{E}\,\frac cp\sum_k (y_k^\top q)^4
          = \mathbb{E}\,\varphi_{DL}(q) - \varphi_{DL}(q)

has one decisive number, its injective norm ε = max |Δ(q)| over the sphere: values of the two landscapes differ by at
most ε, Riemannian gradients by 4ε, Hessians by 16ε (claim ``perturbation``).
This module evaluates Δ, brackets ε, and computes the explicit bounds of the chapter *From population to samples*.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq, minimize_scalar

from l4lib.forms import LARGEST_N, SymmetricQuartic, pairs, rank_one_sum
from l4lib.frames import frame_report
from l4lib.landscape import atom_gradient_bound
from l4lib.objective import data_constant, phi_T
from l4lib.sphere import project, random_points, tangent, tangent_basis
from l4lib.validate import (
    Array,
    as_array,
    as_count,
    as_data,
    as_dictionary,
    as_points,
    as_positive,
    as_rng,
    as_theta,
    as_tolerance,
)

__all__ = [
    "CriticalPersistence",
    "InjectiveNorm",
    "LandscapeGuarantee",
    "SampleSize",
    "SupportMoments",
    "expected_phi_DL",
    "injective_norm",
    "landscape_guarantee",
    "mean_square_perturbation",
    "persistence",
    "perturbation",
    "perturbation_budget",
    "sample_size_bound",
    "standard_error",
    "support_moments",
]

_NET_RATE = 2.21  # log of the net's growth per dimension, at least log(1 + 1/sin(1/8))


# Moments of one direction


@dataclass(frozen=True)
class SupportMoments:
    """Moments of the random variance s = Σ b_i ζ_i², b_i ~ Bernoulli(θ), of ζᵀx given its support.

    Attributes
    ----------
    first, second, fourth : ndarray, scalar or shape (r,)
        E s, E s² and E s⁴; then E(ζᵀx)² = E s, E(ζᵀx)⁴ = 3 E s², E(ζᵀx)⁸ = 105 E s⁴.
    """

    first: Array
    second: Array
    fourth: Array


def support_moments(zeta: ArrayLike, theta: float) -> SupportMoments:
    """E s, E s², E s⁴ for s = Σ b_i ζ_i², from the power sums P_k = Σ ζ_i^{2k}.

    Parameters
    ----------
    zeta : array_like, shape (m,) or (m, r)
        Correlations ζ = Aᵀq.
    theta : float
        Sparsity level in (0, 1).

    Returns
    -------
    SupportMoments

    Raises
    ------
    TypeError, ValueError
        If zeta is not finite or θ lies outside (0, 1).

    References
    ----------
    Equation ``eq-s-moments``, claims ``bg-fourth-moment`` and ``mc-standard-error``.

    Examples
    --------
    >>> import numpy as np
    >>> moments = support_moments(np.array([1.0]), 0.25)
    >>> float(moments.second), float(moments.fourth)
    (0.25, 0.25)
    """
    zeta, theta = as_array(zeta, "zeta", ndim=(1, 2), shape="(m,) or (m, r)"), as_theta(theta)
    w = zeta * zeta
    w2 = w * w
    P1, P2, P3, P4 = (power.sum(axis=0) for power in (w, w2, w2 * w, w2 * w2))
    variance = theta * (1.0 - theta)
    second = theta * theta * P1 * P1 + variance * P2
    fourth = (
        theta * theta * P1 * P1 * (theta * theta * P1 * P1 + 6.0 * variance * P2)
        + 3.0 * variance * variance * P2 * P2
        + 4.0 * theta * variance * (1.0 - 2.0 * theta) * P1 * P3
        + variance * (1.0 - 6.0 * variance) * P4
    )
    return SupportMoments(first=theta * P1, second=second, fourth=fourth)


def expected_phi_DL(A: ArrayLike, theta: float, Q: ArrayLike) -> Array:
    """E φ_DL(q) = φ_T(q) − θ/(4(1−θ)) (qᵀAAᵀq)², for any dictionary A and any q (unit or not).

    For a tight frame with AAᵀ = K I the second term is the constant −θK²/(4(1−θ)) on the sphere.

    Raises
    ------
    TypeError, ValueError
        If A is not a dictionary, θ lies outside (0, 1), or Q does not have n rows.

    References
    ----------
    Equation ``eq-nontight``, claims ``expectation-identity`` and ``nontight-bias``.

    Examples
    --------
    >>> import numpy as np
    >>> float(expected_phi_DL(np.eye(2), 0.5, np.array([1.0, 0.0])))
    -0.5
    """
    A, theta = as_dictionary(A), as_theta(theta)
    Q = as_points(Q, A.shape[0])
    zeta = A.T @ Q
    norm2 = np.sum(zeta * zeta, axis=0)
    mean: Array = phi_T(A).value(Q) - theta / (4.0 * (1.0 - theta)) * norm2 * norm2
    return mean


def standard_error(A: ArrayLike, theta: float, p: int, Q: ArrayLike) -> Array:
    """The exact standard deviation of φ_DL(q) over samples of size p: √[(105 E s⁴ − 9 (E s²)²)/(144 θ²(1−θ)² p)].

    Raises
    ------
    TypeError, ValueError
        If A is not a dictionary, θ lies outside (0, 1), p < 1, or Q does not have n rows.

    References
    ----------
    Equation ``eq-mc-variance``, claim ``mc-standard-error``.

    Examples
    --------
    >>> import numpy as np
    >>> round(float(standard_error(np.eye(3), 0.5, 10_000, np.array([1.0, 0.0, 0.0]))), 4)
    0.0236
    """
    A, theta, p = as_dictionary(A), as_theta(theta), as_count(p, "p")
    s = support_moments(A.T @ as_points(Q, A.shape[0]), theta)
    return data_constant(theta) * np.sqrt((105.0 * s.fourth - 9.0 * s.second * s.second) / p)


# The form Δ


def _isotropic(M: Array) -> Array:
    """The pair matrix of the symmetric tensor of (qᵀMq)²: W ↦ (⟨M, W⟩ M + 2 MWM)/3 on symmetric matrices."""
    i, j, weight = pairs(M.shape[0])
    v: Array = weight * M[i, j]
    twice_kron = M[np.ix_(i, i)] * M[np.ix_(j, j)] + M[np.ix_(i, j)] * M[np.ix_(j, i)]
    D: Array = (np.outer(v, v) + np.outer(weight, weight) * twice_kron) / 3.0
    return D


def perturbation(Y: ArrayLike, A: ArrayLike, theta: float) -> SymmetricQuartic:
    """The sampling error Δ = E φ_DL − φ_DL as a quartic form, for data Y = AX and the true A and θ.

    Costs about p·(n(n+1)/2)² operations and one matrix of n(n+1)/2 rows; afterwards an evaluation is independent of p.

    Parameters
    ----------
    Y : array_like, shape (n, p)
        The data.
    A : array_like, shape (n, m)
        The dictionary, tight or not.
    theta : float
        Sparsity level in (0, 1).

    Returns
    -------
    SymmetricQuartic

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it should be, the dimensions differ, or n > 96 (the matrix would be too large).

    References
    ----------
    Equation ``eq-delta``.

    Examples
    --------
    >>> import numpy as np
    >>> from l4lib.models import make_odl
    >>> data = make_odl((4, 6), 2000, 0.2, rng=np.random.default_rng(0))
    >>> delta = perturbation(data.Y, data.A, data.theta)
    >>> q = np.array([1.0, 0.0, 0.0, 0.0])
    >>> from l4lib.objective import phi_DL
    >>> error = expected_phi_DL(data.A, 0.2, q) - phi_DL(data.Y, 0.2).value(q)
    >>> bool(np.isclose(delta.value(q), error, rtol=0, atol=1e-12))
    True
    """
    data, A, theta = as_data(Y), as_dictionary(A), as_theta(theta)
    n = A.shape[0]
    if data.shape[0] != n:
        raise ValueError(f"Y: expected {n} rows as A of shape {A.shape} has, got shape {data.shape}")
    if n > LARGEST_N:
        raise ValueError(f"Y: expected n <= {LARGEST_N}, as a matrix with n(n+1)/2 rows is stored, got n = {n}")
    D = rank_one_sum(data, data_constant(theta) / data.shape[1])
    D -= rank_one_sum(A, 0.25)
    D -= theta / (4.0 * (1.0 - theta)) * _isotropic(A @ A.T)
    return SymmetricQuartic(n=n, D=D)


# The injective norm


@dataclass(frozen=True)
class InjectiveNorm:
    """A bracket of ε = max |Δ(q)| over the sphere.

    Attributes
    ----------
    lower : float
        |Δ(q)| at the best point found, so a lower bound; usually the maximum itself.
    upper : float
        The trust-region relaxation of Equation ``eq-injective-upper``, an upper bound (up to rounding).
    q : ndarray, shape (n,)
        Where ``lower`` is attained.
    sign : int
        The sign of Δ there.
    spectral, frobenius : float
        The weaker upper bounds: spectral norm of D and Frobenius norm of the tensor.
    """

    lower: float
    upper: float
    q: Array
    sign: int
    spectral: float
    frobenius: float


def _ascend(form: SymmetricQuartic, sign: float, Q: Array, iterations: int, tol: float) -> tuple[float, Array]:
    """Maximise sign·Δ from each column by the power map with an adaptive shift that only accepts increases."""
    f = sign * form.value(Q)
    shift = np.full(Q.shape[1], np.max(np.abs(f)) + np.finfo(float).tiny)
    for _ in range(iterations):
        step = sign * form.contract(Q)
        slope = np.linalg.norm(tangent(Q, step), axis=0)
        if np.all(slope <= tol * np.max(np.abs(f))):
            break
        R = project(step + shift * Q)
        g = sign * form.value(R)
        better = g > f
        Q = np.where(better, R, Q)
        f = np.where(better, g, f)
        shift = np.where(better, 0.7 * shift, 2.0 * shift)
    best = int(np.argmax(f))
    return float(f[best]), Q[:, best]


def _least_relaxation(centre: float, beta: Array, r2: Array, rho2: float) -> float:
    """The least bound of Equation ``eq-injective-upper``; every λ above the spectrum β gives a valid one."""
    top = float(np.max(beta))
    scale = max(float(np.max(np.abs(beta))), float(np.sqrt(r2.sum())))
    if scale == 0.0:
        return centre

    def slope(lam: float) -> float:
        gap = lam - beta
        return rho2 - float(np.sum(r2 / (gap * gap)))

    low, high = top + 1e-9 * scale, top + 2.0 * scale / float(np.sqrt(rho2))
    lam = low if slope(low) >= 0.0 else float(brentq(slope, low, high))
    return centre + lam * rho2 + float(np.sum(r2 / (lam - beta)))


def _relaxed_norm(D: Array, n: int) -> float:
    """The upper bound of |Δ| from the relaxations of Δ and of −Δ, which share one eigendecomposition."""
    i, j, _ = pairs(n)
    e = (i == j) / np.sqrt(n)
    basis = tangent_basis(e)
    image = D @ e
    beta, vectors = np.linalg.eigh(basis.T @ D @ basis)
    r = vectors.T @ (basis.T @ image)
    centre, r2, rho2 = float(e @ image) / n, r * r / n, 1.0 - 1.0 / n
    return max(_least_relaxation(centre, beta, r2, rho2), _least_relaxation(-centre, -beta, r2, rho2))


def injective_norm(
    form: SymmetricQuartic,
    *,
    rng: np.random.Generator,
    starts: int = 64,
    iterations: int = 500,
    tol: float = 1e-9,
) -> InjectiveNorm:
    """Bracket ε = max |Δ(q)|: multi-start ascent of ±Δ below, a trust-region relaxation above.

    Parameters
    ----------
    form : SymmetricQuartic
        The form, such as :func:`perturbation` returns.
    rng : numpy.random.Generator
        The source of the random starts.
    starts : int
        Starts for each sign.
    iterations : int
        Steps of the ascent.
    tol : float
        Relative size of the tangential gradient at which the ascent stops.

    Returns
    -------
    InjectiveNorm

    Raises
    ------
    TypeError, ValueError
        If an option is out of range or n = 1.

    References
    ----------
    Equation ``eq-injective-upper``, claim ``injective-norm-bounds``.

    Examples
    --------
    The form Re(q₁ + iq₂)⁴ has injective norm one.

    >>> import numpy as np
    >>> rays = np.array([[1.0, 0.0, np.sqrt(0.5), np.sqrt(0.5)], [0.0, 1.0, np.sqrt(0.5), -np.sqrt(0.5)]])
    >>> plus = SymmetricQuartic.from_dictionary(rays[:, :2])
    >>> minus = SymmetricQuartic.from_dictionary(rays[:, 2:])
    >>> form = SymmetricQuartic(2, 2.0 * (plus.D - minus.D))
    >>> bracket = injective_norm(form, rng=np.random.default_rng(0))
    >>> round(bracket.lower, 9), round(bracket.upper, 6)
    (1.0, 1.0)
    """
    rng, starts = as_rng(rng), as_count(starts, "starts")
    iterations, tol = as_count(iterations, "iterations"), as_tolerance(tol, "tol")
    if form.n < 2:
        raise ValueError(f"form: expected n >= 2, got n = {form.n}")
    Q = random_points(form.n, starts, rng=rng)
    if not np.any(form.D):
        return InjectiveNorm(lower=0.0, upper=0.0, q=Q[:, 0], sign=1, spectral=0.0, frobenius=0.0)
    sign, value, q = max(
        ((s, *_ascend(form, float(s), Q, iterations, tol)) for s in (1, -1)), key=lambda found: found[1]
    )
    return InjectiveNorm(
        lower=value,
        upper=_relaxed_norm(form.D, form.n),
        q=q,
        sign=sign,
        spectral=float(np.max(np.abs(np.linalg.eigvalsh(form.D)))),
        frobenius=form.frobenius,
    )


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


# How many samples


def mean_square_perturbation(A: ArrayLike, theta: float) -> float:
    """The exact p · E‖Δ‖_F² of a unit-norm tight frame A: c²(E‖y‖⁸ − ‖E y^{⊗4}‖_F²) in closed form.

    Raises
    ------
    TypeError, ValueError
        If A is not a UNTF (up to 1e-8) or θ lies outside (0, 1).

    References
    ----------
    Equations ``eq-frobenius`` and ``eq-eighth-norm``, claim ``frobenius-exact``.

    Examples
    --------
    For one atom in one dimension Δ is a number, with variance c²(105θ − 9θ²).

    >>> round(mean_square_perturbation([[1.0]], 0.5), 6) == round((105 * 0.5 - 9 * 0.25) / 9, 6)
    True
    """
    A, theta = as_dictionary(A), as_theta(theta)
    report = frame_report(A)
    if not report.is_untf(1e-8):
        raise ValueError(
            "A: expected a unit-norm tight frame, got one with tightness error "
            f"{report.tightness_error:.1e} and norm error {report.norm_error:.1e}"
        )
    n, m, K = report.n, report.m, report.K
    G2 = (A.T @ A) ** 2
    g4 = float(np.sum(G2 * G2)) - m
    pairs = m * (K - 1.0)
    triangles = m * (K - 1.0) * (K - 2.0)
    wedges = m * (K - 1.0) * (K - 1.0) - g4
    cycles = m * K**3 - m - 6.0 * pairs - g4 - 4.0 * triangles - 2.0 * wedges
    _, N2, N3, N4 = _binomial_moments(m, theta)
    rest1, rest2, _, _ = _binomial_moments(m - 2, theta)
    t, t2, t3, t4 = theta, theta**2, theta**3, theta**4
    one_more = pairs * t2 * (2.0 + rest1)  # E[N O]
    two_more = pairs * t2 * (4.0 + 4.0 * rest1 + rest2)  # E[N² O]
    square = 2.0 * g4 * t2 + 4.0 * wedges * t3 + (pairs * pairs - 2.0 * g4 - 4.0 * wedges) * t4  # E[O²]
    eighth = (
        N4
        + 12.0 * (N3 + two_more)
        + 12.0 * (N2 + 2.0 * one_more + square)
        + 32.0 * (N2 + 3.0 * one_more + triangles * t3 * (3.0 + (m - 3) * t))
        + 48.0 * (m * t + (6.0 * pairs + g4) * t2 + (4.0 * triangles + 2.0 * wedges) * t3 + cycles * t4)
    )
    mean = 9.0 * t2 * (1.0 - t) ** 2 * (m + g4) + 18.0 * t3 * (1.0 - t) * K**2 * m + 3.0 * t4 * K**4 * n * (n + 2)
    return data_constant(theta) ** 2 * (eighth - mean)


def _binomial_moments(m: int, theta: float) -> tuple[float, float, float, float]:
    """The first four moments of Bin(m, θ) from its factorial moments; by continuation also for m = −1 (weight 0)."""
    f1 = m * theta
    f2 = f1 * (m - 1) * theta
    f3 = f2 * (m - 2) * theta
    f4 = f3 * (m - 3) * theta
    return f1, f2 + f1, f3 + 3.0 * f2 + f1, f4 + 6.0 * f3 + 7.0 * f2 + f1


def _touchard4(D: float) -> float:
    """T₄(D) = D⁴ + 6D³ + 7D² + D, the fourth moment of a Poisson variable."""
    return D * (1.0 + D * (7.0 + D * (6.0 + D)))


@dataclass(frozen=True)
class SampleSize:
    """Numbers of samples that suffice for ε <= ``epsilon`` with probability at least 1 − ``delta``.

    Attributes
    ----------
    markov : float
        By the mean square of Δ and Markov's inequality, of order m⁴θ²/(δε²).
    net : float
        By a net and exponential tails, of order n/ε² + n²/ε.
    beta : float
        The tail parameter β that makes ``net`` least.
    """

    markov: float
    net: float
    beta: float

    @property
    def p(self) -> int:
        """The smaller of the two, rounded up."""
        return int(np.ceil(min(self.markov, self.net)))


def _net_size(n: int, K: float, theta: float, epsilon: float, delta: float, beta: float) -> float:
    """The least p of Equation ``eq-p-net``, by the monotone iteration p ← max(first, factor · (Λ + log p))."""
    c = data_constant(theta)
    Lambda = _NET_RATE * n + np.log(3.0 / delta)
    V = 105.0 * _touchard4(theta * K) / (1.0 - beta) ** 4.5
    first = 8.0 * c * c * V * Lambda / (epsilon * epsilon)
    factor = 16.0 * c * K * K * Lambda / (beta * epsilon)
    p = max(first, 1.0)
    while True:
        update = max(first, factor * (Lambda + np.log(p)))
        if update <= p * (1.0 + 1e-9):
            return float(p * (1.0 + 1e-6))  # past the fixed point, so that the inequality itself holds
        p = update


def sample_size_bound(n: int, m: int, theta: float, *, epsilon: float, delta: float) -> SampleSize:
    """How many samples suffice, provably, for ‖Δ‖ <= ε with probability 1 − δ, whatever the UNTF of shape (n, m).

    Parameters
    ----------
    n, m : int
        Dimension (at least 2) and number of atoms (at least n).
    theta : float
        Sparsity level in (0, 1).
    epsilon : float
        Wanted bound of the injective norm.
    delta : float
        Admitted probability of failure, in (0, 1).

    Returns
    -------
    SampleSize

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.

    References
    ----------
    Equations ``eq-p-markov`` and ``eq-p-net``, claims ``sample-size-markov`` and ``sample-size-net``.
    The bounds are not claimed to be optimal.

    Examples
    --------
    >>> sizes = sample_size_bound(16, 17, 0.1, epsilon=0.01, delta=0.1)
    >>> sizes.p == int(np.ceil(min(sizes.markov, sizes.net)))
    True
    """
    n, m, theta = as_count(n, "n", minimum=2), as_count(m, "m"), as_theta(theta)
    epsilon, delta = as_positive(epsilon, "epsilon"), as_tolerance(delta, "delta")
    if m < n:
        raise ValueError(f"m: expected at least n = {n} atoms for a tight frame, got {m}")
    K, D = m / n, theta * m
    eighth = (
        _touchard4(D) + 12.0 * K * (D * D * D + 3.0 * D * D + D) + 44.0 * K * K * (D * D + D) + 48.0 * K * K * K * D
    )
    markov = data_constant(theta) ** 2 * eighth / (delta * epsilon * epsilon)
    found = minimize_scalar(
        lambda beta: _net_size(n, K, theta, epsilon, delta, beta), bounds=(1e-4, 0.9), method="bounded"
    )
    return SampleSize(markov=float(markov), net=float(found.fun), beta=float(found.x))
