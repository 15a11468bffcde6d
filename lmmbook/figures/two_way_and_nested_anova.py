"""Figures of the chapter "Two-way and nested ANOVA": covariance matrices, and pooling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from lmmbook.figures import BLACK, BLUE, GREY, ORANGE, new_figure
from lmmcore.covariance.structures import Array
from lmmcore.textbook.balanced import BalancedEstimates

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def covariances(matrices: Mapping[str, Array]) -> Figure:
    """Covariance matrices as pictures, above their eigenvalues in falling order.

    Parameters
    ----------
    matrices : mapping from a title to V, (n, n)
    """
    figure = new_figure(8.0, 4.8)
    panels = figure.subplots(2, len(matrices), height_ratios=[2, 1])
    for (upper, lower), (title, V) in zip(panels.T, matrices.items(), strict=True):
        upper.imshow(V, cmap="Blues", vmin=0, vmax=1.1 * V.max())
        upper.set(xticks=[], yticks=[])
        upper.set_title(title, fontsize=10)
        lower.plot(np.arange(1, len(V) + 1), np.linalg.eigvalsh(V)[::-1], "o", color=BLUE, ms=4)
        lower.set(xlabel="eigenvalue, by size", ylim=(0, None))
        lower.spines[["top", "right"]].set_visible(False)
    return figure


def pooling(cases: Mapping[str, tuple[BalancedEstimates, BalancedEstimates]]) -> Figure:
    """Mean squares and pooled values of each stratum, with the order that they must keep.

    Parameters
    ----------
    cases : mapping from a title to the moment and the REML estimates of one table
    """
    figure = new_figure(8.0, 3.4)
    panels = figure.subplots(1, len(cases), sharey=True)
    for axes, (title, (moments, reml)) in zip(panels, cases.items(), strict=True):
        strata = moments.strata
        lam = [reml.sigma2]
        for s in strata[1:]:
            lam.append(lam[s.below] + s.multiplier * reml.variances[s.name])
        for i, s in enumerate(strata):
            if s.below is not None:
                axes.plot([s.below, i], [lam[s.below], lam[i]], color=GREY, lw=1.2, zorder=1)
            axes.annotate("", (i, lam[i]), (i, s.mean_square),
                          arrowprops={"arrowstyle": "->", "color": GREY})
            axes.plot(i, s.mean_square, "x", color=BLACK, ms=8, mew=2,
                      label=None if i else "mean square")
            axes.plot(i, lam[i], "o", mfc="none", mec=ORANGE, ms=11, mew=2,
                      label=None if i else "REML")
        axes.set_xticks(range(len(strata)), [f"{s.name}\n{s.df} df" for s in strata], fontsize=8)
        axes.set(yscale="log", xlim=(-0.5, len(strata) - 0.5))
        axes.set_title(title, fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel(r"$\lambda$")
    panels[0].legend(frameon=False, fontsize=8)
    return figure
