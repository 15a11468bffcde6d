"""Profile-likelihood intervals: one parameter is held fixed, the criterion minimised over the rest.

With d(v) the least criterion -2l when the parameter has the value v, and d its least value at all,

    zeta(v) = sign(v - estimate) sqrt(d(v) - d)

is about standard normal at the true value, and the interval is where |zeta| stays below the normal
quantile. A parameter is held fixed by choosing coordinates in which it is one of them: the effect
in question comes first in the Cholesky factor of Gamma, so that its standard deviation is
sigma Lambda_11 (statement B16), and for a correlation r the first entries of the second row are
a r and a sqrt(1 - r^2). A coefficient held at b adds (b - beta_j)^2 / (X'W^-1X)^-1_jj to rss.
See the chapter "How sure are we?".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.optimize import brentq, minimize

from lmmcore.covariance.structures import (
    Array,
    Diagonal,
    LinearStructure,
    ScaledIdentity,
    Unstructured,
)
from lmmcore.fast.choose import Coupled, coupled_criterion_for
from lmmcore.inference.coupling import coupling
from lmmcore.inference.progress import progress
from lmmcore.results import Fit
from lmmcore.tables import Report, Rows, number

NUDGE = 0.05  # a theta this small is moved off 0 to start with, where the gradient is 0 by symmetry
WIDTH = 60.0  # how far, in starting steps, an end is looked for before it is called infinite


@dataclass(frozen=True)
class ProfileInterval:
    """The profile of one parameter, and its interval.

    Attributes
    ----------
    name : str
    estimate, lower, upper : float
        An end is at the edge of the parameter's range (0, or a correlation of 1), or infinite,
        where zeta does not reach the cutoff.
    level : float
    values, zeta : (m,) arrays
        The points at which zeta was computed, in increasing order.
    at_edge : tuple of bool
        Whether lower and upper are such edges.
    """

    name: str
    estimate: float
    lower: float
    upper: float
    level: float
    values: Array
    zeta: Array
    at_edge: tuple[bool, bool]


@dataclass(frozen=True)
class ProfileIntervals(Report):
    """Intervals of several parameters; made by :func:`profile_intervals`.

    Attributes
    ----------
    fit : Fit
    level : float
    intervals : dict of str to ProfileInterval
    """

    fit: Fit
    level: float
    intervals: dict[str, ProfileInterval]

    def __getitem__(self, name: str) -> ProfileInterval:
        return self.intervals[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.intervals)

    def _title(self) -> str:
        return f"{100 * self.level:g} % profile-likelihood intervals, fit by {self.fit.method}"

    def _captioned(self) -> list[tuple[str, Rows]]:
        rows = [["", "Estimate", "lower", "upper"]]
        rows += [[i.name, number(i.estimate), number(i.lower), number(i.upper)]
                 for i in self.intervals.values()]
        return [("Parameters", rows)]

    def _remarks(self) -> list[str]:
        return [f"{i.name}: zeta does not reach the cutoff on the {side} side before "
                f"{number(end)}, the edge of the parameter's range."
                for i in self.intervals.values()
                for side, end, edge in zip(("lower", "upper"), (i.lower, i.upper), i.at_edge,
                                           strict=True) if edge]


def profile_intervals(
    fit: Fit, level: float = 0.95, parameters: Iterable[str] | None = None,
    show_progress: bool | None = None,
) -> ProfileIntervals:
    """Profile-likelihood intervals of a fit's parameters.

    See the chapter "How sure are we?".

    Parameters
    ----------
    fit : Fit
        By ML; of a fit by REML, the covariance parameters only.
    level : float
    parameters : iterable of str, optional
        Their names, say "sigma" or "sd(g: x)"; all if not given.
    show_progress : bool, optional
        Whether to show a bar; by default where somebody watches.

    Raises
    ------
    ValueError
        If the level is not between 0 and 1, a name is unknown, coefficients of a REML fit are
        asked for, the fit did not converge, or a covariance structure is neither scaled identity,
        diagonal nor unstructured.

    Examples
    --------
    >>> profile_intervals(fit(model, "ML"))["sigma"].lower
    """
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, not {level}")
    if not fit.converged:
        raise ValueError("the fit did not converge: its criterion is not a minimum to start from")
    known = _parameters(fit)
    names = list(known) if parameters is None else list(parameters)
    for name in names:
        if name not in known:
            hint = ("; REML says nothing about coefficients: fit by ML"
                    if fit.method == "REML" and name in fit.model.names else "")
            raise ValueError(f"no parameter {name!r}; there are {', '.join(known)}{hint}")
    cutoff = float(stats.norm.ppf(0.5 + level / 2))
    found = {}
    for name in progress(names, "profiles", show_progress):
        found[name] = _interval(name, known[name](), level, cutoff)
    return ProfileIntervals(fit, level, found)


@dataclass(frozen=True)
class Chart:
    """Coordinates in which one parameter is held fixed.

    Attributes
    ----------
    estimate, step : float
        The estimate and a rough standard error.
    range : (float, float)
        Where the parameter may lie.
    start : (r,) array
        The free coordinates at the estimate.
    unit : (r,) array
        Their sizes: minimisation is in multiples of these.
    even : (r,) array of bool
        Coordinates in which the criterion is even about 0.
    criterion : callable
        (value, free coordinates) -> criterion and its gradient (r,).
    """

    estimate: float
    step: float
    range: tuple[float, float]
    start: Array
    unit: Array
    even: Array
    criterion: Callable[[float, Array], tuple[float, Array]]

    def least(self, value: float, start: Array) -> tuple[float, Array]:
        """The least criterion with the parameter held at a value, and where it is."""
        if not len(start):
            return self.criterion(value, start)[0], start
        off = np.where(self.even & (np.abs(start) < NUDGE * self.unit),
                       np.where(start < 0, -NUDGE, NUDGE) * self.unit, start)

        def scaled(x: Array) -> tuple[float, Array]:
            f, gradient = self.criterion(value, x * self.unit)
            return f, gradient * self.unit

        found = minimize(scaled, off / self.unit, jac=True, method="BFGS",
                         options={"gtol": 1e-6, "maxiter": 500})
        return float(found.fun), found.x * self.unit


def _interval(name: str, chart: Chart, level: float, cutoff: float) -> ProfileInterval:
    lowest, start = chart.least(chart.estimate, chart.start)
    points = {chart.estimate: 0.0}
    ends, edges = [], []
    for side, edge in ((-1, chart.range[0]), (1, chart.range[1])):
        end, at_edge = _end(chart, lowest, start, side, edge, cutoff, points)
        ends.append(end)
        edges.append(at_edge)
    values = np.array(sorted(points))
    return ProfileInterval(name, chart.estimate, *ends, level, values,
                           np.array([points[v] for v in values]), (edges[0], edges[1]))


def _end(
    chart: Chart, lowest: float, start: Array, side: int, edge: float, cutoff: float,
    points: dict[float, float],
) -> tuple[float, bool]:
    """Where zeta reaches the cutoff on one side, and whether it is at the edge instead."""
    latest = start

    def zeta(value: float) -> float:
        nonlocal latest
        if value not in points:
            least, latest = chart.least(value, latest)
            points[value] = side * np.sqrt(max(least - lowest, 0.0))
        return points[value]

    near, step = chart.estimate, 0.5 * chart.step
    for _ in range(200):
        far = near + side * step
        if side * (far - edge) >= 0:
            far = edge
        if far == near or abs(far - chart.estimate) > WIDTH * chart.step:
            return edge, True
        if abs(zeta(far)) > cutoff:
            break
        if far == edge:
            return edge, True
        # zeta is nearly a line: aim beyond the cutoff, in a few steps that make a smooth curve
        gain = abs(zeta(far)) - abs(zeta(near))
        step = min(3 * step, max(step, 0.5 * step * cutoff / max(gain, 1e-3 * cutoff)))
        near = far
    latest = start if near == chart.estimate else latest
    return brentq(lambda v: abs(zeta(v)) - cutoff, *sorted((near, far)),
                  xtol=1e-9 * max(abs(near), abs(far)), rtol=1e-12), False


def _parameters(fit: Fit) -> dict[str, Callable[[], Chart]]:
    """Every parameter's name, and what makes its chart."""
    profile = coupled_criterion_for(fit.model, fit.method)
    made: dict[str, Callable[[], Chart]] = {"sigma": lambda: _sigma_chart(fit, profile)}
    for t, term in enumerate(fit.model.terms):
        structure = profile.covariance.placements[t].structure
        if not isinstance(structure, Unstructured | Diagonal | ScaledIdentity):
            raise ValueError(f"no profile intervals for the structure {structure!r} of "
                             f"{term.name}: use bootstrap(fit, seed=1)")
        if isinstance(structure, ScaledIdentity):
            label = term.effects[0] if structure.size == 1 else "all"
            made[f"sd({term.name}: {label})"] = lambda t=t: _sd_chart(fit, profile, t, 0)
            continue
        for i, effect in enumerate(term.effects):
            made[f"sd({term.name}: {effect})"] = lambda t=t, i=i: _sd_chart(fit, profile, t, i)
        if isinstance(structure, Unstructured):
            for j, i in zip(*np.triu_indices(structure.size, 1), strict=True):
                name = f"cor({term.name}: {term.effects[j]}, {term.effects[i]})"
                made[name] = lambda t=t, i=i, j=j: _correlation_chart(fit, profile, t, j, i)
    if fit.method == "ML":
        for j, name in enumerate(fit.model.names):
            made[name] = lambda j=j: _coefficient_chart(fit, profile, j)
    return made


