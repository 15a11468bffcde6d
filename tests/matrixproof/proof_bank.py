"""Statements of the field that the prover must prove: what `test_proof_bank` and mutation run on.

Each stands in a setting of its own subject. Most are proved in one step; the few that are not cite
lemmas, which are proved here as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy as sp
from sympy.polys.matrices import DomainMatrix

from matrixproof import (
    Expr,
    Lemma,
    Result,
    Setting,
    as_scalar,
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
from matrixproof.judges.exact import QQ, Unusable, matrix
from matrixproof.judges.instances import Instance
from matrixproof.judges.samplers import draw


def no_lemmas() -> tuple[Lemma | Result, ...]:
    return ()


@dataclass(frozen=True)
class Statement:
    """lhs = rhs in a setting, and the lemmas that its proof cites."""

    name: str
    setting: Setting
    lhs: Expr
    rhs: Expr
    by: Callable[[], tuple[Lemma | Result, ...]] = no_lemmas


BANK: dict[str, Statement] = {}


def add(name: str, setting: Setting, lhs: Any, rhs: Any, by: Any = no_lemmas) -> None:
    assert name not in BANK, name
    BANK[name] = Statement(name, setting, lift(lhs), lift(rhs), by)


# -- samplers --------------------------------------------------------------------------------
def ones(name: str) -> Callable[[Instance], DomainMatrix]:
    return lambda i: matrix([[1]] * i.size(i.setting.dims[name]))


def unit(position: int) -> Callable[[Instance], DomainMatrix]:
    def sample(i: Instance) -> DomainMatrix:
        n = i.size(i.setting.dims["n"])
        return matrix([[int(r == position % n)] for r in range(n)])

    return sample


def shift(i: Instance) -> DomainMatrix:
    n = i.size(i.setting.dims["n"])
    return matrix([[int(r == c + 1) for c in range(n)] for r in range(n)])


def left_inverse(i: Instance) -> DomainMatrix:
    """Some L with LX = I."""
    x = i.matrices["X"]
    gram = (x.transpose() * x).to_dense()
    if not gram.det():
        raise Unusable("X has no full column rank")
    one = gram.inv() * x.transpose()
    free = draw(i, x.shape[1], x.shape[0])
    return one + free * (DomainMatrix.eye(x.shape[0], QQ).to_dense() - x * one)


def balanced_groups(i: Instance) -> DomainMatrix:
    k, m = (i.size(i.setting.dims[x]) for x in "km")
    return matrix([[int(r // m == j) for j in range(k)] for r in range(k * m)])


def groups(i: Instance) -> DomainMatrix:
    """Units in groups of any sizes, none empty."""
    n, k = (i.size(i.setting.dims[x]) for x in "nk")
    if n < k:
        raise Unusable("more groups than units")
    home = [r if r < k else i.rng.randrange(k) for r in range(n)]
    return matrix([[int(home[r] == j) for j in range(k)] for r in range(n)])


def one_way_root(i: Instance) -> DomainMatrix:
    """sa ZZ' + se I = [sqrt(sa) Z, sqrt(se) I] times its transpose."""
    ra, re = (
        QQ.from_sympy(sp.sqrt(QQ.to_sympy(i.scalars[i.setting.scalar_symbols[x]])))
        for x in ("sa", "se")
    )
    z = i.matrices["Z"]
    return (z * ra).hstack(DomainMatrix.eye(z.shape[0], QQ).to_dense() * re)


