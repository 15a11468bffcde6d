"""A residual sum of squares over a divisor: mean, variance and mean square error.

If rss / sigma2 is chi-square with f = n - p degrees of freedom, its mean is f sigma2 and its
variance 2 f sigma2^2. ML divides by n, REML by f; the least mean square error has f + 2.
See the chapters "Why variances come out too small" (B22, E9) and "Neyman and Scott" (E5).
"""

from __future__ import annotations

from typing import NamedTuple


class Moments(NamedTuple):
    """Mean, variance and mean square error of an estimate of sigma2."""

    mean: float
    variance: float
    mse: float


def moments(degrees: float, divisor: float, sigma2: float = 1.0) -> Moments:
    """Moments of rss / divisor, where rss / sigma2 is chi-square.

    Parameters
    ----------
    degrees : float
        f = n - p, positive.
    divisor : float
        n for ML, n - p for REML; positive.
    sigma2 : float
        The true variance. The mean has its units, variance and mse their square.

    Returns
    -------
    Moments
        f/d sigma2, 2 f/d^2 sigma2^2, and variance + (mean - sigma2)^2.

    Raises
    ------
    ValueError
        If degrees, divisor or sigma2 is not positive.
    """
    if not (degrees > 0 and divisor > 0 and sigma2 > 0):
        raise ValueError(
            f"degrees, divisor and sigma2 must be positive; they are {degrees}, {divisor}, {sigma2}"
        )
    mean = degrees / divisor * sigma2
    variance = 2.0 * degrees / divisor**2 * sigma2**2
    return Moments(mean, variance, variance + (mean - sigma2) ** 2)
