from fractions import Fraction

import numpy as np
import sympy as sp

from exercise_answers import Answers
from lmmcore import fit, grouped
from lmmcore.textbook import definition
from lmmcore.textbook import error_contrasts as contrasts
from matrixproof import Setting, as_scalar, define, tr

s = Setting("n p", where="n > p")
n, p = s.dimensions
V, X, y = s.positive_definite("V: n"), s.full_rank("X: n,p"), s.vectors("y: n")
Vj, Vk = s.symmetric("V_j: n; V_k: n")
H = define("H", X.T * V.I * X)
P = define("P", V.I - V.I * X * H.I * X.T * V.I)

o = Setting("n")
W, a, z = o.positive_definite("V: n"), o.matrices("a: n,1"), o.vectors("y: n")
aa, aVa = as_scalar(a.T * a), as_scalar(a.T * W * a)
Pa = a * (a.T * W * a).I * a.T


def by_projection(y, X, W):
    return y @ definition.projection(X, W) @ y / (len(y) - X.shape[1])


def by_contrasts(y, X, W):
    A = contrasts.from_qr(X)
    u = A.T @ y
    return u @ np.linalg.solve(A.T @ W @ A, u) / A.shape[1]


def by_whitening(y, X, W):
    L = np.linalg.cholesky(W)
    Xs, ys = np.linalg.solve(L, X), np.linalg.solve(L, y)
    return np.linalg.lstsq(Xs, ys, rcond=None)[1] / (len(y) - X.shape[1])


def form(y, X, W, weights=None):
    weights = np.linalg.inv(W) if weights is None else weights
    r = y - X @ np.linalg.solve(X.T @ weights @ X, X.T @ weights @ y)
    return r, r @ weights @ r


def ordinary(y, X, W):
    r = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    return r @ np.linalg.inv(W) @ r / (len(y) - X.shape[1])


def example(V, y, X=((1,), (1,))):
    return (2, {"X": X, "V": V, "y": y})


def sums(y):
    y = np.reshape(y, (2, 2))
    means = y.mean(axis=1)
    return np.sum((y - means[:, None]) ** 2), 2 * np.sum((means - y.mean()) ** 2)


def by_mean_squares(y):
    sse, ssb = sums(y)
    if ssb > sse / 2:
        return sse / 2, (ssb - sse / 2) / 2
    return (sse + ssb) / 3, 0


def by_variance(y):
    within = (np.var(y[:2], ddof=1) + np.var(y[2:], ddof=1)) / 2
    means = np.var([np.mean(y[:2]), np.mean(y[2:])], ddof=1)
    tau2 = means - within / 2
    return [within, tau2] if tau2 >= 0 else [np.var(y, ddof=1), 0.0]


def by_fit(y):
    found = fit(grouped(np.array(y), {"1": 1}, {"subject": np.array([1, 1, 2, 2])}))
    return found.sigma2, found.estimates[1]


def by_fractions(y):
    a, b, c, d = (Fraction(x) for x in y)
    within = ((a - b) ** 2 + (c - d) ** 2) / 4
    between = (a + b - c - d) ** 2 / 4
    if between <= within:
        return sp.Rational(str((2 * within + between) / 3)), sp.Integer(0)
    return within, (between - within) / 2


def pooled(change):
    return lambda y: change(*sums(y))


