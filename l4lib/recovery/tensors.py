r"""Symmetric tensors of order four as sums of fourth powers, T = Σ w_i a_i^{⊗4}, with many more atoms than dimensions.

On symmetric pairs T is the matrix D = Σ w_i v_i v_iᵀ with v_i = svec(a_i a_iᵀ), and its range V is the span of the v_i.
A unit vector q with svec(qqᵀ) in V is an atom, if the atoms are generic and not too many (:func:`rank_limit`).
The defect ‖qqᵀ − Π(qqᵀ)‖ of many random points is reduced together, first by the power map of F(q) = ‖Π(qqᵀ)‖², which
is global, then by Gauss–Newton steps, which are quadratic (claim ``gauss-newton-polish``).
Found atoms are removed from the span: D⁻¹v_k is orthogonal to every v_j but v_k (claim ``tensor-deflation``), so that
the next points see only what is missing; the last n atoms come from two matrices (claim ``tensor-pencil``).
Polishing always uses the whole span, so that errors do not add up over the rounds.

References
----------
The use of F, and its deflation one atom at a time, are the subspace power method of Kileel and Pereira,
arXiv:1912.04007; two matrices that are diagonalised together, Leurgans, Ross and Abel, SIAM J. Matrix Anal. Appl. 14
(1993) 1064–1083.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import blas, lapack, solve_triangular

from l4lib.quartic import SymmetricQuartic, inner, pairs, project, random_points
from l4lib.recovery.unfold import unfold
from l4lib.validate import Array, as_count, as_rng, as_tolerance

__all__ = ["Decomposition", "decompose", "rank_limit"]

_EXTRA = 8
"""Columns of the sketch beyond the rank, which must come out as rounding."""
_ROUNDING = 1e-12
"""Relative size of what a sketch may leave."""
_EXACT, _LARGEST = 1e-10, 0.1
"""The defect of an atom of an exact tensor, and the largest, whatever the noise."""
_SAME = 1 - 1e-6
"""Correlation from which two points count as one atom."""
_ENTRIES = 1 << 17
"""Entries of the n × k matrices of Gauss–Newton steps at a time."""
_MOMENTUM = 0.7
"""How much of its last step a climbing point takes again, before the power map."""
_SETTLED = 1 - 5e-5
"""The cosine of the turn, a hundredth, from which a climbing point is left to Gauss–Newton."""
_IDLE = 6
"""Rounds without a new atom after which the search ends."""
_ISOLATED = 1e-5
"""The least ν of an atom that counts as isolated."""


def rank_limit(n: int) -> int:
    """The largest number of generic atoms whose span contains no other matrix of rank one.

    That is n(n−1)/2, the codimension of the matrices of rank one, and one more for n <= 3, where the 2^{n−1} points of
    the next section are the atoms themselves.

    Raises
    ------
    TypeError, ValueError
        If n is not a whole number of at least 1.

    References
    ----------
    Claim ``trisecant``.

    Examples
    --------
    >>> [rank_limit(n) for n in (1, 2, 3, 4, 20)]
    [1, 2, 4, 6, 190]
    """
    n = as_count(n, "n")
    return n * (n - 1) // 2 + (n <= 3)


@dataclass(frozen=True)
class Decomposition:
    """T ≈ Σ w_i a_i^{⊗4}, and what speaks for it, recomputed from the atoms returned.

    Attributes
    ----------
    A : ndarray, shape (n, r)
        Unit atoms found, by descending size of their weights; their signs are arbitrary.
    weights : ndarray, shape (r,)
        The w_i, of either sign, that fit T best with these atoms.
    rank : int
        The rank of T on symmetric pairs: how many atoms there have to be.
    residual : float
        ‖T − Σ w_i a_i^{⊗4}‖/‖T‖ in the Frobenius norm.
    defect : float
        The largest distance of an a_i a_iᵀ from the range of T.
    isolation : float
        A lower bound of all ν_i: at zero an atom is one of a continuum, and the decomposition not unique.
    complete : bool
        Whether there are as many atoms as the rank, all isolated, and nothing of T is left beyond the tolerance.
    starts, rounds : int
        Random points that climbed, and how many rounds it took, those without points included.
    """

    A: Array
    weights: Array
    rank: int
    residual: float
    defect: float
    isolation: float
    complete: bool
    starts: int
    rounds: int


def decompose(
    T: SymmetricQuartic | tuple[ArrayLike, ArrayLike] | ArrayLike,
    m: int | None = None,
    *,
    rng: np.random.Generator,
    tol: float = 1e-9,
    max_rounds: int = 60,
) -> Decomposition:
    r"""Decompose a symmetric tensor of order four into fourth powers, T = Σ w_i a_i^{⊗4}.

    Parameters
    ----------
    T : array_like of shape (n, n, n, n), SymmetricQuartic, or tuple of A, shape (n, N), and weights, shape (N,)
        The tensor, as it is, as a quartic form, or as a sum of fourth powers of the columns of A, not all different
        perhaps.
    m : int, optional
        The number of atoms; without it, the rank of T on symmetric pairs.
    rng : numpy.random.Generator
        For the starts.
    tol : float
        Size of what in T is noise: eigenvalues below ``tol`` times the largest count as zero, and a residual up to
        twice √(n(n+1)/2) ``tol`` as complete.
        Raise it for a tensor that was measured.
    max_rounds : int
        Limit.

    Returns
    -------
    Decomposition
        Weights may have either sign: what the method needs is that they are not zero and that the a_i a_iᵀ are
        independent.

    Raises
    ------
    TypeError, ValueError
        If T is not finite, not symmetric, zero, or has more rows than 96; if it has a rank above the limit, where its
        range contains matrices of rank one that are no atoms; or if m is not its rank at this ``tol``.

    References
    ----------
    Claims ``tensor-deflation``, ``tensor-pencil``, ``gauss-newton-polish``, ``trisecant``.

    Examples
    --------
    >>> import numpy as np
    >>> from l4lib.data import match_atoms
    >>> A = project(np.random.default_rng(0).standard_normal((6, 15)))
    >>> T = np.einsum("ai,bi,ci,di->abcd", A, A, A, A)
    >>> found = decompose(T, rng=np.random.default_rng(1))
    >>> found.rank, found.complete, found.residual < 1e-10, match_atoms(found.A, A).recovered(1e-10)
    (15, True, True, 15)
    """
    rng, tol, limit = as_rng(rng), as_tolerance(tol, "tol"), as_count(max_rounds, "max_rounds")
    wanted = None if m is None else as_count(m, "m")
    n, D = unfold(T, rng, tol)
    scale = float(np.linalg.norm(D))
    if scale == 0.0:
        raise ValueError("T: expected a nonzero tensor, got zeros")
    D *= 1.0 / scale
    if wanted is not None and wanted > rank_limit(n):
        raise ValueError(f"m: {_too_many(wanted, n)}")
    span = _range(D, n, wanted, tol, rng)
    dimension = span.directions()
    if span.rank > rank_limit(dimension):
        raise ValueError(f"T: {_too_many(span.rank, dimension)}")
    atoms, nus, starts, rounds = _search(span, limit, rng)
    return _report(D, scale, span, atoms, nus, tol, starts, rounds)


def _too_many(rank: int, n: int) -> str:
    return (
        f"expected a rank of at most {rank_limit(n)} in {n} dimensions, got {rank}: beyond it the span of generic "
        "atoms contains other matrices of rank one, which cannot be told from atoms"
    )


class _Span:
    """The range of D: an orthonormal basis V, the inverse of D on it, and the defect that an atom may have."""

    def __init__(self, n: int, V: Array, inverse: Array, allowed: float) -> None:
        self.n, self.V, self.rank, self.inverse, self.allowed = n, V, V.shape[1], inverse, allowed
        self.pairs = i, j, _ = pairs(n)
        index = np.empty((n, n), dtype=np.intp)
        index[i, j] = index[j, i] = np.arange(i.size)
        self.index = index.ravel()
        self.matrices = self.square(V).reshape(n, -1)

    def lift(self, Q: np.ndarray) -> np.ndarray:
        """The svec of qqᵀ for each column, as :func:`svec`, which would make the pairs anew."""
        i, j, weight = self.pairs
        V: np.ndarray = Q[i]
        V *= Q[j]
        V *= weight.astype(Q.dtype)[:, None]
        return V

    def square(self, V: np.ndarray) -> np.ndarray:
        """Columns on symmetric pairs as columns on all pairs, shape (n², k)."""
        return (V / self.pairs[2].astype(V.dtype)[:, None])[self.index]

    def directions(self) -> int:
        """The dimension of the span of the atoms: of the columns of all matrices in V."""
        values = np.linalg.eigvalsh(self.matrices @ self.matrices.T)
        return int(np.count_nonzero(values > 1e-10 * values[-1]))

    def project(self, Q: Array) -> tuple[Array, Array]:
        """The defect of each unit column, and Π(qqᵀ) q."""
        lifted = self.lift(Q)
        inside = self.V @ (self.V.T @ lifted)
        images: Array = np.einsum("ijr,jr->ir", self.square(inside).reshape(self.n, self.n, -1), Q)
        lifted -= inside
        return np.sqrt(inner(lifted, lifted)), images

    def settle(self, Q: Array) -> tuple[Array, Array, Array]:
        """Points near atoms to rounding: a Gauss–Newton step, then two with its inverse.

        Returns the points, their defects before the last step, and lower bounds of their ν.
        ν² is the least eigenvalue of I − 2PWWᵀP on the complement of q, where its inverse is N = M⁻¹ − uuᵀ/⟨q, u⟩ with
        M = I − 2WWᵀ and u = M⁻¹q, so that the Frobenius norm of N is at least 1/ν²; and ν changes by at most twice what
        q moves (the last paragraph of the proof of the same claim).
        """
        n, r = Q.shape
        begin, N, ends = Q, np.empty((r, n, n)), np.empty((r, n))
        for here in _chunks(r, n * self.rank):
            q = np.ascontiguousarray(Q[:, here].T)
            inverse = np.linalg.inv(_normal_matrices(self.matrices, q, self.rank))
            u = np.matmul(inverse, q[:, :, None])[:, :, 0]
            over = u / _away_from_zero(np.einsum("ri,ri->r", q, u))[:, None]
            N[here] = inverse - u[:, :, None] * over[:, None, :]
            ends[here] = _step(q, 0.5 * (over - q))[0]
        Q = ends.T
        for _ in range(2):
            defects, images = self.project(Q)
            images -= Q * inner(Q, images)
            Q = _step(Q.T, np.matmul(N, images.T[:, :, None])[:, :, 0])[0].T
        nus = 1.0 / np.sqrt(np.maximum(np.linalg.norm(N, axis=(1, 2)), 1.0)) - 2.0 * np.linalg.norm(Q - begin, axis=0)
        return Q, defects, np.maximum(nus, 0.0)


def _range(D: Array, n: int, m: int | None, tol: float, rng: np.random.Generator) -> _Span:
    """The range of D, from a sketch whose last columns show that nothing is left, else from all eigenvalues."""
    d = D.shape[0]
    for columns in (4 * n, (4 * d) // 5) if m is None else (m + _EXTRA,):
        if columns > 0.8 * d:
            break
        # Columns of the triangle beyond the rank are rounding; if none or too few are, the sketch says nothing.
        sketch = rng.uniform(-1.0, 1.0, (d, columns))
        image = D @ sketch
        qr, tau, _, _ = lapack.dgeqrf(image, lwork=64 * columns)
        diagonal = np.abs(np.diag(qr))
        rank = int(np.flatnonzero(diagonal > _ROUNDING * diagonal.max())[-1]) + 1
        seen = m is None or rank == m
        if seen and rank + _EXTRA <= columns and diagonal[:rank].min() > 100 * tol * diagonal.max():
            V, _, _ = lapack.dorgqr(qr[:, :rank], tau[:rank], lwork=64 * rank)
            # From DS = VR on the first columns follows R = (VᵀDV)(VᵀS): the inverse of D on V is (VᵀS)R⁻¹.
            inverse = solve_triangular(qr[:rank, :rank], sketch[:, :rank].T @ V, trans=1).T
            return _Span(n, V, inverse, _allowed(0.0, diagonal[:rank].min() / diagonal.max()))
    values, vectors = np.linalg.eigh(D)
    order = np.argsort(-np.abs(values), kind="stable")
    sizes = np.abs(values[order])
    numerical = int(np.count_nonzero(sizes > tol * sizes[0]))
    rank = numerical if m is None else m
    if rank > numerical:
        raise ValueError(
            f"m: expected at most the rank of T on symmetric pairs, {numerical} at tol = {tol:g}, got {m}; atoms that "
            "repeat or whose squares are dependent count once"
        )
    left = float(sizes[rank]) if rank < d else 0.0
    inverse, V = np.diag(1.0 / values[order[:rank]]), vectors[:, order[:rank]]
    return _Span(n, V, inverse, _allowed(left / sizes[0], sizes[rank - 1] / sizes[0]))


def _allowed(left: float, least: float) -> float:
    """The defect of an atom in a range that noise or rounding has turned: their size over the least eigenvalue."""
    return float(min(max(_EXACT, (4.0 * left + 1000.0 * np.finfo(float).eps) / least), _LARGEST))


def _search(span: _Span, limit: int, rng: np.random.Generator) -> tuple[Array, Array, int, int]:
    """Rounds of points, each on what the last has left of the span, polished on all of it; atoms, their ν, counts.

    The points are random and climb; once at most n atoms are left, two matrices give them at once.
    """
    n, m = span.n, span.rank
    found, nus, rest, turned = np.empty((n, 0)), np.empty(0), span.V, np.eye(m)
    starts = rounds = idle = 0
    while found.shape[1] < m and idle < _IDLE and rounds < limit:
        missing, rounds = m - found.shape[1], rounds + 1
        if missing <= n and not idle:
            Q = _pencil(span.square(rest).reshape(n, n, missing), rng)
        else:
            # Points that find each of m atoms alike leave n after m log(m/n); far beyond m too few find a new one.
            r = min(max(int(missing * min(1.3, 1.25 * np.log(missing / n))), 32 * (1 + idle), missing * idle), 512)
            starts += r
            small = rest.astype(np.float32)
            Q, F = _climb(span, small, random_points(n, r, rng=rng))
            Q = Q[:, F > 0.9]
            Q = Q[:, _distinct(Q, found[:, :0], 0.98 if not idle else 1 - 1e-4)]
            Q = project(_newton(span.square(small).reshape(n, -1), Q, 3, 1e-2).astype(np.float64))
        new = np.empty(0, dtype=np.intp)
        if Q.shape[1]:
            Q, defects, nu = span.settle(Q)
            slow = (defects > span.allowed) & (defects < 0.1)
            if idle or 2 * np.count_nonzero(slow) > slow.size:
                Q[:, slow] = _newton(span.matrices, Q[:, slow], 8 * (1 + idle), 1e-9)
                Q[:, slow], defects[slow], nu[slow] = span.settle(Q[:, slow])
            good = np.flatnonzero(defects <= span.allowed)
            new = good[_distinct(Q[:, good], found, _SAME)][:missing]
            rough = new[defects[new] > _EXACT]
            Q[:, rough], _, nu[rough] = span.settle(Q[:, rough])
        idle = 0 if new.size else idle + 1
        if not new.size:
            continue
        found, nus = np.hstack([found, Q[:, new]]), np.append(nus, nu[new])
        if found.shape[1] < m:
            complement = _complement(turned.T @ (span.inverse @ (span.V.T @ span.lift(Q[:, new]))))
            rest, turned = rest @ complement, turned @ complement
    return found, nus, starts, rounds


def _pencil(B: np.ndarray, rng: np.random.Generator) -> Array:
    """The atoms of a span of k <= n matrices, if they are independent: two of its matrices diagonalise together."""
    X, Y = np.moveaxis(B @ rng.standard_normal((B.shape[2], 2)), 2, 0)
    values, U = np.linalg.eigh(X)
    order = np.argsort(-np.abs(values))[: B.shape[2]]
    values, U = values[order], U[:, order]
    if np.abs(values[-1]) < 1e-10 * np.abs(values[0]):  # dependent, so that nothing is to be read off
        return np.empty((len(X), 0))
    image = Y @ U
    return project(np.real(image @ np.linalg.eig(U.T @ image / values[:, None])[1]))


def _climb(span: _Span, V: np.ndarray, Q: Array) -> tuple[Array, Array]:
    """The power map of F on the span of V, with momentum, until points turn by a hundredth; points, and F before."""
    n, r = Q.shape
    i, j, weight = span.pairs
    up, down = V * weight.astype(V.dtype)[:, None], V / weight.astype(V.dtype)[:, None]
    points = Q.astype(V.dtype)
    before, F, active = points.copy(), np.zeros(r), np.arange(r)
    for _ in range(200):
        cosines = np.empty(active.size)
        for start in range(0, active.size, 256):
            part = active[start : start + 256]
            q = points[:, part]
            y = q + _MOMENTUM * (q - before[:, part])
            y /= np.sqrt(inner(y, y))
            lifted = y[i]
            lifted *= y[j]
            c = up.T @ lifted
            images = np.einsum("ijr,jr->ir", (down @ c)[span.index].reshape(n, n, -1), y)
            images /= np.maximum(np.sqrt(inner(images, images)), np.finfo(np.float32).tiny)
            cosines[start : start + 256] = inner(images, y)
            F[part], before[:, part], points[:, part] = inner(c, c), q, images
        active = active[cosines < _SETTLED]
        # The last few would be slow; the next round has other starts.
        if active.size <= 0.2 * r:
            break
    return points, F


def _chunks(r: int, size: int) -> list[slice]:
    """Slices of r points whose matrices, of so many entries each, fit a cache."""
    step = max(8, _ENTRIES // size)
    return [slice(start, start + step) for start in range(0, r, step)]


def _step(q: np.ndarray, step: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows of q after steps of at most 0.3, and how long the steps were meant to be."""
    length = np.sqrt(np.einsum("ri,ri->r", step, step))
    q = q + step * np.minimum(1.0, 0.3 / np.maximum(length, 1e-30))[:, None].astype(q.dtype)
    q /= np.sqrt(np.einsum("ri,ri->r", q, q))[:, None]
    return q, length


