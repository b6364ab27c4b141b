"""The words of the book: ``{book-glossary}`` renders ``glossary.yml``, and pages lead to it.

Where a word is introduced (bold, on the page that its row names) it gets an entry of the index. On other pages with
chapters the first use of a word is a link to the glossary, except for words that stand on every page (``link: false``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from folding import NUMBERED, folded
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxDirective

SOURCE = Path("book") / "reference" / "glossary.yml"
FIELDS = {"term", "page", "meaning", "also", "bold", "link"}
CHAPTERS = ("book/foundations/", "book/landscape/", "book/convolutional/", "book/experiments/")


@dataclass(frozen=True)
class Word:
    """A row of the glossary."""

    term: str
    page: str
    meaning: str
    also: tuple[str, ...] = ()
    bold: str | None = None
    link: bool = True

    @property
    def marked(self) -> str:
        """How the page that introduces it writes it in bold; empty if it does not."""
        return self.term if self.bold is None else self.bold


@cache
def _read(path: Path, _changed: float) -> tuple[Word, ...]:
    rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    for row in rows:
        if not {"term", "page", "meaning"} <= set(row) <= FIELDS:
            raise ValueError(f"{path.name}: expected term, page, meaning and perhaps also, bold, link; got {row}")
    return tuple(
        Word(**{**row, "page": f"book/{row['page']}", "also": tuple(row.get("also", ()))})
        for row in sorted(rows, key=lambda row: row["term"].lower())
    )


def glossary(root: Path) -> tuple[Word, ...]:
    """The rows of the glossary, in alphabetical order."""
    return _read(root / SOURCE, (root / SOURCE).stat().st_mtime)


class Glossary(SphinxDirective):
    """All words with their meanings and the pages that introduce them."""

    def run(self) -> list[nodes.Node]:
        """A glossary of Sphinx, so that ``{term}`` leads to it."""
        self.env.note_dependency(str(Path(self.env.srcdir) / SOURCE))
        lines = ["````{glossary}"]
        for word in glossary(Path(self.env.srcdir)):
            where = "" if word.page == self.env.docname else f" ({{doc}}`/{word.page}`)"
            lines += [word.term, f"  {word.meaning}{where}.", ""]
        lines.append("````")
        container = nodes.container(classes=["book-glossary"])
        self.state.nested_parse(StringList(lines, source=str(SOURCE)), self.content_offset, container)
        return [container]


NOT_INSIDE = (
    nodes.title, nodes.reference, nodes.strong, nodes.literal, nodes.literal_block, nodes.math, nodes.math_block,
    nodes.raw, nodes.caption, nodes.term, addnodes.pending_xref, folded,
)  # fmt: skip


def _running_text(document: nodes.document) -> Iterator[nodes.Text]:
    """The words of paragraphs and lists of the main text, in order: no titles, links, formulas, boxes that open."""
    for text in document.findall(nodes.Text):
        parent, inside = text.parent, False
        while parent is not None and not isinstance(parent, nodes.document):
            classes = set(parent.get("classes", []))
            if isinstance(parent, NOT_INSIDE) or classes & {"cell", "dropdown", "exercise-solution", "chapter-head"}:
                break
            inside = inside or isinstance(parent, nodes.paragraph)
            parent = parent.parent
        else:
            if inside:
                yield text


def pattern(word: Word) -> re.Pattern[str]:
    """Where a word stands, also in other forms and in the plural."""
    forms = "|".join(re.escape(form) for form in sorted((word.term, *word.also), key=len, reverse=True))
    return re.compile(rf"(?<![\w-])(?:{forms})s?(?![\w-])", re.IGNORECASE)


class LinkWords(SphinxTransform):
    """Index entries at definitions, and links to the glossary from first uses elsewhere."""

    default_priority = 700

    def apply(self, **_: Any) -> None:
        """Only in chapters."""
        if not self.env.docname.startswith(CHAPTERS):
            return
        self.env.note_dependency(str(Path(self.env.srcdir) / SOURCE))
        self.name_results()
        # Longer words first: "cumulant step" is not a use of "cumulant".
        for word in sorted(glossary(Path(self.env.srcdir)), key=lambda word: -len(word.term)):
            if word.page == self.env.docname and word.marked:
                self.define(word)
            elif word.link and word.page != self.env.docname:
                self.link(word)

    def define(self, word: Word) -> None:
        """An entry of the index, and a place to jump to."""
        for strong in self.document.findall(nodes.strong):
            if strong.astext().rstrip(".:").lower() == word.marked.lower():
                anchor = f"term-def-{nodes.make_id(word.term)}"
                strong["ids"].append(anchor)
                entries = [("single", word.term, anchor, "main", None)]
                strong.parent.insert(strong.parent.index(strong), addnodes.index(entries=entries, inline=True))
                return

    def name_results(self) -> None:
        """Theorems, lemmas … stand in the index by their titles, unless these have formulas."""
        for box in [node for node in self.document.findall(nodes.Element) if isinstance(node, NUMBERED)]:
            title = box.next_node(nodes.title)
            words = "" if title is None else title.astext().strip().removeprefix("(").removesuffix(")")
            if words and title is not None and title.next_node(nodes.math) is None and ";" not in words:
                entries = [("single", words, box["label"], "", None)]
                box.parent.insert(box.parent.index(box), addnodes.index(entries=entries, inline=False))

    def link(self, word: Word) -> None:
        """The first use becomes a link."""
        wanted = pattern(word)
        for text in list(_running_text(self.document)):
            found = wanted.search(str(text))
            if found is None:
                continue
            link = addnodes.pending_xref(
                "", nodes.inline("", found[0], classes=["word"]), refdomain="std", reftype="term",
                reftarget=word.term, refexplicit=True, refwarn=True, refdoc=self.env.docname,
            )  # fmt: skip
            before, after = str(text)[: found.start()], str(text)[found.end() :]
            pieces = [nodes.Text(before)] if before else []
            text.parent.replace(text, [*pieces, link, *([nodes.Text(after)] if after else [])])
            return


def setup(app: Sphinx) -> dict[str, Any]:
    """Register directive and transform."""
    app.setup_extension("folding")
    app.add_directive("book-glossary", Glossary)
    app.add_transform(LinkWords)
    return {"version": "1", "env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
