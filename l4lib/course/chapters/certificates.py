"""Exercises of the chapter *Certificates*."""

from __future__ import annotations

from math import log2

import numpy as np

from l4lib.course.exercise import Exercise, Given, Mistake


def _cell_given(rng: np.random.Generator) -> Given:
    P = rng.integers(-9, 10, (5, 5)) * (np.add.outer(np.arange(5), np.arange(5)) <= 4)
    u0, v0 = rng.uniform(0.2, 0.6, 2) * rng.choice([-1, 1], 2)
    return {"P": P.astype(float), "u0": float(u0), "v0": float(v0), "r": float(rng.uniform(0.3, 0.7))}


def _terms(P: np.ndarray, u0: float, v0: float, r: float) -> np.ndarray:
    """The terms of the Taylor polynomial at a corner, by Horner's scheme in both directions."""
    terms = P.copy()
    for c, t in ((terms, u0), (terms.T, v0)):
        for i in range(len(c) - 1):
            for k in range(len(c) - 2, i - 1, -1):
                c[k] += t * c[k + 1]
    return terms * r ** np.add.outer(np.arange(P.shape[0]), np.arange(P.shape[1]))


def _margin(terms: np.ndarray) -> float:
    return float(terms[0, 0] - np.sum(np.abs(terms).ravel()[1:]))


def _times(P: np.ndarray, u0: float, v0: float, r: float, factor: np.ndarray) -> float:
    return _margin(_terms(P, u0, v0, r) * factor)


_ORDER = np.arange(5)
_FACTORIALS = np.array([1.0, 1, 2, 6, 24])


def _cells(delta: float, sooner: int = 0) -> int:
    depth = round(log2(2 / delta) / 2) + 1 - sooner
    return int(3 * 2 ** (depth + 1) - 8)


EXERCISES = (
    Exercise(
        label="ex-cell-margin",
        answer="cell_margin",
        points=3,
        draw=_cell_given,
        call=("P", "u0", "v0", "r"),
        truth=lambda P, u0, v0, r: _margin(_terms(P, u0, v0, r)),
        mistakes={
            "not shifted": Mistake(
                lambda P, u0, v0, r: _margin(_terms(P, 0.0, 0.0, r)),
                "Your square lies around the origin: expand about its own middle.",
            ),
            "shifted the other way": Mistake(
                lambda P, u0, v0, r: _margin(_terms(P, -u0, -v0, r)),
                "Your square is on the other side of the origin. What is u in terms of u - u0?",
            ),
            "one corner": Mistake(
                lambda P, u0, v0, r: float(2 * _terms(P, u0, v0, r)[0, 0] - np.sum(_terms(P, u0, v0, r))),
                "You sum the coefficients with their signs, which is a statement about one corner and not about "
                "the square.",
            ),
            "factorials": Mistake(
                lambda P, u0, v0, r: _times(P, u0, v0, r, np.outer(_FACTORIALS, _FACTORIALS)),
                "Derivatives are not yet coefficients of the expansion; something has to be divided out.",
            ),
            "one exponent": Mistake(
                lambda P, u0, v0, r: _times(P, u0, v0, r, r ** -np.minimum.outer(_ORDER, _ORDER).astype(float)),
                "In a mixed term both variables move: which power of r bounds it?",
            ),
            "the middle too": Mistake(
                lambda P, u0, v0, r: float(-np.sum(np.abs(_terms(P, u0, v0, r).ravel()[1:]))),
                "The value in the middle has got lost, or is subtracted from itself.",
            ),
        },
    ),
    Exercise(
        label="ex-cells-needed",
        answer="cells_needed",
        points=3,
        draw=lambda rng: {"delta": 2 * 4.0 ** -int(rng.integers(2, 8))},
        call=("delta",),
        truth=_cells,
        tolerance=1e-9,
        mistakes={
            "not strict": Mistake(
                lambda delta: _cells(delta, sooner=1),
                "Your cells include some on which the two sides are equal; what does the test ask for?",
            ),
            "one direction": Mistake(
                lambda delta: 2 * round(log2(2 / delta) / 2) + 2,
                "You divide intervals, but the cells are squares: each of them is divided into four.",
            ),
            "uniform": Mistake(
                lambda delta: 4 ** (round(log2(2 / delta) / 2) + 1),
                "You have divided every square to the same depth; most of them pass much earlier.",
            ),
            "visited": Mistake(
                lambda delta: (4 * _cells(delta) - 1) // 3,
                "You count every square that was looked at; those that were divided are no cells.",
            ),
        },
    ),
)
