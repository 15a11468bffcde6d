"""Means, variances and laws of variance estimates, against simulation within Monte Carlo error.

Limits are 5.5 standard errors, or tail probabilities of 1e-6: a false alarm is rarer than that.
"""

import numpy as np
import pytest
from scipy.stats import chi2, kstest

from lmmbook.demos.sampling import expected_estimates, moments, zero_probability
from lmmcore.textbook import definition
from lmmcore.textbook.one_way import neyman_scott, one_way

SIZE = 20000


def agrees(values, exact):
    """Mean and variance of simulated values, the latter by the fourth moment of the values."""
    assert abs(values.mean() - exact.mean) < 5.5 * np.sqrt(exact.variance / len(values))
    squared = (values - exact.mean) ** 2
    error = squared.std() / np.sqrt(len(values))
    assert abs(squared.mean() - exact.variance) < 5.5 * error


@pytest.fixture(scope="module")
def residual_squares():
    """rss of simulated responses, n = 12 and p = 4, known W with random intercepts; sigma2 = 2."""
    rng = np.random.default_rng(1)
    group = np.repeat(np.arange(4), 3)
    X = np.column_stack([np.ones(12), rng.standard_normal((12, 3))])
    W = np.eye(12) + 1.5 * (group[:, None] == group)
    noise = np.sqrt(2.0) * np.linalg.cholesky(W) @ rng.standard_normal((12, SIZE))
    y = (X @ [1.0, 2.0, -1.0, 3.0])[:, None] + noise
    return np.sum(y * (definition.projection(X, W) @ y), axis=0)


@pytest.mark.parametrize("divisor", [12, 8, 10])
def test_moments_at_a_known_ratio(residual_squares, divisor):
    agrees(residual_squares / divisor, moments(8, divisor, 2.0))


def test_mean_square_error_at_a_known_ratio(residual_squares):
    for divisor in (12, 8, 10):
        loss = (residual_squares / divisor - 2.0) ** 2
        error = loss.std() / np.sqrt(SIZE)
        assert abs(loss.mean() - moments(8, divisor, 2.0).mse) < 5.5 * error


def test_the_law_at_a_known_ratio(residual_squares):
    assert kstest(residual_squares / 2.0, chi2(8).cdf).pvalue > 1e-6


def test_a_wrong_number_of_degrees_would_be_noticed(residual_squares):
    with pytest.raises(AssertionError):
        agrees(residual_squares / 12, moments(12, 12, 2.0))
    assert kstest(residual_squares / 2.0, chi2(9).cdf).pvalue < 1e-6


@pytest.mark.parametrize("k", [3, 20])
def test_neyman_scott_law(k):
    rng = np.random.default_rng(k)
    y = rng.normal(0, 5, (SIZE, k, 1)) + rng.standard_normal((SIZE, k, 2))
    found = [neyman_scott(one) for one in y[:4000]]
    agrees(np.array([f.sigma2_ml for f in found]), moments(k, 2 * k))
    agrees(np.array([f.sigma2_reml for f in found]), moments(k, k))
    squares = np.sum((y[:, :, 0] - y[:, :, 1]) ** 2, axis=1) / 2
    assert kstest(squares, chi2(k).cdf).pvalue > 1e-6


def test_more_pairs_do_not_help_maximum_likelihood():
    k = 200000
    found = neyman_scott(np.random.default_rng(3).standard_normal((k, 2)))
    assert abs(found.sigma2_ml - 0.5) < 5.5 * np.sqrt(moments(k, 2 * k).variance)
    assert abs(found.sigma2_reml - 1.0) < 5.5 * np.sqrt(moments(k, k).variance)


def test_which_mean_square_error_is_smaller():
    def ml_less_reml(n, p):
        return moments(n - p, n).mse - moments(n - p, n - p).mse

    assert all(ml_less_reml(n, p) < 0 for p in range(1, 5) for n in range(p + 1, 200))
    for p in range(5, 15):
        for n in range(p + 1, 100):
            assert np.sign(round(ml_less_reml(n, p), 14)) == np.sign((p - 4) * (n - p) - 2 * p)


