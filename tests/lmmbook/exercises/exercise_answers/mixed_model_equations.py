from fractions import Fraction

import numpy as np
import sympy as sp

from exercise_answers import Answers
from lmmcore.textbook import mixed_model_equations as mme
from matrixproof import Setting, define, eye, zero

sigma2, tau2, f, phi = sp.symbols("sigma2 tau2 f phi")

s = Setting("n p k", where="n > p")
n, p, k = s.dimensions
Z, B = s.matrices("Z: n,k; B: k,p")
V, Psi = s.positive_definite("V: n; Psi: k")
X, y = define("X", Z * B), s.vectors("y: n")
P = define("P", V.I - V.I * X * (X.T * V.I * X).I * X.T * V.I)
u = define("uhat", Psi * Z.T * P * y)
nothing = zero(p, 1)

o = Setting("n p k", where="n > p")
Xo, Zo = o.full_rank("X: n,p"), o.matrices("Z: n,k")
Sigma, Psi_o = o.positive_definite("Sigma: n; Psi: k")
Vo = define("V", Sigma + Zo * Psi_o * Zo.T)
Po = define("P", Vo.I - Vo.I * Xo * (Xo.T * Vo.I * Xo).I * Xo.T * Vo.I)
T = define("T", Psi_o.I + Zo.T * Sigma.I * Zo)
H = define("H", Xo.T * Vo.I * Xo)
cross = T.I * Zo.T * Sigma.I * Xo


def by_system(y, X, Z, sigma2, tau2):
    p, W = X.shape[1], np.hstack([X, Z])
    C = W.T @ W / sigma2
    C[p:, p:] += np.eye(Z.shape[1]) / tau2
    w = np.linalg.solve(C, W.T @ y / sigma2)
    return w[:p], w[p:]


def by_gls(y, X, Z, sigma2, tau2):
    V = sigma2 * np.eye(len(y)) + tau2 * Z @ Z.T
    beta = np.linalg.solve(X.T @ np.linalg.solve(V, X), X.T @ np.linalg.solve(V, y))
    return [beta.tolist(), tau2 * Z.T @ np.linalg.solve(V, y - X @ beta)]


def by_augmented(y, X, Z, sigma2, tau2):
    p, k = X.shape[1], Z.shape[1]
    W = np.block([[X, Z], [np.zeros((k, p)), np.sqrt(sigma2 / tau2) * np.eye(k)]])
    w = np.linalg.lstsq(W, np.append(y, np.zeros(k)), rcond=None)[0]
    return w[:p, None], w[p:, None]


def by_book(y, X, Z, sigma2, tau2):
    found = mme.henderson(y, X, Z, sigma2 * np.eye(len(y)), tau2 * np.eye(Z.shape[1]))
    return found.beta, found.random_effects


def ratio(change):
    return lambda y, X, Z, sigma2, tau2: by_system(y, X, Z, 1.0, 1 / change(sigma2, tau2))


def ordinary(y, X, Z, sigma2, tau2):
    beta = np.linalg.lstsq(X, y, rcond=None)[0]
    V = sigma2 * np.eye(len(y)) + tau2 * Z @ Z.T
    return beta, tau2 * Z.T @ np.linalg.solve(V, y - X @ beta)


def all_penalised(y, X, Z, sigma2, tau2):
    W = np.hstack([X, Z])
    w = np.linalg.solve(W.T @ W + sigma2 / tau2 * np.eye(W.shape[1]), W.T @ y)
    return w[: X.shape[1]], w[X.shape[1] :]


def unpenalised(y, X, Z, sigma2, tau2):
    w = np.linalg.lstsq(np.hstack([X, Z]), y, rcond=None)[0]
    return w[: X.shape[1]], w[X.shape[1] :]


