"""The data sets of the book, as columns of NumPy arrays.

The files lie in ``lmmcore/data/``; its README names their origin and licence.
"""

from __future__ import annotations

import csv
import gzip
import json
from dataclasses import dataclass
from importlib import resources

import numpy as np

_ORIGINS = {
    "Dyestuff": (
        "Yield of dyestuff (grams of standard colour) from 6 batches, 5 preparations each.",
        "Davies & Goldsmith (1972), Statistical Methods in Research and Production, sec. 6.4",
    ),
    "Dyestuff2": (
        "Constructed data shaped like Dyestuff, with so little between batches that tau2 is 0.",
        "Box & Tiao (1973), Bayesian Inference in Statistical Analysis, sec. 5.1.2",
    ),
    "sleepstudy": (
        "Reaction time (ms) of 18 subjects on days 0 to 9 of sleep restriction.",
        "Belenky et al. (2003), Journal of Sleep Research 12, 1-12",
    ),
    "Penicillin": (
        "Diameter (mm) of the zone of inhibition, 6 samples on each of 24 plates (crossed).",
        "Davies & Goldsmith (1972), sec. 6.6",
    ),
    "Pastes": (
        "Strength of a paste, 2 assays of each of 3 casks from each of 10 batches (nested).",
        "Davies & Goldsmith (1972), sec. 6.5",
    ),
    "grouseticks": (
        "Ticks on 403 red grouse chicks from 118 broods at 63 locations, in three years.",
        "Elston et al. (2001), Parasitology 122, 563-569",
    ),
    "Nile": (
        "Annual flow of the Nile at Aswan, 1871 to 1970 (10^8 cubic metres).",
        "Cobb (1978), Biometrika 65, 243-251; as in R's and statsmodels' data sets",
    ),
    "InstEval": (
        "Evaluations y (1 to 5) of lectures by students s, lecturers d, departments (crossed).",
        "ETH Zurich, anonymised; Bates et al. (2015), Journal of Statistical Software 67(1)",
    ),
}


@dataclass(frozen=True)
class DataSet:
    """A data set: named columns of equal length, what they are, and where they come from.

    Attributes
    ----------
    name, description, origin : str
    columns : dict of str to ndarray, each of shape (n,)
        Measurements are floats, labels are strings.
    """

    name: str
    description: str
    origin: str
    columns: dict[str, np.ndarray]

    def __getitem__(self, column: str) -> np.ndarray:
        if column not in self.columns:
            raise KeyError(f"{self.name} has no column {column!r}; it has {list(self.columns)}")
        return self.columns[column]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __repr__(self) -> str:
        return f"{self.name}: {len(self)} rows, columns {', '.join(self.columns)}. {self.origin}."


def names() -> list[str]:
    """Names of the data sets that :func:`load` knows."""
    return list(_ORIGINS)


def load(name: str) -> DataSet:
    """Load a data set of the book.

    Parameters
    ----------
    name : str
        One of :func:`names`, for instance ``"sleepstudy"``.

    Returns
    -------
    DataSet
        ``load("sleepstudy")["Reaction"]`` is the column as an array of shape (n,).

    Raises
    ------
    ValueError
        If there is no such data set.

    Notes
    -----
    See the chapter "A first fit".
    """
    if name not in _ORIGINS:
        raise ValueError(f"no data set {name!r}; there are {', '.join(_ORIGINS)}")
    folder = resources.files("lmmcore") / "data"
    plain, packed = folder / f"{name}.csv", folder / f"{name}.csv.gz"
    content = plain.read_bytes() if plain.is_file() else gzip.decompress(packed.read_bytes())
    text = content.decode("utf-8")
    # labels are quoted in the files and numbers are not, which is all the typing they need
    header, *rows = csv.reader(text.splitlines(), quoting=csv.QUOTE_NONNUMERIC)
    columns = {h: np.array(c) for h, c in zip(header, zip(*rows, strict=True), strict=True)}
    return DataSet(name, *_ORIGINS[name], columns)


@dataclass(frozen=True)
class RecordedFit:
    """What another program reported for a model and a data set.

    Attributes
    ----------
    program : str
        Its name and version.
    method : str
        ``"ML"`` or ``"REML"``.
    log_likelihood, sigma : float
    beta : (p,) array
    theta : (n_theta,) array, or None
        Entries of the relative covariance factor, where the program reports them.
    """

    program: str
    method: str
    log_likelihood: float
    sigma: float
    beta: np.ndarray
    theta: np.ndarray | None


