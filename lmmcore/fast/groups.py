"""The same criteria for one grouping factor, from per-group sufficient statistics.

With one factor W is block diagonal, and the identity outside the column spaces of the Z_g. By its
own QR, Z_g = Q_g R_g, group g enters through R_g (q x q) and F_g = Q_g'[X y] (q x (p+1)) only.
Every group takes q x q algebra, so the cost grows linearly in the number of groups:

    C_g C_g' = I + R_g Gamma R_g',  Gamma = Lambda Lambda',   log|W| = sum_g log|C_g C_g'|  (B18)
    [X y]'W^-1[X y] = A + sum_g H_g'H_g,                      H_g = C_g^-1 F_g              (B17)

where A = sum_g [X y]_g'(I - Q_g Q_g')[X y]_g is what varies within groups. With b the estimate
within groups, from A alone, and w'w its residual sum of squares,

    rss = w'w + (b - beta)'A_xx (b - beta) + sum_g |H_g (-beta, 1)|^2.                      (B20)

These are sums of squares: nothing is subtracted that a large phi would make nearly equal. All
arrays have the groups on their last axis, and q x q Cholesky factors are written out over it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from lmmcore.covariance.structures import Array
from lmmcore.criterion import ByGamma, GammaCriterion
from lmmcore.fast.blocks import cholesky, forward, orthonormal, product
from lmmcore.model import LinearMixedModel, Term
from lmmcore.profile import DEPENDENT

BLOCK = 16384  # groups, or rows, whose arrays fit into a processor's cache


class Within(NamedTuple):
    """The part of least squares that no random effect touches: A_xx, b and w'w."""

    Axx: Array
    b: Array
    ww: float


class GroupedProfile(GammaCriterion):
    """:class:`lmmcore.criterion.Criterion` for a model with one term, group by group.

    See the chapter "Block matrices" (A1, B17, B18, B20).
    """

    def _prepare(self) -> None:
        model = self.model
        if not has_groups(model):
            raise ValueError("GroupedProfile is for models with one grouping factor: use Profile")
        (term,) = model.terms
        Q, _, _, e = model.least_squares
        self.covariance = model.covariance.one_level()
        # Q for X and e for y: same space, same rss, more digits
        self._keep(*_group_qr(term, [*Q.T, e]))

    def _keep(self, R: Array, F: Array, within: Within) -> None:
        self.RF, self.within = np.concatenate([R, F], axis=1), within
        self.z_scale = [np.sqrt(np.einsum("iag,iag->ag", R, R).mean(axis=1))]

    def _W(self, theta: Array) -> GroupedW:
        return GroupedW(self.RF, self.within, self.covariance.factor(theta))


class GroupedW(ByGamma):
    """W at one Lambda, by the q x q algebra of every group.

    Attributes
    ----------
    E, H, h : (q, q, G), (q, p + 1, G) and (q, G) arrays
        E_g = C_g^-1 R_g, H_g = C_g^-1 F_g and H_g (-beta, 1).
    """

    def __init__(self, RF: Array, within: Within, L: Array):
        q = len(L)
        self.R, self.L, EH = RF[:, :q], L, np.empty_like(RF)
        self.E, self.H = EH[:, :q], EH[:, q:]
        self.log_det, between = 0.0, np.zeros((self.H.shape[1],) * 2)
        for groups in chunks(RF.shape[2]):
            C = factors(self.R[..., groups], L)
            EH[..., groups] = forward(C, RF[..., groups])
            self.log_det += 2.0 * sum(float(np.sum(np.log(C[i, i]))) for i in range(q))
            between += np.einsum("ixg,iyg->xy", self.H[..., groups], self.H[..., groups])
        self.Sxx = within.Axx + between[:-1, :-1]
        self.beta = np.linalg.solve(self.Sxx, within.Axx @ within.b + between[:-1, -1])
        self.h = self.H[:, -1] - np.einsum("ixg,x->ig", self.H[:, :-1], self.beta)
        gap = within.b - self.beta
        self.rss = within.ww + float(gap @ within.Axx @ gap) + float(np.sum(self.h**2))  # (B20)

    @cached_property
    def sums(self) -> tuple[Array, Array, Array]:
        """Over the groups: T = Z'W^-1Z, Y = Z'W^-1[X r] by itself, and T, YxYx', YrYr' by T."""
        q, columns, _ = self.H.shape
        half = orthonormal(self.Sxx)
        T_sum, YY, with_T = np.zeros((q, q)), np.zeros((q, columns) * 2), np.zeros((3, *(q,) * 4))
        for groups in chunks(self.E.shape[2]):
            E, h = self.E[..., groups], self.h[:, None, groups]
            X = np.einsum("ixg,xy->iyg", self.H[:, :-1, groups], half)
            T, Y = product(E, E), product(E, np.concatenate([X, h], axis=1))
            xx = np.einsum("axg,bxg->abg", Y[:, :-1], Y[:, :-1])
            rr = Y[:, None, -1] * Y[:, -1]
            T_sum += T.sum(axis=2)
            YY += _sum_products(Y, Y)
            with_T += _sum_products(np.array([T, xx, rr]), T)
        return T_sum, YY, with_T

    @property
    def T(self) -> Array:
        return self.sums[0]

    @property
    def YY(self) -> Array:
        return self.sums[1]

    def ddlog_det(self, D: Array) -> Array:
        return -_traces(self.sums[2][0], D)

    def ddSxx(self, D: Array) -> Array:
        return 2.0 * _traces(self.sums[2][1], D)

    def ddrss(self, D: Array) -> Array:
        return 2.0 * _traces(self.sums[2][2], D)

    def effects(self) -> tuple[list[Array], list[Array]]:
        """U_g = Gamma Z_g'Py, and Var(U_g | y) = Lambda M_g^-1 Lambda' (B17)."""
        u = self.L @ self.L.T @ np.einsum("iag,ig->ag", self.E, self.h)
        return [u.T], [conditional(self.R, self.L).transpose(2, 0, 1)]


