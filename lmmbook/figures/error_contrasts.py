"""Figures of the chapter "Error contrasts": the data space, and contrasts as pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from lmmbook.figures import BLACK, BLUE, GREY, ORANGE, new_figure
from lmmcore.covariance.structures import Array
from lmmcore.textbook import error_contrasts as contrasts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

GREEN = "#009E73"


def data_space(y: ArrayLike) -> Figure:
    """Three observations as a point in space, and the plane of contrasts seen from the front.

    Parameters
    ----------
    y : (3,) array
    """
    y = np.asarray(y, float)
    figure = new_figure(8.0, 4.2)
    left, right = figure.subfigures(1, 2, wspace=0.05)
    _space(left, y)
    _plane(right, y)
    return figure


def _space(figure: SubFigure, y: Array) -> None:
    """The point y, its mean on the line of equal entries, and the plane across that line."""
    from matplotlib.ticker import MultipleLocator
    from mpl_toolkits.mplot3d import Axes3D  # noqa: F401 - makes the projection known

    basis = contrasts.helmert(3)
    mean, reach = np.full(3, y.mean()), 1.35 * np.linalg.norm(y - y.mean())
    space = figure.add_subplot(projection="3d")
    u, v = np.meshgrid([-reach, reach], [-reach, reach])
    plane = basis[:, :1, None] * u[None] + basis[:, 1:, None] * v[None]
    space.plot_surface(*plane, color=ORANGE, alpha=0.22, edgecolor=ORANGE, lw=0.8)
    top = 1.25 * y.mean() * np.ones(3)
    space.plot(*np.stack([-0.6 * top, top]).T, color=BLUE, lw=2)
    space.plot(*np.stack([mean, y]).T, color=GREY, ls=":", lw=1.5)
    space.plot(*np.stack([np.zeros(3), y - mean]).T, color=ORANGE, lw=2.5)
    space.plot(*y[:, None], "o", color=BLACK, ms=6)
    space.plot(*mean[:, None], "o", color=BLUE, ms=5)
    space.text(*(y + 0.4), "y", fontsize=11)
    space.text(*(top + 0.3), "col X", color=BLUE, fontsize=10)
    space.set(xlabel="first", ylabel="second", zlabel="third", box_aspect=(1, 1, 1))
    for axis in (space.xaxis, space.yaxis, space.zaxis):
        axis.set_major_locator(MultipleLocator(4))
    space.view_init(elev=18, azim=-20)
    space.set_title("data space", fontsize=10)


def _plane(figure: SubFigure, y: Array) -> None:
    """What is left of y in the plane, beside the columns of three choices of contrasts."""
    basis = contrasts.helmert(3)
    axes = figure.add_subplot()
    _arrow(axes, basis.T @ (y - y.mean()), ORANGE, "y less its mean", 2.5)
    kinds = ((contrasts.deviations, BLUE, "deviations"), (contrasts.differences, GREEN,
             "differences"), (contrasts.helmert, BLACK, "Helmert"))
    for make, colour, name in kinds:
        for column in make(3).T:
            _arrow(axes, 2.5 * (basis.T @ column), colour, name, 1.8)
            name = "_"
    axes.set(aspect="equal", xlabel="first Helmert contrast", ylabel="second Helmert contrast",
             xlim=(-6.5, 4.5), ylim=(-6.0, 5.0))
    axes.set_title("the plane of contrasts, from the front", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, loc="upper left")


def _arrow(axes: Axes, end: Array, colour: str, label: str, width: float) -> None:
    axes.annotate("", end, (0, 0), arrowprops={"arrowstyle": "->", "color": colour, "lw": width})
    axes.plot([], [], color=colour, lw=width, label=label)


def pictures(choices: Mapping[str, Array]) -> Figure:
    """Each A above its A'A: a square for each entry, blue for negative and red for positive.

    Parameters
    ----------
    choices : mapping from a title to A, (n, n - p)
    """
    figure = new_figure(8.0, 4.0)
    shape = next(iter(choices.values())).shape
    panels = figure.subplots(2, len(choices), height_ratios=[shape[0], shape[1]])
    for (upper, lower), (name, A) in zip(panels.T, choices.items(), strict=True):
        _entries(upper, A)
        upper.set_title(name, fontsize=10)
        _entries(lower, A.T @ A)
    panels[0, 0].set_ylabel("$A$", rotation=0, labelpad=12)
    panels[1, 0].set_ylabel("$A'A$", rotation=0, labelpad=14)
    return figure


def one_way(k: int, m: int, sigma2: float, tau2: float) -> Figure:
    """V, the contrasts between and within groups, and the covariance of the contrasts."""
    A = np.hstack(contrasts.one_way_contrasts(k, m))
    V = sigma2 * np.eye(k * m) + tau2 * np.kron(np.eye(k), np.ones((m, m)))
    figure = new_figure(8.0, 3.1)
    titles = (r"$V$", rf"$A$: {k - 1} between, {k * (m - 1)} within", r"$A'VA$")
    for axes, M, title in zip(figure.subplots(1, 3), (V, A, A.T @ V @ A), titles, strict=True):
        _entries(axes, np.where(np.abs(M) < 1e-12, 0.0, M))
        axes.set_title(title, fontsize=10)
    figure.axes[1].axvline(k - 1.5, color=BLACK, lw=1.2)
    return figure


def _entries(axes: Axes, M: Array) -> None:
    top = np.abs(M).max()
    axes.imshow(M, cmap="RdBu_r", vmin=-top, vmax=top)
    axes.set_xticks(np.arange(-0.5, M.shape[1]), minor=True)
    axes.set_yticks(np.arange(-0.5, M.shape[0]), minor=True)
    axes.grid(which="minor", color="#bbbbbb", lw=0.4)
    axes.tick_params(which="both", length=0)
    axes.set(xticks=[], yticks=[])
