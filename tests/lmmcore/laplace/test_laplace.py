"""Laplace: recorded fits, exact gradients, sparse factors, quadrature, the normal case."""

import doctest
import json
import warnings
from pathlib import Path
from types import SimpleNamespace

import autograd.numpy as np
import laplace_models
import numpy as onp
import pytest
from autograd import grad, make_vjp
from laplace_models import bernoulli
from scipy import integrate, stats

import lmmcore.laplace
from lmmcore import AR1, fit, series
from lmmcore.laplace import Laplace, Quadrature, densities, quadrature
from lmmcore.laplace.densities import cholesky_factor, normal, poisson, student_t
from lmmcore.laplace.factor import BandPlan, BlockPlan
from lmmcore.laplace.tape import Tape
from reference_models import reference_model

REFERENCES = Path(__file__).parents[1] / "references"
RECORDED = json.loads((REFERENCES / "laplace.json").read_text())["fits"]
FACTORS = {"olre": ["INDEX"], "brood": ["BROOD"], "three": ["INDEX", "BROOD", "LOCATION"]}


def model_of(recorded):
    data, _, rest = recorded["id"].partition("_")
    reml = recorded["method"].startswith("REML")
    if data == "grouseticks":
        return laplace_models.grouseticks(FACTORS[rest], reml)
    effects, _, errors = rest.partition("_")
    return laplace_models.sleepstudy(effects == "ris", errors, reml)


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda r: f"{r['id']} {r['method'][:4]}")
def test_recorded_fits(recorded):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = model_of(recorded).fit()
    found, beta = result.estimates, list(recorded["beta"].values())
    assert result.log_likelihood == pytest.approx(recorded["logLik"], abs=1e-6)
    assert found["beta"] == pytest.approx(beta, rel=1e-5)
    sd = onp.hstack([term["sd"] for term in recorded["random"]])
    assert onp.exp(found["log_sd"]) == pytest.approx(sd, rel=1e-5)
    errors = result.standard_errors["beta"]
    assert errors == pytest.approx(list(recorded["se"].values()), rel=1e-4)
    if recorded.get("sigma"):
        assert onp.exp(found["log_sigma"]) == pytest.approx(recorded["sigma"], rel=1e-5)
    if "log_dof" in found:
        assert 1 + onp.exp(found["log_dof"]) == pytest.approx(recorded["nu"], rel=1e-5)
    if recorded["random"][0].get("corr") is not None:
        C = cholesky_factor(found["log_sd"], found["chol"])
        assert (C @ C.T)[0, 1] / onp.prod(sd) == pytest.approx(recorded["random"][0]["corr"],
                                                              abs=1e-5)


def test_the_example():
    assert doctest.testmod(lmmcore.laplace).failed == 0


def rows_and_columns(factors):
    """300 zeros and ones that any program can make anew, in 12 rows and 25 columns."""
    i = onp.arange(300)
    row, column, x = i % 12, (7 * i) % 25, i % 5 - 2.0
    logit = -0.3 + 0.4 * x + 1.2 * onp.cos(3 * row) + 1.5 * onp.sin(5 * column)
    y = (onp.abs(onp.sin(i + 1)) * 10000) % 1 < 1 / (1 + onp.exp(-logit))
    assert y.sum() == 135
    X, groups = onp.column_stack([onp.ones(300), x]), {"a": row, "b": column}
    effects = ["a", "b"][:factors]

    def joint(p):
        eta = X @ p.beta
        for j, name in enumerate(effects):
            eta = eta + np.exp(p.log_sd[j]) * getattr(p, name)[groups[name]]
        return bernoulli(y, eta) + sum(normal(getattr(p, name)) for name in effects)

    start = {"beta": onp.zeros(2), "log_sd": onp.zeros(factors)}
    start |= {name: onp.zeros(groups[name].max() + 1) for name in effects}
    return Laplace(joint, start, effects)


