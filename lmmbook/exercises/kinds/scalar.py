"""A SymPy expression, compared by its values at exact points."""

from __future__ import annotations

import numbers
import random
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy as sp

from lmmbook.exercises.kinds.kind import Kind, Unequal, Unreadable, what_it_is
from lmmbook.exercises.late import is_numpy
from matrixproof.language.expressions import Expr


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
            raise Unreadable(f"This is {what_it_is(answer)}.")
        value = sp.sympify(answer).doit()
        if value.has(sp.nan, sp.oo, sp.zoo, -sp.oo):
            raise Unreadable("This is not a finite number.")
        if not isinstance(value, sp.Expr):
            raise Unreadable(f"This is {what_it_is(answer)}.")
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
