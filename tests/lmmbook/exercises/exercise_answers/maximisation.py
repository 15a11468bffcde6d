import numpy as np
import sympy as sp

from exercise_answers import Answers
from lmmcore.textbook import definition
from matrixproof import Setting, as_scalar, define, tr

t, S, n = sp.symbols("t S n")

s = Setting("n p", where="n > p")
A, B = s.symmetric("A: n; B: n")
X, y = s.full_rank("X: n,p"), s.vectors("y: n")
a, b = s.scalars("a b")
V = define("V", a * A + b * B)
H = define("H", X.T * V.I * X)
P = define("P", V.I - V.I * X * H.I * X.T * V.I)
form = as_scalar(y.T * P * B * P * y)
left = a * tr(V.I * B * V.I * A) / 2 + b * tr(V.I * B * V.I * B) / 2


def parts(y, X, Z, sigma2, tau2):
    V = sigma2 * np.eye(len(y)) + tau2 * Z @ Z.T
    P = definition.projection(X, V)
    k = Z.shape[1]
    return tau2 * Z.T @ P @ y, tau2 * np.eye(k) - tau2**2 * Z.T @ P @ Z, k


def by_moments(y, X, Z, sigma2, tau2):
    u, C, k = parts(y, X, Z, sigma2, tau2)
    return (u @ u + np.trace(C)) / k


def by_score(y, X, Z, sigma2, tau2):
    P = definition.projection(X, sigma2 * np.eye(len(y)) + tau2 * Z @ Z.T)
    ZPZ, ZPy = Z.T @ P @ Z, Z.T @ P @ y
    return tau2 - tau2**2 / Z.shape[1] * (np.trace(ZPZ) - ZPy @ ZPy)


def by_equations(y, X, Z, sigma2, tau2):
    """From the mixed model equations, whose inverse has the variances of the predictions."""
    if tau2 == 0:
        return 0
    p, k = X.shape[1], Z.shape[1]
    W = np.hstack([X, Z])
    C = W.T @ W + np.diag([0.0] * p + [sigma2 / tau2] * k)
    u = np.linalg.solve(C, W.T @ y)[p:]
    return [(u @ u + sigma2 * np.trace(np.linalg.inv(C)[p:, p:])) / k]


def changed(change):
    return lambda y, X, Z, sigma2, tau2: change(*parts(y, X, Z, sigma2, tau2), tau2, len(y))


def by_ml(y, X, Z, sigma2, tau2):
    u, _, k = parts(y, X, Z, sigma2, tau2)
    V = sigma2 * np.eye(len(y)) + tau2 * Z @ Z.T
    return (u @ u + tau2 * k - tau2**2 * np.trace(Z.T @ np.linalg.inv(V) @ Z)) / k


ANSWERS = {
    "max-newton-step": Answers(
        right=[
            t * (3 * S - 2 * n * t) / (2 * S - n * t),
            t + (S - n * t) * t / (2 * S - n * t),
            t + (S - n * t) / (2 * t**2) * (2 * t**3 / (2 * S - n * t)),
            S / n - 2 * (t - S / n) ** 2 / (2 * S / n - t),
        ],
        wrong=[
            (S / n, "Fisher scoring"),
            (t - t * (S - n * t) / (2 * S - n * t), "sign of the step"),
            (t * (S - n * t) / (2 * S - n * t), "This is the step"),
            (t + (2 * S - n * t) / (t * (S - n * t)), "other way round"),
            (t + (S - n * t) / (2 * t**2), "without a curvature"),
            (-2 * (t - S / n) ** 2 / (2 * S / n - t), "error of that step"),
            (t + t * (S - n * t) / sp.Abs(2 * S - n * t), ""),
            (sp.Abs(t * (3 * S - 2 * n * t) / (2 * S - n * t)), ""),
            (t, ""),
            (t + t * (S - n * t) / (S - n * t / 2), ""),
        ],
    ),
    "max-scoring-ml": Answers(
        right=[
            form / 2,
            as_scalar((P * y).T * B * (P * y)) / 2,
            y.T * P * B * P * y / 2,
            tr(P * B * P * y * y.T) / 2,
        ],
        wrong=[
            (form, "factor is lost"),
            (as_scalar(y.T * V.I * B * V.I * y) / 2, "where $P$ belongs"),
            (tr(V.I * B) / 2, "data are missing"),
            ((form - tr(V.I * B)) / 2, "score alone"),
            (form / 2 - tr(V.I * B), "were subtracted"),
            ((form + tr(V.I * B) - tr(P * B)) / 2, "that of REML"),
            (as_scalar(y.T * P * y) / 2, "between two copies"),
            (left + (form - tr(V.I * B)) / 2, ""),
            (tr(V.I * B) / 2 + (form - tr(V.I * B)) / 2, ""),
            (-form / 2, ""),
            (as_scalar(y.T * P * A * P * y) / 2, ""),
            (b * form / 2, ""),
        ],
    ),
    "max-em-step": Answers(
        right=[by_moments, by_score, by_equations],
        wrong=[
            (changed(lambda u, C, k, t2, n: u @ u / k), "shrunk"),
            (changed(lambda u, C, k, t2, n: u @ u / k + np.trace(C)), "Only the squares"),
            (by_ml, "of ML"),
            (lambda y, *others: by_moments(y - y.mean(), *others), ""),
            (lambda y, X, *others: by_moments(y, X - X.mean(axis=0) + 1, *others), ""),
            (changed(lambda u, C, k, t2, n: (u @ u + np.trace(C)) / n), "observations"),
            (changed(lambda u, C, k, t2, n: (u @ u + np.trace(C)) / max(k - 1, 1)), "subtracted"),
            (changed(lambda u, C, k, t2, n: np.trace(C) / k), "no part"),
            (changed(lambda u, C, k, t2, n: u @ u / k + t2), "less is unknown"),
            (changed(lambda u, C, k, t2, n: u @ u + np.trace(C)), "sum over the effects"),
            (lambda y, X, Z, sigma2, tau2: tau2, ""),
            (lambda y, X, Z, sigma2, tau2: by_moments(y, X, np.abs(Z), sigma2, tau2), ""),
            (lambda y, X, Z, sigma2, tau2: by_moments(y, X, Z, 1.0, tau2), ""),
            (lambda y, X, Z, sigma2, tau2: by_moments(y, X[:, :1], Z, sigma2, tau2), ""),
            (lambda y, X, Z, sigma2, tau2: by_moments(y, X, Z, sigma2, tau2) * (1 + 1e-5), ""),
            (lambda y, X, Z, sigma2, tau2: by_moments(y, X, Z, sigma2 + tau2, tau2), ""),
        ],
    ),
    "max-direction": Answers(
        right=["c", "C", "(c)"],
        wrong=[
            ("a", "in every step"),
            ("b", "wrong direction"),
            ("d", "in front of it"),
            ("(a)", "in every step"),
            ("B", "wrong direction"),
        ],
    ),
    "max-em-phi": Answers(
        right=["b", "B ", "(b)"],
        wrong=[
            ("a", "Count to the end"),
            ("c", "the same way"),
            ("A", "Count to the end"),
            ("(c)", "the same way"),
            (" c", "the same way"),
        ],
    ),
    "max-stuck": Answers(
        right=["b", "(B)", "b "],
        wrong=[
            ("a", "moved a little"),
            ("c", "factor"),
            ("d", "no proof"),
            ("A", "moved a little"),
            ("(d)", "no proof"),
        ],
    ),
}
