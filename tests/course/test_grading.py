"""Grading from end to end: forty made-up submissions, more than half of them hostile, get exactly the expected marks.

Student code runs in the sandbox, as a normal user even if the tests run as root. Where the sandbox is not available the
tests are skipped, or fail if L4_NEEDS_SANDBOX is set, as continuous integration does.
"""

import csv
import json
import os
import re
import time
from datetime import datetime
from pathlib import Path

import nbformat
import pytest
from coursework import course_code, make
from execute_notebooks import ROOT
from exercise_source import chapters, read_sections
from grade import Attempt, choose, run
from gradebook import Marks, MarksError, safe
from plain import Plain
from sandbox import Limits, preflight

from l4lib.course import Remark, exercises

SECRET = "a secret of the tests"
SECTIONS = {section.chapter: section for section in read_sections(chapters(ROOT))}
CALCULUS = "calculus_on_the_sphere"
PILOTS = (CALCULUS, "first_dictionary", "seeing_the_landscape")
LIMITS = Limits(cell=4, call=3, total=25)

# For each exercise: what a student changes in the solution by mistake, and which mistake the grader has to see.
SLIPS = {
    "ex-hessian-form": [
        ("- 3 * np.sum", "- np.sum", "three lost"),
        ("(d @ d)", "1.0", "unit length assumed"),
        ("np.sum(zeta**4) * (d @ d)", "0", "Euclidean"),
        ("np.sum(zeta**4) * (d @ d) - 3", "-np.sum(zeta**4) * (d @ d) + 3", "sign"),
    ],
    "ex-tightness-gap": [
        ("E = np.linalg.qr(np.column_stack([q, np.eye(n)]))[0][:, 1:]", "E = np.eye(n)", None),
        ("np.cos(t) * q[:, None], np.sin(t) * E", "q[:, None], t * E", "straight lines"),
        ("return np.sum(bends) / t**2 - (", "return -np.sum(bends) / t**2 + (", "sign"),
        ("np.sum(bends) / t**2", "np.sum(bends) / (2 * t) ** 2", "a quarter"),
    ],
    "ex-worse-than-average": [
        (" + 1", "", "equality"),
        ("(n * n - n + 3) // 3", "(n * n - 3 * n + 3) // 3", "Gaussian mean"),
        ("n * n - n + 3", "n * n", None),
        ("return", "copies =", "blank"),
    ],
    "ex-recovery-errors": [
        ("np.abs(A.T @ (B / np.linalg.norm(B, axis=0)))", "A.T @ (B / np.linalg.norm(B, axis=0))", "sign"),
        (" / np.linalg.norm(B, axis=0)", "", "length"),
        ("axis=1", "axis=0", "the other way"),
        (".max(", ".mean(", "not the best"),
    ],
    "ex-white-moment": [
        ("np.mean((q @ white) ** 4)", "np.mean((q @ Y) ** 4)", "not white"),
        ("np.mean((q @ white) ** 4)", "np.mean((q @ Y) ** 4) / np.mean((q @ Y) ** 2) ** 2", "one direction only"),
        ("np.mean((q @ white) ** 4)", "np.sum((q @ white) ** 4)", "a sum"),
        ("np.sqrt(values)[:, None]", "values[:, None]", "the full inverse"),
    ],
    "ex-signs": [
        ("(1 / theta - 3)", "3 * (1 / theta - 1)", "Gaussian amplitudes"),
        ("(1 / theta - 3)", "(1.0 / theta - 3)", "right"),
        ("(m / n) ** 2", "(m / n) ** 2 + 3", "three not subtracted"),
        ("(m / n) ** 2", "(m / n)", "one K"),
    ],
    "ex-curvatures": [
        ("B = A.T @ q, A.T @ E", "B = A.T @ q, A.T\n    n += 1", "not projected"),
        ("alpha = np.sum(zeta**4)", "alpha = 0", "Euclidean"),
        ("alpha * np.eye(n - 1) - 3", "-alpha * np.eye(n - 1) + 3", "sign"),
        ("np.linalg.eigvalsh(alpha", "np.diag(alpha", None),
    ],
    "ex-one-line-less": [
        ("return np.max(", "return 1.0  # ", "at the atoms"),
        (
            "return np.max(np.linalg.norm(rest - np.outer(lost, lost @ rest), axis=0))",
            "return max(abs(lost @ rest))",
            "at the lost line",
        ),
        ("axis=0))", "axis=0)) ** 2", "squared"),
        ("return np.max(", "return np.linalg.no_such(", "error"),
    ],
}

