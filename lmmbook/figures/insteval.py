"""Figures of the chapter "InstEval": the design, the flat top, and three kinds of effects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import norm

from lmmbook.figures import BLACK, BLUE, GREY, ORANGE, STYLE, new_figure
from lmmcore.fast.crossed import CrossedProfile
from lmmcore.results import Fit

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def design(result: Fit) -> Figure:
    """Who meets whom: students by lecturers, and how often each level of each factor occurs."""
    terms = result.model.terms
    by_size = [np.argsort(np.argsort(-np.bincount(t.codes), kind="stable")) for t in terms]
    figure = new_figure(9.2, 3.8)
    left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
    left.plot(by_size[1][terms[1].codes], by_size[0][terms[0].codes], ",", color=BLUE, alpha=0.6)
    left.invert_yaxis()
    left.set(xlabel="lecturer, most evaluated first", ylabel="student, most active first")
    for term, colour, dashes in zip(terms, (BLUE, ORANGE, BLACK), ("-", "--", ":"), strict=True):
        times = np.sort(np.bincount(term.codes))[::-1]
        right.loglog(np.arange(1, len(times) + 1), times, color=colour, ls=dashes, lw=2,
                     label=f"{term.name}, {len(times)} levels")
    right.set(xlabel="rank of the level", ylabel="evaluations")
    right.legend(frameon=False, fontsize=9)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def profiles(ml: Fit, reml: Fit, points: int = 9) -> Figure:
    """The criterion along each theta, the others held, above its minimum, for ML and REML."""
    figure = new_figure(9.2, 3.3)
    panels = figure.subplots(1, len(reml.theta))
    for fit in (ml, reml):
        profile = CrossedProfile(fit.model, fit.method)
        for j, (axes, term) in enumerate(zip(panels, fit.model.terms, strict=True)):
            # standard errors of psi = sigma2 theta^2, carried over to theta
            error = fit.se_observed[1 + j] / (2 * fit.sigma2 * fit.theta[j])
            grid = fit.theta[j] + error * np.linspace(-2.5, 2.5, points)
            rise = [profile.criterion(np.where(np.arange(len(panels)) == j, x, fit.theta))
                    - fit.criterion for x in grid]
            axes.plot(grid, rise, "o", ms=4, lw=2, label=fit.method, **STYLE[fit.method])
            axes.set(title=term.name, xlabel=r"$\theta$")
            axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("criterion above its minimum")
    panels[-1].legend(frameon=False)
    return figure


def effects(result: Fit) -> Figure:
    """Predicted effects of each factor over their estimated sd, against normal quantiles."""
    figure = new_figure(9.2, 3.3)
    panels = figure.subplots(1, len(result.model.terms), sharey=True)
    for axes, c in zip(panels, result.variance_components, strict=True):
        u = np.sort(result.random_effects[c.group][:, 0]) / c.sd[0]
        q = norm.ppf((np.arange(1, len(u) + 1) - 0.375) / (len(u) + 0.25))
        axes.plot(q, q, color=GREY, lw=1.0)
        axes.plot(q, u, "o", color=BLUE, ms=3)
        axes.set(title=f"{c.group}, sd {c.sd[0]:.3f}", xlabel="normal quantile")
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("predicted effect / sd")
    return figure


def shares(result: Fit) -> Figure:
    """The share of each grade for fitted values from low to high: what a Gaussian cannot know."""
    y, edges = result.model.y, np.quantile(result.fitted, np.linspace(0, 1, 21))
    at = np.clip(np.searchsorted(edges, result.fitted, side="right") - 1, 0, 19)
    middle = np.bincount(at, weights=result.fitted) / np.bincount(at)
    figure = new_figure(6.4, 3.8)
    axes = figure.subplots()
    grades = np.unique(y)
    shade = np.linspace(0.85, 0.15, len(grades))
    share = [np.bincount(at, weights=y == grade) / np.bincount(at) for grade in grades]
    axes.stackplot(middle, share, colors=[str(s) for s in shade],
                   labels=[f"grade {g:.0f}" for g in grades])
    axes.set(xlabel="fitted value", ylabel="share of the evaluations", ylim=(0, 1),
             xlim=(middle[0], middle[-1]))
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=9,
                reverse=True)
    return figure
