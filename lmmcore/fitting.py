"""Maximum likelihood and REML fits, and what is reported of them.

See the chapter "A first fit"; :mod:`lmmcore.maximisation` finds the maximum (B36).
"""

from __future__ import annotations

import sys
import warnings
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from lmmcore.covariance.structures import Array
from lmmcore.criterion import Criterion
from lmmcore.fast.choose import criterion_for
from lmmcore.fast.frame import Frame, orthogonal
from lmmcore.maximisation import (
    OPTIMISERS,
    default_optimiser,
    minimise,
    moment_start,
)
from lmmcore.model import LinearMixedModel, Term
from lmmcore.results import GRADIENT_TOLERANCE, Fit, Iteration, Trace, VarianceComponent

FARTHEST = 1e7  # of a start, in units that make the random effects as large as the errors
FLAT = 1e-13  # a curvature this much below the greatest cannot be told from none
KEPT = 2**25 - 2**15  # bytes, the largest array whose memory the C library can be made to keep


class ConvergenceWarning(UserWarning):
    """The optimiser stopped where the gradient is not 0 or the Hessian not positive definite."""


def fit(
    model: LinearMixedModel,
    method: str = "REML",
    optimiser: str | None = None,
    start: ArrayLike | None = None,
    max_steps: int | None = None,
) -> Fit:
    """Fit a linear mixed model by restricted or by full maximum likelihood.

    Parameters
    ----------
    model : LinearMixedModel
        Or a :class:`lmmcore.fast.sums.SummarisedModel`.
    method : {"REML", "ML"}
    optimiser : {"newton", "fisher", "average-information", "em"}, optional
        The way to the maximum. Newton if not given; with many crossed levels, where its second
        derivatives are dear, average information.
    start : (n_theta,) array, optional
        Where to begin. If not given, moment estimates; with an optimiser that is named, random
        effects of the size of the errors, so that all of them begin there.
    max_steps : int, optional
        At most so many steps in one descent: 50 for Newton, 2000 for EM, 200 for the others.

    Returns
    -------
    Fit

    Raises
    ------
    ValueError
        If the method or the optimiser is none of these, or the start not of the right length; if
        the variances are not identified (say, one observation per level with a random intercept,
        or a term given twice); if the random effects leave no residual variation, so that sigma2
        would be 0.

    Warns
    -----
    ConvergenceWarning
        If the gradient at the end is not 0 or the Hessian is not positive definite.

    Notes
    -----
    The profile criterion and its exact gradient are B19 and B31; the methods are B36.
    See the chapters "A first fit" and "Maximisation". Where the columns of Z are nearly dependent,
    as an intercept and calendar years are, the way there is in the coordinates of
    :mod:`lmmcore.fast.frame`; ``max_gradient`` then refers to these.
    """
    if not hasattr(model, "terms"):
        raise ValueError(f"fit wants a model, as grouped or from_formula makes it, not a "
                         f"{type(model).__name__}")
    if max_steps is not None and (not isinstance(max_steps, (int, np.integer)) or max_steps < 1):
        raise ValueError(f"max_steps must be a whole number from 1 on; it is {max_steps!r}")
    _keep_freed_memory()
    frame = orthogonal(model)
    if frame is None:
        return _fit(criterion_for(model, method), optimiser, start, max_steps)
    if np.shape(start) == (model.covariance.n_theta,):
        start = frame.theta_into(start)
    profile = criterion_for(frame.model, method)
    return _turned_back(frame, profile, _fit(profile, optimiser, start, max_steps), model)


