"""The largest value of a quartic form on the sphere, from both sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from l4lib.quartic import (
    SymmetricQuartic,
    pairs,
    project,
    random_points,
    tangent,
    tangent_basis,
)
from l4lib.validate import (
    Array,
    as_count,
    as_rng,
    as_tolerance,
)

__all__ = ["InjectiveNorm", "injective_norm"]


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
