"""The kinds of answers: how each is read, and when two of them are the same.

An answer counts by what it is worth, not by how it is written.

- ``kind``: what every kind has, and what is no answer
- ``plain``: Number, Choice, Property
- ``scalar``: Expression: SymPy
- ``function``: Function: run under limits, on several data sets
- ``matrix``: MatrixExpression, Derived, FalseStep: by the derivation checker
"""

from __future__ import annotations

from lmmbook.exercises.kinds.function import Function
from lmmbook.exercises.kinds.kind import Kind, Unequal, Unreadable, is_untouched
from lmmbook.exercises.kinds.matrix import (
    Derived,
    FalseStep,
    MatrixExpression,
    is_large_inverse,
    typed,
)
from lmmbook.exercises.kinds.plain import Choice, Number, Property
from lmmbook.exercises.kinds.scalar import Expression

__all__ = [
    "Choice",
    "FalseStep",
    "Derived",
    "Expression",
    "Function",
    "Kind",
    "MatrixExpression",
    "Number",
    "Property",
    "Unequal",
    "Unreadable",
    "is_large_inverse",
    "is_untouched",
    "typed",
]
