"""The named methods: the second derivatives they use, one step of EM by definition, one maximum."""

import warnings

import numpy as np
import pytest
from exact_likelihood import exact_log_likelihood
from reference_models import ONE, REFERENCES, reference_model, slopes
from scipy.linalg import block_diag

from lmmcore import ConvergenceWarning, GroupedProfile, Profile, definition, fit, grouped
from lmmcore.maximisation import KINDS, default_starts, em_step, parameter_scale

METHODS = pytest.mark.parametrize("method", ["REML", "ML"])
CASES = pytest.mark.parametrize("case", REFERENCES, ids="-".join)
MODELS = pytest.mark.parametrize(("model", "theta"), [
    (slopes(3), [0.7, -0.3, 0.4]),
    (reference_model("Penicillin"), [1.3, 4.0]),
    (reference_model("Pastes"), [3.0, 0.5]),
    (reference_model("sleepstudy_ris_uncorr"), [0.9, 0.2]),
], ids=["slopes", "Penicillin", "Pastes", "uncorrelated"])


@CASES
@pytest.mark.parametrize("optimiser", KINDS)
def test_all_methods_reach_the_same_optimum(case, optimiser):
    name, method = case
    want, model = REFERENCES[case], reference_model(name)
    got = fit(model, method, optimiser)
    assert got.converged
    assert got.optimiser == optimiser
    assert got.log_likelihood == pytest.approx(want["logLik"], abs=1e-9)
    np.testing.assert_allclose(got.theta, list(want["theta"].values()), rtol=1e-8)
    # linear and quadratic convergence are both fast here; without its rate a method is broken
    assert len(got.iterations) <= 16


@CASES
def test_em_reaches_it_slowly_or_says_that_it_does_not(case):
    name, method = case
    want, model = REFERENCES[case], reference_model(name)
    if name == "Dyestuff2":  # its maximum is at 0, where EM never comes
        with pytest.warns(ConvergenceWarning, match="after 100 steps .* EM's steps get small"):
            got = fit(model, method, "em", max_steps=100)
        assert not got.converged
        assert got.theta[0] > 0.01
        assert "NOT CONVERGED after 100 steps" in got.summary()
        return
    got = fit(model, method, "em")
    assert got.converged
    assert len(got.iterations) > 16
    np.testing.assert_allclose(got.theta, list(want["theta"].values()), rtol=1e-8)
    assert np.all(np.diff([point.criterion for point in got.iterations]) < 1e-10)


@METHODS
@MODELS
def test_second_derivatives_are_the_informations_by_definition(method, model, theta):
    theta, profile = np.array(theta), Profile(model, method)
    V = definition.marginal_covariance(model, theta, profile.sigma2(theta))
    dV = definition.covariance_derivatives(model)
    observed = definition.observed_information(model.y, model.X, V, dV, method)
    expected = definition.expected_information(model.X, V, dV, method)
    average = definition.average_information(model.y, model.X, V, dV)
    # d(sigma2, psi)/d(sigma2, theta): psi = sigma2 phi(theta)
    h, phi, s = 1e-6, model.covariance.phi, profile.sigma2(theta)
    slope = np.array([(phi(theta + e) - phi(theta - e)) / (2 * h) for e in h * np.eye(len(theta))])
    jacobian = np.block([[np.ones((1, 1)), np.zeros((1, len(theta)))],
                         [phi(theta)[:, None], s * slope.T]])
    bend = model.covariance.bend(theta, profile.slope(profile.pieces(theta)))  # by the chain rule
    for kind, information in (("expected", expected), ("average", average)):
        full = 2.0 * jacobian.T @ information @ jacobian
        profiled = full[1:, 1:] - np.outer(full[0, 1:], full[0, 1:]) / full[0, 0]
        got = profile.derivatives(theta, kind)[2] - bend
        np.testing.assert_allclose(got, profiled, rtol=1e-7, atol=1e-7 * np.abs(profiled).max())
    assert not np.allclose(expected, observed, rtol=1e-3)


