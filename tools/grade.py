"""Grade a folder of submissions: ``python tools/grade.py SUBMISSIONS`` (``make grade SUBMISSIONS=folder``).

One folder a student, its name the student's identifier; in it, at any depth, the notebooks of one or more chapters,
also several attempts of each. Student code runs in the sandbox and hands out numbers; it is judged here, on data that
depend on the student and on the secret. Writes ``grades.csv``, a page of feedback for each notebook, and beside the
submissions ``marks.csv``, in which a person enters the marks for paper answers; the next run merges them.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import re
import stat
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "book" / "_ext"))

import sandbox_worker
from coursework import SECRET, course_code, read_secret
from execute_notebooks import ROOT
from exercise_source import Section, chapters, read_sections
from gradebook import Marks, feedback_page, write_grades
from sandbox import Limits, Submission, Trouble, preflight

from l4lib.course import Remark, Student, exercises, given, hidden_cases, judge

LARGEST = 5 << 20  # bytes of a notebook
WATCHED = ("ctypes", "__import__", "subprocess", "l4lib.course.chapters", "/proc/")


@dataclass
class Attempt:
    """One notebook that was handed in, and what came of it."""

    student: str
    path: Path
    chapter: str
    submitted: datetime
    late: bool = False
    remarks: list[Remark] = field(default_factory=list)
    paper: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def machine(self) -> float:
        """Points that the grader gave."""
        return sum(remark.points for remark in self.remarks)


class Unreadable(Exception):
    """A file that is no notebook; the words are for the student."""


def open_notebook(path: Path) -> dict[str, Any]:
    """A notebook from a file that anybody may have written: a small regular file, no link, with cells of text."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise Unreadable("not a regular file")
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise Unreadable(f"larger than {LARGEST >> 20} MB; clear its outputs and save it again")
        notebook = json.loads(data)
        for cell in notebook["cells"]:
            source = cell["source"]
            cell["source"] = source if isinstance(source, str) else "".join(source)
            if not isinstance(cell.get("metadata"), dict):
                cell["metadata"] = {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as problem:
        raise Unreadable(f"not a notebook that can be read ({type(problem).__name__})") from None
    return dict(notebook)


def chapter_of(path: Path, notebook: dict[str, Any], known: dict[str, Section]) -> str:
    """The chapter that a notebook belongs to: what it says itself, else what its name begins with."""
    metadata = notebook.get("metadata")
    course = metadata.get("course") if isinstance(metadata, dict) else None
    said = course.get("chapter") if isinstance(course, dict) else None
    names = sorted((name for name in known if path.stem.startswith(name)), key=len)
    return said if isinstance(said, str) and said in known else names[-1] if names else ""


def find_attempts(folder: Path, known: dict[str, Section]) -> Iterator[Attempt]:
    """Every notebook below every student's folder; a folder without any is told as well."""
    for home in sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()):
        found = False
        for where, inner, files in os.walk(home):
            inner[:] = sorted(name for name in inner if not name.startswith("."))
            for name in sorted(file for file in files if file.endswith(".ipynb")):
                found = True
                path = Path(where) / name
                submitted = datetime.fromtimestamp(path.lstat().st_mtime)
                yield Attempt(home.name, path, chapter_of(path, _try_open(path), known), submitted)
        if not found:
            stamp = datetime.fromtimestamp(home.stat().st_mtime)
            yield Attempt(home.name, home, "", stamp, notes=["no notebook (.ipynb) in this folder"])


def _try_open(path: Path) -> dict[str, Any]:
    try:
        return open_notebook(path)
    except Unreadable:
        return {}


