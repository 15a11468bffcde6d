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

from functools import cached_property

import numpy as np
from scipy import sparse

from lmmcore.covariance.structures import Array
from lmmcore.criterion import ByGamma, GammaCriterion
from lmmcore.fast.blocks import (
    Layout,
    backward,
    cholesky,
    diagonals,
    forward,
    inverse,
    joined,
    mirrored,
    orthonormal,
)
from lmmcore.model import LinearMixedModel

SMALL = 1e-3  # phi times an entry of S, below which 1 - M^-1 has lost three digits


class CrossedProfile(GammaCriterion):
    """:class:`lmmcore.criterion.Criterion` for several terms of one effect each.

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
        self.covariance = model.covariance.one_level()
        self.design = CrossedDesign([term.Z for term in model.terms])
        self.data = np.column_stack([Q, e])  # Q for X and e for y: same space, same rss
        self.z_scale = [np.sqrt(np.mean(Z.multiply(Z).sum(axis=0), keepdims=True))
                        for Z in self.design.Z]

    def _W(self, theta: Array) -> CrossedW:
        return CrossedW(self.design, self.data, np.abs(theta))  # only its squares matter


def has_scalar_terms(model: LinearMixedModel) -> bool:
    """Whether the model has several terms with independent groups and one effect each."""
    return len(model.terms) > 1 and model.exchangeable and all(
        len(term.effects) == 1 for term in model.terms)


class CrossedDesign:
    """What does not depend on theta: the matrices Z_j, and the cross-products of their levels.

    Attributes
    ----------
    Z : list of (n, k_j) sparse arrays
        Term by term; the one of most levels is number ``first``.
    layout : Layout
        The blocks of S; Z_2's columns, and all that follows, are in its order.
    rest : (n, k_2) sparse array
        Z_2, the others side by side; column i belongs to term ``of[i]``.
    at : list of arrays
        The columns of each term, in the order of its levels.
    a, over : (k_1,) arrays
        The diagonal of Z_1'Z_1; and what to divide by, which differs for levels of zeros only.
    cross : (k_1, k_2) sparse array
        Z_1'Z_2.
    within : (layout.length,) array
        Lower triangles of Z_2'Z_2 - Z_2'Z_1 diag(1/a) Z_1'Z_2.
    pairs : (layout.length, k_1) sparse array
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
        self.layout = layout = Layout(_linked(cross, inner))
        self.rest, self.cross = rest[:, layout.order], cross[:, layout.order]
        of = np.repeat(others, [Z[j].shape[1] for j in others])
        self.of, back = of[layout.order], np.argsort(layout.order)
        self.at = [back[of == j] for j in range(len(Z))]
        self.pairs = _pairs(self.cross, layout)
        inner = sparse.tril(inner[layout.order][:, layout.order]).tocoo()
        self.within = -self.weighted(1.0 / self.over)
        self.within[layout.row[inner.row] + layout.column[inner.col]] += inner.data

    def weighted(self, x: Array) -> Array:
        """The lower triangles of Z_2'Z_1 diag(x) Z_1'Z_2, (layout.length,)."""
        return self.pairs @ x

    def diagonal(self, N: list[Array]) -> Array:
        """The diagonal of Z_1'Z_2 N Z_2'Z_1, (k_1,), from the lower triangles of N."""
        weights = 2.0 * np.concatenate([block.ravel() for block in N])
        weights[self.layout.diagonal] *= 0.5
        return self.pairs.T @ weights


def _linked(cross: sparse.csr_array, inner: sparse.csr_array) -> sparse.csr_array:
    """Levels that share a row, or a level of term 1, are linked, each to the first of these."""
    lead = cross.indices[np.repeat(cross.indptr[:-1], np.diff(cross.indptr))]
    shared = sparse.csr_array((np.ones(len(lead)), (lead, cross.indices)), shape=inner.shape)
    return shared + abs(inner)


