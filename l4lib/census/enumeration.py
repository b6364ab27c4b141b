r"""The census: every critical point of a quartic on the sphere, by homotopy from a complete dictionary.

The critical points of :math:`\varphi(q) = -\tfrac14\sum_i w_i (a_i^\top q)^4` on :math:`S^{n-1}` are the real unit
solutions of

.. math:: F(q) = \sum_i w_i (a_i^\top q)^3 a_i = \lambda q,

the real Z-eigenvectors of the symmetric tensor :math:`\sum_i w_i a_i^{\otimes 4}`.
Over :math:`\mathbb{C}` a symmetric quartic whose eigendiscriminant does not vanish has exactly :math:`N = (3^n-1)/2`
eigenvectors up to scale (Cartwright and Sturmfels 2013), and :func:`census` computes them all.

**A list of N distinct nondegenerate solutions lacks no critical point.**
Suppose that T has N nondegenerate eigenvectors and, besides, the real critical point x.
Let T_x be a complete dictionary with x as one of its orthonormal atoms.
Then x is an eigenvector of T_x, so of T + εT_x for every ε, and for small ε the N nondegenerate ones move but a little:
T + εT_x has N + 1 eigenvectors.
But its eigendiscriminant is a polynomial in ε which is not zero, as it is not zero for T_x, so that for all but
finitely many ε there are exactly N.

**What is checked.**
A census calls itself :attr:`Census.complete` only if

* it holds :math:`(3^n-1)/2` distinct solutions, each nondegenerate with a small residual;
* with each solution its complex conjugate is in the list, as the equation is real;
* no real point has a Hessian eigenvalue that could be zero; and
* the Morse indices satisfy :math:`\sum_q (-1)^{\mathrm{index}(q)} = \chi(S^{n-1})`, 2 for odd n and 0 for even n.

These are floating-point statements (the word of the claims ledger is *decided*); :mod:`l4lib.census.certificates`
turns them into proofs.

**Degenerate in one sense is degenerate in the other.**
Let q be a real critical point, M = 3A diag(wζ²)Aᵀ, so that Mq = 3λq and the Hessian on the tangent space is
λI − M there.
A kernel vector (v, μ) of the Jacobian [[M − λI, −q], [qᵀ, 0]] has v ⊥ q and (M − λI)v = μq; taking the inner product
with q gives μ = 2λ⟨q, v⟩ = 0, so that v is a tangent kernel vector of the Hessian, and conversely.
So the homotopy ends at a nondegenerate solution exactly if the critical point is nondegenerate in Morse's sense.

References
----------
D. Cartwright and B. Sturmfels, The number of eigenvalues of a tensor, Linear Algebra Appl. 438 (2013), 942–952.
T. G. Kolda and J. R. Mayo, Shifted power method for computing tensor eigenpairs, SIAM J. Matrix Anal. Appl. 32 (2011).
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from l4lib.census.homotopy import S_END, ComplexArray, distinct, eigenvector_count, newton, on_continuum, track
from l4lib.census.result import RESIDUAL, Census, Paths, Singular
from l4lib.data import nearest_atom, orthogonal
from l4lib.quartic import random_points, tangent_basis
from l4lib.validate import Array, as_array, as_count, as_dictionary, as_rng, as_tolerance

__all__ = ["census", "census_tensor"]

_EXPONENT = 900
"""Largest power of two, up or down, of the values of a quartic."""
REGULAR = 1e-7
"""Least ratio of extreme singular values of the Jacobian (and of Hessian eigenvalues) that counts as nondegenerate."""


def _dense(A: Array, weights: Array) -> Array:
    """Σ_i w_i a_i^{⊗4} as an (n², n²) matrix."""
    n, m = A.shape
    total = np.zeros((n * n, n * n))
    for first in range(0, m, 4096):
        part = A[:, first : first + 4096]
        squares = np.einsum("ir,jr->ijr", part, part).reshape(n * n, -1)
        total += (squares * weights[first : first + 4096]) @ squares.T
    return total


def _rank_one_terms(T: Array, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Signed rank-one terms of a symmetric tensor given as an (n², n²) matrix: random unit vectors, least squares.

    Twice as many vectors as the dimension C(n+3, 4) of the space, which keeps the system well conditioned.
    """
    count = 2 * (n * (n + 1) * (n + 2) * (n + 3) // 24)
    V = random_points(n, count, rng=rng)
    i, j, k, ell = np.array(list(itertools.combinations_with_replacement(range(n), 4))).T
    return V, np.linalg.lstsq(V[i] * V[j] * V[k] * V[ell], T[i * n + j, k * n + ell], rcond=None)[0]


def _hessian_spectra(A: Array, weights: Array, points: Array, alpha: Array) -> Array:
    """Eigenvalues of P(αI − 3A diag(wζ²)Aᵀ)P on the tangent spaces, shape (n−1, R), ascending."""
    n, count = points.shape
    spectra = np.empty((n - 1, count))
    if n == 1:
        return spectra
    for k in range(count):
        q = points[:, k]
        basis = tangent_basis(q)
        z = q @ A
        B = basis.T @ A
        spectra[:, k] = np.linalg.eigvalsh(alpha[k] * np.eye(n - 1) - 3.0 * (B * (weights * z * z)) @ B.T)
    return spectra


_REGULAR, _SINGULAR, _CONTINUUM, _FAILED = range(4)


@dataclass
class _Ends:
    """Ends of paths after Newton's method, in the original coordinates, and what kind each is."""

    q: ComplexArray
    lam: ComplexArray
    residual: Array
    conditioning: Array
    kind: NDArray[np.int64]

    def take(self, which: NDArray[Any]) -> _Ends:
        """Some of the ends, by mask or index."""
        return _Ends(
            self.q[:, which], self.lam[which], self.residual[which], self.conditioning[which], self.kind[which]
        )

    def put(self, which: NDArray[np.int64], new: _Ends) -> None:
        """Replace some of the ends."""
        self.q[:, which], self.lam[which], self.residual[which] = new.q, new.lam, new.residual
        self.conditioning[which], self.kind[which] = new.conditioning, new.kind

    def regular(self, more: _Ends | None = None) -> _Ends:
        """The distinct regular ends of this run, added to those of earlier runs."""
        ours = self.take(self.kind == _REGULAR)
        if more is not None:
            ours = _Ends(
                np.hstack([more.q, ours.q]),
                np.concatenate([more.lam, ours.lam]),
                np.concatenate([more.residual, ours.residual]),
                np.concatenate([more.conditioning, ours.conditioning]),
                np.concatenate([more.kind, ours.kind]),
            )
        return ours.take(np.unique(distinct(ours.q)[0], return_index=True)[1])

    def trouble(self) -> NDArray[np.int64]:
        """Paths to follow again: those that failed, and all that share a regular end with another."""
        again = self.kind == _FAILED
        regular = np.flatnonzero(self.kind == _REGULAR)
        if regular.size:
            label = distinct(self.q[:, regular])[0]
            again[regular] = np.bincount(label)[label] > 1
        return np.flatnonzero(again)


def _finish(A: Array, weights: Array, q: ComplexArray, s: Array, rng: np.random.Generator) -> _Ends:
    """Newton's method at the ends of the paths, and what kind of end each is (the tensor has Frobenius norm 1)."""
    end, lam, residual, conditioning, step = newton(A, weights, q)
    converged = (residual <= RESIDUAL) & (conditioning >= REGULAR) & (step <= 1e-2 * conditioning)
    kind = np.where((s >= S_END) & converged & _near(q, end, 1e-6), _REGULAR, _FAILED)
    odd = np.flatnonzero(kind)
    if odd.size:
        x, mu, left, condition, _ = newton(A, weights, q[:, odd], rcond=1e-8, iterations=25)
        end[:, odd], lam[odd], residual[odd], conditioning[odd] = x, mu, left, condition
        degenerate = (s[odd] >= 0.999) & (left <= 1e-10) & (condition < 1e-3) & _near(q[:, odd], x, 1e-2)
        settled = odd[degenerate]
        if settled.size:
            flat = on_continuum(A, weights, end[:, settled], rng=rng)
            kind[settled] = np.where(flat, _CONTINUUM, _SINGULAR)
    return _Ends(end, lam, residual, conditioning, kind)


def _near(q: ComplexArray, r: ComplexArray, tol: float) -> NDArray[np.bool_]:
    """Whether unit vectors span nearly the same complex line."""
    out: NDArray[np.bool_] = 1.0 - np.abs(np.einsum("ir,ir->r", q.conj(), r)) <= tol
    return out


def census(
    A: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    rng: np.random.Generator,
    max_paths: int = 100_000,
    workers: int | None = None,
    progress: bool | None = None,
    tol: float = 1e-5,
) -> Census:
    """Every critical point of φ(q) = −¼ Σ_i w_i (a_iᵀq)⁴ on the sphere S^{n−1}.

    Parameters
    ----------
    A : array_like, shape (n, m)
        The atoms, any nonzero columns that span R^n, however many: for φ_DL pass the nonzero columns of Y, each with
        the weight 4c/p.
    weights : array_like, shape (m,), optional
        Signed weights, 1 by default; atoms of weight 0 take no part.
    rng : numpy.random.Generator
        Draws the constants of the homotopy; they influence rounding errors only.
    max_paths : int
        Refuse when (3ⁿ − 1)/2 exceeds this.
    workers : int, optional
        Threads; by default all cores when there is enough to do. The result does not depend on it.
    progress : bool, optional
        Show a progress bar; by default from 5000 paths on.
    tol : float
        Aimed error of a prediction step. Paths that fail or collide are followed again with smaller steps, and the
        homotopy is run again with other constants if that does not help, up to three times.

    Returns
    -------
    Census
        Look at :attr:`Census.complete`, or call :meth:`Census.require_complete`.

    Raises
    ------
    TypeError, ValueError
        If A is not a dictionary or does not span R^n, the weights do not fit, the quartic vanishes, n is too large, or
        rng is not a generator.

    References
    ----------
    Chapter *The census*; D. Cartwright and B. Sturmfels, Linear Algebra Appl. 438 (2013), 942–952.

    Examples
    --------
    >>> import numpy as np
    >>> from l4lib.data import random_untf
    >>> c = census(random_untf(4, 6, rng=np.random.default_rng(1)), rng=np.random.default_rng(2))
    >>> c.complete, c.found, c.euler, float(c.residuals.max()) < 1e-14
    (True, 40, 0, True)

    For an orthogonal dictionary everything is known: the critical points are q = Q t/√k for t ∈ {0, ±1}ⁿ with k ≠ 0
    nonzero entries, and there are 2^{k−1} C(n, k) pairs of them.
    There ζ² is 1/k on the support of t and 0 elsewhere, so α = 1/k, and the Hessian αI − 3Q diag(ζ²)Qᵀ is
    −(2/k)I on the k−1 tangent directions inside the support and (1/k)I on the n−k directions outside: the index is k−1.

    >>> c = census(np.eye(3), rng=np.random.default_rng(0))
    >>> np.bincount(c.index), np.unique(c.alpha.round(6))
    (array([3, 6, 4]), array([0.333333, 0.5     , 1.      ]))
    """
    A, rng = as_dictionary(A), as_rng(rng)
    m = A.shape[1]
    if weights is None:
        w = np.ones(m)
    else:
        w = as_array(weights, "weights", ndim=1, shape=f"({m},)")
        if w.shape != (m,):
            raise ValueError(f"weights: expected shape ({m},), one for each atom, got {w.shape}")
    return _census(A, w, "A", rng, max_paths, workers, progress, tol)


_BASIS = "with U an orthonormal basis of these"
_ESSENTIAL = {"A": f"U.T @ A {_BASIS}", "T": f"numpy.einsum('ijkl,ia,jb,kc,ld', T, U, U, U, U) {_BASIS}"}
"""What to take the census of when not all dimensions matter, by the argument that the caller passed."""


def _census(
    A: Array,
    w: Array,
    name: str,
    rng: np.random.Generator,
    max_paths: int = 100_000,
    workers: int | None = None,
    progress: bool | None = None,
    tol: float = 1e-5,
) -> Census:
    """The census of Σ w_i (a_iᵀq)⁴, with messages that speak of the argument ``name``."""
    n, m = A.shape
    expected = eigenvector_count(n)
    if expected > as_count(max_paths, "max_paths"):
        raise ValueError(
            f"{name}: n = {n} has (3^{n} - 1)/2 = {expected} solutions to follow, more than max_paths = {max_paths}"
        )
    as_tolerance(tol, "tol")
    if workers is None:
        workers = (os.cpu_count() or 1) if expected > 1000 else 1
    workers = as_count(workers, "workers")

    given = A, w
    A, w, exponent = _of_ordinary_size(A, w, name)
    T = _dense(A, w)
    norm = float(np.linalg.norm(T))
    if norm <= 1e-12 * float(np.abs(w) @ np.sum(A * A, axis=0) ** 2):
        which = "weights" if name == "A" else name
        raise ValueError(f"{which}: the quartic vanishes identically, so that every point of the sphere is critical")
    spread = np.linalg.svd(T.reshape(n, n * n * n), compute_uv=False) / norm
    rank = int(np.count_nonzero(spread > 1e-10))
    if rank < n:
        raise ValueError(
            f"{name}: the quartic depends on {rank} of {n} dimensions only, so that every point orthogonal to these is "
            f"a degenerate critical point; take the census of {_ESSENTIAL[name]} {rank}"
        )
    # The tracker sees a tensor of norm √n, like its start; many columns are replaced by an equal sum of fewer terms.
    V, v = A, w
    if m > n * (n + 1) * (n + 2) * (n + 3) // 12:
        V, v = _rank_one_terms(T, n, rng)
    v = v * (np.sqrt(n) / norm)

    show = expected >= 5000 if progress is None else progress
    retracked, attempts = 0, 0
    found: _Ends | None = None
    with _Bar(expected, show) as tick:
        while True:
            attempts += 1
            U = orthogonal(n, rng=rng)
            gamma = complex(np.exp(2j * np.pi * rng.random()))
            W = U.T @ V
            tracks = track(W, v, gamma, tol=tol, workers=workers, tick=tick)
            ends = _finish(A, w / norm, U @ tracks.q, tracks.s, rng)
            for finer in (1e-2 * tol, 1e-4 * tol):
                again = ends.trouble()
                if again.size:
                    retracked += again.size
                    tracks = track(W, v, gamma, again + 1, tol=finer, workers=workers)
                    ends.put(again, _finish(A, w / norm, U @ tracks.q, tracks.s, rng))
            found = ends.regular(found)
            if found.kind.size == expected or ends.trouble().size == 0 or attempts == 3:
                break
    return _in_units(_assemble(A, w, expected, norm, found, ends, retracked, attempts), given, exponent)


def _of_ordinary_size(A: Array, w: Array, name: str) -> tuple[Array, Array, int]:
    """Atoms and weights divided by powers of two, so that the largest are near one, and by which one α is divided."""
    length = round(float(np.log2(np.linalg.norm(A, axis=0).max())))
    weight = round(float(np.log2(np.abs(w).max()))) if w.any() else 0
    exponent = 4 * length + weight
    if abs(exponent) > _EXPONENT:
        raise ValueError(
            f"{name}: expected a scale whose fourth powers are ordinary numbers, got values of about 2^{exponent}; "
            "divide by the largest entry first"
        )
    return np.ldexp(A, -length), np.ldexp(w, -weight), exponent


def _in_units(census: Census, given: tuple[Array, Array], exponent: int) -> Census:
    """The census of what was given, from that of atoms and weights of ordinary size: exact, if nothing underflows."""
    ends, unit = census.singular, 2.0**exponent
    return replace(
        census,
        A=given[0],
        weights=given[1],
        eigenvalues=census.eigenvalues * unit,
        alpha=census.alpha * unit,
        spectrum=census.spectrum * unit,
        singular=replace(ends, eigenvalues=ends.eigenvalues * unit),
    )


def _assemble(
    A: Array, w: Array, expected: int, norm: float, found: _Ends, ends: _Ends, retracked: int, attempts: int
) -> Census:
    """Normalise, order and classify the distinct regular solutions."""
    lines = ends.regular().kind.size
    count = np.bincount(ends.kind, minlength=4)
    paths = Paths(
        total=expected,
        regular=lines,
        repeated=int(count[_REGULAR]) - lines,
        singular=int(count[_SINGULAR]),
        continuum=int(count[_CONTINUUM]),
        failed=int(count[_FAILED]),
        retracked=retracked,
        attempts=attempts,
    )
    q, lam, isotropic = _normalise(found.q, found.lam * norm)
    relative = lam / norm
    order = np.lexsort((relative.imag.round(10), -relative.real.round(10)))
    q, lam, isotropic = q[:, order], lam[order], isotropic[order]
    conjugate = distinct(found.q)[1] if order.size else np.empty(0, np.int64)
    closed = bool(np.all(conjugate >= 0))

    points = q.real[:, (conjugate[order] == order) & ~isotropic]  # a line is real if it is its own conjugate
    points = points / np.linalg.norm(points, axis=0)
    alpha = np.einsum("i,ir->r", w, (A.T @ points) ** 4)
    nearest, correlation = nearest_atom(A, points) if points.size else (np.empty(0, np.int64), np.empty(0))
    points = points * np.where(correlation < 0, -1.0, 1.0)
    spectrum = _hessian_spectra(A, w, points, alpha)
    gap = np.min(np.abs(spectrum), axis=0, initial=np.inf)
    size = np.maximum(np.max(np.abs(spectrum), axis=0, initial=0.0), np.abs(alpha))
    bad = (ends.kind == _SINGULAR) | (ends.kind == _CONTINUUM)
    singular_q, singular_lam, _ = _normalise(ends.q[:, bad], ends.lam[bad] * norm)
    return Census(
        A=A,
        weights=w,
        expected=expected,
        solutions=q,
        eigenvalues=lam,
        isotropic=isotropic,
        conditioning=found.conditioning[order],
        residuals=found.residual[order],
        points=points,
        alpha=alpha,
        spectrum=spectrum,
        index=np.sum(spectrum < 0, axis=0),
        degenerate=gap <= REGULAR * size,
        nearest_atom=nearest,
        correlation=np.abs(correlation),
        singular=Singular(singular_q, singular_lam, ends.kind[bad] == _CONTINUUM),
        paths=paths,
        closed=closed,
    )


def _normalise(q: ComplexArray, lam: ComplexArray) -> tuple[ComplexArray, ComplexArray, NDArray[np.bool_]]:
    """From q*q = 1 to qᵀq = 1 (λ scales as q²) except where qᵀq = 0; the entry of largest modulus gets Re ≥ 0."""
    square = np.einsum("ir,ir->r", q, q)
    isotropic = np.abs(square) <= 1e-10
    divisor = np.where(isotropic, 1.0, square)
    q = q / np.sqrt(divisor)
    top = np.take_along_axis(q, np.argmax(np.abs(q), axis=0)[None], axis=0)[0] if q.size else np.empty(0)
    return q * np.where(top.real < 0, -1.0, 1.0), lam / divisor, isotropic


class _Bar:
    """A tqdm progress bar, or nothing: entering gives the function that counts finished paths."""

    def __init__(self, total: int, show: bool) -> None:
        self.total, self.show = total, show
        self.bar: Any = None

    def __enter__(self) -> Callable[[int], Any]:
        if not self.show:
            return lambda count: None
        from tqdm import tqdm

        self.bar = tqdm(total=self.total, desc="paths", unit="path")
        update: Callable[[int], Any] = self.bar.update
        return update

    def __exit__(self, *error: object) -> None:
        if self.bar is not None:
            self.bar.close()


def census_tensor(T: ArrayLike, *, rng: np.random.Generator, **options: Any) -> Census:
    """All eigenvectors of a dense symmetric tensor, T q³ = λq, with the Morse indices of −¼ T q⁴ at the real ones.

    The tensor is written as a sum of signed rank-one terms (random unit vectors, least squares, error checked).
    In the result they stand in for the atoms, so that ``nearest_atom`` and ``correlation`` mean nothing.

    Parameters
    ----------
    T : array_like, shape (n, n, n, n)
        Symmetric under all permutations of its indices.
    rng : numpy.random.Generator
    **options
        As for :func:`census`.

    Raises
    ------
    TypeError, ValueError
        If T is not a finite symmetric (n, n, n, n) array, vanishes, or has fewer than n essential dimensions, or if
        n is too large.

    Examples
    --------
    >>> import numpy as np
    >>> T = np.zeros((2, 2, 2, 2))
    >>> T[0, 0, 0, 0], T[1, 1, 1, 1] = 2.0, 1.0
    >>> c = census_tensor(T, rng=np.random.default_rng(0))
    >>> c.alpha.round(6)  # e₁, e₂ and twice λ = 2/3, at q² = (1/3, 2/3)
    array([2.      , 1.      , 0.666667, 0.666667])
    """
    T = as_array(T, "T", ndim=4, shape="(n, n, n, n)")
    rng = as_rng(rng)
    n = T.shape[0]
    if T.shape != (n,) * 4:
        raise ValueError(f"T: expected shape (n, n, n, n), got {T.shape}")
    limit = as_count(options.get("max_paths", 100_000), "max_paths")
    if eigenvector_count(n) > limit:
        raise ValueError(
            f"T: n = {n} has (3^{n} - 1)/2 = {eigenvector_count(n)} solutions to follow, more than max_paths = {limit}"
        )
    scale = float(np.max(np.abs(T)))
    if scale == 0.0:
        raise ValueError("T: the quartic vanishes identically, so that every point of the sphere is critical")
    exponent = round(float(np.log2(scale)))
    if abs(exponent) > _EXPONENT:
        raise ValueError(
            f"T: expected a scale of ordinary numbers, got a largest entry {scale:.1e}; divide by it first, which "
            "divides the eigenvalues"
        )
    unit = np.ldexp(T, -exponent)
    for p in itertools.permutations(range(4)):
        gap = float(np.max(np.abs(unit - unit.transpose(p))))
        if gap > 1e-10:
            raise ValueError(
                f"T: expected a symmetric tensor, got entries that differ by {gap:.1e} of the largest when indices "
                "swap; take the mean of T.transpose(p) over all p in itertools.permutations(range(4))"
            )
    flat = unit.reshape(n * n, n * n)
    V, v = _rank_one_terms(flat, n, rng)
    error = float(np.linalg.norm(_dense(V, v) - flat) / np.linalg.norm(flat))
    if error > 1e-12:
        raise ValueError(
            f"T: its decomposition into rank-one terms has the relative error {error:.1e}; try another rng"
        )
    keep = v != 0.0
    found = _census(V[:, keep], np.ldexp(v[keep], exponent), "T", rng, **options)
    return replace(found, from_tensor=True)
