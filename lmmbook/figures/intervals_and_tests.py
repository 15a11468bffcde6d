"""Figures of the chapter "How sure are we?": zeta curves, null distributions, estimates of zero."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from scipy.interpolate import PchipInterpolator

from lmmbook.figures import BLACK, BLUE, GREY, ORANGE, new_figure
from lmmcore.inference.intervals import ProfileIntervals
from lmmcore.inference.likelihood_ratio import mixture_tail

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LINES = ("-", "--", ":", "-.")
COLOURS = (ORANGE, BLUE, BLACK, GREY)


def zeta_curves(
    profiles: ProfileIntervals, standard_errors: Mapping[str, float], columns: int = 3
) -> Figure:
    """zeta of each parameter, with the straight line of a Wald interval and the cutoffs.

    Parameters
    ----------
    profiles : ProfileIntervals
        At a level somewhat above the one to be shown, so that the curves go beyond it.
    standard_errors : mapping of names to float
        Parameters to be drawn, with the standard error that Wald's line has; nan for no line.
    columns : int
    """
    names = list(standard_errors)
    rows = -(-len(names) // columns)
    figure = new_figure(2.9 * columns, 2.8 * rows)
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    cutoff = stats.norm.ppf(0.975)
    for axes, name in zip(panels, names, strict=False):
        profile, se = profiles[name], standard_errors[name]
        grid = np.linspace(profile.values[0], profile.values[-1], 200)
        axes.plot(grid, PchipInterpolator(profile.values, profile.zeta)(grid), color=BLUE, lw=2,
                  label="profile")
        if np.isfinite(se):
            axes.plot(grid, (grid - profile.estimate) / se, color=GREY, ls="--", lw=1.5,
                      label="Wald")
        axes.plot(profile.estimate, 0.0, "o", color=BLACK, ms=5)
        for level in (-cutoff, cutoff):
            axes.axhline(level, color=ORANGE, lw=1, ls=":")
        axes.set(xlabel=name, ylim=(-3.4, 3.4))
        axes.spines[["top", "right"]].set_visible(False)
    for axes in panels[len(names):]:
        axes.set_visible(False)
    for axes in panels[::columns]:
        axes.set_ylabel(r"$\zeta$")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, frameon=False)
    return figure


def chance_of_zero(phi: ArrayLike, groups: Sequence[int], size: int) -> Figure:
    """P(estimate of tau2 = 0) by REML for balanced groups, against phi, for numbers of groups.

    Parameters
    ----------
    phi : (m,) array
    groups : sequence of int
        At most four.
    size : int
        Observations a group.
    """
    phi = np.asarray(phi, float)
    figure = new_figure(6.4, 3.6)
    axes = figure.subplots()
    for k, ls, colour in zip(groups, LINES, COLOURS, strict=False):
        chance = stats.f.cdf(1.0 / (1.0 + size * phi), k - 1, k * (size - 1))
        axes.plot(phi, chance, color=colour, ls=ls, lw=2, label=f"{k} groups")
    axes.axhline(0.5, color=GREY, lw=0.8)
    axes.set(xlabel=r"$\phi = \tau^2/\sigma^2$", ylabel=r"chance that $\hat\tau^2 = 0$",
             ylim=(0, 0.75))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure


def null_tails(
    draws: ArrayLike, mixtures: Mapping[str, Mapping[int, float]], observed: float
) -> Figure:
    """P(T >= t) of simulated statistics and of mixtures of chi-squared distributions.

    Parameters
    ----------
    draws : (m,) array
    mixtures : mapping of names to weights by degrees of freedom
    observed : float
        Marked by a vertical line.
    """
    draws = np.sort(np.asarray(draws, float))
    t = np.linspace(0.01, max(8.0, 1.1 * observed), 300)
    figure = new_figure(6.4, 3.8)
    axes = figure.subplots()
    tail = 1.0 - np.searchsorted(draws, t) / len(draws)
    axes.semilogy(t, np.where(tail > 0, tail, np.nan), color=ORANGE, lw=2, label="exact")
    for (name, weights), ls, colour in zip(mixtures.items(), ("--", ":"), (BLUE, BLACK),
                                           strict=False):
        axes.semilogy(t, [mixture_tail(x, dict(weights)) for x in t], color=colour, ls=ls, lw=1.8,
                      label=name)
    axes.axvline(observed, color=GREY, lw=1)
    axes.annotate("observed", (observed, 0.5), xytext=(-4, 0), textcoords="offset points",
                  ha="right", color=BLACK)
    axes.set(xlabel="twice the gain in log likelihood, $t$", ylabel=r"$P(T \geq t)$",
             ylim=(1e-3, 1))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower left")
    return figure


def bootstrap_density(draws: ArrayLike, label: str, intervals: Mapping[str, ArrayLike]) -> Figure:
    """A histogram of refitted estimates, and intervals below it.

    Parameters
    ----------
    draws : (m,) array
    label : str
        Of the horizontal axis.
    intervals : mapping of names to (lower, upper)
    """
    draws = np.asarray(draws, float)
    figure = new_figure(6.4, 3.8)
    top, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1 + 0.2 * len(intervals)])
    top.hist(draws, bins=40, color=BLUE, alpha=0.75, label="estimates of the refits")
    top.set(ylabel="refits", xlabel=label)
    top.xaxis.label.set_visible(False)
    top.legend(frameon=False)
    for i, (ends, colour) in enumerate(zip(intervals.values(), COLOURS, strict=False)):
        below.plot(ends, [i, i], color=colour, lw=4, solid_capstyle="butt", ls="-")
    below.set_yticks(range(len(intervals)), list(intervals))
    below.set(xlabel=label, ylim=(len(intervals) - 0.5, -0.5))
    below.axvline(0.0, color=GREY, lw=0.8)
    for axes in (top, below):
        axes.spines[["top", "right"]].set_visible(False)
    return figure
