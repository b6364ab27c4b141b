r"""The route ``"subspace"``: the span of the matrices a_i a_iᵀ, seen in the fourth moment of white data.

With independent coefficients the fourth moment on symmetric pairs is a multiple of the identity plus a form on
span{a_i a_iᵀ}, which is therefore its leading eigenspace (claim ``atom-subspace``).
On the sphere F(q) = ‖Π(qqᵀ)‖² <= 1, where Π projects on that span, is one exactly where qqᵀ lies in it: at the atoms,
if there are not too many.
It needs the number of atoms, and a matrix on pairs; but it succeeds where atoms are so many and coherent that limits of
the quartic itself are not theirs, as for m > 2n in a few dimensions.

References
----------
The use of the span is the subspace power method of Kileel and Pereira, arXiv:1912.04007.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import eigh

from l4lib.data import Samples, unique_lines
from l4lib.quartic import SymmetricQuartic, inner, project, random_points, rank_one_sum, smat, svec
from l4lib.recovery.cumulants import covariance_fit
from l4lib.recovery.search import Found, finish, nothing
from l4lib.validate import Array, as_count, as_points, as_tolerance

__all__ = ["AtomSubspace"]

_UP_TO = 40
"""Dimension up to which the matrix on pairs is affordable as a second opinion."""
_SAME, _TURN = 0.02, 1e-3
"""Limits are one atom when 1 − |correlation| is at most the first; runs stop when they turn by less than the second."""
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


def subspace_applies(n: int, wanted: int | None) -> bool:
    """Whether the number of atoms is known and not too large (n(n − 1)/2 by a count of dimensions)."""
    return wanted is not None and 2 <= n <= _UP_TO and wanted <= max(2 * n - 2, n * (n - 1) // 2)


def subspace_atoms(form: SymmetricQuartic, wanted: int, *, rng: np.random.Generator) -> tuple[Array, int]:
    """The best limits from random starts, until they explain the covariance; and the starts made."""
    subspace = AtomSubspace(form, wanted, single=True)
    ends, values, starts = np.empty((form.n, 0)), np.empty(0), 0
    atoms = ends
    while starts < 40 * wanted + 200:
        points = random_points(form.n, int(np.clip(6 * wanted, 32, 1024)), rng=rng)
        if atoms.shape[1]:  # the direction that is explained least is the best guess at a missing atom
            points[:, 0] = covariance_fit(atoms).direction
        reached, value, good = subspace.maximise(points, tol=_TURN)
        starts += points.shape[1]
        ends, values = np.hstack([ends, reached[:, good]]), np.concatenate([values, value[good]])
        if values.size:
            atoms = unique_lines(ends[:, np.argsort(-values, kind="stable")], tol=_SAME)[0][:, :wanted]
            if atoms.shape[1] == wanted and covariance_fit(atoms).complete:
                break
    return atoms, starts


def by_subspace(samples: Samples, wanted: int | None, *, rng: np.random.Generator) -> Found:
    """The subspace of some samples of the first half, of more if that was not enough; then as every route."""
    n, h = samples.n, samples.half
    pairs = n * (n + 1) // 2
    first = min(h, max(5000, 4 * pairs, 200_000_000 // pairs**2))
    found = nothing(samples)
    for size in sorted({first, min(h, 5 * first)}):
        V = np.ascontiguousarray(samples.rows[:size].T)
        atoms, starts = subspace_atoms(
            SymmetricQuartic(n, rank_one_sum(V, 1.0 / (size * samples.scale))), wanted or n, rng=rng
        )
        if atoms.shape[1]:
            found = finish(samples, atoms, size, starts=starts)
            if atoms.shape[1] == wanted and covariance_fit(found.A).complete:
                break
    return found
