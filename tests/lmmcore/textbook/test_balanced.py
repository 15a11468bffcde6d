"""Balanced designs: closed forms against the general fit, and contrasts against each other."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize

from lmmcore import fit, grouped
from lmmcore.textbook import definition, identities
from lmmcore.textbook import error_contrasts as contrasts
from lmmcore.textbook.balanced import Stratum, nested, pooled, two_way
from lmmcore.textbook.one_way import one_way
from reference_models import ONE, REFERENCES, reference_model

RNG = np.random.default_rng(4)


def crossed_model(y, interaction):
    b = y.shape[1]
    rows, columns, _ = (i.ravel() for i in np.indices(y.shape))
    factors = {"rows": rows, "columns": columns}
    if interaction:
        factors["interaction"] = rows * b + columns
    return grouped(y.ravel(), ONE, factors)


def nested_model(y):
    b = y.shape[1]
    groups, subgroups, _ = (i.ravel() for i in np.indices(y.shape))
    return grouped(y.ravel(), ONE, {"groups": groups, "subgroups": groups * b + subgroups})


def draw(shape, sd_first, sd_second, sd_cell, seed, is_nested=False):
    rng = np.random.default_rng(seed)
    a, b = shape[:2]
    second = rng.standard_normal((a if is_nested else 1, b, 1))
    return (3.0 + sd_first * rng.standard_normal((a, 1, 1)) + sd_second * second
            + sd_cell * rng.standard_normal((a, b, 1)) + rng.standard_normal(shape))


def agree(closed, model, method):
    result = fit(model, method)
    assert closed.mu == pytest.approx(result.beta[0], rel=1e-10)
    assert closed.sigma2 == pytest.approx(result.sigma2, rel=1e-8)
    for component in result.variance_components:
        found = closed.variances[component.group]
        assert found == pytest.approx(component.covariance[0, 0], rel=1e-7, abs=1e-12)
        assert (component.group in closed.boundary) == (component.covariance[0, 0] == 0.0)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("interaction", [False, True])
def test_crossed_reml_equals_the_general_fit(seed, interaction):
    y = draw((5, 4, 3), *((0, 0, 0), (1, 1, 0.7), (0.1, 1, 0.1), (1, 0, 0.3))[seed % 4], seed)
    agree(two_way(y, interaction), crossed_model(y, interaction), "REML")


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("method", ["REML", "ML"])
def test_nested_equals_the_general_fit(seed, method):
    sds = ((0, 0, 0), (1, 0.7, 0), (0.1, 1, 0), (1, 0, 0))[seed % 4]
    y = draw((5, 3, 3), *sds, seed, is_nested=True)
    agree(nested(y, method), nested_model(y), method)


def test_the_draws_visit_every_boundary():
    seen = set()
    for seed in range(12):
        sds = ((0, 0, 0), (1, 1, 0.7), (0.1, 1, 0.1), (1, 0, 0.3))[seed % 4]
        seen.add(two_way(draw((5, 4, 3), *sds, seed), True).boundary)
        sds = ((0, 0, 0), (1, 0.7, 0), (0.1, 1, 0), (1, 0, 0))[seed % 4]
        seen.add(nested(draw((5, 3, 3), *sds, seed, is_nested=True)).boundary)
    assert {(), ("interaction",), ("columns",), ("subgroups",)} <= seen
    assert any(len(boundary) > 1 for boundary in seen)


@pytest.mark.parametrize("name", ["Penicillin", "Pastes"])
def test_data_sets_equal_the_recorded_references(name):
    model = reference_model(name)
    if name == "Penicillin":
        closed, names = two_way(model.y.reshape(24, 6, 1), False), ("rows", "columns")
        methods = {"REML": closed}
    else:
        y = model.y.reshape(10, 3, 2)
        methods, names = {m: nested(y, m) for m in ("REML", "ML")}, ("subgroups", "groups")
    for method, closed in methods.items():
        reference = REFERENCES[name, method]
        assert np.sqrt(closed.sigma2) == pytest.approx(reference["sigma"], rel=1e-9)
        for found, random in zip(names, reference["random"], strict=True):
            assert closed.variances[found] == pytest.approx(random["cov"][0][0], rel=1e-8)


def test_recorded_fits_in_the_package_are_those_of_the_tests():
    here = Path(__file__).parents[3] / "lmmbook" / "evidence" / "references.json"
    for fit_ in json.loads(here.read_text())["fits"]:
        if fit_["data"] in ("Penicillin", "Pastes"):
            check = REFERENCES[fit_["data"], fit_["method"]]["crosscheck"]
            for program, value in fit_["programs"].items():
                assert value["log_likelihood"] == check[program]["logLik"]
                assert value["sigma"] == check[program]["sigma"]


@pytest.mark.parametrize("seed", range(6))
def test_ml_of_the_crossed_design_solves_the_printed_equations(seed):
    y = draw((6, 5, 1), 3, 3, 0, seed)
    table, result = two_way(y, False), fit(crossed_model(y, False), "ML")
    assert not result.boundary
    sigma2, rows, columns = result.estimates
    lam = np.array([sigma2, sigma2 + 5 * rows, sigma2 + 6 * columns])
    mean = lam[1] + lam[2] - lam[0]
    df = np.array([s.df for s in table.strata])
    ss = np.array([s.sum_of_squares for s in table.strata])
    slopes = df / lam - ss / lam**2 + np.array([-1, 1, 1]) / mean
    np.testing.assert_allclose(slopes, 0.0, atol=1e-9 * np.max(df / lam))


@pytest.mark.parametrize("seed", range(8))
def test_pooling_is_the_constrained_optimum(seed):
    rng = np.random.default_rng(seed)
    ss = rng.chisquare([12, 6, 3, 2])
    strata = tuple(Stratum("abcd"[i], d, s, 1, b) for i, (d, s, b) in enumerate(
        zip([12, 6, 3, 2], ss, [None, 0, 1, 1], strict=True)))
    lam, _ = pooled(strata)
    df = np.array([s.df for s in strata])

    def minus(x):  # steps over the stratum below, so that the constraints are bounds
        y = np.array([x[0], x[0] + x[1], x[0] + x[1] + x[2], x[0] + x[1] + x[3]])
        return np.sum(df * np.log(y) + ss / y)

    found = minimize(minus, np.ones(4), bounds=[(1e-8, None)] + [(0, None)] * 3,
                     options={"ftol": 1e-15, "gtol": 1e-10})
    assert minus([lam[0], lam[1] - lam[0], lam[2] - lam[1], lam[3] - lam[1]]) == pytest.approx(
        found.fun, abs=1e-7)


def test_the_table_of_a_nested_design_by_hand():
    y = np.array([[[1.0, 3], [2, 4]], [[5, 9], [8, 10]]])  # subgroups 2, 3, 7, 9; groups 2.5, 8
    found = nested(y, "moments")
    assert found.mu == 5.25
    assert found.strata == (
        Stratum("residual", 4, 14.0, 0, None), Stratum("subgroups", 2, 5.0, 2, 0),
        Stratum("groups", 1, 60.5, 4, 1),
    )  # fmt: skip
    assert [s.mean_square for s in found.strata] == [3.5, 2.5, 60.5]
    assert found.variances == {"subgroups": -0.5, "groups": 14.5}
    assert found.sigma2 == 3.5
    assert nested(y).boundary == ("subgroups",)
    assert nested(y).sigma2 == pytest.approx(19 / 6, rel=1e-14)
    ml = nested(y, "ML")
    assert ml.strata[2] == Stratum("groups", 2, 60.5, 4, 1)
    assert ml.variances["groups"] == pytest.approx((60.5 / 2 - 19 / 6) / 4, rel=1e-14)


def test_the_table_of_a_crossed_design_by_hand():
    y = np.array([[[1.0, 3], [4, 6], [6, 10]], [[2, 4], [7, 9], [4, 10]]])
    # cells 2, 5, 8 and 3, 8, 7; rows 5 and 6; columns 2.5, 6.5, 7.5; the mean is 5.5
    found = two_way(y, True, "moments")
    assert found.strata == (
        Stratum("residual", 6, 34.0, 0, None), Stratum("interaction", 2, 8.0, 2, 0),
        Stratum("rows", 1, 3.0, 6, 1), Stratum("columns", 2, 56.0, 4, 1),
    )  # fmt: skip
    assert found.variances == pytest.approx(
        {"interaction": (4 - 34 / 6) / 2, "rows": -1 / 6, "columns": 6.0}, rel=1e-13)
    assert two_way(y, False, "moments").strata == (
        Stratum("residual", 8, 42.0, 0, None), Stratum("rows", 1, 3.0, 6, 0),
        Stratum("columns", 2, 56.0, 4, 0),
    )  # fmt: skip


@pytest.mark.parametrize("unit", [1e3, 1e-3])
def test_how_little_residual_variation_is_none(unit):
    def table(d):
        return unit * np.array([[[-1 - d, -1 + d]] * 2, [[0.0, 0.0]] * 2])
    assert nested(table(3e-14)).sigma2 > 0
    with pytest.raises(ValueError, match="no residual variation is left"):
        nested(table(5e-15))


def test_moments_are_not_pooled():
    y = draw((5, 3, 3), 0, 0, 0, 2, is_nested=True)
    assert min(nested(y, "moments").variances.values()) < 0
    assert nested(y, "moments").boundary == () != nested(y).boundary


TABLE = RNG.standard_normal((3, 4, 2))
BAD = {
    "a matrix": (lambda: nested(TABLE[0]), "shape"),
    "one row": (lambda: two_way(TABLE[:1], False), "2 x 2"),
    "no replicates": (lambda: two_way(TABLE[:, :, :1], True), "replicates"),
    "no replicates, nested": (lambda: nested(TABLE[:, :, :1]), "two observations"),
    "ML": (lambda: two_way(TABLE, True, "ML"), "no closed form"),
    "method": (lambda: nested(TABLE, "MAP"), "MAP"),
    "method, crossed": (lambda: two_way(TABLE, True, "MAP"), "MAP"),
    "NaN": (lambda: nested(np.where(TABLE > 1, np.nan, TABLE)), "missing or infinite"),
    "constant": (lambda: nested(np.full((2, 2, 2), 0.1)), "no residual variation"),
    "additive": (lambda: two_way(np.add.outer(np.arange(3.0), np.arange(4.0) / 3)[:, :, None],
                                 False), "no residual variation"),
    "one-way constant": (lambda: one_way(np.outer([0.1, 0.2], np.ones(3))), "no variation"),
    "contrasts": (lambda: contrasts.helmert(1), "at least two"),
    "contrasts of dependent columns": (lambda: contrasts.from_qr(np.ones((4, 2))), "independent"),
    "contrasts, wide": (lambda: contrasts.from_qr(np.ones((2, 2))), "more rows"),
    "pairs": (lambda: contrasts.pairs(0), "at least 1"),
    "A": (lambda: identities.contrast_profile(reference_model("Dyestuff"), np.ones(1), np.eye(30)),
          "shape"),
    "A'X": (lambda: identities.contrast_profile(reference_model("Dyestuff"), np.ones(1),
                                                np.eye(30)[:, :29]), "not 0"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused(case):
    call, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("n", [2, 3, 7])
def test_contrasts_of_a_common_mean_span_the_same_space(n):
    onto = np.eye(n) - 1.0 / n
    X = np.ones((n, 1))
    for A in (contrasts.deviations(n), contrasts.differences(n), contrasts.helmert(n),
              contrasts.from_qr(X), definition.error_contrasts(X)):
        assert A.shape == (n, n - 1)
        np.testing.assert_allclose(A @ np.linalg.solve(A.T @ A, A.T), onto, atol=1e-12)
    for A in (contrasts.helmert(n), contrasts.from_qr(X)):
        np.testing.assert_allclose(A.T @ A, np.eye(n - 1), atol=1e-12)


def test_contrasts_of_pairs_and_of_groups():
    X = np.kron(np.eye(4), np.ones((2, 1)))
    np.testing.assert_array_equal(contrasts.pairs(1), [[1], [-1]])
    A = contrasts.pairs(4)
    np.testing.assert_array_equal(A.T @ X, 0)
    np.testing.assert_array_equal(A.T @ A, 2 * np.eye(4))
    between, within = contrasts.one_way_contrasts(4, 3)
    A = np.hstack([between, within])
    np.testing.assert_allclose(A.T @ A, np.eye(11), atol=1e-12)
    V = 2.0 * np.eye(12) + 0.7 * np.kron(np.eye(4), np.ones((3, 3)))
    np.testing.assert_allclose(A.T @ V @ A, np.diag([2 + 3 * 0.7] * 3 + [2.0] * 8), atol=1e-12)


@pytest.mark.parametrize("name", ["Dyestuff", "sleepstudy_ris"])
def test_the_profile_by_contrasts_is_the_restricted_one_up_to_its_constant(name):
    model = reference_model(name)
    turn = np.tril(np.random.default_rng(5).standard_normal((model.n - model.p,) * 2), -1)
    orthonormal = contrasts.from_qr(model.X)
    other = orthonormal @ (2.0 * np.eye(len(turn)) + 0.1 * turn)
    for A in (orthonormal, other):
        constant = 0.5 * (definition.log_det(model.X.T @ model.X) - definition.log_det(A.T @ A))
        for scale in (0.0, 0.4, 2.0):
            theta = scale * fit(model).theta
            found = identities.contrast_profile(model, theta, A)
            expected = identities.profile_log_likelihood(model, theta, "REML")
            assert found.log_likelihood - constant == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("units", [-1e6, -1e-6, 1.0])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_how_nearly_orthogonal_to_X_contrasts_must_be(units, sign):
    model = grouped(reference_model("Dyestuff").y, {"minus one": -1}, {"g": np.arange(30) // 5})
    theta = np.ones(1)
    exact = identities.contrast_profile(model, theta, contrasts.deviations(30))
    A = contrasts.deviations(30)
    A[0, 0] += sign * 1e-8
    found = identities.contrast_profile(model, theta, units * A)
    assert found.sigma2 == pytest.approx(exact.sigma2, rel=1e-6)
    A[0, 0] += sign * 1e-7
    with pytest.raises(ValueError, match="A'X is not 0"):
        identities.contrast_profile(model, theta, units * A)
