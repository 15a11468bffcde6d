"""Coordinates in which the columns of Z are orthogonal: the same model, and the way back."""

import numpy as np
import pytest

from lmmcore import AR1, grouped
from lmmcore.fast.frame import orthogonal
from lmmcore.profile import Profile

RNG = np.random.default_rng(1)
G = np.repeat(np.arange(6), 5)
Y = RNG.standard_normal(30)
TIME = np.tile(np.arange(5.0), 6)


def lines(columns, kind="unstructured", more=None):
    effects = {f"z{i}": z for i, z in enumerate(columns)}
    return grouped(Y, {"1": 1, "t": TIME}, {"g": G, **(more or {})}, {"g": effects}, {"g": kind})


def correlated(condition):
    """Two columns whose cross-products, at length 1, have this condition."""
    r = (condition - 1) / (condition + 1)
    basis = np.linalg.qr(np.column_stack([np.ones(30), TIME]))[0]
    return [7.0 * basis[:, 0], 0.1 * (r * basis[:, 0] + np.sqrt(1 - r * r) * basis[:, 1])]


YEARS = [np.ones(30), 2000 + TIME, (2000 + TIME) ** 2 + RNG.standard_normal(30)]


@pytest.mark.parametrize("q", [2, 3])
def test_the_frame_is_the_same_model(q):
    model = lines(YEARS[:q], more={"h": np.arange(30) % 4})
    frame = orthogonal(model)
    new, old = frame.model.terms[0].columns, model.terms[0].columns
    np.testing.assert_allclose(new.T @ new, 30 * np.eye(q), atol=1e-9)
    T = np.linalg.inv(frame.back[0])
    np.testing.assert_allclose(new @ T, old, rtol=1e-9)
    np.testing.assert_array_equal(np.triu(frame.back[0], 1), 0)
    np.testing.assert_array_equal(frame.back[1], np.eye(1))
    assert frame.model.terms[1] is model.terms[1]
    assert frame.model.names == model.names and frame.model.terms[0].effects == tuple(
        f"z{i}" for i in range(q))
    theta = np.random.default_rng(2).uniform(0.2, 1.0, model.covariance.n_theta)
    raw = frame.theta_back(theta)
    L, turned = model.covariance.factor(raw)[:q, :q], frame.model.covariance.factor(theta)[:q, :q]
    np.testing.assert_allclose(L @ L.T, frame.back[0] @ turned @ turned.T @ frame.back[0].T,
                               rtol=1e-12)
    assert np.all(np.diag(L) >= 0) and raw[-1] == theta[-1]
    np.testing.assert_allclose(frame.theta_into(raw), theta, rtol=1e-7)
    # Gamma is linear in Gamma*, so the Jacobian takes one to the other
    jacobian = frame.jacobian()
    np.testing.assert_allclose(jacobian[1:, 1:] @ frame.model.covariance.phi(theta),
                               model.covariance.phi(raw), rtol=1e-12)
    np.testing.assert_array_equal(jacobian[0], np.eye(len(jacobian))[0])
    np.testing.assert_array_equal(jacobian[:, 0], np.eye(len(jacobian))[0])
    if q == 2:
        assert Profile(frame.model).criterion(theta) == pytest.approx(
            Profile(model).criterion(raw), abs=1e-6)


@pytest.mark.parametrize(("condition", "turns"), [(900.0, False), (1100.0, True)])
def test_only_nearly_dependent_columns_are_turned(condition, turns):
    assert (orthogonal(lines(correlated(condition))) is not None) == turns


@pytest.mark.parametrize(("difference", "turns"), [(1e-12, False), (1e-8, True)])
def test_dependent_columns_are_left_alone(difference, turns):
    columns = [np.ones(30), 1 + difference * (TIME - 2)]
    assert (orthogonal(lines(columns)) is not None) == turns


def test_other_models_are_left_alone():
    assert orthogonal(lines(YEARS[:2], "diagonal")) is None
    assert orthogonal(lines(YEARS[1:2])) is None
    assert orthogonal(grouped(Y, {"1": 1}, {"g": G}, {"g": {"a": 2000.0}}, AR1())) is None
    errors = AR1(np.tile(np.arange(5), 6))
    effects = {"a": 1, "b": 2000 + TIME}
    assert orthogonal(grouped(Y, {"1": 1}, {"g": G}, {"g": effects}, errors=errors)) is None
    assert orthogonal(None) is None
