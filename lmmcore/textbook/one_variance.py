"""One variance component: V = sigma2 I + tau2 K for a fixed K, diagonalised.

With orthonormal error contrasts A and A'KA = U diag(lam) U', the n - p numbers z = U'A'y are
independent with variances sigma2 + tau2 lam. The restricted likelihood and its scores are then sums
over n - p terms, at any (sigma2, tau2), after one eigendecomposition (B24, B25).
See the chapter "The restricted likelihood and its score".
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lmmcore.covariance.structures import Array
from lmmcore.textbook import definition


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
