"""What stands behind a label: theorems, equations with the words around them, and figures, from the chapters' sources.

Slides and the notebooks of the course take statements from here, so that none is typed twice.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from execute_notebooks import notebooks_of_the_book
from plain import FENCE, page_name

NUMBERED = re.compile(r"^[ \t]*\$\$ \(([\w:-]+)\)[ \t]*$", re.MULTILINE)
CITED = re.compile(r"\{(?:eq|prf:ref|numref)\}`(?:[^`<]*<)?([\w:-]+)>?`")
CONTINUES = re.compile(r"(?!and so\b)[a-zéμτνζφ$\\(]")


@dataclass(frozen=True)
class Statement:
    """A labelled piece of a chapter: ``kind`` is ``figure``, ``equation``, or the name of a result's directive.

    ``text`` is the book's Markdown (of a figure, its caption), ``section`` the heading above it, ``picture`` a PNG file
    as base64, ``alt`` what it shows. The proof of ``thm-x`` has the label ``proof-of-thm-x``, as on its page.
    """

    label: str
    page: str
    kind: str
    title: str
    text: str
    section: str = ""
    picture: str = ""
    alt: str = ""


def _results(page: str, source: str) -> Iterable[tuple[Statement, int, int]]:
    """The labelled results of a cell and their proofs, with the lines that they occupy."""
    lines, k, last = source.split("\n"), 0, ""
    while k < len(lines):
        found = FENCE.match(lines[k])
        end = found and next((j for j in range(k + 1, len(lines)) if lines[j].rstrip() == found["fence"]), None)
        if not found or not end:
            k += 1
            continue
        body = lines[k + 1 : end]
        label = next((line.split(":", 2)[2].strip() for line in body if line.startswith(":label:")), "")
        if found["name"].startswith("prf:") and label:
            while body and (not body[0].strip() or re.match(r":[\w-]+:", body[0])):
                body.pop(0)
            kind, title, last = found["name"].removeprefix("prf:"), found["argument"].strip(), label
            yield Statement(label, page, kind, title, "\n".join(body).strip()), k, end
        elif found["name"] == "prf:proof" and last:
            yield Statement(f"proof-of-{last}", page, "proof", "", "\n".join(body).strip()), k, end
            last = ""
        k = end + 1


def _around(source: str, start: int, end: int) -> str:
    """An equation with the paragraph before it and, if the sentence goes on, the one after it."""

    def bare(paragraph: str) -> str:
        kept = [line for line in paragraph.split("\n") if not re.match(r"[ \t]*(`{3,}|:{3,}|:[\w-]+:|#|\()", line)]
        return "\n".join(kept).strip("\n")

    before = bare(source[:start].rstrip().rpartition("\n\n")[2])
    after = bare(source[end:].lstrip("\n").partition("\n\n")[0])
    parts = [before, source[start:end], after if CONTINUES.match(after) and not after.startswith("$$") else ""]
    return "\n\n".join(part for part in parts if part)


def _of_markdown(page: str, source: str) -> dict[str, Statement]:
    found: dict[str, Statement] = {}
    places = list(_results(page, source))
    for statement, _, _ in places:
        found[statement.label] = statement
    for number in NUMBERED.finditer(source):
        start = source.rindex("$$", 0, number.start())
        line = source.count("\n", 0, start)
        inside = (statement for statement, first, last in places if first < line < last and statement.kind != "proof")
        within = next(inside, None)
        text = _around(source, source.rfind("\n", 0, start) + 1, number.end())
        found[number[1]] = within or Statement(number[1], page, "equation", "", text)
    return found


def _of_figure(page: str, cell: dict[str, Any], section: str) -> Statement | None:
    settings = cell["metadata"].get("mystnb", {})
    figure = settings.get("figure", {})
    data: list[dict[str, Any]] = [output.get("data", {}) for output in cell.get("outputs", [])]
    pictures = ["".join(entry["image/png"]) for entry in data if "image/png" in entry]
    if not figure.get("name") or not pictures:
        return None
    alt = settings.get("image", {}).get("alt", "")
    return Statement(figure["name"], page, "figure", "", figure.get("caption", ""), section, pictures[0].strip(), alt)


def of_page(path: Path) -> dict[str, Statement]:
    """All labelled statements and figures of a chapter."""
    found: dict[str, Statement] = {}
    section = ""
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            if figure := _of_figure(page_name(path), cell, section):
                found[figure.label] = figure
            continue
        for part in re.split(r"^(?=#+ )", source, flags=re.MULTILINE):
            if heading := re.match(r"#+ (.*)", part):
                section = heading[1].strip()
            here = _of_markdown(page_name(path), part)
            found.update({label: replace(statement, section=section) for label, statement in here.items()})
    return found


@cache
def statements() -> dict[str, Statement]:
    """All labelled statements and figures of the book, by label."""
    found: dict[str, Statement] = {}
    for path in notebooks_of_the_book():
        found.update(of_page(path))
    return found


def cited(text: str) -> list[Statement]:
    """The statements (not the figures) that a text refers to, each once."""
    known = statements()
    named = [known[label] for label in CITED.findall(text) if label in known and known[label].kind != "figure"]
    return list({statement.label: statement for statement in named}.values())


def pixels(picture: str) -> tuple[int, int]:
    """Width and height that the header of a PNG file states."""
    head = base64.b64decode(picture[:64])
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
