"""What grading leaves behind: ``grades.csv``, ``marks.csv`` for a person, and pages of feedback."""

from __future__ import annotations

import csv
import html
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exercise_source import Section

if TYPE_CHECKING:
    from grade import Attempt

COLUMNS = ("student", "exercise", "points", "of", "comment", "answer")
STYLE = """body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
:root { color-scheme: light dark }
section { border-left: .4rem solid #777; padding: .1rem 1rem; margin: 1rem 0 }
section.right { border-color: #2a7d4f } section.wrong { border-color: #b3402f }
pre { white-space: pre-wrap; overflow-wrap: anywhere }"""


def safe(value: object) -> str:
    """Text that no spreadsheet takes for a formula."""
    text = re.sub(r"[\x00-\x08\x0b-\x1f]", " ", str(value)).encode("utf-8", "replace").decode("utf-8")
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\n") else text


def number(value: float) -> str:
    """A number of points."""
    return f"{value:g}"


class MarksError(ValueError):
    """A row of ``marks.csv`` that cannot be merged; the message names the row."""


class Marks:
    """The marks of a person: read, asked for, merged, and written back without losing a row.

    Raises
    ------
    MarksError
        If a row names no exercise with a rubric, or its points are no number between zero and what the rubric has.
    """

    def __init__(self, path: Path, known: Mapping[str, Section]) -> None:
        self.path = path
        self.most = {task.label: task.paper_points for s in known.values() for task in s.tasks if task.rubric}
        self.rows: dict[tuple[str, str], dict[str, str]] = {}
        if not path.exists():
            return
        text = path.read_text(encoding="utf-8-sig")
        first = text.split("\n", 1)[0]
        for line, row in enumerate(csv.DictReader(text.splitlines(), delimiter=";" if ";" in first else ","), start=2):
            entry = {name: (row.get(name) or "").strip() for name in COLUMNS}
            student = entry["student"].removeprefix("'")
            where = f"{path.name}, line {line} ({student}, {entry['exercise']})"
            if entry["exercise"] not in self.most:
                raise MarksError(f"{where}: no such exercise with a rubric")
            if entry["points"]:
                try:
                    points = float(entry["points"].replace(",", "."))
                except ValueError:
                    raise MarksError(f"{where}: expected a number of points, got {entry['points']!r}") from None
                if not 0 <= points <= self.most[entry["exercise"]]:
                    raise MarksError(f"{where}: expected 0 to {self.most[entry['exercise']]} points, got {points:g}")
                entry["points"] = number(points)
            self.rows[student, entry["exercise"]] = entry

    def points(self, student: str, label: str) -> float | None:
        """The mark, or None if there is none yet."""
        row = self.rows.get((student, label))
        return float(row["points"]) if row and row["points"] else None

    def comment(self, student: str, label: str) -> str:
        """What the person says about it."""
        return self.rows.get((student, label), {}).get("comment", "").removeprefix("'")

    def ask(self, attempt: Attempt, section: Section, page: str) -> None:
        """A row for each paper answer of an attempt that counts."""
        for task in section.tasks:
            if task.rubric:
                row = self.rows.setdefault((attempt.student, task.label), dict.fromkeys(COLUMNS, ""))
                row.update(student=safe(attempt.student), exercise=task.label, of=str(task.paper_points))
                row["answer"] = f"feedback/{page}" if answered(attempt, task.label) else "(empty)"

    def write(self) -> None:
        """Write all rows; the old file is replaced at once or not at all."""
        if not self.rows:
            return
        fresh = self.path.with_suffix(".new")
        with fresh.open("w", newline="", encoding="utf-8-sig") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            for key in sorted(self.rows):
                writer.writerow(
                    {name: safe(value) if name == "comment" else value for name, value in self.rows[key].items()}
                )
        os.replace(fresh, self.path)


def answered(attempt: Attempt, label: str) -> bool:
    """Whether something was written into the place of a paper answer."""
    text = attempt.paper.get(label, "").strip()
    return bool(text) and text != "*Write your answer here.*"


