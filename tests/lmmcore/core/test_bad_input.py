"""Every bad input gives one ValueError that says what is wrong."""

import numpy as np
import pytest

from lmmbook.figures import profile_curves
from lmmcore import (
    LinearMixedModel,
    ScaledIdentity,
    fit,
    from_formula,
    from_groups,
    grouped,
    load,
    simulate,
)
from lmmcore.covariance.structures import Unstructured
from lmmcore.profile import Profile
from lmmcore.textbook.definition import relative_covariance
from lmmcore.textbook.one_way import neyman_scott, one_way, simple_sample
from reference_models import ONE, reference_model

RNG = np.random.default_rng(0)
y = RNG.standard_normal(12)
x = RNG.standard_normal(12)
g = np.repeat(np.arange(4), 3)
X = np.column_stack([np.ones(12), x])


def with_(values, i, value):
    values = np.array(values, float)
    values.flat[i] = value
    return values


MASKED = np.ma.array(y, mask=np.arange(12) == 4)
BAD = {
    "masked y": (lambda: grouped(MASKED, X, g), "y has 1 masked values: drop those rows"),
    "masked labels": (lambda: grouped(y, X, np.ma.array(g, mask=np.arange(12) == 4)), "masked"),
    "masked column": (lambda: from_formula("y ~ 1 + (1 | g)", {"y": MASKED, "g": g}), "1 missing"),
    "covariance of no factor": (lambda: grouped(y, X, {"g": g}, None, {"h": "diagonal"}),
                                r"covariance names \['h'\], but the factors are \['g'\]"),
    "tiny y": (lambda: grouped(1e-200 * y, X, g), "choose a smaller unit"),
    "tiny column": (lambda: grouped(y, {"a": 1, "b": 1e-90 * x}, g), "smaller unit"),
    "tiny Z": (lambda: grouped(y, X, g, 1e-90 * X), "column z1 of Z has values below 1e-70"),
    "no model": (lambda: fit(y), "wants a model, as grouped .* not a ndarray"),
    "steps": (lambda: fit(grouped(y, X, g), max_steps=0), "whole number from 1 on; it is 0"),
    "start far out": (lambda: fit(grouped(y, X, g), start=[1e9]), "nearer to 1"),
    "start far below 0": (lambda: fit(grouped(y, X, g), start=[-1e9]), "nearer to 1"),
    "start far out, for large columns": (
        lambda: fit(grouped(y, X, g, 1e6 * np.ones((len(y), 1))), start=[1e3]), "nearer to 1"),
    "start of text": (lambda: fit(grouped(y, X, g), start=["a"]), "start must be 1 finite"),
    "theta's length": (lambda: Profile(grouped(y, X, g)).criterion([1.0, 2.0]),
                       "theta must be 1 finite numbers"),
    "theta's length, by definition": (
        lambda: relative_covariance(grouped(y, X, g), [1.0, 2.0]), "theta must have 1 entries"),
    "theta nan": (lambda: Profile(grouped(y, X, g)).derivatives([np.nan]), "1 finite numbers"),
    "formula not text": (lambda: from_formula(3, {"y": y}), "a formula is text"),
    "no table": (lambda: from_formula("y ~ 1", None), "the data must be named columns"),
    "simulate nan": (lambda: simulate(grouped(y, X, g), [np.nan, 1], 1.0, [1.0], 1), "be finite"),
    "NaN in y": (lambda: grouped(with_(y, 3, np.nan), X, g), "y has 1 missing or infinite"),
    "None in y": (lambda: grouped([None, *y[1:]], X, g), r"y has 1 missing values \(None\)"),
    "infinity in X": (lambda: grouped(y, with_(X, 3, np.inf), g), "X has 1 missing or infinite"),
    "NaN in Z": (lambda: grouped(y, X, g, with_(X, 3, np.nan)), "Z has 1 missing or infinite"),
    "NaN in sparse or dense Z": (
        lambda: LinearMixedModel(y, X, with_(X, 3, np.nan), Unstructured(2)), "Z has 1 missing"),
    "X too short": (lambda: grouped(y, X[:-1], g), "X has 11 rows but y has 12"),
    "column too short": (lambda: grouped(y, {"a": x[:-1]}, g), r"X\['a'\] has shape \(11,\)"),
    "groups too short": (lambda: grouped(y, X, g[:-1]), r"groups 'groups' have shape \(11,\)"),
    "too large": (lambda: grouped(1e80 * y, X, g), "y has values beyond 1e.70: choose a larger"),
    "too small": (lambda: grouped(1e-80 * y, X, g), "y has values below 1e-70 only"),
    "y a matrix": (lambda: grouped(X, X, g), "y must be a vector"),
    "y empty": (lambda: grouped([], X, g), "y is empty"),
    "X a vector": (lambda: grouped(y, x, g), "X must be a matrix"),
    "X without columns": (lambda: grouped(y, {}, g), "X has no columns"),
    "objects in y": (lambda: grouped(y.astype(object), X, g), "y holds values of type object"),
    "text in X": (lambda: grouped(y, {"a": g.astype(str)}, g), r"X\['a'\] holds values of type <U"),
    "complex y": (lambda: grouped(y + 1j, X, g), "y holds values of type complex128"),
    "rank-deficient X": (
        lambda: grouped(y, {"(Intercept)": 1, "x": x, "double": 2 * x - 1}, g),
        "full column rank: double can be written in .* before; leave it out"),
    "zero column": (lambda: grouped(y, {"a": x, "none": 0 * x}, g), "full column rank: none"),
    "n <= p": (lambda: LinearMixedModel(y[:2], X[:2]), "n = 2 observations for p = 2"),
    "constant response": (lambda: grouped(0 * y + 1545.1, ONE, g), "y is constant"),
    "response in X": (lambda: grouped(3 * x + 1, X, g), "exact combination of the columns of X"),
    "object labels": (lambda: grouped(y, X, np.array([None, 1, "a"] * 4, object)), "mix objects"),
    "missing label": (lambda: grouped(y, X, with_(g, 0, np.nan)), "have missing labels"),
    "one level": (lambda: grouped(y, X, 0 * g), "one level only"),
    "one observation per level": (
        lambda: grouped(y, X, np.arange(12)), "one observation per level: sigma2 and the variance"),
    "unknown covariance": (lambda: grouped(y, X, g, None, "AR(2)"), "no covariance 'AR"),
    "Z not by factor": (lambda: grouped(y, X, {"g": g}, X), "Z must be a mapping from"),
    "Z and structure": (lambda: LinearMixedModel(y, X, X, ScaledIdentity(3)),
                        "Z has 2 columns but the covariance structure is for 3"),
    "Z of other length": (lambda: LinearMixedModel(y, X, X[:-1], ScaledIdentity(2)),
                          "Z has 11 rows"),
    "Z a vector": (lambda: LinearMixedModel(y, X, x, ScaledIdentity(1)), "Z must be a matrix"),
    "zero column of Z": (lambda: grouped(y, X, g, {"a": x, "none": 0}), "Z are all zero"),
    "subjects of other number": (lambda: from_groups([y], [X, X], [X]), "list 1, 2 and 1 subjects"),
    "empty group": (lambda: from_groups([y, []], [X, X[:0]], [X, X[:0]]), "leave empty groups out"),
    "no groups": (lambda: from_groups([], [], []), "at least one observation"),
    "subject's rows": (lambda: from_groups([y, y], [X, X[:3]], [X, X]), "X_i must be a matrix"),
    "subject's columns": (lambda: from_groups([y, y], [X, X[:, :1]], [X, X]), "same number of col"),
    "method": (lambda: fit(grouped(y, X, g), "MLE"), 'must be "REML" or "ML", not'),
    "one per level, by matrices": (
        lambda: fit(LinearMixedModel(y, X, np.eye(12), ScaledIdentity(12))),
        "cannot tell sigma2 and term 1"),
    "one per level, slopes": (
        lambda: fit(grouped(y[:8], ONE, np.arange(8), {"a": 1, "b": np.arange(8) % 2})),
        "not identified"),
    "term twice": (lambda: fit(grouped(y, X, {"g": g, "h": g})), "cannot tell g: .* and h: "),
    "fixed and random": (
        lambda: fit(grouped(y, (g[:, None] == np.arange(4)).astype(float), g)),
        "columns of X already explain"),
    "no residual variation": (
        lambda: fit(grouped(g + 0.0, ONE, g)), "no residual variation is left"),
    "no residual variation, crossed": (
        lambda: fit(grouped(np.sin(g) + np.arange(12) % 3, ONE, {"g": g, "h": np.arange(12) % 3})),
        "no residual variation is left"),
    "unknown data": (lambda: load("iris"), "no data set 'iris'; there are"),
    "size of a structure": (lambda: Unstructured(0), "at least one random effect"),
    "sample of one": (lambda: simple_sample([1.0]), "at least two observations"),
    "not pairs": (lambda: neyman_scott(X[:, :1]), "one pair in each row"),
    "not a table": (lambda: one_way(y), "table of at least 2 groups"),
    "one-way method": (lambda: one_way(X, "EM"), '"moments", not'),
    "beta's length": (lambda: simulate(grouped(y, X, g), [1.0], 1.0, [1.0], 1), "beta needs 2"),
    "negative sigma2": (lambda: simulate(grouped(y, X, g), [1.0, 1], -1.0, [1.0], 1),
                        "sigma2 must not be negative"),
    "profile of two parameters": (
        lambda: profile_curves(reference_model("Penicillin"), np.linspace(0, 1, 3)),
        "one parameter phi"),
    "negative phi": (lambda: profile_curves(grouped(y, X, g), np.linspace(-1, 1, 3)),
                     "non-negative"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    attempt, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        attempt()


def test_errors_are_single_plain_lines():
    for attempt, _ in BAD.values():
        with pytest.raises(ValueError, match=r"\w") as error:
            attempt()
        assert "\n" not in str(error.value)
        assert len(str(error.value)) < 260
