"""The criterion -2 l(theta) and its derivatives, once for every structure of W = Var(Y)/sigma2.

At the beta of generalised least squares let r = y - X beta and S = [X r]'W^-1[X r]; let m = n for
ML and n - p for REML, and D = log|W|, for REML log|W| + log|X'W^-1X|. Then rss = S_rr = y'Py and

    -2 l(theta) = m log(2 pi rss/m) + m + D.                                         (B19, B31)

A structure says what log|W| and S are, and how they move with W_i = dW/dtheta_i. Where X is in
coordinates in which X'W^-1X = I,

    log|W|_i  =  tr(W^-1 W_i),             S_i  = -[X r]'W^-1 W_i W^-1[X r],
    log|W|_ij = -tr(W^-1 W_i W^-1 W_j),    S_ij = 2 [X r]'W^-1 W_i W^-1 W_j W^-1[X r],

and W_ij, where W bends, adds what a step along it would. The rest is here:

    D_i  = log|W|_i + tr S_i,xx,           rss_i  = S_i,rr                           (A11)
    D_ij = log|W|_ij + tr S_ij,xx - tr(S_i,xx S_j,xx)
    rss_ij = S_ij,rr - 2 S_i,rx S_j,xr                                               (B20)

See the chapters "A first fit" and "Maximisation".
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np

from lmmcore.covariance.joined import Covariance
from lmmcore.covariance.structures import Array, BoundaryPoint
from lmmcore.model import LinearMixedModel

METHODS = ("REML", "ML")


class RelativeCovariance(ABC):
    """W at one theta, as a structure knows it; its ``directions`` stand for W_1, ..., W_r.

    Attributes
    ----------
    log_det : float
        log|W|.
    Sxx : (p, p) array
        Q'W^-1Q for X = QR, and (0, 0) where X was taken out of everything before (B28).
    beta : (p,) array
        Generalised least squares of the residuals y - X beta_ls on Q.
    rss : float
    """

    log_det: float
    Sxx: Array
    beta: Array
    rss: float

    @abstractmethod
    def dlog_det(self, directions: Any) -> Array:
        """tr(W^-1 W_i), (r,)."""

    @abstractmethod
    def dS(self, directions: Any) -> Array:
        """-[X r]'W^-1 W_i W^-1[X r], (r, p + 1, p + 1)."""

    @abstractmethod
    def ddlog_det(self, directions: Any) -> Array:
        """-tr(W^-1 W_i W^-1 W_j), (r, r)."""

    @abstractmethod
    def ddSxx(self, directions: Any) -> Array:
        """2 tr(X'W^-1 W_i W^-1 W_j W^-1X), (r, r)."""

    @abstractmethod
    def ddrss(self, directions: Any) -> Array:
        """2 r'W^-1 W_i W^-1 W_j W^-1r, (r, r)."""

    @abstractmethod
    def effects(self) -> tuple[list[Array], list[Array]]:
        """E(U | y) and Var(U | y)/sigma2 at known beta, term by term."""

    def vcov(self) -> Array:
        """(Q'W^-1Q)^-1."""
        return np.linalg.inv(self.Sxx)


class ByGamma(RelativeCovariance):
    """W = I + Z Gamma Z', which moves with Gamma alone: directions are (r, q, q).

    Attributes
    ----------
    T : (q, q) array
        Z'W^-1Z, summed over the levels that share their Gamma.
    YY : (q, p + 1, q, p + 1) array
        The products of the entries of Y = Z'W^-1[X r], summed likewise.
    """

    T: Array
    YY: Array

    def dlog_det(self, directions: Array) -> Array:
        return np.einsum("iab,ab->i", directions, self.T)

    def dS(self, directions: Array) -> Array:
        return -np.einsum("iab,axby->ixy", directions, self.YY)

    def slope(self, xx: float, rr: float) -> Array:
        """The derivative of log|W| + xx log|X'W^-1X| + rr rss in Gamma, (q, q)."""
        slope = self.T - rr * self.YY[:, -1, :, -1]
        return slope - np.einsum("axbx->ab", self.YY[:, :-1, :, :-1]) if xx else slope


class Pieces(NamedTuple):
    """rss and D at one theta."""

    rss: float
    log_det: float


class Solution(NamedTuple):
    """What follows from theta: beta (p,), vcov = (X'W^-1X)^-1 (p, p), and the random effects.

    Of these term by term E(U | y), (G, q), and Var(U | y) / sigma2 at known beta, (G, q, q).
    """

    beta: Array
    vcov: Array
    random_effects: list[Array]
    conditional: list[Array]


