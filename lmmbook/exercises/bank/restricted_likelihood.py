"""Judges the exercises of the chapter "The restricted likelihood"."""

from __future__ import annotations

from typing import Any

import sympy as sp

from lmmbook.exercises.exercise import Exercise, Misconception
from lmmbook.exercises.kinds import Choice, FalseStep, Function, MatrixExpression
from lmmbook.exercises.late import np
from matrixproof import Setting, as_scalar, eye, tr
from matrixproof.language.expressions import Expr

CHAPTER = "restricted-likelihood"
Symbols = dict[str, Any]


# -- the formula for the error variance ------------------------------------------------------


def regressions() -> list[tuple[Any, ...]]:
    """Data, a design and a covariance in units of the error variance."""
    rng = np.random.default_rng(34)
    cases = []
    for n, p in ((5, 1), (7, 3), (9, 2)):
        X = np.column_stack([np.ones(n), rng.normal(0, 1, (n, p - 1))])
        root = rng.normal(0, 1, (n, n))
        cases.append((rng.normal(1, 2, n), X, np.eye(n) + root @ root.T))
    y, X, _ = cases[1]
    without_intercept = rng.normal(1, 2, 6), rng.normal(1, 1, (6, 2)), cases[2][2][:6, :6]
    return [*cases, (y, X, np.eye(7)), without_intercept]


def squares(y: Any, X: Any, W: Any, beta: Any = None) -> float:
    """The weighted residual sum of squares, at the weighted estimate or at another."""
    W_inverse = np.linalg.inv(W)
    if beta is None:
        beta = np.linalg.solve(X.T @ W_inverse @ X, X.T @ W_inverse @ y)
    r = y - X @ beta
    return float(r @ W_inverse @ r)


def formula(y: Any, X: Any, W: Any) -> float:
    n, p = X.shape
    return squares(y, X, W) / (n - p)


# -- two subjects ----------------------------------------------------------------------------

FOURS = ((2.5, 1.5, -0.5, -3.5), (1.0, 0.0, 4.5, 2.0), (0.5, -0.5, 1.0, -1.0), (1.0, 3.0, 2.5, 0.5))


def fours() -> list[tuple[Any]]:
    return [(np.array(y),) for y in FOURS]


def mean_squares(y: Any) -> tuple[float, float]:
    """Within the two subjects, and between them."""
    between = (y[0] + y[1] - y[2] - y[3]) ** 2 / 4
    return ((y[0] - y[1]) ** 2 + (y[2] - y[3]) ** 2) / 4, between


def two_subjects(y: Any) -> tuple[float, float]:
    return divided_by(y, subjects=1, pooled=3)


def divided_by(y: Any, subjects: int, pooled: int) -> tuple[float, float]:
    """REML; with two for the divisor between subjects, and four in all, it is ML."""
    within, between = mean_squares(y)
    inner = (between / subjects - within) / 2
    return (within, inner) if inner > 0 else ((2 * within + between) / pooled, 0.0)


def at_zero_without_pooling(y: Any) -> tuple[float, float]:
    within, between = mean_squares(y)
    return within, max(between - within, 0.0) / 2


def beyond_the_boundary(y: Any) -> tuple[float, float]:
    within, between = mean_squares(y)
    return within, (between - within) / 2


def whole_difference(y: Any) -> tuple[float, float]:
    sigma2, tau2 = two_subjects(y)
    return sigma2, 2 * tau2


# -- symbols ---------------------------------------------------------------------------------


def P_of(V: Expr, X: Expr) -> Expr:
    return V.I - V.I * X * (X.T * V.I * X).I * X.T * V.I


def regression() -> tuple[Setting, Symbols]:
    s = Setting("n p", where="n > p")
    V, X, y = s.positive_definite("V: n"), s.full_rank("X: n,p"), s.vectors("y: n")
    return s, {"V": V, "X": X, "y": y}


def swallowed(z: Symbols) -> list[Expr]:
    V, y = z["V"], z["y"]
    P = P_of(V, z["X"])
    r = V * P * y
    return [r.T * V.I * V.I * r, y.T * P * P * y, y.T * P * y, r.T * V.I * r]


def is_identity(V: Any) -> bool:
    return sp.Matrix(V) == sp.eye(sp.Matrix(V).rows)


def residual_is_zero(values: dict[str, Any]) -> bool:
    X, y = sp.Matrix(values["X"]), sp.Matrix(values["y"])
    return X.rows == y.rows and X.row_join(y).rank() == X.rank()


