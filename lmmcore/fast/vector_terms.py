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

from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.linalg import lapack, solve_triangular

from lmmcore.covariance.structures import Array
from lmmcore.criterion import ByGamma, GammaCriterion
from lmmcore.fast.blocks import forward, orthonormal, product
from lmmcore.fast.groups import conditional, factors
from lmmcore.model import LinearMixedModel, Term
from lmmcore.profile import DEPENDENT

MANY = 300  # effects in Z_2 from which on the traces of the second derivatives are dear
RANK = 1e-13  # of a matrix with a diagonal of 1 and as many rows: pivots below are rounding


class VectorTermsProfile(GammaCriterion):
    """:class:`lmmcore.criterion.Criterion` for several terms, by blocks of the largest.

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
        self.covariance = model.covariance.one_level()
        terms = model.terms
        self.first = max(range(len(terms)), key=lambda j: terms[j].columns.shape[1]
                         * len(terms[j].levels))
        self.others = [j for j in range(len(terms)) if j != self.first]
        self.shapes = [(len(terms[j].levels), terms[j].columns.shape[1]) for j in self.others]
        ends = np.cumsum([0] + [levels * q for levels, q in self.shapes])
        self.places = [slice(*pair) for pair in zip(ends, ends[1:], strict=False)]
        self.k2 = int(ends[-1])
        self.cheapest = "average" if self.k2 > MANY else "observed"
        self.z_scale = [np.sqrt(np.sum(term.columns**2, axis=0) / len(term.levels))
                        for term in terms]
        rest = sparse.hstack([terms[j].Z for j in self.others], format="csr")
        own, self.R = _gram_schmidt(terms[self.first])
        self._eliminate(own, rest, Q, e)

    def _eliminate(self, own: sparse.csr_array, rest: sparse.csr_array, Q: Array, e: Array) -> None:
        """F_g = Q_g'[D e]_g for D = [Z_2 X], and least squares of e on D within groups."""
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

    def _W(self, theta: Array) -> VectorTermsW:
        L = [s.factor(theta[part]) for s, part, _ in self.covariance.placements]
        return VectorTermsW(self, L[self.first], [L[j] for j in self.others])

    def parts(self) -> list[slice]:
        """Where each term's effects are in Gamma, the largest term first."""
        parts = [slice(p.rows[0, 0], p.rows[0, -1] + 1) for p in self.covariance.placements]
        return [parts[self.first], *(parts[j] for j in self.others)]

    def gathered(self, blocks: list[Array]) -> Array:
        """A block diagonal matrix of the size of Gamma, from the terms' blocks."""
        out = np.zeros((self.covariance.size,) * 2)
        for part, block in zip(self.parts(), blocks, strict=True):
            out[part, part] = block
        return out

    def levels(self, A: Array) -> list[Array]:
        """The rows of A (k_2, ...) that belong to each of the other terms, (G, q, ...)."""
        return [A[at].reshape(*shape, *A.shape[1:])
                for at, shape in zip(self.places, self.shapes, strict=True)]


class BlocksOfT(NamedTuple):
    """The blocks of T = Z'PZ, or of Z'W^-1Z: T_11 = diag(E'E) - Y K Y', T_12 = Y J, and T_22."""

    K: Array
    J: Array
    T22: Array


