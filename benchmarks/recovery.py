"""Whole dictionaries against the peers: ``python benchmarks/recovery.py`` writes recovery.json into the package.

One process, one BLAS thread, CPU seconds.  Every method sees the same test data (seeds from 7000 on, never used for
tuning ours or theirs).  The options of a peer are chosen by one rule on three other data sets of the size (seeds from
6000 on): of the settings listed, the one with the least time for a success, time of failures included; a setting that
never succeeds is not chosen, and one that fails on two of the sets before it succeeds is left.  Beyond 128 dimensions a
peer keeps the setting of the size before.  A peer is tested on all sets of the size while its median run takes less
than half a second, on twenty up to five seconds, else on five; a run above the limit is its last, and so is the second
of two failures that take half of it.  From 33 dimensions on a peer is left out if it had no success in the last lower
dimension where it ran, or took more than the limit there, which is then written in its place.
Finished parts are kept in the result file, with the time when they were made, so that an interrupted run goes on.
``--quick`` runs fewer data sets and settings (about ten minutes); ``--only WORD`` runs the parts whose name contains
the word, ``--again WORD`` makes them anew, and ``--fresh`` forgets all.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
if os.environ.pop("OPENBLAS_CORETYPE", None):  # it would replace the kernels made for this processor by older ones
    os.execv(sys.executable, [sys.executable, *sys.argv])

import numpy as np  # noqa: E402
from parts import growth, streams  # noqa: E402
from parts.peers import LIMIT, PEERS, SPECIALISTS, settings  # noqa: E402

from l4lib import make_odl, match_atoms, recover_dictionary  # noqa: E402
from l4lib.data import cubed  # noqa: E402
from l4lib.quartic import random_points  # noqa: E402

RESULTS = Path(__file__).resolve().parents[1] / "l4lib" / "experiments" / "benchmarks" / "recovery.json"
TARGET = 1e-2
TUNING, TEST = 6000, 7000
SETS, LONG = 3, 5.0
"""Data sets for tuning, and the median seconds from which five test sets are enough."""
SIZES = (
    # n, m, theta, p, data sets, of the quick profile
    (8, 12, 0.1, 20_000, 60, 20),
    (16, 24, 0.1, 20_000, 60, 20),
    (32, 48, 0.1, 50_000, 60, 20),
    (64, 64, 0.1, 50_000, 20, 5),
    (64, 96, 0.1, 50_000, 20, 5),
    (128, 192, 0.05, 100_000, 20, 2),
    (128, 192, 0.1, 100_000, 20, 2),
    (128, 256, 0.1, 100_000, 20, 2),
    (256, 384, 0.05, 200_000, 5, 1),
    (512, 768, 0.03, 200_000, 1, 0),
)
QUICK_PEERS = (("spams", 64), ("FastICA", 64), ("dictlearn", 16), ("scikit-learn MiniBatch", 16))
"""Peers of the quick profile, and up to which dimension."""


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


def ours(Y, m, seed):
    """recover_dictionary with its defaults."""
    found = recover_dictionary(Y, m, rng=np.random.default_rng(seed))
    return found.A, bool(found.complete)


def ours_refined(Y, m, seed):
    """The same with refinement."""
    found = recover_dictionary(Y, m, rng=np.random.default_rng(seed), refine=True)
    return found.A, bool(found.complete)


def good(rows):
    """Successes."""
    return sum(row["max_error"] <= TARGET for row in rows)


def runs(function, size, seeds, enough):
    """CPU time, error and flag on each data set, and operations if they are counted, until it is enough."""
    n, m, theta, p = size
    rows = []
    for seed in seeds:
        data = make_odl((n, m), p, theta, rng=np.random.default_rng(seed))
        with growth.counted() as counts:
            seconds, (A, flag) = cpu(lambda data=data, seed=seed: function(data.Y, m, seed))
        rows.append({"seed": seed, "cpu": round(seconds, 5), "max_error": error_of(A, data.A), "complete": flag})
        if flag is not None:
            rows[-1]["operations"] = growth.operations(counts)
        if seconds > LIMIT or enough(rows):
            break
    return rows


def tested(rows):
    """Whether a peer had its tests: twenty, five if they take long, two that fail if they take very long."""
    count, middle = len(rows), float(np.median([row["cpu"] for row in rows]))
    if middle > LIMIT / 2 and not good(rows):
        return count >= 2
    return count >= (5 if middle > LONG else 20 if middle > LONG / 10 else np.inf)


def lost(rows):
    """Whether a setting is left: two failures before a success, or one that takes long."""
    return not good(rows) and (len(rows) >= 2 or rows[-1]["cpu"] > LIMIT / 4)


def price(rows):
    """CPU seconds for a success, failures charged; None if there was none."""
    return sum(row["cpu"] for row in rows) / good(rows) if good(rows) else None


def tuned(name, size, sets, quick):
    """The setting with the least price on the tuning data, and what each of them did there."""
    options, tries = settings(name, *size[:2], quick), {}
    if len(options) == 1:
        return next(iter(options)), tries
    for label, function in options.items():
        rows = runs(function, size, range(TUNING, TUNING + sets), lost)
        tries[label] = {"price": price(rows), "runs": len(rows), "median": float(np.median([r["cpu"] for r in rows]))}
    fit = {label: tried["price"] for label, tried in tries.items() if tried["price"] is not None}
    return (min(fit, key=fit.__getitem__) if fit else None), tries


def name_of(size):
    """The name of a size in the record."""
    return "{}x{} theta={} p={}".format(*size[:4])


def excuse(name, size, parts):
    """Why a peer is not run on a size, by what was measured in fewer dimensions; None if it is run."""
    n, m = size[:2]
    if name in SPECIALISTS and m != n:
        return "needs as many atoms as dimensions"
    found = {other: parts.get(f"{name_of(other)}|{name}", {}) for other in SIZES if other[0] < n}
    most = max((other[0] for other, part in found.items() if "runs" in part), default=0)
    last = {other: part for other, part in found.items() if other[0] == most and "runs" in part}
    if n <= 32 or not last:
        return None
    best = {other: part for other, part in last.items() if part["price"] is not None}
    quickest = min((np.median([row["cpu"] for row in part["runs"]]) for part in best.values()), default=0.0)
    if best:
        return f"took {quickest:.2g} s in {most} dimensions, the limit is {LIMIT:g} s" if quickest > LIMIT else None
    times = [row["cpu"] for part in last.values() for row in part["runs"]]
    for part in last.values():
        times += [tried["median"] for tried in part["tuning"].values() for _ in range(tried["runs"])]
    return f"no success in {len(times)} runs in {most} dimensions, {np.median(times):.2g} s each"


def contest(function, size, sets, enough=lambda rows: False, **more):
    """Runs on the test data, and their price."""
    rows = runs(function, size, range(TEST, TEST + sets), enough)
    return {**dict(zip(("n", "m", "theta", "p"), size, strict=True)), **more, "price": price(rows), "runs": rows}


def peer(name, size, sets, parts, quick):
    """Tune a peer, and test it; or why not."""
    why = excuse(name, size, parts)
    if why:
        return {"not run": why}
    if size[0] > 128:
        before = [part["setting"] for key, part in parts.items() if key.endswith(f"|{name}") and part.get("setting")]
        best, tries = before[-1], {}
    else:
        best, tries = tuned(name, size[:4], 1 if quick and size[0] > 64 else SETS, quick)
    if best is None:
        return {"setting": None, "tuning": tries, "price": None, "runs": []}
    function = settings(name, min(size[0], 128), size[1], quick)[best]
    return contest(function, size[:4], sets, tested, setting=best, tuning=tries)


def floor(size):
    """CPU seconds of what cannot be avoided: one Gram matrix, one product with W, one pass at m points."""
    n, m, theta, p = size
    Y = make_odl((n, m), p, theta, rng=np.random.default_rng(TUNING)).Y
    rows, W = np.ascontiguousarray(Y.T.astype(np.float32)), np.eye(n, dtype=np.float32)
    Q = random_points(n, m, rng=np.random.default_rng(0))
    pieces = {
        "gram": lambda: Y @ Y.T,
        "whitening": lambda: [Y[:, t : t + 4096].astype(np.float32).T @ W for t in range(0, p, 4096)] and None,
        "pass": lambda: cubed(rows, Q),
    }
    return {name: min(cpu(piece)[0] for _ in range(3 if n < 512 else 1)) for name, piece in pieces.items()}


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


def save(record, path):
    """The record as JSON, one line for each part."""
    head = {key: value for key, value in record.items() if key != "parts"}
    lines = [f"{json.dumps(key)}: {json.dumps(part)}" for key, part in record["parts"].items()]
    text = json.dumps(head, indent=1)[:-2] + ',\n "parts": {\n' + ",\n".join(lines) + "\n}}\n"
    path.write_text(text, encoding="utf-8")


def short(part):
    """A part in a few words."""
    if isinstance(part, dict) and "runs" in part:
        return f"{good(part['runs'])} of {len(part['runs'])}, price {part['price']}, {part.get('setting', '')}"
    return str(part)[:140]


def main():
    """Run what is missing and write after each part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer data sets, without the largest sizes")
    parser.add_argument("--fresh", action="store_true", help="forget what is recorded")
    parser.add_argument("--again", nargs="+", default=[], metavar="WORD", help="forget the parts with these words")
    parser.add_argument("--only", nargs="+", default=[""], metavar="WORD", help="run only the parts with these words")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    profile, quick = "quick" if options.quick else "full", options.quick
    record = json.loads(options.output.read_text()) if options.output.exists() and not options.fresh else {}
    if record.get("profile") != profile:
        record = {"profile": profile, "target": TARGET, "seeds": {"tuning": TUNING, "test": TEST}}
    record |= machine()
    parts, made = record.setdefault("parts", {}), record.setdefault("made", {})
    for key in [key for key in parts if any(word in key for word in options.again)]:
        del parts[key]

    def part(key, make):
        if key in parts or not any(word in key for word in options.only):
            return
        begin = time.time()
        try:
            parts[key] = make()
        except Exception as problem:  # a peer that fails is reported, it does not end the benchmark
            parts[key] = {"error": f"{type(problem).__name__}: {problem}"[:200]}
        made[key] = time.strftime("%Y-%m-%d %H:%M", time.gmtime())
        save(record, options.output)
        say(f"{key} ({time.time() - begin:.0f} s): {short(parts[key])}")

    def sizes():
        for size in SIZES:
            sets = size[5 if quick else 4]
            if sets:
                yield size, sets, name_of(size)

    for size, sets, key in sizes():
        part(f"{key}|floor", lambda size=size: floor(size[:4]))
        part(f"{key}|l4lib", lambda size=size, sets=sets: contest(ours, size[:4], sets))
        if size[0] == 32:
            part(f"{key}|l4lib, refined", lambda size=size: contest(ours_refined, size[:4], 5))
    part("honesty", lambda: honesty(5 if quick else 20))
    part("growth", lambda: growth.growth(quick, TARGET, say))
    part("memory", lambda: growth.memory(quick))
    part("stream of moments", lambda: streams.moments(TEST, p=300_000 if quick else 10_000_000))
    if not quick:
        part("stream, many dimensions", lambda: streams.wide(TEST))
    for size, sets, key in sizes():
        for name in PEERS:
            if quick and not any(name == who and size[0] <= most for who, most in QUICK_PEERS):
                continue
            part(f"{key}|{name}", lambda name=name, size=size, sets=sets: peer(name, size, sets, parts, quick))


if __name__ == "__main__":
    main()
