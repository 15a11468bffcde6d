import math
from fractions import Fraction

import numpy as np
import scipy.sparse
import sympy as sp
from scipy.linalg import null_space

from exercise_answers import Answers
from lmmcore.textbook import definition
from lmmcore.textbook import error_contrasts as contrasts
from matrixproof import Setting, define, det, eye, log, logdet
from matrixproof.judges.exact import matrix

line = np.array([[1.0, 1], [1, 2], [1, 4], [1, 5]])

s = Setting("n p", where="n > p")
n, p = s.dimensions
X = s.full_rank("X: n,p")
A, C = s.error_contrasts("A", X), s.matrices("C: n-p")
V, y = s.positive_definite("V: n"), s.vectors("y: n")
B = define("B", A * C)
plain = y.T * A * (A.T * V * A).I * A.T * y
changed = y.T * (A * C) * ((A * C).T * V * (A * C)).I * (A * C).T * y
opened = y.T * A * C * (C.T * (A.T * V * A) * C).I * C.T * A.T * y
inverted = y.T * A * C * C.I * (A.T * V * A).I * C.T.I * C.T * A.T * y
start = y.T * B * (B.T * V * B).I * B.T * y

special = Setting("n p", where="n > p")  # whoever assumes more than the exercise does
n_, p_ = special.dimensions
X_ = special.full_rank("X: n,p")
A_ = special.error_contrasts("A", X_)
C_ = special.matrices(
    "C: n-p",
    sampler=lambda d: matrix(
        [[int(i == j) for j in range(d.size(n_ - p_))] for i in range(d.size(n_ - p_))]
    ),
)
special.assume(C_.T * C_, eye(n_ - p_))
V_, y_ = special.positive_definite("V: n"), special.vectors("y: n")


def by_svd(X):
    U, _, _ = np.linalg.svd(X)
    return U[:, X.shape[1] :]


def by_eigenvectors(X):
    values, vectors = np.linalg.eigh(np.eye(len(X)) - X @ np.linalg.pinv(X))
    return vectors[:, values > 0.5]


def by_cholesky(X):
    n, p = X.shape
    A = (np.eye(n) - X @ np.linalg.inv(X.T @ X) @ X.T)[:, : n - p]
    return np.linalg.solve(np.linalg.cholesky(A.T @ A), A.T).T


def residuals(X):
    return np.eye(len(X)) - X @ np.linalg.inv(X.T @ X) @ X.T


