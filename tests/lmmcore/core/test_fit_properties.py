"""Properties every fit must have, on random data."""

import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lmmcore import ConvergenceWarning, LinearMixedModel, fit, grouped, simulate
from lmmcore.design.formula import from_formula
from lmmcore.profile import Profile
from lmmcore.textbook import definition
from lmmcore.textbook.one_way import one_way
from reference_models import ONE, reference_model, slopes

SEEDS = st.integers(0, 10**6)
SOME = settings(max_examples=12, deadline=None, derandomize=True,
                suppress_health_check=list(HealthCheck))
METHODS = pytest.mark.parametrize("method", ["REML", "ML"])


def data(seed, n=40, groups=7):
    rng = np.random.default_rng(seed)
    g = rng.permutation(np.arange(n) % groups)
    x = rng.standard_normal(n)
    y = 3 + 2 * x + rng.standard_normal(groups)[g] * rng.choice([0.0, 0.3, 1.0, 10.0]) \
        + rng.standard_normal(n)
    return y, {"(Intercept)": 1, "x": x}, g


@METHODS
@SOME
@given(seed=SEEDS, a=st.sampled_from([-3.0, 1e-60, 1e-6, 1e6, 1e60]), b=st.floats(-100, 100))
def test_equivariant_under_y_to_ay_plus_Xb(method, seed, a, b):
    y, X, g = data(seed)
    first = fit(grouped(y, X, g), method)
    second = fit(grouped(a * (y + b * X["x"]), X, g), method)
    np.testing.assert_allclose(second.theta, first.theta, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(second.se_observed, a**2 * first.se_observed, rtol=1e-5)
    np.testing.assert_allclose(second.sigma2, a**2 * first.sigma2, rtol=1e-8)
    beta = a * (first.beta + [0, b])
    np.testing.assert_allclose(second.beta, beta, rtol=1e-7, atol=1e-7 * abs(a))
    shift = first.criterion + 2 * Profile(first.model, method).m * np.log(abs(a))
    assert second.criterion == pytest.approx(shift, abs=1e-7)


@METHODS
@SOME
@given(seed=SEEDS, c=st.sampled_from([1e-50, 1e-6, 1e6, 1e50]))
def test_units_of_a_covariate_change_only_its_coefficients(method, seed, c):
    model = slopes(seed)
    term = model.terms[0]
    scale = np.array([1.0, c])
    X = model.X * [1.0, c, 1.0]
    first = fit(model, method)
    second = fit(grouped(model.y, X, term.codes, term.columns * scale), method)
    assert second.log_likelihood - first.log_likelihood == pytest.approx(
        -np.log(c) if method == "REML" else 0.0, abs=1e-7)
    np.testing.assert_allclose(second.beta * [1.0, c, 1.0], first.beta, rtol=1e-6, atol=1e-8)
    ours = second.variance_components[0].covariance * np.outer(scale, scale)
    np.testing.assert_allclose(ours, first.variance_components[0].covariance, rtol=1e-5, atol=1e-6)


@METHODS
@SOME
@given(seed=SEEDS)
def test_row_order_and_group_names_do_not_matter(method, seed):
    y, X, g = data(seed)
    first = fit(grouped(y, X, g), method)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(y))
    names = rng.permutation(100)[:7].astype(str)
    second = fit(grouped(y[order], {"(Intercept)": 1, "x": X["x"][order]}, names[g][order]), method)
    np.testing.assert_allclose(second.theta, first.theta, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(second.beta, first.beta, rtol=1e-9)
    np.testing.assert_allclose(second.fitted, first.fitted[order], rtol=1e-7, atol=1e-7)


@SOME
@given(seed=SEEDS)
def test_balanced_ml_sigma2_is_at_most_reml_sigma2(seed):
    y = np.random.default_rng(seed).standard_normal((6, 4))
    model = grouped(y.ravel(), ONE, np.repeat(np.arange(6), 4))
    assert fit(model, "ML").sigma2 <= fit(model, "REML").sigma2 * (1 + 1e-12)


@METHODS
@SOME
@given(seed=SEEDS)
def test_general_fit_equals_the_closed_form(method, seed):
    rng = np.random.default_rng(seed)
    y = rng.standard_normal((5, 4)) + rng.choice([0.0, 0.5, 5.0]) * rng.standard_normal((5, 1))
    closed = one_way(y, method)
    result = fit(grouped(y.ravel(), ONE, np.repeat(np.arange(5), 4)), method)
    np.testing.assert_allclose(result.beta[0], closed.xi, rtol=1e-10)
    np.testing.assert_allclose(result.sigma2, closed.sigma2, rtol=1e-9)
    np.testing.assert_allclose(result.estimates[1], closed.tau2, rtol=1e-8, atol=1e-10)
    assert bool(result.boundary) == closed.boundary


@METHODS
@pytest.mark.parametrize("spread", [1e3, 1e5])
def test_groups_that_differ_by_far_more_than_the_errors(method, spread):
    rng = np.random.default_rng(2)
    y = rng.standard_normal((5, 4)) + spread * rng.standard_normal((5, 1))
    closed = one_way(y, method)
    result = fit(grouped(y.ravel(), ONE, np.repeat(np.arange(5), 4)), method)
    assert result.converged
    np.testing.assert_allclose(result.sigma2, closed.sigma2, rtol=1e-10)
    np.testing.assert_allclose(result.estimates[1], closed.tau2, rtol=1e-8)


@METHODS
@SOME
@given(seed=SEEDS)
def test_nothing_on_a_grid_is_better_one_parameter(method, seed):
    y, X, g = data(seed)
    result = fit(grouped(y, X, g), method)
    profile = Profile(result.model, method)
    grid = np.append(0.0, np.geomspace(1e-3, 1e3, 60))
    assert result.converged
    assert result.criterion <= min(profile.criterion(np.array([t])) for t in grid) + 1e-9


@METHODS
@settings(SOME, max_examples=40)
@given(seed=SEEDS, spread=st.sampled_from([0.0, 0.1, 0.5, 3.0]))
def test_slopes_converge_to_an_optimum_inside_or_on_the_boundary(method, seed, spread):
    model = slopes(seed, groups=6, spread=spread)
    result = fit(model, method)
    profile = Profile(model, method)
    assert result.converged
    assert all(point.slope >= 0 for point in result.boundary)
    rng = np.random.default_rng(seed)
    for size in (1e-3, 1e-2, 0.1, 1.0):
        for _ in range(10):
            other = result.theta + size * rng.standard_normal(3)
            assert profile.criterion(other) >= result.criterion - 1e-8


@METHODS
@SOME
@given(seed=SEEDS)
def test_crossed_factors_converge(method, seed):
    rng = np.random.default_rng(seed)
    a, b = np.divmod(np.arange(60), 6)
    y = rng.standard_normal(10)[a] + rng.choice([0, 2.0]) * rng.standard_normal(6)[b] \
        + rng.standard_normal(60)
    result = fit(grouped(y, ONE, {"a": a, "b": b}), method)
    profile = Profile(result.model, method)
    assert result.converged
    grid = np.array([0.0, 0.1, 0.3, 1.0, 3.0])
    assert result.criterion <= min(profile.criterion(np.array([s, t]))
                                   for s in grid for t in grid) + 1e-9


@SOME
@given(seed=SEEDS)
def test_three_random_effects(seed):
    model = slopes(seed, groups=15, q=3)
    result = fit(model)
    assert result.converged
    gamma = result.variance_components[0].covariance
    assert np.linalg.eigvalsh(gamma)[0] >= -1e-12 * np.trace(gamma)
    if result.boundary:
        assert min(p.slope for p in result.boundary) >= 0


def test_singular_correlation_is_told():
    rng = np.random.default_rng(5)
    x = np.tile(np.arange(4.0), 12)
    g = np.repeat(np.arange(12), 4)
    y = rng.standard_normal(12)[g] * (2 + x) + 2 * rng.standard_normal(48)
    days = {"(Intercept)": 1, "x": x}
    result = fit(grouped(y, days, {"g": g}, {"g": days}))
    assert result.converged
    assert result.theta[2] == 0.0
    assert result.boundary[0].slope > 0
    assert abs(result.variance_components[0].correlation[0, 1]) == pytest.approx(1.0, abs=1e-12)
    assert np.isnan(result.se_observed[1:]).all()
    assert "Boundary" in result.summary()


def test_general_covariances_of_one_level():
    model = reference_model("sleepstudy_ris")
    one = grouped(model.y, dict(zip(model.names, model.X.T, strict=True)),
                  model.terms[0].levels[model.terms[0].codes],
                  {"(Intercept)": 1, "Days": model.X[:, 1] * 4}, "identity")
    result = fit(one)
    assert result.converged
    np.testing.assert_allclose(np.diff(np.diag(result.variance_components[0].covariance)), 0)


def test_without_random_effects_it_is_least_squares():
    y, X, _ = data(1)
    result = fit(LinearMixedModel(y, X))
    columns = np.column_stack([np.ones(40), X["x"]])
    beta, rss, *_ = np.linalg.lstsq(columns, y)
    np.testing.assert_allclose(result.beta, beta, rtol=1e-12)
    assert result.sigma2 == pytest.approx(rss[0] / 38, rel=1e-12)
    assert result.se_observed[0] == pytest.approx(result.sigma2 * np.sqrt(2 / 38), rel=1e-12)


def test_standard_errors_by_the_curvature_of_the_likelihood():
    model = reference_model("sleepstudy_ris")
    for method in ("REML", "ML"):
        result = fit(model, method)
        V = definition.marginal_covariance(model, result.theta, result.sigma2)
        dV = definition.covariance_derivatives(model)
        for kind, se in (("observed", result.se_observed), ("expected", result.se_expected)):
            information = definition.observed_information(model.y, model.X, V, dV, method) \
                if kind == "observed" else definition.expected_information(model.X, V, dV, method)
            np.testing.assert_allclose(se, np.sqrt(np.diag(np.linalg.inv(information))), rtol=1e-8)


@METHODS
@pytest.mark.parametrize("name", ["sleepstudy_ris", "Penicillin"])
def test_conditional_variances_by_definition(method, name):
    model = reference_model(name)
    result = fit(model, method)
    L = model.covariance.factor(result.theta)
    psi = result.sigma2 * L @ L.T
    V = definition.marginal_covariance(model, result.theta, result.sigma2)
    cross = model.Z @ psi
    given = psi - cross.T @ np.linalg.solve(V, cross)
    q = len(model.terms[0].effects)
    first = result.conditional_variances[model.terms[0].name]
    for g in range(len(first)):
        at = slice(q * g, q * g + q)
        np.testing.assert_allclose(first[g], given[at, at], rtol=1e-8, atol=1e-10)


def test_simulation_recovers_the_parameters():
    model = reference_model("Penicillin")
    theta = np.array([1.5, 3.5])
    Y = simulate(model, [20.0], 0.3, theta, seed=1, size=200)
    np.testing.assert_array_equal(Y, simulate(model, [20.0], 0.3, theta, seed=1, size=200))
    fits = [fit(model.with_response(y)) for y in Y.T]
    assert all(f.converged for f in fits)
    # REML is unbiased here; all bounds are 5.5 standard errors, so a false alarm is below 1e-6
    found = np.array([f.estimates for f in fits])
    spread = found.std(axis=0, ddof=1)
    truth = 0.3 * np.array([1.0, 1.5**2, 3.5**2])
    assert np.all(np.abs(found.mean(axis=0) - truth) < 5.5 * spread / np.sqrt(200))
    # residuals, plates, samples: mean squares on 115, 23 and 5 degrees of freedom
    df, mean_square = np.array([115, 23, 5]), truth * [1, 6, 24] + [0, 0.3, 0.3]
    exact = np.sqrt(2 * mean_square**2 / df + [0, *[2 * 0.3**2 / 115] * 2]) / [1, 6, 24]
    assert np.all(np.abs(spread / exact - 1) < 5.5 * np.sqrt((2 + 12 / df) / 800))
    reported = np.mean([f.se_expected for f in fits], axis=0)
    assert np.all(np.abs(reported / exact - 1) < 5.5 * np.sqrt(2 / df / 200))


def test_simulated_covariance_is_V():
    model = slopes(3, groups=2)
    theta = np.array([0.7, -0.3, 0.4])
    Y = simulate(model, np.zeros(3), 2.0, theta, seed=2, size=40000)
    V = definition.marginal_covariance(model, theta, 2.0)
    error = np.sqrt((np.outer(np.diag(V), np.diag(V)) + V**2) / 40000)
    assert len(V) < 20  # at most 210 different entries: with 6.2 errors a false alarm is below 1e-6
    assert np.all(np.abs(np.cov(Y) - V) < 6.2 * error)


@METHODS
def test_calendar_years_are_a_covariate_as_any(method):
    rng = np.random.default_rng(1)
    g, t = np.repeat(np.arange(20), 10), np.tile(np.arange(10), 20)
    y = rng.standard_normal(200) + rng.standard_normal(20)[g] + 0.3 * rng.standard_normal(20)[g] * t
    kept = rng.random(200) < 0.6
    data = {"y": y[kept], "t": t[kept], "g": g[kept]}
    want = fit(from_formula("y ~ t + (t | g)", data), method)
    for origin, digits in ((1990.0, 1e-11), (1e6, 1e-6)):
        got = fit(from_formula("y ~ t + (t | g)", data | {"t": origin + data["t"]}), method)
        assert got.converged
        assert got.log_likelihood == pytest.approx(want.log_likelihood, abs=1e-9)
        at_0 = np.array([[1.0, -origin], [0.0, 1.0]])  # the intercept is in the year 0
        np.testing.assert_allclose(got.beta, at_0 @ want.beta, rtol=digits)
        np.testing.assert_allclose(got.vcov_beta, at_0 @ want.vcov_beta @ at_0.T, rtol=digits)
        np.testing.assert_allclose(
            got.variance_components[0].covariance,
            at_0 @ want.variance_components[0].covariance @ at_0.T, rtol=digits)
        same = [0, -1]  # sigma2, and the slopes' variance
        for name in ("estimates", "se_observed", "se_expected"):
            np.testing.assert_allclose(getattr(got, name)[same], getattr(want, name)[same],
                                       rtol=digits)
        np.testing.assert_allclose(got.random_effects["g"], want.random_effects["g"] @ at_0.T,
                                   rtol=digits, atol=origin * digits)
        np.testing.assert_allclose(got.conditional_variances["g"],
                                   at_0 @ want.conditional_variances["g"] @ at_0.T, rtol=digits)
        np.testing.assert_allclose(got.fitted, want.fitted, atol=1e3 * digits)


@METHODS
def test_calendar_years_at_a_correlation_of_one(method):
    rng = np.random.default_rng(3)
    g, t = np.repeat(np.arange(12), 6), np.tile(np.arange(6), 12)
    u = rng.standard_normal(12)[g]
    y = rng.standard_normal(72) + u * (1 + 0.5 * t)
    above = rng.standard_normal(6)[g // 2]
    for formula, response in (("y ~ t + (t | g)", y), ("y ~ t + (t | g) + (1 | h)", y + above)):
        near, far = (fit(from_formula(
            formula, {"y": response, "t": t + origin, "g": g, "h": g // 2}),
                         method) for origin in (0.0, 1990.0))
        assert near.converged and far.converged
        assert far.log_likelihood == pytest.approx(near.log_likelihood, abs=1e-9)
        assert len(far.boundary) == len(near.boundary) >= 1
        assert all(point.slope > 0 for point in far.boundary)
        assert np.isnan(far.se_observed[1])
        assert far.se_observed[0] == pytest.approx(near.se_observed[0], rel=1e-9)


def test_a_start_is_turned_with_the_coordinates():
    rng = np.random.default_rng(1)
    g, year = np.repeat(np.arange(20), 10), 1990.0 + np.tile(np.arange(10), 20)
    y = rng.standard_normal(200) + rng.standard_normal(20)[g] * (year - 1995) \
        + rng.standard_normal(20)[g]
    model = from_formula("y ~ year + (year | g)", {"y": y, "year": year, "g": g})
    found = fit(model)
    again = fit(model, start=found.theta)
    np.testing.assert_allclose(again.iterations[0].theta, found.theta, rtol=1e-8)
    assert len(again.iterations) <= 2
    with pytest.raises(ValueError, match="start must be 3 finite numbers"):
        fit(model, start=[1.0])


def test_not_converged_says_so():
    with pytest.warns(ConvergenceWarning, match="did not converge"):
        result = fit(reference_model("sleepstudy_ris"), optimiser="newton", max_steps=1)
    assert not result.converged
    assert "NOT CONVERGED" in result.summary()
    assert "NOT CONVERGED" in result._repr_html_()


def test_converged_fit_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(reference_model("sleepstudy_ris"))


def test_many_groups():
    rng = np.random.default_rng(0)
    g = np.repeat(np.arange(3000), 5)
    x = rng.standard_normal(15000)
    b = rng.standard_normal((3000, 2)) * [1.0, 0.5]
    y = 1 + x + b[g, 0] + b[g, 1] * x + rng.standard_normal(15000)
    days = {"(Intercept)": 1, "x": x}
    result = fit(grouped(y, days, {"g": g}, {"g": days}))
    assert result.converged
    np.testing.assert_allclose(result.estimates, [1, 1, 0, 0.25], atol=0.08)


def test_two_minima_the_lower_one_is_found():
    # seed 273: the ML criterion of this small unbalanced sample has minima at 0 and inside (A17)
    model = slopes(273, groups=4, q=1, spread=0.3)
    profile = Profile(model, "ML")
    grid = np.linspace(0.0, 3.0, 301)
    value = np.array([profile.criterion(np.array([t])) for t in grid])
    minima = 1 + np.flatnonzero((value[1:-1] < value[:-2]) & (value[1:-1] < value[2:]))
    result = fit(model, "ML")
    assert len(minima) == 1
    assert value[0] < value[1]
    assert value[0] < value[minima[0]]
    assert result.theta[0] == 0.0
    assert result.criterion == pytest.approx(value[0], abs=1e-10)
