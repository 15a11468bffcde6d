"""Figures of the chapter "What a fit costs": fill-in, ways to one solve, programs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from lmmbook.demos.operation_counts import fill_in
from lmmbook.evidence.recorded import benchmark
from lmmbook.figures import BLACK, BLUE, GREY, ORANGE, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = {"lmmcore": ORANGE, "lme4": BLUE, "glmmTMB": "#009E73", "statsmodels": BLACK,
           "mixedlm": "#56B4E9", "mixedlm-rs": "#CC79A7", "glmm": "#E69F00", "TMB": "#009E73"}
MARKERS = {"lmmcore": "o", "lme4": "s", "glmmTMB": "D", "statsmodels": "x", "mixedlm": "v",
           "mixedlm-rs": "^", "glmm": "P", "TMB": "D"}
ORDER = list(COLOURS)


def recorded() -> dict[str, Any]:
    """What ``benchmarks/run.py`` wrote when it was last run."""
    return benchmark("results")


def links(*factors: Sequence[int]) -> list[set[int]]:
    """Which levels of which factors meet in a row: the pattern of Z'Z beside its diagonal."""
    codes = [np.asarray(f) for f in factors]
    starts = np.cumsum([0] + [c.max() + 1 for c in codes])
    met: list[set[int]] = [set() for _ in range(starts[-1])]
    for i, (a, first) in enumerate(zip(codes, starts, strict=False)):
        for j, (b, second) in enumerate(zip(codes, starts, strict=False)):
            if i != j:
                for x, y in zip(a + first, b + second, strict=True):
                    met[x].add(int(y))
    return met


def factors(panels: Sequence[tuple[str, list[set[int]], Sequence[int]]]) -> Figure:
    """The pattern of a Cholesky factor for each (title, links, order): own entries and fill-in."""
    figure = new_figure(9.2, 3.3)
    for axes, (title, pattern, order) in zip(figure.subplots(1, len(panels)), panels, strict=True):
        columns, operations = fill_in(pattern, order)
        place = {level: i for i, level in enumerate(order)}
        image = np.zeros((len(order), len(order)))
        for i, later in enumerate(columns):
            image[place[i], place[i]] = 1
            for j in later:
                image[place[j], place[i]] = 1 if j in pattern[i] else 2
        for value, colour in ((1, BLUE), (2, ORANGE)):
            rows, at = np.nonzero(image == value)
            axes.plot(at, rows, "s", color=colour, ms=150 / len(order) / 1.6, mew=0)
        axes.set(aspect="equal", xticks=[], yticks=[], xlim=(-1, len(order)),
                 ylim=(len(order), -1))
        axes.set_title(title, fontsize=10)
        fill = int(np.sum(image == 2))
        axes.set_xlabel(f"{fill} filled in\n{operations} operations", fontsize=9)
    return figure


def ways(measured: dict[str, dict[str, list[list[float]]]]) -> Figure:
    """Seconds for one solve and determinant against n, a panel for each design."""
    titles = {"groups": "groups of ten", "crossed": "two crossed factors",
              "series": "autoregression and noise"}
    shown = {"dense": (BLACK, "x", "--"), "k by k": (GREY, "D", ":"), "sparse": (BLUE, "s", "-."),
             "by groups": (ORANGE, "o", "-"), "elimination": (ORANGE, "o", "-"),
             "band": (ORANGE, "o", "-")}
    figure = new_figure(9.2, 3.6)
    panels = figure.subplots(1, len(measured), sharey=True)
    for axes, (design, lines) in zip(panels, measured.items(), strict=True):
        for name, points in lines.items():
            colour, marker, dashes = shown[name]
            axes.loglog(*zip(*points, strict=True), color=colour, marker=marker, ls=dashes,
                        ms=5, lw=1.6, label=name)
        axes.set(title=titles[design], xlabel="observations $n$")
        axes.grid(color="#dddddd", lw=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8)
    panels[0].set_ylabel("CPU seconds")
    return figure


def growth(cases: dict[str, Any], family: str, label: str) -> Figure:
    """Seconds against size for the cases of one family, a line for each program."""
    mine = sorted((c for c in cases.values() if c["family"] == family), key=lambda c: c["size"])
    figure = new_figure(6.4, 4.2)
    axes = figure.subplots()
    for program, dashes in zip(ORDER, cycle(("-", "--", "-.", ":"))):
        points = [(c["size"], c["programs"][program]["seconds"]) for c in mine
                  if "seconds" in c["programs"].get(program, {})]
        if points:
            axes.loglog(*zip(*points, strict=True), color=COLOURS[program], ls=dashes,
                        marker=MARKERS[program], lw=2 if program == "lmmcore" else 1.4,
                        label=program)
    axes.set(xlabel=label, ylabel="CPU seconds a fit")
    axes.grid(color="#dddddd", lw=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9)
    return figure


def exponent(cases: dict[str, Any], family: str, program: str, above: int = 0) -> float:
    """The slope of log seconds in log size, by least squares, for sizes from ``above`` on."""
    points = [(c["size"], c["programs"][program]["seconds"]) for c in cases.values()
              if c["family"] == family and c["size"] >= above
              and "seconds" in c["programs"].get(program, {})]
    size, seconds = np.log(np.array(points)).T
    return float(np.polyfit(size, seconds, 1)[0])


def table(cases: dict[str, Any], programs: Sequence[str], what: str) -> str:
    """The CPU ``"seconds"`` or the ``"peak_mb"`` of memory, a row for each case, as Markdown."""
    lines = ["| case | " + " | ".join(programs) + " |", "|---|" + "--:|" * len(programs)]
    for case in cases.values():
        found = [case["programs"].get(program, {}).get(what) for program in programs]
        cells = ["–" if x is None else f"{x:.2g}" if what == "seconds" else f"{x}" for x in found]
        lines.append(f"| {case['title']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
