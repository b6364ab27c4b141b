r"""Symmetric tensors of order four as sums of fourth powers, T = Σ w_i a_i^{⊗4}, with many more atoms than dimensions.

On symmetric pairs T is the matrix D = Σ w_i v_i v_iᵀ with v_i = svec(a_i a_iᵀ), and its range V is the span of the v_i.
A unit vector q with svec(qqᵀ) in V is an atom, if the atoms are generic and not too many (:func:`rank_limit`).
The defect ‖qqᵀ − Π(qqᵀ)‖ of many random points is reduced together, first by the power map of F(q) = ‖Π(qqᵀ)‖², which
is global, then by Gauss–Newton steps, which are quadratic (claim ``gauss-newton-polish``).
Found atoms are removed from the span: D⁻¹v_k is orthogonal to every v_j but v_k (claim ``tensor-deflation``), so that
the next points see only what is missing.
Polishing always uses the whole span, so that errors do not add up over the rounds.

References
----------
The use of F, and its deflation one atom at a time, are the subspace power method of Kileel and Pereira,
arXiv:1912.04007.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import lapack, lu_factor, lu_solve

from l4lib.quartic import LARGEST_N, SymmetricQuartic, inner, pairs, project, random_points, smat, svec
from l4lib.validate import Array, as_array, as_count, as_dictionary, as_rng, as_tolerance

__all__ = ["Decomposition", "decompose", "rank_limit"]

_EXTRA = 8
"""Columns of the sketch beyond the rank, which must come out as rounding."""
_ROUNDING = 1e-12
"""Relative size of what a sketch may leave."""
_EXACT, _LARGEST = 1e-10, 0.1
"""The defect of an atom of an exact tensor, and the largest, whatever the noise."""
_SAME = 1 - 1e-6
"""Correlation from which two points count as one atom."""
_POINTS = 32
"""Points at a time in Gauss–Newton steps, which bounds the n × k matrices in memory."""
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
        Random points that were used, and in how many rounds.
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
    Claims ``tensor-deflation``, ``gauss-newton-polish``, ``trisecant``.

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
    n, unfolded = _unfold(T, rng, tol)
    scale = float(np.linalg.norm(unfolded))
    if scale == 0.0:
        raise ValueError("T: expected a nonzero tensor, got zeros")
    D = unfolded * (1.0 / scale)
    if wanted is not None and wanted > rank_limit(n):
        raise ValueError(f"m: {_too_many(wanted, n)}")
    span = _range(D, n, wanted, tol, rng)
    dimension = span.directions()
    if span.rank > rank_limit(dimension):
        raise ValueError(f"T: {_too_many(span.rank, dimension)}")
    atoms, starts, rounds = _search(span, limit, rng)
    return _report(D, scale, span, atoms, tol, starts, rounds)


def _too_many(rank: int, n: int) -> str:
    return (
        f"expected a rank of at most {rank_limit(n)} in {n} dimensions, got {rank}: beyond it the span of generic "
        "atoms contains other matrices of rank one, which cannot be told from atoms"
    )


def _unfold(T: Any, rng: np.random.Generator, tol: float) -> tuple[int, Array]:
    """The dimension and the matrix on symmetric pairs, if the tensor is symmetric."""
    if isinstance(T, tuple):
        if len(T) != 2:
            raise ValueError(f"T: expected a tuple of atoms and weights, got one of length {len(T)}")
        A = as_dictionary(T[0], "A")
        weights = as_array(T[1], "weights", ndim=1, shape="(N,)")
        if weights.size != A.shape[1]:
            raise ValueError(f"weights: expected one for each of {A.shape[1]} atoms, got {weights.size}")
        _check_size(A.shape[0])
        V = svec(A)
        D = (V * weights) @ V.T
        _check_scale(D)
        # Weights may cancel; what rounding leaves then is no tensor.
        rounding = 1e-14 * float(np.sum(np.abs(weights) * inner(V, V)))
        return A.shape[0], D if np.linalg.norm(D) > rounding else np.zeros_like(D)
    if isinstance(T, SymmetricQuartic):
        n, d = T.n, T.n * (T.n + 1) // 2
        _check_size(n)
        D = as_array(T.D, "T.D", ndim=2, shape=f"({d}, {d})")
        if D.shape != (d, d):
            raise ValueError(f"T.D: expected shape ({d}, {d}) for n = {n}, got {D.shape}")
        _check_scale(D)
        i, j, weight = pairs(n)
        w = _probe(n, rng)
        lift = np.zeros((d, n))
        lift[np.arange(d), i] += w[j] / weight
        lift[np.arange(d), j] += np.where(i == j, 0.0, w[i] / weight)
        first, last = smat(D @ lift, n), smat(D.T @ lift, n)
        _refuse_asymmetric(first, last, tol)
        return n, (D + D.T) / 2.0
    tensor = as_array(T, "T", ndim=4, shape="(n, n, n, n)")
    n = tensor.shape[0]
    if tensor.shape != (n, n, n, n):
        raise ValueError(f"T: expected shape (n, n, n, n), got {tensor.shape}")
    _check_size(n)
    _check_scale(tensor)
    w = _probe(n, rng)
    first = (tensor.reshape(-1, n) @ w).reshape(n, n, n)
    last = (w @ tensor.reshape(n, -1)).reshape(n, n, n)
    _refuse_asymmetric(first, last, tol)
    i, j, weight = pairs(n)
    columns, D = i * n + j, np.empty((i.size, i.size))
    for row, block in enumerate(tensor.reshape(n, n, n * n)):
        here = slice(*np.searchsorted(i, (row, row + 1)))
        np.take(block[row:], columns, axis=1, out=D[here], mode="clip")
    D *= weight
    D *= weight[:, None]
    return n, D


def _check_size(n: int) -> None:
    if n > LARGEST_N:
        raise ValueError(f"T: expected n <= {LARGEST_N}, as a matrix with n(n+1)/2 rows is stored, got n = {n}")


def _check_scale(values: Array) -> None:
    """Squares must neither overflow nor vanish, in which case no comparison below would be true."""
    largest = max(float(values.max()), -float(values.min()))
    if not (largest == 0.0 or 1e-100 < largest < 1e100):
        raise ValueError(f"T: expected entries of size 1e-100 to 1e100, got {largest:.1e} as the largest; scale it")


def _probe(n: int, rng: np.random.Generator) -> Array:
    """A vector that sees every entry: a tensor is symmetric if two contractions with a generic one are."""
    probe: Array = rng.uniform(1.0, 2.0, n) * rng.choice([-1.0, 1.0], n)
    return probe


def _refuse_asymmetric(first: Array, last: Array, tol: float) -> None:
    """T(·,·,·,w) and T(w,·,·,·) must agree and be symmetric: the cycle and the permutations of three generate all."""
    size = max(float(np.linalg.norm(first)), float(np.linalg.norm(last)))
    gap = max(float(np.linalg.norm(first - other)) for other in (last, first.swapaxes(0, 1), first.swapaxes(1, 2)))
    if gap > 10.0 * max(tol, 1e-12) * size:
        raise ValueError(
            "T: expected a symmetric tensor, got one whose contractions with a random vector differ between its axes "
            f"by {gap / size:.1e} of their norm; symmetrise it, or raise tol"
        )


class _Span:
    """The range of D: an orthonormal basis V, the matrix of D on it, and the defect that an atom may have."""

    def __init__(self, n: int, V: Array, inside: Array, allowed: float) -> None:
        self.n, self.V, self.rank, self.allowed = n, V, V.shape[1], allowed
        self._pairs = i, j, _ = pairs(n)
        index = np.empty((n, n), dtype=np.intp)
        index[i, j] = index[j, i] = np.arange(i.size)
        self._index = index.ravel()
        self._factors = lu_factor(inside, check_finite=False)
        self.matrices = self.square(V).reshape(n, -1)

    def lift(self, Q: np.ndarray) -> np.ndarray:
        """The svec of qqᵀ for each column, as :func:`svec`, which would make the pairs anew."""
        i, j, weight = self._pairs
        V: np.ndarray = Q[i]
        V *= Q[j]
        V *= weight.astype(Q.dtype)[:, None]
        return V

    def square(self, V: np.ndarray) -> np.ndarray:
        """Columns on symmetric pairs as columns on all pairs, shape (n², k)."""
        return (V / self._pairs[2].astype(V.dtype)[:, None])[self._index]

    def directions(self) -> int:
        """The dimension of the span of the atoms: of the columns of all matrices in V."""
        values = np.linalg.eigvalsh(self.matrices @ self.matrices.T)
        return int(np.count_nonzero(values > 1e-10 * values[-1]))

    def dual(self, atoms: Array) -> Array:
        """D⁻¹v for the atoms, in coordinates of V: orthogonal to the coordinates of all other atoms."""
        duals: Array = lu_solve(self._factors, self.V.T @ self.lift(atoms), check_finite=False)
        return duals

    def defects(self, Q: Array) -> Array:
        """‖svec(qqᵀ) − Π svec(qqᵀ)‖ for each unit column, without cancellation."""
        lifted = self.lift(Q)
        gaps: Array = np.linalg.norm(lifted - self.V @ (self.V.T @ lifted), axis=0)
        return gaps

    def finish(self, Q: Array) -> tuple[Array, Array]:
        """A last Gauss–Newton step from each column, and lower bounds of ν there.

        ν² is the least eigenvalue of I − 2PWWᵀP on the complement of q, where its inverse is M⁻¹ − uuᵀ/⟨q, u⟩ with
        M = I − 2WWᵀ and u = M⁻¹q; the Frobenius norm of that is at least 1/ν².
        """
        ends, nus = Q.copy(), np.empty(Q.shape[1])
        for start in range(0, Q.shape[1], _POINTS):
            q = np.ascontiguousarray(Q[:, start : start + _POINTS].T)
            inverse = np.linalg.inv(_normal_matrices(self.matrices, q, self.rank))
            u = np.matmul(inverse, q[:, :, None])[:, :, 0]
            height = _away_from_zero(np.einsum("ri,ri->r", q, u))
            inverse -= u[:, :, None] * (u / height[:, None])[:, None, :]
            nus[start : start + _POINTS] = np.maximum(np.linalg.norm(inverse, axis=(1, 2)), 1.0) ** -0.5
            ends[:, start : start + _POINTS] = (q + u / height[:, None]).T
        return project(ends), nus


def _range(D: Array, n: int, m: int | None, tol: float, rng: np.random.Generator) -> _Span:
    """The range of D, from a sketch whose last columns show that nothing is left, else from all eigenvalues."""
    d = D.shape[0]
    for columns in (4 * n, (4 * d) // 5) if m is None else (m + _EXTRA,):
        if columns > 0.8 * d:
            break
        # Columns of R beyond the rank are rounding; if none or too few are, the sketch says nothing.
        qr, tau, _, _ = lapack.dgeqrf(D @ rng.standard_normal((d, columns)), lwork=64 * columns)
        diagonal = np.abs(np.diag(qr))
        rank = int(np.flatnonzero(diagonal > _ROUNDING * diagonal.max())[-1]) + 1
        seen = m is None or rank == m
        if seen and rank + _EXTRA <= columns and diagonal[:rank].min() > 100 * tol * diagonal.max():
            V, _, _ = lapack.dorgqr(qr[:, :rank], tau[:rank], lwork=64 * rank)
            return _Span(n, V, V.T @ (D @ V), _allowed(0.0, diagonal[:rank].min() / diagonal.max()))
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
    V = np.ascontiguousarray(vectors[:, order[:rank]])
    return _Span(n, V, np.diag(values[order[:rank]]), _allowed(left / sizes[0], sizes[rank - 1] / sizes[0]))


def _allowed(left: float, least: float) -> float:
    """The defect of an atom in a range that noise or rounding has turned: their size over the least eigenvalue."""
    return float(min(max(_EXACT, (4.0 * left + 100.0 * np.finfo(float).eps) / least), _LARGEST))


def _search(span: _Span, limit: int, rng: np.random.Generator) -> tuple[Array, int, int]:
    """Rounds of random starts, each on what the last has left of the span, polished on all of it."""
    n, m = span.n, span.rank
    found, rest = np.empty((n, 0)), span.V
    turned: Array | None = None
    starts = rounds = idle = 0
    whole = span.matrices.reshape(n, n, m)
    while found.shape[1] < m and idle < _IDLE and rounds < limit:
        missing = m - found.shape[1]
        r = min(max(32 * (1 + idle), missing * (1 + idle) // 2), 512)
        starts, rounds = starts + r, rounds + 1
        small = rest.astype(np.float32)
        Q, F = _climb(span, small, random_points(n, r, rng=rng))
        Q = _distinct(Q[:, F > 0.9], found[:, :0], 0.98 if not idle else 1 - 1e-4)
        if Q.shape[1]:
            matrices = span.square(small).reshape(n, n, -1)
            Q = _newton(matrices, Q.astype(np.float32), 2)[0].astype(np.float64)
            Q, step = _newton(whole, project(Q), 1)
            defects = span.defects(Q)
            slow = (defects > span.allowed) & (defects < 0.1) | (step > 1e-6)
            if slow.any():
                Q[:, slow], step[slow] = _newton(whole, Q[:, slow], 8 * (1 + idle))
            Q = Q[:, (span.defects(Q) <= span.allowed) & (step <= 1e-6)]
        new = _distinct(Q, found, _SAME)[:, :missing]
        idle = 0 if new.shape[1] else idle + 1
        if not new.shape[1]:
            continue
        found = np.hstack([found, new])
        if found.shape[1] < m:
            duals = span.dual(new)
            duals = duals if turned is None else turned.T @ duals
            complement = _complement(duals)
            rest = rest @ complement
            turned = complement if turned is None else turned @ complement
    return found, starts, rounds


def _climb(span: _Span, V: np.ndarray, Q: Array) -> tuple[Array, Array]:
    """The power map of F on the span of V until a point turns by at most 2e-2; the points and their F."""
    n, r = Q.shape
    points, F, active = Q.astype(V.dtype), np.zeros(r), np.arange(r)
    for _ in range(200):
        turns = np.empty(active.size)
        for start in range(0, active.size, 256):
            part = active[start : start + 256]
            q = points[:, part]
            c = V.T @ span.lift(q)
            F[part] = inner(c, c)
            image = np.einsum("ijr,jr->ir", span.square(V @ c).reshape(n, n, -1), q)
            image /= np.maximum(np.linalg.norm(image, axis=0), np.finfo(np.float32).tiny)
            cosine = np.einsum("ij,ij->j", image, q)
            turns[start : start + 256] = np.sqrt(np.clip(1.0 - cosine * cosine, 0.0, None))
            points[:, part] = image
        active = active[turns > 2e-2]
        # The last few would be slow; the next round has other starts.
        if active.size <= 0.1 * r:
            break
    return points.astype(np.float64), F


def _newton(matrices: np.ndarray, Q: np.ndarray, steps: int) -> tuple[np.ndarray, Array]:
    """Gauss–Newton steps for ‖qqᵀ − Π(qqᵀ)‖ on the sphere, and the length of each point's last step.

    With W = [B_1 q ... B_k q] for a basis B of the span and u = (I − 2WWᵀ)⁻¹q the step is (u/⟨q, u⟩ − q)/2.
    """
    n, _, k = matrices.shape
    B, Q, last = matrices.reshape(n, n * k), Q.copy(), np.zeros(Q.shape[1])
    for start in range(0, Q.shape[1], _POINTS):
        q = np.ascontiguousarray(Q[:, start : start + _POINTS].T)
        for _ in range(steps):
            u = np.linalg.solve(_normal_matrices(B, q, k), q[:, :, None])[:, :, 0]
            step = 0.5 * (u / _away_from_zero(np.einsum("ri,ri->r", q, u))[:, None] - q)
            length = np.linalg.norm(step, axis=1)
            q = q + step * np.minimum(1.0, 0.3 / np.maximum(length, 1e-30))[:, None].astype(q.dtype)
            q /= np.linalg.norm(q, axis=1)[:, None]
            if length.max() < 1e-9:
                break
        Q[:, start : start + _POINTS], last[start : start + _POINTS] = q.T, length
    return Q, last


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


def _distinct(Q: Array, found: Array, same: float) -> Array:
    """The columns of Q that are no atom found and not a repetition of an earlier one."""
    free = np.ones(Q.shape[1], dtype=bool)
    if found.shape[1] and Q.shape[1]:
        free = np.abs(found.T @ Q).max(axis=0) < same
    near: NDArray[np.bool_] = np.abs(Q.T @ Q) >= same
    keep = []
    for i in range(Q.shape[1]):
        if free[i]:
            keep.append(i)
            free &= ~near[i]
    return Q[:, keep]


def _complement(duals: Array) -> Array:
    """An orthonormal basis of the complement of the columns, by Householder reflections."""
    rows, k = duals.shape
    qr, tau, _, _ = lapack.dgeqrf(duals / np.linalg.norm(duals, axis=0))
    basis = np.zeros((rows, rows - k))
    basis[k:] = np.eye(rows - k)
    turned: Array = lapack.dormqr("L", "N", qr, tau, basis, lwork=64 * rows)[0]
    return turned


def _report(D: Array, scale: float, span: _Span, atoms: Array, tol: float, starts: int, rounds: int) -> Decomposition:
    """Weights by least squares for these atoms, and what is left of the tensor with them."""
    if not atoms.shape[1]:
        return Decomposition(atoms, np.empty(0), span.rank, 1.0, 1.0, 0.0, False, starts, rounds)
    atoms, nus = span.finish(atoms)
    lifted = span.lift(atoms)
    gram = lifted.T @ lifted
    weights: Array = np.asarray(np.linalg.solve(gram * gram, inner(lifted, D @ lifted)), dtype=np.float64)
    order = np.argsort(-np.abs(weights), kind="stable")
    atoms, lifted, weights = atoms[:, order], lifted[:, order], weights[order]
    left = (lifted * weights) @ lifted.T
    left -= D
    residual = float(np.linalg.norm(left))
    isolation = float(nus.min())
    beyond = 2.0 * float(np.sqrt(D.shape[0])) * tol
    return Decomposition(
        A=atoms,
        weights=weights * scale,
        rank=span.rank,
        residual=residual,
        defect=float(span.defects(atoms).max()),
        isolation=isolation,
        complete=bool(atoms.shape[1] == span.rank and isolation > _ISOLATED and residual <= beyond),
        starts=starts,
        rounds=rounds,
    )
