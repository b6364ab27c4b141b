"""Runs the code of one submission: reads a JSON request a line, writes a JSON answer a line.

It runs inside the sandbox and imports nothing of the grader. Whatever student code does here, the most it can say to
the grader is "this is the value" or "this is what the function returned": a number, an array of numbers, or a word.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import json
import os
import re
import resource
import sys
import types
from typing import Any

LARGEST = 4_000_000  # bytes of one answer
MEMORY, PROCESSES, FILES, FILE_SIZE, SECONDS = 2 << 30, 8, 128, 20 << 20, 120
NUMBERS = {"f": "<f8", "i": "<i8", "u": "<i8", "b": "|b1", "c": "<c16"}


def encode(value: Any) -> dict[str, Any]:
    """A number, an array or a word as JSON; of anything else the name of its type."""
    import numpy as np

    if value is None or value is Ellipsis:
        return {"nothing": True}
    if type(value) is str:
        return {"word": value[:1000]}
    if not callable(value):
        with contextlib.suppress(Exception):  # a value that refuses to be an array is told by its type
            array = np.array(value)
            if array.dtype.kind in NUMBERS and array.nbytes <= LARGEST // 2:
                data = base64.b64encode(np.ascontiguousarray(array, NUMBERS[array.dtype.kind]).tobytes()).decode()
                return {"kind": array.dtype.kind, "shape": list(array.shape), "data": data}
    return {"type": str(type(value).__name__)[:100], "callable": callable(value)}


class Opaque:
    """Something that cannot travel; only the name of its type is known."""

    def __init__(self, name: str, is_function: bool) -> None:
        self.name, self.is_function = name, is_function


def decode(value: Any) -> Any:
    """The inverse, which the grader uses as well: it makes numbers, arrays, words and nothing else.

    Raises ValueError, KeyError or TypeError for everything that `encode` does not write.
    """
    import numpy as np

    if not isinstance(value, dict):
        raise ValueError("expected a mapping")
    if "nothing" in value:
        return None
    if "word" in value:
        return str(value["word"])[:1000]
    if "data" in value:
        shape = tuple(int(size) for size in value["shape"])
        array = np.frombuffer(base64.b64decode(value["data"], validate=True), NUMBERS[value["kind"]])
        array = array.reshape(shape).copy()
        return array if shape else array[()].item()
    return Opaque(str(value.get("type", "?"))[:100], value.get("callable") is True)


def without_magics(source: str) -> str:
    """A cell without the lines that only a notebook understands."""
    try:
        ast.parse(source)
    except SyntaxError:
        return re.sub(r"^([ \t]*)[%!?].*$", r"\1pass", source, flags=re.MULTILINE)
    return source


def course(data: dict[str, Any]) -> types.ModuleType:
    """What student code finds as ``l4lib.course``: what was given to this student, and no answers."""
    module = types.ModuleType("l4lib.course")

    class Student:
        def __init__(self, name: str, course: str = "") -> None:
            self.name, self.course = name, course

    def given(label: str, student: Any = None) -> dict[str, Any]:
        return {key: decode(value) for key, value in data[label].items()}

    def check(label: str, answer: Any, student: Any = None) -> None:
        return None

    for name, thing in (("Student", Student), ("given", given), ("check", check)):
        setattr(module, name, thing)
    return module


def limit() -> None:
    """Limits that this process and its children cannot lift again; root becomes nobody, for whom they hold."""
    if sys.argv[1:] == ["nobody"]:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    for what, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_NPROC, PROCESSES),
        (resource.RLIMIT_NOFILE, FILES),
        (resource.RLIMIT_FSIZE, FILE_SIZE),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def main() -> None:
    """Answer until the grader hangs up."""
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    import numpy  # noqa: F401, ICN001  (before the limit on processes, since it may start threads)

    limit()
    space: dict[str, Any] = {"__name__": "__main__", "display": lambda *things: None}
    for line in requests:
        request = json.loads(line)
        answer: dict[str, Any] = {"ticket": request["ticket"]}
        try:
            if "given" in request:
                sys.modules["l4lib.course"] = course(request["given"])
            elif "run" in request:
                exec(compile(without_magics(request["run"]), "<cell>", "exec"), space)
            elif "call" in request:
                arguments = [decode(value) for value in request["arguments"]]
                answer["value"] = encode(space[request["call"]](*arguments))
            else:
                answer["value"] = encode(space.get(request["get"]))
        except BaseException as problem:
            answer["error"] = type(problem).__name__[:100]
            try:
                answer["words"] = str(problem)[:300]
            except BaseException:
                answer["words"] = ""
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
