"""Responses drawn from a model, with a seed."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lmmcore.covariance.structures import Array
from lmmcore.model import LinearMixedModel
from lmmcore.textbook.definition import relative_covariance


def simulate(
    model: LinearMixedModel,
    beta: ArrayLike,
    sigma2: float,
    theta: ArrayLike,
    seed: int,
    size: int = 1,
    specification: str = "linear",
) -> Array:
    """Draw responses by one of the three specifications of the model, which agree in law (E1).

    linear: Y = X beta + sigma (Z U + eps) with U = Lambda v, v and eps standard normal (B2);
    hierarchical: first U, then Y from N(X beta + sigma Z U, sigma2 I) (B3);
    marginal: Y = X beta + sigma R v with RR' = W, of size n x n, without random effects (B2).

    See the chapter "Three specifications of one model" (B2, B3, E1).

    Parameters
    ----------
    model : LinearMixedModel
        Its X, Z and covariance structure are used, not its y.
    beta : (p,) array
    sigma2 : float
        Error variance, in squared units of y.
    theta : (n_theta,) array
        Entries of the relative covariance factor Lambda.
    seed : int
        The same seed gives the same draws.
    size : int
        Number of responses.
    specification : {"linear", "hierarchical", "marginal"}

    Returns
    -------
    (n, size) array
        One response in each column.

    Raises
    ------
    ValueError
        If sigma2 is negative, beta or theta have the wrong length, or there is no such
        specification.
    """
    beta, theta = np.asarray(beta, float), np.asarray(theta, float)
    if beta.shape != (model.p,) or theta.shape != (model.covariance.n_theta,):
        raise ValueError(
            f"beta needs {model.p} entries and theta {model.covariance.n_theta}; they have shapes "
            f"{beta.shape} and {theta.shape}"
        )
    if not np.isfinite([*beta, *theta, sigma2]).all():
        raise ValueError("beta, sigma2 and theta must be finite numbers")
    if not sigma2 >= 0:
        raise ValueError(f"sigma2 must not be negative; it is {sigma2}")
    if specification not in ("linear", "hierarchical", "marginal"):
        raise ValueError(f"specification is linear, hierarchical or marginal; not {specification}")
    rng = np.random.default_rng(seed)
    mean, sigma = (model.X @ beta)[:, None], np.sqrt(sigma2)
    if specification == "marginal":
        root = np.linalg.cholesky(relative_covariance(model, theta))
        return mean + sigma * (root @ rng.standard_normal((model.n, size)))
    U = model.covariance.factor(theta) @ rng.standard_normal((model.k, size))
    if specification == "hierarchical" and model.errors is None:
        return rng.normal(mean + sigma * (model.Z @ U), sigma)
    eps = rng.standard_normal((model.n, size))
    if model.errors is not None:  # the covariance of Y given U is sigma2 R
        eps = model.errors.colour(theta[-1:], eps)
    return mean + sigma * (model.Z @ U + eps)
