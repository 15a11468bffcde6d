"""Expressions exactly as they are typed: nothing is simplified, reordered or expanded.

What a reader sees on the page is printed from these trees, and what the prover checks is
translated from the same trees, so the displayed line *is* the checked line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from numbers import Rational
from typing import Any

import sympy as sp

from matrixproof.language.errors import ShapeError

Dimension = sp.Expr
Shape = tuple[Dimension, Dimension] | None

OPERATIONS = (
    "symbol number eye zero add neg group mul div inverse transpose power scalar trace det logdet "
    "log d expectation define block"
).split()
NOT_NUMBERS = (sp.oo, -sp.oo, sp.zoo, sp.nan, sp.I)

GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi rho sigma tau phi chi psi "
    "omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"
).split()


def tex_name(name: str) -> str:
    r"""LaTeX of a plain name: ``Sigma_i`` is ``\Sigma_{i}``, ``sigma2`` is ``\sigma^{2}``."""
    derivative = re.fullmatch(r"d(\w+?)_d(\w+)", name)  # as `Setting.partial` names them
    if derivative:
        above, below = map(tex_name, derivative.groups())
        return rf"\frac{{\partial {above}}}{{\partial {below}}}"
    stem, _, index = name.partition("_")
    power = ""
    if stem[-1:].isdigit() and stem.rstrip("0123456789") in ("sigma", "tau"):
        stem, power = stem[:-1], rf"^{{{stem[-1]}}}"
    elif stem[-1:].isdigit() and not index:
        index = stem[len(stem.rstrip("0123456789")) :]
        stem = stem.rstrip("0123456789")
    decoration = ""
    for suffix in ("tilde", "hat", "dot", "bar"):
        if stem.endswith(suffix) and stem != suffix:
            stem, decoration = stem.removesuffix(suffix), suffix
    stem = "\\" + stem if stem in GREEK else stem
    if decoration:
        stem = rf"\{decoration}{{{stem}}}"
    return stem + (rf"_{{{index}}}" if index else "") + power


def describe_shape(shape: Shape) -> str:
    return "scalar" if shape is None else f"{shape[0]} x {shape[1]}"


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

    def latex(self) -> str:
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
        raise ShapeError(f"{x} is not a number of this book: an exact, finite, real scalar")
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


def block_rows(x: Expr) -> list[list[Expr]]:
    r, c = x.value
    return [list(x.args[i * c : (i + 1) * c]) for i in range(r)]


def rebuild(x: Expr, args: Sequence[Expr]) -> Expr:
    """The same node over other arguments; sizes are worked out, and checked, anew."""
    if x.op in ("add", "mul"):
        out = args[0]
        for a in args[1:]:
            out = out + a if x.op == "add" else out * a
        return out
    match x.op:
        case "neg":
            return -args[0]
        case "div":
            return args[0] / args[1]
        case "inverse":
            return args[0].I
        case "transpose":
            return args[0].T
        case "power":
            return args[0] ** x.value
        case "scalar":
            return as_scalar(args[0])
        case "group" | "define" | "d":
            return Expr(x.op, args, args[0].shape, x.value, x.tex)
        case "trace" | "det" | "logdet":
            return _square(x.op, args[0])
        case "log" | "expectation":
            return Expr(x.op, (as_scalar(args[0]),))
        case "block":
            r, c = x.value
            return block([args[i * c : (i + 1) * c] for i in range(r)])
    return x


def substitute(x: Expr, matrices: Mapping[str, Expr], scalars: Mapping[sp.Symbol, sp.Expr]) -> Expr:
    """Replace matrix symbols by expressions, scalars and dimensions by SymPy expressions."""
    scalars = dict(scalars)
    if x.op == "symbol":
        return matrices.get(x.value, x)
    if x.op == "number":
        return lift(x.value.subs(scalars, simultaneous=True))
    if x.op in ("eye", "zero"):
        r, c = (size(s.subs(scalars, simultaneous=True)) for s in x.shape)
        return Expr(x.op, shape=(r, c))
    return rebuild(x, [substitute(a, matrices, scalars) for a in x.args])


def definitions_in(expressions: Iterable[Expr]) -> list[Expr]:
    """The named expressions in some expressions, in order of appearance."""
    out: dict[str, Expr] = {}
    for e in expressions:
        for node in e.walk():
            if node.op == "define":
                out.setdefault(node.value, node)
    return list(out.values())


# -- printing ------------------------------------------------------------------------------
# Precedences: 0 sum allowed, 1 term of a sum, 2 after a minus sign, 3 factor, 8 base of a power.
def _number(x: sp.Expr, printer: Callable[[sp.Expr], str]) -> tuple[str, int]:
    negative = x.could_extract_minus_sign()
    if x.is_Atom and not negative:
        return printer(x), 9 if not (x.is_Rational and not x.is_Integer) else 4
    return printer(x), 1 if x.is_Add or negative else 4


def sympy_latex(x: Any) -> str:
    """SymPy's LaTeX with the names of this book (sigma2 is the square of sigma)."""
    names = {s: tex_name(s.name) for s in sp.sympify(x).free_symbols}
    return sp.latex(x, symbol_names=names)


