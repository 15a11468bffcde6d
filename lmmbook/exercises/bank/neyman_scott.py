"""Judges the exercises of the chapter "Neyman and Scott"."""

from __future__ import annotations

import sympy as sp

from lmmbook.exercises.exercise import Exercise, Misconception
from lmmbook.exercises.kinds import Choice, Expression, FalseStep, Function
from lmmbook.exercises.late import np
from matrixproof import Setting
from matrixproof.language.expressions import Expr

CHAPTER = "neyman-scott"
Symbols = dict[str, Expr]
q, r = sp.symbols("q r", positive=True)


def tables() -> list[tuple[np.ndarray]]:
    """Tables whose rows have means of their own, of several shapes."""
    rng = np.random.default_rng(1948)
    shapes = ((5, 2), (4, 3), (7, 4), (2, 6))
    return [(rng.normal(0, 4, (k, 1)) + rng.normal(0.3, 1.3, (k, m)),) for k, m in shapes]


def within(table: np.ndarray) -> float:
    return float(np.sum((table - table.mean(axis=1, keepdims=True)) ** 2))


def overall(table: np.ndarray) -> float:
    return float(np.sum((table - table.mean()) ** 2))


def estimates(table: np.ndarray) -> tuple[float, float]:
    k, m = table.shape
    return within(table) / (k * m), within(table) / (k * (m - 1))


def scaled(degrees: float, ml: float, reml: float, s: float) -> tuple[float, ...]:
    """Mean and variance of a sum of squares over two divisors."""
    return tuple(x for c in (ml, reml) for x in (degrees / c * s, 2 * degrees / c**2 * s**2))


def moments(k: int, m: int, sigma2: float) -> tuple[float, ...]:
    return scaled(k * (m - 1), k * m, k * (m - 1), sigma2)


def pairs() -> tuple[Setting, Symbols]:
    s = Setting("k")
    y1, y2 = s.vectors("y_1: k; y_2: k")
    return s, {"y_1": y1, "y_2": y2}


def squares(z: Symbols) -> list[Expr]:
    y1, y2 = z["y_1"], z["y_2"]
    d, mean = y1 - y2, (y1 + y2) / 2
    return [
        (y1 - mean).T * (y1 - mean) + (y2 - mean).T * (y2 - mean),
        2 * ((d / 2).T * (d / 2)),
        d.T * d / 4,
        (y1.T * y1 - 2 * (y1.T * y2) + y2.T * y2) / 4,
    ]


