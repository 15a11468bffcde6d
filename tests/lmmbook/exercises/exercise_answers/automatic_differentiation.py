import numpy as np

from exercise_answers import Answers
from matrixproof import Setting, eye

s = Setting("n m")
n, _ = s.dimensions
A, B, bar = s.matrices("A: n; B: n,m; Cbar: n,m")

FALSE = {"A": [[1, 0]], "dA": [[0, 1]], "Cbar": [[0, 1], [0, 0]]}


def by_inverse(V, X, bar):
    W = np.linalg.inv(V)
    return -(W @ X @ bar.T @ X.T @ W).T


def by_solving(V, X, bar):
    half = np.linalg.solve(V.T, X @ bar)
    return -half @ np.linalg.solve(V, X).T


def by_directions(V, X, bar):
    W = np.linalg.inv(V)
    out = np.zeros(V.shape)
    for i in range(len(V)):
        for j in range(len(V)):
            step = np.outer(W[:, i], W[j])  # W (a unit in place i, j) W
            out[i, j] = -np.sum(bar * (X.T @ step @ X))
    return out.tolist()


def by_complex_step(V, X, bar):
    out = np.zeros(V.shape)
    for i, j in np.ndindex(V.shape):
        moved = V.astype(complex)
        moved[i, j] += 1e-20j
        out[i, j] = np.sum(bar * (X.T @ np.linalg.inv(moved) @ X)).imag / 1e-20
    return out


ANSWERS = {
    "adjoint-of-solving": Answers(
        right=[
            -A.T.I * bar * (A.I * B).T,
            -(A.I.T * bar * B.T * A.T.I),
            -((A.I * B * bar.T * A.I).T),
            A.T.I * (-bar) * (B.T * A.I.T),
        ],
        wrong=[
            (A.T.I * bar * (A.I * B).T, "minus sign"),
            (A.T.I * bar * B.T * A.T.I, "minus sign"),
            (-A.T.I * bar * B.T * A.I, "A transpose is lost"),
            (-A.T.I * bar * B.T * A.T.I * eye(n) * 3, ""),
            (-A.I * bar * (A.I * B).T, "A transpose is lost"),
            (-A.T.I * bar * B.T, "one, and"),
            (-A.I * B * bar.T * A.I, "This is the transpose"),
            (-2 * A.T.I * bar * (A.I * B).T, ""),
            (A, ""),
        ],
    ),
    "adjoint-false-line": Answers(
        right=[
            (2, FALSE),
            [2, {"A": [[1, 0]], "dA": [[0, 1]], "Cbar": [[0, 0], [3, 0]]}],
            (2, {"A": [[1, 2], [0, 1]], "dA": [[0, 1], [0, 0]], "Cbar": [[0, 2], [1, 0]]}),
        ],
        wrong=[
            ((1, FALSE), "product rule"),
            ((3, FALSE), "transposes a product"),
            ((2, FALSE | {"Cbar": [[1, 2], [2, 0]]}), "symmetric"),
            ((2, {"A": [[2]], "dA": [[1]], "Cbar": [[3]]}), "symmetric"),
            ((2, FALSE | {"dA": [[0, 0]]}), "nothing moves"),
            ((2, FALSE | {"dA": [[1, 0]]}), ""),
        ],
    ),
    "adjoint-of-information": Answers(
        right=[by_inverse, by_solving, by_directions, by_complex_step],
        wrong=[
            (lambda V, X, bar: -by_inverse(V, X, bar), "minus sign"),
            (lambda V, X, bar: by_inverse(V.T, X, bar), "A transpose is lost"),
            (lambda V, X, bar: by_inverse(V, X, bar.T), "is transposed"),
            (lambda V, X, bar: X @ bar @ X.T, "stopped"),
            (lambda V, X, bar: -V.T @ X @ bar @ X.T @ V.T, "where its inverse belongs"),
            (
                lambda V, X, bar: by_inverse(V, X, np.linalg.inv(X.T @ np.linalg.inv(V) @ X).T),
                "logarithm",
            ),
            (lambda V, X, bar: by_inverse(V, X, bar).T, ""),
            (lambda V, X, bar: by_inverse((V + V.T) / 2, X, bar), ""),
            (lambda V, X, bar: 1.00001 * by_inverse(V, X, bar), ""),
            (lambda V, X, bar: by_inverse(V, X, np.eye(len(bar))), ""),
        ],
    ),
    "climb-that-stands-still": Answers(
        right=["b", "B", "(b)"],
        wrong=[
            ("a", "where a climb ends"),
            ("(a)", "where a climb ends"),
            ("c", "even in"),
            ("d", "chain rule"),
            ("D", "chain rule"),
        ],
    ),
}
