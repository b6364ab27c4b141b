r"""When is the landscape benign? The hypotheses of the global theorem, each with its margin.

A dictionary enters through four numbers only: its size :math:`B = \|AA^\top\|`, the largest correlation :math:`g` of
two atoms, and its least and largest norm; scaled so that the least norm is 1, with :math:`\rho` the ratio of the two.
:func:`global_condition` evaluates everything for a dictionary; the other functions take the numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from l4lib.validate import Array, as_array, as_count, as_dictionary, as_positive

__all__ = [
    "GlobalCondition",
    "condition_table",
    "far_margin",
    "global_condition",
    "largest_coherence",
    "lift",
    "minimiser_angle",
    "plane_survivors",
    "ratio_margin",
    "trace_margin",
]

_ROUNDING = 1e-9
"""What the criteria concede to rounding: far above the error of their few operations on numbers of order one."""

_MOST_BOXES = 20_000

Criterion = Literal["trace", "ratio", "plane"]


def _numbers(B: Any, g: Any, rho: Any = 1.0) -> tuple[float, float, float]:
    """The numbers of a frame, checked."""
    B, rho = as_positive(B, "B"), as_positive(rho, "rho")
    g = float(as_array(g, "g", ndim=0, shape="()"))
    if B < 1.0:
        raise ValueError(f"B: expected at least 1, got {B:g}")
    if g < 0.0:
        raise ValueError(f"g: expected at least 0, got {g:g}")
    if rho < 1.0 - _ROUNDING:
        raise ValueError(f"rho: expected at least 1, got {rho:g}")
    return B, g, max(rho, 1.0)


def lift(A: ArrayLike, s: float) -> Array:
    """The lifted frame a_k(s) = s a_k ⊕ √(1−s²) ‖a_k‖ e_k in R^{n+m}, shape (n+m, m).

    Its Gram matrix is (1−s²) diag(‖a_k‖²) + s² AᵀA: orthogonal at s = 0, the given frame (padded) at s = 1, and the
    norms are the same all the way.

    Parameters
    ----------
    A : array_like, shape (n, m)
        The dictionary.
    s : float
        Where on the way, 0 <= s <= 1.

    Raises
    ------
    TypeError, ValueError
        If A is not a dictionary or s is outside [0, 1].

    References
    ----------
    Claim ``lift``, equation ``eq-lift``.

    Examples
    --------
    >>> from l4lib.data import coherence, simplex
    >>> round(coherence(lift(simplex(4), 0.6)), 12)  # 0.36 times 1/4
    0.09
    """
    A = as_dictionary(A)
    s = float(as_array(s, "s", ndim=0, shape="()"))
    if not 0.0 <= s <= 1.0:
        raise ValueError(f"s: expected a number in [0, 1], got {s:g}")
    return np.vstack([s * A, np.sqrt(1.0 - s * s) * np.diag(np.linalg.norm(A, axis=0))])


# The hypotheses


def far_margin(B: float, g: float) -> float:
    """1 − B/3 − g, for norms of at least 1: positive, no local minimiser has h <= 2/3.

    Raises
    ------
    TypeError, ValueError
        If B < 1 or g < 0.

    References
    ----------
    Claims ``far-theorem`` and ``global-theorem``, equation ``eq-global-condition``.

    Examples
    --------
    >>> round(far_margin(2.0, 0.25), 4)
    0.0833
    """
    B, g, _ = _numbers(B, g)
    return 1.0 - B / 3.0 - g


def trace_margin(B: float, g: float, rho: float = 1.0) -> float:
    """1 − 9g²(B²−1) − 25g²(ρ⁴−1)(3B/2 − 1), for norms in [1, ρ]: positive, each atom has its minimiser with h > 5/6.

    Raises
    ------
    TypeError, ValueError
        If B < 1, g < 0 or ρ < 1.

    References
    ----------
    Claim ``near-theorem``, equation ``eq-near-condition``.

    Examples
    --------
    >>> trace_margin(2.0, 0.19) > 0 > trace_margin(2.0, 0.2)
    True
    """
    B, g, rho = _numbers(B, g, rho)
    return 1.0 - 9.0 * g * g * (B * B - 1.0) - 25.0 * g * g * (rho**4 - 1.0) * (1.5 * B - 1.0)


def ratio_margin(B: float, mu: float) -> float:
    """2/(3B+2) − μ, for unit norms and B < 3: nonnegative, no second-order point with h >= 2/3 is degenerate.

    Raises
    ------
    TypeError, ValueError
        If B < 1 or μ < 0.

    References
    ----------
    Claim ``ratio-condition``, equation ``eq-ratio-condition``.

    Examples
    --------
    >>> ratio_margin(2.0, 0.25)
    0.0
    """
    B, mu, _ = _numbers(B, mu)
    return 2.0 / (3.0 * B + 2.0) - mu if B < 3.0 else -np.inf


def _kept(boxes: Array, B: float, mu: float) -> NDArray[np.bool_]:
    """Which boxes [x]×[z] of the plane may contain a degenerate second-order point, or one that ends the lift."""
    x0, x1, z0, z1 = boxes.T
    h0, h1 = 1.0 - x1, 1.0 - x0
    own = h1 * ((1.0 + z1 - x0) * (1.0 + 2.0 * h1) / 3.0 - 1.0)
    W = np.minimum(mu * mu * (B - h0), np.maximum(own, 0.0))
    second_order = z1 >= 3.0 * x0 - _ROUNDING
    second_order &= h0 * (z0 - x1) <= np.sqrt(W * z1) + _ROUNDING
    alpha = h0 * (h0 + z0)
    others = mu * mu * np.maximum((B - h0) ** 2 - h0 * z0, 0.0)
    # 10/9 α² − α increases for α ≥ 9/20, and α ≥ h² ≥ 4/9 or so where h ≥ 2/3: take the smaller end or that minimum.
    alpha = np.maximum(alpha, 0.45)
    trace = 10.0 / 9.0 * alpha * alpha - alpha <= 2.0 * h1 * W + others + _ROUNDING
    t0 = np.sqrt(np.maximum((1.0 + z0 - x1) / 3.0 - x1, 0.0) / (B - x0))
    t1 = np.minimum((z1 / h0) ** 0.25, 1.0)
    pull = mu * (1.0 + np.sqrt((B - h0) * z1) / h0)

    def push(t: Array) -> Array:
        return t * (1.0 + z0 - x1 - (1.0 - mu) * t * t)

    ratio = (t0 <= t1 + _ROUNDING) & (np.minimum(push(t0), push(t1)) <= pull + _ROUNDING)
    end = (x1 >= 1.0 / 3.0) | (z1 >= h0)
    return np.asarray(second_order & (end | (trace & ratio)))


def plane_survivors(B: float, mu: float, *, depth: int = 12) -> int:
    """How many boxes of the (x, z)-plane survive; 0 decides that no second-order point with h >= 2/3 is degenerate.

    Parameters
    ----------
    B, mu : float
        Frame bound and coherence of unit atoms.
    depth : int
        How often each side of [0, 1/3] × [0, B − 2/3] is halved, unless more than 20 000 boxes survive before.

    Raises
    ------
    TypeError, ValueError
        If B < 1, μ < 0 or the depth is not a whole number of at least 1.

    References
    ----------
    Claim ``plane-criterion``, proposition ``prop-plane``.

    Examples
    --------
    >>> plane_survivors(1.5, 0.44), plane_survivors(1.5, 0.46) > 0
    (0, True)
    """
    B, mu, _ = _numbers(B, mu)
    boxes = np.array([[0.0, 1.0 / 3.0, 0.0, B - 2.0 / 3.0]])
    for _ in range(as_count(depth, "depth")):
        for axis in (0, 2):
            lower, upper = boxes.copy(), boxes.copy()
            lower[:, axis + 1] = upper[:, axis] = (boxes[:, axis] + boxes[:, axis + 1]) / 2.0
            boxes = np.vstack([lower, upper])
            boxes = boxes[_kept(boxes, B, mu)]
        if len(boxes) > _MOST_BOXES:  # a whole piece of the plane survives, and would at every depth
            break
    return len(boxes)


def minimiser_angle(B: float, mu: float) -> float:
    """The angle arctan(7/2 · μ²√(B(B−1))) within which each minimiser lies of its atom (unit norms, trace condition).

    Raises
    ------
    TypeError, ValueError
        If B < 1, μ < 0 or the trace condition fails, under which the angle is proved.

    References
    ----------
    Claim ``location``, equation ``eq-angle``.

    Examples
    --------
    >>> round(minimiser_angle(2.0, 0.1), 4)
    0.0495
    """
    if trace_margin(B, mu) <= 0.0:
        raise ValueError(f"mu: expected 9μ²(B²−1) < 1, where the angle is proved, got {9 * mu * mu * (B * B - 1):g}")
    return float(np.arctan(3.5 * mu * mu * np.sqrt(B * (B - 1.0))))


# All together


@dataclass(frozen=True)
class GlobalCondition:
    """What the global theorem says about one dictionary, after scaling its least norm to 1.

    Attributes
    ----------
    n, m : int
        Size.
    B, g, rho : float
        The largest eigenvalue of AAᵀ, the largest |G_ij|, the ratio of the largest norm to the least.
    far, trace : float
        The margins of the two hypotheses of the theorem.
    ratio : float
        The margin of the first larger condition (NaN unless all norms are equal).
    survivors : int
        The boxes that survive in the second larger condition (−1 if it was not needed or norms differ).
    """

    n: int
    m: int
    B: float
    g: float
    rho: float
    far: float
    trace: float
    ratio: float
    survivors: int

    @property
    def by(self) -> Criterion | None:
        """The simplest condition that proves the landscape benign; None if none does (which decides nothing)."""
        if self.far <= _ROUNDING:
            return None
        if self.trace > _ROUNDING:
            return "trace"
        if self.ratio >= -_ROUNDING:
            return "ratio"
        return "plane" if self.survivors == 0 else None

    @property
    def holds(self) -> bool:
        """Whether the landscape is proved benign: 2m local minimisers, λ_min < 0 at every other critical point."""
        return self.by is not None

    @property
    def rate(self) -> float:
        """κ with λ_min ≤ −κα at every other critical point: min{1/5, 3(1−g)/B − 1} by the trace, else 0."""
        return min(0.2, 3.0 * (1.0 - self.g) / self.B - 1.0) if self.by == "trace" else 0.0


def global_condition(A: ArrayLike) -> GlobalCondition:
    """Evaluate the hypotheses of the global theorem for a dictionary that spans, of any norms.

    Parameters
    ----------
    A : array_like, shape (n, m)
        The dictionary, n >= 2, of rank n.

    Raises
    ------
    TypeError, ValueError
        If A is not a dictionary of rank n >= 2.

    References
    ----------
    Claims ``global-theorem``, ``ratio-condition`` and ``plane-criterion``.

    Examples
    --------
    >>> from l4lib.data import icosahedron, identity_hadamard, simplex
    >>> [global_condition(A).by for A in (identity_hadamard(64), identity_hadamard(16), simplex(3), icosahedron())]
    ['trace', 'ratio', 'trace', None]
    """
    A = as_dictionary(A)
    n, m = A.shape
    if n < 2 or np.linalg.matrix_rank(A) < n:
        raise ValueError(
            f"A: expected n >= 2 and atoms that span, got shape {A.shape}, rank {np.linalg.matrix_rank(A)}"
        )
    G = A.T @ A
    norms = np.diag(G)
    least = float(norms.min())
    B = max(float(np.linalg.norm(A, 2)) ** 2 / least, 1.0)
    g = float(np.max(np.abs(G - np.diag(norms)))) / least
    rho = float(np.sqrt(norms.max() / least))
    equal = rho < 1.0 + _ROUNDING
    far, trace = far_margin(B, g), trace_margin(B, g, 1.0 if equal else rho)
    ratio = ratio_margin(B, g) if equal else float("nan")
    needed = equal and far > _ROUNDING and max(trace, ratio) <= _ROUNDING
    return GlobalCondition(n, m, B, g, rho, far, trace, ratio, plane_survivors(B, g) if needed else -1)


def _admitted(criterion: Criterion, B: float, mu: float) -> bool:
    if far_margin(B, mu) <= 0.0:
        return False
    if criterion == "trace":
        return trace_margin(B, mu) > 0.0
    return ratio_margin(B, mu) >= 0.0 if criterion == "ratio" else plane_survivors(B, mu) == 0


def largest_coherence(B: float, criterion: Criterion) -> float:
    """The largest coherence (a multiple of 1e-4, rounded down) that a condition admits for unit norms; 0 if none.

    At most B − 1, the largest coherence that unit atoms with AAᵀ ⪯ B·I can have.

    Raises
    ------
    TypeError, ValueError
        If B < 1 or the criterion is unknown.

    Examples
    --------
    >>> [largest_coherence(2.0, c) for c in ("trace", "ratio", "plane")]
    [0.1924, 0.25, 0.2718]
    """
    B, _, _ = _numbers(B, 0.0)
    if criterion not in ("trace", "ratio", "plane"):
        raise ValueError(f"criterion: expected trace, ratio or plane, got {criterion!r}")
    # Each condition gets harder as μ grows, so bisect on whole multiples of 1e-4.
    low, high = 0, int(np.floor(min(B - 1.0, 1.0) * 10_000 + 1e-6)) + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _admitted(criterion, B, middle / 10_000) else (low, middle)
    return low / 10_000


def condition_table(bounds: ArrayLike = (1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 2.75)) -> pd.DataFrame:
    """How much coherence each condition admits, beside min{1 − B/3, B − 1}, which is conjectured to be enough.

    Parameters
    ----------
    bounds : array_like, shape (k,)
        Values of B; for unit-norm tight frames B = K.

    Returns
    -------
    pandas.DataFrame
        One row a value; all numbers rounded down to 1e-4.

    Raises
    ------
    TypeError, ValueError
        If a value is below 1.

    Examples
    --------
    >>> condition_table([2.5]).loc[0].tolist()
    [2.5, 0.1454, 0.1666, 0.1666, 0.1666]
    """
    rows = []
    for B in as_array(bounds, "bounds", ndim=1, shape="(k,)"):
        row = {"B": float(B)}
        row |= {c: largest_coherence(float(B), c) for c in ("trace", "ratio", "plane")}
        row["limit"] = np.floor(max(min(1.0 - B / 3.0, B - 1.0), 0.0) * 1e4 + 1e-6) / 1e4
        rows.append(row)
    return pd.DataFrame(rows)
