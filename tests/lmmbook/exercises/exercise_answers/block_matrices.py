import numpy as np
import sympy as sp

from exercise_answers import Answers
from matrixproof import Setting, eye

s = Setting("n")
(N,) = s.dimensions
B = s.matrices("B: n")
u, v = s.vectors("u: n; v: n")
gamma = eye(1) + v.T * B * u

a, b, n = sp.symbols("a b n")


def woodbury(n, ZZ, Zy, yy, G, sigma2):
    M = sigma2 * np.linalg.inv(G) + ZZ
    quadratic = (yy - Zy @ np.linalg.solve(M, Zy)) / sigma2
    logs = [np.linalg.slogdet(x)[1] for x in (M, G)]
    return quadratic, (n - len(G)) * np.log(sigma2) + sum(logs)


def by_factor(n, ZZ, Zy, yy, G, sigma2):
    L = np.linalg.cholesky(G)
    M = np.eye(len(G)) + L.T @ ZZ @ L / sigma2
    w = np.linalg.solve(np.linalg.cholesky(M), L.T @ Zy) / sigma2
    return [yy / sigma2 - w @ w, n * np.log(sigma2) + np.log(np.linalg.det(M))]


def without_inverse(n, ZZ, Zy, yy, G, sigma2):
    M = np.eye(len(G)) + ZZ @ G / sigma2
    quadratic = yy / sigma2 - Zy @ G @ np.linalg.solve(M, Zy) / sigma2**2
    return np.array([quadratic, np.log(sigma2**n * np.linalg.det(M))])


def by_data(n, ZZ, Zy, yy, G, sigma2):
    """Data with these cross-products, and V itself."""
    k = len(G)
    L = np.linalg.cholesky(np.block([[ZZ, Zy[:, None]], [Zy[None], yy]]))
    rows = np.zeros((max(n, k + 1), k + 1))
    rows[: k + 1] = L.T
    Z, y = rows[:, :k], rows[:, k]
    V = sigma2 * np.eye(len(y)) + Z @ G @ Z.T
    extra = len(y) - n
    return y @ np.linalg.solve(V, y), np.linalg.slogdet(V)[1] - extra * np.log(sigma2)


def change(first=1.0, second=1.0, add=0.0):
    def wrong(*arguments):
        quadratic, logs = woodbury(*arguments)
        return first * quadratic, second * logs + add

    return wrong


def no_log_G(n, ZZ, Zy, yy, G, sigma2):
    quadratic, logs = woodbury(n, ZZ, Zy, yy, G, sigma2)
    return quadratic, logs - np.log(np.linalg.det(G))


def log_G_subtracted(n, ZZ, Zy, yy, G, sigma2):
    quadratic, logs = woodbury(n, ZZ, Zy, yy, G, sigma2)
    return quadratic, logs - 2 * np.log(np.linalg.det(G))


def log_M_subtracted(n, ZZ, Zy, yy, G, sigma2):
    quadratic, logs = woodbury(n, ZZ, Zy, yy, G, sigma2)
    M = np.linalg.inv(G) + ZZ / sigma2
    return quadratic, logs - 2 * np.log(np.linalg.det(M))


def correction_added(n, ZZ, Zy, yy, G, sigma2):
    quadratic, logs = woodbury(n, ZZ, Zy, yy, G, sigma2)
    return 2 * yy / sigma2 - quadratic, logs


def too_few(n, ZZ, Zy, yy, G, sigma2):
    quadratic, logs = woodbury(n, ZZ, Zy, yy, G, sigma2)
    return quadratic, logs - len(G) * np.log(sigma2)


def G_for_its_inverse(n, ZZ, Zy, yy, G, sigma2):
    M = G + ZZ / sigma2
    logs = np.log(np.linalg.det(M)) + np.log(np.linalg.det(G)) + n * np.log(sigma2)
    return yy / sigma2 - Zy @ np.linalg.solve(M, Zy) / sigma2**2, logs


def determinant(n, ZZ, Zy, yy, G, sigma2):
    quadratic, logs = woodbury(n, ZZ, Zy, yy, G, sigma2)
    return quadratic, np.exp(logs)


def one_sigma(n, ZZ, Zy, yy, G, sigma2):
    _, logs = woodbury(n, ZZ, Zy, yy, G, sigma2)
    M = np.linalg.inv(G) + ZZ / sigma2
    return yy / sigma2 - Zy @ np.linalg.solve(M, Zy) / sigma2, logs


def G_ignored(n, ZZ, Zy, yy, G, sigma2):
    return woodbury(n, ZZ, Zy, yy, np.eye(len(G)), sigma2)


