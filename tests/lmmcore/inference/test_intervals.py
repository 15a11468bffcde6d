"""Profile-likelihood intervals: gradients, closed forms, dense minimisation, and lme4's."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import approx_fprime, brentq, minimize

from lmmcore import fit, from_groups, grouped
from lmmcore.design.series import AR1
from lmmcore.inference.intervals import (
    NUDGE,
    Chart,
    Scale,
    _end,
    _interval,
    _parameters,
    profile_intervals,
)
from lmmcore.profile import Profile
from lmmcore.textbook import definition
from reference_models import FITS, ONE, reference_model, slopes

LME4 = FITS["extra"]["profile_ci"]
CUT = stats.norm.ppf(0.975)


def ours(name, model):
    """lme4's name of a parameter, in our words: sd_Days|Subject, cor_Days.(Intercept)|Subject."""
    if "|" not in name:
        return name
    kind, rest = name.split("_", 1)
    effects, group = rest.split("|")
    return f"{kind}({group}: {', '.join(reversed(effects.split('.')))})"


@pytest.mark.parametrize("name", LME4)
def test_as_lme4(name):
    # lme4 inverts interpolating splines, which is right to about four digits
    model = reference_model(name)
    got = profile_intervals(fit(model, "ML"))
    assert len(got.intervals) == len(LME4[name]["ci"])
    for theirs, ends in LME4[name]["ci"].items():
        interval = got[ours(theirs, model)]
        np.testing.assert_allclose([interval.lower, interval.upper], ends, rtol=2e-4)


def second():
    """Slopes in the second of two terms, and one variance for both effects of the first."""
    rng = np.random.default_rng(3)
    h, g, x = rng.integers(0, 6, 90), np.arange(90) % 15, rng.standard_normal(90)
    line = {"1": 1, "x": x}
    y = rng.standard_normal(6)[h] + x * rng.standard_normal(15)[g] + rng.standard_normal(15)[g]
    return grouped(y + rng.standard_normal(90), line, {"h": h, "g": g}, {"h": line, "g": line},
                   {"h": "identity", "g": "unstructured"})


MODELS = {
    "second": second,
    "slopes": lambda: slopes(3, 25),
    "singular": lambda: slopes(3, 8),
    "three": lambda: slopes(5, 30, q=3),
    "uncorrelated": lambda: reference_model("sleepstudy_ris_uncorr"),
    "crossed": lambda: reference_model("Penicillin"),
    "boundary": lambda: reference_model("Dyestuff2"),
}


@pytest.mark.parametrize("name", MODELS)
def test_gradients(name):
    got = fit(MODELS[name](), "ML")
    rng = np.random.default_rng(1)
    for parameter, make in _parameters(got).items():
        chart = make()
        value = chart.estimate + 0.7 * chart.step
        at = chart.start + 0.3 * chart.unit * rng.uniform(0.2, 1, len(chart.start))
        _, gradient = chart.criterion(value, at)
        numeric = approx_fprime(at, lambda x, v=value, c=chart: c.criterion(v, x)[0],
                                1e-6 * chart.unit)
        np.testing.assert_allclose(gradient * chart.unit, numeric * chart.unit,
                                   atol=1e-4 * (1 + np.abs(gradient * chart.unit).max()),
                                   err_msg=parameter)


@pytest.mark.parametrize("method", ["ML", "REML"])
@pytest.mark.parametrize("name", MODELS)
def test_every_chart_starts_at_the_fit(name, method):
    got = fit(MODELS[name](), method)
    for parameter, make in _parameters(got).items():
        if parameter.startswith("cor(") and name == "boundary":
            continue
        chart = make()
        value, _ = chart.criterion(chart.estimate, chart.start)
        assert value == pytest.approx(got.criterion, abs=1e-8), parameter
        least, _ = chart.least(chart.estimate, chart.start)
        assert least == pytest.approx(got.criterion, abs=1e-6), parameter