def test_crossed_zeros_and_ones():
    """glmmTMB 1.1.5, taken on to where its gradient is 1e-14."""
    found = rows_and_columns(2).fit()
    assert found.log_likelihood == pytest.approx(-164.5695415318, abs=1e-8)
    assert found.theta == pytest.approx([-0.296894829, 0.739158040, 0.073615230, 0.143348610],
                                        rel=1e-5)


def test_zeros_and_ones_by_quadrature():
    """glmer of lme4 1.1-31 with 25 points."""
    found = rows_and_columns(1).fit()
    end = Quadrature(found.model, 25).fit(found.theta, found.covariance)
    assert end.value == pytest.approx(178.43540232, abs=1e-6)
    assert end.x[:2] == pytest.approx([-0.26023692, 0.59600705], rel=1e-5)
    assert onp.exp(end.x[2]) == pytest.approx(0.81648750, rel=1e-5)


@pytest.mark.parametrize("method", ["ML", "REML"])
@pytest.mark.parametrize("slopes", [False, True])
def test_a_normal_model_is_integrated_exactly(slopes, method):
    """A20: with beta among the random parameters the likelihood is the restricted one."""
    name = "sleepstudy_ris" if slopes else "sleepstudy_ri"
    exact = fit(reference_model(name), method)
    laplace = laplace_models.sleepstudy(slopes, "normal", method == "REML").fit()
    # without the constant 1/2 log|X'X| in both: the convention of lme4 (chapter REML)
    assert laplace.log_likelihood == pytest.approx(exact.log_likelihood, abs=1e-9)
    assert laplace.estimates["beta"] == pytest.approx(exact.beta, rel=1e-7)
    assert onp.exp(2 * laplace.estimates["log_sigma"]) == pytest.approx(exact.sigma2, rel=1e-6)


@pytest.mark.parametrize("method", ["ML", "REML"])
def test_normal_away_from_the_maximum(method):
    """The whole function is the likelihood by its definition, not only its maximum."""
    model = laplace_models.sleepstudy(True, "normal", method == "REML")
    exact, rng = reference_model("sleepstudy_ris"), onp.random.default_rng(2)
    Z = exact.Z.toarray()
    for _ in range(5):
        values = {"beta": [240.0, 12.0], "log_sigma": rng.uniform(2, 4),
                  "log_sd": rng.uniform(1, 4, 2), "chol": rng.uniform(-1, 1, 1)}
        theta = onp.hstack([values[name] for name in model.joint.fixed])
        C = cholesky_factor(values["log_sd"], values["chol"])
        V = onp.exp(2 * values["log_sigma"]) * onp.eye(180)
        V += Z @ onp.kron(onp.eye(18), C @ C.T) @ Z.T
        X, W = exact.X, onp.linalg.inv(V)
        XWX = X.T @ W @ X
        beta = onp.linalg.solve(XWX, X.T @ W @ exact.y) if method == "REML" else values["beta"]
        r = exact.y - X @ beta
        p, extra = (2, onp.linalg.slogdet(XWX)[1]) if method == "REML" else (0, 0.0)
        minus_log = 0.5 * ((180 - p) * onp.log(2 * onp.pi) + onp.linalg.slogdet(V)[1] + extra
                           + r @ W @ r)
        assert model.objective(theta) == pytest.approx(minus_log, abs=1e-8)


def spread(seed, groups, sizes):
    rng = onp.random.default_rng(seed)
    return rng, onp.repeat(onp.arange(groups), sizes)


def crossed(n_rows=5, n_columns=23):
    rng = onp.random.default_rng(3)
    row, column = (x.ravel() for x in onp.mgrid[:n_rows, :n_columns])
    eta = 0.5 + 0.7 * rng.standard_normal(n_rows)[row] + rng.standard_normal(n_columns)[column]
    y = rng.poisson(onp.exp(eta))
    keep = rng.random(len(y)) < 0.8
    y, row, column = y[keep], row[keep], column[keep]

    def joint(p):
        eta = p.beta + np.exp(p.log_sd[0]) * p.a[row] + np.exp(p.log_sd[1]) * p.b[column]
        return poisson(y, eta) + normal(p.a) + normal(p.b)

    start = {"beta": 0.0, "log_sd": onp.zeros(2), "a": onp.zeros(n_rows), "b": onp.zeros(n_columns)}
    return Laplace(joint, start, ["a", "b"])


