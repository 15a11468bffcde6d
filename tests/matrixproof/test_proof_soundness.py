"""Attempts to make the checker accept what is false, each of which must fail."""

import itertools
import json
import random

import pytest
import sympy as sp
from sympy.polys.matrices import DomainMatrix

from matrixproof import (
    ProofError,
    RefutationError,
    Setting,
    ShapeError,
    SoundnessError,
    StepError,
    UnknownSymbolError,
    UntestedError,
    as_scalar,
    block,
    by_entries,
    check,
    define,
    definiteness,
    det,
    expectation,
    eye,
    lift,
    log,
    logdet,
    recall,
    tr,
    zero,
)
from matrixproof.algebra.polynomials import Grid, Poly
from matrixproof.algebra.translation import Algebra
from matrixproof.judges.counterexamples import search
from matrixproof.judges.exact import QQ, matrix
from matrixproof.judges.instances import Instance
from matrixproof.judges.kernel import follows, multiplies_out, surely_not_zero
from matrixproof.language.expressions import Expr
from matrixproof.language.signs import may_vanish
from matrixproof.page import records
from matrixproof.page.derivation import Result
from matrixproof.recalling import proving_again, recalling
from matrixproof.search import prover
from matrixproof.search.citing import instantiate
from matrixproof.search.completion import Rules
from matrixproof.search.facts import Fact
from matrixproof.search.prover import Equation, prove


def assumptions(result):
    return " | ".join(result.derivation.all_assumptions())


# -- certificates ----------------------------------------------------------------------------
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
        for x in letters:
            yield "longer", rest | {((x, *left), i, right): c}
            yield "longer", rest | {(left, i, (*right, x)): c}
            if left and left[0] != x:
                yield "word", rest | {((x, *left[1:]), i, right): c}
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


# -- follows: scalars from scalar equations ---------------------------------------------------
x, y, z, a, b = sp.symbols("x y z a b")


def unknowns(e):
    return sorted(e.free_symbols & {x, y, z}, key=str, reverse=True)


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


def test_a_search_that_takes_far_too_long_proves_nothing(monkeypatch):
    s = Setting("n")
    A, B = s.matrices("A: n; B: n")
    lemma = (Equation(tr(A), tr(B), "lemma"),)
    assert prove(s, 2 * tr(A), 2 * tr(B), lemma).proved
    monkeypatch.setattr(prover, "PATIENCE", -2)
    found = prove(s, 2 * tr(A), 2 * tr(B), lemma)
    assert not found.proved and found.why_not == "out of time"


# -- assumptions -----------------------------------------------------------------------------
def test_contradictory_assumptions_are_refused():
    s = Setting("n")
    A, B = s.matrices("A: n; B: n")
    s.assume(A * B, eye(n := s.dimensions[0]))
    s.assume(A * B, 2 * eye(n))
    with pytest.raises(ProofError, match="contradict"):
        prove(s, A, B)
    with pytest.raises(UntestedError, match="no exact instance"):
        s.prove(A, B)


def test_assumptions_that_contradict_each_other_from_line_to_line():
    """Each line has instances, all of them together have none: A = I, and A = 0."""
    s = Setting("n")
    (n,) = s.dimensions

    def some_ones(i):
        size = i.size(n)
        ones = i.rng.randint(0, size)
        return matrix([[int(r == c < ones) for c in range(size)] for r in range(size)])

    A = s.matrices("A: n", sampler=some_ones)
    s.assume(A * A, A, "a projection")
    d = s.derive(A).step(A.I * A * A).step(A.I * A).step(eye(n))
    assert d.status == "proved"  # with A invertible
    with pytest.raises(StepError, match="holds together on no"):
        d.step((eye(n) - A).I * (eye(n) - A))
    x = s.scalars("x")
    with pytest.raises(StepError, match="holds together on no"):
        s.prove(log(-x), log(x))


def test_nothing_is_proved_without_an_instance():
    """AB = I by chance never holds for drawn matrices, true as B A B = B is."""
    s = Setting("n")
    A, B = s.matrices("A: n; B: n")
    s.assume(A * B, eye(s.dimensions[0]))
    assert prove(s, B * A * B, B).proved
    with pytest.raises(UntestedError, match="was not tested"):
        s.prove(B * A * B, B)
    with pytest.raises(UntestedError):
        check(s, A, B)


def test_impossible_dimensions():
    with pytest.raises(ProofError, match="no dimensions"):
        Setting("n", where="n > n")
    s = Setting("n p", where="n > p, p > n")
    A = s.matrices("A: n")
    with pytest.raises(UntestedError):
        s.prove(A + A, 2 * A)


def test_division_by_what_can_vanish_is_an_assumption():
    s = Setting("n")
    a, b = s.scalars("a b")
    X = s.matrices("X: n", sampler=lambda i: matrix([[0] * i.size(n)] * i.size(n)))
    n = s.dimensions[0]
    s.assume((a - b) * X, 0)
    assert "a - b \\neq 0" in assumptions(s.prove(X, zero(n)))
    assert "a - b \\neq 0" in assumptions(s.prove(tr(X), 0))
    assert "neq" not in assumptions(s.prove((a - b) * X, zero(n)))


def test_division_by_what_is_positive_is_none():
    s = Setting("n")
    a, b = s.scalars("a b")
    X = s.matrices("X: n", sampler=lambda i: matrix([[0] * i.size(n)] * i.size(n)))
    n = s.dimensions[0]
    s.assume((a + b) * X, 0)
    text = assumptions(s.prove(X, zero(n)))
    assert "neq" not in text
    assert "$a > 0$" in text


def test_a_scalar_of_any_sign_can_vanish():
    s = Setting("n")
    c = s.scalars("c", positive=False)
    A = s.matrices("A: n")
    assert "$c \\neq 0$" in assumptions(s.prove((c * A).I, A.I / c))
    assert "$c \\neq 0$" in assumptions(s.prove((A / c).I, c * A.I))
    assert "$c \\neq 0$" in assumptions(s.prove(lift(c) ** -1 * c, 1))
    power = lift(c.value ** s.dimensions[0])
    assert "$c \\neq 0$" in assumptions(s.prove(det(A / c) * power, det(A)))
    assert "$c > 0$" in assumptions(s.prove(log(c), log(c)))
    assert "c > 0" not in assumptions(s.prove((c * A).I, A.I / c))


def test_denominators_inside_a_number_are_divisors():
    s = Setting("n p", where="n > p")
    n, p = s.dimensions
    A = s.matrices("A: n")
    a, b = s.scalars("a b", positive=False)
    quotient = (a.value**2 - b.value**2) / (a.value - b.value)
    for claim, need in (
        ((1 / (n - 2) * A * (n - 2), A), "$n - 2 \\neq 0$"),
        ((tr(A) * (1 / (n - 2)) * (n - 2), tr(A)), "$n - 2 \\neq 0$"),
        ((lift(quotient) * tr(A), (a + b) * tr(A)), "$a - b \\neq 0$"),
        ((lift(quotient) * A, (a + b) * A), "$a - b \\neq 0$"),
        ((lift(1 / (1 + 1 / a.value)) * A * (a + 1), a * A), "$a \\neq 0$"),
        (((a / b) * A * b, a * A), "$b \\neq 0$"),
        ((b**-1 * A * b, A), "$b \\neq 0$"),
    ):
        assert need in assumptions(s.prove(*claim))
    assert "neq" not in assumptions(s.prove(1 / (n - p) * A * (n - p), A))
    assert "neq" not in assumptions(s.prove(1 / (n + p) * A * (n + p), A))


