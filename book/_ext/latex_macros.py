"""The macros of the book, written once in ``_config.yml`` for MathJax, as LaTeX commands for the PDF."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config


def commands(macros: dict[str, Any]) -> str:
    """LaTeX definitions of MathJax macros: a text, or a text with its number of arguments."""
    lines = []
    for name, meaning in macros.items():
        text, arguments = (meaning[0], meaning[1]) if isinstance(meaning, list) else (meaning, 0)
        count = f"[{arguments}]" if arguments else ""
        lines.append(f"\\providecommand{{\\{name}}}{{}}\\renewcommand{{\\{name}}}{count}{{{text}}}")
    return "\n".join(lines)


def add_preamble(_app: Sphinx, config: Config) -> None:
    """Put the definitions into the preamble, after the packages."""
    macros = config.mathjax3_config.get("tex", {}).get("macros", {})
    elements = dict(config.latex_elements)
    elements["preamble"] = elements.get("preamble", "") + "\\AtBeginDocument{%\n" + commands(macros) + "\n}\n"
    config.latex_elements = elements


def setup(app: Sphinx) -> dict[str, Any]:
    """Hook in when the configuration is read."""
    app.connect("config-inited", add_preamble, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
