"""AR(1) errors: the definition, the derivatives, nlme's answers, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from lmmcore import AR1, fit, grouped, load, simulate
from lmmcore.fast.errors import DENSE, ErrorsProfile
from lmmcore.profile import Profile
from lmmcore.textbook import definition, identities

METHODS = ("REML", "ML")
RECORDED = json.loads((Path(__file__).parents[1] / "references" / "ar1_errors.json").read_text())


def model_of(name, y=None, order=slice(None)):
    rng = np.random.default_rng(3)
    group, time = np.repeat(np.arange(6), 10), np.tile(np.delete(np.arange(13), [3, 4, 9]), 6)
    X = {"1": 1, "x": rng.standard_normal(60)[order]}
    y = (rng.standard_normal(60) if y is None else y)[order]
    g, t = group[order], time[order]
    return {
        "gls": lambda: grouped(y, X, {}, errors=AR1(t, within=g)),
        "intercept": lambda: grouped(y, X, {"g": g}, errors=AR1(t)),
        "slope": lambda: grouped(y, X, {"g": g}, {"g": X}, errors=AR1(t)),
        "crossed": lambda: grouped(y, X, {"g": g, "h": t % 3}, errors=AR1(t, within=g)),
    }[name]()


CASES = [("gls", [0.6]), ("gls", [-0.5]), ("gls", [3.5]), ("intercept", [0.8, 0.6]),
         ("intercept", [0.0, 0.6]), ("slope", [0.8, 0.1, 0.5, 0.4]), ("crossed", [0.8, 0.3, -0.4])]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("name", "theta"), CASES)
def test_likelihood_and_derivatives_by_definition(name, theta, method):
    model, theta, h = model_of(name), np.array(theta), 1e-5
    profile = ErrorsProfile(model, method)
    W = definition.relative_covariance(model, theta)
    likelihood = (definition.restricted_log_likelihood if method == "REML"
                  else definition.profile_log_likelihood)
    dense = likelihood(model.y, model.X, profile.sigma2(theta) * W)
    assert profile.log_likelihood(theta) == pytest.approx(dense, abs=1e-9)
    _, gradient, hessian = profile.derivatives(theta)
    for j, e in enumerate(np.eye(len(theta))):
        up, down = theta + h * e, theta - h * e
        assert gradient[j] == pytest.approx(
            (profile.criterion(up) - profile.criterion(down)) / (2 * h), abs=2e-7)
        np.testing.assert_allclose(
            hessian[j], (profile.gradient(up) - profile.gradient(down)) / (2 * h),
            rtol=1e-6, atol=1e-6)
    beta, vcov = definition.gls(model.y, model.X, W)
    solution = profile.solution(theta)
    np.testing.assert_allclose(solution.beta, beta, atol=1e-10)
    np.testing.assert_allclose(solution.vcov, vcov, atol=1e-10)


@pytest.mark.parametrize("method", METHODS)
def test_expected_information_by_definition(method):
    model, theta, h = model_of("intercept"), np.array([0.8, 0.6]), 1e-6
    profile, a = ErrorsProfile(model, method), np.tanh(0.6)
    s, W = profile.sigma2(theta), definition.relative_covariance(model, theta)
    dR = [definition.relative_covariance(model, [0.8, np.arctanh(b)]) for b in (a + h, a - h)]
    D = model.covariance.directions(theta)[0]
    dV = [W, s * (model.Z @ (model.Z @ D.T).T), s * (dR[0] - dR[1]) / (2 * h)]
    np.testing.assert_allclose(profile.information(theta, "expected"),
                               definition.expected_information(model.X, s * W, dV, method),
                               rtol=1e-7)


def covariance_and_slopes(model, psi):
    """V and its derivatives in psi = (sigma2, phi, a), from the groups and times of model_of."""
    sigma2, *phi, a = psi
    group, time = np.repeat(np.arange(6), 10), np.tile(np.delete(np.arange(13), [3, 4, 9]), 6)
    same, lag = group[:, None] == group, np.abs(np.subtract.outer(time, time))
    R, slope = np.where(same, a**lag, 0.0), np.where(same, lag * a ** np.maximum(lag - 1, 0), 0.0)
    Z = model.Z.toarray()
    directions = [Z @ E @ Z.T for E in model.covariance.directions(np.zeros(len(psi) - 1))[:-1]]
    W = R + sum(x * D for x, D in zip(phi, directions, strict=True))
    return sigma2 * W, [W, *(sigma2 * D for D in directions), sigma2 * slope]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("name", "theta"), [c for c in CASES if c[1] != [3.5]])
def test_informations_effects_and_boundary_by_definition(name, theta, method):
    model, theta, h = model_of(name), np.array(theta), 1e-6
    profile = ErrorsProfile(model, method)
    s = profile.sigma2(theta)
    psi = np.concatenate([[s], model.covariance.phi(theta)])
    V, dV = covariance_and_slopes(model, psi)
    np.testing.assert_allclose(V, definition.marginal_covariance(model, theta, s), atol=1e-14)
    score = definition.restricted_score if method == "REML" else definition.score
    slopes = [(score(model.y, model.X, *covariance_and_slopes(model, psi + e))
               - score(model.y, model.X, *covariance_and_slopes(model, psi - e))) / (2 * h)
              for e in h * np.eye(len(psi))]
    np.testing.assert_allclose(profile.information(theta), -np.array(slopes), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(profile.information(theta, "expected"),
                               definition.expected_information(model.X, V, dV, method), rtol=1e-9)
    Gamma = model.covariance.factor(theta) @ model.covariance.factor(theta).T
    cross, found = s * model.Z @ Gamma, profile.solution(theta)
    u = cross.T @ definition.projection(model.X, V) @ model.y
    given = Gamma - cross.T @ np.linalg.solve(V, cross) / s
    for effects, conditional, (_, _, rows) in zip(
        found.random_effects, found.conditional, model.covariance.placements,
        strict=True,
    ):
        np.testing.assert_allclose(effects, u[rows], atol=1e-12)
        np.testing.assert_allclose(conditional, [given[np.ix_(at, at)] for at in rows], atol=1e-12)
    points = profile.boundary(theta)
    assert [p.label for p in points] == (["g: var(Intercept)"] if theta[0] == 0 else [])
    for point in points:
        assert point.slope == pytest.approx(-2 * score(model.y, model.X, V, dV)[1], rel=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_information_on_effects_that_follow_each_other_too(method):
    """Gamma is not linear in the coefficient of the effects: their own curvature counts."""
    rng, h = np.random.default_rng(3), 1e-4
    group, time = np.repeat(np.arange(3), 10), np.tile(np.arange(10), 3)
    X, step, z = {"1": 1}, time // 2, rng.standard_normal(30)
    model = grouped(rng.standard_normal(30), X, {"g": group}, {"g": {"z": z}},
                    covariance=AR1(step), errors=AR1(time, within=group))
    theta = np.array([0.8, 0.6, 0.4])
    profile = ErrorsProfile(model, method)
    likelihood = (definition.restricted_log_likelihood if method == "REML"
                  else definition.profile_log_likelihood)
    same = group[:, None] == group
    lag, steps = (np.abs(np.subtract.outer(t, t)) for t in (time, step))

    def value(sigma2, phi, b, a):
        Gamma = phi * b**steps / (1 - b * b) * np.outer(z, z)
        return likelihood(model.y, model.X, sigma2 * np.where(same, a**lag + Gamma, 0.0))

    psi = np.concatenate([[profile.sigma2(theta)], model.covariance.phi(theta)])
    assert profile.log_likelihood(theta) == pytest.approx(value(*psi), abs=1e-9)
    E = h * np.eye(4)
    second = [[(value(*(psi + d + e)) - value(*(psi + d - e)) - value(*(psi - d + e))
                + value(*(psi - d - e))) / (4 * h * h) for d in E] for e in E]
    np.testing.assert_allclose(profile.information(theta), -np.array(second), rtol=1e-4, atol=1e-4)


def test_errors_follow_each_other_within_the_only_factor_whatever_its_effects_are():
    group, time = np.repeat(np.arange(3), 6), np.tile(np.arange(6), 3)
    R = [grouped(time**2.0, {"1": 1}, {"g": group}, {"g": {"z": time + 1.0}}, kind,
                 errors=AR1(time)).errors.correlation(np.array([0.6]))
         for kind in ("unstructured", AR1(time // 2))]
    np.testing.assert_array_equal(*R)


@pytest.mark.parametrize("name", ["intercept", "slope", "crossed"])
def test_the_sizes_of_columns_are_those_of_independent_errors(name):
    model = model_of(name)
    group, time = np.repeat(np.arange(6), 10), np.tile(np.delete(np.arange(13), [3, 4, 9]), 6)
    X = dict(zip(model.names, model.X.T, strict=True))
    plain = {"intercept": lambda: grouped(model.y, X, {"g": group}),
             "slope": lambda: grouped(model.y, X, {"g": group}, {"g": X}),
             "crossed": lambda: grouped(model.y, X, {"g": group, "h": time % 3})}[name]()
    for size, want in zip(ErrorsProfile(model).z_scale, Profile(plain).z_scale, strict=True):
        np.testing.assert_allclose(size, want, rtol=1e-14)


@pytest.mark.parametrize("name", ["gls", "intercept"])
def test_independent_errors_are_coloured_by_the_factor_of_their_correlation(name):
    order = np.random.default_rng(2).permutation(60)
    errors = model_of(name, order=order).errors
    theta, sorted_ = np.array([0.6]), np.ix_(np.argsort(order), np.argsort(order))
    C, R = errors.colour(theta, np.eye(60))[sorted_], errors.correlation(theta)[sorted_]
    np.testing.assert_allclose(C, np.linalg.cholesky(R), atol=1e-14)


def test_the_parameter_of_the_errors_is_the_last_and_moves_no_random_effect():
    model, theta = model_of("intercept"), np.array([0.9, 0.6])
    covariance, errors = model.covariance, model.errors
    assert covariance.n_theta == 2 and [t.name for t in model.terms] == ["g"]
    for derivatives in (covariance.gamma_derivatives(theta), covariance.directions(theta)):
        assert np.any(derivatives[0]) and not np.any(derivatives[1])
    np.testing.assert_allclose(covariance.phi(theta), [0.81, np.tanh(0.6)])
    assert covariance.scaled.tolist() == [True, False]
    assert covariance.null().tolist() == [0, 0]
    assert model_of("gls").covariance.placements == ()
    np.testing.assert_allclose(np.ravel(errors.starts()), np.arctanh([0.3, 0.8, -0.3]))
    assert repr(errors) == "ErrorSeries(60 errors)"


@pytest.mark.parametrize(("theta", "far"), [(0.5, np.arctanh(1 - 1e-7)), (9, 10), (-9, 10)])
def test_the_edges_are_further_out_than_any_estimate(theta, far):
    (up, to_one), (down, to_minus_one) = model_of("gls").errors.edges(np.array([theta]))
    assert (up[0], down[0]) == (pytest.approx(far), pytest.approx(-far))
    assert "edge 1" in to_one and "edge -1" in to_minus_one


def test_many_observations_have_no_expected_information(monkeypatch):
    assert f"is nan beyond {DENSE} observations" in ErrorsProfile.__doc__
    model, theta = model_of("intercept"), np.array([0.8, 0.6])
    monkeypatch.setattr("lmmcore.fast.errors.DENSE", 60)
    full = ErrorsProfile(model).information(theta, "expected")
    monkeypatch.setattr("lmmcore.fast.errors.DENSE", 59)
    cut = ErrorsProfile(model).information(theta, "expected")
    assert np.isnan(cut[2, 2])
    cut[2, 2] = full[2, 2]
    np.testing.assert_array_equal(cut, full)


def test_many_observations_have_no_expected_standard_errors(monkeypatch):
    few = fit(model_of("intercept"))
    monkeypatch.setattr("lmmcore.fast.errors.DENSE", 59)
    many = fit(model_of("intercept"))
    assert many.converged and np.all(np.isnan(many.se_expected))
    np.testing.assert_array_equal(many.se_observed, few.se_observed)
    assert not np.any(np.isnan(few.se_expected))


def test_without_correlation_it_is_the_ordinary_model():
    group = np.repeat(np.arange(6), 10)
    model = model_of("intercept")
    plain = grouped(model.y, dict(zip(model.names, model.X.T, strict=True)), {"g": group})
    assert ErrorsProfile(model).log_likelihood([0.8, 0.0]) == pytest.approx(
        Profile(plain).log_likelihood([0.8]), abs=1e-10)


@pytest.mark.parametrize("recorded", RECORDED["fits"], ids=lambda f: f["model"][:3] + f["method"])
def test_as_nlme_fits_it(recorded):
    data = {name: np.array(column) for name, column in RECORDED["data"].items()}
    groups = {"g": data["g"]} if recorded["model"].startswith("lme") else {}
    result = fit(grouped(data["y"], {"1": 1, "x": data["x"]}, groups,
                         errors=AR1(data["t"], within=data["g"])), recorded["method"])
    assert result.converged
    assert result.log_likelihood == pytest.approx(recorded["log_likelihood"], abs=1e-8)
    assert np.sqrt(result.sigma2) == pytest.approx(recorded["sigma"], rel=1e-5)
    assert result.estimates[-1] == pytest.approx(recorded["a"], rel=1e-5)
    np.testing.assert_allclose(result.beta, recorded["beta"], rtol=1e-6)
    assert result.log_likelihood > recorded["log_likelihood"] - 1e-11
    if groups:  # of tau nlme has five digits, where the likelihood is flat
        assert np.sqrt(result.estimates[1]) == pytest.approx(recorded["tau"], rel=5e-5)


def test_nile_as_nlme_fits_it():
    nile = load("Nile")
    model = grouped(nile["Flow"], {"(Intercept)": 1}, {}, errors=AR1(nile["Year"]))
    # gls(correlation = corAR1()), nlme 3.1.162
    for method, a, sigma2, value in (("ML", 0.506269796804037, 28405.4016751012, -639.952158659229),
                                     ("REML", 0.521758360724756, 29323.093808685,
                                      -635.643260619217)):
        result = fit(model, method)
        assert result.log_likelihood == pytest.approx(value, abs=1e-9)
        np.testing.assert_allclose(result.estimates, [sigma2, a], rtol=1e-6)


def test_simulated_errors_are_correlated_in_every_specification():
    model, theta, sigma2 = model_of("intercept"), [0.8, 0.6], 2.0
    draws = 20000
    V = sigma2 * definition.relative_covariance(model, theta)
    for specification in ("linear", "hierarchical", "marginal"):
        y = simulate(model, [1.0, 2.0], sigma2, theta, 5, draws, specification)
        centred = y[:8] - (model.X @ [1.0, 2.0])[:8, None]
        # the standard error of a covariance of normal variables; 64 entries, 6 of them is enough
        error = np.sqrt((np.outer(np.diag(V), np.diag(V))[:8, :8] + V[:8, :8] ** 2) / draws)
        assert np.all(np.abs(centred @ centred.T / draws - V[:8, :8]) < 6 * error), specification


def test_order_of_the_rows_does_not_matter():
    order = np.random.default_rng(1).permutation(60)
    y = simulate(model_of("intercept"), [1.0, 2.0], 2.0, [0.8, 0.6], seed=5)[:, 0]
    one, other = fit(model_of("intercept", y)), fit(model_of("intercept", y, order))
    np.testing.assert_allclose(one.estimates, other.estimates, rtol=1e-7)
    np.testing.assert_allclose(one.residuals[order], other.residuals, atol=1e-7)
    assert list(one.random_effects) == ["g"]
    assert "errors: a" in one.summary()


def test_what_is_refused():
    model = model_of("intercept")
    with pytest.raises(ValueError, match="correlated"):
        Profile(model)
    with pytest.raises(ValueError, match="correlated"):
        identities.log_det_W(model, [0.8, 0.6])
    with pytest.raises(ValueError, match="newton"):
        fit(model, optimiser="fisher")
    y, g = model.y, np.arange(60) % 2
    with pytest.raises(ValueError, match="same time"):
        grouped(y, {"1": 1}, {}, errors=AR1(np.arange(60) // 2))
    with pytest.raises(ValueError, match="stationary"):
        grouped(y, {"1": 1}, {}, errors=AR1(start="free"))
    with pytest.raises(ValueError, match="several factors"):
        grouped(y, {"1": 1}, {"g": g, "h": np.arange(60) % 3}, errors=AR1())
