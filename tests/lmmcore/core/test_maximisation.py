"""The named methods: the second derivatives they use, one step of EM by definition, one maximum."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.linalg import block_diag

from exact_likelihood import exact_log_likelihood
from lmmcore import (
    AR1,
    ConvergenceWarning,
    Diagonal,
    LinearMixedModel,
    RandomWalk,
    Unstructured,
    fit,
    grouped,
    independent,
    series,
)
from lmmcore.fast.groups import GroupedProfile
from lmmcore.fast.series import SeriesProfile
from lmmcore.maximisation import (
    KINDS,
    _Descent,
    _other_starts,
    em_step,
    minimise,
    moment_start,
)
from lmmcore.profile import Profile
from lmmcore.textbook import definition
from reference_models import ONE, REFERENCES, reference_model, slopes


def starts_of(profile):
    return profile.covariance.starts(profile.z_scale)


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
    bend = model.covariance.bend(theta, profile.slope(theta))  # by the chain rule
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
    for structure, _, rows in model.covariance.placements:
        block = np.mean([second[np.ix_(at, at)] for at in rows], axis=0) / sigma2
        want.append(np.diag(np.diag(block)) if "Diagonal" in repr(structure) else block)
    new = em_step(profile, theta)
    got = [s.gamma(new[part]) for s, part, _ in model.covariance.placements]
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
        profile = Profile(model, method)
        scale = profile.covariance.parameter_scale(profile.z_scale)
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
    seen = 0.3 * starts_of(Profile(model))[0][2]
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


def minque(model):
    """(sigma2, psi) of MINQUE(0), by its equations with n x n matrices."""
    M = np.eye(model.n) - model.X @ np.linalg.pinv(model.X)
    V, e = definition.covariance_derivatives(model), M @ model.y
    return np.linalg.solve([[np.sum(M @ A * (M @ B).T) for B in V] for A in V],
                           [e @ A @ e for A in V])


@pytest.mark.parametrize("model", [
    slopes(2, groups=12), reference_model("Penicillin"), reference_model("Pastes"),
    reference_model("sleepstudy_ris_uncorr"),
], ids=str)
def test_moment_estimates_are_minque_0(model):
    theta = moment_start(Profile(model))
    sigma2, *psi = minque(model)
    np.testing.assert_allclose(model.covariance.phi(theta), np.array(psi) / sigma2, rtol=1e-9)


def test_moment_estimates_of_balanced_data_are_the_fit():
    for name in ("Dyestuff", "Penicillin", "Pastes", "sleepstudy_ris"):
        model = reference_model(name)
        np.testing.assert_allclose(moment_start(Profile(model)), fit(model).theta, rtol=1e-7)


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e3])
def test_moment_estimates_are_moved_inside(unit):
    y, batch = reference_model("Dyestuff2").y, np.arange(30) // 5
    theta = moment_start(Profile(grouped(y, ONE, {"g": batch}, {"g": {"z": unit}})))
    np.testing.assert_allclose(theta, [np.sqrt(0.01) / (np.sqrt(5) * unit)], rtol=1e-12)
    # of a covariance, the eigenvalues where the columns have length 1
    x = unit * np.tile(np.arange(5.0) - 2, 6)
    line, minus = {**ONE, "x": x}, {"g": batch}
    model = grouped(y, line, minus, {"g": line})
    sigma2, *psi = minque(model)
    z = np.array([np.sqrt(5), np.sqrt(10) * unit])
    values, vectors = np.linalg.eigh(np.array([psi[:2], psi[1:]]) / sigma2 * np.outer(z, z))
    assert values[0] < 0.01
    want = (vectors * np.maximum(values, 0.01)) @ vectors.T / np.outer(z, z)
    L = np.array([[1.0, 0], [1, 1]])
    L[np.tril_indices(2)] = moment_start(Profile(model))
    np.testing.assert_allclose(L @ L.T, want, rtol=1e-9, atol=1e-12 / unit**2)


def one_way(left):
    """Six groups of five, whose mean square within groups is this part of the variance of all."""
    within, between = np.tile([-2.0, -1, 0, 1, 2], 6), np.repeat([-1.0, 1, -1, 1, -1, 1], 5)
    squares = 29 * 2.5 / left - 60  # 60 on 24 within, 30 of the pattern between
    return grouped(within + np.sqrt(squares / 30) * between, ONE, {"g": np.arange(30) // 5})


def test_moment_estimates_that_leave_no_errors_are_none():
    assert moment_start(Profile(one_way(0.9e-3))) is None
    theta = moment_start(Profile(one_way(1.1e-3)))
    np.testing.assert_allclose(theta, fit(one_way(1.1e-3)).theta, rtol=1e-7)
    y = np.arange(12.0) ** 2
    assert moment_start(SeriesProfile(series(y, ONE))) is None
    assert moment_start(SeriesProfile(series(y, ONE, covariance=RandomWalk()))) is None
    assert moment_start(Profile(LinearMixedModel(y, np.ones((12, 1))))) is None


def test_starts_side_by_side():
    rng = np.random.default_rng(1)
    y, g, h = rng.standard_normal(60), np.arange(60) % 4, np.arange(60) % 5
    model = grouped(y, ONE, {"g": g, "h": h}, {"h": {"z": 2.0}},
                    {"g": AR1(), "h": "unstructured"})
    profile = Profile(model)
    own = profile.covariance.placements[0].structure.starts()
    scale = profile.covariance.parameter_scale(profile.z_scale)
    assert scale[-1] == pytest.approx(1 / (2 * np.sqrt(12)), rel=1e-14)
    starts = starts_of(profile)
    assert len(starts) == len(own) == 3
    for start, first in zip(starts, own, strict=True):
        np.testing.assert_allclose(start, scale * [*first, 1.0], rtol=1e-14)
    assert len(starts_of(Profile(LinearMixedModel(y, np.ones((60, 1)))))) == 1


def test_a_variance_of_0_in_a_start_is_moved_off():
    model = reference_model("Penicillin")
    profile = Profile(model)
    scale = profile.covariance.parameter_scale(profile.z_scale)
    result = fit(model, start=[0.0, 2.0])
    np.testing.assert_allclose(result.iterations[0].theta, [0.1 * scale[0], 2.0], rtol=1e-14)


class Valley:
    """A profile of two variances, of any criterion, its gradient and its Hessian."""

    m, negligible, z_scale = 10, 0.0, [np.ones(2)]
    covariance = independent(Diagonal(2))

    cheapest = "observed"

    def __init__(self, criterion, gradient, hessian, slopes=(1.0, 1.0)):
        self.criterion, self.at, self.kinds = criterion, (gradient, hessian), []
        self.slopes = slopes

    def derivatives(self, theta, kind):
        self.kinds.append(kind)
        return self.criterion(theta), *(np.array(f(theta), float) for f in self.at)

    def boundary(self, theta):
        return [SimpleNamespace(slope=s) for t, s in zip(theta, self.slopes, strict=True) if t == 0]

    def screened(self, starts):
        return starts


def bowl(at, bend=(2.0, 8.0)):
    at, bend = np.array(at), np.array(bend)
    return Valley(lambda t: float(0.5 * bend @ (t - at) ** 2) + 3, lambda t: bend * (t - at),
                  lambda t: np.diag(bend))


def steps(profile, start, free=(True, True), enough=1e-9, max_steps=50, kind="observed"):
    descent = _Descent(profile, kind, max_steps)
    end = descent._newton(np.array(start), np.array(free), enough)
    return end, [point.theta.tolist() for point in descent.trace]


def test_a_bowl_takes_one_step():
    profile = bowl([1.0, 2.0])
    end, path = steps(profile, [2.0, 1.0], kind="average")
    np.testing.assert_allclose(end, [1, 2], rtol=1e-15)
    assert path == [[2, 1], end.tolist()]
    assert set(profile.kinds) == {"average"}
    end, path = steps(profile, [2.0, 1.0], free=(False, True))
    assert path == [[2, 1], [2, 2]]
    assert steps(profile, [2.0, 1.0], enough=8.1)[1] == [[2, 1]]  # the gradient is (2, -8)
    assert steps(profile, [2.0, 1.0], max_steps=0)[1] == [[2, 1]]


def test_one_step_goes_no_farther_than_the_start_is_large():
    _, path = steps(bowl([300.0, 1.0]), [0.0, 1.0], max_steps=1)
    np.testing.assert_allclose(path[1], [4.0, 1.0], rtol=1e-15)  # twice 1 + |(0, 1)|
    _, path = steps(bowl([5.0, 1.0]), [1.5, 1.0], max_steps=1)
    np.testing.assert_allclose(path[1], [5.0, 1.0], rtol=1e-15)


def test_a_step_that_rises_is_halved():
    # sqrt(1 + x^2) from 2: Newton's step is -10, of which 2 (1 + |(2, 0)|) = 6 and 3 are tried
    profile = Valley(lambda t: np.sqrt(1 + t[0] ** 2),
                     lambda t: [t[0] / np.sqrt(1 + t[0] ** 2), 0],
                     lambda t: np.diag([(1 + t[0] ** 2) ** -1.5, 1]))
    end, path = steps(profile, [2.0, 0.0])
    np.testing.assert_allclose(path[1], [-1, 0], atol=1e-14)
    np.testing.assert_allclose(end, 0, atol=1e-8)


def test_a_step_must_gain_what_its_slope_promises_in_part():
    # x^4 / 4 with a curvature so wrong that the step is to -x (1 + 1e-5): it does not rise
    wrong = Valley(lambda t: abs(t[0]) ** 4 / 4, lambda t: [t[0] ** 3, 0],
                   lambda t: np.diag([0.5 * t[0] ** 2 * (1 + 2.5e-6), 1]))
    _, path = steps(wrong, [1.0, 0.0], max_steps=1)
    assert 0 <= path[1][0] < 0.1


def test_a_saddle_point_is_left_downwards():
    # x^2/2 - y^2/2 + y^4/4: the Newton step is to the saddle at 0
    profile = Valley(lambda t: 0.5 * t[0] ** 2 - 0.5 * t[1] ** 2 + 0.25 * t[1] ** 4,
                     lambda t: [t[0], -t[1] + t[1] ** 3],
                     lambda t: np.diag([1, -1 + 3 * t[1] ** 2]))
    end, _ = steps(profile, [1.0, 0.1])
    np.testing.assert_allclose(end, [0, 1], atol=1e-9)
    end, _ = steps(profile, [1.0, -0.1])
    np.testing.assert_allclose(end, [0, -1], atol=1e-9)


def test_a_step_that_no_digit_shows_is_not_made():
    for distance, made in ((1e-13, 1), (1e-10, 2)):
        _, path = steps(bowl([1.0 + distance, 1.0]), [1.0, 1.0], enough=0.0)
        assert len(path) == made


def test_a_flat_direction_is_no_division_by_0():
    profile = bowl([1.0, 2.0], (4.0, 0.0))
    end, _ = steps(profile, [2.0, 1.0])
    np.testing.assert_allclose(end, [1, 1], atol=1e-14)


def test_small_parameters_are_tried_at_0():
    # the minimum at (1, 0.01) is hardly lower than that at (1, 0), where the slope decides
    for slope, end in ((1.0, 0.0), (0.0, 0.0), (-1.0, 0.01)):
        profile = bowl([1.0, 0.01])
        profile.slopes = 1.0, slope
        descent = _Descent(profile, "observed", 50)
        np.testing.assert_allclose(descent.run(np.array([2.0, 1.0])), [1, end], atol=1e-9)


@pytest.mark.parametrize(("slopes", "end"), [((1, 1), [0, 0]), ((1, -1), [0, 0.01]),
                                             ((-1, -1), [0.02, 0.21])])
def test_a_zero_may_lead_to_another(slopes, end):
    # (x - 0.02)^2 / 2 + (y - 0.01 - 10 x)^2 / 2: with x = 0 y is small, too
    profile = Valley(lambda t: 0.5 * (t[0] - 0.02) ** 2 + 0.5 * (t[1] - 0.01 - 10 * t[0]) ** 2,
                     lambda t: [t[0] - 0.02 - 10 * (t[1] - 0.01 - 10 * t[0]),
                                t[1] - 0.01 - 10 * t[0]],
                     lambda t: np.array([[101, -10], [-10, 1]]), slopes)
    found = _Descent(profile, "observed", 50).run(np.array([1.0, 1.0]))
    np.testing.assert_allclose(found, end, atol=1e-9)


@pytest.mark.parametrize(("optimiser", "limit"), [("newton", 50), ("fisher", 200),
                                                  ("average-information", 200)])
def test_a_descent_without_end_is_broken_off(optimiser, limit):
    slide = Valley(lambda t: -t[0] + 10 * (t[1] - 1) ** 2, lambda t: [-1, 20 * (t[1] - 1)],
                   lambda t: np.diag([1, 20]))
    _, trace = minimise(slide, optimiser)
    assert len(trace) == 1 + 2 * limit  # to a rough minimum, and on to a fine one


def test_gradients_that_are_small_enough():
    profile = bowl([1.0, 1.0])
    for negligible, exact, rough in ((0.0, 0.0, 1e-11), (1e-11, 1e-10, 1e-10)):
        profile.negligible = negligible  # for each of ten observations
        assert _Descent(profile, "observed", 9).enough == pytest.approx(exact, rel=1e-14)
        assert _Descent(profile, "expected", 9).enough == pytest.approx(rough, rel=1e-14)


@pytest.mark.parametrize(("kind", "rate", "goes_on"), [
    ("observed", 0.05, True), ("observed", 0.15, False),
    ("average", 0.85, True), ("average", 0.95, False)])
def test_where_the_criterion_is_all_rounding_the_gradient_must_fall(kind, rate, goes_on):
    flat = Valley(lambda t: 3.0, lambda t: [t[0], 0], lambda t: np.diag([1 / (1 - rate), 1]))
    _, path = steps(flat, [1e-5, 0.0], kind=kind, max_steps=1)
    assert len(path) == 1 + goes_on


@pytest.mark.parametrize(("fall", "goes_on"), [(2e-12, True), (6e-13, False)])
def test_a_fall_that_is_no_rounding(fall, goes_on):
    # rounding is 1e-13 of 3, the criterion, and of 10, the observations
    slide = Valley(lambda t: 3.0 - fall * t[0], lambda t: [-1e-9, 0],
                   lambda t: np.diag([1e-9, 1e-9]))
    _, path = steps(slide, [0.0, 0.0], enough=0.0, max_steps=1)
    assert len(path) == 1 + goes_on


def test_curvatures_of_different_size():
    end, path = steps(bowl([1.0, 2.0], (1.0, 1e-7)), [1.5, 1.5], enough=1e-14)
    assert len(path) == 2
    np.testing.assert_allclose(end, [1, 2], rtol=1e-12)
    # where the largest one is negative, it still says which are none: below 1e-8 of it
    ridge = Valley(lambda t: -4 * t[0] ** 2 - 1e-9 * t[1], lambda t: [-8 * t[0], -1e-9],
                   lambda t: np.diag([-8, 1e-10]))
    _, path = steps(ridge, [0.1, 0.0], max_steps=1)
    np.testing.assert_allclose(path[1], [0.2, 1e-9 / 8e-8], rtol=1e-12)


def test_steps_are_measured_in_units_of_the_effects():
    profile = bowl([300.0, 1.0])
    profile.z_scale = [np.full(2, 4.0)]
    _, path = steps(profile, [0.0, 1.0], max_steps=1)
    np.testing.assert_allclose(path[1], [2 * (1 + 4) / 4, 1.0], rtol=1e-14)
    _, path = steps(bowl([1e6 + 1e-7, 1.0]), [1e6, 1.0], enough=0.0)
    assert len(path) == 1


def test_a_step_that_gains_a_little_is_taken():
    profile = Valley(lambda t: t[0] ** 4 / 4, lambda t: [t[0] ** 3, 0],
                     lambda t: np.diag([1 / 1.98, 1]))
    _, path = steps(profile, [1.0, 0.0], max_steps=1)
    np.testing.assert_allclose(path[1], [-0.98, 0], rtol=1e-12)


def test_em_stops_at_the_first_gradient_that_is_small_enough():
    y, batch = reference_model("Dyestuff").y, np.arange(30) // 5
    lengths = set()
    for unit in (1.0, 1e3):
        trace = fit(grouped(y, ONE, {"g": batch}, {"g": {"z": unit}}), optimiser="em").iterations
        assert trace[-1].max_gradient <= 29e-12 < trace[-2].max_gradient
        lengths.add(len(trace))
    assert max(lengths) - min(lengths) <= 1 and max(lengths) < 1000


@pytest.mark.parametrize("kind", [AR1, RandomWalk])
def test_em_is_refused_for_series(kind):
    y = np.random.default_rng(1).standard_normal(30).cumsum()
    with pytest.raises(ValueError, match="EM is not available for"):
        fit(series(y, ONE, covariance=kind()), optimiser="em")


def test_em_ends_where_newton_does_for_a_random_walk_beside_another_term():
    rng = np.random.default_rng(1)
    g, h, t = np.repeat(np.arange(6), 8), np.arange(48) % 5, np.tile(np.arange(8), 6)
    walk = 0.8 * np.cumsum(rng.standard_normal((6, 8)) * (np.arange(8) > 0), axis=1).ravel()
    y = walk + rng.standard_normal(5)[h] + rng.standard_normal(48)
    model = grouped(y, ONE, {"g": g, "h": h}, covariance={"g": RandomWalk(t)})
    newton, em = fit(model), fit(model, optimiser="em")
    assert newton.converged and em.converged
    np.testing.assert_allclose(em.theta, newton.theta, rtol=1e-6)
    assert em.log_likelihood == pytest.approx(newton.log_likelihood, abs=1e-10)


def other_starts(structures, z, heights, theta, unit):
    """Further starts, for a criterion that is 10 but where ``heights`` has it."""
    def criterion(theta):
        return next((h for at, h in heights if np.allclose(theta, at)), 10.0)

    profile = SimpleNamespace(criterion=criterion, z_scale=[np.array(x) for x in z],
                              covariance=independent(*structures))
    found = _other_starts(profile, np.array(theta), np.array(unit))
    return np.array(found).reshape(-1, len(theta))


def test_terms_are_left_out_one_by_one_and_all_at_once_if_that_is_lower():
    terms = [Diagonal(1), Diagonal(2)], [[1.0], [1.0, 1.0]]
    theta, unit = [3.0, 4, 5], [2.0, 4, 8]  # and 0.025 of these are small
    without = [([0, 4, 5], 9.9), ([3, 0, 0], 9.9), ([0, 0, 0], 9.9), ([3, 0, 5], 16.1)]
    np.testing.assert_allclose(other_starts(*terms, without, theta, unit),
                               [[0.05, 4, 5], [3, 0.1, 0.2], [0.05, 0.1, 0.2]])
    for i in range(3):
        one = [without[i], without[3]]
        assert len(other_starts(*terms, one, theta, unit)) == 1
    assert len(other_starts(*terms, without[3:], theta, unit)) == 0
    # of a term alone, once
    assert len(other_starts([Diagonal(1)], [[1.0]], [([0], 9.0)], [3.0], [2.0])) == 1


def test_from_the_boundary_the_way_leads_inside():
    terms = [Diagonal(1), Diagonal(2)], [[1.0], [1.0, 1.0]]
    found = other_starts(*terms, [([0, 0, 5], 10), ([0, 4, 0], 10)], [0.0, 0, 5], [2.0, 4, 8])
    np.testing.assert_allclose(found, [[6, 0, 5], [0, 12, 24]])


@pytest.mark.parametrize(("z", "left"), [
    ([1.0, 1.0], [3.0, 1.0, 0.0]),  # 3 and 2 on the diagonal of Lambda
    ([1.0, 8.0], [0.0, np.sqrt(5), 0.0]),  # 3 and 16, measured by the columns
])
def test_the_least_direction_of_a_term_is_left_out_if_that_costs_little(z, left):
    theta, left = [3.0, 1.0, 2.0], np.array(left)
    for cost, tried in ((5.9, True), (6.1, False), (-1.0, True)):
        found = other_starts([Unstructured(2)], [z], [(left, 10 + cost)], theta, [2.0, 4, 8])
        want = np.where(left == 0, [0.05, 0.1, 0.2], left)
        np.testing.assert_allclose(found, [want] if tried else np.empty((0, 3)))


def test_of_independent_effects_the_least_is_left_out():
    found = other_starts([Diagonal(2)], [[1.0, 8.0]], [([0, 1], 12.0)], [3.0, 1], [2.0, 4])
    np.testing.assert_allclose(found, [[0.05, 1]])
