"""E2, E3, E4, E9: overcomplete dictionaries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from l4lib.data import coherence, make_odl, nearest_atom, phi_DL, random_unit, random_untf
from l4lib.experiments.spec import Cell, Experiment, Row
from l4lib.quartic import phi_T, random_points, solve

__all__ = ["E2", "E3", "E4", "E9"]

_Rng = Callable[[str], np.random.Generator]

SUCCESS = 5e-2
"""One run has found an atom when 1 − |⟨q, a⟩| is below this for some unit atom a."""

_FRAMES = {"unit": random_unit, "untf": random_untf}


def _overcomplete(params: Mapping[str, Any], rng: _Rng) -> Row:
    """One random dictionary, one random start on φ_T."""
    A = _FRAMES[params["kind"]](params["n"], params["m"], rng=rng("dictionary"))
    result = solve(phi_T(A), random_points(params["n"], rng=rng("start")), tol=1e-7, max_iterations=5000)
    error = 1.0 - abs(float(nearest_atom(A, result.q)[1]))
    return {
        "success": error < SUCCESS,
        "correlation_error": error,
        "iterations": int(result.iterations[0]),
        "converged": bool(result.converged[0]),
    }


def _overcomplete_grid(sizes: tuple[int, ...], ratios: np.ndarray, trials: int) -> tuple[Cell, ...]:
    """For each n, numbers of atoms between n and 8n² on a logarithmic grid of m/n²."""
    cells = []
    for n in sizes:
        counts = sorted({round(n * n * ratio) for ratio in ratios if n < round(n * n * ratio)})
        cells += [Cell({"n": n, "m": m, "kind": "unit"}, trials) for m in counts]
    return tuple(cells)


E2 = Experiment(
    id="E2",
    question="How overcomplete can a random dictionary be before one random start no longer finds an atom?",
    cells={
        "quick": _overcomplete_grid((8, 12, 16, 24), np.geomspace(1 / 8, 4, 9), 12),
        "full": _overcomplete_grid((8, 11, 16, 23, 32, 45, 64), np.geomspace(1 / 16, 4, 19), 60)
        + _overcomplete_grid((91, 128), np.geomspace(1 / 16, 1, 13), 60),
    },
    trial=_overcomplete,
)


def _samples(params: Mapping[str, Any], rng: _Rng) -> Row:
    """One random UNTF with data, one random start on φ_DL."""
    data = make_odl((params["n"], params["m"]), params["p"], params["theta"], rng=rng("data"))
    start = random_points(params["n"], rng=rng("start"))
    result = solve(phi_DL(data.Y, params["theta"]), start, tol=1e-6, max_iterations=2000)
    error = 1.0 - abs(float(nearest_atom(data.A, result.q)[1]))
    return {"success": error < SUCCESS, "correlation_error": error, "converged": bool(result.converged[0])}


def _samples_grid(theta_p: tuple[int, int], n_p: tuple[int, int], trials: int) -> tuple[Cell, ...]:
    thetas = np.round(np.linspace(0.05, 0.85, theta_p[0]), 3)
    samples = np.geomspace(100, 25_600, theta_p[1]).round().astype(int)
    cells = [Cell({"n": 16, "m": 32, "theta": float(t), "p": int(p)}, trials) for t in thetas for p in samples]
    samples = np.geomspace(50, 12_800, n_p[1]).round().astype(int)
    for n in np.linspace(8, 40, n_p[0]).round().astype(int):
        cells += [Cell({"n": int(n), "m": 2 * int(n), "theta": 0.1, "p": int(p)}, trials) for p in samples]
    return tuple(cells)


E3 = Experiment(
    id="E3",
    question="How many samples does one random start need, and how sparse must the coefficients be (K = 2)?",
    cells={"quick": _samples_grid((5, 5), (3, 5), 8), "full": _samples_grid((11, 9), (9, 9), 50)},
    trial=_samples,
)


def _coupons(params: Mapping[str, Any], rng: _Rng) -> Row:
    """Random starts on φ_T until every atom has been found once, against the coupon collector's m H_m."""
    n, m = params["n"], params["m"]
    A = random_untf(n, m, rng=rng("dictionary"))
    budget = 40 * m
    found = np.zeros(m, dtype=int)
    used, last, elsewhere = 0, 0, 0
    starts = rng("starts")
    while used < budget and (found == 0).any():
        result = solve(phi_T(A), random_points(n, min(2 * m, budget - used), rng=starts), tol=1e-6)
        index, correlation = nearest_atom(A, result.Q)
        for k, c in zip(index, np.abs(correlation), strict=True):
            used += 1
            if 1.0 - c < SUCCESS:
                last = used if found[k] == 0 else last
                found[k] += 1
            else:
                elsewhere += 1
    complete = bool((found > 0).all())
    return {
        "success": complete,
        "starts": last if complete else None,
        "coupon": float(m * np.sum(1.0 / np.arange(1, m + 1))),
        "elsewhere": elsewhere / used,
        "coherence": coherence(A),
    }


E4 = Experiment(
    id="E4",
    question="How many restarts find the whole dictionary, against m log m?",
    cells={
        "quick": tuple(Cell({"n": n, "m": int(1.5 * n)}, 10) for n in (16, 24, 32, 48)),
        "full": tuple(
            Cell({"n": n, "m": int(K * n)}, 50) for n in (16, 24, 32, 48, 64, 96) for K in (1.0, 1.25, 1.5, 2.0)
        ),
    },
    trial=_coupons,
)


def _tight(params: Mapping[str, Any], rng: _Rng) -> Row:
    """One random tight frame on φ_T: one random start, and the minimiser that one of its atoms leads to."""
    A = random_untf(params["n"], params["m"], rng=rng("dictionary"))
    start = random_points(params["n"], rng=rng("start"))
    result = solve(phi_T(A), np.column_stack([start, A[:, 0]]), tol=1e-7, max_iterations=5000)
    return {
        "correlation_error": 1.0 - abs(float(nearest_atom(A, result.Q[:, 0])[1])),
        "displacement": 1.0 - abs(float(A[:, 0] @ result.Q[:, 1])),
        "converged": bool(result.converged.all()),
    }


def _tight_grid(sizes: tuple[int, ...], points: int, trials: int) -> tuple[Cell, ...]:
    """For each n, numbers of atoms between n and n² on a logarithmic grid of m/n²."""
    counts = {n: sorted({round(n * n * r) for r in np.geomspace(1 / 16, 1, points)}) for n in sizes}
    return tuple(Cell({"n": n, "m": m}, trials) for n in sizes for m in counts[n] if m > n)


E9 = Experiment(
    id="E9",
    question="How overcomplete can a random tight frame be before one random start no longer finds an atom?",
    cells={"quick": _tight_grid((12, 16, 24), 7, 10), "full": _tight_grid((16, 24, 32, 48, 64, 96), 14, 40)},
    trial=_tight,
)
