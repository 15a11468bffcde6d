"""What each kind of answer has: a way to read it, and a way to compare it."""

from __future__ import annotations

import inspect
import numbers
from typing import Any

import sympy as sp

from lmmbook.exercises.late import is_numpy
from matrixproof.language.expressions import Expr
from matrixproof.page.derivation import Derivation, Result


class Unreadable(Exception):
    """The answer is not the kind of thing that was asked for."""


class Unequal(Exception):
    """The answer was read and is not the solution; the message says where that shows."""


class Kind:
    """What is asked for: how to read an answer, and when it equals the solution.

    Attributes
    ----------
    expects : str
        The form, in words, for whoever gave another.
    solution : object
    """

    expects: str
    solution: Any

    def read(self, answer: Any) -> Any:
        """The answer as this kind sees it; `Unreadable` when it is of another kind."""
        raise NotImplementedError

    def same(self, value: Any, other: Any) -> bool:
        """Whether two answers, both read, are equivalent."""
        raise NotImplementedError

    def compare(self, value: Any) -> None:
        """`Unequal` when the answer is not the solution."""
        if not self.same(value, self.read(self.solution)):
            raise Unequal("")


def is_untouched(answer: Any) -> bool:
    """Whether an answer is still the stub: ``...``, or a function that returns ``...``."""
    if answer is ...:
        return True
    if isinstance(answer, tuple | list) and answer and all(x is ... for x in answer):
        return True
    if not inspect.isfunction(answer):
        return False
    stubs = (_body(_returns_dots), _body(_is_dots))
    return _body(answer) in stubs


def _body(function: Any) -> tuple[bytes, tuple[Any, ...]]:
    return function.__code__.co_code, function.__code__.co_consts[-1:]


def _returns_dots():
    return ...


def _is_dots(): ...


def what_it_is(answer: Any) -> str:
    """In words, what was given where another kind of thing was asked for."""
    if answer is None:
        return "None"
    if isinstance(answer, str):
        return "a text"
    if isinstance(answer, bool) or is_numpy(answer, "bool_"):
        return "a truth value"
    if is_numpy(answer, "ndarray"):
        return f"an array of shape {answer.shape}"
    if isinstance(answer, sp.MatrixBase):
        return f"a matrix of shape {answer.shape}"
    if isinstance(answer, numbers.Number):
        return "a number"
    if isinstance(answer, Expr):
        return "an expression of matrixproof"
    if isinstance(answer, Derivation | Result):
        return "a derivation"
    if callable(answer):
        return "a function"
    return f"of type {type(answer).__name__}"
