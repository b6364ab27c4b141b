"""Execute notebooks in place and bring them to the one form in which they are committed.

``python tools/execute_notebooks.py book/a.ipynb ...`` (without names: every notebook of ``_toc.yml``).
Stored outputs are what nbval compares with a fresh run, so that they must be true: run this after any change of l4lib.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
import yaml
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
SECONDS = ROOT / "book" / "reference" / "seconds.yml"
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def notebooks_of_the_book() -> list[Path]:
    """The notebooks that the table of contents names, in its order."""
    found: list[Path] = []

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            for key, value in node.items():
                if key in ("file", "root"):
                    path = ROOT / f"{value}.ipynb"
                    if path.exists():
                        found.append(path)
                else:
                    walk(value)
        elif isinstance(node, list):
            for item in node:
                walk(item)

    walk(yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8")))
    return found


def normalise(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The committed form: fixed kernel, stable cell ids, no timestamps, no stderr, streams in one piece."""
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        cell.source = cell.source.rstrip("\n")
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        seen[digest] = seen.get(digest, 0) + 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
        cell.metadata = nbformat.from_dict({k: cell.metadata[k] for k in ("mystnb", "tags") if k in cell.metadata})
        if cell.cell_type != "code":
            continue
        outputs: list[nbformat.NotebookNode] = []
        for output in cell.outputs:
            if output.output_type == "stream":
                if output.name == "stderr":
                    continue
                if outputs and outputs[-1].output_type == "stream":
                    outputs[-1].text += output.text
                    continue
            if "metadata" in output:
                output.metadata = nbformat.from_dict({})
            outputs.append(output)
        cell.outputs = outputs
    return notebook


def execute(path: Path, *, run: bool = True) -> float:
    """Execute one notebook in its folder and write its committed form; returns the seconds it took."""
    notebook = nbformat.read(path, as_version=4)
    start = time.perf_counter()
    if run:
        client = NotebookClient(
            notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
        )
        client.execute()
    seconds = time.perf_counter() - start
    nbformat.write(normalise(notebook), path)
    return seconds


def note_seconds(taken: dict[Path, float]) -> None:
    """Write how long the code of pages takes into the file that their heads read, where it has changed by half."""
    lines, known = [], {path.relative_to(ROOT).with_suffix("").as_posix(): value for path, value in taken.items()}
    stored: dict[str, float] = yaml.safe_load(SECONDS.read_text(encoding="utf-8"))
    for path in notebooks_of_the_book():
        name = path.relative_to(ROOT).with_suffix("").as_posix()
        value, old = known.get(name, stored.get(name, 0.0)), stored.get(name, 0.0)
        lines.append(f"{name}: {float(f'{value:.2g}') if abs(value - old) > old / 2 else old:g}")
    comment = SECONDS.read_text(encoding="utf-8").splitlines()[0]
    SECONDS.write_text("\n".join([comment, *lines]) + "\n", encoding="utf-8")


def main() -> int:
    """Execute what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", type=Path, help="notebooks; by default all of the book")
    parser.add_argument("--jobs", type=int, default=2, help="notebooks at a time")
    parser.add_argument("--normalise-only", action="store_true", help="do not execute")
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    paths = [path.resolve() for path in options.paths] or notebooks_of_the_book()

    failed, taken = 0, dict[Path, float]()
    with ThreadPoolExecutor(options.jobs) as pool:
        runs = {path: pool.submit(execute, path, run=not options.normalise_only) for path in paths}
        for path, future in runs.items():
            try:
                taken[path] = future.result()
                print(f"{path.name}: {taken[path]:.1f} s", flush=True)
            except Exception as problem:
                failed += 1
                print(f"{path.name}: FAILED\n{problem}", file=sys.stderr, flush=True)
    if not options.normalise_only:
        note_seconds(taken)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
