"""W^-1 and |W| through k x k matrices: Woodbury and the determinant lemma, and what they give.

W = I + Z Lambda Lambda' Z' is n x n, but M = I + Lambda'Z'Z Lambda is k x k, and

    W^-1 = I - Z Lambda M^-1 Lambda'Z'     (B17, in the form that survives phi = 0)
    |W|  = |M|                             (B18)

Quadratic forms in W^-1 are taken as sums of squares, which lose no digits when W is large:

    D'W^-1D = (D - Z Lambda V)'(D - Z Lambda V) + V'V,    V = M^-1 Lambda'Z'D

See the chapter "Block matrices".
"""

from __future__ import annotations

import numpy as np

from lmmcore.covariance import Array
from lmmcore.model import LinearMixedModel


def inner_matrix(model: LinearMixedModel, theta: Array) -> Array:
    """M = I + Lambda'Z'Z Lambda, shape (k, k); its eigenvalues are at least 1."""
    ZL = model.Z @ model.covariance.factor(np.asarray(theta, float))
    return np.eye(model.k) + ZL.T @ ZL


def solve_W(model: LinearMixedModel, theta: Array, v: Array) -> Array:
    """W^-1 v = v - Z Lambda M^-1 Lambda'Z'v (B17 repaired).

    Parameters
    ----------
    model : LinearMixedModel
    theta : (n_theta,) array
        May be 0, or give a singular Lambda.
    v : (n,) or (n, r) array

    Returns
    -------
    array of the shape of v
    """
    ZL = model.Z @ model.covariance.factor(np.asarray(theta, float))
    return v - ZL @ np.linalg.solve(inner_matrix(model, theta), ZL.T @ v)


def log_det_W(model: LinearMixedModel, theta: Array) -> float:
    """log|W| = log|I + Lambda'Z'Z Lambda| (B18).

    With crossed factors Z'Z is singular, and about 1e-16 phi is lost when every phi is large;
    :class:`lmmcore.profile.Profile` loses nothing.
    """
    return float(np.linalg.slogdet(inner_matrix(model, theta))[1])


def quadratic_form(model: LinearMixedModel, theta: Array, D: Array) -> Array:
    """D'W^-1D as a sum of squares, shape (r, r) for D (n, r): residuals and effects (B17)."""
    ZL = model.Z @ model.covariance.factor(np.asarray(theta, float))
    V = np.linalg.solve(inner_matrix(model, theta), ZL.T @ D)
    residuals = D - ZL @ V
    return residuals.T @ residuals + V.T @ V


def gls(model: LinearMixedModel, theta: Array) -> Array:
    """beta(theta) = (X'W^-1X)^-1 X'W^-1 y, shape (p,) (B16)."""
    S = quadratic_form(model, theta, np.column_stack([model.X, model.y]))
    return np.linalg.solve(S[:-1, :-1], S[:-1, -1])


def profile_log_likelihood(model: LinearMixedModel, theta: Array, method: str = "REML") -> float:
    """l(theta) with beta and sigma2 profiled out, from X'W^-1X and log|W| (B19; A3 repaired).

    ML: -1/2 [n log(2 pi s2) + n + log|W|] with s2 = r'W^-1 r / n, r = y - X beta(theta).
    REML: n - p for n, and + log|X'W^-1X| within the bracket. It equals
    :meth:`lmmcore.profile.Profile.log_likelihood`, which reaches it by B30 and B31.
    """
    r = model.y - model.X @ gls(model, theta)
    S = quadratic_form(model, theta, np.column_stack([model.X, r]))
    m = model.n - model.p if method == "REML" else model.n
    value = m * np.log(2.0 * np.pi * S[-1, -1] / m) + m + log_det_W(model, theta)
    if method == "REML":
        value += np.linalg.slogdet(S[:-1, :-1])[1]
    return float(-0.5 * value)