# -- general matrix algebra ------------------------------------------------------------------
def general() -> None:
    s = Setting("n k p")
    n, k, p = s.dimensions
    A, B, U, V, C, _ = s.matrices("A: n; B: n; U: n,k; V: k,n; C: k; D: k")
    u, v = s.vectors("u: n; v: n")
    X = s.full_rank("X: n,p")
    I, Ik = eye(n), eye(k)
    S = C - V * A.I * U
    add("inverse of a product", s, (A * B).I, B.I * A.I)
    add("push-through", s, (I + U * V).I * U, U * (Ik + V * U).I)
    add("Woodbury", s, (A + U * C * V).I, A.I - A.I * U * (C.I + V * A.I * U).I * V * A.I)
    add("Woodbury (no C inverse)", s,
        (A + U * C * V).I, A.I - A.I * U * C * (Ik + V * A.I * U * C).I * V * A.I)  # fmt: skip
    add("Sherman-Morrison", s,
        (A + u * v.T).I, A.I - A.I * u * (eye(1) + v.T * A.I * u).I * v.T * A.I)  # fmt: skip
    add("A^-1 - B^-1", s, A.I - B.I, A.I * (B - A) * B.I)
    add("Hua", s, A - (A.I + (B.I - A).I).I, A * B * A)
    add("parallel sum", s, (A.I + B.I).I, A * (A + B).I * B)
    add("block inverse (1,1)", s, A * (A.I + A.I * U * S.I * V * A.I) + U * (-(S.I * V * A.I)), I)
    add("block inverse (1,2)", s, A * (-(A.I * U * S.I)) + U * S.I, zero(n, k))
    add("block inverse (2,1)", s,
        V * (A.I + A.I * U * S.I * V * A.I) + C * (-(S.I * V * A.I)), zero(k, n))  # fmt: skip
    add("block inverse (2,2)", s, V * (-(A.I * U * S.I)) + C * S.I, Ik)
    add("block inverse two forms", s, (A - U * C.I * V).I, A.I + A.I * U * S.I * V * A.I)
    M = block([[A, U], [V, C]])
    N = block([[A.I + A.I * U * S.I * V * A.I, -(A.I * U * S.I)], [-(S.I * V * A.I), S.I]])
    add("block inverse, from the right", s, M * N, eye(n + k))
    add("block inverse, from the left", s, N * M, eye(n + k))
    lower, upper = block([[I, 0], [V * A.I, Ik]]), block([[I, A.I * U], [0, Ik]])
    add("block LDU", s, M, lower * block([[A, 0], [0, S]]) * upper)
    add("block transpose", s, M.T, block([[A.T, V.T], [U.T, C.T]]))
    add("block trace", s, tr(M), tr(A) + tr(C))
    add("trace cyclic", s, tr(A * U * V), tr(V * A * U))
    add("trace transpose", s, tr(A.T * B), tr(B.T * A))
    add("trace of an outer product", s, tr(A * u * v.T), v.T * A * u)
    add("trace projection", s, tr(X * (X.T * X).I * X.T), lift(p))
    H = X * (X.T * X).I * X.T
    add("hat idempotent", s, H * H, H)
    add("hat symmetric", s, H.T, H)
    add("residual trace", s, tr(eye(n) - H), lift(n - p))
    add("log|AB|", s, logdet(A * B.I), logdet(A) - logdet(B))
    add("|AB|", s, det(A * B), det(A) * det(B))
    add("|A^-1|", s, det(A.I), 1 / det(A))
    add("|-A|", s, det(-A), lift((-1) ** n) * det(A))
    add("|2A'|", s, det(2 * A.T), lift(2**n) * det(A))
    add("log|A/3|", s, logdet(A / 3), logdet(A) - n * log(3))
    add("trace of a nested inverse", s, tr((A + B).I * A), n - tr((A + B).I * B))

    # determinants of blocks: Schur, Sylvester, the matrix determinant lemma, with their sign
    T = A - U * C.I * V
    ldu = lower * block([[A, 0], [0, S]]) * upper
    udl = block([[I, U * C.I], [0, Ik]]) * block([[T, 0], [0, C]]) * block([[I, 0], [C.I * V, Ik]])
    by_a, by_c = s.prove(det(M), det(ldu)), s.prove(det(M), det(udl))
    add("Schur determinant", s, det(M), det(A) * det(S), lambda: (by_a,))
    add("Schur determinant, the other way", s, det(M), det(C) * det(T), lambda: (by_c,))
    add("two Schur complements", s, det(A) * det(S), det(C) * det(T), lambda: (by_a, by_c))
    log_by_a = s.prove(logdet(M), logdet(ldu))
    add("log Schur determinant", s, logdet(M), logdet(A) + logdet(S), lambda: (log_by_a,))
    sylvester = {f: weinstein_aronszajn(s, U, V, f) for f in (det, logdet)}
    add("Sylvester |I+UV| = |I+VU|", s,
        det(I + U * V), det(Ik + V * U), lambda: sylvester_factors(s, U, V, det))  # fmt: skip
    add("matrix determinant lemma", s,
        det(A + u * v.T), det(A) * (1 + v.T * A.I * u),
        lambda: (sylvester[det](U=A.I * u, V=v.T),
                 s.prove(det(A + u * v.T), det(A * (I + A.I * u * v.T)))))  # fmt: skip
    add("log|A+UCV|", s,
        logdet(A + U * C * V), logdet(A) + logdet(C) + logdet(C.I + V * A.I * U),
        lambda: (
            s.prove(logdet(A + U * C * V), logdet(A * (I + A.I * U * C * V))),
            sylvester[logdet](U=A.I * U * C, V=V),
            s.prove(logdet(Ik + V * A.I * U * C), logdet((C.I + V * A.I * U) * C)),
        ))  # fmt: skip


