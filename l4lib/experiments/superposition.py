"""E12: features in superposition, found by sparse autoencoders, by fourth moments, and by two other methods."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from l4lib.data import SuperpositionData, make_superposition, max_cosines, mmcs, orient, power_law
from l4lib.experiments.autoencoder import KINDS, train
from l4lib.experiments.spec import Cell, Experiment, Row, generator
from l4lib.experiments.statistics import bootstrap_mean
from l4lib.recovery import recover_dictionary, sparse_codes
from l4lib.validate import Array

__all__ = ["E12", "draw_superposition"]

_Rng = Callable[[str], np.random.Generator]

FOUND = 0.9
"""A feature is found if some estimate has a larger cosine with it."""
_KEPT = 1000
"""Samples that no method sees."""
_CODED = 0.25
"""Codes of the common coder stop at this relative residual; noise leaves about 0.1."""
_STEPS = {64: 3000, 128: 3000, 256: 2500}
_SPAMS_ROUNDS = 500


def draw_superposition(params: Mapping[str, Any]) -> SuperpositionData:
    """The data of a cell: the same for every method, with the noise in units of the root mean square of the signal."""
    keys = ("n", "m", "p", "active", "exponent", "law", "together", "noise", "draw")
    rng = generator("superposition", *(f"{key}={params[key]}" for key in keys))
    theta = power_law(params["m"], params["active"], params["exponent"])
    data = make_superposition(
        (params["n"], params["m"]),
        params["p"] + _KEPT,
        theta,
        law=params["law"],
        together=params["together"],
        rng=rng,
    )
    level = params["noise"] * float(np.sqrt(np.mean(np.var(data.Y, axis=1))))
    data.Y[...] += level * rng.standard_normal(data.Y.shape)
    return data


def _l4(Y: Array, params: Mapping[str, Any], rng: _Rng) -> tuple[Array, Row]:
    found = recover_dictionary(Y[:, :-_KEPT], params["m"], rng=rng("search"))
    failed = next((test.name for test in found.evidence if not test.passed), "")
    return orient(found.A, Y[:, :-_KEPT]), {"complete": found.complete, "failed": failed}


def _autoencoder(Y: Array, params: Mapping[str, Any], rng: _Rng) -> tuple[Array, Row]:
    if params["start"] == "l4":
        start, _ = _l4(Y, params, rng)
    elif params["start"] == "samples":
        start = Y[:, rng("start").choice(params["p"], params["m"], replace=False)]
    else:
        start = rng("start").standard_normal((params["n"], params["m"]))
    trained = train(
        Y,
        start,
        kind=params["method"],
        penalty=params["setting"],
        active=round(params["setting"]),
        steps=_STEPS[params["n"]],
        kept=_KEPT,
        rng=rng("batches"),
    )
    on = trained.codes > 0
    return trained.D, {
        "unexplained": trained.unexplained,
        "l0": float(on.sum(axis=0).mean()),
        "dead": float(np.mean(~on.any(axis=1))),
        "losses": [round(float(loss), 4) for loss in trained.losses],
    }


def _spams(Y: Array, params: Mapping[str, Any], rng: _Rng) -> tuple[Array, Row]:
    """Online dictionary learning with non-negative codes; λ of the autoencoder is twice its λ."""
    import spams

    Z = np.asfortranarray(Y[:, :-_KEPT] / np.sqrt(np.mean(np.var(Y, axis=1))))
    start = rng("start").standard_normal((params["n"], params["m"]))
    D = spams.trainDL(
        Z,
        D=np.asfortranarray(start / np.linalg.norm(start, axis=0)),
        lambda1=params["setting"] / 2,
        iter=_SPAMS_ROUNDS,
        batchsize=512,
        posAlpha=True,
        mode=2,
        numThreads=1,
        verbose=False,
    )
    used = np.linalg.norm(D, axis=0) > 1e-9
    return np.ascontiguousarray(D[:, used]), {"dead": float(np.mean(~used))}


def _fastica(Y: Array, params: Mapping[str, Any], rng: _Rng) -> tuple[Array, Row]:
    from sklearn.decomposition import FastICA

    seed = int(rng("start").integers(2**31))
    ica = FastICA(fun="cube", whiten="unit-variance", max_iter=500, tol=1e-4, random_state=seed)
    ica.fit(Y[:, :-_KEPT].T)
    return orient(ica.mixing_, Y[:, :-_KEPT]), {}


_METHODS = {"l4": _l4, "spams": _spams, "fastica": _fastica, **dict.fromkeys(KINDS, _autoencoder)}


def _compared(params: Mapping[str, Any], rng: _Rng) -> Row:
    """One method on one data set, judged by the true features and by what its features explain."""
    data = draw_superposition(params)
    clock = time.process_time()
    D, row = _METHODS[params["method"]](data.Y, params, rng)
    cpu = time.process_time() - clock
    if not D.shape[1]:
        return {"features": 0, "mmcs": 0.0, "low": 0.0, "high": 0.0, "back": 0.0, "found": 0, "cpu": cpu, **row}
    cosines = max_cosines(data.A, D)
    low, high = bootstrap_mean(cosines, rng=rng("bootstrap"))
    limit = min(params["n"] // 2, 4 * round(params["active"]))
    X, residual = sparse_codes(data.Y[:, -_KEPT:], D, limit, tol=_CODED)
    return {
        "features": D.shape[1],
        "mmcs": float(cosines.mean()),
        "low": low,
        "high": high,
        "back": mmcs(D, data.A),
        "found": int(np.sum(cosines > FOUND)),
        "rare": int(np.sum(cosines[params["m"] // 2 :] > FOUND)),
        "coded": float(np.count_nonzero(X) / _KEPT),
        "uncoded": float(np.mean(residual > _CODED)),
        "cpu": cpu,
        **row,
    }


_BASE = {"active": 6, "exponent": 0.5, "law": "exponential", "together": None, "noise": 0.1, "start": "random"}


def _cells(methods: Mapping[str, tuple[float, ...]], draws: int, **params: Any) -> tuple[Cell, ...]:
    """One data set and one method with one setting in each cell."""
    return tuple(
        Cell({**_BASE, **params, "method": method, "setting": setting, "draw": draw}, 1)
        for draw in range(draws)
        for method, settings in methods.items()
        for setting in settings
    )


_RIVALS = {"l4": (0.0,), "untied": (1.0,), "spams": (1.0,)}
_CHANGES: tuple[dict[str, Any], ...] = (
    {"noise": 0.3},
    {"noise": 1.0},
    {"together": 0.5},
    {"together": 0.8},
    {"together": 1.0},
    {"exponent": 1.0, "active": 4},
    {"active": 12},
    {"active": 20},
    {"law": "uniform"},
    {"law": "constant"},
)


def _full() -> tuple[Cell, ...]:
    base = {"n": 64, "m": 128, "p": 40_000}
    # Sensitivity to the penalty.
    sweep = (0.5, 1.0, 2.0, 4.0)
    methods = {"l4": (0.0,), "tied": sweep, "untied": sweep, "top-k": (3.0, 6.0, 12.0), "spams": sweep}
    cells = [*_cells(methods, 1, **base)]
    # Sizes: as many features as dimensions, twice and four times as many; penalties were chosen on other draws.
    for ratio in (1, 2, 4):
        large = {"l4": (0.0,), "untied": (ratio / 2,)}
        rivals = {**large, "spams": (max(1.0, ratio / 2),)}
        extra = {"tied": (ratio / 2,), "top-k": (6.0,)}
        ica = {"fastica": (0.0,)} if ratio == 1 else {}
        cells += _cells({**rivals, **extra, **ica}, 2 if ratio < 4 else 1, n=64, m=64 * ratio, p=40_000)
        cells += _cells(rivals, 2 if ratio == 4 else 1, n=64, m=64 * ratio, p=40_000)
        cells += _cells(
            {**rivals, "top-k": (8.0,)} if ratio == 1 else rivals, 1, n=128, m=128 * ratio, p=60_000, active=8
        )
        cells += _cells(large if ratio < 4 else {"l4": (0.0,)}, 1, n=256, m=256 * ratio, p=80_000, active=12)
    # Samples, what breaks the model, and where an autoencoder starts.
    for p in (1_500, 5_000, 15_000):
        cells += _cells(_RIVALS, 1, **{**base, "p": p})
    for change in _CHANGES:
        cells += _cells(_RIVALS, 1, **{**base, **change})
    cells += _cells({"untied": (2.0, 4.0), "spams": (2.0, 4.0)}, 1, **base, noise=1.0)
    for start in ("samples", "l4"):
        cells += _cells({"tied": (1.0,), "untied": (1.0,)}, 1, **base, start=start)
        cells += _cells({"untied": (2.0,)}, 1, **{**base, "m": 256}, start=start)
    return tuple({cell.name: cell for cell in cells}.values())


E12 = Experiment(
    id="E12",
    question="Which features in superposition do sparse autoencoders find, and which do fourth moments?",
    cells={"quick": _cells(_RIVALS, 1, n=64, m=128, p=10_000), "full": _full()},
    trial=_compared,
)
