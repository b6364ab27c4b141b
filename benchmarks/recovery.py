"""Whole dictionaries against the peers: ``make bench`` writes recovery.json.

One process, one BLAS thread, the same data for all, several sets of data. A method with a number of rounds is run with
growing numbers until its largest error is below the target, and the time of that run alone counts; a method without is
run again with another seed until it succeeds, and the time of the failures counts too. Peers that cannot be imported
are recorded as such.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import tempfile
import time
import tracemalloc
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from l4lib import make_odl, match_atoms, recover_dictionary
from l4lib.data import fourth_moment, unique_lines, whitening
from l4lib.quartic import project, random_points
from l4lib.recovery import recover_from_moment
from l4lib.recovery.dictionary import _moment_sizes

RESULTS = Path(__file__).parent.parent / "l4lib" / "experiments" / "benchmarks" / "recovery.json"
TARGET, MEDIUM, FINE, LIMIT = 1e-2, 1e-3, 1e-5, 40.0
DATA_SEEDS = (7, 8, 9)


def error_of(found, truth):
    """Largest 1 − |correlation| over the atoms, 1 if some are missing."""
    return 1.0 if found is None or found.shape[1] < truth.shape[1] else float(match_atoms(found, truth).max_error)


def timed(function):
    """Seconds and result of one call."""
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def ours(refine=False, route="auto"):
    """recover_dictionary with default options, or by one route."""

    def run(Y, m, rounds):
        return recover_dictionary(Y, m, rng=np.random.default_rng(rounds), route=route, refine=refine, progress=False).A

    return run


def spams_online(penalty, batch=400):
    """Online dictionary learning of spams with an ℓ¹ penalty; half as many samples again from round to round."""

    def run(Y, m, rounds):
        import spams

        return spams.trainDL(
            np.asfortranarray(Y),
            K=m,
            lambda1=penalty,
            iter=int(10_000 * 1.5**rounds) // batch,
            batchsize=batch,
            numThreads=1,
            verbose=False,
        )

    return run


def sklearn_batch(Y, m, rounds):
    """DictionaryLearning of scikit-learn (alternating, coordinate descent), on five thousand samples."""
    from sklearn.decomposition import DictionaryLearning

    model = DictionaryLearning(m, alpha=0.15, max_iter=5 * 2**rounds, random_state=0, fit_algorithm="cd", n_jobs=1)
    return project(model.fit(Y.T[:5_000]).components_.T)


def geomstats_descent(Y, m, rounds):
    """Riemannian gradient descent with the exponential map of geomstats, in batches until m minimisers are known.

    geomstats has the manifold but no such solver; the step is one over four times a point's fourth moment.
    Its 2.8 needs ``numpy.trapz``, which NumPy 2 has removed: the name is given back before the import.
    """
    if not hasattr(np, "trapz"):
        setattr(np, "trapz", np.trapezoid)  # noqa: B010
    from geomstats.geometry.hypersphere import Hypersphere

    W = whitening(Y)
    Z = W.apply(Y)
    n, p = Z.shape
    sphere, rng, ends, begin = Hypersphere(dim=n - 1), np.random.default_rng(rounds), [], time.perf_counter()
    while time.perf_counter() - begin < LIMIT:
        Q = random_points(n, 2 * m, rng=rng).T
        for _ in range(300):
            z = Q @ Z
            gradient = 4 * ((z * z * z) @ Z.T) / p
            values = np.sum(Q * gradient, axis=1) / 4
            direction = sphere.to_tangent(gradient, Q)
            if np.max(np.linalg.norm(direction, axis=1) / values) < 4e-3:
                break
            Q = sphere.metric.exp(direction / (4 * values[:, None]), Q)
        ends.append(Q.T)
        lines, _ = unique_lines(np.hstack(ends), tol=1e-3)
        if lines.shape[1] >= m:
            return project(W.undo(lines[:, :m]))
    return None


def sklearn_minibatch(Y, m, rounds):
    """MiniBatchDictionaryLearning of scikit-learn."""
    from sklearn.decomposition import MiniBatchDictionaryLearning

    model = MiniBatchDictionaryLearning(
        m, alpha=0.15, max_iter=2**rounds, batch_size=512, random_state=0, fit_algorithm="cd", n_jobs=1
    )
    return project(model.fit(Y.T[:10_000]).components_.T)


def alternating(algorithm):
    """K-SVD, approximate K-SVD or MOD of dictlearn with five nonzeros, on ten thousand samples."""

    def run(Y, m, rounds):
        from dictlearn import DictionaryLearning

        model = DictionaryLearning(
            m, fit_algorithm=algorithm, n_nonzero_coefs=5, max_iter=5 * 2**rounds, random_state=0
        )
        return project(np.asarray(model.fit(Y.T[:10_000]).components_).T)

    return run


def manifold(optimizer):
    """Restarts of a pymanopt solver on the quartic objective of the white data until m minimisers are known."""

    def run(Y, m, rounds):
        import pymanopt
        from pymanopt import manifolds, optimizers

        W = whitening(Y)
        Z = W.apply(Y)
        n, p = Z.shape
        sphere = manifolds.Sphere(n)

        @pymanopt.function.numpy(sphere)
        def cost(q):
            return -np.sum((Z.T @ q) ** 4) / p

        @pymanopt.function.numpy(sphere)
        def gradient(q):
            z = Z.T @ q
            return -4 * (Z @ (z * z * z)) / p

        @pymanopt.function.numpy(sphere)
        def hessian(q, v):
            z = Z.T @ q
            return -12 * (Z @ (z * z * (Z.T @ v))) / p

        problem = pymanopt.Problem(sphere, cost, euclidean_gradient=gradient, euclidean_hessian=hessian)
        solver = getattr(optimizers, optimizer)(verbosity=0, max_iterations=300, min_gradient_norm=1e-4)
        ends, starts, begin = [], random_points(n, 40 * m, rng=np.random.default_rng(0)).T, time.perf_counter()
        for q in starts:
            ends.append(solver.run(problem, initial_point=q).point)
            lines, _ = unique_lines(np.column_stack(ends), tol=1e-3)
            if lines.shape[1] >= m:
                return project(W.undo(lines[:, :m]))
            if time.perf_counter() - begin > LIMIT:
                return None
        return None

    return run


def cp_decomposition(Y, m, rounds):
    """Symmetric CP decomposition of the fourth cumulant by tensorly (symmetric power iteration)."""
    from tensorly.decomposition import symmetric_parafac_power_iteration

    W = whitening(Y)
    Z = W.apply(Y)
    n = Z.shape[0]
    pairs = np.einsum("ik,jk->ijk", Z, Z).reshape(n * n, -1)
    T = (pairs @ pairs.T / Z.shape[1]).reshape(n, n, n, n)
    eye = np.eye(n)
    T -= np.einsum("ij,kl->ijkl", eye, eye) + np.einsum("ik,jl->ijkl", eye, eye) + np.einsum("il,jk->ijkl", eye, eye)
    return project(W.undo(np.asarray(symmetric_parafac_power_iteration(T, m, n_repeat=5, n_iteration=10)[1])))


def fastica(Y, m, rounds):
    """FastICA of scikit-learn with the cube, complete dictionaries only."""
    from sklearn.decomposition import FastICA

    model = FastICA(m, fun="cube", whiten="unit-variance", random_state=rounds, max_iter=300, tol=1e-6)
    return project(model.fit(Y.T).mixing_)


def picard_ica(Y, m, rounds):
    """Picard, complete dictionaries only."""
    from picard import picard

    K, W, _ = picard(Y, ortho=True, fun="cube", random_state=rounds, max_iter=300, tol=1e-7)
    return project(np.linalg.pinv(W @ K))


def msp(Y, m, rounds):
    """Matching, stretching and projection: the published iteration on the orthogonal group, complete case."""
    W = whitening(Y)
    Z = W.apply(Y)
    A = np.linalg.qr(np.random.default_rng(rounds).standard_normal((m, m)))[0]
    for _ in range(300):
        z = A @ Z
        left, _, right = np.linalg.svd((z * z * z) @ Z.T)
        new = left @ right
        if np.linalg.norm(new - A) < 1e-6:
            break
        A = new
    return project(W.undo(new.T))


OVERCOMPLETE = {
    "l4lib": (ours(), 0),
    "l4lib, refined": (ours(refine=True), 0),
    "l4lib, restarts only": (ours(route="restarts"), 0),
    "spams trainDL, penalty 0.05": (spams_online(0.05), 13),
    "spams trainDL, penalty 0.15": (spams_online(0.15), 13),
    "spams trainDL, penalty 0.4": (spams_online(0.4), 13),
    "spams trainDL, penalty 0.4, batches of 200": (spams_online(0.4, 200), 13),
    "spams trainDL, penalty 0.7": (spams_online(0.7), 13),
    "scikit-learn MiniBatch": (sklearn_minibatch, 4),
    "scikit-learn DictionaryLearning": (sklearn_batch, 3),
    "dictlearn K-SVD": (alternating("ksvd"), 4),
    "dictlearn approximate K-SVD": (alternating("aksvd"), 4),
    "dictlearn MOD": (alternating("mod"), 4),
    "pymanopt trust region": (manifold("TrustRegions"), 0),
    "pymanopt conjugate gradient": (manifold("ConjugateGradient"), 0),
    "pymanopt steepest descent": (manifold("SteepestDescent"), 0),
    "geomstats": (geomstats_descent, 0),
    "tensorly CP": (cp_decomposition, 0),
}
COMPLETE = {
    "l4lib": (ours(), 0),
    "l4lib, refined": (ours(refine=True), 0),
    "l4lib, restarts only": (ours(route="restarts"), 0),
    "spams trainDL, penalty 0.15": (spams_online(0.15), 13),
    "spams trainDL, penalty 0.4, batches of 200": (spams_online(0.4, 200), 13),
    "scikit-learn FastICA": (fastica, 0),
    "Picard": (picard_ica, 0),
    "MSP (own)": (msp, 0),
}
GRID = {"l4lib": (ours(), 0), "spams trainDL, penalty 0.4": (spams_online(0.4, 200), 11)}


def attempts(function, data, m, rounds, limit):
    """Runs on one set of data, with more rounds or other seeds, until it is good enough or too long."""
    runs, spent = [], 0.0
    for level in range(rounds + 1) if rounds else range(5):
        seconds, found = timed(lambda level=level: function(data.Y, m, level))
        runs.append({"seconds": seconds, "max_error": error_of(found, data.A)})
        spent += seconds
        error = runs[-1]["max_error"]
        if spent > limit or error < FINE or (not rounds and error <= TARGET):
            break
    return runs


def time_to(runs, level, rounds):
    """Seconds of the first run that is good enough; without rounds the failures before it count."""
    spent = 0.0
    for run in runs:
        spent += run["seconds"]
        if run["max_error"] <= level:
            return run["seconds"] if rounds else spent
    return None


def contest(n, m, theta, p, contenders, seeds=DATA_SEEDS, limit=LIMIT):
    """One workload: for each contender the median time to the target over the sets of data, and its errors."""
    sets = [make_odl((n, m), p, theta, rng=np.random.default_rng(seed)) for seed in seeds]
    rows = []
    for name, (function, rounds) in contenders.items():
        row = {"method": name, "n": n, "m": m, "theta": theta, "p": p, "sets": [], "error": None}
        for data in sets:
            try:
                row["sets"].append(attempts(function, data, m, rounds, limit))
            except ImportError as missing:
                row["error"] = "does not import: " + str(missing).split(" (")[0][:150]
                break
            except Exception as problem:  # a peer that fails is reported, it does not end the benchmark
                row["error"] = f"{type(problem).__name__}: {problem}"[:200]
                break
            # Sets of data after the first refine the median of methods that are near the front; the others stop here.
            if sum(run["seconds"] for run in row["sets"][0]) > 2 * limit / 3:
                break
        for label, level in (("target", TARGET), ("medium", MEDIUM), ("fine", FINE)):
            times = [time_to(runs, level, rounds) for runs in row["sets"]]
            good = [seconds for seconds in times if seconds is not None]
            row[f"seconds_to_{label}"] = statistics.median(good) if good else None
            row[f"sets_to_{label}"] = len(good)
        row["rounds"] = rounds
        row["best_error"] = min((run["max_error"] for runs in row["sets"] for run in runs), default=None)
        rows.append(row)
        sys.stdout.write(
            f"{n}x{m} p={p} theta={theta} {name}: {row['seconds_to_target']} ({row['sets_to_target']} of "
            f"{len(row['sets'])}) fine {row['seconds_to_fine']} {row['best_error']} {row['error']}\n"
        )
        sys.stdout.flush()
    return rows


def gradient_rate():
    """Floating-point rate of the batched gradient as a share of the rate of a plain matrix product."""
    from l4lib import Quartic

    rng = np.random.default_rng(0)
    Z, Q = rng.standard_normal((64, 50_000)), random_points(64, 128, rng=rng)
    objective = Quartic(Z, 1.0)
    gradient = min(timed(lambda: objective.euclidean_gradient(Q))[0] for _ in range(5))
    B, C = rng.standard_normal((1500, 1500)), rng.standard_normal((1500, 1500))
    product = min(timed(lambda: B @ C)[0] for _ in range(5))
    return (4 * 64 * 50_000 * 128 / gradient) / (2 * 1500**3 / product)


def reliability(n=32, m=48, theta=0.1, p=50_000, repeats=60):
    """How often a method finds every atom in new data, with options fixed beforehand."""
    ways = {"l4lib": "auto", "l4lib, restarts only": "restarts", "spams trainDL, penalty 0.4, batches of 200": None}
    rows = []
    for name, route in ways.items():
        errors, flags, times = [], [], []
        try:
            for seed in range(repeats):
                data = make_odl((n, m), p, theta, rng=np.random.default_rng(1000 + seed))
                if route is None:
                    seconds, A = timed(lambda Y=data.Y: spams_online(0.4, 200)(Y, m, 4))
                    flag = None
                else:
                    rng = np.random.default_rng(seed)
                    found = recover_dictionary(data.Y, m, rng=rng, route=route, progress=False)
                    seconds, A, flag = found.seconds, found.A, found.complete
                errors.append(error_of(A, data.A))
                flags.append(flag)
                times.append(seconds)
        except ImportError:
            continue
        wrong = [error > TARGET for error in errors]
        rows.append(
            {
                "method": name, "n": n, "m": m, "theta": theta, "p": p, "runs": repeats,
                "successes": repeats - sum(wrong),
                "unnoticed_failures": sum(w and flag is not False for w, flag in zip(wrong, flags, strict=True)),
                "median_error": statistics.median(errors), "median_seconds": statistics.median(times),
            }
        )  # fmt: skip
        sys.stdout.write(f"{rows[-1]}\n")
        sys.stdout.flush()
    return rows


def growth():
    """Seconds by each route over n (and p), with the operations that dominate it."""
    rows = []
    cases = [("subspace", n, 3 * n // 2, 20_000) for n in (16, 24, 32, 48, 64, 80, 96)]
    cases += [("subspace", 32, 48, p) for p in (5_000, 10_000, 40_000, 160_000)]
    cases += [("restarts", n, 3 * n // 2, 20_000) for n in (16, 24, 32, 48, 64, 80, 96)]
    cases += [("orthogonal", n, n, 50_000) for n in (16, 32, 64, 128)]
    cases += [("subspace", n, n, 50_000) for n in (16, 32, 64)]
    for route, n, m, p in cases:
        data = make_odl((n, m), p, 0.1, rng=np.random.default_rng(1))
        generators = [np.random.default_rng(seed) for seed in range(3)]
        found = min(
            (recover_dictionary(data.Y, m, rng=rng, route=route, progress=False) for rng in generators),
            key=lambda result: result.seconds,
        )
        pairs = n * (n + 1) // 2
        operations = None
        if route == "subspace":  # the moment, its eigenvectors, and about four passes over the samples
            operations = pairs**2 * _moment_sizes(n, p)[0] + 4 * pairs**3 // 3 + 4 * 4 * n * m * p
        rows.append(
            {
                "route": route, "n": n, "m": m, "theta": 0.1, "p": p, "seconds": found.seconds, "starts": found.starts,
                "complete": found.complete, "max_error": error_of(found.A, data.A), "operations": operations,
            }
        )  # fmt: skip
        sys.stdout.write(f"{rows[-1]}\n")
        sys.stdout.flush()
    return rows


def grid():
    """The default against spams over n, K, θ and p."""
    rows = []
    for n in (16, 32):
        for K in (1.0, 1.5, 2.0):
            for theta in (0.05, 0.2):
                for p in (5_000, 50_000):
                    rows += contest(n, int(K * n), theta, p, GRID, seeds=(7,), limit=15.0)
    return rows


def streaming(n=16, m=24, theta=0.1, p=10_000_000, block=1 << 16):
    """Ten million samples on disk in single precision: one pass, its memory, and the dictionary from the moments."""
    rng = np.random.default_rng(5)
    A = make_odl((n, m), 2, theta, rng=rng).A
    with tempfile.TemporaryDirectory() as folder:
        disk = np.memmap(Path(folder) / "samples.f32", dtype=np.float32, mode="w+", shape=(n, p))
        for start in range(0, p, block):
            size = min(block, p - start)
            disk[:, start : start + size] = make_odl(A, size, theta, rng=rng).Y
        disk.flush()
        tracemalloc.start()
        pass_seconds, moment = timed(lambda: fourth_moment(disk, block=block, progress=False))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    seconds, found = timed(lambda: recover_from_moment(moment, m, rng=rng))
    return {
        "n": n, "m": m, "theta": theta, "p": p, "block": block, "data_bytes": 4 * n * p, "peak_bytes": peak,
        "pass_seconds": pass_seconds, "recover_seconds": seconds, "complete": found.complete,
        "max_error": error_of(found.A, A),
    }  # fmt: skip


def main():
    """Run everything and write the results with where they come from."""
    versions = {"python": platform.python_version()}
    for package in (
        "numpy",
        "scipy",
        "geomstats",
        "spams-bin",
        "scikit-learn",
        "dictlearn",
        "pymanopt",
        "tensorly",
        "python-picard",
    ):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = {
            "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, one BLAS thread",
            "versions": versions,
            "target": TARGET,
            "medium": MEDIUM,
            "fine": FINE,
            "reference": contest(32, 48, 0.1, 50_000, OVERCOMPLETE),
            "complete": contest(64, 64, 0.1, 50_000, COMPLETE),
            "reliability": reliability(),
            "growth": growth(),
            "grid": grid(),
            "streaming": streaming(),
            "gradient_share": gradient_rate(),
        }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
