"""Judges the steps of the lab "One-way ANOVA"."""

from __future__ import annotations

import math

import sympy as sp

from lmmbook.exercises.exercise import Exercise, Misconception
from lmmbook.exercises.kinds import Choice, Derived, Expression, Function, Number
from lmmbook.exercises.late import np
from matrixproof import Setting, define, eye
from matrixproof.judges.exact import matrix
from matrixproof.language.expressions import Expr
from matrixproof.page.derivation import Derivation

CHAPTER = "lab-one-way-anova"
Symbols = dict[str, Expr]
k, m, sigma2, tau2, SSE, SSB = sp.symbols("k m sigma2 tau2 SSE SSB", positive=True)


def balanced() -> tuple[Setting, Symbols]:
    s = Setting("k m", where="k > 1, m > 1")
    kk, mm = s.dimensions

    def groups(draw):
        each = sp.kronecker_product(sp.eye(draw.size(kk)), sp.ones(draw.size(mm), 1))
        return matrix(each.tolist())

    Z = s.matrices("Z: k*m,k", sampler=groups)
    s.assume(Z.T * Z, mm * eye(kk))
    sigma2, tau2 = s.scalars("sigma2 tau2")
    P_w = define("P_w", eye(kk * mm) - Z * Z.T / mm)
    V = define("V", sigma2 * eye(kk * mm) + tau2 * Z * Z.T)
    return s, {"Z": Z, "P_w": P_w, "V": V, "sigma2": sigma2, "tau2": tau2}


def within(z: Symbols) -> Derivation:
    s, z = balanced()
    P_w, V = z["P_w"], z["V"]
    first = s.derive(P_w * V * P_w)
    return first.step(z["sigma2"] * P_w * P_w, "$P_wZ = 0$").step(
        z["sigma2"] * P_w, "$P_w^2 = P_w$"
    )


def same_line(line: Expr, *others: Expr) -> bool:
    return line.key() in [x.key() for x in others]


def one_sided(z: Symbols) -> list[Expr]:
    return [z["P_w"] * z["V"], z["V"] * z["P_w"]]


def between(z: Symbols) -> list[Expr]:
    """Lines in which the random effects are still there."""
    P_w, Z = z["P_w"], z["Z"]
    inside = z["sigma2"] * eye(Z.shape[0]) + z["tau2"] * Z * Z.T
    effects = z["tau2"] * P_w * Z * Z.T * P_w
    return [
        P_w * inside * P_w,
        z["sigma2"] * P_w * P_w + effects,
        z["sigma2"] * P_w + effects,
        effects + z["sigma2"] * P_w,
        effects + z["sigma2"] * P_w * P_w,
    ]


MOMENT = (SSB / (k - 1) - SSE / (k * (m - 1))) / m
BIAS = -(sigma2 + m * tau2) / (k * m)


def grids() -> list[tuple]:
    x = np.linspace(0.3, 9.0, 9)
    return [(x, 3, 5, 1.0, 0.5), (x, 6, 2, 1.7, 0.2), (2 * x, 9, 4, 0.6, 1.9)]


def chi_square(x: np.ndarray, degrees: float, unit: float, jacobian: bool = True) -> np.ndarray:
    """The density of ``unit`` times a chi-square variable."""
    h = degrees / 2
    u = x / unit
    value = np.exp((h - 1) * np.log(u) - u / 2 - h * math.log(2) - math.lgamma(h))
    return value / unit if jacobian else value


def mean_square(x, k, m, sigma2, tau2) -> np.ndarray:
    return chi_square(x, k - 1, (sigma2 + m * tau2) / (k - 1))


# Dyestuff2: sums of squares within and between its six batches of five
WITHIN, BETWEEN = 358.7013504, 41.6816288


def slope(variance: float, divisor: int = 5) -> float:
    """The slope of the log likelihood in tau2, at tau2 = 0."""
    return -5 / 2 * (divisor / variance - BETWEEN / variance**2)


