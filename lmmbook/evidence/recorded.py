"""What other programs reported for the book's models, recorded with their versions.

The files lie beside this module: fits (``references.json``), Laplace approximations, degrees of
freedom and intervals, and fits of awkward data with a judgement of who is right (``audit.json``).
Seconds and megabytes are recorded by ``benchmarks/``, where they can be measured again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np


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
    file = resources.files(__package__) / "references.json"
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
    file = resources.files(__package__) / "laplace_fits.json"
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
    file = resources.files(__package__) / "recorded_tests.json"
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
    See the chapter "Maximisation"; the data are made by ``tests/lmmcore/audit_models.py``.
    """
    file = resources.files(__package__) / "audit.json"
    nothing = {"short": np.nan, "error_lme4": np.nan, "error_ours": np.nan}
    return [
        AuditedFit(fit["name"], fit["formula"], fit["method"], fit["log_likelihood"], fit["sigma"],
                   np.array(fit["theta"]), np.array(fit["beta"]),
                   *(fit.get("exact", nothing)[key] for key in nothing))
        for fit in json.loads(file.read_text(encoding="utf-8"))["fits"]
    ]


def benchmark(name: str) -> dict[str, Any]:
    """What a script of the folder ``benchmarks`` wrote when it was last run.

    Raises
    ------
    FileNotFoundError
        Where lmmbook is installed without the rest of the book.
    """
    file = Path(__file__).parents[2] / "benchmarks" / f"{name}.json"
    if not file.exists():
        raise FileNotFoundError(f"there is no {file}: measured times come with a clone of the book")
    return json.loads(file.read_text(encoding="utf-8"))
