r"""From a linear program to the sum-of-squares theorem: every frame with ‖AAᵀ‖ <= 1.49 is benign.

A **form** is :math:`P(p) = |p|^2 p^\top Lp - z^2 p^\top Qp` in p = (z, e, t).
:func:`prove_forms` finds forms by linear programming, writes each as a sum of squares, and covers the possible
positions of the best atom by cells; :mod:`l4lib.census.check_sos` then checks all exactly (claim ``benign-149``).
Nothing here has to be trusted: whatever goes wrong, the checker rejects.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linprog

from l4lib.census import check_sos
from l4lib.validate import Array, as_array

__all__ = ["Forms", "load_forms", "prove_forms"]

_PAIRS = [(i, j) for i in range(6) for j in range(i, 6)]
_SCALE = 10**6
_LIFT = 2e-4  # added to a form so that it is positive and not only nonnegative


@dataclass(frozen=True)
class Forms:
    """The forms and cells of a checked sum-of-squares theorem.

    Attributes
    ----------
    document : dict
        What is stored; all numbers are integers over the common scale.
    bound : float
        The B for which the theorem is proved.
    L, Q : ndarray, shape (k, 3, 3)
        The matrices of the k forms.
    """

    document: dict[str, Any]
    bound: float
    L: Array
    Q: Array

    def values(self, P: ArrayLike) -> Array:
        """P_j(p)/tr L_j at each column p, shape (k, r).

        Raises
        ------
        ValueError
            If the points do not have three rows.

        Examples
        --------
        >>> forms = load_forms()
        >>> bool(forms.values([[1.0], [0.0], [0.0]]).max() > forms.bound)
        True
        """
        P = as_array(P, "P", ndim=2, shape="(3, r)")
        if P.shape[0] != 3:
            raise ValueError(f"P: expected shape (3, r), got {P.shape}")
        first, second = (np.einsum("ir,kij,jr->kr", P, X, P) for X in (self.L, self.Q))
        traces = np.trace(self.L, axis1=1, axis2=2)[:, None]
        return (np.sum(P * P, axis=0) * first - P[0] ** 2 * second) / traces

    def cells(self) -> Iterator[tuple[float, float, float, int]]:
        """The lower left corner (u, v), the side and the form of each cell."""
        side = self.document["side"][0] / self.document["side"][1]
        for path, form in self.document["cells"].items():
            u = sum(side / 2**k for k, c in enumerate(path, 1) if c in "13")
            v = sum(side / 2**k for k, c in enumerate(path, 1) if c in "23")
            yield u, v, side / 2 ** len(path), form


def load_forms() -> Forms:
    """The stored theorem, for ‖AAᵀ‖ <= 1.49, checked again.

    Raises
    ------
    l4lib.census.check_sos.Rejected
        If the checker rejects the stored file.

    Examples
    --------
    >>> load_forms().bound
    1.49
    """
    text = files("l4lib.census").joinpath("stored", "forms", "bound_1.49.json").read_text(encoding="utf-8")
    return _forms(check_sos.load(text))


def _forms(document: dict[str, Any]) -> Forms:
    check_sos.check(document)
    L, Q = (np.array([_matrix(np.array(f[k]) / document["scale"]) for f in document["forms"]]) for k in "LQ")
    return Forms(document, document["bound"][0] / document["bound"][1], L, Q)


def prove_forms(bound: Fraction, *, points: int = 150, depth: int = 9) -> Forms:
    """Find forms and cells for a bound, and check them exactly; B = 1.49 takes seconds.

    Parameters
    ----------
    bound : Fraction
        The B of the theorem, between 1 and 3/2.
    points : int
        Fineness of the grid of the linear program.
    depth : int
        How often a cell may be halved.

    Returns
    -------
    Forms

    Raises
    ------
    ValueError
        If the bound is not between 1 and 3/2.
    RuntimeError
        If no form is large enough at some point; the message says where.

    Examples
    --------
    >>> from fractions import Fraction
    >>> prove_forms(Fraction(6, 5)).bound
    1.2
    """
    if not 1 < bound < Fraction(3, 2):
        raise ValueError(f"bound: expected a fraction between 1 and 3/2, got {bound}")
    radius2 = (bound - 1) / (3 - bound)
    side = Fraction(int(np.ceil(64 * np.sqrt(float(radius2)))), 64)
    forms: list[Array] = []
    cells: dict[str, int] = {}
    todo = [("", 0.0, 0.0, float(side))]
    grid, wanted = _half_sphere(points), float(bound) * _SCALE
    while todo:
        path, u, v, size = todo.pop()
        if u * u + v * v > radius2:
            continue
        middle = np.array([1.0, u + size / 2, v + size / 2])
        middle[1:] *= min(1.0, np.sqrt(float(radius2)) / np.linalg.norm(middle[1:]))
        middle /= np.linalg.norm(middle)
        chosen = next((k for k, form in enumerate(forms) if _holds(form, bound, u, v, size)), None)
        largest = max((float(_row(middle) @ form) for form in forms), default=0.0)
        if chosen is None and (len(path) >= 5 or largest < wanted):
            forms.append(_search(middle, grid))
            if float(_row(middle) @ forms[-1]) < wanted:
                raise RuntimeError(f"no form exceeds {bound} at u = {u:.4f}, v = {v:.4f}")
            chosen = len(forms) - 1 if _holds(forms[-1], bound, u, v, size) else None
        if chosen is not None:
            cells[path] = chosen
        elif len(path) < depth:
            half = size / 2
            todo += [(path + c, u + half * (c in "13"), v + half * (c in "23"), half) for c in "0123"]
        else:
            raise RuntimeError(f"no form holds on the cell at u = {u:.4f}, v = {v:.4f} of side {size:.4f}")
    used = sorted(set(cells.values()))
    return _forms(
        {
            "format": check_sos.FORMAT,
            "bound": [bound.numerator, bound.denominator],
            "scale": _SCALE,
            "side": [side.numerator, side.denominator],
            "forms": [_written(forms[k]) for k in used],
            "cells": {path: used.index(k) for path, k in sorted(cells.items())},
        }
    )


def _matrix(entries: Array) -> Array:
    """The symmetric matrix with the entries 11, 22, 33, 12, 13, 23."""
    a, b, c, d, e, f = entries
    return np.array([[a, d, e], [d, b, f], [e, f, c]])


def _half_sphere(points: int) -> Array:
    """Points p with z >= 0, and more of them near t = 0, shape (r, 3)."""
    k = np.arange(points**2) + 0.5
    z, angle = k / points**2, np.pi * (1 + np.sqrt(5)) * k
    spread = np.column_stack([z, np.sqrt(1 - z * z) * np.cos(angle), np.sqrt(1 - z * z) * np.sin(angle)])
    plane = np.linspace(-np.pi / 2, np.pi / 2, 8 * points)
    return np.vstack([spread, np.column_stack([np.cos(plane), np.sin(plane), 0 * plane])])


def _row(p: Array) -> Array:
    """The coefficients of P(p), |p| = 1, in the entries of L and Q; also for rows p."""
    z, e, t = np.moveaxis(p, -1, 0)
    square = np.stack([z * z, e * e, t * t, 2 * z * e, 2 * z * t, 2 * e * t], axis=-1)
    return np.concatenate([square, -(z * z)[..., None] * square], axis=-1)


def _search(p: Array, grid: Array) -> Array:
    """A form that is nearly as large as possible at p: linear program with cuts, then whole numbers.

    The twelve entries of L and Q are over the common scale, and tr L is close to one.
    """
    rows, cuts = _row(grid), _row(grid[:: len(grid) // 500])
    conditions = np.zeros((2, 12))
    conditions[:, 6:9] = [[1, 1 / 3, 0], [1, 1 / 3, 1 / 3]]
    trace, limits = [[1.0] * 3 + [0.0] * 9], [(-20.0, 20.0)] * 12
    for _ in range(20):
        lower = -np.vstack([cuts, conditions])
        found = linprog(-_row(p), A_ub=lower, b_ub=np.zeros(len(lower)), A_eq=trace, b_eq=[1], bounds=limits)
        form = np.array(found.x, dtype=np.float64)
        low = rows @ form
        value, vector = np.linalg.eigh(_matrix(form[:6]))
        worst = np.argsort(low)[:60]
        if low[worst[0]] > -1e-5 and value[0] > -1e-6:
            break
        cuts = np.vstack([cuts, rows[worst], np.r_[_row(vector[:, 0])[:6], np.zeros(6)]])
    form[:3] += max(0.0, -low.min(), -value[0]) + _LIFT
    whole = np.round(form / form[:3].sum() * _SCALE)
    whole[7] = max(whole[7], -3 * whole[6])
    whole[8] = max(whole[8], -3 * whole[6] - whole[7])
    return whole


def _fractions(form: Array) -> tuple[list[Fraction], list[Fraction]]:
    """The entries of L and of Q."""
    exact = [Fraction(int(v), _SCALE) for v in form]
    return exact[:6], exact[6:]


def _holds(form: Array, bound: Fraction, u: float, v: float, size: float) -> bool:
    """The checker's exact test of one cell."""
    L, Q = _fractions(form)
    D = check_sos.excess(check_sos.quartic(L, Q), sum(L[:3], Fraction(0)), bound)
    half = Fraction(size) / 2
    return check_sos.positive_on(D, Fraction(u) + half, Fraction(v) + half, half)


