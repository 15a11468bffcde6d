"""Recorded results, proved again before they can be cited: a file is not trusted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from matrixproof.language.errors import ProofError
from matrixproof.page.derivation import Derivation, Result
from matrixproof.page.records import load
from matrixproof.page.written import declare, expression_from
from matrixproof.setting import Setting

_recalling: list[str] = []


def recalling() -> tuple[str, ...]:
    """The results that are being proved again just now: steps in them are of no new derivation."""
    return tuple(_recalling)


def recall(name: str, where: Path | None = None) -> Result:
    """A recorded result, proved again from its record.

    Parameters
    ----------
    name : str
    where : path, optional
        The folder of records; the one that ``MATRIXPROOF_RECORDS`` names unless given.

    Raises
    ------
    ProofError
        When there is no such record, when it is no proof, or when results recall each other.
    """
    with proving_again(name):
        record = load(name, where)
        if record["status"] != "proved":
            raise ProofError(f"'{name}' is {record['status']}: only proved results can be recalled")
        setting = declare(record["setting"], Setting)
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
def proving_again(name: str) -> Iterator[None]:
    """While it lasts, a result is being recalled.

    Raises
    ------
    ProofError
        When it is already: results that recall each other prove nothing.
    """
    if name in _recalling:
        raise ProofError(f"circular: {' -> '.join([*_recalling, name])}")
    _recalling.append(name)
    try:
        yield
    finally:
        _recalling.pop()
