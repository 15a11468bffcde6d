"""Judges the exercises of the chapter "Why variances come out too small"."""

from __future__ import annotations

import sympy as sp

from lmmbook.exercises.exercise import Exercise, Misconception
from lmmbook.exercises.kinds import Expression, FalseStep, Function
from lmmbook.exercises.late import np
from matrixproof import Setting, eye, tr
from matrixproof.language.expressions import Expr

CHAPTER = "biased-variances"
Symbols = dict[str, Expr]
n, p, sigma, sigma2 = sp.symbols("n p sigma sigma2", positive=True)


def contrasts() -> list[tuple[np.ndarray, np.ndarray]]:
    """Samples, each with contrasts that are correlated and of unequal variance."""
    rng = np.random.default_rng(27)
    return [
        (
            rng.normal(0.5, 2, size),
            (np.eye(size) - 1 / size)[:, 1:] @ rng.normal(0, 1, (size - 1,) * 2),
        )
        for size in (3, 4, 6, 8)
    ]


def reml(y: np.ndarray, A: np.ndarray) -> float:
    return float(np.var(y, ddof=1))


def design() -> tuple[Setting, Symbols]:
    s = Setting("n p", where="n > p")
    return s, {"X": s.full_rank("X: n,p"), "sigma2": s.scalars("sigma2")}


def expected_squares(z: Symbols) -> list[Expr]:
    X, v = z["X"], z["sigma2"]
    n = X.shape[0]
    return [
        v * tr(eye(n) - X * (X.T * X).I * X.T),
        v * (n - tr(X * (X.T * X).I * X.T)),
        v * (n - tr((X.T * X).I * X.T * X)),
        v * (n - 1),
        n * v - v,
    ]


ML = (2 * n - 1) / n**2  # mean square errors, in units of sigma2**2
S2 = 2 / (n - 1)

