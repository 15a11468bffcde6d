"""Figures of the chapter "Autoregressive effects": sparsity, smoothing, and the limit a -> 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from lmmbook.figures import BLACK, GREY, ORANGE, STYLE, new_figure
from lmmcore.fast.series import SeriesProfile
from lmmcore.model import LinearMixedModel
from lmmcore.results import Fit

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def matrices(panels: Mapping[str, ArrayLike]) -> Figure:
    """Square matrices as pictures: one square an entry, white for 0, with the entries counted.

    Parameters
    ----------
    panels : mapping of titles to (m, m) arrays
    """
    figure = new_figure(9.2, 2.6)
    for axes, (title, M) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        M = np.asarray(M, float)
        top = np.abs(M).max()
        shown = np.where(np.abs(M) < 1e-12 * top, 0.0, M)
        axes.pcolormesh(shown, cmap="PuOr", vmin=-top, vmax=top, edgecolors="#cccccc", lw=0.3)
        axes.set(aspect="equal", xticks=[], yticks=[])
        axes.invert_yaxis()
        axes.set_title(title, fontsize=10)
        axes.set_xlabel(f"{np.count_nonzero(shown)} of {M.size}\nentries not 0", fontsize=9)
    return figure


def smoothing(fits: Mapping[str, Fit], time: ArrayLike, y_label: str, x_label: str) -> Figure:
    """The data and, a panel for each fit, X beta + E(U | y) with two conditional deviations.

    Parameters
    ----------
    fits : mapping of titles to fits of one series each
    time : (n,) array
        Of the rows.
    y_label, x_label : str
    """
    time = np.asarray(time)
    figure = new_figure(8.6, 2.4 * len(fits) + 0.6)
    panels = figure.subplots(len(fits), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (title, fit) in zip(panels, fits.items(), strict=True):
        (term,), (spread,) = fit.model.terms, fit.conditional_variances.values()
        sd = np.sqrt(spread[term.codes, 0, 0])
        axes.plot(time, fit.model.y, "o", ms=2.5, color=GREY, label="observed")
        axes.fill_between(time, fit.fitted - 2 * sd, fit.fitted + 2 * sd, color=ORANGE, alpha=0.25,
                          lw=0)
        axes.plot(time, fit.fitted, color=ORANGE, lw=2, label="predicted")
        axes.set_title(title, fontsize=10, loc="left")
        axes.set_ylabel(y_label)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].legend(frameon=False, ncols=2, loc="upper right")
    panels[-1].set_xlabel(x_label)
    return figure


def towards_the_limit(model: LinearMixedModel, t: float, walk: float, gaps: ArrayLike) -> Figure:
    """Log likelihoods of ML and REML against 1 - a at a fixed tau/sigma, and the random walk's.

    Parameters
    ----------
    model : LinearMixedModel
        A stationary series.
    t : float
        tau / sigma.
    walk : float
        Restricted log likelihood of the random walk at the same t.
    gaps : (m,) array
        Values of 1 - a.
    """
    gaps = np.asarray(gaps, float)
    figure = new_figure(6.6, 3.8)
    axes = figure.subplots()
    for method, unit in (("REML", "restricted log likelihood"), ("ML", "log likelihood")):
        profile = SeriesProfile(model, method)
        value = [profile.log_likelihood(np.array([t, np.arctanh(1.0 - g)])) for g in gaps]
        axes.semilogx(gaps, value, lw=2, label=f"{method}: {unit}", **STYLE[method])
    axes.axhline(walk, color=BLACK, ls=":", lw=1.5, label="random walk, REML")
    axes.invert_xaxis()
    axes.set(xlabel="$1 - a$", ylabel="log likelihood")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure
