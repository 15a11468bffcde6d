"""The bank, made wrong in every single place: no wrong statement gets through.

A seeded sample runs by default; MATRIXPROOF_ALL_MUTANTS=1 runs all, about 9,600 statements, in ten
minutes of processor time.
"""

import os
import random

import pytest

from matrixproof import Setting, block, define, det, expectation, eye, lift, logdet, tr, zero
from matrixproof.language.printing import plain
from matrixproof.slips.derivations import (
    by_signs,
    by_similarity,
    by_squares,
    judge,
    mutants,
    mutate,
)
from proof_bank import BANK

ALL = bool(os.environ.get("MATRIXPROOF_ALL_MUTANTS"))
SAMPLE = 3  # mutants of each statement

# True statements that the prover does not prove: (statement, side, mutant) and the reason.
SURVIVORS: dict[tuple[str, str, str], str] = {}


def all_mutants(q):
    for m in mutants(q.rhs, q.setting):
        yield "right", m, q.lhs, m.expression
    for m in mutants(q.lhs, q.setting):
        yield "left", m, m.expression, q.rhs


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", BANK)
def test_mutants(name):
    q = BANK[name]
    jobs = list(all_mutants(q))
    assert jobs
    if not ALL:
        jobs = random.Random(name).sample(jobs, min(SAMPLE, len(jobs)))
    by = q.by()
    survivors = [
        (name, side, str(m))
        for side, m, lhs, rhs in jobs
        if judge(q.setting, lhs, rhs, by) == "instances"  # SoundnessError is not caught
    ]
    assert [x for x in survivors if x not in SURVIVORS] == []


def test_survivors_are_of_the_bank():
    for name, side, text in SURVIVORS:
        assert (side, text) in [(s, str(m)) for s, m, _, _ in all_mutants(BANK[name])]


# -- the mutants themselves ------------------------------------------------------------------
s = Setting("n p", where="n > p")
n, p = s.dimensions
A, B = s.matrices("A: n; B: n")
X, Z = s.matrices("X: n,p; Z: n,p")
V = s.positive_definite("V: n")
y = s.vectors("y: n")


def texts(e, kind):
    return {plain(m.expression) for m in mutants(e, s) if m.kind == kind}


SLIPS = [
    ("sign", A - B, {"A + B", "-A - B", "-(A - B)"}),
    ("sign", lift(n - p), {"n + p", "-(n - p)", "-n - p"}),
    ("factor 2", A.T - B, {"2 A' - B", "A' - 2 B", "2 (A' - B)"}),
    ("factor 2", logdet(A), {"2 logdet(A)", "logdet(2 A)"}),
    ("factor 1/2", tr(A), {"tr(A) / 2"}),
    ("transpose", A.T * B, {"A B", "A' B'"}),
    ("transpose", A.T.I, {"inv(A)", "inv(A')'"}),
    ("transpose", V.I * A, {"inv(V)' A", "inv(V) A'"}),
    ("swapped", A * B, {"B A"}),
    ("swapped", X.T * V * A * X, {"X' A V X"}),
    ("dropped inverse", X.T * V.I * X, {"X' V X"}),
    ("dropped factor", A * B, {"A", "B"}),
    ("dropped factor", X.T * V.I * X, {"X' X"}),
    ("dropped term", A + B - V, {"B - V", "A - V", "A + B"}),
    ("dropped term", lift(n - p), {"n", "-p"}),
    ("off by one", lift(n - p), {"n - p + 1", "n - p - 1"}),
    ("off by one", A**2, {"A^3", "A^1"}),
    ("wrong symbol", X.T * A, {"Z' A", "X' B", "X' V"}),
    ("added inverse", A * X, {"A inv(V) X"}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "e", "expected"), SLIPS, ids=lambda x: str(x)[:40])
def test_slips(kind, e, expected):
    found = texts(e, kind)
    assert expected <= found, found


@pytest.mark.parametrize("e", [
    A * B - V, tr(A * B) / (n - p), logdet(X.T * V.I * X) - lift(n), det(A) ** 2,
    block([[A, X], [X.T, eye(p)]]), y.T * A * y + 1, zero(n, p) + X,
], ids=plain)  # fmt: skip
def test_mutants_are_of_the_same_size_and_all_different(e):
    found = mutants(e, s)
    keys = [m.expression.key() for m in found]
    assert len(set(keys)) == len(keys) > 5
    assert e.key() not in keys
    for m in found:
        assert m.expression.shape == e.shape
        s.check_symbols(m.expression)


def test_the_mutants_of_a_derivation():
    d = s.derive((A * B).T).step(B.T * A.T, "reverse").step((A * B).T, "and back")
    outcomes = list(mutate(d))
    assert {o.line for o in outcomes} == {1, 2}
    assert {o.status for o in outcomes} == {"refuted"}
    some = list(mutate(d, chosen=[0, 3]))
    assert [str(o.mutant) for o in some] == [str(outcomes[i].mutant) for i in (0, 3)]