@METHODS
@MODELS
def test_a_step_of_em_is_the_mean_of_conditional_second_moments(method, model, theta):
    theta, profile = np.array(theta), Profile(model, method)
    sigma2 = profile.sigma2(theta)
    L, Z = model.covariance.factor(theta), model.Z.toarray()
    psi, V = sigma2 * L @ L.T, definition.marginal_covariance(model, theta, sigma2)
    P = definition.projection(model.X, V)
    mean = psi @ Z.T @ P @ model.y
    # REML: beta is integrated out, so that its uncertainty is part of the variance
    M = P if method == "REML" else np.linalg.inv(V)
    second = np.outer(mean, mean) + psi - psi @ Z.T @ M @ Z @ psi
    want = []
    for structure, _, rows in model.covariance.placements():
        block = np.mean([second[np.ix_(at, at)] for at in rows], axis=0) / sigma2
        want.append(np.diag(np.diag(block)) if "Diagonal" in repr(structure) else block)
    new = em_step(profile, theta)
    got = [s.gamma(new[part]) for s, part, _ in model.covariance.placements()]
    np.testing.assert_allclose(block_diag(*got), block_diag(*want), rtol=1e-9, atol=1e-12)
    if len(model.terms) == 1:
        np.testing.assert_allclose(em_step(GroupedProfile(model, method), theta), new, rtol=1e-10)
    assert profile.criterion(new) < profile.criterion(theta)


@METHODS
def test_em_cannot_leave_zero(method):
    model = reference_model("Dyestuff")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        stuck = fit(model, method, "em", start=[0.0])
    assert stuck.theta[0] == 0.0
    assert not stuck.converged  # the slope in phi is negative there
    assert fit(model, method, start=[0.0]).theta[0] > 0.5


@METHODS
@pytest.mark.parametrize("optimiser", KINDS)
@pytest.mark.parametrize("spread", [0.0, 0.1, 3.0])
def test_singular_covariances_by_every_method(method, optimiser, spread):
    for seed in range(8):
        model = slopes(seed, groups=6, spread=spread)
        want, got = fit(model, method), fit(model, method, optimiser)
        assert got.converged
        assert got.criterion <= want.criterion + 1e-8
        assert bool(got.boundary) == bool(want.boundary)


def test_large_crossed_models_take_the_average_information():
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 180, 1500), rng.integers(0, 40, 1500)
    y = rng.standard_normal(180)[a] + rng.standard_normal(40)[b] + rng.standard_normal(1500)
    model = grouped(y, ONE, {"a": a, "b": b})
    default = fit(model)
    assert default.optimiser == "average-information"
    for optimiser in KINDS:
        np.testing.assert_allclose(fit(model, "REML", optimiser).theta, default.theta, rtol=1e-8)


def test_the_trace_is_a_table():
    trace = fit(reference_model("Dyestuff")).iterations
    lines = repr(trace).splitlines()
    assert lines[0].split()[:3] == ["step", "theta1", "criterion"]
    assert len(lines) == len(trace) + 1
    assert "<table>" in trace._repr_html_()
    assert len(repr(fit(reference_model("Pastes"), "REML", "em").iterations).splitlines()) == 14


@pytest.mark.parametrize("start", [[1.0, 2.0], [np.nan], 1.0])
def test_bad_start(start):
    with pytest.raises(ValueError, match="start must be 1 finite numbers"):
        fit(reference_model("Dyestuff"), start=start)


def test_unknown_optimiser():
    with pytest.raises(ValueError, match="no optimiser 'bfgs'; there are newton, fisher"):
        fit(reference_model("Dyestuff"), optimiser="bfgs")


