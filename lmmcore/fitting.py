"""Maximum likelihood and REML fits: Newton's method on the exact profile criterion.

The criterion is minimised over all theta without bounds, since it is smooth through theta = 0 and
the sign of a column of Lambda does not matter. It is an even function there, with slope 0 whatever
the data: whether an optimum at 0 is real is decided by the slope in phi = tau2/sigma2.
See the chapter "A first fit" (B36).
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from lmmcore.covariance import Array
from lmmcore.crossed import CrossedProfile, has_scalar_terms
from lmmcore.model import LinearMixedModel, Term
from lmmcore.profile import Profile
from lmmcore.results import GRADIENT_TOLERANCE, Fit, Iteration, VarianceComponent
from lmmcore.structure import GroupedProfile, has_groups

SMALL = 0.05  # a theta this small, in the same units, is tried at exactly 0
ROUGH = 1e-4  # gradient per observation, likewise, after which zeros are looked for
MAX_ITERATIONS = 50
FEW_LEVELS = 200  # up to here the general form is as fast as the crossed one, and more exact


class ConvergenceWarning(UserWarning):
    """The optimiser stopped where the gradient is not 0 or the Hessian not positive definite."""


def fit(model: LinearMixedModel, method: str = "REML") -> Fit:
    """Fit a linear mixed model by restricted or by full maximum likelihood.

    Parameters
    ----------
    model : LinearMixedModel
    method : {"REML", "ML"}

    Returns
    -------
    Fit

    Raises
    ------
    ValueError
        If the method is neither; if the variances are not identified (say, one observation per
        level with a random intercept, or a term given twice); if the random effects leave no
        residual variation, so that sigma2 would be 0.

    Warns
    -----
    ConvergenceWarning
        If the gradient at the end is not 0 or the Hessian is not positive definite.

    Notes
    -----
    Newton's method with the exact gradient and Hessian of the profile criterion (B19, B31, B36).
    See the chapter "A first fit".
    """
    profile = _profile(model, method)
    _check_identified(profile)
    trace: list[Iteration] = []
    theta = _minimise(profile, trace)
    _check_edges(profile, theta)
    scale, free = _parameter_scale(profile), _free(profile, theta)
    _, gradient, hessian = profile.derivatives(theta)
    max_gradient = float(np.max(np.abs(gradient * scale)[free], initial=0.0))
    curvature = np.linalg.eigvalsh((hessian * np.outer(scale, scale))[np.ix_(free, free)])
    definite = bool(np.all(curvature > 1e-10 * np.max(curvature, initial=0.0)))
    boundary = profile.boundary(theta)
    settled = all(point.slope >= -1e-6 for point in boundary)
    converged = max_gradient <= GRADIENT_TOLERANCE * profile.m and definite and settled
    if not converged:
        warnings.warn(
            f"the fit did not converge: max |gradient| {max_gradient:.1e}, Hessian "
            f"{'' if definite else 'not '}positive definite; look at the profile of the criterion, "
            "or take a simpler covariance structure", ConvergenceWarning, stacklevel=2)
    solution, sigma2 = profile.solution(theta), profile.sigma2(theta)
    observed, expected = (_standard_errors(profile, theta, kind)
                          for kind in ("observed", "expected"))
    return Fit(
        model=model, method=method, theta=theta, sigma2=sigma2, beta=solution.beta,
        vcov_beta=sigma2 * solution.vcov, log_likelihood=profile.log_likelihood(theta),
        variance_components=_components(profile, theta, sigma2, model.terms),
        parameters=_parameter_names(profile),
        estimates=_reported(profile, theta, sigma2),
        se_observed=observed, se_expected=expected,
        random_effects=_by_term(model.terms, solution.random_effects),
        conditional_variances=_by_term(model.terms, [sigma2 * v for v in solution.conditional]),
        converged=bool(converged), max_gradient=max_gradient, hessian_positive_definite=definite,
        boundary=boundary, iterations=trace,
    )


def _profile(model: LinearMixedModel, method: str) -> Profile:
    """The way to the criterion that suits the model's structure and size."""
    if has_groups(model):
        return GroupedProfile(model, method)
    if has_scalar_terms(model) and model.k > FEW_LEVELS:
        return CrossedProfile(model, method)
    return Profile(model, method)


def _minimise(profile: Profile, trace: list[Iteration]) -> Array:
    """The theta of least criterion: a descent from each start, and again if a zero is lower."""
    starts = _starts(profile)
    unit = starts[0]
    theta = min((_descend(profile, start, trace) for start in starts), key=profile.criterion)
    # the criterion may have several minima (A17): one inside can hide a lower one on the boundary
    lowest = profile.criterion(theta)
    for s, part, _ in profile.covariance.placements():
        near_zero = theta.copy()
        near_zero[part] = s.null()
        if profile.criterion(near_zero) < lowest:
            near_zero[part] = np.where(s.scaled, 0.1, 1.0) * unit[part]
            theta = min(theta, _descend(profile, near_zero, trace), key=profile.criterion)
            lowest = profile.criterion(theta)
    return theta


