"""The rules of matrix differentials: d is linear, obeys the product rule, and d(A A^-1) = 0."""

from __future__ import annotations

import sympy as sp

from matrixproof.language.errors import ProofError
from matrixproof.language.expressions import Expr, as_scalar, lift, plain, rebuild, tr, zero
from matrixproof.setting import Differential


def differentiate(e: Expr, d: Differential) -> Expr:
    """The differential of an expression, written out.

    The rules are those of the chapter "Matrix differentials": A6 for the inverse, A5 (Jacobi) for
    determinants. `matrixproof.judges.instances` checks every use of them by another road, exact
    power series in the step.

    Raises
    ------
    ProofError
        For an expectation, whose distribution might move as well.
    """
    op, a = e.op, e.args
    nothing = zero(*e.shape) if e.shape else lift(0)

    def rule(x: Expr) -> Expr:
        return differentiate(x, d)

    match op:
        case "symbol":
            for moving in d.table:
                if str(e.value).startswith(f"d{moving}_d"):
                    raise ProofError(
                        f"{plain(e)} is left open, and so is how {d} moves it: write out how "
                        f"{moving} depends on its parameters, or name the second derivative"
                    )
            return d.table.get(e.value, nothing)
        case "number":
            terms = (
                lift(sp.diff(e.value, x)) * dx
                for x, dx in d.table.items()
                if isinstance(x, sp.Symbol) and x in e.value.free_symbols
            )
            return sum(terms, lift(0))
        case "eye" | "zero":
            return nothing
        case "add":
            return sum((rule(x) for x in a[1:]), rule(a[0]))
        case "neg" | "group" | "transpose" | "scalar" | "trace":
            return rebuild(e, [rule(a[0])])
        case "define":
            return rule(a[0])
        case "block":
            return rebuild(e, [rule(x) for x in a])
        case "mul":
            terms = []
            for i, x in enumerate(a):
                dx = rule(x)
                if dx.op == "zero" or (dx.op == "number" and dx.value == 0):
                    continue
                factors = (*a[:i], dx, *a[i + 1 :])
                terms.append(rebuild(e, factors))
            return sum(terms[1:], terms[0]) if terms else nothing
        case "div":
            return rule(a[0]) / a[1] - a[0] * rule(a[1]) / (a[1] * a[1])
        case "inverse":
            return -(e * rule(a[0]) * e)
        case "logdet":
            return tr(a[0].I * rule(a[0]))
        case "det":
            return e * tr(a[0].I * rule(a[0]))
        case "log":
            return as_scalar(rule(a[0])) / a[0]
        case "power":
            if e.shape is None:
                return lift(e.value) * a[0] ** (e.value - 1) * rule(a[0])
            return rule(rebuild(Expr("mul"), [a[0]] * e.value))
        case "d":
            return rule(differentiate(a[0], e.value))
    raise ProofError(f"there is no rule for the differential of {plain(e)}: write it out first")


