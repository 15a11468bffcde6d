"""The covariance of a model: structures side by side, one for each term, and that of the errors.

The same structure for every level of a factor is ``repeated``, and terms side by side are
``independent``: Lambda is block diagonal, and theta is the structures' own, one after the other. If
the errors are correlated, their parameter is the last. See the chapter "Block matrices" (B16).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lmmcore.covariance.errors import ErrorSeries
from lmmcore.covariance.structures import Array, Structure


class Placement(NamedTuple):
    """Where a structure sits in a larger one: its part of theta, and its rows, copy by copy."""

    structure: Structure
    theta: slice
    rows: NDArray[np.intp]  # (copies, q)


@dataclass(frozen=True)
class Covariance:
    """A block diagonal Gamma = Lambda Lambda' (k, k) as a function of theta, and its derivatives.

    Made by :func:`repeated` and :func:`independent`.

    Attributes
    ----------
    placements : tuple of Placement
        One for each term.
    size : int
        k, the number of random effects it covers.
    errors : ErrorSeries, optional
        The correlation of the errors; its parameter, in which Gamma does not change, is the last.
    n_theta : int
        Number of parameters.
    """

    placements: tuple[Placement, ...]
    size: int
    errors: ErrorSeries | None = None

    @property
    def n_theta(self) -> int:
        return self._own + (self.errors is not None)

    @property
    def _own(self) -> int:
        """Number of parameters of the random effects."""
        return self.placements[-1].theta.stop if self.placements else 0

    def one_level(self) -> Covariance:
        """One copy of each structure, of the same theta, without the errors."""
        return independent(*(structure for structure, _, _ in self.placements))

    def factor(self, theta: Array) -> Array:
        """Lambda(theta), shape (k, k): the relative covariance factor (B16)."""
        if len(theta) != self.n_theta:
            raise ValueError(f"theta must have {self.n_theta} entries; it has {len(theta)}")
        factor = np.zeros((self.size, self.size))
        for structure, part, rows in self.placements:
            factor[rows[:, :, None], rows[:, None, :]] = structure.factor(theta[part])
        return factor

    def phi(self, theta: Array) -> Array:
        """The reported parameters in units of sigma2, (n_theta,): for a scalar, theta^2."""
        return np.concatenate([s.phi(theta[part]) for s, part, _ in self.placements]
                              + [[] if self.errors is None else [self.errors.a(theta[-1:])]])

    @property
    def scaled(self) -> NDArray[np.bool_]:
        """Which entries of phi are covariances, to be multiplied by sigma2, (n_theta,)."""
        return self._joined([s.scaled for s, _, _ in self.placements], False)

    def gamma_derivatives(self, theta: Array) -> Array:
        """dGamma/dtheta_j, shape (n_theta, k, k)."""
        return self._spread([s.gamma_derivatives(theta[part]) for s, part, _ in self.placements])

    def gradient(self, theta: Array, slope: Array) -> Array:
        """sum(slope * dGamma/dtheta_j), (n_theta,), for a derivative (k, k) in Gamma, symmetric."""
        return self._joined([np.tensordot(s.gamma_derivatives(theta[part]), block, 2)
                             for (s, part, _), block in
                             zip(self.placements, self.blocks(slope), strict=True)], 0.0)

    def directions(self, theta: Array) -> Array:
        """dGamma/dphi_j, shape (n_theta, k, k)."""
        return self._spread([s.directions(theta[part]) for s, part, _ in self.placements])

    def bend(self, theta: Array, slope: Array, reported: bool = False) -> Array:
        """sum(slope * d2Gamma/dtheta_i dtheta_j), or in phi if ``reported``, (n_theta, n_theta)."""
        bend = np.zeros((self.n_theta, self.n_theta))
        for (s, part, _), block in zip(self.placements, self.blocks(slope), strict=True):
            bend[part, part] = s.bend(theta[part], block, reported)
        return bend

    def blocks(self, M: Array) -> list[Array]:
        """For each structure the (q, q) blocks of M (k, k) where its copies are, added up."""
        return [M[rows[:, :, None], rows[:, None, :]].sum(axis=0) for _, _, rows in self.placements]

    def z_scale(self, squares: Array) -> list[Array]:
        """For each structure the sizes (q,) of its columns of Z, from the squares (k,) of all."""
        return [np.sqrt(squares[rows].mean(axis=0)) for _, _, rows in self.placements]

    def parameter_scale(self, z_scale: list[Array]) -> Array:
        """A typical size of each theta_j: what adds as much to the variance as the errors do."""
        return self._joined([s.parameter_scale(z) for (s, _, _), z in self._with(z_scale)], 1.0)

    def phi_unit(self, z_scale: list[Array]) -> Array:
        """A size of sqrt(1/2) |Z dGamma Z'| for each covariance in phi."""
        return np.concatenate([np.empty(0)] + [s.phi_unit(z) * np.sqrt(len(rows))
                                               for (s, _, rows), z in self._with(z_scale)])

    def starts(self, z_scale: list[Array]) -> list[Array]:
        """Starting values; structures that want several have them tried side by side."""
        own = [s.starts() for s, _, _ in self.placements]
        if self.errors is not None:
            own.append(self.errors.starts())
        scale = self.parameter_scale(z_scale)
        return [scale * np.concatenate([np.empty(0)] + [starts[i % len(starts)] for starts in own])
                for i in range(max((len(starts) for starts in own), default=1))]

    def nulls(self) -> list[tuple[slice, Array]]:
        """Parts of theta, and their values that mean no random effects, or independent errors."""
        own = [(part, s.null()) for s, part, _ in self.placements]
        return own if self.errors is None else [*own, (slice(self._own, None), np.zeros(1))]

    def null(self) -> Array:
        """The theta without random effects and with independent errors."""
        return np.concatenate([np.empty(0)] + [value for _, value in self.nulls()])

    def edges(self, theta: Array) -> list[tuple[Array, str]]:
        """Far thetas, each with what to do if the criterion is no higher there."""
        far = []
        for s, part, _ in self.placements:
            if s.without_noise and np.any(theta[part][s.scaled]):
                # all standard deviations at once, so that their ratios stay
                far.append((np.where(self.scaled, 100.0, 1.0) * theta, s.without_noise))
            far += [(np.concatenate([theta[:part.start], edge, theta[part.stop:]]), advice)
                    for edge, advice in s.edges(theta[part])]
        if self.errors is not None:
            far += [(np.append(theta[:-1], edge), advice)
                    for edge, advice in self.errors.edges(theta[-1:])]
        return far

    def fix_signs(self, theta: Array) -> Array:
        """The same Gamma in standard form, (n_theta,): a Lambda with a non-negative diagonal."""
        return np.concatenate([s.fix_signs(theta[part]) for s, part, _ in self.placements]
                              + [theta[self._own:]])

    def free(self, theta: Array) -> NDArray[np.bool_]:
        """Which parameters may move while the rank of Lambda stays, (n_theta,)."""
        return self._joined([s.free(theta[part]) for s, part, _ in self.placements], True)

    def regular(self, theta: Array) -> NDArray[np.bool_]:
        """Which entries of phi lie inside their range, so that they have a standard error."""
        return self._joined([s.regular(theta[part]) for s, part, _ in self.placements], True)

    def truncated(self, theta: Array, z_scale: list[Array], tolerance: float) -> Array:
        """theta with every structure that is nearly singular made exactly singular."""
        at_zero = theta.copy()
        for (s, part, _), z in self._with(z_scale):
            singular = s.truncated(theta[part], z, tolerance)
            if not np.all(s.free(singular)):
                at_zero[part] = singular
        return at_zero

    def _with(self, z_scale: list[Array]) -> list[tuple[Placement, Array]]:
        return list(zip(self.placements, z_scale, strict=True))

    def _joined(self, own: list[Array], of_errors: float | bool) -> Array:
        """The structures' entries one after the other, and that of the errors if there is one."""
        last = [] if self.errors is None else [of_errors]
        return np.concatenate([*own, np.array(last, type(of_errors))])

    def _spread(self, blocks: list[Array]) -> Array:
        spread = np.zeros((self.n_theta, self.size, self.size))
        for (_, part, rows), block in zip(self.placements, blocks, strict=True):
            spread[part, rows[:, :, None], rows[:, None, :]] = block[:, None]
        return spread


def repeated(block: Structure | Covariance, times: int) -> Covariance:
    """The same structure, of one theta, for each of several levels: Lambda = I (x) Lambda_block."""
    offsets = block.size * np.arange(times)[:, None, None]
    parts = tuple(Placement(s, part, (rows[None] + offsets).reshape(-1, rows.shape[1]))
                  for s, part, rows in independent(block).placements)
    return Covariance(parts, block.size * times)


def independent(*terms: Structure | Covariance, errors: ErrorSeries | None = None) -> Covariance:
    """Independent terms side by side: Lambda = diag(Lambda_1, Lambda_2, ...), theta joined."""
    parts: list[Placement] = []
    size = n_theta = 0
    for term in terms:
        own = term.placements if isinstance(term, Covariance) else (
            Placement(term, slice(0, term.n_theta), np.arange(term.size)[None, :]),)
        parts += [Placement(s, slice(n_theta + part.start, n_theta + part.stop), rows + size)
                  for s, part, rows in own]
        size, n_theta = size + term.size, parts[-1].theta.stop if parts else 0
    return Covariance(tuple(parts), size, errors)
