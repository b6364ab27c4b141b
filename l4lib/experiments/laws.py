"""How work and error of :func:`l4lib.recovery.recover_dictionary` grow with the sizes: laws with four letters each.

The letters are fitted by ``benchmarks/recovery.py`` to counted runs; ``read_benchmark("recovery")`` has them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from l4lib.validate import Array, as_array

__all__ = ["CostLaw", "ErrorLaw"]

_FIRST = 40
"""Samples of the first level of a search for each dimension."""
_N, _THETA = 64.0, 0.1
"""Dimension and density at which the letters of size have their values."""


def _sizes(n: ArrayLike, m: ArrayLike, theta: ArrayLike) -> tuple[Array, Array, Array]:
    """Dimensions, atoms and densities as arrays, or an error that names what is not."""
    n, m, theta = _positive(n, "n"), _positive(m, "m"), _positive(theta, "theta")
    if np.any(theta >= 1.0):
        raise ValueError(f"theta: expected 0 < theta < 1, got {float(np.max(theta))}")
    return n, m, theta


def _positive(value: ArrayLike, name: str) -> Array:
    array = as_array(value, name, ndim=(0, 1), shape="() or (k,)")
    if np.any(array <= 0.0):
        raise ValueError(f"{name}: expected numbers above 0, got {float(np.min(array))}")
    return array


@dataclass(frozen=True)
class CostLaw:
    r"""Multiplications and additions that look at samples.

    W = 4n²p + nN(n + m) + 4a nmN + 160b n²m (θ/0.1)^α (m/n)^β,  N = p(1 − (1 − θ)^m):
    Gram matrix and whitening of all samples; covariance and held-out fourth powers of a half of those that are not
    silent; a passes over these at all atoms; and the search on few samples, whatever p is.

    Attributes
    ----------
    a, b : float
        Passes over all samples, and points for each atom on a first level of 40n samples.
    alpha, beta : float
        How the search grows with the density and with the ratio of atoms to dimensions.

    References
    ----------
    Equation ``eq-cost-law``, claim ``cost-law``.

    Examples
    --------
    >>> law = CostLaw(a=1.0, b=10.0, alpha=1.0, beta=1.0)
    >>> [f"{law.operations(64, 96, 0.1, p):.1e}" for p in (1_000, 1_000_000)]
    ['9.9e+08', '5.2e+10']
    """

    a: float
    b: float
    alpha: float
    beta: float

    def operations(self, n: ArrayLike, m: ArrayLike, theta: ArrayLike, p: ArrayLike) -> Array:
        """W for n dimensions, m atoms, density θ and p samples, numbers or arrays that fit each other.

        Raises
        ------
        TypeError, ValueError
            If one is not a positive number, or θ is not below one.
        """
        (n, m, theta), p = _sizes(n, m, theta), _positive(p, "p")
        N = p * (1.0 - (1.0 - theta) ** m)
        search = 4.0 * _FIRST * self.b * n * n * m * (theta / _THETA) ** self.alpha * (m / n) ** self.beta
        return np.asarray(4.0 * n * n * p + n * N * (n + m) + 4.0 * self.a * n * m * N + search)


@dataclass(frozen=True)
class ErrorLaw:
    r"""The error of the worst atom, max 1 − |correlation| = e (n/64)^γ (m/n)^δ (θ/0.1)^ε m/p.

    Attributes
    ----------
    e, gamma, delta, epsilon : float
        The letters.

    References
    ----------
    Equation ``eq-error-law``, claim ``error-law``.

    Examples
    --------
    >>> law = ErrorLaw(e=0.5, gamma=0.0, delta=1.0, epsilon=0.5)
    >>> float(law.error(64, 96, 0.1, 72_000)), float(law.samples(64, 96, 0.1, 1e-3))
    (0.001, 72000.0)
    """

    e: float
    gamma: float
    delta: float
    epsilon: float

    def error(self, n: ArrayLike, m: ArrayLike, theta: ArrayLike, p: ArrayLike) -> Array:
        """The error with p samples.

        Raises
        ------
        TypeError, ValueError
            If a size is not a positive number, or θ is not below one.
        """
        return np.asarray(self.samples(n, m, theta, 1.0) / _positive(p, "p"))

    def samples(self, n: ArrayLike, m: ArrayLike, theta: ArrayLike, error: ArrayLike) -> Array:
        """The samples that give this error.

        Raises
        ------
        TypeError, ValueError
            If a size or the error is not a positive number, or θ is not below one.
        """
        n, m, theta = _sizes(n, m, theta)
        shape = (n / _N) ** self.gamma * (m / n) ** self.delta * (theta / _THETA) ** self.epsilon
        return np.asarray(self.e * shape * m / _positive(error, "error"))
