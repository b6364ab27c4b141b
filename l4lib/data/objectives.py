"""The quartics of samples: φ_DL of data, and φ_CDL of signals with all their shifts."""

from __future__ import annotations

from numpy.typing import ArrayLike

from l4lib.data.precondition import circular_whitening
from l4lib.quartic import CirculantMap, Quartic
from l4lib.validate import as_count, as_data, as_theta

__all__ = ["data_constant", "phi_CDL", "phi_DL"]


def data_constant(theta: float) -> float:
    """c = 1/(12θ(1−θ)), which makes E φ_DL = φ_T + constant (claim ``expectation-identity``).

    Raises
    ------
    TypeError, ValueError
        If θ lies outside (0, 1).

    Examples
    --------
    >>> round(data_constant(0.5), 4)
    0.3333
    """
    theta = as_theta(theta)
    return 1.0 / (12.0 * theta * (1.0 - theta))


def phi_DL(Y: ArrayLike, theta: float) -> Quartic:
    """The data objective φ_DL(q) = −(c/p)‖Yᵀq‖₄⁴ with c = 1/(12θ(1−θ)).

    Parameters
    ----------
    Y : array_like, shape (n, p)
        The data, whitened if the dictionary is not tight.
    theta : float
        Sparsity level in (0, 1).

    Raises
    ------
    TypeError, ValueError
        If Y is not finite data or θ lies outside (0, 1).

    Examples
    --------
    >>> import numpy as np
    >>> phi = phi_DL(np.random.default_rng(0).standard_normal((3, 10)), 0.1)
    >>> phi.n, phi.B.shape
    (3, (3, 10))
    """
    data = as_data(Y)
    return Quartic(data, data_constant(theta) / data.shape[1])


def phi_CDL(
    Y: ArrayLike,
    theta: float,
    n_kernels: int,
    *,
    floor: float | None = None,
    shape: tuple[int, ...] | None = None,
) -> Quartic:
    """The convolutional objective φ_CDL(q) = −(c/(np)) Σ_i ‖C_{y_i}ᵀPq‖₄⁴ with c = 1/(12θ(1−θ)).

    P is the preconditioner of :func:`l4lib.data.circular_whitening` with scale Kθ.

    Parameters
    ----------
    Y : array_like, shape (n, p)
        The samples, one a column.
    theta : float
        Sparsity level in (0, 1).
    n_kernels : int
        The number K of kernels, which scales P.
    floor : float, optional
        See :func:`l4lib.data.circular_whitening`.
    shape : tuple of int, optional
        Shape of a sample if it is a picture.

    Raises
    ------
    TypeError, ValueError
        If the data have a spectral zero and no floor is given, or an argument is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> phi = phi_CDL(np.random.default_rng(0).standard_normal((8, 10)), 0.1, 2)
    >>> phi.n, phi.B.shape
    (8, (8, 80))
    """
    data = as_data(Y)
    c, K = data_constant(theta), as_count(n_kernels, "n_kernels")
    P = circular_whitening(data, scale=K * as_theta(theta), floor=floor, shape=shape)
    return Quartic(CirculantMap(P.apply(data), shape=shape), c / data.size)
