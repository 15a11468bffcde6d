"""Judges the exercises of the chapter "A first fit"."""

from __future__ import annotations

import math
from typing import Any

import sympy as sp

from lmmbook.exercises.exercise import Exercise, Misconception
from lmmbook.exercises.kinds import Choice, Expression, Function, Number
from lmmbook.exercises.late import np

CHAPTER = "first-fit"
WIDER = 1.5457889 / 0.80422143  # standard errors of the mean slope, sleepstudy by REML

c, n, p = sp.symbols("c n p", positive=True)
k, m = sp.symbols("k m", positive=True)


def lines(y: Any, x: Any, group: Any) -> float:
    """The variance about a line for each group."""
    total, freedom = about_lines(y, x, group)
    return total / freedom


def about_lines(y: Any, x: Any, group: Any) -> tuple[float, int]:
    total = 0.0
    labels = np.unique(group)
    for label in labels:
        at = group == label
        total += squares(y[at], np.column_stack([np.ones(int(at.sum())), x[at]]))
    return total, len(y) - 2 * len(labels)


def squares(y: Any, X: Any) -> float:
    r = y - X @ np.linalg.pinv(X) @ y
    return float(r @ r)


def indicators(group: Any) -> Any:
    return (group[:, None] == np.unique(group)).astype(float)


def divided_by(divisor: Any) -> Any:
    """The right sum of squares, over something else of the observations and the groups."""

    def wrong(y: Any, x: Any, group: Any) -> float:
        return about_lines(y, x, group)[0] / divisor(len(y), len(np.unique(group)))

    return wrong


def one_line(y: Any, x: Any, group: Any) -> float:
    return squares(y, np.column_stack([np.ones(len(y)), x])) / (len(y) - 2)


def parallel(y: Any, x: Any, group: Any) -> float:
    groups = indicators(group)
    return squares(y, np.column_stack([groups, x])) / (len(y) - groups.shape[1] - 1)


def means(y: Any, x: Any, group: Any) -> float:
    groups = indicators(group)
    return squares(y, groups) / (len(y) - groups.shape[1])


def mean_of_variances(y: Any, x: Any, group: Any) -> float:
    """Each group's own variance, and their plain mean."""
    return float(np.mean([lines(y[at], x[at], group[at])
                          for at in (group == label for label in np.unique(group))]))  # fmt: skip


def people() -> list[tuple[Any, ...]]:
    rng = np.random.default_rng(18)
    cases = []
    for sizes in ((4, 4, 4), (3, 5, 4, 7), (6, 3)):
        group = np.repeat(np.arange(len(sizes)) * 3 + 1, sizes)
        x = rng.permutation(len(group)) - 3 + rng.normal(0, 0.1, len(group))
        y = 3 * group + (group - 4) * x + rng.normal(0, 2, len(group))
        mixed = rng.permutation(len(group))
        cases.append((y[mixed], x[mixed], group[mixed]))
    return cases


