"""Where a Laplace fit goes wrong, it says so in one message, and what to do."""

import math
import warnings

import autograd.numpy as np
import numpy as onp
import pytest
from laplace_models import bernoulli

from lmmcore import ConvergenceWarning
from lmmcore.laplace import Laplace, LaplaceError, LaplaceFit
from lmmcore.laplace.densities import normal, poisson, student_t
from lmmcore.laplace.descent import Descent

RNG = onp.random.default_rng(1)
G = onp.repeat(onp.arange(10), 6)
LEVEL = RNG.standard_normal(10)
COUNTS = RNG.poisson(onp.exp(0.3 + LEVEL[G]))
NORMAL = LEVEL[G] + RNG.standard_normal(60)
HEAVY = LEVEL[G] + RNG.standard_t(0.7, 60)
START = {"b": 0.0, "log_sd": 0.0, "u": onp.zeros(10)}


def counts(y, **start):
    def joint(p):
        return poisson(y, p.b + np.exp(p.log_sd) * p.u[G]) + normal(p.u)
    return Laplace(joint, START | start, ["u"])


def binary(y):
    def joint(p):
        return bernoulli(y, p.b + np.exp(p.log_sd) * p.u[G]) + normal(p.u)
    return Laplace(joint, START, ["u"])


def student(y):
    def joint(p):
        r = y - p.b - np.exp(p.log_sd) * p.u[G]
        return student_t(r, 1 + np.exp(p.log_dof), p.log_sigma) + normal(p.u)
    return Laplace(joint, START | {"log_sigma": 0.0, "log_dof": 1.0}, ["u"])


def silent(model):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return model.fit()


