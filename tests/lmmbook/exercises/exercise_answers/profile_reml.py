import numpy as np
from scipy.linalg import null_space
from scipy.stats import multivariate_normal

from exercise_answers import Answers
from lmmcore.textbook import definition
from matrixproof import Setting, block, eye, tr

s = Setting("n p k", where="n > p")
n, p, k = s.dimensions
X, y = s.full_rank("X: n,p"), s.vectors("y: n")
Z, Lambda = s.matrices("Z: n,k; Lambda: k")
C = eye(n) - X * (X.T * X).I * X.T
F, e = Z * Lambda, C * y
N, N_0 = eye(k) + F.T * C * F, eye(k) + F.T * F
Wi = eye(n) - F * N_0.I * F.T
P_W = Wi - Wi * X * (X.T * Wi * X).I * X.T * Wi
W = eye(n) + F * F.T
XF = block([[X, F]])

t = Setting("n p k", where="n > p")
nt, pt, kt = t.dimensions
Xt, Zt, yt = t.full_rank("X: n,p"), t.matrices("Z: n,k"), t.vectors("y: n")
Ct = eye(nt) - Xt * (Xt.T * Xt).I * Xt.T
et = Ct * yt


def by_contrasts(y, X, Z, phi, A=None):
    A = null_space(X.T) if A is None else A
    z = A.T @ y
    f = len(z)

    def pieces(phi):
        W = A.T @ (np.eye(len(y)) + phi * Z @ Z.T) @ A
        rss = z @ np.linalg.solve(W, z)
        return rss, multivariate_normal(np.zeros(f), rss / f * W).logpdf(z)

    return pieces(phi)[0] / f, pieces(phi)[1] - pieces(0)[1]


def by_other_contrasts(y, X, Z, phi):
    A = null_space(X.T)
    f = A.shape[1]
    return by_contrasts(y, X, Z, phi, A @ (np.eye(f) + np.triu(np.ones((f, f)))))


def by_definition(y, X, Z, phi):
    out = []
    for x in (phi, 0):
        W = np.eye(len(y)) + x * Z @ Z.T
        s2 = y @ definition.projection(X, W) @ y / (len(y) - X.shape[1])
        out.append((s2, definition.restricted_log_likelihood(y, X, s2 * W)))
    return np.array([out[0][0], out[0][1] - out[1][1]])


def by_small_matrices(y, X, Z, phi):
    q, _ = np.linalg.qr(X)
    r, M = y - q @ (q.T @ y), Z - q @ (q.T @ Z)
    inner = np.eye(Z.shape[1]) + phi * M.T @ M
    rss = r @ r - phi * (M.T @ r) @ np.linalg.solve(inner, M.T @ r)
    f = len(y) - X.shape[1]
    gain = -f / 2 * np.log(rss / (r @ r)) - np.linalg.slogdet(inner)[1] / 2
    return [rss / f, gain]


def ml(y, X, Z, phi):
    values = []
    for x in (phi, 0):
        W = np.eye(len(y)) + x * Z @ Z.T
        s2 = y @ definition.projection(X, W) @ y / len(y)
        values.append((s2, definition.profile_log_likelihood(y, X, s2 * W)))
    return values[0][0], values[0][1] - values[1][1]


def changed(first=lambda a, c: a, second=lambda a, c: a):
    """The right pair with its parts changed; c holds the data's pieces."""

    def answer(y, X, Z, phi):
        W = np.eye(len(y)) + phi * Z @ Z.T
        H, H0 = X.T @ np.linalg.solve(W, X), X.T @ X
        c = {
            "n": len(y),
            "p": X.shape[1],
            "info": np.linalg.slogdet(H)[1] - np.linalg.slogdet(H0)[1],
            "det": np.linalg.slogdet(W)[1],
            "rss": y
            @ definition.projection(X, W)
            @ y
            / (y @ definition.projection(X, np.eye(len(y))) @ y),
            "whole": definition.restricted_log_likelihood(y, X, by_definition(y, X, Z, phi)[0] * W),
        }
        a, b = by_definition(y, X, Z, phi)
        return first(a, c), second(b, c)

    return answer


def by_prior(y, X, V, kappa):
    whole = definition.log_likelihood(y, X, np.zeros(X.shape[1]), V + kappa * X @ X.T)
    restricted = definition.restricted_log_likelihood(y, X, V)
    return -2 * (whole - restricted) - X.shape[1] * np.log(2 * np.pi)


def by_criteria(y, X, V, kappa):
    P, V_k = definition.projection(X, V), V + kappa * X @ X.T
    ours = np.linalg.slogdet(V_k)[1] + y @ np.linalg.inv(V_k) @ y
    H = X.T @ np.linalg.inv(V) @ X
    return ours - np.linalg.slogdet(V)[1] - np.linalg.slogdet(H)[1] - y @ P @ y


