"""What the rules yield of traces and determinants: equal matrices have equal ones."""

from __future__ import annotations

from dataclasses import dataclass, field

import sympy as sp

from matrixproof.algebra.polynomials import Grid, Poly, Word
from matrixproof.algebra.scalars import ScalarAlgebra
from matrixproof.search.completion import Certificate, Rules


@dataclass
class Fact:
    """An equation between scalars (``equation`` = 0) and why it holds.

    ``left`` and ``right`` are equal matrices, block by block, each block with its certificate; the
    equation says that a trace or determinant takes the same value on both. Facts without matrices
    are axioms of `ScalarAlgebra` or lemmas proved before.
    """

    equation: sp.Expr
    left: Grid | None = None
    right: Grid | None = None
    certificates: list[Certificate] = field(default_factory=list)

    def matrices(self) -> list[tuple[Poly, Certificate]]:
        """The differences that must be zero, block by block, each with its certificate."""
        if self.left is None or self.right is None:
            return []
        blocks = zip(self.left.flat(), self.right.flat(), self.certificates, strict=True)
        return [(p - q, c) for p, q, c in blocks]


def facts(scalars: ScalarAlgebra, claim: sp.Expr, given: list[Fact], rules: Rules,
          all_turns: bool) -> list[Fact]:  # fmt: skip
    """Equations about the atoms of the claim, and of the given facts, that the rules yield.

    With ``all_turns`` also about the atoms of the rules, and not only those that shorten a word.
    """
    out: list[Fact] = []
    pending = scalars.atoms(claim) + [a for f in given for a in scalars.atoms(f.equation)]
    if all_turns:
        shapes = scalars.algebra.shapes
        closed = [w for w, _, _ in rules.rules.values() if shapes[w[0]][0] == shapes[w[-1]][1]]
        for w in closed:
            for v in scalars.pieces(w):
                pending += scalars.atoms(scalars.piece(v))
    seen: set[sp.Symbol] = set()
    while pending:
        atom = pending.pop(0)
        if atom in seen:
            continue
        seen.add(atom)
        kind, content = scalars.contents[atom]
        if kind == "trace":
            new = _of_trace(scalars, content, rules, all_turns)
        else:
            new = _of_determinant(scalars, content, rules, log=kind == "logdet")
        out += new
        pending += [a for f in new for a in scalars.atoms(f.equation)]
    return out + given


def _of_trace(scalars: ScalarAlgebra, w: Word, rules: Rules, all_turns: bool) -> list[Fact]:
    algebra = scalars.algebra
    rank, out = (len(w), scalars.canonical(w)), []
    for v in scalars.turns(w):
        if rules.match(v) is None:
            continue
        normal, certificate = rules.reduce({v: algebra.one})
        smaller = all(not x or (len(x), scalars.canonical(x)) < rank for x in normal)
        if not (smaller or all_turns):
            continue
        shape = (algebra.shapes[v[0]][0],) * 2
        left, right = Poly({v: algebra.one}, shape), Poly(normal, shape)
        equation = scalars.trace(left) - scalars.trace(right)
        out.append(Fact(equation, Grid([[left]]), Grid([[right]]), [certificate]))
        if not all_turns:
            break
    return out


def _of_determinant(scalars: ScalarAlgebra, g: Grid, rules: Rules, log: bool) -> list[Fact]:
    reduced = [[rules.reduce(p.terms) for p in row] for row in g.blocks]
    if all(not certificate for row in reduced for _, certificate in row):
        return []
    right = Grid(
        [[Poly(normal, p.shape) for (normal, _), p in zip(r, row, strict=True)]
         for r, row in zip(reduced, g.blocks, strict=True)]
    )  # fmt: skip
    equation = scalars.determinant_atom(g, log) - scalars.determinant_of_grid(right, log)
    return [Fact(equation, g, right, [c for row in reduced for _, c in row])]
