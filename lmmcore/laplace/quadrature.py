"""The same integrals by adaptive Gauss-Hermite quadrature: what Laplace's approximation is held to.

If the random effects fall into blocks that do not meet, the likelihood is a product of integrals
over the blocks, of one or two dimensions each. With H_b = L L' the Hessian of a block at the mode
and z the nodes of Gauss-Hermite quadrature, with weights w,

    integral of exp(-f) ~ 2^(d/2) / |L| sum_i w_i exp(z_i'z_i) exp(-f(u-hat + 2^(1/2) L'^-1 z_i)),

which for one node, z = 0, is Laplace's approximation (Liu & Pierce, 1994, Biometrika 81, 624-629).
See the chapter "Laplace" (A22).
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lmmcore.covariance.structures import Array
from lmmcore.laplace.descent import Descent, descend
from lmmcore.laplace.factor import components
from lmmcore.laplace.mode import Mode
from lmmcore.laplace.model import Laplace

LARGEST = 2  # dimension of a block
MOST = 200  # points, beyond which the weights of the outer ones are no longer numbers
NEGLIGIBLE = 50.0  # a term e^50 times smaller than the rest has no part in a gradient


class Quadrature:
    """The negative log likelihood of a model by quadrature, with its gradient.

    Parameters
    ----------
    model : Laplace
    points : int, default 15
        In each dimension, 200 at most.

    Raises
    ------
    ValueError
        If the random effects do not fall into blocks of one or two, or ``points`` is not from 1
        to 200.
    """

    def __init__(self, model: Laplace, points: int = 15) -> None:
        if not 1 <= points <= MOST:
            raise ValueError(f"points must be from 1 to {MOST}, not {points}")
        s = model.sparsity
        labels = components(s.rows, s.columns, model.k)
        self.blocks = [np.flatnonzero(labels == b) for b in range(labels.max() + 1)]
        largest = max(len(block) for block in self.blocks)
        if largest > LARGEST:
            raise ValueError(
                f"quadrature is for blocks of {LARGEST} random effects at most, and here {largest} "
                "depend on each other (crossed or nested factors, a series, or coefficients that "
                "are integrated out): no grid will do for these"
            )
        self.model, self.points = model, points

    def objective(self, theta: ArrayLike) -> float:
        """The negative log likelihood at theta."""
        return self.value_and_gradient(self.model.mode(theta))[0]

    def gradient(self, theta: ArrayLike) -> Array:
        """Its gradient, by Fisher's identity: the mean of f_theta, given the data.

        Exact but for the error of the quadrature, since the nodes may be held.
        """
        return self.value_and_gradient(self.model.mode(theta))[1]

    def fit(self, start: Array, inverse: Array) -> Descent:
        """Maximise it, from the estimates and the covariance of a fit by Laplace."""
        def function(theta: Array, near: Any) -> tuple[float, tuple[Mode, Array]]:
            mode = self.model.mode(theta, near and near[0])
            value, gradient = self.value_and_gradient(mode)
            return value, (mode, gradient)

        return descend(function, lambda theta, known: known[1], start, inverse)

    def value_and_gradient(self, mode: Mode) -> tuple[float, Array]:
        """Both at ``mode.theta``; the terms of each block are relative to exp(-f) at the mode."""
        theta = mode.theta
        d, s, H = self.model.derivatives, self.model.sparsity, mode.factor.values
        slope, _ = d.gradient(theta, mode.u)
        value, gradient = mode.value, slope.copy()
        for block in self.blocks:
            inside = np.isin(s.rows, block)
            place = np.searchsorted(block, (s.rows[inside], s.columns[inside]))
            Hb = np.zeros((len(block), len(block)))
            Hb[*place] = H[inside]
            L = np.linalg.cholesky(Hb)
            z, log_w = _grid(self.points, len(block))
            nodes = np.tile(mode.u, (len(z), 1))
            nodes[:, block] += np.sqrt(2.0) * np.linalg.solve(L.T, z.T).T
            rises = np.array([d.value(theta, node) for node in nodes]) - mode.value
            terms = log_w + np.sum(z**2, axis=1) - rises
            total = np.logaddexp.reduce(terms)
            value += np.sum(np.log(np.diag(L))) - 0.5 * len(block) * np.log(2.0) - total
            for node, term in zip(nodes, terms, strict=True):
                if term > total - NEGLIGIBLE:
                    gradient += np.exp(term - total) * (d.gradient(theta, node)[0] - slope)
        return float(value), gradient


def _grid(points: int, dimension: int) -> tuple[Array, Array]:
    """Nodes (m, d) and log weights (m,) of the product rule, for the weight exp(-z'z)."""
    z, w = np.polynomial.hermite.hermgauss(points)
    nodes = np.array(list(itertools.product(z, repeat=dimension)))
    return nodes, np.sum(np.log(list(itertools.product(w, repeat=dimension))), axis=1)
