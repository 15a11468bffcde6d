"""Judges the exercises of the chapter "Error contrasts"."""

from __future__ import annotations

import math
from typing import Any

import sympy as sp

from lmmbook.exercises.exercise import Exercise, Misconception
from lmmbook.exercises.kinds import (
    Choice,
    Derived,
    Function,
    MatrixExpression,
    Number,
    Property,
    Unreadable,
    typed,
)
from lmmbook.exercises.late import np
from matrixproof import Setting, logdet
from matrixproof.language.expressions import Expr
from matrixproof.page.derivation import Derivation

CHAPTER = "error-contrasts"
Symbols = dict[str, Any]
LINE = sp.Matrix([[1, 1], [1, 2], [1, 4], [1, 5]])


# -- contrasts for a line --------------------------------------------------------------------


def four_rows(answer: Any) -> sp.Matrix:
    """A matrix of exact numbers, decimals read as they are written."""
    if isinstance(answer, str | dict | set) or answer is None:
        raise Unreadable("This is no matrix.")
    answer = answer.toarray() if hasattr(answer, "toarray") else answer
    rows = answer.tolist() if hasattr(answer, "tolist") else answer
    if any(isinstance(x, str) for row in rows if isinstance(row, list | tuple) for x in row):
        raise Unreadable("Its entries are texts.")
    try:
        A = sp.Matrix(rows)
    except (TypeError, ValueError):
        raise Unreadable("This is no matrix.") from None
    if not all(x.is_number and x.is_real and x.is_finite for x in A):
        raise Unreadable("Its entries are to be numbers.")
    if A.rows != 4:
        raise Unreadable(f"It has {A.rows} rows; there is one for each of the four observations.")
    return A


def scaled(A: sp.Matrix) -> np.ndarray:
    """Each column in units of its largest entry."""
    columns = np.array(A, dtype=float)
    largest = np.abs(columns).max(axis=0)
    return columns / np.where(largest > 0, largest, 1.0)


def rank(A: sp.Matrix) -> int:
    return int(np.linalg.matrix_rank(scaled(A), tol=1e-8))


def annihilates(A: sp.Matrix, X: sp.Matrix) -> bool:
    return bool(np.abs(scaled(A).T @ np.array(X, dtype=float)).max() <= 1e-9)


# -- orthonormal contrasts -------------------------------------------------------------------


def orthonormal(X: np.ndarray) -> np.ndarray:
    return np.linalg.qr(X, mode="complete")[0][:, X.shape[1] :]


def designs() -> list[tuple[np.ndarray]]:
    rng = np.random.default_rng(26)
    return [
        (np.column_stack([np.ones(5), rng.normal(2, 1, 5)]),),
        (np.ones((4, 1)),),
        (rng.normal(0, 1, (7, 3)) * [1, 10, 0.1],),
        (rng.normal(0, 1, (6, 5)),),
    ]


def projection_and_width(value: Any) -> np.ndarray:
    """A A' and the number of columns, which say whether A has the columns that it should."""
    try:
        A = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise Unreadable("Your function returns something without numbers.") from None
    if A.ndim != 2:
        raise Unreadable("Your function returns something else than a matrix.")
    return np.append(A @ A.T, A.shape[1])


def independent(X: np.ndarray) -> np.ndarray:
    """A basis whose columns are neither orthogonal nor of length 1."""
    A = orthonormal(X)
    return A @ (np.eye(A.shape[1]) + np.tri(A.shape[1]))


# -- symbols ---------------------------------------------------------------------------------


def two_sets() -> tuple[Setting, Symbols]:
    s = Setting("n p", where="n > p")
    X = s.full_rank("X: n,p")
    A, C = s.error_contrasts("A", X), s.matrices("C: n-p")
    V, y = s.positive_definite("V: n"), s.vectors("y: n")
    return s, {"X": X, "A": A, "C": C, "V": V, "y": y}


def form(A: Expr, V: Expr, y: Expr) -> Expr:
    return y.T * A * (A.T * V * A).I * A.T * y


def same_form(z: Symbols) -> Derivation:
    s, z = two_sets()
    A, C, V, y = z["A"], z["C"], z["V"], z["y"]
    inverted = C * C.I * (A.T * V * A).I * C.T.I * C.T
    return (
        s.derive(form(A * C, V, y))
        .step(y.T * A * inverted * A.T * y, "the inverse of a product")
        .step(form(A, V, y), "$C$ cancels")
    )


