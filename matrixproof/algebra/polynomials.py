"""Polynomials in letters that do not commute, and matrices of them.

A letter is a declared matrix, a transpose, or an inverse; a word is a product of letters whose
sizes compose; a polynomial is a sum of words with numbers before them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matrixproof.language.errors import ProofError, ShapeError
from matrixproof.language.expressions import Dimension

Word = tuple[int, ...]


class Poly:
    """Words with their coefficients; the empty word is the identity matrix."""

    __slots__ = ("terms", "shape")

    def __init__(self, terms: dict[Word, Any], shape: tuple[Dimension, Dimension]) -> None:
        self.terms = {w: c for w, c in terms.items() if c}
        self.shape = shape

    def __add__(self, other: Poly) -> Poly:
        if self.shape != other.shape:
            raise ShapeError(f"sizes {self.shape} and {other.shape} cannot be added")
        out = dict(self.terms)
        for w, c in other.terms.items():
            out[w] = out.get(w, 0) + c
        return Poly(out, self.shape)

    def scale(self, k: Any) -> Poly:
        return Poly({w: k * c for w, c in self.terms.items()}, self.shape)

    def __sub__(self, other: Poly) -> Poly:
        return self + other.scale(-1)

    def __mul__(self, other: Poly) -> Poly:
        if self.shape[1] != other.shape[0]:
            raise ShapeError(f"sizes {self.shape} and {other.shape} cannot be multiplied")
        out: dict[Word, Any] = {}
        for u, x in self.terms.items():
            for v, y in other.terms.items():
                out[u + v] = out.get(u + v, 0) + x * y
        return Poly(out, (self.shape[0], other.shape[1]))

    def key(self) -> tuple:
        return (self.shape, frozenset(self.terms.items()))


class Grid:
    """A matrix in blocks; each block is a polynomial. One block is the ordinary case."""

    def __init__(self, blocks: Sequence[Sequence[Poly]]) -> None:
        self.blocks = [list(row) for row in blocks]
        self.rows = [row[0].shape[0] for row in self.blocks]
        self.cols = [x.shape[1] for x in self.blocks[0]]

    def _fit(self, rows: Sequence[Dimension], cols: Sequence[Dimension]) -> Grid:
        """Cut a multiple of the identity, or zero, as the other matrix is cut."""
        if (self.rows, self.cols) == (list(rows), list(cols)):
            return self
        single = self.blocks[0][0] if len(self.rows) == len(self.cols) == 1 else None
        if single is None or any(single.terms) or (single.terms and list(rows) != list(cols)):
            raise ProofError("block matrices that are cut differently cannot be combined")
        return Grid(
            [[Poly(single.terms if i == j else {}, (r, c)) for j, c in enumerate(cols)]
             for i, r in enumerate(rows)]
        )  # fmt: skip

    def __add__(self, other: Grid) -> Grid:
        a = self._fit(other.rows, other.cols) if len(self.rows) * len(self.cols) == 1 else self
        b = other._fit(a.rows, a.cols)
        pairs = zip(a.blocks, b.blocks, strict=True)
        return Grid([[x + y for x, y in zip(*r, strict=True)] for r in pairs])

    def __mul__(self, other: Grid) -> Grid:
        a, b = self, other
        if a.cols != b.rows and len(a.cols) == 1:
            a = a._fit(b.rows, b.rows)
        elif a.cols != b.rows:
            b = b._fit(a.cols, a.cols)
        blocks = []
        for row in a.blocks:
            line = []
            for j in range(len(b.cols)):
                cell = row[0] * b.blocks[0][j]
                for k in range(1, len(row)):
                    cell = cell + row[k] * b.blocks[k][j]
                line.append(cell)
            blocks.append(line)
        return Grid(blocks)

    def scale(self, k: Any) -> Grid:
        return Grid([[x.scale(k) for x in row] for row in self.blocks])

    def flat(self) -> list[Poly]:
        return [x for row in self.blocks for x in row]

    def triangular(self) -> bool:
        """Square diagonal blocks, and zero above or below them."""
        n = len(self.rows)
        if self.rows != self.cols:
            return False
        below = all(not self.blocks[i][j].terms for i in range(n) for j in range(i))
        above = all(not self.blocks[j][i].terms for i in range(n) for j in range(i))
        return below or above
