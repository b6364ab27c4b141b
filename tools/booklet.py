"""All exercises with their solutions, rubrics and known mistakes as one HTML file, to read and to print."""

from __future__ import annotations

import html
from typing import Any

from exercise_source import KINDS, Section, Task
from onefile import document, inline, to_html
from plain import Plain, page_name

from l4lib.course import exercises


def _code(source: str, kind: str = "code") -> str:
    return f'<pre class="{kind}" tabindex="0">{html.escape(source)}</pre>'


def _outputs(cell: Any) -> list[str]:
    """What a cell of a solution prints and draws."""
    found = []
    alt = html.escape(cell.metadata.get("mystnb", {}).get("image", {}).get("alt", ""))
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if "image/png" in data:
            picture = "".join(data["image/png"]).strip()
            found.append(f'<img src="data:image/png;base64,{picture}" alt="{alt}">')
        elif text := "".join(output.get("text", data.get("text/plain", ""))):
            found.append(_code(text.rstrip(), "printed"))
    return found


def _exercise(task: Task, speak: Plain) -> list[str]:
    exercise = exercises().get(task.label)
    number = speak.labels.get(task.label, {}).get("text", "Exercise")
    points = task.paper_points + (exercise.points if exercise else 0)
    effort = f"{KINDS[task.kind]} {task.kind} · {'★' * task.stars} · {task.minutes} min · {points} points"
    parts = [
        f'<h3 id="{task.label}">{inline(f"{number}: {task.title}")}</h3>',
        f"<p>{effort}: {inline(task.teaches)}.</p>",
    ]
    parts += [to_html(speak(task.text)), *map(_code, task.provided)]
    if task.solution:
        parts.append("<h4>Solution</h4>")
    for cell in task.solution:
        if cell.cell_type == "markdown":
            parts.append(to_html(speak(cell.source)))
        else:
            parts += [_code(cell.source), *_outputs(cell)]
    if task.rubric:
        rows = "\n".join(f"- {points}: {words}" for points, words in task.rubric)
        parts += ["<h4>Marking, by a person</h4>", to_html(speak(rows))]
    if exercise:
        rows = "\n".join(f"- *{kind}*: {mistake.words}" for kind, mistake in exercise.mistakes.items())
        parts += [f"<h4>Mistakes that the grader knows ({exercise.points} points)</h4>", to_html(rows)]
    return parts


def booklet(sections: list[Section], speak: Plain) -> str:
    """The whole booklet."""
    parts = ["<main>", "<h1>Exercises and solutions of The ℓ⁴ companion</h1>"]
    for section in sections:
        speak.page = page_name(section.path)
        parts.append(f'<h2 id="{section.chapter}">{inline(speak(section.title))}</h2>')
        for task in section.tasks:
            parts += ['<section class="exercise">', *_exercise(task, speak), "</section>"]
    return document("Exercises and solutions of The ℓ⁴ companion", "\n".join([*parts, "</main>"]), "booklet")
