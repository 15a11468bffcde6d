"""Random effects that follow each other in time: AR(1) series and the random walk.

U_1 = nu_1, U_t = a U_{t-1} + nu_t with independent nu, Var nu_1 = tau1^2 and Var nu_t = tau^2: so
U = B nu with B_ts = a^(t-s) below the diagonal, and Psi = B C B' with C = diag(tau1^2, tau^2, ...)
(B8). In units of sigma2 this is Gamma. The stationary series has tau1^2 = tau^2/(1 - a^2) (B9);
for a random walk a = 1, and U_1 = 0 stands for the level, which is then a fixed effect (E3.4).

:mod:`lmmcore.design.series` makes models of them. See the chapter "Autoregressive effects".
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lmmcore.covariance.errors import ALTERNATING, EDGE, LAST
from lmmcore.covariance.structures import Array, BoundaryPoint, LinearStructure, Structure

GRID = np.tanh(np.linspace(-2.6, 2.6, 27))  # values of a at which a series of variance 0 is tried

NO_NOISE = (
    "sigma2 is estimated as 0: the likelihood keeps rising as the series takes all the variation "
    "and leaves no noise beside it; the errors themselves are then the series: fit "
    "grouped(..., errors=AR1(...)) without this term"
)
WALK_NO_NOISE = (
    "sigma2 is estimated as 0: the likelihood keeps rising as the random walk takes all the "
    "variation; analyse the differences of successive responses instead"
)
UNIT_ROOT = (
    "a is estimated at its edge 1: the restricted likelihood keeps rising as the stationary "
    "variance goes to infinity; the limit is a random walk, fit it with RandomWalk(...)"
)


class Autoregression(Structure):
    """Gamma = B C B' for one or more series with the same parameters (B8).

    Parameters
    ----------
    lengths : int or sequence of int
        Number of time points of each series.

    Notes
    -----
    ``phi`` has the innovation variances in units of sigma2 and a; :class:`Stationary` and
    :class:`FreeStart` say which. Dense here; :mod:`lmmcore.fast.series` has the sparse form.
    """

    without_noise = NO_NOISE
    scales: int  # the first so many entries of theta are standard deviations, the last is for a

    def __init__(self, lengths: int | Sequence[int]):
        self.lengths = np.atleast_1d(np.asarray(lengths, int))
        if self.lengths.ndim != 1 or len(self.lengths) == 0 or np.any(self.lengths < 1):
            raise ValueError("lengths of series must be whole numbers, at least 1")
        if np.max(self.lengths) < 3:
            raise ValueError("an autoregression needs a series of at least 3 time points")
        self.size = int(np.sum(self.lengths))
        self.n_theta = self.scales + 1

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.lengths.tolist()})"

    @abstractmethod
    def a(self, theta: Array) -> float:
        """The autoregressive coefficient at theta."""

    @abstractmethod
    def with_a(self, theta: Array, a: float) -> Array:
        """theta with another coefficient."""

    @abstractmethod
    def chain(self, theta: Array) -> tuple[Array, Array]:
        """dphi_j/dtheta_j and d2phi_j/dtheta_j^2, each (n_theta,)."""

    @abstractmethod
    def innovations(self, phi: Array, size: int) -> tuple[Array, Array, Array]:
        """The diagonal of C and its derivatives in phi: (T,), (r, T), (r, r, T)."""

    def factor(self, theta: Array) -> Array:
        size = int(np.max(self.lengths))
        c, _, _ = self.innovations(self._values(theta), size)
        return self._series(_B(self.a(theta), size)[0] * np.sqrt(c))

    @property
    def scaled(self) -> NDArray[np.bool_]:
        return np.arange(self.n_theta) < self.scales

    def phi(self, theta: Array) -> Array:
        phi = self._values(theta)
        if not np.any(theta[:-1]):
            phi[-1] = np.nan  # a series of variance 0 has no coefficient
        return phi

    def gamma_derivatives(self, theta: Array) -> Array:
        return self.chain(theta)[0][:, None, None] * self.directions(theta)

    def directions(self, theta: Array) -> Array:
        phi, size = self._values(theta), int(np.max(self.lengths))
        B, dB, _ = _B(phi[-1], size)
        c, dc, _ = self.innovations(phi, size)
        directions = [(B * d) @ B.T for d in dc]
        half = (dB * c) @ B.T
        directions[-1] += half + half.T
        return np.array([self._series(D) for D in directions])

    def bend(self, theta: Array, slope: Array, reported: bool = False) -> Array:
        phi, size, r = self._values(theta), int(np.max(self.lengths)), self.n_theta
        B, dB, d2B = _B(phi[-1], size)
        c, dc, d2c = self.innovations(phi, size)
        S = self._summed(slope)
        # S is symmetric, so sum(S * M) = sum(S * M') for every product M below
        BSB, BSdB = np.einsum("ta,ta->a", B, S @ B), np.einsum("ta,ta->a", dB, S @ B)
        bend = d2c @ BSB
        bend[-1] += 2.0 * dc @ BSdB
        bend[:, -1] += 2.0 * dc @ BSdB
        bend[-1, -1] += 2.0 * c @ (np.einsum("ta,ta->a", d2B, S @ B)
                                   + np.einsum("ta,ta->a", dB, S @ dB))
        if reported:
            return bend
        first, second = self.chain(theta)
        slopes = dc @ BSB
        slopes[r - 1] += 2.0 * c @ BSdB
        return bend * np.outer(first, first) + np.diag(slopes * second)

    def _values(self, theta: Array) -> Array:
        return np.append(theta[:-1] ** 2, self.a(theta))

    def _series(self, M: Array) -> Array:
        """The same matrix for each series, shortened to its length, (k, k)."""
        if len(self.lengths) == 1:
            return M
        blocks = np.zeros((self.size, self.size))
        end = np.cumsum(self.lengths)
        for stop, size in zip(end, self.lengths, strict=True):
            blocks[stop - size:stop, stop - size:stop] = M[:size, :size]
        return blocks

    def _summed(self, M: Array) -> Array:
        """The diagonal blocks of M (k, k), one a series, added up."""
        longest, end = int(np.max(self.lengths)), np.cumsum(self.lengths)
        total = np.zeros((longest, longest))
        for stop, size in zip(end, self.lengths, strict=True):
            total[:size, :size] += M[stop - size:stop, stop - size:stop]
        return total

    def parameter_scale(self, z_scale: Array) -> Array:
        return np.append(np.full(self.scales, 1.0 / _size(z_scale)), 1.0)

    def phi_unit(self, z_scale: Array) -> Array:
        rows = [len(self.lengths), self.size][-self.scales:]
        return np.sqrt(0.5 * np.array(rows)) * _size(z_scale) ** 2  # the diagonal alone

    def fix_signs(self, theta: Array) -> Array:
        return np.append(np.abs(theta[:-1]), theta[-1])

    def free(self, theta: Array) -> NDArray[np.bool_]:
        return np.append(theta[:-1] != 0, np.any(theta[:-1] != 0))

    def reported(self, theta: Array, effects: tuple[str, ...]) -> tuple[tuple[str, ...], Array]:
        return ("first", "innovation")[-self.scales:], np.diag(theta[:-1] ** 2)

    def labels(self, effects: tuple[str, ...]) -> list[str]:
        return ["var(first)", "var(innovation)"][-self.scales:] + ["a"]

    def boundary(self, theta: Array, slope: Array, effects: tuple[str, ...]) -> list[BoundaryPoint]:
        points = []
        for j in np.flatnonzero(theta[:-1] == 0):
            tried = [theta] if np.any(theta[:-1]) else [self.with_a(theta, a) for a in GRID]
            directions = [self.directions(at)[j] for at in tried]
            slopes = [float(np.sum(slope * D)) for D in directions]
            # without a series a is free, and the least favourable one decides
            worst = int(np.argmin([s / np.trace(D)
                                   for s, D in zip(slopes, directions, strict=True)]))
            points.append(BoundaryPoint(self.labels(effects)[j], slopes[worst], directions[worst]))
        return points


class Stationary(Autoregression):
    """tau1^2 = tau^2/(1 - a^2): theta = (tau/sigma, artanh a), phi = (tau2/sigma2, a) (B9)."""

    scales = 1

    def a(self, theta: Array) -> float:
        return float(np.tanh(np.clip(theta[-1], -LAST, LAST)))

    def with_a(self, theta: Array, a: float) -> Array:
        return np.append(theta[:-1], np.arctanh(a))

    def chain(self, theta: Array) -> tuple[Array, Array]:
        a = self.a(theta)
        slope = 1.0 / np.cosh(theta[-1]) ** 2
        return np.array([2.0 * theta[0], slope]), np.array([2.0, -2.0 * a * slope])

    def innovations(self, phi: Array, size: int) -> tuple[Array, Array, Array]:
        v, a = phi
        rest = (1.0 - a) * (1.0 + a)
        later = np.arange(size) > 0
        first = np.where(later, 0.0, 1.0)
        unit = np.where(later, 1.0, 1.0 / rest)
        mixed = 2.0 * a / rest**2 * first
        own = v * (2.0 + 6.0 * a**2) / rest**3 * first
        return v * unit, np.array([unit, v * mixed]), np.array([[0 * own, mixed], [mixed, own]])

    def null(self) -> Array:
        return np.array([0.0, np.arctanh(0.5)])

    def starts(self) -> list[Array]:
        return [np.array([t, np.arctanh(a)]) for t, a in ((1.0, 0.5), (0.3, 0.9), (1.0, -0.5))]

    def truncated(self, theta: Array, z_scale: Array, tolerance: float) -> Array:
        sd = abs(theta[0]) * np.cosh(theta[1]) * _size(z_scale)  # tau/sqrt(1 - a^2) over sigma
        return theta if sd > tolerance else np.array([0.0, theta[1]])

    def edges(self, theta: Array) -> list[tuple[Array, str]]:
        if theta[0] == 0:
            return []
        far = max(np.arctanh(EDGE), abs(theta[1]) + 1.0)
        return [(np.array([theta[0], far]), UNIT_ROOT), (np.array([theta[0], -far]), ALTERNATING)]


class FreeStart(Autoregression):
    """tau1^2 of its own: theta = (tau1/sigma, tau/sigma, a); phi has the squares, and a (B8)."""

    scales = 2

    def a(self, theta: Array) -> float:
        return float(theta[-1])

    def with_a(self, theta: Array, a: float) -> Array:
        return np.append(theta[:-1], a)

    def chain(self, theta: Array) -> tuple[Array, Array]:
        return np.append(2.0 * theta[:-1], 1.0), np.array([2.0, 2.0, 0.0])

    def innovations(self, phi: Array, size: int) -> tuple[Array, Array, Array]:
        first = np.where(np.arange(size) > 0, 0.0, 1.0)
        dc = np.array([first, 1.0 - first, np.zeros(size)])
        return phi[:2] @ dc[:2], dc, np.zeros((3, 3, size))

    def null(self) -> Array:
        return np.array([0.0, 0.0, 0.5])

    def starts(self) -> list[Array]:
        return [np.array([1.0, t, a]) for t, a in ((1.0, 0.5), (0.3, 0.9), (1.0, -0.5))]

    def truncated(self, theta: Array, z_scale: Array, tolerance: float) -> Array:
        small = np.abs(theta[:-1]) * _size(z_scale) <= tolerance
        return np.append(np.where(small, 0.0, theta[:-1]), theta[-1])


class Walk(LinearStructure):
    """A random walk from U_1 = 0: Gamma = phi K with K_st = min(s, t) - 1 (E3.4).

    Parameters
    ----------
    lengths : int or sequence of int
        Number of time points of each series.
    """

    without_noise = WALK_NO_NOISE
    n_theta = 1

    def __init__(self, lengths: int | Sequence[int]):
        self.lengths = np.atleast_1d(np.asarray(lengths, int))
        if np.max(self.lengths) < 3:
            raise ValueError("a random walk needs a series of at least 3 time points")
        super().__init__(int(np.sum(self.lengths)))

    def __repr__(self) -> str:
        return f"Walk({self.lengths.tolist()})"

    def _bases(self) -> tuple[Array, Array]:
        series = np.repeat(np.arange(len(self.lengths)), self.lengths)
        lower = np.tril(np.ones((self.size, self.size)))
        factor = lower * (series[:, None] == series) * self._later
        return factor[None], (factor @ factor.T)[None]

    @property
    def _later(self) -> NDArray[np.bool_]:
        """Which effects are not the first of their series, (k,)."""
        later = np.ones(self.size, bool)
        later[np.cumsum(self.lengths) - self.lengths] = False
        return later

    def phi(self, theta: Array) -> Array:
        return theta**2

    def parameter_scale(self, z_scale: Array) -> Array:
        return np.array([1.0 / _size(z_scale)])

    def phi_unit(self, z_scale: Array) -> Array:
        return np.sqrt(np.array([self.size / 2.0])) * _size(z_scale) ** 2  # the diagonal alone

    def starts(self) -> list[Array]:
        return [np.array([1.0]), np.array([0.1])]

    def truncated(self, theta: Array, z_scale: Array, tolerance: float) -> Array:
        sd = abs(theta[0]) * np.sqrt(self.lengths.max()) * _size(z_scale)  # at the series' end
        return theta if sd > tolerance else np.zeros(1)

    def theta_of(self, gamma: Array, z_scale: Array, tolerance: float = 0.0) -> Array:
        variance = np.diag(gamma)
        steps = variance[1:] + variance[:-1] - 2.0 * np.diag(gamma, 1)  # of U_t - U_(t-1)
        return self.truncated(np.sqrt([np.mean(steps[self._later[1:]])]), z_scale, tolerance)

    def inside(self, phi: Array, z_scale: Array, least: float) -> Array:
        return np.sqrt(np.maximum(phi, least * self.parameter_scale(z_scale) ** 2))

    def reported(self, theta: Array, effects: tuple[str, ...]) -> tuple[tuple[str, ...], Array]:
        return ("innovation",), np.diag(theta**2)

    def labels(self, effects: tuple[str, ...]) -> list[str]:
        return ["var(innovation)"]


def _B(a: float, size: int) -> tuple[Array, Array, Array]:
    """B_ts = a^(t-s) for t >= s, and its first and second derivatives in a, each (T, T)."""
    lag = np.subtract.outer(np.arange(size), np.arange(size))
    power = a ** np.arange(size, dtype=float)  # 0^0 = 1

    def lower(order: int, weight: Array) -> Array:
        return np.where(lag >= order, weight * power[np.clip(lag - order, 0, None)], 0.0)

    return lower(0, np.ones_like(lag)), lower(1, lag), lower(2, lag * (lag - 1))


def _size(z_scale: Array) -> float:
    return float(np.sqrt(np.mean(z_scale**2)))