def count_series(n=100):
    rng = onp.random.default_rng(4)
    y = rng.poisson(onp.exp(1 + 0.1 * onp.cumsum(rng.standard_normal(n))))

    def joint(p):
        a = np.tanh(p.z)
        steps = p.u[1:] - a * p.u[:-1]
        first = normal(p.u[0], p.log_tau - 0.5 * np.log(1 - a**2))
        return poisson(y, p.mu + p.u) + normal(steps, p.log_tau) + first

    return Laplace(joint, {"mu": 1.0, "z": 1.0, "log_tau": -1.0, "u": onp.zeros(n)}, ["u"])


def t_effects(dof=4.0):
    rng, g = spread(5, 12, 6)
    y = rng.standard_t(dof, 12)[g] + rng.standard_normal(72)

    def joint(p):
        return normal(y - p.mean - p.u[g], p.log_sigma) + student_t(p.u, dof, p.log_scale)

    start = {"mean": 0.0, "log_sigma": 0.0, "log_scale": 0.0, "u": onp.zeros(12)}
    return Laplace(joint, start, ["u"])


def binary_slopes(groups=15):
    rng, g = spread(6, groups, 12)
    x = rng.standard_normal(len(g))
    u = rng.standard_normal((groups, 2))
    y = rng.random(len(g)) < 1 / (1 + onp.exp(-0.3 - x - u[g, 0] - 0.5 * x * u[g, 1]))

    def joint(p):
        C = cholesky_factor(p.log_sd, p.chol)
        b = np.dot(p.u, C.T)[g]
        return bernoulli(y, p.beta[0] + p.beta[1] * x + b[:, 0] + x * b[:, 1]) \
            + normal(p.u)

    start = {"beta": onp.zeros(2), "log_sd": onp.zeros(2), "chol": onp.zeros(1),
             "u": onp.zeros((groups, 2))}
    return Laplace(joint, start, ["u"])


MODELS = {
    "crossed": lambda: crossed(n_columns=97), "series": count_series, "t effects": t_effects,
    "binary": binary_slopes,
    "t errors, beta random": lambda: laplace_models.sleepstudy(True, "t_est", True),
    "three factors": lambda: laplace_models.grouseticks(["INDEX", "BROOD", "LOCATION"]),
}


@pytest.fixture(params=MODELS, scope="module")
def model(request):
    return MODELS[request.param]()


def near(model):
    return model.theta0 + onp.random.default_rng(7).uniform(-0.2, 0.2, len(model.theta0))


def fresh(model, theta):
    """v -> Hv, and the gradient in u, as functions of u: by autograd alone."""
    def f(u):
        return model.joint.density(SimpleNamespace(**dict(zip(names, shaped(u), strict=True))))

    def shaped(u):
        pieces, begin = list(fixed), 0
        for shape in model.joint.random.values():
            end = begin + int(onp.prod(shape))
            pieces.append(np.reshape(u[begin:end], shape))
            begin = end
        return pieces

    names = [*model.joint.fixed, *model.joint.random]
    fixed = model.joint.arrays(theta, model.joint.u0)[: len(model.joint.fixed)]
    return make_vjp(grad(f))


def dense(structure, values):
    k = structure.seeds.shape[1]
    H = onp.zeros((k, k))
    H[structure.rows, structure.columns] = values
    return H


def test_the_gradient_is_exact(model):
    theta, step = near(model), 1e-5
    central = [(model.objective(theta + e) - model.objective(theta - e)) / (2 * step)
               for e in step * onp.eye(len(theta))]
    gradient = model.gradient(theta)
    assert gradient == pytest.approx(central, abs=3e-6 * max(1, onp.max(onp.abs(gradient))))


def test_the_hessian_has_all_its_entries(model):
    theta = near(model)
    mode, s = model.mode(theta), model.sparsity
    times, _ = fresh(model, theta)(mode.u)
    H = dense(s, mode.factor.values)
    whole = onp.array([times(e) for e in onp.eye(model.k)])
    assert onp.max(onp.abs(H - whole)) < 1e-12 * onp.max(onp.abs(whole))
    assert len(s.seeds) < 10


