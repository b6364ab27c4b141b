"""Plain notebooks, for download and for the course: nothing of the book's own language is left but its numbers."""

import ast
import json
import re

import nbformat
import pytest
from coursework import clean_chapter, make
from execute_notebooks import ROOT
from exercise_source import chapters, read_section, read_sections
from labels import book_labels
from plain import bibliography, converter
from statements import cited, statements

from l4lib.course import exercises

LABELS = book_labels()
CHAPTERS = chapters(ROOT)
SECTIONS = read_sections(CHAPTERS)
BUILT = ROOT / "_build" / "html"
each_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
each_section = pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.chapter)


def leftovers(notebook):
    """What of MyST, or of the book's macros, still stands in the Markdown of a notebook."""
    macros = "|".join(converter({}, "").macros)
    patterns = (
        r"\{[a-z][\w:-]*\}`[^`]*`?",  # roles
        r"^[ \t]*(?:`{3,}|:{3,})\{.*",  # directives
        r"^[ \t]*:[\w-]+:( .*)?$",  # their options
        r"^\([\w:-]+\)=.*",  # targets
        r"\$\$ \([\w:-]+\)",  # equation labels
        r"\[[^\]\n]*\]\(#?(?:sec|eq|thm|lem|prop|fig|ex)-[\w-]+\)",  # links to labels
        rf"\\(?:{macros})(?![A-Za-z])",
    )
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return [found[0] for pattern in patterns for found in re.finditer(pattern, text, re.MULTILINE)]


@pytest.mark.parametrize(
    "source",
    ["{eq}`eq-a`", "```{claim-card} a\n```", ":label: a", "(sec-a)=", "$$ (eq-a)", r"$\norm x$", "[here](sec-a)"],
)
def test_a_leftover_is_seen(source):
    assert leftovers(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(f"Text\n{source}")]))


@each_chapter
def test_a_chapter_comes_plain_and_whole(path):
    speak = converter(LABELS, "")
    made = clean_chapter(path, speak)
    nbformat.validate(made)
    assert made == clean_chapter(path, speak)
    assert not leftovers(made)
    assert not speak.unknown
    cells = nbformat.read(path, as_version=4).cells
    section = read_section(path)
    head = [c for c in cells if section is None or not set(c.metadata.get("tags", [])) & {"solution", "exercise-setup"}]
    figures = sum("figure" in cell.metadata.get("mystnb", {}) for cell in head)
    captions = [c for c in made.cells if c.cell_type == "markdown" and re.match(r"\*Fig\. \d", c.source)]
    inside = sum(
        "figure" in c.metadata.get("mystnb", {}) for t in (section.tasks if section else []) for c in t.solution
    )
    assert len(captions) == figures - inside
    text = "\n".join(cell.source for cell in made.cells if cell.cell_type == "markdown")
    assert text.count("$$") % 2 == 0
    words = re.sub(r"\$\$.*?\$\$|\$[^$]*\$", "", text, flags=re.DOTALL)
    assert not re.search(r"\]\((?!https?://)", words), "a link that leads nowhere outside of the book"
    for cell in made.cells:
        if cell.cell_type == "code" and "%pip" not in cell.source:
            ast.parse(cell.source)
            assert not cell.outputs


@each_section
def test_a_chapter_comes_with_stubs_and_without_solutions(section):
    made = clean_chapter(section.path, converter(LABELS, ""))
    lines = {line.strip() for cell in made.cells for line in cell.source.split("\n")}
    chapter = {
        line.strip() for cell in nbformat.read(section.path, as_version=4).cells for line in cell.source.split("\n")
    }
    assert "## Exercises" in lines and not any(line.startswith("**Solution") for line in lines)
    for task in section.tasks:
        if task.label in exercises():
            assert f'check("{task.label}", {exercises()[task.label].answer}, me)' in lines
        written = [line.strip() for source in task.code for line in source.split("\n")]
        body = [line for line in written if len(line) > 20 and re.match(r"(return|\w+ = )", line)]
        once = [line for line in body if sum(line == other for other in chapter) == 1]
        assert not [line for line in once if line in lines and not _elsewhere(section, task, line)]


