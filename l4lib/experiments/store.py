"""Finished cells on disk: one small JSON file each, written at once and trusted only if it proves itself."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import secrets
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

from l4lib.experiments.spec import Cell, Experiment, Row

__all__ = ["Store", "provenance"]

_STALE = 600.0
"""Seconds after which an unfinished file is that of a process which was killed; writing one takes milliseconds."""


_PEERS = {"sklearn": "scikit-learn", "spams": "spams-bin", "torch": "torch", "transformers": "transformers"}
"""Modules whose packages count if a trial has imported them."""


def provenance(experiment: Experiment) -> dict[str, Any]:
    """Where results come from: versions, code and the machine in words.

    Examples
    --------
    >>> from l4lib.experiments import EXPERIMENTS
    >>> sorted(provenance(EXPERIMENTS["E2"]))
    ['code', 'machine', 'versions']
    """
    packages = {name: version(name) for name in ("numpy", "scipy")}
    packages |= {name: version(name) for module, name in _PEERS.items() if module in sys.modules}
    return {
        "code": experiment.code,
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

    def prepare(self, experiment: Experiment) -> None:
        """Make the folder, check that files can be written to it, and clear away what killed processes left there.

        Raises
        ------
        OSError
            If cells cannot be stored in it.
        """
        folder = self.root / experiment.id
        probe = folder / f".{secrets.token_hex(8)}.part"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe.touch(exist_ok=False)
            probe.unlink()
        except OSError as problem:
            raise OSError(f"store: expected a folder to write to, got {self.root} ({problem.strerror})") from problem
        for left in folder.glob(".*.part"):
            try:
                if time.time() - left.stat().st_mtime > _STALE:
                    left.unlink()
            except OSError:  # another process was faster, or it is not ours to delete
                continue

    def save(self, experiment: Experiment, cell: Cell, rows: list[Row]) -> None:
        """Write a finished cell so that a kill at any moment leaves either the whole file or none."""
        payload = {
            "key": experiment.key(cell),
            "params": cell.params,
            "rows": rows,
            "provenance": provenance(experiment),
        }
        text = json.dumps({"digest": _digest(payload), **payload})
        path = self.path(experiment, cell)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.stem}.{secrets.token_hex(8)}.part")
        try:
            with part.open("x", encoding="utf-8") as file:  # its mode is what the umask says, unlike tempfile's
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise

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
