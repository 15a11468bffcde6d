"""Deciding whether two expressions are equal for all dimensions."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import sympy as sp

from matrixproof.algebra.polynomials import Grid, Poly
from matrixproof.algebra.scalars import ScalarAlgebra
from matrixproof.algebra.translation import Algebra
from matrixproof.judges import second_judge
from matrixproof.judges.kernel import Consequence, divisors, follows, multiplies_out
from matrixproof.language.declarations import Declarations
from matrixproof.language.errors import CertificateError, ProofError
from matrixproof.language.expressions import Expr, as_scalar, match_shapes
from matrixproof.language.numbers import plain_number
from matrixproof.language.signs import may_vanish
from matrixproof.search.completion import Certificate, Rules
from matrixproof.search.facts import Fact, facts

LONGEST_WORD = 14
PAIRS_A_ROUND = 25
MOST_PAIRS = 3000
PATIENCE = 9  # how many times longer than all of the search a round of it may take


@dataclass
class Attempt:
    """An attempt to prove lhs = rhs: whether it succeeded, and what it used."""

    proved: bool
    relations: list[str] = field(default_factory=list)
    inverted: list[Expr] = field(default_factory=list)
    nonzero: list[sp.Expr] = field(default_factory=list)
    divided: list[Expr] = field(default_factory=list)
    logged: list[Expr] = field(default_factory=list)
    terms: int = 0
    seconds: float = 0.0
    why_not: str = ""


@dataclass(frozen=True)
class Equation:
    """lhs = rhs, known to hold: a lemma, stated for the symbols of the present setting."""

    lhs: Expr
    rhs: Expr
    name: str


def prove(setting: Declarations, lhs: Expr, rhs: Expr, lemmas: tuple[Equation, ...] = (),
          seconds: float = 20.0) -> Attempt:  # fmt: skip
    """Search for a certificate of lhs = rhs, which two judges then verify.

    Parameters
    ----------
    setting : Declarations
    lhs, rhs : Expr
    lemmas : tuple of Equation
        Equations that hold already. One between matrices becomes a relation, one between scalars
        may be substituted.
    seconds : float
        When to give up.

    Returns
    -------
    Attempt

    Raises
    ------
    CertificateError
        When a certificate was found and one of the two judges rejects it, which means that the
        search is wrong, or a judge.
    """
    start = time.perf_counter()
    lhs, rhs = match_shapes(lhs, rhs)
    used = [lhs, rhs] + [x for q in lemmas for x in (q.lhs, q.rhs)]
    algebra = Algebra(setting, used)
    decide = _matrices if lhs.shape else _scalars
    number = lhs.shape == (1, 1)  # its own transpose, and its trace
    try:
        verdict = decide(algebra, lhs, rhs, lemmas, start + seconds)
    except OutOfTime:
        verdict = Attempt(False, why_not="out of time")
    except ProofError:
        if not number:
            raise
        verdict = Attempt(False)
    if not verdict.proved and number:
        algebra = Algebra(setting, used)
        lhs, rhs = as_scalar(lhs), as_scalar(rhs)
        with contextlib.suppress(OutOfTime):
            verdict = _scalars(algebra, lhs, rhs, lemmas, start + 2 * seconds)
    verdict.inverted = algebra.inverted
    verdict.seconds = time.perf_counter() - start
    return verdict


def _rounds(rules: Rules, deadline: float):
    """Grow the rules until nothing is left to do; yields once before each growth and at the end."""
    pairs = 0
    while True:
        yield ""
        more = rules.complete(LONGEST_WORD, PAIRS_A_ROUND)
        pairs += PAIRS_A_ROUND
        if not more:
            yield "the relations are exhausted" if not rules.overlaps else "words grow too long"
            return
        if pairs > MOST_PAIRS or time.perf_counter() > deadline:
            yield "out of time"
            return


def _matrices(algebra: Algebra, lhs: Expr, rhs: Expr, lemmas: tuple[Equation, ...],
              deadline: float) -> Attempt:  # fmt: skip
    difference = algebra.grid(lhs) + algebra.grid(rhs).scale(-algebra.one)
    _add_matrix_lemmas(algebra, lemmas)
    rules = Rules(algebra.relations)
    why_not = ""
    for state in _rounds(rules, deadline):
        why_not = state
        reduced = [rules.reduce(p.terms) for p in difference.flat()]
        if all(not normal for normal, _ in reduced):
            certificates = [c for _, c in reduced]
            for p, c in zip(difference.flat(), certificates, strict=True):
                _judge(p, c, algebra)
            return _verdict(algebra, certificates)
    return Attempt(False, why_not=why_not)


class OutOfTime(Exception):
    """A round of the search takes far longer than all of it may."""


def _scalars(algebra: Algebra, lhs: Expr, rhs: Expr, lemmas: tuple[Equation, ...],
             deadline: float) -> Attempt:  # fmt: skip
    scalars = ScalarAlgebra(algebra)
    claim = scalars.normal(scalars.value(lhs) - scalars.value(rhs))
    given = [
        Fact(scalars.value(as_scalar(q.lhs)) - scalars.value(as_scalar(q.rhs)))
        for q in lemmas
        if q.lhs.shape in (None, (1, 1))
    ]
    if claim == 0:
        _judge_scalars(scalars.value(lhs) - scalars.value(rhs), Consequence())
        return _verdict(algebra, [])
    _add_matrix_lemmas(algebra, lemmas)
    rules = Rules(algebra.relations)
    why_not, last = "", deadline + PATIENCE * (deadline - time.perf_counter())

    def normal(x: sp.Expr) -> sp.Expr:
        if time.perf_counter() > last:
            raise OutOfTime
        return scalars.normal(x)

    for state in _rounds(rules, deadline):
        why_not = state
        for all_turns in (False, True):
            known = facts(scalars, claim, [*map(Fact, scalars.axioms), *given], rules, all_turns)
            equations = [f.equation for f in known]
            found = follows(claim, equations, scalars.atoms, normal)
            if found is not None:
                for difference, certificate in (x for f in known for x in f.matrices()):
                    _judge(difference, certificate, algebra)
                _judge_scalars(claim, found)
                certificates = [c for f in known for c in f.certificates]
                return _verdict(algebra, certificates, found.divided)
    return Attempt(False, why_not=why_not)


def _judge(target: Poly, certificate: Certificate, algebra: Algebra) -> None:
    """Both judges multiply a certificate out, each in its own way."""
    if not multiplies_out(target, certificate, algebra):
        raise CertificateError("a certificate does not multiply out")
    if not second_judge.multiplies_out(target, certificate, algebra):
        raise CertificateError("the second judge rejects a certificate")


def _judge_scalars(claim: sp.Expr, found: Consequence) -> None:
    """The second judge on what `follows` found."""
    if not second_judge.follows(claim, found):
        raise CertificateError("the second judge rejects what was substituted")


def _add_matrix_lemmas(algebra: Algebra, lemmas: tuple[Equation, ...]) -> None:
    for q in lemmas:
        if q.lhs.shape is None:
            continue
        try:
            grid: Grid = algebra.grid(q.lhs) + algebra.grid(q.rhs).scale(-algebra.one)
        except ProofError:
            if q.lhs.shape != (1, 1):
                raise
            continue  # a number that only the scalars can read
        for p in grid.flat():
            algebra.add_relation(p, q.name)


def _verdict(algebra: Algebra, certificates: list[Certificate],
             divided: Iterable[sp.Expr] = ()) -> Attempt:  # fmt: skip
    used = {i for c in certificates for (_, i, _) in c}
    typed, divided = [], [*divided, *divisors(certificates, algebra)]
    for e in algebra.divided:
        value = plain_number(e)
        if value is None:
            typed.append(e)
        else:
            divided.append(value)
    return Attempt(
        True,
        relations=sorted({algebra.relation_names[i] for i in used}),
        nonzero=sorted(may_vanish(divided, algebra.setting.positive_sizes()), key=str),
        divided=typed,
        logged=list(algebra.logged),
        terms=sum(map(len, certificates)),
    )
