"""Matrix expressions as noncommutative polynomials.

A letter is a declared matrix, a transpose, or an inverse; a word is a product of letters whose
sizes compose; a polynomial is a sum of words with numbers before them. Every assumption is a
relation, a polynomial that equals zero: A A^-1 - I, or A'X. An identity that follows from the
relations by multiplying, adding and scaling holds for all dimensions at once, because none of
these steps looks at the size.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sympy as sp

from matrixproof.language.differential import differentiate
from matrixproof.language.errors import ProofError, ShapeError
from matrixproof.language.expressions import Dimension, Expr, block_rows, latex, lift, plain
from matrixproof.setting import Setting

Word = tuple[int, ...]


class Poly:
    """Words with their coefficients; the empty word is the identity matrix."""

    __slots__ = ("terms", "shape")

    def __init__(self, terms: dict[Word, Any], shape: tuple[Dimension, Dimension]) -> None:
        self.terms = {w: c for w, c in terms.items() if c}
        self.shape = shape

    def __add__(self, other: Poly) -> Poly:
        if self.shape != other.shape:
            raise ShapeError(f"sizes {self.shape} and {other.shape} cannot be added")
        out = dict(self.terms)
        for w, c in other.terms.items():
            out[w] = out.get(w, 0) + c
        return Poly(out, self.shape)

    def scale(self, k: Any) -> Poly:
        return Poly({w: k * c for w, c in self.terms.items()}, self.shape)

    def __sub__(self, other: Poly) -> Poly:
        return self + other.scale(-1)

    def __mul__(self, other: Poly) -> Poly:
        if self.shape[1] != other.shape[0]:
            raise ShapeError(f"sizes {self.shape} and {other.shape} cannot be multiplied")
        out: dict[Word, Any] = {}
        for u, x in self.terms.items():
            for v, y in other.terms.items():
                out[u + v] = out.get(u + v, 0) + x * y
        return Poly(out, (self.shape[0], other.shape[1]))

    def key(self) -> tuple:
        return (self.shape, frozenset(self.terms.items()))


class Grid:
    """A matrix in blocks; each block is a polynomial. One block is the ordinary case."""

    def __init__(self, blocks: Sequence[Sequence[Poly]]) -> None:
        self.blocks = [list(row) for row in blocks]
        self.rows = [row[0].shape[0] for row in self.blocks]
        self.cols = [x.shape[1] for x in self.blocks[0]]

    def _fit(self, rows: Sequence[Dimension], cols: Sequence[Dimension]) -> Grid:
        """Cut a multiple of the identity, or zero, as the other matrix is cut."""
        if (self.rows, self.cols) == (list(rows), list(cols)):
            return self
        single = self.blocks[0][0] if len(self.rows) == len(self.cols) == 1 else None
        if single is None or any(single.terms) or (single.terms and list(rows) != list(cols)):
            raise ProofError("block matrices that are cut differently cannot be combined")
        return Grid(
            [[Poly(single.terms if i == j else {}, (r, c)) for j, c in enumerate(cols)]
             for i, r in enumerate(rows)]
        )  # fmt: skip

    def __add__(self, other: Grid) -> Grid:
        a = self._fit(other.rows, other.cols) if len(self.rows) * len(self.cols) == 1 else self
        b = other._fit(a.rows, a.cols)
        pairs = zip(a.blocks, b.blocks, strict=True)
        return Grid([[x + y for x, y in zip(*r, strict=True)] for r in pairs])

    def __mul__(self, other: Grid) -> Grid:
        a, b = self, other
        if a.cols != b.rows and len(a.cols) == 1:
            a = a._fit(b.rows, b.rows)
        elif a.cols != b.rows:
            b = b._fit(a.cols, a.cols)
        blocks = []
        for row in a.blocks:
            line = []
            for j in range(len(b.cols)):
                cell = row[0] * b.blocks[0][j]
                for k in range(1, len(row)):
                    cell = cell + row[k] * b.blocks[k][j]
                line.append(cell)
            blocks.append(line)
        return Grid(blocks)

    def scale(self, k: Any) -> Grid:
        return Grid([[x.scale(k) for x in row] for row in self.blocks])

    def flat(self) -> list[Poly]:
        return [x for row in self.blocks for x in row]

    def triangular(self) -> bool:
        """Square diagonal blocks, and zero above or below them."""
        n = len(self.rows)
        if self.rows != self.cols:
            return False
        below = all(not self.blocks[i][j].terms for i in range(n) for j in range(i))
        above = all(not self.blocks[j][i].terms for i in range(n) for j in range(i))
        return below or above


def has_block(e: Expr) -> bool:
    return any(x.op == "block" for x in e.walk())


class Algebra:
    """The letters and relations of a setting, and the translation of expressions into them.

    Parameters
    ----------
    setting : Setting
    expressions : iterable of Expr
        What will be translated: the scalars in them make the field of coefficients.
    """

    def __init__(self, setting: Setting, expressions: Iterable[Expr]) -> None:
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

    def add_relation(self, p: Poly, name: str) -> None:
        """Record p = 0, and its transpose."""
        known = {g.key() for g in self.relations}
        for q in (p, self.transpose(p)):
            if q.terms and q.key() not in known:
                self.relations.append(q)
                self.relation_names.append(name)
                known.add(q.key())

    def _inverse(self, e: Expr, p: Poly) -> Poly:
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
        """Multiply an expression without blocks out."""
        op, a = e.op, e.args
        match op:
            case "symbol":
                known = self.setting.letters[e.value]
                return Poly({(self.letter(e.value, e.shape, known.symmetric),): self.one}, e.shape)
            case "eye":
                return Poly({(): self.one}, e.shape)
            case "zero":
                return Poly({}, e.shape)
            case "add":
                out = self.poly(a[0])
                for x in a[1:]:
                    out = out + self.poly(x)
                return out
            case "neg":
                return self.poly(a[0]).scale(-self.one)
            case "define" | "group":
                return self.poly(a[0])
            case "transpose":
                return self.transpose(self.poly(a[0]))
            case "inverse":
                return self._translate_inverse(a[0])
            case "power":
                out = base = self.poly(a[0])
                for _ in range(e.value - 1):
                    out = out * base
                return out
            case "div":
                return self.poly(a[0]).scale(self.reciprocal(a[1]))
            case "mul":
                factor, out = self.one, None
                for x in a:
                    if x.shape is None:
                        factor = factor * self.coefficient(x)
                    else:
                        out = self.poly(x) if out is None else out * self.poly(x)
                assert out is not None
                return out.scale(factor)
            case "d":
                return self.poly(differentiate(a[0], e.value))
        raise ProofError(f"{plain(e)} is not a matrix expression that the prover reads")

    def _translate_inverse(self, e: Expr) -> Poly:
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
                    out = out * self._translate_inverse(x)
            return out
        match e.op:
            case "inverse":
                self._inverse(e.args[0], self.poly(e.args[0]))
                return self.poly(e.args[0])
            case "transpose":
                return self.transpose(self._translate_inverse(e.args[0]))
            case "eye":
                return self.poly(e)
            case "div":
                self.reciprocal(e.args[1])
                return self._translate_inverse(e.args[0]).scale(self.coefficient(e.args[1]))
            case "neg":
                return self._translate_inverse(e.args[0]).scale(-self.one)
        return self._inverse(e, self.poly(e))

    def grid(self, e: Expr) -> Grid:
        """Multiply an expression with blocks out, block by block."""
        if not has_block(e):
            return Grid([[self.poly(e)]])
        a = e.args
        match e.op:
            case "block":
                return Grid([[self.poly(x) for x in row] for row in block_rows(e)])
            case "add":
                out = self.grid(a[0])
                for x in a[1:]:
                    out = out + self.grid(x)
                return out
            case "neg":
                return self.grid(a[0]).scale(-self.one)
            case "define" | "group":
                return self.grid(a[0])
            case "transpose":
                inner = self.grid(a[0])
                return Grid(
                    [[self.transpose(row[j]) for row in inner.blocks]
                     for j in range(len(inner.cols))]
                )  # fmt: skip
            case "div":
                return self.grid(a[0]).scale(self.reciprocal(a[1]))
            case "mul":
                factor, out = self.one, None
                for x in a:
                    if x.shape is None:
                        factor = factor * self.coefficient(x)
                    else:
                        out = self.grid(x) if out is None else out * self.grid(x)
                assert out is not None
                return out.scale(factor)
            case "d":
                return self.grid(differentiate(a[0], e.value))
            case "inverse":
                raise ProofError(
                    "the inverse of a block matrix is not multiplied out: write the inverse as a "
                    "block matrix of its own and show that the product is I"
                )
        raise ProofError(f"{plain(e)} mixes blocks in a way that the prover does not read")


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