def test_dimensions_in_denominators():
    s = Setting("n p", where="n > p")
    n, p = s.dimensions
    A = s.matrices("A: n")
    assert "neq" not in assumptions(s.prove(tr(A) / (n - p) * (n - p), tr(A)))
    assert "neq" not in assumptions(s.prove(A / (n - 1) * (n - 1), A))  # n > p >= 1
    assert "p - 1 \\neq 0" in assumptions(s.prove(A / (p - 1) * (p - 1), A))
    assert "n - p - 1 \\neq 0" in assumptions(s.prove(A / (n - p - 1) * (n - p - 1), A))


def test_dividing_by_a_trace_is_an_assumption():
    s = Setting("n")
    A = s.matrices("A: n")
    v = s.vectors("v: n")
    V = s.positive_definite("V: n")
    text = assumptions(s.prove(tr(A) / tr(A), 1))
    assert r"\operatorname{tr}\left(A\right) \neq 0" in text
    ratio = (v.T * V * v) / (v.T * v)
    assert "v'\\,v \\neq 0" in assumptions(s.prove(ratio * (v.T * v), v.T * V * v))


def test_every_inverse_is_reported():
    s = Setting("n p")
    A, B = s.matrices("A: n; B: n")
    X = s.matrices("X: n,p")
    V = s.positive_definite("V: n")
    text = assumptions(s.prove((A * B).I, B.I * A.I))
    assert "$A$ is invertible" in text
    assert "$B$ is invertible" in text
    text = assumptions(s.prove(X * (X.T * V.I * X).I * X.T * V.I * X, X))
    assert "$X'\\,V^{-1}\\,X$ is invertible" in text
    assert "definite" in assumptions(s.prove((A.T * A + V).I, (V + A.T * A).I))
    assert "$A$ is invertible" in assumptions(s.prove(logdet(A * B), logdet(A) + logdet(B)))
    assert "invertible" not in assumptions(s.prove(V * V.I, eye(s.dimensions[0])))


def test_hypotheses_between_other_symbols_are_reported():
    """A = C is proved through B, which stands in no line."""
    s = Setting("n")
    A = s.matrices("A: n")
    copy_of_a = lambda i: i.matrices["A"]  # noqa: E731
    B, C = s.matrices("B: n; C: n", sampler=copy_of_a)
    s.assume(A, B)
    s.assume(B, C)
    text = assumptions(s.prove(A, C))
    assert "$A = B$" in text
    assert "$B = C$" in text


def test_facts_of_one_sided_inverses_need_square():
    """AB = I does not give BA = I by algebra; for rectangles it is false."""
    s = Setting("n p", where="n > p")
    n, p = s.dimensions

    def left_inverse(i):
        X = i.matrices["X"]
        return ((X.transpose() * X).to_dense().inv() * X.transpose()).to_dense()

    X = s.full_rank("X: n,p")
    L = s.matrices("L: p,n", sampler=left_inverse)
    s.assume(L * X, eye(p))
    assert not prove(s, X * L, eye(n)).proved
    assert check(s, X * L, eye(n)) == "refuted"
    assert check(s, tr(X * L), lift(p)) == "proved"


# -- traces and determinants -----------------------------------------------------------------
def test_the_trace_of_an_identity_is_its_size():
    s = Setting("n p", where="n > p")
    n, p = s.dimensions
    assert check(s, tr(eye(p)), lift(p)) == "proved"
    assert check(s, tr(eye(p)), lift(n)) == "refuted"
    X = s.full_rank("X: n,p")
    projection = X * (X.T * X).I * X.T
    assert check(s, tr(projection), lift(p)) == "proved"
    assert check(s, tr(projection), lift(n)) == "refuted"
    assert check(s, tr(eye(n) - projection), lift(n - p)) == "proved"


def test_determinants_have_their_sign():
    s = Setting("n k")
    n, k = s.dimensions
    A, B, C = s.matrices("A: n; B: n; C: k")
    assert check(s, det(-A), det(A)) == "refuted"
    assert check(s, det(-A), lift((-1) ** n) * det(A)) == "proved"
    assert check(s, det(A * B), -det(A) * det(B)) == "refuted"
    assert check(s, det(2 * A), 2 * det(A)) == "refuted"
    assert check(s, det(A.T), det(A)) == "proved"
    # swapping the columns of blocks costs (-1)^(nk)
    assert check(s, det(block([[A, 0], [0, C]])), det(A) * det(C)) == "proved"
    swapped = det(block([[zero(n, k), A], [C, zero(k, n)]]))
    assert check(s, swapped, det(A) * det(C)) == "refuted"
    assert check(s, swapped, -det(A) * det(C)) == "refuted"
    assert check(s, logdet(-A), logdet(A)) == "proved"
    assert check(s, det(A) ** 2, det(A.T * A)) == "proved"
    assert check(s, det(A), -det(A)) == "refuted"


def test_determinants_are_known_by_content():
    s = Setting("n")
    A, B = s.matrices("A: n; B: n")
    M, N = define("M", A + B), define("M", A - B)
    assert check(s, det(M), det(A + B)) == "proved"
    assert check(s, det(M), det(N)) == "refuted"
    assert not prove(s, det(M), det(N)).proved
    assert check(s, logdet(A + B), logdet(B + A)) == "proved"
    assert check(s, logdet(A + B), logdet(A - B)) == "refuted"


def test_zero_determinants():
    s = Setting("n")
    A = s.matrices("A: n")
    assert check(s, det(A - A), 0) == "proved"
    with pytest.raises(UntestedError):
        s.prove(logdet(A - A), logdet(A - A))


def test_logarithms_of_negative_numbers():
    s = Setting("n")
    a, b = s.scalars("a b")
    A = s.matrices("A: n")
    assert check(s, log(b - a), log(a - b)) == "proved"  # log|.|
    assert check(s, log(-lift(a)), log(a)) == "proved"
    assert check(s, log(a * b), log(a) + log(b)) == "proved"
    assert check(s, log(a + b), log(a) + log(b)) == "refuted"
    assert check(s, log(lift(a) ** 2), 2 * log(a)) == "proved"
    assert check(s, logdet(a * A), s.dimensions[0] * log(a) + logdet(A)) == "proved"
    assert check(s, logdet(a * A), log(a) + logdet(A)) == "refuted"
    assert check(s, log(det(A)), logdet(A)) != "refuted"


