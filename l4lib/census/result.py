"""What a census returns: every critical point, and why the list is complete or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from l4lib.data import nearest_atom, unique_lines
from l4lib.validate import Array, as_tolerance

if TYPE_CHECKING:
    import pandas as pd
from l4lib.census.homotopy import ComplexArray

__all__ = ["Census", "IncompleteCensusError", "Paths", "Singular"]

RESIDUAL = 1e-12
"""Largest relative residual of a solution."""


class IncompleteCensusError(RuntimeError):
    """Raised by :meth:`Census.require_complete`; ``error.census`` carries what was found."""

    def __init__(self, message: str, census: Census) -> None:
        super().__init__(message, census)  # both, so that the exception survives the way back from another process
        self.census = census

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class Paths:
    """What became of every path of the homotopy; the counts add up to ``total``.

    Attributes
    ----------
    total : int
        (3ⁿ − 1)/2.
    regular : int
        Paths that ended at a nondegenerate solution that no other path reached.
    repeated : int
        Paths that ended at a nondegenerate solution which another path had reached (a path was jumped).
    singular : int
        Paths that ended at a degenerate solution that seems isolated: several paths meet there.
    continuum : int
        Paths that ended on a continuum of solutions.
    failed : int
        Paths that could not be followed to their end.
    retracked : int
        Paths followed once more with smaller steps (included above under their final outcome).
    attempts : int
        Runs of the whole homotopy, each with its own random constants.

    No path goes to infinity: the solutions are lines, and the lines form a compact space.
    """

    total: int
    regular: int
    repeated: int
    singular: int
    continuum: int
    failed: int
    retracked: int
    attempts: int


@dataclass(frozen=True)
class Singular:
    """Ends of paths at degenerate solutions, one column a path; accurate to a few digits only.

    Attributes
    ----------
    solutions : ndarray of complex, shape (n, k)
        Unit vectors (q*q = 1).
    eigenvalues : ndarray of complex, shape (k,)
        λ for the normalisation qᵀq = 1 (for q*q = 1 where qᵀq vanishes).
    continuum : ndarray of bool, shape (k,)
        Whether the solution seems to lie on a continuum of solutions.
    """

    solutions: ComplexArray
    eigenvalues: ComplexArray
    continuum: NDArray[np.bool_]


@dataclass(frozen=True)
class Census:
    """All critical points of φ(q) = −¼ Σ_i w_i (a_iᵀq)⁴ on S^{n−1}, one of each pair ±q.

    Attributes
    ----------
    A : ndarray, shape (n, m)
        The atoms.
    weights : ndarray, shape (m,)
        Their signed weights.
    expected : int
        (3ⁿ − 1)/2, the number of complex solutions of a generic quartic.
    solutions : ndarray of complex, shape (n, N)
        The nondegenerate solutions, one a column, with qᵀq = 1; an isotropic one (qᵀq = 0) has q*q = 1 instead.
        By falling real part of λ.
    eigenvalues : ndarray of complex, shape (N,)
        Their λ (of an isotropic solution only |λ| has a meaning).
    isotropic : ndarray of bool, shape (N,)
        Where qᵀq = 0; never a real point.
    conditioning : ndarray, shape (N,)
        Smallest over largest singular value of the Jacobian at each solution.
    residuals : ndarray, shape (N,)
        ‖F(q) − λq‖ for q*q = 1, over the Frobenius norm of the tensor.
    points : ndarray, shape (n, R)
        The real solutions: unit vectors, signed along their nearest atom, by falling α.
    alpha : ndarray, shape (R,)
        α = Σ_i w_i (a_iᵀq)⁴ = λ at each point; φ = −α/4.
    spectrum : ndarray, shape (n−1, R)
        Eigenvalues of Hess φ on the tangent space, ascending.
    index : ndarray of int, shape (R,)
        Morse index: how many of them are negative (0: local minimiser).
    degenerate : ndarray of bool, shape (R,)
        Where an eigenvalue is too close to zero for the index to be relied on.
    nearest_atom : ndarray of int, shape (R,)
        The atom of largest |correlation| with each point.
    correlation : ndarray, shape (R,)
        That correlation ⟨a_i, q⟩/‖a_i‖ in [0, 1].
    singular : Singular
        Degenerate ends, if any; they are not among the solutions and points above.
    paths : Paths
        What became of every path.
    closed : bool
        Whether the complex conjugate of every solution is among the solutions.
    from_tensor : bool
        Whether the atoms are only a decomposition of a given tensor, made for the computation.
    """

    A: Array
    weights: Array
    expected: int
    solutions: ComplexArray
    eigenvalues: ComplexArray
    isotropic: NDArray[np.bool_]
    conditioning: Array
    residuals: Array
    points: Array
    alpha: Array
    spectrum: Array
    index: NDArray[np.int64]
    degenerate: NDArray[np.bool_]
    nearest_atom: NDArray[np.int64]
    correlation: Array
    singular: Singular
    paths: Paths
    closed: bool
    from_tensor: bool = False

    @property
    def n(self) -> int:
        """Ambient dimension."""
        return int(self.A.shape[0])

    @property
    def found(self) -> int:
        """How many distinct nondegenerate solutions were found."""
        return int(self.solutions.shape[1])

    @property
    def real(self) -> int:
        """How many of them are real: the number of pairs ±q of critical points."""
        return int(self.points.shape[1])

    @property
    def value(self) -> Array:
        """φ = −α/4 at each point, shape (R,)."""
        return -0.25 * self.alpha

    @property
    def lambda_min(self) -> Array:
        """Smallest eigenvalue of the Hessian on the tangent space at each point, shape (R,) (+∞ for n = 1)."""
        return np.min(self.spectrum, axis=0, initial=np.inf)

    @property
    def euler(self) -> int:
        """Σ(−1)^index over all critical points, both signs counted."""
        return int(2 * np.sum(1 - 2 * (self.index % 2)))

    @property
    def euler_expected(self) -> int:
        """The Euler characteristic of S^{n−1}: 2 for odd n, 0 for even n."""
        return 1 - (-1) ** self.n

    @property
    def minimisers(self) -> Array:
        """The local minimisers, shape (n, ·)."""
        return self.points[:, self.index == 0]

    @property
    def saddles(self) -> Array:
        """The points of index 1, …, n−2, shape (n, ·)."""
        return self.points[:, (self.index > 0) & (self.index < self.n - 1)]

    @property
    def maximisers(self) -> Array:
        """The local maximisers (index n−1 > 0), shape (n, ·)."""
        return self.points[:, (self.index > 0) & (self.index == self.n - 1)]

    @property
    def objections(self) -> tuple[str, ...]:
        """Why this census is not complete, one sentence each; empty if it is."""
        said = []
        p = self.paths
        if self.found != self.expected:
            said.append(f"{self.found} nondegenerate solutions were found where a generic quartic has {self.expected}")
            if p.continuum:
                said.append(f"{p.continuum} of {p.total} paths end on a continuum of solutions")
            if p.singular:
                said.append(f"{p.singular} of {p.total} paths end at degenerate solutions")
            if p.failed:
                said.append(f"{p.failed} of {p.total} paths could not be followed to their end")
            if p.repeated:
                said.append(f"{p.repeated} of {p.total} paths end at a solution that another path had reached")
        if not self.closed:
            said.append("the complex conjugate of a solution is missing")
        if self.degenerate.any():
            said.append(f"{int(self.degenerate.sum())} real points have a Hessian eigenvalue too close to zero")
        if not said and self.euler != self.euler_expected:
            said.append(f"the indices sum to {self.euler}, not to the Euler characteristic {self.euler_expected}")
        if self.found and self.residuals.max() > RESIDUAL:
            said.append(f"the largest residual is {self.residuals.max():.1e}, above {RESIDUAL:.0e}")
        return tuple(said)

    @property
    def complete(self) -> bool:
        """Whether every check of the module's introduction holds: then no critical point is missing."""
        return not self.objections

    def require_complete(self) -> Census:
        """This census, if it is complete.

        Raises
        ------
        IncompleteCensusError
            Otherwise, with the reasons; the exception carries the census.
        """
        if self.complete:
            return self
        raise IncompleteCensusError(f"census (n = {self.n}) is not complete: " + "; ".join(self.objections), self)

    def is_benign(self, correlation: float = 0.9) -> bool:
        """Whether the whole landscape is benign.

        That is: every local minimiser has |⟨a_i, q⟩|/‖a_i‖ of at least ``correlation`` with an atom of positive weight,
        every such atom (parallel ones counted once) has exactly one pair ±q of minimisers near it, and every other
        critical point has a direction of negative curvature.

        Parameters
        ----------
        correlation : float
            How near a minimiser must be, in (0, 1).

        Raises
        ------
        IncompleteCensusError
            If the census is not complete, as a missing point could decide otherwise.
        TypeError, ValueError
            If ``correlation`` lies outside (0, 1), or the census is that of a tensor, which has no atoms.

        Examples
        --------
        >>> import numpy as np
        >>> from l4lib.census import census
        >>> census(np.eye(3), rng=np.random.default_rng(0)).is_benign()
        True
        """
        correlation = as_tolerance(correlation, "correlation")
        if self.from_tensor:
            raise ValueError("is_benign: expected the census of a dictionary, got that of a tensor, which has no atoms")
        self.require_complete()
        lines, label = unique_lines(self.A, tol=1e-12)
        energy = np.bincount(label, self.weights * np.sum(self.A * self.A, axis=0) ** 2)
        targets = np.flatnonzero(energy > 0.0)
        nearest, near = nearest_atom(lines, self.minimisers)
        return bool(np.all(np.abs(near) >= correlation) and np.array_equal(np.sort(nearest), targets))

    def to_frame(self) -> pd.DataFrame:
        """The real points as a table, one row a pair ±q, minimisers of lowest value first.

        Examples
        --------
        >>> import numpy as np
        >>> from l4lib.census import census
        >>> table = census(np.eye(2), rng=np.random.default_rng(0)).to_frame()
        >>> table[["alpha", "index"]].round(3).values.tolist()
        [[1.0, 0.0], [1.0, 0.0], [0.5, 1.0], [0.5, 1.0]]
        """
        import pandas as pd

        return pd.DataFrame(
            {
                "alpha": self.alpha,
                "value": self.value,
                "index": self.index,
                "lambda_min": self.lambda_min,
                "nearest_atom": self.nearest_atom,
                "correlation": self.correlation,
                "degenerate": self.degenerate,
            }
        )
