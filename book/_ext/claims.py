"""Sphinx directives of the ledger: ``{claim-card} id`` and ``{claims-ledger}``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from ledger import STATUSES, Claim, ledger_files, read_ledger
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

FIELDS = (
    ("Computed", "computed"),
    ("On", "on"),
    ("Passes if", "passes"),
    ("Cannot show", "cannot_show"),
)


class _LedgerDirective(SphinxDirective):
    def claims(self) -> dict[str, Claim]:
        root = Path(self.env.srcdir)
        for path in ledger_files(root):
            self.env.note_dependency(str(path))
        return read_ledger(root)

    def parse(self, text: str, parent: nodes.Element) -> None:
        source = str(self.get_source_info()[0])
        self.state.nested_parse(StringList(text.splitlines(), source=source), self.content_offset, parent)


class ClaimCard(_LedgerDirective):
    """A card of fixed shape below a theorem: what is computed, on what, the pass line, and what it cannot show."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """One claim as an admonition with a target of its own."""
        claims = self.claims()
        name = self.arguments[0]
        if name not in claims:
            raise self.error(f"claim-card: no claim {name!r} in the ledger")
        claim = claims[name]
        target = nodes.target("", "", ids=[f"claim-{name}"], names=[f"claim-{name}"])
        self.state.document.note_explicit_target(target)
        kind = claim.status.replace(" ", "-")
        card = nodes.admonition(classes=["claim-card", f"claim-{kind}"])
        title = nodes.title()
        title += nodes.inline("", claim.status, classes=["claim-status", f"claim-status-{kind}"])
        heading = nodes.paragraph()
        self.parse(claim.title, heading)
        for child in heading.children:
            title.extend(child.children if isinstance(child, nodes.paragraph) else [child])
        card += title
        rows = [f"{label}\n: {' '.join(getattr(claim, field).split())}" for label, field in FIELDS]
        check = ", ".join(f"`{test}`" for test in claim.tests) or "none"
        if claim.function:
            check += f"; code: `{claim.function}`"
        rows.append(f"Check\n: {check}")
        self.parse("\n\n".join(rows), card)
        return [target, card]


class ClaimsLedger(_LedgerDirective):
    """All claims, page by page."""

    def run(self) -> list[nodes.Node]:
        """A legend, the counts, and a table per page."""
        claims = self.claims()
        container = nodes.container(classes=["claims-ledger"])
        counts = {status: sum(claim.status == status for claim in claims.values()) for status in STATUSES}
        legend = [f"* **{status}** ({counts[status]}): {words}." for status, words in STATUSES.items()]
        self.parse("\n".join(legend), container)
        for page in dict.fromkeys(claim.page for claim in claims.values()):
            lines = [f"**In** {{doc}}`/{page}`", "", "````{list-table}", ":header-rows: 1", ":widths: 18 52 12 18", ""]
            lines += ["* - Claim", "  - Statement and hypotheses", "  - Status", "  - Check"]
            for claim in claims.values():
                if claim.page != page:
                    continue
                tests = ", ".join(f"`{test.split('::')[1].split('[')[0]}`" for test in claim.tests) or "none"
                seconds = "" if claim.seconds is None else f" ({claim.seconds:g} s)"
                statement = " ".join(claim.statement.split())
                hypotheses = " ".join(claim.hypotheses.split())
                lines += [
                    f"* - {{ref}}`{claim.id} <claim-{claim.id}>`",
                    f"  - {statement} *Hypotheses:* {hypotheses}",
                    f"  - {claim.status}",
                    f"  - {tests}{seconds}",
                ]
            lines += ["````", ""]
            self.parse("\n".join(lines), container)
        return [container]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register both directives."""
    app.add_directive("claim-card", ClaimCard)
    app.add_directive("claims-ledger", ClaimsLedger)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