ANSWERS = {
    "reml-formula": Answers(
        right=[
            by_projection,
            by_contrasts,
            by_whitening,
            lambda y, X, W: form(y, X, W)[1] / (y.size - np.linalg.matrix_rank(X)),
        ],
        wrong=[
            (lambda y, X, W: form(y, X, W)[1] / len(y), "number of observations"),
            (lambda y, X, W: by_projection(y - y.mean(), X, W), ""),
            (lambda y, X, W: by_projection(y, np.column_stack([0 * y + 1, X[:, 1:]]), W), ""),
            (lambda y, X, W: form(y, X, W)[1] / (len(y) - 1), "Count the columns"),
            (ordinary, "ordinary least squares"),
            (lambda y, X, W: np.sum(form(y, X, W)[0] ** 2) / (len(y) - X.shape[1]), "not weighted"),
            (lambda y, X, W: form(y, X, np.eye(len(y)))[1] / (len(y) - X.shape[1]), "no part"),
            (lambda y, X, W: form(y, X, W, W)[1] / (len(y) - X.shape[1]), "its inverse"),
            (lambda y, X, W: by_contrasts(y, X, W) ** 0.5, "standard deviation"),
            (lambda y, X, W: form(y, X, W)[1], "be divided"),
            (lambda y, X, W: form(y, X, W)[1] / (len(y) - X.shape[1] - 1), ""),
            (lambda y, X, W: by_contrasts(y, X, W) * (1 + 1e-5), ""),
            (lambda y, X, W: by_contrasts(y, X, np.diag(np.diag(W))), ""),
            (lambda y, X, W: y @ np.linalg.inv(W) @ y / (len(y) - X.shape[1]), ""),
        ],
    ),
    "reml-false-line": Answers(
        right=[
            example([[1, 0], [0, 2]], [[1], [0]]),
            [2, {"X": [[1], [2]], "V": sp.diag(2, 2), "y": [[0], [1]]}],
            example(sp.eye(3) * 3, [[1], [2], [4]], [[1], [1], [1]]),
            example([[2, 1], [1, 2]], [[1], [2]], [[1], [0]]),
        ],
        wrong=[
            ((1, example([[1, 0], [0, 2]], [[1], [0]])[1]), "meet a $V$"),
            ((3, example([[1, 0], [0, 2]], [[1], [0]])[1]), "swallowed"),
            (example([[1, 0], [0, 1]], [[1], [0]]), "a projection after all"),
            (example([[1, 0], [0, 2]], [[3], [3]]), "span of"),
            (example([[2, 1], [1, 2]], [[1], [0]]), ""),  # here a'Va = a'a, P is a projection
            (example([[1, 2], [2, 1]], [[1], [0]]), ""),
            (example([[1, 1], [0, 2]], [[1], [0]]), ""),
        ],
    ),
    "reml-second-derivative": Answers(
        right=[
            -2 * y.T * P * Vk * P * Vj * P * y,
            -2 * as_scalar(y.T * P * Vj * P * Vk * P * y),
            -(y.T * P * Vk * P * Vj * P * y) - y.T * P * Vj * P * Vk * P * y,
            -2 * tr(P * Vk * P * Vj * P * y * y.T),
            -2 * y.T * P * Vk * P * V * P * Vj * P * y,
        ],
        wrong=[
            (2 * y.T * P * Vk * P * Vj * P * y, "The sign"),
            (-(y.T * P * Vk * P * Vj * P * y), "both move"),
            (-2 * y.T * V.I * Vk * V.I * Vj * V.I * y, "were known"),
            (-2 * y.T * P * Vk * Vj * P * y, "too few"),
            (-tr(P * Vk * P * Vj), "a trace"),
            (-(y.T * P * Vk * P * y), "once"),
            (-2 * y.T * P * Vj * P * Vj * P * y, "squared one"),
            (-2 * y.T * P * P * Vk * P * Vj * P * y, ""),
            (-2 * y.T * P * Vk * V.I * Vj * P * y, ""),
            (-2 * y.T * P * Vk * P * Vk * P * y, ""),
        ],
    ),
    "reml-one-contrast": Answers(
        right=[
            aa / aVa,
            tr(Pa),
            tr(a * a.T) / tr(W * a * a.T),
            as_scalar((a.T * W * a).I * (a.T * a)),
            aa * aa / (aVa * aa),
        ],
        wrong=[
            (aVa / aa, "Upside down"),
            (-(aa / aVa), "The sign"),
            (1 / aVa, "length of"),
            (as_scalar(a.T * W.I * a), "inverse of a quadratic form"),
            (aa * aa / (aVa * aVa), "too many"),
            (aa, "has no match"),
            (tr(W.I), ""),
            (2 * aa / aVa, ""),
            (as_scalar(z.T * Pa * z), ""),
        ],
    ),
    "reml-two-subjects": Answers(
        right=[
            by_mean_squares,
            by_variance,
            by_fractions,
            by_fit,
            lambda y, m=2: by_mean_squares(np.asarray(y) + m),
        ],
        wrong=[
            (pooled(lambda e, b: (e / 2, (b - e / 2) / 2)), "below zero"),
            (pooled(lambda e, b: (e / 2, max(b - e / 2, 0) / 2)), "estimated anew"),
            (
                pooled(lambda e, b: (e / 2, (b / 2 - e / 2) / 2) if b > e else ((e + b) / 4, 0.0)),
                "maximum likelihood",
            ),
            (
                pooled(lambda e, b: (e / 2, b - e / 2) if b > e / 2 else ((e + b) / 3, 0.0)),
                "twice for",
            ),
            (lambda y: by_mean_squares(y)[::-1], "changed places"),
            (pooled(lambda e, b: (e / 2, b)), "two mean squares"),
            (pooled(lambda e, b: (e / 2, abs(b - e / 2) / 2)), ""),
            (pooled(lambda e, b: ((e + b) / 3, 0)), ""),
            (lambda y: tuple(x * (1 + 1e-5) for x in by_mean_squares(y)), ""),
            (pooled(lambda e, b: (e / 2, max(b / 2 - e / 2, 0) / 2)), ""),
            (lambda y: (2.5, 6.75), ""),
        ],
    ),
    "reml-what-is-fixed": Answers(
        right=["b", "(B)", " b "],
        wrong=[
            ("a", "four observations"),
            ("c", "other points"),
            ("d", "nothing is subtracted"),
            ("A", "four observations"),
            ("(c)", "other points"),
        ],
    ),
}
