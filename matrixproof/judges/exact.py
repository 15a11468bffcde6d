"""Exact rational numbers and matrices, of which instances are made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp
from sympy.polys.matrices import DomainMatrix

from matrixproof.language.errors import ProofError

QQ = sp.QQ


class Unusable(Exception):
    """This draw does not satisfy the assumptions, or leaves the domain of an expression."""


class TooLarge(Unusable):
    """No draw of these sizes can be evaluated."""


def exact(x: Any) -> Any:
    """A rational number, given as one or as a text such as "1/2".

    Raises
    ------
    ProofError
        For a float, or a number that is not rational.
    """
    if isinstance(x, int):
        return QQ(x)
    value = sp.Rational(x) if isinstance(x, str) else sp.sympify(x)
    if not isinstance(value, sp.Rational):
        raise ProofError(f"{x} is not an exact rational number: write Rational(1, 2) for a half")
    return QQ.from_sympy(value)


def matrix(rows: Sequence[Sequence[Any]]) -> DomainMatrix:
    """An exact rational matrix."""
    converted = [[x if isinstance(x, QQ.dtype) else exact(x) for x in r] for r in rows]
    return DomainMatrix(converted, (len(rows), len(rows[0])), QQ)


def identity(n: int) -> DomainMatrix:
    return DomainMatrix.eye(n, QQ).to_dense()


def is_of_kind(x: DomainMatrix, kind: str) -> bool:
    """Whether a matrix is what a letter of the kind is taken to be."""
    x = x.to_dense()
    if kind in ("symmetric", "positive definite") and x.transpose() != x:
        return False
    if kind == "full column rank":
        return bool((x.transpose() * x).to_dense().det())
    if kind == "positive definite":
        orders = range(1, x.shape[0] + 1)
        return all(x.extract(list(range(k)), list(range(k))).det() > 0 for k in orders)
    return True
