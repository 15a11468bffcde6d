import numpy as np
import sympy as sp

from exercise_answers import Answers
from lmmbook.demos.sampling import moments as book

q, r = sp.symbols("q r", positive=True)
plain_q, plain_r = sp.symbols("q r")


def sse(table):
    return np.sum(table**2) - table.shape[1] * np.sum(table.mean(axis=1) ** 2)


def by_variances(table):
    return [table.var(axis=1).mean(), table.var(axis=1, ddof=1).mean()]


def by_projection(table):
    k, m = table.shape
    X, y = np.kron(np.eye(k), np.ones((m, 1))), table.ravel()
    rss = y @ (y - X @ (X.T @ y) / m)
    return np.array([rss / len(y), rss / (len(y) - k)])


def by_differences(table):
    k, m = table.shape
    total = sum((row[i] - row[j]) ** 2 for row in table for i in range(m) for j in range(i)) / m
    return total / k / m, total / (k * m - k)


def for_pairs_only(table):
    half = np.sum((table[:, 0] - table[:, 1]) ** 2) / 2
    return half / (2 * len(table)), half / len(table)


def common_mean(table):
    return table.var(), table.var(ddof=1)


def m1(k, m, sigma2):
    ml, reml = book(k * m - k, k * m, sigma2), book(k * m - k, k * m - k, sigma2)
    return ml.mean, ml.variance, reml.mean, reml.variance


def m2(k, m, sigma2):
    shrink = 1 - 1 / m
    v = 2 * sigma2 * sigma2 / (k * m - k)
    return np.array([shrink * sigma2, shrink**2 * v, sigma2, v])


def m3(k, m, sigma2):
    one = sp.Rational(m - 1, m)
    return [one * sigma2, 2 * one * sigma2**2 / (k * m), sigma2, 2 * sigma2**2 / k / (m - 1)]


def only_pairs(k, m, sigma2):
    return sigma2 / 2, sigma2**2 / (2 * k), sigma2, 2 * sigma2**2 / k


def half_step(y1, y2):
    return (2, {"y_1": y1, "y_2": y2})


ANSWERS = {
    "ns-estimates": Answers(
        right=[
            by_variances,
            by_projection,
            by_differences,
            lambda t: (sse(t) / t.size, sse(t) / (t.size - len(t))),
        ],
        wrong=[
            (lambda t: by_variances(t)[::-1], "wrong order"),
            (lambda t: (sse(t) / t.size, sse(t) / (t.size - 1)), "single one"),
            (common_mean, "one common mean"),
            (
                lambda t: (t.var(), t.var() * t.size / (t.size - len(t))),
                "one common mean",
            ),
            (lambda t: np.sqrt(by_variances(t)), "standard deviations"),
            (lambda t: [len(t) * x for x in by_variances(t)], "single row"),
            (lambda t: [by_variances(t)[0]] * 2, "number of observations"),
            (lambda t: [by_variances(t)[1]] * 2, "degrees of freedom"),
            (for_pairs_only, ""),
            (lambda t: [(1 + 1e-5) * x for x in by_variances(t)], ""),
            (lambda t: [-x for x in by_variances(t)], ""),
            (lambda t: (0.5, 1.0), ""),
            (lambda t: np.var(t, axis=0)[:2], ""),
        ],
    ),
    "ns-moments": Answers(
        right=[m1, m2, m3],
        wrong=[
            (lambda k, m, s: [x * s for x in m1(k, m, 1.0)], "units"),
            (
                lambda k, m, s: (s * (1 - 1 / m), 2 * (1 - 1 / m) * s**2, s, 2 * s**2),
                "by its square",
            ),
            (
                lambda k, m, s: (
                    (k * m - 1) / (k * m) * s,
                    2 * (k * m - 1) / (k * m) ** 2 * s**2,
                    s,
                    2 * s**2 / (k * m - 1),
                ),
                "one mean",
            ),
            (
                lambda k, m, s: (
                    (k * m - 1) / (k * m) * s,
                    2 * (k * m - 1) / (k * m) ** 2 * s**2,
                    (k * m - 1) / (k * m - k) * s,
                    2 * s**2 * (k * m - 1) / (k * m - k) ** 2,
                ),
                "one mean",
            ),
            (
                lambda k, m, s: (
                    s,
                    2 / (k * m) * s**2,
                    m / (m - 1) * s,
                    2 * s**2 * m / k / (m - 1) ** 2,
                ),
                "than there are",
            ),
            (lambda k, m, s: np.array(m1(k, m, s)) / [1, 2, 1, 2], "factor 2"),
            (lambda k, m, s: np.array(m1(k, m, s)) ** [1, 0.5, 1, 0.5], "standard deviations"),
            (lambda k, m, s: np.roll(m1(k, m, s), 2), "REML first"),
            (only_pairs, ""),
            (lambda k, m, s: m1(k, m, 1.0), ""),
            (lambda k, m, s: m1(k, m, s * (1 + 1e-5)), ""),
            (lambda k, m, s: m1(k + 1, m, s), ""),
        ],
    ),
    "ns-false-step": Answers(
        right=[
            half_step([[1]], [[0]]),
            half_step([[3], [4]], [[3], [5]]),
            [2, {"y_1": sp.Matrix([1, 2, 3]), "y_2": sp.Matrix([0, 0, 1])}],
            half_step([[sp.Rational(1, 3)]], [[-7]]),
        ],
        wrong=[
            ((1, {"y_1": [[2]], "y_2": [[0]]}), "half of"),
            ((3, {"y_1": [[2]], "y_2": [[0]]}), "multiplies out"),
            (half_step([[1]], [[1]]), "equal measurements"),
            (half_step([[0], [0]], [[0], [0]]), "equal measurements"),
            (half_step(np.array([[1], [2]]), np.array([[1], [2]])), "equal measurements"),
        ],
    ),
    "ns-multiple": Answers(
        right=[
            1 + (q + r) / (q + 2 * r),
            1 / (1 - (q + r) / (2 * q + 3 * r)),
            (2 * plain_q + 3 * plain_r) / (plain_q + 2 * plain_r),
            2 - r / (q + 2 * r),
        ],
        wrong=[
            (2, "pairs alone"),
            ((q + 2 * r) / (2 * q + 3 * r), "done again"),
            ((2 * q + 3 * r) / (q + r), "they leave"),
            ((2 * q + 3 * r) / (2 * q + 3 * r - 1), "Only one coefficient"),
            ((4 * q + 3 * r) / (2 * q + 2 * r), "averages"),
            (sp.Rational(7, 4), ""),
            ((3 * q + 2 * r) / (2 * q + r), ""),
            (-(2 * q + 3 * r) / (q + 2 * r), ""),
            ((2 * q + 3 * r) / (q + 2 * r) + sp.Float("1e-5"), ""),
        ],
    ),
    "ns-large-m": Answers(
        right=["b", "B", " (b) "],
        wrong=[
            ("a", "share"),
            ("A", "share"),
            ("c", "ever more often"),
            ("(C)", "ever more often"),
            ("d", "no harm in itself"),
        ],
    ),
    "ns-false-line": Answers(
        right=["b", "(B)", "b "],
        wrong=[
            ("a", "Unbiased"),
            ("(a)", "Unbiased"),
            ("c", "larger number"),
            ("d", "Each pair"),
            ("D", "Each pair"),
        ],
    ),
}
