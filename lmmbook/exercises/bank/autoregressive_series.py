"""Judges the exercises of the chapter "A series: the Nile"."""

from __future__ import annotations

from typing import Any

from lmmbook.exercises.exercise import Exercise, Misconception
from lmmbook.exercises.kinds import Choice, Function, Number

CHAPTER = "autoregressive-series"

# the fits of the chapter: mean, coefficient and last effect, by REML, by ML, and of the walk
MEAN, COEFFICIENT, LAST = 922.222186, 0.912667610, -139.61750359
BY_ML = 920.6946258 - 139.75027763 * 0.861032937**10
WALK = 1111.6686787 - 313.30138537


def stationary(years: int) -> float:
    return MEAN + COEFFICIENT**years * LAST


def in_other_units(sigma2: float, tau2: float, a: float, beta: float, c: float) -> tuple[Any, ...]:
    return c**2 * sigma2, c**2 * tau2, a, c * beta


ESTIMATES = (
    (12813.7, 3430.3, 0.91, 922.2, 10.0),
    (2.0, 0.5, -0.4, -3.0, 0.2),
    (1.5, 4.0, 0.3, 7.0, 3.0),
    (1.23457, 0.70413, 0.61803, 2.71828, -1.5),
)

EXERCISES = (
    Exercise(
        "nile-forecast",
        CHAPTER,
        Number(stationary(10), tolerance=2e-5),
        (
            Misconception(
                "That is the forecast of the walk, which stays where it is. A stationary series "
                "is drawn back to its mean.",
                WALK,
            ),
            Misconception(
                "That is the level of the last year. How much of its distance from the mean is "
                "left after ten more?",
                stationary(0),
            ),
            Misconception(
                "One year only: the share is taken ten times over.",
                stationary(1),
            ),
            Misconception(
                "That is the mean. The memory of the last year has faded, but not gone.",
                MEAN,
            ),
            Misconception(
                "By ML. It was asked for REML, whose coefficient is nearer to 1.",
                BY_ML,
            ),
            Misconception("Count the years from 1970: there is one too few.", stationary(9)),
            Misconception("Count the years from 1970: there is one too many.", stationary(11)),
            Misconception(
                "The share decays by a factor each year, not by a constant.",
                MEAN + LAST * (1 - 10 * (1 - COEFFICIENT)),
            ),
            Misconception(
                "The sign of the last effect: in 1970 the level was below the mean.",
                MEAN - COEFFICIENT**10 * LAST,
            ),
        ),
        "Two models that fit alike may part in their forecasts: one returns, one does not.",
        "Half for the state of 1970, half for what becomes of it.",
    ),
    Exercise(
        "nile-units",
        CHAPTER,
        Function(
            in_other_units,
            ESTIMATES,
            returns="four numbers: sigma2, tau2, a and beta",
            tolerance=1e-9,
        ),
        (
            Misconception(
                "Variances are in squared units.",
                lambda sigma2, tau2, a, beta, c: (c * sigma2, c * tau2, a, c * beta),
            ),
            Misconception(
                "The coefficient has no units: it compares the series with itself.",
                lambda sigma2, tau2, a, beta, c: (c**2 * sigma2, c**2 * tau2, c * a, c * beta),
            ),
            Misconception(
                "The innovations are in the units of the data, like the noise.",
                lambda sigma2, tau2, a, beta, c: (c**2 * sigma2, tau2, a, c * beta),
            ),
            Misconception(
                "The mean is in the units of the data, not in their squares.",
                lambda sigma2, tau2, a, beta, c: (c**2 * sigma2, c**2 * tau2, a, c**2 * beta),
            ),
            Misconception(
                "The other way round: larger numbers have a larger mean.",
                lambda sigma2, tau2, a, beta, c: (sigma2 / c**2, tau2 / c**2, a, beta / c),
            ),
            Misconception(
                "The mean changes, too.",
                lambda sigma2, tau2, a, beta, c: (c**2 * sigma2, c**2 * tau2, a, beta),
            ),
        ),
        "What is compared with itself has no units: a, and the ratio of the variances.",
        "A quarter for each number.",
    ),
    Exercise(
        "nile-other-year",
        CHAPTER,
        Choice("b", "abcd"),
        (
            Misconception(
                "Zero was the answer for the right year only: fit it.",
                "a",
            ),
            Misconception(
                "The likelihood is finite, and a jump is no reason for an infinite variance.",
                "c",
            ),
            Misconception(
                "A walk and a step may stand side by side, in the effects and in $X$.",
                "d",
            ),
        ),
        "A variance is what the fixed part has left unexplained. A better mean makes it smaller.",
        "Half for the letter, half for the fit that shows it.",
    ),
)
