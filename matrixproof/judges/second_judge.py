"""The second judge: every certificate once more, by other means than the kernel's.

The kernel (`matrixproof.judges.kernel`) has SymPy multiply a certificate out. This module has no
algebra at all: it puts random numbers in and compares. It shares no code with the kernel, the
search or SymPy's expansion, and a line counts as proved when both judges accept it.

A certificate says that target = sum of c * left * relation * right as polynomials in letters
that do not commute and satisfy nothing. Each letter becomes a random matrix over the integers
modulo the prime 2^61 - 1, with entries just above the diagonal and nowhere else. The product of
such matrices along a word has one number in its first row, the product of one entry of each
factor; different words of one length use different entries. So the two sides agree on such
matrices, taken with variables for entries, only if they are the same polynomial, and at random
entries false agreement has a probability of at most degree / 2^61 (Schwartz and Zippel): below
1e-15 for every certificate with fewer than a thousand letters and scalars to a word.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import mpmath
import sympy as sp

if TYPE_CHECKING:
    from matrixproof.algebra.polynomials import Poly, Word
    from matrixproof.algebra.translation import Algebra
    from matrixproof.judges.kernel import Consequence

PRIME = 2**61 - 1
DIGITS, ZERO = 100, mpmath.mpf(10) ** -60
POINTS = 3


# -- certificates: matrices over the integers modulo a prime -----------------------------------
class FreeMatrices:
    """Random matrices for letters that satisfy nothing, random numbers for the scalars.

    Parameters
    ----------
    algebra : Algebra
        Gives the sizes of the letters, the relations and the symbols of the coefficients.
    seed : int or str
    """

    def __init__(self, algebra: Algebra, seed: int | str = 0) -> None:
        self.algebra = algebra
        self.rng = random.Random(f"second judge {seed}")
        self.entries: dict[tuple[int, int], int] = {}
        self.scalars: dict[str, int] = {}

    def entry(self, letter: int, row: int) -> int:
        """The number above the diagonal in a row of the matrix of a letter."""
        if (letter, row) not in self.entries:
            self.entries[letter, row] = self.rng.randrange(1, PRIME)
        return self.entries[letter, row]

    def along(self, word: Word, row: int) -> int:
        """The one number in a row of the product along a word; it stands len(word) further on."""
        out = 1
        for place, letter in enumerate(word, start=row):
            out = out * self.entry(letter, place) % PRIME
        return out

    def first_row(self, terms: Mapping[Word, Any], start: int = 0) -> dict[int, int]:
        """A row of the matrix of a polynomial: its numbers by their column."""
        row: dict[int, int] = {}
        for word, c in terms.items():
            column = start + len(word)
            row[column] = (row.get(column, 0) + self.number(c) * self.along(word, start)) % PRIME
        return row

    def number(self, c: Any) -> int:
        """A coefficient, a rational function of the scalars, modulo the prime."""
        if hasattr(c, "field"):  # a rational function, over whatever numbers SymPy found installed
            return self._divide(self._polynomial(c.numer), self._polynomial(c.denom))
        return self._divide(int(c.numerator), int(c.denominator))

    def _polynomial(self, f: Any) -> int:
        names, total = [str(x) for x in f.ring.symbols], 0
        for powers, c in f.terms():
            term = self._divide(int(c.numerator), int(c.denominator))
            for name, power in zip(names, powers, strict=True):
                if name not in self.scalars:
                    self.scalars[name] = self.rng.randrange(1, PRIME)
                term = term * pow(self.scalars[name], power, PRIME) % PRIME
            total += term
        return total % PRIME

    @staticmethod
    def _divide(a: int, b: int) -> int:
        if b % PRIME == 0:
            raise ZeroDivisionError("a coefficient divides by zero")
        return a * pow(b, -1, PRIME) % PRIME

    # -- the comparison ---------------------------------------------------------------------
    def accepts(self, target: Poly, certificate: Mapping[tuple[Word, int, Word], Any]) -> bool:
        """Whether target and sum of c * left * relation * right have the same first row."""
        difference = self.first_row(target.terms)
        for (left, i, right), c in certificate.items():
            relation = self.algebra.relations[i]
            for word in relation.terms:
                if self._size((*left, *word, *right)) not in (None, target.shape):
                    return False
            if not self._inner_sizes_fit(left, relation.shape, right, target.shape):
                return False
            factor = self.number(c) * self.along(left, 0)
            for middle, value in self.first_row(relation.terms, len(left)).items():
                value = factor * value * self.along(right, middle)
                column = middle + len(right)
                difference[column] = (difference.get(column, 0) - value) % PRIME
        return not any(difference.values())

    def _size(self, word: Word) -> tuple | None:
        """Rows and columns of a product; None for the empty one, False where sizes clash."""
        shapes = [self.algebra.shapes[x] for x in word]
        if not shapes:
            return None
        fits = all(a[1] == b[0] for a, b in zip(shapes, shapes[1:], strict=False))
        return (shapes[0][0], shapes[-1][1]) if fits else False

    def _inner_sizes_fit(self, left: Word, middle: tuple, right: Word, whole: tuple) -> bool:
        before, after = self._size(left), self._size(right)
        rows, inner_left = before if before else (middle[0], middle[0])
        inner_right, columns = after if after else (middle[1], middle[1])
        return (before is not False and after is not False
                and (inner_left, inner_right) == middle and (rows, columns) == whole)  # fmt: skip


def multiplies_out(target: Poly, certificate: Mapping[tuple[Word, int, Word], Any],
                   algebra: Algebra, seed: int | str = 0) -> bool:  # fmt: skip
    """Whether target = sum of c * left * relation * right on random matrices modulo 2^61 - 1."""
    return FreeMatrices(algebra, seed).accepts(target, certificate)


# -- scalars: numbers of a hundred digits -------------------------------------------------------
def value_at(x: sp.Expr, point: Mapping[sp.Symbol, Any]) -> Any:
    """A SymPy expression in numbers: sums, products, powers, logarithms of absolute values."""
    if x.is_Symbol:
        return point[x]
    if x.is_Rational:
        return mpmath.mpf(x.p) / x.q
    parts = [value_at(a, point) for a in x.args]
    if x.is_Add:
        return mpmath.fsum(parts)
    if x.is_Mul:
        return mpmath.fprod(parts)
    if x.is_Pow:
        return parts[0] ** parts[1]
    if x.func == sp.log:
        return mpmath.log(abs(parts[0]))
    raise ValueError(f"{x} is not made of sums, products, powers and logarithms")


def vanishes_at(x: sp.Expr, point: Mapping[sp.Symbol, Any]) -> bool:
    """Whether x is zero up to sixty digits of what it would be if nothing cancelled."""
    return abs(value_at(x, point)) <= ZERO * size_at(x, point)


def size_at(x: sp.Expr, point: Mapping[sp.Symbol, Any]) -> Any:
    """x with the absolute values of its terms: tiny for a tiny factor, such as 1/2^n."""
    if x.is_Add:
        return mpmath.fsum(size_at(a, point) for a in x.args)
    if x.is_Mul:
        return mpmath.fprod(size_at(a, point) for a in x.args)
    if x.is_Pow and x.exp.is_Integer and x.exp > 0:
        return size_at(x.base, point) ** int(x.exp)
    return abs(value_at(x, point))


def follows(claim: sp.Expr, consequence: Consequence) -> bool:
    """Whether a scalar claim = 0 follows as the kernel says, tried in numbers.

    The kernel solves equations for unknowns, one after another. Here every unknown that was not
    solved for is drawn at random. Each equation, times its own denominators and with the earlier
    unknowns replaced, must be a multiple of unknown - value by a factor that depends on no unknown
    and is not zero; so it forces that value. At the values so forced the claim must be zero.

    Parameters
    ----------
    claim : SymPy expression
    consequence : Consequence
        The equations in the order in which they were solved, each with its unknown and value.
    """
    expressions = [claim, *(e for s in consequence.solved for e in (s.equation, s.value))]
    expressions += consequence.multiple or ()
    symbols = {x for e in expressions for x in e.free_symbols}
    unknowns = {x for x in symbols if x in consequence.unknowns}
    powers = (p for e in expressions for p in e.atoms(sp.Pow))
    most = 10**4 if all(p.exp.is_number for p in powers) else 20  # c^n stays within the digits
    rng = random.Random(f"second judge {claim}")
    with mpmath.workdps(DIGITS):
        for _ in range(POINTS):
            parameters = {x: _draw(x, rng, most) for x in sorted(symbols - unknowns, key=str)}
            if not _forced(claim, consequence, parameters, unknowns, rng):
                return False
    return True


def _draw(x: sp.Symbol, rng: random.Random, most: int = 10**4) -> Any:
    if x.is_integer:
        return mpmath.mpf(rng.randint(2, most))
    return mpmath.mpf(rng.randint(1, 10**30)) / 10**29


def _forced(claim: sp.Expr, consequence: Consequence, parameters: dict[sp.Symbol, Any],
            unknowns: Iterable[sp.Symbol], rng: random.Random) -> bool:  # fmt: skip
    solved = consequence.solved

    def fresh() -> dict[sp.Symbol, Any]:
        return parameters | {x: _draw(x, rng) for x in sorted(unknowns, key=str)}

    def settle(point: dict[sp.Symbol, Any], count: int) -> dict[sp.Symbol, Any]:
        for s in reversed(solved[:count]):  # a value may contain unknowns solved for later
            point[s.unknown] = value_at(s.value, point)
        return point

    for k, s in enumerate(solved):
        slopes = []
        for _ in range(POINTS):
            point = fresh()
            gap = point[s.unknown] - value_at(s.value, point)
            settle(point, k)
            if vanishes_at(s.equation, point):
                return False
            slopes.append(value_at(s.equation, point) * _denominator(s.equation, point) / gap)
        if any(abs(x / slopes[0] - 1) > ZERO for x in slopes):
            return False
    point = settle(fresh(), len(solved))
    if consequence.multiple:  # of an equation that is not solved for anything
        quotient, equation = consequence.multiple
        claim = claim - quotient * equation
    return vanishes_at(claim, point)


def _denominator(x: sp.Expr, point: Mapping[sp.Symbol, Any]) -> Any:
    """The product of what x divides by, each to the highest power in which it occurs."""
    powers: dict[sp.Expr, int] = {}
    for p in x.atoms(sp.Pow):
        if p.exp.is_Integer and p.exp < 0:
            powers[p.base] = max(powers.get(p.base, 0), -int(p.exp))
    return mpmath.fprod(value_at(base, point) ** power for base, power in powers.items())
