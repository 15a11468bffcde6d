"""Pictures that move: a figure for each of several values, under a slider without a server."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING

from lmmbook.figures import png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOW = (
    "const box = this.closest('.frames'); "
    "box.querySelectorAll('img').forEach((img, i) => img.hidden = i != this.value); "
    "const now = this.dataset.values.split(' ')[this.value]; "
    "box.querySelector('output').textContent = now; this.setAttribute('aria-valuetext', now)"
)


class Frames:
    """Figures of the same thing as a number changes, shown one at a time under a slider.

    A notebook and the book show them as HTML with the pictures inside; in print there is the
    figure of the middle value alone.

    Parameters
    ----------
    draw : callable
        From a value to a Figure of `lmmbook.figures.new_figure`.
    values : sequence of float
        At least two, in the order of the slider.
    name : str
        What the values are, as a reader reads it beside the slider.
    caption, alt : str
        Words below the figure, and instead of it: alt with ``{}`` where the value belongs.

    Raises
    ------
    ValueError
        For fewer than two values.
    """

    def __init__(
        self, draw: Callable[[float], Figure], values: Sequence[float], name: str, caption: str,
        alt: str,
    ) -> None:
        if len(values) < 2:
            raise ValueError("a slider needs at least two values")
        self.figures = [draw(value) for value in values]
        self.values = [f"{value:g}" for value in values]
        self.name, self.caption, self.alt = name, caption, alt

    @property
    def still(self) -> Figure:
        """The figure of the middle value, which stands for all in print."""
        return self.figures[len(self.figures) // 2]

    def __repr__(self) -> str:
        return f"{len(self.figures)} figures: {self.name} = {', '.join(self.values)}"

    def _repr_html_(self) -> str:
        images = [
            f'<img src="data:image/png;base64,{b64encode(png(figure)).decode()}" '
            f'alt="{escape(self.alt.format(value))}"{" hidden" if k else ""}>'
            for k, (figure, value) in enumerate(zip(self.figures, self.values, strict=True))
        ]
        return (
            f'<figure class="frames">{"".join(images)}<label>{escape(self.name)} '
            f'<input type="range" min="0" max="{len(images) - 1}" value="0" '
            f'aria-valuetext="{self.values[0]}" data-values="{" ".join(self.values)}" '
            f'oninput="{escape(SHOW)}"> <output>{self.values[0]}</output></label>'
            f"<figcaption>{escape(self.caption)}</figcaption></figure>"
        )
