import numpy as np
import sympy as sp
from scipy.optimize import minimize
from scipy.stats import lognorm, multivariate_normal, norm

from exercise_answers import Answers
from lmmcore.textbook import definition

n, S = sp.symbols("n S", positive=True)
mu = sp.Symbol("mu")


def by_scipy(z, mu, sigma2):
    return lognorm(s=np.sqrt(sigma2), scale=np.exp(mu)).logpdf(z).sum()


def by_jacobian(z, mu, sigma2):
    return norm(mu, sigma2**0.5).logpdf(np.log(z)).sum() + np.log(np.abs(1 / z)).sum()


def by_joint_density(z, mu, sigma2):
    k = len(z)
    joint = multivariate_normal(np.full(k, mu), sigma2 * np.eye(k))
    return joint.logpdf(np.log(z)) - np.log(np.prod(z))


def gauss(z, mu, sigma2):
    return norm(mu, sigma2**0.5).logpdf(np.log(z)).sum()


def by_schur(J):
    schur = J[0, 0] - J[0, 1:] @ np.linalg.solve(J[1:, 1:], J[1:, 0])
    return 1 / np.sqrt(schur), 1 / np.sqrt(J[0, 0])


def by_determinants(J):
    return [np.sqrt(np.linalg.det(J[1:, 1:]) / np.linalg.det(J)), J[0, 0] ** -0.5]


def by_cholesky(J):
    backwards = np.linalg.cholesky(J[::-1, ::-1])
    return np.array([1 / backwards[-1, -1], 1 / np.linalg.cholesky(J)[0, 0]])


def pairwise(J):
    return 1 / np.sqrt(J[0, 0] - J[0, 1] ** 2 / J[1, 1]), 1 / np.sqrt(J[0, 0])


def searched(y, X, W):
    """At the best coefficients, by search over the scale."""
    beta = definition.gls(y, X, W).beta
    found = minimize(
        lambda x: -definition.log_likelihood(y, X, beta, np.exp(x[0]) * W), [1.0], tol=1e-12
    )
    return -found.fun


def by_normal(y, X, W):
    Wi = np.linalg.inv(W)
    beta = np.linalg.inv(X.T @ Wi @ X) @ X.T @ Wi @ y
    r = y - X @ beta
    return multivariate_normal(X @ beta, r @ Wi @ r / len(y) * W).logpdf(y)


def by_projection(y, X, W):
    k = len(y)
    rss = y @ definition.projection(X, W) @ y
    logs = np.log(np.linalg.eigvalsh(2 * np.pi * rss / k * W)).sum()
    return -0.5 * (logs + k)


def by_whitening(y, X, W):
    L = np.linalg.cholesky(W)
    rss = np.linalg.lstsq(np.linalg.solve(L, X), np.linalg.solve(L, y), rcond=None)[1][0]
    k = len(y)
    return -k / 2 * (1 + np.log(2 * np.pi * rss / k)) - np.log(np.diag(L)).sum()


def with_divisor(y, X, W, exact=True):
    beta, f = definition.gls(y, X, W).beta, len(y) - X.shape[1]
    r = y - X @ beta
    scale = r @ np.linalg.solve(W, r) / f
    if exact:
        return definition.log_likelihood(y, X, beta, scale * W)
    return -(len(y) * (np.log(2 * np.pi * scale) + 1) + np.linalg.slogdet(W)[1]) / 2


def ld(W):
    return np.linalg.slogdet(W)[1]


def rss(y, X, W):
    return y @ definition.projection(X, W) @ y


def restricted(y, X, W):
    scale = rss(y, X, W) / (len(y) - X.shape[1])
    return definition.restricted_log_likelihood(y, X, scale * W)


def ordinary(y, X, W):
    beta = np.linalg.lstsq(X, y, rcond=None)[0]
    r = y - X @ beta
    return definition.log_likelihood(y, X, beta, r @ np.linalg.solve(W, r) / len(y) * W)


def coding(B, X=((1,), (1,)), W=((1, 0), (0, 1))):
    return (3, {"X": sp.Matrix(X), "W": sp.Matrix(W), "B": B})


TWO = ((1, 0), (1, 1), (1, 2))
VALUES = {"X": [[1], [1]], "W": [[1, 0], [0, 1]], "B": [[2]]}

