"""Matrix algebra, judged by the derivation checker: a line, a derivation, a false step of one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from lmmbook.exercises.kinds.kind import Kind, Unequal, Unreadable, what_it_is
from lmmbook.exercises.late import is_numpy
from matrixproof import ProofError, Setting
from matrixproof.language.expressions import Expr, as_scalar, lift
from matrixproof.page.derivation import Derivation, Result
from matrixproof.page.derivation import check as check_equality
from matrixproof.page.refutation import Refutation


@dataclass(frozen=True)
class MatrixExpression(Kind):
    """An expression of `matrixproof` in the symbols of a setting.

    Attributes
    ----------
    setting : callable
        Makes the setting whose symbols the student declared too.
    solution : callable
        From that setting's symbols by name to the solution.
    without : mapping
        Operations (``d``, ``logdet``, ``inverse``, ...), symbols or tests of a part that the answer
        must be free of, with what to say when it is not. For "the next line", which equals the
        line before it.
    """

    setting: Callable[[], tuple[Setting, dict[str, Expr]]]
    solution: Callable[[dict[str, Expr]], Any]
    without: Mapping[str | Callable[[Expr], bool], str] = field(default_factory=dict)
    expects: str = "an expression of matrixproof in the symbols of the exercise"

    def read(self, answer: Any) -> Expr:
        if answer is self.solution:
            answer = answer(self.setting()[1])
        if isinstance(answer, Derivation | Result):
            raise Unreadable("This is a derivation: give its last expression.")
        if callable(answer) or isinstance(answer, str | bytes | tuple | list | dict | set):
            raise Unreadable(f"This is {what_it_is(answer)}.")
        try:
            value = lift(answer)
            if type(value) is not Expr:
                raise Unreadable(f"This is {what_it_is(value)}.")
            setting, _ = self.setting()
            setting.check_symbols(value)
        except ProofError as error:
            raise Unreadable(f"{error}.") from None
        return _number_if_single(value)

    def same(self, value: Expr, other: Any) -> bool:
        setting, symbols = self.setting()
        other = _number_if_single(lift(other(symbols) if callable(other) else other))
        try:
            return check_equality(setting, value, other) != "refuted"
        except ProofError:  # shapes that differ
            return False

    def compare(self, value: Expr) -> None:
        setting, symbols = self.setting()
        right = _number_if_single(lift(self.solution(symbols)))
        if value.shape != right.shape:
            raise Unreadable(f"It is {_shape(value)}, and what is asked for is {_shape(right)}.")
        try:
            verdict = check_equality(setting, value, right)
        except ProofError as error:  # for example, it divides a matrix by the trace of another
            raise Unreadable(f"{error}.") from None
        if verdict == "refuted":
            raise Unequal("There are exact matrices for which it is something else.")
        for node in value.walk():
            names = (node.op, node.value if node.op == "symbol" else None)
            for banned, message in self.without.items():
                if banned(node) if callable(banned) else banned in names:
                    raise Unequal(message)


def is_large_inverse(node: Expr) -> bool:
    """Whether a part of an expression inverts a matrix of more than one row."""
    return node.op == "inverse" and node.shape != (1, 1)


def _number_if_single(x: Expr) -> Expr:
    return as_scalar(x) if x.shape == (1, 1) else x


def _shape(x: Expr) -> str:
    return "a number" if x.shape is None else f"a {x.shape[0]} x {x.shape[1]} matrix"


@dataclass(frozen=True)
class Derived(Kind):
    """A derivation from one expression to another, each of its lines proved."""

    setting: Callable[[], tuple[Setting, dict[str, Expr]]]
    solution: Callable[[dict[str, Expr]], Derivation]
    expects: str = 'a derivation, as s.derive(first).step(second, "reason") makes it'

    def read(self, answer: Any) -> Derivation:
        if answer is self.solution:
            answer = answer(self.setting()[1])
        if type(answer) is Result:
            answer = answer.derivation
        if type(answer) is not Derivation:
            raise Unreadable(f"This is {what_it_is(answer)}.")
        return answer

    def same(self, value: Derivation, other: Any) -> bool:
        return typed(value.rhs) == typed(other.rhs)

    def compare(self, value: Derivation) -> None:
        wanted = self.read(self.solution)
        if len(value.lines) < 2:
            raise Unequal("It has no step yet.")
        if typed(value.lhs) != typed(wanted.lhs):
            raise Unequal("It does not begin with the expression that was given.")
        if typed(value.rhs) != typed(wanted.rhs):
            raise Unequal("It does not end where it should: compare your last line with the claim.")
        ends = value.lhs.key(), value.rhs.key()
        if all(line.expression.key() in ends for line in value.lines):
            message = "It goes to the claim at once: write the line between on which that rests."
            raise Unequal(message)
        try:
            setting, _ = self.setting()
            if len(value.setting.hypotheses) > len(setting.hypotheses):
                raise Unequal("It assumes something that the exercise does not give.")
            for above, below in zip(value.lines[:-1], value.lines[1:], strict=True):
                # judged in the exercise's own setting: the student's may assume more
                if check_equality(setting, above.expression, below.expression) == "refuted":
                    raise Unequal("A line does not follow under the assumptions of the exercise.")
        except ProofError as error:
            raise Unreadable(f"{error}.") from None


def typed(x: Expr) -> tuple[Any, ...]:
    """An expression's typed form, with definitions opened and brackets left out."""
    while x.op in ("define", "group", "scalar"):
        x = x.args[0]
    if x.op == "d" or not x.args:
        return x.key()
    parts = [typed(part) for part in x.args]
    if x.op in ("mul", "add"):  # a product within a product is one product
        parts = [one for part in parts for one in (part[2:] if part[0] == x.op else [part])]
        return (x.op, x.shape, *parts)
    return (x.op, x.shape, x.value, *parts)


