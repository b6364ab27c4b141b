"""Moving pictures: ``{live} circle``, ``sphere``, ``homotopy``, ``phase`` or ``kernel``, drawn by ``landscape.js``.

The directive makes a numbered figure with a caption (its content), a name, and a text for readers who do not see the
picture; without scripts, and in LaTeX, that text is what is there.
What a picture shows is taken from the library and its records when the book is built; only pages with a picture load
the script.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from l4lib import random_untf
from l4lib.data import icosahedron, simplex
from l4lib.experiments import read_record

Settings = dict[str, Any]


class live_picture(nodes.General, nodes.Element):
    """The box that ``landscape.js`` fills; its children are what is there without scripts."""


def _atoms(A: np.ndarray) -> list[list[float]]:
    return [[float(x) for x in atom] for atom in A.T]


def circle_settings() -> Settings:
    """Two atoms, not far from where their wells merge."""
    return {"angles": [0, 70]}


def sphere_settings() -> Settings:
    """The dictionaries of the chapter *Seeing the landscape*, its flat design last."""
    frames = {
        "orthonormal": np.eye(3),
        "simplex": simplex(3),
        "five tight": random_untf(3, 5, rng=np.random.default_rng(12)),
        "icosahedron": icosahedron(),
    }
    return {"dictionaries": [{"name": name, "atoms": _atoms(A)} for name, A in frames.items()], "first": 2}


def homotopy_settings() -> Settings:
    """From an orthonormal basis to one atom more, in the plane and in space."""
    plane = {"name": "plane, 2 to 3", "atoms": _atoms(np.eye(2)), "weight": 1.2}
    extra = np.array([1.0, 0.9, 0.7])
    space = {
        "name": "space, 3 to 4",
        "atoms": _atoms(np.eye(3)),
        "extra": (extra / np.linalg.norm(extra)).tolist(),
        "weight": 0.3,
    }
    return {"families": [space, plane], "angle": 35}


def phase_settings() -> Settings:
    """The recorded trials of E2, E3 and E5 as counts: rows of [x, trials, successes of each series]."""
    overcomplete, samples, starts = (read_record(name).table for name in ("E2", "E3", "E5"))
    random = ("success", "random start")
    kernels = (("success_data", "start from data"), ("success_random", "random start"))
    small = samples[(samples["n"] == 16) & (samples["theta"] != 0.1)]
    chosen = [
        ("atoms a random start copes with (E2)", overcomplete, "n", "m", "atoms m", [random]),
        ("samples against sparsity, n = 16 (E3)", small, "theta", "p", "samples p", [random]),
        ("samples against dimension (E3)", samples[samples["theta"] == 0.1], "n", "p", "samples p", [random]),
        ("kernels: sparsity, K = 2 (E5)", starts.query("n == 32"), "theta", "p", "samples p", kernels),
        ("kernels: how many, n = 64 (E5)", starts.query("n == 64"), "K", "p", "samples p", kernels),
    ]  # fmt: skip
    records = []
    for name, table, parameter, x, label, series in chosen:
        rows = []
        for _, part in table.groupby(parameter):
            cells = part.groupby(x)[[column for column, _ in series]].agg(["count", "sum"])
            counts = cells.to_numpy(int).tolist()
            rows.append([[at, row[0], *row[1::2]] for at, row in zip(cells.index.tolist(), counts, strict=True)])
        records.append(
            {
                "name": name,
                "parameter": "θ" if parameter == "theta" else parameter,
                "values": [float(f"{value:.4g}") for value in sorted(table[parameter].unique())],
                "x": label,
                "series": [words for _, words in series],
                "rows": rows,
            }
        )
    return {"records": records, "first": 6}


def kernel_settings() -> Settings:
    """Nothing: the kernels are made by the reader."""
    return {}


SETTINGS: dict[str, Callable[[], Settings]] = {
    "circle": circle_settings,
    "sphere": sphere_settings,
    "homotopy": homotopy_settings,
    "phase": phase_settings,
    "kernel": kernel_settings,
}


def settings_json(kind: str) -> str:
    """The settings of a picture, safe inside ``<script>``, numbers with nine digits."""

    def short(value: Any) -> Any:
        if isinstance(value, float):
            return int(value) if value == int(value) else float(f"{value:.9g}")
        if isinstance(value, dict):
            return {key: short(inner) for key, inner in value.items()}
        return [short(inner) for inner in value] if isinstance(value, list) else value

    return json.dumps(short(SETTINGS[kind]()), separators=(",", ":"), ensure_ascii=False).replace("</", "<\\/")


class Live(SphinxDirective):
    """``{live} KIND`` with the options ``name`` and ``alt`` and the caption as content."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar = {"name": directives.unchanged_required, "alt": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """A figure with the box, its fallback and the caption."""
        kind = self.arguments[0]
        if kind not in SETTINGS:
            raise self.error(f"live: no picture {kind!r}; there are {', '.join(SETTINGS)}")
        if "name" not in self.options or "alt" not in self.options or not self.content:
            raise self.error("live: a picture needs a name, an alt and a caption")
        box = live_picture(kind=kind, settings=settings_json(kind), alt=self.options["alt"])
        box += nodes.paragraph("", self.options["alt"] + " (The picture moves on the pages of the book, with scripts.)")
        figure = nodes.figure("", box, classes=["l4-live"])
        words = nodes.Element()
        self.state.nested_parse(self.content, self.content_offset, words)
        caption = nodes.caption()
        for child in words.children:
            caption.extend(child.children if isinstance(child, nodes.paragraph) else [child])
        figure += caption
        self.set_source_info(figure)
        self.add_name(figure)
        return [figure]


def visit_html(self: Any, node: live_picture) -> None:
    """A group with its settings; the paragraph inside goes when the script comes."""
    kind, label = node["kind"], self.attval(node["alt"])
    self.body.append(f'<div class="l4-live-stage" data-live="{kind}" role="group" aria-label="{label}">')


def depart_html(self: Any, node: live_picture) -> None:
    """Close it."""
    self.body.append(f'<script type="application/json">{node["settings"]}</script></div>')


def visit_latex(self: Any, _node: live_picture) -> None:
    """On paper a frame around the words."""
    self.body.append("\n\\begin{lfourlive}\n")


def depart_latex(self: Any, _node: live_picture) -> None:
    """Close it."""
    self.body.append("\n\\end{lfourlive}\n")


def nothing(_self: Any, _node: live_picture) -> None:
    """In text the children are all there is."""


def load_script(app: Sphinx, _page: str, _template: str, _context: Any, doctree: nodes.document | None) -> None:
    """Load the script on pages with a picture."""
    if doctree is not None and next(iter(doctree.findall(live_picture)), None) is not None:
        app.add_js_file("landscape.js", loading_method="defer")


def note_records(app: Sphinx, doctree: nodes.document) -> None:
    """A page with recorded results is read again when they change."""
    if any(node["kind"] == "phase" for node in doctree.findall(live_picture)):
        folder = Path(app.srcdir) / "l4lib" / "experiments" / "results"
        for name in ("E2", "E3", "E5"):
            app.env.note_dependency(str(folder / f"{name}.csv"))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_node(
        live_picture, html=(visit_html, depart_html), latex=(visit_latex, depart_latex), text=(nothing, nothing)
    )
    app.add_directive("live", Live)
    app.connect("html-page-context", load_script)
    app.connect("doctree-read", note_records)
    return {"version": "1", "env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
