"""Figures of the chapter "A series in time": the Nile, and what the models see in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from lmmbook.figures import BLUE, GREY, STYLE, new_figure
from lmmcore.fast.series import SeriesProfile
from lmmcore.model import LinearMixedModel

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def data(time: ArrayLike, y: ArrayLike, x_label: str, y_label: str) -> Figure:
    """A series as points joined by a thin line."""
    figure = new_figure(8.4, 3.2)
    axes = figure.subplots()
    axes.plot(time, y, "-", color=GREY, lw=0.8)
    axes.plot(time, y, "o", color=BLUE, ms=3.5)
    axes.set(xlabel=x_label, ylabel=y_label)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def walk_profiles(models: Mapping[str, LinearMixedModel], phi: Mapping[str, ArrayLike]) -> Figure:
    """Profile log likelihoods of ML and REML over tau2/sigma2, a panel for each random walk.

    Parameters
    ----------
    models : mapping of titles to models with one parameter
    phi : mapping of titles to (m,) arrays, not negative
    """
    figure = new_figure(8.6, 3.4)
    for axes, (title, model) in zip(figure.subplots(1, len(models)), models.items(), strict=True):
        grid = np.asarray(phi[title], float)
        for method in ("ML", "REML"):
            profile = SeriesProfile(model, method)
            value = np.array([profile.log_likelihood(np.sqrt([x])) for x in grid])
            top = int(np.argmax(value))
            axes.plot(grid, value - value[top], lw=2, label=method, **STYLE[method])
            axes.plot(grid[top], 0.0, "o", color=STYLE[method]["color"], clip_on=False, zorder=3)
        axes.set(xlabel=r"$\tau^2/\sigma^2$", title=title)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("log likelihood less its maximum")
    figure.axes[0].legend(frameon=False)
    return figure


def correlograms(residuals: Mapping[str, ArrayLike], lags: int) -> Figure:
    """Autocorrelations of residuals at the lags 1, 2, ..., with the band of white noise.

    Parameters
    ----------
    residuals : mapping of titles to (n,) arrays
    lags : int
    """
    figure = new_figure(8.6, 3.0)
    panels = figure.subplots(1, len(residuals), sharey=True)
    for axes, (title, r) in zip(panels, residuals.items(), strict=True):
        r = np.asarray(r, float) - np.mean(r)
        value = [r[h:] @ r[:-h] / (r @ r) for h in range(1, lags + 1)]
        band = 2.0 / np.sqrt(len(r))
        axes.axhspan(-band, band, color=GREY, alpha=0.2, lw=0)
        axes.axhline(0.0, color=GREY, lw=0.8)
        axes.vlines(np.arange(1, lags + 1), 0.0, value, color=BLUE, lw=2)
        axes.plot(np.arange(1, lags + 1), value, "o", color=BLUE, ms=4)
        axes.set(xlabel="lag (years)", title=title)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("autocorrelation")
    return figure
