"""Profile-likelihood intervals: gradients, closed forms, dense minimisation, and lme4's."""

from types import SimpleNamespace

import numpy as np
import pytest
from reference_models import FITS, ONE, reference_model, slopes
from scipy import stats
from scipy.optimize import approx_fprime, brentq, minimize

from lmmcore import definition, fit, from_groups, grouped
from lmmcore.autoregression import AR1
from lmmcore.intervals import _parameters, parameter_names, profile_intervals

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


MODELS = {
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
    for name in parameter_names(fit(model, "ML")):
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
    assert parameter_names(got) == ["sigma", "sd(Subject: (Intercept))"]
    assert list(got.intervals()) == parameter_names(got)
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
