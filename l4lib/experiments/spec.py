"""What an experiment is: a question, a grid of cells, and a trial.

Seeds are derived from named parts (experiment, cell, trial, role), never from a loop index, so that results do not
depend on the order of execution or on the number of processes.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from l4lib.experiments.code import code_hash

__all__ = ["PROFILES", "Cell", "Experiment", "Row", "generator"]

PROFILES = ("quick", "full")
"""``quick`` runs with the book in minutes; ``full`` is paper scale, its results are committed."""

Row = dict[str, Any]
"""What a trial returns: a flat mapping of numbers, booleans and short strings."""


_OWN = {"trial", "seconds"}
"""Columns that the runner fills."""


def _plain(value: Any) -> Any:
    """NumPy's scalars and arrays as Python's numbers and lists, everything else as it is."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value


def _row(result: Any, params: Mapping[str, Any]) -> Row:
    """What a trial returned, as it comes back from the store.

    Raises
    ------
    TypeError, ValueError
        If it is no mapping of JSON values, or names a column that is not the trial's to fill.
    """
    if not isinstance(result, Mapping):
        raise TypeError(f"a trial returns a mapping of names to numbers, got {type(result).__name__}")
    row = {str(name): _plain(value) for name, value in result.items()}
    for name, value in row.items():
        try:
            json.dumps(value)
        except TypeError:
            raise TypeError(
                f"{name}: expected a number, boolean, string or list of them, got {type(value).__name__}"
            ) from None
    taken = sorted(row.keys() & (_OWN | params.keys()))
    if taken:
        raise ValueError(f"{taken[0]}: expected names other than those of parameters, trial and seconds")
    return row


def _canonical(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True)
class Cell:
    """One point of an experiment's grid.

    Attributes
    ----------
    params : dict
        The parameters by name, JSON values only (NumPy's scalars become Python's numbers).
    trials : int
        How often the trial is repeated.
    """

    params: dict[str, Any]
    trials: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "params", _plain(self.params))

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
    def code(self) -> str:
        """A hash of the code that the trial depends on (``l4lib.experiments.code.code_hash``)."""
        return code_hash(self.trial)

    def run_trial(self, cell: Cell, trial: int) -> Row:
        """One trial; an exception becomes a row with an ``error``, so that a failure is never taken for a result."""
        start = time.perf_counter()
        try:
            series = self.series or self.id
            row = _row(self.trial(cell.params, lambda role: generator(series, cell.name, trial, role)), cell.params)
        except Exception as problem:
            row = {"error": f"{type(problem).__name__}: {problem}"}
        return {"trial": trial, **row, "seconds": round(time.perf_counter() - start, 4)}

    def key(self, cell: Cell) -> str:
        """The identity of a cell's results: experiment, parameters, repeats and the code they depend on."""
        parts = {"experiment": self.id, "params": cell.params, "trials": cell.trials, "code": self.code}
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
