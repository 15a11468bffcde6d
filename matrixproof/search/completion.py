"""The search for certificates: noncommutative completion that remembers where its rules came from.

Nothing here is trusted. What it finds is a certificate, a list of (coefficient, left word,
relation, right word), and `matrixproof.judges.kernel` multiplies it out again.

The method is Buchberger's, for noncommutative polynomials: see Hofstadler, Raab and Regensburger,
"Certifying operator identities via noncommutative Groebner bases", 2019.
"""

from __future__ import annotations

import heapq
import itertools
from typing import Any

from matrixproof.algebra.polynomials import Poly, Word
from matrixproof.language.errors import ProofError

Certificate = dict[tuple[Word, int, Word], Any]


def order(w: Word) -> tuple[int, Word]:
    """Words by length, then by letters: long words are rewritten into shorter ones."""
    return (len(w), w)


def accumulate(into: Certificate, source: Certificate, k: Any, left: Word, right: Word) -> None:
    """into += k * left * source * right"""
    for (a, i, b), c in source.items():
        key = (left + a, i, b + right)
        value = into.get(key, 0) + k * c
        if value:
            into[key] = value
        else:
            into.pop(key, None)


class Rules:
    """A growing system of rewriting rules, each with its certificate.

    A rule is a polynomial that is zero, divided by the coefficient of its largest word; that word
    may be replaced by minus the rest.
    """

    def __init__(self, relations: list[Poly]) -> None:
        self.rules: dict[int, tuple[Word, dict[Word, Any], Certificate]] = {}
        self.by_first_letter: dict[int, list[int]] = {}
        self.overlaps: list[tuple[int, int, int, int, int]] = []
        self.count = itertools.count()
        for i, g in enumerate(relations):
            self._insert(dict(g.terms), {((), i, ()): 1})

    def match(self, w: Word) -> tuple[int, int] | None:
        """A rule that applies to w, and where."""
        for position, letter in enumerate(w):
            for i in self.by_first_letter.get(letter, ()):
                leading = self.rules[i][0]
                if w[position : position + len(leading)] == leading:
                    return i, position
        return None

    def reduce(self, terms: dict[Word, Any]) -> tuple[dict[Word, Any], Certificate]:
        """Normal form and certificate: terms = normal form + sum of the certificate."""
        pending, normal, certificate = dict(terms), {}, {}
        while pending:
            w = max(pending, key=order)
            c = pending.pop(w)
            if not c:
                continue
            hit = self.match(w)
            if hit is None:
                normal[w] = c
                continue
            leading, rule, cofactors = self.rules[hit[0]]
            left, right = w[: hit[1]], w[hit[1] + len(leading) :]
            for v, x in rule.items():
                if v != leading:
                    key = left + v + right
                    pending[key] = pending.get(key, 0) - c * x
            accumulate(certificate, cofactors, c, left, right)
        return normal, certificate

    def _insert(self, terms: dict[Word, Any], certificate: Certificate) -> None:
        normal, reduction = self.reduce(terms)
        certificate = dict(certificate)
        accumulate(certificate, reduction, -1, (), ())
        if not normal:
            return
        leading = max(normal, key=order)
        if leading == ():
            raise ProofError("the assumptions contradict each other: they imply I = 0")
        k = normal[leading]
        rule = {w: c / k for w, c in normal.items()}
        certificate = {x: c / k for x, c in certificate.items()}
        reducible = [i for i, (w, _, _) in self.rules.items() if _contains(w, leading)]
        removed = []
        for i in reducible:
            removed.append(self.rules.pop(i))
            self.by_first_letter[removed[-1][0][0]].remove(i)
        i = next(self.count)
        self.rules[i] = (leading, rule, certificate)
        self.by_first_letter.setdefault(leading[0], []).append(i)
        for j in list(self.rules):
            self._find_overlaps(i, j)
            if j != i:
                self._find_overlaps(j, i)
        for _, old_rule, old_certificate in removed:
            self._insert(old_rule, old_certificate)

    def _find_overlaps(self, i: int, j: int) -> None:
        a, b = self.rules[i][0], self.rules[j][0]
        for m in range(1, min(len(a), len(b))):
            if a[-m:] == b[:m]:
                entry = (len(a) + len(b) - m, next(self.count), i, j, m)
                heapq.heappush(self.overlaps, entry)

    def complete(self, longest: int, pairs: int) -> bool:
        """Work through up to ``pairs`` overlaps; whether one up to ``longest`` is left."""
        done = 0
        while self.overlaps and done < pairs:
            if self.overlaps[0][0] > longest:
                return False
            _, _, i, j, m = heapq.heappop(self.overlaps)
            if i not in self.rules or j not in self.rules:
                continue
            (a, rule_a, cert_a), (b, rule_b, cert_b) = self.rules[i], self.rules[j]
            right, left = b[m:], a[:-m]
            terms: dict[Word, Any] = {}
            certificate: Certificate = {}
            for w, c in rule_a.items():
                terms[w + right] = terms.get(w + right, 0) + c
            for w, c in rule_b.items():
                terms[left + w] = terms.get(left + w, 0) - c
            accumulate(certificate, cert_a, 1, (), right)
            accumulate(certificate, cert_b, -1, left, ())
            done += 1
            self._insert({w: c for w, c in terms.items() if c}, certificate)
        return bool(self.overlaps) and self.overlaps[0][0] <= longest


def _contains(w: Word, part: Word) -> bool:
    return any(w[j : j + len(part)] == part for j in range(len(w) - len(part) + 1))
