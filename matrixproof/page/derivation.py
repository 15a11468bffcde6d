"""Derivations: chains of equalities in which every line is checked before it is shown."""

from __future__ import annotations

import copy
import textwrap
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from matrixproof.judges.counterexamples import search
from matrixproof.language.declarations import Declarations
from matrixproof.language.differential import written_out
from matrixproof.language.errors import SoundnessError, StepError
from matrixproof.language.expressions import Expr, lift, match_shapes
from matrixproof.language.letters import Hypothesis
from matrixproof.language.printing import latex, plain, sympy_latex, tex_name
from matrixproof.language.trees import definitions_in, symbols_in
from matrixproof.page.display import derivation_html, derivation_latex, derivation_text
from matrixproof.page.records import enter
from matrixproof.page.small_case import SmallCase
from matrixproof.page.written import expression_data, identity, setting_data
from matrixproof.search.assumptions import (
    INVERTIBLE,
    Need,
    distinct_inverted,
    instances_where,
    needs_of,
)
from matrixproof.search.citing import Lemma, instantiate
from matrixproof.search.prover import prove


@dataclass
class Line:
    """One line of a derivation: what equals the line before, why, and how that was checked."""

    expression: Expr
    reason: str = ""
    status: str = "start"
    instances: int = 0
    relations: list[str] = field(default_factory=list)
    lemmas: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def record(self) -> dict[str, Any]:
        """What is kept of the line."""
        return {
            "text": plain(self.expression),
            "reason": self.reason,
            "status": self.status,
            "instances": self.instances,
            "relations": self.relations,
            "lemmas": self.lemmas,
            "tree": expression_data(self.expression),
        }


