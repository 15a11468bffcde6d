"""What cells show as HTML, in TeX: the derivations, tables and verdicts of the book, nothing else.

So the printed book shows what the pages show, which is what was checked. An element that is not
known here is an error (`Unknown`), which fails `make pdf`.
"""

from __future__ import annotations

import re

from bs4 import BeautifulSoup, NavigableString, Tag

SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
}  # fmt: skip
PLAIN = {"em": r"\emph{%s}", "strong": r"\textbf{%s}", "b": r"\textbf{%s}", "br": r"\newline "}
PLAIN |= {"sup": r"\textsuperscript{%s}", "span": "%s"}
WIDE = 96  # characters of a table's line that fit at its natural width
SITE_ONLY = {"relations used", "seconds"}  # columns of the ledger for which paper is too narrow
OPEN = re.compile(r"\\left\s*([(\[.|]|\\[{|])|\\right\s*([)\].|]|\\[}|])")


class Unknown(Exception):
    """HTML that has no form in print."""


def convert(html: str) -> str:
    soup = BeautifulSoup(html, "html.parser")
    return "\n".join(block(child) for child in soup.children if not blank(child)) + "\n"


def blank(node) -> bool:
    return isinstance(node, NavigableString) and not node.strip()


def escape(text: str) -> str:
    return "".join(SPECIAL.get(c, c) for c in text)


def block(node: Tag) -> str:
    """An element that stands by itself."""
    if isinstance(node, NavigableString):
        return escape(str(node))
    classes = node.get("class", [])
    if node.name == "div" and "derivation" in classes:
        return derivation(node)
    if node.name == "div" and "refutation" in classes:
        return refutation(node)
    if node.name == "div" and "verdict" in classes:
        kind = "good" if "verdict-right" in classes else "bad"
        return rf"\begin{{bookverdict}}{{book{kind}}}{inline(node.p)}\end{{bookverdict}}"
    if node.name == "div":
        return "\n".join(block(child) for child in node.children if not blank(child))
    if node.name == "table":
        return table(node)
    if node.name == "p":
        return inline(node) + r"\par "
    raise Unknown(f"the HTML element {node.name}")


def inline(node: Tag) -> str:
    """What stands in a line: words, mathematics, links."""
    return "".join(piece(child) for child in node.children)


def piece(node) -> str:
    if isinstance(node, NavigableString):
        return escape(re.sub(r"\s+", " ", str(node)))
    classes = node.get("class", [])
    if "math" in classes:
        return fitted(formula(node))
    if "status" in classes:
        return mark(node)
    if node.name == "a":
        return link(node)
    if node.name in ("p", "div"):
        return inline(node) + r"\par "
    if node.name == "code":  # a name may be broken after a hyphen
        return rf"\texttt{{{inline(node)}}}".replace("-", r"-\allowbreak ")
    if node.name in PLAIN:
        frame = PLAIN[node.name]
        return frame % inline(node) if "%s" in frame else frame
    raise Unknown(f"the HTML element {node.name} in a line")


def formula(node: Tag) -> str:
    r"""The TeX of an element of class math, without \( \)."""
    text = node.get_text().strip()
    if not (text.startswith(r"\(") and text.endswith(r"\)")):
        raise Unknown("mathematics without \\( and \\)")
    return text[2:-2].strip()


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


def mark(node: Tag) -> str:
    name = {"✓": "bookyes", "✗": "bookno", "≈": "bookabout"}.get(node.get_text().strip())
    if name is None:
        raise Unknown(f"the mark {node.get_text()!r}")
    return rf"\{name}{{}}"


def link(node: Tag) -> str:
    page, _, name = node["href"].partition("#")
    words = inline(node)
    if not name or "://" in page:
        return words
    kind = "statement" if page == "statements.html" else "result"
    return rf"\booklink{{{kind}:{name}}}{{{words}}}"


def title(box: Tag) -> str:
    head = box.select_one("p.title")
    cites = []
    for cite in head.select("span.cite"):
        cites.append(cite.get_text().strip())
        cite.extract()
    linked = ", ".join(rf"\booklink{{statement:{x}}}{{{escape(x)}}}" for x in cites)
    return f"{{{inline(head).strip()}}}{{{linked}}}"


def anchor(box: Tag) -> str:
    return rf"\bookanchor{{result:{box['id']}}}" if box.get("id") else ""


def derivation(box: Tag) -> str:
    out = [rf"\begin{{bookderivation}}{title(box)}{anchor(box)}"]
    for row in box.select("ol.lines > li"):
        tex = formula(row.find(class_="math", recursive=False))
        reason = row.find(class_="reason", recursive=False)
        status = row.find(class_="status", recursive=False)
        why = inline(reason) if reason else ""
        out.append(
            rf"\bookline{{{tex}}}{{{why}}}{{{mark(status) if status else ''}}}{{{breakable(tex)}}}"
        )
    out += where(box)
    verdict = box.select_one("p.verdict")
    if verdict:
        out.append(rf"\bookproved{{{inline(verdict)}}}")
    details = box.select_one("details")
    if details:
        heading = details.find("p", string="Assumptions:")
        if heading:
            items = heading.find_next_sibling("ul").find_all("li", recursive=False)
            out.append(rf"\bookassuming{{{'; '.join(inline(x) for x in items)}}}")
    return "\n".join([*out, r"\end{bookderivation}"])


