r"""Whitening: the linear change of coordinates that makes any full-rank dictionary a tight frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from l4lib.validate import Array, as_array, as_data, as_positive

__all__ = ["Whitening", "whiten", "whitening"]


@dataclass(frozen=True)
class Whitening:
    """The symmetric matrix W and its inverse.

    Attributes
    ----------
    W, inverse : ndarray, shape (n, n)
        The whitening matrix and its inverse.
    condition : float
        Condition number of W, the square root of that of the second-moment matrix.
    """

    W: Array
    inverse: Array
    condition: float

    def apply(self, Y: ArrayLike) -> Array:
        """WY, shape (n, p).

        Examples
        --------
        >>> import numpy as np
        >>> Y = np.random.default_rng(0).standard_normal((3, 100))
        >>> W = whitening(Y)
        >>> bool(np.allclose(W.undo(W.apply(Y)), Y))
        True
        """
        return self.W @ self._columns(Y, "Y")

    def undo(self, A: ArrayLike) -> Array:
        """W⁻¹A, shape (n, m): atoms found in whitened coordinates, back in the coordinates of the data.

        Raises
        ------
        ValueError
            If the array does not have n rows.
        """
        return self.inverse @ self._columns(A, "A")

    def _columns(self, V: ArrayLike, name: str) -> Array:
        array = as_array(V, name, ndim=(1, 2), shape="(n,) or (n, m)")
        if array.shape[0] != self.W.shape[0]:
            raise ValueError(f"{name}: expected {self.W.shape[0]} rows, got shape {array.shape}")
        return array


def whitening(Y: ArrayLike, *, scale: float = 1.0) -> Whitening:
    r"""The whitening matrix W = √scale · (YYᵀ/p)^{−1/2}.

    With ``scale`` = Kθ this is the book's :math:`\sqrt K\,(YY^\top/(p\theta))^{-1/2}`, which takes the dictionary A of
    Y = AX to a frame with :math:`WA(WA)^\top \to K I`.
    Minimisers on the sphere do not depend on the scale.

    Parameters
    ----------
    Y : array_like, shape (n, p)
        Data of full rank, p >= n.
    scale : float
        Wanted value of WYYᵀW/p, a multiple of the identity.

    Returns
    -------
    Whitening

    Raises
    ------
    TypeError, ValueError
        If the data are not finite, or do not span R^n (too few samples, transposed, constant).

    References
    ----------
    Claim ``whitening-tight``.

    Examples
    --------
    >>> import numpy as np
    >>> Y = np.random.default_rng(0).standard_normal((3, 500)) * np.array([[1.0], [5.0], [9.0]])
    >>> Z = whitening(Y).apply(Y)
    >>> bool(np.allclose(Z @ Z.T / 500, np.eye(3)))
    True
    """
    data = as_data(Y, full_rank=True)
    scale = as_positive(scale, "scale")
    variances, directions = np.linalg.eigh(data @ data.T / data.shape[1])
    root = np.sqrt(variances / scale)
    return Whitening(
        W=(directions / root) @ directions.T,
        inverse=(directions * root) @ directions.T,
        condition=float(root[-1] / root[0]),
    )


def whiten(Y: ArrayLike, *, scale: float = 1.0) -> Array:
    """The whitened data WY; :func:`whitening` also gives the way back.

    Examples
    --------
    >>> import numpy as np
    >>> Z = whiten(np.random.default_rng(0).standard_normal((2, 50)), scale=3.0)
    >>> bool(np.allclose(Z @ Z.T / 50, 3.0 * np.eye(2)))
    True
    """
    return whitening(Y, scale=scale).apply(Y)
