"""Citing a proved result for other symbols, with everything that it takes for granted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sympy as sp

from matrixproof.judges.instances import Unusable, same, search
from matrixproof.language.definite import DEFINITE, definiteness, full_column_rank
from matrixproof.language.errors import SoundnessError, StepError
from matrixproof.language.expressions import Expr, lift, plain, size, substitute
from matrixproof.language.signs import is_positive
from matrixproof.search.assumptions import FULL_RANK, Need, instances_where, needs_of, written_out
from matrixproof.search.polynomials import plain_number
from matrixproof.search.prover import Equation, Verdict, prove
from matrixproof.setting import Setting, match_shapes, symbols_in

if TYPE_CHECKING:
    from matrixproof.page.derivation import Result


@dataclass(frozen=True)
class Lemma:
    """A proved result for given symbols, to be cited with ``by=`` in a later step."""

    result: Result
    substitution: dict[str, Expr]


def instantiate(setting: Setting, cited: Lemma | Result) -> tuple[Equation, list[Need], set[str]]:
    """State a proved result for the symbols of this setting, with what it assumes."""
    lemma = cited if isinstance(cited, Lemma) else Lemma(cited, {})
    if not hasattr(lemma.result, "derivation"):
        raise StepError("by=[...] takes results, and results called with symbols")
    result, there = lemma.result, lemma.result.setting
    if result.status != "proved":
        raise StepError(f"{result.title} is {result.status}, not proved: it cannot be cited")
    if not lemma.substitution and there is setting:
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
    known = setting.positive_sizes()
    for condition in there.conditions:
        now = condition.subs(scalars, simultaneous=True)
        strict = isinstance(now, sp.StrictGreaterThan | sp.StrictLessThan)
        if now != True and now not in setting.conditions and not (  # noqa: E712 - SymPy's
            strict and is_positive(now.gts - now.lts, known)
        ):
            raise StepError(f"{result.title} assumes {condition}, here {now}")
    _try_out(setting, result.title, lhs, rhs, needs)
    return Equation(lhs, rhs, result.title), needs, used


def _proved_here(setting: Setting, lhs: Expr, rhs: Expr) -> Verdict | None:
    if search(setting, lhs, rhs, shrink=False)[0]:
        return None
    verdict = prove(setting, lhs, rhs)
    return verdict if verdict.proved else None


def _match_symbols(
    setting: Setting, lemma: Lemma
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
            number = plain_number(value)
            if number is None:
                raise StepError(f"{title}: {name} is a number, {plain(value)} is not")
            if name in there.dims:
                number = size(number)
            elif symbol.is_positive and not is_positive(number, setting.positive_sizes()):
                raise StepError(f"{title} needs {plain(value)} positive, which is not known")
            scalars[symbol] = number
        else:
            raise StepError(f"{title} has no symbol {name}")
    for name in sorted(lemma.result.derivation.letters()):
        if name not in matrices:
            raise StepError(f"{title} needs a value for {name}")
    for name, value in matrices.items():
        for inside, outside in zip(there.letters[name].shape, value.shape, strict=True):
            if inside.is_Symbol:
                scalars.setdefault(inside, outside)
    for name, value in matrices.items():
        shape = there.letters[name].shape
        expected = tuple(sp.expand(x.subs(scalars, simultaneous=True)) for x in shape)
        if expected != value.shape:
            raise StepError(
                f"{title}: {name} must be {expected[0]} x {expected[1]}, but "
                f"{plain(value)} is {value.shape[0]} x {value.shape[1]}"
            )
    if lemma.result.derivation.has_expectation():
        _match_distributions(setting, lemma.result, matrices, scalars)
    return matrices, scalars


def _match_distributions(setting: Setting, result: Result, matrices: dict[str, Expr],
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


def _needs_of_kind(setting: Setting, result: Result, name: str, e: Expr) -> list[Need]:
    letter = result.setting.letters[name]
    if letter.symmetric and not prove(setting, e.T, e).proved:
        raise StepError(f"{result.title} needs {plain(e)} symmetric, which is not proved")
    if letter.kind == DEFINITE and definiteness(e, setting) != DEFINITE:
        return [Need(DEFINITE, e)]
    if letter.kind == FULL_RANK and not full_column_rank(e, setting):
        return [Need(FULL_RANK, e)]
    return []


def _try_out(setting: Setting, title: str, lhs: Expr, rhs: Expr, needs: Sequence[Need]) -> None:
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