def test_sd_and_correlation_are_held_at_their_value():
    # the chart's coordinates, mapped back to a covariance matrix
    got = fit(slopes(5, 30, q=3), "ML")
    for parameter, make in _parameters(got).items():
        if "(" not in parameter:
            continue
        chart = make()
        seen = {}
        cells = dict(zip(chart.criterion.__code__.co_freevars,
                         (c.cell_contents for c in chart.criterion.__closure__), strict=True))
        x = cells["x"]
        original = x.profile.pieces
        x.profile.pieces = lambda theta, seen=seen, f=original: seen.update(theta=theta) or f(theta)
        value = chart.estimate + 0.3 * chart.step
        others = chart.start + 0.2 * chart.unit
        chart.criterion(value, others)
        sigma = np.exp(others[0])
        L = x.profile.covariance.factor(seen["theta"])
        assert np.all(np.triu(L, 1) == 0) and np.all(np.diag(L) >= 0)
        cov = sigma**2 * L @ L.T
        effects = parameter[parameter.index(": ") + 2:-1].split(", ")
        index = [got.model.terms[0].effects.index(e) for e in effects]
        sd = np.sqrt(np.diag(cov))
        held = sd[index[0]] if len(index) == 1 else (cov / np.outer(sd, sd))[tuple(index)]
        assert held == pytest.approx(value, rel=1e-10), parameter


def test_normal_sample_in_closed_form():
    rng = np.random.default_rng(2)
    y = rng.standard_normal(12) + 3
    got = profile_intervals(fit(grouped(y, {"mean": 1}, {}), "ML"))
    n, s2 = 12, np.var(y)
    # n log(1 + (b - mean)^2 / s2) = cutoff^2
    half = np.sqrt(s2 * np.expm1(CUT**2 / n))
    assert got["mean"].lower == pytest.approx(y.mean() - half, rel=1e-8)
    assert got["mean"].upper == pytest.approx(y.mean() + half, rel=1e-8)

    def excess(s):
        return n * np.log(s**2 / s2) + n * (s2 / s**2 - 1) - CUT**2

    assert got["sigma"].lower == pytest.approx(brentq(excess, 0.1, np.sqrt(s2)), rel=1e-8)
    assert got["sigma"].upper == pytest.approx(brentq(excess, np.sqrt(s2), 10), rel=1e-8)


def test_ends_by_dense_minimisation():
    # the definition's likelihood, minimised by a general program with the parameter held there
    model = slopes(3, 25)
    got = fit(model, "ML")
    intervals = profile_intervals(got)

    def criterion(x):
        L = np.array([[x[1], 0], [x[2], x[3]]])
        theta = (L[np.tril_indices(2)] / np.exp(x[0]))[[0, 1, 2]]
        V = definition.marginal_covariance(model, theta, np.exp(2 * x[0]))
        return -2 * definition.log_likelihood(model.y, model.X, x[4:], V)

    held = {
        "sigma": lambda x: np.exp(x[0]),
        "sd(subject: z2)": lambda x: np.hypot(x[2], x[3]),
        "cor(subject: z1, z2)": lambda x: x[2] / np.hypot(x[2], x[3]) * np.sign(x[1]),
        "x2": lambda x: x[5],
    }
    start = np.concatenate([[0.5 * np.log(got.sigma2)], np.sqrt(got.sigma2) * got.theta, got.beta])
    for name, function in held.items():
        for end in (intervals[name].lower, intervals[name].upper):
            found = minimize(criterion, start, method="SLSQP", constraints={
                "type": "eq", "fun": lambda x, f=function, e=end: f(x) - e},
                options={"ftol": 1e-12, "maxiter": 500})
            assert found.fun - got.criterion == pytest.approx(CUT**2, abs=1e-4), name


def test_zeta_is_the_signed_root():
    got = fit(reference_model("sleepstudy_ri"), "ML")
    for interval in profile_intervals(got).intervals.values():
        assert np.all(np.diff(interval.values) > 0)
        assert np.all(np.diff(interval.zeta) > 0)
        at = dict(zip(interval.values, interval.zeta, strict=True))
        assert at[interval.estimate] == 0
        assert at[interval.lower] == pytest.approx(-CUT, abs=1e-7)
        assert at[interval.upper] == pytest.approx(CUT, abs=1e-7)