class VectorTermsW(ByGamma):
    """W at one theta, from Lambda of one level of each term; X is taken out with Z_1 and Z_2."""

    Sxx = np.empty((0, 0))

    def __init__(self, profile: VectorTermsProfile, L1: Array, L2: list[Array]):
        self.profile, self.L1, self.L2 = profile, L1, L2
        two, x = slice(0, profile.k2), slice(profile.k2, None)
        C = factors(profile.R, L1)
        unit = np.broadcast_to(np.eye(len(C))[:, :, None], C.shape)
        self.E, self.H = forward(C, profile.R), _side_by_side(forward(C, unit)) @ profile.F
        total = (self.H.T @ self.H).toarray()
        S, s = profile.A + total[:-1, :-1], profile.A @ profile.b + total[:-1, -1]  # (B17)
        self.S22, self.S_x = S[two, two], S[x, x]
        self.B = np.linalg.solve(self.S_x, S[x, two])
        self.S_bar = self.S22 - S[two, x] @ self.B
        turned = [own.T for own in L2]
        left = self._times(turned, np.column_stack([self.S_bar, s[two] - self.B.T @ s[x]]))
        M = _root_of_one_plus(self._times(turned, left[:, :-1].T))
        v = solve_triangular(M, solve_triangular(M, left[:, -1], lower=True), lower=True, trans=1)
        u = self._times(L2, v[:, None])[:, 0]
        self.c = np.concatenate([u, np.linalg.solve(self.S_x, s[x]) - self.B @ u])
        self.h = self.H @ np.append(-self.c, 1.0)
        gap = profile.b - self.c
        self.rss = profile.ww + float(gap @ profile.A @ gap + self.h @ self.h + v @ v)  # (B30)
        self.log_det = 2.0 * sum(float(np.sum(np.log(C[i, i]))) for i in range(len(C)))
        if profile.method == "REML":
            self.log_det += float(np.linalg.slogdet(self.S_x)[1])
        R = root_of_rank(self.S_bar if profile.method == "REML" else self.S22)
        RL = self._times(turned, R.T)  # |M| = |I + R Gamma_2 R'|, without what has no rank (B20)
        M = _root_of_one_plus(RL.T @ RL)
        self.log_det += 2.0 * float(np.sum(np.log(np.diag(M))))

    def _times(self, L: list[Array], B: Array) -> Array:
        """Lambda_2 B for B (k_2, r), level by level."""
        with np.errstate(over="ignore", invalid="ignore"):
            return np.concatenate([(own @ b).reshape(-1, B.shape[1])
                                   for own, b in zip(L, self.profile.levels(B), strict=True)])

    @property
    def beta(self) -> Array:
        return self.c[self.profile.k2:]

    def _blocks_of_T(self, S: Array, B: Array, half: Array) -> BlocksOfT:
        """From Sbar and B, or from S_22 and B = 0; half half' is S_xx^-1, or 0."""
        gamma, k2 = [own @ own.T for own in self.L2], len(S)
        R = root_of_rank(S)
        RL = self._times([own.T for own in self.L2], R.T)
        C = np.linalg.cholesky(np.eye(len(R)) + RL.T @ RL)
        E = solve_triangular(C, R, lower=True)
        T22 = E.T @ E
        J = np.eye(k2) - self._times(gamma, T22)
        J = np.concatenate([J, -B @ J])  # Ybar = Y (I, -B')'
        N = self._times(gamma, J.T).T
        K = np.concatenate([N, -N @ B.T], axis=1)
        K[k2:, k2:] += half @ half.T
        return BlocksOfT(0.5 * (K + K.T), J, T22)

    @cached_property
    def freed(self) -> BlocksOfT:
        """Of Z'PZ."""
        return self._blocks_of_T(self.S_bar, self.B, orthonormal(self.S_x))

    @cached_property
    def blocks(self) -> BlocksOfT:
        """Of Z'PZ for REML, of Z'W^-1Z for ML."""
        if self.profile.method == "REML":
            return self.freed
        return self._blocks_of_T(self.S22, 0.0 * self.B, 0.0 * self.S_x)

    @cached_property
    def EE(self) -> Array:
        return product(self.E, self.E)

    @cached_property
    def Y(self) -> sparse.csr_array:
        """E_g'H_g, one under the other, for the columns of Z_2 and X."""
        return _side_by_side(self.E.transpose(1, 0, 2)) @ self.H[:, :-1]

    @cached_property
    def Y_products(self) -> Array:
        return _products_of_rows(self.Y, len(self.E))

    @cached_property
    def t(self) -> tuple[Array, Array]:
        """Z_1'Py, (q, G), and Z_2'Py."""
        t1 = (_side_by_side(self.E.transpose(1, 0, 2)) @ self.h).reshape(-1, len(self.E)).T
        within = self.profile.A @ (self.profile.b - self.c)
        return t1, (within + self.H[:, :-1].T @ self.h)[:self.profile.k2]

    @cached_property
    def T(self) -> Array:
        K, _, T22 = self.blocks
        own = [np.einsum("lalb->ab", T22[at, at].reshape(*shape, *shape))
               for at, shape in zip(self.profile.places, self.profile.shapes, strict=True)]
        first = self.EE.sum(axis=2) - np.tensordot(self.Y_products, K, 2)
        return self.profile.gathered([first, *own])

    @cached_property
    def YY(self) -> Array:
        t1, t2 = self.t
        tt = self.profile.gathered([t1 @ t1.T, *(t.T @ t for t in self.profile.levels(t2))])
        return tt[:, None, :, None]

    @cached_property
    def squares(self) -> Array:
        """Sums of T_ij[a, c] T_ij[b, d] over the levels i and j of two terms, (q, q, q, q)."""
        profile, EE, YY, (K, J, T22) = self.profile, self.EE, self.Y_products, self.blocks
        first, *parts = profile.parts()
        out = np.zeros((profile.covariance.size,) * 4)
        mixed = np.einsum("acg,bdg->abcd", EE, _rows_times(self.Y, K, len(EE)))  # Y_g K Y_g'
        KYYK = K @ YY @ K
        out[first, first, first, first] = (
            np.einsum("acg,bdg->abcd", EE, EE) - mixed - mixed.transpose(1, 0, 3, 2)
            + np.tensordot(YY, KYYK.transpose(2, 3, 0, 1), 2))
        YYJ = YY @ J
        for part, at, (levels, r) in zip(parts, profile.places, profile.shapes, strict=True):
            own, met = (M[..., at].reshape(*M.shape[:-1], levels, r) for M in (J, YYJ))
            cross = np.einsum("xlc,abxld->abcd", own, met)
            out[first, first, part, part] = cross
            out[part, part, first, first] = cross.transpose(2, 3, 0, 1)
            for other, to, (levels2, r2) in zip(parts, profile.places, profile.shapes, strict=True):
                T = T22[at, to].reshape(levels, r, levels2, r2)
                out[part, part, other, other] = np.einsum("iajc,ibjd->abcd", T, T, optimize=True)
        return out

    def ddlog_det(self, D: Array) -> Array:
        return -np.einsum("iab,jcd,abcd->ij", D, D, self.squares)

    def ddSxx(self, D: Array) -> Array:
        return np.zeros((len(D), len(D)))

    def ddrss(self, D: Array) -> Array:
        """2 (D_i t)'T D_j t, with T = Z'PZ in its blocks."""
        (t1, t2), (K, J, T22) = self.t, self.freed
        d1, *d2 = (D[:, part, part] for part in self.profile.parts())
        a1 = np.einsum("iab,bg->iag", d1, t1)
        a2 = np.concatenate([(t @ own).reshape(len(D), -1)
                             for own, t in zip(d2, self.profile.levels(t2), strict=True)], axis=1)
        Ea = np.einsum("iag,jag->jig", self.E, a1).reshape(len(D), -1)
        met = (self.Y.T @ a1.transpose(2, 1, 0).reshape(-1, len(D))).T
        mixed = met @ J @ a2.T
        return 2.0 * (Ea @ Ea.T - met @ K @ met.T + mixed + mixed.T + a2 @ T22 @ a2.T)

    def vcov(self) -> Array:
        return np.linalg.inv(self.S_x) + self.B @ self._posterior(self.S_bar) @ self.B.T

    def effects(self) -> tuple[list[Array], list[Array]]:
        """U = Gamma Z'Py, and Var(U | y) from the blocks (B17)."""
        profile, L1, N = self.profile, self.L1, self._posterior(self.S22)  # at known beta
        turned = _side_by_side(np.einsum("ab,ibg->aig", L1 @ L1.T, self.E))  # Gamma_1 E_g'
        own = conditional(profile.R, L1) + _rows_times(turned @ self.H[:, :profile.k2], N, len(L1))
        effects = profile.levels(self.c[:profile.k2])
        given = [np.einsum("lalb->lab", N[at, at].reshape(*shape, *shape))
                 for at, shape in zip(profile.places, profile.shapes, strict=True)]
        effects.insert(profile.first, (turned @ self.h).reshape(-1, len(L1)))
        given.insert(profile.first, own.transpose(2, 0, 1))
        return effects, given

    def _posterior(self, S: Array) -> Array:
        """N = Lambda_2 M^-1 Lambda_2', (k_2, k_2)."""
        turned = [own.T for own in self.L2]
        M = _root_of_one_plus(self._times(turned, self._times(turned, S).T))
        half = solve_triangular(M, self._times(self.L2, np.eye(len(S))).T, lower=True)
        return half.T @ half


