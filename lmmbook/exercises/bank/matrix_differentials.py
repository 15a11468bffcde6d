"""Judges the exercises of the chapter "Matrix differentials"."""

from __future__ import annotations

from lmmbook.exercises.exercise import Exercise, Misconception
from lmmbook.exercises.kinds import FalseStep, MatrixExpression
from matrixproof import Setting, det, tr
from matrixproof.language.expressions import Expr

CHAPTER = "matrix-differentials"
Symbols = dict[str, Expr]


def moving_trace() -> tuple[Setting, Symbols]:
    s = Setting("n")
    A, B = s.matrices("A: n; B: n")
    return s, {"A": A, "B": B}


def covariance() -> tuple[Setting, Symbols]:
    s = Setting("n")
    Sigma, r = s.positive_definite("Sigma: n"), s.vectors("r: n")
    return s, {"Sigma": Sigma, "r": r}


def moving_matrix() -> tuple[Setting, Symbols]:
    s = Setting("n")
    A = s.matrices("A: n")
    return s, {"A": A, "dA": s.differential(A)(A)}


def three_lines(z: Symbols) -> list[Expr]:
    s = Setting("n")
    A = s.matrices("A: n")
    d = s.differential(A)
    return [
        d(det(A.I)),
        det(A.I) * tr(A * d(A.I)),
        -(det(A.I) * tr(A * A.I * d(A) * A.I)),
        -(det(A.I) * tr(d(A))),
    ]


EXERCISES = (
    Exercise(
        "differential-trace",
        CHAPTER,
        MatrixExpression(moving_trace, lambda z: -z["A"].I * z["B"] * z["A"].I),
        (
            Misconception(
                "The minus sign is lost. A larger number has a smaller inverse: the differential "
                "of an inverse begins with a minus.",
                lambda z: z["A"].I * z["B"] * z["A"].I,
            ),
            Misconception(
                "You kept one inverse where there are two: the moving matrix stands between two of "
                "them, and both stay.",
                lambda z: -z["A"].I * z["B"],
            ),
            Misconception(
                "The two inverses are side by side, as if $B$ commuted with them. A trace may be "
                "turned as a whole; its factors may not be swapped.",
                lambda z: -z["A"].I * z["A"].I * z["B"],
            ),
            Misconception(
                "The two inverses are side by side, as if $B$ commuted with them. A trace may be "
                "turned as a whole; its factors may not be swapped.",
                lambda z: -z["B"] * z["A"].I * z["A"].I,
            ),
            Misconception(
                "This is the transpose: the derivative laid out entry by entry. In the form "
                "$\\operatorname{tr}(M\\,\\mathrm{d}A)$ the factor $M$ is not transposed.",
                lambda z: -(z["A"].I * z["B"] * z["A"].I).T,
            ),
        ),
        "Differentiate first, then turn the trace until the moving matrix stands last: what stands "
        "before it is the derivative.",
        "Half for the differential of the inverse, half for turning the trace.",
    ),
    Exercise(
        "differential-quadratic",
        CHAPTER,
        MatrixExpression(
            covariance, lambda z: -(z["r"].T * z["Sigma"].I * z["Sigma"].I * z["r"])
        ),
        (
            Misconception(
                "The sign: with a larger error variance the same residual is less surprising, so "
                "the quadratic form falls.",
                lambda z: z["r"].T * z["Sigma"].I * z["Sigma"].I * z["r"],
            ),
            Misconception(
                "One inverse is missing: the differential of an inverse has one on either side.",
                lambda z: -(z["r"].T * z["Sigma"].I * z["r"]),
            ),
            Misconception(
                "This is a trace of the inverse, which belongs to the log determinant. The "
                "quadratic form keeps its residual.",
                lambda z: -tr(z["Sigma"].I),
            ),
            Misconception(
                "Both inverses are lost. The differential of an inverse keeps one on either side "
                "of the step.",
                lambda z: -(z["r"].T * z["r"]),
            ),
            Misconception(
                "The covariance stands where its inverse belongs.",
                lambda z: -(z["r"].T * z["Sigma"] * z["Sigma"] * z["r"]),
            ),
        ),
        "Minus a squared length: for a fixed residual the quadratic form never rises with the "
        "error variance.",
        "The expression two thirds, the sign with its reason one third.",
    ),
    Exercise(
        "differential-false-line",
        CHAPTER,
        FalseStep(moving_matrix, three_lines, (3, {"A": [[2]], "dA": [[1]]})),
        (
            Misconception(
                "Jacobi's formula holds for every invertible matrix, so also for $A^{-1}$, whose "
                "inverse is $A$.",
                when=lambda value: value[0] == 1,
            ),
            Misconception(
                "That step only puts in the differential of the inverse, its minus sign included.",
                when=lambda value: value[0] == 2,
            ),
            Misconception(
                "It is that step, but with this $A$ a factor of $A^{-1}$ more or less does not "
                "show. Take a number whose inverse is another number.",
                when=lambda value: value[0] == 3 and value[1].get("A") in ([[1]], [[-1]]),
            ),
            Misconception(
                "It is that step, but nothing moves: take $\\mathrm{d}A$ different from zero.",
                when=lambda value: value[0] == 3 and value[1].get("dA") == [[0]],
            ),
        ),
        "One factor cancels one factor. Matrices of size one are often enough to catch a false "
        "line.",
        "One third for the step, two thirds for a counterexample that works.",
    ),
)