def sylvester_factors(s: Setting, U: Expr, V: Expr,
                      f: Callable[[Expr], Expr]) -> tuple[Result, ...]:  # fmt: skip
    """[[I, -U], [V, I]] factored both ways."""
    I, Ik = eye(U.shape[0]), eye(U.shape[1])
    whole = block([[I, -U], [V, Ik]])
    one_way = block([[I, 0], [V, Ik]]) * block([[I, -U], [0, Ik + V * U]])
    two_way = block([[I, -U], [0, Ik]]) * block([[I + U * V, 0], [V, Ik]])
    return s.prove(f(whole), f(one_way)), s.prove(f(whole), f(two_way))


def weinstein_aronszajn(s: Setting, U: Expr, V: Expr, f: Callable[[Expr], Expr]) -> Result:
    I, Ik = eye(U.shape[0]), eye(U.shape[1])
    return s.prove(f(I + U * V), f(Ik + V * U), by=sylvester_factors(s, U, V, f))


# -- differentials ---------------------------------------------------------------------------
def differentials() -> None:
    s = Setting("n k")
    A, B = s.matrices("A: n; B: n")
    x = s.vectors("x: n")
    d = s.differential(A, B, x)
    dA, dB, dx = d(A), d(B), d(x)
    add("d(A^-1)", s, d(A.I), -(A.I * dA * A.I))
    add("d(AB)", s, d(A * B), dA * B + A * dB)
    add("d(A')", s, d(A.T), dA.T)
    add("d(ABA)", s, d(A * B * A), dA * B * A + A * dB * A + A * B * dA)
    add("d log|A|", s, d(logdet(A)), tr(A.I * dA))
    add("d |A| (Jacobi)", s, d(det(A)), det(A) * tr(A.I * dA))
    add("d log|AB|", s, d(logdet(A * B)), tr(A.I * dA) + tr(B.I * dB))
    add("d log|A^-1|", s, d(logdet(A.I)), -tr(A.I * dA))
    add("d tr(AB)", s, d(tr(A * B)), tr(B * dA) + tr(A * dB))
    add("d x'Ax", s, d(x.T * A * x), x.T * dA * x + dx.T * (A + A.T) * x)
    add("d log x'Ax", s, d(log(x.T * B * x)), d(as_scalar(x.T * B * x)) / (x.T * B * x))
    add("d |A|^2", s, d(det(A) ** 2), 2 * det(A) ** 2 * tr(A.I * dA))
    add("d^2 A^-1", s, d(d(A.I)), 2 * A.I * dA * A.I * dA * A.I)
    add("d^2 log|A|", s, d(d(logdet(A))), -tr(A.I * dA * A.I * dA))
    add("d tr A^-1", s, d(tr(A.I)), -tr(dA * A.I * A.I))

    s = Setting("n k")
    n, _ = s.dimensions
    s2 = s.scalars("s2")
    Z = s.matrices("Z: n,k")
    G = s.positive_definite("G: k")
    d = s.partial(s2)
    Sigma = s2 * eye(n) + Z * G * Z.T
    inner = (s2 * G.I + Z.T * Z).I
    add("dSigma/ds2", s, d(Sigma), eye(n))
    add("dSigma^-1/ds2", s, d(Sigma.I), -(Sigma.I * Sigma.I))
    add("d log|Sigma|/ds2", s, d(logdet(Sigma)), tr(Sigma.I))
    add("Sigma^-1 Woodbury", s, Sigma.I, (eye(n) - Z * inner * Z.T) / s2)
    add("tr Sigma^-1 Woodbury", s, tr(Sigma.I), (n - tr(inner * Z.T * Z)) / s2)
    add("d(1/s2)/ds2", s, d(1 / lift(s2)), -1 / (s2 * s2))
    add("d log s2/ds2", s, d(log(s2)), 1 / lift(s2))


