"""The same criteria for several terms, some of which have more than one effect for each level.

Slopes of pupils crossed with schools: the pupils' term has thousands of small blocks, and little
else is there. The term of most effects, Z_1, is taken group by group as in
:mod:`lmmcore.fast.groups`; what is left is a matrix of the size of all other effects, Z_2. With
Z_1g = Q_g R_g, D = [Z_2 X], and e in the place of y,

    C_gC_g' = I + R_g Gamma_1 R_g',   H_g = C_g^-1 Q_g'[D e]_g,   E_g = C_g^-1 R_g,
    S = D'W_1^-1D = A + sum_g H_g'H_g                                                       (B17)

where A = sum_g D_g'(I - Q_g Q_g')D_g is what varies within groups. With the blocks of S for Z_2
and X, B = S_xx^-1 S_x2 and Sbar = S_22 - S_2x B, which is freed of X,

    |W| |X'W^-1X| = |W_1| |S_xx| |M|,   M = I + Lambda_2'Sbar Lambda_2                      (B20)

and for ML |W| = |W_1| |M| with S_22 in the place of Sbar. If c = (u_2, beta) are the effects of
Z_2 and the coefficients, u_2 = Lambda_2 v, and b the same within groups, where w'w is left,

    rss = w'w + (b - c)'A(b - c) + sum_g |H_g (-c, 1)|^2 + v'v,                             (B30)

a sum of squares. The derivatives come from the blocks of T = Z'PZ. With Y_g = E_g'H_g for the
columns of D, Ybar_g = Y_2g - Y_xg B and N = Lambda_2 M^-1 Lambda_2',

    T_11 = E_g'E_g on the diagonal, less Y_xg S_xx^-1 Y_xh' + Ybar_g N Ybar_h' everywhere,
    T_22 = R'(I + R Gamma_2 R')^-1 R  for  R'R = Sbar,     T_12 = Ybar (I - Gamma_2 T_22),

and Z'W^-1Z has S_22 and Y_2 in the place of Sbar and Ybar, and no part of X.
See the chapters "Block matrices" and "What a fit costs" (B17, B18, B20, B30, B37).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.linalg import lapack, solve_triangular

from lmmcore.covariance.structures import Array, independent
from lmmcore.fast.groups import cholesky, forward
from lmmcore.model import LinearMixedModel, Term
from lmmcore.profile import DEPENDENT, Pieces, Profile, Solution

MANY = 300  # effects in Z_2 from which on the traces of the second derivatives are dear
RANK = 1e-13  # of a matrix with a diagonal of 1 and as many rows: pivots below are rounding


class Reduced(NamedTuple):
    """At one theta: what W_1 leaves of the data, with H and h as one matrix each, and c."""

    E: Array
    H: sparse.csr_array
    h: Array
    S: Array
    B: Array
    c: Array
    rss: float
    log_det: float


class Blocks(NamedTuple):
    """The blocks of T = Z'PZ, or of Z'W^-1Z: T_11 = diag(E'E) - Y K Y', T_12 = Y J, and T_22."""

    K: Array
    J: Array
    T22: Array


@dataclass(frozen=True)
class VectorPieces(Pieces):
    """With the second derivatives of rss alone, which need no traces: directions -> (r, r)."""

    second_rss: Callable[[Array], Array]


class VectorTermsProfile(Profile):
    """:class:`lmmcore.profile.Profile` for several terms, by blocks of the largest.

    Parameters
    ----------
    model : LinearMixedModel
        With two terms or more, as :func:`lmmcore.model.grouped` makes it.
    method : {"REML", "ML"}

    Raises
    ------
    ValueError
        If the model has one term only, or a term whose levels are not independent.

    Notes
    -----
    Time and memory are those of dense matrices as large as all effects but those of the largest
    term, and of one number for each of these that meets an effect of the largest term.
    See the chapters "Block matrices" and "What a fit costs" (B17, B18, B20, B30, B37).
    """

    def _prepare(self) -> None:
        model = self.model
        if not has_vector_terms(model):
            raise ValueError("VectorTermsProfile is for several terms with independent groups: "
                             "use GroupedProfile or Profile")
        Q, _, _, e = model.least_squares
        placements = model.covariance.placements()
        self.covariance = independent(*(p.structure for p in placements))
        terms = model.terms
        self.first = max(range(len(terms)), key=lambda j: terms[j].columns.shape[1]
                         * len(terms[j].levels))
        self.others = [j for j in range(len(terms)) if j != self.first]
        self.shapes = [(len(terms[j].levels), terms[j].columns.shape[1]) for j in self.others]
        ends = np.cumsum([0] + [levels * q for levels, q in self.shapes])
        self.at = [slice(*pair) for pair in zip(ends, ends[1:], strict=False)]
        self.k2 = int(ends[-1])
        self.cheapest = "average" if self.k2 > MANY else "observed"
        own, self.R = _orthonormal(terms[self.first])
        rest = sparse.hstack([terms[j].Z for j in self.others], format="csr")
        D = sparse.hstack([rest, sparse.csr_array(Q)], format="csr")
        F = own.T @ D
        onto = own.T @ e
        onto += own.T @ (e - own @ onto)  # again, since e may be much larger than what is left
        within = e - own @ onto
        self.F = sparse.hstack([F, onto[:, None]], format="csr")
        X_within = Q - own @ F[:, self.k2:].toarray()
        X_within[:, np.linalg.norm(X_within, axis=0) < DEPENDENT] = 0.0  # constant within groups
        beside, F2 = rest.T @ X_within, F[:, :self.k2]
        self.A = np.block([[(rest.T @ rest - F2.T @ F2).toarray(), beside],
                           [beside.T, X_within.T @ X_within]])
        size = np.sqrt(D.multiply(D).sum(axis=0))
        size = np.where(size > 0, size, 1.0)
        self.b = np.linalg.lstsq(self.A / np.outer(size, size), (D.T @ within) / size,
                                 rcond=DEPENDENT)[0] / size
        w = within - (D @ self.b - own @ (F @ self.b))
        self.ww = float(w @ w)
        self.z_scale = [np.sqrt(np.sum(term.columns**2, axis=0) / len(term.levels))
                        for term in terms]

    def _lambdas(self, theta: Array) -> list[Array]:
        """The Lambda of one level of each term, the largest first."""
        L = [s.factor(theta[part]) for s, part, _ in self.covariance.placements()]
        return [L[self.first], *(L[j] for j in self.others)]

    def _times(self, L: list[Array], B: Array) -> Array:
        """Lambda_2 B for B (k_2, r), level by level."""
        with np.errstate(over="ignore", invalid="ignore"):
            return np.concatenate([
                (own @ B[at].reshape(*shape, -1)).reshape(-1, B.shape[1])
                for own, at, shape in zip(L, self.at, self.shapes, strict=True)])

    def _reduced(self, theta: Array) -> Reduced:
        """The algebra of every group, c, rss (B30) and the log-determinant of the criterion."""
        L1, *L2 = self._lambdas(theta)
        turned = [own.T for own in L2]
        RL = np.einsum("abg,bc->cag", self.R, L1)
        C = cholesky(np.eye(len(L1))[:, :, None] + np.einsum("iag,ibg->abg", RL, RL))
        unit = np.broadcast_to(np.eye(len(C))[:, :, None], C.shape)
        E, H = forward(C, self.R), _side_by_side(forward(C, unit)) @ self.F
        log_det = 2.0 * sum(float(np.sum(np.log(C[i, i]))) for i in range(len(C)))
        total = (H.T @ H).toarray()
        S = self.A + total[:-1, :-1]
        s = self.A @ self.b + total[:-1, -1]
        two, x = slice(0, self.k2), slice(self.k2, None)
        B = np.linalg.solve(S[x, x], S[x, two])
        left = self._times(turned, np.column_stack(  # Lambda_2'(Sbar, sbar)
            [S[two, two] - S[two, x] @ B, s[two] - B.T @ s[x]]))
        M = self._factor(self._times(turned, left[:, :-1].T), theta)
        v = solve_triangular(M, solve_triangular(M, left[:, -1], lower=True), lower=True, trans=1)
        u = self._times(L2, v[:, None])[:, 0]
        c = np.concatenate([u, np.linalg.solve(S[x, x], s[x]) - B @ u])
        h = H @ np.append(-c, 1.0)
        gap = self.b - c
        rss = self.ww + float(gap @ self.A @ gap) + float(h @ h) + float(v @ v)
        if self.method == "ML":
            R = _root(S[two, two])
        else:
            R = _root(S[two, two] - S[two, x] @ B)
            log_det += float(np.linalg.slogdet(S[x, x])[1]) + self.log_det_XtX
        RL = self._times(turned, R.T)  # |M| = |I + R Gamma_2 R'|, without what has no rank
        M = self._factor(RL.T @ RL, theta)
        log_det += 2.0 * float(np.sum(np.log(np.diag(M))))
        return Reduced(E, H, h, S, B, c, rss, log_det)

    def _factor(self, LSL: Array, theta: Array) -> Array:
        """The Cholesky factor of I + Lambda'S Lambda, or of I + R Gamma R'."""
        try:
            if not np.all(np.isfinite(LSL)):
                raise np.linalg.LinAlgError
            return np.linalg.cholesky(np.eye(len(LSL)) + LSL)
        except np.linalg.LinAlgError:
            raise ValueError(f"theta = {theta} is too large: I + Lambda'Z'Z Lambda is not positive "
                             "definite in floating point") from None

    def _rss_log_det(self, theta: Array) -> tuple[float, float]:
        if self._kept(theta) is not None:
            return super()._rss_log_det(theta)
        reduced = self._reduced(theta)
        return reduced.rss, reduced.log_det

    def _blocks(self, S: Array, B: Array, half: Array, theta: Array) -> Blocks:
        """The blocks from Sbar and B, or from S_22 and B = 0; half half' is S_xx^-1, or 0."""
        _, *L2 = self._lambdas(theta)
        gamma = [own @ own.T for own in L2]
        R = _root(S)
        RL = self._times([own.T for own in L2], R.T)
        C = np.linalg.cholesky(np.eye(len(R)) + RL.T @ RL)
        E = solve_triangular(C, R, lower=True)
        T22 = E.T @ E
        J = np.eye(self.k2) - self._times(gamma, T22)
        J = np.concatenate([J, -B @ J])  # Ybar = Y (I, -B')'
        N = self._times(gamma, J.T).T
        K = np.concatenate([N, -N @ B.T], axis=1)
        K[self.k2:, self.k2:] += half @ half.T
        return Blocks(0.5 * (K + K.T), J, T22)

    def _second_rss(self, pieces: VectorPieces, directions: Array) -> Array:
        """The average information needs no more than this (B36)."""
        return pieces.second_rss(directions)

    def _pieces(self, theta: Array) -> VectorPieces:
        """log|.| and rss at theta, with derivatives in Gamma, from the blocks of T."""
        E, H, h, S, B, c, rss, log_det = self._reduced(theta)
        two, x = slice(0, self.k2), slice(self.k2, None)
        turned = _side_by_side(E.transpose(1, 0, 2))
        Y, half = turned @ H[:, :-1], np.linalg.inv(np.linalg.cholesky(S[x, x])).T
        freed = self._blocks(S[two, two] - S[two, x] @ B, B, half, theta)
        blocks = freed if self.method == "REML" else self._blocks(
            S[two, two], 0.0 * B, 0.0 * half, theta)
        t1 = (turned @ h).reshape(-1, len(E)).T  # Z'Py
        t2 = (self.A @ (self.b - c) + H[:, :-1].T @ h)[two]
        EE = np.einsum("iag,ibg->abg", E, E)
        YY = _products(Y, len(E))
        squares: list[Array] = []

        def second(directions: Array) -> tuple[Array, Array]:
            if not squares:
                squares.append(self._squares(EE, Y, YY, blocks))
            ddet = -np.einsum("iab,jcd,abcd->ij", directions, directions, squares[0])
            return ddet, second_rss(directions)

        def second_rss(directions: Array) -> Array:
            d1, *d2 = (directions[:, part, part] for part in self._parts())
            a1 = np.einsum("iab,bg->iag", d1, t1)
            a2 = np.concatenate([(t2[at].reshape(shape) @ own).reshape(len(directions), -1)
                                 for own, at, shape in zip(d2, self.at, self.shapes, strict=True)],
                                axis=1)
            Ea = np.einsum("iag,jag->jig", E, a1).reshape(len(directions), -1)
            met = (Y.T @ a1.transpose(2, 1, 0).reshape(-1, len(directions))).T
            mixed = met @ freed.J @ a2.T
            return 2.0 * (Ea @ Ea.T - met @ freed.K @ met.T + mixed + mixed.T
                          + a2 @ freed.T22 @ a2.T)

        dlog_det, drss = (self._gathered(parts) for parts in (
            self._own_blocks(EE, YY, blocks),
            [-t1 @ t1.T, *(-t2[at].reshape(shape).T @ t2[at].reshape(shape)
                           for at, shape in zip(self.at, self.shapes, strict=True))]))
        return VectorPieces(log_det, rss, dlog_det, drss, second, second_rss)

    def _parts(self) -> list[slice]:
        """Where each term's effects are in Gamma, the largest term first."""
        parts = [slice(p.rows[0, 0], p.rows[0, -1] + 1) for p in self.covariance.placements()]
        return [parts[self.first], *(parts[j] for j in self.others)]

    def _gathered(self, blocks: list[Array]) -> Array:
        """A block diagonal matrix of the size of Gamma, from the terms' blocks."""
        out = np.zeros((self.covariance.size,) * 2)
        for part, block in zip(self._parts(), blocks, strict=True):
            out[part, part] = block
        return out

    def _own_blocks(self, EE: Array, YY: Array, blocks: Blocks) -> list[Array]:
        """The blocks of T of one level each, summed over the levels of a term."""
        own = [EE.sum(axis=2) - np.tensordot(YY, blocks.K, 2)]
        for at, (levels, q) in zip(self.at, self.shapes, strict=True):
            own.append(np.einsum("lalb->ab", blocks.T22[at, at].reshape(levels, q, levels, q)))
        return own

    def _squares(self, EE: Array, Y: sparse.csr_array, YY: Array, blocks: Blocks) -> Array:
        """Sums of T_ij[a, c] T_ij[b, d] over the levels i and j of two terms, (q, q, q, q)."""
        K, J, T22 = blocks
        q, (first, *parts) = len(EE), self._parts()
        out = np.zeros((self.covariance.size,) * 4)
        YK = Y @ K
        less = np.array([[Y[a::q].multiply(YK[b::q]).sum(axis=1) for b in range(q)]
                         for a in range(q)])  # Y_g K Y_g'
        mixed = np.einsum("acg,bdg->abcd", EE, less)
        KYYK = K @ YY @ K
        out[first, first, first, first] = (
            np.einsum("acg,bdg->abcd", EE, EE) - mixed - mixed.transpose(1, 0, 3, 2)
            + np.tensordot(YY, KYYK.transpose(2, 3, 0, 1), 2))
        YYJ = YY @ J
        for part, at, (levels, r) in zip(parts, self.at, self.shapes, strict=True):
            own, met = (M[..., at].reshape(*M.shape[:-1], levels, r) for M in (J, YYJ))
            cross = np.einsum("xlc,abxld->abcd", own, met)
            out[first, first, part, part] = cross
            out[part, part, first, first] = cross.transpose(2, 3, 0, 1)
            for part2, at2, (levels2, r2) in zip(parts, self.at, self.shapes, strict=True):
                T = T22[at, at2].reshape(levels, r, levels2, r2)
                out[part, part, part2, part2] = np.einsum("iajc,ibjd->abcd", T, T, optimize=True)
        return out

    def solution(self, theta: Array) -> Solution:
        """beta, (X'W^-1X)^-1, U = Gamma Z'Py, and Var(U | y) from the blocks (B17)."""
        _, R_ls, beta_ls, _ = self.model.least_squares
        theta = np.asarray(theta, float)
        L1, *L2 = self._lambdas(theta)
        E, H, h, S, B, c, _, _ = self._reduced(theta)
        two, x = slice(0, self.k2), slice(self.k2, None)
        S22 = S[two, two]
        Sxx_inverse = np.linalg.inv(S[x, x])
        R_inverse = np.linalg.inv(R_ls)
        vcov = R_inverse @ (Sxx_inverse + B @ self._posterior(S22 - S[two, x] @ B, L2, theta)
                            @ B.T) @ R_inverse.T
        N = self._posterior(S22, L2, theta)  # at known beta
        RL = np.einsum("abg,bc->acg", self.R, L1)
        K = cholesky(np.eye(len(L1))[:, :, None] + np.einsum("iag,ibg->abg", RL, RL))
        half = forward(K, np.broadcast_to(L1.T[:, :, None], K.shape))
        q = len(L1)
        t1 = _side_by_side(np.einsum("ab,ibg->aig", L1 @ L1.T, E))  # Gamma_1 E_g'
        Y = t1 @ H[:, two]
        YN = Y @ N
        own = np.einsum("iag,ibg->gab", half, half) + np.array(
            [[Y[a::q].multiply(YN[b::q]).sum(axis=1) for b in range(q)]
             for a in range(q)]).transpose(2, 0, 1)
        u1 = (t1 @ h).reshape(-1, q)
        effects, given = [c[at].reshape(shape) for at, shape in
                          zip(self.at, self.shapes, strict=True)], []
        for at, (levels, q) in zip(self.at, self.shapes, strict=True):
            given.append(np.einsum("lalb->lab", N[at, at].reshape(levels, q, levels, q)))
        effects.insert(self.first, u1)
        given.insert(self.first, own)
        return Solution(beta_ls + R_inverse @ c[x], vcov, effects, given)

    def _posterior(self, S: Array, L2: list[Array], theta: Array) -> Array:
        """N = Lambda_2 M^-1 Lambda_2', (k_2, k_2)."""
        turned = [own.T for own in L2]
        M = self._factor(self._times(turned, self._times(turned, S).T), theta)
        half = solve_triangular(M, self._times(L2, np.eye(self.k2)).T, lower=True)
        return half.T @ half


def has_vector_terms(model: LinearMixedModel) -> bool:
    """Whether the model has several terms, each with independent groups."""
    return len(model.terms) > 1 and model.exchangeable and all(term.effects for term in model.terms)


def _orthonormal(term: Term) -> tuple[sparse.csr_array, Array]:
    """Z_g = Q_g R_g in every group by Gram and Schmidt: all Q_g as one matrix, and R (q, q, G)."""
    (n, q), G = term.columns.shape, len(term.levels)
    Q, R = term.columns.T.copy(), np.zeros((q, q, G))

    def total(v: Array) -> Array:
        return np.bincount(term.codes, weights=v, minlength=G)

    for i, z in enumerate(Q):
        length = np.sqrt(total(z * z))
        before = np.sqrt(np.sum(R[:i, i] ** 2, axis=0) + length**2)
        R[i, i] = length = np.where(length > DEPENDENT * before, length, 0.0)
        z *= np.divide(1.0, length, out=np.zeros(G), where=length > 0)[term.codes]
        for j in range(i + 1, q):
            R[i, j] = total(z * Q[j])
            Q[j] -= z * R[i, j][term.codes]
    at = q * term.codes[:, None] + np.arange(q)
    return sparse.csr_array((Q.T.ravel(), at.ravel(), np.arange(0, n * q + 1, q)),
                            shape=(n, q * G)), R


def _side_by_side(M: Array) -> sparse.csr_array:
    """The matrices M[:, :, g] as the blocks of one block diagonal matrix, (q G, q G)."""
    q, _, G = M.shape
    columns = np.repeat(np.arange(q * G).reshape(G, q), q, axis=0)
    return sparse.csr_array((M.transpose(2, 0, 1).ravel(), columns.ravel(),
                             np.arange(0, q * q * G + 1, q)), shape=(q * G, q * G))


def _products(Y: sparse.csr_array, q: int) -> Array:
    """sum_g Y_g[a]'Y_g[b] for the rows a and b of every Y_g, (q, q, c, c)."""
    c = Y.shape[1]
    out, rows = np.empty((q, q, c, c)), [Y[a::q] for a in range(q)]
    for a in range(q):
        for b in range(a, q):
            out[a, b] = (rows[a].T @ rows[b]).toarray()
            out[b, a] = out[a, b].T
    return out


def _root(S: Array) -> Array:
    """R (r, k) with R'R = S for S (k, k) of rank r, by Cholesky with pivots."""
    length = np.sqrt(np.diag(S).clip(0.0))
    length = np.where(length > 0, length, 1.0)
    C, pivots, rank, _ = lapack.dpstrf(S / np.outer(length, length), tol=RANK * len(S))
    R = np.zeros((rank, len(S)))
    R[:, pivots - 1] = np.triu(C)[:rank]
    return R * length
