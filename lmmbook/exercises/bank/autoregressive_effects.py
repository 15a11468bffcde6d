"""Judges the exercises of the chapter "Autoregressive effects"."""

from __future__ import annotations

from typing import Any

import sympy as sp

from lmmbook.exercises.exercise import Exercise, Misconception
from lmmbook.exercises.kinds import Expression, Function, MatrixExpression, Unreadable
from lmmbook.exercises.late import np
from matrixproof import Setting, eye
from matrixproof.language.expressions import Expr

CHAPTER = "autoregressive-effects"
Symbols = dict[str, Any]
FOUR = "Give B, its inverse, Psi and its inverse as four square matrices."


# -- the matrices ----------------------------------------------------------------------------


def matrices(a: float, tau2: float, tau12: float, m: int) -> np.ndarray:
    return with_parts(a, [tau12] + [tau2] * (m - 1))


def with_parts(a: float, variances: list[float], sign: float = -1.0) -> np.ndarray:
    """The inverse of B, B, Psi and its inverse, for innovations of any variances."""
    B_inverse = np.eye(len(variances)) + sign * a * np.eye(len(variances), k=-1)
    B, C = np.linalg.inv(B_inverse), np.diag(variances)
    return np.array([B_inverse, B, B @ C @ B.T, B_inverse.T @ np.linalg.inv(C) @ B_inverse])


def swapped(a: float, tau2: float, tau12: float, m: int) -> np.ndarray:
    return matrices(a, tau2, tau12, m)[[1, 0, 2, 3]]


def inverse_in_wrong_order(a: float, tau2: float, tau12: float, m: int) -> np.ndarray:
    B_inverse, B, Psi, _ = matrices(a, tau2, tau12, m)
    return np.array([B_inverse, B, Psi, B_inverse @ np.diag([1 / tau12] + [1 / tau2] * (m - 1))
                     @ B_inverse.T])  # fmt: skip


def transposed(a: float, tau2: float, tau12: float, m: int) -> np.ndarray:
    B_inverse, B, _, _ = matrices(a, tau2, tau12, m)
    C = np.diag([tau12] + [tau2] * (m - 1))
    return np.array([B_inverse, B, B.T @ C @ B, B_inverse @ np.linalg.inv(C) @ B_inverse.T])


def four_squares(value: Any) -> np.ndarray:
    """Four matrices of one size, sparse ones filled, one below the other."""
    if not isinstance(value, np.ndarray | list | tuple) or len(value) != 4:
        raise Unreadable(FOUR)
    dense = [part.toarray() if hasattr(part, "toarray") else part for part in value]
    try:
        array = np.asarray(dense, dtype=float)
    except (TypeError, ValueError):
        raise Unreadable(FOUR) from None
    if array.ndim != 3 or array.shape[1] != array.shape[2]:
        raise Unreadable(FOUR)
    return array


STARTED = (
    (0.5, 2.0, 3.0, 4), (-0.8, 1.5, 0.7, 3), (1.0, 0.6, 2.5, 5), (1.3, 1.0, 1.8, 2),
    (0.4, 3.0, 3.0 / 0.84, 6),
)  # fmt: skip


# -- every second time -----------------------------------------------------------------------


def every_second(a: float, tau2: float) -> tuple[float, float]:
    return a**2, tau2 * (1 + a**2)


THINNED = ((0.5, 2.0), (-0.8, 0.5), (0.9, 1.0), (-0.37123, 3.14159))


# -- symbols ---------------------------------------------------------------------------------


def noise() -> tuple[Setting, Symbols]:
    s = Setting("k")
    Q, sigma2 = s.positive_definite("Q: k"), s.scalars("sigma2")
    return s, {"Q": Q, "sigma2": sigma2, "I": eye(s.dimensions[0])}


def nested_inverse(node: Expr) -> bool:
    """An inverse within an inverse: of a matrix that has no zeros."""
    if node.op != "inverse":
        return False
    return any(part.op == "inverse" for part in node.args[0].walk())


a, tau2 = sp.symbols("a tau2", real=True)
u1, u2, u3, u4, u5 = u = sp.symbols("u1:6", real=True)
steps = [(u[t + 1] - u[t]) ** 2 for t in range(3)]
INSIDE = (-1, 1)

