"""Check a certificate of all critical lines of a quartic: ``python check_certificate.py FILE...``.

To be trusted are this file and python-flint, whose balls contain the exact results; nothing of l4lib is imported.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
import sys
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np  # for guesses of eigenvectors only, nothing proved depends on it

try:
    from flint import acb, acb_mat, arb, ctx
except ImportError:
    missing = "certificates need ball arithmetic: pip install python-flint"
    sys.exit(missing) if __name__ == "__main__" else None
    raise ImportError(missing) from None

FORMAT = "l4lib certificate 1"


class Rejected(Exception):
    """The certificate proves nothing; the message says where it fails."""


@dataclass(frozen=True)
class Verdict:
    """Proved: eigenvector lines, real ones by index, bounds at the minimisers, least curvature elsewhere, benignity.

    ``matrix`` is the SHA-256 of A itself, as binary64 in little-endian order row by row, and tells what it is about.
    """

    n: int
    m: int
    solutions: int
    real: int
    by_index: tuple[int, ...]
    convexity: float
    escape: float
    correlation: float
    benign: bool
    matrix: str


def digest(document: dict[str, Any]) -> str:
    """SHA-256 of all but the field "digest"."""
    rest = json.dumps({key: value for key, value in document.items() if key != "digest"}, sort_keys=True)
    return hashlib.sha256(rest.encode()).hexdigest()


def read(path: Any) -> Any:
    """The document in a file; a key that stands twice is refused, as readers need not agree on which value counts."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise Rejected(f"a key stands twice among {sorted(key for key, _ in pairs)}")
        return dict(pairs)

    with open(path, encoding="utf-8") as file:
        return json.load(file, object_pairs_hook=once)


def exact(text: str) -> float:
    """The number that a text of :meth:`float.hex` stands for; any other text might stand for one that is rounded."""
    value = float.fromhex(text)
    if value.hex() != text or not math.isfinite(value):
        raise Rejected(f"{text} is not the hexadecimal form of a binary64 number")
    return value


def below(*balls: Any) -> float:
    """A float below all members of all the balls."""
    return min((math.nextafter(float(ball.lower()), -math.inf) for ball in balls), default=math.inf)


class System:
    """G(q, λ) = (Σ (a_iᵀq)³ a_i − λq, cᵀq − 1) for the exact binary matrix A/2^k and the integers c, k of a document.

    The critical points of A and A/2^k are the same, and 2^4k turns the curvatures of the one into those of the other.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        rows, k = [[exact(a) for a in row] for row in document["A"]], document.get("scale", 0)
        self.n, self.m, self.c, self.bits = len(rows), len(rows[0]), document["patch"], document["bits"]
        shape = document["format"] == FORMAT and {len(row) for row in rows} == {self.m} and len(self.c) == self.n >= 1
        whole = {type(v) for v in [*self.c, self.bits, document["radius"], k]} == {int}
        if not (shape and whole and 32 <= document["radius"] < self.bits <= 4000 and abs(k) <= 1100):
            raise Rejected(f"the header does not describe a certificate of the format {FORMAT!r}")
        self.unit, self.r, self.power = arb(2) ** -self.bits, arb(2) ** -document["radius"], arb(2) ** (4 * k)
        ctx.prec = 2 * self.bits
        self.A = acb_mat([[acb(a) * arb(2) ** -k for a in row] for row in rows])  # exact, as is a power of two
        self.At, self.matrix = self.A.transpose(), b"".join(struct.pack("<d", a) for row in rows for a in row)

    def weighted(self, q: Any) -> Any:
        """M(q) = 3A diag(ζ²)Aᵀ with ζ = Aᵀq, so that Σ ζ_i³ a_i = M(q)q/3 has the Jacobian M(q)."""
        zeta = (self.At * q).entries()
        return self.A * acb_mat([[3 * z * z * self.At[i, j] for j in range(self.n)] for i, z in enumerate(zeta)])

    def at(self, x: list[Any]) -> tuple[Any, Any]:
        """G as a column, and its Jacobian [[M(q) − λI, −q], [cᵀ, 0]], at x = (q, λ)."""
        n, q = self.n, acb_mat(self.n, 1, x[: self.n])
        M, patch = self.weighted(q), sum((self.c[i] * x[i] for i in range(n)), acb(-1))
        rows = [[M[i, j] - (x[n] if i == j else 0) for j in range(n)] + [-x[i]] for i in range(n)]
        value = acb_mat(n + 1, 1, [(M * q)[i, 0] / 3 - x[n] * x[i] for i in range(n)] + [patch])
        return value, acb_mat([*rows, [*map(acb, self.c), acb(0)]])

    def contracts(self, centre: list[Any]) -> bool:
        """Krawczyk's test: whether x − YG(x) contracts the polydisc of radius r around the centre into itself."""
        value, J = self.at(centre)
        Y, size = J.mid().inv().mid(), range(self.n + 1)
        E = Y * self.at([x + acb(arb(0, 1) * self.r, arb(0, 1) * self.r) for x in centre])[1]
        rates = [sum((abs(E[i, j] - (i == j)) for j in size), arb(0)) for i in size]
        return all(k < 1 and abs(s) + k * self.r < self.r for k, s in zip(rates, (Y * value).entries(), strict=True))

    def real_point(self, centre: list[Any]) -> tuple[int, float, list[Any]]:
        """Morse index, curvature bound (see :class:`Verdict`) and the |correlations| with all atoms."""
        box = [x.real + arb(0, 1) * self.r for x in centre]
        q, lam, M = box[: self.n], box[self.n], self.weighted(acb_mat(self.n, 1, box[: self.n]))
        norm2, size = sum((x * x for x in q), arb(0)), range(self.n)
        S = acb_mat([[((lam if i == j else 0) - M[i, j].real) / norm2 for j in size] for i in size])
        V = acb_mat(np.linalg.eigh([[float(S[i, j].real.mid()) for j in size] for i in size])[1].tolist())
        W = V.inv() * S * V  # similar to S and nearly diagonal, whatever V is
        rho = max((sum((abs(W[i, j]) for j in size if j != i), arb(0)).upper() for i in size), key=float)
        values = sorted((W[i, i].real + arb(0, 1) * (2 * self.n * rho) for i in size), key=lambda v: float(v.mid()))
        negative = sum(bool(v < 0) for v in values)
        if not lam > 0 or negative + sum(bool(v > 0) for v in values) != self.n:
            raise Rejected("an eigenvalue of the Hessian cannot be told from zero")
        values = [v * self.power for v in values]
        bound = below(*values[1:]) if negative == 1 else -below(-values[0], -values[1])
        lengths = [sum((self.A[j, i].real ** 2 for j in size), arb(0)) for i in range(self.m)]
        zeta = (self.At * acb_mat(self.n, 1, q)).entries()
        return negative - 1, bound, [abs(z.real) / (v * norm2).sqrt() for z, v in zip(zeta, lengths, strict=True)]


