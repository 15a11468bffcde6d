"""Claims about explicit expressions: entries, roots, sums. SymPy decides them; sizes are fixed.

The page says "by entries" for such a claim: it holds for the sizes shown, not for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from matrixproof.language.errors import ShapeError, StepError
from matrixproof.language.printing import sympy_latex
from matrixproof.page.display import equation_html
from matrixproof.page.records import enter
from matrixproof.page.written import identity


@dataclass(frozen=True)
class ByEntries:
    """left = right, where SymPy reduced every entry of the difference to zero."""

    left: Any
    right: Any
    title: str
    how: str
    name: str = ""
    cites: tuple[str, ...] = ()
    left_tex: str = ""

    status = "by entries"

    def statement(self) -> str:
        """The claim as plain text."""
        return f"{_text(self.left)} = {_text(self.right)}"

    def sides(self) -> tuple[str, str]:
        """LaTeX of the two sides."""
        return self.left_tex or sympy_latex(self.left), sympy_latex(self.right)

    def record(self) -> dict[str, Any]:
        """What is kept of the claim."""
        return identity(self) | {"how": self.how, "tex": " = ".join(self.sides())}

    def _repr_html_(self) -> str:
        return equation_html(self.title, *self.sides(), self.how, self.name, self.cites)

    def _repr_latex_(self) -> str:
        left, right = self.sides()
        return rf"$$ {left} = {right} $$"

    def __repr__(self) -> str:
        return f"{self.title}: {self.statement()}  ✓ {self.how}"


def by_entries(left: Any, right: Any, title: str = "", how: str = "checked entry by entry",
               name: str = "", cites: Sequence[str] = ()) -> ByEntries:  # fmt: skip
    """Show left = right for explicit SymPy expressions or matrices.

    Parameters
    ----------
    left, right : SymPy expressions or matrices of one shape
        Unevaluated objects (``Derivative``, ``Sum``, ``Determinant``) are displayed as they stand
        and evaluated for the check.
    title, how : str
        What is claimed, and for which sizes; shown on the page.
    name : str
        Enters the claim in the ledger under this permanent identifier.
    cites : sequence of str
        Ids of the sources' statements.

    Raises
    ------
    StepError
        When an entry of the difference does not reduce to zero, or is a float.
    ShapeError
        When the shapes differ, or there is nothing to compare.
    """
    left, right = sp.sympify(left), sp.sympify(right)
    one, other = _evaluated(left), _evaluated(right)
    if getattr(one, "shape", None) != getattr(other, "shape", None):
        raise ShapeError(f"{_text(left)} and {_text(right)} have different shapes")
    difference = one - other
    entries = list(difference) if isinstance(difference, sp.MatrixBase) else [difference]
    if not entries:
        raise ShapeError("an empty matrix has no entries to check")
    for i, x in enumerate(entries):
        if x.has(sp.Float):
            raise StepError(f"entry {i + 1} of {title or _text(left)} is a float, not exact")
        if sp.simplify(x) != 0:
            raise StepError(f"entry {i + 1} of {title or _text(left)} differs by {sp.simplify(x)}")
    out = ByEntries(left, right, title, how, name, tuple(cites))
    if name:
        enter(out)
    return out


def _evaluated(x: Any) -> Any:
    return x.as_explicit().doit() if isinstance(x, sp.MatrixExpr) else x.doit()


def _text(x: Any) -> str:
    return str(x.tolist()) if isinstance(x, sp.MatrixBase) else str(x)
