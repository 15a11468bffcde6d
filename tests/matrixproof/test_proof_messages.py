"""Each typed mistake gives one clear message, and an ordinary line is checked quickly."""

import time

import pytest
import sympy as sp

from matrixproof import (
    ProofError,
    Setting,
    ShapeError,
    StepError,
    UnknownSymbolError,
    block,
    define,
    det,
    expectation,
    eye,
    lift,
    log,
    logdet,
    tr,
    zero,
)
from matrixproof.search.prover import prove
from proof_bank import BANK

s = Setting("n p", where="n > p")
n, p = s.dimensions
A, B = s.matrices("A: n; B: n")
X = s.full_rank("X: n,p")
V = s.positive_definite("V: n")
y, b = s.vectors("y: n; b: p")
c = s.scalars("c")
K = s.matrices("K: n")
e = s.vectors("e: n")
s.gaussian(e, K * K.T)
H = X.T * V.I * X

SHAPES = {
    "a product": (lambda: X * V, r"cannot multiply X \(n x p\) by V \(n x n\).*p and n differ"),
    "a forgotten transpose": (lambda: X * y, r"did you mean \(X\)\.T \* y\?"),
    "a transposed vector": (lambda: y.T * X.T, r"did you mean y' \* \(X'\)\.T\?"),
    "a row for a column": (lambda: A * y.T, r"A \(n x n\) by y' \(1 x n\)"),
    "a sum": (lambda: A + X, r"cannot add A \(n x n\) and X \(n x p\): the sizes differ"),
    "a matrix plus a number": (lambda: A + 1, r"cannot add A \(n x n\) and 1 \(scalar\)"),
    "an inverse": (lambda: X.I, "X is n x p: only square matrices have inverses"),
    "a trace": (lambda: tr(X), r"trace of X \(n x p\): it must be square"),
    "a determinant": (lambda: det(X), "it must be square"),
    "the log of a matrix": (lambda: log(A), "A is n x n, not a scalar"),
    "the mean of a matrix": (lambda: expectation(e * e.T), "e e' is n x n, not a scalar"),
    "a matrix below": (lambda: A / B, "cannot divide by B, which is n x n: multiply by an inverse"),
    "zero below": (lambda: A / 0, "A is divided by zero"),
    "a float": (lambda: 0.5 * A, r"0.5 is a float: write exact numbers"),
    "a SymPy float": (lambda: sp.Float(2) * A, "is a float"),
    "infinity": (lambda: sp.oo * tr(A), "not a number"),
    "a text": (lambda: A * "B", "neither an expression nor an exact number"),
    "a truth value": (lambda: A * (A == A), "neither an expression nor an exact number"),
    "a power of a rectangle": (lambda: X**2, "X is n x p: it has no powers"),
    "a negative power": (lambda: A**-1, "write an inverse as .I"),
    "the transpose of a number": (lambda: c.T, "c is a scalar: it has no transpose"),
    "a size": (lambda: eye(sp.Rational(1, 2)), "1/2 is not a number of rows"),
    "no rows": (lambda: zero(n - n, n), "0 is not a number of rows"),
    "blocks": (lambda: block([[A, X], [X, A]]), r"block \(2,1\) X is n x p, but its row"),
    "rows of blocks": (lambda: block([[A], [A, A]]), "equally many"),
    "both sides": (lambda: s.prove(A, X), r"left side is n x n, the right side n x p"),
    "an assumption": (lambda: s.assume(A, X), "cannot assume A = X"),
    "an assumed number": (lambda: s.assume(tr(A), 0), "is a scalar"),
}


@pytest.mark.parametrize("what", SHAPES)
def test_shapes(what):
    make, message = SHAPES[what]
    with pytest.raises(ShapeError, match=message):
        make()


def test_a_transposed_vector_in_a_line():
    with pytest.raises(ShapeError, match="the left side is n x 1, the right side 1 x n"):
        s.prove(X * b, (X * b).T)


DECLARATIONS = {
    "an unknown size": (lambda: s.matrices("M: n,q"), "'q' uses q, which is not a dimension"),
    "a size that may be negative": (lambda: Setting("n p").matrices("M: n,n-p"), "where='n > p'"),
    "half a size": (lambda: s.matrices("M: n/2"), "n/2 is not a number of rows"),
    "no size": (lambda: s.matrices("M"), "write a name and a size, 'X: n,p'"),
    "three sizes": (lambda: s.matrices("M: n,p,n"), "write a name and a size"),
    "two sizes of a vector": (lambda: s.vectors("m: n,p"), "a vector has one size"),
    "a bad name": (lambda: s.matrices("1M: n"), "'1M' is no name"),
    "a word of Python": (lambda: s.scalars("lambda"), "'lambda' is no name"),
    "a symmetric rectangle": (lambda: s.symmetric("M: n,p"), "a symmetric matrix is square"),
    "a name taken": (lambda: s.matrices("A: p"), "A is declared already"),
    "no dimensions": (lambda: Setting(""), "at least one dimension"),
    "a condition": (lambda: Setting("n p", where="n is large"), "cannot read the condition"),
    "a condition on nothing": (lambda: Setting("n", where="n > q"), "q in 'n > q' is not a"),
    "a chain": (lambda: Setting("n p k", where="n > p > k"), "cannot read the condition"),
}


