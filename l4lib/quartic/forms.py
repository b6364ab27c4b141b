r"""Quartic forms as matrices on symmetric pairs.

The map svec takes a symmetric n × n matrix to the vector of its entries on pairs i <= j, those off the diagonal times
√2, so that ⟨svec S, svec T⟩ = tr(ST).
A quartic form f(q) = Σ_k w_k (b_kᵀq)⁴ is then vᵀDv with v = svec(qqᵀ) and D = Σ_k w_k svec(b_k b_kᵀ) svec(b_k b_kᵀ)ᵀ:
one matrix with n(n+1)/2 rows, however many vectors b_k there are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from l4lib.quartic.sphere import inner, tangent
from l4lib.validate import Array, as_array, as_points

__all__ = ["LARGEST_N", "SymmetricQuartic", "pairs", "rank_one_sum", "smat", "svec"]

LARGEST_N = 96
"""Largest dimension in which a matrix with n(n+1)/2 rows is stored: 173 MB."""
_TILE = 2048
"""Columns at a time."""


def pairs(n: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Array]:
    """Index pairs i <= j and the weights (1 on the diagonal, √2 off it) that make svec an isometry.

    Examples
    --------
    >>> i, j, weight = pairs(2)
    >>> i, j, weight.round(3)
    (array([0, 0, 1]), array([0, 1, 1]), array([1.   , 1.414, 1.   ]))
    """
    i, j = np.triu_indices(n)
    return i, j, np.where(i == j, 1.0, np.sqrt(2.0))


def svec(Q: Array) -> Array:
    """svec(qqᵀ) for each column, in the precision of Q: shape (n, r) to (n(n+1)/2, r).

    Examples
    --------
    >>> import numpy as np
    >>> svec(np.array([[3.0], [4.0]]) / 5.0).ravel().round(4)
    array([0.36  , 0.6788, 0.64  ])
    """
    i, j, weight = pairs(Q.shape[0])
    V = Q[i]
    V *= Q[j]
    V *= weight.astype(Q.dtype)[:, None]
    return V


def smat(V: Array, n: int) -> Array:
    """Symmetric matrices from their svec columns, in the precision of V: shape (n(n+1)/2, r) to (n, n, r).

    Examples
    --------
    >>> import numpy as np
    >>> smat(np.array([[1.0], [np.sqrt(2.0)], [3.0]]), 2)[:, :, 0]
    array([[1., 1.],
           [1., 3.]])
    """
    i, j, weight = pairs(n)
    W = np.empty((n, n, V.shape[1]), dtype=V.dtype)
    W[i, j] = W[j, i] = V / weight.astype(V.dtype)[:, None]
    return W


def rank_one_sum(B: Array, weight: float) -> Array:
    """The pair matrix D of weight · Σ_k (b_kᵀq)⁴ for the columns of B, shape (n, N), summed over tiles of columns.

    Products are taken in the precision of B and added in double precision.

    Examples
    --------
    >>> import numpy as np
    >>> rank_one_sum(np.eye(2), 3.0)
    array([[3., 0., 0.],
           [0., 0., 0.],
           [0., 0., 3.]])
    """
    n, N = B.shape
    d = n * (n + 1) // 2
    D = np.zeros((d, d))
    for start in range(0, N, _TILE):
        V = svec(B[:, start : start + _TILE])
        D += V @ V.T
    D *= weight
    return D


@dataclass(frozen=True)
class SymmetricQuartic:
    """A symmetric quartic form f(q) = vᵀDv, v = svec(qqᵀ), with D the unfolding of its tensor on symmetric pairs.

    Attributes
    ----------
    n : int
        Dimension.
    D : ndarray, shape (n(n+1)/2, n(n+1)/2)
        The symmetric matrix of the tensor in the orthonormal basis e_i e_iᵀ, (e_i e_jᵀ + e_j e_iᵀ)/√2 of the symmetric
        matrices, pairs i <= j in the order of ``numpy.triu_indices``.

    Examples
    --------
    >>> import numpy as np
    >>> form = SymmetricQuartic.from_dictionary(np.eye(2))
    >>> float(form.value(np.array([1.0, 0.0]))), round(float(form.frobenius) ** 2, 12)
    (1.0, 2.0)
    """

    n: int
    D: Array

    @classmethod
    def from_dictionary(cls, B: ArrayLike, *, weight: float = 1.0) -> SymmetricQuartic:
        """The form weight · Σ_k (b_kᵀq)⁴ of the columns of B, shape (n, N).

        Raises
        ------
        TypeError, ValueError
            If B is not a finite matrix.
        """
        B = as_array(B, "B", ndim=2, shape="(n, N)")
        return cls(n=B.shape[0], D=rank_one_sum(B, float(weight)))

    @property
    def frobenius(self) -> float:
        """The Frobenius norm of the tensor, an upper bound of its injective norm."""
        return float(np.linalg.norm(self.D))

    def value(self, Q: ArrayLike) -> Array:
        """f(q): a scalar array for (n,), shape (r,) for (n, r).

        Raises
        ------
        TypeError, ValueError
            If Q is not finite or its first dimension is not n.
        """
        points = as_points(Q, self.n)
        V = svec(points.reshape(self.n, -1))
        return inner(V, self.D @ V).reshape(points.shape[1:])

    def contract(self, Q: ArrayLike) -> Array:
        """The vectors f(q, q, q, ·) = ∇f(q)/4, same shape as Q.

        Raises
        ------
        TypeError, ValueError
            If Q is not finite or its first dimension is not n.
        """
        points = as_points(Q, self.n)
        batch = points.reshape(self.n, -1)
        W = smat(self.D @ svec(batch), self.n)
        product: Array = np.einsum("ijr,jr->ir", W, batch)
        return product.reshape(points.shape)

    def gradient(self, Q: ArrayLike) -> Array:
        """The Riemannian gradient 4 P_q f(q, q, q, ·) on the sphere, same shape as Q."""
        points = as_points(Q, self.n)
        return tangent(points, 4.0 * self.contract(points))

    def hessian(self, q: ArrayLike) -> Array:
        """The Riemannian Hessian P_q(12 f(q, q, ·, ·) − 4f(q) I)P_q at one point, shape (n, n).

        Raises
        ------
        TypeError, ValueError
            If q is not one finite point of shape (n,).
        """
        point = as_array(q, "q", ndim=1, shape=f"({self.n},)")
        point = as_points(point, self.n, "q")
        W = smat(self.D @ svec(point[:, None]), self.n)[:, :, 0]
        P = np.eye(self.n) - np.outer(point, point)
        H: Array = P @ (12.0 * W - 4.0 * (point @ W @ point) * np.eye(self.n)) @ P
        return H

    def tensor(self) -> Array:
        """The dense symmetric tensor, shape (n, n, n, n)."""
        i, j, weight = pairs(self.n)
        index = np.zeros((self.n, self.n), dtype=np.intp)
        index[i, j] = index[j, i] = np.arange(i.size)
        scaled: Array = self.D / np.outer(weight, weight)
        return scaled[index[:, :, None, None], index[None, None, :, :]]