def test_powers_that_only_look_different():
    """4^n - 2^(2n) is zero, which SymPy does not see: it must not be divided by."""
    s = Setting("n")
    (n,) = s.dimensions
    a, b = s.scalars("a b")
    A = s.matrices("A: n")
    assert check(s, det(2 * (2 * A).T), lift(2**n) * det(A)) == "refuted"
    assert check(s, det(2 * (2 * A).T), lift(4**n) * det(A)) == "proved"
    twice = det((a + b) * (2 * A)) / det((2 * a + 2 * b) * A)
    assert check(s, twice * det(A), 2 * det(A)) == "refuted"
    assert follows(x, [(4**n - 2 ** (2 * n)) * x], unknowns, sp.expand) is None
    p, q = sp.symbols("p q")
    zero_power = (2 * p + 2 * q) ** n - 2**n * (p + q) ** n
    assert follows(x, [zero_power * x], unknowns, sp.expand) is None
    hidden = a.value / (a.value + 1) + 1 / (a.value + 1) - 1  # zero once it has one denominator
    assert follows(x, [hidden * x], unknowns, sp.expand) is None
    assert follows(x * y, [hidden * x * y], unknowns, sp.expand) is None
    with pytest.raises(RuntimeError, match="divides by"):
        may_vanish([hidden], [])
    assert follows(x * y, [(4**n - 2 ** (2 * n)) * x * y], unknowns, sp.expand) is None
    assert follows(x, [sp.log(6) * x - sp.log(2) * x - sp.log(3) * x], unknowns, sp.expand) is None


def test_a_slope_that_is_zero_when_reduced():
    """Found by mutation: (s2 + 1) for s2 in one place led to an equation 0 = 0, divided by 0."""
    s = Setting("n p", where="n > p")
    n, p = s.dimensions
    t = s.scalars("t")
    W = s.positive_definite("W: n")
    X = s.full_rank("X: n,p")
    y = s.vectors("y: n")
    d = s.partial(t)
    V, U = t * W, (t + 1) * W
    H = X.T * W.I * X
    P = W.I - W.I * X * H.I * X.T * W.I
    wrong = V.I - V.I * X * (X.T * U.I * X).I * X.T * V.I
    lhs = d(logdet(V) + logdet(X.T * V.I * X) + y.T * wrong * y)
    rhs = lift(n - p) / t - y.T * P * y / lift(t) ** 2
    assert not prove(s, lhs, rhs).proved
    assert check(s, lhs, rhs) == "refuted"


def test_the_trap_of_two_groups():
    """With k = 2 everywhere, k - 1 passes for 1 and k for 2."""
    s = Setting("n k")
    n, k = s.dimensions
    assert check(s, tr(eye(k)) - 1, lift(1)) == "refuted"
    assert check(s, tr(eye(k)), lift(2)) == "refuted"
    assert check(s, (k - 1) * tr(eye(n)), tr(eye(n))) == "refuted"


def test_sizes_of_one():
    """Sizes that are 1 by name, and sizes that may be 1."""
    s = Setting("n")

    u, v = s.vectors("u: n; v: n")
    c, e = s.matrices("c: 1; e: 1")
    A = s.matrices("A: n")
    assert check(s, u.T * v, v.T * u) == "proved"
    assert check(s, c * e, e * c) == "proved"
    assert check(s, c.T, c) == "proved"
    assert check(s, tr(c), as_scalar(c)) == "proved"
    assert check(s, det(c * e), as_scalar(c) * as_scalar(e)) == "proved"
    assert check(s, (u.T * v).I * (u.T * v), eye(1)) == "proved"
    assert check(s, as_scalar((u.T * v).I), 1 / (u.T * v)) == "proved"
    assert check(s, u * v.T, v * u.T) == "refuted"  # they commute for n = 1 only
    assert check(s, A * A.T, A.T * A) == "refuted"
    assert check(s, as_scalar(u.T * A * v), u.T * A.T * v) == "refuted"
    assert check(s, tr(eye(1)), lift(1)) == "proved"
    assert check(s, det(A), tr(A)) == "refuted"


def test_blocks_cut_differently():
    s = Setting("n k")
    n, k = s.dimensions
    A, B, C, D = s.matrices("A: n,k; B: n,n; C: k,k; D: k,n")
    other = s.matrices("E: n,n")
    M, N = block([[A, B], [C, D]]), block([[A, other], [C, D]])  # cut n + k by k + n
    with pytest.raises(ProofError, match="diagonal blocks are not square"):
        prove(s, tr(M), tr(N))
    with pytest.raises(ProofError):
        prove(s, M, block([[B, A], [D, C]]))
    wide = block([[eye(n), zero(n, k)]])
    assert check(s, wide * wide.T, eye(n)) == "proved"
    assert check(s, wide.T * wide, eye(n + k)) == "refuted"
    P = block([[B, zero(n, k)], [D, C]])
    assert check(s, P + eye(n + k), block([[B + eye(n), 0], [D, C + eye(k)]])) == "proved"
    assert check(s, P + eye(n + k), block([[B + eye(n), 0], [D, C]])) == "refuted"
    assert check(s, P.T, block([[B.T, D.T], [zero(k, n), C.T]])) == "proved"
    assert check(s, P.T, block([[B.T, 0], [D, C.T]])) == "refuted"
    with pytest.raises(ProofError):  # no one adds an identity to a matrix cut k + n by n + k
        prove(s, M + eye(n + k), M)
    with pytest.raises(ShapeError):
        block([[A, B], [D, C]])


def test_powers():
    s = Setting("n")
    (n,) = s.dimensions
    A, B = s.matrices("A: n; B: n")
    c = s.scalars("c")
    assert check(s, (A + B) ** 2, A * A + 2 * A * B + B * B) == "refuted"
    assert check(s, (A + B) ** 2, A**2 + A * B + B * A + B**2) == "proved"
    assert check(s, det(A**3), det(A) ** 3) == "proved"
    assert check(s, lift(c) ** -2 * c**2, 1) == "proved"
    assert check(s, tr(A) ** 2, tr(A * A)) == "refuted"
    for wrong in (0, -1, 0.5, n, True, "2"):
        with pytest.raises(ShapeError, match="power"):
            A**wrong


# -- names -----------------------------------------------------------------------------------
def test_one_name_means_one_thing_in_a_derivation():
    s = Setting("n")
    A, B = s.matrices("A: n; B: n")
    d = s.derive(define("M", A) + B)
    with pytest.raises(StepError, match="M stands for two different things"):
        d.step(B + define("M", A + zero(s.dimensions[0])))
    with pytest.raises(StepError, match="two different things"):
        s.derive(define("M", A) + define("M", B))
    with pytest.raises(ProofError, match="B is declared"):
        s.prove(define("B", A), A)
    assert s.prove(define("M", A), A).status == "proved"


def test_two_differentials_of_one_name_in_a_derivation():
    s = Setting("n")
    V, W = s.positive_definite("V: n; W: n")
    narrow, wide = s.differential(V), s.differential(V, W)
    with pytest.raises(StepError, match="two different things"):
        s.prove(narrow(V) + wide(W), narrow(V) + wide(W))
    assert s.prove(wide(V * W), wide(V) * W + V * wide(W)).status == "proved"
    assert check(s, narrow(V * W), narrow(V) * W + V * narrow(W)) == "proved"
    assert check(s, narrow(V * W), wide(V) * W) == "proved"