EXERCISES = (
    Exercise(
        "ns-estimates",
        CHAPTER,
        Function(estimates, tables, "a pair of numbers", tolerance=1e-9),
        (
            Misconception(
                "The two are in the wrong order: ML comes first, and it is the smaller.",
                lambda table: estimates(table)[::-1],
            ),
            Misconception(
                "REML takes away one degree of freedom for each coefficient. You took away a "
                "single one, as if there were one mean.",
                lambda table: (within(table) / table.size, within(table) / (table.size - 1)),
            ),
            Misconception(
                "The squares are about one common mean. They contain the differences between the "
                "objects; each row has a mean of its own.",
                lambda table: (overall(table) / table.size, overall(table) / (table.size - 1)),
            ),
            Misconception(
                "The squares are about one common mean. They contain the differences between the "
                "objects; each row has a mean of its own.",
                lambda table: (
                    overall(table) / table.size,
                    overall(table) / (table.size - len(table)),
                ),
            ),
            Misconception(
                "These are standard deviations. The variance is asked for.",
                lambda table: tuple(x**0.5 for x in estimates(table)),
            ),
            Misconception(
                "The divisors are those of a single row. The squares of all rows were added.",
                lambda table: (
                    within(table) / table.shape[1],
                    within(table) / (table.shape[1] - 1),
                ),
            ),
            Misconception(
                "Both divide by the number of observations. Only one of the two methods does.",
                lambda table: (estimates(table)[0],) * 2,
            ),
            Misconception(
                "Both divide by the degrees of freedom. Only one of the two methods does.",
                lambda table: (estimates(table)[1],) * 2,
            ),
        ),
        "One sum of squares, two divisors: the number of observations for ML, what the "
        "coefficients leave of it for REML.",
        "One third for the squares about the row means, one third for each divisor.",
    ),
    Exercise(
        "ns-moments",
        CHAPTER,
        Function(
            moments,
            ((3, 2, 1.7), (12, 3, 0.4), (7, 5, 2.3), (1, 2, 1.0), (30, 2, 3.1)),
            "four numbers",
            tolerance=1e-9,
        ),
        (
            Misconception(
                "The variances have the wrong units: the variance of an estimate of $\\sigma^2$ "
                "is in units of $\\sigma^4$.",
                lambda k, m, sigma2: tuple(x * sigma2 for x in moments(k, m, 1.0)),
            ),
            Misconception(
                "A divisor divides the variance by its square, not by itself.",
                lambda k, m, sigma2: (
                    (m - 1) / m * sigma2,
                    2 * (m - 1) / m * sigma2**2,
                    sigma2,
                    2 * sigma2**2,
                ),
            ),
            Misconception(
                "You counted the degrees of freedom as if one mean had been estimated. Here each "
                "object takes one.",
                lambda k, m, sigma2: scaled(k * m - 1, k * m, k * m - 1, sigma2),
            ),
            Misconception(
                "You counted the degrees of freedom as if one mean had been estimated. Here each "
                "object takes one.",
                lambda k, m, sigma2: scaled(k * m - 1, k * m, k * (m - 1), sigma2),
            ),
            Misconception(
                "The squares about estimated means have fewer degrees of freedom than there are "
                "observations.",
                lambda k, m, sigma2: scaled(k * m, k * m, k * (m - 1), sigma2),
            ),
            Misconception(
                "A chi-square variable has a variance of twice its degrees of freedom: a factor 2 "
                "is missing.",
                lambda k, m, sigma2: tuple(
                    x / (1 + i % 2) for i, x in enumerate(moments(k, m, sigma2))
                ),
            ),
            Misconception(
                "These are standard deviations where variances are asked for.",
                lambda k, m, sigma2: tuple(
                    x**0.5 if i % 2 else x for i, x in enumerate(moments(k, m, sigma2))
                ),
            ),
            Misconception(
                "This has REML first. The order is ML, then REML.",
                lambda k, m, sigma2: moments(k, m, sigma2)[2:] + moments(k, m, sigma2)[:2],
            ),
        ),
        "With more objects both variances go to zero. The bias of ML does not contain the number "
        "of objects at all.",
        "A quarter for each of the four numbers.",
    ),
    Exercise(
        "ns-false-step",
        CHAPTER,
        FalseStep(pairs, squares, (2, {"y_1": [[2]], "y_2": [[0]]})),
        (
            Misconception(
                "The mean of two numbers is as far from the one as from the other, by half of "
                "their difference: that step holds.",
                when=lambda value: value[0] == 1,
            ),
            Misconception(
                "That step only multiplies out, and the cross product has the right factor.",
                when=lambda value: value[0] == 3,
            ),
            Misconception(
                "It is that step, but with equal measurements both sides are zero. Take a "
                "difference.",
                when=lambda value: (
                    value[0] == 2
                    and (sp.Matrix(value[1]["y_1"]) - sp.Matrix(value[1]["y_2"])).is_zero_matrix
                ),
            ),
        ),
        "The square of a half is a quarter, and there are two of them. Numbers in place of vectors "
        "find such slips at once.",
        "One third for the step, two thirds for vectors that show it.",
    ),
    Exercise(
        "ns-multiple",
        CHAPTER,
        Expression((2 * q + 3 * r) / (q + 2 * r), {"q": 1, "r": 1}),
        (
            Misconception(
                "That is the multiple for pairs alone. An object with three measurements loses a "
                "smaller part.",
                sp.Integer(2),
            ),
            Misconception(
                "That is what the MLE is on average, in units of the true variance. Its bias is to "
                "be undone, not done again.",
                (q + 2 * r) / (2 * q + 3 * r),
            ),
            Misconception(
                "You divide by the number of coefficients. What counts is how many degrees of "
                "freedom they leave.",
                (2 * q + 3 * r) / (q + r),
            ),
            Misconception(
                "Only one coefficient is counted. Each object has a mean of its own.",
                (2 * q + 3 * r) / (2 * q + 3 * r - 1),
            ),
            Misconception(
                "This averages the multiples of pairs and of triples. Add observations and "
                "degrees of freedom first, and divide then.",
                (2 * q + sp.Rational(3, 2) * r) / (q + r),
            ),
        ),
        "The multiple depends on the design only, through the share of coefficients among "
        "observations.",
        "Half for counting observations and coefficients, half for the ratio.",
    ),
    Exercise(
        "ns-large-m",
        CHAPTER,
        Choice("b", "abcd"),
        (
            Misconception(
                "More objects make the variance small, but each brings a coefficient: the share "
                "of coefficients among observations, and with it the bias, stays.",
                "a",
            ),
            Misconception(
                "Look at the variance for one object that is measured ever more often: does it "
                "need other objects to go to zero?",
                "c",
            ),
            Misconception(
                "The number of coefficients is no harm in itself; its share among the "
                "observations is. Can that share become small?",
                "d",
            ),
        ),
        "Bias is about the share of coefficients among observations, variance about what is left.",
        "The letter one half, the reason with mean and variance one half.",
    ),
    Exercise(
        "ns-false-line",
        CHAPTER,
        Choice("b", "abcd"),
        (
            Misconception(
                "The mean of a pair has the right mean, however large its variance is. Unbiased "
                "is not the same as consistent.",
                "a",
            ),
            Misconception(
                "The same sum of squares is divided by a larger number for ML, so its variance is "
                "smaller. Biased is not the same as widely spread.",
                "c",
            ),
            Misconception(
                "Each pair brings a coefficient, and each coefficient takes its share away from "
                "the mean of the profile score.",
                "d",
            ),
        ),
        "Identified parameters are not enough for consistency when their number grows.",
        "The letter one half, one half for why the others hold.",
    ),
)
