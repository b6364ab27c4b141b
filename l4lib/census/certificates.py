r"""From a census to a machine-checked theorem about one dictionary.

A census lists (3ⁿ − 1)/2 numerical solutions.
:func:`certify` refines them to many digits and writes down what :mod:`l4lib.census.check_certificate` needs to prove,
in ball arithmetic and without the tracker, that these are all critical lines of φ_T for the exact binary64 matrix A,
which of them are real, and their Morse indices (claim ``certificate-complete``).
Nothing here has to be trusted: whatever goes wrong, the checker rejects.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from l4lib.census.enumeration import census
from l4lib.census.result import Census
from l4lib.validate import Array, as_count, as_dictionary, as_rng

if TYPE_CHECKING:
    import pandas as pd

    from l4lib.census.check_certificate import Verdict

__all__ = ["Certificate", "certify", "load_certificate", "stored_certificates"]

_MOST_BITS = 4000
"""What the checker takes."""


def _checker() -> Any:
    try:
        from l4lib.census import check_certificate
    except ImportError:
        raise ImportError("certificates need ball arithmetic: pip install python-flint") from None
    return check_certificate


@dataclass(frozen=True)
class Certificate:
    """A checked certificate.

    Attributes
    ----------
    document : dict
        What is stored: the matrix (binary64, hexadecimal) and, if its atoms are far from unit length, the power of
        two by which they are divided; the chart c; and for each solution its centre as integers in units of 2^−bits,
        for a real one also its Morse index, and for a local minimiser its nearest atom.
    verdict : Verdict
        What the checker has proved.
    """

    document: dict[str, Any]
    verdict: Verdict

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the document as JSON."""
        target = Path(path)
        target.write_text(json.dumps(self.document, separators=(",", ":")) + "\n", encoding="utf-8")
        return target

    def to_frame(self) -> pd.DataFrame:
        """The pairs ±q of critical points by Morse index."""
        import pandas as pd

        counts = self.verdict.by_index
        return pd.DataFrame({"Morse index": range(len(counts)), "pairs": counts})


def certify(A: ArrayLike, *, rng: np.random.Generator, bits: int = 96, max_paths: int = 2000) -> Certificate:
    """Prove what all critical points of φ_T are, for one dictionary.

    Parameters
    ----------
    A : array_like, shape (n, m)
        The dictionary; the theorem is about these very floating-point numbers.
    rng : numpy.random.Generator
        For the census and the chart; the theorem does not depend on it.
    bits : int
        Precision of the stored centres, 64 to 4000; the checker computes with twice as many.
    max_paths : int
        Refuse when (3ⁿ − 1)/2 exceeds this.

    Returns
    -------
    Certificate

    Raises
    ------
    TypeError, ValueError
        If A is not a dictionary, does not span R^n or n is too large (the message has the count that would be needed).
    l4lib.census.IncompleteCensusError
        If the census is not complete: degenerate points or continua cannot be certified.
    l4lib.census.check_certificate.Rejected
        If the proof does not go through.
    ImportError
        If python-flint is missing.

    Examples
    --------
    >>> import numpy as np
    >>> proof = certify(np.eye(2), rng=np.random.default_rng(0))
    >>> proof.verdict.by_index, proof.verdict.benign
    ((2, 2), True)
    """
    check = _checker()
    A, rng, bits = as_dictionary(A), as_rng(rng), as_count(bits, "bits", minimum=64)
    if bits > _MOST_BITS:
        raise ValueError(f"bits: expected at most {_MOST_BITS}, got {bits}")
    found = census(A, rng=rng, max_paths=max_paths, progress=False).require_complete()
    patch = _chart(found, rng)
    radius = bits - 16
    document: dict[str, Any] = {
        "format": check.FORMAT,
        "bits": bits,
        "radius": radius,
        "A": [[float(a).hex() for a in row] for row in A],
        "patch": patch,
        "rows": [],
    }
    exponent = round(float(np.log2(np.linalg.norm(A, axis=0).max())))
    if exponent:
        document["scale"] = exponent
    system, scaled = check.System(document), np.ldexp(A, -exponent)
    precision = check.ctx.prec
    try:
        check.ctx.prec = 2 * bits
        document["rows"] = [_row(system, check, q, lam, radius) for q, lam in _starts(found, scaled, patch)]
    finally:
        check.ctx.prec = precision
    _name_real_points(document, found)
    document["digest"] = check.digest(document)
    return Certificate(document=document, verdict=check.check(document))