def _written(form: Array) -> dict[str, list[int]]:
    """A form with a Gram matrix that reproduces it exactly, in integers."""
    target = check_sos.quartic(*_fractions(form * _SCALE))
    names = [check_sos.exponents(check_sos.PLACES[i] + check_sos.PLACES[j]) for i, j in _PAIRS]
    weight = [1 if i == j else 2 for i, j in _PAIRS]
    monomials = sorted(set(names))
    pairs = list(zip(names, weight, strict=True))
    weights = np.array([[float(w * (name == m)) for name, w in pairs] for m in monomials])
    start = np.linalg.lstsq(weights, np.array([float(target.get(m, 0)) for m in monomials]) / _SCALE)[0]
    gram = [round(float(g) * _SCALE) for g in _central(start, np.linalg.svd(weights)[2][len(monomials) :])]
    for m in monomials:  # the rounding goes into a square where there is one (then the others are even)
        members = [k for k, name in enumerate(names) if name == m]
        chosen = min(members, key=lambda k: weight[k])
        rest = sum(weight[k] * gram[k] for k in members if k != chosen)
        gram[chosen] = (int(target.get(m, 0)) - rest) // weight[chosen]
    whole = [int(v) for v in form]
    return {"L": whole[:6], "Q": whole[6:], "G": gram}


