r"""A start that is good enough: how far a preconditioned sample is from a kernel, with explicit probability.

For a tight dictionary, AAᵀ = K I, and a sample y = Ax with x ~ BG(θ), the data-driven start is q₀ = y/‖y‖.
Its height is

.. math:: \alpha_0 = \|A^\top q_0\|_4^4 = \frac{\|A^\top Ax\|_4^4}{\|Ax\|_2^4}
          \ \ge\ \Bigl(\frac{\|Ax\|_2^2}{\|x\|_2^2}\Bigr)^2 H(x),\qquad
          H(x) = \frac{\|x\|_2^4}{\|x\|_{4/3}^4}\ \ge\ \frac1{|\mathrm{supp}\,x|} .

This module evaluates the height, its expected value, and the probability bound that puts q₀ into the sublevel set
from which descent finds a kernel.
Heights are compared with ν_min⁴, the fourth power of the smallest norm of an atom.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln
from scipy.stats import binom

from l4lib.sphere import project
from l4lib.validate import Array, as_array, as_count, as_data, as_dictionary, as_positive, as_rng, as_theta

__all__ = [
    "StartBounds",
    "StartGuarantee",
    "data_starts",
    "energy_tail",
    "expected_start",
    "expected_start_on_support",
    "filter_offset",
    "height_after_offset",
    "required_level",
    "spread_tail",
    "start_bounds",
    "start_guarantee",
    "start_tail",
]

_ORDERS: Array = np.arange(161, dtype=np.float64)  # moments used by the tail bound of the spread


# The start and its height


def data_starts(Y: ArrayLike, r: int, *, rng: np.random.Generator) -> Array:
    """The data-driven initialisation: r different samples that are not zero, normalised.

    Parameters
    ----------
    Y : array_like, shape (n, p)
        Samples after preconditioning, one a column.
    r : int
        How many starts.
    rng : numpy.random.Generator
        Chooses the samples.

    Returns
    -------
    ndarray, shape (n, r)

    Raises
    ------
    TypeError, ValueError
        If Y is not data, or has fewer than r samples that are not zero.

    References
    ----------
    Equation ``eq-start``.

    Examples
    --------
    >>> import numpy as np
    >>> data_starts([[3.0, 0.0], [4.0, 0.0]], 1, rng=np.random.default_rng(0)).ravel().tolist()
    [0.6, 0.8]
    """
    data, r, rng = as_data(Y), as_count(r, "r"), as_rng(rng)
    nonempty = np.flatnonzero(np.any(data != 0, axis=0))
    if nonempty.size < r:
        raise ValueError(f"r: expected at most the {nonempty.size} samples that are not zero, got {r}")
    return project(data[:, rng.permutation(nonempty)[:r]])


@dataclass(frozen=True)
class StartBounds:
    """The height of the start of each sample and three lower bounds of it.

    Attributes
    ----------
    value : ndarray, shape (p,)
        α₀ = ‖AᵀAx‖₄⁴/‖Ax‖₂⁴.
    cube : ndarray, shape (p,)
        ⟨AᵀAx, x³⟩⁴/(‖Ax‖₂⁴ ‖x‖₄¹²), zero where the product is negative.
    hoelder : ndarray, shape (p,)
        ‖Ax‖₂⁴/‖x‖_{4/3}⁴, the one of the theorem.
    support : ndarray, shape (p,)
        ‖Ax‖₂⁴/(|supp x| ‖x‖₂⁴), never above ``hoelder``.
    """

    value: Array
    cube: Array
    hoelder: Array
    support: Array


def start_bounds(A: ArrayLike, X: ArrayLike) -> StartBounds:
    """The height ‖ζ₀‖₄⁴ of the start y/‖y‖ for each sample y = Ax, with its lower bounds.

    Parameters
    ----------
    A : array_like, shape (n, m)
        A dictionary (tight or not).
    X : array_like, shape (m, p)
        Coefficients, one sample a column; none with Ax = 0.

    Returns
    -------
    StartBounds

    Raises
    ------
    TypeError, ValueError
        If A is not a dictionary, X does not have m finite rows, or Ax = 0 for a column.

    References
    ----------
    Equation ``eq-start-chain``, claim ``start-hoelder``.

    Examples
    --------
    One coefficient: the start is the atom, and all bounds are sharp.

    >>> import numpy as np
    >>> bounds = start_bounds(np.eye(3), np.array([[0.0], [-2.0], [0.0]]))
    >>> float(bounds.value[0]), float(bounds.cube[0]), round(float(bounds.hoelder[0]), 12), float(bounds.support[0])
    (1.0, 1.0, 1.0, 1.0)
    """
    A = as_dictionary(A)
    X = as_array(X, "X", ndim=2, shape=f"({A.shape[1]}, p)")
    if X.shape[0] != A.shape[1]:
        raise ValueError(f"X: expected {A.shape[1]} rows, one for each atom, got shape {X.shape}")
    Y = A @ X
    energy = np.sum(Y * Y, axis=0)
    if not np.all(energy > 0):
        raise ValueError(f"X: expected samples that are not zero, got Ax = 0 for {np.count_nonzero(energy <= 0)}")
    V = A.T @ Y
    X2, V2 = X * X, V * V
    fourth = np.sum(X2 * X2, axis=0)
    product = np.maximum(np.sum(V * X * X2, axis=0), 0.0)
    square = energy * energy
    return StartBounds(
        value=np.sum(V2 * V2, axis=0) / square,
        cube=product**4 / (square * fourth**3),
        hoelder=square / np.sum(np.cbrt(X2 * X2), axis=0) ** 3,
        support=square / (np.count_nonzero(X, axis=0) * np.sum(X2, axis=0) ** 2),
    )


# Its expected value


def expected_start_on_support(A: ArrayLike, support: ArrayLike) -> float:
    r"""The exact E[α₀ | S] for standard Gaussian coefficients on a given support S.

    .. math:: 3\int_0^\infty t\,\det(I+2tM)^{-1/2}\sum_i\bigl(G_{iS}(I+2tM)^{-1}G_{Si}\bigr)^2dt,\qquad M=G_{SS},

    by Gauss quadrature after a substitution that makes the integrand a polynomial if M is a multiple of the identity.

    Parameters
    ----------
    A : array_like, shape (n, m)
        A dictionary.
    support : array_like of int
        Distinct indices of atoms, at least one.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        If A is not a dictionary or the indices are not distinct indices of atoms.

    References
    ----------
    Equation ``eq-start-integral``, claim ``start-expectation``.

    Examples
    --------
    Orthonormal atoms: 3/(s + 2).

    >>> import numpy as np
    >>> round(expected_start_on_support(np.eye(5), [0, 1, 4]), 12)
    0.6
    """
    A = as_dictionary(A)
    S = np.asarray(support)
    if S.ndim != 1 or S.size == 0 or S.dtype.kind not in "iu":
        raise TypeError(f"support: expected a list of indices of atoms, got {support!r}")
    if S.min() < 0 or S.max() >= A.shape[1] or np.unique(S).size != S.size:
        raise ValueError(f"support: expected distinct indices below {A.shape[1]}, got {S.tolist()}")
    U, singular, _ = np.linalg.svd(A[:, S], full_matrices=False)
    keep = singular > singular[0] * 1e-12
    scale = singular[keep] ** 2  # the nonzero eigenvalues of M
    B = (A.T @ U[:, keep]) ** 2 * scale  # squares of G_{iS} in the eigenvectors of M
    mean = float(scale.mean())
    # 2t = (c^{-2} - 1)/mean, and dt = c^{-3} dc/mean
    nodes, weights = np.polynomial.legendre.leggauss(40 + S.size // 2)
    c = (nodes + 1.0) / 2.0
    x = 1.0 / (c * c) - 1.0
    D = 1.0 + np.outer(scale / mean, x)
    log_integrand = np.log(x / (2.0 * mean * mean)) - 3.0 * np.log(c) - 0.5 * np.sum(np.log(D), axis=0)
    fourth = np.sum((B @ (1.0 / D)) ** 2, axis=0)
    return float(1.5 * np.sum(weights * np.exp(log_integrand) * fourth))


def expected_start(A: ArrayLike, theta: float) -> float:
    r"""The predicted mean of α₀ for x ~ BG(θ), x ≠ 0: Σ_s π_s N_s/D_s.

    N_s and D_s are the exact means of ‖AᵀAx‖₄⁴ and ‖Ax‖₂⁴ over all supports of size s, and π_s the probability of
    that size given that it is not zero.
    The prediction is exact for an orthonormal basis and, if A is tight, for θ → 1; for θ → 0 it is the mean height of
    the atoms, weighted by the fourth powers of their norms.

    Parameters
    ----------
    A : array_like, shape (n, m)
        A dictionary.
    theta : float
        Sparsity level in (0, 1).

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        If A is not a dictionary or θ lies outside (0, 1).

    References
    ----------
    Equations ``eq-start-mean`` and ``eq-start-moments``, claim ``start-mean``.

    Examples
    --------
    >>> import numpy as np
    >>> abs(expected_start(np.eye(4), 1e-9) - 1) < 1e-8
    True
    """
    A, theta = as_dictionary(A), as_theta(theta)
    m = A.shape[1]
    G2 = (A.T @ A) ** 2
    G4, norms4 = float(np.sum(G2 * G2)), float(np.trace(G2))
    rows, trace = G2.sum(axis=0), float(np.sum(A * A))
    s, pi = _support_sizes(m, theta)
    one, two = s / m, s * (s - 1.0) / (m * max(m - 1.0, 1.0))
    N = 3.0 * (one * G4 + two * (float(rows @ rows) - G4))
    D = 3.0 * one * norms4 + two * (trace * trace - norms4 + 2.0 * (float(G2.sum()) - norms4))
    return float(np.sum(pi * N / D))


def _support_sizes(m: int, theta: float) -> tuple[Array, Array]:
    """The sizes s >= 1 that carry probability, and their probabilities given s >= 1; what is dropped is below 1e-15."""
    top = min(m, max(1, int(binom.isf(1e-16, m, theta)) + 1))
    s = np.arange(1, top + 1)
    return s.astype(float), binom.pmf(s, m, theta) / -np.expm1(m * np.log1p(-theta))


# Tails


def energy_tail(s: int, mu: float, delta: float) -> float:
    r"""A bound of P(‖Ax‖² < (1−δ) ν_min² ‖x‖²) for Gaussian coefficients on a support of size s.

    It is zero for δ ≥ (s−1)μ; else :math:`\sqrt{1+\delta/\mu}\,(1-\delta/((s-1)\mu))^{(s-1)/2}`, which is at most
    √(1+δ/μ) exp(−δ/(2μ)), provided δ ≥ μ and (s−1)μ ≤ (1+δ)/2; and one if neither is the case.

    Parameters
    ----------
    s : int
        Size of the support, at least 1.
    mu : float
        Coherence of the atoms' directions, in [0, 1].
    delta : float
        Relative loss, in [0, 1).

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.

    References
    ----------
    Equation ``eq-energy-tail``, claim ``start-energy``.

    Examples
    --------
    >>> energy_tail(5, 0.05, 0.2)
    0.0
    >>> 0.01 < energy_tail(9, 0.05, 0.3) < 0.011
    True
    """
    s, mu, delta = as_count(s, "s"), _as_coherence(mu), _as_loss(delta)
    return float(_energy_tail(s, mu, np.array([delta]))[0])


def _energy_tail(s: int, mu: float, delta: Array) -> Array:
    worst = (s - 1) * mu
    covered = (delta >= mu) & (worst <= (1.0 + delta) / 2.0) & (delta < worst)
    ratio = np.where(covered, delta, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        log_bound = 0.5 * np.log1p(ratio / mu) + 0.5 * (s - 1) * np.log1p(-ratio / worst)
    return np.where(delta >= worst, 0.0, np.where(covered, np.exp(log_bound), 1.0))


@lru_cache(maxsize=4096)
def _log_moments(s: int) -> Array:
    """Logarithms of E T^q, T = Σ|ω_i|^{4/3} for a uniform unit vector ω in R^s, for each order q."""
    order = _ORDERS
    # E e^{λΣ|g_i|^{4/3}} = (Σ_k λ^k E|g|^{4k/3}/k!)^s: positive series, scaled by s^{-k}
    series = np.exp(_log_gaussian(1, 2.0 * order / 3.0) - gammaln(order + 1.0) - order * np.log(s))
    power, exponent = np.eye(1, order.size)[0], s
    while exponent:
        if exponent & 1:
            power = np.convolve(power, series)[: order.size]
        series = np.convolve(series, series)[: order.size]
        exponent >>= 1
    moments: Array = np.log(power) + gammaln(order + 1.0) + order * np.log(s) - _log_gaussian(s, 2.0 * order / 3.0)
    return moments


def _log_gaussian(s: int, power: Array) -> Array:
    """log E‖g‖^{2·power} for a standard Gaussian in R^s."""
    value: Array = power * np.log(2.0) + gammaln(s / 2.0 + power) - gammaln(s / 2.0)
    return value


def spread_tail(s: int, level: float) -> float:
    """A bound of P(H < level) for H = ‖g‖₂⁴/‖g‖_{4/3}⁴ and a standard Gaussian g in R^s.

    By Markov's inequality for the exact moments of H^{-1/3}; zero up to level 1/s, below which H never falls.

    Parameters
    ----------
    s : int
        Size of the support, at least 1.
    level : float
        A positive number.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.

    References
    ----------
    Equation ``eq-spread-tail``, claim ``start-spread``.

    Examples
    --------
    >>> spread_tail(10, 0.1), spread_tail(10, 1.5)
    (0.0, 1.0)
    >>> 0.1 < spread_tail(10, 0.125) < 0.2
    True
    """
    s, level = as_count(s, "s"), as_positive(level, "level")
    return float(_spread_tail(s, np.array([level]))[0])


def _spread_tail(s: int, level: Array) -> Array:
    log_z = -np.log(level) / 3.0
    best = np.exp(np.minimum(np.min(_log_moments(s)[:, None] - _ORDERS[:, None] * log_z, axis=0), 0.0))
    return np.where(level * s <= 1.0 + 1e-12, 0.0, best)


def start_tail(s: int, mu: float, level: float) -> float:
    """A bound of P(α₀ < level · ν_min⁴) for Gaussian coefficients on any support of size s.

    The best sum of :func:`energy_tail` and :func:`spread_tail` over a grid of losses δ.

    Parameters
    ----------
    s : int
        Size of the support, at least 1.
    mu : float
        Coherence of the atoms' directions, in [0, 1].
    level : float
        A positive number.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.

    References
    ----------
    Equation ``eq-start-tail``, claim ``good-start``.

    Examples
    --------
    >>> start_tail(3, 0.05, 0.25), start_tail(3, 0.05, 1.2)
    (0.0, 1.0)
    """
    s, mu, level = as_count(s, "s"), _as_coherence(mu), as_positive(level, "level")
    worst = (s - 1) * mu
    delta = np.unique(np.append(np.linspace(0.0, min(worst, 0.95), 97), min(worst, 0.95)))
    total = _energy_tail(s, mu, delta) + _spread_tail(s, level / (1.0 - delta) ** 2)
    return float(min(1.0, total.min()))


# The guarantee


def required_level(mu: float, kappa: float, K: float, *, epsilon: float | None = None) -> float:
    r"""The level L for which α₀ ≥ L ν_min⁴ puts the start into the benign sublevel set.

    L = (64/15) K μ κ⁴ for φ_T; with a sampling error ε, L = κ⁴ (max{12 K μ, (96 √K ε)^{2/3}} + 8 ε).

    Parameters
    ----------
    mu : float
        Coherence of the atoms' directions, in [0, 1].
    kappa : float
        Largest norm of an atom over the smallest, at least 1.
    K : float
        Overcompleteness m/n, at least 1.
    epsilon : float, optional
        Bound of |Δ| on the sphere for the objective of the samples.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.

    References
    ----------
    Equations ``eq-start-level`` and ``eq-start-level-samples``, claim ``good-start``.

    Examples
    --------
    >>> round(required_level(0.015, 1.0, 2.0), 6)
    0.128
    """
    mu, kappa, K = _as_coherence(mu), _as_at_least_one(kappa, "kappa"), _as_at_least_one(K, "K")
    if epsilon is None:
        return 64.0 / 15.0 * K * mu * kappa**4
    epsilon = as_positive(epsilon, "epsilon")
    return kappa**4 * (max(12.0 * K * mu, (96.0 * np.sqrt(K) * epsilon) ** (2.0 / 3.0)) + 8.0 * epsilon)


@dataclass(frozen=True)
class StartGuarantee:
    """What is proved about the start from one nonempty sample.

    Attributes
    ----------
    probability : float
        Lower bound of the probability that the start lies in the sublevel set; zero if nothing is proved.
    level : float
        The level L of :func:`required_level`.
    margin : float
        L_typical/L − 1, where L_typical is the theorem's height (without loss of energy) at the mean number of
        nonzeros; positive means that typical samples are expected to be good.
    certain : int
        Largest s for which every sample with at most s nonzeros is good, whatever its values; zero if there is none.
    mean_support : float
        Mean number of nonzeros of a nonempty sample.
    """

    probability: float
    level: float
    margin: float
    certain: int
    mean_support: float

    def samples_needed(self, delta: float) -> int | None:
        """How many independent samples suffice for at least one good start with probability 1 − δ; None if void.

        Raises
        ------
        TypeError, ValueError
            If δ lies outside (0, 1).

        Examples
        --------
        >>> start_guarantee(0.00025, 0.0101, 1.0, 2.0, 10_007).samples_needed(0.01)
        1
        """
        delta = as_theta(delta, "delta")
        if self.probability <= 0.0:
            return None
        if self.probability >= 1.0:
            return 1
        return int(np.ceil(np.log(delta) / np.log1p(-self.probability)))


def start_guarantee(
    theta: float, mu: float, kappa: float, K: float, n: int, *, epsilon: float | None = None
) -> StartGuarantee:
    """The probability that a preconditioned sample is a good start, bounded below.

    Parameters
    ----------
    theta : float
        Sparsity level in (0, 1).
    mu : float
        Coherence of the directions of the atoms of A, AAᵀ = K I.
    kappa : float
        Largest norm of an atom over the smallest, at least 1.
    K : float
        Overcompleteness m/n, at least 1 (the number of kernels).
    n : int
        Dimension; nK must be a whole number.
    epsilon : float, optional
        Bound of the sampling error; without it the guarantee is for φ_T.

    Returns
    -------
    StartGuarantee

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range or nK is not a whole number.

    References
    ----------
    Equation ``eq-good-start``, claim ``good-start``.

    Examples
    --------
    Two kernels of length 10007 with the coherence of a Legendre sequence, five nonzeros a sample:

    >>> start_guarantee(0.00025, 0.0101, 1.0, 2.0, 10_007).probability > 0.99
    True

    Length 64 is too short for the theorem at any sparsity:

    >>> start_guarantee(0.001, 0.125, 1.0, 2.0, 64).probability
    0.0
    """
    theta, n = as_theta(theta), as_count(n, "n", minimum=2)
    level = required_level(mu, kappa, K, epsilon=epsilon)
    m = round(n * float(K))
    if abs(m - n * float(K)) > 1e-6 * m:
        raise ValueError(f"K: expected nK to be a whole number, got n = {n} and K = {K}")
    sizes, pi = _support_sizes(m, theta)
    mean = m * theta / -np.expm1(m * np.log1p(-theta))
    s = max(1, round(mean))
    typical = float(np.exp(-3.0 * _log_moments(s)[1]))
    if level == 0.0:
        return StartGuarantee(float(pi.sum()), level, float("inf"), m, float(mean))
    good = 0.0
    for size, weight in zip(sizes, pi, strict=True):
        if weight > 1e-12:  # what is left out only lowers the bound
            failure = start_tail(int(size), mu, level)
            good += weight * (1.0 - failure)
            if failure == 1.0 and size > 4.0 / level:
                break
    return StartGuarantee(
        probability=float(min(1.0, good)),
        level=level,
        margin=typical / level - 1.0,
        certain=_certain(m, float(mu), level),
        mean_support=float(mean),
    )


def _certain(m: int, mu: float, level: float) -> int:
    """The largest s <= m with (s−1)μ < 1 and (1 − (s−1)μ)² >= s·level; the left side falls and the right side rises."""
    top = int(min(m, np.floor(1.0 / level)))
    s = np.arange(1, top + 1)
    good = ((s - 1) * mu < 1.0) & ((1.0 - (s - 1) * mu) ** 2 >= s * level)
    return int(np.count_nonzero(good))


# Starts that are slightly off


def height_after_offset(alpha: float, distance: float, K: float, nu_max: float) -> float:
    r"""A lower bound of α at a unit vector at (chordal) distance d from one with height α.

    :math:`\bigl(\alpha^{1/4}-(K\nu_{\max}^2)^{1/4}d\bigr)_+^4`, because q ↦ ‖Aᵀq‖₄ is a seminorm.

    Parameters
    ----------
    alpha : float
        Height of the first point.
    distance : float
        ‖q − q'‖, at least 0.
    K, nu_max : float
        AAᵀ = K I, and the largest norm of an atom.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.

    References
    ----------
    Equation ``eq-start-offset``, claim ``start-offset``.

    Examples
    --------
    >>> height_after_offset(1.0, 0.0, 2.0, 1.0), height_after_offset(1.0, 1.0, 2.0, 1.0)
    (1.0, 0.0)
    """
    alpha, K, nu_max = as_positive(alpha, "alpha"), _as_at_least_one(K, "K"), as_positive(nu_max, "nu_max")
    distance = float(distance)
    if not (np.isfinite(distance) and distance >= 0.0):
        raise ValueError(f"distance: expected a finite number of at least 0, got {distance}")
    return float(max(0.0, alpha**0.25 - (K * nu_max * nu_max) ** 0.25 * distance) ** 4)


def filter_offset(gain: ArrayLike, reference: ArrayLike) -> float:
    r"""A bound of ‖q̂₀ − q₀‖ for the starts that two circulant preconditioners make of any same sample.

    If the quotients of their gains lie in [a, b], then the angle is at most arcsin((b−a)/(b+a)).

    Parameters
    ----------
    gain, reference : array_like
        Positive gains at the same frequencies, such as :attr:`l4lib.precondition.CircularWhitening.gain`.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        If the arrays differ in shape or have an entry that is not positive.

    References
    ----------
    Equation ``eq-filter-angle``, claim ``start-offset``.

    Examples
    --------
    >>> filter_offset([2.0, 2.0], [1.0, 1.0])
    0.0
    """
    first = as_array(gain, "gain", ndim=(1, 2, 3), shape="of one sample's spectrum")
    second = as_array(reference, "reference", ndim=(1, 2, 3), shape="of one sample's spectrum")
    if first.shape != second.shape:
        raise ValueError(f"reference: expected shape {first.shape}, got {second.shape}")
    if min(first.min(), second.min()) <= 0.0:
        raise ValueError("gain: expected positive gains, got one that is not")
    quotient: NDArray[np.float64] = first / second
    a, b = float(quotient.min()), float(quotient.max())
    return float(2.0 * np.sin(0.5 * np.arcsin((b - a) / (b + a))))


def _as_coherence(mu: Any) -> float:
    value = float(mu)
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"mu: expected a coherence in [0, 1], got {value}")
    return value


def _as_loss(delta: Any) -> float:
    value = float(delta)
    if not 0.0 <= value < 1.0:
        raise ValueError(f"delta: expected a number in [0, 1), got {value}")
    return value


def _as_at_least_one(value: Any, name: str) -> float:
    number = as_positive(value, name)
    if number < 1.0:
        raise ValueError(f"{name}: expected at least 1, got {number}")
    return number
