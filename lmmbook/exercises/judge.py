"""The judge: reads an answer, compares it with the solution, and names the misconception."""

from __future__ import annotations

import contextlib
import io
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from lmmbook.exercises import bank, limits
from lmmbook.exercises.exercise import Exercise, Misconception
from lmmbook.exercises.kinds import Kind, Unequal, Unreadable, is_untouched
from lmmbook.exercises.verdict import Verdict

ALTOGETHER = 30.0  # seconds of the processor that judging one answer may take
_JUDGING: list[str] = []  # the exercise whose answer is being judged


def exercises() -> dict[str, Exercise]:
    """Every exercise of the book by its id.

    Raises
    ------
    RuntimeError
        If an answer asks, while it is being judged.
    """
    if _JUDGING:
        raise RuntimeError("an answer looks up the exercise that it answers")
    return _of_bank()


@cache
def _of_bank() -> dict[str, Exercise]:
    found: dict[str, Exercise] = {}
    for module in sorted(m.name for m in iter_modules(bank.__path__)):
        for exercise in import_module(f"{bank.__name__}.{module}").EXERCISES:
            if exercise.id in found:
                raise ValueError(f"two exercises have the id {exercise.id}")
            found[exercise.id] = exercise
    return found


def find(identifier: str) -> Exercise:
    """The exercise of that id.

    Raises
    ------
    ValueError
        If there is none.
    """
    if identifier not in exercises():
        raise ValueError(f"there is no exercise {identifier!r}: copy its id from the chapter")
    return exercises()[identifier]


def check(identifier: str, answer: Any = ...) -> Verdict:
    """Judge an answer.

    Parameters
    ----------
    identifier : str
        The exercise's id, as the chapter gives it.
    answer : object
        A SymPy expression, a matrix expression of `matrixproof`, a function, a number, ...: the
        exercise says what. ``...`` is the untouched stub.

    Returns
    -------
    Verdict
        Right, not yet, cannot read, or not attempted. Nothing that the answer does is raised.

    Raises
    ------
    ValueError
        If there is no such exercise.
    """
    exercise = find(identifier)
    _JUDGING.append(identifier)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            status, message = limits.run(lambda: _judge(exercise, answer), ALTOGETHER)
    except limits.TookTooLong:
        status, message = "cannot read", "It takes too long: is there a loop that does not end?"
    finally:
        _JUDGING.pop()
    return Verdict(identifier, status, message)


def _judge(exercise: Exercise, answer: Any) -> tuple[str, str]:
    kind = exercise.kind
    if is_untouched(answer):
        return "not attempted", ""
    try:
        if callable(answer) and answer is kind.solution:
            raise Unreadable("This is what judges the answer.")
        value = kind.read(answer)
        try:
            kind.compare(value)
        except Unequal as error:
            for misconception in exercise.misconceptions:
                if _shows(kind, value, misconception):
                    return "not yet", misconception.message
            return "not yet", str(error)
    except Unreadable as error:
        return "cannot read", f"{error} Expected: {kind.expects}."
    except ModuleNotFoundError as error:
        what = f"Judging this one needs {error.name}, which this Python does not have."
        return "cannot read", f"{what} Open the chapter's notebook where it is installed."
    except (Exception, SystemExit) as error:  # whatever a stranger's object does when looked at
        what = f"Looking at it raised {type(error).__name__}."
        return "cannot read", f"{what} Expected: {kind.expects}."
    return "right", exercise.take_away


def _shows(kind: Kind, value: Any, misconception: Misconception) -> bool:
    if misconception.when is not None:
        return bool(misconception.when(value))
    return kind.same(value, misconception.answer)
