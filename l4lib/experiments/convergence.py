"""E7: how fast the solvers are, per iteration and per second."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from l4lib.data import make_odl, phi_DL
from l4lib.experiments.spec import Cell, Experiment, Row
from l4lib.quartic import GradientDescent, Method, PowerMap, TrustRegion, random_points, solve

__all__ = ["E7"]

METHODS: dict[str, Method] = {
    "gradient descent": GradientDescent(),
    "power map": PowerMap(),
    "trust region": TrustRegion(),
}


def _convergence(params: Mapping[str, Any], rng: Callable[[str], np.random.Generator]) -> Row:
    """One start, one method; the gap to the value where the same run ends, at every iteration."""
    data = make_odl((params["n"], params["m"]), params["p"], 0.1, rng=rng("data"))
    objective = phi_DL(data.Y, 0.1)
    start = random_points(params["n"], rng=rng("start"))
    result = solve(objective, start, method=METHODS[params["method"]], tol=1e-10, max_iterations=500, history=True)
    polished = solve(objective, result.q, method="trust-region", tol=1e-13, max_iterations=20)
    best = float(min(polished.value[0], result.value[0]))
    gaps = np.maximum(np.array(result.history)[:, 0] - best, 0.0) / abs(best)
    return {
        "success": bool(result.converged[0]),
        "iterations": int(result.iterations[0]),
        "gradients": result.evaluations.gradient,
        "values": result.evaluations.value,
        "hessians": result.evaluations.hessian + result.evaluations.hessp,
        "gap": [float(f"{gap:.3e}") for gap in gaps],
    }


E7 = Experiment(
    id="E7",
    question="How fast do gradient descent, the power map and the trust region converge?",
    cells={
        "quick": tuple(Cell({"n": 16, "m": 24, "p": 5000, "method": name}, 5) for name in METHODS),
        "full": tuple(
            Cell({"n": n, "m": 3 * n // 2, "p": 20_000, "method": name}, 20) for n in (16, 32, 64) for name in METHODS
        ),
    },
    trial=_convergence,
)
