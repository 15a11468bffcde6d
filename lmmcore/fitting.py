"""Maximum likelihood and REML fits: from a model to its estimates, and what is refused.

See the chapter "A first fit"; :mod:`lmmcore.maximisation` finds the maximum (B36).
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike

from lmmcore.covariance.structures import Array
from lmmcore.criterion import Criterion
from lmmcore.fast.choose import criterion_for
from lmmcore.fast.frame import orthogonal, turned_back
from lmmcore.maximisation import (
    OPTIMISERS,
    default_optimiser,
    minimise,
    moment_start,
)
from lmmcore.model import LinearMixedModel
from lmmcore.results import FLAT, Fit, parameter_names, report

FARTHEST = 1e7  # of a start, in units that make the random effects as large as the errors


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
    frame = orthogonal(model)
    if frame is None:
        return _fit(criterion_for(model, method), optimiser, start, max_steps)
    if np.shape(start) == (model.covariance.n_theta,):
        start = frame.theta_into(start)
    profile = criterion_for(frame.model, method)
    found = _fit(profile, optimiser, start, max_steps)
    return turned_back(frame, profile, found, criterion_for(model, method))


def _fit(profile: Criterion, optimiser: str | None, start: ArrayLike | None,
         max_steps: int | None) -> Fit:
    """The fit of ``profile.model``, in its own coordinates."""
    if optimiser is not None and optimiser not in OPTIMISERS:
        raise ValueError(f"no optimiser {optimiser!r}; there are {', '.join(OPTIMISERS)}")
    _check_identified(profile)
    start = _start(profile, start)
    if optimiser is None:
        optimiser = default_optimiser(profile)
        start = moment_start(profile) if start is None else start
    theta, trace = minimise(profile, optimiser, start, max_steps)
    _check_edges(profile, theta)
    found = report(profile, optimiser, theta, trace)
    if not found.converged:
        warnings.warn(_not_converged(found), ConvergenceWarning, stacklevel=3)
    return found


def _not_converged(found: Fit) -> str:
    advice = ("EM's steps get small long before the maximum, and never reach a variance of 0: "
              'allow more of them (max_steps), or take optimiser="newton"'
              if found.optimiser == "em" else
              "look at the profile of the criterion, or take a simpler covariance structure")
    return (f"the fit did not converge: after {len(found.iterations) - 1} steps max |gradient| is "
            f"{found.max_gradient:.1e}, the Hessian "
            f"{'' if found.hessian_positive_definite else 'not '}positive definite; {advice}")


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
    names = [n for n, kept in zip(parameter_names(profile), scaled, strict=True) if kept]
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
    saturated = any(s.without_noise for s, _, _ in covariance.placements)
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
