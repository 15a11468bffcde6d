"""Figures and tables of the chapter "Laplace": a bell, a sparse Hessian, the error, the cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from lmmbook.evidence.recorded import benchmark
from lmmbook.figures import BLACK, BLUE, GREY, ORANGE, new_figure
from lmmcore.laplace import Laplace, Quadrature
from lmmcore.laplace.sparsity import Sparsity

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LINES = ((BLUE, "-", "o"), (ORANGE, "--", "s"), (BLACK, ":", "^"))


def bells(models: Mapping[str, Laplace], u: ArrayLike, points: int = 60) -> Figure:
    """For one random effect: exp(-f) and the bell of the same height and curvature at the mode.

    Parameters
    ----------
    models : mapping from a title to a model with one random effect
    u : (m,) array
        Where to draw them.
    points : int, default 60
        Of the quadrature that gives the area.
    """
    u = np.asarray(u, float)
    figure = new_figure(8.2, 3.3)
    for axes, (title, model) in zip(figure.subplots(1, len(models)), models.items(), strict=True):
        theta, mode = model.theta0, model.mode(model.theta0)
        at, curvature = mode.u[0], mode.factor.values[0]
        true = np.exp(mode.value - np.array([model.joint.value(theta, np.array([v])) for v in u]))
        axes.plot(u, true, color=BLUE, lw=2, label="joint density")
        axes.plot(u, np.exp(-0.5 * curvature * (u - at) ** 2), color=ORANGE, lw=2, ls="--",
                  label="Laplace's bell")
        axes.plot([at], [1.0], "o", color=BLACK, clip_on=False)
        ratio = np.exp(Quadrature(model, points).objective(theta) - model.objective(theta))
        axes.set_title(f"{title}: areas 1 : {ratio:.3f}", fontsize=10)
        axes.set(xlabel="random effect $u$", ylim=(0, 1.05))
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("in units of the maximum")
    figure.axes[0].legend(frameon=False, fontsize=9)
    return figure


def pattern(sparsity: Sparsity, parts: Mapping[str, int]) -> Figure:
    """The nonzero entries of an inner Hessian, and the names of its parts in their order."""
    figure = new_figure(5.2, 5.2)
    axes = figure.subplots()
    axes.plot(sparsity.columns, sparsity.rows, ",", color=BLUE)
    k = sparsity.seeds.shape[1]
    ends = np.cumsum(list(parts.values()))
    for end in ends[:-1]:
        axes.axhline(end - 0.5, color=GREY, lw=0.8)
        axes.axvline(end - 0.5, color=GREY, lw=0.8)
    middles = ends - np.array(list(parts.values())) / 2
    axes.set_yticks(middles, parts, rotation=90, va="center", fontsize=8)
    axes.set_xticks(middles, parts, fontsize=9)
    axes.set(xlim=(-0.5, k - 0.5), ylim=(k - 0.5, -0.5), aspect="equal", xlabel="random effects",
             ylabel="random effects")
    return figure


def errors(panels: Mapping[str, Mapping[str, ArrayLike]], sizes: ArrayLike) -> Figure:
    """The error of Laplace over the size of a group, a panel for each family.

    Parameters
    ----------
    panels : mapping from a title to curves, each a mapping from its label to (m,) errors
    sizes : (m,) array
    """
    figure = new_figure(8.2, 3.5)
    for axes, (title, curves) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        axes.axhline(0.0, color=GREY, lw=1)
        for (colour, dash, mark), (label, values) in zip(LINES, curves.items(), strict=True):
            axes.plot(sizes, values, color=colour, ls=dash, marker=mark, ms=5, lw=1.8, label=label)
        axes.set_xscale("log", base=2)
        axes.set_xticks(sizes, [str(m) for m in np.asarray(sizes)])
        axes.set(xlabel="observations in a group")
        axes.set_title(title, fontsize=10)
        axes.legend(frameon=False, fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("error of log likelihood, a group")
    return figure


def recorded() -> dict[str, Any]:
    """What ``benchmarks/laplace.py`` wrote when it was last run."""
    return benchmark("laplace")


def fits_table(cost: Mapping[str, Any]) -> str:
    """CPU seconds of a fit, a row for each program, as Markdown."""
    titles = {"grouseticks": "tick counts, three factors",
              "sleepstudy": "Student-t errors, REML-like"}
    programs = list(dict.fromkeys(p for case in cost["cases"].values() for p in case))
    lines = ["| program | " + " | ".join(titles.values()) + " |", "|---|" + "---|" * len(titles)]
    for program in programs:
        found = [cost["cases"][case].get(program) for case in titles]
        version = next(f["version"] for f in found if f)
        cells = [f"{f['seconds']:.3f}" if f else "–" for f in found]
        compiling = cost["compile_seconds"].get(program)
        if compiling:
            cells[-1] += f" and {compiling:.0f} to compile"
        lines.append(f"| {program} {version} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def derivatives_table(cost: Mapping[str, Any]) -> str:
    """CPU milliseconds until the derivatives are there, and of each, as Markdown."""
    rows = {"prepare": "preparation", "value": "value", "gradient": "gradient",
            "product": "product with the Hessian", "third": "gradient of such a product"}
    names = {"autograd": "autograd", "tapes": "tapes", "jax": "JAX"}
    lines = ["| milliseconds | " + " | ".join(names.values()) + " |",
             "|---|" + "---|" * len(names)]
    for key, row in rows.items():
        found = [1000 * cost["libraries"][name][key] for name in names]
        cells = [f"{x:.0f}" if x > 10 else f"{x:.2g}" for x in found]
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
