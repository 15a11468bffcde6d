"""Several terms of more than one effect: by blocks of the largest as by the general form."""

import numpy as np
import pytest

from criteria import by_definition
from lmmcore import fit, from_formula
from lmmcore.fast.vector_terms import (
    VectorTermsProfile,
    VectorTermsW,
    _gram_schmidt,
    root_of_rank,
)
from lmmcore.profile import Profile
from reference_models import reference_model

METHODS = pytest.mark.parametrize("method", ["REML", "ML"])


def design(formula, seed=1, n=140, a=24, b=5, unit=1.0):
    """Lines of the levels of a, crossed with b; x is 0 in one level of a, and constant in another.

    ``inside`` is nested in a, and ``big`` holds whole levels of a.
    """
    rng = np.random.default_rng(seed)
    i, j = rng.integers(0, a, n), rng.integers(0, b, n)
    x, z = rng.standard_normal((2, n))
    x[i == 3], x[i == 4] = 0.0, 2.0
    u, v = rng.standard_normal((2, a)), rng.standard_normal(b)
    y = 1 + u[0, i] + x * u[1, i] + v[j] + rng.standard_normal(n)
    return from_formula(formula, {"y": y, "x": unit * x, "z": unit * z, "a": i, "b": j,
                                  "big": i % 4, "inside": 2 * i + (z > 0)})


SLOPE = "y ~ x + (x | a) + (1 | b)"
CASES = pytest.mark.parametrize(("formula", "theta"), [
    (SLOPE, [1.0, 0.3, 0.7, 0.5]),
    (SLOPE, [1.0, -0.3, 0.0, 0.5]),
    (SLOPE, [1.0, 0.3, 0.7, 0.0]),
    (SLOPE, [0.0, 0.0, 0.0, 0.0]),
    (SLOPE, [1e-6, 0.0, 1e-3, 1e-6]),
    ("y ~ x + (1 | b) + (x | a)", [0.5, 1.0, 0.3, 0.7]),
    ("y ~ x + (x | a) + (z | b)", [1.0, 0.3, 0.7, 0.5, -0.2, 0.4]),
    ("y ~ 0 + x + (x || a) + (1 | b)", [1.0, 0.3, 0.5]),
    ("y ~ z + (1 | a) + (x | inside) + (x + z | big)",
     [1.0, 0.3, 0.2, 0.4, 0.5, 0.1, -0.2, 0.4, 0.1, 0.0]),
    ("y ~ x + (x | a) + (z | inside)", [1.0, 0.3, 0.7, 0.5, -0.2, 0.4]),  # x is 0 in one level
    ("y ~ z + (1 | inside) + (x | b)", [0.7, 1.0, 0.3, 0.5]),
], ids=str)


@METHODS
@CASES
def test_equal_to_the_general_form_and_to_the_definition(method, formula, theta):
    model, theta = design(formula), np.array(theta)
    general, ours = Profile(model, method), VectorTermsProfile(model, method)
    assert ours.criterion(theta) == pytest.approx(general.criterion(theta), abs=1e-11)
    assert ours.log_likelihood(theta) == pytest.approx(by_definition(model, theta, method),
                                                       abs=1e-9)
    for kind in ("observed", "expected", "average"):
        for mine, other in zip(ours.derivatives(theta, kind), general.derivatives(theta, kind),
                               strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-11, atol=1e-10)
    for kind in ("observed", "expected"):
        np.testing.assert_allclose(ours.information(theta, kind), general.information(theta, kind),
                                   rtol=1e-11, atol=1e-10)
    got, want = ours.solution(theta), general.solution(theta)
    np.testing.assert_allclose(got.beta, want.beta, atol=1e-12)
    np.testing.assert_allclose(got.vcov, want.vcov, atol=1e-13)
    for mine, other in zip(got.random_effects + got.conditional,
                           want.random_effects + want.conditional, strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-12)
    for mine, other in zip(ours.boundary(theta), general.boundary(theta), strict=True):
        assert mine.label == other.label
        assert mine.slope == pytest.approx(other.slope, rel=1e-10, abs=1e-10)


@METHODS
@pytest.mark.parametrize("size", [1e2, 1e4, 1e6])
def test_a_large_phi_costs_few_digits(method, size):
    model, theta = design(SLOPE), np.sqrt(size) * np.array([1.0, 0.3, 0.7, 0.5])
    general, ours = Profile(model, method), VectorTermsProfile(model, method)
    assert ours.sigma2(theta) == pytest.approx(general.sigma2(theta), rel=1e-12)
    assert ours.criterion(theta) == pytest.approx(general.criterion(theta),
                                                  abs=1e-11 + 3e-16 * size)


