"""Judges the exercises of the chapter "Laplace: integrate what you do not want"."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from lmmbook.exercises.exercise import Exercise, Misconception
from lmmbook.exercises.kinds import Choice, Function, MatrixExpression, Number
from matrixproof import Setting, eye
from matrixproof.language.expressions import Expr

CHAPTER = "laplace"
Symbols = dict[str, Expr]
COUNTS = (
    (0, -0.5, 0.8), (1, 0.2, 1.0), (3, 1.0, 0.4), (7, 0.3, 1.7), (40, 2.5, 0.6), (2, 3.0, 0.9),
)  # fmt: skip


def normal_model() -> tuple[Setting, Symbols]:
    s = Setting("n k p", where="n > p")
    k = s.dimensions[1]
    T, X, R = s.matrices("T: n,k"), s.full_rank("X: n,p"), s.positive_definite("R: n")
    return s, {"T": T, "X": X, "R": R, "I": eye(k), "V": R + T * T.T}


def without_beta(z: Symbols) -> Expr:
    return z["I"] + z["T"].T * z["R"].I * z["T"] - lost(z)


def lost(z: Symbols) -> Expr:
    T, X, W = z["T"], z["X"], z["R"].I
    return T.T * W * X * (X.T * W * X).I * X.T * W * T


def mode(y: float, mu: float, tau: float) -> float:
    """Bisection: the slope tau exp(mu + tau u) - y tau + u grows with u."""
    low, high = -60.0, 60.0
    for _ in range(200):
        u = 0.5 * (low + high)
        if tau * math.exp(min(mu + tau * u, 500.0)) - y * tau + u > 0.0:
            high = u
        else:
            low = u
    return 0.5 * (low + high)


def log_chance(
    y: float, mu: float, tau: float,
    place: Callable[..., float] = mode, bend: Callable[..., float] | None = None,
    half: float = 0.5, prior: float = 0.5, factorial: bool = True, constant: float = 0.0,
) -> float:
    u = place(y, mu, tau)
    rate = math.exp(mu + tau * u)
    curvature = 1.0 + tau**2 * rate if bend is None else bend(rate, tau)
    value = y * (mu + tau * u) - rate - prior * u**2 - half * math.log(curvature) + constant
    return value - math.lgamma(y + 1.0) if factorial else value


def one_count(y: float, mu: float, tau: float) -> float:
    return log_chance(y, mu, tau)


def wrong(**change) -> Callable[[float, float, float], float]:
    return partial(log_chance, **change)


EXERCISES = (
    Exercise(
        "integrate-beta-first",
        CHAPTER,
        MatrixExpression(normal_model, without_beta),
        (
            Misconception(
                "The density of $u$ is missing: it adds the identity to the Hessian.",
                lambda z: without_beta(z) - z["I"],
            ),
            Misconception(
                "The sign of the correction: where $\\beta$ is unknown the data say less about "
                "$u$, not more.",
                lambda z: z["I"] + z["T"].T * z["R"].I * z["T"] + lost(z),
            ),
            Misconception(
                "This is the Hessian for known $\\beta$. When $u$ moves, the best $\\beta$ moves "
                "with it.",
                lambda z: z["I"] + z["T"].T * z["R"].I * z["T"],
            ),
            Misconception(
                "$V$ already contains the variance of $u$. Given $u$, the errors' $R$ is the "
                "covariance of the data.",
                lambda z: z["I"] + z["T"].T * z["V"].I * z["T"]
                - z["T"].T * z["V"].I * z["X"] * (z["X"].T * z["V"].I * z["X"]).I
                * z["X"].T * z["V"].I * z["T"],
            ),
            Misconception(
                "An inverse is lost: $(X'R^{-1}X)^{-1}$ stands between.",
                lambda z: z["I"] + z["T"].T * z["R"].I * z["T"]
                - z["T"].T * z["R"].I * z["X"] * z["X"].T * z["R"].I * z["T"],
            ),
        ),
        "Integrating a Gaussian variable out leaves a Schur complement of the joint Hessian.",
        "Half for the square in the coefficients, half for what it leaves in $u$.",
    ),
    Exercise(
        "laplace-of-a-count",
        CHAPTER,
        Function(one_count, COUNTS, tolerance=1e-6),
        (
            Misconception(
                "This is the negative of it: a log probability is never positive.",
                lambda y, mu, tau: -log_chance(y, mu, tau),
            ),
            Misconception(
                "The curvature lacks the 1 that the density of $u$ adds.",
                wrong(bend=lambda rate, tau: tau**2 * rate),
            ),
            Misconception(
                "The curvature is that in the log mean. In $u$ the chain rule brings $\\tau^2$.",
                wrong(bend=lambda rate, tau: 1.0 + rate),
            ),
            Misconception(
                "The chain rule brings $\\tau$ twice, once for every derivative.",
                wrong(bend=lambda rate, tau: 1.0 + tau * rate),
            ),
            Misconception(
                "A factor one half is lost: the area under a bell has the root of the curvature.",
                wrong(half=1.0),
            ),
            Misconception(
                "A broader bell has a larger area: the curvature belongs under the fraction bar.",
                wrong(half=-0.5),
            ),
            Misconception(
                "This is the height at the mode. The bell has a width, too.",
                wrong(half=0.0),
            ),
            Misconception(
                "The bell stands at $u = 0$. It belongs at the minimum of $f$.",
                wrong(place=lambda y, mu, tau: 0.0),
            ),
            Misconception("The density of $u$ is missing at the mode.", wrong(prior=0.0)),
            Misconception("The factorial of the count is missing.", wrong(factorial=False)),
            Misconception(
                "A factor $\\sqrt{2\\pi}$ too much: that of the density of $u$ and that of the "
                "area cancel.",
                wrong(constant=-0.5 * math.log(2.0 * math.pi)),
            ),
        ),
        "Height, place and width: three numbers stand for an integral.",
        "One third for the mode, one third for the curvature, one third for the constants.",
    ),
    Exercise(
        "laplace-one-in-a-thousand",
        CHAPTER,
        Number(84.0),
        (
            Misconception(
                "Only the third derivative was counted. The fourth takes part of it back.", 209.0),
            Misconception("Only the fourth derivative was counted.", 125.0),
            Misconception("The two terms have different signs.", 334.0),
            Misconception(
                "The error is of the order $1/y$, but it is not $1/y$: find the factor.", 1000.0),
            Misconception("Nearly: at that count the error is still larger.", 83.0),
            Misconception("Nearly: one count less will do.", 85.0),
            Misconception("That is the bound in the wrong place: one in ten thousand.", 834.0),
        ),
        "The leading error costs nothing: three derivatives at the mode.",
        "Half for the leading error, half for the count.",
    ),
    Exercise(
        "reml-of-counts",
        CHAPTER,
        Choice("b", "abcd"),
        (
            Misconception(
                "Contrasts remove coefficients from a mean that is linear in them. The log of a "
                "Poisson mean is linear, the mean is not.",
                "a",
            ),
            Misconception(
                "Nothing pulls the coefficients to zero: they are given no density, so that the "
                "joint density is as flat in them as before.",
                "c",
            ),
            Misconception(
                "The integral is replaced by a bell, and a Poisson density in its log mean is no "
                "bell.",
                "d",
            ),
        ),
        "Integrate out is an instruction to the program; what it means depends on the density.",
        "All for the letter with its reason.",
    ),
)
