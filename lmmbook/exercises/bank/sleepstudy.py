"""Judges the exercises of the chapter "Eighteen people without sleep"."""

from __future__ import annotations

from typing import Any

from lmmbook.exercises.exercise import Exercise, Misconception
from lmmbook.exercises.kinds import Choice, Function, MatrixExpression
from lmmbook.exercises.late import np
from matrixproof import Setting, define, eye
from matrixproof.language.expressions import Expr

CHAPTER = "sleepstudy"
Symbols = dict[str, Expr]


def one_person() -> tuple[Setting, Symbols]:
    s = Setting("m q", where="m > q")
    m, q = s.dimensions
    D, Lambda = s.full_rank("D: m,q"), s.matrices("Lambda: q")
    S = define("S", eye(m) + D * Lambda * Lambda.T * D.T)
    return s, {"D": D, "Lambda": Lambda, "S": S, "I_q": eye(q)}


def inverts_days(node: Expr) -> bool:
    """Whether a part inverts a matrix with as many rows as a person has days."""
    return node.op == "inverse" and str(node.shape[0]) == "m"


# -- other coordinates -----------------------------------------------------------------------


def covariances() -> list[tuple[Any, ...]]:
    return [
        (np.array([[612.1, 9.6], [9.6, 35.1]]), 4.5),
        (np.array([[2.0, -0.7], [-0.7, 0.5]]), 3.0),
        (np.array([[1.0, 0.0], [0.0, 4.0]]), -2.0),
        (np.array([[5.0, 1.5], [1.5, 0.5]]), 0.25),
    ]


def moved(covariance: Any, day: float) -> Any:
    """The covariance matrix of level and slope, the days being counted from another."""
    T = np.array([[1.0, day], [0.0, 1.0]])
    return T @ covariance @ T.T


def only_variance(covariance: Any, day: float) -> Any:
    """The variance of the level is the right one, the covariance is left as it was."""
    C = np.array(covariance, dtype=float)
    C[0, 0] = moved(covariance, day)[0, 0]
    return C


def without_covariance(covariance: Any, day: float) -> Any:
    C = moved(covariance, day)
    C[0, 0] -= 2 * day * covariance[0, 1]
    return C


def transposed(covariance: Any, day: float) -> Any:
    T = np.array([[1.0, day], [0.0, 1.0]])
    return T.T @ covariance @ T


# -- somebody new ----------------------------------------------------------------------------


def newcomers() -> list[tuple[Any, ...]]:
    rng = np.random.default_rng(335)
    cases = [
        (
            np.array([1.0, 9.0]),
            np.array([[46.6, -1.7], [-1.7, 2.4]]),
            np.array([[612.1, 9.6], [9.6, 35.1]]),
            654.9,
        )
    ]
    for q in (1, 2, 3):
        A, B = rng.normal(0, 1, (2, q, q))
        cases.append((rng.normal(0, 2, q), A @ A.T, B @ B.T, 0.7 + q))
    return cases


def surprise(x: Any, vcov_beta: Any, covariance: Any, sigma2: float) -> float:
    """The variance of a new person's measurement about its prediction."""
    return x @ vcov_beta @ x + x @ covariance @ x + sigma2


