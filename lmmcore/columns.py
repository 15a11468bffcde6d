"""Columns of a data set, checked: numbers, matrices of them, labels and times.

Each check raises a ValueError that says what is wrong with which column, and what to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lmmcore.covariance.structures import Array

LARGEST = 1e70  # fourth powers of the data still fit into a floating-point number


class Factor(NamedTuple):
    """A factor by its levels (G,) and the code (n,) of each row."""

    levels: np.ndarray
    codes: np.ndarray


def levels_and_codes(labels: np.ndarray) -> Factor:
    """The distinct labels in order, and which of them each row has."""
    return Factor(*np.unique(labels, return_inverse=True))


def factor_of(name: str, labels: Any, n: int) -> Factor:
    """The factor of labels (n,); a :class:`Factor` is taken as it is."""
    return labels if isinstance(labels, Factor) \
        else Factor(*levels_and_codes(checked_labels(name, labels, n)))


def checked_labels(name: str, labels: Any, n: int) -> np.ndarray:
    """Labels (n,), all text or all numbers, none of them missing."""
    refuse_masked(f"groups {name!r}", labels)
    array = np.asarray(labels)
    if array.ndim != 1 or len(array) != n:
        raise ValueError(f"groups {name!r} have shape {array.shape}; y has {n} entries")
    if array.dtype.kind == "O" and all(isinstance(label, str) for label in array):
        array = array.astype(str)
    if array.dtype.kind == "O":
        raise ValueError(f"groups {name!r} mix objects: give labels that are all text or all whole "
                         "numbers, without missing ones")
    if array.dtype.kind == "f" and not np.all(np.isfinite(array)):
        raise ValueError(f"groups {name!r} have missing labels: drop those rows first")
    return array


def within_groups(
    factor: Factor, time: ArrayLike | None
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Where each row stands in the series of its level, by its time or the order of the rows.

    Returns
    -------
    series, steps : (n,) arrays
        The series of each row, and how many steps after the series' first time it is.
    first, lengths : (G,) arrays
        First time and number of time points, gaps included, of each series.

    Raises
    ------
    ValueError
        If times are missing, not whole, or so far apart that most of them have no observation.
    """
    codes, G = factor.codes, len(factor.levels)
    if time is None:
        order = np.argsort(codes, kind="stable")
        sizes = np.bincount(codes, minlength=G)
        steps = np.empty(len(codes), int)
        steps[order] = np.arange(len(codes)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return codes, steps, np.zeros(G, int), sizes
    values = vector("time", time)
    if len(values) != len(codes):
        raise ValueError(f"time has {len(values)} entries; y has {len(codes)}")
    times = np.rint(values).astype(int)
    if np.any(times != values):
        raise ValueError("time must be whole numbers (1, 2, 3, ...): an autoregression goes in "
                         "equal steps; number the time points, leaving out the missing ones")
    first, last = np.full(G, np.iinfo(int).max), np.full(G, np.iinfo(int).min)
    np.minimum.at(first, codes, times)
    np.maximum.at(last, codes, times)
    lengths = last - first + 1
    if np.sum(lengths) > 20 * len(codes) + 100:
        raise ValueError(f"time goes over {np.sum(lengths)} steps for {len(codes)} observations: "
                         "choose a longer step")
    return codes, times - first[codes], first, lengths


def numeric(name: str, values: Any) -> Array:
    """Finite numbers of a size that can be squared, as floats, in any shape."""
    refuse_masked(name, values)
    array = np.asarray(values)
    if array.dtype == object and (missing := sum(v is None for v in array.flat)):
        raise ValueError(f"{name} has {missing} missing values (None): drop those rows first")
    if array.dtype.kind not in "fiub":
        raise ValueError(
            f"{name} holds values of type {array.dtype}: give an array of numbers "
            "(convert labels to indicator columns, objects with .astype(float))"
        )
    array = array.astype(float, copy=False)
    largest = max(np.max(array, initial=0.0), -np.min(array, initial=0.0))  # nan if one is nan
    if not np.isfinite(largest):
        bad = int(np.sum(~np.isfinite(array)))
        raise ValueError(f"{name} has {bad} missing or infinite values: drop those rows first")
    if largest > LARGEST:
        raise ValueError(f"{name} has values beyond {LARGEST:g}: choose a larger unit")
    return array


def vector(name: str, values: Any) -> Array:
    """Finite numbers (n,), n > 0."""
    array = numeric(name, values)
    if array.ndim != 1:
        raise ValueError(f"{name} must be a vector; it has shape {array.shape}")
    if len(array) == 0:
        raise ValueError(f"{name} is empty")
    return array


def design_matrix(name: str, values: Any, n: int) -> tuple[Array, tuple[str, ...]]:
    """A matrix with n rows and the names of its columns."""
    if isinstance(values, Mapping):
        columns = [numeric(f"{name}[{key!r}]", column) for key, column in values.items()]
        for key, column in zip(values, columns, strict=True):
            refuse_tiny(f"{name}[{key!r}]", column)
            if column.ndim > 1 or (column.ndim == 1 and len(column) != n):
                raise ValueError(f"{name}[{key!r}] has shape {column.shape}; y has {n} entries")
        if not columns:
            raise ValueError(f"{name} has no columns")
        # column by column in memory, which is how they are used
        return (np.array([np.broadcast_to(c, n) for c in columns]).T,
                tuple(str(key) for key in values))
    array = numeric(name, values)
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(f"{name} must be a matrix with columns; it has shape {array.shape}")
    if len(array) != n:
        raise ValueError(f"{name} has {len(array)} rows but y has {n} entries")
    prefix = "x" if name == "X" else "z"
    names = tuple(f"{prefix}{j + 1}" for j in range(array.shape[1]))
    for column, own in zip(array.T, names, strict=True):
        refuse_tiny(f"column {own} of {name}", column)
    return np.array(array, order="F"), names


def refuse_tiny(name: str, column: Array) -> None:
    """Squares of such numbers would be 0."""
    if 0 < np.max(np.abs(column), initial=0.0) < 1.0 / LARGEST:
        raise ValueError(f"{name} has values below {1 / LARGEST:g} only: choose a smaller unit")


def refuse_masked(name: str, values: Any) -> None:
    """NumPy would read what is under a mask."""
    masked = int(np.ma.count_masked(values)) if isinstance(values, np.ma.MaskedArray) else 0
    if masked:
        raise ValueError(f"{name} has {masked} masked values: drop those rows first")


def refuse_zero_columns(columns: list[Any]) -> None:
    """The columns of Z, by their names or numbers, that have no entry but 0."""
    if columns:
        raise ValueError(f"the columns {columns} of Z are all zero: their variance cannot be "
                         "estimated; leave them out")
