"""Results as text and as HTML: a title, tables, and remarks in words."""

from __future__ import annotations

from html import escape
from textwrap import fill

import numpy as np

Rows = list[list[str]]  # the first is the header


class Report:
    """What prints itself as text, and as HTML in a notebook.

    A subclass gives ``_title``, ``_captioned`` and ``_remarks``.
    """

    def _title(self) -> str:
        raise NotImplementedError

    def _captioned(self) -> list[tuple[str, Rows]]:
        """The tables, each with its caption."""
        raise NotImplementedError

    def _remarks(self) -> list[str]:
        return []

    def summary(self) -> str:
        """Everything as text."""
        text = [self._title()]
        for caption, rows in self._captioned():
            text += ["", f"{caption}:", *aligned(rows)]
        if remarks := self._remarks():
            text += ["", *(fill(line, 78) for line in remarks)]
        return "\n".join(text)

    def __str__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        def paragraphs(lines: list[str]) -> str:
            return "".join(f"<p>{escape(line)}</p>" for line in lines)

        tables = "".join(html(caption, rows) for caption, rows in self._captioned())
        return (f"<div>{paragraphs(self._title().splitlines())}{tables}"
                f"{paragraphs(self._remarks())}</div>")


def number(x: float, digits: int = 5) -> str:
    """A number to so many significant digits; a dash for nan."""
    return "-" if np.isnan(x) else f"{x:.{digits}g}"


def probability(p: float) -> str:
    """A p-value to three significant digits."""
    return "-" if np.isnan(p) else "<1e-16" if p < 1e-16 else f"{p:.3g}"


def aligned(rows: Rows) -> list[str]:
    """Rows as lines of text: names to the left, numbers to the right."""
    width = [max(len(row[j]) for row in rows) for j in range(len(rows[0]))]
    words = [j for j, cell in enumerate(rows[0]) if cell in ("Group", "Name", "")]
    return [" " + "  ".join(cell.ljust(w) if j in words else cell.rjust(w)
                            for j, (cell, w) in enumerate(zip(row, width, strict=True))).rstrip()
            for row in rows]


def html(caption: str, rows: Rows) -> str:
    """Rows as an HTML table."""
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
                   for row in rows[1:])
    return f"<table><caption>{escape(caption)}</caption><tr>{head}</tr>{body}</table>"
