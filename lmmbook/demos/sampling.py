"""How estimates of variances behave over repeated samples, exactly.

Sums of squares are multiples of chi-square variables. For one of f = n - p degrees of freedom ML
divides by n, REML by f; the least mean square error has f + 2. In balanced one-way ANOVA SSB and
SSE are independent, (sigma2 + m tau2) and sigma2 times chi-squares with k - 1 and k(m - 1) degrees
of freedom. ML and REML put tau2 to 0 when the quotient of mean squares is small, so the probability
of a zero is that of an F variable, and the means of the estimates are incomplete means of
chi-squares. See the chapters "Why variances come out too small", "Neyman and Scott" and "One-way
ANOVA" (B32 to B35).
"""

from __future__ import annotations

from typing import NamedTuple

from scipy.special import fdtr


class Moments(NamedTuple):
    """Mean, variance and mean square error of an estimate of sigma2."""

    mean: float
    variance: float
    mse: float


class ExpectedEstimates(NamedTuple):
    """E sigma2-hat and E tau2-hat of the estimates that cannot be negative."""

    sigma2: float
    tau2: float


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


def zero_probability(k: int, m: int, phi: float, method: str = "REML") -> float:
    """P(tau2-hat = 0) = P(F < c / (1 + m phi)), c = k/(k - 1) for ML and 1 for REML (B32, B35).

    F has k - 1 and k(m - 1) degrees of freedom.

    Parameters
    ----------
    k, m : int
        k groups of m, both at least 2.
    phi : float
        tau2/sigma2, not negative.
    method : {"ML", "REML"}

    Raises
    ------
    ValueError
        If an argument is out of its range.
    """
    _check(k, m, method, phi)
    c = k / (k - 1) if method == "ML" else 1.0
    return float(fdtr(k - 1, k * (m - 1), c / (1.0 + m * phi)))


def expected_estimates(
    k: int, m: int, sigma2: float, tau2: float, method: str = "REML"
) -> ExpectedEstimates:
    """Means of the ML or REML estimates, the boundary included (B33, B34).

    With D = SSB/d - SSE/(k(m - 1)), d = k or k - 1, the estimate of tau2 is D/m where D > 0 and
    else 0; the estimate of sigma2 is SSE/(k(m - 1)) where D > 0 and else
    SSE/(k(m - 1)) + c D, with c = 1/m for ML and (k - 1)/(km - 1) for REML.

    Parameters
    ----------
    k, m : int
    sigma2, tau2 : float
        The true variances, sigma2 positive, tau2 not negative.
    method : {"ML", "REML"}

    Raises
    ------
    ValueError
        If an argument is out of its range.
    """
    if not sigma2 > 0:
        raise ValueError(f"sigma2 must be positive; it is {sigma2}")
    _check(k, m, method, tau2)
    nu1, nu2 = k - 1, k * (m - 1)
    divisor = k if method == "ML" else nu1
    a, b = (sigma2 + m * tau2) / divisor, sigma2 / nu2
    # E[X; aX > bY] = nu1 P(aX' > bY) with nu1 + 2 degrees of freedom in X', and so for Y
    above_x = 1.0 - fdtr(nu1 + 2, nu2, b * nu2 / (a * (nu1 + 2)))
    above_y = 1.0 - fdtr(nu1, nu2 + 2, b * (nu2 + 2) / (a * nu1))
    positive = a * nu1 * above_x - b * nu2 * above_y
    negative = positive - (a * nu1 - b * nu2)
    c = 1.0 / m if method == "ML" else nu1 / (k * m - 1)
    return ExpectedEstimates(float(sigma2 - c * negative), float(positive / m))


def _check(k: int, m: int, method: str, ratio: float) -> None:
    if method not in ("ML", "REML"):
        raise ValueError(f'method must be "ML" or "REML", not {method!r}')
    if k < 2 or m < 2:
        raise ValueError(f"there must be at least 2 groups of at least 2, not {k} of {m}")
    if not 0 <= ratio < float("inf"):
        raise ValueError(f"the variance between groups must be finite and not negative: {ratio}")
