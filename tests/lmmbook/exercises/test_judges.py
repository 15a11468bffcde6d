"""Each kind of answer: what is read, when two are the same, and what exactly is said of others."""

import re
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
import sympy as sp

from lmmbook.exercises.kinds import (
    Choice,
    Derived,
    Expression,
    FalseStep,
    Function,
    MatrixExpression,
    Number,
    Property,
    Unequal,
    Unreadable,
    is_large_inverse,
    is_untouched,
    typed,
)
from matrixproof import Setting, define, det, tr
from matrixproof.language.expressions import as_scalar, lift

a, b = sp.symbols("a b")


def setting():
    s = Setting("n p", where="n > p")
    X, V = s.full_rank("X: n,p"), s.positive_definite("V: n")
    return s, {"X": X, "V": V}


def said(kind, answer):
    """What is wrong with an answer, by its kind alone; None when it is right."""
    try:
        kind.compare(kind.read(answer))
    except (Unreadable, Unequal) as error:
        return type(error).__name__, str(error)
    return None


def unreadable(message):
    return "Unreadable", message


def unequal(message):
    return "Unequal", message


NUMBER = Number(2.0, 1e-3)
CHOICE = Choice("b", "abc")
EXPRESSION = Expression(a**2 / (a + b), {"a": 1, "b": None})
MATRIX = MatrixExpression(
    setting, lambda t: (t["X"].T * t["X"]).I, {"V": "Without V.", is_large_inverse: "No inverse."}
)
NEGATIVE = Expression(-(a**2), {"a": 1})
LARGE = Expression(-((1 + sp.sqrt(a)) ** 40), {"a": 5})
SMALL = Function(lambda x: -x, ((3.0,),))
NOTHING = Function(lambda x: 0.0, ((3.0,),))
WITH_INVERSE = MatrixExpression(setting, lambda t: (t["X"].T * t["X"]).I)
SQUARE = Function(lambda x, c: c * x**2, ((np.array([1.0, 2.0]), 3.0), (np.array([4.0]), 1.0)))
ORDER = Function(lambda x: x, ((np.array([[1.0, 2.0]]),),), view=lambda v: np.sort(np.ravel(v)))


_, SYMBOLS = setting()
X, V = SYMBOLS["X"], SYMBOLS["V"]
DERIVATION = setting()[0].derive(tr(V))
OTHER = Setting("n").matrices("A: n")

NAMED = [
    (None, "None"),
    (True, "a truth value"),
    (np.bool_(True), "a truth value"),
    ("2", "a text"),
    (np.zeros((2, 3)), "an array of shape (2, 3)"),
    (sp.zeros(2, 1), "a matrix of shape (2, 1)"),
    (2j, "a number"),
    (X, "an expression of matrixproof"),
    (DERIVATION, "a derivation"),
    (len, "a function"),
    ([2.0], "of type list"),
]


@pytest.mark.parametrize(("answer", "words"), NAMED)
def test_what_is_no_number_is_called_by_its_name(answer, words):
    assert said(NUMBER, answer) == unreadable(f"This is {words}.")


