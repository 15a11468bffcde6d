"""Judges the exercises of the chapter "Crossed and nested: Penicillin and Pastes"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from lmmbook.exercises.exercise import Exercise, Misconception
from lmmbook.exercises.kinds import Choice, Expression, Function, Unreadable
from lmmbook.exercises.late import np

CHAPTER = "crossed-and-nested"
PLANS = (
    (3, 2, 0.678, 8.434, 1.657),
    (6, 1, 0.678, 8.434, 1.657),
    (1, 6, 2.0, 0.5, 3.0),
    (4, 4, 1.0, 0.0, 0.5),
    (5, 3, 0.3, 1.7, 0.0),
)

a, b, sigma2, plates, samples = sp.symbols("a b sigma2 plates samples", positive=True)


# -- the right label -------------------------------------------------------------------------


def labelled() -> list[tuple[Any, ...]]:
    """Labels of casks and of batches, some of which collide when they are glued together."""
    return [
        (np.array(list("aabbccaabbcc")), np.repeat(["A", "B"], 6)),
        (np.array(["1", "11", "1", "11", "1"]), np.array(["11", "1", "1", "11", "11"])),
        (np.array([1, 2, 3, 1, 2, 3, 2]), np.array([3, 2, 1, 1, 2, 3, 1])),
        (np.array(["b", "a", "b", "c"]), np.array(["A", "A", "A", "B"])),
        (np.array([0, 0, 1, 1, 0, 10, 1]), np.array([10, 0, 0, 1, 10, 1, 0])),
        (np.array(["x-y", "x", "x-y", "x"]), np.array(["z", "y-z", "z", "y-z"])),
    ]


def own_label(cask: Any, batch: Any) -> Any:
    """A number for each pair that occurs."""
    known: dict[tuple[Any, Any], int] = {}
    pairs = zip(np.asarray(cask).tolist(), np.asarray(batch).tolist(), strict=True)
    return [known.setdefault(pair, len(known)) for pair in pairs]


def sorted_apart(value: Any) -> Any:
    """Which rows have one label, whatever the labels are."""
    try:
        labels = value.tolist() if hasattr(value, "tolist") else list(value)
        known: dict[Any, int] = {}
        return [
            known.setdefault(tuple(x) if isinstance(x, list) else x, len(known)) for x in labels
        ]
    except TypeError:
        raise Unreadable("Your function does not return a label for each row.") from None


def put_together(label: Callable[[Any, Any], Any]) -> Callable[[Any, Any], list[Any]]:
    def answer(cask: Any, batch: Any) -> list[Any]:
        return [label(x, y) for x, y in zip(cask.tolist(), batch.tolist(), strict=True)]

    return answer


# -- a plan ----------------------------------------------------------------------------------


def plan(c: int, a: int, sigma2: float, casks: float, batches: float) -> float:
    """The variance of a mean of c casks of a assays, about the delivery's own level."""
    return casks / c + sigma2 / (c * a)