def load_certificate(path: str | os.PathLike[str]) -> Certificate:
    """Read a certificate and check it again.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file or it is not JSON.
    l4lib.census.check_certificate.Rejected
        If the checker rejects it, or a key of the file stands twice.
    """
    check = _checker()
    document = check.read(path)
    return Certificate(document=document, verdict=check.check(document))


def stored_certificates() -> dict[str, Path]:
    """The certificates that come with the library: name and file, which :func:`load_certificate` checks.

    Examples
    --------
    >>> sorted(stored_certificates())[0]
    'benign_3x4'
    """
    return {path.stem: path for path in sorted((Path(__file__).parent / "stored").glob("*.json"))}


def _chart(found: Census, rng: np.random.Generator) -> list[int]:
    """A small integer vector c whose hyperplane cᵀq = 0 stays away from all solutions."""
    units = found.solutions / np.linalg.norm(found.solutions, axis=0)
    trials = rng.integers(-99, 100, (400, found.n))
    best = np.abs(trials @ units).min(axis=1) / np.maximum(np.linalg.norm(trials, axis=1), 1e-9)
    return [int(c) for c in trials[best.argmax()]]


def _starts(found: Census, A: Array, patch: list[int]) -> list[tuple[np.ndarray, complex]]:
    """The solutions in the chart: (q, λ) with cᵀq = 1 and Σ (a_iᵀq)³ a_i = λq, the atoms about as long as one."""
    rows = []
    for column in range(found.found):
        q = found.solutions[:, column]
        q = q / (np.array(patch) @ q)
        z = A.T @ q
        rows.append((q, complex(np.vdot(q, A @ (z * z * z)) / np.vdot(q, q))))
    return rows


def _row(system: Any, check: Any, q: np.ndarray, lam: complex, radius: int) -> dict[str, Any]:
    """Newton's method from a numerical solution to the stored precision."""
    n, bits = system.n, system.bits
    x = [check.acb(complex(v)) for v in [*q, lam]]
    for _ in range(4 + bits // 24):
        value, jacobian = system.at(x)
        step = jacobian.mid().inv().mid() * value.mid()
        x = [(x[i] - step[i, 0]).mid() for i in range(n + 1)]
    re = [_nearest(v.real, check, bits) for v in x]
    im = [_nearest(v.imag, check, bits) for v in x]
    row: dict[str, Any] = {"re": [format(v, "x") for v in re]}
    if max(map(abs, im)) > 2 ** (bits - radius):
        row["im"] = [format(v, "x") for v in im]
    return row


def _nearest(value: Any, check: Any, bits: int) -> int:
    """The integer nearest to 2^bits times an exact number."""
    return int((value * check.arb(2) ** bits + 0.5).floor().unique_fmpz())


def _name_real_points(document: dict[str, Any], found: Census) -> None:
    """Write the Morse index of each real row, and the nearest atom of a local minimiser, from the census."""
    lengths = np.linalg.norm(found.A, axis=0)
    for row in document["rows"]:
        if "im" in row:
            continue
        q = np.array([int(t, 16) / 2 ** document["bits"] for t in row["re"][:-1]])
        nearest = int(np.argmax(np.abs((q / np.linalg.norm(q)) @ found.points)))
        row["index"] = int(found.index[nearest])
        near = np.append(np.abs((found.A / lengths).T @ q), 0.0)
        if row["index"] == 0 and np.ptp(np.sort(near)[-2:]) > 1e-6 * np.linalg.norm(q):
            row["atom"] = int(found.nearest_atom[nearest])  # and none where two atoms are equally near