def only_diagonal(n, ZZ, Zy, yy, G, sigma2):
    return woodbury(n, np.diag(np.diag(ZZ)), Zy, yy, G, sigma2)


ANSWERS = {
    "block-rank-one": Answers(
        right=[
            B - B * u * gamma.I * v.T * B,
            B - B * u * ((v.T * B * u) + eye(1)).I * v.T * B,
            (eye(N) - B * u * gamma.I * v.T) * B,
            B - (B * u) * gamma.T.I * (B.T * v).T,
            (B.T - B.T * v * (eye(1) + u.T * B.T * v).I * u.T * B.T).T,
        ],
        wrong=[
            (B - B * u * (v.T * B * u).I * v.T * B, "one too small"),
            (B + B * u * gamma.I * v.T * B, "in front of the correction"),
            (B - B * u * (eye(1) - v.T * B * u).I * v.T * B, "in the denominator"),
            (B - B * v * (eye(1) + u.T * B * v).I * u.T * B, "dropped transpose"),
            (B - B * u * v.T * B, "not divided"),
            (B - B * u * (eye(1) + v.T * u).I * v.T * B, "inverse is missing"),
            ((B.I + u * v.T).I, ""),
            (B.I + u * v.T, ""),
            (B - B * u * (eye(1) + u.T * B * u).I * v.T * B, ""),
            (B - B * u * gamma * v.T * B, ""),
            (B, ""),
        ],
    ),
    "block-compound-symmetry": Answers(
        right=[
            (n - 1) * sp.log(a) + sp.log(a + n * b),
            n * sp.log(a) + sp.log(1 + n * b / a),
            sp.log(a ** (n - 1) * (a + n * b)),
            n * sp.log(a) - sp.log(a / (a + n * b)),
        ],
        wrong=[
            (n * sp.log(a) + sp.log(a + n * b), "One factor too many"),
            ((n - 1) * sp.log(a) + sp.log(a + b), "all $n$ covariances"),
            (a ** (n - 1) * (a + n * b), "Asked is its logarithm"),
            (n * sp.log(a + b), "nothing were correlated"),
            (-sp.log(a ** (n - 1) * (a + n * b)), "of the inverse"),
            (sp.log(1 + n * b / a), "divided by $a$"),
            (sp.log(a + n * b), "not once"),
            (sp.log(a) + sp.log(a + 2 * b), ""),
            ((n - 1) * sp.log(a) + sp.log(a + (n - 1) * b), ""),
            (sp.log(a**2 * (a + 3 * b)), ""),
            (sp.Float(1e-5) + (n - 1) * sp.log(a) + sp.log(a + n * b), ""),
        ],
    ),
    "block-false-line": Answers(
        right=[
            (2, {"Z": [[1], [0]], "phi": 2}),
            (2, {"Z": [[1, 2]], "phi": sp.Rational(1, 3)}),
            [2, {"Z": sp.Matrix([1, 2, 3]), "phi": 5}],
            (2, {"Z": np.array([[0], [0]]), "phi": 3}),
        ],
        wrong=[
            ((1, {"Z": [[1], [0]], "phi": 2}), "eigenvalues"),
            ((3, {"Z": [[1], [0]], "phi": 2}), "order of a sum"),
            ((2, {"Z": [[1]], "phi": 2}), "square $Z$"),
            ((2, {"Z": [[1, 2], [0, 1]], "phi": 2}), "square $Z$"),
            ((2, {"Z": [[1], [0]], "phi": 1}), "logarithm of this"),
            ((2, {"Z": [[1], [0]], "phi": -2}), ""),
        ],
    ),
    "block-small-terms": Answers(
        right=[woodbury, by_factor, without_inverse, by_data],
        wrong=[
            (no_log_G, "random effects' covariance is missing"),
            (correction_added, "less surprising"),
            (log_M_subtracted, "Schur"),
            (log_G_subtracted, "Schur"),
            (too_few, "once for each observation"),
            (G_for_its_inverse, "where its inverse belongs"),
            (determinant, "second number is a determinant"),
            (one_sigma, "power of the error variance"),
            (G_ignored, ""),
            (only_diagonal, ""),
            (change(first=0.5), ""),
            (change(second=1 + 1e-5), ""),
            (change(add=np.log(2 * np.pi)), ""),
            (lambda *arguments: woodbury(*arguments)[::-1], ""),
        ],
    ),
    "block-zero-variance": Answers(
        right=["b", "B", "(b)"],
        wrong=[
            ("a", "divides by"),
            ("c", "harmless"),
            ("(C)", "harmless"),
            ("d", "Try the boundary"),
            ("D", "Try the boundary"),
        ],
    ),
}