def has_vector_terms(model: LinearMixedModel) -> bool:
    """Whether the model has several terms, each with independent groups."""
    return len(model.terms) > 1 and model.exchangeable


def _gram_schmidt(term: Term) -> tuple[sparse.csr_array, Array]:
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


def _rows_times(Y: sparse.csr_array, K: Array, q: int) -> Array:
    """Y_g K Y_g' for every g, (q, q, G)."""
    YK = Y @ K
    return np.array([[Y[a::q].multiply(YK[b::q]).sum(axis=1) for b in range(q)]
                     for a in range(q)])


def _root_of_one_plus(LSL: Array) -> Array:
    """The Cholesky factor of I + Lambda'S Lambda, or of I + R Gamma R'."""
    if not np.all(np.isfinite(LSL)):
        raise np.linalg.LinAlgError("not finite")
    return np.linalg.cholesky(np.eye(len(LSL)) + LSL)


def _products_of_rows(Y: sparse.csr_array, q: int) -> Array:
    """sum_g Y_g[a]'Y_g[b] for the rows a and b of every Y_g, (q, q, c, c)."""
    c = Y.shape[1]
    out, rows = np.empty((q, q, c, c)), [Y[a::q] for a in range(q)]
    for a in range(q):
        for b in range(a, q):
            out[a, b] = (rows[a].T @ rows[b]).toarray()
            out[b, a] = out[a, b].T
    return out


def root_of_rank(S: Array) -> Array:
    """R (r, k) with R'R = S for S (k, k) of rank r, by Cholesky with pivots."""
    length = np.sqrt(np.diag(S).clip(0.0))
    length = np.where(length > 0, length, 1.0)
    C, pivots, rank, _ = lapack.dpstrf(S / np.outer(length, length), tol=RANK * len(S))
    R = np.zeros((rank, len(S)))
    R[:, pivots - 1] = np.triu(C)[:rank]
    return R * length
