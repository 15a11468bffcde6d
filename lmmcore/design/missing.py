"""Rows with missing values: refused, or left out when a model is told ``missing="drop"``.

Missing are NaN, None, pandas' NA and NaT, and what is masked in a masked array. Infinite values are
not missing, and are refused.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

CHOICES = ("refuse", "drop")


class DroppedRowsWarning(UserWarning):
    """Rows with missing values were left out, as the model was told to."""


def check_choice(missing: str) -> None:
    """Refuse anything but "refuse" and "drop".

    ValueError if it is neither.
    """
    if missing not in CHOICES:
        raise ValueError(f'missing must be "refuse" or "drop", not {missing!r}')


def is_missing(values: Any) -> NDArray[np.bool_]:
    """Which entries are missing, in the shape of the values; numbers, labels or objects."""
    if hasattr(values, "isna"):
        return np.asarray(values.isna())
    if isinstance(values, np.ma.MaskedArray):
        return np.ma.getmaskarray(values) | is_missing(values.data)
    array = np.asarray(values)
    if array.dtype.kind in "fc":
        return np.isnan(array)
    if array.dtype.kind in "mM":
        return np.isnat(array)
    if array.dtype.kind != "O":
        return np.zeros(array.shape, bool)
    # NaN, and NumPy's NaT, differ from themselves
    found = [v is None or type(v).__name__ in ("NAType", "NaTType")
             or (isinstance(v, (float, np.generic)) and v != v) for v in array.ravel()]
    return np.array(found, bool).reshape(array.shape)


def complete_rows(columns: Mapping[str, Any], n: int) -> NDArray[np.bool_]:
    """The rows (n,) without missing values, with a warning that says how many are left out.

    A DroppedRowsWarning names their columns; ValueError if a column has another length, or no row
    is complete.

    Parameters
    ----------
    columns : mapping of names to (n,) or (n, q) values, or to one value for all rows
    n : int
    """
    complete, names = np.ones(n, bool), []
    for name, values in columns.items():
        missing = is_missing(values)
        if missing.ndim and len(missing) != n:
            raise ValueError(f"{name} has {len(missing)} entries; y has {n}")
        missing = missing.reshape(len(missing) if missing.ndim else 1, -1).any(axis=1)
        if np.any(missing):
            names.append(name)
            complete &= ~missing
    if not np.any(complete):
        raise ValueError(f"every row has a missing value, in {', '.join(names)}")
    if names:
        warnings.warn(f"{n - int(complete.sum())} of {n} rows left out, with missing values in "
                      f"{', '.join(names)}", DroppedRowsWarning, stacklevel=4)
    return complete


def take_rows(values: Any, rows: NDArray[np.bool_]) -> Any:
    """Those rows of an array, a list, a data frame's column or a mapping; one value stays."""
    if isinstance(values, Mapping):
        return {key: take_rows(column, rows) for key, column in values.items()}
    if hasattr(values, "isna"):
        return values[rows]
    array = np.asarray(values)
    return array[rows] if array.ndim else values
