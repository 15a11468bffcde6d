"""The models of tests/references/fits.json, and a few small ones made for tests."""

import json
from functools import cache
from pathlib import Path

import numpy as np

from lmmcore import LinearMixedModel, from_groups, grouped, load

FITS = json.loads((Path(__file__).parent / "references" / "fits.json").read_text())
REFERENCES = {(f["id"], f["method"]): f for f in FITS["fits"]}
ONE = {"(Intercept)": 1}


@cache
def reference_model(name: str) -> LinearMixedModel:
    data = load(name.split("_")[0])
    if data.name == "sleepstudy":
        days = {"(Intercept)": 1, "Days": data["Days"]}
        Z = None if name == "sleepstudy_ri" else {"Subject": days}
        kind = "diagonal" if name.endswith("uncorr") else "unstructured"
        return grouped(data["Reaction"], days, {"Subject": data["Subject"]}, Z, kind)
    response, factors = {
        "Dyestuff": ("Yield", ["Batch"]),
        "Dyestuff2": ("Yield", ["Batch"]),
        "Penicillin": ("diameter", ["plate", "sample"]),
        "Pastes": ("strength", ["sample", "batch"]),
    }[name]
    return grouped(data[response], ONE, {f: data[f] for f in factors})


def slopes(seed: int = 1, groups: int = 5, q: int = 2, spread: float = 1.0) -> LinearMixedModel:
    """Unbalanced subjects with q random effects, given subject by subject."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(q + 1, q + 5, groups)
    X = [np.column_stack([np.ones(m), rng.standard_normal((m, 2))]) for m in sizes]
    Z = [x[:, :q] for x in X]
    y = [z @ (spread * rng.standard_normal(q)) + x @ [1.0, 2.0, -1.0] + rng.standard_normal(len(x))
         for x, z in zip(X, Z, strict=True)]
    return from_groups(y, X, Z)
