"""W^-1 and |W| through k x k matrices: Woodbury and the determinant lemma, and what they give.

W = I + Z Lambda Lambda' Z' is n x n, but M = I + Lambda'Z'Z Lambda is k x k, and

    W^-1 = I - Z Lambda M^-1 Lambda'Z'     (B17, in the form that survives phi = 0)
    |W|  = |M|                             (B18)

Quadratic forms in W^-1 are taken as sums of squares, which lose no digits when W is large:

    D'W^-1D = (D - Z Lambda V)'(D - Z Lambda V) + V'V,    V = M^-1 Lambda'Z'D

See the chapter "Block matrices".
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lmmcore.covariance.structures import Array
from lmmcore.model import LinearMixedModel, refuse_correlated_errors


class ContrastProfile(NamedTuple):
    """sigma2(theta) of REML, and the profile log likelihood of the contrasts themselves."""

    sigma2: float
    log_likelihood: float


def inner_matrix(model: LinearMixedModel, theta: Array) -> Array:
    """M = I + Lambda'Z'Z Lambda, shape (k, k); its eigenvalues are at least 1."""
    refuse_correlated_errors(model)
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
    :meth:`lmmcore.criterion.Criterion.log_likelihood`, which reaches it by B30 and B31.
    """
    r = model.y - model.X @ gls(model, theta)
    S = quadratic_form(model, theta, np.column_stack([model.X, r]))
    m = model.n - model.p if method == "REML" else model.n
    value = m * np.log(2.0 * np.pi * S[-1, -1] / m) + m + log_det_W(model, theta)
    if method == "REML":
        value += np.linalg.slogdet(S[:-1, :-1])[1]
    return float(-0.5 * value)


def contrast_profile(model: LinearMixedModel, theta: Array, A: Array) -> ContrastProfile:
    """Profile the likelihood of z = A'y over sigma2 by k x k matrices (B30, B31, any basis A).

    With R = A'A, F = A'Z Lambda and N = I + F'R^-1F,

        sigma2 = [z'R^-1z - z'R^-1F N^-1 F'R^-1z] / (n - p)
        l = -1/2 [(n - p)(log 2 pi sigma2 + 1) + log|N| + log|R|]

    so that A enters through A(A'A)^-1A' and through the constant log|R|. See the chapter "The
    profile of the restricted likelihood".

    Parameters
    ----------
    model : LinearMixedModel
    theta : (n_theta,) array
    A : (n, n - p) array
        Error contrasts, orthonormal or not.

    Raises
    ------
    ValueError
        If A has the wrong shape, or A'X is not 0.
    """
    A, m = np.asarray(A, float), model.n - model.p
    if A.shape != (model.n, m):
        raise ValueError(f"A must have shape {(model.n, m)}, a column for each contrast; it has "
                         f"{A.shape}")
    if not np.max(np.abs(A.T @ model.X)) <= 1e-9 * np.max(np.abs(A)) * np.sum(np.abs(model.X)):
        raise ValueError("A'X is not 0: these are no error contrasts of the model")
    z, R = A.T @ model.y, A.T @ A
    F = A.T @ (model.Z @ model.covariance.factor(np.asarray(theta, float)))
    Ri = np.linalg.inv(R)
    N = np.eye(model.k) + F.T @ Ri @ F
    v = F.T @ Ri @ z
    sigma2 = (z @ Ri @ z - v @ np.linalg.solve(N, v)) / m
    log_dets = np.linalg.slogdet(N)[1] + np.linalg.slogdet(R)[1]
    value = -0.5 * (m * (np.log(2.0 * np.pi * sigma2) + 1.0) + log_dets)
    return ContrastProfile(float(sigma2), float(value))