class Expansion:
    """D and rss to second order along directions of W, whose number is r."""

    def __init__(self, W: RelativeCovariance, directions: Any, reml: bool):
        self.W, self.directions, self.reml = W, directions, reml
        self.dS, self.dlog_det = W.dS(directions), W.dlog_det(directions)
        if reml:
            self.dlog_det = self.dlog_det + np.trace(self.dS[:, :-1, :-1], axis1=1, axis2=2)
        self.drss = self.dS[:, -1, -1]

    def ddlog_det(self) -> Array:
        """D'', (r, r)."""
        ddlog_det = self.W.ddlog_det(self.directions)
        if not self.reml:
            return ddlog_det
        dSxx = self.dS[:, :-1, :-1]
        return ddlog_det + self.W.ddSxx(self.directions) - np.einsum("iab,jba->ij", dSxx, dSxx)

    def ddrss(self) -> Array:
        """rss'', (r, r)."""
        cross = self.dS[:, :-1, -1]
        return self.W.ddrss(self.directions) - 2.0 * cross @ cross.T

    def curvature(self, kind: str, s: float, det: Any = 0.0, rss: Any = 0.0) -> Array:
        """Of D + rss/s, without the parts det and rss of D'' and rss'' that a bend of W has (B36).

        In the expected one -2 D'' s stands for rss'', in the average -rss''/(2 s) for D''.
        """
        if kind == "expected":
            return det - self.ddlog_det()
        ddrss = (self.ddrss() - rss) / s
        return 0.5 * ddrss if kind == "average" else self.ddlog_det() - det + ddrss


class Criterion(ABC):
    """The criterion -2 l(theta) with beta and sigma2 profiled out, and its exact derivatives.

    Parameters
    ----------
    model : LinearMixedModel
    method : {"REML", "ML"}

    Attributes
    ----------
    covariance : Covariance
        The structure of Gamma (q, q), with one copy for all levels where these are alike.
    m : int
        n - p for REML, n for ML: sigma2 = rss / m.
    z_scale : list of arrays
        Size of each column of Z, for each elementary structure.
    negligible : float
        Gradient per observation at which to stop before rounding does.
    cheapest : {"observed", "expected", "average"}
        The kind of second derivative that is best value for its cost in the step of a fit.

    Raises
    ------
    ValueError
        If the method is neither, or the model's structure is another one.
    """

    covariance: Covariance
    z_scale: list[Array]
    negligible: float = 0.0
    cheapest: str = "observed"

    def __init__(self, model: LinearMixedModel, method: str = "REML"):
        if method not in METHODS:
            raise ValueError(f'method must be "REML" or "ML", not {method!r}')
        self.model, self.method = model, method
        self.m = model.n - model.p if method == "REML" else model.n
        self.log_det_XtX = 2.0 * np.sum(np.log(np.abs(np.diag(model.least_squares.R))))
        self._latest: tuple[tuple[Array, RelativeCovariance], ...] = ()
        self._prepare()

    @abstractmethod
    def _prepare(self) -> None:
        """Take from the model what does not depend on theta."""

    @abstractmethod
    def _W(self, theta: Array) -> RelativeCovariance:
        """W at theta."""

    def at(self, theta: Array) -> RelativeCovariance:
        """W at theta."""
        theta, needed = np.asarray(theta, float), self.covariance.n_theta
        if theta.shape != (needed,) or not np.all(np.isfinite(theta)):
            raise ValueError(f"theta must be {needed} finite numbers; it is {theta}")
        for kept, W in self._latest:
            if np.array_equal(kept, theta):
                return W
        try:
            W = self._W(theta)
            if not np.isfinite(W.log_det):
                raise np.linalg.LinAlgError
        except np.linalg.LinAlgError:
            raise ValueError(f"theta = {theta} is too large: I + Lambda'Z'Z Lambda is not positive "
                             "definite in floating point") from None
        return W

    def _kept(self, theta: Array) -> RelativeCovariance:
        """W at theta, kept with the one before, since a step that fails leads back to its start."""
        W = self.at(theta)
        if all(W is not kept for _, kept in self._latest):
            self._latest = (np.array(theta, float), W), *self._latest[:1]
        return W

    def pieces(self, theta: Array) -> Pieces:
        """rss and D at theta (B30, B31)."""
        W = self.at(theta)
        return Pieces(W.rss, self._log_det(W))

    def criterion(self, theta: Array) -> float:
        """-2 l(theta), theta (n_theta,), with full constants: m log(2 pi rss/m) + m + D."""
        return minus_two_log_likelihood(self.m, *self.pieces(theta))

    def log_likelihood(self, theta: Array) -> float:
        """l(theta) = -criterion / 2."""
        return -0.5 * self.criterion(theta)

    def sigma2(self, theta: Array) -> float:
        """sigma2(theta) = rss / m, in squared units of y (B16, B30)."""
        return self.at(theta).rss / self.m

    def derivatives(self, theta: Array, kind: str = "observed") -> tuple[float, Array, Array]:
        """The criterion, its gradient (n_theta,) and its Hessian (n_theta, n_theta) in theta (B36).

        Parameters
        ----------
        theta : (n_theta,) array
        kind : {"observed", "expected", "average"}
            What stands for the second derivatives in Gamma: themselves, the expected ones, or the
            mean of both, which has no trace. Only "observed" is the Hessian.
        """
        slope, mixed, curvature, bend = self._expanded(theta, kind, reported=False)
        # log sigma2 is profiled out, which is a Schur complement
        return self.criterion(theta), slope, curvature - np.outer(mixed, mixed) / self.m + bend

    def gradient(self, theta: Array) -> Array:
        """d criterion / d theta, shape (n_theta,)."""
        return self.derivatives(theta)[1]

    def hessian(self, theta: Array) -> Array:
        """d2 criterion / d theta2, shape (n_theta, n_theta)."""
        return self.derivatives(theta)[2]

    def information(self, theta: Array, kind: str = "observed", reported: bool = True) -> Array:
        """Information on (sigma2, phi) at sigma2 = rss/m, (1 + r, 1 + r); or on (sigma2, theta).

        Half the second derivatives of m log sigma2 + D + rss/sigma2; in the expected one
        E rss'' = -2 D'' sigma2 and -E rss' = D' sigma2 (B36), so that the bend of W, where it has
        one, is in the observed information only.

        Parameters
        ----------
        theta : (n_theta,) array
        kind : {"observed", "expected"}
        reported : bool
            Whether on phi, or on theta.
        """
        _, mixed, curvature, bend = self._expanded(theta, kind, reported)
        block = curvature + bend if kind == "observed" else curvature
        unit = np.append(self.sigma2(theta), np.ones(len(mixed)))
        return 0.5 * np.block([[np.array([[float(self.m)]]), mixed[None, :]],
                               [mixed[:, None], block]]) / np.outer(unit, unit)

    @abstractmethod
    def boundary(self, theta: Array) -> list[BoundaryPoint]:
        """Where Gamma(theta) is on the edge of its range, with the slope of the criterion in phi.

        All slopes non-negative and the gradient 0 elsewhere is what an optimum on the boundary is.
        """

    def screened(self, starts: list[Array]) -> list[Array]:
        """The starting values from which a search is worth while: here, all."""
        return starts

    def solution(self, theta: Array) -> Solution:
        """beta, (X'W^-1X)^-1 and the random effects at theta, U = Gamma Z'Py."""
        W, (_, R, beta_ls, _) = self._kept(theta), self.model.least_squares
        R_inverse = np.linalg.inv(R)
        vcov = R_inverse @ W.vcov() @ R_inverse.T
        return Solution(beta_ls + R_inverse @ W.beta, 0.5 * (vcov + vcov.T), *W.effects())

    @abstractmethod
    def _directions(self, theta: Array, reported: bool) -> Any:
        """dW/dphi_i or dW/dtheta_i, as W understands them."""

    def _expanded(self, theta: Array, kind: str, reported: bool) -> tuple[Array, ...]:
        """m log sigma2 + D + rss/sigma2 at sigma2 = rss/m, to second order (B36).

        Its slope, (r,); second derivatives with log sigma2, (r,), where the expected ones have
        D' sigma2 for -rss'; those as if W were linear, (r, r); and what the bend of W adds.
        """
        theta = np.asarray(theta, float)
        W, directions = self._kept(theta), self._directions(theta, reported)
        near, s = Expansion(W, directions, self.method == "REML"), W.rss / self.m
        mixed = near.dlog_det if kind == "expected" else -near.drss / s
        return near.dlog_det + near.drss / s, mixed, *self._curvature(theta, near, kind, reported)

    @abstractmethod
    def _curvature(self, theta: Array, near: Expansion, kind: str, reported: bool
                   ) -> tuple[Array, Array]:
        """Second derivatives of the kind as if W were linear, and what its bend adds."""

    def _log_det(self, W: RelativeCovariance) -> float:
        if self.method == "ML":
            return W.log_det
        return W.log_det + float(np.linalg.slogdet(W.Sxx)[1]) + self.log_det_XtX


