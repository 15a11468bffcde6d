"""Figures of the chapter "The profile likelihood"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from lmmbook.figures import BLACK, BLUE, GREY, ORANGE, new_figure
from lmmcore.covariance.structures import Array
from lmmcore.model import LinearMixedModel
from lmmcore.profile import Profile

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEVELS = [-20, -10, -5, -3, -2, -1, -0.5, -0.1]


def surface_and_profile(model: LinearMixedModel, phi: ArrayLike, sigma2: ArrayLike) -> Figure:
    """The ML log likelihood over (phi, sigma2) with its ridge; below, the ridge's height over phi.

    Parameters
    ----------
    model : LinearMixedModel
        With one covariance parameter, phi = theta^2.
    phi, sigma2 : (a,) and (b,) arrays
    """
    phi, sigma2 = np.asarray(phi, float), np.asarray(sigma2, float)
    value, ridge, height = _heights(model, phi, sigma2)
    top = height.max()
    figure = new_figure(6.4, 6.4)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    _contours(above, phi, sigma2, value.T - top)
    above.plot(phi, ridge, color=BLACK, ls=":", lw=2, label=r"ridge: the best $\sigma^2$")
    best = int(np.argmax(height))
    slice_ = _heights(model, phi, ridge[[best]])[0][:, 0]
    above.axhline(ridge[best], color=GREY, lw=1.5, ls="-.", label=r"slice: $\sigma^2$ held fixed")
    above.plot(phi[best], ridge[best], "+", color=BLUE, ms=12, mew=2.5, label="maximum")
    above.set_ylabel(r"$\sigma^2$")
    above.legend(framealpha=1.0, loc="upper right")
    below.plot(phi, height - top, color=BLUE, lw=2, ls="--", label="profile: along the ridge")
    below.plot(phi, slice_ - top, color=GREY, lw=1.5, ls="-.", label="along the slice")
    below.plot(phi[best], 0, "+", color=BLUE, ms=12, mew=2.5)
    below.set(xlabel=r"$\phi = \tau^2/\sigma^2$", ylabel="log likelihood less its maximum",
              ylim=(-4.6, 0.3))  # fmt: skip
    below.legend(frameon=False, loc="lower center")
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def two_coordinates(model: LinearMixedModel, phi: ArrayLike, sigma2: ArrayLike) -> Figure:
    """One ML surface over (sigma2, tau2) and over (log sigma2, log phi), with the ridge of phi.

    Parameters
    ----------
    model : LinearMixedModel
        With one covariance parameter.
    phi, sigma2 : (a,) and (b,) arrays, positive
    """
    phi, sigma2 = np.asarray(phi, float), np.asarray(sigma2, float)
    value, ridge, height = _heights(model, phi, sigma2)
    figure = new_figure(9.2, 4.2)
    left, right = figure.subplots(1, 2)
    S, T = np.meshgrid(sigma2, phi)
    best = int(np.argmax(height))
    for axes, x, y, path in (
        (left, S, S * T, (ridge, ridge * phi)),
        (right, np.log(S), np.log(T), (np.log(ridge), np.log(phi))),
    ):
        _contours(axes, x, y, value - height.max())
        axes.plot(*path, color=BLACK, ls=":", lw=2, label=r"best $\sigma^2$ for each $\phi$")
        axes.plot(path[0][best], path[1][best], "+", color=ORANGE, ms=12, mew=2.5, label="maximum")
        axes.spines[["top", "right"]].set_visible(False)
    for ratio in (0.1, 0.5, 2.0):
        left.plot(sigma2, ratio * sigma2, color=GREY, lw=0.8)
        right.axhline(np.log(ratio), color=GREY, lw=0.8)
    left.set(xlabel=r"$\sigma^2$", ylabel=r"$\tau^2$", ylim=(0, 6000), xlim=sigma2[[0, -1]])
    right.set(xlabel=r"$\log\sigma^2$", ylabel=r"$\log\phi$")
    left.legend(framealpha=1.0, loc="upper right", fontsize=9)
    return figure


def _pieces(model: LinearMixedModel, phi: Array) -> Array:
    """rss and log|W| for each phi, (a, 2)."""
    profile = Profile(model, "ML")
    pieces = [profile.pieces(np.sqrt([f])) for f in phi]
    return np.array([[p.rss, p.log_det] for p in pieces])


def _heights(model: LinearMixedModel, phi: Array, sigma2: Array) -> tuple[Array, Array, Array]:
    """Log likelihood (a, b) without its constant, the ridge (a,), and its height (a,)."""
    rss, log_det = _pieces(model, phi).T
    ridge = rss / model.n
    value = -0.5 * (model.n * np.log(sigma2) + log_det[:, None] + rss[:, None] / sigma2)
    return value, ridge, -0.5 * (model.n * np.log(ridge) + log_det + model.n)


def _contours(axes: Axes, x: Array, y: Array, value: Array) -> None:
    lines = axes.contour(x, y, value, levels=LEVELS, colors=BLUE, linestyles="solid",
                         linewidths=np.linspace(0.6, 1.6, len(LEVELS)))
    axes.clabel(lines, fontsize=8, fmt="%g")
