"""Exact tensors against the peers: ``python benchmarks/tensors.py`` writes tensors.json, cell by cell.

Peers are optional; one that cannot be imported is recorded as such.
The subspace power method is its authors' Python, ``SPM.py`` of github.com/joaompereira/SPM, if that folder is on the
path; ``--spm`` says which version it is.
Times are CPU seconds of one process with one BLAS thread; a run that is interrupted goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from l4lib.quartic import SymmetricQuartic, project, random_points
from l4lib.recovery import decompose

RESULTS = Path(__file__).parents[1] / "l4lib" / "experiments" / "benchmarks" / "tensors.json"
SIZES = ((20, 60), (20, 120), (20, 190), (32, 48), (32, 200), (32, 400), (32, 480), (40, 600))
SEEDS = range(5000, 5012)
LIMIT = 5.0
"""Seconds after which a peer gets no further seed at one size; restarts give up then."""
LARGEST = {"tensorly, alternating least squares": 120}
"""The most atoms that a method is tried on, where more would take many minutes."""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


def problem(n, m, seed):
    """Random unit atoms and their tensor."""
    A = random_points(n, m, rng=np.random.default_rng(seed))
    pairs = np.einsum("ai,bi->abi", A, A).reshape(n * n, m)
    return A, (pairs @ pairs.T).reshape(n, n, n, n)


def ours(T, m, seed):
    """The rank given, as for the peers."""
    return decompose(T, m, rng=np.random.default_rng(seed)).A


def ours_unknown(T, m, seed):
    """The rank found."""
    return decompose(T, rng=np.random.default_rng(seed)).A


def spm(T, m, seed):
    """The authors' Python; it draws its own random numbers."""
    from SPM import subspace_power_method

    return subspace_power_method(T, r=m)[0]


def tensorly_als(T, m, seed):
    """Alternating least squares, which does not know that the tensor is symmetric."""
    from tensorly.decomposition import parafac

    result = parafac(T, m, n_iter_max=200, init="random", tol=1e-10, random_state=seed)
    return project(np.asarray(result.factors[0]))


def restarts(T, m, seed):
    """The library's older route: the power map on the whole span from ever more random points."""
    from l4lib.recovery import AtomSubspace

    n = T.shape[0]
    i, j = np.triu_indices(n)
    weight = np.where(i == j, 1.0, np.sqrt(2.0))
    flat = i * n + j
    D = T.reshape(n * n, n * n)[np.ix_(flat, flat)] * weight * weight[:, None]
    span = AtomSubspace(SymmetricQuartic(n, D), m)
    rng, found, start = np.random.default_rng(seed), np.empty((n, 0)), time.process_time()
    while found.shape[1] < m and time.process_time() - start < LIMIT:
        points, values, settled = span.maximise(random_points(n, 2 * m, rng=rng), tol=1e-9, max_iterations=300)
        for q in points[:, settled & (values > 1 - 1e-12)].T:
            if not found.shape[1] or np.abs(found.T @ q).max() < 1 - 1e-6:
                found = np.hstack([found, q[:, None]])
    return found


METHODS = {
    "decompose": ours,
    "decompose, rank not given": ours_unknown,
    "subspace power method": spm,
    "restarts on the span": restarts,
    "tensorly, alternating least squares": tensorly_als,
}


def missing(A, found):
    """How many atoms have nothing within a sine of 1e-6."""
    if not found.shape[1]:
        return A.shape[1]
    C = found.T @ A
    nearest = found[:, np.abs(C).argmax(axis=0)]
    sine = np.linalg.norm(A - nearest * np.sum(nearest * A, axis=0), axis=0)
    return int(np.count_nonzero(~(sine <= 1e-6)))


def cell(method, n, m, seeds):
    """One method at one size: seconds and missing atoms for each seed, until the limit."""
    row = {"method": method, "n": n, "m": m, "seeds": [], "seconds": [], "missing": [], "error": None}
    for seed in seeds:
        A, T = problem(n, m, seed)
        start = time.process_time()
        try:
            found = METHODS[method](T, m, seed)
        except ImportError as absent:
            return row | {"error": f"not installed: {absent.name}"}
        except Exception as failure:  # a peer that fails is reported, it does not end the benchmark
            return row | {"error": f"{type(failure).__name__}: {failure}"[:200]}
        row["seconds"].append(time.process_time() - start)
        row["missing"].append(missing(A, found))
        row["seeds"].append(seed)
        if sum(row["seconds"]) > LIMIT and method != "decompose":
            break
    return row


def kernel():
    """Which BLAS kernels run, if threadpoolctl is there to tell."""
    try:
        import threadpoolctl
    except ImportError:
        return "not recorded: threadpoolctl is not installed"
    return sorted(
        {f"{x['internal_api']} {x['version']} {x.get('architecture')}" for x in threadpoolctl.threadpool_info()}
    )


def main():
    """Run what is missing in the record, and write it after every cell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spm", default="version not named", help="which version of SPM.py is on the path")
    parser.add_argument("--fresh", action="store_true", help="forget the record")
    options = parser.parse_args()
    clean = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"} | ONE_THREAD
    if clean != dict(os.environ):
        os.execve(sys.executable, [sys.executable, *sys.argv], clean)
    record = {} if options.fresh or not RESULTS.exists() else json.loads(RESULTS.read_text(encoding="utf-8"))
    versions = {"python": platform.python_version(), "subspace power method": options.spm}
    for package in ("numpy", "scipy", "tensorly", "numba"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    record |= {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, one BLAS thread",
        "blas": kernel(),
        "versions": versions,
        "seeds": [SEEDS.start, SEEDS.stop - 1],
        "sine": 1e-6,
    }
    rows = record.setdefault("rows", [])
    done = {(row["method"], row["n"], row["m"]) for row in rows}
    for method in METHODS:  # compilation and first calls are no part of the times
        cell(method, 6, 8, [0])
    for n, m in SIZES:
        for method in METHODS:
            if (method, n, m) in done or m > LARGEST.get(method, m):
                continue
            row = cell(method, n, m, SEEDS)
            rows.append(row)
            RESULTS.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
            took = f"{np.median(row['seconds']):.4f} s" if row["seconds"] else row["error"]
            sys.stdout.write(f"{n:3d} {m:4d}  {method:36s} {took}  missing {row['missing']}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