def test_the_factor_is_that_of_the_dense_matrix(model):
    mode, s = model.mode(near(model)), model.sparsity
    H, factor = dense(s, mode.factor.values), mode.factor
    sign, log_det = onp.linalg.slogdet(H)
    assert sign == 1 and factor.log_det == pytest.approx(log_det, rel=1e-12)
    b = onp.random.default_rng(8).standard_normal((model.k, 2))
    onp.testing.assert_allclose(H @ factor.solve(b), b, atol=1e-9)
    inverse = onp.linalg.inv(H)[s.rows, s.columns]
    onp.testing.assert_allclose(factor.inverse(), inverse, atol=1e-10 * onp.max(inverse))


def test_the_mode_is_the_maximum(model):
    theta = near(model)
    u = model.mode(theta).u
    _, gradient = fresh(model, theta)(u)
    _, at_zero = fresh(model, theta)(0 * u)
    assert onp.max(onp.abs(gradient)) < 1e-8 * max(1, onp.max(onp.abs(at_zero)))


def test_plans_follow_the_structure():
    three = MODELS["three factors"]()
    assert isinstance(three.factoriser.plan, BlockPlan) and len(three.sparsity.seeds) == 3
    assert isinstance(count_series().factoriser.plan, BandPlan)
    assert len(count_series().sparsity.seeds) == 3
    two = crossed(n_columns=97)
    assert len(two.factoriser.border) == 5 and len(two.sparsity.seeds) == 6


def test_a_normal_series_is_that_of_the_exact_filter():
    """AR(1) effects plus noise: the banded Laplace equals the tridiagonal likelihood."""
    rng = onp.random.default_rng(9)
    level = onp.zeros(80)
    for t in range(1, 80):
        level[t] = 0.8 * level[t - 1] + rng.standard_normal()
    y = level + rng.standard_normal(80)

    def joint(p):
        a = np.tanh(p.z)
        first = normal(p.u[0], p.log_tau - 0.5 * np.log(1 - a**2))
        steps = normal(p.u[1:] - a * p.u[:-1], p.log_tau)
        return normal(y - p.mean - p.u, p.log_sigma) + first + steps

    start = {"mean": 0.0, "z": 0.5, "log_tau": 0.0, "log_sigma": 0.0, "u": onp.zeros(80)}
    model = series(y, {"(Intercept)": 1}, onp.arange(80), AR1())
    exact = {method: fit(model, method) for method in ("ML", "REML")}
    assert Laplace(joint, start, ["u"]).fit().log_likelihood == pytest.approx(
        exact["ML"].log_likelihood, abs=1e-8)
    reml = Laplace(joint, start, ["u", "mean"]).fit()
    assert reml.log_likelihood == pytest.approx(exact["REML"].log_likelihood, abs=1e-8)


# The densities.

def test_densities_are_those_of_scipy():
    rng = onp.random.default_rng(10)
    x, s = rng.standard_normal(7), rng.uniform(-1, 1, 7)
    assert normal(x, s) == pytest.approx(-stats.norm.logpdf(x, scale=onp.exp(s)).sum(), rel=1e-13)
    for dof in (0.4, 1.0, 2.5, 30.0, 1e5):
        truth = -stats.t.logpdf(x, dof, scale=onp.exp(s)).sum()
        assert student_t(x, dof, s) == pytest.approx(truth, rel=1e-12)
    counts = rng.poisson(3, 7)
    assert poisson(counts, s) == pytest.approx(-stats.poisson.logpmf(counts, onp.exp(s)).sum())


def test_student_becomes_normal():
    x = onp.array([-3.0, 0.1, 2.0])
    assert student_t(x, 1e16) == pytest.approx(normal(x), rel=1e-14)
    assert student_t(x, 1e40) == pytest.approx(normal(x), rel=1e-14)
    # 1/nu times the next term of the expansion, (x^4 - 2 x^2 - 1) / 4
    excess = student_t(x, 1e6) - normal(x)
    assert excess == pytest.approx(-onp.sum(x**4 - 2 * x**2 - 1) / 4e6, rel=1e-4)


