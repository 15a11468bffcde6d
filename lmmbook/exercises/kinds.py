"""The kinds of answers: how each is read, and when two of them are the same.

An answer counts by what it is worth, not by how it is written.
"""

from __future__ import annotations

import copy
import inspect
import math
import numbers
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import sympy as sp

from lmmbook.exercises import limits
from lmmbook.exercises.late import is_numpy, np
from matrixproof import ProofError, Setting
from matrixproof.judges.refutation import Refutation
from matrixproof.language.expressions import Expr, as_scalar, lift
from matrixproof.page.derivation import Derivation, Result
from matrixproof.page.derivation import check as check_equality


class Unreadable(Exception):
    """The answer is not the kind of thing that was asked for."""


class Unequal(Exception):
    """The answer was read and is not the solution; the message says where that shows."""


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


@dataclass(frozen=True)
class Number(Kind):
    """A number, compared with a relative tolerance."""

    solution: float
    tolerance: float = 1e-3
    expects: str = "a number"

    def read(self, answer: Any) -> float:
        if isinstance(answer, bool | str) or is_numpy(answer, "bool_") or answer is None:
            raise Unreadable(f"This is {_kind_of(answer)}.")
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
            raise Unreadable(f"This is {_kind_of(answer)}.")
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
            raise Unreadable(f"This is {_kind_of(answer)}.")
        letter = str.lower(str.strip(answer, " \t\n()"))  # of a text, whatever class it has
        if len(letter) != 1 or letter not in self.options:
            raise Unreadable("That letter is not offered.")
        return letter

    def same(self, value: str, other: str) -> bool:
        return value == other


@dataclass(frozen=True)
class Expression(Kind):
    """A SymPy expression in named symbols.

    Attributes
    ----------
    symbols : mapping
        Name to the smallest whole number it may be, to the two ends of an open interval, or to
        None for a positive real number. What the student assumes of a symbol does not matter, only
        its name.
    """

    solution: sp.Expr
    symbols: Mapping[str, int | tuple[int, int] | None]
    expects: str = ""

    def __post_init__(self) -> None:
        names = ", ".join(self.symbols)
        object.__setattr__(self, "expects", f"a SymPy expression in {names}")

    def read(self, answer: Any) -> sp.Expr:
        if isinstance(answer, sp.Equality):
            raise Unreadable("This is an equation: give its right-hand side.")
        if isinstance(answer, Expr) and answer.op == "number":
            answer = answer.value
        if is_numpy(answer, "integer", "floating"):
            answer = answer.item()
        exact = numbers.Rational | float | Fraction
        if isinstance(answer, bool) or not isinstance(answer, exact | sp.Expr):
            raise Unreadable(f"This is {_kind_of(answer)}.")
        value = sp.sympify(answer).doit()
        if value.has(sp.nan, sp.oo, sp.zoo, -sp.oo):
            raise Unreadable("This is not a finite number.")
        if not isinstance(value, sp.Expr):
            raise Unreadable(f"This is {_kind_of(answer)}.")
        value = value.xreplace({x: sp.Symbol(x.name, real=True) for x in value.free_symbols})
        unknown = sorted(x.name for x in value.free_symbols if x.name not in self.symbols)
        if unknown:
            raise Unreadable(f"The symbol {', '.join(unknown)} is not one of the exercise.")
        self._worth(value, self._points()[0])
        return value

    def _points(self) -> list[dict[str, sp.Rational]]:
        rng = random.Random("points of " + " ".join(self.symbols))

        def drawn(where: int | tuple[int, int] | None) -> sp.Rational:
            if where is None:
                return sp.Rational(rng.randint(1, 60), rng.randint(1, 60))
            if isinstance(where, tuple):
                low, high = where
                return low + (high - low) * sp.Rational(rng.randint(1, 96), 97)
            return sp.Integer(rng.randint(where, where + 9))

        return [{name: drawn(where) for name, where in self.symbols.items()} for _ in range(12)]

    @staticmethod
    def _worth(value: sp.Expr, point: Mapping[str, sp.Rational]) -> sp.Expr:
        at = {x: point[x.name] for x in value.free_symbols}
        worth = sp.N(value.xreplace(at), 50)
        is_number = type(worth).__module__ == sp.Float.__module__  # a stranger's class is none
        if not (is_number and worth.is_comparable):
            raise Unreadable("It has no value as a number.")
        return worth

    def _difference(self, value: sp.Expr, other: sp.Expr) -> Mapping[str, sp.Rational] | None:
        digits = 12 if value.has(sp.Float) or other.has(sp.Float) else 30
        for point in self._points():
            a, b = self._worth(value, point), self._worth(other, point)
            if abs(a - b) > sp.Float(10) ** -digits * (abs(a) + abs(b)):
                return point
        return None

    def same(self, value: sp.Expr, other: Any) -> bool:
        return self._difference(value, self.read(other)) is None

    def compare(self, value: sp.Expr) -> None:
        point = self._difference(value, self.read(self.solution))
        if point is not None:
            at = ", ".join(f"{name} = {x}" for name, x in point.items())
            worth = sp.N(self._worth(value, point), 6)
            raise Unequal(f"At {at} your expression is {worth}, and that is not right.")


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
            raise Unreadable(f"This is {_kind_of(answer)}.")
        try:
            value = lift(answer)
            if type(value) is not Expr:
                raise Unreadable(f"This is {_kind_of(value)}.")
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


