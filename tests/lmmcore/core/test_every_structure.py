"""Every structure has the whole interface: by itself, alone in a model, and beside any other."""

from itertools import combinations_with_replacement

import numpy as np
import pytest

from lmmcore import (
    AR1,
    Diagonal,
    RandomWalk,
    ScaledIdentity,
    Unstructured,
    fit,
    grouped,
    simulate,
)
from lmmcore.covariance.serial import FreeStart, Stationary, Walk
from lmmcore.covariance.structures import LinearStructure
from lmmcore.fast.choose import criterion_for
from lmmcore.textbook import definition

G, H, T = np.repeat(np.arange(6), 6), np.arange(36) % 5 % 3, np.tile(np.arange(6), 6)
X = np.cos(np.arange(36.0))
LINE = {"1": 1, "x": X}
KINDS = {
    "intercept": ("unstructured", None), "unstructured": ("unstructured", LINE),
    "diagonal": ("diagonal", LINE), "identity": ("identity", LINE),
    "AR1": (AR1, None), "free start": (lambda t: AR1(t, "free"), None), "walk": (RandomWalk, None),
}
STRUCTURES = [ScaledIdentity(3), Diagonal(3), Unstructured(3), Stationary([3, 4]),
              FreeStart([3, 4]), Walk([3, 4])]
EVERY = pytest.mark.parametrize("structure", STRUCTURES, ids=repr)
TIMES = {"g": T, "h": np.where(T > 2, T + 1, T) % 5}  # with a time of which no row is


def inside(structure):
    """A theta inside its range."""
    return structure.starts()[0] + 0.1 * np.arange(1, 1 + structure.n_theta)


def of(kinds, errors):
    """The model with terms of these kinds, and a response drawn from it."""
    names = "gh"[:len(kinds)]
    covariance, columns = {}, {}
    for name, kind in zip(names, kinds, strict=True):
        structure, columns[name] = KINDS[kind]
        covariance[name] = structure if isinstance(structure, str) else structure(TIMES[name])
    factors = {name: {"g": G, "h": H}[name] for name in names}
    model = grouped(X + T, LINE, factors, columns, covariance,
                    errors=AR1(within=np.zeros(len(G))) if errors else None)
    z_scale = [np.ones(len(p.rows[0])) for p in model.covariance.placements]
    theta = 1.5 * model.covariance.starts(z_scale)[0]
    if errors:
        theta[-1] *= -1.5  # neighbours that differ: no series looks like these
    seed = 40 if errors else 1
    return model.with_response(simulate(model, [1.0, 2.0], 1.0, theta, seed=seed)[:, 0])


ERRORS = pytest.mark.parametrize("errors", [False, True], ids=["", "AR(1) errors"])
ALONE, PAIRS = [(kind,) for kind in KINDS], list(combinations_with_replacement(KINDS, 2))
SERIES = {"AR1", "free start", "walk"}


@ERRORS
@pytest.mark.parametrize("kinds", ALONE + PAIRS, ids=" + ".join)
def test_every_structure_has_the_criterion_of_the_definition_beside_every_other(kinds, errors):
    model = of(kinds, errors)
    profile = criterion_for(model, "REML")
    covariance = profile.covariance
    theta = 0.8 * covariance.starts(profile.z_scale)[0] + 0.1
    W = definition.relative_covariance(model, theta)
    Py = definition.projection(model.X, W) @ model.y
    s = float(model.y @ Py) / profile.m
    assert profile.sigma2(theta) == pytest.approx(s, rel=1e-10)
    assert profile.log_likelihood(theta) == pytest.approx(
        definition.restricted_log_likelihood(model.y, model.X, s * W), abs=1e-9)
    steps = 1e-5 * np.eye(len(theta))
    slope = [(profile.criterion(theta + d) - profile.criterion(theta - d)) / 2e-5 for d in steps]
    np.testing.assert_allclose(profile.gradient(theta), slope, atol=1e-6)
    turn = [(profile.gradient(theta + d) - profile.gradient(theta - d)) / 2e-5 for d in steps]
    np.testing.assert_allclose(profile.hessian(theta), turn, atol=1e-5)