@pytest.mark.parametrize("method", ["ML", "REML"])
def test_on_the_boundary_an_interval_begins_at_zero(method):
    got = profile_intervals(fit(reference_model("Dyestuff2"), method))
    interval = got["sd(Batch: (Intercept))"]
    assert interval.lower == interval.estimate == 0
    assert interval.at_edge == (True, False)
    assert 0 < interval.upper < 5
    assert interval.zeta[-1] > CUT
    assert "does not reach the cutoff on the lower side" in " ".join(got.summary().split())
    assert "lower side" in got._repr_html_()


@pytest.mark.parametrize("name", ["Dyestuff", "Dyestuff2"])
def test_the_mean_of_one_way_data_in_closed_form(name):
    # with the mean held at b, ML has lambda = sigma2 + m tau2 = SSB(b)/k, if that is above sigma2;
    # for Dyestuff2 it is not at the estimate and is further out, so tau must leave 0 on the way
    got = fit(reference_model(name), "ML")
    table = got.model.y.reshape(6, 5)
    k, m = table.shape
    means = table.mean(axis=1)
    sse = np.sum((table - means[:, None]) ** 2)

    def criterion(b):
        ssb = m * np.sum((means - b) ** 2)
        s2, lam = sse / (k * (m - 1)), ssb / k
        if lam < s2:
            s2 = lam = (sse + ssb) / (k * m)
        return k * (m - 1) * np.log(s2) + k * np.log(lam) + k * m * (1 + np.log(2 * np.pi))

    assert criterion(means.mean()) == pytest.approx(got.criterion, abs=1e-9)
    interval = profile_intervals(got, parameters=["(Intercept)"])["(Intercept)"]
    end = brentq(lambda b: criterion(b) - got.criterion - CUT**2, means.mean(), 2 * means.mean())
    assert interval.upper == pytest.approx(end, rel=1e-8)
    assert interval.lower == pytest.approx(2 * means.mean() - end, rel=1e-8)
    assert (np.sum((means - end) ** 2) * m / k > sse / (k * (m - 1)))


@pytest.mark.parametrize("unit", [-1000, -1e-6])
def test_equivariance(unit):
    model = reference_model("sleepstudy_ris")
    first = profile_intervals(fit(model, "ML"))
    second = profile_intervals(fit(model.with_response(unit * model.y + model.X @ [5, 7]), "ML"))
    for name in first:
        a, b = first[name], second[name]
        ends = [b.lower, b.upper]
        if name.startswith(("sd", "sigma")):
            want = [-unit * a.lower, -unit * a.upper]
        elif name.startswith("cor"):
            want = [a.lower, a.upper]
        else:
            shift = {"(Intercept)": 5, "Days": 7}[name]
            want = [unit * a.upper + shift, unit * a.lower + shift]
        np.testing.assert_allclose(ends, want, rtol=1e-5)


def test_reml_has_covariance_parameters_only():
    got = fit(reference_model("sleepstudy_ri"))
    assert list(got.intervals()) == ["sigma", "sd(Subject: (Intercept))"]
    with pytest.raises(ValueError, match="REML says nothing about coefficients"):
        profile_intervals(got, parameters=["Days"])


def test_a_wider_level_is_a_wider_interval():
    got = fit(reference_model("Dyestuff"), "ML")
    narrow, wide = got.intervals(0.5)["sigma"], got.intervals(0.99)["sigma"]
    assert wide.lower < narrow.lower < narrow.upper < wide.upper
    assert wide.zeta.max() == pytest.approx(stats.norm.ppf(0.995), abs=1)


def test_bad_input():
    got = fit(reference_model("Dyestuff"), "ML")
    with pytest.raises(ValueError, match="level must be between"):
        profile_intervals(got, 95)
    with pytest.raises(ValueError, match="no parameter 'tau'; there are sigma"):
        profile_intervals(got, parameters=["tau"])
    rng = np.random.default_rng(1)
    flat = from_groups([rng.standard_normal(3) for _ in range(4)],
                       [np.ones((3, 1))] * 4, [np.column_stack([np.ones(3), range(3)])] * 4)
    one_zero = fit(grouped(flat.y, ONE, {"g": flat.terms[0].codes},
                           {"g": {"a": 1, "b": flat.terms[0].columns[:, 1]}}), "ML")
    if one_zero.variance_components[0].sd.min() == 0:
        with pytest.raises(ValueError, match="variance 0 has no estimate"):
            profile_intervals(one_zero, parameters=["cor(g: a, b)"])


