"""Attempts to have a wrong trace, determinant or logarithm accepted, each of which fails."""


import pytest
import sympy as sp

from matrixproof import (
    ProofError,
    Setting,
    ShapeError,
    UntestedError,
    as_scalar,
    block,
    check,
    define,
    det,
    eye,
    lift,
    log,
    logdet,
    tr,
    zero,
)
from matrixproof.judges.kernel import follows
from matrixproof.language.signs import may_vanish
from matrixproof.search.prover import prove
from proof_helpers import unknowns, x, y


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
