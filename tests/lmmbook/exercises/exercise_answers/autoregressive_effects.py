from fractions import Fraction

import numpy as np
import scipy.sparse
import sympy as sp
from scipy.linalg import toeplitz

from exercise_answers import Answers
from matrixproof import Setting, define, eye

a, tau2 = sp.symbols("a tau2")
u1, u2, u3, u4, u5 = sp.symbols("u1:6")
squares = (u2 - u1) ** 2 + (u3 - u2) ** 2 + (u4 - u3) ** 2


def by_powers(a, tau2, tau12, m):
    B = np.array([[float(a) ** (t - s) if t >= s else 0.0 for s in range(m)] for t in range(m)])
    C = np.diag([tau12] + [tau2] * (m - 1))
    Psi = B @ C @ B.T
    return np.linalg.inv(B), B, Psi, np.linalg.inv(Psi)


def by_recursion(a, tau2, tau12, m):
    """Variances by the recursion, covariances from the earlier of two times."""
    v = [tau12]
    for _ in range(m - 1):
        v.append(a * a * v[-1] + tau2)
    Psi = [[v[min(t, s)] * a ** abs(t - s) for s in range(m)] for t in range(m)]
    B = [[a ** (t - s) * (t >= s) for s in range(m)] for t in range(m)]
    inverse = [[(t == s) - a * (t == s + 1) for s in range(m)] for t in range(m)]
    Q = np.diag([1 / tau12 + a**2 / tau2] + [(1 + a**2) / tau2] * (m - 2) + [1 / tau2])
    Q = Q - a / tau2 * (np.eye(m, k=1) + np.eye(m, k=-1))
    return [inverse, B, Psi, Q.tolist()]


def by_sparse(a, tau2, tau12, m):
    inverse = scipy.sparse.diags([np.ones(m), -a * np.ones(m - 1)], [0, -1]).tocsc()
    C_inverse = scipy.sparse.diags([[1 / tau12] + [1 / tau2] * (m - 1)], [0])
    B = np.linalg.inv(inverse.toarray())
    Q = inverse.T @ C_inverse @ inverse
    return inverse, scipy.sparse.csr_matrix(B), np.linalg.inv(Q.toarray()), Q


def by_symbols(a, tau2, tau12, m):
    a, tau2, tau12 = map(sp.Rational, (a, tau2, tau12))
    inverse = sp.Matrix(m, m, lambda t, s: 1 if t == s else -a if t == s + 1 else 0)
    C = sp.diag(tau12, *[tau2] * (m - 1))
    B = inverse.inv()
    return inverse, B, B * C * B.T, inverse.T * C.inv() * inverse


def changed(change):
    def wrong(a, tau2, tau12, m):
        return change(a, tau2, tau12, m, *by_powers(a, tau2, tau12, m))

    return wrong


def innovations(choose, sign=1.0):
    def wrong(a, tau2, tau12, m):
        B = np.tril(toeplitz((sign * a) ** np.arange(m)))
        Psi = B @ np.diag(choose(a, tau2, tau12, m)) @ B.T
        return np.linalg.inv(B), B, Psi, np.linalg.inv(Psi)

    return wrong


def C_of(tau2, tau12, m):
    return np.diag([tau12] + [tau2] * (m - 1))


s = Setting("k")
(k,) = s.dimensions
Q, sigma2, r = s.positive_definite("Q: k"), s.scalars("sigma2"), s.vectors("r: k")
T = eye(k) + sigma2 * Q
V = define("V", Q.I + sigma2 * eye(k))

half = sp.Rational(1, 2)

