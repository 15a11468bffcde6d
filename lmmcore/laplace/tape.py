"""A calculation written down once and repeated: autograd's trace without its cost.

autograd traces a function anew at every call, and a derivative of a derivative of a derivative is
traced three times over. What is left in the end is a list of NumPy calls. This list, the tape, is
written once, for arrays of the same shapes, and played for other numbers: about ten times faster,
with the same result to the last bit. See the chapter "Laplace" (A18).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from lmmcore.covariance import Array

try:
    from autograd.numpy.numpy_boxes import ArrayBox
    from autograd.tracer import Node, trace
    from autograd.util import toposort
except ImportError as missing:
    raise ImportError(
        "the Laplace approximations need autograd: pip install 'lmmcore[laplace]'"
    ) from missing

ArrayBox.register(np.bool_)  # a comparison is written down too, for np.where
IN_PLACE = ("mut_add", "sparse_add")  # autograd's additions to their argument number 1

__all__ = ["Tape"]


class Call(Node):
    """One call of a NumPy function, and which of its arguments earlier calls give."""

    __slots__ = ["args", "argnums", "function", "kwargs", "parents"]

    def __init__(self, value: Any, function: Any, args: Any, kwargs: Any, argnums: Any,
                 parents: Any) -> None:
        self.function = function.fun  # the NumPy function itself, which looks for no boxes
        self.args, self.kwargs, self.argnums, self.parents = args, kwargs, argnums, parents

    def initialize_root(self) -> None:
        self.parents = []


class Tape:
    """What ``function`` does to an array of numbers, whatever the numbers are.

    Parameters
    ----------
    function : callable
        Takes an array and returns one, written with ``autograd.numpy``.
    x : array
        Where it is traced: the shapes, and all that does not depend on x, are those of this call.

    Raises
    ------
    ValueError
        If the function asks whether a number is larger than another with ``if``.
    """

    def __init__(self, function: Callable[[Any], Any], x: Array) -> None:
        root = Call.new_root()
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Output seems independent of input")
                self._first, end = trace(root, function, x)
        except TypeError as error:
            if "len() of unsized" not in str(error):
                raise
            raise ValueError("the joint density asks `if` of a parameter, so that its derivatives "
                             "have no fixed form: use np.where") from error
        calls = list(toposort(end))[::-1] if end else [root]  # a constant needs no calls
        place = {call: number for number, call in enumerate(calls)}
        self._calls = [
            (_safe(call), list(call.args), call.kwargs,
             [(a, place[p]) for a, p in zip(call.argnums, call.parents, strict=True)])
            for call in calls[1:]
        ]

    def __len__(self) -> int:
        return len(self._calls)

    def __call__(self, x: Array) -> Array:
        """The value of the function at x."""
        results = [x]
        with np.errstate(all="ignore"):
            for function, args, kwargs, earlier in self._calls:
                for argument, number in earlier:
                    args[argument] = results[number]
                results.append(function(*args, **kwargs))
        return results[-1] if self._calls else self._first


def _safe(call: Call) -> Callable[..., Any]:
    """The function, made to leave a constant of the tape as it is."""
    function = call.function
    if function.__name__ not in IN_PLACE or 1 in call.argnums or call.args[1] is None:
        return function
    return lambda space, total, *more: function(space, total.copy(), *more)