EXERCISES = (
    Exercise(
        "crossed-labels",
        CHAPTER,
        Function(
            own_label,
            labelled,
            returns="a label for each row",
            view=sorted_apart,
        ),
        (
            Misconception(
                "Casks of one letter share a label here, whatever their batch: that is the "
                "crossed model.",
                lambda cask, batch: cask,
            ),
            Misconception(
                "All casks of a batch share a label here.",
                lambda cask, batch: batch,
            ),
            Misconception(
                "Every row has its own label here: then two assays of a cask have nothing in "
                "common.",
                lambda cask, batch: list(range(len(cask))),
            ),
            Misconception(
                "Different casks get one label when the two labels are put together without a "
                "sign between them: 1 and 11 is not 11 and 1.",
                put_together(lambda x, y: f"{x}{y}"),
            ),
            Misconception(
                "Different casks get one label when the two labels are put together without a "
                "sign between them: 1 and 11 is not 11 and 1.",
                put_together(lambda x, y: f"{y}{x}"),
            ),
            Misconception(
                "Different casks get one label when the two labels are put together without a "
                "sign between them: 1 and 11 is not 11 and 1.",
                put_together(lambda x, y: x + y),
            ),
            Misconception(
                "Different casks get one label when the two labels are put together without a "
                "sign between them: 1 and 11 is not 11 and 1.",
                put_together(lambda x, y: y + x),
            ),
        ),
        "Whether factors are nested is known to who collected the data. The labels have to say it.",
        "One half for the pair, one half for labels that cannot collide.",
    ),
    Exercise(
        "crossed-sample-plan",
        CHAPTER,
        Function(plan, PLANS, tolerance=1e-8),
        (
            Misconception(
                "The variance between deliveries does not belong here: the delivery's own level is "
                "what is to be known.",
                lambda c, a, sigma2, casks, batches: plan(c, a, sigma2, casks, 0) + batches,
            ),
            Misconception(
                "The mean has $ca$ assays, and the errors of all are averaged.",
                lambda c, a, sigma2, casks, batches: casks / c + sigma2 / a,
            ),
            Misconception(
                "The mean has $ca$ assays, and the errors of all are averaged.",
                lambda c, a, sigma2, casks, batches: casks / c + sigma2 / c,
            ),
            Misconception(
                "That takes the assays for independent. Assays of one cask share its effect: it is "
                "averaged over the casks only.",
                lambda c, a, sigma2, casks, batches: (casks + sigma2) / (c * a),
            ),
            Misconception(
                "The casks differ from each other: their variance has to come in.",
                lambda c, a, sigma2, casks, batches: sigma2 / (c * a),
            ),
            Misconception(
                "The number of casks and the number of assays have changed places.",
                lambda c, a, sigma2, casks, batches: plan(a, c, sigma2, casks, batches),
            ),
            Misconception(
                "This is a standard deviation.",
                lambda *values: plan(*values) ** 0.5,
            ),
            Misconception(
                "This is the variance of one assay, not of the mean.",
                lambda c, a, sigma2, casks, batches: casks + sigma2,
            ),
        ),
        "Repeat where it varies most. A second assay of a cask says nothing about other casks.",
        "One half for each of the two parts.",
    ),
    Exercise(
        "crossed-mean",
        CHAPTER,
        Expression(
            plates / a + samples / b + sigma2 / (a * b),
            {"a": 2, "b": 2, "sigma2": None, "plates": None, "samples": None},
        ),
        (
            Misconception(
                "That takes all measurements for independent. Those of a plate share its effect, "
                "those of a sample, too.",
                (plates + samples + sigma2) / (a * b),
            ),
            Misconception(
                "The two numbers have changed places: the effects of $a$ plates are averaged over "
                "the $a$ plates.",
                plates / b + samples / a + sigma2 / (a * b),
            ),
            Misconception(
                "One of the two factors is left out. The mean goes over samples and plates.",
                samples / b + sigma2 / (a * b),
            ),
            Misconception(
                "One of the two factors is left out. The mean goes over samples and plates.",
                plates / a + sigma2 / (a * b),
            ),
            Misconception(
                "The measurement errors are left out.",
                plates / a + samples / b,
            ),
            Misconception(
                "This is the variance of a single measurement.",
                plates + samples + sigma2,
            ),
            Misconception(
                "This is for samples nested in plates. Here every plate has the same samples.",
                plates / a + samples / (a * b) + sigma2 / (a * b),
            ),
            Misconception(
                "Degrees of freedom are for estimating a variance. Here the variances are given.",
                plates / (a - 1) + samples / (b - 1) + sigma2 / ((a - 1) * (b - 1)),
            ),
            Misconception(
                "This is a standard error; asked is its square.",
                sp.sqrt(plates / a + samples / b + sigma2 / (a * b)),
            ),
        ),
        "The mean is no better known than the factor with the fewest levels allows: here six "
        "samples.",
        "One third for each part.",
    ),
    Exercise(
        "crossed-one-factor",
        CHAPTER,
        Choice("c", "abcd"),
        (
            Misconception(
                "Every sample met every plate: plates make no difference between samples. Compare "
                "the two variances of the samples.",
                "a",
            ),
            Misconception(
                "The first half is right. But the mean rests on something of which there are only "
                "six. Print both standard errors.",
                "b",
            ),
            Misconception(
                "The variation is in the data, and some part of the model has to take it up. "
                "Print both error variances.",
                "d",
            ),
        ),
        "What a model leaves out does not go away. Of two factors that cross in a balanced layout "
        "the one that is left out goes into the error.",
        "The letter one half, the reason one half.",
    ),
)
