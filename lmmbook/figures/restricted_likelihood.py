"""Figures of the chapter "The restricted likelihood and its score".

All but one are for one variance component, V = sigma2 I + tau2 K, diagonalised by
`lmmcore.textbook.one_variance`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from lmmbook.figures import BLACK, BLUE, GREY, ORANGE
from lmmcore.covariance.structures import Array
from lmmcore.textbook.one_variance import Spectrum

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GREEN = "#009E73"
LABEL_S, LABEL_T = r"$\sigma^2$", r"$\tau^2$"


def one_parameter(s: Spectrum, sigma2: ArrayLike, marks: Sequence[tuple[float, str]],
                  tau2: float = 1.0) -> Figure:  # fmt: skip
    """The restricted log likelihood over sigma2 at fixed tau2, its score below, and some roots.

    Parameters
    ----------
    s : Spectrum
    sigma2 : (m,) array
    marks : sequence of (value of sigma2, words)
    tau2 : float
    """
    figure, (top, low) = _figure(6.4, 4.6, rows=2, sharex=True, height_ratios=[3, 2])
    value = s.log_likelihood(sigma2, tau2)
    top.plot(sigma2, value, color=BLUE, lw=2)
    low.plot(sigma2, s.scores(sigma2, tau2).sigma2, color=BLUE, lw=2)
    low.axhline(0, color=GREY, lw=0.8)
    for (at, words), marker, colour in zip(
        marks, cycle("osD^"), cycle((ORANGE, BLACK, GREEN, GREY))
    ):
        kind = {"color": colour, "marker": marker, "ms": 7, "ls": "none", "zorder": 3}
        top.plot(at, s.log_likelihood(at, tau2), label=words, **kind)
        low.plot(at, s.scores(at, tau2).sigma2, **kind)
        for axes in (top, low):
            axes.axvline(at, color=colour, lw=0.8, ls=":")
    top.set_ylabel("log likelihood of the contrasts")
    low.set(xlabel=LABEL_S, ylabel="its slope", ylim=(-0.35, 0.6))
    top.legend(frameon=False, loc="lower right")
    return figure


def meeting_curves(cases: Sequence[tuple[str, Spectrum, ArrayLike, ArrayLike]]) -> Figure:
    """Contours over (sigma2, tau2), with the zeros of the score in sigma2 and along scaling.

    Parameters
    ----------
    cases : sequence of (title, spectrum, sigma2 grid, tau2 grid)
    """
    figure, panels = _figure(8.6, 4.2, columns=len(cases))
    for axes, (title, s, sigma2, tau2) in zip(panels, cases, strict=True):
        grid = np.meshgrid(sigma2, tau2)
        value = s.log_likelihood(*grid)
        _contours(axes, *grid, value - value.max())
        scores = s.scores(*grid)
        axes.contour(*grid, scores.sigma2, levels=[0], colors=ORANGE, linewidths=2.2)
        axes.contour(*grid, scores.scaling, levels=[0], colors=BLACK, linewidths=2.2,
                     linestyles="--")
        i, j = np.unravel_index(np.argmax(value), value.shape)
        axes.plot(sigma2[j], tau2[i], "o", color=BLACK, ms=8, clip_on=False, zorder=4)
        axes.set(xlabel=LABEL_S, ylabel=LABEL_T, title=title)
    _legend(figure, [
        ({"color": ORANGE, "lw": 2.2}, "the score in $\\sigma^2$ is 0"),
        ({"color": BLACK, "lw": 2.2, "ls": "--"}, "the published equation holds"),
        ({"color": BLACK, "marker": "o", "ls": "none"}, "joint maximum"),
    ])  # fmt: skip
    return figure


def oblique(y: ArrayLike, x: ArrayLike, V: ArrayLike) -> Figure:
    """Orthogonal and V^-1-orthogonal projection of a point y of the plane on the line of x.

    Parameters
    ----------
    y, x : (2,) arrays
    V : (2, 2) array, positive definite
    """
    y, x, V = (np.asarray(a, float) for a in (y, x, V))
    right = x * (x @ y) / (x @ x)
    weights = np.linalg.solve(V, x)
    slanted = x * (weights @ y) / (weights @ x)
    figure, (axes,) = _figure(6.0, 4.8)
    line = np.outer([-0.6, 3.6], x)
    axes.plot(*line.T, color=GREY, lw=1.5)
    axes.annotate("col $X$", line[1], xytext=(-44, -4), textcoords="offset points", color=GREY)
    angle = np.linspace(0, 2 * np.pi, 200)
    root = np.linalg.cholesky(V)
    size = np.sqrt((y - slanted) @ np.linalg.solve(V, y - slanted))
    ellipse = y[:, None] + size * root @ np.array([np.cos(angle), np.sin(angle)])
    axes.plot(*ellipse, color=ORANGE, lw=1, ls=":")
    for foot, colour, style, words in (
        (right, BLUE, "--", "orthogonal: ordinary least squares"),
        (slanted, ORANGE, "-", "oblique, along $Qy$: weighted by $V^{-1}$"),
    ):
        axes.plot(*np.transpose([y, foot]), color=colour, ls=style, lw=2.2, label=words)
        axes.plot(*foot, "o", color=colour, ms=7, zorder=3)
    axes.plot(*y, "s", color=BLACK, ms=7, zorder=3)
    axes.annotate("$y$", y, xytext=(8, 6), textcoords="offset points")
    axes.set(xlabel="first observation", ylabel="second observation", aspect="equal")
    axes.legend(frameon=False, loc="lower right")
    return figure


def two_maxima(fixed: Spectrum, sigma2: ArrayLike, roots: Sequence[float], joint: Spectrum,
               grid: tuple[ArrayLike, ArrayLike], points: Sequence[Sequence[float]]
               ) -> Figure:  # fmt: skip
    """Left: two maxima in sigma2 at tau2 = 1. Right: two maxima over (sigma2, tau2).

    Parameters
    ----------
    fixed, joint : Spectrum
    sigma2 : (m,) array
    roots : stationary points of the left curve, marked
    grid : the two axes of the right panel
    points : (sigma2, tau2) of its maxima, marked
    """
    figure, (left, right) = _figure(8.6, 4.0, columns=2)
    left.semilogx(sigma2, fixed.log_likelihood(sigma2, 1.0), color=BLUE, lw=2)
    for at, marker, colour in zip(roots, "oXo", (ORANGE, GREY, ORANGE), strict=True):
        left.plot(at, fixed.log_likelihood(at, 1.0), marker, color=colour, ms=8, zorder=3)
    left.set(xlabel=LABEL_S, ylabel="restricted log likelihood", title=r"$G = 1$ fixed")
    mesh = np.meshgrid(*grid)
    value = joint.log_likelihood(*mesh)
    top = max(float(joint.log_likelihood(*p)) for p in points)
    _contours(right, *mesh, value - top, [-4, -2, -1, -0.7, -0.4, -0.2, -0.05])
    for p in points:
        right.plot(*p, "o", color=ORANGE, ms=8, clip_on=False, zorder=4)
    right.set(xlabel=LABEL_S, ylabel=LABEL_T, xscale="log", title=r"$\sigma^2$ and $\tau^2$ free")
    return figure


def _contours(axes: Axes, x: Array, y: Array, value: Array, levels: Sequence[float] = ()) -> None:
    levels = levels or [-10, -5, -3, -2, -1, -0.5, -0.1]
    lines = axes.contour(x, y, value, levels=levels, colors=BLUE, linestyles="solid",
                         linewidths=np.linspace(0.6, 1.5, len(levels)))
    axes.clabel(lines, fontsize=8, fmt="%g")


def _legend(figure: Figure, entries: Sequence[tuple[dict, str]]) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], label=words, **kind) for kind, words in entries]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)


def _figure(width: float, height: float, rows: int = 1, columns: int = 1, sharex: bool = False,
            **ratios: Sequence[float]) -> tuple[Figure, list[Axes]]:  # fmt: skip
    import matplotlib.pyplot as plt

    figure, grid = plt.subplots(rows, columns, figsize=(width, height), sharex=sharex,
                                squeeze=False, layout="constrained", gridspec_kw=ratios)
    for axes in grid.flat:
        axes.spines[["top", "right"]].set_visible(False)
    return figure, list(grid.flat)
