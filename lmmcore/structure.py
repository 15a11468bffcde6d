"""The same criteria for one grouping factor, from per-group sufficient statistics.

With one factor W is block diagonal, and group g enters only through Z_g'Z_g (q x q) and Z_g'[X y]
(q x (p+1)). Every group takes q x q algebra, so the cost grows linearly in the number of groups:

    M_g = I + Lambda'Z_g'Z_g Lambda = K_g K_g',      log|W| = sum_g log|M_g|            (B18)
    S   = [X y]'W^-1[X y] = [X y]'[X y] - sum_g H_g'H_g,  H_g = K_g^-1 Lambda'Z_g'[X y]  (B17)

and rss is the Schur complement of X'W^-1X in S (B20). All arrays have the groups on their last
axis, and the q x q Cholesky factors are written out over it.
"""

from __future__ import annotations

import numpy as np

from lmmcore.covariance import Array
from lmmcore.model import LinearMixedModel
from lmmcore.profile import Pieces, Profile, Solution


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
        q, p1 = len(term.effects), model.p + 1
        data = np.column_stack([Q, e])  # Q for X and e for y: same space, same rss, more digits
        self.covariance = model.covariance.placements()[0].structure

        def group_sums(v: Array) -> Array:
            return np.bincount(term.codes, weights=v, minlength=len(term.levels))

        Z = term.columns
        self.ZtZ = np.array([[group_sums(Z[:, i] * Z[:, j]) for j in range(q)] for i in range(q)])
        self.ZtD = np.array([[group_sums(Z[:, i] * data[:, j]) for j in range(p1)]
                             for i in range(q)])
        self.DtD = data.T @ data
        self.z_scale = [np.sqrt(np.einsum("iig->ig", self.ZtZ).mean(axis=1))]

    def _reduced(self, theta: Array) -> tuple[float, Array, Array, Array, Array]:
        """log|W|, T_g = Z_g'W_g^-1Z_g, R_g = Z_g'W_g^-1[X y], S and (-beta, 1)."""
        L = self.covariance.factor(theta)
        LA = np.tensordot(L.T, self.ZtZ, axes=1)
        M = np.eye(len(L))[:, :, None] + np.einsum("iag,aj->ijg", LA, L)
        K = _cholesky(M)
        H_A, H_D = _forward(K, LA), _forward(K, np.tensordot(L.T, self.ZtD, axes=1))
        log_det_W = 2.0 * float(np.sum(np.log(np.einsum("iig->ig", K))))
        T = self.ZtZ - np.einsum("iag,ibg->abg", H_A, H_A)
        R = self.ZtD - np.einsum("iag,ibg->abg", H_A, H_D)
        S = self.DtD - np.tensordot(H_D, H_D, axes=([0, 2], [0, 2]))
        beta = np.linalg.solve(S[:-1, :-1], S[:-1, -1])
        return log_det_W, T, R, S, np.append(-beta, 1.0)

    def pieces(self, theta: Array) -> Pieces:
        """log|.| and rss at theta, with derivatives in Gamma, as sums over the groups."""
        log_det_W, T, R, S, v = self._reduced(theta)
        Sxx = S[:-1, :-1]
        C = np.linalg.inv(Sxx)
        t = np.tensordot(R, v, axes=([1], [0]))  # Z_g'Py
        rss = float(v @ S @ v)
        reml = self.method == "REML"
        RX = R[:, :-1]
        dlog_det = T.sum(axis=2)
        log_det = log_det_W
        if reml:
            dlog_det = dlog_det - np.einsum("aig,ij,bjg->ab", RX, C, RX, optimize=True)
            log_det += float(np.linalg.slogdet(Sxx)[1]) + self.log_det_XtX

        def second(directions: Array) -> tuple[Array, Array]:
            TD = np.einsum("abg,ibc->iacg", T, directions)
            DR = np.einsum("iab,bxg->iaxg", directions, R)
            TDR = np.einsum("abg,ibxg->iaxg", T, DR, optimize=True)
            dS = -np.einsum("axg,iayg->ixy", R, DR, optimize=True)
            ddS = np.einsum("iaxg,jayg->ijxy", DR, TDR, optimize=True)
            ddS = ddS + ddS.swapaxes(2, 3)
            ddet = -np.einsum("iabg,jbag->ij", TD, TD, optimize=True)
            if reml:
                CdS = C @ dS[:, :-1, :-1]
                ddet = ddet - np.einsum("iab,jba->ij", CdS, CdS)
                ddet = ddet + np.einsum("ab,ijba->ij", C, ddS[:, :, :-1, :-1])
            dSv = dS[:, :-1] @ v
            return ddet, np.einsum("x,ijxy,y->ij", v, ddS, v) - 2.0 * dSv @ C @ dSv.T

        return Pieces(log_det, rss, dlog_det, -t @ t.T, second)

    def solution(self, theta: Array) -> Solution:
        """beta, (X'W^-1X)^-1, and U_g = Lambda M_g^-1 Lambda'Z_g'(y - X beta)."""
        _, R_ls, beta_ls, _ = self.model.least_squares
        _, T, R, S, v = self._reduced(theta)
        L = self.covariance.factor(theta)
        gamma = L @ L.T
        u = gamma @ np.tensordot(R, v, axes=([1], [0]))  # Gamma Z'W^-1(y - X beta)
        given = gamma[:, :, None] - np.einsum("ab,bcg,cd->adg", gamma, T, gamma, optimize=True)
        R_inverse = np.linalg.inv(R_ls)
        vcov = R_inverse @ np.linalg.inv(S[:-1, :-1]) @ R_inverse.T
        return Solution(beta_ls - R_inverse @ v[:-1], vcov, [u.T], [given.transpose(2, 0, 1)])


def has_groups(model: LinearMixedModel) -> bool:
    """Whether the model has one term with known groups, so that this module applies."""
    return len(model.terms) == 1 and model.terms[0].codes is not None


def _cholesky(M: Array) -> Array:
    """Lower Cholesky factors of M[:, :, g] for every g: (q, q, G) -> (q, q, G)."""
    K = np.zeros_like(M)
    for j in range(len(M)):
        K[j, j] = np.sqrt(M[j, j] - np.sum(K[j, :j] ** 2, axis=0))
        for i in range(j + 1, len(M)):
            K[i, j] = (M[i, j] - np.sum(K[i, :j] * K[j, :j], axis=0)) / K[j, j]
    return K


def _forward(K: Array, B: Array) -> Array:
    """K^-1 B for every g, K lower triangular: (q, q, G), (q, r, G) -> (q, r, G)."""
    H = np.zeros_like(B)
    for i in range(len(K)):
        H[i] = (B[i] - np.einsum("kg,krg->rg", K[i, :i], H[:i])) / K[i, i]
    return H