def _names(source: str) -> set[str]:
    """The names and attributes that a cell uses."""
    try:
        tree = ast.parse(sandbox_worker.without_magics(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return names | {a.name for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom) for a in n.names}


def grade(attempt: Attempt, section: Section, secret: str, *, limits: Limits, trust: bool) -> Attempt:
    """Run one notebook and judge its answers. Whatever happens, it comes back with a remark for each exercise."""
    begin, course = time.monotonic(), course_code(secret)
    asked = [exercises()[task.label] for task in section.tasks if task.label in exercises()]
    try:
        notebook = open_notebook(attempt.path)
    except Unreadable as problem:
        attempt.notes.append(f"The file is {problem}.")
        words = "The file cannot be read."
        attempt.remarks = [Remark(e.label, 0, e.points, "unreadable", words) for e in asked]
        return attempt
    papers = {task.label for task in section.tasks if task.rubric}
    for cell in notebook["cells"]:
        entry = cell["metadata"].get("course")
        label = entry.get("answer") if isinstance(entry, dict) else None
        if isinstance(label, str) and label in papers:
            attempt.paper[label] = cell["source"][:20_000]
    code = [cell["source"] for cell in notebook["cells"] if cell.get("cell_type") == "code"]
    person = Student(attempt.student, course)
    data = {
        e.label: {key: sandbox_worker.encode(value) for key, value in given(e.label, person).items()} for e in asked
    }
    running = Submission(code, data, limits, trust)
    try:
        for exercise in asked:
            cases = hidden_cases(exercise, attempt.student, secret, course=course)
            try:
                remark = judge(exercise, running.value(exercise.answer, exercise.call is not None), cases)
            except Trouble as problem:
                remark = Remark(exercise.label, 0, exercise.points, "trouble", f"`{exercise.answer}` {problem}.")
            if remark.kind == "blank":
                for k, why in running.errors.items():
                    if (
                        re.search(rf"\b(def )?{exercise.answer}\b", code[k])
                        and f'check("{exercise.label}"' not in code[k]
                    ):
                        message = f"`{exercise.answer}` is not there, since its cell failed: {why}."
                        remark = replace(remark, kind="cell", message=message)
            attempt.remarks.append(remark)
            used = set(exercise.look_at) & set().union(*map(_names, code))
            attempt.flags += [f"{exercise.label} uses {name}" for name in sorted(used)]
    finally:
        running.close()
    attempt.notes += _identity(code, attempt.student)
    attempt.flags += [f"uses {word}" for word in WATCHED if any(word in source for source in code)]
    attempt.notes += [f"Cell {k + 1}: {why}" for k, why in sorted(running.errors.items())]
    attempt.seconds = time.monotonic() - begin
    return attempt


def _identity(code: list[str], student: str) -> list[str]:
    """A note if the notebook names somebody else: data depend on the identifier."""
    found = re.search(r"^me = Student\(\s*(['\"])(.*?)\1", "\n".join(code), flags=re.MULTILINE)
    if found and found[2] == "WRITE YOUR ID HERE":
        return ["The identifier in the notebook was not filled in."]
    if found and found[2].strip().lower() != student.strip().lower():
        return [
            f"The notebook is of {found[2][:60]!r}, but it was handed in by {student!r}; data are those of {student!r}."
        ]
    return []


def grade_safely(attempt: Attempt, section: Section, secret: str, *, limits: Limits, trust: bool) -> Attempt:
    """A failure of the grader itself is told, and stops no other submission."""
    try:
        return grade(attempt, section, secret, limits=limits, trust=trust)
    except Exception as problem:
        attempt.flags.append(f"the grader failed: {type(problem).__name__}: {problem}")
        known = {remark.label for remark in attempt.remarks}
        words = "The grader failed here; a person has to look."
        for task in section.tasks:
            if task.label in exercises() and task.label not in known:
                attempt.remarks.append(Remark(task.label, 0, exercises()[task.label].points, "grader", words))
        return attempt


def choose(attempts: list[Attempt], keep: str, late: str) -> list[Attempt]:
    """Of the attempts of a student at a chapter the one that counts: the last, or the one with most points by machine.

    If late attempts are dropped and there is no other, the last one counts with no points.
    """
    groups: dict[tuple[str, str], list[Attempt]] = {}
    for attempt in attempts:
        groups.setdefault((attempt.student, attempt.chapter), []).append(attempt)
    chosen = []
    for group in groups.values():
        group.sort(key=lambda a: (a.submitted, str(a.path)))
        valid = [attempt for attempt in group if not (attempt.late and late == "drop")]
        if not valid:
            group[-1].remarks = [replace(remark, points=0) for remark in group[-1].remarks]
            group[-1].notes.append("Handed in late: does not count.")
        chosen.append(
            max(valid, key=lambda a: (a.machine, a.submitted)) if valid and keep == "best" else (valid or group)[-1]
        )
    return chosen


def run(
    folder: Path,
    out: Path,
    secret: str,
    *,
    keep: str = "best",
    deadline: datetime | None = None,
    late: str = "count",
    jobs: int = 2,
    trust: bool = False,
    limits: Limits | None = None,
) -> list[dict[str, str]]:
    """Grade a folder; returns the rows of ``grades.csv``."""
    known = {section.chapter: section for section in read_sections(chapters(ROOT))}
    attempts = list(find_attempts(folder, known))
    for attempt in attempts:
        attempt.late = deadline is not None and attempt.submitted > deadline
        if not attempt.chapter and not attempt.notes:
            attempt.notes.append("belongs to no chapter with exercises: keep the file name of the chapter")
    limits = limits or Limits()
    with ThreadPoolExecutor(jobs) as pool:
        running = [
            pool.submit(grade_safely, attempt, known[attempt.chapter], secret, limits=limits, trust=trust)
            for attempt in attempts
            if attempt.chapter
        ]
        for future in running:
            future.result()
    marks = Marks(folder / "marks.csv", known)
    chosen = choose(attempts, keep, late)
    (out / "feedback").mkdir(parents=True, exist_ok=True)
    pages = {}
    for attempt in attempts:
        name = re.sub(r"[^\w-]", "_", f"{attempt.student}-{attempt.path.stem}")[:80]
        pages[id(attempt)] = (
            f"{name}-{hashlib.sha256(os.fsencode(attempt.path.relative_to(folder))).hexdigest()[:6]}.html"
        )
    for attempt in chosen:
        if attempt.chapter:
            marks.ask(attempt, known[attempt.chapter], pages[id(attempt)])
    for attempt in attempts:
        text = feedback_page(attempt, known.get(attempt.chapter), marks, counts=attempt in chosen, trust=trust)
        (out / "feedback" / pages[id(attempt)]).write_text(text, encoding="utf-8", errors="replace")
    marks.write()
    tries = {id(a): sum((b.student, b.chapter) == (a.student, a.chapter) for b in attempts) for a in chosen}
    return write_grades(out / "grades.csv", chosen, known, marks, folder, pages, tries, trust=trust)


def main() -> int:
    """Grade what the command line names; the exit code is 0 whatever the students did."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("submissions", type=Path)
    parser.add_argument("--out", type=Path, default=ROOT / "_build" / "grades")
    parser.add_argument("--secret", type=Path, default=SECRET, help="file of the course's secret")
    parser.add_argument("--keep", choices=("best", "last"), default="best", help="of several attempts at a chapter")
    parser.add_argument("--deadline", type=datetime.fromisoformat, help="as 2026-11-30T23:59; by the files' times")
    parser.add_argument("--late", choices=("count", "drop"), default="count", help="whether late attempts count")
    parser.add_argument("--jobs", type=int, default=2, help="submissions at a time")
    parser.add_argument("--trust", action="store_true", help="no sandbox: only for notebooks of your own")
    options = parser.parse_args()
    if not options.submissions.is_dir():
        parser.error(f"expected a folder of submissions, got {options.submissions}")
    if reason := preflight(options.trust):
        print(f"grade: nobody is graded: {reason}", file=sys.stderr)
        return 2
    rows = run(
        options.submissions.resolve(),
        options.out,
        read_secret(options.secret),
        keep=options.keep,
        deadline=options.deadline,
        late=options.late,
        jobs=options.jobs,
        trust=options.trust,
    )
    for row in rows:
        print(f"{row['student'][:24]:24} {row['chapter'][:28]:28} {row['points']:>5} of {row['of']:>3}  {row['flags']}")
    print(f"{options.out / 'grades.csv'}; paper answers are marked in {options.submissions / 'marks.csv'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
