"""Likelihood ratio tests: what is nested in what, mixtures, the exact null, and the bootstrap."""

import inspect
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lmmcore import (
    LinearMixedModel,
    RandomWalk,
    ScaledIdentity,
    fit,
    grouped,
    load,
    series,
    simulate,
)
from lmmcore.inference.bootstrap import Bootstrap, BootstrapTest, bootstrap, bootstrap_test
from lmmcore.inference.exact_null import (
    ExactTest,
    _highest,
    eigenvalues,
    exact_test,
    null_distribution,
)
from lmmcore.inference.likelihood_ratio import (
    LikelihoodRatioTest,
    Nesting,
    _spans,
    check_nested,
    likelihood_ratio_test,
    mixture_tail,
    mixture_weights,
)
from lmmcore.tables import number, probability
from lmmcore.textbook import definition
from lmmcore.textbook.one_variance import spectrum
from reference_models import ONE, reference_model, slopes

SLEEP = load("sleepstudy")
DAYS = {"(Intercept)": 1, "Days": SLEEP["Days"]}


def sleep(X, Z=None, kind="unstructured", method="REML", groups=True):
    factor = {"Subject": SLEEP["Subject"]} if groups else {}
    Z = {"Subject": Z} if Z and groups else None
    return fit(grouped(SLEEP["Reaction"], X, factor, Z, kind), method)


@pytest.fixture(scope="module")
def sleeps():
    three = DAYS | {"D2": SLEEP["Days"] ** 2}
    return {
        "lm": sleep(DAYS, groups=False), "intercept": sleep(DAYS), "slopes": sleep(DAYS, DAYS),
        "uncorrelated": sleep(DAYS, DAYS, "diagonal"), "three": sleep(DAYS, three),
        "slope only": sleep(DAYS, {"Days": SLEEP["Days"]}),
        "ml lm": sleep(DAYS, method="ML", groups=False), "ml mean": sleep(ONE, method="ML"),
        "ml line": sleep(DAYS, method="ML"), "ml slopes": sleep(DAYS, DAYS, method="ML"),
        "ml bend": sleep(three, DAYS, method="ML"),
    }


@pytest.mark.parametrize(("small", "large", "added", "weights"), [
    ("lm", "intercept", (0, 1, 0), {0: 0.5, 1: 0.5}),
    ("lm", "slope only", (0, 1, 0), {0: 0.5, 1: 0.5}),
    ("intercept", "slopes", (0, 1, 1), {1: 0.5, 2: 0.5}),
    ("slope only", "slopes", (0, 1, 1), {1: 0.5, 2: 0.5}),
    ("intercept", "uncorrelated", (0, 1, 0), {0: 0.5, 1: 0.5}),
    ("uncorrelated", "slopes", (0, 0, 1), {1: 1.0}),
    ("slopes", "three", (0, 1, 2), {2: 0.5, 3: 0.5}),
    ("ml mean", "ml line", (1, 0, 0), {1: 1.0}),
    ("ml mean", "ml slopes", (1, 1, 1), {2: 0.5, 3: 0.5}),
    ("ml line", "ml bend", (1, 1, 1), {2: 0.5, 3: 0.5}),
])
def test_what_is_added(sleeps, small, large, added, weights):
    a, b = sleeps[small], sleeps[large]
    assert check_nested(a, b) == Nesting(*added)
    assert mixture_weights(Nesting(*added)) == weights
    if small == "slopes":  # the quadratic's covariance is singular, but the smaller model's is not
        assert not a.boundary
    result = likelihood_ratio_test(a, b)
    gain = 2 * (b.log_likelihood - a.log_likelihood)
    assert result.statistic == pytest.approx(gain)
    p = sum(w * (stats.chi2.sf(gain, d) if d else 0) for d, w in weights.items())
    assert result.p == pytest.approx(p)


def test_the_recorded_sleepstudy_test():
    # from the log likelihoods of tests/references/fits.json: 2 (l_slopes - l_intercept)
    gain = fit(reference_model("sleepstudy_ri")).criterion \
        - fit(reference_model("sleepstudy_ris")).criterion
    assert mixture_tail(gain, {1: 0.5, 2: 0.5}) == pytest.approx(
        0.5 * stats.chi2.sf(gain, 1) + 0.5 * np.exp(-gain / 2), rel=1e-12)


