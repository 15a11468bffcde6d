"""Judges the exercises of the chapter "Three specifications of one model"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from lmmbook.exercises.exercise import Exercise, Misconception
from lmmbook.exercises.kinds import Choice, Expression, FalseStep, Function, MatrixExpression
from lmmbook.exercises.late import np
from matrixproof import Setting
from matrixproof.language.expressions import Expr

CHAPTER = "three-specifications"
Symbols = dict[str, Any]


def roots() -> tuple[Setting, Symbols]:
    s = Setting("n p k")
    X, Z, K, R = s.matrices("X: n,p; Z: n,k; K: k; R: n")
    beta, t = s.vectors("beta: p; t: n")
    i = s.scalars("i", positive=False)
    return s, {"mean": t.T * X * beta, "t": t, "Z": Z, "K": K, "R": R, "i": i}


def spread(z: Symbols, effects: Expr, errors: Expr) -> Expr:
    """t'(Z effects Z' + errors)t."""
    return z["t"].T * z["Z"] * effects * z["Z"].T * z["t"] + z["t"].T * errors * z["t"]


def both(z: Symbols) -> Expr:
    return spread(z, z["K"] * z["K"].T, z["R"] * z["R"].T)


def predict(
    y: np.ndarray, mean: np.ndarray, Z: np.ndarray, Psi: np.ndarray, Sigma: np.ndarray
) -> np.ndarray:
    return Psi @ Z.T @ np.linalg.solve(Z @ Psi @ Z.T + Sigma, y - mean)


def with_M(root: Callable[[np.ndarray], np.ndarray]) -> Callable[..., np.ndarray]:
    """The first form of the prediction, with something else for the inverse of Psi."""

    def wrong(y, mean, Z, Psi, Sigma):
        W = np.linalg.solve(Sigma, Z)
        return np.linalg.solve(root(Psi) + Z.T @ W, W.T @ (y - mean))

    return wrong


def drawn(seed: int, n: int, k: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    y, mean, Z = rng.normal(3, 2, n), rng.normal(1, 1, n), rng.normal(0, 1, (n, k))
    K, R = rng.normal(0, 1, (k, k)), rng.normal(0, 1, (n, n))
    return y, mean, Z, K @ K.T + 0.5 * np.eye(k), R @ R.T + 0.5 * np.eye(n)


def predicted() -> tuple[Setting, Symbols]:
    s = Setting("n k")
    Z, (Psi, Sigma) = s.matrices("Z: n,k"), s.positive_definite("Psi: k; Sigma: n")
    return s, {"Z": Z, "Psi": Psi, "Sigma": Sigma}


def variance_of_prediction(z: Symbols) -> list[Expr]:
    Z, Psi, Sigma = z["Z"], z["Psi"], z["Sigma"]
    V, M = Z * Psi * Z.T + Sigma, Psi.I + Z.T * Sigma.I * Z
    return [
        Psi * Z.T * V.I * V * V.I * Z * Psi,
        Psi * Z.T * V.I * Z * Psi,
        M.I * Z.T * Sigma.I * Z * Psi,
        Psi,
    ]


def singular(value: Any) -> bool:
    M = sp.Matrix(value)
    return M.rows == M.cols and M.det() == 0


c, m, sigma2 = sp.symbols("c m sigma2", real=True)
loss = c * (2 - c)

EXERCISES = (
    Exercise(
        "specifications-agree",
        CHAPTER,
        MatrixExpression(roots, lambda z: z["i"] * z["mean"] - both(z) / 2),
        (
            Misconception(
                "The errors are missing: they add their own covariance, built from $R$.",
                lambda z: z["i"] * z["mean"] - spread(z, z["K"] * z["K"].T, 0 * z["R"]) / 2,
            ),
            Misconception(
                "This is the exponent given random effects of zero. They are random: averaging "
                "over them adds to the covariance.",
                lambda z: z["i"] * z["mean"] - spread(z, 0 * z["K"], z["R"] * z["R"].T) / 2,
            ),
            Misconception(
                "The sign of the quadratic part: a characteristic function is never larger than "
                "one in absolute value.",
                lambda z: z["i"] * z["mean"] + both(z) / 2,
            ),
            Misconception(
                "A factor is lost in the quadratic part: look at the definition of the "
                "characteristic function.",
                lambda z: z["i"] * z["mean"] - both(z),
            ),
            Misconception(
                "A transpose is on the wrong factor: the covariance of $Kw$ is not that.",
                lambda z: z["i"] * z["mean"] - spread(z, z["K"].T * z["K"], z["R"].T * z["R"]) / 2,
            ),
            Misconception(
                "A transpose is on the wrong factor: the covariance of $Kw$ is not that.",
                lambda z: z["i"] * z["mean"] - spread(z, z["K"].T * z["K"], z["R"] * z["R"].T) / 2,
            ),
            Misconception(
                "You put the roots where the covariances belong, like a standard deviation for a "
                "variance.",
                lambda z: z["i"] * z["mean"] - spread(z, z["K"], z["R"]) / 2,
            ),
            Misconception(
                "This is the moment generating function's exponent. In the characteristic function "
                "$t$ comes with $i$.",
                lambda z: z["mean"] + both(z) / 2,
            ),
            Misconception(
                "The mean lost its $i$.",
                lambda z: z["mean"] - both(z) / 2,
            ),
        ),
        "One exponent, three recipes. It contains the roots only through the covariances, so "
        "neither the recipe nor the choice of a root leaves a trace in the data.",
        "A third for each recipe's line: sum, one vector, two stages.",
    ),
    Exercise(
        "specifications-prediction",
        CHAPTER,
        Function(
            predict,
            lambda: (drawn(1, 5, 2), drawn(2, 4, 3), drawn(3, 6, 1)),
            returns="an array with a number for each random effect",
        ),
        (
            Misconception(
                "You estimate the random effects as if they were coefficients. Their covariance "
                "says how far they can be from zero, and pulls them there.",
                with_M(lambda Psi: 0 * Psi),
            ),
            Misconception(
                "In the matrix that is inverted a covariance stands where its inverse belongs.",
                with_M(lambda Psi: Psi),
            ),
            Misconception(
                "The data have a mean of their own: predict from what is left when it is taken "
                "off.",
                lambda y, mean, Z, Psi, Sigma: predict(y, 0 * mean, Z, Psi, Sigma),
            ),
            Misconception(
                "You weighted with the covariance given the random effects. The data's own "
                "covariance is larger.",
                lambda y, mean, Z, Psi, Sigma: Psi @ Z.T @ np.linalg.solve(Sigma, y - mean),
            ),
            Misconception(
                "The covariance of the data stands where its inverse belongs.",
                lambda y, mean, Z, Psi, Sigma: Psi @ Z.T @ (Z @ Psi @ Z.T + Sigma) @ (y - mean),
            ),
            Misconception(
                "The covariance of the random effects with the data is not $Z'$ alone.",
                lambda y, mean, Z, Psi, Sigma: (
                    Z.T @ np.linalg.solve(Z @ Psi @ Z.T + Sigma, y - mean)
                ),
            ),
            Misconception(
                "The sign: an observation above its mean speaks for random effects that raise it.",
                lambda y, mean, Z, Psi, Sigma: -predict(y, mean, Z, Psi, Sigma),
            ),
        ),
        "Covariance with the data, times the inverse of their covariance, times what is left of "
        "them: the form that works with a singular $\\Psi$ too.",
        "Half for the formula, half for a function that forms no needless inverse.",
    ),
    Exercise(
        "specifications-total",
        CHAPTER,
        FalseStep(
            predicted,
            variance_of_prediction,
            (3, {"Z": [[1]], "Psi": [[1]], "Sigma": [[1]]}),
        ),
        (
            Misconception(
                "That step only cancels a matrix against its inverse.",
                when=lambda value: value[0] == 1,
            ),
            Misconception(
                "That step is the push-through identity; it holds for every design.",
                when=lambda value: value[0] == 2,
            ),
            Misconception(
                "It is that step, but a covariance with an inverse cannot be singular: take "
                "positive definite matrices.",
                when=lambda value: (
                    value[0] == 3 and (singular(value[1]["Psi"]) or singular(value[1]["Sigma"]))
                ),
            ),
        ),
        "Predictions vary less than the effects: what is missing is the conditional variance.",
        "One third for the step, two thirds for a counterexample that works.",
    ),
    Exercise(
        "specifications-conditional",
        CHAPTER,
        Choice("c", "abcd"),
        (
            Misconception(
                "Given the random effects only the errors are left to vary. Are they correlated?",
                when=lambda letter: letter == "a",
            ),
            Misconception(
                "Nothing in the argument used which value the random effects take.",
                when=lambda letter: letter == "b",
            ),
            Misconception(
                "One of them is false. Do two observations of one person tell nothing about each "
                "other?",
                when=lambda letter: letter == "d",
            ),
        ),
        "Independent given the random effects is not independent: what is shared and unknown makes "
        "a covariance.",
        "Half for the letter, half for naming the covariance that appears.",
    ),
    Exercise(
        "specifications-competition",
        CHAPTER,
        Expression(-loss / (m - loss), {"c": None, "m": 2, "sigma2": None}),
        (
            Misconception(
                "You divided by the variance of an error. An observation has another variance: it "
                "lost its share too.",
                -loss / m,
            ),
            Misconception("This is the covariance. Asked is the correlation.", -loss * sigma2 / m),
            Misconception(
                "The sign: what one animal gets the others do not.",
                loss / (m - loss),
            ),
            Misconception(
                "The variance of an observation falls under competition; here it rises.",
                -loss / (m + loss),
            ),
            Misconception(
                "That is the lowest correlation possible. How does it depend on the share?",
                -1 / (m - 1),
            ),
        ),
        "Competition makes correlations down to $-1/(m-1)$, which no random intercept can: those "
        "begin at zero.",
        "Half for the variance of one observation, half for the quotient.",
    ),
)
