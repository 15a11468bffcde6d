"""Fits of awkward data against lme4, and against 40 digits where the two differ."""

import numpy as np
import pytest

from audit_models import audit_models
from exact_likelihood import exact_log_likelihood
from lmmbook.evidence.recorded import recorded_audit
from lmmcore import fit, from_formula

AUDIT = recorded_audit()
MODELS = audit_models()


@pytest.mark.parametrize("want", AUDIT, ids=lambda w: f"{w.name}-{w.method}")
def test_fit_against_lme4(want):
    formula, columns = MODELS[want.name]
    assert formula == want.formula
    model = from_formula(formula, columns)
    got = fit(model, want.method)
    assert got.converged
    assert all(point.slope >= 0 for point in got.boundary)
    if not want.differs:
        assert got.log_likelihood == pytest.approx(want.log_likelihood, abs=1e-9)
        # at a maximum an error of 1e-10 in the likelihood is one of 1e-5 in a parameter
        np.testing.assert_allclose(got.beta, want.beta, rtol=1e-4)
        assert np.sqrt(got.sigma2) == pytest.approx(want.sigma, rel=1e-5)
        return
    assert model.n < 100
    ours = exact_log_likelihood(model, got.theta, want.method)
    theirs = exact_log_likelihood(model, want.theta, want.method)
    assert float(ours - theirs) == pytest.approx(want.short, rel=1e-3)
    assert ours > theirs
    assert abs(float(got.log_likelihood - ours)) < 1e-10
    # what lme4 reports is too high by what it loses to cancellation, or it stopped early
    error = float(want.log_likelihood - theirs)
    assert error == pytest.approx(want.error_lme4, rel=1e-2, abs=1e-12)
    assert max(want.short, abs(want.error_lme4)) > 1e-9


def test_all_models_are_recorded_for_both_methods():
    assert {(w.name, w.method) for w in AUDIT} == {(n, m) for n in MODELS for m in ("REML", "ML")}
    assert sum(w.differs for w in AUDIT) == 3
