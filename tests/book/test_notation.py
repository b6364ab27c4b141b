"""The notation page names things that exist."""

import importlib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ROWS = yaml.safe_load((ROOT / "book" / "reference" / "notation.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("row", [row for row in ROWS if row["code"]], ids=lambda row: row["code"])
def test_code_name_exists(row):
    parts = row["code"].split(".")
    for cut in range(len(parts), 0, -1):
        try:
            owner = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for name in parts[cut:]:
            owner = getattr(owner, name)
        return
    pytest.fail(f"{row['code']} cannot be imported")


def test_symbols_are_unique():
    symbols = [row["symbol"] for row in ROWS]
    assert len(symbols) == len(set(symbols))
