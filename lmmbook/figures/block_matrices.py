"""Figures of the chapter "Block matrices": the structure of V, and the cost of its inverse."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from lmmbook.demos.operation_counts import cost_through_M, cost_through_W
from lmmbook.figures import BLACK, BLUE, ORANGE, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def grouped_design(sizes: ArrayLike) -> np.ndarray:
    """Z of a random intercept and slope, in groups of the given sizes."""
    sizes = np.asarray(sizes)
    Z = np.zeros((sizes.sum(), 2 * len(sizes)))
    for g, (end, size) in enumerate(zip(sizes.cumsum(), sizes, strict=True)):
        rows = slice(end - size, end)
        Z[rows, 2 * g] = 1.0
        Z[rows, 2 * g + 1] = np.linspace(-0.5, 1.0, size)
    return Z


def structure(Z: ArrayLike, phi: float = 1.0) -> Figure:
    """Z, Z'Z, W = I + phi Z Z' and I - W^-1 as pictures: one square an entry, 0 is white."""
    Z = np.asarray(Z, float)
    n, k = Z.shape
    W = np.eye(n) + phi * Z @ Z.T
    panels = [
        (Z, rf"$Z$, ${n}\times{k}$"),
        (Z.T @ Z, rf"$Z'Z$, ${k}\times{k}$"),
        (W, rf"$W=I+\phi ZZ'$, ${n}\times{n}$"),
        (np.eye(n) - np.linalg.inv(W), rf"$I-W^{{-1}}$, ${n}\times{n}$"),
    ]
    figure = new_figure(9.2, 3.5)
    widths = [M.shape[1] for M, _ in panels]
    for axes, (M, title) in zip(figure.subplots(1, 4, width_ratios=widths), panels, strict=True):
        top = np.abs(M).max()
        shown = np.where(np.abs(M) < 1e-12, 0.0, M)
        axes.pcolormesh(shown, cmap="PuOr", vmin=-top, vmax=top, edgecolors="#cccccc", lw=0.4)
        axes.set(aspect="equal", xticks=[], yticks=[], anchor="N")
        axes.invert_yaxis()
        axes.set_title(title, fontsize=10)
        axes.set_xlabel(f"{np.count_nonzero(shown)} of {M.size}\nentries not 0", fontsize=9)
    return figure


def costs(n: ArrayLike, ks: tuple[int, ...], counted: dict[str, list[tuple[int, int]]]) -> Figure:
    """Operations against n, through W (one line) and through M (a line for each k).

    Parameters
    ----------
    n : (m,) array
    ks : tuple of int
        The first is the k of the line through W.
    counted : dict
        Points (n, operations) that were counted in a run, for "W" and "M" (with k = ks[0]).
    """
    n = np.asarray(n, float)
    figure = new_figure(6.4, 4.2)
    axes = figure.subplots()
    axes.loglog(n, cost_through_W(n, ks[0]), color=BLACK, ls="--", lw=2,
                label=rf"through $W$, $n\times n$ ($k={ks[0]}$)")
    for k, shade in zip(ks, cycle(("-", "-.", ":"))):
        at = n[n >= 2 * k]
        axes.loglog(at, cost_through_M(at, k), color=BLUE, ls=shade, lw=2,
                    label=rf"through $M$, $k\times k$, $k={k}$")
    for i, points in enumerate(counted.values()):
        axes.plot(*zip(*points, strict=True), "o", color=ORANGE, ms=6,
                  label=None if i else "counted while running")
    axes.set(xlabel="number of observations $n$", ylabel="multiplications and divisions")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#dddddd", lw=0.6)
    axes.legend(frameon=False, fontsize=9)
    return figure
