"""Structures of a covariance taken by themselves: sizes, signs, edges, and how they are joined."""

import numpy as np
import pytest

from lmmcore import Diagonal, ScaledIdentity, Unstructured, independent, repeated

EQUAL = np.testing.assert_array_equal
NAMES = ("(Intercept)", "x")


@pytest.mark.parametrize(("structure", "expected"), [
    (ScaledIdentity(2), [1 / 5]),  # sqrt((1 + 49) / 2) = 5
    (Diagonal(2), [1, 1 / 7]),
    (Unstructured(2), [1, 1 / 7, 1 / 7]),
])
def test_a_typical_theta_adds_as_much_variance_as_the_errors_do(structure, expected):
    np.testing.assert_allclose(structure.parameter_scale(np.array([1.0, 7.0])), expected,
                               rtol=1e-15)


@pytest.mark.parametrize(("structure", "expected"), [
    (Diagonal(2), [4 / np.sqrt(2), 25 / np.sqrt(2)]),
    (Unstructured(2), [4 / np.sqrt(2), 10, 25 / np.sqrt(2)]),
])
def test_the_unit_of_information_is_the_size_of_a_direction(structure, expected):
    z = np.array([2.0, 5.0])
    np.testing.assert_allclose(structure.phi_unit(z), expected, rtol=1e-15)
    sizes = [np.sqrt(0.5 * np.sum((np.diag(z) @ E @ np.diag(z)) ** 2))
             for E in structure.directions(structure.null())]
    np.testing.assert_allclose(structure.phi_unit(z), sizes, rtol=1e-15)


@pytest.mark.parametrize("structure", [ScaledIdentity(3), Diagonal(3), Unstructured(3)])
def test_the_search_starts_at_independent_effects(structure):
    (start,) = structure.starts()
    EQUAL(structure.factor(start), np.eye(3))


@pytest.mark.parametrize(("structure", "theta", "expected"), [
    (ScaledIdentity(3), [-2], [2]),
    (Diagonal(3), [-2, 0, 3], [2, 0, 3]),
    (Unstructured(2), [-2, 1, -3], [2, -1, 3]),
    (Unstructured(2), [0, 0.5, -1], [0, 0.5, 1]),  # a column of no variance keeps its sign
])
def test_standard_form_has_no_negative_diagonal_and_the_same_gamma(structure, theta, expected):
    standard = structure.fix_signs(np.array(theta, float))
    EQUAL(standard, expected)
    EQUAL(structure.gamma(standard), structure.gamma(np.array(theta, float)))


def test_one_variance_is_the_mean_of_the_diagonal_and_0_if_its_effects_are_small():
    structure, gamma, z = ScaledIdentity(2), np.array([[8.0, 5], [5, 10]]), np.array([1.0, 7.0])
    EQUAL(structure.theta_of(gamma, z), [3])
    EQUAL(structure.theta_of(gamma, z, 14.9), [3])  # its effects have sd 3 * 5
    EQUAL(structure.theta_of(gamma, z, 15.1), [0])
    EQUAL(structure.truncated(np.array([3.0]), z, 15.1), [0])


def boundary(theta, slope, names=NAMES):
    return Unstructured(len(names)).boundary(np.array(theta, float), np.array(slope, float), names)


def test_a_small_variance_is_no_boundary_whatever_the_units():
    (point,) = boundary([1, 0, 0, 1e-10, 0, 0], np.diag([1, 2, 3]), ("a", "b", "c"))
    assert (point.label, point.slope) == ("var(c)", 3)
    (point,) = boundary([1e-8, 0, 0], np.diag([1, 2]))
    assert (point.label, point.slope) == ("var(x)", 2)
    EQUAL(point.direction, np.diag([0, 1]))


def test_every_direction_is_at_the_boundary_where_there_is_no_variance_at_all():
    points = boundary([0, 0, 0], np.diag([1, 2]))
    assert [(p.label, p.slope) for p in points] == [("var(Intercept)", 1), ("var(x)", 2)]


def label(along):
    """As a boundary is named along a vector; the sign of the whole is of no matter."""
    return ["var(" + " ".join(f"{s * v:+.3g} {e}" for v, e in zip(along, NAMES, strict=True))
            .strip("()") + ")" for s in (1, -1)]


@pytest.mark.parametrize(("theta", "direction"), [
    ([1, 1, 0], np.array([1, -1]) / np.sqrt(2)),
    ([1, 1e6, 0], np.array([1, -1e-6])),  # a covariate in small units
])
def test_a_direction_without_variance_is_named_by_all_effects_in_it(theta, direction):
    (point,) = boundary(theta, np.diag([3, 5]))
    assert point.label in label(direction)
    assert point.slope == pytest.approx(direction @ np.diag([3, 5]) @ direction, rel=1e-10)
    np.testing.assert_allclose(point.direction, np.outer(direction, direction), atol=1e-10)


def test_terms_joined_in_steps_are_the_terms_joined_at_once():
    a, b, c = repeated(Unstructured(2), 2), ScaledIdentity(2), Diagonal(2)
    theta = np.arange(1.0, 7.0)
    at_once = independent(a, b, c)
    expected = np.zeros((8, 8))
    expected[:2, :2] = expected[2:4, 2:4] = [[1, 0], [2, 3]]
    expected[4:6, 4:6], expected[6:, 6:] = 4 * np.eye(2), np.diag([5, 6])
    EQUAL(at_once.factor(theta), expected)
    for joined in (independent(a, independent(b, c)), independent(independent(a, b), c)):
        assert (joined.size, joined.n_theta) == (8, 6)
        EQUAL(joined.factor(theta), expected)
        EQUAL(joined.gamma_derivatives(theta), at_once.gamma_derivatives(theta))
