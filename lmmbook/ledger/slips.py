"""Slips of the pen in Python source: one wrong sign, index, transpose, n for n - p, at a time.

Each is a replacement of a piece of the text, so that the rest of the source stays as it is. Slips
belong to the function they are in, and a function is known by its name and its code: an account of
it holds wherever it moves, until its code changes.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import accumulate
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("lmmcore", "lmmbook/exercises", "lmmbook/evidence", "lmmbook/demos")

SWAPS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
NEGATIONS = {
    ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
EDGES = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
PLAIN = (ast.Name, ast.Attribute, ast.Call)
COMMUTATIVE = {
    "min", "max", "minimum", "maximum", "hypot", "allclose", "array_equal", "swapaxes",
    "agreeing_digits",
}  # fmt: skip
# keywords that change no value: a guard over lists made together, SciPy's checks, overwriting
SPEED_OR_GUARD = {"strict", "check_finite", "clean", "overwrite_a", "overwrite_b", "overwrite_c"}
FUNCTIONS = {"log", "exp", "sqrt", "log1p", "expm1", "abs", "square"}


@dataclass(frozen=True)
class Slip:
    """One wrong place: its kind, what stands there, and what the slip puts in its stead."""

    kind: str
    start: int  # offsets in the text of the module
    end: int
    old: str
    new: str
    statement: str  # the head of the statement that it is in
    place: int  # which it is of those that look the same

    def apply(self, text: str) -> str:
        return text[: self.start] + self.new + text[self.end :]

    def __str__(self) -> str:
        again = f", place {self.place}" if self.place > 1 else ""
        return f"{self.kind}: {self.old} -> {self.new} in {self.statement!r}{again}"


@dataclass(frozen=True)
class Unit:
    """A function or method with all that is nested in it, or a statement outside of them."""

    name: str  # of a statement, the class it is in, if any
    tree: str  # its syntax, without docstrings, annotations and imports
    lines: range  # that run when it is called
    slips: tuple[Slip, ...]

    @property
    def key(self) -> str:
        """What an account knows it by."""
        return f"{self.name or 'module'} {sha256(self.tree.encode()).hexdigest()[:12]}"


def modules() -> list[Path]:
    """The modules whose slips are tried, the exercises themselves apart."""
    found = (path for folder in PACKAGES for path in sorted((ROOT / folder).rglob("*.py")))
    return [path for path in found if "bank" not in path.parts]


def units(text: str) -> list[Unit]:
    """The functions and other statements of a module's text that can go wrong, in order."""
    offset = _offsets(text)
    tree = _Bare().visit(ast.parse(text))
    found = [_unit(node, name, offset) for node, name in _outermost(tree, "")]
    return [unit for unit in found if unit.slips]


def _offsets(text: str) -> Callable[[int, int], int]:
    """From a node's line, and its column in bytes, to the place in the text."""
    raw = text.encode()
    starts = [0, *accumulate(len(line.encode()) for line in text.splitlines(keepends=True))]
    return lambda line, column: len(raw[: starts[line - 1] + column].decode())


def _outermost(tree: ast.Module | ast.ClassDef, within: str) -> Iterator[tuple[ast.stmt, str]]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield from _outermost(node, f"{within}{node.name}.")
        elif isinstance(node, ast.FunctionDef):
            yield node, within + node.name
        else:
            yield node, within.removesuffix(".")


def _unit(node: ast.stmt, name: str, offset: Callable[[int, int], int]) -> Unit:
    found = set()
    for statement, part, kind, wrong in _visit(node, ""):
        old, new = ast.unparse(part), ast.unparse(wrong)
        if old != new:  # s @ s, turned, is the same
            start = offset(part.lineno, part.col_offset)
            end = offset(part.end_lineno, part.end_col_offset)
            new = new if isinstance(wrong, ast.stmt) else f"({new})"
            found.add((start, end, kind, old, new, statement))
    alike: Counter = Counter()
    slips = []
    for start, end, kind, *what in sorted(found):
        alike[kind, *what] += 1
        slips.append(Slip(kind, start, end, *what, alike[kind, *what]))
    first = node.body[0] if isinstance(node, ast.FunctionDef) and node.body else node
    return Unit(name, _tree(node), range(first.lineno, node.end_lineno + 1), tuple(slips))


def _tree(node: object) -> str:
    """The syntax tree, the same in every version of Python, without positions."""
    if isinstance(node, ast.AST):
        parts = (f"{name}={_tree(x)}" for name, x in ast.iter_fields(node) if x not in (None, []))
        return f"{type(node).__name__}({', '.join(parts)})"
    return f"[{', '.join(map(_tree, node))}]" if isinstance(node, list) else repr(node)


