"""Means over the Gaussian as weighted sums over rational points, which knows no pairings."""

from __future__ import annotations

import itertools
from typing import Any

from matrixproof.judges.exact import QQ
from matrixproof.language.errors import ProofError
from matrixproof.language.expressions import Expr

HIGHEST = 5  # the moments that the points have


def gaussian_points(n: int, degree: int) -> list[tuple[Any, list[int]]]:
    """Weights, some of them negative, and points with the moments of N(0, I_n) up to ``degree``.

    For the third degree the points are 0 and +-e_i; for the fifth also +-2 e_i and +-e_i +-e_j: the
    weights solve E x_i^2 = 1, E x_i^4 = 3, E x_i^2 x_j^2 = 1, and odd moments vanish by symmetry.
    """

    def axis(scale: int) -> list[list[int]]:
        return [[sign * scale * (i == j) for j in range(n)] for i in range(n) for sign in (1, -1)]

    if degree <= 1:
        return [(QQ(1), [0] * n)]
    if degree <= 3:
        return [(QQ(1 - n), [0] * n), *((QQ(1, 2), x) for x in axis(1))]
    out = [(QQ(2 - n, 2) - QQ(1, 3), x) for x in axis(1)] + [(QQ(1, 12), x) for x in axis(2)]
    for i, j in itertools.combinations(range(n), 2):
        for a, b in itertools.product((1, -1), repeat=2):
            out.append((QQ(1, 4), [a * (k == i) + b * (k == j) for k in range(n)]))
    return [(QQ(1) - sum((w for w, _ in out), QQ(0)), [0] * n), *out]


def degree_in(e: Expr, noises: set[str]) -> int:
    """The degree of an expression as a polynomial in Gaussian vectors.

    Raises
    ------
    ProofError
        When it is none.
    """
    if e.op == "symbol":
        return int(e.value in noises)
    below = [degree_in(a, noises) for a in e.args]
    if e.op == "mul":
        return sum(below)
    if e.op == "power" and e.value >= 0:
        return e.value * below[0]
    divided = e.op in ("power", "inverse", "logdet", "log", "det")
    if any(below if divided else below[1:] if e.op == "div" else ()):
        raise ProofError("expectations of inverses, determinants and logarithms are not exact")
    return max(below, default=0)
