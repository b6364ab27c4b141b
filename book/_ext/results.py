"""What the book proves, and what rests on what: ``{results-list}`` and ``{proof-map}``, made from the pages themselves.

A result is a numbered box with a label. It rests on the results that its proof (or, without one, its text) refers to by
``{prf:ref}``. Its status is that of the ledger's rows with its label.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from folding import NUMBERED, folded
from ledger import Claim, read_ledger
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

KINDS = ("theorem", "proposition", "lemma", "corollary", "definition", "conjecture", "example", "remark", "criterion")


class results_list(nodes.General, nodes.Element):
    """Replaced by the list of all results when all pages are read."""


class proof_map(nodes.General, nodes.Element):
    """Replaced by the map of the proofs when all pages are read."""


class ResultsList(SphinxDirective):
    """``{results-list}``."""

    def run(self) -> list[nodes.Node]:
        """A place for the list."""
        _pages(self.env).add(self.env.docname)
        return [results_list()]


class ProofMap(SphinxDirective):
    """``{proof-map}``."""

    def run(self) -> list[nodes.Node]:
        """A place for the map."""
        _pages(self.env).add(self.env.docname)
        return [proof_map()]


def _references(node: nodes.Element) -> Iterator[str]:
    for xref in node.findall(addnodes.pending_xref):
        if xref.get("refdomain") == "prf":
            yield str(xref["reftarget"])


def numbered_boxes(doctree: nodes.document) -> list[nodes.Element]:
    """The theorems, lemmas, definitions … of a page, in order."""
    return [node for node in doctree.findall(nodes.Element) if isinstance(node, NUMBERED)]


def collect(app: Sphinx, doctree: nodes.document) -> None:
    """Remember the results of a page: label, kind, title, and what each rests on."""
    env = app.env
    found: dict[str, dict[str, Any]] = {}
    for box in numbered_boxes(doctree):
        title = box.next_node(nodes.title)
        words = "" if title is None else title.astext().strip().removeprefix("(").removesuffix(")")
        found[box["label"]] = {
            "docname": env.docname,
            "kind": box["realtype"],
            "counter": box["countertype"],
            "title": words,
            "uses": sorted(set(_references(box)) - {box["label"]}),
        }
    for fold in doctree.findall(folded):
        if fold.get("proves") in found:
            row = found[fold["proves"]]
            row["uses"] = sorted((set(row["uses"]) | set(_references(fold))) - {fold["proves"]})
    _store(env)[env.docname] = found


def _store(env: BuildEnvironment) -> dict[str, dict[str, dict[str, Any]]]:
    if not hasattr(env, "l4_results"):
        env.l4_results = {}  # type: ignore[attr-defined]
    store: dict[str, dict[str, dict[str, Any]]] = env.l4_results  # type: ignore[attr-defined]
    return store


def _pages(env: BuildEnvironment) -> set[str]:
    if not hasattr(env, "l4_result_pages"):
        env.l4_result_pages = set()  # type: ignore[attr-defined]
    pages: set[str] = env.l4_result_pages  # type: ignore[attr-defined]
    return pages


def purge(_app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Forget a page that is read again."""
    _store(env).pop(docname, None)


def merge(_app: Sphinx, env: BuildEnvironment, _docnames: set[str], other: BuildEnvironment) -> None:
    """Take over what a parallel reader has found."""
    _store(env).update(_store(other))
    _pages(env).update(_pages(other))


def outdated(_app: Sphinx, env: BuildEnvironment) -> list[str]:
    """The pages with a list or a map depend on all others."""
    return [name for name in _pages(env) if name in env.found_docs]


def _number(env: BuildEnvironment, label: str, row: dict[str, Any]) -> str:
    numbers = env.toc_fignumbers.get(row["docname"], {}).get(row["counter"], {}).get(label, ())
    return ".".join(map(str, numbers))


def _status(claims: dict[str, Claim], label: str) -> str:
    statuses = {claim.status for claim in claims.values() if claim.label == label}
    for status in ("proved", "certified", "decided", "sampled", "not tested"):
        if status in statuses:
            return status
    return ""


def all_results(env: BuildEnvironment) -> list[dict[str, Any]]:
    """Every result in the order of the book, with its number, status and the results it rests on."""
    claims = read_ledger(Path(env.srcdir))
    order = {name: place for place, name in enumerate(reading_order(env))}
    rows = []
    for _, found in sorted(_store(env).items(), key=lambda item: order.get(item[0], 10**6)):
        chapter = [
            {**row, "label": label, "number": _number(env, label, row), "status": _status(claims, label)}
            for label, row in found.items()
        ]
        rows.extend(sorted(chapter, key=_place))
    return rows


def _place(row: dict[str, Any]) -> tuple[int, ...]:
    return tuple(int(part) for part in row["number"].split(".") if part)


def reading_order(env: BuildEnvironment) -> list[str]:
    """The pages in the order of the table of contents."""

    def below(name: str) -> Iterator[str]:
        yield name
        for child in env.toctree_includes.get(name, []):
            yield from below(child)

    return list(dict.fromkeys(below(env.config.root_doc)))


