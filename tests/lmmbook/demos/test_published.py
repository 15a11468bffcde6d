"""The published question: its equations at their roots, which are not those of the score."""

import numpy as np
import pytest

from lmmbook.demos.published import (
    _root,
    sigma2_fixed_G,
    sigma2_published,
    sigma2_relative,
    stack,
)
from lmmcore.textbook import definition as d
from reference_models import reference_model

PAIRS = [np.array([0.5, -0.5]), np.array([1.5, -1.5])]
ONES = [np.ones((2, 1))] * 2


def test_published_equation_for_fixed_G_has_another_root_than_the_score():
    assert sigma2_published(PAIRS, ONES, ONES, np.eye(1)) == pytest.approx(5 / 3, rel=1e-12)
    assert sigma2_fixed_G(PAIRS, ONES, ONES, np.eye(1)) == pytest.approx(2, rel=1e-12)
    for unit in (1e-4, 1e4):  # y in other units
        y, G = [unit * y for y in PAIRS], unit**2 * np.eye(1)
        assert sigma2_published(y, ONES, ONES, G) == pytest.approx(5 / 3 * unit**2, rel=1e-7)
        assert sigma2_fixed_G(y, ONES, ONES, G) == pytest.approx(2 * unit**2, rel=1e-7)


def test_the_equations_for_fixed_G_hold_at_their_roots_in_uneven_subjects():
    rng = np.random.default_rng(8)
    sizes = (2, 5, 3)
    X_i = [np.column_stack([np.ones(m), rng.standard_normal(m)]) for m in sizes]
    y_i = [1e4 + X @ rng.standard_normal(2) + rng.standard_normal(len(X)) for X in X_i]
    G = np.array([[0.4, 0.1], [0.1, 0.3]])
    y_all, X_all, ZGZ = stack(y_i, X_i, X_i, G)
    s = sigma2_published(y_i, X_i, X_i, G)
    W = np.eye(10) + ZGZ / s
    r = y_all - X_all @ d.gls(y_all, X_all, W).beta
    assert s == pytest.approx(r @ np.linalg.solve(W, r) / (10 - 2), rel=1e-6)
    s = sigma2_fixed_G(y_i, X_i, X_i, G)
    assert d.restricted_score(y_all, X_all, s * np.eye(10) + ZGZ, [np.eye(10)]) == pytest.approx(
        0, abs=1e-5
    )


def test_the_largest_root_on_the_grid_is_taken():
    unit, grid = np.ones(1), np.geomspace(1e2, 1e-10, 600)
    assert _root(lambda s: (s - 1.3) * (s - 3.1), unit) == pytest.approx(3.1, rel=1e-13)
    assert _root(lambda s: s - grid[300], unit) == pytest.approx(grid[300], rel=1e-13)
    assert _root(lambda s: s - 1.02e-10, unit) == pytest.approx(1.02e-10, rel=1e-4)
    with pytest.raises(ValueError, match="no positive root"):
        _root(lambda s: s + 1.0, unit)


def test_equation_1_holds_for_fixed_relative_G():
    model = reference_model("sleepstudy_ris")
    term = model.terms[0]
    split = [np.flatnonzero(term.codes == g) for g in range(len(term.levels))]
    lists = [[a[i] for i in split] for a in (model.y, model.X, term.columns)]
    G = np.array([[0.9, 0.01], [0.01, 0.05]])
    sigma2 = sigma2_relative(*lists, G)
    y_all, X_all, ZGZ = stack(*lists, G)
    W = np.eye(len(y_all)) + ZGZ
    score = d.restricted_score(y_all, X_all, sigma2 * W, [W])
    assert abs(score[0]) < 1e-12


def test_without_a_root_the_reason_is_said():
    with pytest.raises(ValueError, match="no positive root"):
        sigma2_fixed_G([1e-9 * np.arange(3.0)], [np.ones((3, 1))], [np.eye(3)], 1e6 * np.eye(3))
