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
from dataclasses import dataclass, field
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


@dataclass(frozen=True)
class Solved:
    """One step of an elimination: an equation, and what it says of one unknown."""

    equation: sp.Expr
    unknown: sp.Symbol
    value: sp.Expr
    divided: list[sp.Expr]


@dataclass
class Consequence:
    """How a scalar claim followed: what was solved, in order, and what was divided by.

    ``multiple`` is a quotient and an equation: what is left of the claim is their product.
    """

    solved: list[Solved] = field(default_factory=list)
    divided: list[sp.Expr] = field(default_factory=list)
    multiple: tuple[sp.Expr, sp.Expr] | None = None
    unknowns: frozenset[sp.Symbol] = frozenset()


def follows(claim: sp.Expr, equations: Iterable[sp.Expr], atoms: Callable[[sp.Expr], list],
            normal: Callable[[sp.Expr], sp.Expr]) -> Consequence | None:  # fmt: skip
    """Whether claim = 0 follows from the equations (each = 0) by solving and substituting.

    Parameters
    ----------
    atoms : callable
        The unknowns in an expression (traces and determinants), the one to solve for first.
    normal : callable
        Rewrites an expression into an equal one in a standard form.

    Returns
    -------
    Consequence, or None
        None when it was not shown; otherwise how it follows, with all that was divided by and so
        must not be zero.
    """
    equations = list(dict.fromkeys(equations))
    unknowns = {a for x in (claim, *equations) for a in atoms(x)}
    out = Consequence(unknowns=frozenset(unknowns))

    def apply(x: sp.Expr, divided: list[sp.Expr]) -> tuple[sp.Expr, list[sp.Expr]]:
        for s in out.solved:
            if x.has(s.unknown):
                x, divided = normal(x.xreplace({s.unknown: s.value})), divided + s.divided
        return normal(x), divided

    claim, divided = normal(claim), []
    forced: list[sp.Expr] = []  # what the relations say of sizes and scalars alone
    for given in equations:
        if claim == 0:
            break
        equation, needs = apply(given, [])
        if not atoms(equation) and surely_not_zero(equation):
            forced.append(equation)
        for atom in atoms(equation):
            slope = sp.expand(equation).coeff(atom, 1)
            rest = sp.expand(equation - slope * atom)
            if not atoms(slope) and not rest.has(atom) and surely_not_zero(slope):
                value = sp.expand(-rest / slope)
                out.solved.append(Solved(given, atom, value, [*needs, slope]))
                claim, divided = apply(claim, divided)
                break
        else:  # an equation that cannot be solved: the claim may be a multiple of it
            equation = sp.cancel(sp.together(equation))
            if equation == 0:
                continue
            quotient = sp.cancel(sp.together(claim / equation))
            denominator = sp.fraction(quotient)[1]
            finite = not quotient.has(sp.nan, sp.zoo, sp.oo)
            if finite and not atoms(denominator) and surely_not_zero(denominator):
                out.multiple = (quotient, given)
                out.divided = [*divided, *needs, denominator]
                return None if _vanishes_where(out.divided, forced) else out
    claim, out.divided = apply(claim, divided)
    if claim.is_rational_function() and _not_zero_somewhere(claim):
        return None
    zero = sp.cancel(sp.together(claim)) == 0
    return out if zero and not _vanishes_where(out.divided, forced) else None


def _vanishes_where(divided: list[sp.Expr], forced: list[sp.Expr]) -> bool:
    """Whether a divisor has a factor of what is forced to be 0: then the proof speaks of nothing.

    If (jj')^-1 exists, j'j = m gives m = m^2; with a division by m - 1 anything would follow.
    """
    return any(
        sp.gcd(sp.fraction(sp.together(d))[0], sp.fraction(sp.together(x))[0]).free_symbols
        for d in divided for x in forced
    )  # fmt: skip


def surely_not_zero(x: sp.Expr) -> bool:
    """Whether x is not zero for all values.

    A rational function shows it at one point. Sums of logarithms and of powers with symbolic
    exponents do not pass: SymPy does not see that 4^n - 2^(2n) is zero.
    """
    if x.is_rational_function():
        return _not_zero_somewhere(x)
    x = sp.cancel(sp.together(x))
    powers = [p for p in x.atoms(sp.Pow) if not p.exp.is_number]
    if not all(surely_not_zero(p.base) for p in powers):
        return False
    rational = not powers and not x.has(sp.log)
    return x not in (0, sp.nan) and (rational or not sp.expand(sp.fraction(x)[0]).is_Add)


def _not_zero_somewhere(x: sp.Expr) -> bool:
    """Whether a rational function is not zero at one point, the quotients of some primes."""
    names = sorted(x.free_symbols, key=str)
    point = {s: sp.Rational(sp.prime(i + 4), sp.prime(i + 9)) for i, s in enumerate(names)}
    value = x.xreplace(point)
    return bool(value.is_Rational and value != 0)


def divisors(certificates: Iterable[Mapping[Any, Any]], algebra: Algebra) -> list[sp.Expr]:
    """The denominators of the coefficients of certificates."""
    if algebra.field.is_QQ:
        return []
    to_sympy, convert = algebra.field.to_sympy, algebra.field.convert
    return [sp.fraction(to_sympy(convert(x)))[1] for c in certificates for x in c.values()]
