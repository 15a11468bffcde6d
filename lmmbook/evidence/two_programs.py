"""Each real-data fit of the book by several roads of lmmcore and by other programs.

See the chapter "Two programs for each number".
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np

from lmmbook.evidence.comparison import agreeing_digits
from lmmbook.evidence.recorded import RecordedFit, recorded_fits
from lmmcore.data import load
from lmmcore.design.grouped import grouped
from lmmcore.fast.crossed import CrossedProfile, has_scalar_terms
from lmmcore.fitting import fit
from lmmcore.model import LinearMixedModel
from lmmcore.profile import Profile
from lmmcore.results import Fit
from lmmcore.tables import Report, Rows
from lmmcore.textbook.definition import (
    marginal_covariance,
    profile_log_likelihood,
    restricted_log_likelihood,
)

FACTORS = {
    "Dyestuff": ("Yield", ("Batch",)),
    "Dyestuff2": ("Yield", ("Batch",)),
    "Penicillin": ("diameter", ("plate", "sample")),
    "Pastes": ("strength", ("sample", "batch")),
}
NAMES = (*FACTORS, "sleepstudy")


@cache
def book_model(name: str) -> LinearMixedModel:
    """The model of a data set that the book fits and whose fits by other programs are recorded.

    Raises
    ------
    ValueError
        If the book has no such model.
    """
    if name == "sleepstudy":
        data = load(name)
        days = {"(Intercept)": 1, "Days": data["Days"]}
        return grouped(data["Reaction"], days, {"Subject": data["Subject"]}, {"Subject": days})
    if name not in FACTORS:
        raise ValueError(f"no model of {name!r}; there are {', '.join(NAMES)}")
    data, (response, factors) = load(name), FACTORS[name]
    return grouped(data[response], {"(Intercept)": 1}, {f: data[f] for f in factors})


@cache
def book_fit(name: str, method: str) -> Fit:
    """The fit of that model."""
    return fit(book_model(name), method)


def levels(name: str, method: str) -> dict[str, float]:
    """The log likelihood at our estimate, by each road of lmmcore that the model allows.

    ``definition``: dense, with V itself (ML: B11; REML: A17). ``identities``: by k x k matrices
    (B17, B18). ``structure``: with the factor of most levels eliminated, for crossed factors.
    """
    model, ours = book_model(name), book_fit(name, method)
    V = marginal_covariance(model, ours.theta, ours.sigma2)
    dense = restricted_log_likelihood if method == "REML" else profile_log_likelihood
    out = {"definition": dense(model.y, model.X, V),
           "identities": Profile(model, method).log_likelihood(ours.theta)}
    if has_scalar_terms(model):
        out["structure"] = CrossedProfile(model, method).log_likelihood(ours.theta)
    return out


@dataclass(frozen=True)
class Agreement(Report):
    """Digits to which log likelihood, sigma and coefficients agree with our fit."""

    rows: tuple[tuple[str, str, str, dict[str, int]], ...]  # data, method, road or program, digits

    def _title(self) -> str:
        return "Digits that agree with lmmcore's fit (12 is 12 or more; - is not reported)"

    def _captioned(self) -> list[tuple[str, Rows]]:
        quantities = ("log likelihood", "sigma", "beta", "theta")
        table = [["Name", "method", "by", "log lik.", *quantities[1:]]]
        for name, method, road, digits in self.rows:
            table.append([name, method, road, *(str(digits.get(q, "-")) for q in quantities)])
        return [("Each fit, by roads of lmmcore and by other programs", table)]


def agreement(names: Sequence[str] = NAMES) -> Agreement:
    """All roads and all recorded programs, for the data sets named."""
    rows: list[tuple[str, str, str, dict[str, int]]] = []
    for name in names:
        for method in ("ML", "REML"):
            ours = book_fit(name, method)
            for road, value in levels(name, method).items():
                rows.append((name, method, f"lmmcore, {road}",
                             {"log likelihood": agreeing_digits(ours.log_likelihood, value)}))
            for theirs in [*recorded_fits(name), *recorded_tmb(name)]:
                if theirs.method == method:
                    rows.append((name, method, theirs.program, _digits(ours, theirs)))
    return Agreement(tuple(rows))


def _digits(ours: Fit, theirs: RecordedFit) -> dict[str, int]:
    out = {
        "log likelihood": agreeing_digits(ours.log_likelihood, theirs.log_likelihood),
        "sigma": agreeing_digits(np.sqrt(ours.sigma2), theirs.sigma),
        "beta": agreeing_digits(ours.beta, theirs.beta),
    }
    if theirs.theta is not None:
        out["theta"] = agreeing_digits(ours.theta, theirs.theta)
    return out


def gradients(name: str, method: str) -> tuple[float, float, float]:
    """How far from the top lme4 stopped.

    Returns
    -------
    tuple
        The largest component of the criterion's gradient at lme4's theta, at ours, and by how much
        its log likelihood lies below ours. At a theta of 0 the gradient is 0 whatever the data.
    """
    ours = book_fit(name, method)
    profile = Profile(book_model(name), method)
    lme4 = next(f for f in recorded_fits(name) if f.method == method and f.theta is not None)
    there, here = (np.max(np.abs(profile.gradient(t))) for t in (lme4.theta, ours.theta))
    return float(there), float(here), ours.log_likelihood - profile.log_likelihood(lme4.theta)


def recorded_tmb(name: str) -> list[RecordedFit]:
    """Fits of a linear model by TMB, as recorded with its version; none for most data sets."""
    return [
        RecordedFit(f"TMB {tmb()['version']}", x["method"], x["log_likelihood"], x["sigma"],
                    np.array(x["beta"]), None)
        for x in tmb()["fits"] if x["data"] == name and "sigma" in x
    ]  # fmt: skip


@cache
def tmb() -> dict:
    """All recorded fits by TMB, those by Laplace among them."""
    file = resources.files(__package__) / "references.json"
    return json.loads(file.read_text(encoding="utf-8"))["TMB"]
