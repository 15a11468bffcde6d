"""The second judge accepts what is right and rejects certificates that are wrong in any one place.

Every proof passes it (`prove` asks both judges). Here the certificates of statements of the bank
are spoilt, one place at a time. A seeded sample runs by default; MATRIXPROOF_ALL_MUTANTS=1 spoils
all.
"""

import ast
import inspect
import os
import random

import pytest
import sympy as sp

from matrixproof import CertificateError, Setting, tr
from matrixproof.algebra.polynomials import Poly
from matrixproof.algebra.translation import Algebra
from matrixproof.judges import second_judge
from matrixproof.judges.kernel import Consequence, Solved
from matrixproof.search import prover
from proof_bank import BANK
from spoiling import proof_is_judged_right

ALL = bool(os.environ.get("MATRIXPROOF_ALL_MUTANTS"))
PLAIN = sorted(name for name, q in BANK.items() if not q.by())
CHOSEN = PLAIN if ALL else random.Random(3).sample(PLAIN, 20)


@pytest.mark.parametrize("name", CHOSEN)
def test_spoilt_certificates_are_rejected(name):
    q = BANK[name]
    proof_is_judged_right(q.setting, q.lhs, q.rhs)


def test_equal_at_two_by_two_is_not_enough():
    """The standard identity of degree four holds for all 2 x 2 matrices, not for letters."""
    s = Setting("n")
    s.matrices("A: n; B: n; C: n; D: n")
    algebra = Algebra(s, [])
    n = s.dimensions[0]
    letters = [algebra.letter(x, (n, n), False) for x in "ABCD"]
    terms = {}
    for p in sp.utilities.iterables.multiset_permutations(range(4)):
        sign = sp.combinatorics.Permutation(p).signature()
        terms[tuple(letters[j] for j in p)] = algebra.one * sign
    assert not second_judge.multiplies_out(Poly(terms, (n, n)), {}, algebra)


def test_sizes_that_do_not_compose_are_rejected():
    s = Setting("n k")
    U, W = s.matrices("U: n,k; W: n,k")
    s.assume(U, W)
    algebra = Algebra(s, [])
    u, w = (algebra.index[x] for x in "UW")
    shape = algebra.shapes[u]
    honest = {((), 0, ()): algebra.one}
    assert second_judge.multiplies_out(Poly({(u,): 1, (w,): -1}, shape), honest, algebra)
    nonsense = Poly({(u, u): algebra.one, (w, u): -algebra.one}, shape)
    assert not second_judge.multiplies_out(nonsense, {((), 0, (u,)): algebra.one}, algebra)
    assert not second_judge.multiplies_out(nonsense, {((u,), 0, ()): algebra.one}, algebra)


def test_rational_coefficients_are_read():
    s = Setting("n")
    a, b = s.scalars("a b")
    A = s.matrices("A: n")
    lhs, rhs = A / (a + b) + A / (a - b), 2 * a * A / ((a + b) * (a - b))
    algebra = Algebra(s, [lhs, rhs])
    left, right = algebra.poly(lhs), algebra.poly(rhs)
    numbers = second_judge.FreeMatrices(algebra)
    assert numbers.accepts(left - right, {})
    assert not numbers.accepts(left - right.scale(2), {})
    row, other = numbers.first_row(left.terms), numbers.first_row(right.terms)
    assert row == other and any(row.values())


# -- scalars ---------------------------------------------------------------------------------
x, y, z = UNKNOWNS = sp.symbols("x y z")
a, b = sp.symbols("a b", positive=True)


def consequence(*solved, multiple=None):
    steps = [Solved(e, u, v, []) for e, u, v in solved]
    return Consequence(steps, [], multiple, frozenset(UNKNOWNS))


RIGHT = [
    (x - z, consequence((x - y, x, y), (y - z, y, z))),
    (x * z - y * z, consequence((a * x - a * y, x, y))),
    (x - y * z, consequence((x / y - z, x, y * z))),  # times its denominator
    (x * y, consequence(multiple=(1 / (a - b), (a - b) * x * y))),
    (sp.log(6 * a) - sp.log(2) - sp.log(3) - sp.log(a), consequence()),
]
WRONG = [
    (x - z, consequence((x - y, x, y))),  # a step is missing
    (x - z, consequence((x - y, x, z))),  # the value is not that of the equation
    (x - z, consequence((x - z, x, z), (x - y, y, x + 1))),
    (y - z, consequence((x * y - x * z, y, z))),  # divides by an unknown
    (x, consequence((x**2 - y**2, x, y))),  # two roots
    (x - y, consequence((x**2 - y**2, x, y))),
    (x, consequence(((4**a - 2 ** (2 * a)) * x, x, sp.Integer(0)))),  # a slope that is zero
    (x * y, consequence(multiple=(2 / (a - b), (a - b) * x * y))),
    (sp.log(6 * a) - sp.log(2) - sp.log(a), consequence()),
    (a - b, consequence()),
]


@pytest.mark.parametrize(("claim", "found"), RIGHT, ids=lambda c: str(c)[:30])
def test_what_follows_is_accepted(claim, found):
    assert second_judge.follows(claim, found)


@pytest.mark.parametrize(("claim", "found"), WRONG, ids=lambda c: str(c)[:30])
def test_what_does_not_follow_is_rejected(claim, found):
    assert not second_judge.follows(claim, found)


# -- both judges are asked, and they are two ---------------------------------------------------
@pytest.mark.parametrize("deaf", ["multiplies_out", "follows"])
def test_a_line_is_proved_only_if_both_judges_accept(monkeypatch, deaf):
    s = Setting("n")
    A, B = s.matrices("A: n; B: n")
    monkeypatch.setattr(second_judge, deaf, lambda *_: False)
    with pytest.raises(CertificateError, match="the second judge rejects"):
        prover.prove(s, tr(A * B * B.I), tr(A))


def test_the_judges_share_no_code():
    tree = ast.parse(inspect.getsource(second_judge))
    run = [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]  # not those of types
    modules = {n.module if isinstance(n, ast.ImportFrom) else n.names[0].name for n in run}
    assert modules == {"__future__", "random", "collections.abc", "typing", "mpmath", "sympy"}
    used = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)
            and isinstance(n.value, ast.Name) and n.value.id == "sp"}  # fmt: skip
    assert used <= {"Expr", "Symbol", "Add", "Pow", "log"}, "no algebra of SymPy's"


def test_a_tiny_or_a_huge_factor_decides_nothing():
    """Powers with a dimension for exponent are as small as 1e-9000: they are no zeros."""
    n = sp.Symbol("n", integer=True, positive=True)
    t = sp.Symbol("t", positive=True)
    a, b, c = sp.symbols("a b c")
    unknowns = frozenset({a, b, c})
    for power in (t**n, t ** (-n), sp.Integer(2) ** (-n), sp.Integer(2) ** n):
        assert not second_judge.follows(power * (a - b), Consequence(unknowns=unknowns))
        assert not second_judge.follows(a * power - b * power, Consequence(unknowns=unknowns))
        equation = a * power - b * c * power
        solved = [Solved(equation, a, b * c, [power])]
        claim = a * a * power - b**2 * c**2 * power
        assert second_judge.follows(claim, Consequence(solved, unknowns=unknowns))
        assert not second_judge.follows(claim + power, Consequence(solved, unknowns=unknowns))
        wrong = [Solved(equation, a, b * c + power, [power])]
        assert not second_judge.follows(claim, Consequence(wrong, unknowns=unknowns))