def test_a_mass_at_zero():
    assert mixture_tail(0.0, {0: 0.5, 1: 0.5}) == 1
    assert mixture_tail(1e-300, {0: 0.5, 1: 0.5}) == pytest.approx(0.5)
    assert mixture_tail(stats.chi2.ppf(0.9, 1), {0: 0.5, 1: 0.5}) == pytest.approx(0.05)


def other_response(result):
    return fit(result.model.with_response(result.model.y[::-1]), result.method)


@pytest.mark.parametrize(("small", "large", "words"), [
    ("intercept", "ml slopes", "one fit is by REML, the other by ML"),
    ("slopes", "intercept", "not nested: the larger has no term"),
    ("slopes", "uncorrelated", "not nested: the larger has no term"),
    ("ml bend", "ml slopes", "fixed effects of the smaller"),
    ("slopes", "slopes", "the two models are the same"),
    ("lm", "slopes", "2 variances are 0 under the null"),
    ("intercept", "three", "2 variances are 0 under the null"),
])
def test_refused(sleeps, small, large, words):
    with pytest.raises(ValueError, match=words):
        likelihood_ratio_test(sleeps[small], sleeps[large])


def test_refused_data(sleeps):
    with pytest.raises(ValueError, match="different responses"):
        likelihood_ratio_test(sleeps["intercept"], other_response(sleeps["slopes"]))
    with pytest.raises(ValueError, match="different X"):
        likelihood_ratio_test(sleep(ONE), sleeps["slopes"])
    # the same space, but another density: REML differs by log|X'X|
    with pytest.raises(ValueError, match="different X"):
        likelihood_ratio_test(sleep({"1": 1, "week": SLEEP["Days"] / 7}), sleeps["slopes"])
    ml = sleep({"1": 1, "week": SLEEP["Days"] / 7}, method="ML")
    assert likelihood_ratio_test(ml, sleeps["ml slopes"]).statistic > 0
    shuffled = np.roll(SLEEP["Subject"], 5)
    with pytest.raises(ValueError, match="not nested: the larger has no term"):
        likelihood_ratio_test(fit(grouped(SLEEP["Reaction"], DAYS, {"Subject": shuffled})),
                              sleeps["slopes"])
    bare = reference_model("sleepstudy_ris")
    bare = LinearMixedModel(bare.y, bare.X, bare.Z, bare.covariance)
    with pytest.raises(ValueError, match="by their matrices alone"):
        likelihood_ratio_test(sleeps["intercept"], fit(bare))
    stopped = SimpleNamespace(**{**sleeps["slopes"].__dict__, "converged": False})
    with pytest.raises(ValueError, match="did not converge"):
        likelihood_ratio_test(sleeps["intercept"], stopped)
    low = SimpleNamespace(**{**sleeps["slopes"].__dict__, "criterion": 1e6})
    with pytest.raises(ValueError, match="was not found"):
        likelihood_ratio_test(sleeps["intercept"], low)


def test_a_larger_model_may_be_worse_by_rounding_only(sleeps):
    small, large = sleeps["intercept"], sleeps["slopes"]
    def worse(gap):
        return SimpleNamespace(**{**large.__dict__, "criterion": small.criterion + gap})
    assert likelihood_ratio_test(small, worse(5e-8)).statistic == 0
    with pytest.raises(ValueError, match="was not found"):
        likelihood_ratio_test(small, worse(2e-7))


@pytest.mark.parametrize(("nesting", "cells", "remark"), [
    (Nesting(0, 1, 1), "0 1 1 6 0.5 chi2(1) + 0.5 chi2(2) 0.032",
     "chi2(2) alone would give 0.0498."),
    (Nesting(0, 1, 0), "0 1 0 6 0.5 chi2(0) + 0.5 chi2(1) 0.00715",
     "chi2(1) alone would give 0.0143."),
    (Nesting(2, 0, 1), "2 0 1 6 chi2(3) 0.112", None),
])
def test_a_test_in_print(nesting, cells, remark):
    lines = LikelihoodRatioTest("ML", (10.0, 4.0), nesting).summary().splitlines()
    assert lines[0] == "Likelihood ratio test, both models fit by ML"
    assert lines[4].split() == cells.split()
    assert " ".join(lines[5:]).endswith(remark) if remark else len(lines) == 5


