"""Figures of the chapter "Three specifications of one model"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from lmmbook.figures import BLACK, BLUE, GREY, ORANGE, new_figure
from lmmcore.model import LinearMixedModel
from lmmcore.textbook.definition import profile_log_likelihood

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def clouds(draws: Mapping[str, ArrayLike], mean: ArrayLike, covariance: ArrayLike) -> Figure:
    """Draws of two observations, one panel a specification, each with the exact 90 % ellipse.

    Parameters
    ----------
    draws : mapping of names to (2, m) arrays
    mean : (2,) array
    covariance : (2, 2) array
    """
    mean, covariance = np.asarray(mean, float), np.asarray(covariance, float)
    level = -2 * np.log(0.1)  # the 90 % point of a chi-square with 2 degrees of freedom
    angle = np.linspace(0, 2 * np.pi, 200)
    circle = np.sqrt(level) * np.array([np.cos(angle), np.sin(angle)])
    ellipse = mean[:, None] + np.linalg.cholesky(covariance) @ circle
    figure = new_figure(9.2, 4.0)
    panels = figure.subplots(1, len(draws), sharex=True, sharey=True)
    for axes, (name, y) in zip(panels, draws.items(), strict=True):
        e = np.asarray(y, float) - mean[:, None]
        inside = np.mean(np.sum(e * np.linalg.solve(covariance, e), axis=0) < level)
        axes.plot(*(mean[:, None] + e)[:, :1500], ".", color=BLUE, ms=2.5, alpha=0.5)
        axes.plot(*ellipse, color=ORANGE, lw=2)
        axes.set_title(f"{name}: {100 * inside:.1f} % inside", fontsize=10)
        axes.set(xlabel="day 0 (ms)")
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("day 2 (ms)")
    return figure


def backwards(tau: float, sigma: float, m: int, means: ArrayLike, predicted: ArrayLike) -> Figure:
    """Random intercepts against the means of m residuals: draws, E(U | mean) and its spread.

    Parameters
    ----------
    tau, sigma : float
        Standard deviations of the effects and of the errors.
    m : int
        Observations of a group.
    means, predicted : (k,) arrays
        Of the data: means of residuals, and predicted effects.
    """
    rng = np.random.default_rng(5)
    U = tau * rng.standard_normal(3000)
    mean = U + sigma / np.sqrt(m) * rng.standard_normal(3000)
    slope = tau**2 / (tau**2 + sigma**2 / m)
    spread = tau * np.sqrt(1 - slope)
    grid = np.linspace(-1, 1, 2) * np.abs(mean).max()
    figure = new_figure(6.0, 4.4)
    axes = figure.subplots()
    axes.plot(mean, U, ".", color=BLUE, ms=2.5, alpha=0.4)
    axes.fill_between(grid, slope * grid - spread, slope * grid + spread, color=ORANGE, alpha=0.2)
    axes.plot(grid, slope * grid, color=ORANGE, lw=2, label=r"$\mathbb{E}(U_i \mid y)$")
    axes.plot(grid, grid, color=GREY, ls=":", lw=1.5, label="face value")
    axes.plot(means, predicted, "o", color=BLACK, ms=7, label="six batches")
    axes.set(xlabel="mean residual of a batch (g)", ylabel="batch effect (g)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure


def intraclass(model: LinearMixedModel, m: int) -> Figure:
    """Profile log likelihood of the correlation within groups of m, negative ones included.

    Parameters
    ----------
    model : LinearMixedModel
        With a random intercept and groups of m.
    m : int
    """
    ZZ = (model.Z @ model.Z.T).toarray()

    def value(rho: float) -> float:  # sigma2 profiled out of V = sigma2 R
        R = (1 - rho) * np.eye(model.n) + rho * ZZ
        XtRi = np.linalg.solve(R, model.X).T
        r = model.y - model.X @ np.linalg.solve(XtRi @ model.X, XtRi @ model.y)
        return profile_log_likelihood(model.y, model.X, r @ np.linalg.solve(R, r) / model.n * R)

    below = np.linspace(-1 / (m - 1) + 0.03, 0, 80)
    above = np.linspace(0, 0.4, 60)
    low, high = ([value(rho) for rho in part] for part in (below, above))
    top = max(low + high)
    figure = new_figure(6.4, 3.9)
    axes = figure.subplots()
    axes.plot(below, np.array(low) - top, color=BLUE, ls="--", lw=2, label="marginal model only")
    axes.plot(above, np.array(high) - top, color=ORANGE, lw=2, label="hierarchical model")
    axes.plot(below[np.argmax(low)], max(low) - top, "o", color=BLUE, ms=8, zorder=3)
    axes.plot(above[np.argmax(high)], max(high) - top, "o", color=ORANGE, ms=8, zorder=3)
    axes.axvline(0, color=GREY, lw=0.8)
    axes.set(xlabel="correlation of two observations of one group", ylim=(-10, 0.5),
             ylabel="log likelihood less its maximum")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0.1, 0))
    return figure
