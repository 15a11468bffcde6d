"""How results look: HTML for the page, LaTeX for print, plain text for terminals.

Only what the checker holds is printed here; nothing is typed a second time.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from matrixproof.language.errors import ProofError
from matrixproof.language.expressions import Expr
from matrixproof.language.printing import latex, plain, sympy_latex

if TYPE_CHECKING:
    from matrixproof.page.derivation import Derivation, Result
    from matrixproof.page.refutation import Refutation

LONG = 50  # characters of plain text; a longer line has its reason below it
MARKS = {"proved": "✓", "instances": "≈"}


def math(tex: str) -> str:
    """Inline mathematics in display style, for MathJax."""
    return f'<span class="math">\\(\\displaystyle {escape(tex, quote=False)}\\)</span>'


def words(text: str) -> str:
    """Prose with ``$...$`` as mathematics."""
    parts = re.split(r"\$(.+?)\$", text)
    return "".join(
        f'<span class="math">\\({escape(x, quote=False)}\\)</span>' if i % 2 else escape(x)
        for i, x in enumerate(parts)
    )


def plain_words(text: str) -> str:
    return text.replace("$", "")


def quantifier_tex(d: Derivation) -> str:
    dims = ",\\, ".join(sympy_latex(x) for x in d.setting.dimensions)
    conditions = ",\\, ".join(sympy_latex(c) for c in d.setting.conditions)
    return dims + (rf"\ \text{{with}}\ {conditions}" if conditions else "")


def heading(result: Result | Refutation | None, default: str) -> str:
    if result is None or not (result.name or result.title):
        return f'<p class="title">{default}</p>'
    cites = "".join(f' <span class="cite">{escape(c)}</span>' for c in result.cites)
    return f'<p class="title">{words(result.title)}{cites}</p>'


def status_words(d: Derivation) -> str:
    """How far a derivation was checked, as prose for `words`."""
    if d.status == "proved":
        return f"proved for all ${quantifier_tex(d)}$"
    tested = min(line.instances for line in d.lines[1:] if line.status == "instances")
    return f"checked on {tested} exact instances, not proved in general"


def derivation_html(d: Derivation, result: Result | None = None) -> str:
    rows = [f'<li class="start">{math(latex(d.lines[0].expression))}</li>']
    for line in d.lines[1:]:
        mark = MARKS[line.status]
        label = "proved" if line.status == "proved" else "checked on instances only"
        reason = f'<span class="reason">{words(line.reason)}</span>' if line.reason else ""
        long = ' class="long"' if len(plain(line.expression)) > LONG else ""
        rows.append(
            f"<li{long}>{math('= ' + latex(line.expression))}{reason}"
            f'<span class="status" role="img" aria-label="{label}">{mark}</span></li>'
        )
    where = _where(d.definitions())
    anchor = f' id="{escape(result.name)}"' if result and result.name else ""
    verdict = f'<p class="verdict">{words(status_words(d))}</p>' if len(d.lines) > 1 else ""
    return (
        f'<div class="derivation"{anchor}>{heading(result, "Derivation")}'
        f'<ol class="lines" start="0">{"".join(rows)}</ol>{where}{verdict}{_fold_out(d)}</div>'
    )


def _where(definitions: list[Expr]) -> str:
    items = "".join(f"<li>{math(str(x.tex) + ' = ' + latex(x.args[0]))}</li>" for x in definitions)
    return f'<p class="where">where</p><ul class="where">{items}</ul>' if items else ""


def _fold_out(d: Derivation) -> str:
    parts = []
    assumptions = d.all_assumptions()
    if assumptions:
        items = "".join(f"<li>{words(x)}</li>" for x in assumptions)
        parts.append(f"<p>Assumptions:</p><ul>{items}</ul>")
    rows = []
    for number, line in enumerate(d.lines[1:], start=1):
        used = [tidy(x) for x in line.relations] + [f"“{x}”" for x in line.lemmas]
        how = ", ".join(words(x) for x in used) or "multiplying out alone"
        rows.append(f"<li>line {number}: {how}; {line.instances} exact instances agree</li>")
    if rows:
        parts.append(f"<p>Used, line by line:</p><ul>{''.join(rows)}</ul>")
    small = _small_case(d)
    if small:
        parts.append(f"<p>One exact instance:</p><p>{small}</p>")
    if not parts:
        return ""
    return f"<details><summary>How this was checked</summary>{''.join(parts)}</details>"


def tidy(relation: str) -> str:
    r"""A relation's name for `words`: an equation as mathematics, plain text in \text{}.

    A name that holds mathematics of its own, the title of a cited result, is prose already.
    """
    if "$" in relation:
        return f"“{relation}”"
    return f"${relation}$" if "\\" in relation or "=" in relation else rf"$\text{{{relation}}}$"


def _small_case(d: Derivation) -> str:
    for n in (2, 3, 4):
        for rest in (1, 2):
            names = list(d.setting.dims)
            sizes = {x: (n if i == 0 else rest) for i, x in enumerate(names)}
            try:
                case = d.on(**sizes)
            except ProofError:
                continue
            values, _ = case.counterexample.latex()
            chunks = [math(v) for v in values.split(r",\quad ")]
            common = math(r"\text{every line} = " + sympy_latex(case.counterexample.left))
            return ", ".join(chunks) + " give " + common
    return ""


def refutation_html(r: Refutation) -> str:
    given = ""
    if r.given:
        items = ", ".join(math(f"{latex(a)} = {latex(b)}") for a, b in r.given)
        given = f"<p>Given {items}, it is not true that</p>"
    values, sides = r.counterexample.latex()
    chunks = ", ".join(math(v) for v in values.split(r",\quad "))
    anchor = f' id="{escape(r.name)}"' if r.name else ""
    return (
        f'<div class="refutation"{anchor}>{heading(r, "Refuted")}{given}'
        f'<p class="claim">{math(latex(r.lhs) + " = " + latex(r.rhs))}'
        f'<span class="status" role="img" aria-label="false">✗</span></p>'
        f"{_where(r.definitions())}"
        f"<p>False: with {chunks} the two sides are {math(sides)}</p></div>"
    )


def derivation_latex(d: Derivation, result: Result | None = None) -> str:
    lines = [latex(d.lines[0].expression)]
    for i, line in enumerate(d.lines[1:]):
        reason = rf" && \text{{{line.reason}}}" if line.reason else ""
        lead = "&= " if i or len(d.lines) > 1 else ""
        lines.append(lead + latex(line.expression) + reason)
    first = lines[0] + (" " + lines[1] if len(lines) > 1 else "")
    body = r" \\ ".join([first, *lines[2:]])
    where = r" \\ ".join(
        rf"&\text{{where }} {x.tex} = {latex(x.args[0])}" for x in d.definitions()
    )
    body += rf" \\ {where}" if where else ""
    return rf"$$\begin{{aligned}} {body} \end{{aligned}}$$"


def refutation_latex(r: Refutation) -> str:
    values, sides = r.counterexample.latex()
    claim = rf"{latex(r.lhs)} \overset{{\text{{false}}}}{{=}} {latex(r.rhs)}"
    return rf"$$\begin{{gathered}} {claim} \\ {values} \\ {sides} \end{{gathered}}$$"


def derivation_text(d: Derivation, result: Result | None = None) -> str:
    out = [result.title] if result and result.title else []
    width = max(len(plain(line.expression)) for line in d.lines)
    out.append("    " + plain(d.lines[0].expression))
    for line in d.lines[1:]:
        text = plain(line.expression).ljust(min(width, 60))
        out.append(f"  = {text}  {MARKS[line.status]} {plain_words(line.reason)}".rstrip())
    out += [f"  where {x.value} = {plain(x.args[0])}" for x in d.definitions()]
    if len(d.lines) > 1:
        if d.status == "proved":
            out.append(f"  proved for all {d.quantifier()}")
        else:
            out.append("  " + status_words(d))
    return "\n".join(out)


def equation_html(title: str, left: str, right: str, how: str, name: str,
                  cites: tuple[str, ...]) -> str:  # fmt: skip
    """A claim about explicit SymPy expressions, and how it was checked."""
    tags = "".join(f' <span class="cite">{escape(c)}</span>' for c in cites)
    anchor = f' id="{escape(name)}"' if name else ""
    return (
        f'<div class="derivation"{anchor}><p class="title">{words(title)}{tags}</p>'
        f'<ol class="lines"><li class="alone">{math(f"{left} = {right}")}'
        f'<span class="status" role="img" aria-label="checked">✓</span></li></ol>'
        f'<p class="verdict">{words(how)}</p></div>'
    )
