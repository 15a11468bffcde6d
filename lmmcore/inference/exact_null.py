"""The exact null distribution of the likelihood ratio for one variance, in finite samples.

In y ~ N(X beta, sigma2 (I + phi ZZ')) with phi = 0 under the null hypothesis, let mu_s be the
eigenvalues of Z'(I - X(X'X)^-1X')Z and xi_s those of Z'Z. The contrasts in the eigenvectors'
coordinates are then independent, w_s standard normal times sigma, and sigma cancels:

    D(phi) = sum_s w_s^2 / (1 + phi mu_s),           rss(phi) = sigma2 D(phi)
    REML:  sup_phi (n-p) log(D(0)/D(phi)) - sum_s log(1 + phi mu_s)
    ML:    sup_phi  n    log(D(0)/D(phi)) - sum_s log(1 + phi xi_s)

(Crainiceanu and Ruppert). The distribution contains no unknown, so it can be simulated as exactly
as one likes from chi-squared numbers alone, without a fit. See the chapter "How sure are we?".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lmmcore.covariance.structures import Array, ScaledIdentity
from lmmcore.inference.likelihood_ratio import check_nested
from lmmcore.model import LinearMixedModel
from lmmcore.results import Fit
from lmmcore.tables import Report, Rows, number, probability

GRID = 60  # values of phi on which the highest point is looked for first
REFINEMENTS = 25  # golden sections after that
CHUNK = 2_000_000  # numbers held at a time
GOLDEN = 0.5 * (np.sqrt(5.0) - 1.0)


class Eigenvalues(NamedTuple):
    """Distinct eigenvalues mu with multiplicities (0 included, n - p in all), and those of Z'Z."""

    mu: Array
    times: Array
    xi: Array


@dataclass(frozen=True)
class ExactTest(Report):
    """The test of phi = 0; made by :func:`exact_test`.

    Attributes
    ----------
    method : {"REML", "ML"}
    statistic : float
    draws : (m,) array
        From the null distribution.
    p, p_se : float
        The share of draws at or above the statistic, and its Monte Carlo standard error.
    """

    method: str
    statistic: float
    draws: Array

    @property
    def p(self) -> float:
        return float(np.mean(self.draws >= self.statistic))

    @property
    def p_se(self) -> float:
        p = max(self.p, 1.0 / len(self.draws))
        return float(np.sqrt(p * (1 - p) / len(self.draws)))

    def _title(self) -> str:
        return f"Exact likelihood ratio test of one variance, both models fit by {self.method}"

    def _captioned(self) -> list[tuple[str, Rows]]:
        return [(f"Null distribution from {len(self.draws)} draws", [
            ["statistic", "null: at 0", "95 % quantile", "p", "Std.Err. of p"],
            [number(self.statistic), f"{100 * np.mean(self.draws == 0):.1f} %",
             number(np.quantile(self.draws, 0.95)), probability(self.p), number(self.p_se, 2)]])]


def exact_test(small: Fit, large: Fit, draws: int = 100_000, *, seed: int) -> ExactTest:
    """Test the only variance of a model against 0, in finite samples.

    Parameters
    ----------
    small : Fit
        Without random effects.
    large : Fit
        With one random effect for each level of one factor, and the same X.
    draws : int
    seed : int

    Raises
    ------
    ValueError
        As :func:`lmmcore.inference.likelihood_ratio.check_nested`; if the larger model has another
        variance or covariance, or the smaller one any; if draws is less than 1.
    """
    nesting = check_nested(small, large)
    if small.model.terms or (nesting.coefficients, nesting.variances, nesting.covariances) \
            != (0, 1, 0):
        raise ValueError("the exact distribution is for one variance: the smaller model has no "
                         "random effects, the larger one effect a level and the same X; otherwise "
                         "simulate: bootstrap_test(small, large, seed=1)")
    null = null_distribution(large.model, small.method, draws, seed=seed)
    return ExactTest(small.method, max(small.criterion - large.criterion, 0.0), null)