# -- the linear mixed model: V, P, REML ------------------------------------------------------
def likelihood() -> None:
    s = Setting("n p", where="n > p")
    n, p = s.dimensions
    V = s.positive_definite("V: n")
    X = s.full_rank("X: n,p")
    y = s.vectors("y: n")
    d = s.differential(V)
    dV = d(V)
    H = X.T * V.I * X
    P = V.I - V.I * X * H.I * X.T * V.I
    Q = eye(n) - X * H.I * X.T * V.I
    b = H.I * X.T * V.I * y
    add("PVP = P", s, P * V * P, P)
    add("PX = 0", s, P * X, zero(n, p))
    add("P' = P", s, P.T, P)
    add("P = V^-1 Q", s, P, V.I * Q)
    add("Q idempotent", s, Q * Q, Q)
    add("Q oblique: Q'V^-1 = V^-1 Q", s, Q.T * V.I, V.I * Q)
    add("tr Q = n-p", s, tr(Q), lift(n - p))
    add("tr PV = n-p", s, tr(P * V), lift(n - p))
    add("Py = V^-1(y-Xb)", s, P * y, V.I * (y - X * b))
    add("normal equations", s, X.T * V.I * (y - X * b), zero(p, 1))
    add("y'Py = r'V^-1r", s, y.T * P * y, (y - X * b).T * V.I * (y - X * b))
    add("y'Py = y'V^-1r", s, y.T * P * y, y.T * V.I * (y - X * b))
    add("dP = -P dV P", s, d(P), -(P * dV * P))
    add("d y'Py", s, d(as_scalar(y.T * P * y)), -(y.T * P * dV * P * y))
    restricted = -(logdet(V) + logdet(H) + y.T * P * y) / 2
    add("REML score", s, d(restricted), -(tr(P * dV) - y.T * P * dV * P * y) / 2)
    add("d log|X'V^-1X|", s, d(logdet(H)), -tr(H.I * X.T * V.I * dV * V.I * X))
    profile = -(logdet(V) + (y - X * b).T * V.I * (y - X * b)) / 2
    add("ML score (profiled b)", s, d(profile), -(tr(V.I * dV) - y.T * P * dV * P * y) / 2)
    add("REML observed information", s,
        d(d(restricted)), tr(P * dV * P * dV) / 2 - y.T * P * dV * P * dV * P * y)  # fmt: skip
    add("ML observed information", s,
        d(d(profile)), tr(V.I * dV * V.I * dV) / 2 - y.T * P * dV * P * dV * P * y)  # fmt: skip
    add("db", s, d(b), -(H.I * X.T * V.I * dV * P * y))
    add("completing the square", s,
        y.T * V.I * y, (y - X * b).T * V.I * (y - X * b) + b.T * H * b)  # fmt: skip

    # Gauss-Markov: every other unbiased linear estimator has a larger variance
    s = Setting("n p", where="n > p")
    n, p = s.dimensions
    V = s.positive_definite("V: n")
    X = s.full_rank("X: n,p")
    L = s.matrices("L: p,n", sampler=left_inverse)
    s.assume(L * X, eye(p), "LX = I")
    H = X.T * V.I * X
    B = H.I * X.T * V.I
    add("Var(GLS)", s, B * V * B.T, H.I)
    add("GLS is unbiased", s, B * X, eye(p))
    add("Gauss-Markov", s, L * V * L.T - H.I, (L - B) * V * (L - B).T)
    add("GLS uncorrelated with the rest", s, B * V * (L - B).T, zero(p, p))

    # error contrasts A'X = 0
    s = Setting("n p", where="n > p")
    n, p = s.dimensions
    V = s.positive_definite("V: n")
    X = s.full_rank("X: n,p")
    d = s.differential(V)
    A = s.error_contrasts("A", X)
    y = s.vectors("y: n")
    H = X.T * V.I * X
    P = V.I - V.I * X * H.I * X.T * V.I
    contrasts = A.T * V * A
    add("P = A(A'VA)^-1A'", s, P, A * contrasts.I * A.T)
    add("restricted quadratic form", s, (A.T * y).T * contrasts.I * (A.T * y), y.T * P * y)
    add("d log|A'VA| = tr P dV", s, d(logdet(contrasts)), tr(P * d(V)))
    add("the two restricted log determinants move alike", s,
        d(logdet(contrasts) - logdet(V) - logdet(H)), 0)  # fmt: skip
    J = block([[A.T], [X.T * V.I]])  # from the right it makes V block diagonal
    K = block([[A.T], [X.T]])

    def factors() -> tuple[Result, ...]:
        return (
            s.derive(2 * logdet(J) + logdet(V)).step(logdet(J * V * J.T))
            .step(logdet(contrasts) + logdet(H)).result(),
            s.derive(2 * logdet(K)).step(logdet(K * K.T))
            .step(logdet(A.T * A) + logdet(X.T * X)).result(),
            s.derive(logdet(J) + logdet(K)).step(logdet(J * K.T))
            .step(logdet(A.T * A) + logdet(H)).result(),
        )  # fmt: skip

    add("log|A'VA|", s,
        logdet(contrasts), logdet(V) + logdet(H) + logdet(A.T * A) - logdet(X.T * X), factors,
        )  # fmt: skip


