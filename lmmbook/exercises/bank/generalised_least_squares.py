"""Judges the exercises of the chapter "Generalised least squares"."""

from __future__ import annotations

from typing import Any

import sympy as sp

from lmmbook.exercises.exercise import Exercise, Misconception
from lmmbook.exercises.kinds import Choice, Derived, FalseStep, Function
from lmmbook.exercises.late import np
from matrixproof import Setting, define
from matrixproof.language.expressions import Expr
from matrixproof.page.derivation import Derivation

CHAPTER = "generalised-least-squares"
Symbols = dict[str, Expr]


def variances() -> list[tuple[np.ndarray]]:
    rng = np.random.default_rng(12)
    return [(rng.uniform(0.2, 6, k),) for k in (2, 3, 5, 9)]


def weights(v: np.ndarray) -> np.ndarray:
    return (1 / v) / np.sum(1 / v)


def regressions() -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Data, a design and a covariance with correlations, of several shapes."""
    rng = np.random.default_rng(15)
    cases = []
    for n, p in ((4, 1), (6, 2), (9, 3)):
        X = np.column_stack([np.ones(n), rng.normal(0, 1, (n, p - 1))])
        root = rng.normal(0, 1, (n, n))
        cases.append((rng.normal(-3, 2, n), X, root @ root.T + np.diag(rng.uniform(0.5, 3, n))))
    return cases


def weighted(y: np.ndarray, X: np.ndarray, inverse: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least squares with any weights, and the standard errors they report."""
    vcov = np.linalg.inv(X.T @ inverse @ X)
    return vcov @ X.T @ inverse @ y, np.sqrt(np.diag(vcov))


