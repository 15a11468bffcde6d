"""Judges the exercises of the chapter "Projections and quadratic forms"."""

from __future__ import annotations

from typing import Any

import sympy as sp

from lmmbook.exercises.exercise import Exercise, Misconception
from lmmbook.exercises.kinds import (
    Choice,
    Expression,
    Function,
    MatrixExpression,
    Property,
    Unreadable,
)
from lmmbook.exercises.late import np
from matrixproof import Setting, eye, tr

CHAPTER = "quadratic-forms"
Symbols = dict[str, Any]


def moments(A: np.ndarray, mu: np.ndarray, V: np.ndarray) -> np.ndarray:
    return parts(A, mu, V)


def parts(
    A: np.ndarray, mu: np.ndarray, V: np.ndarray, symmetric: bool = True,
    in_mean: float = 1.0, traces: float = 2.0, means: float = 4.0,
) -> np.ndarray:  # fmt: skip
    """Mean and variance, with variations for what goes wrong."""
    S = (A + A.T) / 2 if symmetric else A
    SV = S @ V
    mean = np.trace(SV) + in_mean * mu @ S @ mu
    return np.array([mean, traces * np.trace(SV @ SV) + means * mu @ SV @ S @ mu])


def second_moment(A: np.ndarray, mu: np.ndarray, V: np.ndarray) -> np.ndarray:
    mean, variance = parts(A, mu, V)
    return np.array([mean, variance + mean**2])


def deviation(A: np.ndarray, mu: np.ndarray, V: np.ndarray) -> np.ndarray:
    mean, variance = parts(A, mu, V)
    return np.array([mean, np.sqrt(variance)])


def square_of_trace(A: np.ndarray, mu: np.ndarray, V: np.ndarray) -> np.ndarray:
    mean, variance = parts(A, mu, V, traces=0.0)
    return np.array([mean, variance + 2 * np.trace(A @ V) ** 2])