def where(box: Tag) -> list[str]:
    items = box.select("ul.where > li")
    lines = [formula(item.find(class_="math")) for item in items]
    return [
        rf"\bookwhere{{{'where' if i == 0 else ''}}}{{{x}}}{{{breakable(x)}}}"
        for i, x in enumerate(lines)
    ]


def refutation(box: Tag) -> str:
    out = [rf"\begin{{bookrefutation}}{title(box)}{anchor(box)}"]
    for child in box.find_all(recursive=False):
        classes = child.get("class", [])
        if "claim" in classes:
            tex = formula(child.find(class_="math"))
            out.append(rf"\bookline{{{tex}}}{{}}{{\bookno{{}}}}{{{breakable(tex)}}}")
        elif child.name == "ul":
            out += where(box)
        elif child.name == "p" and not {"title", "where"} & set(classes):
            out.append(rf"\par {inline(child)}\par")
    return "\n".join([*out, r"\end{bookrefutation}"])


def table(node: Tag) -> str:
    """Numbers to the right at their natural width; words in columns that share the line."""
    caption = node.find("caption")
    rows = [row.find_all(["th", "td"], recursive=False) for row in node.find_all("tr")]
    kept = [j for j, cell in enumerate(rows[0]) if cell.get_text().strip() not in SITE_ONLY]
    rows = [[row[j] for j in kept if j < len(row)] for row in rows]
    addresses = [row.get("id") for row in node.find_all("tr")]
    columns = len(rows[0])
    if any(len(row) != columns for row in rows):
        raise Unknown("a table whose rows are not equally long")
    lengths = [[length(row[j]) for row in rows] for j in range(columns)]
    width = [max(column) for column in lengths]
    body = [row[j].get_text().strip() for row in rows[1:] for j in range(columns)]
    if sum(width) + 2 * columns <= WIDE:
        shape = "".join(
            "r" if all(numeric(body[i]) for i in range(j, len(body), columns)) else "l"
            for j in range(columns)
        )
    else:
        # each column as wide as its longest word, and of the rest what its words ask for
        least = [max(longest_word(row[j]) for row in rows) + 1.5 for j in range(columns)]
        rest = max(WIDE + 4 - sum(least), 0)
        ask = [
            max(0.5 * sum(c) / len(c) + 0.2 * w - a, 0.5)
            for a, c, w in zip(least, lengths, width, strict=True)
        ]
        want = [a + rest * x / sum(ask) for a, x in zip(least, ask, strict=True)]
        total = sum(want)
        shape = "".join(rf"K{{{w / total:.4f}\bookcolumns{{{columns}}}}}" for w in want)
    lines = []
    for i, row in enumerate(rows):
        cells = [inline(cell).strip().removesuffix(r"\par") for cell in row]
        if i == 0:
            cells = [rf"\bookhead{{{cell}}}" for cell in cells]
        if addresses[i]:
            cells[0] = rf"\bookanchor{{statement:{addresses[i]}}}" + cells[0]
        end = r"\addlinespace[2pt]" if i else r"\midrule\endhead"
        lines.append(" & ".join(cells) + r" \\" + end)
    head = rf"\bookcaption{{{inline(caption)}}}" if caption else ""
    size = r"\small" if sum(width) + 2 * columns <= WIDE else r"\footnotesize"
    return "\n".join(
        [rf"\begin{{booktable}}{{{size}}}{head}\begin{{longtable}}[l]{{@{{}}{shape}@{{}}}}",
         r"\toprule", *lines, r"\bottomrule", r"\end{longtable}\end{booktable}"]
    )  # fmt: skip


def numeric(text: str) -> bool:
    return bool(re.fullmatch(r"[-−–+]?[\d.,]*(e[-+]?\d+)?%?|<1e-16|-|nan|…|\.\.\.", text))


def shown(cell: Tag) -> str:
    return looks(cell.get_text(" ").strip())


def length(cell: Tag) -> int:
    return len(shown(cell))


def longest_word(cell: Tag) -> float:
    """What cannot be broken: a word, or mathematics between its relations."""
    cell = BeautifulSoup(str(cell), "html.parser").find(cell.name)
    bold = 1.25 if cell.name == "th" else 1.0
    longest = [1.0]
    for math in cell.find_all(class_="math"):
        longest += [0.9 * len(x) for x in re.split(r"[=+,-]|\\neq", shown(math))]
        math.decompose()
    return min(max([*longest, *(bold * len(w) for w in re.split(r"(?<=-)|\s", shown(cell)))]), 26)
