"""Judges the exercises of the chapter "How the checker works"."""

from __future__ import annotations

import random
from collections.abc import Mapping
from fractions import Fraction
from itertools import permutations
from typing import Any

from lmmbook.exercises.exercise import Exercise, Misconception
from lmmbook.exercises.kinds import Choice, Function, Property, Unreadable

CHAPTER = "how-the-checker-works"
Words = dict[tuple[str, ...], Any]

SHAPES = {"J": "nn", "U": "nk", "V": "kn", "K": "kk"}
RELATIONS: dict[str, Words] = {
    "r1": {("J",): 1, ("J", "U", "V"): 1, (): -1},
    "r2": {("K",): 1, ("V", "U", "K"): 1, (): -1},
}
SIDES = {"r1": "n", "r2": "k"}
TARGET: Words = {("J", "U"): 1, ("U", "K"): -1}
SOLUTION = [(1, "", "r1", "U K"), (-1, "J U", "r2", "")]


# -- certificates ------------------------------------------------------------------------------
def terms(answer: Any) -> list[tuple[Fraction, tuple[str, ...], str, tuple[str, ...]]]:
    """A certificate as typed, read term by term."""
    if not isinstance(answer, list | tuple) or not answer:
        raise Unreadable("This is no list of terms.")
    out = []
    for term in answer:
        if not isinstance(term, list | tuple) or len(term) != 4:
            raise Unreadable("A term has four parts: coefficient, left word, relation, right word.")
        number, left, relation, right = term
        try:
            c = Fraction(number if not isinstance(number, str | bool) else None)
        except (TypeError, ValueError, OverflowError, RuntimeError):
            raise Unreadable("The first part of a term is its coefficient, a number.") from None
        if not isinstance(relation, str) or relation not in RELATIONS:
            raise Unreadable('The third part of a term is its relation, "r1" or "r2".')
        if not isinstance(left, str) or not isinstance(right, str):
            raise Unreadable('Words are texts: "J U", or "" for the empty one.')
        a, b = tuple(left.split()), tuple(right.split())
        unknown = {*a, *b} - set(SHAPES)
        if unknown:
            raise Unreadable(f"{', '.join(sorted(unknown))} is not a letter of the exercise.")
        out.append((c, a, relation, b))
    return out


def multiplied(certificate: Any) -> Words:
    out: Words = {}
    for c, left, relation, right in certificate:
        for word, x in RELATIONS[relation].items():
            whole = (*left, *word, *right)
            out[whole] = out.get(whole, 0) + c * x
    return {w: x for w, x in out.items() if x}


def sizes_fit(certificate: Any) -> bool:
    for _, left, relation, right in certificate:
        middle = SIDES[relation] * 2
        shapes = [SHAPES[x] for x in left] + [middle] + [SHAPES[x] for x in right]
        if any(a[1] != b[0] for a, b in zip(shapes, shapes[1:], strict=False)):
            return False
        if shapes[0][0] + shapes[-1][1] != "nk":
            return False
    return True


def negative(p: Mapping) -> Words:
    return {w: -x for w, x in p.items()}


# -- sums of words -----------------------------------------------------------------------------
def equal(p: Words, q: Words) -> float:
    return float(all(p.get(w, 0) == q.get(w, 0) for w in {*p, *q}))


def _sign(p: tuple[int, ...]) -> int:
    return (-1) ** sum(p[i] > p[j] for j in range(4) for i in range(j))


def alternating() -> Words:
    """Zero for 2 x 2 matrices, and not for letters."""
    return {tuple("ABCD"[i] for i in p): _sign(p) for p in permutations(range(4))}


CASES: tuple[tuple[Words, Words], ...] = (
    ({("A", "B"): 1}, {("B", "A"): 1}),
    ({("A", "B"): 2, ("C",): -1}, {("C",): -1, ("A", "B"): 2}),
    ({("A",): 1}, {("A",): 2}),
    (alternating(), {}),
    ({("A",): 1, ("B",): 0}, {("A",): 1}),
    ({}, {("A", "A"): 0}),
    ({(): 3}, {(): 3}),
    ({(): 1}, {("A",): 1}),
    ({("A", "B", "A"): 1}, {("A", "A", "B"): 1}),
    (alternating(), alternating()),
    ({("A",): 1, ("B",): 1}, {("A",): 1}),
    ({("A", "B"): 1, ("B", "A"): -1}, {("B", "A"): -1, ("A", "B"): 1, ("C",): 0}),
    ({}, {}),
    ({("A",): 1}, {("A",): -1}),
    ({("A",): 1}, {("A",): 1, ("B", "A"): 2}),
    ({}, {("C",): 1}),
)


