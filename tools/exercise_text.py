"""The exercises of a chapter as one Markdown text, for editing: take it out, put it back.

``python tools/exercise_text.py get book/PART/NAME.ipynb > name.md`` and
``python tools/exercise_text.py put book/PART/NAME.ipynb name.md`` (then execute the notebook, as after every change).
Code is written as ``{code-cell}`` with ``:tags: [solution]`` (and ``:mystnb: {...}`` for a figure); each
outermost directive becomes a cell of its own.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

import nbformat

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "book" / "_ext"))

from exercise_source import DIRECTIVE, HEADING, section_start, unfence

ENVELOPE = ("exercise", "solution", "solution-start", "solution-end", "marking", "code-cell")


def to_text(cells: list[Any]) -> str:
    """Cells as Markdown."""
    parts = []
    for cell in cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
        else:
            tags = cell.metadata.get("tags", [])
            option = f":tags: [{', '.join(tags)}]\n" if tags else ""
            if "mystnb" in cell.metadata:
                option += f":mystnb: {json.dumps(cell.metadata['mystnb'], ensure_ascii=False)}\n"
            parts.append(f"```{{code-cell}}\n{option}{cell.source}\n```")
    return "\n\n".join(parts) + "\n"


def to_cells(text: str) -> list[Any]:
    """Markdown as cells."""
    cells: list[Any] = []
    lines, loose = text.split("\n"), list[str]()

    def flush() -> None:
        if "\n".join(loose).strip():
            cells.append(nbformat.v4.new_markdown_cell("\n".join(loose).strip("\n")))
        loose.clear()

    k = 0
    while k < len(lines):
        found = DIRECTIVE.match(lines[k])
        if not found or found["name"] not in ENVELOPE:
            loose.append(lines[k])
            k += 1
            continue
        flush()
        end = next((j for j in range(k + 1, len(lines)) if lines[j].rstrip() == found["fence"]), None)
        if end is None:
            raise ValueError(f"line {k + 1}: {lines[k]!r} is never closed")
        block = "\n".join(lines[k : end + 1])
        k = end + 1
        if found["name"] != "code-cell":
            cells.append(nbformat.v4.new_markdown_cell(block))
            continue
        _, _, options, source = unfence(block) or ("", "", {}, "")
        metadata: dict[str, Any] = {}
        if "tags" in options:
            metadata["tags"] = re.findall(r"[\w-]+", options["tags"])
        if "mystnb" in options:
            metadata["mystnb"] = json.loads(options["mystnb"])
        cells.append(nbformat.v4.new_code_cell(source, metadata=metadata))
    flush()
    return cells


def put(path: Path, text: str) -> None:
    """Replace the section of a chapter, or append it."""
    if not text.startswith(HEADING):
        raise ValueError(f"expected a text that begins with {HEADING!r}, got {text[:30]!r}")
    notebook = nbformat.read(path, as_version=4)
    start = section_start(notebook.cells)
    notebook.cells[len(notebook.cells) if start is None else start :] = to_cells(text)
    nbformat.write(notebook, path)


def main() -> int:
    """Get or put."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("get", "put"))
    parser.add_argument("chapter", type=Path)
    parser.add_argument("text", type=Path, nargs="?")
    options = parser.parse_args()
    if options.action == "put":
        put(options.chapter, options.text.read_text(encoding="utf-8"))
    else:
        cells = nbformat.read(options.chapter, as_version=4).cells
        start = section_start(cells)
        sys.stdout.write(to_text(cells[start:]) if start is not None else f"{HEADING}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