def _newton(B: np.ndarray, Q: np.ndarray, steps: int, enough: float) -> np.ndarray:
    """Gauss–Newton steps for ‖qqᵀ − Π(qqᵀ)‖ on the sphere, until they are short enough.

    With W = [B_1 q ... B_k q] for a basis B of the span and u = (I − 2WWᵀ)⁻¹q the step is (u/⟨q, u⟩ − q)/2.
    """
    n, k = B.shape[0], B.shape[1] // B.shape[0]
    Q = Q.copy()
    active = np.arange(Q.shape[1])
    for _ in range(steps):
        long = np.zeros(active.size, dtype=bool)
        for here in _chunks(active.size, n * k):
            q = np.ascontiguousarray(Q[:, active[here]].T)
            u = np.linalg.solve(_normal_matrices(B, q, k), q[:, :, None])[:, :, 0]
            q, length = _step(q, 0.5 * (u / _away_from_zero(np.einsum("ri,ri->r", q, u))[:, None] - q))
            Q[:, active[here]], long[here] = q.T, length > enough
        active = active[long]
        if not active.size:
            break
    return Q


def _normal_matrices(B: np.ndarray, q: np.ndarray, k: int) -> np.ndarray:
    """I − 2WWᵀ for each row of q; the shift keeps it regular where points are not isolated."""
    n = q.shape[1]
    W = (q @ B).reshape(-1, n, k)
    M: np.ndarray = np.matmul(W, W.transpose(0, 2, 1))
    M *= -2.0
    M[:, np.arange(n), np.arange(n)] += 1.0 + 8.0 * np.finfo(q.dtype).eps
    return M


