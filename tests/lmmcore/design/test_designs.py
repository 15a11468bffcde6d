"""The designs of the chapter "Designs": the constructions agree, and the closed forms of V hold."""

import numpy as np
import pytest

from lmmcore import (
    LinearMixedModel,
    Unstructured,
    fit,
    from_formula,
    from_groups,
    grouped,
    independent,
    load,
    repeated,
)
from lmmcore.textbook import definition


def ones(size):
    return np.ones((size, 1))


def by_hand(y, *terms):
    covariance = independent(*(repeated(Unstructured(1), Z.shape[1]) for Z in terms))
    return LinearMixedModel(y, ones(len(y)), np.hstack(terms), covariance)


def constructions():
    dye, pastes, penicillin = load("Dyestuff"), load("Pastes"), load("Penicillin")
    sleep = load("sleepstudy")
    X = np.column_stack([np.ones(180), sleep["Days"]])
    rows = [np.flatnonzero(sleep["Subject"] == s) for s in np.unique(sleep["Subject"])]
    Z = np.zeros((180, 36))
    for i, at in enumerate(rows):
        Z[at, 2 * i : 2 * i + 2] = X[at]
    days = {"(Intercept)": 1, "Days": sleep["Days"]}
    y, strength, diameter = dye["Yield"], pastes["strength"], penicillin["diameter"]
    one = {"(Intercept)": 1}
    return {
        "sleepstudy": [
            from_formula("Reaction ~ Days + (Days | Subject)", sleep),
            grouped(sleep["Reaction"], days, {"Subject": sleep["Subject"]}, {"Subject": days}),
            from_groups([sleep["Reaction"][at] for at in rows], [X[at] for at in rows],
                        [X[at] for at in rows]),
            LinearMixedModel(sleep["Reaction"], X, Z, repeated(Unstructured(2), 18)),
        ],
        "Dyestuff": [
            from_formula("Yield ~ 1 + (1 | Batch)", dye),
            grouped(y, one, {"Batch": dye["Batch"]}),
            by_hand(y, np.kron(np.eye(6), ones(5))),
        ],
        "Pastes": [
            from_formula("strength ~ 1 + (1 | batch/cask)", pastes),
            grouped(strength, one, {"batch": pastes["batch"], "cask": pastes["sample"]}),
            by_hand(strength, np.kron(np.eye(10), ones(6)), np.kron(np.eye(30), ones(2))),
        ],
        "Penicillin": [
            from_formula("diameter ~ 1 + (1 | plate) + (1 | sample)", penicillin),
            grouped(diameter, one,
                    {"plate": penicillin["plate"], "sample": penicillin["sample"]}),
            by_hand(diameter, np.kron(np.eye(24), ones(6)), np.kron(ones(24), np.eye(6))),
        ],
    }  # fmt: skip


@pytest.mark.parametrize("name", ["sleepstudy", "Dyestuff", "Pastes", "Penicillin"])
@pytest.mark.parametrize("method", ["ML", "REML"])
def test_all_constructions_are_one_model(name, method):
    first, *others = constructions()[name]
    best = fit(first, method)
    for model in others:
        np.testing.assert_array_equal(model.X, first.X)
        np.testing.assert_array_equal(model.Z.toarray(), first.Z.toarray())
        other = fit(model, method)
        np.testing.assert_allclose(other.log_likelihood, best.log_likelihood, rtol=1e-12)
        np.testing.assert_allclose(other.estimates, best.estimates, rtol=1e-7)
        np.testing.assert_allclose(other.beta, best.beta, rtol=1e-10)


@pytest.mark.parametrize(("k", "m"), [(2, 2), (3, 5), (7, 4)])
def test_one_way_forms(k, m):
    sigma2, tau2 = 1.7, 0.6
    Z = np.kron(np.eye(k), ones(m))
    V, P, whole = sigma2 * np.eye(k * m) + tau2 * Z @ Z.T, Z @ Z.T / m, np.eye(k * m)
    inverse = (whole - P) / sigma2 + P / (sigma2 + m * tau2)
    np.testing.assert_allclose(V @ inverse, whole, atol=1e-13)
    log_det = k * (m - 1) * np.log(sigma2) + k * np.log(sigma2 + m * tau2)
    np.testing.assert_allclose(definition.log_det(V), log_det, rtol=1e-12)


@pytest.mark.parametrize(("a", "b", "m"), [(2, 3, 2), (4, 2, 3)])
def test_nested_and_crossed_forms(a, b, m):
    n, s2, t_A, t_C = a * b * m, 1.7, 0.6, 0.9
    Z_C = np.kron(np.eye(a * b), ones(m))
    Z_A = Z_C @ np.kron(np.eye(a), ones(b))
    P_C, P_A = Z_C @ Z_C.T / m, Z_A @ Z_A.T / (b * m)
    V = s2 * np.eye(n) + t_A * Z_A @ Z_A.T + t_C * Z_C @ Z_C.T
    inverse = ((np.eye(n) - P_C) / s2 + (P_C - P_A) / (s2 + m * t_C)
               + P_A / (s2 + m * t_C + b * m * t_A))  # fmt: skip
    np.testing.assert_allclose(V @ inverse, np.eye(n), atol=1e-13)
    Z_B = np.kron(ones(a), np.kron(np.eye(b), ones(m)))
    P_B = Z_B @ Z_B.T / (a * m)
    np.testing.assert_allclose(P_A @ P_B, np.ones((n, n)) / n, atol=1e-15)
    kept = np.arange(1, n)  # without one observation the layout is no longer balanced
    P_A, P_B = (Z @ np.linalg.pinv(Z) for Z in (Z_A[kept], Z_B[kept]))
    assert np.abs(P_A @ P_B - P_B @ P_A).max() > 1e-3


def test_recentring_changes_a_model_without_correlation_only():
    sleep = load("sleepstudy")
    shifted = dict(sleep.columns) | {"Days": sleep["Days"] - 4.5}
    values = {bars: [fit(from_formula(f"Reaction ~ Days + (Days {bars} Subject)", table))
                     .log_likelihood for table in (sleep.columns, shifted)]
              for bars in ("|", "||")}  # fmt: skip
    np.testing.assert_allclose(*values["|"], rtol=1e-12)
    assert abs(np.subtract(*values["||"])) > 1