@pytest.mark.parametrize("dof", [onp.array([0.5, 3.0, 8.0, 200.0]), 1.0])
def test_log_gamma_ratio(dof):
    mpmath = pytest.importorskip("mpmath")
    truth = [float(mpmath.loggamma((v + 1) / mpmath.mpf(2)) - mpmath.loggamma(mpmath.mpf(v) / 2))
             for v in onp.atleast_1d(dof)]
    assert onp.atleast_1d(densities._log_gamma_ratio(dof)) == pytest.approx(truth, abs=1e-14)


def test_cholesky_factor():
    log_sd, c = onp.array([0.3, -1.0, 2.0]), onp.array([0.5, -2.0, 0.7])
    C = cholesky_factor(log_sd, c)
    assert onp.sqrt(onp.diag(C @ C.T)) == pytest.approx(onp.exp(log_sd))
    assert onp.all(onp.triu(C, 1) == 0) and onp.all(onp.diag(C) > 0)
    G = onp.cov(onp.random.default_rng(0).standard_normal((3, 9)))
    L = onp.linalg.cholesky(G)
    unit = (L / onp.diag(L)[:, None])[onp.tril_indices(3, -1)]
    again = cholesky_factor(0.5 * onp.log(onp.diag(G)), unit)
    assert again == pytest.approx(L)  # every positive definite G has its parameters


# Quadrature.

def one_group(counts):
    def joint(p):
        return poisson(counts, p.beta + np.exp(p.log_sd) * p.u) + normal(p.u)
    return Laplace(joint, {"beta": 0.5, "log_sd": 0.2, "u": onp.zeros(1)}, ["u"])


@pytest.mark.parametrize("counts", [[0], [3, 1, 4], [0, 0, 0, 25]])
def test_quadrature_is_the_integral(counts):
    model = one_group(onp.array(counts))
    theta = model.theta0
    truth, _ = integrate.quad(
        lambda u: onp.exp(-model.joint.value(theta, onp.array([u]))), -12, 12, epsabs=0,
        epsrel=1e-12, limit=400, points=[model.mode(theta).u[0]])
    assert Quadrature(model, 40).objective(theta) == pytest.approx(-onp.log(truth), abs=1e-9)
    assert Quadrature(model, 1).objective(theta) == pytest.approx(model.objective(theta), abs=1e-13)
    assert abs(model.objective(theta) + onp.log(truth)) > 1e-4  # Laplace itself is not exact


def test_quadrature_in_two_dimensions():
    rng = onp.random.default_rng(11)
    x, y = onp.arange(4.0) - 1.5, rng.poisson(3, 4)

    def joint(p):
        return poisson(y, p.b + p.u[0, 0] + x * p.u[0, 1] + 0.5 * p.u[0, 0]) + normal(p.u)

    model = Laplace(joint, {"b": 0.5, "u": onp.zeros((1, 2))}, ["u"])
    truth, _ = integrate.dblquad(
        lambda v, u: onp.exp(-model.joint.value(model.theta0, onp.array([u, v]))), -9, 9, -9, 9,
        epsabs=1e-12, epsrel=1e-9)
    assert Quadrature(model, 25).objective(model.theta0) == pytest.approx(-onp.log(truth), abs=1e-8)


def test_quadrature_of_the_normal_model_is_laplace():
    model = laplace_models.sleepstudy(True, "normal")
    theta = near(model)
    assert Quadrature(model, 7).objective(theta) == pytest.approx(model.objective(theta), abs=1e-9)


@pytest.mark.parametrize("make", [t_effects, lambda: binary_slopes(3)],
                         ids=["t effects", "binary"])
def test_the_gradient_of_quadrature(make):
    model = make()
    quadrature, theta, step = Quadrature(model, 15), near(model), 1e-5
    central = [(quadrature.objective(theta + e) - quadrature.objective(theta - e)) / (2 * step)
               for e in step * onp.eye(len(theta))]
    assert quadrature.gradient(theta) == pytest.approx(central, abs=1e-4)


