"""The parametric bootstrap: simulate from a fit, fit again, and look at what comes out.

It needs no theory of the estimates' distribution, and it is right at the boundary as far as the
fit itself is near the truth. Refits that fail are counted and reported, never hidden.
See the chapter "How sure are we?".
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from lmmcore.covariance.structures import Array
from lmmcore.fitting import ConvergenceWarning, fit
from lmmcore.inference.likelihood_ratio import check_nested
from lmmcore.inference.progress import progress
from lmmcore.inference.simulation import simulate
from lmmcore.results import Fit
from lmmcore.tables import Report, Rows, number, probability


@dataclass(frozen=True)
class Bootstrap(Report):
    """Refits of simulated responses; made by :func:`bootstrap`.

    Attributes
    ----------
    fit : Fit
    names : tuple of str
        Coefficients, sigma, standard deviations and correlations.
    estimates : (r,) array
    draws : (m, r) array
        The parameters of each refit; nan for a correlation with an effect of variance 0.
    boundary, failed : int
        Refits with a variance at 0, and refits that raised an error or did not converge. The
        latter are not among the draws.
    level : float
        Of the intervals that are printed.
    """

    fit: Fit
    names: tuple[str, ...]
    estimates: Array
    draws: Array
    boundary: int
    failed: int
    level: float

    def intervals(self, level: float | None = None) -> Array:
        """Percentile intervals, (r, 2): quantiles of the refits' estimates.

        ValueError if the level is not between 0 and 1.
        """
        level = _level(self.level if level is None else level)
        return np.nanquantile(self.draws, [0.5 - level / 2, 0.5 + level / 2], axis=0).T

    @property
    def se(self) -> Array:
        """Standard deviations of the refits' estimates, (r,)."""
        return np.nanstd(self.draws, axis=0, ddof=1)

    @property
    def bias(self) -> Array:
        """Means of the refits' estimates, less the estimates, (r,)."""
        return np.nanmean(self.draws, axis=0) - self.estimates

    def _title(self) -> str:
        return f"Parametric bootstrap, {len(self.draws)} refits by {self.fit.method}"

    def _captioned(self) -> list[tuple[str, Rows]]:
        rows = [["", "Estimate", "bias", "Std.Err.", "lower", "upper"]]
        for name, *row in zip(self.names, self.estimates, self.bias, self.se,
                              *self.intervals().T, strict=True):
            rows.append([name, *(number(x) for x in row)])
        return [(f"Parameters, {100 * self.level:g} % percentile intervals", rows)]

    def _remarks(self) -> list[str]:
        remarks = []
        if self.boundary:
            remarks.append(f"{self.boundary} of {len(self.draws)} refits have a variance at 0.")
        if self.failed:
            remarks.append(f"{self.failed} refits failed and are left out: the intervals are those "
                           "of responses that could be fitted.")
        return remarks


@dataclass(frozen=True)
class BootstrapTest(Report):
    """A likelihood ratio test by simulation; made by :func:`bootstrap_test`.

    Attributes
    ----------
    method : {"REML", "ML"}
    statistic : float
    draws : (m,) array
        The statistic of responses simulated from the smaller model, in the order drawn.
    failed : int
        Responses for which a refit failed; they count as exceeding the statistic, which can only
        make p larger.
    p, p_se : float
        (1 + number exceeding) / (1 + number of responses), and its Monte Carlo standard error.
    """

    method: str
    statistic: float
    draws: Array
    failed: int

    @property
    def p(self) -> float:
        beyond = int(np.sum(self.draws >= self.statistic)) + self.failed
        return (1 + beyond) / (1 + len(self.draws) + self.failed)

    @property
    def p_se(self) -> float:
        return float(np.sqrt(self.p * (1 - self.p) / (len(self.draws) + self.failed)))

    def _title(self) -> str:
        return (f"Likelihood ratio test by parametric bootstrap, {len(self.draws)} pairs of refits "
                f"by {self.method}")

    def _captioned(self) -> list[tuple[str, Rows]]:
        zero = f"{100 * np.mean(self.draws < 1e-8):.1f} %"
        return [("Simulated from the smaller model", [
            ["statistic", "simulated: at 0", "95 % quantile", "p", "Std.Err. of p"],
            [number(self.statistic), zero, number(np.quantile(self.draws, 0.95)),
             probability(self.p), number(self.p_se, 2)]])]

    def _remarks(self) -> list[str]:
        return [f"{self.failed} pairs of refits failed and count as exceeding the statistic."] \
            if self.failed else []


