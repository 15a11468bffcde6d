"""How expressions are written: LaTeX and plain text, each as it was typed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import sympy as sp

if TYPE_CHECKING:
    from matrixproof.language.expressions import Expr, Shape

GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi rho sigma tau phi chi psi "
    "omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"
).split()


# -- names ---------------------------------------------------------------------------------
def tex_name(name: str) -> str:
    r"""LaTeX of a plain name: ``Sigma_i`` is ``\Sigma_{i}``, ``sigma2`` is ``\sigma^{2}``."""
    derivative = re.fullmatch(r"d(\w+?)_d(\w+)", name)  # as `Declarations.partial` names them
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


def sympy_latex(x: Any) -> str:
    """SymPy's LaTeX, with names as `tex_name` reads them: sigma2 is the square of sigma."""
    names = {s: tex_name(s.name) for s in sp.sympify(x).free_symbols}
    return sp.latex(x, symbol_names=names)


def describe_shape(shape: Shape) -> str:
    return "scalar" if shape is None else f"{shape[0]} x {shape[1]}"


# -- expressions ---------------------------------------------------------------------------
# How tightly a text holds together; inside one that binds tighter it stands in brackets.
SUM, NEGATED, FACTOR, BASE, WHOLE = 1, 2, 3, 8, 9
Written = tuple[str, int]


def latex(e: Expr, within: int = 0) -> str:
    """LaTeX of an expression as it was typed."""
    return _within(LATEX[e.op](e), within, r"\left(", r"\right)")


def plain(e: Expr, within: int = 0) -> str:
    """Plain text of an expression as it was typed: A' for the transpose, inv(A) for the inverse."""
    return _within(PLAIN[e.op](e), within, "(", ")")


def _within(written: Written, within: int, left: str, right: str) -> str:
    text, holds = written
    return left + text + right if holds < within else text


def _number(x: sp.Expr, printer: Callable[[sp.Expr], str]) -> Written:
    negative = x.could_extract_minus_sign()
    if x.is_Atom and not negative:
        return printer(x), 4 if x.is_Rational and not x.is_Integer else WHOLE
    return printer(x), SUM if x.is_Add or negative else 4


def _sum(terms: Sequence[Expr], write: Callable[[Expr, int], str]) -> Written:
    text = write(terms[0], SUM)
    for t in terms[1:]:
        negative = t.op == "neg"
        text += " - " + write(t.args[0], NEGATED) if negative else " + " + write(t, NEGATED)
    return text, SUM


def _ratio_latex(above: Expr, below: Expr) -> Written:
    if above.op == "neg":  # -a/2: the sign goes before the fraction
        rest = _ratio_latex(above.args[0], below)
        return "-" + _within(rest, NEGATED, r"\left(", r"\right)"), SUM
    if below.op == "number" and below.value.is_Integer and above.op != "number":
        # a/2 is printed as (1/2) a, as one writes it
        return rf"\tfrac{{1}}{{{latex(below)}}}\," + latex(above, FACTOR), FACTOR
    return rf"\frac{{{latex(above)}}}{{{latex(below)}}}", 4


def _ratio_plain(above: Expr, below: Expr) -> Written:
    if above.op == "neg":
        return "-" + _within(_ratio_plain(above.args[0], below), NEGATED, "(", ")"), SUM
    return plain(above, FACTOR) + " / " + plain(below, 5), 2


def _transpose_latex(x: Expr) -> Written:
    return (rf"\left({latex(x)}\right)'" if x.op == "inverse" else latex(x, BASE) + "'"), 7


def _power_latex(x: Expr, exponent: int) -> Written:
    base = latex(x, BASE)
    if x.op == "number" and base.endswith("^{2}"):  # the square of sigma^2 is sigma^4
        base, exponent = base.removesuffix("^{2}"), 2 * exponent
    return base + f"^{{{exponent}}}", 7


def _derivative_latex(x: Expr, tex: str) -> Written:
    """A differential, so printed that what it acts on cannot be misread inside a product."""
    base = x.args[0] if x.op in ("inverse", "transpose") else x
    partial = tex.startswith(r"\frac{\partial}")
    if partial and base.op in ("symbol", "define"):
        return tex.replace(r"\frac{\partial}", rf"\frac{{\partial {latex(x)}}}", 1), 5
    if x.op in ("logdet", "log", "d"):
        return tex + latex(x), 5 if x.op == "d" and not partial else 2
    return tex + latex(x, BASE), 2 if partial else 5