def _fit(profile: Criterion, optimiser: str | None, start: ArrayLike | None,
         max_steps: int | None) -> Fit:
    """The fit of ``profile.model``, in its own coordinates."""
    model, method = profile.model, profile.method
    if optimiser is not None and optimiser not in OPTIMISERS:
        raise ValueError(f"no optimiser {optimiser!r}; there are {', '.join(OPTIMISERS)}")
    _check_identified(profile)
    start = _start(profile, start)
    if optimiser is None:
        optimiser = default_optimiser(profile)
        start = moment_start(profile) if start is None else start
    theta, trace = minimise(profile, optimiser, start, max_steps)
    _check_edges(profile, theta)
    covariance = profile.covariance
    scale, free = covariance.parameter_scale(profile.z_scale), covariance.free(theta)
    _, gradient, hessian = profile.derivatives(theta)
    max_gradient = float(np.max(np.abs(gradient * scale)[free], initial=0.0))
    curvature = np.linalg.eigvalsh((hessian * np.outer(scale, scale))[np.ix_(free, free)])
    definite = bool(np.all(curvature > FLAT * np.max(curvature, initial=0.0)))
    boundary = profile.boundary(theta)
    settled = all(point.slope >= -1e-6 for point in boundary)
    converged = max_gradient <= GRADIENT_TOLERANCE * profile.m and definite and settled
    if not converged:
        advice = ("EM's steps get small long before the maximum, and never reach a variance of 0: "
                  'allow more of them (max_steps), or take optimiser="newton"'
                  if optimiser == "em" else
                  "look at the profile of the criterion, or take a simpler covariance structure")
        warnings.warn(
            f"the fit did not converge: after {len(trace) - 1} steps max |gradient| is "
            f"{max_gradient:.1e}, the Hessian {'' if definite else 'not '}positive definite; "
            f"{advice}", ConvergenceWarning, stacklevel=3)
    solution, sigma2 = profile.solution(theta), profile.sigma2(theta)
    observed, expected = (np.sqrt(np.diag(_parameter_covariance(profile, theta, kind)))
                          for kind in ("observed", "expected"))
    return Fit(
        model=model, method=method, optimiser=optimiser, theta=theta, sigma2=sigma2,
        beta=solution.beta, vcov_beta=sigma2 * solution.vcov,
        log_likelihood=profile.log_likelihood(theta),
        variance_components=_components(profile, theta, sigma2, model.terms),
        parameters=_parameter_names(profile),
        estimates=_reported(profile, theta, sigma2),
        se_observed=observed, se_expected=expected,
        random_effects=_by_term(model.terms, solution.random_effects),
        conditional_variances=_by_term(model.terms, [sigma2 * v for v in solution.conditional]),
        converged=bool(converged), max_gradient=max_gradient, hessian_positive_definite=definite,
        boundary=boundary, iterations=trace,
    )


def _turned_back(frame: Frame, profile: Criterion, found: Fit, model: LinearMixedModel) -> Fit:
    """The fit of the model, from that of its frame."""
    theta, turn = frame.theta_back(found.theta), frame.jacobian()
    raw = criterion_for(model, found.method)

    def standard_errors(kind: str) -> Array:
        vcov = _parameter_covariance(profile, found.theta, kind)
        known = np.isfinite(np.diag(vcov))  # a term is known as a whole, or not at all
        se, own = np.full(len(vcov), np.nan), np.ix_(known, known)
        se[known] = np.sqrt(np.diag(turn[own] @ vcov[own] @ turn[own].T))
        return se

    back = dict(zip(found.random_effects, frame.back, strict=True))
    return replace(
        found, model=model, theta=theta,
        variance_components=_components(raw, theta, found.sigma2, model.terms),
        parameters=_parameter_names(raw), estimates=_reported(raw, theta, found.sigma2),
        se_observed=standard_errors("observed"), se_expected=standard_errors("expected"),
        random_effects={name: u @ back[name].T for name, u in found.random_effects.items()},
        conditional_variances={name: back[name] @ V @ back[name].T
                               for name, V in found.conditional_variances.items()},
        boundary=raw.boundary(theta) if found.boundary else [],
        iterations=Trace(Iteration(frame.theta_back(point.theta), point.criterion,
                                   point.max_gradient) for point in found.iterations))


def _keep_freed_memory() -> None:
    """Let new arrays have the memory of old ones, as glibc does up to the largest size freed yet.

    Otherwise it gives that back to the system and asks for it again, in pages filled with zeros,
    which takes a third of the time of a fit to 10^5 rows.
    """
    if sys.platform == "linux":
        np.empty(KEPT, np.uint8)


def _reported(profile: Criterion, theta: Array, sigma2: float) -> Array:
    """sigma2 and the reported parameters, covariances in squared units of y."""
    phi = profile.covariance.phi(theta)
    return np.append(sigma2, np.where(profile.covariance.scaled, sigma2 * phi, phi))


def _start(profile: Criterion, start: ArrayLike | None) -> Array | None:
    if start is None:
        return None
    needed, theta = profile.covariance.n_theta, np.asarray(start)
    if theta.shape != (needed,) or theta.dtype.kind not in "fiub" or not np.all(np.isfinite(theta)):
        raise ValueError(f"start must be {needed} finite numbers, the entries of theta")
    if np.any(np.abs(theta) > FARTHEST * profile.covariance.parameter_scale(profile.z_scale)):
        raise ValueError("start is so far out that no digit of the likelihood would be right: take "
                         "theta nearer to 1")
    return theta.astype(float)


