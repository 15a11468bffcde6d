"""NIST's reference data for one-way analysis of variance, with certified values.

The Statistical Reference Datasets (StRD, public domain) come with sums of squares that were
computed with 500 digits and are given to 15. The files ship with SciPy, in its tests. See the
chapter "Two programs for each number".
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from importlib import resources

import numpy as np

from lmmcore.covariance.structures import Array

MOST = 15.0  # the certified values have so many digits
NAMES = ("SiRstv", "SmLs01", "SmLs02", "SmLs03", "AtmWtAg", "SmLs04", "SmLs05", "SmLs06",
         "SmLs07", "SmLs08", "SmLs09")  # fmt: skip


@dataclass(frozen=True)
class CertifiedAnova:
    """A balanced one-way table and its certified analysis of variance.

    Attributes
    ----------
    name : str
    leading : int
        How many leading digits all observations have in common.
    decimals : tuple of tuples of str
        The observations as NIST prints them, a row for each of the k groups.
    between, within : float
        Certified sums of squares.
    F, residual_sd : float
        Certified statistic, and the root of the mean square within.
    """

    name: str
    leading: int
    decimals: tuple[tuple[str, ...], ...]
    between: float
    within: float
    F: float
    residual_sd: float

    @property
    def table(self) -> Array:
        """The observations, rounded to doubles, shape (k, m)."""
        return np.array(self.decimals, dtype=float)

    @property
    def mean_squares(self) -> tuple[float, float]:
        """Certified mean squares between and within groups."""
        k, m = len(self.decimals), len(self.decimals[0])
        return self.between / (k - 1), self.within / (k * (m - 1))

    def tau2(self, method: str = "REML") -> float:
        """The estimate that follows from the certified values (B32, B35), zero at the least."""
        k, m = len(self.decimals), len(self.decimals[0])
        divisor = k if method == "ML" else k - 1
        return max(0.0, (self.between / divisor - self.mean_squares[1]) / m)


def certified(name: str) -> CertifiedAnova:
    """One of NIST's data sets.

    Parameters
    ----------
    name : str
        One of ``NAMES``.

    Raises
    ------
    ValueError
        If there is no such data set, or SciPy was installed without its tests.
    """
    if name not in NAMES:
        raise ValueError(f"no data set {name!r}; there are {', '.join(NAMES)}")
    file = resources.files("scipy.stats") / "tests" / "data" / "nist_anova" / f"{name}.dat"
    if not file.is_file():
        raise ValueError("this SciPy was installed without its test data, where NIST's files are")
    lines = file.read_text(encoding="utf-8").splitlines()

    def last(words: str, back: int = 1) -> float:
        return float(next(x for x in lines if x.strip().startswith(words)).split()[-back])

    data = 1 + next(i for i, x in enumerate(lines[55:], 55) if x.startswith("Data:"))
    groups: dict[str, list[str]] = {}
    for line in lines[data:]:
        if line.strip():
            group, value = line.split()
            groups.setdefault(group, []).append(value)
    common = next(x for x in lines if "Constant Leading" in x)
    leading = int(next(word for word in common.split() if word.isdigit()))
    return CertifiedAnova(
        name, leading, tuple(tuple(g) for g in groups.values()), last("Between", 3),
        last("Within", 2), last("Between"), last("Standard Deviation"),
    )  # fmt: skip


def sums_of_squares(rows: list[list[Fraction]]) -> tuple[Fraction, Fraction]:
    """Between and within, in exact arithmetic, from the definition."""
    k, m = len(rows), len(rows[0])
    means = [sum(row) / m for row in rows]
    centre = sum(means) / k
    between = m * sum((mean - centre) ** 2 for mean in means)
    within = sum((x - mean) ** 2 for row, mean in zip(rows, means, strict=True) for x in row)
    return Fraction(between), Fraction(within)


def correct_digits(value: float, right: float) -> float:
    """Minus the decimal logarithm of the relative error, between 0 and 15."""
    if value == right:
        return MOST
    return float(np.clip(-np.log10(abs(value - right) / abs(right)), 0.0, MOST))
