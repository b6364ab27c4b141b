"""The exercises of a chapter as its notebook has them, without Sphinx: read, check, strip, reduce to stubs.

The section *Exercises* is the last of a chapter. Its cells are, in this order for each exercise: the text
(``{exercise}``), code that is given to the student (tag ``provided``), the solution (``{solution}``, or code cells
between ``{solution-start}`` and ``{solution-end}``, of which those with the tag ``solution`` are what a student has to
write), and the ``{marking}`` for what a person marks.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat

KINDS = {"derive": "✍", "compute": "⌨", "break": "⚡", "open": "🔬"}
HEADING = "## Exercises"
ME = 'me = Student("reader")'
DIRECTIVE = re.compile(r"^(?P<fence>`{3,})\{(?P<name>[\w-]+)\}[ \t]*(?P<argument>.*)$", flags=re.MULTILINE)


class ExerciseError(ValueError):
    """An exercise is not written as it should be; the message names chapter, exercise and remedy."""


@dataclass
class Task:
    """One exercise."""

    label: str
    title: str
    kind: str
    stars: int
    minutes: int
    teaches: str
    claims: tuple[str, ...]
    text: str
    provided: list[str] = field(default_factory=list)
    solution: list[Any] = field(default_factory=list)
    rubric: list[tuple[int, str]] = field(default_factory=list)

    @property
    def code(self) -> list[str]:
        """The cells that a student has to write."""
        return [cell.source for cell in self.solution if "solution" in cell.metadata.get("tags", [])]

    @property
    def paper_points(self) -> int:
        """What a person gives."""
        return sum(points for points, _ in self.rubric)


@dataclass
class Section:
    """The exercises of one chapter."""

    path: Path
    title: str
    intro: str = ""
    setup: list[str] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    goals: list[str] = field(default_factory=list)
    needs: str = ""

    @property
    def chapter(self) -> str:
        """The chapter's file name."""
        return self.path.stem


def chapters(root: Path) -> list[Path]:
    """The notebooks that the table of contents names, in its order."""
    named = re.findall(r"(?:file|root): *(\S+)", (root / "_toc.yml").read_text(encoding="utf-8"))
    return [path for name in named if (path := root / f"{name}.ipynb").exists()]


def options(body: str) -> tuple[dict[str, str], str]:
    """The leading ``:name: value`` lines of a directive, and the rest."""
    found: dict[str, str] = {}
    lines = body.split("\n")
    while lines and (option := re.match(r"^:([\w-]+):[ \t]*(.*)$", lines[0])):
        found[option[1]] = option[2].strip()
        lines.pop(0)
    return found, "\n".join(lines).strip("\n")


def unfence(source: str) -> tuple[str, str, dict[str, str], str] | None:
    """Name, argument, options and body of a cell that is one directive; None for other Markdown."""
    found = DIRECTIVE.match(source)
    if not found:
        return None
    body = source[found.end() :].strip("\n").rsplit(found["fence"], 1)[0]
    return found["name"], found["argument"].strip(), *options(body)


def _task(argument: str, options: dict[str, str], body: str, where: str) -> Task:
    label = options.get("label", "")
    where = f"{where}: {label or argument}"
    unknown = set(options) - {"label", "kind", "stars", "minutes", "teaches", "claims"}
    if unknown:
        raise ExerciseError(f"{where}: unknown options {sorted(unknown)}")
    if not re.fullmatch(r"ex-[a-z0-9-]+", label):
        raise ExerciseError(f"{where}: expected :label: ex-some-words, got {label!r}")
    if options.get("kind") not in KINDS:
        raise ExerciseError(f"{where}: expected :kind: among {', '.join(KINDS)}, got {options.get('kind')!r}")
    if options.get("stars") not in {"1", "2", "3"} or not options.get("minutes", "").isdigit():
        raise ExerciseError(f"{where}: expected :stars: 1 to 3 and :minutes: a number")
    if not options.get("teaches"):
        raise ExerciseError(f"{where}: expected :teaches: the one thing that it teaches")
    claims = tuple(re.findall(r"[\w-]+", options.get("claims", "")))
    numbers = int(options["stars"]), int(options["minutes"])
    return Task(label, argument, options["kind"], *numbers, options["teaches"], claims, body)


def _rubric(body: str, where: str) -> list[tuple[int, str]]:
    rows = [(int(points), words.strip()) for points, words in re.findall(r"^- (\d+): (.*)$", body, flags=re.MULTILINE)]
    if not rows or len(rows) != len([line for line in body.split("\n") if line.startswith("- ")]):
        raise ExerciseError(f"{where}: expected rubric lines of the form '- 2: what earns two points'")
    return rows


