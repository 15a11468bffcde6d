"""Figure of the chapter "Automatic differentiation, four ways": error and cost of a gradient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from lmmbook.figures import BLACK, BLUE, ORANGE, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GREEN = "#009E73"


def error_and_cost(steps: ArrayLike, differences: Mapping[str, ArrayLike],
                   levels: Mapping[str, float], parameters: Sequence[int],
                   counts: Mapping[str, Sequence[int]]) -> Figure:  # fmt: skip
    """Left: relative errors over the step. Right: multiplications over the number of parameters.

    Parameters
    ----------
    steps : (m,) array
    differences : mapping from a name to (m,) relative errors
    levels : mapping from a name to a relative error that has no step; 0 is drawn at the bottom
    parameters : sequence of int
    counts : mapping from a name to a count for each of them
    """
    figure = new_figure(9.2, 4.0)
    left, right = figure.subplots(1, 2)
    dashes = (("--", BLUE, "s"), ("-", ORANGE, "o"), ("-.", GREEN, "D"), (":", BLACK, "x"))
    for (name, error), (line, colour, marker) in zip(differences.items(), dashes, strict=False):
        left.loglog(steps, error, color=colour, ls=line, marker=marker, ms=3, lw=1.5, label=name)
    for error, (line, colour, _) in zip(levels.values(), cycle(dashes)):
        left.axhline(max(error, 1e-17), color=colour, ls=line, lw=1)
    top = max(max(levels.values()), 1e-17)
    left.annotate(", ".join(levels), (0.5, top), xycoords=("axes fraction", "data"), fontsize=8,
                  xytext=(0, 4), textcoords="offset points", ha="center")
    left.set(xlabel="step $h$", ylabel="relative error of the slope")
    for (name, count), (line, colour, marker) in zip(counts.items(), dashes, strict=True):
        right.plot(parameters, count, color=colour, ls=line, marker=marker, label=name)
    right.set(xlabel="number of variances", ylabel="multiplications for a gradient", ylim=(0, None))
    for axes in (left, right):
        axes.grid(color="#dddddd", lw=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=9)
    return figure
