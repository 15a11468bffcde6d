"""Judges the exercises of the chapter "The profile likelihood"."""

from __future__ import annotations

import sympy as sp

from lmmbook.exercises.exercise import Exercise, Misconception
from lmmbook.exercises.kinds import Choice, Expression, FalseStep, Function
from lmmbook.exercises.late import np
from matrixproof import Setting, logdet
from matrixproof.language.expressions import Expr

CHAPTER = "profile-likelihood"
Symbols = dict[str, Expr]
n, S = sp.symbols("n S", positive=True)


def samples() -> list[tuple[np.ndarray, float, float]]:
    rng = np.random.default_rng(8)
    parameters = ((3, 0.4, 0.6), (5, -1.2, 2.5), (8, 1.5, 0.3))
    return [(np.exp(rng.normal(mu + 0.2, v, k)), mu, v) for k, mu, v in parameters]


def gaussian(y: np.ndarray, mu: float, sigma2: float) -> float:
    return float(-np.sum(np.log(2 * np.pi * sigma2) + (y - mu) ** 2 / sigma2) / 2)


def lognormal(z: np.ndarray, mu: float, sigma2: float) -> float:
    return gaussian(np.log(z), mu, sigma2) - float(np.sum(np.log(z)))


def informations() -> list[tuple[np.ndarray]]:
    rng = np.random.default_rng(13)
    roots = [rng.normal(0, 1, (a, a + 1)) for a in (2, 3, 4)]
    return [(root @ root.T,) for root in roots]


def errors(J: np.ndarray) -> tuple[float, float]:
    return np.linalg.inv(J)[0, 0] ** 0.5, J[0, 0] ** -0.5


def codings() -> tuple[Setting, Symbols]:
    s = Setting("n p", where="n > p")
    X, W, B = s.full_rank("X: n,p"), s.positive_definite("W: n"), s.matrices("B: p")
    return s, {"X": X, "W": W, "B": B}


def determinants(z: Symbols) -> list[Expr]:
    X, W, B = z["X"], z["W"], z["B"]
    H = X.T * W.I * X
    return [
        logdet((X * B).T * W.I * (X * B)),
        logdet(B.T * H * B),
        logdet(B.T) + logdet(H) + logdet(B),
        logdet(H),
        -logdet(H.I),
    ]


