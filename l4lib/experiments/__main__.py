"""The command line: ``python -m l4lib.experiments list | run E2 | show E2 | record E2``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from l4lib.experiments.catalogue import EXPERIMENTS
from l4lib.experiments.record import RESULTS, write_record
from l4lib.experiments.runner import run
from l4lib.experiments.spec import PROFILES
from l4lib.experiments.store import Store


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
            command.add_argument("--jobs", type=int, default=1, help="processes on this machine")
            command.add_argument("--scheduler", help="address of a Dask scheduler to use instead")
            command.add_argument("--no-progress", action="store_true")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Carry out one command; the exit code is 1 if something asked for is not there."""
    import pandas as pd

    options = _parser().parse_args(arguments)
    if options.command == "list":
        for name, experiment in EXPERIMENTS.items():
            sizes = ", ".join(f"{p}: {sum(c.trials for c in cells)} trials" for p, cells in experiment.cells.items())
            sys.stdout.write(f"{name}  {experiment.question}  ({sizes})\n")
        return 0
    experiment, store = EXPERIMENTS[options.id], Store(options.store)
    if options.command == "record":
        try:
            path = write_record(experiment, profile=options.profile, store=store, folder=options.folder)
        except RuntimeError as problem:
            sys.stderr.write(f"{problem}\n")
            return 1
        sys.stdout.write(f"{path}\n")
        return 0
    if options.command == "run":
        table = run(
            experiment,
            profile=options.profile,
            store=store,
            jobs=options.jobs,
            scheduler=options.scheduler,
            progress=not options.no_progress,
        )
    else:
        cells = experiment.cells[options.profile]
        done = [(cell, rows) for cell in cells if (rows := store.load(experiment, cell)) is not None]
        if not done:
            sys.stderr.write(f"{options.id}: nothing finished in {options.store}; use run\n")
            return 1
        table = pd.DataFrame([{**cell.params, **row} for cell, rows in done for row in rows])
        sys.stdout.write(f"{len(done)} of {len(cells)} cells are finished\n")
    if options.csv:
        table.to_csv(options.csv, index=False)
    keys = sorted(experiment.cells[options.profile][0].params)
    numbers = table.drop(columns=["trial"]).select_dtypes(["number", "bool"]).columns.difference(keys)
    sys.stdout.write(table.groupby(keys)[list(numbers)].mean().round(4).to_string() + "\n")
    if "error" in table:
        sys.stdout.write(f"{int(table['error'].notna().sum())} of {len(table)} trials failed; see the column error\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
