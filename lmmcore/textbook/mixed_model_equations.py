"""Henderson's mixed model equations: coefficients and random effects from one linear system.

    C = [ X'S^-1X        X'S^-1Z        ]     C [beta; U] = [X'S^-1y; Z'S^-1y],   S = Sigma
        [ Z'S^-1X   Z'S^-1Z + Psi^-1    ]

beta is generalised least squares (B12, B26) and U the best linear unbiased prediction. Written in
V = Sigma + Z Psi Z' they need an inverse of size n; here only Sigma and Psi are inverted (B7).
Where Psi is singular, the same numbers come from penalised least squares in Psi = sigma2 Lambda
Lambda' (B17). Dense on purpose: the estimators do this by structure.

See the chapter "Mixed model equations".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lmmcore.covariance.structures import Array
from lmmcore.model import LinearMixedModel


@dataclass(frozen=True)
class Henderson:
    """The solution of the mixed model equations.

    Attributes
    ----------
    beta : (p,) array
    random_effects : (k,) array
        Best linear unbiased predictions of U.
    var_beta : (p, p) array
        (X'V^-1X)^-1.
    prediction_variance : (k, k) array
        Var(prediction - U) = Psi - Psi Z'PZ Psi, with the error of beta in it.
    log_det : float
        log|C| = log|X'V^-1X| + log|Z'Sigma^-1Z + Psi^-1|.
    """

    beta: Array
    random_effects: Array
    var_beta: Array
    prediction_variance: Array
    log_det: float


@dataclass(frozen=True)
class Penalised:
    """The solution of the penalised least squares problem.

    Attributes
    ----------
    beta : (p,) array
    random_effects : (k,) array
        U = Lambda v.
    rss : float
        min |y - X b - Z Lambda v|^2 + |v|^2 = y'P_W y.
    log_det : float
        log|W| + log|X'W^-1X|.
    """

    beta: Array
    random_effects: Array
    rss: float
    log_det: float


def henderson(y: Array, X: Array, Z: Array, Sigma: Array, Psi: Array) -> Henderson:
    """Solve the mixed model equations for given covariance matrices.

    Parameters
    ----------
    y, X, Z : (n,), (n, p), (n, k) arrays
    Sigma : (n, n) array
        Covariance of the errors.
    Psi : (k, k) array
        Covariance of the random effects.

    Raises
    ------
    ValueError
        If Psi has no inverse: :func:`penalised` needs none.
    """
    p = X.shape[1]
    if np.linalg.matrix_rank(Psi, hermitian=True) < len(Psi):
        raise ValueError("Psi is singular (a variance is 0): use penalised, which needs no inverse")
    D = np.column_stack([X, Z])
    SD = np.linalg.solve(Sigma, D)
    C = D.T @ SD
    C[p:, p:] += np.linalg.inv(Psi)
    inverse = np.linalg.inv(C)
    solution = np.linalg.solve(C, SD.T @ y)
    return Henderson(solution[:p], solution[p:], inverse[:p, :p], inverse[p:, p:],
                     float(np.linalg.slogdet(C)[1]))


def penalised(model: LinearMixedModel, theta: Array) -> Penalised:
    """Penalised least squares: |y - X b - Z Lambda v|^2 + |v|^2 at its minimum, by one QR.

    Parameters
    ----------
    model : LinearMixedModel
    theta : (n_theta,) array
        May be 0, or give a singular Lambda.
    """
    L, (n, p), k = model.covariance.factor(np.asarray(theta, float)), model.X.shape, model.k
    stacked = np.zeros((n + k, p + k))
    stacked[:n, :p], stacked[:n, p:], stacked[n:, p:] = model.X, model.Z @ L, np.eye(k)
    response = np.append(model.y, np.zeros(k))
    Q, R = np.linalg.qr(stacked)
    solution = np.linalg.solve(R, Q.T @ response)
    residuals = response - stacked @ solution
    return Penalised(solution[:p], L @ solution[p:], float(residuals @ residuals),
                     2.0 * float(np.sum(np.log(np.abs(np.diag(R))))))
