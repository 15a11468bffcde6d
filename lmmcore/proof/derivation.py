"""Derivations: chains of equalities in which every line is checked before it is shown."""

from __future__ import annotations

import copy
import itertools
import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from .definite import DEFINITE, definiteness, full_column_rank
from .differential import differentiate
from .errors import ProofError, RefutationError, SoundnessError, StepError
from .expressions import (
    Expr,
    block_rows,
    eye,
    latex,
    lift,
    plain,
    rebuild,
    size,
    substitute,
    sympy_latex,
    tex_name,
    zero,
)
from .instances import (
    Counterexample,
    Instance,
    TooLarge,
    Unusable,
    is_of_kind,
    same,
    search,
    sizes_to_try,
    smallest,
    used_names,
)
from .polynomials import Algebra, plain_number
from .prover import Equation, Verdict, prove
from .setting import Hypothesis, Setting, match_shapes, symbols_in
from .signs import is_positive


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


@dataclass(frozen=True)
class Need:
    """Something taken for granted: that an expression is invertible, not zero, definite, ..."""

    kind: str
    expression: Expr

    def key(self) -> tuple:
        return (self.kind, self.expression.key())

    def words(self, setting: Setting) -> str:
        """The assumption in words; nothing when the declarations say it already."""
        e = self.expression
        if self.kind == NONZERO:
            return rf"${latex(e)} \neq 0$"
        if self.kind == INVERTIBLE:
            known = definiteness(e, setting) == DEFINITE
            if known and e.op == "symbol":
                return ""
            return f"${latex(e)}$ is invertible" + (", being positive definite" if known else "")
        return f"${latex(e)}$ {'has' if self.kind == FULL_RANK else 'is'} {self.kind}"

    def holds(self, instance: Instance) -> bool:
        value = instance.evaluate(self.expression)
        if self.kind == NONZERO:
            return not same(value, instance.evaluate(zero_like(self.expression)))
        if self.kind == INVERTIBLE:
            return bool(value[0].to_dense().det())
        return is_of_kind(value[0], self.kind)


NONZERO, INVERTIBLE, FULL_RANK = "not zero", "invertible", "full column rank"


def zero_like(e: Expr) -> Expr:
    return zero(*e.shape) if e.shape else lift(0)


def needs_of(verdict: Verdict, setting: Setting) -> list[Need]:
    """What a proof takes for granted."""
    out = [Need(INVERTIBLE, e) for e in verdict.inverted]
    for e in (*verdict.divided, *map(lift, verdict.nonzero)):
        inner = e.args[0] if e.op == "scalar" else e
        if inner.shape is None or definiteness(inner, setting) != DEFINITE:
            out.append(Need(NONZERO, e))
    return out


def written_out(e: Expr) -> Expr:
    """An expression without d: its differentials are carried out."""
    if e.op == "d":
        return written_out(differentiate(e.args[0], e.value))
    if not any(x.op == "d" for x in e.walk()):
        return e
    return rebuild(e, [written_out(x) for x in e.args])


@dataclass(frozen=True)
class Lemma:
    """A proved result for given symbols, to be cited with ``by=`` in a later step."""

    result: Result
    substitution: dict[str, Expr]