def _check_identified(profile: Criterion) -> None:
    """Refuse models whose variances the data cannot tell apart, or whose sigma2 would be 0."""
    covariance = profile.covariance
    if not covariance.n_theta:
        return
    # expected information on (sigma2, phi) at phi = 0: singular if I and the Z E_j Z' are dependent
    null, scaled = covariance.null(), np.append(True, covariance.scaled)
    information = profile.information(null, "expected")[np.ix_(scaled, scaled)]
    size = np.sqrt(np.append(information[0, 0], np.maximum(np.diag(information)[1:], 0.0)))
    names = [n for n, kept in zip(_parameter_names(profile), scaled, strict=True) if kept]
    units = covariance.phi_unit(profile.z_scale)
    lost = [n for n, s, u in zip(names[1:], size[1:], units, strict=True) if s <= 1e-7 * u]
    if lost:
        raise ValueError(f"not identified: {', '.join(lost)}; the columns of X already explain "
                         "these random effects: leave the term or those columns out")
    values, vectors = np.linalg.eigh(information / np.outer(size, size))
    if values[0] < FLAT:
        mixed = [n for n, v in zip(names, vectors[:, 0], strict=True) if abs(v) > 1e-3]
        raise ValueError(
            f"not identified: the data cannot tell {' and '.join(mixed)} apart (one observation "
            "per level, or the same random effect twice?); leave a term out; if a covariate is far "
            "from 0, subtract its mean"
        )
    large = np.where(covariance.scaled, 1e6, 1.0) * covariance.starts(profile.z_scale)[0]
    saturated = any(s.without_noise for s, _, _ in covariance.placements())
    if not saturated and profile.sigma2(large) <= 1e-11 * profile.sigma2(null):
        raise ValueError(
            "the random effects fit the response exactly: no residual variation is left, sigma2 "
            "would be 0 and the likelihood has no maximum; check the response, or leave a term out"
        )


def _check_edges(profile: Criterion, theta: Array) -> None:
    """Refuse an optimum that runs away to where the model is another one, and name that one."""
    limit = profile.criterion(theta) + 1e-9 * profile.m
    for far, advice in profile.covariance.edges(theta):
        if profile.criterion(far) <= limit:
            raise ValueError(advice)


def _parameter_names(profile: Criterion) -> tuple[str, ...]:
    names = ["sigma2"]
    for (s, _, _), term in zip(profile.covariance.placements(), profile.model.terms, strict=True):
        names += [f"{term.name}: {label}" for label in s.labels(term.effects)]
    return tuple(names if profile.covariance.errors is None else [*names, "errors: a"])


def _parameter_covariance(profile: Criterion, theta: Array, kind: str) -> Array:
    """Covariance of (sigma2, psi), psi = sigma2 phi, from the information on (sigma2, phi)."""
    regular = np.append(True, profile.covariance.regular(theta))
    information = profile.information(theta, kind)[np.ix_(regular, regular)]
    size = np.sqrt(np.abs(np.diag(information)))
    correlation = information / np.outer(size, size)
    found = np.full((len(regular),) * 2, np.nan)
    if not np.all(np.isfinite(correlation)) or np.linalg.eigvalsh(correlation)[0] <= FLAT:
        return found
    vcov = np.linalg.inv(correlation) / np.outer(size, size)
    scaled, phi = profile.covariance.scaled, profile.covariance.phi(theta)
    jacobian = np.diag(np.append(1.0, np.where(scaled, profile.sigma2(theta), 1.0))[regular])
    jacobian[:, 0] = np.append(1.0, np.where(scaled, phi, 0.0))[regular]  # psi = sigma2 phi
    found[np.ix_(regular, regular)] = jacobian @ vcov @ jacobian.T
    return found


def _components(
    profile: Criterion, theta: Array, sigma2: float, terms: list[Term]
) -> list[VarianceComponent]:
    return [
        VarianceComponent(term.name, effects, sigma2 * gamma)
        for (s, part, _), term in zip(profile.covariance.placements(), terms, strict=True)
        for effects, gamma in [s.reported(theta[part], term.effects)]
    ]


def _by_term(terms: list[Term], values: list[Array]) -> dict[str, Array]:
    return {term.name: value for term, value in zip(terms, values, strict=True)}
