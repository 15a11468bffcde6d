"""The kernel accepts no certificate that is spoilt, and no scalar that does not follow."""

import itertools

import pytest
import sympy as sp

from matrixproof import Setting, check, eye, tr
from matrixproof.algebra.polynomials import Grid, Poly
from matrixproof.algebra.translation import Algebra
from matrixproof.judges.exact import matrix
from matrixproof.judges.kernel import follows, multiplies_out, surely_not_zero
from matrixproof.search import prover
from matrixproof.search.completion import Rules
from matrixproof.search.facts import Fact
from matrixproof.search.prover import prove
from proof_helpers import a, b, unknowns, x, y, z


@pytest.fixture
def woodbury():
    """A target, its certificate and the algebra in which it was found."""
    s = Setting("n k")
    A, U, C, V = s.matrices("A: n; U: n,k; C: k; V: k,n")
    K = (C.I + V * A.I * U).I
    lhs, rhs = (A + U * C * V).I, A.I - A.I * U * K * V * A.I
    algebra = Algebra(s, [lhs, rhs])
    target = algebra.poly(lhs) - algebra.poly(rhs)
    rules = Rules(algebra.relations)
    for _ in range(100):
        normal, certificate = rules.reduce(target.terms)
        if not normal:
            return target, certificate, algebra
        rules.complete(14, 25)
    raise AssertionError("not proved")


def test_an_honest_certificate_multiplies_out(woodbury):
    target, certificate, algebra = woodbury
    assert len(certificate) > 3
    assert multiplies_out(target, certificate, algebra)


def tampered(certificate, algebra):
    """Every certificate that differs in one place."""
    letters, relations = range(len(algebra.names)), range(len(algebra.relations))
    for term, c in certificate.items():
        left, i, right = term
        rest = {t: x for t, x in certificate.items() if t != term}
        yield "omitted", rest
        for changed in (2 * c, -c, c + 1, c / 2):
            yield "coefficient", rest | {term: changed}
        for j in relations:
            if j != i:
                yield "relation", rest | {(left, j, right): c}
        for letter in letters:
            yield "longer", rest | {((letter, *left), i, right): c}
            yield "longer", rest | {(left, i, (*right, letter)): c}
            if left and left[0] != letter:
                yield "word", rest | {((letter, *left[1:]), i, right): c}
        if left:
            yield "shorter", rest | {(left[1:], i, right): c}
        yield "extra", certificate | {((0,), i, (0, 0)): c}


def test_tampered_certificates_are_rejected(woodbury):
    target, certificate, algebra = woodbury
    kinds = set()
    for kind, wrong in tampered(certificate, algebra):
        wrong = {t: c for t, c in wrong.items() if c}
        if wrong == certificate:
            continue
        kinds.add(kind)
        assert not multiplies_out(target, wrong, algebra), (kind, wrong)
    assert kinds == {
        "omitted", "coefficient", "relation", "longer", "word", "shorter", "extra",
    }  # fmt: skip


def test_another_target_is_rejected(woodbury):
    target, certificate, algebra = woodbury
    word = next(iter(target.terms))
    assert not multiplies_out(target.scale(2), certificate, algebra)
    longer = target + Poly({word: algebra.one}, target.shape)
    assert not multiplies_out(longer, certificate, algebra)
    assert not multiplies_out(target, {}, algebra)


def test_a_certificate_whose_sizes_do_not_compose_is_rejected():
    """n x k times n x k multiplies out as symbols; as matrices it makes no sense."""
    s = Setting("n k")
    U, W = s.matrices("U: n,k; W: n,k")
    s.assume(U, W)
    algebra = Algebra(s, [])
    u, w = (algebra.index[x] for x in "UW")
    nonsense = Poly({(u, u): algebra.one, (w, u): -algebra.one}, (s.dimensions[0], s.dimensions[1]))
    certificate = {((), 0, (u,)): algebra.one}
    assert algebra.relations[0].terms == {(u,): 1, (w,): -1}
    assert not multiplies_out(nonsense, certificate, algebra)


def test_a_search_that_lies_is_caught(monkeypatch):
    s = Setting("n")
    A, B = s.matrices("A: n; B: n")
    honest = Rules.reduce
    monkeypatch.setattr(Rules, "reduce", lambda self, terms: ({}, honest(self, terms)[1]))
    with pytest.raises(RuntimeError, match="does not multiply out"):
        prove(s, A, B)


