"""The same criteria for several factors with one random effect each, crossed or nested.

The factor with most levels, term 1, has a diagonal Z_1'Z_1 = diag(a). It is eliminated first, and
what is left of the others (Z_2, of all their levels) is a dense matrix of their size only:

    W_1 = I + phi_1 Z_1Z_1',   d = 1/(1 + phi_1 a),   |W_1| = prod 1/d                      (B18)
    S = Z_2'W_1^-1Z_2 = Z_2'Z_2 - Z_2'Z_1 diag(1/a) Z_1'Z_2 + Z_2'Z_1 diag(d/a) Z_1'Z_2     (B17)
    M = I + Lambda_2 S Lambda_2,   N = Lambda_2 M^-1 Lambda_2,   |W| = |W_1| |M|            (B20)

S is linear in d/a, so one precomputed sparse matrix of pairs rebuilds it at every theta. Fixed
effects and response pass through W^-1 as columns of n entries, and their quadratic forms are sums
of squares, r'r + v'v. The derivatives are traces and squares of the blocks T_jl = Z_j'W^-1Z_l:

    T_11 = diag(da) - DND',  T_12 = D (I - NS),  T_22 = S (I - NS),  with D = diag(d) Z_1'Z_2.

All parameters are scalars, so Gamma stands for diag(phi_1, phi_2, ...), one entry for each term.
See the chapter "Block matrices" (B17, B18, B20, B36).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.linalg import cho_solve, lapack, solve_triangular

from lmmcore.covariance import Array, independent
from lmmcore.model import LinearMixedModel
from lmmcore.profile import Pieces, Profile, Solution

SMALL = 1e-3  # phi times an entry of S, below which 1 - M^-1 has lost three digits


class Blocks:
    """What does not depend on theta: the matrices Z_j, and the cross-products of their levels.

    Attributes
    ----------
    Z : list of (n, k_j) sparse arrays
        Term by term; the one of most levels is number ``first``.
    rest : (n, k_2) sparse array
        Z_2, the others side by side; column i belongs to term ``of[i]``.
    a : (k_1,) array
    cross : (k_1, k_2) sparse array
        Z_1'Z_2.
    within : (k_2, k_2) array
        Z_2'Z_2 - Z_2'Z_1 diag(1/a) Z_1'Z_2.
    pairs : (k_2 k_2, k_1) sparse array
        ``pairs @ x`` has the lower triangle of Z_2'Z_1 diag(x) Z_1'Z_2.
    """

    def __init__(self, Z: list[sparse.csr_array]):
        self.Z = Z
        self.first = max(range(len(Z)), key=lambda j: Z[j].shape[1])
        others = [j for j in range(len(Z)) if j != self.first]
        self.of = np.repeat(others, [Z[j].shape[1] for j in others])
        self.rest = sparse.hstack([Z[j] for j in others], format="csr")
        square = Z[self.first].multiply(Z[self.first]).sum(axis=0)
        self.a = np.where(square > 0, square, 1.0)  # a level may have zeros only
        self.cross = (Z[self.first].T @ self.rest).tocsr()
        self.pairs = _pairs(self.cross)
        self.within = (self.rest.T @ self.rest).toarray() - self.weighted(1.0 / self.a)

    def weighted(self, x: Array) -> Array:
        """Z_2'Z_1 diag(x) Z_1'Z_2, (k_2, k_2)."""
        k = self.cross.shape[1]
        lower = (self.pairs @ x).reshape(k, k)
        return lower + np.tril(lower, -1).T

    def diagonal(self, N: Array) -> Array:
        """The diagonal of Z_1'Z_2 N Z_2'Z_1, (k_1,), from the lower triangle of N."""
        weights = 2.0 * N
        weights[np.diag_indices_from(N)] *= 0.5
        return self.pairs.T @ weights.ravel()


def _pairs(cross: sparse.csr_array) -> sparse.csr_array:
    """Products of the entries of each row of ``cross``, row i * k_2 + j for columns i >= j."""
    k1, k2 = cross.shape
    cross.sort_indices()
    row = np.repeat(np.arange(k1), np.diff(cross.indptr))
    start = cross.indptr[row]
    partners = np.arange(cross.nnz) - start + 1  # every entry meets those of its row up to itself
    left = np.repeat(np.arange(cross.nnz), partners)
    right = np.arange(len(left)) + np.repeat(start - np.cumsum(partners) + partners, partners)
    at = cross.indices[left].astype(np.int64) * k2 + cross.indices[right]
    return sparse.csr_array((cross.data[left] * cross.data[right], (at, row[left])),
                            shape=(k2 * k2, k1))


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
        self.S = blocks.within + blocks.weighted(self.d / blocks.a)
        self.scale = theta[blocks.of]  # the diagonal of Lambda_2
        with np.errstate(over="ignore", invalid="ignore"):
            M = self.scale[:, None] * self.S * self.scale
        M[np.diag_indices_from(M)] += 1.0
        self.C, failed = lapack.dpotrf(M, lower=1, clean=1)
        if failed or not np.all(np.isfinite(np.diag(self.C))):
            raise ValueError(f"theta = {theta} is too large: I + Lambda'Z'Z Lambda is not positive "
                             "definite in floating point")
        self.log_det = 2.0 * float(np.sum(np.log(np.diag(self.C)))) - float(np.sum(np.log(self.d)))

    @cached_property
    def M_inverse(self) -> Array:
        """The lower triangle of M^-1, (k_2, k_2), zeros above it."""
        return lapack.dpotri(self.C, lower=1)[0]

    @cached_property
    def N_lower(self) -> Array:
        """The lower triangle of N = Lambda_2 M^-1 Lambda_2, (k_2, k_2)."""
        return self.scale[:, None] * self.M_inverse * self.scale

    def solve(self, D: Array) -> tuple[Array, list[Array]]:
        """W^-1 D for D (n, r), and the effects Gamma Z'W^-1 D term by term."""
        blocks = self.blocks
        Z1, Z2 = blocks.Z[blocks.first], blocks.rest
        own = Z1.T @ D
        right = Z2.T @ D - blocks.cross.T @ (self.phi * self.d[:, None] * own)
        U2 = self.scale[:, None] * cho_solve((self.C, True), self.scale[:, None] * right)
        U1 = self.phi * self.d[:, None] * (own - blocks.cross @ U2)
        U = [U1 if j == blocks.first else U2[blocks.of == j] for j in range(len(blocks.Z))]
        return D - Z1 @ U1 - Z2 @ U2, U

    def traces(self) -> Array:
        """tr T_jj, (r,)."""
        blocks = self.blocks
        # Lambda_2 T_22 Lambda_2 = I - M^-1, but where that is a difference of nearly equal numbers
        square, S = self.scale**2, np.diag(self.S)
        small = square * S < SMALL
        own = np.divide(1.0 - np.diag(self.M_inverse), square, out=S.copy(), where=~small)
        reduced = solve_triangular(self.C, self.scale[:, None] * self.S[:, small], lower=True)
        own[small] -= np.einsum("ij,ij->j", reduced, reduced)
        traces = np.bincount(blocks.of, weights=own, minlength=len(blocks.Z))
        traces[blocks.first] = self.d @ blocks.a - self.d**2 @ blocks.diagonal(self.N_lower)
        return traces

    def squares(self) -> Array:
        """|T_jl|^2, the sum of the squares of the entries, (r, r)."""
        blocks = self.blocks
        r, first = len(blocks.Z), blocks.first
        N = self.N_lower + np.tril(self.N_lower, -1).T
        J = np.eye(len(self.S)) - N @ self.S
        T = self.S @ J
        member = (blocks.of == np.arange(r)[:, None]).astype(float)
        squares = member @ (T * T) @ member.T
        P = blocks.weighted(self.d**2)  # D'D
        squares[first] = squares[:, first] = member @ np.einsum("ij,ij->j", J, P @ J)
        NP = N @ P
        squares[first, first] = np.sum((self.d * blocks.a) ** 2) + np.einsum("ij,ji->", NP, NP) \
            - 2.0 * (self.d**3 * blocks.a) @ blocks.diagonal(self.N_lower)
        return squares


