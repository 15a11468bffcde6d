"""Error contrasts: matrices A with n - p independent columns and A'X = 0.

The likelihood of A'y is the restricted likelihood, whatever A (B24, B25). The contrasts that are
written down for a design, and those that are computed for any.
See the chapter "Error contrasts".
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lmmcore.covariance.structures import Array


class OneWayContrasts(NamedTuple):
    """Orthonormal contrasts between groups (k m, k - 1) and within groups (k m, k(m - 1))."""

    between: Array
    within: Array


def deviations(n: int) -> Array:
    """Columns e_i - 1/n for i < n, for a common mean: deviations from it, but the last (B27).

    Parameters
    ----------
    n : int
        At least 2.

    Returns
    -------
    (n, n - 1) array

    Raises
    ------
    ValueError
        If n is smaller than 2: a single observation leaves no contrast.
    """
    _at_least_two(n)
    return (np.eye(n) - 1.0 / n)[:, :-1]


def differences(n: int) -> Array:
    """Columns e_i - e_n for i < n: differences from the last observation (B27), (n, n - 1).

    As :func:`deviations`.
    """
    _at_least_two(n)
    return np.vstack([np.eye(n - 1), np.full(n - 1, -1.0)])


def helmert(n: int) -> Array:
    """Orthonormal columns: each observation against the mean of those before it, (n, n - 1).

    As :func:`deviations`; these satisfy A'A = I as well.
    """
    _at_least_two(n)
    A = np.triu(np.ones((n, n - 1)))
    below = np.arange(1, n)
    A[below, below - 1] = -below
    return A / np.sqrt(below * (below + 1.0))


def pairs(k: int) -> Array:
    """The difference of each of k pairs, for a mean a pair (Neyman-Scott, B27), (2 k, k)."""
    if k < 1:
        raise ValueError(f"the number of pairs must be at least 1; it is {k}")
    return np.kron(np.eye(k), [[1.0], [-1.0]])


def one_way_contrasts(k: int, m: int) -> OneWayContrasts:
    """Orthonormal contrasts of k groups of m: of the group means, and within each group (B32).

    Parameters
    ----------
    k, m : int
        At least 2.
    """
    within = np.kron(np.eye(k), helmert(m))
    return OneWayContrasts(np.kron(helmert(k), np.full((m, 1), m**-0.5)), within)


def from_qr(X: ArrayLike) -> Array:
    """The last n - p columns of the orthogonal factor in X = QR: A'X = 0 and A'A = I (B25, B28).

    Parameters
    ----------
    X : (n, p) array of full column rank, n > p

    Returns
    -------
    (n, n - p) array

    Raises
    ------
    ValueError
        If X has no more rows than columns, or its columns are linearly dependent.
    """
    X = np.asarray(X, float)
    if X.ndim != 2 or X.shape[0] <= X.shape[1]:
        raise ValueError(f"X needs more rows than columns; its shape is {X.shape}")
    if not np.all(np.isfinite(X)) or np.linalg.matrix_rank(X) < X.shape[1]:
        raise ValueError("the columns of X must be finite and linearly independent: drop one")
    return np.linalg.qr(X, mode="complete")[0][:, X.shape[1]:]


def _at_least_two(n: int) -> None:
    if n < 2:
        raise ValueError(f"contrasts need at least two observations; there is {n}")
