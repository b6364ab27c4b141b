"""What an experiment is: a question, a grid of cells, and a trial.

Seeds are derived from named parts (experiment, cell, trial, role), never from a loop index, so that results do not
depend on the order of execution or on the number of processes.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["PROFILES", "Cell", "Experiment", "Row", "code_hash", "generator"]

PROFILES = ("quick", "full")
"""``quick`` runs with the book in minutes; ``full`` is paper scale, its results are committed."""

Row = dict[str, Any]
"""What a trial returns: a flat mapping of numbers, booleans and short strings."""


def _canonical(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True)
class Cell:
    """One point of an experiment's grid.

    Attributes
    ----------
    params : dict
        The parameters by name, JSON values only.
    trials : int
        How often the trial is repeated.
    """

    params: dict[str, Any]
    trials: int

    @property
    def name(self) -> str:
        """The parameters as text, which seeds and keys are made of.

        Examples
        --------
        >>> Cell({"n": 8, "m": 12}, 5).name
        'm=12,n=8'
        """
        return ",".join(f"{key}={self.params[key]}" for key in sorted(self.params))


@dataclass(frozen=True)
class Experiment:
    """A question with the design that answers it.

    Attributes
    ----------
    id : str
        ``"E2"``.
    question : str
        What is asked, one sentence.
    cells : dict of str to tuple of Cell
        The grid of each profile.
    trial : callable
        ``trial(params, rng)`` with ``rng(role)`` a generator of that role; returns a :data:`Row`.
    series : str
        The name in its seeds, if it is not the id (an experiment that was renamed keeps its draws).
    """

    id: str
    question: str
    cells: dict[str, tuple[Cell, ...]]
    trial: Callable[[Mapping[str, Any], Callable[[str], np.random.Generator]], Row]
    series: str = ""

    @property
    def module(self) -> str:
        """The module that defines the trial, whose code the cache depends on."""
        return self.trial.__module__

    def run_trial(self, cell: Cell, trial: int) -> Row:
        """One trial; an exception becomes a row with an ``error``, so that a failure is never taken for a result."""
        start = time.perf_counter()
        try:
            row = dict(self.trial(cell.params, lambda role: generator(self.series or self.id, cell.name, trial, role)))
        except Exception as problem:
            row = {"error": f"{type(problem).__name__}: {problem}"}
        return {"trial": trial, **row, "seconds": round(time.perf_counter() - start, 4)}

    def key(self, cell: Cell) -> str:
        """The identity of a cell's results: experiment, parameters, repeats and the code they depend on."""
        parts = {"experiment": self.id, "params": cell.params, "trials": cell.trials, "code": code_hash(self.module)}
        return hashlib.sha256(_canonical(parts).encode()).hexdigest()[:20]


def generator(*parts: object) -> np.random.Generator:
    """A random generator that depends on the named parts and on nothing else.

    Examples
    --------
    >>> first, again, other = (generator("E2", "n=8", trial, "start") for trial in (0, 0, 1))
    >>> bool(first.random() == again.random()), bool(first.random() == other.random())
    (True, False)
    """
    digest = hashlib.sha256("|".join(str(part) for part in parts).encode()).digest()
    return np.random.default_rng(np.random.SeedSequence(int.from_bytes(digest[:16], "big")))


@cache
def _imports(path: Path) -> frozenset[str]:
    """The l4lib modules that a source file imports; a name taken from a wing counts as the module that defines it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "l4lib":
            names.update(_defining(node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names if alias.name.split(".")[0] == "l4lib")
    return frozenset(names)


@cache
def _defining(module: str, name: str) -> str:
    """The module that ``from module import name`` takes the name from, through the ``__init__`` of a wing."""
    path = _source(module)
    if path is None or path.name != "__init__.py":
        return module
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module and name in {alias.name for alias in node.names}:
            return _defining(node.module, name)
    return f"{module}.{name}"


@cache
def _source(module: str) -> Path | None:
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    return Path(found.origin) if found and found.origin else None


@cache
def _code(path: Path) -> str:
    """The source without docstrings, comment lines and blank lines: what can change a result."""
    source = path.read_text(encoding="utf-8")
    words: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            words.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = source.splitlines()
    kept = [line.rstrip() for number, line in enumerate(lines, 1) if number not in words]
    return "\n".join(line for line in kept if line and not line.lstrip().startswith("#"))


@cache
def code_hash(module: str) -> str:
    """A hash of the code of a module and of every l4lib module it imports, directly or not, words left out.

    The ``__init__`` of a wing only collects names: what counts is the module that a name comes from.

    Examples
    --------
    >>> len(code_hash("l4lib.quartic.solvers")), code_hash("l4lib.quartic.solvers") == code_hash("l4lib.quartic.sphere")
    (16, False)
    """
    seen: dict[str, Path] = {}
    todo = [module]
    while todo:
        name = todo.pop()
        path = _source(name)
        if name in seen or path is None or path.name == "__init__.py":
            continue
        seen[name] = path
        todo.extend(_imports(path))
    digest = hashlib.sha256()
    for name in sorted(seen):
        digest.update(f"{name}\0{_code(seen[name])}".encode())
    return digest.hexdigest()[:16]
