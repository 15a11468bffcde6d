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
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from lmmcore.covariance.structures import Array
from lmmcore.model import LinearMixedModel, Term
from lmmcore.profile import DEPENDENT, Pieces, Profile, Solution

BLOCK = 16384  # groups, or rows, whose arrays fit into a processor's cache


class Reduced(NamedTuple):
    """At one theta: E_g = C_g^-1 R_g, H_g, h_g = H_g (-beta, 1), log|W|, X'W^-1X and beta."""

    E: Array
    H: Array
    h: Array
    log_det_W: float
    Sxx: Array
    beta: Array


class Within(NamedTuple):
    """The part of least squares that no random effect touches: A_xx, b and w'w."""

    Axx: Array
    b: Array
    ww: float


class Sums(dict[str, Array]):
    """Sums over the groups by name, to which those of one block after the other are added."""

    def add(self, **block: Array) -> None:
        for name, value in block.items():
            self[name] = self[name] + value if name in self else value


class GroupedProfile(Profile):
    """:class:`lmmcore.profile.Profile` for a model with one term, group by group.

    Parameters
    ----------
    model : LinearMixedModel
        With one term, as :func:`lmmcore.model.grouped` makes it.
    method : {"REML", "ML"}

    Raises
    ------
    ValueError
        If the model has several terms, or was given by its matrices alone.

    Notes
    -----
    See the chapter "Block matrices" (A1, B17, B18, B20).
    """

    def _prepare(self) -> None:
        model = self.model
        if not has_groups(model):
            raise ValueError("GroupedProfile is for models with one grouping factor: use Profile")
        (term,) = model.terms
        Q, _, _, e = model.least_squares
        self.covariance = model.covariance.placements()[0].structure
        # Q for X and e for y: same space, same rss, more digits
        self.R, self.F, self.within = _group_qr(term, [*Q.T, e])
        self.z_scale = [np.sqrt(np.einsum("iag,iag->ag", self.R, self.R).mean(axis=1))]

    def _reduced(self, theta: Array) -> Reduced:
        """The q x q algebra of every group, and beta."""
        L = self.covariance.factor(theta)
        E, H = np.empty_like(self.R), np.empty_like(self.F)
        log_det_W, between = 0.0, np.zeros((H.shape[1],) * 2)
        for block in _blocks(E):
            R, F = self.R[..., block], self.F[..., block]
            B = np.einsum("abg,bc->cag", R, L)
            C = cholesky(np.eye(len(L))[:, :, None] + _product(B, B))
            E[..., block], H[..., block] = forward(C, R), forward(C, F)
            log_det_W += 2.0 * sum(float(np.sum(np.log(C[i, i]))) for i in range(len(C)))
            between += np.einsum("ixg,iyg->xy", H[..., block], H[..., block])
        Sxx = self.within.Axx + between[:-1, :-1]
        beta = np.linalg.solve(Sxx, self.within.Axx @ self.within.b + between[:-1, -1])
        h = H[:, -1] - np.einsum("ixg,x->ig", H[:, :-1], beta)
        return Reduced(E, H, h, log_det_W, Sxx, beta)

    def _sums(self, reduced: Reduced) -> tuple[float, float]:
        """rss (B20, B30) and the log-determinant of the criterion (B18, B31)."""
        gap = self.within.b - reduced.beta
        rss = self.within.ww + float(gap @ self.within.Axx @ gap) + float(np.sum(reduced.h**2))
        if self.method == "ML":
            return rss, reduced.log_det_W
        return rss, reduced.log_det_W + float(np.linalg.slogdet(reduced.Sxx)[1]) + self.log_det_XtX

    def _rss_log_det(self, theta: Array) -> tuple[float, float]:
        if self._kept(theta) is not None:
            return super()._rss_log_det(theta)
        return self._sums(self._reduced(theta))

    def _pieces(self, theta: Array) -> Pieces:
        """log|.| and rss at theta, with derivatives in Gamma, as sums over the groups."""
        reduced = self._reduced(theta)
        E, H, h, _, Sxx, _ = reduced
        rss, log_det = self._sums(reduced)
        reml = self.method == "REML"
        half = np.linalg.inv(np.linalg.cholesky(Sxx)).T  # half half' = (X'W^-1X)^-1
        sums = Sums()
        for block in _blocks(E):
            T = _product(E[..., block], E[..., block])  # Z_g'W_g^-1Z_g
            t = np.einsum("iag,ig->ag", E[..., block], h[:, block])  # Z_g'Py
            Y = _product(E[..., block], np.einsum("ixg,xy->iyg", H[:, :-1, block], half))
            YY = np.einsum("axg,bxg->abg", Y, Y)  # Y_g = Z_g'W_g^-1X half
            sums.add(T=T.sum(axis=2), tt=t @ t.T, TT=_sum_products(T, T), Yt=_sum_products(Y, t),
                     ttT=_sum_products(t[:, None] * t, T))
            if reml:
                sums.add(YY=YY.sum(axis=2), YYT=_sum_products(YY, T), YxY=_sum_products(Y, Y))

        def second(directions: Array) -> tuple[Array, Array]:
            def traces(AT: Array) -> Array:  # sum_g tr(A_g D_i T_g D_j)
                return np.einsum("abcd,ibc,jda->ij", AT, directions, directions)

            w = np.einsum("axb,iab->ix", sums["Yt"], directions)
            ddet, ddrss = -traces(sums["TT"]), 2.0 * (traces(sums["ttT"]) - w @ w.T)
            if reml:
                YDY = np.einsum("axby,iab->ixy", sums["YxY"], directions)
                ddet += 2.0 * traces(sums["YYT"]) - np.einsum("ixy,jyx->ij", YDY, YDY)
            return ddet, ddrss

        dlog_det = sums["T"] - sums["YY"] if reml else sums["T"]
        return Pieces(log_det, rss, dlog_det, -sums["tt"], second)

    def solution(self, theta: Array) -> Solution:
        """beta, (X'W^-1X)^-1, and U_g = Gamma Z_g'Py, with Var(U_g | y) from M_g^-1 (B17)."""
        _, R_ls, beta_ls, _ = self.model.least_squares
        E, _, h, _, Sxx, beta = self._reduced(theta)
        L = self.covariance.factor(theta)
        u = L @ L.T @ np.einsum("iag,ig->ag", E, h)
        B = np.einsum("abg,bc->acg", self.R, L)
        M = np.eye(len(L))[:, :, None] + _product(B, B)
        N = forward(cholesky(M), np.broadcast_to(L.T[:, :, None], M.shape))
        given = np.einsum("iag,ibg->gab", N, N)  # Lambda M_g^-1 Lambda'
        R_inverse = np.linalg.inv(R_ls)
        vcov = R_inverse @ np.linalg.inv(Sxx) @ R_inverse.T
        return Solution(beta_ls + R_inverse @ beta, vcov, [u.T], [given])