ANSWERS = {
    "profile-transformed-data": Answers(
        right=[by_scipy, by_jacobian, by_joint_density],
        wrong=[
            (gauss, "log likelihood of $y$"),
            (lambda z, m, v: gauss(z, m, v) + np.log(z).sum(), "The sign"),
            (lambda z, m, v: gauss(z, m, v) - z.sum(), "its logarithm"),
            (lambda z, m, v: norm(m, v**0.5).logpdf(z).sum(), "not $z$ itself"),
            (lambda z, m, v: by_scipy(z, m, v**2), "standard deviation"),
            (lambda z, m, v: by_scipy(z, m, v) + len(z) / 2 * np.log(2 * np.pi), "constant"),
            (lambda z, m, v: -2 * by_scipy(z, m, v), "minus twice"),
            (lambda z, m, v: np.exp(by_scipy(z, m, v)), "This is a likelihood"),
            (lambda z, m, v: gauss(z, m, v) - np.abs(np.log(z)).sum(), ""),
            (lambda z, m, v: by_scipy(z, m, v) * (1 + 1e-5), ""),
            (lambda z, m, v: by_scipy(z, 0, v), ""),
            (lambda z, m, v: by_scipy(z, m, v) / len(z), ""),
            (lambda z, m, v: -by_scipy(z, m, v), ""),
        ],
    ),
    "profile-which-maximum": Answers(
        right=["c", "C", "(c)"],
        wrong=[
            ("a", "change of units"),
            ("(a)", "change of units"),
            ("b", "twin"),
            ("d", "one to one"),
            (" D ", "one to one"),
        ],
    ),
    "profile-slice": Answers(
        right=[by_schur, by_determinants, by_cholesky],
        wrong=[
            (lambda J: by_schur(J)[::-1], "wrong order"),
            (lambda J: np.square(by_schur(J)), "variances"),
            (lambda J: 1 / np.array(by_schur(J)), "roots of informations"),
            (lambda J: [J[0, 0] ** -0.5] * 2, "The first"),
            (lambda J: [np.linalg.inv(J)[0, 0] ** 0.5] * 2, "The second"),
            (lambda J: (J[0, 0] ** 0.5, np.linalg.inv(J)[0, 0] ** -0.5), "once more"),
            (
                lambda J: (
                    np.abs(J[0, 0] - J[0, 1:] @ J[1:, 1:] @ J[1:, 0]) ** -0.5,
                    J[0, 0] ** -0.5,
                ),
                "Schur",
            ),
            (pairwise, ""),  # right for two
            (lambda J: np.array(by_schur(J)) * (1 + 1e-5), ""),
            (lambda J: by_schur(J[::-1, ::-1]), ""),
            (lambda J: (1.0, 1.0), ""),
        ],
    ),
    "profile-mean": Answers(
        right=[
            -n / (S / n),
            -1 / (S / n / n),
            -(sp.Symbol("n") ** 2) / sp.Symbol("S"),
            sp.diff(-n / 2 * sp.log(S / n + mu**2), mu, 2).subs(mu, 0),
        ],
        wrong=[
            (n**2 / S, "The sign"),
            (-n * (n - 1) / S, "divisor"),
            (-S / n**2, "reciprocal"),
            (S / n**2, "reciprocal"),
            (2 * n**2 / S, "factor 2"),
            (-n / S, "of one observation"),
            (-1 / S, "no variance yet"),
            (-(n**2) / (2 * S), ""),
            (-n, ""),
            (sp.sqrt(n**2 / S), ""),
        ],
    ),
    "profile-false-line": Answers(
        right=[
            coding([[2]]),
            coding([[sp.Rational(1, 3)]]),
            [3, {"X": sp.Matrix(TWO), "W": sp.diag(1, 2, 3), "B": [[1, 0], [4, 7]]}],
            coding(sp.Matrix([[1, 2], [3, 4]]), TWO, ((2, 1, 0), (1, 2, 0), (0, 0, 1))),
        ],
        wrong=[
            ((1, VALUES), "transposes"),
            ((2, VALUES), "square"),
            ((4, VALUES), "reciprocal"),
            (coding([[1]]), "determinant of one"),
            (coding([[-1]]), "determinant of one"),
            (coding([[1, 5], [0, 1]], TWO, sp.eye(3)), "determinant of one"),
            (coding([[0]]), ""),
            (coding([[2]], ((0,), (0,))), ""),
        ],
    ),
    "profile-whitened": Answers(
        right=[by_normal, by_projection, by_whitening, searched],
        wrong=[
            (restricted, "restricted"),
            (lambda y, X, W: by_projection(y - y.mean(), X, W), ""),
            (with_divisor, "n - p"),
            (lambda y, X, W: with_divisor(y, X, W, exact=False), "n - p"),
            (
                lambda y, X, W: definition.log_likelihood(y, X, definition.gls(y, X, W).beta, W),
                "taken as 1",
            ),
            (lambda y, X, W: by_normal(y, X, W) + ld(W) / 2, "whitened data"),
            (lambda y, X, W: by_normal(y, X, W) + ld(W), "wrong sign"),
            (lambda y, X, W: by_normal(y, X, W) - ld(W) / 2, "halved"),
            (lambda y, X, W: -2 * by_normal(y, X, W), "minus twice"),
            (
                lambda y, X, W: -(len(y) * np.log(rss(y, X, W)) + ld(W)) / 2,
                "up to a constant",
            ),
            (
                lambda y, X, W: -(len(y) * np.log(rss(y, X, W) / len(y)) + ld(W)) / 2,
                "up to a constant",
            ),
            (ordinary, ""),
            (lambda y, X, W: by_normal(y, X, np.eye(len(y))), ""),
            (lambda y, X, W: by_normal(y, X, np.diag(np.diag(W))), ""),
            (lambda y, X, W: by_normal(y, X, W) * (1 + 1e-5), ""),
            (lambda y, X, W: -abs(by_normal(y, X, W)) + 1e-4, ""),
        ],
    ),
}
