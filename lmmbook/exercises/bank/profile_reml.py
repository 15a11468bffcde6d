"""Judges the exercises of the chapter "The profile of the restricted likelihood"."""

from __future__ import annotations

import sympy as sp

from lmmbook.exercises.exercise import Exercise, Misconception
from lmmbook.exercises.kinds import Choice, FalseStep, Function, MatrixExpression
from lmmbook.exercises.late import np
from matrixproof import Setting, eye, logdet, tr
from matrixproof.language.expressions import Expr, as_scalar

CHAPTER = "profile-reml"
Symbols = dict[str, Expr]


def mixed() -> tuple[Setting, Symbols]:
    s = Setting("n p k", where="n > p")
    X, y = s.full_rank("X: n,p"), s.vectors("y: n")
    Z, Lambda = s.matrices("Z: n,k; Lambda: k")
    return s, {"X": X, "y": y, "Z": Z, "Lambda": Lambda}


def off(X: Expr) -> Expr:
    """The projection off the columns of X."""
    return eye(X.shape[0]) - X * (X.T * X).I * X.T


def squares(z: Symbols, inner: Expr, e: Expr | None = None) -> Expr:
    e = off(z["X"]) * z["y"] if e is None else e
    ZL = z["Z"] * z["Lambda"]
    return as_scalar(e.T * e - e.T * ZL * inner.I * ZL.T * e)


def inner(z: Symbols) -> Expr:
    ZL = z["Z"] * z["Lambda"]
    return eye(ZL.shape[1]) + ZL.T * off(z["X"]) * ZL


def unprojected(z: Symbols) -> Expr:
    ZL = z["Z"] * z["Lambda"]
    return eye(ZL.shape[1]) + ZL.T * ZL


def inverts(node: Expr) -> bool:
    return node.op == "inverse" or (node.op == "power" and node.value < 0)


def inverts_n_rows(node: Expr) -> bool:
    return inverts(node) and node.shape is not None and str(node.shape[0]) == "n"


def inverts_lambda_alone(node: Expr) -> bool:
    symbols = {x.value for x in node.walk() if x.op == "symbol"}
    return inverts(node) and symbols == {"Lambda"}


def model_of_slope() -> tuple[Setting, Symbols]:
    s = Setting("n p k", where="n > p")
    X, Z, y = s.full_rank("X: n,p"), s.matrices("Z: n,k"), s.vectors("y: n")
    return s, {"X": X, "Z": Z, "y": y}


def slope(z: Symbols) -> Expr:
    e = off(z["X"]) * z["y"]
    return as_scalar(e.T * z["Z"] * z["Z"].T * e)


def any_contrasts() -> tuple[Setting, Symbols]:
    s = Setting("n m k", where="n > m")
    return s, {"A": s.full_rank("A: n,m"), "Z": s.matrices("Z: n,k")}


def determinants(z: Symbols) -> list[Expr]:
    A, Z = z["A"], z["Z"]
    n, m, k = A.shape[0], A.shape[1], Z.shape[1]
    R = A.T * A
    return [
        logdet(R + A.T * Z * Z.T * A),
        logdet(R) + logdet(eye(m) + R.I * A.T * Z * Z.T * A),
        logdet(R) + logdet(eye(k) + Z.T * A * R.I * A.T * Z),
        logdet(R) + logdet(eye(k) + Z.T * A * A.T * Z),
        logdet(R) + logdet(eye(n) + A * A.T * Z * Z.T),
    ]


def orthonormal(value: tuple[int, dict]) -> bool:
    A = sp.Matrix(value[1]["A"])
    return value[0] == 3 and sp.eye(A.cols) == A.T * A


def designs() -> list[tuple[np.ndarray, np.ndarray, np.ndarray, float]]:
    """Data, two designs and a ratio of variances, of several shapes; the last ratio is zero."""
    rng = np.random.default_rng(31)
    cases = []
    for n, p, k, phi in ((7, 1, 3, 0.6), (10, 3, 4, 2.5), (9, 2, 12, 31.0), (8, 2, 2, 0.0)):
        X = np.column_stack([np.ones(n), rng.normal(0, 1, (n, p - 1))])
        Z = np.eye(k)[np.arange(n) % k] if k < 4 else rng.normal(0, 1, (n, k))
        cases.append((rng.normal(4, 2, n) + Z @ rng.normal(0, 1, k), X, Z, phi))
    y, X, Z, phi = cases[1]
    return [*cases, (y, X[:, 1:], Z, phi)]  # without an intercept


def log_det(A: np.ndarray) -> float:
    return float(np.linalg.slogdet(A)[1])