def _block_latex(e: Expr) -> Written:
    rows = (" & ".join(map(latex, row)) for row in e.block_rows())
    return r"\begin{bmatrix}" + r" \\ ".join(rows) + r"\end{bmatrix}", WHOLE


def _block_plain(e: Expr) -> Written:
    return "[" + "; ".join(", ".join(map(plain, row)) for row in e.block_rows()) + "]", WHOLE


def _scalar(e: Expr, table: dict[str, Callable[[Expr], Written]]) -> Written:
    """A 1 x 1 matrix read as a number is written as the matrix is."""
    return table[e.args[0].op](e.args[0])


LATEX: dict[str, Callable[[Expr], Written]] = {
    "symbol": lambda e: (str(e.tex), WHOLE),
    "define": lambda e: (str(e.tex), WHOLE),
    "number": lambda e: _number(e.value, sympy_latex),
    "eye": lambda e: (rf"I_{{{sympy_latex(e.shape[0])}}}", WHOLE),
    "zero": lambda e: ("0", WHOLE),
    "add": lambda e: _sum(e.args, latex),
    "group": lambda e: (rf"\left({latex(e.args[0])}\right)", WHOLE),
    "neg": lambda e: ("-" + latex(e.args[0], NEGATED), SUM),
    "mul": lambda e: (r"\,".join(latex(x, FACTOR) for x in e.args), FACTOR),
    "div": lambda e: _ratio_latex(*e.args),
    "inverse": lambda e: (latex(e.args[0], BASE) + "^{-1}", 7),
    "transpose": lambda e: _transpose_latex(e.args[0]),
    "power": lambda e: _power_latex(e.args[0], e.value),
    "scalar": lambda e: _scalar(e, LATEX),
    "trace": lambda e: (rf"\operatorname{{tr}}\left({latex(e.args[0])}\right)", 6),
    "det": lambda e: (rf"\left|{latex(e.args[0])}\right|", 6),
    "logdet": lambda e: (rf"\log\left|{latex(e.args[0])}\right|", 4),
    "log": lambda e: (rf"\log {latex(e.args[0], BASE)}", 4),
    "d": lambda e: _derivative_latex(e.args[0], e.value.tex),
    "expectation": lambda e: (rf"\mathbb{{E}}\left[{latex(e.args[0])}\right]", BASE),
    "block": _block_latex,
}

PLAIN: dict[str, Callable[[Expr], Written]] = {
    "symbol": lambda e: (str(e.value), WHOLE),
    "define": lambda e: (str(e.value), WHOLE),
    "number": lambda e: _number(e.value, str),
    "eye": lambda e: (f"I({e.shape[0]})", WHOLE),
    "zero": lambda e: ("0", WHOLE),
    "add": lambda e: _sum(e.args, plain),
    "group": lambda e: (f"({plain(e.args[0])})", WHOLE),
    "neg": lambda e: ("-" + plain(e.args[0], NEGATED), SUM),
    "mul": lambda e: (" ".join(plain(x, FACTOR) for x in e.args), FACTOR),
    "div": lambda e: _ratio_plain(*e.args),
    "inverse": lambda e: (f"inv({plain(e.args[0])})", WHOLE),
    "transpose": lambda e: (plain(e.args[0], BASE) + "'", BASE),
    "power": lambda e: (plain(e.args[0], BASE) + f"^{e.value}", 7),
    "scalar": lambda e: _scalar(e, PLAIN),
    "trace": lambda e: (f"tr({plain(e.args[0])})", WHOLE),
    "det": lambda e: (f"det({plain(e.args[0])})", WHOLE),
    "logdet": lambda e: (f"logdet({plain(e.args[0])})", WHOLE),
    "log": lambda e: (f"log({plain(e.args[0])})", WHOLE),
    "d": lambda e: (f"{e.value.name}[{plain(e.args[0])}]", WHOLE),
    "expectation": lambda e: (f"E[{plain(e.args[0])}]", WHOLE),
    "block": _block_plain,
}
