"""How the random effects meet the fixed ones: Z'W^-1Z, Z'W^-1X and Z'Py, level by level.

With Gamma = Lambda Lambda' and A = Z'Z the push-through identity (B6) gives

    Z'W^-1 = (I + A Gamma)^-1 Z',

with matrices of the size of one level when there is one grouping factor, else of size k. These are
what the derivatives of beta and of its covariance matrix in the covariance parameters are made of.
See the chapter "How sure are we?".
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lmmcore.covariance.structures import Array
from lmmcore.fast.groups import GroupedProfile, has_groups
from lmmcore.model import LinearMixedModel
from lmmcore.profile import Profile


class Products(NamedTuple):
    """T = Z'W^-1Z (G, q, q) and Y = Z'W^-1X (G, q, p), one of each for every level."""

    T: Array
    Y: Array


class Coupling:
    """The cross-products Z'Z and Z'X of a model, and what W^-1 makes of them.

    Parameters
    ----------
    model : LinearMixedModel
        With one grouping factor there are G products of size q, one for each level; otherwise one
        of size k.

    Attributes
    ----------
    ZtZ : (G, q, q) array
    ZtX : (G, q, p) array
    """

    def __init__(self, model: LinearMixedModel):
        self.model = model
        self.grouped = has_groups(model)
        if self.grouped:
            (term,) = model.terms
            self.covariance = model.covariance.placements()[0].structure
            order = np.argsort(term.codes, kind="stable")
            self._order = order
            self._starts = np.searchsorted(term.codes[order], np.arange(len(term.levels)))
            self._Z = term.columns[order]
            self.ZtZ = np.add.reduceat(self._Z[:, :, None] * self._Z[:, None, :], self._starts)
        else:
            self.covariance = model.covariance
            self.ZtZ = (model.Z.T @ model.Z).toarray()[None]
        self.ZtX = self._random(model.X)

    def _random(self, D: Array) -> Array:
        """Z'D for D (n, r), shape (G, q, r)."""
        if not self.grouped:
            return (self.model.Z.T @ D)[None]
        D = D[self._order]
        return np.add.reduceat(self._Z[:, :, None] * D[:, None, :], self._starts)

    def _left(self, theta: Array) -> Array:
        """I + Z'Z Gamma, (G, q, q)."""
        L = self.covariance.factor(np.asarray(theta, float))
        return np.eye(len(L)) + self.ZtZ @ (L @ L.T)

    def products(self, theta: Array) -> Products:
        """Z'W^-1Z and Z'W^-1X at theta."""
        left = self._left(theta)
        T = np.linalg.solve(left, self.ZtZ)
        return Products(0.5 * (T + T.transpose(0, 2, 1)), np.linalg.solve(left, self.ZtX))

    def residual(self, theta: Array, beta: Array) -> Array:
        """Z'W^-1(y - X beta), which is Z'Py at beta = beta(theta), shape (G, q)."""
        r = self.model.y - self.model.X @ beta
        return np.linalg.solve(self._left(theta), self._random(r[:, None]))[:, :, 0]


def criterion_of(model: LinearMixedModel, method: str) -> Profile:
    """The exact criterion with all its derivatives: by groups where there is one factor."""
    return GroupedProfile(model, method) if has_groups(model) else Profile(model, method)