@dataclass
class Derivation:
    """A chain of equalities, begun by `Setting.derive`.

    Examples
    --------
    >>> s = Setting("n")
    >>> A, B = s.matrices("A: n; B: n")
    >>> d = s.derive((A * B).T).step(B.T * A.T, "a transpose reverses")
    >>> d.lines[-1].status
    'proved'
    """

    setting: Setting
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
        number = len(self.lines)
        self._check(lift(new))
        old, new = match_shapes(self.lines[-1].expression, new)
        begin = time.perf_counter()
        counterexample, tested = search(self.setting, old, new)
        if counterexample:
            raise StepError(
                f"line {number} is false{_because(reason)}\n  {plain(old)}\n  is not equal to\n"
                f"  {plain(new)}\nsmallest exact counterexample found:\n"
                + _indent(str(counterexample))
            )
        cited = [self._instantiate(x) for x in by]
        lemmas = [equation for equation, _, _ in cited]
        verdict = prove(self.setting, old, new, tuple(lemmas))
        if not verdict.proved and strict:
            raise StepError(
                f"line {number} is true on {tested} exact instances but was not proved for all "
                f"{self.quantifier()}{_because(reason)}: {verdict.why_not}\n  {plain(new)}\n"
                "split it into smaller steps, cite a result with by=..., or state the assumption "
                "that it needs with assume(...)"
            )
        for _, needs, used in cited:
            self._collect(needs, used)
        self._collect(needs_of(verdict, self.setting), verdict.relations)
        self.lines.append(
            Line(
                new,
                reason,
                "proved" if verdict.proved else "instances",
                tested,
                verdict.relations,
                [q.name for q in lemmas],
                time.perf_counter() - begin,
            )
        )
        return self

    def _collect(self, needs: Iterable[Need], used: Iterable[str]) -> None:
        known = {x.key() for x in self.needs}
        self.needs += [x for x in needs if x.key() not in known]
        self.used |= set(used)

    # -- lemmas ---------------------------------------------------------------------------
    def _instantiate(self, cited: Lemma | Result) -> tuple[Equation, list[Need], set[str]]:
        """State a proved result for the symbols of this setting, with what it assumes."""
        lemma = cited if isinstance(cited, Lemma) else Lemma(cited, {})
        if not isinstance(lemma.result, Result):
            raise StepError("by=[...] takes results, and results called with symbols")
        result, there = lemma.result, lemma.result.setting
        if result.status != "proved":
            raise StepError(f"{result.title} is {result.status}, not proved: it cannot be cited")
        if not lemma.substitution and there is self.setting:
            equation = Equation(*match_shapes(result.lhs, result.rhs), result.title)
            return equation, result.needs, result.derivation.used
        matrices, scalars = self._match_symbols(lemma)

        def here(e: Expr) -> Expr:
            return substitute(written_out(e), matrices, scalars)

        lhs, rhs = match_shapes(here(result.lhs), here(result.rhs))
        needs = [Need(x.kind, here(x.expression)) for x in result.needs]
        for e in (lhs, rhs, *(x.expression for x in needs)):
            self.setting.check_symbols(e)
        for name, e in matrices.items():
            needs += self._needs_of_kind(result, name, e)
        needs = list({x.key(): x for x in needs}.values())
        used: set[str] = set()
        for h in result.derivation.used_hypotheses():
            verdict = self._proved_here(here(h.lhs), here(h.rhs))
            if verdict is None:
                raise StepError(f"{result.title} assumes {h.name}, which is not proved here")
            needs += needs_of(verdict, self.setting)
            used |= set(verdict.relations)
        known = self.setting.positive_sizes()
        for condition in there.conditions:
            now = condition.subs(scalars, simultaneous=True)
            strict = isinstance(now, sp.StrictGreaterThan | sp.StrictLessThan)
            if now != True and now not in self.setting.conditions and not (  # noqa: E712 - SymPy's
                strict and is_positive(now.gts - now.lts, known)
            ):
                raise StepError(f"{result.title} assumes {condition}, here {now}")
        self._try_out(result.title, lhs, rhs, needs)
        return Equation(lhs, rhs, result.title), needs, used

    def _proved_here(self, lhs: Expr, rhs: Expr) -> Verdict | None:
        if search(self.setting, lhs, rhs, shrink=False)[0]:
            return None
        verdict = prove(self.setting, lhs, rhs)
        return verdict if verdict.proved else None

    def _match_symbols(self, lemma: Lemma) -> tuple[dict[str, Expr], dict[sp.Symbol, sp.Expr]]:
        """The value here of each symbol there: sizes, signs and distributions must fit."""
        there, title = lemma.result.setting, lemma.result.title
        matrices: dict[str, Expr] = {}
        scalars: dict[sp.Symbol, sp.Expr] = {}
        for name, value in lemma.substitution.items():
            value = lift(value)
            self.setting.check_symbols(value)
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
                elif symbol.is_positive and not is_positive(number, self.setting.positive_sizes()):
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
            self._match_distributions(lemma.result, matrices, scalars)
        return matrices, scalars

    def _match_distributions(self, result: Result, matrices: dict[str, Expr],
                             scalars: dict[sp.Symbol, sp.Expr]) -> None:  # fmt: skip
        """Gaussian vectors go to different Gaussian vectors, constants to constants."""
        taken: set[str] = set()
        for name, value in matrices.items():
            noise = result.setting.noises.get(name)
            if noise is None:
                for random in sorted(symbols_in(value) & set(self.setting.noises)):
                    raise StepError(f"{result.title}: {name} is constant, but {random} is random")
                continue
            here = self.setting.noises.get(value.value) if value.op == "symbol" else None
            if here is None or value.value in taken:
                raise StepError(
                    f"{result.title}: {name} is Gaussian, so it must become a Gaussian vector of "
                    f"its own, not {plain(value)}"
                )
            taken.add(value.value)
            covariance = substitute(noise.covariance, matrices, scalars)
            if self._proved_here(covariance, here.covariance) is None:
                raise StepError(
                    f"{result.title} needs the covariance {plain(covariance)} of {plain(value)}, "
                    f"which is {plain(here.covariance)}"
                )

    def _needs_of_kind(self, result: Result, name: str, e: Expr) -> list[Need]:
        letter = result.setting.letters[name]
        if letter.symmetric and not prove(self.setting, e.T, e).proved:
            raise StepError(f"{result.title} needs {plain(e)} symmetric, which is not proved")
        if letter.kind == DEFINITE and definiteness(e, self.setting) != DEFINITE:
            return [Need(DEFINITE, e)]
        if letter.kind == FULL_RANK and not full_column_rank(e, self.setting):
            return [Need(FULL_RANK, e)]
        return []

    def _try_out(self, title: str, lhs: Expr, rhs: Expr, needs: Sequence[Need]) -> None:
        """What a lemma assumes must hold on some exact instance here, and there the lemma too."""
        for sizes in itertools.islice(sizes_to_try(self.setting), 40):
            for attempt in range(10):
                try:
                    instance = Instance(self.setting, sizes, random.Random(f"lemma {attempt}"))
                    if not all(x.holds(instance) for x in needs):
                        continue
                    left, right = instance.evaluate(lhs), instance.evaluate(rhs)
                except TooLarge:
                    break
                except Unusable:
                    continue
                if not same(left, right):
                    raise SoundnessError(f"{title} is proved, and false for the symbols given")
                return
        raise StepError(
            f"what {title} assumes holds on no exact instance here: "
            + "; ".join(x.words(self.setting).replace("$", "") for x in needs)
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
        needs = [*self._distinct_inverted(), *(x for x in self.needs if x.kind != INVERTIBLE)]
        return out + [x for need in needs if (x := need.words(self.setting))]

    def _distinct_inverted(self) -> list[Need]:
        """What is inverted: each matrix once, in its shortest form; the identity not at all."""
        inverted = [x.expression for x in self.needs if x.kind == INVERTIBLE]
        algebra = Algebra(self.setting, inverted)
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
        return _definitions(line.expression for line in self.lines)

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
        from .records import enter

        result = Result(self, title, name, tuple(cites))
        enter(result)
        return result

    def _repr_html_(self) -> str:
        from .display import derivation_html

        return derivation_html(self)

    def _repr_latex_(self) -> str:
        from .display import derivation_latex

        return derivation_latex(self)

    def __repr__(self) -> str:
        from .display import derivation_text

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
    def setting(self) -> Setting:
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

    def _repr_html_(self) -> str:
        from .display import derivation_html

        return derivation_html(self.derivation, self)

    def _repr_latex_(self) -> str:
        from .display import derivation_latex

        return derivation_latex(self.derivation, self)

    def __repr__(self) -> str:
        from .display import derivation_text

        return derivation_text(self.derivation, self)


@dataclass
class Refutation:
    """A claim lhs = rhs that is false, with the smallest exact counterexample found."""

    setting: Setting
    lhs: Expr
    rhs: Expr
    given: list[tuple[Expr, Expr]]
    counterexample: Counterexample
    title: str = ""
    name: str = ""
    cites: tuple[str, ...] = ()

    @classmethod
    def search(cls, setting: Setting, lhs: Expr, rhs: Expr, given: Iterable[tuple[Any, Any]] = (),
               at: dict[str, Any] | None = None, sizes: dict[str, int] | None = None,
               name: str = "", title: str = "", cites: Sequence[str] = ()
               ) -> Refutation:  # fmt: skip
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
            from .records import enter

            enter(out)
        return out

    status = "refuted"

    def statement(self) -> str:
        """The false claim as plain text."""
        given = "; ".join(f"{plain(a)} = {plain(b)}" for a, b in self.given)
        claim = f"{plain(self.lhs)} = {plain(self.rhs)}"
        return f"if {given} then {claim}" if given else claim

    def definitions(self) -> list[Expr]:
        """The named expressions that occur, in order of appearance."""
        return _definitions([*(x for pair in self.given for x in pair), self.lhs, self.rhs])

    def _repr_html_(self) -> str:
        from .display import refutation_html

        return refutation_html(self)

    def _repr_latex_(self) -> str:
        from .display import refutation_latex

        return refutation_latex(self)

    def __repr__(self) -> str:
        return f"FALSE: {self.statement()}\n{_indent(str(self.counterexample))}"


def _by_schur_complement(e: Expr, given: set[tuple], algebra: Algebra) -> bool:
    """Whether e is a block matrix of which a diagonal block and its complement are given.

    Such a matrix is invertible because they are: it need not be assumed.
    """
    if e.op != "block" or e.value != (2, 2) or e.args[0].shape[0] != e.args[0].shape[1]:
        return False

    def known(x: Expr) -> bool:
        return (algebra.poly(x).key(),) in given

    (a, b), (c, d) = block_rows(e)
    return any(known(p) and known(s - u * p.I * v) for p, v, u, s in ((a, b, c, d), (d, c, b, a)))


def _definitions(expressions: Iterable[Expr]) -> list[Expr]:
    out: dict[str, Expr] = {}
    for e in expressions:
        for node in e.walk():
            if node.op == "define":
                out.setdefault(node.value, node)
    return list(out.values())


def _at(setting: Setting, lhs: Expr, rhs: Expr, given: list[tuple[Expr, Expr]],
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
    used = used_names(lhs, rhs, *(x for pair in given for x in pair))
    return None if same(left, right) else Counterexample.of(instance, used, left, right)


@dataclass
class SmallCase:
    """The lines of a derivation evaluated on one exact instance."""

    derivation: Derivation
    counterexample: Counterexample  # the same bundle of values; here the two sides agree

    @classmethod
    def draw(cls, derivation: Derivation, sizes: dict[str, int]) -> SmallCase:
        setting = derivation.setting
        unknown = set(sizes) - set(setting.dims)
        if unknown:
            raise ProofError(f"{', '.join(unknown)}: the dimensions are {', '.join(setting.dims)}")
        full = {d: sizes.get(name, 1) for name, d in setting.dims.items()}
        used = used_names(*(line.expression for line in derivation.lines))
        for attempt in range(60):
            try:
                instance = Instance(setting, full, random.Random(attempt), height=2)
                values = [instance.evaluate(line.expression) for line in derivation.lines]
            except Unusable:
                continue
            if not all(same(values[0], v) for v in values):
                raise SoundnessError("the lines differ on an exact instance")
            return cls(derivation, Counterexample.of(instance, used, values[0], values[-1]))
        raise ProofError(f"no exact instance of the sizes {sizes} satisfies the assumptions")

    def __repr__(self) -> str:
        return str(self.counterexample).rsplit("\nright side", 1)[0].replace(
            "left side  =", "every line ="
        )

    def _repr_latex_(self) -> str:
        values, _ = self.counterexample.latex()
        common = sympy_latex(self.counterexample.left)
        return rf"$\displaystyle {values} \;\Rightarrow\; \text{{every line}} = {common}$"


def check(setting: Setting, lhs: Any, rhs: Any, by: Iterable[Lemma | Result] = ()) -> str:
    """``proved``, ``refuted`` or ``instances``, by both roads at once.

    Raises
    ------
    ProofError
        When the claim makes no sense in the setting, or no instance satisfies the assumptions.
    SoundnessError
        When a claim is proved and refuted: the checker is wrong.
    """
    lhs, rhs = match_shapes(lift(lhs), lift(rhs))
    derivation = Derivation(setting, lhs)
    setting.check_symbols(rhs)
    counterexample, _ = search(setting, lhs, rhs, shrink=False)
    lemmas = tuple(derivation._instantiate(x)[0] for x in by)
    verdict = prove(setting, lhs, rhs, lemmas, seconds=1.0 if counterexample else 20.0)
    if counterexample and verdict.proved:
        raise SoundnessError(f"{plain(lhs)} = {plain(rhs)} is both proved and refuted")
    return "refuted" if counterexample else "proved" if verdict.proved else "instances"


def _because(reason: str) -> str:
    return f" ({reason})" if reason else ""


def _indent(text: str) -> str:
    return "\n".join("  " + line for line in text.splitlines())


def _letter_tex(derivation: Derivation, name: str) -> str:
    for line in derivation.lines:
        for node in line.expression.walk():
            if node.op == "symbol" and node.value == name:
                return str(node.tex)
    return name
