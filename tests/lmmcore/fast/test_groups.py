"""Sums over the groups: block by block, for groups of any size, in any units."""

import numpy as np
import pytest

from lmmcore import grouped
from lmmcore.columns import Factor
from lmmcore.fast.blocks import cholesky, forward
from lmmcore.fast.groups import GroupedProfile, GroupedW, _group_qr, _rows_by_group, _totals, chunks
from lmmcore.model import Term
from lmmcore.profile import Profile
from reference_models import ONE, slopes

THETA = np.array([0.8, -0.4, 0.3])
METHODS = pytest.mark.parametrize("method", ["REML", "ML"])


def equal(ours, theirs, theta):
    assert ours.criterion(theta) == pytest.approx(theirs.criterion(theta), abs=1e-10)
    for a, b in zip(ours.derivatives(theta), theirs.derivatives(theta), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


@METHODS
@pytest.mark.parametrize("size", [1, 2, 3])
def test_chunks_of_groups_add_up(method, size, monkeypatch):
    model = slopes(2, groups=7)
    whole, by_definition = GroupedProfile(model, method), Profile(model, method)
    equal(whole, by_definition, THETA)
    monkeypatch.setattr("lmmcore.fast.groups.chunks", lambda count, n=size: chunks(count, size))
    equal(GroupedProfile(model, method), by_definition, THETA)


@METHODS
@pytest.mark.parametrize("n", [25_000, 40_000])
def test_few_groups_of_many_rows(method, n):
    rng = np.random.default_rng(1)
    g, x = np.arange(n) % 2, rng.standard_normal(n)
    model = grouped(rng.standard_normal(n) + g, {**ONE, "x": x}, {"g": g})
    ours, theirs = GroupedProfile(model, method), Profile(model, method)
    assert ours.criterion([0.7]) == pytest.approx(theirs.criterion([0.7]), rel=1e-12)


def test_the_criterion_alone_takes_no_derivatives(monkeypatch):
    monkeypatch.delattr(GroupedW, "sums")
    model = slopes(2)
    assert GroupedProfile(model).criterion(THETA) == pytest.approx(
        Profile(model).criterion(THETA), abs=1e-10)


@METHODS
def test_levels_that_do_not_occur(method):
    model = slopes(3, groups=6)
    term = model.terms[0]
    factor = Factor(np.arange(9), np.array([1, 2, 4, 5, 7, 3])[term.codes])  # not 0, 6 and 8
    more = grouped(model.y, model.X, {"subject": factor}, {"subject": term.columns})
    equal(GroupedProfile(more, method), GroupedProfile(model, method), THETA)


def test_totals_of_groups_of_any_size():
    v = np.array([1.0, 2, 4, 8, 16])
    for sizes, want in (([2, 3], [3, 28]), ([0, 2, 0, 0, 3, 0], [0, 3, 0, 0, 28, 0]),
                        ([5], [31]), ([0, 5], [0, 31])):
        np.testing.assert_array_equal(_totals(np.array(sizes))(v), want)
    np.testing.assert_array_equal(_totals(np.array([0, 0]))(v[:0]), [0, 0])


def test_rows_in_the_order_of_their_groups():
    for codes, want in (([2, 1, 0], [2, 1, 0]), ([1, 0, 1, 0], [1, 3, 0, 2]), ([0, 2, 2], None)):
        order, ends = _rows_by_group(np.array(codes), 3)
        np.testing.assert_array_equal(ends, [0, *np.cumsum(np.bincount(codes, minlength=3))])
        assert order is None if want is None else order.tolist() == want


def columns(*Z):
    """A term of four groups of three rows with these columns."""
    names = tuple(f"z{i}" for i in range(len(Z)))
    return Term("g", names, np.arange(4), np.repeat(np.arange(4), 3), np.column_stack(Z))


RNG = np.random.default_rng(5)
ONES, Z, DATA = np.ones(12), RNG.standard_normal(12), list(RNG.standard_normal((3, 12)))


@pytest.mark.parametrize("unit", [2.0**-100, 2.0**100])
@pytest.mark.parametrize("first", [True, False])
def test_units_change_no_digit(unit, first):
    pair = (unit * Z, ONES) if first else (ONES, unit * Z)
    R, F, within = _group_qr(columns(*pair), DATA)
    want, F_want, within_want = _group_qr(columns(*((Z, ONES) if first else (ONES, Z))), DATA)
    at = 0 if first else 1
    want[:, at] *= unit
    np.testing.assert_array_equal(R, want)
    np.testing.assert_array_equal(F, F_want)
    np.testing.assert_array_equal(within.Axx, within_want.Axx)
    assert within.ww == within_want.ww


@pytest.mark.parametrize("unit", [1e-30, 1.0, 1e30])
@pytest.mark.parametrize(("left", "kept"), [(2e-12, True), (0.3e-12, False)])
def test_what_is_left_of_a_column_within_a_group(unit, left, kept):
    # beside a constant, a part at a right angle to it
    R, F, _ = _group_qr(columns(ONES, unit * (1 + left * np.tile([1.0, -1, 0], 4))), DATA)
    assert np.all((R[1, 1] > 0) == kept) and np.all(np.any(F[1] != 0, axis=0) == kept)


@pytest.mark.parametrize("unit", [1e-30, 1.0, 1e30])
def test_what_is_constant_within_groups_is_0_there(unit):
    level, y = unit * np.repeat([0.1, 0.7, 1.3, 1.9], 3), DATA[2]
    slight = level * (1 + 1e-9 * np.tile([1.0, -1, 0], 4))
    _, _, within = _group_qr(columns(ONES), [level, slight, y])
    assert np.all(within.Axx[0] == 0) and np.all(within.Axx[:, 0] == 0) and within.b[0] == 0
    assert within.Axx[1, 1] == pytest.approx(1e-18 * np.sum(level**2) * 2 / 3, rel=1e-5)


@pytest.mark.parametrize("groups", [5, 9, 10])  # up to as many as entries: one by one
def test_cholesky_factors_are_lower_and_solve(groups):
    A = np.random.default_rng(4).standard_normal((3, 3, groups))
    M = np.einsum("iag,ibg->abg", A, A) + np.eye(3)[:, :, None]
    C, B = cholesky(M.copy()), np.random.default_rng(6).standard_normal((3, 2, groups))
    for g in range(groups):
        L = np.tril(C[..., g])
        np.testing.assert_allclose(L @ L.T, M[..., g], rtol=1e-13)
        np.testing.assert_allclose(L @ forward(C, B)[..., g], B[..., g], atol=1e-13)