# -- V = R + Z G Z': Henderson ---------------------------------------------------------------
def henderson() -> None:
    s = Setting("n k p", where="n > p")
    n, k, p = s.dimensions
    R, G = s.positive_definite("R: n; G: k")
    Z = s.matrices("Z: n,k")
    X = s.full_rank("X: n,p")
    y = s.vectors("y: n")
    V = R + Z * G * Z.T
    C = G.I + Z.T * R.I * Z
    H = X.T * V.I * X
    P = V.I - V.I * X * H.I * X.T * V.I
    b = H.I * X.T * V.I * y
    u = G * Z.T * V.I * (y - X * b)
    add("V^-1 Woodbury", s, V.I, R.I - R.I * Z * C.I * Z.T * R.I)
    add("GZ'V^-1", s, G * Z.T * V.I, C.I * Z.T * R.I)
    add("quadratic form Woodbury", s,
        y.T * V.I * y, y.T * R.I * y - y.T * R.I * Z * C.I * Z.T * R.I * y)  # fmt: skip
    add("Henderson row 1", s, X.T * R.I * X * b + X.T * R.I * Z * u, X.T * R.I * y)
    add("Henderson row 2", s, Z.T * R.I * X * b + (Z.T * R.I * Z + G.I) * u, Z.T * R.I * y)
    mme = block([[X.T * R.I * X, X.T * R.I * Z], [Z.T * R.I * X, C]])
    add("Henderson's equations", s,
        mme * block([[b], [u]]), block([[X.T * R.I * y], [Z.T * R.I * y]]))  # fmt: skip
    add("BLUP through P", s, u, G * Z.T * P * y)
    add("BLUP from residuals", s, u, C.I * Z.T * R.I * (y - X * b))
    add("G - GZ'V^-1ZG", s, G - G * Z.T * V.I * Z * G, C.I)
    add("y'Py = y'R^-1(y-Xb-Zu)", s, y.T * P * y, y.T * R.I * (y - X * b - Z * u))
    add("penalised least squares", s,
        y.T * P * y,
        (y - X * b - Z * u).T * R.I * (y - X * b - Z * u) + u.T * G.I * u)  # fmt: skip
    add("Schur in Henderson's equations", s,
        X.T * R.I * X - X.T * R.I * Z * C.I * Z.T * R.I * X, H)  # fmt: skip
    # [[R, -Z], [Z', G^-1]] factored both ways
    whole = block([[R, -Z], [Z.T, G.I]])
    I, Ik = eye(n), eye(k)
    one_way = block([[I, 0], [Z.T * R.I, Ik]]) * block([[R, -Z], [0, C]])
    two_way = block([[I, -(Z * G)], [0, Ik]]) * block([[V, 0], [Z.T, G.I]])
    add("log|R+ZGZ'|", s, logdet(V), logdet(R) + logdet(G) + logdet(C),
        lambda s=s: (s.prove(logdet(whole), logdet(one_way)),
                     s.prove(logdet(whole), logdet(two_way))))  # fmt: skip
    add("|R+ZGZ'|", s, det(V), det(R) * det(G) * det(C),
        lambda s=s: (s.prove(det(whole), det(one_way)), s.prove(det(whole), det(two_way))),
        )  # fmt: skip

    # sigma^2 profiled out: V = s2 W
    s = Setting("n p", where="n > p")
    n, p = s.dimensions
    s2 = s.scalars("s2")
    W = s.positive_definite("W: n")
    X = s.full_rank("X: n,p")
    y = s.vectors("y: n")
    d = s.partial(s2)
    V = s2 * W
    HV, HW = X.T * V.I * X, X.T * W.I * X
    PV = V.I - V.I * X * HV.I * X.T * V.I
    PW = define("P_W", W.I - W.I * X * HW.I * X.T * W.I)
    objective = logdet(V) + logdet(HV) + y.T * PV * y
    add("P_V = P_W/s2", s, PV, PW / s2)
    add("-2 l_R, scale taken out", s,
        objective, (n - p) * log(s2) + logdet(W) + logdet(HW) + y.T * PW * y / s2)  # fmt: skip
    add("d(-2 l_R)/ds2", s, d(objective), lift(n - p) / s2 - y.T * PW * y / lift(s2) ** 2)
    add("GLS free of s2", s, HV.I * X.T * V.I * y, HW.I * X.T * W.I * y)


