"""Figures of the chapter "Designs": Z, Z'Z and W as pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from lmmbook.figures import BLACK, BLUE, ORANGE, new_figure
from lmmcore.covariance.structures import Array
from lmmcore.model import LinearMixedModel
from lmmcore.textbook.definition import relative_covariance

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def matrices(designs: Mapping[str, tuple[LinearMixedModel, ArrayLike]]) -> Figure:
    """A row for each design with Z, Z'Z and W = I + Z Lambda Lambda' Z'; 0 is white.

    Parameters
    ----------
    designs : mapping of names to (model, theta)
    """
    figure = new_figure(7.4, 2.75 * len(designs))
    grid = figure.subplots(len(designs), 3, squeeze=False)
    for row, (name, (model, theta)) in zip(grid, designs.items(), strict=True):
        Z = model.Z.toarray()
        W = relative_covariance(model, np.asarray(theta, float))
        edges = np.cumsum([len(t.effects) * len(t.levels) for t in model.terms])[:-1]
        _picture(row[0], Z, "Z", edges, ())
        _picture(row[1], Z.T @ Z, "Z'Z", edges, edges)
        _picture(row[2], W, "W", (), ())
        row[0].set_ylabel(name, fontsize=10)
    return figure


def _picture(axes: Axes, M: Array, name: str, across: ArrayLike, down: ArrayLike) -> None:
    """One square an entry; black lines between the columns (rows) of different terms."""
    M = np.where(np.abs(M) < 1e-12, 0.0, M)
    top = np.abs(M).max()
    axes.pcolormesh(M, cmap="PuOr", vmin=-top, vmax=top, edgecolors="#cccccc", lw=0.4)
    for at in across:
        axes.axvline(at, color=BLACK, lw=1.2)
    for at in down:
        axes.axhline(at, color=BLACK, lw=1.2)
    axes.set(aspect="equal", xticks=[], yticks=[], anchor="N")
    axes.invert_yaxis()
    axes.set_title(rf"${name}$, ${M.shape[0]}\times{M.shape[1]}$", fontsize=10)


def spread(x: ArrayLike, lines: ArrayLike, G: ArrayLike, sigma2: float) -> Figure:
    """Standard deviation of an observation over x, and of the mean line alone; zero marked.

    Parameters
    ----------
    x : (m,) array
    lines : (k, 2) array
        Intercepts and slopes of some subjects, drawn left.
    G : (2, 2) array
        Covariance of intercepts and slopes.
    sigma2 : float
    """
    x, lines, G = (np.asarray(a, float) for a in (x, lines, G))
    line_variance = G[0, 0] + 2 * x * G[0, 1] + x**2 * G[1, 1]
    figure = new_figure(8.2, 3.6)
    left, right = figure.subplots(1, 2)
    for intercept, slope in lines:
        left.plot(x, intercept + slope * x, color=BLUE, lw=0.9, alpha=0.8)
    left.set_ylabel("reaction time less its mean (ms)")
    right.plot(x, np.sqrt(line_variance + sigma2), color=ORANGE, lw=2, label="an observation")
    right.plot(x, np.sqrt(line_variance), color=BLUE, lw=2, ls="--", label="a person's line")
    right.set(ylim=(0, None), ylabel="standard deviation (ms)")
    right.legend(frameon=False)
    narrowest = -G[0, 1] / G[1, 1]
    for axes in (left, right):
        axes.axvline(narrowest, color=BLACK, lw=1, ls=":")
        axes.set_xlabel("day")
        axes.spines[["top", "right"]].set_visible(False)
    return figure
