"""Judges the exercises of the chapter "Maximisation"."""

from __future__ import annotations

from typing import Any

import sympy as sp

from lmmbook.exercises.exercise import Exercise, Misconception
from lmmbook.exercises.kinds import Choice, Expression, Function, MatrixExpression
from lmmbook.exercises.late import np
from matrixproof import Setting, as_scalar, tr
from matrixproof.language.expressions import Expr

CHAPTER = "maximisation"
Symbols = dict[str, Expr]

t, S, n = sp.symbols("t S n", positive=True)


# -- the EM step -----------------------------------------------------------------------------


def models() -> list[tuple[Any, ...]]:
    rng = np.random.default_rng(77)
    cases = []
    for sizes, p, sigma2, tau2 in (
        ((2, 3, 1), 1, 1.0, 0.7),
        ((3, 2, 2, 4), 2, 2.5, 4.0),
        ((1, 2), 1, 0.6, 0.3),
        ((2, 2, 3), 2, 1.5, 0.0),
    ):
        Z = np.repeat(np.eye(len(sizes)), sizes, axis=0)
        X = np.column_stack([np.ones(len(Z)), rng.normal(0, 1, (len(Z), p - 1))])
        cases.append((rng.normal(1, 2, len(Z)), X, Z, sigma2, tau2))
    Z = rng.normal(0, 1, (6, 3))  # no indicators
    cases.append((rng.normal(0, 2, 6), np.ones((6, 1)), Z, 0.8, 1.7))
    y, X, Z, sigma2, tau2 = cases[1]
    return [*cases, (y, X[:, 1:], Z, sigma2, tau2)]  # without an intercept


def moments(y: Any, X: Any, Z: Any, sigma2: float, tau2: float) -> tuple[Any, Any, Any]:
    """Conditional mean and covariance of the effects, and the covariance by ML."""
    V = sigma2 * np.eye(len(y)) + tau2 * Z @ Z.T
    Vi = np.linalg.inv(V)
    P = Vi - Vi @ X @ np.linalg.inv(X.T @ Vi @ X) @ X.T @ Vi
    I_k = np.eye(Z.shape[1])
    return (
        tau2 * Z.T @ P @ y,
        tau2 * I_k - tau2**2 * Z.T @ P @ Z,
        tau2 * I_k - tau2**2 * Z.T @ Vi @ Z,
    )


def em_step(y: Any, X: Any, Z: Any, sigma2: float, tau2: float) -> float:
    u, C, _ = moments(y, X, Z, sigma2, tau2)
    return float(u @ u + np.trace(C)) / Z.shape[1]


def with_moments(step: Any) -> Any:
    def changed(y: Any, X: Any, Z: Any, sigma2: float, tau2: float) -> float:
        return float(step(*moments(y, X, Z, sigma2, tau2), Z.shape[1], tau2, len(y)))

    return changed


# -- symbols ---------------------------------------------------------------------------------


def two_terms() -> tuple[Setting, Symbols]:
    s = Setting("n p", where="n > p")
    A, B = s.symmetric("A: n; B: n")
    X, y = s.full_rank("X: n,p"), s.vectors("y: n")
    a, b = s.scalars("a b")
    V = a * A + b * B
    P = V.I - V.I * X * (X.T * V.I * X).I * X.T * V.I
    return s, {"A": A, "B": B, "y": y, "a": a, "b": b, "V": V, "P": P}


def form(z: Symbols) -> Expr:
    return as_scalar(z["y"].T * z["P"] * z["B"] * z["P"] * z["y"])


def trace_without_data(node: Expr) -> bool:
    """A trace of matrices that do not contain the data."""
    letters = [part.value for part in node.walk() if part.op == "symbol"]
    return node.op == "trace" and "y" not in letters


