r"""The quartic objective φ(q) = −c Σ_i (b_iᵀq)⁴ on the sphere.

All three objectives of the book are of this form and differ in B and c alone:

* :func:`phi_T`, the population objective −¼‖Aᵀq‖₄⁴ (B = A, c = ¼),
* :func:`phi_DL`, the data objective −(c/p)‖Yᵀq‖₄⁴ (B = Y), and
* :func:`phi_CDL`, its convolutional twin, whose B = P[C_{y_1} … C_{y_p}] is applied by FFT.

With z = Bᵀq and S = Σ z_i⁴, the chapter *Calculus on the sphere* derives

.. math::
    \operatorname{grad}\varphi(q) = -4c\,(Bz^3 - S q), \qquad
    \operatorname{Hess}\varphi(q) = -P_q\,(12c\,B\operatorname{diag}(z^2)B^\top - 4cS\,I)\,P_q .
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from l4lib.quartic.linear_maps import LinearMap, MatrixMap
from l4lib.quartic.sphere import inner, tangent, tangent_basis
from l4lib.validate import Array, as_count, as_dictionary, as_points, as_positive

__all__ = ["Quartic", "phi_T"]

_TILE_ELEMENTS = 1 << 17
"""Entries of the (samples × points) intermediate a tile may have: 1 MiB of float64, which stays in a core's cache."""


