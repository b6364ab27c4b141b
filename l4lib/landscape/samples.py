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
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar

from l4lib.data import data_constant
from l4lib.quartic import (
    LARGEST_N,
    SymmetricQuartic,
    pairs,
    phi_T,
    rank_one_sum,
)
from l4lib.validate import (
    Array,
    as_array,
    as_count,
    as_data,
    as_dictionary,
    as_points,
    as_positive,
    as_theta,
    as_tolerance,
)

__all__ = [
    "SampleSize",
    "SupportMoments",
    "expected_phi_DL",
    "perturbation",
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
    >>> from l4lib.data import make_odl
    >>> data = make_odl((4, 6), 2000, 0.2, rng=np.random.default_rng(0))
    >>> delta = perturbation(data.Y, data.A, data.theta)
    >>> q = np.array([1.0, 0.0, 0.0, 0.0])
    >>> from l4lib.data import phi_DL
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


# How many samples


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
