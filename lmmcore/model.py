"""The linear mixed model Y = X beta + Z U + eps, and the checks of what is put into it.

U ~ N(0, sigma2 Lambda Lambda') and eps ~ N(0, sigma2 I) are independent, so that
Y ~ N(X beta, sigma2 W) with W = I + Z Lambda Lambda' Z' (B2, B16). A model can be had from the
matrices themselves (:class:`LinearMixedModel`, B38), from columns and grouping factors
(:func:`grouped`), or subject by subject (:func:`from_groups`, A1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from lmmcore.covariance.errors import ErrorSeries
from lmmcore.covariance.joined import Covariance, independent, repeated
from lmmcore.covariance.structures import (
    Array,
    Diagonal,
    ScaledIdentity,
    Structure,
    Unstructured,
)
from lmmcore.design.missing import check_choice, complete_rows, take_rows

TALL = 10_000  # rows from which on a QR is made of cross-products
LARGEST = 1e70  # fourth powers of the data still fit into a floating-point number
STRUCTURES = {"unstructured": Unstructured, "diagonal": Diagonal, "identity": ScaledIdentity}


class Factor(NamedTuple):
    """A factor by its levels (G,) and the code (n,) of each row."""

    levels: np.ndarray
    codes: np.ndarray


@dataclass(frozen=True)
class Term:
    """One term of random effects: q effects for each level of a factor.

    Attributes
    ----------
    name : str
        The grouping factor.
    effects : tuple of str
        Names of the q effects.
    levels : (G,) array
        Labels of the levels.
    codes : (n,) array of int, or None
        Which level each row belongs to.
    columns : (n, q) array, or None
        The effects' covariates; Z has ``columns[i]`` at level ``codes[i]`` in row i.
    """

    name: str
    effects: tuple[str, ...]
    levels: np.ndarray
    codes: np.ndarray | None = None
    columns: Array | None = None

    @property
    def Z(self) -> sparse.csr_array:
        """The term's part of Z, (n, G q), the q effects of a level side by side."""
        n, q = self.columns.shape
        at = q * self.codes[:, None] + np.arange(q)
        rows = np.arange(0, n * q + 1, q)  # where each row begins
        shape = (n, q * len(self.levels))
        return sparse.csr_array((self.columns.ravel(), at.ravel(), rows), shape=shape)


class LeastSquares(NamedTuple):
    """X = Q R, and the residuals e = (I - QQ') y of ordinary least squares."""

    Q: Array
    R: Array
    beta: Array
    residuals: Array