def remark(model):
    """The one warning of a fit; nothing else is said."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        result = model.fit()
    assert [w.category for w in said] == [ConvergenceWarning]
    assert " ".join(str(result).split()).endswith(str(said[0].message))
    return str(said[0].message)


def test_start_is_a_dictionary():
    with pytest.raises(ValueError, match="start must be a dictionary"):
        Laplace(lambda p: normal(p.u), [0.0, 1.0], ["u"])


@pytest.mark.parametrize("start", [-300.0, -30.0, 30.0, 60.0])
def test_a_far_start_ends_in_the_same_place(start):
    near = silent(counts(COUNTS))
    assert silent(counts(COUNTS, b=start)).theta == pytest.approx(near.theta, abs=1e-5)


def test_a_group_of_zeros_is_no_problem():
    y = onp.where(G == 3, 0, COUNTS)
    result = silent(counts(y))
    u = result.estimates["u"]
    assert onp.isfinite(u).all() and u[3] == u.min()


def test_counts_of_a_million():
    result = silent(counts(COUNTS * 100_000))
    assert onp.all(onp.isfinite(result.standard_errors["b"]))


@pytest.mark.parametrize(("make", "names"), [
    (lambda: counts(0 * COUNTS), ["b (", "-infinity"]),
    (lambda: binary(G % 2), ["log_sd (", "+infinity"]),
    (lambda: binary(onp.arange(60) % 2), ["log_sd (-"]),
    (lambda: student(NORMAL), ["log_dof (", "+infinity"]),
    (lambda: student(HEAVY), ["log_dof (", "-infinity"]),
], ids=["all zero", "separated", "no variance", "nu to infinity", "nu to one"])
def test_a_parameter_that_runs_away(make, names):
    text = remark(make())
    assert text.startswith("no estimate of")
    for name in names:
        assert name in text


def test_the_limits_are_the_simpler_models():
    """nu to infinity: the normal model; no variance: no random effects."""
    def joint(p):
        return normal(NORMAL - p.b - np.exp(p.log_sd) * p.u[G], p.log_sigma) + normal(p.u)

    simpler = silent(Laplace(joint, START | {"log_sigma": 0.0}, ["u"]))
    with pytest.warns(ConvergenceWarning):
        limit = student(NORMAL).fit()
    assert limit.log_likelihood == pytest.approx(simpler.log_likelihood, abs=1e-4)
    with pytest.warns(ConvergenceWarning):
        level = binary(onp.arange(60) % 2).fit()
    assert level.log_likelihood == pytest.approx(60 * onp.log(0.5), abs=1e-9)


def test_a_likelihood_without_bound():
    """The groups differ, the observations of a group do not: the scale goes to zero."""
    assert "grows without bound" in remark(student(LEVEL[G]))


def test_one_observation_a_group():
    """Between and within cannot be told apart; the search ends on level ground."""
    def joint(p):
        return normal(LEVEL - p.b - np.exp(p.log_sd) * p.u, p.log_sigma) + normal(p.u)

    text = remark(Laplace(joint, START | {"log_sigma": 0.0}, ["u"]))
    assert text.startswith("no estimate of") and "log_sd" in text


def test_parameters_that_the_data_do_not_tell_apart():
    def joint(p):
        return poisson(COUNTS, p.b + p.c + np.exp(p.log_sd) * p.u[G]) + normal(p.u)

    text = remark(Laplace(joint, START | {"c": 0.0}, ["u"]))
    assert "combination of b, c" in text


@pytest.mark.parametrize(("joint", "message"), [
    (lambda p: normal(NORMAL - p.b) - np.sum(p.u**2) + p.log_sd**2, "not positive definite"),
    (lambda p: poisson(COUNTS, p.b + 0.0 * p.u[G]), "not positive definite"),
    (lambda p: poisson(onp.where(G == 3, 0, COUNTS), p.b + p.u[G]), "run off to infinity"),
    (lambda p: poisson(COUNTS, 800.0 + p.b + p.u[G]) + normal(p.u), "overflows"),
    (lambda p: poisson(COUNTS, p.b * onp.where(G == 3, onp.nan, 1) + p.u[G]) + normal(p.u),
     "missing"),
    (lambda p: poisson(COUNTS, 300.0 + p.b + p.u[G]) + normal(p.u), "did not converge in 100"),
    (lambda p: 3.0, "not positive definite"),
    (lambda p: np.sum(np.sqrt(p.u**4)) + np.sum(p.u) * p.b, "finite"),
    (lambda p: np.sum(np.abs(NORMAL - p.b - p.u[G])) + normal(p.u), "has it kinks"),
], ids=["a minimum", "in no density", "no density of its own", "overflow", "missing", "too far",
        "constant", "not smooth", "kinks"])
def test_no_integral(joint, message):
    with pytest.raises(LaplaceError, match=message):
        Laplace(joint, START, ["u"]).fit()


@pytest.mark.parametrize(("joint", "start", "random", "message"), [
    (lambda p: p.u**2, {}, ["u"], r"shape \(10,\): sum it"),
    (lambda p: np.sum(p.u**2), {}, "u", "must list at least one"),
    (lambda p: np.sum(p.u**2), {}, [], "must list at least one"),
    (lambda p: np.sum(p.u**2), {}, None, "must list at least one"),
    (lambda p: np.sum(p.u**2), {}, ["v"], "no start is given for v"),
    (lambda p: np.sum(p.u**2), {"u": []}, ["u"], "start of u is empty"),
    (lambda p: np.sum(p.u**2), {"b": "one"}, ["u"], "start of b must be numbers"),
    (lambda p: np.sum(p.u**2), {"b": [[1.0], [1.0, 2.0]]}, ["u"], "start of b must be numbers"),
    (3, {}, ["u"], "joint must be a function"),
    (lambda p: None, {}, ["u"], "is no number: does the function return it"),
    (lambda p: "3", {}, ["u"], "is no number"),
    (lambda p: poisson(COUNTS, p.beta + p.u[G]), {}, ["u"], "cannot be calculated .*'beta'"),
    (lambda p: poisson(COUNTS, p.b + p.u[G[:50]]), {}, ["u"], r"cannot be calculated .*\(60,\)"),
    (lambda p: poisson(COUNTS, p.b + p.u[G]), {"u": onp.zeros(8)}, ["u"], "index 8 is out of"),
    (lambda p: poisson(COUNTS - 9, p.b + p.u[G]), {}, ["u"], "whole numbers from 0"),
    (lambda p: poisson(COUNTS + 0.5, p.b + p.u[G]), {}, ["u"], "whole numbers from 0"),
    (lambda p: poisson(onp.where(G == 3, onp.nan, COUNTS), p.u[G]), {}, ["u"], "none missing"),
    (lambda p: normal(p.u) + math.exp(p.b), {}, ["u"], r"cannot be differentiated .*numpy"),
    (lambda p: normal(p.u) + np.sum(np.unwrap(p.u)), {}, ["u"], "no derivative of unwrap"),
    (lambda p: np.sum(p.u**2), {"b": onp.nan}, ["u"], "start of b is not finite"),
])
def test_bad_input(joint, start, random, message):
    with pytest.raises(ValueError, match=message):
        Laplace(joint, START | start, random)


def test_theta_of_the_wrong_length():
    with pytest.raises(ValueError, match="theta has 3 entries, the model has 2: b, log_sd"):
        counts(COUNTS).objective([1.0, 2.0, 3.0])


def test_inner_steps_that_do_not_end(monkeypatch):
    from lmmcore.laplace import mode
    model = counts(COUNTS)
    monkeypatch.setattr(mode, "STEPS", 2)
    with pytest.raises(LaplaceError, match="did not converge in 2 steps"):
        model.fit()


def test_outer_steps_that_do_not_end(monkeypatch):
    from lmmcore.laplace import descent
    monkeypatch.setattr(descent, "STEPS", 2)
    assert "did not converge in 2 steps" in remark(counts(COUNTS))


def test_a_second_mode_is_told():
    """Student-t data and Student-t effect contradict each other, and each has its mode."""
    y = 30.0 + 0.1 * onp.arange(4)

    def joint(p):
        return student_t(y - p.u[0], 1.0, p.b) + 6.0 * student_t(p.u, 1.0)

    model = Laplace(joint, {"b": 0.0, "u": onp.zeros(1)}, ["u"])
    at_prior = model.mode([0.0], onp.zeros(1))
    at_data = model.mode([0.0], onp.full(1, 30.0))
    assert abs(at_prior.u[0]) < 3 and abs(at_data.u[0] - 30) < 3
    assert at_prior.value < at_data.value - 1
    descent = Descent(onp.zeros(1), 0.0, onp.zeros(1), onp.eye(1), 1, True)
    (text,) = LaplaceFit(model, descent, at_data)._other_mode()
    assert "a second mode, which is higher" in text
    assert LaplaceFit(model, descent, at_prior)._other_mode() == []
