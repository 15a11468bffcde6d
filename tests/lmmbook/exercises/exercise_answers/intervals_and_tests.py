import numpy as np
import sympy as sp
from scipy.stats import f

from exercise_answers import Answers
from lmmbook.demos.sampling import zero_probability
from lmmcore import fit, grouped, load
from lmmcore.inference.degrees_of_freedom import t_tests

n, t = sp.symbols("n t", positive=True)

sleep = load("sleepstudy")
days = {"(Intercept)": 1, "Days": sleep["Days"]}
subject = {"Subject": sleep["Subject"]}
model = grouped(sleep["Reaction"], days, subject, {"Subject": days})
moved = {"(Intercept)": 1, "Days": sleep["Days"] - 9}  # counted from day 9


def value(result, cov=True, less=350.0):
    V = result.vcov_beta if cov else np.diag(np.diag(result.vcov_beta))
    contrast = np.array([1.0, 9.0])
    return (contrast @ result.beta - less) / np.sqrt(contrast @ V @ contrast)


reml = fit(model)
at_nine = fit(grouped(sleep["Reaction"], moved, subject, {"Subject": moved}))
shifted = fit(model.with_response(model.y - 350))
satterthwaite = t_tests(shifted, "satterthwaite", L=[1.0, 9.0], names=("day 9",))

ANSWERS = {
    "intervals-zeta": Answers(
        right=[
            n * sp.log(1 + t**2 / (n - 1)),
            n * (sp.log(n - 1 + t**2) - sp.log(n - 1)),
            -n * sp.log((n - 1) / (n - 1 + t**2)),
            2 * sp.Symbol("n") * sp.log(sp.sqrt(1 + sp.Symbol("t") ** 2 / (sp.Symbol("n") - 1))),
        ],
        wrong=[
            (t**2, "large samples"),
            (sp.sqrt(n * sp.log(1 + t**2 / (n - 1))), "itself"),
            ((n - 1) * sp.log(1 + t**2 / (n - 1)), "belongs to REML"),
            (n * sp.log(1 + t**2 / n), "divisor"),
            (n / 2 * sp.log(1 + t**2 / (n - 1)), "twice"),
            (sp.log(1 + t**2 / (n - 1)), "$n$ times"),
            (-n * sp.log(1 + t**2 / (n - 1)), "positive"),
            (5 * sp.log(1 + t**2 / 4), ""),  # for five observations only
            (n * t**2 / (n - 1), ""),
            (n * sp.log(1 + t / (n - 1)), ""),
        ],
    ),
    "intervals-zero-ml": Answers(
        right=[
            f(5, 24).cdf(6 / 5),
            zero_probability(6, 5, 0.0, "ML"),
            sp.Float(f(24, 5).sf(5 / 6)),
            0.66100,
        ],
        wrong=[
            (zero_probability(6, 5, 0.0), "how often REML"),
            (f(5, 24).sf(1.2), "positive estimate"),
            (0.5, "many groups"),
            (f(5, 24).cdf(5 / 6), "other side"),
            (f(6, 24).cdf(1.2), "five between"),
            (f(5, 29).cdf(1.2), "five between"),
            (f(24, 5).cdf(1.2), "five between"),
            (0.662, ""),
            (66.1, ""),
            (-0.661, ""),
        ],
    ),
    "intervals-coverage": Answers(
        right=["c", "C", "(c)"],
        wrong=[
            ("a", "in units of"),
            ("A", "in units of"),
            ("b", "nothing rare"),
            ("d", "one in twenty"),
            ("(d)", "one in twenty"),
        ],
    ),
    "intervals-day-nine": Answers(
        right=[
            value(reml),
            float(satterthwaite.t[0]),
            (at_nine.beta[0] - 350) / at_nine.se[0],
            round(value(reml), 4),
        ],
        wrong=[
            (-value(reml), "The sign"),
            (value(reml, less=0.0), "hypothesis is 350"),
            (np.array([1, 9]) @ reml.beta - 350, "in ms"),
            (value(reml, cov=False), "leaves out"),
            (value(fit(model, "ML")), "ML, or"),
            (value(fit(grouped(sleep["Reaction"], days, subject))), "ML, or"),
            (float(satterthwaite.p[0]), ""),
            (value(reml) * 1.002, ""),
            (value(reml) ** 2, ""),
        ],
    ),
}
