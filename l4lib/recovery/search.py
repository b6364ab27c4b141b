"""What a route is and returns, the passes that finish its atoms, and the result that the user gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from l4lib.data import Samples, Whitening
from l4lib.recovery.cumulants import CovarianceFit, Separation, separated
from l4lib.recovery.evidence import Test
from l4lib.recovery.refine import Refinement
from l4lib.validate import Array

__all__ = ["Recovery"]

_PASSES, _LEFT = 12, 0.02
"""Passes over all samples at most, and the forecast turn of further ones that is not worth them (sine of the angle)."""
_EASY = 8
"""Steps of the equations of a pass up to which the forecast of the rate holds: incoherent atoms need two to seven."""
_STEPS, _TOL = 60, 0.01
"""The equations of these passes are solved nearly exactly, which costs no data."""


@dataclass(frozen=True)
class Halves:
    """What one pass over all samples measured at the points Q.

    Attributes
    ----------
    Q : ndarray, shape (n, m)
        The points.
    first, second : ndarray, shape (n, m)
        Means of ⟨q, v⟩³v over the half that the search saw, and over the other.
    """

    Q: Array
    first: Array
    second: Array

    @classmethod
    def at(cls, samples: Samples, Q: Array) -> Halves:
        """Make the pass."""
        return cls(Q, *samples.halves(Q))

    def again(self, samples: Samples, A: Array, which: np.ndarray) -> Halves:
        """Look again at some of the points, which are now the columns of A."""
        Q, first, second = self.Q.copy(), self.first.copy(), self.second.copy()
        Q[:, which] = A[:, which]
        first[:, which], second[:, which] = samples.halves(A[:, which])
        return Halves(Q, first, second)

    def ends(self, A: Array) -> tuple[Separation, Separation]:
        """What either half makes of atoms A that are nearly right."""
        return separated(self.first, self.Q, A, steps=2), separated(self.second, self.Q, A, steps=2)

    def together(self, samples: Samples) -> Array:
        """The mean over all samples."""
        share = samples.half / samples.size
        return share * self.first + (1.0 - share) * self.second


@dataclass(frozen=True)
class Found:
    """What a route found, in white coordinates.

    Attributes
    ----------
    A : ndarray, shape (n, m)
        Unit atoms, from all samples.
    blind : Separation
        The atoms from the first half alone, of which the second half knows nothing.
    last : Halves
        The last pass.
    ends : pair of Separation
        The atoms by the last pass over either half.
    starts : int
        Starts made.
    ahead : float
        By what sine further passes are forecast to turn an atom.
    hits : ndarray of int, shape (m,), or None
        How many starts ended at each atom, if the route counts them.
    unseen : float or None
        Good–Turing estimate of the probability that one more start ends somewhere new, if the route makes one.
    """

    A: Array
    blind: Separation
    last: Halves
    ends: tuple[Separation, Separation]
    starts: int
    ahead: float
    hits: np.ndarray | None = None
    unseen: float | None = None


class Route(Protocol):
    """A way from samples to atoms: it searches the first half only, and finishes on all."""

    def __call__(self, samples: Samples, wanted: int | None, *, rng: np.random.Generator) -> Found:
        """Find the wanted number of atoms, or as many as there are."""


def nothing(samples: Samples, starts: int = 0) -> Found:
    """No atoms."""
    none, empty = np.empty((samples.n, 0)), np.empty(0)
    alone = Separation(none, empty, empty, empty)
    return Found(none, alone, Halves(none, none, none), (alone, alone), starts, float("inf"))


def contraction(turn: Array, seen: float) -> float:
    """Share of its turn that the next pass turns an atom, forecast from a pass over atoms made from fewer samples.

    A pass contracts by about the sampling error of the atoms on its samples, for the noise of a fourth moment is all
    that moves an atom a second time.
    Measured: by half of it to all of it in the mean; the worst atom turns up to one and a half times the forecast.
    Atoms made from the share ``seen`` of the samples turn by that error over √seen in the first pass.
    """
    return float(np.clip(np.sqrt(np.mean(turn * turn) * min(seen, 1.0)), 0.02, 0.9))


def finish(samples: Samples, first: Array, seen: int, *, starts: int) -> Found:
    """Separate on all samples what ``seen`` of the first half gave, until further passes are forecast to change little.

    If each pass turns an atom by the same share of what the one before did, those to come turn it by at most the last
    turn times rate/(1 − rate); only atoms for which that is much are measured again, and once those that another atom
    is near to, for which no forecast holds.
    """
    last = Halves.at(samples, first)
    blind = separated(last.first, first, steps=_STEPS, tol=_TOL)
    found = separated(last.together(samples), first, steps=_STEPS, tol=_TOL)
    rate = np.full(first.shape[1], contraction(found.turn, seen / samples.size))
    measured = found.steps <= _EASY
    for _ in range(_PASSES - 1):
        moved, before = (found.turn * rate / (1.0 - rate) > _LEFT) | (not measured), found.turn
        if not moved.any() or not np.isfinite(before).all():
            break
        last = last.again(samples, found.A, moved)
        found = separated(last.together(samples), last.Q, found.A, steps=_STEPS, tol=_TOL)
        rate[moved], measured = np.clip(found.turn[moved] / np.maximum(before[moved], 1e-300), 0.02, 0.9), True
    ahead = float(np.max(found.turn * rate / (1.0 - rate))) + found.left
    return Found(found.A, blind, last, last.ends(found.A), starts, ahead)


@dataclass(frozen=True)
class Recovery:
    """A dictionary found in data.

    Attributes
    ----------
    A : ndarray, shape (n, m)
        Unit atoms in the coordinates of the data, largest fourth power first; each has an arbitrary sign.
    value : ndarray, shape (m,)
        Mean fourth power along each atom of the white data over the square of the mean square: 3 for Gaussian data,
        more for sparse; samples that are left out as very quiet or very loud count as zeros.
        From moments alone that of the tempered samples times n(n+2), which is 3 for Gaussian data, too.
    evidence : tuple of Test
        What was tested, with the value, the limit, a sentence and advice; see ``l4lib.recovery.examination``.
    error : ndarray, shape (m,)
        Estimated 1 − |correlation| of each atom with the truth, the rows in equal units: a quarter of that of two atoms
        made from the two halves of the samples.
        A bias that both halves share is not seen; NaN from moments alone.
    visible : float
        The least fourth cumulant, as a multiple of the median one, that a further atom would need to be seen with three
        standard errors.
    covariance : CovarianceFit or None
        How far the atoms explain the covariance of the white data; None if there are no atoms.
    route : str
        The route taken.
    starts : int
        Starts made.
    hits : ndarray of int, shape (m,), or None
        How many of them ended at each atom: its basin of attraction, measured (route ``"restarts"``).
    unseen : float or None
        Good–Turing estimate of the probability that one more start would end somewhere new (route ``"restarts"``).
    whitening : Whitening
        The change of coordinates used.
    mean : ndarray, shape (n,)
        What was subtracted from every sample.
    refinement : Refinement or None
        What the refinement did, if it was asked for; A holds its atoms if it converged.
    seconds : float
        Wall-clock time.
    """

    A: Array
    value: Array
    evidence: tuple[Test, ...]
    error: Array
    visible: float
    covariance: CovarianceFit | None
    route: str
    starts: int
    hits: np.ndarray | None
    unseen: float | None
    whitening: Whitening
    mean: Array
    refinement: Refinement | None
    seconds: float

    @property
    def complete(self) -> bool:
        """Whether all tests of the evidence passed."""
        return all(test.passed for test in self.evidence)

    @property
    def unexplained(self) -> float:
        """Largest unexplained variance of the white data in one direction, over what the least atom carries."""
        return float("inf") if self.covariance is None else self.covariance.unexplained

    def require_complete(self) -> Recovery:
        """This recovery, if all tests passed.

        Raises
        ------
        RuntimeError
            Otherwise; the message is the sentence and the advice of the first test that failed.
        """
        for test in self.evidence:
            if not test.passed:
                raise RuntimeError(f"{test.name}: {test.sentence}; {test.advice}")
        return self
