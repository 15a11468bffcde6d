"""The second judge accepts what is right and rejects certificates that are wrong in any one place.

Every line that the book proves passes it when the chapter runs (`prove` asks both judges). Here
certificates of recorded lines are spoilt, one place at a time. A seeded sample of the records runs
by default; LMMCORE_ALL_MUTANTS=1 spoils all.
"""

import ast
import dataclasses
import inspect
import os
import random

import pytest
import sympy as sp

from lmmbook.records import load_all
from matrixproof import CertificateError, Setting, tr
from matrixproof.judges import second_judge
from matrixproof.judges.certificates import Certified
from matrixproof.judges.kernel import Consequence, Solved
from matrixproof.page.records import expression_from, setting_from
from matrixproof.search import prover
from matrixproof.search.polynomials import Algebra, Poly
from matrixproof.setting import Noise

ALL = bool(os.environ.get("LMMCORE_ALL_MUTANTS"))
SAMPLE = 40
RECORDS = [r for r in load_all() if r["status"] == "proved"]
LINES = [(r, i) for r in RECORDS for i, x in enumerate(r["lines"]) if i and not x["lemmas"]]
CHOSEN = LINES if ALL else random.Random(3).sample(LINES, SAMPLE)


def as_recorded(record):
    """The setting of a record; proofs need no samplers and no roots of covariances."""
    plain = record["setting"] | {
        "letters": [[*x[:4], False] for x in record["setting"]["letters"]],
        "noises": {},
    }
    s = setting_from(plain)
    for name, covariance in record["setting"]["noises"].items():
        s.noises[name] = Noise(expression_from(covariance, s), None)
    return s


@pytest.fixture
def heard(monkeypatch):
    """What was put before the second judge, in order."""
    matrices, scalars = [], []
    honest = second_judge.multiplies_out, second_judge.follows

    def on_matrices(*case):
        matrices.append(case)
        return honest[0](*case)

    def on_scalars(*case):
        scalars.append(case)
        return honest[1](*case)

    monkeypatch.setattr(second_judge, "multiplies_out", on_matrices)
    monkeypatch.setattr(second_judge, "follows", on_scalars)
    yield matrices, scalars
    monkeypatch.undo()


@pytest.mark.parametrize(
    ("record", "i"), CHOSEN, ids=lambda x: x if isinstance(x, int) else x["name"]
)
def test_spoilt_certificates_of_the_book_are_rejected(record, i, heard):
    s = as_recorded(record)
    old, new = (expression_from(record["lines"][j]["tree"], s) for j in (i - 1, i))
    assert prover.prove(s, old, new).proved
    matrices, scalars = ([*x] for x in heard)
    assert matrices or scalars
    for target, certificate, algebra in matrices:
        relations = algebra.relations
        words = [len(a) + len(w) + len(b) for a, j, b in certificate for w in relations[j].terms]
        assert max(words, default=0) < 60  # as the chapter on the checker says
        for kind, wrong in Certified(target, certificate, algebra).spoilt():
            first, second = wrong.judges()
            if kind in ("omitted", "sign", "coefficient"):
                assert not first and not second, (kind, wrong)
            else:  # another term may be the same product: (J p) J = J (p J)
                assert first == second, (kind, wrong)
    for claim, found in scalars:
        for wrong in spoilt_consequences(found):
            assert not second_judge.follows(claim, wrong), wrong
        assert not second_judge.follows(claim + 1, found)


def spoilt_consequences(found):
    for k, step in enumerate(found.solved):
        for value in (step.value + 1, -step.value, 2 * step.value):
            if value != step.value:
                changed = dataclasses.replace(step, value=value)
                solved = [*found.solved[:k], changed, *found.solved[k + 1 :]]
                yield dataclasses.replace(found, solved=solved)


def test_most_lines_of_the_book_can_be_drawn():
    assert len(LINES) > 700


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