@each_section
def test_the_exercises_of_a_plain_chapter_run_by_themselves(section):
    """From top to bottom, as downloaded: every check says that nothing is there yet."""
    made = clean_chapter(section.path, converter(LABELS, ""))
    start = next(k for k, cell in enumerate(made.cells) if cell.source == "## Exercises")
    space, told = {"__name__": "__main__"}, []
    for cell in made.cells[start:]:
        if cell.source.startswith("check("):
            told.append(eval(cell.source, space).kind)
        elif cell.cell_type == "code":
            exec(compile(cell.source, section.chapter, "exec"), space)
    assert told == ["blank"] * sum(task.label in exercises() for task in section.tasks)


def _elsewhere(section, task, line):
    """Whether the chapter itself has this line before its exercises."""
    for cell in nbformat.read(section.path, as_version=4).cells:
        if cell.source.startswith("## Exercises"):
            return False
        if line in {text.strip() for text in cell.source.split("\n")}:
            return True
    return False


@each_section
@pytest.mark.parametrize("instructor", [False, True])
def test_notebooks_of_the_course_have_no_leftover(section, instructor):
    speak = converter(LABELS, "https://example.org")
    made = make(section, speak, instructor=instructor, code_of_course="c0de")
    assert not leftovers(made)
    assert not speak.unknown
    for task in section.tasks:
        (cell,) = [c for c in made.cells if c.source.startswith(f"## {LABELS[task.label]['text']}: {task.title}\n")]
        if cited(task.text):
            assert "<summary>What it refers to</summary>" in cell.source, "of use away from the book"


@each_chapter
def test_titles_of_folds_are_plain_words(path):
    """They become ``<summary>`` in notebooks, in which Markdown is not read (mathematics is)."""
    for cell in nbformat.read(path, as_version=4).cells:
        for title in re.findall(r"^`{3,}\{(?:dropdown|exercise)\} (.*)$", cell.source, flags=re.MULTILINE):
            assert not re.search(r"[`*\[<]|\{\w+\}`", re.sub(r"\$[^$]*\$", "", title)), title


def test_statements_are_found_by_their_labels():
    known = statements()
    theorem = known["thm-fourth-moment"]
    assert (theorem.kind, theorem.title) == ("theorem", "The fourth moment of a sparse combination")
    assert theorem.text.startswith("Let $x") and ":label:" not in theorem.text and "```" not in theorem.text
    assert known["eq-fourth-moment"] == theorem, "an equation of a theorem is cited with the theorem"
    assert known["eq-xz"].kind == "equation" and "Describe the point" in known["eq-xz"].text
    assert known["fig-spheres"].picture.startswith("iVBOR") and len(known["fig-spheres"].alt) > 30
    assert [s.label for s in cited("{eq}`eq-xz` and {prf:ref}`this <thm-far>`, {eq}`eq-xz`")] == ["eq-xz", "thm-far"]


def test_citations_are_authors_and_years():
    sources = bibliography(ROOT / "book" / "reference" / "references.bib")
    assert sources["Qu2020"][0] == "Qu et al. 2020"
    assert sources["GeMa2017"][0] == "Ge and Ma 2017"
    speak = converter(LABELS, "")
    assert speak("{cite}`Qu2020`") == "(Qu et al. 2020)" and speak.cited == {"Qu2020"}


@pytest.mark.book
@pytest.mark.skipif(not (BUILT / "labels.json").exists(), reason="the book is not built; run make book")
def test_numbers_are_those_of_the_built_book():
    """Both ways, apart from what Sphinx adds by itself."""
    built = json.loads((BUILT / "labels.json").read_text(encoding="utf-8"))
    assert {label: built.get(label) for label in LABELS} == LABELS
    more = {label for label, entry in built.items() if entry["url"].startswith("book/")} - set(LABELS)
    assert not {label for label in more if not re.fullmatch(r"eq-.*", label)}, "labels that notebooks cannot refer to"


@pytest.mark.book
@pytest.mark.skipif(not BUILT.exists(), reason="the book is not built; run make book")
@each_chapter
def test_the_download_button_offers_the_plain_notebook(path):
    from bs4 import BeautifulSoup

    page = (BUILT / path.relative_to(ROOT)).with_suffix(".html")
    soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    (target,) = {link["href"] for link in soup.select(".dropdown-download-buttons a[href$='.ipynb']")}
    offered = nbformat.read(page.parent / target, as_version=4)
    assert not leftovers(offered)
    assert offered == nbformat.from_dict(clean_chapter(path, converter(LABELS, "")))
