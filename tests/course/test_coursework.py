"""Notebooks for students and instructors, plain chapters, and the book with and without solutions."""

import ast
import importlib.util
import json
import re
import subprocess
import sys

import nbformat
import pytest
from coursework import course_code, make, read_secret
from execute_notebooks import ROOT
from exercise_source import (
    ExerciseError,
    chapters,
    read_section,
    read_sections,
    section_start,
    stub,
    without_solutions,
)
from exercise_text import put, to_cells, to_text
from plain import Plain, converter, plain_chapter

from l4lib.course import Student, exercises, hidden_cases, judge

SECTIONS = read_sections(chapters(ROOT))
SPEAK = Plain({}, {"norm": ["\\lVert #1 \\rVert", 1], "R": "\\mathbb{R}"}, "https://example.org")
each_section = pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.chapter)


def words(text):
    """Text without mark-up, for comparison."""
    return " ".join(re.sub(r"[^\w\s]", " ", text).split())


def notebook(section, instructor):
    return make(section, Plain({}, {}, ""), instructor=instructor, code_of_course="c0de")


@each_section
def test_the_student_notebook_holds_no_solution(section):
    made = notebook(section, instructor=False)
    lines = {line.strip() for cell in made.cells for line in cell.source.split("\n")}
    text = words("\n".join(cell.source for cell in made.cells))
    for task in section.tasks:
        answer = exercises()[task.label].answer if task.label in exercises() else ""
        for source in task.code:
            left = {line.strip() for line in stub(source, answer).split("\n")}
            for line in source.split("\n"):
                if len(line.strip()) > 12 and line.strip() not in left:
                    assert line.strip() not in lines, f"{task.label}: {line}"
        for cell in task.solution:
            if cell.cell_type == "markdown":
                for sentence in re.split(r"(?<=[.])\s", cell.source):
                    assert len(words(sentence)) < 25 or words(sentence) not in text, f"{task.label}: {sentence}"
            elif "solution" not in cell.metadata.get("tags", []):
                assert cell.source.startswith("check(") or cell.source not in text, task.label


@each_section
def test_notebooks_are_reproducible_and_complete(section):
    for instructor in (False, True):
        made = notebook(section, instructor)
        assert made == notebook(section, instructor)
        nbformat.validate(made)
        text = "\n".join(cell.source for cell in made.cells)
        assert all(task.title in text for task in section.tasks)
        assert 'course="c0de"' in text
        for cell in made.cells:
            if cell.cell_type == "code" and "%pip" not in cell.source:
                ast.parse(cell.source)
            assert not re.search(r"^`{3,}\{|\{(eq|prf:ref|numref|doc|cite)\}`", cell.source, flags=re.MULTILINE)
        for task in section.tasks:
            assert (f'check("{task.label}"' in text) == (task.label in exercises())
            places = [cell for cell in made.cells if cell.metadata.get("course", {}).get("answer") == task.label]
            assert len(places) == (1 if task.rubric and not instructor else 0)
            if instructor and task.label in exercises():
                assert all(mistake.words in text for mistake in exercises()[task.label].mistakes.values())


@each_section
def test_text_and_cells_are_the_same_thing(section):
    cells = nbformat.read(section.path, as_version=4).cells
    text = to_text(cells[section_start(cells) :])
    again = to_cells(text)
    assert to_text(again) == text
    assert [(c.cell_type, c.source, c.metadata) for c in again] == [
        (c.cell_type, c.source, c.metadata) for c in cells[section_start(cells) :]
    ]


def test_no_solution_is_left_when_they_are_stripped():
    for section in SECTIONS:
        whole = nbformat.read(section.path, as_version=4)
        text = json.dumps(without_solutions(whole), ensure_ascii=False)
        assert "{solution" not in text
        for task in section.tasks:
            assert task.label in text
            assert not [cell for cell in task.solution if json.dumps(cell.source, ensure_ascii=False) in text]


@pytest.mark.parametrize("solutions", ["yes", "no"])
def test_the_plain_text_beside_the_pages_has_solutions_only_if_the_book_has(monkeypatch, solutions):
    from llms import as_text

    monkeypatch.setenv("SOLUTIONS", solutions)
    exam, chapter = (as_text(name, converter({}, "")) for name in ("book/reference/teaching", "book/landscape/census"))
    assert ("**Solution.**" in exam) == ("**Solution" in chapter) == (solutions == "yes")
    (section,) = [section for section in SECTIONS if section.chapter == "census"]
    found = [cell for task in section.tasks for cell in task.solution if cell.source in chapter]
    assert bool(found) == (solutions == "yes")


