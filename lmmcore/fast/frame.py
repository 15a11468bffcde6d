"""Random effects in coordinates in which rounding does least harm.

Calendar years are nearly a multiple of the intercept. The line of a subject is then described by
its height in the year 0, which is far from the data, and by its slope, and Var U has nearly
dependent entries of very different sizes: second derivatives lose most of their digits. But
Z U = Z* U* for Z = Z* T and U* = T U. Let T be lower triangular and the columns of Z* orthogonal.
Then Lambda* = T Lambda is lower triangular too, and an unstructured covariance stays one:

    Gamma = T^-1 Gamma* T^-1',   Lambda = T^-1 Lambda*,   U = T^-1 U*.

The likelihood is the same, so the model is fitted with Z*, and the results are turned back.
See the chapter "A first fit" (B2, B16).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import solve_triangular

from lmmcore.covariance.structures import Array, Unstructured
from lmmcore.criterion import Criterion
from lmmcore.model import LinearMixedModel, Term
from lmmcore.results import (
    Fit,
    Iteration,
    Trace,
    parameter_names,
    reported,
    reported_covariance,
    variance_components,
)

NEAR = 1e3  # the condition of Z'Z, columns of length 1, from which on coordinates are turned


@dataclass(frozen=True)
class Frame:
    """A model with the columns of Z* in the place of Z, and the way back.

    Attributes
    ----------
    model : LinearMixedModel
    back : list of (q, q) arrays
        T^-1, term by term; the identity where nothing is turned.
    """

    model: LinearMixedModel
    back: list[Array]

    def theta_back(self, theta: Array) -> Array:
        """theta of Lambda = T^-1 Lambda*, (n_theta,)."""
        return self._times(self.back, theta)

    def theta_into(self, theta: Array) -> Array:
        """theta of Lambda* = T Lambda, (n_theta,)."""
        return self._times([np.linalg.inv(B) for B in self.back], theta)

    def _times(self, matrices: list[Array], theta: Array) -> Array:
        out = np.array(theta, float)
        for (s, part, _), B in zip(self.model.covariance.placements, matrices, strict=True):
            if isinstance(s, Unstructured):
                out[part] = s.fix_signs((B @ s.factor(out[part])).T[np.triu_indices(len(B))])
        return out

    def jacobian(self) -> Array:
        """d(sigma2, psi)/d(sigma2, psi*), (1 + n_theta, 1 + n_theta): Gamma is linear in Gamma*."""
        out = np.eye(1 + self.model.covariance.n_theta)
        for (s, part, _), B in zip(self.model.covariance.placements, self.back, strict=True):
            if isinstance(s, Unstructured):
                at = slice(1 + part.start, 1 + part.stop)
                out[at, at] = np.array([s.phi_of(B @ e @ B.T) for e in s.phi_basis]).T
        return out


def orthogonal(model: LinearMixedModel) -> Frame | None:
    """The model in better coordinates, or None if its own are good enough.

    Parameters
    ----------
    model : LinearMixedModel
        Turned are unstructured terms of several effects whose columns are nearly dependent, in
        models whose terms have independent levels.
    """
    if not isinstance(model, LinearMixedModel) or not model.exchangeable:
        return None
    turned = [_turned(term, p.structure) for term, p in zip(
        model.terms, model.covariance.placements, strict=True)]
    if all(new is term for (new, _), term in zip(turned, model.terms, strict=True)):
        return None
    X = dict(zip(model.names, model.X.T, strict=True))
    return Frame(LinearMixedModel(model.y, X, covariance=model.covariance,
                                  terms=[new for new, _ in turned]), [B for _, B in turned])


def _turned(term: Term, structure: object) -> tuple[Term, Array]:
    """The term with orthogonal columns of mean square 1, and T^-1; or as it is, and I."""
    n, q = term.columns.shape
    if not isinstance(structure, Unstructured) or q == 1:
        return term, np.eye(q)
    cross = term.columns.T @ term.columns
    length = np.sqrt(np.diag(cross))
    if np.linalg.cond(cross / np.outer(length, length)) < NEAR:
        return term, np.eye(q)
    # Z with its columns in reverse is Q R with R upper triangular: in order again, R is lower
    Q, R = np.linalg.qr((term.columns / length)[:, ::-1])
    T = (R * length[::-1])[::-1, ::-1] / np.sqrt(n)
    if np.min(np.abs(np.diag(R))) < 1e-10:
        return term, np.eye(q)  # dependent: what fit says of that is better said of the effects
    back = solve_triangular(T, np.eye(q), lower=True)
    return replace(term, columns=Q[:, ::-1] * np.sqrt(n)), back


def turned_back(frame: Frame, profile: Criterion, found: Fit, own: Criterion) -> Fit:
    """The fit of a model, from that of its frame.

    Parameters
    ----------
    frame : Frame
    profile, own : Criterion
        Of the frame's model, and of the model itself.
    found : Fit
        Of the frame's model.
    """
    theta, turn = frame.theta_back(found.theta), frame.jacobian()

    def standard_errors(kind: str) -> Array:
        vcov = reported_covariance(profile, found.theta, kind)
        known = np.isfinite(np.diag(vcov))  # a term is known as a whole, or not at all
        se, own = np.full(len(vcov), np.nan), np.ix_(known, known)
        se[known] = np.sqrt(np.diag(turn[own] @ vcov[own] @ turn[own].T))
        return se

    back = dict(zip(found.random_effects, frame.back, strict=True))
    return replace(
        found, model=own.model, theta=theta,
        variance_components=variance_components(own, theta, found.sigma2),
        parameters=parameter_names(own), estimates=reported(own, theta, found.sigma2),
        se_observed=standard_errors("observed"), se_expected=standard_errors("expected"),
        random_effects={name: u @ back[name].T for name, u in found.random_effects.items()},
        conditional_variances={name: back[name] @ V @ back[name].T
                               for name, V in found.conditional_variances.items()},
        boundary=own.boundary(theta) if found.boundary else [],
        iterations=Trace(Iteration(frame.theta_back(point.theta), point.criterion,
                                   point.max_gradient) for point in found.iterations))
