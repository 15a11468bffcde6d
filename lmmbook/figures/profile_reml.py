"""Figures of the chapter "The profile of the restricted likelihood": ML and REML as p grows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from lmmbook.figures import BLACK, GREY, STYLE, new_figure
from lmmcore.model import LinearMixedModel
from lmmcore.profile import Profile

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def profiles(models: Mapping[str, LinearMixedModel], phi: ArrayLike) -> Figure:
    """The profile log likelihoods over phi, each less its maximum, one panel for each model.

    Parameters
    ----------
    models : mapping from a title to a model with one covariance parameter
    phi : (m,) array
    """
    phi = np.asarray(phi, float)
    figure = new_figure(8.2, 3.2)
    panels = figure.subplots(1, len(models), sharey=True)
    for axes, (title, model) in zip(panels, models.items(), strict=True):
        for method in ("ML", "REML"):
            profile = Profile(model, method)
            value = np.array([profile.log_likelihood(np.sqrt([f])) for f in phi])
            top = int(np.argmax(value))
            axes.plot(phi, value - value[top], lw=2, label=method, **STYLE[method])
            axes.plot(phi[top], 0.0, "o", color=STYLE[method]["color"], clip_on=False)
        axes.set(ylim=(-4, 0.15), xlabel=r"$\phi$")
        axes.set_title(title, fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("log likelihood less its maximum")
    panels[0].legend(frameon=False, fontsize=9)
    return figure


def means(p: Sequence[int], estimates: Mapping[str, np.ndarray], truth: Sequence[float]) -> Figure:
    """Mean estimates of sigma2 and tau2 over p, with two standard errors, and the truth.

    Parameters
    ----------
    p : sequence of int
        Numbers of coefficients.
    estimates : mapping from "ML" and "REML" to (len(p), draws, 2) arrays
    truth : sigma2 and tau2
    """
    figure = new_figure(8.0, 3.4)
    for i, (axes, name) in enumerate(zip(figure.subplots(1, 2), (r"$\sigma^2$", r"$\tau^2$"),
                                         strict=True)):
        axes.axhline(truth[i], color=GREY, lw=1.2, ls=":", label="truth")
        for method, values in estimates.items():
            mean = values[:, :, i].mean(axis=1)
            error = values[:, :, i].std(axis=1, ddof=1) / np.sqrt(values.shape[1])
            axes.errorbar(p, mean, 2 * error, marker="o", ms=4, capsize=3, label=method,
                          **STYLE[method])
        axes.set(xlabel="number of coefficients $p$", ylim=(0, None))
        axes.set_title(f"mean estimate of {name}", fontsize=10, color=BLACK)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].legend(frameon=False, fontsize=9)
    return figure
