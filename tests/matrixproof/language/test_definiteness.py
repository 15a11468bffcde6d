"""What is called definite is."""

import random

from matrixproof import Setting, define, definiteness, eye
from matrixproof.judges.instances import Instance


def test_definiteness_is_never_wrong():
    """What the rule calls definite is so on every instance."""
    s = Setting("n p", where="n > p")
    n, p = s.dimensions
    V, W = s.positive_definite("V: n; W: n")
    S = s.symmetric("S: n")
    A, Z = s.matrices("A: n; Z: n,p")
    X = s.full_rank("X: n,p")
    G = s.positive_definite("G: p")
    a = s.scalars("a")
    c = s.scalars("c", positive=False)
    definite = [
        V, V + W, V.I, a * V, V / a, X.T * V * X, X.T * X, V + Z * G * Z.T, V + A.T * A, V * W * V,
        (X.T * V.I * X).I, eye(n), V + a * Z * Z.T, 2 * V, V + S * S, define("H", X.T * X),
    ]  # fmt: skip
    semidefinite = [Z * Z.T, A.T * A, X * X.T, Z * G * Z.T, S * S, S * V * S, A.T * V * A]
    unknown = [
        S, A, -V, V - W, c * V, V / c, V * W, A * V, S + V, -(V + W), A * A, A * V * A, V * S,
        (a - 1) * V, X.T * S * X, V + S, Z * Z.T - V, A.T * S * A, X.T * V * X - G, V.I - W.I,
    ]  # fmt: skip
    assert [definiteness(e, s) for e in definite] == ["positive definite"] * len(definite)
    assert [definiteness(e, s) for e in semidefinite] == ["positive semidefinite"] * 7
    assert [definiteness(e, s) for e in unknown] == [None] * len(unknown)
    for seed in range(8):
        instance = Instance(s, {n: 3, p: 2}, random.Random(seed))
        for e in definite:
            value = instance.evaluate(e)[0].to_Matrix()
            assert value.is_positive_definite
        for e in semidefinite:
            assert instance.evaluate(e)[0].to_Matrix().is_positive_semidefinite
