"""Balanced two-way and nested designs: REML, ML and moment estimates from the table of ANOVA.

In a balanced design the covariance matrix has a few eigenvalues, one for each stratum, and the
restricted log likelihood is, up to a constant,

    -1/2 sum_s [ d_s log lambda_s + SS_s / lambda_s ]

with a sum of squares SS_s on d_s degrees of freedom. Each lambda_s exceeds another one by a
multiple of one variance. When a mean square is smaller than the one that it should exceed, the two
strata are pooled, and the variance is 0. See the chapter "Two-way and nested ANOVA".
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lmmcore.columns import numeric
from lmmcore.covariance.structures import Array


class Stratum(NamedTuple):
    """One line of the ANOVA table.

    E(sum_of_squares) = df * lambda, and lambda is that of the stratum ``below`` (an index, none
    for the residual) plus ``multiplier`` times the variance of this stratum.
    """

    name: str
    df: int
    sum_of_squares: float
    multiplier: int
    below: int | None

    @property
    def mean_square(self) -> float:
        """Sum of squares over degrees of freedom."""
        return self.sum_of_squares / self.df


class BalancedEstimates(NamedTuple):
    """mu, sigma2, the variances by name, those of them on the boundary, and the ANOVA table."""

    mu: float
    sigma2: float
    variances: dict[str, float]
    boundary: tuple[str, ...]
    strata: tuple[Stratum, ...]


def two_way(y: ArrayLike, interaction: bool, method: str = "REML") -> BalancedEstimates:
    """Crossed random rows and columns, y_ijl = mu + a_i + b_j (+ c_ij) + e_ijl (B10).

    ML has no closed form here: use :func:`lmmcore.fitting.fit`.

    Parameters
    ----------
    y : (a, b, m) array
        m replicates in each cell of a rows and b columns; a, b >= 2.
    interaction : bool
        Whether each cell has an effect of its own, which needs m >= 2.
    method : {"REML", "moments"}
        Moment estimates may be negative.

    Returns
    -------
    BalancedEstimates
        With the variances "rows", "columns" and, if asked for, "interaction".

    Raises
    ------
    ValueError
        If the table is too small, the method is neither, or no residual variation is left.
    """
    y = _table(y)
    a, b, m = y.shape
    if method == "ML":
        raise ValueError('two_way has no closed form for "ML": use fit(model, "ML")')
    _check_method(method, ("REML", "moments"))
    if interaction and m < 2:
        raise ValueError("an interaction needs at least two replicates in each cell")
    mu, rows, columns, cells = y.mean(), y.mean((1, 2)), y.mean((0, 2)), y.mean(2)
    ss_rows = b * m * np.sum((rows - mu) ** 2)
    ss_columns = a * m * np.sum((columns - mu) ** 2)
    ss_cells = m * np.sum((cells - rows[:, None] - columns + mu) ** 2)
    within = np.sum((y - cells[:, :, None]) ** 2)
    if interaction:
        strata = (Stratum("residual", a * b * (m - 1), within, 0, None),
                  Stratum("interaction", (a - 1) * (b - 1), ss_cells, m, 0),
                  Stratum("rows", a - 1, ss_rows, b * m, 1),
                  Stratum("columns", b - 1, ss_columns, a * m, 1))
    else:
        strata = (Stratum("residual", a * b * m - a - b + 1, ss_cells + within, 0, None),
                  Stratum("rows", a - 1, ss_rows, b * m, 0),
                  Stratum("columns", b - 1, ss_columns, a * m, 0))
    return _estimates(y, strata, method)


def nested(y: ArrayLike, method: str = "REML") -> BalancedEstimates:
    """Subgroups within groups, y_ijl = mu + a_i + b_ij + e_ijl (B10).

    Parameters
    ----------
    y : (a, b, m) array
        m observations in each of b subgroups of each of a groups; all at least 2.
    method : {"REML", "ML", "moments"}
        ML divides the sum of squares between groups by a, the others by a - 1.

    Returns
    -------
    BalancedEstimates
        With the variances "subgroups" and "groups".

    Raises
    ------
    ValueError
        If the table is too small, the method is none of the three, or no residual variation is
        left.
    """
    y = _table(y)
    a, b, m = y.shape
    _check_method(method, ("REML", "ML", "moments"))
    if m < 2:
        raise ValueError("subgroups need at least two observations each")
    groups, subgroups = y.mean((1, 2)), y.mean(2)
    strata = (Stratum("residual", a * b * (m - 1), np.sum((y - subgroups[:, :, None]) ** 2), 0,
                      None),
              Stratum("subgroups", a * (b - 1), m * np.sum((subgroups - groups[:, None]) ** 2),
                      m, 0),
              Stratum("groups", a if method == "ML" else a - 1,
                      b * m * np.sum((groups - y.mean()) ** 2), b * m, 1))
    return _estimates(y, strata, method)


def _estimates(y: Array, strata: tuple[Stratum, ...], method: str) -> BalancedEstimates:
    strata = tuple(s._replace(sum_of_squares=float(s.sum_of_squares)) for s in strata)
    if strata[0].sum_of_squares <= 1e-28 * y.size * np.max(np.abs(y)) ** 2:
        raise ValueError("no residual variation is left: sigma2 would be 0")
    tied: tuple[int, ...] = ()
    lam = [s.mean_square for s in strata]
    if method != "moments":
        lam, tied = pooled(strata)
    variances = {s.name: (lam[i] - lam[s.below]) / s.multiplier
                 for i, s in enumerate(strata) if s.below is not None}
    zero = tuple(strata[i].name for i in tied)
    return BalancedEstimates(float(y.mean()), lam[0], variances, zero, strata)


def pooled(strata: Sequence[Stratum]) -> tuple[list[float], tuple[int, ...]]:
    """The lambda_s of greatest likelihood subject to lambda_s >= lambda_below, and the ties.

    For each set of ties the best lambda of a pooled block is its sum of squares over its degrees
    of freedom. The likelihood is strictly concave in the reciprocals, so that its maximum is the
    best of those that satisfy all constraints.

    Parameters
    ----------
    strata : sequence of Stratum
        Each after the one below it; at most a handful, since all sets of ties are tried.

    Returns
    -------
    lam : list of float
    tied : tuple of int
        The strata that are pooled with the one below.
    """
    upper = [i for i, s in enumerate(strata) if s.below is not None]
    best: tuple[float, list[float], tuple[int, ...]] | None = None
    for size in range(len(upper) + 1):
        for tied in combinations(upper, size):
            block: list[int] = []  # of each stratum, by the lowest stratum in it
            for i, s in enumerate(strata):
                block.append(block[s.below] if i in tied else i)
            lam = [sum(s.sum_of_squares for s, c in zip(strata, block, strict=True) if c == b)
                   / sum(s.df for s, c in zip(strata, block, strict=True) if c == b)
                   for b in block]
            if any(lam[i] < lam[strata[i].below] for i in upper):
                continue
            value = sum(s.df * np.log(x) for s, x in zip(strata, lam, strict=True))
            if best is None or value < best[0]:
                best = value, lam, tied
    return best[1], best[2]


def _table(y: ArrayLike) -> Array:
    y = numeric("y", y)
    if y.ndim != 3 or min(y.shape[:2]) < 2 or y.shape[2] < 1:
        raise ValueError(f"y must be a table of at least 2 x 2 cells, shape (a, b, m); it has "
                         f"{y.shape}")
    return y


def _check_method(method: str, known: tuple[str, ...]) -> None:
    if method not in known:
        raise ValueError(f"method must be one of {', '.join(known)}, not {method!r}")