def parts(y: np.ndarray, X: np.ndarray, Z: np.ndarray, phi: float) -> tuple[float, float, float]:
    """The weighted sum of squares and both log determinants."""
    W = np.eye(len(y)) + phi * Z @ Z.T
    Wi = np.linalg.inv(W)
    H = X.T @ Wi @ X
    r = y - X @ np.linalg.solve(H, X.T @ Wi @ y)
    return float(r @ Wi @ r), log_det(W), log_det(H)


def profiled(y, X, Z, phi, divisor=None, logs=None, weights=(1, 1)) -> tuple[float, float]:
    """The scale and the height above phi = 0; by default those of REML."""
    f = len(y) - X.shape[1]
    divisor, logs = divisor or f, f if logs is None else logs
    here, there = parts(y, X, Z, phi), parts(y, X, Z, 0.0)
    up = [logs * np.log(q[0]) + weights[0] * q[1] + weights[1] * q[2] for q in (here, there)]
    return here[0] / divisor, (up[1] - up[0]) / 2


def whole(y, X, Z, phi) -> float:
    f, (rss, a, b) = len(y) - X.shape[1], parts(y, X, Z, phi)
    return -(f * np.log(2 * np.pi * rss / f) + f + a + b) / 2


def priors() -> list[tuple[np.ndarray, np.ndarray, np.ndarray, float]]:
    rng = np.random.default_rng(37)
    cases = []
    for n, p, kappa in ((4, 1, 0.7), (7, 2, 3.0), (9, 3, 50.0)):
        X, root = rng.normal(0, 1, (n, p)), rng.normal(0, 1, (n, n))
        cases.append((rng.normal(1, 3, n), X, root @ root.T + np.eye(n), kappa))
    return cases


def least_squares(y, X, V) -> tuple[np.ndarray, np.ndarray]:
    ViX = np.linalg.solve(V, X)
    return np.linalg.solve(X.T @ ViX, ViX.T @ y), X.T @ ViX


def gaussian(b: np.ndarray, S: np.ndarray) -> float:
    return log_det(S) + float(b @ np.linalg.solve(S, b))


def added(y, X, V, kappa) -> float:
    b, H = least_squares(y, X, V)
    return gaussian(b, kappa * np.eye(len(b)) + np.linalg.inv(H))


def added_with(change):
    """The added criterion with another covariance, made from kappa times I and H."""

    def criterion(y, X, V, kappa):
        b, H = least_squares(y, X, V)
        return gaussian(b, change(kappa * np.eye(len(b)), H))

    return criterion


