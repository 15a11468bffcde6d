"""Judges the exercises of the chapter "One-way ANOVA"."""

from __future__ import annotations

import sympy as sp
from mpmath import betainc

from lmmbook.exercises.exercise import Exercise, Misconception
from lmmbook.exercises.kinds import (
    Choice,
    Expression,
    Function,
    MatrixExpression,
    Number,
    is_large_inverse,
)
from lmmbook.exercises.late import np
from matrixproof import Setting, eye
from matrixproof.judges.exact import matrix
from matrixproof.language.expressions import Expr

CHAPTER = "one-way-anova"
Symbols = dict[str, Expr]
k, d = sp.symbols("k d", positive=True)


def balanced() -> tuple[Setting, Symbols]:
    s = Setting("k m", where="k > 1, m > 1")
    k, m = s.dimensions

    def indicators(draw):
        each = sp.kronecker_product(sp.eye(draw.size(k)), sp.ones(draw.size(m), 1))
        return matrix(each.tolist())

    Z = s.matrices("Z: k*m,k", sampler=indicators)
    s.assume(Z.T * Z, m * eye(k))
    sigma2, tau2 = s.scalars("sigma2 tau2")
    return s, {"Z": Z, "sigma2": sigma2, "tau2": tau2}


def inverse(z: Symbols, within=None, between=None, scale=None) -> Expr:
    """(I - ZZ'/m)/within + (ZZ'/m)/between, by default those of V."""
    Z, sigma2, tau2 = z["Z"], z["sigma2"], z["tau2"]
    m = Z.shape[0] / Z.shape[1]
    within = sigma2 if within is None else within
    between = sigma2 + m * tau2 if between is None else between
    means = Z * Z.T / (m if scale is None else scale)
    return (eye(Z.shape[0]) - means) / within + means / between


def rows(z: Symbols) -> Expr:
    return z["Z"].shape[0] / z["Z"].shape[1]


def tables() -> list[tuple[np.ndarray]]:
    """Inside, on the boundary for both methods, for ML alone, and inside again."""
    rng = np.random.default_rng(53)
    shapes = ((5, 3), (4, 6), (3, 4), (8, 2))
    found = []
    for (a, b), quotient in zip(shapes, (6.0, 0.4, 1.2, 2.5), strict=True):
        means, errors = rng.normal(0, 1, a), rng.normal(0, 1.7, (a, b))
        errors -= errors.mean(axis=1, keepdims=True)
        within = np.sum(errors**2) / (a * (b - 1))
        means *= np.sqrt(quotient * within / (b * means.var(ddof=1)))
        found.append((0.3 + means[:, None] + errors,))
    return found


def squares(table: np.ndarray) -> tuple[float, float]:
    means = table.mean(axis=1)
    sse = np.sum((table - means[:, None]) ** 2)
    return float(sse), float(table.shape[1] * np.sum((means - table.mean()) ** 2))


def printed(table: np.ndarray, divisor: int) -> tuple[float, float]:
    (sse, ssb), (a, b) = squares(table), table.shape
    within = sse / (a * (b - 1))
    return within, (ssb / divisor - within) / b


def estimates(table: np.ndarray, divisor: int, total: int) -> tuple[float, float]:
    within, between = printed(table, divisor)
    return (within, between) if between > 0 else (sum(squares(table)) / total, 0.0)


def both(table: np.ndarray) -> tuple[float, ...]:
    a, n = len(table), table.size
    return estimates(table, a, n) + estimates(table, a - 1, n - 1)


def each(change):
    """Wrong estimates of both methods, each from the table and its divisor."""

    def answer(table):
        return change(table, len(table)) + change(table, len(table) - 1)

    return answer


def clipped(table, divisor):
    within, between = printed(table, divisor)
    return within, max(between, 0.0)


def on_boundary(table, divisor, value):
    within, between = printed(table, divisor)
    return (within, value(within, between)) if between > 0 else clipped(table, divisor)


def total_variance(table, divisor):
    return printed(table, divisor) if printed(table, divisor)[1] > 0 else (table.var(), 0.0)


def without_m(table, divisor):
    (sse, ssb), (a, b) = squares(table), table.shape
    within = sse / (a * (b - 1))
    between = ssb / divisor - within
    return (within, between) if between > 0 else estimates(table, divisor, table.size - a + divisor)


def means_only(table, divisor):
    a, b = table.shape
    between = squares(table)[1] / (b * divisor)
    inside = printed(table, divisor)[1] > 0
    end = estimates(table, divisor, table.size - a + divisor)
    return (end[0], between) if inside else end


MSE = (2 * (k - 1) + (k - 1 - d) ** 2) / d**2
CASES = ((6, 5, 0.0), (6, 5, 0.3), (3, 2, 1.4), (12, 4, 0.2), (2, 7, 0.05))


