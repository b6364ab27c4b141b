"""Samples on disk: what reading them costs, how much memory it takes, and what comes out."""

from __future__ import annotations

import contextlib
import tempfile
import time
import tracemalloc
from pathlib import Path

import numpy as np

from l4lib import make_odl, match_atoms, recover_dictionary
from l4lib.data import cubed, fourth_moment, tempered
from l4lib.quartic import project, rank_one_sum
from l4lib.recovery import recover_from_moment, separated


def measured(function):
    """CPU seconds, peak of what numpy allocates, and result of one call."""
    tracemalloc.start()
    start = time.process_time()
    result = function()
    seconds, peak = time.process_time() - start, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {"cpu": seconds, "peak_bytes": peak}, result


@contextlib.contextmanager
def on_disk(A, p, theta, block, *, rng):
    """Samples of A in single precision in a file that is deleted afterwards; yields the mapped array (n, p)."""
    with tempfile.TemporaryDirectory() as folder:
        disk = np.memmap(Path(folder) / "samples.f32", dtype=np.float32, mode="w+", shape=(A.shape[0], p))
        for start in range(0, p, block):
            size = min(block, p - start)
            disk[:, start : start + size] = make_odl(A, size, theta, rng=rng).Y
        disk.flush()
        yield disk


def moments(seed, n=16, m=24, theta=0.1, p=10_000_000, block=1 << 16):
    """Two readings of the file for its moments, and the dictionary from these."""
    rng = np.random.default_rng(seed)
    A = make_odl((n, m), 2, theta, rng=rng).A
    with on_disk(A, p, theta, block, rng=rng) as disk:
        reading, moment = measured(lambda: fourth_moment(disk, block=block, progress=False))
    search, found = measured(lambda: recover_from_moment(moment, m, rng=rng))
    return {"n": n, "m": m, "theta": theta, "p": p, "block": block, "data_bytes": 4 * n * p,
            "reading": reading, "search": search, **_outcome(found, A)}  # fmt: skip


def wide(seed, n=128, m=192, theta=0.1, p=1_000_000, block=1 << 14, part=100_000):
    """The same for many dimensions, where moments are refused: all samples at once, or a part and one reading."""
    rng = np.random.default_rng(seed)
    A = make_odl((n, m), 2, theta, rng=rng).A
    out = {"n": n, "m": m, "theta": theta, "p": p, "block": block, "part": part, "data_bytes": 4 * n * p}
    with on_disk(A, p, theta, block, rng=rng) as disk:
        out["moments"] = _refused(disk, n, p)
        cost, found = measured(lambda: recover_dictionary(disk, m, rng=rng))
        out["all at once"] = cost | _outcome(found, A)
        cost, found = measured(lambda: recover_dictionary(disk[:, :part], m, rng=rng))
        out["a part"] = cost | _outcome(found, A)
        cost, atoms = measured(lambda: _another_reading(disk, found, block))
        out["and one reading"] = cost | {"max_error": float(match_atoms(atoms, A).max_error)}
    return out


def _refused(disk, n, p, some=2048):
    """What the library says to the moments of many dimensions, and what they would cost, from a few samples."""
    try:
        fourth_moment(disk)
        says = None
    except ValueError as problem:
        says = str(problem)
    d, seconds = n * (n + 1) // 2, []
    for k in (1, 3):
        cost, _ = measured(lambda k=k: rank_one_sum(np.asarray(disk[:, : k * some]), 1.0))
        seconds.append(cost["cpu"])
    return {"says": says, "matrix_bytes": 8 * d * d, "samples": [some, 3 * some], "cpu": seconds,
            "cpu, extrapolated": (seconds[1] - seconds[0]) * p / (2 * some)}  # fmt: skip


def _another_reading(disk, found, block):
    """All atoms separated on all samples, which are read once, in the coordinates of the part."""
    W = found.whitening.W.astype(np.float32)
    points = project(found.whitening.W @ found.A)
    cubes, scale = np.zeros(points.shape), 0.0
    for start in range(0, disk.shape[1], block):
        v = tempered(W @ (disk[:, start : start + block] - found.mean.astype(np.float32)[:, None]))
        squares = np.einsum("ij,ij->j", v, v).astype(np.float64)
        cubes += cubed(np.ascontiguousarray(v.T), points)
        scale += float(squares @ squares)
    return project(found.whitening.inverse @ separated(cubes / scale, points).A)


def _outcome(found, A):
    right = found.A.shape[1] == A.shape[1]
    error = float(match_atoms(found.A, A).max_error) if right else 1.0
    return {"complete": bool(found.complete), "max_error": error}