@pytest.mark.parametrize("unit", [1e-12, 1.0, 1e12])
def test_which_columns_are_combinations_of_others(unit):
    x, z = np.arange(40.0), np.tile([1.0, -1.0, -1.0, 1.0], 10) / np.sqrt(40)
    X = np.column_stack([np.ones(40), 1e6 * x])
    v = (2 - 3 * x) / np.linalg.norm(2 - 3 * x)  # z is orthogonal to X, and as long as v
    columns = unit * np.column_stack([v, v + 5e-9 * z])
    assert _spans(X, columns)
    assert not _spans(X, unit * np.column_stack([v, v + 2e-8 * z]))
    assert not _spans(X, unit * z[:, None])


def test_a_null_model_on_the_boundary_is_refused():
    data = load("Dyestuff2")
    rng = np.random.default_rng(1)
    other = rng.permutation(30) % 10
    factors = {"other": other, "Batch": data["Batch"]}
    small = fit(grouped(data["Yield"], ONE, {"Batch": data["Batch"]}))
    large = fit(grouped(data["Yield"], ONE, factors))
    with pytest.raises(ValueError, match=r"estimates Batch: var\(Intercept\) as 0"):
        likelihood_ratio_test(small, large)
    assert bootstrap_test(small, large, 10, seed=1).p <= 1


def test_levels_may_have_other_names():
    a = sleep(DAYS)
    b = fit(grouped(SLEEP["Reaction"], DAYS, {"person": np.char.add("p", SLEEP["Subject"])},
                    {"person": DAYS}))
    assert check_nested(a, b) == Nesting(0, 1, 1)


def test_identity_and_crossed_terms():
    data = load("Penicillin")
    y, plate, sample = data["diameter"], data["plate"], data["sample"]
    one = fit(grouped(y, ONE, {"plate": plate}))
    both = fit(grouped(y, ONE, {"sample": sample, "plate": plate}))
    assert check_nested(one, both) == Nesting(0, 1, 0)
    identity = sleep(DAYS, DAYS, "identity")
    # one variance for both effects: a second is not 0 under the null hypothesis, but equal
    assert check_nested(identity, sleep(DAYS, DAYS)) == Nesting(0, 0, 2)
    assert check_nested(identity, sleep(DAYS, DAYS, "diagonal")) == Nesting(0, 0, 1)
    with pytest.raises(ValueError, match="not nested"):
        check_nested(sleep(DAYS), identity)


def test_one_variance_for_all_effects_of_a_term(sleeps):
    both = sleep(DAYS, DAYS, "identity")
    assert check_nested(sleeps["lm"], both) == Nesting(0, 1, 0)
    assert check_nested(both, sleeps["slopes"]) == Nesting(0, 0, 2)
    assert check_nested(sleep(DAYS, ONE, "identity"), sleeps["slopes"]) == Nesting(0, 1, 1)


def test_the_mixture_of_stram_and_lee_by_simulation():
    # random intercepts are true; the gain from slopes is 1/2 chi2_1 + 1/2 chi2_2 in the limit
    x = np.tile(np.linspace(-1, 1, 6), 60)
    g = np.repeat(np.arange(60), 6)
    X = {"1": 1, "x": x}
    model = grouped(np.arange(360.0) % 7, X, {"g": g})
    draws = 800
    responses = simulate(model, [0, 0], 1.0, [0.8], seed=2, size=draws).T
    larger = grouped(model.y, X, {"g": g}, {"g": X})
    gains = np.array([fit(model.with_response(y)).criterion - fit(larger.with_response(y)).criterion
                      for y in responses])
    # Kolmogorov: P(distance > d) <= 2 exp(-2 n d^2), here 1e-6
    bound = np.sqrt(np.log(2e6) / (2 * draws))

    def distance(weights):
        at = np.sort(gains)
        tail = np.array([mixture_tail(t, weights) for t in at])
        return np.max(np.abs(tail - (1 - np.arange(draws) / draws)))

    assert distance(mixture_weights(Nesting(0, 1, 1))) < bound
    assert distance({2: 1.0}) > bound
    assert distance({0: 0.5, 1: 0.5}) > bound


