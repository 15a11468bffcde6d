"""Expectations of polynomials in Gaussian vectors: sums over pairings (Wick, or Isserlis)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import sympy as sp

from matrixproof.algebra.polynomials import Poly, Word
from matrixproof.language.errors import ProofError

if TYPE_CHECKING:
    from matrixproof.algebra.scalars import ScalarAlgebra

End = tuple[int, int]  # which word, and which side of it: 0 or -1


def expectation(x: sp.Expr, scalars: ScalarAlgebra) -> sp.Expr:
    """E x for x in the atoms of ``scalars``, over the Gaussian vectors of its setting.

    Raises
    ------
    ProofError
        When x is no polynomial in them, or a random matrix is inverted.
    """
    return _Gaussian(scalars).expectation(x)


class _Gaussian:
    """The Gaussian vectors of a setting, and the means of products of words in them."""

    def __init__(self, scalars: ScalarAlgebra) -> None:
        self.scalars, self.algebra = scalars, scalars.algebra
        setting, transposed = self.algebra.setting, self.algebra.transposed
        self.covariances: dict[int, tuple[int, Poly]] = {}  # of a letter, and which vector it is
        for name, noise in setting.noises.items():
            i = self.algebra.letter(name, setting.letters[name].shape, symmetric=False)
            covariance = self.algebra.poly(noise.covariance)
            self.covariances[i] = self.covariances[transposed[i]] = (i, covariance)
        # an inverse is random when what it inverts is: no rule knows its moments
        self.unknown: set[int] = set()
        for i, inverted in self.algebra.inverse_of.items():
            if any(x in self.covariances or x in self.unknown for w in inverted.terms for x in w):
                self.unknown.add(i)

    def expectation(self, x: sp.Expr) -> sp.Expr:
        """The mean of a product of chains is a sum over the pairings of their ends."""
        total = sp.Integer(0)
        for monomial in sp.Add.make_args(sp.expand(x)):
            factor, words = sp.Integer(1), []
            for f in sp.Mul.make_args(monomial):
                random = self._random_words(f)
                if random is None:
                    factor *= f
                else:
                    words += random
            total += factor * self._wick(words)
        return total

    def _random_words(self, f: sp.Expr) -> list[Word] | None:
        """The words whose product a factor is; None for a constant."""
        contents = self.scalars.contents
        letters = {x for a in self.scalars.atoms(f) for x in self._letters(a)}
        if letters & self.unknown:
            raise ProofError(f"no rule for the expectation of {f}: a random inverse")
        if not letters & self.covariances.keys():
            return None
        base, power = f.as_base_exp()
        if base in contents and contents[base][0] == "trace" and power > 0:
            return [contents[base][1]] * int(power)
        raise ProofError(f"no rule for the expectation of {f}: only polynomials")

    def _letters(self, atom: sp.Symbol) -> set[int]:
        kind, content = self.scalars.contents[atom]
        words = [content] if kind == "trace" else [w for p in content.flat() for w in p.terms]
        return {letter for w in words for letter in w}

    def _wick(self, words: list[Word]) -> sp.Expr:
        """E of a product of 1 x 1 words, noise letters standing only at their ends."""
        ends = [
            (j, side) for j, w in enumerate(words)
            for side in ((0, -1) if len(w) > 1 else (0,))  # a 1 x 1 vector has one end
            if w[side] in self.covariances
        ]  # fmt: skip
        if any(letter in self.covariances for w in words for letter in w[1:-1]):
            raise ProofError("a Gaussian vector inside a word: write it at the ends, as in e'Ae")
        if len(ends) % 2:
            return sp.Integer(0)
        return sp.Add(*[self._chains(words, pairs) for pairs in self._pairings(words, ends)])

    def _pairings(self, words: list[Word], rest: list[End]) -> Iterator[list[tuple[End, End]]]:
        """Every way to pair the ends, each with one of the same vector."""
        if not rest:
            yield []
        for i in range(1, len(rest)):
            vectors = {self.covariances[words[j][side]][0] for j, side in (rest[0], rest[i])}
            if len(vectors) == 1:
                for others in self._pairings(words, rest[1:i] + rest[i + 1 :]):
                    yield [(rest[0], rest[i]), *others]

    def _chains(self, words: list[Word], pairs: list[tuple[End, End]]) -> sp.Expr:
        """Join the words at their paired ends, and take the trace of each chain."""
        mate = dict(pairs) | {b: a for a, b in pairs}
        every = [(j, side) for j in range(len(words)) for side in (0, -1)]
        starts = [end for end in every if end not in mate]  # an open chain from one of its ends
        starts += [(j, 0) for j in range(len(words))]
        value, seen = sp.Integer(1), set()
        for start in starts:
            if start[0] not in seen:
                value *= self.scalars.trace(self._chain(words, mate, start, seen))
        return value

    def _chain(self, words: list[Word], mate: dict[End, End], start: End, seen: set[int]) -> Poly:
        """The product of words from one end on, a covariance at each joint."""
        links: list[Poly] = []
        j, entered = start
        while True:
            seen.add(j)
            if inside := self._inside(words[j], entered):
                shapes = self.algebra.shapes
                shape = (shapes[inside[0]][0], shapes[inside[-1]][1])
                links.append(Poly({inside: self.algebra.one}, shape))
            following = mate.get((j, -1 if entered == 0 else 0))
            if following is None:
                break
            links.append(self.covariances[words[following[0]][following[1]]][1])
            if following == start:
                break
            j, entered = following
        product = links[0]
        for link in links[1:]:
            product = product * link
        return product

    def _inside(self, w: Word, entered: int) -> Word:
        """A word without its noise letters, read from the end at which it is entered."""
        inside = w[(w[0] in self.covariances) : len(w) - (w[-1] in self.covariances)]
        return inside if entered == 0 else self.algebra.transpose_word(inside)
