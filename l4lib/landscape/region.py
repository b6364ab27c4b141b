r"""Geometry in a region: the sublevel set of a dictionary with atoms of any norms, as convolutional dictionaries have.

Only three numbers of a dictionary enter, and the norms ν_i:

.. math:: AA^\top\preceq B\,I,\qquad g=\max_{i\ne j}|\langle a_i,a_j\rangle| .

Where α > (3/2) g B a critical point without negative curvature belongs to one atom; if moreover ν_i⁴ ≥ (8/3) g B for
all i, there are exactly 2m of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from l4lib.validate import Array, as_array, as_dictionary

__all__ = ["FrameBounds", "RegionGuarantee", "frame_bounds", "kernel_bounds", "region_guarantee", "sublevel_threshold"]


@dataclass(frozen=True)
class FrameBounds:
    """What the region theorems use of a dictionary.

    Attributes
    ----------
    B : float
        Upper frame bound, the largest eigenvalue of AAᵀ.
    g : float
        Largest |⟨a_i, a_j⟩|, i ≠ j.
    mu : float
        Coherence of the directions, the largest |⟨a_i, a_j⟩|/(ν_i ν_j).
    nu : ndarray, shape (m,) or (K,)
        Norms of the atoms; for kernels one for each kernel, since its shifts have the same.
    """

    B: float
    g: float
    mu: float
    nu: Array


def frame_bounds(A: ArrayLike) -> FrameBounds:
    """B, g, μ and the norms of a dictionary, tight or not.

    Parameters
    ----------
    A : array_like, shape (n, m)
        The dictionary, n ≥ 2.

    Raises
    ------
    TypeError, ValueError
        If A is not a dictionary or n < 2.

    Examples
    --------
    >>> import numpy as np
    >>> frame = frame_bounds(np.hstack([1.2 * np.eye(3), 0.5 * np.eye(3)]))
    >>> round(frame.B, 2), round(frame.g, 2), round(frame.mu, 2)
    (1.69, 0.6, 1.0)
    """
    A = as_dictionary(A)
    if A.shape[0] < 2:
        raise ValueError(f"A: expected at least two dimensions, got shape {A.shape}")
    nu = np.linalg.norm(A, axis=0)
    gram = np.abs(A.T @ A)
    np.fill_diagonal(gram, 0.0)
    return FrameBounds(
        B=float(np.linalg.norm(A, 2) ** 2), g=float(gram.max()), mu=float(np.max(gram / np.outer(nu, nu))), nu=nu
    )


def kernel_bounds(kernels: ArrayLike) -> FrameBounds:
    """The same for all circular shifts of K kernels, by FFT, without forming the n × nK dictionary.

    Parameters
    ----------
    kernels : array_like, shape (n, K)
        The kernels (after preconditioning, if AAᵀ = K I is wanted), one a column.

    Raises
    ------
    TypeError, ValueError
        If the kernels are not finite nonzero columns or n < 2.

    Examples
    --------
    >>> import numpy as np
    >>> kernel_bounds(np.array([[1.0], [0.0], [0.0]])).g
    0.0
    """
    kernels = as_array(kernels, "kernels", ndim=2, shape="(n, K)")
    n, K = kernels.shape
    nu = np.linalg.norm(kernels, axis=0)
    if n < 2 or np.min(nu) == 0.0:
        raise ValueError(f"kernels: expected nonzero columns of length at least 2, got shape {kernels.shape}")
    spectra = np.fft.rfft(kernels, axis=0)
    g = mu = 0.0
    for i in range(K):
        products = np.abs(np.fft.irfft(spectra[:, i, None].conj() * spectra[:, i:], n, axis=0))
        products[0, 0] = 0.0
        g = max(g, float(products.max()))
        mu = max(mu, float(np.max(products / (nu[i] * nu[i:]))))
    # transforms of exact zeros are zeros up to rounding
    g, mu = (0.0 if value < 1e-14 else value for value in (g, mu))
    return FrameBounds(B=float(np.max(np.sum(np.abs(spectra) ** 2, axis=1))), g=g, mu=mu, nu=nu)


def sublevel_threshold(frame: FrameBounds, *, epsilon: float | None = None) -> float:
    r"""The height above which critical points without negative curvature belong to one atom.

    (3/2) g B for φ_T; for an objective within ε of it, up to a constant,
    :math:`\alpha_*=\max\{4gB,\ (96\sqrt B\,\nu_{\max}\varepsilon)^{2/3}\}`.

    Raises
    ------
    ValueError
        If ε is negative or not finite.

    References
    ----------
    Claims ``cdl-region-theorem`` and ``cdl-samples``; equations ``eq-cdl-sublevel`` and ``eq-alpha-star``.

    Examples
    --------
    >>> import numpy as np
    >>> frame = frame_bounds(np.eye(3))
    >>> sublevel_threshold(frame), round(sublevel_threshold(frame, epsilon=1e-3), 4)
    (0.0, 0.2097)
    """
    if epsilon is None:
        return 1.5 * frame.g * frame.B
    error = float(as_array(epsilon, "epsilon", ndim=0, shape="()"))
    if error < 0:
        raise ValueError(f"epsilon: expected a norm, got {error:g}")
    slope = 96.0 * np.sqrt(frame.B) * float(frame.nu.max()) * error
    return float(max(4.0 * frame.g * frame.B, slope ** (2.0 / 3.0)))


@dataclass(frozen=True)
class RegionGuarantee:
    """The region theorem evaluated for one dictionary; margins are positive where a hypothesis holds.

    Attributes
    ----------
    threshold : float
        (3/2) g B; a second-order point with larger α belongs to one atom.
    strong : ndarray, shape of ``nu``
        ν_i⁴ − (8/3) g B; where it is not negative, exactly one such point belongs to a_i, and one to −a_i.
    sphere : float
        ν_min² − g − B/3; if positive, every second-order point of the sphere has ζ_i² > ⅔ν_i² for its best atom, and
        if moreover ``strong`` is nowhere negative, the whole sphere has exactly 2m of them.
    location : ndarray, shape of ``nu``
        Upper bound of 1 − ⟨a_i/ν_i, q⟩² at a second-order point with best atom i above the threshold.
    angle : ndarray, shape of ``nu``
        Upper bound of the angle between a_i and its minimiser (radians); NaN where ``strong`` is negative.
    """

    threshold: float
    strong: Array
    sphere: float
    location: Array
    angle: Array

    @property
    def exact(self) -> bool:
        """Whether exactly 2m second-order points lie above the threshold."""
        return bool(np.all(self.strong >= 0.0))

    @property
    def whole_sphere(self) -> bool:
        """Whether the whole sphere has exactly 2m second-order points."""
        return self.exact and self.sphere > 0.0


def region_guarantee(frame: FrameBounds) -> RegionGuarantee:
    r"""Evaluate the region theorem.

    With g, B divided by ν_i² the location is at most (4/3) g² (B − ¾) and the sine of the angle 2.04 g² B √(B − 0.96).

    References
    ----------
    Claims ``cdl-region-theorem``, ``cdl-sublevel`` and ``cdl-whole-sphere``.

    Examples
    --------
    >>> import numpy as np
    >>> found = region_guarantee(frame_bounds(np.eye(3)))
    >>> found.whole_sphere, found.threshold, float(found.angle[0])
    (True, 0.0, 0.0)
    """
    nu2 = frame.nu * frame.nu
    g, B = frame.g / nu2, frame.B / nu2
    strong = nu2 * nu2 - 8.0 / 3.0 * frame.g * frame.B
    sine = 2.04 * g * g * B * np.sqrt(np.maximum(B - 0.96, 0.0))
    return RegionGuarantee(
        threshold=sublevel_threshold(frame),
        strong=strong,
        sphere=float(nu2.min() - frame.g - frame.B / 3.0),
        location=4.0 / 3.0 * g * g * (B - 0.75),
        angle=np.where(strong >= 0.0, np.arcsin(np.minimum(sine, 1.0)), np.nan),
    )