class LinearMixedModel:
    """Y = X beta + Z U + eps with U ~ N(0, sigma2 Lambda Lambda'), eps ~ N(0, sigma2 I).

    Parameters
    ----------
    y : (n,) array
        Responses, in any unit; sigma2 has its square.
    X : (n, p) array, or mapping of names to columns
        Fixed effects, of full column rank; a column may be a scalar, as in ``{"(Intercept)": 1}``.
    Z : (n, k) array or sparse array, optional
        Random effects; without it Z is made of the terms, and without terms the model is linear.
    covariance : Covariance or Structure
        theta -> Lambda (k, k); and R, if the errors are correlated, eps ~ N(0, sigma2 R).
    terms : sequence of Term, optional
        Names of groups, levels and effects, one for each elementary structure in ``covariance``.

    Raises
    ------
    ValueError
        If an array is not numeric, not finite, or of the wrong length; if n <= p; if X is
        rank-deficient; if y is an exact combination of the columns of X; if a column of Z is 0.

    Notes
    -----
    See the chapter "Block matrices" (B2, B16, B38).
    """

    def __init__(
        self,
        y: ArrayLike,
        X: ArrayLike | Mapping[str, ArrayLike],
        Z: Any = None,
        covariance: Covariance | Structure | None = None,
        terms: Sequence[Term] | None = None,
    ):
        self.y = _vector("y", y).copy()
        _refuse_tiny("y", self.y)
        self.X, self.names = _design("X", X, len(self.y))
        self.n, self.p = self.X.shape
        if not isinstance(covariance, Covariance):
            covariance = independent(*([] if covariance is None else [covariance]))
        self.covariance = covariance
        self.terms = list(terms) if terms is not None else _unnamed_terms(self.covariance)
        self.k = self.covariance.size
        if Z is not None or terms is None:
            self.Z = _random_design(Z, self.n, self.covariance)
        _check_identified_mean(self)

    def __repr__(self) -> str:
        groups = ", ".join(f"{len(t.levels)} {t.name}" for t in self.terms)
        return f"LinearMixedModel: n = {self.n}, p = {self.p}, k = {self.k} ({groups})"

    @cached_property
    def Z(self) -> sparse.csr_array:
        """(n, k): the columns of level 1, of level 2, ..., term by term."""
        none = sparse.csr_array((self.n, 0))
        return sparse.hstack([none, *(term.Z for term in self.terms)], format="csr")

    @property
    def errors(self) -> ErrorSeries | None:
        """The correlation of the errors; None if they are independent."""
        return self.covariance.errors

    @property
    def effects_at(self) -> list[NDArray[np.intp]]:
        """Where the effects of each level stand in U: (G, q) arrays of int, term by term."""
        return [rows.reshape(len(term.levels), -1) for (_, _, rows), term
                in zip(self.covariance.placements(), self.terms, strict=True)]

    @property
    def exchangeable(self) -> bool:
        """Whether errors and levels are independent, with effects of the same covariance."""
        return self.errors is None and all(
            term.codes is not None and len(rows) == len(term.levels)
            for (_, _, rows), term in zip(self.covariance.placements(), self.terms, strict=True))

    @cached_property
    def least_squares(self) -> LeastSquares:
        """The QR factors of X and the ordinary least squares fit.

        Estimates of (sigma2, theta) depend on y only through e (B25), and working with e instead
        of y keeps the digits which a large mean would take away.
        """
        # columns of unit length: the units of the covariates then make no rounding difference
        length = np.linalg.norm(self.X, axis=0)
        Q, R = _qr(self.X, np.where(length > 0, length, 1.0))
        # in a QR without pivoting R_jj = 0 says that column j depends on those before it
        dependent = [name for name, r in zip(self.names, np.diag(R), strict=True) if abs(r) < 1e-10]
        if dependent:
            raise ValueError(
                f"X does not have full column rank: {', '.join(dependent)} can be written in terms "
                f"of the columns before; leave {'it' if len(dependent) == 1 else 'them'} out"
            )
        e = self.y.copy()
        for _ in range(2):
            onto = Q.T @ e
            for rows in _blocks(self.n):
                e[rows] -= Q[rows] @ onto
        beta = np.linalg.solve(R, Q.T @ self.y) / length
        return LeastSquares(Q, R * length, beta, e)

    def with_response(self, y: ArrayLike) -> LinearMixedModel:
        """The same model for another response, as in a simulation, (n,)."""
        Z = self.Z if any(term.codes is None for term in self.terms) else None
        return LinearMixedModel(y, dict(zip(self.names, self.X.T, strict=True)), Z,
                                self.covariance, self.terms)


def grouped(
    y: ArrayLike,
    X: ArrayLike | Mapping[str, ArrayLike],
    groups: ArrayLike | Mapping[str, ArrayLike],
    Z: Any = None,
    covariance: Any = "unstructured",
    missing: str = "refuse",
    errors: Any = None,
) -> LinearMixedModel:
    """A model from columns and one or more grouping factors, nested or crossed.

    Parameters
    ----------
    y : (n,) array
    X : (n, p) array, or mapping of names to columns
    groups : (n,) labels, or mapping of factor names to (n,) labels
        Several factors give a sum of independent terms. A :class:`Factor` is taken as it is.
    Z : (n, q) array, mapping of names to columns, or mapping of factor names to either, optional
        Covariates of the random effects within a group; a random intercept if not given. With
        several factors it is a mapping by factor.
    covariance : {"unstructured", "diagonal", "identity"}, AR1, RandomWalk, or mapping by factor
        Covariance of the q effects of one level. With :class:`lmmcore.covariance.serial.AR1` or
        :class:`lmmcore.covariance.serial.RandomWalk` each level has a series of effects in time.
    missing : {"refuse", "drop"}
        What to do with rows that have missing values anywhere. A warning says how many are dropped.

    errors : AR1, optional
        Stationary AR(1) errors; ``groups`` may then be ``{}``. Independent ones if not given.

    Returns
    -------
    LinearMixedModel

    Raises
    ------
    ValueError
        As for :class:`LinearMixedModel`; and if labels are missing, if a factor has one level, or
        if a random intercept has one observation per level.

    Examples
    --------
    >>> days = {"(Intercept)": 1, "Days": sleep["Days"]}
    >>> grouped(sleep["Reaction"], days, {"Subject": sleep["Subject"]}, {"Subject": days})

    Notes
    -----
    See the chapter "A first fit" (B1, B10, E2).
    """
    check_choice(missing)
    if missing == "drop":
        y, X, groups, Z = _complete(y, X, groups, Z, covariance)
    n = len(_vector("y", y))
    several = isinstance(groups, Mapping)
    named = dict(groups) if several else {"groups": groups}
    factors = {name: _factor(name, labels, n) for name, labels in named.items()}
    terms, blocks = [], []
    for name, factor in factors.items():
        columns = _by_factor(Z, name, factors, several)
        kind = covariance.get(name, "unstructured") if isinstance(covariance, Mapping) \
            else covariance
        term, block = _term(name, factor, columns, kind, n)
        terms.append(term)
        blocks.append(block)
    if isinstance(covariance, Mapping) and not set(covariance) <= set(factors):
        raise ValueError(f"covariance names {sorted(set(covariance) - set(factors))}, but the "
                         f"factors are {sorted(factors)}")
    following = None if errors is None else _error_series(factors, errors, n)
    return LinearMixedModel(y, X, covariance=independent(*blocks, errors=following), terms=terms)


