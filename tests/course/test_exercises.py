"""Exercises for the computer: solutions pass, blanks fail, and each wrong answer fails with its own words.

The chapter's solution runs in an empty namespace, for every exercise and fifty students; the truth is written
independently of it.
"""

import ast
import importlib
import inspect

import numpy as np
import pytest
from execute_notebooks import ROOT, notebooks_of_the_book
from exercise_source import ME, chapters, read_sections, stub

from l4lib.course import Exercise, Mistake, Student, check, exercises, given, hidden_cases, judge

SECTIONS = read_sections(chapters(ROOT))
TASKS = {task.label: (section, task) for section in SECTIONS for task in section.tasks}
STUDENTS = [f"student {k}" for k in range(50)]
COURSE, SECRET = "autumn", "a secret"
each_exercise = pytest.mark.parametrize("exercise", exercises().values(), ids=lambda exercise: exercise.label)


def answers(exercise, student, how=lambda source: source):
    """What the answer is after setup, provided cells and solution, without the chapter before them."""
    section, task = TASKS[exercise.label]
    setup = [source.replace(ME, f"me = Student({student!r}, {COURSE!r})") for source in section.setup]
    space = {"__name__": "__main__"}
    for source in [*setup, *task.provided, *map(how, task.code)]:
        exec(compile(source, f"<{exercise.label}>", "exec"), space)
    return space.get(exercise.answer)


def cases(exercise, student):
    return hidden_cases(exercise, student, SECRET, course=COURSE)


def test_chapters_come_in_the_order_of_the_book():
    assert chapters(ROOT) == notebooks_of_the_book()


def test_every_exercise_has_a_text_in_the_chapter_of_its_module():
    for label, exercise in exercises().items():
        assert label in TASKS, f"{label} has no text"
        section, task = TASKS[label]
        module = importlib.import_module(f"l4lib.course.chapters.{section.chapter}")
        assert exercise in module.EXERCISES, f"{label} belongs into the module {section.chapter}"
        assert task.code, f"{label} has no cell with the tag solution"
        assert exercise.answer in task.text, f"the text of {label} does not name {exercise.answer}"


def test_every_text_is_complete():
    assert len(TASKS) == sum(len(section.tasks) for section in SECTIONS), "a label is used twice"
    for section in SECTIONS:
        assert sum(source.count(ME) for source in section.setup) == 1, f"{section.chapter}: the setup cell needs {ME}"
    for label, (_, task) in TASKS.items():
        assert bool(task.code) == (label in exercises()), f"{label}: a solution in code and an Exercise go together"
        assert label in exercises() or task.rubric, f"{label}: nobody marks it"
        if task.kind == "open":
            assert task.rubric and not task.solution, f"{label}: an open exercise has a rubric and no solution"
        else:
            assert task.solution, f"{label} has no solution"
        assert "{dropdown} Hint" in task.text, f"{label} has no hint"


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.chapter)
def test_a_chapter_has_five_exercises_of_all_kinds(section):
    kinds = [task.kind for task in section.tasks]
    assert len(kinds) >= 5
    assert set(kinds) == {"derive", "compute", "break", "open"}
    assert {task.stars for task in section.tasks} >= {2, 3}


def test_claims_that_exercises_cite_are_in_the_ledger():
    from ledger import read_ledger

    ledger = read_ledger(ROOT)
    for label, (_, task) in TASKS.items():
        assert not set(task.claims) - set(ledger), f"{label} cites claims that the ledger does not have"


@each_exercise
def test_the_solution_passes_for_every_student(exercise):
    answer = answers(exercise, STUDENTS[0])
    for student in STUDENTS:
        if exercise.call is None:
            answer = answers(exercise, student)
        remark = judge(exercise, answer, cases(exercise, student))
        assert remark.passed, f"{student}: {remark}"
        assert remark.points == exercise.points


@each_exercise
def test_the_blank_fails_and_says_so(exercise):
    answer = answers(exercise, "anyone", lambda source: stub(source, exercise.answer))
    remark = judge(exercise, answer, cases(exercise, "anyone"))
    assert (remark.kind, remark.points) == ("blank", 0)


@each_exercise
def test_wrong_answers_fail_with_their_own_words(exercise):
    for student in STUDENTS:
        tried = cases(exercise, student)
        for kind, mistake in exercise.mistakes.items():
            if exercise.call is None:
                answer = mistake.answer(**tried[0])
            else:
                answer = lambda *a, m=mistake: m.answer(**dict(zip(exercise.call, a, strict=True)))  # noqa: E731
            remark = judge(exercise, answer, tried)
            assert (remark.kind, remark.points, remark.message) == (kind, 0, mistake.words), student


