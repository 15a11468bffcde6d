"""What was printed, why it is false, and what is right: a table made from a chapter's results."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from lmmbook.ledger import Table, statements, table
from matrixproof import ByEntries, Refutation, Result
from matrixproof.language.printing import latex, sympy_latex
from matrixproof.page.display import math, words

Item = Result | Refutation | ByEntries


def corrections(rows: Iterable[tuple[str, Item, Item]]) -> Table:
    """One row for each false statement of the sources.

    Parameters
    ----------
    rows : iterable of (id, counterexample, repair)
        The statement's id, the result that refutes it and the result that takes its place.

    Raises
    ------
    ValueError
        If a result does not cite the statement that it is listed for.
    """
    texts = {x["id"]: x["text"] for x in statements()}
    cells = []
    for identifier, wrong, right in rows:
        for item in (wrong, right):
            if identifier not in item.cites:
                raise ValueError(f"{item.name} does not cite {identifier}")
        cells.append(
            (
                (identifier, identifier),
                (texts[identifier], words(texts[identifier])),
                _both(_shown(wrong, "✗"), _shown(right, "✓")),
            )
        )
    header = ("id", "statement", "refuted (✗), and what is right (✓)")
    return table(header, cells, "The false statements, refuted and repaired")


def _both(wrong: tuple[str, str], right: tuple[str, str]) -> tuple[str, str]:
    return f"{wrong[0]} | {right[0]}", f"<p>{wrong[1]}</p><p>{right[1]}</p>"


def _shown(item: Item, mark: str) -> tuple[str, str]:
    """Its title, linked to its place on the page, and its equation."""
    if isinstance(item, ByEntries):
        tex = f"{item.left_tex or sympy_latex(item.left)} = {sympy_latex(item.right)}"
    else:
        sign = r"\neq" if isinstance(item, Refutation) else "="
        tex = f"{latex(item.lhs)} {sign} {latex(item.rhs)}"
    link = f'<a href="#{escape(item.name)}">{words(item.title)}</a>'
    return f"{mark} {item.title}: {item.statement()}", f"{mark} {link}<br>{math(tex)}"
