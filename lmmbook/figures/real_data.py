"""Figures of the chapters "Dyestuff" and "Crossed and nested": the data, as their designs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from lmmbook.figures import BLUE, GREY, ORANGE, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def two_tables(tables: Mapping[str, ArrayLike], y_label: str) -> Figure:
    """One-way data side by side, a column for each group, with the groups' means.

    Parameters
    ----------
    tables : mapping of names to (k, m) arrays
        A group in each row.
    y_label : str
    """
    figure = new_figure(8.2, 3.6)
    panels = figure.subplots(1, len(tables))
    for axes, (name, table) in zip(panels, tables.items(), strict=True):
        table = np.asarray(table, float)
        axes.axhline(table.mean(), color=GREY, lw=1.2, ls="--")
        for g, row in enumerate(table):
            axes.plot(np.full(len(row), g), row, "o", color=BLUE, ms=5, alpha=0.7)
            axes.plot([g - 0.25, g + 0.25], [row.mean()] * 2, color=ORANGE, lw=3)
        axes.set_xticks(range(len(table)), [chr(ord("A") + g) for g in range(len(table))])
        axes.set(xlabel="batch", ylabel=y_label, title=name)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def crossed(y: ArrayLike, rows: ArrayLike, columns: ArrayLike, names: tuple[str, str]) -> Figure:
    """A crossed design: one square for each pair of levels, its colour the response.

    Parameters
    ----------
    y, rows, columns : (n,) arrays
        One observation for each pair of levels.
    names : tuple of str
        Of the factors.
    """
    levels, r = np.unique(rows, return_inverse=True)
    others, c = np.unique(columns, return_inverse=True)
    table = np.full((len(others), len(levels)), np.nan)
    table[c, r] = y
    figure = new_figure(8.2, 3.0)
    axes = figure.subplots()
    picture = axes.imshow(table, cmap="cividis", aspect="auto")
    axes.set_xticks(range(len(levels)), levels)
    axes.set_yticks(range(len(others)), others)
    axes.set(xlabel=names[0], ylabel=names[1])
    figure.colorbar(picture, ax=axes, label="diameter (mm)")
    return figure


def nested(y: ArrayLike, groups: ArrayLike, subgroups: ArrayLike, names: tuple[str, str]) -> Figure:
    """A nested design: the subgroups of each group beside each other, means as bars.

    Parameters
    ----------
    y, groups, subgroups : (n,) arrays
        A subgroup's label may return in another group.
    names : tuple of str
        Of the groups and of the response.
    """
    y, groups, subgroups = np.asarray(y, float), np.asarray(groups), np.asarray(subgroups)
    figure = new_figure(8.2, 3.6)
    axes = figure.subplots()
    levels = np.unique(groups)
    for g, level in enumerate(levels):
        inside = np.unique(subgroups[groups == level])
        for s, sub in enumerate(inside):
            own = y[(groups == level) & (subgroups == sub)]
            at = g + 0.26 * (s - (len(inside) - 1) / 2)
            axes.plot(np.full(len(own), at), own, "o", color=BLUE, ms=5, alpha=0.8)
            axes.annotate(str(sub), (at, own.max()), xytext=(0, 5), ha="center", fontsize=7,
                          textcoords="offset points", color=GREY)
        axes.plot([g - 0.38, g + 0.38], [y[groups == level].mean()] * 2, color=ORANGE, lw=2)
    axes.set_xticks(range(len(levels)), levels)
    axes.set(xlabel=names[0], ylabel=names[1])
    axes.spines[["top", "right"]].set_visible(False)
    return figure