def has_groups(model: LinearMixedModel) -> bool:
    """Whether the model has one term with independent groups, so that this module applies."""
    return len(model.terms) == 1 and model.exchangeable


def _group_qr(term: Term, data: list[Array]) -> tuple[Array, Array, Within]:
    """Z_g = Q_g R_g in every group, F_g = Q_g'data_g, and least squares on data - Q_g F_g.

    By Gram and Schmidt, column by column over all rows of a block of groups at once.

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
    for groups in _blocks(R, BLOCK * G // n + 1):
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
    for rows in _blocks(rest):
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


def _blocks(A: Array, size: int = BLOCK) -> list[slice]:
    """The groups, on the last axis, in blocks whose arrays stay near the processor."""
    G = A.shape[-1]
    return [slice(start, min(start + size, G)) for start in range(0, G, size)]


def _product(A: Array, B: Array) -> Array:
    """A'B for every g: (i, a, G), (i, b, G) -> (a, b, G)."""
    return np.einsum("iag,ibg->abg", A, B)


def _sum_products(A: Array, B: Array) -> Array:
    """All products of an entry of A with one of B, summed over the groups, on their last axis."""
    G = A.shape[-1]
    return (A.reshape(-1, G) @ B.reshape(-1, G).T).reshape(A.shape[:-1] + B.shape[:-1])


def cholesky(M: Array) -> Array:
    """Lower Cholesky factors of M[:, :, g] for every g: (q, q, G) -> (q, q, G)."""
    K = np.zeros_like(M)
    for j in range(len(M)):
        K[j, j] = np.sqrt(M[j, j] - np.sum(K[j, :j] ** 2, axis=0))
        for i in range(j + 1, len(M)):
            K[i, j] = (M[i, j] - np.sum(K[i, :j] * K[j, :j], axis=0)) / K[j, j]
    return K


def forward(K: Array, B: Array) -> Array:
    """K^-1 B for every g, K lower triangular: (q, q, G), (q, r, G) -> (q, r, G)."""
    H = np.zeros_like(B)
    for i in range(len(K)):
        H[i] = (B[i] - np.einsum("kg,krg->rg", K[i, :i], H[:i])) / K[i, i]
    return H
