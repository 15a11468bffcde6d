"""Relative covariance factors: theta -> Lambda, Var(U) = sigma2 Lambda(theta) Lambda(theta)'.

Three structures for the random effects of one level: scaled identity, diagonal, unstructured. Those
of effects that follow each other in time are in :mod:`lmmcore.covariance.serial`, and how the
structures of a model's terms are joined is in :mod:`lmmcore.covariance.joined`.

Every structure is known in two coordinates. In ``theta`` (for these three, the entries of Lambda)
the likelihood is smooth and has no bounds, singular covariances included. ``phi`` is what is
reported: here the free entries of Gamma = Lambda Lambda', the covariances in units of sigma2. The
slope in phi is what decides whether a maximum lies on the boundary, because the slope in theta is
0 at theta = 0 whatever the data. The likelihood needs Gamma and its first and second derivatives
in both coordinates, and nothing else. See the chapter "Block matrices" (B16).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class BoundaryPoint(NamedTuple):
    """A direction in which a covariance is at the edge of its range.

    ``slope`` is the derivative of the criterion (-2 log likelihood) in phi when variance is added
    along ``direction`` (q, q). A positive slope proves that the optimum is on the boundary.
    """

    label: str
    slope: float
    direction: Array


class Structure(ABC):
    """A map theta -> Gamma = Lambda Lambda' (q, q) for a vector of q random effects.

    Attributes
    ----------
    size : int
        q, the number of random effects it covers.
    n_theta : int
        Number of parameters.
    without_noise : str
        What to do if the likelihood rises as these effects take all the variation and sigma2 goes
        to 0; empty if that cannot be.
    """

    size: int
    n_theta: int
    without_noise: str = ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.size})"

    @abstractmethod
    def factor(self, theta: Array) -> Array:
        """Lambda(theta), shape (q, q): the relative covariance factor (B16)."""

    @abstractmethod
    def phi(self, theta: Array) -> Array:
        """The reported parameters in units of sigma2, (n_theta,): for a scalar, theta^2."""

    @property
    @abstractmethod
    def scaled(self) -> NDArray[np.bool_]:
        """Which entries of phi are covariances, to be multiplied by sigma2, (n_theta,)."""

    @abstractmethod
    def gamma_derivatives(self, theta: Array) -> Array:
        """dGamma/dtheta_j, shape (n_theta, q, q)."""

    @abstractmethod
    def directions(self, theta: Array) -> Array:
        """dGamma/dphi_j, shape (n_theta, q, q)."""

    @abstractmethod
    def bend(self, theta: Array, slope: Array, reported: bool = False) -> Array:
        """sum(slope * d2Gamma/dtheta_i dtheta_j), or in phi if ``reported``, (n_theta, n_theta).

        ``slope`` (q, q), symmetric, is the derivative of some function of Gamma.
        """

    def gamma(self, theta: Array) -> Array:
        """Gamma = Lambda Lambda', shape (q, q)."""
        factor = self.factor(theta)
        return factor @ factor.T

    def reported(self, theta: Array, effects: tuple[str, ...]) -> tuple[tuple[str, ...], Array]:
        """Names of random effects, and their covariance in units of sigma2, as a table has them."""
        return effects, self.gamma(theta)

    @abstractmethod
    def parameter_scale(self, z_scale: Array) -> Array:
        """A typical size of each theta_j, given the sizes of the q columns of Z, (n_theta,)."""

    @abstractmethod
    def phi_unit(self, z_scale: Array) -> Array:
        """A size of sqrt(1/2) |Z dGamma Z'| within one level, for the covariances in phi."""

    @abstractmethod
    def starts(self) -> list[Array]:
        """Where to start from, in units of ``parameter_scale``."""

    def null(self) -> Array:
        """The theta that means no random effects."""
        return np.zeros(self.n_theta)

    def edges(self, theta: Array) -> list[tuple[Array, str]]:
        """Far points of theta, each with what to do if the criterion is no higher there."""
        return []

    @abstractmethod
    def fix_signs(self, theta: Array) -> Array:
        """The same Gamma in standard form, (n_theta,)."""

    @abstractmethod
    def free(self, theta: Array) -> NDArray[np.bool_]:
        """Which parameters may move while the rank of Lambda stays, (n_theta,)."""

    def regular(self, theta: Array) -> NDArray[np.bool_]:
        """Which entries of phi lie inside their range, so that they have a standard error."""
        return self.free(theta)

    @abstractmethod
    def truncated(self, theta: Array, z_scale: Array, tolerance: float) -> Array:
        """theta with contributions below the tolerance set exactly to 0.

        The tolerance is a standard deviation, relative to sigma; ``z_scale`` (q,) has the sizes of
        the columns of Z, the unit in which a contribution is small.
        """

    @abstractmethod
    def labels(self, effects: tuple[str, ...]) -> list[str]:
        """Names of the entries of phi."""

    @abstractmethod
    def boundary(self, theta: Array, slope: Array, effects: tuple[str, ...]) -> list[BoundaryPoint]:
        """Directions in which Gamma is on the boundary, with the criterion's slope in each.

        ``slope`` (q, q) is d criterion / d Gamma, summed over the levels.
        """


