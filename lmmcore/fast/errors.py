"""Errors that follow each other in time: AR(1) within groups, with or without random effects.

W = R + Z Gamma Z' with the correlations R_st = a^|s-t| of the errors within a series (B2, B9). R is
whitened by (x_t - r x_(t-1))/sqrt(1 - r^2), r = a^g over a gap of g steps, so that with
D = [Z X y], of pairs of neighbours, the cross-products are

    D'R^-1D = sum of x_1x_1' + sum over gaps g of (E_g - r H_g)/(1 + r) + r K_g/(1 - r^2),
    log|R|  = sum over gaps g of n_g log(1 - r^2),

E_g the sum of x_tx_t', H_g that of x_(t-1)x_(t-1)', K_g that of the squares of the differences.
These are taken once, and an evaluation does not depend on the number of observations. What is left
is the algebra of block elimination in matrices as large as the random effects (B17, B18, B20).
See the chapter "Autoregressive effects" (B15).
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy import sparse

from lmmcore.covariance.structures import Array
from lmmcore.criterion import Expansion, GammaCriterion, RelativeCovariance
from lmmcore.model import LinearMixedModel

DENSE = 1500  # observations up to which the expected information is computed


class ErrorsProfile(GammaCriterion):
    """:class:`lmmcore.criterion.Criterion` for AR(1) errors.

    Linear in the number of observations, dense in the number of random effects. The expected
    information takes dense matrices, and is nan beyond 1500 observations.
    """

    def _prepare(self) -> None:
        model = self.model
        self.errors = model.errors
        if self.errors is None:
            raise ValueError("ErrorsProfile is for correlated errors: use Profile")
        Q, _, _, e = model.least_squares
        self.covariance = model.covariance
        data = sparse.hstack([model.Z, sparse.csr_array(np.column_stack([Q, e]))], format="csr")
        rows = data[self.errors.order]
        later, gap = rows[1:], self.errors.gap
        first = rows[np.append(True, gap == 0)]
        self.first = (first.T @ first).toarray()
        self.pairs = []
        for g in self.errors.gaps:
            x, before = later[gap == g], rows[:-1][gap == g]
            step = x - before
            self.pairs.append((int(g), x.shape[0], (x.T @ x).toarray(),
                               (before.T @ before).toarray(), (step.T @ step).toarray()))
        size = np.asarray(model.Z.multiply(model.Z).sum(axis=0)).ravel()
        self.z_scale = self.covariance.z_scale(size)

    def _statistics(self, a: float) -> tuple[list[Array], list[float]]:
        """S = D'R^-1D and log|R|, with their first and second derivatives in a."""
        S = [self.first.copy(), np.zeros_like(self.first), np.zeros_like(self.first)]
        log_det = [0.0, 0.0, 0.0]
        for g, count, E, H, K in self.pairs:
            r, rest = a**g, (1.0 - a**g) * (1.0 + a**g)
            up = (g * a ** (g - 1), g * (g - 1) * a ** (g - 2) if g > 1 else 0.0)
            one = (1.0 / (1.0 + r), -1.0 / (1.0 + r) ** 2, 2.0 / (1.0 + r) ** 3)
            e, h = one, (-r * one[0], -one[0] - r * one[1], -2.0 * one[1] - r * one[2])
            k = (r / rest, (1.0 + r * r) / rest**2, 2.0 * r * (3.0 + r * r) / rest**3)
            ell = (np.log(rest), -2.0 * r / rest, -2.0 * (1.0 + r * r) / rest**2)
            for order in range(3):
                c = [(f[0], f[1] * up[0], f[2] * up[0] ** 2 + f[1] * up[1])[order]
                     for f in (e, h, k, ell)]
                S[order] += c[0] * E + c[1] * H + c[2] * K
                log_det[order] += count * c[3]
        return S, log_det

    def _W(self, theta: Array) -> ErrorsW:
        return ErrorsW(*self._statistics(self.errors.a(theta[-1:])), self.covariance.factor(theta),
                       self.model)

    def _directions(self, theta: Array, reported: bool) -> Steps:
        Gamma, slope = super()._directions(theta, reported), 1.0 / np.cosh(theta[-1]) ** 2
        return Steps(Gamma[:-1], 1.0 if reported else slope)

    def derivatives(self, theta: Array, kind: str = "observed") -> tuple[float, Array, Array]:
        """The criterion, its gradient and its Hessian in theta; there is one kind, the exact."""
        if kind != "observed":
            raise ValueError('correlated errors have the exact second derivatives only: take '
                             'optimiser="newton"')
        return super().derivatives(theta)

    def _curvature(self, theta: Array, near: Expansion, kind: str, reported: bool
                   ) -> tuple[Array, Array]:
        s, bend = near.W.rss / self.m, self.covariance.bend(theta, self.slope(theta), reported)
        if not reported:  # d2a/dtheta2 = -2 a da/dtheta
            slope = near.dlog_det[-1] + near.drss[-1] / s
            bend[-1, -1] -= 2.0 * self.errors.a(theta[-1:]) * slope
        if kind == "observed":  # with R'' at once
            return near.curvature(kind, s), bend
        det = np.zeros_like(bend)
        det[-1, -1] = near.directions.a ** 2 * self._bend_trace(theta)
        return near.curvature(kind, s, det), bend

    def _bend_trace(self, theta: Array) -> float:
        """tr(M d2R/da2), M = P for REML and W^-1 for ML, by dense matrices."""
        if self.model.n > DENSE:
            return np.nan
        R, bend = (self.errors.correlation(theta[-1:], order) for order in (0, 2))
        ZL = self.model.Z @ self.covariance.factor(theta)
        inverse = np.linalg.inv(R + ZL @ ZL.T)
        if self.method == "REML":
            WX = inverse @ self.model.X
            inverse = inverse - WX @ np.linalg.solve(self.model.X.T @ WX, WX.T)
        return float(np.sum(inverse * bend))