def write_grades(
    path: Path,
    chosen: list[Attempt],
    known: Mapping[str, Section],
    marks: Marks,
    folder: Path,
    pages: Mapping[int, str],
    tries: Mapping[int, int],
    *,
    trust: bool,
) -> list[dict[str, str]]:
    """One row for each student and chapter."""
    used = {attempt.chapter for attempt in chosen}
    labels = [task.label for name, section in known.items() if name in used for task in section.tasks]
    head = [
        "student",
        "chapter",
        "points",
        "of",
        "machine",
        "paper",
        "unmarked",
        "late",
        "attempts",
        "submitted",
        "sandbox",
    ]
    rows = []
    for attempt in sorted(chosen, key=lambda a: (a.student, a.chapter)):
        tasks = known[attempt.chapter].tasks if attempt.chapter else []
        remarks = {remark.label: remark for remark in attempt.remarks}
        papers = [task for task in tasks if task.rubric]
        given = {task.label: marks.points(attempt.student, task.label) for task in papers}
        unmarked = [label for label, points in given.items() if points is None and answered(attempt, label)]
        paper = sum(points or 0 for points in given.values())
        most = sum(remark.of for remark in attempt.remarks) + sum(task.paper_points for task in papers)
        row = {
            "student": attempt.student,
            "chapter": attempt.chapter,
            "points": number(attempt.machine + paper),
            "of": number(most),
            "machine": number(attempt.machine),
            "paper": number(paper),
            "unmarked": " ".join(unmarked),
            "late": "yes" if attempt.late else "no",
            "attempts": str(tries[id(attempt)]),
            "submitted": attempt.submitted.isoformat(timespec="minutes"),
            "sandbox": "NO (--trust)" if trust else "yes",
        }
        for task in tasks:
            parts = [remarks[task.label].points] if task.label in remarks else []
            mark = given.get(task.label)
            parts += [] if mark is None else [mark]
            row[task.label] = number(sum(parts)) if parts else ""
        row["flags"] = "; ".join(dict.fromkeys(attempt.flags))[:500]
        row["notes"] = "; ".join(attempt.notes)[:500]
        row["file"] = str(attempt.path.relative_to(folder))
        row["feedback"] = f"feedback/{pages[id(attempt)]}"
        rows.append({name: safe(value) for name, value in row.items()})
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, [*head, *labels, "flags", "notes", "file", "feedback"], restval="")
        writer.writeheader()
        writer.writerows(rows)
    return rows


def feedback_page(attempt: Attempt, section: Section | None, marks: Marks, *, counts: bool, trust: bool) -> str:
    """The page for one notebook; everything that came from outside is escaped."""

    def words(text: str) -> str:
        return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))

    title = section.title if section else "No chapter"
    parts: list[Any] = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Feedback: {html.escape(title)}</title>"
    ]
    parts += [f"<style>{STYLE}</style><h1>{html.escape(title)}</h1>"]
    stamp = attempt.submitted.isoformat(sep=" ", timespec="minutes")
    state = ", late" if attempt.late else ""
    state += "" if counts else "; another attempt counts"
    parts.append(f"<p>{html.escape(attempt.student)}, handed in {stamp}{state}</p>")
    if trust:
        parts.append("<p><strong>Graded without the sandbox.</strong></p>")
    remarks = {remark.label: remark for remark in attempt.remarks}
    for task in section.tasks if section else []:
        name = f"<h2>{html.escape(task.title)}</h2>"
        if remark := remarks.get(task.label):
            kind = "right" if remark.passed else "wrong"
            points = f"{number(remark.points)} of {number(remark.of)} points"
            parts.append(f"<section class={kind}>{name}<p>{points}. {words(remark.message)}</p></section>")
            name = ""
        if task.rubric:
            mark = marks.points(attempt.student, task.label) if counts else None
            said = "not marked yet" if mark is None else f"{number(mark)} of {task.paper_points} points"
            text = attempt.paper.get(task.label, "") if answered(attempt, task.label) else ""
            comment = marks.comment(attempt.student, task.label)
            rubric = "".join(f"<li>{points}: {words(row)}</li>" for points, row in task.rubric)
            parts.append(f"<section>{name}<p>On paper: {said}.</p>")
            parts.append(f"<p>{words(comment)}</p>" if comment else "")
            parts.append(f"<ul>{rubric}</ul><pre>{html.escape(text) or 'No answer.'}</pre></section>")
    if attempt.notes:
        parts.append("<h2>Notes</h2><ul>" + "".join(f"<li>{words(note)}</li>" for note in attempt.notes) + "</ul>")
    return "\n".join(filter(None, parts))
