import numpy as np
import sympy as sp
from scipy.special import gammaln
from scipy.stats import chi2, gamma, norm

from exercise_answers import Answers
from lmmcore.textbook.one_way import simple_sample
from matrixproof import Setting, eye, tr

s = Setting("k m", where="k > 1, m > 1")
k, m = s.dimensions
Z, y = s.matrices("Z: k*m,k"), s.vectors("y: k*m")
P = eye(k * m) - Z * Z.T / m

K, M, V = sp.symbols("k m sigma2", positive=True)


def vectorised(tables):
    m = tables.shape[2]
    s2 = tables.var(axis=2, ddof=1).mean(axis=1)
    return np.transpose([s2 * (m - 1) / m, s2])


def one_by_one(tables):
    rows = []
    for table in tables:
        found = [simple_sample(row) for row in table]
        rows.append(
            [np.mean([x.sigma2_ml for x in found]), np.mean([x.sigma2_reml for x in found])]
        )
    return rows


def by_projection(tables):
    _, k, m = tables.shape
    Q = np.eye(m) - 1 / m
    squares = np.einsum("rki,ij,rkj->r", tables, Q, tables)
    return np.outer(squares, [1 / (k * m), 1 / (k * (m - 1))])


def by_chi2(x, k, m, sigma2):
    nu = k * (m - 1)
    return [chi2(nu, scale=sigma2 / d).pdf(x) for d in (k * m, nu)]


def by_gamma(x, k, m, sigma2):
    h = k * (m - 1) / 2
    return np.vstack([gamma(h, scale=2 * sigma2 / d).pdf(x) for d in (k * m, 2 * h)])


def by_formula(x, k, m, sigma2):
    h, out = k * (m - 1) / 2, []
    for d in (k * m, 2 * h):
        b = d / (2 * sigma2)
        out.append(np.exp(h * np.log(b) + (h - 1) * np.log(x) - b * x - gammaln(h)))
    return out


def of(degrees=lambda k, m: k * (m - 1), scale=lambda s2: s2, rows=(0, 1)):
    def answer(x, k, m, sigma2):
        laws = [chi2(degrees(k, m), scale=scale(sigma2) / d) for d in (k * m, k * (m - 1))]
        return np.array([laws[i].pdf(x) for i in rows])

    return answer


def near(k, m, c):
    nu = k * (m - 1)
    return [np.diff(chi2.cdf([d * (1 - c), d * (1 + c)], nu))[0] for d in (k * m, nu)]


def near_gamma(k, m, c):
    nu = k * (m - 1)
    laws = [gamma(nu / 2, scale=2 / d) for d in (k * m, nu)]
    return tuple(x.cdf(1 + c) - x.cdf(1 - c) for x in laws)


def near_tails(k, m, c):
    nu = k * (m - 1)
    return np.array([1 - chi2.sf(d * (1 + c), nu) - chi2.cdf(d * (1 - c), nu) for d in (k * m, nu)])


def near_with(degrees=lambda k, m: k * (m - 1), centres=lambda m: (1, 1), rows=(0, 1)):
    def answer(k, m, c):
        laws = [chi2(degrees(k, m), scale=1 / d) for d in (k * m, k * (m - 1))]
        mid = centres(m)
        found = [x.cdf(a + c) - x.cdf(a - c) for x, a in zip(laws, mid, strict=True)]
        return [found[i] for i in rows]

    return answer


def near_normal(k, m, c):
    found = []
    for d in (k * m, k * (m - 1)):
        law = norm(k * (m - 1) / d, np.sqrt(2 * k * (m - 1)) / d)
        found.append(law.cdf(1 + c) - law.cdf(1 - c))
    return found