@pytest.mark.parametrize("method", ["REML", "ML"])
@settings(max_examples=15, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6))
def test_exact_statistic_is_that_of_two_fits(method, seed):
    rng = np.random.default_rng(seed)
    g = np.append(rng.integers(0, 6, 24), np.arange(6))
    X = {"1": 1, "x": rng.standard_normal(30)}
    y = rng.standard_normal(30) + rng.choice([0, 1.5]) * rng.standard_normal(6)[g]
    small, large = (fit(grouped(y, X, f), method) for f in ({}, {"g": g}))
    Z = large.model.Z.toarray()
    lam, square = spectrum(y, large.model.X, Z @ Z.T)
    m = 28 if method == "REML" else 30
    values = lam if method == "REML" else np.linalg.eigvalsh(Z.T @ Z)
    got = _highest(square[None], lam, m, values, np.ones(len(values)))[0]
    assert got == pytest.approx(small.criterion - large.criterion, abs=1e-7)
    mu, times, xi = eigenvalues(large.model)
    np.testing.assert_allclose(np.sort(np.repeat(mu, times)), np.sort(lam), atol=1e-9)
    np.testing.assert_allclose(xi, np.linalg.eigvalsh(Z.T @ Z), atol=1e-9)


@pytest.mark.parametrize("method", ["REML", "ML"])
def test_exact_null_of_balanced_groups_is_that_of_F(method):
    k, m, draws = 6, 5, 20_000
    model = reference_model("Dyestuff")
    null = null_distribution(model, method, draws, seed=3)
    cut = 1 if method == "REML" else k / (k - 1)
    p0 = stats.f.cdf(cut, k - 1, k * (m - 1))
    assert abs(np.mean(null == 0) - p0) < 5.5 * np.sqrt(p0 * (1 - p0) / draws)
    # above 0 the statistic rises with F: its 95 % quantile is that of F
    F = stats.f.ppf(0.95, k - 1, k * (m - 1))
    b, w = (k - 1) * F, k * (m - 1.0)  # SSB and SSE, for SSE / df = 1
    d, n = (k - 1, k * m - 1) if method == "REML" else (k, k * m)
    quantile = n * np.log((b + w) / n) - d * np.log(b / d) - (n - d) * np.log(w / (n - d))
    beyond = np.mean(null > quantile)
    assert abs(beyond - 0.05) < 5.5 * np.sqrt(0.05 * 0.95 / draws)


def test_exact_test_of_dyestuff():
    model = reference_model("Dyestuff")
    none = grouped(model.y, ONE, {})
    small, large = fit(none), fit(model)
    result = exact_test(small, large, 20_000, seed=1)
    table = model.y.reshape(6, 5)
    F = stats.f_oneway(*table)
    assert result.statistic == pytest.approx(small.criterion - large.criterion)
    assert abs(result.p - F.pvalue) < 5.5 * result.p_se  # the two tests order samples alike
    assert "Exact likelihood ratio test" in str(result) and "<table>" in result._repr_html_()
    again = exact_test(small, large, 20_000, seed=1)
    np.testing.assert_array_equal(result.draws, again.draws)
    with pytest.raises(ValueError, match="is for one variance"):
        exact_test(sleep(DAYS), sleep(DAYS, DAYS), seed=1)
    with pytest.raises(ValueError, match="with 3 covariance parameters"):
        null_distribution(reference_model("sleepstudy_ris"), seed=1)
    with pytest.raises(ValueError, match="whose effects depend on each other"):
        null_distribution(series(model.y, {"1": 1}, np.arange(30), RandomWalk()), seed=1)
    with pytest.raises(ValueError, match="method must be"):
        null_distribution(model, "reml", seed=1)
    with pytest.raises(ValueError, match="draws must be"):
        exact_test(small, large, 0, seed=1)
    assert len(exact_test(small, large, 1, seed=1).draws) == 1


