"""Agreement with recorded fits is counted rightly, and is what the chapters say."""

import pytest

from lmmbook.evidence.comparison import Comparison, agreeing_digits, compare
from reference_models import reference_model


@pytest.mark.parametrize("name", ["Dyestuff", "Dyestuff2", "Penicillin", "Pastes"])
def test_log_likelihoods_agree(name):
    result = compare(reference_model(name), name)
    assert {method for _, method, _, _ in result.rows} == {"ML", "REML"}
    for program, _, _, digits in result.rows:
        assert digits["log likelihood"] >= 9 and digits["sigma"] >= 6 and digits["beta"] >= 7
        assert ("theta" in digits) == program.startswith("lme4")
        assert digits.get("theta", 12) >= 8


def test_another_model_does_not_agree():
    result = compare(reference_model("Dyestuff2"), "Dyestuff")
    assert all(digits["log likelihood"] == 0 for *_, digits in result.rows)


@pytest.mark.parametrize(("ours", "theirs", "digits"), [
    (1.0, 1.0, 12), (0.0, 0.0, 12), (100.0, 100.011, 3), (1.0, 1.2, 0), (1.0, -1.0, 0),
    ([1.0, 0.0], [1.0, 1e-9], 0), ([5.0, 2.0], [5.0, 2.00000021], 6),
    (-2000.0, -1.0, 0), (-1.0, -2000.0, 0), (-5.0, -5.00011, 4), (1.0, 1.0 + 5e-13, 12),
])  # fmt: skip
def test_digits(ours, theirs, digits):
    assert agreeing_digits(ours, theirs) == digits


def test_no_record():
    with pytest.raises(ValueError, match="no recorded fit of 'Dyestuff3'"):
        compare(reference_model("Dyestuff"), "Dyestuff3")


def test_the_table():
    rows = (("lme4 1", "ML", -1.5, {"theta": 5, "sigma": 7, "beta": 9}),
            ("nlme 3", "REML", 2.25, {"log likelihood": 12}))
    lines = Comparison("data", rows).summary().splitlines()
    assert lines[0] == "data: digits that agree with other programs (12 is 12 or more)"
    assert [line.split() for line in lines[-2:]] == [
        ["lme4", "1", "ML", "-1.500000", "-", "7", "9", "5"],
        ["nlme", "3", "REML", "2.250000", "12", "-", "-", "-"],
    ]
