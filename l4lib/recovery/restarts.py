r"""The route ``"restarts"``: random starts on the quartic objective of the white data, the route of the theory.

It returns minimisers of the objective of all white samples, bias and all; they are searched on the first half of the
samples, in single precision on a part of it if there are many, and followed from there.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from tqdm import tqdm

from l4lib.data import Samples, cubed, unique_lines
from l4lib.quartic import Method, Quartic, random_points, solve
from l4lib.recovery.cumulants import _unit, separated, sines
from l4lib.recovery.search import Found, Halves, nothing
from l4lib.validate import Array

__all__: list[str] = []

_TURN = 1e-3
"""A coarse run is done when it turns by less (the sine of the angle)."""


def _coarse_size(n: int, m: int) -> int:
    """Samples of the coarse stage: enough for its minimisers to be near those of all."""
    return max(10_000, 6 * n * m)


def coarse_ends(rows: np.ndarray, Q: Array, *, max_iterations: int = 200) -> tuple[Array, np.ndarray]:
    """Ends of the power map from the columns of Q on the samples (p, n), in their precision, and which runs settled."""
    points, settled = Q.copy(), np.zeros(Q.shape[1], dtype=bool)
    for _ in range(max_iterations):
        active = np.flatnonzero(~settled)
        if not active.size:
            break
        new = _unit(cubed(rows, points[:, active]))
        settled[active] = sines(new, points[:, active]) <= _TURN
        points[:, active] = new
    return points, settled


class Restarts:
    """The route with its options.

    Parameters
    ----------
    method : str or Method
        Local search, as in :func:`l4lib.quartic.solve`.
    tol : float
        Its tolerance.
    same : float
        Two minimisers are one atom when 1 − |correlation| is at most this.
    max_starts : int or None
        Budget.
    progress : bool
        Show a bar.
    """

    def __init__(self, method: str | Method, tol: float, same: float, max_starts: int | None, progress: bool) -> None:
        self.method, self.tol, self.same, self.progress = method, tol, same, progress
        self.max_starts = max_starts

    def __call__(self, samples: Samples, wanted: int | None, *, rng: np.random.Generator) -> Found:
        """Batches of starts until a start that ends somewhere new has become improbable."""
        white = samples.white()
        n, p = white.shape
        scale = wanted if wanted is not None else 4 * n
        budget = 40 * scale + 200 if self.max_starts is None else self.max_starts
        half = samples.first_half()
        few = _coarse_size(n, scale)
        coarse = half[:few] if half.shape[0] >= few else None
        part = Quartic(half.T.astype(np.float64), 1.0 / half.shape[0])

        ends, label = np.empty((n, 0)), np.empty(0, dtype=int)
        starts, unseen = 0, 1.0
        with tqdm(total=budget, disable=not self.progress, desc="recover_dictionary", unit="start") as bar:
            while starts < budget:
                size = min(int(np.clip(2 * scale, 32, 256)), budget - starts)
                points = random_points(n, size, rng=rng)
                if coarse is not None:
                    reached, good = coarse_ends(coarse, points)
                else:
                    result = solve(part, points, method=self.method, tol=self.tol)
                    reached, good = result.Q, result.converged
                starts += size
                ends = np.hstack([ends, reached[:, good]])
                bar.update(size)
                if not ends.shape[1]:
                    continue
                _, label = unique_lines(ends, tol=self.same)
                hits = np.bincount(label)
                unseen = float(np.count_nonzero(hits == 1) / label.size)
                bar.set_postfix(atoms=hits.size, unseen=f"{unseen:.2g}")
                if hits.size >= (wanted or 1) and unseen <= 1.0 / (4.0 * hits.size):
                    break
        if not ends.shape[1]:
            return nothing(samples, starts)

        first, label = unique_lines(ends, tol=self.same)
        final = solve(Quartic(white, 1.0 / p), first, method=self.method, tol=self.tol)
        ends, value = final.Q[:, label], final.value[label]
        ends, value = ends[:, final.converged[label]], value[final.converged[label]]
        if not value.size:
            return nothing(samples, starts)
        lines, label = unique_lines(ends, tol=self.same)
        hits = np.bincount(label)
        depth = np.full(hits.size, np.inf)
        np.minimum.at(depth, label, value)
        order = np.argsort(depth, kind="stable")[:wanted]
        A = lines[:, order]
        # Minimisers of the first half that were followed to these.
        before = first[:, np.argmax(np.abs(first.T @ A), axis=0)]
        last = Halves.at(samples, A)
        blind = replace(separated(last.first, before), A=before)
        return Found(A, blind, last, last.ends(A), starts, 0.0, hits[order], unseen)
