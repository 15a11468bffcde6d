"""Figures of the chapter "A first fit": the data, the design, Newton's path, and the boundary."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from lmmbook.figures import BLACK, BLUE, GREY, ORANGE, STYLE, new_figure
from lmmcore.model import LinearMixedModel
from lmmcore.profile import Profile
from lmmcore.results import Fit
from lmmcore.textbook.definition import relative_covariance

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def by_level(y: ArrayLike, labels: ArrayLike, x_label: str, y_label: str) -> Figure:
    """The responses of each level, ordered by the level's mean, with means and overall mean.

    Parameters
    ----------
    y : (n,) array
    labels : (n,) array
    x_label, y_label : str
    """
    y, labels = np.asarray(y, float), np.asarray(labels)
    means = {level: y[labels == level].mean() for level in np.unique(labels)}
    order = sorted(means, key=means.get)
    figure = new_figure(6.4, 3.6)
    axes = figure.subplots()
    axes.axhline(y.mean(), color=GREY, lw=1.2, ls="--", label="overall mean")
    for i, level in enumerate(order):
        own = y[labels == level]
        axes.plot(np.full(len(own), i), own, "o", color=BLUE, ms=6, alpha=0.7,
                  label=None if i else "preparation")
        axes.plot([i - 0.25, i + 0.25], [means[level]] * 2, color=ORANGE, lw=3,
                  label=None if i else "mean of the level")
    axes.set_xticks(range(len(order)), order)
    axes.set(xlabel=x_label, ylabel=y_label)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    return figure


def design(model: LinearMixedModel, theta: ArrayLike) -> Figure:
    """X, Z and W = I + Z Lambda Lambda' Z' as pictures: a square for each entry, white for 0.

    Parameters
    ----------
    model : LinearMixedModel
    theta : (n_theta,) array
    """
    Z = model.Z.toarray()
    panels = [(model.X, "$X$"), (Z, "$Z$"), (relative_covariance(model, theta), "$W$")]
    figure = new_figure(7.2, 3.9)
    widths = [max(M.shape[1], 4) for M, _ in panels]
    for axes, (M, name) in zip(figure.subplots(1, 3, width_ratios=widths), panels, strict=True):
        top = np.abs(M).max()
        axes.imshow(M, cmap="Blues", vmin=0, vmax=1.2 * top)
        axes.set_xticks(np.arange(-0.5, M.shape[1]), minor=True)
        axes.set_yticks(np.arange(-0.5, M.shape[0]), minor=True)
        axes.grid(which="minor", color="#bbbbbb", lw=0.4)
        axes.tick_params(which="both", length=0)
        axes.set(xticks=[], yticks=[], anchor="N")
        axes.set_title(rf"{name}, ${M.shape[0]}\times{M.shape[1]}$", fontsize=10)
    return figure


def newton_path(result: Fit, theta: ArrayLike) -> Figure:
    """The criterion over theta, and on it the points that Newton's method visited.

    Parameters
    ----------
    result : Fit
        Of a model with one covariance parameter.
    theta : (m,) array
    """
    theta = np.asarray(theta, float)
    profile = Profile(result.model, result.method)
    figure = new_figure(6.4, 3.8)
    axes = figure.subplots()
    axes.plot(theta, [profile.criterion(np.array([t])) for t in theta], lw=2,
              label=f"{result.method} criterion", **STYLE[result.method])
    seen: list[float] = []
    for i, point in enumerate(result.iterations):
        (at,) = point.theta
        axes.plot(at, point.criterion, "o", color=BLACK, ms=6, zorder=3)
        if not seen or min(abs(at - s) for s in seen) > 0.02 * np.ptp(theta):
            seen.append(at)
            axes.annotate(str(i), (at, point.criterion), xytext=(0, 8),
                          textcoords="offset points", ha="center", fontsize=10)
    axes.set(xlabel=r"$\theta = \tau/\sigma$", ylabel="criterion")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure


def theta_and_phi(models: Mapping[str, LinearMixedModel], largest: float) -> Figure:
    """The REML criterion less its value at 0, against theta (left) and against phi (right).

    Parameters
    ----------
    models : mapping of names to models with one covariance parameter
    largest : float
        Of theta.
    """
    theta = np.linspace(-largest, largest, 241)
    figure = new_figure(8.2, 3.6)
    left, right = figure.subplots(1, 2, sharey=True)
    looks = [{"color": ORANGE, "ls": "-"}, {"color": BLUE, "ls": "--"}]
    for (name, model), look in zip(models.items(), cycle(looks)):
        profile = Profile(model, "REML")
        value = np.array([profile.criterion(np.array([t])) for t in theta])
        value -= profile.criterion(np.zeros(1))
        left.plot(theta, value, lw=2, label=name, **look)
        right.plot(theta[120:] ** 2, value[120:], lw=2, **look)
    for axes in (left, right):
        axes.axhline(0.0, color=GREY, lw=0.8)
        axes.plot(0.0, 0.0, "o", color=BLACK, ms=6, zorder=3, clip_on=False)
        axes.spines[["top", "right"]].set_visible(False)
    left.set(xlabel=r"$\theta$", ylabel="REML criterion less its value at 0")
    right.set(xlabel=r"$\phi = \theta^2$", xlim=(0, largest**2))
    left.legend(frameon=False)
    return figure