def models() -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Data, a design and a relative covariance, of several shapes."""
    rng = np.random.default_rng(19)
    cases = []
    for k, p in ((5, 1), (7, 2), (10, 3)):
        X = np.column_stack([np.ones(k), rng.normal(0, 1, (k, p - 1))])
        root = rng.normal(0, 1, (k, k))
        cases.append((rng.normal(-2, 3, k), X, root @ root.T + np.eye(k)))
    y, X, W = cases[-1]
    return [*cases, (y, X[:, 1:], W)]  # without an intercept


def squares(y: np.ndarray, X: np.ndarray, W: np.ndarray) -> float:
    Wi = np.linalg.inv(W)
    r = y - X @ np.linalg.solve(X.T @ Wi @ X, X.T @ Wi @ y)
    return float(r @ Wi @ r)


def log_det(A: np.ndarray) -> float:
    return float(np.linalg.slogdet(A)[1])


def height(y: np.ndarray, X: np.ndarray, W: np.ndarray) -> float:
    k = len(y)
    return -(k * np.log(2 * np.pi * squares(y, X, W) / k) + k + log_det(W)) / 2


def restricted(y: np.ndarray, X: np.ndarray, W: np.ndarray) -> float:
    f = len(y) - X.shape[1]
    scale = squares(y, X, W) / f
    whole = log_det(W) + log_det(X.T @ np.linalg.inv(W) @ X)
    return -(f * np.log(2 * np.pi * scale) + f + whole) / 2


EXERCISES = (
    Exercise(
        "profile-transformed-data",
        CHAPTER,
        Function(lognormal, samples, tolerance=1e-8),
        (
            Misconception(
                "This is the log likelihood of $y$. It has the same maximum, but the density of "
                "$z$ has a derivative in it.",
                lambda z, mu, sigma2: gaussian(np.log(z), mu, sigma2),
            ),
            Misconception(
                "The sign of the derivative's term: where the transformation stretches the axis, "
                "the density becomes small.",
                lambda z, mu, sigma2: gaussian(np.log(z), mu, sigma2) + np.sum(np.log(z)),
            ),
            Misconception(
                "The derivative enters the density, so its logarithm enters the log density.",
                lambda z, mu, sigma2: gaussian(np.log(z), mu, sigma2) - np.sum(z),
            ),
            Misconception(
                "The logarithms of $z$ are Gaussian, not $z$ itself.",
                lambda z, mu, sigma2: gaussian(z, mu, sigma2),
            ),
            Misconception(
                "You took $\\sigma^2$ for the standard deviation.",
                lambda z, mu, sigma2: lognormal(z, mu, sigma2**2),
            ),
            Misconception(
                "A constant is missing: the factor $2\\pi$ of the Gaussian density.",
                lambda z, mu, sigma2: lognormal(z, mu, sigma2) + len(z) * np.log(2 * np.pi) / 2,
            ),
            Misconception(
                "This is minus twice the log likelihood.",
                lambda z, mu, sigma2: -2 * lognormal(z, mu, sigma2),
            ),
            Misconception(
                "This is a likelihood. Its logarithm is asked for.",
                lambda z, mu, sigma2: np.exp(lognormal(z, mu, sigma2)),
            ),
        ),
        "A transformation without parameters shifts the log likelihood by a number. The shift "
        "counts when models for $y$ and for $z$ are compared, and in no estimate.",
        "One half for the log likelihood, one half for why the maximum stays.",
    ),
    Exercise(
        "profile-which-maximum",
        CHAPTER,
        Choice("c", "abcd"),
        (
            Misconception(
                "A change of units multiplies the data by a known number, and the parameters "
                "follow. Is there a parameter in its derivative?",
                "a",
            ),
            Misconception(
                "For a given $\\sigma^2$ each value of the one parameter has its twin in the "
                "other, of the same height.",
                "b",
            ),
            Misconception(
                "The logarithm is one to one. It changes the curvature, but moves no maximum.",
                "d",
            ),
        ),
        "Data may be transformed freely, as long as the transformation has no parameters in it.",
        "The letter one half, one half for the role of the determinant.",
    ),
    Exercise(
        "profile-slice",
        CHAPTER,
        Function(errors, informations, "a pair of numbers", tolerance=1e-8),
        (
            Misconception(
                "The two are in the wrong order: a slice supposes that the others are known, and "
                "claims to know more.",
                lambda J: errors(J)[::-1],
            ),
            Misconception(
                "These are variances. Standard errors are their roots.",
                lambda J: (errors(J)[0] ** 2, errors(J)[1] ** 2),
            ),
            Misconception(
                "These are the roots of informations. A large information means a small error.",
                lambda J: (1 / errors(J)[0], 1 / errors(J)[1]),
            ),
            Misconception(
                "The first is that of a slice, too. When the others follow, the whole matrix "
                "matters.",
                lambda J: (errors(J)[1],) * 2,
            ),
            Misconception(
                "The second is that of the profile, too. A slice holds the others fixed.",
                lambda J: (errors(J)[0],) * 2,
            ),
            Misconception(
                "You took the inverse for the information: the matrix is to be inverted once more.",
                lambda J: (J[0, 0] ** 0.5, np.linalg.inv(J)[0, 0] ** -0.5),
            ),
            Misconception(
                "A Schur complement, but the block of the others stands in it where its inverse "
                "belongs.",
                lambda J: (
                    abs(J[0, 0] - J[0, 1:] @ J[1:, 1:] @ J[1:, 0]) ** -0.5,
                    errors(J)[1],
                ),
            ),
        ),
        "Invert first and pick the entry then: that is the profile. Pick first and invert then: "
        "that is the slice, and it is too sure.",
        "One half for each standard error.",
    ),
    Exercise(
        "profile-mean",
        CHAPTER,
        Expression(-(n**2) / S, {"n": 2, "S": None}),
        (
            Misconception(
                "The sign: at the top the curve bends downwards.",
                n**2 / S,
            ),
            Misconception(
                "This has $s^2$ for the variance, with the divisor $n - 1$. Profiling puts the "
                "MLE in.",
                -n * (n - 1) / S,
            ),
            Misconception(
                "This is the variance of the mean, or its negative. The curvature is the "
                "reciprocal.",
                -S / n**2,
            ),
            Misconception(
                "This is the variance of the mean, or its negative. The curvature is the "
                "reciprocal.",
                S / n**2,
            ),
            Misconception(
                "A factor 2: this is about minus twice the log likelihood.",
                2 * n**2 / S,
            ),
            Misconception(
                "The sum of squares is no variance yet: it has to be divided by the number of "
                "observations.",
                -1 / S,
            ),
            Misconception(
                "This is the precision of one observation. The mean has that of all.",
                -n / S,
            ),
        ),
        "Not a parabola, but like one at its top. There profile and slice have one curvature, "
        "since mean and variance do not inform on each other.",
        "One half for the profile, one half for its curvature.",
    ),
    Exercise(
        "profile-false-line",
        CHAPTER,
        FalseStep(
            codings,
            determinants,
            (3, {"X": [[1], [1]], "W": [[1, 0], [0, 1]], "B": [[2]]}),
        ),
        (
            Misconception(
                "That step only transposes a product, in the right order.",
                when=lambda value: value[0] == 1,
            ),
            Misconception(
                "All three factors are square, so the determinant of the product is the product "
                "of the determinants.",
                when=lambda value: value[0] == 2,
            ),
            Misconception(
                "The determinant of an inverse is the reciprocal, so the logarithm changes its "
                "sign. That step holds.",
                when=lambda value: value[0] == 4,
            ),
            Misconception(
                "It is that step, but this $B$ has a determinant of one in absolute value, whose "
                "logarithm is zero.",
                when=lambda value: value[0] == 3 and abs(sp.Matrix(value[1]["B"]).det()) == 1,
            ),
        ),
        "A coding shifts the restricted log likelihood. Compare REML fits only with the same "
        "columns in the design.",
        "One third for the step, two thirds for matrices that show it.",
    ),
    Exercise(
        "profile-whitened",
        CHAPTER,
        Function(height, models, tolerance=1e-8),
        (
            Misconception(
                "This is the restricted log likelihood. The profile maximises over the "
                "coefficients and integrates nothing.",
                restricted,
            ),
            Misconception(
                "The scale is estimated with the divisor $n - p$. The maximum of the likelihood "
                "has another one.",
                lambda y, X, W: (
                    height(y, X, W)
                    - (len(y) * np.log(len(y) / (len(y) - X.shape[1])) - X.shape[1]) / 2
                ),
            ),
            Misconception(
                "The scale is estimated with the divisor $n - p$. The maximum of the likelihood "
                "has another one.",
                lambda y, X, W: (
                    height(y, X, W) - len(y) * np.log(len(y) / (len(y) - X.shape[1])) / 2
                ),
            ),
            Misconception(
                "The scale is taken as 1. It is unknown, and has to be put in at its best value.",
                lambda y, X, W: -(len(y) * np.log(2 * np.pi) + log_det(W) + squares(y, X, W)) / 2,
            ),
            Misconception(
                "The determinant of $W$ is forgotten: this is the likelihood of the whitened data.",
                lambda y, X, W: height(y, X, W) + log_det(W) / 2,
            ),
            Misconception(
                "The log determinant has the wrong sign: where the covariance is large, the "
                "density is small.",
                lambda y, X, W: height(y, X, W) + log_det(W),
            ),
            Misconception(
                "The log determinant is halved once too often or once too rarely.",
                lambda y, X, W: height(y, X, W) - log_det(W) / 2,
            ),
            Misconception(
                "This is minus twice the log likelihood.",
                lambda y, X, W: -2 * height(y, X, W),
            ),
            Misconception(
                "It is right up to a constant. With the constants it can be compared with other "
                "programs.",
                lambda y, X, W: -(len(y) * np.log(squares(y, X, W)) + log_det(W)) / 2,
            ),
            Misconception(
                "It is right up to a constant. With the constants it can be compared with other "
                "programs.",
                lambda y, X, W: -(len(y) * np.log(squares(y, X, W) / len(y)) + log_det(W)) / 2,
            ),
        ),
        "The logarithm of the sum of squares stands in the profile, so that a change of units "
        "only shifts it.",
        "One third for the coefficients, one third for the scale, one third for the determinant.",
    ),
)
