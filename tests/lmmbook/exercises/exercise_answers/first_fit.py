from fractions import Fraction

import numpy as np
import sympy as sp

from exercise_answers import Answers

c, n, p, k, m = sp.symbols("c n p k m")


def by_polyfit(y, x, group):
    total = 0.0
    for g in np.unique(group):
        at = group == g
        total += np.sum((y[at] - np.polyval(np.polyfit(x[at], y[at], 1), x[at])) ** 2)
    return total / (len(y) - 2 * len(np.unique(group)))


def by_one_regression(y, x, group):
    one = (group[:, None] == np.unique(group)).astype(float)
    X = np.hstack([one, one * x[:, None]])
    r = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    return r @ r / (len(y) - X.shape[1])


def by_sums(y, x, group):
    sums, freedom = [], 0
    for g in set(group.tolist()):
        a, b = y[group == g], x[group == g]
        sxx, sxy, syy = np.var(b), np.mean((a - a.mean()) * (b - b.mean())), np.var(a)
        sums.append(len(a) * (syy - sxy**2 / sxx))
        freedom += len(a) - 2
    return np.array([sum(sums) / freedom])


def total(y, x, group):
    return by_polyfit(y, x, group) * (len(y) - 2 * len(np.unique(group)))


def residual(y, X):
    return np.sum((y - X @ np.linalg.lstsq(X, y, rcond=None)[0]) ** 2)


def one_each(group):
    return (group[:, None] == np.unique(group)).astype(float)


def groups(group):
    return len(np.unique(group))


ANSWERS = {
    "first-units": Answers(
        right=[
            2 * (n - p) * sp.log(c),
            (n - p) * sp.log(c**2),
            -2 * (n - p) * sp.log(1 / c),
            2 * n * sp.log(c) - p * sp.log(c**2),
            sp.log(sp.Symbol("c", positive=True) ** 2) * (n - p),
        ],
        wrong=[
            (2 * n * sp.log(c), "for ML"),
            ((n - p) * sp.log(c), "minus twice"),
            (-2 * (n - p) * sp.log(c), "The sign"),
            (c**2, "variance is multiplied"),
            (0, "place of the minimum"),
            (4 * (n - p) * sp.log(c), "too often"),
            (2 * (n - 1) * sp.log(c), ""),
            (2 * (n - p) * c, ""),
            (2 * (n - p) * sp.log(1 + c), ""),
            (sp.Abs(2 * (n - p) * sp.log(c)), ""),
        ],
    ),
    "first-lines": Answers(
        right=[by_polyfit, by_one_regression, by_sums],
        wrong=[
            (lambda y, x, g: total(y, x, g) / len(y), "has used up two"),
            (lambda y, x, g: total(y, x, g) / (len(y) - 2), "as many lines"),
            (lambda y, x, g: total(y, x, g) / (len(y) - groups(g)), "an intercept and a slope"),
            (lambda y, x, g: total(y, x, g) / (len(y) - 2 * groups(g) - 2), "no common slope"),
            (
                lambda y, x, g: residual(y, np.column_stack([np.ones(len(y)), x])) / (len(y) - 2),
                "One line for all",
            ),
            (
                lambda y, x, g: (
                    residual(y, np.column_stack([one_each(g), x])) / (len(y) - groups(g) - 1)
                ),
                "parallel",
            ),
            (lambda y, x, g: residual(y, one_each(g)) / (len(y) - groups(g)), "not flat"),
            (
                lambda y, x, g: np.mean(
                    [by_polyfit(y[g == j], x[g == j], g[g == j]) for j in np.unique(g)]
                ),
                "weigh as much",
            ),
            (total, "to be divided"),
            (lambda y, x, g: np.sqrt(by_polyfit(y, x, g)), "standard deviation"),
            (lambda y, x, g: total(y, x, g) / 144, ""),
            (lambda y, x, g: by_polyfit(y, x, np.sort(g)), ""),
            (lambda y, x, g: by_polyfit(y, np.abs(x), g), ""),
            (lambda y, x, g: by_polyfit(y, x, g) * (1 + 1e-5), ""),
        ],
    ),
    "first-same-sigma2": Answers(
        right=["b", "B", "(b)"],
        wrong=[
            ("a", "whatever $n$ is"),
            ("c", "not that of ML"),
            ("d", "no coincidence"),
            ("(a)", "whatever $n$ is"),
            ("D", "no coincidence"),
        ],
    ),
    "first-slope-se": Answers(
        right=[1.9221, 1.5457889 / 0.80422143, np.float64(1.922094), Fraction(19221, 10000)],
        wrong=[
            (0.80422143 / 1.5457889, "Upside down"),
            (3.69444, "ratio of the variances"),
            (1.50223678 / 0.80173542, "by ML"),
            (1, "the mean line is the same"),
            (5.9221331 / 0.80422143, "among people"),
            (0.70019, "intercept"),
            (1.5457889, "not a ratio"),
            (1.248421, "ordinary"),
            (2, ""),
            (1.9, ""),
        ],
    ),
    "first-boundary": Answers(
        right=[
            (k - 1) / (k * (m - 1)),
            (1 - 1 / k) / (m - 1),
            1 / (m - 1) - 1 / (k * m - k),
            (k - 1) / (k * m - k),
        ],
        wrong=[
            ((k - 1) / (k * m - 1), "the total"),
            (k * (m - 1) / (k - 1), "Upside down"),
            (1, "mean squares"),
            (1 / (m - 1), "threshold of ML"),
            ((k - 1) / (k * m - 2), "not one for all"),
            ((k - 1) / (k * m), "each mean costs"),
            (k / (m - 1), ""),
            ((k - 1) / (m - 1), ""),
            (sp.Rational(5, 24), ""),
        ],
    ),
}