def test_names_are_taken_once():
    s = Setting("n p")
    s.matrices("A: n")
    a = s.scalars("a")
    for declare in (
        lambda: s.matrices("A: p"),
        lambda: s.matrices("a: n"),
        lambda: s.matrices("n: n"),
        lambda: s.scalars("n"),
        lambda: s.scalars("A"),
        lambda: s.scalars("a", positive=False),
        lambda: Setting("n n"),
    ):
        with pytest.raises(ProofError, match="declared already"):
            declare()
    assert s.scalars("a").key() == a.key()
    s.scalars("x1")
    with pytest.raises(ProofError, match="printed like"):
        s.scalars("x_1")


def test_a_scalar_is_no_dimension_of_the_same_name():
    here, there = Setting("n"), Setting("m")
    n_there = there.scalars("n")
    A = here.matrices("A: n")
    with pytest.raises(UnknownSymbolError, match="n is not a scalar"):
        here.prove(tr(eye(here.dimensions[0])) + n_there, n_there)
    with pytest.raises(UnknownSymbolError):
        here.prove(tr(A) * sp.Symbol("n"), tr(A))
    with pytest.raises(UnknownSymbolError, match="m is not a dimension"):
        here.prove(tr(eye(there.dimensions[0])), lift(1))


def test_symbols_of_other_settings():
    s, other = Setting("n k"), Setting("n k")
    s.matrices("A: n,k")
    A = other.matrices("A: n")
    B = other.matrices("B: n")
    with pytest.raises(UnknownSymbolError, match="A is not a symbol"):
        s.prove(A, A)
    with pytest.raises(UnknownSymbolError, match="B is not a symbol"):
        s.prove(B, B)
    with pytest.raises(UnknownSymbolError):
        s.assume(B, B)
    d = other.differential(B)
    with pytest.raises(UnknownSymbolError):
        s.prove(d(s.matrices("C: n")), zero(s.dimensions[0]))


def test_kinds_are_those_of_the_setting():
    """S is symmetric there; here nothing is known of it."""
    there, here = Setting("n"), Setting("n")
    S = there.symmetric("S: n")
    here.matrices("S: n")
    assert check(there, S.T, S) == "proved"
    assert check(here, S.T, S) == "refuted"


# -- differentials ---------------------------------------------------------------------------
def test_what_d_moves():
    s = Setting("n")
    V, W = s.positive_definite("V: n; W: n")
    t = s.scalars("t")
    d = s.differential(V, t)
    assert check(s, d(W), zero(s.dimensions[0])) == "proved"
    assert check(s, d(t * V), d(t) * V + t * d(V)) == "proved"
    assert check(s, d(t * V), t * d(V)) == "refuted"
    assert check(s, d(1 / lift(t)), -d(t) / t**2) == "proved"
    assert check(s, d((t * V + W).I), -((t * V + W).I * (d(t) * V + t * d(V)) * (t * V + W).I))
    assert check(s, d(logdet(t * V)), s.dimensions[0] / t * d(t) + tr(V.I * d(V))) == "proved"
    assert check(s, d(V * V), 2 * V * d(V)) == "refuted"
    assert check(s, d(d(V)), zero(s.dimensions[0])) == "proved"


def test_nested_differentials_with_different_tables():
    s = Setting("n")
    V, W = s.positive_definite("V: n; W: n")
    t, u = s.scalars("t u")
    R = t * V + u * W  # linear in t and u, so that it has no second derivatives
    a, b = s.partial(t), s.partial(u)
    second = a(b(logdet(R)))
    expected = -tr(R.I * V * R.I * W)
    assert check(s, second, expected) == "proved"
    assert check(s, b(a(logdet(R))), expected) == "proved"
    assert check(s, second, -expected) == "refuted"
    assert check(s, a(a(tr(R.I))), 2 * tr(R.I * V * R.I * V * R.I)) == "proved"
    assert check(s, a(b(t * u * tr(V * R))), tr(V * R) + t * tr(V * V) + u * tr(V * W)) == "proved"
    c, d = s.partial("alpha", V), s.partial("beta", W)
    assert check(s, c(d(tr(V * W))), tr(c(V) * d(W))) == "proved"
    assert check(s, c(d(tr(V.I * W))), -tr(V.I * c(V) * V.I * d(W))) == "proved"


def test_second_derivatives_that_are_left_open():
    """V is an unknown function of its parameters: its second derivatives are no zeros."""
    s = Setting("n")
    V, W = s.positive_definite("V: n; W: n")
    a, b = s.partial("alpha", V), s.partial("beta", V, W)
    d = s.differential(V)
    for second in (a(b(V)), a(a(V)), b(a(V)), d(a(V)), a(b(logdet(V))), a(b(tr(V.I * W)))):
        with pytest.raises(ProofError, match="left open"):
            s.prove(second, second)
    with pytest.raises(ProofError, match="left open"):
        s.prove(a(b(V)), zero(s.dimensions[0]))
    assert check(s, a(b(W)), zero(s.dimensions[0])) == "proved"  # alpha does not move W
    assert check(s, d(d(V)), zero(s.dimensions[0])) == "proved"  # the increment stays as it is


def test_d_cannot_move_what_is_tied():
    s = Setting("n p", where="n > p")
    X = s.full_rank("X: n,p")
    A = s.error_contrasts("A", X)
    d = s.differential(A)
    with pytest.raises(ProofError, match="ties"):
        s.prove(d(A.T * X), d(A).T * X)


def test_what_can_move():
    s = Setting("n")
    V = s.matrices("V: n")
    t = s.scalars("t")
    for wrong in (s.dimensions[0], 2 * t, t + 1):
        with pytest.raises(ProofError, match="cannot move"):
            s.partial(lift(wrong))
    with pytest.raises(ProofError, match="cannot move"):
        s.differential(V * V)
    with pytest.raises(ProofError, match="cannot move"):
        s.differential(define("P", V * V))
    with pytest.raises(ProofError, match="give the symbol"):
        s.partial("t", V)
    with pytest.raises(ProofError, match="no scalar"):
        s.partial(V)
    s.matrices("dW: n,1")
    W = s.matrices("W: n")
    with pytest.raises(ProofError, match="declared as something else"):
        s.differential(W)


# -- expectations ----------------------------------------------------------------------------
def noisy(n="n"):
    s = Setting(n)
    A, K, F = s.matrices("A: n; K: n; F: n")
    m, e, f = s.vectors("m: n; e: n; f: n")
    s.gaussian(e, K * K.T)
    s.gaussian(f, F * F.T)
    return s, A, K, F, m, e, f


def test_gaussian_moments():
    s, A, K, F, m, e, f = noisy()
    E, V, W = expectation, K * K.T, F * F.T
    assert check(s, E(m.T * e), 0) == "proved"
    assert check(s, E((m + e).T * A * (m + e)), tr(A * V)) == "refuted"  # not centred
    assert check(s, E(e.T * A * f), 0) == "proved"  # independent
    assert check(s, E((e + f).T * A * (e + f)), tr(A * V) + tr(A * W)) == "proved"
    assert check(s, E(as_scalar(e.T * A * f) ** 2), tr(A * W * A.T * V)) == "proved"
    assert check(s, E(as_scalar(e.T * A * f) ** 2), tr(A * V * A.T * W)) == "refuted"
    assert check(s, E(as_scalar(e.T * e) * as_scalar(f.T * f)), tr(V) * tr(W)) == "proved"
    assert check(s, E(as_scalar(e.T * e) ** 2), tr(V) ** 2) == "refuted"
    assert check(s, E(as_scalar(e.T * A * e) * as_scalar(m.T * e)), 0) == "proved"
    assert check(s, E(lift(3)), 3) == "proved"
    assert check(s, E(tr(A * e * e.T)), tr(A * V)) == "proved"
    assert check(s, E(E(e.T * e)), tr(V)) == "proved"


