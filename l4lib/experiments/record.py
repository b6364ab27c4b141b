"""Finished results as the book keeps them: a small table and where it comes from."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l4lib.experiments.spec import Cell, Experiment
from l4lib.experiments.store import Store

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RESULTS", "Record", "read_benchmark", "read_record", "write_record"]

RESULTS = Path(__file__).parent / "results"
"""Where the recorded results are that come with the library."""
BENCHMARKS = Path(__file__).parent / "benchmarks"


@dataclass(frozen=True)
class Record:
    """Committed results of an experiment.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a trial: parameters, then results; numbers have four significant digits.
    provenance : dict
        Question, profile, cells and trials, seeds, versions, code hash, machine in words, computing time in seconds.
    """

    table: pd.DataFrame
    provenance: dict[str, Any]

    def recomputes(self, experiment: Experiment, *, cells: list[Cell], trials: int) -> bool:
        """Whether the first trials of some cells, run again now, give the recorded rows (numbers to 1 %)."""
        for cell in cells:
            rows = self.table
            for name, value in cell.params.items():
                rows = rows[rows[name] == value]
            for trial in range(trials):
                old = rows[rows["trial"] == trial].iloc[0]
                for name, value in experiment.run_trial(cell, trial).items():
                    if name == "seconds" or isinstance(value, list) or value is None:
                        continue
                    if isinstance(value, (bool, str)):
                        same = old[name] == value
                    else:
                        same = abs(float(old[name]) - float(value)) <= 0.01 * max(abs(float(value)), 1e-6)
                    if not same:
                        return False
        return True


def write_record(experiment: Experiment, *, profile: str, store: Store, folder: str | os.PathLike[str]) -> Path:
    """Write ``ID.csv`` and ``ID.json`` from the finished cells of a store; returns the path of the table.

    Raises
    ------
    RuntimeError
        If cells are missing; the message says how many are there.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    origins: dict[str, Any] = {}
    cells = experiment.cells[profile]
    done = 0
    for cell in cells:
        finished = store.load(experiment, cell)
        if finished is None:
            continue
        done += 1
        content = json.loads(store.path(experiment, cell).read_text(encoding="utf-8"))
        origins[json.dumps(content["provenance"], sort_keys=True)] = content["provenance"]
        rows += [{**cell.params, **row} for row in finished]
    if done < len(cells):
        raise RuntimeError(f"{experiment.id}: {done} of {len(cells)} cells are finished in {store.root}; run the rest")
    table = pd.DataFrame(rows)
    seconds = float(table.pop("seconds").sum())
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    text = table.to_csv(index=False, float_format="%.4g", lineterminator="\n")
    (target / f"{experiment.id}.csv").write_text(text, encoding="utf-8")
    provenance = {
        "id": experiment.id,
        "question": experiment.question,
        "profile": profile,
        "cells": len(cells),
        "trials": len(table),
        "failed": int(table["error"].notna().sum()) if "error" in table else 0,
        "seeds": "from the names of experiment, cell, trial and role",
        "computing_seconds": round(seconds),
        "origins": list(origins.values()),
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
    (target / f"{experiment.id}.json").write_text(json.dumps(provenance, indent=1) + "\n", encoding="utf-8")
    return target / f"{experiment.id}.csv"


def read_record(name: str, folder: str | os.PathLike[str] = RESULTS) -> Record:
    """Recorded results by the experiment's id; without a folder those that come with the library.

    Raises
    ------
    FileNotFoundError
        If there are none in the folder.
    ValueError
        If the table is not the one that its provenance describes.

    Examples
    --------
    >>> import tempfile
    >>> from l4lib.experiments import Cell, Experiment, Store, run
    >>> coin = Experiment("E0", "Is it fair?", {"quick": (Cell({"bias": 0.5}, 4),)}, lambda params, rng:
    ...     {"heads": bool(rng("toss").random() < params["bias"])})
    >>> folder = tempfile.mkdtemp()
    >>> _ = run(coin, store=Store(folder), progress=False)
    >>> _ = write_record(coin, profile="quick", store=Store(folder), folder=folder)
    >>> record = read_record("E0", folder)
    >>> record.provenance["trials"], record.recomputes(coin, cells=list(coin.cells["quick"]), trials=4)
    (4, True)
    """
    import pandas as pd

    path = Path(folder) / f"{name}.csv"
    for needed in (path, path.with_suffix(".json")):
        if not needed.exists():
            raise FileNotFoundError(f"no recorded results {needed}; make them with python -m l4lib.experiments record")
    provenance: dict[str, Any] = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != provenance.get("sha256"):
        raise ValueError(f"{path}: expected the table with digest {provenance.get('sha256')}, got {digest}")
    return Record(table=pd.read_csv(path), provenance=provenance)


def read_benchmark(name: str) -> dict[str, Any]:
    """A record of measured speed that comes with the library, as ``benchmarks/NAME.py`` wrote it.

    Raises
    ------
    FileNotFoundError
        If there is none of that name; the message lists the names.

    Examples
    --------
    >>> sorted(read_benchmark("convolution"))[0]
    'gradient'
    """
    path = BENCHMARKS / f"{name}.json"
    if not path.exists():
        names = ", ".join(sorted(file.stem for file in BENCHMARKS.glob("*.json")))
        raise FileNotFoundError(f"name: expected a recorded benchmark ({names}), got {name!r}")
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record
