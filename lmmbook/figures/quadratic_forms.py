"""Figures of the chapter "Projections and quadratic forms"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import chi2

from lmmbook.figures import BLACK, BLUE, GREY, ORANGE, new_figure
from lmmcore.covariance.structures import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def pythagoras(y: ArrayLike, x: ArrayLike, W: ArrayLike) -> Figure:
    """Squares over the sides of the triangle 0, Qy, y; Q projects on x, orthogonally or with W.

    Parameters
    ----------
    y, x : (2,) arrays
    W : (2, 2) array, positive definite
    """
    y, x, W = (np.asarray(a, float) for a in (y, x, W))
    figure = new_figure(8.6, 4.6)
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    for axes, weights, words in zip(panels, (np.eye(2), W), ("orthogonal", "oblique"), strict=True):
        foot = x * (x @ weights @ y) / (x @ weights @ x)
        origin = np.zeros(2)
        sides = [(origin, foot, BLUE, 0.45), (foot, y, ORANGE, 0.45), (y, origin, GREY, 0.18)]
        for (a, b, colour, alpha), name in zip(sides, ("Qy", "y - Qy", "y"), strict=True):
            _square(axes, a, b, colour, alpha, f"$|{name}|^2$\n= {(b - a) @ (b - a):g}")
        axes.axline(origin, x, color=BLACK, lw=0.8, ls=":", zorder=0)
        axes.set(aspect="equal", title=words, xlabel="first observation")
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("second observation")
    return figure


def _square(axes: Axes, a: Array, b: Array, colour: str, alpha: float, words: str) -> None:
    """The square over the side from a to b, on its right; words in its middle."""
    along = b - a
    away = np.array([along[1], -along[0]])
    corners = np.array([a, b, b + away, a + away])
    axes.fill(*corners.T, facecolor=colour, alpha=alpha, edgecolor=colour, lw=1.5)
    axes.plot(*np.transpose([a, b]), color=BLACK, lw=2)
    axes.text(*corners.mean(axis=0), words, ha="center", va="center", fontsize=9)


def laws(right: ArrayLike, wrong: ArrayLike, degrees: int, first: ArrayLike,
         second: ArrayLike) -> Figure:  # fmt: skip
    """Two histograms with the chi-square density, and a scatter of two forms.

    Parameters
    ----------
    right, wrong : (m,) arrays
        Draws of the form that is chi-square, and of one that is not.
    degrees : int
    first, second : (l,) arrays
        Draws of two independent forms.
    """
    figure = new_figure(9.2, 3.4)
    left, middle, scatter = figure.subplots(1, 3)
    grid = np.linspace(0, 90, 400)
    bins = np.linspace(0, 90, 61)
    for axes, values, words in ((left, right, "$y'Py$"), (middle, wrong, "$y'P_0y$, scaled")):
        axes.hist(np.clip(values, 0, 90), bins, density=True, color=BLUE, alpha=0.45)
        axes.plot(grid, chi2(degrees).pdf(grid), color=ORANGE, lw=2, label=rf"$\chi^2({degrees})$")
        axes.set(xlabel=words, ylim=(0, 0.062), xlim=(0, 90))
        axes.legend(frameon=False)
    left.set_ylabel("density")
    scatter.plot(first, second, ".", color=BLUE, ms=2.5, alpha=0.6)
    scatter.set(xlabel="sum of squares within", ylabel="sum of squares between", xlim=(0, None),
                ylim=(0, None))
    for axes in (left, middle, scatter):
        axes.spines[["top", "right"]].set_visible(False)
    return figure
