"""Chapters as plain notebooks: no directives, no roles, no macros; numbers and links are those of the book."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import yaml
from execute_notebooks import KERNEL, ROOT

FENCE = re.compile(r"^(?P<fence>`{3,}|:{3,})\{(?P<name>[\w:-]+)\}[ \t]*(?P<argument>.*)$")
NAMED = {"prf:proof": "Proof", "exercise": "", "solution": "Solution", "marking": "How it is marked"}
INSTALL = '''# Only needed where l4lib is missing.
import importlib.util

if importlib.util.find_spec("l4lib") is None:
    %pip install -q "{where}"'''


class Plain:
    """From the Markdown of the book to Markdown that every notebook program shows.

    ``labels`` is the ``labels.json`` of a build, ``macros`` those of ``_config.yml``, ``base`` the address of the book.
    Labels and directives that are not known stay readable and are counted in ``unknown``.
    """

    def __init__(self, labels: dict[str, dict[str, str]], macros: dict[str, Any], base: str, page: str = "") -> None:
        self.labels, self.base, self.page = labels, base.rstrip("/"), page
        self.macros = {
            name: (body, 0) if isinstance(body, str) else (body[0], body[1]) for name, body in macros.items()
        }
        self.unknown: set[str] = set()

    def __call__(self, text: str, page: str = "") -> str:
        """One Markdown cell of a page."""
        self.page = page or self.page
        return self.expand(self.inline(self.directives(text))).strip()

    def link(self, label: str, words: str = "") -> str:
        """A link into the book, with the number that the book gives it."""
        if label not in self.labels:
            self.unknown.add(label)
            return words or label
        entry = self.labels[label]
        return f"[{words or entry['text']}]({self.base}/{entry['url']})"

    def expand(self, text: str) -> str:
        """Write macros out, innermost last, since no program but the book knows them."""
        group = r"\s*(\{(?:[^{}]|\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\})*\}|\\[A-Za-z]+|[^\s{}\\])"
        for _ in range(4):
            for name, (body, count) in self.macros.items():

                def put(found: re.Match[str], body: str = body, count: int = count) -> str:
                    for k in range(1, count + 1):
                        argument = found[k]
                        body = body.replace(f"#{k}", argument[1:-1] if argument.startswith("{") else argument)
                    return body if body.endswith("}") or found.end() == len(found.string) else body + " "

                text = re.sub(r"\\" + name + r"(?![A-Za-z])" + group * count, put, text)
        return text

    def inline(self, text: str) -> str:
        """Roles, and equations with their numbers."""

        def role(found: re.Match[str]) -> str:
            name, content = found[1], found[2]
            explicit = re.fullmatch(r"(.*?)\s*<([^<>]+)>", content, flags=re.DOTALL)
            words, label = (explicit[1], explicit[2]) if explicit else ("", content)
            if name.startswith("cite"):
                return ", ".join(
                    f"[{key.strip()}]({self.base}/book/reference/bibliography.html)" for key in label.split(",")
                )
            if name == "doc" and not label.startswith("/"):
                label = f"{self.page.rpartition('/')[0]}/{label}"
            if name == "numref" and "%s" in words:
                words = words.replace("%s", self.labels.get(label, {}).get("text", "").rpartition(" ")[2])
            if name in {"eq", "prf:ref", "numref", "ref", "doc"}:
                return self.link(label.lstrip("/"), words)
            return words or content

        def equation(found: re.Match[str]) -> str:
            number = self.labels.get(found[2], {}).get("text", "").strip("()")
            tag = f" \\tag{{{number}}}" if number else ""
            return f"$$\n{found[1].strip()}{tag}\n$$"

        text = re.sub(r"\{([a-z:]+)\}`([^`]+)`", role, text)
        text = re.sub(r"^\(([\w-]+)\)=\n", "", text, flags=re.MULTILINE)
        return re.sub(
            r"^\$\$\n?((?:(?!\$\$).)*?)\n?\$\$ \(([\w:-]+)\)[ \t]*$", equation, text, flags=re.MULTILINE | re.DOTALL
        )

    def directives(self, text: str) -> str:
        """Fences of the book, outermost first."""
        lines, out, k = text.split("\n"), [], 0
        while k < len(lines):
            found = FENCE.match(lines[k])
            closing = found and next((j for j in range(k + 1, len(lines)) if lines[j].rstrip() == found["fence"]), None)
            if not found or not closing:
                out.append(lines[k])
                k += 1
                continue
            body, options = lines[k + 1 : closing], dict[str, str]()
            while body and (option := re.match(r"^:([\w-]+):\s*(.*)$", body[0])):
                options[option[1]] = option[2]
                body = body[1:]
            inner = self.directives("\n".join(body).strip("\n"))
            out.append(self.directive(found["name"], found["argument"].strip(), options, inner))
            k = closing + 1
        return "\n".join(out)

    def directive(self, name: str, argument: str, options: dict[str, str], body: str) -> str:
        """One directive in plain words."""
        number = self.labels.get(options.get("label", ""), {}).get("text", "")
        if name == "claim-card":
            return f"*[How this is checked]({self.base}/{self.page}.html#claim-{argument}).*"
        if name == "live":
            return f"*[A picture that moves in the book]({self.base}/{self.page}.html#{options['name']}). {body}*"
        if name in {"dropdown", "admonition", "note", "tip", "warning", "important", "hint", "seealso"}:
            summary = argument or name.capitalize()
            if name == "dropdown" or options.get("class") == "dropdown":
                return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"
            return f"**{summary}.** {body}"
        if name == "math":
            return f"$$\n{body}\n$$"
        if name.startswith("prf:") or name in NAMED:
            words = NAMED.get(name) or number or name.removeprefix("prf:").capitalize()
            if argument and name not in {"prf:proof", "solution", "marking"}:
                words += f" ({argument})"
            return f"**{words}.** {body}" + (" ∎" if name == "prf:proof" else "")
        self.unknown.add(name)
        return f"**{argument}**\n\n{body}" if argument else body


def converter(labels: dict[str, dict[str, str]], base: str) -> Plain:
    """A converter with the macros of the book."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    return Plain(labels, config["sphinx"]["config"]["mathjax3_config"]["tex"]["macros"], base)


def notebook(cells: list[Any], **course: str) -> nbformat.NotebookNode:
    """A notebook with fixed cell ids, so that making it twice gives the same bytes."""
    for k, cell in enumerate(cells):
        cell.id = f"cell-{k}"
    metadata: dict[str, Any] = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    if course:
        metadata["course"] = course
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


def page_name(path: Path) -> str:
    """The name of a chapter in the book."""
    return path.relative_to(ROOT).with_suffix("").as_posix()


def plain_chapter(path: Path, speak: Plain, where: str) -> nbformat.NotebookNode:
    """A chapter without its exercises and without outputs."""
    text, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    cells: list[Any] = []
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            if cell.source.startswith("## Exercises"):
                break
            cells.append(text(speak(cell.source, page_name(path))))
            if len(cells) == 1:
                cells.append(code(INSTALL.format(where=where)))
            continue
        cells.append(code(cell.source))
        figure = cell.metadata.get("mystnb", {}).get("figure")
        if figure:
            number = speak.labels.get(figure.get("name", ""), {}).get("text", "Figure")
            cells.append(text(speak(f"*{number}.* {figure.get('caption', '')}")))
    return notebook(cells)
