"""Groups of equal size: the estimates in closed form.

One sample, pairs with a mean each, and k groups of m with random effects: where the algebra can be
finished by hand. Each estimate equals the general fit of the same model; the tests hold them
against each other. How they behave over repeated samples is in the chapters "Why variances come out
too small", "Neyman and Scott" and "One-way ANOVA" (B22, B23, B32 to B35, E4, E5, E9).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lmmcore.columns import numeric, vector


class SampleEstimates(NamedTuple):
    """Mean, and the two estimates of sigma2."""

    mean: float | np.ndarray
    sigma2_ml: float
    sigma2_reml: float


class OneWayEstimates(NamedTuple):
    """xi, sigma2 and tau2 of the balanced one-way model, and whether tau2 is on its boundary."""

    xi: float
    sigma2: float
    tau2: float
    boundary: bool


def simple_sample(y: ArrayLike) -> SampleEstimates:
    """Y_i ~ N(xi, sigma2): ML divides by n, REML by n - 1 (B22, E4).

    Parameters
    ----------
    y : (n,) array, n >= 2

    Raises
    ------
    ValueError
        If there are fewer than two finite values.
    """
    y = vector("y", y)
    n = len(y)
    if n < 2:
        raise ValueError("a variance needs at least two observations")
    squares = np.sum((y - y.mean()) ** 2)
    return SampleEstimates(float(y.mean()), float(squares / n), float(squares / (n - 1)))


def neyman_scott(y: ArrayLike) -> SampleEstimates:
    """Y_ij ~ N(xi_i, sigma2), j = 1, 2: ML tends to sigma2 / 2, REML to sigma2 (B23, B27, E5).

    Parameters
    ----------
    y : (k, 2) array
        One pair in each row, each with its own mean.

    Returns
    -------
    SampleEstimates
        ``mean`` has shape (k,).

    Raises
    ------
    ValueError
        If y does not hold pairs.
    """
    y = numeric("y", y)
    if y.ndim != 2 or y.shape[1] != 2:
        raise ValueError(f"y must hold one pair in each row, shape (k, 2); it has {y.shape}")
    k = len(y)
    squares = np.sum((y[:, 0] - y[:, 1]) ** 2) / 2  # sum of squares within pairs
    return SampleEstimates(y.mean(axis=1), float(squares / (2 * k)), float(squares / k))


def one_way(y: ArrayLike, method: str = "REML") -> OneWayEstimates:
    """Balanced one-way ANOVA, y_ij = xi + U_i + e_ij, i = 1..k, j = 1..m (B32, B35).

    sigma2 = SSE/(k(m - 1)) and tau2 = (SSB/d - sigma2)/m with d = k for ML, k - 1 for REML and
    for the moment equations. When that tau2 is negative, ML and REML have tau2 = 0 and sigma2 =
    SST/n or SST/(n - 1); the moment estimate stays negative.

    Parameters
    ----------
    y : (k, m) array
        One group in each row; k, m >= 2.
    method : {"ML", "REML", "moments"}

    Raises
    ------
    ValueError
        If the table is smaller than 2 x 2, the method is none of the three, or the groups have no
        variation within.
    """
    y = numeric("y", y)
    if y.ndim != 2 or min(y.shape) < 2:
        raise ValueError(f"y must be a table of at least 2 groups of at least 2; it has {y.shape}")
    if method not in ("ML", "REML", "moments"):
        raise ValueError(f'method must be "ML", "REML" or "moments", not {method!r}')
    k, m = y.shape
    shift = float(y[0, 0])  # leading digits in common are subtracted without error
    z = y - shift
    means, centre = z.mean(axis=1), float(z.mean())
    sse = float(np.sum((z - means[:, None]) ** 2))
    ssb = float(m * np.sum((means - centre) ** 2))
    xi = shift + centre
    if sse <= 1e-28 * y.size * np.max(np.abs(y)) ** 2:
        raise ValueError("no variation within groups is left: sigma2 would be 0")
    sigma2 = sse / (k * (m - 1))
    tau2 = (ssb / (k if method == "ML" else k - 1) - sigma2) / m
    if tau2 <= 0 and method != "moments":
        n = k * m
        return OneWayEstimates(xi, (sse + ssb) / (n if method == "ML" else n - 1), 0.0, True)
    return OneWayEstimates(xi, sigma2, tau2, False)
