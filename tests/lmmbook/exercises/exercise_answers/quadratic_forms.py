import numpy as np
import sympy as sp

from exercise_answers import Answers
from matrixproof import Setting, eye, tr


def by_formula(A, mu, V):
    S = (A + A.T) / 2
    mean = np.sum(S * V) + mu @ A @ mu
    return mean, 2 * np.trace(S @ V @ S @ V) + 4 * mu @ S @ V @ S @ mu


def without_symmetry(A, mu, V):
    """The two pairings, one with the transpose."""
    AV = A @ V
    linear = (A + A.T) @ mu
    return [
        np.trace(AV) + mu @ A @ mu,
        np.trace(AV @ AV) + np.trace(AV @ A.T @ V) + linear @ V @ linear,
    ]


def by_eigenvalues(A, mu, V):
    """A weighted sum of squares of independent standard normal variables."""
    values, vectors = np.linalg.eigh(V)
    K = vectors * np.sqrt(np.maximum(values, 0))
    weights, Q = np.linalg.eigh(K.T @ (A + A.T) @ K / 2)
    linear = Q.T @ K.T @ (A + A.T) @ mu
    return np.array([weights.sum() + mu @ A @ mu, np.sum(2 * weights**2 + linear**2)])


def by_cumulants(A, mu, V):
    """From the cumulant generating function, by differences of an exact polynomial."""
    S = (A + A.T) / 2
    SV = S @ V
    first = np.trace(SV) + mu @ S @ mu
    second = np.einsum("ij,ji", SV, SV) * 2 + 4 * np.einsum("i,ij,j", mu, SV @ S, mu)
    return np.stack([first, second])


def not_symmetric(A, mu, V):
    return np.trace(A @ V) + mu @ A @ mu, 2 * np.trace(A @ V @ A @ V) + 4 * mu @ A @ V @ A @ mu


def changed(change):
    def wrong(A, mu, V):
        mean, variance = by_formula(A, mu, V)
        S = (A + A.T) / 2
        traces = np.trace(S @ V @ S @ V)
        linear = mu @ S @ V @ S @ mu
        return change(mean, variance, traces, linear, mu @ A @ mu, np.trace(S @ V))

    return wrong


sigma2, n, p = sp.symbols("sigma2 n p")

s = Setting("n p", where="n > p")
N, P = s.dimensions
V, X = s.positive_definite("V: n"), s.full_rank("X: n,p")
P_X = X * (X.T * X).I * X.T
C = eye(N) - P_X
first = [[1, 0], [0, 0]]
half = [[0.5, 0.5], [0.5, 0.5]]

ANSWERS = {
    "quadratic-moments": Answers(
        right=[by_formula, without_symmetry, by_eigenvalues, by_cumulants],
        wrong=[
            (not_symmetric, "symmetric matrix"),
            (changed(lambda m, v, t, l, q, r: (m - q, v)), "mean of the form"),
            (changed(lambda m, v, t, l, q, r: (m, 2 * t)), "linear part, which varies"),
            (changed(lambda m, v, t, l, q, r: (m, t + 4 * l)), "factor 2"),
            (changed(lambda m, v, t, l, q, r: (m, 2 * t + 2 * l)), "twice in the form"),
            (changed(lambda m, v, t, l, q, r: (m, v + m**2)), "second moment"),
            (changed(lambda m, v, t, l, q, r: (m, v**0.5)), "standard deviation"),
            (changed(lambda m, v, t, l, q, r: (m, 2 * r**2 + 4 * l)), "square of a trace"),
            (changed(lambda m, v, t, l, q, r: (v, m)), ""),
            (changed(lambda m, v, t, l, q, r: (abs(m), v)), ""),
            (changed(lambda m, v, t, l, q, r: (m, v * (1 + 1e-5))), ""),
            (lambda A, mu, V: by_formula(A, mu, np.diag(np.diag(V))), ""),
            (lambda A, mu, V: by_formula(A, mu, np.eye(len(mu))), ""),
        ],
    ),
    "quadratic-s2": Answers(
        right=[
            2 * sigma2**2 / (n - p),
            sigma2**2 * (n - p) * 2 / (n - p) ** 2,
            (sigma2 / (n - p)) ** 2 * 2 * (n - p),
            -2 * sigma2**2 / (p - n),
        ],
        wrong=[
            (2 * sigma2**2 / n, "Divided by $n$"),
            (2 * sigma2**2 * (n - p), "sum of squares"),
            (2 * sigma2**2 / (n - p) ** 2, "squared"),
            (sigma2**2 / (n - p), "factor 2"),
            (2 * sigma2 / (n - p), "fourth power"),
            (sigma2 * sp.sqrt(2 / (n - p)), "standard deviation"),
            (sigma2, "mean of"),
            (2 * sigma2**2 * (n - p) / n**2, "maximum likelihood"),
            (2 * sigma2**2 / (n - 1), ""),
            (2 * sigma2**2 / sp.Abs(n - p - 1), ""),
            (2 * sigma2**2 / (n - p) + sp.Rational(1, 10**6), ""),
        ],
    ),
    "quadratic-residuals": Answers(
        right=[
            2 * tr(C * V * C * V),
            2 * tr((eye(N) - P_X) * V * C * V),
            2 * tr(V * V) - 4 * tr(P_X * V * V) + 2 * tr(P_X * V * P_X * V),
            2 * tr(C * V * C * C * V * C),
        ],
        wrong=[
            (2 * tr(C * V), "Twice the mean"),
            (2 * tr(V * V), "no errors"),
            (tr(C * V * C * V), "factor 2"),
            (2 * tr(C * V * V), "A projection is lost"),
            (2 * tr(C * V) ** 2, "square of a trace"),
            (2 * (N - P), "weighted"),
            (2 * tr(C), "weighted"),
            (tr(C * V), ""),
            (2 * tr(P_X * V * P_X * V), ""),
            (2 * tr(C * V.I * C * V.I), ""),
            (-2 * tr(C * V * C * V), ""),
        ],
    ),
    "quadratic-sum": Answers(
        right=[
            (first, first),
            (first, half),
            [np.eye(3), np.diag([0, 1.0, 1])],
            (sp.eye(1), sp.Matrix([1])),
            (sp.Rational(1, 2) * sp.ones(2, 2), sp.diag(0, 1)),
        ],
        wrong=[
            ((first, [[0, 0], [0, 1]]), "annihilate"),
            ((half, [[0.5, -0.5], [-0.5, 0.5]]), "annihilate"),
            ((first, [[0, 0], [0, 0]]), "annihilate"),
            ((first, [[1, 1], [0, 0]]), "right angles"),
            ((first, [[2, 0], [0, 0]]), "Symmetric is not enough"),
            ((first, [[1, 2], [3, 4]]), ""),
        ],
    ),
    "quadratic-mean-variance": Answers(
        right=["c", "C", "(c)"],
        wrong=[
            ("a", "is it needed"),
            ("A", "is it needed"),
            ("b", "between the two projections"),
            ("d", "different directions"),
            ("(d)", "different directions"),
        ],
    ),
}
