"""The profile criteria -2 l(theta) of ML and REML, through k x k matrices (B17 to B19, B30, B31).

With Lambda = Lambda(theta), A = Z'Z, and everything freed of X by M = I - X(X'X)^-1X' (which is
AA' for orthonormal error contrasts A, B28): e = M y, Abar = Z'MZ, c = Z'e,

    rss(theta) = e'e - c'Lambda (I + Lambda'Abar Lambda)^-1 Lambda'c        = y'Py for V = W  (B30)
    ML:    n log(2 pi rss/n) + n + log|I + Lambda'A Lambda|                                    (B19)
    REML:  (n-p) log(2 pi rss/(n-p)) + (n-p) + log|I + Lambda'Abar Lambda| + log|X'X|          (B31)

No inverse of Lambda, phi or Z'Z is taken, so nothing breaks at phi = 0 or at a singular Lambda.
Nor is anything subtracted, so no digits are lost at a large phi. With R'R = Abar, of as many rows
as Abar has rank, c = R'f for the coordinates f of e in the column space of MZ, and

    rss(theta) = |e - MZ (MZ)^+ e|^2 + f'(I + R Gamma R')^-1 f,     Gamma = Lambda Lambda'     (B30)
    log|I + Lambda'Abar Lambda| = log|I + R Gamma R'|                                          (B21)

because W is the identity outside the column space of Z; likewise Z'PZ = R'(I + R Gamma R')^-1 R
and Z'Py = R'(I + R Gamma R')^-1 f, and for ML with A in the place of Abar.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import qr, solve_triangular

from lmmcore.covariance.structures import Array, BoundaryPoint, Covariance
from lmmcore.model import LinearMixedModel, refuse_correlated_errors

METHODS = ("REML", "ML")
ROWS = 3e8  # n k^2, the products of a QR of Z, up to which the rows are used and not Z'Z
DEPENDENT = 1e-12  # a column of which less than this is left depends on those before it


@dataclass(frozen=True)
class Pieces:
    """log-determinant and residual sum of squares at theta, and their derivatives in Gamma.

    Attributes
    ----------
    log_det, rss : float
    dlog_det, drss : (q, q) arrays
        d log_det = sum(dlog_det * dGamma) for a change dGamma of Gamma = Lambda Lambda'.
    second : callable
        Directions (r, q, q) -> the second derivatives (r, r) of log_det and of rss.
    """

    log_det: float
    rss: float
    dlog_det: Array
    drss: Array
    second: Callable[[Array], tuple[Array, Array]]


@dataclass(frozen=True)
class Solution:
    """What follows from theta: beta, its covariance over sigma2, and the random effects.

    Attributes
    ----------
    beta : (p,) array
    vcov : (p, p) array
        (X'W^-1X)^-1.
    random_effects : list of (G, q) arrays
        E(U | y), term by term.
    conditional : list of (G, q, q) arrays
        Var(U | y) / sigma2 at known beta, level by level.
    """

    beta: Array
    vcov: Array
    random_effects: list[Array]
    conditional: list[Array]


class Profile:
    """The criterion -2 l(theta) with beta and sigma2 profiled out, and its exact derivatives.

    Parameters
    ----------
    model : LinearMixedModel
    method : {"REML", "ML"}

    Attributes
    ----------
    covariance : Covariance
        The structure whose Gamma (q, q) the pieces refer to.
    m : int
        n - p for REML, n for ML: sigma2 = rss / m.
    z_scale : list of arrays
        Size of each column of Z, for each elementary structure.
    negligible : float
        Gradient per observation at which to stop before rounding does.
    cheapest : {"observed", "expected", "average"}
        The kind of second derivative that is best value for its cost in the step of a fit.

    Raises
    ------
    ValueError
        If the method is neither.

    Notes
    -----
    See the chapters "Block matrices" and "A first fit" (B17, B18, B19, B30, B31).
    """

    covariance: Covariance
    negligible: float = 0.0
    cheapest: str = "observed"
    _latest: tuple[tuple[Array, Pieces], ...] = ()

    def __init__(self, model: LinearMixedModel, method: str = "REML"):
        if method not in METHODS:
            raise ValueError(f'method must be "REML" or "ML", not {method!r}')
        self.model, self.method = model, method
        self.m = model.n - model.p if method == "REML" else model.n
        self.log_det_XtX = 2.0 * np.sum(np.log(np.abs(np.diag(model.least_squares.R))))
        self._prepare()

    def _prepare(self) -> None:
        model, Z = self.model, self.model.Z
        refuse_correlated_errors(model)
        Q, _, _, e = model.least_squares
        self.covariance = model.covariance
        self.QtZ = (Z.T @ Q).T
        self.A = (Z.T @ Z).toarray()
        if model.n * model.k**2 <= ROWS:
            MZ = Z - Q @ self.QtZ  # QQ' = X(X'X)^-1X'
            basis, self.root = _triangular(MZ - Q @ (Q.T @ MZ), np.sqrt(np.diag(self.A)))
            self.f = basis.T @ e
            inside = basis @ self.f
        else:
            self.root, dual = _root(self.A - self.QtZ.T @ self.QtZ)  # Abar = Z'(I - QQ')Z
            self.f = dual @ (Z.T @ e)
            inside = Z @ (dual.T @ self.f)
        outside = e - (inside - Q @ (Q.T @ inside))
        self.outside = float(outside @ outside)
        if self.method == "REML":
            self.root_W = self.root
        elif model.n * model.k**2 <= ROWS:
            self.root_W = _triangular(Z.toarray(), np.sqrt(np.diag(self.A)))[1]
        else:
            self.root_W = _root(self.A)[0]
        size = np.diag(self.A)
        self.z_scale = [np.sqrt(size[rows].mean(axis=0))
                        for _, _, rows in self.covariance.placements()]

    def pieces(self, theta: Array) -> Pieces:
        """log|.| and rss at theta (B30, B31), with derivatives in Gamma; the latest are kept."""
        pieces = self._kept(theta)
        if pieces is None:
            pieces = self._pieces(theta)
            # of the last two, since a step that fails leads back to where it started
            self._latest = (theta.copy(), pieces), *self._latest[:1]
        return pieces

    def _kept(self, theta: Array) -> Pieces | None:
        return next((kept for at, kept in self._latest if np.array_equal(at, theta)), None)

    def _pieces(self, theta: Array) -> Pieces:
        """The pieces anew, by the score's formulas."""
        L = self.covariance.factor(theta)
        E, h, log_det = _reduced(self.root, self.f, L)
        rss = self.outside + float(h @ h)  # y'Py
        t, T_bar = E.T @ h, E.T @ E  # Z'Py and Z'PZ
        if self.method == "REML":
            T, log_det = T_bar, log_det + self.log_det_XtX
        else:
            E, _, log_det = _reduced(self.root_W, np.zeros(len(self.root_W)), L)  # log|W| (B18)
            T = E.T @ E  # Z'W^-1Z

        def second(directions: Array) -> tuple[Array, Array]:
            TD, Dt = T @ directions, directions @ t
            return -np.einsum("iab,jba->ij", TD, TD), 2.0 * Dt @ T_bar @ Dt.T

        return Pieces(log_det, rss, T, -np.outer(t, t), second)

    def criterion(self, theta: Array) -> float:
        """-2 l(theta) with full constants: m log(2 pi rss/m) + m + log-determinant (B19, B31).

        Parameters
        ----------
        theta : (n_theta,) array
        """
        return self._criterion(*self._rss_log_det(self._checked(theta)))

    def log_likelihood(self, theta: Array) -> float:
        """l(theta) = -criterion / 2."""
        return -0.5 * self.criterion(theta)

    def sigma2(self, theta: Array) -> float:
        """sigma2(theta) = rss / m, in squared units of y (B16, B30)."""
        return self._rss_log_det(self._checked(theta))[0] / self.m

    def _checked(self, theta: Array) -> Array:
        """theta as finite numbers of the right length, (n_theta,)."""
        theta, needed = np.asarray(theta, float), self.covariance.n_theta
        if theta.shape != (needed,) or not np.all(np.isfinite(theta)):
            raise ValueError(f"theta must be {needed} finite numbers; it is {theta}")
        return theta

    def _rss_log_det(self, theta: Array) -> tuple[float, float]:
        """rss and log|.|; a form that has them for less than their derivatives says how."""
        pieces = self.pieces(theta)
        return pieces.rss, pieces.log_det

    def derivatives(self, theta: Array, kind: str = "observed") -> tuple[float, Array, Array]:
        """The criterion, its gradient (n_theta,) and its Hessian (n_theta, n_theta) in theta.

        In Gamma, d = d log_det + (m/rss) d rss, that is tr(P dW) - y'P dW P y / sigma2.

        Parameters
        ----------
        theta : (n_theta,) array
        kind : {"observed", "expected", "average"}
            What stands for the second derivatives in Gamma: themselves, the expected ones, or the
            mean of both. Only "observed" is the Hessian.

        Notes
        -----
        See the chapter "Maximisation" (B36).
        """
        theta = self._checked(theta)
        pieces = self.pieces(theta)
        directions = self.covariance.gamma_derivatives(theta)
        slope = self.slope(pieces)
        gradient = np.einsum("iab,ab->i", directions, slope)
        hessian = self._curvature(pieces, directions, kind) + self.covariance.bend(theta, slope)
        return self._criterion(pieces.rss, pieces.log_det), gradient, hessian

    def _curvature(self, pieces: Pieces, directions: Array, kind: str) -> Array:
        """Second derivatives of the criterion in Gamma: twice the information less sigma2's part.

        In the expected information log_det' sigma2 stands for -rss' and -2 log_det'' sigma2 for
        rss''; in the average -rss''/(2 sigma2) for log_det'', so that no trace is left (B36).
        """
        s = pieces.rss / self.m
        if kind == "expected":
            dlog_det = np.einsum("iab,ab->i", directions, pieces.dlog_det)
            return -pieces.second(directions)[0] - np.outer(dlog_det, dlog_det) / self.m
        drss = np.einsum("iab,ab->i", directions, pieces.drss)
        mixed = np.outer(drss, drss) / (self.m * s**2)
        if kind == "average":
            return 0.5 * self._second_rss(pieces, directions) / s - mixed
        ddet, ddrss = pieces.second(directions)
        return ddet + ddrss / s - mixed

    def _second_rss(self, pieces: Pieces, directions: Array) -> Array:
        return pieces.second(directions)[1]

    def screened(self, starts: list[Array]) -> list[Array]:
        """The starting values from which a search is worth while: here, all."""
        return starts

    def gradient(self, theta: Array) -> Array:
        """d criterion / d theta, shape (n_theta,)."""
        return self.derivatives(theta)[1]

    def hessian(self, theta: Array) -> Array:
        """d2 criterion / d theta2, shape (n_theta, n_theta)."""
        return self.derivatives(theta)[2]

    def slope(self, pieces: Pieces) -> Array:
        """d criterion / d Gamma, shape (q, q): Z'PZ - Z'Py y'PZ / sigma2 for REML."""
        return pieces.dlog_det + pieces.drss * (self.m / pieces.rss)

    def boundary(self, theta: Array) -> list[BoundaryPoint]:
        """Where Gamma(theta) is on the edge of its range, with the slope of the criterion in phi.

        All slopes non-negative and the gradient 0 elsewhere is what an optimum on the boundary is.
        """
        slope = self.slope(self.pieces(theta))
        points: list[BoundaryPoint] = []
        for (s, part, rows), term in zip(self.covariance.placements(), self.model.terms,
                                         strict=True):
            block = slope[rows[:, :, None], rows[:, None, :]].sum(axis=0)
            points += [p._replace(label=f"{term.name}: {p.label}")
                       for p in s.boundary(theta[part], block, term.effects)]
        return points

    def information(self, theta: Array, kind: str = "observed") -> Array:
        """Information on (sigma2, phi) of l(sigma2, phi), at sigma2 = rss/m, (1 + r, 1 + r).

        Parameters
        ----------
        theta : (n_theta,) array
        kind : {"observed", "expected"}

        Notes
        -----
        Half the second derivatives of m log sigma2 + log_det + rss/sigma2; the expected one has
        E rss'' = -2 log_det'' sigma2 and -E rss' = log_det' sigma2 (B36), so that the bend of
        Gamma in phi, where it has one, is in the observed information only.
        """
        pieces, directions = self.pieces(theta), self.covariance.directions(theta)
        s = pieces.rss / self.m
        ddet, ddrss = pieces.second(directions)
        if kind == "observed":
            mixed = -np.einsum("iab,ab->i", directions, pieces.drss) / s**2
            block = ddet + ddrss / s
            block += self.covariance.bend(theta, self.slope(pieces), reported=True)
        else:
            mixed = np.einsum("iab,ab->i", directions, pieces.dlog_det) / s
            block = -ddet
        return 0.5 * np.block([[np.array([[self.m / s**2]]), mixed[None, :]],
                               [mixed[:, None], block]])

    def solution(self, theta: Array) -> Solution:
        """beta, (X'W^-1X)^-1 and the random effects at theta, by Henderson's equations.

        U = Gamma Z'Py, and beta is least squares on y - ZU.
        """
        _, R, beta_ls, _ = self.model.least_squares
        L = self.covariance.factor(theta)
        gamma = L @ L.T
        E, h, _ = _reduced(self.root, self.f, L)
        u = gamma @ (E.T @ h)
        beta = beta_ls - np.linalg.solve(R, self.QtZ @ u)
        # (X'W^-1X)^-1 = R^-1 (I + Q'Z K Z'Q) R^-T, from the Schur complement of Z'Z + Gamma^-1
        E_gamma = E @ gamma
        K = gamma - E_gamma.T @ E_gamma
        half = np.linalg.solve(R, np.eye(len(R)) + self.QtZ @ K @ self.QtZ.T)
        vcov = np.linalg.solve(R, half.T)
        given = L @ np.linalg.solve(np.eye(len(L)) + L.T @ self.A @ L, L.T)
        at = [rows.reshape(len(term.levels), -1) for (_, _, rows), term in zip(
            self.covariance.placements(), self.model.terms, strict=True)]
        return Solution(beta, 0.5 * (vcov + vcov.T), [u[rows] for rows in at],
                        [given[rows[:, :, None], rows[:, None, :]] for rows in at])

    def _criterion(self, rss: float, log_det: float) -> float:
        return float(self.m * (np.log(2.0 * np.pi * rss / self.m) + 1.0) + log_det)


def _triangular(Z: Array, length: Array) -> tuple[Array, Array]:
    """Orthonormal columns (n, r) that span those of Z (n, k), and R (r, k) with R'R = Z'Z.

    By Householder with pivots, which keeps the digits that forming Z'Z would lose of nearly
    dependent columns. ``length`` (k,) is the size of a column in which rounding is seen.
    """
    length = np.where(length > 0, length, 1.0)
    basis, R, pivots = qr(Z / length, mode="economic", pivoting=True, check_finite=False)
    rank = int(np.sum(np.abs(np.diag(R)) > DEPENDENT))
    root = np.empty((rank, Z.shape[1]))
    root[:, pivots] = R[:rank]
    return basis[:, :rank], root * length


def _root(A: Array) -> tuple[Array, Array]:
    """R (r, k) with R'R = A for A (k, k) of rank r, and its dual R^+' (r, k)."""
    length = np.sqrt(np.diag(A))
    length = np.where(length > 0, length, 1.0)
    values, vectors = np.linalg.eigh(A / np.outer(length, length))
    kept = values > 1e-13 * len(A)
    root = np.sqrt(values[kept])[:, None]
    return root * vectors[:, kept].T * length, vectors[:, kept].T / (root * length)


def _reduced(R: Array, f: Array, L: Array) -> tuple[Array, Array, float]:
    """C^-1 R, C^-1 f and log|CC'| for the Cholesky factor C of I + R Gamma R', Gamma = LL'."""
    B = R @ L
    C = np.linalg.cholesky(np.eye(len(R)) + B @ B.T)
    reduced = solve_triangular(C, np.column_stack([R, f]), lower=True)
    return reduced[:, :-1], reduced[:, -1], 2.0 * float(np.sum(np.log(np.diag(C))))
