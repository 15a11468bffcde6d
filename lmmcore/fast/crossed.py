"""The same criteria for several factors with one random effect each, crossed or nested.

The factor with most levels, term 1, has a diagonal Z_1'Z_1 = diag(a). It is eliminated first, and
what is left of the others (Z_2, of all their levels) is a matrix of their size only:

    W_1 = I + phi_1 Z_1Z_1',   d = 1/(1 + phi_1 a),   |W_1| = prod 1/d                      (B18)
    S = Z_2'W_1^-1Z_2 = Z_2'Z_2 - Z_2'Z_1 diag(1/a) Z_1'Z_2 + Z_2'Z_1 diag(d/a) Z_1'Z_2     (B17)
    M = I + Lambda_2 S Lambda_2,   N = Lambda_2 M^-1 Lambda_2,   |W| = |W_1| |M|            (B20)

S is linear in d/a, so one precomputed sparse matrix of pairs rebuilds it at every theta. It is
block diagonal, with one block for each connected component of the levels: full for crossed
factors, small blocks for nested ones (:mod:`lmmcore.fast.blocks`). Fixed effects and response pass
through W^-1 as columns of n entries, and their quadratic forms are sums of squares, r'r + v'v. The
derivatives are traces and squares of the blocks T_jl = Z_j'W^-1Z_l:

    T_11 = diag(da) - DND',  T_12 = DJ,  T_22 = SJ,  with D = diag(d) Z_1'Z_2,  J = I - NS.

Where Lambda_2 has no zeros J = Lambda_2 M^-1 Lambda_2^-1 and T_22 = Lambda_2^-1 (I - M^-1)
Lambda_2^-1, so that M^-1 has it all; where it is nearly 0 these lose their digits, and the
definitions are used.

All parameters are scalars, so Gamma stands for diag(phi_1, phi_2, ...), one entry for each term.
See the chapters "Block matrices" and "What a fit costs" (B17, B18, B20, B36, B37).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy import sparse

from lmmcore.covariance.structures import Array, independent
from lmmcore.fast.blocks import Components, backward, cholesky, forward, inverse, mirrored
from lmmcore.model import LinearMixedModel
from lmmcore.profile import Pieces, Profile, Solution

SMALL = 1e-3  # phi times an entry of S, below which 1 - M^-1 has lost three digits


class Blocks:
    """What does not depend on theta: the matrices Z_j, and the cross-products of their levels.

    Attributes
    ----------
    Z : list of (n, k_j) sparse arrays
        Term by term; the one of most levels is number ``first``.
    components : Components
        The blocks of S; Z_2's columns, and all that follows, are in its order.
    rest : (n, k_2) sparse array
        Z_2, the others side by side; column i belongs to term ``of[i]``.
    at : list of arrays
        The columns of each term, in the order of its levels.
    a, over : (k_1,) arrays
        The diagonal of Z_1'Z_1; and what to divide by, which differs for levels of zeros only.
    cross : (k_1, k_2) sparse array
        Z_1'Z_2.
    within : (components.length,) array
        Lower triangles of Z_2'Z_2 - Z_2'Z_1 diag(1/a) Z_1'Z_2.
    pairs : (components.length, k_1) sparse array
        ``pairs @ x`` has the lower triangles of Z_2'Z_1 diag(x) Z_1'Z_2.
    """

    def __init__(self, Z: list[sparse.csr_array]):
        self.Z = Z
        self.first = max(range(len(Z)), key=lambda j: Z[j].shape[1])
        others = [j for j in range(len(Z)) if j != self.first]
        rest = sparse.hstack([Z[j] for j in others], format="csr")
        square, inner = Z[self.first].multiply(Z[self.first]).sum(axis=0), (rest.T @ rest).tocsr()
        self.a, self.over = square, np.where(square > 0, square, 1.0)
        cross = (Z[self.first].T @ rest).tocsr()
        self.components = layout = Components(_linked(cross, inner))
        self.rest, self.cross = rest[:, layout.order], cross[:, layout.order]
        of = np.repeat(others, [Z[j].shape[1] for j in others])
        self.of, back = of[layout.order], np.argsort(layout.order)
        self.at = [back[of == j] for j in range(len(Z))]
        self.pairs = _pairs(self.cross, layout)
        inner = sparse.tril(inner[layout.order][:, layout.order]).tocoo()
        self.within = -self.weighted(1.0 / self.over)
        self.within[layout.row[inner.row] + layout.column[inner.col]] += inner.data

    def weighted(self, x: Array) -> Array:
        """The lower triangles of Z_2'Z_1 diag(x) Z_1'Z_2, (components.length,)."""
        return self.pairs @ x

    def diagonal(self, N: list[Array]) -> Array:
        """The diagonal of Z_1'Z_2 N Z_2'Z_1, (k_1,), from the lower triangles of N."""
        weights = 2.0 * np.concatenate([block.ravel() for block in N])
        weights[self.components.diagonal] *= 0.5
        return self.pairs.T @ weights


def _linked(cross: sparse.csr_array, inner: sparse.csr_array) -> sparse.csr_array:
    """Levels that share a row, or a level of term 1, are linked, each to the first of these."""
    lead = cross.indices[np.repeat(cross.indptr[:-1], np.diff(cross.indptr))]
    shared = sparse.csr_array((np.ones(len(lead)), (lead, cross.indices)), shape=inner.shape)
    return shared + abs(inner)


def _pairs(cross: sparse.csr_array, layout: Components) -> sparse.csc_array:
    """Products of the entries of each row of ``cross``, for columns i >= j of one block."""
    cross.sort_indices()
    start = np.repeat(cross.indptr[:-1], np.diff(cross.indptr))
    partners = np.arange(cross.nnz) - start + 1  # every entry meets those of its row up to itself
    left = np.repeat(np.arange(cross.nnz), partners)
    ends = np.concatenate([[0], np.cumsum(partners)])
    right = np.arange(len(left)) + np.repeat(start - ends[:-1], partners)
    at = layout.row[cross.indices[left]] + layout.column[cross.indices[right]]
    return sparse.csc_array((cross.data[left] * cross.data[right], at, ends[cross.indptr]),
                            shape=(layout.length, cross.shape[0]))


class Eliminated:
    """W at one theta (r,), through its blocks.

    Raises
    ------
    ValueError
        If theta is so large that M is not positive definite in floating point.
    """

    def __init__(self, blocks: Blocks, theta: Array):
        self.blocks, self.theta = blocks, theta
        self.phi = theta[blocks.first] ** 2
        self.d = 1.0 / (1.0 + self.phi * blocks.a)
        self.S = blocks.components.matrices(blocks.within + blocks.weighted(self.d / blocks.over))
        self.scales = blocks.components.parts(theta[blocks.of])  # the diagonal of Lambda_2
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                self.C = [cholesky(M) if np.any(s) else M for M, s in (
                    (_one_plus(S, s), s) for S, s in zip(self.S, self.scales, strict=True))]
            logs = [np.sum(np.log(_diagonal(C))) for C in self.C]
            if not np.all(np.isfinite(logs)):
                raise np.linalg.LinAlgError
        except np.linalg.LinAlgError:
            raise ValueError(f"theta = {theta} is too large: I + Lambda'Z'Z Lambda is not positive "
                             "definite in floating point") from None
        self.log_det = 2.0 * float(np.sum(logs)) - float(np.sum(np.log(self.d)))

    @cached_property
    def M_inverse(self) -> list[Array]:
        """M^-1, block by block, its lower triangle."""
        return [inverse(C) if np.any(s) else C
                for C, s in zip(self.C, self.scales, strict=True)]

    @cached_property
    def N_lower(self) -> list[Array]:
        """N = Lambda_2 M^-1 Lambda_2, block by block, its lower triangle."""
        return [_scaled(M, s) for M, s in zip(self.M_inverse, self.scales, strict=True)]

    def N_diagonal(self) -> Array:
        """The diagonal of N, (k_2,)."""
        return np.concatenate([_diagonal(N).ravel() for N in self.N_lower])

    def solve(self, D: Array) -> tuple[Array, list[Array]]:
        """W^-1 D for D (n, r), and the effects Gamma Z'W^-1 D term by term."""
        blocks = self.blocks
        Z1, Z2 = blocks.Z[blocks.first], blocks.rest
        own = Z1.T @ D
        right = Z2.T @ D - blocks.cross.T @ (self.phi * self.d[:, None] * own)
        U2 = np.concatenate([
            (s[:, :, None] * backward(C, forward(C, s[:, :, None] * B))).reshape(-1, D.shape[1])
            for C, s, B in zip(self.C, self.scales, blocks.components.parts(right), strict=True)])
        U1 = self.phi * self.d[:, None] * (own - blocks.cross @ U2)
        U = [U1 if j == blocks.first else U2[at] for j, at in enumerate(blocks.at)]
        return D - Z1 @ U1 - Z2 @ U2, U

    def traces(self) -> Array:
        """tr T_jj, (r,)."""
        blocks, own = self.blocks, []
        for S, M, C, s in zip(self.S, self.M_inverse, self.C, self.scales, strict=True):
            # Lambda_2 T_22 Lambda_2 = I - M^-1, but where that subtracts nearly equal numbers
            small = s**2 * _diagonal(S) < SMALL
            diagonal = np.divide(1.0 - _diagonal(M), s**2, out=_diagonal(S).copy(), where=~small)
            if np.any(small) and np.any(s):
                at = np.any(small, axis=0)
                G = forward(C, s[:, :, None] * mirrored(S)[:, :, at])  # T_22 = S - G'G
                diagonal[:, at] = np.where(small[:, at], (_diagonal(S)[:, at]
                                           - np.einsum("bij,bij->bj", G, G)), diagonal[:, at])
            own.append(diagonal.ravel())
        traces = np.bincount(blocks.of, weights=np.concatenate(own), minlength=len(blocks.Z))
        traces[blocks.first] = self.d @ blocks.a - self.d**2 @ blocks.diagonal(self.N_lower)
        return traces

    def squares(self) -> Array:
        """|T_jl|^2, the sum of the squares of the entries, (r, r)."""
        blocks = self.blocks
        if not np.any(self.theta):  # W = I
            return np.array([[np.sum((Zj.T @ Zl).data ** 2) for Zl in blocks.Z] for Zj in blocks.Z])
        r, first, layout = len(blocks.Z), blocks.first, blocks.components
        squares, own = np.zeros((r, r)), 0.0
        member = (blocks.of[:, None] == np.arange(r)).astype(float)
        for S, M, N, s, P, of in zip(self.S, self.M_inverse, self.N_lower, self.scales,
                                     layout.matrices(blocks.weighted(self.d**2)),
                                     layout.parts(member), strict=True):
            S, N, P = mirrored(S), mirrored(N), mirrored(P)  # P = D'D
            NP, small = N @ P, s**2 * _diagonal(S) < SMALL
            over = np.divide(1.0, s, out=np.zeros_like(s), where=~small)
            T = over[:, :, None] * (np.eye(len(S[0])) - mirrored(M)) * over[:, None, :]
            JPJ = over**4 * np.einsum("bji,bji->bj", NP, N)  # the diagonal of J'D'DJ
            if np.any(small):
                J = np.eye(len(S[0])) - N @ S
                T = np.where(small[:, :, None] | small[:, None, :], S @ J, T)
                JPJ = np.where(small, np.einsum("bij,bij->bj", J, P @ J), JPJ)
            squares += np.sum(of.swapaxes(1, 2) @ (T * T) @ of, axis=0)
            squares[first] += np.einsum("bj,bjl->l", JPJ, of)
            own += np.sum(NP * NP.swapaxes(1, 2))
        squares[:, first] = squares[first]
        squares[first, first] = np.sum((self.d * blocks.a) ** 2) + own \
            - 2.0 * (self.d**3 * blocks.a) @ blocks.diagonal(self.N_lower)
        return squares


