"""What a student is told."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape

MARKS = {"right": "✓", "not yet": "✗", "cannot read": "?", "not attempted": "…"}
WORDS = {
    "right": "Right.",
    "not yet": "Not yet.",
    "cannot read": "Cannot read this.",
    "not attempted": "Not attempted yet.",
}


@dataclass(frozen=True)
class Verdict:
    """The answer to an answer.

    Attributes
    ----------
    exercise : str
        The exercise's id.
    status : {"right", "not yet", "cannot read", "not attempted"}
    message : str
        What is misunderstood, what form is expected, or what to take away. Mathematics between
        dollar signs.
    """

    exercise: str
    status: str
    message: str = ""

    def __repr__(self) -> str:
        return f"{MARKS[self.status]} {WORDS[self.status]} {self.message.replace('$', '')}".rstrip()

    def _repr_html_(self) -> str:
        message = re.sub(
            r"\$([^$]+)\$", r'<span class="math">\\(\1\\)</span>', escape(self.message)
        )
        return (
            f'<div class="verdict verdict-{self.status.replace(" ", "-")}" role="status">'
            f'<p><span aria-hidden="true">{MARKS[self.status]}</span> '
            f"<strong>{WORDS[self.status]}</strong> {message}</p></div>"
        )
