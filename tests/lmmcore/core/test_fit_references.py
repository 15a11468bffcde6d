"""Fits against the recorded references: independent Newton solutions, lme4, nlme, glmmTMB."""

import numpy as np
import pytest
from scipy.linalg import block_diag

from lmmcore import Fit, fit
from reference_models import FITS, REFERENCES, reference_model

CASES = pytest.mark.parametrize("case", REFERENCES, ids="-".join)


@pytest.fixture(scope="module")
def fits() -> dict[tuple[str, str], Fit]:
    return {(name, method): fit(reference_model(name), method) for name, method in REFERENCES}


def flat(values):
    return np.array(list(values.values()))


@CASES
def test_log_likelihood(fits, case):
    got, want = fits[case], REFERENCES[case]
    assert got.log_likelihood == pytest.approx(want["logLik"], abs=1e-9)
    assert got.criterion == pytest.approx(want["criterion"], abs=1e-9)


@CASES
def test_fixed_effects(fits, case):
    got, want = fits[case], REFERENCES[case]
    assert list(want["beta"]) == list(got.model.names)
    np.testing.assert_allclose(got.beta, flat(want["beta"]), rtol=1e-8)
    np.testing.assert_allclose(got.se, flat(want["se"]), rtol=1e-8)
    np.testing.assert_allclose(got.vcov_beta, want["vcov_beta"], rtol=1e-8)


@CASES
def test_covariance_parameters(fits, case):
    got, want = fits[case], REFERENCES[case]
    np.testing.assert_allclose(got.theta, flat(want["theta"]), rtol=1e-8)
    assert np.sqrt(got.sigma2) == pytest.approx(want["sigma"], rel=1e-8)
    ours = np.concatenate([c.sd for c in got.variance_components])
    np.testing.assert_allclose(ours, np.concatenate([flat(r["sd"]) for r in want["random"]]),
                               rtol=1e-8)
    ours = block_diag(*[c.covariance for c in got.variance_components])
    np.testing.assert_allclose(ours, block_diag(*[r["cov"] for r in want["random"]]), rtol=1e-8)


@CASES
def test_random_effects(fits, case):
    got, want = fits[case], REFERENCES[case]
    for term in got.model.terms:
        ours = dict(zip(term.levels, got.random_effects[term.name], strict=True))
        for level, effects in want["blup"][term.name].items():
            np.testing.assert_allclose(ours[level], flat(effects), rtol=1e-7, atol=1e-8)


@CASES
def test_convergence_and_boundary(fits, case):
    got, want = fits[case], REFERENCES[case]
    assert got.converged
    assert got.hessian_positive_definite
    assert got.max_gradient < 1e-9
    assert bool(got.boundary) == want["singular"]
    if want["singular"]:
        assert got.theta[0] == 0.0  # exactly
        # recorded by a finite difference, hence the tolerance; the next test has it exactly
        slope = want["boundary"]["derivative_of_criterion_wrt_theta_squared_at_0"]
        assert got.boundary[0].slope == pytest.approx(slope, rel=1e-5)
        assert got.slopes_tau2[0] == pytest.approx(got.boundary[0].slope / got.sigma2)
        assert "is estimated as 0" in got.summary()


@pytest.mark.parametrize("method", ["REML", "ML"])
def test_boundary_slope_in_closed_form(fits, method):
    got = fits["Dyestuff2", method]
    y = got.model.y.reshape(6, 5)
    ssb = 5 * np.sum((y.mean(axis=1) - y.mean()) ** 2)
    sst = np.sum((y - y.mean()) ** 2)
    # criterion = d1 log rss(phi) + d2 log(1 + 5 phi), rss' = -5 SSB at phi = 0
    d1, d2 = (29, 5) if method == "REML" else (30, 6)
    assert got.boundary[0].slope == pytest.approx(5 * d2 - d1 * 5 * ssb / sst, rel=1e-12)


@pytest.mark.parametrize("program", ["lme4", "nlme", "glmmTMB"])
def test_against_each_program(fits, program):
    compared = 0
    for case, got in fits.items():
        other = REFERENCES[case]["crosscheck"].get(program)
        if other is None:
            continue
        compared += 1
        # their optimisers stop short of the optimum: never above ours, and not far below
        assert got.log_likelihood >= other["logLik"] - 1e-9
        assert got.log_likelihood == pytest.approx(other["logLik"], abs=1e-5)
        assert np.sqrt(got.sigma2) == pytest.approx(other["sigma"], rel=1e-3)
    assert compared >= 12


def test_kenward_roger_free_standard_errors_of_balanced_sleepstudy(fits):
    # balanced: Kenward and Roger's adjustment leaves the standard errors as they are
    se = FITS["extra"]["ddf"]["sleepstudy_ris"]["kenward_roger"]["se"]
    np.testing.assert_allclose(fits["sleepstudy_ris", "REML"].se, flat(se), rtol=1e-6)


@CASES
def test_few_iterations(fits, case):
    assert len(fits[case].iterations) <= 15
