"""The page for lecturers, made from the book: ``{syllabus} name``, ``{project-list}``, ``{slides-link} words``.

Sections, numbers and minutes are looked up, so that a chapter that changes changes the page, or stops the build.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from exercise_source import Task, chapters, read_sections
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).resolve().parents[2]
SYLLABI = ROOT / "book" / "reference" / "syllabi.yml"
SLIDES = "_static/slides.html"
BREAK = "\\\n    "
sys.path.append(str(ROOT / "tools"))


class section_link(nodes.Inline, nodes.TextElement):
    """A section of another page; becomes a link when all pages are read."""


def slide_sections() -> dict[str, dict[str, int]]:
    """The sections that the slides are about with their minutes: page, section, minutes."""
    from slides import wanted
    from statements import statements

    known, found = statements(), dict[str, dict[str, int]]()
    pages = {task.label: _page(section.path) for section in read_sections(chapters(ROOT)) for task in section.tasks}
    for entry in wanted()["slides"]:
        label = entry["show"]
        if label in known:
            page, heading = known[label].page, known[label].section
        else:
            page, heading = (pages[label], "Exercises") if label in pages else (label, "What we saw")
        sections = found.setdefault(page, {})
        sections[heading] = sections.get(heading, 0) + entry["minutes"]
    return found


def _page(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").as_posix()


def syllabus(name: str) -> dict[str, Any]:
    """One of the syllabi, with the sections of its slides filled in."""
    found: dict[str, Any] = yaml.safe_load(SYLLABI.read_text(encoding="utf-8"))[name]
    for session in found["sessions"]:
        if session.pop("slides", False):
            session["sections"] = slide_sections()
    return found


def tasks() -> dict[str, Task]:
    """All exercises by label."""
    return {task.label: task for section in read_sections(chapters(ROOT)) for task in section.tasks}


class _Made(SphinxDirective):
    def parsed(self, lines: list[str]) -> list[nodes.Node]:
        """Markdown as nodes."""
        for path in chapters(ROOT):
            self.env.note_dependency(str(path))
        self.env.note_dependency(str(SYLLABI))
        container = nodes.container(classes=["exercise-table"])
        self.state.nested_parse(
            StringList(lines, source=str(self.get_source_info()[0])), self.content_offset, container
        )
        return [container]


class Syllabus(_Made):
    """The sessions of a syllabus: sections, proofs, exercises, minutes."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        known, plan = tasks(), syllabus(self.arguments[0])
        rows = ["````{list-table}", ":header-rows: 1", ":widths: 22 42 14 22", ""]
        rows += ["* - Session", "  - Sections (minutes)", "  - Prove", "  - Exercises (minutes)"]
        chosen = []
        for number, session in enumerate(plan["sessions"], start=1):
            sections = [
                f"{{doc}}`/{page}`: "
                + ", ".join(f"{{section}}`{page} # {heading}` ({n})" for heading, n in parts.items())
                for page, parts in session["sections"].items()
            ]
            prove = [f"{{prf:ref}}`{label}`" for label in session["prove"]]
            given = [known[label] for label in session["exercises"]]
            chosen += given
            exercises = [f"{{numref}}`{task.label}` ({task.minutes})" for task in given]
            exercises.append(f"together {sum(task.minutes for task in given)}")
            rows += [f"* - {number}. {session['title']}"]
            rows += [f"  - {BREAK.join(part)}" for part in (sections, prove, exercises)]
        rows += ["````", ""]
        count, minutes = len(plan["sessions"]), sum(task.minutes for task in chosen)
        words = f"{count} session{'s' * (count > 1)} of {plan['session']} minutes"
        rows += [f"{words}; {len(chosen)} exercises, {minutes} minutes. **Leave out** {plan['leave out']}."]
        return self.parsed(rows)


class ProjectList(_Made):
    """The open exercises, with what they are about and how they are marked."""

    def run(self) -> list[nodes.Node]:
        rows = []
        for task in tasks().values():
            if task.kind != "open":
                continue
            points, hours = task.paper_points, round(task.minutes / 60, 1)
            rows.append(
                f"- {{numref}}`{task.label}`, *{task.title}* ({hours:g} hours, {points} points): {task.teaches}."
            )
            rows += [f"  - {count}: {words}" for count, words in task.rubric]
        return self.parsed(rows)


class SlidesLink(SphinxDirective):
    """A link to the slides that are built beside the pages."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        up = "../" * self.env.docname.count("/")
        link = nodes.raw("", f'<p><a href="{up}{SLIDES}">{self.arguments[0]}</a></p>', format="html")
        return [link]


def section_role(
    _name: str, _raw: str, text: str, _line: int, _inliner: Any, _options: Any = None, _content: Any = ()
) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    """``{section}`page # heading```."""
    page, _, heading = text.partition(" # ")
    return [section_link("", heading, page=page, heading=heading)], []


def anchor(env: BuildEnvironment, page: str, heading: str) -> str:
    """Where a section is on its page.

    Raises
    ------
    ValueError
        If the page has no such section.
    """
    plain = heading.replace("$", "")
    for reference in env.tocs[page].findall(nodes.reference):
        if reference.astext() == plain:
            return str(reference["anchorname"])
    raise ValueError(f"{page} has no section {heading!r}")


def link_sections(app: Sphinx, document: nodes.document, docname: str) -> None:
    """Put links in the place of the sections' names."""
    for node in list(document.findall(section_link)):
        where = anchor(app.env, node["page"], node["heading"])
        if app.builder.format == "html":
            address = app.builder.get_relative_uri(docname, node["page"]) + where
            node.replace_self(nodes.reference("", node["heading"].replace("$", ""), internal=True, refuri=address))
        else:
            node.replace_self(nodes.Text(node["heading"].replace("$", "")))


def write_slides(app: Sphinx, problem: Exception | None) -> None:
    """The slides beside the pages, with links into the book."""
    if problem is None and app.builder.format == "html":
        from slides import deck

        (Path(app.outdir) / SLIDES).write_text(deck(".."), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register what the page uses."""
    app.add_directive("syllabus", Syllabus)
    app.add_directive("project-list", ProjectList)
    app.add_directive("slides-link", SlidesLink)
    app.add_role("section", section_role)
    app.add_node(section_link)
    app.connect("doctree-resolved", link_sections)
    app.connect("build-finished", write_slides)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
