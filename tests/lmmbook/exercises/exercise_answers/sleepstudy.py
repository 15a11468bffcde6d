import numpy as np

from exercise_answers import Answers
from matrixproof import Setting, define, eye

s = Setting("m q", where="m > q")
m, q = s.dimensions
D, Lambda = s.full_rank("D: m,q"), s.matrices("Lambda: q")
S = define("S", eye(m) + D * Lambda * Lambda.T * D.T)
G = (D.T * D).I


def three_parts(x, vcov_beta, covariance, sigma2):
    return x @ (vcov_beta + covariance) @ x + sigma2


def by_loops(x, vcov_beta, covariance, sigma2):
    total = float(sigma2)
    for i, a in enumerate(x):
        for j, b in enumerate(x):
            total += a * b * (vcov_beta[i][j] + covariance[i][j])
    return np.array([[total]])


def by_factors(x, vcov_beta, covariance, sigma2):
    """The squared length of what the three errors are made of."""
    rows = [np.linalg.cholesky(C).T @ x for C in (vcov_beta, covariance)]
    return np.sum(np.concatenate([*rows, [np.sqrt(sigma2)]]) ** 2)


def by_entries(covariance, c):
    (a, b), (_, d) = covariance
    return [[a + 2 * c * b + c * c * d, b + c * d], [b + c * d, d]]


def by_steps(covariance, c):
    T = np.eye(2)
    T[0, 1] = c
    return np.einsum("ij,jk,lk->il", T, covariance, T)


def by_design(covariance, c):
    """From the covariance of two days, which is the same for both."""
    old = np.array([[1.0, 0.0], [1.0, 1.0]])
    new = np.linalg.inv(np.array([[1.0, -c], [1.0, 1.0 - c]]))
    return new @ old @ covariance @ old.T @ new.T


def entries(level=1.0, covariance=1.0, sign=1):
    def answer(C, c):
        b = C[0, 1] + sign * covariance * c * C[1, 1]
        a = C[0, 0] + 2 * sign * level * c * C[0, 1] + c**2 * C[1, 1]
        return np.array([[a, b], [b, C[1, 1]]])

    return answer


ANSWERS = {
    "sleep-line-covariance": Answers(
        right=[
            G + Lambda * Lambda.T,
            Lambda * Lambda.T + (D.T * D).I,
            G * (eye(q) + D.T * D * Lambda * Lambda.T),
            G * (D.T * D + D.T * D * Lambda * Lambda.T * D.T * D) * G,
            G * D.T * S * D * G,
            (G.I * (G.I + G.I * Lambda * Lambda.T * G.I).I * G.I).I,
        ],
        wrong=[
            (G, "measuring a line"),
            (Lambda * Lambda.T, "also have errors"),
            (D.T * D + Lambda * Lambda.T, "More days"),
            (G + Lambda.T * Lambda, "covariance matrix of"),
            (G + Lambda, "factor of a covariance"),
            ((D.T * D + (Lambda * Lambda.T).I).I, "added the information"),
            (G * (eye(q) + Lambda * Lambda.T), "weighted by the design"),
            ((D.T * S.I * D).I, ""),  # what was given
            (G * D.T * S * S * D * G, ""),
            (G - Lambda * Lambda.T, ""),
            (G + 2 * Lambda * Lambda.T, ""),
            (G + Lambda * Lambda, ""),
            (eye(q) + Lambda * Lambda.T, ""),  # right for orthonormal columns
            ((D.T * S * D).I, ""),
        ],
    ),
    "sleep-new-person": Answers(
        right=[three_parts, by_loops, by_factors],
        wrong=[
            (lambda x, v, c, s2: x @ v @ x + s2, "line of their own"),
            (lambda x, v, c, s2: x @ v @ x, "line of their own"),
            (lambda x, v, c, s2: x @ (v + c) @ x, "off that line"),
            (lambda x, v, c, s2: x @ c @ x + s2, "has been estimated"),
            (lambda x, v, c, s2: x @ v @ x + x**2 @ np.diag(c) + s2, "between them"),
            (lambda x, v, c, s2: x**2 @ np.diag(v + c) + s2, "between them"),
            (lambda *a: three_parts(*a) ** 0.5, "standard deviation"),
            (lambda x, v, c, s2: x @ (v + c) @ x + s2**2, "already"),
            (lambda x, v, c, s2: x @ (v + c) @ x + s2**0.5, "already"),
            (lambda x, v, c, s2: x @ (c - v) @ x + s2, "without the new person"),
            (lambda x, v, c, s2: v[0, 0] + x @ c @ x + s2, ""),
            (lambda x, v, c, s2: x @ v @ x + c[0, 0] + s2, ""),
            (lambda *a: three_parts(*a) * (1 + 1e-5), ""),
            (lambda x, v, c, s2: x @ (v + c) @ x + 654.9, ""),
            (lambda x, v, c, s2: 2 * np.sqrt(three_parts(x, v, c, s2)), ""),
            (lambda x, v, c, s2: np.sum(v + c) + s2, ""),
        ],
    ),
    "sleep-centre": Answers(
        right=[by_entries, by_steps, by_design],
        wrong=[
            (entries(sign=-1), "other way"),
            (entries(covariance=0), "with the slope, too"),
            (entries(level=0), "is forgotten"),
            (
                lambda C, c: np.array([[1, 0], [c, 1]]) @ C @ np.array([[1, c], [0, 1]]),
                "transpose stands",
            ),
            (lambda C, c: np.array([[1, c], [0, 1]]) @ C, "from both sides"),
            (lambda C, c: C, "Which of the effects"),
            (lambda C, c: np.diag(np.diag(C)), "Which of the effects"),
            (entries(level=0.5), ""),
            (lambda C, c: by_steps(C, 4.5), ""),
            (lambda C, c: np.diag(np.diag(by_steps(C, c))), ""),
            (lambda C, c: by_steps(C, abs(c)), ""),
            (lambda C, c: by_steps(C, c) + 1e-5, ""),
            (lambda C, c: by_steps(C, c)[::-1, ::-1], ""),
            (lambda C, c: np.triu(by_steps(C, c)), ""),
        ],
    ),
    "sleep-more-days": Answers(
        right=["b", "B", "(b)"],
        wrong=[
            ("a", "were independent"),
            ("(A)", "were independent"),
            ("c", "does fall"),
            ("C", "does fall"),
            ("d", "less certain"),
        ],
    ),
}