def null_distribution(
    model: LinearMixedModel, method: str = "REML", draws: int = 100_000, *, seed: int
) -> Array:
    """Draws of the likelihood ratio statistic of phi = 0, when phi is 0.

    Parameters
    ----------
    model : LinearMixedModel
        With one covariance parameter; its y is not used.
    method : {"REML", "ML"}
    draws : int
    seed : int

    Returns
    -------
    (draws,) array
        Exactly 0 where the likelihood is highest at phi = 0.

    Raises
    ------
    ValueError
        If the model has not one covariance parameter, the method is neither, or draws is less
        than 1.
    """
    if method not in ("REML", "ML"):
        raise ValueError(f'method must be "REML" or "ML", not {method!r}')
    if draws < 1:
        raise ValueError(f"draws must be at least 1, not {draws}")
    mu, times, xi = eigenvalues(model)
    m = model.n - model.p if method == "REML" else model.n
    values, counts = (mu, times) if method == "REML" else (xi, np.ones(len(xi)))
    rng, found, size = np.random.default_rng(seed), [], max(1, CHUNK // (len(mu) * GRID))
    for first in range(0, draws, size):
        square = rng.chisquare(times, (min(size, draws - first), len(mu)))  # sums of w_s^2
        found.append(_highest(square, mu, m, values, counts))
    return np.concatenate(found)


def eigenvalues(model: LinearMixedModel) -> Eigenvalues:
    """The spectrum of a model with one variance.

    ValueError if the model has not one covariance parameter.
    """
    n, structures = model.covariance.n_theta, [s for s, _, _ in model.covariance.placements]
    if n != 1 or not any(s.size == 1 or isinstance(s, ScaledIdentity) for s in structures):
        why = "whose effects depend on each other" if n == 1 else f"with {n} covariance parameters"
        raise ValueError("the exact distribution is for models with one variance phi of "
                         f"independent effects; this one is a model {why}")
    Z, Q = model.Z, model.least_squares.Q
    ZtZ, QtZ = (Z.T @ Z).toarray(), (Z.T @ Q).T
    mu = np.linalg.eigvalsh(ZtZ - QtZ.T @ QtZ)
    mu = mu[mu > 1e-10 * mu[-1]]  # of the n - p, the others are 0
    distinct = np.append(True, np.diff(mu) > 1e-9 * mu[1:])
    group = np.cumsum(distinct) - 1
    times = np.append(np.bincount(group), model.n - model.p - len(mu))
    mean = np.append(np.bincount(group, weights=mu) / times[:-1], 0.0)
    return Eigenvalues(mean[times > 0], times[times > 0], np.maximum(np.linalg.eigvalsh(ZtZ), 0.0))


def _highest(square: Array, mu: Array, m: int, values: Array, counts: Array) -> Array:
    """max over phi >= 0 of m log(D(0)/D(phi)) - sum counts log(1 + phi values), for each row."""
    total = square.sum(axis=1)

    def gain(phi: Array) -> Array:
        """At phi (rows, a) -> (rows, a)."""
        D = np.einsum("rs,ras->ra", square, 1.0 / (1.0 + phi[:, :, None] * mu))
        penalty = np.log1p(phi[:, :, None] * values) @ counts
        return m * np.log(total[:, None] / D) - penalty

    unit = 1.0 / np.max(mu)
    grid = unit * np.append(0.0, np.geomspace(1e-4, 1e6, GRID))
    on_grid = gain(np.broadcast_to(grid, (len(square), len(grid))))
    top = np.argmax(on_grid, axis=1)
    low = np.log(grid[np.maximum(top - 1, 1)])
    low[top <= 1] = np.log(1e-12 * unit)
    high = np.log(grid[np.clip(top + 1, 1, GRID)])
    for _ in range(REFINEMENTS):
        inner, outer = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        left, right = gain(np.exp(np.column_stack([inner, outer]))).T
        low, high = np.where(left < right, inner, low), np.where(left < right, high, outer)
    best = gain(np.exp(0.5 * (low + high))[:, None])[:, 0]
    return np.maximum(best, 0.0)