# Code that a hostile notebook runs before its last cell, which has one right answer. The name `hessian_form` that some
# of it defines is worth nothing: it does not compute what is asked.
HOSTILE = {
    "ends-python": "import os\nos._exit(0)",
    "exits": "import sys\nsys.exit('all points please')",
    "loops": "while True:\n    pass",
    "loops-when-called": "def hessian_form(A, q, d):\n    while True:\n        pass",
    "ends-when-called": "import os\ndef hessian_form(A, q, d):\n    os._exit(0)",
    "memory": "hoard = bytearray(8 << 30)",
    "memory-by-pieces": "hoard = []\nwhile True:\n    hoard.append(bytearray(64 << 20))",
    "forks": "import os\nwhile True:\n    os.fork()",
    "threads": "import threading, time\nwhile True:\n    threading.Thread(target=time.sleep, args=(60,)).start()",
    "writes": "open('/usr/lib/mine', 'w').write('x')",
    "fills-the-disk": "open('x', 'wb').write(bytes(1 << 30))",
    "reads-the-secret": f"hessian_form = open({str(ROOT / '.course-secret')!r}).read",
    "reads-the-book": f"print(open({str(ROOT / 'book' / 'welcome.md')!r}).read())",
    "patches-numpy": "import numpy as np\n"
    "np.isclose = np.allclose = np.all = np.array_equal = lambda *a, **k: True\n"
    "np.linalg.norm = lambda *a, **k: 0.0\ndef hessian_form(A, q, d):\n    return 0.0",
    "patches-the-library": "import l4lib\nl4lib.phi_T = l4lib.quartic.phi_T = lambda A: None\nhessian_form = max",
    "imports-the-answers": "from l4lib.course.chapters.calculus_on_the_sphere import EXERCISES\n"
    "hessian_form = EXERCISES[0].truth",
    "looks-for-the-answers": "import glob\n(path,) = glob.glob('/l4/**/calc*.py', recursive=True)\n"
    "exec(open(path).read())\nhessian_form = EXERCISES[0].truth",
    "forges-the-protocol": "import os, json\nfor k in range(3, 20):\n    try:\n"
    "        os.write(k, json.dumps({'ticket': 'x', 'value': {'word': 'right'}, 'points': 99}).encode() + b'\\n')\n"
    "    except OSError:\n        pass",
    "floods-the-protocol": "import os\nfor k in range(3, 20):\n    try:\n        while True:\n"
    "            os.write(k, b'x' * 65536)\n    except OSError:\n        pass",
    "lies": "class Liar:\n    def __eq__(self, other):\n        return True\n    __array_priority__ = 1e9\n"
    "    def __array__(self, *a, **k):\n        raise SystemExit\n"
    "def hessian_form(A, q, d):\n    return Liar()",
    "nested": "x = []\nfor _ in range(200_000):\n    x = [x]\ndef hessian_form(A, q, d):\n    return x",
    "too-much": "import numpy as np\ndef hessian_form(A, q, d):\n    return np.zeros(30_000_000)",
    "infinite": "def hessian_form(A, q, d):\n    return float('inf')",
    "network": "import socket\nsocket.create_connection(('192.0.2.1', 80), timeout=2)",
    "kills": "import os\nfor process in (1, os.getppid(), -1):\n    os.kill(process, 9)",
    "patches-json": "import json\njson.dumps = lambda *a, **k: '{\"points\": 99}'",
    "unspeakable-error": "class E(Exception):\n    def __str__(self):\n        raise SystemExit\nraise E",
    "becomes-root": "import os\nos.setuid(0)\nhessian_form = max",
}
# What ends or disturbs the whole process at its last cell as well: the right answer there need not be found.
LOST = {"forks", "forges-the-protocol", "floods-the-protocol", "patches-json", "kills"}


@pytest.fixture(scope="module", autouse=True)
def sandbox():
    """Skip where there is no sandbox, but never in continuous integration."""
    if reason := preflight():
        if os.environ.get("L4_NEEDS_SANDBOX"):
            pytest.fail(f"the sandbox is needed here: {reason}")
        pytest.skip(f"NO SANDBOX, student code is not tested: {reason}")