@dataclass(frozen=True)
class CrossedPieces(Pieces):
    """With the second derivatives of rss alone in Gamma, (r, r), which are cheap."""

    ddrss: Array


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
    Time and memory are those of dense matrices as large as all levels but those of the largest
    factor. At a large phi the log-determinant loses about 1e-16 phi; rss loses nothing.
    See the chapter "Block matrices" (B17, B18, B20).
    """

    negligible = 1e-12  # each step by the average information takes one or two digits more

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

    def criterion(self, theta: Array) -> float:
        """-2 l(theta) without the derivatives, whose traces take most of the time (B19, B31)."""
        W = Eliminated(self.blocks, np.asarray(theta, float))
        _, _, Sxx, rss = self._least_squares(W)
        return self._criterion(rss, self._log_det(W, Sxx))

    def _log_det(self, W: Eliminated, Sxx: Array) -> float:
        if self.method == "ML":
            return W.log_det
        return W.log_det + float(np.linalg.slogdet(Sxx)[1]) + self.log_det_XtX

    def _pieces(self, theta: Array) -> CrossedPieces:
        """The pieces anew, from traces, from Z_j'Py and from Z_j'W^-1X."""
        W = Eliminated(self.blocks, theta)
        R, beta, Sxx, rss = self._least_squares(W)
        reml = self.method == "REML"
        half = np.linalg.inv(np.linalg.cholesky(Sxx)).T  # half half' = (X'W^-1X)^-1
        Py, WX = R[:, -1] - R[:, :-1] @ beta, R[:, :-1] @ half
        t = [Z.T @ Py for Z in self.blocks.Z]
        Y = [Z.T @ WX for Z in self.blocks.Z]
        dlog_det = W.traces()
        if reml:
            dlog_det = dlog_det - [np.sum(y * y) for y in Y]
        Zt = np.column_stack([Z @ x for Z, x in zip(self.blocks.Z, t, strict=True)])
        hit = WX.T @ Zt
        ddrss = 2.0 * (Zt.T @ W.solve(Zt)[0] - hit.T @ hit)  # 2 y'P Z_jZ_j' P Z_lZ_l' P y

        def ddlog_det() -> Array:
            squares = W.squares()
            for x in range(Y[0].shape[1]) if reml else ():  # |T_jl - Y_jY_l'|^2
                ZY = np.column_stack([Z @ y[:, x] for Z, y in zip(self.blocks.Z, Y, strict=True)])
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
                             -np.diag([x @ x for x in t]), second, ddrss)

    def _least_squares(self, W: Eliminated) -> tuple[Array, Array, Array, float]:
        """W^-1[X y], beta, X'W^-1X and rss, by sums of squares."""
        R, U = W.solve(self.data)
        squares = [R] + [u / t for u, t in zip(U, W.theta, strict=True) if t != 0]
        A = sum(s.T @ s for s in squares)
        beta = np.linalg.solve(A[:-1, :-1], A[:-1, -1])
        rss = sum(float(np.sum((s[:, -1] - s[:, :-1] @ beta) ** 2)) for s in squares)
        return R, beta, A[:-1, :-1], rss

    def approximate(self, theta: Array) -> tuple[float, Array, Array]:
        """The average information has no traces: 2 log_det'' is taken for -rss''/sigma2 (B36)."""
        pieces = self.pieces(theta)
        scale = self.m / pieces.rss

        def second(directions: Array) -> tuple[Array, Array]:
            steps = np.einsum("iaa->ia", directions)
            ddrss = steps @ pieces.ddrss @ steps.T
            return -0.5 * scale * ddrss, ddrss

        return self._in_theta(theta, pieces, second)

    def solution(self, theta: Array) -> Solution:
        """beta, (X'W^-1X)^-1, U_j = phi_j Z_j'Py, and Var(U_j | y) from N and d (B17)."""
        _, R_ls, beta_ls, _ = self.model.least_squares
        W, blocks = Eliminated(self.blocks, theta), self.blocks
        R, beta, Sxx, _ = self._least_squares(W)
        Py = R[:, -1] - R[:, :-1] @ beta
        u = [p * (Z.T @ Py)[:, None] for p, Z in zip(theta**2, blocks.Z, strict=True)]
        given = [np.diag(W.N_lower)[blocks.of == j] for j in range(len(blocks.Z))]
        spread = W.phi * W.d
        given[blocks.first] = spread + spread**2 * blocks.diagonal(W.N_lower)
        R_inverse = np.linalg.inv(R_ls)
        vcov = R_inverse @ np.linalg.inv(Sxx) @ R_inverse.T
        return Solution(beta_ls + R_inverse @ beta, vcov, u, [g[:, None, None] for g in given])


def has_scalar_terms(model: LinearMixedModel) -> bool:
    """Whether the model has several terms with known groups and one effect each."""
    return len(model.terms) > 1 and all(
        term.codes is not None and len(term.effects) == 1 for term in model.terms)
