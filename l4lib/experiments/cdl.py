"""E5, E6: convolutional dictionaries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from l4lib.data import circular_whitening, make_cdl, match_kernels, phi_CDL, shift_correlations
from l4lib.experiments.spec import Cell, Experiment, Row
from l4lib.quartic import CirculantMap, project, random_points, solve
from l4lib.recovery import recover_kernels

__all__ = ["E5", "E6"]

_Rng = Callable[[str], np.random.Generator]

SUCCESS = 5e-2
"""One run has found a kernel when 1 − |correlation| is below this modulo shift and sign."""


def _one_kernel(params: Mapping[str, Any], rng: _Rng) -> Row:
    """One problem, φ_CDL from one preconditioned sample and from one random point."""
    n, K, theta = params["n"], params["K"], params["theta"]
    data = make_cdl((n, K), params["p"], theta, rng=rng("data"))
    P = circular_whitening(data.Y, scale=K * theta)
    occupied = np.flatnonzero(np.any(data.Y != 0, axis=0))
    sample = P.apply(data.Y[:, int(rng("sample").choice(occupied))])
    starts = np.column_stack([project(sample), random_points(n, rng=rng("start"))])
    atoms = project(CirculantMap(P.apply(data.kernels)).dense())
    result = solve(phi_CDL(data.Y, theta, K), starts, tol=1e-6, max_iterations=1000)
    truth = project(data.kernels)
    errors = 1.0 - np.abs(shift_correlations(project(P.undo(result.Q)), truth, (n,))[0]).max(axis=1)
    begun = np.abs(atoms.T @ starts).max(axis=0)
    row: Row = {}
    for k, name in enumerate(("data", "random")):
        row[f"success_{name}"] = bool(errors[k] < SUCCESS)
        row[f"start_correlation_{name}"] = float(begun[k])
        row[f"iterations_{name}"] = int(result.iterations[k])
    return row


def _one_kernel_grid(sizes: tuple[int, int], kernels: tuple[int, ...], trials: int) -> tuple[Cell, ...]:
    thetas = np.round(np.geomspace(0.02, 0.6, sizes[0]), 3)
    samples = np.geomspace(5, 320, sizes[1]).round().astype(int)
    cells = [Cell({"n": 32, "K": 2, "theta": float(t), "p": int(p)}, trials) for t in thetas for p in samples]
    cells += [Cell({"n": 64, "K": K, "theta": 0.1, "p": int(p)}, trials) for K in kernels for p in samples]
    return tuple(cells)


E5 = Experiment(
    id="E5",
    question="When does one run find a convolutional kernel, from a sample and from a random point?",
    cells={"quick": _one_kernel_grid((5, 4), (2, 4), 6), "full": _one_kernel_grid((11, 9), (1, 2, 3, 4, 6, 8), 50)},
    trial=_one_kernel,
)


def _all_kernels(params: Mapping[str, Any], rng: _Rng) -> Row:
    """One problem, both routes of recover_kernels with a generous number of starts."""
    n, K, theta = params["n"], params["K"], params["theta"]
    data = make_cdl((n, K), params["p"], theta, rng=rng("data"))
    row: Row = {}
    for method in ("subspace", "restarts"):
        found = recover_kernels(data.Y, K, rng=rng("starts"), method=method, starts=20 * K, progress=False)
        match = match_kernels(found.kernels, data.kernels)
        row[f"success_{method}"] = match.recovered(0.02) == K
        row[f"found_{method}"] = match.recovered(SUCCESS)
        row[f"worst_error_{method}"] = match.max_error
        row[f"rarest_hits_{method}"] = int(found.hits.min()) if found.complete else 0
    return row


E6 = Experiment(
    id="E6",
    question="Are all kernels found: by restarts on φ_CDL, and by the shift-invariant subspace?",
    cells={
        "quick": tuple(Cell({"n": 32, "K": K, "theta": 0.1, "p": 500}, 6) for K in (2, 3, 4)),
        "full": tuple(
            Cell({"n": n, "K": K, "theta": theta, "p": 1000}, 30)
            for n in (32, 64)
            for K in (2, 3, 4, 5, 6)
            for theta in (0.05, 0.1)
        ),
    },
    trial=_all_kernels,
)
