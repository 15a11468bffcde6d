import itertools

import numpy as np
import sympy as sp

from exercise_answers import Answers
from lmmbook.demos import operation_counts as count


def by_loop(n):
    k = 1
    while count.cost_through_M(n, k) <= count.cost_through_W(n, k):
        k += 1
    return k


def by_array(n):
    k = np.arange(1, 3 * n, dtype=float)
    longer = count.cost_through_M(n, k) > count.cost_through_W(n, k)
    return k[np.argmax(longer)]


def by_root(n):
    k = sp.Symbol("k", positive=True)
    roots = sp.Poly(2 * (count.cost_through_M(n, k) - count.cost_through_W(n, k)), k).nroots()
    return int(max(r for r in roots if r.is_real)) + 1


def by_sets(links, order):
    links = [set(x) for x in links]
    filled = 0
    for row in order:
        for a, b in itertools.combinations(sorted(links[row]), 2):
            if b not in links[a]:
                links[a].add(b)
                links[b].add(a)
                filled += 1
        for a in links[row]:
            links[a].discard(row)
    return filled


def in_place(links, order):
    """Destroys what it was given."""
    filled = 0
    for row in order:
        left = links[row]
        for a in left:
            links[a].remove(row)
            filled += len(left - links[a] - {a})
            links[a] |= left - {a}
    return np.int64(filled // 2)


def by_pattern(links, order):
    """From the factor's pattern: its entries, less those of the matrix."""
    size = len(order)
    M = np.eye(size, dtype=bool)
    for a, others in enumerate(links):
        M[a, list(others)] = True
    M = M[np.ix_(order, order)]
    before = np.tril(M, -1).sum()
    for i in range(size):
        below = np.flatnonzero(M[i + 1 :, i]) + i + 1
        M[np.ix_(below, below)] = True
    return float(np.tril(M, -1).sum() - before)


def by_count(links, order):
    """From the package: entries of the factor, less those of the matrix."""
    factor, _ = count.fill_in(links, order)
    return sum(map(len, factor)) - sum(map(len, links)) // 2


def game(links, order, keep=True, drop=True):
    links, filled = [set(x) for x in links], 0
    gone = set()
    for row in order:
        left = links[row] - gone if drop else links[row]
        new = {(a, b) for a in left for b in left if a < b and b not in links[a]}
        filled += len(new)
        if keep:
            for a, b in new:
                links[a].add(b)
                links[b].add(a)
        gone.add(row)
    return filled


ANSWERS = {
    "cost-break-even": Answers(
        right=[by_loop, by_array, by_root, lambda n: sp.Integer(by_loop(n))],
        wrong=[
            (lambda n: n, "already"),
            (lambda n: by_loop(n) - 1, "last number"),
            (lambda n: n + 1, "factorisations alone"),
            (lambda n: n // 2, "rule of thumb"),
            (lambda n: int(np.sqrt(n) + 0.5), "root of"),
            (lambda n: by_loop(100), ""),
            (lambda n: by_loop(n) + 1, ""),
            (lambda n: 0.9 * n, ""),
        ],
    ),
    "cost-fill-in": Answers(
        right=[by_sets, in_place, by_pattern, game, by_count],
        wrong=[
            (lambda links, order: game(links, order, keep=False), "Keep them"),
            (lambda links, order: game(links, order, drop=False), "meets nobody"),
            (lambda links, order: 2 * game(links, order), "counted twice"),
            (
                lambda links, order: game(links, order) + sum(len(x) for x in links) // 2,
                "own entries",
            ),
            (lambda links, order: game(links, sorted(order)), "no part"),
            (lambda links, order: game(links, order[::-1]), "reversed"),
            (lambda links, order: sum(len(x) for x in links) // 2, "neighbours"),
            (lambda links, order: 0, ""),
            (lambda links, order: game(links, order) + 1, ""),
            (lambda links, order: sum(len(x) for x in links), ""),
        ],
    ),
    "cost-moving-average": Answers(
        right=["c", "C", "(c)"],
        wrong=[
            ("a", "size eight"),
            ("b", "would be gained"),
            ("d", "three diagonals"),
            ("A", "size eight"),
            ("(d)", "three diagonals"),
        ],
    ),
    "cost-balanced": Answers(
        right=["b", "B", " (b)"],
        wrong=[
            ("a", "not the least"),
            ("c", "is missing"),
            ("d", "always enough"),
            ("A", "not the least"),
            ("(c)", "is missing"),
        ],
    ),
}
