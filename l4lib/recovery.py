r"""From data to a whole dictionary: whiten, restart local search in batches, de-duplicate, and know when to stop."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from tqdm import tqdm

from l4lib.metrics import unique_lines
from l4lib.objective import Quartic
from l4lib.precondition import Whitening, whitening
from l4lib.solvers import Method, solve
from l4lib.sphere import project, random_points
from l4lib.validate import Array, as_count, as_data, as_rng, as_tolerance

__all__ = ["Recovery", "recover_dictionary"]


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
    objective = Quartic(W.apply(data), 1.0 / p)
    batch = int(np.clip(2 * scale, 32, 256))
    show = (n * p * scale > 5e8) if progress is None else progress

    ends = np.empty((n, 0))
    values = np.empty(0)
    starts, unseen = 0, 1.0
    label = np.empty(0, dtype=int)
    with tqdm(total=budget, disable=not show, desc="recover_dictionary", unit="start") as bar:
        while starts < budget:
            size = min(batch, budget - starts)
            result = solve(objective, random_points(n, size, rng=rng), method=method, tol=tol)
            starts += size
            ends = np.hstack([ends, result.Q[:, result.converged]])
            values = np.concatenate([values, result.value[result.converged]])
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
    hits = np.bincount(label)
    depth = np.full(hits.size, np.inf)
    np.minimum.at(depth, label, values)
    order = np.argsort(depth, kind="stable")[:wanted]
    return Recovery(
        A=project(W.undo(lines[:, order])),
        value=-depth[order],
        hits=hits[order],
        starts=starts,
        converged=int(values.size),
        unseen=unseen,
        complete=hits.size >= (wanted or 1) and unseen <= 1.0 / (4.0 * hits.size),
        whitening=W,
        seconds=time.perf_counter() - start,
    )
