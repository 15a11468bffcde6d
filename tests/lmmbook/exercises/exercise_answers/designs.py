import numpy as np
import sympy as sp
from scipy import sparse

from exercise_answers import Answers
from matrixproof import Setting, eye


def X_of(x):
    return np.column_stack([np.ones(len(x)), x])


def in_turn(group, x):
    """Column by column, in the order in which the labels appear."""
    labels = list(dict.fromkeys(group.tolist()))
    Z = np.zeros((len(x), 2 * len(labels)))
    for row, (label, value) in enumerate(zip(group.tolist(), x, strict=True)):
        at = 2 * labels.index(label)
        Z[row, at : at + 2] = 1, value
    return X_of(x), Z


def slopes_first(group, x):
    member = (group[:, None] == np.unique(group)[::-1]).astype(float)
    return np.column_stack([x, np.ones(len(x))]), np.hstack([member * x[:, None], member])


def sparse_product(group, x):
    _, code = np.unique(group, return_inverse=True)
    member = sparse.csr_matrix((np.ones(len(x)), (np.arange(len(x)), code)))
    return X_of(x), sparse.hstack([member, sparse.diags(x) @ member])


def rows_by_kronecker(group, x):
    labels = np.unique(group)
    rows = [np.kron(labels == label, [1.0, value]) for label, value in zip(group, x, strict=True)]
    return X_of(x), np.array(rows)


def members(group):
    return (group[:, None] == np.unique(group)).astype(float)


def with_slopes(group, columns):
    return np.hstack([members(group), members(group) * columns[:, None]])


def sorted_rows(group, x):
    sizes = np.unique(group, return_counts=True)[1]
    blocks = np.repeat(np.eye(len(sizes)), sizes, axis=0)
    return X_of(x), np.hstack([blocks, blocks * x[:, None]])


def centred(group, x):
    means = {g: x[group == g].mean() for g in group.tolist()}
    return X_of(x), with_slopes(group, x - np.array([means[g] for g in group.tolist()]))


g0, g01, g1 = sp.symbols("g_0 g_01 g_1")
c = sp.Symbol("c")
parabola = g0 + 2 * c * g01 + c**2 * g1

s = Setting("n b m")
n, b, m = s.dimensions
P_A, P_C = s.symmetric("P_A: n; P_C: n")
s2, tA, tC = s.scalars("sigma2 tau2_A tau2_C")
whole = eye(n)
l1, l2, l3 = s2, s2 + m * tC, s2 + m * tC + b * m * tA
V = s2 * whole + m * tC * P_C + b * m * tA * P_A

