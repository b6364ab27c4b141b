"""Slides for one lecture, from the book's own statements and figures: ``python tools/slides.py`` (``make slides``).

What is shown is listed in ``book/reference/slides.yml`` by label; nothing is typed twice. The result is one HTML file
that needs no other: arrow keys and buttons, notes, dark and light, print to PDF; on a telephone the slides are a page.
"""

from __future__ import annotations

import argparse
import html
import sys
from pathlib import Path
from typing import Any

import nbformat
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "book" / "_ext"))

from execute_notebooks import ROOT
from exercise_source import KINDS, chapters, read_sections
from labels import book_labels
from onefile import document, inline, to_html
from plain import Plain, converter
from statements import pixels, statements

LIST = ROOT / "book" / "reference" / "slides.yml"
SUMMARY = "## What we saw"
CONTROLS = """<nav class="controls" aria-label="Slides">
<button type="button" data-go="-1" aria-label="previous slide" title="previous (←)">←</button>
<span class="place" role="status"></span>
<button type="button" data-go="1" aria-label="next slide" title="next (→, space)">→</button>
<button type="button" data-notes aria-pressed="false" title="speaker's notes (n)">notes</button>
<button type="button" data-dark aria-pressed="false" title="dark or light (d)">dark</button>
</nav>"""


def wanted(path: Path = LIST) -> dict[str, Any]:
    """The list of the slides.

    Raises
    ------
    ValueError
        If an entry is not as the file says, with its label.
    """
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    for entry in found["slides"]:
        if set(entry) - {"with"} != {"show", "minutes", "say"} or "\n" in entry["say"].strip():
            raise ValueError(f"{path.name}: expected show, minutes, and one line to say, got {entry}")
    return found


def _summary(path: Path, speak: Plain) -> str:
    """What a chapter says at its end, without the pointer to the next one."""
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown" and SUMMARY in cell.source:
            text = cell.source.partition(SUMMARY)[2].partition("\n## ")[0].partition("**Where next.**")[0]
            return speak(text.strip())
    raise ValueError(f"{path.name} has no section {SUMMARY[3:]!r}")


def content(label: str, speak: Plain) -> tuple[str, str, str]:
    """Heading, body and place in the book of a slide, as HTML.

    Raises
    ------
    ValueError
        If the book has no such label.
    """
    tasks = {task.label: (section, task) for section in read_sections(chapters(ROOT)) for task in section.tasks}
    if label in tasks:
        section, task = tasks[label]
        page = section.path.relative_to(ROOT).with_suffix("").as_posix()
        text = speak(task.text.partition("```{dropdown}")[0].strip(), page)
        effort = f"{KINDS[task.kind]} {task.kind} · {'★' * task.stars} · {task.minutes} min"
        heading = inline(f"{speak.labels[label]['text']}. {task.title}")
        return heading, f"<p>{effort}</p>\n{to_html(text)}", speak.link(label, section.title)
    if (ROOT / f"{label}.ipynb").exists():
        heading = f"{SUMMARY[3:]}: {speak.labels[label]['text']}"
        speak.page = label
        return html.escape(heading), to_html(_summary(ROOT / f"{label}.ipynb", speak)), speak.link(label)
    shown = statements().get(label)
    if shown is None:
        raise ValueError(f"slides: the book has no {label!r}")
    chapter = speak.labels[shown.page]["text"]
    if shown.kind == "proof":
        named = label.removeprefix("proof-of-")
        body = to_html(speak(shown.text, shown.page) + " ∎")
        return f"Proof of {speak.labels[named]['text']}", body, speak.link(named, chapter)
    number = speak.labels[label]["text"]
    if shown.kind == "figure":
        wide, high = pixels(shown.picture)
        source = f"data:image/png;base64,{shown.picture}"
        picture = f'<img src="{source}" alt="{html.escape(shown.alt)}" width="{wide}" height="{high}">'
        caption = inline(speak(f"*{number}.* {shown.text}", shown.page))
        figure = f"<figure>{picture}\n<figcaption>{caption}</figcaption></figure>"
        return inline(speak(shown.section, shown.page)), figure, speak.link(label, chapter)
    heading = inline(speak(f"{number}. {shown.title}" if shown.title else f"{shown.section} {number}", shown.page))
    return heading, to_html(speak(shown.text, shown.page)), speak.link(label, chapter)


def deck(base: str = "", path: Path = LIST) -> str:
    """The slides as one HTML file; with ``base`` they lead into the book."""
    speak, route = converter(book_labels(), base), wanted(path)
    minutes = sum(entry["minutes"] for entry in route["slides"])
    total = len(route["slides"]) + 1
    book = inline(speak.address("The ℓ⁴ companion", "index.html"))
    parts = [
        '<section class="slide first" id="title">\n'
        f"<h1>{html.escape(route['title'])}</h1>\n"
        f'<div class="body"><p>{html.escape(route["subtitle"])}</p>\n'
        f"<p>{minutes} minutes, {total} slides: arrow keys, n for notes, d for dark.</p></div>\n"
        f'<footer><span>{book}</span><span class="number">1 / {total}</span></footer>\n</section>'
    ]
    for place, entry in enumerate(route["slides"], start=2):
        label = entry["show"]
        heading, body, source = content(label, speak)
        if "with" in entry:
            body = content(entry["with"], speak)[1] + body
        name = label.replace("/", "-")
        parts.append(
            f'<section class="slide" id="{name}">\n<h2>{heading}</h2>\n'
            f'<div class="body">{body}</div>\n<aside class="notes">{html.escape(entry["say"])} '
            f"({entry['minutes']} min)</aside>\n"
            f'<footer><span>{inline(source)}</span><span class="number">{place} / {total}</span></footer>\n</section>'
        )
    if speak.unknown:
        raise ValueError(f"slides: no label {', '.join(sorted(speak.unknown))} in the book")
    body = "\n".join(["<main>", *parts, "</main>", CONTROLS])
    return document(route["title"], body, "slides")


def main() -> int:
    """Write the slides."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, nargs="?", default=ROOT / "_build" / "slides.html")
    parser.add_argument("--base", default="", help="address of the published book, for links into it")
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(deck(options.base), encoding="utf-8")
    print(f"{len(wanted()['slides']) + 1} slides: {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
