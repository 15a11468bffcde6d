"""Equation (1) of the published question, what was made of it in the answer, and REML.

Subjects i = 1..N have y_i (n_i,), X_i (n_i, p), Z_i (n_i, q); N0 = sum n_i. The question is which G
is held fixed while sigma2 is estimated: G itself, or G/sigma2. The equations differ (A2, A15, A16).
See the chapter "The restricted likelihood and its score".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import block_diag
from scipy.optimize import brentq

from lmmcore.covariance.structures import Array
from lmmcore.textbook import definition
from lmmcore.textbook.one_variance import spectrum

Subjects = Sequence[Array]


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
