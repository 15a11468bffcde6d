"""What several tests of the checker use: symbols, settings, ways to cite and to look."""

import sympy as sp

from matrixproof import Setting
from matrixproof.language.expressions import Expr

x, y, z, a, b = sp.symbols("x y z a b")


def unknowns(e):
    return sorted(e.free_symbols & {x, y, z}, key=str, reverse=True)


def assumptions(result):
    return " | ".join(result.derivation.all_assumptions())


def noisy(n="n"):
    s = Setting(n)
    A, K, F = s.matrices("A: n; K: n; F: n")
    m, e, f = s.vectors("m: n; e: n; f: n")
    s.gaussian(e, K * K.T)
    s.gaussian(f, F * F.T)
    return s, A, K, F, m, e, f


def citing(s, lemma, lhs=None, rhs=None):
    """Cite a lemma in a trivial step."""
    e = next(
        Expr("symbol", shape=x.shape, value=x.name, tex=x.name) for x in s.letters.values()
    )  # fmt: skip
    return s.prove(lhs or e, rhs or e, by=[lemma])
