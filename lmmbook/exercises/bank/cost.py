"""Judges the exercises of the chapter "What a fit costs"."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from lmmbook.demos import operation_counts as count
from lmmbook.exercises.exercise import Exercise, Misconception
from lmmbook.exercises.kinds import Choice, Function

CHAPTER = "cost"
Links = list[set[int]]


# -- where one road becomes longer than the other --------------------------------------------


def break_even(n: int) -> int:
    return next(
        k for k in range(1, 3 * n + 3) if count.cost_through_M(n, k) > count.cost_through_W(n, k)
    )


# -- fill-in ---------------------------------------------------------------------------------


def graph(size: int, edges: Iterable[tuple[int, int]]) -> Links:
    links: Links = [set() for _ in range(size)]
    for a, b in edges:
        links[a].add(b)
        links[b].add(a)
    return links


def grids() -> list[tuple[Any, ...]]:
    star = graph(6, [(0, i) for i in range(1, 6)])
    crossed = graph(7, [(i, j) for i in range(4) for j in range(4, 7)])
    path = graph(6, [(i, i + 1) for i in range(5)])
    mixed = graph(8, [(0, 3), (3, 5), (5, 1), (1, 6), (6, 2), (2, 7), (7, 4), (4, 0), (3, 6)])
    return [
        (star, list(range(6))),
        (star, [1, 2, 3, 4, 5, 0]),
        (crossed, list(range(7))),
        (crossed, [6, 5, 4, 3, 2, 1, 0]),
        (path, [2, 0, 4, 1, 5, 3]),
        (mixed, [3, 1, 7, 0, 6, 4, 2, 5]),
        (mixed, list(range(8))),
    ]


def fill(links: Links, order: Sequence[int]) -> int:
    return played(links, order)


def played(
    links: Links, order: Sequence[int], keeps_links: bool = True, drops_rows: bool = True,
    twice: int = 1, own: bool = False,
) -> int:  # fmt: skip
    """Entries filled in by an elimination, with variations for what goes wrong."""
    met = [set(x) for x in links]
    before = sum(map(len, met)) // 2
    gone: set[int] = set()
    filled = 0
    for row in order:
        left = met[row] - gone if drops_rows else set(met[row])
        new = [(a, b) for a in left for b in left if a < b and b not in met[a]]
        filled += len(new)
        if keeps_links:
            for a, b in new:
                met[a].add(b)
                met[b].add(a)
        gone.add(row)
    return twice * filled + (before if own else 0)


EXERCISES = (
    Exercise(
        "cost-break-even",
        CHAPTER,
        Function(break_even, ((10,), (100,), (57,), (333,)), returns="a whole number"),
        (
            Misconception(
                "That would be so if both matrices were there already. They have to be formed, "
                "too.",
                lambda n: n,
            ),
            Misconception(
                "That is the last number for which the road through $M$ is not longer.",
                lambda n: break_even(n) - 1,
            ),
            Misconception(
                "You compared the factorisations alone: the cubes of $k$ and $n$, after which "
                "comes $n + 1$.",
                lambda n: n + 1,
            ),
            Misconception(
                "Half of $n$ is a rule of thumb. Count.",
                lambda n: n // 2,
            ),
            Misconception(
                "The root of $n$ is where something else happens. Count.",
                lambda n: round(n**0.5),
            ),
        ),
        "Woodbury pays while k is clearly below n; near k = n there is nothing left to gain.",
        "Half for the comparison, half for running through k.",
    ),
    Exercise(
        "cost-fill-in",
        CHAPTER,
        Function(fill, grids, returns="a whole number"),
        (
            Misconception(
                "The entries that were filled in before fill in others. Keep them.",
                lambda links, order: played(links, order, keeps_links=False),
            ),
            Misconception(
                "A row that has been eliminated meets nobody any more.",
                lambda links, order: played(links, order, drops_rows=False),
            ),
            Misconception(
                "Each pair is counted twice. The factor has one triangle.",
                lambda links, order: played(links, order, twice=2),
            ),
            Misconception(
                "The matrix's own entries are counted here as well.",
                lambda links, order: played(links, order, own=True),
            ),
            Misconception(
                "The order plays no part here: the rows were taken as they are numbered.",
                lambda links, order: played(links, sorted(order)),
            ),
            Misconception(
                "The order is reversed: its first entry is eliminated first.",
                lambda links, order: played(links, order[::-1]),
            ),
            Misconception(
                "These are numbers of rows' neighbours, not of entries that are filled in.",
                lambda links, order: sum(map(len, links)) // 2,
            ),
        ),
        "The same matrix, another order, another factor: what counts is the fill-in.",
        "Half for linking the neighbours, half for keeping account of rows and fill.",
    ),
    Exercise(
        "cost-moving-average",
        CHAPTER,
        Choice("c", "abcd"),
        (
            Misconception(
                "Is the inverse of a tridiagonal matrix sparse? Look at one of size eight.",
                "a",
            ),
            Misconception(
                "Woodbury needs the inverse of $\\Psi$, or a factor, and a matrix as large as "
                "$V$: what would be gained?",
                "b",
            ),
            Misconception(
                "$V$ has three diagonals. What does the factor of such a matrix look like?",
                "d",
            ),
        ),
        "Ask which matrix has a sparse factor, and work with that one.",
        "Half for the letter, half for the inverse that is full.",
    ),
    Exercise(
        "cost-balanced",
        CHAPTER,
        Choice("b", "abcd"),
        (
            Misconception(
                "Enough, but not the least: the quadratic forms see the means through two sums.",
                "a",
            ),
            Misconception(
                "The variation within the groups is missing: it estimates the error variance.",
                "c",
            ),
            Misconception(
                "All of the data are always enough. The cross-products are fewer.",
                "d",
            ),
        ),
        "What the likelihood sees of the data can be summed up in advance.",
        "Half for the letter, half for the cross-products.",
    ),
)