EXERCISES = (
    Exercise(
        "profile-reml-squares",
        CHAPTER,
        MatrixExpression(
            mixed,
            lambda z: squares(z, inner(z)),
            {
                inverts_n_rows: "It has the right value, but it inverts a matrix with a row for "
                "each observation. Down to the size of the random effects, please.",
                inverts_lambda_alone: "It has the right value, but $\\Lambda$ is inverted in it, "
                "and $\\Lambda$ may be singular.",
            },
        ),
        (
            Misconception(
                "The residuals are free of $X$, but the inner matrix is not: there the columns "
                "of $Z$ have to be projected, too.",
                lambda z: squares(z, unprojected(z)),
            ),
            Misconception(
                "The data are not projected: this contains the mean. The contrasts see residuals "
                "only.",
                lambda z: squares(z, inner(z), z["y"]),
            ),
            Misconception(
                "Nothing is projected: this is Woodbury's identity for a model without "
                "coefficients.",
                lambda z: squares(z, unprojected(z), z["y"]),
            ),
            Misconception(
                "The sign: random effects explain something, so the sum of squares becomes "
                "smaller than that of ordinary least squares.",
                lambda z: 2 * as_scalar(z["y"].T * off(z["X"]) * z["y"]) - squares(z, inner(z)),
            ),
            Misconception(
                "This is the sum of squares of ordinary least squares, without random effects.",
                lambda z: as_scalar(z["y"].T * off(z["X"]) * z["y"]),
            ),
            Misconception(
                "The factor $\\Lambda$ is lost from the inner matrix: there it stands twice.",
                lambda z: squares(z, eye(z["Lambda"].shape[0]) + z["Z"].T * off(z["X"]) * z["Z"]),
            ),
        ),
        "Contrasts enter through a projection, and Woodbury's identity brings the rest down to the "
        "size of the random effects.",
        "One half for the inverse, one half for the projection that replaces the contrasts.",
    ),
    Exercise(
        "profile-reml-value",
        CHAPTER,
        Function(
            lambda y, X, Z, phi: profiled(y, X, Z, phi),
            designs,
            "a pair of numbers",
            tolerance=1e-8,
        ),
        (
            Misconception(
                "This is the profile of the full likelihood. The contrasts have fewer entries than "
                "the data.",
                lambda y, X, Z, phi: profiled(y, X, Z, phi, len(y), len(y), (1, 0)),
            ),
            Misconception(
                "The estimate of the scale has ML's divisor. The contrasts have fewer entries than "
                "the data.",
                lambda y, X, Z, phi: profiled(y, X, Z, phi, len(y)),
            ),
            Misconception(
                "The logarithm of the scale is counted once for each observation. It is counted "
                "once for each contrast.",
                lambda y, X, Z, phi: profiled(y, X, Z, phi, None, len(y)),
            ),
            Misconception(
                "The determinant is that of ML. That of the contrasts is another one: what is "
                "added to $\\log|W|$?",
                lambda y, X, Z, phi: profiled(y, X, Z, phi, None, None, (1, 0)),
            ),
            Misconception(
                "The information about the coefficients has the wrong sign.",
                lambda y, X, Z, phi: profiled(y, X, Z, phi, None, None, (1, -1)),
            ),
            Misconception(
                "The determinants are missing. Without them the largest $\\phi$ is always best.",
                lambda y, X, Z, phi: profiled(y, X, Z, phi, None, None, (0, 0)),
            ),
            Misconception(
                "The determinants are not halved, or only they are.",
                lambda y, X, Z, phi: profiled(y, X, Z, phi, None, None, (2, 2)),
            ),
            Misconception(
                "This is minus twice the difference, or twice it: the criterion. The log "
                "likelihood is asked for.",
                lambda y, X, Z, phi: (
                    profiled(y, X, Z, phi)[0],
                    -2 * profiled(y, X, Z, phi)[1],
                ),
            ),
            Misconception(
                "This is minus twice the difference, or twice it: the criterion. The log "
                "likelihood is asked for.",
                lambda y, X, Z, phi: (profiled(y, X, Z, phi)[0], 2 * profiled(y, X, Z, phi)[1]),
            ),
            Misconception(
                "The difference is taken the wrong way round: it is positive where $\\phi$ is "
                "better than zero.",
                lambda y, X, Z, phi: (profiled(y, X, Z, phi)[0], -profiled(y, X, Z, phi)[1]),
            ),
            Misconception(
                "The height at $\\phi = 0$ is not subtracted.",
                lambda y, X, Z, phi: (profiled(y, X, Z, phi)[0], whole(y, X, Z, phi)),
            ),
            Misconception(
                "You took $\\phi$ for a standard deviation: it is a ratio of variances, and is not "
                "to be squared.",
                lambda y, X, Z, phi: profiled(y, X, Z, phi**2),
            ),
            Misconception(
                "The two are in the wrong order: the scale comes first.",
                lambda y, X, Z, phi: profiled(y, X, Z, phi)[::-1],
            ),
        ),
        "The constants depend on the contrasts, differences of log likelihoods do not.",
        "One third for the scale, one third for the determinants, one third for the difference.",
    ),
    Exercise(
        "profile-reml-false-line",
        CHAPTER,
        FalseStep(any_contrasts, determinants, (3, {"A": [[2], [0]], "Z": [[1], [0]]})),
        (
            Misconception(
                "That step only takes $A'A$ out of the determinant.",
                when=lambda value: value[0] == 1,
            ),
            Misconception(
                "That step exchanges two factors and the sizes: $|I + BC| = |I + CB|$. It holds "
                "for all matrices.",
                when=lambda value: value[0] == 2,
            ),
            Misconception(
                "That step exchanges two factors and the sizes, once more. What it starts from is "
                "false already.",
                when=lambda value: value[0] == 4,
            ),
            Misconception(
                "It is that step, but these contrasts are orthonormal, and for those it is right.",
                when=orthonormal,
            ),
            Misconception(
                "It is that step, but without random effects there is nothing to see: take a $Z$ "
                "that is not zero.",
                when=lambda value: value[0] == 3 and sp.Matrix(value[1]["Z"]).is_zero_matrix,
            ),
        ),
        "A projection needs the inverse in its middle, unless the basis is orthonormal.",
        "One third for the step, two thirds for matrices that show it.",
    ),
    Exercise(
        "profile-reml-slope-at-zero",
        CHAPTER,
        MatrixExpression(model_of_slope, lambda z: -slope(z)),
        (
            Misconception(
                "The sign: a little of the random effects already explains a part of the "
                "residuals.",
                slope,
            ),
            Misconception(
                "It is flat in the standard deviation, $\\theta$, not in the ratio of variances.",
                lambda z: as_scalar(z["y"].T * z["y"]) * 0,
            ),
            Misconception(
                "The data stand in it where the residuals belong: the coefficients are estimated "
                "anew for every $\\phi$.",
                lambda z: -as_scalar(z["y"].T * z["Z"] * z["Z"].T * z["y"]),
            ),
            Misconception(
                "Residuals on one side only: the projection belongs on both sides.",
                lambda z: -as_scalar(z["y"].T * off(z["X"]) * z["Z"] * z["Z"].T * z["y"]),
            ),
            Misconception(
                "This is the second derivative in the standard deviation, $\\theta$: a factor 2.",
                lambda z: -2 * slope(z),
            ),
            Misconception(
                "A trace belongs to the determinant. The sum of squares keeps its data.",
                lambda z: -tr(z["Z"].T * off(z["X"]) * z["Z"]),
            ),
            Misconception(
                "A trace belongs to the determinant. The sum of squares keeps its data.",
                lambda z: tr(z["Z"].T * off(z["X"]) * z["Z"]),
            ),
        ),
        "At zero nothing needs to be inverted: residuals, summed within each level, squared and "
        "added.",
        "One half for the differential, one half for the residuals.",
    ),
    Exercise(
        "profile-reml-saturated",
        CHAPTER,
        Choice("b", "abcd"),
        (
            Misconception(
                "Nothing speaks for zero. Write down the density of a single contrast, and put "
                "its best scale in.",
                "a",
            ),
            Misconception(
                "That is what happens to ML when the residuals vanish altogether. Here one "
                "contrast is left, and it is not zero.",
                "c",
            ),
            Misconception(
                "The divisor takes care of the mean of one estimate. Can one number tell two "
                "variances apart?",
                "d",
            ),
        ),
        "A restricted likelihood knows as much as there are contrasts. One contrast knows a scale "
        "and no ratio.",
        "The letter one half, the density of the contrast one half.",
    ),
    Exercise(
        "profile-reml-prior",
        CHAPTER,
        Function(added, priors, tolerance=1e-8),
        (
            Misconception(
                "You took the information for the covariance: $\\hat\\beta$ varies with the "
                "inverse of $X'V^{-1}X$.",
                added_with(lambda K, H: K + H),
            ),
            Misconception(
                "You took the estimate for the coefficient itself: $\\hat\\beta$ has a sampling "
                "error, besides what the prior says.",
                added_with(lambda K, H: K),
            ),
            Misconception(
                "That is the sampling error of $\\hat\\beta$ alone: the prior adds to it.",
                added_with(lambda K, H: np.linalg.inv(H)),
            ),
            Misconception(
                "You took $\\kappa$ for a standard deviation; it is the variance of the prior.",
                added_with(lambda K, H: K @ K + np.linalg.inv(H)),
            ),
            Misconception(
                "The log determinant is missing: this is a quadratic form only.",
                lambda y, X, V, kappa: (
                    added(y, X, V, kappa)
                    - log_det(kappa * np.eye(X.shape[1]) + np.linalg.inv(least_squares(y, X, V)[1]))
                ),
            ),
            Misconception(
                "The quadratic form is missing: the estimate itself has to come in.",
                lambda y, X, V, kappa: log_det(
                    kappa * np.eye(X.shape[1]) + np.linalg.inv(least_squares(y, X, V)[1])
                ),
            ),
            Misconception(
                "This is the whole criterion of the data. The restricted criterion is to be "
                "subtracted.",
                lambda y, X, V, kappa: gaussian(y, V + kappa * X @ X.T),
            ),
            Misconception(
                "The restricted criterion without $\\log|X'V^{-1}X|$ was subtracted: that is the "
                "profile of ML.",
                lambda y, X, V, kappa: added(y, X, V, kappa) + log_det(least_squares(y, X, V)[1]),
            ),
            Misconception(
                "The difference is taken the wrong way round.",
                lambda y, X, V, kappa: -added(y, X, V, kappa),
            ),
            Misconception(
                "This is in units of the log likelihood. Both criteria are minus twice that.",
                lambda y, X, V, kappa: -added(y, X, V, kappa) / 2,
            ),
            Misconception(
                "This is in units of the log likelihood. Both criteria are minus twice that.",
                lambda y, X, V, kappa: added(y, X, V, kappa) / 2,
            ),
        ),
        "With a proper prior the estimate of the coefficients becomes evidence about the "
        "variances: that is what REML leaves out.",
        "One half for the covariance of the estimate, one half for both of its terms.",
    ),
)
