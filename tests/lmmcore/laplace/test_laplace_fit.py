"""What a Laplace fit looks at and says, on functions of which all is known; how often it asks."""

from types import SimpleNamespace

import autograd.numpy as np
import numpy as onp
import pytest
from scipy import stats

from lmmcore import ConvergenceWarning
from lmmcore.laplace import Laplace, LaplaceError, LaplaceFit
from lmmcore.laplace.densities import normal, poisson
from lmmcore.laplace.descent import Descent

G = onp.repeat(onp.arange(5), 4)
Y = onp.random.default_rng(3).standard_normal(20) + onp.arange(5.0)[G]


class Known:
    """What a fit asks of its model: L less its value at the estimate, its gradient, and more."""

    def __init__(self, rise=None, gradient=None, F=None, profile=None, higher=0.0):
        self.rise, self.slope, self.F, self.profile = rise, gradient, F, profile
        self.names, self.joint = list("abc"), SimpleNamespace(u0=onp.ones(1))
        self.higher, self.asked = higher, []

    def value_or_infinite(self, theta, near):
        self.asked.append(theta)
        return 7.0 + self.rise(theta), near

    def gradient(self, theta, near):
        self.asked.append(theta)
        return self.slope(theta)

    def in_theta(self, mode):
        return self.F, None

    def profile_hessian(self, mode):
        return None, self.profile

    def mode(self, theta):
        return SimpleNamespace(value=-self.higher)


def fit_of(model, x, hessian=None, gradient=None, inverse=None, converged=True):
    x = onp.array(x, dtype=float)
    model.names = model.names[: len(x)]
    gradient = onp.zeros(len(x)) if gradient is None else onp.array(gradient)
    inverse = onp.eye(len(x)) if inverse is None else inverse
    fit = LaplaceFit(model, Descent(x, 7.0, gradient, inverse, 3, converged),
                     SimpleNamespace(u=onp.zeros(1), value=0.0))
    if hessian is not None:
        fit.__dict__["hessian"] = onp.array(hessian, dtype=float)
    return fit


def test_the_hessian_is_by_steps_of_a_thousandth_of_a_standard_error_of_the_profile():
    """Of no more than a thousandth of 1 + |x|, also where the profile has no such error."""
    A = onp.random.default_rng(1).standard_normal((3, 3))
    model = Known(gradient=lambda x: A @ x, profile=onp.diag([-4.0, 1e-4, 0.0]))
    x = [1.0, -7.0, 2.0]
    onp.testing.assert_allclose(fit_of(model, x).hessian, 0.5 * (A + A.T), rtol=1e-10, atol=1e-10)
    steps = onp.diag([0.5e-3, 8e-3, 3e-3])
    want = [x + sign * step for step in steps for sign in (1, -1)]
    onp.testing.assert_allclose(model.asked, want, rtol=1e-14)


def test_where_there_is_no_gradient_there_is_no_hessian():
    def gradient(theta):
        raise LaplaceError("no mode")

    hessian = fit_of(Known(gradient=gradient, profile=onp.eye(3)), [1.0, 2.0, 3.0]).hessian
    assert hessian.shape == (3, 3) and onp.all(onp.isnan(hessian))


def seen(k=1.0, x=(0.5, 0.5), inverse=((1.0, 0.0), (0.0, 1.0)), F=((1.0, 0.0), (0.0, 1.0)), H=None,
         converged=True):
    """Whether a fit trusts its steps where L has k times the Hessian that they have shown."""
    inverse, x, start = onp.array(inverse), onp.array(x), onp.array([0.3, -0.2])
    H = k * onp.linalg.inv(inverse) if H is None else H
    model = Known(gradient=lambda theta: start + H @ (theta - x), F=onp.array(F))
    return fit_of(model, x, gradient=start, inverse=inverse, converged=converged)._well_seen()


