"""A certificate to look at: the sum of multiples of the assumptions behind a proved matrix line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from matrixproof.algebra.polynomials import Poly, Word
from matrixproof.algebra.translation import Algebra
from matrixproof.judges import kernel, second_judge
from matrixproof.language.declarations import Declarations
from matrixproof.language.errors import StepError
from matrixproof.language.expressions import Expr, match_shapes
from matrixproof.language.printing import plain
from matrixproof.search.completion import Certificate, Rules
from matrixproof.search.prover import LONGEST_WORD, PAIRS_A_ROUND


@dataclass(frozen=True)
class Certified:
    """target = sum of c * left * relation * right, with the algebra that names the letters."""

    target: Poly
    certificate: Certificate
    algebra: Algebra

    def judges(self) -> tuple[bool, bool]:
        """What the kernel says of it, and what the second judge says."""
        case = (self.target, self.certificate, self.algebra)
        return kernel.multiplies_out(*case), second_judge.multiplies_out(*case)

    def spoilt(self) -> Iterator[tuple[str, Certified]]:
        """This certificate, wrong in one place: what kind of fault, and the result."""
        turned = self.algebra.transpose_word
        for (left, i, right), c in self.certificate.items():
            rest = {t: x for t, x in self.certificate.items() if t != (left, i, right)}
            faults: list[tuple[str, Certificate]] = [("omitted", rest)]
            faults += [("sign", rest | {(left, i, right): -c})]
            faults += [("coefficient", rest | {(left, i, right): x}) for x in (2 * c, c + 1)]
            faults += [("order", rest | {t: c}) for t in ((right, i, left), (left[::-1], i, right))]
            faults += [("transpose", rest | {t: c})
                       for t in ((turned(left), i, right), (left, i, turned(right)))]  # fmt: skip
            faults += [("relation", rest | {(left, j, right): c})
                       for j in range(len(self.algebra.relations)) if j != i]  # fmt: skip
            for kind, wrong in faults:
                wrong = {t: x for t, x in wrong.items() if x}
                if wrong != self.certificate:
                    yield kind, Certified(self.target, wrong, self.algebra)

    def _word(self, w: Word) -> str:
        return " ".join(self.algebra.names[x] for x in w)

    def _polynomial(self, p: Poly) -> str:
        terms = (f"{_factor(c)}{self._word(w) or 'I'}" for w, c in p.terms.items())
        return " ".join(terms).removeprefix("+ ")

    def __repr__(self) -> str:
        used = sorted({i for _, i, _ in self.certificate})
        name = {i: f"r{k}" for k, i in enumerate(used, start=1)}
        lines = [f"{name[i]} = {self._polynomial(self.algebra.relations[i])}" for i in used]
        terms = (
            _factor(c) + " ".join(filter(None, (self._word(a), f"({name[i]})", self._word(b))))
            for (a, i, b), c in self.certificate.items()
        )
        total = " ".join(terms).removeprefix("+ ") or "0"
        return "\n".join([*lines, "", f"{self._polynomial(self.target) or '0'}", f"  = {total}"])


def _factor(c: object) -> str:
    text = str(c)
    sign, size = ("-", text[1:]) if text.startswith("-") else ("+", text)
    return f"{sign} " + ("" if size == "1" else f"{size} ")


def certify(setting: Declarations, lhs: Expr, rhs: Expr) -> Certified:
    """The certificate of lhs = rhs between matrices without blocks.

    Raises
    ------
    StepError
        When none is found.
    """
    lhs, rhs = match_shapes(lhs, rhs)
    algebra = Algebra(setting, [lhs, rhs])
    target = algebra.poly(lhs) - algebra.poly(rhs)
    rules = Rules(algebra.relations)
    more = True
    for _ in range(100):
        normal, certificate = rules.reduce(target.terms)
        if not normal:
            return Certified(target, certificate, algebra)
        if not more:
            break
        more = rules.complete(LONGEST_WORD, PAIRS_A_ROUND)
    raise StepError(f"no certificate found for {plain(lhs)} = {plain(rhs)}")
