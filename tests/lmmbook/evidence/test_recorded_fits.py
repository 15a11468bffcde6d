"""The recorded fits that the package ships are those of the tests' reference file."""

import json
from pathlib import Path

import numpy as np
import pytest

from lmmbook.evidence.recorded import recorded_fits, recorded_laplace_fits
from reference_models import REFERENCES

FILE = Path(__file__).parents[2] / "lmmcore" / "references" / "insteval.json"
INSTEVAL = {f["method"]: f for f in json.loads(FILE.read_text())["fits"] if f["id"] == "InstEval"}
MODELS = {"Dyestuff": "Dyestuff", "Dyestuff2": "Dyestuff2", "sleepstudy": "sleepstudy_ris"}


@pytest.mark.parametrize("name", MODELS)
def test_shipped_fits_are_the_references(name):
    found = recorded_fits(name)
    assert len(found) == 6
    for fit in found:
        reference = REFERENCES[MODELS[name], fit.method]["crosscheck"][fit.program.split()[0]]
        assert reference["engine"] == f"{fit.program} (R 4.2.2)"
        assert fit.log_likelihood == reference["logLik"]
        assert fit.sigma == reference["sigma"]
        beta = reference["beta"]
        beta = list(beta.values()) if isinstance(beta, dict) else beta
        np.testing.assert_array_equal(fit.beta, beta)
        if fit.program.startswith("lme4"):
            np.testing.assert_array_equal(fit.theta, list(reference["theta"].values()))
        else:
            assert fit.theta is None


def test_unknown_data_set():
    with pytest.raises(ValueError, match="there are Dyestuff, Dyestuff2, InstEval, Nile"):
        recorded_fits("Machines")


@pytest.mark.parametrize("method", ["ML", "REML"])
def test_shipped_fits_of_insteval_are_the_references(method):
    lme4, glmmtmb = (f for f in recorded_fits("InstEval") if f.method == method)
    want = INSTEVAL[method]
    assert f"{lme4.program} (R 4.2.2)" == want["engine"]
    assert (lme4.log_likelihood, lme4.sigma) == (want["logLik"], want["sigma"])
    np.testing.assert_array_equal(lme4.beta, list(want["beta"].values()))
    np.testing.assert_array_equal(lme4.theta, list(want["theta"].values()))
    check = want["crosscheck"]["glmmTMB"]
    assert f"{glmmtmb.program} (R 4.2.2)" == check["engine"]
    assert (glmmtmb.log_likelihood, glmmtmb.sigma) == (check["logLik"], check["sigma"])
    np.testing.assert_array_equal(glmmtmb.beta, check["beta"])


def test_shipped_laplace_fits_are_the_references():
    file = Path(__file__).parents[2] / "lmmcore" / "references" / "laplace.json"
    for fit in json.loads(file.read_text())["fits"]:
        assert recorded_laplace_fits(fit["id"])[fit["method"].split()[0]] == fit
    with pytest.raises(ValueError, match="there are grouseticks_brood"):
        recorded_laplace_fits("grouseticks")
