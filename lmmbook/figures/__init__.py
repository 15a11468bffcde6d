"""Figures: of likelihoods and of shrinkage here, of each chapter in a module of its name.

Besides, ``labs`` has the figures of both labs, ``real_data`` and ``diagnosis`` those of the
chapters on data, and ``frames`` puts figures of several values under a slider.

Each function returns a matplotlib Figure, which a notebook shows as the value of its cell.
Matplotlib is imported when one is called, no global style is changed, and pyplot is not involved.
ML is drawn blue and dashed, REML orange and solid: colours of the Okabe-Ito palette, and never
colour alone. See the chapter "A first fit".
"""

from __future__ import annotations

from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar

from lmmcore.model import LinearMixedModel
from lmmcore.profile import Profile
from lmmcore.results import Fit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREY, BLACK = "#0072B2", "#D55E00", "#767676", "#000000"
STYLE = {"ML": {"color": BLUE, "ls": "--"}, "REML": {"color": ORANGE, "ls": "-"}}


def profile_curves(model: LinearMixedModel, phi: ArrayLike) -> Figure:
    """The profile log likelihoods of ML and REML over phi = tau2/sigma2, each less its maximum.

    Parameters
    ----------
    model : LinearMixedModel
        With one covariance parameter.
    phi : (m,) array
        Non-negative values; the highest point of each curve on this grid is marked.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If the model has more than one covariance parameter, or a phi is negative.

    Notes
    -----
    See the chapter "A first fit" (B19, B31).
    """
    phi = _grid("phi", phi)
    if model.covariance.n_theta != 1:
        raise ValueError("profile_curves is for models with one parameter phi: see surface")
    figure, (axes,) = _figure(1, 6.4, 4.0)
    for method in ("ML", "REML"):
        profile = Profile(model, method)
        value = np.array([profile.log_likelihood(np.sqrt([f])) for f in phi])
        top = int(np.argmax(value))
        axes.plot(phi, value - value[top], lw=2, label=method, **STYLE[method])
        axes.plot(phi[top], 0.0, "o", color=STYLE[method]["color"], clip_on=False, zorder=3)
        axes.vlines(phi[top], np.min(value - value[top]), 0.0, color=STYLE[method]["color"],
                    lw=1.0, ls=":")
    axes.set(xlabel=r"$\phi = \tau^2/\sigma^2$", ylabel="log likelihood less its maximum")
    axes.legend(frameon=False)
    return figure


def surface(
    model: LinearMixedModel, sigma2: ArrayLike, tau2: ArrayLike, method: str = "REML"
) -> Figure:
    """Contours of the log likelihood over (sigma2, tau2), less its maximum, with the ridge.

    The ridge is, for each tau2, the best sigma2; the cross is the highest grid point.

    Parameters
    ----------
    model : LinearMixedModel
        With one covariance parameter.
    sigma2, tau2 : (a,) and (b,) arrays
        In squared units of y; sigma2 positive, tau2 non-negative.
    method : {"REML", "ML"}

    Returns
    -------
    Figure
    """
    sigma2, tau2 = _grid("sigma2", sigma2), _grid("tau2", tau2)
    if model.covariance.n_theta != 1:
        raise ValueError("surface is for models with one parameter tau2")
    profile = Profile(model, method)

    def log_likelihood(s: float, t: float) -> float:
        pieces = profile.pieces(np.sqrt([t / s]))
        return -0.5 * (profile.m * np.log(s) + pieces.log_det + pieces.rss / s)

    value = np.array([[log_likelihood(s, t) for s in sigma2] for t in tau2])
    value -= value.max()
    ends = (sigma2.min(), sigma2.max())
    ridge = [minimize_scalar(lambda s, t=t: -log_likelihood(s, t), ends, method="bounded",
                             bounds=ends).x for t in tau2]
    figure, (axes,) = _figure(1, 6.4, 4.6)
    levels = [-20, -10, -5, -3, -2, -1, -0.5, -0.1]
    lines = axes.contour(sigma2, tau2, value, levels=levels, colors=BLUE, linestyles="solid",
                         linewidths=np.linspace(0.7, 1.8, len(levels)))
    axes.clabel(lines, fontsize=8, fmt="%g")
    axes.plot(ridge, tau2, color=BLACK, ls=":", lw=1.5, label="ridge")
    i, j = np.unravel_index(np.argmax(value), value.shape)
    axes.plot(sigma2[j], tau2[i], "+", color=ORANGE, ms=12, mew=2.5, label="maximum")
    axes.set(xlabel=r"$\sigma^2$", ylabel=r"$\tau^2$", title=f"{method} log likelihood")
    axes.legend(framealpha=1.0)
    return figure


