import numpy as np
import sympy as sp
from scipy.linalg import null_space, solve_triangular, sqrtm

from exercise_answers import Answers
from lmmcore.textbook import generalised_least_squares as least_squares
from matrixproof import Setting, define, eye
from matrixproof.judges.exact import matrix

o = Setting("n p", where="n > p")
n, p = o.dimensions
X, M, y = o.full_rank("X: n,p"), o.matrices("M: n"), o.vectors("y: n")
V = define("V", (M.T * M).I)
start = ((M * X).T * (M * X)).I * (M * X).T * (M * y)
end = (X.T * V.I * X).I * X.T * V.I * y
H = X.T * V.I * X

a = Setting("n p", where="n > p")  # whoever assumes more than the exercise does
Xa, ya = a.full_rank("X: n,p"), a.vectors("y: n")
Ma = a.matrices(
    "M: n",
    sampler=lambda draw: matrix(
        [[int(i == j) for j in range(draw.size(n))] for i in range(draw.size(n))]
    ),
)
a.assume(Ma.T * Ma, eye(a.dimensions[0]))


def by_book(y, X, V):
    found = least_squares.by_whitening(y, X, V)
    return found.beta, found.vcov.diagonal() ** 0.5


def by_solving(y, X, V):
    ViX = np.linalg.solve(V, X)
    vcov = np.linalg.inv(X.T @ ViX)
    return [list(vcov @ (ViX.T @ y)), list(np.sqrt(np.diag(vcov)))]


def by_symmetric_root(y, X, V):
    R = np.linalg.inv(np.real(sqrtm(V)))
    Q, U = np.linalg.qr(R @ X)
    Ui = np.linalg.inv(U)
    return np.vstack([Ui @ Q.T @ R @ y, np.sqrt((Ui**2).sum(axis=1))])


def by_contrasts(y, X, V):
    """Ordinary least squares, corrected by the contrasts that it is correlated with."""
    C, N = np.linalg.pinv(X), null_space(X.T)
    B = C @ V @ N @ np.linalg.inv(N.T @ V @ N)
    C = C - B @ N.T
    return C @ y, np.sqrt(np.diag(C @ V @ C.T))


def with_weights(y, X, inverse):
    vcov = np.linalg.inv(X.T @ inverse @ X)
    return vcov @ X.T @ inverse @ y, np.sqrt(np.diag(vcov))


def ordinary(y, X, V):
    C = np.linalg.inv(X.T @ X) @ X.T
    return C @ y, np.sqrt(np.diag(C @ V @ C.T))


def transposed(y, X, V):
    L = np.linalg.cholesky(V)
    Xt, yt = (
        solve_triangular(L, X, lower=True, trans=1),
        solve_triangular(L, y, lower=True, trans=1),
    )
    return with_weights(yt, Xt, np.eye(len(y)))


def scaled(y, X, V):
    beta, se = by_book(y, X, V)
    r = y - X @ beta
    return beta, se * np.sqrt(r @ np.linalg.inv(V) @ r / (len(y) - X.shape[1]))


def example(X, V):
    return (2, {"X": X, "V": V})


ONES = [[1], [1]]

