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

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from lmmcore.covariance.serial import ALTERNATING, EDGE, LAST, UNIT_ROOT_ERRORS
from lmmcore.covariance.structures import Array, BoundaryPoint, Structure
from lmmcore.model import LinearMixedModel
from lmmcore.profile import Profile, Solution

DENSE = 1500  # observations up to which the expected information is computed


class ErrorSeries(Structure):
    """The correlation of the errors, a structure without random effects: theta = artanh a.

    Parameters
    ----------
    series, steps : (n,) arrays of int
        The series of each row, and its time.

    Raises
    ------
    ValueError
        If two observations of one series have the same time.
    """

    def __init__(self, series: NDArray[np.intp], steps: NDArray[np.intp]):
        self.size, self.n_theta = 0, 1
        self.order = np.lexsort((steps, series))
        self.gap = np.diff(steps[self.order])
        same = np.diff(series[self.order]) == 0
        if np.any(self.gap[same] == 0):
            raise ValueError("two observations of one series have the same time: correlated errors "
                             "need one observation at each time of a series")
        if not np.any(same):
            raise ValueError("every series of errors has one observation: nothing follows")
        self.gap = np.where(same, self.gap, 0)  # 0 where a series begins
        self.gaps = np.unique(self.gap[same])

    def __repr__(self) -> str:
        return f"ErrorSeries({len(self.order)} errors)"

    def a(self, theta: Array) -> float:
        """The autocorrelation of neighbouring errors."""
        return float(np.tanh(np.clip(theta[0], -LAST, LAST)))

    def correlation(self, theta: Array, order: int = 0) -> Array:
        """R, or its derivative in a of order 2, shape (n, n)."""
        a, n = self.a(theta), len(self.order)
        start = np.append(0, np.cumsum(self.gap == 0))
        time = np.append(0, np.cumsum(self.gap))
        lag = np.abs(np.subtract.outer(time, time)).astype(float)
        weight = lag * (lag - 1.0) if order == 2 else np.ones((n, n))
        power = np.where(lag >= order, weight * a ** np.clip(lag - order, 0, None), 0.0)
        R = np.empty((n, n))
        R[np.ix_(self.order, self.order)] = np.where(start[:, None] == start, power, 0.0)
        return R

    def colour(self, theta: Array, z: Array) -> Array:
        """Correlated errors from independent ones (n, r), in the order of the rows."""
        r = np.append(0.0, np.where(self.gap > 0, self.a(theta) ** self.gap.astype(float), 0.0))
        e = z[self.order]
        for t in range(1, len(e)):
            e[t] = r[t] * e[t - 1] + np.sqrt(1.0 - r[t] ** 2) * e[t]
        errors = np.empty_like(e)
        errors[self.order] = e
        return errors

    def factor(self, theta: Array) -> Array:
        return np.zeros((0, 0))

    def phi(self, theta: Array) -> Array:
        return np.array([self.a(theta)])

    @property
    def scaled(self) -> NDArray[np.bool_]:
        return np.zeros(1, bool)

    def gamma_derivatives(self, theta: Array) -> Array:
        return np.zeros((1, 0, 0))

    def directions(self, theta: Array) -> Array:
        return np.zeros((1, 0, 0))

    def bend(self, theta: Array, slope: Array, reported: bool = False) -> Array:
        return np.zeros((1, 1))

    def parameter_scale(self, z_scale: Array) -> Array:
        return np.ones(1)

    def phi_unit(self, z_scale: Array) -> Array:
        return np.empty(0)

    def starts(self) -> list[Array]:
        return [np.array([np.arctanh(a)]) for a in (0.3, 0.8, -0.3)]

    def fix_signs(self, theta: Array) -> Array:
        return theta

    def free(self, theta: Array) -> NDArray[np.bool_]:
        return np.ones(1, bool)

    def truncated(self, theta: Array, z_scale: Array, tolerance: float) -> Array:
        return theta

    def edges(self, theta: Array) -> list[tuple[Array, str]]:
        far = max(np.arctanh(EDGE), abs(theta[0]) + 1.0)
        return [(np.array([far]), UNIT_ROOT_ERRORS), (np.array([-far]), ALTERNATING)]

    def labels(self, effects: tuple[str, ...]) -> list[str]:
        return ["a"]

    def boundary(self, theta: Array, slope: Array, effects: tuple[str, ...]) -> list[BoundaryPoint]:
        return []