class _Bare(ast.NodeTransformer):
    """Takes docstrings, annotations and imports away: no slips are made there."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        return None if isinstance(node.value, ast.Constant) else node

    def visit_Import(self, node: ast.Import) -> None:
        return None

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        return None

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)


def _head(statement: ast.stmt) -> str:
    """The statement, or what stands before its colon."""
    return next(line for line in ast.unparse(statement).splitlines() if line[0] != "@")


def _visit(node: ast.AST, statement: str) -> Iterator[tuple[str, ast.AST, str, ast.AST]]:
    if isinstance(node, ast.stmt):
        statement = _head(node)
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        parts = [*node.body]
        if isinstance(node, ast.FunctionDef):
            parts += [d for d in (*node.args.defaults, *node.args.kw_defaults) if d is not None]
    elif isinstance(node, (ast.Raise, ast.JoinedStr, ast.Assert)):
        return  # messages are the matter of other tests
    elif isinstance(node, ast.keyword) and node.arg in SPEED_OR_GUARD:
        return
    elif isinstance(node, ast.AnnAssign):
        parts = [node.value] if node.value else []
    elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    else:
        parts = [*ast.iter_child_nodes(node)]
        if isinstance(node, ast.Call) and _name(node.func) == "reshape":
            parts = [x for x in parts if not isinstance(x, ast.UnaryOp)]  # any negative size is -1
        if isinstance(node, (ast.If, ast.IfExp, ast.While)) and isinstance(node.test, PLAIN):
            yield statement, node.test, "condition", ast.UnaryOp(ast.Not(), node.test)
        for kind, new in (*_of_operators(node), *_of_operands(node)):
            yield statement, node, kind, new
    for part in parts:
        yield from _visit(part, statement)


def _of_operators(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    match node:
        case ast.BinOp(left, ast.MatMult(), right):
            yield "swapped factors", ast.BinOp(right, ast.MatMult(), left)
        case ast.BinOp(left, op, right) if type(op) in SWAPS and not _is_text(node):
            yield type(op).__name__.lower(), ast.BinOp(left, SWAPS[type(op)](), right)
            if isinstance(op, (ast.Add, ast.Sub)):
                yield "dropped term", left
        case ast.AugAssign(target, op, value) if type(op) in SWAPS and not _is_text(value):
            yield type(op).__name__.lower(), ast.AugAssign(target, SWAPS[type(op)](), value)
        case ast.BoolOp(op, values):
            yield type(op).__name__.lower(), ast.BoolOp(SWAPS[type(op)](), values)
        case ast.UnaryOp(ast.USub(), operand) if not _one_from_the_end(node):
            yield "sign", operand
        case ast.UnaryOp(ast.Not(), operand):
            yield "not", operand
        case ast.Compare(left, [op], [right]):
            yield "comparison", ast.Compare(left, [NEGATIONS[type(op)]()], [right])
            if type(op) in EDGES and (_whole(left) or _whole(right)):
                yield "edge", ast.Compare(left, [EDGES[type(op)]()], [right])


def _of_operands(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    match node:
        case ast.Attribute(value, "T") | ast.Attribute(value, "mT"):
            yield "transpose", value
        case ast.Constant(bool() as value):
            yield "constant", ast.Constant(not value)
        case ast.Constant(int() as value):
            yield "off by one", ast.Constant(value + 1)
        case ast.Constant(float() as value) if value:
            small = 0 < abs(value) < 1e-3
            yield "tolerance" if small else "factor 2", ast.Constant(value * (1e3 if small else 2))
        case ast.Call(function, [only], []) if (name := _name(function)) in FUNCTIONS:
            yield name, only
        case ast.Call(function, [first, second, *rest], keywords) if (
            ast.dump(first) != ast.dump(second)
            and not isinstance(first, ast.Starred)
            and not isinstance(second, ast.Starred)
            and _name(function) not in COMMUTATIVE
        ):
            yield "swapped arguments", ast.Call(function, [second, first, *rest], keywords)


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else ast.unparse(function)


def _is_text(node: ast.AST) -> bool:
    return any(
        isinstance(x, ast.JoinedStr) or (isinstance(x, ast.Constant) and isinstance(x.value, str))
        for x in ast.walk(node)
    )


def _whole(node: ast.AST) -> bool:
    """Whether an expression looks like a whole number: there an edge matters."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, int)
    return ast.unparse(node).startswith("len(") or ".shape[" in ast.unparse(node)


def _one_from_the_end(node: ast.UnaryOp) -> bool:
    """-1 as an index or axis: its sign alone is no slip that anyone makes."""
    return isinstance(node.operand, ast.Constant) and node.operand.value == 1
