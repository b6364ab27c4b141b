r"""A start that is good enough: how far a preconditioned sample is from a kernel, with explicit probability.

For a dictionary with AAᵀ ⪯ B I and a sample y = Ax with x ~ BG(θ), the data-driven start is q₀ = y/‖y‖.
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

import numpy as np
from numpy.typing import ArrayLike, NDArray

from l4lib.landscape.tails import _support_sizes
from l4lib.quartic import project
from l4lib.validate import Array, as_array, as_count, as_data, as_dictionary, as_positive, as_rng, as_theta

__all__ = [
    "StartBounds",
    "data_starts",
    "expected_start",
    "expected_start_on_support",
    "filter_offset",
    "height_after_offset",
    "start_bounds",
]


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


# Starts that are slightly off


def height_after_offset(alpha: float, distance: float, B: float, nu_max: float) -> float:
    r"""A lower bound of α at a unit vector at (chordal) distance d from one with height α.

    :math:`\bigl(\alpha^{1/4}-(B\nu_{\max}^2)^{1/4}d\bigr)_+^4`, because q ↦ ‖Aᵀq‖₄ is a seminorm.

    Parameters
    ----------
    alpha : float
        Height of the first point.
    distance : float
        ‖q − q'‖, at least 0.
    B, nu_max : float
        Upper frame bound, and the largest norm of an atom.

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
    alpha, B, nu_max = as_positive(alpha, "alpha"), as_positive(B, "B"), as_positive(nu_max, "nu_max")
    distance = float(distance)
    if not (np.isfinite(distance) and distance >= 0.0):
        raise ValueError(f"distance: expected a finite number of at least 0, got {distance}")
    return float(max(0.0, alpha**0.25 - (B * nu_max * nu_max) ** 0.25 * distance) ** 4)


def filter_offset(gain: ArrayLike, reference: ArrayLike) -> float:
    r"""A bound of ‖q̂₀ − q₀‖ for the starts that two circulant preconditioners make of any same sample.

    If the quotients of their gains lie in [a, b], then the angle is at most arcsin((b−a)/(b+a)).

    Parameters
    ----------
    gain, reference : array_like
        Positive gains at the same frequencies, such as :attr:`l4lib.data.CircularWhitening.gain`.

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
