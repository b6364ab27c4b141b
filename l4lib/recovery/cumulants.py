r"""What a fourth moment Σ_j κ_j a_j^{⊗4} plus an isotropic part says about its atoms, without another look at the data.

For samples v of unit mean fourth power of the norm, and Q near the atoms A,

    g_i = E⟨q_i, v⟩³v = Σ_j κ_j C_ji³ a_j + 3c q_i,    C = AᵀQ,

which one pass over the data measures.
The right-hand side has as many unknowns as equations, A, κ and c, and is solved by :func:`separated`; the part of the
moment that is second-order, I = Σ_j w_j a_j a_jᵀ in white coordinates, by :func:`explain_covariance`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from l4lib.data import cubed
from l4lib.quartic import inner, project
from l4lib.validate import Array, as_array, as_count, as_dictionary, as_tolerance

__all__ = ["CovarianceFit", "Separation", "explain_covariance", "separate", "separated"]

SAME = 0.9
"""Correlation from which two atoms are one."""
OWN = 0.4
"""Share of the excess measured at a point that an atom must own; a duplicate, or a mixture of others, owns less."""
_HUGE = 1e6
"""Weights of a covariance fit that say that the equations are singular."""
_INNER, _FAR, _INNER_TOL = 6, 0.5, 0.1
"""Iterations of the equations by default, the turn from which one is enough, and the share of it that may be left."""


class FourthPowers(Protocol):
    """A fourth moment: what a search evaluates."""

    @property
    def n(self) -> int:
        """Dimension."""

    def cubes(self, Q: Array) -> Array:
        """Mean of ⟨q, v⟩³v for each column of Q, shape (n, r), with E‖v‖⁴ = 1."""

    def starts(self, r: int, left: Array | None, rng: np.random.Generator) -> Array:
        """At most r unit starts; ``left`` is the covariance that is not explained, if atoms are known."""


def _solve(M: Array, b: Array) -> Array:
    try:
        return np.asarray(np.linalg.solve(M, b), dtype=np.float64)
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.lstsq(M, b, rcond=None)[0], dtype=np.float64)


def fit_cumulants(C: Array, fourth: Array, n: int) -> tuple[Array, float]:
    """κ and c from fourth_i = Σ_j κ_j C_ji⁴ + 3c and Σ_j κ_j + n(n+2)c = 1.

    Examples
    --------
    >>> kappa, c = fit_cumulants(np.eye(2), np.array([0.475, 0.375]), 2)
    >>> kappa.round(9), round(c, 9)
    (array([0.25, 0.15]), 0.075)
    """
    squares = C * C
    x = _solve((squares * squares).T, np.column_stack([fourth, np.ones(fourth.size)]))
    rest = n * (n + 2.0) - 3.0 * float(x[:, 1].sum())
    c = float(1.0 - x[:, 0].sum()) / rest if rest else 0.0  # in one dimension κ and c cannot be told apart
    return x[:, 0] - 3.0 * c * x[:, 1], c


def cumulant_map(inverse: Array, n: int) -> Array:
    """The matrix (m, m + 1) that takes fourth powers at the atoms, and E‖v‖⁴, to κ; ``inverse`` is that of C^{∘4}.

    Examples
    --------
    >>> (cumulant_map(np.eye(2), 2) @ [0.475, 0.375, 1.0]).round(9)
    array([0.25, 0.15])
    """
    sums = inverse.sum(axis=1)
    rest = n * (n + 2.0) - 3.0 * float(sums.sum()) or np.inf
    return np.column_stack([inverse + np.outer(sums, 3.0 / rest * sums), -3.0 / rest * sums])


def fourth_inverse(C: Array) -> Array:
    """The inverse of C^{∘4}, or its pseudo-inverse if there is none."""
    squares = C * C
    try:
        inverse = np.linalg.inv(squares * squares)
    except np.linalg.LinAlgError:
        inverse = np.linalg.pinv(squares * squares, hermitian=True)
    return np.asarray(inverse)


@dataclass(frozen=True)
class Separation:
    """What one pass at the points Q says.

    Attributes
    ----------
    A : ndarray, shape (n, m)
        Atoms.
    kappa : ndarray, shape (m,)
        Their fourth cumulants.
    excess : ndarray, shape (m,)
        The fourth power measured at each point less that of the isotropic part, 3c.
    turn : ndarray, shape (m,)
        Sine of the angle between each atom and its point; infinite if the equations have no solution.
    left : float
        By what further iterations are forecast to turn the atoms, as the root of the sum of squared sines.
    steps : int
        Iterations made: few for incoherent atoms.
    """

    A: Array
    kappa: Array
    excess: Array
    turn: Array
    left: float = 0.0
    steps: int = 0

    @property
    def owns(self) -> np.ndarray:
        """Which atoms own the excess measured at their points, and share their direction with no heavier one."""
        return (self.excess > 0) & (self.kappa > OWN * self.excess) & ~shadowed(self.A, self.kappa)


def separated(
    G: Array, Q: Array, A: Array | None = None, *, c: float | None = None, steps: int = _INNER, tol: float = _INNER_TOL
) -> Separation:
    """The atoms that explain the vectors g_i measured at the points q_i.

    Parameters
    ----------
    G, Q : ndarray, shape (n, m)
        Measured vectors, and unit points.
    A : ndarray, shape (n, m), optional
        Unit atoms from which the equations are solved, by default Q.
    c : float, optional
        The isotropic part, if it is known, as it is where the other atoms were subtracted from G.
    steps, tol : int, float
        The equations are iterated at most so often, or until what is forecast to be left is less than this share of the
        largest turn; once only if an atom turns by more than a half.
    """
    n, m = Q.shape
    fourth = inner(G, Q)
    A = Q if A is None else A
    C = A.T @ Q
    kappa, level = _cumulants(C, fourth, n, c)
    turn, step, left, made = np.zeros(m), np.inf, np.inf, 0
    image = last = np.zeros_like(A)
    while made < steps:
        X = _solve((C * C * C).T, (G - 3.0 * level * Q).T).T  # κ_j a_j
        if not np.isfinite(X).all():
            return Separation(Q, kappa, fourth - 3.0 * level, np.full(m, np.inf))
        new = _unit(X)
        new *= np.where(inner(new, Q) < 0, -1.0, 1.0)
        change, before = new - A, step
        step = float(np.linalg.norm(change))
        A = new
        if made:  # Anderson's mixing with the step before, in which what oscillates cancels
            differs = change - last
            share = float(np.vdot(change, differs)) / max(float(np.vdot(differs, differs)), 1e-300)
            A = _unit(new + min(max(share, -1.0), 0.9) * (image - new))
        image, last, made = new, change, made + 1
        C, turn = A.T @ Q, sines(A, Q)
        if c is None:
            level = (1.0 - float(np.vdot(X, A))) / (n * (n + 2.0))
        left = step * step / (before - step) if step < before < np.inf else step  # if steps go on shrinking so
        if turn.max() > _FAR or left < tol * float(np.linalg.norm(turn)) + 1e-9:
            break
    kappa, level = _cumulants(C, fourth, n, c)
    return Separation(A, kappa, fourth - 3.0 * level, turn, left, made)


def shadowed(A: Array, kappa: Array) -> np.ndarray:
    """Which of the atoms are, for a fourth moment, the same as one with a larger cumulant.

    Examples
    --------
    >>> shadowed(np.array([[1.0, 0.98], [0.0, 0.2]]), np.array([0.5, 0.4]))
    array([False,  True])
    """
    order = np.argsort(-kappa, kind="stable")
    near = np.abs(A[:, order].T @ A[:, order]) >= SAME
    out = np.empty(kappa.size, dtype=bool)
    out[order] = np.tril(near, -1).any(axis=1)
    return out


def _cumulants(C: Array, fourth: Array, n: int, c: float | None) -> tuple[Array, float]:
    """κ and c of the atoms, of which the latter may be known."""
    if c is None:
        return fit_cumulants(C, fourth, n)
    squares = C * C
    return _solve((squares * squares).T, fourth - 3.0 * c), c


def _unit(Q: Array) -> Array:
    """Columns scaled to norm one; zero columns stay zero."""
    return Q / np.maximum(np.sqrt(inner(Q, Q)), 1e-300)


def sines(A: Array, B: Array) -> Array:
    """Sines of the angles between unit columns, accurate for small ones.

    Examples
    --------
    >>> sines(np.array([[1.0], [0.0]]), np.array([[0.0], [1.0]]))
    array([1.])
    """
    rest = A - B * inner(A, B)
    return np.minimum(np.sqrt(inner(rest, rest)), 1.0)


class _Given:
    """The fourth moment of samples that were handed over as columns."""

    def __init__(self, V: np.ndarray) -> None:
        self.rows = np.ascontiguousarray(V.T)
        squares = np.einsum("ij,ij->i", self.rows, self.rows).astype(np.float64)
        self.scale = float(squares @ squares)

    def cubes(self, Q: Array) -> Array:
        return cubed(self.rows, Q) / self.scale


def separate(V: ArrayLike, A: ArrayLike, *, tol: float = 1e-3, max_passes: int = 20) -> tuple[Array, bool]:
    r"""Sharpen all atoms together on many samples, each pass as cheap as one gradient.

    The equations of the module are solved for the atoms after each pass over the samples.

    Parameters
    ----------
    V : array_like, shape (n, p)
        White samples, tempered or not.
    A : array_like, shape (n, m)
        Nearly right unit atoms in white coordinates.
    tol : float
        Stop when no atom turns by more (the sine of the angle).
    max_passes : int
        Limit.

    Returns
    -------
    atoms, shape (n, m), and whether the last pass turned no atom by more than ``tol``

    Raises
    ------
    TypeError, ValueError
        If V or A is not a finite matrix, their rows differ, or an option is out of range.

    References
    ----------
    Equation ``eq-separate``; claims ``separate-fixed-point`` and ``separation-rate``.

    Examples
    --------
    >>> from l4lib.data import make_odl, match_atoms, tempered
    >>> data = make_odl((8, 10), 50_000, 0.1, rng=np.random.default_rng(0))
    >>> rough = project(data.A + 0.05 * np.random.default_rng(1).standard_normal((8, 10)))
    >>> fine, settled = separate(tempered(data.Y), rough)
    >>> match_atoms(rough, data.A).max_error > 0.005, match_atoms(fine, data.A).max_error < 0.001
    (True, True)
    """
    samples, atoms = as_array(V, "V", ndim=2, shape="(n, p)"), project(as_dictionary(A))
    tol, limit = as_tolerance(tol, "tol"), as_count(max_passes, "max_passes")
    if samples.shape[0] != atoms.shape[0]:
        raise ValueError(f"A: expected {samples.shape[0]} rows like V, got shape {atoms.shape}")
    moment = _Given(samples)
    for _ in range(limit):
        found = separated(moment.cubes(atoms), atoms)
        if not np.isfinite(found.turn).all():
            return atoms, False
        atoms = found.A
        if found.turn.max() <= tol:
            return atoms, True
    return atoms, False


@dataclass(frozen=True)
class CovarianceFit:
    """How far atoms explain the covariance of white data: the least-squares fit Σ w_i a_i a_iᵀ ≈ I.

    Attributes
    ----------
    weights : ndarray, shape (m,)
        The w_i: the variance that each atom carries.
    residual : ndarray, shape (n, n)
        I − Σ w_i a_i a_iᵀ.
    """

    weights: Array
    residual: Array

    @cached_property
    def _eigen(self) -> tuple[Array, Array]:
        values, vectors = np.linalg.eigh(self.residual)
        return values, vectors

    @property
    def values(self) -> Array:
        """Eigenvalues of the residual, ascending; the last is, at a missing atom, about its variance, else small."""
        return self._eigen[0]

    @property
    def vectors(self) -> Array:
        """Its eigenvectors; the last is near the atom that is missing, if one is."""
        return self._eigen[1]

    @property
    def unexplained(self) -> float:
        """The largest eigenvalue of the residual over the least weight; infinite if a weight is not positive."""
        least = float(np.min(self.weights))
        return float(self.values[-1]) / least if least > 0 else float("inf")

    @property
    def direction(self) -> Array:
        """Where it is attained."""
        return self.vectors[:, -1]

    @property
    def complete(self) -> bool:
        """Whether all weights are positive and no direction is left that carries half as much as the least atom."""
        return self.unexplained <= 0.5


def explain_covariance(A: ArrayLike) -> CovarianceFit:
    """Fit the identity, the covariance of white data, by the atoms: a dictionary with an atom missing cannot.

    Parameters
    ----------
    A : array_like, shape (n, m)
        Unit atoms in white coordinates.

    Returns
    -------
    CovarianceFit

    Raises
    ------
    TypeError, ValueError
        If A is not a dictionary.

    References
    ----------
    Claim ``covariance-explained``.

    Examples
    --------
    >>> from l4lib.data import simplex
    >>> A = simplex(3)
    >>> explain_covariance(A).complete, explain_covariance(A[:, :3]).complete
    (True, False)
    """
    return covariance_fit(project(as_dictionary(A)))


def covariance_fit(A: Array, S: Array | None = None) -> CovarianceFit:
    """:func:`explain_covariance` of unit columns that were checked before; of the covariance S, if it is given."""
    gram = A.T @ A
    S = np.eye(A.shape[0]) if S is None else S
    energies = inner(A, S @ A)
    weights = _solve(gram * gram, energies)
    if not np.max(np.abs(weights)) < _HUGE:  # dependent or equal atoms
        weights = np.asarray(np.linalg.lstsq(gram * gram, energies, rcond=None)[0], dtype=np.float64)
    return CovarianceFit(weights, S - (A * weights) @ A.T)
