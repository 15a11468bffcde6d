"""Fits from sums of products equal fits from rows: in chunks, and by a database."""

import numpy as np
import pytest

from lmmcore import fit, from_formula, load
from lmmcore.fast.groups import GroupedProfile
from lmmcore.fast.sums import CrossProducts, SummarisedProfile, _reduce, _upper_root

REACTION = "Reaction ~ Days + (Days | Subject)"
SLEEP = load("sleepstudy").columns


def rows(seed, n=400):
    """Unbalanced groups, one with a single row, one where x is constant and so is its slope."""
    rng = np.random.default_rng(seed)
    g = rng.integers(0, 30, n)
    g[0] = 30
    x, w = rng.standard_normal(n), rng.integers(0, 5, n)
    x[g == 3] = 0.5
    u = rng.standard_normal((31, 2))
    y = 3.0 + x - 0.5 * w + u[g, 0] + 0.7 * u[g, 1] * x + rng.standard_normal(n)
    return {"y": y, "x": x, "w": w, "g": g}


def chunked(data, size):
    n = len(next(iter(data.values())))
    return ({k: v[i:i + size] for k, v in data.items()} for i in range(0, n, size))


def shuffled(data, seed=0):
    order = np.random.default_rng(seed).permutation(len(next(iter(data.values()))))
    return {k: v[order] for k, v in data.items()}


