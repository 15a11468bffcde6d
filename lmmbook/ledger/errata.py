"""What the sources print that is false, incomplete or misprinted, each with what is right.

``errata.json`` names for each entry a result that shows the fault (a refutation, or an explicit
example) and a result that repairs it. The table is made from their records.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from lmmbook.ledger import Table, anchor, link, statements, table
from lmmbook.records import load
from matrixproof.language.errors import ProofError
from matrixproof.page.display import math, plain_words, words

KINDS = {
    "false": "False",
    "incomplete": "Right once a condition is added",
    "misprint": "Misprints and slips",
}
SHOWS_A_FAULT = ("refuted", "by entries")
REPAIRS = ("proved", "by entries")


@dataclass(frozen=True)
class Erratum:
    """One fault of the sources.

    Attributes
    ----------
    id : str
        The statement.
    kind : {"false", "incomplete", "misprint"}
    fault : str
        What is wrong, in words.
    counterexample, repair : str
        Names of results; a misprint may do without a counterexample.
    """

    id: str
    kind: str
    fault: str
    counterexample: str
    repair: str

    def problems(self) -> list[str]:
        """Why this entry does not stand, a line each; the empty list if it does."""
        verdicts = {s["id"]: s["verdict"] for s in statements()}
        out = []
        if self.id not in verdicts:
            out.append(f"{self.id}: no source has such a statement")
        if self.kind not in KINDS:
            out.append(f"{self.id}: {self.kind!r} is not one of {', '.join(KINDS)}")
        verdict = verdicts.get(self.id)
        if (self.kind == "false" and verdict != "false as printed") or (
            self.kind == "incomplete" and verdict == "holds"
        ):
            out.append(f"{self.id}: an erratum calls it {self.kind}, its verdict is {verdict!r}")
        if self.counterexample or self.kind != "misprint":
            out += self._of(self.counterexample, "counterexample", SHOWS_A_FAULT)
        return out + self._of(self.repair, "repair", REPAIRS)

    def _of(self, name: str, role: str, states: tuple[str, ...]) -> list[str]:
        try:
            record = load(name)
        except ProofError:
            return [f"{self.id}: its {role} {name!r} is not a recorded result"]
        out = []
        if self.id not in record["cites"]:
            out.append(f"{self.id}: its {role} {name} does not cite it")
        if record["status"] not in states:
            out.append(f"{self.id}: its {role} {name} is {record['status']}")
        return out


@cache
def all_errata() -> tuple[Erratum, ...]:
    """The entries of errata.json."""
    text = (resources.files(__package__) / "errata.json").read_text(encoding="utf-8")
    return tuple(Erratum(**entry) for entry in json.loads(text))


def problems() -> list[str]:
    """What the errata lack, a line each.

    Every statement whose verdict is "false as printed" or "holds under conditions" needs an entry,
    and every entry its two results.
    """
    found = [line for entry in all_errata() for line in entry.problems()]
    needed = {"false as printed": ("false",), "holds under conditions": ("incomplete", "misprint")}
    for s in statements():
        kinds = {entry.kind for entry in all_errata() if entry.id == s["id"]}
        if s["verdict"] in needed and not kinds & set(needed[s["verdict"]]):
            found.append(
                f"{s['id']}: its verdict is {s['verdict']!r}, so lmmbook/ledger/errata.json must "
                f"have an entry of the kind {' or '.join(needed[s['verdict']])} that names a "
                "counterexample and a repair, two results that cite it"
            )
    return found


def errata(kind: str) -> Table:
    """The table of the entries of one kind.

    Parameters
    ----------
    kind : {"false", "incomplete", "misprint"}

    Raises
    ------
    ValueError
        If an entry or a result is missing: see :func:`problems`.
    """
    if wrong := problems():
        raise ValueError("\n".join(wrong))
    order = [s["id"] for s in statements()]
    texts = {s["id"]: s["text"] for s in statements()}
    rows = []
    for entry in sorted(all_errata(), key=lambda entry: order.index(entry.id)):
        if entry.kind == kind:
            fault = entry.fault
            rows.append((
                (entry.id, f'<a href="statements.html#{anchor(entry.id)}">{entry.id}</a>'),
                (plain_words(f"{texts[entry.id]}: {fault}"),
                 f'<div class="fault"><p><em>{words(texts[entry.id])}.</em></p>'
                 f"<p>{words(fault)}</p></div>"),
                _shown(entry),
            ))
    return table(("id", "statement, and what is wrong", "fault (✗) and repair (✓)"), rows,
                 KINDS[kind])


def _shown(entry: Erratum) -> tuple[str, str]:
    parts = []
    if entry.counterexample:
        parts.append(_result("✗", load(entry.counterexample)))
    parts.append(_result("✓", load(entry.repair)))
    return " | ".join(p for p, _ in parts), "".join(f"<p>{h}</p>" for _, h in parts)


def _result(mark: str, record: dict[str, Any]) -> tuple[str, str]:
    """Its title, linked to its place in the book, its claim, and the values that refute it."""
    if "tex" not in record:
        raise ValueError(f"the record of {record['name']} is old: make record "
                         f"CHAPTER={record['chapter']}")
    title, to_page = link(record)
    page = f"{mark} {to_page}<br>{math(record['tex'])}"
    if "counterexample_tex" in record:
        values, sides = record["counterexample_tex"]
        shown = ", ".join(math(v) for v in values.split(r",\quad "))
        page += f"<br>False with {shown}: {math(sides)}"
    return f"{mark} {title}: {record['statement']}", page
