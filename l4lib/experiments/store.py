"""Finished cells on disk: one small JSON file each, written at once and trusted only if it proves itself."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

from l4lib.experiments.spec import Cell, Experiment, Row, code_hash

__all__ = ["Store", "provenance"]


def provenance(experiment: Experiment) -> dict[str, Any]:
    """Where results come from: versions, code and the machine in words.

    Examples
    --------
    >>> from l4lib.experiments import EXPERIMENTS
    >>> sorted(provenance(EXPERIMENTS["E2"]))
    ['code', 'machine', 'versions']
    """
    packages = {name: version(name) for name in ("numpy", "scipy")}
    return {
        "code": code_hash(experiment.module),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
        "versions": {"python": platform.python_version(), **packages},
    }


def _digest(payload: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()


class Store:
    """A folder of finished cells.

    Parameters
    ----------
    root : path
        The folder; created when first written to.

    Examples
    --------
    >>> import tempfile
    >>> from l4lib.experiments import EXPERIMENTS
    >>> e2 = EXPERIMENTS["E2"]
    >>> store = Store(tempfile.mkdtemp())
    >>> store.load(e2, e2.cells["quick"][0]) is None
    True
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)

    def path(self, experiment: Experiment, cell: Cell) -> Path:
        """The file of a cell."""
        return self.root / experiment.id / f"{experiment.key(cell)}.json"

    def save(self, experiment: Experiment, cell: Cell, rows: list[Row]) -> None:
        """Write a finished cell so that a kill at any moment leaves either the whole file or none."""
        payload = {
            "key": experiment.key(cell),
            "params": cell.params,
            "rows": rows,
            "provenance": provenance(experiment),
        }
        path = self.path(experiment, cell)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({"digest": _digest(payload), **payload}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)

    def load(self, experiment: Experiment, cell: Cell) -> list[Row] | None:
        """The rows of a finished cell, or None if there are none that can be trusted.

        Warns
        -----
        RuntimeWarning
            If there is a file but it is damaged or is not this cell's; it will be recomputed.
        """
        path = self.path(experiment, cell)
        if not path.exists():
            return None
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            digest = content.pop("digest")
            rows: list[Row] = content["rows"]
            sound = digest == _digest(content) and content["key"] == experiment.key(cell) and len(rows) == cell.trials
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            sound, reason = False, f"{type(problem).__name__}: {problem}"
        else:
            reason = "its content does not match its digest, its key or its number of trials"
        if sound:
            return rows
        warnings.warn(f"{path.name}: damaged or foreign ({reason}); recomputing", RuntimeWarning, stacklevel=2)
        return None
