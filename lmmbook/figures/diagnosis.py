"""Residuals and random effects of a fit, drawn. See the chapters "Dyestuff", "Crossed and nested".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import norm

from lmmbook.figures import BLACK, BLUE, GREY, ORANGE, new_figure
from lmmcore.results import Fit

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def residuals(result: Fit, unit: str = "") -> Figure:
    """Residuals against fitted values (left) and against normal quantiles (right).

    Parameters
    ----------
    result : Fit
    unit : str
        Of the response, for the labels.
    """
    sigma = np.sqrt(result.sigma2)
    n = result.model.n
    label = f"({unit})" if unit else ""
    figure = new_figure(8.2, 3.6)
    left, right = figure.subplots(1, 2)
    left.axhline(0.0, color=GREY, lw=1.0)
    for edge in (-2 * sigma, 2 * sigma):
        left.axhline(edge, color=GREY, lw=1.0, ls=":")
    left.plot(result.fitted, result.residuals, "o", color=BLUE, ms=4, alpha=0.7)
    left.set(xlabel=f"fitted value {label}", ylabel=f"residual {label}")
    expected = norm.ppf((np.arange(1, n + 1) - 0.375) / (n + 0.25))
    right.plot(expected, expected, color=GREY, lw=1.0)
    right.plot(expected, np.sort(result.residuals) / sigma, "o", color=BLUE, ms=4, alpha=0.7)
    right.set(xlabel="normal quantile", ylabel=r"ordered residual $/\ \hat\sigma$")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def effects(result: Fit, unit: str = "") -> Figure:
    """The predicted effects of each scalar term, ordered, with twice their conditional sd.

    Parameters
    ----------
    result : Fit
    unit : str
        Of the response, for the labels.
    """
    terms = result.model.terms
    figure = new_figure(max(6.4, 4.1 * len(terms)), 3.8)
    panels = np.atleast_1d(figure.subplots(1, len(terms)))
    for axes, term in zip(panels, terms, strict=True):
        value = result.random_effects[term.name][:, 0]
        spread = 2 * np.sqrt(result.conditional_variances[term.name][:, 0, 0])
        order = np.argsort(value)
        rows = np.arange(len(value))
        axes.axvline(0.0, color=GREY, lw=1.0)
        axes.hlines(rows, value[order] - spread[order], value[order] + spread[order],
                    color=BLACK, lw=1.0)
        axes.plot(value[order], rows, "o", color=ORANGE, ms=5)
        axes.set_yticks(rows, term.levels[order], fontsize=8 if len(rows) < 26 else 6)
        axes.set(xlabel=f"predicted effect ({unit})" if unit else "predicted effect",
                 ylabel=term.name)
        axes.spines[["top", "right"]].set_visible(False)
    return figure