def blank(chapter):
    """A student notebook as it is handed out."""
    return make(SECTIONS[chapter], Plain({}, {}, ""), instructor=False, code_of_course=course_code(SECRET))


def filled(chapter, change=lambda label, source: source, papers=()):
    """A student notebook in which the stubs are replaced by (changed) solutions, and some papers are written."""
    notebook = blank(chapter)
    for k, cell in enumerate(notebook.cells):
        label = cell.metadata.get("course", {}).get("answer")
        if label in papers:
            cell.source = f"My answer to {label} <b>is</b> long."
        following = notebook.cells[k + 1].source if k + 1 < len(notebook.cells) else ""
        if cell.cell_type == "code" and (found := re.match(r'check\("([\w-]+)"', following)):
            (task,) = [task for task in SECTIONS[chapter].tasks if task.label == found[1]]
            cell.source = change(found[1], "\n\n\n".join(task.code))
    return notebook


def slip(turn):
    """The change that makes mistake number ``turn`` in every exercise."""

    def change(label, source):
        old, new, _ = SLIPS[label][turn]
        assert old in source, f"the solution of {label} has changed: {old!r} is not in it"
        return source.replace(old, new)

    return change


def hand_in(folder, student, name, notebook):
    home = folder / student
    home.mkdir(parents=True, exist_ok=True)
    text = notebook if isinstance(notebook, str) else nbformat.writes(notebook)
    (home / name).write_text(text, encoding="utf-8")
    return home / name


def hostile(source):
    notebook = nbformat.v4.new_notebook()
    copies = "def copies_needed(n):\n    return (n * n - n + 3) // 3 + 1"
    notebook.cells = [nbformat.v4.new_code_cell(source), nbformat.v4.new_code_cell(copies)]
    return notebook


def fill(folder):
    """All submissions."""
    for chapter in PILOTS:
        hand_in(folder, "right", f"{chapter}.ipynb", filled(chapter, papers=("ex-spark", "ex-even-trace")))
        hand_in(folder, "blank", f"{chapter}.ipynb", blank(chapter))
        for turn in range(4):
            hand_in(folder, f"slip-{turn}", f"{chapter}.ipynb", filled(chapter, slip(turn)))
    for name, source in HOSTILE.items():
        hand_in(folder, name, f"{CALCULUS}.ipynb", hostile(source))
    hand_in(folder, "=HYPERLINK(A1)", f"{CALCULUS}.ipynb", filled(CALCULUS))
    hand_in(folder, "<img src=x onerror=alert(1)>", f"{CALCULUS}.ipynb", filled(CALCULUS))
    hand_in(folder, "no-json", f"{CALCULUS}.ipynb", "I did it on paper.")
    hand_in(folder, "no-cells", f"{CALCULUS}.ipynb", json.dumps({"cells": [{"source": 7}, 3]}))
    hand_in(folder, "deep-json", f"{CALCULUS}.ipynb", "[" * 200_000)
    hand_in(folder, "huge", f"{CALCULUS}.ipynb", " " * (6 << 20))
    hand_in(folder, "pdf-only", "answers.pdf", "%PDF-1.7")
    hand_in(folder, "other-chapter", "my notes.ipynb", blank(CALCULUS))
    for name in ("link", "pipe"):
        (folder / name).mkdir()
    (folder / "link" / f"{CALCULUS}.ipynb").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe" / f"{CALCULUS}.ipynb")


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """Rows and pages of one run over everything, and its seconds."""
    folder, out = tmp_path_factory.mktemp("submissions"), tmp_path_factory.mktemp("grades")
    fill(folder)
    begin = time.monotonic()
    rows = run(folder, out, SECRET, limits=LIMITS)
    print(f"{len(rows)} submissions in {time.monotonic() - begin:.0f} s")
    return folder, out, {(row["student"], row["chapter"]): row for row in rows}


def machine_points(chapter):
    return sum(exercises()[task.label].points for task in SECTIONS[chapter].tasks if task.label in exercises())


@pytest.mark.parametrize("chapter", PILOTS)
def test_right_answers_get_all_points_and_blanks_none(graded, chapter):
    assert float(graded[2]["right", chapter]["machine"]) == machine_points(chapter)
    assert float(graded[2]["blank", chapter]["machine"]) == 0