def test_the_exact_test_is_for_one_variance_and_nothing_else(sleeps):
    for small, large in (("lm", "slopes"), ("intercept", "uncorrelated")):
        with pytest.raises(ValueError, match="the smaller model has no random effects"):
            exact_test(sleeps[small], sleeps[large], seed=1)
    mean = sleep(ONE, method="ML", groups=False)
    with pytest.raises(ValueError, match="the smaller model has no random effects"):
        exact_test(mean, sleeps["ml line"], seed=1)


def test_bootstrap():
    result = fit(reference_model("Dyestuff"), "ML")
    boot = bootstrap(result, 200, seed=1)
    assert isinstance(boot, Bootstrap)
    np.testing.assert_array_equal(boot.draws, bootstrap(result, 200, seed=1).draws)
    assert boot.names == ("(Intercept)", "sigma", "sd(Batch: (Intercept))")
    assert boot.failed == 0
    y = simulate(result.model, result.beta, result.sigma2, result.theta, 1, 200)[:, 7]
    refit = fit(result.model.with_response(y), "ML")
    np.testing.assert_allclose(boot.draws[7], [refit.beta[0], np.sqrt(refit.sigma2),
                                               refit.variance_components[0].sd[0]], rtol=1e-12)
    assert boot.boundary == np.sum(boot.draws[:, 2] == 0) > 0
    np.testing.assert_allclose(boot.intervals(0.9), np.quantile(boot.draws, [0.05, 0.95], 0).T)
    np.testing.assert_allclose(boot.se, boot.draws.std(axis=0, ddof=1))
    np.testing.assert_allclose(boot.bias, boot.draws.mean(axis=0) - boot.estimates)
    # Var(beta) = (sigma2 + m tau2) / n for a balanced design
    assert boot.se[0] == pytest.approx(result.se[0], rel=5 / np.sqrt(400))
    assert "refits have a variance at 0" in str(boot) and "<table>" in boot._repr_html_()


def test_a_bootstrap_in_print():
    result = fit(reference_model("Dyestuff"))
    draws = np.column_stack([np.arange(11.0), np.full(11, 2.0), np.arange(0.0, 22, 2)])
    boot = Bootstrap(result, ("a", "b", "c"), np.array([4.0, 2.5, 9.0]), draws, 0, 0, 0.8)
    assert [line.split() for line in boot.summary().splitlines()] == [
        "Parametric bootstrap, 11 refits by REML".split(), [],
        "Parameters, 80 % percentile intervals:".split(),
        "Estimate bias Std.Err. lower upper".split(),
        "a 4 1 3.3166 1 9".split(), "b 2.5 -0.5 0 2 2".split(), "c 9 1 6.6332 2 18".split(),
    ]  # fmt: skip
    test = BootstrapTest("REML", 2.0, np.array([0.0, 1e-7, 1.0, 3.0, 9e-9]), 0)
    assert [line.split() for line in test.summary().splitlines()[-1:]] == [
        "2 40.0 % 2.6 0.333 0.21".split()]


def test_bootstraps_count_from_two_draws_on_and_to_a_thousand_by_default():
    assert bootstrap(fit(reference_model("Dyestuff")), 2, seed=1).draws.shape == (2, 3)
    for function in (bootstrap, bootstrap_test):
        assert inspect.signature(function).parameters["draws"].default == 1000
    assert inspect.signature(bootstrap).parameters["level"].default == 0.95


def test_bootstrap_of_correlations():
    boot = bootstrap(fit(slopes(3, 12)), 20, seed=1, show_progress=False)
    assert boot.names[-1] == "cor(subject: z1, z2)"
    assert np.nanmax(np.abs(boot.draws[:, -1])) <= 1 + 1e-12


