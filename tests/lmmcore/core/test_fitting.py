"""What a fit refuses, tolerates and reports, at the borders of each."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from lmmcore import ConvergenceWarning, fit, grouped, load, series
from lmmcore.covariance.joined import Covariance, Placement
from lmmcore.fast.choose import criterion_for
from lmmcore.fast.crossed import CrossedProfile
from lmmcore.fast.groups import GroupedProfile
from lmmcore.fast.series import SeriesProfile
from lmmcore.fast.vector_terms import VectorTermsProfile
from lmmcore.fitting import (
    _check_edges,
    _check_identified,
    _start,
)
from lmmcore.profile import Profile
from lmmcore.results import reported_covariance
from reference_models import ONE, reference_model, slopes

RNG = np.random.default_rng(1)
G, T = np.repeat(np.arange(6), 5), np.tile(np.arange(5.0), 6)
Y = RNG.standard_normal(30) + RNG.standard_normal(6)[G]


def crossed(k1, k2, columns=None):
    """Two crossed factors with k1 and k2 levels."""
    i = np.arange(2 * k1)
    a, b = i % k1, (i + i // k1) % k2
    y = np.random.default_rng(2).standard_normal(2 * k1)
    x = np.random.default_rng(3).standard_normal(2 * k1)
    Z = {"a": {"1": 1, "x": x}} if columns == "slopes" else None
    return grouped(y, ONE, {"a": a, "b": b}, Z)


@pytest.mark.parametrize(("model", "form"), [
    (crossed(150, 50), Profile),
    (crossed(150, 51), CrossedProfile),
    (crossed(40, 20, "slopes"), Profile),
    (crossed(40, 21, "slopes"), VectorTermsProfile),
    (crossed(150, 50, "slopes"), VectorTermsProfile),
    (slopes(1), GroupedProfile),
    (series(Y, ONE), SeriesProfile),
], ids=str)
def test_the_form_suits_structure_and_size(model, form):
    assert type(criterion_for(model, "REML")) is form


@pytest.mark.parametrize("unit", [1.0, 1e6])
def test_a_start_is_measured_in_units_of_the_effects(unit):
    profile = Profile(grouped(Y, ONE, {"g": G}, {"g": {"z": unit}}))
    size = np.sqrt(5) * unit
    assert _start(profile, [0.99e7 / size]) == [0.99e7 / size]
    with pytest.raises(ValueError, match="nearer to 1"):
        _start(profile, [-1.01e7 / size])


@pytest.mark.parametrize("unit", [1e-9, 1e9])
def test_a_fit_has_converged_in_any_units(unit):
    x, model = RNG.standard_normal(30), {}
    for c in (1.0, unit):
        Z = {"g": {"1": 1, "x": c * x}}
        model[c] = fit(grouped(Y + x * (1 + G - 2.5), ONE, {"g": G}, Z, "diagonal"))
    one, other = model[1.0], model[unit]
    assert one.converged and other.converged and not one.boundary
    np.testing.assert_allclose(other.theta * [1, unit], one.theta, rtol=1e-8)


def one_way(quotient):
    """Six groups of five, whose mean squares have this quotient."""
    between, within = np.repeat([-1.0, 1, -1, 1, -1, 1], 5), np.tile([-2.0, -1, 0, 1, 2], 6)
    # 30/5 = 6 on 5 degrees of freedom, 60/24 = 2.5 on 24
    return grouped(np.sqrt(quotient * 2.5 / 6) * between + within, ONE, {"g": G})


def test_a_slope_of_nearly_0_is_an_optimum_on_the_boundary():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = fit(one_way(1 - 1e-8))
    assert result.converged and result.theta[0] == 0
    assert 0 < result.boundary[0].slope < 1e-6


def test_a_slope_below_0_is_none_however_slight():
    with pytest.warns(ConvergenceWarning):
        result = fit(one_way(1 + 1e-5), optimiser="em", start=[0.0])
    assert result.theta[0] == 0 and not result.converged
    assert -1e-3 < result.boundary[0].slope < -1e-6


@pytest.mark.parametrize("origin", [0.0, 1990.0])
def test_a_warning_points_to_the_line_that_fits(origin):
    line = {"1": 1, "t": origin + T}
    model = grouped(Y + T * RNG.standard_normal(6)[G], line, {"g": G}, {"g": line})
    with pytest.warns(ConvergenceWarning) as told:
        fit(model, start=[3.0, 0.1, 2.0], max_steps=1, optimiser="newton")
    assert {warning.filename for warning in told} == {__file__}


def test_variances_are_told_apart_to_the_limit_of_rounding():
    def model(origin):
        return grouped(Y, ONE, {"g": G}, {"g": {"1": 1, "t": origin + T}}, "diagonal")

    for origin in (1e5, 1e6, 3e6):  # smallest eigenvalue of the information 2 / origin^2
        _check_identified(Profile(model(origin)))
    with pytest.raises(ValueError, match=r"cannot tell g: var.* and g: var.* apart"):
        _check_identified(Profile(model(1e7)))


@pytest.mark.parametrize(("size", "named"), [(1.5e-3, True), (0.9e-3, False)])
def test_whoever_takes_part_in_a_combination_is_named(size, named):
    # Z_h Z_h' = Z_g Z_g' - d Z_k Z_k', where k is the first of the six groups
    d, first = size * np.sqrt(12), G == 0
    columns = {"h": {"z": np.where(first, np.sqrt(1 - d), 1)}, "k": {"z": first}}
    model = grouped(Y, ONE, {"g": G, "h": G, "k": first}, columns)
    with pytest.raises(ValueError, match="cannot tell g: ") as told:
        _check_identified(Profile(model, "ML"))
    assert "and h: var(z)" in str(told.value)
    assert ("and k: var(z)" in str(told.value)) == named


@pytest.mark.parametrize(("part", "lost"), [(1e-8, True), (0.9e-7, True), (1.1e-7, False),
                                            (1e-5, False)])
def test_how_much_of_an_effect_X_must_leave(part, lost):
    # of the columns of 100 groups X leaves d (1, -1, 1, -1), so of their information d^2
    group = np.repeat(np.arange(100), 4)
    z = 1 + np.sqrt(part) * np.tile([1.0, -1, 1, -1], 100)
    model = grouped(RNG.standard_normal(400), np.eye(100)[group], {"g": group}, {"g": {"z": z}})
    if lost:
        with pytest.raises(ValueError, match="columns of X already explain"):
            _check_identified(Profile(model))
    else:
        _check_identified(Profile(model))


@pytest.mark.parametrize("m", [10, 1000])
def test_an_edge_is_no_higher_if_the_difference_is_rounding(m):
    """A criterion that is 5, and a little more where theta_1 is large, or theta_2 at an edge."""
    def check(noise, edge):
        structure = SimpleNamespace(
            without_noise="no noise", scaled=np.array([True, False]),
            edges=lambda theta: [(np.array([theta[0], 9.0]), "at the edge")])
        _check_edges(SimpleNamespace(
            m=m, criterion=lambda t: 5.0 + noise * (t[0] > 50) + edge * (t[1] == 9),
            covariance=Covariance((Placement(structure, slice(0, 2), None),), 1)),
            np.array([1.0, 0.5]))

    check(2e-9 * m, 2e-9 * m)
    with pytest.raises(ValueError, match="no noise"):
        check(0.5e-9 * m, 1.0)
    with pytest.raises(ValueError, match="at the edge"):
        check(1.0, 0.5e-9 * m)


def test_standard_errors_are_those_of_what_is_reported():
    profile = SeriesProfile(series(load("Nile")["Flow"], ONE))
    theta = fit(profile.model).theta
    for kind in ("observed", "expected"):
        phi, s = profile.covariance.phi(theta), profile.sigma2(theta)
        turn = np.array([[1, 0, 0], [phi[0], s, 0], [0, 0, 1]])  # a is no covariance
        want = turn @ np.linalg.inv(profile.information(theta, kind)) @ turn.T
        np.testing.assert_allclose(reported_covariance(profile, theta, kind), want, rtol=1e-9)


def test_where_the_likelihood_bends_upwards_there_are_no_standard_errors():
    profile = Profile(reference_model("Dyestuff"))
    theta = np.array([20.0])
    assert profile.information(theta)[1, 1] < 0
    with np.errstate(all="raise"):
        assert np.isnan(reported_covariance(profile, theta, "observed")).all()
