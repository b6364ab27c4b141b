"""The page for lecturers: sessions that fit, goals for every exercise, an exam; and the booklet of solutions."""

import json
import re

import pytest
import yaml
from booklet import booklet
from execute_notebooks import ROOT
from exercise_source import chapters, read_sections
from labels import book_labels
from plain import converter
from statements import statements
from teaching import SYLLABI, slide_sections, syllabus

SECTIONS = read_sections(chapters(ROOT))
TASKS = {task.label: task for section in SECTIONS for task in section.tasks}
NAMES = list(yaml.safe_load(SYLLABI.read_text(encoding="utf-8")))
PAGE = (ROOT / "book" / "reference" / "teaching.md").read_text(encoding="utf-8")
BUILT = ROOT / "_build" / "html"


def headings(page):
    text = "\n".join(
        "".join(cell["source"])
        for cell in json.loads((ROOT / f"{page}.ipynb").read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] == "markdown"
    )
    return set(re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE))


@pytest.mark.parametrize("name", NAMES)
def test_sessions_fit_and_name_what_the_book_has(name):
    plan, seen = syllabus(name), []
    for session in plan["sessions"]:
        assert sum(sum(parts.values()) for parts in session["sections"].values()) == plan["session"], session["title"]
        for page, parts in session["sections"].items():
            assert set(parts) <= headings(page), page
        assert set(session["prove"]) <= set(statements())
        assert all(statements()[label].kind not in {"figure", "equation"} for label in session["prove"])
        assert all(f"proof-of-{label}" in statements() for label in session["prove"]), "nothing to prove"
        assert all(TASKS[label].kind != "open" for label in session["exercises"])
        seen += session["exercises"]
    assert len(seen) == len(set(seen))
    assert len(plan["sessions"]) < 3 or any(TASKS[label].kind == "break" for label in seen)


def test_the_page_has_all_syllabi_and_the_slides_their_minutes():
    assert re.findall(r"^```\{syllabus\} (.*)$", PAGE, flags=re.MULTILINE) == NAMES and len(NAMES) == 3
    assert sum(sum(parts.values()) for parts in slide_sections().values()) == syllabus("one lecture")["session"]
    for directive in ("{slides-link}", "{exercise-table}", "{project-list}"):
        assert directive in PAGE


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.chapter)
def test_every_exercise_stands_below_goals(section):
    assert 2 <= len(section.goals) <= 6 and all(len(goal) > 20 for goal in section.goals)
    assert section.needs
    for task in section.tasks:
        assert len(task.teaches) > 20 and not task.teaches.endswith(".")
        if task.kind == "open":
            assert sum(points for points, _ in task.rubric) == 10


def test_the_exam_has_thirty_points_and_an_answer_to_each_question():
    exam = PAGE.partition("## An exam of one hour")[2]
    points = [int(found) for found in re.findall(r"^\*\*\d\*\* \((\d+) points\)", exam, flags=re.MULTILINE)]
    assert sum(points) == 30 and exam.count("```{answer}") == len(points)
    for wanted, answer in zip(points, re.findall(r"```\{answer\}\n(.*?)\n```", exam, flags=re.DOTALL), strict=True):
        assert sum(map(int, re.findall(r"\((\d)\)", answer))) == wanted, answer


@pytest.mark.book
@pytest.mark.skipif(not BUILT.exists(), reason="the book is not built; run make book")
def test_the_built_page_lists_every_exercise_with_its_minutes():
    from bs4 import BeautifulSoup

    soup = BeautifulSoup((BUILT / "book" / "reference" / "teaching.html").read_text(encoding="utf-8"), "html.parser")
    labels = book_labels()
    table = soup.select_one("section#exercises-and-what-they-teach .exercise-table table")
    rows = {
        cells[0]: cells
        for row in table.select("tr")
        if (cells := [c.get_text(" ", strip=True) for c in row.select("td")])
    }
    for label, task in TASKS.items():
        assert rows[labels[label]["text"]][-1] == str(task.minutes)
    projects = soup.select_one("section#projects").get_text()
    assert all(task.title in projects for task in TASKS.values() if task.kind == "open")
    link = soup.select_one("a[href$='slides.html']")
    assert (BUILT / "book" / "reference" / link["href"]).samefile(BUILT / "_static" / "slides.html")
    for name in NAMES:
        total = sum(TASKS[label].minutes for session in syllabus(name)["sessions"] for label in session["exercises"])
        assert f"exercises, {total} minutes" in soup.get_text()


@pytest.fixture(scope="module")
def solutions():
    speak = converter(book_labels(), "")
    text = booklet(SECTIONS, speak)
    assert not speak.unknown
    return text


def test_the_booklet_has_every_exercise_and_solution(solutions):
    body = solutions.partition("<script>")[0]
    assert body.count('<section class="exercise">') == len(TASKS)
    assert body.count("<h4>Solution</h4>") == sum(bool(task.solution) for task in TASKS.values())
    assert not re.search(r"\{[a-z:]+\}`|```|\\(?:norm|phiT|inner)\b", body)
    assert all(len(alt) > 30 for alt in re.findall(r'<img [^>]*alt="([^"]*)"', body))


@pytest.mark.slow
def test_every_solution_is_set_and_nothing_is_wider_than_the_page(browser, solutions, tmp_path):
    path = tmp_path / "solutions.html"
    path.write_text(solutions, encoding="utf-8")
    page, complaints = browser.new_page(viewport={"width": 900, "height": 1000}), []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.goto(path.as_uri())
    page.wait_for_function("document.documentElement.dataset.set === 'yes'", timeout=120_000)
    page.evaluate("document.querySelectorAll('details').forEach((hint) => { hint.open = true; })")
    assert page.evaluate("document.querySelectorAll('mjx-container').length") > 2000
    red = "Array.from(document.querySelectorAll('mjx-merror, [data-mjx-error]')).map((node) => node.textContent)"
    assert page.evaluate(red) == []
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 900
    assert page.evaluate("document.body.innerText.match(/\\$\\$|\\\\\\\\(?:frac|begin)/)") is None
    page.close()
    assert not complaints
