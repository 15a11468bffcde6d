"""One variance component: V = sigma2 I + tau2 K for a fixed K, diagonalised, and what it answers.

With orthonormal error contrasts A and A'KA = U diag(lam) U', the n - p numbers z = U'A'y are
independent with variances sigma2 + tau2 lam. The restricted likelihood and its scores are then sums
over n - p terms, at any (sigma2, tau2), after one eigendecomposition (B24, B25).

So equation (1) of the published question can be followed, and what was made of it. Subjects
i = 1..N have y_i (n_i,), X_i (n_i, p), Z_i (n_i, q); N0 = sum n_i. The question is which G is held
fixed while sigma2 is estimated: G itself, or G/sigma2. The equations differ (A2, A15, A16).
See the chapter "The restricted likelihood and its score".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import block_diag
from scipy.optimize import brentq

from lmmcore.covariance.structures import Array
from lmmcore.textbook import definition

Subjects = Sequence[Array]


class Scores(NamedTuple):
    """Slopes of the restricted log likelihood, and y'Py - (n - p), twice that along scaling."""

    sigma2: Array
    tau2: Array
    scaling: Array


class Spectrum(NamedTuple):
    """lam (n - p,) and the squares of z (n - p,)."""

    lam: Array
    square: Array

    def variances(self, sigma2: ArrayLike, tau2: ArrayLike) -> Array:
        """sigma2 + tau2 lam, with one more axis than the arguments."""
        sigma2, tau2 = np.broadcast_arrays(sigma2, tau2)
        return sigma2[..., None] + tau2[..., None] * self.lam

    def log_likelihood(self, sigma2: ArrayLike, tau2: ArrayLike) -> Array:
        """The log density of the n - p orthonormal contrasts (B24)."""
        v = self.variances(sigma2, tau2)
        return -0.5 * np.sum(np.log(2 * np.pi * v) + self.square / v, axis=-1)

    def scores(self, sigma2: ArrayLike, tau2: ArrayLike) -> Scores:
        """-1/2 [tr(P V_j) - y'P V_j P y] for V_j = I and K, and y'Py - (n - p) (A11, A15)."""
        v = self.variances(sigma2, tau2)
        excess = self.square / v**2 - 1 / v
        return Scores(0.5 * np.sum(excess, axis=-1), 0.5 * np.sum(self.lam * excess, axis=-1),
                      np.sum(v * excess, axis=-1))


def spectrum(y: ArrayLike, X: ArrayLike, K: ArrayLike) -> Spectrum:
    """Diagonalise the contrasts of y for V = sigma2 I + tau2 K.

    Parameters
    ----------
    y, X, K : (n,), (n, p), (n, n) arrays
        K symmetric, positive semidefinite.
    """
    y, X, K = (np.asarray(a, float) for a in (y, X, K))
    A = definition.error_contrasts(X)
    lam, U = np.linalg.eigh(A.T @ K @ A)
    return Spectrum(np.where(lam > 1e-12 * lam.max(), lam, 0.0), (U.T @ (A.T @ y)) ** 2)


def stack(y: Subjects, X: Subjects, Z: Subjects, G: Array) -> tuple[Array, Array, Array]:
    """y (N0,), X (N0, p), and Z G Z' = diag(Z_1 G Z_1', Z_2 G Z_2', ...) (N0, N0) (A1)."""
    return np.concatenate(y), np.vstack(X), block_diag(*[Z_i @ G @ Z_i.T for Z_i in Z])


def sigma2_relative(y: Subjects, X: Subjects, Z: Subjects, G_relative: Array) -> float:
    """sigma2 = sum_i r_i'(I + Z_i G~ Z_i')^-1 r_i / (N0 - p), equation (1) (A2, A16).

    G~ = G/sigma2, and r_i = y_i - X_i beta with beta the weighted least squares estimate, which
    does not depend on sigma2. This is the root of the restricted score in sigma2 for fixed G~.

    Parameters
    ----------
    y, X, Z : sequences of (n_i,), (n_i, p), (n_i, q) arrays
    G_relative : (q, q) array
    """
    y_all, X_all, ZGZ = stack(y, X, Z, G_relative)
    return _generalised_rss(y_all, X_all, np.eye(len(y_all)) + ZGZ) / _degrees(X_all)


def sigma2_published(y: Subjects, X: Subjects, Z: Subjects, G: Array) -> float:
    """The root of sigma2 = sum_i r_i'(I + Z_i G Z_i'/sigma2)^-1 r_i / (N0 - p) for fixed G (A15).

    As printed in the published answer. It is not the REML estimate for fixed G, which is
    :func:`sigma2_fixed_G`.

    Raises
    ------
    ValueError
        If the equation has no positive root.
    """
    y_all, X_all, ZGZ = stack(y, X, Z, G)
    # r'(I + ZGZ'/s)^-1 r = s r'V^-1 r, so the equation is r'V^-1 r = y'Py = N0 - p
    contrasts = spectrum(y_all, X_all, ZGZ)
    return _root(lambda s: contrasts.scores(s, 1.0).scaling, y_all)


def sigma2_fixed_G(y: Subjects, X: Subjects, Z: Subjects, G: Array) -> float:
    """The REML estimate of sigma2 for fixed G: tr P = y'PPy, the restricted score's root (A11).

    Raises
    ------
    ValueError
        If the score has no positive root.
    """
    y_all, X_all, ZGZ = stack(y, X, Z, G)
    contrasts = spectrum(y_all, X_all, ZGZ)
    return _root(lambda s: contrasts.scores(s, 1.0).sigma2, y_all)


def _generalised_rss(y: Array, X: Array, V: Array) -> float:
    r = y - X @ definition.gls(y, X, V).beta
    return float(r @ np.linalg.solve(V, r))


def _degrees(X: Array) -> int:
    return X.shape[0] - X.shape[1]


def _root(equation: Callable[[ArrayLike], Array], y: Array) -> float:
    """The largest root in sigma2, bracketed from above on a grid over twelve decades."""
    grid = np.geomspace(1e2, 1e-10, 600) * float(y @ y)
    signs = np.sign(equation(grid))
    change = np.flatnonzero(signs[:-1] * signs[1:] <= 0)
    if len(change) == 0:
        raise ValueError("no positive root: for this G the best sigma2 is at 0")
    return float(brentq(equation, grid[change[0] + 1], grid[change[0]], xtol=1e-15, rtol=1e-14))
