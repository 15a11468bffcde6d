"""What is positive for all dimensions and all positive scalars, and what can vanish."""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp

from matrixproof.language.errors import CertificateError


def is_positive(x: sp.Expr, positive: Iterable[sp.Expr] = ()) -> bool:
    """Whether x is a sum of positive terms, the dimensions counted from their smallest values.

    A sufficient rule. ``positive`` are whole numbers known to be positive, n - p for instance: n is
    then counted from p + 1 on.
    """
    known = list(positive)
    for _ in known:  # one may have to be used after another
        for p in known:
            for d in sorted(p.free_symbols & x.free_symbols, key=str):
                if p.coeff(d, 1) == 1 and not (p - d).has(d):
                    x = sp.expand(x.subs(d, sp.Dummy(integer=True, positive=True) + d - p))
                    break
    shifted = {d: 1 + sp.Dummy(nonnegative=True) for d in x.free_symbols if d.is_integer}
    terms = sp.Add.make_args(sp.expand(x.subs(shifted)))
    return all(t.is_nonnegative for t in terms) and any(t.is_positive for t in terms)


def may_vanish(divided: Iterable[sp.Expr], positive: Iterable[sp.Expr]) -> set[sp.Expr]:
    """The factors of what was divided by that can be zero: they must be assumed not to be.

    Raises
    ------
    CertificateError
        When one is zero for all values.
    """
    out: set[sp.Expr] = set()
    for x in divided:
        for part in sp.fraction(sp.together(x)):
            if part == 0:
                raise CertificateError(f"a proof divides by {x}, which is zero")
            for f, _ in sp.factor_list(part)[1]:
                f = max(f, -f, key=lambda e: not str(e).startswith("-"))
                if not any(is_positive(y, positive) for y in (f, -f)):
                    out.add(f)
    return out
