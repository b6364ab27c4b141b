"""Finding things: ``{figure-list}``, and a search that knows *Theorem 6.2* and *l4*.

The list of figures is made from the figures themselves: number, first sentence of the caption, page.
The search knows every numbered result, figure and exercise by its number, and a page that writes ℓ⁴ or a fourth power
of a norm has the word *l4*.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from docutils import nodes
from results import all_results, reading_order
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

Figures = dict[str, list[tuple[str, list[nodes.Node]]]]


class figure_list(nodes.General, nodes.Element):
    """Replaced by the list of all figures when all pages are read."""


class FigureList(SphinxDirective):
    """``{figure-list}``."""

    def run(self) -> list[nodes.Node]:
        """A place for the list."""
        _lists(self.env).add(self.env.docname)
        return [figure_list()]


def _store(env: BuildEnvironment) -> Figures:
    if not hasattr(env, "l4_figures"):
        env.l4_figures = {}  # type: ignore[attr-defined]
    store: Figures = env.l4_figures  # type: ignore[attr-defined]
    return store


def _lists(env: BuildEnvironment) -> set[str]:
    if not hasattr(env, "l4_figure_lists"):
        env.l4_figure_lists = set()  # type: ignore[attr-defined]
    lists: set[str] = env.l4_figure_lists  # type: ignore[attr-defined]
    return lists


def first_sentence(caption: nodes.Element) -> list[nodes.Node]:
    """The beginning of a caption up to its first full stop or colon that ends a thought, formulas included."""
    found: list[nodes.Node] = []
    for child in caption.children:
        if isinstance(child, nodes.Text):
            head, stop, _ = str(child).partition(". ")
            if stop or head.endswith("."):
                return [*found, nodes.Text(head.removesuffix(".") + ".")]
        found.append(child.deepcopy())
    return found


def collect(app: Sphinx, document: nodes.document) -> None:
    """Remember the figures of a page."""
    rows = []
    for figure in document.findall(nodes.figure):
        caption = figure.next_node(nodes.caption)
        if figure["ids"] and caption is not None:
            rows.append((figure["ids"][0], first_sentence(caption)))
    _store(app.env)[app.env.docname] = rows


def purge(_app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Forget a page that is read again."""
    _store(env).pop(docname, None)


def merge(_app: Sphinx, env: BuildEnvironment, _docnames: set[str], other: BuildEnvironment) -> None:
    """Take over what a parallel reader has found."""
    _store(env).update(_store(other))
    _lists(env).update(_lists(other))


def outdated(_app: Sphinx, env: BuildEnvironment) -> list[str]:
    """The page with the list depends on all others."""
    return [name for name in _lists(env) if name in env.found_docs]


def _number(env: BuildEnvironment, docname: str, kind: str, label: str) -> str:
    return ".".join(map(str, env.toc_fignumbers.get(docname, {}).get(kind, {}).get(label, ())))


def resolve(app: Sphinx, document: nodes.document, docname: str) -> None:
    """Put the list where its place is; give pages the word *l4*."""
    env = app.env
    for place in list(document.findall(figure_list)):
        parts: list[nodes.Node] = []
        for name in reading_order(env):
            rows = [row for row in _store(env).get(name, []) if _number(env, name, "figure", row[0])]
            if not rows:
                continue
            parts.append(nodes.paragraph("", "", nodes.strong("", env.titles[name].astext())))
            items = nodes.bullet_list(classes=["simple", "figures-list"])
            for label, words in rows:
                number = nodes.inline("", f"Fig. {_number(env, name, 'figure', label)}")
                link = make_refnode(app.builder, docname, name, label, number)
                items += nodes.list_item("", nodes.paragraph("", "", link, nodes.Text(" "), *words))
            parts.append(items)
        place.replace_self(parts)
        env.get_domain("math").data["has_equations"][docname] = True  # captions have formulas
    if app.builder.format != "html":
        return
    if "ℓ⁴" in document.astext() or r"\ell^4" in document.astext():
        document.insert(0, nodes.meta("", name="keywords", content="l4", lang="en"))
    # Read by the search alone: the index itself is made before.
    entries = [("single", name, label, "main", None) for name, label in numbered(env, docname)]
    document.append(addnodes.index(entries=entries, inline=False))


def numbered(env: BuildEnvironment, docname: str) -> Iterator[tuple[str, str]]:
    """What has a number on a page, as a reader calls it, and its anchor."""
    for row in all_results(env):
        if row["docname"] == docname and row["number"]:
            yield f"{row['kind'].title()} {row['number']}", row["label"]
    for kind in ("figure", "exercise"):
        for label in env.toc_fignumbers.get(docname, {}).get(kind, {}):
            yield f"{kind.capitalize()} {_number(env, docname, kind, label)}", label


def list_index(_app: Sphinx, document: nodes.document) -> None:
    """Put the index at the end of the last part of the contents."""
    trees = [tree for tree in document.findall(addnodes.toctree) if tree["caption"]]
    if trees:
        trees[-1]["entries"].append(("Index", "genindex"))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register directive and hooks."""
    app.setup_extension("results")
    app.add_node(figure_list)
    app.add_directive("figure-list", FigureList)
    app.connect("doctree-read", collect, priority=600)
    app.connect("doctree-read", list_index, priority=200)
    app.connect("env-purge-doc", purge)
    app.connect("env-merge-info", merge)
    app.connect("env-updated", outdated)
    app.connect("doctree-resolved", resolve)
    return {"version": "1", "env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
