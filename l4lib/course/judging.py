"""The one function that judges an answer: in a student's notebook, in the grader, and in the tests."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from l4lib.course.exercise import Cases, Exercise


@dataclass(frozen=True, repr=False)
class Remark:
    """The verdict on one answer; a notebook shows its message.

    ``kind`` is ``right``, ``blank``, ``type``, ``error``, ``shape``, ``not finite``, ``other``, or the name of a known
    mistake.
    """

    label: str
    points: float
    of: float
    kind: str
    message: str

    @property
    def passed(self) -> bool:
        """Whether the answer is right."""
        return self.kind == "right"

    def __repr__(self) -> str:
        return ("✓ " if self.passed else "✗ ") + self.message


def judge(exercise: Exercise, answer: Any, cases: Cases) -> Remark:
    """Compare an answer with the truth in every case and, if it is wrong, find out which mistake it is.

    Parameters
    ----------
    exercise
        What is asked.
    answer
        What the student calls ``exercise.answer``: a function or a value.
    cases
        What was given: one case if a value is asked for, several for a function.

    Returns
    -------
    Remark
        Points and words.

    Examples
    --------
    >>> from l4lib.course.desk import exercises, hidden_cases
    >>> exercise = exercises()["ex-recovery-errors"]
    >>> judge(exercise, exercise.truth, hidden_cases(exercise, "ada", "secret"))
    ✓ Right.
    """
    name = exercise.answer

    def say(kind: str, message: str) -> Remark:
        points = exercise.points if kind == "right" else 0
        return Remark(exercise.label, points, exercise.points, kind, message)

    if answer is None or answer is Ellipsis:
        return say("blank", f"`{name}` is not there yet.")
    if exercise.call is None:
        values = [answer]
    elif not callable(answer):
        return say("type", f"`{name}` should be a function, but it is {describe(answer)}.")
    else:
        values = []
        for case in cases:
            try:
                values.append(answer(*(copy.deepcopy(case[key]) for key in exercise.call)))
            except NotImplementedError:
                return say("blank", f"`{name}` is not there yet.")
            except Exception as problem:
                came = ", ".join(f"{key}: {describe(case[key])}" for key in exercise.call)
                return say("error", f"`{name}` stopped with {type(problem).__name__}: {problem}. It got {came}.")
            if values[-1] is None or values[-1] is Ellipsis:
                return say("blank", f"`{name}` returns nothing; is the `return` missing?")

    def all_agree(other: Callable[..., Any]) -> bool:
        return all(agree(v, other(**case), exercise.tolerance) for v, case in zip(values, cases, strict=True))

    if all_agree(exercise.truth):
        return say("right", "Right.")
    for kind, mistake in exercise.mistakes.items():
        if all_agree(mistake.answer):
            return say(kind, mistake.words)
    wrong = 0
    for value, case in zip(values, cases, strict=True):
        truth = exercise.truth(**case)
        if isinstance(truth, str) != isinstance(value, str) or np.shape(_array(value)) != np.shape(_array(truth)):
            return say("shape", f"`{name}` should be {describe(truth, hide=True)}, but it is {describe(value)}.")
        if not isinstance(value, str) and not np.all(np.isfinite(_array(value))):
            return say("not finite", f"`{name}` is not finite: is something divided by zero?")
        wrong += not agree(value, truth, exercise.tolerance)
    where = "" if exercise.call is None else f" in {wrong} of {len(cases)} random cases"
    return say("other", f"`{name}` disagrees{where}, and not in a way we know. Try the smallest case by hand.")


def agree(value: Any, truth: Any, tolerance: float) -> bool:
    """The same shape and the same finite numbers up to a relative error, or the same word.

    Examples
    --------
    >>> agree([1.0, 2.0], [1.0, 2.0 + 1e-9], 1e-6), agree([[1.0]], 1.0, 1e-6), agree(" Saddle", "saddle", 0.1)
    (True, False, True)
    """
    if isinstance(value, str) or isinstance(truth, str):
        return str(value).strip().lower() == str(truth).strip().lower()
    a, b = _array(value), _array(truth)
    if a.shape != b.shape or not np.all(np.isfinite(a)) or not np.all(np.isfinite(b)):
        return False
    return bool(np.linalg.norm((a - b).ravel()) <= tolerance * (np.linalg.norm(b.ravel()) + 1e-12))


def _array(value: Any) -> np.ndarray:
    """A value as numbers; not finite if it is none."""
    try:
        array = np.asarray(value)
        return array if array.dtype.kind == "c" else array.astype(float)
    except (TypeError, ValueError):
        return np.array(np.nan)


def describe(value: Any, *, hide: bool = False) -> str:
    """A value in a few words; ``hide`` keeps its numbers to itself.

    Examples
    --------
    >>> describe(np.zeros((2, 3))), describe(0.5), describe(0.5, hide=True), describe(len)
    ('an array of shape (2, 3)', '0.5', 'one number', 'of type builtin_function_or_method')
    """
    if isinstance(value, str):
        return "a word" if hide else repr(value[:40])
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        return f"of type {type(value).__name__}"
    if array.dtype.kind not in "fciub":
        return f"of type {type(value).__name__}"
    if array.ndim:
        return f"an array of shape {array.shape}"
    return "one number" if hide else f"{array[()]:.6g}"