@dataclass(frozen=True)
class Function(Kind):
    """A function of data, compared by its values on several data sets.

    Attributes
    ----------
    solution : callable
    cases : sequence of tuples, or a function that makes it
        Arguments. None of them is shown. A function, where making them needs NumPy.
    returns : str
        What it must return, in words.
    view : callable
        From what it returns to the array that is compared, where several values are right, for
        example columns in any order; may raise `Unreadable`.
    """

    solution: Callable[..., Any]
    cases: Sequence[tuple[Any, ...]] | Callable[[], Sequence[tuple[Any, ...]]]
    returns: str = "a number"
    tolerance: float = 1e-6
    view: Callable[[Any], Any] | None = None
    expects: str = ""

    def __post_init__(self) -> None:
        arguments = ", ".join(inspect.signature(self.solution).parameters)
        object.__setattr__(self, "expects", f"a function of ({arguments}) returning {self.returns}")

    def read(self, answer: Any) -> list[np.ndarray]:
        if not callable(answer) or isinstance(answer, type):
            raise Unreadable(f"This is {_kind_of(answer)}.")
        values = []
        for case in self.cases() if callable(self.cases) else self.cases:
            try:
                value = limits.run(lambda c=case: answer(*[_copy(x) for x in c]))
            except limits.TookTooLong:
                message = f"It was still running after {limits.SECONDS:g} seconds."
                raise Unreadable(message) from None
            except (Exception, SystemExit) as error:
                raise Unreadable(f"Your function raised {type(error).__name__}: {error}.") from None
            values.append(self._value(value))
        return values

    def _value(self, value: Any) -> np.ndarray:
        if value is ... or value is None:
            raise Unreadable("Your function returns nothing.")
        if self.view is not None:
            value = self.view(value)
        try:
            array = np.asarray(value)
            if array.dtype.kind == "O":  # SymPy's numbers, or fractions
                array = np.array([_number(x) for x in array.flat]).reshape(array.shape)
        except (TypeError, ValueError):
            raise Unreadable(f"Your function returns {_kind_of(value)}.") from None
        if array.dtype.kind not in "iufc":
            raise Unreadable(f"Your function returns {_kind_of(value)} that is not of numbers.")
        if np.iscomplexobj(array):
            if np.any(array.imag):
                raise Unreadable("Your function returns a complex number.")
            array = array.real
        array = np.array(array, dtype=float)
        if not np.all(np.isfinite(array)):
            raise Unreadable("Your function returns a value that is no finite number.")
        return array

    def same(self, value: list[np.ndarray], other: Any) -> bool:
        return all(self._close(a, b) for a, b in zip(value, self.read(other), strict=True))

    def _close(self, a: np.ndarray, b: np.ndarray) -> bool:
        if a.shape != b.shape and not (a.size == b.size == 1):
            return False
        scale = self.tolerance * max(float(np.max(np.abs(b), initial=0.0)), 1e-12)
        return bool(np.all(np.abs(a.reshape(b.shape) - b) <= scale))

    def compare(self, value: list[np.ndarray]) -> None:
        for number, (a, b) in enumerate(zip(value, self.read(self.solution), strict=True), start=1):
            sizes_differ = a.shape != b.shape and not (a.size == b.size == 1)
            if sizes_differ and self.view is None:
                raise Unreadable(f"It returns an array of shape {a.shape}, not {b.shape}.")
            if not self._close(a, b):
                raise Unequal(f"On data set {number} of {len(value)} its value is not right.")


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


@dataclass(frozen=True)
class Counterexample(Kind):
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
            raise Unreadable(f"This is {_kind_of(answer)}.")
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
            raise Unreadable(f"This is {_kind_of(answer)}.")
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


def _kind_of(answer: Any) -> str:
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


def _number(x: Any) -> complex:
    """An object as a number; a text, which Python would read as one, is none."""
    if isinstance(x, str | bytes | bool):
        raise TypeError
    return complex(x)


def _number_if_single(x: Expr) -> Expr:
    return as_scalar(x) if x.shape == (1, 1) else x


def _shape(x: Expr) -> str:
    return "a number" if x.shape is None else f"a {x.shape[0]} x {x.shape[1]} matrix"


def _copy(x: Any) -> Any:
    """A copy, which a function may change without harm to the next data set."""
    held = isinstance(x, list | tuple | set | dict) or is_numpy(x, "ndarray")
    return copy.deepcopy(x) if held else x


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
