"""Least squares with weights: by whitening, and with weights that are not the right ones.

See the chapter "Generalised least squares" (B12, B14, B15).
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from lmmcore.covariance.structures import Array
from lmmcore.textbook.definition import WeightedLeastSquares


def whitened_data(y: Array, X: Array, V: Array) -> tuple[Array, Array]:
    """L^-1 y and L^-1 X for the Cholesky factor L of V = LL': data with covariance I (B15).

    Parameters
    ----------
    y, X, V : (n,), (n, p), (n, n) arrays
        V positive definite, in squared units of y.

    Raises
    ------
    ValueError
        If V is not positive definite.
    """
    try:
        L = cholesky(V, lower=True)
    except np.linalg.LinAlgError as error:
        raise ValueError("V is not positive definite: check the covariance parameters") from error
    both = solve_triangular(L, np.column_stack([y, X]), lower=True)
    return both[:, 0], both[:, 1:]


def by_whitening(y: Array, X: Array, V: Array) -> WeightedLeastSquares:
    """:func:`lmmcore.textbook.definition.gls` as least squares of whitened data, by QR (B15).

    Parameters
    ----------
    y, X, V : (n,), (n, p), (n, n) arrays

    Returns
    -------
    WeightedLeastSquares
        beta (p,), and its covariance (X'V^-1X)^-1 = (R'R)^-1 (p, p).
    """
    white_y, white_X = whitened_data(y, X, V)
    Q, R = np.linalg.qr(white_X)
    R_inverse = solve_triangular(R, np.eye(len(R)))
    return WeightedLeastSquares(R_inverse @ (Q.T @ white_y), R_inverse @ R_inverse.T)


def working(y: Array, X: Array, S: Array, V: Array) -> WeightedLeastSquares:
    """Least squares weighted by S^-1 when the covariance of y is V (B12).

    beta = J^-1 X'S^-1 y with J = X'S^-1X is unbiased for every S; its covariance is the sandwich
    J^-1 X'S^-1 V S^-1 X J^-1, which is (X'V^-1X)^-1 when S = V and never smaller.

    Parameters
    ----------
    y, X : (n,), (n, p) arrays
    S, V : (n, n) arrays, positive definite
        The covariance that the weights assume, and the one that the data have.
    """
    SiX = np.linalg.solve(S, X)
    C = np.linalg.solve(X.T @ SiX, SiX.T)
    return WeightedLeastSquares(C @ y, C @ V @ C.T)
