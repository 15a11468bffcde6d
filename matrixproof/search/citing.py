"""Citing a proved result for other symbols, with everything that it takes for granted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sympy as sp

from matrixproof.judges.counterexamples import search
from matrixproof.judges.exact import Unusable
from matrixproof.judges.series import same
from matrixproof.language.declarations import Declarations
from matrixproof.language.definite import DEFINITE, definiteness, full_column_rank
from matrixproof.language.differential import written_out
from matrixproof.language.errors import SoundnessError, StepError
from matrixproof.language.expressions import Expr, lift, match_shapes, size
from matrixproof.language.numbers import plain_number
from matrixproof.language.printing import plain
from matrixproof.language.signs import is_positive
from matrixproof.language.trees import substitute, symbols_in
from matrixproof.search.assumptions import FULL_RANK, Need, instances_where, needs_of
from matrixproof.search.prover import Attempt, Equation, prove

if TYPE_CHECKING:
    from matrixproof.page.derivation import Result


@dataclass(frozen=True)
class Lemma:
    """A proved result for given symbols, to be cited with ``by=`` in a later step."""

    result: Result
    substitution: dict[str, Expr]


def instantiate(setting: Declarations,
                cited: Lemma | Result) -> tuple[Equation, list[Need], set[str]]:  # fmt: skip
    """State a proved result for the symbols of this setting, with what it assumes.

    Raises
    ------
    StepError
        When it is no proved result, or its assumptions do not hold here.
    SoundnessError
        When it is false on an exact instance that satisfies them.
    """
    lemma = cited if isinstance(cited, Lemma) else Lemma(cited, {})
    if not hasattr(lemma.result, "derivation"):
        raise StepError("by=[...] takes results, and results called with symbols")
    result = lemma.result
    if result.status != "proved":
        raise StepError(f"{result.title} is {result.status}, not proved: it cannot be cited")
    if not lemma.substitution and result.setting is setting:
        equation = Equation(*match_shapes(result.lhs, result.rhs), result.title)
        return equation, result.needs, result.derivation.used
    matrices, scalars = _match_symbols(setting, lemma)

    def here(e: Expr) -> Expr:
        return substitute(written_out(e), matrices, scalars)

    lhs, rhs = match_shapes(here(result.lhs), here(result.rhs))
    needs = [Need(x.kind, here(x.expression)) for x in result.needs]
    for e in (lhs, rhs, *(x.expression for x in needs)):
        setting.check_symbols(e)
    for name, e in matrices.items():
        needs += _needs_of_kind(setting, result, name, e)
    needs = list({x.key(): x for x in needs}.values())
    used: set[str] = set()
    for h in result.derivation.used_hypotheses():
        verdict = _proved_here(setting, here(h.lhs), here(h.rhs))
        if verdict is None:
            raise StepError(f"{result.title} assumes {h.name}, which is not proved here")
        needs += needs_of(verdict, setting)
        used |= set(verdict.relations)
    _check_conditions(setting, result, scalars)
    _try_out(setting, result.title, lhs, rhs, needs)
    return Equation(lhs, rhs, result.title), needs, used


def _check_conditions(setting: Declarations, result: Result,
                      scalars: dict[sp.Symbol, sp.Expr]) -> None:  # fmt: skip
    """What a result assumes of its dimensions must be known of those here."""
    known = setting.positive_sizes()
    for condition in result.setting.conditions:
        now = condition.subs(scalars, simultaneous=True)
        strict = isinstance(now, sp.StrictGreaterThan | sp.StrictLessThan)
        if now != True and now not in setting.conditions and not (  # noqa: E712 - SymPy's
            strict and is_positive(now.gts - now.lts, known)
        ):
            raise StepError(f"{result.title} assumes {condition}, here {now}")


def _proved_here(setting: Declarations, lhs: Expr, rhs: Expr) -> Attempt | None:
    if search(setting, lhs, rhs, shrink=False)[0]:
        return None
    verdict = prove(setting, lhs, rhs)
    return verdict if verdict.proved else None


def _match_symbols(
    setting: Declarations, lemma: Lemma
) -> tuple[dict[str, Expr], dict[sp.Symbol, sp.Expr]]:
    """The value here of each symbol there: sizes, signs and distributions must fit."""
    there, title = lemma.result.setting, lemma.result.title
    matrices: dict[str, Expr] = {}
    scalars: dict[sp.Symbol, sp.Expr] = {}
    for name, value in lemma.substitution.items():
        value = lift(value)
        setting.check_symbols(value)
        if name in there.letters:
            if value.shape is None:
                raise StepError(f"{title}: {name} is a matrix, {plain(value)} is a number")
            matrices[name] = value
        elif name in there.scalar_symbols or name in there.dims:
            symbol = there.scalar_symbols.get(name, there.dims.get(name))
            scalars[symbol] = _number_for(symbol, value, setting, title)
        else:
            raise StepError(f"{title} has no symbol {name}")
    for name in sorted(lemma.result.derivation.letters()):
        if name not in matrices:
            raise StepError(f"{title} needs a value for {name}")
    _match_sizes(lemma.result, matrices, scalars)
    if lemma.result.derivation.has_expectation():
        _match_distributions(setting, lemma.result, matrices, scalars)
    return matrices, scalars


def _number_for(symbol: sp.Symbol, value: Expr, setting: Declarations, title: str) -> sp.Expr:
    """The value of a scalar or dimension there, which must be one here: a size, or positive."""
    number = plain_number(value)
    if number is None:
        raise StepError(f"{title}: {symbol} is a number, {plain(value)} is not")
    if symbol.is_integer:
        return size(number)
    if symbol.is_positive and not is_positive(number, setting.positive_sizes()):
        raise StepError(f"{title} needs {plain(value)} positive, which is not known")
    return number


def _match_sizes(result: Result, matrices: dict[str, Expr],
                 scalars: dict[sp.Symbol, sp.Expr]) -> None:  # fmt: skip
    """Read the dimensions there off the matrices here, and see that all sizes fit."""
    letters = result.setting.letters
    for name, value in matrices.items():
        for inside, outside in zip(letters[name].shape, value.shape, strict=True):
            if inside.is_Symbol:
                scalars.setdefault(inside, outside)
    for name, value in matrices.items():
        shape = letters[name].shape
        expected = tuple(sp.expand(x.subs(scalars, simultaneous=True)) for x in shape)
        if expected != value.shape:
            raise StepError(
                f"{result.title}: {name} must be {expected[0]} x {expected[1]}, but "
                f"{plain(value)} is {value.shape[0]} x {value.shape[1]}"
            )


def _match_distributions(setting: Declarations, result: Result, matrices: dict[str, Expr],
                         scalars: dict[sp.Symbol, sp.Expr]) -> None:  # fmt: skip
    """Gaussian vectors go to different Gaussian vectors, constants to constants."""
    taken: set[str] = set()
    for name, value in matrices.items():
        noise = result.setting.noises.get(name)
        if noise is None:
            for random in sorted(symbols_in(value) & set(setting.noises)):
                raise StepError(f"{result.title}: {name} is constant, but {random} is random")
            continue
        here = setting.noises.get(value.value) if value.op == "symbol" else None
        if here is None or value.value in taken:
            raise StepError(
                f"{result.title}: {name} is Gaussian, so it must become a Gaussian vector of "
                f"its own, not {plain(value)}"
            )
        taken.add(value.value)
        covariance = substitute(noise.covariance, matrices, scalars)
        if _proved_here(setting, covariance, here.covariance) is None:
            raise StepError(
                f"{result.title} needs the covariance {plain(covariance)} of {plain(value)}, "
                f"which is {plain(here.covariance)}"
            )


def _needs_of_kind(setting: Declarations, result: Result, name: str, e: Expr) -> list[Need]:
    letter = result.setting.letters[name]
    if letter.symmetric and not prove(setting, e.T, e).proved:
        raise StepError(f"{result.title} needs {plain(e)} symmetric, which is not proved")
    if letter.kind == DEFINITE and definiteness(e, setting) != DEFINITE:
        return [Need(DEFINITE, e)]
    if letter.kind == FULL_RANK and not full_column_rank(e, setting):
        return [Need(FULL_RANK, e)]
    return []


def _try_out(setting: Declarations, title: str, lhs: Expr, rhs: Expr,
             needs: Sequence[Need]) -> None:  # fmt: skip
    """What a lemma assumes must hold on some exact instance here, and there the lemma too."""
    for instance in instances_where(needs, setting):
        try:
            left, right = instance.evaluate(lhs), instance.evaluate(rhs)
        except Unusable:
            continue
        if not same(left, right):
            raise SoundnessError(f"{title} is proved, and false for the symbols given")
        return
    raise StepError(
        f"what {title} assumes holds on no exact instance here: "
        + "; ".join(x.words(setting).replace("$", "") for x in needs)
    )