# -- AR(1) with the shift matrix, compound symmetry ------------------------------------------
def structures() -> None:
    s = Setting("n")
    (n,) = s.dimensions
    rho = s.scalars("rho")
    N = s.matrices("N: n", sampler=shift)
    e1 = s.matrices("e_1: n,1", sampler=unit(0))
    en = s.matrices("e_n: n,1", sampler=unit(-1))
    s.assume(N.T * N, eye(n) - en * en.T)
    s.assume(N * N.T, eye(n) - e1 * e1.T)
    s.assume(N * en, 0)
    s.assume(e1.T * N, 0)
    s.assume(e1.T * e1, eye(1))
    s.assume(en.T * en, eye(1))
    L = eye(n) - rho * N
    S = (1 - rho * rho) * eye(n) + rho * rho * e1 * e1.T
    V = L.I * S * L.T.I
    band = eye(n) - rho * (N + N.T) + rho * rho * (eye(n) - e1 * e1.T - en * en.T)
    add("AR(1) inverse", s, V.I, band / (1 - rho * rho))
    add("AR(1) innovations", s, L * V * L.T, S)
    add("AR(1) tridiagonal form", s,
        (eye(n) - rho * N.T) * (eye(n) - rho**2 * e1 * e1.T) * (eye(n) - rho * N),
        band)  # fmt: skip

    s = Setting("n")
    (n,) = s.dimensions
    a, b = s.scalars("a b")
    one = s.matrices("j: n,1", sampler=ones("n"))
    s.assume(one.T * one, n * eye(1), "1'1 = n")
    V = a * eye(n) + b * one * one.T
    add("compound symmetry inverse", s, V.I, (eye(n) - b / (a + n * b) * one * one.T) / a)
    add("compound symmetry, sum", s, V * one, (a + n * b) * one)
    centring = eye(n) - one * one.T / n
    add("centring idempotent", s, centring * centring, centring)
    add("centring trace", s, tr(centring), lift(n - 1))
    add("compound symmetry, contrasts", s, centring * V, a * centring)


