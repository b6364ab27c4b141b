"""What an exercise for the computer is, and who does it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Given = Mapping[str, Any]
Cases = Sequence[Given]


@dataclass(frozen=True)
class Student:
    """Who answers, and in which course; data depend on both, and on nothing else.

    Parameters
    ----------
    name
        The identifier of the student; upper and lower case, and spaces around, do not matter.
    course
        The code of the course, which `make coursework` writes into the notebooks.

    Raises
    ------
    ValueError
        If the name is empty or still the placeholder of the notebook.

    Examples
    --------
    >>> first, second = (Student(name).generator("ex-a").integers(10**6) for name in ("Ada", " ada"))
    >>> int(first - second)
    0
    """

    name: str
    course: str = "book"

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip() or self.name == "WRITE YOUR ID HERE":
            raise ValueError(f'name: expected your identifier, as in Student("ada17"), got {self.name!r}')

    def generator(self, label: str, role: str = "given") -> np.random.Generator:
        """Random numbers for one exercise; ``role`` keeps what is given apart from what the grader tries."""
        words = (self.course, self.name.strip().lower(), label, role)
        digest = hashlib.sha256("\0".join(words).encode()).digest()
        return np.random.default_rng(list(np.frombuffer(digest, dtype="<u4")))


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that looks right: how one gets it, and what helps without giving the answer away."""

    answer: Callable[..., Any]
    words: str


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """How the answer to one exercise is judged.

    Parameters
    ----------
    label
        The label of the exercise in its chapter.
    answer
        The name that the student defines: a function if ``call`` is given, else a value.
    points
        What it counts.
    draw
        From a generator to what is given: names and values (numbers, arrays, strings).
    truth
        The right answer from what is given, by keyword; written independently of the solution in the chapter.
    mistakes
        At least three wrong answers by name; each takes what ``truth`` takes.
    call
        The names of ``draw`` that are the arguments of the student's function, in order; None if a value is asked for.
    cases
        How often the function is tried, each time on a new draw.
    tolerance
        The relative error that still agrees.
    look_at
        Names of the library that do the exercise by themselves; a submission that uses one is flagged for a person.

    Raises
    ------
    ValueError
        If a field cannot be right, with its name.
    """

    label: str
    answer: str
    points: int
    draw: Callable[[np.random.Generator], Given]
    truth: Callable[..., Any]
    mistakes: Mapping[str, Mistake]
    call: tuple[str, ...] | None = None
    cases: int = 5
    tolerance: float = 1e-6
    look_at: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not re.fullmatch(r"ex-[a-z0-9-]+", self.label):
            raise ValueError(f"label: expected ex-some-words, got {self.label!r}")
        if not self.answer.isidentifier():
            raise ValueError(f"{self.label}: answer: expected a name of Python, got {self.answer!r}")
        if len(self.mistakes) < 3:
            raise ValueError(f"{self.label}: mistakes: expected at least three, got {len(self.mistakes)}")
        if self.points < 1:
            raise ValueError(f"{self.label}: points: expected at least 1, got {self.points}")