def test_what_a_bootstrap_follows():
    result = fit(slopes(5, 30, q=3))
    boot = bootstrap(result, 2, seed=1)
    component, effects = result.variance_components[0], ("z1", "z2", "z3")
    cor = component.correlation
    want = {
        **dict(zip(result.model.names, result.beta, strict=True)), "sigma": np.sqrt(result.sigma2),
        **{f"sd(subject: {e})": sd for e, sd in zip(effects, component.sd, strict=True)},
        "cor(subject: z1, z2)": cor[0, 1], "cor(subject: z1, z3)": cor[0, 2],
        "cor(subject: z2, z3)": cor[1, 2],
    }
    assert boot.names == tuple(want)
    np.testing.assert_allclose(boot.estimates, list(want.values()), rtol=1e-12)
    assert boot.boundary + boot.failed == 0
    assert np.max(np.abs(boot.draws[0] / boot.estimates - 1)) > 1e-3  # the draws are other numbers


def test_a_bootstrap_test_by_two_fits_of_each_response():
    model = reference_model("Dyestuff")
    small, large = fit(grouped(model.y, ONE, {})), fit(model)
    test = bootstrap_test(small, large, 8, seed=1)
    assert test.statistic == pytest.approx(small.criterion - large.criterion, rel=1e-12)
    responses = simulate(small.model, small.beta, small.sigma2, small.theta, 1, 8).T
    gains = [fit(small.model.with_response(y)).criterion - fit(model.with_response(y)).criterion
             for y in responses]
    np.testing.assert_allclose(test.draws, gains, atol=1e-9)
    assert min(test.draws) < 1e-9 < max(test.draws)
    boot = bootstrap(fit(reference_model("Dyestuff2")), 8, seed=1)
    assert boot.boundary == np.sum(boot.draws[:, 2] == 0) > 0


@pytest.mark.parametrize("level", [0, 1, 1.5, -0.5])
def test_levels_are_between_0_and_1(level):
    boot = Bootstrap(None, (), np.ones(1), np.ones((2, 1)), 0, 0, 0.9)
    with pytest.raises(ValueError, match="level must be between 0 and 1"):
        boot.intervals(level)


def test_failed_refits_are_counted(monkeypatch):
    model = reference_model("Dyestuff")
    small, large = fit(grouped(model.y, ONE, {})), fit(model)
    calls = []

    def sometimes(model, method):
        calls.append(1)
        if len(calls) % 5 == 0:
            raise ValueError("no")
        result = fit(model, method)
        return result if len(calls) % 7 else SimpleNamespace(converged=False)

    monkeypatch.setattr("lmmcore.inference.bootstrap.fit", sometimes)
    boot = bootstrap(large, 35, seed=1)
    assert boot.failed == 7 + 5 - 1
    assert len(boot.draws) == 24
    assert "11 refits failed and are left out" in " ".join(str(boot).split())
    calls.clear()
    test = bootstrap_test(small, large, 35, seed=1)
    assert test.failed > 0 and test.failed + len(test.draws) == 35
    assert test.p >= (1 + test.failed) / 36
    assert "count as exceeding" in str(test)
    failed = SimpleNamespace(converged=False)
    monkeypatch.setattr("lmmcore.inference.bootstrap.fit", lambda *_: failed)
    for call in (lambda: bootstrap(large, 3, seed=1), lambda: bootstrap_test(small, large, 3,
                                                                             seed=1)):
        with pytest.raises(ValueError, match="all refits failed"):
            call()


def test_bootstrap_test_agrees_with_the_exact_null():
    model = reference_model("Dyestuff2")
    small, large = fit(grouped(model.y, ONE, {})), fit(model)
    test = bootstrap_test(small, large, 400, seed=2)
    assert isinstance(test, BootstrapTest)
    assert test.statistic == 0 and test.p == 1
    exact = null_distribution(model, "REML", 20_000, seed=1)
    bound = np.sqrt(np.log(2e6) / (2 * 400)) + 0.01
    grid = np.linspace(1e-6, 6, 100)
    gap = np.abs((test.draws[:, None] > grid).mean(axis=0) - (exact[:, None] > grid).mean(axis=0))
    assert gap.max() < bound
    assert "parametric bootstrap, 400 pairs" in str(test)


