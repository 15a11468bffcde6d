"""Judges the steps of the lab "Neyman and Scott"."""

from __future__ import annotations

import math

import sympy as sp
from mpmath import gammainc

from lmmbook.exercises.exercise import Exercise, Misconception
from lmmbook.exercises.kinds import Choice, Expression, Function, MatrixExpression
from lmmbook.exercises.late import np
from matrixproof import Setting
from matrixproof.judges.exact import matrix
from matrixproof.language.expressions import Expr, as_scalar

CHAPTER = "lab-neyman-scott"
Symbols = dict[str, Expr]
k, m, sigma2 = sp.symbols("k m sigma2", positive=True)


def objects() -> tuple[Setting, Symbols]:
    s = Setting("k m", where="k > 1, m > 1")
    kk, mm = s.dimensions

    def indicators(draw):
        each = sp.kronecker_product(sp.eye(draw.size(kk)), sp.ones(draw.size(mm), 1))
        return matrix(each.tolist())

    Z, y = s.matrices("Z: k*m,k", sampler=indicators), s.vectors("y: k*m")
    return s, {"Z": Z, "y": y, "k": kk, "m": mm}


def sum_of_squares(z: Symbols) -> Expr:
    y, Z = z["y"], z["Z"]
    return as_scalar(y.T * y) - as_scalar(y.T * Z * Z.T * y) / z["m"]


def stacks() -> list[tuple[np.ndarray]]:
    """Stacks of tables whose rows have means of their own."""
    rng = np.random.default_rng(61)
    shapes = ((4, 3, 2), (3, 5, 4), (6, 2, 3))
    return [(rng.normal(0, 5, (r, a, 1)) + rng.normal(1, 1.4, (r, a, b)),) for r, a, b in shapes]


def both(tables: np.ndarray, centre: np.ndarray | None = None) -> np.ndarray:
    _, a, b = tables.shape
    centre = tables.mean(axis=2, keepdims=True) if centre is None else centre
    squares = np.sum((tables - centre) ** 2, axis=(1, 2))
    return np.column_stack([squares / (a * b), squares / (a * (b - 1))])


def grids() -> list[tuple]:
    x = np.linspace(0.2, 2.6, 9)
    return [(x, 3, 2, 1.0), (2 * x, 5, 3, 1.7), (x / 2, 12, 2, 0.6)]


def chi_square(x: np.ndarray, degrees: float, unit: float, jacobian: bool = True) -> np.ndarray:
    """The density of ``unit`` times a chi-square variable."""
    h = degrees / 2
    u = x / unit
    value = np.exp((h - 1) * np.log(u) - u / 2 - h * math.log(2) - math.lgamma(h))
    return value / unit if jacobian else value


def laws(x, k, m, sigma2, degrees=None, jacobian=True) -> np.ndarray:
    """Densities of ML and of REML."""
    nu = k * (m - 1) if degrees is None else degrees
    units = sigma2 / (k * m), sigma2 / (k * (m - 1))
    return np.array([chi_square(x, nu, unit, jacobian) for unit in units])


def below(x: float, degrees: int) -> float:
    return float(gammainc(degrees / 2, 0, x / 2, regularized=True))


def near(k, m, c, degrees=None, centre=1.0) -> tuple[float, float]:
    """Probabilities that ML and REML are within c of the centre, in units of the true value."""
    nu = k * (m - 1) if degrees is None else degrees
    divisors = k * m, k * (m - 1)
    return tuple(
        below(d * (centre + c), nu) - below(max(d * (centre - c), 0.0), nu) for d in divisors
    )


def about_own_mean(k, m, c) -> tuple[float, float]:
    nu = k * (m - 1)
    ml = below(k * m * ((m - 1) / m + c), nu) - below(max(k * m * ((m - 1) / m - c), 0.0), nu)
    return ml, near(k, m, c)[1]


def normal(k, m, c) -> tuple[float, float]:
    """By a normal law with the right mean and variance."""
    found = []
    for d in (k * m, k * (m - 1)):
        mean, sd = k * (m - 1) / d, math.sqrt(2 * k * (m - 1)) / d
        z = [(x - mean) / sd / math.sqrt(2) for x in (1 - c, 1 + c)]
        found.append((math.erf(z[1]) - math.erf(z[0])) / 2)
    return tuple(found)


SIZES = ((3, 2, 0.5), (10, 2, 0.3), (6, 4, 0.25), (40, 3, 0.2), (5, 2, 1.2))

