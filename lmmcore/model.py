"""The linear mixed model Y = X beta + Z U + eps.

U ~ N(0, sigma2 Lambda Lambda') and eps ~ N(0, sigma2 I) are independent, so that
Y ~ N(X beta, sigma2 W) with W = I + Z Lambda Lambda' Z' (B2, B16). Here a model is had from its
matrices (B38); :mod:`lmmcore.design` makes it from columns and labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from lmmcore.columns import design_matrix, numeric, refuse_tiny, refuse_zero_columns, vector
from lmmcore.covariance.errors import ErrorSeries
from lmmcore.covariance.joined import Covariance, independent
from lmmcore.covariance.structures import Array, Structure


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

    See the chapter "Block matrices" (B2, B16, B38).

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
    """

    def __init__(
        self,
        y: ArrayLike,
        X: ArrayLike | Mapping[str, ArrayLike],
        Z: Any = None,
        covariance: Covariance | Structure | None = None,
        terms: Sequence[Term] | None = None,
    ):
        self.y = vector("y", y).copy()
        refuse_tiny("y", self.y)
        self.X, self.names = design_matrix("X", X, len(self.y))
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
                in zip(self.covariance.placements, self.terms, strict=True)]

    @property
    def exchangeable(self) -> bool:
        """Whether errors and levels are independent, with effects of the same covariance."""
        return self.errors is None and all(
            term.codes is not None and len(rows) == len(term.levels)
            for (_, _, rows), term in zip(self.covariance.placements, self.terms, strict=True))

    @cached_property
    def least_squares(self) -> LeastSquares:
        """The QR factors of X and the ordinary least squares fit.

        Estimates of (sigma2, theta) depend on y only through e (B25), and working with e instead
        of y keeps the digits which a large mean would take away.
        """
        # columns of unit length: the units of the covariates then make no rounding difference
        length = np.linalg.norm(self.X, axis=0)
        Q, R = np.linalg.qr(self.X / np.where(length > 0, length, 1.0))
        # in a QR without pivoting R_jj = 0 says that column j depends on those before it
        dependent = [name for name, r in zip(self.names, np.diag(R), strict=True) if abs(r) < 1e-10]
        if dependent:
            raise ValueError(
                f"X does not have full column rank: {', '.join(dependent)} can be written in terms "
                f"of the columns before; leave {'it' if len(dependent) == 1 else 'them'} out"
            )
        e = self.y.copy()
        for _ in range(2):
            e -= Q @ (Q.T @ e)
        beta = np.linalg.solve(R, Q.T @ self.y) / length
        return LeastSquares(Q, R * length, beta, e)

    def with_response(self, y: ArrayLike) -> LinearMixedModel:
        """The same model for another response, as in a simulation, (n,)."""
        Z = self.Z if any(term.codes is None for term in self.terms) else None
        return LinearMixedModel(y, dict(zip(self.names, self.X.T, strict=True)), Z,
                                self.covariance, self.terms)


def refuse_correlated_errors(model: LinearMixedModel) -> None:
    """Raise ValueError for a model with AR(1) errors, where W = I + Z Gamma Z' is asked for."""
    if model.errors is not None:
        raise ValueError("the errors of this model are correlated: use ErrorsProfile, or fit")


def _random_design(Z: Any, n: int, covariance: Covariance) -> sparse.csr_array:
    if Z is None:
        Z = np.zeros((n, 0))
    if sparse.issparse(Z):
        Z = sparse.csr_array(Z)
        numeric("Z", Z.data)
    else:
        Z = numeric("Z", Z)
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
    for _, _, rows in covariance.placements:
        empty = np.flatnonzero(~np.any(size[rows] > 0, axis=0))
        refuse_zero_columns(rows[:, empty].ravel().tolist())
    return Z


def _unnamed_terms(covariance: Covariance) -> list[Term]:
    return [
        Term(f"term {i + 1}", tuple(f"u{j + 1}" for j in range(rows.shape[1])),
             np.arange(1, len(rows) + 1))
        for i, (_, _, rows) in enumerate(covariance.placements)
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