ANSWERS = {
    "designs-random-slopes": Answers(
        right=[in_turn, slopes_first, sparse_product, rows_by_kronecker],
        wrong=[
            (lambda group, x: (X_of(x), members(group)), "intercepts alone"),
            (lambda group, x: (X_of(x), X_of(x)), "same columns"),
            (
                lambda group, x: (
                    X_of(x),
                    np.hstack([np.ones((len(x), 1)), members(group) * x[:, None]]),
                ),
                "common to all groups",
            ),
            (lambda group, x: (X_of(x), members(group) * x[:, None]), "slopes alone"),
            (sorted_rows, "sorted by group"),
            (centred, "own mean"),
            (
                lambda group, x: (
                    np.hstack([X_of(x), with_slopes(group, x)]),
                    with_slopes(group, x),
                ),
                "in $X$ as well",
            ),
            (lambda group, x: (np.ones((len(x), 1)), with_slopes(group, x)), "mean zero"),
            (lambda group, x: (X_of(x), with_slopes(group, x - x.mean())), ""),
            (lambda group, x: (X_of(x), with_slopes(group, np.abs(x))), ""),
            (lambda group, x: (X_of(x), with_slopes(group, x + 1e-5)), ""),
            (lambda group, x: (X_of(x), np.eye(len(x))), ""),
            (lambda group, x: (with_slopes(group, x), X_of(x)), ""),
        ],
    ),
    "designs-narrowest": Answers(
        right=[
            g0 - g01**2 / g1,
            (g0 * g1 - g01**2) / g1,
            sp.Matrix([[g0, g01], [g01, g1]]).det() / g1,
            g0 * (1 - (g01 / sp.sqrt(g0 * g1)) ** 2),
            parabola.subs(c, sp.solve(sp.diff(parabola, c), c)[0]),
        ],
        wrong=[
            (g0, "present zero"),
            (g0 + g01**2 / g1, "The sign"),
            (-g01 / g1, "the place"),
            (parabola.subs(c, -g01 / (2 * g1)), "halfway"),
            (g0 - g01**2 / (4 * g1), "enters the variance of the line twice"),
            (sp.sqrt(g0 - g01**2 / g1), "standard deviation"),
            (g1 - g01**2 / g0, "swapped"),
            (g0 - g01 * sp.Abs(g01) / g1, ""),
            (g0 - g01 / g1, ""),
            (g0 - g01**2 / g1 + sp.Rational(1, 10**6), ""),
        ],
    ),
    "designs-nested-inverse": Answers(
        right=[
            (whole - P_C) / l1 + (P_C - P_A) / l2 + P_A / l3,
            whole / l1 + (1 / l2 - 1 / l1) * P_C + (1 / l3 - 1 / l2) * P_A,
            whole / s2 - m * tC / (s2 * l2) * P_C - b * m * tA / (l2 * l3) * P_C * P_A,
            ((whole - P_C) / l1 + (P_C - P_A) / l2 + P_A / l3).T,
        ],
        wrong=[
            ((whole - P_C) / l1 + P_C / l2 + P_A / l3, "overlap"),
            ((whole - P_C) / l1 + (P_C - P_A) / l2 + P_A / (s2 + b * m * tA), "all three"),
            ((whole - P_C) / l1 + (P_C - P_A) / (m * tC) + P_A / (m * tC + b * m * tA), "left the"),
            (whole / s2 + P_C / (m * tC) + P_A / (b * m * tA), "term by term"),
            (V, "not its inverse"),
            (V.I, ""),
            ((whole - P_C) / l1 + (P_C - P_A) / l2 + P_A / (s2 + m * tC + m * tA), ""),
            ((whole - P_C) / l1 + (P_C - P_A) / (s2 + tC) + P_A / l3, ""),
            ((whole - P_C) / l1 + (P_C - P_A) / l2, ""),
            (-(whole - P_C) / l1 + (P_C - P_A) / l2 + P_A / l3, ""),
        ],
    ),
    "designs-false-line": Answers(
        right=[
            (2, {"Z_A": [[1]], "Z_B": [[1]]}),
            (2, {"Z_A": [[1, 0], [1, 0], [0, 1]], "Z_B": [[1, 0], [0, 1], [1, 0]]}),
            [2, {"Z_A": [[1], [2]], "Z_B": sp.Matrix([0, 3])}],
            (2, {"Z_A": np.array([[1], [1]]), "Z_B": np.array([[0], [1]])}),
        ],
        wrong=[
            ((1, {"Z_A": [[1]], "Z_B": [[1]]}), "product of blocks"),
            ((3, {"Z_A": [[1]], "Z_B": [[1]]}), "block diagonal"),
            ((2, {"Z_A": [[1], [0]], "Z_B": [[0], [1]]}), "no level"),
            ((2, {"Z_A": [[1]], "Z_B": [[0]]}), "no level"),
            ((2, {"Z_A": [[1, 1]], "Z_B": [[1]]}), ""),
        ],
    ),
    "designs-groups-of-one": Answers(
        right=["c", "C", "(c)", " c "],
        wrong=[
            ("a", "every group"),
            ("A", "every group"),
            ("b", "well estimated"),
            ("(b)", "well estimated"),
            ("d", "free of the group's effect"),
        ],
    ),
}