class Scale:
    """log sigma and, term by term, entries of Lambda with one term's effects in another order.

    The criterion is m log(2 pi sigma2) + log-determinant + rss/sigma2, and its derivative in Gamma
    is S = d log-determinant + d rss / sigma2 (B19, B31).
    """

    def __init__(self, fit: Fit, profile: Coupled, term: int = 0, order: list[int] | None = None):
        self.fit, self.profile, self.term = fit, profile, term
        self.placements = profile.covariance.placements
        self.order = order
        eta = fit.theta.copy()
        unit = profile.covariance.parameter_scale(profile.z_scale)
        if order is not None:
            structure, part, _ = self.placements[term]
            eta[part] = _entries(structure, _triangle(
                structure, structure.factor(fit.theta[part])[order]))
            unit[part] = structure.parameter_scale(profile.z_scale[term][order])
        self.start = np.append(0.5 * np.log(fit.sigma2), eta)
        self.unit = np.append(0.1, unit)
        self.even = np.arange(len(self.start)) > 0

    def theta(self, eta: Array) -> Array:
        """The model's own theta."""
        theta = eta.copy()
        if self.order is not None:
            structure, part, _ = self.placements[self.term]
            back = np.argsort(self.order)
            own = structure.factor(eta[part])[back]
            theta[part] = _entries(structure, _triangle(structure, own))
        return theta

    def criterion(self, x: Array) -> tuple[float, Array]:
        """The criterion and its gradient at x = (log sigma, eta)."""
        sigma2, eta = float(np.exp(2.0 * x[0])), x[1:]
        theta, m = self.theta(eta), self.profile.m
        slope, (rss, log_det) = self.profile.slope(theta, sigma2), self.profile.pieces(theta)
        value = m * np.log(2.0 * np.pi * sigma2) + log_det + rss / sigma2
        gradient = np.empty(len(x))
        gradient[0] = 2.0 * (m - rss / sigma2)
        blocks = self.profile.covariance.blocks(slope)
        for t, ((structure, part, _), S) in enumerate(zip(self.placements, blocks, strict=True)):
            if t == self.term and self.order is not None:
                S = S[np.ix_(self.order, self.order)]
            gradient[1:][part] = np.tensordot(structure.gamma_derivatives(eta[part]), S, axes=2)
        return float(value), gradient


