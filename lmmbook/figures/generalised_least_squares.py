"""Figures of the chapter "Generalised least squares"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from lmmbook.figures import BLACK, BLUE, GREY, ORANGE, new_figure
from lmmcore.covariance.structures import Array
from lmmcore.textbook.generalised_least_squares import whitened_data, working

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ANGLE = np.linspace(0, 2 * np.pi, 300)
CIRCLE = np.array([np.cos(ANGLE), np.sin(ANGLE)])


def three_projections(y: ArrayLike, x: ArrayLike, V: ArrayLike) -> Figure:
    """A point of the plane projected on the line of x: plainly, with V^-1, and after whitening.

    Parameters
    ----------
    y, x : (2,) arrays
    V : (2, 2) array, positive definite
    """
    y, x, V = (np.asarray(a, float) for a in (y, x, V))
    X, root = x[:, None], np.linalg.cholesky(V)
    white_y, white_X = whitened_data(y, X, V)
    figure = new_figure(9.6, 3.9)
    panels = figure.subplots(1, 3)
    _panel(panels[0], y, x, np.eye(2), working(y, X, np.eye(2), V).beta[0], BLUE, "--")
    panels[0].set_title("ordinary: circles", fontsize=10)
    _panel(panels[1], y, x, root, working(y, X, V, V).beta[0], ORANGE, "-")
    panels[1].set_title("generalised: ellipses of $V$", fontsize=10)
    white_beta = working(white_y, white_X, np.eye(2), np.eye(2)).beta[0]
    _panel(panels[2], white_y, white_X[:, 0], np.eye(2), white_beta, ORANGE, "-", white=True)
    panels[2].set_title("the same, whitened by $L^{-1}$", fontsize=10)
    return figure


def _panel(axes: Axes, y: Array, x: Array, root: Array, beta: float, colour: str, style: str,
           white: bool = False) -> None:  # fmt: skip
    foot = beta * x
    along = x / np.linalg.norm(x)
    reach = 30.0
    axes.plot(*np.outer(along, [-reach, reach]), color=GREY, lw=1.5)
    size = np.linalg.norm(np.linalg.solve(root, y - foot))
    for share in (0.5, 1.0):
        axes.plot(*(y[:, None] + share * size * root @ CIRCLE), color=colour, lw=1, ls=":")
    axes.plot(*np.transpose([y, foot]), color=colour, lw=2.2, ls=style)
    axes.plot(*foot, "o", color=colour, ms=7, zorder=3)
    axes.plot(*y, "s", color=BLACK, ms=7, zorder=3)
    name = r"$\tilde{y}$" if white else "$y$"
    axes.annotate(name, y, xytext=(8, -14), textcoords="offset points", fontsize=12)
    name = r"$\tilde{X}\hat{\beta}$" if white else r"$X\hat{\beta}$"
    axes.annotate(name, foot, xytext=(-6, 12), textcoords="offset points", color=colour,
                  fontsize=12)
    middle, half = (y + foot) / 2, np.abs(y - foot).max() + 0.8
    axes.set(xlim=(middle[0] - half, middle[0] + half), ylim=(middle[1] - half, middle[1] + half),
             aspect="equal")
    unit = r" entry of $L^{-1}y$" if white else " observation"
    axes.set_xlabel("first" + unit, fontsize=9)
    axes.set_ylabel("second" + unit, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)


def wrong_weights(X: ArrayLike, ratios: ArrayLike, shapes: dict[str, Array], phi: float) -> Figure:
    """Standard errors of one coefficient when the weights assume another ratio than the true one.

    Parameters
    ----------
    X : (n, p) array
        The last coefficient is shown.
    ratios : (m,) array
        Assumed values of phi.
    shapes : mapping of a name to K (n, n)
        The covariance is I + phi K.
    phi : float
        The true ratio.
    """
    X, ratios = np.asarray(X, float), np.asarray(ratios, float)
    figure = new_figure(4.2 * len(shapes), 3.6)
    for axes, (name, K) in zip(figure.subplots(1, len(shapes), squeeze=False)[0], shapes.items(),
                               strict=True):  # fmt: skip
        n = len(X)
        V = np.eye(n) + phi * K
        true, said = [], []
        for ratio in ratios:
            S = np.eye(n) + ratio * K
            true.append(working(np.zeros(n), X, S, V).vcov[-1, -1])
            said.append(working(np.zeros(n), X, S, S).vcov[-1, -1])
        axes.plot(ratios, np.sqrt(true), color=ORANGE, lw=2, label="true (sandwich)")
        axes.plot(ratios, np.sqrt(said), color=BLUE, lw=2, ls="--", label="reported")
        axes.axvline(phi, color=GREY, lw=0.9, ls=":", label="the true ratio")
        axes.set(xlabel=r"ratio $\phi$ that the weights assume", ylim=(0, None),
                 ylabel="standard error of the slope", title=name)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    return figure