def assert_same_fit(ours, theirs, rtol=1e-8):
    assert ours.converged
    assert ours.log_likelihood == pytest.approx(theirs.log_likelihood, abs=1e-8)
    for name in ("theta", "sigma2", "beta", "vcov_beta", "estimates", "se_observed", "se_expected"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=rtol, atol=1e-9)
    for term in theirs.random_effects:
        np.testing.assert_allclose(ours.random_effects[term], theirs.random_effects[term],
                                   rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(ours.conditional_variances[term],
                                   theirs.conditional_variances[term], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("size", [7, 180])
@pytest.mark.parametrize("method", ["REML", "ML"])
def test_sleepstudy_in_chunks(method, size):
    sums = CrossProducts(REACTION)
    ours = fit(sums.model(sums.add_up(chunked(shuffled(SLEEP), size))), method)
    assert_same_fit(ours, fit(from_formula(REACTION, SLEEP), method))


@pytest.mark.parametrize("formula", [
    "y ~ 1 + (1 | g)",
    "y ~ x + w + (x | g)",
    "y ~ x*w + (x || g)",
    "y ~ x + (0 + x | g)",
    "y ~ 0 + x + (1 | g)",
])
def test_equal_to_the_rows(formula):
    data = rows(1)
    sums = CrossProducts(formula)
    model = sums.model(sums.add_up(chunked(shuffled(data), 33)))
    whole = from_formula(formula, data)
    assert (model.n, model.p, model.k, tuple(model.names)) == (
        whole.n, whole.p, whole.k, tuple(whole.names))
    assert_same_fit(fit(model), fit(whole))


def test_a_boundary_is_found():
    data = load("Dyestuff2").columns
    formula = "Yield ~ 1 + (1 | Batch)"
    sums = CrossProducts(formula)
    ours, theirs = fit(sums.model(sums.add_up([data]))), fit(from_formula(formula, data))
    assert ours.theta == theirs.theta == 0.0
    np.testing.assert_allclose(ours.slopes_tau2, theirs.slopes_tau2, rtol=1e-9)


@pytest.mark.parametrize(("mean", "digits"), [(0.0, 11), (1e3, 8), (1e5, 4)])
def test_digits_lost_to_a_large_mean(mean, digits):
    """As many as the squares of y are larger than those of its spread: twice log10(mean/sd)."""
    data = rows(2)
    sums = CrossProducts("y ~ x + (1 | g)")
    far = {**data, "y": data["y"] + mean}
    exact = fit(from_formula("y ~ x + (1 | g)", data)).sigma2
    ours = fit(sums.model(sums.add_up([far]))).sigma2
    assert ours == pytest.approx(exact, rel=10.0**-digits)


def test_by_a_query():
    duckdb = pytest.importorskip("duckdb", reason="needs the extra: pip install 'lmmcore[duckdb]'")
    data = shuffled(rows(3))
    sums = CrossProducts("y ~ x*w + (x | g)")
    with duckdb.connect() as database:
        database.execute("CREATE TABLE measured (y DOUBLE, x DOUBLE, w INTEGER, g BIGINT)")
        database.executemany("INSERT INTO measured VALUES (?, ?, ?, ?)",
                             list(zip(*(data[c].tolist() for c in "yxwg"), strict=True)))
        table = database.sql(sums.query("measured")).fetchnumpy()
        by_numpy = sums.add_up(chunked(data, 50))
        assert set(table) == set(by_numpy)
        order = np.argsort(table["label"])
        for name, values in by_numpy.items():
            np.testing.assert_allclose(table[name][order], values, rtol=1e-12, atol=1e-12)
        assert_same_fit(fit(sums.model(table)), fit(from_formula("y ~ x*w + (x | g)", data)))
        # a row with a missing value is neither used in part nor left out unasked
        database.execute("INSERT INTO measured VALUES (NULL, 1.0, 1, 3)")
        with pytest.raises(ValueError, match="1 rows have missing"):
            sums.model(database.sql(sums.query("measured")).fetchnumpy())
        kept = sums.query("(SELECT * FROM measured WHERE y IS NOT NULL)")
        assert_same_fit(fit(sums.model(database.sql(kept).fetchnumpy())),
                        fit(from_formula("y ~ x*w + (x | g)", data)))


def test_there_are_no_rows():
    sums = CrossProducts(REACTION)
    result = fit(sums.model(sums.add_up([SLEEP])))
    assert "180" in result.summary()
    with pytest.raises(ValueError, match="has no rows"):
        _ = result.fitted
    with pytest.raises(ValueError, match="has no rows"):
        _ = result.residuals


@pytest.mark.parametrize(("formula", "message"), [
    ("y ~ x", "one term"),
    ("y ~ x + (1 | g) + (1 | w)", "one term"),
    ("y ~ x + (1 | g:w)", "one term"),
])
def test_formulas_refused(formula, message):
    with pytest.raises(ValueError, match=message):
        CrossProducts(formula)


@pytest.mark.parametrize(("change", "message"), [
    ({"y": np.full(400, 2.0)}, "y is constant"),
    ({"y": np.where(np.arange(400) == 5, np.nan, 1.0)}, "not finite"),
    ({"w": np.ones(400)}, "full column rank: w"),
    ({"w": np.zeros(400)}, "zero everywhere"),
    ({"g": np.ones(400)}, "1 group"),
    ({"g": np.arange(400)}, "not identified"),
])
def test_data_refused(change, message):
    sums = CrossProducts("y ~ x + w + (1 | g)")
    with pytest.raises(ValueError, match=message):
        fit(sums.model(sums.add_up([{**rows(4), **change}])))


def test_no_chunks_and_too_few_rows():
    sums = CrossProducts("y ~ x + w + (1 | g)")
    with pytest.raises(ValueError, match="no chunks"):
        sums.add_up([])
    few = {name: values[:3] for name, values in rows(5).items()}
    with pytest.raises(ValueError, match="n = 3"):
        sums.model(sums.add_up([few]))


def summarised(formula, data):
    sums = CrossProducts(formula)
    return sums.model(sums.add_up(chunked(data, 50)))


def test_two_groups_are_enough():
    data = rows(6)
    data["g"] = data["g"] % 2
    assert_same_fit(fit(summarised("y ~ x + (1 | g)", data)),
                    fit(from_formula("y ~ x + (1 | g)", data)))


@pytest.mark.parametrize("unit", [1e-50, 1e-10, 1e10, 1e50])
@pytest.mark.parametrize("column", ["x", "y"])
def test_units_of_a_column(column, unit):
    data, formula = rows(7), "y ~ x + w + (x | g)"
    one = fit(summarised(formula, data))
    other = fit(summarised(formula, {**data, column: unit * data[column]}))
    assert other.converged
    sd = np.sqrt([fit.variance_components[0].covariance[1, 1] for fit in (one, other)])
    if column == "x":
        np.testing.assert_allclose([other.beta[1] * unit, sd[1] * unit], [one.beta[1], sd[0]],
                                   rtol=1e-6)
        assert other.sigma2 == pytest.approx(one.sigma2, rel=1e-8)
    else:
        np.testing.assert_allclose(other.beta, unit * one.beta, rtol=1e-6)
        assert other.sigma2 == pytest.approx(unit**2 * one.sigma2, rel=1e-8)


def test_the_size_of_an_effect_is_that_of_the_rows():
    data, formula = rows(8), "y ~ x + (x | g)"
    ours, theirs = SummarisedProfile(summarised(formula, data)), GroupedProfile(
        from_formula(formula, data))
    np.testing.assert_allclose(ours.z_scale[0], theirs.z_scale[0], rtol=1e-13)
    least_squares = ours.model.least_squares
    assert least_squares.Q.shape == (0, 2) and least_squares.residuals.shape == (0,)


@pytest.mark.parametrize(("y", "message"), [
    (lambda x, w: 0 * x, "zero everywhere"),
    (lambda x, w: 1 + 2 * x + 3 * w, "y is constant or a combination"),
])
def test_responses_without_variation(y, message):
    data = rows(4)
    with pytest.raises(ValueError, match=message):
        summarised("y ~ x + w + (1 | g)", {**data, "y": y(data["x"], data["w"])})


@pytest.mark.parametrize("unit", [1e-10, 1.0, 1e10])
def test_the_root_of_columns_that_depend_on_each_other(unit):
    # columns (1, 0) and (c, d) of two groups: of the second d is left
    for left, kept in ((1.2e-7, True), (0.8e-7, False), (0.0, False)):
        A = np.array([[1.0, 0.1], [0.1, 0.01 * (1 + left**2)]]) * unit**2
        A = np.repeat(A[:, :, None], 2, axis=2)
        R = _upper_root(A)
        assert np.all((R[1, 1] > 0) == kept) and np.all(R[1, 0] == 0)
        np.testing.assert_allclose(R[0], np.array([[1.0, 1], [0.1, 0.1]]) * unit, rtol=1e-14)


@pytest.mark.parametrize("rss", [1e-20, 1.0, 1e20])
def test_what_is_constant_within_groups_or_depends_on_another_effect(rss):
    # one group of rows 1, ..., 1 and an effect that is 0.3 of it: nothing is left of the second
    ZZ = np.array([[4.0, 1.2], [1.2, 0.36]])[:, :, None]
    for varies, kept in ((1.2e-14, True), (0.8e-14, False), (0.0, False)):
        Qe = np.sqrt([(1 - varies), 0.5 * rss])  # of length 1 and rss, but for what varies
        ZQe = np.array([[2 * Qe[0], 2 * Qe[1]], [0.6 * Qe[0] + 1e-9, 0.6 * Qe[1]]])[:, :, None]
        R, F, within = _reduce(ZZ, ZQe, np.diag([1.0, rss]))
        assert np.all(R[1] == 0) and np.all(F[1] == 0)
        np.testing.assert_allclose(F[0, :, 0], Qe, rtol=1e-14)
        assert (within.Axx[0, 0] > 0) == kept
        if not kept:
            assert within.ww == pytest.approx(0.5 * rss, rel=1e-12)
