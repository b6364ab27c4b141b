"""Check the sum-of-squares theorem: ``python -m l4lib.census.check_sos FILE``, or run this file by itself.

To be trusted are this file and Python's integers; nothing is imported but the standard library, nothing is rounded.

A form is P(p) = |p|² pᵀLp − z² pᵀQp in p = (z, e, t), with symmetric L and Q of order three, given by their entries
(11, 22, 33, 12, 13, 23) as integers over one common scale.  The file is accepted if, for every form,

* P = wᵀGw identically, w = (z², e², t², ze, zt, et), with a positive definite G of order six;
* L is positive definite, Q₁₁ + Q₂₂/3 ≥ 0 and Q₁₁ + (Q₂₂ + Q₃₃)/3 ≥ 0;

and if every point p = (1, u, v) with u, v ≥ 0 and u² + v² ≤ (B−1)/(3−B) lies in a cell on which the form named there
satisfies P(p) > B·tr(L)·|p|⁴.  Cells are the leaves of a quadtree over the square [0, side]².
"""

from __future__ import annotations

import json
import sys
from fractions import Fraction
from math import comb
from typing import Any

FORMAT = "l4lib sum of squares 1"
PLACES = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
SQUARES = ((2, 0, 0), (0, 2, 0), (0, 0, 2))
Polynomial = dict[tuple[int, ...], Fraction]


class Rejected(Exception):
    """The file proves nothing; the message says where it fails."""


def add(polynomial: Polynomial, powers: tuple[int, ...], value: Fraction) -> None:
    """Add a monomial."""
    polynomial[powers] = polynomial.get(powers, Fraction(0)) + value


def exponents(place: tuple[int, ...]) -> tuple[int, ...]:
    """The powers of (z, e, t) in the product of two of them."""
    return tuple(place.count(k) for k in range(3))


def quartic(L: list[Fraction], Q: list[Fraction]) -> Polynomial:
    """The coefficients of |p|² pᵀLp − z² pᵀQp."""
    P: Polynomial = {}
    for place, a, b in zip(PLACES, L, Q, strict=True):
        twice = 1 if place[0] == place[1] else 2
        for square in SQUARES:
            add(P, tuple(map(sum, zip(exponents(place), square, strict=True))), twice * a)
        add(P, tuple(map(sum, zip(exponents(place), SQUARES[0], strict=True))), -twice * b)
    return P


def positive_definite(matrix: list[list[Fraction]]) -> bool:
    """Whether all pivots of symmetric elimination are positive."""
    rest = [row[:] for row in matrix]
    while rest:
        if rest[0][0] <= 0:
            return False
        rest = [[row[j] - row[0] * rest[0][j] / rest[0][0] for j in range(1, len(row))] for row in rest[1:]]
    return True


def symmetric(entries: list[Fraction], places: list[tuple[int, int]], order: int) -> list[list[Fraction]]:
    """The symmetric matrix with these entries at these places."""
    matrix = [[Fraction(0)] * order for _ in range(order)]
    for (i, j), value in zip(places, entries, strict=True):
        matrix[i][j] = matrix[j][i] = value
    return matrix


def check_form(form: dict[str, list[Fraction]]) -> Polynomial:
    """The coefficients of P, once it is a sum of squares and L and Q are as required."""
    L, Q, gram = form["L"], form["Q"], form["G"]
    P, squares = quartic(L, Q), dict.fromkeys(quartic(L, Q), Fraction(0))
    places = [(i, j) for i in range(6) for j in range(i, 6)]
    for (i, j), value in zip(places, gram, strict=True):
        powers = exponents(PLACES[i] + PLACES[j])
        add(squares, powers, value if i == j else 2 * value)
    if {k: v for k, v in P.items() if v} != {k: v for k, v in squares.items() if v}:
        raise Rejected("the Gram matrix does not reproduce the form")
    if not (positive_definite(symmetric(gram, places, 6)) and positive_definite(symmetric(L, list(PLACES), 3))):
        raise Rejected("a matrix is not positive definite")
    if Q[0] + Q[1] / 3 < 0 or Q[0] + (Q[1] + Q[2]) / 3 < 0:
        raise Rejected("the conditions on Q fail")
    return P


def excess(P: Polynomial, trace: Fraction, bound: Fraction) -> Polynomial:
    """P(1, u, v) − B tr(L) (1 + u² + v²)² as a polynomial in (u, v)."""
    D: Polynomial = {}
    for (_, i, j), value in P.items():
        add(D, (i, j), value)
    for first in SQUARES:
        for second in SQUARES:
            add(D, (first[1] + second[1], first[2] + second[2]), -bound * trace)
    return D


