"""E13: dictionaries of the activations of a small language model, and whether two searches find the same."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from l4lib.data import max_cosines, orient, random_unit, whitening
from l4lib.experiments.autoencoder import activations, train
from l4lib.experiments.spec import Cell, Experiment, Row, generator
from l4lib.recovery import recover_dictionary
from l4lib.validate import Array

__all__ = ["E13", "glosses"]

_Rng = Callable[[str], np.random.Generator]

_SENTENCES, _TOKENS = 4_000, 40_000
_KEPT = 2_000
_FLAT = 1e-6
"""A direction with a smaller share of the largest variance is left out."""
_STEPS, _PENALTY, _ACTIVE = 1000, 2.0, 32
SHARED = 0.9
"""Two searches share a feature if the cosine is larger."""
_SHOWN, _WIDTH = 4, 76
"""Samples shown for a feature, and characters of each."""


def glosses(count: int, *, rng: np.random.Generator) -> list[str]:
    """Definitions of WordNet, one a line, without their examples, in random order.

    They are read from the folder that WNSEARCHDIR names, by default where Debian's package wordnet-base puts them.

    Parameters
    ----------
    count : int
        How many.
    rng : numpy.random.Generator
        Draws them.

    Raises
    ------
    FileNotFoundError
        If WordNet is not there.
    """
    folder = Path(os.environ.get("WNSEARCHDIR", "/usr/share/wordnet"))
    if not (folder / "data.noun").exists():
        raise FileNotFoundError(f"no WordNet in {folder}: install wordnet-base, or set WNSEARCHDIR to its data files")
    found = []
    for part in ("noun", "verb", "adj", "adv"):
        for line in (folder / f"data.{part}").read_text(encoding="latin-1").splitlines():
            if not line.startswith("  ") and " | " in line:
                found.append(line.split(" | ", 1)[1].split(";")[0].strip())
    found = sorted({text for text in found if len(text.split()) >= 4})
    return [found[k] for k in rng.permutation(len(found))[:count]]


@cache
def _real(layer: int) -> tuple[Array, tuple[str, ...]]:
    """Activations as columns in random order, and a label for each: the token in brackets, then its sentence."""
    rng = generator("activations", layer)
    texts = glosses(_SENTENCES, rng=rng)
    Y, labels = activations(texts, layer)
    Y = Y - Y.mean(axis=1, keepdims=True)
    while True:  # layer normalisation leaves linear relations: turn each to the last axis, and leave that out
        variances, axes = np.linalg.eigh(Y @ Y.T / Y.shape[1])
        if variances[0] > _FLAT * variances[-1]:
            break
        normal = axes[:, 0] - np.eye(Y.shape[0])[-1]
        Y = (Y - np.outer(2 * normal / (normal @ normal), normal @ Y))[:-1]
    order = rng.permutation(Y.shape[1])[:_TOKENS]
    shown = tuple(f"[{word}] {texts[k]}" for k, word in (labels[i] for i in order))
    return Y[:, order], shown


def _data(layer: int, control: str) -> tuple[Array, tuple[str, ...]]:
    """The activations, a random rotation of them, or Gaussian samples of the same mean and covariance."""
    Y, shown = _real(layer)
    rng = generator("activations", layer, control)
    if control == "rotated":
        turn, _ = np.linalg.qr(rng.standard_normal((Y.shape[0], Y.shape[0])))
        return turn @ Y, shown
    if control == "Gaussian":
        centre = Y.mean(axis=1, keepdims=True)
        factor = whitening(Y - centre).inverse
        return centre + factor @ rng.standard_normal(Y.shape), shown
    return Y, shown


def _dictionary(Y: Array, params: Mapping[str, Any], rng: np.random.Generator) -> tuple[Array, Row]:
    n, k = Y.shape[0], params["features"]
    if params["method"] == "l4":
        found = recover_dictionary(Y[:, :-_KEPT], k, rng=rng)
        return orient(found.A, Y[:, :-_KEPT]), {"complete": found.complete}
    trained = train(
        Y - Y.mean(axis=1, keepdims=True),
        rng.standard_normal((n, k)),
        kind=params["method"],
        penalty=_PENALTY,
        active=_ACTIVE,
        steps=_STEPS,
        kept=_KEPT,
        rng=rng,
    )
    on = trained.codes > 0
    alive = on.any(axis=1)
    row = {"unexplained": trained.unexplained, "l0": float(on.sum(axis=0).mean()), "dead": float(np.mean(~alive))}
    return trained.D[:, alive], row


def _projections(D: Array, Y: Array) -> Array:
    """The white samples along each white feature, shape (k, p): what a fourth moment sees of a feature."""
    centred = Y - Y.mean(axis=1, keepdims=True)
    white = whitening(centred)
    Q = white.W @ D
    return (Q / np.linalg.norm(Q, axis=0)).T @ (white.W @ centred)


def _kurtosis(t: Array) -> float:
    squares = t * t
    return float(np.median(np.mean(squares * squares, axis=1) / np.mean(squares, axis=1) ** 2 - 3.0))


def _agreement(params: Mapping[str, Any], rng: _Rng) -> Row:
    """Two searches with different random numbers on the same data, and the other method once."""
    Y, shown = _data(params["layer"], params["control"])
    one, row = _dictionary(Y, params, rng("one"))
    two, _ = _dictionary(Y, params, rng("two"))
    chance = random_unit(Y.shape[0], params["features"], rng=rng("chance"))
    row |= {"found": one.shape[1], "samples": Y.shape[1]}
    if not min(one.shape[1], two.shape[1]):
        return row
    between = max_cosines(one, two)
    t = _projections(one, Y[:, -4 * _KEPT :])
    row |= {
        "agreement": float(between.mean()),
        "shared": float(np.mean(between > SHARED)),
        "chance": float(max_cosines(one, chance).mean()),
        "kurtosis": _kurtosis(t),
        "random kurtosis": _kurtosis(_projections(chance, Y[:, -4 * _KEPT :])),
    }
    if params["other"]:
        third, _ = _dictionary(Y, {**params, "method": params["other"]}, rng("other"))
        across = max_cosines(one, third)
        row |= {"across": float(across.mean()), "shared across": float(np.mean(across > SHARED))}
    if params["control"] == "real":
        rank = np.argsort(-between, kind="stable")
        chosen = [int(k) for k in (*rank[:2], *rank[rank.size // 2 : rank.size // 2 + 2])]
        row["agreements"] = [round(float(between[k]), 3) for k in chosen]
        row["top"] = [
            [shown[Y.shape[1] - t.shape[1] + int(i)][:_WIDTH] for i in np.argsort(-t[k], kind="stable")[:_SHOWN]]
            for k in chosen
        ]
    return row


def _cells() -> tuple[Cell, ...]:
    cells = []
    for layer, control, features, methods in (
        (3, "real", 384, ("l4", "untied", "top-k")),
        (3, "rotated", 384, ("l4", "untied")),
        (3, "Gaussian", 384, ("l4", "untied")),
        (3, "real", 768, ("l4", "untied")),
        (6, "real", 384, ("l4", "untied")),
        (6, "Gaussian", 384, ("l4", "untied")),
    ):
        for method in methods:
            other = "untied" if method == "l4" and control == "real" else None
            params = {"layer": layer, "control": control, "features": features, "method": method, "other": other}
            cells.append(Cell(params, 1))
    return tuple(cells)


E13 = Experiment(
    id="E13",
    question="Do two searches find the same features in the activations of a small language model?",
    cells={"quick": _cells()[:1], "full": _cells()},
    trial=_agreement,
)