def bootstrap(
    result: Fit, draws: int = 1000, *, seed: int, level: float = 0.95,
    show_progress: bool | None = None,
) -> Bootstrap:
    """Simulate responses from a fit and fit them again.

    Parameters
    ----------
    result : Fit
    draws : int
    seed : int
        The same seed gives the same draws.
    level : float
        Of the intervals.
    show_progress : bool, optional
        Whether to show a bar; by default where somebody watches.

    Raises
    ------
    ValueError
        If draws is less than 2, the level not between 0 and 1, the fit did not converge, or all
        refits failed.
    """
    _check(draws, result)
    _level(level)
    found, boundary = [], 0
    for y in progress(_responses(result, draws, seed), "refits", show_progress):
        refit = _refit(result, y)
        if refit is not None:
            found.append(_values(refit))
            boundary += bool(refit.boundary)
    if not found:
        raise ValueError("all refits failed: simulated responses of this fit cannot be fitted")
    return Bootstrap(result, _names(result), _values(result), np.array(found), boundary,
                     draws - len(found), level)


def bootstrap_test(
    small: Fit, large: Fit, draws: int = 1000, *, seed: int, show_progress: bool | None = None
) -> BootstrapTest:
    """Test nested models, with the null distribution simulated from the smaller one.

    Parameters
    ----------
    small, large : Fit
        Of the same data, by the same method.
    draws : int
    seed : int
    show_progress : bool, optional
        Whether to show a bar; by default where somebody watches.

    Raises
    ------
    ValueError
        As :func:`lmmcore.inference.likelihood_ratio.check_nested`; if draws is less than 2; if all
        refits failed.
    """
    check_nested(small, large)
    _check(draws, small)
    found = []
    for y in progress(_responses(small, draws, seed), "pairs of refits", show_progress):
        pair = [_refit(result, y) for result in (small, large)]
        if all(pair):
            found.append(max(pair[0].criterion - pair[1].criterion, 0.0))
    if not found:
        raise ValueError("all refits failed: simulated responses of this fit cannot be fitted")
    return BootstrapTest(small.method, max(small.criterion - large.criterion, 0.0),
                         np.array(found), draws - len(found))


def _responses(result: Fit, draws: int, seed: int) -> Array:
    return simulate(result.model, result.beta, result.sigma2, result.theta, seed, draws).T


def _refit(result: Fit, y: Array) -> Fit | None:
    """The same model and method for another response, or None if that fails."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # counted, and told in the result
        try:
            refit = fit(result.model.with_response(y), result.method)
        except (ValueError, np.linalg.LinAlgError):
            return None
    return refit if refit.converged else None


def _names(result: Fit) -> tuple[str, ...]:
    names = [*result.model.names, "sigma"]
    for c in result.variance_components:
        names += [f"sd({c.group}: {effect})" for effect in c.effects]
        names += [f"cor({c.group}: {c.effects[j]}, {c.effects[i]})"
                  for j, i in zip(*np.triu_indices(len(c.effects), 1), strict=True)]
    return tuple(names)


def _values(result: Fit) -> Array:
    values = [result.beta, [np.sqrt(result.sigma2)]]
    for c in result.variance_components:
        values += [c.sd, c.correlation[np.triu_indices(len(c.effects), 1)]]
    return np.concatenate(values)


def _check(draws: int, result: Fit) -> None:
    if draws < 2:
        raise ValueError(f"draws must be at least 2, not {draws}")
    if not result.converged:
        raise ValueError("the fit did not converge: there is nothing to simulate from")


def _level(level: float) -> float:
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, not {level}")
    return level
