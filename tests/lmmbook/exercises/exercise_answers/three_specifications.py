import numpy as np
import sympy as sp

from exercise_answers import Answers
from matrixproof import Setting, tr

s = Setting("n p k")
X, Z, K, R = s.matrices("X: n,p; Z: n,k; K: k; R: n")
beta, t = s.vectors("beta: p; t: n")
i = s.scalars("i", positive=False)
mean = i * t.T * X * beta
V = Z * K * K.T * Z.T + R * R.T
ZK = Z * K


def first_form(y, mean, Z, Psi, Sigma):
    M = np.linalg.inv(Psi) + Z.T @ np.linalg.inv(Sigma) @ Z
    return np.linalg.inv(M) @ Z.T @ np.linalg.inv(Sigma) @ (y - mean)


def second_form(y, mean, Z, Psi, Sigma):
    return Psi @ Z.T @ np.linalg.inv(Z @ Psi @ Z.T + Sigma) @ (y - mean)


def by_equations(y, mean, Z, Psi, Sigma):
    """Maximise the joint density: a stacked least squares problem."""
    R, K = np.linalg.cholesky(Sigma), np.linalg.cholesky(Psi)
    rows = np.vstack([np.linalg.solve(R, Z), np.linalg.inv(K)])
    right = np.concatenate([np.linalg.solve(R, y - mean), np.zeros(len(Psi))])
    return np.linalg.lstsq(rows, right, rcond=None)[0]


def by_conditioning(y, mean, Z, Psi, Sigma):
    """From the joint covariance of effects and data, eliminated."""
    k = len(Psi)
    joint = np.block([[Psi, Psi @ Z.T], [Z @ Psi, Z @ Psi @ Z.T + Sigma]])
    precision = np.linalg.inv(joint)
    return -np.linalg.solve(precision[:k, :k], precision[:k, k:] @ (y - mean))


def V_of(Z, Psi, Sigma):
    return Z @ Psi @ Z.T + Sigma


c, m, sigma2 = sp.symbols("c m sigma2")
covariance, variance = -c * (2 - c) * sigma2 / m, sigma2 - c * (2 - c) * sigma2 / m
one = {"Z": [[1]], "Psi": [[1]], "Sigma": [[1]]}

ANSWERS = {
    "specifications-agree": Answers(
        right=[
            mean - t.T * V * t / 2,
            i * (X * beta).T * t - ((ZK.T * t).T * (ZK.T * t) + (R.T * t).T * (R.T * t)) / 2,
            mean - tr(V * t * t.T) / 2,
            i * tr(beta * t.T * X) - t.T * ZK * ZK.T * t / 2 - t.T * R * R.T * t / 2,
        ],
        wrong=[
            (mean - t.T * Z * K * K.T * Z.T * t / 2, "errors are missing"),
            (mean - t.T * R * R.T * t / 2, "averaging"),
            (mean + t.T * V * t / 2, "The sign"),
            (mean - t.T * V * t, "factor is lost"),
            (mean - t.T * (Z * K.T * K * Z.T + R.T * R) * t / 2, "transpose"),
            (mean - t.T * (Z * K.T * K * Z.T + R * R.T) * t / 2, "transpose"),
            (mean - t.T * (Z * K * Z.T + R) * t / 2, "roots"),
            (t.T * X * beta + t.T * V * t / 2, "moment generating"),
            (t.T * X * beta - t.T * V * t / 2, "lost its $i$"),
            (mean - t.T * (ZK + R * R.T * ZK) * (ZK + R * R.T * ZK).T * t / 2, ""),
            (i * t.T * X * beta, ""),
            (-t.T * V * t / 2, ""),
        ],
    ),
    "specifications-prediction": Answers(
        right=[first_form, second_form, by_equations, by_conditioning],
        wrong=[
            (
                lambda y, mean, Z, Psi, Sigma: np.linalg.solve(
                    Z.T @ np.linalg.inv(Sigma) @ Z, Z.T @ np.linalg.inv(Sigma) @ (y - mean)
                ),
                "as if they were coefficients",
            ),
            (
                lambda y, mean, Z, Psi, Sigma: np.linalg.solve(
                    Psi + Z.T @ np.linalg.inv(Sigma) @ Z, Z.T @ np.linalg.inv(Sigma) @ (y - mean)
                ),
                "where its inverse belongs",
            ),
            (lambda y, mean, Z, Psi, Sigma: second_form(y, 0, Z, Psi, Sigma), "mean of their own"),
            (
                lambda y, mean, Z, Psi, Sigma: Psi @ Z.T @ np.linalg.inv(Sigma) @ (y - mean),
                "given the random effects",
            ),
            (
                lambda y, mean, Z, Psi, Sigma: Psi @ Z.T @ V_of(Z, Psi, Sigma) @ (y - mean),
                "where its inverse belongs",
            ),
            (
                lambda y, mean, Z, Psi, Sigma: (
                    Z.T @ np.linalg.inv(V_of(Z, Psi, Sigma)) @ (y - mean)
                ),
                "not $Z'$ alone",
            ),
            (lambda y, mean, Z, Psi, Sigma: second_form(mean, y, Z, Psi, Sigma), "The sign"),
            (
                lambda y, mean, Z, Psi, Sigma: second_form(
                    y, mean, Z, Psi, np.diag(np.diag(Sigma))
                ),
                "",
            ),
            (lambda y, mean, Z, Psi, Sigma: np.abs(second_form(y, mean, Z, Psi, Sigma)), ""),
            (lambda y, mean, Z, Psi, Sigma: second_form(y, mean, Z, Psi, Sigma) * (1 + 1e-5), ""),
            (lambda y, mean, Z, Psi, Sigma: np.zeros(len(Psi)), ""),
        ],
    ),
    "specifications-total": Answers(
        right=[
            (3, one),
            (3, {"Z": [[0]], "Psi": [[2]], "Sigma": [[3]]}),
            [3, {"Z": sp.Matrix([1, 2]), "Psi": [[sp.Rational(1, 2)]], "Sigma": sp.eye(2)}],
            (3, {"Z": [[1, 1]], "Psi": [[2, 1], [1, 2]], "Sigma": [[1]]}),
        ],
        wrong=[
            ((1, one), "against its inverse"),
            ((2, one), "push-through"),
            ((3, one | {"Psi": [[0]]}), "singular"),
            ((3, one | {"Sigma": [[0]]}), "singular"),
            ((3, one | {"Psi": [[-2]]}), ""),
        ],
    ),
    "specifications-conditional": Answers(
        right=["c", "C", "(c)"],
        wrong=[
            ("a", "errors are left"),
            ("(A)", "errors are left"),
            ("b", "which value"),
            ("d", "One of them"),
            ("D", "One of them"),
        ],
    ),
    "specifications-competition": Answers(
        right=[
            covariance / variance,
            -c * (2 - c) / (m - 2 * c + c**2),
            ((1 - c) ** 2 - 1) / (m - 1 + (1 - c) ** 2),
            1 - m / (m - c * (2 - c)),
        ],
        wrong=[
            (covariance / sigma2, "variance of an error"),
            (covariance, "Asked is the correlation"),
            (-covariance / variance, "The sign"),
            (covariance / (sigma2 + c * (2 - c) * sigma2 / m), "here it rises"),
            (-1 / (m - 1), "lowest correlation"),
            (-c * (2 - c) / (m - c), ""),
            (-c / (m - c), ""),
            (-sp.Abs(c * (2 - c)) / (m - c * (2 - c)), ""),
            (covariance / variance + sp.Rational(1, 10**6), ""),
        ],
    ),
}
