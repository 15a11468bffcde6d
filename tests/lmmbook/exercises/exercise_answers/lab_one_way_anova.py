import numpy as np
import sympy as sp
from scipy.stats import chi2, gamma

from exercise_answers import Answers
from lmmbook.exercises.bank.lab_one_way_anova import balanced
from lmmcore import load
from lmmcore.design.grouped import grouped
from lmmcore.textbook import definition
from lmmcore.textbook.one_way import one_way
from matrixproof import eye

s, z = balanced()
Z, P_w, V, sigma2, tau2 = (z[x] for x in ("Z", "P_w", "V", "sigma2", "tau2"))
n = eye(Z.shape[0])
start, end = P_w * V * P_w, sigma2 * P_w
effects = tau2 * P_w * Z * Z.T * P_w

claimed, c = balanced()
claimed.assume(c["P_w"] * c["V"] * c["P_w"], c["sigma2"] * c["P_w"], "the claim")

k, m, SSE, SSB, v, t = sp.symbols("k m SSE SSB sigma2 tau2", positive=True)
MSE, MSB = SSE / (k * (m - 1)), SSB / (k - 1)

data = load("Dyestuff2")
model = grouped(data["Yield"], {"one": 1}, {"Batch": data["Batch"]})


def score_by_definition(method="REML", variance=None):
    """The slope in tau2 at its edge, through dense matrices."""
    v0 = one_way(model.y.reshape(6, 5), method).sigma2 if variance is None else variance
    V0, D = v0 * np.eye(30), [(model.Z @ model.Z.T).toarray()]
    score = definition.restricted_score if method == "REML" else definition.score
    return float(score(model.y, model.X, V0, D)[0])


def by_difference(h=1e-4):
    v0 = one_way(model.y.reshape(6, 5)).sigma2
    ZZ = (model.Z @ model.Z.T).toarray()
    one = np.eye(30)
    low, high = (
        definition.restricted_log_likelihood(model.y, model.X, v0 * one + x * ZZ) for x in (-h, h)
    )
    return (high - low) / (2 * h)


SLOPE = score_by_definition()


def by_chi2(x, k, m, sigma2, tau2):
    return chi2(k - 1, scale=(sigma2 + m * tau2) / (k - 1)).pdf(x)


def by_rule(x, k, m, sigma2, tau2):
    c = (sigma2 + m * tau2) / (k - 1)
    return list(chi2.pdf(x / c, k - 1) / c)


def by_gamma(x, k, m, sigma2, tau2):
    return gamma.pdf(x, (k - 1) / 2, scale=2 * (sigma2 + m * tau2) / (k - 1))


def of(degrees, unit):
    return lambda x, k, m, sigma2, tau2: chi2(degrees(k, m), scale=unit(k, m, sigma2, tau2)).pdf(x)


