"""The recorded fits that the package ships are those of the tests' reference file."""

import numpy as np
import pytest
from reference_models import REFERENCES

from lmmcore.data import recorded_fits

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
    with pytest.raises(ValueError, match="there are Dyestuff, Dyestuff2, Nile"):
        recorded_fits("InstEval")