@pytest.mark.slow
def test_right_answers_of_every_chapter_get_all_points_in_the_sandbox(tmp_path):
    for chapter in SECTIONS:
        hand_in(tmp_path / "in", "ada", f"{chapter}.ipynb", filled(chapter))
        hand_in(tmp_path / "in", "empty", f"{chapter}.ipynb", blank(chapter))
    rows = run(tmp_path / "in", tmp_path / "out", SECRET)
    assert len(rows) == 2 * len(SECTIONS)
    for row in rows:
        assert float(row["machine"]) == (machine_points(row["chapter"]) if row["student"] == "ada" else 0), row


@pytest.mark.parametrize("turn", range(4))
def test_each_slip_is_seen(graded, turn):
    _, out, rows = graded
    for chapter in PILOTS:
        row = rows[f"slip-{turn}", chapter]
        page = (out / row["feedback"]).read_text(encoding="utf-8")
        for task in SECTIONS[chapter].tasks:
            if task.label not in SLIPS:
                continue
            exercise, kind = exercises()[task.label], SLIPS[task.label][turn][2]
            assert float(row[task.label]) == (exercise.points if kind == "right" else 0), (task.label, turn)
            if kind in exercise.mistakes:
                words = exercise.mistakes[kind].words
                assert words.replace("'", "&#x27;") in re.sub("</?code>", "`", page), (task.label, kind)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_code_gets_nothing_and_stops_nobody(graded, name):
    row = graded[2][name, CALCULUS]
    assert float(row["ex-hessian-form"]) == 0
    assert float(row["ex-tightness-gap"]) == 0
    assert float(row["points"]) == (3 if name not in LOST else float(row["ex-worse-than-average"]))
    assert row["sandbox"] == "yes"


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("no-json", "not a notebook"),
        ("no-cells", "not a notebook"),
        ("deep-json", "not a notebook"),
        ("huge", "larger than"),
        ("link", "not a notebook"),
        ("pipe", "not a regular file"),
    ],
)
def test_what_is_no_notebook_is_told(graded, name, note):
    row = graded[2][name, CALCULUS]
    assert note in row["notes"]
    assert row["points"] == "0" and row["of"] != "0"


def test_a_folder_without_a_notebook_has_a_row_and_a_renamed_notebook_its_chapter(graded):
    assert "no notebook" in graded[2]["pdf-only", ""]["notes"]
    assert graded[2]["other-chapter", CALCULUS]["points"] == "0"


def test_names_do_no_harm(graded):
    _, out, rows = graded
    assert float(rows["'=HYPERLINK(A1)", CALCULUS]["machine"]) == machine_points(CALCULUS)
    page = (out / rows["<img src=x onerror=alert(1)>", CALCULUS]["feedback"]).read_text(encoding="utf-8")
    assert "<img" not in page and "&lt;img" in page
    for text in ("=1", "+1", "-x", "@x", "\tx"):
        assert safe(text).startswith("'")


