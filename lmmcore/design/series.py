"""Models of series in time: effects that follow each other, AR(1) or as a random walk.

:class:`AR1` and :class:`RandomWalk` are what :func:`series` and
:func:`lmmcore.design.grouped.grouped` are given. See the chapter "Autoregressive effects".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lmmcore.columns import Factor, design_matrix, vector, within_groups
from lmmcore.covariance.serial import FreeStart, Stationary, Walk
from lmmcore.covariance.structures import Array, Structure
from lmmcore.model import LinearMixedModel, Term


@dataclass(frozen=True, eq=False)
class AR1:
    """An AR(1) series, U_t = a U_{t-1} + nu_t, within each level of a factor (B8).

    See the chapter "Autoregressive effects" (B8, B9).

    Parameters
    ----------
    time : (n,) array of whole numbers, optional
        Times of the rows, in any order; gaps are states without observations. Without it, the rows
        of a level follow each other by one step.
    start : {"stationary", "free"}
        Var U_1 is tau^2/(1 - a^2) with |a| < 1, or tau1^2, a third parameter, with any a.
    within : (n,) labels, optional
        For errors: the series that each row belongs to. Without it, the levels of the model's only
        factor, or one series where there is none.
    """

    time: ArrayLike | None = None
    start: str = "stationary"
    within: ArrayLike | None = None

    def __post_init__(self) -> None:
        if self.start not in ("stationary", "free"):
            raise ValueError(f'start must be "stationary" or "free", not {self.start!r}')

    def term(self, name: str, factor: Factor, columns: Array) -> tuple[Term, Structure]:
        """The term of :func:`lmmcore.design.grouped.grouped` and its covariance structure."""
        term, lengths = _serial_term(name, factor, columns, self.time)
        kind = Stationary if self.start == "stationary" else FreeStart
        return term, kind(lengths)


@dataclass(frozen=True, eq=False)
class RandomWalk:
    """A random walk U_t = U_{t-1} + nu_t from U_1 = 0 within each level of a factor (E3.4).

    With the level of each series in X, REML is the limit a -> 1 of the stationary AR(1).

    Parameters
    ----------
    time : (n,) array of whole numbers, optional
        As for :class:`AR1`.
    """

    time: ArrayLike | None = None

    def term(self, name: str, factor: Factor, columns: Array) -> tuple[Term, Structure]:
        """The term of :func:`lmmcore.design.grouped.grouped` and its covariance structure."""
        term, lengths = _serial_term(name, factor, columns, self.time)
        return term, Walk(lengths)


def series(
    y: ArrayLike,
    X: ArrayLike | Mapping[str, ArrayLike],
    time: ArrayLike | None = None,
    covariance: AR1 | RandomWalk | None = None,
) -> LinearMixedModel:
    """One series in time: y_t = X_t beta + U_t + eps_t with an autoregressive U (E3.3).

    See the chapters "Autoregressive effects" and "A series in time" (B8, E3.3, E3.4).

    Parameters
    ----------
    y : (n,) array
    X : (n, p) array, or mapping of names to columns
    time : (n,) array of whole numbers, optional
        Times of the observations, in any order and with gaps; 1, 2, ..., n if not given. Several
        observations at one time share their U.
    covariance : AR1 or RandomWalk, optional
        A stationary AR(1) if not given. A time of its own takes the place of ``time``.

    Returns
    -------
    LinearMixedModel
        Its one term is called "time", with one state for every time from first to last.

    Raises
    ------
    ValueError
        As for :class:`lmmcore.model.LinearMixedModel`; if times are missing or not whole; if there
        are fewer than three; if a random walk has no level in X.

    Examples
    --------
    >>> series(nile["Flow"], {"(Intercept)": 1}, nile["Year"], RandomWalk())
    """
    n = len(vector("y", y))
    kind = AR1() if covariance is None else covariance
    if time is not None:
        if kind.time is not None:
            raise ValueError("time is given twice, to series and to its covariance: give one")
        kind = AR1(time, kind.start) if isinstance(kind, AR1) else RandomWalk(time)
    everything = Factor(np.array(["series"]), np.zeros(n, int))
    term, structure = kind.term("time", everything, np.ones((n, 1)))
    if time is None and kind.time is None:
        term.levels[:] += 1
    design, names = design_matrix("X", X, n)
    model = LinearMixedModel(y, dict(zip(names, design.T, strict=True)), covariance=structure,
                             terms=[term])
    if isinstance(structure, Walk):
        Q = model.least_squares.Q
        if np.linalg.norm(1.0 - Q @ (Q.T @ np.ones(n))) > 1e-8 * np.sqrt(n):
            raise ValueError("a random walk has no level of its own: put an intercept into X")
    return model


def _serial_term(
    name: str, factor: Factor, columns: Array, time: ArrayLike | None
) -> tuple[Term, list[int]]:
    """A term with one effect for every time point of every level, and the series' lengths."""
    if columns.shape[1] != 1:
        raise ValueError(f"a series of random effects for {name!r} has one effect at each time; "
                         f"Z has {columns.shape[1]} columns: give each its own term")
    series, steps, first, lengths = within_groups(factor, time)
    start = np.cumsum(lengths) - lengths
    states = np.arange(np.sum(lengths)) - np.repeat(start - first, lengths)
    labels = states if len(lengths) == 1 else np.array([
        f"{level}:{t}" for level, t in
        zip(np.repeat(factor.levels, lengths), states, strict=True)])
    term = Term(name, ("state",), labels, start[series] + steps, columns)
    return term, lengths.tolist()
