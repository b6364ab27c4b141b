"""Figures at their own size, and legible on dark pages.

A figure has two pixels to a point of the page, so that its width on the page is half of its width in pixels.
Line drawings get the class ``figure-lines``, which the style sheet turns around on dark pages; figures whose colours
mean values, and pictures, get ``figure-colours`` and keep them.
Which is which is read off the cell that draws it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

COLOURS_MEAN_VALUES = re.compile(r"plot_(heatmap|sphere|pictures)\(|imshow\(|contourf\(|pcolor(mesh)?\(|cmap=")


def _pixels_wide(png: Path) -> int:
    """The width that the header of a PNG file states, 0 for other files."""
    head = png.read_bytes()[:24] if png.suffix == ".png" and png.is_file() else b""
    return int.from_bytes(head[16:20], "big") if head[12:16] == b"IHDR" else 0


def size_and_class(app: Sphinx, doctree: nodes.document) -> None:
    """Give every image that a cell has drawn its width and its class."""
    for cell in doctree.findall(lambda node: isinstance(node, nodes.container) and "cell" in node["classes"]):
        source = "\n".join(block.astext() for block in cell.findall(nodes.literal_block))
        kind = "figure-colours" if COLOURS_MEAN_VALUES.search(source) else "figure-lines"
        for image in cell.findall(nodes.image):
            image["classes"] += [kind, "dark-light"]
            pixels = _pixels_wide(Path(app.srcdir) / image["uri"])
            if pixels and "width" not in image:
                image["width"] = f"{pixels // 2}px"


def setup(app: Sphinx) -> dict[str, Any]:
    """After the notebooks are read."""
    app.connect("doctree-read", size_and_class)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