def test_a_fact_that_lies_is_caught(monkeypatch):
    s = Setting("n")
    A, B = s.matrices("A: n; B: n")

    def lie(scalars, claim, given, rules, all_turns):
        a, b = (scalars.algebra.poly(x) for x in (A, B))
        return [Fact(scalars.trace(a) - scalars.trace(b), Grid([[a]]), Grid([[b]]), [{}])]

    monkeypatch.setattr(prover, "facts", lie)
    with pytest.raises(RuntimeError, match="does not multiply out"):
        prove(s, tr(A), tr(B))


def test_follows_solves_and_substitutes():
    assert follows(x - z, [x - y, y - z], unknowns, sp.expand) is not None
    assert follows(x * y - z, [x * y - z], unknowns, sp.expand) is not None


@pytest.mark.parametrize(
    "claim", [x - 2 * z, x + z, x, z - 1, x**2 - z, x * y - 1, x / (a - b)], ids=str
)
def test_follows_proves_nothing_else(claim):
    assert follows(claim, [x - y, y - z], unknowns, sp.expand) is None


def test_follows_reports_what_it_divides_by():
    divided = follows(x - y, [(a - b) * x - (a - b) * y], unknowns, sp.expand).divided
    assert any(sp.cancel(d / (a - b)).is_Number for d in divided)
    product = follows(x * y, [(a - b) * x * y], unknowns, sp.expand).divided
    assert any(sp.cancel(d / (a - b)).is_Number for d in product)


def test_a_slope_that_is_unknown_is_no_slope():
    """x y = x z does not give y = z."""
    assert follows(y - z, [x * y - x * z], unknowns, sp.expand) is None


def test_zero_in_disguise_is_no_slope():
    for nothing in ((a + b) ** 2 - a**2 - 2 * a * b - b**2, (a**2 - b**2) / (a - b) - a - b,
                 sp.log(a * b) - sp.log(a) - sp.log(b), 4**a - 2 ** (2 * a)):  # fmt: skip
        assert not surely_not_zero(nothing)
        assert follows(x - y, [nothing * (x - y)], unknowns, lambda e: e) is None
    for slope in (a - b, 1 / (a + b), a**b, sp.log(a), sp.Integer(2)):
        assert surely_not_zero(slope)


def test_relations_that_force_a_size_prove_nothing_by_dividing_by_it():
    """(jj')^-1 exists for m = 1 alone; a division by m - 1 would prove whatever one likes."""
    s = Setting("m")
    (m,) = s.dimensions
    s2, t2 = s.scalars("s2 t2")
    j = s.matrices("j: m,1", sampler=lambda i: matrix([[1]] * i.size(m)))
    r = s.vectors("r: m")
    s.assume(j.T * j, m * eye(1))
    V, W = s2 * eye(m) + t2 * j * j.T, t2 * j * j.T
    claim = t2 / (s2 + m * t2) * j.T * V * W.I * r
    assert check(s, t2 * j.T * V.I * r, claim) == "refuted"  # with m = 1
    assert not prove(s, t2 * j.T * V.I * r, claim).proved
    for e in (x - y, x, x - 3, x * y):
        assert follows(e, [a**2 - a], unknowns, sp.expand) is None
        assert follows(e, [a**2 - a, (a - 1) * e], unknowns, sp.expand) is None
    assert follows((b - 2) * x, [(a - 1) * (b - 2) * x, b - 3], unknowns, sp.expand) is not None


@pytest.mark.parametrize("relations", [
    [a**2 - a], [x - a, x - 1], [x**2 - 1, x - a], [x**2 - a, x**2 - 1],
    [x * z - a, x**2 - z, x * z + x**2 - z - 1], [x - z, x - a, z - 1],
])  # fmt: skip
def test_what_all_relations_force_counts_in_any_order(relations):
    for order in itertools.permutations([*relations, (a - 1) * y]):
        assert follows(y, order, unknowns, sp.expand) is None
    for order in itertools.permutations([relations[0], (b - 1) * y]):
        assert follows(y, order, unknowns, sp.expand) is not None