EXERCISES = (
    Exercise(
        "sleep-line-covariance",
        CHAPTER,
        MatrixExpression(
            one_person,
            lambda z: (z["D"].T * z["D"]).I + z["Lambda"] * z["Lambda"].T,
            without={inverts_days: "That is equal, but it still inverts a matrix of $m$ rows."},
        ),
        (
            Misconception(
                "This is the error of measuring a line. The lines themselves differ, too.",
                lambda z: (z["D"].T * z["D"]).I,
            ),
            Misconception(
                "This is the variation of the true lines. The estimated ones also have errors.",
                lambda z: z["Lambda"] * z["Lambda"].T,
            ),
            Misconception(
                "More days make a line more certain: $D'D$ grows with them, and the covariance "
                "must not.",
                lambda z: z["D"].T * z["D"] + z["Lambda"] * z["Lambda"].T,
            ),
            Misconception(
                "Is $\\Lambda'\\Lambda$ the covariance matrix of $\\Lambda z$?",
                lambda z: (z["D"].T * z["D"]).I + z["Lambda"].T * z["Lambda"],
            ),
            Misconception(
                "$\\Lambda$ is the factor of a covariance matrix, as a standard deviation is the "
                "root of a variance.",
                lambda z: (z["D"].T * z["D"]).I + z["Lambda"],
            ),
            Misconception(
                "You added the information of the two. Errors that add up have covariances that "
                "add up.",
                lambda z: (z["D"].T * z["D"] + (z["Lambda"] * z["Lambda"].T).I).I,
            ),
            Misconception(
                "The second term is weighted by the design. The lines differ in the units of the "
                "coefficients, whichever days are measured.",
                lambda z: (z["D"].T * z["D"]).I * (z["I_q"] + z["Lambda"] * z["Lambda"].T),
            ),
        ),
        "What a person's line varies by is what people differ by plus what it is measured with. "
        "Only the second part falls with more days.",
        "Half for the sum, half for how the large inverse goes.",
    ),
    Exercise(
        "sleep-new-person",
        CHAPTER,
        Function(surprise, newcomers, tolerance=1e-8),
        (
            Misconception(
                "This is about the mean line, or the mean of all people. The new person has a "
                "line of their own.",
                lambda x, vcov_beta, covariance, sigma2: x @ vcov_beta @ x + sigma2,
            ),
            Misconception(
                "This is about the mean line, or the mean of all people. The new person has a "
                "line of their own.",
                lambda x, vcov_beta, covariance, sigma2: x @ vcov_beta @ x,
            ),
            Misconception(
                "This is for the new person's own line. A single measurement is off that line.",
                lambda x, vcov_beta, covariance, sigma2: x @ vcov_beta @ x + x @ covariance @ x,
            ),
            Misconception(
                "The mean line was taken for known. It has been estimated.",
                lambda x, vcov_beta, covariance, sigma2: x @ covariance @ x + sigma2,
            ),
            Misconception(
                "Intercept and slope are correlated: a sum of variances alone leaves out the "
                "covariance between them.",
                lambda x, vcov_beta, covariance, sigma2: (
                    x**2 @ np.diag(vcov_beta) + x**2 @ np.diag(covariance) + sigma2
                ),
            ),
            Misconception(
                "Intercept and slope are correlated: a sum of variances alone leaves out the "
                "covariance between them.",
                lambda x, vcov_beta, covariance, sigma2: (
                    x @ vcov_beta @ x + x**2 @ np.diag(covariance) + sigma2
                ),
            ),
            Misconception(
                "This is a standard deviation.",
                lambda *values: surprise(*values) ** 0.5,
            ),
            Misconception(
                "The argument is the error variance already: it is squared once more, or its root "
                "was taken.",
                lambda x, v, c, sigma2: surprise(x, v, c, sigma2) - sigma2 + sigma2**2,
            ),
            Misconception(
                "The argument is the error variance already: it is squared once more, or its root "
                "was taken.",
                lambda x, v, c, sigma2: surprise(x, v, c, sigma2) - sigma2 + sigma2**0.5,
            ),
            Misconception(
                "The error of the mean line does not cancel: it was estimated without the new "
                "person, and independent errors add up.",
                lambda x, v, c, sigma2: x @ c @ x + sigma2 - x @ v @ x,
            ),
        ),
        "Three things are uncertain: the mean, the person, the measurement. The interval for the "
        "mean line is about the first only.",
        "One third for each part.",
    ),
    Exercise(
        "sleep-centre",
        CHAPTER,
        Function(moved, covariances, returns="a 2 x 2 array", tolerance=1e-9),
        (
            Misconception(
                "The days run the other way here. The level on day $c$ is the intercept plus $c$ "
                "times the slope.",
                lambda covariance, day: moved(covariance, -day),
            ),
            Misconception(
                "The level on another day has another covariance with the slope, too.",
                only_variance,
            ),
            Misconception(
                "In the variance of the new level the covariance of intercept and slope is "
                "forgotten.",
                without_covariance,
            ),
            Misconception(
                "That changes the slope and leaves the intercept: the transpose stands on the "
                "wrong side.",
                transposed,
            ),
            Misconception(
                "A covariance matrix is multiplied from both sides.",
                lambda covariance, day: np.array([[1.0, day], [0.0, 1.0]]) @ covariance,
            ),
            Misconception(
                "Nothing changes here, or only the correlation is set to zero. Which of the "
                "effects keeps its meaning on another day?",
                lambda covariance, day: np.asarray(covariance),
            ),
            Misconception(
                "Nothing changes here, or only the correlation is set to zero. Which of the "
                "effects keeps its meaning on another day?",
                lambda covariance, day: np.diag(np.diag(covariance)),
            ),
        ),
        "A correlation of intercepts and slopes belongs to a day zero. The model is the same for "
        "every choice of it, unless the covariance is left out.",
        "Half for the change of coordinates, half for both sides of the matrix.",
    ),
    Exercise(
        "sleep-more-days",
        CHAPTER,
        Choice("b", "abcd"),
        (
            Misconception(
                "That would be so if the 360 measurements were independent. Of which part of the "
                "variance of a line are there twice as many now?",
                "a",
            ),
            Misconception(
                "It does fall: each person's line is measured better. By how much?",
                "c",
            ),
            Misconception(
                "More data of the same people never make the mean slope less certain.",
                "d",
            ),
        ),
        "The next person is what is asked about, and of persons there are eighteen. To halve the "
        "standard error, find more people.",
        "The letter one half, the two parts of the variance one half.",
    ),
)
