"""Henderson's equations and penalised least squares against the definition and the fits."""

import numpy as np
import pytest

from lmmcore import fit
from lmmcore.profile import Profile
from lmmcore.textbook import definition
from lmmcore.textbook.mixed_model_equations import henderson, penalised
from reference_models import reference_model, slopes

MODELS = ["Dyestuff", "sleepstudy_ris", "Penicillin", "Pastes"]


def flat(effects):
    return np.concatenate([u.ravel() for u in effects.values()])


@pytest.mark.parametrize("name", MODELS)
def test_henderson_is_the_fit_and_the_definition(name):
    model = reference_model(name)
    result = fit(model)
    L, Z = model.covariance.factor(result.theta), model.Z.toarray()
    Psi, Sigma = result.sigma2 * L @ L.T, result.sigma2 * np.eye(model.n)
    solved = henderson(model.y, model.X, Z, Sigma, Psi)
    scale = np.abs(flat(result.random_effects)).max()
    np.testing.assert_allclose(solved.beta, result.beta, rtol=1e-9)
    np.testing.assert_allclose(solved.random_effects, flat(result.random_effects),
                               atol=1e-8 * scale)
    np.testing.assert_allclose(solved.var_beta, result.vcov_beta, rtol=1e-8)
    V = definition.marginal_covariance(model, result.theta, result.sigma2)
    P = definition.projection(model.X, V)
    np.testing.assert_allclose(solved.prediction_variance, Psi - Psi @ Z.T @ P @ Z @ Psi,
                               atol=1e-9 * Psi.max())
    information = model.X.T @ np.linalg.solve(V, model.X)
    both = definition.log_det(V) + definition.log_det(information)
    assert both == pytest.approx(
        definition.log_det(Sigma) + definition.log_det(Psi) + solved.log_det, rel=1e-10)


@pytest.mark.parametrize("theta", [0.0, 1e-3, 0.7, 30.0])
@pytest.mark.parametrize("name", MODELS)
def test_penalised_is_the_profile(name, theta):
    model = reference_model(name)
    theta = np.full(model.covariance.n_theta, theta)
    profile = Profile(model)
    solved, solution = penalised(model, theta), profile.solution(theta)
    m = profile.m
    value = -0.5 * (m * (np.log(2 * np.pi * solved.rss / m) + 1) + solved.log_det)
    assert value == pytest.approx(profile.log_likelihood(theta), rel=1e-11)
    np.testing.assert_allclose(solved.beta, solution.beta, rtol=1e-9)
    expected = np.concatenate([u.ravel() for u in solution.random_effects])
    np.testing.assert_allclose(solved.random_effects, expected, atol=1e-7)


def test_a_singular_covariance():
    model = slopes(seed=4)
    theta = np.array([1.0, 0.5, 0.0])  # two effects with correlation 1
    L = model.covariance.factor(theta)
    with pytest.raises(ValueError, match="Psi is singular"):
        henderson(model.y, model.X, model.Z.toarray(), np.eye(model.n), L @ L.T)
    W = definition.relative_covariance(model, theta)
    P = definition.projection(model.X, W)
    solved = penalised(model, theta)
    assert solved.rss == pytest.approx(model.y @ P @ model.y, rel=1e-11)
    np.testing.assert_allclose(solved.random_effects, L @ L.T @ model.Z.T @ P @ model.y, atol=1e-9)


def test_prediction_error_variance_is_met_by_simulation():
    """Bounds of 5.5 standard errors: a false alarm is rarer than 1e-6."""
    rng = np.random.default_rng(77)
    Z, X, trials = np.kron(np.eye(6), np.ones((5, 1))), np.ones((30, 1)), 4000
    solved = henderson(np.zeros(30), X, Z, np.eye(30), np.eye(6))
    U = rng.standard_normal((trials, 6))
    y = U @ Z.T + rng.standard_normal((trials, 30))
    P = definition.projection(X, np.eye(30) + Z @ Z.T)
    squares = np.mean((y @ P @ Z - U) ** 2, axis=1)
    formula = np.diag(solved.prediction_variance).mean()
    error = squares.std() / np.sqrt(trials)
    assert abs(squares.mean() - formula) < 5.5 * error
    given = 1 / 6  # the conditional variance leaves the error of beta out
    assert squares.mean() - given > 5.5 * error
    means = np.mean((y.reshape(trials, 6, 5).mean(2) - y.mean(1)[:, None] - U) ** 2, axis=1)
    assert means.mean() - formula > 5.5 * error
