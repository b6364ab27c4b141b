"""The peers: one function for each setting, which takes (Y, m, seed) and returns atoms and no flag."""

from __future__ import annotations

import time

import numpy as np

from l4lib.data import unique_lines, whitening
from l4lib.quartic import project, random_points

LIMIT = 60.0
"""CPU seconds of one run at most."""
SPECIALISTS = ("FastICA", "Picard", "MSP (own)")
"""They need as many atoms as dimensions."""
PEERS = ("spams", "scikit-learn MiniBatch", "dictlearn", "pymanopt", *SPECIALISTS)


def spams(penalty, batch, samples):
    """Online dictionary learning of spams with an ℓ¹ penalty, stopped after so many samples."""

    def run(Y, m, seed):
        import spams

        options = {"lambda1": penalty, "iter": samples // batch, "batchsize": batch}
        return spams.trainDL(np.asfortranarray(Y), K=m, numThreads=1, verbose=False, **options), None

    return run


def sklearn_minibatch(alpha, first, rounds, batch):
    """MiniBatchDictionaryLearning of scikit-learn on ten thousand samples, from its own start or from samples."""

    def run(Y, m, seed):
        from sklearn.decomposition import MiniBatchDictionaryLearning as Model

        samples, begin = np.ascontiguousarray(Y.T[:10_000]), None
        if first == "samples":
            loud = samples[np.linalg.norm(samples, axis=1) > 0]
            begin = project(loud[np.random.default_rng(seed).choice(len(loud), m, replace=False)].T).T
        options = {"dict_init": begin, "max_iter": rounds, "batch_size": batch, "max_no_improvement": None, "tol": 0.0}
        model = Model(m, alpha=alpha, random_state=seed, fit_algorithm="cd", n_jobs=1, **options)
        return project(model.fit(samples).components_.T), None

    return run


def dictlearn(algorithm, nonzeros, rounds):
    """K-SVD and its kin of dictlearn, on four thousand samples."""

    def run(Y, m, seed):
        from dictlearn import DictionaryLearning

        options = {"n_nonzero_coefs": nonzeros, "max_iter": rounds, "random_state": seed}
        model = DictionaryLearning(m, fit_algorithm=algorithm, **options)
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


def settings(name, n, m, quick):
    """What the tuning rule chooses from."""
    if name == "spams":
        samples = (10_000, 20_000, 40_000, 80_000) if n <= 64 else (40_000, 120_000, 360_000)
        samples = (2_500, 5_000, *samples[:3]) if n <= 16 else samples
        pairs = ((0.15, 200), (0.4, 100), (0.4, 200), (0.7, 200)) if n <= 64 else ((0.4, 200), (0.7, 400))
        if quick:
            samples, pairs = (samples[2:], pairs[1:3]) if n <= 64 else (samples[1:2], pairs[:1])
        return {f"penalty {a}, batch {b}, {s} samples": spams(a, b, s) for a, b in pairs for s in samples}
    if name == "scikit-learn MiniBatch":
        runs = ((0.15, "own", 4, 256), (0.15, "samples", 4, 256), (0.4, "samples", 1, 64), (0.4, "samples", 4, 256))
        return {f"alpha {a}, start {s}, {r} × 10 000, batch {b}": sklearn_minibatch(a, s, r, b) for a, s, r, b in runs}
    if name == "dictlearn":
        k = max(2, round(0.1 * m) + 1)
        options = [(a, r) for a in ("aksvd", "mod") for r in (10, 30)]
        return {f"{a}, {k} nonzeros, {r} rounds": dictlearn(a, k, r) for a, r in options}
    if name == "pymanopt":
        return {o: pymanopt_descent(o) for o in ("ConjugateGradient", "SteepestDescent")}
    return {"as is": {"FastICA": fastica, "Picard": picard_ica, "MSP (own)": msp}[name]}