@pytest.mark.parametrize("recorded", [r for r in RECORDED if "agq25" in r], ids=lambda r: r["id"])
def test_quadrature_fits_are_those_of_another_program(recorded):
    """lme4 with 25 points, which stops at a coarser tolerance."""
    model = model_of(recorded)
    laplace = model.fit()
    end = Quadrature(model, 25).fit(laplace.theta, laplace.covariance)
    assert end.converged
    found = vars(model.joint.parameters(end.x, laplace.mode.u))
    agq = recorded["agq25"]
    assert found["beta"] == pytest.approx(list(agq["beta"].values()), rel=2e-4)
    assert onp.exp(found["log_sd"]) == pytest.approx(agq["sd"], rel=1e-4)


def test_blocks_of_one_and_of_two_effects_add_up():
    y, x = onp.array([1, 4, 0, 2]), onp.arange(4.0)

    def pair(p):
        return poisson(y, p.b + p.u[0, 0] + x * p.u[0, 1]) + normal(p.u, -0.5)

    def single(p):
        return poisson(y[:2], p.b + p.v) + student_t(p.v, 4.0)

    b, u, v = {"b": 0.3}, {"u": onp.zeros((1, 2))}, {"v": onp.zeros(1)}
    both = Quadrature(Laplace(lambda p: pair(p) + single(p), b | v | u, ["u", "v"]), 9)
    parts = [Quadrature(Laplace(f, b | own, list(own)), 9) for f, own in ((pair, u), (single, v))]
    assert sorted(len(block) for block in both.blocks) == [1, 2]
    assert both.objective([0.3]) == pytest.approx(sum(q.objective([0.3]) for q in parts), abs=1e-12)
    assert both.gradient([0.3]) == pytest.approx(sum(q.gradient([0.3]) for q in parts), abs=1e-12)


def test_value_and_gradient_of_a_quadrature_are_taken_together_at_a_mode():
    rule = Quadrature(one_group(onp.array([3, 1])))
    theta = rule.model.theta0
    value, gradient = rule.value_and_gradient(rule.model.mode(theta))
    rule.gradient(theta + 0.1)
    assert rule.objective(theta) == value
    onp.testing.assert_array_equal(rule.gradient(theta), gradient)


@pytest.mark.parametrize("dimension", [1, 2])
def test_the_grid_integrates_polynomials(dimension):
    """Against the weight exp(-z'z): half of pi^(d/2) for a square."""
    z, log_w = quadrature._grid(3, dimension)
    assert z.shape == (3**dimension, dimension)
    w = onp.exp(log_w)
    volume = onp.pi ** (dimension / 2)
    assert onp.sum(w) == pytest.approx(volume)
    for column in z.T:
        assert w @ column**2 == pytest.approx(volume / 2)
        assert w @ column**4 == pytest.approx(volume * 3 / 4)
        assert w @ column == pytest.approx(0, abs=1e-14)


def test_how_many_points():
    model = one_group(onp.array([3, 1, 4]))
    assert Quadrature(model).points == 15
    assert Quadrature(model, 200).objective(model.theta0) == pytest.approx(
        Quadrature(model, 60).objective(model.theta0), abs=1e-11)
    with pytest.raises(ValueError, match="points must be from 1 to 200, not 201"):
        Quadrature(model, 201)


def test_quadrature_refuses_what_it_cannot():
    with pytest.raises(ValueError, match=r"blocks of 2 .* at most, and here 28 depend"):
        Quadrature(crossed())
    with pytest.raises(ValueError, match="points must be from 1 to 200, not 0"):
        Quadrature(t_effects(), 0)


# The tape.

