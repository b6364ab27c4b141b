r"""Homotopy continuation for the eigenvectors of a symmetric quartic, in batches.

The eigenvectors of :math:`T = \sum_i w_i a_i^{\otimes 4}` (with real atoms :math:`a_i` and real signed weights) are
the complex lines :math:`\mathbb{C}q` with

.. math:: F(q) = \sum_i w_i (a_i^\top q)^3 a_i = \lambda q .

For the complete dictionary :math:`T_0 = \sum_i e_i^{\otimes 4}` the equation reads :math:`q_i^3 = \lambda q_i`, so
that its eigenvectors are the :math:`(3^n-1)/2` vectors of :math:`\{0, \pm 1\}^n` other than 0, up to sign.
Each of them is nondegenerate: in the support of q the derivative of :math:`q_i^3 - \lambda q_i` is
:math:`2\lambda \neq 0`, outside it is :math:`-\lambda \neq 0`.
The homotopy

.. math:: T_s = (1-s)\,\gamma\,T_0 + s\,T, \qquad |\gamma| = 1,

moves them to the eigenvectors of T.

**Why no path is lost.**
The tensors with fewer than :math:`(3^n-1)/2` eigenvectors are the zeros of one polynomial, the eigendiscriminant.
On the complex line through T₀ and T it does not vanish at T₀, so it vanishes at finitely many parameters; for all but
finitely many γ on the unit circle no :math:`s \in [0, 1)` meets one of them.
Then every path is smooth on [0, 1), and no two paths meet there.
No path runs to infinity either: lines form the compact space :math:`\mathbb{CP}^{n-1}`, and for unit q
:math:`\lambda = q^* F_s(q)` is bounded.
The tracker uses this: instead of one fixed affine chart it normalises q after each step and works in the chart
:math:`\hat q^* q = 1` of the predicted point :math:`\hat q`.

**The predictor** expands the path into a Taylor series of a high order.
Because F is cubic, each coefficient costs a few products of shorter series and one application of an inverse Jacobian
that all orders share; the last coefficients give the step.
**The corrector** is Newton's method; a step counts only if the first correction is as small as predicted and the second
one much smaller still.

References
----------
D. Cartwright and B. Sturmfels, The number of eigenvalues of a tensor, Linear Algebra Appl. 438 (2013), 942–952.
S. Timme, Mixed precision path tracking for polynomial homotopy continuation, Adv. Comput. Math. 47 (2021), 75.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from l4lib.validate import Array

__all__ = ["Tracks", "distinct", "eigenvector_count", "newton", "on_continuum", "start_vectors", "track"]

ComplexArray = NDArray[np.complex128]

S_END = 1.0 - 1e-8  # paths are followed up to here; the end itself, where T may be degenerate, is left to `newton`
MIN_STEP = 1e-13
MAX_STEPS = 2000


def eigenvector_count(n: int) -> int:
    """(3ⁿ − 1)/2, the number of eigenvectors of a generic symmetric quartic in n variables.

    Examples
    --------
    >>> [eigenvector_count(n) for n in (1, 2, 3, 8)]
    [1, 4, 13, 3280]
    """
    return (3**n - 1) // 2


def start_vectors(n: int, indices: NDArray[np.int64]) -> Array:
    """Representatives of {0, ±1}ⁿ∖0 up to sign: the balanced ternary digits of 1, …, (3ⁿ−1)/2, as columns.

    Examples
    --------
    >>> import numpy as np
    >>> start_vectors(2, np.arange(1, 5))
    array([[ 1., -1.,  0.,  1.],
           [ 0.,  1.,  1.,  1.]])
    """
    T = np.empty((n, indices.size))
    rest = indices.astype(np.int64)
    for i in range(n):
        digit = (rest + 1) % 3 - 1
        T[i] = digit
        rest = (rest - digit) // 3
    return T


@dataclass(frozen=True)
class Tracks:
    """Where the paths went.

    Attributes
    ----------
    q : ndarray of complex, shape (n, N)
        Ends of the paths, ‖q‖ = 1.
    lam : ndarray of complex, shape (N,)
        Their eigenvalues.
    s : ndarray, shape (N,)
        How far each path was followed.
    steps : ndarray of int, shape (N,)
        Steps taken, rejected ones included.
    """

    q: ComplexArray
    lam: ComplexArray
    s: Array
    steps: NDArray[np.int64]

    @property
    def arrived(self) -> NDArray[np.bool_]:
        """Whether each path was followed to its end."""
        return self.s >= S_END


def _apply(B: Array, Z: ComplexArray) -> ComplexArray:
    """The real matrix B times the complex (k, r) array Z, as one real matrix product."""
    out: ComplexArray = (B @ np.ascontiguousarray(Z).view(np.float64)).view(np.complex128)
    return out


def _norm(Z: ComplexArray) -> Array:
    out: Array = np.sqrt(np.einsum("ir,ir->r", Z.real, Z.real) + np.einsum("ir,ir->r", Z.imag, Z.imag))
    return out


def _pairs(B: Array) -> Array:
    """The products B_ki B_li for k ≤ l, shape (n(n+1)/2, N): B diag(x) Bᵀ, upper triangle, is this matrix times x."""
    rows, cols = np.triu_indices(B.shape[0])
    return np.ascontiguousarray(B[rows] * B[cols])


def _jacobian(pairs: Array, q: ComplexArray, lam: ComplexArray, slope: ComplexArray) -> ComplexArray:
    """The Jacobians [[B diag(slope) Bᵀ − λI, −q], [q*, 0]] of (F(q) − λq, q̂*q − 1), shape (r, n+1, n+1)."""
    n, r = q.shape
    rows, cols = np.triu_indices(n)
    J = np.zeros((r, n + 1, n + 1), dtype=np.complex128)
    upper = _apply(pairs, slope).T
    J[:, rows, cols] = upper
    J[:, cols, rows] = upper
    diagonal = np.arange(n)
    J[:, diagonal, diagonal] -= lam[:, None]
    J[:, :n, n] = -q.T
    J[:, n, :n] = q.conj().T
    return J


class _Pencil:
    """T_s = Σ_i d_i(s) b_i^{⊗4} with B = [I, A] and d affine in s."""

    def __init__(self, A: Array, weights: Array, gamma: complex) -> None:
        n, m = A.shape
        self.n = n
        self.B = np.hstack([np.eye(n), A])
        self.Bt = np.ascontiguousarray(self.B.T)
        self.d0 = np.concatenate([np.full(n, gamma), np.zeros(m)])[:, None]
        self.d1 = np.concatenate([np.full(n, -gamma), weights])[:, None]
        self.pairs = _pairs(self.B)


def _inverses(J: ComplexArray) -> ComplexArray:
    """Inverses of a batch; NaN for an exactly singular matrix."""
    try:
        out: Any = np.linalg.inv(J)
    except np.linalg.LinAlgError:
        out = np.full_like(J, np.nan)
        for k in range(J.shape[0]):
            with contextlib.suppress(np.linalg.LinAlgError):
                out[k] = np.linalg.inv(J[k])
    inverses: ComplexArray = out
    return inverses


def _solve(inverse: ComplexArray, rhs: ComplexArray) -> ComplexArray:
    out: ComplexArray = np.matmul(inverse, np.ascontiguousarray(rhs.T)[:, :, None])[:, :, 0].T
    return out


def _series(
    pencil: _Pencil, inverse: ComplexArray, q: ComplexArray, lam: ComplexArray, d: ComplexArray, order: int
) -> tuple[ComplexArray, ComplexArray]:
    r"""Taylor coefficients of the path through (q, λ) with respect to s.

    With :math:`\zeta = B^\top q = \sum_k \zeta_k t^k` and :math:`[\cdot]_k` the k-th coefficient, order k of
    :math:`B\,(d + t d_1)\zeta^3 = \lambda q` is linear in :math:`(q_k, \lambda_k)`:

    .. math:: (3B\,\mathrm{diag}(d\zeta_0^2)B^\top - \lambda_0) q_k - \lambda_k q_0
              = -B\big(d\,[\zeta^3]_k' + d_1 [\zeta^3]_{k-1}\big) + \sum_{0<j<k} \lambda_j q_{k-j},

    where the prime leaves out the terms with :math:`\zeta_k`.
    """
    n, r = q.shape
    N = pencil.B.shape[1]
    Z = np.empty((order + 1, N, r), dtype=np.complex128)
    U = np.empty((order, N, r), dtype=np.complex128)
    L = np.empty((order + 1, r), dtype=np.complex128)
    Z[0] = _apply(pencil.Bt, q)
    L[0] = lam
    U[0] = Z[0] * Z[0]
    cube = U[0] * Z[0]
    for k in range(1, order + 1):
        rhs = pencil.d1 * cube
        if k > 1:
            square = np.einsum("jir,jir->ir", Z[1:k], Z[k - 1 : 0 : -1])
            cube = square * Z[0] + np.einsum("jir,jir->ir", U[1:k], Z[k - 1 : 0 : -1])
            rhs += d * cube
            rhs = np.einsum("jr,jir->ir", L[1:k], Z[k - 1 : 0 : -1, :n]) - _apply(pencil.B, rhs)
        else:
            rhs = -_apply(pencil.B, rhs)
        x = _solve(inverse, rhs)
        L[k] = x[n]
        Z[k] = _apply(pencil.Bt, x[:n])
        if k < order:
            mixed = Z[0] * Z[k]
            if k > 1:
                U[k] = square + 2.0 * mixed
                cube += 3.0 * (mixed * Z[0])
            else:
                U[k] = 2.0 * mixed
                cube = 3.0 * (mixed * Z[0])
    return Z[:, :n], L


def _horner(C: ComplexArray, h: Array) -> ComplexArray:
    out = C[-1].copy()
    for c in C[-2::-1]:
        out *= h
        out += c
    return out


def _track_chunk(
    pencil: _Pencil, indices: NDArray[np.int64], *, order: int, tol: float, tile: int, tick: Callable[[int], None]
) -> Tracks:
    """Follow the paths with the given indices; ``tile`` of them are in flight at a time, so that they stay in cache."""
    n, total = pencil.n, indices.size
    gamma = pencil.d0[0, 0]
    end_q = np.empty((n, total), dtype=np.complex128)
    end_lam = np.empty(total, dtype=np.complex128)
    end_s = np.empty(total)
    end_steps = np.empty(total, dtype=np.int64)

    width = min(tile, total)
    slot = np.arange(width)  # which path sits in which column
    Q = np.zeros((order + 1, n, width), dtype=np.complex128)
    L = np.zeros((order + 1, width), dtype=np.complex128)
    s, h = np.zeros(width), np.zeros(width)  # a new path enters with a step of length 0
    steps = np.zeros(width, dtype=np.int64)

    def enter(columns: NDArray[np.int64], paths: NDArray[np.int64]) -> None:
        start = start_vectors(n, indices[paths])
        support = np.sum(np.abs(start), axis=0)
        Q[:, :, columns], L[:, columns] = 0.0, 0.0
        Q[0][:, columns], L[0, columns] = start / np.sqrt(support), gamma / support
        s[columns], h[columns], steps[columns] = 0.0, 0.0, 0

    enter(slot, slot)
    queued = width
    while slot.size:
        at = np.minimum(s + h, S_END)
        q = _horner(Q, h)
        lam = _horner(L, h)
        size = _norm(q)
        q /= size
        lam /= size * size
        d = pencil.d0 + at * pencil.d1
        zeta = _apply(pencil.Bt, q)
        slope = d * (zeta * zeta)
        inverse = _inverses(_jacobian(pencil.pairs, q, lam, 3.0 * slope))[:, :, :n]
        first = _solve(inverse, _apply(pencil.B, slope * zeta) - lam * q)
        q, lam = q - first[:n], lam - first[n]
        zeta = _apply(pencil.Bt, q)
        second = _solve(inverse, _apply(pencil.B, d * (zeta * zeta * zeta)) - lam * q)
        q, lam = q - second[:n], lam - second[n]
        move, again = _norm(first), _norm(second)
        flat = inverse.reshape(slot.size, -1)
        size = np.sqrt(np.einsum("rk,rk->r", flat, flat.conj()).real)
        accepted = (move <= 10.0 * tol) & (again <= 1e-15 * size + 0.02 * move)
        steps += 1
        # The inverse belongs to the predicted point; where that matters, the series gets its own.
        stale = np.flatnonzero(accepted & (move * size > 1e-3))
        if stale.size:
            x = np.ascontiguousarray(q[:, stale])
            zeta = _apply(pencil.Bt, x)
            inverse[stale] = _inverses(_jacobian(pencil.pairs, x, lam[stale], 3.0 * d[:, stale] * (zeta * zeta)))[
                :, :, :n
            ]

        newQ, newL = _series(pencil, inverse, q, lam, d, order)
        rejected = np.flatnonzero(~accepted)
        newQ[:, :, rejected], newL[:, rejected] = Q[:, :, rejected], L[:, rejected]
        s = np.where(accepted, at, s)
        tail = np.maximum(_norm(newQ[-1]), 1e-300), np.maximum(_norm(newQ[-2]), 1e-300)
        reach = np.minimum((tol / tail[0]) ** (1.0 / order), (tol / tail[1]) ** (1.0 / (order - 1)))
        h = np.where(accepted, np.minimum(reach, S_END - s), 0.5 * h)
        Q, L = newQ, newL

        done = np.flatnonzero(~(h >= MIN_STEP) | (steps >= MAX_STEPS))  # at the end h is 0; a NaN ends a path, too
        if done.size == 0:
            continue
        path = slot[done]
        end_q[:, path], end_lam[path] = Q[0][:, done], L[0, done]
        end_s[path], end_steps[path] = s[done], steps[done]
        tick(done.size)
        fresh = min(done.size, total - queued)
        if fresh:
            paths = np.arange(queued, queued + fresh)
            slot[done[:fresh]] = paths
            enter(done[:fresh], paths)
            queued += fresh
        if fresh < done.size:
            keep = np.ones(slot.size, dtype=bool)
            keep[done[fresh:]] = False
            slot, s, h, steps = slot[keep], s[keep], h[keep], steps[keep]
            Q, L = Q[:, :, keep], L[:, keep]
    return Tracks(end_q, end_lam, end_s, end_steps)


def track(
    A: Array,
    weights: Array,
    gamma: complex,
    indices: NDArray[np.int64] | None = None,
    *,
    order: int = 10,
    tol: float = 1e-5,
    tile: int = 256,
    workers: int = 1,
    tick: Callable[[int], None] = lambda count: None,
) -> Tracks:
    """Follow paths from the complete dictionary I to the quartic Σ w_i (a_iᵀq)⁴.

    Parameters
    ----------
    A : ndarray, shape (n, m)
    weights : ndarray, shape (m,)
        Should be scaled so that the end of the homotopy is about as large as its start.
    gamma : complex
        A random number of modulus 1.
    indices : ndarray of int, optional
        Which start vectors (see :func:`start_vectors`); all by default.
    order : int
        Order of the Taylor predictor, at least 2.
    tol : float
        Aimed error of a prediction, for ‖q‖ = 1.
    tile : int
        Paths in flight per worker; bounds the memory.
    workers : int
        Threads; the result does not depend on it.
    tick : callable
        Called with the number of paths that just ended.

    Examples
    --------
    >>> import numpy as np
    >>> A = np.array([[1.0, 0.6], [0.0, 0.8]])
    >>> tracks = track(A, np.ones(2), np.exp(1j))
    >>> bool(tracks.arrived.all()), tracks.q.shape
    (True, (2, 4))
    """
    n = A.shape[0]
    if indices is None:
        indices = np.arange(1, eigenvector_count(n) + 1)
    pencil = _Pencil(A, weights, gamma)
    pieces = np.array_split(indices, max(1, min(workers * 4 if workers > 1 else 1, indices.size // tile)))
    results: list[Tracks]

    def run(piece: NDArray[np.int64]) -> Tracks:
        # Near a degenerate end inverses overflow; the infinities and NaN that follow reject the step.
        with np.errstate(all="ignore"):
            return _track_chunk(pencil, piece, order=order, tol=tol, tile=tile, tick=tick)

    if workers > 1 and len(pieces) > 1:
        with ThreadPoolExecutor(workers) as pool:
            results = list(pool.map(run, pieces))
    else:
        results = [run(piece) for piece in pieces]
    return Tracks(
        np.hstack([t.q for t in results]),
        np.concatenate([t.lam for t in results]),
        np.concatenate([t.s for t in results]),
        np.concatenate([t.steps for t in results]),
    )


def newton(
    A: Array, weights: Array, q: ComplexArray, *, rcond: float = 0.0, iterations: int = 8, elements: int = 1 << 18
) -> tuple[ComplexArray, ComplexArray, Array, Array, Array]:
    """Newton's method for F(q) = λq from each column of q, each iterate in its own chart.

    Parameters
    ----------
    A : ndarray, shape (n, m)
    weights : ndarray, shape (m,)
    q : ndarray of complex, shape (n, r)
        Where to start.
    rcond : float
        If positive, steps are least-squares steps (Gauss–Newton) that ignore singular values below ``rcond`` times the
        largest: this converges to a nearby point of a continuum of eigenvectors as well.
    iterations : int
        At most so many.
    elements : int
        Bounds the memory: so many numbers of the (m, r) intermediate are held at a time.

    Returns
    -------
    q : ndarray of complex, shape (n, r)
        Unit vectors.
    lam : ndarray of complex, shape (r,)
        λ = q*F(q).
    residual : ndarray, shape (r,)
        ‖F(q) − λq‖.
    conditioning : ndarray, shape (r,)
        Smallest over largest singular value of the Jacobian; 0 where the eigenvector is degenerate.
    step : ndarray, shape (r,)
        Length of the last step; well below ``conditioning`` where the convergence was quadratic.

    Examples
    --------
    >>> import numpy as np
    >>> q, lam, residual, conditioning, step = newton(np.eye(2), np.ones(2), np.array([[1.0], [0.9]]))
    >>> q.real.round(6).ravel(), lam.real.round(6), residual < 1e-15, conditioning > 0.1
    (array([0.707107, 0.707107]), array([0.5]), array([ True]), array([ True]))
    """
    n, m = A.shape
    r = q.shape[1]
    At, pairs, w = np.ascontiguousarray(A.T), _pairs(A), weights[:, None]
    q = np.array(q, dtype=np.complex128)
    lam, residual, conditioning, last = np.empty(r, dtype=np.complex128), np.empty(r), np.empty(r), np.empty(r)

    def linearise(x: ComplexArray) -> tuple[ComplexArray, ComplexArray, ComplexArray]:
        zeta = _apply(At, x)
        slope = w * (zeta * zeta)
        F = _apply(A, slope * zeta)
        mu = np.einsum("ir,ir->r", x.conj(), F)
        return mu, F - mu * x, _jacobian(pairs, x, mu, 3.0 * slope)

    width = max(1, elements // max(m, (n + 1) * (n + 1)))
    for first in range(0, r, width):
        part = slice(first, min(first + width, r))
        x = q[:, part] / _norm(q[:, part])
        for _ in range(iterations):
            _, defect, J = linearise(x)
            rhs = np.zeros((J.shape[0], n + 1, 1), dtype=np.complex128)
            rhs[:, :n, 0] = defect.T
            step = _least_squares(J, rhs, rcond)[:, :n, 0].T
            step = np.where(np.isfinite(step), step, 0.0)
            x = x - step
            x /= _norm(x)
            last[part] = _norm(step)
            if np.max(last[part]) < 1e-15:
                break
        mu, defect, J = linearise(x)
        sigma = np.linalg.svd(J, compute_uv=False)
        q[:, part], lam[part], residual[part], conditioning[part] = x, mu, _norm(defect), sigma[:, -1] / sigma[:, 0]
    return q, lam, residual, conditioning, last


def _least_squares(J: ComplexArray, rhs: ComplexArray, rcond: float) -> ComplexArray:
    if rcond == 0.0:
        try:
            solved: Any = np.linalg.solve(J, rhs)
            return np.asarray(solved, dtype=np.complex128)
        except np.linalg.LinAlgError:  # one Jacobian of the batch is exactly singular
            rcond = 1e-15
    out: ComplexArray = np.linalg.pinv(J, rcond=rcond) @ rhs
    return out


def on_continuum(A: Array, weights: Array, q: ComplexArray, *, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Whether degenerate eigenvectors seem to lie on a continuum of eigenvectors (a numerical local-dimension test).

    A continuum through q meets the hyperplane d*x = 1/10, parallel to q, for a random d in the kernel of the Jacobian;
    an isolated eigenvector has no other near it.
    Gauss–Newton on the equation with this hyperplane added tells which.

    Parameters
    ----------
    A : ndarray, shape (n, m)
    weights : ndarray, shape (m,)
        Scaled so that the tensor has norm about 1.
    q : ndarray of complex, shape (n, r)
        Degenerate eigenvectors.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of bool, shape (r,)

    Examples
    --------
    >>> import numpy as np
    >>> A = np.array([[1.0, -0.5, -0.5], [0.0, 0.75 ** 0.5, -(0.75 ** 0.5)]])  # every point is an eigenvector
    >>> on_continuum(A, np.ones(3), np.array([[0.6], [0.8]]), rng=np.random.default_rng(0))
    array([ True])
    """
    n, r = q.shape
    q = np.array(q, dtype=np.complex128)
    At, pairs, w = np.ascontiguousarray(A.T), _pairs(A), weights[:, None]
    far = np.zeros(r, dtype=bool)
    zeta = _apply(At, q)
    slope = w * (zeta * zeta)
    lam = np.einsum("ir,ir->r", q.conj(), _apply(A, slope * zeta))
    _, sigma, Vh = np.linalg.svd(_jacobian(pairs, q, lam, 3.0 * slope))
    for _ in range(3):
        mix = np.where(sigma <= np.maximum(1e-5 * sigma[:, :1], sigma[:, -1:]), rng.standard_normal(sigma.shape), 0.0)
        d = np.einsum("rk,rki->ir", mix, Vh.conj())[:n]
        d = d - q * np.einsum("ir,ir->r", q.conj(), d)
        d /= np.maximum(_norm(d), 1e-300)
        x, mu = q + 0.1 * d, lam.copy()
        for iteration in range(31):
            zeta = _apply(At, x)
            slope = w * (zeta * zeta)
            equations = np.zeros((r, n + 2, 1), dtype=np.complex128)
            equations[:, :n, 0] = (_apply(A, slope * zeta) - mu * x).T
            equations[:, n, 0] = np.einsum("ir,ir->r", q.conj(), x) - 1.0
            equations[:, n + 1, 0] = np.einsum("ir,ir->r", d.conj(), x) - 0.1
            if iteration == 30:
                break
            J = np.zeros((r, n + 2, n + 1), dtype=np.complex128)
            J[:, : n + 1] = _jacobian(pairs, x, mu, 3.0 * slope)
            J[:, n, :n] = q.conj().T
            J[:, n + 1, :n] = d.conj().T
            step = (np.linalg.pinv(J, rcond=1e-10) @ equations)[:, :, 0].T
            x, mu = x - step[:n], mu - step[n]
            if np.max(np.abs(step)) < 1e-14:
                break
        far |= np.linalg.norm(equations[:, :, 0], axis=1) <= 1e-12
    return far


def distinct(q: ComplexArray, *, tol: float = 1e-7) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sort unit vectors into complex lines.

    Parameters
    ----------
    q : ndarray of complex, shape (n, r)
        Unit vectors.
    tol : float
        Two vectors are on one line when their distance, phases removed, is at most this.

    Returns
    -------
    label : ndarray of int, shape (r,)
        The number of the line of each vector, by order of first appearance.
    conjugate : ndarray of int, shape (r,)
        For each vector the index of the first vector on the complex conjugate line, −1 if there is none.

    Examples
    --------
    >>> import numpy as np
    >>> distinct(np.array([[1.0, 0.6, -1.0j, 0.6], [0.0, 0.8j, 0.0, -0.8j]]))
    (array([0, 1, 0, 2]), array([0, 3, 0, 1]))
    """
    n, r = q.shape
    # A fixed generic real functional c removes the phase: q -> q (c·q)*/|c·q|, which commutes with conjugation.
    c = np.cos(1.0 + np.sqrt(2.0) * np.arange(n))
    phase = c @ q
    q = q * (phase.conj() / np.maximum(np.abs(phase), 1e-300))
    real = np.vstack([q.real, q.imag]).T
    tree = cKDTree(real)
    label = np.arange(r)
    for i, j in sorted(map(tuple, tree.query_pairs(tol))):
        label[j] = min(label[j], label[i])
    away, conjugate = tree.query(real * np.repeat([1.0, -1.0], n))
    order = np.unique(label, return_inverse=True)[1]
    return order, np.where(away <= 2.0 * tol, label[conjugate], -1)