def small_matrices(p: Words, q: Words) -> float:
    rng = random.Random(5)
    letters = sorted({x for w in {*p, *q} for x in w})
    at = {x: [[rng.randint(-99, 99) for _ in "12"] for _ in "12"] for x in letters}

    def value(s: Words) -> list[int]:
        total = [0] * 4
        for w, c in s.items():
            m = [[1, 0], [0, 1]]
            for x in w:
                m = [[sum(m[i][k] * at[x][k][j] for k in (0, 1)) for j in (0, 1)] for i in (0, 1)]
            total = [t + c * y for t, y in zip(total, m[0] + m[1], strict=True)]
        return total

    return float(value(p) == value(q))


def commuting(p: Words, q: Words) -> float:
    def collected(s: Words) -> Words:
        out: Words = {}
        for w, c in s.items():
            out[tuple(sorted(w))] = out.get(tuple(sorted(w)), 0) + c
        return out

    return equal(collected(p), collected(q))


EXERCISES = (
    Exercise(
        "hc-certificate",
        CHAPTER,
        Property(
            SOLUTION,
            terms,
            (
                (sizes_fit, "The sizes of some product do not fit, or it is not n x k."),
                (lambda c: multiplied(c) == TARGET, "Multiplied out, words are left over."),
            ),
            "a list of terms (coefficient, left word, relation, right word)",
        ),
        (
            Misconception(
                "Multiplied out, this is minus the target: each sign is the other one.",
                when=lambda c: multiplied(c) == negative(TARGET),
            ),
            Misconception(
                "Left and right are exchanged. Letters do not commute: a relation that is "
                "multiplied from the wrong side has other words, and other sizes.",
                when=lambda c: multiplied([(x, b, r, a) for x, a, r, b in c]) == TARGET,
            ),
            Misconception(
                "One product is right, but its long words stay. Something must cancel them.",
                when=lambda c: len(c) == 1 and c[0] in terms(SOLUTION),
            ),
            Misconception(
                "Each product is right, but they are added with the same sign, so that the words "
                "in common are doubled and not cancelled.",
                when=lambda c: sorted((abs(x), *rest) for x, *rest in c)
                == sorted((abs(x), *rest) for x, *rest in terms(SOLUTION))
                and len({x > 0 for x, *_ in c}) == 1,
            ),
        ),
        "To verify a certificate is to multiply out and compare words. To find one is another "
        "matter.",
        "Half for the two products, a quarter for the sides, a quarter for the signs.",
    ),
    Exercise(
        "hc-equal",
        CHAPTER,
        Function(equal, CASES, "True or False", view=lambda v: float(bool(v))),
        (
            Misconception(
                "You let letters change places. Matrices do not commute, and these letters "
                "satisfy nothing at all.",
                commuting,
            ),
            Misconception(
                "You put matrices in that are too small: there are sums of words which are zero "
                "for all of them. Longer words need larger matrices.",
                small_matrices,
            ),
            Misconception(
                "You compare the words and not their coefficients.",
                lambda p, q: float({w for w in p if p[w]} == {w for w in q if q[w]}),
            ),
            Misconception(
                "A word with coefficient 0 is no word: two dictionaries may differ in it and "
                "stand for the same sum.",
                lambda p, q: float(p == q),
            ),
            Misconception(
                "You go through the words of the first sum only. The second may have more.",
                lambda p, q: float(all(p[w] == q.get(w, 0) for w in p)),
            ),
        ),
        "A judge only compares. Whether it compares the right thing is worth a test that it must "
        "fail.",
        "Half for comparing coefficients, a quarter for missing words, a quarter for those with 0.",
    ),
    Exercise(
        "hc-trust",
        CHAPTER,
        Choice("b", "abcd"),
        (
            Misconception(
                "What the search finds is multiplied out by others. A search that errs finds "
                "nothing, or something that is rejected.",
                "a",
            ),
            Misconception(
                "Exact instances can refuse a line. No proof rests on them: with none at all the "
                "certificate would be as valid.",
                "c",
            ),
            Misconception(
                "The line is true for symmetric matrices, and says so. That it is applied where "
                "its assumption fails does not make the line false.",
                "d",
            ),
        ),
        "Trust what stands before the judges, and the judges. The rest may err.",
        "One half for the letter, one half for saying who looks at the other three.",
    ),
)