def test_the_vector_of_one():
    s = Setting("n")
    e = s.vectors("e: 1")
    t = s.scalars("t")
    s.gaussian(e, t * eye(1))
    E = expectation
    assert check(s, E(e), 0) == "proved"
    assert check(s, E(e * e), t) == "proved"
    assert check(s, E(as_scalar(e) ** 3), 0) == "proved"
    assert check(s, E(as_scalar(e) ** 4), 3 * t**2) == "proved"


def test_a_random_inverse_has_no_rule():
    """inv(I + ee') is random although no e stands in its word."""
    s, A, _, _, _, e, _ = noisy()
    random_trace = tr((eye(s.dimensions[0]) + e * e.T).I)
    with pytest.raises(ProofError, match="no rule"):
        prove(s, expectation(random_trace), random_trace)
    with pytest.raises(ProofError, match="no rule"):
        prove(s, expectation(logdet(A + e * e.T)), logdet(A + e * e.T))
    with pytest.raises(ProofError, match=r"no rule|only polynomials"):
        prove(s, expectation(1 / (e.T * e)), 1 / expectation(e.T * e))


def test_a_constant_does_not_become_random():
    """What was proved of a constant y is not to be shown as a result about a random one."""
    s = Setting("n")
    A, y = s.matrices("A: n"), s.vectors("y: n")
    result = s.prove(expectation(y.T * A * y), y.T * A * y)
    with pytest.raises(ProofError, match="under an expectation already"):
        s.gaussian(y, eye(s.dimensions[0]))
    assert "sim" not in assumptions(result)


def test_what_can_be_gaussian():
    s, A, K, _, m, e, _ = noisy()
    with pytest.raises(ProofError, match="Gaussian already"):
        s.gaussian(e, eye(s.dimensions[0]))
    with pytest.raises(ShapeError, match="must be"):
        s.gaussian(m, eye(1))
    with pytest.raises(ShapeError, match="not a vector"):
        s.gaussian(A, eye(s.dimensions[0]))
    with pytest.raises(ProofError, match="random"):
        s.gaussian(m, e * e.T)
    with pytest.raises(ProofError, match="change its distribution"):
        s.assume(A * e, 0)
    s.assume(A * m, 0)
    with pytest.raises(ProofError, match="tied"):
        s.gaussian(m, K * K.T)


def test_a_root_must_be_one():
    s = Setting("n")
    K = s.matrices("K: n")
    e = s.vectors("e: n")
    s.gaussian(e, K * K.T, root=lambda i: i.matrices["K"] * QQ(2))
    with pytest.raises(ProofError, match="not a root"):
        s.prove(expectation(e.T * e), tr(K * K.T))


def test_the_differential_of_an_expectation_has_no_rule():
    s = Setting("n")
    t = s.scalars("t")
    e = s.vectors("e: n")
    s.gaussian(e, t * eye(s.dimensions[0]))
    d = s.partial(t)
    with pytest.raises(ProofError, match="no rule"):
        s.prove(d(expectation(e.T * e)), 0)
    with pytest.raises(ProofError, match="no rule"):
        prove(s, d(expectation(e.T * e)), lift(0))
    assert check(s, expectation(d(as_scalar(e.T * e) / t)), -s.dimensions[0] / t) == "proved"


# -- lemmas ----------------------------------------------------------------------------------
@pytest.fixture
def push():
    s = Setting("n k")
    n, k = s.dimensions
    U, V = s.matrices("U: n,k; V: k,n")
    return s.prove((eye(n) + U * V).I * U, U * (eye(k) + V * U).I).derivation.result("push-through")


def citing(s, lemma, lhs=None, rhs=None):
    """Cite a lemma in a trivial step."""
    e = next(
        Expr("symbol", shape=x.shape, value=x.name, tex=x.name) for x in s.letters.values()
    )  # fmt: skip
    return s.prove(lhs or e, rhs or e, by=[lemma])


def test_a_lemma_carries_its_assumptions(push):
    s = Setting("m")
    (m,) = s.dimensions
    A, B = s.matrices("A: m; B: m")
    result = s.prove(
        (eye(m) + A * B).I * A, A * (eye(m) + B * A).I, by=[push(U=A, V=B)]
    )  # fmt: skip
    assert "$I_{m} + A\\,B$ is invertible" in assumptions(result)
    here = push.setting
    U = Expr("symbol", shape=push.lhs.shape, value="U", tex="U")
    cited = here.prove(U, U, by=[push])  # in its own setting, too
    assert "$I_{n} + U\\,V$ is invertible" in assumptions(cited)


def test_an_unproved_result_cannot_be_cited(push):
    s = Setting("n")
    A, B = s.matrices("A: n; B: n")
    guess = s.derive(A).step(A, strict=False).result("a guess")
    guess.lines[1].status = "instances"
    with pytest.raises(StepError, match="not proved"):
        citing(s, guess)
    with pytest.raises(StepError, match="not proved"):
        citing(s, s.derive(A).result("nothing yet"))
    with pytest.raises(StepError, match="takes results"):
        citing(s, Equation(A, B, "a claim"))


def test_a_step_on_instances_only():
    """AB = I gives BA = I for square matrices, which no multiplication shows."""
    s = Setting("n")
    n = s.dimensions[0]
    A = s.matrices("A: n")
    B = s.matrices("B: n", sampler=inverse_of_a)
    s.assume(A * B, eye(n))
    with pytest.raises(StepError, match="was not proved"):
        s.prove(B * A, eye(n))
    kept = s.prove(B * A, eye(n), strict=False)
    assert kept.status == "instances"
    with pytest.raises(StepError, match="is instances, not proved"):
        s.prove(A * B * A, A, by=[kept])


def inverse_of_a(i):
    from matrixproof.judges.exact import Unusable

    if not i.matrices["A"].to_dense().det():
        raise Unusable("singular")
    return i.matrices["A"].to_dense().inv()


def test_lines_added_later_are_not_part_of_a_result():
    s = Setting("n")
    A, B = s.matrices("A: n; B: n")
    d = s.derive(A + B).step(B + A)
    result = d.result("sum")
    d.step(A + B)
    assert len(result.lines) == 2


