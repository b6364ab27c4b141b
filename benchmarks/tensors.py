"""Exact tensors against the peers: ``python benchmarks/tensors.py --spm FOLDER`` writes tensors.json, cell by cell.

FOLDER is a clone of github.com/joaompereira/SPM.  From it come the subspace power method of its authors, as published
and with one line corrected (in Python), and once more with FOOBI in MATLAB, which Octave runs; nothing of it is copied.
Peers are optional; one that is absent is recorded as such and tried again the next time.
Times are CPU seconds of one process with one BLAS thread, in Octave those between two calls of ``cputime``.
A run that is interrupted goes on where it stopped; ``--quick`` has three seeds and four sizes (about two minutes).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import types
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from scipy.io import loadmat, savemat

from l4lib.quartic import SymmetricQuartic, project, random_points
from l4lib.recovery import decompose

RESULTS = Path(__file__).parents[1] / "l4lib" / "experiments" / "benchmarks" / "tensors.json"
SIZES = ((20, 60), (20, 120), (20, 190), (32, 48), (32, 200), (32, 400), (32, 480), (40, 600))
QUICK = ((20, 60), (20, 120), (32, 48), (32, 200))
SEEDS = range(5000, 5012)
LIMIT = 5.0
"""Seconds after which a peer gets no further seed at one size; restarts give up then."""
LARGEST = {"FOOBI": 60, "tensorly, alternating least squares": 120}
"""The most atoms that a method is tried on: more would take many minutes, and gigabytes for FOOBI."""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
CORRECTED = (r"if k:", "if k < r - 1:")
"""As published the first atom is never removed, so that it can be found again and another one is missed."""
NUMPY_2 = (r"1\. / \(alpha\.T @ D1alpha\)", "1. / (alpha.T @ D1alpha).item()")
OCTAVE = (r"'smallestabs'", "'sm'")
"""The same option of ``eigs`` under the name that Octave 7 knows."""


class Absent(Exception):
    """A peer that is not on this machine."""


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


def changed(path, *changes):
    """The text of a file in which each pattern occurs once and is replaced."""
    if not path.exists():
        raise Absent(f"no {path.name}")
    text = path.read_text(encoding="utf-8")
    for pattern, replacement in changes:
        text, count = re.subn(pattern, replacement, text)
        if count != 1:
            raise ValueError(f"{path.name}: expected {pattern} once, found it {count} times")
    return text


def spm(folder, *changes):
    """The authors' Python, with these changes; it draws its own random numbers, which numba keeps."""

    def run(T, m, seed, loaded=[]):  # noqa: B006 - the module is compiled once
        if not loaded:
            text = changed(folder / "python" / "SPM.py", NUMPY_2, *changes)
            sys.path.insert(0, str(folder / "python"))
            module = types.ModuleType("SPM")
            exec(compile(text, "SPM.py", "exec"), module.__dict__)
            loaded.append(module.subspace_power_method)
        return loaded[0](T, r=m)[0]

    return run


def octave(folder, source, call, *changes):
    """A function of the authors' MATLAB folder in Octave: atoms, and the CPU seconds of the second call."""

    def run(T, m, seed):
        program = shutil.which("octave-cli") or shutil.which("octave")
        if program is None:
            raise Absent("no Octave")
        text = changed(folder / "MATLAB" / source, *changes)
        with tempfile.TemporaryDirectory() as scratch:
            here = Path(scratch)
            (here / Path(source).name).write_text(text, encoding="utf-8")
            small = problem(5, 6, 0)[1]
            savemat(here / "in.mat", {"T": T, "L": T.shape[0], "R": m, "S": small, "seed": seed})
            script = (
                f"addpath('{folder / 'MATLAB' / 'helper_functions'}'); addpath('{here}'); load('in.mat');"
                "T0 = T; L0 = double(L); R0 = double(R); rand('state', seed); randn('state', seed);"
                f"T = S; L = 5; R = 6; {call}; T = T0; L = L0; R = R0;"
                f"t = cputime; {call}; t = cputime - t; save('-v6', 'out.mat', 'A', 't');"
            )
            command = [program, "--quiet", "--no-gui", "--eval", script]
            done = subprocess.run(command, check=False, cwd=here, capture_output=True, text=True, timeout=600)
            if not (here / "out.mat").exists():
                raise RuntimeError(" ".join(done.stderr.split())[:150])
            out = loadmat(here / "out.mat")
        return project(np.asarray(out["A"], dtype=float)), float(out["t"].item())

    return run


