"""Closed forms against the general fit, by hand and by expectation."""

import numpy as np
import pytest

from lmmcore import LinearMixedModel, fit
from lmmcore.textbook.one_way import neyman_scott, one_way, simple_sample
from reference_models import reference_model

RNG = np.random.default_rng(1)


def test_simple_sample_equals_the_general_fit():
    y = RNG.standard_normal(9)
    closed = simple_sample(y)
    model = LinearMixedModel(y, np.ones((9, 1)))
    assert closed.sigma2_ml == pytest.approx(fit(model, "ML").sigma2, rel=1e-12)
    assert closed.sigma2_reml == pytest.approx(fit(model, "REML").sigma2, rel=1e-12)
    assert closed.sigma2_ml / closed.sigma2_reml == pytest.approx(8 / 9, rel=1e-12)


def test_two_observations_are_a_sample():
    assert simple_sample([1.0, 4.0]) == (2.5, 2.25, 4.5)


def test_neyman_scott_equals_the_general_fit():
    y = RNG.standard_normal((30, 2)) + 5 * RNG.standard_normal((30, 1))
    closed = neyman_scott(y)
    model = LinearMixedModel(y.ravel(), np.kron(np.eye(30), np.ones((2, 1))))
    assert closed.sigma2_ml == pytest.approx(fit(model, "ML").sigma2, rel=1e-12)
    assert closed.sigma2_reml == pytest.approx(fit(model, "REML").sigma2, rel=1e-12)
    np.testing.assert_allclose(closed.mean, fit(model).beta, atol=1e-12)


def test_neyman_scott_ml_tends_to_half():
    closed = neyman_scott(np.random.default_rng(2).standard_normal((20000, 2)))
    assert closed.sigma2_ml == pytest.approx(0.5, abs=0.02)
    assert closed.sigma2_reml == pytest.approx(1.0, abs=0.04)


def test_a_variance_of_exactly_zero_is_on_the_boundary():
    # SSE = 50 on 2 degrees of freedom, SSB = 25 on 1: both mean squares are 25
    assert one_way([[0.0, 6.0], [4.0, 12.0]]) == (5.5, 25.0, 0.0, True)


@pytest.mark.parametrize("unit", [1, -1, 1e10, 1e-40])
def test_variation_within_groups_of_the_size_of_rounding_is_refused(unit):
    table = np.ones((4, 5)) + np.arange(4)[:, None]
    table[0, 0] += 1e-13
    with pytest.raises(ValueError, match="no variation within groups"):
        one_way(unit * table)
    table[0, 0] += 1e-9
    assert one_way(unit * table).sigma2 == pytest.approx(unit**2 * one_way(table).sigma2, rel=1e-6)


@pytest.mark.parametrize("name", ["Dyestuff", "Dyestuff2"])
@pytest.mark.parametrize("method", ["REML", "ML"])
def test_one_way_equals_the_general_fit(name, method):
    model = reference_model(name)
    closed, result = one_way(model.y.reshape(6, 5), method), fit(model, method)
    assert closed.xi == pytest.approx(result.beta[0], rel=1e-12)
    assert closed.sigma2 == pytest.approx(result.sigma2, rel=1e-10)
    assert closed.tau2 == pytest.approx(result.estimates[1], rel=1e-10)
    assert closed.boundary == bool(result.boundary) == (name == "Dyestuff2")


def test_moment_equations_are_the_reml_equations_inside_and_negative_outside():
    inside = reference_model("Dyestuff").y.reshape(6, 5)
    assert one_way(inside, "moments") == one_way(inside, "REML")
    outside = reference_model("Dyestuff2").y.reshape(6, 5)
    assert one_way(outside, "moments").tau2 < 0 == one_way(outside, "REML").tau2


def test_expectations_of_the_estimates():
    k, m, tau2 = 4, 3, 2.0
    rng = np.random.default_rng(3)
    tables = rng.standard_normal((4000, k, m)) + np.sqrt(tau2) * rng.standard_normal((4000, k, 1))
    moments = np.array([one_way(t, "moments")[1:3] for t in tables])
    np.testing.assert_allclose(moments.mean(axis=0), [1.0, tau2], atol=0.1)