def test_bootstrap_p_value_counts_the_observed():
    test = BootstrapTest("ML", 2.0, np.array([0.0, 1.0, 2.0, 3.0]), 1)
    assert test.p == 4 / 6
    assert test.p_se == pytest.approx(np.sqrt(4 / 6 * 2 / 6 / 5))
    assert LikelihoodRatioTest("ML", (10.0, 10.0 + 1e-9), Nesting(0, 1, 0)).p == 1


@pytest.mark.parametrize(("call", "words"), [
    (lambda f: bootstrap(f, 1, seed=1), "draws must be at least 2"),
    (lambda f: bootstrap_test(fit(grouped(f.model.y, ONE, {})), f, 1, seed=1),
     "draws must be at least 2"),
    (lambda f: bootstrap(f, 5, seed=1, level=95), "level must be between"),
    (lambda f: bootstrap(f, 5, seed=1).intervals(2), "level must be between"),
    (lambda f: bootstrap_test(f, f, 5, seed=1), "the same"),
    (lambda f: bootstrap(SimpleNamespace(converged=False), seed=1), "did not converge"),
])
def test_bad_input(call, words):
    with pytest.raises(ValueError, match=words):
        call(fit(reference_model("Dyestuff")))


@pytest.mark.parametrize("phi", [0.0, 0.1, 0.72])
def test_the_chance_that_a_variance_is_estimated_as_zero(phi):
    # P(F <= 1 / (1 + m phi)), as the chapter "How sure are we?" derives it
    k, m, draws = 6, 5, 4000
    tables = simulate(reference_model("Dyestuff"), [0], 1.0, [np.sqrt(phi)], seed=5, size=draws)
    tables = tables.T.reshape(draws, k, m)
    between = m * tables.mean(axis=2).var(axis=1, ddof=1)
    within = tables.var(axis=2, ddof=1).mean(axis=1)
    p0 = stats.f.cdf(1 / (1 + m * phi), k - 1, k * (m - 1))
    assert abs(np.mean(between <= within) - p0) < 5.5 * np.sqrt(p0 * (1 - p0) / draws)


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize(("m", "c"), [(29.0, 5.0), (2e6, 1e6)])
def test_the_highest_gain_of_one_eigenvalue_has_a_closed_form(m, c, unit):
    """D = b + a/(1 + phi mu), the penalty is c log(1 + phi mu): 1 + phi mu = a (m - c)/(b c)."""
    ratio = np.append([0.5, 1.0], 1 + np.geomspace(1e-5, 9e5, 300))
    a, b = c * ratio, (m - c) * np.ones(len(ratio))
    want = m * np.log((a + b) / m) - c * np.log(ratio)
    want[:2] = 0.0  # nothing is gained by a phi below 0
    got = _highest(np.column_stack([a, b]), unit * np.array([1.0, 0.0]), m, np.array([unit]),
                   np.array([c]))
    np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-14 * m)
    assert np.all(got[:2] == 0.0)


def test_draws_do_not_depend_on_how_many_are_held_at_a_time(monkeypatch):
    model = grouped(np.arange(60.0) ** 2, ONE, {"g": np.arange(60) ** 2 % 11})
    at_once = null_distribution(model, draws=50, seed=4)
    n_values, held = len(eigenvalues(model).mu), []

    def highest(square, *rest):
        held.append(len(square))
        return _highest(square, *rest)

    monkeypatch.setattr("lmmcore.inference.exact_null._highest", highest)
    for few, each in ((1, 1), (21 * n_values * 60 - 1, 20)):  # 60 points of a grid
        held.clear()
        monkeypatch.setattr("lmmcore.inference.exact_null.CHUNK", few)
        np.testing.assert_array_equal(null_distribution(model, draws=50, seed=4), at_once)
        assert held == [min(each, 50 - done) for done in range(0, 50, each)]
    for function in (null_distribution, exact_test):
        assert inspect.signature(function).parameters["draws"].default == 100_000


