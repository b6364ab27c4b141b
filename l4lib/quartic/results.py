"""What a solve returns: points, numbers recomputed at those points, and why each run stopped."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum

import numpy as np

from l4lib.validate import Array

__all__ = ["ConvergenceError", "Evaluations", "Result", "Status"]


class Status(Enum):
    """Why a run stopped; the value is a sentence for people."""

    CONVERGED = "the stationarity measure is below the tolerance"
    STALLED = "no step that lowers the objective was found: the limit of rounding, or of the method, is reached"
    MAX_ITERATIONS = "the iteration limit was reached first"
    NOT_FINITE = "the objective or its gradient stopped being finite"

    @property
    def ok(self) -> bool:
        """Whether the returned point is stationary to the tolerance.

        Examples
        --------
        >>> Status.CONVERGED.ok, Status.MAX_ITERATIONS.ok
        (True, False)
        """
        return self is Status.CONVERGED


@dataclass(frozen=True)
class Evaluations:
    """How many points the objective was evaluated at, counted as it happened (a batch of r points counts r)."""

    value: int = 0
    gradient: int = 0
    hessp: int = 0
    hessian: int = 0


class ConvergenceError(RuntimeError):
    """Raised by :meth:`Result.require_converged`; ``error.result`` carries what was reached."""

    def __init__(self, message: str, result: Result) -> None:
        super().__init__(message, result)  # both, so that the exception survives the way back from another process
        self.result = result

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class Result:
    """The outcome of a batch of r runs (r = 1 for a single start).

    Attributes
    ----------
    Q : ndarray, shape (n, r)
        Final points, one a column.
    value : ndarray, shape (r,)
        φ at Q.
    gradient_norm : ndarray, shape (r,)
        Norm of the Riemannian gradient at Q.
    stationarity : ndarray, shape (r,)
        Gradient norm over the norm of the Euclidean gradient: the sine of the angle between q and ∇φ(q).
        It is what the tolerance is compared with, as it does not depend on the scale of the data.
    status : tuple of Status, length r
        Why each run stopped.
    iterations : ndarray of int, shape (r,)
        Iterations each run took.
    evaluations : Evaluations
        Totals over the batch.
    method : str
        The method's name.
    seconds : float
        Wall-clock time.
    history : tuple of ndarray
        If asked for, the objective at every iteration, shape (r,) each (a stopped run repeats its last value);
        otherwise empty.
    """

    Q: Array
    value: Array
    gradient_norm: Array
    stationarity: Array
    status: tuple[Status, ...]
    iterations: np.ndarray
    evaluations: Evaluations
    method: str
    seconds: float
    history: tuple[Array, ...] = ()

    @property
    def q(self) -> Array:
        """The best point of the batch (lowest objective), shape (n,)."""
        return self.Q[:, int(np.argmin(self.value))]

    @property
    def converged(self) -> np.ndarray:
        """Boolean mask of the runs that converged, shape (r,)."""
        return np.array([status.ok for status in self.status])

    def require_converged(self) -> Result:
        """This result, if every run converged.

        Raises
        ------
        ConvergenceError
            Otherwise; the message counts the reasons and the exception carries the result.
        """
        if self.converged.all():
            return self
        reasons = Counter(status for status in self.status if not status.ok)
        listed = "; ".join(f"{count} × {status.name} ({status.value})" for status, count in reasons.items())
        raise ConvergenceError(
            f"{self.method}: {sum(reasons.values())} of {len(self.status)} runs did not converge: {listed}; "
            f"largest stationarity {np.nanmax(self.stationarity):.2e}",
            self,
        )
