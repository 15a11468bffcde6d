"""Judges the exercises of the chapter "Designs: what Z looks like"."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeAlias

import sympy as sp

from lmmbook.exercises.exercise import Exercise, Misconception
from lmmbook.exercises.kinds import (
    Choice,
    Expression,
    FalseStep,
    Function,
    MatrixExpression,
    Unreadable,
    is_large_inverse,
)
from lmmbook.exercises.late import np
from matrixproof import Setting, block, det, eye
from matrixproof.judges.exact import matrix
from matrixproof.judges.instances import Instance
from matrixproof.language.expressions import Expr

CHAPTER = "designs"
Symbols = dict[str, Any]
Arrays: TypeAlias = "tuple[np.ndarray, np.ndarray]"


# -- random intercepts and slopes ------------------------------------------------------------


def random_slopes(group: np.ndarray, x: np.ndarray) -> Arrays:
    member = (group[:, None] == np.unique(group)).astype(float)
    return np.column_stack([np.ones(len(x)), x]), np.hstack([member, member * x[:, None]])


def with_Z(change: Callable[[np.ndarray, np.ndarray, np.ndarray], Any]) -> Callable[..., Arrays]:
    """The solution with another Z, made from the labels, x, and the indicators of the groups."""

    def changed(group: np.ndarray, x: np.ndarray) -> Arrays:
        X, Z = random_slopes(group, x)
        return X, change(group, x, Z[:, : Z.shape[1] // 2])

    return changed


def in_order_of_appearance(group: np.ndarray, x: np.ndarray, member: np.ndarray) -> np.ndarray:
    sizes = [np.sum(group == label) for label in np.unique(group)]
    blocks = np.repeat(np.eye(len(sizes)), sizes, axis=0)
    return np.hstack([blocks, blocks * x[:, None]])


def group_means_removed(group: np.ndarray, x: np.ndarray, member: np.ndarray) -> np.ndarray:
    inside = x - member @ ((member.T @ x) / member.sum(axis=0))
    return np.hstack([member, member * inside[:, None]])


def all_in_X(group: np.ndarray, x: np.ndarray) -> Arrays:
    X, Z = random_slopes(group, x)
    return np.hstack([X, Z]), Z


def no_slope_in_X(group: np.ndarray, x: np.ndarray) -> Arrays:
    X, Z = random_slopes(group, x)
    return X[:, :1], Z


def in_any_order(value: Any) -> np.ndarray:
    """X and Z with their columns sorted, a column of -1 between them."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise Unreadable("Your function returns something else than two matrices.")
    parts = []
    for part in value:
        dense = part.toarray() if hasattr(part, "toarray") else part
        try:
            array = np.asarray(dense, dtype=float)
        except (TypeError, ValueError):
            raise Unreadable("Your function returns something without numbers.") from None
        if array.ndim != 2:
            raise Unreadable("X and Z have two dimensions each.")
        parts.append(array[:, np.lexsort(np.round(array, 9)[::-1])])
    if len(parts[0]) != len(parts[1]):
        raise Unreadable("X and Z do not have the same number of rows.")
    return np.hstack([parts[0], -np.ones((len(parts[0]), 1)), parts[1]])


def labelled() -> tuple[Arrays, ...]:
    return (
        (np.array(["b", "a", "b", "c", "a", "b"]), np.array([0.5, 2.0, -1.5, 3.25, 0.0, 1.0])),
        (np.array(["x", "x", "y", "y"]), np.array([3.0, 1.5, 2.5, 7.0])),
        (np.array([4, 9, 4, 1, 9, 9, 7, 1]), np.arange(8.0) ** 2 / 3 + 0.1),
    )


# -- symbols ---------------------------------------------------------------------------------


def nested() -> tuple[Setting, Symbols]:
    """Two nested projections, of which nothing else is used."""

    def casks(d: Instance) -> Any:
        size = d.size(d.setting.dims["n"])
        return matrix([[int(i == j < 2) for j in range(size)] for i in range(size)])

    def batches(d: Instance) -> Any:
        size = d.size(d.setting.dims["n"])
        return matrix([[Fraction(max(i, j) < 2 <= size, 2) for j in range(size)]
                       for i in range(size)])  # fmt: skip

    s = Setting("n b m")
    n, b, m = s.dimensions
    P_A, P_C = s.symmetric("P_A: n", sampler=batches), s.symmetric("P_C: n", sampler=casks)
    for product, same in ((P_A * P_A, P_A), (P_C * P_C, P_C), (P_C * P_A, P_A), (P_A * P_C, P_A)):
        s.assume(product, same)
    sigma2, tau2_A, tau2_C = s.scalars("sigma2 tau2_A tau2_C")
    return s, {"I": eye(n), "P_A": P_A, "P_C": P_C, "s": sigma2,
               "A": b * m * tau2_A, "C": m * tau2_C}  # fmt: skip


