"""One variance component, diagonalised: the sums over n - p terms are the dense formulas."""

import numpy as np
import pytest

from lmmcore.textbook import definition
from lmmcore.textbook.one_variance import spectrum

RNG = np.random.default_rng(5)
X = np.column_stack([np.ones(9), RNG.standard_normal(9)])
Z = np.kron(np.eye(3), np.ones((3, 1)))
K, y = Z @ Z.T, 3 * RNG.standard_normal(9)
THERE = [(1.3, 0.4), (0.5, 2.0), (2.0, 0.0)]


@pytest.mark.parametrize(("sigma2", "tau2"), THERE)
def test_likelihood_and_scores_are_those_of_the_definition(sigma2, tau2):
    V, P_size = sigma2 * np.eye(9) + tau2 * K, 9 - 2
    contrasts = spectrum(y, X, K)
    # the density of orthonormal contrasts
    want = definition.restricted_log_likelihood(y, X, V) + 0.5 * np.linalg.slogdet(X.T @ X)[1]
    assert contrasts.log_likelihood(sigma2, tau2) == pytest.approx(want, abs=1e-12)
    scores = contrasts.scores(sigma2, tau2)
    np.testing.assert_allclose(
        scores[:2], definition.restricted_score(y, X, V, [np.eye(9), K]), atol=1e-12
    )
    y_P_y = y @ definition.projection(X, V) @ y
    assert scores.scaling == pytest.approx(y_P_y - P_size, abs=1e-12)


def test_many_variances_at_once():
    contrasts = spectrum(y, X, K)
    sigma2, tau2 = np.array(THERE).T
    together, scores = contrasts.log_likelihood(sigma2, tau2), contrasts.scores(sigma2, tau2)
    assert contrasts.variances(sigma2, tau2).shape == (3, 7)
    for i, at in enumerate(THERE):
        assert together[i] == contrasts.log_likelihood(*at)
        np.testing.assert_array_equal([s[i] for s in scores], contrasts.scores(*at))


def test_directions_without_random_effects_have_eigenvalue_zero():
    lam = spectrum(y, X, K).lam
    assert np.sum(lam > 0) == 2 and np.all(lam[lam > 0] > 0.1)


def test_a_small_eigenvalue_is_kept_and_a_rounding_error_is_not():
    X = np.array([[1.0], [0.0], [0.0], [0.0]])
    lam = spectrum(y[:4], X, np.diag([0.0, 1.0, 1e-10, 1e-14])).lam
    np.testing.assert_allclose(np.sort(lam), [0.0, 1e-10, 1.0], rtol=1e-4)
