"""The trusted check: a certificate is multiplied out by SymPy.

This file shares nothing with the search. A matrix identity is accepted when

    target - sum of coefficient * left * relation * right

expands to zero with noncommutative symbols; a scalar identity when it vanishes after equations
that were themselves accepted are substituted into it. Everything else in `matrixproof` may be
wrong without a false identity being accepted, except the translation of expressions
(`matrixproof.algebra` and `matrixproof.language.differential`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy as sp
from sympy.polys.matrices import DomainMatrix

from matrixproof.algebra.polynomials import Poly, Word
from matrixproof.algebra.translation import Algebra


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
        if not composes(left, relation, right, target, algebra):
            return False
        terms.append(algebra.field.to_sympy(algebra.field.convert(c))
                     * product(left) * polynomial(relation) * product(right))  # fmt: skip
    return is_zero(sp.expand(polynomial(target) - sp.Add(*terms)))


def composes(left: Word, middle: Poly, right: Word, target: Poly, algebra: Algebra) -> bool:
    """Whether the sizes of left * middle * right compose to those of the target."""
    shapes = [algebra.shapes[i] for i in left] + [middle.shape]
    shapes += [algebra.shapes[i] for i in right]
    inner = all(a[1] == b[0] for a, b in zip(shapes, shapes[1:], strict=False))
    return inner and (shapes[0][0], shapes[-1][1]) == target.shape


def is_zero(x: sp.Expr) -> bool:
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


@dataclass
class Elimination:
    """Equations (each = 0) solved one after another, each for an unknown in which it is linear.

    ``atoms`` gives the unknowns of an expression, the one to solve for first; ``normal`` rewrites
    an expression into an equal one in a standard form.
    """

    atoms: Callable[[sp.Expr], list[sp.Symbol]]
    normal: Callable[[sp.Expr], sp.Expr]
    solved: list[Solved] = field(default_factory=list)

    def apply(self, x: sp.Expr) -> tuple[sp.Expr, list[sp.Expr]]:
        """What x is by the equations solved so far, and what that divides by."""
        divided: list[sp.Expr] = []
        for s in self.solved:
            if x.has(s.unknown):
                x, divided = self.normal(x.xreplace({s.unknown: s.value})), divided + s.divided
        return self.normal(x), divided

    def solve(self, given: sp.Expr) -> bool:
        """Whether one more equation is solved for an unknown."""
        equation, needs = self.apply(given)
        for atom in self.atoms(equation):
            slope = sp.expand(equation).coeff(atom, 1)
            rest = sp.expand(equation - slope * atom)
            if not self.atoms(slope) and not rest.has(atom) and surely_not_zero(slope):
                value = sp.expand(-rest / slope)
                self.solved.append(Solved(given, atom, value, [*needs, slope]))
                return True
        return False


def follows(claim: sp.Expr, equations: Iterable[sp.Expr], atoms: Callable[[sp.Expr], list],
            normal: Callable[[sp.Expr], sp.Expr]) -> Consequence | None:  # fmt: skip
    """Whether claim = 0 follows from the equations (each = 0) by solving and substituting.

    Parameters
    ----------
    atoms, normal : callable
        As for `Elimination`; the unknowns are traces and determinants.

    Returns
    -------
    Consequence, or None
        None when it was not shown; otherwise how it follows, with all that was divided by and so
        must not be zero.
    """
    equations = list(dict.fromkeys(equations))
    unknowns = {a for x in (claim, *equations) for a in atoms(x)}
    found = Elimination(atoms, normal)
    out = Consequence(found.solved, unknowns=frozenset(unknowns))
    claim = normal(claim)
    for given in equations:
        if claim == 0:
            break
        if found.solve(given):
            claim, more = found.apply(claim)
            out.divided += more
            continue
        # an equation that cannot be solved: the claim may be a multiple of it
        equation, needs = found.apply(given)
        equation = sp.cancel(sp.together(equation))
        if equation == 0:
            continue
        quotient = sp.cancel(sp.together(claim / equation))
        denominator = sp.fraction(quotient)[1]
        finite = not quotient.has(sp.nan, sp.zoo, sp.oo)
        divided = [*out.divided, *needs, denominator]
        if (finite and not atoms(denominator) and surely_not_zero(denominator)
                and not vanish(divided, equations, atoms, normal)):  # fmt: skip
            out.multiple, out.divided = (quotient, given), divided
            return out
    claim, more = found.apply(claim)
    out.divided += more
    if claim.is_rational_function() and _not_zero_somewhere(claim):
        return None
    if sp.cancel(sp.together(claim)) != 0 or vanish(out.divided, equations, atoms, normal):
        return None
    return out


def vanish(divided: list[sp.Expr], equations: list[sp.Expr], atoms: Callable[[sp.Expr], list],
           normal: Callable[[sp.Expr], sp.Expr]) -> bool:  # fmt: skip
    """Whether the equations force something to be 0 that a proof divides by: it is none then.

    If (jj')^-1 exists, j'j = m gives m = m^2; with a division by m - 1 anything would follow. What
    the equations force is sought by solving them, and then as far as they are linear in the powers
    and products of unknowns that are left.
    """
    if not any(x.free_symbols for x in divided):
        return False
    all_ = Elimination(atoms, normal)
    for given in equations:
        all_.solve(given)
    left = [x for x, _ in map(all_.apply, equations) if surely_not_zero(x)]
    forced = [x for x in left if not atoms(x)]
    if any(
        sp.gcd(sp.fraction(sp.together(d))[0], sp.fraction(sp.together(x))[0]).free_symbols
        for d in divided for x in forced
    ):  # fmt: skip
        return True
    unknowns = sorted({a for x in left for a in atoms(x)}, key=str)
    polynomials = [sp.Poly(x, *unknowns) for x in left if atoms(x) and x.is_polynomial(*unknowns)]
    monomials = sorted({m for x in polynomials for m in x.monoms()}, reverse=True)
    if not monomials or any(monomials[-1]):  # no relation has a constant
        return False
    rows = [[x.coeff_monomial(m) for m in monomials] for x in polynomials]
    matrix = DomainMatrix.from_list_sympy(len(rows), len(monomials), rows)
    return len(monomials) - 1 in matrix.to_field().rref()[1]


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