ANSWERS = {
    "contrasts-line": Answers(
        right=[
            [[2, 1], [-3, -1], [1, -1], [0, 1]],
            null_space(line.T),
            contrasts.from_qr(line),
            sp.Matrix(line.astype(int))
            .T.nullspace()[0]
            .row_join(sp.Matrix(line.astype(int)).T.nullspace()[1]),
            residuals(line)[:, :2],
            residuals(line)[:, 1:3].tolist(),
            [[Fraction(1), 1], [-1, Fraction(-3, 2)], [-1, Fraction(1, 2)], [1, 0]],
            scipy.sparse.csr_matrix([[2, 1], [-3, -1], [1, -1], [0, 1]]),
        ],
        wrong=[
            (contrasts.deviations(4), "keep the slope"),
            ([[1, 0], [-1, 1], [0, -1], [0, 0]], "keep the slope"),
            ([[1], [-1], [-1], [1]], "not all of them"),
            ([[1, 2], [-1, -2], [-1, -2], [1, 2]], "nothing new"),
            ([[1, 0], [-1, 0], [-1, 0], [1, 0]], "nothing new"),
            (residuals(line), "more columns than dimensions"),
            (line, "space of"),
            ([[1, 1], [1, 2], [1, 4], [2, 5]], ""),
            ([[2, 1], [-3, -1], [1, -1], [0, 1.001]], ""),
            ([[2, 1e-10], [-3, 0], [1, 0], [0, 0]], ""),
            ([[2, 2 + 1e-13], [-3, -3], [1, 1], [0, 1e-13]], ""),
            (np.zeros((4, 2)), ""),
            (np.zeros((4, 3)), ""),
            (line[:, :1], ""),
        ],
    ),
    "contrasts-same-form": Answers(
        right=[
            s.derive(changed)
            .step(opened, "transpose")
            .step(inverted, "inverse of a product")
            .step(plain, "cancel"),
            s.derive(start).step(inverted, "inverse").step(plain, "cancel"),
            s.derive(start)
            .step(y.T * A * C * C.I * (B.T * V * A).I * C.T * A.T * y, "one C first")
            .step(inverted, "the other")
            .step(plain, "cancel"),
            s.derive(start)
            .step(inverted, "inverse")
            .step(plain, "cancel")
            .named("same-form", "Same form"),
        ],
        wrong=[
            (s.derive(plain).step(inverted, "insert").step(changed, "back"), "backwards"),
            (
                s.derive(y.T * B * (B.T * B).I * B.T * y)
                .step(y.T * B * C.I * (A.T * A).I * C.T.I * B.T * y, "V forgotten")
                .step(y.T * A * (A.T * A).I * A.T * y, "cancel"),
                "covariance of the contrasts is missing",
            ),
            (
                s.derive(changed).step(
                    y.T * A * C * (C.T * (A.T * V * A) * C).I * C.T * A.T * y, "unfinished"
                ),
                "still a $C$",
            ),
            (s.derive(changed).step(changed, "nothing"), "still a $C$"),
            (
                special.derive(
                    y_.T * (A_ * C_) * ((A_ * C_).T * V_ * (A_ * C_)).I * (A_ * C_).T * y_
                )
                .step(
                    y_.T * A_ * C_ * C_.I * (A_.T * V_ * A_).I * C_.T.I * C_.T * A_.T * y_,
                    "inverse",
                )
                .step(y_.T * A_ * (C_.T * C_) * (A_.T * V_ * A_).I * A_.T * y_, "C is orthogonal")
                .step(y_.T * A_ * (A_.T * V_ * A_).I * A_.T * y_, "so it cancels"),
                "special $C$",
            ),
            (s.derive(changed), ""),
            (s.derive(V * V.I).step(eye(n), "no"), ""),
        ],
    ),
    "contrasts-constant": Answers(
        right=[
            logdet(C),
            (logdet(B.T * B) - logdet(A.T * A)) / 2,
            logdet(C.T * C) / 2,
            (logdet(B.T * V * B) - logdet(A.T * V * A)) / 2,
            -logdet(C.I),
            log(det(C.T * C)) / 2,
            logdet(C.T),
        ],
        wrong=[
            (-logdet(C), "The sign"),
            ((logdet(A.T * A) - logdet(B.T * B)) / 2, "The sign"),
            (logdet(B.T * B) - logdet(A.T * A), "half is lost"),
            (logdet(C) / 2, "One half too much"),
            (logdet(C) - logdet(C), "log determinants are not"),
            (logdet(B.T * V * B) / 2, "itself"),
            (logdet(A.T * V * A) / 2, "does not contain $V$"),
            (logdet(B.T * B) / 2, ""),
            (det(C), ""),
            (logdet(A.T * A), ""),
            (logdet(C) * 3 / 2, ""),
        ],
    ),
    "contrasts-orthonormal": Answers(
        right=[
            by_svd,
            by_eigenvectors,
            by_cholesky,
            contrasts.from_qr,
            definition.error_contrasts,
            lambda X: -by_svd(X)[:, ::-1],
            lambda X: null_space(np.asarray(X).T).tolist(),
        ],
        wrong=[
            (residuals, "too many"),
            (lambda X: np.linalg.svd(X, full_matrices=False)[0], "space of $X$ itself"),
            (lambda X: np.linalg.qr(X, mode="complete")[0], "the whole of"),
            (lambda X: by_eigenvectors(X[:, :1]), ""),
            (lambda X: np.linalg.qr(X, mode="complete")[0][:, 1:], "one column off"),
            (
                lambda X: np.linalg.qr(X, mode="complete")[0][:, : len(X) - X.shape[1]],
                "first columns",
            ),
            (lambda X: residuals(X)[:, : len(X) - X.shape[1]], "right angles"),
            (lambda X: contrasts.helmert(len(X)), "common mean"),
            (lambda X: contrasts.deviations(len(X)), ""),
            (lambda X: 2 * by_svd(X), ""),
            (lambda X: by_svd(X).T, ""),
            (lambda X: by_svd(X) * (1 + 1e-6), ""),
            (lambda X: by_svd(X) @ np.triu(np.ones((len(X) - X.shape[1],) * 2)), ""),
        ],
    ),
    "contrasts-all-deviations": Answers(
        right=["b", " B", "(b)"],
        wrong=[
            ("a", "Their mean is zero"),
            ("A", "Their mean is zero"),
            ("c", "may well have a density"),
            ("d", "not the groups"),
            ("(d)", "not the groups"),
        ],
    ),
    "contrasts-units": Answers(
        right=[
            -math.log(24),
            -sp.log(24),
            np.log(1 / 24),
            -896.410597 + 893.232543,
            np.float64(-3.17805),
        ],
        wrong=[
            (math.log(24), "The sign"),
            (-2 * math.log(24), "comes twice"),
            (-math.log(24) / 2, "both sides"),
            (0, "does not see"),
            (-math.log10(24), "natural"),
            (1 / 24, "a factor"),
            (sp.Integer(24), "a factor"),
            (-3.2, ""),
            (-3.17, ""),
        ],
    ),
}
