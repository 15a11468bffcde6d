"""Figures of the chapter "Eighteen people without sleep": data, residuals, random effects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from lmmbook.figures import BLACK, BLUE, GREY, ORANGE, new_figure
from lmmcore.results import Fit

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def design(days: ArrayLike, labels: ArrayLike) -> Figure:
    """One dot for each measurement: who was measured on which day.

    Parameters
    ----------
    days, labels : (n,) arrays
    """
    days, labels = np.asarray(days, float), np.asarray(labels)
    people = np.unique(labels)
    figure = new_figure(6.4, 4.2)
    axes = figure.subplots()
    axes.axvspan(-0.5, 1.5, color="#e6e6e6")
    axes.annotate("adaptation,\ntraining", (0.5, -1.4), ha="center", fontsize=8)
    axes.plot(days, np.searchsorted(people, labels), "o", color=BLUE, ms=4,
              label="one measurement")
    axes.legend(loc="upper right", ncols=1, fontsize=8)
    axes.set_yticks(range(len(people)), people, fontsize=7)
    axes.set_xticks(range(10))
    axes.set(xlabel="Days", ylabel="Subject", ylim=(len(people) - 0.4, -3.2))
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def all_lines(days: ArrayLike, y: ArrayLike, labels: ArrayLike) -> Figure:
    """Every person's measurements joined, two of them set off, and the mean of each day.

    Parameters
    ----------
    days, y, labels : (n,) arrays
    """
    days, y, labels = np.asarray(days, float), np.asarray(y, float), np.asarray(labels)
    figure = new_figure(6.4, 3.8)
    axes = figure.subplots()
    marked = {"308": (ORANGE, "-", "subject 308"), "335": (BLUE, "--", "subject 335")}
    for person in np.unique(labels):
        at = labels == person
        colour, ls, label = marked.get(person, (GREY, "-", None))
        axes.plot(days[at], y[at], color=colour, ls=ls, lw=2.2 if label else 0.7, label=label)
    means = [y[days == d].mean() for d in np.unique(days)]
    axes.plot(np.unique(days), means, "o-", color=BLACK, lw=1.8, ms=5, label="mean of the day")
    axes.set(xlabel="Days", ylabel="Reaction (ms)")
    axes.set_xticks(range(10))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure


def residuals(fit: Fit, labels: ArrayLike, largest: int = 3) -> Figure:
    """Residuals over sigma against fitted values, and against normal quantiles.

    Parameters
    ----------
    fit : Fit
    labels : (n,) array
        Names of the rows' groups; those of the largest residuals are written beside them.
    largest : int
    """
    scaled, labels = fit.residuals / np.sqrt(fit.sigma2), np.asarray(labels)
    figure = new_figure(8.2, 3.8)
    left, right = figure.subplots(1, 2, sharey=True)
    left.plot(fit.fitted, scaled, "o", color=BLUE, ms=4, alpha=0.7, label="one measurement")
    left.legend(frameon=False, loc="upper right")
    for i in np.argsort(-np.abs(scaled))[:largest]:
        left.annotate(labels[i], (fit.fitted[i], scaled[i]), xytext=(5, -3),
                      textcoords="offset points", fontsize=9)
    normal = stats.norm.ppf((np.arange(len(scaled)) + 0.5) / len(scaled))
    right.plot(normal, np.sort(scaled), "o", color=BLUE, ms=4, alpha=0.7)
    right.plot(normal, normal, color=GREY, lw=1.2, ls="--", label="if normal")
    right.legend(frameon=False, loc="upper left")
    left.set(xlabel="fitted value (ms)", ylabel=r"residual over $\sigma$")
    right.set(xlabel="normal quantile")
    for axes in (left, right):
        axes.axhline(0.0, color=GREY, lw=0.8)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def random_effects(fit: Fit, term: str) -> Figure:
    """Predicted effects of each level with two conditional standard deviations, by the last one.

    Parameters
    ----------
    fit : Fit
    term : str
    """
    effects, variances = fit.random_effects[term], fit.conditional_variances[term]
    (found,) = [t for t in fit.model.terms if t.name == term]
    order = np.argsort(effects[:, -1])
    figure = new_figure(7.6, 4.4)
    panels = figure.subplots(1, effects.shape[1], sharey=True, squeeze=False)[0]
    for j, axes in enumerate(panels):
        sd = np.sqrt(variances[order, j, j])
        axes.errorbar(effects[order, j], range(len(order)), xerr=2 * sd, fmt="o", color=BLUE,
                      ecolor=GREY, ms=4, lw=1.2, label="prediction, 2 conditional sd")
        axes.axvline(0.0, color=BLACK, lw=0.8)
        axes.set_xlabel(found.effects[j])
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_yticks(range(len(order)), found.levels[order], fontsize=7)
    panels[0].set_ylabel(term)
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", frameon=False)
    return figure
