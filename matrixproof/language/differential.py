"""The rules of matrix differentials: d is linear, obeys the product rule, and d(A A^-1) = 0."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from matrixproof.language.errors import ProofError
from matrixproof.language.expressions import Expr, as_scalar, is_bare_zero, lift, tr, zero
from matrixproof.language.printing import plain
from matrixproof.language.trees import rebuild


@dataclass(frozen=True)
class Differential:
    """A derivation d: what it does to the symbols; everything else is constant.

    Call it on an expression to write d(expression).
    """

    name: str
    tex: str
    table: Mapping[Any, Expr]

    def __call__(self, x: Any) -> Expr:
        x = lift(x)
        return Expr("d", (x,), x.shape, value=self)

    def is_direction(self, moving: Any, direction: Expr) -> bool:
        """Whether a symbol moves as the name of the differential says: V by dV, theta by 1."""
        if self.name == "d":
            return str(direction.value) == f"d{moving}"
        parameter = self.name.removeprefix("d/d").strip()
        if str(moving) == parameter:
            return direction.op == "number" and direction.value == 1
        return direction.op == "symbol" and direction.value == f"d{moving}_d{parameter}"

    def __str__(self) -> str:
        moving = ", ".join(sorted(str(k) for k in self.table))
        return f"{self.name}({moving})"


def differentiate(e: Expr, d: Differential) -> Expr:
    """The differential of an expression, written out.

    The rules are d(A^-1) = -A^-1 dA A^-1 for the inverse, and Jacobi's d|A| = |A| tr(A^-1 dA) for
    determinants. `matrixproof.judges.evaluation` checks every use of them by another road, exact
    power series in the step.

    Raises
    ------
    ProofError
        For an expectation, whose distribution might move as well.
    """
    if e.op not in RULES:
        raise ProofError(f"there is no rule for the differential of {plain(e)}: write it out first")
    return RULES[e.op](e, d)


def written_out(e: Expr) -> Expr:
    """An expression without d: its differentials are carried out."""
    if e.op == "d":
        return written_out(differentiate(e.args[0], e.value))
    if not any(x.op == "d" for x in e.walk()):
        return e
    return rebuild(e, [written_out(x) for x in e.args])


def _nothing(e: Expr, d: Differential) -> Expr:
    return zero(*e.shape) if e.shape else lift(0)


def _of_symbol(e: Expr, d: Differential) -> Expr:
    for moving in d.table:
        if str(e.value).startswith(f"d{moving}_d"):
            raise ProofError(
                f"{plain(e)} is left open, and so is how {d} moves it: write out how "
                f"{moving} depends on its parameters, or name the second derivative"
            )
    return d.table.get(e.value, _nothing(e, d))


def _of_number(e: Expr, d: Differential) -> Expr:
    terms = (
        lift(sp.diff(e.value, x)) * dx
        for x, dx in d.table.items()
        if isinstance(x, sp.Symbol) and x in e.value.free_symbols
    )
    return sum(terms, lift(0))


def _linear(e: Expr, d: Differential) -> Expr:
    return rebuild(e, [differentiate(x, d) for x in e.args])


def _product(e: Expr, d: Differential) -> Expr:
    terms = []
    for i, x in enumerate(e.args):
        dx = differentiate(x, d)
        if dx.op != "zero" and not is_bare_zero(dx):
            terms.append(rebuild(e, (*e.args[:i], dx, *e.args[i + 1 :])))
    return sum(terms[1:], terms[0]) if terms else _nothing(e, d)


def _quotient(e: Expr, d: Differential) -> Expr:
    above, below = e.args
    return differentiate(above, d) / below - above * differentiate(below, d) / (below * below)


def _power(e: Expr, d: Differential) -> Expr:
    base, k = e.args[0], e.value
    if e.shape is None:
        return lift(k) * base ** (k - 1) * differentiate(base, d)
    return differentiate(rebuild(Expr("mul"), [base] * k), d)


def _jacobi(e: Expr, d: Differential) -> Expr:
    """d log|A| = tr(A^-1 dA)."""
    A = e.args[0]
    return tr(A.I * differentiate(A, d))


RULES: dict[str, Callable[[Expr, Differential], Expr]] = {
    "symbol": _of_symbol,
    "number": _of_number,
    "eye": _nothing,
    "zero": _nothing,
    **dict.fromkeys(("add", "neg", "group", "transpose", "scalar", "trace", "block"), _linear),
    "define": lambda e, d: differentiate(e.args[0], d),
    "mul": _product,
    "div": _quotient,
    "inverse": lambda e, d: -(e * differentiate(e.args[0], d) * e),
    "logdet": _jacobi,
    "det": lambda e, d: e * _jacobi(e, d),
    "log": lambda e, d: as_scalar(differentiate(e.args[0], d)) / e.args[0],
    "power": _power,
    "d": lambda e, d: differentiate(differentiate(e.args[0], e.value), d),
}
