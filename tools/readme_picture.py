"""Copy the picture of the three spheres from its chapter to the file that the README shows."""

from __future__ import annotations

import base64

import nbformat
from execute_notebooks import ROOT

CHAPTER, FIGURE = ROOT / "book" / "foundations" / "seeing_the_landscape.ipynb", "fig-spheres"
PICTURE = ROOT / "book" / "_static" / "spheres.png"


def stored_picture() -> bytes:
    """The PNG that the chapter stores for the figure."""
    for cell in nbformat.read(CHAPTER, as_version=4).cells:
        if cell.metadata.get("mystnb", {}).get("figure", {}).get("name") == FIGURE:
            for output in cell.outputs:
                if "image/png" in output.get("data", {}):
                    return base64.b64decode(output.data["image/png"])
    raise LookupError(f"{CHAPTER.name}: expected a picture in the cell of {FIGURE}, found none")


if __name__ == "__main__":
    PICTURE.write_bytes(stored_picture())
