"""What is done to expressions: parts put anew, symbols replaced, names listed."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce

import sympy as sp

from matrixproof.language.expressions import (
    Expr,
    as_scalar,
    block,
    det,
    lift,
    logdet,
    size,
    tr,
)


def rebuild(x: Expr, args: Sequence[Expr]) -> Expr:
    """The same node over other arguments; sizes are worked out, and checked, anew."""
    match x.op:
        case "add":
            return reduce(operator.add, args)
        case "mul":
            return reduce(operator.mul, args)
        case "neg":
            return -args[0]
        case "div":
            return args[0] / args[1]
        case "inverse":
            return args[0].I
        case "transpose":
            return args[0].T
        case "power":
            return args[0] ** x.value
        case "scalar":
            return as_scalar(args[0])
        case "group" | "define" | "d":
            return Expr(x.op, args, args[0].shape, x.value, x.tex)
        case "trace" | "det" | "logdet":
            return {"trace": tr, "det": det, "logdet": logdet}[x.op](args[0])
        case "log" | "expectation":
            return Expr(x.op, (as_scalar(args[0]),))
        case "block":
            r, c = x.value
            return block([args[i * c : (i + 1) * c] for i in range(r)])
    return x


def substitute(x: Expr, matrices: Mapping[str, Expr], scalars: Mapping[sp.Symbol, sp.Expr]) -> Expr:
    """Replace matrix symbols by expressions, scalars and dimensions by SymPy expressions."""
    scalars = dict(scalars)
    if x.op == "symbol":
        return matrices.get(x.value, x)
    if x.op == "number":
        return lift(x.value.subs(scalars, simultaneous=True))
    if x.op in ("eye", "zero"):
        r, c = (size(s.subs(scalars, simultaneous=True)) for s in x.shape)
        return Expr(x.op, shape=(r, c))
    return rebuild(x, [substitute(a, matrices, scalars) for a in x.args])


def definitions_in(expressions: Iterable[Expr]) -> list[Expr]:
    """The named expressions in some expressions, in order of appearance."""
    out: dict[str, Expr] = {}
    for e in expressions:
        for node in e.walk():
            if node.op == "define":
                out.setdefault(node.value, node)
    return list(out.values())


def symbols_in(x: Expr) -> set[str]:
    """The names of the matrices and scalars that occur in x."""
    out = {node.value for node in x.walk() if node.op == "symbol"}
    for node in x.walk():
        if node.op == "number":
            out |= {s.name for s in node.value.free_symbols}
    return out
