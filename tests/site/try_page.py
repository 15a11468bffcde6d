"""The boxes of the page "Try it": their code, and what a reader makes of it."""

import re

from tools.chapters import ROOT

PAGE = ROOT / "chapters" / "try.md"
BOXES = re.findall(
    r"```\{code-block\} python\n:class: try\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.S
)
DERIVED, FALSE, REFUTED, TRACE, COVARIANCE, STEP = range(6)

# an answer to the exercise of a box in the place of its dots, and the verdict
ANSWERS = [
    (TRACE, "...", "Not attempted yet."),
    (TRACE, "-A.I * B * A.I", "Right."),
    (TRACE, "A.I * B * A.I", "Not yet."),
    (COVARIANCE, "n*sp.log(a) + sp.log(1 + n*b/a)", "Right."),
    (COVARIANCE, "n*sp.log(a + b)", "Not yet."),
    (STEP, '(2, {"Z": [[1], [0]], "phi": 2})', "Right."),
    (STEP, '(3, {"Z": [[1], [0]], "phi": 2})', "Not yet."),
]


def answered(number, answer):
    """The code of a box with the answer in the place of its dots."""
    assert BOXES[number].count("= ...") == 1
    return BOXES[number].replace("= ...", f"= {answer}")
