"""The profile criteria: three levels agree, derivatives are exact, nothing breaks at theta = 0."""

import mpmath
import numpy as np
import pytest

from criteria import by_definition, spread_out
from lmmcore import (
    Diagonal,
    LinearMixedModel,
    ScaledIdentity,
    Unstructured,
    grouped,
    independent,
    repeated,
)
from lmmcore.fast.groups import GroupedProfile
from lmmcore.profile import Profile, _root_and_dual, _triangular
from lmmcore.textbook import definition, identities
from reference_models import reference_model, slopes

CASES = [
    ("Dyestuff", [0.85]),
    ("Dyestuff", [0.0]),
    ("sleepstudy_ri", [1.2]),
    ("sleepstudy_ris", [0.9, 0.1, 0.3]),
    ("sleepstudy_ris", [0.9, 0.1, 0.0]),
    ("sleepstudy_ris", [0.0, 0.0, 0.0]),
    ("sleepstudy_ris", [-0.9, 0.1, -0.3]),
    ("sleepstudy_ris_uncorr", [0.9, 0.2]),
    ("Penicillin", [1.5, 3.5]),
    ("Pastes", [3.5, 0.0]),
]


@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize(("name", "theta"), CASES)
def test_three_levels_agree(name, theta, method):
    model = reference_model(name)
    theta = np.array(theta)
    dense = by_definition(model, theta, method)
    assert identities.profile_log_likelihood(model, theta, method) == pytest.approx(dense, abs=1e-9)
    assert Profile(model, method).log_likelihood(theta) == pytest.approx(dense, abs=1e-9)
    if len(model.terms) == 1:
        structured = GroupedProfile(model, method)
        assert structured.log_likelihood(theta) == pytest.approx(dense, abs=1e-9)


@pytest.mark.parametrize("theta", [[0.9, 0.1, 0.3], [0.9, 0.1, 0.0], [0.0, 0.0, 0.0]])
def test_woodbury_and_determinant_lemma(theta):
    model = slopes(seed=4)
    theta = np.array(theta)
    W = definition.relative_covariance(model, theta)
    np.testing.assert_allclose(identities.solve_W(model, theta, np.eye(model.n)), np.linalg.inv(W),
                               atol=1e-12)
    assert identities.log_det_W(model, theta) == pytest.approx(np.linalg.slogdet(W)[1], abs=1e-11)
    np.testing.assert_allclose(identities.gls(model, theta),
                               definition.gls(model.y, model.X, W).beta, atol=1e-11)


