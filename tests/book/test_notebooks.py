"""Notebooks as committed: executed, normalised, quiet, and every picture described."""

import json
import re

import nbformat
import pytest
from execute_notebooks import ROOT, normalise, notebooks_of_the_book

NOTEBOOKS = notebooks_of_the_book()
pytestmark = pytest.mark.skipif(not NOTEBOOKS, reason="no notebooks in the table of contents")


def named(path):
    return path.stem


@pytest.fixture(params=NOTEBOOKS, ids=named)
def path(request):
    return request.param


@pytest.fixture
def notebook(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def pictures(cell):
    return [output for output in cell.outputs if "image/png" in output.get("data", {})]


def test_every_notebook_of_the_folder_is_in_the_book():
    assert {path.name for path in (ROOT / "book").rglob("*.ipynb")} == {path.name for path in NOTEBOOKS}


def test_executed_in_order_without_errors_or_stderr(notebook):
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))
    for cell in code_cells(notebook):
        for output in cell.outputs:
            assert output.output_type != "error" or "raises-exception" in cell.metadata.get("tags", [])
            assert output.get("name") != "stderr"


def test_committed_in_normal_form(path, notebook):
    before = json.dumps(nbformat.read(path, as_version=4), sort_keys=True)
    assert json.dumps(normalise(notebook), sort_keys=True) == before, "run tools/execute_notebooks.py"


def test_every_picture_has_a_caption_and_an_alternative_text(notebook):
    for cell in code_cells(notebook):
        settings = cell.metadata.get("mystnb", {})
        if "figure" in settings:
            assert pictures(cell), f"the figure {settings['figure'].get('name')} has lost its picture"
        if pictures(cell):
            assert len(settings.get("figure", {}).get("caption", "")) > 30, cell.source[:80]
            assert len(settings.get("image", {}).get("alt", "")) > 30, cell.source[:80]


def test_axes_are_labelled_in_the_source(notebook):
    """A cell that draws on plain axes names both of them (pictures and spheres have none)."""
    for cell in code_cells(notebook):
        if pictures(cell) and re.search(r"\.(plot|semilogy|loglog|scatter|hist|errorbar|bar)\(", cell.source):
            if "projection=" in cell.source or "set_axis_off" in cell.source:
                continue
            assert re.search(r"set_xlabel|xlabel=|supxlabel", cell.source), cell.source[:80]
            assert re.search(r"set_ylabel|ylabel=|supylabel|yticks=\[\]", cell.source), cell.source[:80]


def test_cells_are_short(notebook):
    """What a reader sees is short and narrow; a folded cell that draws may be longer."""
    for cell in code_cells(notebook):
        folded = {"hide-input", "hide-cell", "remove-input"} & set(cell.metadata.get("tags", []))
        lines = cell.source.splitlines()
        assert len(lines) <= (60 if folded else 30), cell.source[:80]
        assert max(map(len, lines), default=0) <= 80, max(lines, key=len)


def test_most_printed_lines_are_numbers(notebook):
    """At most one printed line in ten says nothing but True or False."""
    printed = [
        line
        for cell in code_cells(notebook)
        for output in cell.outputs
        for line in "".join(output.get("text", "")).splitlines()
        if line.strip()
    ]
    bare = [
        line for line in printed if re.search(r"\b(True|False)\b", line) and not re.search(r"\d", line.split(":")[-1])
    ]
    assert len(bare) <= max(1, len(printed) // 10), bare


def test_no_hidden_state(notebook):
    """Global random state, timings and machine facts do not belong into stored outputs."""
    for cell in code_cells(notebook):
        assert not re.search(r"np\.random\.(seed|rand|randn|normal|uniform)\(", cell.source)
        for output in cell.outputs:
            assert not re.search(r"object at 0x|\d+(\.\d+)? ?(ms|seconds?)\b", output.get("text", ""))


def test_a_summary_and_a_negative_control(path, notebook):
    """How-to pages claim nothing, so that a summary is enough."""
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown").lower()
    assert "negative control" in text or path.parent.name == "howto"
    assert re.search(r"^## (what we saw|summary)", text, flags=re.MULTILINE)