ANSWERS = {
    "lab-ow-within": Answers(
        right=[
            s.derive(start).step(P_w * V, "the two commute").step(end, "the effects are removed"),
            s.derive(start)
            .step(sigma2 * P_w * P_w + effects, "insert")
            .step(sigma2 * P_w, "removed"),
            s.derive(start)
            .step(P_w * (sigma2 * n + tau2 * Z * Z.T) * P_w, "insert")
            .step(end, "removed"),
        ],
        wrong=[
            (s.derive(end).step(start, "backwards"), "backwards"),
            (s.derive(P_w * V).step(end, "removed"), "both sides"),
            (s.derive(V * P_w).step(end, "removed"), "both sides"),
            (s.derive(start).step(sigma2 * P_w * P_w + effects, "insert"), "still there"),
            (
                s.derive(start).step(P_w * (sigma2 * n + tau2 * Z * Z.T) * P_w, "insert"),
                "still there",
            ),
            (s.derive(start).step(end, "the effects are removed"), ""),
            (s.derive(start).step(end, "claim").step(start, "and back").step(end, "so"), ""),
            (
                claimed.derive(c["P_w"] * c["V"] * c["P_w"])
                .step(c["P_w"] * c["V"] * c["P_w"] * c["P_w"], "a projection")
                .step(c["sigma2"] * c["P_w"], "as assumed"),
                "",
            ),
            (s.derive(start), ""),
            (s.derive(end), ""),
            (s.derive(sigma2 * P_w * P_w).step(end, "projection"), ""),
        ],
    ),
    "lab-ow-moment": Answers(
        right=[
            (MSB - MSE) / m,
            SSB / (m * (k - 1)) - SSE / (k * m * (m - 1)),
            (k * (m - 1) * SSB - (k - 1) * SSE) / (k * (k - 1) * m * (m - 1)),
            sp.solve(SSB - (k - 1) * (MSE + m * t), t)[0],
        ],
        wrong=[
            ((SSB / k - MSE) / m, "ML's divisor"),
            (MSB, "contains the error"),
            (MSB / m, "contains the error"),
            (MSB - MSE, "seen $m$ times"),
            ((MSB - SSE / (k * m - 1)) / m, "of its own"),
            ((MSB - SSE / (k * m)) / m, "of its own"),
            ((MSE - MSB) / m, "other's place"),
            (sp.Max(0, (MSB - MSE) / m), ""),
            ((MSB - MSE) / 2, ""),
            (sp.Abs(MSB - MSE) / m, ""),
            ((MSB - MSE) / m + sp.Rational(1, 10**6), ""),
        ],
    ),
    "lab-ow-bias": Answers(
        right=[
            -(v + m * t) / (k * m),
            -v / (k * m) - t / k,
            ((k - 1) / k * (v + m * t) - v) / m - t,
            -(sp.Symbol("sigma2") / sp.Symbol("m") + sp.Symbol("tau2")) / sp.Symbol("k"),
        ],
        wrong=[
            ((v + m * t) / (k * m), "The sign"),
            (t - (v + m * t) / (k * m), "mean of the estimate"),
            (-(v + m * t) / k, "factor $m$"),
            (-t / k, "has its part"),
            (-v / (k * m), "vary with"),
            (0, "divisor $k - 1$"),
            (-(v + m * t) / ((k - 1) * m), ""),
            (-(v + t) / (k * m), ""),
            (-(v + m * t) / (2 * k * m), ""),
            (-sp.sqrt((v + m * t) / (k * m)), ""),
        ],
    ),
    "lab-ow-law": Answers(
        right=[by_chi2, by_rule, by_gamma],
        wrong=[
            (
                lambda x, k, m, a, b: chi2.pdf(x * (k - 1) / (a + m * b), k - 1),
                "integrate to one",
            ),
            (of(lambda k, m: k, lambda k, m, a, b: (a + m * b) / k), "less one"),
            (of(lambda k, m: k - 1, lambda k, m, a, b: a + m * b), "sum of squares"),
            (of(lambda k, m: k - 1, lambda k, m, a, b: a / (k - 1)), "without random"),
            (of(lambda k, m: k - 1, lambda k, m, a, b: (a + b) / (k - 1)), "counts $m$ times"),
            (of(lambda k, m: k * (m - 1), lambda k, m, a, b: a / (k * (m - 1))), "within the"),
            (of(lambda k, m: k - 1, lambda k, m, a, b: m * b / (k - 1)), "left out"),
            (
                of(lambda k, m: k * (m - 1), lambda k, m, a, b: (a + m * b) / (k * (m - 1))),
                "those within",
            ),
            (of(lambda k, m: k - 1, lambda k, m, a, b: (a + 5 * b) / (k - 1)), ""),
            (lambda x, k, m, a, b: by_chi2(x, k, m, a, b) * (1 + 1e-5), ""),
            (lambda x, k, m, a, b: by_chi2(x, k, m, 1.0, b / a), ""),
            (lambda x, k, m, a, b: chi2(k - 1, scale=(a + m * b) / (k - 1)).cdf(x), ""),
        ],
    ),
    "lab-ow-edge": Answers(
        right=[SLOPE, by_difference(), round(SLOPE, 4), sp.Float(SLOPE)],
        wrong=[
            (score_by_definition("ML"), "slope for ML"),
            (-SLOPE, "The sign"),
            (score_by_definition(variance=358.7013504 / 24), "slides'"),
            (score_by_definition(variance=(358.7013504 + 41.6816288) / 30), "REML has $n - 1$"),
            (-2 * SLOPE, "minus twice"),
            (SLOPE / 5, "moves it"),
            (0, "on the edge"),
            (2 * SLOPE, ""),
            (SLOPE * 1.001, ""),
            (-0.36, ""),
        ],
    ),
    "lab-ow-report": Answers(
        right=["a", "A", "(a)"],
        wrong=[
            ("b", "no proof"),
            ("B", "no proof"),
            ("c", "failed"),
            ("d", "negative"),
            ("(d)", "negative"),
        ],
    ),
}
