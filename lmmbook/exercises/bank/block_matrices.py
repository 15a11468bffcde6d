"""Judges the exercises of the chapter "Block matrices: Schur and Woodbury"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from lmmbook.exercises.exercise import Exercise, Misconception
from lmmbook.exercises.kinds import (
    Choice,
    Expression,
    FalseStep,
    Function,
    MatrixExpression,
    is_large_inverse,
)
from lmmbook.exercises.late import np
from matrixproof import Setting, eye, log, logdet
from matrixproof.language.expressions import Expr

CHAPTER = "block-matrices"
Symbols = dict[str, Any]


def known_inverse() -> tuple[Setting, Symbols]:
    s = Setting("n")
    B, (u, v) = s.matrices("B: n"), s.vectors("u: n; v: n")
    return s, {"B": B, "u": u, "v": v}


def rank_one(z: Symbols, bottom: Expr) -> Expr:
    """B less Bu times the inverse of the bottom, a number, times v'B."""
    return z["B"] - z["B"] * z["u"] * bottom.I * z["v"].T * z["B"]


def scaled() -> tuple[Setting, Symbols]:
    s = Setting("n k")
    Z = s.matrices("Z: n,k")
    return s, {"Z": Z, "phi": s.scalars("phi")}


def four_lines(z: Symbols) -> list[Expr]:
    s = Setting("n k")
    n, k = s.dimensions
    Z, phi = s.matrices("Z: n,k"), s.scalars("phi")
    return [
        logdet(eye(n) + phi * Z * Z.T),
        logdet(eye(k) + phi * Z.T * Z),
        n * log(phi) + logdet(1 / phi * eye(k) + Z.T * Z),
        n * log(phi) + logdet(Z.T * Z + 1 / phi * eye(k)),
    ]


def is_square(value: Any) -> bool:
    M = sp.Matrix(value)
    return M.rows == M.cols


def small(
    n: int, ZZ: np.ndarray, Zy: np.ndarray, yy: float, G: np.ndarray, sigma2: float,
    signs: tuple[float, ...] = (-1.0, 1.0, 1.0), power: float | None = None,
    root: Callable[[np.ndarray], np.ndarray] = lambda G: np.linalg.inv(G),
) -> np.ndarray:  # fmt: skip
    """Quadratic form and log determinant, with variations for what goes wrong."""
    k = len(G)
    M = root(G) + ZZ / sigma2
    quadratic = yy / sigma2 + signs[0] * Zy @ np.linalg.solve(M, Zy) / sigma2**2
    logs = np.linalg.slogdet(M)[1], np.linalg.slogdet(G)[1]
    count = n if power is None else power * k + n
    return np.array([quadratic, count * np.log(sigma2) + signs[1] * logs[0] + signs[2] * logs[1]])


def covariance_terms(
    n: int, ZZ: np.ndarray, Zy: np.ndarray, yy: float, G: np.ndarray, sigma2: float
) -> np.ndarray:
    return small(n, ZZ, Zy, yy, G, sigma2)


def varied(**changes: Any) -> Callable[..., np.ndarray]:
    return lambda n, ZZ, Zy, yy, G, sigma2: small(n, ZZ, Zy, yy, G, sigma2, **changes)


def plain_determinant(n, ZZ, Zy, yy, G, sigma2):
    quadratic, logs = small(n, ZZ, Zy, yy, G, sigma2)
    return np.array([quadratic, np.exp(logs)])


def unsquared(n, ZZ, Zy, yy, G, sigma2):
    M = np.linalg.inv(G) + ZZ / sigma2
    logs = small(n, ZZ, Zy, yy, G, sigma2)[1]
    return np.array([(yy - Zy @ np.linalg.solve(M, Zy)) / sigma2, logs])


def drawn(seed: int, n: int, k: int, sigma2: float) -> tuple[Any, ...]:
    rng = np.random.default_rng(seed)
    Z, y, K = rng.normal(0, 1, (n, k)), rng.normal(0, 2, n), rng.normal(0, 1, (k, k))
    return n, Z.T @ Z, Z.T @ y, float(y @ y), K @ K.T + 0.3 * np.eye(k), sigma2


a, b, n = sp.symbols("a b n", real=True)

