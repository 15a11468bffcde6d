"""The labs' simulations agree with what the labs derive, within their own standard errors."""

import contextlib
import io

import matplotlib
import numpy as np
from scipy.stats import chi2

from tools.chapters import ROOT, cells

# about 40 comparisons in all: with 6 standard errors a false alarm is rarer than 1e-6
FAR = 6.0


def run(name, monkeypatch):
    """The names that the open part of a lab defines: no stub, no solution."""
    monkeypatch.chdir(ROOT / "chapters")
    matplotlib.use("agg")
    page = ROOT / "chapters" / f"{name}.md"
    lines = page.read_text(encoding="utf-8").splitlines()
    closed, inside = set(), False
    for number, line in enumerate(lines, start=1):
        inside = (inside or "{solution-start}" in line) and "{solution-end}" not in line
        if inside:
            closed.add(number)
    namespace = {}
    with contextlib.redirect_stdout(io.StringIO()):
        for cell in cells(page):
            if cell.line not in closed:
                exec(compile(cell.code, f"<{name}, line {cell.line}>", "exec"), namespace)
    return namespace


def test_neyman_scott(monkeypatch):
    lab = run("lab-neyman-scott", monkeypatch)
    for k in lab["sizes"]:
        for i, divisor in enumerate((2 * k, k)):
            draws = lab["drawn"][k][:, i]
            law = chi2(k, scale=lab["true_sigma2"] / divisor)
            error = law.std() / np.sqrt(len(draws))
            assert abs(draws.mean() - law.mean()) < FAR * error
            other = chi2(k, scale=lab["true_sigma2"] / (3 * k - divisor)).mean()
            assert abs(draws.mean() - other) > FAR * error  # ML's law is not REML's
            share = np.mean(draws < law.median())
            assert abs(share - 0.5) < FAR * 0.5 / np.sqrt(len(draws))


def test_one_way_anova(monkeypatch):
    lab = run("lab-one-way-anova", monkeypatch)
    (sigma2, tau2), m = lab["truth"], lab["each"]
    for k in lab["numbers"]:
        law = chi2(k - 1, scale=sigma2 + m * tau2)
        error = law.std() / np.sqrt(lab["repetitions"])
        assert abs(lab["between"][k].mean() - law.mean()) < FAR * error
        for method, kept in lab["drawn"].items():
            draws, zeros = kept[k][:, 1], kept[k][:, 2].mean()
            exact = lab["expected_estimates"](k, m, sigma2, tau2, method).tau2
            error = draws.std(ddof=1) / np.sqrt(len(draws))
            assert abs(draws.mean() - exact) < FAR * error
            probability = lab["zero_probability"](k, m, tau2 / sigma2, method)
            spread = np.sqrt(probability * (1 - probability) / len(draws))
            assert abs(zeros - probability) < FAR * spread + 3 / len(draws)
