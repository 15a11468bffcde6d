"""Answers to every exercise, right and wrong: the checks of the checks.

One module a chapter, with ``ANSWERS``: the exercise's id to right answers, in at least three
forms, and wrong ones, at least five, each with words of the misconception that must be named
(empty where none is known).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answers:
    right: list[Any]
    wrong: list[tuple[Any, str]]
