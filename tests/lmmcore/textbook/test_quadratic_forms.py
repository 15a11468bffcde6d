"""The moments and laws of the chapter "Projections and quadratic forms", against simulation.

The bounds are 5.5 standard errors: a false alarm is rarer than one in 10 million.
"""

import numpy as np
import pytest
from scipy import stats

from lmmcore import grouped, load
from lmmcore.textbook import definition

DRAWS = 100_000


def forms(seed):
    """Two symmetric matrices, a mean and a covariance without special form."""
    rng = np.random.default_rng(seed)
    A, B = (M + M.T for M in rng.standard_normal((2, 5, 5)))
    root = rng.standard_normal((5, 5))
    return A, B, rng.standard_normal(5), rng.standard_normal(5), root


def within(sample, exact):
    """Whether a mean over draws is within 5.5 standard errors of its exact value."""
    return abs(sample.mean() - exact) < 5.5 * sample.std() / np.sqrt(len(sample))


@pytest.mark.parametrize("seed", range(3))
def test_moments_of_quadratic_forms(seed):
    A, B, c, mu, root = forms(seed)
    V = root @ root.T
    e = root @ np.random.default_rng(seed + 50).standard_normal((5, DRAWS))
    y = mu[:, None] + e
    q_A, q_B = (np.einsum("ij,ij->j", y, M @ y) for M in (A, B))
    mean_A, mean_B = (np.trace(M @ V) + mu @ M @ mu for M in (A, B))
    covariance = 2 * np.trace(A @ V @ B @ V) + 4 * mu @ A @ V @ B @ mu
    variance = 2 * np.trace(A @ V @ A @ V) + 4 * mu @ A @ V @ A @ mu
    assert within(q_A, mean_A)
    assert within((q_A - mean_A) * (q_B - mean_B), covariance)
    assert within((q_A - mean_A) ** 2, variance)
    assert within((c @ e) * (q_A - mean_A), 2 * c @ V @ A @ mu)
    assert not within((q_A - mean_A) ** 2, variance / 2)  # the factor is noticed
    assert not within((q_A - mean_A) ** 2, 2 * np.trace(A @ V @ A @ V))


def dyestuff():
    dye = load("Dyestuff")
    model = grouped(dye["Yield"], {"(Intercept)": 1}, {"Batch": dye["Batch"]})
    V = definition.marginal_covariance(model, np.sqrt([2.0]), 1.0)
    e = np.linalg.cholesky(V) @ np.random.default_rng(7).standard_normal((30, 20_000))
    return model, V, e


def test_the_weighted_residual_sum_of_squares_is_chi_square():
    model, V, e = dyestuff()
    P = definition.projection(model.X, V)
    q = np.einsum("ij,ij->j", e, P @ e)
    assert stats.kstest(q, stats.chi2(29).cdf).pvalue > 1e-7
    assert stats.kstest(q, stats.chi2(30).cdf).pvalue < 1e-7
    P_0 = definition.projection(model.X, np.eye(30))
    wrong = np.einsum("ij,ij->j", e, P_0 @ e) * 29 / np.trace(P_0 @ V)
    assert stats.kstest(wrong, stats.chi2(29).cdf).pvalue < 1e-7


def test_the_covariance_of_two_scores_is_the_expected_information():
    model, V, e = dyestuff()
    directions = definition.covariance_derivatives(model)
    P = definition.projection(model.X, V)
    scores = np.array([
        -0.5 * (np.trace(P @ D) - np.einsum("ij,ij->j", P @ e, D @ P @ e)) for D in directions
    ])
    information = definition.expected_information(model.X, V, directions)
    for i in range(2):
        assert within(scores[i], 0.0)
        for j in range(2):
            assert within(scores[i] * scores[j], information[i, j])
