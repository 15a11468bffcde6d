import numpy as np
import sympy as sp
from scipy.linalg import null_space

from exercise_answers import Answers

n, p, sigma, sigma2 = sp.symbols("n p sigma sigma2", positive=True)
x = sp.Symbol("x", real=True)
v = sigma2**2


def by_cholesky(y, A):
    z = np.linalg.solve(np.linalg.cholesky(A.T @ A), A.T @ y)
    return np.sum(z**2) / A.shape[1]


def by_projection(y, A):
    return y @ A @ np.linalg.pinv(A) @ y / (len(y) - 1)


def by_own_contrasts(y, A):
    N = null_space(np.ones((1, len(y))))
    return np.mean((N.T @ y) ** 2)


def by_average(y, A):
    return [(np.sum(y**2) - len(y) * y.mean() ** 2) / (len(y) - 1)]


def example(X, value=1):
    return (3, {"X": X, "sigma2": value})


LINE = [[1, 0], [1, 1], [1, 2]]

ANSWERS = {
    "bias-reml-sample": Answers(
        right=[by_cholesky, by_projection, by_own_contrasts, by_average],
        wrong=[
            (lambda y, A: np.sum((A.T @ y) ** 2) / A.shape[1], "treat the contrasts"),
            (
                lambda y, A: np.mean((A.T @ y) ** 2 / np.diag(A.T @ A)),
                "not their covariances",
            ),
            (lambda y, A: (A.T @ y) @ (A.T @ A) @ (A.T @ y) / A.shape[1], "where its inverse"),
            (lambda y, A: y.var(), "counts observations"),
            (lambda y, A: np.var(np.abs(y), ddof=1), ""),
            (lambda y, A: np.var(A.T @ y, ddof=1), "nothing is to be subtracted"),
            (lambda y, A: np.var(A.T @ y), "nothing is to be subtracted"),
            (lambda y, A: by_cholesky(y, A) ** 0.5, "standard deviation"),
            (lambda y, A: by_cholesky(y, A) * (len(y) - 1) / (len(y) - 2), "too many"),
            (lambda y, A: np.mean(y**2), ""),
            (lambda y, A: by_cholesky(y, A) * (1 + 1e-5), ""),
            (lambda y, A: by_cholesky(y, A) * np.linalg.det(A.T @ A), ""),
            (lambda y, A: by_cholesky(y[:3], A[:3, :2]), ""),
            (lambda y, A: 4.0, ""),
        ],
    ),
    "bias-mse": Answers(
        right=[
            v * ((2 * n - 1) / n**2 - 2 / (n - 1)),
            v * (1 - 3 * n) / (n**3 - n**2),
            2 * (n - 1) * v / n**2 + (sigma2 * (n - 1) / n - sigma2) ** 2 - 2 * v / (n - 1),
            sp.Symbol("sigma2") ** 2 * (1 - 3 * sp.Symbol("n")) / (n * n * (n - 1)),
        ],
        wrong=[
            (v * (3 * n - 1) / (n**2 * (n - 1)), "The sign"),
            (v * (2 * (n - 1) / n**2 - 2 / (n - 1)), "variances"),
            (v * (2 * (n - 1) / n**2 - 2 / (n - 1)) - sigma2 / n, "squared"),
            (v * (2 * (n - 1) / n**2 - 2 / (n - 1) - 1 / n), "squared"),
            (v * (2 / n - 2 / (n - 1)), "degrees of freedom"),
            (sigma2 * ((2 * n - 1) / n**2 - 2 / (n - 1)), "units"),
            (v * (2 * (n - 1) / n**2 - 1 / n**2 - 2 / (n - 1)), "subtracted"),
            (v * (2 * n - 1) / n**2, ""),
            (-1, ""),
            (sp.sign(1 - 3 * n), ""),
            ((2 * n - 1) / n**2 - 2 / (n - 1), ""),
        ],
    ),
    "bias-false-step": Answers(
        right=[
            example(LINE),
            example([[1, 0], [0, 1], [0, 0]], sp.Rational(3, 7)),
            [3, {"X": sp.Matrix([[1, 0, 0], [1, 1, 2], [1, 2, 0], [0, 0, 1]]), "sigma2": 5}],
        ],
        wrong=[
            ((1, {"X": LINE, "sigma2": 1}), "identity"),
            ((2, {"X": LINE, "sigma2": 1}), "may be turned"),
            ((4, {"X": LINE, "sigma2": 1}), "only multiplies out"),
            (example([[1], [2]]), "single coefficient"),
            (example([[1], [1], [1]], 4), "single coefficient"),
            (example(LINE, 0), ""),
            (example([[1, 1], [1, 1], [1, 1]]), ""),
        ],
    ),
    "bias-root": Answers(
        right=[
            sp.sqrt(2) * sigma / sp.sqrt(sp.pi),
            2 * sigma / sp.sqrt(2 * sp.pi),
            sp.Symbol("sigma") * sp.sqrt(2) * sp.gamma(1) / sp.gamma(sp.Rational(1, 2)),
            sigma * sp.Integral(2 * x * sp.exp(-(x**2) / 2), (x, 0, sp.oo)) / sp.sqrt(2 * sp.pi),
        ],
        wrong=[
            (sigma, "root of the mean"),
            (sigma / sp.sqrt(sp.pi), "divides by $n$"),
            (sigma / sp.sqrt(2), "mean of the MLE"),
            (sigma / sp.sqrt(2 * sp.pi), "one half"),
            (2 * sigma / sp.sqrt(sp.pi), "absolute difference"),
            (0, "mean zero"),
            (sigma**2 * sp.sqrt(2 / sp.pi), ""),
            (sp.sqrt(2 / sp.pi), ""),
            (-sigma * sp.sqrt(2 / sp.pi), ""),
            (sigma * 0.79788, ""),
        ],
    ),
    "bias-ratio": Answers(
        right=[n - p, -(p - n), (n**2 - p**2) / (n + p), sp.Symbol("n") - sp.Symbol("p")],
        wrong=[
            (n, "divisor of maximum likelihood"),
            (n - p + 2, "mean square error"),
            (n - 1, "one coefficient"),
            (n - p - 2, "reciprocal right"),
            (1 / (n - p), "This is the reciprocal"),
            (p - n, ""),
            (n - p + sp.Rational(1, 10**5), ""),
            (sp.Integer(11), ""),
            (n - p + 1, ""),
        ],
    ),
    "bias-known-mean": Answers(
        right=[
            v / n**2,
            2 * v / n - (2 * n - 1) * v / n**2,
            (sigma2 / n) ** 2,
            2 * v / n - 2 * (n - 1) * v / n**2 - (sigma2 / n) ** 2,
        ],
        wrong=[
            (-v / n**2, "The sign"),
            (2 * v / n - 2 * v / (n - 1), "another divisor"),
            (2 * v / n - 2 * (n - 1) * v / n**2, "compared variances"),
            (2 * v / (n - 1) - (2 * n - 1) * v / n**2, "no degree of freedom"),
            (2 * v / n, "single mean square error"),
            (sigma2 / n**2, "units"),
            (1 / n**2, ""),
            (v / n, ""),
            (0, ""),
        ],
    ),
}
