"""To be deleted when unused: exact bounds of the small and large roots of z³ − z + b."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from l4lib.validate import Array, as_array, as_positive

__all__ = ["ETA_LIMIT", "CubicRoots", "cubic_roots_bounds", "region_xi"]

ETA_LIMIT = 2.0 / (3.0 * np.sqrt(3.0))
"""The height 2/(3√3) of the hump of z − z³, up to which small and large roots are separate."""


@dataclass(frozen=True)
class CubicRoots:
    """|z − z³| ≤ η holds exactly for |z| ≤ σ (small) and for ℓ ≤ |z| ≤ u (large).

    Attributes
    ----------
    sigma, ell, u : ndarray
        The bounds, of the shape of η.
    """

    sigma: Array
    ell: Array
    u: Array


def cubic_roots_bounds(eta: ArrayLike) -> CubicRoots:
    """Exact bounds of the small and the large roots of z³ − z + b = 0 over |b| ≤ η.

    σ = (2/√3) sin(ψ/3), ℓ = (2/√3) sin((π−ψ)/3), u = (2/√3) sin((π+ψ)/3), ψ = arcsin(3√3η/2).

    Parameters
    ----------
    eta : array_like
        Heights in [0, 2/(3√3)].

    Raises
    ------
    TypeError, ValueError
        If a height is outside that interval, where the two kinds of roots merge.

    Examples
    --------
    >>> roots = cubic_roots_bounds(1 / 8)
    >>> float(roots.sigma.round(4)), float(roots.ell.round(4)), float(roots.u.round(4))
    (0.1271, 0.9304, 1.0575)
    """
    height = as_array(eta, "eta", ndim=(0, 1, 2), shape="() or (r,)")
    if np.min(height) < 0.0 or np.max(height) > ETA_LIMIT * (1.0 + 1e-15):
        raise ValueError(f"eta: expected heights in [0, 2/(3√3)], got {np.min(height):g} to {np.max(height):g}")
    psi = np.arcsin(np.minimum(height / ETA_LIMIT, 1.0))
    scale = 2.0 / np.sqrt(3.0)
    return CubicRoots(
        sigma=scale * np.sin(psi / 3.0),
        ell=scale * np.sin((np.pi - psi) / 3.0),
        u=scale * np.sin((np.pi + psi) / 3.0),
    )


def region_xi(K: float) -> float:
    """ξ_K = (64√K/15)^{2/3}, for which the region theorem is proved.

    Raises
    ------
    TypeError, ValueError
        If K < 1.

    Examples
    --------
    >>> round(region_xi(2.0), 2)
    3.31
    """
    return float((64.0 * np.sqrt(as_positive(K, "K")) / 15.0) ** (2.0 / 3.0))
