"""Four ways to the least criterion: Newton, Fisher scoring, average information, and EM (B36).

The first three take Newton steps in theta, in all directions at once, and differ in what stands for
the second derivatives of the criterion in Gamma = Lambda Lambda': themselves, their expectation, or
the mean of both, which needs no trace. What the chain rule adds is exact in all three. The fourth
sets Gamma to the mean, over the levels, of E(U U' | y) / sigma2.

The criterion is minimised over all theta without bounds, since it is smooth through theta = 0 and
the sign of a column of Lambda does not matter. It is an even function there, with slope 0 whatever
the data: whether an optimum at 0 is real is decided by the slope in phi = tau2/sigma2.
See the chapter "Maximisation" (B36).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lmmcore.covariance.structures import Array, LinearStructure
from lmmcore.criterion import Criterion, GammaCriterion
from lmmcore.results import Iteration, Trace

SMALL = 0.05  # a theta this small, in the same units, is tried at exactly 0
AWAY = 0.3  # where to go on from a saddle point at 0, likewise
ROUGH = 1e-4  # gradient per observation, likewise, after which zeros are looked for
UNSEEN = 1e-12  # of theta, a step that would change no digit that is reported
FINE = 1e-12  # gradient per observation, likewise, where a method with a linear rate may stop
LEFT, INSIDE = 1e-3, 0.01  # of moment estimates: the least sigma2, the least phi, likewise
NEAR = 6.0  # a criterion no more than this above its minimum is worth a second descent
KINDS = {"newton": "observed", "fisher": "expected", "average-information": "average"}
OPTIMISERS = (*KINDS, "em")
STEPS = {"newton": 50, "fisher": 200, "average-information": 200, "em": 2000}


def default_optimiser(profile: Criterion) -> str:
    """The method whose steps are worth their cost: the one of kind ``profile.cheapest``."""
    return next(name for name, kind in KINDS.items() if kind == profile.cheapest)


def minimise(
    profile: Criterion,
    optimiser: str,
    start: Array | None = None,
    max_steps: int | None = None,
) -> tuple[Array, Trace]:
    """The theta of least criterion, and the way there.

    Parameters
    ----------
    profile : Criterion
    optimiser : {"newton", "fisher", "average-information", "em"}
    start : (n_theta,) array, optional
        If not given, Lambda = I in units of the columns of Z, or what the structure asks for.
    max_steps : int, optional
        Of each descent.

    Returns
    -------
    theta : (n_theta,) array
    trace : Trace

    Raises
    ------
    ValueError
        If EM is asked for and a structure is not linear in phi, so that it has no M-step here.

    Notes
    -----
    The criterion may have several minima (A17). All methods but EM begin again near the boundary,
    and inside if they ended on it, and return the lowest minimum found; that it is the lowest of
    all is not guaranteed. The trace leads to it, without the descents that found nothing better.
    """
    max_steps = STEPS[optimiser] if max_steps is None else max_steps
    starts = profile.covariance.starts(profile.z_scale)
    unit = starts[0]
    starts = profile.screened(starts) if start is None else [start]
    if optimiser == "em":
        _check_linear(profile)
        return _em(profile, starts[0], max_steps)
    if start is not None:  # a variance of 0 has slope 0 in theta whatever the data
        starts = [np.where(start == 0, 0.1 * unit, start)]

    def descend(start: Array) -> tuple[Array, Trace]:
        descent = _Descent(profile, KINDS[optimiser], max_steps)
        return descent.run(start), descent.trace

    theta, trace = min(map(descend, starts), key=lambda end: profile.criterion(end[0]))
    for near in _other_starts(profile, theta, unit):
        lower, onward = descend(near)
        if profile.criterion(lower) < profile.criterion(theta):
            theta, trace = lower, Trace([*trace, *onward])
    return theta, trace


def _other_starts(profile: Criterion, theta: Array, unit: Array) -> list[Array]:
    """Where the likelihood may have another maximum, as high or higher (A17).

    One inside can hide a higher one where a term, or all terms, or one direction of a term have no
    variance; and one on the boundary can hide a higher one inside.
    """
    lowest, starts = profile.criterion(theta), []
    scaled, zeros = profile.covariance.scaled, profile.covariance.nulls()
    small, large = (np.where(scaled, f, 1.0) * unit for f in (0.5 * SMALL, 3.0))
    if len(zeros) > 1:
        zeros.append((slice(0, len(theta)), profile.covariance.null()))
    for part, zero in zeros:
        near = theta.copy()
        near[part] = zero
        if profile.criterion(near) < lowest:
            near[part] = small[part]
            starts.append(near)
    for (s, part, _), z in zip(profile.covariance.placements, profile.z_scale, strict=True):
        if not isinstance(s, LinearStructure):
            continue
        if not np.all(s.free(theta[part])):
            far = theta.copy()
            far[part] = large[part]
            starts.append(far)
        elif s.n_theta > 1:
            size = np.diag(s.factor(theta[part])) * z
            near = theta.copy()  # without the smallest of the sizes on the diagonal of Lambda
            near[part] = s.truncated(theta[part], z, 1.000001 * np.min(size))
            if profile.criterion(near) < lowest + NEAR:
                near[part] += np.where(near[part] == 0, small[part], 0.0)
                starts.append(near)
    return starts


class _Descent:
    """Newton steps with one kind of second derivative, from any start."""

    def __init__(self, profile: Criterion, kind: str, max_steps: int):
        self.profile, self.kind, self.max_steps, self.trace = profile, kind, max_steps, Trace()
        self.covariance = profile.covariance
        exact = kind == "observed"
        self.enough = (profile.negligible if exact else max(profile.negligible, FINE)) * profile.m
        # at rounding level the criterion stops falling first, then the gradient: at once under
        # quadratic convergence, by and by under linear
        self.progress = 0.1 if exact else 0.9

    def run(self, theta: Array) -> Array:
        """A local minimum, small parameters tried at exactly 0."""
        profile, everything = self.profile, np.ones(len(theta), bool)
        # a rough minimum shows which parameters go to 0, where steps in all would be slow
        for enough in (ROUGH * profile.m, self.enough, self.enough):
            theta = self.covariance.fix_signs(self._newton(theta, everything, enough))
            at_zero = self.covariance.truncated(theta, profile.z_scale, SMALL)
            free = self.covariance.free(at_zero)
            if not np.all(free):
                at_zero = self._with_zeros(at_zero, free)
                if self._is_real(at_zero):
                    return at_zero
            if enough == self.enough:
                lower = profile.criterion(at_zero) - FINE * profile.m  # by more than rounding
                if np.all(free) or profile.criterion(theta) < lower:
                    break
                # a saddle point, which steps leave slowly: by a factor of 2 from nearly 0
                unit = self.covariance.starts(profile.z_scale)[0]
                theta = np.where(at_zero == 0, AWAY * unit, at_zero)
        return theta

    def _with_zeros(self, theta: Array, free: NDArray[np.bool_]) -> Array:
        """The minimum with these zeros, or with more of them if it leads there."""
        theta = self.covariance.fix_signs(self._newton(theta, free, self.enough))
        further = self.covariance.truncated(theta, self.profile.z_scale, SMALL)
        fewer = self.covariance.free(further)
        if np.sum(fewer) < np.sum(free):
            further = self._with_zeros(further, fewer)
            if self._is_real(further):
                return further
        return theta

    def _is_real(self, at_zero: Array) -> bool:
        """Whether an optimum at 0 is one: the gradient in theta is 0 there whatever the data."""
        return all(point.slope >= 0 for point in self.profile.boundary(at_zero))

    def _newton(self, theta: Array, free: NDArray[np.bool_], enough: float) -> Array:
        """Steps in the free parameters to a small enough gradient, or to rounding noise."""
        profile, trace = self.profile, self.trace
        scale = self.covariance.parameter_scale(profile.z_scale)[free]

        def evaluate(theta: Array) -> tuple[Iteration, Array, Array]:
            f, gradient, hessian = profile.derivatives(theta, self.kind)
            gradient = gradient[free] * scale
            point = Iteration(theta, f, float(np.max(np.abs(gradient), initial=0.0)))
            return point, gradient, hessian[np.ix_(free, free)] * np.outer(scale, scale)

        point, gradient, hessian = evaluate(theta)
        if not trace or not np.array_equal(trace[-1].theta, theta):
            trace.append(point)
        for _ in range(self.max_steps):
            if point.max_gradient <= enough:
                break
            values, vectors = np.linalg.eigh(hessian)
            # |H| turns away from saddle points and maxima; near the optimum it is H itself
            curvature = np.maximum(np.abs(values), 1e-8 * np.max(np.abs(values)))
            step = -vectors @ ((vectors.T @ gradient) / curvature)
            size = 1.0 + np.linalg.norm(point.theta[free] / scale)
            if np.linalg.norm(step) <= UNSEEN * size:
                break
            reach = 2.0 * size
            step *= reach / max(reach, float(np.linalg.norm(step)))
            noise = 1e-13 * (abs(point.criterion) + profile.m)
            for _ in range(30):
                trial_theta = point.theta.copy()
                trial_theta[free] += scale * step
                trial, trial_gradient, trial_hessian = evaluate(trial_theta)
                if trial.criterion <= point.criterion + 1e-4 * (gradient @ step) + noise:
                    break
                step = 0.5 * step
            falls = trial.criterion < point.criterion - noise
            if not falls and trial.max_gradient > self.progress * point.max_gradient:
                break  # neither the criterion nor the gradient gets smaller: this is rounding
            point, gradient, hessian = trial, trial_gradient, trial_hessian
            trace.append(point)
        return point.theta


def em_step(profile: Criterion, theta: Array) -> Array:
    """One step of EM: Gamma becomes Gamma - Gamma S Gamma / G for every term, (n_theta,).

    S is the slope of the criterion in Gamma, summed over the G levels of the term. This is the mean
    of E(U U' | y) / sigma2 over the levels: the E-step and the M-step in one line. (Series have one
    Gamma for all levels, G = 1, and their M-step is in theta_of.)

    sigma2 is taken at its best, rss/m, and not by its own M-step. The likelihood rises in both,
    though not always in fewer steps than classical EM needs. See the chapter "Maximisation" (B36).
    """
    slope = profile.slope(theta)
    new = np.empty(len(theta))
    for (s, part, rows), S, z in zip(
            profile.model.covariance.placements, profile.covariance.blocks(slope),
            profile.z_scale, strict=True):
        gamma = s.gamma(theta[part])
        new[part] = s.theta_of(gamma - gamma @ S @ gamma / len(rows), z)
    return new


def _check_linear(profile: Criterion) -> None:
    other: list[object] = [s for s, _, _ in profile.covariance.placements
                           if not isinstance(s, LinearStructure)
                           or not isinstance(profile, GammaCriterion)]
    if profile.covariance.errors is not None:
        other.append(profile.covariance.errors)
    if other:
        raise ValueError(f"EM is not available for {other[0]!r}: take optimiser=\"newton\"")


def _em(profile: Criterion, theta: Array, max_steps: int) -> tuple[Array, Trace]:
    scale, trace = profile.covariance.parameter_scale(profile.z_scale), Trace()
    for step in range(max_steps + 1):
        f, gradient, _ = profile.derivatives(theta, profile.cheapest)
        trace.append(Iteration(theta, f, float(np.max(np.abs(gradient * scale), initial=0.0))))
        if trace[-1].max_gradient <= FINE * profile.m or step == max_steps:
            break
        theta = em_step(profile, theta)
    return profile.covariance.fix_signs(theta), trace


def moment_start(profile: Criterion) -> Array | None:
    """The theta that Fisher scoring goes to from phi = 0, moved inside: MINQUE(0).

    For balanced data these are the REML estimates, if they are positive; for others they are rough.
    There are none for series, nor if they leave nothing for the errors.

    See the chapter "Maximisation" (B36), and Searle, Casella and McCulloch (1992), section 11.3.
    """
    placements, errors = profile.covariance.placements, profile.covariance.errors
    if not placements or errors is not None or not all(
            isinstance(s, LinearStructure) for s, _, _ in placements):
        return None
    null = np.zeros(profile.covariance.n_theta)
    if not isinstance(profile, GammaCriterion):  # a series, whose Gamma is known by its inverse
        return None
    slope = np.einsum("iab,ab->i", profile.covariance.directions(null), profile.slope(null))
    step = np.linalg.solve(profile.information(null, "expected"), np.append(0.0, -0.5 * slope))
    left = 1.0 + step[0] / profile.sigma2(null)  # what is left for the errors
    if left < LEFT:
        return None
    theta = np.empty(len(null))
    for (structure, part, _), z in zip(placements, profile.z_scale, strict=True):
        theta[part] = structure.inside(step[1:][part] / left, z, INSIDE)
    return theta
