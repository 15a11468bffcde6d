"""Rows with missing values are refused, or dropped when told to, with their number."""

import numpy as np
import pytest

from lmmcore import AR1, fit, from_formula, grouped, load
from lmmcore.design.missing import DroppedRowsWarning, complete_rows, is_missing
from reference_models import ONE

SLEEP = load("sleepstudy")


def table():
    data = {name: SLEEP[name] for name in ("Reaction", "Days", "Subject")}
    data["Reaction"] = data["Reaction"].astype(float).copy()
    data["Reaction"][[3, 50]] = np.nan
    data["Subject"] = data["Subject"].astype(object).copy()
    data["Subject"][[50, 77]] = None
    data["unused"] = np.full(180, np.nan)
    return data


def complete():
    keep = np.setdiff1d(np.arange(180), [3, 50, 77])
    return {name: SLEEP[name][keep] for name in ("Reaction", "Days", "Subject")}


FORMULA = "Reaction ~ Days + (Days | Subject)"


def test_formula_drops_rows_and_says_how_many():
    message = "3 of 180 rows left out, with missing values in column 'Reaction', column 'Subject'"
    with pytest.warns(DroppedRowsWarning, match=message) as said:
        model = from_formula(FORMULA, table(), missing="drop")
    assert said[0].filename == __file__  # the line that asked for it
    want = fit(from_formula(FORMULA, complete()))
    assert fit(model).log_likelihood == pytest.approx(want.log_likelihood, abs=1e-10)
    with pytest.raises(ValueError, match="missing"):
        from_formula(FORMULA, table())


def test_data_frames_with_categories():
    pandas = pytest.importorskip("pandas")
    data = pandas.DataFrame({name: SLEEP[name] for name in ("Reaction", "Days")})
    data["Subject"] = pandas.Categorical(SLEEP["Subject"])
    data.loc[[3, 50], "Reaction"] = np.nan
    data.loc[[50, 77], "Subject"] = None
    data.loc[data.Subject == data.Subject[0], "Reaction"] = np.nan  # a level without rows goes
    with pytest.warns(DroppedRowsWarning, match="12 of 180 rows"):
        model = from_formula(FORMULA, data, missing="drop")
    assert len(model.terms[0].levels) == 17


def test_grouped_drops_rows_everywhere_at_once():
    y, x = SLEEP["Reaction"].astype(float).copy(), SLEEP["Days"].astype(float).copy()
    y[0], x[1] = np.nan, np.nan
    days = {**ONE, "Days": x}
    labels = SLEEP["Subject"]
    message = r"2 of 180 rows .* y, X\['Days'\], Z\['S'\]\['Days"
    with pytest.warns(DroppedRowsWarning, match=message):
        model = grouped(y, days, {"S": labels}, {"S": days}, missing="drop")
    want = grouped(y[2:], {**ONE, "Days": x[2:]}, {"S": labels[2:]},
                   {"S": {**ONE, "Days": x[2:]}})
    assert fit(model).log_likelihood == fit(want).log_likelihood
    with pytest.warns(DroppedRowsWarning, match="1 of 180") as said:
        grouped(y, np.ones((180, 1)), labels, missing="drop")
    assert said[0].filename == __file__


def test_nothing_missing_says_nothing(recwarn):
    from_formula(FORMULA, complete(), missing="drop")
    assert not recwarn.list


G = np.repeat(np.arange(4), 3)
Y = np.array([np.nan, *range(11)])


@pytest.mark.filterwarnings("ignore::lmmcore.design.missing.DroppedRowsWarning")
@pytest.mark.parametrize(("call", "message"), [
    (lambda: grouped(Y, ONE, G, missing="ignore"), 'missing must be "refuse" or "drop"'),
    (lambda: from_formula(FORMULA, table(), missing=True), 'missing must be "refuse" or "drop"'),
    (lambda: grouped(Y, ONE, G), "y has 1 missing"),
    (lambda: grouped(Y * np.nan, ONE, G, missing="drop"), "every row has a missing value, in y"),
    (lambda: grouped(Y, {"a": Y[1:]}, G, missing="drop"), "has 11 entries; y has 12"),
    (lambda: grouped(np.where(G == 1, np.inf, 1.0 * G), ONE, G, missing="drop"), "infinite"),
    (lambda: from_formula("y ~ z + (1 | g)", {"y": Y, "g": G}, "drop"), "no column 'z'"),
    (lambda: grouped(Y, ONE, G, covariance=AR1(np.tile(np.arange(3), 4)), missing="drop"),
     "drop those rows first, from both"),
])
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_what_is_missing():
    nan, nat = float("nan"), np.datetime64("NaT")
    held = np.array([1.0, None, "a", nan, np.float64(2), nat], dtype=object)
    np.testing.assert_array_equal(is_missing(held), [False, True, False, True, False, True])
    np.testing.assert_array_equal(is_missing([1.0, nan]), [False, True])
    np.testing.assert_array_equal(is_missing(np.array([nat, np.datetime64(0, "D")])), [True, False])
    masked = np.ma.masked_array([1.0, 2.0, nan], [False, True, False])
    np.testing.assert_array_equal(is_missing(masked), [False, True, True])
    np.testing.assert_array_equal(is_missing(["a", "b"]), [False, False])


def test_rows_without_missing_values():
    x, w = [1.0, None, 3.0, 4.0], np.array([[1.0, 2.0], [3.0, 4.0], [np.nan, 5.0], [6.0, 7.0]])
    with pytest.warns(DroppedRowsWarning, match="2 of 4 rows left out, with .* in x, w$"):
        kept = complete_rows({"one": 1.0, "x": np.array(x, dtype=object), "w": w}, 4)
    np.testing.assert_array_equal(kept, [True, False, False, True])
