import math

import numpy as np

from exercise_answers import Answers
from matrixproof import Setting, eye

s = Setting("n k p", where="n > p")
k = s.dimensions[1]
T, X, R = s.matrices("T: n,k"), s.full_rank("X: n,p"), s.positive_definite("R: n")
W = R.I
V = R + T * T.T
left = (X.T * W * X).I


def by_newton(y, mu, tau):
    u = 0.0
    for _ in range(500):
        rate = math.exp(mu + tau * u)
        step = (tau * rate - y * tau + u) / (1 + tau**2 * rate)
        u -= max(-1.0, min(1.0, step))
    rate = math.exp(mu + tau * u)
    height = -rate + y * (mu + tau * u) - math.lgamma(y + 1) - u * u / 2
    return height - math.log(1 + tau**2 * rate) / 2


def in_log_mean(y, mu, tau):
    """The same with eta = mu + tau u for the variable: Laplace does not mind a linear change."""
    eta = np.linspace(mu - 12 * tau, mu + 12 * tau, 200_001)
    f = np.exp(eta) - y * eta + (eta - mu) ** 2 / (2 * tau**2)
    for _ in range(3):  # finer about the smallest
        i = int(np.argmin(f))
        eta = np.linspace(eta[max(i - 2, 0)], eta[min(i + 2, len(eta) - 1)], 2001)
        f = np.exp(eta) - y * eta + (eta - mu) ** 2 / (2 * tau**2)
    i = int(np.argmin(f))
    bend = np.exp(eta[i]) + 1 / tau**2
    return -f[i] - math.lgamma(y + 1) - 0.5 * np.log(2 * np.pi * tau**2) \
        + 0.5 * np.log(2 * np.pi / bend)


def by_secant(y, mu, tau):
    def slope(u):
        return tau * math.exp(mu + tau * u) - y * tau + u

    low, high = -40.0, 40.0 / max(1.0, tau)
    while slope(high) < 0:
        high *= 2
    for _ in range(300):
        middle = (low + high) / 2
        low, high = (low, middle) if slope(middle) > 0 else (middle, high)
    u = low
    chance = math.exp(-math.exp(mu + tau * u) - u**2 / 2 + y * (mu + tau * u) - math.lgamma(y + 1))
    return np.array([math.log(chance / math.sqrt(1 + tau**2 * math.exp(mu + tau * u)))])


def spoilt(change):
    def answer(y, mu, tau):
        return by_newton(y, mu, tau) + change(y, mu, tau)
    return answer


def rate_at_mode(y, mu, tau):
    u = 0.0
    for _ in range(500):
        rate = math.exp(mu + tau * u)
        u -= max(-1.0, min(1.0, (tau * rate - y * tau + u) / (1 + tau**2 * rate)))
    return math.exp(mu + tau * u), u


def bent(f):
    """Another curvature."""
    def change(y, mu, tau):
        rate, _ = rate_at_mode(y, mu, tau)
        return 0.5 * math.log(1 + tau**2 * rate) - 0.5 * math.log(f(rate, tau))
    return spoilt(change)


def width(y, mu, tau):
    return 0.5 * math.log(1 + tau**2 * rate_at_mode(y, mu, tau)[0])


def at_zero(y, mu, tau):
    rate = math.exp(mu)
    return -rate + y * mu - math.lgamma(y + 1) - math.log(1 + tau**2 * rate) / 2


def exact(y, mu, tau):
    z, w = np.polynomial.hermite_e.hermegauss(120)
    rate = np.exp(mu + tau * z)
    return math.log(w @ np.exp(-rate + y * (mu + tau * z) - math.lgamma(y + 1)) / w.sum())


ANSWERS = {
    "integrate-beta-first": Answers(
        right=[
            eye(k) + T.T * W * T - T.T * W * X * left * X.T * W * T,
            eye(k) + T.T * (W - W * X * left * X.T * W) * T,
            (eye(k) + T.T * (W - W * X * left * X.T * W) * T).T,
            eye(k) + T.T * (W - W * X * left * X.T * W) * R * (W - W * X * left * X.T * W) * T,
        ],
        wrong=[
            (T.T * (W - W * X * left * X.T * W) * T, "density of $u$ is missing"),
            (eye(k) + T.T * (W + W * X * left * X.T * W) * T, "sign of the correction"),
            (eye(k) + T.T * W * T, "known $\\beta$"),
            (eye(k) + T.T * (V.I - V.I * X * (X.T * V.I * X).I * X.T * V.I) * T, "already"),
            (eye(k) + T.T * W * T - T.T * W * X * X.T * W * T, "inverse is lost"),
            (eye(k) + T.T * T - T.T * X * (X.T * X).I * X.T * T, ""),
            (2 * eye(k) + T.T * (W - W * X * left * X.T * W) * T, ""),
            ((eye(k) + T.T * (W - W * X * left * X.T * W) * T).I, ""),
        ],
    ),
    "laplace-of-a-count": Answers(
        right=[by_newton, in_log_mean, by_secant],
        wrong=[
            (lambda y, mu, tau: -by_newton(y, mu, tau), "negative of it"),
            (bent(lambda rate, tau: tau**2 * rate), "lacks the 1"),
            (bent(lambda rate, tau: 1 + rate), "brings $\\tau^2$"),
            (bent(lambda rate, tau: 1 + tau * rate), "twice"),
            (spoilt(lambda *a: -width(*a)), "one half is lost"),
            (spoilt(lambda *a: 2 * width(*a)), "broader bell"),
            (spoilt(width), "a width, too"),
            (at_zero, "$u = 0$"),
            (spoilt(lambda *a: rate_at_mode(*a)[1] ** 2 / 2), "missing at the mode"),
            (spoilt(lambda y, mu, tau: math.lgamma(y + 1)), "factorial"),
            (spoilt(lambda *a: -0.5 * math.log(2 * math.pi)), "too much"),
            (exact, ""),
            (lambda y, mu, tau: math.exp(by_newton(y, mu, tau)), ""),
            (lambda y, mu, tau: by_newton(y, 0.0, tau), ""),
            (lambda y, mu, tau: by_newton(y, mu, 1.0), ""),
            (lambda y, mu, tau: by_newton(y, mu, tau) * (1 + 1e-5), ""),
        ],
    ),
    "laplace-one-in-a-thousand": Answers(
        right=[84, 84.0, np.array([84])],
        wrong=[
            (209, "Only the third"),
            (125, "Only the fourth"),
            (334, "different signs"),
            (1000, "find the factor"),
            (83, "still larger"),
            (85, "one count less"),
            (834, "wrong place"),
            (12, ""),
            (-84, ""),
        ],
    ),
    "reml-of-counts": Answers(
        right=["b", "B", "(b)"],
        wrong=[
            ("a", "Contrasts"), ("A", "Contrasts"), ("c", "pulls"), ("(c)", "pulls"), ("d", "bell"),
        ],
    ),
}