def _triangle(structure: LinearStructure, factor: Array) -> Array:
    """A Lambda of the structure's form with the same Lambda Lambda'."""
    if not isinstance(structure, Unstructured):
        return np.diag(np.linalg.norm(factor, axis=1))  # one non-zero entry in each row
    R = np.linalg.qr(factor.T, mode="r")
    return (R * np.where(np.diag(R) < 0, -1.0, 1.0)[:, None]).T


def _entries(structure: LinearStructure, factor: Array) -> Array:
    return np.array([factor.flat[np.flatnonzero(e)[0]] for e in structure.basis])


def _sigma_chart(fit: Fit, profile: Coupled) -> Chart:
    x = Scale(fit, profile)

    def criterion(sigma: float, free: Array) -> tuple[float, Array]:
        value, gradient = x.criterion(np.append(np.log(sigma), free))
        return value, gradient[1:]

    sigma = float(np.sqrt(fit.sigma2))
    return Chart(sigma, sigma / np.sqrt(2.0 * profile.m), (0.0, np.inf), x.start[1:], x.unit[1:],
                 x.even[1:], criterion)


def _sd_chart(fit: Fit, profile: Coupled, term: int, effect: int) -> Chart:
    structure, part, rows = profile.covariance.placements[term]
    order = [effect] + [i for i in range(structure.size) if i != effect]
    x = Scale(fit, profile, term, order)
    at = 1 + part.start  # Lambda_11 in this order
    free = np.delete(np.arange(len(x.start)), at)

    def criterion(sd: float, others: Array) -> tuple[float, Array]:
        full = np.empty(len(x.start))
        full[free] = others
        full[at] = sd * np.exp(-full[0])  # sd = sigma Lambda_11
        value, gradient = x.criterion(full)
        gradient[0] -= gradient[at] * full[at]
        return value, gradient[free]

    sd = float(fit.variance_components[term].sd[effect])
    size = np.sqrt(fit.sigma2) * x.unit[at]
    step = np.hypot(sd, size) / np.sqrt(2.0 * len(rows))
    return Chart(sd, float(step), (0.0, np.inf), x.start[free], x.unit[free], x.even[free],
                 criterion)


