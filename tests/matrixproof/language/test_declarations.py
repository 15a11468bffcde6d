"""Names and sizes mean one thing in a setting."""


import pytest
import sympy as sp

from matrixproof import (
    ProofError,
    Setting,
    ShapeError,
    StepError,
    UnknownSymbolError,
    check,
    define,
    eye,
    lift,
    tr,
    zero,
)


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
