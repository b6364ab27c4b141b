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
    return Found(none, Separation(none, empty, empty, empty), Halves(none, none, none), starts, float("inf"))


def finish(samples: Samples, first: Array, rate: float | None, *, starts: int) -> Found:
    """Separate on all samples what was found on the first half, until further passes are forecast to change little.

    If each pass turns the atoms by the share ``rate`` of the one before, the passes to come turn them by at most the
    last turn times rate/(1 − rate).
    """
    last = Halves.at(samples, first)
    A, blind, before = first, separated(last.first, first), np.inf
    for k in range(_PASSES):
        if k:
            last = Halves.at(samples, A)
        found = separated(last.together(samples), A)
        A, turn = found.A, float(found.turn.max())
        if k:
            rate = turn / max(before, 1e-12)
        rate, before = min(0.5 if rate is None else rate, 0.9), turn
        ahead = turn * rate / (1.0 - rate)
        if not np.isfinite(ahead) or ahead <= _LEFT:
            break
    return Found(A, blind, last, starts, ahead)


@dataclass(frozen=True)
class Recovery:
    """A dictionary found in data.

    Attributes
    ----------
    A : ndarray, shape (n, m)
        Unit atoms in the coordinates of the data, largest fourth power first; each has an arbitrary sign.
    value : ndarray, shape (m,)
        Mean fourth power along each atom of the white data over the square of the mean square: 3 for Gaussian data,
        more for sparse.
        From moments alone that of the tempered samples times n(n+2), which is 3 for Gaussian data, too.
    evidence : tuple of Test
        What was tested, with the value, the limit, a sentence and advice; see ``l4lib.recovery.examination``.
    error : ndarray, shape (m,)
        Estimated 1 − |correlation| of each atom with the truth: a quarter of that of two atoms made from the two halves
        of the samples.
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