@pytest.mark.parametrize("what", DECLARATIONS)
def test_declarations(what):
    make, message = DECLARATIONS[what]
    with pytest.raises(ProofError, match=message):
        make()


def test_unknown_symbols():
    other = Setting("n p")
    M = other.matrices("M: n")
    with pytest.raises(UnknownSymbolError, match=r"M is not a symbol of this setting \(it has A"):
        s.prove(A + M, M + A)
    with pytest.raises(UnknownSymbolError, match="t is not a scalar or dimension"):
        s.prove(A * sp.Symbol("t"), A)


def test_a_false_line():
    with pytest.raises(StepError) as caught:
        s.derive((A * B).T).step(A.T * B.T, "transpose")
    text = str(caught.value)
    assert text.startswith("line 1 is false (transpose)\n  (A B)'\n  is not equal to\n  A' B'\n")
    assert "smallest exact counterexample found:\n  n = 2" in text
    assert "left side  = [[" in text
    assert "right side = [[" in text


def test_a_counterexample_to_an_expectation():
    """It shows the covariance of a Gaussian vector, whose own value is integrated out."""
    s = Setting("n")
    (_n,) = s.dimensions
    K, e = s.matrices("K: n"), s.vectors("e: n")
    s.gaussian(e, K * K.T)
    shown = s.refute(expectation(e.T * e), tr(K)).counterexample
    assert set(shown.matrices) == {"K"}
    shown = s.refute(expectation(e.T * e), e.T * e).counterexample
    assert set(shown.matrices) == {"K", "e"}


def test_the_number_of_the_false_line():
    d = s.derive(A + B).step(B + A)
    with pytest.raises(StepError, match="line 2 is false"):
        d.step(B - A)
    assert len(d.lines) == 2


def test_a_line_that_is_not_proved():
    t = Setting("n")
    (m,) = t.dimensions
    M = t.matrices("M: n")
    R = t.matrices("R: n", sampler=right_inverse)
    t.assume(M * R, eye(m))
    with pytest.raises(StepError) as caught:
        t.derive(R * M).step(eye(m), "inverses are two-sided")
    text = str(caught.value)
    assert text.startswith("line 1 is true on 6 exact instances but was not proved for all n (inve")
    assert "split it into smaller steps, cite a result with by=..." in text


def right_inverse(i):
    from matrixproof.judges.exact import Unusable

    if not i.matrices["M"].to_dense().det():
        raise Unusable("singular")
    return i.matrices["M"].to_dense().inv()


def test_scalars_before_matrices():
    with pytest.raises(ProofError, match=r"tr\(A\) stands before a matrix"):
        s.prove(tr(A) * B, B * tr(A))
    with pytest.raises(ProofError, match="only rational expressions"):
        prove(s, lift(c.value**n) * A, A)


def test_an_inverse_of_blocks():
    whole = block([[A, X], [X.T, eye(p)]])
    with pytest.raises(ProofError, match="write the inverse as a block matrix of its own"):
        s.prove(whole.I * whole, eye(n + p))


# -- speed -----------------------------------------------------------------------------------
def seconds(work):
    start = time.process_time()
    work()
    return time.process_time() - start


def test_an_ordinary_line_is_quick():
    """Well under a second; the bound is for a slow, busy machine."""
    lines = ["push-through", "PVP = P", "Py = V^-1(y-Xb)", "V^-1 Woodbury", "dP = -P dV P",
             "tr PV = n-p", "d log|X'V^-1X|", "Henderson row 2"]  # fmt: skip
    for name in lines:
        q = BANK[name]
        assert seconds(lambda q=q: q.setting.prove(q.lhs, q.rhs)) < 2.0, name


def test_the_reml_score_is_quick():
    """All its lines together: under two seconds, with room for a slow machine."""
    t = Setting("n p", where="n > p")
    W = t.positive_definite("V: n")
    Z = t.full_rank("X: n,p")
    v = t.vectors("y: n")
    d = t.differential(W)
    M = Z.T * W.I * Z
    P = define("P", W.I - W.I * Z * M.I * Z.T * W.I)

    def derive():
        return (
            t.derive(d(-(logdet(W) + logdet(M) + v.T * P * v) / 2))
            .step(-(d(logdet(W)) + d(logdet(M)) + d(v.T * P * v)) / 2, "d is linear")
            .step(-(tr(W.I * d(W)) + d(logdet(M)) + d(v.T * P * v)) / 2, "Jacobi")
            .step(-(tr(W.I * d(W)) - tr(M.I * Z.T * W.I * d(W) * W.I * Z) + d(v.T * P * v)) / 2,
                  "Jacobi, and the differential of an inverse")
            .step(-(tr(P * d(W)) + d(v.T * P * v)) / 2, "collect the traces")
            .step(-(tr(P * d(W)) - v.T * P * d(W) * P * v) / 2, "$dP = -P dV P$")
        )  # fmt: skip

    assert seconds(derive) < 5.0
    assert derive().status == "proved"