def has_groups(model: LinearMixedModel) -> bool:
    """Whether the model has one term with independent groups, so that this module applies."""
    return len(model.terms) == 1 and model.exchangeable


def _group_qr(term: Term, data: list[Array]) -> tuple[Array, Array, Within]:
    """Z_g = Q_g R_g in every group, F_g = Q_g'data_g, and least squares on data - Q_g F_g.

    By Gram and Schmidt, column by column over all rows of a chunk of groups at once.

    Returns
    -------
    R, F : (q, q, G) and (q, d, G) arrays
        A column of Z_g that depends on those before it has a row of zeros in R_g and F_g.
    within : Within
        Of the last of the data on the others.
    """
    G, q, n = len(term.levels), len(term.effects), len(term.codes)
    R, F, rest = np.zeros((q, q, G)), np.zeros((q, len(data), G)), np.empty((len(data), n))
    order, ends = _rows_by_group(term.codes, G)
    for groups in chunks(G, BLOCK * G // n + 1):
        rows = slice(ends[groups.start], ends[groups.stop])
        own = rows if order is None else order[rows]
        sizes = np.diff(ends[groups.start:groups.stop + 1])
        total = _totals(sizes)
        columns = [z[own] * 1.0 for z in term.columns.T]
        for part, d in zip(rest, data, strict=True):
            part[rows] = d[own]
        remaining = list(rest[:, rows])
        for i, z in enumerate(columns):
            length = np.sqrt(total(z * z))
            before = np.sqrt(np.sum(R[:i, i, groups] ** 2, axis=0) + length**2)
            R[i, i, groups] = length = np.where(length > DEPENDENT * before, length, 0.0)
            z *= np.repeat(np.divide(1.0, length, out=np.zeros_like(length), where=length > 0),
                           sizes)
            for part, later in ((R[i, i + 1:], columns[i + 1:]), (F[i], remaining)):
                for coefficient, d in zip(part, later, strict=True):
                    coefficient[groups] = total(z * d)
                    d -= z * np.repeat(coefficient[groups], sizes)
    for d, r in zip(data, rest, strict=True):
        if r @ r <= DEPENDENT**2 * (d @ d):
            r[:] = 0.0  # constant within groups, but for rounding
    *x, w = rest
    Axx = rest[:-1] @ rest[:-1].T
    b = np.linalg.lstsq(Axx, np.array([a @ w for a in x]), rcond=DEPENDENT)[0]
    for rows in chunks(n):
        w[rows] -= b @ rest[:-1, rows]
    return R, F, Within(Axx, b, float(w @ w))


def _rows_by_group(codes: NDArray[np.intp], G: int) -> tuple[NDArray[np.intp] | None, Array]:
    """An order (n,) of the rows group after group, None if they stand so; its borders (G + 1,)."""
    ends = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=G))])
    if np.all(codes[1:] >= codes[:-1]):
        return None, ends
    # to sort by counting is what the conversion between sparse formats does
    rows = sparse.coo_array((codes, (codes, np.arange(len(codes)))), shape=(G, len(codes)))
    return rows.tocsr().indices, ends


def _totals(sizes: NDArray[np.intp]) -> Callable[[Array], Array]:
    """A function that adds up each group's rows, which stand one after the other, (G,)."""
    some = sizes > 0
    starts = (np.cumsum(sizes) - sizes)[some]

    def total(v: Array) -> Array:
        if len(starts) == len(sizes):
            return np.add.reduceat(v, starts)
        sums = np.zeros(len(sizes))
        sums[some] = np.add.reduceat(v, starts) if len(v) else 0.0
        return sums

    return total


def factors(R: Array, L: Array) -> Array:
    """C_g, lower triangular with C_gC_g' = I + R_g Gamma R_g', (q, q, G)."""
    RL = np.einsum("abg,bc->cag", R, L)
    return cholesky(np.eye(len(L))[:, :, None] + product(RL, RL))


def conditional(R: Array, L: Array) -> Array:
    """Lambda (I + Lambda'R_g'R_g Lambda)^-1 Lambda', (q, q, G) (B17)."""
    RL = np.einsum("abg,bc->acg", R, L)
    C = cholesky(np.eye(len(L))[:, :, None] + product(RL, RL))
    half = forward(C, np.broadcast_to(L.T[:, :, None], C.shape))
    return product(half, half)


def chunks(count: int, size: int = BLOCK) -> list[slice]:
    """Groups, or rows, in chunks whose arrays stay near the processor."""
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def _traces(AT: Array, D: Array) -> Array:
    """sum_g tr(A_g D_i T_g D_j), from the products of the entries of A_g and T_g."""
    return np.einsum("abcd,ibc,jda->ij", AT, D, D)


def _sum_products(A: Array, B: Array) -> Array:
    """All products of an entry of A with one of B, summed over the groups, on their last axis."""
    G = A.shape[-1]
    return (A.reshape(-1, G) @ B.reshape(-1, G).T).reshape(A.shape[:-1] + B.shape[:-1])