def _link(app: Sphinx, here: str, row: dict[str, Any]) -> str:
    return f"{app.builder.get_relative_uri(here, row['docname'])}#{row['label']}"


def _name(row: dict[str, Any]) -> str:
    return f"{row['kind'].title()} {row['number']}".strip()


def _pill(status: str) -> str:
    if not status:
        return ""
    return f'<span class="claim-status claim-status-{status.replace(" ", "-")}">{status}</span>'


def _list_html(app: Sphinx, here: str) -> str:
    lines = ['<div class="results-list">']
    chapter = None
    for row in all_results(app.env):
        if row["docname"] != chapter:
            if chapter is not None:
                lines.append("</ul>")
            chapter = row["docname"]
            title = html.escape(app.env.titles[chapter].astext())
            lines.append(f'<p class="results-chapter"><strong>{title}</strong></p><ul class="simple">')
        words = html.escape(row["title"])
        lines.append(
            f'<li><a class="reference internal" href="{_link(app, here, row)}">{_name(row)}</a> {words} '
            f"{_pill(row['status'])}</li>"
        )
    lines.append("</ul></div>" if chapter is not None else "</div>")
    return "\n".join(lines)


def _map_html(app: Sphinx, here: str) -> str:
    rows = [row for row in all_results(app.env) if row["kind"] in KINDS]
    known = {row["label"] for row in rows}
    uses = {row["label"]: [label for label in row["uses"] if label in known] for row in rows}
    lines = [
        '<div class="proof-map" data-uses="' + html.escape(json.dumps(uses), quote=True) + '">',
        '<p class="proof-map-help" role="status" aria-live="polite">Choose a result: what it rests on, and what rests '
        "on it, stays; the rest fades.</p>",
    ]
    chapter = None
    for row in rows:
        if row["docname"] != chapter:
            if chapter is not None:
                lines.append("</div></div>")
            chapter = row["docname"]
            title = html.escape(app.env.titles[chapter].astext())
            lines.append(
                f'<div class="proof-map-row"><div class="proof-map-chapter">{title}</div><div class="proof-map-nodes">'
            )
        kind = row["status"].replace(" ", "-") or "none"
        words = html.escape(row["title"] or row["label"])
        lines.append(
            f'<a class="proof-node proof-node-{kind}" id="map-{row["label"]}" data-label="{row["label"]}" '
            f'href="{_link(app, here, row)}" title="{words}">{_name(row)}<small>{words}</small></a>'
        )
    lines.append("</div></div></div>" if chapter is not None else "</div>")
    return "\n".join(lines)


def _printed(app: Sphinx, *, mapped: bool) -> nodes.bullet_list:
    """For paper: every result with its title, or with the results that it rests on."""
    rows = [row for row in all_results(app.env) if row["kind"] in KINDS or not mapped]
    known = {row["label"]: row for row in rows}

    def link(row: dict[str, Any]) -> nodes.Node:
        if app.builder.format != "latex":
            return nodes.Text(_name(row))
        return nodes.reference("", _name(row), internal=True, refuri=f"%{row['docname']}#{row['label']}")

    items = nodes.bullet_list()
    for row in rows:
        line = nodes.paragraph("", "", link(row), nodes.Text(f" {row['title']}"))
        if mapped:
            uses = [known[label] for label in row["uses"] if label in known]
            if not uses:
                continue
            line += nodes.Text(" rests on ")
            for place, used in enumerate(uses):
                line += [nodes.Text(", " if place else ""), link(used)]
        items += nodes.list_item("", line)
    return items


def resolve(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put the list and the map where their places are, and a permanent link on every box."""
    for kind, make in ((results_list, _list_html), (proof_map, _map_html)):
        for node in [node for node in doctree.findall(nodes.Element) if isinstance(node, kind)]:
            if app.builder.format == "html":
                node.replace_self(nodes.raw("", make(app, docname), format="html"))
            else:
                items = _printed(app, mapped=kind is proof_map)
                node.replace_self(items if items.children else nodes.comment())
    if app.builder.format != "html":
        return
    for box in numbered_boxes(doctree):
        title = box.next_node(nodes.title)
        if title is not None:
            link = f'<a class="headerlink" href="#{box["label"]}" title="Link to this {box["realtype"]}">#</a>'
            title += nodes.raw("", link, format="html")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives and hooks."""
    app.setup_extension("folding")
    app.add_node(results_list)
    app.add_node(proof_map)
    app.add_directive("results-list", ResultsList)
    app.add_directive("proof-map", ProofMap)
    app.connect("doctree-read", collect, priority=600)
    app.connect("env-purge-doc", purge)
    app.connect("env-merge-info", merge)
    app.connect("env-updated", outdated)
    app.connect("doctree-resolved", resolve)
    return {"version": "1", "env_version": 3, "parallel_read_safe": True, "parallel_write_safe": True}