@pytest.mark.parametrize("k", [0.21, 0.3, 1.0, 3.0, 4.9])
@pytest.mark.parametrize("inverse", [((1.0, 0.0), (0.0, 1.0)), ((4.0, 1.2), (1.2, 1.0))])
def test_steps_are_trusted_if_one_more_gradient_agrees(k, inverse):
    assert seen(k, inverse=inverse)
    assert not seen(k, inverse=inverse, converged=False)


@pytest.mark.parametrize("k", [-1.0, 0.0, 0.19, 5.1, 7.0])
def test_steps_are_not_trusted_if_one_more_gradient_does_not_agree(k):
    assert not seen(k)
    assert not seen(k, inverse=((4.0, 1.2), (1.2, 1.0)))


def test_the_gradient_is_taken_where_least_is_known_in_units_of_the_errors():
    errors, correlation = onp.array([2.0, 0.01]), onp.array([[1.0, 0.9], [0.9, 1.0]])
    inverse = errors[:, None] * correlation * errors
    along = onp.linalg.solve(inverse, errors)  # both errors at once
    H = onp.outer(along, along) / (errors @ along)
    # the Hessian is right in this direction and in no other
    assert seen(inverse=inverse, H=H, F=onp.diag(errors**-2))


@pytest.mark.parametrize(("error", "x", "trusted"), [
    (2.9, 0.5, True), (3.1, 0.5, False), (4.0, -5.0, True), (4.0, 5.0, True), (5.5, -5.0, False),
])
def test_errors_beyond_3_and_beyond_the_estimate_are_not_trusted(error, x, trusted):
    assert seen(x=(x, 0.5), inverse=((error**2, 0.0), (0.0, 1.0))) is trusted


@pytest.mark.parametrize(("level", "trusted"), [(0.0103, True), (0.0097, False)])
def test_where_the_joint_density_is_level_over_an_error_steps_are_not_trusted(level, trusted):
    assert seen(x=(5.0, 0.5), inverse=((9.0, 0.0), (0.0, 1.0)),
                F=((level / 9.0, 0.0), (0.0, 1.0))) is trusted


def looked_at(hessian, x):
    """Where a fit looks, if L rises there by more than enough."""
    model = Known(rise=lambda theta: 1.0)
    assert fit_of(model, x, hessian)._runaways() == []
    return [onp.round(at - x, 6).tolist() for at in model.asked]


def test_runaways_are_looked_for_an_error_away_on_both_sides():
    """An error by the absolute values of the eigenvalues."""
    c, s = 0.8, 0.6
    R = onp.array([[c, -s], [s, c]])
    H = R @ onp.diag([0.01, -0.04]) @ R.T
    first, second = onp.sqrt([c * c * 100 + s * s * 25, s * s * 100 + c * c * 25])
    onp.testing.assert_allclose(looked_at(H, [0.5, -1.0]), [
        [first, 0], [-first, 0], [0, second], [0, -second]], atol=1e-6)


@pytest.mark.parametrize(("curvature", "x", "distance"), [
    (4.0, 0.5, None), (1 / 2.9**2, 0.5, None), (1 / 3.1**2, 0.5, 3.1), (1 / 16, -5.0, None),
    (1 / 16, 5.0, None), (1 / 16, -3.5, 4.0), (-4.0, 0.5, 3.0), (1e-30, -2.0, 3e6),
    (0.0, 4.0, 5e6),
])
def test_runaways_are_looked_for_where_the_error_is_beyond_3_and_the_estimate(
    curvature, x, distance
):
    want = [] if distance is None else [[distance, 0.0], [-distance, 0.0]]
    onp.testing.assert_allclose(looked_at([[curvature, 0], [0, 1.0]], [x, 0.5]), want)


