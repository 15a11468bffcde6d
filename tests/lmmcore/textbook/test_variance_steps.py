"""Steps on the variances by definition: their matrices, their rates, and where they end."""

import numpy as np
import pytest

from lmmcore import fit, grouped, load
from lmmcore.maximisation import OPTIMISERS
from lmmcore.textbook import variance_steps as steps
from lmmcore.textbook.definition import error_contrasts
from reference_models import ONE, reference_model, slopes

METHODS = pytest.mark.parametrize("method", ["REML", "ML"])


def unbalanced():
    dye = load("Dyestuff")
    kept = np.setdiff1d(np.arange(30), [0, 1, 2, 6, 10, 11, 12, 13, 17, 18, 28])
    return grouped(dye["Yield"][kept], ONE, {"Batch": dye["Batch"][kept]})


@METHODS
@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_all_paths_end_where_the_fit_is(method, optimiser):
    model = unbalanced()
    want = fit(model, method).estimates
    end = steps.path(model, [1500, 300], optimiser, method, steps=200)[-1]
    np.testing.assert_allclose(end, want, rtol=1e-6)
    np.testing.assert_allclose(steps.score(model, want, method), 0, atol=1e-10)


@METHODS
@pytest.mark.parametrize("optimiser", ["fisher", "average-information", "em"])
def test_predicted_and_seen_rates(method, optimiser):
    model = unbalanced()
    top = fit(model, method).estimates
    points = steps.path(model, [1500, 300], optimiser, method, damped=False)
    error = np.abs(points / top - 1).max(axis=1)
    last = np.flatnonzero(error > 1e-7)[-1]
    assert error[last] / error[last - 1] == pytest.approx(
        steps.rate(model, top, optimiser, method), rel=0.05)


@METHODS
def test_the_score_is_the_slope_of_the_likelihood(method):
    model, psi, h = reference_model("Penicillin"), np.array([0.3, 0.7, 3.0]), 1e-5
    numeric = [(steps.log_likelihood(model, psi + e, method)
                - steps.log_likelihood(model, psi - e, method)) / (2 * h) for e in h * np.eye(3)]
    np.testing.assert_allclose(steps.score(model, psi, method), numeric, rtol=1e-6, atol=1e-6)


def test_scoring_needs_one_step_for_balanced_data():
    model = reference_model("Dyestuff")
    for start in ([1500, 300], [8000, 9000], [10, 10]):
        first = steps.path(model, start, "fisher")[1]
        np.testing.assert_allclose(first, fit(model).estimates, rtol=1e-9)


def test_newton_runs_away_where_the_surface_is_no_hill():
    model = unbalanced()
    away = steps.path(model, [8000, 6000], "newton", damped=False, steps=6)
    assert np.all(np.diff(away[:, 0]) > 0)
    assert len(steps.path(model, [8000, 6000], "newton")) == 1  # damped, it does not move


def test_a_path_ends_when_no_variance_changes_any_more():
    points = steps.path(unbalanced(), [8000, 9000], "em", steps=200, damped=False)
    change = np.abs(points[1:] / points[:-1] - 1).max(axis=1)
    assert change[-1] < 1e-12
    assert change[:-1].min() >= 1e-12
    assert np.all(points[1] < points[0])  # both fall at first, and the path goes on


def test_a_slow_path_ends_after_fifty_steps():
    assert len(steps.path(reference_model("Dyestuff2"), [10, 10], "em")) == 51


@pytest.mark.parametrize(("optimiser", "start", "halvings"), [
    ("average-information", [4000, 1000], 1), ("newton", [100, 5000], 4),
])
def test_damped_steps_are_halved_and_others_are_not(optimiser, start, halvings):
    model, psi = unbalanced(), np.array(start, float)
    step = steps.step_matrix(model, psi, optimiser) @ steps.score(model, psi)
    now = steps.log_likelihood(model, psi)
    for k in range(halvings):
        assert min(psi + step / 2**k) <= 0 or steps.log_likelihood(model, psi + step / 2**k) < now
    new = psi + step / 2**halvings
    assert min(new) > 0
    assert steps.log_likelihood(model, new) >= now
    np.testing.assert_array_equal(steps.path(model, psi, optimiser, steps=1), [psi, new])
    assert min(psi + step) <= 0
    assert len(steps.path(model, psi, optimiser, damped=False)) == 1


def test_no_path_goes_to_0(monkeypatch):
    monkeypatch.setattr(steps, "step_matrix", lambda *_: np.eye(2))
    monkeypatch.setattr(steps, "score", lambda model, psi, method: np.array([0.0, -psi[1]]))
    assert len(steps.path(unbalanced(), [10, 10], "em", damped=False)) == 1


@pytest.mark.parametrize(("call", "message"), [
    (lambda: steps.path(slopes(1), [1, 1, 1, 1], "em"), "start must be 2 positive"),
    (lambda: steps.step_matrix(slopes(1), np.ones(4), "em"), "one variance each"),
    (lambda: steps.path(unbalanced(), [1.0, 0.0], "em"), "start must be 2 positive"),
    (lambda: steps.path(unbalanced(), [1.0, 1.0], "bfgs"), "no optimiser 'bfgs'"),
])
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_step_of_em_is_the_conditional_mean_square_given_the_contrasts():
    model, psi = reference_model("Pastes"), np.array([1.0, 6.0, 2.0])
    A, Z = error_contrasts(model.X), model.Z.toarray()
    prior = np.repeat(psi[1:], [term.codes.max() + 1 for term in model.terms])
    V = psi[0] * np.eye(model.n) + (Z * prior) @ Z.T
    inverse = np.linalg.inv(A.T @ V @ A)
    wanted = []
    for cov, own in ((psi[0] * A, np.full(model.n, psi[0])), ((prior * Z).T @ A, prior)):
        mean = cov @ inverse @ A.T @ model.y
        wanted.append(mean**2 + own - np.einsum("ij,jk,ik->i", cov, inverse, cov))
    split = [wanted[0], *np.split(wanted[1], [len(model.terms[0].levels)])]
    step = steps.path(model, psi, "em", damped=False, steps=1)[1]
    np.testing.assert_allclose(step, [np.mean(w) for w in split], rtol=1e-10)
