import numpy as np
import sympy as sp

from exercise_answers import Answers
from matrixproof import Setting, det, eye, tr

s = Setting("n")
(n,) = s.dimensions
A, B = s.matrices("A: n; B: n")

t = Setting("n")
Sigma, r = t.positive_definite("Sigma: n"), t.vectors("r: n")

ANSWERS = {
    "differential-trace": Answers(
        right=[
            -A.I * B * A.I,
            -(A.I * (B * A.I)),
            (A.I * B * A.I) * (-1),
            -A.I * (B + A - A) * A.I,
            A.I - A.I * (A + B) * A.I,
            -((A.T.I * B.T * A.T.I).T),
        ],
        wrong=[
            (A.I * B * A.I, "minus sign"),
            (-A.I * B, "one inverse"),
            (-A.I * A.I * B, "side by side"),
            (-B * A.I * A.I, "side by side"),
            (-(A.I.T * B.T * A.I.T), "transpose"),
            (-B, ""),
            (-2 * A.I * B * A.I, ""),
            (eye(n), ""),
        ],
    ),
    "differential-quadratic": Answers(
        right=[
            -(r.T * Sigma.I * Sigma.I * r),
            -((Sigma.I * r).T * (Sigma.I * r)),
            -tr(Sigma.I * r * r.T * Sigma.I),
            -tr(r * r.T * (Sigma * Sigma).I),
        ],
        wrong=[
            (r.T * Sigma.I * Sigma.I * r, "The sign"),
            (-(r.T * Sigma.I * r), "One inverse is missing"),
            (-tr(Sigma.I), "log determinant"),
            (-(r.T * r), "Both inverses are lost"),
            (-(r.T * Sigma * Sigma * r), "where its inverse belongs"),
            (-2 * (r.T * Sigma.I * Sigma.I * r), ""),
            (det(Sigma), ""),
        ],
    ),
    "differential-false-line": Answers(
        right=[
            (3, {"A": [[2]], "dA": [[1]]}),
            (3, {"A": [[1, 0], [0, 2]], "dA": [[0, 0], [0, 1]]}),
            [3, {"A": [[-3]], "dA": [[2]]}],
            (3, {"A": np.array([[2.5]]), "dA": np.array([[1.0]])}),
            (np.int64(3), {A: sp.Matrix([[0.5]]), "dA": [[sp.Rational(1, 2)]]}),
        ],
        wrong=[
            ((1, {"A": [[2]], "dA": [[1]]}), "every invertible matrix"),
            ((2, {"A": [[2]], "dA": [[1]]}), "differential of the inverse"),
            ((3, {"A": [[1]], "dA": [[1]]}), "does not show"),
            ((3, {"A": [[2]], "dA": [[0]]}), "nothing moves"),
            ((3, {"A": [[1, 0], [0, 1]], "dA": [[0, 0], [0, 1]]}), ""),
            ((3, {"A": [[0]], "dA": [[1]]}), ""),
            ((3, {"A": np.array([[1.0]]), "dA": [[1]]}), "does not show"),
            ((3, {"A": [[float("nan")]], "dA": [[1]]}), ""),
            ((3, {"A": [[2j]], "dA": [[1]]}), ""),
        ],
    ),
}
