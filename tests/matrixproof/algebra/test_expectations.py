"""Gaussian expectations: the moments, and what must not be taken for constant."""


import pytest

from matrixproof import (
    ProofError,
    Setting,
    ShapeError,
    as_scalar,
    check,
    expectation,
    eye,
    lift,
    logdet,
    tr,
)
from matrixproof.judges.exact import QQ
from matrixproof.search.prover import prove
from proof_helpers import assumptions, noisy


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