@each_exercise
def test_words_help_and_are_all_different(exercise):
    words = [mistake.words for mistake in exercise.mistakes.values()]
    assert len(set(words)) == len(words)
    assert all(30 <= len(text) <= 300 for text in words)


@each_exercise
def test_the_truth_is_not_the_solution(exercise):
    """No statement of any length stands in both, up to the names of variables."""

    def statements(source):
        found = set()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Return | ast.Assign | ast.AugAssign) and node.value is not None:
                for inner in ast.walk(node.value):
                    if isinstance(inner, ast.Name):
                        inner.id = "_"
                found.add(ast.unparse(node.value))
        return {text for text in found if len(text) > 30}

    module = inspect.getsource(inspect.getmodule(exercise.truth))
    functions = {node.name: node for node in ast.parse(module).body if isinstance(node, ast.FunctionDef)}
    used = {name for name in functions if name in exercise.truth.__code__.co_names or name == exercise.truth.__name__}
    truth = set().union(*(statements(ast.unparse(functions[name])) for name in used), set())
    assert not truth & set().union(*map(statements, TASKS[exercise.label][1].code))


def test_students_get_different_data_and_the_same_again():
    label = next(iter(exercises()))
    drawn = [Student(student).generator(label).random() for student in STUDENTS]
    assert len(set(drawn)) == len(STUDENTS)
    assert drawn == [Student(f" {student.upper()} ").generator(label).random() for student in STUDENTS]
    assert Student("a", "autumn").generator(label).random() != Student("a", "spring").generator(label).random()


def test_hidden_cases_depend_on_the_secret_and_given_data_do_not():
    for exercise in exercises().values():
        first, second = (hidden_cases(exercise, "a", secret, course="x") for secret in ("one", "two"))
        same = [all(np.array_equal(c[key], d[key]) for key in c) for c, d in zip(first, second, strict=True)]
        assert all(same) == (exercise.call is None)


TOY = Exercise(
    label="ex-toy",
    answer="double",
    points=2,
    draw=lambda rng: {"x": float(rng.uniform(1, 2))},
    truth=lambda x: 2 * x,
    call=("x",),
    mistakes={
        "triple": Mistake(lambda x: 3 * x, "three"),
        "sign": Mistake(lambda x: -2 * x, "minus"),
        "list": Mistake(lambda x: [2 * x], "a list"),
    },
)
ONE = [{"x": 1.0}, {"x": 1.5}]


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (lambda x: x + x, "right", "Right."),
        (None, "blank", "not there yet"),
        (..., "blank", "not there yet"),
        (3.0, "type", "should be a function, but it is 3"),
        (lambda x: None, "blank", "returns nothing"),
        (lambda x: 3 * x, "triple", "three"),
        (lambda x: [2 * x], "list", "a list"),
        (lambda x: np.ones(3), "shape", "one number, but it is an array of shape \\(3,\\)"),
        (lambda x: "two", "shape", "one number, but it is 'two'"),
        (lambda x: object(), "not finite", "not finite"),
        (lambda x: x / 0 if x else 0, "error", "ZeroDivisionError"),
        (lambda x: float("nan"), "not finite", "not finite"),
        (lambda x: 2 * x + (x > 1), "other", "in 1 of 2 random cases"),
    ],
)
def test_the_judge_says_what_is_wrong(answer, kind, words):
    import re

    remark = judge(TOY, answer, ONE)
    assert remark.kind == kind
    assert re.search(words, remark.message)
    assert remark.points == (2 if kind == "right" else 0)


def test_an_answer_cannot_change_what_it_is_judged_by():
    exercise = exercises()["ex-recovery-errors"]

    def vandal(A, B):
        A[:], B[:] = 0, 0
        return np.zeros(A.shape[1])

    assert judge(exercise, vandal, cases(exercise, "a")).points == 0


def test_bad_exercises_and_bad_questions_are_refused():
    good = {name: getattr(TOY, name) for name in TOY.__dataclass_fields__}
    for change, message in (
        ({"label": "toy"}, "expected ex-some-words"),
        ({"answer": "my answer"}, "expected a name of Python"),
        ({"mistakes": {}}, "expected at least three"),
        ({"points": 0}, "expected at least 1"),
    ):
        with pytest.raises(ValueError, match=message):
            Exercise(**{**good, **change})
    with pytest.raises(ValueError, match="expected your identifier"):
        Student("WRITE YOUR ID HERE")
    with pytest.raises(ValueError, match="expected an exercise for the computer"):
        check("ex-no-such", 1, Student("a"))
    with pytest.raises(ValueError, match="expected an exercise for the computer"):
        given("ex-no-such", Student("a"))
