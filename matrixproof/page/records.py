"""Records: one file a named result, written once and compared ever after.

``MATRIXPROOF_RECORDS`` names the folder in which they are kept; without it nothing is. A run with
``MATRIXPROOF_RECORD=1`` writes them; every other run compares what it proves with them, so a
record is never older than its proof.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from matrixproof.language.errors import ProofError

FOLDER = "MATRIXPROOF_RECORDS"  # the folder in which named results are kept; none, and none are
RECORD = "MATRIXPROOF_RECORD"  # set, they are written; else they are compared
CHAPTER = "MATRIXPROOF_CHAPTER"  # where a result is derived, for its record
TEX = ("tex", "counterexample_tex")  # how a record is displayed; it may be older than these
entered: dict[str, str] = {}  # the names of this run, and what each states


class Recordable(Protocol):
    """A result, a refutation, a claim by entries: what has a name and can tell its record."""

    name: str

    def statement(self) -> str: ...

    def record(self) -> dict[str, Any]: ...


def folder() -> Path | None:
    """The folder that ``MATRIXPROOF_RECORDS`` names, if it names one."""
    named = os.environ.get(FOLDER)
    return Path(named) if named else None


def load(name: str, where: Path | None = None) -> dict[str, Any]:
    """The record of a result, by its name, in a folder: ``MATRIXPROOF_RECORDS`` unless given.

    Raises
    ------
    ProofError
        When no folder is named, or it has no such record.
    """
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


def as_text(record: dict[str, Any]) -> str:
    """A record as its file has it: a line for each key and for each line of the derivation."""
    values = {key: _compact(value) for key, value in record.items()}
    if "lines" in record:
        values["lines"] = "[\n" + ",\n".join(map(_compact, record["lines"])) + "\n]"
    return "{\n" + ",\n".join(f'"{key}":{values[key]}' for key in sorted(values)) + "\n}\n"


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def enter(result: Recordable) -> None:
    """Enter a named result: write its record, or compare with the one that is there.

    Without a folder of records only its name is looked at.

    Raises
    ------
    ProofError
        When the name is taken by another statement in this run, or the record states something
        else.
    """
    name, statement = result.name, result.statement()
    if not name.replace("-", "").isalnum():
        raise ProofError(f"'{name}': a name has letters, digits and hyphens only")
    if entered.setdefault(name, statement) != statement:
        raise ProofError(f"the name '{name}' is taken by {entered[name]}")
    where = folder()
    if where is None:
        return
    new = result.record() | {"chapter": os.environ.get(CHAPTER, "")}
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
            f"meant, record it again with {RECORD}=1; in an experiment, choose another name"
        )
