"""The figure of the chapter "How the checker works": through whose hands a line goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lmmbook.figures import BLACK, BLUE, ORANGE, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# name, centre, kind; a kind is drawn by colour and by the style of its frame
BOXES = {
    "line": ("the typed line", (1.4, 5.2), "shown"),
    "instances": ("exact instances:\nis it false?", (1.4, 3.4), "attack"),
    "words": ("translation into\nwords and relations", (4.9, 5.2), "trusted"),
    "search": ("search for\na certificate", (4.9, 3.4), "untrusted"),
    "kernel": ("first judge:\nSymPy multiplies out", (3.3, 1.5), "trusted"),
    "second": ("second judge:\nrandom matrices mod p", (6.5, 1.5), "trusted"),
    "page": ("the page and\nthe ledger", (1.0, 0.0), "shown"),
}
ARROWS = [
    ("line", "instances"), ("line", "words"), ("words", "search"), ("search", "kernel"),
    ("search", "second"), ("kernel", "page"), ("second", "page"), ("instances", "page"),
]  # fmt: skip
KINDS = {
    "shown": {"edgecolor": BLACK, "linestyle": "-", "linewidth": 1.0},
    "attack": {"edgecolor": BLACK, "linestyle": ":", "linewidth": 1.6},
    "untrusted": {"edgecolor": BLUE, "linestyle": "--", "linewidth": 1.8},
    "trusted": {"edgecolor": ORANGE, "linestyle": "-", "linewidth": 2.2},
}


def hands() -> Figure:
    """What happens to a line before it is shown."""
    figure = new_figure(7.0, 4.6)
    axes = figure.subplots()
    texts = {}
    for key, (text, at, kind) in BOXES.items():
        frame = {"boxstyle": "round,pad=0.5", "facecolor": "white", **KINDS[kind]}
        texts[key] = axes.text(*at, text, ha="center", va="center", fontsize=10, bbox=frame)
    for start, end in ARROWS:
        axes.annotate(
            "", BOXES[end][1], BOXES[start][1],
            arrowprops={"arrowstyle": "->", "color": BLACK, "patchA": texts[start].get_bbox_patch(),
                        "patchB": texts[end].get_bbox_patch(), "shrinkA": 2, "shrinkB": 2},
        )  # fmt: skip
    axes.set(xlim=(-0.4, 8.3), ylim=(-0.7, 5.9))
    axes.axis("off")
    return figure
