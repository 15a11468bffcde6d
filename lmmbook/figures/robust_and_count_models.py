"""Figures of the chapter "Robust and count models": outliers, influence, overdispersed counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from lmmbook.figures import BLACK, BLUE, GREY, ORANGE, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LINES = {"normal": (BLUE, "--"), "Student-t": (ORANGE, "-")}


def people(
    day: ArrayLike, y: ArrayLike, subject: ArrayLike, shown: Sequence[str],
    lines: Mapping[str, Mapping[str, ArrayLike]], weights: ArrayLike,
) -> Figure:
    """Some people's reaction times, the lines of two models, and what a point counts for.

    Parameters
    ----------
    day, y, subject : (n,) arrays
    shown : labels of subjects
    lines : mapping from "normal" and "Student-t" to intercept and slope by subject
    weights : (n,) array
        In the Student-t model, drawn as the size of a point.
    """
    day, y, subject, weights = map(np.asarray, (day, y, subject, weights))
    figure = new_figure(8.2, 3.2)
    for axes, label in zip(figure.subplots(1, len(shown), sharey=True), shown, strict=True):
        own = subject == label
        axes.scatter(day[own], y[own], s=6 + 44 * weights[own] / weights.max(), color=BLACK,
                     alpha=0.75, lw=0)
        for name, by_subject in lines.items():
            colour, dash = LINES[name]
            a, b = np.asarray(by_subject[label])
            axes.plot([0, 9], [a, a + 9 * b], color=colour, ls=dash, lw=2, label=name)
        axes.set(xlabel="days", xticks=[0, 3, 6, 9])
        axes.set_title(f"subject {label}", fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("reaction time (ms)")
    figure.axes[0].legend(frameon=False, fontsize=9)
    return figure


def influence(shifts: ArrayLike, estimates: Mapping[str, ArrayLike]) -> Figure:
    """The slope of days over the shift of one observation, under both models."""
    figure = new_figure(6.4, 3.6)
    axes = figure.subplots()
    axes.axvline(0.0, color=GREY, lw=1, ls=":")
    for name, values in estimates.items():
        colour, dash = LINES[name]
        axes.plot(shifts, values, color=colour, ls=dash, lw=2, marker="o", ms=4, label=name)
    axes.set(xlabel="shift of one observation (ms)", ylabel="slope of days (ms a day)")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def probabilities(y: ArrayLike, exact: ArrayLike, laplace: ArrayLike, poisson: ArrayLike) -> Figure:
    """The probabilities of counts: Poisson log-normal, its Laplace approximation, and Poisson."""
    figure = new_figure(6.8, 3.6)
    axes = figure.subplots()
    axes.bar(y, exact, color=BLUE, alpha=0.55, label="Poisson log-normal")
    axes.plot(y, laplace, "o", color=ORANGE, ms=5, label="by Laplace")
    axes.plot(y, poisson, "x", color=BLACK, ms=6, label="Poisson of the same mean")
    axes.set(xlabel="count", ylabel="probability")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def ticks(height: ArrayLike, counts: ArrayLike, year: ArrayLike,
          curves: Mapping[str, tuple[ArrayLike, ArrayLike]]) -> Figure:
    """Tick counts over height, a panel a year, with the mean of a typical chick.

    Parameters
    ----------
    height, counts, year : (n,) arrays
    curves : mapping from a year to heights and means
    """
    height, counts, year = map(np.asarray, (height, counts, year))
    figure = new_figure(8.2, 3.3)
    for axes, (name, (x, mean)) in zip(figure.subplots(1, len(curves), sharey=True),
                                       curves.items(), strict=True):
        own = year == name
        axes.plot(height[own], np.log1p(counts[own]), "o", color=BLUE, ms=3.5, alpha=0.5, mew=0)
        axes.plot(x, np.log1p(mean), color=ORANGE, lw=2, label="mean of a chick with effects 0")
        axes.set_xlabel("height (m)")
        axes.set_title(f"19{name}", fontsize=10)
        axes.set_yticks(np.log1p([0, 1, 3, 10, 30, 80]), [0, 1, 3, 10, 30, 80])
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("ticks on a chick")
    figure.axes[-1].legend(frameon=False, fontsize=9, loc="upper right")
    return figure
