"""Run the chapters with the installed library alone.

Builds the wheel, installs it into a new environment outside the repository (with the versions of the lock), and
executes each chapter's plain notebook, the one that its page offers, in an empty folder: what one has who downloads
it and installs l4lib.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import copyfile, copytree, ignore_patterns

import nbformat
from coursework import clean_chapter
from execute_notebooks import ROOT, notebooks_of_the_book
from labels import book_labels
from plain import converter

RUN = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
"""


def build_wheel(folder: Path) -> Path:
    """The wheel of the tree as it is, built from a copy, so that nothing left over from another build gets in."""
    copy = folder / "source"
    copytree(ROOT / "l4lib", copy / "l4lib", ignore=ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        copyfile(ROOT / name, copy / name)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(copy)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def run_alone(python: Path, chapter: Path, environment: dict[str, str] | None = None) -> str:
    """What went wrong when the chapter's plain notebook ran in an empty folder, or nothing."""
    with tempfile.TemporaryDirectory() as folder:
        nbformat.write(clean_chapter(chapter, converter(book_labels(), "")), Path(folder) / chapter.name)
        command = [str(python), "-c", RUN, chapter.name]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        return done.stderr[-2000:] if done.returncode else ""


def main() -> int:
    """Check the chapters that the command line names, by default all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chapters", nargs="*", type=Path)
    parser.add_argument("--jobs", type=int, default=2, help="chapters at a time")
    options = parser.parse_args()
    chapters = [path.resolve() for path in options.chapters] or notebooks_of_the_book()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(options.jobs) as pool:
        wheel = build_wheel(Path(folder))
        venv.create(Path(folder) / "env", with_pip=True)
        python = Path(folder) / "env" / "bin" / "python"
        pip = [str(python), "-m", "pip", "install", "--quiet", "-c", str(ROOT / "constraints.txt")]
        subprocess.run([*pip, f"{wheel}[book]"], check=True)
        runs = {chapter: pool.submit(run_alone, python, chapter) for chapter in chapters}
        failed = 0
        for chapter, run in runs.items():
            problem = run.result()
            failed += bool(problem)
            print(f"{chapter.stem}: {problem or 'runs'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