def two_directions() -> tuple[Setting, Symbols]:
    s = Setting("n p", where="n > p")
    V, X, y = s.positive_definite("V: n"), s.full_rank("X: n,p"), s.vectors("y: n")
    V_j, V_k = s.symmetric("V_j: n; V_k: n")
    return s, {"V": V, "X": X, "y": y, "V_j": V_j, "V_k": V_k, "P": P_of(V, X)}


def one_contrast() -> tuple[Setting, Symbols]:
    s = Setting("n")
    V, a, y = s.positive_definite("V: n"), s.matrices("a: n,1"), s.vectors("y: n")
    return s, {"V": V, "a": a, "y": y, "I": eye(s.dimensions[0])}


def ratio(z: Symbols, above: Expr | None = None, below: Expr | None = None) -> Expr:
    a = z["a"]
    above = z["I"] if above is None else above
    below = z["V"] if below is None else below
    return as_scalar(a.T * above * a) / as_scalar(a.T * below * a)


EXERCISES = (
    Exercise(
        "reml-formula",
        CHAPTER,
        Function(formula, regressions),
        (
            Misconception(
                "Divided by the number of observations: the coefficients have been estimated from "
                "the same data.",
                lambda y, X, W: squares(y, X, W) / len(y),
            ),
            Misconception(
                "One is subtracted for a mean. Count the columns of $X$.",
                lambda y, X, W: squares(y, X, W) / (len(y) - 1),
            ),
            Misconception(
                "The residuals are those of ordinary least squares: the formula wants the "
                "estimate with the weights of $W$.",
                lambda y, X, W: squares(y, X, W, np.linalg.pinv(X) @ y) / (len(y) - X.shape[1]),
            ),
            Misconception(
                "The right residuals, but their squares are not weighted.",
                lambda y, X, W: (
                    squares(
                        y
                        - X
                        @ np.linalg.solve(X.T @ np.linalg.solve(W, X), X.T @ np.linalg.solve(W, y)),
                        X,
                        np.eye(len(y)),
                        np.zeros(X.shape[1]),
                    )
                    / (len(y) - X.shape[1])
                ),
            ),
            Misconception(
                "$W$ plays no part.",
                lambda y, X, W: squares(y, X, np.eye(len(y))) / (len(y) - X.shape[1]),
            ),
            Misconception(
                "The weights are $W$ where they should be its inverse.",
                lambda y, X, W: squares(y, X, np.linalg.inv(W)) / (len(y) - X.shape[1]),
            ),
            Misconception(
                "This is a standard deviation. Asked is the variance.",
                lambda y, X, W: formula(y, X, W) ** 0.5,
            ),
            Misconception(
                "This is the sum of squares: it still has to be divided.",
                squares,
            ),
        ),
        "One quadratic form, one divisor: the number of contrasts. It is REML for a fixed $W$, "
        "which is a fixed ratio of the variances.",
        "Half for the weighted residuals, half for the divisor.",
    ),
    Exercise(
        "reml-false-line",
        CHAPTER,
        FalseStep(
            regression,
            swallowed,
            (2, {"X": [[1], [1]], "V": [[1, 0], [0, 2]], "y": [[1], [0]]}),
        ),
        (
            Misconception(
                "Two of the three inverses meet a $V$ there and cancel: that step holds.",
                when=lambda value: value[0] == 1,
            ),
            Misconception(
                "$V$ between two copies of $P$ is swallowed, and one is left over for the "
                "weights: that step holds.",
                when=lambda value: value[0] == 3,
            ),
            Misconception(
                "It is that step, but for this $V$ the matrix $P$ is a projection after all. "
                "Take another covariance.",
                when=lambda value: value[0] == 2 and is_identity(value[1]["V"]),
            ),
            Misconception(
                "It is that step, but these data lie in the span of $X$, and there nothing can "
                "be seen: both sides are zero.",
                when=lambda value: value[0] == 2 and residual_is_zero(value[1]),
            ),
        ),
        "$P$ swallows $V$ between two copies, not itself. What is idempotent is $VP$.",
        "One third for the step, one third for numbers, one third for the repair.",
    ),
    Exercise(
        "reml-second-derivative",
        CHAPTER,
        MatrixExpression(
            two_directions,
            lambda z: -2 * z["y"].T * z["P"] * z["V_k"] * z["P"] * z["V_j"] * z["P"] * z["y"],
        ),
        (
            Misconception(
                "The sign: $P$ shrinks as $V$ grows.",
                lambda z: 2 * z["y"].T * z["P"] * z["V_k"] * z["P"] * z["V_j"] * z["P"] * z["y"],
            ),
            Misconception(
                "$P$ stands twice in the form, and both move: a factor is lost.",
                lambda z: -(z["y"].T * z["P"] * z["V_k"] * z["P"] * z["V_j"] * z["P"] * z["y"]),
            ),
            Misconception(
                "The inverse of $V$ stands where $P$ belongs: that would be right if the mean "
                "were known.",
                lambda z: (
                    -2 * z["y"].T * z["V"].I * z["V_k"] * z["V"].I * z["V_j"] * z["V"].I * z["y"]
                ),
            ),
            Misconception(
                "There is one $P$ too few: the derivative of $P$ has one on each side.",
                lambda z: -2 * z["y"].T * z["P"] * z["V_k"] * z["V_j"] * z["P"] * z["y"],
            ),
            Misconception(
                "This is a trace, which comes from the log determinant. The quadratic form keeps "
                "the data.",
                lambda z: -tr(z["P"] * z["V_k"] * z["P"] * z["V_j"]),
            ),
            Misconception(
                "This is the derivative of $y'Py$, once. One more is to be taken.",
                lambda z: -(z["y"].T * z["P"] * z["V_k"] * z["P"] * z["y"]),
            ),
            Misconception(
                "You squared one of the two directions.",
                lambda z: -2 * z["y"].T * z["P"] * z["V_j"] * z["P"] * z["V_j"] * z["P"] * z["y"],
            ),
        ),
        "Each differentiation puts another direction between two copies of $P$, with a minus.",
        "Half for the derivative of $P$, half for the two places.",
    ),
    Exercise(
        "reml-one-contrast",
        CHAPTER,
        MatrixExpression(one_contrast, ratio),
        (
            Misconception(
                "Upside down: which of the two has the variance of the contrast in it?",
                lambda z: ratio(z, z["V"], z["I"]),
            ),
            Misconception(
                "The sign: look at what is left when the data are zero.",
                lambda z: -ratio(z),
            ),
            Misconception(
                "The length of $a$ is lost: the two equations would be equal only for a unit "
                "vector.",
                lambda z: ratio(z) / as_scalar(z["a"].T * z["a"]),
            ),
            Misconception(
                "The inverse of a quadratic form is not the quadratic form of the inverse.",
                lambda z: as_scalar(z["a"].T * z["V"].I * z["a"]),
            ),
            Misconception(
                "One factor too many: it belongs to the second term, in the bracket.",
                lambda z: ratio(z) * ratio(z),
            ),
            Misconception(
                "Without the length of $a$ the variance of the contrast has no match.",
                lambda z: as_scalar(z["a"].T * z["a"]),
            ),
        ),
        "With a single contrast there is a single variance: all scores are multiples of one "
        "number.",
        "Half for the factor, half for saying why it makes the equations agree.",
    ),
    Exercise(
        "reml-two-subjects",
        CHAPTER,
        Function(two_subjects, fours, returns="two numbers: sigma2 and tau2"),
        (
            Misconception(
                "A variance below zero: for some data the maximum lies on the boundary.",
                beyond_the_boundary,
            ),
            Misconception(
                "On the boundary the other variance has to be estimated anew: all three contrasts "
                "then have it, and only it.",
                at_zero_without_pooling,
            ),
            Misconception(
                "This is maximum likelihood: the contrasts are three, and one of them is between "
                "the subjects.",
                lambda y: divided_by(y, subjects=2, pooled=4),
            ),
            Misconception(
                "The contrast between the subjects contains the variance of a subject twice for "
                "each of the error.",
                whole_difference,
            ),
            Misconception(
                "The two variances have changed places.",
                lambda y: two_subjects(y)[::-1],
            ),
            Misconception(
                "These are the two mean squares. The one between the subjects has the error in it.",
                lambda y: mean_squares(y),
            ),
        ),
        "Independent contrasts, one variance for each: equate, and where a variance comes out "
        "negative, pool.",
        "Half for the inner maximum, half for the boundary.",
    ),
    Exercise(
        "reml-what-is-fixed",
        CHAPTER,
        Choice("b", "abcd"),
        (
            Misconception(
                "Then the covariance does not grow in proportion with the error variance, and its "
                "derivative is the identity. Look at the four observations of the opening.",
                "a",
            ),
            Misconception(
                "It holds there, too, but there are other points at which it does.",
                "c",
            ),
            Misconception(
                "With the true coefficients nothing is estimated, and nothing is subtracted from "
                "the number of observations.",
                "d",
            ),
        ),
        "Say what is held fixed before you differentiate: a variance or a ratio of variances.",
        "Half for the letter, half for the derivative of $V$ in either case.",
    ),
)