ANSWERS = {
    "ar1-stationary-start": Answers(
        right=[
            tau2 / (1 - a**2),
            tau2 / ((1 - a) * (1 + a)),
            half * tau2 * (1 / (1 - a) + 1 / (1 + a)),
            tau2 / sp.Abs(1 - a**2),
            tau2 * sp.Sum(a ** (2 * sp.Symbol("j")), (sp.Symbol("j"), 0, sp.oo)).doit().args[0][0],
            -sp.Symbol("tau2", positive=True) / (sp.Symbol("a", real=True) ** 2 - 1),
        ],
        wrong=[
            (tau2 / (1 - a), "do to a variance"),
            (tau2, "one innovation"),
            (tau2 + a**2 * tau2, "single step"),
            (tau2 / (1 + a**2), "independent parts add"),
            (tau2 * (1 - a**2), "Upside down"),
            (tau2 / (a**2 - 1), "negative"),
            (sp.sqrt(tau2) / sp.sqrt(1 - a**2), "standard deviation"),
            (a * tau2 / (1 - a**2), "two neighbours"),
            (tau2 / (1 - a * sp.Abs(a)), ""),
            (tau2 / (1 - sp.Abs(a)), ""),
            (tau2**2 / (1 - a**2), ""),
            (tau2 / (1 - a**2) + sp.Float("1e-6"), ""),
            (tau2 * (1 + a**2 + a**4 + a**6), ""),
        ],
    ),
    "ar1-matrices": Answers(
        right=[by_powers, by_recursion, by_sparse, by_symbols],
        wrong=[
            (changed(lambda a, t, t1, m, I, B, P, Q: (B, I, P, Q)), "changed places"),
            (innovations(lambda a, t, t1, m: [t1] + [t] * (m - 1), -1.0), "sign below"),
            (
                changed(
                    lambda a, t, t1, m, I, B, P, Q: (
                        I,
                        B,
                        B.T @ C_of(t, t1, m) @ B,
                        np.linalg.inv(B.T @ C_of(t, t1, m) @ B),
                    )
                ),
                "order of the factors",
            ),
            (
                changed(
                    lambda a, t, t1, m, I, B, P, Q: (
                        I,
                        B,
                        P,
                        I @ np.linalg.inv(C_of(t, t1, m)) @ I.T,
                    )
                ),
                "opposite order",
            ),
            (
                innovations(
                    lambda a, t, t1, m: [t / abs(1 - a**2) if a != 1 else t1] + [t] * (m - 1)
                ),
                "stationary one",
            ),
            (innovations(lambda a, t, t1, m: [t] * m), "variance of its own"),
            (innovations(lambda a, t, t1, m: [1.0] * m), "are lost"),
            (
                innovations(lambda a, t, t1, m: [t1**0.5] + [t**0.5] * (m - 1)),
                "standard deviations",
            ),
            (changed(lambda a, t, t1, m, I, B, P, Q: (I, B, Q, P)), ""),
            (changed(lambda a, t, t1, m, I, B, P, Q: (I.T, B.T, P, Q)), ""),
            (changed(lambda a, t, t1, m, I, B, P, Q: (I, B, P, Q * (1 + 1e-6))), ""),
            (changed(lambda a, t, t1, m, I, B, P, Q: (I, B, P, np.tril(Q))), ""),
            (changed(lambda a, t, t1, m, I, B, P, Q: (abs(I), abs(B), abs(P), abs(Q))), ""),
            (innovations(lambda a, t, t1, m: [t] * (m - 1) + [t1]), ""),
            (
                changed(
                    lambda a, t, t1, m, I, B, P, Q: (
                        I,
                        B,
                        t1 * a ** np.abs(np.subtract.outer(np.arange(m), np.arange(m))),
                        Q,
                    )
                ),
                "",
            ),
        ],
    ),
    "ar1-neighbours": Answers(
        right=[
            a / (1 + a**2) * (u2 + u4),
            (a * u2 + a * u4) / (1 + a**2),
            (u2 + u4) / (a + 1 / a),
            tau2 / (1 + a**2) * (a / tau2 * u2 + a / tau2 * u4),
        ],
        wrong=[
            (a * u2, "the past alone"),
            (a * (u2 + u4), "do not add up"),
            (a * (u2 + u4) / 2, "averaged"),
            ((u2 + u4) / 2, "the middle"),
            (a / (1 + a**2) * (sp.Abs(u2) + sp.Abs(u4)), ""),
            (-a / (1 + a**2) * (u2 + u4), "The sign"),
            (a * (u2 + u4) / (1 - a**2), "something else"),
            (a / (1 + a**2) * (u2 + u4) + a**2 * (u1 + u5), "further away"),
            (a / (1 + a**2) * (u2 - u4), ""),
            (sp.Abs(a) / (1 + a**2) * (u2 + u4), ""),
            (a / (1 + a**2) * (u2 + u4) / tau2, ""),
            (a**2 / (1 + a**2) * (u2 + u4), ""),
        ],
    ),
    "ar1-noise": Answers(
        right=[
            T.I * Q,
            Q * T.I,
            (eye(k) - T.I) / sigma2,
            (Q + eye(k) / sigma2).I * Q / sigma2,
            Q - sigma2 * Q * T.I * Q,
            eye(k) / sigma2 - (Q + eye(k) / sigma2).I / sigma2**2,
            define("T", T).I * Q,
        ],
        wrong=[
            (Q + eye(k) / sigma2, "sum of the inverses"),
            (V, "itself"),
            ((Q + sigma2 * eye(k)).I, "as their covariance"),
            (T.I, "both are to be inverted"),
            (T.I * Q.I, "too often"),
            (eye(k) - T.I, "does not cancel"),
            (eye(k) / sigma2 + (Q + eye(k) / sigma2).I / sigma2**2, "minus sign"),
            (V.I, ""),
            ((Q.I * T).I, ""),
            ((Q.I + sigma2 * eye(k)).I, ""),
            (T * Q, ""),
            (-T.I * Q, ""),
            ((eye(k) + sigma2**2 * Q).I * Q, ""),
        ],
    ),
    "ar1-limit": Answers(
        right=[
            squares / tau2,
            sp.expand(squares) / tau2,
            sum(((x - y) / sp.sqrt(tau2)) ** 2 for x, y in ((u1, u2), (u2, u3), (u3, u4))),
            (u1**2 + 2 * u2**2 + 2 * u3**2 + u4**2 - 2 * (u1 * u2 + u2 * u3 + u3 * u4)) / tau2,
        ],
        wrong=[
            ((u1**2 + squares) / tau2, "first effect is priced"),
            (
                ((1 - a**2) * u1**2 + (u2 - a * u1) ** 2 + (u3 - a * u2) ** 2 + (u4 - a * u3) ** 2)
                / tau2,
                "take the limit",
            ),
            (((u1 + u2) ** 2 + (u2 + u3) ** 2 + (u3 + u4) ** 2) / tau2, "sums of neighbours"),
            (squares, "how dear"),
            (squares / (2 * tau2), "one half"),
            (
                (squares + (u1 - u3) ** 2 + (u1 - u4) ** 2 + (u2 - u4) ** 2) / tau2,
                "All pairs",
            ),
            (((u1 - 2 * u2 + u3) ** 2 + (u2 - 2 * u3 + u4) ** 2) / tau2, "second differences"),
            ((u1**2 + u2**2 + u3**2 + u4**2) / tau2, "independent"),
            (-squares / (2 * tau2), ""),
            (((u2 - u1) + (u3 - u2) + (u4 - u3)) ** 2 / tau2, ""),
            ((squares + (u4 - u1) ** 2) / tau2, ""),
            (squares / tau2**2, ""),
            (((u2 - u1) ** 2 + (u3 - u2) ** 2) / tau2, ""),
        ],
    ),
    "ar1-every-second": Answers(
        right=[
            lambda a, tau2: (a**2, tau2 * (1 + a**2)),
            lambda a, tau2: [a * a, tau2 / (1 - a**2) * (1 - a**4)],
            lambda a, tau2: np.array([a**2, tau2 + a * tau2 * a]),
            lambda a, tau2, steps=2: (
                a**steps,
                sum(tau2 * a ** (2 * j) for j in range(steps)),
            ),
            lambda a, tau2: (
                sp.Rational(str(a)) ** 2,
                Fraction(str(tau2)) * (1 + Fraction(str(a)) ** 2),
            ),
        ],
        wrong=[
            (lambda a, tau2: (a**2, tau2), "Two steps lie"),
            (lambda a, tau2: (a**2, 2 * tau2), "shrunk by one step"),
            (lambda a, tau2: (a**2, tau2 * (1 + a)), "something else"),
            (lambda a, tau2: (a, tau2 * (1 + a**2)), "over two steps"),
            (lambda a, tau2: (2 * a, tau2 * (1 + a**2)), "twice that of one"),
            (lambda a, tau2: (a**2, tau2 / (1 - a**2)), "does not change"),
            (lambda a, tau2: (a**2, tau2 * (1 + a**4)), "shrunk by one step"),
            (lambda a, tau2: (tau2 * (1 + a**2), a**2), "changed places"),
            (lambda a, tau2: (abs(a), tau2 * (1 + a**2)), ""),
            (lambda a, tau2: (a * abs(a), tau2 * (1 + a**2)), ""),
            (lambda a, tau2: (a**2, tau2 * (1 + abs(a))), ""),
            (lambda a, tau2: (a**2, (tau2**0.5 * (1 + a**2) ** 0.5)), ""),
            (lambda a, tau2: (a**2, 1 + a**2), ""),
            (lambda a, tau2: (a**2 * (1 + 1e-6), tau2 * (1 + a**2)), ""),
        ],
    ),
}