def latex(e: Expr, prec: int = 0) -> str:
    """LaTeX of an expression as it was typed."""
    op, a = e.op, e.args
    match op:
        case "symbol" | "define":
            return str(e.tex)
        case "number":
            out, p = _number(e.value, sympy_latex)
        case "eye":
            return rf"I_{{{sympy_latex(e.shape[0])}}}"
        case "zero":
            return "0"
        case "add":
            out, p = latex(a[0], 1), 1
            for t in a[1:]:
                out += " - " + latex(t.args[0], 2) if t.op == "neg" else " + " + latex(t, 2)
        case "group":
            return rf"\left({latex(a[0])}\right)"
        case "neg":
            out, p = "-" + latex(a[0], 2), 1
        case "mul":
            out, p = r"\,".join(latex(t, 3) for t in a), 3
        case "div" if a[0].op == "neg":  # -a/2: the sign goes before the fraction
            out, p = "-" + latex(Expr("div", (a[0].args[0], a[1]), e.shape), 2), 1
        case "div":
            one_over = a[1].op == "number" and a[1].value.is_Integer and a[0].op != "number"
            if one_over:  # a/2 prints as (1/2) a, as one writes it
                return _wrap(rf"\tfrac{{1}}{{{latex(a[1])}}}\," + latex(a[0], 3), 3, prec)
            return _wrap(rf"\frac{{{latex(a[0])}}}{{{latex(a[1])}}}", 4, prec)
        case "inverse":
            out, p = latex(a[0], 8) + "^{-1}", 7
        case "transpose":
            inner = latex(a[0], 8)
            out, p = (rf"\left({latex(a[0])}\right)'" if a[0].op == "inverse" else inner + "'"), 7
        case "power":
            base, exponent = latex(a[0], 8), e.value
            if a[0].op == "number" and base.endswith("^{2}"):  # the square of sigma^2 is sigma^4
                base, exponent = base.removesuffix("^{2}"), 2 * exponent
            out, p = base + f"^{{{exponent}}}", 7
        case "scalar":
            return latex(a[0], prec)
        case "trace":
            out, p = rf"\operatorname{{tr}}\left({latex(a[0])}\right)", 6
        case "det":
            out, p = rf"\left|{latex(a[0])}\right|", 6
        case "logdet":
            out, p = rf"\log\left|{latex(a[0])}\right|", 4
        case "log":
            out, p = rf"\log {latex(a[0], 8)}", 4
        case "d":
            out, p = _derivative(e)
        case "expectation":
            out, p = rf"\mathbb{{E}}\left[{latex(a[0])}\right]", 8
        case "block":
            rows = [" & ".join(latex(x) for x in row) for row in block_rows(e)]
            return r"\begin{bmatrix}" + r" \\ ".join(rows) + r"\end{bmatrix}"
    return _wrap(out, p, prec)


def _derivative(e: Expr) -> tuple[str, int]:
    """A differential, so printed that what it acts on cannot be misread inside a product."""
    x, tex = e.args[0], e.value.tex
    base = x.args[0] if x.op in ("inverse", "transpose") else x
    partial = tex.startswith(r"\frac{\partial}")
    if partial and base.op in ("symbol", "define"):
        return tex.replace(r"\frac{\partial}", rf"\frac{{\partial {latex(x)}}}", 1), 5
    if x.op in ("logdet", "log", "d"):
        return tex + latex(x), 5 if x.op == "d" and not partial else 2
    return tex + latex(x, 8), 2 if partial else 5


def _wrap(out: str, own: int, wanted: int) -> str:
    return rf"\left({out}\right)" if own < wanted else out


def plain(e: Expr, prec: int = 0) -> str:
    """Plain text of an expression as it was typed: A' for the transpose, inv(A) for the inverse."""
    op, a = e.op, e.args
    match op:
        case "symbol" | "define":
            return str(e.value)
        case "number":
            out, p = _number(e.value, str)
        case "eye":
            return f"I({e.shape[0]})"
        case "zero":
            return "0"
        case "add":
            out, p = plain(a[0], 1), 1
            for t in a[1:]:
                out += " - " + plain(t.args[0], 2) if t.op == "neg" else " + " + plain(t, 2)
        case "group":
            return f"({plain(a[0])})"
        case "neg":
            out, p = "-" + plain(a[0], 2), 1
        case "mul":
            out, p = " ".join(plain(t, 3) for t in a), 3
        case "div" if a[0].op == "neg":
            out, p = "-" + plain(Expr("div", (a[0].args[0], a[1]), e.shape), 2), 1
        case "div":
            out, p = plain(a[0], 3) + " / " + plain(a[1], 5), 2
        case "inverse":
            return f"inv({plain(a[0])})"
        case "transpose":
            out, p = plain(a[0], 8) + "'", 8
        case "power":
            out, p = plain(a[0], 8) + f"^{e.value}", 7
        case "scalar":
            return plain(a[0], prec)
        case "trace":
            return f"tr({plain(a[0])})"
        case "det" | "logdet" | "log":
            return f"{op}({plain(a[0])})"
        case "d":
            return f"{e.value.name}[{plain(a[0])}]"
        case "expectation":
            return f"E[{plain(a[0])}]"
        case "block":
            return "[" + "; ".join(", ".join(plain(x) for x in r) for r in block_rows(e)) + "]"
    return f"({out})" if p < prec else out
