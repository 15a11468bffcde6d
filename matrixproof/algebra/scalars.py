"""Traces, determinants, logarithms and Gaussian expectations as SymPy expressions.

Each trace of a word and each determinant becomes a SymPy symbol, an *atom*, named by its content,
so that equal things have equal names. What is used of them is little:

- the trace is linear, tr(AB) = tr(BA) and tr(A') = tr(A);
- |FG| = |F||G| for square factors, |A'| = |A|, |cA| = c^n |A|, and the determinant of a block
  triangular matrix is the product over its diagonal blocks;
- equal matrices have equal traces and determinants (`matrixproof.search.facts`);
- the moments of a Gaussian vector are sums over pairings (`matrixproof.algebra.moments`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import sympy as sp

from matrixproof.algebra.moments import expectation
from matrixproof.algebra.polynomials import Grid, Poly, Word
from matrixproof.algebra.translation import Algebra
from matrixproof.language.differential import differentiate
from matrixproof.language.errors import ProofError
from matrixproof.language.expressions import Expr
from matrixproof.language.printing import plain
from matrixproof.language.trees import rebuild


class ScalarAlgebra:
    """Scalar expressions of a setting as SymPy expressions in atoms."""

    def __init__(self, algebra: Algebra) -> None:
        self.algebra = algebra
        self.symbols: dict[tuple, sp.Symbol] = {}
        self.contents: dict[sp.Symbol, tuple] = {}
        self.axioms: list[sp.Expr] = []  # each = 0

    # -- atoms ----------------------------------------------------------------------------
    def _atom(self, kind: str, key: Any, content: Any) -> sp.Symbol:
        if (kind, key) not in self.symbols:
            symbol = sp.Symbol(f"{kind}[{len(self.symbols)}]")
            self.symbols[kind, key], self.contents[symbol] = symbol, (kind, content)
        return self.symbols[kind, key]

    def atoms(self, x: sp.Expr) -> list[sp.Symbol]:
        """The atoms of x, the largest first: determinants, then traces by length."""
        found = [a for a in x.free_symbols if a in self.contents]
        return sorted(found, key=self.rank, reverse=True)

    def rank(self, atom: sp.Symbol) -> tuple:
        kind, content = self.contents[atom]
        if kind == "trace":
            return (0, len(content), content)
        size = sum(len(w) for p in content.flat() for w in p.terms)
        return (1, len(content.rows), size, int(atom.name.split("[")[1][:-1]))

    # -- traces ---------------------------------------------------------------------------
    def turns(self, w: Word) -> Iterator[Word]:
        """Every word with the trace of w: rotations, and rotations of the transpose."""
        for v in (w, self.algebra.transpose_word(w)):
            for i in range(len(v)):
                yield v[i:] + v[:i]

    def canonical(self, w: Word) -> Word:
        return min(self.turns(w))

    def pieces(self, w: Word) -> list[Word]:
        """Cut a closed word where its size is one: tr(A y y') = y'Ay."""
        shapes = self.algebra.shapes
        cuts = [i for i in range(len(w)) if shapes[w[i]][0] == 1]
        if not cuts:
            return [self.canonical(w)]
        w, ends = w[cuts[0] :] + w[: cuts[0]], [c - cuts[0] for c in cuts] + [len(w)]
        pieces = [w[a:b] for a, b in zip(ends, ends[1:], strict=False)]
        return [min(v, self.algebra.transpose_word(v)) for v in pieces]

    def piece(self, w: Word) -> sp.Expr:
        if len(w) == 1 and w[0] in self.algebra.inverse_of:
            inverted = self.algebra.inverse_of[w[0]]
            if inverted.shape == (1, 1):  # the inverse of a number is its reciprocal
                return 1 / self.trace(inverted)
        return self._atom("trace", w, w)

    def trace(self, p: Poly) -> sp.Expr:
        """tr(p) in atoms; the trace of the identity is its size."""
        out = sp.Integer(0)
        for w, c in p.terms.items():
            value = sp.Mul(*[self.piece(v) for v in self.pieces(w)]) if w else p.shape[0]
            out += self.algebra.field.to_sympy(c) * value
        return out

    # -- determinants ---------------------------------------------------------------------
    def determinant(self, e: Expr, log: bool) -> sp.Expr:
        """|e|, or log of its absolute value, by the rules for products, powers and triangles."""
        a = e.args
        size = e.shape[0]
        match e.op:
            case "define" | "group" | "transpose":
                return self.determinant(a[0], log)
            case "inverse":
                value = self.determinant(a[0], log)
                self.algebra.poly(e)
                return -value if log else 1 / value
            case "neg":
                return self._scaled(sp.Integer(-1), size, self.determinant(a[0], log), log)
            case "div":
                factor = self.algebra.field.to_sympy(self.algebra.reciprocal(a[1]))
                return self._scaled(factor, size, self.determinant(a[0], log), log)
            case "power":
                value = self.determinant(a[0], log)
                return e.value * value if log else value**e.value
            case "mul":
                matrices = [x for x in a if x.shape]
                groups = square_groups(matrices, [x.shape for x in matrices])
                if len(groups) > 1 or len(matrices) == 1:
                    values = [self.determinant(rebuild(Expr("mul"), g), log) for g in groups]
                    out = sp.Add(*values) if log else sp.Mul(*values)
                    for x in a:
                        if x.shape is None:
                            out = self._scaled(self.value(x), size, out, log)
                    whole = self.determinant_of_grid(self.algebra.grid(e), log)
                    self.axioms.append(whole - out)
                    return out
        return self.determinant_of_grid(self.algebra.grid(e), log)

    def _scaled(self, c: sp.Expr, size: sp.Expr, value: sp.Expr, log: bool) -> sp.Expr:
        return value + size * self.logarithm(c) if log else c**size * value

    def determinant_of_grid(self, g: Grid, log: bool) -> sp.Expr:
        if len(g.rows) > 1 and g.triangular():
            parts = [self._determinant_of_poly(g.blocks[i][i], log) for i in range(len(g.rows))]
            return sp.Add(*parts) if log else sp.Mul(*parts)
        if len(g.rows) == 1 == len(g.cols):
            return self._determinant_of_poly(g.blocks[0][0], log)
        return self.determinant_atom(g, log)

    def _determinant_of_poly(self, p: Poly, log: bool) -> sp.Expr:
        to_sympy, shapes, size = self.algebra.field.to_sympy, self.algebra.shapes, p.shape[0]
        if not p.terms and log:
            raise ProofError("the determinant of a zero matrix has no logarithm")
        if not p.terms:
            return sp.Integer(0)
        if size == 1:
            value = self.trace(p)
            return self.logarithm(value) if log else value
        leading = max(p.terms, key=lambda w: (len(w), w))
        c = p.terms[leading]
        p = p.scale(1 / c)
        if len(p.terms) == 1:
            groups = square_groups(leading, [shapes[x] for x in leading])
            parts = [
                self._determinant_of_letter(g[0], log) if len(g) == 1
                else self.determinant_atom(Grid([[Poly({g: self.algebra.one}, p.shape)]]), log)
                for g in groups
            ]  # fmt: skip
            out = sp.Add(*parts) if log else sp.Mul(*parts)
        else:
            out = self.determinant_atom(Grid([[p]]), log)
        return self._scaled(to_sympy(c), size, out, log) if c != 1 else out

    def _determinant_of_letter(self, x: int, log: bool) -> sp.Expr:
        inverted = self.algebra.inverse_of.get(x)
        if inverted is not None:
            value = self._determinant_of_poly(inverted, log)
            return -value if log else 1 / value
        x = min(x, self.algebra.transposed[x])
        shape = self.algebra.shapes[x]
        return self.determinant_atom(Grid([[Poly({(x,): self.algebra.one}, shape)]]), log)

    def determinant_atom(self, g: Grid, log: bool) -> sp.Expr:
        both = g, self.algebra.transpose_grid(g)
        keys = [(len(x.rows), *(p.key() for p in x.flat())) for x in both]
        kind = "logdet" if log else "det"
        for key in keys:
            if (kind, key) in self.symbols:
                return self.symbols[kind, key]
        return self._atom(kind, keys[0], g)

    def logarithm(self, x: sp.Expr) -> sp.Expr:
        """log|x| as a sum over the factors of x, each up to its sign."""
        if x == 0:
            raise ProofError("zero has no logarithm")
        out = sp.Integer(0)
        for sign, part in zip((1, -1), sp.fraction(sp.together(x)), strict=True):
            content, factors = sp.factor_list(part)
            for prime, k in sp.factorrat(abs(content)).items():
                out += sign * k * sp.log(prime)
            for f, k in factors:
                base, power = f.as_base_exp()
                if power != 1 and power.is_integer:  # c^n with a dimension n
                    out += sign * k * power * self.logarithm(base)
                else:
                    out += sign * k * sp.log(f)
        return out

    # -- scalar expressions ---------------------------------------------------------------
    def value(self, e: Expr) -> sp.Expr:
        """A scalar expression as a SymPy expression in atoms.

        Raises
        ------
        ProofError
            When it stands for something that the prover does not read.
        """
        if e.op not in self._READ:
            raise ProofError(f"{plain(e)} is not a scalar expression that the prover reads")
        return self._READ[e.op](self, e)

    def _number(self, e: Expr) -> sp.Expr:
        self.algebra.note_divisors_in(e)
        return e.value

    def _quotient(self, e: Expr) -> sp.Expr:
        above, below = e.args
        divisor = self._divisor(below)
        return self.value(above) / divisor

    def _power(self, e: Expr) -> sp.Expr:
        base = e.args[0]
        return (self.value(base) if e.value >= 0 else self._divisor(base)) ** e.value

    def _divisor(self, e: Expr) -> sp.Expr:
        value = self.value(e)
        if self.normal(value) == 0:
            raise ProofError(f"{plain(e)} is zero: it cannot be divided by")
        self.algebra.note_divisor(e)
        return value

    def _trace(self, e: Expr) -> sp.Expr:
        """A trace, or a 1 x 1 matrix read as a number: both are linear in what they are of."""
        inner = e.args[0]

        def of(x: Expr) -> sp.Expr:
            return self.value(Expr(e.op, (x,)))

        match inner.op:
            case "add":
                return sp.Add(*map(of, inner.args))
            case "neg":
                return -of(inner.args[0])
            case "define" | "group":
                return of(inner.args[0])
            case "div":
                x, below = inner.args
                return self.value(Expr("div", (Expr(e.op, (x,)), below)))
            case "mul" if any(x.shape is None for x in inner.args):
                matrices = rebuild(inner, [x for x in inner.args if x.shape])
                factors = [self.value(x) for x in inner.args if x.shape is None]
                return sp.Mul(*factors, of(matrices))
        grid = self.algebra.grid(inner)
        if grid.rows != grid.cols:
            raise ProofError(
                f"{plain(e)}: the diagonal blocks are not square, so the trace is not the sum of "
                "theirs; cut rows and columns alike"
            )
        return sp.Add(*[self.trace(grid.blocks[i][i]) for i in range(len(grid.rows))])

    def _logdet(self, e: Expr) -> sp.Expr:
        self.algebra.note_inverted(e.args[0])
        return self.determinant(e.args[0], log=True)

    def _log(self, e: Expr) -> sp.Expr:
        self.algebra.note_logged(e.args[0])
        return self.logarithm(self.value(e.args[0]))

    _READ: ClassVar[dict[str, Callable[[ScalarAlgebra, Expr], sp.Expr]]] = {
        "number": _number,
        "add": lambda self, e: sp.Add(*map(self.value, e.args)),
        "neg": lambda self, e: -self.value(e.args[0]),
        "mul": lambda self, e: sp.Mul(*map(self.value, e.args)),
        "div": _quotient,
        "power": _power,
        "define": lambda self, e: self.value(e.args[0]),
        "group": lambda self, e: self.value(e.args[0]),
        "scalar": _trace,
        "trace": _trace,
        "logdet": _logdet,
        "det": lambda self, e: self.determinant(e.args[0], log=False),
        "log": _log,
        "d": lambda self, e: self.value(differentiate(e.args[0], e.value)),
        "expectation": lambda self, e: expectation(self.value(e.args[0]), self),
    }

    def normal(self, x: sp.Expr) -> sp.Expr:
        """Expanded, over one denominator when there is one, logarithms by factors."""
        logs = {f: self.logarithm(f.args[0]) for f in x.atoms(sp.log)}
        powers = {f: _by_primes(f) for f in x.atoms(sp.Pow) if f.base.is_Rational}
        x = sp.expand(x.xreplace(logs | powers))
        if any(f.exp.is_negative for f in x.atoms(sp.Pow) if f.free_symbols & set(self.contents)):
            x = sp.expand(sp.fraction(sp.together(x))[0])
        return x


def square_groups(factors: Sequence[Any], shapes: Sequence[tuple]) -> list[Any]:
    """Cut a square product into its smallest square parts: U U' A is U U' times A."""
    out, start = [], 0
    for i, shape in enumerate(shapes):
        if shape[1] == shapes[start][0]:
            out.append(factors[start : i + 1])
            start = i + 1
    return out


def _by_primes(power: sp.Pow) -> sp.Expr:
    """4^n as 2^(2n): powers of one number have one form."""
    if power.exp.is_number or power.base == 0:
        return power
    primes = sp.factorrat(power.base)
    return sp.Mul(*[sp.Pow(p, k * power.exp, evaluate=p != -1) for p, k in primes.items()])