def refuse_correlated_errors(model: LinearMixedModel) -> None:
    """Raise ValueError for a model with AR(1) errors, where W = I + Z Gamma Z' is asked for."""
    if model.errors is not None:
        raise ValueError("the errors of this model are correlated: use ErrorsProfile, or fit")


def _error_series(factors: dict[str, Factor], errors: Any, n: int) -> ErrorSeries:
    """Errors that follow each other in time, within labels or the levels of the only factor."""
    if errors.start != "stationary":
        raise ValueError("AR(1) errors are stationary: leave start out")
    if errors.within is not None:
        factor = Factor(*np.unique(_labels("within", errors.within, n), return_inverse=True))
    elif len(factors) > 1:
        raise ValueError("with several factors, say in which series the errors follow each other: "
                         "AR1(time, within=labels)")
    else:
        factor = next(iter(factors.values()), Factor(np.zeros(1), np.zeros(n, int)))
    series, steps, _, _ = within_groups(factor, errors.time)
    return ErrorSeries(series, steps)


def _complete(y: Any, X: Any, groups: Any, Z: Any, covariance: Any) -> tuple[Any, ...]:
    """The rows without missing values."""
    columns: dict[str, Any] = {"y": y}
    for name, values in (("X", X), ("groups", groups), ("Z", Z)):
        if values is not None:
            columns |= _flat(name, values)
    rows = complete_rows(columns, len(np.asarray(y)))
    kinds = covariance.values() if isinstance(covariance, Mapping) else [covariance]
    if not np.all(rows) and not all(isinstance(kind, str) for kind in kinds):
        raise ValueError("rows with missing values cannot be dropped here, since the covariance "
                         "structure has times for every row: drop those rows first, from both")
    return tuple(None if v is None else take_rows(v, rows) for v in (y, X, groups, Z))


def _flat(name: str, values: Any) -> dict[str, Any]:
    """Columns by name, from mappings within mappings."""
    if isinstance(values, Factor):
        raise ValueError(f"{name} is a Factor, whose codes have no missing values: give labels "
                         'with missing="drop"')
    if not isinstance(values, Mapping):
        return {name: values}
    flat: dict[str, Any] = {}
    for key, column in values.items():
        flat |= _flat(f"{name}[{key!r}]", column)
    return flat


def from_groups(
    y: Sequence[ArrayLike],
    X: Sequence[ArrayLike],
    Z: Sequence[ArrayLike],
    covariance: str = "unstructured",
) -> LinearMixedModel:
    """A model from subjects: y_i = X_i beta + Z_i b_i + e_i, Var b_i = G (statement A1).

    Stacked, with Z = diag(Z_1, Z_2, ...) and Var U = I (x) G, this is the general model.

    Parameters
    ----------
    y, X, Z : sequences of (n_i,), (n_i, p), (n_i, q) arrays
        One entry for each subject; p and q are common.
    covariance : {"unstructured", "diagonal", "identity"}
        Structure of G = sigma2 Lambda Lambda'.

    Returns
    -------
    LinearMixedModel

    Raises
    ------
    ValueError
        If the lists differ in length, a subject has no rows, or the shapes do not agree.

    Notes
    -----
    See the chapter "The restricted likelihood and its score" (A1).
    """
    if not len(y) == len(X) == len(Z):
        raise ValueError(
            f"y, X and Z list {len(y)}, {len(X)} and {len(Z)} subjects; they must list the same"
        )
    sizes = [len(np.atleast_1d(y_i)) for y_i in y]
    if not sizes or min(sizes) == 0:
        raise ValueError("every subject needs at least one observation: leave empty groups out")
    stacked = {}
    for name, blocks in (("X", X), ("Z", Z)):
        arrays = [np.asarray(b) for b in blocks]
        if any(a.ndim != 2 or len(a) != m for a, m in zip(arrays, sizes, strict=True)):
            raise ValueError(f"{name}_i must be a matrix with as many rows as y_i has entries")
        if len({a.shape[1] for a in arrays}) > 1:
            raise ValueError(f"all {name}_i must have the same number of columns")
        stacked[name] = np.concatenate(arrays)
    subject = np.repeat(np.arange(1, len(sizes) + 1), sizes)
    y_all = np.concatenate([np.atleast_1d(y_i) for y_i in y])
    return grouped(y_all, stacked["X"], {"subject": subject}, {"subject": stacked["Z"]}, covariance)


