"""Slips of the pen in Python source: one wrong sign, index, transpose, n for n - p, at a time.

Each is a replacement of a piece of the text, so that the rest of the source stays as it is.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

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
    function: str  # the function it is in, "" for the module itself
    line: int
    start: int  # offsets in the text
    end: int
    new: str
    old: str
    context: str  # its line, and the column in it: what tells it from others like it

    def apply(self, text: str) -> str:
        return text[: self.start] + self.new + text[self.end :]

    def __str__(self) -> str:
        where = self.function or "module"
        return f"{where}: {self.kind}: {self.old} -> {self.new} in {self.context}"


def slips(text: str) -> list[Slip]:
    """All slips in a module's text, in order."""
    starts, total = [0], 0
    for line in text.splitlines(keepends=True):
        total += len(line.encode())
        starts.append(total)
    raw, lines = text.encode(), text.splitlines()

    def offset(line: int, column: int) -> int:
        return len(raw[: starts[line - 1] + column].decode())

    found = []
    for function, node, kind, new in _visit(ast.parse(text), ""):
        start = offset(node.lineno, node.col_offset)
        end = offset(node.end_lineno, node.end_col_offset)
        replacement = ast.unparse(new)
        if replacement == ast.unparse(node):  # s @ s, turned
            continue
        if not isinstance(new, ast.stmt):
            replacement = f"({replacement})"
        old = " ".join(text[start:end].split())
        line = lines[node.lineno - 1]
        before = len(line.encode()[: node.col_offset].decode()) - len(line) + len(line.lstrip())
        context = f"{line.strip()!r}, column {before + 1}"
        found.append(Slip(kind, function, node.lineno, start, end, replacement, old, context))
    return sorted(set(found), key=lambda s: (s.start, s.end, s.kind, s.new))


def _visit(node: ast.AST, function: str) -> Iterator[tuple[str, ast.AST, str, ast.AST]]:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        function = f"{function}.{node.name}" if function else node.name
        parts = [*node.body]
        if isinstance(node, ast.FunctionDef):
            parts += [d for d in (*node.args.defaults, *node.args.kw_defaults) if d is not None]
    elif isinstance(node, (ast.Raise, ast.JoinedStr, ast.Import, ast.ImportFrom, ast.Assert)):
        return  # messages are the matter of other tests
    elif isinstance(node, ast.keyword) and node.arg in SPEED_OR_GUARD:
        return
    elif isinstance(node, ast.AnnAssign):
        parts = [node.value] if node.value else []
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # a docstring
    elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    else:
        parts = [*ast.iter_child_nodes(node)]
        if isinstance(node, ast.Call) and _name(node.func) == "reshape":
            parts = [x for x in parts if not isinstance(x, ast.UnaryOp)]  # any negative size is -1
        if isinstance(node, (ast.If, ast.IfExp, ast.While)) and isinstance(node.test, PLAIN):
            yield function, node.test, "condition", ast.UnaryOp(ast.Not(), node.test)
        for kind, new in _here(node):
            yield function, node, kind, new
    for part in parts:
        yield from _visit(part, function)


def _here(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """The slips at one node."""
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
        case ast.Attribute(value, "T") | ast.Attribute(value, "mT"):
            yield "transpose", value
        case ast.Compare(left, [op], [right]):
            yield "comparison", ast.Compare(left, [NEGATIONS[type(op)]()], [right])
            if type(op) in EDGES and (_whole(left) or _whole(right)):
                yield "edge", ast.Compare(left, [EDGES[type(op)]()], [right])
        case ast.Call(function, [first, second, *rest], keywords) if (
            ast.dump(first) != ast.dump(second)
            and not isinstance(first, ast.Starred)
            and not isinstance(second, ast.Starred)
            and _name(function) not in COMMUTATIVE
        ):
            yield "swapped arguments", ast.Call(function, [second, first, *rest], keywords)
        case ast.Constant(bool() as value):
            yield "constant", ast.Constant(not value)
        case ast.Constant(int() as value):
            yield "off by one", ast.Constant(value + 1)
        case ast.Constant(float() as value) if value:
            small = 0 < abs(value) < 1e-3
            yield "tolerance" if small else "factor 2", ast.Constant(value * (1e3 if small else 2))
    if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords:
        name = _name(node.func)
        if name in FUNCTIONS:
            yield name, node.args[0]


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
