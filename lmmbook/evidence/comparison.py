"""Our fits beside those that other programs reported, with the number of digits that agree.

See the chapters "Dyestuff" and "Crossed and nested".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lmmbook.evidence.recorded import recorded_fits
from lmmcore.fitting import fit
from lmmcore.model import LinearMixedModel
from lmmcore.tables import Report, Rows

MOST = 12  # agreement beyond so many digits is not told apart


@dataclass(frozen=True)
class Comparison(Report):
    """Recorded fits and the digits to which ours agree.

    Attributes
    ----------
    name : str
        The data set.
    rows : tuple of (program, method, log likelihood, digits by quantity)
    """

    name: str
    rows: tuple[tuple[str, str, float, dict[str, int]], ...]

    def _title(self) -> str:
        return f"{self.name}: digits that agree with other programs ({MOST} is {MOST} or more)"

    def _captioned(self) -> list[tuple[str, Rows]]:
        table = [["Name", "method", "log likelihood", "log lik.", "sigma", "beta", "theta"]]
        for program, method, value, digits in self.rows:
            shown = [str(digits.get(x, "-")) for x in ("log likelihood", "sigma", "beta", "theta")]
            table.append([program, method, f"{value:.6f}", *shown])
        return [("Recorded fits", table)]


def compare(model: LinearMixedModel, name: str) -> Comparison:
    """Fit a model by ML and REML and hold it against the recorded fits of a data set.

    Parameters
    ----------
    model : LinearMixedModel
        The model that the records are of, its terms in their order.
    name : str
        One that :func:`lmmbook.evidence.recorded.recorded_fits` knows.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        If no fit of that data set is recorded.
    """
    ours = {method: fit(model, method) for method in ("ML", "REML")}
    rows = []
    for theirs in recorded_fits(name):
        mine = ours[theirs.method]
        digits = {"log likelihood": agreeing_digits(mine.log_likelihood, theirs.log_likelihood),
                  "sigma": agreeing_digits(np.sqrt(mine.sigma2), theirs.sigma),
                  "beta": agreeing_digits(mine.beta, theirs.beta)}
        if theirs.theta is not None:
            digits["theta"] = agreeing_digits(mine.theta, theirs.theta)
        rows.append((theirs.program, theirs.method, theirs.log_likelihood, digits))
    return Comparison(name, tuple(rows))


def agreeing_digits(ours: ArrayLike, theirs: ArrayLike) -> int:
    """Decimal digits to which two numbers, or the worst pair of two vectors, agree.

    Relative to the larger of each pair; two zeros agree.
    """
    ours, theirs = np.atleast_1d(ours).astype(float), np.atleast_1d(theirs).astype(float)
    size = np.maximum(np.abs(ours), np.abs(theirs))
    error = np.max(np.abs(ours - theirs) / np.where(size > 0, size, 1.0))
    return MOST if error < 10.0**-MOST else int(-np.log10(error))
