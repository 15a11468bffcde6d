"""Exercises that answer back: ``check("id", answer)`` says whether an answer is right, and why not.

Three words come back. *Right*: the answer is equivalent to the solution, whatever its form. *Not
yet*: it is another one, and where it shows a known misconception, that is named. *Cannot read
this*: it is not the kind of thing that was asked for. A stub that nobody has touched is *not
attempted*. Nothing is raised, written to a file or sent anywhere.

The exercises are in the chapters. What judges an answer, from the top down:

- ``course``: the exercises as a lecturer sees them: by session, by chapter, by what they train
- ``judge``: ``check``: reads an answer, compares it with the solution, names the misconception
- ``bank``: every exercise, with its solution and its misconceptions: one module a chapter
- ``exercise``: what an exercise is
- ``kinds``: what may be asked for: a number, a function, a derivation, a false step, ...
- ``limits``: seconds and memory for what an answer runs
- ``verdict``: what comes back
- ``late``: NumPy, where an exercise needs it, so that the Try page does without
"""

from __future__ import annotations

from lmmbook.exercises.exercise import Exercise, Misconception
from lmmbook.exercises.judge import check, exercises, find
from lmmbook.exercises.kinds import (
    Choice,
    Derived,
    Expression,
    FalseStep,
    Function,
    Kind,
    MatrixExpression,
    Number,
    Property,
    Unreadable,
)
from lmmbook.exercises.verdict import Verdict

__all__ = [
    "Choice",
    "FalseStep",
    "Derived",
    "Exercise",
    "Expression",
    "Function",
    "Kind",
    "MatrixExpression",
    "Misconception",
    "Number",
    "Property",
    "Unreadable",
    "Verdict",
    "check",
    "exercises",
    "find",
]
