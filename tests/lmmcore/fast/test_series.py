"""AR(1) effects and random walks: three levels agree, derivatives are exact, edges are told."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.signal import lfilter

from lmmbook.evidence.recorded import recorded_fits
from lmmcore import (
    AR1,
    LinearMixedModel,
    RandomWalk,
    ScaledIdentity,
    fit,
    grouped,
    independent,
    load,
    repeated,
    series,
    simulate,
)
from lmmcore.covariance.serial import FreeStart, Stationary, Walk
from lmmcore.criterion import Expansion
from lmmcore.fast.groups import GroupedProfile
from lmmcore.fast.series import SeriesProfile, SeriesW
from lmmcore.profile import Profile
from lmmcore.textbook import definition, identities
from reference_models import ONE

METHODS = ("REML", "ML")


def autoregressive(n, a, tau, sigma, seed):
    """A stationary AR(1) series plus noise, about 2."""
    rng = np.random.default_rng(seed)
    nu = tau * rng.standard_normal(n)
    nu[0] /= np.sqrt(1 - a * a)
    return 2 + lfilter([1], [1, -a], nu) + sigma * rng.standard_normal(n)


def models():
    """Series with gaps, repeated times, weights, several groups of different lengths."""
    y = autoregressive(40, 0.8, 1, 1, seed=1)
    X = {"(Intercept)": 1, "x": np.linspace(0, 1, 40) ** 2}
    time = np.delete(np.arange(1, 44), [3, 9, 10])
    missing = time.copy()
    time[20] = time[19]
    group = np.repeat([0, 1, 2, 3], [1, 15, 2, 22])
    weight = {"g": {"w": 0.5 + np.arange(40) % 3}}
    return {
        "gaps": series(y, X, time),
        "missing": series(y, X, missing),
        "backwards": series(y, X, np.arange(40)[::-1]),
        "walk": series(y, X, time, RandomWalk()),
        "groups": grouped(y, X, {"g": group}, covariance=AR1()),
        "walks": grouped(y, X, {"g": group}, weight, covariance=RandomWalk()),
        "last": grouped(y, X, {"g": 3 - group[::-1]}, weight, covariance=RandomWalk()),
        "weights": grouped(y, X, {"g": group}, weight, covariance=AR1(time)),
        "free": grouped(y, X, {"g": group}, covariance=AR1(start="free")),
        "sum": grouped(y, X, {"g": group, "level": group % 3}, covariance={"g": AR1()}),
    }


MODELS = models()
CASES = [("gaps", [1.2, 0.7]), ("gaps", [0.0, 0.7]), ("gaps", [0.5, -1.0]), ("gaps", [0.5, 3.0]),
         ("missing", [0.9, 0.4]), ("backwards", [0.9, 0.4]), ("last", [0.8]),
         ("walk", [0.8]), ("walk", [0.0]), ("groups", [1.2, 0.7]), ("walks", [0.8]),
         ("weights", [0.6, -0.4]), ("free", [0.7, 0.9, 1.1]), ("free", [0.7, 0.0, 0.5]),
         ("sum", [0.7, 0.9, 0.4])]


TRUE = {"gaps": [1.5, 0.9], "walk": [0.8], "groups": [0.7, 1.5], "weights": [1.0, 0.6],
        "free": [1.5, 1.3, 0.7], "sum": [1.3, 0.9, 0.8]}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("name", "theta"), CASES)
def test_three_levels_agree(name, theta, method):
    model, theta = MODELS[name], np.array(theta)
    W = definition.relative_covariance(model, theta)
    sigma2 = Profile(model, method).sigma2(theta)
    likelihood = (definition.restricted_log_likelihood if method == "REML"
                  else definition.profile_log_likelihood)
    dense = likelihood(model.y, model.X, sigma2 * W)
    assert identities.profile_log_likelihood(model, theta, method) == pytest.approx(dense, abs=1e-9)
    assert Profile(model, method).log_likelihood(theta) == pytest.approx(dense, abs=1e-10)
    if name not in ("free", "sum"):
        assert SeriesProfile(model, method).log_likelihood(theta) == pytest.approx(dense, abs=1e-10)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("name", "theta"), CASES)
def test_derivatives_are_those_of_the_criterion(name, theta, method):
    model, theta, h = MODELS[name], np.array(theta), 1e-5
    profile = Profile(model, method)
    _, gradient, hessian = profile.derivatives(theta)
    for j, e in enumerate(np.eye(len(theta))):
        quotient = (profile.criterion(theta + h * e) - profile.criterion(theta - h * e)) / (2 * h)
        assert gradient[j] == pytest.approx(quotient, abs=2e-7)
        quotient = (profile.gradient(theta + h * e) - profile.gradient(theta - h * e)) / (2 * h)
        np.testing.assert_allclose(hessian[j], quotient, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("name", "theta"), [c for c in CASES if c[0] not in ("free", "sum")])
def test_bands_equal_dense_in_everything(name, theta, method):
    model, theta = MODELS[name], np.array(theta)
    full, fast = Profile(model, method), SeriesProfile(model, method)
    assert fast.sigma2(theta) == pytest.approx(full.sigma2(theta), rel=1e-12)
    assert fast.criterion(theta) == pytest.approx(full.criterion(theta), abs=1e-9)
    for kind in ("observed", "expected", "average"):
        for a, b in zip(full.derivatives(theta, kind), fast.derivatives(theta, kind), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-8)
    for kind in ("observed", "expected"):
        np.testing.assert_allclose(full.information(theta, kind), fast.information(theta, kind),
                                   rtol=1e-8, atol=1e-9)
    a, b = full.solution(theta), fast.solution(theta)
    np.testing.assert_allclose(a.beta, b.beta, atol=1e-11)
    np.testing.assert_allclose(a.vcov, b.vcov, atol=1e-11)
    np.testing.assert_allclose(a.random_effects[0], b.random_effects[0], atol=1e-11)
    np.testing.assert_allclose(a.conditional[0], b.conditional[0], atol=1e-11)
    for p, q in zip(full.boundary(theta), fast.boundary(theta), strict=True):
        assert p.label == q.label
        assert p.slope == pytest.approx(q.slope, rel=1e-9)
    near = Expansion(fast.at(theta), np.ones(len(theta)), method == "REML")
    W = full.at(theta)
    log_det = W.slope(1.0, 0.0)
    for bend, slope in zip(fast._bends(near), (log_det, W.slope(1.0, 1.0) - log_det), strict=True):
        np.testing.assert_allclose(bend, model.covariance.bend(theta, slope, reported=True),
                                   rtol=1e-8, atol=1e-9)
    assert fast.z_scale[0][0] == pytest.approx(np.sqrt(np.mean(full.z_scale[0] ** 2)), rel=1e-14)


def test_the_criterion_alone_takes_no_derivatives(monkeypatch):
    monkeypatch.delattr(SeriesW, "moves")
    monkeypatch.delattr(SeriesW, "determinant")
    profile = SeriesProfile(MODELS["gaps"])
    assert profile.criterion([1.2, 0.7]) == pytest.approx(
        Profile(MODELS["gaps"]).criterion([1.2, 0.7]), abs=1e-9)


def test_expected_information_by_definition():
    model, theta = MODELS["weights"], np.array([0.6, -0.4])
    covariance, profile = model.covariance, Profile(model)
    s = profile.sigma2(theta)
    V = s * definition.relative_covariance(model, theta)
    dV = [V / s] + [s * model.Z @ (model.Z @ D.T).T for D in covariance.directions(theta)]
    np.testing.assert_allclose(profile.information(theta, "expected"),
                               definition.expected_information(model.X, V, dV), rtol=1e-9)


def test_gamma_is_that_of_the_recursion():
    # by definition: U_t = a U_(t-1) + nu_t, so Psi follows from Var U_1 and the innovations
    a, tau1, tau = 0.6, 1.7, 0.8
    Psi = np.zeros((5, 5))
    Psi[0, 0] = tau1**2
    for t in range(1, 5):
        Psi[t, :t] = Psi[:t, t] = a * Psi[t - 1, :t]
        Psi[t, t] = a * a * Psi[t - 1, t - 1] + tau**2
    np.testing.assert_allclose(FreeStart(5).gamma(np.array([tau1, tau, a])), Psi, atol=1e-14)
    stationary = Stationary(5).gamma(np.array([tau, np.arctanh(a)]))
    lag = np.abs(np.subtract.outer(np.arange(5), np.arange(5)))
    np.testing.assert_allclose(stationary, tau**2 * a**lag / (1 - a * a), atol=1e-14)
    np.testing.assert_allclose(Walk(5).gamma(np.array([2.0])),
                               4.0 * np.minimum.outer(np.arange(5), np.arange(5)), atol=1e-14)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["gaps", "walk", "groups", "weights", "free", "sum"])
def test_fit_stands_at_an_optimum_of_the_definition(name, method):
    model = MODELS[name]
    theta = TRUE[name]
    model = model.with_response(simulate(model, np.ones(model.p), 0.3, theta, seed=5)[:, 0])
    result = fit(model, method)
    assert result.converged
    free = np.abs(result.theta) > 0
    profile = Profile(model, method)
    assert np.max(np.abs(profile.gradient(result.theta)[free]), initial=0.0) < 1e-6
    np.testing.assert_allclose(result.fitted + result.residuals, model.y, atol=1e-12)
    effects = next(iter(result.random_effects.values()))
    assert effects.shape == (len(model.terms[0].levels), 1)
    assert "innovation" in result.summary()


def test_random_walk_is_the_limit_of_the_stationary_series():
    y = autoregressive(50, 0.9, 1, 0.5, seed=4)
    near, limit = series(y, {"1": 1}), series(y, {"1": 1}, covariance=RandomWalk())
    walk = Profile(limit).log_likelihood(np.array([0.8]))
    gaps = [walk - SeriesProfile(near).log_likelihood(np.array([0.8, np.arctanh(1 - e)]))
            for e in (1e-4, 1e-5, 1e-6)]
    assert gaps[0] / gaps[1] == pytest.approx(10, rel=1e-2)  # the gap is linear in 1 - a
    assert abs(gaps[2]) < 1e-4
    # and the full likelihood goes to minus infinity, as log(1 - a^2) / 2
    ml = [SeriesProfile(near, "ML").log_likelihood(np.array([0.8, np.arctanh(1 - e)]))
          for e in (1e-5, 1e-6)]
    assert ml[0] - ml[1] == pytest.approx(0.5 * np.log(10), rel=1e-3)


def test_one_series_repeated_for_groups_equals_series_by_group():
    y = np.concatenate([autoregressive(6, 0.7, 1, 0.5, seed=s) for s in range(8)])
    group, time = np.repeat(np.arange(8), 6), np.tile(np.arange(6), 8)
    by_time = grouped(y, {"1": 1}, {"g": group}, {"g": np.eye(6)[time]}, "diagonal")
    by_hand = LinearMixedModel(y, {"1": 1}, by_time.Z, repeated(Stationary(6), 8), by_time.terms)
    by_group = grouped(y, {"1": 1}, {"g": group}, covariance=AR1(time))
    theta = np.array([0.9, 0.8])
    expected = SeriesProfile(by_group).derivatives(theta)
    for profile in (GroupedProfile(by_hand), Profile(by_hand)):
        for a, b in zip(profile.derivatives(theta), expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9)


def test_sum_of_terms_from_matrices():
    rng = np.random.default_rng(3)
    Z = np.column_stack([np.eye(12)[np.arange(36) % 12], np.eye(3)[np.arange(36) // 12]])
    model = LinearMixedModel(rng.standard_normal(36), np.ones((36, 1)), Z,
                             independent(Stationary(12), repeated(ScaledIdentity(1), 3)))
    y = simulate(model, [1.0], 0.5, [1.0, 0.9, 1.0], seed=2)[:, 0]
    result = fit(model.with_response(y))
    assert result.converged
    assert result.parameters == ("sigma2", "term 1: var(innovation)", "term 1: a",
                                 "term 2: var(u1)")


def test_long_series_without_a_dense_matrix():
    true = np.array([1.0, 0.36, 0.8])
    result = fit(series(autoregressive(20_000, 0.8, 0.6, 1.0, seed=5), {"1": 1}))
    assert result.converged
    assert result.max_gradient < 1e-8 * 20_000
    # 5.5 standard errors: a false alarm is rarer than 1e-6
    assert np.all(np.abs(result.estimates - true) < 5.5 * result.se_expected)
    np.testing.assert_allclose(result.se_observed, result.se_expected, rtol=0.1)


def test_no_series_lies_on_the_boundary():
    rng = np.random.default_rng(0)
    noise = np.where(np.arange(200) % 2, 1.0, -1.0) * np.abs(rng.standard_normal(200))
    walk = fit(series(noise, {"1": 1}, covariance=RandomWalk()))
    assert walk.theta[0] == 0
    assert walk.converged
    assert walk.boundary[0].slope > 0
    assert "var(innovation) is estimated as 0" in walk.summary()


def test_edges_are_told():
    pure = autoregressive(300, 0.7, 1.0, 0.0, seed=2)
    slopes = SeriesProfile(series(pure, {"1": 1}))
    with pytest.raises(ValueError, match=r"sigma2 is estimated as 0.*errors=AR1"):
        fit(series(pure, {"1": 1}))
    assert slopes.criterion([1e3, 0.8]) < slopes.criterion([3.0, 0.8])
    rng = np.random.default_rng(1)
    noisy = np.cumsum(rng.standard_normal(100)) + 0.7 * rng.standard_normal(100)
    with pytest.raises(ValueError, match=r"a is estimated at its edge 1.*RandomWalk"):
        fit(series(noisy, {"1": 1}))


@pytest.mark.parametrize(("arguments", "match"), [
    ({"time": np.arange(10) + 0.5}, "whole numbers"),
    ({"time": [1, 2, 3]}, "time has 3 entries"),
    ({"time": np.r_[np.arange(9), np.nan]}, "missing"),
    ({"time": np.r_[np.arange(9), 10**6]}, "longer step"),
    ({"time": np.zeros(10)}, "at least 3 time points"),
    ({"covariance": RandomWalk(), "X": {"x": np.arange(10)}}, "intercept"),
    ({"covariance": AR1(np.arange(10)), "time": np.arange(10)}, "twice"),
])
def test_bad_series(arguments, match):
    y = np.random.default_rng(0).standard_normal(10)
    with pytest.raises(ValueError, match=match):
        series(y, **{"X": {"1": 1}} | arguments)
    with pytest.raises(ValueError, match="start must be"):
        AR1(start="somewhere")
    with pytest.raises(ValueError, match="one effect at each time"):
        grouped(y, {"1": 1}, {"g": np.arange(10) % 2}, {"g": np.eye(2)[np.arange(10) % 2]}, AR1())


NILE = load("Nile")


@pytest.mark.parametrize("method", METHODS)
def test_nile_as_nlme_fits_it(method):
    # gls with corExp(nugget = TRUE): the marginal model of AR(1) effects plus noise
    result = fit(series(NILE["Flow"], {"(Intercept)": 1}, NILE["Year"]), method)
    (theirs,) = [f for f in recorded_fits("Nile") if f.method == method]
    assert result.log_likelihood == pytest.approx(theirs.log_likelihood, abs=1e-10)
    assert np.sqrt(result.sigma2) == pytest.approx(theirs.sigma, rel=1e-6)
    np.testing.assert_allclose(result.beta, theirs.beta, rtol=1e-8)
    np.testing.assert_allclose(result.theta, theirs.theta, rtol=1e-5)


def test_nile_as_state_space_programs_fit_it():
    result = fit(series(NILE["Flow"], {"(Intercept)": 1}, NILE["Year"], RandomWalk()))
    for theirs in recorded_fits("Nile, random walk"):
        assert np.sqrt(result.sigma2) == pytest.approx(theirs.sigma, rel=1e-5)
        np.testing.assert_allclose(result.theta, theirs.theta, rtol=2e-5)
        if theirs.program.startswith("statsmodels"):  # its diffuse likelihood counts n constants
            assert result.log_likelihood - 0.5 * np.log(2 * np.pi) == pytest.approx(
                theirs.log_likelihood, abs=1e-10)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", [AR1, RandomWalk])
def test_the_head_of_a_series_is_the_series_that_ends_there(kind, method):
    """And a column of X that is 0 in the head is left out."""
    rng = np.random.default_rng(6)
    group, y, x = np.repeat([0, 1, 2], [5, 8, 7]), *rng.standard_normal((2, 20))
    X = {"1": 1, "later": np.arange(20) > 16, "x": x}
    whole = SeriesProfile(grouped(y, X, {"g": group}, covariance=kind()), method)
    short = grouped(y[:15], {"1": 1, "x": x[:15]}, {"g": group[:15]}, covariance=kind())
    end, theta = SeriesProfile(short, method), [0.8, 0.6][: whole.covariance.n_theta]
    phi, a = end._phi(np.array(theta))
    # the log-determinant of X'X is a constant, and of the whole
    constant = whole.log_det_XtX - end.log_det_XtX if method == "REML" else 0.0
    assert whole._value(whole.bands.head(15), phi, a) == pytest.approx(
        end.criterion(theta) + constant, abs=1e-11)
    assert whole._value(whole.bands, phi, a) == pytest.approx(whole.criterion(theta), abs=1e-11)


@pytest.mark.parametrize("small", [1e-8, 1e-5])
def test_a_column_that_is_small_in_the_head_is_kept(small):
    x, late = np.random.default_rng(6).standard_normal(20), np.arange(20) > 8
    for X in ({"x": np.where(late, x, small * x)}, {"1": 1, "x": np.where(late, x, small * x)}):
        bands = SeriesProfile(series(x**2, X)).bands
        assert bands.head(9).data.shape == (9, len(X) + 1)


GRID = {
    "AR1": ([0.1, 0.3, 1, 3, 10], [-0.8, -0.4, 0.2, 0.5, 0.75, 0.9, 0.97, 0.99]),
    "RandomWalk": ([0.01, 0.1, 0.3, 1, 3, 10], [1]),
}


@pytest.mark.parametrize("kind", [AR1, RandomWalk])
def test_the_starts_are_the_lowest_points_of_a_grid(kind, monkeypatch):
    """Of any function, here one of many minima; the deviations are in units of the weights."""
    weight = {"series": {"w": np.array([3.0, 4.0, 5.0, 6.0])}}
    model = grouped(np.arange(4.0) ** 2, ONE, {"series": np.zeros(4)}, weight, covariance=kind())
    profile, values, rng = SeriesProfile(model), {}, np.random.default_rng(3)
    monkeypatch.setattr(profile, "_value", lambda bands, phi, a: values.setdefault(
        (round(np.sqrt(phi * 21.5), 12), a), rng.random()))
    starts = profile.screened([])
    t, a = GRID[kind.__name__]
    assert sorted(values) == [(x, b) for x in t for b in a]
    table = np.array([values[at] for at in sorted(values)]).reshape(len(t), len(a))
    lowest = [(i, j) for i, j in np.ndindex(table.shape)
              if table[i, j] == table[max(i - 1, 0):i + 2, max(j - 1, 0):j + 2].min()]
    lowest.sort(key=lambda at: table[at])
    assert len(lowest) > 1
    want = [[t[i] / np.sqrt(21.5)] + ([np.arctanh(a[j])] if len(a) > 1 else []) for i, j in lowest]
    np.testing.assert_allclose(starts, want, rtol=1e-12)


@pytest.mark.parametrize("unit", [1e-8, -1.0, 1e6])
@pytest.mark.parametrize("quiet", [1.0, 1e-4])
def test_the_starts_of_a_long_series_are_nearly_a_maximum_of_its_head(unit, quiet, monkeypatch):
    """Also where the head is quiet, and all of it on one side of 0."""
    later = np.arange(60) >= 40
    y = unit * np.where(later, 10.0, quiet) * (3 + autoregressive(60, 0.8, 1, 0.5, seed=3))
    profile = SeriesProfile(series(y, {"later": later}))
    short = profile.bands.head(40)
    monkeypatch.setattr("lmmcore.fast.series.SCREEN", 40)
    (start,) = profile.screened([])

    def value(theta):
        return profile._value(short, *profile._phi(theta))

    end = minimize(value, start, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12})
    assert value(start) < end.fun + 1e-3


@pytest.mark.parametrize(("unit", "screen", "later"), [
    (1e-8, 40, 40), (1.0, 40, 40), (1e6, 40, 40), (1.0, 60, 0), (1.0, 4000, 0)])
def test_the_starts_are_of_the_whole_if_it_is_short_or_its_head_is_still(
    unit, screen, later, monkeypatch
):
    noise = np.where(np.arange(60) >= later, autoregressive(60, 0.8, 1, 0.5, seed=3), 0.1)
    profile = SeriesProfile(series(unit * noise, ONE))
    monkeypatch.setattr("lmmcore.fast.series.SCREEN", screen)
    on_the_grid(np.array(profile.screened([])))


def test_a_still_head_is_seen_if_all_that_follows_is_negative(monkeypatch):
    y = -np.where(np.arange(60) >= 40, 9 + autoregressive(60, 0.8, 1, 0.5, seed=3), 0.0)
    y[-2:] = -9
    profile = SeriesProfile(series(y, {"x": np.append(np.zeros(58), [1, -1])}))
    of_the_whole = profile.screened([])
    monkeypatch.setattr("lmmcore.fast.series.SCREEN", 40)
    np.testing.assert_array_equal(profile.screened([]), of_the_whole)


def on_the_grid(starts):
    t, a = GRID["AR1"]
    np.testing.assert_allclose(np.min(np.abs(np.subtract.outer(starts[:, 0], t)), axis=1), 0,
                               atol=1e-12)
    assert set(np.round(np.tanh(starts[:, 1]), 12)) <= set(a)


@pytest.mark.parametrize("seed", range(8))
def test_the_least_favourable_coefficient_of_a_series_without_variance(seed):
    a = np.linspace(-0.9, 0.9, 8)[seed]
    y = lfilter([1.0], [1.0, -a], np.random.default_rng(seed).standard_normal(30))
    model = series(y, ONE)
    ((label, slope, direction),) = SeriesProfile(model).boundary(np.zeros(2))
    (want,) = Profile(model).boundary(np.zeros(2))
    assert (label, slope) == (want.label, pytest.approx(want.slope, rel=1e-9))
    assert direction.shape == (1, 1)


@pytest.mark.parametrize("change", ["step", "silence"])
def test_a_long_series_that_begins_otherwise(change):
    """The starting values come from the head of a series, where a column of X, or y, may be 0."""
    rng = np.random.default_rng(0)
    later = np.arange(9000) >= 5000
    y = 0.6 * lfilter([1.0], [1.0, -0.8], rng.standard_normal(9000)) + rng.standard_normal(9000)
    X = {"later": 1.0 * later} if change == "silence" else {"one": 1, "later": 1.0 * later}
    result = fit(series(y * later if change == "silence" else y, X))
    assert result.converged
    if change == "step":
        assert result.theta[0] == pytest.approx(0.6, abs=0.1)
        assert np.tanh(result.theta[1]) == pytest.approx(0.8, abs=0.1)


def test_deviations_are_measured_in_units_of_the_columns_and_coefficients_are_not():
    columns = np.array([3.0, 4.0, 5.0])
    size = np.sqrt(50 / 3)
    np.testing.assert_allclose(Stationary(5).parameter_scale(columns), [1 / size, 1])
    np.testing.assert_allclose(FreeStart(5).parameter_scale(columns), [1 / size, 1 / size, 1])
    np.testing.assert_allclose(Walk(5).parameter_scale(columns), [1 / size])


def test_only_a_variance_near_zero_is_cut_off():
    columns = np.ones(5)
    for theta in ([-2.0, 0.5], [1e-3, 0.5], [1e-7, 9.0]):
        np.testing.assert_array_equal(
            Stationary(5).truncated(np.array(theta), columns, 1e-5), theta)
    np.testing.assert_array_equal(
        Stationary(5).truncated(np.array([1e-6, 0.5]), columns, 1e-5), [0.0, 0.5])


def test_small_is_what_adds_little_to_the_deviation_of_a_row_with_either_sign():
    """tau/sqrt(1 - a^2), each of two deviations, and tau sqrt(T), times the size of the column."""
    columns, a = np.full(4, 3.0), np.arctanh(0.8)
    for sign in (1.0, -1.0):
        tau = sign * 0.6 * 1e-5 / 3
        for structure, theta, zero in (
            (Stationary(4), [tau, a], [0, a]), (Walk(4), [tau / 1.2], [0]),
            (FreeStart(4), [tau / 0.6, 1.0, 0.8], [0, 1, 0.8]),
            (FreeStart(4), [1.0, tau / 0.6, 0.8], [1, 0, 0.8]),
        ):
            for tolerance, want in ((0.99e-5, theta), (1.01e-5, zero)):
                got = structure.truncated(np.array(theta), columns, tolerance)
                np.testing.assert_array_equal(got, want)


def test_states_are_called_by_their_times_and_series():
    y, X, time = np.arange(5.0) ** 2, {"1": 1}, np.array([9, 7, 8, 4, 5])
    assert series(y, X).terms[0].levels.tolist() == [1, 2, 3, 4, 5]
    for model in (series(y, X, time), series(y, X, covariance=AR1(time))):
        assert model.terms[0].levels.tolist() == [4, 5, 6, 7, 8, 9]
    group = ["b", "b", "b", "a", "a"]
    several = grouped(y, X, {"g": group}, covariance=AR1(time))
    assert several.terms[0].levels.tolist() == ["a:4", "a:5", "b:7", "b:8", "b:9"]


@pytest.mark.parametrize(("off", "refused"), [(1e-7, True), (2e-9, False)])
def test_a_column_that_is_one_but_for_rounding_is_an_intercept(off, refused):
    y, x = np.random.default_rng(0).standard_normal(400), np.where(np.arange(400) % 2, 1, -1)
    arguments = (y, {"x": 1 + off * x}, None, RandomWalk())
    if not refused:
        assert series(*arguments).p == 1
        return
    with pytest.raises(ValueError, match="put an intercept"):
        series(*arguments)


def test_a_coefficient_within_rounding_of_its_edge_is_held_away_from_it():
    for sign in (1.0, -1.0):
        far = Stationary(4).gamma(np.array([1.0, sign * 30.0]))
        np.testing.assert_array_equal(far, Stationary(4).gamma(np.array([1.0, sign * 12.0])))


@pytest.mark.parametrize("kind", [Stationary, FreeStart])
@pytest.mark.parametrize("best", [-0.9, 0.3, 0.9])
def test_a_series_of_variance_0_takes_the_least_favourable_coefficient(kind, best):
    """The slope in a variance, for that a between -0.99 and 0.99 where it is least for its size."""
    structure, free = kind(4), [0.0] * (kind is FreeStart)

    def unit(a):
        return gamma_of(structure, [*free, 1.0, a])

    S = -unit(best)
    point = structure.boundary(np.array([*free, 0.0, 0.3]), S, ())[-1]
    assert point.label == "var(innovation)"
    a = point.direction[3, 2] / point.direction[2, 2]
    np.testing.assert_allclose(point.direction, unit(a), rtol=1e-12, atol=1e-14)
    assert abs(a) < 0.99
    assert point.slope == pytest.approx(np.sum(S * point.direction), rel=1e-12)
    values = [np.sum(S * D) / np.trace(D) for D in map(unit, np.linspace(-0.989, 0.989, 199))]
    least = point.slope / np.trace(point.direction)
    assert least == pytest.approx(np.min(values), abs=0.01 * np.ptp(values))


def test_the_start_of_a_series_may_have_no_variance_and_the_rest_one():
    structure, theta = FreeStart(4), np.array([0.0, 1.2, 0.7])
    S = np.diag([3.0, -1.0, 1.0, -2.0]) + 0.1
    ((label, slope, direction),) = structure.boundary(theta, S, ())
    np.testing.assert_allclose(direction, np.outer(0.7 ** np.arange(4), 0.7 ** np.arange(4)))
    assert (label, slope) == ("var(first)", pytest.approx(np.sum(S * direction), rel=1e-14))
    np.testing.assert_array_equal(structure.with_a(theta, 0.5), [0.0, 1.2, 0.5])


@pytest.mark.parametrize("kind", [Stationary, FreeStart])
def test_searches_begin_with_coefficients_of_both_signs(kind):
    assert {np.sign(start[-1]) for start in kind(4).starts()} == {-1.0, 1.0}


def gamma_of(structure, phi):
    """Gamma from phi, entry by entry: the recursion of variances and covariances in each series."""
    *variances, a = phi if not isinstance(structure, Walk) else (*phi, 1.0)
    tau2 = variances[-1]
    first = {1: 0.0 if isinstance(structure, Walk) else tau2 / (1 - a * a), 2: variances[0]}
    Gamma, begin = np.zeros((structure.size, structure.size)), 0
    for length in structure.lengths:
        for t in range(begin, begin + length):
            Gamma[t, t] = (first[len(variances)] if t == begin
                           else a * a * Gamma[t - 1, t - 1] + tau2)
            for s in range(begin, t):
                Gamma[t, s] = Gamma[s, t] = a * Gamma[t - 1, s]
        begin += length
    return Gamma


@pytest.mark.parametrize(("structure", "theta"), [
    (Stationary(5), [1.3, 0.4]), (Stationary([3, 1, 5]), [0.7, -0.8]),
    (Stationary([2, 4]), [0.7, -0.8]), (FreeStart(4), [0.6, 1.2, 0.9]),
    (FreeStart([2, 5, 1]), [1.6, 0.3, -0.4]), (Walk([4, 1, 3]), [0.8]),
], ids=str)  # fmt: skip
def test_structures_of_series_and_their_derivatives_by_definition(structure, theta):
    theta, h = np.array(theta), 1e-5
    phi, k, r = structure.phi(theta), structure.size, len(theta)
    np.testing.assert_allclose(structure.gamma(theta), gamma_of(structure, phi), rtol=1e-13)
    directions = [(gamma_of(structure, phi + e) - gamma_of(structure, phi - e)) / (2 * h)
                  for e in h * np.eye(r)]
    np.testing.assert_allclose(structure.directions(theta), directions, atol=2e-7)
    derivatives = structure.gamma_derivatives(theta)
    for e, D in zip(h * np.eye(r), derivatives, strict=True):
        quotient = (structure.gamma(theta + e) - structure.gamma(theta - e)) / (2 * h)
        np.testing.assert_allclose(D, quotient, atol=2e-7)
    S = np.random.default_rng(1).standard_normal((k, k))
    S = S + S.T
    bend = [np.einsum("iab,ab->i", structure.gamma_derivatives(theta + e)
                      - structure.gamma_derivatives(theta - e), S) / (2 * h)
            for e in h * np.eye(r)]
    np.testing.assert_allclose(structure.bend(theta, S), bend, atol=1e-6)
    h = 1e-3  # second differences of Gamma in phi, to four digits
    second = [[np.sum(S * (gamma_of(structure, phi + a + b) - gamma_of(structure, phi + a - b)
                           - gamma_of(structure, phi - a + b) + gamma_of(structure, phi - a - b)))
               / (4 * h * h) for b in h * np.eye(r)] for a in h * np.eye(r)]
    np.testing.assert_allclose(structure.bend(theta, S, reported=True), second, rtol=1e-3,
                               atol=1e-3)


def test_what_a_structure_of_series_says_of_itself():
    stationary, free, walk = Stationary([3, 4]), FreeStart([3, 4]), Walk([3, 4])
    assert [repr(s) for s in (stationary, free, walk)] == [
        "Stationary([3, 4])", "FreeStart([3, 4])", "Walk([3, 4])"]
    assert stationary.labels(()) == ["var(innovation)", "a"]
    assert free.labels(()) == ["var(first)", "var(innovation)", "a"]
    assert walk.labels(()) == ["var(innovation)"]
    names, values = free.reported(np.array([2.0, 3.0, 0.5]), ())
    assert names == ("first", "innovation") and values.tolist() == [[4, 0], [0, 9]]
    names, values = stationary.reported(np.array([2.0, 0.5]), ())
    assert names == ("innovation",) and values.tolist() == [[4]]
    names, values = walk.reported(np.array([3.0]), ())
    assert names == ("innovation",) and values.tolist() == [[9]]
    assert np.isnan(stationary.phi(np.array([0.0, 0.5]))[1])
    assert stationary.free(np.array([0.0, 0.5])).tolist() == [False, False]
    assert free.free(np.array([0.0, 2.0, 0.5])).tolist() == [False, True, True]
    assert free.fix_signs(np.array([-1.0, -2.0, -0.5])).tolist() == [1, 2, -0.5]
    assert free.scaled.tolist() == [True, True, False]
    np.testing.assert_array_equal(
        free.truncated(np.array([1e-6, 1.0, 0.5]), np.ones(7), 1e-5), [0.0, 1.0, 0.5])
    columns = np.full(7, 3.0)
    np.testing.assert_allclose(stationary.phi_unit(columns), np.sqrt(7 / 2) * 9)
    np.testing.assert_allclose(free.phi_unit(columns), np.sqrt([2 / 2, 7 / 2]) * np.array(9))
    np.testing.assert_allclose(walk.phi_unit(columns), np.sqrt(7 / 2) * 9)
    np.testing.assert_allclose(walk.truncated(np.array([1e-5 / 6]), columns, 1.01e-5), 0)
    np.testing.assert_allclose(walk.truncated(np.array([1e-5 / 6]), columns, 0.99e-5), 1e-5 / 6)


@pytest.mark.parametrize(("theta", "far"), [(0.5, np.arctanh(1 - 1e-7)), (9.0, 10.0), (-9.0, 10.0)])
def test_the_edges_of_a_series_are_further_out_than_any_estimate(theta, far):
    (up, to_one), (down, to_minus_one) = Stationary(5).edges(np.array([2.0, theta]))
    np.testing.assert_allclose([up, down], [[2.0, far], [2.0, -far]])
    assert "edge 1" in to_one and "edge -1" in to_minus_one
    assert Stationary(5).edges(np.array([0.0, theta])) == []


@pytest.mark.parametrize("kind", [Stationary, FreeStart, Walk])
def test_a_series_has_three_times(kind):
    assert kind([1, 3]).size == 4
    with pytest.raises(ValueError, match="at least 3 time points"):
        kind([2, 2])


@pytest.mark.parametrize("lengths", [[], [0, 3], [[3, 4]]])
def test_lengths_of_series_are_whole_numbers_from_1(lengths):
    with pytest.raises(ValueError, match="whole numbers, at least 1"):
        Stationary(lengths)
