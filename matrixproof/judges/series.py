"""Exact power series in a step: of rational numbers, of matrices, of logarithms.

A series is the list of its coefficients. A `Scalar` keeps the logarithms of rational numbers
exactly, by their prime factors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp
from sympy.polys.matrices import DomainMatrix
from sympy.polys.matrices.exceptions import DMNonInvertibleMatrixError

from matrixproof.judges.exact import QQ, Unusable

Scalar = dict[Any, list[Any]]  # {1: rational part, prime: coefficient of log(prime)}, as series


def convolve(a: Sequence[Any], b: Sequence[Any]) -> list[Any]:
    """The series of a product."""
    out = []
    for k in range(len(a)):
        total = a[0] * b[k]
        for j in range(1, k + 1):
            total = total + a[j] * b[k - j]
        out.append(total)
    return out


def reciprocal(a: Sequence[Any]) -> list[Any]:
    """The series of 1/a."""
    if not a[0]:
        raise Unusable("division by zero")
    out = [1 / a[0]]
    for k in range(1, len(a)):
        out.append(-sum((a[j] * out[k - j] for j in range(1, k + 1)), QQ(0)) / a[0])
    return out


def shift(a: Sequence[Any]) -> list[Any]:
    """The series of the derivative."""
    return [x * QQ(k) for k, x in enumerate(a) if k]


def inverse(m: list[DomainMatrix]) -> list[DomainMatrix]:
    """The series N with M N = I, coefficient by coefficient."""
    try:
        first = m[0].to_dense().inv()
    except DMNonInvertibleMatrixError:
        raise Unusable("singular") from None
    out = [first]
    for k in range(1, len(m)):
        rest = m[1] * out[k - 1]
        for j in range(2, k + 1):
            rest = rest + m[j] * out[k - j]
        out.append(-(first * rest))
    return out


def logarithm(a: Sequence[Any]) -> Scalar:
    """log|a| as a series; the logarithm of its first term by prime factors."""
    if not a[0]:
        raise Unusable("logarithm of zero")
    quotient = convolve(shift(a), reciprocal(a)[: len(a) - 1]) if len(a) > 1 else []
    out: Scalar = {1: [QQ(0)] + [x / QQ(k + 1) for k, x in enumerate(quotient)]}
    for prime, power in sp.factorrat(abs(QQ.to_sympy(a[0]))).items():
        if prime != 1:
            out[int(prime)] = [QQ(int(power))] + [QQ(0)] * (len(a) - 1)
    return out


def determinant(m: list[DomainMatrix]) -> list[Any]:
    """The determinant of a matrix of series, over the polynomials in the step."""
    order = len(m) - 1
    if order == 0:
        return [m[0].to_dense().det()]
    t = sp.Symbol("t")
    ring = QQ[t]
    step = ring.from_sympy(t)
    n = m[0].shape[0]
    rows = [
        [sum((ring.convert(entry(c, i, j)) * step**k for k, c in enumerate(m)), ring.zero)
         for j in range(n)]
        for i in range(n)
    ]  # fmt: skip
    value = DomainMatrix(rows, (n, n), ring).to_field().det()
    poly = sp.Poly(value.as_expr() if hasattr(value, "as_expr") else value, t, domain=QQ)
    return [QQ.from_sympy(poly.coeff_monomial(t**k)) for k in range(order + 1)]


def trace(m: list[DomainMatrix]) -> list[Any]:
    n = m[0].shape[0]
    return [sum((entry(x, i, i) for i in range(n)), QQ(0)) for x in m]


def entry(x: DomainMatrix, i: int, j: int) -> Any:
    return x.to_dense().rep.to_ddm()[i][j] if hasattr(x.rep, "to_ddm") else x.to_list()[i][j]


def stack(cells: list[list[DomainMatrix]]) -> DomainMatrix:
    """A matrix made of blocks."""
    rows = [row[0].hstack(*row[1:]) if len(row) > 1 else row[0] for row in cells]
    return rows[0].vstack(*rows[1:]) if len(rows) > 1 else rows[0]


# -- with logarithms -------------------------------------------------------------------------
def has_logs(x: Scalar) -> bool:
    return any(key != 1 and any(series) for key, series in x.items())


def times(x: Scalar, factor: Sequence[Any]) -> Scalar:
    return {key: convolve(s, factor) for key, s in x.items()}


def add_to(total: Scalar, x: Scalar, weight: Any = None) -> None:
    """total += weight * x"""
    for key, series in x.items():
        old = total.get(key, [QQ(0)] * len(series))
        more = series if weight is None else [weight * q for q in series]
        total[key] = [p + q for p, q in zip(old, more, strict=True)]


def same(x: Any, y: Any) -> bool:
    """Whether two values without a step are equal."""
    if isinstance(x, dict):
        keys = set(x) | set(y)
        return all(x.get(k, [QQ(0)])[0] == y.get(k, [QQ(0)])[0] for k in keys)
    return x[0].to_dense() == y[0].to_dense()


def to_sympy(x: Any) -> Any:
    """A value without a step as a SymPy matrix or number."""
    if isinstance(x, dict):
        return sp.Add(
            *[QQ.to_sympy(s[0]) * (1 if key == 1 else sp.log(key)) for key, s in x.items()]
        )
    return x[0].to_Matrix()
