"""Judges the exercises of the chapter "Dyestuff"."""

from __future__ import annotations

from mpmath import betainc

from lmmbook.exercises.exercise import Exercise, Misconception
from lmmbook.exercises.kinds import Choice, Function, Number

CHAPTER = "dyestuff"
PLANS = (
    (6, 5, 2451.0, 1764.0),
    (6, 10, 2451.0, 1764.0),
    (12, 5, 13.0, 2.0),
    (3, 2, 0.5, 1.5),
    (30, 2, 1.0, 0.0),
)


def spread(k: int, m: int, sigma2: float, tau2: float) -> float:
    """The variance of the moment estimate of tau2."""
    lam = sigma2 + m * tau2
    return (2 * lam**2 / (k - 1) + 2 * sigma2**2 / (k * (m - 1))) / m**2


def spread_of(between: float = 1, within: float = 1, power: int = 2, lost: int = 1):
    """The same with a factor for each part, another power of m, other degrees of freedom."""

    def answer(k, m, sigma2, tau2):
        lam = sigma2 + m * tau2
        return (
            between * 2 * lam**2 / (k - lost) + within * 2 * sigma2**2 / (k * (m - 1))
        ) / m**power

    return answer


def quantile(probability: float, a: int, b: int) -> float:
    """Of the F law; SciPy's would not be there in a reader's browser."""

    low, high = 0.0, 20.0
    while high - low > 1e-12:
        x = (low + high) / 2
        below = betainc(a / 2, b / 2, 0, a * x / (a * x + b), regularized=True) < probability
        low, high = (x, high) if below else (low, x)
    return low


LOW, HIGH = quantile(0.05, 5, 24), quantile(0.95, 5, 24)
LIMIT = (1 / LOW - 1) / 5

EXERCISES = (
    Exercise(
        "dyestuff-plan",
        CHAPTER,
        Function(spread, PLANS, tolerance=1e-9),
        (
            Misconception(
                "The estimate is a difference of mean squares over $m$. A divisor divides the "
                "variance by its square.",
                spread_of(power=1),
            ),
            Misconception(
                "The estimate is a difference of mean squares over $m$. A divisor divides the "
                "variance by its square.",
                spread_of(power=0),
            ),
            Misconception(
                "The variance of a difference of independent variables is the sum of their "
                "variances, not the difference.",
                spread_of(within=-1),
            ),
            Misconception(
                "The mean square within varies, too, and is subtracted.",
                spread_of(within=0),
            ),
            Misconception(
                "A chi-square variable has a variance of twice its degrees of freedom: a factor 2 "
                "is missing.",
                spread_of(0.5, 0.5),
            ),
            Misconception(
                "Between $k$ groups there are fewer than $k$ degrees of freedom.",
                spread_of(lost=0),
            ),
            Misconception(
                "This is a standard deviation.",
                lambda k, m, sigma2, tau2: spread(k, m, sigma2, tau2) ** 0.5,
            ),
            Misconception(
                "The mean square between has the mean $\\sigma^2 + m\\tau^2$: the error of the "
                "group means is missing, or the factor $m$.",
                lambda k, m, sigma2, tau2: (
                    (2 * (m * tau2) ** 2 / (k - 1) + 2 * sigma2**2 / (k * (m - 1))) / m**2
                ),
            ),
            Misconception(
                "The mean square between has the mean $\\sigma^2 + m\\tau^2$: the error of the "
                "group means is missing, or the factor $m$.",
                lambda k, m, sigma2, tau2: (
                    (2 * (sigma2 + tau2) ** 2 / (k - 1) + 2 * sigma2**2 / (k * (m - 1))) / m**2
                ),
            ),
        ),
        "Where the groups differ as much as here, their number decides. More yields from the same "
        "batches tell about the error, and hardly anything about batches.",
        "One third for each mean square, one third for what follows for the plan.",
    ),
    Exercise(
        "dyestuff-power",
        CHAPTER,
        Number(LIMIT, 1e-3),
        (
            Misconception(
                "That is the other end of the F law. For which values of the quotient is the "
                "estimate zero?",
                (1 / HIGH - 1) / 5,
            ),
            Misconception(
                "That is the other end of the F law. For which values of the quotient is the "
                "estimate zero?",
                (HIGH - 1) / 5,
            ),
            Misconception(
                "That is $1 + m\\phi$, or $m\\phi$. Solve for $\\phi$.",
                1 / LOW,
            ),
            Misconception(
                "That is $1 + m\\phi$, or $m\\phi$. Solve for $\\phi$.",
                1 / LOW - 1,
            ),
            Misconception(
                "That is the limit for ML, whose estimate is zero more often.",
                (6 / 5 / LOW - 1) / 5,
            ),
            Misconception(
                "That is a ratio of standard deviations: $\\phi$ is one of variances.",
                LIMIT**0.5,
            ),
        ),
        "With six batches the variance between them must be rather large before a zero becomes "
        "improbable.",
        "One half for the event, one half for solving.",
    ),
    Exercise(
        "dyestuff-leave-out",
        CHAPTER,
        Choice("d", "abcd"),
        (
            Misconception(
                "The fits differ by far more than that. Leave out the batches at the ends.",
                "a",
            ),
            Misconception(
                "That would be so if the batch in the middle mattered most. A variance is moved by "
                "what lies far from the mean.",
                "b",
            ),
            Misconception(
                "No variance becomes zero: the other five batches still differ. Print all six "
                "shares.",
                "c",
            ),
        ),
        "A variance between six groups rests on six numbers, and one of them may carry half of it.",
        "The letter one half, the six fits one half.",
    ),
)
