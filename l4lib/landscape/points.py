"""What a point looks like: its correlations and the numbers made of them; critical points by Newton steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from l4lib.data import coherence, unique_lines
from l4lib.quartic import exp, inner, phi_T, project, random_points, tangent
from l4lib.validate import Array, as_count, as_dictionary, as_rng, as_unit_points

__all__ = ["PointQuantities", "critical_points", "point_quantities"]

# What a point looks like


@dataclass(frozen=True)
class PointQuantities:
    """The numbers in which the landscape is described, at r points (scalars for a single point of shape (n,)).

    Attributes
    ----------
    zeta : ndarray, shape (m,) or (m, r)
        Correlations ζ = Aᵀq.
    alpha : ndarray, shape () or (r,)
        ‖ζ‖₄⁴, minus four times the objective.
    best : ndarray of int, shape () or (r,)
        The index of the best atom, argmax |ζ_i|.
    h : ndarray, shape () or (r,)
        Its squared correlation ζ_i²/‖a_i‖².
    x : ndarray, shape () or (r,)
        The missing part 1 − h, computed without cancellation.
    z : ndarray, shape () or (r,)
        The crosstalk Σ_{k≠i} ζ_k⁴ / (‖a_i‖² ζ_i²) of the other atoms.
    eta : ndarray, shape () or (r,)
        For unit norms μ‖ζ‖₃³/α^{3/2}, which bounds what the other atoms contribute to a correlation (equation
        ``eq-eta``); in general times the third power of the largest norm.
    """

    zeta: Array
    alpha: Array
    best: NDArray[np.int64]
    h: Array
    x: Array
    z: Array
    eta: Array


def _points(A: ArrayLike, Q: ArrayLike) -> tuple[Array, Array]:
    dictionary = as_dictionary(A)
    return dictionary, as_unit_points(Q, dictionary.shape[0])


def _fourth(zeta: Array) -> Array:
    square = zeta * zeta
    return inner(square, square)


def point_quantities(A: ArrayLike, Q: ArrayLike) -> PointQuantities:
    """Correlations, α, h, x, z and η at unit points.

    Parameters
    ----------
    A : array_like, shape (n, m)
        The dictionary, of any norms, m >= 2.
    Q : array_like, shape (n,) or (n, r)
        Unit vectors.

    Raises
    ------
    TypeError, ValueError
        If A is not a dictionary of at least two atoms or Q is not made of unit vectors of its dimension.

    References
    ----------
    Equation ``eq-xz``.

    Examples
    --------
    >>> import numpy as np
    >>> at = point_quantities(np.eye(2), [0.6, 0.8])
    >>> int(at.best), float(at.h.round(4)), float(at.x.round(4)), float(at.z.round(4))
    (1, 0.64, 0.36, 0.2025)
    """
    A, Q = _points(A, Q)
    if A.shape[1] < 2:
        raise ValueError(f"A: expected at least two atoms, got shape {A.shape}")
    zeta = A.T @ Q
    square = zeta * zeta
    best = np.argmax(square, axis=0)
    own = np.take_along_axis(square, best[None], axis=0)[0]
    norms = np.sum(A * A, axis=0)
    norm = norms[best]
    others = square.copy()
    np.put_along_axis(others, best[None], 0.0, axis=0)
    crosstalk = inner(others, others)
    missing = A[:, best] - Q * np.take_along_axis(zeta, best[None], axis=0)[0]
    alpha = own * own + crosstalk
    return PointQuantities(
        zeta=zeta,
        alpha=alpha,
        best=best,
        h=own / norm,
        x=inner(missing, missing) / norm,
        z=crosstalk / (norm * own),
        eta=coherence(A) * np.sum(square * np.abs(zeta), axis=0) * (norms.max() / alpha) ** 1.5,
    )


# Critical points to test the inequalities on


def critical_points(
    A: ArrayLike, *, starts: int, rng: np.random.Generator, tol: float = 1e-12, iterations: int = 60
) -> Array:
    """Critical points of φ_T found by Newton's method from random starts, one of each ± pair, shape (n, k).

    Newton's method is drawn to critical points of every index.
    Half of the starts are uniform; the others are signed sums of 1 to min(n, 6) random atoms, near which an incoherent
    frame has critical points.
    This is a sample of the critical points, not all of them: for those see :func:`l4lib.census.census`.

    Parameters
    ----------
    A : array_like, shape (n, m)
        The dictionary, n >= 2.
    starts : int
        Number of starting points.
    rng : numpy.random.Generator
        The source of randomness.
    tol : float
        Largest gradient norm of a point that is returned, for the dictionary scaled to largest norm one.
    iterations : int
        Newton steps, each of length at most 1/2.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.

    Examples
    --------
    >>> import numpy as np
    >>> Q = critical_points(np.eye(2), starts=40, rng=np.random.default_rng(0))
    >>> Q.shape  # two atoms and two midpoints
    (2, 4)
    """
    given = as_dictionary(A)
    unit = given / np.linalg.norm(given, axis=0).max()
    n, m = given.shape
    as_count(n, "n", minimum=2)
    starts, iterations = as_count(starts, "starts"), as_count(iterations, "iterations")
    rng = as_rng(rng)
    Q = random_points(n, starts, rng=rng)
    for k in range(starts // 2):
        chosen = rng.choice(m, size=rng.integers(1, min(n, 6) + 1), replace=False)
        mixture = unit[:, chosen] @ rng.choice([-1.0, 1.0], size=chosen.size)
        if np.linalg.norm(mixture) > 1e-3:
            Q[:, k] = project(mixture)
    objective = phi_T(unit)
    for _ in range(iterations):
        gradient = objective.gradient(Q)
        normal = np.einsum("ir,jr->rij", Q, Q)
        # Least squares instead of a solve: at a degenerate critical point the Hessian is singular.
        inverse = np.linalg.pinv(objective.hessian(Q) + normal, rcond=1e-10, hermitian=True)
        step = tangent(Q, -np.einsum("rij,jr->ir", inverse, gradient))
        length = np.sqrt(inner(step, step))
        Q = project(exp(Q, step * np.minimum(1.0, 0.5 / np.maximum(length, 1e-300))))
    gradient = objective.gradient(Q)
    found = Q[:, np.sqrt(inner(gradient, gradient)) <= tol]
    return unique_lines(found, tol=1e-6)[0] if found.shape[1] else found
