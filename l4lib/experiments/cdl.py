"""E5, E6, E10: convolutional dictionaries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from l4lib.data import circular_whitening, make_cdl, match_kernels, phi_CDL, shift_correlations
from l4lib.experiments.spec import Cell, Experiment, Row
from l4lib.quartic import CirculantMap, project, random_points, solve
from l4lib.recovery import recover_kernels

__all__ = ["E5", "E6", "E10"]

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
        row[f"worst_error_{method}"] = match.max_error if match.recovered(SUCCESS) == K else 1.0
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


def _coefficients(law: str, size: tuple[int, ...], theta: float, rng: np.random.Generator) -> np.ndarray:
    """Coefficients that are zero with probability 1 − θ (the dense laws ignore θ)."""
    on = rng.random(size) < theta
    laws: dict[str, Callable[[tuple[int, ...]], np.ndarray]] = {
        "Gauss": rng.standard_normal,
        "Laplace": lambda size: rng.laplace(size=size),
        "signs": lambda size: rng.choice([-1.0, 1.0], size),
        "half-normal": lambda size: np.abs(rng.standard_normal(size)),
        "0/1": np.ones,
        "uniform": lambda size: rng.uniform(-1.0, 1.0, size),
        "dense Gauss": rng.standard_normal,
    }
    draw = laws[law](size)
    return draw if law in ("uniform", "dense Gauss") else on * draw


def _evidence(params: Mapping[str, Any], rng: _Rng) -> Row:
    """One random problem with what its cell prescribes, and whether the answer is right and calls itself complete."""
    design = rng("design")
    n, K = int(design.choice([16, 24, 32, 48, 64])), int(design.choice([1, 2, 3, 4]))
    K = max(K, 2) if params["asked"] < 0 or params["weakest"] < 1 or params["length"] == "at most K" else K
    K = min(K, n // 8)
    theta = float(np.exp(design.uniform(np.log(0.03), np.log(0.2))))
    few = int(design.integers(5, 61))
    p = few if params["per_unknown"] == 0 else max(20, round(params["per_unknown"] * n * K))
    kernels, data_rng = np.zeros((n, K)), rng("data")
    length = {"full": n, "half": n // 2, "at most K": K}[params["length"]]
    kernels[:length] = data_rng.standard_normal((length, K))
    kernels = project(kernels)
    X = _coefficients(params["law"], (n * K, p), theta, data_rng)
    X[(K - 1) * n :] *= params["weakest"]
    Y = CirculantMap(kernels).apply(X)
    Y = Y + params["noise"] * np.sqrt(np.mean(Y * Y)) * data_rng.standard_normal(Y.shape)
    if params["spoilt"] == "one glitch":
        Y[data_rng.integers(n), data_rng.integers(p)] += 1000.0 * np.sqrt(np.mean(Y * Y))
    if params["spoilt"] == "offset kept":
        Y = Y + np.sqrt(np.mean(Y * Y))
    shape = None
    if params["spoilt"] == "random phases":
        half = np.fft.rfft(Y, axis=0)
        Y = np.fft.irfft(np.abs(half) * np.exp(2j * np.pi * data_rng.random(half.shape)), n, axis=0)
    if params["spoilt"] == "transposed":
        Y = Y[:, : 3 * n].T
    if params["spoilt"] == "picture shape":
        n, K, shape = 24, 2, (4, 6)
        kernels = project(data_rng.standard_normal((n, K)))
        Y = CirculantMap(kernels, shape=(6, 4)).apply(_coefficients("Gauss", (n * K, 16 * n * K), theta, data_rng))
    asked = K + params["asked"]
    found = recover_kernels(
        Y,
        asked,
        rng=rng("starts"),
        shape=shape,
        kernel_length=length if params["length"] == "at most K" else None,
        center=params["spoilt"] != "offset kept",
        progress=False,
    )
    error = 1.0
    if params["length"] == "at most K":
        kernels = kernels[:length]
    if found.kernels.shape == kernels.shape:
        error = match_kernels(found.kernels, kernels).max_error
    return {
        "n_drawn": n,
        "K_drawn": K,
        "theta_drawn": theta,
        "p_drawn": p,
        "max_error": error,
        "right": bool(error <= SUCCESS),
        "complete": found.complete,
        "failed_test": next((test.name for test in found.evidence if not test.passed), "none"),
    }


def _evidence_cell(trials: int, **changes: Any) -> Cell:
    usual = {
        "law": "Gauss",
        "per_unknown": 16,
        "noise": 0.0,
        "asked": 0,
        "weakest": 1.0,
        "length": "full",
        "spoilt": "no",
    }
    return Cell({**usual, **changes}, trials)


def _evidence_grid(good: int, bad: int) -> tuple[Cell, ...]:
    cells = [
        _evidence_cell(good, law=law, per_unknown=many, length=length)
        for law in ("Gauss", "Laplace", "signs")
        for many in (4, 8, 16, 32)
        for length in ("full", "half")
    ]
    cells += [_evidence_cell(good, noise=0.1, per_unknown=many) for many in (4, 8, 16, 32)]
    hostile: list[dict[str, Any]] = [
        {"law": "dense Gauss"},
        {"law": "dense Gauss", "per_unknown": 0},
        {"law": "uniform"},
        {"law": "0/1"},
        {"law": "half-normal"},
        {"noise": 0.5},
        {"noise": 1.0},
        {"per_unknown": 0},
        {"asked": -1},
        {"asked": 1},
        {"asked": 2},
        {"weakest": 0.5},
        {"weakest": 0.3},
        {"length": "at most K"},
        {"spoilt": "one glitch"},
        {"spoilt": "offset kept"},
        {"spoilt": "random phases"},
        {"spoilt": "transposed"},
        {"spoilt": "picture shape"},
    ]
    return tuple(cells + [_evidence_cell(bad, **change) for change in hostile])


E10 = Experiment(
    id="E10",
    question="When may an answer of recover_kernels be trusted: is it right, and does it call itself complete?",
    cells={"quick": _evidence_grid(2, 2), "full": _evidence_grid(20, 20)},
    trial=_evidence,
)
