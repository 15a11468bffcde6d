"""Figures of the chapter "Mixed model equations": shrinkage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lmmbook.figures import BLACK, GREY, STYLE, new_figure
from lmmcore.results import Fit

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def shrinkage(ml: Fit, reml: Fit) -> Figure:
    """Group means and their predictions (left); the factor of shrinkage over m (right).

    Parameters
    ----------
    ml, reml : Fit
        Fits of one balanced one-way model by the two methods.
    """
    (term,) = ml.model.terms
    y, groups = ml.model.y, range(len(term.levels))
    means = np.array([y[term.codes == g].mean() for g in groups])
    size = len(y) // len(means)
    order = np.argsort(means)
    figure = new_figure(8.6, 3.8)
    left, right = figure.subplots(1, 2)
    rows = np.arange(len(means))
    left.plot(means[order], rows, "o", color=BLACK, label="batch mean", zorder=3)
    for shift, result, marker in ((0.14, ml, "s"), (-0.14, reml, "D")):
        predicted = result.beta[0] + result.random_effects[term.name][:, 0]
        for row, g in enumerate(order):
            left.annotate("", (predicted[g], row + shift), (means[g], row + shift),
                          arrowprops={"arrowstyle": "-", "color": GREY, "lw": 0.8})
        left.plot(predicted[order], rows + shift, marker, color=STYLE[result.method]["color"],
                  label=f"predicted, {result.method}")
    left.axvline(ml.beta[0], color=GREY, ls=":", lw=1.2)
    left.set_yticks(rows, term.levels[order])
    left.set(xlabel="yield (g)", ylabel=term.name.lower())
    left.legend(frameon=False, fontsize=8, loc="lower right")
    m = np.arange(0, 31)
    for result in (ml, reml):
        phi = result.phi[0]
        factor = m * phi / (1 + m * phi)
        right.plot(m, factor, lw=2, label=rf"{result.method}, $\phi = {phi:.2f}$",
                   **STYLE[result.method])
        right.plot(size, factor[size], "o", color=STYLE[result.method]["color"])
    right.set(xlabel="observations in the group, $m$", ylabel="factor of shrinkage", ylim=(0, 1))
    right.legend(frameon=False, fontsize=9, loc="lower right")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def shrinking(result: Fit, phi: float) -> Figure:
    """Group means and what the model would predict if tau2/sigma2 were phi.

    Parameters
    ----------
    result : Fit
        Of a balanced one-way model.
    phi : float
    """
    (term,) = result.model.terms
    y = result.model.y
    means = np.array([y[term.codes == g].mean() for g in range(len(term.levels))])
    size = len(y) // len(means)
    order = np.argsort(means)
    rows = np.arange(len(means))
    predicted = means.mean() + size * phi / (1 + size * phi) * (means - means.mean())
    figure = new_figure(6.4, 2.6)
    axes = figure.subplots()
    axes.hlines(rows, means[order], predicted[order], color=GREY, lw=0.8)
    axes.plot(means[order], rows, "o", color=BLACK, label="batch mean", zorder=3)
    axes.plot(predicted[order], rows, "D", color=STYLE["REML"]["color"], label="predicted")
    axes.axvline(means.mean(), color=GREY, ls=":", lw=1.2)
    axes.set_yticks(rows, term.levels[order])
    axes.set(xlabel="yield (g)", ylabel=term.name.lower())
    axes.set_title(rf"$\phi$ = {phi:g}", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    return figure
