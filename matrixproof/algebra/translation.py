"""Matrix expressions as noncommutative polynomials.

Every assumption is a relation, a polynomial that equals zero: A A^-1 - I, or A'X. An identity that
follows from the relations by multiplying, adding and scaling holds for all dimensions at once,
because none of these steps looks at the size.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any, ClassVar

import sympy as sp

from matrixproof.algebra.polynomials import Grid, Poly, Word
from matrixproof.language.declarations import Declarations
from matrixproof.language.differential import differentiate
from matrixproof.language.errors import ProofError
from matrixproof.language.expressions import Dimension, Expr, lift
from matrixproof.language.numbers import plain_number
from matrixproof.language.printing import latex, plain


class Algebra:
    """The letters and relations of a setting, and the translation of expressions into them.

    Parameters
    ----------
    setting : Declarations
    expressions : iterable of Expr
        What will be translated: the scalars in them make the field of coefficients.
    """

    def __init__(self, setting: Declarations, expressions: Iterable[Expr]) -> None:
        self.setting = setting
        self.names: list[str] = []
        self.shapes: list[tuple[Dimension, Dimension]] = []
        self.transposed: list[int] = []
        self.index: dict[str, int] = {}
        self.relations: list[Poly] = []
        self.relation_names: list[str] = []
        self.inverse_of: dict[int, Poly] = {}
        self.inverted: list[Expr] = []
        self.divided: list[Expr] = []
        self.logged: list[Expr] = []
        self._inverse_index: dict[tuple, int] = {}
        self.field = self._coefficient_field(expressions)
        self.one = self.field.one
        for h in setting.hypotheses:
            self.add_relation(self.poly(h.lhs) - self.poly(h.rhs), h.name)

    def _coefficient_field(self, expressions: Iterable[Expr]) -> Any:
        symbols: set[sp.Symbol] = set()
        pending = [*expressions]
        for h in self.setting.hypotheses:
            pending += [h.lhs, h.rhs]
        for noise in self.setting.noises.values():
            pending.append(noise.covariance)
        for e in pending:
            for node in e.walk():
                if node.op == "number":
                    symbols |= node.value.free_symbols
                if node.op == "d":
                    pending.extend(node.value.table.values())
        return sp.QQ.frac_field(*sorted(symbols, key=str)) if symbols else sp.QQ

    # -- letters and relations ------------------------------------------------------------
    def letter(self, name: str, shape: tuple[Dimension, Dimension], symmetric: bool) -> int:
        """The number of a letter; that of its transpose is the next, or the same."""
        symmetric = symmetric or shape == (1, 1)
        if name not in self.index:
            i = self.index[name] = len(self.names)
            self.names.append(name)
            self.shapes.append(shape)
            self.transposed.append(i)
            if not symmetric:
                self.names.append(name + "'")
                self.shapes.append((shape[1], shape[0]))
                self.transposed[i] = i + 1
                self.transposed.append(i)
        return self.index[name]

    def transpose_word(self, w: Word) -> Word:
        return tuple(self.transposed[x] for x in reversed(w))

    def transpose(self, p: Poly) -> Poly:
        terms = {self.transpose_word(w): c for w, c in p.terms.items()}
        return Poly(terms, (p.shape[1], p.shape[0]))

    def transpose_grid(self, g: Grid) -> Grid:
        return Grid([[self.transpose(p) for p in column] for column in zip(*g.blocks, strict=True)])

    def add_relation(self, p: Poly, name: str) -> None:
        """Record p = 0, and its transpose."""
        known = {g.key() for g in self.relations}
        for q in (p, self.transpose(p)):
            if q.terms and q.key() not in known:
                self.relations.append(q)
                self.relation_names.append(name)
                known.add(q.key())

    def _inverse_letter(self, e: Expr, p: Poly) -> Poly:
        """The letter that inverts p; taking it assumes that p is invertible."""
        key = p.key()
        if key not in self._inverse_index:
            t = self.transpose(p)
            name = f"inv({plain(e)})"
            while name in self.index:
                name += "*"
            i = self.letter(name, p.shape, symmetric=t.terms == p.terms)
            self._inverse_index[key], self.inverse_of[i] = i, p
            if t.terms != p.terms:
                j = self._inverse_index[t.key()] = self.transposed[i]
                self.inverse_of.setdefault(j, t)
            self.note_inverted(e)
            J, eye = Poly({(i,): self.one}, p.shape), Poly({(): self.one}, p.shape)
            tex = latex(e, 8)
            self.add_relation(J * p - eye, rf"{tex}^{{-1}}\,{tex} = I")
            self.add_relation(p * J - eye, rf"{tex}\,{tex}^{{-1}} = I")
        return Poly({(self._inverse_index[key],): self.one}, p.shape)

    # -- translating ----------------------------------------------------------------------
    def coefficient(self, e: Expr) -> Any:
        """A scalar factor of a matrix, as an element of the field of coefficients."""
        self.note_divisors_in(e)
        value = plain_number(e)
        if value is None:
            raise ProofError(
                f"{plain(e)} stands before a matrix: only numbers and scalars of the setting may; "
                "give the trace or determinant a name with scalars(...) and assume its value"
            )
        try:
            return self.field.from_sympy(sp.together(value))
        except (sp.CoercionFailed, ValueError):
            raise ProofError(
                f"{plain(e)} stands before a matrix: only rational expressions in the scalars and "
                "dimensions may; give it a name with scalars(...)"
            ) from None

    def reciprocal(self, e: Expr) -> Any:
        """One over a scalar factor, which is noted as a divisor."""
        value = self.coefficient(e)
        if not value:
            raise ProofError(f"{plain(e)} is zero: it cannot be divided by")
        self.note_divisor(e)
        return 1 / value

    def note_inverted(self, e: Expr) -> None:
        """Remember that e is taken as invertible; of a product, that each square factor is."""
        while e.op in ("define", "group", "neg", "transpose", "inverse"):
            e = e.args[0]
        if e.op == "mul" and all(x.shape is None or x.shape[0] == x.shape[1] for x in e.args):
            for x in e.args:
                (self.note_divisor if x.shape is None else self.note_inverted)(x)
        elif e.op != "eye" and all(e.key() != x.key() for x in self.inverted):
            self.inverted.append(e)

    def note_divisor(self, e: Expr) -> None:
        """Remember that a scalar is taken not to be zero."""
        if all(e.key() != x.key() for x in self.divided):
            self.divided.append(e)

    def note_logged(self, e: Expr) -> None:
        """Remember that the logarithm of a scalar is taken, so that it is taken to be positive."""
        if all(e.key() != x.key() for x in self.logged):
            self.logged.append(e)

    def note_divisors_in(self, e: Expr) -> None:
        """Remember all that a number is divided by, the denominators within SymPy's included."""
        for node in e.walk():
            if node.op == "div":
                self.note_divisor(node.args[1])
            elif node.op == "power" and node.value < 0:
                self.note_divisor(node.args[0])
            elif node.op == "number":
                denominators = {sp.fraction(x)[1] for x in sp.preorder_traversal(node.value)}
                for x in sorted(denominators, key=str):
                    if x.free_symbols:
                        self.note_divisor(lift(x))

    def poly(self, e: Expr) -> Poly:
        """Multiply an expression out that is not cut into blocks.

        Raises
        ------
        ProofError
            When it is, or stands for something that the prover does not read.
        """
        grid = self.grid(e)
        if len(grid.rows) * len(grid.cols) > 1:
            raise ProofError(f"{plain(e)} is cut into blocks where the prover reads none")
        return grid.blocks[0][0]

    def grid(self, e: Expr) -> Grid:
        """Multiply an expression out, block by block; one without blocks is a single one.

        Raises
        ------
        ProofError
            When it stands for something that the prover does not read.
        """
        if e.op not in self._READ:
            raise ProofError(f"{plain(e)} is not a matrix expression that the prover reads")
        return self._READ[e.op](self, e)

    def _symbol(self, e: Expr) -> Grid:
        known = self.setting.letters[e.value]
        letter = self.letter(e.value, e.shape, known.symmetric)
        return Grid([[Poly({(letter,): self.one}, e.shape)]])

    def _sum(self, e: Expr) -> Grid:
        return reduce(operator.add, map(self.grid, e.args))

    def _product(self, e: Expr) -> Grid:
        factor, matrices = self.one, []
        for x in e.args:
            if x.shape is None:
                factor = factor * self.coefficient(x)
            else:
                matrices.append(self.grid(x))
        return reduce(operator.mul, matrices).scale(factor)

    def _power(self, e: Expr) -> Grid:
        base = self.poly(e.args[0])
        return Grid([[reduce(operator.mul, [base] * e.value)]])

    def _transpose(self, e: Expr) -> Grid:
        return self.transpose_grid(self.grid(e.args[0]))

    def _inverse(self, e: Expr) -> Grid:
        x = e.args[0]
        if any(part.op == "block" for part in x.walk()):
            raise ProofError(
                "the inverse of a block matrix is not multiplied out: write the inverse as a "
                "block matrix of its own and show that the product is I"
            )
        return Grid([[self._inverted(x)]])

    def _inverted(self, e: Expr) -> Poly:
        """The inverse of an expression without blocks, by the rules for products and transposes."""
        while e.op in ("define", "group"):
            e = e.args[0]
        square_factors = e.op == "mul" and all(
            x.shape is None or x.shape[0] == x.shape[1] for x in e.args
        )
        if square_factors:  # (AB)^-1 = B^-1 A^-1: a product of square matrices
            out = Poly({(): self.one}, e.shape)
            for x in reversed(e.args):
                if x.shape is None:
                    out = out.scale(self.reciprocal(x))
                else:
                    out = out * self._inverted(x)
            return out
        match e.op:
            case "inverse":
                self._inverse_letter(e.args[0], self.poly(e.args[0]))
                return self.poly(e.args[0])
            case "transpose":
                return self.transpose(self._inverted(e.args[0]))
            case "eye":
                return self.poly(e)
            case "div":
                self.reciprocal(e.args[1])
                return self._inverted(e.args[0]).scale(self.coefficient(e.args[1]))
            case "neg":
                return self._inverted(e.args[0]).scale(-self.one)
        return self._inverse_letter(e, self.poly(e))

    _READ: ClassVar[dict[str, Callable[[Algebra, Expr], Grid]]] = {
        "symbol": _symbol,
        "eye": lambda self, e: Grid([[Poly({(): self.one}, e.shape)]]),
        "zero": lambda self, e: Grid([[Poly({}, e.shape)]]),
        "add": _sum,
        "neg": lambda self, e: self.grid(e.args[0]).scale(-self.one),
        "define": lambda self, e: self.grid(e.args[0]),
        "group": lambda self, e: self.grid(e.args[0]),
        "transpose": _transpose,
        "inverse": _inverse,
        "power": _power,
        "div": lambda self, e: self.grid(e.args[0]).scale(self.reciprocal(e.args[1])),
        "mul": _product,
        "block": lambda self, e: Grid([[self.poly(x) for x in row] for row in e.block_rows()]),
        "d": lambda self, e: self.grid(differentiate(e.args[0], e.value)),
    }
