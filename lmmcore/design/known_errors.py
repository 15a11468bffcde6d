"""Errors of a known covariance: a model of the same kind after whitening.

With eps ~ N(0, sigma2 S), S known, and S = CC' its Cholesky factor, C^-1 eps ~ N(0, sigma2 I). So
C^-1 Y = C^-1 X beta + C^-1 Z U + C^-1 eps is a model as any other, with the same beta, sigma2,
theta and U (B2). Densities change by the determinant of C: log likelihoods of Y, restricted or not,
are those of C^-1 Y less 1/2 log|S|, which matters where models of different S are compared.
See the chapter "Block matrices".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from scipy.linalg import solve_triangular

from lmmcore.covariance.joined import Covariance
from lmmcore.model import LinearMixedModel, _design, _numeric, _vector


def whitened(
    y: ArrayLike,
    X: ArrayLike | Mapping[str, ArrayLike],
    Z: Any,
    covariance: Covariance,
    errors: ArrayLike,
) -> LinearMixedModel:
    """The model of C^-1 y, for y = X beta + Z U + eps with eps ~ N(0, sigma2 S), S = CC' known.

    Parameters
    ----------
    y : (n,) array
    X : (n, p) array, or mapping of names to columns
    Z : (n, k) array or sparse array
    covariance : Covariance
        The structure theta -> Lambda (k, k), Var U = sigma2 Lambda Lambda'.
    errors : (n, n) array, positive definite
        S, the covariance matrix of the errors in units of sigma2, which is estimated.

    Returns
    -------
    LinearMixedModel
        Its fitted values and residuals are those of C^-1 y, and so is its log likelihood: take
        1/2 log|S| from it for that of y.

    Raises
    ------
    ValueError
        If S is not a symmetric positive definite (n, n) matrix; and as for
        :class:`lmmcore.model.LinearMixedModel`.

    Notes
    -----
    Dense in n. See the chapter "Block matrices" (B2, B38).
    """
    response, S = _vector("y", y), _numeric("errors", errors)
    n = len(response)
    if S.shape != (n, n):
        raise ValueError(f"errors must be the ({n}, {n}) covariance matrix of the errors; it has "
                         f"shape {S.shape}")
    if not np.allclose(S, S.T, rtol=1e-10, atol=1e-10 * np.max(np.abs(S))):
        raise ValueError("errors must be symmetric, as a covariance matrix is")
    try:
        C = np.linalg.cholesky(S)
    except np.linalg.LinAlgError:
        raise ValueError("errors must be positive definite: some combination of the errors has no "
                         "variance; leave the observations out that follow from others") from None
    design, names = _design("X", X, n)
    effects = _numeric("Z", Z.toarray() if sparse.issparse(Z) else Z)
    if effects.ndim != 2 or len(effects) != n:
        raise ValueError(f"Z must be a matrix of {n} rows; it has shape {effects.shape}")

    def white(A: np.ndarray) -> np.ndarray:
        return solve_triangular(C, A, lower=True)

    return LinearMixedModel(white(response), dict(zip(names, white(design).T, strict=True)),
                            white(effects), covariance)
