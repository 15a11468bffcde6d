"""Scalars that are numbers: made of numbers, scalars and dimensions, and of no matrix."""

from __future__ import annotations

import sympy as sp

from matrixproof.language.differential import differentiate
from matrixproof.language.expressions import Expr


def plain_number(e: Expr) -> sp.Expr | None:
    """The SymPy value of a scalar made of numbers and scalars of the setting, else None."""
    values = [plain_number(x) for x in e.args]
    if e.shape is not None or any(v is None for v in values):
        return None
    match e.op:
        case "number":
            return e.value
        case "add":
            return sp.Add(*values)
        case "neg":
            return -values[0]
        case "mul":
            return sp.Mul(*values)
        case "div":
            return values[0] / values[1]
        case "power":
            return values[0] ** e.value
        case "define" | "group":
            return values[0]
        case "d":
            return plain_number(differentiate(e.args[0], e.value))
    return None
