"""The inner problem of Laplace's approximation in its parts: the structure of the Hessian, its
factor, Newton's method, and derivatives, on matrices and functions of which all is known."""

import autograd.numpy as anp
import numpy as np
import pytest

from lmmcore.laplace.derivatives import Derivatives, Joint, SeededDerivatives
from lmmcore.laplace.factor import BandPlan, BlockPlan, Factoriser, components
from lmmcore.laplace.mode import LaplaceError, _positive, find_mode
from lmmcore.laplace.model import _places
from lmmcore.laplace.sparsity import Sparsity, _verify, find_sparsity


def band(n, width):
    """A random symmetric band, width entries in a row."""
    A = np.random.default_rng(n + width).uniform(1.0, 2.0, (n, n))
    return np.where(np.abs(np.subtract.outer(range(n), range(n))) <= width // 2, A + A.T, 0.0)


def blocks(*sizes):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    return np.where(labels[:, None] == labels, band(len(labels), 2 * len(labels)), 0.0)


def crossed(rows, columns, share=0.7):
    """Two factors, whose levels meet in some of the cells."""
    H = np.diag(np.random.default_rng(1).uniform(1.0, 2.0, rows + columns))
    met = np.random.default_rng(2).uniform(0.5, 1.5, (rows, columns))
    met[np.random.default_rng(3).random((rows, columns)) > share] = 0.0
    H[:rows, rows:], H[rows:, :rows] = met, met.T
    return H


def nested(schools, classes):
    """Every class meets its school alone."""
    H, n = np.eye(schools * (1 + classes)), schools
    for c in range(schools * classes):
        H[c // classes, n + c] = H[n + c, c // classes] = 0.2 + 0.01 * c
    return H


def bordered(H, width):
    rng = np.random.default_rng(4)
    B = rng.uniform(1.0, 2.0, (len(H), width))
    return np.block([[H, B], [B.T, band(width, 2 * width)]])


# H, the shapes of the random parameters, and how many products show it
KINDS = {
    "independent": (np.diag(np.arange(1.0, 16.0)), {"u": (15,)}, 1),
    "one": (np.eye(1), {"u": ()}, 1),
    "lines": (blocks(*[2] * 20), {"u": (20, 2)}, 2),
    "few lines": (blocks(*[2] * 5), {"u": (5, 2)}, 2),
    "AR(1)": (band(30, 3), {"u": (30,)}, 3),
    "AR(2)": (band(30, 5), {"u": (30,)}, 5),
    "AR(4)": (band(30, 9), {"u": (30,)}, 9),
    "AR(8)": (band(30, 17), {"u": (30,)}, 17),
    "wide": (band(30, 19), {"u": (30,)}, 30),
    "short": (band(3, 5), {"u": (3,)}, 3),
    "long AR(1)": (band(100, 3), {"u": (100,)}, 3),
    "long AR(8)": (band(100, 17), {"u": (100,)}, 17),
    "rows and columns": (crossed(5, 23), {"a": (5,), "b": (23,)}, 6),
    "columns and rows": (crossed(23, 5), {"a": (23,), "b": (5,)}, 6),
    "equal cells": (np.kron([[2, 0], [0, 2]], np.eye(3))
                    + np.kron([[0, 1], [1, 0]], np.ones((3, 3))), {"a": (3,), "b": (3,)}, 4),
    "many columns": (crossed(5, 97), {"a": (5,), "b": (97,)}, 6),
    "many rows": (crossed(97, 5), {"a": (97,), "b": (5,)}, 6),
    "apart": (np.diag(np.arange(1.0, 19.0)), {"a": (10,), "b": (8,)}, 2),
    "nested": (nested(5, 3), {"school": (5,), "class": (15,)}, 2),
    "coefficients": (bordered(blocks(*[2] * 20), 2), {"u": (20, 2), "beta": (2,)}, 4),
    "a mean": (bordered(band(80, 3), 1), {"u": (80,), "mean": ()}, 4),
    "uneven": (blocks(1, 9, 3, 2, 17, 5, 4, 8, 1), {"u": (50,)}, 50),
}


def found(kind):
    H, shapes, products = KINDS[kind]
    arrays, classes = _places(shapes)
    s = find_sparsity(lambda v: H @ v, classes, np.random.default_rng(0))
    return H, s, arrays, products


@pytest.mark.parametrize("unit", [1.0, 1e-20, -1e20])
@pytest.mark.parametrize("kind", KINDS)
def test_the_structure_is_that_of_the_matrix(kind, unit):
    H, shapes, products = KINDS[kind]
    s = find_sparsity(lambda v: unit * (H @ v), _places(shapes)[1], np.random.default_rng(0))
    assert len(s.seeds) == products
    np.testing.assert_array_equal([s.rows, s.columns], np.nonzero(H))
    np.testing.assert_allclose(s.values(unit * (s.seeds @ H)), unit * H[s.rows, s.columns],
                               rtol=1e-13)
    values, products = np.random.default_rng(1).standard_normal((2, len(s.rows))), s.seeds @ H
    assert np.sum(s.weights(values[0]) * products) == pytest.approx(
        values[0] @ H[s.rows, s.columns], rel=1e-12)


def test_a_small_entry_is_an_entry():
    H = bordered(blocks(*[1] * 20), 1)
    H[20, 3] = H[3, 20] = 1e-12
    H[7, 7] = 1e-12
    classes = _places({"u": (20,), "mean": ()})[1]
    s = find_sparsity(lambda v: H @ v, classes, np.random.default_rng(0))
    np.testing.assert_array_equal([s.rows, s.columns], np.nonzero(H))


def test_entries_in_the_wrong_columns_are_not_verified():
    """Also where the sums of the rows are right."""
    at = np.arange(2)
    right, wrong = (Sparsity(at, columns, np.ones((1, 2)), 0 * at, at)
                    for columns in (at, at[::-1]))
    _verify(right, np.array, np.random.default_rng(0))
    with pytest.raises(RuntimeError, match="was not found"):
        _verify(wrong, np.array, np.random.default_rng(0))


@pytest.mark.parametrize("kind", ["apart", "lines", "AR(1)", "rows and columns"])
def test_products_with_rounding_have_a_structure_and_random_ones_have_none(kind):
    H, shapes, products = KINDS[kind]
    rng, classes = np.random.default_rng(5), _places(shapes)[1]

    def noisy(size, unit, added=0.0):
        return lambda v: unit * ((H @ v) * (1 + size * rng.uniform(-1, 1, len(H)))
                                 + added * rng.uniform(-1, 1, len(H)))

    for unit in (1.0, -1e-6):
        for times in (noisy(1e-9, unit), noisy(0.0, unit, 1e-16)):
            assert len(find_sparsity(times, classes, np.random.default_rng(0)).seeds) == products
        with pytest.raises(RuntimeError, match="was not found: is the density smooth"):
            find_sparsity(noisy(1e-5, unit), classes, np.random.default_rng(0))


@pytest.mark.parametrize("kind", KINDS)
def test_the_factor_is_that_of_the_matrix(kind):
    H, s, arrays, _ = found(kind)
    H = H + np.diag(np.sum(np.abs(H), axis=1))
    factoriser = Factoriser(s, arrays)
    factor = factoriser(H[s.rows, s.columns])
    assert factor.log_det == pytest.approx(np.linalg.slogdet(H)[1], rel=1e-13)
    np.testing.assert_array_equal(factor.values, H[s.rows, s.columns])
    b = np.random.default_rng(6).standard_normal((len(H), 3))
    np.testing.assert_allclose(factor.solve(b), np.linalg.solve(H, b), atol=1e-14)
    np.testing.assert_allclose(factor.solve(b[:, 0]), np.linalg.solve(H, b[:, 0]), atol=1e-14)
    np.testing.assert_allclose(factor.inverse(), np.linalg.inv(H)[s.rows, s.columns], atol=1e-14)
    shifted = factoriser(H[s.rows, s.columns], 2.5)
    assert shifted.log_det == pytest.approx(
        np.linalg.slogdet(H + 2.5 * np.eye(len(H)))[1], rel=1e-13)
    with pytest.raises(np.linalg.LinAlgError):
        factoriser(-H[s.rows, s.columns])


def plan_of(H, shapes):
    arrays, _ = _places(shapes)
    i, j = np.nonzero(H)
    k = len(H)
    return Factoriser(Sparsity(i, j, np.zeros((1, k)), 0 * i, i), arrays)


@pytest.mark.parametrize(("H", "shapes", "core", "plan"), [
    (np.eye(12), {"u": (12,)}, 0, BlockPlan),  # nothing is gained by blocks
    (np.eye(13), {"u": (13,)}, 13, BlockPlan),
    (blocks(64, 3), {"u": (67,)}, 67, BlockPlan),
    (blocks(65, 3), {"u": (68,)}, 0, BlockPlan),
    (band(65, 41), {"u": (65,)}, 65, BandPlan),
    (band(64, 43), {"u": (64,)}, 64, BlockPlan),
    (band(65, 43), {"u": (65,)}, 0, BlockPlan),
    (crossed(7, 97), {"a": (7,), "b": (97,)}, 97, BlockPlan),
    (crossed(97, 7), {"a": (97,), "b": (7,)}, 97, BlockPlan),
    (bordered(band(97, 3), 2), {"u": (97,), "beta": (2,)}, 97, BandPlan),
])  # fmt: skip
def test_what_joins_the_blocks_goes_to_the_border(H, shapes, core, plan):
    factoriser = plan_of(H, shapes)
    assert len(factoriser.core) == core and len(factoriser.border) == len(H) - core
    assert isinstance(factoriser.plan, plan)


@pytest.mark.parametrize("width", [1, 4])
def test_a_band_is_as_wide_as_its_entries_lie_apart(width):
    assert plan_of(band(97, 2 * width + 1), {"u": (97,)}).plan.width == width


def test_components_are_what_hangs_together():
    assert components(np.array([0, 3]), np.array([2, 1]), 5).tolist() == [0, 1, 0, 1, 2]


class Curve:
    """A function of one random effect, by its value, slope and bend, and where it was asked."""

    def __init__(self, value, slope, bend):
        self.seen, self.functions = [], (value, slope, bend)

    def value(self, theta, u):
        self.seen.append(float(u[0]))
        return self.functions[0](float(u[0]))

    def inner(self, theta, u):
        _, slope, bend = (f(float(u[0])) for f in self.functions)
        return np.array([slope]), np.array([[bend]])

    def mode(self, *starts):
        zero = np.zeros(1, int)
        structure = Sparsity(zero, zero, np.ones((1, 1)), zero, zero)
        factoriser = Factoriser(structure, [zero])
        return find_mode(self, structure, factoriser, np.zeros(0), [np.array([x]) for x in starts])


@pytest.mark.parametrize("level", [0.0, 1e9, -1e9])
def test_a_quadratic_takes_one_step_whatever_its_level(level):
    curve = Curve(lambda u: 2 * (u - 3) ** 2 + level, lambda u: 4 * (u - 3), lambda u: 4.0)
    assert curve.mode(9.0, 3.0, -40.0).steps == 0  # from the best
    curve.seen.clear()
    found = curve.mode(9.0, 7.0, -40.0)
    assert (found.u[0], found.value, found.steps) == (3.0, level, 1)
    assert found.factor.log_det == pytest.approx(np.log(4.0))
    assert curve.seen == [9.0, 7.0, -40.0, 3.0]


@pytest.mark.parametrize("level", [-1e6, 1e6])
def test_newton_ends_whatever_the_level(level):
    curve = Curve(lambda u: np.cosh(u) + level, np.sinh, np.cosh)
    assert curve.mode(3.0).u[0] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(("guess", "visited"), [
    (1.0, [5, 0]), (2.0, [5, -5, 0]), (4.0, [5, -15, -5, 0]),
    (2.0**18, [5, *(5 - 5 * 2.0**k for k in range(18, -1, -1))]),
])  # fmt: skip
def test_a_step_is_halved_until_it_gains(guess, visited):
    """Of u^2/2 a full step is guess times as long as it should be; twice as long gains nothing."""
    curve = Curve(lambda u: 0.5 * u * u, lambda u: u, lambda u: 1.0 / guess)
    assert curve.mode(5.0).steps == 1
    np.testing.assert_allclose(curve.seen, visited, atol=1e-12)


def test_a_step_that_gains_little_is_taken():
    curve = Curve(lambda u: 0.5 * u * u, lambda u: u, lambda u: 1.0 / 1.9)
    assert curve.mode(1e-3).steps > 10
    np.testing.assert_allclose(curve.seen[:3], [1e-3, -9e-4, 8.1e-4])


@pytest.mark.parametrize(("level", "rise"), [(0.0, 5e-14), (1e3, 5e-11), (-1e3, 5e-11)])
def test_a_rise_within_rounding_does_not_shorten_a_step_and_others_do(level, rise):
    def curve(rise):
        return Curve(lambda u: level + rise * (u != 1e-6), lambda u: u, lambda u: 1.0)

    assert curve(rise).mode(1e-6).u[0] == 0.0
    steep = curve(100 * rise)
    with pytest.raises(LaplaceError, match=r"did not converge in 100 steps .* 1\.0e-12"):
        steep.mode(1e-6)
    assert len(steep.seen) == 41  # forty halvings


@pytest.mark.parametrize(("start", "steps"), [(2e-10, 0), (1e-8, 1)])
def test_a_step_of_no_length_is_the_last(start, steps):
    assert Curve(lambda u: 0.5 * u * u, lambda u: u, lambda u: 1.0).mode(start).steps == steps


def test_steps_that_rounding_keeps_from_shortening_end():
    def noisy(size):
        return Curve(lambda u: 1e4, lambda u: size, lambda u: 1.0)

    assert noisy(1e-6).mode(0.0).steps == 1
    with pytest.raises(LaplaceError, match="did not converge in 100 steps"):
        noisy(2e-5).mode(0.0)


def sinking(ratio, step, start=0.0):
    """Every step is as long as the last, and its gain smaller by the ratio."""
    def gain(u):
        return ratio ** ((start - u) / step)

    return Curve(gain, lambda u: -np.sign(step) * gain(u), lambda u: gain(u) / abs(step))


@pytest.mark.parametrize(("ratio", "step", "start", "runs"), [
    (np.e, 1.0, 0.0, True), (np.e, -1.0, 0.0, True), (60.0, 1.0, 0.0, True),
    (150.0, 1.0, 0.0, False), (np.e, 0.017, 0.0, True), (np.e, 0.007, 0.0, False),
    (np.e, 0.3, 50.0, False), (np.e, 0.3, -50.0, False),
])  # fmt: skip
def test_effects_that_run_off_have_no_mode(ratio, step, start, runs):
    curve = sinking(ratio, step, start)
    if runs:
        with pytest.raises(LaplaceError, match="run off to infinity"):
            curve.mode(start)
    else:
        assert curve.mode(start).u[0] > start


@pytest.mark.parametrize(("ratio", "least"), [(3.0, 1e-10), (6.0, 1e-18)])
def test_steps_go_on_while_each_gains_less_than_a_quarter_of_the_last(ratio, least):
    steps = sinking(ratio, 0.007).mode(0.0).steps
    assert 0.007 * ratio**-steps < least < 0.007 * ratio ** -(steps - 1)


def test_a_hessian_that_is_not_positive_is_shifted():
    curve = Curve(lambda u: -np.cos(u), np.sin, np.cos)
    assert curve.mode(2.0).u[0] == pytest.approx(0.0, abs=1e-9)
    shift = 0.01 * 4**4 * abs(np.cos(2.0))  # the first that is larger than the curvature
    assert curve.seen[1] == pytest.approx(2.0 - np.sin(2.0) / (np.cos(2.0) + shift))


@pytest.mark.parametrize(("values", "scale"), [([3.0, -5.0], 5.0), ([0.0, 0.0], 1e-8)])
def test_shifts_grow_from_a_hundredth_of_the_largest_entry(values, scale):
    tried = []

    def never(values, shift):
        tried.append(shift)
        raise np.linalg.LinAlgError

    with pytest.raises(LaplaceError, match="cannot be factorised"):
        _positive(never, np.array(values))
    np.testing.assert_allclose(tried, [0.0] + [0.01 * scale * 4**n for n in range(7)])
    assert _positive(lambda values, shift: "factor", np.array(values)) == ("factor", False)


@pytest.mark.parametrize(("curve", "message"), [
    (Curve(lambda u: -0.5 * u * u, lambda u: -u, lambda u: -1.0), "not positive definite where"),
    (Curve(lambda u: np.inf, lambda u: u, lambda u: 1.0), "not a finite number here"),
    (Curve(lambda u: 1.0, lambda u: np.nan, lambda u: 1.0), "a derivative .* is not a finite"),
    (Curve(lambda u: 1.0, lambda u: 1.0, lambda u: np.inf), "a derivative .* is not a finite"),
])  # fmt: skip
def test_where_there_is_no_mode(curve, message):
    with pytest.raises(LaplaceError, match=message):
        curve.mode(0.0)


def joint(start=None):
    """exp(b) sum u^4 + sum of c_i u_i u_(i+1) + v^2 |u|^2, whose derivatives are easy by hand."""
    def density(p):
        u = p.u.ravel()
        pairs = anp.sum(p.c * u[:-1] * u[1:])
        return anp.exp(p.b) * anp.sum(u**4) + pairs + p.v**2 * anp.sum(u**2)

    return Joint(density, {"b": 0.2, "u": np.ones((2, 2)), "c": [1.0, 2.0, 3.0], "v": 0.5}
                 | (start or {}), ["u", "v"])


B, C, U, V = 0.3, np.array([0.5, -1.0, 2.0]), np.array([1.0, -2.0, 0.5, 3.0]), 0.7
THETA, EFFECTS = np.append(B, C), np.append(U, V)


def hessian():
    """In (b, c, u, v)."""
    H = np.zeros((9, 9))
    e, u = np.exp(B), slice(4, 8)
    H[0, 0], H[0, u] = e * np.sum(U**4), 4 * e * U**3
    for i in range(3):
        H[1 + i, 4 + i], H[1 + i, 5 + i] = U[i + 1], U[i]
    H[u, u] = np.diag(12 * e * U**2 + 2 * V**2)
    H[[4, 5, 6], [5, 6, 7]] = C
    H[u, 8], H[8, 8] = 4 * V * U, 2 * np.sum(U**2)
    return np.triu(H) + np.triu(H, 1).T


def test_derivatives_are_those_by_hand():
    d, rng, H = Derivatives(joint(), np.zeros(4), np.ones(5)), np.random.default_rng(7), hessian()
    e, neighbours = np.exp(B), np.append(0, C * U[:-1]) + np.append(C * U[1:], 0)
    assert d.value(THETA, EFFECTS) == pytest.approx(
        e * np.sum(U**4) + C @ (U[:-1] * U[1:]) + V**2 * U @ U, rel=1e-14)
    in_theta, in_u = d.gradient(THETA, EFFECTS)
    np.testing.assert_allclose(in_theta, np.append(e * np.sum(U**4), U[:-1] * U[1:]), rtol=1e-14)
    np.testing.assert_allclose(
        in_u, np.append(4 * e * U**3 + neighbours + 2 * V**2 * U, 2 * V * U @ U), rtol=1e-14)
    a, b = rng.standard_normal(4), rng.standard_normal(5)
    np.testing.assert_allclose(np.concatenate(d.product(THETA, EFFECTS, a, b)),
                               H @ np.append(a, b), rtol=1e-13)
    seeds = np.array([[1.0, 0, 2, 0, 0], [0, 0, 0, 0, 1], [0, 3, 0, 1, 1]])
    seeded = SeededDerivatives(d, seeds)
    gradient, products = seeded.inner(THETA, EFFECTS)
    np.testing.assert_allclose(gradient, in_u, rtol=1e-14)
    np.testing.assert_allclose(products, seeds @ H[4:, 4:], rtol=1e-13)
    weights = rng.standard_normal((3, 5))
    M = weights.T @ seeds
    M = M + M.T  # the sum is half of sum(M * H), with H in u alone
    in_b = 6 * e * np.diag(M)[:4] @ U**2
    in_u = 12 * e * np.diag(M)[:4] * U + 4 * V * M[4, :4] + 2 * M[4, 4] * U
    in_v = 2 * V * np.trace(M[:4, :4]) + 4 * M[4, :4] @ U
    found = seeded.outer(THETA, EFFECTS, weights)
    np.testing.assert_allclose(found[0], [in_b, M[0, 1], M[1, 2], M[2, 3]], rtol=1e-13)
    np.testing.assert_allclose(found[1], np.append(in_u, in_v), rtol=1e-13)


def test_the_parameters_have_their_names_and_places():
    j = joint({"c": [[1.0, 2.0, 3.0]]})
    assert j.names() == ["b", "c[0, 0]", "c[0, 1]", "c[0, 2]"]
    np.testing.assert_array_equal(j.theta0, [0.2, 1.0, 2.0, 3.0])
    np.testing.assert_array_equal(j.u0, [1.0, 1.0, 1.0, 1.0, 0.5])
    p = j.parameters(THETA, EFFECTS)
    assert (p.b, p.v) == (B, V) and p.c.shape == (1, 3)
    np.testing.assert_array_equal(p.u, U.reshape(2, 2))
    assert [piece.shape for piece in j.effects(EFFECTS)] == [(2, 2), ()]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_counts_as_infinitely_high(value):
    j = Joint(lambda p: anp.sum(p.u**2) + p.b, {"b": 0.0, "u": [1.0]}, ["u"])
    d, theta, u = Derivatives(j, np.zeros(1), np.ones(1)), np.array([value]), np.ones(1)
    assert j.value(theta, u) == d.value(theta, u) == np.inf


@pytest.mark.parametrize(("difference", "told"), [(1e-10, False), (1e-6, True)])
@pytest.mark.parametrize("level", [1.0, 1e6])
def test_a_density_that_looks_at_its_numbers_is_told(difference, told, level):
    def density(p):
        hidden = float(str(p.b).split()[-1].strip("()>"))
        return level * (1 + difference * hidden) + anp.sum(p.u**2)

    d = Derivatives(Joint(density, {"b": 0.0, "u": [0.0]}, ["u"]), np.zeros(1), np.zeros(1))
    d.verify(np.zeros(1), np.zeros(1))
    if told:
        with pytest.raises(ValueError, match="in another way at other parameters"):
            d.verify(np.ones(1), np.zeros(1))
    else:
        d.verify(np.ones(1), np.zeros(1))