def test_a_lemma_needs_its_hypotheses():
    s = Setting("n p")
    n, _p = s.dimensions
    X = s.full_rank("X: n,p")
    A = s.matrices("A: n,n", sampler=lambda i: _annihilator(i, "X"))
    s.assume(A * X, 0)
    kills = s.prove((A + eye(n)) * X, X).derivation.result("A kills X")
    here = Setting("m q")
    m, _q = here.dimensions
    Y = here.full_rank("Y: m,q")
    M = here.matrices("M: m")
    residual = eye(m) - Y * (Y.T * Y).I * Y.T
    with pytest.raises(StepError, match=r"assumes A X = 0"):
        citing(here, kills(A=M, X=Y))
    assert citing(here, kills(A=residual, X=Y)).status == "proved"
    with pytest.raises(StepError, match="needs a value for X"):
        citing(here, kills(A=residual))
    with pytest.raises(StepError, match="needs a value"):
        citing(here, kills)


def _annihilator(i, name):
    X = i.matrices[name]
    gram = (X.transpose() * X).to_dense()
    return (DomainMatrix.eye(X.shape[0], QQ).to_dense() - X * gram.inv() * X.transpose()).to_dense()


def test_an_unused_hypothesis_need_not_hold():
    s = Setting("n")
    A = s.matrices("A: n")
    Z = s.matrices("Z: n", sampler=lambda i: matrix([[0] * i.size(n)] * i.size(n)))
    n = s.dimensions[0]
    s.assume(Z, 0)
    square = s.prove(A * A, A**2)
    here = Setting("m")
    B = here.matrices("B: m")
    assert citing(here, square(A=B)).status == "proved"


def test_a_lemma_needs_sizes_that_fit(push):
    s = Setting("m q")
    A, B, C = s.matrices("A: m,q; B: m,q; C: m")
    with pytest.raises(StepError, match="V must be q x m, but B is m x q"):
        citing(s, push(U=A, V=B))
    with pytest.raises(StepError, match="must be"):
        citing(s, push(U=A, V=C))
    with pytest.raises(StepError, match="has no symbol W"):
        citing(s, push(U=A, V=A.T, W=C))
    with pytest.raises(StepError, match="is a number"):
        citing(s, push(U=A, V=2))


def test_a_lemma_with_the_wrong_transposition_does_not_help(push):
    s = Setting("m")
    (m,) = s.dimensions
    A, B = s.matrices("A: m; B: m")
    with pytest.raises(StepError, match="is false"):
        s.prove((eye(m) + A * B).I * A, A * (eye(m) + B.T * A).I, by=[push(U=A, V=B.T)])


def test_a_lemma_whose_divisor_vanishes_here():
    """(a - b) X = 0 gives X = 0 with a - b not zero; not for a = b = c."""
    s = Setting("n")
    n = s.dimensions[0]
    a, b = s.scalars("a b")
    A, _B = s.matrices("A: n; B: n")
    cancel = s.prove((a * A - b * A) / (a - b), A).derivation.result("cancel")
    here = Setting("m")
    c = here.scalars("c")
    M = here.matrices("M: m")
    N = here.matrices("N: m", sampler=lambda i: matrix([[0] * i.size(m)] * i.size(m)))
    m = here.dimensions[0]
    with pytest.raises(ProofError):
        citing(here, cancel(A=M, a=c, b=c))
    text = assumptions(citing(here, cancel(A=M, a=c, b=2 * c)))
    assert "-c \\neq 0" not in text  # -c is never zero, c > 0
    zeros = Setting("n")
    a, b = zeros.scalars("a b")
    X = zeros.matrices("X: n", sampler=lambda i: matrix([[0] * i.size(n)] * i.size(n)))
    zeros.assume((a - b) * X, 0)
    gone = zeros.prove(X, zero(n)).derivation.result("gone")
    with pytest.raises(StepError, match="holds on no exact instance"):
        citing(here, gone(X=M, a=c, b=c))
    here.assume(N, 0)
    f = here.scalars("f")
    assert "c - f \\neq 0" in assumptions(citing(here, gone(X=N, a=c, b=f)))


def test_positive_scalars_stay_positive():
    s = Setting("n")
    n = s.dimensions[0]
    a, b = s.scalars("a b")
    X = s.matrices("X: n", sampler=lambda i: matrix([[0] * i.size(n)] * i.size(n)))
    s.assume((a + b) * X, 0)
    gone = s.prove(X, zero(n)).derivation.result("gone")
    here = Setting("n")
    c = here.scalars("c")
    A = here.matrices("A: n")
    with pytest.raises(StepError, match="positive"):
        citing(here, gone(X=A, a=c, b=-c))
    with pytest.raises(StepError, match="not"):
        citing(here, gone(X=A, a=c, b=tr(A)))


def test_a_lemma_for_symmetric_matrices():
    s = Setting("n")
    V = s.positive_definite("V: n")
    lemma = s.prove(V.T, V).derivation.result("symmetry")
    here = Setting("n")
    A = here.matrices("A: n")
    W = here.positive_definite("W: n")
    with pytest.raises(StepError, match="symmetric"):
        citing(here, lemma(V=A))
    assert "positive definite" in assumptions(citing(here, lemma(V=A * A.T)))
    assert "A" not in assumptions(citing(here, lemma(V=W + W)))
    with pytest.raises(StepError, match="holds on no exact instance"):
        citing(here, lemma(V=-W))
    with pytest.raises(StepError, match="holds on no exact instance"):
        citing(here, lemma(V=zero(here.dimensions[0])))


def test_a_lemma_that_inverts_cannot_be_used_for_what_is_singular():
    s = Setting("n")
    A, B = s.matrices("A: n; B: n")
    lemma = s.derive(A - B).step(B * (B.I * A - B.I * B)).step(A - B).result("through an inverse")
    here = Setting("n p", where="n > p")
    X = here.full_rank("X: n,p")
    M = here.matrices("M: n")
    with pytest.raises(StepError, match="holds on no exact instance"):
        citing(here, lemma(A=M, B=X * X.T))
    assert "is invertible" in assumptions(citing(here, lemma(A=X * X.T, B=M)))


def test_a_lemma_about_expectations():
    s, A, K, _, _, e, _ = noisy()
    lemma = s.prove(expectation(e.T * A * e), tr(A * K * K.T)).derivation.result("mean")
    here = Setting("n")
    B, L, M = here.matrices("B: n; L: n; M: n")
    y, u, v = here.vectors("y: n; u: n; v: n")
    here.gaussian(u, L * L.T)
    here.gaussian(v, M * M.T)
    with pytest.raises(StepError, match="Gaussian"):
        citing(here, lemma(e=y, A=B, K=L))  # y is no random vector
    with pytest.raises(StepError, match="random"):
        citing(here, lemma(e=u, A=v * v.T, K=L))
    with pytest.raises(StepError, match="random"):
        citing(here, lemma(e=u, A=u * u.T, K=L))
    with pytest.raises(StepError, match="covariance"):
        citing(here, lemma(e=u, A=B, K=M))
    with pytest.raises(StepError, match="needs a value for K"):
        citing(here, lemma(e=u, A=B))
    assert citing(here, lemma(e=u, A=B, K=L)).status == "proved"


def test_independent_vectors_stay_apart():
    s, A, _, _, _, e, f = noisy()
    lemma = s.prove(expectation(e.T * A * f), 0).derivation.result("uncorrelated")
    here = Setting("n")
    B, L = here.matrices("B: n; L: n")
    u = here.vectors("u: n")
    here.gaussian(u, L * L.T)
    with pytest.raises(StepError, match="of its own"):
        citing(here, lemma(A=B, e=u, f=u, K=L, F=L))


