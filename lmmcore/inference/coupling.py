"""How the random effects meet the fixed ones: Z'W^-1Z, Z'W^-1X and Z'Py, level by level.

This is what the derivatives of beta and of its covariance matrix in the covariance parameters are
made of. See the chapter "How sure are we?".
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lmmcore.covariance.structures import Array
from lmmcore.fast.blocks import product
from lmmcore.fast.choose import Coupled
from lmmcore.fast.groups import GroupedProfile


class Coupling(NamedTuple):
    """T = Z'W^-1Z (G, q, q), Y = Z'W^-1X (G, q, p) and t = Z'Py (G, q).

    One of each for every level where these are independent, else one for all.
    """

    T: Array
    Y: Array
    t: Array


def coupling(profile: Coupled, theta: Array) -> Coupling:
    """Of a group g, E_g'E_g, E_g'H_g and E_g'h_g; else Z'W^-1 = (I + Z'Z Gamma)^-1 Z' (B6)."""
    W, R = profile.at(theta), profile.model.least_squares.R
    if isinstance(profile, GroupedProfile):
        Y = product(W.E, np.einsum("ixg,xy->iyg", W.H[:, :-1], R))
        T, Y = (M.transpose(2, 0, 1) for M in (product(W.E, W.E), Y))
        return Coupling(T, Y, np.einsum("iag,ig->ga", W.E, W.h))
    left = np.eye(len(profile.A)) + profile.A @ W.gamma
    T = np.linalg.solve(left, profile.A)
    return Coupling(0.5 * (T + T.T)[None], np.linalg.solve(left, profile.QtZ.T @ R)[None],
                    W.t[None])
