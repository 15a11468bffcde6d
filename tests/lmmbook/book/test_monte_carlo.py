"""What chapters claim from random numbers: seeded, and tested at a level for false alarms of 1e-6.

Each cell of a chapter that draws random numbers is listed here with what it is: ``data`` (an
example is made up; nothing is claimed of a distribution), or the test that holds the claim against
theory. The bounds there are 5.5 standard errors or more; in one comparison the chance of a false
alarm is then 4e-8, and up to 26 comparisons stay below 1e-6.
"""

import ast
import re

import numpy as np
import pytest

from lmmcore import fit, grouped, simulate
from lmmcore.textbook import definition
from lmmcore.textbook.error_contrasts import from_qr
from tools.chapters import ROOT, cells, pages

DATA = "data"
HERE = "test_monte_carlo.py::"
QUADRATIC = "test_quadratic_forms.py::"
ESTIMATES = "test_sampling.py::"
RATIO = "test_likelihood_ratio.py::"
ONE_WAY = "test_sampling.py::test_means_and_zeros_of_one_way_estimates"
CLAIMS = {
    "block-matrices": [DATA, DATA],
    "quadratic-forms": [QUADRATIC, QUADRATIC],
    "three-specifications": [DATA, "test_specifications.py::", DATA],
    "designs": [DATA],
    "autoregressive-effects": [DATA],
    "generalised-least-squares": [
        "test_generalised_least_squares.py::test_covariances_of_both_in_a_simulation",
    ],
    "biased-variances": [ESTIMATES, ONE_WAY, HERE + "test_loss_of_the_ratio"],
    "neyman-scott": [ESTIMATES] * 5,
    "lab-neyman-scott": [DATA, "test_labs.py::test_neyman_scott", ONE_WAY],
    "error-contrasts": [HERE + "test_contrasts_and_coefficients_in_a_simulation"],
    "profile-reml": [DATA, HERE + "test_error_variance_with_many_coefficients",
                     HERE + "test_mean_of_the_restricted_form"],
    "one-way-anova": ["test_errata.py::test_mean_of_the_ml_estimate_of_sigma2", ONE_WAY, ONE_WAY],
    "lab-one-way-anova": ["test_labs.py::"],
    "robust-and-count-models": [DATA],
    "two-way-and-nested-anova": [DATA, DATA],
    "intervals-and-tests": [
        RATIO + "test_the_chance_that_a_variance_is_estimated_as_zero",
        RATIO + "test_exact_null_of_balanced_groups_is_that_of_F",
        RATIO + "test_the_chance_that_a_variance_is_estimated_as_zero",
        RATIO, ONE_WAY,
        HERE + "test_coverage_of_profile_and_wald",
    ],
    "mixed-model-equations": [
        "test_mixed_model_equations.py::test_prediction_error_variance_is_met_by_simulation",
    ],
    "from-lme4": [DATA],  # the kinds of the results are shown, and none of their numbers
    "cost": [DATA, DATA],
    "laplace": [DATA, DATA],  # errors of Laplace on made data, each against quadrature
    "dyestuff": [ONE_WAY],
    "sleepstudy": [RATIO + "test_the_mixture_of_stram_and_lee_by_simulation"],
    "how-the-checker-works": [DATA],
    "errata": ["test_errata.py::test_mean_of_the_ml_estimate_of_sigma2"],
}  # fmt: skip
DRAWS = re.compile(r"default_rng\(|\bsimulate\(|\bbootstrap(?:_test)?\(|exact_test\(|"
                   r"null_distribution\(|random\.seed\(")  # fmt: skip
UNSEEDED = re.compile(r"default_rng\(\s*\)|np\.random\.(?!default_rng)|RandomState\(\s*\)")


def drawing(page):
    return [c for c in cells(page) if DRAWS.search(c.code)]


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_every_cell_that_draws_is_listed_and_seeded(page):
    found = drawing(page)
    listed = CLAIMS.get(page.stem, [])
    where = [f"cell {c.number} (line {c.line})" for c in found]
    assert len(found) == len(listed), f"list what they are in CLAIMS: {where}"
    for cell in found:
        assert not UNSEEDED.search(cell.code), f"cell {cell.number} (line {cell.line}): no seed"
        for call in ast.walk(ast.parse(cell.code)):
            name = getattr(getattr(call, "func", None), "id", "")
            if name in ("simulate", "bootstrap", "bootstrap_test", "exact_test"):
                given = {k.arg for k in call.keywords}
                assert "seed" in given or len(call.args) > 4, f"cell {cell.number}: no seed"


def test_the_tests_that_are_named_exist():
    for name in {x for listed in CLAIMS.values() for x in listed} - {DATA}:
        file, _, function = name.partition("::")
        (path,) = (ROOT / "tests").rglob(file)
        source = path.read_text(encoding="utf-8")
        assert f"def {function}(" in source if function else "def test_" in source, name