READ = [
    (NUMBER, 2, None),
    (NUMBER, 2.0019, None),
    (NUMBER, 1.9981, None),
    (NUMBER, 2.0021, unequal("It is another number.")),
    (NUMBER, 1.9979, unequal("It is another number.")),
    (NUMBER, -2, unequal("It is another number.")),
    (NUMBER, np.array([[2.0]]), None),
    (NUMBER, np.float32(2), None),
    (NUMBER, Fraction(2), None),
    (NUMBER, sp.sqrt(4), None),
    (NUMBER, sp.sqrt(3) + 1, unequal("It is another number.")),
    (NUMBER, a, unreadable("This has symbols in it: put numbers in their place.")),
    (NUMBER, sp.sqrt(-4), unreadable("This is a complex number.")),
    (NUMBER, np.nan, unreadable("This is nan: somewhere a calculation went wrong.")),
    (NUMBER, -np.inf, unreadable("This is -inf: somewhere a calculation went wrong.")),
    (CHOICE, "b", None),
    (CHOICE, " B)", None),
    (CHOICE, "c", unequal("")),
    (CHOICE, "d", unreadable("That letter is not offered.")),
    (CHOICE, "ab", unreadable("That letter is not offered.")),
    (CHOICE, 2, unreadable("This is a number.")),
    (EXPRESSION, a - a * b / (a + b), None),
    (EXPRESSION, sp.Symbol("a", negative=True) ** 2 / (a + b), None),
    (EXPRESSION, a**2.0 / (a + b), None),
    (EXPRESSION, a**2 / (a + b) * (1 + 1e-10), unequal),
    (EXPRESSION, a**2 / (a + b) * (1 + sp.Rational(1, 10**20)), unequal),
    (EXPRESSION, a / (a + b), unequal),
    (EXPRESSION, 1, unequal),
    (EXPRESSION, np.float64(1.5), unequal),
    (EXPRESSION, np.int64(2), unequal),
    (EXPRESSION, sp.Eq(a, b), unreadable("This is an equation: give its right-hand side.")),
    (EXPRESSION, True, unreadable("This is a truth value.")),
    (EXPRESSION, sp.Matrix([a]), unreadable("This is a matrix of shape (1, 1).")),
    (EXPRESSION, a**2 / (a + b) * (1 + 3e-13), None),
    (NEGATIVE, -(a**2) * (1 + 3e-13), None),
    (NEGATIVE, -(a**2) * (1 - 3e-13), None),
    (EXPRESSION, lift(3), unequal),
    (EXPRESSION, X, unreadable("This is an expression of matrixproof.")),
    (LARGE, sp.expand(LARGE.solution), None),
    (LARGE, LARGE.solution * (1 + sp.Rational(1, 10**25)), unequal),
    (EXPRESSION, a / 0, unreadable("This is not a finite number.")),
    (EXPRESSION, -sp.oo, unreadable("This is not a finite number.")),
    (EXPRESSION, a * sp.Symbol("k") + sp.Symbol("c"),
     unreadable("The symbol c, k is not one of the exercise.")),
    (EXPRESSION, sp.sqrt(-a), unreadable("It has no value as a number.")),
    (EXPRESSION, 1 / (a - EXPRESSION._points()[0]["a"]),
     unreadable("It has no value as a number.")),
    (WITH_INVERSE, (X.T * X).I, None),
    (WITH_INVERSE, WITH_INVERSE.solution, None),
    (WITH_INVERSE, X.T * X, unequal("There are exact matrices for which it is something else.")),
    (WITH_INVERSE, X, unreadable("It is a n x p matrix, and what is asked for is a p x p matrix.")),
    (WITH_INVERSE, tr(V), unreadable("It is a number, and what is asked for is a p x p matrix.")),
    (WITH_INVERSE, OTHER, unreadable),
    (WITH_INVERSE, [X], unreadable("This is of type list.")),
    (WITH_INVERSE, len, unreadable("This is a function.")),
    (WITH_INVERSE, DERIVATION, unreadable("This is a derivation: give its last expression.")),
    (MATRIX, (X.T * X).I, unequal("No inverse.")),
    (MATRIX, V * 0 + V, unreadable),
    (SQUARE, lambda x, c: c * x * x, None),
    (SQUARE, lambda x, c: [c * t**2 for t in x], None),
    (SQUARE, lambda x, c: [sp.Rational(c) * sp.Rational(t) ** 2 for t in x], None),
    (SQUARE, lambda x, c: c * x**2 * (1 + 9e-7), None),
    (SQUARE, lambda x, c: c * x**2 * (1 + 2e-6),
     unequal("On data set 1 of 2 its value is not right.")),
    (SQUARE, lambda x, c: 3 * x**2, unequal("On data set 2 of 2 its value is not right.")),
    (SQUARE, lambda x, c: np.sum(x), unreadable("It returns an array of shape (), not (2,).")),
    (SQUARE, lambda x, c: x.__imul__(0) + c, unequal("On data set 1 of 2 its value is not right.")),
    (SQUARE, lambda x, c: None, unreadable("Your function returns nothing.")),
    (SQUARE, lambda x, c: ..., unreadable("Your function returns nothing.")),
    (SQUARE, lambda x, c: "12", unreadable("Your function returns a text that is not of numbers.")),
    (SQUARE, lambda x, c: [True, False],
     unreadable("Your function returns of type list that is not of numbers.")),
    (SQUARE, lambda x, c: [a, b], unreadable("Your function returns of type list.")),
    (SQUARE, lambda x, c: x + 1j, unreadable("Your function returns a complex number.")),
    (SQUARE, lambda x, c: c * x**2 + 0j, None),
    (SQUARE, lambda x, c: x / 0.0, unreadable),
    (SQUARE, lambda x, c: x.nothing, unreadable),
    (SQUARE, lambda x: x, unreadable),
    (SQUARE, np.ndarray, unreadable("This is a function.")),
    (SQUARE, 3.0, unreadable("This is a number.")),
    (SMALL, lambda x: np.array([[-x * (1 + 1e-7)]]), None),
    (SMALL, lambda x: [-x, -x], unreadable("It returns an array of shape (2,), not ().")),
    (NOTHING, lambda x: 1e-19, None),
    (NOTHING, lambda x: 1e-16, unequal("On data set 1 of 1 its value is not right.")),
    (ORDER, lambda x: x[:, ::-1], None),
    (ORDER, lambda x: x[0, :1], unequal("On data set 1 of 1 its value is not right.")),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "answer", "verdict"), READ)
