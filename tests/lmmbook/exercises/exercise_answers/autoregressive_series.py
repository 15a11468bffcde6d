from fractions import Fraction

import numpy as np
import sympy as sp

from exercise_answers import Answers
from lmmcore import fit, load, series

nile = load("Nile")
found = fit(series(nile["Flow"], {"(Intercept)": 1}, nile["Year"]))
a, last = found.estimates[2], found.random_effects["time"][-1, 0]

ANSWERS = {
    "nile-forecast": Answers(
        right=[
            found.beta[0] + a**10 * last,
            866.24,
            sp.Float("866.238"),
            np.array([(1 - a**10) * found.beta[0] + a**10 * (found.beta[0] + last)]),
        ],
        wrong=[
            (1111.6686787 - 313.30138537, "of the walk"),
            (found.beta[0] + last, "of the last year"),
            (found.beta[0] + a * last, "One year only"),
            (found.beta[0], "not gone"),
            (920.6946258 - 139.75027763 * 0.861032937**10, "By ML"),
            (found.beta[0] + a**9 * last, "too few"),
            (found.beta[0] + a**11 * last, "too many"),
            (found.beta[0] + (1 - 10 * (1 - a)) * last, "by a constant"),
            (found.beta[0] - a**10 * last, "sign"),
            (866.3, ""),
            (870, ""),
            (a**10 * last, ""),
        ],
    ),
    "nile-units": Answers(
        right=[
            lambda sigma2, tau2, a, beta, c: (c**2 * sigma2, c**2 * tau2, a, c * beta),
            lambda s, t, a, b, factor: np.array([s * factor**2, t * factor**2, a, b * factor]),
            lambda sigma2, tau2, a, beta, c: [
                float((Fraction(c) * Fraction(sigma2**0.5)) ** 2),
                (abs(c) * tau2**0.5) ** 2,
                sp.Float(a),
                sp.Float(beta) * c,
            ],
        ],
        wrong=[
            (lambda s, t, a, b, c: (c * s, c * t, a, c * b), "squared units"),
            (lambda s, t, a, b, c: (c**2 * s, c**2 * t, c * a, c * b), "no units"),
            (lambda s, t, a, b, c: (c**2 * s, t, a, c * b), "like the noise"),
            (lambda s, t, a, b, c: (c**2 * s, c**2 * t, a, c**2 * b), "not in their squares"),
            (lambda s, t, a, b, c: (s / c**2, t / c**2, a, b / c), "other way round"),
            (lambda s, t, a, b, c: (c**2 * s, c**2 * t, a, b), "mean changes"),
            (lambda s, t, a, b, c: (c**2 * s, c**2 * t, a, abs(c) * b), ""),
            (lambda s, t, a, b, c: (100 * s, 100 * t, a, 10 * b), ""),
            (lambda s, t, a, b, c: (s, t, a, b), ""),
            (lambda s, t, a, b, c: (c**2 * s, c**2 * t, abs(a), c * b), ""),
            (lambda s, t, a, b, c: (c**2 * s, c**2 * t, 1 - a, c * b), ""),
        ],
    ),
    "nile-other-year": Answers(
        right=["b", "B", "(b)"],
        wrong=[
            ("a", "right year only"),
            ("c", "infinite variance"),
            ("d", "side by side"),
            ("A", "right year only"),
            ("(d)", "side by side"),
        ],
    ),
}
