"""Derivations: chains of equalities in which every line is checked before it is shown."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from .definite import DEFINITE, definiteness, full_column_rank
from .errors import ProofError, RefutationError, SoundnessError, StepError
from .expressions import Expr, latex, lift, plain, substitute, sympy_latex
from .instances import Counterexample, Instance, Unusable, search, smallest
from .polynomials import Algebra
from .prover import Equation, Verdict, prove
from .setting import Setting, match_shapes


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
    assumptions: list[str] = field(init=False, default_factory=list)
    inverted: list[Expr] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.setting.check_symbols(self.start)
        self.lines = [Line(self.start)]

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
            When the step is false (with the smallest counterexample found), or not proved.
        ShapeError, UnknownSymbolError
            When the line makes no sense in this setting.
        """
        number = len(self.lines)
        self.setting.check_symbols(lift(new))
        old, new = match_shapes(self.lines[-1].expression, new)
        begin = time.perf_counter()
        counterexample, tested = search(self.setting, old, new)
        if counterexample:
            raise StepError(
                f"line {number} is false{_because(reason)}\n  {plain(old)}\n  is not equal to\n"
                f"  {plain(new)}\nsmallest exact counterexample found:\n"
                + _indent(str(counterexample))
            )
        lemmas = [self._instantiate(x) for x in by]
        verdict = prove(self.setting, old, new, tuple(lemmas))
        if not verdict.proved and strict:
            raise StepError(
                f"line {number} is true on {tested} exact instances but was not proved for all "
                f"{self.quantifier()}{_because(reason)}: {verdict.why_not}\n  {plain(new)}\n"
                "split it into smaller steps, cite a result with by=..., or state the assumption "
                "that it needs with assume(...)"
            )
        self._collect(verdict)
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

    def _collect(self, verdict: Verdict) -> None:
        known = {e.key() for e in self.inverted}
        for e in verdict.inverted:
            if e.key() not in known:
                self.inverted.append(e)
                known.add(e.key())
        for factor in verdict.nonzero:
            self._assume(f"${sympy_latex(factor)} \\neq 0$")

    def _assume(self, text: str) -> None:
        if text not in self.assumptions:
            self.assumptions.append(text)

    # -- lemmas ---------------------------------------------------------------------------
    def _instantiate(self, cited: Lemma | Result) -> Equation:
        """State a proved result for the symbols of this setting, checking what it assumes."""
        lemma = cited if isinstance(cited, Lemma) else Lemma(cited, {})
        result, there = lemma.result, lemma.result.setting
        if result.status != "proved":
            raise StepError(f"{result.title} is {result.status}, not proved: it cannot be cited")
        if not lemma.substitution and there is self.setting:
            return Equation(result.lhs, result.rhs, result.title)
        matrices, scalars = self._match_symbols(lemma)
        for name, e in matrices.items():
            self._check_kind(result, name, e)
        for h in there.hypotheses:
            lhs, rhs = (substitute(x, matrices, scalars) for x in (h.lhs, h.rhs))
            if search(self.setting, lhs, rhs)[0] or not prove(self.setting, lhs, rhs).proved:
                raise StepError(f"{result.title} assumes {h.name}, which is not proved here")
        for condition in there.conditions:
            here = condition.subs(scalars)
            if here != True and here not in self.setting.conditions:  # noqa: E712 - SymPy's true
                raise StepError(f"{result.title} assumes {condition}, here {here}")
        for e in result.inverted:
            self._collect(Verdict(True, inverted=[substitute(e, matrices, scalars)]))
        lhs, rhs = (substitute(x, matrices, scalars) for x in (result.lhs, result.rhs))
        return Equation(lhs, rhs, result.title)

    def _match_symbols(self, lemma: Lemma) -> tuple[dict[str, Expr], dict[sp.Symbol, sp.Expr]]:
        there = lemma.result.setting
        matrices: dict[str, Expr] = {}
        scalars: dict[sp.Symbol, sp.Expr] = {}
        for name, value in lemma.substitution.items():
            value = lift(value)
            self.setting.check_symbols(value)
            if name in there.scalar_symbols:
                scalars[there.scalar_symbols[name]] = value.value
            elif name in there.letters:
                matrices[name] = value
            else:
                raise StepError(f"{lemma.result.title} has no symbol {name}")
        for name in lemma.result.symbols():
            if name in there.letters and name not in matrices:
                raise StepError(f"{lemma.result.title} needs a value for {name}")
        for name, value in matrices.items():
            for inside, outside in zip(there.letters[name].shape, value.shape, strict=True):
                if inside.is_Symbol and inside not in scalars:
                    scalars[inside] = outside
        for name, value in matrices.items():
            expected = tuple(sp.expand(x.subs(scalars)) for x in there.letters[name].shape)
            if expected != value.shape:
                raise StepError(
                    f"{lemma.result.title}: {name} must be {expected[0]} x {expected[1]}, but "
                    f"{plain(value)} is {value.shape[0]} x {value.shape[1]}"
                )
        return matrices, scalars

    def _check_kind(self, result: Result, name: str, e: Expr) -> None:
        letter = result.setting.letters[name]
        if letter.symmetric and not prove(self.setting, e.T, e).proved:
            raise StepError(f"{result.title} needs {plain(e)} symmetric, which is not proved")
        if letter.kind == DEFINITE and definiteness(e, self.setting) != DEFINITE:
            self._assume(f"${latex(e)}$ is positive definite")
        if letter.kind == "full column rank" and not full_column_rank(e, self.setting):
            self._assume(f"${latex(e)}$ has full column rank")

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

    def symbols(self) -> set[str]:
        """The names of the matrices in the statement (first and last line)."""
        return {x.value for e in (self.lhs, self.rhs) for x in e.walk() if x.op == "symbol"}

    def quantifier(self) -> str:
        """The dimensions for which the lines hold."""
        text = ", ".join(self.setting.dims)
        where = ", ".join(map(str, self.setting.conditions))
        return text + (f" with {where}" if where else "")

    def all_assumptions(self) -> list[str]:
        """What the symbols are taken to be, what is taken as invertible, and the hypotheses."""
        used = self._used_letters()
        out = []
        for letter in self.setting.letters.values():
            if letter.name in used and letter.kind != "any":
                kind = letter.kind if letter.symmetric else "of full column rank"
                out.append(f"${_letter_tex(self, letter.name)}$ is {kind}")
        out += [f"${latex(h.lhs)} = {latex(h.rhs)}$" for h in self._used_hypotheses(used)]
        for name, noise in self.setting.noises.items():
            if name in used:
                out.append(rf"${name} \sim N(0,\, {latex(noise.covariance)})$")
        for e in self._distinct_inverted():
            known = definiteness(e, self.setting) == DEFINITE
            simple = e.op == "symbol" and known
            if not simple:
                out.append(
                    f"${latex(e)}$ is invertible" + (", being positive definite" if known else "")
                )
        return out + self.assumptions

    def _distinct_inverted(self) -> list[Expr]:
        """What is inverted: each matrix once, in its shortest form; the identity not at all."""
        algebra = Algebra(self.setting, self.inverted)
        shortest: dict[tuple, Expr] = {}
        for e in self.inverted:
            p = algebra.poly(e)
            if set(p.terms) != {()}:
                shortest[p.key()] = min(shortest.get(p.key(), e), e, key=lambda x: len(plain(x)))
        return list(shortest.values())

    def _used_letters(self) -> set[str]:
        nodes = [x for line in self.lines for x in line.expression.walk()]
        return {x.value for x in nodes if x.op == "symbol"}

    def _used_hypotheses(self, used: set[str]) -> list[Any]:
        def letters(h: Any) -> set[str]:
            return {x.value for e in (h.lhs, h.rhs) for x in e.walk() if x.op == "symbol"}

        return [h for h in self.setting.hypotheses if letters(h) <= used]

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
    def inverted(self) -> list[Expr]:
        return self.derivation.inverted

    def symbols(self) -> set[str]:
        return self.derivation.symbols()

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


def _definitions(expressions: Iterable[Expr]) -> list[Expr]:
    out: dict[str, Expr] = {}
    for e in expressions:
        for node in e.walk():
            if node.op == "define":
                out.setdefault(node.value, node)
    return list(out.values())


def _at(setting: Setting, lhs: Expr, rhs: Expr, given: list[tuple[Expr, Expr]],
        values: dict[str, Any], sizes: dict[str, int]) -> Counterexample | None:  # fmt: skip
    import random

    from .instances import same, used_names

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
        import random

        from .instances import same, used_names

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


def check(setting: Setting, lhs: Any, rhs: Any, by: tuple[Equation, ...] = ()) -> str:
    """``proved``, ``refuted`` or ``instances``, by both roads at once.

    Raises
    ------
    SoundnessError
        When a claim is proved and refuted: the checker is wrong.
    """
    lhs, rhs = match_shapes(lift(lhs), lift(rhs))
    counterexample, _ = search(setting, lhs, rhs)
    verdict = prove(setting, lhs, rhs, by)
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