def by_density(y, X, V, kappa):
    b, vcov = definition.gls(y, X, V)
    law = multivariate_normal(np.zeros(len(b)), vcov + kappa * np.eye(len(b)))
    return -2 * law.logpdf(b) - len(b) * np.log(2 * np.pi)


def of(S, both=(1, 1), beta=definition.gls):
    def answer(y, X, V, kappa):
        b, vcov = beta(y, X, V)
        cov = S(kappa, vcov, np.eye(len(b)))
        return both[0] * np.linalg.slogdet(cov)[1] + both[1] * b @ np.linalg.solve(cov, b)

    return answer


def right_cov(kappa, vcov, one):
    return kappa * one + vcov


ORTHO = {"A": [[1], [0]], "Z": [[1], [1]]}
VALUES = {"A": [[2], [0]], "Z": [[1], [0]]}

ANSWERS = {
    "profile-reml-squares": Answers(
        right=[
            e.T * e - e.T * F * N.I * F.T * e,
            y.T * P_W * y,
            y.T * C * y - y.T * C * Z * Lambda * (N.T).I * Lambda.T * Z.T * C * y,
            tr(C * y * y.T) - tr(N.I * F.T * e * e.T * F),
            (y - X * (X.T * Wi * X).I * X.T * Wi * y).T
            * Wi
            * (y - X * (X.T * Wi * X).I * X.T * Wi * y),
            y.T * (e - C * F * N.I * F.T * e),
        ],
        wrong=[
            (e.T * e - e.T * F * N_0.I * F.T * e, "the inner matrix is not"),
            (y.T * y - y.T * F * N.I * F.T * y, "not projected"),
            (y.T * Wi * y, "Nothing is projected"),
            (e.T * e + e.T * F * N.I * F.T * e, "The sign"),
            (e.T * e, "ordinary least squares, without"),
            (e.T * e - e.T * F * (eye(k) + Z.T * C * Z).I * F.T * e, "stands twice"),
            (e.T * e - e.T * F * F.T * e, ""),
            (2 * (y.T * P_W * y), ""),
            (
                y.T * W.I * y - y.T * W.I * X * (X.T * W.I * X).I * X.T * W.I * y,
                "",  # right, but with n rows
            ),
            (
                e.T * e - e.T * Z * ((Lambda * Lambda.T).I + Z.T * C * Z).I * Z.T * e,
                "",  # right, but not for a singular factor
            ),
            (e.T * e - e.T * Z * (Lambda.T.I * Lambda.I + Z.T * C * Z).I * Z.T * e, ""),
            (y.T * y - y.T * Z * Lambda * N.I * Lambda.T * Z.T * C * y, ""),
            (e.T * e - e.T * Z * Lambda.T * N.I * Lambda * Z.T * e, ""),
        ],
    ),
    "profile-reml-value": Answers(
        right=[by_contrasts, by_other_contrasts, by_definition, by_small_matrices],
        wrong=[
            (ml, "full likelihood"),
            (lambda y, *others: by_definition(y - y.mean(), *others), ""),
            (lambda y, X, Z, phi: by_definition(y, X, Z - Z.mean(axis=0), phi), ""),
            (changed(lambda a, c: a * (c["n"] - c["p"]) / c["n"]), "ML's divisor"),
            (
                changed(second=lambda b, c: b - c["p"] / 2 * np.log(c["rss"])),
                "once for each contrast",
            ),
            (changed(second=lambda b, c: b + c["info"] / 2), "that of ML"),
            (changed(second=lambda b, c: b + c["info"]), "wrong sign"),
            (changed(second=lambda b, c: b + (c["det"] + c["info"]) / 2), "are missing"),
            (changed(second=lambda b, c: b - (c["det"] + c["info"]) / 2), "not halved"),
            (changed(second=lambda b, c: -2 * b), "criterion"),
            (changed(second=lambda b, c: 2 * b), "criterion"),
            (changed(second=lambda b, c: -b), "wrong way round"),
            (changed(second=lambda b, c: c["whole"]), "not subtracted"),
            (lambda y, X, Z, phi: by_definition(y, X, Z, phi**2), "standard deviation"),
            (lambda y, X, Z, phi: by_definition(y, X, Z, phi)[::-1], "wrong order"),
            (changed(second=lambda b, c: abs(b)), ""),
            (changed(second=lambda b, c: b * (1 + 1e-5)), ""),
            (changed(lambda a, c: a * (1 + 1e-5)), ""),
            (lambda y, X, Z, phi: by_definition(y, X[:, :1], Z, phi), ""),  # only the mean
            (lambda y, X, Z, phi: by_definition(y, X, Z, 1.0), ""),
            (lambda y, X, Z, phi: by_definition(y, X, Z, phi**0.5), ""),
        ],
    ),
    "profile-reml-false-line": Answers(
        right=[
            (3, VALUES),
            [3, {"A": [[1], [1]], "Z": [[1], [0]]}],
            (3, {"A": [[1, 0], [1, 1], [0, 3]], "Z": [[1, 2], [3, 1], [0, 1]]}),
        ],
        wrong=[
            ((1, VALUES), "out of the determinant"),
            ((2, VALUES), "for all matrices"),
            ((4, VALUES), "false already"),
            ((3, ORTHO), "orthonormal"),
            ((3, {"A": [[0, 1], [1, 0], [0, 0]], "Z": [[1], [2], [3]]}), "orthonormal"),
            ((3, {"A": [[2], [0]], "Z": [[0], [0]]}), "not zero"),
            ((3, {"A": [[2], [0]], "Z": [[0], [1]]}), ""),
            ((3, {"A": [[0], [0]], "Z": [[1], [1]]}), ""),
        ],
    ),
    "profile-reml-slope-at-zero": Answers(
        right=[
            -(et.T * Zt * Zt.T * et),
            -((Zt.T * et).T * (Zt.T * et)),
            -tr(Zt.T * Ct * yt * yt.T * Ct * Zt),
            -(yt.T * Ct * Zt * Zt.T * Ct * yt),
            -(yt.T * Ct.T * Zt * Zt.T * (yt - Xt * (Xt.T * Xt).I * Xt.T * yt)),
        ],
        wrong=[
            (et.T * Zt * Zt.T * et, "The sign"),
            (0, "flat"),
            (-(yt.T * Zt * Zt.T * yt), "The data stand"),
            (-(et.T * Zt * Zt.T * yt), "on both sides"),
            (-(yt.T * Zt * Zt.T * et), "on both sides"),
            (-2 * (et.T * Zt * Zt.T * et), "factor 2"),
            (-tr(Zt.T * Ct * Zt), "A trace"),
            (tr(Zt.T * Ct * Zt), "A trace"),
            (-(et.T * et), ""),
            (-(et.T * Zt * Zt.T * Zt * Zt.T * et), ""),
            (-(et.T * Zt * Zt.T * et) / 2, ""),
            (-tr(Zt * Zt.T) * tr(et * et.T), ""),  # right for one observation
        ],
    ),
    "profile-reml-saturated": Answers(
        right=["b", "B", "(b)"],
        wrong=[
            ("a", "single contrast"),
            ("A", "single contrast"),
            ("c", "vanish"),
            ("(c)", "vanish"),
            ("d", "tell two"),
        ],
    ),
    "profile-reml-prior": Answers(
        right=[by_prior, by_criteria, by_density],
        wrong=[
            (of(lambda kappa, vcov, one: kappa * one + np.linalg.inv(vcov)), "for the covariance"),
            (of(lambda kappa, vcov, one: kappa * one), "sampling error, besides"),
            (of(lambda kappa, vcov, one: vcov), "error of $\\hat\\beta$ alone"),
            (of(lambda kappa, vcov, one: kappa**2 * one + vcov), "variance of the prior"),
            (of(right_cov, (0, 1)), "log determinant is missing"),
            (of(right_cov, (1, 0)), "quadratic form is missing"),
            (
                lambda y, X, V, kappa: (
                    np.linalg.slogdet(V + kappa * X @ X.T)[1]
                    + y @ np.linalg.solve(V + kappa * X @ X.T, y)
                ),
                "whole criterion",
            ),
            (
                lambda y, X, V, kappa: (
                    by_criteria(y, X, V, kappa) + np.linalg.slogdet(X.T @ np.linalg.solve(V, X))[1]
                ),
                "profile of ML",
            ),
            (of(right_cov, (-1, -1)), "wrong way round"),
            (of(right_cov, (-0.5, -0.5)), "units"),
            (of(right_cov, (0.5, 0.5)), "units"),
            (of(right_cov, (1, -1)), ""),
            (lambda y, X, V, kappa: by_criteria(y, X, V, kappa) * (1 + 1e-5), ""),
            (lambda y, X, V, kappa: by_criteria(y, X, np.eye(len(y)), kappa), ""),
            (lambda y, X, V, kappa: by_criteria(y, X, V, 1e9), ""),
            (lambda y, X, V, kappa: by_criteria(y, X, V, 1.0), ""),
        ],
    ),
}
