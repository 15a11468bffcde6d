"""Errors of a known covariance, against the definition with n x n matrices."""

import numpy as np
import pytest
from scipy import sparse
from scipy.linalg import toeplitz

from lmmcore import ScaledIdentity, fit, grouped, repeated
from lmmcore.design.grouped import whitened
from lmmcore.textbook import definition

RNG = np.random.default_rng(4)
n = 24
g = np.repeat(np.arange(6), 4)
Z = (g[:, None] == np.arange(6)).astype(float)
X = np.column_stack([np.ones(n), RNG.standard_normal(n)])
S = toeplitz(0.6 ** np.arange(n)) * np.outer(*2 * [np.linspace(1, 3, n)])
y = X @ [2.0, 1.0] + 2.0 * Z @ RNG.standard_normal(6) \
    + np.linalg.cholesky(S) @ RNG.standard_normal(n)
STRUCTURE = repeated(ScaledIdentity(1), 6)


def by_definition(method, sigma2, theta):
    V = sigma2 * (S + theta**2 * Z @ Z.T)
    likelihood = {"ML": definition.profile_log_likelihood,
                  "REML": definition.restricted_log_likelihood}[method]
    return likelihood(y, X, V), V


@pytest.mark.parametrize("method", ["REML", "ML"])
def test_the_fit_is_at_the_maximum_of_the_definition(method):
    result = fit(whitened(y, X, Z, STRUCTURE, S), method)
    (theta,), sigma2 = result.theta, result.sigma2
    best, V = by_definition(method, sigma2, theta)
    half_log_det = 0.5 * np.linalg.slogdet(S)[1]
    assert best == pytest.approx(result.log_likelihood - half_log_det, abs=1e-10)
    assert best != pytest.approx(result.log_likelihood, abs=0.1)
    if method == "REML":
        score = definition.restricted_score(y, X, V, [V / sigma2, Z @ Z.T])
        np.testing.assert_allclose(score, 0.0, atol=1e-8)
    for step in ((1.01, 1.0), (0.99, 1.0), (1.0, 1.01), (1.0, 0.99)):
        assert by_definition(method, sigma2 * step[0], theta * step[1])[0] < best
    beta, vcov = definition.gls(y, X, V)
    np.testing.assert_allclose(result.beta, beta, rtol=1e-9)
    np.testing.assert_allclose(result.vcov_beta, vcov, rtol=1e-9)
    u = sigma2 * theta**2 * Z.T @ np.linalg.solve(V, y - X @ beta)
    np.testing.assert_allclose(result.random_effects["term 1"][:, 0], u, rtol=1e-8, atol=1e-10)


def test_independent_errors_change_nothing():
    want = fit(grouped(y, X, g))
    got = fit(whitened(y, X, sparse.csr_array(Z), STRUCTURE, np.eye(n)))
    np.testing.assert_allclose(got.theta, want.theta, rtol=1e-9)
    assert got.log_likelihood == pytest.approx(want.log_likelihood, abs=1e-10)


def with_entry(value):
    bad = S.copy()
    bad[0, 1] = value
    return bad


@pytest.mark.parametrize(("errors", "message"), [
    (np.eye(n - 1), r"must be the \(24, 24\) covariance matrix"),
    (np.ones(n), r"must be the \(24, 24\) covariance matrix"),
    (with_entry(0.0), "symmetric"),
    (with_entry(S[0, 1] + 4e-10 * np.max(S)), "symmetric"),
    (1e-6 * with_entry(S[0, 1] + 4e-10 * np.max(S)), "symmetric"),
    (with_entry(np.nan), "1 missing or infinite"),
    (np.ones((n, n)), "positive definite"),
    (-np.eye(n), "positive definite"),
])
def test_bad_errors(errors, message):
    with pytest.raises(ValueError, match=message):
        whitened(y, X, Z, STRUCTURE, errors)


def test_bad_random_effects():
    with pytest.raises(ValueError, match="Z must be a matrix of 24 rows"):
        whitened(y, X, Z[1:], STRUCTURE, S)
