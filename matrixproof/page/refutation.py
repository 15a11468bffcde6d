"""False claims, each with the smallest exact counterexample found."""

from __future__ import annotations

import random
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from matrixproof.judges.counterexamples import Counterexample, smallest, used_names
from matrixproof.judges.exact import Unusable
from matrixproof.judges.instances import Instance
from matrixproof.judges.series import same
from matrixproof.language.declarations import Declarations
from matrixproof.language.errors import RefutationError, SoundnessError
from matrixproof.language.expressions import Expr, match_shapes
from matrixproof.language.printing import latex, plain
from matrixproof.language.trees import definitions_in
from matrixproof.page.display import refutation_html, refutation_latex
from matrixproof.page.records import enter
from matrixproof.page.written import identity, setting_data
from matrixproof.search.prover import prove


@dataclass
class Refutation:
    """A claim lhs = rhs that is false, with the smallest exact counterexample found."""

    setting: Declarations
    lhs: Expr
    rhs: Expr
    given: list[tuple[Expr, Expr]]
    counterexample: Counterexample
    title: str = ""
    name: str = ""
    cites: tuple[str, ...] = ()

    @classmethod
    def search(cls, setting: Declarations, lhs: Expr, rhs: Expr,
               given: Iterable[tuple[Any, Any]] = (), at: dict[str, Any] | None = None,
               sizes: dict[str, int] | None = None, name: str = "", title: str = "",
               cites: Sequence[str] = ()) -> Refutation:  # fmt: skip
        """Find the counterexample, or take the values ``at`` and check that they are one.

        Raises
        ------
        RefutationError
            When no counterexample is found, or the values given are none. A claim that the prover
            can prove is not refuted: that would be a fault of the checker.
        """
        lhs, rhs = match_shapes(lhs, rhs)
        pairs = [match_shapes(a, b) for a, b in given]
        for e in (lhs, rhs, *(x for pair in pairs for x in pair)):
            setting.check_symbols(e)
        if at is None:
            found = smallest(setting, lhs, rhs, pairs)
        else:
            found = _at(setting, lhs, rhs, pairs, at, sizes or {})
        if found is None:
            raise RefutationError(
                f"no counterexample found for {plain(lhs)} = {plain(rhs)}: it may be true"
            )
        if not pairs and prove(setting, lhs, rhs, seconds=2.0).proved:
            raise SoundnessError(f"{plain(lhs)} = {plain(rhs)} is both proved and refuted")
        out = cls(setting, lhs, rhs, pairs, found, title, name, tuple(cites))
        if name:
            enter(out)
        return out

    status = "refuted"

    def statement(self) -> str:
        """The false claim as plain text."""
        given = "; ".join(f"{plain(a)} = {plain(b)}" for a, b in self.given)
        claim = f"{plain(self.lhs)} = {plain(self.rhs)}"
        return f"if {given} then {claim}" if given else claim

    def record(self) -> dict[str, Any]:
        """What is kept of the refutation."""
        given = r",\ ".join(f"{latex(a)} = {latex(b)}" for a, b in self.given)
        lead = rf"{given}\ \Rightarrow\ " if given else ""
        return identity(self) | {
            "setting": setting_data(self.setting),
            "tex": f"{lead}{latex(self.lhs)} = {latex(self.rhs)}",
            "counterexample": str(self.counterexample),
            "counterexample_tex": list(self.counterexample.latex()),
        }

    def definitions(self) -> list[Expr]:
        """The named expressions that occur, in order of appearance."""
        return definitions_in([*(x for pair in self.given for x in pair), self.lhs, self.rhs])

    def _repr_html_(self) -> str:
        return refutation_html(self)

    def _repr_latex_(self) -> str:
        return refutation_latex(self)

    def __repr__(self) -> str:
        return f"FALSE: {self.statement()}\n" + textwrap.indent(str(self.counterexample), "  ")


def _at(setting: Declarations, lhs: Expr, rhs: Expr, given: list[tuple[Expr, Expr]],
        values: dict[str, Any], sizes: dict[str, int]) -> Counterexample | None:  # fmt: skip
    matrices = {k: sp.Matrix(v) for k, v in values.items() if k in setting.letters}
    known = {setting.dims[k]: v for k, v in sizes.items()}
    for k, m in matrices.items():
        for side, length in zip(setting.letters[k].shape, m.shape, strict=True):
            if side.is_Symbol:
                known.setdefault(side, length)
    known |= {d: 1 for d in setting.dimensions if d not in known}
    numbers = {k: v for k, v in values.items() if k not in setting.letters}
    try:
        instance = Instance(setting, known, random.Random(1), given={**matrices, **numbers})
        if not all(same(instance.evaluate(a), instance.evaluate(b)) for a, b in given):
            raise RefutationError("the values given violate what the claim assumes")
        left, right = instance.evaluate(lhs), instance.evaluate(rhs)
    except Unusable as error:
        raise RefutationError(f"the values given are not usable: {error}") from None
    used = used_names(setting, lhs, rhs, *(x for pair in given for x in pair))
    return None if same(left, right) else Counterexample.of(instance, used, left, right)
