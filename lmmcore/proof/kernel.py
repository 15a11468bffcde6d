"""The trusted check: a certificate is multiplied out by SymPy.

This file shares nothing with the search. A matrix identity is accepted when

    target - sum of coefficient * left * relation * right

expands to zero with noncommutative symbols; a scalar identity when it vanishes after equations
that were themselves accepted are substituted into it. Everything else in `lmmcore.proof` may be
wrong without a false identity being accepted, except the translation of expressions
(`lmmcore.proof.polynomials`, `lmmcore.proof.scalars`, `lmmcore.proof.differential`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import sympy as sp

from .polynomials import Algebra, Poly, Word


def multiplies_out(target: Poly, certificate: Mapping[tuple[Word, int, Word], Any],
                   algebra: Algebra) -> bool:  # fmt: skip
    """Whether target = sum of c * left * relation * right, multiplied out by SymPy."""
    letters = [sp.Symbol(f"x{i}", commutative=False) for i in range(len(algebra.names))]

    def product(w: Word) -> sp.Expr:
        return sp.Mul(*[letters[i] for i in w])

    def polynomial(p: Poly) -> sp.Expr:
        return sp.Add(*[algebra.field.to_sympy(c) * product(w) for w, c in p.terms.items()])

    terms = []
    for (left, i, right), c in certificate.items():
        relation = algebra.relations[i]
        if not _composes(left, relation, right, target, algebra):
            return False
        terms.append(algebra.field.to_sympy(algebra.field.convert(c))
                     * product(left) * polynomial(relation) * product(right))  # fmt: skip
    return _vanishes(sp.expand(polynomial(target) - sp.Add(*terms)))


def _composes(left: Word, middle: Poly, right: Word, target: Poly, algebra: Algebra) -> bool:
    """Whether the sizes of left * middle * right compose to those of the target."""
    shapes = [algebra.shapes[i] for i in left] + [middle.shape]
    shapes += [algebra.shapes[i] for i in right]
    inner = all(a[1] == b[0] for a, b in zip(shapes, shapes[1:], strict=False))
    return inner and (shapes[0][0], shapes[-1][1]) == target.shape


def _vanishes(x: sp.Expr) -> bool:
    """Whether an expanded sum is zero, its coefficients being rational functions of scalars."""
    coefficients: dict[sp.Expr, list[sp.Expr]] = {}
    for term in sp.Add.make_args(x):
        commuting, word = term.args_cnc()
        coefficients.setdefault(sp.Mul(*word), []).append(sp.Mul(*commuting))
    return all(sp.cancel(sp.together(sp.Add(*c))) == 0 for c in coefficients.values())


def follows(claim: sp.Expr, equations: Iterable[sp.Expr], atoms: Callable[[sp.Expr], list],
            normal: Callable[[sp.Expr], sp.Expr]) -> bool:  # fmt: skip
    """Whether claim = 0 follows from the equations (each = 0) by solving and substituting.

    Parameters
    ----------
    atoms : callable
        The unknowns in an expression (traces and determinants), the one to solve for first.
    normal : callable
        Rewrites an expression into an equal one in a standard form.
    """
    solved: list[tuple[sp.Expr, sp.Expr]] = []

    def apply(x: sp.Expr) -> sp.Expr:
        for atom, value in solved:
            if x.has(atom):
                x = normal(x.xreplace({atom: value}))
        return normal(x)

    claim = normal(claim)
    for equation in equations:
        if claim == 0:
            break
        equation = apply(equation)
        for atom in atoms(equation):
            slope = sp.expand(equation).coeff(atom, 1)
            rest = sp.expand(equation - slope * atom)
            if slope != 0 and not atoms(slope) and not rest.has(atom):
                solved.append((atom, sp.expand(-rest / slope)))
                claim = apply(claim)
                break
    return sp.cancel(sp.together(apply(claim))) == 0


def divisors(coefficients: Iterable[Any], algebra: Algebra) -> set[sp.Expr]:
    """What a certificate divides by, and which could be zero: it must be assumed not to be."""
    out: set[sp.Expr] = set()
    if algebra.field.is_QQ:
        return out
    for c in coefficients:
        denominator = sp.fraction(algebra.field.to_sympy(algebra.field.convert(c)))[1]
        for factor, _ in sp.factor_list(denominator)[1]:
            terms = sp.Add.make_args(sp.expand(factor))
            if any(t.could_extract_minus_sign() for t in terms):  # a sum of positives is positive
                out.add(factor)
    return out