@pytest.mark.parametrize(("up", "down", "to"), [
    (0.04, 0.06, "to +infinity"), (1.0, -0.04, "to -infinity"), (0.04, -0.04, "either way"),
    (-1.0, 0.06, None), (0.06, 0.06, None),
])
def test_a_runaway_is_said_to_go_where_the_likelihood_is_level(up, down, to):
    model = Known(rise=lambda theta: up if theta[1] > 0 else down)
    said = fit_of(model, [0.5, 0.25], [[4.0, 0.0], [0.0, 1e-4]])._runaways()
    if to is None:
        assert said == []
    else:
        assert said[0].startswith(f"no estimate of b (0.25, and on {to}): the log likelihood "
                                  "changes by less than 0.05")


def test_where_the_likelihood_is_not_defined_a_runaway_is_looked_for_nearer():
    model = Known(rise=lambda theta: onp.inf)
    assert fit_of(model, [1.0], [[1e-4]])._runaways() == []
    onp.testing.assert_allclose(onp.ravel(model.asked) - 1.0, [
        100, 25, 6.25, -100, -25, -6.25])


@pytest.mark.parametrize(("hessian", "names"), [
    ([[2.0, 0.5], [0.5, 1.0]], None),
    ([[1e-8, 0.5e-4], [0.5e-4, 1.0]], None), ([[1e8, 0.5e4], [0.5e4, 1.0]], None),
    ([[1.0, 1.0], [1.0, 1.0]], "a, b"), ([[1e8, 1e4], [1e4, 1.0]], "a, b"),
    ([[1.0, 1 - 2e-6], [1 - 2e-6, 1.0]], None), ([[1.0, 1 - 5e-7], [1 - 5e-7, 1.0]], "a, b"),
    ([[-1.0, 0.9], [0.9, 1.0]], "a, b"), ([[-1.0, 0.0], [0.0, 1.0]], "a"),
    ([[0.0, 0.0], [0.0, 1.0]], "a"),
    ([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0], [0.0, 1.0, 1.0]], "b, c"),
    ([[-1.0, 0.3], [0.3, 1.0]], "a, b"), ([[-1.0, 0.19], [0.19, 1.0]], "a"),
])
def test_parameters_that_are_not_told_apart_are_named(hessian, names):
    """Those with more than a tenth in the direction that is level, in units of the diagonal."""
    said = fit_of(Known(), onp.zeros(len(hessian)), hessian)._undetermined()
    assert [text.partition(":")[0] for text in said] == (
        [] if names is None else [f"no estimate of a combination of {names}"])


@pytest.mark.parametrize(("higher", "told"), [(2e-7, False), (2e-6, True), (0.5, True)])
def test_a_mode_that_is_higher_by_more_than_rounding_is_told(higher, told):
    said = fit_of(Known(higher=higher), [0.0])._other_mode()
    assert len(said) == told
    assert all(f"higher by {higher:.3g}:" in text for text in said)


def test_all_that_is_wrong_is_said():
    """A fit that did not converge, and that has another mode."""
    fit = fit_of(Known(higher=0.5), [0.0, 1.0], onp.eye(2), gradient=[-3.0, 1.0], converged=False)
    unfinished, other = fit.remarks
    assert "did not converge in 3 steps; the gradient is 3.0e+00" in unfinished
    assert "second mode" in other


# On models.

def normals(y=Y, unit=1.0):
    def joint(p):
        return normal(y - unit * p.b - np.exp(p.log_sd) * p.u[G]) + normal(p.u)

    return Laplace(joint, {"b": 0.5, "log_sd": 0.2, "u": onp.zeros(5)}, ["u"])


def test_the_mode_near_a_mode_at_the_same_theta_is_that_one():
    model, theta = normals(), onp.array([0.3, 0.1])
    near = model.mode(theta)
    assert model.mode(theta.copy(), near) is near
    assert model.mode(theta + 0.1, near) is not near


def test_no_answer_depends_on_what_was_asked_before():
    model, theta = normals(), onp.array([0.3, 0.1])
    mode, value, gradient = model.mode(theta), model.objective(theta), model.gradient(theta)
    model.objective(theta + 2.0)
    model.fit()
    onp.testing.assert_array_equal(model.mode(theta).u, mode.u)
    assert model.objective(theta) == value
    onp.testing.assert_array_equal(model.gradient(theta), gradient)


