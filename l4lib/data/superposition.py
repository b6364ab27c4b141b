r"""Superposition: more features than dimensions, with non-negative sparse coefficients of unequal frequency.

A coefficient x = ξv is the product of a gate ξ ∈ {0, 1}, open with probability θ, and an amplitude v > 0.
What a fourth-order method sees of it is its fourth cumulant after centring.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from l4lib.data.frames import random_unit
from l4lib.data.precondition import whitening, whitening_of_moment
from l4lib.validate import Array, as_array, as_count, as_data, as_dictionary, as_positive, as_rng, as_theta

__all__ = [
    "AMPLITUDES",
    "SuperpositionData",
    "excess_kurtosis",
    "gated_cumulants",
    "kurtosis_floor",
    "make_superposition",
    "orient",
    "power_law",
    "shared_gate_cumulant",
    "white_features",
]

_TILE = 8192
"""Samples at a time."""

AMPLITUDES: dict[str, tuple[float, float, float, float]] = {
    "exponential": (1.0, 2.0, 6.0, 24.0),
    "half-normal": (np.sqrt(2 / np.pi), 1.0, 2 * np.sqrt(2 / np.pi), 3.0),
    "uniform": (1 / 2, 1 / 3, 1 / 4, 1 / 5),
    "constant": (1.0, 1.0, 1.0, 1.0),
}
"""Laws of amplitudes with E v, E v², E v³, E v⁴: standard exponential, \\|N(0, 1)\\|, uniform on [0, 1], and one."""


def _amplitudes(law: str, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    if law == "exponential":
        return rng.standard_exponential(shape)
    if law == "half-normal":
        return np.abs(rng.standard_normal(shape))
    return rng.random(shape) if law == "uniform" else np.ones(shape)


def _law(law: Any) -> str:
    if law not in AMPLITUDES:
        raise ValueError(f"law: expected one of {', '.join(AMPLITUDES)}, got {law!r}")
    return str(law)


def _probabilities(theta: ArrayLike, m: int | None = None) -> Array:
    """Probabilities in (0, 1], one or one a feature."""
    shape = "()" if m is None else f"() or ({m},)"
    array = as_array(theta, "theta", ndim=(0, 1), shape=shape)
    if m is not None and array.ndim and array.size != m:
        raise ValueError(f"theta: expected one number or one for each of {m} features, got shape {array.shape}")
    if np.any(array <= 0) or np.any(array > 1):
        raise ValueError(f"theta: expected probabilities in (0, 1], got {array.min():g} to {array.max():g}")
    return array


def gated_cumulants(law: str, theta: ArrayLike) -> Array:
    r"""The first four cumulants of x = ξv with a gate ξ of probability θ and an independent amplitude v.

    With :math:`M_k=\operatorname{E}v^k` they are :math:`\theta M_1`, :math:`\theta M_2-\theta^2M_1^2`,
    :math:`\theta M_3-3\theta^2M_1M_2+2\theta^3M_1^3` and
    :math:`\theta M_4-\theta^2(4M_1M_3+3M_2^2)+12\theta^3M_1^2M_2-6\theta^4M_1^4`.

    Parameters
    ----------
    law : str
        A name of :data:`AMPLITUDES`.
    theta : array_like, shape () or (m,)
        Probabilities in (0, 1].

    Returns
    -------
    ndarray, shape (4,) or (4, m)

    Raises
    ------
    ValueError
        If there is no such law, or a probability lies outside (0, 1].

    References
    ----------
    Equation ``eq-gated-cumulant``, claim ``gated-cumulants``.

    Examples
    --------
    >>> gated_cumulants("exponential", 0.5)
    array([0.5  , 0.75 , 1.75 , 5.625])
    """
    M1, M2, M3, M4 = AMPLITUDES[_law(law)]
    t = _probabilities(theta)
    return np.stack(
        [
            t * M1,
            t * (M2 - t * M1 * M1),
            t * (M3 + t * (-3 * M1 * M2 + 2 * t * M1**3)),
            t * (M4 + t * (-4 * M1 * M3 - 3 * M2 * M2 + t * (12 * M1 * M1 * M2 - 6 * t * M1**4))),
        ]
    )


def shared_gate_cumulant(cumulants: ArrayLike, gate: float, zeta: ArrayLike) -> Array:
    r"""Fourth cumulant of Σ_i ζ_i ξ u_i with independent u_i behind one gate ξ that is open with probability π.

    With :math:`C_r=\sum_i\operatorname{cum}_r(u_i)\,\zeta_i^r` and :math:`\beta=\pi(1-\pi)` it is
    :math:`\pi C_4+\beta(4C_1C_3+3C_2^2)+6\beta(1-2\pi)C_1^2C_2+\beta(1-6\beta)C_1^4`.

    Parameters
    ----------
    cumulants : array_like, shape (4, k)
        The first four cumulants of the u_i, as of :func:`gated_cumulants`.
    gate : float
        π in (0, 1].
    zeta : array_like, shape (k,) or (k, r)
        Weights, one combination a column.

    Returns
    -------
    ndarray, shape () or (r,)

    Raises
    ------
    ValueError
        If shapes do not fit or the probability lies outside (0, 1].

    References
    ----------
    Equation ``eq-shared-gate``, claim ``shared-gate``.

    Examples
    --------
    >>> shared_gate_cumulant(gated_cumulants("exponential", [0.5, 0.5]), 1.0, np.eye(2))
    array([5.625, 5.625])
    """
    c = as_array(cumulants, "cumulants", ndim=2, shape="(4, k)")
    z = as_array(zeta, "zeta", ndim=(1, 2), shape="(k,) or (k, r)")
    if c.shape[0] != 4 or z.shape[0] != c.shape[1]:
        raise ValueError(f"zeta: expected cumulants (4, k) and weights with k rows, got {c.shape} and {z.shape}")
    pi = float(_probabilities(gate))
    C1, C2, C3, C4 = (np.tensordot(c[r], z ** (r + 1), axes=1) for r in range(4))
    beta = pi * (1.0 - pi)
    mixed = 4 * C1 * C3 + 3 * C2 * C2 + 6 * (1 - 2 * pi) * C1 * C1 * C2 + (1 - 6 * beta) * C1**4
    return np.asarray(pi * C4 + beta * mixed)


def white_features(A: ArrayLike, variance: ArrayLike, *, noise: float = 0.0) -> Array:
    r"""The features as the white data have them: b_i = σ_i Σ^{−1/2} a_i with Σ = Σ_i σ_i² a_i a_iᵀ + noise² I.

    For unit q, :math:`\operatorname{E}\langle q,z\rangle^4=3+\sum_i\operatorname{kurt}(x_i)\langle b_i,q\rangle^4`.

    Parameters
    ----------
    A : array_like, shape (n, m)
        Features.
    variance : array_like, shape (m,)
        Variances of their coefficients.
    noise : float
        Standard deviation of the noise in each coordinate.

    Returns
    -------
    ndarray, shape (n, m)

    Raises
    ------
    ValueError
        If the covariance is singular, or shapes do not fit.

    References
    ----------
    Equation ``eq-white-quartic``, claim ``white-quartic``.

    Examples
    --------
    >>> white_features(np.eye(2), [4.0, 1.0], noise=0.0)
    array([[1., 0.],
           [0., 1.]])
    """
    atoms = as_dictionary(A)
    power = as_array(variance, "variance", ndim=1, shape=f"({atoms.shape[1]},)")
    if power.size != atoms.shape[1] or np.any(power <= 0):
        raise ValueError(f"variance: expected a positive number for each of {atoms.shape[1]} features, got {power}")
    scaled = atoms * np.sqrt(power)
    sigma = float(as_array(noise, "noise", ndim=0, shape="()"))
    return whitening_of_moment(scaled @ scaled.T + sigma**2 * np.eye(atoms.shape[0])).W @ scaled


def excess_kurtosis(law: str, theta: ArrayLike) -> Array:
    """Excess kurtosis of x = ξv: its fourth cumulant over its squared variance.

    Parameters
    ----------
    law : str
        A name of :data:`AMPLITUDES`.
    theta : array_like, shape () or (m,)
        Probabilities in (0, 1]; below 1 for the constant law.

    Raises
    ------
    ValueError
        If there is no such law, or a coefficient does not vary.

    Examples
    --------
    >>> round(float(excess_kurtosis("constant", 0.5)), 6)
    -2.0
    """
    _, variance, _, fourth = gated_cumulants(law, theta)
    if np.any(variance <= 0):
        raise ValueError("theta: expected coefficients that vary, got the constant law with an open gate")
    return np.asarray(fourth / variance**2)


def kurtosis_floor(theta: float) -> float:
    """The least excess kurtosis of any variable that takes one value with probability 1 − θ ≥ 1/2: 1/(θ(1−θ)) − 6.

    Parameters
    ----------
    theta : float
        In (0, 1/2].

    Raises
    ------
    TypeError, ValueError
        If θ is no number in (0, 1/2].

    References
    ----------
    Theorem ``thm-kurtosis-floor``.

    Examples
    --------
    >>> round(kurtosis_floor(0.1), 2), abs(kurtosis_floor((3 - 3**0.5) / 6)) < 1e-12
    (5.11, True)
    """
    theta = as_theta(theta)
    if theta > 0.5:
        raise ValueError(f"theta: expected at most 1/2, got {theta:g}")
    return 1.0 / (theta * (1.0 - theta)) - 6.0


def power_law(m: int, active: float, exponent: float = 0.5) -> Array:
    """Frequencies θ_i proportional to i^(−exponent) that add up to the mean number of active features of a sample.

    Parameters
    ----------
    m : int
        Number of features.
    active : float
        Sum of the frequencies.
    exponent : float
        Zero for equal frequencies.

    Returns
    -------
    ndarray, shape (m,)
        Decreasing.

    Raises
    ------
    TypeError, ValueError
        If the most frequent feature would be active more often than always, or a number is out of range.

    Examples
    --------
    >>> power_law(4, 1.0, 1.0).round(2)
    array([0.48, 0.24, 0.16, 0.12])
    """
    weights = np.arange(1.0, as_count(m, "m") + 1) ** -float(as_array(exponent, "exponent", ndim=0, shape="()"))
    theta = as_positive(active, "active") * weights / weights.sum()
    if theta.max() > 1:
        raise ValueError(
            f"active: expected at most {weights.sum() / weights.max():.4g} for {m} features, got {active:g}"
        )
    return theta


@dataclass(frozen=True)
class SuperpositionData:
    """A synthetic superposition with its truth: Y = AX + noise.

    Attributes
    ----------
    A : ndarray, shape (n, m)
        The features.
    X : ndarray, shape (m, p)
        Non-negative coefficients.
    Y : ndarray, shape (n, p)
        The data.
    theta : ndarray, shape (m,)
        How often each feature is active.
    """

    A: Array
    X: Array
    Y: Array
    theta: Array


def make_superposition(
    A: ArrayLike | tuple[int, int],
    p: int,
    theta: ArrayLike,
    *,
    law: str = "exponential",
    together: float | None = None,
    noise: float = 0.0,
    rng: np.random.Generator,
) -> SuperpositionData:
    """Data Y = AX + noise with non-negative sparse coefficients x = ξv, as in models of superposition.

    Parameters
    ----------
    A : array_like of shape (n, m), or a pair (n, m)
        The features, or the size of uniform random unit features to draw.
    p : int
        Number of samples.
    theta : float or array_like, shape (m,)
        Probability that a feature is active, in (0, 1]; see :func:`power_law`.
    law : str
        The law of the amplitudes, a name of :data:`AMPLITUDES`.
    together : float, optional
        Features 2k and 2k + 1 share a gate; given that it is open, the more frequent of the two is active with this
        probability, independently of the other.
        Without it all features are independent.
    noise : float
        Standard deviation of white Gaussian noise in each coordinate.
    rng : numpy.random.Generator
        The source of randomness.

    Returns
    -------
    SuperpositionData

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range; ``together`` is at least the largest frequency and at most one.

    Examples
    --------
    >>> import numpy as np
    >>> data = make_superposition((8, 16), 1000, power_law(16, 2.0), rng=np.random.default_rng(0))
    >>> data.Y.shape, bool(data.X.min() == 0), bool(abs(np.mean(data.X > 0) * 16 - 2) < 0.2)
    ((8, 1000), True, True)
    """
    rng, p, law = as_rng(rng), as_count(p, "p"), _law(law)
    if isinstance(A, tuple) and len(A) == 2 and all(np.ndim(size) == 0 for size in A):
        dictionary = random_unit(A[0], A[1], rng=rng)
    else:
        dictionary = as_dictionary(A)
    m = dictionary.shape[1]
    theta = np.broadcast_to(_probabilities(theta, m), (m,)).copy()
    sigma = float(as_array(noise, "noise", ndim=0, shape="()"))
    if sigma < 0:
        raise ValueError(f"noise: expected a standard deviation of at least 0, got {sigma:g}")
    X = _amplitudes(law, (m, p), rng)
    X *= _gates(theta, together, p, rng)
    Y = dictionary @ X
    if sigma:
        Y += sigma * rng.standard_normal(Y.shape)
    return SuperpositionData(A=dictionary, X=X, Y=Y, theta=theta)


def _gates(theta: Array, together: float | None, p: int, rng: np.random.Generator) -> np.ndarray:
    """Which features are active, shape (m, p)."""
    active = rng.random((theta.size, p))
    if together is None:
        return active < theta[:, None]
    given = float(as_array(together, "together", ndim=0, shape="()"))
    if not theta.max() <= given <= 1.0:
        raise ValueError(f"together: expected a number from the largest theta, {theta.max():g}, to 1, got {given:g}")
    pair = np.arange(theta.size) // 2
    gate = np.maximum.reduceat(theta, np.arange(0, theta.size, 2)) / given
    shared = rng.random((gate.size, p)) < gate[:, None]
    return (active < (theta / gate[pair])[:, None]) & shared[pair]


def orient(A: ArrayLike, Y: ArrayLike) -> Array:
    r"""The same features with the signs for which coefficients are skewed to the right, as sparse positive ones are.

    A fourth moment does not see signs, a third one does: with z = W(y − ȳ) the white data and q along Wa, the sign is
    that of :math:`\operatorname{E}\langle q,z\rangle^3`.

    Parameters
    ----------
    A : array_like, shape (n, m)
        Features up to sign.
    Y : array_like, shape (n, p)
        Data.

    Returns
    -------
    ndarray, shape (n, m)

    Raises
    ------
    TypeError, ValueError
        If the data cannot be whitened, or shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> data = make_superposition(np.eye(3), 2000, 0.1, rng=np.random.default_rng(0))
    >>> orient(np.diag([1.0, -1.0, -1.0]), data.Y).diagonal()
    array([1., 1., 1.])
    """
    atoms, data = as_dictionary(A), as_data(Y)
    if atoms.shape[0] != data.shape[0]:
        raise ValueError(f"A: expected {data.shape[0]} rows like Y, got shape {atoms.shape}")
    centred = data - data.mean(axis=1, keepdims=True)
    W = whitening(centred).W
    rows = (W @ (W @ atoms)).T
    third = np.zeros(atoms.shape[1])
    for start in range(0, data.shape[1], _TILE):
        t = rows @ centred[:, start : start + _TILE]
        third += np.sum(t * t * t, axis=1)
    return atoms * np.where(third < 0, -1.0, 1.0)