class Quartic:
    r"""φ(q) = −c Σ_i (b_iᵀq)⁴ with value, gradient and Hessian, for one q of shape (n,) or a batch Q of shape (n, r).

    Points are taken as unit vectors and velocities as tangent (the methods are the inner loops of the solvers);
    off the sphere, value and Euclidean gradient are those of the homogeneous polynomial.

    Parameters
    ----------
    B : array_like of shape (n, N), or LinearMap
        The vectors b_i as columns.
    c : float
        The positive constant.
    tile_elements : int
        How many entries of the (columns × points) intermediate to hold at a time.

    Attributes
    ----------
    n : int
        Ambient dimension.
    c : float
        The constant.
    B : LinearMap
        The map.

    Raises
    ------
    TypeError, ValueError
        If B is not a finite matrix or map, or c is not positive.

    References
    ----------
    Equations ``eq-riemannian-gradient`` and ``eq-riemannian-hessian`` of the book.

    Examples
    --------
    >>> import numpy as np
    >>> phi = Quartic(np.eye(2), c=0.25)
    >>> float(phi.value(np.array([1.0, 0.0]))), phi.gradient(np.array([0.6, 0.8])).round(4)
    (-0.25, array([ 0.1075, -0.0806]))
    """

    def __init__(self, B: ArrayLike | LinearMap, c: float, *, tile_elements: int = _TILE_ELEMENTS) -> None:
        self.B = B if isinstance(B, LinearMap) else MatrixMap(B)
        self.c = as_positive(c, "c")
        self.n = self.B.shape[0]
        self._tile_elements = as_count(tile_elements, "tile_elements")

    def _tiles(self, columns: int) -> Iterator[LinearMap]:
        return self.B.tiles(max(1, self._tile_elements // columns))

    @staticmethod
    def _columns(Q: Array) -> int:
        return 1 if Q.ndim == 1 else Q.shape[1]

    def value(self, Q: ArrayLike) -> Array:
        """φ at each point: a scalar array for (n,), shape (r,) for (n, r).

        Raises
        ------
        TypeError, ValueError
            If Q is not finite or its first dimension is not n.
        """
        points = as_points(Q, self.n)
        total = np.zeros(points.shape[1:])
        for tile in self._tiles(self._columns(points)):
            z = tile.adjoint(points)
            z *= z
            total += inner(z, z)
        return -self.c * total

    def euclidean_gradient(self, Q: ArrayLike) -> Array:
        """∇φ = −4c B(Bᵀq)³, same shape as Q; by Euler's relation φ = ⟨q, ∇φ⟩/4.

        Raises
        ------
        TypeError, ValueError
            If Q is not finite or its first dimension is not n.
        """
        points = as_points(Q, self.n)
        total = np.zeros_like(points)
        for tile in self._tiles(self._columns(points)):
            z = tile.adjoint(points)
            cube = z * z
            cube *= z
            total += tile.apply(cube)
        return -4.0 * self.c * total

    def gradient(self, Q: ArrayLike) -> Array:
        """The Riemannian gradient P_q ∇φ, same shape as Q."""
        points = as_points(Q, self.n)
        return tangent(points, self.euclidean_gradient(points))

    def hessp(self, Q: ArrayLike, V: ArrayLike) -> Array:
        """Hess φ(q)[v] for tangent v, column by column, same shape as Q.

        Raises
        ------
        TypeError, ValueError
            If Q or V is not finite, or their shapes differ.
        """
        points, velocities = as_points(Q, self.n), as_points(V, self.n, "V")
        if points.shape != velocities.shape:
            raise ValueError(f"V: expected the shape of Q {points.shape}, got {velocities.shape}")
        product = np.zeros_like(points)
        fourth = np.zeros(points.shape[1:])
        for tile in self._tiles(2 * self._columns(points)):
            z = tile.adjoint(points)
            z *= z
            fourth += inner(z, z)
            product += tile.apply(z * tile.adjoint(velocities))
        return tangent(points, -12.0 * self.c * product) + 4.0 * self.c * fourth * velocities

    def hessian(self, Q: ArrayLike) -> Array:
        """The matrix −P_q(12c B diag(z²)Bᵀ − 4cS I)P_q, shape (n, n); for a batch (r, n, n).

        It acts on R^n and has q in its kernel; :meth:`curvatures` gives the spectrum on the tangent space.

        Raises
        ------
        TypeError, ValueError
            If Q is not finite or its first dimension is not n.
        """
        points = as_points(Q, self.n)
        batch = points.reshape(self.n, -1)
        matrices = np.zeros((batch.shape[1], self.n, self.n))
        for tile in self.B.tiles(max(1, self._tile_elements // self.n)):
            columns = tile.dense()
            Z = columns.T @ batch
            Z *= Z
            for k in range(batch.shape[1]):
                matrices[k] += (columns * Z[:, k]) @ columns.T
        for k, q in enumerate(batch.T):
            P = np.eye(self.n) - np.outer(q, q)
            fourth = q @ matrices[k] @ q
            H = P @ (12.0 * self.c * matrices[k] - 4.0 * self.c * fourth * np.eye(self.n)) @ P
            matrices[k] = -(H + H.T) / 2.0
        return matrices[0] if points.ndim == 1 else matrices

    def curvatures(self, q: ArrayLike) -> Array:
        """The n−1 eigenvalues of Hess φ(q) on the tangent space at one point, ascending.

        Raises
        ------
        TypeError, ValueError
            If q is not one finite point of shape (n,), or n = 1 (a point has no tangent directions).

        Examples
        --------
        >>> import numpy as np
        >>> phi_T(np.eye(3)).curvatures(np.array([1.0, 0.0, 0.0]))
        array([1., 1.])
        """
        point = as_points(q, self.n, "q")
        if point.ndim != 1:
            raise ValueError(f"q: expected one point of shape ({self.n},), got {point.shape}")
        if self.n == 1:
            raise ValueError("q: expected a point in dimension n >= 2, where there are tangent directions, got n = 1")
        basis = tangent_basis(point)
        return np.asarray(np.linalg.eigvalsh(basis.T @ self.hessian(point) @ basis), dtype=np.float64)


def phi_T(A: ArrayLike) -> Quartic:
    """The population objective φ_T(q) = −¼‖Aᵀq‖₄⁴.

    Parameters
    ----------
    A : array_like, shape (n, m)
        The dictionary.

    Raises
    ------
    TypeError, ValueError
        If A is not a dictionary.

    Examples
    --------
    >>> import numpy as np
    >>> float(phi_T(np.eye(2)).value(np.array([1.0, 0.0])))
    -0.25
    """
    return Quartic(as_dictionary(A), 0.25)
