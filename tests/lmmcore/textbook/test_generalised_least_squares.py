"""Generalised least squares by whitening, and the covariance that wrong weights have."""

import numpy as np
import pytest

from lmmcore.textbook import definition
from lmmcore.textbook import generalised_least_squares as least_squares

RNG = np.random.default_rng(4)
X = np.column_stack([np.ones(12), RNG.standard_normal((12, 2))])
Y = RNG.standard_normal(12)


def covariance(seed):
    root = np.random.default_rng(seed).standard_normal((12, 12))
    return root @ root.T + np.eye(12)


V, S = covariance(1), covariance(2)


def test_whitening_is_the_formula():
    white, formula = least_squares.by_whitening(Y, X, V), definition.gls(Y, X, V)
    np.testing.assert_allclose(white.beta, formula.beta, rtol=1e-10)
    np.testing.assert_allclose(white.vcov, formula.vcov, rtol=1e-10)


def test_whitened_residuals_have_the_weighted_length():
    white_y, white_X = least_squares.whitened_data(Y, X, V)
    beta = definition.gls(Y, X, V).beta
    r = Y - X @ beta
    assert np.sum((white_y - white_X @ beta) ** 2) == pytest.approx(r @ np.linalg.solve(V, r))


def test_right_weights_are_generalised_least_squares():
    right, formula = least_squares.working(Y, X, V, V), definition.gls(Y, X, V)
    np.testing.assert_allclose(right.beta, formula.beta, rtol=1e-10)
    np.testing.assert_allclose(right.vcov, formula.vcov, rtol=1e-10)


def test_wrong_weights_are_never_better():
    excess = least_squares.working(Y, X, S, V).vcov - definition.gls(Y, X, V).vcov
    assert np.linalg.eigvalsh(excess).min() > 0


def test_covariances_of_both_in_a_simulation():
    size, beta = 20000, np.array([1.0, -2.0, 0.5])
    noise = np.linalg.cholesky(V) @ np.random.default_rng(5).standard_normal((12, size))
    for weights in (V, S):
        C = np.linalg.solve(X.T @ np.linalg.solve(weights, X), np.linalg.solve(weights, X).T)
        estimates = C @ ((X @ beta)[:, None] + noise)
        theory = least_squares.working(Y, X, weights, V).vcov
        se = np.sqrt(np.diag(theory) / size)
        assert np.all(np.abs(estimates.mean(axis=1) - beta) < 5.5 * se)
        ratio = estimates.var(axis=1, ddof=1) / np.diag(theory)
        assert np.all(np.abs(ratio - 1) < 5.5 * np.sqrt(2 / (size - 1)))


def test_a_covariance_that_is_none_is_refused():
    with pytest.raises(ValueError, match="not positive definite"):
        least_squares.whitened_data(Y, X, -V)