EXERCISES = (
    Exercise(
        "bias-reml-sample",
        CHAPTER,
        Function(reml, contrasts, tolerance=1e-8),
        (
            Misconception(
                "You treat the contrasts as uncorrelated with variance $\\sigma^2$. Their "
                "covariance matrix is not the identity.",
                lambda y, A: np.mean((A.T @ y) ** 2),
            ),
            Misconception(
                "You used the variances of the contrasts, but not their covariances.",
                lambda y, A: np.mean((A.T @ y) ** 2 / np.sum(A**2, axis=0)),
            ),
            Misconception(
                "The covariance stands where its inverse belongs.",
                lambda y, A: np.mean((A.T @ y) * (A.T @ A @ A.T @ y)),
            ),
            Misconception(
                "This is the estimate from $y$ itself: its divisor counts observations, where "
                "there are only as many data as contrasts.",
                lambda y, A: np.var(y),
            ),
            Misconception(
                "The contrasts have mean zero: nothing is to be subtracted from them.",
                lambda y, A: np.var(A.T @ y, ddof=1),
            ),
            Misconception(
                "The contrasts have mean zero: nothing is to be subtracted from them.",
                lambda y, A: np.var(A.T @ y),
            ),
            Misconception(
                "This is a standard deviation. The variance is asked for.",
                lambda y, A: np.std(y, ddof=1),
            ),
            Misconception(
                "One degree of freedom too many is taken away: the contrasts have lost it already.",
                lambda y, A: np.sum((y - y.mean()) ** 2) / (len(y) - 2) if len(y) > 2 else 0.0,
            ),
        ),
        "All sets of contrasts lead to one estimate, since they span one space. So REML may be "
        "computed without any.",
        "One half for the covariance of the contrasts, one half for the estimate and why the "
        "choice does not matter.",
    ),
    Exercise(
        "bias-mse",
        CHAPTER,
        Expression(sigma2**2 * (ML - S2), {"n": 2, "sigma2": None}),
        (
            Misconception(
                "The sign: this is $s^2$ less the MLE.",
                sigma2**2 * (S2 - ML),
            ),
            Misconception(
                "This is the difference of the variances. The squared bias of the MLE is missing.",
                sigma2**2 * (2 * (n - 1) / n**2 - S2),
            ),
            Misconception(
                "The bias is added as it is. It has to be squared.",
                sigma2**2 * (2 * (n - 1) / n**2 - S2) - sigma2 / n,
            ),
            Misconception(
                "The bias is added as it is. It has to be squared.",
                sigma2**2 * (2 * (n - 1) / n**2 - 1 / n - S2),
            ),
            Misconception(
                "You gave the sum of squares of the MLE as many degrees of freedom as there are "
                "observations; the estimated mean takes one.",
                sigma2**2 * (2 / n - S2),
            ),
            Misconception(
                "The units: a mean square error of a variance is in units of $\\sigma^4$.",
                sigma2 * (ML - S2),
            ),
            Misconception(
                "The squared bias is subtracted; it is added to the variance.",
                sigma2**2 * ((2 * n - 3) / n**2 - S2),
            ),
        ),
        "The MLE trades bias for variance, and gains. With many coefficients it would lose.",
        "A quarter for each variance, a quarter for the bias, a quarter for the conclusion.",
    ),
    Exercise(
        "bias-false-step",
        CHAPTER,
        FalseStep(design, expected_squares, (3, {"X": [[1, 0], [1, 1], [1, 2]], "sigma2": 1})),
        (
            Misconception(
                "The trace of a difference is the difference of the traces, and the identity "
                "matrix has the trace $n$: that step holds.",
                when=lambda value: value[0] == 1,
            ),
            Misconception(
                "A trace may be turned, also when the factors are not square: that step holds.",
                when=lambda value: value[0] == 2,
            ),
            Misconception(
                "That step only multiplies out. It is as right as the line above it.",
                when=lambda value: value[0] == 4,
            ),
            Misconception(
                "It is that step, but for a single coefficient it is true. Take more columns.",
                when=lambda value: value[0] == 3 and sp.Matrix(value[1]["X"]).shape[1] == 1,
            ),
        ),
        "Each coefficient takes one degree of freedom. The one of the simple sample is a special "
        "case.",
        "One third for the step, two thirds for a design that shows it.",
    ),
    Exercise(
        "bias-root",
        CHAPTER,
        Expression(sigma * sp.sqrt(2 / sp.pi), {"sigma": None}),
        (
            Misconception(
                "The mean of a root is not the root of the mean. An unbiased variance has a biased "
                "root.",
                sigma,
            ),
            Misconception(
                "This is the mean for the root of the MLE, which divides by $n$; $s^2$ does not.",
                sigma / sp.sqrt(sp.pi),
            ),
            Misconception(
                "This is the root of the mean of the MLE. It is $s$ that is asked for, and its "
                "mean is no root of a mean.",
                sigma / sp.sqrt(2),
            ),
            Misconception(
                "You integrated over one half of the axis only. Negative differences have an "
                "absolute value too.",
                sigma / sp.sqrt(2 * sp.pi),
            ),
            Misconception(
                "This is the mean of the absolute difference. Its relation to $s$ has a root of "
                "two in it.",
                2 * sigma / sp.sqrt(sp.pi),
            ),
            Misconception(
                "The difference has mean zero, but not its absolute value.",
                sp.Integer(0),
            ),
        ),
        "Unbiased estimates do not survive a transformation; maximum likelihood estimates do.",
        "One half for the law of $s$, one half for its mean.",
    ),
    Exercise(
        "bias-ratio",
        CHAPTER,
        Expression(n - p, {"n": 12, "p": 1}),
        (
            Misconception(
                "That is the divisor of maximum likelihood. The mean of the sum of squares is "
                "smaller than that.",
                n,
            ),
            Misconception(
                "That divisor is best for the mean square error, which is another judge.",
                n - p + 2,
            ),
            Misconception(
                "That is right for one coefficient. There are $p$ of them.",
                n - 1,
            ),
            Misconception(
                "That divisor makes the mean of the reciprocal right. The loss has the logarithm, "
                "not the reciprocal.",
                n - p - 2,
            ),
            Misconception(
                "This is the reciprocal: what the sum of squares is multiplied by, not divided by.",
                1 / (n - p),
            ),
        ),
        "Which estimate is best depends on the judge. A judge who looks at ratios takes REML.",
        "One half for the expected loss, one half for its minimum.",
    ),
    Exercise(
        "bias-known-mean",
        CHAPTER,
        Expression(sigma2**2 / n**2, {"n": 2, "sigma2": None}),
        (
            Misconception(
                "The sign: this is unknown less known.",
                -(sigma2**2) / n**2,
            ),
            Misconception(
                "You compared with $s^2$. The MLE with unknown mean has another divisor.",
                sigma2**2 * (2 / n - S2),
            ),
            Misconception(
                "You compared variances. The MLE with unknown mean has a bias, whose square "
                "counts.",
                2 * sigma2**2 / n**2,
            ),
            Misconception(
                "When the mean is known, no degree of freedom is lost and the divisor is the "
                "number of observations.",
                sigma2**2 * (S2 - ML),
            ),
            Misconception(
                "This is a single mean square error. The difference of two is asked for.",
                2 * sigma2**2 / n,
            ),
            Misconception(
                "The units: a mean square error of a variance is in units of $\\sigma^4$.",
                sigma2 / n**2,
            ),
        ),
        "Knowing more can cost mean square error, because the estimate that knows less is shrunk.",
        "One third for each mean square error, one third for the reason of the sign.",
    ),
)