@pytest.mark.parametrize("method", ["REML", "ML"])
def test_structure_equals_profile_in_everything(method):
    model, theta = slopes(seed=5, q=2), np.array([0.8, -0.4, 0.3])
    full, fast = Profile(model, method), GroupedProfile(model, method)
    for a, b in zip(full.derivatives(theta), fast.derivatives(theta), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
    for kind in ("observed", "expected"):
        np.testing.assert_allclose(full.information(theta, kind), fast.information(theta, kind),
                                   rtol=1e-9, atol=1e-10)
    a, b = full.solution(theta), fast.solution(theta)
    np.testing.assert_allclose(a.beta, b.beta, atol=1e-11)
    np.testing.assert_allclose(a.vcov, b.vcov, atol=1e-12)
    np.testing.assert_allclose(a.random_effects[0], b.random_effects[0], atol=1e-11)
    np.testing.assert_allclose(a.conditional[0], b.conditional[0], atol=1e-12)


@pytest.mark.parametrize("method", ["REML", "ML"])
def test_solution_by_definition(method):
    model, theta = slopes(seed=6), np.array([0.8, -0.4, 0.3])
    W = definition.relative_covariance(model, theta)
    beta, vcov = definition.gls(model.y, model.X, W)
    ZG = model.Z @ (lambda L: L @ L.T)(model.covariance.factor(theta))
    u = ZG.T @ np.linalg.solve(W, model.y - model.X @ beta)
    given = model.covariance.factor(theta) @ model.covariance.factor(theta).T \
        - ZG.T @ np.linalg.solve(W, ZG)
    solution = Profile(model, method).solution(theta)
    np.testing.assert_allclose(solution.beta, beta, atol=1e-11)
    np.testing.assert_allclose(solution.vcov, vcov, atol=1e-12)
    np.testing.assert_allclose(solution.random_effects[0].ravel(), u, atol=1e-11)
    for g, block in enumerate(solution.conditional[0]):
        np.testing.assert_allclose(block, given[2 * g:2 * g + 2, 2 * g:2 * g + 2], atol=1e-11)


def in_high_precision(model, method):
    """The criterion by definition in 40 digits, as a function of mpmath numbers theta."""
    y, X = mpmath.matrix(model.y.tolist()), mpmath.matrix(model.X.tolist())
    Z = mpmath.matrix(model.Z.toarray().tolist())
    basis = [mpmath.matrix(model.covariance.factor(e).tolist())
             for e in np.eye(model.covariance.n_theta)]
    m = model.n - model.p if method == "REML" else model.n

    def criterion(*theta):
        factor = mpmath.zeros(model.k)
        for t, b in zip(theta, basis, strict=True):
            factor += t * b
        ZL = Z * factor
        Wi = (mpmath.eye(model.n) + ZL * ZL.T) ** -1
        information = X.T * Wi * X
        beta = mpmath.lu_solve(information, X.T * Wi * y)
        rss = ((y - X * beta).T * Wi * (y - X * beta))[0]
        value = m * (mpmath.log(2 * mpmath.pi * rss / m) + 1) - mpmath.log(mpmath.det(Wi))
        return value + mpmath.log(mpmath.det(information)) if method == "REML" else value

    return criterion


@pytest.mark.parametrize("method", ["REML", "ML"])
def test_derivatives_against_forty_digits(method):
    model = slopes(seed=7, groups=3)
    theta = [0.8, -0.4, 0.3]
    f, gradient, hessian = Profile(model, method).derivatives(np.array(theta))
    with mpmath.workdps(40):
        exact = in_high_precision(model, method)
        h = mpmath.mpf(10) ** -12
        at = [mpmath.mpf(t) for t in theta]

        def shifted(*steps):
            return exact(*[t + h * sum(s == i for s in steps) - h * sum(s == ~i for s in steps)
                           for i, t in enumerate(at)])

        assert f == pytest.approx(float(exact(*at)), abs=1e-11)
        for i in range(3):
            slope = (shifted(i) - shifted(~i)) / (2 * h)
            assert gradient[i] == pytest.approx(float(slope), rel=1e-11, abs=1e-12)
            for j in range(i + 1):
                bend = (shifted(i, j) - shifted(i, ~j) - shifted(~i, j) + shifted(~i, ~j))
                assert hessian[i, j] == pytest.approx(float(bend / (4 * h**2)), rel=1e-10,
                                                      abs=1e-11)


@pytest.mark.parametrize("phi", [1e-8, 1e-4, 1.0, 1e4, 1e8, 1e12])
@pytest.mark.parametrize("kind", ["intercepts", "slopes", "crossed"])
@pytest.mark.parametrize("method", ["REML", "ML"])
def test_no_digits_are_lost_at_a_large_phi(method, kind, phi):
    model, theta = spread_out(kind, phi)
    with mpmath.workdps(50):
        exact = float(in_high_precision(model, method)(*[mpmath.mpf(t) for t in theta]))
    # y itself, of the size of sqrt(phi) errors, has lost that many digits of the errors
    bound = 1e-12 + 3e-14 * np.sqrt(phi)
    assert Profile(model, method).criterion(theta) == pytest.approx(exact, abs=bound)
    if kind == "crossed":
        bound += 1e-15 * phi  # in the log-determinant
    else:
        assert GroupedProfile(model, method).criterion(theta) == pytest.approx(exact, abs=bound)
    by_identities = -2.0 * identities.profile_log_likelihood(model, theta, method)
    assert by_identities == pytest.approx(exact, abs=bound)


@pytest.mark.parametrize("kind", ["intercepts", "slopes", "crossed"])
@pytest.mark.parametrize("method", ["REML", "ML"])
def test_derivatives_at_a_large_phi(method, kind):
    model, theta = spread_out(kind, 1e6)
    with mpmath.workdps(50):
        exact = in_high_precision(model, method)
        h, at = mpmath.mpf(10) ** -12, [mpmath.mpf(t) for t in theta]
        slope = [float((exact(*[t + h * (i == j) for j, t in enumerate(at)])
                        - exact(*[t - h * (i == j) for j, t in enumerate(at)])) / (2 * h))
                 for i in range(len(at))]
    gradient = Profile(model, method).gradient(theta)
    np.testing.assert_allclose(gradient * theta, slope * theta, atol=1e-7)
    if kind != "crossed":
        gradient = GroupedProfile(model, method).gradient(theta)
        np.testing.assert_allclose(gradient * theta, slope * theta, atol=1e-7)


def test_identities_bear_any_theta():
    model, theta = spread_out("crossed", 1e12)
    for t in (1e7, 1e12):
        beta = identities.gls(model, theta * t / theta[0])
        assert np.all(np.isfinite(beta))


@pytest.mark.parametrize("method", ["REML", "ML"])
def test_information_by_definition(method):
    model, theta = slopes(seed=8), np.array([0.8, -0.4, 0.3])
    profile = Profile(model, method)
    sigma2 = profile.sigma2(theta)
    V = definition.marginal_covariance(model, theta, sigma2)
    dV = definition.covariance_derivatives(model)
    phi = profile.covariance.phi(theta)
    jacobian = sigma2 * np.eye(1 + len(phi))  # d (sigma2, psi) / d (sigma2, phi)
    jacobian[:, 0] = np.append(1.0, phi)
    expected = definition.expected_information(model.X, V, dV, method)
    np.testing.assert_allclose(profile.information(theta, "expected"),
                               jacobian.T @ expected @ jacobian, rtol=1e-10)
    observed = jacobian.T @ definition.observed_information(model.y, model.X, V, dV, method) \
        @ jacobian
    # away from an optimum the second derivatives of psi = sigma2 phi leave the scores behind
    score = (definition.restricted_score if method == "REML" else definition.score)
    scores = score(model.y, model.X, V, dV)
    observed[0, 1:] -= scores[1:]
    observed[1:, 0] -= scores[1:]
    np.testing.assert_allclose(profile.information(theta, "observed"), observed, rtol=1e-9)


@pytest.mark.parametrize("method", ["REML", "ML"])
def test_gradient_is_zero_at_theta_zero_but_the_slope_in_phi_is_not(method):
    profile = Profile(reference_model("Dyestuff"), method)
    assert profile.gradient(np.zeros(1))[0] == 0.0
    (point,) = profile.boundary(np.zeros(1))
    h = 1e-6
    numeric = (profile.criterion(np.array([np.sqrt(h)])) - profile.criterion(np.zeros(1))) / h
    assert point.slope == pytest.approx(numeric, rel=1e-3)
    assert point.slope < 0  # the data do have variance between batches


def test_structures():
    theta = np.array([2.0, 3.0, 4.0, 5.0, 6.0, 7.0])
    lower = Unstructured(3).factor(theta)
    np.testing.assert_array_equal(lower, [[2, 0, 0], [3, 5, 0], [4, 6, 7]])
    np.testing.assert_array_equal(Diagonal(2).factor(np.array([2.0, 3.0])), np.diag([2.0, 3.0]))
    np.testing.assert_array_equal(ScaledIdentity(2).factor(np.array([2.0])), 2 * np.eye(2))
    both = independent(repeated(Unstructured(2), 2), ScaledIdentity(1))
    dense = np.zeros((5, 5))
    dense[:2, :2] = dense[2:4, 2:4] = [[1, 0], [2, 3]]
    dense[4, 4] = 4
    np.testing.assert_array_equal(both.factor(np.array([1.0, 2.0, 3.0, 4.0])), dense)
    np.testing.assert_array_equal(both.phi(np.array([1.0, 2.0, 3.0, 4.0])), [1, 2, 13, 16])


@pytest.mark.parametrize("structure", [Unstructured(3), Diagonal(3), ScaledIdentity(3)])
def test_theta_of_inverts_gamma(structure):
    theta = np.linspace(1.0, 2.0, structure.n_theta)
    gamma = structure.gamma(theta)
    np.testing.assert_allclose(structure.theta_of(gamma, np.ones(3)), theta, atol=1e-14)
    directions = structure.directions(theta)
    np.testing.assert_allclose(np.tensordot(structure.phi(theta), directions, axes=1), gamma,
                               atol=1e-14)


def test_matrices_give_the_same_model_as_groups():
    model = reference_model("sleepstudy_ris")
    plain = LinearMixedModel(model.y, model.X, model.Z.toarray(), repeated(Unstructured(2), 18))
    theta = np.array([0.9, 0.1, 0.3])
    assert Profile(plain).criterion(theta) == Profile(model).criterion(theta)


def test_structure_needs_one_grouping_factor():
    with pytest.raises(ValueError, match="one grouping factor"):
        GroupedProfile(reference_model("Penicillin"))


@pytest.mark.parametrize(("distance", "rank"), [(1e-11, 2), (1e-14, 1), (0.0, 1)])
def test_the_rank_of_nearly_dependent_columns(distance, rank):
    length = np.array([1e-6, 1e3])
    A = np.array([[1.0, 1.0 - distance], [1.0 - distance, 1.0]]) * np.outer(length, length)
    root, dual = _root_and_dual(A)
    assert len(root) == len(dual) == rank
    np.testing.assert_allclose(root.T @ root, A, rtol=1e-13)
    np.testing.assert_allclose(dual @ root.T, np.eye(rank), atol=1e-4)


@pytest.mark.parametrize("zero", [0, 1, 2])
def test_a_column_of_zeros_has_no_rank_and_stays(zero):
    A = np.array([[4.0, 1, 0.5], [1, 9, 2], [0.5, 2, 1]])
    A[zero] = A[:, zero] = 0.0
    root, dual = _root_and_dual(A)
    assert len(root) == 2
    np.testing.assert_allclose(root.T @ root, A, atol=1e-14)
    assert np.all(dual[:, zero] == 0)
    Z = np.linalg.cholesky(A + np.eye(3)).T
    Z[:, zero] = 0.0
    basis, R = _triangular(Z, np.linalg.norm(Z, axis=0))
    assert len(R) == 2 and np.all(R[:, zero] == 0)
    np.testing.assert_allclose(basis @ R, Z, atol=1e-14)


@pytest.mark.parametrize(("left", "rank"), [(3e-12, 2), (3e-13, 1)])
@pytest.mark.parametrize("unit", [1e-20, 1.0, 1e20])
def test_what_is_left_of_a_column_that_depends_on_those_before(left, rank, unit):
    Z = np.array([[1.0, 1.0], [0.0, left], [0.0, 0.0]]) * [1.0, unit]
    basis, R = _triangular(Z, np.linalg.norm(Z, axis=0))
    assert basis.shape == (3, rank) and R.shape == (rank, 2)
    np.testing.assert_allclose(basis @ R / [1, unit], Z / [1, unit], atol=1e-12)


@pytest.mark.parametrize(("value", "rank"), [(1.5e-12, 10), (0.5e-12, 9)])
def test_eigenvalues_that_are_rounding(value, rank):
    A = np.eye(10)
    A[0, 1] = A[1, 0] = 1 - value
    assert len(_root_and_dual(A)[0]) == rank


def two_terms():
    """A model of two crossed terms, n k^2 = 40 * 11^2, with Z'X of no special form."""
    rng = np.random.default_rng(12)
    a, b, x = rng.integers(0, 4, 40), rng.integers(0, 3, 40), rng.standard_normal(40)
    Z = {"a": {"1": 1, "x": x}, "b": {"w": rng.standard_normal(40)}}
    return grouped(x + rng.standard_normal(40), {"1": 1, "x": x, "t": np.arange(40.0)},
                   {"a": a, "b": b}, Z)


@pytest.mark.parametrize("method", ["REML", "ML"])
def test_cross_products_give_what_the_rows_give(method, monkeypatch):
    model, theta = two_terms(), np.array([0.8, -0.3, 0.5, 1.2])
    by_rows = Profile(model, method)
    monkeypatch.setattr("lmmcore.profile.ROWS", 0)
    by_products = Profile(model, method)
    assert by_products.log_likelihood(theta) == pytest.approx(
        by_definition(model, theta, method), abs=1e-11)
    for ours, theirs in zip(by_products.derivatives(theta), by_rows.derivatives(theta),
                            strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-11)
    ours, theirs = by_products.solution(theta), by_rows.solution(theta)
    np.testing.assert_allclose(ours.beta, theirs.beta, rtol=1e-11)
    np.testing.assert_allclose(ours.random_effects[0], theirs.random_effects[0], rtol=1e-10)


@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize(("more", "unused"), [(0, "_root_and_dual"), (-1, "_triangular")])
def test_rows_are_used_up_to_a_number_of_products(method, more, unused, monkeypatch):
    model = two_terms()
    monkeypatch.setattr("lmmcore.profile.ROWS", 40 * 11**2 + more)
    monkeypatch.delattr(f"lmmcore.profile.{unused}")
    assert np.isfinite(Profile(model, method).criterion(np.ones(4)))


@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize("unit", [1e-20, 1e20])
def test_the_criterion_does_not_depend_on_the_units_of_an_effect(method, unit):
    batch = np.arange(30) // 5
    y, theta = reference_model("Dyestuff").y, np.array([0.8])
    one, other = (Profile(grouped(y, {"1": 1}, {"g": batch}, {"g": {"z": c}}), method)
                  for c in (1.0, unit))
    assert other.criterion(theta / unit) == pytest.approx(one.criterion(theta), abs=1e-10)


def test_hessian_and_gradient_by_themselves_and_a_symmetric_vcov():
    profile, theta = Profile(two_terms()), np.array([0.8, -0.3, 0.5, 1.2])
    _, gradient, hessian = profile.derivatives(theta)
    np.testing.assert_array_equal(profile.gradient(theta), gradient)
    np.testing.assert_array_equal(profile.hessian(theta), hessian)
    vcov = profile.solution(theta).vcov
    np.testing.assert_array_equal(vcov, vcov.T)