def _descend(profile: Profile, theta: Array, trace: list[Iteration]) -> Array:
    """A local minimum by Newton's method, small parameters tried at exactly 0."""
    everything = np.ones(len(theta), bool)
    # a rough minimum shows which parameters go to 0, where Newton's method in all would be slow
    for gradient in (ROUGH * profile.m, profile.negligible * profile.m):
        theta = _fix_signs(profile, _newton(profile, theta, everything, trace, gradient))
        at_zero = _at_zero(profile, theta)
        free = _free(profile, at_zero)
        if not np.all(free):
            at_zero = _newton(profile, at_zero, free, trace, profile.negligible * profile.m)
            at_zero = _fix_signs(profile, at_zero)
            # the gradient in theta is 0 here whatever the data; the slope in phi is what decides
            if all(point.slope >= 0 for point in profile.boundary(at_zero)):
                return at_zero
    return theta


def _newton(
    profile: Profile,
    theta: Array,
    free: NDArray[np.bool_],
    trace: list[Iteration],
    enough: float,
) -> Array:
    """Newton steps in the free parameters to a small enough gradient, or to rounding noise."""
    scale = _parameter_scale(profile)[free]

    def evaluate(theta: Array) -> tuple[Iteration, Array, Array]:
        f, gradient, hessian = profile.approximate(theta)
        gradient = gradient[free] * scale
        point = Iteration(theta, f, float(np.max(np.abs(gradient), initial=0.0)))
        return point, gradient, hessian[np.ix_(free, free)] * np.outer(scale, scale)

    point, gradient, hessian = evaluate(theta)
    if not trace or not np.array_equal(trace[-1].theta, theta):
        trace.append(point)
    for _ in range(MAX_ITERATIONS):
        if point.max_gradient <= enough:
            break
        values, vectors = np.linalg.eigh(hessian)
        # |H| turns Newton away from saddle points and maxima; near the optimum it is H itself
        curvature = np.maximum(np.abs(values), 1e-8 * np.max(np.abs(values)))
        step = -vectors @ ((vectors.T @ gradient) / curvature)
        reach = 2.0 * (1.0 + np.linalg.norm(point.theta[free] / scale))
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
        if not falls and trial.max_gradient > 0.1 * point.max_gradient:
            break  # neither the criterion nor the gradient gets smaller: this is rounding
        point, gradient, hessian = trial, trial_gradient, trial_hessian
        trace.append(point)
    return point.theta


def _parameter_scale(profile: Profile) -> Array:
    parts = zip(profile.covariance.placements(), profile.z_scale, strict=True)
    return np.concatenate([np.empty(0)] + [p.structure.parameter_scale(z) for p, z in parts])


def _starts(profile: Profile) -> list[Array]:
    """Starting values; structures that want several have them tried side by side."""
    starts = [s.starts() for s, _, _ in profile.covariance.placements()]
    scale = _parameter_scale(profile)
    return [scale * np.concatenate([np.empty(0)] + [own[i % len(own)] for own in starts])
            for i in range(max((len(own) for own in starts), default=1))]


def _null(profile: Profile) -> Array:
    """The theta without any random effects."""
    return np.concatenate([np.empty(0)] + [
        s.null() for s, _, _ in profile.covariance.placements()])


def _reported(profile: Profile, theta: Array, sigma2: float) -> Array:
    """sigma2 and the reported parameters, covariances in squared units of y."""
    phi = profile.covariance.phi(theta)
    return np.append(sigma2, np.where(profile.covariance.scaled, sigma2 * phi, phi))


def _fix_signs(profile: Profile, theta: Array) -> Array:
    return np.concatenate([np.empty(0)] + [
        s.fix_signs(theta[part]) for s, part, _ in profile.covariance.placements()])


def _free(profile: Profile, theta: Array) -> NDArray[np.bool_]:
    return np.concatenate([np.empty(0, bool)] + [
        s.free(theta[part]) for s, part, _ in profile.covariance.placements()])


def _at_zero(profile: Profile, theta: Array) -> Array:
    """theta with every structure that is nearly singular made exactly singular."""
    at_zero = theta.copy()
    for (s, part, _), z in zip(profile.covariance.placements(), profile.z_scale, strict=True):
        singular = s.truncated(theta[part], z, SMALL)
        if not np.all(s.free(singular)):
            at_zero[part] = singular
    return at_zero


