"""The likelihoods by definition: each formula transcribed for dense n x n matrices.

Slow on purpose and short on purpose: this is the truth that the faster forms are tested against.
All log likelihoods have their full normalising constants; the restricted one is lme4's, without
+1/2 log|X'X|. Everywhere y is (n,), X (n, p) of full column rank, V (n, n) positive definite, and
dV a sequence of (n, n) derivatives of V; a V that is not positive definite raises a ValueError.
See the chapter "The restricted likelihood and its score".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.linalg import null_space

from lmmcore.covariance.structures import Array
from lmmcore.model import LinearMixedModel

LOG_2PI = np.log(2.0 * np.pi)


class WeightedLeastSquares(NamedTuple):
    """beta (p,) and its covariance matrix (X'V^-1X)^-1 (p, p)."""

    beta: Array
    vcov: Array


def relative_covariance(model: LinearMixedModel, theta: Array) -> Array:
    """W = R + Z Lambda Lambda' Z', shape (n, n) (B16); R = I but for correlated errors.

    Parameters
    ----------
    model : LinearMixedModel
    theta : (n_theta,) array
    """
    theta = np.asarray(theta, float)
    ZL = model.Z @ model.covariance.factor(theta)
    R = np.eye(model.n) if model.errors is None else model.errors.correlation(theta[-1:])
    return R + ZL @ ZL.T


def marginal_covariance(model: LinearMixedModel, theta: Array, sigma2: float) -> Array:
    """V = sigma2 W(theta) = Var(Y), shape (n, n), in squared units of y (B2, B16)."""
    return sigma2 * relative_covariance(model, theta)


def covariance_derivatives(model: LinearMixedModel) -> list[Array]:
    """dV/dsigma2 = I and dV/dpsi_j = Z E_j Z' for the free entries psi of Var(U), each (n, n).

    V = sigma2 I + sum_j psi_j Z E_j Z' is linear in these parameters, psi = sigma2 phi.

    ValueError if a covariance structure has parameters in which it is not linear.
    """
    covariance = model.covariance
    if not np.all(covariance.scaled):
        raise ValueError("V is not linear in the parameters of an autoregression: differentiate "
                         "relative_covariance, or use Profile.derivatives")
    directions = covariance.directions(np.zeros(covariance.n_theta))
    return [np.eye(model.n)] + [model.Z @ (model.Z @ E.T).T for E in directions]


def log_likelihood(y: Array, X: Array, beta: Array, V: Array) -> float:
    """log N(y; X beta, V) = -1/2 [n log(2 pi) + log|V| + (y - X beta)'V^-1(y - X beta)] (B11).

    Parameters
    ----------
    y : (n,) array
    X : (n, p) array
    beta : (p,) array
    V : (n, n) array, positive definite

    Raises
    ------
    ValueError
        If V is not positive definite.
    """
    r = y - X @ beta
    return -0.5 * (len(y) * LOG_2PI + log_det(V) + r @ np.linalg.solve(V, r))


def log_det(V: Array) -> float:
    """log|V| of a positive definite matrix (n, n).

    ValueError if |V| is not positive.
    """
    sign, value = np.linalg.slogdet(V)
    if not sign > 0:
        raise ValueError("the covariance matrix is not positive definite: check theta and sigma2")
    return float(value)


def gls(y: Array, X: Array, V: Array) -> WeightedLeastSquares:
    """beta = (X'V^-1X)^-1 X'V^-1 y, the maximum in beta for known V (B12), and its covariance."""
    XtVi = np.linalg.solve(V, X).T
    return WeightedLeastSquares(np.linalg.solve(XtVi @ X, XtVi @ y), np.linalg.inv(XtVi @ X))


def profile_log_likelihood(y: Array, X: Array, V: Array) -> float:
    """The log likelihood at beta = gls(y, X, V) (B13)."""
    return log_likelihood(y, X, gls(y, X, V).beta, V)


def error_contrasts(X: Array) -> Array:
    """A, shape (n, n - p): an orthonormal basis of the null space of X', so A'X = 0, A'A = I (B25).

    Parameters
    ----------
    X : (n, p) array of full column rank
    """
    return null_space(np.asarray(X, float).T)


def contrast_log_likelihood(y: Array, A: Array, V: Array) -> float:
    """log N(A'y; 0, A'VA) for any error contrasts A (n, n - p) with A'X = 0 (B24).

    It is :func:`restricted_log_likelihood` + 1/2 log|X'X| - 1/2 log|A'A|, whatever A (B25).
    """
    z = A.T @ y
    return log_likelihood(z, np.zeros((len(z), 1)), np.zeros(1), A.T @ V @ A)


def restricted_log_likelihood(y: Array, X: Array, V: Array) -> float:
    """The profile log likelihood + p/2 log(2 pi) - 1/2 log|X'V^-1X| (A3 repaired, A11).

    For grouped data V is block diagonal and the last term is log|sum_i X_i'V_i^-1X_i|: one
    determinant of a sum, not a sum of determinants.
    """
    information = X.T @ np.linalg.solve(V, X)
    p = X.shape[1]
    return profile_log_likelihood(y, X, V) + 0.5 * (p * LOG_2PI - log_det(information))


def integrated_log_likelihood(y: Array, X: Array, V: Array, beta: Array | None = None) -> float:
    """log of the integral of N(y; X beta, V) over beta (A20): the restricted log likelihood.

    Under a flat prior the posterior of beta is N(gls, (X'V^-1X)^-1), and joint / posterior is the
    integral at every beta (p,); any may be given, 0 is taken if not.
    """
    b, vcov = gls(y, X, V)
    beta = np.zeros(X.shape[1]) if beta is None else beta
    posterior = log_likelihood(beta, np.eye(len(b)), b, vcov)
    return log_likelihood(y, X, beta, V) - posterior


def projection(X: Array, V: Array) -> Array:
    """P = V^-1 - V^-1X(X'V^-1X)^-1X'V^-1, shape (n, n); P = A(A'VA)^-1A', and PX = 0 (A13)."""
    Vi = np.linalg.inv(V)
    ViX = Vi @ X
    return Vi - ViX @ np.linalg.solve(X.T @ ViX, ViX.T)


def score(y: Array, X: Array, V: Array, dV: Sequence[Array]) -> Array:
    """Profile score in each direction dV: -1/2 [tr(V^-1 dV) - y'P dV P y] (A11, by the envelope).

    Parameters
    ----------
    y, X, V : (n,), (n, p), (n, n) arrays
    dV : sequence of (n, n) arrays
        Derivatives of V in each covariance parameter.

    Returns
    -------
    (len(dV),) array
    """
    Vi, Py = np.linalg.inv(V), projection(X, V) @ y
    return np.array([-0.5 * (np.sum(Vi * D) - Py @ D @ Py) for D in dV])


def restricted_score(y: Array, X: Array, V: Array, dV: Sequence[Array]) -> Array:
    """Restricted score in each direction dV: -1/2 [tr(P dV) - y'P dV P y] (A11), (len(dV),)."""
    P = projection(X, V)
    Py = P @ y
    return np.array([-0.5 * (np.sum(P * D) - Py @ D @ Py) for D in dV])


def observed_information(
    y: Array, X: Array, V: Array, dV: Sequence[Array], method: str = "REML"
) -> Array:
    """-d2l for V linear in its parameters: -1/2 tr(M dV_i M dV_j) + y'P dV_i P dV_j P y (B36).

    M is P for REML and V^-1 for ML. Shape (r, r) for r directions dV.
    """
    quadratic = 2.0 * average_information(y, X, V, dV)
    return quadratic - expected_information(X, V, dV, method)


def expected_information(X: Array, V: Array, dV: Sequence[Array], method: str = "REML") -> Array:
    """1/2 tr(M dV_i M dV_j), M = P for REML and V^-1 for ML (B36), shape (r, r)."""
    M = projection(X, V) if method == "REML" else np.linalg.inv(V)
    MD = [M @ D for D in dV]
    return np.array([[0.5 * np.sum(a * b.T) for b in MD] for a in MD])


def average_information(y: Array, X: Array, V: Array, dV: Sequence[Array]) -> Array:
    """1/2 y'P dV_i P dV_j P y: the mean of observed and expected information (B36), (r, r)."""
    P = projection(X, V)
    Py = P @ y
    DPy = np.array([D @ Py for D in dV])
    return 0.5 * DPy @ P @ DPy.T