def _central(start: Array, free: Array) -> Array:
    """The entries start + Σ y_k free_k whose matrix has a nearly largest smallest eigenvalue (barrier method)."""

    def matrix(entries: Array) -> Array:
        full = np.zeros((6, 6))
        for (i, j), value in zip(_PAIRS, entries, strict=True):
            full[i, j] = full[j, i] = value
        return full

    base, directions = matrix(start), [*map(matrix, free), np.eye(6)]
    x = np.zeros(len(directions))
    x[-1] = 1.0 - np.linalg.eigvalsh(base)[0]  # base + Σ y N + s I, with s to be made small
    for weight in np.geomspace(1.0, 1e-6, 40):
        for _ in range(8):
            inverse = np.linalg.inv(base + np.tensordot(x, directions, 1))
            products = [inverse @ d for d in directions]
            gradient = -weight * np.array([np.trace(p) for p in products])
            gradient[-1] += 1.0
            hessian = weight * np.array([[np.sum(p * r.T) for r in products] for p in products])
            step = -np.linalg.solve(hessian, gradient)
            length = 1.0
            while np.linalg.eigvalsh(base + np.tensordot(x + length * step, directions, 1))[0] <= 0:
                length /= 2
            x = x + (0.9 if length < 1 else 1.0) * length * step
            if -gradient @ step < 1e-3 * weight:
                break
    return start + x[:-1] @ free