def test_other_structures_are_refused():
    y = np.random.default_rng(4).standard_normal(24).cumsum()
    got = SimpleNamespace(model=grouped(y, ONE, {"g": np.arange(24) // 8},
                                        covariance={"g": AR1()}), method="ML", converged=True)
    with pytest.raises(ValueError, match="no profile intervals for the structure"):
        profile_intervals(got)


def test_effects_of_one_variance_are_named_together():
    with pytest.raises(ValueError, match=re.escape(
            "there are sigma, sd(h: all), sd(g: 1), sd(g: x), cor(g: 1, x)")):
        profile_intervals(fit(second()), parameters=["none"])
    y, batch = reference_model("Dyestuff").y, np.arange(30) // 5
    plain, identity = (fit(grouped(y, ONE, {"g": batch}, None, kind), "ML")
                       for kind in ("unstructured", "identity"))
    name = "sd(g: (Intercept))"
    one, other = (profile_intervals(f, parameters=[name])[name] for f in (plain, identity))
    np.testing.assert_allclose([other.lower, other.upper], [one.lower, one.upper], rtol=1e-8)


def test_a_hint_goes_with_coefficients_alone():
    with pytest.raises(ValueError, match="no parameter 'tau'; there are sigma") as told:
        profile_intervals(fit(reference_model("Dyestuff")), parameters=["tau"])
    assert "REML says nothing" not in str(told.value)
    with pytest.raises(ValueError, match="level must be between"):
        profile_intervals(fit(reference_model("Dyestuff")), 1)


def test_coordinates_are_log_sigma_and_theta_in_their_units():
    got = fit(second())
    profile = Profile(got.model)
    x = Scale(got, profile)
    np.testing.assert_allclose(x.unit[1:], np.concatenate(
        [s.parameter_scale(z) for (s, _, _), z in
         zip(profile.covariance.placements, profile.z_scale, strict=True)]))
    assert not x.even[0] and np.all(x.even[1:])


def test_ranges_and_rough_standard_errors():
    got = fit(grouped(np.random.default_rng(2).standard_normal(12), ONE, {}), "ML")
    chart = _parameters(got)["sigma"]()
    # the delta method, from the standard error of sigma2
    assert chart.step == pytest.approx(got.se_expected[0] / (2 * np.sqrt(got.sigma2)), rel=1e-12)
    ranges = {name: make().range for name, make in _parameters(fit(second(), "ML")).items()}
    assert ranges["sigma"] == ranges["sd(h: all)"] == ranges["sd(g: x)"] == (0, np.inf)
    assert ranges["cor(g: 1, x)"] == (-1, 1)
    assert ranges["x"] == (-np.inf, np.inf)


@pytest.mark.parametrize("name", ["Dyestuff", "Dyestuff2"])
def test_the_first_step_of_a_standard_deviation_has_its_units(name):
    y, batch = reference_model(name).y, np.arange(30) // 5

    def step(response, effect):
        got = fit(grouped(response * y, ONE, {"g": batch}, {"g": {"z": effect}}))
        return next(make() for n, make in _parameters(got).items() if n.startswith("sd")).step

    assert step(1e-3, 1e2) == pytest.approx(1e-5 * step(1.0, 1.0), rel=1e-6)


def test_a_minimum_is_looked_for_from_the_start_moved_off_0():
    seen, unit = [], np.array([2.0, 4, 5, 0.5, 3, 1])
    start = np.array([0.0, -0.01, 0.02, -4, 8, 0])
    even = np.array([True] * 5 + [False])

    def criterion(value, x):
        seen.append(x.copy())
        return float(x @ x), 2 * x

    Chart(0.0, 1.0, (0, 1), start, unit, even, criterion).least(0.0, start)
    off = NUDGE * unit
    np.testing.assert_allclose(seen[0], [off[0], -off[1], off[2], -4, 8, 0], rtol=1e-14)


def test_a_minimum_is_found_to_rounding_in_a_bent_valley():
    def rosenbrock(value, x):
        a, b = x[0] - value, x[1] - x[0] ** 2
        return a**2 + 100 * b**2, np.array([2 * a - 400 * x[0] * b, 200 * b])

    start = np.array([-1.2, 1.0])
    chart = Chart(1.0, 1.0, (0, 1), start, np.ones(2), np.zeros(2, bool), rosenbrock)
    least, at = chart.least(1.0, start)
    assert least < 1e-12
    np.testing.assert_allclose(at, 1.0, atol=1e-5)


def line(estimate=0.0, step=1.0, edges=(-np.inf, np.inf), zeta=lambda x: x):
    """A chart without other parameters, whose zeta is that of the distance from the estimate."""
    def criterion(value, free):
        assert edges[0] <= value <= edges[1]
        return zeta(value - estimate) ** 2, free

    none = np.zeros(0)
    return Chart(estimate, step, edges, none, none, none, criterion)


@pytest.mark.parametrize("cutoff", [0.01, 1.96])
@pytest.mark.parametrize("step", [0.06, 1.0, 100.0])
def test_steps_grow_threefold_at_most_and_to_half_the_cutoff(cutoff, step):
    for side in (-1, 1):
        points = {5.0: 0.0}
        end, at_edge = _end(line(5.0, step * cutoff), 0.0, np.zeros(0), side, side * np.inf, cutoff,
                            points)
        assert (end, at_edge) == (pytest.approx(5 + side * cutoff, rel=1e-8), False)
        # the points from which the end is bracketed come first
        outwards = np.abs(np.array(list(points)) - 5) / cutoff
        first = int(np.argmax(outwards > 1)) + 1
        steps = np.diff(outwards[:first])
        assert steps[0] == pytest.approx(0.5 * step, rel=1e-6)
        want = [steps[0]]
        while sum(want) < 1:
            want.append(max(want[-1], min(3 * want[-1], 0.5)))
        np.testing.assert_allclose(steps, want, rtol=1e-6)


@pytest.mark.parametrize(("estimate", "step"), [(0.0, 5.0), (-5.0, 10.0), (-5.0, 0.3), (3.0, 0.1)])
def test_ends_of_any_sign_are_found(estimate, step):
    interval = _interval("x", line(estimate, step), 0.95, CUT)
    assert (interval.lower, interval.upper) == pytest.approx((estimate - CUT, estimate + CUT),
                                                             rel=1e-8)
    assert interval.at_edge == (False, False)


def test_a_profile_that_stays_low_has_no_end():
    interval = _interval("x", line(2.0, 0.5, zeta=np.tanh), 0.95, CUT)
    assert (interval.lower, interval.upper) == (-np.inf, np.inf)
    assert interval.at_edge == (True, True)
    assert np.all(np.abs(interval.values - 2) <= 60 * 0.5)
    assert interval.values[0] < -5 and interval.values[-1] > 9


def test_nothing_is_asked_beyond_an_edge():
    interval = _interval("x", line(1.0, 0.4, (0.3, 1.7)), 0.95, CUT)
    assert (interval.lower, interval.upper) == (0.3, 1.7)
    assert interval.at_edge == (True, True)
    np.testing.assert_allclose(interval.zeta[[0, -1]], [-0.7, 0.7], rtol=1e-12)
    assert _interval("x", line(0.3, 0.4, (0.3, 9.0)), 0.95, CUT).at_edge == (True, False)


@pytest.mark.parametrize("step", [9.0, 0.5])
def test_minimisations_begin_where_the_last_one_ended(step):
    """But within a bracket that begins at the estimate they begin there, and not at its far end."""
    asked = []

    def least(value, start):
        asked.append((value, float(start[0])))
        return value**2, np.array([value])

    _end(SimpleNamespace(estimate=0.0, step=step, least=least), 0.0, np.array([0.0]), 1, np.inf,
         CUT, {0.0: 0.0})
    first = next(i for i, (value, _) in enumerate(asked) if value > CUT)
    begins = [value for value, _ in asked[:-1]]
    if step == 9:
        begins[first] = 0.0
    np.testing.assert_array_equal([start for _, start in asked[1:]], begins)
