"""The methods of maximisation as textbooks have them: steps on the variances, by definition (B36).

V = sum_j psi_j V_j for psi = (sigma2, tau2_1, tau2_2, ...), V_0 = I and V_j = Z_jZ_j'. With the
score s(psi) and an information I(psi), observed, expected or average,

    Newton, Fisher scoring, average information:   psi + I(psi)^-1 s(psi)
    EM:                                            psi_j + (2 psi_j^2 / q_j) s_j(psi)

where q_j is the number of effects in U_j, and q_0 = n. All with n x n matrices, so for small data;
:mod:`lmmcore.maximisation` is what a fit runs. See the chapter "Maximisation".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lmmcore.covariance.structures import Array
from lmmcore.maximisation import KINDS, OPTIMISERS
from lmmcore.model import LinearMixedModel
from lmmcore.textbook import definition

SETTLED = 1e-12  # relative change of every variance after which a path ends


def log_likelihood(model: LinearMixedModel, psi: Array, method: str = "REML") -> float:
    """The (restricted) log likelihood of the variances psi (1 + r,), beta at its best (B11)."""
    by_method = {"REML": definition.restricted_log_likelihood,
                 "ML": definition.profile_log_likelihood}
    return by_method[method](model.y, model.X, _covariance(model, psi))


def score(model: LinearMixedModel, psi: Array, method: str = "REML") -> Array:
    """Its gradient in psi, (1 + r,) (A11)."""
    by_method = {"REML": definition.restricted_score, "ML": definition.score}
    return by_method[method](model.y, model.X, _covariance(model, psi), _directions(model))


def step_matrix(
    model: LinearMixedModel, psi: Array, optimiser: str, method: str = "REML"
) -> Array:
    """The matrix that turns the score into a step, (1 + r, 1 + r).

    Parameters
    ----------
    model : LinearMixedModel
        With one variance for each term.
    psi : (1 + r,) array
        sigma2 and the variances of the terms, positive, in squared units of y.
    optimiser : {"newton", "fisher", "average-information", "em"}
    method : {"REML", "ML"}

    Raises
    ------
    ValueError
        If there is no such optimiser, or a term has several parameters.
    """
    if optimiser not in OPTIMISERS:
        raise ValueError(f"no optimiser {optimiser!r}; there are {', '.join(OPTIMISERS)}")
    directions = _directions(model)
    if optimiser == "em":
        sizes = [model.n] + [rows.size for _, _, rows in model.covariance.placements]
        return np.diag(2.0 * psi**2 / sizes)
    y, X, V = model.y, model.X, _covariance(model, psi)
    information = {
        "observed": lambda: definition.observed_information(y, X, V, directions, method),
        "expected": lambda: definition.expected_information(X, V, directions, method),
        "average": lambda: definition.average_information(y, X, V, directions),
    }[KINDS[optimiser]]()
    return np.linalg.inv(information)


def path(
    model: LinearMixedModel,
    start: ArrayLike,
    optimiser: str,
    method: str = "REML",
    steps: int = 50,
    damped: bool = True,
) -> Array:
    """The points that a method visits, start first, (at most steps + 1, 1 + r).

    Parameters
    ----------
    model : LinearMixedModel
        With one variance for each term.
    start : (1 + r,) array
        sigma2 and the variances of the terms, positive.
    optimiser : {"newton", "fisher", "average-information", "em"}
    method : {"REML", "ML"}
    steps : int
    damped : bool
        Halve a step until it keeps the variances positive and does not lower the likelihood. The
        path ends where no step does. Undamped, it ends where a variance would not be positive.

    Raises
    ------
    ValueError
        As :func:`step_matrix`; or if the start has the wrong length or is not positive.
    """
    psi = np.asarray(start, float)
    if psi.shape != (1 + len(model.terms),) or not np.all(psi > 0):
        raise ValueError(f"start must be {1 + len(model.terms)} positive variances, sigma2 first")
    points = [psi]
    for _ in range(steps):
        step = step_matrix(model, psi, optimiser, method) @ score(model, psi, method)
        now = log_likelihood(model, psi, method)
        for _ in range(40 if damped else 1):
            new = psi + step
            if np.all(new > 0) and (not damped or log_likelihood(model, new, method) >= now):
                break
            step = 0.5 * step
        else:
            break
        settled = np.max(np.abs(new / psi - 1.0)) < SETTLED
        points.append(psi := new)
        if settled:
            break
    return np.array(points)


def rate(model: LinearMixedModel, psi: Array, optimiser: str, method: str = "REML") -> float:
    """How much of the error a step leaves near a maximum psi: the spectral radius of I - M J.

    J is the observed information and M the :func:`step_matrix`. Newton's is 0.
    """
    M = step_matrix(model, psi, optimiser, method)
    J = definition.observed_information(model.y, model.X, _covariance(model, psi),
                                        _directions(model), method)
    return float(np.max(np.abs(np.linalg.eigvals(np.eye(len(psi)) - M @ J))))


def _directions(model: LinearMixedModel) -> list[Array]:
    if model.covariance.n_theta != len(model.terms):
        raise ValueError("steps on the variances are for terms of one variance each")
    return definition.covariance_derivatives(model)


def _covariance(model: LinearMixedModel, psi: Array) -> Array:
    return sum(value * D for value, D in zip(psi, _directions(model), strict=True))