EXERCISES = (
    Exercise(
        "block-rank-one",
        CHAPTER,
        MatrixExpression(
            known_inverse,
            lambda z: rank_one(z, eye(1) + z["v"].T * z["B"] * z["u"]),
            without={
                is_large_inverse: "No matrix need be inverted again: what has to be inverted is a "
                "number."
            },
        ),
        (
            Misconception(
                "The number in the denominator is one too small: the identity of the small system "
                "is lost.",
                lambda z: rank_one(z, z["v"].T * z["B"] * z["u"]),
            ),
            Misconception(
                "The sign in front of the correction: for positive definite matrices one "
                "observation more makes the inverse smaller.",
                lambda z: 2 * z["B"] - rank_one(z, eye(1) + z["v"].T * z["B"] * z["u"]),
            ),
            Misconception(
                "The sign in the denominator.",
                lambda z: rank_one(z, eye(1) - z["v"].T * z["B"] * z["u"]),
            ),
            Misconception(
                "A dropped transpose: $u$ and $v$ have changed places. That goes unnoticed only "
                "when the two are equal and the matrix symmetric.",
                lambda z: rank_one(
                    z | {"u": z["v"], "v": z["u"]}, eye(1) + z["u"].T * z["B"] * z["v"]
                ),
            ),
            Misconception(
                "The correction is not divided: that is right to first order only.",
                lambda z: rank_one(z, eye(1)),
            ),
            Misconception(
                "The inverse is missing in the denominator: the change is measured with it.",
                lambda z: rank_one(z, eye(1) + z["v"].T * z["u"]),
            ),
        ),
        "A change of rank one needs the inverse of a number. Where that number is zero there is no "
        "inverse.",
        "Half for the expression, half for the product that proves it.",
    ),
    Exercise(
        "block-compound-symmetry",
        CHAPTER,
        Expression((n - 1) * sp.log(a) + sp.log(a + n * b), {"a": None, "b": None, "n": 2}),
        (
            Misconception(
                "One factor too many: the direction of the vector of ones has an eigenvalue of its "
                "own.",
                n * sp.log(a) + sp.log(a + n * b),
            ),
            Misconception(
                "In the direction of the vector of ones all $n$ covariances add up, not one.",
                (n - 1) * sp.log(a) + sp.log(a + b),
            ),
            Misconception(
                "This is the determinant. Asked is its logarithm.",
                a ** (n - 1) * (a + n * b),
            ),
            Misconception(
                "You multiplied the variances, as if nothing were correlated.",
                n * sp.log(a + b),
            ),
            Misconception(
                "This is the log determinant of the inverse.",
                -(n - 1) * sp.log(a) - sp.log(a + n * b),
            ),
            Misconception(
                "This belongs to the matrix divided by $a$: a number comes out of a determinant "
                "once for each row.",
                sp.log(1 + n * b / a),
            ),
            Misconception(
                "A number comes out of a determinant once for each row, not once.",
                sp.log(a) + sp.log(1 + n * b / a),
            ),
        ),
        "Two eigenvalues: $a + nb$ once, $a$ for every direction whose entries sum to zero.",
        "Half for the small determinant, half for the powers of $a$.",
    ),
    Exercise(
        "block-false-line",
        CHAPTER,
        FalseStep(scaled, four_lines, (2, {"Z": [[1], [0]], "phi": 2})),
        (
            Misconception(
                "That step is right: the nonzero eigenvalues of $ZZ'$ and $Z'Z$ are the same.",
                when=lambda value: value[0] == 1,
            ),
            Misconception(
                "That step only changes the order of a sum.",
                when=lambda value: value[0] == 3,
            ),
            Misconception(
                "It is that step, but a square $Z$ cannot show it: the two sizes are equal.",
                when=lambda value: value[0] == 2 and is_square(value[1]["Z"]),
            ),
            Misconception(
                "It is that step, but the logarithm of this $\\phi$ is zero, however often it is "
                "taken.",
                when=lambda value: value[0] == 2 and sp.sympify(value[1]["phi"]) == 1,
            ),
        ),
        "A number comes out of a determinant once for each row. Test with sizes that differ.",
        "One third for the step, two thirds for a counterexample that works.",
    ),
    Exercise(
        "block-small-terms",
        CHAPTER,
        Function(
            covariance_terms,
            lambda: (drawn(1, 7, 2, 1.7), drawn(2, 5, 3, 0.4), drawn(3, 4, 1, 3.0)),
            returns="two numbers",
        ),
        (
            Misconception(
                "The log determinant of the random effects' covariance is missing.",
                varied(signs=(-1.0, 1.0, 0.0)),
            ),
            Misconception(
                "The sign in the quadratic form: a larger covariance makes the same data less "
                "surprising.",
                varied(signs=(1.0, 1.0, 1.0)),
            ),
            Misconception(
                "The sign of a log determinant: compare with Schur's formula, a product of two "
                "determinants.",
                varied(signs=(-1.0, -1.0, 1.0)),
            ),
            Misconception(
                "The sign of a log determinant: compare with Schur's formula, a product of two "
                "determinants.",
                varied(signs=(-1.0, 1.0, -1.0)),
            ),
            Misconception(
                "The error variance comes out once for each observation; you took the number of "
                "random effects off.",
                varied(power=-1.0),
            ),
            Misconception(
                "A covariance stands where its inverse belongs, in the matrix of size $k$.",
                varied(root=lambda G: G),
            ),
            Misconception(
                "The second number is a determinant. Asked is its logarithm.",
                plain_determinant,
            ),
            Misconception(
                "A power of the error variance: in Woodbury the inverse of $\\sigma^2I$ stands on "
                "both sides of the correction.",
                unsquared,
            ),
        ),
        "Nothing of size $n$ is needed but $n$: the cross-products hold what the likelihood asks "
        "of the data.",
        "Half for each of the two numbers; none for building $V$.",
    ),
    Exercise(
        "block-zero-variance",
        CHAPTER,
        Choice("b", "abcd"),
        (
            Misconception(
                "Look at what the formula divides by. At a variance of zero the covariance of the "
                "random effects has no inverse.",
                when=lambda letter: letter == "a",
            ),
            Misconception(
                "A formula may fail where the matrix itself is harmless. What is $V$ when a "
                "variance is zero?",
                when=lambda letter: letter == "c",
            ),
            Misconception(
                "They agree only where both can be computed. Try the boundary.",
                when=lambda letter: letter == "d",
            ),
        ),
        "Write the covariance by its factor: then the boundary is a value like every other.",
        "Half for the letter, half for saying where the inverse of $\\Psi$ went.",
    ),
)
