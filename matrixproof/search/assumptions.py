"""What a derivation takes for granted: what is inverted, divided by, positive definite."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from matrixproof.algebra.translation import Algebra
from matrixproof.judges.exact import TooLarge, Unusable, is_of_kind
from matrixproof.judges.instances import Instance, sizes_to_try
from matrixproof.judges.series import same
from matrixproof.language.declarations import Declarations
from matrixproof.language.definite import DEFINITE, definiteness
from matrixproof.language.expressions import Expr, eye, lift, zero
from matrixproof.language.numbers import plain_number
from matrixproof.language.printing import latex, plain
from matrixproof.language.signs import is_positive
from matrixproof.search.prover import Attempt

NONZERO, POSITIVE = "not zero", "positive"
INVERTIBLE, FULL_RANK = "invertible", "full column rank"


@dataclass(frozen=True)
class Need:
    """Something taken for granted: that an expression is invertible, not zero, definite, ..."""

    kind: str
    expression: Expr

    def key(self) -> tuple:
        return (self.kind, self.expression.key())

    def words(self, setting: Declarations) -> str:
        """The assumption in words; nothing when the declarations say it already."""
        e = self.expression
        if self.kind == NONZERO:
            return rf"${latex(e)} \neq 0$"
        if self.kind == POSITIVE:
            return rf"${latex(e)} > 0$"
        if self.kind == INVERTIBLE:
            known = definiteness(e, setting) == DEFINITE
            if known and e.op == "symbol":
                return ""
            return f"${latex(e)}$ is invertible" + (", being positive definite" if known else "")
        return f"${latex(e)}$ {'has' if self.kind == FULL_RANK else 'is'} {self.kind}"

    def holds(self, instance: Instance) -> bool:
        value = instance.evaluate(self.expression)
        if self.kind == POSITIVE:
            return instance.rational(value)[0] > 0
        if self.kind == NONZERO:
            return not same(value, instance.evaluate(zero_like(self.expression)))
        if self.kind == INVERTIBLE:
            return bool(value[0].to_dense().det())
        return is_of_kind(value[0], self.kind)


def instances_where(needs: Iterable[Need], setting: Declarations) -> Iterator[Instance]:
    """Exact instances on which all that is needed holds, the most telling sizes first."""
    needs = list(needs)
    for sizes in itertools.islice(sizes_to_try(setting), 40):
        for attempt in range(10):
            try:
                instance = Instance(setting, sizes, random.Random(f"needs {attempt}"))
                if not all(x.holds(instance) for x in needs):
                    continue
            except TooLarge:
                break
            except Unusable:
                continue
            yield instance


def zero_like(e: Expr) -> Expr:
    return zero(*e.shape) if e.shape else lift(0)


def needs_of(verdict: Attempt, setting: Declarations) -> list[Need]:
    """What a proof takes for granted."""
    out = [Need(INVERTIBLE, e) for e in verdict.inverted]
    out += [Need(POSITIVE, e) for e in verdict.logged if not _is_positive(e, setting)]
    positive = {e.key() for e in verdict.logged}
    for e in (*verdict.divided, *map(lift, verdict.nonzero)):
        if e.key() not in positive and not _is_positive(e, setting):
            out.append(Need(NONZERO, e))
    return out


def _is_positive(e: Expr, setting: Declarations) -> bool:
    """Whether the form of a scalar tells that it is positive."""
    inner = e.args[0] if e.op == "scalar" else e
    if inner.shape is not None:
        return definiteness(inner, setting) == DEFINITE
    value = plain_number(e)
    return value is not None and is_positive(value, setting.positive_sizes())


def distinct_inverted(needs: Iterable[Need], setting: Declarations) -> list[Need]:
    """What is inverted: each matrix once, in its shortest form; the identity not at all."""
    inverted = [x.expression for x in needs if x.kind == INVERTIBLE]
    algebra = Algebra(setting, inverted)
    shortest: dict[tuple, Expr] = {}
    for e in inverted:
        key = tuple(p.key() for p in algebra.grid(e).flat())
        shortest[key] = min(shortest.get(key, e), e, key=lambda x: len(plain(x)))
    whole = (eye(x.shape[0]) for x in inverted)
    identities = {tuple(p.key() for p in algebra.grid(x).flat()) for x in whole}
    single = [e for key, e in shortest.items() if len(key) == 1]
    given = identities | {(algebra.poly(x).key(),) for e in single for x in (e, e.I)}
    return [
        Need(INVERTIBLE, e)
        for key, e in shortest.items()
        if key not in identities and not _by_schur_complement(e, given, algebra)
    ]


def _by_schur_complement(e: Expr, given: set[tuple], algebra: Algebra) -> bool:
    """Whether e is a block matrix of which a diagonal block and its complement are given.

    Such a matrix is invertible because they are: it need not be assumed.
    """
    if e.op != "block" or e.value != (2, 2) or e.args[0].shape[0] != e.args[0].shape[1]:
        return False

    def known(x: Expr) -> bool:
        return (algebra.poly(x).key(),) in given

    (a, b), (c, d) = e.block_rows()
    return any(known(p) and known(s - u * p.I * v) for p, v, u, s in ((a, b, c, d), (d, c, b, a)))