# two series, and errors that follow each other too, are more than 36 rows can tell apart
@ERRORS
@pytest.mark.parametrize("kinds", ALONE + PAIRS, ids=" + ".join)
def test_every_structure_is_fitted_beside_every_other(kinds, errors):
    if errors and len(kinds) == 2 and SERIES.issuperset(kinds):
        kinds = kinds[:1]
    model = of(kinds, errors)
    got = fit(model)
    assert got.converged
    V = definition.marginal_covariance(model, got.theta, got.sigma2)
    density = definition.restricted_log_likelihood(model.y, model.X, V)
    assert got.log_likelihood == pytest.approx(density, abs=1e-8)
    np.testing.assert_allclose(got.beta, definition.gls(model.y, model.X, V).beta, atol=1e-8)
    u = np.concatenate([got.random_effects[t.name].ravel() for t in model.terms])
    L = model.covariance.factor(got.theta)
    mean = got.sigma2 * L @ L.T @ model.Z.T @ np.linalg.solve(V, model.y - model.X @ got.beta)
    np.testing.assert_allclose(u, mean, atol=1e-8)
    assert len(got.parameters) == len(got.estimates) == len(got.se_observed) == 1 + len(got.theta)
    for name in got.parameters[1:]:
        assert name in got.summary() or "cov" in name or "var" in name


@EVERY
def test_derivatives_are_those_of_gamma(structure):
    theta, h = inside(structure), 1e-5
    steps = h * np.eye(structure.n_theta)
    moved = [(structure.gamma(theta + d) - structure.gamma(theta - d)) / (2 * h) for d in steps]
    np.testing.assert_allclose(structure.gamma_derivatives(theta), moved, atol=1e-8)
    dphi = np.array([(structure.phi(theta + d) - structure.phi(theta - d)) / (2 * h)
                     for d in steps])
    chain = np.tensordot(dphi, structure.directions(theta), 1)
    np.testing.assert_allclose(chain, moved, atol=1e-8)
    slope = np.cos(np.add.outer(np.arange(structure.size), np.arange(structure.size)))
    bend = [np.tensordot(structure.gamma_derivatives(theta + d)
                         - structure.gamma_derivatives(theta - d), slope, 2) / (2 * h)
            for d in steps]
    np.testing.assert_allclose(structure.bend(theta, slope), bend, atol=1e-7)


@EVERY
def test_what_is_said_of_theta_agrees_with_gamma(structure):
    theta, z = inside(structure), np.linspace(1, 2, structure.size)
    effects = tuple(f"u{i}" for i in range(structure.size))
    n = structure.n_theta
    assert structure.factor(theta).shape == (structure.size,) * 2
    assert structure.parameter_scale(z).shape == structure.scaled.shape == (n,)
    assert len(structure.labels(effects)) == len(structure.phi(theta)) == n
    assert len(structure.phi_unit(z)) == np.sum(structure.scaled)
    assert all(start.shape == (n,) for start in structure.starts())
    assert not np.any(structure.gamma(structure.null()))
    assert np.all(structure.free(theta)) and np.all(structure.regular(theta))
    signs = np.where(structure.scaled, -1.0, 1.0) * theta
    np.testing.assert_allclose(structure.gamma(structure.fix_signs(signs)), structure.gamma(signs))
    np.testing.assert_allclose(structure.truncated(theta, z, 1e-3), theta)
    gone = structure.truncated(theta, z, 1e3)
    assert not np.any(structure.gamma(gone)) and not np.all(structure.free(gone))
    assert structure.boundary(theta, np.eye(structure.size), effects) == []
    assert structure.boundary(gone, np.eye(structure.size), effects)
    assert all(slope > 0 for _, slope, _ in
               structure.boundary(gone, np.eye(structure.size), effects))
    names, covariance = structure.reported(theta, effects)
    assert covariance.shape == (len(names),) * 2
    assert all(edge.shape == (n,) and advice for edge, advice in structure.edges(theta))


@pytest.mark.parametrize("structure", [s for s in STRUCTURES if isinstance(s, LinearStructure)],
                         ids=repr)
def test_a_linear_structure_has_the_theta_of_a_gamma_and_of_one_that_is_near(structure):
    theta, z = inside(structure), np.linspace(1, 2, structure.size)
    np.testing.assert_allclose(structure.theta_of(structure.gamma(theta), z), theta)
    np.testing.assert_allclose(structure.inside(structure.phi(theta), z, 1e-9), theta)
    least = structure.inside(-structure.phi(theta), z, 0.01)
    assert np.all(structure.free(least))
    # the most likely phi where the effects' squares have another mean: the score there is 0
    M = structure.gamma(theta) + 0.3 * np.cos(np.subtract.outer(z, z))
    if isinstance(structure, Walk):
        M[[0, 3]] = M[:, [0, 3]] = 0.0  # where a walk begins it is 0
    found = structure.theta_of(M, z)
    inverse = np.linalg.pinv(structure.gamma(found))
    score = np.tensordot(structure.directions(found), inverse - inverse @ M @ inverse, 2)
    np.testing.assert_allclose(score, 0.0, atol=1e-9)
