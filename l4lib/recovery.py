r"""From data to a whole dictionary: whiten, restart local search in batches, de-duplicate, and know when to stop.

With many samples most of the work is done on a few: random starts run the power map in single precision on a subset,
and only the distinct ends are followed to the minimisers of all samples in double precision.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from tqdm import tqdm

from l4lib.metrics import unique_lines
from l4lib.objective import Quartic
from l4lib.precondition import Whitening, whitening
from l4lib.refine import Refinement, refine_dictionary
from l4lib.solvers import Method, solve
from l4lib.sphere import project, random_points
from l4lib.validate import Array, as_count, as_data, as_rng, as_tolerance

__all__ = ["Recovery", "recover_dictionary"]


_COARSE_TURN = 1e-3
"""A coarse run is done when it turns by less (the sine of the angle)."""
_COARSE_TILE = 2048
"""Samples at a time in the coarse stage, so that the intermediate stays in cache."""


def _coarse_size(n: int, m: int) -> int:
    """Samples that the coarse stage uses: enough for its minimisers to be near those of all samples."""
    return max(10_000, 6 * n * m)


def _refinement_size(m: int) -> int:
    """Samples that the refinement uses: forty for each atom, since an atom occurs in few of them."""
    return max(3000, 40 * m)


def _coarse_ends(samples: np.ndarray, Q: Array, *, max_iterations: int = 200) -> tuple[Array, np.ndarray]:
    """Ends of the power map from the columns of Q on single-precision samples (n, s), and which runs settled."""
    points = Q.astype(np.float32)
    settled = np.zeros(Q.shape[1], dtype=bool)
    for _ in range(max_iterations):
        active = np.flatnonzero(~settled)
        if not active.size:
            break
        batch = points[:, active]
        total = np.zeros_like(batch)
        for start in range(0, samples.shape[1], _COARSE_TILE):
            tile = samples[:, start : start + _COARSE_TILE]
            z = tile.T @ batch
            total += tile @ (z * z * z)
        total /= np.linalg.norm(total, axis=0)
        turn = np.linalg.norm(total - batch * np.sum(total * batch, axis=0), axis=0)
        settled[active] = turn <= _COARSE_TURN
        points[:, active] = total
    return points.astype(np.float64), settled


@dataclass(frozen=True)
class Recovery:
    """A dictionary found in data.

    Attributes
    ----------
    A : ndarray, shape (n, m)
        Unit atoms in the coordinates of the data, deepest minimum first; each has an arbitrary sign.
    value : ndarray, shape (m,)
        Mean fourth power (1/p) Σ_k ⟨q, ỹ_k⟩⁴ of the white data along each atom: 3 for Gaussian data, more for sparse.
    hits : ndarray of int, shape (m,)
        How many of the starts ended at each atom: its basin of attraction, measured.
    starts, converged : int
        Runs made, and those that converged.
    unseen : float
        Good–Turing estimate of the probability that one more start would end somewhere new.
    complete : bool
        Whether ``unseen`` fell below the target, and ``n_atoms`` (if given) were found.
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
    complete: bool
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
            f"recover_dictionary: {self.A.shape[1]} atoms after {self.starts} starts, with an estimated probability of "
            f"{self.unseen:.3g} that the next start finds another; raise max_starts, or pass more samples"
        )


def recover_dictionary(
    Y: ArrayLike,
    n_atoms: int | None = None,
    *,
    rng: np.random.Generator,
    method: str | Method = "power",
    tol: float = 1e-6,
    same: float = 1e-3,
    refine: bool = False,
    max_starts: int | None = None,
    progress: bool | None = None,
) -> Recovery:
    """Find the atoms of Y = AX (sparse X) as the local minimisers of the quartic objective of the white data.

    The data are whitened, batches of random starts run local search to the minimisers, these are de-duplicated up to
    sign, and batches go on until a start that ends somewhere new has become improbable.
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
    method : str or Method
        As in :func:`l4lib.solvers.solve`.
    tol : float
        Convergence tolerance of a run (the sine of the angle between q and the gradient).
    same : float
        Two minimisers are one atom when 1 − |correlation| is at most this.
    refine : bool
        Sharpen the atoms by sparse coding and least squares (:func:`l4lib.refine.refine_dictionary`), which removes the
        bias of the minimisers where the coefficients are sparse enough; see ``refinement`` in the result.
    max_starts : int, optional
        Budget; by default 40 (n_atoms or 4n) + 200.
    progress : bool, optional
        Show a progress bar; by default when the work is long.

    Returns
    -------
    Recovery

    Raises
    ------
    TypeError, ValueError
        If the data are unusable: not numeric, NaN, transposed (more rows than columns), rank deficient, constant.

    Examples
    --------
    >>> import numpy as np
    >>> from l4lib.metrics import match_atoms
    >>> from l4lib.models import make_odl
    >>> data = make_odl((8, 10), 4000, 0.1, rng=np.random.default_rng(1))
    >>> found = recover_dictionary(data.Y, 10, rng=np.random.default_rng(2))
    >>> match_atoms(found.A, data.A).recovered(0.02)
    10
    """
    data = as_data(Y, full_rank=True)
    n, p = data.shape
    wanted = None if n_atoms is None else as_count(n_atoms, "n_atoms")
    rng, tol, same = as_rng(rng), as_tolerance(tol, "tol"), as_tolerance(same, "same")
    scale = wanted if wanted is not None else 4 * n
    budget = 40 * scale + 200 if max_starts is None else as_count(max_starts, "max_starts")
    start = time.perf_counter()
    W = whitening(data)
    batch = int(np.clip(2 * scale, 32, 256))
    white = W.apply(data)
    objective = Quartic(white, 1.0 / p)
    few = _coarse_size(n, scale)
    coarse = white[:, rng.choice(p, few, replace=False)].astype(np.float32) if p >= 2 * few else None
    show = (n * p * scale > 5e8) if progress is None else progress

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
            hits = np.bincount(label)
            unseen = float(np.count_nonzero(hits == 1) / label.size)
            bar.set_postfix(atoms=hits.size, unseen=f"{unseen:.2g}")
            if hits.size >= (wanted or 1) and unseen <= 1.0 / (4.0 * hits.size):
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
    atoms = project(W.undo(lines[:, order]))
    refinement = refine_dictionary(data, atoms, samples=_refinement_size(atoms.shape[1])) if refine else None
    return Recovery(
        A=atoms if refinement is None else refinement.A,
        value=-depth[order],
        hits=hits[order],
        starts=starts,
        converged=int(values.size),
        unseen=unseen,
        complete=hits.size >= (wanted or 1) and unseen <= 1.0 / (4.0 * hits.size),
        whitening=W,
        refinement=refinement,
        seconds=time.perf_counter() - start,
    )