def test_plain_chapters_show_no_directive():
    for path in chapters(ROOT)[:4]:
        made = plain_chapter(path, Plain({}, {}, "https://example.org"), "l4lib")
        code = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        kept = [cell.source for cell in made.cells if cell.cell_type == "code"]
        assert kept[1:] == code[: len(kept) - 1]
        for cell in made.cells:
            assert not re.search(r"\{prf:|^`{3,}\{|^:label:|\{claim-card\}", cell.source, flags=re.MULTILINE)
            assert "## Exercises" not in cell.source


@pytest.mark.parametrize(
    ("source", "result"),
    [
        (r"$\norm{x_{\norm{y}}}\R$", r"$\lVert x_{\lVert y \rVert } \rVert \mathbb{R}$"),
        ("{eq}`eq-a`", "[(2.1)](https://example.org/p.html#e)"),
        ("{prf:ref}`words <thm-a>`", "[words](https://example.org/p.html#t)"),
        ("```{prf:theorem} Name\n:label: thm-a\n\nText\n```", "**Theorem 2.3 (Name).** Text"),
        ("```{prf:proof}\nSo.\n```", "**Proof.** So. ∎"),
        ("$$\nx\n$$ (eq-a)", "$$\nx \\tag{2.1}\n$$"),
        ("````{dropdown} More\n```{math}\nx\n```\n````", "<details><summary>More</summary>\n\n$$\nx\n$$\n\n</details>"),
        ("{doc}`other`", "[other](https://example.org/p.html)"),
        ("a\n```{index} word\n```\nb{index}`word`", "a\n\nb"),
        ("(sec-a)=\n## Title", "## Title"),
        ("(sec-a)=", ""),
        ("[here](thm-a), [there](https://x.org)", "[here](https://example.org/p.html#t), [there](https://x.org)"),
        ("1. So\n\n   $$\n   x\n   $$ (eq-a)\n", "1. So\n\n $$\n x \\tag{2.1}\n $$"),
        ("{eq}`eq-b`", "[(7)](https://example.org/book/part/other.html#b) of *other*"),
        ("```{answer}\nYes.\n```", "**Solution.** Yes."),
        ("```{only} html\nSeen.\n```\n```{only} latex\nPrinted.\n```", "Seen."),
        ("```{code-block} python\nx = 1\n```", "```python\nx = 1\n```"),
    ],
)
def test_the_converter(source, result):
    labels = {
        "eq-a": {"text": "(2.1)", "url": "p.html#e"},
        "thm-a": {"text": "Theorem 2.3", "url": "p.html#t"},
        "eq-b": {"text": "(7)", "url": "book/part/other.html#b"},
        "book/part/other": {"text": "other", "url": "p.html"},
    }
    speak = Plain(
        labels, {"norm": ["\\lVert #1 \\rVert", 1], "R": "\\mathbb{R}"}, "https://example.org/", "book/part/x"
    )
    assert re.sub(r" +", " ", speak(source)) == result
    assert not speak.unknown


def test_what_is_not_known_stays_readable_and_is_counted():
    speak = Plain({}, {}, "")
    assert speak("{eq}`eq-none` and\n```{novelty} Title\nbody\n```") == "eq-none and\n**Title**\n\nbody"
    assert speak.unknown == {"eq-none", "novelty"}


def test_stubs_keep_names_and_docstrings_only():
    head = "import numpy as np\n\n\n"
    function = 'def answer(x, *, y=2):\n    """Say."""\n'
    left = stub(f"{head}def helper():\n    return 1\n\n\n{function}    return helper()", "answer")
    assert left == f"{head}{function}    raise NotImplementedError  # your code goes here"
    assert stub("z = 3\nvalue = z + 1", "value") == "value = ...  # your value goes here"


def test_the_secret_is_made_once_and_hides_behind_its_code(tmp_path):
    path = tmp_path / "secret"
    secret = read_secret(path)
    assert read_secret(path) == secret and len(secret) == 32
    assert path.stat().st_mode & 0o077 == 0
    assert len(course_code(secret)) == 8 and course_code(secret) not in secret


