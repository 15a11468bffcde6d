"""The ledger: one record a result, and results recalled from it in later chapters.

``make record`` writes the records; every other run compares what it proves with them, so a record
is never older than its proof. A recalled result is proved again from its record before it can be
cited: the file is not trusted.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import sympy as sp

from matrixproof.judges.refutation import Refutation
from matrixproof.language.errors import ProofError
from matrixproof.language.expressions import OPERATIONS, Expr, latex, plain, rebuild, sympy_latex
from matrixproof.page.derivation import Derivation, Result
from matrixproof.page.entries import ByEntries
from matrixproof.setting import Differential, Hypothesis, Letter, Setting

FOLDER = "MATRIXPROOF_RECORDS"  # the folder in which named results are kept; none, and none are
RECORD = "MATRIXPROOF_RECORD"  # set, they are written; else they are compared
CHAPTER = "MATRIXPROOF_CHAPTER"  # where a result is derived, for its record
TEX = ("tex", "counterexample_tex")  # how a record is displayed; it may be older than these
_entered: dict[str, str] = {}
_recalling: list[str] = []


def folder() -> Path | None:
    """The folder that ``MATRIXPROOF_RECORDS`` names, if it names one."""
    named = os.environ.get(FOLDER)
    return Path(named) if named else None


def load(name: str, where: Path | None = None) -> dict[str, Any]:
    """The record of a result, by its name, in a folder: ``MATRIXPROOF_RECORDS`` unless given."""
    where = where or folder()
    if where is None:
        raise ProofError(f"no folder of recorded results is named: set {FOLDER}")
    path = where / f"{name}.json"
    if not name.replace("-", "").isalnum() or not path.exists():
        raise ProofError(f"there is no recorded result '{name}'")
    return _parsed(path, path.stat().st_mtime_ns)


@cache
def _parsed(path: Path, written: int) -> dict[str, Any]:
    """A record as it was written then; nobody changes what is returned."""
    return json.loads(path.read_text(encoding="utf-8"))


def load_all(where: Path) -> list[dict[str, Any]]:
    """All records of a folder, by name."""
    return [load(p.stem, where) for p in sorted(where.glob("*.json"))]


def enter(result: Result | Refutation | ByEntries) -> None:
    """Enter a named result: write its record, or compare with the one that is there.

    Without a folder of records only its name is looked at.

    Raises
    ------
    ProofError
        When the name is taken by another statement in this run, or the record states something
        else (``make record`` renews it).
    """
    name, statement = result.name, result.statement()
    if not name.replace("-", "").isalnum():
        raise ProofError(f"'{name}': a name has letters, digits and hyphens only")
    if _entered.setdefault(name, statement) != statement:
        raise ProofError(f"the name '{name}' is taken by {_entered[name]}")
    where = folder()
    if where is None:
        return
    new = record_of(result)
    path = where / f"{name}.json"
    old = load(name, where) if path.exists() else {}
    lacking = [k for k in TEX if k in new and k not in old]
    changed = [k for k in new if k not in ("seconds", "chapter", *lacking) and new[k] != old.get(k)]
    if os.environ.get(RECORD):
        # other seconds alone are no change
        same = old and not changed and not lacking and new["chapter"] == old["chapter"]
        path.parent.mkdir(exist_ok=True)
        path.write_text(as_text(old if same else new), encoding="utf-8")
    elif old and changed:
        raise ProofError(
            f"the recorded result '{name}' differs in: {', '.join(changed)}. If the change is "
            "meant, run make record; in an experiment of your own, choose another name"
        )


def as_text(record: dict[str, Any]) -> str:
    """A record as its file has it: a line for each key and for each line of the derivation."""
    values = {key: _compact(value) for key, value in record.items()}
    if "lines" in record:
        values["lines"] = "[\n" + ",\n".join(map(_compact, record["lines"])) + "\n]"
    return "{\n" + ",\n".join(f'"{key}":{values[key]}' for key in sorted(values)) + "\n}\n"


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def record_of(result: Result | Refutation | ByEntries) -> dict[str, Any]:
    """What the ledger keeps of a result."""
    out: dict[str, Any] = {
        "name": result.name,
        "title": result.title,
        "chapter": os.environ.get(CHAPTER, ""),
        "cites": list(result.cites),
        "status": result.status,
        "statement": result.statement(),
    }
    if isinstance(result, ByEntries):
        left = result.left_tex or sympy_latex(result.left)
        return out | {"how": result.how, "tex": f"{left} = {sympy_latex(result.right)}"}
    out["setting"] = setting_data(result.setting)
    out["tex"] = f"{latex(result.lhs)} = {latex(result.rhs)}"
    if isinstance(result, Refutation):
        given = r",\ ".join(f"{latex(a)} = {latex(b)}" for a, b in result.given)
        out["tex"] = (rf"{given}\ \Rightarrow\ " if given else "") + out["tex"]
        shown = list(result.counterexample.latex())
        return out | {"counterexample": str(result.counterexample), "counterexample_tex": shown}
    d = result.derivation
    return out | {
        "quantifier": d.quantifier(),
        "assumptions": d.all_assumptions(),
        "lines": [
            {
                "text": plain(line.expression),
                "reason": line.reason,
                "status": line.status,
                "instances": line.instances,
                "relations": line.relations,
                "lemmas": line.lemmas,
                "tree": expression_data(line.expression),
            }
            for line in d.lines
        ],
        "seconds": round(sum(line.seconds for line in d.lines), 1),
    }


# -- recalling ------------------------------------------------------------------------------
def recall(name: str, where: Path | None = None) -> Result:
    """A recorded result, proved again from its record.

    Raises
    ------
    ProofError
        When there is no such record, when it is no proof, or when results recall each other.
    """
    if name in _recalling:
        raise ProofError(f"circular: {' -> '.join([*_recalling, name])}")
    record = load(name, where)
    if record["status"] != "proved":
        raise ProofError(f"'{name}' is {record['status']}: only proved results can be recalled")
    with _guard(name):
        setting = setting_from(record["setting"])
        lines = record["lines"]
        if len(lines) < 2:
            raise ProofError(f"the record of '{name}' has no step")
        derivation = Derivation(setting, expression_from(lines[0]["tree"], setting))
        for line in lines[1:]:
            if line["lemmas"]:
                raise ProofError(f"'{name}' cites other results: recall those and prove it here")
            derivation.step(expression_from(line["tree"], setting), line["reason"])
    result = Result(derivation, record["title"], name, tuple(record["cites"]))
    if result.statement() != record["statement"]:
        raise ProofError(f"the record of '{name}' states one thing and proves another")
    return result


@contextmanager
def _guard(name: str):
    _recalling.append(name)
    try:
        yield
    finally:
        _recalling.pop()


# -- expressions and settings as data --------------------------------------------------------
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


def expression_from(data: list[Any], setting: Setting) -> Expr:
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


def setting_data(s: Setting) -> dict[str, Any]:
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


def setting_from(data: dict[str, Any]) -> Setting:
    """The setting that `setting_data` wrote down; one with samplers of its own is refused."""
    s = Setting(data["dimensions"], data["where"])
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
