r"""The subspace of a dictionary: the span of the matrices a_i a_iᵀ, seen in the fourth moment of white data.

With independent coefficients the fourth moment on symmetric pairs is a multiple of the identity plus a form on
span{a_i a_iᵀ}, which is therefore its leading eigenspace (claim ``atom-subspace``).
On the sphere F(q) = ‖Π(qqᵀ)‖² <= 1, where Π projects on that span, is one exactly where qqᵀ lies in it: at the atoms,
if there are not too many.
So in the population the best points are the atoms themselves, all alike, and no sample is needed once Π is known.
What the atoms found must explain is the covariance: Σ w_i a_i a_iᵀ = I for white data with positive w_i, and an atom
that is missing leaves a direction that is not explained.

References
----------
The use of the span is the subspace power method of Kileel and Pereira, arXiv:1912.04007.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import eigh

from l4lib.data import cubed
from l4lib.quartic import SymmetricQuartic, inner, project, smat, svec
from l4lib.validate import Array, as_count, as_dictionary, as_points, as_tolerance

__all__ = ["AtomSubspace", "CovarianceFit", "explain_covariance", "separate"]

_POINTS = 128
"""Points at a time, which bounds the n × n matrices in memory."""


class AtomSubspace:
    """The span of a_i a_iᵀ as the leading eigenspace of a fourth moment, and the quartic F(q) = ‖Π(qqᵀ)‖².

    Parameters
    ----------
    form : SymmetricQuartic
        Fourth moment of white data.
    n_atoms : int
        The dimension m of the span.
    single : bool
        Work in single precision, which is enough for a start and about twice as fast.

    Attributes
    ----------
    n : int
        Dimension.
    basis : ndarray, shape (n(n+1)/2, m)
        An orthonormal basis on symmetric pairs.
    spectrum : ndarray, shape (m + 1,)
        The leading eigenvalues, descending; the method lives on the gap before the last.

    Raises
    ------
    ValueError
        If m is not less than n(n+1)/2.

    Examples
    --------
    >>> import numpy as np
    >>> from l4lib.data import simplex
    >>> A = simplex(4)
    >>> F = AtomSubspace(SymmetricQuartic.from_dictionary(A), 5)
    >>> F.value(A).round(9)
    array([1., 1., 1., 1., 1.])
    """

    def __init__(self, form: SymmetricQuartic, n_atoms: int, *, single: bool = False) -> None:
        m, d = as_count(n_atoms, "n_atoms"), form.D.shape[0]
        if m >= d:
            raise ValueError(f"n_atoms: expected fewer than n(n+1)/2 = {d} for n = {form.n}, got {m}")
        self.n = form.n
        D = form.D.astype(np.float32) if single else form.D
        values, vectors = eigh(D, subset_by_index=[d - m - 1, d - 1])
        self.spectrum = values[::-1]
        self.basis = np.ascontiguousarray(vectors[:, 1:])

    def value(self, Q: ArrayLike) -> Array:
        """F at unit columns: a scalar array for (n,), shape (r,) for (n, r).

        Raises
        ------
        TypeError, ValueError
            If Q is not finite or its first dimension is not n.
        """
        points = as_points(Q, self.n)
        coefficients = self.basis.T @ svec(points.reshape(self.n, -1))
        return inner(coefficients, coefficients).reshape(points.shape[1:])

    def euclidean_gradient(self, Q: ArrayLike) -> Array:
        """∇F = 4 Π(qqᵀ)q, same shape as Q.

        Raises
        ------
        TypeError, ValueError
            If Q is not finite or its first dimension is not n.
        """
        points = as_points(Q, self.n)
        return self._gradient(points.reshape(self.n, -1)).reshape(points.shape).astype(np.float64)

    def _gradient(self, batch: np.ndarray) -> np.ndarray:
        gradient = np.empty_like(batch)
        for start in range(0, batch.shape[1], _POINTS):
            part = batch[:, start : start + _POINTS]
            projected = self.basis @ (self.basis.T @ svec(part))
            gradient[:, start : start + _POINTS] = 4.0 * np.einsum("ijr,jr->ir", smat(projected, self.n), part)
        return gradient

    def maximise(
        self, Q: ArrayLike, *, tol: float = 1e-6, max_iterations: int = 500
    ) -> tuple[Array, Array, np.ndarray]:
        """The power map q ← ∇F/‖∇F‖ from each column until it turns by at most ``tol`` (the sine of the angle).

        F need not be convex, so that it may decrease on the way; runs that do not settle are reported as such.

        Parameters
        ----------
        Q : array_like, shape (n, r)
            Starts.
        tol : float
            Tolerance.
        max_iterations : int
            Limit for every start.

        Returns
        -------
        points, shape (n, r), their values F, shape (r,), and which converged, shape (r,)

        Raises
        ------
        TypeError, ValueError
            If Q is not finite or its first dimension is not n, or an option is out of range.
        """
        points = project(as_points(Q, self.n)).astype(self.basis.dtype)
        tol, limit = as_tolerance(tol, "tol"), as_count(max_iterations, "max_iterations")
        converged = np.zeros(points.shape[1], dtype=bool)
        for _ in range(limit):
            active = np.flatnonzero(~converged)
            if not active.size:
                break
            batch = points[:, active]
            new = self._gradient(batch)
            new /= np.linalg.norm(new, axis=0)
            converged[active] = np.linalg.norm(new - batch * np.sum(new * batch, axis=0), axis=0) <= tol
            points[:, active] = new
        ends = project(points.astype(np.float64))
        return ends, self.value(ends), converged


@dataclass(frozen=True)
class CovarianceFit:
    """How far atoms explain the covariance of white data: the least-squares fit Σ w_i a_i a_iᵀ ≈ I.

    Attributes
    ----------
    weights : ndarray, shape (m,)
        The w_i: the variance that each atom carries.
    unexplained : float
        The largest eigenvalue of I − Σ w_i a_i a_iᵀ: at a missing atom about its variance, else sampling error.
    direction : ndarray, shape (n,)
        Where it is attained: near the atom that is missing, if one is.
    complete : bool
        Whether all weights are positive and no direction is left that carries half as much as the least atom.
    """

    weights: Array
    unexplained: float
    direction: Array
    complete: bool


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
    atoms = project(as_dictionary(A))
    gram = atoms.T @ atoms
    weights: Array = np.asarray(np.linalg.lstsq(gram * gram, np.ones(atoms.shape[1]), rcond=None)[0], dtype=np.float64)
    values, vectors = np.linalg.eigh(np.eye(atoms.shape[0]) - (atoms * weights) @ atoms.T)
    unexplained = float(values[-1])
    return CovarianceFit(
        weights=weights,
        unexplained=unexplained,
        direction=vectors[:, -1],
        complete=bool(np.min(weights) > 0 and unexplained <= 0.5 * np.min(weights)),
    )


def separate(U: np.ndarray, A: ArrayLike, *, tol: float = 1e-3, max_passes: int = 20) -> tuple[Array, bool]:
    r"""Sharpen all atoms together on the directions of many samples, each pass as cheap as one gradient.

    If the fourth moment is Σ_j κ_j a_j^{⊗4} and an isotropic part 3c, the vectors g_i = E⟨a_i, u⟩³u are
    Σ_j κ_j⟨a_i, a_j⟩³ a_j + 3c a_i: the other atoms leak into the power map, the bias of the minimisers of φ_DL.
    Here κ and c are fitted to the measured ⟨g_i, a_i⟩ and E‖u‖⁴, and the m equations are solved for the atoms.

    Parameters
    ----------
    U : ndarray, shape (n, p)
        White samples or their directions, in single or double precision.
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
        If A is not a dictionary of n rows, U is not finite, or an option is out of range.

    References
    ----------
    Equation ``eq-separate``.

    Examples
    --------
    >>> import numpy as np
    >>> from l4lib.data import match_atoms
    >>> from l4lib.data import make_odl
    >>> data = make_odl((8, 10), 50_000, 0.1, rng=np.random.default_rng(0))
    >>> U = project(data.Y[:, np.any(data.Y != 0, axis=0)])
    >>> rough = project(data.A + 0.05 * np.random.default_rng(1).standard_normal((8, 10)))
    >>> fine, settled = separate(U, rough)
    >>> match_atoms(rough, data.A).max_error > 0.005, match_atoms(fine, data.A).max_error < 0.001
    (True, True)
    """
    atoms = project(as_dictionary(A))
    tol, limit = as_tolerance(tol, "tol"), as_count(max_passes, "max_passes")
    n, m = atoms.shape
    if U.ndim != 2 or U.shape[0] != n:
        raise ValueError(f"A: expected {U.shape[0]} rows like U, got shape {atoms.shape}")
    squares = np.einsum("ij,ij->j", U, U).astype(np.float64)
    trace = float(np.mean(squares * squares))
    if not np.isfinite(trace):
        raise ValueError(f"U: expected finite numbers, got {np.count_nonzero(~np.isfinite(U))} NaN or infinite")
    for _ in range(limit):
        total = cubed(U, atoms.astype(U.dtype)) / U.shape[1]
        C = atoms.T @ atoms
        cubes = C * C * C
        equations = np.block([[cubes * C, np.full((m, 1), 3.0)], [np.ones((1, m)), np.full((1, 1), n * (n + 2.0))]])
        measured = np.append(inner(total, atoms), trace)
        solution = np.linalg.lstsq(equations, measured, rcond=None)[0]
        mixing = solution[:m, None] * cubes + 3.0 * solution[m] * np.eye(m)
        new = project(np.asarray(np.linalg.lstsq(mixing.T, total.T, rcond=None)[0].T, dtype=np.float64))
        agreement = inner(new, atoms)
        turn = float(np.sqrt(np.max(np.clip(1.0 - agreement * agreement, 0.0, None))))
        atoms = new * np.where(agreement < 0, -1.0, 1.0)
        if turn <= tol:
            return atoms, True
    return atoms, False
