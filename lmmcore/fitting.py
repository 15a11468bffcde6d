"""Maximum likelihood and REML fits: Newton's method on the exact profile criterion, and its report.

The criterion is minimised over all theta without bounds, since it is smooth through theta = 0 and
the sign of a column of Lambda does not matter. It is an even function there, with slope 0 whatever
the data: whether an optimum at 0 is real is decided by the slope in phi = tau2/sigma2.
See the chapter "A first fit" (B36).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from html import escape

import numpy as np
from numpy.typing import NDArray

from lmmcore.covariance import Array, BoundaryPoint, variance_label
from lmmcore.model import LinearMixedModel, Term
from lmmcore.profile import Profile
from lmmcore.structure import GroupedProfile, has_groups

GRADIENT_TOLERANCE = 1e-8  # largest gradient per observation, theta in units of the columns of Z
SMALL = 0.05  # a theta this small, in the same units, is tried at exactly 0
ROUGH = 1e-4  # gradient per observation, likewise, after which zeros are looked for
MAX_ITERATIONS = 50


class ConvergenceWarning(UserWarning):
    """The optimiser stopped where the gradient is not 0 or the Hessian not positive definite."""


@dataclass(frozen=True)
class Iteration:
    """One point of the trace: theta, the criterion and the largest scaled gradient there."""

    theta: Array
    criterion: float
    max_gradient: float


@dataclass(frozen=True)
class VarianceComponent:
    """The estimated covariance of one term's random effects.

    Attributes
    ----------
    group : str
    effects : tuple of str
    covariance : (q, q) array
        Var of the q effects of one level, sigma2 Lambda Lambda', in squared units of y.
    sd : (q,) array
    correlation : (q, q) array
        nan where a variance is 0.
    """

    group: str
    effects: tuple[str, ...]
    covariance: Array

    @property
    def sd(self) -> Array:
        return np.sqrt(np.diag(self.covariance))

    @property
    def correlation(self) -> Array:
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.covariance / np.outer(self.sd, self.sd)


@dataclass(frozen=True)
class Fit:
    """A fitted linear mixed model; made by :func:`fit`.

    Attributes
    ----------
    model : LinearMixedModel
    method : {"REML", "ML"}
    theta : (n_theta,) array
        Entries of the relative covariance factor.
    sigma2 : float
    beta, se : (p,) arrays
    vcov_beta : (p, p) array
        sigma2 (X'W^-1X)^-1.
    log_likelihood, criterion : float
        criterion = -2 log_likelihood.
    variance_components : list of VarianceComponent
    parameters : tuple of str
        Names of the covariance parameters: sigma2, then the entries of Var(U) term by term.
    estimates, se_observed, se_expected : (1 + n_theta,) arrays
        Their estimates and standard errors, by the observed and the expected information; nan for
        a parameter on the boundary, which is held fixed for the others.
    random_effects : dict of str to (G, q) arrays
        E(U | y) by term, at the estimates.
    conditional_variances : dict of str to (G, q, q) arrays
        Var(U | y) by term, at the estimates.
    fitted, residuals : (n,) arrays
        X beta + Z E(U | y), and y less that.
    converged : bool
    max_gradient : float
        Largest |d criterion / d theta| among the free parameters, theta in units of Z's columns.
    hessian_positive_definite : bool
    boundary : list of BoundaryPoint
        Variances estimated as 0, with the slope of the criterion in phi which proves it.
    iterations : list of Iteration
    """

    model: LinearMixedModel
    method: str
    theta: Array
    sigma2: float
    beta: Array
    vcov_beta: Array
    log_likelihood: float
    variance_components: list[VarianceComponent]
    parameters: tuple[str, ...]
    estimates: Array
    se_observed: Array
    se_expected: Array
    random_effects: dict[str, Array]
    conditional_variances: dict[str, Array]
    converged: bool
    max_gradient: float
    hessian_positive_definite: bool
    boundary: list[BoundaryPoint]
    iterations: list[Iteration] = field(repr=False)

    @property
    def se(self) -> Array:
        return np.sqrt(np.diag(self.vcov_beta))

    @property
    def criterion(self) -> float:
        return -2.0 * self.log_likelihood

    @property
    def phi(self) -> Array:
        """The free entries of Var(U) / sigma2, shape (n_theta,)."""
        return self.estimates[1:] / self.sigma2

    @property
    def fitted(self) -> Array:
        u = np.empty(self.model.k)
        for (_, _, rows), value in zip(self.model.covariance.placements(),
                                       self.random_effects.values(), strict=True):
            u[rows] = value
        return self.model.X @ self.beta + self.model.Z @ u

    @property
    def residuals(self) -> Array:
        return self.model.y - self.fitted

    @property
    def slopes_tau2(self) -> Array:
        """d criterion / d tau2 for each entry of ``boundary``: the slope in phi over sigma2."""
        return np.array([point.slope / self.sigma2 for point in self.boundary])

    def summary(self) -> str:
        """A table as lme4 prints it, with convergence and boundary in words."""
        random, fixed = self._tables()
        text = [self._title(), "", "Random effects:", *_aligned(random), "", "Fixed effects:",
                *_aligned(fixed), "", *self._remarks()]
        return "\n".join(text)

    def __str__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        random, fixed = self._tables()
        remarks = "".join(f"<p>{escape(line)}</p>" for line in self._remarks())
        title = "".join(f"<p>{escape(line)}</p>" for line in self._title().splitlines())
        return (f"<div>{title}{_html('Random effects', random)}{_html('Fixed effects', fixed)}"
                f"{remarks}</div>")

    def _title(self) -> str:
        groups = ", ".join(f"{t.name} {len(t.levels)}" for t in self.model.terms)
        title = (f"Linear mixed model fit by {self.method}\n"
                 f"Observations: {self.model.n}; levels: {groups or 'none'}\n"
                 f"{self.method} criterion (-2 log likelihood): {self.criterion:.4f}; "
                 f"log likelihood: {self.log_likelihood:.4f}")
        if self.method == "ML":
            d = self.model.p + 1 + len(self.theta)
            title += (f"; AIC {self.criterion + 2 * d:.1f}; "
                      f"BIC {self.criterion + d * np.log(self.model.n):.1f}")
        return title

    def _tables(self) -> tuple[list[list[str]], list[list[str]]]:
        se = dict(zip(self.parameters, self.se_observed, strict=True))
        random = [["Group", "Name", "Variance", "Std.Err.", "Std.Dev.", "Corr"]]
        for c in self.variance_components:
            for i, effect in enumerate(c.effects):
                own, common = f"{c.group}: {variance_label(effect)}", f"{c.group}: var(all)"
                error = se[own] if own in se else se[common]
                random.append([
                    c.group if i == 0 else "", effect, _g(c.covariance[i, i]), _g(error),
                    _g(c.sd[i]), " ".join(f"{r:.3f}" for r in c.correlation[i, :i]),
                ])
        random.append(["Residual", "", _g(self.sigma2), _g(se["sigma2"]),
                       _g(np.sqrt(self.sigma2)), ""])
        fixed = [["", "Estimate", "Std.Err.", "t value"]]
        for name, b, s in zip(self.model.names, self.beta, self.se, strict=True):
            fixed.append([name, _g(b), _g(s), f"{b / s:.3f}"])
        return random, fixed

    def _remarks(self) -> list[str]:
        steps = f"after {len(self.iterations) - 1} steps: max |gradient| {self.max_gradient:.1e}"
        if self.converged:
            remarks = [f"Converged {steps}, Hessian positive definite."]
        else:
            bad = "" if self.hessian_positive_definite else ", Hessian not positive definite"
            remarks = [f"NOT CONVERGED {steps}{bad}. Do not rely on these estimates."]
        for point, slope in zip(self.boundary, self.slopes_tau2, strict=True):
            remarks.append(
                f"Boundary: {point.label} is estimated as 0. The criterion rises from there, with "
                f"slope {slope:.4g} in the variance ({point.slope:.4g} in phi)."
            )
        return remarks


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
    profile = (GroupedProfile if has_groups(model) else Profile)(model, method)
    _check_identified(profile)
    trace: list[Iteration] = []
    theta = _minimise(profile, trace)
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
        estimates=sigma2 * np.append(1.0, profile.covariance.phi(theta)),
        se_observed=observed, se_expected=expected,
        random_effects=_by_term(model.terms, solution.random_effects),
        conditional_variances=_by_term(model.terms, [sigma2 * v for v in solution.conditional]),
        converged=bool(converged), max_gradient=max_gradient, hessian_positive_definite=definite,
        boundary=boundary, iterations=trace,
    )


def _minimise(profile: Profile, trace: list[Iteration]) -> Array:
    """The theta of least criterion: a descent from Lambda = I, and again if a zero is lower."""
    unit = _parameter_scale(profile) * np.concatenate(
        [np.empty(0)] + [s.start() for s, _, _ in profile.covariance.placements()])
    theta = _descend(profile, unit, trace)
    # the criterion may have several minima (A17): one inside can hide a lower one on the boundary
    for _, part, _ in profile.covariance.placements():
        near_zero = theta.copy()
        near_zero[part] = 0.0
        if profile.criterion(near_zero) < profile.criterion(theta):
            near_zero[part] = 0.1 * unit[part]
            other = _descend(profile, near_zero, trace)
            theta = min(theta, other, key=profile.criterion)
    return theta


def _descend(profile: Profile, theta: Array, trace: list[Iteration]) -> Array:
    """A local minimum by Newton's method, small parameters tried at exactly 0."""
    everything = np.ones(len(theta), bool)
    # a rough minimum shows which parameters go to 0, where Newton's method in all would be slow
    for gradient in (ROUGH * profile.m, 0.0):
        theta = _fix_signs(profile, _newton(profile, theta, everything, trace, gradient))
        at_zero = _at_zero(profile, theta)
        free = _free(profile, at_zero)
        if not np.all(free):
            at_zero = _fix_signs(profile, _newton(profile, at_zero, free, trace, 0.0))
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
        f, gradient, hessian = profile.derivatives(theta)
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
        singular = s.theta_of(s.gamma(theta[part]), z, SMALL)
        if not np.all(s.free(singular)):
            at_zero[part] = singular
    return at_zero


def _check_identified(profile: Profile) -> None:
    """Refuse models whose variances the data cannot tell apart, or whose sigma2 would be 0."""
    scale = _parameter_scale(profile)
    if not len(scale):
        return
    # expected information on (sigma2, phi) at phi = 0: singular if I and the Z E_j Z' are dependent
    information = profile.information(np.zeros(len(scale)), "expected")
    size = np.sqrt(np.append(information[0, 0], np.maximum(np.diag(information)[1:], 0.0)))
    names = _parameter_names(profile)
    units = np.concatenate([np.empty(0)] + [
        _phi_unit(p.structure.phi_basis, z) * np.sqrt(len(p.rows))
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
    large = 1e6 * scale * np.concatenate(
        [s.start() for s, _, _ in profile.covariance.placements()])
    none = profile.pieces(np.zeros(len(scale))).rss
    if profile.pieces(large).rss <= 1e-11 * none:
        raise ValueError(
            "the random effects fit the response exactly: no residual variation is left, sigma2 "
            "would be 0 and the likelihood has no maximum; check the response, or leave a term out"
        )


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
    jacobian = np.eye(len(size)) * profile.sigma2(theta)  # d psi / d phi = sigma2
    jacobian[:, 0] = np.append(1.0, profile.covariance.phi(theta))[regular]  # d psi/d sigma2 = phi
    se[regular] = np.sqrt(np.diag(jacobian @ vcov @ jacobian.T))
    return se


def _components(
    profile: Profile, theta: Array, sigma2: float, terms: list[Term]
) -> list[VarianceComponent]:
    return [
        VarianceComponent(term.name, term.effects, sigma2 * s.gamma(theta[part]))
        for (s, part, _), term in zip(profile.covariance.placements(), terms, strict=True)
    ]


def _by_term(terms: list[Term], values: list[Array]) -> dict[str, Array]:
    return {term.name: value for term, value in zip(terms, values, strict=True)}


def _g(x: float) -> str:
    return "-" if np.isnan(x) else f"{x:.5g}"


def _aligned(rows: list[list[str]]) -> list[str]:
    width = [max(len(row[j]) for row in rows) for j in range(len(rows[0]))]
    words = [j for j, cell in enumerate(rows[0]) if cell in ("Group", "Name", "")]
    return [" " + "  ".join(cell.ljust(w) if j in words else cell.rjust(w)
                            for j, (cell, w) in enumerate(zip(row, width, strict=True))).rstrip()
            for row in rows]


def _html(caption: str, rows: list[list[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
                   for row in rows[1:])
    return f"<table><caption>{caption}</caption><tr>{head}</tr>{body}</table>"
