"""Whole dictionaries against the peers: ``python benchmarks/recovery.py`` writes recovery.json into the package.

One process, one BLAS thread, CPU seconds.  Every method sees the same test data (seeds from 7000 on, never used for
tuning ours or theirs).  The options of a peer are chosen by one rule on separate data (seeds from 6000 on): of the
settings listed, the one with the least time for a success, time of failures included; a setting that never succeeds is
not chosen.  A method that needs more than its limit on the first data set is not run on the others.
Finished parts are kept in the result file, so that an interrupted run goes on; ``--quick`` runs fewer data sets and
settings, and leaves the largest size and the slowest peers out (about five minutes); ``--fresh`` forgets what is there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
import tracemalloc
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
if os.environ.pop("OPENBLAS_CORETYPE", None):  # it would replace the kernels made for this processor by older ones
    os.execv(sys.executable, [sys.executable, *sys.argv])

import numpy as np  # noqa: E402

from l4lib import make_odl, match_atoms, recover_dictionary  # noqa: E402
from l4lib.data import cubed, fourth_moment, unique_lines, whitening  # noqa: E402
from l4lib.quartic import project, random_points  # noqa: E402
from l4lib.recovery import recover_from_moment  # noqa: E402

RESULTS = Path(__file__).resolve().parents[1] / "l4lib" / "experiments" / "benchmarks" / "recovery.json"
TARGET, FINE, LIMIT = 1e-2, 1e-5, 60.0
TUNING, TEST = 6000, 7000
SIZES = (
    # n, m, theta, p, data sets, of the quick profile
    (32, 48, 0.1, 50_000, 60, 20),
    (64, 64, 0.1, 50_000, 20, 5),
    (64, 96, 0.1, 50_000, 20, 5),
    (128, 192, 0.05, 100_000, 20, 2),
    (128, 192, 0.1, 100_000, 20, 2),
    (128, 256, 0.1, 100_000, 20, 2),
    (256, 384, 0.05, 200_000, 5, 1),
    (512, 768, 0.03, 200_000, 1, 0),
)


def error_of(found, truth):
    """Largest 1 − |correlation| over the atoms, 1 if some are missing."""
    return 1.0 if found is None or found.shape[1] < truth.shape[1] else float(match_atoms(found, truth).max_error)


def cpu(function):
    """CPU seconds and result of one call."""
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def say(text):
    """One line of progress."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


def ours(Y, m, seed, refine=False):
    """recover_dictionary with its defaults."""
    found = recover_dictionary(Y, m, rng=np.random.default_rng(seed), refine=refine)
    return found.A, bool(found.complete)


def ours_refined(Y, m, seed):
    """The same with refinement."""
    return ours(Y, m, seed, refine=True)