ANSWERS = {
    "lab-ns-squares": Answers(
        right=[
            y.T * P * y,
            y.T * y - (Z.T * y).T * (Z.T * y) / m,
            (P * y).T * (P * y),
            y.T * y - y.T * Z * (Z.T * Z).I * Z.T * y,
            tr(P * y * y.T),
        ],
        wrong=[
            (y.T * y - y.T * Z * Z.T * y, "adds up"),
            (y.T * Z * Z.T * y / m, "fitted values"),
            (y.T * y - y.T * Z * Z.T * y / k, "those of the objects"),
            (y.T * y - y.T * Z * Z.T * y / (k * m), "those of the objects"),
            (y.T * y, "Nothing"),
            (y.T * P * y / (k * m), "already"),
            (y.T * P * y / (k * (m - 1)), "already"),
            (y.T * y - y.T * Z * Z.T * y / 2, ""),  # pairs only
            (2 * (y.T * P * y), ""),
            (tr(P) * (y.T * y), ""),
        ],
    ),
    "lab-ns-score": Answers(
        right=[
            -K / (2 * V),
            -K * M / (2 * V) + K * (M - 1) * V / (2 * V**2),
            K * (M - 1 - M) / V / 2,
            -sp.Symbol("k") / sp.Symbol("sigma2") / 2,
        ],
        wrong=[
            (0, "mean zero"),
            (K / (2 * V), "The sign"),
            (K / V, "factor 2"),
            (-K / V, "factor 2"),
            (-K * M / (2 * V), "second term"),
            (-1 / (2 * V), "Only one"),
            (-K / 2, "The power"),
            (-K / (2 * V**2), "The power"),
            (-K * (M - 1) / (2 * V), ""),  # right for pairs
            (-K * M / (4 * V), ""),  # right for pairs
            (-K / (2 * V) + sp.Rational(1, 10**6), ""),
            (-sp.Abs(K / V), "factor 2"),
        ],
    ),
    "lab-ns-many": Answers(
        right=[vectorised, one_by_one, by_projection],
        wrong=[
            (lambda t: vectorised(t)[:, ::-1], "REML first"),
            (
                lambda t: np.outer(
                    ((t - t.mean(axis=1, keepdims=True)) ** 2).sum(axis=(1, 2)),
                    [1 / t[0].size, 1 / (len(t[0]) * (t.shape[2] - 1))],
                ),
                "wrong axis",
            ),
            (
                lambda t: np.outer(
                    t.var(axis=(1, 2)) * t[0].size,
                    [1 / t[0].size, 1 / (len(t[0]) * (t.shape[2] - 1))],
                ),
                "whole table",
            ),
            (
                lambda t: np.outer(vectorised(t)[:, 0], [1, t[0].size / (t[0].size - 1)]),
                "for each object",
            ),
            (lambda t: vectorised(t) ** 0.5, "standard deviations"),
            (lambda t: np.tile(vectorised(t).mean(axis=0), (len(t), 1)), "averaged"),
            (lambda t: vectorised(t)[::-1], ""),
            (lambda t: vectorised(t) * (1 + 1e-5), ""),
            (lambda t: vectorised(t[:, :, :2]), ""),  # the first two measurements only
            (lambda t: np.outer(vectorised(t)[:, 0], [1, 2]), ""),  # pairs only
            (lambda t: vectorised(t)[:, [0, 0]], ""),
        ],
    ),
    "lab-ns-density": Answers(
        right=[by_chi2, by_gamma, by_formula],
        wrong=[
            (
                lambda x, k, m, sigma2: [
                    chi2.pdf(x * d / sigma2, k * (m - 1)) for d in (k * m, k * (m - 1))
                ],
                "integrate to one",
            ),
            (of(lambda k, m: k * m), "were known"),
            (of(lambda k, m: k * m - 1), "single mean"),
            (of(rows=(1, 0)), "REML first"),
            (of(rows=(0, 0)), "one of the two"),
            (of(rows=(1, 1)), "one of the two"),
            (of(scale=lambda v: 1.0), "is 1"),
            (of(scale=lambda v: v**2), "standard deviation"),
            (of(lambda k, m: k), ""),  # pairs only
            (of(scale=lambda v: v * (1 + 1e-5)), ""),
            (
                lambda x, k, m, sigma2: [
                    chi2(k * (m - 1), scale=sigma2 / d).cdf(x) for d in (k * m, k * (m - 1))
                ],
                "",
            ),
            (
                lambda x, k, m, sigma2: [
                    norm(sigma2 * k * (m - 1) / d, sigma2 * (2 * k * (m - 1)) ** 0.5 / d).pdf(x)
                    for d in (k * m, k * (m - 1))
                ],
                "",
            ),
        ],
    ),
    "lab-ns-close": Answers(
        right=[near, near_gamma, near_tails],
        wrong=[
            (near_with(centres=lambda m: ((m - 1) / m, 1)), "about the true value"),
            (near_with(rows=(1, 0)), "REML first"),
            (lambda k, m, c: 1 - np.array(near(k, m, c)), "further away"),
            (
                lambda k, m, c: chi2.cdf(np.array([k * m, k * (m - 1)]) * (1 + c), k * (m - 1)),
                "one side",
            ),
            (near_with(lambda k, m: k * m), "were known"),
            (near_with(lambda k, m: k * m - 1), "single mean"),
            (near_normal, "approximation"),
            (near_with(rows=(1, 1)), "for REML"),
            (near_with(rows=(0, 0)), "for ML"),
            (near_with(lambda k, m: k), ""),  # pairs only
            (lambda k, m, c: np.array(near(k, m, c)) + 1e-5, ""),
            (lambda k, m, c: near(k, m, c * c), ""),
            (lambda k, m, c: near(k, 2, c), ""),
        ],
    ),
    "lab-ns-once": Answers(
        right=["b", "B", "(b)"],
        wrong=[
            ("a", "not permitted"),
            ("A", "not permitted"),
            ("c", "contrasts"),
            ("d", "One half"),
            ("(D)", "One half"),
        ],
    ),
    "lab-ns-sentence": Answers(
        right=["d", "D", "(d)"],
        wrong=[
            ("a", "averages out"),
            ("A", "averages out"),
            ("b", "Gaussian"),
            ("c", "one maximum"),
            ("(c)", "one maximum"),
        ],
    ),
}