def _pairs(cross: sparse.csr_array, layout: Layout) -> sparse.csc_array:
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
    """The blocks of W at one theta (r,), term 1 eliminated."""

    def __init__(self, design: CrossedDesign, theta: Array):
        self.design, self.theta = design, theta
        self.phi = theta[design.first] ** 2
        self.d = 1.0 / (1.0 + self.phi * design.a)
        self.S = design.layout.matrices(design.within + design.weighted(self.d / design.over))
        self.scales = design.layout.parts(theta[design.of])  # the diagonal of Lambda_2
        with np.errstate(over="ignore", invalid="ignore"):
            self.C = [cholesky(_one_plus(S, s)) if np.any(s) else _one_plus(S, s)
                      for S, s in zip(self.S, self.scales, strict=True)]
        logs = sum(float(np.sum(np.log(diagonals(C)))) for C in self.C)
        self.log_det = 2.0 * logs - float(np.sum(np.log(self.d)))

    @cached_property
    def M_inverse(self) -> list[Array]:
        """M^-1, block by block, its lower triangle."""
        return [inverse(C) if np.any(s) else C
                for C, s in zip(self.C, self.scales, strict=True)]

    @cached_property
    def N_lower(self) -> list[Array]:
        """N = Lambda_2 M^-1 Lambda_2, block by block, its lower triangle."""
        return [_scaled(M, s) for M, s in zip(self.M_inverse, self.scales, strict=True)]

    def solve(self, B: Array) -> tuple[Array, list[Array]]:
        """W^-1 B for B (n, r), and the effects Gamma Z'W^-1 B term by term."""
        design = self.design
        Z1, Z2 = design.Z[design.first], design.rest
        own = Z1.T @ B
        right = Z2.T @ B - design.cross.T @ (self.phi * self.d[:, None] * own)
        U2 = joined([s[:, None] * backward(C, forward(C, s[:, None] * b)) for C, s, b in zip(
            self.C, self.scales, design.layout.parts(right), strict=True)])
        U1 = self.phi * self.d[:, None] * (own - design.cross @ U2)
        U = [U1 if j == design.first else U2[at] for j, at in enumerate(design.at)]
        return B - Z1 @ U1 - Z2 @ U2, U

    def traces(self) -> Array:
        """tr T_jj, (r,)."""
        design, own = self.design, []
        for S, M, C, s in zip(self.S, self.M_inverse, self.C, self.scales, strict=True):
            # Lambda_2 T_22 Lambda_2 = I - M^-1, but where that subtracts nearly equal numbers
            small = s**2 * diagonals(S) < SMALL
            diagonal = np.divide(1.0 - diagonals(M), s**2, out=diagonals(S).copy(), where=~small)
            if np.any(small) and np.any(s):
                at = np.any(small, axis=1)
                G = forward(C, s[:, None] * mirrored(S)[:, at])  # T_22 = S - G'G
                by_definition = diagonals(S)[at] - np.einsum("ijb,ijb->jb", G, G)
                diagonal[at] = np.where(small[at], by_definition, diagonal[at])
            own.append(diagonal)
        traces = np.bincount(design.of, weights=joined(own), minlength=len(design.Z))
        traces[design.first] = self.d @ design.a - self.d**2 @ design.diagonal(self.N_lower)
        return traces

    @cached_property
    def squares(self) -> Array:
        """|T_jl|^2, the sum of the squares of the entries, (r, r)."""
        design = self.design
        if not np.any(self.theta):  # W = I
            return np.array([[np.sum((Zj.T @ Zl).data ** 2) for Zl in design.Z] for Zj in design.Z])
        r, first, layout = len(design.Z), design.first, design.layout
        squares, own = np.zeros((r, r)), 0.0
        member = (design.of[:, None] == np.arange(r)).astype(float)
        for S, M, N, s, P, of in zip(self.S, self.M_inverse, self.N_lower, self.scales,
                                     layout.matrices(design.weighted(self.d**2)),
                                     layout.parts(member), strict=True):
            S, N, P = mirrored(S), mirrored(N), mirrored(P)  # P = D'D
            NP = _times(N, P)
            T, JPJ = _block_of_others(S, mirrored(M), N, P, NP, s)
            squares += np.einsum("ijb,jlb->il", of.swapaxes(0, 1), _times(T * T, of))
            squares[first] += np.einsum("jb,jlb->l", JPJ, of)
            own += np.sum(NP * NP.swapaxes(0, 1))
        squares[:, first] = squares[first]
        squares[first, first] = np.sum((self.d * design.a) ** 2) + own \
            - 2.0 * (self.d**3 * design.a) @ design.diagonal(self.N_lower)
        return squares