@METHODS
@pytest.mark.parametrize("kind", ["intercept", "slopes", "three effects", "crossed"])
def test_no_descent_from_random_starts_finds_more(method, kind):
    for seed in range(6):
        rng = np.random.default_rng(seed)
        model = random_model(kind, seed, rng)
        result = fit(model, method)
        scale = parameter_scale(Profile(model, method))
        for _ in range(4):
            start = scale * rng.standard_normal(len(scale)) * 10 ** rng.uniform(-1, 1)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                other = fit(model, method, start=start)
            assert other.criterion >= result.criterion - 1e-7


def random_model(kind, seed, rng):
    if kind == "intercept":
        g = np.repeat(np.arange(5), rng.integers(1, 9, 5))
        return grouped(rng.standard_normal(len(g)) + rng.standard_normal(5)[g], ONE, g)
    if kind == "crossed":
        a, b = rng.integers(0, 4, 20), rng.integers(0, 5, 20)
        y = rng.standard_normal(20) + rng.standard_normal(5)[b]
        return grouped(y, ONE, {"a": a, "b": b})
    if kind == "slopes":
        return slopes(seed, groups=6, spread=3.0)
    return slopes(seed, groups=8, q=3, spread=0.5)


@pytest.mark.parametrize("seed", [170, 1954, 2401, 3988])
def test_two_maxima_close_in_height(seed):
    """Four groups of four: one maximum inside and one, hardly lower, at a correlation of +-1."""
    y = np.random.default_rng(seed).integers(0, 10, 16)
    x, g = np.tile(np.arange(4), 4), np.repeat(np.arange(4), 4)
    model = grouped(y, {**ONE, "x": x}, {"g": g}, {"g": {**ONE, "x": x}})
    result = fit(model)
    assert result.converged
    for start in ([1, 0, 1], [0.05, 0, 2], [3, -2, 0.05], [3, 2, 0.05], [0.2, 1, 0.1]):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            assert fit(model, start=start).criterion >= result.criterion - 1e-8


@pytest.mark.parametrize("seed", [54, 395])
def test_a_saddle_point_at_0_is_left(seed):
    """The third term's variance passes near 0 on the way, and there its slope in theta is 0."""
    rng = np.random.default_rng(seed)
    g, h, x = rng.integers(0, 12, 70), rng.integers(0, 3, 70), rng.integers(0, 6, 70)
    y = 4 * rng.standard_normal(12)[g] + 1.5 * rng.standard_normal(12)[g] * x
    y = y + 0.3 * rng.standard_normal(3)[h] + rng.standard_normal(70)
    line = {**ONE, "x": x}
    model = grouped(y, line, {"g": g, "h": h}, {"g": line}, {"g": "diagonal"})
    result = fit(model)
    assert result.converged
    assert not result.boundary
    assert result.theta[2] > 0.01
    # from 0 it is set to a size that is seen, and the others stay where they are
    path = np.array([point.theta for point in result.iterations])
    left = np.flatnonzero(path[:, 2] == 0)[-1]
    seen = 0.3 * default_starts(Profile(model))[0][2]
    np.testing.assert_allclose(path[left + 1], [*path[left, :2], seen], rtol=1e-12)


def test_far_covariates_cost_no_digits():
    """Years about 2000, whose effects are independent of the intercepts: Z'Z has lost them."""
    rng = np.random.default_rng(3)
    g, h, year = rng.integers(0, 6, 40), rng.integers(0, 4, 40), 2000.0 + rng.integers(0, 6, 40)
    y = rng.standard_normal(6)[g] + rng.standard_normal(40)
    line = {**ONE, "year": year}
    model = grouped(y, line, {"g": g, "h": h}, {"g": line}, {"g": "diagonal"})
    for method in ("REML", "ML"):
        for theta in ([0.3, 0.0, 0.0], [0.5, 1e-4, 0.3], [0.5, 0.1, 0.3]):
            assert Profile(model, method).log_likelihood(np.array(theta)) == pytest.approx(
                float(exact_log_likelihood(model, theta, method)), abs=1e-10)
