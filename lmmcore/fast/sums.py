"""A model with one grouping factor from sums of products alone: data that do not fit in memory.

The likelihood depends on the rows of group g through Z_g'Z_g and Z_g'[X y]_g only, and through
[X y]'[X y], their sum over everything (B37). These are sums over rows. They can be taken in one
pass, in chunks of any size, in any order, by any engine that knows GROUP BY; what is left has one
row a group. From them, with Q = X R^-1 and e = y - X beta as for rows,

    R_g'R_g = Z_g'Z_g,   F_g = R_g'^-1 Z_g'[Q e]_g,   A = [Q e]'[Q e] - sum_g F_g'F_g,

and the fit goes on as :class:`lmmcore.fast.groups.GroupedProfile`. The subtraction in A loses
digits that a fit from rows keeps: about as many as [X y]'[X y] is larger than A. Where the mean of
a column is much larger than its spread, sum the column less a rough mean.
See the chapter "What a fit costs" (B37).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from lmmcore.covariance.joined import repeated
from lmmcore.covariance.structures import STRUCTURES, Array
from lmmcore.design.formula import Variables, read_formula
from lmmcore.fast.blocks import forward
from lmmcore.fast.groups import GroupedProfile, Within
from lmmcore.model import LeastSquares, Term

DEPENDENT = 1e-7  # of a length that comes from a difference of squares half the digits are lost


class CrossProducts:
    """The sums that a formula needs, as a query, from chunks, and on to a model.

    Parameters
    ----------
    formula : str
        ``y ~ x + (x | g)``: one term ``(effects | g)``, and products of numeric columns.

    Raises
    ------
    ValueError
        If the formula cannot be read, or has no term, several, or one with a product as factor.

    Examples
    --------
    >>> sums = CrossProducts("y ~ x + (x | g)")
    >>> fit(sums.model(duckdb.sql(sums.query("'rows.parquet'")).fetchnumpy()))
    >>> fit(sums.model(sums.add_up(chunks)))

    Notes
    -----
    See the chapter "What a fit costs" (B37).
    """

    def __init__(self, formula: str):
        response, self.fixed, bars = read_formula(formula)
        if len(bars) != 1 or len(bars[0].factor) != 1:
            raise ValueError(f"{formula!r} must have one term (effects | factor), with the name of "
                             "a column as factor: cross-products by group serve one factor")
        (self.factor,), self.effects = bars[0].factor, bars[0].effects
        single = bars[0].independent or len(self.effects) == 1
        self.kind = "diagonal" if single else "unstructured"
        self.columns = list(dict.fromkeys([*self.effects, *self.fixed, (response,)]))
        self.pairs = [(i, j) for j in range(len(self.columns)) for i in range(j + 1)]
        self.variables = sorted({name for column in self.columns for name in column})
        unfit = [name for name in [*self.variables, self.factor]
                 if not re.fullmatch(r"[A-Za-z_]\w*", name)]
        if unfit:
            raise ValueError(f"{unfit[0]!r} is no plain name of a column: letters, digits and _")

    def query(self, table: str) -> str:
        """The sums as a query, one row a group; a missing value is counted, not skipped.

        Parameters
        ----------
        table : str
            What stands after FROM: a table, a file as the engine names it, or a query in brackets.
        """
        missing = " OR ".join(f"{name} IS NULL" for name in [self.factor, *self.variables])
        sums = [f"SUM({' * '.join(['1E0', *self.columns[i], *self.columns[j]])}) AS s{i}_{j}"
                for i, j in self.pairs]  # 1E0 is a floating-point number: no integer overflows
        return ",\n       ".join([f"SELECT {self.factor} AS label", "COUNT(*) AS row_count",
                                  f"SUM(CASE WHEN {missing} THEN 1 ELSE 0 END) AS missing", *sums]
                                 ) + f"\nFROM {table}\nGROUP BY {self.factor}"

    def add_up(self, chunks: Iterable[Mapping[str, ArrayLike]]) -> dict[str, np.ndarray]:
        """The same sums by NumPy, from chunks of rows; a group may be spread over several.

        Parameters
        ----------
        chunks : iterable of mappings
            From names of columns to arrays of one length.

        Returns
        -------
        dict of str to (G,) arrays
            As the query gives them: label, row_count, missing, s0_0, s0_1, ...
        """
        labels, sums = None, np.zeros((len(self.pairs) + 1, 0))
        for chunk in chunks:
            own, codes = np.unique(np.asarray(chunk[self.factor]), return_inverse=True)
            data = {name: np.asarray(chunk[name], float) for name in self.variables}
            columns = [np.prod([data[v] for v in c], axis=0) if c else np.ones(len(codes))
                       for c in self.columns]
            new = np.array([np.bincount(codes)] + [
                np.bincount(codes, weights=columns[i] * columns[j]) for i, j in self.pairs])
            before, labels = labels, own if labels is None else np.union1d(labels, own)
            total = np.zeros((len(sums), len(labels)))
            if before is not None:
                total[:, np.searchsorted(labels, before)] = sums
            total[:, np.searchsorted(labels, own)] += new
            sums = total
        if labels is None:
            raise ValueError("there are no chunks")
        table = dict(zip([f"s{i}_{j}" for i, j in self.pairs], sums[1:], strict=True))
        return {"label": labels, "row_count": sums[0], "missing": np.zeros(len(labels)), **table}

    def model(self, table: Mapping[str, ArrayLike]) -> SummarisedModel:
        """The model that has these sums, one row a group, in any order.

        Raises
        ------
        ValueError
            If rows had missing or infinite values, there are fewer than two groups, n <= p, X does
            not have full column rank, or y is a combination of its columns.
        """
        missing = int(np.sum(np.asarray(table["missing"])))
        if missing:
            raise ValueError(f"{missing} rows have missing values: leave them out in the query, by "
                             "a WHERE clause inside the brackets of the table")
        order = np.argsort(np.asarray(table["label"]))
        size = len(self.columns)
        gram = np.empty((size, size, len(order)))
        for i, j in self.pairs:
            gram[i, j] = gram[j, i] = np.asarray(table[f"s{i}_{j}"], float)[order]
        if not np.all(np.isfinite(gram)):
            raise ValueError("some sums are not finite: the rows have missing or infinite values")
        z = [self.columns.index(c) for c in self.effects]
        xy = [self.columns.index(c) for c in self.fixed] + [size - 1]
        term = Term(self.factor, tuple(map(_label, self.effects)),
                    np.asarray(table["label"])[order])
        return SummarisedModel(int(np.sum(np.asarray(table["row_count"]))),
                               tuple(map(_label, self.fixed)), term, self.kind,
                               gram[np.ix_(z, z)], gram[np.ix_(z, xy)],
                               gram[np.ix_(xy, xy)].sum(axis=2))


class SummarisedModel:
    """A model with one grouping factor, known by its cross-products; it has no rows.

    Parameters
    ----------
    n : int
        Number of rows.
    names : tuple of str
        The p fixed effects.
    term : Term
        Its name, effects and G levels.
    kind : {"unstructured", "diagonal", "identity"}
        Covariance of the q effects of one level.
    ZZ, Zxy : (q, q, G), (q, p + 1, G) arrays
        Z_g'Z_g and Z_g'[X y]_g.
    total : (p + 1, p + 1) array
        [X y]'[X y].

    Notes
    -----
    See the chapter "What a fit costs" (B37).
    """

    def __init__(self, n: int, names: tuple[str, ...], term: Term, kind: str,
                 ZZ: Array, Zxy: Array, total: Array):
        self.n, self.p, self.names, self.terms = n, len(names), names, [term]
        q, _, G = ZZ.shape
        if G < 2:
            raise ValueError(f"{term.name!r} has {G} group: no variance between groups can be "
                             "estimated from it")
        if n <= self.p:
            raise ValueError(f"n = {n} observations for p = {self.p} fixed effects: use fewer")
        self.covariance, self.k = repeated(STRUCTURES[kind](q), G), q * G
        R, beta, rss = _least_squares(total, names)
        self.least_squares = LeastSquares(np.empty((0, self.p)), R, beta, np.empty(0))
        to_Qe = np.eye(self.p + 1)  # [Q e] = [X y] times this
        to_Qe[:-1, :-1], to_Qe[:-1, -1] = np.linalg.inv(R), -beta
        self.reduced = _reduce(ZZ, np.einsum("axg,xy->ayg", Zxy, to_Qe),
                               np.diag(np.append(np.ones(self.p), rss)))

    def __repr__(self) -> str:
        return (f"SummarisedModel: n = {self.n}, p = {self.p}, k = {self.k} "
                f"({len(self.terms[0].levels)} {self.terms[0].name})")

    def _no_rows(self) -> NoReturn:
        raise ValueError("this model was made from sums and has no rows: use beta and the random "
                         "effects of the fit")

    y = X = Z = property(_no_rows)


class SummarisedProfile(GroupedProfile):
    """:class:`lmmcore.fast.groups.GroupedProfile` for a :class:`SummarisedModel`."""

    def _prepare(self) -> None:
        self.covariance = self.model.covariance.one_level()
        self._keep(*self.model.reduced)


class _Regression(NamedTuple):
    R: Array
    beta: Array
    rss: float


def _least_squares(total: Array, names: tuple[str, ...]) -> _Regression:
    """X'X = R'R, beta and e'e from [X y]'[X y], by its Cholesky factor."""
    length = np.sqrt(np.diag(total))
    if length[-1] == 0 or np.any(length[:-1] == 0):
        raise ValueError("a column of X or the response is zero everywhere")
    root = _upper_root((total / np.outer(length, length))[:, :, None])[:, :, 0]
    dependent = [name for name, r in zip(names, np.diag(root), strict=False) if r == 0]
    if dependent:
        raise ValueError(f"X does not have full column rank: {', '.join(dependent)} can be written "
                         "in terms of the columns before")
    if root[-1, -1] == 0:
        raise ValueError("y is constant or a combination of the columns of X, to half the digits: "
                         "no variation is left; sum y less a rough mean if its mean is large")
    beta = np.linalg.solve(root[:-1, :-1], root[:-1, -1]) * length[-1] / length[:-1]
    return _Regression(root[:-1, :-1] * length[:-1], beta, float((root[-1, -1] * length[-1]) ** 2))


def _reduce(ZZ: Array, ZQe: Array, total: Array) -> tuple[Array, Array, Within]:
    """R_g, F_g and what varies within groups, as :func:`lmmcore.fast.groups._group_qr` has them."""
    R = _upper_root(ZZ)
    pivots = np.einsum("aag->ag", R)
    divisors = R.swapaxes(0, 1) + np.eye(len(R))[:, :, None] * (pivots == 0)[:, None]
    F = forward(divisors, ZQe) * (pivots > 0)[:, None]
    A = total - np.einsum("ixg,iyg->xy", F, F)
    varies = np.diag(A) > DEPENDENT**2 * np.diag(total)  # else constant within groups
    A = A * np.outer(varies, varies)
    b = np.linalg.lstsq(A[:-1, :-1], A[:-1, -1], rcond=DEPENDENT)[0]
    return R, F, Within(A[:-1, :-1], b, max(float(A[-1, -1] - b @ A[:-1, -1]), 0.0))


def _upper_root(A: Array) -> Array:
    """R with R'R = A for every g; a row is 0 where its column depends on those before it."""
    R = np.zeros_like(A)
    for i in range(len(A)):
        square = A[i, i] - np.sum(R[:i, i] ** 2, axis=0)
        kept = square > DEPENDENT**2 * A[i, i]
        pivot = np.sqrt(np.where(kept, square, 1.0))
        R[i, i:] = np.where(kept, (A[i, i:] - np.einsum("kg,kjg->jg", R[:i, i], R[:i, i:])) / pivot,
                            0.0)
    return R


def _label(column: Variables) -> str:
    return ":".join(column) or "(Intercept)"
