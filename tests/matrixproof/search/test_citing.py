"""A result that is cited brings along all that it assumes."""


import pytest
from sympy.polys.matrices import DomainMatrix

from matrixproof import ProofError, Setting, StepError, expectation, eye, log, tr, zero
from matrixproof.judges.exact import QQ, matrix
from matrixproof.language.expressions import Expr
from matrixproof.search.citing import instantiate
from matrixproof.search.prover import Equation, prove
from proof_helpers import assumptions, citing, noisy


@pytest.fixture
def push():
    s = Setting("n k")
    n, k = s.dimensions
    U, V = s.matrices("U: n,k; V: k,n")
    return s.prove((eye(n) + U * V).I * U, U * (eye(k) + V * U).I).derivation.result("push-through")


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
