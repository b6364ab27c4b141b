"""Chapter *Superposition and sparse autoencoders*: what the records say, and the parts that run without PyTorch."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

import l4lib
from l4lib.data import power_law
from l4lib.experiments import EXPERIMENTS, Cell
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
