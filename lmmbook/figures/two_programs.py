"""Figure of the chapter "Two programs for each number": how many certified digits survive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lmmbook.figures import BLACK, BLUE, GREY, ORANGE, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLES = (
    {"marker": "_", "color": BLACK, "ms": 22, "mew": 2.0},
    {"marker": "o", "color": ORANGE, "ms": 8},
    {"marker": "s", "color": BLUE, "ms": 6, "mfc": "none", "mew": 1.6},
    {"marker": "x", "color": GREY, "ms": 7, "mew": 1.8},
)


def surviving_digits(names: Sequence[str], digits: Mapping[str, Sequence[float]]) -> Figure:
    """Correct digits by data set, one marker for each way to compute; nan is not drawn."""
    figure = new_figure(7.4, 4.2)
    axes = figure.subplots()
    for (way, values), style in zip(digits.items(), STYLES, strict=False):
        axes.plot(range(len(names)), values, ls="", label=way, **style)
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right")
    axes.set(ylim=(-0.6, 16), ylabel="correct digits of the mean square within")
    axes.grid(axis="y", color="#dddddd", lw=0.6)
    axes.legend(frameon=False, fontsize=9, loc="lower left")
    return figure