class CrossedW(Eliminated, ByGamma):
    """W at one theta (r,), Gamma standing for diag(phi_1, phi_2, ...)."""

    def __init__(self, design: CrossedDesign, data: Array, theta: Array):
        super().__init__(design, theta)
        self.R, U = self.solve(data)
        roots = [self.R] + [u / t for u, t in zip(U, theta, strict=True) if t != 0]
        S = sum(root.T @ root for root in roots)  # sums of squares (B17)
        self.Sxx, self.beta = S[:-1, :-1], np.linalg.solve(S[:-1, :-1], S[:-1, -1])
        self.rss = sum(float(np.sum((root[:, -1] - root[:, :-1] @ self.beta) ** 2))
                       for root in roots)

    @cached_property
    def T(self) -> Array:
        return np.diag(self.traces())

    @cached_property
    def Y(self) -> list[Array]:
        """Z_j'W^-1[X r], term by term."""
        X, r = self.R[:, :-1] @ orthonormal(self.Sxx), self.R[:, -1] - self.R[:, :-1] @ self.beta
        return [Z.T @ np.column_stack([X, r]) for Z in self.design.Z]

    @cached_property
    def YY(self) -> Array:
        r, columns = len(self.Y), self.Y[0].shape[1]
        YY = np.zeros((r, columns, r, columns))
        YY[np.arange(r), :, np.arange(r)] = [Y.T @ Y for Y in self.Y]
        return YY

    def forms(self, x: int) -> Array:
        """2 Y_j[x]'T_jl Y_l[x] for one of the columns of [X r], (r, r)."""
        ZY = np.column_stack([Z @ Y[:, x] for Z, Y in zip(self.design.Z, self.Y, strict=True)])
        return 2.0 * ZY.T @ self.solve(ZY)[0]

    @cached_property
    def forms_rr(self) -> Array:
        return self.forms(-1)

    @cached_property
    def forms_xx(self) -> Array:
        return sum(self.forms(x) for x in range(len(self.Sxx)))

    def ddlog_det(self, D: Array) -> Array:
        return -_along(D, self.squares)

    def ddSxx(self, D: Array) -> Array:
        return _along(D, self.forms_xx)

    def ddrss(self, D: Array) -> Array:
        return _along(D, self.forms_rr)

    def effects(self) -> tuple[list[Array], list[Array]]:
        """U_j = phi_j Z_j'Py, and Var(U_j | y) from N and d (B17)."""
        design = self.design
        u = [p * Y[:, -1:] for p, Y in zip(self.theta**2, self.Y, strict=True)]
        N = joined([diagonals(N) for N in self.N_lower])
        given, spread = [N[at] for at in design.at], self.phi * self.d
        given[design.first] = spread + spread**2 * design.diagonal(self.N_lower)
        return u, [g[:, None, None] for g in given]


def _block_of_others(
    S: Array, M_inverse: Array, N: Array, P: Array, NP: Array, s: Array
) -> tuple[Array, Array]:
    """T_22 and the diagonal of J'D'DJ; by the definitions where Lambda_2 is nearly 0."""
    small, one = s**2 * diagonals(S) < SMALL, np.eye(len(S))[:, :, None]
    over = np.divide(1.0, s, out=np.zeros_like(s), where=~small)
    T = over[:, None] * (one - M_inverse) * over
    JPJ = over**4 * np.einsum("jib,jib->jb", NP, N)
    if np.any(small):
        J = one - _times(N, S)
        T = np.where(small[:, None] | small, _times(S, J), T)
        JPJ = np.where(small, np.einsum("ijb,ijb->jb", J, _times(P, J)), JPJ)
    return T, JPJ


def _along(D: Array, A: Array) -> Array:
    """Second derivatives along D, whose diagonals are steps in phi, from those in phi (r, r)."""
    steps = np.einsum("iaa->ia", D)
    return steps @ A @ steps.T


def _times(A: Array, B: Array) -> Array:
    """A B in every block, (i, j, b), (j, l, b) -> (i, l, b)."""
    return np.matmul(A.transpose(2, 0, 1), B.transpose(2, 0, 1)).transpose(1, 2, 0)


def _one_plus(S: Array, s: Array) -> Array:
    """I + Lambda S Lambda for S (s, s, b) and the diagonals (s, b) of Lambda."""
    M = _scaled(S, s)
    diagonals(M)[:] += 1.0
    return M


def _scaled(S: Array, s: Array) -> Array:
    """Lambda S Lambda."""
    M = s[:, None] * S
    M *= s
    return M
