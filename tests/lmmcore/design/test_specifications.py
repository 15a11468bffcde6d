"""The three specifications give one distribution (chapter "Three specifications of one model")."""

import numpy as np
import pytest
from scipy import stats

from lmmcore import AR1, fit, grouped, load, simulate
from lmmcore.textbook import definition

NAMES = "linear", "hierarchical", "marginal"
SIZE = 40_000


def model_of_lines():
    day = np.tile([0.0, 1, 2], 4)
    lines = {"(Intercept)": 1, "day": day}
    return grouped(np.arange(12.0) ** 2, lines, {"person": np.repeat(list("ABCD"), 3)},
                   {"person": lines})


BETA, SIGMA2, THETA = [250.0, 10.0], 625.0, np.array([0.98, 0.016, 0.236])


@pytest.mark.parametrize("name", NAMES)
def test_each_specification_has_the_mean_and_the_covariance(name):
    """Every mean and covariance within 5.8 standard errors; 90 of them: false alarm below 1e-6."""
    model = model_of_lines()
    V = definition.marginal_covariance(model, THETA, SIGMA2)
    e = simulate(model, BETA, SIGMA2, THETA, 3, SIZE, name) - (model.X @ BETA)[:, None]
    i, j = np.triu_indices(12)
    for sample, exact in ((e, np.zeros(12)), (e[i] * e[j], V[i, j])):
        z = (sample.mean(axis=1) - exact) / (sample.std(axis=1) / np.sqrt(SIZE))
        assert np.abs(z).max() < 5.8
    wrong = SIGMA2 * np.eye(12)  # the covariance given the random effects is told apart
    z = ((e[i] * e[j]).mean(axis=1) - wrong[i, j]) / ((e[i] * e[j]).std(axis=1) / np.sqrt(SIZE))
    assert np.abs(z).max() > 20


@pytest.mark.parametrize("name", NAMES)
def test_each_specification_is_gaussian_with_the_marginal_covariance(name):
    """The squared Mahalanobis length is chi-square with n degrees of freedom."""
    model = model_of_lines()
    V = definition.marginal_covariance(model, THETA, SIGMA2)
    e = simulate(model, BETA, SIGMA2, THETA, 4, SIZE, name) - (model.X @ BETA)[:, None]
    q = np.sum(e * np.linalg.solve(V, e), axis=0)
    assert stats.kstest(q, stats.chi2(12).cdf).pvalue > 1e-7
    assert stats.kstest(q, stats.chi2(11).cdf).pvalue < 1e-7


@pytest.mark.parametrize("name", NAMES)
def test_each_specification_has_the_errors_of_the_model(name):
    """Neighbouring errors correlate by .6; 45 covariances: false alarm below 1e-6."""
    group = np.repeat(list("ABC"), 3)
    model = grouped(np.arange(9.0), {"(Intercept)": 1}, {"g": group},
                    errors=AR1(np.tile([0, 1, 2], 3)))
    beta, theta = [1.0], np.array([0.7, np.arctanh(0.6)])
    V = definition.marginal_covariance(model, theta, 4.0)
    assert V[0, 1] == pytest.approx(4.0 * (0.7**2 + 0.6))
    e = simulate(model, beta, 4.0, theta, 5, SIZE, name) - 1.0
    i, j = np.triu_indices(9)
    z = ((e[i] * e[j]).mean(axis=1) - V[i, j]) / ((e[i] * e[j]).std(axis=1) / np.sqrt(SIZE))
    assert np.abs(z).max() < 5.8


def test_a_seed_determines_the_draws():
    """Its normal numbers are v and then eps; of size n for the marginal specification."""
    model, rng = model_of_lines(), np.random.default_rng(7)
    v, eps = rng.standard_normal(8), rng.standard_normal(12)
    linear = model.X @ BETA + 25.0 * (model.Z @ model.covariance.factor(THETA) @ v + eps)
    root = np.linalg.cholesky(definition.marginal_covariance(model, THETA, SIGMA2))
    marginal = model.X @ BETA + root @ np.random.default_rng(7).standard_normal(12)
    for name, y in (("linear", linear), ("hierarchical", linear), ("marginal", marginal)):
        draw = simulate(model, BETA, SIGMA2, THETA, 7, specification=name)
        np.testing.assert_allclose(draw, y[:, None], rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_without_variance_the_mean_is_drawn(name):
    model = model_of_lines()
    y = simulate(model, BETA, 0.0, THETA, 7, 2, name)
    np.testing.assert_array_equal(y, np.tile((model.X @ BETA)[:, None], 2))


def test_an_unknown_specification_is_refused():
    with pytest.raises(ValueError, match="linear, hierarchical or marginal"):
        simulate(model_of_lines(), BETA, SIGMA2, THETA, 1, specification="joint")


@pytest.mark.parametrize(("name", "response", "factor"), [
    ("Dyestuff", "Yield", "Batch"), ("Dyestuff2", "Yield", "Batch"),
    ("sleepstudy", "Reaction", "Subject"),
])
def test_the_joint_density_factorises(name, response, factor):
    """f(y | u) f(u) = f(y) f(u | y), at any u, with Psi moved off the boundary."""
    data = load(name)
    model = grouped(data[response], {"(Intercept)": 1}, {factor: data[factor]})
    best = fit(model)
    tau2, sigma2 = best.estimates[1] + 100.0, best.sigma2
    Z, k = model.Z.toarray(), model.k
    V = sigma2 * np.eye(model.n) + tau2 * Z @ Z.T
    r = model.y - model.X @ best.beta

    def log_normal(x, mean, covariance):
        return definition.log_likelihood(x, np.eye(len(x)), mean, covariance)

    mean = tau2 * Z.T @ np.linalg.solve(V, r)
    covariance = tau2 * np.eye(k) - tau2**2 * Z.T @ np.linalg.solve(V, Z)
    u = 50 * np.random.default_rng(1).standard_normal(k)
    joint = log_normal(r, Z @ u, sigma2 * np.eye(model.n)) + log_normal(u, 0 * u, tau2 * np.eye(k))
    both = log_normal(r, 0 * r, V) + log_normal(u, mean, covariance)
    np.testing.assert_allclose(joint, both, rtol=1e-10)
