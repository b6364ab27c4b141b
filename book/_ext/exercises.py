"""Sphinx directives of the exercises.

``{exercise}`` is numbered and can be referred to by ``{numref}``; ``{solution}`` (or everything between
``{solution-start}`` and ``{solution-end}``) and ``{marking}`` are native folds; ``{exercise-table}`` lists all
exercises of the book. With ``SOLUTIONS=no`` in the environment the book has no solutions, and neither have the
notebooks that its pages offer. Beside the pages, ``labels.json`` says what every label is called, for notebooks outside
of the book.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import nbformat
from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from exercise_source import KINDS, chapters, read_sections, section_start, without_answers, without_solutions
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

BREAK = "\\\n    "
WORDS = {"derive": "derive", "compute": "compute", "break": "break a hypothesis", "open": "open"}


class exercise(nodes.General, nodes.Element):
    """An exercise; its first child is its title."""


class fold(nodes.General, nodes.Element):
    """A native fold; its first child is its summary."""


class headline(nodes.TextElement):
    """The title of an exercise, or the summary of a fold."""


class badge(nodes.TextElement):
    """What kind of exercise it is, with its words for those who do not see the sign."""


class gate(nodes.General, nodes.Element):
    """Where a solution with code begins or ends; gone after reading."""


class Exercise(SphinxDirective):
    """An exercise with kind, stars, minutes and what it teaches."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec = {  # noqa: RUF012
        "label": directives.unchanged_required,
        "kind": lambda text: directives.choice(text, tuple(KINDS)),
        "stars": directives.nonnegative_int,
        "minutes": directives.nonnegative_int,
        "teaches": directives.unchanged_required,
        "claims": directives.unchanged,
    }

    def run(self) -> list[nodes.Node]:
        label = self.options["label"]
        node = exercise(ids=[label], names=[label], docname=self.env.docname)
        self.state.document.note_explicit_target(node)
        self.set_source_info(node)
        title = headline("", "", exercise=label, classes=["exercise-title"])
        words, _ = self.state.inline_text(self.arguments[0], self.lineno)
        kind, stars = self.options["kind"], self.options["stars"]
        title += [badge("", "", kind=kind), nodes.Text(" "), *words]
        effort = f"{'★' * stars}{'☆' * (3 - stars)} {self.options['minutes']} min"
        title += [nodes.Text("  "), nodes.inline("", effort, classes=["exercise-effort"])]
        node += title
        self.state.nested_parse(self.content, self.content_offset, node)
        return [node]


class Fold(SphinxDirective):
    """A solution, or a rubric, of the exercise that the argument names."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        kind = self.name.removesuffix("-start")
        node = fold(classes=[f"exercise-{kind}"])
        node += headline(
            "", "", exercise=self.arguments[0], before={"marking": "How it is marked"}.get(kind, "Solution")
        )
        if self.name.endswith("-start"):
            return [gate("", node, opens=True)]
        self.state.nested_parse(self.content, self.content_offset, node)
        return [node]


class Answer(SphinxDirective):
    """The solution of a question that is no numbered exercise, as in an exam; left out with the solutions."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        node = fold(classes=["exercise-solution"])
        node += headline("", "Solution")
        self.state.nested_parse(self.content, self.content_offset, node)
        return [node]


class End(SphinxDirective):
    """The end of a solution with code."""

    has_content = False

    def run(self) -> list[nodes.Node]:
        return [gate(opens=False)]