def test_every_submission_has_a_row_and_a_page(graded):
    folder, out, rows = graded
    assert {student.removeprefix("'") for student, _ in rows} == {
        path.name for path in folder.iterdir() if path.is_dir()
    }
    assert len(rows) >= 30 + 20
    for row in rows.values():
        assert (out / row["feedback"]).read_text(encoding="utf-8").startswith("<!doctype html>")
    with (out / "grades.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row["points"] for row in csv.DictReader(file)] == [row["points"] for row in rows.values()]


def test_marks_for_paper_are_asked_for_and_merged(graded, tmp_path):
    folder, _, rows = graded
    assert rows["right", "first_dictionary"]["unmarked"] == "ex-spark"
    asked = Marks(folder / "marks.csv", SECTIONS).rows
    assert asked["right", "ex-spark"]["answer"].startswith("feedback/")
    assert asked["blank", "ex-spark"]["answer"] == "(empty)"
    home = tmp_path / "in"
    hand_in(home, "right", "first_dictionary.ipynb", filled("first_dictionary", papers=["ex-spark"]))
    text = "student;exercise;points;of;comment;answer\nright;ex-spark;3,5;5;=good <i>idea</i>;\nold;ex-spark;1;5;;\n"
    (home / "marks.csv").write_text(text, encoding="utf-8-sig")
    (row,) = run(home, tmp_path / "out", SECRET)
    assert (row["paper"], row["ex-spark"], row["unmarked"]) == ("3.5", "3.5", "")
    assert float(row["points"]) == machine_points("first_dictionary") + 3.5
    page = (tmp_path / "out" / row["feedback"]).read_text(encoding="utf-8")
    assert "3.5 of 5 points" in page and "=good &lt;i&gt;" in page and "&lt;b&gt;is&lt;/b&gt;" in page
    again = Marks(home / "marks.csv", SECTIONS)
    assert (again.points("right", "ex-spark"), again.points("old", "ex-spark")) == (3.5, 1)
    assert again.comment("right", "ex-spark") == "=good <i>idea</i>"
    for bad, message in (("9", "expected 0 to 5"), ("many", "expected a number")):
        (home / "marks.csv").write_text(f"student,exercise,points\nright,ex-spark,{bad}\n", encoding="utf-8")
        with pytest.raises(MarksError, match=message):
            Marks(home / "marks.csv", SECTIONS)


def test_repeated_attempts_are_found_and_one_counts(tmp_path):
    home = tmp_path / "in"
    for where, keep, day in (("a", {"ex-hessian-form"}, 1), ("b", set(), 3)):
        path = hand_in(home, f"ada/{where}", f"{CALCULUS}-{where}.ipynb", filled(CALCULUS, only(keep)))
        os.utime(path, (datetime(2026, 11, day).timestamp(),) * 2)
    (row,) = run(home, tmp_path / "out", SECRET, deadline=datetime(2026, 11, 2))
    assert (row["machine"], row["late"], row["attempts"]) == ("3", "no", "2")
    pages = [page.read_text(encoding="utf-8") for page in (tmp_path / "out" / "feedback").iterdir()]
    assert sum("another attempt counts" in page for page in pages) == 1
    assert sum(", late" in page for page in pages) == 1


def only(keep):
    """Only these exercises are answered."""
    return lambda label, source: source if label in keep else "pass"


@pytest.mark.parametrize(
    ("keep", "late", "day"),
    [("best", "count", 3), ("last", "count", 4), ("best", "drop", 1), ("last", "drop", 2)],
)
def test_which_attempt_counts(keep, late, day):
    """Four attempts with 3, 0, 10 and 1 points; the last two are late."""
    attempts = [attempt("ada", points, k, late=k > 2) for k, points in enumerate((3, 0, 10, 1), start=1)]
    attempts += [attempt("emmy", 5, 4, late=True)]
    ada, emmy = choose(attempts, keep, late)
    assert ada.submitted.day == day
    assert emmy.machine == (5 if late == "count" else 0)
    assert bool(emmy.notes) == (late == "drop")


def attempt(student, points, day, *, late):
    remark = Remark("ex-hessian-form", points, 10, "right", "Right.")
    return Attempt(student, Path(f"{day}.ipynb"), CALCULUS, datetime(2026, 11, day), late=late, remarks=[remark])


def test_without_the_sandbox_only_on_request_and_it_is_said(tmp_path):
    hand_in(tmp_path / "in", "ada", f"{CALCULUS}.ipynb", filled(CALCULUS))
    (row,) = run(tmp_path / "in", tmp_path / "out", SECRET, trust=True)
    assert (float(row["machine"]), row["sandbox"]) == (machine_points(CALCULUS), "NO (--trust)")
    assert "without the sandbox" in (tmp_path / "out" / row["feedback"]).read_text(encoding="utf-8")


def test_another_identifier_and_library_shortcuts_are_told(tmp_path):
    def shortcut(label, source):
        if label != "ex-hessian-form":
            return source
        return "from l4lib import phi_T\n\ndef hessian_form(A, q, d):\n    return phi_T(A).hessp(q, d) @ d"

    notebook = filled(CALCULUS, shortcut)
    for cell in notebook.cells:
        cell.source = cell.source.replace("WRITE YOUR ID HERE", "eve")
    hand_in(tmp_path / "in", "ada", f"{CALCULUS}.ipynb", notebook)
    (row,) = run(tmp_path / "in", tmp_path / "out", SECRET)
    assert "ex-hessian-form uses hessp" in row["flags"]
    assert "handed in by 'ada'" in row["notes"]
