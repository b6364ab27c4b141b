"""Chapters as plain notebooks: no directives, no roles, no macros; numbers are those of the book.

They run with the installed library alone, and their exercises come with stubs and without solutions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import yaml
from execute_notebooks import KERNEL, ROOT

FENCE = re.compile(r"^(?P<fence>`{3,}|:{3,})\{(?P<name>[\w:-]+)\}[ \t]*(?P<argument>.*)$")
SILENT = {"index", "raw", "tableofcontents", "contents", "toctree"}
SILENT |= {"exercise-table", "project-list", "syllabus", "slides-link", "proof-map", "results-list", "printed-link"}
NAMED = {
    "answer": "Solution",
    "prf:proof": "Proof",
    "exercise": "",
    "solution": "Solution",
    "marking": "How it is marked",
}
INSTALL = '''# Only needed where l4lib is missing.
import importlib.util

if importlib.util.find_spec("l4lib") is None:
    %pip install -q "{where}"'''


class Plain:
    """From the Markdown of the book to Markdown that every notebook program shows.

    ``labels`` is the ``labels.json`` of a build, ``macros`` those of ``_config.yml``, ``base`` the address of the book;
    without an address the numbers are words and no links. ``sources`` says of each key of the bibliography how it is
    cited, and what it is; the keys that occur are collected in ``cited``.
    Labels and directives that are not known stay readable and are counted in ``unknown``.
    """

    def __init__(
        self,
        labels: dict[str, dict[str, str]],
        macros: dict[str, Any],
        base: str,
        page: str = "",
        sources: dict[str, tuple[str, str]] | None = None,
    ) -> None:
        self.labels, self.base, self.page, self.sources = labels, base.rstrip("/"), page, sources or {}
        self.macros = {
            name: (body, 0) if isinstance(body, str) else (body[0], body[1]) for name, body in macros.items()
        }
        self.unknown: set[str] = set()
        self.cited: set[str] = set()

    def __call__(self, text: str, page: str = "") -> str:
        """One Markdown cell of a page."""
        self.page = page or self.page
        return self.expand(self.inline(self.directives(text))).strip()

    def link(self, label: str, words: str = "") -> str:
        """A link into the book, with the number that the book gives it; of another page with its title."""
        if label not in self.labels:
            self.unknown.add(label)
            return words or label
        entry = self.labels[label]
        page = entry["url"].partition(".html")[0]
        if not words and entry["text"].startswith("(") and page != self.page and page in self.labels:
            return f"{self.address(entry['text'], entry['url'])} of *{self.labels[page]['text']}*"
        return self.address(words or entry["text"], entry["url"])

    def address(self, words: str, url: str) -> str:
        """Words that lead into the book, if it has an address."""
        return f"[{words}]({self.base}/{url})" if self.base else words

    def citation(self, keys: str, name: str) -> str:
        """Authors and year."""
        said = []
        for key in map(str.strip, keys.split(",")):
            self.cited.add(key)
            if key not in self.sources:
                self.unknown.add(key)
            said.append(self.address(self.sources.get(key, (key, ""))[0], "book/reference/bibliography.html"))
        return "; ".join(said) if name == "cite:t" else f"({'; '.join(said)})"

    def expand(self, text: str) -> str:
        """Write macros out, innermost last, since no program but the book knows them."""
        group = r"\s*(\{(?:[^{}]|\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\})*\}|\\[A-Za-z]+|[^\s{}\\])"
        for _ in range(4):
            for name, (body, count) in self.macros.items():

                def put(found: re.Match[str], body: str = body, count: int = count) -> str:
                    for k in range(1, count + 1):
                        argument = found[k]
                        body = body.replace(f"#{k}", argument[1:-1] if argument.startswith("{") else argument)
                    return body if body.endswith("}") or found.end() == len(found.string) else body + " "

                text = re.sub(r"\\" + name + r"(?![A-Za-z])" + group * count, put, text)
        return text

    def inline(self, text: str) -> str:
        """Roles, and equations with their numbers."""

        def role(found: re.Match[str]) -> str:
            name, content = found[1], found[2]
            explicit = re.fullmatch(r"(.*?)\s*<([^<>]+)>", content, flags=re.DOTALL)
            words, label = (explicit[1], explicit[2]) if explicit else ("", content)
            if name.startswith("cite"):
                return self.citation(label, name)
            if name == "index":
                return ""
            if name == "doc" and not label.startswith("/"):
                label = f"{self.page.rpartition('/')[0]}/{label}"
            if name == "numref" and "%s" in words:
                words = words.replace("%s", self.labels.get(label, {}).get("text", "").rpartition(" ")[2])
            if name in {"eq", "prf:ref", "numref", "ref", "doc"}:
                said = self.link(label.lstrip("/"), words)
                return f"*{said}*" if name in {"ref", "doc"} and not self.base and not words else said
            return words or content

        def equation(found: re.Match[str]) -> str:
            number = self.labels.get(found[3], {}).get("text", "").strip("()")
            tag = f" \\tag{{{number}}}" if number else ""
            return f"{found[1]}$$\n{found[2].rstrip()}{tag}\n{found[1]}$$"

        text = re.sub(r"\{([a-z:]+)\}`([^`]+)`", role, text)
        text = re.sub(
            r"(?<!!)\[([^\]\n]+)\]\(#?([\w-]+)\)",
            lambda found: self.link(found[2], found[1]) if found[2] in self.labels else found[0],
            text,
        )
        text = re.sub(r"^\([\w:-]+\)=[ \t]*(\n|$)", "", text, flags=re.MULTILINE)
        return re.sub(
            r"^([ \t]*)\$\$\n?((?:(?!\$\$).)*?)\n?[ \t]*\$\$ \(([\w:-]+)\)[ \t]*$",
            equation,
            text,
            flags=re.MULTILINE | re.DOTALL,
        )

    def directives(self, text: str) -> str:
        """Fences of the book, outermost first."""
        lines, out, k = text.split("\n"), [], 0
        while k < len(lines):
            found = FENCE.match(lines[k])
            closing = found and next((j for j in range(k + 1, len(lines)) if lines[j].rstrip() == found["fence"]), None)
            if not found or not closing:
                out.append(lines[k])
                k += 1
                continue
            body, options = lines[k + 1 : closing], dict[str, str]()
            while body and (option := re.match(r"^:([\w-]+):\s*(.*)$", body[0])):
                options[option[1]] = option[2]
                body = body[1:]
            inner = self.directives("\n".join(body).strip("\n"))
            out.append(self.directive(found["name"], found["argument"].strip(), options, inner))
            k = closing + 1
        return "\n".join(out)

    def directive(self, name: str, argument: str, options: dict[str, str], body: str) -> str:
        """One directive in plain words."""
        number = self.labels.get(options.get("label", ""), {}).get("text", "")
        if name in SILENT or (name == "only" and "html" not in argument):
            return ""
        if name == "only":
            return body
        if name == "bibliography":
            return "\n".join(f"- {what}" for _, what in self.sources.values())
        if name == "claim-card":
            how = self.address("How this is checked", f"{self.page}.html#claim-{argument}")
            return f"*{how}: `{argument}` in the ledger.*"
        if name == "live":
            moving = self.address("A picture that moves in the book", f"{self.page}.html#{options['name']}")
            return f"*{moving}.* {body}"
        if name in {"code", "code-block"}:
            return f"```{argument}\n{body}\n```"
        if name in {"dropdown", "admonition", "note", "tip", "warning", "important", "hint", "seealso"}:
            summary = argument or name.capitalize()
            if name == "dropdown" or options.get("class") == "dropdown":
                return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"
            return f"**{summary}.** {body}"
        if name == "math":
            return f"$$\n{body}\n$$"
        if name.startswith("prf:") or name in NAMED:
            words = NAMED.get(name) or number or name.removeprefix("prf:").capitalize()
            if argument and name not in {"prf:proof", "solution", "marking"}:
                words += f" ({argument})"
            return f"**{words}.** {body}" + (" ∎" if name == "prf:proof" else "")
        self.unknown.add(name)
        return f"**{argument}**\n\n{body}" if argument else body


@cache
def bibliography(path: Path) -> dict[str, tuple[str, str]]:
    """Of each key of a BibTeX file, how it is cited (authors and year), and one line that says what it is."""
    from pybtex.database import parse_file

    found = {}
    for key, entry in parse_file(str(path)).entries.items():
        people = entry.persons.get("author", [])
        names = [_words(" ".join([*person.prelast_names, *person.last_names])) for person in people]
        short = (
            names[0] if len(names) == 1 else f"{names[0]} and {names[1]}" if len(names) == 2 else f"{names[0]} et al."
        )
        where = next((entry.fields[f] for f in ("journal", "booktitle", "publisher", "note") if f in entry.fields), "")
        year = entry.fields.get("year", "")
        doi = f" https://doi.org/{entry.fields['doi']}" if "doi" in entry.fields else ""
        what = f"{', '.join(names)} ({year}). *{_words(entry.fields['title'])}*. {_words(where)}.{doi}"
        found[key] = (f"{short} {year}", what)
    return found


def _words(bibtex: str) -> str:
    """BibTeX without its accents and braces."""
    from pybtex.richtext import Text

    return str(Text.from_latex(bibtex))


def converter(labels: dict[str, dict[str, str]], base: str) -> Plain:
    """A converter with the macros and the bibliography of the book."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    macros = config["sphinx"]["config"]["mathjax3_config"]["tex"]["macros"]
    return Plain(labels, macros, base, sources=bibliography(ROOT / "book" / "reference" / "references.bib"))


