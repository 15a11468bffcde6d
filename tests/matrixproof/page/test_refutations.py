"""False claims are refuted, true ones are not."""


import pytest

from matrixproof import ProofError, RefutationError, Setting, SoundnessError, check, lift, tr


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
