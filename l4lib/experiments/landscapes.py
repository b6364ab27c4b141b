"""E1: whole landscapes of random dictionaries, by census."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from l4lib.census import census
from l4lib.data import coherence, random_unit, random_untf
from l4lib.experiments.spec import Cell, Experiment, Row

__all__ = ["E1"]

_FRAMES = {"unit": random_unit, "untf": random_untf}


def _landscape(params: Mapping[str, Any], rng: Callable[[str], np.random.Generator]) -> Row:
    """One random dictionary: its list, whether it is benign, and the two numbers that the theorems speak of."""
    A = _FRAMES[params["kind"]](params["n"], params["m"], rng=rng("dictionary"))
    found = census(A, rng=rng("homotopy"), workers=1, progress=False)
    return {
        "decided": bool(found.complete),
        "benign": bool(found.complete and found.is_benign(0.9)),
        "minimisers": int(np.sum(found.index == 0)),
        "real": int(found.real),
        "coherence": coherence(A),
        "bound": float(np.linalg.norm(A, 2) ** 2),
    }


def _grid(sizes: tuple[int, ...], trials: int) -> tuple[Cell, ...]:
    """All m from n to 2n, tight frames and independent unit atoms."""
    return tuple(
        Cell({"n": n, "m": m, "kind": kind}, trials) for n in sizes for m in range(n, 2 * n + 1) for kind in _FRAMES
    )


E1 = Experiment(
    id="E1",
    question="What fraction of random dictionaries has an exactly benign landscape?",
    cells={"quick": _grid((3, 4), 4), "full": _grid((3, 4, 5, 6, 7), 16)},
    trial=_landscape,
)