def gls(y: np.ndarray, X: np.ndarray, V: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return weighted(y, X, np.linalg.inv(V))


def ordinary(y: np.ndarray, X: np.ndarray, V: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ordinary least squares with its true standard errors."""
    C = np.linalg.pinv(X)
    return C @ y, np.sqrt(np.diag(C @ V @ C.T))


def residual_scale(y: np.ndarray, X: np.ndarray, V: np.ndarray) -> float:
    r = y - X @ gls(y, X, V)[0]
    return float((r @ np.linalg.solve(V, r) / (len(y) - X.shape[1])) ** 0.5)


def whitened_by_transpose(
    y: np.ndarray, X: np.ndarray, V: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    L = np.linalg.cholesky(V)
    return weighted(np.linalg.solve(L.T, y), np.linalg.solve(L.T, X), np.eye(len(y)))


def roots() -> tuple[Setting, Symbols]:
    s = Setting("n p", where="n > p")
    X, M, y = s.full_rank("X: n,p"), s.matrices("M: n"), s.vectors("y: n")
    return s, {"X": X, "M": M, "y": y}


def any_root(z: Symbols) -> Derivation:
    s, z = roots()
    X, M, y = z["X"], z["M"], z["y"]
    V = define("V", (M.T * M).I)
    return (
        s.derive(((M * X).T * (M * X)).I * (M * X).T * (M * y))
        .step((X.T * (M.T * M) * X).I * X.T * (M.T * M) * y, "transpose of a product")
        .step((X.T * V.I * X).I * X.T * V.I * y, "inverse")
    )


def plain(z: Symbols) -> Expr:
    X, y = z["X"], z["y"]
    return (X.T * X).I * X.T * y


def half_whitened(z: Symbols) -> list[Expr]:
    X, M, y = z["X"], z["M"], z["y"]
    return [
        plain(z),
        ((M * X).T * (M * X)).I * (M * X).T * y,
        (X.T * X).I * X.T * (M * y),
    ]


def same_line(line: Expr, *others: Expr) -> bool:
    return line.key() in [x.key() for x in others]


def correlated() -> tuple[Setting, Symbols]:
    s = Setting("n p", where="n > p")
    return s, {"X": s.full_rank("X: n,p"), "V": s.positive_definite("V: n")}


def ordinary_covariance(z: Symbols) -> list[Expr]:
    X, V = z["X"], z["V"]
    C, H = (X.T * X).I * X.T, X.T * V.I * X
    return [C * V * C.T, (X.T * X).I * (X.T * V * X) * (X.T * X).I, H.I, H.I * H * H.I]


def is_multiple_of_identity(V: Any) -> bool:
    matrix = sp.Matrix(V)
    return sp.eye(matrix.rows) * matrix[0, 0] == matrix


EXERCISES = (
    Exercise(
        "gls-inverse-variance",
        CHAPTER,
        Function(weights, variances, "an array of weights", tolerance=1e-9),
        (
            Misconception(
                "These are weights by standard deviation. Twice the standard deviation counts a "
                "quarter, not a half.",
                lambda v: v**-0.5 / np.sum(v**-0.5),
            ),
            Misconception(
                "The variance stands where its inverse belongs: the least precise measurement has "
                "the largest weight.",
                lambda v: v / np.sum(v),
            ),
            Misconception(
                "These are precisions. They do not add up to one, so the estimate would be biased.",
                lambda v: 1 / v,
            ),
            Misconception(
                "This is the plain mean. It is best only if all variances are equal.",
                lambda v: np.full(len(v), 1 / len(v)),
            ),
            Misconception(
                "The variances are squared as if they were standard deviations.",
                lambda v: v**-2.0 / np.sum(v**-2.0),
            ),
        ),
        "Precisions are the weights, and they add up to the precision of the estimate.",
        "Two thirds for the weights, one third for what a further measurement does.",
    ),
    Exercise(
        "gls-estimate",
        CHAPTER,
        Function(gls, regressions, "two vectors", tolerance=1e-7),
        (
            Misconception(
                "These are ordinary least squares and what they report. The covariance plays no "
                "part.",
                lambda y, X, V: weighted(y, X, np.eye(len(y))),
            ),
            Misconception(
                "This is ordinary least squares, if with its true standard errors. The weights "
                "belong into the estimates as well.",
                ordinary,
            ),
            Misconception(
                "The covariance stands where its inverse belongs.",
                lambda y, X, V: weighted(y, X, V),
            ),
            Misconception(
                "You used the variances and left out the covariances: the inverse of the diagonal "
                "is not the diagonal of the inverse.",
                lambda y, X, V: weighted(y, X, np.diag(1 / np.diag(V))),
            ),
            Misconception(
                "The second vector has variances. Standard errors are their roots.",
                lambda y, X, V: (gls(y, X, V)[0], gls(y, X, V)[1] ** 2),
            ),
            Misconception(
                "The second vector takes roots before it inverts the matrix. The precision of one "
                "coefficient when the others are known is not what is asked for.",
                lambda y, X, V: (
                    gls(y, X, V)[0],
                    np.diag(X.T @ np.linalg.solve(V, X)) ** -0.5,
                ),
            ),
            Misconception(
                "The standard errors are scaled by a residual variance. Here $V$ is the whole "
                "covariance, and nothing is left to estimate.",
                lambda y, X, V: (
                    gls(y, X, V)[0],
                    gls(y, X, V)[1] * residual_scale(y, X, V),
                ),
            ),
            Misconception(
                "A transpose: the root that whitens is the inverse of $L$ with $V = LL'$, and you "
                "used that of $L'$.",
                whitened_by_transpose,
            ),
        ),
        "Whiten, then do as always. The inverse of $V$ never needs to be computed.",
        "One half for the estimates, one half for the standard errors.",
    ),
    Exercise(
        "gls-root",
        CHAPTER,
        Derived(roots, any_root),
        (
            Misconception(
                "You begin with a regression that is not whitened, or half of it. Both the design "
                "and the data are multiplied by $M$.",
                when=lambda d: same_line(d.lhs, *half_whitened(roots()[1])),
            ),
            Misconception(
                "It runs backwards: begin with the whitened regression and end without $M$.",
                when=lambda d: (
                    same_line(d.rhs, any_root({}).lhs) and same_line(d.lhs, any_root({}).rhs)
                ),
            ),
            Misconception(
                "It stops while $M$ is still there. What is its product with its transpose, in "
                "terms of $V$?",
                when=lambda d: same_line(d.rhs, *(x.expression for x in any_root({}).lines[:-1])),
            ),
            Misconception(
                "You took $M$ for an orthogonal matrix. Then $V$ is the identity, and there is "
                "nothing to whiten.",
                when=lambda d: same_line(d.rhs, plain(roots()[1])),
            ),
        ),
        "The estimate sees a whitening matrix only through its product with its transpose, which "
        "is the inverse covariance.",
        "One half for each of the two steps.",
    ),
    Exercise(
        "gls-ordinary-covariance",
        CHAPTER,
        FalseStep(
            correlated, ordinary_covariance, (2, {"X": [[1], [1]], "V": [[1, 0], [0, 2]]})
        ),
        (
            Misconception(
                "The transpose of $C$ is $X$ times the inverse, which is symmetric: that step "
                "holds.",
                when=lambda value: value[0] == 1,
            ),
            Misconception(
                "A matrix times its inverse may be put in anywhere: that step holds.",
                when=lambda value: value[0] == 3,
            ),
            Misconception(
                "It is that step, but with uncorrelated data of one variance the two estimates "
                "are the same.",
                when=lambda value: value[0] == 2 and is_multiple_of_identity(value[1]["V"]),
            ),
            Misconception(
                "It is that step, but a covariance matrix is symmetric, and yours is not.",
                when=lambda value: value[0] == 2 and not sp.Matrix(value[1]["V"]).is_symmetric(),
            ),
        ),
        "A design with more rows than columns has no inverse, and does not cancel. What remains "
        "is the sandwich.",
        "One third for the step, two thirds for matrices that show it.",
    ),
    Exercise(
        "gls-false-line",
        CHAPTER,
        Choice("b", "abcd"),
        (
            Misconception(
                "Compute the covariance of the estimate with the data and with the fitted values: "
                "are the two different?",
                "a",
            ),
            Misconception(
                "That is the system of normal equations: it defines the estimate.",
                "c",
            ),
            Misconception(
                "With groups of equal size $V$ maps a column of ones to a multiple of it. What do "
                "the weights do then?",
                "d",
            ),
        ),
        "Perpendicular means perpendicular in the inner product of the inverse covariance.",
        "The letter one half, one half for why the others hold.",
    ),
)
