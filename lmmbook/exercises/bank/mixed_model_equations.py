"""Judges the exercises of the chapter "The mixed model equations"."""

from __future__ import annotations

import math
from typing import Any

import sympy as sp

from lmmbook.exercises.exercise import Exercise, Misconception
from lmmbook.exercises.kinds import (
    Derived,
    Expression,
    Function,
    MatrixExpression,
    Number,
    Unreadable,
    typed,
)
from lmmbook.exercises.late import np
from matrixproof import Setting, define, eye, zero
from matrixproof.language.expressions import Expr
from matrixproof.page.derivation import Derivation

CHAPTER = "mixed-model-equations"
Symbols = dict[str, Any]
TWO_PARTS = "Your function returns something else than coefficients and effects."

sigma2, tau2, f, phi = sp.symbols("sigma2 tau2 f phi", positive=True)


# -- the equations ---------------------------------------------------------------------------


def layouts() -> list[tuple[Any, ...]]:
    rng = np.random.default_rng(50)
    cases = []
    for sizes, p, sigma2, tau2 in (((2, 3, 4), 1, 1.5, 0.8), ((1, 4, 2, 3), 2, 0.5, 3.0)):
        Z = np.repeat(np.eye(len(sizes)), sizes, axis=0) * rng.choice([1.0, 2.0])
        X = np.column_stack([np.ones(len(Z)), rng.normal(0, 1, (len(Z), p - 1))])
        cases.append((rng.normal(3, 2, len(Z)), X, Z, sigma2, tau2))
    Z = rng.normal(0, 1, (6, 2))
    cases.append((rng.normal(0, 1, 6), rng.normal(0, 1, (6, 3)), Z, 2.0, 0.6))
    return cases


