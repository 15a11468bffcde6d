"""Every structure knows what the definition says of W, and its criterion follows from that."""

import numpy as np
import pytest

from lmmcore import AR1, RandomWalk, grouped, series
from lmmcore.criterion import Expansion
from lmmcore.fast.blocks import orthonormal
from lmmcore.fast.crossed import CrossedProfile
from lmmcore.fast.errors import ErrorsProfile
from lmmcore.fast.groups import GroupedProfile
from lmmcore.fast.series import SeriesProfile
from lmmcore.fast.vector_terms import VectorTermsProfile
from lmmcore.profile import Profile
from lmmcore.textbook import definition

METHODS = pytest.mark.parametrize("method", ["REML", "ML"])


def design(kind, seed):
    """A random model of the kind, its form of the criterion, and a random theta."""
    rng = np.random.default_rng(seed)
    n, p = int(rng.integers(18, 30)), int(rng.integers(1, 4))
    g, h, time = rng.integers(0, 5, n), rng.integers(0, 3, n), np.sort(rng.permutation(2 * n)[:n])
    X = {"1": np.ones(n), **{f"x{j}": rng.standard_normal(n) for j in range(1, p)}}
    y, z = rng.standard_normal((2, n)) * np.exp(rng.standard_normal((2, 1)))
    slopes = {"1": np.ones(n), "z": z}
    form, model = {
        "general": (Profile, lambda: grouped(y, X, {"g": g, "h": h}, {"g": slopes})),
        "groups": (GroupedProfile, lambda: grouped(y, X, {"g": g}, {"g": slopes})),
        "crossed": (CrossedProfile, lambda: grouped(y, X, {"g": g, "h": h}, {"h": {"z": z}})),
        "vector terms": (VectorTermsProfile,
                         lambda: grouped(y, X, {"g": g, "h": h}, {"g": slopes})),
        "series": (SeriesProfile, lambda: series(y, X, time)),
        "walk": (SeriesProfile, lambda: series(y, X, time, RandomWalk())),
        "errors": (ErrorsProfile, lambda: grouped(y, X, {"g": g}, {"g": slopes},
                                                  errors=AR1(time, within=h))),
        "errors alone": (ErrorsProfile, lambda: grouped(y, X, {}, errors=AR1(time))),
    }[kind]
    model = model()
    return model, form, rng.standard_normal(model.covariance.n_theta)


KINDS = pytest.mark.parametrize("kind", ["general", "groups", "crossed", "vector terms", "series",
                                         "walk", "errors", "errors alone"])
SEEDS = pytest.mark.parametrize("seed", range(6))


def theta_of(kind, theta, phi):
    """theta of phi where this has an autocorrelation for its last, W a smooth function of both."""
    if kind == "series":
        return np.array([np.sqrt(phi[0]), np.arctanh(phi[1])])
    return np.append(theta[:-1], np.arctanh(phi[-1]))


def derivatives_of_W(kind, model, theta):
    """W_i and W_ij in phi; where W bends, by differences of high order."""
    k, W = model.covariance, definition.relative_covariance(model, theta)
    directions = [model.Z @ (model.Z @ D.T).T for D in k.directions(theta)]
    first, second = np.array(directions), np.zeros((len(theta),) * 2 + W.shape)
    if kind in ("series", "errors", "errors alone"):
        phi, h = k.phi(theta), 0.01 * (1 - k.phi(theta)[-1] ** 2)

        def at(j):
            step = np.zeros(len(phi))
            step[-1] = j * h
            return definition.relative_covariance(model, theta_of(kind, theta, phi + step))

        near = [at(j) for j in range(-4, 5)]
        first[-1] = np.tensordot([1 / 280, -4 / 105, 1 / 5, -4 / 5, 0, 4 / 5, -1 / 5, 4 / 105,
                                  -1 / 280], near, 1) / h
        second[-1, -1] = np.tensordot([-1 / 560, 8 / 315, -1 / 5, 8 / 5, -205 / 72, 8 / 5, -1 / 5,
                                       8 / 315, -1 / 560], near, 1) / h**2
    if kind == "series":  # W - I is proportional to its first entry
        second[0, 1] = second[1, 0] = first[1] / phi[0]
    return first, second


