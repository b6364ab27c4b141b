"""The line below the title of a chapter: how long it takes to read, and how long its code runs.

Reading counts the words of the main line, a formula in a line as one word, a displayed one as ten, a line of code as
three, without proofs and other boxes that open, appendices and exercises, at a hundred words a minute.
The seconds of the code are those of the last execution (``book/reference/seconds.yml``, written by
``tools/execute_notebooks.py``), rounded, so that a build does not change them.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from folding import folded
from sphinx.application import Sphinx

RATE = 100
"""Words in a minute, for a text that one thinks about."""
SECONDS = Path("book") / "reference" / "seconds.yml"
WORTH = {nodes.math: 1, nodes.math_block: 10}
LEFT_OUT = ("Appendix", "Exercises")


@cache
def _read(path: Path, _changed: float) -> dict[str, float]:
    found: dict[str, float] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def seconds(root: Path) -> dict[str, float]:
    """The seconds of every executed page."""
    path = root / SECONDS
    return _read(path, path.stat().st_mtime)


def _skipped(node: nodes.Node) -> bool:
    if isinstance(node, folded):
        return True
    if isinstance(node, nodes.section):
        title = node.next_node(nodes.title)
        return title is not None and title.astext().startswith(LEFT_OUT)
    if isinstance(node, nodes.container) and "cell_output" in node["classes"]:
        return True
    return isinstance(node, nodes.Element) and bool(
        {"dropdown", "tag_hide-input", "tag_hide-cell", "toggle"} & set(node.get("classes", []))
    )


def words(node: nodes.Node) -> int:
    """The words of the main line below a node, formulas and code counted as the module says."""
    if _skipped(node):
        return 0
    for kind, worth in WORTH.items():
        if isinstance(node, kind):
            return worth
    if isinstance(node, nodes.literal_block):
        return 3 * len(node.astext().splitlines())
    if isinstance(node, nodes.Text):
        return len(str(node).split())
    return sum(words(child) for child in node.children)


def minutes(count: int) -> int:
    """Reading time in steps of five minutes."""
    return max(5, 5 * round(count / RATE / 5))


def about(amount: float) -> str:
    """Seconds as one says them: 5 s, 10 s, 20 s, half a minute, a minute."""
    steps = {2: "2 s", 5: "5 s", 10: "10 s", 20: "20 s", 30: "half a minute", 60: "a minute", 120: "two minutes"}
    return steps[min(steps, key=lambda step: abs(amount - step))]


def add_head(app: Sphinx, document: nodes.document) -> None:
    """Put the line below the title of every page that has code."""
    name = app.env.docname
    known = seconds(Path(app.srcdir))
    section = next(iter(document.findall(nodes.section)), None)
    if name not in known or section is None:
        return
    app.env.note_dependency(str(Path(app.srcdir) / SECONDS))
    text = f"About {minutes(words(section))} minutes without proofs; the code runs in about {about(known[name])}."
    section.insert(1, nodes.paragraph("", text, classes=["chapter-head"]))


def setup(app: Sphinx) -> dict[str, Any]:
    """After the proofs are folded."""
    app.setup_extension("folding")
    app.connect("doctree-read", add_head, priority=700)
    return {"version": "1", "env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