def shrinkage(fit: Fit, x: ArrayLike, x_label: str = "x", y_label: str = "y") -> Figure:
    """Each group's data, its own least squares line (grey) and its predicted line (orange).

    Parameters
    ----------
    fit : Fit
        Of a model with one grouping factor, with intercept and slope in X and at most those in Z.
    x : (n,) array
        The covariate of the slope.
    x_label, y_label : str

    Returns
    -------
    Figure
        One panel for each group. The population line is dotted.

    Raises
    ------
    ValueError
        If the model does not have one grouping factor, or x the wrong length.
    """
    model, x = fit.model, np.asarray(x, float)
    if len(model.terms) != 1 or model.terms[0].codes is None:
        raise ValueError("shrinkage is for models with one grouping factor")
    if x.shape != model.y.shape:
        raise ValueError(f"x has shape {x.shape}; y has {model.n} entries")
    term, population = model.terms[0], model.X @ fit.beta
    columns = 6
    rows = -(-len(term.levels) // columns)
    figure, panels = _figure(rows * columns, 9.0, 1.75 * rows + 0.6, columns)
    for g, axes in enumerate(panels):
        if g >= len(term.levels):
            axes.set_visible(False)
            continue
        at = np.flatnonzero(term.codes == g)
        at = at[np.argsort(x[at])]
        axes.plot(x[at], model.y[at], "o", color=BLACK, ms=3)
        own = np.polyval(np.polyfit(x[at], model.y[at], 1), x[at])
        axes.plot(x[at], own, color=GREY, ls="--", lw=1.5, label="own least squares")
        axes.plot(x[at], fit.fitted[at], color=ORANGE, lw=2, label="predicted (BLUP)")
        axes.plot(x[at], population[at], color=BLUE, ls=":", lw=1.5, label="population")
        axes.set_title(f"{term.name} {term.levels[g]}", fontsize=8)
        axes.tick_params(labelsize=7)
    figure.supxlabel(x_label, fontsize=10)
    figure.supylabel(y_label, fontsize=10)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
    return figure


def estimates(ml: Fit, reml: Fit) -> Figure:
    """ML beside REML: each covariance parameter, relative to REML, with its standard error.

    Parameters
    ----------
    ml, reml : Fit
        Two fits of one model. Parameters that REML estimates as 0 are left out.

    Returns
    -------
    Figure
    """
    keep = np.flatnonzero(reml.estimates != 0)
    unit = np.abs(reml.estimates[keep])
    names = [reml.parameters[i] for i in keep]
    figure, (axes,) = _figure(1, 6.4, 1.2 + 0.55 * len(keep))
    for shift, marker, result in ((-0.12, "s", ml), (0.12, "o", reml)):
        axes.errorbar(result.estimates[keep] / unit, np.arange(len(keep)) + shift,
                      xerr=result.se_observed[keep] / unit, fmt=marker, capsize=3,
                      color=STYLE[result.method]["color"], label=result.method)
    axes.set_yticks(np.arange(len(keep)), names)
    axes.invert_yaxis()
    axes.set_xlabel("estimate and standard error, relative to the REML estimate")
    axes.axvline(0.0, color=GREY, lw=0.8)
    axes.legend(frameon=False)
    return figure


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, width x height in inches, that a notebook shows without pyplot."""
    return _notebook_figure()(figsize=(width, height), layout="constrained")


def png(figure: Figure) -> bytes:
    """A figure as a picture, 160 points an inch."""
    file = BytesIO()
    figure.savefig(file, format="png", dpi=160)
    return file.getvalue()


@cache
def _notebook_figure() -> type[Figure]:
    from matplotlib.figure import Figure

    class NotebookFigure(Figure):
        """A Figure which draws itself as PNG when it is the value of a notebook's cell."""

        def _repr_png_(self) -> bytes:
            return png(self)

    return NotebookFigure


def _grid(name: str, values: ArrayLike) -> np.ndarray:
    grid = np.asarray(values, float)
    if grid.ndim != 1 or len(grid) < 2 or not np.all(grid >= 0):
        raise ValueError(f"{name} must be a grid of at least two non-negative values")
    return grid


def _figure(
    panels: int, width: float, height: float, columns: int = 1
) -> tuple[Figure, list[Axes]]:
    figure = new_figure(width, height)
    shared = panels > 1
    grid = figure.subplots(panels // columns, columns, sharex=shared, sharey=shared, squeeze=False)
    for axes in grid.flat:
        axes.spines[["top", "right"]].set_visible(False)
    return figure, list(grid.flat)