def notebook(cells: list[Any], **course: str) -> nbformat.NotebookNode:
    """A notebook with fixed cell ids, so that making it twice gives the same bytes."""
    for k, cell in enumerate(cells):
        cell.id = f"cell-{k}"
    metadata: dict[str, Any] = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    if course:
        metadata["course"] = course
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


def page_name(path: Path) -> str:
    """The name of a chapter in the book."""
    return path.relative_to(ROOT).with_suffix("").as_posix()


def plain_chapter(path: Path, speak: Plain, where: str, exercises: Sequence[Any] = ()) -> nbformat.NotebookNode:
    """A chapter without outputs, and with these cells in the place of its exercises."""
    text, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    cells: list[Any] = []
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            if cell.source.startswith("## Exercises"):
                break
            if not (said := speak(cell.source, page_name(path))):
                continue
            cells.append(text(said))
            if len(cells) == 1:
                title, _, rest = cells[0].source.partition("\n")
                book = speak.address("*The ℓ⁴ companion*", f"{page_name(path)}.html")
                cells[0].source = f"{title}\n\nFrom {book}; numbers are those of the book.\n{rest}"
                cells.append(code(INSTALL.format(where=where)))
            continue
        cells.append(code(cell.source))
        figure = cell.metadata.get("mystnb", {}).get("figure")
        if figure:
            number = speak.labels.get(figure.get("name", ""), {}).get("text", "Figure")
            cells.append(text(speak(f"*{number}.* {figure.get('caption', '')}")))
    cells += exercises
    if speak.cited & set(speak.sources):
        rows = [f"- {speak.sources[key][1]}" for key in sorted(speak.cited & set(speak.sources))]
        cells.append(text("## Sources\n\n" + "\n".join(rows)))
    return notebook(cells)
