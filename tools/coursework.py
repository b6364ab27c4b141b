"""Make the notebooks of the course: ``python tools/coursework.py [OUT]`` (``make coursework``).

``OUT/student/NAME.ipynb``: the exercises of a chapter with stubs, hints, feedback and a place for paper answers.
``OUT/instructor/NAME.ipynb``: the same with solutions, rubrics and the mistakes that the grader knows.
``OUT/chapters/NAME.ipynb``: every chapter as a plain notebook, for programs that do not know the book's directives.
The only source are the sections *Exercises* of the chapters and the modules of `l4lib.course.chapters`.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import os
import secrets
import sys
from pathlib import Path
from typing import Any

import nbformat

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "book" / "_ext"))

from execute_notebooks import ROOT
from exercise_source import KINDS, ME, Section, Task, chapters, read_sections, stub
from plain import INSTALL, Plain, converter, notebook, page_name, plain_chapter

from l4lib.course import exercises

SECRET = ROOT / ".course-secret"
WHERE = "l4lib[figures,data,certificates,experiments]"


def read_secret(path: Path) -> str:
    """The secret of the course; made the first time, readable by its owner only."""
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secrets.token_hex(16) + "\n")
    return path.read_text(encoding="utf-8").strip()


def course_code(secret: str) -> str:
    """What students may know of the secret: the code that their data depend on."""
    return hashlib.sha256(f"course {secret}".encode()).hexdigest()[:8]


def book_labels(out: Path) -> dict[str, dict[str, str]]:
    """The numbers that the book gives to its labels.

    They are those of the built book, or of an earlier call, if no source is newer; else Sphinx reads the pages once,
    which takes some seconds; it executes nothing and writes no page.
    """
    sources = [ROOT / "_config.yml", ROOT / "_toc.yml", *(ROOT / "book").rglob("*.*")]
    newest = max(path.stat().st_mtime for path in sources if path.suffix in {".yml", ".ipynb", ".md", ".py"})
    for path in (ROOT / "_build" / "html" / "labels.json", out / "labels.json"):
        if path.exists() and path.stat().st_mtime > newest:
            known: dict[str, dict[str, str]] = json.loads(path.read_text(encoding="utf-8"))
            return known
    from jupyter_book.sphinx import build_sphinx

    settings = {"latex_individualpages": False, "nb_execution_mode": "off", "external_toc_path": str(ROOT / "_toc.yml")}
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        result = build_sphinx(
            str(ROOT),
            str(out),
            noconfig=True,
            path_config=str(ROOT / "_config.yml"),
            confoverrides=settings,
            builder="dummy",
            doctreedir=str(out / ".doctrees"),
            really_quiet=True,
        )
    if isinstance(result, Exception):
        raise result
    found: dict[str, dict[str, str]] = json.loads((out / "labels.json").read_text(encoding="utf-8"))
    return found


def _effort(task: Task) -> str:
    exercise = exercises().get(task.label)
    points = task.paper_points + (exercise.points if exercise else 0)
    return f"{KINDS[task.kind]} {task.kind} · {'★' * task.stars} · {task.minutes} min · {points} points"


def _rubric(task: Task) -> str:
    return "\n".join(f"- {points}: {words}" for points, words in task.rubric)


def _solution(task: Task, speak: Plain) -> list[Any]:
    """Solution, rubric and known mistakes, for the instructor."""
    text, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    cells = [text("**Solution**")] if task.solution else []
    for cell in task.solution:
        cells.append(text(speak(cell.source)) if cell.cell_type == "markdown" else code(cell.source))
    if task.rubric:
        cells.append(text(f"**Marking** ({task.paper_points} points, by a person)\n\n{speak(_rubric(task))}"))
    if exercise := exercises().get(task.label):
        rows = "\n".join(f"- *{kind}*: {mistake.words}" for kind, mistake in exercise.mistakes.items())
        flags = f"\n\nFlagged for a look: `{'`, `'.join(exercise.look_at)}`." if exercise.look_at else ""
        cells.append(
            text(f"**Mistakes that the grader knows** ({exercise.points} points, by machine)\n\n{rows}{flags}")
        )
    return cells


def make(section: Section, speak: Plain, *, instructor: bool, code_of_course: str, where: str = WHERE) -> Any:
    """The notebook of one chapter's exercises, for a student or for an instructor."""
    text, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    page = page_name(section.path)
    speak.page = page
    head = "Exercises with solutions" if instructor else "Exercises"
    how = (
        "Write your identifier into the cell below. Keep the names of functions and variables; add as many cells as "
        "you like. Answers for paper go into the cells that say so. Save, and hand in this file."
    )
    me = f'me = Student("{"instructor" if instructor else "WRITE YOUR ID HERE"}", course="{code_of_course}")'
    cells = [
        text(f"# {head}: {section.title}\n\nChapter: {speak.link(page)}\n\n{'' if instructor else how}".strip()),
        code(INSTALL.format(where=where)),
        *(code(source.replace(ME, me)) for source in section.setup),
    ]
    if section.intro.strip():
        cells.append(text(speak(section.intro)))
    for task in section.tasks:
        exercise = exercises().get(task.label)
        number = speak.labels.get(task.label, {}).get("text", "Exercise")
        cells.append(text(f"## {number}: {task.title}\n\n*{_effort(task)}*\n\n{speak(task.text)}"))
        cells += [code(source) for source in task.provided]
        if instructor:
            cells += _solution(task, speak)
            continue
        if exercise:
            cells.append(code("\n\n\n".join(filter(None, (stub(source, exercise.answer) for source in task.code)))))
            cells.append(code(f'check("{task.label}", {exercise.answer}, me)'))
        if task.rubric:
            cells.append(text(f"**How it is marked** ({task.paper_points} points)\n\n{speak(_rubric(task))}"))
            cells.append(text("*Write your answer here.*", metadata={"course": {"answer": task.label}}))
    return notebook(cells, chapter=section.chapter, code=code_of_course)


def main() -> int:
    """Write all notebooks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, nargs="?", default=ROOT / "_build" / "course")
    parser.add_argument("--base", default="https://example.org/l4", help="address of the published book")
    parser.add_argument("--where", default=WHERE, help="what pip installs where l4lib is missing")
    parser.add_argument("--secret", type=Path, default=SECRET, help="file of the course's secret; made if missing")
    options = parser.parse_args()
    speak = converter(book_labels(ROOT / "_build" / "labels"), options.base)
    code = course_code(read_secret(options.secret))
    sections = read_sections(chapters(ROOT))
    for kind in ("student", "instructor", "chapters"):
        (options.out / kind).mkdir(parents=True, exist_ok=True)
    for section in sections:
        for kind in ("student", "instructor"):
            made = make(section, speak, instructor=kind == "instructor", code_of_course=code, where=options.where)
            nbformat.write(made, options.out / kind / section.path.name)
    for path in chapters(ROOT):
        nbformat.write(plain_chapter(path, speak, options.where), options.out / "chapters" / path.name)
    if speak.unknown:
        print(f"left as they are: {', '.join(sorted(speak.unknown))}", file=sys.stderr)
    tasks = sum(len(section.tasks) for section in sections)
    print(f"{tasks} exercises of {len(sections)} chapters: {options.out}/student, instructor, chapters")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
