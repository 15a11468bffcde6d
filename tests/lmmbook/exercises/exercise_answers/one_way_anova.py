import numpy as np
import sympy as sp
from scipy.special import betainc
from scipy.stats import chi2, f

from exercise_answers import Answers
from lmmcore import fit, grouped
from lmmcore.textbook.one_way import one_way
from matrixproof import Setting, eye

s = Setting("k m", where="k > 1, m > 1")
k, m = s.dimensions
Z = s.matrices("Z: k*m,k")
sigma2, tau2 = s.scalars("sigma2 tau2")
lam, One, J = sigma2 + m * tau2, eye(k * m), Z * Z.T

K, D = sp.symbols("k d", positive=True)
nu = K - 1


def by_book(table):
    return [x for method in ("ML", "REML") for x in one_way(table, method)[1:3]]


def by_fit(table):
    a, b = table.shape
    model = grouped(table.ravel(), {"one": 1}, {"g": np.repeat(np.arange(a), b)})
    return np.concatenate([fit(model, x).estimates for x in ("ML", "REML")])


def by_hand(table):
    a, b = table.shape
    n, out = a * b, []
    total = np.sum((table - table.mean()) ** 2)
    within = np.mean(table.var(axis=1, ddof=1))
    between = total - a * (b - 1) * within
    for lost in (0, 1):
        if between / (a - lost) <= within:
            out += [total / (n - lost), 0]
        else:
            out += [within, (between / (a - lost) - within) / b]
    return tuple(out)


def parts(table):
    a, b = table.shape
    within = np.mean(table.var(axis=1, ddof=1))
    return a, b, within, b * np.sum((table.mean(1) - table.mean()) ** 2)


def unclipped(table, correct=lambda x: x):
    a, b, within, ssb = parts(table)
    return [x for div in (a, a - 1) for x in (within, correct((ssb / div - within) / b))]


def maximum_likelihood_total(table):
    out = np.array(by_hand(table))
    if out[3] == 0:
        out[2] = table.var()
    return out


def no_m(table):
    return [x * (table.shape[1] if i % 2 else 1) for i, x in enumerate(by_hand(table))]


def raw_means(table):
    extra = parts(table)[2] / table.shape[1]
    return [x + extra * (i % 2) * (x > 0) for i, x in enumerate(by_hand(table))]


def with_other_divisors(table):
    """ML's divisor within the groups is n."""
    out = list(by_hand(table))
    if out[1]:
        out[0] *= (table.shape[1] - 1) / table.shape[1]
    return out


def by_beta(k, m, phi):
    a, b = (k - 1) / 2, k * (m - 1) / 2
    c = 1 / (1 + m * phi)
    return betainc(a, b, a * c / (a * c + b))


def tail(k, m, phi):
    return f(k * (m - 1), k - 1).sf(1 + m * phi)


