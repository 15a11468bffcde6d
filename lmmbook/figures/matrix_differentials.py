"""The figure of the chapter "Matrix differentials": how well a derivative can be computed.

matplotlib is imported when the function is called. Colours are of the Okabe-Ito palette, and each
curve has its own marker, so that none is told by its colour alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lmmbook.figures import BLUE, GREY, ORANGE, new_figure
from lmmcore.textbook.definition import log_det

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GREEN = "#009E73"
ROUNDING = float(np.finfo(float).eps) / 2


def forward_difference(V: NDArray[np.float64], h: float) -> float:
    """(log|V + h I| - log|V|) / h for a positive definite V (n, n)."""
    return (log_det(V + h * np.eye(len(V))) - log_det(V)) / h


def central_difference(V: NDArray[np.float64], h: float) -> float:
    """(log|V + h I| - log|V - h I|) / 2h for a positive definite V (n, n), h below its spectrum."""
    step = h * np.eye(len(V))
    return (log_det(V + step) - log_det(V - step)) / (2 * h)


def complex_step(V: NDArray[np.float64], h: float) -> float:
    """Im log|V + i h I| / h: no difference is taken, so nothing cancels."""
    sign, _ = np.linalg.slogdet(V + 1j * h * np.eye(len(V)))
    return float(np.angle(sign)) / h


def difference_errors(V: ArrayLike, exact: float, steps: ArrayLike) -> Figure:
    """Relative errors of three numerical derivatives of log|V + s I| at s = 0, against the step.

    Parameters
    ----------
    V : (n, n) array, positive definite
    exact : float
        The derivative, tr(V^-1), from exact arithmetic.
    steps : (m,) array
        Positive values, below the smallest eigenvalue of V.

    Returns
    -------
    Figure
        With the error that the second differential predicts for the forward difference, and the
        error of the formula tr(V^-1) in floating point.

    Notes
    -----
    See the chapter "Matrix differentials" (A5, A9).
    """
    V, h = np.asarray(V, float), np.asarray(steps, float)
    inverse = np.linalg.inv(V)
    figure = new_figure(6.8, 4.4)
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)

    def error(value: float) -> float:
        return max(abs(value - exact) / exact, ROUNDING)

    methods = [
        (forward_difference, "forward difference", ORANGE, "o"),
        (central_difference, "central difference", BLUE, "s"),
        (complex_step, "complex step", GREEN, "^"),
    ]
    for method, name, colour, marker in methods:
        errors = [error(method(V, x)) for x in h]
        axes.loglog(h, errors, marker, ms=4, color=colour, label=name)
    predicted = (h / 2 * np.sum(inverse * inverse) + ROUNDING * log_det(V) / h) / exact
    axes.loglog(h, predicted, "--", lw=1.4, color=ORANGE, label="forward, predicted")
    axes.axhline(error(float(np.trace(inverse))), color=GREY, lw=1.4, label="formula tr(V⁻¹)")
    axes.set(xlabel="step h (squared units of y)", ylabel="relative error of the derivative")
    axes.legend(frameon=False, fontsize=9, ncols=2, loc="upper center", bbox_to_anchor=(0.5, 1.2))
    return figure