def _correlation_chart(fit: Fit, profile: Coupled, term: int, one: int, two: int) -> Chart:
    structure, part, _ = profile.covariance.placements[term]
    order = [one, two] + [i for i in range(structure.size) if i not in (one, two)]
    x = Scale(fit, profile, term, order)
    # the entries are in columns: Lambda_21 is the second, Lambda_22 follows the first column
    first, second = 1 + part.start + 1, 1 + part.start + structure.size
    free = np.delete(np.arange(len(x.start)), second)

    def criterion(r: float, others: Array) -> tuple[float, Array]:
        full = np.empty(len(x.start))
        full[free] = others
        a, c = full[first], np.sqrt(max(1.0 - r * r, 0.0))
        full[first], full[second] = a * r, a * c
        value, gradient = x.criterion(full)
        gradient[first] = gradient[first] * r + gradient[second] * c
        return value, gradient[free]

    r = float(fit.variance_components[term].correlation[one, two])
    if np.isnan(r):
        raise ValueError("a correlation with an effect of variance 0 has no estimate to start from")
    start = x.start.copy()
    start[first] = np.hypot(start[first], start[second])
    return Chart(r, 0.2, (-1.0, 1.0), start[free], x.unit[free], x.even[free], criterion)


def _coefficient_chart(fit: Fit, profile: Coupled, j: int) -> Chart:
    x = Scale(fit, profile)

    def criterion(b: float, full: Array) -> tuple[float, Array]:
        value, gradient = x.criterion(full)
        sigma2, theta = np.exp(2.0 * full[0]), full[1:]
        solution = profile.solution(theta)
        gap, v = b - solution.beta[j], solution.vcov[j, j]
        extra = gap**2 / (v * sigma2)
        # dv = (Yv)'dGamma Yv and dbeta_j = -(Yv)'dGamma t, with Yv = Z'W^-1X(X'W^-1X)^-1 e_j
        _, Y, t = coupling(profile, theta)
        Yv = Y @ solution.vcov[:, j]
        a, c = 2.0 * gap / (v * sigma2), gap**2 / (v**2 * sigma2)
        slope = np.einsum("ga,gb->ab", Yv, a * t - c * Yv)
        slope = 0.5 * (slope + slope.T)
        gradient[0] -= 2.0 * extra
        gradient[1:] += profile.covariance.gradient(theta, slope)
        return value + float(extra), gradient

    return Chart(float(fit.beta[j]), float(fit.se[j]), (-np.inf, np.inf), x.start, x.unit,
                 x.even, criterion)