def fdtr(a: int, b: int, x: float) -> float:
    """The F law's distribution function; SciPy's would not be there in a reader's browser."""
    return float(betainc(a / 2, b / 2, 0, a * x / (a * x + b), regularized=True))


def zero(k, m, phi):
    return fdtr(k - 1, k * (m - 1), 1 / (1 + m * phi))


LEVEL = 1 - zero(6, 5, 0.0)

EXERCISES = (
    Exercise(
        "one-way-inverse",
        CHAPTER,
        MatrixExpression(
            balanced,
            inverse,
            {
                is_large_inverse: "It has the right value, but a matrix is inverted in it. Numbers "
                "are all that needs to be inverted here.",
            },
        ),
        (
            Misconception(
                "This is the covariance matrix itself, not its inverse.",
                lambda z: z["sigma2"] * eye(z["Z"].shape[0]) + z["tau2"] * z["Z"] * z["Z"].T,
            ),
            Misconception(
                "You inverted term by term. The inverse of a sum is not the sum of inverses.",
                lambda z: eye(z["Z"].shape[0]) / z["sigma2"] + z["Z"] * z["Z"].T / z["tau2"],
            ),
            Misconception(
                "The sign: random effects make the data less informative, so something is taken "
                "away from $I/\\sigma^2$.",
                lambda z: 2 * eye(z["Z"].shape[0]) / z["sigma2"] - inverse(z),
            ),
            Misconception(
                "The eigenvalue between the groups has $\\tau^2$ in it once; count how many "
                "observations of a group share the effect.",
                lambda z: inverse(z, between=z["sigma2"] + z["tau2"]),
            ),
            Misconception(
                "$ZZ'$ is no projection. How long is a column of $Z$?",
                lambda z: inverse(z, scale=1),
            ),
            Misconception(
                "Between the groups there is $\\sigma^2$, too: the mean of a group has error.",
                lambda z: inverse(z, between=rows(z) * z["tau2"]),
            ),
            Misconception(
                "The two eigenvalues are in each other's place.",
                lambda z: inverse(z, within=z["sigma2"] + rows(z) * z["tau2"], between=z["sigma2"]),
            ),
        ),
        "Two projections and two numbers: on each part the covariance matrix is a multiple of the "
        "identity, and so is every function of it.",
        "One half for the two parts, one half for the two numbers.",
    ),
    Exercise(
        "one-way-estimates",
        CHAPTER,
        Function(both, tables, "four numbers", tolerance=1e-8),
        (
            Misconception(
                "These are the slides' formulas, boundary or not. On one of the data sets a "
                "variance is negative.",
                each(printed),
            ),
            Misconception(
                "A negative variance is put to zero, and nothing else is done. On the boundary the "
                "other variance has to be estimated anew.",
                each(clipped),
            ),
            Misconception(
                "On the boundary REML divides by another number than ML: one coefficient is still "
                "in the model.",
                each(total_variance),
            ),
            Misconception(
                "Both methods have the divisor $k - 1$ between the groups. The likelihood of all "
                "data has another one.",
                lambda t: both(t)[2:] * 2,
            ),
            Misconception(
                "Both methods have the divisor $k$ between the groups. REML has lost one "
                "coefficient.",
                lambda t: both(t)[:2] * 2,
            ),
            Misconception(
                "This has REML first. The order is ML, then REML.",
                lambda t: both(t)[2:] + both(t)[:2],
            ),
            Misconception(
                "This has $\\tau^2$ before $\\sigma^2$.",
                lambda t: tuple(both(t)[i] for i in (1, 0, 3, 2)),
            ),
            Misconception(
                "The difference of the mean squares is $m\\tau^2$, not $\\tau^2$.",
                each(without_m),
            ),
            Misconception(
                "The variance of the group means is not $\\tau^2$: the means have errors, whose "
                "share is to be subtracted.",
                each(means_only),
            ),
            Misconception(
                "These are standard deviations.",
                lambda t: tuple(x**0.5 for x in both(t)),
            ),
        ),
        "Mean squares inside, the total sum of squares on the boundary: both variances change "
        "where one of them becomes zero.",
        "One third for the mean squares, one third for the divisors, one third for the boundary.",
    ),
    Exercise(
        "one-way-divisor",
        CHAPTER,
        Expression(MSE, {"k": 2, "d": None}),
        (
            Misconception(
                "This is the variance. The mean square error contains the bias as well, unless "
                "$d = k - 1$.",
                2 * (k - 1) / d**2,
            ),
            Misconception(
                "This is the squared bias. The mean square error contains the variance as well.",
                ((k - 1) / d - 1) ** 2,
            ),
            Misconception(
                "The bias is added, not its square. Look at the units.",
                2 * (k - 1) / d**2 + (k - 1) / d - 1,
            ),
            Misconception(
                "The sum of squares between $k$ groups has fewer than $k$ degrees of freedom.",
                2 * k / d**2 + (k / d - 1) ** 2,
            ),
            Misconception(
                "A chi-square variable has a variance of twice its degrees of freedom: a factor 2 "
                "is missing.",
                (k - 1) / d**2 + ((k - 1) / d - 1) ** 2,
            ),
            Misconception(
                "A divisor divides the variance by its square, not by itself.",
                2 * (k - 1) / d + ((k - 1) / d - 1) ** 2,
            ),
            Misconception(
                "That belongs to one divisor only. The divisor is to stay a symbol.",
                2 / (k - 1),
            ),
            Misconception(
                "That belongs to one divisor only. The divisor is to stay a symbol.",
                (2 * k - 1) / k**2,
            ),
            Misconception(
                "That belongs to one divisor only. The divisor is to stay a symbol.",
                2 / (k + 1),
            ),
        ),
        "The divisor with the smallest error is larger than both ML's and REML's. Smallest error, "
        "highest likelihood and no bias are three different wishes.",
        "One third for the variance, one third for the bias, one third for the best divisor.",
    ),
    Exercise(
        "one-way-zero",
        CHAPTER,
        Function(zero, CASES, "a probability", tolerance=1e-7),
        (
            Misconception(
                "This is the probability of a positive estimate.",
                lambda k, m, phi: 1 - zero(k, m, phi),
            ),
            Misconception(
                "The quotient of the mean squares is an F variable only when $\\phi = 0$; "
                "otherwise a multiple of one.",
                lambda k, m, phi: zero(k, m, 0.0),
            ),
            Misconception(
                "You multiplied by the factor of the F variable where you should divide. With a "
                "large $\\phi$ zeros are rare.",
                lambda k, m, phi: fdtr(k - 1, k * (m - 1), 1 + m * phi),
            ),
            Misconception(
                "The variance of a group mean, in units of its error variance, is $1 + m\\phi$, "
                "not $1 + \\phi$.",
                lambda k, m, phi: fdtr(k - 1, k * (m - 1), 1 / (1 + phi)),
            ),
            Misconception(
                "The degrees of freedom are in the wrong order: the mean square between stands "
                "above.",
                lambda k, m, phi: fdtr(k * (m - 1), k - 1, 1 / (1 + m * phi)),
            ),
            Misconception(
                "The mean square between the groups has $k - 1$ degrees of freedom: an overall "
                "mean is estimated.",
                lambda k, m, phi: fdtr(k, k * (m - 1), 1 / (1 + m * phi)),
            ),
            Misconception(
                "The mean square within the groups has fewer degrees of freedom than that: each "
                "group has a mean of its own.",
                lambda k, m, phi: fdtr(k - 1, k * m - 1, 1 / (1 + m * phi)),
            ),
            Misconception(
                "That is how often ML is zero. REML compares the mean squares themselves.",
                lambda k, m, phi: fdtr(k - 1, k * (m - 1), k / (k - 1) / (1 + m * phi)),
            ),
        ),
        "A zero is an event with a probability that can be computed. With few groups it is not "
        "rare.",
        "One half for the event as one of mean squares, one half for its law.",
    ),
    Exercise(
        "one-way-level",
        CHAPTER,
        Number(LEVEL, 2e-4),
        (
            Misconception(
                "That is the usual level, which asks for far more than a quotient above one.",
                0.05,
            ),
            Misconception(
                "That is the probability of a zero. The level is that of rejecting.",
                1 - LEVEL,
            ),
            Misconception(
                "The quotient exceeds one with a probability other than one half: its law is not "
                "symmetric about one.",
                0.5,
            ),
            Misconception(
                "ML's zero goes by another quotient than one. REML was asked for.",
                1 - fdtr(5, 24, 6 / 5),
            ),
            Misconception(
                "The mean square between the groups has five degrees of freedom, that within them "
                "24: count the means that were estimated.",
                1 - fdtr(6, 24, 1.0),
            ),
            Misconception(
                "The mean square between the groups has five degrees of freedom, that within them "
                "24: count the means that were estimated.",
                1 - fdtr(5, 29, 1.0),
            ),
        ),
        "A positive estimate is weak evidence: without any variance between the groups it is seen "
        "almost every second time.",
        "One half for the quotient, one half for its tail.",
    ),
    Exercise(
        "one-way-unbiased",
        CHAPTER,
        Choice("c", "abcd"),
        (
            Misconception(
                "The mean square within the groups is unbiased, whatever the estimates do. Is it "
                "always the estimate?",
                "a",
            ),
            Misconception(
                "Inside the permitted region that is what the REML equations say.",
                "b",
            ),
            Misconception(
                "A moment estimate may be negative, and on average it is right. What does cutting "
                "off the negative values do to the average?",
                "d",
            ),
        ),
        "The equations are unbiased, the estimates are not: between them stands the boundary.",
        "The letter one half, what happens on the boundary one half.",
    ),
)
