"""Differentials move what they say, and wrong rules are found by the exact instances."""


import pytest

from matrixproof import ProofError, Setting, SoundnessError, check, define, lift, logdet, tr, zero
from matrixproof.judges.counterexamples import search
from matrixproof.search.prover import prove


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