ANSWERS = {
    "one-way-inverse": Answers(
        right=[
            One / sigma2 - tau2 / (sigma2 * lam) * J,
            (One - J / m) / sigma2 + J / (m * lam),
            (One - (tau2 / lam) * Z * Z.T) / sigma2,
            One / lam + (One - J / m) * (m * tau2 / (sigma2 * lam)),
        ],
        wrong=[
            (sigma2 * One + tau2 * J, "itself"),
            (One / sigma2 + J / tau2, "term by term"),
            (One / sigma2 + tau2 / (sigma2 * lam) * J, "The sign"),
            ((One - J / m) / sigma2 + J / m / (sigma2 + tau2), "once"),
            ((One - J) / sigma2 + J / lam, "no projection"),
            ((One - J / m) / sigma2 + J / m / (m * tau2), "has error"),
            ((One - J / m) / lam + J / m / sigma2, "other's place"),
            ((sigma2 * One + tau2 * J).I, ""),
            (One / sigma2 - Z * (eye(k) / tau2 + Z.T * Z / sigma2).I * Z.T / sigma2**2, ""),
            (One / sigma2 - tau2 / (sigma2 * (sigma2 + 2 * tau2)) * J, ""),  # pairs only
            (One / sigma2 - tau2 / (sigma2 * (sigma2 + k * tau2)) * J, ""),
            (One / sigma2, ""),
        ],
    ),
    "one-way-estimates": Answers(
        right=[by_book, by_fit, by_hand],
        wrong=[
            (unclipped, "slides"),
            (lambda t: unclipped(t, lambda x: max(x, 0)), "anew"),
            (maximum_likelihood_total, "another number"),
            (lambda t: by_hand(t)[2:] * 2, "has another one"),
            (lambda t: by_hand(t)[:2] * 2, "lost one"),
            (lambda t: by_hand(t)[2:] + by_hand(t)[:2], "REML first"),
            (lambda t: [by_hand(t)[i] for i in (1, 0, 3, 2)], "before"),
            (no_m, "not $\\tau^2$"),
            (raw_means, "share"),
            (lambda t: np.sqrt(by_hand(t)), "standard deviations"),
            (lambda t: unclipped(t, abs), ""),
            (with_other_divisors, ""),
            (lambda t: by_hand(t[:, :2]), ""),
            (lambda t: by_hand(abs(t)), ""),
            (lambda t: np.array(by_hand(t)) * (1 + 1e-5), ""),
            (lambda t: by_hand(t - t.mean(axis=1, keepdims=True)), ""),
        ],
    ),
    "one-way-divisor": Answers(
        right=[
            2 * nu / D**2 + (nu / D - 1) ** 2,
            (nu**2 + 2 * nu - 2 * nu * D + D**2) / D**2,
            (K**2 - 1) / D**2 - 2 * nu / D + 1,
            sp.Symbol("d") ** -2 * (2 * (sp.Symbol("k") - 1) + (sp.Symbol("d") - nu) ** 2),
        ],
        wrong=[
            (2 * nu / D**2, "This is the variance"),
            ((nu / D - 1) ** 2, "squared bias"),
            (2 * nu / D**2 + nu / D - 1, "its square"),
            (2 * K / D**2 + (K / D - 1) ** 2, "fewer than"),
            (nu / D**2 + (nu / D - 1) ** 2, "factor 2"),
            (2 * nu / D + (nu / D - 1) ** 2, "not by itself"),
            (2 / nu, "one divisor"),
            (2 / K - 1 / K**2, "one divisor"),
            (2 / (K + 1), "one divisor"),
            (2 * nu / D**2 + (D / nu - 1) ** 2, ""),
            (2 * nu + (nu - D) ** 2, ""),
            (2 * nu / D**2 + sp.Abs(nu / D - 1), ""),
            (2 * nu / D**2 + (nu / D - 1) ** 2 + sp.Rational(1, 10**5), ""),
        ],
    ),
    "one-way-zero": Answers(
        right=[
            lambda k, m, phi: f(k - 1, k * (m - 1)).cdf(1 / (1 + m * phi)),
            by_beta,
            tail,
        ],
        wrong=[
            (lambda k, m, phi: 1 - tail(k, m, phi), "positive estimate"),
            (lambda k, m, phi: tail(k, m, 0), "only when"),
            (lambda k, m, phi: f(k - 1, k * (m - 1)).cdf(1 + m * phi), "divide"),
            (lambda k, m, phi: tail(k, m, phi / m), "group mean"),
            (lambda k, m, phi: f(k * (m - 1), k - 1).cdf(1 / (1 + m * phi)), "wrong order"),
            (lambda k, m, phi: f(k, k * (m - 1)).cdf(1 / (1 + m * phi)), "overall"),
            (lambda k, m, phi: f(k - 1, k * m - 1).cdf(1 / (1 + m * phi)), "of its own"),
            (lambda k, m, phi: f(k - 1, k * (m - 1)).cdf(k / (k - 1) / (1 + m * phi)), "ML"),
            (lambda k, m, phi: 0.5, ""),
            (lambda k, m, phi: tail(6, 5, phi), ""),
            (lambda k, m, phi: tail(k, m, phi) + 1e-5, ""),
            (lambda k, m, phi: tail(k, m, phi**2), ""),
            (lambda k, m, phi: chi2(k - 1).cdf((k - 1) / (1 + m * phi)), ""),  # many per group
        ],
    ),
    "one-way-level": Answers(
        right=[
            f(5, 24).sf(1),
            1 - by_beta(6, 5, 0),
            sp.Float(f(24, 5).cdf(1)),
            np.float64(0.43893),
        ],
        wrong=[
            (0.05, "usual level"),
            (f(5, 24).cdf(1), "rejecting"),
            (0.5, "symmetric"),
            (f(5, 24).sf(1.2), "ML's zero"),
            (f(6, 24).sf(1), "count the means"),
            (f(5, 29).sf(1), "count the means"),
            (-0.43893, ""),
            (43.893, ""),
            (f(5, 24).sf(4.6), ""),
            (0.44, ""),
            (0.4392, ""),
        ],
    ),
    "one-way-unbiased": Answers(
        right=["c", "C", " (c) "],
        wrong=[
            ("a", "mean square within"),
            ("A", "mean square within"),
            ("b", "permitted region"),
            ("(b)", "permitted region"),
            ("d", "cutting"),
        ],
    ),
}
