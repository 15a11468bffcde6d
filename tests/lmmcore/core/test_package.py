"""Data, imports, plots, summaries."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import lmmcore
from lmmbook import figures as plots
from lmmbook.figures import first_fit, intervals_and_tests, sleepstudy
from lmmbook.figures.frames import Frames
from lmmcore import data, fit, load
from lmmcore.results import Iteration, Trace
from reference_models import reference_model


@pytest.mark.parametrize(("name", "rows", "columns"), [
    ("Dyestuff", 30, ["Batch", "Yield"]),
    ("Dyestuff2", 30, ["Batch", "Yield"]),
    ("sleepstudy", 180, ["Reaction", "Days", "Subject"]),
    ("Penicillin", 144, ["diameter", "plate", "sample"]),
    ("Pastes", 60, ["strength", "batch", "cask", "sample"]),
    ("grouseticks", 403, ["INDEX", "TICKS", "BROOD", "HEIGHT", "YEAR", "LOCATION", "cHEIGHT"]),
    ("InstEval", 73421, ["s", "d", "studage", "lectage", "service", "dept", "y"]),
])
def test_data(name, rows, columns):
    table = load(name)
    assert len(table) == rows
    assert list(table.columns) == columns
    assert {c.dtype.kind for c in table.columns.values()} == {"f", "U"}
    assert table.origin in repr(table)
    assert name in data.names()
    with pytest.raises(KeyError, match="has no column 'nothing'"):
        table["nothing"]


def test_import_is_light():
    code = ("import sys, lmmcore; "
            "heavy = {'sympy', 'matplotlib', 'pandas', 'scipy', 'numpy'} & set(sys.modules); "
            "assert not heavy, heavy; "
            "lmmcore.fit; assert not {'sympy', 'matplotlib', 'pandas'} & set(sys.modules)")
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_public_name_is_there():
    for name in lmmcore.__all__:
        assert getattr(lmmcore, name).__name__ == name
    with pytest.raises(AttributeError, match="nothing"):
        _ = lmmcore.nothing


def figures():
    dyestuff, sleep = reference_model("Dyestuff"), reference_model("sleepstudy_ris")
    yield plots.profile_curves(dyestuff, np.linspace(0, 4, 41))
    yield plots.surface(dyestuff, np.linspace(1000, 6000, 12), np.linspace(0, 8000, 9))
    yield plots.shrinkage(fit(sleep), sleep.X[:, 1], "Days", "Reaction (ms)")
    yield plots.estimates(fit(sleep, "ML"), fit(sleep))
    labels = dyestuff.terms[0].levels[dyestuff.terms[0].codes]
    yield first_fit.by_level(dyestuff.y, labels, "batch", "yield (g)")
    yield first_fit.newton_path(fit(dyestuff), np.linspace(0, 2, 21))
    table = load("sleepstudy")
    yield sleepstudy.design(table["Days"], table["Subject"])
    yield sleepstudy.all_lines(table["Days"], table["Reaction"], table["Subject"])
    yield sleepstudy.residuals(fit(sleep), table["Subject"])
    yield sleepstudy.random_effects(fit(sleep), "Subject")
    intervals = fit(dyestuff, "ML").intervals()
    yield intervals_and_tests.zeta_curves(intervals, dict.fromkeys(intervals.intervals, 1.0))
    yield intervals_and_tests.chance_of_zero([0, 1], (2, 6), 5)
    yield intervals_and_tests.null_tails([0, 1, 2], {"mixture": {0: 0.5, 1: 0.5}}, 1.0)
    yield intervals_and_tests.bootstrap_density([0, 1, 2], "sd", {"Wald": (0, 1)})
    yield first_fit.theta_and_phi({"Dyestuff": dyestuff}, 1.2)


def test_the_picture_of_a_design_names_its_matrices():
    figure = first_fit.design(reference_model("Dyestuff"), [0.8])
    assert [axes.get_title()[:3] for axes in figure.axes] == ["$X$", "$Z$", "$W$"]


def test_plots_are_labelled_and_change_no_style():
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    for figure in figures():
        figure.canvas.draw()
        axes = figure.axes[0]
        assert (axes.get_xlabel() and (axes.get_ylabel() or axes.get_yticklabels())) \
            or (figure.get_supxlabel() and figure.get_supylabel())
        assert axes.get_legend() is not None or figure.legends
    assert dict(mpl.rcParams) == before


def test_a_notebook_shows_the_figures_without_pyplot():
    figure = plots.profile_curves(reference_model("Dyestuff"), np.linspace(0, 4, 5))
    assert figure._repr_png_().startswith(b"\x89PNG")
    code = ("import lmmbook.figures as p, sys; p.new_figure(1, 1); "
            "assert 'matplotlib.pyplot' not in sys.modules")
    subprocess.run([sys.executable, "-c", code], check=True)


def test_profile_curves_are_the_profile():
    model = reference_model("Dyestuff")
    axes = plots.profile_curves(model, np.linspace(0, 4, 401)).axes[0]
    curves = {line.get_label(): line for line in axes.lines if len(line.get_xdata()) > 1}
    for method, line in curves.items():
        best = line.get_xdata()[np.argmax(line.get_ydata())]
        assert best == pytest.approx(fit(model, method).phi[0], abs=0.006)


def test_shrinkage_needs_one_factor():
    with pytest.raises(ValueError, match="one grouping factor"):
        plots.shrinkage(fit(reference_model("Penicillin")), np.ones(144))


def test_summary():
    text = fit(reference_model("sleepstudy_ris")).summary()
    for piece in ("fit by REML", "1743.6283", "Subject 18", "612.09", "24.74", "0.066", "654.94",
                  "251.41", "6.8246", "36.838", "Hessian positive definite",
                  "Converged: gradient below 1e-08 per observation"):
        assert piece in text
    assert "AIC 1763.9" in fit(reference_model("sleepstudy_ris"), "ML").summary()


def test_a_fit_shows_standard_deviations_and_no_empty_table():
    result = fit(reference_model("sleepstudy_ris"))
    residual = next(line for line in result.summary().splitlines() if "Residual" in line)
    assert residual.split()[-1] == "25.592"
    assert "Autoregression" not in result.summary()
    assert "iterations=" not in repr(result)


@pytest.mark.parametrize(("definite", "words"), [
    (True, "max |gradient| 1.0e-03. Do not"),
    (False, "max |gradient| 1.0e-03, Hessian not positive definite. Do not"),
])
def test_what_is_wrong_with_a_fit_that_has_not_converged(definite, words):
    result = replace(fit(reference_model("Dyestuff")), converged=False, max_gradient=1e-3,
                     hessian_positive_definite=definite)
    assert words in " ".join(result.summary().split())


@pytest.mark.parametrize(("steps", "shown"), [
    (16, list(range(16))), (17, [*range(6), "...", *range(11, 17)]),
])
def test_a_long_trace_shows_its_ends(steps, shown):
    trace = Trace(Iteration(np.array([1.0, 2.0]), 10.0 - i, 0.5) for i in range(steps))
    assert [line.split()[0] for line in repr(trace).splitlines()[1:]] == [str(i) for i in shown]


def test_html_summary_is_escaped_and_whole():
    import xml.etree.ElementTree as ET

    model = lmmcore.grouped(np.random.default_rng(0).standard_normal(12), {"<1>": 1},
                            {"a & b": np.repeat([1, 2, 3], 4)})
    tree = ET.fromstring(fit(model)._repr_html_())
    cells = [cell.text for cell in tree.iter("td")]
    assert "<1>" in cells
    assert "a & b" in cells


def test_residuals_and_fitted_add_up():
    result = fit(reference_model("Penicillin"))
    np.testing.assert_allclose(result.fitted + result.residuals, result.model.y)
    assert result.residuals.std() < np.sqrt(result.sigma2)
    assert set(result.conditional_variances) == {"plate", "sample"}
    assert result.conditional_variances["plate"].shape == (24, 1, 1)


def test_frames_are_under_one_slider():
    def draw(value):
        figure = plots.new_figure(2, 1)
        figure.text(0.5, 0.5, f"{value}")
        return figure

    frames = Frames(draw, [1, 2.5, 10], "k < n", "For more & more.", "The number {}.")
    html = frames._repr_html_()
    assert html.count("<img ") == 3
    assert html.count(" hidden>") == 2
    assert html.index(" hidden>") > html.index('alt="The number 1."')
    assert 'data-values="1 2.5 10"' in html and "k &lt; n" in html and "more &amp; more" in html
    assert repr(frames) == "3 figures: k < n = 1, 2.5, 10"
    assert frames.still is frames.figures[1]
    with pytest.raises(ValueError, match="at least two values"):
        Frames(draw, [1], "k", "", "")
