"""Sphinx directives of the ledger: ``{claim-card} id`` and ``{claims-ledger}``."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from folding import folded, summary
from ledger import STATUSES, Claim, ledger_files, read_ledger
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

FIELDS = (
    ("Computed", "computed"),
    ("On", "on"),
    ("Passes if", "passes"),
    ("Cannot show", "cannot_show"),
)
SOURCES = "_code"
"""Folder of the built site with the highlighted tests."""


class test_link(nodes.Inline, nodes.TextElement):
    """The name of a test, which leads to its source in the built site."""


def visit_test_link_html(self: Any, node: test_link) -> None:
    """A link relative to the page."""
    up = "../" * self.builder.current_docname.count("/")
    self.body.append(f'<a class="test-link" href="{up}{SOURCES}/{node["path"]}.html#line-{node["line"]}"><code>')


def depart_test_link_html(self: Any, _node: test_link) -> None:
    """Close the link."""
    self.body.append("</code></a>")


def visit_test_link_latex(self: Any, _node: test_link) -> None:
    """Typewriter, which may break after an underscore."""
    self.body.append("\\sphinxcode{\\sphinxupquote{")


def depart_test_link_latex(self: Any, _node: test_link) -> None:
    """Close it."""
    self.body.append("}}")


def _line(root: Path, test: str) -> int:
    """The line on which a test begins."""
    path, name = test.split("[")[0].split("::")
    for node in ast.parse((root / path).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return node.lineno
    return 1


class _LedgerDirective(SphinxDirective):
    def claims(self) -> dict[str, Claim]:
        root = Path(self.env.srcdir)
        for path in ledger_files(root):
            self.env.note_dependency(str(path))
        return read_ledger(root)

    def parse(self, text: str, parent: nodes.Element) -> None:
        source = str(self.get_source_info()[0])
        self.state.nested_parse(StringList(text.splitlines(), source=source), self.content_offset, parent)

    def inline(self, text: str) -> list[nodes.Node]:
        """One line of MyST, without its paragraph."""
        heading = nodes.paragraph()
        self.parse(text, heading)
        found: list[nodes.Node] = []
        for child in heading.children:
            found.extend(child.children if isinstance(child, nodes.paragraph) else [child])
        return found

    def card(self, claim: Claim, rows: list[tuple[str, str]], *, target: str) -> folded:
        """A folded box: status and title, below them the rows, the tests and how to run them."""
        kind = claim.status.replace(" ", "-")
        box = folded(ids=[target], classes=["claim-card", f"claim-{kind}"])
        line = summary()
        line += nodes.inline("", claim.status, classes=["claim-status", f"claim-status-{kind}"])
        line.extend(self.inline(claim.title))
        box += line
        self.parse("\n\n".join(f"{label}\n: {' '.join(text.split())}" for label, text in rows), box)
        if claim.function:
            self.parse(f"Code\n: {{py:obj}}`{claim.function}`", box)
        if claim.tests:
            tests = nodes.definition_list_item("", nodes.term("", "Tests"))
            listed = nodes.definition()
            for test in claim.tests:
                path, name = test.split("::")
                link = test_link("", name, path=path, line=_line(Path(self.env.srcdir), test))
                listed += nodes.paragraph("", "", link)
            box += nodes.definition_list("", tests)
            tests += listed
            names = " ".join(dict.fromkeys(claim.tests))
            command = nodes.literal_block(names, f"python -m pytest {names}", language="text")
            command["classes"].append("claim-command")
            box += command
        return box


class ClaimCard(_LedgerDirective):
    """A line below a theorem, which opens: what is computed, on what, the pass line, and what it cannot show."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """One claim as a folded card with a target of its own."""
        claims = self.claims()
        name = self.arguments[0]
        if name not in claims:
            raise self.error(f"claim-card: no claim {name!r} in the ledger")
        claim = claims[name]
        target = nodes.target("", "", ids=[f"claim-{name}"], names=[f"claim-{name}"])
        self.state.document.note_explicit_target(target)
        rows = [(label, getattr(claim, field)) for label, field in FIELDS]
        return [target, self.card(claim, rows, target=f"card-{name}")]


class ClaimsLedger(_LedgerDirective):
    """All claims, chapter by chapter, each a line that opens; ``book.js`` adds the filters."""

    def run(self) -> list[nodes.Node]:
        """A legend, the counts, and the cards."""
        claims = self.claims()
        container = nodes.container(classes=["claims-ledger"])
        counts = {status: sum(claim.status == status for claim in claims.values()) for status in STATUSES}
        legend = [f"* **{status}** ({counts[status]}): {words}." for status, words in STATUSES.items()]
        self.parse("\n".join(legend), container)
        for page in dict.fromkeys(claim.page for claim in claims.values()):
            chapter = nodes.container(classes=["claims-chapter"])
            self.parse(f"**{{doc}}`/{page}`**", chapter)
            for claim in claims.values():
                if claim.page != page:
                    continue
                rows = [("Statement", claim.statement), ("Hypotheses", claim.hypotheses)]
                rows += [(label, getattr(claim, field)) for label, field in FIELDS]
                rows.append(("Card", f"{{ref}}`on its page <claim-{claim.id}>`"))
                if claim.seconds is not None:
                    rows.append(("Seconds", f"{claim.seconds:g}"))
                chapter += self.card(claim, rows, target=f"ledger-{claim.id}")
            container += chapter
        return [container]


def write_tests(app: Sphinx, problem: Exception | None) -> None:
    """The tests that cards link to, highlighted, each line with an anchor."""
    if problem is not None or app.builder.format != "html":
        return
    root, style = Path(app.srcdir), HtmlFormatter(style="default").get_style_defs(".highlight")
    for path in sorted((root / "tests").rglob("test_*.py")):
        name = path.relative_to(root).as_posix()
        target = Path(app.outdir) / SOURCES / f"{name}.html"
        target.parent.mkdir(parents=True, exist_ok=True)
        formatter = HtmlFormatter(linenos="inline", lineanchors="line", anchorlinenos=True)
        body = highlight(path.read_text(encoding="utf-8"), PythonLexer(), formatter)
        target.write_text(
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<style>{style} body {{ font-family: sans-serif; margin: 1rem; }} pre {{ overflow-x: auto; }} "
            ".highlight .linenos { color: #595959; } .highlight .c1, .highlight .sd { color: #3d6160; } "
            f":target, a:target {{ background: #fff3bf; }}</style></head><body><main><h1>{name}</h1>{body}</main>"
            "</body></html>\n",
            encoding="utf-8",
        )


def setup(app: Sphinx) -> dict[str, Any]:
    """Register both directives."""
    app.setup_extension("folding")
    app.add_node(
        test_link,
        html=(visit_test_link_html, depart_test_link_html),
        latex=(visit_test_link_latex, depart_test_link_latex),
    )
    app.add_directive("claim-card", ClaimCard)
    app.add_directive("claims-ledger", ClaimsLedger)
    app.connect("build-finished", write_tests)
    return {"version": "2", "env_version": 2, "parallel_read_safe": True, "parallel_write_safe": True}