def check(document: dict[str, Any]) -> Verdict:
    """Prove that the rows hold all eigenvector lines, (3ⁿ−1)/2 simple ones, and the :class:`Verdict`; or reject."""
    precision = ctx.prec
    try:
        if document["digest"] != digest(document):
            raise Rejected("the digest does not fit: the file has been altered")
        S, rows, boxes, real = System(document), document["rows"], [], []
        if len(rows) != (3**S.n - 1) // 2:
            raise Rejected(f"{len(rows)} rows where (3^{S.n} - 1)/2 = {(3**S.n - 1) // 2} solutions exist")
        width = 2 ** (S.bits - document["radius"])
        for k, row in enumerate(rows):
            re, im = [int(t, 16) for t in row["re"]], [int(t, 16) for t in row.get("im", ["0"] * (S.n + 1))]
            if len(re) != S.n + 1 or len(im) != S.n + 1 or ("im" in row) != (max(map(abs, im)) > width):
                raise Rejected(f"row {k}: the centre has the wrong length, or is neither real nor off the real points")
            boxes.append(re + im)
            centre = [acb(a * S.unit, b * S.unit) for a, b in zip(re, im, strict=True)]
            if not S.contracts(centre):
                raise Rejected(f"row {k}: Krawczyk's test fails, so that the box need not hold exactly one solution")
            if "im" not in row:
                (index, bound, near), atom = S.real_point(centre), row.get("atom")  # no atom, no claim about one
                rivals = [c for i, c in enumerate(near) if i != atom]
                if index != row["index"] or (atom is not None and not all(near[atom] > c for c in rivals)):
                    raise Rejected(f"row {k}: the Morse index is not {row['index']}, or atom {atom} is not the nearest")
                real.append((index, bound, max(map(below, near)), atom))
        for (j, first), (k, second) in combinations(enumerate(boxes), 2):
            if all(abs(a - b) <= 2 * width for a, b in zip(first, second, strict=True)):
                raise Rejected(f"rows {j} and {k}: the boxes meet, so that they may hold the same solution")
        wells, counts = [p for p in real if p[0] == 0], tuple(sum(p[0] == i for p in real) for i in range(S.n))
        convexity, correlation = min(p[1] for p in wells), min(p[2] for p in wells)  # the maximum of α is a well
        escape = max((p[1] for p in real if p[0] > 0), default=-math.inf)
        benign = {p[3] for p in wells} == set(range(S.m)) and len(wells) == S.m
        matrix = hashlib.sha256(S.matrix).hexdigest()
        return Verdict(S.n, S.m, len(rows), len(real), counts, convexity, escape, correlation, benign, matrix)
    except (KeyError, TypeError, ValueError, ArithmeticError, IndexError, AttributeError) as problem:
        raise Rejected(f"malformed certificate: {problem!r}") from problem
    finally:
        ctx.prec = precision


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.stderr.write("usage: python check_certificate.py FILE...\n")
        sys.exit(2)
    for name in sys.argv[1:]:
        try:
            sys.stdout.write(f"{name}: verified, {check(read(name))}\n")
        except (Rejected, OSError, ValueError, RecursionError) as reason:
            sys.exit(f"{name}: rejected, {reason}")
