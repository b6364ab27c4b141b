"""Exercises of the chapter *Superposition and sparse autoencoders*."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from l4lib.course.exercise import Exercise, Given, Mistake
from l4lib.data import gated_cumulants, random_unit, shared_gate_cumulant, white_features


def _central_fourth(theta: float, s: float) -> float:
    """The fourth cumulant from central moments, by quadrature."""
    nodes, weights = np.polynomial.legendre.leggauss(8)
    values = np.append(1 + s * nodes, 0.0)
    shares = np.append(theta * weights / 2, 1 - theta)
    off = values - shares @ values
    return float(shares @ off**4 - 3 * (shares @ off**2) ** 2)


def _vanishing(s: float) -> float:
    grid = np.linspace(0.15, 1, 200)
    values = [_central_fourth(t, s) for t in grid]
    first = next(k for k in range(1, grid.size) if values[k] <= 0)
    return float(brentq(_central_fourth, grid[first - 1], grid[first], args=(s,), xtol=1e-13))


def _moments(s: float) -> tuple[float, float, float, float]:
    return 1.0, 1 + s**2 / 3, 1 + s**2, 1 + 2 * s**2 + s**4 / 5


def _least_root(coefficients: list[float]) -> float:
    roots = np.roots(coefficients)
    return float(min(root.real for root in roots if abs(root.imag) < 1e-9 and root.real > 0))


def _without_third(s: float) -> float:
    M1, M2, _, M4 = _moments(s)
    return _least_root([-6 * M1**4, 12 * M2, -3 * M2**2, M4])


def _uncentred(s: float) -> float:
    _, M2, _, M4 = _moments(s)
    return M4 / (3 * M2**2)


def _frame(rng: np.random.Generator) -> Given:
    n = int(rng.integers(3, 7))
    m = n + int(rng.integers(1, 5))
    return {"A": random_unit(n, m, rng=rng), "theta": rng.uniform(0.02, 0.4, m)}


def _white(A: np.ndarray, theta: np.ndarray, variance: np.ndarray) -> np.ndarray:
    return np.sum(white_features(A, variance) ** 2, axis=0)


def _depths(A: np.ndarray, theta: np.ndarray) -> np.ndarray:
    c = gated_cumulants("exponential", theta)
    return c[3] / c[1] ** 2 * _white(A, theta, c[1]) ** 2


def _raw_depths(A: np.ndarray, theta: np.ndarray) -> np.ndarray:
    fourth = gated_cumulants("exponential", theta)[3]
    return fourth * (_white(A, theta, 2 * theta) / (2 * theta)) ** 2


def _alone(A: np.ndarray, theta: np.ndarray) -> np.ndarray:
    c = gated_cumulants("exponential", theta)
    share = _white(A, theta, c[1])
    return c[3] * (share / (c[1] * (1 - share))) ** 2


def _direction(rng: np.random.Generator) -> Given:
    return {"zeta": rng.standard_normal(int(rng.integers(2, 5))), "gate": float(rng.uniform(0.05, 0.5))}


def _open(zeta: np.ndarray) -> np.ndarray:
    return gated_cumulants("exponential", np.ones(zeta.size))


def _variance(zeta: np.ndarray, gate: float) -> float:
    return float(gate * np.sum(zeta**2) + gate * (1 - gate) * np.sum(zeta) ** 2)


def _along(zeta: np.ndarray, gate: float) -> float:
    return float(shared_gate_cumulant(_open(zeta), gate, zeta)) / _variance(zeta, gate) ** 2


def _own_gates(zeta: np.ndarray, gate: float) -> float:
    c = gated_cumulants("exponential", gate)
    return float(c[3] * np.sum(zeta**4) / (c[1] * np.sum(zeta**2)) ** 2)


def _centred(zeta: np.ndarray, gate: float) -> float:
    """As if the amplitudes were symmetric about zero."""
    fourth = gate * 6 * np.sum(zeta**4) + 3 * gate * (1 - gate) * np.sum(zeta**2) ** 2
    return float(fourth / _variance(zeta, gate) ** 2)


EXERCISES = (
    Exercise(
        label="ex-vanishing-frequency",
        answer="vanishing",
        points=2,
        draw=lambda rng: {"s": float(rng.uniform(0.1, 0.9))},
        call=("s",),
        truth=_vanishing,
        look_at=("gated_cumulants", "excess_kurtosis"),
        mistakes={
            "not centred": Mistake(
                _uncentred,
                "You have compared the moments about zero; a coefficient that is never negative has a mean.",
            ),
            "a term missing": Mistake(
                _without_third,
                "Of the terms with the square of the frequency you have only one.",
            ),
            "constant": Mistake(
                lambda s: (3 - 3**0.5) / 6,
                "This is what is true for every amplitude; yours varies, and that helps.",
            ),
            "amplitude alone": Mistake(
                lambda s: 1.0,
                "At this frequency there is no gate any more; is there no smaller one?",
            ),
        },
    ),
    Exercise(
        label="ex-best-frequency",
        answer="depths",
        points=3,
        draw=_frame,
        call=("A", "theta"),
        truth=_depths,
        look_at=("white_features",),
        mistakes={
            "moment about zero": Mistake(
                _raw_depths,
                "Your covariance is not that of centred coefficients.",
            ),
            "without the feature": Mistake(
                _alone,
                "Whitening sees the feature as well; your leverage leaves it out and nothing puts it back.",
            ),
            "not squared": Mistake(
                lambda A, theta: np.sqrt(_depths(A, theta) * gated_cumulants("exponential", theta)[3]),
                "A fourth power of a norm contains the square of a quadratic form.",
            ),
            "norms only": Mistake(
                lambda A, theta: _white(A, theta, gated_cumulants("exponential", theta)[1]) ** 2,
                "These are fourth powers of the norms before the kurtosis comes in.",
            ),
        },
    ),
    Exercise(
        label="ex-one-switch",
        answer="kurtosis_along",
        points=4,
        draw=_direction,
        call=("zeta", "gate"),
        truth=_along,
        look_at=("shared_gate_cumulant",),
        mistakes={
            "own gates": Mistake(
                _own_gates,
                "Your features switch independently of each other.",
            ),
            "as if signed": Mistake(
                _centred,
                "You have dropped what comes from the means of the amplitudes, in the numerator.",
            ),
            "uncorrelated": Mistake(
                lambda zeta, gate: (
                    _along(zeta, gate) * (_variance(zeta, gate) / ((2 * gate - gate**2) * np.sum(zeta**2))) ** 2
                ),
                "Features behind one gate are correlated; your variance adds those of the single ones.",
            ),
            "not normalised": Mistake(
                lambda zeta, gate: float(shared_gate_cumulant(_open(zeta), gate, zeta)),
                "This is a cumulant; kurtosis does not change if the combination is multiplied by a number.",
            ),
        },
    ),
)
