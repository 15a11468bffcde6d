"""Expressions and settings as data: lists and strings, which JSON keeps."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

import sympy as sp

from matrixproof.language.declarations import Declarations
from matrixproof.language.differential import Differential
from matrixproof.language.errors import ProofError
from matrixproof.language.expressions import OPERATIONS, Expr
from matrixproof.language.letters import Hypothesis, Letter
from matrixproof.language.printing import plain
from matrixproof.language.trees import rebuild

Declared = TypeVar("Declared", bound=Declarations)


class Named(Protocol):
    """A result, a refutation, a claim by entries."""

    name: str
    title: str
    cites: tuple[str, ...]
    status: str

    def statement(self) -> str: ...


def identity(result: Named) -> dict[str, Any]:
    """What every record begins with: what is claimed, under which name, and how it stands."""
    return {
        "name": result.name,
        "title": result.title,
        "cites": list(result.cites),
        "status": result.status,
        "statement": result.statement(),
    }


def expression_data(e: Expr) -> list[Any]:
    """An expression as lists and strings."""
    shape = [str(s) for s in e.shape] if e.shape else None
    value: Any = e.value
    if isinstance(value, Differential):
        table = {str(k): expression_data(v) for k, v in value.table.items()}
        value = {"name": value.name, "tex": value.tex, "table": table}
    elif isinstance(value, sp.Basic):
        value = {"number": str(value)}
    elif isinstance(value, tuple):  # the block structure, as JSON gives it back
        value = list(value)
    return [e.op, [expression_data(a) for a in e.args], shape, value, e.tex]


def expression_from(data: list[Any], setting: Declarations) -> Expr:
    """The expression that `expression_data` wrote down.

    Raises
    ------
    ProofError
        When the data are no expression, or the sizes are not those that the nodes have.
    """
    op, args, shape, value, tex = data
    names = {**setting.dims, **setting.scalar_symbols}
    if isinstance(value, dict) and "number" in value:
        value = sp.sympify(value["number"], locals=names)
    elif isinstance(value, dict):
        table = {
            setting.scalar_symbols.get(k, k): expression_from(v, setting)
            for k, v in value["table"].items()
        }
        value = Differential(value["name"], value["tex"], table)
    elif isinstance(value, list):
        value = tuple(value)
    sides = tuple(sp.expand(sp.sympify(s, locals=names)) for s in shape) if shape else None
    if op not in OPERATIONS or (op in ("eye", "zero", "symbol", "number")) != (not args):
        raise ProofError(f"'{op}' with {len(args)} parts is not an expression")
    parts = [expression_from(a, setting) for a in args]
    out = Expr(op, parts, sides, value, tex)
    if rebuild(out, parts).key() != out.key():
        raise ProofError(f"{plain(out)} is recorded with a size or form that it does not have")
    return out


def setting_data(s: Declarations) -> dict[str, Any]:
    """The declarations of a setting as lists and strings."""
    return {
        "dimensions": s.names,
        "where": s.where,
        "scalars": sorted(x for x, symbol in s.scalar_symbols.items() if symbol.is_positive),
        "signed": sorted(x for x, symbol in s.scalar_symbols.items() if not symbol.is_positive),
        "letters": [
            [x.name, str(x.shape[0]), str(x.shape[1]), x.kind, x.sampler is not None]
            for x in s.letters.values()
        ],
        "hypotheses": [
            [expression_data(h.lhs), expression_data(h.rhs), h.name] for h in s.hypotheses
        ],
        "noises": {k: expression_data(v.covariance) for k, v in s.noises.items()},
    }


def declare(data: dict[str, Any], kind: type[Declared]) -> Declared:
    """The setting that `setting_data` wrote down; one with samplers of its own is refused.

    Parameters
    ----------
    data : dict
    kind : type
        What is made of it: `Declarations`, or a kind of them that can prove as well.

    Raises
    ------
    ProofError
        When the data are no setting, or a letter has a sampler.
    """
    s = kind(data["dimensions"], data["where"])
    s.scalars(" ".join(data["scalars"]))
    s.scalars(" ".join(data.get("signed", [])), positive=False)
    for name, r, c, kind, sampled in data["letters"]:
        if sampled:
            raise ProofError(f"{name} has a sampler of its own: prove the result anew")
        s.letters[name] = Letter(name, (s.dimension(r), s.dimension(c)), kind)
    for lhs, rhs, name in data["hypotheses"]:
        s.hypotheses.append(Hypothesis(expression_from(lhs, s), expression_from(rhs, s), name))
    for name, covariance in data["noises"].items():
        e = expression_from(covariance, s)
        s.gaussian(Expr("symbol", shape=s.letters[name].shape, value=name, tex=name), e)
    return s
