"""A function of data, run under limits and compared by what it returns."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lmmbook.exercises import limits
from lmmbook.exercises.kinds.kind import Kind, Unequal, Unreadable, what_it_is
from lmmbook.exercises.late import is_numpy, np


@dataclass(frozen=True)
class Function(Kind):
    """A function of data, compared by its values on several data sets.

    Attributes
    ----------
    solution : callable
    cases : sequence of tuples, or a function that makes it
        Arguments. None of them is shown. A function, where making them needs NumPy.
    returns : str
        What it must return, in words.
    view : callable
        From what it returns to the array that is compared, where several values are right, for
        example columns in any order; may raise `Unreadable`.
    """

    solution: Callable[..., Any]
    cases: Sequence[tuple[Any, ...]] | Callable[[], Sequence[tuple[Any, ...]]]
    returns: str = "a number"
    tolerance: float = 1e-6
    view: Callable[[Any], Any] | None = None
    expects: str = ""

    def __post_init__(self) -> None:
        arguments = ", ".join(inspect.signature(self.solution).parameters)
        object.__setattr__(self, "expects", f"a function of ({arguments}) returning {self.returns}")

    def read(self, answer: Any) -> list[np.ndarray]:
        if not callable(answer) or isinstance(answer, type):
            raise Unreadable(f"This is {what_it_is(answer)}.")
        values = []
        for case in self.cases() if callable(self.cases) else self.cases:
            try:
                value = limits.run(lambda c=case: answer(*[_copy(x) for x in c]))
            except limits.TookTooLong:
                message = f"It was still running after {limits.SECONDS:g} seconds."
                raise Unreadable(message) from None
            except (Exception, SystemExit) as error:
                raise Unreadable(f"Your function raised {type(error).__name__}: {error}.") from None
            values.append(self._value(value))
        return values

    def _value(self, value: Any) -> np.ndarray:
        if value is ... or value is None:
            raise Unreadable("Your function returns nothing.")
        if self.view is not None:
            value = self.view(value)
        try:
            array = np.asarray(value)
            if array.dtype.kind == "O":  # SymPy's numbers, or fractions
                array = np.array([_number(x) for x in array.flat]).reshape(array.shape)
        except (TypeError, ValueError):
            raise Unreadable(f"Your function returns {what_it_is(value)}.") from None
        if array.dtype.kind not in "iufc":
            raise Unreadable(f"Your function returns {what_it_is(value)} that is not of numbers.")
        if np.iscomplexobj(array):
            if np.any(array.imag):
                raise Unreadable("Your function returns a complex number.")
            array = array.real
        array = np.array(array, dtype=float)
        if not np.all(np.isfinite(array)):
            raise Unreadable("Your function returns a value that is no finite number.")
        return array

    def same(self, value: list[np.ndarray], other: Any) -> bool:
        return all(self._close(a, b) for a, b in zip(value, self.read(other), strict=True))

    def _close(self, a: np.ndarray, b: np.ndarray) -> bool:
        if a.shape != b.shape and not (a.size == b.size == 1):
            return False
        scale = self.tolerance * max(float(np.max(np.abs(b), initial=0.0)), 1e-12)
        return bool(np.all(np.abs(a.reshape(b.shape) - b) <= scale))

    def compare(self, value: list[np.ndarray]) -> None:
        for number, (a, b) in enumerate(zip(value, self.read(self.solution), strict=True), start=1):
            sizes_differ = a.shape != b.shape and not (a.size == b.size == 1)
            if sizes_differ and self.view is None:
                raise Unreadable(f"It returns an array of shape {a.shape}, not {b.shape}.")
            if not self._close(a, b):
                raise Unequal(f"On data set {number} of {len(value)} its value is not right.")


def _number(x: Any) -> complex:
    """An object as a number; a text, which Python would read as one, is none."""
    if isinstance(x, str | bytes | bool):
        raise TypeError
    return complex(x)


def _copy(x: Any) -> Any:
    """A copy, which a function may change without harm to the next data set."""
    held = isinstance(x, list | tuple | set | dict) or is_numpy(x, "ndarray")
    return copy.deepcopy(x) if held else x
