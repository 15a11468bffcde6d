"""Models from columns and grouping factors, and subject by subject.

What else lies between the columns and a model of independent errors is here too: errors of a
covariance that is known are whitened, so that the model is one of the same kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from scipy.linalg import solve_triangular

from lmmcore.columns import (
    Factor,
    checked_labels,
    design_matrix,
    factor_of,
    numeric,
    refuse_zero_columns,
    vector,
    within_groups,
)
from lmmcore.covariance.errors import ErrorSeries
from lmmcore.covariance.joined import Covariance, independent, repeated
from lmmcore.covariance.structures import STRUCTURES
from lmmcore.design.missing import check_choice, complete_rows, take_rows
from lmmcore.model import LinearMixedModel, Term


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

    See the chapter "A first fit" (B1, B10, E2).

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
        Covariance of the q effects of one level. With :class:`lmmcore.design.series.AR1` or
        :class:`lmmcore.design.series.RandomWalk` each level has a series of effects in time.
    missing : {"refuse", "drop"}
        What to do with rows that have missing values anywhere. A warning says how many are dropped.

    errors : AR1, optional
        Stationary AR(1) errors; ``groups`` may then be ``{}``. Independent ones if not given.

    Raises
    ------
    ValueError
        As for :class:`LinearMixedModel`; and if labels are missing, if a factor has one level, or
        if a random intercept has one observation per level.

    Examples
    --------
    >>> days = {"(Intercept)": 1, "Days": sleep["Days"]}
    >>> grouped(sleep["Reaction"], days, {"Subject": sleep["Subject"]}, {"Subject": days})
    """
    check_choice(missing)
    if missing == "drop":
        y, X, groups, Z = _complete(y, X, groups, Z, covariance)
    n = len(vector("y", y))
    several = isinstance(groups, Mapping)
    named = dict(groups) if several else {"groups": groups}
    factors = {name: factor_of(name, labels, n) for name, labels in named.items()}
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


def from_groups(
    y: Sequence[ArrayLike],
    X: Sequence[ArrayLike],
    Z: Sequence[ArrayLike],
    covariance: str = "unstructured",
) -> LinearMixedModel:
    """A model from subjects: y_i = X_i beta + Z_i b_i + e_i, Var b_i = G (statement A1).

    Stacked, with Z = diag(Z_1, Z_2, ...) and Var U = I (x) G, this is the general model.

    See the chapter "The restricted likelihood and its score" (A1).

    Parameters
    ----------
    y, X, Z : sequences of (n_i,), (n_i, p), (n_i, q) arrays
        One entry for each subject; p and q are common.
    covariance : {"unstructured", "diagonal", "identity"}
        Structure of G = sigma2 Lambda Lambda'.

    Raises
    ------
    ValueError
        If the lists differ in length, a subject has no rows, or the shapes do not agree.
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


def whitened(
    y: ArrayLike,
    X: ArrayLike | Mapping[str, ArrayLike],
    Z: Any,
    covariance: Covariance,
    errors: ArrayLike,
) -> LinearMixedModel:
    """The model of C^-1 y, for y = X beta + Z U + eps with eps ~ N(0, sigma2 S), S = CC' known.

    Parameters
    ----------
    y : (n,) array
    X : (n, p) array, or mapping of names to columns
    Z : (n, k) array or sparse array
    covariance : Covariance
        The structure theta -> Lambda (k, k), Var U = sigma2 Lambda Lambda'.
    errors : (n, n) array, positive definite
        S, the covariance matrix of the errors in units of sigma2, which is estimated.

    Returns
    -------
    LinearMixedModel
        Its fitted values and residuals are those of C^-1 y, and so is its log likelihood: take
        1/2 log|S| from it for that of y.

    Raises
    ------
    ValueError
        If S is not a symmetric positive definite (n, n) matrix; and as for
        :class:`lmmcore.model.LinearMixedModel`.

    Notes
    -----
    Dense in n. See the chapter "Block matrices" (B2, B38).
    """
    response, S = vector("y", y), numeric("errors", errors)
    n = len(response)
    if S.shape != (n, n):
        raise ValueError(f"errors must be the ({n}, {n}) covariance matrix of the errors; it has "
                         f"shape {S.shape}")
    if not np.allclose(S, S.T, rtol=1e-10, atol=1e-10 * np.max(np.abs(S))):
        raise ValueError("errors must be symmetric, as a covariance matrix is")
    try:
        C = np.linalg.cholesky(S)
    except np.linalg.LinAlgError:
        raise ValueError("errors must be positive definite: some combination of the errors has no "
                         "variance; leave the observations out that follow from others") from None
    design, names = design_matrix("X", X, n)
    effects = numeric("Z", Z.toarray() if sparse.issparse(Z) else Z)
    if effects.ndim != 2 or len(effects) != n:
        raise ValueError(f"Z must be a matrix of {n} rows; it has shape {effects.shape}")

    def white(A: np.ndarray) -> np.ndarray:
        return solve_triangular(C, A, lower=True)

    return LinearMixedModel(white(response), dict(zip(names, white(design).T, strict=True)),
                            white(effects), covariance)


def _error_series(factors: dict[str, Factor], errors: Any, n: int) -> ErrorSeries:
    """Errors that follow each other in time, within labels or the levels of the only factor."""
    if errors.start != "stationary":
        raise ValueError("AR(1) errors are stationary: leave start out")
    if errors.within is not None:
        factor = Factor(*np.unique(checked_labels("within", errors.within, n), return_inverse=True))
    elif len(factors) > 1:
        raise ValueError("with several factors, say in which series the errors follow each other: "
                         "AR1(time, within=labels)")
    else:
        factor = next(iter(factors.values()), Factor(np.zeros(1), np.zeros(n, int)))
    series, steps, _, _ = within_groups(factor, errors.time)
    return ErrorSeries(series, steps)


def _by_factor(Z: Any, name: str, factors: Mapping[str, Any], several: bool) -> Any:
    """The covariates for one factor: Z itself, or its entry when factors are named."""
    if Z is None or not several:
        return Z
    if not isinstance(Z, Mapping) or not set(Z) <= set(factors):
        raise ValueError(f"with named factors Z must be a mapping from {sorted(factors)}")
    return Z.get(name)


def _term(name: str, factor: Factor, columns: Any, kind: Any, n: int) -> tuple[Term, Covariance]:
    levels, codes = factor
    Z, effects = design_matrix("Z", {"(Intercept)": 1} if columns is None else columns, n)
    refuse_zero_columns([effect for effect, z in zip(effects, Z.T, strict=True) if not np.any(z)])
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
