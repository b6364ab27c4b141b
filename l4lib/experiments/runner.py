"""Run the cells that are missing, in parallel over trials, and keep each as soon as it is finished."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tqdm import tqdm

from l4lib.experiments.spec import PROFILES, Cell, Experiment, Row
from l4lib.experiments.store import Store
from l4lib.validate import as_count

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FailedTrials", "run"]


class FailedTrials(RuntimeWarning):
    """Some rows of a table are exceptions, not results."""


@contextmanager
def _backend(scheduler: str | None) -> Iterator[None]:
    """Joblib's own processes, or the Dask cluster at an address."""
    if scheduler is None:
        yield
        return
    try:
        from distributed import Client
    except ImportError:
        raise ImportError("a scheduler address needs Dask: pip install distributed") from None
    from joblib import parallel_config

    with Client(scheduler) as client, parallel_config(backend="dask", client=client):
        yield


def _trial(experiment: Experiment, index: int, cell: Cell, trial: int) -> tuple[int, Row]:
    return index, experiment.run_trial(cell, trial)


def run(
    experiment: Experiment,
    *,
    profile: str = "quick",
    store: Store,
    jobs: int = 1,
    scheduler: str | None = None,
    retry_failed: bool = False,
    progress: bool = True,
) -> pd.DataFrame:
    """Run what is missing of an experiment and return all its rows.

    Parameters
    ----------
    experiment : Experiment
        What to run.
    profile : str
        ``"quick"`` or ``"full"``.
    store : Store
        Where finished cells are kept.
    jobs : int
        Processes of this machine.
    scheduler : str, optional
        Address of a Dask scheduler, which is then used instead.
    retry_failed : bool
        Run finished trials again that ended in an exception, as they do when memory or a connection fails.
        They keep their seeds.
    progress : bool
        Show a bar with the remaining time.

    Returns
    -------
    pandas.DataFrame
        One row a trial: the cell's parameters, then what the trial returned; the order is that of the grid.
        A trial that ended in an exception has its words in the column ``error``.

    Warns
    -----
    FailedTrials
        If there are such trials, new or stored.

    Raises
    ------
    ValueError
        If there is no such profile.
    OSError
        If the store cannot be written to; nothing has been run then.
    ImportError
        If joblib (or, with a scheduler, Dask) is missing.

    Examples
    --------
    >>> import tempfile
    >>> from l4lib.experiments import EXPERIMENTS, Cell, Experiment, Store
    >>> coin = Experiment("E0", "Is it fair?", {"quick": (Cell({"bias": 0.5}, 4),)}, lambda params, rng:
    ...     {"heads": bool(rng("toss").random() < params["bias"])})
    >>> run(coin, store=Store(tempfile.mkdtemp()), progress=False).shape
    (4, 4)
    """
    import pandas as pd

    try:
        from joblib import Parallel, delayed
    except ImportError:
        raise ImportError("experiments run on joblib: pip install joblib") from None
    if profile not in PROFILES or profile not in experiment.cells:
        raise ValueError(f"profile: expected one of {', '.join(experiment.cells)} for {experiment.id}, got {profile!r}")
    jobs = as_count(jobs, "jobs")
    cells = experiment.cells[profile]
    finished: dict[int, list[Row]] = {}
    partial: dict[int, list[Row]] = {}
    for index, cell in enumerate(cells):
        rows = store.load(experiment, cell) or []
        kept = [row for row in rows if not (retry_failed and "error" in row)]
        (finished if len(kept) == cell.trials else partial)[index] = kept
    tasks = [
        (index, cells[index], trial)
        for index, kept in partial.items()
        for trial in sorted(set(range(cells[index].trials)) - {int(row["trial"]) for row in kept})
    ]
    if tasks:
        store.prepare(experiment)
    with (
        _backend(scheduler),
        tqdm(total=sum(cell.trials for cell in cells), disable=not progress, desc=experiment.id, unit="trial") as bar,
    ):
        bar.update(sum(cell.trials for cell in cells) - len(tasks))
        results = Parallel(n_jobs=jobs, return_as="generator_unordered")(
            delayed(_trial)(experiment, index, cell, trial) for index, cell, trial in tasks
        )
        for index, row in results:
            partial[index].append(row)
            bar.update(1)
            if len(partial[index]) == cells[index].trials:
                finished[index] = sorted(partial.pop(index), key=lambda done: int(done["trial"]))
                store.save(experiment, cells[index], finished[index])
    failed = [row["error"] for index in sorted(finished) for row in finished[index] if "error" in row]
    if failed:
        total = sum(cell.trials for cell in cells)
        warnings.warn(
            f"{experiment.id}: {len(failed)} of {total} trials failed, the first with {failed[0]}; "
            "run them again with retry_failed=True",
            FailedTrials,
            stacklevel=2,
        )
    return pd.DataFrame([{**cells[index].params, **row} for index in sorted(finished) for row in finished[index]])
