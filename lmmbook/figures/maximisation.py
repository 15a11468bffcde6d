"""Figures of the chapter "Maximisation": paths over a likelihood surface, and how fast they end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from lmmbook.figures import BLACK, BLUE, GREY, ORANGE, new_figure
from lmmcore.covariance.structures import Array
from lmmcore.model import LinearMixedModel
from lmmcore.profile import Profile
from lmmcore.textbook import variance_steps

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GREEN, PURPLE = "#009E73", "#CC79A7"
LOOKS = {
    "newton": {"color": BLACK, "marker": "o", "ls": "-"},
    "fisher": {"color": BLUE, "marker": "s", "ls": "--"},
    "average-information": {"color": GREEN, "marker": "^", "ls": "-."},
    "em": {"color": ORANGE, "marker": "D", "ls": ":"},
}
LEVELS = [-40, -20, -10, -5, -3, -2, -1, -0.5, -0.1]


def paths(
    model: LinearMixedModel,
    starts: ArrayLike,
    sigma2: ArrayLike,
    tau2: ArrayLike,
    method: str = "REML",
) -> Figure:
    """The paths of the four methods over contours of the log likelihood, a panel for each start.

    Parameters
    ----------
    model : LinearMixedModel
        With one variance beside sigma2.
    starts : (s, 2) array
        sigma2 and tau2.
    sigma2, tau2 : (a,) and (b,) arrays
        Positive, in squared units of y.
    method : {"REML", "ML"}
    """
    value = np.array([[variance_steps.log_likelihood(model, np.array([s, t]), method)
                       for s in sigma2] for t in tau2])
    figure = new_figure(9.0, 4.6)
    panels = figure.subplots(1, len(starts), sharey=True, squeeze=False)[0]
    for axes, start in zip(panels, starts, strict=True):
        axes.contour(sigma2, tau2, value - value.max(), levels=LEVELS, colors=GREY,
                     linestyles="solid", linewidths=0.8)
        for name, look in LOOKS.items():
            points = variance_steps.path(model, start, name, method, steps=60)
            axes.plot(*points.T, ms=5, lw=1.4, label=name, **look)
        axes.plot(*start, "*", color=PURPLE, ms=15, zorder=4, label="start")
        axes.set(xlabel=r"$\sigma^2$", xlim=(np.min(sigma2), np.max(sigma2)),
                 ylim=(np.min(tau2), np.max(tau2)))
    panels[0].set_ylabel(r"$\tau^2$")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=5, frameon=False)
    return figure


def errors(points: Mapping[str, Array], limit: ArrayLike) -> Figure:
    """The largest relative error of the variances against the step, for each method.

    Parameters
    ----------
    points : mapping of methods to (steps, 1 + r) arrays
    limit : (1 + r,) array
        Where they all go.
    """
    figure = new_figure(6.8, 4.0)
    axes = figure.subplots()
    for name, path in points.items():
        error = np.max(np.abs(path / limit - 1.0), axis=1)
        shown = error > 1e-11  # below, there is rounding
        axes.semilogy(np.flatnonzero(shown), error[shown], ms=5, lw=1.5, label=name, **LOOKS[name])
    axes.set(xlabel="step", ylabel="largest relative error")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure


def between(model: LinearMixedModel, ends: Mapping[str, Array], method: str = "REML") -> Figure:
    """The log likelihood along the segment in theta from one maximum to another, and beyond.

    Parameters
    ----------
    model : LinearMixedModel
    ends : mapping of two labels to (n_theta,) arrays
    method : {"REML", "ML"}
    """
    profile = Profile(model, method)
    (first, a), (second, b) = ends.items()
    at = np.linspace(-0.4, 1.4, 241)
    value = np.array([profile.log_likelihood(a + t * (b - a)) for t in at])
    figure = new_figure(6.4, 3.6)
    axes = figure.subplots()
    axes.plot(at, value - value.max(), color=BLUE, lw=2)
    for t, label in ((0.0, first), (1.0, second)):
        height = profile.log_likelihood(a + t * (b - a)) - value.max()
        axes.plot(t, height, "o", color=ORANGE, ms=8, zorder=3)
        axes.annotate(label, (t, height), xytext=(0, -18), textcoords="offset points",
                      ha="center", fontsize=10)
    axes.set(xlabel="position on the segment between two maxima",
             ylabel="log likelihood less its maximum")
    axes.spines[["top", "right"]].set_visible(False)
    return figure
