"""Certified data, and the digits in which roads and programs agree."""

from fractions import Fraction

import numpy as np
import pytest

from lmmbook.evidence.certified import NAMES, certified, correct_digits, sums_of_squares
from lmmbook.evidence.two_programs import (
    NAMES as FITTED,
)
from lmmbook.evidence.two_programs import (
    Agreement,
    agreement,
    book_fit,
    book_model,
    gradients,
    recorded_tmb,
    tmb,
)
from lmmcore import fit, grouped
from lmmcore.textbook.one_way import one_way


def exact(data, read=Fraction):
    return [float(x) for x in sums_of_squares([[read(x) for x in r] for r in data.decimals])]


@pytest.mark.parametrize("name", NAMES)
def test_exact_arithmetic_gives_the_certified_values(name):
    data = certified(name)
    between, within = exact(data)
    assert correct_digits(between, data.between) > 14
    assert correct_digits(within, data.within) > 14
    k, m = data.table.shape
    assert (within / (k * (m - 1))) ** 0.5 == pytest.approx(data.residual_sd, rel=1e-14)
    F = (between / (k - 1)) / (within / (k * (m - 1)))
    assert pytest.approx(data.F, rel=1e-13) == F
    assert data.mean_squares[0] / data.mean_squares[1] == pytest.approx(data.F, rel=1e-13)
    assert data.leading in (1, 3, 7, 13)


@pytest.mark.parametrize("name", NAMES)
def test_the_closed_form_loses_nothing_that_reading_leaves(name):
    """Against exact arithmetic from the doubles, not only against the certified values."""
    data = certified(name)
    k, m = data.table.shape
    between, within = exact(data, lambda x: Fraction(float(x)))
    got = one_way(data.table, "moments")
    assert got.sigma2 == pytest.approx(within / (k * (m - 1)), rel=1e-13)
    assert m * got.tau2 + got.sigma2 == pytest.approx(between / (k - 1), rel=1e-11)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", ["ML", "REML"])
def test_variances_have_the_digits_that_are_left(name, method):
    data = certified(name)
    y = data.table - data.table[0, 0]
    left = {1: 13, 3: 11, 7: 8.8, 13: 3.2}[data.leading]
    assert correct_digits(one_way(y, method).tau2, data.tau2(method)) > left
    labels = np.repeat(np.arange(len(y)), y.shape[1])
    general = fit(grouped(y.ravel(), {"one": 1}, {"group": labels}), method)
    assert correct_digits(general.estimates[1], data.tau2(method)) > left
    if data.tau2(method):
        assert correct_digits(general.estimates[0], data.mean_squares[1]) > left


def test_wrong_sums_of_squares_are_noticed():
    data = certified("SmLs01")
    k, m = data.table.shape
    assert correct_digits(data.within / (k * m), data.mean_squares[1]) < 2
    hard = certified("SmLs07").table
    shortcut = np.sum(hard**2) - hard.shape[1] * np.sum(hard.mean(axis=1) ** 2)
    assert correct_digits(shortcut, certified("SmLs07").within) == 0


@pytest.mark.parametrize(
    ("value", "right", "digits"),
    [(1.0, 1.0, 15), (1.001, 1.0, 3), (3.0, 1.0, 0), (0.0, 0.0, 15), (-0.99, -1.0, 2)],
)
def test_correct_digits(value, right, digits):
    assert correct_digits(value, right) == pytest.approx(digits, abs=1e-6)


def test_what_is_not_there_is_said():
    with pytest.raises(ValueError, match="no data set 'SmLs10'"):
        certified("SmLs10")
    with pytest.raises(ValueError, match="no model of 'Nile'"):
        book_model("Nile")


@pytest.fixture(scope="module")
def table():
    return agreement()


def test_roads_and_programs_agree(table):
    assert {name for name, *_ in table.rows} == set(FITTED)
    for name, _, by, digits in table.rows:
        if by.startswith("lmmcore"):
            assert digits["log likelihood"] == 12
        elif (name, by[:4]) != ("Dyestuff2", "nlme"):  # it cannot reach a variance of 0
            assert digits["log likelihood"] >= 11 and digits["sigma"] >= 6, (name, by)
    programs = {by.split(" ")[0] for _, _, by, _ in table.rows}
    assert programs == {"lmmcore,", "lme4", "nlme", "glmmTMB", "TMB"}


@pytest.mark.parametrize("name", FITTED)
def test_gradients(name):
    for method in ("ML", "REML"):
        there, here, missing = gradients(name, method)
        assert here < 1e-10 and there < 1e-5 and abs(missing) < 1e-10
        assert there > 1e-11 or not np.any(book_fit(name, method).theta)


def test_recorded_by_tmb():
    assert {f.method for f in recorded_tmb("sleepstudy")} == {"ML", "REML"}
    assert recorded_tmb("Pastes") == []
    assert all(x["log_likelihood"] < 0 for x in tmb()["fits"])


def test_the_table_says_whose_digits_they_are():
    table = Agreement((("data", "ML", "lmmcore, definition", {"log likelihood": 12}),
                       ("data", "ML", "lme4", {"theta": 5, "sigma": 7, "beta": 9}))).summary()
    words = [line.split("  ") for line in table.splitlines()[-3:]]
    assert [[w.strip() for w in line if w.strip()] for line in words] == [
        ["Name", "method", "by", "log lik.", "sigma", "beta", "theta"],
        ["data", "ML", "lmmcore, definition", "12", "-", "-", "-"],
        ["data", "ML", "lme4", "-", "7", "9", "5"],
    ]