def _blocks(n: int) -> list[slice]:
    """Rows in blocks: a temporary array of them stays near the processor."""
    return [slice(start, start + TALL) for start in range(0, n, TALL)]


def _qr(X: Array, length: Array) -> tuple[Array, Array]:
    """X / length = Q R with Q'Q = I, by Householder, or for many rows by X'X = R'R, taken twice.

    The second time Q'Q is I but for the square of X's condition, times the rounding, so that the
    result is as good as Householder's if that is small (Yamamoto et al. 2015).
    """
    if len(X) < TALL:
        return np.linalg.qr(X / length)
    cross = X.T @ X / np.outer(length, length)
    if np.linalg.cond(cross) > 1e8:
        return np.linalg.qr(X / length)
    C = np.linalg.cholesky(cross)
    Qt = (np.linalg.inv(C) / length) @ X.T
    again = np.linalg.cholesky(Qt @ Qt.T)
    nearly_one = np.linalg.inv(again)
    for rows in _blocks(len(X)):
        Qt[:, rows] = nearly_one @ Qt[:, rows]
    return Qt.T, again.T @ C.T


def levels_and_codes(labels: np.ndarray) -> Factor:
    """The distinct labels in order, and which of them each row has; whole numbers by counting."""
    if labels.dtype.kind in "iu" and len(labels):
        lowest, highest = int(labels.min()), int(labels.max())
        if highest - lowest < 4 * len(labels) and highest < 2**63:
            offset = labels.astype(np.int64, copy=False) - lowest  # one byte would overflow
            occurs = np.zeros(highest - lowest + 1, bool)
            occurs[offset] = True
            levels = np.flatnonzero(occurs)
            codes = offset if np.all(occurs) else (np.cumsum(occurs) - 1)[offset]
            return Factor((levels + lowest).astype(labels.dtype), codes)
    return Factor(*np.unique(labels, return_inverse=True))


def _numeric(name: str, values: Any) -> Array:
    _refuse_masked(name, values)
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


def _vector(name: str, values: Any) -> Array:
    array = _numeric(name, values)
    if array.ndim != 1:
        raise ValueError(f"{name} must be a vector; it has shape {array.shape}")
    if len(array) == 0:
        raise ValueError(f"{name} is empty")
    return array


def _design(name: str, values: Any, n: int) -> tuple[Array, tuple[str, ...]]:
    """A matrix with n rows and the names of its columns."""
    if isinstance(values, Mapping):
        columns = [_numeric(f"{name}[{key!r}]", column) for key, column in values.items()]
        for key, column in zip(values, columns, strict=True):
            _refuse_tiny(f"{name}[{key!r}]", column)
            if column.ndim > 1 or (column.ndim == 1 and len(column) != n):
                raise ValueError(f"{name}[{key!r}] has shape {column.shape}; y has {n} entries")
        if not columns:
            raise ValueError(f"{name} has no columns")
        # column by column in memory, which is how they are used
        return (np.array([np.broadcast_to(c, n) for c in columns]).T,
                tuple(str(key) for key in values))
    array = _numeric(name, values)
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(f"{name} must be a matrix with columns; it has shape {array.shape}")
    if len(array) != n:
        raise ValueError(f"{name} has {len(array)} rows but y has {n} entries")
    prefix = "x" if name == "X" else "z"
    names = tuple(f"{prefix}{j + 1}" for j in range(array.shape[1]))
    for column, own in zip(array.T, names, strict=True):
        _refuse_tiny(f"column {own} of {name}", column)
    return np.array(array, order="F"), names


def _refuse_tiny(name: str, column: Array) -> None:
    """Squares of such numbers would be 0."""
    if 0 < np.max(np.abs(column), initial=0.0) < 1.0 / LARGEST:
        raise ValueError(f"{name} has values below {1 / LARGEST:g} only: choose a smaller unit")


