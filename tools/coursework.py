"""Make the notebooks of the course: ``python tools/coursework.py [OUT]`` (``make coursework``).

``OUT/student/NAME.ipynb``: the exercises of a chapter with stubs, hints, feedback and a place for paper answers.
``OUT/instructor/NAME.ipynb``: the same with solutions, rubrics and the mistakes that the grader knows.
``OUT/solutions.html``: all exercises with their solutions, to read and to print.
``OUT/chapters/NAME.ipynb``: every chapter as a plain notebook, for programs that do not know the book's directives; the
built book offers the same ones for download.
The only source are the sections *Exercises* of the chapters and the modules of `l4lib.course.chapters`.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import secrets
import sys
from pathlib import Path
from typing import Any

import nbformat
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "book" / "_ext"))

from booklet import booklet
from execute_notebooks import ROOT
from exercise_source import KINDS, ME, Section, Task, chapters, read_section, read_sections, stub
from labels import book_labels
from plain import INSTALL, Plain, converter, notebook, page_name, plain_chapter
from statements import cited

from l4lib.course import exercises

NOTATION = ROOT / "book" / "reference" / "notation.yml"
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


def _letters(speak: Plain) -> str:
    """The book's letters, folded."""
    table: list[dict[str, str]] = yaml.safe_load(NOTATION.read_text(encoding="utf-8"))
    rows = [f"| {row['symbol']} | {row['meaning']} |" for row in table]
    lines = "\n".join(["| symbol | meaning |", "|---|---|", *rows])
    return f"<details><summary>The letters of the book</summary>\n\n{speak(lines)}\n\n</details>"


def _from_the_chapter(task: Task, speak: Plain, page: str) -> str:
    """The statements that an exercise refers to, folded, so that the notebook can be used away from the book."""
    parts = []
    for statement in cited("\n".join([task.text, _rubric(task)])):
        number = speak.labels.get(statement.label, {}).get("text", statement.kind.capitalize())
        named = (
            "" if statement.kind == "equation" else f"**{number}{f' ({statement.title})' * bool(statement.title)}.** "
        )
        parts.append(speak(named + statement.text, statement.page))
    speak.page = page
    if not parts:
        return ""
    return "\n\n<details><summary>What it refers to</summary>\n\n" + "\n\n".join(parts) + "\n\n</details>"


def exercise_cells(section: Section, speak: Plain, *, instructor: bool = False, alone: bool = True) -> list[Any]:
    """The exercises of a chapter as cells: with stubs for a student, with solutions for an instructor.

    ``alone`` says that they stand in a notebook without the chapter.
    """
    text, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    cells = []
    speak.page = page_name(section.path)
    if section.intro.strip():
        intro = section.intro if instructor else section.intro.replace(", and last the solution", "")
        cells.append(text(speak(intro)))
    for task in section.tasks:
        exercise = exercises().get(task.label)
        number = speak.labels.get(task.label, {}).get("text", "Exercise")
        behind = _from_the_chapter(task, speak, speak.page) if alone else ""
        head = f"{'##' if alone else '###'} {number}: {task.title}\n\n*{_effort(task)}*"
        cells.append(text(f"{head}\n\n{speak(task.text)}{behind}"))
        cells += [code(source) for source in task.provided]
        if instructor:
            cells += _solution(task, speak)
            continue
        if task.kind == "break" and not task.rubric:
            cells.append(text("*Write down what you expect before you run anything.*"))
        if exercise:
            cells.append(code("\n\n\n".join(filter(None, (stub(source, exercise.answer) for source in task.code)))))
            cells.append(code(f'check("{task.label}", {exercise.answer}, me)'))
        if task.rubric:
            cells.append(text(f"**How it is marked** ({task.paper_points} points)\n\n{speak(_rubric(task))}"))
            cells.append(text("*Write your answer here.*", metadata={"course": {"answer": task.label}}))
    return cells


def make(section: Section, speak: Plain, *, instructor: bool, code_of_course: str, where: str = WHERE) -> Any:
    """The notebook of one chapter's exercises, for a student or for an instructor."""
    text, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    page = page_name(section.path)
    speak.page = page
    head = "Exercises with solutions" if instructor else "Exercises"
    how = (
        "Write your identifier into the cell below. Keep the names of functions and variables; add as many cells as "
        "you like. Do not round: numbers are compared to about six digits. Answers for paper go into the cells that "
        "say so. Save, and hand in this file."
    )
    me = f'me = Student("{"instructor" if instructor else "WRITE YOUR ID HERE"}", course="{code_of_course}")'
    opening = f"# {head}: {section.title}\n\nChapter: {speak.link(page)}\n\n"
    cells = [
        text(opening + (_letters(speak) if instructor else f"{how}\n\n{_letters(speak)}")),
        code(INSTALL.format(where=where)),
        *(code(source.replace(ME, me)) for source in section.setup),
        *exercise_cells(section, speak, instructor=instructor),
    ]
    return notebook(cells, chapter=section.chapter, code=code_of_course)


def clean_chapter(path: Path, speak: Plain, where: str = WHERE) -> Any:
    """A whole chapter as a plain notebook that runs by itself; its exercises with stubs, without solutions."""
    section, cells = read_section(path), list[Any]()
    speak.cited.clear()
    if section:
        cells = [nbformat.v4.new_markdown_cell("## Exercises"), *map(nbformat.v4.new_code_cell, section.setup)]
        cells += exercise_cells(section, speak, alone=False)
    return plain_chapter(path, speak, where, cells)


def main() -> int:
    """Write all notebooks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, nargs="?", default=ROOT / "_build" / "course")
    parser.add_argument("--base", default="", help="address of the published book; without it, numbers are no links")
    parser.add_argument("--where", default=WHERE, help="what pip installs where l4lib is missing")
    parser.add_argument("--secret", type=Path, default=SECRET, help="file of the course's secret; made if missing")
    options = parser.parse_args()
    speak = converter(book_labels(), options.base)
    code = course_code(read_secret(options.secret))
    sections = read_sections(chapters(ROOT))
    for kind in ("student", "instructor", "chapters"):
        (options.out / kind).mkdir(parents=True, exist_ok=True)
    for section in sections:
        for kind in ("student", "instructor"):
            made = make(section, speak, instructor=kind == "instructor", code_of_course=code, where=options.where)
            nbformat.write(made, options.out / kind / section.path.name)
    for path in chapters(ROOT):
        nbformat.write(clean_chapter(path, speak, options.where), options.out / "chapters" / path.name)
    (options.out / "solutions.html").write_text(booklet(sections, speak), encoding="utf-8")
    if speak.unknown:
        print(f"left as they are: {', '.join(sorted(speak.unknown))}", file=sys.stderr)
    tasks = sum(len(section.tasks) for section in sections)
    print(f"{tasks} exercises of {len(sections)} chapters: {options.out}/student, instructor, chapters, solutions.html")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
