import numpy as np
import sympy as sp
from scipy.optimize import isotonic_regression, minimize

from exercise_answers import Answers
from lmmcore.textbook import balanced

b, m, v, t = sp.symbols("b m sigma2 tau2", positive=True)


def by_scipy(squares, df):
    return isotonic_regression(squares / df, weights=df).x


def by_book(squares, df):
    strata = [
        balanced.Stratum(str(i), int(f), float(s), 1, i - 1 if i else None)
        for i, (s, f) in enumerate(zip(squares, df, strict=True))
    ]
    return balanced.pooled(strata)[0]


def by_minimax(squares, df):
    """The largest, over beginnings below, of the smallest, over ends above, pooled mean."""
    n = len(df)

    def mean(i, j):
        return squares[i : j + 1].sum() / df[i : j + 1].sum()

    return [max(min(mean(i, j) for j in range(k, n)) for i in range(k + 1)) for k in range(n)]


def by_search(squares, df):
    """In logarithms of steps: only good to a few digits, so a wrong answer."""

    def criterion(x):
        lam = np.cumsum(np.exp(x))
        return np.sum(df * np.log(lam) + squares / lam)

    return np.cumsum(np.exp(minimize(criterion, np.zeros(len(df))).x))


def mean_squares(squares, df):
    return squares / df


def total(squares, df):
    x = squares / df
    return x if sorted(x) == list(x) else [squares.sum() / df.sum()] * len(x)


def pass_once(order):
    def answer(squares, df):
        x = squares / df
        for i in order:
            if x[i] > x[i + 1]:
                x[i] = x[i + 1] = squares[i : i + 2].sum() / df[i : i + 2].sum()
        return x

    return answer


ANSWERS = {
    "balanced-ignored": Answers(
        right=[
            v + m * (b - 1) / (b * m - 1) * t,
            (b * (m - 1) * v + (b - 1) * (v + m * t)) / (b * m - 1),
            v + (b * m - m) * t / (b * m - 1),
            sp.Symbol("sigma2") + sp.Symbol("tau2") * (1 - (m - 1) / (b * m - 1)),
        ],
        wrong=[
            (v, "without casks"),
            (v + m * t, "one of the two"),
            (v + t, "single analysis"),
            (v + (b - 1) / b * t, "one degree of freedom less"),
            (v + (b - 1) / (b * m - 1) * t, "factor $m$"),
            (v + m * t / 2, "averaged"),
            (v + b * m / (b * m - 1) * t, "$b - 1$"),
            (v + sp.Rational(4, 5) * t, ""),  # only for three casks of two
            (m * (b - 1) / (b * m - 1) * t, ""),
            (v + m * (b - 1) / (b * m) * t, "one degree of freedom less"),
        ],
    ),
    "balanced-fixed-rows": Answers(
        right=["c", "C", "(c)"],
        wrong=[
            ("a", "takes the row stratum"),
            ("A", "takes the row stratum"),
            ("b", "degrees of freedom"),
            ("d", "orthogonal"),
            ("(d)", "orthogonal"),
        ],
    ),
    "balanced-pool": Answers(
        right=[by_scipy, by_book, by_minimax],
        wrong=[
            (mean_squares, "mean squares"),
            (lambda s, f: np.maximum.accumulate(s / f), "lifted"),
            (lambda s, f: np.minimum.accumulate((s / f)[::-1])[::-1], "pushed down"),
            (lambda s, f: isotonic_regression(s / f).x, "without weights"),
            (pass_once((1, 0)), "Look again"),
            (pass_once((0, 1)), "Look again"),
            (total, "keep their"),
            (lambda s, f: np.sort(s / f), ""),
            (lambda s, f: np.full(len(f), s.sum() / f.sum()), ""),
            (by_search, ""),
            (lambda s, f: np.array(by_book(s, f)) * (1 + 1e-5), ""),
            (lambda s, f: isotonic_regression(s / f, weights=s).x, ""),
        ],
    ),
}
