import numpy as np
import sympy as sp
from scipy.optimize import brentq
from scipy.stats import chi2, f

from exercise_answers import Answers
from lmmbook.demos.sampling import zero_probability


def by_laws(k, m, sigma2, tau2):
    lam = sigma2 + m * tau2
    between = chi2(k - 1, scale=lam / (k - 1)).var()
    return (between + chi2(k * (m - 1), scale=sigma2 / (k * (m - 1))).var()) / m**2


def by_parts(k, m, sigma2, tau2):
    a = 2 * (tau2 + sigma2 / m) ** 2 / (k - 1)
    return np.array([a + 2 * (sigma2 / m) ** 2 / (k * m - k)])


def by_quadratic_forms(k, m, sigma2, tau2):
    """2 tr(AVAV) for the matrix of the estimate."""
    Z = np.kron(np.eye(k), np.ones((m, 1)))
    P_b = Z @ Z.T / m - 1 / (k * m)
    A = (P_b / (k - 1) - (np.eye(k * m) - Z @ Z.T / m) / (k * (m - 1))) / m
    AV = A @ (sigma2 * np.eye(k * m) + tau2 * Z @ Z.T)
    return 2 * np.sum(AV * AV.T)


def of(between=1.0, within=1.0, power=2, degrees=lambda k: k - 1, mean=lambda m, s, t: s + m * t):
    def answer(k, m, sigma2, tau2):
        first = 2 * mean(m, sigma2, tau2) ** 2 / degrees(k)
        return (between * first + within * 2 * sigma2**2 / (k * (m - 1))) / m**power

    return answer


LIMIT = (1 / f.ppf(0.05, 5, 24) - 1) / 5

ANSWERS = {
    "dyestuff-plan": Answers(
        right=[by_laws, by_parts, by_quadratic_forms],
        wrong=[
            (of(power=1), "by its square"),
            (of(power=0), "by its square"),
            (of(within=-1), "not the difference"),
            (of(within=0), "varies, too"),
            (of(0.5, 0.5), "factor 2"),
            (of(degrees=lambda k: k), "fewer than"),
            (lambda *x: by_laws(*x) ** 0.5, "standard deviation"),
            (of(mean=lambda m, s, t: m * t), "factor $m$"),
            (of(mean=lambda m, s, t: s + t), "factor $m$"),
            (of(between=0), ""),
            (of(mean=lambda m, s, t: s + 5 * t), ""),  # right for groups of five
            (lambda *x: by_laws(*x) * (1 + 1e-5), ""),
            (lambda k, m, s, t: by_laws(6, 5, s, t), ""),
        ],
    ),
    "dyestuff-power": Answers(
        right=[
            LIMIT,
            brentq(lambda phi: zero_probability(6, 5, phi) - 0.05, 0, 5),
            sp.Float((f.ppf(0.95, 24, 5) - 1) / 5),
            round(LIMIT, 4),
        ],
        wrong=[
            ((1 / f.ppf(0.95, 5, 24) - 1) / 5, "other end"),
            ((f.ppf(0.95, 5, 24) - 1) / 5, "other end"),
            (1 / f.ppf(0.05, 5, 24), "Solve"),
            (1 / f.ppf(0.05, 5, 24) - 1, "Solve"),
            ((1.2 / f.ppf(0.05, 5, 24) - 1) / 5, "for ML"),
            (LIMIT**0.5, "standard deviations"),
            ((1 / f.ppf(0.05, 24, 5) - 1) / 5, "other end"),
            (0.7196, ""),  # the estimate
            (-LIMIT, ""),
            (LIMIT * 1.002, ""),
            (brentq(lambda phi: zero_probability(6, 5, phi) - 0.025, 0, 9), ""),
        ],
    ),
    "dyestuff-leave-out": Answers(
        right=["d", "D", "(d)"],
        wrong=[
            ("a", "far more"),
            ("(a)", "far more"),
            ("b", "far from the mean"),
            ("c", "six shares"),
            ("C", "six shares"),
        ],
    ),
}
