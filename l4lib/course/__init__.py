"""Exercises for the computer: what a student is given, what is right, and which mistakes are known.

The text of an exercise and its solution are in the section *Exercises* of its chapter; the module of the same name in
`l4lib.course.chapters` says how an answer is judged.
A notebook calls `check`; the grader calls the same `judge`, on data of its own.

Examples
--------
>>> from l4lib.course import Student, check, given
>>> me = Student("Ada")
>>> sorted(given("ex-white-moment", me))
['Y', 'q']
>>> check("ex-white-moment", ..., me)
✗ `white_moment` is not there yet.
"""

from l4lib.course.desk import check, exercises, given, hidden_cases
from l4lib.course.exercise import Cases, Exercise, Given, Mistake, Student
from l4lib.course.judging import Remark, judge

__all__ = [
    "Cases",
    "Exercise",
    "Given",
    "Mistake",
    "Remark",
    "Student",
    "check",
    "exercises",
    "given",
    "hidden_cases",
    "judge",
]
