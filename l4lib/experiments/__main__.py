"""The command line: ``python -m l4lib.experiments list | run E2 | show E2 | record E2``.

Exit codes: 0, all that was asked for is there; 1, something is missing or has failed; 2, it was asked for wrongly.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from l4lib.experiments.catalogue import EXPERIMENTS
from l4lib.experiments.record import RESULTS, write_record
from l4lib.experiments.runner import FailedTrials, run
from l4lib.experiments.spec import PROFILES, Experiment
from l4lib.experiments.store import Store

if TYPE_CHECKING:
    import pandas as pd


def _processes(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text}")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m l4lib.experiments", description="Run the book's experiments.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="what experiments there are")
    for name, text in (
        ("run", "run what is missing, then print the table"),
        ("show", "print what is finished"),
        ("record", "write the finished table and its provenance to a folder"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("id", choices=sorted(EXPERIMENTS))
        command.add_argument("--profile", choices=PROFILES, default="quick")
        command.add_argument("--store", type=Path, default=Path("_build/experiments"), help="folder of finished cells")
        if name == "record":
            command.add_argument("--folder", type=Path, default=RESULTS, help="where to write")
            continue
        command.add_argument("--csv", type=Path, help="also write the rows to this file")
        if name == "run":
            command.add_argument("--jobs", type=_processes, default=1, help="processes on this machine")
            command.add_argument("--scheduler", help="address of a Dask scheduler to use instead")
            command.add_argument("--retry-failed", action="store_true", help="run failed trials again")
            command.add_argument("--no-progress", action="store_true")
    return parser


def _check_writable(path: Path) -> None:
    """Refuse a file that could not be written when the work is done; what is in it stays there until then."""
    new = not path.exists()
    try:
        with path.open("a"):
            pass
        if new:
            path.unlink()
    except OSError as problem:
        raise OSError(f"--csv: expected a file to write to, got {path} ({problem.strerror})") from problem


def main(arguments: list[str] | None = None) -> int:
    """Carry out one command and return its exit code; whatever cannot be done is said in one line."""
    options = _parser().parse_args(arguments)
    if options.command == "list":
        for name, experiment in EXPERIMENTS.items():
            sizes = ", ".join(f"{p}: {sum(c.trials for c in cells)} trials" for p, cells in experiment.cells.items())
            sys.stdout.write(f"{name}  {experiment.question}  ({sizes})\n")
        return 0
    try:
        return _carry_out(options, EXPERIMENTS[options.id], Store(options.store))
    except OSError as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    except (ImportError, RuntimeError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write(f"{options.id}: interrupted; finished cells are kept in {options.store}\n")
        return 130


def _carry_out(options: argparse.Namespace, experiment: Experiment, store: Store) -> int:
    if options.command == "record":
        path = write_record(experiment, profile=options.profile, store=store, folder=options.folder)
        sys.stdout.write(f"{path}\n")
        return 0
    if options.csv:
        _check_writable(options.csv)
    if options.command == "run":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FailedTrials)  # the last line says it
            table = run(
                experiment,
                profile=options.profile,
                store=store,
                jobs=options.jobs,
                scheduler=options.scheduler,
                retry_failed=options.retry_failed,
                progress=not options.no_progress,
            )
    else:
        table = _finished(options, experiment, store)
    if options.csv:
        table.to_csv(options.csv, index=False)
    keys = sorted(experiment.cells[options.profile][0].params)
    numbers = table.drop(columns=["trial"]).select_dtypes(["number", "bool"]).columns.difference(keys)
    sys.stdout.write(table.groupby(keys)[list(numbers)].mean().round(4).to_string() + "\n")
    failed = int(table["error"].notna().sum()) if "error" in table else 0
    if failed:
        sys.stderr.write(f"{failed} of {len(table)} trials failed (column error); run again with --retry-failed\n")
    return 1 if failed else 0


def _finished(options: argparse.Namespace, experiment: Experiment, store: Store) -> pd.DataFrame:
    """What the store has of an experiment, with a line on how much that is."""
    import pandas as pd

    cells = experiment.cells[options.profile]
    done = [(cell, rows) for cell in cells if (rows := store.load(experiment, cell)) is not None]
    if not done:
        raise RuntimeError(f"{options.id}: nothing finished in {options.store}; use run")
    sys.stdout.write(f"{len(done)} of {len(cells)} cells are finished\n")
    return pd.DataFrame([{**cell.params, **row} for cell, rows in done for row in rows])


if __name__ == "__main__":
    raise SystemExit(main())
