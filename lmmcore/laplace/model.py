"""Integrate the random effects out: Laplace's approximation of a likelihood, and its fit.

With f(theta, u) the joint negative log density of data and random effects, u-hat(theta) its
minimum in u, and H its Hessian there in the k entries of u,

    -log integral of exp(-f) du  ~  L(theta) = f(theta, u-hat) + 1/2 log|H| - k/2 log(2 pi),

with equality where f is quadratic in u, as in the Gaussian model (A19, A20). The gradient is exact:
f_u = 0 at the mode, and du-hat = -H^-1 f_u_theta dtheta by the implicit function theorem, so that

    dL/dtheta = f_theta + 1/2 h_theta - 1/2 f_theta_u H^-1 h_u,

where h is log|H| as a function of (theta, u). Of it only tr(H^-1 dH) is needed, the gradient of a
weighted sum of products with the Hessian. See the chapter "Laplace" (A18 to A23, B4).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lmmcore.covariance import Array
from lmmcore.fitting import ConvergenceWarning
from lmmcore.laplace.derivatives import Derivatives, Joint
from lmmcore.laplace.descent import Descent, descend
from lmmcore.laplace.factor import Factoriser
from lmmcore.laplace.mode import LaplaceError, Mode, find_mode
from lmmcore.laplace.structure import find_structure
from lmmcore.tables import Report, Rows, number

LOG_2PI = float(np.log(2.0 * np.pi))
FAR = 3.0  # a standard error this large is looked at: is there a maximum at all?
FLAT = 0.05  # a log likelihood that falls by less over a standard error has none
JITTER = 0.1  # the structure of H is found this far from the start, where nothing vanishes

__all__ = ["Laplace", "LaplaceError", "LaplaceFit"]


class Laplace:
    """A model given by its joint density, with some of its parameters integrated out.

    Parameters
    ----------
    joint : callable
        Takes one argument ``p``, whose attributes are the parameters (``p.beta``, ``p.u``), and
        returns the joint negative log density of data and random effects, one number, written with
        ``autograd.numpy`` and :mod:`lmmcore.laplace.densities`.
    start : mapping of str to array
        Every parameter by its name, fixed or random, where to begin. The shapes are taken from it:
        random effects with several entries a group have the groups on their first axis.
    random : sequence of str
        The parameters to integrate out. With the coefficients among them the likelihood becomes
        the restricted one (A20).

    Raises
    ------
    ValueError
        If a name of ``random`` is not in ``start`` or the joint density is not one number.
    LaplaceError
        If the joint density is not finite at the start.

    Notes
    -----
    See the chapter "Laplace" (A19, A20, A21, A23, B4).
    """

    def __init__(
        self,
        joint: Callable[[SimpleNamespace], Any],
        start: Mapping[str, ArrayLike],
        random: Sequence[str],
    ) -> None:
        self.joint = Joint(joint, start, random)
        self.theta0 = self.joint.theta0
        self.names = self.joint.names()
        arrays, classes = _places(self.joint.random)
        rng = np.random.default_rng(0)
        theta, u = (x + JITTER * rng.uniform(-1.0, 1.0, len(x))
                    for x in (self.joint.theta0, self.joint.u0))
        if not (np.isfinite(self.joint.value(theta, u))
                and np.isfinite(self.joint.value(self.theta0, self.joint.u0))):
            raise LaplaceError(
                "the joint density is not a finite number at the start: it overflows (exp of a "
                "large number?) or is not defined there; start in the scale of the data"
            )
        self.structure = find_structure(self.joint.in_u(theta, u)[0], classes, rng)
        self.factoriser = Factoriser(self.structure, arrays)
        self.derivatives = Derivatives(self.joint, self.structure.seeds, theta, u)
        self.derivatives.verify(self.theta0, self.joint.u0)
        self._latest: tuple[Array, Mode] | None = None
        self.evaluations = 0

    @property
    def k(self) -> int:
        """How many numbers are integrated out."""
        return len(self.joint.u0)

    def mode(self, theta: ArrayLike, start: Array | None = None) -> Mode:
        """The mode of the random effects, from ``start``, or from the mode that was found last."""
        theta = np.array(theta, dtype=float)
        if theta.shape != self.theta0.shape:
            raise ValueError(f"theta has {theta.size} entries, the model has {len(self.theta0)}: "
                             f"{', '.join(self.names)}")
        if start is None and self._latest is not None:
            if np.array_equal(self._latest[0], theta):
                return self._latest[1]
            start = self._latest[1].u
        start = self.joint.u0 if start is None else start
        mode = find_mode(self.derivatives, self.structure, self.factoriser, theta, start)
        self._latest = (theta, mode)
        return mode

    def objective(self, theta: ArrayLike) -> float:
        """L(theta), the approximate negative log likelihood.

        Raises
        ------
        LaplaceError
            If there is no mode, or it is not found.
        """
        mode = self.mode(theta)
        self.evaluations += 1
        return mode.value + 0.5 * mode.factor.log_det - 0.5 * self.k * LOG_2PI

    def gradient(self, theta: ArrayLike) -> Array:
        """The exact gradient of :meth:`objective`, a (p,) array."""
        theta, mode = np.array(theta, dtype=float), self.mode(theta)
        weights = self.structure.weights(mode.factor.inverse())
        f_theta, h_theta, h_u = self.derivatives.outer(theta, mode.u, weights)
        moved = self.derivatives.mixed(theta, mode.u, mode.factor.solve(h_u))
        return f_theta + 0.5 * h_theta - 0.5 * moved

    def fit(self) -> LaplaceFit:
        """Maximise the approximate likelihood over the parameters that are not integrated out.

        Returns
        -------
        LaplaceFit

        Raises
        ------
        LaplaceError
            If the random effects cannot be integrated out at the start.

        Warns
        -----
        ConvergenceWarning
            If the steps do not converge, if a parameter runs off to where the likelihood no longer
            depends on it (degrees of freedom to infinity or one, a standard deviation to zero), or
            if the random effects have a higher mode.
        """
        self.evaluations = 0
        self._latest = None
        if len(self.theta0):
            self.objective(self.theta0)  # an impossible start is an error, not a long way to go
            descent = descend(self._or_infinite, self.gradient, self.theta0, self._first_inverse())
        else:
            descent = Descent(self.theta0, self.objective(self.theta0), np.zeros(0), 0, True)
        fit = LaplaceFit(self, descent, self.mode(descent.x), self.evaluations)
        for remark in fit.remarks:
            warnings.warn(remark, ConvergenceWarning, stacklevel=2)
        return fit

    def _or_infinite(self, theta: Array) -> float:
        latest = self._latest
        try:
            return self.objective(theta)
        except LaplaceError:
            self._latest = latest
            return np.inf

    def _first_inverse(self) -> Array:
        """The inverse Hessian of min_u f(theta, u), made positive: what L would have but for H."""
        mode = self.mode(self.theta0)
        F, M = self.joint.joint_hessian_rows(self.theta0, mode.u)
        profile = F - M @ mode.factor.solve(M.T)
        scale = np.sqrt(np.maximum(np.abs(np.diag(F)), 1e-8))
        values, vectors = np.linalg.eigh(profile / np.outer(scale, scale))
        vectors = vectors / scale[:, None]
        return (vectors / np.maximum(np.abs(values), 1e-3)) @ vectors.T


@dataclass(frozen=True)
class LaplaceFit(Report):
    """A fit by :meth:`Laplace.fit`.

    Attributes
    ----------
    model : Laplace
    descent : Descent
        ``x`` is the estimate of theta, ``gradient`` that of L there.
    mode : Mode
        The random effects at the estimate.
    evaluations : int
        Of L.
    """

    model: Laplace
    descent: Descent
    mode: Mode
    evaluations: int

    @property
    def log_likelihood(self) -> float:
        """The maximum of the approximate log likelihood, with all constants."""
        return -self.descent.value

    @property
    def theta(self) -> Array:
        """(p,) estimates of what was not integrated out."""
        return self.descent.x

    @cached_property
    def estimates(self) -> dict[str, Array]:
        """Every parameter by its name: the estimate, or the mode if it was integrated out."""
        return self._by_name(self.theta, self.mode.u)

    @cached_property
    def hessian(self) -> Array:
        """(p, p) Hessian of L, by central differences of its exact gradient.

        The steps are a thousandth of a standard error, as far as the diagonal of f shows it.
        """
        model, x = self.model, self.theta
        F, _ = model.joint.joint_hessian_rows(x, self.mode.u)
        steps = 1e-3 / np.sqrt(np.maximum(np.abs(np.diag(F)), 1.0))
        rows = []
        for step in np.diag(steps):
            model.mode(x, self.mode.u)
            rows.append((model.gradient(x + step) - model.gradient(x - step))
                        / (2.0 * np.sum(step)))
        model.mode(x, self.mode.u)
        H = np.array(rows).reshape(len(x), len(x))
        return 0.5 * (H + H.T)

    @cached_property
    def covariance(self) -> Array:
        """(p, p) inverse of the Hessian; not a number where it is not positive definite."""
        try:
            np.linalg.cholesky(self.hessian)
            return np.linalg.inv(self.hessian)
        except np.linalg.LinAlgError:
            return np.full(self.hessian.shape, np.nan)

    @cached_property
    def standard_errors(self) -> dict[str, Array]:
        """Standard errors by name, those of random effects about their values, not about zero.

        For what was integrated out the variance is H^-1 + J Var(theta) J', with J = du-hat/dtheta:
        the second part is for the estimation of theta, to first order.
        """
        model = self.model
        _, M = model.joint.joint_hessian_rows(self.theta, self.mode.u)
        J = self.mode.factor.solve(M.T)
        s = model.structure
        given = self.mode.factor.inverse()[s.rows == s.columns]
        u = given + np.einsum("ki,ij,kj->k", J, self.covariance, J)
        return self._by_name(np.sqrt(np.diag(self.covariance)), np.sqrt(u))

    @cached_property
    def remarks(self) -> list[str]:
        """What is wrong with this fit, a sentence each."""
        return [*self._unfinished(), *self._runaways(), *self._other_mode()]

    def _title(self) -> str:
        return (f"Laplace: log likelihood {self.log_likelihood:.6f}, "
                f"{self.model.k} random parameters integrated out")

    def _captioned(self) -> list[tuple[str, Rows]]:
        errors = np.sqrt(np.diag(self.covariance))
        rows = [[name, number(x), number(e)]
                for name, x, e in zip(self.model.names, self.theta, errors, strict=True)]
        return [("Parameters", [["Name", "Estimate", "Std. error"], *rows])]

    def _remarks(self) -> list[str]:
        return self.remarks

    def _by_name(self, theta: Array, u: Array) -> dict[str, Array]:
        return {name: np.asarray(v) for name, v in vars(self.model.joint.named(theta, u)).items()}

    def _unfinished(self) -> list[str]:
        if self.descent.converged:
            return []
        slope = np.max(np.abs(self.descent.gradient))
        return [f"the fit did not converge in {self.descent.steps} steps; the gradient is "
                f"{slope:.1e}: start nearer, or rescale the parameters"]

    def _runaways(self) -> list[str]:
        """Parameters that may go on without end: the likelihood hardly falls over a whole se."""
        errors = np.sqrt(np.diag(np.linalg.pinv(self.hessian)).clip(0.0))
        curvature = np.diag(self.hessian)
        out = []
        for j, name in enumerate(self.model.names):
            if errors[j] < FAR and curvature[j] > 0.0:
                continue
            for sign in (1.0, -1.0):
                far = self.theta.copy()
                far[j] += sign * max(FAR, errors[j] if curvature[j] > 0.0 else FAR)
                self.model.mode(self.theta, self.mode.u)
                fall = self.model._or_infinite(far) - self.descent.value
                if fall < FLAT:
                    out.append(
                        f"{name} = {self.theta[j]:.4g} is no estimate: from there to "
                        f"{far[j]:.4g} the log likelihood changes by {-fall:.2g}, so that it may "
                        f"run to {'+' if sign > 0 else '-'}infinity; give it a value, or use the "
                        "simpler model that it tends to"
                    )
        self.model.mode(self.theta, self.mode.u)
        return out

    def _other_mode(self) -> list[str]:
        """Newton's method once more, from the start: does it end higher up?"""
        model = self.model
        try:
            other = model.mode(self.theta, model.joint.u0)
        except LaplaceError:
            other = self.mode
        model.mode(self.theta, self.mode.u)
        fall = self.mode.value - other.value
        if fall < 1e-6:
            return []
        return [f"the random effects have a second mode, which is higher by {fall:.3g}: Laplace's "
                "approximation at one mode is not to be trusted; compare it with quadrature"]


def _places(random: dict[str, tuple[int, ...]]) -> tuple[list[Array], list[Array]]:
    """Places in u of each random parameter; and of each of its entries, one for every group."""
    arrays, classes, begin = [], [], 0
    for shape in random.values():
        size = int(np.prod(shape, dtype=int))
        array = np.arange(begin, begin + size)
        arrays.append(array)
        classes += list(array.reshape(shape[0] if shape else 1, -1).T)
        begin += size
    return arrays, classes
