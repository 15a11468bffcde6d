"""Answers that need no algebra: a number, a letter, or anything that has a property."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from lmmbook.exercises.kinds.kind import Kind, Unequal, Unreadable, what_it_is
from lmmbook.exercises.late import is_numpy, np


@dataclass(frozen=True)
class Number(Kind):
    """A number, compared with a relative tolerance."""

    solution: float
    tolerance: float = 1e-3
    expects: str = "a number"

    def read(self, answer: Any) -> float:
        if isinstance(answer, bool | str) or is_numpy(answer, "bool_") or answer is None:
            raise Unreadable(f"This is {what_it_is(answer)}.")
        if is_numpy(answer, "ndarray") and answer.size == 1:
            answer = answer.item()
        if isinstance(answer, sp.Basic):
            if not answer.is_number:
                raise Unreadable("This has symbols in it: put numbers in their place.")
            answer = complex(answer)
            if answer.imag:
                raise Unreadable("This is a complex number.")
            answer = answer.real
        if not isinstance(answer, numbers.Real):
            raise Unreadable(f"This is {what_it_is(answer)}.")
        if not math.isfinite(answer):
            raise Unreadable(f"This is {float(answer)}: somewhere a calculation went wrong.")
        return float(answer)

    def same(self, value: float, other: float) -> bool:
        return math.isclose(value, other, rel_tol=self.tolerance)

    def compare(self, value: float) -> None:
        if not self.same(value, self.solution):
            raise Unequal("It is another number.")


@dataclass(frozen=True)
class Choice(Kind):
    """A letter, one of those offered."""

    solution: str
    options: str
    expects: str = ""

    def __post_init__(self) -> None:
        letters = ", ".join(f'"{x}"' for x in self.options)
        object.__setattr__(self, "expects", f"one of the letters {letters}")

    def read(self, answer: Any) -> str:
        if not isinstance(answer, str):
            raise Unreadable(f"This is {what_it_is(answer)}.")
        letter = str.lower(str.strip(answer, " \t\n()"))  # of a text, whatever class it has
        if len(letter) != 1 or letter not in self.options:
            raise Unreadable("That letter is not offered.")
        return letter

    def same(self, value: str, other: str) -> bool:
        return value == other


@dataclass(frozen=True)
class Property(Kind):
    """Anything that has a property: a basis, a counterexample with numbers, a starting value.

    Attributes
    ----------
    solution : object
        One of the right answers.
    reads : callable
        Turns an answer into what the tests look at; may raise `Unreadable`.
    tests : sequence of (callable, str)
        What must hold, and what to say when it does not, in order.
    """

    solution: Any
    reads: Callable[[Any], Any]
    tests: Sequence[tuple[Callable[[Any], bool], str]]
    expects: str = ""

    def read(self, answer: Any) -> Any:
        return self.reads(answer)

    def same(self, value: Any, other: Any) -> bool:
        return bool(np.array_equal(value, self.reads(other)))

    def compare(self, value: Any) -> None:
        for test, message in self.tests:
            if not test(value):
                raise Unequal(message)
