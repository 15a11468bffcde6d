"""Judges the exercises of the chapter "Intervals and tests"."""

from __future__ import annotations

import sympy as sp
from mpmath import betainc

from lmmbook.exercises.exercise import Exercise, Misconception
from lmmbook.exercises.kinds import Choice, Expression, Number

CHAPTER = "intervals-and-tests"
n, t = sp.symbols("n t", positive=True)
SQUARE = n * sp.log(1 + t**2 / (n - 1))


def below(x: float, a: int, b: int) -> float:
    """The F law's distribution function; SciPy's would not be there in a reader's browser."""
    return float(betainc(a / 2, b / 2, 0, a * x / (a * x + b), regularized=True))


ZERO = below(6 / 5, 5, 24)
# sleepstudy, random intercepts and slopes by REML: the mean on day 9, and its standard error
NINTH, ERROR = 345.610678, 14.628786
T = (NINTH - 350) / ERROR

EXERCISES = (
    Exercise(
        "intervals-zeta",
        CHAPTER,
        Expression(SQUARE, {"n": 3, "t": None}),
        (
            Misconception(
                "So it is in large samples. For few observations the logarithm matters.",
                t**2,
            ),
            Misconception(
                "This is $\\zeta$ itself. Its square is asked for.",
                sp.sqrt(SQUARE),
            ),
            Misconception(
                "The profile of ML has $n$ times the logarithm. $n - 1$ belongs to REML.",
                (n - 1) * sp.log(1 + t**2 / (n - 1)),
            ),
            Misconception(
                "Student's $t$ is scaled by $s$, whose square has the divisor $n - 1$.",
                n * sp.log(1 + t**2 / n),
            ),
            Misconception(
                "This is the loss in log likelihood. $\\zeta^2$ is twice that.",
                SQUARE / 2,
            ),
            Misconception(
                "The criterion contains the logarithm $n$ times.",
                sp.log(1 + t**2 / (n - 1)),
            ),
            Misconception(
                "The loss is positive: away from the estimate the sum of squares grows.",
                -SQUARE,
            ),
        ),
        "The profile knows that the scale is estimated, but its cutoff does not: with few "
        "observations the interval is too short.",
        "One half for the profile of the mean, one half for Student's scale.",
    ),
    Exercise(
        "intervals-zero-ml",
        CHAPTER,
        Number(ZERO, 2e-4),
        (
            Misconception(
                "That is how often REML is zero. ML's slope at zero compares with another number.",
                below(1, 5, 24),
            ),
            Misconception(
                "That is the probability of a positive estimate.",
                1 - ZERO,
            ),
            Misconception(
                "One half is the rule for many groups. Six are few.",
                0.5,
            ),
            Misconception(
                "The limit of the quotient is on the other side of one: ML is zero more often "
                "than REML.",
                below(5 / 6, 5, 24),
            ),
            Misconception(
                "The degrees of freedom: five between six groups, 24 within them.",
                below(6 / 5, 6, 24),
            ),
            Misconception(
                "The degrees of freedom: five between six groups, 24 within them.",
                below(6 / 5, 5, 29),
            ),
            Misconception(
                "The degrees of freedom: five between six groups, 24 within them.",
                below(6 / 5, 24, 5),
            ),
        ),
        "Without any variance between six groups of five, ML finds a zero in two of three data "
        "sets.",
        "One half for the slope at zero, one half for the probability.",
    ),
    Exercise(
        "intervals-coverage",
        CHAPTER,
        Choice("c", "abcd"),
        (
            Misconception(
                "Look at the distance of each count from what was promised, in units of its own "
                "standard deviation.",
                "a",
            ),
            Misconception(
                "A count below its mean is nothing rare: half of them are. How far below are the "
                "two?",
                "b",
            ),
            Misconception(
                "An interval that misses is no error: one in twenty is allowed to.",
                "d",
            ),
        ),
        "A simulation has a standard error, too: without it a share is not a finding.",
        "The letter one half, the standard deviation of a count one half.",
    ),
    Exercise(
        "intervals-day-nine",
        CHAPTER,
        Number(T, 1e-3),
        (
            Misconception(
                "The sign: estimate less hypothesis, not the other way round.",
                -T,
            ),
            Misconception(
                "This tests whether the mean is zero. The hypothesis is 350 ms.",
                NINTH / ERROR,
            ),
            Misconception(
                "This is the distance in ms. It has to be divided by its standard error.",
                NINTH - 350,
            ),
            Misconception(
                "The standard error leaves out the covariance of intercept and slope.",
                (NINTH - 350) / 15.495841,
            ),
            Misconception(
                "The standard error is that of ML, or of a model without random slopes.",
                (NINTH - 350) / 14.216624,
            ),
            Misconception(
                "The standard error is that of ML, or of a model without random slopes.",
                (NINTH - 350) / 9.746716,
            ),
        ),
        "A hypothesis about a combination of coefficients: subtract its value, and mind the "
        "covariance.",
        "One half for the estimate and its standard error, one half for the degrees of freedom.",
    ),
)