def test_an_answer_is_read_and_compared(kind, answer, verdict):
    with np.errstate(all="ignore"):
        found = said(kind, answer)
    if callable(verdict):  # whose words depend on the versions, or on the points
        assert found is not None and found[0] == verdict("")[0]
    else:
        assert found == verdict


def test_where_an_expression_differs_is_told():
    status, message = said(EXPRESSION, a / (a + b))
    at = re.fullmatch(
        r"At a = (\d+), b = (\d+(?:/\d+)?) your expression is ([\d.]+), and that is not right\.",
        message,
    )
    assert status == "Unequal" and at
    there = {a: sp.Integer(at[1]), b: sp.Rational(at[2])}
    assert at[3] == str(sp.N((a / (a + b)).subs(there), 6))


def test_the_points_lie_where_the_symbols_may_be():
    kind = Expression(a, {"a": 5, "b": (2, 3), "c": None})
    points = kind._points()
    assert len(points) == 12 and points == kind._points()
    assert all(5 <= p["a"] <= 14 and p["a"].is_Integer for p in points)
    assert all(2 < p["b"] < 3 for p in points) and len({p["b"] for p in points}) > 6
    assert all(0 < p["c"] <= 60 for p in points) and max(p["c"] for p in points) > 1
    many = Expression(a, {f"b{i}": (2, 3) for i in range(200)})
    assert all(2 < x < 3 for p in many._points() for x in p.values())


def test_a_number_is_right_to_a_thousandth_if_nothing_is_said():
    assert said(Number(2.0), 2.0015) is None and said(Number(2.0), 2.003) is not None


def test_what_an_answer_is_asked_to_be():
    assert EXPRESSION.expects == "a SymPy expression in a, b"
    assert CHOICE.expects == 'one of the letters "a", "b", "c"'
    assert SQUARE.expects == "a function of (x, c) returning a number"


def test_two_answers_are_the_same():
    assert NUMBER.same(5.0, 5.004) and not NUMBER.same(5.0, 5.006)
    assert CHOICE.same("a", "a") and not CHOICE.same("a", "b")
    assert EXPRESSION.same(EXPRESSION.read(2 * a), a + a)
    assert not EXPRESSION.same(EXPRESSION.read(2 * a), a)
    value = MATRIX.read(X.T * X)
    assert MATRIX.same(value, lambda t: (t["X"].T * t["X"]).T)
    assert not MATRIX.same(value, lambda t: (t["X"].T * t["X"]).I)
    assert not MATRIX.same(value, lambda t: t["V"])
    doubled = SQUARE.read(lambda x, c: 2 * c * x**2)
    assert SQUARE.same(doubled, lambda x, c: c * x**2 + c * x**2)
    assert not SQUARE.same(doubled, lambda x, c: c * x**2)
    assert not SQUARE.same(doubled, lambda x, c: np.append(x, c))


def test_parts_that_an_answer_must_not_have():
    kind = MatrixExpression(setting, lambda t: tr(t["V"]), {"V": "Without V.", "det": "No det."})
    assert said(kind, tr(V)) == unequal("Without V.")
    kind = MatrixExpression(setting, lambda t: tr(t["V"]), {"inverse": "No inverse."})
    assert said(kind, tr(V)) is None
    assert said(kind, tr(V) * det(V) / det(V)) in (None, unequal("No inverse."))