def _away_from_zero(height: np.ndarray) -> np.ndarray:
    """⟨q, u⟩ as a divisor: a step that would be infinite is only long, and is then shortened."""
    return np.where(np.abs(height) < 1e-12, 1e-12, height).astype(height.dtype)


def _distinct(Q: np.ndarray, found: Array, same: float) -> NDArray[np.intp]:
    """The columns of Q that are no atom found and not a repetition of an earlier one."""
    near: NDArray[np.bool_] = np.abs(Q.T @ Q) >= same
    free = ~(np.abs(found.T @ Q) >= same).any(axis=0)
    keep = []
    for i in range(Q.shape[1]):
        if free[i]:
            keep.append(i)
            free &= ~near[i]
    return np.array(keep, dtype=np.intp)


def _complement(duals: Array) -> Array:
    """An orthonormal basis of the complement of the columns, by Householder reflections."""
    rows, k = duals.shape
    qr, tau, _, _ = lapack.dgeqrf(duals / np.linalg.norm(duals, axis=0))
    basis = np.zeros((rows, rows - k))
    basis[k:] = np.eye(rows - k)
    turned: Array = lapack.dormqr("L", "N", qr, tau, basis, lwork=64 * rows)[0]
    return turned


def _report(
    D: Array, scale: float, span: _Span, atoms: Array, nus: Array, tol: float, starts: int, rounds: int
) -> Decomposition:
    """Weights by least squares for these atoms, and what is left of the tensor with them, in the place of D."""
    if not atoms.shape[1]:
        return Decomposition(atoms, np.empty(0), span.rank, 1.0, 1.0, 0.0, False, starts, rounds)
    lifted = span.lift(atoms)
    gram = lifted.T @ lifted
    weights: Array = np.asarray(np.linalg.solve(gram * gram, inner(lifted, D @ lifted)), dtype=np.float64)
    order = np.argsort(-np.abs(weights), kind="stable")
    left = blas.dgemm(1.0, (lifted * weights).T, lifted.T, -1.0, D.T, trans_a=1, overwrite_c=1)
    residual = float(np.linalg.norm(left))
    isolation = float(nus.min())
    beyond = 2.0 * float(np.sqrt(D.shape[0])) * tol
    return Decomposition(
        A=atoms[:, order],
        weights=weights[order] * scale,
        rank=span.rank,
        residual=residual,
        defect=float(span.project(atoms)[0].max()),
        isolation=isolation,
        complete=bool(atoms.shape[1] == span.rank and isolation > _ISOLATED and residual <= beyond),
        starts=starts,
        rounds=rounds,
    )