def penalised(
    y: Any, X: Any, Z: Any, ratio: float, ratio_X: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Least squares on X and Z together, with penalties."""
    p, W = X.shape[1], np.hstack([X, Z])
    penalty = np.diag([ratio_X] * p + [ratio] * Z.shape[1])
    solved = np.linalg.solve(W.T @ W + penalty, W.T @ y)
    return solved[:p], solved[p:]


def henderson(y: Any, X: Any, Z: Any, sigma2: float, tau2: float) -> Any:
    return penalised(y, X, Z, sigma2 / tau2)


def after_ordinary(y: Any, X: Any, Z: Any, sigma2: float, tau2: float) -> Any:
    """Ordinary least squares first, then effects from its residuals."""
    beta = np.linalg.pinv(X) @ y
    k = Z.shape[1]
    return beta, np.linalg.solve(Z.T @ Z + sigma2 / tau2 * np.eye(k), Z.T @ (y - X @ beta))


def two_parts(value: Any) -> Any:
    """Coefficients, then effects, in one row."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise Unreadable(TWO_PARTS)
    try:
        parts = [np.asarray(part, dtype=float).ravel() for part in value]
    except (TypeError, ValueError):
        raise Unreadable(TWO_PARTS) from None
    return np.concatenate([[len(parts[0])], *parts])


# -- symbols ---------------------------------------------------------------------------------


def nested_mean() -> tuple[Setting, Symbols]:
    s = Setting("n p k", where="n > p")
    Z, B = s.matrices("Z: n,k; B: k,p")
    V, Psi = s.positive_definite("V: n; Psi: k")
    X, y = define("X", Z * B), s.vectors("y: n")
    P = V.I - V.I * X * (X.T * V.I * X).I * X.T * V.I
    return s, {"B": B, "Psi": Psi, "Z": Z, "P": P, "y": y, "zero": zero(s.dimensions[1], 1)}


def sum_is_zero(z: Symbols) -> Derivation:
    s, z = nested_mean()
    u = z["Psi"] * z["Z"].T * z["P"] * z["y"]
    first = s.derive(z["B"].T * z["Psi"].I * u)
    return first.step(z["B"].T * z["Z"].T * z["P"] * z["y"], "inverse").step(z["zero"], "$X'P = 0$")


def ends_at_zero(value: Derivation) -> bool:
    return value.rhs.op == "zero"


def begins_rightly(value: Derivation) -> bool:
    return typed(value.lhs) == typed(sum_is_zero({}).lhs)


def no_inverse(value: Derivation) -> bool:
    """Whether the first line has no inverse of Psi."""
    psi = typed(nested_mean()[1]["Psi"].I)
    return all(typed(part) != psi for part in value.lhs.walk())


def model() -> tuple[Setting, Symbols]:
    s = Setting("n p k", where="n > p")
    X, Z = s.full_rank("X: n,p"), s.matrices("Z: n,k")
    Sigma, Psi = s.positive_definite("Sigma: n; Psi: k")
    V = Sigma + Z * Psi * Z.T
    P = V.I - V.I * X * (X.T * V.I * X).I * X.T * V.I
    return s, {"Z": Z, "Psi": Psi, "P": P, "V": V, "I": eye(s.dimensions[2]), "Sigma": Sigma}


def error(z: Symbols, P: Expr | None = None, sign: int = -1) -> Expr:
    P = z["P"] if P is None else P
    return z["Psi"] + sign * z["Psi"] * z["Z"].T * P * z["Z"] * z["Psi"]


EXERCISES = (
    Exercise(
        "mme-solve",
        CHAPTER,
        Function(
            henderson,
            layouts,
            returns="two arrays: the coefficients and the effects",
            view=two_parts,
        ),
        (
            Misconception(
                "The ratio of the variances is upside down: large random effects are to be "
                "penalised less.",
                lambda y, X, Z, sigma2, tau2: penalised(y, X, Z, tau2 / sigma2),
            ),
            Misconception(
                "The penalty is that for errors of variance 1: the equations were multiplied by "
                "$\\sigma^2$, and this corner too.",
                lambda y, X, Z, sigma2, tau2: penalised(y, X, Z, 1 / tau2),
            ),
            Misconception(
                "The coefficients are penalised here, like the effects. They have no distribution.",
                lambda y, X, Z, sigma2, tau2: penalised(y, X, Z, sigma2 / tau2, sigma2 / tau2),
            ),
            Misconception(
                "The coefficients are those of ordinary least squares. The two parts are solved "
                "for together.",
                after_ordinary,
            ),
            Misconception(
                "Nothing pulls the effects to zero here: they were taken as fixed.",
                lambda y, X, Z, sigma2, tau2: np.split(
                    np.linalg.pinv(np.hstack([X, Z])) @ y, [X.shape[1]]
                ),
            ),
            Misconception(
                "The roots of the variances were taken.",
                lambda y, X, Z, sigma2, tau2: penalised(y, X, Z, (sigma2 / tau2) ** 0.5),
            ),
            Misconception(
                "The two parts have changed places: first the coefficients.",
                lambda y, X, Z, sigma2, tau2: henderson(y, X, Z, sigma2, tau2)[::-1],
            ),
        ),
        "Normal equations with one corner changed: what makes an effect random is its penalty.",
        "Half for the matrix, half for the corner.",
    ),
    Exercise(
        "mme-ridge",
        CHAPTER,
        Expression(sigma2 / tau2, {"sigma2": None, "tau2": None}),
        (
            Misconception(
                "Upside down: what makes a heavy penalty, a large or a small variance of the "
                "coefficients?",
                tau2 / sigma2,
            ),
            Misconception(
                "The least squares part has been multiplied, and so must be the penalty.",
                1 / tau2,
            ),
            Misconception("The other variance is missing: how noisy are the data?", 1 / sigma2),
            Misconception(
                "These are standard deviations. The criterion has variances in it.",
                sp.sqrt(sigma2 / tau2),
            ),
            Misconception(
                "This is the share of shrinkage, not the weight of the penalty.",
                sigma2 / (sigma2 + tau2),
            ),
            Misconception(
                "A half before both parts changes nothing.",
                sigma2 / (2 * tau2),
            ),
        ),
        "Ridge regression is prediction in a mixed model, and REML chooses its constant.",
        "Half for the criterion, half for the constant.",
    ),
    Exercise(
        "mme-half-shrunk",
        CHAPTER,
        Expression(f / ((1 - f) * phi), {"f": (0, 1), "phi": None}),
        (
            Misconception(
                "You exchanged what remains and what is lost.",
                (1 - f) / (f * phi),
            ),
            Misconception(
                "Upside down in $\\phi$: with large effects a small group is enough.",
                f * phi / (1 - f),
            ),
            Misconception(
                "The one in the denominator of the factor is lost.",
                f / phi,
            ),
            Misconception(
                "This is the factor for a group of that size, not the size.",
                f * phi / (1 + f * phi),
            ),
            Misconception(
                "You solved for the ratio of the standard deviations.",
                f / ((1 - f) * phi**2),
            ),
            Misconception(
                "A sign was lost on the way: this is negative.",
                f / ((f - 1) * phi),
            ),
        ),
        "A group needs $1/\\phi$ observations to be believed by half; each further share costs "
        "more.",
        "Half for the factor, half for solving.",
    ),
    Exercise(
        "mme-prediction-error",
        CHAPTER,
        MatrixExpression(model, error),
        (
            Misconception(
                "This is the variance of the prediction. Predictions vary less than effects.",
                lambda z: z["Psi"] * z["Z"].T * z["P"] * z["Z"] * z["Psi"],
            ),
            Misconception(
                "This is the conditional variance for known coefficients. They have been "
                "estimated from the same data.",
                lambda z: error(z, P=z["V"].I),
            ),
            Misconception(
                "Prediction and effect are correlated; their variances do not simply add up.",
                lambda z: error(z, sign=1),
            ),
            Misconception(
                "This is the variance before the data were seen.",
                lambda z: z["Psi"],
            ),
            Misconception(
                "The covariance of prediction and effect comes twice, and the variance of the "
                "prediction takes back one: one of the terms is missing.",
                lambda z: error(z, sign=-2),
            ),
            Misconception(
                "A factor $\\Psi$ is lost on either side: compare the units.",
                lambda z: z["Psi"] - z["Z"].T * z["P"] * z["Z"],
            ),
        ),
        "What is left unknown is what the effects vary, less what their predictions vary.",
        "Half for the covariance of prediction and effect, half for the difference.",
    ),
    Exercise(
        "mme-mean-square",
        CHAPTER,
        Number(11 / 36, tolerance=1e-4),
        (
            Misconception(
                "That is the conditional variance for a known mean. It costs something that the "
                "mean is estimated.",
                1 / 6,
            ),
            Misconception(
                "This is the error of the group means less the overall mean, which are not shrunk.",
                1 / 3,
            ),
            Misconception(
                "This is the variance of a prediction, not of its error.",
                25 / 36,
            ),
            Misconception(
                "This is the variance of an effect, before the data.",
                when=lambda value: math.isclose(value, 1, rel_tol=1e-9),
            ),
            Misconception(
                "This is a root. Asked is a mean square.",
                math.sqrt(11 / 36),
            ),
            Misconception(
                "This is the sum over the six batches.",
                11 / 6,
            ),
            Misconception(
                "This is the error of a group mean for the group's own level, mean included.",
                1 / 5,
            ),
        ),
        "Five of six directions are predicted as if the mean were known; of the sixth the data "
        "say nothing.",
        "Half for the formula, half for the number.",
    ),
    Exercise(
        "mme-zero-sum",
        CHAPTER,
        Derived(
            nested_mean,
            sum_is_zero,
            expects="a derivation from the product to zero(p, 1)",
        ),
        (
            Misconception(
                "The inverse of $\\Psi$ is missing, so nothing cancels: the plain sums vanish "
                "where $\\Psi$ is a multiple of the identity, but not for every $\\Psi$.",
                when=no_inverse,
            ),
            Misconception(
                "That is right as far as it goes. What is $B'Z'$, and what does $P$ do with it?",
                when=lambda value: begins_rightly(value) and not ends_at_zero(value),
            ),
            Misconception(
                "It does end at zero, but it began somewhere else: begin with the whole product.",
                when=lambda value: ends_at_zero(value) and not begins_rightly(value),
            ),
        ),
        "What the fixed effects can explain is left to them: the predictions, weighted with "
        "$\\Psi^{-1}$, are orthogonal to it.",
        "Half for inserting the prediction, half for $X'P$.",
    ),
)