class GammaCriterion(Criterion):
    """The criterion of a W that moves with Gamma."""

    def slope(self, theta: Array, sigma2: float | None = None) -> Array:
        """d criterion / d Gamma, (q, q): Z'PZ - Z'Py y'PZ / sigma2 for REML, sigma2 = rss / m."""
        W = self._kept(theta)
        return W.slope(float(self.method == "REML"), self.m / W.rss if sigma2 is None
                       else 1.0 / sigma2)

    def boundary(self, theta: Array) -> list[BoundaryPoint]:
        points: list[BoundaryPoint] = []
        for (s, part, _), block, term in zip(
                self.covariance.placements, self.covariance.blocks(self.slope(theta)),
                self.model.terms, strict=True):
            points += [p._replace(label=f"{term.name}: {p.label}")
                       for p in s.boundary(theta[part], block, term.effects)]
        return points

    def _directions(self, theta: Array, reported: bool) -> Any:
        return self.covariance.directions(theta) if reported \
            else self.covariance.gamma_derivatives(theta)

    def _curvature(self, theta: Array, near: Expansion, kind: str, reported: bool
                   ) -> tuple[Array, Array]:
        s = near.W.rss / self.m
        slope = near.W.slope(float(near.reml), 1.0 / s)
        return near.curvature(kind, s), self.covariance.bend(theta, slope, reported)


def minus_two_log_likelihood(m: int, rss: float, log_det: float) -> float:
    """m log(2 pi rss/m) + m + D, with sigma2 at its best (B19, B31)."""
    return float(m * (np.log(2.0 * np.pi * rss / m) + 1.0) + log_det)
