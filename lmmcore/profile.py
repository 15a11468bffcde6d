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

from functools import cached_property

import numpy as np
from scipy.linalg import qr, solve_triangular

from lmmcore.covariance.structures import Array
from lmmcore.criterion import ByGamma, GammaCriterion
from lmmcore.model import refuse_correlated_errors

ROWS = 3e8  # n k^2, the products of a QR of Z, up to which the rows are used and not Z'Z
DEPENDENT = 1e-12  # a column of which less than this is left depends on those before it


class Profile(GammaCriterion):
    """:class:`lmmcore.criterion.Criterion` for any model, by matrices as large as Gamma.

    Notes
    -----
    See the chapters "Block matrices" and "A first fit" (B17, B18, B19, B30, B31).
    """

    def _prepare(self) -> None:
        model, Z = self.model, self.model.Z
        refuse_correlated_errors(model)
        Q, _, _, e = model.least_squares
        self.covariance = model.covariance
        self.QtZ = (Z.T @ Q).T
        self.A = (Z.T @ Z).toarray()
        by_rows, size = model.n * model.k**2 <= ROWS, np.diag(self.A)
        if by_rows:
            MZ = Z - Q @ self.QtZ  # QQ' = X(X'X)^-1X'
            basis, self.root = _triangular(MZ - Q @ (Q.T @ MZ), np.sqrt(size))
            self.f = basis.T @ e
            inside = basis @ self.f
        else:
            self.root, dual = _root_and_dual(self.A - self.QtZ.T @ self.QtZ)  # Abar = Z'(I - QQ')Z
            self.f = dual @ (Z.T @ e)
            inside = Z @ (dual.T @ self.f)
        outside = e - (inside - Q @ (Q.T @ inside))
        self.outside = float(outside @ outside)
        if self.method == "REML":
            self.root_W = self.root
        else:
            self.root_W = _triangular(Z.toarray(), np.sqrt(size))[1] if by_rows \
                else _root_and_dual(self.A)[0]
        self.z_scale = self.covariance.z_scale(size)

    def _W(self, theta: Array) -> DenseW:
        return DenseW(self, self.covariance.factor(theta))


class DenseW(ByGamma):
    """W through (I + R Gamma R')^-1, without X (B28): what is called W is A'WA for REML."""

    Sxx = np.empty((0, 0))

    def __init__(self, profile: Profile, L: Array):
        self.profile, self.L, self.gamma = profile, L, L @ L.T
        self.E, h, self.log_det = _reduced(profile.root, profile.f, L)
        self.rss = profile.outside + float(h @ h)  # y'Py
        self.t = self.E.T @ h  # Z'Py
        self.E_W = self.E
        if profile.method == "ML":
            self.E_W, _, self.log_det = _reduced(  # log|W| (B18)
                profile.root_W, np.zeros(len(profile.root_W)), L)

    @cached_property
    def T(self) -> Array:
        return self.E_W.T @ self.E_W  # Z'PZ, for ML Z'W^-1Z

    @cached_property
    def YY(self) -> Array:
        return np.multiply.outer(self.t[:, None], self.t[:, None])

    def ddlog_det(self, D: Array) -> Array:
        TD = self.T @ D
        return -np.einsum("iab,jba->ij", TD, TD)

    def ddSxx(self, D: Array) -> Array:
        return np.zeros((len(D), len(D)))

    def ddrss(self, D: Array) -> Array:
        EDt = D @ self.t @ self.E.T
        return 2.0 * EDt @ EDt.T

    @property
    def beta(self) -> Array:
        return -self.profile.QtZ @ (self.gamma @ self.t)  # least squares on y - ZU

    def vcov(self) -> Array:
        """I + Q'Z K Z'Q, from the Schur complement of Z'Z + Gamma^-1."""
        QtZ, E_gamma = self.profile.QtZ, self.E @ self.gamma
        return np.eye(len(QtZ)) + QtZ @ (self.gamma - E_gamma.T @ E_gamma) @ QtZ.T

    def effects(self) -> tuple[list[Array], list[Array]]:
        """U = Gamma Z'Py, and Var(U | y) = Lambda (I + Lambda'A Lambda)^-1 Lambda'."""
        L, A, model = self.L, self.profile.A, self.profile.model
        u = self.gamma @ self.t
        given = L @ np.linalg.solve(np.eye(len(L)) + L.T @ A @ L, L.T)
        at = model.effects_at
        return [u[rows] for rows in at], [given[rows[:, :, None], rows[:, None, :]] for rows in at]


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


def _root_and_dual(A: Array) -> tuple[Array, Array]:
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