def positive_on(D: Polynomial, u: Fraction, v: Fraction, half: Fraction) -> bool:
    """Whether D > 0 on the square around (u, v): the value there exceeds the sum of all other Taylor terms."""
    lower = Fraction(0)
    taylor: Polynomial = {}
    for (i, j), value in D.items():
        for a in range(i + 1):
            for b in range(j + 1):
                add(taylor, (a, b), value * comb(i, a) * comb(j, b) * u ** (i - a) * v ** (j - b))
    for (a, b), value in taylor.items():
        lower += value if a == b == 0 else -abs(value) * half ** (a + b)
    return lower > 0


def check_cover(excesses: list[Polynomial], cells: dict[str, int], side: Fraction, radius2: Fraction) -> None:
    """Whether the cells, named by the quarters 0 to 3 that lead to them, cover the quarter disc."""
    inner = {path[:k] for path in cells for k in range(len(path))}
    unused, todo = set(cells), [""]
    while todo:
        path = todo.pop()
        size = side / 2 ** len(path)
        u = sum((side / 2**k for k, c in enumerate(path, 1) if c in "13"), Fraction(0))
        v = sum((side / 2**k for k, c in enumerate(path, 1) if c in "23"), Fraction(0))
        if u * u + v * v > radius2:
            continue
        if path in cells:
            unused.discard(path)
            if not positive_on(excesses[cells[path]], u + size / 2, v + size / 2, size / 2):
                raise Rejected(f"cell {path!r}: the form is not large enough on it")
        elif path in inner:
            todo += [path + c for c in "0123"]
        else:
            raise Rejected(f"cell {path!r} is missing")
    if unused or inner & set(cells):
        raise Rejected("a cell is of no use or lies in another one")


def integers(values: Any, length: int) -> list[int]:
    """A list of exactly so many whole numbers."""
    if not (isinstance(values, list) and len(values) == length and all(type(v) is int for v in values)):
        raise Rejected(f"expected a list of {length} integers")
    return values


def check(document: dict[str, Any]) -> dict[str, Any]:
    """The bound that is proved, and how many forms and cells the proof has; or reject."""
    try:
        if set(document) != {"format", "bound", "scale", "side", "forms", "cells"} or document["format"] != FORMAT:
            raise Rejected(f"this is not a file of the format {FORMAT!r}")
        bound, side = Fraction(*integers(document["bound"], 2)), Fraction(*integers(document["side"], 2))
        (scale,) = integers([document["scale"]], 1)
        radius2 = (bound - 1) / (3 - bound)
        if not (1 < bound < 3 and side > 0 and side * side >= radius2 and scale > 0):
            raise Rejected("the bound, the side of the square or the scale is out of range")
        excesses = []
        for form in document["forms"]:
            if set(form) != {"L", "Q", "G"}:
                raise Rejected("a form consists of L, Q and G")
            parts = {k: [Fraction(v, scale) for v in integers(form[k], {"G": 21}.get(k, 6))] for k in form}
            excesses.append(excess(check_form(parts), sum(parts["L"][:3], Fraction(0)), bound))
        cells = document["cells"]
        if not all(set(p) <= set("0123") and type(k) is int and 0 <= k < len(excesses) for p, k in cells.items()):
            raise Rejected("a cell has no such name or names no form")
        check_cover(excesses, cells, side, radius2)
        return {"bound": str(bound), "forms": len(excesses), "cells": len(cells)}
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError) as problem:
        raise Rejected(f"malformed file: {problem!r}") from problem


def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object none of whose names occurs twice."""
    if len({name for name, _ in pairs}) < len(pairs):
        raise Rejected("a name occurs twice in one object")
    return dict(pairs)


def load(text: str) -> dict[str, Any]:
    """The document in a text."""
    document: dict[str, Any] = json.loads(text, object_pairs_hook=no_duplicates)
    return document


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.stderr.write("usage: python check_sos.py FILE...\n")
        sys.exit(2)
    for name in sys.argv[1:]:
        try:
            with open(name, encoding="utf-8") as file:
                sys.stdout.write(f"{name}: verified, {check(load(file.read()))}\n")
        except (Rejected, OSError, ValueError) as reason:
            sys.exit(f"{name}: rejected, {reason}")
