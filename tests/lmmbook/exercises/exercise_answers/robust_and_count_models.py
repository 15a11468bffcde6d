import math

import numpy as np
import sympy as sp

from exercise_answers import Answers


def hermite(nodes=100):
    def answer(mu, tau):
        z, w = np.polynomial.hermite.hermgauss(nodes)
        return w @ np.exp(-np.exp(mu + tau * math.sqrt(2) * z)) / math.sqrt(math.pi)
    return answer


def probabilists(mu, tau):
    z, w = np.polynomial.hermite_e.hermegauss(90)
    return float((w * np.exp(-np.exp(mu + tau * z))).sum() / w.sum())


def riemann(mu, tau):
    eta = np.linspace(mu - 10 * tau, mu + 10 * tau, 20_001)
    density = np.exp(-0.5 * ((eta - mu) / tau) ** 2) / (tau * math.sqrt(2 * math.pi))
    return np.sum(np.exp(-np.exp(eta)) * density) * (eta[1] - eta[0])


true = hermite()
nu, scale = 2.8980213, 14.494449
ANSWERS = {
    "a-tenth-of-the-weight": Answers(
        right=[3 * math.sqrt(3), 5.19615, sp.sqrt(27)],
        wrong=[
            (27, "square of it"),
            (sp.sqrt(37), "largest weight is not 1"),
            (math.sqrt(30), "Nearly"),
            (math.sqrt(3), "pull is strongest"),
            (30, "far too far"),
            (9, ""),
            (3, ""),
            (-3 * math.sqrt(3), ""),
        ],
    ),
    "scale-is-no-deviation": Answers(
        right=[scale * math.sqrt(nu / (nu - 2)), 26.0377, np.float64(26.038)],
        wrong=[
            (scale, "That is the scale"),
            (677.96, "the variance"),
            (scale * nu / (nu - 2), "for the variance, and"),
            (scale * math.sqrt(nu / (nu - 1)), "subtract one"),
            (scale * math.sqrt((nu - 2) / nu), "exchanged"),
            (25.5918, "normal fit"),
            (-26.038, ""),
            (26.2, ""),
        ],
    ),
    "chance-of-none": Answers(
        right=[true, probabilists, riemann],
        wrong=[
            (lambda mu, tau: math.exp(-math.exp(mu)), "effect is zero"),
            (lambda mu, tau: math.exp(-math.exp(mu + tau**2 / 2)), "same mean"),
            (lambda mu, tau: true(mu, tau**2), "its square"),
            (lambda mu, tau: true(mu, tau / math.sqrt(2)), "times a node"),
            (lambda mu, tau: math.sqrt(math.pi) * true(mu, tau), "divide by their sum"),
            (lambda mu, tau: math.sqrt(2 * math.pi) * true(mu, tau), "divide by their sum"),
            (lambda mu, tau: 1 - true(mu, tau), "at least one"),
            (lambda mu, tau: true(mu, 1.0), ""),
            (lambda mu, tau: true(0.5, tau), ""),
            (lambda mu, tau: 1.0001 * true(mu, tau), ""),
            (hermite(3), ""),
        ],
    ),
    "freedom-without-end": Answers(
        right=["c", "C", "(c)"],
        wrong=[("a", "level"), ("A", "level"), ("b", "no maximum"), ("d", "an answer, too"),
               ("(d)", "an answer, too")],
    ),
}