def _random_design(Z: Any, n: int, covariance: Covariance) -> sparse.csr_array:
    if Z is None:
        Z = np.zeros((n, 0))
    if sparse.issparse(Z):
        Z = sparse.csr_array(Z)
        _numeric("Z", Z.data)
    else:
        Z = _numeric("Z", Z)
        if Z.ndim != 2:
            raise ValueError(f"Z must be a matrix; it has shape {Z.shape}")
        Z = sparse.csr_array(Z)
    if Z.shape[0] != n:
        raise ValueError(f"Z has {Z.shape[0]} rows but y has {n} entries")
    if Z.shape[1] != covariance.size:
        raise ValueError(
            f"Z has {Z.shape[1]} columns but the covariance structure is for {covariance.size} "
            "random effects; use repeated(structure, levels) for a grouping factor"
        )
    size = np.bincount(Z.indices, weights=Z.data**2, minlength=Z.shape[1])
    for _, _, rows in covariance.placements():
        empty = np.flatnonzero(~np.any(size[rows] > 0, axis=0))
        if len(empty):
            raise ValueError(_all_zero(rows[:, empty].ravel().tolist()))
    return Z


def _all_zero(columns: list[Any]) -> str:
    return (f"the columns {columns} of Z are all zero: their variance cannot be estimated; "
            "leave them out")


def _unnamed_terms(covariance: Covariance) -> list[Term]:
    return [
        Term(f"term {i + 1}", tuple(f"u{j + 1}" for j in range(rows.shape[1])),
             np.arange(1, len(rows) + 1))
        for i, (_, _, rows) in enumerate(covariance.placements())
    ]


def _check_identified_mean(model: LinearMixedModel) -> None:
    if model.n <= model.p:
        raise ValueError(
            f"n = {model.n} observations for p = {model.p} fixed effects: nothing is left to "
            "estimate a variance from; use fewer columns in X"
        )
    e = model.least_squares.residuals
    if np.linalg.norm(e) <= 1e-13 * np.sqrt(model.n) * np.linalg.norm(model.y):
        raise ValueError(
            "y is constant, or an exact combination of the columns of X, to the digits that are "
            "kept: no variation is left and sigma2 would be 0; check the response, and if it is "
            "large and varies little, subtract a constant from it"
        )


def _refuse_masked(name: str, values: Any) -> None:
    """NumPy would read what is under a mask."""
    masked = int(np.ma.count_masked(values)) if isinstance(values, np.ma.MaskedArray) else 0
    if masked:
        raise ValueError(f"{name} has {masked} masked values: drop those rows first")


def _labels(name: str, labels: Any, n: int) -> np.ndarray:
    _refuse_masked(f"groups {name!r}", labels)
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


def _by_factor(Z: Any, name: str, factors: Mapping[str, Any], several: bool) -> Any:
    """The covariates for one factor: Z itself, or its entry when factors are named."""
    if Z is None or not several:
        return Z
    if not isinstance(Z, Mapping) or not set(Z) <= set(factors):
        raise ValueError(f"with named factors Z must be a mapping from {sorted(factors)}")
    return Z.get(name)


def within_groups(
    factor: Factor, time: ArrayLike | None
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Where each row stands in the series of its level.

    Parameters
    ----------
    factor : Factor
    time : (n,) array of whole numbers, or None for the order of the rows

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
    values = _vector("time", time)
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


def _factor(name: str, labels: Any, n: int) -> Factor:
    return labels if isinstance(labels, Factor) \
        else Factor(*levels_and_codes(_labels(name, labels, n)))


def _term(name: str, factor: Factor, columns: Any, kind: Any, n: int) -> tuple[Term, Covariance]:
    levels, codes = factor
    Z, effects = _design("Z", {"(Intercept)": 1} if columns is None else columns, n)
    empty = [effect for effect, z in zip(effects, Z.T, strict=True) if not np.any(z)]
    if empty:
        raise ValueError(_all_zero(empty))
    if not isinstance(kind, str):
        return kind.term(name, factor, Z)
    if len(levels) < 2:
        raise ValueError(f"groups {name!r} have one level only: no variance between levels can be "
                         "estimated; leave the term out")
    if len(levels) == n and Z.shape[1] == 1 and np.ptp(np.abs(Z)) == 0:
        raise ValueError(
            f"groups {name!r} have one observation per level: sigma2 and the variance between "
            "levels are not identified, only their sum; leave the term out"
        )
    if kind not in STRUCTURES:
        raise ValueError(f"no covariance {kind!r}; there are {', '.join(STRUCTURES)}")
    block = repeated(STRUCTURES[kind](Z.shape[1]), len(levels))
    return Term(name, effects, levels, codes, Z), block
