"""Slips of the pen in explicit SymPy expressions: a sign, a factor, a term, a number, a transpose.

As `matrixproof.slips.derivations`, for the claims that are checked by entries.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy as sp

from matrixproof.language.errors import ProofError
from matrixproof.page.entries import by_entries

HALF = sp.Rational(1, 2)


def entry_mutants(x: Any) -> list[tuple[str, Any]]:
    """All single slips in an explicit expression or matrix, each once.

    Parameters
    ----------
    x : SymPy expression or explicit matrix

    Returns
    -------
    list of (str, SymPy object)
        The name of the slip and the expression with it: sign, factor 2, factor 1/2, transpose,
        and in every sum within a sign and a dropped term, in every number off by one.
    """
    x = sp.sympify(x)
    seen, out = {x}, []
    for kind, new in _slips(x):
        if new not in seen:
            seen.add(new)
            out.append((kind, new))
    return out


def _slips(x: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(x, sp.MatrixBase):
        x = x.as_immutable()
        yield from (("sign", -x), ("factor 2", 2 * x), ("factor 1/2", x * HALF))
        if x.shape[0] == x.shape[1]:
            yield "transpose", x.T
        for i, entry in enumerate(x):
            for kind, new in _within(entry):
                changed = x.as_mutable()
                changed[i] = new
                yield kind, changed.as_immutable()
    else:
        yield from (("sign", -x), ("factor 2", 2 * x), ("factor 1/2", x * HALF))
        yield from _within(x)


def _within(x: Any) -> Iterator[tuple[str, Any]]:
    """The slips inside a scalar expression."""
    if x.is_Integer:
        yield "off by one", x + 1
        return
    if isinstance(x, sp.Add):
        for term in x.args:
            yield "sign", x - 2 * term
            yield "dropped term", x - term
    if not isinstance(x, sp.Expr) or isinstance(x, (sp.Sum, sp.Integral, sp.Derivative, sp.Limit)):
        return
    for i, part in enumerate(x.args):
        for kind, new in _within(part):
            try:
                yield kind, x.func(*x.args[:i], new, *x.args[i + 1 :])
            except (TypeError, ValueError):  # no such function of the changed argument
                continue


def judge_entries(left: Any, right: Any) -> str:
    """``refuted``, ``proved`` (another way to write it) or ``rejected``, as in `mutation.judge`."""
    try:
        by_entries(left, right)
    except ProofError:
        return "refuted"
    except (TypeError, ValueError, ZeroDivisionError, AttributeError):
        return "rejected"
    return "proved"