ANSWERS = {
    "mme-solve": Answers(
        right=[by_system, by_gls, by_augmented, by_book],
        wrong=[
            (ratio(lambda s2, t2: t2 / s2), "upside down"),
            (ratio(lambda s2, t2: 1 / t2), "this corner too"),
            (all_penalised, "like the effects"),
            (ordinary, "solved "),
            (unpenalised, "taken as fixed"),
            (ratio(lambda s2, t2: (s2 / t2) ** 0.5), "roots of"),
            (lambda *a: by_system(*a)[::-1], "changed places"),
            (lambda *a: (by_system(*a)[0], by_system(*a)[1] * (1 + 1e-4)), ""),
            (lambda *a: (by_system(*a)[0], np.abs(by_system(*a)[1])), ""),
            (ratio(lambda s2, t2: 1.0), ""),
            (lambda *a: (by_system(*a)[0], 0 * by_system(*a)[1]), ""),
        ],
    ),
    "mme-ridge": Answers(
        right=[
            sigma2 / tau2,
            1 / (tau2 / sigma2),
            sigma2 * tau2**-1,
            sp.exp(sp.log(sigma2 / tau2)),
        ],
        wrong=[
            (tau2 / sigma2, "Upside down"),
            (1 / tau2, "has been multiplied"),
            (1 / sigma2, "how noisy"),
            (sp.sqrt(sigma2 / tau2), "standard deviations"),
            (sigma2 / (sigma2 + tau2), "share of shrinkage"),
            (sigma2 / (2 * tau2), "A half"),
            (sigma2, ""),
            (sigma2 / tau2**2, ""),
        ],
    ),
    "mme-half-shrunk": Answers(
        right=[
            f / ((1 - f) * phi),
            1 / (phi * (1 / f - 1)),
            (1 / (1 - f) - 1) / phi,
            -f / (phi * (f - 1)),
        ],
        wrong=[
            ((1 - f) / (f * phi), "what is lost"),
            (f * phi / (1 - f), "Upside down"),
            (f / phi, "denominator of the factor"),
            (f * phi / (1 + f * phi), "not the size"),
            (f / ((1 - f) * phi**2), "standard deviations"),
            (f / ((f - 1) * phi), "negative"),
            (1 / phi, ""),
            (f / ((1 + f) * phi), ""),
            (f**2 / ((1 - f) * phi), ""),
        ],
    ),
    "mme-prediction-error": Answers(
        right=[
            Psi_o - Psi_o * Zo.T * Po * Zo * Psi_o,
            Psi_o - 2 * Psi_o * Zo.T * Po * Zo * Psi_o + Psi_o * Zo.T * Po * Vo * Po * Zo * Psi_o,
            T.I + cross * H.I * cross.T,
            Psi_o * (eye(k) - Zo.T * Po * Zo * Psi_o),
        ],
        wrong=[
            (Psi_o * Zo.T * Po * Zo * Psi_o, "variance of the prediction"),
            (T.I, "known coefficients"),
            (Psi_o - Psi_o * Zo.T * Vo.I * Zo * Psi_o, "known coefficients"),
            (Psi_o + Psi_o * Zo.T * Po * Zo * Psi_o, "simply add up"),
            (Psi_o, "before the data"),
            (Psi_o - 2 * Psi_o * Zo.T * Po * Zo * Psi_o, "comes twice"),
            (Psi_o - Zo.T * Po * Zo, "compare the units"),
            (T.I - cross * H.I * cross.T, ""),
            (T, ""),
            (Psi_o - Psi_o * Zo.T * Po * Po * Zo * Psi_o, ""),
        ],
    ),
    "mme-mean-square": Answers(
        right=[11 / 36, sp.Rational(11, 36), Fraction(11, 36), np.float64(0.305556), 1 - 25 / 36],
        wrong=[
            (1 / 6, "known mean"),
            (1 / 3, "not shrunk"),
            (25 / 36, "not of its error"),
            (1, "before the data"),
            ((11 / 36) ** 0.5, "a root"),
            (11 / 6, "the sum"),
            (0.2, "mean included"),
            (0.31, ""),
            (0.3, ""),
        ],
    ),
    "mme-zero-sum": Answers(
        right=[
            s.derive(B.T * Psi.I * u)
            .step((Z * B).T * P * y, "Psi cancels")
            .step(nothing, "the residuals are orthogonal to X"),
            s.derive(B.T * Psi.I * (Psi * Z.T * P * y))
            .step(X.T * P * y, "insert X")
            .step(nothing, "X'P"),
            s.derive(B.T * Psi.I * u)
            .step(B.T * Z.T * P * y, "Psi cancels")
            .step(nothing, "B'Z' = X'")
            .named("zero-sum", "Zero"),
        ],
        wrong=[
            (s.derive(X.T * P * y).step(nothing, "known"), "inverse of"),
            (s.derive(B.T * Psi.I * u).step(X.T * P * y, "insert"), "as far as it goes"),
            (s.derive(B.T * Psi.I * u), "as far as it goes"),
            (s.derive(B.T * Psi * Psi.I * Z.T * P * y).step(nothing, "cancels"), "somewhere else"),
            (s.derive(B.T * Z.T * P * y).step(nothing, "no Psi"), "inverse of"),
            (s.derive(B.T * Psi.I * u).step(nothing, "at once"), ""),
            (s.derive(B.T * Psi.I * u).step(B.T * Psi.I * u, "as it is").step(nothing, "so"), ""),
        ],
    ),
}