def test_equivalent_mutants_are_proved():
    d = s.derive(tr(A)).step(tr(A.T))
    status = {str(o.mutant): o.status for o in mutate(d)}
    assert status["transpose: tr(A)"] == "proved"
    assert status["transpose: tr(A'')"] == "proved"
    assert status["factor 2: 2 tr(A')"] == "refuted"


def test_nonsense_is_rejected():
    t = Setting("n")
    M, K = t.matrices("M: n; K: n")
    e = t.vectors("e: n")
    t.gaussian(e, K * K.T)
    assert judge(t, M, (M - M).I) == "rejected"
    random_inverse = tr((eye(t.dimensions[0]) + e * e.T).I)
    assert judge(t, expectation(random_inverse), random_inverse) == "rejected"


def test_a_mutant_that_equals_the_proved_line():
    """Without a certificate of its own, but equal to the line, or similar under the determinant."""
    t = s.scalars("t")
    line = det(A * (eye(n) + t * A.I * B))
    start = det(A + t * B)
    for mutant in (
        det(A.T * (eye(n) + t * A.I * B)),
        det((eye(n) + t * A.I * B) * A),
        det(A * (eye(n) + t * B * A.I)),
        det(A) * det(eye(n) + t * B * A.I),
    ):
        assert judge(s, start, mutant) in ("instances", "proved")
        assert judge(s, start, mutant, (), line) == "proved"
    assert judge(s, start, det(A * (eye(n) - t * B * A.I)), (), line) == "refuted"


# -- mutants that are proved by other means -----------------------------------------------------
def stretched():
    """B = I + (x - 1) FF' with F'F = I, and the same with -x for x, whose square is that of B."""
    from matrixproof.judges.samplers import sample_orthonormal

    t = Setting("n k", where="n >= k")
    n, k = t.dimensions
    F = t.matrices("F: n,k", sampler=lambda draw: sample_orthonormal(
        draw, draw.size(n), draw.size(k)))  # fmt: skip
    K = t.matrices("K: n")
    x = t.scalars("x")
    t.assume(F.T * F, eye(k))
    B, C = (define("B", eye(n) + (sign * x - 1) * F * F.T) for sign in (1, -1))
    return t, F, K, B, C


def test_a_factor_of_the_same_square_has_the_same_log_determinant():
    t, _, K, B, C = stretched()
    for line in (lambda M: logdet(M), lambda M: logdet(2 * K * M * K) + logdet(M) / 2):
        assert by_squares(t, line(B), line(C), [])
        assert judge(t, line(B), line(C), (), line(B)) == "proved"


def test_squares_prove_nothing_outside_a_log_determinant():
    t, F, K, B, C = stretched()
    lines = [
        lambda M: det(M),
        lambda M: logdet(M) + tr(M),
        lambda M: logdet(M + K),
        lambda M: logdet(F.T * M * F),
        lambda M: logdet(F.T * M * F) + logdet(M),
    ]
    for line in lines:
        assert not by_squares(t, line(B), line(C), [])
    other = define("B", 2 * B.args[0])
    assert not by_squares(t, logdet(B), logdet(other), [])
    assert not by_squares(t, logdet(B), logdet(C) + 1, [])


def test_the_sign_of_a_block_column_is_the_sign_of_no_product_with_itself():
    t = Setting("n p q")
    _, p, q = t.dimensions
    X, B = t.matrices("X: n,p; B: n,q")

    def stacked(X, B, one):
        return define("A", block([[X, B], [zero(q, p), one * eye(q)]]))

    A = stacked(X, B, 1)
    for E in (stacked(-X, B, 1), stacked(X, -B, -1), stacked(-X, -B, -1)):
        assert by_signs(t, logdet(A.T * A), logdet(E.T * E), [])
        assert judge(t, logdet(A.T * A), logdet(E.T * E), (), logdet(A.T * A)) == "proved"
    E = stacked(2 * X, B, 1)
    assert not by_signs(t, logdet(A.T * A), logdet(E.T * E), [])
    E, corner = stacked(-X, B, 1), block([[zero(p, p), X.T * B], [zero(q, p), zero(q, q)]])
    assert not by_signs(t, tr(corner * A.T * A), tr(corner * E.T * E), [])
    assert not by_signs(t, A, E, [])
    assert not by_signs(t, det(A.T * A), det(E.T * A), [])


def test_similar_matrices_have_the_same_determinant():
    w = Setting("n")
    D, K = w.matrices("D: n; K: n")
    for f in (det, logdet):
        assert by_similarity(w, f(D) + tr(K.I), f(K.I * D * K) + tr(K.I), [])
        assert not by_similarity(w, f(D) + tr(K.I), f(K.I * D * K * K) + tr(K.I), [])
        assert not by_similarity(w, f(D) + tr(K.I), f(D) + f(K.I), [])