@dataclass
class Derivation:
    """A chain of equalities, begun by `Setting.derive`.

    Examples
    --------
    >>> from matrixproof import Setting
    >>> s = Setting("n")
    >>> A, B = s.matrices("A: n; B: n")
    >>> d = s.derive((A * B).T).step(B.T * A.T, "a transpose reverses")
    >>> d.lines[-1].status
    'proved'
    """

    setting: Declarations
    start: Expr
    lines: list[Line] = field(init=False)
    needs: list[Need] = field(init=False, default_factory=list)
    used: set[str] = field(init=False, default_factory=set)  # names of relations

    def __post_init__(self) -> None:
        self.lines = []
        self._check(self.start)
        self.lines.append(Line(self.start))

    def _check(self, new: Expr) -> None:
        """Whether a line belongs to the setting, and uses each name for one thing."""
        self.setting.check_symbols(new)
        meant: dict[str, Expr] = {}
        for e in (*(line.expression for line in self.lines), new):
            for node in e.walk():
                if node.op == "define":
                    name, content = node.value, node.args[0]
                elif node.op == "d":  # two differentials of one name move the same symbols
                    name, content = node.value.name, Expr("d", value=node.value)
                else:
                    continue
                if meant.setdefault(name, content).key() != content.key():
                    raise StepError(f"{name} stands for two different things in one derivation")

    def step(self, new: Any, reason: str = "", by: Iterable[Lemma | Result] = (),
             strict: bool = True) -> Derivation:  # fmt: skip
        """Add a line that equals the one before.

        Parameters
        ----------
        new : Expr
            The new line. It is displayed as it is typed here.
        reason : str
            Why it holds, in words; ``$...$`` is mathematics.
        by : iterable of Lemma or Result
            Results proved before that the step may use.
        strict : bool
            Whether a step that is true on all exact instances, but that is not proved for all
            dimensions, is refused. With False it is kept, and the page says so.

        Raises
        ------
        StepError
            When the step is false (with the smallest counterexample found), or not proved, or
            cites what does not apply.
        ShapeError, UnknownSymbolError
            When the line makes no sense in this setting.
        """
        number, begin = len(self.lines), time.perf_counter()
        self._check(lift(new))
        old, new = match_shapes(self.lines[-1].expression, new)
        tested = self._attack(old, new, reason)
        cited = [instantiate(self.setting, x) for x in by]
        lemmas = [equation for equation, _, _ in cited]
        verdict = prove(self.setting, old, new, tuple(lemmas))
        if not verdict.proved and strict:
            raise StepError(
                f"line {number} is true on {tested} exact instances but was not proved for all "
                f"{self.quantifier()}{_because(reason)}: {verdict.why_not}\n  {plain(new)}\n"
                "split it into smaller steps, cite a result with by=..., or state the assumption "
                "that it needs with assume(...)"
            )
        known = len(self.needs)
        for _, needs, used in cited:
            self._collect(needs, used)
        self._collect(needs_of(verdict, self.setting), verdict.relations)
        if len(self.needs) > known:
            self._check_needs(number)
        status = "proved" if verdict.proved else "instances"
        names, seconds = [q.name for q in lemmas], time.perf_counter() - begin
        self.lines.append(Line(new, reason, status, tested, verdict.relations, names, seconds))
        return self

    def _attack(self, old: Expr, new: Expr, reason: str) -> int:
        """On how many exact instances a new line holds; a counterexample ends it."""
        counterexample, tested = search(self.setting, old, new)
        if counterexample:
            raise StepError(
                f"line {len(self.lines)} is false{_because(reason)}\n  {plain(old)}\n"
                f"  is not equal to\n  {plain(new)}\nsmallest exact counterexample found:\n"
                + textwrap.indent(str(counterexample), "  ")
            )
        return tested

    def _collect(self, needs: Iterable[Need], used: Iterable[str]) -> None:
        known = {x.key() for x in self.needs}
        self.needs += [x for x in needs if x.key() not in known]
        self.used |= set(used)

    def _check_needs(self, number: int) -> None:
        """What all lines take for granted must hold together somewhere, or they say nothing."""
        if next(instances_where(self.needs, self.setting), None) is None:
            words = "; ".join(x.words(self.setting).replace("$", "") for x in self.needs)
            raise StepError(
                f"with line {number}, what the derivation takes for granted holds together on no "
                f"exact instance: {words}"
            )

    # -- looking --------------------------------------------------------------------------
    @property
    def status(self) -> str:
        """``proved`` when every line is, ``instances`` when one is only checked on instances."""
        states = {line.status for line in self.lines[1:]}
        return "instances" if "instances" in states else "proved" if states else "start"

    @property
    def lhs(self) -> Expr:
        return self.lines[0].expression

    @property
    def rhs(self) -> Expr:
        return self.lines[-1].expression

    def quantifier(self) -> str:
        """The dimensions for which the lines hold."""
        text = ", ".join(self.setting.dims)
        where = ", ".join(map(str, self.setting.conditions))
        return text + (f" with {where}" if where else "")

    def all_assumptions(self) -> list[str]:
        """What the symbols are taken to be, what is taken as invertible, and the hypotheses."""
        hypotheses = self._hypotheses()
        used = self._symbols_of(line.expression for line in self.lines)
        used |= self._symbols_of(e for h in hypotheses for e in (h.lhs, h.rhs))
        out = []
        for letter in self.setting.letters.values():
            if letter.name in used and letter.kind != "any":
                kind = letter.kind if letter.symmetric else "of full column rank"
                out.append(f"${_letter_tex(self, letter.name)}$ is {kind}")
        out += [
            f"${sympy_latex(x)} > 0$"
            for name, x in self.setting.scalar_symbols.items()
            if name in used and x.is_positive
        ]
        out += [f"${latex(h.lhs)} = {latex(h.rhs)}$" for h in hypotheses]
        for name, noise in self.setting.noises.items():
            if name in used:
                out.append(rf"${tex_name(name)} \sim N(0,\, {latex(noise.covariance)})$")
        needs = distinct_inverted(self.needs, self.setting)
        needs += [x for x in self.needs if x.kind != INVERTIBLE]
        return out + [x for need in needs if (x := need.words(self.setting))]

    def used_hypotheses(self) -> list[Hypothesis]:
        """The assumed equations that the certificates use."""
        return [h for h in self.setting.hypotheses if h.name in self.used]

    def _hypotheses(self) -> list[Hypothesis]:
        """Those used, and those that speak of nothing but the symbols of the lines."""
        used = self._symbols_of(line.expression for line in self.lines)
        return [
            h
            for h in self.setting.hypotheses
            if h.name in self.used or symbols_in(h.lhs) | symbols_in(h.rhs) <= used
        ]

    @staticmethod
    def _symbols_of(expressions: Iterable[Expr]) -> set[str]:
        return {name for e in expressions for name in symbols_in(e)}

    def letters(self) -> set[str]:
        """The matrices on which the derivation depends, those of its hypotheses included."""
        expressions = [line.expression for line in self.lines]
        expressions += [written_out(e) for e in (self.lhs, self.rhs)]
        expressions += [x.expression for x in self.needs]
        expressions += [e for h in self.used_hypotheses() for e in (h.lhs, h.rhs)]
        if self.has_expectation():
            noises = self.setting.noises
            names = self._symbols_of(expressions) & set(noises)
            expressions += [noises[name].covariance for name in names]
        return self._symbols_of(expressions) & set(self.setting.letters)

    def has_expectation(self) -> bool:
        return any(x.op == "expectation" for line in self.lines for x in line.expression.walk())

    def definitions(self) -> list[Expr]:
        """The named expressions that occur, in order of appearance."""
        return definitions_in(line.expression for line in self.lines)

    def on(self, **sizes: int) -> SmallCase:
        """The same lines on one exact instance of the given sizes, to look at entries."""
        return SmallCase.draw(self, sizes)

    def result(self, title: str = "") -> Result:
        """Close the derivation without entering it in the ledger."""
        return Result(self, title or plain(self.lhs))

    def named(self, name: str, title: str, cites: Sequence[str] = ()) -> Result:
        """Close the derivation, enter it in the ledger, and make it citable.

        Parameters
        ----------
        name : str
            The permanent identifier, ``"woodbury"``; also the anchor on the page.
        title : str
            What a reader calls it, ``"Woodbury identity"``.
        cites : sequence of str
            The ids of the sources' statements that it answers, ``("B5",)``.

        Raises
        ------
        ProofError
            When the name is taken, or recorded for something else.
        """
        result = Result(self, title, name, tuple(cites))
        enter(result)
        return result

    def _repr_html_(self) -> str:
        return derivation_html(self)

    def _repr_latex_(self) -> str:
        return derivation_latex(self)

    def __repr__(self) -> str:
        return derivation_text(self)