def test_a_large_inverse():
    assert is_large_inverse((X.T * X).I) and is_large_inverse(V.I)
    x = Setting("n").vectors("x: n")
    assert not is_large_inverse(V) and not is_large_inverse((x.T * x).I)


def test_a_matrix_with_one_entry_is_a_number():
    def sums():
        s = Setting("n")
        return s, {"x": s.vectors("x: n"), "V": s.positive_definite("V: n")}

    t = sums()[1]
    kind = MatrixExpression(sums, lambda t: as_scalar(t["x"].T * t["V"] * t["x"]))
    assert said(kind, t["x"].T * t["V"] * t["x"]) is None
    assert said(kind, t["x"]) == unreadable(
        "It is a n x 1 matrix, and what is asked for is a number."
    )


def test_definitions_and_brackets_do_not_change_what_is_typed():
    s = Setting("n")
    A, B, C = s.matrices("A: n,n; B: n,n; C: n,n")
    d = s.differential(A, B)
    assert typed(define("K", A * B)) == typed(A * B) != typed(B * A)
    assert typed(define("K", A * B) * C) == typed(A * B * C) != typed(define("K", B * A) * C)
    assert typed(define("K", A + B) + C) == typed(A + B + C) != typed(define("K", A - B) + C)
    assert typed(define("K", A + B) * C) == typed((A + B) * C)
    assert typed((A * B) * C) == typed(A * (B * C)) != typed(A * (C * B))
    assert typed((A + B) + C) == typed(A + (B + C)) != typed(A + (B - C))
    assert typed(A * (B + C)) != typed(A * B + C) != typed(A * B + A * C)
    assert typed(A.T * B) == typed(A.T * B) != typed(A * B.T)
    assert typed(d(A)) == typed(d(A)) != typed(d(B))
    assert typed(as_scalar(tr(A))) == typed(tr(A)) != typed(tr(B))
    assert typed(2 * A) != typed(3 * A)


def test_a_property_is_tested_in_order():
    kind = Property(
        (2, 3), lambda x: np.asarray(x, float),
        ((lambda v: v.size == 2, "Two numbers."), (lambda v: v[0] < v[1], "In order.")),
        "two numbers",
    )  # fmt: skip
    assert said(kind, (1, 2)) is None
    assert said(kind, (1, 2, 3)) == unequal("Two numbers.")
    assert said(kind, (2, 1)) == unequal("In order.")
    assert kind.same(np.array([2.0, 3.0]), (2, 3)) and not kind.same(np.array([2.0, 3.0]), (3, 2))


def square_setting():
    s = Setting("n")
    A, B = s.symmetric("A: n; B: n")
    return s, {"A": A, "B": B}


FALSE_STEP = FalseStep(
    square_setting,
    lambda t: [t["A"] + t["B"], t["B"] + t["A"], t["A"] - t["B"], -t["B"] + t["A"]],
    (2, {"A": sp.Matrix([[1]]), "B": sp.Matrix([[1]])}),
)
ONE, ZERO = [[1]], [[0]]
GIVEN = [
    ((2, {"A": ONE, "B": ONE}), None),
    ([sp.Integer(2), {a.func("A"): ONE, "B": np.array([[0.5]])}], None),
    ((np.int64(2), {"A": np.eye(2), "B": sp.eye(2)}), None),
    ((1, {"A": ONE, "B": ONE}), unequal("That line follows from the one above it.")),
    ((2, {"A": ONE, "B": ZERO}), unequal),
    ((2, {"A": [[1, 2], [3, 4]], "B": np.eye(2)}), unequal),
    ((0, {"A": ONE, "B": ONE}), unreadable("There is no step of that number.")),
    ((3, {"A": ONE, "B": ONE}), unequal("That line follows from the one above it.")),
    ((4, {"A": ONE, "B": ONE}), unreadable("There is no step of that number.")),
    ((2, {"A": ONE, "B": [[float("inf")]]}), unequal),
    ((2, {"A": ONE}), unreadable("No value is given to B.")),
    ((2, {}), unreadable("No value is given to A, B.")),
    ((2, {"A": ONE, "B": ONE, "C": ONE, "D": ONE}),
     unreadable("The symbol C, D is not one of the exercise.")),
    ((2, {"A": ONE, "B": np.eye(2)}), unreadable("n cannot be 1 and 2.")),
    ((2, {"A": ONE, "B": 3.5}), unreadable("B is not a matrix.")),
    ((2, {"A": ONE, "B": [["1"]]}), unreadable("Its values are texts.")),
    ((True, {"A": ONE, "B": ONE}), unreadable("Its parts are not a number and a dictionary.")),
    ((2.0, {"A": ONE, "B": ONE}), unreadable("Its parts are not a number and a dictionary.")),
    ((2, [ONE, ONE]), unreadable("Its parts are not a number and a dictionary.")),
    ((2, {"A": ONE, "B": ONE}, 1), unreadable("This is of type tuple.")),
    ({1: 2, 2: 3}, unreadable("This is of type dict.")),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "verdict"), GIVEN)
