"""What W^-1 y and |W| cost: multiplications and divisions, counted while they are carried out.

W = I + F F' with F = Z Lambda, n x k. Two roads to one vector and one determinant: through
W itself (`through_W`), and through the k x k matrix M = I + F'F (`through_M`), which is what
:func:`lmmcore.identities.solve_W` does. Both run on exact fractions that count (`Counted`), so the
counts are the same on every machine. See the chapter "Block matrices".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any


class Counted:
    """An exact fraction; ``Counted.operations`` is the number of products and quotients so far."""

    operations = 0

    def __init__(self, value: Any) -> None:
        self.value = Fraction(value)

    def __add__(self, other: Counted) -> Counted:
        return Counted(self.value + other.value)

    def __sub__(self, other: Counted) -> Counted:
        return Counted(self.value - other.value)

    def __mul__(self, other: Counted) -> Counted:
        Counted.operations += 1
        return Counted(self.value * other.value)

    def __truediv__(self, other: Counted) -> Counted:
        Counted.operations += 1
        return Counted(self.value / other.value)


@dataclass(frozen=True)
class Road:
    """What a road found and what it cost.

    Attributes
    ----------
    solution : tuple of n fractions
        W^-1 y.
    determinant : Fraction
        |W|.
    operations : int
        Multiplications and divisions.
    """

    solution: tuple[Fraction, ...]
    determinant: Fraction
    operations: int


def dot(a: Sequence[Counted], b: Sequence[Counted]) -> Counted:
    """a'b."""
    total = Counted(0)
    for x, y in zip(a, b, strict=True):
        total = total + x * y
    return total


def one_plus(rows: list[list[Counted]]) -> list[list[Counted]]:
    """The lower triangle of I + R R' for the rows of R."""
    one = Counted(1)
    return [
        [dot(r, s) + one if i == j else dot(r, s) for j, s in enumerate(rows[: i + 1])]
        for i, r in enumerate(rows)
    ]


def factorise(S: list[list[Counted]]) -> None:
    """Overwrite the lower triangle of S by T and D with S = T D T', T unit lower triangular."""
    for j in range(len(S)):
        column = [S[i][j] for i in range(j, len(S))]
        for i in range(j + 1, len(S)):
            S[i][j] = column[i - j] / column[0]
            for m in range(j + 1, i + 1):
                S[i][m] = S[i][m] - S[i][j] * column[m - j]


def solve(S: list[list[Counted]], v: list[Counted]) -> list[Counted]:
    """Solve T D T' x = v for the factors that `factorise` left in S."""
    x, n = list(v), len(v)
    for i in range(n):
        x[i] = x[i] - dot(S[i][:i], x[:i])
    x = [x[i] / S[i][i] for i in range(n)]
    for i in reversed(range(n)):
        x[i] = x[i] - dot([S[j][i] for j in range(i + 1, n)], x[i + 1 :])
    return x


def determinant(S: list[list[Counted]]) -> Counted:
    """The product of D."""
    out = S[0][0]
    for i in range(1, len(S)):
        out = out * S[i][i]
    return out


def through_W(F: Sequence[Sequence[int]], y: Sequence[int]) -> Road:
    """W^-1 y and |W| by elimination on W, n x n."""
    Counted.operations = 0
    W = one_plus([[Counted(x) for x in row] for row in F])
    factorise(W)
    x = solve(W, [Counted(v) for v in y])
    return _road(x, determinant(W))


def through_M(F: Sequence[Sequence[int]], y: Sequence[int]) -> Road:
    """W^-1 y = y - F M^-1 F'y and |W| = |M| by elimination on M = I + F'F, k x k."""
    Counted.operations = 0
    rows, v = [[Counted(x) for x in row] for row in F], [Counted(x) for x in y]
    columns = [list(c) for c in zip(*rows, strict=True)]
    M = one_plus(columns)
    factorise(M)
    u = solve(M, [dot(c, v) for c in columns])
    return _road([a - dot(row, u) for a, row in zip(v, rows, strict=True)], determinant(M))


def _road(x: list[Counted], d: Counted) -> Road:
    return Road(tuple(v.value for v in x), d.value, Counted.operations)


def cost_through_W(n: Any, k: Any) -> Any:
    """The number of operations of `through_W`; n and k may be symbols."""
    return k * n * (n + 1) / 2 + elimination(n)


def cost_through_M(n: Any, k: Any) -> Any:
    """The number of operations of `through_M`; n and k may be symbols."""
    return n * k * (k + 1) / 2 + 2 * n * k + elimination(k)


def elimination(m: Any) -> Any:
    """Factor an m x m matrix, solve for one right-hand side, multiply the pivots."""
    return (m**3 - m) / 6 + m * (m - 1) / 2 + m**2 + m - 1
