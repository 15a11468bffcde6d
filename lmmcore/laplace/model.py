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

from lmmcore.covariance.structures import Array
from lmmcore.fitting import ConvergenceWarning
from lmmcore.laplace.derivatives import Derivatives, Joint, SeededDerivatives
from lmmcore.laplace.descent import Descent, descend
from lmmcore.laplace.factor import Factoriser
from lmmcore.laplace.mode import LaplaceError, Mode, find_mode
from lmmcore.laplace.sparsity import find_sparsity
from lmmcore.tables import Report, Rows, number

LOG_2PI = float(np.log(2.0 * np.pi))
FAR = 3.0  # a standard error this large, and larger than the estimate: is there a maximum at all?
FARTHEST = 1e6  # nothing is looked for beyond this, in units of the estimate
FLAT = 0.05  # a log likelihood that falls by less over a standard error has none
LEVEL = 0.01  # curvature over a standard error, where it should be about one or more
SINGULAR = 1e-6  # smallest eigenvalue of a Hessian in units of its diagonal
JITTER = 0.1  # where H is not zero is found this far from the start, where nothing vanishes

__all__ = ["Laplace", "LaplaceError", "LaplaceFit"]


class Laplace:
    """A model given by its joint density, with some of its parameters integrated out.

    See the chapter "Laplace" (A19, A20, A21, A23, B4).

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
                "the joint density is not a finite number at the start: it overflows there (exp of "
                "a large number?), or the data have a missing or impossible value; start in the "
                "scale of the data"
            )
        self.derivatives = d = Derivatives(self.joint, theta, u)
        d.verify(self.theta0, self.joint.u0)
        still = np.zeros(len(theta))
        self.sparsity = find_sparsity(lambda v: d.product(theta, u, still, v)[1], classes, rng)
        self.factoriser = Factoriser(self.sparsity, arrays)
        self.seeded = SeededDerivatives(d, self.sparsity.seeds)

    @property
    def k(self) -> int:
        """How many numbers are integrated out."""
        return len(self.joint.u0)

    def mode(self, theta: ArrayLike, near: Mode | Array | None = None) -> Mode:
        """The mode of the random effects at theta.

        Parameters
        ----------
        theta : (p,) array
        near : Mode or (k,) array, optional
            Where to look for it: from the mode at a theta nearby, or from random effects. The
            start of the model if not given.

        Raises
        ------
        LaplaceError
            If there is none, or it is not found.
        """
        theta = np.array(theta, dtype=float)
        if theta.shape != self.theta0.shape:
            raise ValueError(f"theta has {theta.size} entries, the model has {len(self.theta0)}: "
                             f"{', '.join(self.names)}")
        if not isinstance(near, Mode):
            starts = [self.joint.u0 if near is None else near]
        elif np.array_equal(near.theta, theta):
            return near
        else:
            starts = self._predicted(theta, near)
        return find_mode(self.seeded, self.sparsity, self.factoriser, theta, starts)

    def _predicted(self, theta: Array, near: Mode) -> list[Array]:
        """Where the mode moves, by the implicit function theorem, and where it was."""
        step = theta - near.theta
        _, slope = self.derivatives.product(near.theta, near.u, step, np.zeros(self.k))
        return [near.u - near.factor.solve(slope), near.u]

    def objective(self, theta: ArrayLike, near: Mode | Array | None = None) -> float:
        """L(theta), the approximate negative log likelihood, at the mode that is found near.

        Raises
        ------
        LaplaceError
            If there is no mode, or it is not found.
        """
        return self.value_at(self.mode(theta, near))

    def gradient(self, theta: ArrayLike, near: Mode | Array | None = None) -> Array:
        """The exact gradient of :meth:`objective`, a (p,) array."""
        return self.slope_at(self.mode(theta, near))

    def value_at(self, mode: Mode) -> float:
        """L at ``mode.theta``."""
        return mode.value + 0.5 * mode.factor.log_det - 0.5 * self.k * LOG_2PI

    def slope_at(self, mode: Mode) -> Array:
        """The exact gradient of L at ``mode.theta``, a (p,) array."""
        theta, d = mode.theta, self.derivatives
        weights = self.sparsity.weights(mode.factor.inverse())
        f_theta, _ = d.gradient(theta, mode.u)
        h_theta, h_u = self.seeded.outer(theta, mode.u, weights)
        moved, _ = d.product(theta, mode.u, np.zeros(len(theta)), mode.factor.solve(h_u))
        return f_theta + 0.5 * h_theta - 0.5 * moved

    def value_or_infinite(self, theta: Array, near: Mode) -> tuple[float, Mode]:
        """L and the mode at theta; infinity, and the mode nearby, where there is none."""
        try:
            mode = self.mode(theta, near)
        except LaplaceError:
            return np.inf, near
        return self.value_at(mode), mode

    def fit(self) -> LaplaceFit:
        """Maximise the approximate likelihood over the parameters that are not integrated out.

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

        Notes
        -----
        What goes wrong is said once, in the warning and under the printed fit:

        - all counts zero, or zeros and ones that a covariate separates: no estimate of the mean,
          which runs to infinity. A group of zeros among others is no trouble;
        - degrees of freedom to infinity (fit the normal model) or to one; a standard deviation to
          zero (leave the effect out); two parameters that the data do not tell apart;
        - a scale that goes to zero because the model fits some data exactly: no derivatives, the
          likelihood has no maximum;
        - exp of a large number at the start, a missing value, an inner Hessian that is not positive
          definite, steps that do not end: :class:`LaplaceError`, with what to look at.

        An overflow on the way only shortens a step.
        """
        with np.errstate(all="ignore"):  # what overflows counts as infinitely high
            first = self.mode(self.theta0)  # an impossible start is an error, not a long way to go
            if len(self.theta0):
                descent = descend(self.value_or_infinite, lambda _, mode: self.slope_at(mode),
                                  self.theta0, self._first_inverse(first), first)
            else:
                descent = Descent(self.theta0, self.value_at(first), np.zeros(0),
                                  np.zeros((0, 0)), 0, True, 1, first)
            fit = LaplaceFit(self, descent, descent.known)
            self.derivatives.verify(fit.theta, fit.mode.u)
            remarks = fit.remarks
        for remark in remarks:
            warnings.warn(remark, ConvergenceWarning, stacklevel=2)
        return fit

    def profile_hessian(self, mode: Mode) -> tuple[Array, Array]:
        """The Hessians of f(theta, u) for fixed u, and of min_u f(theta, u), both (p, p)."""
        F, M = self.in_theta(mode)
        return F, F - M @ mode.factor.solve(M.T)

    def in_theta(self, mode: Mode) -> tuple[Array, Array]:
        """f_theta_theta, and f_theta_u with a row for each entry of theta."""
        theta, still = mode.theta, np.zeros(self.k)
        rows = [self.derivatives.product(theta, mode.u, d, still) for d in np.eye(len(theta))]
        F, M = zip(*rows, strict=True) if rows else ((), ())
        return np.reshape(F, (len(theta),) * 2), np.reshape(M, (len(theta), self.k))

    def _first_inverse(self, first: Mode) -> Array:
        """The inverse Hessian of min_u f(theta, u), made positive: what L would have but for H."""
        F, profile = self.profile_hessian(first)
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
    """

    model: Laplace
    descent: Descent
    mode: Mode

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
    def parameters(self) -> SimpleNamespace:
        """The same as ``estimates``, as the joint density takes them."""
        return SimpleNamespace(**self.estimates)

    @cached_property
    def hessian(self) -> Array:
        """(p, p) Hessian of L, by central differences of its exact gradient.

        The steps are a thousandth of a standard error, as far as min_u f shows it. Not a number
        where L is not defined about the estimate.
        """
        model, x = self.model, self.theta
        _, profile = model.profile_hessian(self.mode)
        with np.errstate(divide="ignore"):
            steps = 1e-3 * np.fmin(np.abs(np.diag(profile)) ** -0.5, 1.0 + np.abs(x))
        rows = []
        try:
            for step in np.diag(steps):
                up, down = (model.gradient(x + sign * step, self.mode) for sign in (1.0, -1.0))
                rows.append((up - down) / (2.0 * np.sum(step)))
        except LaplaceError:
            return np.full(profile.shape, np.nan)
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
        _, M = model.in_theta(self.mode)
        J = self.mode.factor.solve(M.T)
        s = model.sparsity
        given = self.mode.factor.inverse()[s.rows == s.columns]
        u = given + np.einsum("ki,ij,kj->k", J, self.covariance, J)
        return self._by_name(np.sqrt(np.diag(self.covariance)), np.sqrt(u))

    @cached_property
    def remarks(self) -> list[str]:
        """What is wrong with this fit, a sentence each."""
        if self._well_seen():
            return self._other_mode()
        return (self._runaways() or self._undetermined() or self._unfinished()) + self._other_mode()

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
        named = vars(self.model.joint.parameters(theta, u))
        return {name: np.asarray(value) for name, value in named.items()}

    def _well_seen(self) -> bool:
        """Whether the steps alone show a maximum, so that its Hessian need not be computed.

        In the direction of which least is known, the Hessian is looked at by one more gradient.
        """
        descent, x = self.descent, self.theta
        errors = np.sqrt(np.diag(descent.inverse))
        if not descent.converged or np.any(errors > np.maximum(FAR, np.abs(x))):
            return False
        if not len(x):
            return True
        F, _ = self.model.in_theta(self.mode)
        if np.any(np.diag(F) * errors**2 < LEVEL):
            return False
        values, vectors = np.linalg.eigh(descent.inverse / np.outer(errors, errors))
        v = errors * vectors[:, -1] / values[-1] ** 0.5
        # v is as long as its standard error: v'Hv = 1 if the inverse is right
        v = v / np.sqrt(v @ np.linalg.solve(descent.inverse, v))
        bend = v @ (self.model.gradient(x + 1e-3 * v, self.mode) - descent.gradient) / 1e-3
        return bool(0.2 < bend < 5.0)

    def _unfinished(self) -> list[str]:
        if self.descent.converged:
            return []
        slope = np.max(np.abs(self.descent.gradient))
        return [f"the fit did not converge in {self.descent.steps} steps; the gradient is "
                f"{slope:.1e}: start nearer, or rescale the parameters"]

    def _runaways(self) -> list[str]:
        """Parameters that may go on without end: the likelihood hardly falls over a whole se."""
        if not np.all(np.isfinite(self.hessian)):
            return ["the likelihood has no derivatives at the estimate: it grows without bound, or "
                    "overflows (does the model fit some data exactly, with a scale of zero?); give "
                    "the scale a value, or fit a simpler model"]
        curvature = np.diag(self.hessian)
        values, vectors = np.linalg.eigh(self.hessian)
        errors = np.sqrt(vectors**2 @ (1.0 / np.maximum(np.abs(values), 1e-300)))
        errors = np.minimum(errors, FARTHEST * (1.0 + np.abs(self.theta)))
        gone = []
        for j, (name, x) in enumerate(zip(self.model.names, self.theta, strict=True)):
            if curvature[j] > 0.0 and errors[j] < max(FAR, abs(x)):
                continue
            ways = [sign for sign in (1.0, -1.0) if abs(self._fall(j, sign, errors[j])) < FLAT]
            if ways:
                to = "either way" if len(ways) == 2 else f"to {'+' if ways[0] > 0 else '-'}infinity"
                gone.append(f"{name} ({x:.4g}, and on {to})")
        if not gone:
            return []
        return [f"no estimate of {', '.join(gone)}: the log likelihood changes by less than {FLAT} "
                "from there on; give it a value, or fit the simpler model that this one tends to"]

    def _fall(self, j: int, sign: float, error: float) -> float:
        """How far the log likelihood falls over a standard error, or as far as it is defined."""
        distance, fall = max(FAR, error), np.inf
        while distance >= FAR and not np.isfinite(fall):
            far = self.theta.copy()
            far[j] += sign * distance
            fall = self.model.value_or_infinite(far, self.mode)[0] - self.descent.value
            distance /= 4.0
        return fall

    def _undetermined(self) -> list[str]:
        """Combinations of parameters along which the likelihood is level."""
        scale = np.sqrt(np.maximum(np.abs(np.diag(self.hessian)), 1e-300))
        values, vectors = np.linalg.eigh(self.hessian / np.outer(scale, scale))
        if values[0] > SINGULAR:
            return []
        weight = np.abs(vectors[:, 0])
        named = [n for n, w in zip(self.model.names, weight, strict=True) if w > 0.1]
        return [f"no estimate of a combination of {', '.join(named)}: the log likelihood has no "
                "strict maximum there, the data do not tell these parameters apart; leave one out"]

    def _other_mode(self) -> list[str]:
        """Newton's method once more, from the start: does it end higher up?"""
        try:
            other = self.model.mode(self.theta)
        except LaplaceError:
            other = self.mode
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
