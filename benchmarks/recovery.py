"""Whole dictionaries against the peers: ``make bench`` writes recovery.json.

One process, one BLAS thread, the same data for all. A method with a number of rounds is run with growing numbers until
its largest error is below the target, and the time of that run counts; a method without is run a few times and the
least time counts. Peers that cannot be imported are recorded as such.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from l4lib import make_odl, match_atoms, recover_dictionary
from l4lib.metrics import unique_lines
from l4lib.precondition import whitening
from l4lib.sphere import project, random_points

RESULTS = Path(__file__).with_suffix(".json")
TARGET, FINE, LIMIT = 1e-2, 1e-5, 40.0


def error_of(found, truth):
    """Largest 1 − |correlation| over the atoms, 1 if some are missing."""
    return 1.0 if found is None or found.shape[1] < truth.shape[1] else float(match_atoms(found, truth).max_error)


def timed(function):
    """Seconds and result of one call."""
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def ours(refine):
    """recover_dictionary with default options."""

    def run(Y, m, rounds):
        return recover_dictionary(Y, m, rng=np.random.default_rng(rounds), refine=refine, progress=False).A

    return run


def spams_online(Y, m, rounds):
    """Online dictionary learning of spams, ℓ¹ penalty."""
    import spams

    return spams.trainDL(
        np.asfortranarray(Y), K=m, lambda1=0.15, iter=25 * 2**rounds, batchsize=400, numThreads=1, verbose=False
    )


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
    "l4lib": (ours(False), 0),
    "l4lib, refined": (ours(True), 0),
    "spams trainDL": (spams_online, 8),
    "scikit-learn MiniBatch": (sklearn_minibatch, 4),
    "dictlearn K-SVD": (alternating("ksvd"), 4),
    "dictlearn approximate K-SVD": (alternating("aksvd"), 4),
    "dictlearn MOD": (alternating("mod"), 4),
    "pymanopt trust region": (manifold("TrustRegions"), 0),
    "pymanopt conjugate gradient": (manifold("ConjugateGradient"), 0),
    "pymanopt steepest descent": (manifold("SteepestDescent"), 0),
    "tensorly CP": (cp_decomposition, 0),
}
COMPLETE = {
    "l4lib": (ours(False), 0),
    "l4lib, refined": (ours(True), 0),
    "spams trainDL": (spams_online, 8),
    "scikit-learn FastICA": (fastica, 0),
    "Picard": (picard_ica, 0),
    "MSP (own)": (msp, 0),
}


def contest(n, m, theta, p, contenders):
    """One workload: for each contender the time to the target and the best error reached with its time."""
    data = make_odl((n, m), p, theta, rng=np.random.default_rng(7))
    rows = []
    for name, (function, rounds) in contenders.items():
        row = {"method": name, "n": n, "m": m, "theta": theta, "p": p, "runs": [], "error": None}
        spent = 0.0
        for level in range(rounds + 1) if rounds else range(3):
            try:
                seconds, found = timed(lambda f=function, level=level: f(data.Y, m, level))
            except ImportError as missing:
                row["error"] = f"not installed: {missing.name}"
                break
            except Exception as problem:  # a peer that fails is reported, it does not end the benchmark
                row["error"] = f"{type(problem).__name__}: {problem}"[:200]
                break
            row["runs"].append({"seconds": seconds, "max_error": error_of(found, data.A)})
            spent += seconds
            if spent > LIMIT or (not rounds and seconds > 10) or (rounds and row["runs"][-1]["max_error"] < FINE):
                break
        for label, level in (("seconds_to_target", TARGET), ("seconds_to_fine", FINE)):
            good = [run["seconds"] for run in row["runs"] if run["max_error"] <= level]
            row[label] = min(good, default=None)
        row["best_error"] = min((run["max_error"] for run in row["runs"]), default=None)
        rows.append(row)
        sys.stdout.write(f"{n}x{m} {name}: {row['seconds_to_target']} {row['best_error']} {row['error']}\n")
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


def growth():
    """Seconds of recover_dictionary over p, n and θ, one quantity varied at a time."""
    rows = []
    for n, m, theta, p in [
        (32, 48, 0.1, 10_000), (32, 48, 0.1, 30_000), (32, 48, 0.1, 100_000), (32, 48, 0.1, 300_000),
        (16, 24, 0.1, 50_000), (64, 96, 0.1, 50_000), (32, 48, 0.05, 50_000), (32, 48, 0.2, 50_000),
    ]:  # fmt: skip
        data = make_odl((n, m), p, theta, rng=np.random.default_rng(1))
        runs = [timed(lambda d=data, m=m, s=s: ours(False)(d.Y, m, s)) for s in range(2)]
        seconds, found = min(runs, key=lambda run: run[0])
        rows.append({"n": n, "m": m, "theta": theta, "p": p, "seconds": seconds, "max_error": error_of(found, data.A)})
    return rows


def main():
    """Run everything and write the results with where they come from."""
    versions = {"python": platform.python_version()}
    for package in (
        "numpy",
        "scipy",
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
            "fine": FINE,
            "reference": contest(32, 48, 0.1, 50_000, OVERCOMPLETE),
            "complete": contest(64, 64, 0.1, 50_000, COMPLETE),
            "growth": growth(),
            "gradient_share": gradient_rate(),
        }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
