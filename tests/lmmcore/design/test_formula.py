"""Formulas: the reference models, R's reading of products and factors, and what is refused."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from lmmcore import fit, from_formula, load
from lmmcore.design.formula import read_formula
from reference_models import REFERENCES, reference_model

FORMULAS = {
    "sleepstudy_ri": "Reaction ~ Days + (1 | Subject)",
    "sleepstudy_ris": "Reaction ~ Days + (Days | Subject)",
    "sleepstudy_ris_uncorr": "Reaction ~ Days + (Days || Subject)",
    "Dyestuff": "Yield ~ 1 + (1 | Batch)",
    "Dyestuff2": "Yield ~ 1 + (1 | Batch)",
    "Penicillin": "diameter ~ 1 + (1 | plate) + (1 | sample)",
    "Pastes": "strength ~ 1 + (1 | sample) + (1 | batch)",
}
RNG = np.random.default_rng(0)
TABLE = {
    "y": RNG.standard_normal(24),
    "x": RNG.standard_normal(24),
    "z": RNG.standard_normal(24),
    "a": np.tile(["p", "q", "r"], 8),
    "b": np.repeat(["u", "v"], 12),
    "g": np.arange(24) % 4,
    "a space": np.arange(24.0),
}


@pytest.mark.parametrize("case", REFERENCES, ids="-".join)
def test_reference_fits(case):
    name, method = case
    want = REFERENCES[case]
    result = fit(from_formula(FORMULAS[name], load(name.split("_")[0])), method)
    assert result.log_likelihood == pytest.approx(want["logLik"], abs=1e-9)
    assert list(want["beta"]) == list(result.model.names)
    np.testing.assert_allclose(result.beta, list(want["beta"].values()), rtol=1e-8)
    assert np.sqrt(result.sigma2) == pytest.approx(want["sigma"], rel=1e-8)
    np.testing.assert_allclose(result.theta, list(want["theta"].values()), rtol=1e-8)


@pytest.mark.parametrize(("formula", "same"), [
    ("Reaction ~ Days + (1 | Subject) + (0 + Days | Subject)", FORMULAS["sleepstudy_ris_uncorr"]),
    ("Reaction ~ 1 + Days + (1 + Days | Subject)", FORMULAS["sleepstudy_ris"]),
    ("Reaction ~ Days+(Days|Subject)", FORMULAS["sleepstudy_ris"]),
])
def test_other_ways_to_write_it(formula, same):
    data = load("sleepstudy")
    one, other = from_formula(formula, data), from_formula(same, data)
    np.testing.assert_array_equal(one.Z.toarray(), other.Z.toarray())
    np.testing.assert_array_equal(one.X, other.X)
    assert one.covariance.n_theta == other.covariance.n_theta


def test_nesting_is_a_sum():
    data = load("Pastes")
    nested = from_formula("strength ~ (1 | batch/cask)", data)
    written = from_formula("strength ~ (1 | batch) + (1 | batch:cask)", data)
    assert [t.name for t in nested.terms] == ["batch", "batch:cask"]
    assert [len(t.levels) for t in nested.terms] == [10, 30]
    assert nested.terms[1].levels[0] == "A:a"
    np.testing.assert_array_equal(nested.Z.toarray(), written.Z.toarray())
    reference = REFERENCES["Pastes", "REML"]
    assert fit(nested).log_likelihood == pytest.approx(reference["logLik"], abs=1e-9)


@pytest.mark.parametrize(("effects", "names"), [
    ("1", ["(Intercept)"]),
    ("x", ["(Intercept)", "x"]),
    ("0 + x", ["x"]),
    ("x - 1", ["x"]),
    ("a", ["(Intercept)", "aq", "ar"]),
    ("0 + a", ["ap", "aq", "ar"]),
    ("0 + a + b", ["ap", "aq", "ar", "bv"]),
    ("0 + x + a*b", ["x", "ap", "aq", "ar", "bv", "aq:bv", "ar:bv"]),
    ("a*b", ["(Intercept)", "aq", "ar", "bv", "aq:bv", "ar:bv"]),
    ("x*a", ["(Intercept)", "x", "aq", "ar", "x:aq", "x:ar"]),
    ("x:z + x", ["(Intercept)", "x", "x:z"]),
    ("a:x", ["(Intercept)", "ap:x", "aq:x", "ar:x"]),
    ("a + a:b", ["(Intercept)", "aq", "ar", "ap:bv", "aq:bv", "ar:bv"]),
    ("a/b", ["(Intercept)", "aq", "ar", "ap:bv", "aq:bv", "ar:bv"]),
    ("(x + z + a)^2 - x:z", ["(Intercept)", "x", "z", "aq", "ar", "x:aq", "x:ar", "z:aq", "z:ar"]),
    ("a:b + b:a + x", ["(Intercept)", "x", "ap:bu", "aq:bu", "ar:bu", "ap:bv", "aq:bv", "ar:bv"]),
    ("z*x + a*x", ["(Intercept)", "z", "x", "aq", "ar", "z:x", "x:aq", "x:ar"]),
    ("`a space`", ["(Intercept)", "a space"]),
])
def test_columns_are_those_of_r(effects, names):
    if effects.startswith("a:b"):  # R gives all six as well, and drops the last as dependent
        with pytest.raises(ValueError, match="full column rank: ar:bv"):
            from_formula(f"y ~ {effects}", TABLE)
        return
    model = from_formula(f"y ~ {effects} + (1 | g)", TABLE)
    assert list(model.names) == names
    for name, column in zip(names, model.X.T, strict=True):
        expected = np.ones(24)
        for part in [] if name == "(Intercept)" else name.split(":"):
            expected *= TABLE[part] if part in TABLE else TABLE[part[0]] == part[1:]
        np.testing.assert_array_equal(column, expected)


@pytest.mark.parametrize(("bars", "terms"), [
    ("(x | g)", [("g", ("(Intercept)", "x"), 3)]),
    ("(x + z || g)", [("g", ("(Intercept)", "x", "z"), 3)]),
    ("(x | g) + (0 + z | g)", [("g", ("z",), 1), ("g.1", ("(Intercept)", "x"), 3)]),
    ("(0 + a | g)", [("g", ("ap", "aq", "ar"), 6)]),
    ("(1 | a*g)", [("a", ("(Intercept)",), 1), ("g", ("(Intercept)",), 1),
                   ("a:g", ("(Intercept)",), 1)]),
    ("(x - 1 | a:g)", [("a:g", ("x",), 1)]),
])
def test_terms(bars, terms):
    model = from_formula(f"y ~ 1 + {bars}", TABLE)
    parameters = [len(p.structure.basis) for p in model.covariance.placements]
    assert [(t.name, t.effects, k) for t, k in zip(model.terms, parameters, strict=True)] == terms
    assert fit(from_formula("y ~ 1 + (1 | g)", TABLE)).converged


def test_without_bars_it_is_least_squares():
    result = fit(from_formula("y ~ x + a", TABLE))
    X = np.column_stack([np.ones(24), TABLE["x"], TABLE["a"] == "q", TABLE["a"] == "r"])
    np.testing.assert_allclose(result.beta, np.linalg.lstsq(X, TABLE["y"])[0], rtol=1e-12)


def test_kinds_of_tables():
    formula = "Reaction ~ Days + (Days | Subject)"
    columns = load("sleepstudy").columns
    frame = pd.DataFrame(columns)
    structured = np.rec.fromarrays(list(columns.values()), names=list(columns))
    want = fit(reference_model("sleepstudy_ris"))
    for table in (columns, frame, structured, frame.astype({"Subject": "category"}),
                  frame.astype({"Subject": int, "Days": int}), frame.convert_dtypes()):
        result = fit(from_formula(formula, table))
        assert result.criterion == want.criterion
        assert set(result.model.terms[0].levels.astype(str)) == set(columns["Subject"])


def test_categories_keep_their_order_and_lose_what_does_not_occur():
    frame = pd.DataFrame(TABLE)
    frame["a"] = pd.Categorical(frame["a"], categories=["r", "nobody", "p", "q"])
    frame["t"] = frame["x"] > 0
    model = from_formula("y ~ a + t + (1 | g)", frame)
    assert list(model.names) == ["(Intercept)", "ap", "aq", "tTrue"]
    np.testing.assert_array_equal(model.X[:, 3], frame["t"])


def test_categories_without_a_series_around_them():
    """A pandas Categorical has categories and no .cat; its labels are read as they stand."""
    labels = pd.Categorical(TABLE["a"])
    bare = from_formula("y ~ a + (1 | g)", TABLE | {"a": labels})
    want = from_formula("y ~ a + (1 | g)", TABLE)
    assert bare.names == want.names
    np.testing.assert_array_equal(bare.X, want.X)


@pytest.mark.parametrize(("scale", "shift", "kind"), [
    (1.0, 0.0, "i"), (-1.0, 0.0, "i"), (1.0, 200.0, "i"), (1.0, 2.0**53 - 4, "i"), (0.5, 0.0, "f"),
    (2.0, 2.0**53 - 6, "f"), (-2.0, 6 - 2.0**53, "f"),
])
def test_whole_numbers_in_floating_point_are_labels_without_a_point(scale, shift, kind):
    """As long as they are exact."""
    labels = scale * TABLE["g"] + shift
    (term,) = from_formula("y ~ x + (1 | g)", TABLE | {"g": labels}).terms
    assert term.levels.dtype.kind == kind
    np.testing.assert_array_equal(term.levels[term.codes], labels)


def test_a_response_alone_loses_its_missing_rows():
    with pytest.warns(UserWarning, match="1 of 24"):
        model = from_formula("y ~ 1", TABLE | {"y": np.append(TABLE["y"][:-1], np.nan)}, "drop")
    np.testing.assert_array_equal(model.y, TABLE["y"][:-1])


def with_(name, value):
    column = TABLE[name].astype(object)
    column[3] = value
    return TABLE | {name: column}


@pytest.mark.parametrize(("formula", "table", "message"), [
    ("y ~ w + (1 | g)", TABLE, "no column 'w'; the data have y, x, z, a, b, g"),
    ("y ~ x + (1 | h)", TABLE, "no column 'h'"),
    ("w ~ x", TABLE, "no column 'w'"),
    ("a ~ x + (1 | g)", TABLE, "the response 'a' is not numeric: .* such as 'p'"),
    ("log(y) ~ x", TABLE, r"'log\(y\)' is not a column; compute it first"),
    ("y ~ log(x)", TABLE, r"'log\(x\)' is not a column"),
    ("y + z ~ x", TABLE, "must be the name of one column"),
    ("x + (1 | g)", TABLE, "is no formula"),
    ("y ~", TABLE, "is no formula"),
    ("y ~ x ~ z", TABLE, "is no formula"),
    ("y ~ 0", TABLE, "has no fixed effects"),
    ("y ~ 0 + (1 | g)", TABLE, "has no fixed effects"),
    ("y ~ x + (0 | g)", TABLE, "has no effects"),
    ("y ~ x + (1 | g", TABLE, "cannot be read"),
    ("y ~ x | g", TABLE, "cannot be read: write it as"),
    ("y ~ x + (1 | g) * 2", TABLE, "cannot be read: write it as"),
    ("y ~ x z", TABLE, "unexpected 'z'"),
    ("y ~ a %in% b", TABLE, "cannot be read as a formula"),
    ("y ~ x + ", TABLE, "cannot be read as a formula"),
    ("y ~ (a || g)", TABLE, r"\|\| is for numeric effects"),
    ("y ~ (1 | g) + (1 | g)", TABLE, r"\(Intercept\) has two terms within g"),
    ("y ~ x + (1 | g)", with_("x", None), "column 'x' has 1 missing"),
    ("y ~ x + (1 | g)", with_("y", np.nan), "column 'y' has 1 missing"),
    ("y ~ a + (1 | g)", with_("a", None), "column 'a' has 1 missing"),
    ("y ~ x + (1 | a)", with_("a", np.nan), "column 'a' has 1 missing"),
    ("y ~ x + (1 | a)", with_("a", pd.NA), "column 'a' has 1 missing"),
    ("y ~ a + (1 | g)", with_("a", 3), "column 'a' mixes objects"),
    ("y ~ x", TABLE | {"x": np.full(24, np.nan)}, "column 'x' has 24 missing"),
    ("y ~ x", TABLE | {"x": np.ones(5)}, "column 'x' has 5 entries, another has 24"),
    ("y ~ x", TABLE | {"x": np.ones((24, 2))}, "must be a vector"),
    ("y ~ x", {"y": np.empty(0), "x": np.empty(0)}, r"'y' must be a vector with entries; .*\(0,\)"),
    ("y ~ x", TABLE | {"x": np.full(24, np.datetime64("2020-01-01"))}, "holds datetime64"),
    ("y ~ x + (1 | c)", pd.DataFrame(TABLE | {"c": pd.Categorical([None, *"ab" * 11, "a"])}),
     "column 'c' has 1 missing"),
])
def test_what_is_refused(formula, table, message):
    with pytest.raises(ValueError, match=message) as error:
        from_formula(formula, table)
    assert "\n" not in str(error.value)


def test_formulae_and_pandas_are_not_imported_before_they_are_needed():
    code = ("import sys, lmmcore.design.formula; "
            "assert not {'formulae', 'pandas'} & set(sys.modules)")
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_formulae_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "formulae.parser", None)
    read_formula.cache_clear()
    with pytest.raises(ImportError, match=r"pip install 'lmmcore\[formula\]'"):
        from_formula("y ~ x", TABLE)
