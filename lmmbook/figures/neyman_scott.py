"""Figures of the chapter "Neyman and Scott"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from lmmbook.figures import GREY, STYLE, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def growing(differences: ArrayLike, sigma2: float = 1.0) -> Figure:
    """ML and REML from the first k pairs against k, with 95 per cent of the chi-square law.

    Parameters
    ----------
    differences : (K,) array
        The difference within each pair.
    sigma2 : float
        The true error variance.
    """
    from scipy.stats import chi2

    squares = np.cumsum(np.asarray(differences, float) ** 2) / 2
    k = np.arange(1, len(squares) + 1)
    figure = new_figure(6.8, 4.2)
    axes = figure.subplots()
    for method, divisor in (("ML", 2 * k), ("REML", k)):
        low, high = (sigma2 * chi2.ppf(q, k) / divisor for q in (0.025, 0.975))
        colour = STYLE[method]["color"]
        axes.fill_between(k, low, high, color=colour, alpha=0.15, lw=0)
        axes.plot(k, squares / divisor, lw=1.8, label=method, **STYLE[method])
    axes.axhline(sigma2, color=GREY, lw=1, label=r"$\sigma^2$")
    axes.axhline(sigma2 / 2, color=GREY, lw=1, ls=":", label=r"$\sigma^2/2$")
    axes.set(xscale="log", xlim=(2, len(squares)), ylim=(0, 2.2 * sigma2),
             xlabel="number of pairs $k$", ylabel=r"estimate of $\sigma^2$")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=2, loc="upper right")
    return figure


def sampling_laws(squares: ArrayLike, k: int, sigma2: float = 1.0) -> Figure:
    """Histograms of ML and REML from simulated sums of squares, and the chi-square densities.

    Parameters
    ----------
    squares : (size,) array
        Sums of squares within k pairs, one for each simulated data set.
    k : int
    sigma2 : float
    """
    from scipy.stats import chi2

    squares = np.asarray(squares, float)
    figure = new_figure(6.8, 3.8)
    axes = figure.subplots()
    x = np.linspace(1e-3, 2.6 * sigma2, 400)
    for method, divisor in (("ML", 2 * k), ("REML", k)):
        unit = sigma2 / divisor
        axes.hist(squares / divisor, bins=np.linspace(0, 2.6 * sigma2, 79), density=True,
                  color=STYLE[method]["color"], alpha=0.25, label=f"{method}, simulated")
        axes.plot(x, chi2.pdf(x / unit, k) / unit, lw=2, label=f"{method}, derived",
                  **STYLE[method])
    axes.axvline(sigma2, color=GREY, lw=1, label=r"$\sigma^2$")
    axes.set(xlabel=r"estimate of $\sigma^2$", ylabel="density", xlim=(0, 2.6 * sigma2))
    axes.set_title(f"$k$ = {k:g}", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper right")
    return figure
