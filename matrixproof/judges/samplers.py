"""How exact instances of special letters are drawn: contrasts, orthonormal columns, roots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp
from sympy.polys.matrices import DomainMatrix

from matrixproof.judges.exact import QQ, Unusable, identity, matrix
from matrixproof.language.errors import ProofError
from matrixproof.language.expressions import Expr
from matrixproof.language.printing import plain

if TYPE_CHECKING:
    from matrixproof.judges.instances import Instance


def draw(i: Instance, r: int, c: int) -> DomainMatrix:
    """Whole numbers, none larger than the height of the instance."""
    return matrix([[i.rng.randint(-i.height, i.height) for _ in range(c)] for _ in range(r)])


def draw_of_kind(i: Instance, kind: str, r: int, c: int) -> DomainMatrix:
    """A matrix of the kind that a letter is declared to be.

    Raises
    ------
    Unusable
        When what is drawn has no full column rank, and should.
    """
    x = draw(i, r, c)
    if kind == "symmetric":
        return x + x.transpose()
    if kind == "positive definite":
        return x * x.transpose() + identity(r)
    if kind == "full column rank" and not (x.transpose() * x).to_dense().det():
        raise Unusable("no full column rank")
    return x


def sample_contrasts(i: Instance, X: str) -> DomainMatrix:
    """A basis of the null space of X', turned by an invertible matrix.

    Raises
    ------
    Unusable
        When X has no full column rank, or the turn drawn is singular.
    """
    null_space = i.matrices[X].to_Matrix().T.nullspace()
    m = i.matrices[X].shape[0] - i.matrices[X].shape[1]
    if len(null_space) != m or not m:
        raise Unusable("X has no full column rank")
    basis = matrix(sp.Matrix.hstack(*null_space).tolist())
    turn = draw(i, m, m)
    if not turn.to_dense().det():
        raise Unusable("singular turn")
    return basis * turn


def sample_orthonormal(i: Instance, r: int, c: int) -> DomainMatrix:
    """c orthonormal columns of length r: columns of a Cayley transform (I + S)^-1 (I - S).

    Raises
    ------
    Unusable
        When c > r.
    """
    if c > r:
        raise Unusable(f"there are no {c} orthonormal columns of length {r}")
    x, unit = draw(i, r, r), identity(r)
    S = x - x.transpose()
    turn = (unit + S).inv() * (unit - S)
    return turn.extract(list(range(r)), i.rng.sample(range(r), c))


def default_root(i: Instance, covariance: Expr) -> DomainMatrix:
    """A root of K K', or of scalar * I when the scalar is drawn as a square.

    Raises
    ------
    ProofError
        For a covariance of another form, whose root has to be given.
    Unusable
        When the scalar is no square.
    """
    a = covariance.args
    if covariance.op == "mul" and len(a) == 2 and a[1].op == "transpose":
        return i.evaluate(a[0])[0]
    if covariance.op == "mul" and len(a) == 2 and a[0].shape is None and a[1].op == "eye":
        r = sp.sqrt(QQ.to_sympy(i.rational(i.evaluate(a[0]))[0]))
        if not r.is_Rational:
            raise Unusable("the variance is no square")
        return identity(i.size(a[1].shape[0])) * QQ.from_sympy(r)
    if covariance.op == "eye":
        return identity(i.size(covariance.shape[0]))
    raise ProofError(f"give a root for the covariance {plain(covariance)}")
