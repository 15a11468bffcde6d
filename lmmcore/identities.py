"""W^-1 and |W| through k x k matrices: Woodbury and the determinant lemma, and what they give.

W = I + Z Lambda Lambda' Z' is n x n, but M = I + Lambda'Z'Z Lambda is k x k, and

    W^-1 = I - Z Lambda M^-1 Lambda'Z'     (B17, in the form that survives phi = 0)
    |W|  = |M|                             (B18)

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
    """log|W| = log|I + Lambda'Z'Z Lambda| (B18)."""
    return float(np.linalg.slogdet(inner_matrix(model, theta))[1])


def gls(model: LinearMixedModel, theta: Array) -> Array:
    """beta(theta) = (X'W^-1X)^-1 X'W^-1 y, shape (p,) (B16)."""
    WiX = solve_W(model, theta, model.X)
    return np.linalg.solve(model.X.T @ WiX, WiX.T @ model.y)


def profile_log_likelihood(model: LinearMixedModel, theta: Array, method: str = "REML") -> float:
    """l(theta) with beta and sigma2 profiled out, from X'W^-1X and log|W| (B19; A3 repaired).

    ML: -1/2 [n log(2 pi s2) + n + log|W|] with s2 = r'W^-1 r / n, r = y - X beta(theta).
    REML: n - p for n, and + log|X'W^-1X| within the bracket. It equals
    :meth:`lmmcore.profile.Profile.log_likelihood`, which reaches it by B30 and B31.
    """
    r = model.y - model.X @ gls(model, theta)
    m = model.n - model.p if method == "REML" else model.n
    sigma2 = r @ solve_W(model, theta, r) / m
    value = m * np.log(2.0 * np.pi * sigma2) + m + log_det_W(model, theta)
    if method == "REML":
        value += np.linalg.slogdet(model.X.T @ solve_W(model, theta, model.X))[1]
    return float(-0.5 * value)
