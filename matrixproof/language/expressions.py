"""Expressions exactly as they are typed: nothing is simplified, reordered or expanded.

What a reader sees on the page is printed from these trees, and what the prover checks is
translated from the same trees, so the displayed line *is* the checked line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from numbers import Rational
from typing import Any

import sympy as sp

from matrixproof.language.errors import ShapeError
from matrixproof.language.printing import describe_shape, latex, plain, tex_name

Dimension = sp.Expr
Shape = tuple[Dimension, Dimension] | None

OPERATIONS = (
    "symbol number eye zero add neg group mul div inverse transpose power scalar trace det logdet "
    "log d expectation define block"
).split()
NOT_NUMBERS = (sp.oo, -sp.oo, sp.zoo, sp.nan, sp.I)


class Expr:
    """A matrix (``shape`` is a pair of dimensions) or a scalar (``shape`` is None) expression.

    Parameters
    ----------
    op : str
        What the node is: ``symbol``, ``number``, ``eye``, ``zero``, ``add``, ``neg``, ``mul``,
        ``div``, ``inverse``, ``transpose``, ``power``, ``scalar`` (a 1 x 1 matrix read as a
        number), ``trace``, ``det``, ``logdet``, ``log``, ``d``, ``expectation``, ``define``,
        ``block``.
    args : sequence of Expr
    shape : pair of SymPy expressions, or None
    value : object
        The name of a symbol, the SymPy value of a number, the exponent of a power, ...
    tex : str, optional
        How a symbol or a definition is printed.

    Notes
    -----
    Build expressions with ``+ - * /``, ``.T`` (transpose), ``.I`` (inverse) and the functions of
    this module; matrices and symbols come from a `Setting`.
    """

    __slots__ = ("op", "args", "shape", "value", "tex")
    __array_priority__ = 1000

    def __init__(
        self,
        op: str,
        args: Sequence[Expr] = (),
        shape: Shape = None,
        value: Any = None,
        tex: str | None = None,
    ) -> None:
        self.op, self.args, self.shape, self.value, self.tex = op, tuple(args), shape, value, tex

    # -- building -------------------------------------------------------------------------
    def __add__(self, other: Any) -> Expr:
        a, b = self, lift(other)
        if is_bare_zero(b) and a.shape is not None:
            b = zero(*a.shape)
        if is_bare_zero(a) and b.shape is not None:
            a = zero(*b.shape)
        if a.shape != b.shape:
            try:
                a, b = as_scalar(a), as_scalar(b)
            except ShapeError:
                raise ShapeError(
                    f"cannot add {plain(self)} ({describe_shape(self.shape)}) and "
                    f"{plain(b)} ({describe_shape(b.shape)}): the sizes differ"
                ) from None
        left = a.args if a.op == "add" else (a,)
        right = b.args if b.op == "add" else (b,)
        return Expr("add", left + right, a.shape)

    def __radd__(self, other: Any) -> Expr:
        return lift(other) + self

    def __neg__(self) -> Expr:
        return Expr("neg", (self,), self.shape)

    def __sub__(self, other: Any) -> Expr:
        b = lift(other)
        if is_bare_zero(b) and self.shape is not None:
            b = zero(*self.shape)
        if b.op == "add":  # keep "a - (b + c)" as it was typed
            b = Expr("group", (b,), b.shape)
        return self + (-b)

    def __rsub__(self, other: Any) -> Expr:
        return lift(other) - self

    def __mul__(self, other: Any) -> Expr:
        a, b = self, lift(other)
        if a.shape and b.shape and a.shape[1] != b.shape[0]:
            if a.shape == (1, 1):
                a = as_scalar(a)
            elif b.shape == (1, 1):
                b = as_scalar(b)
            else:
                raise ShapeError(_product_message(a, b))
        shape = (a.shape[0], b.shape[1]) if a.shape and b.shape else (a.shape or b.shape)
        left = a.args if a.op == "mul" else (a,)
        right = b.args if b.op == "mul" else (b,)
        return Expr("mul", left + right, shape)

    def __rmul__(self, other: Any) -> Expr:
        return lift(other) * self

    __matmul__ = __mul__

    def __truediv__(self, other: Any) -> Expr:
        other = lift(other)
        if is_bare_zero(other):
            raise ShapeError(f"{plain(self)} is divided by zero")
        if other.shape is not None and other.shape != (1, 1):
            raise ShapeError(
                f"cannot divide by {plain(other)}, which is {describe_shape(other.shape)}: "
                "multiply by an inverse, A.I * B or B * A.I"
            )
        # one 1 x 1 matrix over another is a ratio of numbers
        over = as_scalar(self) if self.shape == other.shape == (1, 1) else self
        return Expr("div", (over, as_scalar(other)), over.shape)

    def __rtruediv__(self, other: Any) -> Expr:
        return lift(other) / self

    def __pow__(self, exponent: int) -> Expr:
        whole = isinstance(exponent, int | sp.Integer) and not isinstance(exponent, bool)
        if not whole or (self.shape and exponent < 1):
            raise ShapeError(f"power {exponent}: write an inverse as .I; powers are whole numbers")
        if self.shape and self.shape[0] != self.shape[1]:
            raise ShapeError(f"{plain(self)} is {describe_shape(self.shape)}: it has no powers")
        return Expr("power", (self,), self.shape, int(exponent))

    @property
    def T(self) -> Expr:
        """The transpose."""
        if self.shape is None:
            raise ShapeError(f"{plain(self)} is a scalar: it has no transpose")
        return Expr("transpose", (self,), (self.shape[1], self.shape[0]))

    @property
    def I(self) -> Expr:  # noqa: E743 - the blackboard's name for an inverse
        """The inverse."""
        if self.shape is None or self.shape[0] != self.shape[1]:
            raise ShapeError(
                f"{plain(self)} is {describe_shape(self.shape)}: only square matrices have inverses"
            )
        return Expr("inverse", (self,), self.shape)

    # -- looking --------------------------------------------------------------------------
    def key(self) -> tuple:
        """A hashable copy of the tree: equal keys mean the same typed expression."""
        value = self.value
        if self.op == "d":  # a differential is what it does to the symbols
            value = (value.name, *sorted((str(k), v.key()) for k, v in value.table.items()))
        return (self.op, self.shape, value, tuple(a.key() for a in self.args))

    def walk(self) -> Iterator[Expr]:
        """Every node, definitions opened."""
        yield self
        for a in self.args:
            yield from a.walk()

    def block_rows(self) -> list[list[Expr]]:
        """The blocks of a block matrix, row by row."""
        r, c = self.value
        return [list(self.args[i * c : (i + 1) * c]) for i in range(r)]

    def latex(self) -> str:
        """LaTeX of the expression as it was typed."""
        return latex(self)

    def __repr__(self) -> str:
        return plain(self)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {latex(self)}$"


def _product_message(a: Expr, b: Expr) -> str:
    assert a.shape and b.shape
    text = (
        f"cannot multiply {plain(a)} ({describe_shape(a.shape)}) by "
        f"{plain(b)} ({describe_shape(b.shape)}): the inner sizes {a.shape[1]} and {b.shape[0]} "
        "differ"
    )
    if a.shape[0] == b.shape[0]:
        text += f"; did you mean ({plain(a)}).T * {plain(b)}?"
    elif a.shape[1] == b.shape[1]:
        text += f"; did you mean {plain(a)} * ({plain(b)}).T?"
    return text


# -- constructors --------------------------------------------------------------------------
def lift(x: Any) -> Expr:
    """A Python or SymPy number as an expression; an expression as it is.

    Raises
    ------
    ShapeError
        For what is no exact number: a float, a truth value, a text, an infinity, a SymPy matrix.
    """
    if isinstance(x, Expr):
        return x
    if isinstance(x, bool | str) or not isinstance(x, Rational | float | sp.Basic):
        raise ShapeError(f"{x!r} is neither an expression nor an exact number")
    value = sp.sympify(x)
    if isinstance(x, float) or value.has(sp.Float):
        raise ShapeError(f"{x} is a float: write exact numbers, Rational(1, 2) for a half")
    if not isinstance(value, sp.Expr) or not value.is_commutative or value.has(*NOT_NUMBERS):
        raise ShapeError(f"{x} is not a number that is exact, finite and real")
    return Expr("number", value=value)


def is_bare_zero(x: Expr) -> bool:
    return x.op == "number" and x.value == 0


def as_scalar(x: Any) -> Expr:
    """A 1 x 1 matrix read as a number, as in log(y'y).

    Raises
    ------
    ShapeError
        When x is neither a number nor 1 x 1.
    """
    x = lift(x)
    if x.shape is None:
        return x
    if x.shape == (1, 1):
        return -as_scalar(x.args[0]) if x.op == "neg" else Expr("scalar", (x,))
    raise ShapeError(f"{plain(x)} is {describe_shape(x.shape)}, not a scalar")


def size(n: Any) -> Dimension:
    """A number of rows or columns: a dimension, a whole number, or a sum or product of these.

    Raises
    ------
    ShapeError
        When it cannot be a number of rows: a fraction, zero, something negative.
    """
    n = lift(n)
    value = sp.expand(n.value) if n.op == "number" else None
    if value is None or value.is_integer is not True or value.is_positive is False:
        raise ShapeError(f"{plain(n)} is not a number of rows or columns")
    return value


def eye(n: Any) -> Expr:
    """The identity matrix I_n.

    Raises
    ------
    ShapeError
        When a size cannot be a number of rows.
    """
    return Expr("eye", shape=(size(n), size(n)))


def zero(r: Any, c: Any = None) -> Expr:
    """The zero matrix with r rows and c columns.

    Raises
    ------
    ShapeError
        When a size cannot be a number of rows.
    """
    return Expr("zero", shape=(size(r), size(r if c is None else c)))


def _square(op: str, x: Expr) -> Expr:
    if x.shape is None or x.shape[0] != x.shape[1]:
        raise ShapeError(f"{op} of {plain(x)} ({describe_shape(x.shape)}): it must be square")
    return Expr(op, (x,))


def tr(x: Expr) -> Expr:
    """Trace.

    Raises
    ------
    ShapeError
        When x is not square.
    """
    return _square("trace", x)


def det(x: Expr) -> Expr:
    """Determinant, with its sign.

    Raises
    ------
    ShapeError
        When x is not square.
    """
    return _square("det", x)


def logdet(x: Expr) -> Expr:
    """log |det x|, the logarithm of the absolute value of the determinant.

    Raises
    ------
    ShapeError
        When x is not square.
    """
    return _square("logdet", x)


def log(x: Any) -> Expr:
    """Natural logarithm of (the absolute value of) a scalar.

    Raises
    ------
    ShapeError
        When x is neither a number nor 1 x 1.
    """
    return Expr("log", (as_scalar(x),))


def expectation(x: Any) -> Expr:
    """Expectation over the Gaussian vectors of the setting.

    Raises
    ------
    ShapeError
        When x is neither a number nor 1 x 1.
    """
    return Expr("expectation", (as_scalar(x),))


def define(name: str, x: Expr, tex: str | None = None) -> Expr:
    """A named expression: printed by its name, checked as what it stands for."""
    return Expr("define", (x,), x.shape, name, tex or tex_name(name))


def block(rows: Sequence[Sequence[Expr]]) -> Expr:
    """A matrix made of blocks, row by row. The number 0 stands for a zero block.

    Raises
    ------
    ShapeError
        When the blocks of a row differ in height or those of a column in width.
    """
    cells = [[lift(x) for x in row] for row in rows]
    if len({len(row) for row in cells}) != 1:
        raise ShapeError("the rows of a block matrix must have equally many blocks")
    heights = [next((x.shape[0] for x in row if x.shape), None) for row in cells]
    widths = [next((x.shape[1] for x in col if x.shape), None) for col in zip(*cells, strict=True)]
    if None in heights or None in widths:
        raise ShapeError("a row or a column of plain zeros has no size: write zero(r, c)")
    flat = []
    for i, row in enumerate(cells):
        for j, x in enumerate(row):
            x = zero(heights[i], widths[j]) if is_bare_zero(x) else x
            if x.shape != (heights[i], widths[j]):
                raise ShapeError(
                    f"block ({i + 1},{j + 1}) {plain(x)} is {describe_shape(x.shape)}, but its row "
                    f"and column ask for {heights[i]} x {widths[j]}"
                )
            flat.append(x)
    shape = (sp.expand(sp.Add(*heights)), sp.expand(sp.Add(*widths)))
    return Expr("block", flat, shape, value=(len(heights), len(widths)))


def match_shapes(lhs: Any, rhs: Any) -> tuple[Expr, Expr]:
    """Both sides of a claim, a 1 x 1 matrix read as a number where the other side is one.

    Raises
    ------
    ShapeError
        When the sizes differ.
    """
    lhs, rhs = lift(lhs), lift(rhs)
    if lhs.shape != rhs.shape:
        if is_bare_zero(rhs) and lhs.shape:
            return lhs, zero(*lhs.shape)
        if is_bare_zero(lhs) and rhs.shape:
            return zero(*rhs.shape), rhs
        if {lhs.shape, rhs.shape} <= {None, (1, 1)}:
            return as_scalar(lhs), as_scalar(rhs)
        raise ShapeError(
            f"{plain(lhs)} = {plain(rhs)}: the left side is {describe_shape(lhs.shape)}, the right "
            f"side {describe_shape(rhs.shape)}"
        )
    return lhs, rhs
