"""One HTML file that needs nothing else: Markdown, mathematics set by MathJax inside of the file, pictures as data.

Slides and the instructor's booklet are made with it.
"""

from __future__ import annotations

import html
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

STYLES = Path(__file__).resolve().parent / "sheets"
SETTINGS = (
    'window.MathJax = {svg: {fontCache: "global"}, options: {enableMenu: false},'
    " startup: {pageReady: () => MathJax.startup.defaultPageReady().then(() => {"
    ' document.documentElement.dataset.set = "yes"; window.dispatchEvent(new Event("mathset")); })}};'
)


def _mathematics(text: str, options: dict[str, Any]) -> str:
    text = html.escape(text.strip(), quote=False)
    return f"\\[{text}\\]" if options["display_mode"] else f"\\({text}\\)"


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": True}).enable("table").use(dollarmath_plugin, renderer=_mathematics)


def to_html(text: str) -> str:
    """Plain Markdown (what `plain.Plain` makes) as HTML."""
    return str(_markdown().render(text))


def inline(text: str) -> str:
    """One line of Markdown as HTML."""
    return str(_markdown().renderInline(text))


def mathjax() -> str:
    """MathJax as one script, with its fonts: the package that the book's pages take it from, too."""
    spec = find_spec("mathjax")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("django-static-mathjax is missing: pip install -e '.[book]'")
    path = Path(spec.submodule_search_locations[0]) / "static" / "mathjax" / "es5" / "tex-svg.js"
    return path.read_text(encoding="utf-8").replace("</script", "<\\/script")


def document(title: str, body: str, name: str) -> str:
    """A whole page with the style sheet ``sheets/NAME.css`` and, if there is one, the script ``sheets/NAME.js``."""
    style = (STYLES / f"{name}.css").read_text(encoding="utf-8")
    script = STYLES / f"{name}.js"
    scripts = [SETTINGS, *([script.read_text(encoding="utf-8")] if script.exists() else []), mathjax()]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n{body}\n"
        + "".join(f"<script>\n{text}\n</script>\n" for text in scripts)
        + "</body>\n</html>\n"
    )
