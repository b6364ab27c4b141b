"""How the work of ``recover_dictionary`` grows: operations counted on a designed grid, and laws fitted to them.

An operation is a multiplication or an addition; a product of matrices of sizes a × b and b × c has 2abc of them.
The counters are put around the functions of the library that look at samples, and taken away again.
"""

from __future__ import annotations

import contextlib
import itertools
import sys
import time
import tracemalloc
from collections import Counter
from dataclasses import asdict

import numpy as np
from scipy.optimize import least_squares

from l4lib import make_odl, match_atoms, recover_dictionary
from l4lib.data import Samples, cubed, fourth_powers
from l4lib.experiments import CostLaw, ErrorLaw

SEEDS, HELD_OUT = 8000, 8100
"""First seeds of the grid to which the laws are fitted, and of the cells that are held out."""


@contextlib.contextmanager
def counted():
    """Count what ``recover_dictionary`` does; yields a dictionary that is filled at the end.

    Keys: ``gram``, ``whitening``, ``covariance``, ``powers`` (held-out fourth powers), ``search`` and ``passes`` (sums
    of cubes, over a part of the half that is searched or over a whole half), and ``small`` (linear systems and
    eigenvalues, which do not look at samples).
    """
    total, looks, undo, result = Counter(), [], [], {}

    def hook(owner, name, count):
        old = getattr(owner, name)

        def function(*args, **options):
            count(*args)
            return old(*args, **options)

        undo.append((owner, name, old))
        setattr(owner, name, function)

    def everywhere(function, count):
        for module in [m for key, m in sys.modules.items() if key.startswith("l4lib")]:
            for name in [name for name, value in vars(module).items() if value is function]:
                hook(module, name, count)

    def add(kind, amount):
        total[kind] += amount

    def system(M, b=None, *_, **__):
        k, r = len(M), 0 if b is None else b.size // len(b)
        add("small", 2 * k**3 if b is None else 2 * k**3 // 3 + 2 * k * k * r)

    everywhere(cubed, lambda rows, Q, *_: looks.append((rows.shape[0], 4 * rows.size * Q.shape[1])))
    everywhere(fourth_powers, lambda rows, Q: add("powers", 2 * rows.size * Q.shape[1]))
    samples = sys.modules[Samples.__module__]
    hook(samples, "_moments", lambda data, *_: add("gram", 2 * data.shape[0] * data.size))
    hook(samples, "_white", lambda data, *_: add("whitening", 2 * data.shape[0] * data.size))
    hook(Samples, "_second_moment", lambda s, start, stop: add("covariance", 2 * s.n * s.n * (stop - start)))
    hook(np.linalg, "solve", system)
    hook(np.linalg, "inv", system)
    hook(np.linalg, "lstsq", lambda M, b, **_: add("small", 4 * len(M) ** 3))
    hook(np.linalg, "eigh", lambda M: add("small", 9 * len(M) ** 3))
    try:
        yield result
    finally:
        for owner, name, old in reversed(undo):
            setattr(owner, name, old)
        half = max((rows for rows, _ in looks), default=0)
        for rows, amount in looks:
            add("passes" if rows >= half - 1 else "search", amount)
        result |= {kind: int(amount) for kind, amount in sorted(total.items())}


def operations(counts):
    """Those that look at samples."""
    return sum(counts.get(kind, 0) for kind in ("gram", "whitening", "covariance", "powers", "search", "passes"))


def one(n, m, theta, p, seed):
    """One counted run."""
    data = make_odl((n, m), p, theta, rng=np.random.default_rng(seed))
    with counted() as counts:
        start = time.process_time()
        found = recover_dictionary(data.Y, m, rng=np.random.default_rng(seed))
        seconds = time.process_time() - start
    error = float(match_atoms(found.A, data.A).max_error) if found.A.shape[1] == m else 1.0
    return {"n": n, "m": m, "theta": theta, "p": p, "seed": seed, "cpu": round(seconds, 5), "max_error": error,
            "complete": bool(found.complete), "route": found.route, **counts}  # fmt: skip


def plain(row, target):
    """Whether a run is one of those that the laws are about: right at the first attempt."""
    return row["complete"] and row["max_error"] <= target and row["route"] == "pool"


def fit(rows):
    """The letters of the cost law that make the squared logarithms of counted over predicted least."""
    sizes = _columns(rows, "n", "m", "theta", "p")
    counts = np.array([operations(row) for row in rows])

    def letters(x):
        return CostLaw(float(np.exp(x[0])), float(np.exp(x[1])), float(x[2]), float(x[3]))

    return asdict(letters(least_squares(lambda x: np.log(counts / letters(x).operations(*sizes)), [0, 2, 1, 1]).x))


def _columns(rows, *names):
    return [np.array([row[name] for row in rows], dtype=float) for name in names]


def fit_error(rows):
    """The letters of the error law by least squares of logarithms, and the exponent of p if it is fitted, too."""
    n, m, theta, p, error = _columns(rows, "n", "m", "theta", "p", "max_error")
    X = np.column_stack([np.ones(n.size), np.log(n / 64), np.log(m / n), np.log(theta / 0.1), np.log(p / 50_000)])
    y = np.log(error * p / m)
    e, *exponents = np.linalg.lstsq(X[:, :4], y, rcond=None)[0]
    free = np.linalg.lstsq(X, y, rcond=None)[0][4] - 1.0
    return asdict(ErrorLaw(float(np.exp(e)), *map(float, exponents))), float(free)


def growth(quick, target, say):
    """Counted runs on the grid and on held-out cells, and the laws with their spread over the grid."""
    sizes, ps, repeats = (16, 32, 64, 128), (20_000, 50_000, 100_000), 2
    others, other_ps = (24, 48, 96), (40_000, 80_000)
    if quick:
        sizes, ps, repeats, others, other_ps = (16, 32, 64), (20_000, 50_000), 1, (24, 48), (40_000,)
    grid, held = [], []
    for n in sizes:
        for K, theta, p, k in itertools.product((1, 1.5, 2), (0.05, 0.1, 0.2), ps, range(repeats)):
            grid.append(one(n, round(K * n), theta, p, SEEDS + k))
        say(f"growth: n = {n}")
    for n, K, theta, p in itertools.product(others, (1.25, 1.75), (0.07, 0.15), other_ps):
        held.append(one(n, round(K * n), theta, p, HELD_OUT))
    used = [row for row in grid if plain(row, target)]
    without = [fit([row for row in used if row["n"] != n]) for n in sizes]
    cost, (error, exponent) = fit(used), fit_error(used)
    spread = {name: [min(f[name] for f in without), max(f[name] for f in without)] for name in cost}
    return {"grid": grid, "held out": held, "cost law": cost, "spread": spread, "error law": error,
            "exponent of p": exponent}  # fmt: skip


def memory(quick):
    """Peak of what numpy allocates beyond the data, and 4np, the samples in single precision."""
    rows = []
    for n, p in itertools.product((16, 64) if quick else (16, 32, 64, 128), (50_000, 100_000)):
        m = 3 * n // 2
        Y = make_odl((n, m), p, 0.1, rng=np.random.default_rng(SEEDS)).Y
        tracemalloc.start()
        recover_dictionary(Y, m, rng=np.random.default_rng(SEEDS))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        rows.append({"n": n, "m": m, "p": p, "peak_bytes": peak, "rows_bytes": 4 * n * p})
    return rows
