"""What a proof takes for granted is told, and holds somewhere, or nothing is proved."""


import pytest

from matrixproof import (
    ProofError,
    Setting,
    StepError,
    UntestedError,
    check,
    det,
    eye,
    lift,
    log,
    logdet,
    tr,
    zero,
)
from matrixproof.judges.exact import matrix
from matrixproof.search import prover
from matrixproof.search.prover import Equation, prove
from proof_helpers import assumptions


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


def test_a_search_that_takes_far_too_long_proves_nothing(monkeypatch):
    s = Setting("n")
    A, B = s.matrices("A: n; B: n")
    lemma = (Equation(tr(A), tr(B), "lemma"),)
    assert prove(s, 2 * tr(A), 2 * tr(B), lemma).proved
    monkeypatch.setattr(prover, "PATIENCE", -2)
    found = prove(s, 2 * tr(A), 2 * tr(B), lemma)
    assert not found.proved and found.why_not == "out of time"
