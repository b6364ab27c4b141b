"""Write the book as plain text beside its pages: ``python tools/llms.py _build/html``.

``llms.txt`` says what the book is and lists its pages; ``text/PAGE.txt`` is a page as plain Markdown, with the code,
what it prints, the captions of its figures and the book's own numbers. They are for programs that read, and for people
who search with them. Pages that a directive makes (lists, the ledger, the functions) are listed as they are.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import nbformat
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "book" / "_ext"))

from execute_notebooks import ROOT
from exercise_source import without_answers, without_solutions
from plain import Plain, converter

SUMMARY = (
    "An executable companion to arXiv:1912.02427 (Qu, Zhai, Li, Zhang, Zhu): why learning an overcomplete or a "
    "convolutional dictionary by the fourth power over the sphere is a benign problem, with every theorem proved on "
    "its page, every claim in a ledger with what checks it, and the library l4lib."
)


FENCED = re.compile(r"^```+\{.*?^```+$", re.MULTILINE | re.DOTALL)


def parts() -> list[tuple[str, list[str]]]:
    """The parts of the table of contents with their pages."""

    def pages(entries: list[dict[str, Any]]) -> list[str]:
        return [name for entry in entries for name in (entry["file"], *pages(entry.get("sections", [])))]

    contents = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    return [(part["caption"], pages(part["chapters"])) for part in contents["parts"]]


def shown(output: Any) -> str:
    """What a cell prints, as a block."""
    text = output.get("text") or output.get("data", {}).get("text/plain", "")
    return "" if "image/png" in output.get("data", {}) or not text.strip() else f"```text\n{text.rstrip()}\n```"


def as_text(name: str, speak: Plain) -> str:
    """One page; without solutions if the book has none."""
    path, bare = ROOT / f"{name}.ipynb", os.environ.get("SOLUTIONS") == "no"
    if not path.exists():
        text = (ROOT / f"{name}.md").read_text(encoding="utf-8")
        return speak(without_answers(text) if bare else text, name) + "\n"
    blocks, notebook = [], nbformat.read(path, as_version=4)
    for cell in (without_solutions(notebook) if bare else notebook).cells:
        if cell.cell_type == "markdown":
            blocks.append(speak(cell.source, name))
            continue
        blocks.append(f"```python\n{cell.source}\n```")
        blocks += filter(None, map(shown, cell.outputs))
        settings = cell.metadata.get("mystnb", {})
        if figure := settings.get("figure"):
            number = speak.labels.get(figure.get("name", ""), {}).get("text", "Figure")
            alt = settings.get("image", {}).get("alt", "")
            blocks.append(speak(f"*{number}.* {figure.get('caption', '')} ({alt})", name))
    return "\n\n".join(block for block in blocks if block) + "\n"


def made(name: str) -> bool:
    """Whether a page is mostly what a directive of the book makes."""
    path = ROOT / f"{name}.md"
    return path.exists() and len(FENCED.sub("", path.read_text(encoding="utf-8"))) < 1200


def main() -> int:
    """Write all texts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("html", type=Path, help="the folder of the built pages")
    parser.add_argument("--base", default="", help="address of the published book")
    options = parser.parse_args()
    labels = json.loads((options.html / "labels.json").read_text(encoding="utf-8"))
    base = options.base.rstrip("/")
    speak = converter(labels, base or ".")
    lines = ["# The ℓ⁴ companion", "", f"> {SUMMARY}", ""]
    for caption, names in parts():
        lines += [f"## {caption}", ""]
        for name in names:
            if made(name):
                lines.append(f"- [{speak.labels[name]['text']}]({f'{base}/' if base else ''}{name}.html)")
                continue
            text = as_text(name, speak)
            target = options.html / "text" / f"{name}.txt"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            title = re.search(r"^# (.+)$", text, flags=re.MULTILINE)
            address = f"{base}/text/{name}.txt" if base else f"text/{name}.txt"
            lines.append(f"- [{title[1] if title else name}]({address})")
        lines.append("")
    (options.html / "llms.txt").write_text("\n".join(lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