def test_an_unseeded_generator_is_found():
    for code in ("np.random.default_rng()", "np.random.normal(3)", "RandomState()"):
        assert UNSEEDED.search(code)
    assert not UNSEEDED.search("np.random.default_rng(3).normal()")


# -- claims that no other test holds against theory ----------------------------------------------
def test_loss_of_the_ratio():
    """E(q/d - log(q/d) - 1), q chi-square on f: by the digamma function, for three divisors."""
    from scipy.special import digamma

    f, draws = 7, 200_000
    chi = np.random.default_rng(60).chisquare(f, draws)
    for d in (7, 9, 10):
        loss = chi / d - np.log(chi / d) - 1
        exact = f / d - (digamma(f / 2) + np.log(2) - np.log(d)) - 1
        assert abs(loss.mean() - exact) < 5.5 * loss.std() / np.sqrt(draws)


def test_contrasts_and_coefficients_in_a_simulation():
    """Uncorrelated at the true V (A15), and estimates unbiased with V estimated."""
    sizes = np.array([1, 2, 3, 5, 8, 2, 1, 4])
    groups, x = np.repeat(np.arange(8), sizes), np.arange(26.0) % 5
    model = grouped(x, {"(Intercept)": 1, "x": x**2}, {"group": groups})
    beta, size = np.array([2.0, -1.0]), 20_000
    y = simulate(model, beta, 1.0, [1.0], seed=40, size=size)
    V = definition.marginal_covariance(model, [1.0], 1.0)
    H_inverse = np.linalg.inv(model.X.T @ np.linalg.solve(V, model.X))
    estimates = H_inverse @ model.X.T @ np.linalg.solve(V, y)
    r = np.corrcoef(np.vstack([from_qr(model.X).T @ y, estimates]))[:24, 24:]
    assert np.max(np.abs(r)) * np.sqrt(size) < 5.8  # 48 of them
    some = y[:, :400].T
    fitted = np.array([fit(model.with_response(z)).beta for z in some])
    error = fitted.std(axis=0, ddof=1) / np.sqrt(len(some))
    assert np.all(np.abs(fitted.mean(axis=0) - beta) < 5.5 * error)


def many_coefficients(p):
    groups = np.repeat(np.arange(12), 5)
    covariates = np.random.default_rng(11).standard_normal((60, 31))
    X = np.column_stack([np.ones(60), covariates[:, : p - 1]])
    return grouped(np.arange(60.0) ** 2 % 7, X, {"group": groups})


@pytest.mark.parametrize("p", [1, 16, 32])
def test_mean_of_the_restricted_form(p):
    """E y'Py = n - p (B28), by 4000 draws."""
    model = many_coefficients(p)
    y = simulate(model, np.zeros(p), 1.0, [0.5**0.5], seed=p, size=4000)
    P = definition.projection(model.X, definition.marginal_covariance(model, [0.5**0.5], 1.0))
    forms = np.sum(y * (P @ y), axis=0)
    assert abs(forms.mean() - (60 - p)) < 5.5 * np.sqrt(2 * (60 - p) / 4000)
    assert abs(forms.mean() - 60) > 5.5 * np.sqrt(2 * (60 - p) / 4000) or p == 1


def test_error_variance_with_many_coefficients():
    """With 32 of 60 coefficients ML's sigma2 is far below the truth, and REML's is not."""
    model = many_coefficients(32)
    y = simulate(model, np.zeros(32), 1.0, [0.5**0.5], seed=320, size=100)
    for method, near in (("ML", False), ("REML", True)):
        found = np.array([fit(model.with_response(z), method).sigma2 for z in y.T])
        error = found.std(ddof=1) / 10
        assert (abs(found.mean() - 1.0) < 5.5 * error) == near


def test_coverage_of_profile_and_wald():
    """Of 200 intervals the profile's coverage is not told from 95 per cent, and is not perfect.

    The bounds are binomial tails of 1e-7. That Wald's is lower is a description of one sample.
    """
    from scipy.stats import binom

    from lmmcore import profile_intervals

    model = grouped(np.arange(30.0), {"(Intercept)": 1}, {"Batch": np.repeat(np.arange(6), 5)})
    name, truth = "sd(Batch: (Intercept))", 1.0
    inside = 0
    for y in simulate(model, [0.0], 1.0, [1.0], seed=3, size=200).T:
        interval = profile_intervals(fit(model.with_response(y), "ML"), parameters=[name])[name]
        inside += interval.lower <= truth <= interval.upper
    assert binom(200, 0.95).cdf(inside) > 1e-7
    assert binom(200, 0.5).sf(inside) < 1e-7