@dataclass
class Result:
    """A finished derivation: first line = last line. Call it with symbols to cite it."""

    derivation: Derivation
    title: str
    name: str = ""
    cites: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        d = copy.copy(self.derivation)  # lines that are added later are not part of the result
        d.lines, d.needs, d.used = [*d.lines], [*d.needs], {*d.used}
        self.derivation = d

    def __call__(self, **substitution: Any) -> Lemma:
        """The result for other symbols: ``woodbury(A=R, U=Z, C=G, V=Z.T)``."""
        return Lemma(self, substitution)

    @property
    def setting(self) -> Declarations:
        return self.derivation.setting

    @property
    def status(self) -> str:
        return self.derivation.status

    @property
    def lhs(self) -> Expr:
        return self.derivation.lhs

    @property
    def rhs(self) -> Expr:
        return self.derivation.rhs

    @property
    def lines(self) -> list[Line]:
        return self.derivation.lines

    @property
    def needs(self) -> list[Need]:
        return self.derivation.needs

    def on(self, **sizes: int) -> SmallCase:
        """The same lines on one exact instance of the given sizes, to look at entries."""
        return self.derivation.on(**sizes)

    def statement(self) -> str:
        """The identity as plain text."""
        return f"{plain(self.lhs)} = {plain(self.rhs)}"

    def record(self) -> dict[str, Any]:
        """What is kept of the result: enough to display it, and to prove it again."""
        d = self.derivation
        return identity(self) | {
            "setting": setting_data(self.setting),
            "tex": f"{latex(self.lhs)} = {latex(self.rhs)}",
            "quantifier": d.quantifier(),
            "assumptions": d.all_assumptions(),
            "lines": [line.record() for line in self.lines],
            "seconds": round(sum(line.seconds for line in self.lines), 1),
        }

    def _repr_html_(self) -> str:
        return derivation_html(self.derivation, self)

    def _repr_latex_(self) -> str:
        return derivation_latex(self.derivation, self)

    def __repr__(self) -> str:
        return derivation_text(self.derivation, self)


def _because(reason: str) -> str:
    return f" ({reason})" if reason else ""


def _letter_tex(derivation: Derivation, name: str) -> str:
    for line in derivation.lines:
        for node in line.expression.walk():
            if node.op == "symbol" and node.value == name:
                return str(node.tex)
    return name


def check(setting: Declarations, lhs: Any, rhs: Any, by: Iterable[Lemma | Result] = ()) -> str:
    """``proved``, ``refuted`` or ``instances``, by both roads at once.

    Raises
    ------
    ProofError
        When the claim makes no sense in the setting, or no instance satisfies the assumptions.
    SoundnessError
        When a claim is proved and refuted: the checker is wrong.
    """
    lhs, rhs = match_shapes(lift(lhs), lift(rhs))
    Derivation(setting, lhs)
    setting.check_symbols(rhs)
    counterexample, _ = search(setting, lhs, rhs, shrink=False)
    lemmas = tuple(instantiate(setting, x)[0] for x in by)
    verdict = prove(setting, lhs, rhs, lemmas, seconds=1.0 if counterexample else 20.0)
    if counterexample and verdict.proved:
        raise SoundnessError(f"{plain(lhs)} = {plain(rhs)} is both proved and refuted")
    return "refuted" if counterexample else "proved" if verdict.proved else "instances"