TOTAL = WITHIN + BETWEEN
EDGE = slope(TOTAL / 29)

EXERCISES = (
    Exercise(
        "lab-ow-within",
        CHAPTER,
        Derived(balanced, within),
        (
            Misconception(
                "It runs backwards: begin with the three factors, and end with a multiple of one.",
                when=lambda d: (
                    same_line(d.rhs, within({}).lhs) and same_line(d.lhs, within({}).rhs)
                ),
            ),
            Misconception(
                "A covariance matrix of transformed data has the transformation on both sides.",
                when=lambda d: same_line(d.lhs, *one_sided(balanced()[1])),
            ),
            Misconception(
                "The random effects are still there. What is $P_wZ$?",
                when=lambda d: same_line(d.rhs, *between(balanced()[1])),
            ),
        ),
        "Within the groups there is only measurement error: the projection removes the random "
        "effects, and their covariance with them.",
        "One half for the covariance of transformed data, one half for the derivation.",
    ),
    Exercise(
        "lab-ow-moment",
        CHAPTER,
        Expression(MOMENT, {"k": 2, "m": 2, "SSE": None, "SSB": None}),
        (
            Misconception(
                "This has ML's divisor. The mean of SSB has $k - 1$ in it.",
                (SSB / k - SSE / (k * (m - 1))) / m,
            ),
            Misconception(
                "That is the mean square between the groups. It contains the error variance.",
                SSB / (k - 1),
            ),
            Misconception(
                "That is the mean square between the groups. It contains the error variance.",
                SSB / (m * (k - 1)),
            ),
            Misconception(
                "The difference of the mean squares is $m\\tau^2$: each effect is seen $m$ times.",
                SSB / (k - 1) - SSE / (k * (m - 1)),
            ),
            Misconception(
                "The degrees of freedom within the groups: each group has a mean of its own.",
                (SSB / (k - 1) - SSE / (k * m - 1)) / m,
            ),
            Misconception(
                "The degrees of freedom within the groups: each group has a mean of its own.",
                (SSB / (k - 1) - SSE / (k * m)) / m,
            ),
            Misconception(
                "The two are in each other's place: the mean square between the groups is the "
                "larger one on average.",
                -MOMENT,
            ),
        ),
        "Two equations, each linear: the sum of squares within gives the error variance, the one "
        "between gives what is added to it.",
        "One half for each equation.",
    ),
    Exercise(
        "lab-ow-bias",
        CHAPTER,
        Expression(BIAS, {"k": 2, "m": 2, "sigma2": None, "tau2": None}),
        (
            Misconception(
                "The sign: the bias is the mean of the estimate less the true value. ML's "
                "divisor is too large.",
                -BIAS,
            ),
            Misconception(
                "That is the mean of the estimate. The bias is how far it is from the true value.",
                tau2 + BIAS,
            ),
            Misconception(
                "That is the bias of SSB$/k$. There is a factor $m$ between that and $\\tau^2$.",
                m * BIAS,
            ),
            Misconception(
                "The error variance has its part in the bias, too: the group means have errors.",
                -tau2 / k,
            ),
            Misconception(
                "The group means vary with $\\tau^2$, besides the error.",
                -sigma2 / (k * m),
            ),
            Misconception(
                "That is the bias with the divisor $k - 1$. ML divides by the number of groups.",
                sp.Integer(0),
            ),
        ),
        "The bias is one group's share, and vanishes with the number of groups. It does not vanish "
        "with the number of measurements in each.",
        "One half for the means of both sums of squares, one half for the bias.",
    ),
    Exercise(
        "lab-ow-law",
        CHAPTER,
        Function(mean_square, grids, "an array of densities", 1e-8),
        (
            Misconception(
                "The density of a multiple has to be divided by the multiple: yours does not "
                "integrate to one.",
                lambda x, k, m, sigma2, tau2: chi_square(
                    x, k - 1, (sigma2 + m * tau2) / (k - 1), False
                ),
            ),
            Misconception(
                "$k$ group means, less one for the overall mean: the degrees of freedom are fewer.",
                lambda x, k, m, sigma2, tau2: chi_square(x, k, (sigma2 + m * tau2) / k),
            ),
            Misconception(
                "This is the sum of squares. The mean square is divided by its degrees of freedom.",
                lambda x, k, m, sigma2, tau2: chi_square(x, k - 1, sigma2 + m * tau2),
            ),
            Misconception(
                "This is the law without random effects. The group means vary more than that.",
                lambda x, k, m, sigma2, tau2: chi_square(x, k - 1, sigma2 / (k - 1)),
            ),
            Misconception(
                "An effect is seen in all measurements of its group: $\\tau^2$ counts $m$ times.",
                lambda x, k, m, sigma2, tau2: chi_square(x, k - 1, (sigma2 + tau2) / (k - 1)),
            ),
            Misconception(
                "This is the mean square within the groups. The one between them is asked for.",
                lambda x, k, m, sigma2, tau2: chi_square(x, k * (m - 1), sigma2 / (k * (m - 1))),
            ),
            Misconception(
                "The error variance is left out: a group mean has error as well.",
                lambda x, k, m, sigma2, tau2: chi_square(x, k - 1, m * tau2 / (k - 1)),
            ),
            Misconception(
                "The degrees of freedom are those within the groups.",
                lambda x, k, m, sigma2, tau2: chi_square(
                    x, k * (m - 1), (sigma2 + m * tau2) / (k * (m - 1))
                ),
            ),
        ),
        "A chi-square variable, and the mean square's own mean as its unit. With few groups it is "
        "wide, however many measurements there are in each.",
        "One half for degrees of freedom and unit, one half for the density of a multiple.",
    ),
    Exercise(
        "lab-ow-edge",
        CHAPTER,
        Number(EDGE, 5e-4),
        (
            Misconception(
                "This is the slope for ML, at ML's best value. REML has lost one coefficient.",
                slope(TOTAL / 30, 6),
            ),
            Misconception(
                "The sign: from this edge the likelihood falls.",
                -EDGE,
            ),
            Misconception(
                "At the slides' $\\sigma^2$, the mean square within. On the edge it has another "
                "value: that of a simple sample.",
                slope(WITHIN / 24),
            ),
            Misconception(
                "The divisor of $\\sigma^2$ is $n$. REML has $n - 1$ here.",
                slope(TOTAL / 30),
            ),
            Misconception(
                "This is the slope of minus twice the log likelihood.",
                -2 * EDGE,
            ),
            Misconception(
                "This is the slope in $\\lambda$. $\\tau^2$ moves it $m$ times as fast.",
                EDGE / 5,
            ),
            Misconception(
                "A slope of zero is what a maximum inside has. This one is on the edge.",
                0.0,
            ),
        ),
        "On the edge the slope need not be zero, it must only not lead inside. That is how a "
        "program knows that it has arrived.",
        "One half for the best $\\sigma^2$ on the edge, one half for the slope.",
    ),
    Exercise(
        "lab-ow-report",
        CHAPTER,
        Choice("a", "abcd"),
        (
            Misconception(
                "An estimate of zero is no proof of zero. How often do you get it when the "
                "variance is not zero?",
                "b",
            ),
            Misconception(
                "The program has found the maximum, and a maximum may be on the edge. Nothing has "
                "failed.",
                "c",
            ),
            Misconception(
                "A negative number is no variance: no batches could have it. The moment estimate "
                "says the same as REML, less clearly.",
                "d",
            ),
        ),
        "Report the zero, and with it how little six groups can tell: an interval says more than "
        "the estimate.",
        "The letter one half, the probability of a zero at a plausible ratio one half.",
    ),
)