def _diagonal(A: Array) -> Array:
    """The diagonals (b, s) of A (b, s, s), as a view."""
    return np.einsum("bii->bi", A)


def _one_plus(S: Array, s: Array) -> Array:
    """I + Lambda S Lambda for S (b, s, s) and the diagonals (b, s) of Lambda."""
    M = _scaled(S, s)
    _diagonal(M)[:] += 1.0
    return M


def _scaled(S: Array, s: Array) -> Array:
    """Lambda S Lambda."""
    M = s[:, :, None] * S
    M *= s[:, None, :]
    return M


class Regression(NamedTuple):
    """Least squares in the metric of W: W^-1[X y], beta, X'W^-1X and rss."""

    solved: Array
    beta: Array
    Sxx: Array
    rss: float


@dataclass(frozen=True)
class CrossedPieces(Pieces):
    """With the second derivatives of rss alone in Gamma, (r, r), which are cheap, and with W."""

    ddrss: Array
    W: Eliminated
    regression: Regression


class CrossedProfile(Profile):
    """:class:`lmmcore.profile.Profile` for several terms of one effect each.

    Parameters
    ----------
    model : LinearMixedModel
        With two terms or more, as :func:`lmmcore.model.grouped` makes it.
    method : {"REML", "ML"}

    Raises
    ------
    ValueError
        If the model has one term, or a term with several effects for each level.

    Notes
    -----
    Time and memory are those of dense matrices as large as a connected component of the levels,
    those of the largest factor left out: all others if the factors are crossed. At a large phi the
    log-determinant loses about 1e-16 phi; rss loses nothing.
    See the chapters "Block matrices" and "What a fit costs" (B17, B18, B20, B37).
    """

    cheapest = "average"  # each step takes one or two digits more, without second derivatives
    negligible = 1e-12

    def _prepare(self) -> None:
        model = self.model
        if not has_scalar_terms(model):
            raise ValueError("CrossedProfile is for several terms of one effect each: use Profile")
        Q, _, _, e = model.least_squares
        self.covariance = independent(*(p.structure for p in model.covariance.placements()))
        self.blocks = Blocks([term.Z for term in model.terms])
        self.data = np.column_stack([Q, e])  # Q for X and e for y: same space, same rss
        self.z_scale = [np.sqrt(np.mean(Z.multiply(Z).sum(axis=0), keepdims=True))
                        for Z in self.blocks.Z]

    def _rss_log_det(self, theta: Array) -> tuple[float, float]:
        """rss and log|.| without the traces, which take most of the time."""
        W, least_squares = self._eliminated(theta)
        return least_squares.rss, self._log_det(W, least_squares.Sxx)

    def pieces(self, theta: Array) -> CrossedPieces:
        """As for any profile; only the squares of theta matter."""
        return super().pieces(np.abs(theta))

    def _eliminated(self, theta: Array) -> tuple[Eliminated, Regression]:
        """W and least squares at |theta|, from the pieces where these are kept."""
        theta = np.abs(np.asarray(theta, float))
        kept = self._kept(theta)
        if kept is not None:
            return kept.W, kept.regression
        W = Eliminated(self.blocks, theta)
        return W, self._least_squares(W)

    def _log_det(self, W: Eliminated, Sxx: Array) -> float:
        if self.method == "ML":
            return W.log_det
        return W.log_det + float(np.linalg.slogdet(Sxx)[1]) + self.log_det_XtX

    def _pieces(self, theta: Array) -> CrossedPieces:
        """The pieces anew, from traces, from Z_j'Py and from Z_j'W^-1X."""
        W, regression = self._eliminated(theta)
        R, beta, Sxx, rss = regression
        reml, Zs = self.method == "REML", self.blocks.Z
        half = np.linalg.inv(np.linalg.cholesky(Sxx)).T  # half half' = (X'W^-1X)^-1
        Py, WX = R[:, -1] - R[:, :-1] @ beta, R[:, :-1] @ half
        t = [Z.T @ Py for Z in Zs]
        Y = [Z.T @ WX for Z in Zs]
        dlog_det = W.traces()
        if reml:
            dlog_det = dlog_det - [np.sum(y * y) for y in Y]
        Zt = np.column_stack([Z @ x for Z, x in zip(Zs, t, strict=True)])
        hit = WX.T @ Zt
        ddrss = 2.0 * (Zt.T @ W.solve(Zt)[0] - hit.T @ hit)  # 2 y'P Z_jZ_j' P Z_lZ_l' P y

        def ddlog_det() -> Array:
            squares = W.squares()
            for x in range(Y[0].shape[1]) if reml else ():  # |T_jl - Y_jY_l'|^2
                ZY = np.column_stack([Z @ y[:, x] for Z, y in zip(Zs, Y, strict=True)])
                squares -= 2.0 * ZY.T @ W.solve(ZY)[0]
            if reml:
                YY = np.array([y.T @ y for y in Y])
                squares += np.einsum("jxy,lxy->jl", YY, YY)
            return -squares

        exact: list[Array] = []

        def second(directions: Array) -> tuple[Array, Array]:
            if not exact:
                exact.append(ddlog_det())
            steps = np.einsum("iaa->ia", directions)
            return steps @ exact[0] @ steps.T, steps @ ddrss @ steps.T

        return CrossedPieces(self._log_det(W, Sxx), rss, np.diag(dlog_det),
                             -np.diag([x @ x for x in t]), second, ddrss, W, regression)

    def _least_squares(self, W: Eliminated) -> Regression:
        """W^-1[X y], beta, X'W^-1X and rss, by sums of squares."""
        R, U = W.solve(self.data)
        squares = [R] + [u / t for u, t in zip(U, W.theta, strict=True) if t != 0]
        A = sum(s.T @ s for s in squares)
        beta = np.linalg.solve(A[:-1, :-1], A[:-1, -1])
        rss = sum(float(np.sum((s[:, -1] - s[:, :-1] @ beta) ** 2)) for s in squares)
        return Regression(R, beta, A[:-1, :-1], rss)

    def _second_rss(self, pieces: CrossedPieces, directions: Array) -> Array:
        """The average information needs no more than this: it has no traces (B36)."""
        steps = np.einsum("iaa->ia", directions)
        return steps @ pieces.ddrss @ steps.T

    def solution(self, theta: Array) -> Solution:
        """beta, (X'W^-1X)^-1, U_j = phi_j Z_j'Py, and Var(U_j | y) from N and d (B17)."""
        _, R_ls, beta_ls, _ = self.model.least_squares
        blocks, (W, (R, beta, Sxx, _)) = self.blocks, self._eliminated(theta)
        Py = R[:, -1] - R[:, :-1] @ beta
        u = [p * (Z.T @ Py)[:, None] for p, Z in zip(theta**2, blocks.Z, strict=True)]
        given = [W.N_diagonal()[at] for at in blocks.at]
        spread = W.phi * W.d
        given[blocks.first] = spread + spread**2 * blocks.diagonal(W.N_lower)
        R_inverse = np.linalg.inv(R_ls)
        vcov = R_inverse @ np.linalg.inv(Sxx) @ R_inverse.T
        return Solution(beta_ls + R_inverse @ beta, vcov, u, [g[:, None, None] for g in given])


def has_scalar_terms(model: LinearMixedModel) -> bool:
    """Whether the model has several terms with independent groups and one effect each."""
    return len(model.terms) > 1 and model.exchangeable and all(
        len(term.effects) == 1 for term in model.terms)
