"""Evidence that a recovery may be trusted: tests that can fail, each with its own advice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

__all__ = ["Test", "first_failure"]


@dataclass(frozen=True)
class Test:
    """One test of a recovery.

    Attributes
    ----------
    name : str
        A word for it.
    value, limit : float
        What was measured, and what it was held against.
    passed : bool
        Whether the value is on the right side of its limit.
    sentence : str
        The outcome in words, with the numbers.
    advice : str
        What would help if it failed.
    """

    __test__: ClassVar[bool] = False  # not for pytest to collect

    name: str
    value: float
    limit: float
    passed: bool
    sentence: str
    advice: str


def first_failure(evidence: Iterable[Test], what: str) -> str:
    """One line on the first test that failed, with its advice; empty if all passed.

    Examples
    --------
    >>> fine = Test("hits", 3, 2, True, "Every kernel was reached 3 times.", "raise starts")
    >>> poor = Test("form", 0.4, 0.8, False, "F is 0.4; above 0.8 is needed.", "pass more samples")
    >>> first_failure((fine, poor), "recover_kernels")
    'recover_kernels: F is 0.4; above 0.8 is needed. What would help: pass more samples.'
    """
    for test in evidence:
        if not test.passed:
            return f"{what}: {test.sentence} What would help: {test.advice}."
    return ""