EXERCISES = (
    Exercise(
        "ar1-stationary-start",
        CHAPTER,
        Expression(tau2 / (1 - a**2), {"a": INSIDE, "tau2": None}),
        (
            Misconception(
                "The coefficient multiplies the effect. What does it do to a variance?",
                tau2 / (1 - a),
            ),
            Misconception(
                "That is the variance of one innovation. The effect also carries a share of the "
                "one before it.",
                tau2,
            ),
            Misconception(
                "This is the variance after a single step from an innovation. It grows further "
                "with the next step.",
                (1 + a**2) * tau2,
            ),
            Misconception(
                "The sign: variances of independent parts add, so the effect varies more than "
                "its innovation.",
                tau2 / (1 + a**2),
            ),
            Misconception(
                "Upside down: try a coefficient close to 1, where the series wanders far.",
                tau2 * (1 - a**2),
            ),
            Misconception("This is negative for small $a$.", tau2 / (a**2 - 1)),
            Misconception(
                "This is a standard deviation. Asked is the variance.",
                sp.sqrt(tau2 / (1 - a**2)),
            ),
            Misconception(
                "This is the covariance of two neighbours.",
                a * tau2 / (1 - a**2),
            ),
        ),
        "A stationary variance is a fixed point: what a step takes away by shrinking, the new "
        "innovation brings back.",
        "Half for the equation of the fixed point, half for why the whole distribution agrees.",
    ),
    Exercise(
        "ar1-matrices",
        CHAPTER,
        Function(
            matrices,
            STARTED,
            returns="four m x m matrices: the inverse of B, B, Psi and the inverse of Psi",
            tolerance=1e-9,
            view=four_squares,
        ),
        (
            Misconception(
                "$B$ and its inverse have changed places: which of the two takes the innovations "
                "to the effects?",
                swapped,
            ),
            Misconception(
                "The sign below the diagonal: write the innovation as what the recursion leaves.",
                lambda a, tau2, tau12, m: with_parts(a, [tau12] + [tau2] * (m - 1), sign=1.0),
            ),
            Misconception(
                "The order of the factors: the covariance of $B\\nu$ has the transpose on the "
                "right.",
                transposed,
            ),
            Misconception(
                "The inverse of a product has the factors in the opposite order.",
                inverse_in_wrong_order,
            ),
            Misconception(
                "The first innovation has a variance of its own, and it is given: do not put the "
                "stationary one in its place.",
                lambda a, tau2, tau12, m: with_parts(
                    a, [tau2 / abs(1 - a**2) if a != 1 else tau12] + [tau2] * (m - 1)
                ),
            ),
            Misconception(
                "The first innovation has a variance of its own.",
                lambda a, tau2, tau12, m: with_parts(a, [tau2] * m),
            ),
            Misconception(
                "The variances of the innovations are lost: they stand between $B$ and $B'$.",
                lambda a, tau2, tau12, m: with_parts(a, [1.0] * m),
            ),
            Misconception(
                "These are standard deviations where variances belong.",
                lambda a, tau2, tau12, m: with_parts(a, [tau12**0.5] + [tau2**0.5] * (m - 1)),
            ),
        ),
        "The recursion is written down in the inverse of $B$: two diagonals. The covariance is "
        "full, its inverse has three diagonals.",
        "A quarter for each matrix.",
    ),
    Exercise(
        "ar1-neighbours",
        CHAPTER,
        Expression(
            a / (1 + a**2) * (u2 + u4),
            {"a": INSIDE, "tau2": None, "u1": (-9, 9), "u2": (-9, 9), "u4": (-9, 9), "u5": (-9, 9)},
        ),
        (
            Misconception(
                "This uses the past alone. The time after it was also given, and is as close.",
                a * u2,
            ),
            Misconception(
                "The two neighbours tell partly the same, so their forecasts do not add up. What "
                "is the entry of $Q$ on its diagonal?",
                a * (u2 + u4),
            ),
            Misconception(
                "This is the forecast from each side, averaged. Two sides are better than one, "
                "and less is shrunk.",
                a * (u2 + u4) / 2,
            ),
            Misconception(
                "This is the middle between the neighbours, as if the series had no mean to "
                "return to.",
                (u2 + u4) / 2,
            ),
            Misconception(
                "The sign: the entries of $Q$ beside the diagonal are negative, and there is a "
                "minus before the sum.",
                -a / (1 + a**2) * (u2 + u4),
            ),
            Misconception(
                "You divided by something else than the entry of $Q$ at the third time.",
                a * (u2 + u4) / (1 - a**2),
            ),
            Misconception(
                "The times further away play a part here. In $Q$ their entries at the third time "
                "are zero.",
                when=lambda value: bool({x.name for x in value.free_symbols} & {"u1", "u5"}),
            ),
        ),
        "Zeros of an inverse covariance are conditional independences: given the neighbours, the "
        "rest tells nothing.",
        "Half for the two neighbours, half for the factor.",
    ),
    Exercise(
        "ar1-noise",
        CHAPTER,
        MatrixExpression(
            noise,
            lambda z: (z["I"] + z["sigma2"] * z["Q"]).I * z["Q"],
            without={
                nested_inverse: "It is that matrix, but it inverts one that has no zeros: the "
                "inverse of $Q$ is full. Take it out of the bracket."
            },
        ),
        (
            Misconception(
                "The inverse of a sum is not the sum of the inverses.",
                lambda z: z["Q"] + z["I"] / z["sigma2"],
            ),
            Misconception(
                "This is $V$ itself, not its inverse.",
                lambda z: z["Q"].I + z["sigma2"] * z["I"],
            ),
            Misconception(
                "$Q$ is the inverse covariance of the effects; you used it as their covariance.",
                lambda z: (z["Q"] + z["sigma2"] * z["I"]).I,
            ),
            Misconception(
                "A factor is lost: $V$ is a product of two matrices, and both are to be inverted.",
                lambda z: (z["I"] + z["sigma2"] * z["Q"]).I,
            ),
            Misconception(
                "One factor is inverted too often: the inverse of $Q^{-1}T$ has which two factors?",
                lambda z: (z["I"] + z["sigma2"] * z["Q"]).I * z["Q"].I,
            ),
            Misconception(
                "Almost: the noise variance does not cancel.",
                lambda z: z["I"] - (z["I"] + z["sigma2"] * z["Q"]).I,
            ),
            Misconception(
                "Woodbury has a minus sign before its second term.",
                lambda z: (
                    z["I"] / z["sigma2"] + (z["I"] / z["sigma2"] + z["Q"]).I / z["sigma2"] ** 2
                ),
            ),
        ),
        "Neither the covariance of the data nor its inverse is sparse; what is solved is a sparse "
        "system.",
        "Half for an expression that is right, half for one without a full matrix.",
    ),
    Exercise(
        "ar1-limit",
        CHAPTER,
        Expression(
            sum(steps) / tau2,
            {"a": INSIDE, "tau2": None, "u1": (-9, 9), "u2": (-9, 9), "u3": (-9, 9), "u4": (-9, 9)},
        ),
        (
            Misconception(
                "The first effect is priced here. What becomes of its variance, and so of its "
                "price, in the limit?",
                (u1**2 + sum(steps)) / tau2,
            ),
            Misconception(
                "There is still an $a$ in it: take the limit.",
                when=lambda value: "a" in {x.name for x in value.free_symbols},
            ),
            Misconception(
                "These are sums of neighbours: that is the limit at the other end, $a \\to -1$.",
                sum((u[t + 1] + u[t]) ** 2 for t in range(3)) / tau2,
            ),
            Misconception(
                "The variance of the innovations is lost: it says how dear a step is.",
                sum(steps),
            ),
            Misconception(
                "A factor of one half belongs to the logarithm of the density; asked is the "
                "quadratic form.",
                sum(steps) / (2 * tau2),
            ),
            Misconception(
                "All pairs are compared here. Only neighbours have entries in $Q$.",
                sum((x - y) ** 2 for i, x in enumerate(u[:4]) for y in u[:i]) / tau2,
            ),
            Misconception(
                "These are second differences, which leave straight lines free, too.",
                sum((u[t + 2] - 2 * u[t + 1] + u[t]) ** 2 for t in range(2)) / tau2,
            ),
            Misconception(
                "This prices the effects themselves, as if they were independent.",
                sum(x**2 for x in u[:4]) / tau2,
            ),
        ),
        "Only differences of neighbours are priced. The level is free, so the limit is a prior "
        "that is no distribution.",
        "Half for the limit, a quarter for why it is improper, a quarter for its name.",
    ),
    Exercise(
        "ar1-every-second",
        CHAPTER,
        Function(
            every_second, THINNED, "two numbers: the coefficient and the variance", tolerance=1e-9
        ),
        (
            Misconception(
                "Two steps lie between one observed time and the next, each with its own "
                "innovation.",
                lambda a, tau2: (a**2, tau2),
            ),
            Misconception(
                "The older of the two innovations is shrunk by one step before it is seen.",
                lambda a, tau2: (a**2, 2 * tau2),
            ),
            Misconception(
                "Shrinking by $a$ multiplies a variance by something else.",
                lambda a, tau2: (a**2, tau2 * (1 + a)),
            ),
            Misconception(
                "The variance is right, but correlations multiply over two steps.",
                lambda a, tau2: (a, tau2 * (1 + a**2)),
            ),
            Misconception(
                "The coefficient of two steps is not twice that of one.",
                lambda a, tau2: (2 * a, tau2 * (1 + a**2)),
            ),
            Misconception(
                "This is the variance of the effects, which thinning does not change. Asked is "
                "that of the innovations.",
                lambda a, tau2: (a**2, tau2 / (1 - a**2)),
            ),
            Misconception(
                "The new coefficient was squared where the old one should be: between the two "
                "times the older innovation is shrunk by one step.",
                lambda a, tau2: (a**2, tau2 * (1 + a**4)),
            ),
            Misconception(
                "The two numbers have changed places: first the coefficient.",
                lambda a, tau2: (tau2 * (1 + a**2), a**2),
            ),
        ),
        "A thinned autoregression is one again; its sign can no longer be seen.",
        "Half for each of the two numbers.",
    ),
)
