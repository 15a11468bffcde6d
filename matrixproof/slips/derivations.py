"""Slips of the pen: every expression that differs from a given one in a single place.

A check that has never been seen to fail proves little. So each line of a derivation is made wrong
in all the ways in which one goes wrong at the blackboard, and each wrong line must be refuted by an
exact counterexample. A mutant that is proved is another way to write the same thing; a mutant that
is neither survives, and is looked at.

Examples
--------
>>> from matrixproof import Setting
>>> from matrixproof.slips.derivations import mutants
>>> s = Setting("n")
>>> A, B = s.matrices("A: n; B: n")
>>> sorted({str(m) for m in mutants(A.T - B, s) if m.kind == "sign"})
["sign: -(A' - B)", "sign: -A' - B", "sign: A' + B"]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

import sympy as sp

from matrixproof.language.declarations import Declarations
from matrixproof.language.errors import ProofError
from matrixproof.language.expressions import Expr, block, eye, lift, zero
from matrixproof.language.letters import Letter
from matrixproof.language.printing import plain, tex_name
from matrixproof.language.trees import definitions_in, rebuild
from matrixproof.page.derivation import Derivation, Result, check
from matrixproof.search.citing import Lemma


@dataclass(frozen=True)
class Mutant:
    """An expression with one slip in it, and the name of the slip."""

    kind: str
    expression: Expr

    def __str__(self) -> str:
        return f"{self.kind}: {plain(self.expression)}"


@dataclass(frozen=True)
class Outcome:
    """What became of a mutated line.

    Its status is ``refuted`` by an exact counterexample, ``proved`` (so it is another way to write
    the line), ``rejected`` with an error (it makes no sense, or no instance satisfies it, an
    inverse of zero for example), or ``instances``: neither, and so it survived.
    """

    line: int
    mutant: Mutant
    status: str


def mutants(e: Expr, setting: Declarations) -> list[Mutant]:
    """All single slips in an expression that keep its size, each once.

    Parameters
    ----------
    e : Expr
    setting : Declarations
        Whose symbols a wrong symbol is taken from.

    Returns
    -------
    list of Mutant
        The slips are: sign, factor 2, factor 1/2, transpose (added or dropped), swapped
        neighbours, dropped inverse, dropped factor, dropped term, off by one (also n for n - p),
        wrong symbol of the same size, V^-1 dropped in V^-1 X (and the like) or put before X.
    """
    seen, out = {e.key()}, []
    for m in _slips(e, setting):
        if m.expression.shape == e.shape and m.expression.key() not in seen:
            seen.add(m.expression.key())
            out.append(m)
    return out


def mutate(derivation: Derivation | Result, by: Iterable[Lemma | Result] = (),
           chosen: Iterable[int] | None = None) -> Iterator[Outcome]:  # fmt: skip
    """Judge the mutants of every line of a derivation against the line before it.

    Parameters
    ----------
    derivation : Derivation or Result
    by : iterable of Lemma or Result
        What the steps may cite, so that equivalent mutants are recognised.
    chosen : iterable of int, optional
        Which mutants to judge, by their number in the whole derivation; all of them otherwise.

    Yields
    ------
    Outcome

    Raises
    ------
    SoundnessError
        When a mutant is proved and refuted.
    """
    wanted = None if chosen is None else set(chosen)
    by, number, setting = list(by), 0, derivation.setting
    for i, line in enumerate(derivation.lines[1:], start=1):
        before = derivation.lines[i - 1].expression
        for m in mutants(line.expression, setting):
            if wanted is None or number in wanted:
                proved = line.expression if line.status == "proved" else None
                yield Outcome(i, m, judge(setting, before, m.expression, by, proved))
            number += 1


def judge(setting: Declarations, lhs: Expr, rhs: Expr, by: Iterable[Lemma | Result] = (),
          proved: Expr | None = None) -> str:  # fmt: skip
    """The status of a mutated claim, as in `Outcome`.

    Parameters
    ----------
    setting : Declarations
    lhs, rhs : Expr
        The line before, and the mutant.
    by : iterable of Lemma or Result
        What the step may cite.
    proved : Expr, optional
        The line that became the mutant, if it is proved to equal ``lhs``. A mutant that has no
        certificate of its own is proved as well when it is proved to equal this line.

    Raises
    ------
    SoundnessError
        When the claim is proved and refuted.
    """
    by = list(by)
    try:
        verdict = check(setting, lhs, rhs, by)
        if verdict == "instances" and proved is not None:
            verdict = check(setting, proved, rhs, by)
            ways = (by_similarity, by_squares, by_signs)
            if verdict == "instances" and any(way(setting, proved, rhs, by) for way in ways):
                verdict = "proved"
        return verdict
    except ProofError:
        return "rejected"


def by_similarity(setting: Declarations, line: Expr, mutant: Expr,
            by: list[Lemma | Result]) -> bool:  # fmt: skip
    """Whether the mutant equals the line since |K^-1 D K| = |D|, for a K that it inverts anyway."""
    nodes = [*mutant.walk()]
    inverted = {x.args[0].key(): x.args[0] for x in nodes if x.op == "inverse"}
    for node in nodes:
        for K in inverted.values():
            if node.op not in ("det", "logdet") or node.args[0].shape != K.shape:
                continue
            D = node.args[0]
            for turned in (K.I * D * K, K * D * K.I):
                other = _put(mutant, node, Expr(node.op, (turned,)))
                if check(setting, mutant, other) == check(setting, line, other, by) == "proved":
                    return True
    return False


def by_squares(setting: Declarations, line: Expr, mutant: Expr,
            by: list[Lemma | Result]) -> bool:  # fmt: skip
    """Whether only log|D| became log|E|, with DD = EE: |D| and |E| differ by a sign at most.

    Here log|D| is the logarithm of the absolute value; D may be a factor of what stands under it.
    """
    named = {x.value: x for x in definitions_in([line])}
    for E in definitions_in([mutant]):
        D = named.get(E.value, E)
        only = _times(mutant, E) == sum(_factors_of_logdet(x, E) for x in mutant.walk())
        if D.key() != E.key() and only and _put(mutant, E, D).key() == line.key():
            return check(setting, D * D, E * E, by) == "proved"
    return False


def _times(e: Expr, part: Expr) -> int:
    return 1 if e.key() == part.key() else sum(_times(x, part) for x in e.args)


def _factors_of_logdet(e: Expr, part: Expr) -> int:
    """How often ``part`` is a factor of a product of square matrices under log|.|."""
    if e.op != "logdet":
        return 0
    factors = e.args[0].args if e.args[0].op == "mul" else e.args
    sizes = {x.shape for x in factors if x.shape}
    return sum(x.key() == part.key() for x in factors) if sizes == {part.shape} else 0


def by_signs(setting: Declarations, line: Expr, mutant: Expr,
            by: list[Lemma | Result]) -> bool:  # fmt: skip
    """Whether block columns of D changed their sign: it became DS, with S made of I and -I."""
    named = {x.value: x for x in definitions_in([line])}
    for E in definitions_in([mutant]):
        D = named.get(E.value, E)
        if D.key() == E.key() or D.args[0].op != "block":
            continue
        widths = [x.shape[1] for x in D.args[0].block_rows()[0]]
        for signs in product((1, -1), repeat=len(widths)):
            S = block([[eye(w) * c if i == j else zero(v, w) for j, w in enumerate(widths)]
                       for i, (v, c) in enumerate(zip(widths, signs, strict=True))])  # fmt: skip
            other = _put(_put(mutant, E.T, S * D.T), E, D * S)
            same = ((E, D * S), (S.T, S), (other, line))
            if all(check(setting, *x, by) == "proved" for x in same):
                return True
    return False


def _put(e: Expr, old: Expr, new: Expr) -> Expr:
    if e.key() == old.key():
        return new
    return rebuild(e, [_put(x, old, new) for x in e.args]) if e.args else e


# In these a factor of a part is a factor of the whole, where it is tried already.
HOMOGENEOUS = "mul div neg group define transpose inverse scalar trace d expectation".split()


def _slips(e: Expr, setting: Declarations, factors: bool = True) -> Iterator[Mutant]:
    if factors:
        yield from _of_factors(e)
    yield from _here(e, setting)
    for i, x in enumerate(e.args):
        for m in _slips(x, setting, e.op not in HOMOGENEOUS):
            try:
                changed = rebuild(e, (*e.args[:i], m.expression, *e.args[i + 1 :]))
            except ProofError:  # the sizes do not compose any more
                continue
            yield Mutant(m.kind, changed)


def _of_factors(e: Expr) -> Iterator[Mutant]:
    if e.op == "zero" or (e.op == "number" and e.value == 0):
        return
    if e.op == "neg":
        x = e.args[0]
        yield from (Mutant("sign", x), Mutant("factor 2", -(2 * x)), Mutant("factor 1/2", -(x / 2)))
    else:
        yield from (Mutant("sign", -e), Mutant("factor 2", 2 * e), Mutant("factor 1/2", e / 2))


def _here(e: Expr, setting: Declarations) -> Iterator[Mutant]:
    """The slips at the root of an expression, factors apart."""
    if e.op == "transpose":
        yield Mutant("transpose", e.args[0])
    elif e.shape and e.shape[0] == e.shape[1] and e.op in ("symbol", "inverse", "power", "define"):
        symmetric = e.op == "symbol" and setting.letters[e.value].symmetric
        if not symmetric:
            yield Mutant("transpose", e.T)
    match e.op:
        case "add":
            yield from _in_sum(e)
        case "mul":
            yield from _in_product(e, setting)
        case "inverse":
            yield Mutant("dropped inverse", e.args[0])
        case "number":
            yield from _in_number(e.value)
        case "power":
            yield Mutant("off by one", e.args[0] ** (e.value + 1))
            if e.value > 1:
                yield Mutant("off by one", e.args[0] ** (e.value - 1))
        case "symbol":
            for letter in setting.letters.values():
                if letter.shape == e.shape and letter.name != e.value:
                    yield Mutant("wrong symbol", _symbol(letter))


def _in_sum(e: Expr) -> Iterator[Mutant]:
    a = e.args  # a changed sign of a term is one of its factors
    for i in range(len(a)):
        yield Mutant("dropped term", rebuild(e, (*a[:i], *a[i + 1 :])))


def _in_product(e: Expr, setting: Declarations) -> Iterator[Mutant]:
    a = e.args
    for i, x in enumerate(a):
        others = (*a[:i], *a[i + 1 :])
        candidates = [("dropped factor", others)]
        if x.shape and i + 1 < len(a) and a[i + 1].shape:
            candidates.append(("swapped", (*a[:i], a[i + 1], x, *a[i + 2 :])))
        if x.op == "symbol" and x.shape and x.shape[0] != x.shape[1]:
            for letter in setting.letters.values():  # V^-1 X for X
                if letter.kind == "positive definite" and letter.shape[1] == x.shape[0]:
                    candidates.append(("added inverse", (*a[:i], _symbol(letter).I, *a[i:])))
        for kind, factors in candidates:
            try:
                yield Mutant(kind, rebuild(e, factors))
            except ProofError:
                continue


def _symbol(letter: Letter) -> Expr:
    return Expr("symbol", shape=letter.shape, value=letter.name, tex=tex_name(letter.name))


def _in_number(x: sp.Expr) -> Iterator[Mutant]:
    yield Mutant("off by one", lift(x + 1))
    if x != 0:
        yield Mutant("off by one", lift(x - 1))
    if x.is_Add:
        for term in x.args:
            yield Mutant("dropped term", lift(x - term))
            yield Mutant("sign", lift(x - 2 * term))
