"""Responses drawn from a model, with a seed."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lmmcore.covariance import Array
from lmmcore.model import LinearMixedModel


def simulate(
    model: LinearMixedModel,
    beta: ArrayLike,
    sigma2: float,
    theta: ArrayLike,
    seed: int,
    size: int = 1,
) -> Array:
    """Draw Y = X beta + sigma (Z Lambda v + eps), v and eps standard normal (B3).

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

    Returns
    -------
    (n, size) array
        One response in each column.

    Raises
    ------
    ValueError
        If sigma2 is negative, or beta or theta have the wrong length.

    Notes
    -----
    See the chapter "A first fit" (B2, B3).
    """
    beta, theta = np.asarray(beta, float), np.asarray(theta, float)
    if beta.shape != (model.p,) or theta.shape != (model.covariance.n_theta,):
        raise ValueError(
            f"beta needs {model.p} entries and theta {model.covariance.n_theta}; they have shapes "
            f"{beta.shape} and {theta.shape}"
        )
    if not sigma2 >= 0:
        raise ValueError(f"sigma2 must not be negative; it is {sigma2}")
    rng = np.random.default_rng(seed)
    U = model.covariance.factor(theta) @ rng.standard_normal((model.k, size))
    eps = rng.standard_normal((model.n, size))
    return (model.X @ beta)[:, None] + np.sqrt(sigma2) * (model.Z @ U + eps)
