"""Figures of the chapter "Why variances come out too small"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from lmmbook.demos.sampling import moments
from lmmbook.figures import BLACK, BLUE, GREY, ORANGE, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GREEN = "#009E73"


def bias(largest: int, coefficients: Sequence[int]) -> Figure:
    """Mean of the ML estimate over sigma2, (n - p)/n, against n for several p.

    Parameters
    ----------
    largest : int
        Largest number of observations.
    coefficients : sequence of int
        Values of p.
    """
    figure = new_figure(6.4, 4.0)
    axes = figure.subplots()
    for p, colour, marker in zip(coefficients, cycle((BLUE, GREEN, GREY, BLACK)), cycle("os^D")):
        n = np.arange(p + 1, largest + 1)
        axes.plot(n, (n - p) / n, color=colour, marker=marker, ms=3.5, lw=1, ls="--",
                  label=f"ML, {p} coefficient" + ("s" if p > 1 else ""))
    axes.axhline(1, color=ORANGE, lw=2, label="REML")
    axes.set(xlabel="observations $n$", ylabel=r"mean of the estimate over $\sigma^2$",
             xlim=(0, largest + 1), ylim=(0, 1.08))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    return figure


def mean_square_error(cases: Mapping[str, tuple[int, int]]) -> Figure:
    """Mean square error of rss / d against d, with ML, REML and the best divisor marked.

    Parameters
    ----------
    cases : mapping of a title to (n, p)
    """
    figure = new_figure(4.4 * len(cases), 3.8)
    panels = figure.subplots(1, len(cases), squeeze=False)[0]
    for axes, (title, (n, p)) in zip(panels, cases.items(), strict=True):
        f = n - p
        d = np.linspace(0.75 * f, 1.1 * n + 3, 300)
        each = [moments(f, x) for x in d]
        axes.plot(d, [m.mse for m in each], color=BLACK, lw=2, label="mean square error")
        axes.plot(d, [m.variance for m in each], color=GREY, lw=1.2, ls=":",
                  label="its variance part")
        for name, at, colour, marker in (("ML, $n$", n, BLUE, "s"), ("REML, $n-p$", f, ORANGE, "o"),
                                         ("least, $n-p+2$", f + 2, GREEN, "D")):  # fmt: skip
            axes.plot(at, moments(f, at).mse, marker, color=colour, ms=8, label=name, zorder=3)
        axes.set(xlabel="divisor of the sum of squares", ylabel=r"in units of $\sigma^4$",
                 title=title, ylim=(0, None))
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].legend(frameon=False, fontsize=9)
    return figure
