"""The definition itself: the three faces of the restricted likelihood, scores, informations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import multivariate_normal

from lmmcore.textbook import definition as d
from reference_models import slopes

MODEL = slopes(seed=2)
THETA = np.array([0.7, -0.3, 0.4])
V = d.marginal_covariance(MODEL, THETA, 1.7)
y, X, Z = MODEL.y, MODEL.X, MODEL.Z.toarray()
n, p = X.shape
logdet = lambda M: np.linalg.slogdet(M)[1]  # noqa: E731


def test_marginal_covariance_entry_by_entry():
    G = 1.7 * np.array([[0.7**2, -0.21], [-0.21, 0.3**2 + 0.4**2]])
    for i in range(n):
        for j in range(n):
            same = MODEL.terms[0].codes[i] == MODEL.terms[0].codes[j]
            expected = (MODEL.terms[0].columns[i] @ G @ MODEL.terms[0].columns[j]) * same
            assert V[i, j] == pytest.approx(expected + 1.7 * (i == j), abs=1e-12)


def test_log_likelihood_is_scipys_normal_density():
    beta = np.array([0.3, 1.0, -2.0])
    expected = multivariate_normal(X @ beta, V).logpdf(y)
    assert d.log_likelihood(y, X, beta, V) == pytest.approx(expected, abs=1e-10)


def test_gls_solves_the_normal_equations_and_maximises():
    beta, vcov = d.gls(y, X, V)
    np.testing.assert_allclose(X.T @ np.linalg.solve(V, y - X @ beta), 0, atol=1e-11)
    np.testing.assert_allclose(vcov @ X.T @ np.linalg.solve(V, X), np.eye(p), atol=1e-12)
    top = d.profile_log_likelihood(y, X, V)
    for step in np.eye(p):
        assert d.log_likelihood(y, X, beta + 0.01 * step, V) < top


def test_error_contrasts():
    A = d.error_contrasts(X)
    assert A.shape == (n, n - p)
    np.testing.assert_allclose(A.T @ X, 0, atol=1e-13)
    np.testing.assert_allclose(A.T @ A, np.eye(n - p), atol=1e-13)
    np.testing.assert_allclose(A @ A.T, np.eye(n) - X @ np.linalg.inv(X.T @ X) @ X.T, atol=1e-13)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.integers(0, 10**6))
def test_contrasts_agree_whatever_A_up_to_the_stated_constant(seed):
    A = d.error_contrasts(X) @ np.random.default_rng(seed).standard_normal((n - p, n - p))
    expected = d.restricted_log_likelihood(y, X, V) + 0.5 * logdet(X.T @ X) \
        - 0.5 * logdet(A.T @ A)
    assert d.contrast_log_likelihood(y, A, V) == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("beta", [np.zeros(3), np.array([5.0, -3.0, 2.0])])
def test_integrating_beta_out_gives_the_restricted_likelihood(beta):
    assert d.integrated_log_likelihood(y, X, V, beta) == pytest.approx(
        d.restricted_log_likelihood(y, X, V), abs=1e-9)


def test_beta_is_0_where_the_integral_over_it_is_asked_for_without_one():
    assert d.integrated_log_likelihood(y, X, V) == d.integrated_log_likelihood(
        y, X, V, np.zeros(p))


def test_integrating_beta_out_by_quadrature():
    one = np.ones((n, 1))
    centre = d.gls(y, one, V).beta[0]
    top = d.profile_log_likelihood(y, one, V)
    area, _ = quad(lambda b: np.exp(d.log_likelihood(y, one, np.array([b]), V) - top),
                   centre - 20, centre + 20, epsabs=1e-13)
    assert np.log(area) + top == pytest.approx(d.restricted_log_likelihood(y, one, V), abs=1e-9)


def test_restricted_likelihood_has_one_determinant_of_a_sum():
    codes = MODEL.terms[0].codes
    total = sum(X[codes == g].T @ np.linalg.solve(V[np.ix_(codes == g, codes == g)], X[codes == g])
                for g in range(codes.max() + 1))
    expected = d.profile_log_likelihood(y, X, V) - 0.5 * logdet(total) + 0.5 * p * d.LOG_2PI
    assert d.restricted_log_likelihood(y, X, V) == pytest.approx(expected, abs=1e-10)


def test_projection():
    P, A = d.projection(X, V), d.error_contrasts(X)
    np.testing.assert_allclose(P @ X, 0, atol=1e-12)
    np.testing.assert_allclose(P @ V @ P, P, atol=1e-12)
    np.testing.assert_allclose(P, A @ np.linalg.solve(A.T @ V @ A, A.T), atol=1e-12)
    np.testing.assert_allclose(P @ y, np.linalg.solve(V, y - X @ d.gls(y, X, V).beta), atol=1e-12)


DV = d.covariance_derivatives(MODEL)


def at(psi):
    return sum(value * D for value, D in zip(psi, DV, strict=True))


PSI = 1.7 * np.append(1.0, MODEL.covariance.phi(THETA))


def test_covariance_is_linear_in_its_parameters():
    np.testing.assert_allclose(at(PSI), V, atol=1e-12)


@pytest.mark.parametrize(("likelihood", "score", "method"), [
    (d.restricted_log_likelihood, d.restricted_score, "REML"),
    (d.profile_log_likelihood, d.score, "ML"),
])
def test_scores_and_observed_information_are_derivatives(likelihood, score, method):
    h = 1e-5
    steps = h * np.eye(len(PSI))
    numeric = [(likelihood(y, X, at(PSI + e)) - likelihood(y, X, at(PSI - e))) / (2 * h)
               for e in steps]
    np.testing.assert_allclose(score(y, X, V, DV), numeric, rtol=1e-6, atol=1e-7)
    hessian = [(score(y, X, at(PSI + e), DV) - score(y, X, at(PSI - e), DV)) / (2 * h)
               for e in steps]
    np.testing.assert_allclose(d.observed_information(y, X, V, DV, method), -np.array(hessian),
                               rtol=1e-6, atol=1e-7)


def test_restricted_score_has_the_expected_information_as_variance():
    A = np.linalg.cholesky(V)
    rng = np.random.default_rng(3)
    scores = np.array([d.restricted_score(A @ rng.standard_normal(n), X, V, DV)
                       for _ in range(2000)])
    expected = d.expected_information(X, V, DV, "REML")
    np.testing.assert_allclose(scores.mean(axis=0), 0, atol=4 * np.sqrt(expected.max() / 2000))
    np.testing.assert_allclose(np.cov(scores.T), expected, atol=0.15 * expected.max())


def test_average_information_is_the_mean_for_REML():
    mean = 0.5 * (d.observed_information(y, X, V, DV) + d.expected_information(X, V, DV))
    np.testing.assert_allclose(d.average_information(y, X, V, DV), mean, atol=1e-12)


def test_not_positive_definite_is_refused():
    with pytest.raises(ValueError, match="not positive definite"):
        d.log_likelihood(y, X, np.zeros(3), -np.eye(n))


def test_a_singular_covariance_has_no_log_determinant():
    with pytest.raises(ValueError, match="not positive definite"):
        d.log_det(np.ones((2, 2)))
