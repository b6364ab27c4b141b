"""Docstrings are written for people who read them in a terminal: bars and stars in formulas are not markup."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

_LITERAL = re.compile(r"(``.+?``|:\w+(?::\w+)?:`[^`]*`)")


def escape(_app: Sphinx, _what: str, _name: str, _obj: Any, _options: Any, lines: list[str]) -> None:
    """Escape what reStructuredText would take for a substitution, outside literals, roles, examples and displays."""
    display: int | None = None
    for k, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        if display is not None and line.strip() and indent <= display:
            display = None
        if line.lstrip().startswith(".. math::"):
            display = indent
        if display is not None or line.lstrip().startswith((">>>", "...")) or not line.strip():
            continue
        lines[k] = "".join(piece if _LITERAL.fullmatch(piece) else _plain(piece) for piece in _LITERAL.split(line))


def _plain(text: str) -> str:
    text = re.sub(r"(?<=\w)_(?!\w)", r"\\_", text.replace("|", "\\|"))
    return text if "**" in text else text.replace(" *", " \\*")


def setup(app: Sphinx) -> dict[str, Any]:
    """Hook in before autodoc parses a docstring, after napoleon."""
    app.connect("autodoc-process-docstring", escape, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
