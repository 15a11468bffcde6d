"""Traces, determinants, logarithms and Gaussian expectations as SymPy expressions.

Each trace of a word and each determinant becomes a SymPy symbol, an *atom*, named by its content,
so that equal things have equal names. What is used of them is little:

- the trace is linear, tr(AB) = tr(BA) and tr(A') = tr(A);
- |FG| = |F||G| for square factors, |A'| = |A|, |cA| = c^n |A|, and the determinant of a block
  triangular matrix is the product over its diagonal blocks;
- equal matrices have equal traces and determinants;
- the moments of a Gaussian vector are sums over pairings (Wick, or Isserlis).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from matrixproof.language.differential import differentiate
from matrixproof.language.errors import ProofError
from matrixproof.language.expressions import Expr, plain, rebuild
from matrixproof.search.completion import Certificate, Rules
from matrixproof.search.polynomials import Algebra, Grid, Poly, Word, has_block


@dataclass
class Fact:
    """An equation between scalars (``equation`` = 0) and why it holds.

    ``left`` and ``right`` are equal matrices, block by block, each block with its certificate; the
    equation says that a trace or determinant takes the same value on both. Facts without matrices
    are axioms of this module or lemmas proved before.
    """

    equation: sp.Expr
    left: Grid | None = None
    right: Grid | None = None
    certificates: list[Certificate] = field(default_factory=list)

    def matrices(self) -> list[tuple[Poly, Certificate]]:
        """The differences that must be zero, block by block, each with its certificate."""
        if self.left is None or self.right is None:
            return []
        blocks = zip(self.left.flat(), self.right.flat(), self.certificates, strict=True)
        return [(p - q, c) for p, q, c in blocks]


class ScalarAlgebra:
    """Scalar expressions of a setting as SymPy expressions in atoms."""

    def __init__(self, algebra: Algebra) -> None:
        self.algebra = algebra
        self.symbols: dict[tuple, sp.Symbol] = {}
        self.contents: dict[sp.Symbol, tuple] = {}
        self.axioms: list[Fact] = []

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

    def _pieces(self, w: Word) -> list[Word]:
        """Cut a closed word where its size is one: tr(A y y') = y'Ay."""
        shapes = self.algebra.shapes
        cuts = [i for i in range(len(w)) if shapes[w[i]][0] == 1]
        if not cuts:
            return [self.canonical(w)]
        w, ends = w[cuts[0] :] + w[: cuts[0]], [c - cuts[0] for c in cuts] + [len(w)]
        pieces = [w[a:b] for a, b in zip(ends, ends[1:], strict=False)]
        return [min(v, self.algebra.transpose_word(v)) for v in pieces]

    def _piece(self, w: Word) -> sp.Expr:
        if len(w) == 1 and w[0] in self.algebra.inverse_of:
            inverted = self.algebra.inverse_of[w[0]]
            if inverted.shape == (1, 1):  # the inverse of a number is its reciprocal
                return 1 / self.trace(inverted)
        return self._atom("trace", w, w)

    def trace(self, p: Poly) -> sp.Expr:
        """tr(p) in atoms; the trace of the identity is its size."""
        out = sp.Integer(0)
        for w, c in p.terms.items():
            value = sp.Mul(*[self._piece(v) for v in self._pieces(w)]) if w else p.shape[0]
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
                    self.axioms.append(Fact(whole - out))
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
        return self._determinant_atom(g, log)

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
                else self._determinant_atom(Grid([[Poly({g: self.algebra.one}, p.shape)]]), log)
                for g in groups
            ]  # fmt: skip
            out = sp.Add(*parts) if log else sp.Mul(*parts)
        else:
            out = self._determinant_atom(Grid([[p]]), log)
        return self._scaled(to_sympy(c), size, out, log) if c != 1 else out

    def _determinant_of_letter(self, x: int, log: bool) -> sp.Expr:
        inverted = self.algebra.inverse_of.get(x)
        if inverted is not None:
            value = self._determinant_of_poly(inverted, log)
            return -value if log else 1 / value
        x = min(x, self.algebra.transposed[x])
        shape = self.algebra.shapes[x]
        return self._determinant_atom(Grid([[Poly({(x,): self.algebra.one}, shape)]]), log)

    def _determinant_atom(self, g: Grid, log: bool) -> sp.Expr:
        turned = [[self.algebra.transpose(r[j]) for r in g.blocks] for j in range(len(g.cols))]
        keys = [(len(x.rows), *(p.key() for p in x.flat())) for x in (g, Grid(turned))]
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
        """A scalar expression as a SymPy expression in atoms."""
        op, a = e.op, e.args
        match op:
            case "number":
                self.algebra.note_divisors_in(e)
                return e.value
            case "add":
                return sp.Add(*[self.value(x) for x in a])
            case "neg":
                return -self.value(a[0])
            case "mul":
                return sp.Mul(*[self.value(x) for x in a])
            case "div":
                divisor = self.value(a[1])
                if self.normal(divisor) == 0:
                    raise ProofError(f"{plain(a[1])} is zero: it cannot be divided by")
                self.algebra.note_divisor(a[1])
                return self.value(a[0]) / divisor
            case "power":
                base = self.value(a[0])
                if e.value < 0:
                    if self.normal(base) == 0:
                        raise ProofError(f"{plain(a[0])} is zero: it cannot be divided by")
                    self.algebra.note_divisor(a[0])
                return base**e.value
            case "define" | "group":
                return self.value(a[0])
            case "scalar" | "trace":
                inner = a[0]
                if inner.op in ("add", "neg", "define", "group"):
                    parts = [self.value(Expr(op, (x,))) for x in inner.args]
                    return -parts[0] if inner.op == "neg" else sp.Add(*parts)
                if inner.op == "div":
                    return self.value(Expr("div", (Expr(op, inner.args[:1]), inner.args[1])))
                if inner.op == "mul" and any(x.shape is None for x in inner.args):
                    matrices = rebuild(inner, [x for x in inner.args if x.shape])
                    factors = [self.value(x) for x in inner.args if x.shape is None]
                    return sp.Mul(*factors, self.value(Expr(op, (matrices,))))
                if has_block(a[0]):
                    grid = self.algebra.grid(a[0])
                    if grid.rows != grid.cols:
                        raise ProofError(
                            f"{plain(e)}: the diagonal blocks are not square, so the trace is not "
                            "the sum of theirs; cut rows and columns alike"
                        )
                    return sp.Add(*[self.trace(grid.blocks[i][i]) for i in range(len(grid.rows))])
                return self.trace(self.algebra.poly(a[0]))
            case "logdet" | "det":
                if op == "logdet":
                    self.algebra.note_inverted(a[0])
                return self.determinant(a[0], log=op == "logdet")
            case "log":
                self.algebra.note_logged(a[0])
                return self.logarithm(self.value(a[0]))
            case "d":
                return self.value(differentiate(a[0], e.value))
            case "expectation":
                return self._expectation(self.value(a[0]))
        raise ProofError(f"{plain(e)} is not a scalar expression that the prover reads")

    def normal(self, x: sp.Expr) -> sp.Expr:
        """Expanded, over one denominator when there is one, logarithms by factors."""
        logs = {f: self.logarithm(f.args[0]) for f in x.atoms(sp.log)}
        powers = {f: _by_primes(f) for f in x.atoms(sp.Pow) if f.base.is_Rational}
        x = sp.expand(x.xreplace(logs | powers))
        if any(f.exp.is_negative for f in x.atoms(sp.Pow) if f.free_symbols & set(self.contents)):
            x = sp.expand(sp.fraction(sp.together(x))[0])
        return x

    # -- facts ----------------------------------------------------------------------------
    def facts(self, claim: sp.Expr, given: list[Fact], rules: Rules, all_turns: bool) -> list[Fact]:
        """Equations about the atoms of the claim, and of the given facts, that the rules yield."""
        out: list[Fact] = []
        pending = self.atoms(claim) + [a for f in given for a in self.atoms(f.equation)]
        if all_turns:
            closed = [w for w, _, _ in rules.rules.values() if self._is_closed(w)]
            for w in closed:
                for v in self._pieces(w):
                    pending += self.atoms(self._piece(v))
        seen: set[sp.Symbol] = set()
        while pending:
            atom = pending.pop(0)
            if atom in seen:
                continue
            seen.add(atom)
            kind, content = self.contents[atom]
            if kind == "trace":
                new = self._trace_facts(content, rules, all_turns)
            else:
                new = self._determinant_facts(content, rules, log=kind == "logdet")
            out += new
            pending += [a for f in new for a in self.atoms(f.equation)]
        return out + given

    def _is_closed(self, w: Word) -> bool:
        return self.algebra.shapes[w[0]][0] == self.algebra.shapes[w[-1]][1]

    def _trace_facts(self, w: Word, rules: Rules, all_turns: bool) -> list[Fact]:
        rank, out = (len(w), self.canonical(w)), []
        for v in self.turns(w):
            if rules.match(v) is None:
                continue
            normal, certificate = rules.reduce({v: self.algebra.one})
            smaller = all(not x or (len(x), self.canonical(x)) < rank for x in normal)
            if not (smaller or all_turns):
                continue
            shape = (self.algebra.shapes[v[0]][0],) * 2
            left, right = Poly({v: self.algebra.one}, shape), Poly(normal, shape)
            equation = self.trace(left) - self.trace(right)
            out.append(Fact(equation, Grid([[left]]), Grid([[right]]), [certificate]))
            if not all_turns:
                break
        return out

    def _determinant_facts(self, g: Grid, rules: Rules, log: bool) -> list[Fact]:
        reduced = [[rules.reduce(p.terms) for p in row] for row in g.blocks]
        if all(not certificate for row in reduced for _, certificate in row):
            return []
        right = Grid(
            [[Poly(normal, p.shape) for (normal, _), p in zip(r, row, strict=True)]
             for r, row in zip(reduced, g.blocks, strict=True)]
        )  # fmt: skip
        equation = self._determinant_atom(g, log) - self.determinant_of_grid(right, log)
        return [Fact(equation, g, right, [c for row in reduced for _, c in row])]

    # -- Gaussian expectations ------------------------------------------------------------
    def _expectation(self, x: sp.Expr) -> sp.Expr:
        """E x by Wick's rule: the mean of a product of chains is a sum over pairings of ends."""
        covariances: dict[int, tuple[int, Poly]] = {}
        for name, noise in self.algebra.setting.noises.items():
            i = self.algebra.letter(name, self.algebra.setting.letters[name].shape, symmetric=False)
            covariance = self.algebra.poly(noise.covariance)
            covariances[i] = covariances[self.algebra.transposed[i]] = (i, covariance)
        # an inverse is random when what it inverts is: no rule knows its moments
        unknown: set[int] = set()
        for i, inverted in self.algebra.inverse_of.items():
            if any(x in covariances or x in unknown for w in inverted.terms for x in w):
                unknown.add(i)
        total = sp.Integer(0)
        for monomial in sp.Add.make_args(sp.expand(x)):
            factor, words = sp.Integer(1), []
            for f in sp.Mul.make_args(monomial):
                base, power = f.as_base_exp()
                letters = {x for a in self.atoms(f) for x in self._letters(a)}
                if letters & unknown:
                    raise ProofError(f"no rule for the expectation of {f}: a random inverse")
                if not letters & covariances.keys():
                    factor *= f
                elif base in self.contents and self.contents[base][0] == "trace" and power > 0:
                    words += [self.contents[base][1]] * int(power)
                else:
                    raise ProofError(f"no rule for the expectation of {f}: only polynomials")
            total += factor * self._wick(words, covariances)
        return total

    def _letters(self, atom: sp.Symbol) -> set[int]:
        kind, content = self.contents[atom]
        words = [content] if kind == "trace" else [w for p in content.flat() for w in p.terms]
        return {letter for w in words for letter in w}

    def _wick(self, words: list[Word], covariances: dict[int, tuple[int, Poly]]) -> sp.Expr:
        """E of a product of 1 x 1 words, noise letters standing only at their ends."""
        ends = [
            (j, side) for j, w in enumerate(words)
            for side in ((0, -1) if len(w) > 1 else (0,))  # a 1 x 1 vector has one end
            if w[side] in covariances
        ]  # fmt: skip
        if any(letter in covariances for w in words for letter in w[1:-1]):
            raise ProofError("a Gaussian vector inside a word: write it at the ends, as in e'Ae")

        def noise_at(end: tuple[int, int]) -> int:
            return covariances[words[end[0]][end[1]]][0]

        def pairings(rest: list[tuple[int, int]]) -> Iterator[list[tuple]]:
            if not rest:
                yield []
            for i in range(1, len(rest)):
                if noise_at(rest[0]) == noise_at(rest[i]):
                    for others in pairings(rest[1:i] + rest[i + 1 :]):
                        yield [(rest[0], rest[i]), *others]

        if len(ends) % 2:
            return sp.Integer(0)
        return sp.Add(*[self._chain(words, pairs, covariances) for pairs in pairings(ends)])

    def _chain(self, words: list[Word], pairs: list[tuple],
               covariances: dict[int, tuple[int, Poly]]) -> sp.Expr:  # fmt: skip
        """Join the words at their paired ends, a covariance at each joint, and take traces."""
        mate = dict(pairs) | {b: a for a, b in pairs}

        def core(j: int, entered: int) -> Word:
            w = words[j]
            inside = w[(w[0] in covariances) : len(w) - (w[-1] in covariances)]
            return inside if entered == 0 else self.algebra.transpose_word(inside)

        value, seen = sp.Integer(1), set()
        open_ends = [(j, side) for j in range(len(words)) for side in (0, -1)
                     if (j, side) not in mate]  # fmt: skip
        for start in open_ends + [(j, 0) for j in range(len(words))]:
            if start[0] in seen:
                continue
            product: Poly | None = None
            j, entered = start
            while True:
                seen.add(j)
                inside = core(j, entered)
                if inside:
                    shapes = self.algebra.shapes
                    shape = (shapes[inside[0]][0], shapes[inside[-1]][1])
                    link = Poly({inside: self.algebra.one}, shape)
                    product = link if product is None else product * link
                leaving = (j, -1 if entered == 0 else 0)
                if leaving not in mate:
                    break
                following = mate[leaving]
                covariance = covariances[words[following[0]][following[1]]][1]
                product = covariance if product is None else product * covariance
                if following == start:
                    break
                j, entered = following
            assert product is not None
            value *= self.trace(product)
        return value


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