class Steps(NamedTuple):
    """Directions: of Gamma, (r - 1, k, k), and a step in a."""

    Gamma: Array
    a: float


class ErrorsW(RelativeCovariance):
    """W = R + Z Gamma Z' through F = D'W^-1D, D = [Z X r]; in a second derivatives are whole.

    With N = (Gamma^-1 + Z'R^-1Z)^-1, F = S - S[:, z] N S[z], and for P = I - (N; 0) S[z]

        dF/da = P'S'P,    d2F/da2 = P'S''P - 2 (S'P)[z]'N (S'P)[z],
        dF_i = -F[:, z] D_i F[z].                                                            (B17)

    Attributes
    ----------
    N : (k, k) array
        Var(U | y) / sigma2.
    """

    def __init__(self, S: list[Array], log_R: list[float], L: Array, model: LinearMixedModel):
        self.model, self.L, self.log_R, k = model, L, log_R, len(L)
        self.z, self.xr = slice(0, k), slice(k, None)
        M = np.eye(k) + L.T @ S[0][:k, :k] @ L
        self.N = L @ np.linalg.solve(M, L.T)
        self.log_det = log_R[0] + float(np.linalg.slogdet(M)[1])
        F = S[0] - S[0][:, :k] @ self.N @ S[0][:k]
        H = F[k:, k:]
        self.Sxx, self.beta = H[:-1, :-1], np.linalg.solve(H[:-1, :-1], H[:-1, -1])
        r = np.append(-self.beta, 1.0)
        self.rss = float(r @ H @ r)
        self._forms_of_data = S, F

    @cached_property
    def _to_Xr(self) -> Array:
        """From [Z Q e] to [Z X r], where X'W^-1X = I."""
        k, to_Xr = len(self.L), np.eye(len(self.L) + len(self.beta) + 1)
        values, vectors = np.linalg.eigh(self.Sxx)
        # rounding may take the sign from what is nearly 0, so far out that a search turns back
        to_Xr[k:-1, k:-1], to_Xr[k:-1, -1] = vectors / np.sqrt(np.abs(values)), -self.beta
        return to_Xr

    @cached_property
    def S(self) -> list[Array]:
        """D'R^-1D and its derivatives in a."""
        return [self._to_Xr.T @ s @ self._to_Xr for s in self._forms_of_data[0]]

    @cached_property
    def F(self) -> Array:
        """D'W^-1D."""
        return self._to_Xr.T @ self._forms_of_data[1] @ self._to_Xr

    @cached_property
    def moves(self) -> tuple[Array, Array]:
        """dF/da and d2F/da2."""
        S, dS, ddS = self.S
        P = np.eye(len(S))
        P[self.z] -= self.N @ S[self.z]
        dSP = dS @ P
        return P.T @ dSP, P.T @ ddS @ P - 2.0 * dSP[self.z].T @ self.N @ dSP[self.z]

    def dlog_det(self, D: Steps) -> Array:
        in_a = self.log_R[1] + np.sum(self.N * self.S[1][self.z, self.z])
        return np.append(np.einsum("iab,ab->i", D.Gamma, self.F[self.z, self.z]), D.a * in_a)

    def dS(self, D: Steps) -> Array:
        Y = self.F[self.z, self.xr]
        return np.concatenate([-Y.T @ D.Gamma @ Y, D.a * self.moves[0][None, self.xr, self.xr]])

    def ddlog_det(self, D: Steps) -> Array:
        z, NdS = self.z, self.N @ self.S[1][self.z, self.z]
        TD = self.F[z, z] @ D.Gamma
        in_a = self.log_R[2] + np.sum(self.N * self.S[2][z, z]) - np.sum(NdS * NdS.T)
        return _bordered(-np.einsum("iab,jba->ij", TD, TD),
                         D.a * np.einsum("iab,ab->i", D.Gamma, self.moves[0][z, z]), D.a**2 * in_a)

    def ddSxx(self, D: Steps) -> Array:
        return self._forms(D, slice(len(self.L), -1))

    def ddrss(self, D: Steps) -> Array:
        return self._forms(D, slice(-1, None))

    def _forms(self, D: Steps, columns: slice) -> Array:
        """The trace of the second derivatives of these columns' part of F."""
        T, Y, (dF, ddF) = self.F[self.z, self.z], self.F[self.z, columns], self.moves
        DY = D.Gamma @ Y
        return _bordered(2.0 * np.einsum("iac,jac->ij", DY, T @ DY),
                         -2.0 * D.a * np.einsum("ac,iac->i", dF[self.z, columns], DY),
                         D.a**2 * np.trace(ddF[columns, columns]))

    def slope(self, xx: float, rr: float) -> Array:
        """The derivative of log|W| + xx log|X'W^-1X| + rr rss in Gamma, (k, k)."""
        Y = self.F[self.z, self.xr]
        weights = np.append(np.full(Y.shape[1] - 1, xx), rr)
        return self.F[self.z, self.z] - Y * weights @ Y.T

    def effects(self) -> tuple[list[Array], list[Array]]:
        """U = Gamma Z'Py and Var(U | y) = Gamma - Gamma Z'W^-1Z Gamma."""
        u = self.L @ (self.L.T @ self.F[self.z, -1])
        at = self.model.effects_at
        return [u[rows] for rows in at], [self.N[rows[:, :, None], rows[:, None, :]] for rows in at]


def _bordered(block: Array, mixed: Array, corner: float) -> Array:
    """A symmetric matrix with one more row and column."""
    return np.block([[block, mixed[:, None]], [mixed[None, :], np.array([[corner]])]])