def test_a_lemma_with_a_differential():
    """d(AB) = dA B holds where B is constant: it says nothing of d(AA)."""
    s = Setting("n")
    A, B = s.matrices("A: n; B: n")
    d = s.differential(A)
    lemma = s.prove(d(A * B), d(A) * B).derivation.result("half a product rule")
    here = Setting("n")
    M, N = here.matrices("M: n; N: n")
    moving = here.differential(M)
    with pytest.raises(StepError, match="needs a value for dA"):
        citing(here, lemma(A=M, B=M))
    cited = lemma(A=M, B=M, dA=N)
    with pytest.raises(StepError, match="is false"):
        here.prove(moving(M * M), moving(M) * M, by=[cited])
    assert not prove(here, moving(M * M), moving(M) * M,
                     (instantiate(here, cited)[0],)).proved  # fmt: skip


def test_conditions_on_the_dimensions_travel():
    s = Setting("n p", where="n > p")
    _n, _p = s.dimensions
    X = s.full_rank("X: n,p")
    lemma = s.prove(tr(X * X.T), tr(X.T * X)).derivation.result("tall")
    here = Setting("m q")
    A, B = here.matrices("A: m,q; B: m")
    with pytest.raises(StepError, match="assumes n > p"):
        citing(here, lemma(X=A))
    with pytest.raises(StepError, match="assumes n > p"):
        citing(here, lemma(X=B))
    tall = Setting("m q", where="m > q")
    A = tall.full_rank("A: m,q")
    assert citing(tall, lemma(X=A)).status == "proved"


# -- refutations -----------------------------------------------------------------------------
def test_counterexamples_must_satisfy_the_declarations():
    s = Setting("n p")
    S = s.symmetric("S: n")
    V = s.positive_definite("V: n")
    X = s.full_rank("X: n,p")
    a = s.scalars("a")
    for lhs, rhs, at in (
        (S.T, S, {"S": [[0, 1], [0, 0]]}),
        (V.T, V, {"V": [[1, 1], [0, 1]]}),
        (tr(V) + 1, tr(V), {"V": [[-1]]}),
        (tr(X.T * X) + 1, tr(X.T * X), {"X": [[0]]}),
        (lift(a), lift(a) + 1, {"a": -1}),
    ):
        with pytest.raises(RefutationError, match="not"):
            s.refute(lhs, rhs, at=at)
    with pytest.raises(ProofError, match="exact"):
        s.refute(tr(V), tr(V) + 1, at={"V": [[0.5]]})
    found = s.refute(tr(V), tr(V) + 1, at={"V": [["1/2"]]})
    assert found.status == "refuted"


def test_what_is_true_is_not_refuted():
    s = Setting("n")
    A, B = s.matrices("A: n; B: n")
    with pytest.raises(RefutationError, match="no counterexample"):
        s.refute((A * B).T, B.T * A.T)
    with pytest.raises(RefutationError):
        s.refute(A, A + B, at={"A": [[1]], "B": [[0]]})


def test_proved_and_refuted_is_a_crash(monkeypatch):
    s = Setting("n")
    A, B = s.matrices("A: n; B: n")
    for module in ("page.derivation", "page.refutation"):
        monkeypatch.setattr(f"matrixproof.{module}.prove", lambda *_, **__: _Yes())
    with pytest.raises(SoundnessError):
        check(s, A, B)
    with pytest.raises(SoundnessError):
        s.refute(A, B)


class _Yes:
    proved = True


# -- definiteness ----------------------------------------------------------------------------
def test_definiteness_is_never_wrong():
    """What the rule calls definite is so on every instance."""
    s = Setting("n p", where="n > p")
    n, p = s.dimensions
    V, W = s.positive_definite("V: n; W: n")
    S = s.symmetric("S: n")
    A, Z = s.matrices("A: n; Z: n,p")
    X = s.full_rank("X: n,p")
    G = s.positive_definite("G: p")
    a = s.scalars("a")
    c = s.scalars("c", positive=False)
    definite = [
        V, V + W, V.I, a * V, V / a, X.T * V * X, X.T * X, V + Z * G * Z.T, V + A.T * A, V * W * V,
        (X.T * V.I * X).I, eye(n), V + a * Z * Z.T, 2 * V, V + S * S, define("H", X.T * X),
    ]  # fmt: skip
    semidefinite = [Z * Z.T, A.T * A, X * X.T, Z * G * Z.T, S * S, S * V * S, A.T * V * A]
    unknown = [
        S, A, -V, V - W, c * V, V / c, V * W, A * V, S + V, -(V + W), A * A, A * V * A, V * S,
        (a - 1) * V, X.T * S * X, V + S, Z * Z.T - V, A.T * S * A, X.T * V * X - G, V.I - W.I,
    ]  # fmt: skip
    assert [definiteness(e, s) for e in definite] == ["positive definite"] * len(definite)
    assert [definiteness(e, s) for e in semidefinite] == ["positive semidefinite"] * 7
    assert [definiteness(e, s) for e in unknown] == [None] * len(unknown)
    for seed in range(8):
        instance = Instance(s, {n: 3, p: 2}, random.Random(seed))
        for e in definite:
            value = instance.evaluate(e)[0].to_Matrix()
            assert value.is_positive_definite
        for e in semidefinite:
            assert instance.evaluate(e)[0].to_Matrix().is_positive_semidefinite


# -- claims by entries -----------------------------------------------------------------------
def test_by_entries():
    t = sp.Symbol("t")
    assert by_entries((t + 1) ** 2, t**2 + 2 * t + 1).status == "by entries"
    with pytest.raises(StepError):
        by_entries((t + 1) ** 2, t**2 + 1)
    with pytest.raises(ProofError):
        by_entries(sp.Matrix([[1, 2]]), sp.Matrix([[1], [2]]))
    with pytest.raises(ProofError):
        by_entries(sp.Matrix(0, 0, []), sp.Matrix(0, 0, []))
    with pytest.raises(ProofError):
        by_entries(sp.Float("0.1") + sp.Float("0.2") - sp.Float("0.3"), 0)
    with pytest.raises(ProofError):
        by_entries(sp.nan, sp.nan)


# -- records ---------------------------------------------------------------------------------
@pytest.fixture
def recorded(monkeypatch, tmp_path):
    """Results are written to a folder of their own; gives a function that tampers with one."""
    monkeypatch.setenv(records.FOLDER, str(tmp_path))
    monkeypatch.setattr(records, "entered", {})
    monkeypatch.setenv(records.RECORD, "1")
    s = Setting("n k")
    n, k = s.dimensions
    U, V = s.matrices("U: n,k; V: k,n")
    s.derive((eye(n) + U * V).I * U).step(U * (eye(k) + V * U).I).named("push", "Push-through")
    monkeypatch.delenv(records.RECORD)

    def change(edit):
        path = tmp_path / "push.json"
        data = json.loads(path.read_text(encoding="utf-8"))
        edit(data)
        path.write_text(json.dumps(data), encoding="utf-8")

    return change