EXERCISES = (
    Exercise(
        "max-newton-step",
        CHAPTER,
        Expression(t * (3 * S - 2 * n * t) / (2 * S - n * t), {"t": (1, 2), "S": (7, 8), "n": 2}),
        (
            Misconception(
                "That is Fisher scoring: it divides by the mean of the curvature. Newton takes the "
                "curvature of these data.",
                S / n,
            ),
            Misconception(
                "The sign of the step: it leads away from the maximum where the curvature is "
                "positive.",
                t - t * (S - n * t) / (2 * S - n * t),
            ),
            Misconception(
                "This is the step. The next value is the old one and the step.",
                t * (S - n * t) / (2 * S - n * t),
            ),
            Misconception(
                "Divided by the slope and multiplied by the curvature: it is the other way round.",
                t + (2 * S - n * t) / (t * (S - n * t)),
            ),
            Misconception(
                "A step along the slope itself, without a curvature: in which units is it?",
                t + (S - n * t) / (2 * t**2),
            ),
            Misconception(
                "This is the error of that step, not where it leads.",
                -2 * (t - S / n) ** 2 / (2 * S / n - t),
            ),
        ),
        "Slope over curvature. Where the curvature is negative the step leads down: beyond twice "
        "the estimate.",
        "Half for the curvature, half for the step.",
    ),
    Exercise(
        "max-scoring-ml",
        CHAPTER,
        MatrixExpression(
            two_terms,
            lambda z: form(z) / 2,
            without={
                trace_without_data: "That is equal to it, but there is a trace left in it: on the "
                "right-hand side the traces have cancelled."
            },
        ),
        (
            Misconception(
                "A factor is lost: both the information and the score have one half.",
                form,
            ),
            Misconception(
                "$V^{-1}$ stands where $P$ belongs: the residuals are those of the estimate of "
                "$\\beta$, by ML as well.",
                lambda z: as_scalar(z["y"].T * z["V"].I * z["B"] * z["V"].I * z["y"]) / 2,
            ),
            Misconception(
                "The data are missing: this is the part that cancels.",
                lambda z: tr(z["V"].I * z["B"]) / 2,
            ),
            Misconception(
                "This is the score alone. The old variances are still to be added, times the "
                "information.",
                lambda z: (form(z) - tr(z["V"].I * z["B"])) / 2,
            ),
            Misconception(
                "The old variances were subtracted; to find the new ones the score is added to "
                "them.",
                lambda z: form(z) / 2 - tr(z["V"].I * z["B"]),
            ),
            Misconception(
                "The traces do not cancel here, because that of REML was taken: which one is in "
                "the score of ML?",
                lambda z: (form(z) + tr(z["V"].I * z["B"]) - tr(z["P"] * z["B"])) / 2,
            ),
            Misconception(
                "The matrix $B$ belongs between two copies of $P$: the row is that of its "
                "variance.",
                lambda z: as_scalar(z["y"].T * z["P"] * z["y"]) / 2,
            ),
        ),
        "ML and REML solve for the same right-hand side. What differs is the matrix on the left.",
        "Half for collecting the covariance, half for what cancels.",
    ),
    Exercise(
        "max-em-step",
        CHAPTER,
        Function(em_step, models),
        (
            Misconception(
                "The predictions are shrunk, so their mean square is too small: add what is not "
                "known of the effects.",
                with_moments(lambda u, C, M, k, tau2, n: u @ u / k),
            ),
            Misconception(
                "Only the squares were divided. The mean of a mean square divides both parts.",
                with_moments(lambda u, C, M, k, tau2, n: u @ u / k + np.trace(C)),
            ),
            Misconception(
                "This is the conditional variance of ML: $V^{-1}$ stands where $P$ belongs.",
                with_moments(lambda u, C, M, k, tau2, n: (u @ u + np.trace(M)) / k),
            ),
            Misconception(
                "Divided by the number of observations. Of what is this the mean?",
                with_moments(lambda u, C, M, k, tau2, n: (u @ u + np.trace(C)) / n),
            ),
            Misconception(
                "One is subtracted from the number of groups. In the REML version of EM the "
                "conditional variance takes care of the mean.",
                with_moments(lambda u, C, M, k, tau2, n: (u @ u + np.trace(C)) / max(k - 1, 1)),
            ),
            Misconception(
                "This is the trace alone, without the predictions: the data play no part.",
                with_moments(lambda u, C, M, k, tau2, n: np.trace(C) / k),
            ),
            Misconception(
                "The unconditional variance was added. Given the data, less is unknown.",
                with_moments(lambda u, C, M, k, tau2, n: (u @ u + k * tau2) / k),
            ),
            Misconception(
                "This is the sum over the effects, not the mean.",
                with_moments(lambda u, C, M, k, tau2, n: u @ u + np.trace(C)),
            ),
        ),
        "The mean of what is not seen has two parts: the square of its prediction, and what the "
        "prediction leaves open.",
        "Half for the prediction, half for its variance.",
    ),
    Exercise(
        "max-direction",
        CHAPTER,
        Choice("c", "abcd"),
        (
            Misconception(
                "Derivatives are used by all of them: the score is in every step.",
                "a",
            ),
            Misconception(
                "A short step in the wrong direction is still in the wrong direction.",
                "b",
            ),
            Misconception(
                "Each of them steps from any point, with the score there. What differs is the "
                "matrix in front of it.",
                "d",
            ),
        ),
        "A positive definite matrix times the score leads upwards, whatever the matrix is.",
        "Half for the letter, half for the derivative along the step.",
    ),
    Exercise(
        "max-em-phi",
        CHAPTER,
        Choice("b", "abc"),
        (
            Misconception(
                "It is larger in the first steps. Count to the end, and look at the rate.",
                "a",
            ),
            Misconception(
                "They do not take the same way: $\\sigma^2$ is another one at each step, and so is "
                "what the effects are left to explain.",
                "c",
            ),
        ),
        "The rate near the end decides, not the gain of the first step.",
        "Half for the counts, half for the rates.",
    ),
    Exercise(
        "max-stuck",
        CHAPTER,
        Choice("b", "abcd"),
        (
            Misconception(
                "A zero start is moved a little for most methods, since the slope in $\\theta$ is "
                "zero there whatever the data.",
                "a",
            ),
            Misconception(
                "The step of EM has the factor $\\tau^4$. Where does it lead from zero?",
                "c",
            ),
            Misconception(
                "A slope of zero in $\\theta$ is no proof: it is the slope in $\\phi$ that counts.",
                "d",
            ),
        ),
        "At a variance of zero look at the slope in the variance, not in its root.",
        "Half for the letter, half for the slope that tells.",
    ),
)