# -- expectations ----------------------------------------------------------------------------
def moments() -> None:
    s = Setting("n")
    A, B = s.symmetric("A: n; B: n")
    C, K = s.matrices("C: n; K: n")
    m, e = s.vectors("m: n; e: n")
    V = K * K.T
    s.gaussian(e, V)
    y = m + e
    mean_a = tr(A * V) + m.T * A * m
    add("E y'Ay (A any)", s, expectation(y.T * C * y), tr(C * V) + m.T * C * m)
    add("E (y'Ay)(y'By)", s,
        expectation(as_scalar(y.T * A * y) * as_scalar(y.T * B * y)),
        mean_a * (tr(B * V) + m.T * B * m) + 2 * tr(A * V * B * V)
        + 4 * as_scalar(m.T * A * V * B * m))  # fmt: skip
    add("var y'Ay", s,
        expectation(as_scalar(y.T * A * y) ** 2) - expectation(y.T * A * y) ** 2,
        2 * tr(A * V * A * V) + 4 * as_scalar(m.T * A * V * A * m))  # fmt: skip
    add("var y'Cy (C any)", s,
        expectation(as_scalar(e.T * C * e) ** 2) - expectation(e.T * C * e) ** 2,
        tr(C * V * C * V) + tr(C * V * C.T * V))  # fmt: skip
    add("third moments vanish", s, expectation(as_scalar(e.T * A * e) * as_scalar(m.T * e)), 0)
    add("cov(m'e, e'Ce m'e)", s,
        expectation(as_scalar(m.T * e) ** 2 * as_scalar(e.T * A * e)),
        as_scalar(m.T * V * m) * tr(A * V) + 2 * as_scalar(m.T * V * A * V * m))  # fmt: skip

    s = Setting("n k")
    n, _ = s.dimensions
    A = s.symmetric("A: n")
    Z, F, K = s.matrices("Z: n,k; F: k; K: n")
    u, e = s.vectors("u: k; e: n")
    s.gaussian(u, F * F.T)
    s.gaussian(e, K * K.T)
    r = Z * u + e
    V = Z * F * F.T * Z.T + K * K.T
    add("E r'Ar, two sources", s, expectation(r.T * A * r), tr(A * V))
    add("uncorrelated sources", s, expectation(u.T * Z.T * A * e), 0)

    s = Setting("n p", where="n > p")
    n, p = s.dimensions
    K = s.matrices("K: n")
    X = s.full_rank("X: n,p")
    b, e = s.vectors("b: p; e: n")
    D = s.symmetric("D: n")
    V = K * K.T
    s.gaussian(e, V)
    y = X * b + e
    H = X.T * V.I * X
    P = V.I - V.I * X * H.I * X.T * V.I
    add("E y'Py = n-p", s, expectation(y.T * P * y), lift(n - p))
    add("E y'PDPy = tr PD", s, expectation(y.T * P * D * P * y), tr(P * D))
    add("REML score has mean zero", s, expectation(tr(P * D) - y.T * P * D * P * y), 0)
    add("REML expected information", s,
        expectation(as_scalar(y.T * P * D * P * D * P * y) - tr(P * D * P * D) / 2),
        tr(P * D * P * D) / 2)  # fmt: skip
    add("REML score variance", s,
        expectation(as_scalar(y.T * P * D * P * y) ** 2) - tr(P * D) ** 2,
        2 * tr(P * D * P * D))  # fmt: skip


# -- one-way analysis of variance ------------------------------------------------------------
def anova() -> None:
    s = Setting("k m")  # k groups of m
    k, m = s.dimensions
    sa, se, mu = s.scalars("sa se mu")
    Z = s.matrices("Z: k*m,k", sampler=balanced_groups)
    j = s.matrices("j: k,1", sampler=ones("k"))
    e = s.vectors("e: k*m")
    s.assume(Z.T * Z, m * eye(k), "Z'Z = m I")
    s.assume(j.T * j, k * eye(1), "1'1 = k")
    s.gaussian(e, sa * Z * Z.T + se * eye(k * m), one_way_root)
    y = mu * (Z * j) + e
    P1, P0 = Z * Z.T / m, Z * j * j.T * Z.T / (k * m)
    add("E SSA (balanced)", s, expectation(y.T * (P1 - P0) * y), (k - 1) * (m * sa + se))
    add("E SSE (balanced)", s, expectation(y.T * (eye(k * m) - P1) * y), k * (m - 1) * se)
    add("P1 idempotent", s, P1 * P1, P1)
    add("(P1-P0)(I-P1) = 0", s, (P1 - P0) * (eye(k * m) - P1), zero(k * m, k * m))
    add("tr(P1-P0)", s, tr(P1 - P0), lift(k - 1))

    s = Setting("n k", where="n > k")
    n, k = s.dimensions
    sa, se, mu = s.scalars("sa se mu")
    Z = s.matrices("Z: n,k", sampler=groups)
    j = s.matrices("j: k,1", sampler=ones("k"))
    e = s.vectors("e: n")
    s.gaussian(e, sa * Z * Z.T + se * eye(n), one_way_root)
    D = Z.T * Z
    y = mu * (Z * j) + e
    P1, P0 = Z * D.I * Z.T, Z * j * (j.T * D * j).I * j.T * Z.T
    add("E SSA (unbalanced)", s,
        expectation(y.T * (P1 - P0) * y),
        sa * (tr(D) - (j.T * D * D * j) / (j.T * D * j)) + (k - 1) * se)  # fmt: skip
    add("E SSE (unbalanced)", s, expectation(y.T * (eye(n) - P1) * y), (n - k) * se)


for build in (general, differentials, likelihood, henderson, structures, moments, anova):
    build()
