"""Figures of the two labs: estimates as the number of groups grows, and their laws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from lmmbook.figures import GREY, STYLE, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def growth(
    groups: Sequence[int],
    found: Mapping[str, ArrayLike],
    derived: Mapping[str, ArrayLike],
    truth: float,
    label: str,
) -> Figure:
    """Means of simulated estimates, with two standard errors, and the derived means.

    Parameters
    ----------
    groups : sequence of int
        Numbers of groups k.
    found : mapping from "ML" and "REML" to (len(groups), draws) arrays
    derived : mapping from "ML" and "REML" to (len(groups),) arrays
    truth : float
    label : str
        What is estimated, in TeX.
    """
    figure = new_figure(6.8, 3.8)
    axes = figure.subplots()
    for method, marker in (("ML", "s"), ("REML", "o")):
        draws = np.asarray(found[method], float)
        error = 2 * draws.std(axis=1, ddof=1) / np.sqrt(draws.shape[1])
        colour = STYLE[method]["color"]
        axes.plot(groups, derived[method], lw=1.8, label=f"{method}, derived", **STYLE[method])
        axes.errorbar(groups, draws.mean(axis=1), yerr=error, fmt=marker, ms=5, capsize=3,
                      color=colour, label=f"{method}, simulated")
    axes.axhline(truth, color=GREY, lw=1, label="true value")
    axes.set(xscale="log", xlabel="number of groups $k$", ylabel=f"mean estimate of {label}")
    axes.set_xticks(groups, [str(k) for k in groups])
    axes.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, ncols=2)
    return figure


def chi_square_laws(
    panels: Mapping[str, Mapping[str, tuple[ArrayLike, int, float]]],
    truth: float | None,
    label: str,
) -> Figure:
    """Histograms of simulated values, and the derived law: a number times a chi-square.

    Parameters
    ----------
    panels : mapping
        From a title to a mapping from "ML" or "REML" to draws, degrees of freedom and the number.
    truth : float, optional
        Marked by a vertical line.
    label : str
        What is drawn, in TeX.
    """
    from scipy.stats import chi2

    figure = new_figure(8.4, 3.6)
    for axes, (title, laws) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        end = max(chi2.ppf(0.999, nu) * unit for _, nu, unit in laws.values())
        x = np.linspace(end * 1e-3, end, 400)
        for name, (draws, degrees, unit) in laws.items():
            axes.hist(draws, bins=np.linspace(0, end, 61), density=True, alpha=0.25,
                      color=STYLE[name]["color"])
            axes.plot(x, chi2.pdf(x / unit, degrees) / unit, lw=2, label=name, **STYLE[name])
        if truth is not None:
            axes.axvline(truth, color=GREY, lw=1)
        axes.set(title=title, xlabel=label, xlim=(0, end), ylabel="density")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    return figure
