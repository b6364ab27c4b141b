"""Chapter *Superposition and sparse autoencoders*: what the records say, and the parts that run without PyTorch."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import l4lib
from l4lib.data import power_law
from l4lib.experiments import EXPERIMENTS, Cell, read_record
from l4lib.experiments.activations import glosses
from l4lib.experiments.autoencoder import activations, train
from l4lib.experiments.superposition import draw_superposition

E12 = EXPERIMENTS["E12"]
BASE = {"active": 6, "exponent": 0.5, "law": "exponential", "noise": 0.1, "start": "random"}


def test_only_one_module_imports_pytorch():
    folder = Path(l4lib.__file__).parent
    users = {
        path.name for path in folder.rglob("*.py") if re.search(r"^\s*(import|from) torch", path.read_text(), re.M)
    }
    assert users == {"autoencoder.py"}


def test_what_is_missing_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"pip install 'l4lib\[sae\]'"):
        activations(["a word"], 3)
    with pytest.raises(ImportError, match="PyTorch"):
        train(np.ones((2, 9)), np.eye(2), kind="tied", steps=1, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="kind: expected one of tied, untied, top-k, got 'deep'"):
        train(np.ones((2, 9)), np.eye(2), kind="deep", steps=1, rng=np.random.default_rng(0))


def test_all_methods_get_the_same_data():
    cells = [cell.params for cell in E12.cells["full"][:12]]
    small = [{**params, "p": 500} for params in cells if params["draw"] == 0]
    first = draw_superposition(small[0])
    assert len({params["method"] for params in small}) > 2
    assert all(np.array_equal(draw_superposition(params).Y, first.Y) for params in small[1:])
    assert not np.array_equal(draw_superposition({**small[0], "draw": 1}).Y, first.Y)
    assert np.allclose(first.theta, power_law(128, 6))
    signal = first.A @ first.X
    level = np.sqrt(np.mean((first.Y - signal) ** 2) / np.mean(np.var(signal, axis=1)))
    assert level == pytest.approx(0.1, rel=0.02)


def test_glosses_are_read_from_a_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("WNSEARCHDIR", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="install wordnet-base, or set WNSEARCHDIR"):
        glosses(2, rng=np.random.default_rng(0))
    line = '0000{} 03 n 01 entity 0 000 | {}; "an example of its use"  \n'
    for part in ("noun", "verb", "adj", "adv"):
        text = "  1 This is a licence | of four words at least\n" + line.format(1, f"a {part} that means something")
        (tmp_path / f"data.{part}").write_text(text + line.format(2, "too short"), encoding="latin-1")
    found = glosses(9, rng=np.random.default_rng(0))
    assert sorted(found) == [f"a {part} that means something" for part in ("adj", "adv", "noun", "verb")]


def test_a_failed_import_is_a_failed_trial(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    cell = next(cell for cell in E12.cells["full"] if cell.params["method"] == "tied")
    row = E12.run_trial(Cell({**cell.params, "p": 1_500}, 1), 0)
    assert row["error"].startswith("ImportError: sparse autoencoders are trained with PyTorch")


def recorded(**wanted):
    """Rows of E12 on data of the model, with changes."""
    base = {"exponent": 0.5, "law": "exponential", "together": 0.0, "noise": 0.1, "start": "random", **wanted}
    table = read_record("E12").table.fillna({"together": 0.0})
    keep = np.logical_and.reduce([table[name] == value for name, value in base.items()])
    return table[keep]


def one(method, setting=None, **wanted):
    rows = recorded(**{"n": 64, "m": 128, "p": 40_000, "active": 6, "draw": 0, "method": method, **wanted})
    rows = rows if setting is None else rows[rows["setting"] == setting]
    assert len(rows) == 1
    return rows.iloc[0]


@pytest.mark.claim("sae-comparison")
def test_what_the_comparison_says():
    record = read_record("E12")
    assert record.provenance["failed"] == 0 and len(record.table) >= 60
    assert (record.table["low"] <= record.table["mmcs"]).all() and (record.table["mmcs"] <= record.table["high"]).all()
    lost = 0
    for n, active, p in ((64, 6, 40_000), (128, 8, 60_000), (256, 12, 80_000)):
        for ratio in (1, 2, 4):
            rows = recorded(n=n, m=n * ratio, p=p, active=active)
            mine, others = rows[rows["method"] == "l4"], rows[rows["method"] != "l4"]
            share = mine["found"].sum() / mine["m"].sum()
            lost += (mine["m"] - mine["found"]).sum() if ratio < 4 else 0
            assert ratio < 4 or share >= 0.98
            assert ratio < 4 or set(mine["complete"].astype(str)) == {"False"}
            if len(others):
                assert share >= others["found"].max() / (n * ratio) - 0.01
                assert mine["cpu"].max() <= others[others["method"] == "untied"]["cpu"].min() / 5
            if ratio == 1:  # where the autoencoder is the more accurate one
                assert rows[rows["method"] == "untied"]["mmcs"].min() > mine["mmcs"].max()
    assert lost == 1
    # every answer that lacks a feature says so, and more than half of the others as well
    mine = record.table[record.table["method"] == "l4"]
    complete, all_found = mine["complete"].astype(str) == "True", mine["found"] == mine["m"]
    assert not np.any(complete & ~all_found)
    assert all_found.sum() == 15 and np.sum(all_found & ~complete) == 9
    # where the autoencoder and spams win: few samples, constant amplitudes
    for p in (1_500, 5_000):
        assert one("untied", p=p)["found"] >= one("l4", p=p)["found"] + 8
        assert one("spams", p=p)["found"] >= one("l4", p=p)["found"] + 8
        assert one("l4", p=p)["complete"] not in (True, "True")
    assert one("untied", law="constant")["found"] > one("l4", law="constant")["found"]
    assert one("l4", law="constant")["coded"] > 1.5 * one("untied", law="constant")["coded"]
    few = one("l4", p=1_500)
    assert few["rare"] == 64 - 21 and few["found"] - few["rare"] == 64 - 4
    for together in (0.5, 0.8, 1.0):
        assert one("untied", together=together)["mmcs"] > one("l4", together=together)["mmcs"]
    # noise as strong as the signal: a penalty that was right without it finds nothing, another one as much as l4
    noisy = {setting: one("untied", setting, noise=1.0)["found"] for setting in (1.0, 2.0, 4.0)}
    assert noisy[1.0] < 10 and noisy[2.0] >= one("l4", noise=1.0)["found"] >= 118
    # sensitivity
    tied = recorded(n=64, m=128, p=40_000, active=6, draw=0, method="tied")["found"]
    untied = recorded(n=64, m=128, p=40_000, active=6, draw=0, method="untied")["found"]
    assert tied.max() < untied.max() == 128 and tied.min() < 10 and untied.min() > 110


@pytest.mark.claim("sae-comparison")
def test_recorded_trials_are_run_again():
    """One of the cheap ones: the search of this book, on the smallest data."""
    cell = next(c for c in E12.cells["full"] if c.params["m"] == 64 and c.params["method"] == "l4")
    row = E12.run_trial(cell, 0)
    old = one("l4", m=64)
    for name in ("mmcs", "back", "found", "coded"):
        assert row[name] == pytest.approx(old[name], rel=0.01)
    names = {"n", "m", "p", "method", "setting", "draw", "start", "law", "noise", "active", "exponent"}
    grid = {tuple(cell.params[name] for name in sorted(names)) for cell in E12.cells["full"]}
    rows = {tuple(row[name] for name in sorted(names)) for row in read_record("E12").table.to_dict("records")}
    assert grid == rows


@pytest.mark.claim("sae-start")
def test_what_a_start_is_worth():
    for m, method, setting in ((128, "tied", 1.0), (128, "untied", 1.0), (256, "untied", 2.0)):
        rows = {start: one(method, setting, m=m, start=start) for start in ("random", "samples", "l4")}
        losses = {start: json.loads(row["losses"]) for start, row in rows.items()}
        assert rows["l4"]["mmcs"] > rows["random"]["mmcs"] > rows["samples"]["mmcs"]
        assert rows["l4"]["found"] > rows["random"]["found"] > rows["samples"]["found"]
        assert rows["l4"]["dead"] == 0
        assert (losses["l4"][-1] < losses["random"][-1]) == (m == 128)  # a lower loss with fewer true features
        if m == 128:
            first = {start: np.argmax(np.array(path) <= 1.05 * losses["random"][-1]) for start, path in losses.items()}
            assert 0 < first["l4"] <= 0.65 * first["random"]


@pytest.mark.claim("activations")
def test_what_the_activations_say():
    record = read_record("E13")
    assert record.provenance["failed"] == 0 and len(record.table) == len(EXPERIMENTS["E13"].cells["full"])
    table = record.table.set_index(["layer", "control", "features", "method"]).sort_index()
    for layer in (3, 6):
        real, noise = (table.loc[(layer, control, 384)] for control in ("real", "Gaussian"))
        more, less = ("l4", "untied") if layer == 3 else ("untied", "l4")
        assert 0.5 > real.loc[more, "shared"] > real.loc[less, "shared"] > 0.25
        assert noise["shared"].max() <= 0.02 and noise["kurtosis"].abs().max() < 0.5
        assert real.loc["l4", "kurtosis"] > real.loc["untied", "kurtosis"] > 5 * real["random kurtosis"].max()
        assert 0.1 < real.loc["l4", "shared across"] < 0.2
        assert noise["agreement"].min() > 1.5 * noise["chance"].max()
    turned, real = table.loc[(3, "rotated", 384)], table.loc[(3, "real", 384)]
    assert (turned["shared"] - real["shared"]).abs().max() < 0.04
    assert real.loc["top-k", "shared"] < 0.1
    more = table.loc[(3, "real", 768), "shared"]
    assert 0.55 > more["l4"] > 0.5 > real.loc["l4", "shared"]
    assert more["untied"] < 1 / 6 and real.loc["untied", "shared"] > 0.3
    assert not table["complete"].dropna().astype(str).eq("True").any()
