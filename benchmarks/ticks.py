"""The joint density of the tick counts for any library that looks like NumPy."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

with (Path(__file__).parents[1] / "lmmcore" / "data" / "grouseticks.csv").open() as file:
    ROWS = list(csv.DictReader(file))
COUNTS = np.array([float(row["TICKS"]) for row in ROWS])
DESIGN = np.array([[1.0, row["YEAR"] == "96", row["YEAR"] == "97", float(row["cHEIGHT"])]
                   for row in ROWS])
GROUPS = [np.unique([row[name] for row in ROWS], return_inverse=True)[1]
          for name in ("INDEX", "BROOD", "LOCATION")]

arrays = [np.array([0.3, 1.0, -1.0, -0.02]), np.array([-0.5, -0.3, -0.6]),
          *(np.linspace(-1.0, 1.0, group.max() + 1) for group in GROUPS)]


def density(library: Any, beta: Any, log_sd: Any, *effects: Any) -> Any:
    """The negative log density but for constants; ``library`` is a NumPy."""
    eta = DESIGN @ beta
    for j, (group, effect) in enumerate(zip(GROUPS, effects, strict=True)):
        eta = eta + library.exp(log_sd[j]) * effect[group]
    return (library.sum(library.exp(eta) - COUNTS * eta)
            + sum(library.sum(0.5 * effect**2) for effect in effects))
