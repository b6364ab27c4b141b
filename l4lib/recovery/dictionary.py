r"""From data to a whole dictionary: whiten, search, de-duplicate, and know when to stop.

Three routes lead to the atoms; :func:`recover_dictionary` chooses.

* ``"restarts"``: local search on the quartic objective of the white data from random starts, the route of the theory.
  It needs nothing but the data.
  With many samples random starts run in single precision on a subset, and only the distinct ends are followed to the
  minimisers of all samples in double precision.
* ``"subspace"``: the span of the a_i a_iᵀ in the fourth moment of some samples (:mod:`l4lib.recovery.subspace`) and
  random starts on its quartic, for a known number of atoms; then a few passes over all samples sharpen all atoms
  together.  An iteration does not touch the data, and in the population the atoms are its best points exactly.
* ``"orthogonal"``: for m = n the white atoms are nearly orthogonal, so that n points are followed together by the power
  map and kept orthonormal, on a subset; then passes over all samples sharpen them as above.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from tqdm import tqdm

from l4lib.data import FourthMoment, Whitening, cubed, directions, unique_lines, whitening
from l4lib.quartic import LARGEST_N, Method, Quartic, SymmetricQuartic, project, random_points, rank_one_sum, solve
from l4lib.recovery.refine import Refinement, refine_dictionary
from l4lib.recovery.subspace import AtomSubspace, explain_covariance, separate
from l4lib.validate import Array, as_count, as_data, as_rng, as_tolerance

__all__ = ["ROUTES", "Recovery", "recover_dictionary", "recover_from_moment"]

ROUTES = ("auto", "restarts", "subspace", "orthogonal")

_COARSE_TURN = 1e-3
"""A coarse run is done when it turns by less (the sine of the angle)."""
_SUBSPACE_UP_TO = 80
"""Dimension from about which on restarts are faster than the subspace (measured: chapter *Against the peers*)."""
_STAY = 0.9
"""Least correlation of an atom with what the passes over all samples make of it."""
_SAME_LIMIT = 0.02
"""Limits on the subspace are one atom when 1 − |correlation| is at most this."""


def _coarse_size(n: int, m: int) -> int:
    """Samples that the coarse stage uses: enough for its minimisers to be near those of all samples."""
    return max(10_000, 6 * n * m)


def _moment_sizes(n: int, p: int) -> list[int]:
    """Samples that the fourth moment uses: a few for each of its rows, more where they cost little; then five times."""
    pairs = n * (n + 1) // 2
    first = max(5000, 4 * pairs, 200_000_000 // pairs**2)
    return [p] if p <= first else [first, min(p, 5 * first)]


def _refinement_size(m: int) -> int:
    """Samples that the refinement uses: forty for each atom, since an atom occurs in few of them."""
    return max(3000, 40 * m)


def _subset(data: Array, size: int, rng: np.random.Generator) -> Array:
    """At most ``size`` of the columns, chosen at random."""
    p = data.shape[1]
    return data if p <= size else data[:, rng.choice(p, size, replace=False)]


def _coarse_ends(samples: np.ndarray, Q: Array, *, max_iterations: int = 200) -> tuple[Array, np.ndarray]:
    """Ends of the power map from the columns of Q on single-precision samples (n, s), and which runs settled."""
    points = Q.astype(np.float32)
    settled = np.zeros(Q.shape[1], dtype=bool)
    for _ in range(max_iterations):
        active = np.flatnonzero(~settled)
        if not active.size:
            break
        batch = points[:, active]
        total = cubed(samples, batch).astype(np.float32)
        total /= np.linalg.norm(total, axis=0)
        turn = np.linalg.norm(total - batch * np.sum(total * batch, axis=0), axis=0)
        settled[active] = turn <= _COARSE_TURN
        points[:, active] = total
    return points.astype(np.float64), settled


@dataclass(frozen=True)
class _Search:
    """What a route found, in white coordinates."""

    atoms: Array
    value: Array
    hits: np.ndarray
    starts: int
    converged: int
    unseen: float
    complete: bool
    route: str


@dataclass(frozen=True)
class Recovery:
    """A dictionary found in data.

    Attributes
    ----------
    A : ndarray, shape (n, m)
        Unit atoms in the coordinates of the data, deepest minimum first; each has an arbitrary sign.
    value : ndarray, shape (m,)
        Mean fourth power along each atom: 3 for Gaussian data, more for sparse.
        It is that of the white data, (1/p) Σ_k ⟨q, ỹ_k⟩⁴; from moments alone that of their directions, times n(n+2),
        which makes it 3 for Gaussian data, too.
    hits : ndarray of int, shape (m,)
        How many of the starts ended at each atom: its basin of attraction, measured.
    starts, converged : int
        Runs made, and those that converged.
    unseen : float
        Good–Turing estimate of the probability that one more start would end somewhere new; 0 by the route
        ``"orthogonal"``, whose points are distinct and fill the space.
    unexplained : float
        Largest share of the white data's variance in a direction that the atoms leave unexplained, as a multiple of
        what the least of them carries (:func:`l4lib.recovery.explain_covariance`): near 1 or more if an atom is
        missing, infinite if the fit gives an atom no variance at all.
    complete : bool
        Whether ``unseen`` fell below the target and ``n_atoms`` (if given) were found; by the routes ``"subspace"`` and
        ``"orthogonal"`` also whether the atoms explain the covariance, ``unexplained`` <= 1/2.
    route : str
        The route taken.
    whitening : Whitening
        The change of coordinates used.
    refinement : Refinement or None
        What the refinement did, if it was asked for; A holds its atoms if it converged.
    seconds : float
        Wall-clock time.
    """

    A: Array
    value: Array
    hits: np.ndarray
    starts: int
    converged: int
    unseen: float
    unexplained: float
    complete: bool
    route: str
    whitening: Whitening
    refinement: Refinement | None
    seconds: float

    def require_complete(self) -> Recovery:
        """This recovery, if it is complete.

        Raises
        ------
        RuntimeError
            Otherwise; the message says what was found and what is missing.
        """
        if self.complete:
            return self
        raise RuntimeError(
            f"recover_dictionary: {self.A.shape[1]} atoms after {self.starts} starts by the route {self.route!r}, with "
            f"an estimated probability of {self.unseen:.3g} that the next start finds another and "
            f"{self.unexplained:.3g} of an atom's variance unexplained in one direction; raise max_starts, or pass "
            "more samples"
        )


def _enough(hits: np.ndarray, unseen: float, wanted: int | None) -> bool:
    """Whether another start is unlikely to find another atom."""
    return bool(hits.size >= (wanted or 1) and unseen <= 1.0 / (4.0 * hits.size))


def _unseen(label: np.ndarray) -> tuple[np.ndarray, float]:
    """Hits of each label, and the share of the runs that ended where no other did (Good–Turing)."""
    hits = np.bincount(label)
    return hits, float(np.count_nonzero(hits == 1) / label.size)


def _by_restarts(
    objective: Quartic,
    white: Array,
    wanted: int | None,
    *,
    rng: np.random.Generator,
    method: str | Method,
    tol: float,
    same: float,
    budget: int,
    show: bool,
) -> _Search:
    """Random starts on the objective, coarse ones on a subset if there are many samples."""
    n, p = white.shape
    scale = wanted if wanted is not None else 4 * n
    batch = int(np.clip(2 * scale, 32, 256))
    few = _coarse_size(n, scale)
    coarse = _subset(white, few, rng).astype(np.float32) if p >= 2 * few else None

    ends = np.empty((n, 0))
    values = np.empty(0)
    starts, unseen = 0, 1.0
    label = np.empty(0, dtype=int)
    with tqdm(total=budget, disable=not show, desc="recover_dictionary", unit="start") as bar:
        while starts < budget:
            size = min(batch, budget - starts)
            points = random_points(n, size, rng=rng)
            if coarse is not None:
                reached, good = _coarse_ends(coarse, points)
                depths = np.zeros(size)
            else:
                result = solve(objective, points, method=method, tol=tol)
                reached, depths, good = result.Q, result.value, result.converged
            starts += size
            ends = np.hstack([ends, reached[:, good]])
            values = np.concatenate([values, depths[good]])
            bar.update(size)
            if not values.size:
                continue
            _, label = unique_lines(ends, tol=same)
            hits, unseen = _unseen(label)
            bar.set_postfix(atoms=hits.size, unseen=f"{unseen:.2g}")
            if _enough(hits, unseen, wanted):
                break
    if not values.size:
        raise RuntimeError(f"recover_dictionary: none of {starts} runs converged; raise tol (now {tol:g})")

    lines, label = unique_lines(ends, tol=same)
    if coarse is not None:
        final = solve(objective, lines, method=method, tol=tol)
        ends, values = final.Q[:, label], final.value[label]
        ends, values = ends[:, final.converged[label]], values[final.converged[label]]
        lines, label = unique_lines(ends, tol=same)
    hits = np.bincount(label)
    depth = np.full(hits.size, np.inf)
    np.minimum.at(depth, label, values)
    order = np.argsort(depth, kind="stable")[:wanted]
    return _Search(
        atoms=lines[:, order],
        value=-depth[order],
        hits=hits[order],
        starts=starts,
        converged=int(values.size),
        unseen=unseen,
        complete=_enough(hits, unseen, wanted),
        route="restarts",
    )


def _by_subspace(
    form: SymmetricQuartic, wanted: int, *, rng: np.random.Generator, tol: float, budget: int, show: bool, single: bool
) -> _Search:
    """Random starts on the quartic of the subspace until the atoms explain the covariance."""
    n = form.n
    subspace = AtomSubspace(form, wanted, single=single)
    batch = int(np.clip(6 * wanted, 32, 1024))
    ends, values = np.empty((n, 0)), np.empty(0)
    starts, extra, complete, unseen = 0, np.empty((n, 0)), False, 1.0
    with tqdm(total=budget, disable=not show, desc="recover_dictionary", unit="start") as bar:
        while starts < budget and not complete:
            size = min(batch, budget - starts)
            points = np.hstack([extra, random_points(n, size, rng=rng)])[:, :size]
            reached, value, good = subspace.maximise(points, tol=tol)
            starts += size
            bar.update(size)
            ends, values = np.hstack([ends, reached[:, good]]), np.concatenate([values, value[good]])
            if not values.size:
                continue
            order = np.argsort(-values, kind="stable")
            lines, label = unique_lines(ends[:, order], tol=_SAME_LIMIT)
            hits, unseen = _unseen(label)
            atoms = lines[:, :wanted]
            fit = explain_covariance(atoms)
            # The direction that is explained least is the best guess at a missing atom, and the next start.
            extra = fit.direction[:, None]
            complete = _enough(hits, unseen, wanted) and fit.complete
            bar.set_postfix(atoms=hits.size, unseen=f"{unseen:.2g}")
    if not values.size:
        raise RuntimeError(f"recover_dictionary: none of {starts} runs converged; raise tol (now {tol:g})")
    return _Search(
        atoms=atoms,
        value=n * (n + 2) * form.value(atoms),
        hits=hits[: atoms.shape[1]],
        starts=starts,
        converged=int(values.size),
        unseen=unseen,
        complete=complete,
        route="subspace",
    )


def _by_samples_of_subspace(
    objective: Quartic, white: Array, wanted: int, *, rng: np.random.Generator, budget: int, show: bool
) -> _Search:
    """The subspace of a few samples, of more if that was not enough, sharpened on all."""
    n, p = white.shape
    for size in _moment_sizes(n, p):
        U = directions(_subset(white, size, rng))
        form = SymmetricQuartic(n, rank_one_sum(U, 1.0 / U.shape[1]))
        found = _by_subspace(form, wanted, rng=rng, tol=_COARSE_TURN, budget=budget, show=show, single=True)
        if found.complete:
            return _sharpened(found, objective, directions(white))[0]
    return replace(found, value=-objective.value(found.atoms))


def _sharpened(found: _Search, objective: Quartic, U: np.ndarray) -> tuple[_Search, bool]:
    """The atoms after some passes over the directions U of all samples, and whether they stayed and explain as before.

    If not, the atoms are those that came in.
    """
    atoms, _ = separate(U, found.atoms)
    near = np.abs(np.sum(atoms * found.atoms, axis=0)) > _STAY
    confirmed = bool(near.all() and explain_covariance(atoms).complete)
    if not confirmed:
        atoms = found.atoms
    return replace(found, atoms=atoms, value=-objective.value(atoms)), confirmed


def _rotations_lose(U: np.ndarray, points: np.ndarray) -> bool:
    """Whether, to second order, every rotation of two of the orthonormal points lowers their sum of fourth powers.

    With z_i cos φ + z_j sin φ and z_j cos φ − z_i sin φ in place of z_i and z_j the sum of fourth powers has the second
    derivative 24 Σ z_i²z_j² − 4 Σ (z_i⁴ + z_j⁴) at φ = 0.
    """
    z = U.T @ points
    z *= z
    moments = (z.T @ z).astype(np.float64)
    fourth = np.diag(moments)
    second = 6.0 * moments - fourth[:, None] - fourth[None, :]
    np.fill_diagonal(second, -1.0)
    return bool(np.all(second < 0))


def _by_orthogonal(objective: Quartic, white: Array, *, rng: np.random.Generator) -> _Search:
    """n orthonormal points together to a maximum of their sum of fourth powers on a subset, then sharpened on all."""
    n = white.shape[0]
    U = directions(white)
    coarse = _subset(U, _coarse_size(n, n), rng)
    points = np.linalg.qr(rng.standard_normal((n, n)))[0].astype(np.float32)
    settled = False
    for _ in range(500):
        left, _, right = np.linalg.svd(cubed(coarse, points).astype(np.float32))
        new = left @ right
        settled = bool(np.max(np.linalg.norm(new - points, axis=0)) <= _COARSE_TURN)
        points = new
        if settled:
            break
    found = _Search(
        atoms=project(points.astype(np.float64)),
        value=np.zeros(n),
        hits=np.ones(n, dtype=np.intp),
        starts=n,
        converged=n if settled else 0,
        unseen=0.0,
        complete=False,
        route="orthogonal",
    )
    found, confirmed = _sharpened(found, objective, U)
    return replace(found, complete=settled and confirmed and _rotations_lose(coarse, points))


def recover_dictionary(
    Y: ArrayLike,
    n_atoms: int | None = None,
    *,
    rng: np.random.Generator,
    route: str = "auto",
    method: str | Method = "power",
    tol: float = 1e-6,
    same: float = 1e-3,
    refine: bool = False,
    max_starts: int | None = None,
    progress: bool | None = None,
) -> Recovery:
    """Find the atoms of Y = AX (sparse X) from the fourth moments of the white data.

    The data are whitened, batches of starts run local search to its limits, these are de-duplicated up to sign, and
    batches go on until a start that ends somewhere new has become improbable; see the module for the three routes.
    The sparsity level is not needed: it only scales the objective.

    Parameters
    ----------
    Y : array_like, shape (n, p)
        Data of full rank, one sample a column, p >= n.
    n_atoms : int, optional
        How many atoms to return.
        Without it every distinct minimiser found is returned.
    rng : numpy.random.Generator
        The source of randomness.
    route : str
        ``"restarts"``, ``"subspace"`` (needs n_atoms), ``"orthogonal"`` (n_atoms = n), or ``"auto"``: in the
        order orthogonal, subspace, restarts those that apply, until the atoms found explain the covariance.
    method : str or Method
        Local search of the route ``"restarts"``, as in :func:`l4lib.quartic.solve`; the other routes do not use it.
    tol : float
        Convergence tolerance of such a run (the sine of the angle between q and the gradient).
    same : float
        Two minimisers of the objective are one atom when 1 − |correlation| is at most this.
    refine : bool
        Sharpen the atoms by sparse coding and least squares (:func:`l4lib.recovery.refine_dictionary`), which removes
        the bias of the minimisers where the coefficients are sparse enough; see ``refinement`` in the result.
    max_starts : int, optional
        Budget of a route; by default 40 (n_atoms or 4n) + 200.
    progress : bool, optional
        Show a progress bar; by default when the work is long.

    Returns
    -------
    Recovery

    Raises
    ------
    TypeError, ValueError
        If the data are unusable: not numeric, NaN, transposed (more rows than columns), rank deficient, constant; or if
        a route is asked for that does not apply.

    Examples
    --------
    >>> import numpy as np
    >>> from l4lib.data import match_atoms
    >>> from l4lib.data import make_odl
    >>> data = make_odl((8, 10), 4000, 0.1, rng=np.random.default_rng(1))
    >>> found = recover_dictionary(data.Y, 10, rng=np.random.default_rng(2))
    >>> match_atoms(found.A, data.A).recovered(0.02)
    10
    """
    data = as_data(Y)
    n, p = data.shape
    wanted = None if n_atoms is None else as_count(n_atoms, "n_atoms")
    rng, tol, same = as_rng(rng), as_tolerance(tol, "tol"), as_tolerance(same, "same")
    scale = wanted if wanted is not None else 4 * n
    budget = 40 * scale + 200 if max_starts is None else as_count(max_starts, "max_starts")
    show = (n * p * scale > 5e8) if progress is None else progress
    routes = _routes(route, n, wanted)

    start = time.perf_counter()
    W = whitening(data)
    white = W.W @ data
    objective = Quartic(white, 1.0 / p)

    def search(name: str) -> _Search:
        if name == "orthogonal":
            return _by_orthogonal(objective, white, rng=rng)
        if name == "subspace" and wanted is not None:
            return _by_samples_of_subspace(objective, white, wanted, rng=rng, budget=budget, show=show)
        return _by_restarts(
            objective, white, wanted, rng=rng, method=method, tol=tol, same=same, budget=budget, show=show
        )

    for name in routes:
        try:
            found = search(name)
        except RuntimeError:  # no run of this route converged
            if name == routes[-1]:
                raise
            continue
        if found.complete:
            break
    return _result(found, W, data if refine else None, start)


def recover_from_moment(
    moment: FourthMoment,
    n_atoms: int,
    *,
    rng: np.random.Generator,
    tol: float = 1e-6,
    max_starts: int | None = None,
    progress: bool | None = None,
) -> Recovery:
    """Find the atoms by the route ``"subspace"`` from moments alone, without the samples.

    Parameters
    ----------
    moment : FourthMoment
        What :func:`l4lib.data.fourth_moment` made of the samples.
    n_atoms : int
        How many atoms there are, fewer than n(n+1)/2.
    rng : numpy.random.Generator
        The source of randomness.
    tol, max_starts, progress
        As in :func:`recover_dictionary`.

    Returns
    -------
    Recovery

    Raises
    ------
    TypeError, ValueError
        If the moment is none, the samples seen do not span R^n, or there are too many atoms.

    Examples
    --------
    >>> import numpy as np
    >>> from l4lib.data import match_atoms
    >>> from l4lib.data import make_odl
    >>> from l4lib.data import fourth_moment
    >>> data = make_odl((8, 10), 20_000, 0.1, rng=np.random.default_rng(1))
    >>> found = recover_from_moment(fourth_moment(data.Y), 10, rng=np.random.default_rng(2))
    >>> match_atoms(found.A, data.A).recovered(0.001)
    10
    """
    if not isinstance(moment, FourthMoment):
        raise TypeError(f"moment: expected a FourthMoment, got {type(moment).__name__}")
    wanted, rng, tol = as_count(n_atoms, "n_atoms"), as_rng(rng), as_tolerance(tol, "tol")
    budget = 40 * wanted + 200 if max_starts is None else as_count(max_starts, "max_starts")
    start = time.perf_counter()
    found = _by_subspace(moment.form(), wanted, rng=rng, tol=tol, budget=budget, show=bool(progress), single=False)
    return _result(found, moment.whitening(), None, start)


def _routes(route: str, n: int, wanted: int | None) -> tuple[str, ...]:
    """The routes to try, in this order."""
    if route not in ROUTES:
        raise ValueError(f"route: expected one of {', '.join(ROUTES)}, got {route!r}")
    if route == "subspace" and (wanted is None or wanted >= n * (n + 1) // 2 or n > LARGEST_N):
        raise ValueError(
            f"route: 'subspace' needs n_atoms < n(n+1)/2 = {n * (n + 1) // 2} and n <= {LARGEST_N}, got "
            f"n_atoms = {wanted} and n = {n}"
        )
    if route == "orthogonal" and wanted != n:
        raise ValueError(f"route: 'orthogonal' needs n_atoms = n = {n}, got {wanted}")
    if route != "auto":
        return (route,)
    if wanted is None or n == 1:
        return ("restarts",)
    # Up to 2n − 2 atoms in general position it is proved that their span contains no other matrix of rank one; up to
    # n(n − 1)/2 a count of dimensions leaves no room for one.
    spans = n <= _SUBSPACE_UP_TO and wanted <= max(2 * n - 2, n * (n - 1) // 2)
    return (*(("orthogonal",) if wanted == n else ()), *(("subspace",) if spans else ()), "restarts")


def _result(found: _Search, W: Whitening, data: Array | None, start: float) -> Recovery:
    """The recovery in the coordinates of the data, refined if these are given."""
    order = np.argsort(-found.value, kind="stable")
    atoms = project(W.undo(found.atoms[:, order]))
    refinement = None if data is None else refine_dictionary(data, atoms, samples=_refinement_size(atoms.shape[1]))
    fit = explain_covariance(found.atoms)
    least = float(np.min(fit.weights))
    return Recovery(
        A=atoms if refinement is None else refinement.A,
        value=found.value[order],
        hits=found.hits[order],
        starts=found.starts,
        converged=found.converged,
        unseen=found.unseen,
        unexplained=fit.unexplained / least if least > 0 else float("inf"),
        complete=found.complete,
        route=found.route,
        whitening=W,
        refinement=refinement,
        seconds=time.perf_counter() - start,
    )