def _check_identified(profile: Profile) -> None:
    """Refuse models whose variances the data cannot tell apart, or whose sigma2 would be 0."""
    scale = _parameter_scale(profile)
    if not len(scale):
        return
    # expected information on (sigma2, phi) at phi = 0: singular if I and the Z E_j Z' are dependent
    null, scaled = _null(profile), np.append(True, profile.covariance.scaled)
    information = profile.information(null, "expected")[np.ix_(scaled, scaled)]
    size = np.sqrt(np.append(information[0, 0], np.maximum(np.diag(information)[1:], 0.0)))
    names = [n for n, kept in zip(_parameter_names(profile), scaled, strict=True) if kept]
    units = np.concatenate([np.empty(0)] + [
        _phi_unit(p.structure.directions(null[p.theta])[p.structure.scaled], z)
        * np.sqrt(len(p.rows))
        for p, z in zip(profile.covariance.placements(), profile.z_scale, strict=True)])
    lost = [n for n, s, u in zip(names[1:], size[1:], units, strict=True) if s <= 1e-7 * u]
    if lost:
        raise ValueError(f"not identified: {', '.join(lost)}; the columns of X already explain "
                         "these random effects: leave the term or those columns out")
    values, vectors = np.linalg.eigh(information / np.outer(size, size))
    if values[0] < 1e-10:
        mixed = [n for n, v in zip(names, vectors[:, 0], strict=True) if abs(v) > 1e-3]
        raise ValueError(
            f"not identified: the data cannot tell {' and '.join(mixed)} apart (one observation "
            "per level, or the same random effect twice?); leave a term out"
        )
    large = np.where(profile.covariance.scaled, 1e6, 1.0) * _starts(profile)[0]
    saturated = any(s.edges(null[part], z) for (s, part, _), z in zip(
        profile.covariance.placements(), profile.z_scale, strict=True))
    if not saturated and profile.sigma2(large) <= 1e-11 * profile.sigma2(null):
        raise ValueError(
            "the random effects fit the response exactly: no residual variation is left, sigma2 "
            "would be 0 and the likelihood has no maximum; check the response, or leave a term out"
        )


def _check_edges(profile: Profile, theta: Array) -> None:
    """Refuse an optimum that runs away to where the model is another one, and name that one."""
    lowest = profile.criterion(theta)
    for (s, part, _), z in zip(profile.covariance.placements(), profile.z_scale, strict=True):
        for far, advice in s.edges(theta[part], z):
            edge = theta.copy()
            edge[part] = far
            if profile.criterion(edge) <= lowest + 1e-9 * profile.m:
                raise ValueError(advice)


def _phi_unit(phi_basis: Array, z_scale: Array) -> Array:
    """The size of sqrt(1/2) |Z E_j Z'| within one level, for each direction E_j."""
    outer = np.outer(z_scale, z_scale)
    return np.sqrt(0.5) * np.array([np.linalg.norm(e * outer) for e in phi_basis])


def _parameter_names(profile: Profile) -> tuple[str, ...]:
    names = ["sigma2"]
    for (s, _, _), term in zip(profile.covariance.placements(), profile.model.terms, strict=True):
        names += [f"{term.name}: {label}" for label in s.labels(term.effects)]
    return tuple(names)


def _standard_errors(profile: Profile, theta: Array, kind: str) -> Array:
    """Standard errors of (sigma2, psi), psi = sigma2 phi, from the information on (sigma2, phi)."""
    regular = np.concatenate([np.array([True])] + [
        s.regular(theta[part]) for s, part, _ in profile.covariance.placements()])
    information = profile.information(theta, kind)[np.ix_(regular, regular)]
    size = np.sqrt(np.abs(np.diag(information)))
    correlation = information / np.outer(size, size)
    se = np.full(len(regular), np.nan)
    if np.linalg.eigvalsh(correlation)[0] <= 1e-12:
        return se
    vcov = np.linalg.inv(correlation) / np.outer(size, size)
    scaled, phi = profile.covariance.scaled, profile.covariance.phi(theta)
    jacobian = np.diag(np.append(1.0, np.where(scaled, profile.sigma2(theta), 1.0))[regular])
    jacobian[:, 0] = np.append(1.0, np.where(scaled, phi, 0.0))[regular]  # psi = sigma2 phi
    se[regular] = np.sqrt(np.diag(jacobian @ vcov @ jacobian.T))
    return se


def _components(
    profile: Profile, theta: Array, sigma2: float, terms: list[Term]
) -> list[VarianceComponent]:
    return [
        VarianceComponent(term.name, effects, sigma2 * gamma)
        for (s, part, _), term in zip(profile.covariance.placements(), terms, strict=True)
        for effects, gamma in [s.reported(theta[part], term.effects)]
    ]


def _by_term(terms: list[Term], values: list[Array]) -> dict[str, Array]:
    return {term.name: value for term, value in zip(terms, values, strict=True)}