def section_start(cells: list[Any]) -> int | None:
    """The index of the cell with the heading *Exercises*."""
    return next((k for k, c in enumerate(cells) if c.cell_type == "markdown" and c.source.startswith(HEADING)), None)


def read_section(path: Path) -> Section | None:
    """The exercises of a chapter; None if it has none.

    Raises
    ------
    ExerciseError
        If a cell is not where or what it should be.
    """
    cells = nbformat.read(path, as_version=4).cells
    start = section_start(cells)
    if start is None:
        return None
    name = path.stem
    section = Section(path, cells[0].source.split("\n")[0].lstrip("# "), cells[start].source.removeprefix(HEADING))
    text = "\n\n".join(cell.source for cell in cells[:start] if cell.cell_type == "markdown")
    learn, _, need = text.partition("**You will learn**")[2].partition("**You need** ")
    section.goals = re.findall(r"^- (.*?)[;.]?$", learn, flags=re.MULTILINE)
    section.needs = need.partition("\n")[0].strip()
    gate = False
    for cell in cells[start + 1 :]:
        tags = cell.metadata.get("tags", [])
        parts = unfence(cell.source) if cell.cell_type == "markdown" else None
        here = f"{name}, cell {cell.source[:50]!r}"
        if parts and parts[0] == "exercise" and not gate:
            section.tasks.append(_task(*parts[1:], where=name))
        elif cell.cell_type == "code" and "exercise-setup" in tags:
            section.setup.append(cell.source)
        elif not section.tasks:
            raise ExerciseError(f"{here}: expected an exercise or a code cell with the tag exercise-setup")
        elif parts and parts[0] == "solution-end" and gate:
            gate = False
        elif gate:
            section.tasks[-1].solution.append(cell)
        elif cell.cell_type == "code":
            if "provided" not in tags:
                raise ExerciseError(f"{here}: code outside of a solution needs the tag provided")
            section.tasks[-1].provided.append(cell.source)
        elif parts and parts[0] in {"solution", "solution-start", "marking"}:
            task = section.tasks[-1]
            if parts[1] != task.label:
                raise ExerciseError(f"{here}: stands below {task.label}, so name that")
            if parts[0] == "marking":
                task.rubric = _rubric(parts[3], here)
            elif parts[0] == "solution":
                task.solution.append(nbformat.v4.new_markdown_cell(parts[3]))
            gate = parts[0] == "solution-start"
        elif not parts:
            raise ExerciseError(f"{here}: text belongs into an exercise, a solution or a rubric")
        else:
            raise ExerciseError(f"{here}: did not expect {parts[0]}")
    if gate:
        raise ExerciseError(f"{name}: {section.tasks[-1].label}: no solution-end")
    return section


def without_solutions(notebook: Any) -> Any:
    """A copy of a notebook in which no solution is left."""
    kept, gate = [], False
    for cell in notebook.cells:
        parts = unfence(cell.source) if cell.cell_type == "markdown" else None
        name = parts[0] if parts else ""
        gate = gate or name == "solution-start"
        if not gate and name != "solution":
            kept.append(cell)
        gate = gate and name != "solution-end"
    copy = nbformat.from_dict(dict(notebook))
    copy.cells = kept
    return copy


def without_answers(text: str) -> str:
    """A page of Markdown in which no answer to an exam's question is left."""
    return re.sub(r"^(`{3,})\{answer\}.*?^\1$\n?", "", text, flags=re.MULTILINE | re.DOTALL)


def stub(source: str, answer: str) -> str:
    """What a solution's cell leaves to the student: imports, and the answer's name, arguments and docstring."""
    kept: list[str] = []
    lines = source.split("\n")
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            kept.append(ast.unparse(node))
        elif isinstance(node, ast.FunctionDef) and node.name == answer:
            first = node.body[0]
            documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            end = (first.end_lineno or first.lineno) if documented else first.lineno - 1
            kept += ["", "", *lines[node.lineno - 1 : end], "    raise NotImplementedError  # your code goes here"]
        elif isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == answer for t in node.targets):
            kept.append(f"{answer} = ...  # your value goes here")
    return "\n".join(kept).strip("\n")


def read_sections(paths: list[Path]) -> list[Section]:
    """The exercises of these chapters, without the chapters that have none."""
    return [section for path in paths if (section := read_section(path))]
