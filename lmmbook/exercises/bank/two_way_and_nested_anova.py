"""Judges the exercises of the chapter "Two-way and nested ANOVA"."""

from __future__ import annotations

import sympy as sp

from lmmbook.exercises.exercise import Exercise, Misconception
from lmmbook.exercises.kinds import Choice, Expression, Function
from lmmbook.exercises.late import np

CHAPTER = "two-way-and-nested-anova"
b, m, sigma2, tau2 = sp.symbols("b m sigma2 tau2", positive=True)
IGNORED = sigma2 + m * (b - 1) / (b * m - 1) * tau2


def strata() -> list[tuple[np.ndarray, np.ndarray]]:
    """Sums of squares and degrees of freedom, from the lowest stratum up."""
    cases = (
        ((2.0, 5.0, 9.0), (8, 4, 2)),  # nothing to pool
        ((2.0, 7.0, 4.0), (12, 6, 3)),  # the upper two
        ((5.0, 3.0, 11.0), (10, 4, 2)),  # the lower two
        ((4.0, 5.0, 1.0), (8, 4, 2)),  # the upper two, and then all
        ((4.5, 3.0, 4.1), (9, 5, 4)),  # the lower two, and then nothing
        ((6.0, 2.0, 3.4), (6, 5, 4)),  # the lower two, and then all
        ((9.0, 4.0, 2.0), (7, 5, 3)),  # all
    )
    return [(np.array(mean) * np.array(df), np.array(df, dtype=float)) for mean, df in cases]


def pooled(squares: np.ndarray, df: np.ndarray) -> np.ndarray:
    """Neighbours that are in the wrong order share their squares, until none are."""
    blocks: list[list[float]] = []
    for s, f in zip(squares, df, strict=True):
        blocks.append([s, f, 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            s_up, f_up, n_up = blocks.pop()
            blocks[-1] = [blocks[-1][0] + s_up, blocks[-1][1] + f_up, blocks[-1][2] + n_up]
    return np.concatenate([np.full(int(count), s / f) for s, f, count in blocks])


def once(squares: np.ndarray, df: np.ndarray, down: bool) -> np.ndarray:
    """One pass over the neighbours, without looking back."""
    values = squares / df
    order = (1, 0) if down else (0, 1)
    for i in order:
        if values[i] > values[i + 1]:
            values[i : i + 2] = (squares[i] + squares[i + 1]) / (df[i] + df[i + 1])
    return values


def unweighted(squares: np.ndarray, df: np.ndarray) -> np.ndarray:
    return pooled(squares / df, np.ones(len(df)))


EXERCISES = (
    Exercise(
        "balanced-ignored",
        CHAPTER,
        Expression(IGNORED, {"b": 2, "m": 2, "sigma2": None, "tau2": None}),
        (
            Misconception(
                "That is what the mean square would estimate without casks. The casks are in it.",
                sigma2,
            ),
            Misconception(
                "That is the mean square between casks, one of the two strata that are mixed. How "
                "many degrees of freedom has each?",
                sigma2 + m * tau2,
            ),
            Misconception(
                "The variance of a single analysis is not the mean of this mean square: casks that "
                "share a batch have been compared with their own mean.",
                sigma2 + tau2,
            ),
            Misconception(
                "The sum of squares within a batch has one degree of freedom less than the batch "
                "has analyses.",
                sigma2 + (b - 1) / b * tau2,
            ),
            Misconception(
                "A cask's effect is in all of its analyses: a factor $m$ is missing.",
                sigma2 + (b - 1) / (b * m - 1) * tau2,
            ),
            Misconception(
                "The two mean squares are averaged as if they had equally many degrees of freedom.",
                sigma2 + m * tau2 / 2,
            ),
            Misconception(
                "Between $b$ casks of a batch there are $b - 1$ degrees of freedom.",
                sigma2 + b * m / (b * m - 1) * tau2,
            ),
        ),
        "A stratum that is left out does not disappear: its squares are counted in the stratum "
        "below, by their degrees of freedom.",
        "One half for the degrees of freedom, one half for the weighted mean.",
    ),
    Exercise(
        "balanced-fixed-rows",
        CHAPTER,
        Choice("c", "abcd"),
        (
            Misconception(
                "A coefficient for each row takes the row stratum away. Do the residual and the "
                "columns use that stratum?",
                "a",
            ),
            Misconception(
                "REML divides by the degrees of freedom of each stratum. Does fixing the rows "
                "change those of the residual?",
                "b",
            ),
            Misconception(
                "What row means can tell about columns is nothing, in a complete table. The two "
                "are orthogonal.",
                "d",
            ),
        ),
        "In a complete table REML works stratum by stratum. What is fixed takes its own stratum "
        "away and leaves the others as they are.",
        "The letter one half, the reason by strata one half.",
    ),
    Exercise(
        "balanced-pool",
        CHAPTER,
        Function(
            lambda squares, df: pooled(squares, df), strata, "an array, a number for each stratum"
        ),
        (
            Misconception(
                "These are the mean squares. Where a lower one exceeds an upper one a variance "
                "would be negative.",
                lambda squares, df: squares / df,
            ),
            Misconception(
                "An upper value is lifted to the lower one. When two strata share one, both "
                "have a say in it.",
                lambda squares, df: np.maximum.accumulate(squares / df),
            ),
            Misconception(
                "A lower value is pushed down to the upper one. When two strata share one, both "
                "have a say in it.",
                lambda squares, df: np.minimum.accumulate((squares / df)[::-1])[::-1],
            ),
            Misconception(
                "The mean squares are averaged without weights. Pool sums of squares and degrees "
                "of freedom, and divide then.",
                unweighted,
            ),
            Misconception(
                "After pooling, a value may be out of order with the next neighbour. Look again, "
                "until nothing is.",
                lambda squares, df: once(squares, df, down=True),
            ),
            Misconception(
                "After pooling, a value may be out of order with the next neighbour. Look again, "
                "until nothing is.",
                lambda squares, df: once(squares, df, down=False),
            ),
            Misconception(
                "All strata are pooled as soon as two are out of order. Those in order keep their "
                "values.",
                lambda squares, df: (
                    squares / df
                    if np.all(np.diff(squares / df) >= 0)
                    else np.full(len(df), squares.sum() / df.sum())
                ),
            ),
        ),
        "Pool neighbours until the values rise: that is the maximum under the constraints, and a "
        "variance of zero for each pair that was pooled.",
        "One half for pooling by degrees of freedom, one half for going on until nothing is out of "
        "order.",
    ),
)