EXERCISES = (
    Exercise(
        "first-units",
        CHAPTER,
        Expression(2 * (n - p) * sp.log(c), {"c": None, "n": 30, "p": 1}),
        (
            Misconception(
                "That is for ML. How many contrasts are there, and so how many factors in the "
                "density?",
                2 * n * sp.log(c),
            ),
            Misconception(
                "A factor is lost: the criterion is minus twice a log likelihood.",
                (n - p) * sp.log(c),
            ),
            Misconception(
                "The sign: larger numbers are spread more widely, so their density is lower.",
                -2 * (n - p) * sp.log(c),
            ),
            Misconception(
                "A variance is multiplied. The logarithm of the variance has something added.",
                c**2,
            ),
            Misconception(
                "The place of the minimum stays, but the criterion at it does not.",
                sp.Integer(0),
            ),
            Misconception(
                "Once too often: each contrast has one standard deviation in its density.",
                4 * (n - p) * sp.log(c),
            ),
        ),
        "Other units change a criterion by a constant. Compare criteria only for the same "
        "numbers, not for transformed ones.",
        "Half for what becomes of the estimates, half for the constant.",
    ),
    Exercise(
        "first-lines",
        CHAPTER,
        Function(lines, people),
        (
            Misconception(
                "Divided by the number of observations: each line has used up two.",
                divided_by(lambda n, k: n),
            ),
            Misconception(
                "One line costs two degrees of freedom, and there are as many lines as people.",
                divided_by(lambda n, k: n - 2),
            ),
            Misconception(
                "Each line has an intercept and a slope.",
                divided_by(lambda n, k: n - k),
            ),
            Misconception(
                "The lines have no common slope besides their own.",
                divided_by(lambda n, k: n - 2 * k - 2),
            ),
            Misconception(
                "One line for all: what distinguishes people is counted as error.",
                one_line,
            ),
            Misconception(
                "These lines are parallel. People have slopes of their own.",
                parallel,
            ),
            Misconception(
                "These are deviations from people's means: their lines are not flat.",
                means,
            ),
            Misconception(
                "People with few observations weigh as much here as those with many: add the "
                "squares first, then divide.",
                mean_of_variances,
            ),
            Misconception(
                "This is the sum of squares: it is still to be divided.",
                divided_by(lambda n, k: 1),
            ),
            Misconception(
                "This is a standard deviation. Asked is the variance.",
                lambda y, x, group: lines(y, x, group) ** 0.5,
            ),
        ),
        "With the same days for everybody the errors are what no line explains, for fixed lines "
        "and for random ones.",
        "Half for the sum of squares, half for its degrees of freedom.",
    ),
    Exercise(
        "first-same-sigma2",
        CHAPTER,
        Choice("b", "abcd"),
        (
            Misconception(
                "For equal $\\theta$ the two differ by the factor $n/(n - p)$, whatever $n$ is; "
                "for Dyestuff2 that is what is seen.",
                "a",
            ),
            Misconception(
                "The divisor of REML is not that of ML, also for $\\sigma^2$.",
                "c",
            ),
            Misconception(
                "The digits agree as far as they are computed, on two data sets: no coincidence.",
                "d",
            ),
        ),
        "A ratio of divisors holds for the same $\\theta$. The two optima have different ones.",
        "Half for the letter, half for why Dyestuff2 differs.",
    ),
    Exercise(
        "first-slope-se",
        CHAPTER,
        Number(WIDER, tolerance=1e-3),
        (
            Misconception(
                "Upside down: by how much is the standard error with slopes larger?",
                1 / WIDER,
            ),
            Misconception(
                "This is the ratio of the variances.",
                WIDER**2,
            ),
            Misconception(
                "These are fits by ML; REML was asked for.",
                1.50223678 / 0.80173542,
            ),
            Misconception(
                "That is the slope: the mean line is the same, but how well it is known is not.",
                when=lambda value: math.isclose(value, 1, rel_tol=1e-3),
            ),
            Misconception(
                "The standard deviation of slopes among people is no standard error of their mean.",
                5.9221331 / 0.80422143,
            ),
            Misconception(
                "These are the standard errors of the intercept.",
                6.82455653 / 9.74671625,
            ),
            Misconception(
                "This is the standard error itself, not a ratio.",
                1.5457889,
            ),
            Misconception(
                "You compare with ordinary least squares, which has no random effects at all.",
                1.5457889 / 1.23819530,
            ),
        ),
        "A random effect that is left out can make the standard error of its fixed companion far "
        "too small.",
        "Half for the number, half for the reason.",
    ),
    Exercise(
        "first-boundary",
        CHAPTER,
        Expression((k - 1) / (k * (m - 1)), {"k": 3, "m": 2}),
        (
            Misconception(
                "This is the threshold for the quotient of SSB and the total sum of squares.",
                (k - 1) / (k * m - 1),
            ),
            Misconception(
                "Upside down: which sum of squares is in the denominator?",
                k * (m - 1) / (k - 1),
            ),
            Misconception(
                "One is the threshold for the quotient of the mean squares.",
                sp.Integer(1),
            ),
            Misconception(
                "That is the threshold of ML. Between groups there are fewer degrees of freedom "
                "than groups.",
                1 / (m - 1),
            ),
            Misconception(
                "Within the groups each mean costs a degree of freedom, not one for all.",
                (k - 1) / (k * m - 2),
            ),
            Misconception(
                "Within the groups each mean costs a degree of freedom.",
                (k - 1) / (k * m),
            ),
        ),
        "The estimate is zero exactly when the mean square between groups is not above the one "
        "within.",
        "Half for the inequality, half for the mean squares.",
    ),
)