@pytest.mark.parametrize(("squares", "mu"), [
    ([1.0, 1 + 1e-7], [1.0, 1 + 1e-7]), ([1.0, 1 + 1e-11], [1.0]), ([1e-8, 1.0], [1e-8, 1.0]),
    ([1e-12, 1.0], [1.0]), ([1e-9, 1e-3], [1e-9, 1e-3]), ([1e6, 1e6 * (1 + 1e-11)], [1e6]),
])  # fmt: skip
def test_eigenvalues_are_one_if_rounding_alone_parts_them(squares, mu):
    contrasts = definition.error_contrasts(np.ones((6, 1)))[:, :2]
    Z = contrasts * np.sqrt(squares)
    model = LinearMixedModel(np.arange(6.0), np.ones((6, 1)), Z, ScaledIdentity(2))
    found = eigenvalues(model)
    np.testing.assert_allclose(found.mu, [*mu, 0.0], rtol=1e-10)
    assert found.times.sum() == 5 and len(found.times) == len(mu) + 1


def test_a_statistic_of_zero_and_the_table():
    model = reference_model("Dyestuff2")
    result = exact_test(fit(grouped(model.y, ONE, {})), fit(model), 40, seed=1)
    assert result.statistic == 0.0 and result.p == 1.0 and len(result.draws) == 40
    draws = np.append(np.zeros(30), np.linspace(0.5, 4.0, 70))
    lines = ExactTest("REML", 3.2, draws).summary().splitlines()
    assert "both models fit by REML" in lines[0]
    assert any("Null distribution from 100 draws" in line for line in lines)
    p = np.mean(draws >= 3.2)
    assert lines[-1].split() == [number(3.2), "30.0", "%", number(np.quantile(draws, 0.95)),
                                 probability(p), number(np.sqrt(p * (1 - p) / 100), 2)]


def test_the_error_of_a_simulated_p_value():
    test = ExactTest("REML", 2.0, np.array([0.0, 0.0, 0.0, 3.0]))
    assert (test.p, test.p_se) == (0.25, np.sqrt(0.25 * 0.75 / 4))
    never = ExactTest("REML", 9.0, np.zeros(100))
    assert (never.p, never.p_se) == (0.0, np.sqrt(0.01 * 0.99 / 100))


def test_a_p_value_in_print():
    assert [probability(p) for p in (np.nan, 1e-17, 0.01234)] == ["-", "<1e-16", "0.0123"]


def test_one_variance_of_many_effects_at_once():
    rng = np.random.default_rng(8)
    y, Z = rng.standard_normal(6), rng.standard_normal((6, 6))
    model = LinearMixedModel(y, np.ones((6, 1)), Z, ScaledIdentity(6))
    mu, times, xi = eigenvalues(model)
    A = definition.error_contrasts(np.ones((6, 1)))
    np.testing.assert_allclose(np.repeat(mu, times), np.linalg.eigvalsh(A.T @ Z @ Z.T @ A))
    np.testing.assert_allclose(xi, np.linalg.eigvalsh(Z.T @ Z))
    assert np.sum(times) == 5 and np.all(times > 0)


def test_a_random_walk_has_one_parameter_but_not_one_variance_of_independent_effects():
    walk = series(np.arange(8.0), {"1": 1}, covariance=RandomWalk())
    with pytest.raises(ValueError, match="models with one variance phi"):
        eigenvalues(walk)


def test_one_equal_variance_of_one_effect_is_a_variance():
    """And coarser groups are other groups, though each of them is made of whole ones."""
    sleep, half = SLEEP["Reaction"], np.arange(180) % 2
    factors = {"Subject": SLEEP["Subject"], "half": half}
    small = fit(grouped(sleep, DAYS, {"Subject": SLEEP["Subject"]}))
    large = fit(grouped(sleep, DAYS, factors, covariance={"Subject": "identity"}))
    assert check_nested(small, large) == Nesting(0, 1, 0)
    coarse = fit(grouped(sleep, DAYS, {"third": np.arange(180) // 60}, {"third": DAYS}, "diagonal"))
    with pytest.raises(ValueError, match="nested"):
        check_nested(small, coarse)
