"""Which matrices are positive definite, read off their form.

A sufficient rule, no more: sums of positive semidefinite terms, sandwiches M'SM, positive
multiples and inverses. What it cannot read is listed as an assumption of the derivation.
"""

from __future__ import annotations

from matrixproof.language.declarations import Declarations
from matrixproof.language.expressions import Expr
from matrixproof.language.numbers import plain_number

DEFINITE, SEMIDEFINITE = "positive definite", "positive semidefinite"


def definiteness(e: Expr, setting: Declarations) -> str | None:
    """``positive definite``, ``positive semidefinite``, or None when the form does not tell."""
    a = e.args
    match e.op:
        case "symbol":
            return DEFINITE if setting.letters[e.value].kind == DEFINITE else None
        case "eye":
            return DEFINITE
        case "define" | "group":
            return definiteness(a[0], setting)
        case "inverse":
            return DEFINITE if definiteness(a[0], setting) == DEFINITE else None
        case "div":
            return definiteness(a[0], setting) if _positive(a[1]) else None
        case "add":
            parts = [definiteness(x, setting) for x in a]
            if None in parts:
                return None
            return DEFINITE if DEFINITE in parts else SEMIDEFINITE
        case "mul":
            if not all(_positive(x) for x in a if x.shape is None):
                return None
            return _sandwich([x for x in a if x.shape], setting)
    return None


def _positive(e: Expr) -> bool:
    value = plain_number(e)
    return value is not None and value.is_positive is True


def _sandwich(factors: list[Expr], setting: Declarations) -> str | None:
    """M' S M with S in the middle; the outermost pair is taken off until nothing mirrors."""
    if len(factors) == 1:
        return definiteness(factors[0], setting)
    first, last = factors[0], factors[-1]
    if _transposed(first, setting).key() != _bare(last).key():
        return None
    inner = _sandwich(factors[1:-1], setting) if len(factors) > 2 else DEFINITE
    if inner == DEFINITE and full_column_rank(last, setting):
        return DEFINITE
    return SEMIDEFINITE if inner else None


def _bare(e: Expr) -> Expr:
    while e.op in ("define", "group"):
        e = e.args[0]
    return e


def _transposed(e: Expr, setting: Declarations) -> Expr:
    e = _bare(e)
    if e.op == "transpose":
        return _bare(e.args[0])
    if e.op == "symbol" and setting.letters[e.value].symmetric:
        return e
    if e.op == "inverse" and definiteness(e, setting) == DEFINITE:
        return e
    return e.T


def full_column_rank(e: Expr, setting: Declarations) -> bool:
    """Whether the columns are known to be linearly independent."""
    e = _bare(e)
    if e.op == "symbol" and setting.letters[e.value].kind == "full column rank":
        return True
    return definiteness(e, setting) == DEFINITE
