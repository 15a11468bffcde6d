"""Judges the exercises of the chapter "Robust and count models"."""

from __future__ import annotations

import math
from collections.abc import Callable

from lmmbook.exercises.exercise import Exercise, Misconception
from lmmbook.exercises.kinds import Choice, Function, Number
from lmmbook.exercises.late import np

CHAPTER = "robust-and-count-models"
LEVELS = ((0.0, 0.3), (0.5, 1.0), (-1.0, 1.6), (1.2, 0.7), (2.0, 1.0))
SCALE, FREEDOM = 14.494449, 2.898021  # of the fit in the chapter
SD = SCALE * math.sqrt(FREEDOM / (FREEDOM - 2.0))


def zero_chance(mu: float, tau: float) -> float:
    """By the trapezium rule, which is accurate far beyond the tolerance for such an integrand."""
    u = np.linspace(-12.0, 12.0, 4001)
    bell = np.exp(-0.5 * u**2)
    return float(np.sum(np.exp(-np.exp(mu + tau * u)) * bell) / np.sum(bell))


def poisson_zero(rate: Callable[[float, float], float]) -> Callable[[float, float], float]:
    return lambda mu, tau: math.exp(-rate(mu, tau))


EXERCISES = (
    Exercise(
        "a-tenth-of-the-weight",
        CHAPTER,
        Number(3.0 * math.sqrt(3.0), tolerance=1e-4),
        (
            Misconception("That is the square of it: the weight depends on $t^2$.", 27.0),
            Misconception(
                "The largest weight is not 1: compare with the weight at $t = 0$.",
                math.sqrt(37.0),
            ),
            Misconception(
                "Nearly: a tenth is reached when the denominator is ten times its smallest value, "
                "and part of that value is there already.",
                math.sqrt(30.0),
            ),
            Misconception("That is where the pull is strongest.", math.sqrt(3.0)),
            Misconception(
                "This is far too far out: the weight falls with the square of $t$.",
                when=lambda value: value > 27.5,
            ),
        ),
        "Heavy tails give an outlier a small weight, never none.",
        "Half for the equation, half for the number.",
    ),
    Exercise(
        "scale-is-no-deviation",
        CHAPTER,
        Number(SD, tolerance=5e-4),
        (
            Misconception(
                "That is the scale. A Student-t variable has a variance larger than 1.", SCALE),
            Misconception("That is the variance. Which has the unit of the data?", SD**2),
            Misconception(
                "The factor is for the variance, and you used it for the standard deviation.",
                SCALE * FREEDOM / (FREEDOM - 2.0),
            ),
            Misconception(
                "You subtract one where the variance needs another number: for which degrees of "
                "freedom does it cease to exist?",
                SCALE * math.sqrt(FREEDOM / (FREEDOM - 1.0)),
            ),
            Misconception(
                "Numerator and denominator are exchanged.",
                SCALE * math.sqrt((FREEDOM - 2.0) / FREEDOM),
            ),
            Misconception("That is from the normal fit.", 25.591819),
        ),
        "Two models may agree in a variance, and differ in all else.",
        "Half for the variance of Student's distribution, half for the number.",
    ),
    Exercise(
        "chance-of-none",
        CHAPTER,
        Function(zero_chance, LEVELS, tolerance=1e-5),
        (
            Misconception(
                "This is the chance for a chick whose effect is zero.",
                poisson_zero(lambda mu, tau: math.exp(mu)),
            ),
            Misconception(
                "This is a Poisson variable with the same mean. It has fewer zeros: the chance is "
                "a mean of exponentials, not the exponential of a mean.",
                poisson_zero(lambda mu, tau: math.exp(mu + tau**2 / 2.0)),
            ),
            Misconception(
                "The standard deviation is $\\tau$, and you used its square.",
                lambda mu, tau: zero_chance(mu, tau**2),
            ),
            Misconception(
                "The nodes of Gauss and Hermite belong to $e^{-z^2}$: the effect is $\\sqrt2$ "
                "times a node.",
                lambda mu, tau: zero_chance(mu, tau / math.sqrt(2.0)),
            ),
            Misconception(
                "The weights do not add up to 1: divide by their sum.",
                lambda mu, tau: math.sqrt(math.pi) * zero_chance(mu, tau),
            ),
            Misconception(
                "The weights do not add up to 1: divide by their sum.",
                lambda mu, tau: math.sqrt(2.0 * math.pi) * zero_chance(mu, tau),
            ),
            Misconception(
                "This is the chance of at least one.",
                lambda mu, tau: 1.0 - zero_chance(mu, tau),
            ),
        ),
        "A marginal probability is a mean of conditional ones.",
        "Half for the integral, half for its computation.",
    ),
    Exercise(
        "freedom-without-end",
        CHAPTER,
        Choice("c", "abcd"),
        (
            Misconception(
                "The likelihood is level out there: another start or more steps change the "
                "number, and nothing else.",
                "a",
            ),
            Misconception(
                "A number that is stopped by chance is no estimate, and its standard error "
                "describes no maximum.",
                "b",
            ),
            Misconception(
                "That the data do not show heavy tails is an answer, too: the other estimates "
                "stand.",
                "d",
            ),
        ),
        "A parameter at the end of its range is a simpler model.",
        "All for the letter with its reason.",
    ),
)
