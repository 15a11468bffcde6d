"""What an exercise is: a kind of answer, its solution, and the misconceptions that are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lmmbook.exercises.kinds import Kind


@dataclass(frozen=True)
class Misconception:
    """A wrong way to think, and how it shows.

    Attributes
    ----------
    message : str
        What is misunderstood, without the solution. Mathematics between dollar signs.
    answer : object
        A wrong answer which shows it; compared as the solution is.
    when : callable
        Or: a test of the answer read. Exactly one of the two is given.
    """

    message: str
    answer: Any = None
    when: Callable[[Any], bool] | None = None

    def __post_init__(self) -> None:
        if (self.answer is None) == (self.when is None):
            raise ValueError("a misconception shows by an answer or by a test: give one of them")


@dataclass(frozen=True)
class Exercise:
    """What judges the answers to one exercise.

    Attributes
    ----------
    id : str
        As the chapter's ``check("id", ...)`` calls it: lower case and hyphens.
    chapter : str
    kind : Kind
        What is asked for, with its solution.
    misconceptions : tuple of Misconception
        In the order in which they are tried.
    take_away : str
        What to remember, shown with a right answer.
    rubric : str
        How a lecturer would mark it; goes into the instructor's notebook.
    """

    id: str
    chapter: str
    kind: Kind
    misconceptions: tuple[Misconception, ...]
    take_away: str
    rubric: str
