"""Exercises that answer back: ``check("id", answer)`` says whether an answer is right, and why not.

Three words come back. *Right*: the answer is equivalent to the solution, whatever its form. *Not
yet*: it is another one, and where it shows a known misconception, that is named. *Cannot read
this*: it is not the kind of thing that was asked for. A stub that nobody has touched is *not
attempted*. Nothing is raised, written to a file or sent anywhere.

The exercises are in the chapters; what judges an answer is in ``lmmbook.exercises.bank``, one
module a chapter.
"""

from __future__ import annotations

from lmmbook.exercises.judge import Exercise, Misconception, check, exercises, find
from lmmbook.exercises.kinds import (
    Choice,
    Counterexample,
    Derived,
    Expression,
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
    "Counterexample",
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
