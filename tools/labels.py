"""What the book calls its labels, read off the sources: Theorem 5.3, (4), Fig. 5.2, Exercise 5.1, the title of a page.

Sphinx numbers the same way, but has to read all pages for it, which takes most of a minute; a test holds both together.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from execute_notebooks import ROOT

FIGURES = ("live", "figure")
CODE = re.compile(r"^(`{3,})\w+[ \t]*\n.*?^\1[ \t]*$", re.MULTILINE | re.DOTALL)
EVENT = re.compile(
    r"^[ \t]*(?:`{3,}|:{3,})\{(?P<directive>[\w:-]+)\}.*\n(?P<options>(?:[ \t]*:[\w-]+:.*\n)*)"
    r"|^[ \t]*\$\$ \((?P<equation>[\w:-]+)\)[ \t]*$"
    r"|^\((?P<target>[\w:-]+)\)=[ \t]*$|^#+ (?P<heading>.*)$",
    re.MULTILINE,
)


def _pages(root: Path) -> Iterator[tuple[str, str]]:
    """The pages in the order of the table of contents, with the numbers of the chapters that have one."""
    contents = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    yield contents["root"], ""
    chapter = 0

    def walk(node: Any) -> Iterator[str]:
        for entry in [*node.get("chapters", []), *node.get("sections", [])]:
            yield entry["file"]
            yield from walk(entry)

    for part in contents["parts"]:
        for name in walk(part):
            chapter += bool(part.get("numbered"))
            yield name, str(chapter) if part.get("numbered") else ""


def _cells(root: Path, name: str) -> list[tuple[str, str]]:
    """The Markdown of a page, and the names of the figures that its cells draw, in order: (text, figure)."""
    if not (root / f"{name}.ipynb").exists():
        return [((root / f"{name}.md").read_text(encoding="utf-8"), "")]
    cells = []
    for cell in json.loads((root / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]:
        figure = cell["metadata"].get("mystnb", {}).get("figure", {}).get("name", "")
        cells.append(("".join(cell["source"]) + "\n" if cell["cell_type"] == "markdown" else "", figure))
    return cells


def book_labels(root: Path = ROOT) -> dict[str, dict[str, str]]:
    """Every label of the book with its name and its address, as ``labels.json`` of the built book has them."""
    found: dict[str, dict[str, str]] = {}
    unnumbered: Counter[str] = Counter()
    for name, chapter in _pages(root):
        counts: Counter[str] = Counter()

        def number(kind: str, counts: Counter[str] = counts, chapter: str = chapter) -> str:
            counter = counts if chapter else unnumbered
            counter[kind] += 1
            return f"{chapter}.{counter[kind]}" if chapter else str(counter[kind])

        cells = _cells(root, name)
        targets = [name]
        for text, figure in cells:
            if figure:
                found[figure] = {"text": f"Fig. {number('figure')}", "url": f"{name}.html#{figure}"}
            for event in EVENT.finditer(CODE.sub("", text)):
                if label := event["equation"]:
                    counts["equation"] += 1
                    found[label] = {"text": f"({counts['equation']})", "url": f"{name}.html#equation-{label}"}
                elif event["target"]:
                    targets.append(event["target"])
                elif event["heading"]:
                    for label in targets:
                        url = f"{name}.html" if label == name else f"{name}.html#{label}"
                        found[label] = {"text": re.sub(r"[*`]", "", event["heading"].strip()), "url": url}
                    targets.clear()
                else:
                    options = dict(re.findall(r":([\w-]+):[ \t]*(.*)", event["options"]))
                    label, kind = options.get("label", options.get("name", "")), event["directive"]
                    if kind in FIGURES and label:
                        text = f"Fig. {number('figure')}"
                    elif kind.startswith("prf:") and kind != "prf:proof":
                        text = f"{kind.removeprefix('prf:').capitalize()} {number('result')}"
                    elif kind == "exercise":
                        text = f"Exercise {number('exercise')}"
                    else:
                        continue
                    if label:
                        found[label] = {"text": text, "url": f"{name}.html#{label}"}
    return found
