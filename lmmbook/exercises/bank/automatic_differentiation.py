"""Judges the exercises of the chapter "Automatic differentiation, four ways"."""

from __future__ import annotations

from typing import Any

import sympy as sp

from lmmbook.exercises.exercise import Exercise, Misconception
from lmmbook.exercises.kinds import Choice, FalseStep, Function, MatrixExpression
from lmmbook.exercises.late import np
from matrixproof import Setting, tr
from matrixproof.language.expressions import Expr

CHAPTER = "automatic-differentiation"
Symbols = dict[str, Expr]


def equations() -> tuple[Setting, Symbols]:
    s = Setting("n m")
    A, B, C_bar = s.matrices("A: n; B: n,m; Cbar: n,m")
    return s, {"A": A, "B": B, "C": A.I * B, "bar": C_bar}


def cross_product() -> tuple[Setting, Symbols]:
    s = Setting("n m")
    A, C_bar = s.matrices("A: n,m; Cbar: m")
    return s, {"A": A, "dA": s.differential(A)(A), "Cbar": C_bar}


def three_lines(z: Symbols) -> list[Expr]:
    s = Setting("n m")
    A, C_bar = s.matrices("A: n,m; Cbar: m")
    d = s.differential(A)
    return [
        tr(C_bar.T * d(A.T * A)),
        tr(C_bar.T * d(A).T * A) + tr(C_bar.T * A.T * d(A)),
        2 * tr(C_bar.T * A.T * d(A)),
        tr((2 * A * C_bar).T * d(A)),
    ]


def cases() -> list[tuple[Any, Any, Any]]:
    rng = np.random.default_rng(18)
    return [
        (np.eye(n) * n + rng.normal(size=(n, n)), rng.normal(size=(n, p)), rng.normal(size=(p, p)))
        for n, p in ((3, 2), (4, 1), (5, 3), (6, 2))
    ]


def adjoint(V: Any, X: Any, bar: Any) -> Any:
    W = np.linalg.inv(V)
    return -W.T @ X @ bar @ X.T @ W.T


def symmetric(value: tuple[int, dict]) -> bool:
    bar = sp.Matrix(value[1]["Cbar"])
    return value[0] == 2 and bar == bar.T


def resting(value: tuple[int, dict]) -> bool:
    return value[0] == 2 and not any(sp.Matrix(value[1]["dA"]))


EXERCISES = (
    Exercise(
        "adjoint-of-solving",
        CHAPTER,
        MatrixExpression(equations, lambda z: -z["A"].T.I * z["bar"] * z["C"].T),
        (
            Misconception(
                "The minus sign is lost: the differential of an inverse begins with one.",
                lambda z: z["A"].T.I * z["bar"] * z["C"].T,
            ),
            Misconception(
                "A transpose is lost: backwards, $A'$ takes the place of $A$.",
                lambda z: -z["A"].I * z["bar"] * z["C"].T,
            ),
            Misconception(
                "A transpose is lost: backwards, $A'$ takes the place of $A$.",
                lambda z: -z["A"].T.I * z["bar"] * z["B"].T * z["A"].I,
            ),
            Misconception(
                "The differential of an inverse has an inverse on either side. You kept one, and "
                "$B$ stands where the solution $A^{-1}B$ belongs.",
                lambda z: -z["A"].T.I * z["bar"] * z["B"].T,
            ),
            Misconception(
                "This is the transpose. The adjoint is $M$ in "
                "$\\operatorname{tr}(M'\\,\\mathrm{d}A)$, with the size and the layout of $A$.",
                lambda z: -(z["C"] * z["bar"].T * z["A"].I),
            ),
        ),
        "The adjoint of solving equations is again solving equations, with the transposed matrix.",
        "One third for the differential, one third for turning, one third for the transposes.",
    ),
    Exercise(
        "adjoint-false-line",
        CHAPTER,
        FalseStep(
            cross_product,
            three_lines,
            (2, {"A": [[1, 0]], "dA": [[0, 1]], "Cbar": [[0, 1], [0, 0]]}),
        ),
        (
            Misconception(
                "That step is the product rule, with the differential of a transpose.",
                when=lambda value: value[0] == 1,
            ),
            Misconception("That step only transposes a product.", when=lambda value: value[0] == 3),
            Misconception(
                "It is that step, but with a symmetric $\\bar C$ it does not show: then the two "
                "traces are transposes of each other.",
                when=symmetric,
            ),
            Misconception(
                "It is that step, but nothing moves: take $\\mathrm{d}A$ different from zero.",
                when=resting,
            ),
        ),
        "The result of $A'A$ is symmetric; the adjoint that arrives at it need not be.",
        "One third for the step, two thirds for a counterexample that works.",
    ),
    Exercise(
        "adjoint-of-information",
        CHAPTER,
        Function(adjoint, cases, returns="an array of the shape of V", tolerance=1e-8),
        (
            Misconception(
                "The minus sign is lost: a larger $V$ has a smaller inverse.",
                lambda V, X, bar: -adjoint(V, X, bar),
            ),
            Misconception(
                "A transpose is lost on the inverse: here $V$ need not be symmetric.",
                lambda V, X, bar: adjoint(V.T, X, bar),
            ),
            Misconception(
                "The adjoint of $H$ is transposed, and it need not be symmetric.",
                lambda V, X, bar: adjoint(V, X, bar.T),
            ),
            Misconception(
                "You stopped at the adjoint of the inverse. It has to pass to $V$.",
                lambda V, X, bar: X @ bar @ X.T,
            ),
            Misconception(
                "$V$ stands where its inverse belongs.",
                lambda V, X, bar: -V.T @ X @ bar @ X.T @ V.T,
            ),
            Misconception(
                "This is for the logarithm of the determinant of $H$: the adjoint that arrives at "
                "$H$ is given, so use it.",
                lambda V, X, bar: adjoint(V, X, np.linalg.inv(X.T @ np.linalg.inv(V) @ X).T),
            ),
        ),
        "A chain of operations has the rules of its links, one after the other, from the end.",
        "Half for the product rules, half for the inverse with its transposes and its sign.",
    ),
    Exercise(
        "climb-that-stands-still",
        CHAPTER,
        Choice("b", "abcd"),
        (
            Misconception(
                "A slope of zero is where a climb ends, not where a maximum must be. What is the "
                "slope in $\\theta$ at 0 for other data?",
                "a",
            ),
            Misconception(
                "The slope that was returned is right to the last digit. A difference, taken "
                "symmetrically, returns zero too, since the likelihood is even in $\\theta$.",
                "c",
            ),
            Misconception(
                "By the chain rule the slope in $\\theta$ is $2\\theta$ times that in "
                "$\\theta^2$. At 0 the first says nothing about the second.",
                "d",
            ),
        ),
        "Ask in which parameter a slope was taken, and whether it could have been anything else.",
        "All for the letter with its reason.",
    ),
)