def test_a_counterexample(answer, verdict):
    found = said(FALSE_STEP, answer)
    if callable(verdict):
        assert found is not None and found[0] == verdict("")[0]
        assert found[1].startswith("It is that step, but these values do not show it: ")
    else:
        assert found == verdict


def test_two_counterexamples_are_the_same_where_they_name_the_same_step():
    assert FALSE_STEP.same((2, {}), (2, {"A": 1})) and not FALSE_STEP.same((2, {}), (1, {}))


def squares(t):
    A, B = t["A"], t["B"]
    s = Setting("n")
    s.symmetric("A: n; B: n")
    return (
        s.derive((A + B) * (A - B))
        .step(A * A - A * B + B * A - B * B, "multiply")
        .step(A * A - B * B + (B * A - A * B), "collect")
    )


SQUARES = Derived(square_setting, squares)


def derivation(*lines, sized=None):
    s, t = sized() if sized else square_setting()
    A, B = t["A"], t["B"]
    first, *rest = (line(A, B) for line in lines)
    out = s.derive(first)
    for line in rest:
        out = out.step(line, "so")
    return out


def start(A, B):
    return (A + B) * (A - B)


def middle(A, B):
    return A * A - A * B + B * A - B * B


def end(A, B):
    return A * A - B * B + (B * A - A * B)


def more_assumed():
    s = Setting("n")
    A, B = s.symmetric("A: n; B: n")
    s.assume(A * B, B * A)
    return s, {"A": A, "B": B}


DERIVED = [
    (partial(derivation, start, middle, end), None),
    (partial(derivation, start), unequal("It has no step yet.")),
    (partial(derivation, middle, start, end),
     unequal("It does not begin with the expression that was given.")),
    (partial(derivation, start, end, middle),
     unequal("It does not end where it should: compare your last line with the claim.")),
    (partial(derivation, start, end),
     unequal("It goes to the claim at once: write the line between on which that rests.")),
    (partial(derivation, start, start, end),
     unequal("It goes to the claim at once: write the line between on which that rests.")),
    (partial(derivation, start, middle, end, sized=more_assumed),
     unequal("It assumes something that the exercise does not give.")),
]  # fmt: skip


@pytest.mark.parametrize(("made", "verdict"), DERIVED)
def test_a_derivation(made, verdict):
    assert said(SQUARES, made()) == verdict


def test_two_derivations_are_the_same_where_they_end_alike():
    whole, other = derivation(start, middle, end), derivation(start, end, middle)
    assert SQUARES.same(whole, derivation(middle, end)) and not SQUARES.same(whole, other)


def test_what_is_no_derivation():
    assert said(SQUARES, X) == unreadable("This is an expression of matrixproof.")
    assert said(SQUARES, "so") == unreadable("This is a text.")


def test_stubs_are_known():
    def dots():
        return ...

    def bare(): ...

    def documented(x):
        """The next line."""
        return ...

    def done(x):
        return x

    assert is_untouched(...) and is_untouched((..., ...)) and is_untouched([...])
    assert is_untouched(dots) and is_untouched(bare) and is_untouched(documented)
    assert not is_untouched(()) and not is_untouched((..., 1)) and not is_untouched(done)
    assert not is_untouched(None) and not is_untouched(len)
