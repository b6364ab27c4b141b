"""The notation table: ``{notation-table}`` renders ``notation.yml``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

FIELDS = ("symbol", "meaning", "shape", "code")


class NotationTable(SphinxDirective):
    """Symbol, meaning, shape and name in the code, one row each."""

    def run(self) -> list[nodes.Node]:
        """The table, parsed as MyST so that mathematics is set."""
        path = Path(self.env.srcdir) / "book" / "reference" / "notation.yml"
        self.env.note_dependency(str(path))
        lines = ["````{list-table}", ":header-rows: 1", ":widths: 18 46 14 22", ""]
        lines += ["* - Symbol", "  - Meaning", "  - Shape", "  - In the code"]
        for row in yaml.safe_load(path.read_text(encoding="utf-8")):
            if set(row) != set(FIELDS):
                raise self.error(f"notation.yml: expected the fields {FIELDS}, got {sorted(row)}")
            code = f"`{row['code']}`" if row["code"] else ""
            lines += [f"* - {row['symbol']}", f"  - {row['meaning']}", f"  - {row['shape']}", f"  - {code}"]
        lines.append("````")
        container = nodes.container(classes=["notation-table"])
        self.state.nested_parse(StringList(lines, source=str(path)), self.content_offset, container)
        return [container]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("notation-table", NotationTable)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