@METHODS
@pytest.mark.parametrize(("many", "optimiser"), [(300, "newton"), (5, "average-information")])
def test_the_fit_does_not_depend_on_the_form(method, many, optimiser, monkeypatch):
    monkeypatch.setattr("lmmcore.fast.vector_terms.MANY", many)
    model = design("y ~ x + z + (x | a) + (1 | b)", n=600, a=90, b=12)
    fast = fit(model, method)
    assert fast.optimiser == optimiser
    monkeypatch.setattr("lmmcore.fast.choose.FEW_EFFECTS", 1000)
    general = fit(model, method)
    assert fast.converged and general.converged
    assert fast.criterion == pytest.approx(general.criterion, abs=1e-10)
    np.testing.assert_allclose(fast.theta, general.theta, rtol=1e-9)
    np.testing.assert_allclose(fast.beta, general.beta, rtol=1e-9)
    np.testing.assert_allclose(fast.se_observed, general.se_observed, rtol=1e-9)
    np.testing.assert_allclose(fast.fitted, general.fitted, atol=1e-9)


def test_a_mean_far_away_takes_nothing():
    rng = np.random.default_rng(2)
    g, h, x = np.repeat(np.arange(60), 6), np.tile(np.arange(6), 60), rng.standard_normal(360)
    y = rng.standard_normal(60)[g] + x * rng.standard_normal(60)[g] + rng.standard_normal(360)
    near, far = (fit(from_formula(SLOPE, {"y": y + shift, "x": x, "a": g, "b": h}))
                 for shift in (0.0, 1e6))
    np.testing.assert_allclose(far.theta, near.theta, rtol=1e-7, atol=1e-9)
    assert far.log_likelihood == pytest.approx(near.log_likelihood, abs=1e-7)


def test_it_is_for_several_terms():
    with pytest.raises(ValueError, match="several terms"):
        VectorTermsProfile(reference_model("sleepstudy"))


def test_theta_beyond_floating_point_is_refused():
    with pytest.raises(ValueError, match="too large"):
        VectorTermsProfile(design(SLOPE)).criterion(np.array([1.0, 0.0, 1.0, 1e200]))


@METHODS
@pytest.mark.parametrize("unit", [1e-7, 1e7])
def test_the_units_of_the_columns_do_not_matter(method, unit):
    formula = "y ~ x + (x | a) + (z | b)"
    theta, units = np.array([1.0, 0.3, 0.7, 0.5, -0.2, 0.4]), np.array([1, unit, unit] * 2)
    plain, other = (VectorTermsProfile(design(formula, unit=u), method) for u in (1.0, unit))
    for profile in (plain, other):
        general = Profile(profile.model, method)
        for mine, want in zip(profile.z_scale, general.z_scale, strict=True):
            np.testing.assert_allclose(mine, want, rtol=1e-14)
    assert other.sigma2(theta / units) == pytest.approx(plain.sigma2(theta), rel=1e-12)
    np.testing.assert_allclose(other.gradient(theta / units) / units, plain.gradient(theta),
                               rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_a_covariate_that_is_constant_in_a_level_adds_nothing_there(unit):
    (term, _) = design(SLOPE, unit=unit).terms
    _, R = _gram_schmidt(term)
    gone = R[1, 1] == 0
    assert [term.levels[g] for g in np.flatnonzero(gone)] == [3, 4]
    own = np.einsum("abg,acg->bcg", R, R)
    for g in range(24):
        z = term.columns[term.codes == g]
        size = np.sqrt(np.diag(z.T @ z))
        size[size == 0] = 1.0
        np.testing.assert_allclose(own[:, :, g] / np.outer(size, size),
                                   z.T @ z / np.outer(size, size), atol=1e-13)


@pytest.mark.parametrize(("off", "rank"), [(1e-11, 2), (1e-15, 1)])
def test_the_root_of_a_matrix_has_its_rank_but_for_rounding(off, rank):
    S = np.array([[1.0, 1.0], [1.0, 1.0 + off]])
    R = root_of_rank(S)
    assert len(R) == rank
    np.testing.assert_allclose(R.T @ R, S, rtol=2e-15)


@pytest.mark.parametrize("unit", [1.0, 1e-7, 1e7])
def test_the_root_of_a_matrix_in_other_units_and_with_a_row_of_zeros(unit):
    units = np.array([unit, 1.0, 1 / unit])
    S = np.array([[2.0, 0.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, 1.0]]) * np.outer(units, units)
    R = root_of_rank(S)
    assert len(R) == 2
    np.testing.assert_allclose(R.T @ R, S, rtol=1e-14)


def test_the_root_of_a_large_matrix_of_low_rank():
    F = np.random.default_rng(5).standard_normal((3, 400))
    R = root_of_rank(F.T @ F)
    assert len(R) == 3
    np.testing.assert_allclose(R.T @ R, F.T @ F, atol=1e-12)


def test_the_criterion_alone_takes_no_derivatives(monkeypatch):
    model, theta = design(SLOPE), np.array([1.0, 0.3, 0.7, 0.5])
    monkeypatch.delattr(VectorTermsW, "T")
    monkeypatch.delattr(VectorTermsW, "squares")
    assert VectorTermsProfile(model).criterion(theta) == pytest.approx(
        Profile(model).criterion(theta), abs=1e-11)
