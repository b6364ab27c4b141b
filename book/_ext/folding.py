"""Boxes that open: proofs and claim cards as ``<details>``, one line each until a reader wants more.

A proof gets an id made from what it proves, ends with ∎, and is opened by a click, the keyboard, a link into it, by
printing (``book.js``), or by the page's *open all*. In print everything is open.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx_proof.nodes import NODE_TYPES, proof_node

NUMBERED = tuple(NODE_TYPES.values())


class folded(nodes.General, nodes.Element):
    """A box with a summary line (its first child) and what is below."""


class summary(nodes.Part, nodes.TextElement):
    """The line of a :class:`folded` that is always seen."""


def visit_folded_html(self: Any, node: folded) -> None:
    """``<details>``."""
    self.body.append(self.starttag(node, "details", CLASS=""))


def depart_folded_html(self: Any, _node: folded) -> None:
    """Close the box."""
    self.body.append("</details>\n")


def visit_summary_html(self: Any, node: summary) -> None:
    """``<summary>``."""
    self.body.append(self.starttag(node, "summary", ""))


def depart_summary_html(self: Any, _node: summary) -> None:
    """Close the line."""
    self.body.append("</summary>\n")


def _card_kind(node: folded) -> str:
    """The status of a claim card; ``l4book.sty`` has a colour of this name."""
    return next(name.removeprefix("claim-") for name in node["classes"] if name != "claim-card")


def visit_folded_latex(self: Any, node: folded) -> None:
    """A card with a coloured line, or the text of a proof."""
    names = [name for name in node["ids"] if not name.startswith("claim-")]  # the target before a card has this one
    begin = f"\\begin{{lfourcard}}{{{_card_kind(node)}}}" if "claim-card" in node["classes"] else "\\begin{lfourproof}"
    self.body.append("\n\n" + "".join(self.hypertarget(name) for name in names) + f"\n{begin}")


def depart_folded_latex(self: Any, node: folded) -> None:
    """Close it."""
    self.body.append("\n\\end{lfourcard}\n" if "claim-card" in node["classes"] else "\n\\end{lfourproof}\n")


def visit_summary_latex(self: Any, node: summary) -> None:
    """The line of a card, or the word *Proof* before its first sentence."""
    self.body.append("" if "claim-card" in node.parent["classes"] else "\\textit{")


def depart_summary_latex(self: Any, node: summary) -> None:
    """End the line of a card; a full stop after the word."""
    self.body.append("\n\n" if "claim-card" in node.parent["classes"] else ".}\\enspace{}")


def _without_word(paragraph: nodes.Node) -> None:
    """Take away the ``Proof.`` that sphinx-proof writes into the first paragraph."""
    first = next(iter(paragraph.findall(nodes.Text)), None)
    if first is not None and first.astext().startswith("Proof."):
        first.parent.replace(first, nodes.Text(first.astext()[len("Proof.") :].lstrip()))


def _proved(node: nodes.Node) -> nodes.Element | None:
    """The numbered box that a proof follows."""
    parent = node.parent
    for sibling in reversed(parent.children[: parent.index(node)]):
        if isinstance(sibling, NUMBERED):
            return sibling
    return None


def fold_proofs(_app: Sphinx, doctree: nodes.document) -> None:
    """Turn proofs into folded boxes, and give every id on the page once."""
    for section in doctree.findall(nodes.section):
        if "proof-content" in section["ids"]:
            section["ids"] = [f"{section.parent['label']}-content"]
    seen: set[str] = set()
    for count, node in enumerate(list(doctree.findall(proof_node)), 1):
        body = node.children[0]
        box = _proved(node)
        name = f"proof-of-{box['label']}" if box is not None else f"proof-{count}"
        if name in seen:  # a second proof of the same
            name = f"{name}-{count}"
        seen.add(name)
        fold = folded(classes=["proof-fold"], ids=[name])
        fold += summary("", "Proof")
        content = list(body.children)
        if content:
            _without_word(content[0])
        last = content[-1] if content else None
        mark = nodes.inline("", "\N{NO-BREAK SPACE}∎", classes=["qed"])
        if isinstance(last, nodes.paragraph):
            if not last.astext().rstrip().endswith("∎"):
                last += mark
        else:
            content.append(nodes.paragraph("", "", mark, classes=["qed-line"]))
        fold.extend(content)
        if box is not None:
            fold["proves"] = box["label"]
        node.replace_self(fold)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the boxes."""
    for kind, html, latex in (
        (folded, (visit_folded_html, depart_folded_html), (visit_folded_latex, depart_folded_latex)),
        (summary, (visit_summary_html, depart_summary_html), (visit_summary_latex, depart_summary_latex)),
    ):
        app.add_node(kind, html=html, latex=latex)
    app.connect("doctree-read", fold_proofs, priority=400)
    return {"version": "1", "env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
