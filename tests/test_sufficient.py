"""Fits from sums of products equal fits from rows: in chunks, and by a database."""

import numpy as np
import pytest

from lmmcore import CrossProducts, fit, from_formula, load

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