def recorded_fits(name: str) -> list[RecordedFit]:
    """Fits of a data set by lme4, nlme and glmmTMB, recorded with their versions.

    A random intercept for Dyestuff and Dyestuff2, random intercept and slope for sleepstudy, plates
    and samples crossed for Penicillin, samples in batches for Pastes, students, lecturers and
    departments for InstEval.

    Parameters
    ----------
    name : {"Dyestuff", "Dyestuff2", "sleepstudy", "Penicillin", "Pastes", "InstEval"}

    Returns
    -------
    list of RecordedFit

    Raises
    ------
    ValueError
        If no fit of that data set is recorded.

    Notes
    -----
    See the chapter "A first fit".
    """
    file = resources.files("lmmcore") / "data" / "references.json"
    recorded = json.loads(file.read_text(encoding="utf-8"))
    found = [
        RecordedFit(f"{program} {recorded['versions'][program]}", fit["method"],
                    value["log_likelihood"], value["sigma"], np.array(value["beta"]),
                    np.array(value["theta"]) if "theta" in value else None)
        for fit in recorded["fits"] if fit["data"] == name
        for program, value in fit["programs"].items()
    ]
    if not found:
        known = sorted({fit["data"] for fit in recorded["fits"]})
        raise ValueError(f"no recorded fit of {name!r}; there are {', '.join(known)}")
    return found


def recorded_laplace_fits(name: str) -> dict[str, dict]:
    """Laplace approximations by TMB, as recorded, by method.

    Parameters
    ----------
    name : str
        Such as ``"sleepstudy_ris_t4"``, random intercept and slope with t errors on 4 degrees of
        freedom, or ``"grouseticks_three"``, counts with three factors.

    Returns
    -------
    dict
        ``"ML"`` and ``"REML"``, the latter with the coefficients integrated out as well. Each fit
        has ``engine``, ``logLik``, ``beta`` and ``se`` by name, ``random`` with standard
        deviations, ``sigma`` and ``nu`` where the model has them; ``agq25`` are estimates by
        lme4's quadrature.

    Raises
    ------
    ValueError
        If no such fit is recorded.

    Notes
    -----
    See the chapters "Laplace" and "Robust and count models".
    """
    file = resources.files("lmmcore") / "data" / "laplace_fits.json"
    fits = json.loads(file.read_text(encoding="utf-8"))["fits"]
    found = {fit["method"].split()[0]: fit for fit in fits if fit["id"] == name}
    if not found:
        known = sorted({fit["id"] for fit in fits})
        raise ValueError(f"no recorded fit {name!r}; there are {', '.join(known)}")
    return found


def recorded_tests() -> dict:
    """Degrees of freedom by lmerTest and pbkrtest, and profile intervals by lme4, as recorded.

    Returns
    -------
    dict
        ``versions`` of the programs; ``dropped``, the rows (counted from 1) that were left out to
        unbalance the data; ``degrees_of_freedom`` by model; ``profile_intervals`` by data set.

    Notes
    -----
    See the chapter "How sure are we?".
    """
    file = resources.files("lmmcore") / "data" / "recorded_tests.json"
    return json.loads(file.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class AuditedFit:
    """A fit by lme4 of a small data set of awkward shape or scale, and who is right about it.

    Attributes
    ----------
    name, formula, method : str
    log_likelihood, sigma : float
        As lme4 reports them.
    theta, beta : arrays
    short : float
        By how much the exact log likelihood at lme4's theta is below that at lmmcore's; nan if the
        two programs agree within 1e-9, in which case it was not computed.
    error_lme4, error_ours : float
        The log likelihood that each program reports, less the exact one at its own theta; or nan.
    """

    name: str
    formula: str
    method: str
    log_likelihood: float
    sigma: float
    theta: np.ndarray
    beta: np.ndarray
    short: float
    error_lme4: float
    error_ours: float

    @property
    def differs(self) -> bool:
        """Whether the two programs differ by more than 1e-9."""
        return bool(np.isfinite(self.short))


def recorded_audit() -> list[AuditedFit]:
    """Fits of 27 models by lme4 1.1-31, those apart from lmmcore judged by 40 digits.

    Notes
    -----
    See the chapter "Maximisation"; the data are made by ``tests/audit_models.py``.
    """
    file = resources.files("lmmcore") / "data" / "audit.json"
    nothing = {"short": np.nan, "error_lme4": np.nan, "error_ours": np.nan}
    return [
        AuditedFit(fit["name"], fit["formula"], fit["method"], fit["log_likelihood"], fit["sigma"],
                   np.array(fit["theta"]), np.array(fit["beta"]),
                   *(fit.get("exact", nothing)[key] for key in nothing))
        for fit in json.loads(file.read_text(encoding="utf-8"))["fits"]
    ]
