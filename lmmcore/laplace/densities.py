"""Negative log densities, to be added up to a joint one, and covariances by standard deviations.

Each function returns the sum of the negative log densities of its first argument, constants
included, and is written with the NumPy of `autograd`, so that it can be differentiated.
See the chapter "Laplace" (A19, A21, B4).
"""

from __future__ import annotations

from typing import Any

import numpy as onp
from numpy.typing import ArrayLike

try:
    import autograd.numpy as np
    from autograd.scipy.special import gammaln
except ImportError as missing:
    raise ImportError(
        "the Laplace approximations need autograd: pip install 'lmmcore[laplace]'"
    ) from missing

Number = Any  # a number or an array, or what autograd puts in its place
LOG_2PI = float(onp.log(2.0 * onp.pi))
RAISED = onp.arange(24.0)


def normal(x: Number, log_sd: Number = 0.0) -> Number:
    """Of x ~ N(0, exp(log_sd)^2), each entry; ``log_sd`` broadcasts against ``x``."""
    z = x * np.exp(-log_sd)
    return np.sum(0.5 * z**2 + 0.5 * LOG_2PI + log_sd)


def student_t(x: Number, dof: Number, log_scale: Number = 0.0) -> Number:
    """Of x = exp(log_scale) t, t from Student's distribution on ``dof`` degrees of freedom (A21).

    The variance of x is exp(2 log_scale) dof / (dof - 2), where dof > 2.
    """
    z = x * (np.exp(-log_scale) / np.sqrt(dof))
    # log1p of t^2/nu keeps its digits where nu is large and t is nearly normal
    kernel = 0.5 * (dof + 1.0) * np.log1p(z**2)
    constant = 0.5 * np.log(onp.pi * dof) - _log_gamma_ratio(dof)
    return np.sum(kernel + constant + log_scale)


def _log_gamma_ratio(dof: Number) -> Number:
    """log Gamma((nu+1)/2) - log Gamma(nu/2), to 14 digits for every nu > 0.

    As a difference it would have no digits left for nu = 1e16. Gamma(x + 1) = x Gamma(x) raises
    nu/2 by 24, where the asymptotic series of the ratio in 1/x is accurate.
    """
    x = 0.5 * dof
    raised = x + len(RAISED)
    series = 1 / 8 - (1 / 192 - (1 / 640 - 17 / 14336 / raised**2) / raised**2) / raised**2
    lowered = np.sum(np.log1p(0.5 / (np.expand_dims(x, -1) + RAISED)), axis=-1)
    return 0.5 * np.log(raised) - series / raised - lowered


def poisson(counts: ArrayLike, log_mean: Number) -> Number:
    """Of counts from Poisson distributions with these logarithms of their means (B4).

    ValueError if a count is missing, negative or not a whole number.
    """
    counts = onp.asarray(counts, dtype=float)
    if not onp.all((counts >= 0.0) & (counts == onp.rint(counts))):
        raise ValueError("counts must be whole numbers from 0, with none missing")
    return np.sum(np.exp(log_mean) - counts * log_mean + gammaln(counts + 1.0))


def cholesky_factor(log_sd: Number, coefficients: Number) -> Number:
    """The lower triangular C with G = CC', by standard deviations and free coefficients (A19).

    Row j of C is exp(log_sd[j]) times a row of length one: the normalised row j of the unit lower
    triangular matrix that holds the coefficients, row by row. So G is positive definite whatever
    the parameters, and exp(log_sd) are its standard deviations.

    Parameters
    ----------
    log_sd : (q,) array
    coefficients : (q (q - 1) / 2,) array
    """
    q = len(log_sd)
    where = onp.zeros((q * (q - 1) // 2, q, q))
    where[onp.arange(len(where)), *onp.tril_indices(q, -1)] = 1.0
    lower = onp.eye(q) + np.tensordot(coefficients, where, 1)
    return (np.exp(log_sd) / np.sqrt(np.sum(lower**2, axis=1)))[:, None] * lower