ANSWERS = {
    "gls-inverse-variance": Answers(
        right=[
            lambda v: 1 / (v * np.sum(1 / v)),
            lambda v: np.linalg.solve(np.diag(v), np.ones(len(v))) / (1 / v).sum(),
            lambda v: [
                float(np.prod(np.delete(v, i)))
                / sum(float(np.prod(np.delete(v, j))) for j in range(len(v)))
                for i in range(len(v))
            ],
        ],
        wrong=[
            (lambda v: (1 / np.sqrt(v)) / np.sum(1 / np.sqrt(v)), "by standard deviation"),
            (lambda v: v / v.sum(), "least precise"),
            (lambda v: 1 / v, "add up to one"),
            (lambda v: np.ones_like(v) / v.size, "plain mean"),
            (lambda v: v**-2 / np.sum(v**-2), "squared"),
            (lambda v: v[::-1] / v.sum(), ""),  # right for two
            (lambda v: (1 - v / v.sum()) / (len(v) - 1), ""),  # right for two
            (lambda v: np.sort(1 / v) / np.sum(1 / v), ""),
            (lambda v: 1 / (v * np.sum(1 / v)) * (1 + 1e-5), ""),
        ],
    ),
    "gls-estimate": Answers(
        right=[by_book, by_solving, by_symmetric_root, by_contrasts],
        wrong=[
            (lambda y, X, V: with_weights(y, X, np.eye(len(y))), "plays no part"),
            (ordinary, "true standard errors"),
            (lambda y, X, V: with_weights(y, X, V), "where its inverse belongs"),
            (lambda y, X, V: with_weights(y, X, np.diag(1 / np.diag(V))), "covariances"),
            (lambda y, X, V: (by_book(y, X, V)[0], by_book(y, X, V)[1] ** 2), "variances"),
            (
                lambda y, X, V: (
                    by_book(y, X, V)[0],
                    1 / np.sqrt(np.diag(X.T @ np.linalg.inv(V) @ X)),
                ),
                "before it inverts",
            ),
            (scaled, "residual variance"),
            (transposed, "transpose"),
            (lambda y, X, V: by_book(y, X, V)[::-1], ""),
            (lambda y, X, V: np.abs(by_book(y, X, V)), ""),
            (lambda y, X, V: np.array(by_book(y, X, V)) * (1 + 1e-5), ""),
            (lambda y, X, V: (by_book(y, X, V)[0], ordinary(y, X, V)[1]), ""),
            (lambda y, X, V: np.zeros((2, X.shape[1])), ""),
            (lambda y, X, V: with_weights(y, X, np.diag(np.diag(np.linalg.inv(V)))), ""),
        ],
    ),
    "gls-root": Answers(
        right=[
            o.derive(start)
            .step((X.T * M.T * M * X).I * (X.T * M.T * (M * y)), "transpose")
            .step(end, "insert"),
            o.derive(start)
            .step((X.T * V.I * X).I * (M * X).T * (M * y), "in the bracket first")
            .step(H.I * (X.T * V.I * y), "in the other place")
            .step(end, "insert"),
            o.derive(start)
            .step((X.T * (M.T * M) * X).I * X.T * (M.T * M) * y, "transpose of a product")
            .step(end, "the inverse of V")
            .named("any-root", "Any root"),
        ],
        wrong=[
            (o.derive((X.T * X).I * X.T * y).step((X.T * X).I * X.T * y, "same"), "not whitened"),
            (
                o.derive(((M * X).T * (M * X)).I * (M * X).T * y).step(
                    (X.T * V.I * X).I * X.T * M.T * y, "half"
                ),
                "not whitened",
            ),
            (o.derive(end).step(start, "back"), "backwards"),
            (
                o.derive(start).step(
                    (X.T * (M.T * M) * X).I * X.T * (M.T * M) * y, "transpose of a product"
                ),
                "still there",
            ),
            (o.derive(start).step(start, "nothing"), "still there"),
            (o.derive(start), ""),
            (o.derive(start).step(end, "at once"), ""),
            (a.derive(start).step((X.T * X).I * X.T * y, "M is orthogonal"), "orthogonal matrix"),
            (o.derive(eye(n)).step(V * V.I, "no"), ""),
        ],
    ),
    "gls-ordinary-covariance": Answers(
        right=[
            example(ONES, [[1, 0], [0, 2]]),
            example([[1], [2]], [[2, 1], [1, 2]]),
            [2, {"X": sp.Matrix([[1, 0], [1, 1], [1, 2]]), "V": sp.diag(1, 3, 2)}],
            example([[1], [0]], sp.Matrix([[2, 1], [1, 3]])),
        ],
        wrong=[
            ((1, {"X": ONES, "V": [[1, 0], [0, 2]]}), "symmetric"),
            ((3, {"X": ONES, "V": [[1, 0], [0, 2]]}), "put in anywhere"),
            (example(ONES, [[3, 0], [0, 3]]), "one variance"),
            (example([[1], [2]], [[2, 1], [0, 2]]), "yours is not"),
            (example(ONES, [[2, 1], [1, 2]]), ""),  # the weights drop out
            (example([[1], [1]], [[0, 0], [0, 0]]), ""),
            (example([[0], [0]], [[1, 0], [0, 2]]), ""),
            (example(ONES, [[1, 2], [2, 1]]), ""),
        ],
    ),
    "gls-false-line": Answers(
        right=["b", "(b)", "B "],
        wrong=[
            ("a", "fitted values"),
            ("A", "fitted values"),
            ("c", "normal equations"),
            ("d", "equal size"),
            ("(D)", "equal size"),
        ],
    ),
}