def test_where_the_mode_moves_is_foretold():
    """Exactly, where it is linear: in b, for normal data."""
    model = normals()
    before, after = onp.array([0.3, 0.1]), onp.array([-2.0, 0.1])
    near = model.mode(before)
    foretold, last = model._predicted(after, near)
    onp.testing.assert_array_equal(last, near.u)
    onp.testing.assert_allclose(foretold, model.mode(after, near.u).u, atol=1e-13)
    gap = onp.max(onp.abs(foretold - near.u))
    assert gap > 0.5


def test_evaluations_are_counted(monkeypatch):
    model, asked = normals(), []
    value = model.value_or_infinite
    monkeypatch.setattr(model, "value_or_infinite",
                        lambda *at: asked.append(at) or value(*at))
    assert model.fit().descent.evaluations == len(asked) > 3


def test_nothing_but_random_effects():
    """Their likelihood is a number, and there is nothing to look for."""
    model = Laplace(lambda p: normal(Y - p.u[G]) + normal(p.u), {"u": onp.zeros(5)}, ["u"])
    found = model.fit()
    V = onp.eye(20) + (G[:, None] == G)
    want = stats.multivariate_normal(onp.zeros(20), V).logpdf(Y)
    assert found.log_likelihood == pytest.approx(want, rel=1e-12)
    assert found.remarks == [] and found.descent.converged and found.descent.steps == 0
    assert found.theta.shape == found.descent.gradient.shape == (0,)
    assert found.descent.inverse.shape == found.hessian.shape == (0, 0)
    assert list(found.estimates) == ["u"]


def test_a_warning_shows_the_line_that_fits():
    y = onp.zeros(20, int)
    model = Laplace(lambda p: poisson(y, p.b + p.u[G]) + normal(p.u),
                    {"b": 0.0, "u": onp.zeros(5)}, ["u"])
    with pytest.warns(ConvergenceWarning, match="no estimate of b") as said:
        model.fit()
    assert [warning.filename for warning in said] == [__file__]


def test_the_standard_errors_in_print():
    found = normals().fit()
    rows = [line.split() for line in found.summary().splitlines()]
    for name in ("b", "log_sd"):
        (row,) = [row for row in rows if row[:1] == [name]]
        assert float(row[2]) == pytest.approx(float(found.standard_errors[name]), rel=1e-4)


def test_a_start_where_the_density_is_infinite_is_refused_at_once():
    """Though it is finite close by."""
    with pytest.raises(LaplaceError, match="not a finite number at the start"):
        Laplace(lambda p: normal(p.u) + 1.0 / p.b**2, {"b": 0.0, "u": onp.zeros(5)}, ["u"])


@pytest.mark.parametrize("unit", [1e-3, 1e3])
def test_the_first_step_does_not_depend_on_the_unit_of_a_parameter(unit):
    """Also where the density bends the other way; and it is Newton's, but for log|H|."""
    def model(unit, bend):
        def joint(p):
            b, c = unit * p.b, p.c
            return bend * b**2 + b * c + 2 * c**2 + normal(p.u - 0.5 * b)

        return Laplace(joint, {"b": 0.0, "c": 0.0, "u": onp.zeros(1)}, ["u"])

    for bend in (1.0, -1.0):
        plain, other = (
            m._first_inverse(m.mode(m.theta0)) for m in (model(1.0, bend), model(unit, bend)))
        D = onp.diag([1 / unit, 1.0])
        onp.testing.assert_allclose(other, D @ plain @ D, rtol=1e-10)
        if bend > 0:  # u takes b's part in its own density away
            onp.testing.assert_allclose(plain, onp.linalg.inv([[2.0, 1.0], [1.0, 4.0]]), rtol=1e-12)