def peers(folder):
    """Every method by name."""
    return {
        "decompose": ours,
        "decompose, rank not given": ours_unknown,
        "subspace power method": spm(folder, CORRECTED),
        "subspace power method, as published": spm(folder),
        "subspace power method, Octave": octave(
            folder, "subspace_power_method.m", "[A, w] = subspace_power_method(T, L, 4, R)"
        ),
        "FOOBI": octave(
            folder,
            "other_packages/FOOBI1_tensor_decomposition.m",
            "A = FOOBI1_tensor_decomposition(T, L, R)",
            OCTAVE,
        ),
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


def cell(name, method, n, m, seeds):
    """One method at one size: seconds and missing atoms for each seed, until the limit."""
    row = {"method": name, "n": n, "m": m, "seeds": [], "seconds": [], "missing": [], "error": None}
    for seed in seeds:
        A, T = problem(n, m, seed)
        start = time.process_time()
        try:
            found = method(T, m, seed)
        except (ImportError, Absent) as absent:
            return row | {"error": f"not installed: {absent}"}
        except Exception as failure:  # a peer that fails is reported, it does not end the benchmark
            return row | {"error": f"{type(failure).__name__}: {failure}"[:200]}
        seconds = time.process_time() - start
        if isinstance(found, tuple):  # another program has measured itself
            found, seconds = found
        row["seconds"].append(round(seconds, 5))
        row["missing"].append(missing(A, found))
        row["seeds"].append(seed)
        if sum(row["seconds"]) > LIMIT and method is not ours:
            break
    return row


def kernel():
    """Which BLAS kernels run, if threadpoolctl is there to tell."""
    try:
        import threadpoolctl
    except ImportError:
        return ["not recorded: threadpoolctl is not installed"]
    return sorted(
        {f"{x['internal_api']} {x['version']} {x.get('architecture')}" for x in threadpoolctl.threadpool_info()}
    )


def told(*command):
    """The first line that a program prints, or None."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return None


def versions(folder, known):
    """What was compared; of a peer that is absent now, what was known of it."""
    found = {
        "python": platform.python_version(),
        "github.com/joaompereira/SPM": told("git", "-C", str(folder), "log", "-1", "--format=commit %h of %cs"),
        "octave": told("octave-cli", "--version"),
    }
    for package in ("numpy", "scipy", "tensorly", "numba"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return {name: value or known.get(name) for name, value in found.items()}


def main():
    """Run what is missing in the record, and write it after every cell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spm", type=Path, default=Path("SPM"), help="a clone of github.com/joaompereira/SPM")
    parser.add_argument("--output", type=Path, help="the record; of the quick profile tensors-quick.json")
    parser.add_argument("--quick", action="store_true", help="three seeds, four sizes")
    parser.add_argument("--fresh", action="store_true", help="forget the record")
    options = parser.parse_args()
    clean = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"} | ONE_THREAD
    if clean != dict(os.environ):
        os.execve(sys.executable, [sys.executable, *sys.argv], clean)
    seeds, sizes = (SEEDS[:3], QUICK) if options.quick else (SEEDS, SIZES)
    output = options.output or (Path("tensors-quick.json") if options.quick else RESULTS)
    record = {} if options.fresh or not output.exists() else json.loads(output.read_text(encoding="utf-8"))
    ends = [seeds[0], seeds[-1]]
    if record.get("seeds") != ends:
        record = {}
    folder = options.spm.resolve()
    methods = peers(folder)
    rows = [row for row in record.get("rows", []) if not row["error"]]
    done = {(row["method"], row["n"], row["m"]) for row in rows}
    record = {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, one BLAS thread",
        "blas": kernel(),
        "versions": versions(folder, record.get("versions", {})),
        "seeds": ends,
        "limit": LIMIT,
        "sine": 1e-6,
        "rows": rows,
    }
    for name, method in methods.items():  # compilation and first calls are no part of the times
        cell(name, method, 6, 8, [0])
    cells = [(n, m, name) for n, m in sizes for name in methods if m <= LARGEST.get(name, m)]
    for number, (n, m, name) in enumerate(cells, 1):
        if (name, n, m) in done:
            continue
        row = cell(name, methods[name], n, m, seeds)
        rows.append(row)
        output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        took = row["error"] or f"{np.median(row['seconds']):.4f} s, missing {row['missing']}"
        sys.stdout.write(f"{number:2d}/{len(cells)} {n:3d} {m:4d}  {name:36s} {took}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