def line_has(*forms: Any) -> Any:
    """Whether a derivation's first or last line is one of these."""

    def test(value: Derivation) -> bool:
        z = two_sets()[1]
        keys = {typed(make(z)) for make in forms}
        return bool(keys & {typed(value.lhs), typed(value.rhs)})

    return test


def backwards(value: Derivation) -> bool:
    wanted = same_form({})
    return typed(value.lhs) == typed(wanted.rhs) and typed(value.rhs) == typed(wanted.lhs)


def both_ends(value: Derivation) -> bool:
    wanted = same_form({})
    return typed(value.lhs) == typed(wanted.lhs) and typed(value.rhs) == typed(wanted.rhs)


def C_still_there(value: Derivation) -> bool:
    wanted = same_form({})
    letters = {node.value for node in value.rhs.walk() if node.op == "symbol"}
    return typed(value.lhs) == typed(wanted.lhs) and "C" in letters


EXERCISES = (
    Exercise(
        "contrasts-line",
        CHAPTER,
        Property(
            [[2, 1], [-3, -1], [1, -1], [0, 1]],
            four_rows,
            (
                (
                    lambda A: annihilates(A, LINE),
                    "A column is not orthogonal to both columns of X.",
                ),
                (lambda A: A.cols == 2, "The number of columns is not right."),
                (lambda A: rank(A) == 2, "The columns depend on each other."),
            ),
            expects="a matrix with four rows, as a list of rows or an array",
        ),
        (
            Misconception(
                "These contrasts remove the mean and keep the slope: they have to be orthogonal to "
                "the second column of $X$ as well.",
                when=lambda A: annihilates(A, LINE[:, 0]) and not annihilates(A, LINE),
            ),
            Misconception(
                "These are contrasts, but not all of them: how many dimensions are left?",
                when=lambda A: annihilates(A, LINE) and 0 < rank(A) < 2 and A.cols < 2,
            ),
            Misconception(
                "Two columns, but one of them says nothing new: the contrasts must be linearly "
                "independent.",
                when=lambda A: annihilates(A, LINE) and A.cols == 2 and rank(A) < 2,
            ),
            Misconception(
                "The space is right, but there are more columns than dimensions: the covariance "
                "of these contrasts is singular, and they have no density.",
                when=lambda A: annihilates(A, LINE) and A.cols > 2 and rank(A) == 2,
            ),
            Misconception(
                "These columns lie in the space of $X$, and the contrasts are orthogonal to it.",
                when=lambda A: rank(A.row_join(LINE)) == 2,
            ),
        ),
        "Contrasts are a basis of the null space of the transposed design: as many as there are "
        "observations less coefficients.",
        "A third for the orthogonality, a third for the number, a third for independence.",
    ),
    Exercise(
        "contrasts-same-form",
        CHAPTER,
        Derived(
            two_sets,
            same_form,
            expects="a derivation that begins with the form for AC and ends with the form for A",
        ),
        (
            Misconception(
                "That is the right equation read backwards: begin with the form that has $AC$.",
                when=backwards,
            ),
            Misconception(
                "The covariance of the contrasts is missing: their quadratic form is weighted "
                "with its inverse.",
                when=line_has(
                    lambda z: z["y"].T * z["A"] * (z["A"].T * z["A"]).I * z["A"].T * z["y"],
                    lambda z: z["y"].T * z["A"] * z["A"].T * z["y"],
                ),
            ),
            Misconception(
                "There is still a $C$ in the last line: in the bracket and outside of it, it "
                "stands next to its inverse.",
                when=C_still_there,
            ),
            Misconception(
                "A line holds only for a special $C$: assume no more than that $C$ can be "
                "inverted.",
                when=both_ends,
            ),
        ),
        "The change of basis cancels: a likelihood that sees the data through contrasts sees only "
        "their space.",
        "One half for the inverse of the bracket, one half for the cancellation.",
    ),
    Exercise(
        "contrasts-constant",
        CHAPTER,
        MatrixExpression(two_sets, lambda z: logdet(z["C"])),
        (
            Misconception(
                "The sign: stretched contrasts have a flatter density, so which of the two "
                "log likelihoods is larger?",
                lambda z: -logdet(z["C"]),
            ),
            Misconception(
                "A factor of one half is lost: the log likelihood has half of a log determinant, "
                "and $C$ stands twice in it.",
                lambda z: 2 * logdet(z["C"]),
            ),
            Misconception(
                "One half too much: $C$ stands on both sides of the covariance matrix.",
                lambda z: logdet(z["C"]) / 2,
            ),
            Misconception(
                "The quadratic forms are equal, but the log determinants are not.",
                lambda z: 0 * logdet(z["C"]),
            ),
            Misconception(
                "This is the log determinant of the second covariance itself. What does the "
                "difference leave?",
                lambda z: logdet((z["A"] * z["C"]).T * z["V"] * z["A"] * z["C"]) / 2,
            ),
            Misconception(
                "A constant does not contain $V$: compare the two covariances of the contrasts.",
                when=lambda value: any(
                    node.op == "symbol" and node.value == "V" for node in value.walk()
                ),
            ),
        ),
        "The two log likelihoods differ by a number without parameters: the same estimates, "
        "another value.",
        "Half for the size, a quarter for the sign, a quarter for why the estimates agree.",
    ),
    Exercise(
        "contrasts-orthonormal",
        CHAPTER,
        Function(
            orthonormal,
            designs,
            returns="an n x (n - p) matrix",
            tolerance=1e-8,
            view=projection_and_width,
        ),
        (
            Misconception(
                "These are all $n$ residuals, the columns of the projection: too many.",
                lambda X: np.eye(len(X)) - X @ np.linalg.pinv(X),
            ),
            Misconception(
                "These columns span the space of $X$ itself; the contrasts are what is left.",
                lambda X: np.linalg.qr(X)[0],
            ),
            Misconception(
                "This is the whole of $Q$: its first columns are not orthogonal to $X$.",
                lambda X: np.linalg.qr(X, mode="complete")[0],
            ),
            Misconception(
                "You took one column off, but each coefficient costs one.",
                lambda X: np.linalg.qr(X, mode="complete")[0][:, 1:],
            ),
            Misconception(
                "You took the first columns of $Q$, as many as there should be contrasts. Which "
                "of its columns are orthogonal to $X$?",
                lambda X: np.linalg.qr(X, mode="complete")[0][:, : len(X) - X.shape[1]],
            ),
            Misconception(
                "These are columns of the projection, in the right number, but they have neither "
                "length 1 nor right angles.",
                lambda X: (np.eye(len(X)) - X @ np.linalg.pinv(X))[:, : len(X) - X.shape[1]],
            ),
            Misconception(
                "These are contrasts for a common mean. This design has other columns.",
                lambda X: np.linalg.qr(np.ones((len(X), 1)), mode="complete")[0][:, 1:],
            ),
        ),
        "The last columns of a complete QR decomposition: orthonormal, whatever the design.",
        "Half for a basis, half for making it orthonormal.",
    ),
    Exercise(
        "contrasts-all-deviations",
        CHAPTER,
        Choice("b", "abcd"),
        (
            Misconception(
                "Their mean is zero, each of them: the general mean has been subtracted.",
                "a",
            ),
            Misconception(
                "Correlated numbers may well have a density: it has a covariance matrix in it. "
                "What must that matrix be?",
                "c",
            ),
            Misconception(
                "Contrasts remove the common mean, not the groups: the variance of the group "
                "effects is to be estimated from them.",
                "d",
            ),
        ),
        "One more deviation than dimensions. Leave one out, no matter which.",
        "The letter one half, one half for the repair.",
    ),
    Exercise(
        "contrasts-units",
        CHAPTER,
        Number(-math.log(24), tolerance=1e-4),
        (
            Misconception(
                "The sign: the columns of $X$ are multiplied, so $X'V^{-1}X$ is larger. With which "
                "sign does its log determinant come in?",
                math.log(24),
            ),
            Misconception(
                "The determinant of $T$ comes twice, and the log likelihood has one half. Or did "
                "you multiply the column of ones, too?",
                -2 * math.log(24),
            ),
            Misconception(
                "Half is lost: $T$ stands on both sides of $V^{-1}$.",
                -math.log(24) / 2,
            ),
            Misconception(
                "A contrast does not see the units, that is true. But the form that is reported "
                "leaves out the part that would make up for them.",
                when=lambda value: abs(value) < 1e-9,
            ),
            Misconception(
                "A natural logarithm is asked for.",
                -math.log10(24),
            ),
            Misconception(
                "This is a factor. The log likelihood changes by its logarithm.",
                when=lambda value: any(
                    math.isclose(value, x, rel_tol=1e-9) for x in (24, 1 / 24, -24)
                ),
            ),
        ),
        "Restricted log likelihoods are compared only between models with the same columns in "
        "the same units.",
        "Half for the formula, half for the number with its sign.",
    ),
)
