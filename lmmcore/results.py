"""What a fit reports: estimates, standard errors, random effects, and a table as lme4 prints it.

See the chapter "A first fit".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from lmmcore.covariance.structures import Array, BoundaryPoint, variance_label
from lmmcore.criterion import Criterion
from lmmcore.model import LinearMixedModel, Term
from lmmcore.tables import Report, Rows, aligned, html, number

if TYPE_CHECKING:
    from lmmcore.inference.degrees_of_freedom import ContrastTests
    from lmmcore.inference.intervals import ProfileIntervals

FLAT = 1e-13  # a curvature this much below the greatest cannot be told from none
GRADIENT_TOLERANCE = 1e-8  # largest gradient per observation, theta in units of the columns of Z
LONG, SHOWN = 16, 6  # a longer trace shows so many steps at each end


@dataclass(frozen=True)
class Iteration:
    """One point of the trace: theta, the criterion and the largest scaled gradient there."""

    theta: Array
    criterion: float
    max_gradient: float


class Trace(list[Iteration]):
    """The points that a maximisation visited, from the start; it shows itself as a table."""

    def __repr__(self) -> str:
        return "\n".join(aligned(self._rows()))

    def _repr_html_(self) -> str:
        return html("Iterations", self._rows())

    def _rows(self) -> Rows:
        theta = [f"theta{j + 1}" for j in range(len(self[0].theta))] if self else []
        rows = [["step", *theta, "criterion", "above the end", "max |gradient|"]]
        for i, point in enumerate(self):
            if len(self) > LONG and SHOWN <= i < len(self) - SHOWN:
                if i == SHOWN:
                    rows.append(["..."] + [""] * (len(rows[0]) - 1))
                continue
            rows.append([str(i), *(f"{t:.6g}" for t in point.theta), f"{point.criterion:.8f}",
                         f"{point.criterion - self[-1].criterion:.1e}",
                         f"{point.max_gradient:.1e}"])
        return rows


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
class Fit(Report):
    """A fitted linear mixed model; made by :func:`lmmcore.fitting.fit`.

    Attributes
    ----------
    model : LinearMixedModel
    method : {"REML", "ML"}
    optimiser : {"newton", "fisher", "average-information", "em"}
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
    iterations : Trace
        The points visited, a list of :class:`Iteration` that prints as a table.
    """

    model: LinearMixedModel
    method: str
    optimiser: str
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
    iterations: Trace = field(repr=False)

    @property
    def se(self) -> Array:
        return np.sqrt(np.diag(self.vcov_beta))

    @property
    def criterion(self) -> float:
        return -2.0 * self.log_likelihood

    @property
    def phi(self) -> Array:
        """The reported parameters in units of sigma2, shape (n_theta,)."""
        return self.model.covariance.phi(self.theta)

    @property
    def fitted(self) -> Array:
        fitted, u = self.model.X @ self.beta, np.empty(self.model.k)
        for at, value in zip(self.model.effects_at, self.random_effects.values(), strict=True):
            u[at] = value
        return fitted + self.model.Z @ u

    @property
    def residuals(self) -> Array:
        return self.model.y - self.fitted

    @property
    def slopes_tau2(self) -> Array:
        """d criterion / d tau2 for each entry of ``boundary``: the slope in phi over sigma2."""
        return np.array([point.slope / self.sigma2 for point in self.boundary])

    def tests(self, df: str = "satterthwaite") -> ContrastTests:
        """:func:`lmmcore.inference.degrees_of_freedom.t_tests` of the fixed effects."""
        from lmmcore.inference.degrees_of_freedom import t_tests

        return t_tests(self, df)

    def intervals(self, level: float = 0.95) -> ProfileIntervals:
        """:func:`lmmcore.inference.intervals.profile_intervals` of all parameters."""
        from lmmcore.inference.intervals import profile_intervals

        return profile_intervals(self, level)

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

    def _captioned(self) -> list[tuple[str, Rows]]:
        se = dict(zip(self.parameters, self.se_observed, strict=True))
        random = [["Group", "Name", "Variance", "Std.Err.", "Std.Dev.", "Corr"]]
        for c in self.variance_components:
            for i, effect in enumerate(c.effects):
                own, common = f"{c.group}: {variance_label(effect)}", f"{c.group}: var(all)"
                error = se[own] if own in se else se[common]
                random.append([
                    c.group if i == 0 else "", effect, number(c.covariance[i, i]), number(error),
                    number(c.sd[i]), " ".join(f"{r:.3f}" for r in c.correlation[i, :i]),
                ])
        random.append(["Residual", "", number(self.sigma2), number(se["sigma2"]),
                       number(np.sqrt(self.sigma2)), ""])
        tables = [("Random effects", random)]
        coefficients = [["", "Estimate", "Std.Err."]]
        for name, value, scaled in zip(self.parameters[1:], self.estimates[1:],
                                       self.model.covariance.scaled, strict=True):
            if not scaled:
                coefficients.append([name, number(value), number(se[name])])
        if len(coefficients) > 1:
            tables.append(("Autoregression", coefficients))
        fixed = [["", "Estimate", "Std.Err.", "t value"]]
        for name, b, s in zip(self.model.names, self.beta, self.se, strict=True):
            fixed.append([name, number(b), number(s), f"{b / s:.3f}"])
        return [*tables, ("Fixed effects", fixed)]

    def _remarks(self) -> list[str]:
        if self.converged:
            remarks = [f"Converged: gradient below {GRADIENT_TOLERANCE:g} per observation, "
                       "Hessian positive definite."]
        else:
            bad = "" if self.hessian_positive_definite else ", Hessian not positive definite"
            remarks = [f"NOT CONVERGED after {len(self.iterations) - 1} steps: max |gradient| "
                       f"{self.max_gradient:.1e}{bad}. Do not rely on these estimates."]
        for point, slope in zip(self.boundary, self.slopes_tau2, strict=True):
            remarks.append(
                f"Boundary: {point.label} is estimated as 0. The criterion rises from there, with "
                f"slope {slope:.4g} in the variance ({point.slope:.4g} in phi)."
            )
        return remarks


def report(profile: Criterion, optimiser: str, theta: Array, trace: Trace) -> Fit:
    """The fit that has ended at theta (n_theta,)."""
    model, sigma2, solution = profile.model, profile.sigma2(theta), profile.solution(theta)
    boundary = profile.boundary(theta)
    max_gradient, definite = _slope_and_bend(profile, theta)
    settled = all(point.slope >= -1e-6 for point in boundary)
    observed, expected = (np.sqrt(np.diag(reported_covariance(profile, theta, kind)))
                          for kind in ("observed", "expected"))
    return Fit(
        model=model, method=profile.method, optimiser=optimiser, theta=theta, sigma2=sigma2,
        beta=solution.beta, vcov_beta=sigma2 * solution.vcov,
        log_likelihood=profile.log_likelihood(theta),
        variance_components=variance_components(profile, theta, sigma2),
        parameters=parameter_names(profile), estimates=reported(profile, theta, sigma2),
        se_observed=observed, se_expected=expected,
        random_effects=_by_term(model.terms, solution.random_effects),
        conditional_variances=_by_term(model.terms, [sigma2 * v for v in solution.conditional]),
        converged=bool(max_gradient <= GRADIENT_TOLERANCE * profile.m and definite and settled),
        max_gradient=max_gradient, hessian_positive_definite=definite, boundary=boundary,
        iterations=trace,
    )


def _slope_and_bend(profile: Criterion, theta: Array) -> tuple[float, bool]:
    """The largest slope in a free parameter, and whether the criterion bends upwards in them."""
    covariance = profile.covariance
    scale, free = covariance.parameter_scale(profile.z_scale), covariance.free(theta)
    _, gradient, hessian = profile.derivatives(theta)
    curvature = np.linalg.eigvalsh((hessian * np.outer(scale, scale))[np.ix_(free, free)])
    return (float(np.max(np.abs(gradient * scale)[free], initial=0.0)),
            bool(np.all(curvature > FLAT * np.max(curvature, initial=0.0))))


def reported(profile: Criterion, theta: Array, sigma2: float) -> Array:
    """sigma2 and the reported parameters, covariances in squared units of y."""
    phi = profile.covariance.phi(theta)
    return np.append(sigma2, np.where(profile.covariance.scaled, sigma2 * phi, phi))


def parameter_names(profile: Criterion) -> tuple[str, ...]:
    """Names of sigma2 and the reported parameters, (1 + n_theta,)."""
    names = ["sigma2"]
    for (s, _, _), term in zip(profile.covariance.placements, profile.model.terms, strict=True):
        names += [f"{term.name}: {label}" for label in s.labels(term.effects)]
    return tuple(names if profile.covariance.errors is None else [*names, "errors: a"])


def variance_components(
    profile: Criterion, theta: Array, sigma2: float
) -> list[VarianceComponent]:
    """The covariances of one level's random effects, term by term."""
    return [
        VarianceComponent(term.name, effects, sigma2 * gamma)
        for (s, part, _), term in zip(profile.covariance.placements, profile.model.terms,
                                      strict=True)
        for effects, gamma in [s.reported(theta[part], term.effects)]
    ]


def reported_covariance(profile: Criterion, theta: Array, kind: str) -> Array:
    """Covariance of (sigma2, psi), psi = sigma2 phi, by the "observed" or "expected" information.

    It is nan for parameters at the edge of their range, and for all where it is singular.
    """
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


def _by_term(terms: list[Term], values: list[Array]) -> dict[str, Array]:
    return {term.name: value for term, value in zip(terms, values, strict=True)}