@dataclass(frozen=True)
class FalseStep(Kind):
    """Which step of a derivation is false, and exact matrices which show it.

    The answer is a pair: the step's number, and values of the symbols by name (sizes follow).

    Attributes
    ----------
    setting : callable
        Makes the setting.
    lines : callable
        From the setting's symbols by name to the expressions; step 1 leads from the first of them
        to the second.
    solution : pair
        The number of the false step and a counterexample.
    """

    setting: Callable[[], tuple[Setting, dict[str, Expr]]]
    lines: Callable[[dict[str, Expr]], list[Expr]]
    solution: tuple[int, dict[str, Any]]
    expects: str = "a pair: the number of the false step, and a dictionary from symbols to matrices"

    def read(self, answer: Any) -> tuple[int, dict[str, Any]]:
        if not (isinstance(answer, tuple | list) and len(answer) == 2):
            raise Unreadable(f"This is {what_it_is(answer)}.")
        step, values = answer
        whole = isinstance(step, int | sp.Integer) or is_numpy(step, "integer")
        if isinstance(step, bool) or not whole or not isinstance(values, dict):
            raise Unreadable("Its parts are not a number and a dictionary.")
        step = int(step)
        _, symbols = self.setting()
        if not 1 <= step < len(self.lines(symbols)):
            raise Unreadable("There is no step of that number.")
        missing = sorted(set(symbols) - {str(x) for x in values})
        if missing:
            raise Unreadable(f"No value is given to {', '.join(missing)}.")
        unknown = sorted(str(x) for x in values if str(x) not in symbols)
        if unknown:
            raise Unreadable(f"The symbol {', '.join(unknown)} is not one of the exercise.")
        return step, {str(name): _exact(value) for name, value in values.items()}

    def same(self, value: Any, other: Any) -> bool:
        return value[0] == other[0]

    def compare(self, value: tuple[int, dict[str, Any]]) -> None:
        step, values = value
        setting, symbols = self.setting()
        if step != self.solution[0]:
            raise Unequal("That line follows from the one above it.")
        above, false = self.lines(symbols)[step - 1 : step + 1]
        try:
            sizes = _sizes(setting, values)
            Refutation.search(setting, lift(above), lift(false), at=values, sizes=sizes)
        except ProofError as error:
            raise Unequal(f"It is that step, but these values do not show it: {error}.") from None


def _exact(value: Any) -> Any:
    """A matrix as lists, and what was written with a decimal point as a rational number."""
    if is_numpy(value, "ndarray", "generic") or isinstance(value, sp.MatrixBase):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_exact(x) for x in value]
    if isinstance(value, str):
        raise Unreadable("Its values are texts.")
    if isinstance(value, float | sp.Float) and math.isfinite(value):
        return sp.Rational(str(value))
    return value


def _sizes(setting: Setting, values: Mapping[str, Any]) -> dict[str, int]:
    """The dimensions that the shapes of given matrices fix."""
    sizes: dict[str, int] = {}
    for name, value in values.items():
        if name not in setting.letters:
            continue
        try:
            shape = sp.Matrix(value).shape
        except (TypeError, ValueError):
            raise Unreadable(f"{name} is not a matrix.") from None
        for dimension, number in zip(setting.letters[name].shape, shape, strict=True):
            if not isinstance(dimension, sp.Symbol):
                continue
            if sizes.setdefault(dimension.name, int(number)) != number:
                raise Unreadable(f"{dimension} cannot be {sizes[dimension.name]} and {number}.")
    return sizes
