"""What notebooks and the grader ask for: the exercises by label, what a student is given, and the check."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Any

from l4lib.course import chapters
from l4lib.course.exercise import Cases, Exercise, Given, Student
from l4lib.course.judging import Remark, judge


@cache
def exercises() -> dict[str, Exercise]:
    """Every exercise for the computer, by label.

    Raises
    ------
    ValueError
        If two chapters use the same label.
    """
    found: dict[str, Exercise] = {}
    for info in pkgutil.iter_modules(chapters.__path__):
        for exercise in importlib.import_module(f"{chapters.__name__}.{info.name}").EXERCISES:
            if exercise.label in found:
                raise ValueError(f"label: {exercise.label!r} is used twice, the second time in {info.name}")
            found[exercise.label] = exercise
    return found


def _exercise(label: str) -> Exercise:
    if label not in exercises():
        raise ValueError(f"label: expected an exercise for the computer, as ex-recovery-errors, got {label!r}")
    return exercises()[label]


def given(label: str, student: Student) -> Given:
    """What this student is given for this exercise, always the same."""
    return _exercise(label).draw(student.generator(label))


def hidden_cases(exercise: Exercise, name: str, secret: str, *, course: str = "book") -> Cases:
    """What the grader tries: for a value what was given, for a function draws that need the secret."""
    if exercise.call is None:
        return [given(exercise.label, Student(name, course))]
    unknown = Student(name, secret)
    return [exercise.draw(unknown.generator(exercise.label, f"case {k}")) for k in range(exercise.cases)]


def check(label: str, answer: Any, student: Student) -> Remark:
    """Say whether an answer is right and, if not, what is wrong with it.

    Parameters
    ----------
    label
        The label of the exercise.
    answer
        A function or a value, as the exercise asks.
    student
        Who asks; data depend on it.

    Returns
    -------
    Remark
        Words for the notebook.
    """
    exercise = _exercise(label)
    return judge(exercise, answer, hidden_cases(exercise, student.name, student.course, course=student.course))
