r"""The unit sphere :math:`S^{n-1}` as a Riemannian manifold; it knows no objective.

Every function takes one point of shape (n,) or a batch of shape (n, r) whose columns are points, and treats the
columns independently.
Inputs are trusted to be unit (points) and tangent (velocities), as these are the inner loops of every solver;
:func:`project` and :func:`tangent` make them so.

References
----------
Absil, Mahony and Sepulchre, *Optimization Algorithms on Matrix Manifolds*, Princeton, 2008.
"""

from __future__ import annotations

import numpy as np

from l4lib.validate import Array, as_count, as_rng

__all__ = [
    "distance",
    "exp",
    "geodesic",
    "inner",
    "log",
    "project",
    "random_points",
    "random_tangents",
    "retract",
    "tangent",
    "tangent_basis",
    "transport",
]


def inner(U: Array, V: Array) -> Array:
    """Column-wise inner products: a scalar array for (n,), shape (r,) for (n, r).

    Examples
    --------
    >>> import numpy as np
    >>> float(inner(np.array([1.0, 2.0]), np.array([3.0, 4.0])))
    11.0
    """
    return np.einsum("i...,i...->...", U, V)


def project(V: Array) -> Array:
    """The nearest points of the sphere, v/‖v‖.

    Parameters
    ----------
    V : ndarray, shape (n,) or (n, r)
        Nonzero vectors.

    Returns
    -------
    ndarray, same shape
        Unit vectors.

    Raises
    ------
    ValueError
        If a vector is zero or not finite: it has no nearest point.

    Examples
    --------
    >>> import numpy as np
    >>> project(np.array([3.0, 4.0]))
    array([0.6, 0.8])
    """
    scale = np.max(np.abs(V), axis=0)
    if not np.all((scale > 0.0) & np.isfinite(scale)):
        raise ValueError("V: expected finite nonzero vectors, got a vector that is zero or not finite")
    W = V / scale  # so that neither tiny nor huge vectors under- or overflow when squared
    return W / np.sqrt(inner(W, W))


def tangent(Q: Array, V: Array) -> Array:
    """The tangent part P_q v = v − ⟨q, v⟩ q of v at q (the symbol P_q of the notation page).

    Examples
    --------
    >>> import numpy as np
    >>> tangent(np.array([1.0, 0.0]), np.array([5.0, 2.0]))
    array([0., 2.])
    """
    return V - Q * inner(Q, V)


def retract(Q: Array, V: Array) -> Array:
    """The projection retraction (q + v)/‖q + v‖ for tangent v; it agrees with the exponential map to second order.

    Examples
    --------
    >>> import numpy as np
    >>> retract(np.array([1.0, 0.0]), np.array([0.0, 1.0])).round(4)
    array([0.7071, 0.7071])
    """
    W = Q + V
    return W / np.sqrt(inner(W, W))


def exp(Q: Array, V: Array) -> Array:
    """The exponential map cos(‖v‖) q + sin(‖v‖) v/‖v‖: follow the geodesic with velocity v for unit time.

    Examples
    --------
    >>> import numpy as np
    >>> exp(np.array([1.0, 0.0]), np.array([0.0, np.pi / 2])).round(4)
    array([0., 1.])
    """
    speed = np.sqrt(inner(V, V))
    # np.sinc(x) is sin(pi x)/(pi x), which is smooth at a zero velocity.
    return np.cos(speed) * Q + np.sinc(speed / np.pi) * V


def geodesic(Q: Array, V: Array, t: float) -> Array:
    """The point reached at time t on the geodesic from q with velocity v: ``exp(Q, t * V)``.

    Examples
    --------
    >>> import numpy as np
    >>> geodesic(np.array([1.0, 0.0]), np.array([0.0, 1.0]), np.pi).round(4)
    array([-1.,  0.])
    """
    return exp(Q, t * V)


def distance(Q: Array, R: Array) -> Array:
    """The angle between q and r in [0, π], accurate for small angles too (2 atan2(‖q − r‖, ‖q + r‖)).

    Examples
    --------
    >>> import numpy as np
    >>> float(distance(np.array([1.0, 0.0]), np.array([0.0, 1.0])) / np.pi)
    0.5
    """
    D, S = Q - R, Q + R
    return 2.0 * np.arctan2(np.sqrt(inner(D, D)), np.sqrt(inner(S, S)))


def log(Q: Array, R: Array) -> Array:
    """The velocity at q whose geodesic reaches r at unit time (r ≠ −q), the inverse of :func:`exp`.

    Examples
    --------
    >>> import numpy as np
    >>> q, r = np.array([1.0, 0.0]), np.array([0.6, 0.8])
    >>> bool(np.allclose(exp(q, log(q, r)), r))
    True
    """
    V = tangent(Q, R)
    return V / np.sinc(distance(Q, R) / np.pi)


def transport(Q: Array, R: Array, V: Array) -> Array:
    """Parallel transport of the tangent vector v at q to r along the shortest geodesic (r ≠ −q).

    Examples
    --------
    >>> import numpy as np
    >>> q, r = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    >>> transport(q, r, np.array([0.0, 1.0]))
    array([-1.,  0.])
    """
    return V - (Q + R) * (inner(R, V) / (1.0 + inner(Q, R)))


def tangent_basis(q: Array) -> Array:
    """An orthonormal basis of the tangent space at one point q, as the columns of an (n, n−1) array.

    It is the Householder reflector that takes q to a multiple of the first unit vector, without its first column.

    Examples
    --------
    >>> import numpy as np
    >>> B = tangent_basis(np.array([0.6, 0.8]))
    >>> B.shape, float(np.abs(B.T @ np.array([0.6, 0.8])).max()) < 1e-15
    ((2, 1), True)
    """
    n = q.shape[0]
    w = q.copy()
    w[0] += 1.0 if q[0] >= 0 else -1.0
    basis = np.eye(n)[:, 1:]
    return basis - np.outer(w, 2.0 * w[1:] / (w @ w))


def random_points(n: int, r: int | None = None, *, rng: np.random.Generator) -> Array:
    """Uniform random points of the sphere.

    Parameters
    ----------
    n : int
        Ambient dimension.
    r : int, optional
        How many; without it one point of shape (n,) is drawn.
    rng : numpy.random.Generator
        The source of randomness.

    Returns
    -------
    ndarray, shape (n,) or (n, r)

    Raises
    ------
    TypeError, ValueError
        If n or r is not a positive whole number or rng is not a generator.

    Examples
    --------
    >>> import numpy as np
    >>> random_points(5, 3, rng=np.random.default_rng(0)).shape
    (5, 3)
    """
    n = as_count(n, "n")
    shape: tuple[int, ...] = (n,) if r is None else (n, as_count(r, "r"))
    return project(as_rng(rng).standard_normal(shape))


def random_tangents(Q: Array, *, rng: np.random.Generator) -> Array:
    """Uniform random unit tangent vectors, one at each point of Q (n >= 2).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> Q = random_points(4, 2, rng=rng)
    >>> bool(np.allclose(inner(Q, random_tangents(Q, rng=rng)), 0))
    True
    """
    V = tangent(Q, as_rng(rng).standard_normal(Q.shape))
    return project(tangent(Q, V))
