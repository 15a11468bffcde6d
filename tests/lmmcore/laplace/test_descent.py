"""The quasi-Newton steps of the outer problem, on functions whose minimum is known."""

import numpy as np
import pytest

from lmmcore.laplace.descent import _updated, descend


def descended(function, gradient, x, inverse):
    """From functions of x alone."""
    return descend(lambda x, _: (function(x), None), lambda x, _: gradient(x), x, inverse)


A = np.array([[3.0, 1.0], [1.0, 2.0]])
MINIMUM = np.array([1.0, -2.0])


def quadratic(level):
    def value(x):
        return 0.5 * (x - MINIMUM) @ A @ (x - MINIMUM) + level

    return value, lambda x: A @ (x - MINIMUM)


@pytest.mark.parametrize("level", [0.0, 1e7, -1e7])
def test_a_quadratic_is_minimised_whatever_its_level(level):
    function, gradient = quadratic(level)
    found = descended(function, gradient, np.array([30.0, 40.0]), np.eye(2))
    assert found.converged and found.steps < 15
    np.testing.assert_allclose(found.x, MINIMUM, atol=1e-6)
    assert found.value == pytest.approx(level, abs=1e-6)
    np.testing.assert_allclose(found.inverse, np.linalg.inv(A), atol=1e-3)


def test_steps_out_of_the_domain_are_shortened():
    def function(x):
        return float(x[0] - np.log(x[0])) if x[0] > 0 else np.inf

    found = descended(function, lambda x: 1 - 1 / x, np.array([9.0]), 100 * np.eye(1))
    assert found.converged
    assert found.x[0] == pytest.approx(1, abs=1e-6)


def test_without_a_minimum_it_does_not_converge():
    def downhill(x):
        return -float(x[0])

    found = descended(downhill, lambda x: -np.ones(1), np.zeros(1), np.eye(1))
    assert not found.converged and found.x[0] > 100


@pytest.mark.parametrize(
    ("guess", "visited", "steps"),
    [
        (1.0, [5, 0], 1),
        (1.9, [5, -4.5, 0], 2),
        (2.0, [5, -5, 0], 1),
        (4.0, [5, -15, -5, 0], 1),
        (1024.0, [5, *(5 - 5 * 2.0**k for k in range(10, -1, -1))], 1),
    ],
)
def test_a_step_is_halved_until_it_gains(guess, visited, steps):
    """Of x^2/2 a full step is guess times as long as it should be; twice as long gains nothing."""
    seen = []

    def function(x):
        seen.append(float(x[0]))
        return 0.5 * seen[-1] ** 2

    found = descended(function, lambda x: x, np.array([5.0]), guess * np.eye(1))
    assert found.converged and found.steps == steps
    np.testing.assert_allclose(seen, visited, atol=1e-12)


@pytest.mark.parametrize(("level", "converged"), [(1e3, True), (0.0, False)])
def test_where_nothing_is_lower_rounding_decides(level, converged):
    values = iter([level])
    found = descended(
        lambda x: next(values, np.inf), lambda x: np.array([3e-6]), np.array([2.0]), np.eye(1)
    )
    assert found.converged is converged
    assert (found.x[0], found.value, found.gradient[0], found.steps) == (2.0, level, 3e-6, 0)


def test_a_rise_within_rounding_does_not_shorten_the_step():
    values = iter([1e3])
    found = descended(lambda x: next(values, 1e3 + 5e-11), lambda x: x, np.array([1e-5]), np.eye(1))
    assert found.converged and (found.x[0], found.steps) == (0.0, 1)


@pytest.mark.parametrize("unit", [1e-8, 1.0, 1e8])
def test_the_updated_inverse_takes_the_change_of_slope_to_the_step(unit):
    s, y = unit * np.array([1.0, 2.0]), unit * np.array([0.5, 0.3])
    B = _updated(A, s, y)
    np.testing.assert_allclose(B @ y, s, rtol=1e-12)
    np.testing.assert_allclose(B, B.T, rtol=1e-12)
    assert np.all(np.linalg.eigvalsh(B) > 0)
    # the nearest: across y what A says is kept
    z = np.array([y[1], -y[0]])
    left = np.eye(2) - np.outer(s, y) / (s @ y)
    np.testing.assert_allclose(z @ B @ z, z @ left @ A @ left.T @ z + (s @ z) ** 2 / (s @ y))


def test_without_positive_curvature_nothing_is_learnt():
    s = np.array([1.0, 2.0])
    assert _updated(A, s, -s) is A
    assert _updated(A, s, np.array([2.0, -1.0])) is A


def test_what_is_known_of_a_point_is_told_at_the_next_and_evaluations_are_counted():
    told = []

    def function(x, near):
        told.append(near)
        return 0.5 * float(x[0]) ** 2, float(x[0])

    def gradient(x, known):
        assert known == x[0]
        return x

    # from 5 by -20, which is refused: what is known there is forgotten
    found = descend(function, gradient, np.array([5.0]), 4.0 * np.eye(1), "before")
    assert told == ["before", 5.0, 5.0, 5.0]
    assert (found.known, found.evaluations) == (0.0, 4)
