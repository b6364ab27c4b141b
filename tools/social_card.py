"""Make the picture that other sites show of the book, ``book/_static/card.png``, from the figure of the spheres."""

from __future__ import annotations

import io

import matplotlib as mpl
from execute_notebooks import ROOT
from readme_picture import stored_picture

mpl.use("agg")
import matplotlib.pyplot as plt

CARD = ROOT / "book" / "_static" / "card.png"
PIXELS = (1200, 630)
"""The size that sites ask for."""


def draw() -> bytes:
    """The card as a PNG."""
    figure = plt.figure(figsize=(PIXELS[0] / 100, PIXELS[1] / 100), dpi=100, facecolor="white")
    figure.text(0.05, 0.83, "The ℓ⁴ companion", fontsize=46, weight="bold", color="#14507a")
    figure.text(
        0.05, 0.72, "Why overcomplete dictionaries can be learned by local search:", fontsize=21, color="#222222"
    )
    figure.text(0.05, 0.645, "proved on the page, checked by code, and where it ends.", fontsize=21, color="#222222")
    axes = figure.add_axes((0.04, 0.03, 0.92, 0.57))
    axes.imshow(plt.imread(io.BytesIO(stored_picture())))
    axes.set_axis_off()
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=100, metadata={"Software": None})
    plt.close(figure)
    return stream.getvalue()


if __name__ == "__main__":
    CARD.write_bytes(draw())
