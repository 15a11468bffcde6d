"""Satterthwaite, and Kenward and Roger: by definition, by levels, and as R's packages have them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmmbook.evidence.recorded import recorded_tests
from lmmcore import fit, grouped, load
from lmmcore.design.series import AR1
from lmmcore.inference.degrees_of_freedom import (
    _denominator,
    dense_derivatives,
    f_test,
    kenward_roger,
    kenward_roger_vcov,
    kr_moments,
    parameter_covariance,
    satterthwaite,
    sensitivity,
    sensitivity_by_definition,
    t_tests,
)
from lmmcore.textbook import definition
from reference_models import FITS, reference_model, slopes

RECORDED = recorded_tests()
UNBALANCED = pytest.mark.parametrize("name", RECORDED["degrees_of_freedom"])


def unbalanced(name):
    """The models of the recorded fits: rows dropped, a third fixed effect."""
    data = load({"sleep": "sleepstudy"}.get(name.split("_")[0], name))
    keep = np.ones(len(data), bool)
    keep[np.array(RECORDED["dropped"][data.name]) - 1] = False
    c = {k: v[keep] for k, v in data.columns.items()}
    if data.name == "sleepstudy":
        X = {"(Intercept)": 1, "Days": c["Days"], "D2": c["Days"] ** 2}
        Z = None if name == "sleep_ri" else {"Subject": {"1": 1, "Days": c["Days"]}}
        kind = "diagonal" if name == "sleep_uncorr" else "unstructured"
        return grouped(c["Reaction"], X, {"Subject": c["Subject"]}, Z, kind)
    y, factor, groups = {"Pastes": ("strength", "cask", ["sample", "batch"]),
                         "Penicillin": ("diameter", "sample", ["plate"])}[name]
    X = {"(Intercept)": 1} | {v: (c[factor] == v) * 1.0 for v in np.unique(c[factor])[1:]}
    return grouped(c[y], X, {g: c[g] for g in groups})


@pytest.fixture(scope="module")
def fits():
    return {name: fit(unbalanced(name)) for name in RECORDED["degrees_of_freedom"]}


@UNBALANCED
def test_satterthwaite_as_lmerTest(fits, name):
    # lmerTest differentiates numerically: about six digits are its own
    got, want = fits[name], RECORDED["degrees_of_freedom"][name]
    assert got.log_likelihood == pytest.approx(want["logLik"], abs=1e-7)
    table = t_tests(got)
    np.testing.assert_allclose(table.df, want["satterthwaite"]["df"], rtol=2e-5)
    np.testing.assert_allclose(table.p, want["satterthwaite"]["p"], rtol=1e-4)
    joint = f_test(got, np.eye(got.model.p)[1:])
    assert joint.statistic == pytest.approx(want["satterthwaite"]["F"], rel=1e-5)
    assert joint.df2 == pytest.approx(want["satterthwaite"]["F_df"], rel=2e-5)
    assert joint.p == pytest.approx(want["satterthwaite"]["F_p"], rel=1e-4)


@UNBALANCED
def test_kenward_roger_as_pbkrtest(fits, name):
    got, want = fits[name], RECORDED["degrees_of_freedom"][name]["kenward_roger"]
    np.testing.assert_allclose(kenward_roger_vcov(got), want["vcov"], rtol=1e-5)
    np.testing.assert_allclose(t_tests(got, "kenward-roger").df, want["df"], rtol=1e-5)
    joint = f_test(got, np.eye(got.model.p)[1:], "kenward-roger")
    assert joint.statistic == pytest.approx(want["F"], rel=1e-5)
    assert joint.statistic / joint.scale == pytest.approx(want["F_unscaled"], rel=1e-5)
    assert joint.df2 == pytest.approx(want["F_df"], rel=1e-5)
    assert joint.scale == pytest.approx(want["F_scaling"], rel=1e-6)
    assert joint.p == pytest.approx(want["p"], rel=1e-4)


@pytest.mark.parametrize("name", FITS["extra"]["ddf"])
@pytest.mark.parametrize("method", ["satterthwaite", "kenward_roger"])
def test_as_recorded_for_balanced_sleepstudy(name, method):
    want = FITS["extra"]["ddf"][name][method]
    table = t_tests(fit(reference_model(name)), method.replace("_", "-"))
    np.testing.assert_allclose(table.df, list(want["df"].values()), rtol=1e-6)
    if "se" in want:
        np.testing.assert_allclose(table.se, list(want["se"].values()), rtol=1e-6)
    else:
        np.testing.assert_allclose(table.t, list(want["t"].values()), rtol=1e-6)


@pytest.mark.parametrize("name", ["sleep_ris", "Pastes", "Penicillin"])
def test_by_levels_as_by_definition(fits, name):
    got = fits[name]
    fast, dense = sensitivity(got), sensitivity_by_definition(got)
    for a, b in zip(fast, dense, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10 * np.abs(b).max())


@pytest.mark.parametrize("method", ["REML", "ML"])
def test_P_is_the_derivative_of_the_information_about_beta(method):
    got = fit(slopes(3, 25), method)
    model, psi = got.model, np.append(got.sigma2, got.theta)

    def information(psi):
        V = definition.marginal_covariance(model, psi[1:], psi[0])
        return model.X.T @ np.linalg.solve(V, model.X)

    for P, h in zip(sensitivity(got).P, 1e-4 * np.diag(np.abs(psi)), strict=True):
        numeric = (information(psi + h) - information(psi - h)) / (2 * h.sum())
        np.testing.assert_allclose(P, numeric, rtol=1e-5, atol=1e-7 * np.abs(numeric).max())


@pytest.mark.parametrize("method", ["REML", "ML"])
def test_parameter_covariance_is_the_inverse_information(method):
    got = fit(slopes(3, 25), method)
    model, psi = got.model, np.append(got.sigma2, got.theta)
    assert not got.boundary
    V = definition.marginal_covariance(model, got.theta, got.sigma2)
    expected = definition.expected_information(model.X, V, dense_derivatives(got), method)
    A = parameter_covariance(got, "expected")
    np.testing.assert_allclose(A @ expected, np.eye(len(A)), atol=1e-8)
    likelihood = {"REML": definition.restricted_log_likelihood,
                  "ML": definition.profile_log_likelihood}[method]

    def log_likelihood(x):
        return likelihood(model.y, model.X, definition.marginal_covariance(model, x[1:], x[0]))

    h = 1e-3 * np.diag(np.abs(psi))
    second = np.array([[(log_likelihood(psi + a + b) - log_likelihood(psi + a - b)
                         - log_likelihood(psi - a + b) + log_likelihood(psi - a - b))
                        / (4 * a.sum() * b.sum()) for b in h] for a in h])
    A = parameter_covariance(got, "observed")
    np.testing.assert_allclose(-A @ second, np.eye(len(A)), atol=1e-4)
    # standard errors of (sigma2, Var U), as the fit has them by another way
    for kind, se in (("observed", got.se_observed), ("expected", got.se_expected)):
        def entries(x):
            L = np.array([[x[1], 0], [x[2], x[3]]])
            return np.append(x[0], x[0] * (L @ L.T)[[0, 0, 1], [0, 1, 1]])
        J = np.array([(entries(psi + a) - entries(psi - a)) / (2 * a.sum()) for a in h]).T
        A = parameter_covariance(got, kind)
        np.testing.assert_allclose(np.sqrt(np.diag(J @ A @ J.T)), se, rtol=1e-5)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(A2=st.floats(1e-6, 0.4))
def test_one_contrast_needs_no_scale(A2):
    df, scale = kr_moments(A2, A2, 1)
    assert df == pytest.approx(2 / A2, rel=1e-9)
    assert scale == pytest.approx(1, rel=1e-9)


def test_no_uncertainty_of_the_covariance_gives_a_normal_limit():
    assert kr_moments(0.0, 0.0, 2) == (np.inf, 1.0)


def test_no_random_effects_gives_residual_degrees_of_freedom():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((20, 2))
    got = fit(grouped(rng.standard_normal(20), {"1": 1, "a": x[:, 0], "b": x[:, 1]}, {}))
    L = np.eye(3)[1:]
    for df in ("satterthwaite", "kenward-roger"):
        np.testing.assert_allclose(t_tests(got, df).df, 17)
        joint = f_test(got, L, df)
        assert joint.df2 == pytest.approx(17)
        assert joint.scale == pytest.approx(1)


def test_one_way_has_the_degrees_of_freedom_of_the_levels():
    # the overall mean of k balanced groups: its variance is MSB/n, with k - 1 degrees of freedom
    got = fit(reference_model("Dyestuff"))
    assert satterthwaite(got, [1.0]) == pytest.approx(5, rel=1e-9)
    assert kenward_roger(got, [1.0]).df == pytest.approx(5, rel=1e-9)
    assert kenward_roger(got, [1.0]).scale == pytest.approx(1, rel=1e-9)


def test_on_the_boundary_the_variance_is_held_at_zero():
    got = fit(reference_model("Dyestuff2"))
    assert satterthwaite(got, [1.0]) == pytest.approx(29)
    assert np.all(parameter_covariance(got, "observed")[1] == 0)


@pytest.mark.parametrize("kind", ["observed", "expected"])
def test_a_singular_covariance_keeps_its_rank(kind):
    got = fit(slopes(3, 8), "ML")
    assert got.boundary
    A = parameter_covariance(got, kind)
    assert np.linalg.matrix_rank(A) == 3
    assert np.all(A[3] == 0) and np.all(np.diag(A)[:3] > 0)  # Lambda_22 stays 0


def test_observed_information_of_a_singular_covariance():
    # the slope in Gamma is not 0 there, so the bend of Gamma in theta counts
    got = fit(slopes(3, 8), "ML")
    model, psi = got.model, np.append(got.sigma2, got.theta)[:3]

    def log_likelihood(x):
        V = definition.marginal_covariance(model, np.append(x[1:], 0.0), x[0])
        return definition.profile_log_likelihood(model.y, model.X, V)

    h = 1e-3 * np.diag(np.abs(psi))
    second = np.array([[(log_likelihood(psi + a + b) - log_likelihood(psi + a - b)
                         - log_likelihood(psi - a + b) + log_likelihood(psi - a - b))
                        / (4 * a.sum() * b.sum()) for b in h] for a in h])
    A = parameter_covariance(got, "observed")[:3, :3]
    np.testing.assert_allclose(-A @ second, np.eye(3), atol=1e-4)


@UNBALANCED
def test_the_adjusted_covariance_is_symmetric_to_the_last_digit(fits, name):
    vcov = kenward_roger_vcov(fits[name])
    np.testing.assert_array_equal(vcov, vcov.T)


def test_rows_of_one_table_may_depend_on_each_other(fits):
    got, L = fits["sleep_ri"], np.array([[1.0, 2, 0], [-2, -4, 0]])
    for df in ("satterthwaite", "kenward-roger"):
        table = t_tests(got, df, L)
        assert table.t[1] == pytest.approx(-table.t[0], rel=1e-12)
    assert np.ptp(satterthwaite(got, L)) == pytest.approx(0, abs=1e-9)
    with pytest.raises(ValueError, match="rows of L are dependent"):
        kenward_roger(got, L)


def test_rows_of_a_joint_test_may_be_in_any_units(fits):
    got, units = fits["sleep_ri"], np.array([[1.0], [1e-20]])
    plain, other = (f_test(got, L, "kenward-roger") for L in (np.eye(3)[:2], units * np.eye(3)[:2]))
    assert other.statistic == pytest.approx(plain.statistic, rel=1e-9)
    assert other.df2 == pytest.approx(plain.df2, rel=1e-9)


@UNBALANCED
def test_invariance(fits, name):
    got, L = fits[name], np.array([[0.0, 1, -1], [0, 1, 2]])
    L = np.hstack([L, np.zeros((2, got.model.p - 3))])
    mix = np.array([[2.0, 1], [-1, 3]])
    for df in ("satterthwaite", "kenward-roger"):
        a, b = f_test(got, L, df), f_test(got, mix @ L, df)
        assert a.statistic == pytest.approx(b.statistic, rel=1e-9)
        # lmerTest's rule for several rows depends on how the hypothesis is written
        assert (abs(a.df2 / b.df2 - 1) < 1e-8) == (df == "kenward-roger")
        one = f_test(got, L[0], df)
        row = t_tests(got, df, -3 * L[0])
        assert one.statistic == pytest.approx(row.t[0] ** 2)
        assert one.df2 == pytest.approx(row.df[0])
        assert one.p == pytest.approx(row.p[0])


def test_the_denominator_of_lmerTest():
    assert _denominator(np.array([7.0, 7.0])) == 7
    assert _denominator(np.array([1.5, 9.0])) == 2
    assert _denominator(np.array([1.5, 1.5 + 1e-9])) == pytest.approx(1.5)
    assert _denominator(np.array([0.5, 0.5 + 1e-8])) == 2  # these are not equal
    assert _denominator(np.array([2.0, 9.0])) == 2
    E = 2.5 / 0.5 + 9 / 7
    assert _denominator(np.array([2.5, 9.0])) == pytest.approx(2 * E / (E - 2))
    E = 4 / 2 + 10 / 8
    assert _denominator(np.array([4.0, 10.0])) == pytest.approx(2 * E / (E - 2))


def test_tables():
    got = fit(reference_model("sleepstudy_ri"))
    table = got.tests()
    assert "t tests, degrees of freedom by Satterthwaite" in str(table)
    assert "22.81" in table.summary() and "161.00" in table.summary()
    assert '<th scope="col">df</th>' in table._repr_html_()
    assert got.tests("kenward-roger").method == "kenward-roger"
    joint = f_test(got, np.eye(2), "kenward-roger")
    assert "F test" in str(joint) and "<table>" in joint._repr_html_()
    named = t_tests(got, L=[1.0, 9.0], names=("day 9",))
    assert named.names == ("day 9",)
    assert named.estimate[0] == pytest.approx(got.beta @ [1, 9])


@pytest.mark.parametrize(("call", "words"), [
    (lambda f: t_tests(f, "residual"), "df must be one of"),
    (lambda f: t_tests(f, L=[1.0, 2.0, 3.0]), "L needs 2 columns"),
    (lambda f: t_tests(f, L=[0.0, 0.0]), "must be finite and not 0"),
    (lambda f: t_tests(f, L=[1.0, np.nan]), "must be finite and not 0"),
    (lambda f: t_tests(f, L=[1.0, 0.0], names=("a", "b")), "2 names for 1 contrasts"),
    (lambda f: f_test(f, [[1.0, 1.0], [2.0, 2.0]]), "rows of L are dependent"),
    (lambda f: f_test(f, [1.0, 1.0], "wald"), "df must be one of"),
    (lambda f: t_tests(f, "kenward-roger"), "is for REML fits"),
    (lambda f: kenward_roger(f, [1.0, 0.0]), "is for REML fits"),
    (kenward_roger_vcov, "is for REML fits"),
])
def test_bad_input(call, words):
    with pytest.raises(ValueError, match=words):
        call(fit(reference_model("sleepstudy_ri"), "ML"))


def test_an_autoregression_has_satterthwaite_only():
    rng = np.random.default_rng(4)
    g = np.repeat(np.arange(12), 8)
    y = np.concatenate([np.cumsum(rng.standard_normal(8)) for _ in range(12)])
    y += 0.7 * rng.standard_normal(96)
    got = fit(grouped(y, {"1": 1}, {"g": g}, covariance={"g": AR1()}))
    A = parameter_covariance(got, "observed")
    Phi, P = got.vcov_beta, sensitivity_by_definition(got).P
    slope = -(Phi @ P @ Phi)[:, 0, 0]
    df = 2 * Phi[0, 0] ** 2 / (slope @ A @ slope)
    assert satterthwaite(got, [1.0])[0] == pytest.approx(df, rel=1e-8)
    with pytest.raises(ValueError, match="V is linear"):
        t_tests(got, "kenward-roger")
