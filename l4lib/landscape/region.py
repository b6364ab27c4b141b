r"""Geometry in a region: tight frames whose atoms have different norms, as convolutional dictionaries have.

For AAᵀ = K I with norms ν_i and coherence μ of the *directions*, one number controls every correlation at a point,

.. math:: \varrho(q) = \frac{\mu\,\nu_{\max}\sqrt K\,T(q)}{\alpha^{3/2}},\qquad T(q) = \sum_j \nu_j|\zeta_j|^3 .

Where ϱ ≤ 15/64 every critical point is a strict saddle (or maximiser) or the minimiser next to one atom, for any K.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from l4lib.landscape.dichotomy import cubic_roots_bounds
from l4lib.validate import Array, as_array, as_dictionary, as_unit_points

__all__ = [
    "REGION_LIMIT",
    "RegionPoints",
    "TightFrame",
    "cone_curvature_unequal",
    "cubic_residuals_unequal",
    "kernel_distance",
    "kernel_gradient",
    "region_points",
    "sample_threshold",
    "sublevel_threshold",
    "tight_frame",
    "two_kernels_bound",
]

REGION_LIMIT = 15.0 / 64.0
"""Where ϱ is at most this the region theorem holds."""


@dataclass(frozen=True)
class TightFrame:
    """What the theorems use of a tight frame with norms ν_i.

    Attributes
    ----------
    A : ndarray, shape (n, m)
        The frame, AAᵀ = K I.
    K : float
        The frame constant.
    nu : ndarray, shape (m,)
        Norms of the atoms.
    mu : float
        Coherence of the directions a_i/ν_i.
    """

    A: Array
    K: float
    nu: Array
    mu: float

    @property
    def nu_max(self) -> float:
        """The largest norm."""
        return float(self.nu.max())

    @property
    def kappa(self) -> float:
        """Largest over smallest norm."""
        return float(self.nu.max() / self.nu.min())


def tight_frame(A: ArrayLike, *, tol: float = 1e-8) -> TightFrame:
    """Check that a dictionary is a tight frame and read off K, ν and μ.

    Parameters
    ----------
    A : array_like, shape (n, m)
        The dictionary.
    tol : float
        Allowed relative deviation of AAᵀ from K I in the spectral norm.

    Raises
    ------
    TypeError, ValueError
        If A is not a dictionary or not tight (the message has the extreme eigenvalues), or n < 2.

    Examples
    --------
    >>> import numpy as np
    >>> frame = tight_frame(np.hstack([1.2 * np.eye(3), 0.5 * np.eye(3)]))
    >>> round(frame.K, 2), round(frame.kappa, 2), frame.mu
    (1.69, 2.4, 1.0)
    """
    B = as_dictionary(A)
    if B.shape[0] < 2:
        raise ValueError(f"A: expected at least two dimensions, got shape {B.shape}")
    eigenvalues = np.linalg.eigvalsh(B @ B.T)
    K = float(eigenvalues.mean())
    if np.ptp(eigenvalues) > tol * K:
        raise ValueError(
            f"A: expected a tight frame AAᵀ = K I, got eigenvalues of AAᵀ from {eigenvalues[0]:.6g} to "
            f"{eigenvalues[-1]:.6g}; whiten the data first"
        )
    nu = np.linalg.norm(B, axis=0)
    directions = B / nu
    gram = np.abs(directions.T @ directions)
    np.fill_diagonal(gram, 0.0)
    return TightFrame(A=B, K=K, nu=nu, mu=float(gram.max()))


@dataclass(frozen=True)
class RegionPoints:
    """Where points lie with respect to the region, and how many of their coordinates are small and large.

    Attributes
    ----------
    alpha : ndarray, shape () or (r,)
        ‖ζ‖₄⁴.
    varrho : ndarray, shape () or (r,)
        ϱ(q), or ϱ_g(q) if a gradient norm was given.
    inside : ndarray of bool, shape () or (r,)
        Whether ϱ ≤ 15/64.
    small, large, neither : ndarray of int, shape () or (r,)
        Numbers of coordinates with ν_i|ζ_i| ≤ σ(η_i)√α, with ν_i|ζ_i| ≥ ℓ(ϱ)√α, and of the rest; −1 outside.
        At a critical point inside, ``neither`` is zero.
    strongest : ndarray of int, shape () or (r,)
        The coordinate of largest ν_i|ζ_i|.
    """

    alpha: Array
    varrho: Array
    inside: NDArray[np.bool_]
    small: NDArray[np.int64]
    large: NDArray[np.int64]
    neither: NDArray[np.int64]
    strongest: NDArray[np.int64]


def region_points(
    frame: TightFrame, Q: ArrayLike, *, gradient: ArrayLike | float = 0.0, atol: float = 1e-9
) -> RegionPoints:
    """Region membership and the dichotomy with unequal norms.

    Parameters
    ----------
    frame : TightFrame
        From :func:`tight_frame`.
    Q : array_like, shape (n,) or (n, r)
        Points of the sphere.
    gradient : array_like or float
        Bound g of the norm of the gradient, for nearly critical points; the height becomes ϱ_g.
    atol : float
        Allowance for rounding in the comparison of coordinates.

    Raises
    ------
    TypeError, ValueError
        If the points are not unit vectors of the right dimension, or a gradient norm is negative.

    References
    ----------
    Claims ``cdl-dichotomy``, ``cdl-near-critical``; equations ``eq-varrho``, ``eq-varrho-g``.

    Examples
    --------
    >>> import numpy as np
    >>> frame = tight_frame(np.eye(4))
    >>> at = region_points(frame, np.eye(4)[:, 0])
    >>> bool(at.inside), int(at.small), int(at.large)
    (True, 3, 1)
    """
    points = as_unit_points(Q, frame.A.shape[0])
    g = as_array(gradient, "gradient", ndim=(0, 1), shape="() or (r,)")
    if np.min(g) < 0:
        raise ValueError(f"gradient: expected norms, got the negative number {np.min(g):g}")
    zeta = frame.A.T @ points.reshape(points.shape[0], -1)
    size = np.abs(zeta)
    square = zeta * zeta
    alpha = np.sum(square * square, axis=0)
    T = frame.nu @ (size * square)
    root = np.sqrt(alpha)
    varrho = frame.nu_max * np.sqrt(frame.K) * (frame.mu * T + g) / (alpha * root)
    inside = varrho <= REGION_LIMIT
    scaled = frame.nu[:, None] * size / root
    capped = np.minimum(varrho, REGION_LIMIT)
    eta = np.minimum(frame.nu[:, None] ** 2 * (frame.mu * T + g) / (alpha * root), REGION_LIMIT)
    small = np.sum(scaled <= cubic_roots_bounds(eta).sigma + atol, axis=0)
    large = np.sum(scaled >= cubic_roots_bounds(capped).ell - atol, axis=0)
    neither = frame.nu.size - small - large
    shape = points.shape[1:]

    def shaped(values: NDArray[Any]) -> Any:
        return values.reshape(shape) if shape else values[0]

    return RegionPoints(
        alpha=shaped(alpha),
        varrho=shaped(varrho),
        inside=shaped(inside),
        small=shaped(np.where(inside, small, -1)),
        large=shaped(np.where(inside, large, -1)),
        neither=shaped(np.where(inside, neither, -1)),
        strongest=shaped(scaled.argmax(axis=0)),
    )


def cubic_residuals_unequal(frame: TightFrame, q: ArrayLike) -> Array:
    """ν_i²ζ_i³ − αζ_i + β_i for all i, zero at a critical point, shape (m,).

    Raises
    ------
    TypeError, ValueError
        If q is not a unit vector of the right dimension.

    References
    ----------
    Claim ``cdl-cubic``, equation ``eq-unequal-cubic``.

    Examples
    --------
    >>> import numpy as np
    >>> cubic_residuals_unequal(tight_frame(np.eye(3)), np.eye(3)[:, 0])
    array([0., 0., 0.])
    """
    point = as_unit_points(q, frame.A.shape[0], "q")
    zeta = frame.A.T @ point
    cube = zeta * zeta * zeta
    beta = frame.A.T @ (frame.A @ cube) - frame.nu**2 * cube
    return np.asarray(frame.nu**2 * cube - (cube @ zeta) * zeta + beta)


def two_kernels_bound(frame: TightFrame, Q: ArrayLike) -> Array:
    """α − 3τ_ij for the two atoms of largest ν|ζ|: an upper bound of λ_min at any point where one is nonzero.

    Raises
    ------
    TypeError, ValueError
        If the points are not unit vectors of the right dimension.

    References
    ----------
    Claim ``cdl-two-kernels``, equation ``eq-two-kernels``.

    Examples
    --------
    >>> import numpy as np
    >>> q = np.array([1.0, 1.0, 0.0]) / np.sqrt(2)
    >>> round(float(two_kernels_bound(tight_frame(np.eye(3)), q)), 12)
    -1.0
    """
    points = as_unit_points(Q, frame.A.shape[0])
    columns = points.reshape(points.shape[0], -1)
    zeta = frame.A.T @ columns
    alpha = np.sum(zeta**2 * zeta**2, axis=0)
    order = np.argsort(-frame.nu[:, None] * np.abs(zeta), axis=0)[:2]
    i, j = order
    runs = np.arange(columns.shape[1])
    x, y = frame.nu[i] * zeta[i, runs], frame.nu[j] * zeta[j, runs]
    cross = np.sum(frame.A[:, i] * frame.A[:, j], axis=0) * zeta[i, runs] * zeta[j, runs]
    mean, half = (x * x + y * y) / 2, (x * x - y * y) / 2
    bound = alpha - 3 * (mean - np.hypot(half, cross))
    return np.asarray(bound.reshape(points.shape[1:]) if points.ndim > 1 else bound[0])


def cone_curvature_unequal(h: ArrayLike, t: ArrayLike, nu: ArrayLike) -> Array:
    """ν⁴h(4h − 3 − 3t²): a lower bound of all tangent curvatures in the cone of an atom of norm ν.

    There h = ⟨a_i/ν_i, q⟩² and |ζ_j| ≤ t ν_i|ζ_i|/√K for j ≠ i.

    Raises
    ------
    TypeError, ValueError
        If h or t is outside [0, 1], or ν is not positive.

    References
    ----------
    Claim ``cdl-kernel-cone``, equation ``eq-kernel-cone``.

    Examples
    --------
    >>> float(cone_curvature_unequal(1.0, 0.0, 1.1).round(4))
    1.4641
    """
    height, ratio, norm = (
        as_array(v, name, ndim=(0, 1), shape="() or (r,)") for v, name in ((h, "h"), (t, "t"), (nu, "nu"))
    )
    for values, name in ((height, "h"), (ratio, "t")):
        if np.min(values) < 0 or np.max(values) > 1:
            raise ValueError(f"{name}: expected numbers in [0, 1], got {np.min(values):g} to {np.max(values):g}")
    if np.min(norm) <= 0:
        raise ValueError(f"nu: expected positive norms, got {np.min(norm):g}")
    return np.asarray(norm**4 * height * (4 * height - 3 - 3 * ratio * ratio))


def kernel_gradient(frame: TightFrame) -> Array:
    """μ²ν_max²√(K(K − ν_i²)) for each atom: an upper bound of ‖grad φ_T‖ at its direction, shape (m,).

    References
    ----------
    Claim ``cdl-kernel-minimiser``, equation ``eq-kernel-gradient``.

    Examples
    --------
    >>> import numpy as np
    >>> kernel_gradient(tight_frame(np.eye(3)))
    array([0., 0., 0.])
    """
    rest = np.maximum(frame.K - frame.nu**2, 0.0)
    return np.asarray(frame.mu**2 * frame.nu_max**2 * np.sqrt(frame.K * rest))


def kernel_distance(frame: TightFrame) -> Array:
    """For each atom the proved bound of the angle to its minimiser; NaN where 4Kμν_max² > ν_i⁴, shape (m,).

    References
    ----------
    Claim ``cdl-kernel-minimiser``, equation ``eq-kernel-distance``.

    Examples
    --------
    >>> import numpy as np
    >>> kernel_distance(tight_frame(np.eye(3)))
    array([0., 0., 0.])
    """
    speaks = 4 * frame.K * frame.mu * frame.nu_max**2 <= frame.nu**4
    return np.where(speaks, 2 * kernel_gradient(frame) / frame.nu**4, np.nan)


def sublevel_threshold(frame: TightFrame) -> float:
    """(64/15)Kμν_max²: descent from a point with α at least this stays in the region.

    References
    ----------
    Claim ``cdl-sublevel``, equation ``eq-cdl-sublevel``.

    Examples
    --------
    >>> import numpy as np
    >>> sublevel_threshold(tight_frame(np.eye(3)))
    0.0
    """
    return float(64.0 / 15.0 * frame.K * frame.mu * frame.nu_max**2)


def sample_threshold(frame: TightFrame, epsilon: float) -> float:
    """α_* = max{12Kμν_max², (96√K ν_max ε)^(2/3)}, for an objective within ε of φ_T.

    Raises
    ------
    ValueError
        If ε is negative or not finite.

    References
    ----------
    Claim ``cdl-samples``, equation ``eq-alpha-star``.

    Examples
    --------
    >>> import numpy as np
    >>> round(sample_threshold(tight_frame(np.eye(3)), 1e-3), 4)
    0.2097
    """
    error = float(as_array(epsilon, "epsilon", ndim=0, shape="()"))
    if error < 0:
        raise ValueError(f"epsilon: expected a norm, got {error:g}")
    first = 12 * frame.K * frame.mu * frame.nu_max**2
    return float(max(first, (96 * np.sqrt(frame.K) * frame.nu_max * error) ** (2 / 3)))
