"""What cells show, set by TeX: made from the objects, in the kernel (tools/in_kernel.py).

So the printed book shows what the checker holds, as the pages do. The environments and commands are
those of site/ext/book_print.tex. What has no form here is an error of `make pdf`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bs4 import BeautifulSoup, NavigableString, Tag

if TYPE_CHECKING:
    from lmmbook.exercises import Verdict
    from lmmbook.ledger import Table
    from matrixproof import ByEntries, Derivation, Refutation, Result
    from matrixproof.language.expressions import Expr

SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
}  # fmt: skip
MARKS = {"proved": r"\bookyes{}", "instances": r"\bookabout{}"}
WIDE = 96  # characters of a table's line that fit at its natural width
SITE_ONLY = {"relations used", "seconds"}  # columns of the ledger for which paper is too narrow
OPEN = re.compile(r"\\left\s*([(\[.|]|\\[{|])|\\right\s*([)\].|]|\\[}|])")


# -- words and formulas --------------------------------------------------------------------
def escape(text: str) -> str:
    return "".join(SPECIAL.get(c, c) for c in re.sub(r"\s+", " ", text))


def words(text: str) -> str:
    """Prose with ``$...$`` as mathematics."""
    parts = re.split(r"\$(.+?)\$", text)
    return "".join(fitted(x.strip()) if i % 2 else escape(x) for i, x in enumerate(parts))


def display(tex: str) -> str:
    return rf"\displaystyle {tex}".strip()


def fitted(tex: str) -> str:
    """Inline mathematics: of what cannot be broken, no piece may be wider than the line."""
    if not stiff(tex):
        return breakable(tex) if len(looks(tex)) > 30 else f"${tex}$"
    style = r"\displaystyle " if tex.startswith(r"\displaystyle") else ""
    return " ".join(
        rf"\bookfit{{{style}{term}}}" for term in terms(tex.removeprefix(r"\displaystyle"))
    )


def stiff(tex: str) -> bool:
    """Whether a formula has matrices, or long terms that TeX cannot break."""
    if r"\begin{" in tex:
        return True
    return r"\frac" in tex and any(len(looks(term)) > 40 for term in terms(tex))


def looks(tex: str) -> str:
    """About what is seen of a formula, to measure it."""
    return re.sub(r"\\[a-zA-Z]+|[{}^_]|\\.", "", tex)


def terms(tex: str) -> list[str]:
    """A formula cut before the relations, sums and products of matrices at its top level."""
    cut, depth, start, i = [], 0, 0, 0
    tex = tex.strip()
    while i < len(tex):
        match = re.match(r"\\(left|right|begin|end)(?![a-zA-Z])|\\[a-zA-Z]+|\\.", tex[i:])
        word = match.group() if match else tex[i]
        if word in (r"\left", r"\begin", "{"):
            if word == r"\left" and depth == 0 and tex[:i].rstrip().endswith("]") and i > start:
                cut.append(tex[start:i])  # between two matrices of a product
                start = i
            depth += 1
        elif word in (r"\right", r"\end", "}"):
            depth -= 1
        elif depth == 0 and i > start and word in ("=", "+", "-", r"\neq", r"\otimes"):
            before = tex[start:i].strip()
            if before and before not in ("=", "+", "-"):
                cut.append(tex[start:i])
                start = i
        i += len(word)
        if word == r"\left" or word == r"\right":  # its delimiter
            i += len(re.match(r"\s*(\\[a-zA-Z]+|\\.|.)", tex[i:]).group())
    cut.append(tex[start:])
    return [("{}" if re.match(r"[=+-]|\\neq|\\otimes", x.strip()) else "") + x.strip() for x in cut]


def breakable(tex: str) -> str:
    """A long line in a form that TeX can break: within brackets too, if no matrix is in them."""
    if stiff(tex):
        pieces = terms(tex.removeprefix(r"\displaystyle"))
        return " ".join(rf"\bookfit{{\displaystyle {x}}}" for x in pieces)
    size = r"\Bigl\Bigr" if r"\frac" in tex or r"\sum" in tex else r"\bigl\bigr"
    left, right = size[: len(size) // 2], size[len(size) // 2 :]
    loose = OPEN.sub(lambda m: (left + m.group(1)) if m.group(1) else right + m.group(2), tex)
    loose = loose.replace(r"\,", r"\,\allowbreak ")
    return f"${loose}$"


# -- derivations ---------------------------------------------------------------------------
def box(kind: str, title: str, cites: Sequence[str], name: str, parts: Sequence[str]) -> str:
    linked = ", ".join(
        rf"\booklink{{statement:{x.replace('.', '-')}}}{{{escape(x)}}}" for x in cites
    )
    anchor = rf"\bookanchor{{result:{name}}}" if name else ""
    head = rf"\begin{{{kind}}}{{{words(title).strip()}}}{{{linked}}}{anchor}"
    return "\n".join([head, *parts, rf"\end{{{kind}}}"])


def line(tex: str, reason: str = "", mark: str = "") -> str:
    tex = display(tex)
    return rf"\bookline{{{tex}}}{{{words(reason)}}}{{{mark}}}{{{breakable(tex)}}}"


def where(definitions: list[Expr]) -> list[str]:
    from matrixproof.language.printing import latex

    lines = [display(f"{x.tex} = {latex(x.args[0])}") for x in definitions]
    return [
        rf"\bookwhere{{{'where' if i == 0 else ''}}}{{{x}}}{{{breakable(x)}}}"
        for i, x in enumerate(lines)
    ]


def derivation(d: Derivation, result: Result | None = None) -> str:
    from matrixproof.language.printing import latex
    from matrixproof.page.display import status_words

    first, *rest = d.lines
    parts = [line(latex(first.expression))]
    parts += [line("= " + latex(x.expression), x.reason, MARKS[x.status]) for x in rest]
    parts += where(d.definitions())
    if rest:
        parts.append(rf"\bookproved{{{words(status_words(d))}}}")
    if assumptions := d.all_assumptions():
        parts.append(rf"\bookassuming{{{'; '.join(map(words, assumptions))}}}")
    if result is None or not (result.name or result.title):
        return box("bookderivation", "Derivation", (), "", parts)
    return box("bookderivation", result.title, result.cites, result.name, parts)


def finished(result: Result) -> str:
    return derivation(result.derivation, result)


def entries(claim: ByEntries) -> str:
    from matrixproof.language.printing import sympy_latex

    left = claim.left_tex or sympy_latex(claim.left)
    shown = line(f"{left} = {sympy_latex(claim.right)}", mark=MARKS["proved"])
    parts = [shown, rf"\bookproved{{{words(claim.how)}}}"]
    return box("bookderivation", claim.title, claim.cites, claim.name, parts)


def refutation(r: Refutation) -> str:
    from matrixproof.language.printing import latex

    parts = []
    if r.given:
        given = ", ".join(fitted(display(f"{latex(a)} = {latex(b)}")) for a, b in r.given)
        parts.append(rf"\par Given {given}, it is not true that\par")
    parts.append(line(f"{latex(r.lhs)} = {latex(r.rhs)}", mark=r"\bookno{}"))
    parts += where(r.definitions())
    values, sides = r.counterexample.latex()
    chunks = ", ".join(fitted(display(v)) for v in values.split(r",\quad "))
    sides = fitted(display(sides))
    parts.append(rf"\par False: with {chunks} the two sides are {sides}\par")
    title = r.title if r.name or r.title else "Refuted"
    return box("bookrefutation", title, r.cites, r.name, parts)


def verdict(v: Verdict) -> str:
    from lmmbook.exercises.verdict import MARKS, WORDS

    kind = "bookgood" if v.status == "right" else "bookbad"
    said = rf"{MARKS[v.status]} \textbf{{{WORDS[v.status]}}} {words(v.message)}"
    return rf"\begin{{bookverdict}}{{{kind}}}{said}\end{{bookverdict}}"


# -- tables --------------------------------------------------------------------------------
def table(t: Table) -> str:
    """Numbers to the right at their natural width; words in columns that share the line."""
    from lmmbook.ledger import anchor

    kept = [j for j, title in enumerate(t.header) if title not in SITE_ONLY]
    head = [parsed(f"<th>{html.escape(t.header[j])}</th>") for j in kept]
    body = [[parsed(f"<td>{row[j]}</td>") for j in kept] for row in t.html]
    small, columns = widths([head, *body])
    titles = (rf"\bookhead{{{contents(cell)}}}" for cell in head)
    lines = [" & ".join(titles) + r" \\\midrule\endhead"]
    for plain, row in zip(t.rows, body, strict=True):
        address = rf"\bookanchor{{statement:{anchor(plain[0])}}}" if t.anchors else ""
        lines.append(address + " & ".join(map(contents, row)) + r" \\\addlinespace[2pt]")
    size = r"\small" if small else r"\footnotesize"
    return "\n".join(
        [rf"\begin{{booktable}}{{{size}}}\bookcaption{{{words(t.caption)}}}"
         rf"\begin{{longtable}}[l]{{@{{}}{columns}@{{}}}}",
         r"\toprule", *lines, r"\bottomrule", r"\end{longtable}\end{booktable}"]
    )  # fmt: skip


def parsed(cell: str) -> Tag:
    return next(BeautifulSoup(cell, "html.parser").children)


def contents(cell: Tag) -> str:
    """A cell of the ledger: words, mathematics, links, names in code."""
    return "".join(map(piece, cell.children)).strip().removesuffix(r"\par")


def piece(node: Tag | NavigableString) -> str:
    if isinstance(node, NavigableString):
        return escape(str(node))
    inside = "".join(map(piece, node.children))
    match node.name:
        case "span":  # of class math, in \( \)
            return fitted(node.get_text().strip()[2:-2].strip())
        case "a":
            page, _, name = node["href"].partition("#")
            kind = "statement" if page == "statements.html" else "result"
            return rf"\booklink{{{kind}:{name}}}{{{inside}}}" if name else inside
        case "code":  # a name may be broken after a hyphen
            return rf"\texttt{{{inside}}}".replace("-", r"-\allowbreak ")
        case "br":
            return r"\newline "
        case "em":
            return rf"\emph{{{inside}}}"
        case "p" | "div":
            return inside + r"\par "
    raise ValueError(f"a cell of the ledger with the element {node.name}")


def widths(rows: list[list[Tag]]) -> tuple[bool, str]:
    """Whether the rows fit at their natural width, and the columns as longtable is told them."""
    columns = list(zip(*rows, strict=True))
    lengths = [[len(shown(cell)) for cell in column] for column in columns]
    width = [max(column) for column in lengths]
    if sum(width) + 2 * len(columns) <= WIDE:
        numbers = [all(numeric(cell.get_text().strip()) for cell in c[1:]) for c in columns]
        return True, "".join("r" if x else "l" for x in numbers)
    # each column as wide as its longest word, and of the rest what its words ask for
    least = [max(map(longest_word, column)) + 1.5 for column in columns]
    rest = max(WIDE + 4 - sum(least), 0)
    ask = [
        max(0.5 * sum(c) / len(c) + 0.2 * w - a, 0.5)
        for a, c, w in zip(least, lengths, width, strict=True)
    ]
    want = [a + rest * x / sum(ask) for a, x in zip(least, ask, strict=True)]
    share = [w / sum(want) for w in want]
    return False, "".join(rf"K{{{x:.4f}\bookcolumns{{{len(columns)}}}}}" for x in share)


def numeric(text: str) -> bool:
    return bool(re.fullmatch(r"[-−–+]?[\d.,]*(e[-+]?\d+)?%?|<1e-16|-|nan|…|\.\.\.", text))


def shown(cell: Tag) -> str:
    return looks(cell.get_text(" ").strip())


def longest_word(cell: Tag) -> float:
    """What cannot be broken: a word, or mathematics between its relations."""
    cell = parsed(str(cell))
    bold = 1.25 if cell.name == "th" else 1.0
    longest = [1.0]
    for math in cell.find_all(class_="math"):
        longest += [0.9 * len(x) for x in re.split(r"[=+,-]|\\neq", shown(math))]
        math.decompose()
    return min(max([*longest, *(bold * len(w) for w in re.split(r"(?<=-)|\s", shown(cell)))]), 26)


FORMS = {  # by the place of the class, so that nothing is imported before a chapter does
    ("matrixproof.page.derivation", "Derivation"): derivation,
    ("matrixproof.page.derivation", "Result"): finished,
    ("matrixproof.page.entries", "ByEntries"): entries,
    ("matrixproof.page.refutation", "Refutation"): refutation,
    ("lmmbook.exercises.verdict", "Verdict"): verdict,
    ("lmmbook.ledger", "Table"): table,
}
