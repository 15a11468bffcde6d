"""A calculation written down once, repeated for other numbers, and read backwards.

autograd traces a function anew at every call. What is left in the end is a list of NumPy calls.
Here this list, the tape, is written once, for arrays of the same shapes, and played for other
numbers. The rules of autograd for each call, applied from the last one to the first, give the
slopes; that reading is again a list of calls, and is written on a tape of its own. So derivatives
of any order are tapes, and nothing is traced twice. See the chapter "Laplace" (A18).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from lmmcore.covariance.structures import Array

try:
    from autograd.core import VJPNode, defvjp, primitive_vjps, sparse_object_types, vspace
    from autograd.numpy.numpy_boxes import ArrayBox
    from autograd.tracer import Node, isbox, new_box, notrace_primitives, primitive, trace_stack
    from autograd.util import subvals, toposort
except ImportError as missing:
    raise ImportError(
        "the Laplace approximations need autograd: pip install 'lmmcore[laplace]'"
    ) from missing

ArrayBox.register(np.bool_)  # a comparison is written down too, for np.where
UNCHANGED = {  # these numbers change nothing, in these places
    "multiply": (1.0, (0, 1)), "add": (0.0, (0, 1)), "divide": (1.0, (1,)), "subtract": (0.0, (1,)),
    "power": (1.0, (1,)),
}

__all__ = ["Tape"]


class Call(Node):
    """One call of a NumPy function, and which of its arguments earlier calls give."""

    __slots__ = ["args", "argnums", "function", "kwargs", "parents", "value"]

    def __init__(self, value: Any, function: Any, args: Any, kwargs: Any, argnums: Any,
                 parents: Any) -> None:
        self.value, self.function, self.args, self.kwargs = value, function, args, kwargs
        self.argnums, self.parents = argnums, parents

    def initialize_root(self) -> None:
        self.parents = []

    def changes_nothing(self) -> bool:
        """Whether it only returns the result of the one call before it."""
        if len(self.parents) > 1 or np.shape(self.args[self.argnums[0]]) != np.shape(self.value):
            return False
        name, place = self.function.__name__, 1 - self.argnums[0]
        number, places = UNCHANGED.get(name, (0.0, ()))
        if name == "reshape":
            return True
        return place in places and bool(np.all(self.args[place] == number))


class Tape:
    """What ``function`` does to arrays, whatever their numbers are.

    Parameters
    ----------
    function : callable
        Takes arrays and returns a list of arrays, written with ``autograd.numpy``.
    arrays : arrays
        Where it is traced: the shapes, and all that does not depend on the arguments, are those
        of this call.
    """

    def __init__(self, function: Callable[..., list[Any]], *arrays: Array) -> None:
        roots = [Call.new_root() for _ in arrays]
        with np.errstate(all="ignore"), trace_stack.new_trace() as level:
            ends = function(*(new_box(x, level, r) for x, r in zip(arrays, roots, strict=True)))
            written = [isbox(end) and end._trace == level for end in ends]
        last = Call.new_root()
        last.parents = [e._node for e, w in zip(ends, written, strict=True) if w]
        self._constants = [e for e, w in zip(ends, written, strict=True) if not w]
        self._first = len(roots) + len(self._constants)
        self._calls = []
        place = {root: number for number, root in enumerate(roots)}
        for call in list(toposort(last))[:0:-1]:
            if call in place:
                continue
            if call.changes_nothing():
                place[call] = place[call.parents[0]]
                continue
            place[call] = self._first + len(self._calls)
            earlier = [(a, place[p]) for a, p in zip(call.argnums, call.parents, strict=True)]
            self._calls.append(
                (call.function, call.function.fun, call.args, call.kwargs, earlier))
        # most calls have one source or two, which are put in their places without a loop
        self._played = [
            (partial(raw, **kwargs) if kwargs else raw, list(args), *earlier[0], *earlier[-1],
             earlier[1:-1]) for _, raw, args, kwargs, earlier in self._calls]
        constants = iter(range(len(roots), self._first))
        self._ends = [place[e._node] if w else next(constants)
                      for e, w in zip(ends, written, strict=True)]

    def __len__(self) -> int:
        return len(self._calls)

    def __call__(self, *arrays: Array) -> list[Array]:
        """The values of the function at these arrays."""
        results = [*arrays, *self._constants]
        with np.errstate(all="ignore"):
            for function, args, a, i, b, j, more in self._played:
                args[a] = results[i]
                args[b] = results[j]
                for argument, number in more:
                    args[argument] = results[number]
                results.append(function(*args))
        return [results[end] for end in self._ends]

    def backwards(
        self, arrays: Sequence[Any], wanted: Sequence[int]
    ) -> tuple[list[Any], Callable[[Sequence[Any]], list[Any]]]:
        """The values, and what gives the slopes of any weighted sum of all their entries.

        That takes a weight for each value, an array of its shape or None for nothing, and gives an
        array for each argument wanted, by its number.
        """
        results = [*arrays, *self._constants]
        moves = [number in wanted for number in range(self._first)]
        rules: list[Any] = [None] * self._first
        for function, raw, args, kwargs, earlier in self._calls:
            sources = [(argument, results[number]) for argument, number in earlier]
            results.append(_called(function, raw, args, kwargs, sources))
            moving = [(argument, number) for argument, number in earlier if moves[number]]
            flat = not moving or function in notrace_primitives[VJPNode]
            moves.append(not flat)
            if not flat and function not in primitive_vjps:
                raise NotImplementedError(f"autograd has no derivative of {function.__name__}")
            rules.append(None if flat else (
                [number for _, number in moving],
                primitive_vjps[function](tuple(a for a, _ in moving), results[-1],
                                         subvals(args, sources), kwargs)))

        def slopes(weights: Sequence[Any]) -> list[Any]:
            found: dict[int, Any] = {}
            for end, weight in zip(self._ends, weights, strict=True):
                if weight is not None and moves[end]:
                    found[end] = _sum(found.get(end), weight)
            for number in range(len(results) - 1, self._first - 1, -1):
                if number in found:
                    earlier, rule = rules[number]
                    for source, slope in zip(earlier, rule(found.pop(number)), strict=True):
                        found[source] = _sum(found.get(source), slope)
            return [found[n] if n in found else np.zeros(np.shape(arrays[n])) for n in wanted]

        return [results[end] for end in self._ends], slopes


def _called(function: Any, raw: Any, args: Any, kwargs: Any, sources: list[Any]) -> Any:
    """The result, put down in the trace of the sources: autograd's own way is slower."""
    boxed = [(argument, source) for argument, source in sources if isbox(source)]
    args = subvals(args, [(a, s._value if isbox(s) else s) for a, s in sources])
    value = raw(*args, **kwargs)
    if not boxed:
        return value
    argnums, parents = [a for a, _ in boxed], [s._node for _, s in boxed]
    return new_box(value, boxed[0][1]._trace, Call(value, function, args, kwargs, argnums, parents))


@primitive
def _plus_entries(space: Any, total: Any, entries: Any) -> Any:
    return entries.mut_add(space.zeros() if total is None else total.copy())


defvjp(_plus_entries, None, lambda *_: lambda g: g, lambda *_: lambda g: g)


def _sum(total: Any, new: Any) -> Any:
    """Their sum, in an array of its own; ``new`` may be some entries of an array."""
    if type(new) in sparse_object_types:
        return _plus_entries(vspace(new), total, new)
    return new if total is None else total + new