def spams(penalty, batch, samples):
    """Online dictionary learning of spams with an ℓ¹ penalty, stopped after so many samples."""

    def run(Y, m, seed):
        import spams

        options = {"lambda1": penalty, "iter": samples // batch, "batchsize": batch}
        return spams.trainDL(np.asfortranarray(Y), K=m, numThreads=1, verbose=False, **options), None

    return run


def sklearn_minibatch(alpha, rounds):
    """MiniBatchDictionaryLearning of scikit-learn on ten thousand samples."""

    def run(Y, m, seed):
        from sklearn.decomposition import MiniBatchDictionaryLearning as Model

        model = Model(m, alpha=alpha, max_iter=rounds, batch_size=512, random_state=seed, fit_algorithm="cd", n_jobs=1)
        return project(model.fit(Y.T[:10_000]).components_.T), None

    return run


def dictlearn(algorithm, rounds):
    """K-SVD and its kin of dictlearn with five nonzeros, on four thousand samples."""

    def run(Y, m, seed):
        from dictlearn import DictionaryLearning

        model = DictionaryLearning(m, fit_algorithm=algorithm, n_nonzero_coefs=5, max_iter=rounds, random_state=seed)
        return project(np.asarray(model.fit(Y.T[:4_000]).components_).T), None

    return run


def pymanopt_descent(optimizer):
    """Restarts of a pymanopt solver on the quartic objective of the white data until m minimisers are known."""

    def run(Y, m, seed):
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

        problem = pymanopt.Problem(sphere, cost, euclidean_gradient=gradient)
        solver = getattr(optimizers, optimizer)(verbosity=0, max_iterations=300, min_gradient_norm=1e-4)
        ends, begin = [], time.process_time()
        for q in random_points(n, 40 * m, rng=np.random.default_rng(seed)).T:
            ends.append(solver.run(problem, initial_point=q).point)
            lines, _ = unique_lines(np.column_stack(ends), tol=1e-3)
            if lines.shape[1] >= m or time.process_time() - begin > LIMIT:
                break
        return project(W.undo(lines[:, :m])), None

    return run


def fastica(Y, m, seed):
    """FastICA of scikit-learn with the cube."""
    from sklearn.decomposition import FastICA

    model = FastICA(m, fun="cube", whiten="unit-variance", random_state=seed, max_iter=300, tol=1e-6)
    return project(model.fit(Y.T).mixing_), None


def picard_ica(Y, m, seed):
    """Picard with the cube."""
    from picard import picard

    K, W, _ = picard(Y, ortho=True, fun="cube", random_state=seed, max_iter=300, tol=1e-7)
    return project(np.linalg.pinv(W @ K)), None


def msp(Y, m, seed):
    """Matching, stretching and projection: our implementation of the published iteration on the orthogonal group."""
    W = whitening(Y)
    Z = W.apply(Y)
    A = np.linalg.qr(np.random.default_rng(seed).standard_normal((m, m)))[0]
    for _ in range(300):
        z = A @ Z
        left, _, right = np.linalg.svd((z * z * z) @ Z.T)
        new = left @ right
        if np.linalg.norm(new - A) < 1e-6:
            break
        A = new
    return project(W.undo(new.T)), None


def settings(name, n, quick):
    """What the tuning rule chooses from."""
    if name == "spams":
        samples = (10_000, 20_000, 40_000, 80_000) if n <= 64 else (40_000, 120_000, 360_000)
        pairs = ((0.15, 200), (0.4, 100), (0.4, 200), (0.7, 200)) if n <= 64 else ((0.4, 200), (0.7, 400))
        if quick:
            samples, pairs = (samples[2:], pairs[1:3]) if n <= 64 else (samples[1:2], pairs[:1])
        return {f"penalty {a}, batch {b}, {s} samples": spams(a, b, s) for a, b in pairs for s in samples}
    if name == "scikit-learn MiniBatch":
        return {f"alpha {a}, {r} rounds": sklearn_minibatch(a, r) for a in (0.15, 0.4) for r in (4, 16)}
    if name == "dictlearn":
        return {f"{a}, {r} rounds": dictlearn(a, r) for a in ("aksvd", "mod") for r in (10, 30)}
    if name == "pymanopt":
        return {o: pymanopt_descent(o) for o in ("ConjugateGradient", "SteepestDescent")}
    return {"as is": {"FastICA": fastica, "Picard": picard_ica, "MSP (own)": msp}[name]}


def peers(n, m, quick):
    """Which peers run on a size; specialists where m = n."""
    names = ["spams"] if n <= (64 if quick else 128) else []
    if m == n:
        names += ["FastICA"] if quick else ["FastICA", "Picard", "MSP (own)"]
    return names


SLOW = ("scikit-learn MiniBatch", "dictlearn", "pymanopt")
"""On the smallest size only, and last."""


def runs(function, size, seeds, limit=LIMIT):
    """CPU time, error and flag on each data set; stops after one that takes more than the limit."""
    n, m, theta, p = size
    rows = []
    for seed in seeds:
        data = make_odl((n, m), p, theta, rng=np.random.default_rng(seed))
        seconds, (A, flag) = cpu(lambda data=data, seed=seed: function(data.Y, m, seed))
        rows.append({"seed": seed, "cpu": round(seconds, 5), "max_error": error_of(A, data.A), "complete": flag})
        if seconds > limit:
            break
    return rows


def price(rows):
    """CPU seconds for a success, failures charged; None if there was none."""
    good = sum(row["max_error"] <= TARGET for row in rows)
    return sum(row["cpu"] for row in rows) / good if good else None


def tuned(name, size, sets, quick):
    """The setting with the least price on the tuning data; on one set first, on all if it succeeded there."""
    prices, options = {}, settings(name, size[0], quick)
    if len(options) == 1:
        return next(iter(options)), prices
    for label, function in options.items():
        rows = runs(function, size, range(TUNING, TUNING + 1), limit=LIMIT / 4)
        if price(rows) is not None and sets > 1:
            rows += runs(function, size, range(TUNING + 1, TUNING + sets))
        prices[label] = price(rows)
    good = {label: cost for label, cost in prices.items() if cost is not None}
    return (min(good, key=good.__getitem__) if good else None), prices


def floor(size):
    """CPU seconds of what cannot be avoided: one Gram matrix, one product with W, one pass at m points."""
    n, m, theta, p = size
    Y = make_odl((n, m), p, theta, rng=np.random.default_rng(TUNING)).Y
    rows, W = np.ascontiguousarray(Y.T.astype(np.float32)), np.eye(n, dtype=np.float32)
    Q = random_points(n, m, rng=np.random.default_rng(0))
    parts = {
        "gram": lambda: Y @ Y.T,
        "whitening": lambda: [Y[:, t : t + 4096].astype(np.float32).T @ W for t in range(0, p, 4096)] and None,
        "pass": lambda: cubed(rows, Q),
    }
    return {name: min(cpu(part)[0] for _ in range(3 if n < 512 else 1)) for name, part in parts.items()}


def honesty(repeats):
    """What says complete on noise, and when one atom too many or too few is asked for."""
    out = []
    for n, m, p in ((8, 12, 20_000), (16, 24, 20_000), (32, 48, 50_000)):
        for what in ("noise", "one too few", "one too many", "not told"):
            flags, rights = [], []
            for seed in range(TEST, TEST + repeats):
                data = make_odl((n, m), p, 0.1, rng=np.random.default_rng(seed))
                Y = np.random.default_rng(seed).standard_normal((n, p)) if what == "noise" else data.Y
                asked = {"noise": m, "one too few": m - 1, "one too many": m + 1, "not told": None}[what]
                found = recover_dictionary(Y, asked, rng=np.random.default_rng(seed))
                flags.append(bool(found.complete))
                rights.append(what != "noise" and error_of(found.A, data.A) <= TARGET and found.A.shape[1] == m)
            out.append({"n": n, "m": m, "p": p, "what": what, "runs": repeats, "complete": sum(flags),
                        "wrong and complete": sum(f and not r for f, r in zip(flags, rights, strict=True)),
                        "right": sum(rights)})  # fmt: skip
    return out


def streaming(n=16, m=24, theta=0.1, p=10_000_000, block=1 << 16):
    """Samples on disk in single precision: two readings, their memory, and the dictionary from the moments."""
    rng = np.random.default_rng(TEST)
    A = make_odl((n, m), 2, theta, rng=rng).A
    with tempfile.TemporaryDirectory() as folder:
        disk = np.memmap(Path(folder) / "samples.f32", dtype=np.float32, mode="w+", shape=(n, p))
        for start in range(0, p, block):
            size = min(block, p - start)
            disk[:, start : start + size] = make_odl(A, size, theta, rng=rng).Y
        disk.flush()
        tracemalloc.start()
        seconds, moment = cpu(lambda: fourth_moment(disk, block=block, progress=False))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    search, found = cpu(lambda: recover_from_moment(moment, m, rng=rng))
    return {"n": n, "m": m, "theta": theta, "p": p, "block": block, "data_bytes": 4 * n * p, "peak_bytes": peak,
            "reading": seconds, "search": search, "complete": bool(found.complete),
            "max_error": error_of(found.A, A)}  # fmt: skip


def machine():
    """Where the numbers come from."""
    versions = {"python": platform.python_version()}
    for package in ("numpy", "scipy", "spams-bin", "scikit-learn", "dictlearn", "pymanopt", "python-picard"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    try:
        from threadpoolctl import threadpool_info

        kernel = sorted({f"{i.get('internal_api')} {i.get('architecture', '')}".strip() for i in threadpool_info()})
    except ImportError:
        kernel = ["not known (threadpoolctl is missing)"]
    return {"machine": f"{os.cpu_count()} cores, {platform.machine()}, one BLAS thread", "kernel": kernel,
            "versions": versions}  # fmt: skip


def main():
    """Run what is missing and write after each part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer data sets, without the largest sizes")
    parser.add_argument("--fresh", action="store_true", help="forget what is recorded")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    profile = "quick" if options.quick else "full"
    record = json.loads(options.output.read_text()) if options.output.exists() and not options.fresh else {}
    if record.get("profile") != profile:
        record = {"profile": profile, "target": TARGET, "fine": FINE, "seeds": {"tuning": TUNING, "test": TEST}}
    record |= machine()
    parts = record.setdefault("parts", {})

    def part(key, make):
        if key in parts:
            return
        try:
            parts[key] = make()
        except Exception as problem:  # a peer that fails is reported, it does not end the benchmark
            parts[key] = {"error": f"{type(problem).__name__}: {problem}"[:200]}
        options.output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        shown = parts[key]
        if isinstance(shown, dict) and "runs" in shown:
            good = sum(row["max_error"] <= TARGET for row in shown["runs"])
            shown = f"{good} of {len(shown['runs'])}, price {shown['price']}"
        say(f"{key}: {str(shown)[:110]}")

    def contest(function, size, sets, **more):
        rows = runs(function, size, range(TEST, TEST + sets))
        return {**more, "price": price(rows), "runs": rows}

    def peer(name, size, sets):
        best, prices = tuned(name, size, 3 if size[0] <= 64 else 1, options.quick)
        if best is None:
            return {"setting": None, "tuning": prices, "price": None, "runs": []}
        return contest(settings(name, size[0], options.quick)[best], size, sets, setting=best, tuning=prices)

    for *size, full, quick in SIZES:
        sets = quick if options.quick else full
        if not sets:
            continue
        size, key = tuple(size), "{}x{} theta={} p={}".format(*size)
        part(f"{key}|floor", lambda size=size: floor(size))
        part(f"{key}|l4lib", lambda size=size, sets=sets: contest(ours, size, sets))
        if size[0] == 32:
            part(f"{key}|l4lib, refined", lambda size=size: contest(ours_refined, size, 5))
        for name in peers(size[0], size[1], options.quick):
            few = sets if name == "spams" and size[0] <= 64 else min(sets, 2 if options.quick else 5)
            part(f"{key}|{name}", lambda name=name, size=size, few=few: peer(name, size, few))
    part("honesty", lambda: honesty(5 if options.quick else 20))
    part("streaming", lambda: streaming(p=300_000 if options.quick else 10_000_000))
    smallest, full = SIZES[0][:4], 5
    for name in () if options.quick else SLOW:
        key = "{}x{} theta={} p={}".format(*smallest)
        part(f"{key}|{name}", lambda name=name: peer(name, smallest, full))


if __name__ == "__main__":
    main()
