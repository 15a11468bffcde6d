"""Exact instances: rational matrices that satisfy the assumptions, to refute what is false."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import sympy as sp
from sympy.polys.matrices import DomainMatrix

from matrixproof.judges.evaluation import MOST_POINTS, Evaluation
from matrixproof.judges.exact import QQ, Unusable, exact, is_of_kind, matrix
from matrixproof.judges.samplers import draw_of_kind
from matrixproof.judges.series import same
from matrixproof.language.declarations import Declarations
from matrixproof.language.letters import Letter


class Instance(Evaluation):
    """One exact draw of every symbol of a setting.

    Parameters
    ----------
    setting : Declarations
    sizes : mapping from dimension symbols to whole numbers
    rng : random.Random
    height : int
        The largest absolute value of a drawn entry.
    given : mapping, optional
        Values that are not drawn, by name.
    most_points : int
        Over how many points an expectation is taken at most.

    Raises
    ------
    Unusable
        When the draw violates an assumption.
    """

    def __init__(self, setting: Declarations, sizes: Mapping[sp.Symbol, int], rng: random.Random,
                 height: int = 3, given: Mapping[str, Any] | None = None,
                 most_points: int = MOST_POINTS) -> None:  # fmt: skip
        super().__init__(setting, sizes, most_points)
        self.rng, self.height = rng, height
        given = given or {}
        if any(c.subs(self.sizes) != True for c in setting.conditions):  # noqa: E712 - SymPy's true
            raise Unusable("the dimensions violate their conditions")
        for name, x in setting.scalar_symbols.items():
            known = name in given
            self.scalars[x] = _given_scalar(x, given[name]) if known else self._draw_scalar(x)
        for letter in setting.letters.values():
            self.matrices[letter.name] = self._value_of(letter, given)
        for h in setting.hypotheses:
            if not same(self.evaluate(h.lhs), self.evaluate(h.rhs)):
                raise Unusable(f"the draw violates {h.name}")

    def _value_of(self, letter: Letter, given: Mapping[str, Any]) -> DomainMatrix:
        """What is given for a letter, or drawn by its sampler, or as its kind asks for."""
        r, c = (self.size(x) for x in letter.shape)
        if letter.name in given:
            value = matrix(sp.Matrix(given[letter.name]).tolist())
        elif letter.sampler:
            value = letter.sampler(self).to_dense()
        else:
            return draw_of_kind(self, letter.kind, r, c)
        if value.shape != (r, c):
            raise Unusable(f"{letter.name} has another size")
        if not is_of_kind(value, letter.kind):
            of = "of " if letter.kind == "full column rank" else ""
            raise Unusable(f"{letter.name} is not {of}{letter.kind}")
        return value

    def _draw_scalar(self, x: sp.Symbol) -> Any:
        if not x.is_positive:
            return QQ(self.rng.randint(-2 * self.height, 2 * self.height), self.rng.randint(1, 3))
        if self.setting.noises:  # squares, so that variances have rational roots
            return QQ(self.rng.randint(1, 3), self.rng.randint(1, 2)) ** 2
        return QQ(self.rng.randint(1, 1 + self.height), self.rng.randint(1, self.height))


def _given_scalar(x: sp.Symbol, value: Any) -> Any:
    value = exact(value)
    if x.is_positive and value <= 0:
        raise Unusable(f"{x} is not positive")
    return value


# -- sizes -----------------------------------------------------------------------------------
def sizes_to_try(setting: Declarations, largest: int = 5) -> Iterator[dict[sp.Symbol, int]]:
    """All assignments of the dimensions up to ``largest``, the most telling first.

    Telling sizes differ from each other (a transpose shows), none is 1 and one is at least 3 (with
    k = 2 everywhere, k - 1 passes for 1).
    """
    derived = frozenset(x for letter in setting.letters.values() for x in letter.shape)
    conditions = tuple(setting.conditions)
    yield from map(dict, _telling_sizes(setting.dimensions, derived, conditions, largest))


@cache
def _telling_sizes(dims: tuple[sp.Symbol, ...], derived: frozenset[sp.Expr],
                   conditions: tuple[sp.Basic, ...], largest: int
                   ) -> list[dict[sp.Symbol, int]]:  # fmt: skip
    def score(sizes: dict[sp.Symbol, int]) -> tuple:
        values = list(sizes.values())
        values += [int(d.subs(sizes)) for d in derived if d not in sizes and not d.is_Integer]
        alike = len(values) - len(set(values))
        return (alike + values.count(1) + (max(values) < 3), sum(values))

    every = [
        dict(zip(dims, v, strict=True))
        for v in itertools.product(range(1, largest + 1), repeat=len(dims))
    ]
    allowed = [s for s in every if all(c.subs(s) == True for c in conditions)]  # noqa: E712
    return sorted(allowed, key=score)
