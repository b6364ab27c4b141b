"""Cost, memory and peers of the convolutional part: ``make bench`` writes convolution.json.

``python benchmarks/convolution.py sizes`` renews one part (gradient, sizes, peers) of the last record.

Peers (sporco, alphacsc) are optional: one that cannot be imported is recorded as such.
All times are of one process with one BLAS thread, the minimum of a few repeats; only ratios within one run mean much.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
import tracemalloc
import warnings
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from l4lib.data import make_cdl, match_kernels
from l4lib.quartic import CirculantMap, Quartic, project, random_points
from l4lib.recovery import recover_kernels

RESULTS = Path(__file__).parent.parent / "l4lib" / "experiments" / "benchmarks" / "convolution.json"


def best_of(function, repeats=3):
    """The smallest of a few wall-clock times, in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def gradient_cost():
    """Seconds and extra memory of one gradient of φ_CDL, over n and over p."""
    rows = []
    rng = np.random.default_rng(0)
    for n, p in [
        (64, 2000),
        (128, 2000),
        (256, 2000),
        (512, 2000),
        (1024, 2000),
        (256, 500),
        (256, 1000),
        (256, 4000),
        (256, 8000),
    ]:
        Y = rng.standard_normal((n, p))
        objective = Quartic(CirculantMap(Y), 1.0 / Y.size)
        q = random_points(n, rng=rng)
        objective.gradient(q)
        tracemalloc.start()
        objective.gradient(q)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        seconds = best_of(partial(objective.gradient, q), 5)
        rows.append({"n": n, "p": p, "seconds": seconds, "extra_memory": peak / Y.nbytes, "unit": p * n * np.log2(n)})
    return rows


SIZES = [
    ((32,), 3, 0.1, 1000),
    ((64,), 3, 0.08, 1000),
    ((64,), 5, 0.05, 1000),
    ((128,), 3, 0.05, 5000),
    ((256,), 3, 0.05, 20_000),
    ((8, 8), 2, 0.08, 800),
    ((16, 16), 3, 0.05, 4000),
    ((32, 32), 3, 0.05, 2000),
]


def sizes():
    """All kernels with their evidence: processor seconds of one thread and peak memory over that of the data."""
    rows = []
    for shape, K, theta, p in SIZES:
        n = int(np.prod(shape))
        data = make_cdl((n, K), p, theta, shape=shape, rng=np.random.default_rng(1))
        start = time.process_time()
        found = recover_kernels(data.Y, K, shape=shape, rng=np.random.default_rng(2), progress=False)
        seconds = time.process_time() - start
        match = match_kernels(found.kernels, data.kernels, shape=shape)
        row = {"shape": shape, "K": K, "theta": theta, "p": p, "seconds": seconds, "max_error": match.max_error}
        rows.append({**row, "complete": found.complete, "starts": found.starts})
    return rows


def peers(repeats=3):
    """The same synthetic recordings for all: kernels of length 16 in periodic samples of length 64."""
    n, K, length, p, theta = 64, 3, 16, 400, 0.03
    rows = []
    for trial in range(repeats):
        rng = np.random.default_rng(100 + trial)
        short = project(rng.standard_normal((length, K)))
        data = make_cdl(short, p, theta, n=n, rng=rng)
        start = time.perf_counter()
        found = recover_kernels(data.Y, K, kernel_length=length, rng=rng, progress=False)
        rows.append(_row("l4lib", trial, time.perf_counter() - start, found.kernels, short, n))
        for name, peer in (("alphacsc", _alphacsc), ("sporco", _sporco)):
            for iterations in (100, 500):
                try:
                    start = time.perf_counter()
                    kernels = peer(data.Y, K, length, iterations)
                    label = f"{name}, {iterations} iterations"
                    rows.append(_row(label, trial, time.perf_counter() - start, kernels, short, n))
                except ImportError as missing:
                    rows.append({"method": name, "trial": trial, "error": f"not installed: {missing.name}"})
                except Exception as problem:  # a peer that fails is reported, it does not end the benchmark
                    rows.append({"method": name, "trial": trial, "error": f"{type(problem).__name__}: {problem}"})
    return rows


def _row(method, trial, seconds, kernels, truth, n):
    pad = [(0, n - truth.shape[0]), (0, 0)]
    match = match_kernels(np.pad(project(kernels), pad), np.pad(truth, pad))
    return {
        "method": method,
        "trial": trial,
        "seconds": seconds,
        "found": match.recovered(0.02),
        "kernels": truth.shape[1],
        "max_error": match.max_error,
    }


def _alphacsc(Y, K, length, iterations):
    from alphacsc import BatchCDL

    X = np.vstack([Y, Y[:length]]).T[:, None, :]  # alphacsc is not periodic: repeat the beginning
    model = BatchCDL(
        K,
        length,
        n_iter=iterations,
        rank1=False,
        uv_constraint="auto",
        solver_d="fista",
        D_init="chunk",
        window=False,
        unbiased_z_hat=False,
        random_state=0,
        n_jobs=1,
        verbose=0,
    )
    model.fit(X)
    return np.asarray(model.D_hat_)[:, 0, :].T


def _sporco(Y, K, length, iterations):
    from sporco.dictlrn import cbpdndl

    D0 = np.random.default_rng(0).standard_normal((length, K))
    options = cbpdndl.ConvBPDNDictLearn.Options(
        {"Verbose": False, "MaxMainIter": iterations, "CBPDN": {"rho": 1.0}, "CCMOD": {"rho": 1.0}}, dmethod="cns"
    )
    solver = cbpdndl.ConvBPDNDictLearn(D0, Y, 0.05, options, dmethod="cns", dimK=1, dimN=1)
    return np.asarray(solver.solve()).reshape(length, K)


def main(only=None):
    """Run everything, or one part into the last record, and write the results with where they come from."""
    versions = {"python": platform.python_version()}
    for package in ("numpy", "scipy", "alphacsc", "sporco"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parts = {"gradient": gradient_cost, "sizes": sizes, "peers": peers}
        results = json.loads(RESULTS.read_text(encoding="utf-8")) if only else {}
        results |= {
            "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, one BLAS thread",
            "versions": results.get("versions", {}) | {k: v for k, v in versions.items() if v},
        }
        results |= {name: part() for name, part in parts.items() if only in (None, name)}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
