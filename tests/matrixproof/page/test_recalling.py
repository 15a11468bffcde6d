"""Records bring results back, and a record that was tampered with proves nothing."""

import json

import pytest

from matrixproof import (
    ProofError,
    Setting,
    StepError,
    block,
    define,
    expectation,
    eye,
    logdet,
    recall,
    tr,
)
from matrixproof.page import records
from matrixproof.page.derivation import Result
from matrixproof.recalling import proving_again, recalling
from proof_helpers import citing


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