class LinearStructure(Structure):
    """Lambda linear in theta, and Gamma linear in phi.

    Attributes
    ----------
    basis, phi_basis : (n_theta, q, q) arrays
        dLambda/dtheta_j and dGamma/dphi_j.
    """

    def __init__(self, size: int):
        if size < 1:
            raise ValueError("a covariance structure needs at least one random effect")
        self.size = size

    @abstractmethod
    def _bases(self) -> tuple[Array, Array]:
        """``basis`` and ``phi_basis``."""

    @cached_property
    def basis(self) -> Array:
        return self._bases()[0]

    @cached_property
    def phi_basis(self) -> Array:
        return self._bases()[1]

    @cached_property
    def n_theta(self) -> int:
        return len(self.basis)

    def factor(self, theta: Array) -> Array:
        return np.einsum("j,jab->ab", theta, self.basis)  # sum_j theta_j E_j

    def phi(self, theta: Array) -> Array:
        return self.phi_of(self.gamma(theta))

    @property
    def scaled(self) -> NDArray[np.bool_]:
        return np.ones(self.n_theta, bool)

    def gamma_derivatives(self, theta: Array) -> Array:
        half = self.basis @ self.factor(theta).T  # dGamma = dLambda Lambda' + Lambda dLambda'
        return half + half.transpose(0, 2, 1)

    def directions(self, theta: Array) -> Array:
        return self.phi_basis

    def bend(self, theta: Array, slope: Array, reported: bool = False) -> Array:
        if reported:
            return np.zeros((self.n_theta, self.n_theta))
        # d2Gamma = E_i E_j' + E_j E_i', and slope is symmetric
        return 2.0 * np.einsum("iab,jab->ij", slope @ self.basis, self.basis)

    def phi_of(self, gamma: Array) -> Array:
        """The free entries of Gamma (q, q), in the order of ``phi_basis``."""
        # the first non-zero entry of each direction is a 1 which no other direction touches
        return np.array([gamma.flat[np.flatnonzero(e)[0]] for e in self.phi_basis])

    def parameter_scale(self, z_scale: Array) -> Array:
        row = np.array([np.flatnonzero(e)[0] // self.size for e in self.basis])
        return 1.0 / z_scale[row]

    def phi_unit(self, z_scale: Array) -> Array:
        outer = np.outer(z_scale, z_scale)
        return np.sqrt(0.5) * np.array([np.linalg.norm(e * outer) for e in self.phi_basis])

    def starts(self) -> list[Array]:
        return [np.array([float(np.trace(e) > 0) for e in self.basis])]  # Lambda = I

    def fix_signs(self, theta: Array) -> Array:
        """The same Gamma with a non-negative diagonal of Lambda, (n_theta,)."""
        return np.abs(theta)

    def free(self, theta: Array) -> NDArray[np.bool_]:
        return theta != 0

    def truncated(self, theta: Array, z_scale: Array, tolerance: float) -> Array:
        return self.theta_of(self.gamma(theta), z_scale, tolerance)

    @abstractmethod
    def theta_of(self, gamma: Array, z_scale: Array, tolerance: float = 0.0) -> Array:
        """theta with Lambda Lambda' = Gamma, contributions below the tolerance set exactly to 0.

        For a Gamma (q, q) of another form it is the most likely theta where E(U U') = Gamma sigma2.
        """

    def inside(self, phi: Array, z_scale: Array, least: float) -> Array:
        """theta near Gamma(phi) where no combination of effects varies less than the least.

        Effects are in units of ``z_scale`` (q,), the variance relative to sigma2. Gamma(phi) need
        not be positive semi-definite.
        """
        unit = np.outer(z_scale, z_scale)
        values, vectors = np.linalg.eigh(np.tensordot(phi, self.phi_basis, 1) * unit)
        return self.theta_of((vectors * np.maximum(values, least)) @ vectors.T / unit, z_scale)

    def boundary(self, theta: Array, slope: Array, effects: tuple[str, ...]) -> list[BoundaryPoint]:
        return [
            BoundaryPoint(label, float(np.sum(slope * e)), e)
            for label, t, e in zip(self.labels(effects), theta, self.phi_basis, strict=True)
            if t == 0
        ]


class ScaledIdentity(LinearStructure):
    """Lambda = theta I: independent random effects of one variance, phi = theta^2 = tau2/sigma2."""

    def _bases(self) -> tuple[Array, Array]:
        return np.eye(self.size)[None], np.eye(self.size)[None]

    def parameter_scale(self, z_scale: Array) -> Array:
        return np.array([1.0 / np.sqrt(np.mean(z_scale**2))])

    def theta_of(self, gamma: Array, z_scale: Array, tolerance: float = 0.0) -> Array:
        theta = np.sqrt(np.array([np.trace(gamma) / self.size]))
        return np.where(theta / self.parameter_scale(z_scale) > tolerance, theta, 0.0)

    def labels(self, effects: tuple[str, ...]) -> list[str]:
        return [variance_label(effects[0] if self.size == 1 else "all")]


class Diagonal(LinearStructure):
    """Lambda = diag(theta): independent random effects, each with its own variance."""

    def _bases(self) -> tuple[Array, Array]:
        basis = np.zeros((self.size,) * 3)
        basis[(np.arange(self.size),) * 3] = 1.0
        return basis, basis

    def theta_of(self, gamma: Array, z_scale: Array, tolerance: float = 0.0) -> Array:
        theta = np.sqrt(np.diag(gamma))
        return np.where(theta * z_scale > tolerance, theta, 0.0)

    def labels(self, effects: tuple[str, ...]) -> list[str]:
        return [variance_label(e) for e in effects]


class Unstructured(LinearStructure):
    """Any covariance: Lambda lower triangular, theta its entries by columns (lme4's order)."""

    @cached_property
    def entries(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Column and row of each theta_j in Lambda, down its columns."""
        return np.triu_indices(self.size)

    def _bases(self) -> tuple[Array, Array]:
        column, row = self.entries
        basis = np.zeros((len(row), self.size, self.size))
        basis[np.arange(len(row)), row, column] = 1.0
        return basis, np.maximum(basis, basis.transpose(0, 2, 1))

    def fix_signs(self, theta: Array) -> Array:
        column, row = self.entries
        sign = np.where(theta[row == column] < 0, -1.0, 1.0)
        return theta * sign[column]  # flipping a column of Lambda leaves Lambda Lambda' alone

    def free(self, theta: Array) -> NDArray[np.bool_]:
        factor = np.einsum("j,jab->ab", theta, self.basis)
        return np.any(factor != 0, axis=0)[self.entries[0]]

    def regular(self, theta: Array) -> NDArray[np.bool_]:
        return np.full(self.n_theta, bool(np.all(self.free(theta))))

    def theta_of(self, gamma: Array, z_scale: Array, tolerance: float = 0.0) -> Array:
        # Cholesky of a positive semi-definite matrix; a pivot that vanishes gives no column, and
        # the columns move to the left, so that rank r always has r of them, free to move
        rest, factor, rank = gamma.copy(), np.zeros_like(gamma), 0
        for j in range(self.size):
            pivot = np.sqrt(max(rest[j, j], 0.0))
            if pivot * z_scale[j] > tolerance:
                factor[j:, rank] = rest[j:, j] / pivot
                rest = rest - np.outer(factor[:, rank], factor[:, rank])
                rank += 1
        return factor.T[self.entries]

    def labels(self, effects: tuple[str, ...]) -> list[str]:
        return [
            variance_label(effects[i]) if i == j
            else f"cov({effects[j].strip('()')}, {effects[i].strip('()')})"
            for j, i in zip(*self.entries, strict=True)
        ]

    def boundary(self, theta: Array, slope: Array, effects: tuple[str, ...]) -> list[BoundaryPoint]:
        if np.all(self.free(theta)):
            return []
        factor = np.einsum("j,jab->ab", theta, self.basis)
        u, d, _ = np.linalg.svd(factor)
        null = u[:, d <= 1e-12 * max(d[0], 1e-300)]  # where Gamma has no variance at all
        values, vectors = np.linalg.eigh(null.T @ slope @ null)
        points = []
        for value, v in zip(values, (null @ vectors).T, strict=True):
            one = np.abs(v) > 1e-8
            label = " ".join(f"{x:+.3g} {e}" for x, e in zip(v[one], np.array(effects)[one],
                                                             strict=True))
            label = effects[int(np.argmax(one))] if one.sum() == 1 else label
            points.append(BoundaryPoint(variance_label(label), float(value), np.outer(v, v)))
        return points


def variance_label(effect: str) -> str:
    """The name of an effect's variance: "var(Intercept)" for "(Intercept)"."""
    return f"var({effect.strip('()')})"


STRUCTURES = {"unstructured": Unstructured, "diagonal": Diagonal, "identity": ScaledIdentity}