def drawn(seed: int, n: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    K = rng.normal(0, 1, (n, n))
    return rng.normal(0, 1, (n, n)), rng.normal(1, 2, n), K @ K.T


def regression() -> tuple[Setting, Symbols]:
    s = Setting("n p", where="n > p")
    n, p = s.dimensions
    V, X = s.positive_definite("V: n"), s.full_rank("X: n,p")
    return s, {"V": V, "C": eye(n) - X * (X.T * X).I * X.T, "df": n - p}


def two_matrices(answer: Any) -> np.ndarray:
    """A pair of square matrices of one size, as one array."""
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        raise Unreadable("This is not a pair.")
    try:
        A, B = (np.asarray(sp.Matrix(x).tolist(), dtype=float) for x in answer)
    except (TypeError, ValueError):
        raise Unreadable("These are not two matrices of numbers.") from None
    if A.ndim != 2 or A.shape != B.shape or A.shape[0] != A.shape[1]:
        raise Unreadable("These are not two square matrices of the same size.")
    if not np.isfinite([A, B]).all():
        raise Unreadable("There is an entry which is no finite number.")
    return np.array([A, B])


def is_symmetric(M: np.ndarray) -> bool:
    return bool(np.allclose(M, M.T, rtol=0, atol=1e-9))


def is_idempotent(M: np.ndarray) -> bool:
    return bool(np.allclose(M @ M, M, rtol=0, atol=1e-9))


sigma2, n, p = sp.symbols("sigma2 n p", real=True)

EXERCISES = (
    Exercise(
        "quadratic-moments",
        CHAPTER,
        Function(
            moments, lambda: (drawn(1, 3), drawn(2, 5), drawn(3, 2)), returns="two numbers"
        ),
        (
            Misconception(
                "The formula for the variance needs a symmetric matrix. The number $y'Ay$ does not "
                "change when another matrix is put in: which?",
                lambda A, mu, V: parts(A, mu, V, symmetric=False),
            ),
            Misconception(
                "The mean of the data is missing in the mean of the form.",
                lambda A, mu, V: parts(A, mu, V, in_mean=0.0),
            ),
            Misconception(
                "Part of the variance is missing: where the mean is not zero, the form has a "
                "linear part, which varies too.",
                lambda A, mu, V: parts(A, mu, V, means=0.0),
            ),
            Misconception(
                "A factor 2 is lost: of the pairings of four errors, two remain after subtraction.",
                lambda A, mu, V: parts(A, mu, V, traces=1.0),
            ),
            Misconception(
                "The linear part comes twice in the form, so its variance has the square of that.",
                lambda A, mu, V: parts(A, mu, V, means=2.0),
            ),
            Misconception(
                "This is the second moment: the square of the mean has not been subtracted.",
                second_moment,
            ),
            Misconception("This is a standard deviation. Asked is the variance.", deviation),
            Misconception(
                "The square of a trace stands where the trace of a square belongs.",
                square_of_trace,
            ),
        ),
        "The mean needs two moments of the data, the variance needs them Gaussian, and both see "
        "the symmetric part of the matrix only.",
        "A third for the mean, a third for the variance, a third for a matrix not symmetric.",
    ),
    Exercise(
        "quadratic-s2",
        CHAPTER,
        Expression(2 * sigma2**2 / (n - p), {"sigma2": None, "n": 30, "p": 1}),
        (
            Misconception(
                "Divided by $n$: the residuals move in fewer directions than there are "
                "observations.",
                2 * sigma2**2 / n,
            ),
            Misconception(
                "This is the variance of the sum of squares; $s^2$ is that divided by a number.",
                2 * sigma2**2 * (n - p),
            ),
            Misconception(
                "A constant factor comes out of a variance squared, and the trace cancels one of "
                "the two.",
                2 * sigma2**2 / (n - p) ** 2,
            ),
            Misconception(
                "A factor 2 is lost: it counts the pairings of four errors.",
                sigma2**2 / (n - p),
            ),
            Misconception(
                "The scale: when the data are measured in other units, the variance of $s^2$ "
                "changes by the fourth power.",
                2 * sigma2 / (n - p),
            ),
            Misconception(
                "This is the standard deviation of $s^2$.",
                sp.sqrt(2 * sigma2**2 / (n - p)),
            ),
            Misconception("This is the mean of $s^2$.", sigma2),
            Misconception(
                "This is the variance of the maximum likelihood estimate, which divides by another "
                "number.",
                2 * sigma2**2 * (n - p) / n**2,
            ),
        ),
        "Twice the square of what it estimates, over the degrees of freedom. The mean did not need "
        "Gaussian errors, the variance did.",
        "Half for the trace of the projection, half for the constants.",
    ),
    Exercise(
        "quadratic-residuals",
        CHAPTER,
        MatrixExpression(regression, lambda z: 2 * tr(z["C"] * z["V"] * z["C"] * z["V"])),
        (
            Misconception(
                "Twice the mean: that is the variance of a chi-square. Is $(I - P_X)V$ idempotent?",
                lambda z: 2 * tr(z["C"] * z["V"]),
            ),
            Misconception(
                "The projection is missing: residuals are no errors.",
                lambda z: 2 * tr(z["V"] * z["V"]),
            ),
            Misconception(
                "A factor 2 is lost: it counts the pairings of four errors.",
                lambda z: tr(z["C"] * z["V"] * z["C"] * z["V"]),
            ),
            Misconception(
                "A projection is lost: $(I - P_X)$ does not commute with $V$, so the two in the "
                "trace do not become one.",
                lambda z: 2 * tr(z["C"] * z["V"] * z["V"]),
            ),
            Misconception(
                "The square of a trace stands where the trace of a square belongs.",
                lambda z: 2 * tr(z["C"] * z["V"]) * tr(z["C"] * z["V"]),
            ),
            Misconception(
                "That is for residuals which are weighted with $V$, or for a $V$ which is the "
                "identity.",
                lambda z: 2 * z["df"],
            ),
        ),
        "What has to be idempotent for a chi-square is the matrix of the form times $V$.",
        "Half for the formula, half for saying when it is twice the mean.",
    ),
    Exercise(
        "quadratic-sum",
        CHAPTER,
        Property(
            ([[1, 0], [0, 0]], [[1, 0], [0, 0]]),
            two_matrices,
            (
                (lambda x: all(map(is_symmetric, x)), "One of the two is not symmetric."),
                (lambda x: all(map(is_idempotent, x)), "One of the two is not idempotent."),
                (lambda x: not is_idempotent(x[0] + x[1]), "Their sum is idempotent."),
            ),
            expects="a pair of square matrices of the same size, as lists of rows",
        ),
        (
            Misconception(
                "Idempotent is not enough: without symmetry the parts do not stand at right "
                "angles.",
                when=lambda x: all(map(is_idempotent, x)) and not all(map(is_symmetric, x)),
            ),
            Misconception(
                "Symmetric is not enough: projecting twice must be projecting once.",
                when=lambda x: all(map(is_symmetric, x)) and not all(map(is_idempotent, x)),
            ),
            Misconception(
                "These two annihilate each other, and then the sum is a projection. Let their "
                "spaces have something in common, or meet at an angle that is not right.",
                when=lambda x: (
                    all(map(is_symmetric, x))
                    and all(map(is_idempotent, x))
                    and np.allclose(x[0] @ x[1], 0, rtol=0, atol=1e-9)
                ),
            ),
        ),
        "The sum of two orthogonal projections is one exactly when they annihilate each other.",
        "Half for the pair, half for the proof that $AB$ must be zero.",
    ),
    Exercise(
        "quadratic-mean-variance",
        CHAPTER,
        Choice("c", "abcd"),
        (
            Misconception(
                "Enough, but is it needed? The product $JV(I - J)$ can vanish for other matrices.",
                when=lambda letter: letter == "a",
            ),
            Misconception(
                "A covariance stands between the two projections, and need not commute with them.",
                when=lambda letter: letter == "b",
            ),
            Misconception(
                "They use the same data, but different directions of it: what is orthogonal can be "
                "independent.",
                when=lambda letter: letter == "d",
            ),
        ),
        "Gaussian parts are independent when the covariance between them vanishes: the matrices "
        "with $V$ in between count.",
        "Half for the letter, half for the product that has to vanish.",
    ),
)
