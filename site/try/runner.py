"""Runs the code of a box of the page "Try it", and says what to show.

It runs in the reader's browser, and in tests/test_try.py.
"""

import ast
import contextlib
import io
import linecache
import traceback

NAME = "<your code>"
LOCAL = ("numpy", "scipy", "pandas", "matplotlib")


def run(source: str) -> list[tuple[str, str]]:
    """What the code prints, the value of its last line, or what went wrong.

    Each part is a pair: the kind (``text``, ``html``, ``tex``, ``refused`` or ``error``) and the
    content. Every run begins with no names but those that it imports or defines.
    """
    printed, parts = io.StringIO(), []
    linecache.cache[NAME] = (len(source), None, source.splitlines(keepends=True), NAME)
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            parts = shown(value_of(source))
    except BaseException as error:
        parts = [trouble(error)]
    if printed.getvalue():
        parts.insert(0, ("text", printed.getvalue()))
    return parts


def value_of(source: str):
    tree = ast.parse(source, NAME)
    names = {"__name__": "__main__"}
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, NAME, "exec"), names)
    if last is None:
        return None
    return eval(compile(ast.Expression(last.value), NAME, "eval"), names)


def shown(value) -> list[tuple[str, str]]:
    """A value as a notebook shows it."""
    if value is None:
        return []
    for method, kind in (("_repr_html_", "html"), ("_repr_latex_", "tex")):
        text = getattr(value, method, lambda: None)() if not isinstance(value, type) else None
        if text:
            return [(kind, text.strip("$"))] if kind == "tex" else [(kind, text)]
    return [("text", repr(value))]


def trouble(error: BaseException) -> tuple[str, str]:
    """What went wrong, with the line of the reader's code, not of ours."""
    if isinstance(error, SyntaxError) and error.filename == NAME:
        return "error", f"Line {error.lineno}: {error.msg}"
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == NAME]
    where = f"Line {lines[-1]}: " if lines else ""
    if isinstance(error, ModuleNotFoundError) and (error.name or "").split(".")[0] in LOCAL:
        return "error", f"{where}{error.name} is not on this page. It needs Python on a computer."
    from matrixproof import ProofError

    if isinstance(error, ProofError):
        return "refused", str(error).replace("$", "")
    return "error", f"{where}{type(error).__name__}: {error}"