class ExerciseTable(SphinxDirective):
    """All exercises with what they teach, below the goals of their chapters."""

    def run(self) -> list[nodes.Node]:
        paths = chapters(Path(self.env.srcdir))
        for path in paths:
            self.env.note_dependency(str(path))
        container = nodes.container(classes=["exercise-table"])
        rows = ["````{list-table}", ":header-rows: 1", ":widths: 16 44 24 8 8", ""]
        rows += ["* - Exercise", "  - What it teaches", "  - Kind", "  - Stars", "  - Minutes"]
        for section in read_sections(paths):
            page = section.path.relative_to(self.env.srcdir).with_suffix("").as_posix()
            minutes = sum(task.minutes for task in section.tasks)
            goals = BREAK.join([*(f"• {goal}" for goal in section.goals), f"*Needs* {section.needs}"])
            rows += [f"* - **{{doc}}`/{page}`**", f"  - {goals}", "  - ", "  - ", f"  - {minutes}"]
            for task in section.tasks:
                rows += [f"* - {{numref}}`{task.label}`", f"  - {task.teaches}"]
                rows += [f"  - {KINDS[task.kind]} {WORDS[task.kind]}", f"  - {'★' * task.stars}", f"  - {task.minutes}"]
        rows.append("````")
        source = str(self.get_source_info()[0])
        self.state.nested_parse(StringList(rows, source=source), self.content_offset, container)
        return [container]


def close_gates(app: Sphinx, document: nodes.document) -> None:
    """Put what stands between start and end into the fold, and leave solutions out if they are not wanted."""
    for start in [node for node in document.findall(gate) if node["opens"]]:
        parent, solution = start.parent, start.children[0]
        if not (isinstance(parent, nodes.Element) and isinstance(solution, nodes.Element)):
            continue
        first = parent.index(start)
        ends = [k for k, node in enumerate(parent.children) if isinstance(node, gate) and not node["opens"]]
        last = next((k for k in ends if k > first), None)
        if last is None:
            raise ValueError(f"{app.env.docname}: a solution-start without its solution-end")
        inside = parent.children[first + 1 : last]
        del parent.children[first : last + 1]
        solution.extend(inside)
        parent.insert(first, solution)
    if not app.config.course_solutions:
        for node in [node for node in document.findall(fold) if "exercise-solution" in node["classes"]]:
            node.parent.remove(node)


def numbers(env: BuildEnvironment) -> dict[str, str]:
    """The number of every exercise."""
    found = {}
    for kinds in env.toc_fignumbers.values():
        for label, number in kinds.get("exercise", {}).items():
            found[label] = ".".join(map(str, number))
    return found


def write_titles(app: Sphinx, document: nodes.document, docname: str) -> None:
    """Put the numbers into titles and summaries."""
    known = numbers(app.env)
    for title in document.findall(headline):
        if "exercise" not in title:
            continue
        name = f"Exercise {known.get(title['exercise'], '')}".strip()
        if before := title.get("before"):
            title += nodes.Text(f"{before} of {name}" if before == "Solution" else f"{before} ({name})")
        else:
            title.insert(0, nodes.inline("", f"{name} ", classes=["exercise-number"]))


def labels(env: BuildEnvironment) -> dict[str, dict[str, str]]:
    """Every label with its name and address, as notebooks outside the book need them."""
    found = {name: {"text": title.astext(), "url": f"{name}.html"} for name, title in env.titles.items()}
    words = {"displaymath": "({})", "figure": "Fig. {}", "table": "Table {}", "code-block": "Listing {}"}
    results = getattr(env, "proof_list", {})  # by one counter, so that its name is not the name of the result
    for docname, kinds in env.toc_fignumbers.items():
        for kind, entries in kinds.items():
            for name, number in entries.items():
                called = results.get(name, {}).get("realtype", kind)
                text = words.get(called, called.capitalize() + " {}").format(".".join(map(str, number)))
                found[name.removeprefix("equation-")] = {"text": text, "url": f"{docname}.html#{name}"}
    for name, (docname, anchor, title) in env.domaindata["std"]["labels"].items():
        found.setdefault(name, {"text": str(title), "url": f"{docname}.html#{anchor}"})
    for name, (docname, number) in env.domaindata["math"]["objects"].items():
        found[name] = {"text": f"({number})", "url": f"{docname}.html#equation-{name}"}
    return found