def test_recall_proves_anew(recorded):
    result = recall("push")
    assert isinstance(result, Result)
    assert result.status == "proved"
    s = Setting("m")
    A, B = s.matrices("A: m; B: m")
    assert citing(s, result(U=A, V=B)).status == "proved"


def swap_sign(tree):
    """The first sum in a tree becomes a difference."""
    if tree[0] == "add":
        tree[1][1] = ["neg", [tree[1][1]], tree[1][1][2], None, None]
        return True
    return any(swap_sign(x) for x in tree[1])


def set_shape(tree):
    if tree[0] == "mul":
        tree[2] = ["k", "n"]
        return True
    return any(set_shape(x) for x in tree[1])


TAMPERING = {
    "a sign": lambda r: swap_sign(r["lines"][1]["tree"]),
    "a false line": lambda r: r["lines"][1].update(tree=["symbol", [], ["n", "k"], "U", "U"]),
    "a shape": lambda r: set_shape(r["lines"][1]["tree"]),
    "a line of another size": lambda r: r["lines"][1].update(
        tree=["symbol", [], ["k", "n"], "V", "V"]
    ),
    "the statement": lambda r: r.update(statement="U = V"),
    "the status": lambda r: r.update(status="instances"),
    "an unknown symbol": lambda r: r["lines"][1].update(tree=["symbol", [], ["n", "k"], "W", "W"]),
    "an unknown node": lambda r: r["lines"][1].update(tree=["magic", [], ["n", "k"], None, None]),
    "no second line": lambda r: r.update(lines=r["lines"][:1]),
    "no lines": lambda r: r.update(lines=[]),
    "a part too few": lambda r: r["lines"][1].update(
        tree=["mul", [["symbol", [], ["n", "k"], "U", "U"]], ["n", "k"], None, None]
    ),
    "a lemma": lambda r: r["lines"][1].update(lemmas=["push"]),
    "an impossible assumption": lambda r: r["setting"]["hypotheses"].append(
        [["eye", [], ["n", "n"], None, None], ["zero", [], ["n", "n"], None, None], "I = 0"]
    ),
}


@pytest.mark.parametrize("what", TAMPERING)
def test_a_tampered_record_is_refused(recorded, what):
    recorded(TAMPERING[what])
    with pytest.raises((ProofError, StepError)):
        recall("push")


def test_results_that_recall_each_other(recorded):
    with (proving_again("pull"), proving_again("push"),
          pytest.raises(ProofError, match="circular: pull -> push -> push")):  # fmt: skip
        recall("push")
    assert recalling() == ()


def test_there_is_no_such_record(recorded):
    for name in ("pull", "../push", ""):
        with pytest.raises(ProofError):
            recall(name)


def test_records_keep_everything(monkeypatch, tmp_path):
    """Differentials, scalars of any sign, definitions, blocks and expectations come back."""
    monkeypatch.setenv(records.FOLDER, str(tmp_path))
    monkeypatch.setattr(records, "entered", {})
    monkeypatch.setenv(records.RECORD, "1")
    s = Setting("n p", where="n > p")
    n, p = s.dimensions
    V = s.positive_definite("V: n")
    K = s.matrices("K: n")
    e = s.vectors("e: n")
    t = s.scalars("t")
    c = s.scalars("c", positive=False)
    s.gaussian(e, K * K.T)
    d = s.differential(V, t)
    P = define("P", (t * V).I)
    claims = {
        "a-differential": (d(logdet(P)), -tr(P * d(t * V))),
        "a-block": (tr(block([[c * V, 0], [0, eye(p)]])), c * tr(V) + p),
        "a-mean": (expectation(e.T * V * e) / (n - p), tr(V * K * K.T) / (n - p)),
    }
    for name, (lhs, rhs) in claims.items():
        first = s.derive(lhs).step(rhs).named(name, name)
        again = recall(name)
        assert again.statement() == first.statement()
        assert again.lhs.key() == first.lhs.key()
        assert again.derivation.all_assumptions() == first.derivation.all_assumptions()


def test_a_tampered_differential_is_refused(monkeypatch, tmp_path):
    """A record in which d moves V by zero would show d(V^-1) = 0."""
    monkeypatch.setenv(records.FOLDER, str(tmp_path))
    monkeypatch.setattr(records, "entered", {})
    monkeypatch.setenv(records.RECORD, "1")
    s = Setting("n")
    V = s.positive_definite("V: n")
    d = s.differential(V)
    s.derive(d(V.I)).step(-(V.I * d(V) * V.I)).named("step", "d(V^-1)")
    path = tmp_path / "step.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    nothing = ["zero", [], ["n", "n"], None, None]

    def tamper(tree):
        if tree[0] == "d":
            tree[3]["table"]["V"] = nothing
        for x in tree[1]:
            tamper(x)

    for line in data["lines"]:
        tamper(line["tree"])
    data["lines"][1]["tree"] = nothing
    data["statement"] = "d[inv(V)] = 0"
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(ProofError, match="is not how"):
        recall("step")


def test_sizes_must_be_positive():
    """Were n - p taken as positive because of A, 1/(n - p) would need no assumption."""
    s = Setting("n p")
    n, p = s.dimensions
    with pytest.raises(ShapeError, match="not known to be positive"):
        s.matrices("A: n,n-p")
    with pytest.raises(ShapeError, match="not known to be positive"):
        s.prove(tr(eye(n - p)), lift(n - p))
    chain = Setting("n p k", where="n > p, p > k")
    n, p, k = chain.dimensions
    assert chain.matrices("A: n,n-k").shape == (n, n - k)
    assert chain.prove(tr(eye(n - k)), lift(n - k)).status == "proved"


def test_lemmas_about_numbers_given_as_matrices():
    """y'Ay = c as a 1 x 1 matrix on one side, a number on the other."""
    s = Setting("n")
    A = s.matrices("A: n")
    y, z = s.vectors("y: n; z: n")
    flip = s.prove(y.T * A * z, tr(z.T * A.T * y))
    assert s.prove(log(y.T * A * z), log(z.T * A.T * y), by=[flip]).status == "proved"
    turned = s.prove(tr(A * z * y.T), y.T * A * z)
    assert s.prove(y.T * A * z, z.T * A.T * y, by=[turned]).status == "proved"
    with pytest.raises(StepError, match="is false"):
        s.prove(y.T * A * z, z.T * A * y, by=[flip, turned])


# -- the two roads know nothing of each other --------------------------------------------------
def test_a_wrong_rule_of_differentiation_would_be_refuted(monkeypatch):
    """The instances expand a series: they do not use the rule for inverses."""
    from matrixproof.algebra import translation

    s = Setting("n")
    A = s.matrices("A: n")
    d = s.differential(A)

    def wrong(e, along):
        return e.args[0].I * along(e.args[0]) if e.op == "inverse" else honest(e, along)

    honest = translation.differentiate
    monkeypatch.setattr(translation, "differentiate", wrong)
    claim = (d(A.I), A.I.args[0].I * d(A))
    assert prove(s, *claim).proved
    assert search(s, *claim)[0] is not None
    with pytest.raises(SoundnessError):
        check(s, *claim)


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