def test_no_divisor_beats_two_more_than_the_degrees():
    grid = np.linspace(4, 40, 1441)
    assert grid[np.argmin([moments(9, d).mse for d in grid])] == pytest.approx(11)


@pytest.mark.parametrize("bad", [(0, 1, 1), (1, 0, 1), (1, 1, -1), (1, 1, 0), (float("nan"), 1, 1)])
def test_bad_input_is_refused(bad):
    with pytest.raises(ValueError, match="must be positive"):
        moments(*bad)


BAD = {
    "probability": (lambda: zero_probability(1, 3, 0.1), "at least 2"),
    "negative phi": (lambda: zero_probability(3, 3, -0.1), "not negative"),
    "sigma2": (lambda: expected_estimates(3, 3, 0.0, 1.0), "positive"),
    "infinite phi": (lambda: zero_probability(3, 3, np.inf), "must be finite"),
    "method, sampling": (lambda: zero_probability(3, 3, 0.1, "moments"), "ML"),
}


@pytest.mark.parametrize("case", BAD)
def test_arguments_out_of_range_are_refused(case):
    call, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("method", ["ML", "REML"])
@pytest.mark.parametrize("tau2", [0.0, 0.3])
def test_means_and_zeros_of_one_way_estimates(method, tau2):
    k, m, sigma2, draws = 4, 3, 2.0, 40_000
    rng = np.random.default_rng(6)
    tables = (np.sqrt(tau2) * rng.standard_normal((draws, k, 1))
              + np.sqrt(sigma2) * rng.standard_normal((draws, k, m)))
    found = np.array([one_way(t, method)[1:] for t in tables])
    error = found.std(axis=0) / np.sqrt(draws)
    expected = expected_estimates(k, m, sigma2, tau2, method)
    zero = zero_probability(k, m, tau2 / sigma2, method)
    assert np.all(np.abs(found.mean(axis=0) - [*expected, zero]) < 5.5 * error)
    assert expected.sigma2 < sigma2


@pytest.mark.parametrize("phi", [0.0, 0.7])
def test_the_chance_of_zero_for_three_groups_in_closed_form(phi):
    # F with 2 and d degrees of freedom: P(F < x) = 1 - (1 + 2x/d)^(-d/2)
    for method, c in (("ML", 1.5), ("REML", 1.0)):
        x = c / (1 + 4 * phi)
        assert zero_probability(3, 4, phi, method) == pytest.approx(
            1 - (1 + 2 * x / 9) ** -4.5, rel=1e-12)


def test_two_groups_of_two_are_enough():
    # F with 1 and 2 degrees of freedom is t^2: P(F < x) = sqrt(x / (2 + x))
    assert zero_probability(2, 2, 0.0) == pytest.approx(np.sqrt(1 / 3), rel=1e-12)


@pytest.mark.parametrize("call", [
    lambda: zero_probability(1, 3, 0.1), lambda: expected_estimates(1, 3, 1.0, 0.1),
])
def test_too_few_groups_are_counted_in_the_message(call):
    with pytest.raises(ValueError, match="not 1 of 3"):
        call()


@pytest.mark.parametrize("method", ["ML", "REML"])
def test_means_of_one_way_estimates_by_integration(method):
    k, m, sigma2, tau2 = 3, 4, 2.0, 0.4
    middles = (np.arange(2000) + 0.5) / 2000  # the midpoint rule over quantiles
    ssb = (sigma2 + m * tau2) * chi2.ppf(middles, k - 1)[:, None]
    sse = sigma2 * chi2.ppf(middles, k * (m - 1))[None]
    divisor, total = (k, k * m) if method == "ML" else (k - 1, k * m - 1)
    printed = (ssb / divisor - sse / (k * (m - 1))) / m
    found = [np.where(printed > 0, sse / (k * (m - 1)), (sse + ssb) / total).mean(),
             np.maximum(printed, 0.0).mean()]
    np.testing.assert_allclose(found, expected_estimates(k, m, sigma2, tau2, method), rtol=2e-3)