def finish(app: Sphinx, problem: Exception | None) -> None:
    """Write the labels; take the solutions out of the sources beside the pages."""
    if problem is not None or app.builder.format == "latex":
        return
    out = Path(app.outdir)
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(labels(app.env), indent=1, sort_keys=True)
    (out / "labels.json").write_text(text, encoding="utf-8")
    if not app.config.course_solutions:
        for path in (out / "_sources").rglob("*.ipynb*"):
            notebook = nbformat.read(path, as_version=4)
            if section_start(notebook.cells) is not None:
                nbformat.write(without_solutions(notebook), path)
        for path in (out / "_sources").rglob("*.md*"):
            text = path.read_text(encoding="utf-8")
            path.write_text(without_answers(text), encoding="utf-8")


def name_exercises(_app: Sphinx, config: Config) -> None:
    """What a numbered reference to an exercise says."""
    config.numfig_format.setdefault("exercise", "Exercise %s")


def html_badge(self: Any, node: nodes.Element) -> None:
    kind = node["kind"]
    self.body.append(f'<span role="img" title="{WORDS[kind]}" aria-label="{WORDS[kind]}">{KINDS[kind]}</span>')
    raise nodes.SkipNode


def text_badge(self: Any, node: nodes.Element) -> None:
    self.add_text(f"({WORDS[node['kind']]})")
    raise nodes.SkipNode


def latex_badge(self: Any, node: nodes.Element) -> None:
    self.body.append(KINDS[node["kind"]])
    raise nodes.SkipNode


def html_enter(tag: str, close: str = "\n", **attributes: str) -> Any:
    """A pair of visitors that put a node into an HTML element."""

    def visit(self: Any, node: nodes.Element) -> None:
        self.body.append(self.starttag(node, tag, "", **attributes))

    def depart(self: Any, _node: nodes.Element) -> None:
        self.body.append(f"</{tag}>{close}")

    return visit, depart


def html_headline(self: Any, node: nodes.Element) -> None:
    tag = "summary" if isinstance(node.parent, fold) else "p"
    self.body.append(self.starttag(node, tag, "", CLASS="admonition-title"))


def html_headline_end(self: Any, node: nodes.Element) -> None:
    self.body.append("</summary>\n" if isinstance(node.parent, fold) else "</p>\n")


def latex_start(self: Any, node: nodes.Element) -> None:
    self.body.append("\n\\par\\medskip\n")
    if node.get("ids"):
        counted = numbers(self.builder.env).get(node["ids"][0], "")
        self.body.append(f"\\lfourcounted{{{counted}}}{self.hypertarget_to(node, anchor=True)}\n")


def latex_headline(self: Any, _node: nodes.Element) -> None:
    self.body.append("\\noindent\\textbf{")


def latex_headline_end(self: Any, _node: nodes.Element) -> None:
    self.body.append("}\\par\n")


def nothing(_self: Any, _node: nodes.Element) -> None:
    """Text and LaTeX need no more."""


def setup(app: Sphinx) -> dict[str, Any]:
    """Register directives, nodes and what happens to them."""
    app.add_config_value("course_solutions", os.environ.get("SOLUTIONS", "yes") != "no", "env", bool)
    app.add_directive("exercise", Exercise)
    for name in ("solution", "solution-start", "marking"):
        app.add_directive(name, Fold)
    app.add_directive("solution-end", End)
    app.add_directive("answer", Answer)
    app.add_directive("exercise-table", ExerciseTable)
    plain = (nothing, nothing)
    app.add_enumerable_node(
        exercise,
        "exercise",
        lambda node: node.children[0].astext(),
        html=html_enter("div", CLASS="admonition exercise"),
        latex=(latex_start, nothing),
        text=plain,
    )
    app.add_node(fold, html=html_enter("details", CLASS="admonition"), latex=(latex_start, nothing), text=plain)
    app.add_node(
        headline, html=(html_headline, html_headline_end), latex=(latex_headline, latex_headline_end), text=plain
    )
    app.add_node(badge, html=(html_badge, nothing), latex=(latex_badge, nothing), text=(text_badge, nothing))
    app.add_node(gate)
    app.connect("config-inited", name_exercises, priority=900)
    app.connect("doctree-read", close_gates)
    app.connect("doctree-resolved", write_titles)
    app.connect("build-finished", finish)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