GOOD = """## Exercises

```{code-cell}
:tags: [exercise-setup]
me = Student("reader")
```

```{exercise} A name
:label: ex-a
:kind: derive
:stars: 1
:minutes: 5
:teaches: something

Text.
```

```{solution} ex-a
Because.
```

```{marking} ex-a
- 2: the reason
```
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (":kind: derive", ":kind: think", "expected :kind: among"),
        (":label: ex-a", ":label: a", "expected :label:"),
        (":stars: 1", ":stars: 4", "expected :stars:"),
        (":teaches: something\n", "", "expected :teaches:"),
        (":minutes: 5", ":minutes: 5\n:colour: red", "unknown options"),
        ("{solution} ex-a", "{solution} ex-b", "name that"),
        ("- 2: the reason", "- the reason", "expected rubric lines"),
        ("```{solution} ex-a\nBecause.\n```", "```{solution-start} ex-a\n```", "no solution-end"),
        ("```{marking}", "Loose text.\n\n```{marking}", "text belongs into"),
        ("```{marking}", "```{code-cell}\nx = 1\n```\n\n```{marking}", "needs the tag provided"),
    ],
)
def test_a_section_that_is_not_right_is_refused_with_its_remedy(tmp_path, old, new, message):
    path = tmp_path / "chapter.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Title")]), path)
    assert read_section(path) is None
    put(path, GOOD)
    assert [task.paper_points for task in read_section(path).tasks] == [2]
    assert old in GOOD
    put(path, GOOD.replace(old, new))
    with pytest.raises(ExerciseError, match=message):
        read_section(path)


def test_ten_minutes_are_enough(tmp_path):
    """The worked example of *Teaching with this book* does what the page says."""
    page = (ROOT / "book" / "reference" / "teaching.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"^`````md\n(.*?)^`````$", page, flags=re.MULTILINE | re.DOTALL)
    (module,) = re.findall(r"^```python\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    path = tmp_path / "sparsity_to_l4.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Title")]), path)
    put(path, text)
    (task,) = read_section(path).tasks
    (tmp_path / "example.py").write_text(module, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("example", tmp_path / "example.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    (exercise,) = example.EXERCISES
    space = {}
    exec("import numpy as np\n" + task.code[0], space)
    for student in range(50):
        cases = hidden_cases(exercise, f"student {student}", "secret")
        assert judge(exercise, space[exercise.answer], cases).passed
        for kind, mistake in exercise.mistakes.items():
            answer = lambda *a, m=mistake: m.answer(**dict(zip(exercise.call, a, strict=True)))  # noqa: E731
            assert judge(exercise, answer, cases).kind == kind
    assert stub(task.code[0], exercise.answer).endswith("# your code goes here")
    for command in re.findall(r"^python (tools/\S+|-m pytest -q .*)", page, flags=re.MULTILINE):
        for name in re.findall(r"(?:tools|tests)/\S+\.py", command):
            assert (ROOT / name).exists(), name
    assert Student("a").name == "a"


@pytest.mark.parametrize("solutions", ["yes", "no"])
def test_the_book_folds_solutions_or_leaves_them_out_everywhere(tmp_path, solutions):
    source, out = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    chapter = source / "chapter.ipynb"
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Title")])
    made.metadata["language_info"] = {"name": "python", "pygments_lexer": "python"}
    nbformat.write(made, chapter)
    gated = GOOD.replace("```{solution} ex-a\nBecause.\n```", "```{solution-start} ex-a\n```\n\n")
    gated = gated.replace(
        "```{marking}",
        "```{code-cell}\n1 + 1  # secretly\n```\n\nBecause of {numref}`ex-a`.\n\n"
        "```{solution-end}\n```\n\n```{marking}",
    )
    put(chapter, gated)
    (source / "_toc.yml").write_text("root: chapter\n")
    (source / "exam.md").write_text(
        "---\norphan: true\n---\n# Exam\n\nWhy?\n\n```{answer}\nSince Gauss said so.\n```\n\nEnd.\n"
    )
    (source / "conf.py").write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT / 'book' / '_ext')!r})\n"
        "extensions = ['myst_nb', 'exercises']\nroot_doc = 'chapter'\nnumfig = True\nnb_execution_mode = 'off'\n"
    )
    build = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", str(source), str(out)]
    done = subprocess.run(build, capture_output=True, text=True, env={"SOLUTIONS": solutions, "PATH": ""}, check=False)
    assert done.returncode == 0, done.stderr
    html = (out / "chapter.html").read_text(encoding="utf-8")
    assert 'id="ex-a"' in html and "Exercise 1 " in html and 'aria-label="derive"' in html
    assert json.loads((out / "labels.json").read_text(encoding="utf-8"))["ex-a"]["text"] == "Exercise 1"
    everything = "".join(
        path.read_text(encoding="utf-8", errors="ignore")
        for path in out.rglob("*")
        if path.suffix in {".html", ".ipynb", ".js", ".md", ".txt"}
    )
    assert "Why?" in everything and "End." in everything
    assert ("Gauss" in everything) == (solutions == "yes")
    if solutions == "no":
        assert "secretly" not in everything and "Because" not in everything and "exercise-solution" not in html
    else:
        fold = html[html.index("<details") :]
        assert fold.index("Solution of Exercise 1") < fold.index("secretly") < fold.index("</details>")
        assert "secretly" in everything
    assert "How it is marked" in html