def test_a_tape_is_the_calculation_afresh(model):
    """Gradient and products with the Hessian, by autograd's own differentiation, to rounding."""
    theta, u = near(model), onp.random.default_rng(12).standard_normal(model.k) / 3
    d = model.derivatives
    gradient, products = model.seeded.inner(theta, u)
    times, truth = fresh(model, theta)(u)
    assert gradient == pytest.approx(truth, abs=1e-13 * onp.max(onp.abs(truth)))
    for seed, product in zip(model.sparsity.seeds, products, strict=True):
        truth = times(seed)
        assert product == pytest.approx(truth, abs=1e-13 * onp.max(onp.abs(truth)))
    d.verify(theta, u)


def test_a_tape_leaves_its_constants_alone():
    """Played twice it gives the same: nothing is added to an array in its place."""
    constant = onp.arange(1.0, 4.0)

    def function(x, y):
        return [np.sum(constant[1:] * x[:2]) * x + y[onp.array([0, 0, 1])] ** 2, constant]

    x, y = onp.array([1.0, 2.0, 3.0]), onp.array([4.0, 5.0])
    tape = Tape(function, x, y)
    slopes = Tape(lambda *z: tape.backwards(z[:2], [0, 1])[1](z[2:]), x, y, x, x)
    weights = onp.array([1.0, -1.0, 2.0]), x
    first, slope = tape(x, y), slopes(x, y, *weights)
    # by hand: w'(c'x) x and w'y^2
    level, along = constant[1:] @ x[:2], weights[0] @ x
    assert slope[0] == pytest.approx(level * weights[0] + along * onp.append(constant[1:], 0))
    assert slope[1] == pytest.approx([0.0, 20.0])
    for _ in range(2):
        for again, once in ((tape(x, y), first), (slopes(x, y, *weights), slope)):
            for a, b in zip(again, once, strict=True):
                onp.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("wrong", ["multiply", "add", "divide", "subtract", "power"])
def test_only_calls_that_change_nothing_are_left_out(wrong):
    """x + 0, x * 1 and the like are no calls; 0 - x, 1 / x and others of other shape are."""
    from lmmcore.laplace.tape import UNCHANGED
    f, number = getattr(np, wrong), UNCHANGED[wrong][0]
    x = onp.array([0.5, 2.0])
    assert len(Tape(lambda x: [np.exp(f(x, number))], x)) == 1
    assert len(Tape(lambda x: [np.exp(f(x, number + 1.0))], x)) == 2
    assert len(Tape(lambda x: [np.exp(f(x, onp.full((3, 1), number)))], x)) == 2
    turned = Tape(lambda x: [np.exp(f(number, x))], x)
    assert len(turned) == (1 if wrong in ("multiply", "add") else 2)
    assert turned(x)[0] == pytest.approx(onp.exp(f(number, x)))


def test_a_shape_that_stays_is_no_call():
    x = onp.array([0.5, 2.0])
    for shape, calls in (((2,), 1), ((2, 1), 2)):
        tape = Tape(lambda x, shape=shape: [np.exp(np.reshape(x, shape))], x)
        assert len(tape) == calls
        onp.testing.assert_array_equal(tape(x)[0], onp.exp(x).reshape(shape))


def test_comparisons_are_played_too():
    def joint(p):
        tail = np.where(p.u > 0, p.u**2, 2 * p.u**2)
        return np.sum(tail) + np.sum((p.u - p.b) ** 2)

    model = Laplace(joint, {"b": 1.0, "u": onp.ones(4)}, ["u"])
    for b, curvature in ((1.0, 4.0), (-1.0, 6.0)):
        assert model.mode([b], onp.sign(b) * onp.ones(4)).factor.log_det == pytest.approx(
            4 * onp.log(curvature))


@pytest.mark.parametrize("decide", [
    lambda x: x > 0, lambda x: float(str(x).split()[-1].strip("()>")) > 0,
], ids=["if", "hidden from autograd"])
def test_a_density_that_asks_if_is_refused(decide):
    def joint(p):
        return np.sum(p.u**2) * (1.0 if decide(p.b) else 2.0) + p.b**2 + np.sum(p.u * p.b)

    with pytest.raises(ValueError, match=r"np\.where"):
        Laplace(joint, {"b": 0.0, "u": onp.ones(2)}, ["u"]).fit()