EXERCISES = (
    Exercise(
        "lab-ns-squares",
        CHAPTER,
        MatrixExpression(objects, sum_of_squares),
        (
            Misconception(
                "$ZZ'$ adds up the measurements of an object. A projection takes their mean.",
                lambda z: (
                    as_scalar(z["y"].T * z["y"]) - as_scalar(z["y"].T * z["Z"] * z["Z"].T * z["y"])
                ),
            ),
            Misconception(
                "This is the squared length of the fitted values. What is asked for is what they "
                "leave.",
                lambda z: as_scalar(z["y"].T * z["Z"] * z["Z"].T * z["y"]) / z["m"],
            ),
            Misconception(
                "The means are those of the objects, each over as many measurements as one object "
                "has.",
                lambda z: (
                    as_scalar(z["y"].T * z["y"])
                    - as_scalar(z["y"].T * z["Z"] * z["Z"].T * z["y"]) / z["k"]
                ),
            ),
            Misconception(
                "The means are those of the objects, each over as many measurements as one object "
                "has.",
                lambda z: (
                    as_scalar(z["y"].T * z["y"])
                    - as_scalar(z["y"].T * z["Z"] * z["Z"].T * z["y"]) / (z["k"] * z["m"])
                ),
            ),
            Misconception(
                "Nothing has been subtracted: the objects have means.",
                lambda z: as_scalar(z["y"].T * z["y"]),
            ),
            Misconception(
                "That is an estimate already. The sum of squares itself is asked for.",
                lambda z: sum_of_squares(z) / (z["k"] * z["m"]),
            ),
            Misconception(
                "That is an estimate already. The sum of squares itself is asked for.",
                lambda z: sum_of_squares(z) / (z["k"] * (z["m"] - 1)),
            ),
        ),
        "One projection for all objects at once. Its trace counts what they cost.",
        "One half for the projection, one half for the quadratic form.",
    ),
    Exercise(
        "lab-ns-score",
        CHAPTER,
        Expression(-k / (2 * sigma2), {"k": 2, "m": 2, "sigma2": None}),
        (
            Misconception(
                "A score has mean zero if the other parameters are held at their true values. "
                "Here they are replaced by estimates.",
                sp.Integer(0),
            ),
            Misconception(
                "The sign. In which direction does ML miss the true value?",
                k / (2 * sigma2),
            ),
            Misconception(
                "A factor 2: this is about minus twice the log likelihood, or twice it.",
                k / sigma2,
            ),
            Misconception(
                "A factor 2: this is about minus twice the log likelihood, or twice it.",
                -k / sigma2,
            ),
            Misconception(
                "The second term is missing: the sum of squares over $2\\sigma^4$ has a mean too.",
                -k * m / (2 * sigma2),
            ),
            Misconception(
                "Only one coefficient is counted. Each object brings one.",
                -1 / (2 * sigma2),
            ),
            Misconception(
                "The power of $\\sigma^2$: a slope in $\\sigma^2$ has the units of its reciprocal.",
                -k / 2,
            ),
            Misconception(
                "The power of $\\sigma^2$: a slope in $\\sigma^2$ has the units of its reciprocal.",
                -k / (2 * sigma2**2),
            ),
        ),
        "The mean of the profile score grows with the number of objects, as fast as the "
        "information does. More objects do not help.",
        "One half for the slope, one half for its mean.",
    ),
    Exercise(
        "lab-ns-many",
        CHAPTER,
        Function(
            lambda tables: both(tables),
            stacks,
            "an array with a row for each table and two columns",
            1e-9,
        ),
        (
            Misconception(
                "This has REML first. The order is ML, then REML.",
                lambda tables: both(tables)[:, ::-1],
            ),
            Misconception(
                "The means are over the wrong axis: each object has its own, over its "
                "measurements.",
                lambda tables: both(tables, tables.mean(axis=1, keepdims=True)),
            ),
            Misconception(
                "One mean for a whole table: then the differences between the objects count as "
                "error.",
                lambda tables: both(tables, tables.mean(axis=(1, 2), keepdims=True)),
            ),
            Misconception(
                "REML takes away one degree of freedom for each object, not one for each table.",
                lambda tables: np.column_stack(
                    [
                        both(tables)[:, 0],
                        both(tables)[:, 0] * tables[0].size / (tables[0].size - 1),
                    ]
                ),
            ),
            Misconception(
                "These are standard deviations.",
                lambda tables: np.sqrt(both(tables)),
            ),
            Misconception(
                "The tables are data sets of their own. You averaged over them.",
                lambda tables: both(tables) * 0 + both(tables).mean(axis=0),
            ),
        ),
        "A simulation is one array with one axis more.",
        "One third for the row means, one third for each divisor.",
    ),
    Exercise(
        "lab-ns-density",
        CHAPTER,
        Function(
            lambda x, k, m, sigma2: laws(x, k, m, sigma2),
            grids,
            "an array with two rows, one density in each",
            1e-8,
        ),
        (
            Misconception(
                "The density of a multiple has to be divided by the multiple: yours does not "
                "integrate to one.",
                lambda x, k, m, sigma2: laws(x, k, m, sigma2, jacobian=False),
            ),
            Misconception(
                "The degrees of freedom are those of all observations, as if the means were known.",
                lambda x, k, m, sigma2: laws(x, k, m, sigma2, k * m),
            ),
            Misconception(
                "The degrees of freedom are those with a single mean. Each object takes one.",
                lambda x, k, m, sigma2: laws(x, k, m, sigma2, k * m - 1),
            ),
            Misconception(
                "This has REML first. The order is ML, then REML.",
                lambda x, k, m, sigma2: laws(x, k, m, sigma2)[::-1],
            ),
            Misconception(
                "Both are the density of one of the two estimates. They divide the same sum by "
                "different numbers.",
                lambda x, k, m, sigma2: laws(x, k, m, sigma2)[[0, 0]],
            ),
            Misconception(
                "Both are the density of one of the two estimates. They divide the same sum by "
                "different numbers.",
                lambda x, k, m, sigma2: laws(x, k, m, sigma2)[[1, 1]],
            ),
            Misconception(
                "This is the law when $\\sigma^2$ is 1. It is a parameter.",
                lambda x, k, m, sigma2: laws(x, k, m, 1.0),
            ),
            Misconception(
                "You took $\\sigma^2$ for the standard deviation.",
                lambda x, k, m, sigma2: laws(x, k, m, sigma2**2),
            ),
        ),
        "One chi-square variable, stretched by two different numbers: ML's law is REML's, moved to "
        "the left and made narrower by the same factor.",
        "One half for degrees of freedom and multiple, one half for the density of a multiple.",
    ),
    Exercise(
        "lab-ns-close",
        CHAPTER,
        Function(lambda k, m, c: near(k, m, c), SIZES, "two probabilities", 1e-7),
        (
            Misconception(
                "The interval is about the true value. You put it about the mean of the estimate.",
                about_own_mean,
            ),
            Misconception(
                "This has REML first. The order is ML, then REML.",
                lambda k, m, c: near(k, m, c)[::-1],
            ),
            Misconception(
                "These are the probabilities of being further away.",
                lambda k, m, c: tuple(1 - x for x in near(k, m, c)),
            ),
            Misconception(
                "Only one side is looked at: an estimate may be too small or too large.",
                lambda k, m, c: tuple(
                    below(d * (1 + c), k * (m - 1)) for d in (k * m, k * (m - 1))
                ),
            ),
            Misconception(
                "The degrees of freedom are those of all observations, as if the means were known.",
                lambda k, m, c: near(k, m, c, k * m),
            ),
            Misconception(
                "The degrees of freedom are those with a single mean. Each object takes one.",
                lambda k, m, c: near(k, m, c, k * m - 1),
            ),
            Misconception(
                "A normal law is only an approximation here, and a poor one for few objects. The "
                "exact law is known.",
                normal,
            ),
            Misconception(
                "Both are the probability for REML. ML divides by another number.",
                lambda k, m, c: (near(k, m, c)[1],) * 2,
            ),
            Misconception(
                "Both are the probability for ML. REML divides by another number.",
                lambda k, m, c: (near(k, m, c)[0],) * 2,
            ),
        ),
        "For REML this probability goes to one with the number of objects, for every $c$; for ML "
        "to zero, where $c$ is below $1/m$. That is what inconsistent means.",
        "One half for the interval in terms of the chi-square variable, one half for its "
        "probability.",
    ),
    Exercise(
        "lab-ns-once",
        CHAPTER,
        Choice("b", "abcd"),
        (
            Misconception(
                "Zero is not permitted as a variance of Gaussian data. What does the density do on "
                "the way there?",
                "a",
            ),
            Misconception(
                "A correction needs something to correct. How many contrasts are left?",
                "c",
            ),
            Misconception(
                "One half belongs to two measurements of each object. With one, the share of "
                "coefficients among the observations is another.",
                "d",
            ),
        ),
        "At the end of the road where coefficients take all degrees of freedom ML runs away, and "
        "REML has nothing to say. The second is the honest answer.",
        "The letter one half, one half for counting contrasts.",
    ),
    Exercise(
        "lab-ns-sentence",
        CHAPTER,
        Choice("d", "abcd"),
        (
            Misconception(
                "A large variance of each pair's own estimate does no harm: it averages out over "
                "the objects. What does not?",
                "a",
            ),
            Misconception(
                "Your simulation drew Gaussian errors, as the likelihood supposes. It is not "
                "the law of the errors.",
                "b",
            ),
            Misconception(
                "The profile likelihood of $\\sigma^2$ has one maximum, and it is found exactly. "
                "It stands in the wrong place.",
                "c",
            ),
        ),
        "Count the coefficients as a share of the observations. When the share does not vanish, "
        "neither does ML's bias.",
        "The letter one half, a sentence in the student's own words one half.",
    ),
)