def error_series(model: LinearMixedModel) -> ErrorSeries | None:
    """The correlation of the model's errors, if they have one."""
    placements = model.covariance.placements()
    last = placements[-1].structure if placements else None
    return last if isinstance(last, ErrorSeries) else None


@dataclass(frozen=True)
class Derivatives:
    """rss and log|.| with their derivatives; the slope in Gamma; what the solution needs."""

    rss: float
    log_det: float
    drss: Array
    dlog_det: Array
    ddrss: Array
    ddlog_det: Array
    slope: Array  # d criterion / d Gamma, (k, k)
    r: Array  # (-beta, 1)
    inverse: Array  # (X'W^-1X)^-1
    N: Array  # (Gamma^-1 + Z'R^-1Z)^-1, which is Var(U | y) / sigma2
    V: Array  # Z'W^-1[X y]


class ErrorsProfile(Profile):
    """:class:`lmmcore.profile.Profile` for AR(1) errors.

    Parameters
    ----------
    model : LinearMixedModel
        As :func:`lmmcore.model.grouped` makes it with ``errors``.
    method : {"REML", "ML"}

    Notes
    -----
    Linear in the number of observations, dense in the number of random effects. The expected
    information takes dense matrices, and is nan beyond 1500 observations.
    """

    def _prepare(self) -> None:
        model = self.model
        self.errors = error_series(model)
        if self.errors is None:
            raise ValueError("ErrorsProfile is for correlated errors: use Profile")
        Q, _, _, e = model.least_squares
        self.covariance, self.k = model.covariance, model.k
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
        self.z_scale = [np.sqrt(size[rows].mean(axis=0))
                        for _, _, rows in self.covariance.placements()]

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

    def _evaluate(self, theta: Array, directions: Array) -> Derivatives:
        """rss and log|.|, with derivatives in the given directions of Gamma and, last, in a."""
        k, r_theta = self.k, len(theta)
        (S, dS, d2S), log_R = self._statistics(self.errors.a(theta[-1:]))
        L = self.covariance.factor(theta)
        M = np.eye(k) + L.T @ S[:k, :k] @ L
        N = L @ np.linalg.solve(M, L.T)
        B, K = S[:k, k:], np.eye(k) - N @ S[:k, :k]
        T, V = S[:k, :k] @ K, K.T @ B
        T = 0.5 * (T + T.T)
        Y = np.vstack([-N @ B, np.eye(B.shape[1])])
        H = S[k:, k:] - B.T @ N @ B
        dG = directions.copy()
        dG[-1] = 0.0
        dSs = [np.zeros_like(dS)] * (r_theta - 1) + [dS]
        dN = [K @ g @ K.T - N @ s[:k, :k] @ N for g, s in zip(dG, dSs, strict=True)]
        dT = [K.T @ s[:k, :k] @ K - T @ g @ T for g, s in zip(dG, dSs, strict=True)]
        dY = [np.vstack([-n @ B - N @ s[:k, k:], np.zeros((B.shape[1],) * 2)])
              for n, s in zip(dN, dSs, strict=True)]
        dV = [s[:k, k:] - s[:k, :k] @ N @ B - S[:k, :k] @ (n @ B + N @ s[:k, k:])
              for n, s in zip(dN, dSs, strict=True)]
        dH = np.array([Y.T @ s @ Y - V.T @ g @ V for g, s in zip(dG, dSs, strict=True)])
        d2H = np.empty((r_theta, r_theta, *H.shape))
        dlog = np.array([np.sum(T * g) + np.sum(N * s[:k, :k])
                         for g, s in zip(dG, dSs, strict=True)])
        d2log = np.empty((r_theta, r_theta))
        for i in range(r_theta):
            for j in range(r_theta):
                half = dY[j].T @ dSs[i] @ Y - dV[j].T @ dG[i] @ V
                d2H[i, j] = half + half.T
                d2log[i, j] = np.sum(dT[j] * dG[i]) + np.sum(dN[j] * dSs[i][:k, :k])
        d2H[-1, -1] += Y.T @ d2S @ Y
        d2log[-1, -1] += np.sum(N * d2S[:k, :k]) + log_R[2]
        dlog[-1] += log_R[1]
        x = slice(0, -1)
        inverse = np.linalg.inv(H[x, x])
        beta = inverse @ H[x, -1]
        r = np.append(-beta, 1.0)
        rss = float(r @ H @ r)
        Hr = dH @ r
        drss, ddrss = Hr @ r, d2H @ r @ r - 2.0 * Hr[:, x] @ inverse @ Hr[:, x].T
        log_det = log_R[0] + float(np.linalg.slogdet(M)[1])
        if self.method == "REML":
            log_det += float(np.linalg.slogdet(H[x, x])[1]) + self.log_det_XtX
            own = inverse @ dH[:, x, x]
            dlog = dlog + np.trace(own, axis1=1, axis2=2)
            d2log = d2log + np.einsum("ab,ijba->ij", inverse, d2H[:, :, x, x]) \
                - np.einsum("iab,jba->ij", own, own)
            T = T - V[:, x] @ inverse @ V[:, x].T
        t = V @ r
        slope = T - np.outer(t, t) * (self.m / rss)
        return Derivatives(rss, log_det, drss, dlog, ddrss, d2log, slope, r, inverse, N, V)

    def _rss_log_det(self, theta: Array) -> tuple[float, float]:
        at = self._evaluate(theta, self.covariance.directions(theta))
        return at.rss, at.log_det

    def derivatives(self, theta: Array, kind: str = "observed") -> tuple[float, Array, Array]:
        """The criterion, its gradient and its Hessian in theta; there is one kind, the exact."""
        theta = np.asarray(theta, float)
        if kind != "observed":
            raise ValueError('correlated errors have the exact second derivatives only: take '
                             'optimiser="newton"')
        at = self._evaluate(theta, self.covariance.gamma_derivatives(theta))
        s, a = at.rss / self.m, self.errors.a(theta[-1:])
        first = np.append(np.ones(len(theta) - 1), 1.0 / np.cosh(theta[-1]) ** 2)
        slope = at.dlog_det + at.drss / s
        hessian = at.ddlog_det + at.ddrss / s - np.outer(at.drss, at.drss) / (self.m * s**2)
        hessian *= np.outer(first, first)
        hessian[-1, -1] -= 2.0 * a * first[-1] * slope[-1]
        hessian += self.covariance.bend(theta, at.slope)
        return self._criterion(at.rss, at.log_det), slope * first, hessian

    def information(self, theta: Array, kind: str = "observed") -> Array:
        """Information on (sigma2, phi), the last of phi being a, (1 + r, 1 + r)."""
        theta = np.asarray(theta, float)
        at = self._evaluate(theta, self.covariance.directions(theta))
        s = at.rss / self.m
        if kind == "observed":
            mixed, block = -at.drss / s**2, at.ddlog_det + at.ddrss / s
            block = block + self.covariance.bend(theta, at.slope, reported=True)
        else:
            mixed, block = at.dlog_det / s, -at.ddlog_det
            block[-1, -1] += self._bend_trace(theta)
        return 0.5 * np.block([[np.array([[self.m / s**2]]), mixed[None, :]],
                               [mixed[:, None], block]])

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

    def boundary(self, theta: Array) -> list[BoundaryPoint]:
        """Where Gamma(theta) is on the edge of its range, as for Profile."""
        slope = self._evaluate(theta, self.covariance.directions(theta)).slope
        points: list[BoundaryPoint] = []
        for (s, part, rows), term in zip(self.covariance.placements(), self.model.terms,
                                         strict=True):
            block = slope[rows[:, :, None], rows[:, None, :]].sum(axis=0)
            points += [p._replace(label=f"{term.name}: {p.label}")
                       for p in s.boundary(theta[part], block, term.effects)]
        return points

    def solution(self, theta: Array) -> Solution:
        """beta, (X'W^-1X)^-1, U = Gamma Z'Py and Var(U | y) = Gamma - Gamma Z'W^-1Z Gamma."""
        _, R_ls, beta_ls, _ = self.model.least_squares
        at = self._evaluate(theta, self.covariance.directions(theta))
        L = self.covariance.factor(theta)
        u = L @ (L.T @ (at.V @ at.r))
        R_inverse = np.linalg.inv(R_ls)
        rows = [rows.reshape(len(term.levels), len(term.effects)) for (_, _, rows), term in zip(
            self.covariance.placements(), self.model.terms, strict=True)]
        return Solution(beta_ls - R_inverse @ at.r[:-1], R_inverse @ at.inverse @ R_inverse.T,
                        [u[at_term] for at_term in rows],
                        [at.N[at_term[:, :, None], at_term[:, None, :]] for at_term in rows])
