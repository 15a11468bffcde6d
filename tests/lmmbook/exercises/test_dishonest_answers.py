"""Answers that are not meant honestly, and answers that are nearly right: none is accepted."""

import numpy as np
import pytest
import sympy as sp

from lmmbook.exercises import check, exercises, find

IDENTIFIERS = sorted(exercises())
REFUSED = ("cannot read", "not yet")


def always(value):
    return lambda self, *others, **options: value


def itself(self, *others, **options):
    return self


class EqualToAll(float):
    """It says that it equals whatever it is compared with."""

    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = always(True)
    __sub__ = __rsub__ = __abs__ = always(0.0)
    __hash__ = float.__hash__


class Letter(str):
    """Whatever letter is asked for."""

    strip = lower = itself
    __eq__ = always(True)
    __hash__ = str.__hash__


class Wild(sp.Expr):
    """An expression that is no different from any other."""

    is_comparable = is_number = True
    free_symbols = frozenset()
    evalf = n = doit = xreplace = _eval_evalf = itself
    __sub__ = __rsub__ = __abs__ = always(sp.Integer(0))
    __gt__ = always(False)


class WildArray(np.ndarray):
    __sub__ = __rsub__ = lambda self, other: np.zeros(self.shape)


def leaving(*arguments):
    raise SystemExit(0)


DISHONEST = [
    EqualToAll(3.0),
    [EqualToAll(1.0)] * 3,
    Letter("z"),
    Wild(),
    "ab",
    "a, b",
    [],
    [np.zeros(2)] * 9,
    leaving,
    lambda *_: EqualToAll(1.5),
    lambda *_: np.zeros(3).view(WildArray),
    lambda *_: np.array([["1.0", "2.0"]]),
    lambda *_: "1.0",
    lambda *_: [[True]],
]


@pytest.mark.parametrize("identifier", IDENTIFIERS)
def test_dishonest_answers(identifier):
    for answer in DISHONEST:
        verdict = check(identifier, answer)
        assert verdict.status in REFUSED, (verdict, answer)


@pytest.mark.parametrize("identifier", IDENTIFIERS)
def test_what_judges_is_no_answer(identifier):
    solution = find(identifier).kind.solution
    if callable(solution):
        assert check(identifier, solution).status == "cannot read"
    looked_up = check(identifier, lambda *arguments: find(identifier).kind.solution(*arguments))
    assert looked_up.status == "cannot read"
    assert find(identifier).id == identifier  # which works again


def changed(identifier, change):
    """The solution, with its values changed."""

    def answer(*arguments):
        value = find_solution(*arguments)
        if isinstance(value, tuple) and not all(np.isscalar(x) for x in value):
            return tuple(change(np.asarray(x)) for x in value)
        return change(np.asarray(value))

    find_solution = find(identifier).kind.solution
    return answer


CHANGES = {
    "by a hundred-thousandth": lambda x: x * (1 + 1e-5),
    "complex": lambda x: x + 1j * np.abs(x),
    "texts": lambda x: x.astype(str),
    "the sign": lambda x: -x,
    "a digit": lambda x: np.round(x, 2) + 0.003,
}
# not those whose values are names or bases, where a sign or a factor may be right
NUMERIC = [
    i for i in IDENTIFIERS if (k := find(i).kind).__class__.__name__ == "Function" and not k.view
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("identifier", NUMERIC)
def test_almost_the_solution(identifier, change):
    verdict = check(identifier, changed(identifier, CHANGES[change]))
    assert verdict.status in REFUSED, verdict


@pytest.mark.parametrize("identifier", NUMERIC)
def test_objects_that_are_numbers(identifier):
    """SymPy's numbers, and a complex number whose imaginary part is zero, are as good as floats."""
    for change in (lambda x: x.astype(object), lambda x: x + 0j):
        assert check(identifier, changed(identifier, change)).status == "right"
