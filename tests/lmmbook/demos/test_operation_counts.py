"""Counted operations: the same answers as plain elimination, and as many steps as the formulas."""

import numpy as np
import pytest

from lmmbook.demos.operation_counts import (
    Counted,
    cost_through_band,
    cost_through_groups,
    cost_through_M,
    cost_through_schur,
    cost_through_W,
    determinant,
    factorise,
    fill_in,
    solve,
    through_band,
    through_M,
    through_schur,
    through_W,
)


def plain(A, v):
    """The solution and determinant of a dense symmetric system, by fractions."""
    S = [[Counted(int(x)) for x in row[: i + 1]] for i, row in enumerate(A)]
    factorise(S)
    x = solve(S, [Counted(int(a)) for a in v])
    return tuple(a.value for a in x), determinant(S).value


def positive(k, seed):
    B = np.random.default_rng(seed).integers(-2, 3, (k, k))
    return B @ B.T + k * np.eye(k, dtype=int)


@pytest.mark.parametrize("k", [1, 2, 7])
def test_along_a_band(k):
    rng = np.random.default_rng(k)
    beside, v = rng.integers(-2, 3, k - 1), rng.integers(-5, 6, k)
    diagonal = np.full(k, 6)
    A = np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
    road = through_band(diagonal.tolist(), beside.tolist(), v.tolist())
    assert (road.solution, road.determinant) == plain(A, v)
    assert road.operations == cost_through_band(k)


@pytest.mark.parametrize(("k1", "k2", "r"), [(5, 3, 3), (6, 4, 2), (4, 5, 1), (3, 1, 1)])
def test_past_a_diagonal_block(k1, k2, r):
    rng = np.random.default_rng(k1)
    C = np.zeros((k1, k2), int)
    for row in C:
        row[rng.choice(k2, r, replace=False)] = rng.choice([-1, 1, 2], r)
    A = np.block([[np.diag(np.full(k1, 30)), C], [C.T, positive(k2, 1)]])
    v = rng.integers(-5, 6, k1 + k2)
    rows = [{int(j): int(row[j]) for j in np.flatnonzero(row)} for row in C]
    road = through_schur([30] * k1, rows, A[k1:, k1:].tolist(), v.tolist())
    assert (road.solution, road.determinant) == plain(A, v)
    assert road.operations == cost_through_schur(k1, k2, r)


def test_one_group_after_the_other():
    rng = np.random.default_rng(3)
    total = -1
    for _ in range(4):
        F, y = rng.integers(-2, 3, (5, 2)).tolist(), rng.integers(-2, 3, 5).tolist()
        total += through_M(F, y).operations + 1
    assert total == cost_through_groups(20, 5, 2)
    assert cost_through_groups(20, 20, 3) == cost_through_M(20, 3)


def test_fill_in_is_the_pattern_of_the_factor():
    """For random numbers nothing cancels, and the factor has exactly these entries."""
    rng = np.random.default_rng(4)
    pattern = np.triu(rng.random((12, 12)) < 0.2, 1)
    values = np.where(pattern, rng.standard_normal((12, 12)), 0.0)
    A = values + values.T + 12.0 * np.eye(12)
    links = [set(np.flatnonzero(row).tolist()) for row in pattern | pattern.T]
    for order in (np.arange(12), rng.permutation(12)):
        columns, operations = fill_in(links, order.tolist())
        L = np.linalg.cholesky(A[np.ix_(order, order)])
        for i, column in enumerate(L.T):
            below = np.flatnonzero(np.abs(column[i + 1:]) > 1e-13) + i + 1
            assert set(order[below].tolist()) == columns[order[i]]
        sizes = [len(c) for c in columns]
        assert operations == sum(s + s * (s + 1) // 2 for s in sizes)


def test_fill_in_of_a_full_matrix_costs_its_factorisation():
    k = 6
    _, operations = fill_in([set(range(k)) - {i} for i in range(k)], range(k))
    A = positive(k, 5)
    S = [[Counted(int(x)) for x in row[: i + 1]] for i, row in enumerate(A)]
    Counted.operations = 0
    factorise(S)
    assert operations == Counted.operations


@pytest.mark.parametrize(("n", "k"), [(3, 1), (5, 2), (4, 6)])
def test_the_two_dense_roads(n, k):
    rng = np.random.default_rng(n)
    F, y = rng.integers(-2, 3, (n, k)).tolist(), rng.integers(-5, 6, n).tolist()
    long, short = through_W(F, y), through_M(F, y)
    assert (long.solution, long.determinant) == (short.solution, short.determinant)
    assert long.operations == cost_through_W(n, k)
    assert short.operations == cost_through_M(n, k)
