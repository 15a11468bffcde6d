"""Counterexamples: exact values at which a claim is false, and the search for them."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from matrixproof.judges.evaluation import MOST_POINTS
from matrixproof.judges.exact import QQ, TooLarge, Unusable
from matrixproof.judges.instances import Instance, sizes_to_try
from matrixproof.judges.series import same, to_sympy
from matrixproof.language.declarations import Declarations
from matrixproof.language.errors import UntestedError
from matrixproof.language.expressions import Expr, match_shapes
from matrixproof.language.printing import plain, sympy_latex, tex_name


@dataclass(frozen=True)
class Counterexample:
    """Exact values that satisfy every assumption and at which the two sides differ."""

    sizes: dict[str, int]
    scalars: dict[str, sp.Rational]
    matrices: dict[str, sp.Matrix]
    left: Any
    right: Any

    @classmethod
    def of(cls, instance: Instance, used: set[str], left: Any, right: Any) -> Counterexample:
        return cls(
            {str(d): n for d, n in instance.sizes.items() if str(d) in used},
            {str(s): QQ.to_sympy(v) for s, v in instance.scalars.items() if str(s) in used},
            {n: m.to_Matrix() for n, m in instance.matrices.items() if n in used},
            to_sympy(left),
            to_sympy(right),
        )

    @property
    def height(self) -> tuple:
        """How large the example is: sizes first, then the absolute values of the entries."""
        numbers = [*self.scalars.values(), *(x for m in self.matrices.values() for x in m)]
        return sum(self.sizes.values()), sum(abs(x.p) + abs(x.q) - 1 for x in numbers)

    def __str__(self) -> str:
        lines = [", ".join(f"{k} = {v}" for k, v in (self.sizes | self.scalars).items())]
        lines += [f"{k} = {m.tolist()}" for k, m in self.matrices.items()]
        lines += [f"left side  = {_show(self.left)}", f"right side = {_show(self.right)}"]
        return "\n".join(x for x in lines if x)

    def latex(self) -> tuple[str, str]:
        """The values of the symbols, and those of the two sides."""
        values = [f"{tex_name(k)} = {v}" for k, v in self.sizes.items()]
        for k, v in (self.scalars | self.matrices).items():
            values.append(f"{tex_name(k)} = {sympy_latex(v)}")
        sides = rf"{sympy_latex(self.left)} \neq {sympy_latex(self.right)}"
        return r",\quad ".join(values), sides


def _show(x: Any) -> str:
    return str(x.tolist()) if isinstance(x, sp.MatrixBase) else str(x)


def used_names(setting: Declarations, *expressions: Expr) -> set[str]:
    """The symbols, scalars and dimensions whose values decide those of the expressions.

    Under an expectation that is the covariance of a Gaussian vector, not the vector.
    """
    out: set[str] = set()
    pending = list(expressions)
    while pending:
        node = pending.pop()
        pending += node.args
        if node.op == "symbol":
            out.add(node.value)
        if node.op == "number":
            out |= {s.name for s in node.value.free_symbols}
        if node.op == "d":
            pending += node.value.table.values()
        if node.op == "expectation":
            inside = used_names(setting, *(pending.pop() for _ in node.args))
            drawn = inside & set(setting.noises)
            out |= inside - drawn
            pending += [setting.noises[name].covariance for name in drawn]
        for size in node.shape or ():
            out |= {s.name for s in size.free_symbols}
    return out


def has_sign(e: Expr) -> bool:
    """Whether the parity of a dimension may matter: a determinant, or c^n."""
    for x in e.walk():
        powers = x.value.atoms(sp.Pow) if x.op == "number" else ()
        if x.op == "det" or any(p.exp.free_symbols for p in powers):
            return True
    return False


def search(setting: Declarations, lhs: Expr, rhs: Expr, shapes: int = 3, per_shape: int = 2,
           shrink: bool = True, most_points: int = MOST_POINTS
           ) -> tuple[Counterexample | None, int]:  # fmt: skip
    """Look for a counterexample of lhs = rhs on telling instances.

    Parameters
    ----------
    setting : Declarations
    lhs, rhs : Expr
    shapes, per_shape : int
        On how many sizes, and how many instances of each.
    shrink : bool
        Whether the smallest counterexample is looked for once there is one.
    most_points : int
        Over how many points an expectation is taken at most.

    Returns
    -------
    counterexample : Counterexample or None
    instances : int
        How many instances were tested.

    Raises
    ------
    UntestedError
        When no instance satisfies the assumptions: a claim that was not tested does not pass.
    """
    lhs, rhs = match_shapes(lhs, rhs)
    tested, good_shapes, hopeless = 0, 0, 0
    for sizes in _telling_for(setting, lhs, rhs):
        done, drawn = 0, _both_sides(setting, lhs, rhs, sizes, most_points)
        try:
            for instance, left, right in itertools.islice(drawn, per_shape):
                tested, done = tested + 1, done + 1
                if not same(left, right):
                    found = Counterexample.of(instance, used_names(setting, lhs, rhs), left, right)
                    return (smallest(setting, lhs, rhs) if shrink else None) or found, tested
            hopeless += not done
        except TooLarge:
            pass
        if not tested and hopeless == 15:
            break
        good_shapes += done > 0
        if good_shapes == shapes:
            return None, tested
    if not tested:
        raise UntestedError(
            f"no exact instance satisfies the assumptions, so {plain(lhs)} = {plain(rhs)} was "
            "not tested: check the assumptions and the samplers of the setting"
        )
    return None, tested


def _telling_for(setting: Declarations, lhs: Expr, rhs: Expr) -> list[dict[sp.Symbol, int]]:
    every = list(sizes_to_try(setting))
    if has_sign(lhs) or has_sign(rhs):  # (-1)^n shows for odd n only
        odd = [s for s in every if all(n % 2 for n in s.values())]
        every = odd[:1] + [s for s in every if s not in odd[:1]]
    return every


def _both_sides(setting: Declarations, lhs: Expr, rhs: Expr, sizes: dict[sp.Symbol, int],
                most_points: int) -> Iterator[tuple[Instance, Any, Any]]:  # fmt: skip
    """Instances of given sizes, with the values of both sides; TooLarge when there are none."""
    for attempt in range(30):
        rng = random.Random(f"{sorted((str(d), n) for d, n in sizes.items())} {attempt}")
        try:
            instance = Instance(setting, sizes, rng, most_points=most_points)
            yield instance, instance.evaluate(lhs), instance.evaluate(rhs)
        except TooLarge:
            raise
        except Unusable:
            continue


def smallest(setting: Declarations, lhs: Expr, rhs: Expr,
             given: Sequence[tuple[Expr, Expr]] = (), largest: int = 3
             ) -> Counterexample | None:  # fmt: skip
    """The smallest counterexample found, in which the equations ``given`` hold.

    Sizes are tried from the smallest on; at the first sizes with a counterexample the one with the
    smallest entries among the draws is kept.
    """
    used = used_names(setting, lhs, rhs, *(x for pair in given for x in pair))
    every = sorted(sizes_to_try(setting, largest), key=lambda s: (sum(s.values()), *s.values()))
    for sizes in every:
        found = []
        for height in (1, 2, 3):
            for attempt in range(1000 if given else 60):  # equations are rarely met by chance
                rng = random.Random(f"{height} {attempt}")
                try:
                    instance = Instance(setting, sizes, rng, height)
                    if not all(same(instance.evaluate(a), instance.evaluate(b)) for a, b in given):
                        continue
                    left, right = instance.evaluate(lhs), instance.evaluate(rhs)
                except Unusable:
                    continue
                if not same(left, right):
                    found.append(Counterexample.of(instance, used, left, right))
            if found:
                return min(found, key=lambda c: c.height)
    return None
