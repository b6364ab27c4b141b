"""The download button of a chapter offers a plain notebook, which every notebook program shows and which runs alone.

It is made from the chapter when the book is built: directives and roles as Markdown, macros written out, the book's
numbers, exercises with stubs and without solutions, no outputs.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import nbformat
from exercise_source import chapters
from exercises import labels
from public import address
from sphinx.application import Sphinx

FOLDER = "_notebooks"


def offer(_app: Sphinx, page: str, _template: str, context: dict[str, Any], _doctree: Any) -> None:
    """Let the button lead to the plain notebook instead of the source."""
    if context.get("page_source_suffix") != ".ipynb":
        return
    for group in context.get("header_buttons", []):
        for button in group.get("buttons", []):
            if button.get("label") == "download-source-button":
                button["url"] = context["pathto"](f"{FOLDER}/{page}.ipynb", 1)
                button["tooltip"] = "Download this chapter as a plain notebook"


def write(app: Sphinx, problem: Exception | None) -> None:
    """Write the notebooks beside the pages."""
    if problem is not None or app.builder.format != "html":
        return
    sys.path.append(str(Path(app.srcdir) / "tools"))
    from coursework import WHERE, clean_chapter
    from plain import converter

    speak = converter(labels(app.env), app.config.html_baseurl)
    repository = address(app.config)
    where = f"{WHERE} @ git+{repository}" if repository else WHERE
    for path in chapters(Path(app.srcdir)):
        target = Path(app.outdir) / FOLDER / path.relative_to(app.srcdir)
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(clean_chapter(path, speak, where), target)


def setup(app: Sphinx) -> dict[str, Any]:
    """After the theme has made its buttons, and after all pages."""
    app.connect("html-page-context", offer, priority=900)
    app.connect("build-finished", write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
