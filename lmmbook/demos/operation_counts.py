"""What W^-1 y and |W| cost: multiplications and divisions, counted while they are carried out.

W = I + F F' with F = Z Lambda, n x k. Two roads to one vector and one determinant: through
W itself (`through_W`), and through the k x k matrix M = I + F'F (`through_M`), which is what
:func:`lmmcore.textbook.identities.solve_W` does. Where M has zeros there are shorter roads: one
group after the other, along a band (`through_band`), or past a diagonal block (`through_schur`);
`fill_in` counts what a sparse factorisation in a given order would do. All run on exact fractions
that count (`Counted`), so the counts are the same on every machine. See the chapters "Block
matrices" and "What a fit costs" (B37).
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


def through_band(diagonal: Sequence[int], beside: Sequence[int], v: Sequence[int]) -> Road:
    """The solution of a tridiagonal system (k,) and its determinant, each row touched twice."""
    Counted.operations = 0
    d, e, x = ([Counted(a) for a in values] for values in (diagonal, beside, v))
    below = []
    for i, off in enumerate(e):
        below.append(off / d[i])
        d[i + 1] = d[i + 1] - below[i] * off
        x[i + 1] = x[i + 1] - below[i] * x[i]
    x = [a / pivot for a, pivot in zip(x, d, strict=True)]
    for i in reversed(range(len(below))):
        x[i] = x[i] - below[i] * x[i + 1]
    product = d[0]
    for pivot in d[1:]:
        product = product * pivot
    return _road(x, product)


def through_schur(a: Sequence[int], C: Sequence[dict[int, int]], B: Sequence[Sequence[int]],
                  v: Sequence[int]) -> Road:
    """The solution of [diag(a), C; C', B] x = v and the determinant, the first block eliminated.

    Parameters
    ----------
    a : (k_1,) integers
    C : k_1 rows, each with its entries by column
    B : (k_2, k_2) integers
    v : (k_1 + k_2,) integers
    """
    Counted.operations = 0
    first, second = [Counted(x) for x in v[: len(a)]], [Counted(x) for x in v[len(a) :]]
    S = [[Counted(x) for x in row[: i + 1]] for i, row in enumerate(B)]
    pivots, divided = [Counted(x) for x in a], []
    for pivot, row, x in zip(pivots, C, first, strict=True):
        entries = {j: Counted(c) for j, c in sorted(row.items())}
        ratios = {j: c / pivot for j, c in entries.items()}
        for j, c in entries.items():  # S = B - C' diag(1/a) C
            second[j] = second[j] - ratios[j] * x
            for i in entries:
                if i >= j:
                    S[i][j] = S[i][j] - ratios[i] * c
        divided.append(ratios)
    factorise(S)
    u, product = solve(S, second), determinant(S)
    for i, (pivot, ratios) in enumerate(zip(pivots, divided, strict=True)):
        first[i] = first[i] / pivot
        for j, ratio in ratios.items():
            first[i] = first[i] - ratio * u[j]
        product = product * pivot
    return _road(first + u, product)


def cost_through_groups(n: Any, m: Any, q: Any) -> Any:
    """`through_M` for each of n/m groups of m rows and q effects, and the determinants' product."""
    return (cost_through_M(m, q) + 1) * n / m - 1


def cost_through_band(k: Any) -> Any:
    """The number of operations of `through_band`."""
    return 6 * k - 5


def cost_through_schur(k1: Any, k2: Any, r: Any) -> Any:
    """The number of operations of `through_schur` with r entries in each row of C."""
    return k1 * (r * (r + 1) / 2 + 3 * r + 2) + elimination(k2)


def fill_in(links: Sequence[set[int]], order: Sequence[int]) -> tuple[list[set[int]], int]:
    """What a sparse Cholesky factorisation in a given order does.

    Parameters
    ----------
    links : list of sets
        For each of k rows, where it has entries beside the diagonal.
    order : permutation of range(k)
        In which the rows are eliminated.

    Returns
    -------
    columns : list of k sets
        For each row, which later ones it meets when it is eliminated: a column of the factor.
    operations : int
        Multiplications and divisions.
    """
    rest, columns, operations = [set(row) for row in links], [set() for _ in links], 0
    for i in order:
        met = columns[i] = rest[i]
        operations += len(met) + len(met) * (len(met) + 1) // 2
        for j in met:  # those who met it meet one another from now on
            rest[j] = (rest[j] | met) - {i, j}
    return columns, operations


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
