"""The data sets of the book, as columns of NumPy arrays.

The files lie in ``lmmcore/data/``; its README names their origin and licence.
"""

from __future__ import annotations

import csv
import gzip
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

    See the chapter "A first fit".

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
