"""Crossed and nested factors: the blocks give what the general form gives, and InstEval."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from scipy.linalg import block_diag

from criteria import by_definition, spread_out
from lmmcore import fit, from_formula, grouped, load
from lmmcore.fast.blocks import mirrored
from lmmcore.fast.crossed import CrossedDesign, CrossedProfile, Eliminated
from lmmcore.profile import Profile
from reference_models import ONE, reference_model

METHODS = pytest.mark.parametrize("method", ["REML", "ML"])
REFERENCES = Path(__file__).parents[1] / "references"
INSTEVAL = json.loads((REFERENCES / "insteval.json").read_text())["fits"]


def design(seed):
    """Three factors of one effect each: crossed, nested, and a slope that is 0 in one level."""
    rng = np.random.default_rng(seed)
    a, b, x = rng.integers(0, 15, 120), rng.integers(0, 6, 120), rng.standard_normal(120)
    x[a == 3] = 0.0
    y = rng.standard_normal(15)[a] + x * rng.standard_normal(6)[b] + rng.standard_normal(120)
    factors = {"b": b, "a": a, "parity": a % 4}
    return grouped(y, {"(Intercept)": 1, "x": x}, factors, {"b": {"x": x}})


def nested(seed, schools):
    """Pupils in classes in schools in towns, so that S has blocks of several sizes."""
    rng = np.random.default_rng(seed)
    town = np.sort(rng.integers(0, 4, schools))[rng.permutation(schools)]
    school = np.repeat(np.arange(schools), 3)[rng.permutation(3 * schools)]  # of each class
    klass = rng.permutation(np.repeat(np.arange(3 * schools), 3))
    x = rng.standard_normal(len(klass))
    y = rng.standard_normal(schools)[school[klass]] + x + rng.standard_normal(len(klass))
    factors = {"school": school[klass], "town": town[school[klass]], "class": klass}
    return grouped(y, {"(Intercept)": 1, "x": x}, factors)


def empty_levels():
    """Slopes that are 0 throughout some levels of the largest factor, the last one of them."""
    rng = np.random.default_rng(6)
    a, x = np.arange(60) % 12, rng.standard_normal(60)
    x[(a == 4) | (a == 11)] = 0.0
    factors = {"a": a, "b": rng.integers(0, 5, 60), "c": rng.integers(0, 3, 60)}
    return grouped(rng.standard_normal(60) + x, ONE, factors, {"a": {"x": x}})


def met_outside():
    """Levels of b and c that meet only in rows in which the largest factor has no effect."""
    rng = np.random.default_rng(7)
    a = np.repeat(np.arange(12), 3)
    x, b = np.where(a == 11, 0.0, rng.standard_normal(36)), a % 4
    c = np.where(a == 11, 0, b)
    return grouped(rng.standard_normal(36), ONE, {"a": a, "b": b, "c": c}, {"a": {"x": x}})


def two_arms():
    """Each arm of a trial with groups of its own: no row has an effect of both factors."""
    rng = np.random.default_rng(8)
    treated = (np.arange(40) < 20) * 1.0
    a, b = np.arange(40) % 10 * (treated == 1), np.arange(40) % 4 * (treated == 0)
    return grouped(rng.standard_normal(40) + a, {**ONE, "treated": treated}, {"a": a, "b": b},
                   {"a": {"treated": treated}, "b": {"control": 1 - treated}})


CASES = pytest.mark.parametrize(("model", "theta"), [
    (reference_model("Penicillin"), [1.5, 3.5]),
    (reference_model("Penicillin"), [-1.5, 0.0]),
    (reference_model("Pastes"), [3.5, 0.4]),
    (reference_model("Pastes"), [0.0, 0.4]),
    (design(1), [0.3, 0.9, 0.4]),
    (design(2), [0.3, 0.0, 0.4]),
    (design(3), [0.0, 0.0, 0.0]),
    (design(4), [0.01, 0.9, 1e-6]),
    (nested(1, 9), [0.5, 0.3, 0.7]),
    (nested(2, 9), [0.5, 0.0, 0.7]),
    (nested(3, 9), [1e-6, 0.5, 0.01]),
    (nested(4, 9), [0.0, 0.0, 0.0]),
    (empty_levels(), [0.7, 0.5, 0.3]),
    (met_outside(), [0.7, 0.5, 0.3]),
    (two_arms(), [0.7, 0.5]),
], ids=str)


@METHODS
@CASES
@pytest.mark.parametrize("by_entries", [True, False])
def test_equal_to_the_general_form(method, model, theta, by_entries, monkeypatch):
    monkeypatch.setattr("lmmcore.fast.blocks._by_entries", lambda M: by_entries)
    theta = np.array(theta)
    general, crossed = Profile(model, method), CrossedProfile(model, method)
    assert crossed.criterion(theta) == pytest.approx(general.criterion(theta), abs=1e-11)
    assert crossed.log_likelihood(theta) == pytest.approx(by_definition(model, theta, method),
                                                          abs=1e-9)
    for ours, theirs in zip(crossed.derivatives(theta), general.derivatives(theta), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-10)
    for kind in ("observed", "expected"):
        np.testing.assert_allclose(crossed.information(theta, kind),
                                   general.information(theta, kind), rtol=1e-11, atol=1e-10)
    ours, theirs = crossed.solution(theta), general.solution(theta)
    np.testing.assert_allclose(ours.beta, theirs.beta, atol=1e-12)
    np.testing.assert_allclose(ours.vcov, theirs.vcov, atol=1e-13)
    for mine, other in zip(ours.random_effects + ours.conditional,
                           theirs.random_effects + theirs.conditional, strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-11)
    for mine, other in zip(crossed.boundary(theta), general.boundary(theta), strict=True):
        assert mine.label == other.label
        assert mine.slope == pytest.approx(other.slope, rel=1e-11, abs=1e-11)


@METHODS
@CASES
def test_steps_by_the_average_information(method, model, theta):
    theta = np.array(theta)
    crossed = CrossedProfile(model, method)
    criterion, gradient, step = crossed.derivatives(theta, "average")
    exact = crossed.derivatives(theta)
    assert criterion == exact[0]
    np.testing.assert_array_equal(gradient, exact[1])
    # in (sigma2, phi) the average of the two informations, and sigma2 profiled out
    phi_part = [crossed.information(theta, kind) for kind in ("observed", "expected")]
    block = 0.5 * (phi_part[0] + phi_part[1])[1:, 1:]
    mixed = phi_part[0][0, 1:]
    profiled = 2.0 * (block - np.outer(mixed, mixed) / phi_part[0][0, 0])
    bend = np.diag(2.0 * np.diag(crossed.slope(theta)))
    np.testing.assert_allclose(step, 4.0 * np.outer(theta, theta) * profiled + bend,
                               rtol=1e-10, atol=1e-9)


@METHODS
@pytest.mark.parametrize("phi", [1e-8, 1.0, 1e4, 1e8])
def test_rss_keeps_its_digits_at_a_large_phi(method, phi):
    model, theta = spread_out("crossed", phi)
    general, crossed = Profile(model, method), CrossedProfile(model, method)
    assert crossed.sigma2(theta) == pytest.approx(general.sigma2(theta),
                                                  rel=1e-13 + 1e-14 * np.sqrt(phi))
    assert crossed.criterion(theta) == pytest.approx(general.criterion(theta),
                                                     abs=1e-11 + 1e-14 * phi)


@METHODS
def test_the_fit_does_not_depend_on_the_form(method, monkeypatch):
    rng = np.random.default_rng(5)
    a, b = rng.integers(0, 180, 1500), rng.integers(0, 40, 1500)
    y = rng.standard_normal(180)[a] + 0.5 * rng.standard_normal(40)[b] + rng.standard_normal(1500)
    model = grouped(y, ONE, {"a": a, "b": b, "tens": b // 10})
    fast = fit(model, method)
    monkeypatch.setattr("lmmcore.fast.choose.FEW_LEVELS", 1000)
    general = fit(model, method)
    assert fast.converged and general.converged
    assert fast.criterion == pytest.approx(general.criterion, abs=1e-9)
    np.testing.assert_allclose(fast.theta, general.theta, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(fast.se_observed, general.se_observed, rtol=1e-7)
    np.testing.assert_allclose(fast.fitted, general.fitted, atol=1e-8)
    assert bool(fast.boundary) == bool(general.boundary)


@pytest.mark.parametrize("want", INSTEVAL, ids=lambda f: f"{f['id']}-{f['method']}")
def test_insteval(want):
    got = fit(from_formula(want["model"], load("InstEval")), want["method"])
    # lme4 stops where the gradient is 1e-3; the polished values were made by a Newton iteration
    polished = want.get("polished_theta", {"logLik": want["logLik"]})
    assert got.converged
    assert got.max_gradient < 1e-6
    assert got.log_likelihood == pytest.approx(polished["logLik"], abs=1e-7)
    assert got.log_likelihood >= want["logLik"] - 1e-8
    if "theta" in polished:
        np.testing.assert_allclose(got.theta, polished["theta"], rtol=1e-7)
    assert list(got.model.names) == list(want["beta"])
    np.testing.assert_allclose(got.beta, list(want["beta"].values()), rtol=1e-6)
    assert np.sqrt(got.sigma2) == pytest.approx(want["sigma"], rel=1e-7)
    # at the theta where lme4 stopped, everything it reports
    theta = np.array(list(want["theta"].values()))
    np.testing.assert_allclose(got.theta, theta, rtol=1e-5)
    profile = CrossedProfile(got.model, want["method"])
    solution, sigma2 = profile.solution(theta), profile.sigma2(theta)
    assert profile.log_likelihood(theta) == pytest.approx(want["logLik"], abs=1e-8)
    np.testing.assert_allclose(solution.beta, list(want["beta"].values()), rtol=1e-10)
    np.testing.assert_allclose(sigma2 * solution.vcov, want["vcov_beta"], rtol=1e-9)
    assert np.sqrt(sigma2) == pytest.approx(want["sigma"], rel=1e-11)


def test_it_is_for_several_terms_of_one_effect():
    with pytest.raises(ValueError, match="several terms of one effect"):
        CrossedProfile(reference_model("Dyestuff"))


def test_theta_beyond_floating_point_is_refused():
    with pytest.raises(ValueError, match="too large"):
        CrossedProfile(reference_model("Penicillin")).criterion(np.array([1.0, 1e200]))


def test_steps_go_on_where_they_gain_less_than_a_digit_each():
    """Effects with long tails: the average information is then far from the observed one."""
    rng = np.random.default_rng(1)
    size = rng.integers(1, 4, 5000)
    pupil, school = np.repeat(np.arange(5000), size), rng.integers(0, 20, 5000)
    school = school[pupil]
    spread = np.exp(1.6 * rng.standard_normal(5000))[pupil]
    y = spread * (1 + rng.standard_normal(len(pupil))) + 0.5 * rng.standard_normal(20)[school]
    result = fit(grouped(1e9 * y, ONE, {"pupil": pupil, "school": school}))
    assert result.converged
    assert result.max_gradient < 1e-11 * result.model.n


def test_levels_without_effects_are_divided_by_nothing():
    with np.errstate(divide="raise", invalid="raise"):
        CrossedProfile(empty_levels()).criterion(np.array([0.7, 0.5, 0.3]))


def random_effects(seed, weights):
    """Z_j of three factors, the first the largest, each row with an effect of these sizes."""
    rng = np.random.default_rng(seed)
    sizes, n = (5, 4, 3), 6
    return [sparse.csr_array((rng.choice(weights, n), (np.arange(n), rng.integers(0, k, n))),
                             shape=(n, k)) for k in sizes]


def blockwise(A, layout):
    """A block diagonal matrix from its blocks, in the order of the columns of Z_2."""
    dense = block_diag(*(block for group in A for block in np.moveaxis(group, -1, 0)))
    back = np.argsort(layout.order)
    return dense[np.ix_(back, back)]


def check_S(Z, theta):
    """S and log|W| against dense matrices; Z[0] is the term of most levels."""
    W = Eliminated(CrossedDesign(Z), np.array(theta))
    Z1, Z2 = Z[0].toarray(), np.hstack([z.toarray() for z in Z[1:]])
    W1 = np.eye(len(Z1)) + theta[0] ** 2 * Z1 @ Z1.T
    S = blockwise([mirrored(S) for S in W.S], W.design.layout)
    np.testing.assert_allclose(S, Z2.T @ np.linalg.solve(W1, Z2), atol=1e-14)
    scale = np.repeat(theta[1:], [z.shape[1] for z in Z[1:]])
    dense = W1 + Z2 @ np.diag(scale**2) @ Z2.T
    assert W.log_det == pytest.approx(np.linalg.slogdet(dense)[1], abs=1e-13)


@pytest.mark.parametrize("weights", [[1.0], [0.0, 1.0], [-0.5, 0.5, 1.0, 0.0]], ids=str)
def test_S_by_definition_whatever_meets_what(weights):
    for seed in range(60):
        check_S(random_effects(seed, weights), [0.8, 1.3, -0.4])


@pytest.mark.parametrize("size", [0.5, -0.5])
def test_levels_that_meet_are_linked_whatever_the_sizes_of_their_effects(size):
    # one level of a is led by b's, the other by c's; their products with each other add up to 1
    sizes, codes = ([1, 1, 1], [1, 1, 1], [0, size, size]), ([0, 0, 1], [1, 0, 0], [0, 0, 0])
    check_S([sparse.csr_array((np.array(z, float), (np.arange(3), c))) for z, c in
             zip(sizes, codes, strict=True)], [0.8, 1.3, -0.4])


def test_levels_nested_in_one_other_factor_are_blocks_of_one():
    school = np.arange(30) % 6
    for klass in (np.repeat(np.arange(15), 2), np.tile(np.arange(10), 3)):
        model = grouped(np.arange(30.0) ** 2, ONE, {"class": klass, "school": school[klass]})
        assert CrossedDesign([term.Z for term in model.terms]).layout.shapes == [(6, 1)]


@pytest.mark.parametrize("unit", [2.0**-40, 2.0**40])
@pytest.mark.parametrize("size", [1e-6, 0.03, 1.0, 1e3])
def test_no_digit_depends_on_the_units_of_an_effect(unit, size):
    rng = np.random.default_rng(9)
    Z = [sparse.csr_array((rng.standard_normal(40), (np.arange(40), rng.integers(0, k, 40))),
                          shape=(40, k)) for k in (9, 4, 3)]
    theta = np.array([0.9, size, 0.4])
    want = Eliminated(CrossedDesign(Z), theta)
    got = Eliminated(CrossedDesign([unit * z for z in Z]), theta / unit)
    assert got.log_det == want.log_det
    np.testing.assert_array_equal(got.traces() / unit**2, want.traces())
    np.testing.assert_array_equal(got.squares / unit**4, want.squares)


def test_the_size_of_an_effect_is_that_of_the_general_form():
    model = design(1)
    for ours, theirs in zip(CrossedProfile(model).z_scale, Profile(model).z_scale, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-14)


@METHODS
def test_second_derivatives_along_any_directions(method):
    W = CrossedProfile(design(2), method).at(np.array([0.3, 0.8, 0.4]))
    unit = np.array([np.diag(e) for e in np.eye(3)])
    mix = np.random.default_rng(3).standard_normal((5, 3))
    along = np.array([np.diag(row) for row in mix])
    for second in (W.ddlog_det, W.ddSxx, W.ddrss):
        np.testing.assert_allclose(second(along), mix @ second(unit) @ mix.T, rtol=1e-13,
                                   atol=1e-13)
