"""E11: how often the evidence of a recovered dictionary errs, either way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import numpy as np

from l4lib.data import match_atoms, random_untf
from l4lib.experiments.spec import Cell, Experiment, Row
from l4lib.recovery import recover_dictionary
from l4lib.validate import Array

__all__ = ["E11"]

WRONG = 2e-2
"""A dictionary is wrong if it has another number of atoms than the truth, or an atom with 1 − |correlation| above."""


def _coefficients(law: str, m: int, p: int, theta: float, rng: np.random.Generator) -> Array:
    """Independent coefficients; each of the sparse laws is zero with probability 1 − θ."""
    shape = (m, p)
    if law == "gauss":
        x = rng.standard_normal(shape)
    elif law == "sign":
        x = rng.choice([-1.0, 1.0], shape)
    elif law == "student":
        x = rng.standard_t(3, shape)
    elif law == "positive":
        x = np.abs(rng.standard_normal(shape))
    elif law == "laplace":
        return rng.laplace(size=shape)
    elif law == "uniform":
        return rng.uniform(-1.0, 1.0, shape)
    else:
        return rng.standard_normal(shape)
    return x * (rng.random(shape) < theta)


def _examined(params: Mapping[str, Any], rng: Callable[[str], np.random.Generator]) -> Row:
    """One data set, one recovery: whether it is right, and whether it says so."""
    n, m, p = params["n"], params["m"], params["p"]
    A = random_untf(n, m, rng=rng("dictionary"))
    amplitudes = np.ones(m)
    amplitudes[0] = params["weak"]
    Y = (A * amplitudes) @ _coefficients(params["law"], m, p, params["theta"], rng("coefficients"))
    if params["snr"] is not None:
        noise = rng("noise").standard_normal(Y.shape)
        Y = Y + noise * (np.linalg.norm(Y) / np.linalg.norm(noise) * 10.0 ** (-params["snr"] / 20.0))
    asked = None if params["asked"] is None else m + params["asked"]
    found = recover_dictionary(Y, asked, rng=rng("search"))
    k = found.A.shape[1]
    error = float(match_atoms(found.A, A).max_error) if k == m else 1.0
    failed = next((test.name for test in found.evidence if not test.passed), "")
    return {
        "atoms": k,
        "max_error": error,
        "right": k == m and error <= WRONG,
        "complete": found.complete,
        "failed": failed,
        "estimate": float(np.max(found.error, initial=0.0)),
    }


def _cells(trials: int, sizes: tuple[int, ...], ratios: tuple[float, ...], **grid: tuple[Any, ...]) -> tuple[Cell, ...]:
    """The product of the grid; the number of samples is ``load`` times nm."""
    axes = {"theta": (0.1,), "law": ("gauss",), "snr": (None,), "asked": (0,), "weak": (1.0,), "load": (16,), **grid}
    cells = []
    for n, ratio, *values in product(sizes, ratios, *axes.values()):
        m = round(n * ratio)
        rest = dict(zip(axes, values, strict=True))
        cells.append(Cell({"n": n, "m": m, "p": rest["load"] * n * m, **rest}, trials))
    return tuple(cells)


def _grid(trials: int, sizes: tuple[int, ...]) -> tuple[Cell, ...]:
    """The regime that is documented and its border; other laws; wrong and unknown numbers of atoms; few dimensions."""
    return (
        _cells(
            trials,
            sizes,
            (1.0, 1.5, 2.0),
            theta=(0.05, 0.1, 0.2),
            law=("gauss", "sign"),
            snr=(None, 20),
            load=(4, 16, 64),
        )
        + _cells(2 * trials, sizes[::2], (1.0, 1.5), theta=(1.0,), law=("noise", "uniform", "laplace"), load=(4, 16))
        + _cells(2 * trials, sizes[::2], (1.0, 1.5), law=("student", "positive"), load=(16, 64))
        + _cells(trials, sizes[:3], (1.0, 1.5, 2.0), asked=(-2, -1, 1, None), load=(16, 64))
        + _cells(trials, sizes[::2], (1.5,), asked=(-1, 0), weak=(0.5, 0.3), load=(16, 64))
        + _cells(2 * trials, (3, 4, 6), (1.0, 1.34), law=("gauss", "noise"), load=(16, 256))
    )


E11 = Experiment(
    id="E11",
    series="E9",
    question="How often does a recovered dictionary say that it is complete when it is wrong, or not when it is right?",
    cells={"quick": _grid(1, (8, 16)), "full": _grid(3, (8, 12, 16, 24))},
    trial=_examined,
)
