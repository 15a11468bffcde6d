"""Errors that follow each other in time: AR(1) within each of several series (B9).

See the chapter "Autoregressive effects" (B15).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lmmcore.covariance.structures import Array

EDGE = 1.0 - 1e-7  # of |a|, where the stationary variance is 5 million innovations
LAST = 12.0  # of artanh |a|, where 1 - a^2 has no more than six digits
UNIT_ROOT_ERRORS = (
    "the autocorrelation of the errors is estimated at its edge 1: the restricted likelihood keeps "
    "rising as their variance goes to infinity; analyse differences of successive responses"
)
ALTERNATING = (
    "a is estimated at its edge -1: the restricted likelihood keeps rising as the series turns "
    "into an alternating one of infinite variance; look at X, or use another structure"
)


class ErrorSeries:
    """The correlation of the errors: R_st = a^|s-t| within a series, theta = artanh a (B9).

    Parameters
    ----------
    series, steps : (n,) arrays of int
        The series of each row, and its time.

    Raises
    ------
    ValueError
        If two observations of one series have the same time.
    """

    def __init__(self, series: NDArray[np.intp], steps: NDArray[np.intp]):
        self.order = np.lexsort((steps, series))
        self.gap = np.diff(steps[self.order])
        same = np.diff(series[self.order]) == 0
        if np.any(self.gap[same] == 0):
            raise ValueError("two observations of one series have the same time: correlated errors "
                             "need one observation at each time of a series")
        if not np.any(same):
            raise ValueError("every series of errors has one observation: nothing follows")
        self.gap = np.where(same, self.gap, 0)  # 0 where a series begins
        self.gaps = np.unique(self.gap[same])

    def __repr__(self) -> str:
        return f"ErrorSeries({len(self.order)} errors)"

    def a(self, theta: Array) -> float:
        """The autocorrelation of neighbouring errors."""
        return float(np.tanh(np.clip(theta[0], -LAST, LAST)))

    def correlation(self, theta: Array, order: int = 0) -> Array:
        """R, or its derivative in a of order 2, shape (n, n)."""
        a, n = self.a(theta), len(self.order)
        start = np.append(0, np.cumsum(self.gap == 0))
        time = np.append(0, np.cumsum(self.gap))
        lag = np.abs(np.subtract.outer(time, time)).astype(float)
        weight = lag * (lag - 1.0) if order == 2 else np.ones((n, n))
        power = np.where(lag >= order, weight * a ** np.clip(lag - order, 0, None), 0.0)
        R = np.empty((n, n))
        R[np.ix_(self.order, self.order)] = np.where(start[:, None] == start, power, 0.0)
        return R

    def colour(self, theta: Array, z: Array) -> Array:
        """Correlated errors from independent ones (n, r), in the order of the rows."""
        r = np.append(0.0, np.where(self.gap > 0, self.a(theta) ** self.gap.astype(float), 0.0))
        e = z[self.order]
        for t in range(1, len(e)):
            e[t] = r[t] * e[t - 1] + np.sqrt(1.0 - r[t] ** 2) * e[t]
        errors = np.empty_like(e)
        errors[self.order] = e
        return errors

    def starts(self) -> list[Array]:
        """Where to start from, (1,) each."""
        return [np.array([np.arctanh(a)]) for a in (0.3, 0.8, -0.3)]

    def edges(self, theta: Array) -> list[tuple[Array, str]]:
        """Far points of theta, each with what to do if the criterion is no higher there."""
        far = max(np.arctanh(EDGE), abs(theta[0]) + 1.0)
        return [(np.array([far]), UNIT_ROOT_ERRORS), (np.array([-far]), ALTERNATING)]
