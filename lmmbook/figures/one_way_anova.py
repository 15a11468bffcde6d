"""Figures of the chapter "One-way ANOVA": the two mean squares, zeros, and bias."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from lmmbook.demos.sampling import expected_estimates, zero_probability
from lmmbook.figures import BLACK, BLUE, GREY, ORANGE, STYLE, new_figure

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure


def plane(tables: Mapping[str, ArrayLike]) -> Figure:
    """REML's criterion over sigma2 and lambda = sigma2 + m tau2, with the forbidden half-plane.

    Parameters
    ----------
    tables : mapping from a title to y, (k, m)
    """
    figure = new_figure(8.4, 4.0)
    for axes, (title, y) in zip(figure.subplots(1, len(tables)), tables.items(), strict=True):
        y = np.asarray(y, float)
        k, m = y.shape
        ssb = m * np.sum((y.mean(1) - y.mean()) ** 2)
        sse = np.sum((y - y.mean(1)[:, None]) ** 2)
        within, between = sse / (k * (m - 1)), ssb / (k - 1)
        total = (sse + ssb) / (k * m - 1)
        s = np.geomspace(within / 3.5, within * 3.5, 160)
        lam = np.geomspace(between / 7, between * 14, 160)
        value = (k * (m - 1) * (np.log(s) + within / s)[None]
                 + (k - 1) * (np.log(lam) + between / lam)[:, None])
        axes.contour(s, lam, value - value.min(), levels=[0.2, 0.5, 1, 2, 4, 8, 16], colors=BLUE,
                     linewidths=np.linspace(1.6, 0.7, 7))
        axes.fill_between(s, lam[0], np.clip(s, lam[0], lam[-1]), color=GREY, alpha=0.35,
                          label=r"$\tau^2 < 0$")
        axes.plot(within, between, "x", color=BLACK, ms=9, mew=2, label="mean squares")
        end = (within, between) if between > within else (total, total)
        axes.plot(*end, "o", mfc="none", mec=ORANGE, ms=13, mew=2.2, label="REML")
        axes.set(xscale="log", yscale="log", xlabel=r"$\sigma^2$", ylim=(lam[0], lam[-1]),
                 xlim=(s[0], s[-1]))
        _plain_ticks(axes.xaxis, within * np.array([0.5, 1.0, 2.0]))
        _plain_ticks(axes.yaxis, between * np.array([0.25, 1.0, 4.0]))
        axes.set_ylabel(r"$\lambda = \sigma^2 + m\tau^2$")
        axes.set_title(title, fontsize=10)
        axes.legend(framealpha=1.0, fontsize=8, loc="upper left")
    return figure


def zeros(
    groups: Sequence[int], m: int, phi: ArrayLike, seen: Mapping[tuple[int, float], float]
) -> Figure:
    """The probability of tau2-hat = 0 over phi, for some numbers of groups.

    Parameters
    ----------
    groups : sequence of int
    m : int
    phi : (r,) array
    seen : mapping from (k, phi) to a share of zeros of REML in a simulation
    """
    phi = np.asarray(phi, float)
    figure = new_figure(6.6, 4.0)
    axes = figure.subplots()
    for k in groups:
        for method in ("ML", "REML"):
            values = [zero_probability(k, m, f, method) for f in phi]
            label = method if k == groups[0] else None
            axes.plot(phi, values, lw=2, label=label, **STYLE[method])
        drop = int(np.argmax(np.array(values) < 0.13)) or len(phi) - 1
        axes.text(phi[drop] * 0.9, 0.15, f"k = {k}", fontsize=9, bbox={"fc": "white", "ec": "none"})
    axes.plot([f for _, f in seen], list(seen.values()), "o", color=BLACK, ms=4, zorder=3,
              label="simulated, REML")
    axes.set(xlabel=r"$\phi = \tau^2/\sigma^2$", ylabel=r"probability of $\hat\tau^2 = 0$",
             ylim=(0, None), xlim=(phi[0], phi[-1]))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure


def bias(groups: Sequence[int], m: int, tau2: Sequence[float]) -> Figure:
    """Bias of tau2-hat over k for sigma2 = 1: as printed, and ML and REML with their boundary."""
    figure = new_figure(8.2, 3.6)
    for axes, t in zip(figure.subplots(1, len(tau2), sharey=True), tau2, strict=True):
        axes.axhline(0.0, color=GREY, lw=0.8)
        axes.plot(groups, [-(1 + m * t) / (k * m) for k in groups], color=BLACK, ls=":", lw=2,
                  label="ML as printed")
        for method in ("ML", "REML"):
            axes.plot(groups, [expected_estimates(k, m, 1.0, t, method).tau2 - t for k in groups],
                      lw=2, label=method, **STYLE[method])
        axes.set(xscale="log", xlabel="number of groups $k$")
        _plain_ticks(axes.xaxis, np.array([2, 5, 10, 20, 50]))
        axes.set_title(rf"$\tau^2 = {t:g}$, $\sigma^2 = 1$, $m = {m}$", fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel(r"bias of $\hat\tau^2$")
    figure.axes[0].legend(frameon=False, fontsize=9)
    return figure


def _plain_ticks(axis: Axis, at: np.ndarray) -> None:
    """Two digits at a few places, and no others."""
    rounded = [float(f"{x:.2g}") for x in at]
    axis.set_ticks(rounded, [f"{x:g}" for x in rounded])
    axis.set_ticks([], minor=True)