@METHODS
@KINDS
@SEEDS
def test_the_criterion_to_second_order_by_definition(kind, seed, method):
    model, form, theta = design(kind, seed)
    y, X, (first, second) = model.y, model.X, derivatives_of_W(kind, model, theta)
    W = definition.relative_covariance(model, theta)
    P = definition.projection(X, W)
    M, Py = P if method == "REML" else np.linalg.inv(W), P @ y
    profile = form(model, method)
    rss, log_det = profile.pieces(theta)
    XWX = X.T @ np.linalg.solve(W, X)
    assert rss == pytest.approx(y @ Py, rel=1e-11)
    assert log_det == pytest.approx(definition.log_det(W) + (method == "REML") * definition.log_det(
        XWX), abs=1e-11)
    near = Expansion(profile.at(theta), profile._directions(theta, True), method == "REML")
    np.testing.assert_allclose(near.dlog_det, [np.sum(M * D) for D in first], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(near.drss, [-Py @ D @ Py for D in first], rtol=1e-9,
                               atol=1e-9 * rss)
    bends = [[(np.sum(M * B), -Py @ B @ Py) for B in row] for row in second]
    want = [[(-np.sum(M @ D * (M @ E).T), 2 * Py @ D @ P @ E @ Py) for D in first] for E in first]
    det, of_rss = np.moveaxis(np.array(want) + np.array(bends), -1, 0)
    scale = np.sqrt(np.outer(np.abs(np.diag(det)), np.abs(np.diag(det)))) + 1
    np.testing.assert_allclose(near.ddlog_det() / scale, det / scale, atol=1e-8)
    np.testing.assert_allclose(near.ddrss() / scale / rss, of_rss / scale / rss, atol=1e-8)


@METHODS
@pytest.mark.parametrize("kind", ["groups", "crossed"])
@SEEDS
def test_what_a_structure_knows_of_W_by_definition(kind, seed, method):
    """log|W| and S = [X r]'W^-1[X r], with X such that X'W^-1X = I, along the W_i."""
    model, form, theta = design(kind, seed)
    profile, (first, _) = form(model, method), derivatives_of_W(kind, model, theta)
    W, Q = definition.relative_covariance(model, theta), model.least_squares.Q
    known, inverse = profile.at(theta), np.linalg.inv(W)
    Xr = np.column_stack([Q @ orthonormal(known.Sxx), model.least_squares.residuals
                          - Q @ known.beta])
    S = Xr.T @ inverse @ Xr
    np.testing.assert_allclose(S, np.diag([*np.ones(model.p), known.rss]), atol=1e-11)
    np.testing.assert_allclose(known.Sxx, Q.T @ inverse @ Q, rtol=1e-11)
    assert known.log_det == pytest.approx(definition.log_det(W), abs=1e-12)
    D = profile._directions(theta, True)
    WD = inverse @ first
    np.testing.assert_allclose(known.dlog_det(D), np.trace(WD, axis1=1, axis2=2), rtol=1e-11)
    np.testing.assert_allclose(known.dS(D), -Xr.T @ WD @ inverse @ Xr, rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(known.ddlog_det(D), -np.einsum("iab,jba->ij", WD, WD), rtol=1e-10)
    half = [[2 * Xr.T @ A @ B @ inverse @ Xr for B in WD] for A in WD]
    np.testing.assert_allclose(known.ddSxx(D), np.trace(np.array(half)[..., :-1, :-1], axis1=2,
                                                        axis2=3), rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(known.ddrss(D), np.array(half)[..., -1, -1], rtol=1e-10)


@METHODS
@KINDS
@SEEDS
def test_the_information_on_theta_follows_from_that_on_phi_by_the_chain_rule(kind, seed, method):
    """The expected one has no slopes in it: it turns with the Jacobian, and keeps sigma2."""
    model, form, theta = design(kind, seed)
    profile, h = form(model, method), 1e-5
    phi = model.covariance.phi
    turn = np.eye(1 + len(theta))
    turn[1:, 1:] = np.transpose([(phi(theta + e) - phi(theta - e)) / (2 * h)
                                 for e in h * np.eye(len(theta))])
    np.testing.assert_allclose(profile.information(theta, "expected", reported=False),
                               turn.T @ profile.information(theta, "expected") @ turn, rtol=1e-6,
                               atol=1e-7)
