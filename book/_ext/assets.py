"""MathJax, taken from the installed package that ships it, so that no page asks another server.

It comes from django-static-mathjax and ends in the ``_static`` folder of the built book as one script with what the
pages use: TeX in, HTML with MathML for screen readers out, no menu. Pages load it packed, since a host that does not
compress what it sends (``make serve`` is one) would send four times as much.
"""

from __future__ import annotations

import base64
import gzip
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

COMPONENTS = ("core", "input/tex", "output/chtml", "output/chtml/fonts/tex", "a11y/assistive-mml")
"""What the script is made of; the menu alone would be 430 kB more."""
FOLDERS = ("output/chtml/fonts/woff-v2", "input/tex")
SCRIPT, PACKED = "mathjax/tex-chtml-book.js", "mathjax/tex-chtml-book.packed.js"
UNPACK = Path(__file__).with_name("unpack.js")


def _folder(package: str, inside: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(f"the book needs the package {package}: pip install -e '.[book]'")
    return Path(spec.submodule_search_locations[0]) / inside


def mathjax_script(source: Path) -> str:
    """One file of MathJax's own: its start, the components, and word to the loader that they are there.

    The start waits for the end of the script before it sets anything, so that it may come first.
    """
    parts = [(source / f"{name}.js").read_text(encoding="utf-8") for name in ("startup", *COMPONENTS)]
    told = ["loader", "startup", *(name + ".js" * name.endswith("fonts/tex") for name in COMPONENTS)]
    return ";\n".join([*parts, "MathJax.loader.preLoad(" + ",".join(f'"{name}"' for name in told) + ");"])


def use_local_mathjax(_app: Sphinx, config: Config) -> None:
    """Point Sphinx at the copy in ``_static``."""
    config.mathjax_path = PACKED


def copy_assets(app: Sphinx) -> None:
    """Copy what is needed, once."""
    if app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    source = _folder("mathjax", "static/mathjax/es5")
    for name in FOLDERS:
        shutil.copytree(source / name, static / "mathjax" / name, dirs_exist_ok=True)
    script = mathjax_script(source)
    (static / SCRIPT).write_text(script, encoding="utf-8")
    packed = base64.b64encode(gzip.compress(script.encode(), mtime=0)).decode()
    (static / PACKED).write_text(UNPACK.read_text(encoding="utf-8").replace("PACKED", packed), encoding="utf-8")


def drop_thebe(_app: Sphinx, _page: str, _template: str, context: dict[str, Any], _doctree: Any) -> None:
    """Leave out the scripts of sphinx-thebe, which Jupyter Book always adds: no page runs code on a server."""
    for kind in ("script_files", "css_files"):
        told = [
            (item, getattr(item, "filename", ""), getattr(item, "attributes", "")) for item in context.get(kind, [])
        ]
        context[kind] = [item for item, *words in told if "thebe" not in f"{item} {words}".lower()]


def setup(app: Sphinx) -> dict[str, Any]:
    """Hook in before anything is written."""
    app.connect("config-inited", use_local_mathjax, priority=900)
    app.connect("builder-inited", copy_assets)
    app.connect("html-page-context", drop_thebe, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