def two_factors() -> tuple[Setting, Symbols]:
    s = Setting("n a b")
    Z_A, Z_B = s.matrices("Z_A: n,a; Z_B: n,b")
    return s, {"Z_A": Z_A, "Z_B": Z_B}


def side_by_side(z: Symbols) -> list[Expr]:
    Z_A, Z_B = z["Z_A"], z["Z_B"]
    Z = block([[Z_A, Z_B]])
    return [
        det(Z.T * Z),
        det(block([[Z_A.T * Z_A, Z_A.T * Z_B], [Z_B.T * Z_A, Z_B.T * Z_B]])),
        det(block([[Z_A.T * Z_A, 0], [0, Z_B.T * Z_B]])),
        det(Z_A.T * Z_A) * det(Z_B.T * Z_B),
    ]


def overlap(values: dict[str, Any]) -> bool:
    """Whether a column of Z_A is not orthogonal to one of Z_B."""
    A, B = (sp.Matrix(values[name]) for name in ("Z_A", "Z_B"))
    return A.rows == B.rows and not (A.T * B).is_zero_matrix


g0, g01, g1 = sp.symbols("g_0 g_01 g_1", real=True)

EXERCISES = (
    Exercise(
        "designs-random-slopes",
        CHAPTER,
        Function(random_slopes, labelled, returns="two matrices, X and Z", view=in_any_order),
        (
            Misconception(
                "These are random intercepts alone. Each group has a second random effect, which "
                "is multiplied by the covariate.",
                with_Z(lambda group, x, member: member),
            ),
            Misconception(
                "Every group has the same columns here: the effects of one group would act on "
                "all the others as well.",
                with_Z(lambda group, x, member: np.column_stack([np.ones(len(x)), x])),
            ),
            Misconception(
                "The intercepts are common to all groups here; a group's own intercept is missing.",
                with_Z(
                    lambda group, x, member: np.column_stack([np.ones(len(x)), member * x[:, None]])
                ),
            ),
            Misconception(
                "The slopes alone are random here; each group has an intercept of its own too.",
                with_Z(lambda group, x, member: member * x[:, None]),
            ),
            Misconception(
                "You took the rows to be sorted by group. They come in any order: look at the "
                "label of each row.",
                with_Z(in_order_of_appearance),
            ),
            Misconception(
                "You measured the covariate from each group's own mean. That is another model: "
                "the zero then differs between the groups.",
                with_Z(group_means_removed),
            ),
            Misconception(
                "The columns of the random effects are in $X$ as well. Effects which are fixed "
                "and random at once leave nothing to be seen of their variance.",
                all_in_X,
            ),
            Misconception(
                "The random slopes have mean zero. The common slope is a coefficient of its own "
                "and needs its column of $X$.",
                no_slope_in_X,
            ),
        ),
        "A row of $Z$ is the row of $X$, put into the place of its group.",
        "A quarter for X; half for Z on sorted data; all of it when the labels decide.",
    ),
    Exercise(
        "designs-narrowest",
        CHAPTER,
        Expression(g0 - g01**2 / g1, {"g_0": 30, "g_01": -12, "g_1": 5}),
        (
            Misconception(
                "This is the variance at the present zero of the covariate. Go to the bottom of "
                "the parabola.",
                g0,
            ),
            Misconception(
                "The sign: the lowest point of a parabola does not lie above its value at zero.",
                g0 + g01**2 / g1,
            ),
            Misconception(
                "You found the place where the lines are narrowest. What is the variance there?",
                -g01 / g1,
            ),
            Misconception(
                "You stopped halfway: the covariance enters the parabola twice, which moves the "
                "bottom further out.",
                g0 - sp.Rational(3, 4) * g01**2 / g1,
            ),
            Misconception(
                "The covariance enters the variance of the line twice, once for each order of "
                "the two effects. A factor is lost.",
                g0 - g01**2 / (4 * g1),
            ),
            Misconception(
                "This is a standard deviation. Asked is the variance.",
                sp.sqrt(g0 - g01**2 / g1),
            ),
            Misconception(
                "You swapped intercept and slope.",
                g1 - g01**2 / g0,
            ),
        ),
        "The variance of the intercept given the slope. It belongs to the lines; the variance of "
        "the intercept belongs to the zero of the scale.",
        "Half for the place, half for the variance there.",
    ),
    Exercise(
        "designs-nested-inverse",
        CHAPTER,
        MatrixExpression(
            nested,
            lambda z: (
                (z["I"] - z["P_C"]) / z["s"]
                + (z["P_C"] - z["P_A"]) / (z["s"] + z["C"])
                + z["P_A"] / (z["s"] + z["C"] + z["A"])
            ),
            without={
                is_large_inverse: "That is it, but unfinished: no matrix need be inverted, "
                "three numbers are enough."
            },
        ),
        (
            Misconception(
                "The parts overlap: what lies between the batches is counted among the casks a "
                "second time.",
                lambda z: (
                    (z["I"] - z["P_C"]) / z["s"]
                    + z["P_C"] / (z["s"] + z["C"])
                    + z["P_A"] / (z["s"] + z["C"] + z["A"])
                ),
            ),
            Misconception(
                "Between batches all three variances act: the mean of a batch varies with its "
                "casks too.",
                lambda z: (
                    (z["I"] - z["P_C"]) / z["s"]
                    + (z["P_C"] - z["P_A"]) / (z["s"] + z["C"])
                    + z["P_A"] / (z["s"] + z["A"])
                ),
            ),
            Misconception(
                "You left the error variance out: it is there in every direction.",
                lambda z: (
                    (z["I"] - z["P_C"]) / z["s"]
                    + (z["P_C"] - z["P_A"]) / z["C"]
                    + z["P_A"] / (z["C"] + z["A"])
                ),
            ),
            Misconception(
                "You took the inverse of a sum term by term. That works only for terms which "
                "annihilate each other.",
                lambda z: z["I"] / z["s"] + z["P_C"] / z["C"] + z["P_A"] / z["A"],
            ),
            Misconception(
                "This is $V$ itself, not its inverse.",
                lambda z: z["s"] * z["I"] + z["C"] * z["P_C"] + z["A"] * z["P_A"],
            ),
        ),
        "Cut the identity into projections that annihilate each other: then inverting a matrix is "
        "inverting numbers.",
        "Half for the three projections, half for their numbers.",
    ),
    Exercise(
        "designs-false-line",
        CHAPTER,
        FalseStep(two_factors, side_by_side, (2, {"Z_A": [[1]], "Z_B": [[1]]})),
        (
            Misconception(
                "That step is only a product of blocks: a column of two blocks times a row of two.",
                when=lambda value: value[0] == 1,
            ),
            Misconception(
                "That step is right: the determinant of a block diagonal matrix is the product of "
                "those of its blocks.",
                when=lambda value: value[0] == 3,
            ),
            Misconception(
                "It is that step, but in your example no level of one factor meets a level of "
                "the other.",
                when=lambda value: value[0] == 2 and not overlap(value[1]),
            ),
        ),
        "Indicators of one factor are orthogonal; those of two factors overlap wherever a cell has "
        "observations.",
        "One third for the step, two thirds for a counterexample that works.",
    ),
    Exercise(
        "designs-groups-of-one",
        CHAPTER,
        Choice("c", "abcd"),
        (
            Misconception(
                "Groups of one tell only a sum of the two variances. But is every group one of "
                "these? Count the contrasts' matrices.",
                when=lambda letter: letter == "a",
            ),
            Misconception(
                "Identified is not the same as well estimated. How many comparisons free of the "
                "group effects are there?",
                when=lambda letter: letter == "b",
            ),
            Misconception(
                "A difference within a group is free of the group's effect, and its variance "
                "contains one of the two parameters only.",
                when=lambda letter: letter == "d",
            ),
        ),
        "Identified means that different values give different laws. How much the data say is "
        "another question.",
        "All for the letter with its reason; half for the letter alone.",
    ),
)
