"""What became of the slips that were put into the book's lines and into the estimators' code.

`make mutate` writes the accounts. An account of lines that have changed since is not shown.
"""

from __future__ import annotations

import json
from hashlib import sha256
from importlib import resources
from typing import Any

from lmmbook.ledger import Table, cell, table
from lmmbook.records import load_all

OUTCOMES = ("refuted", "proved", "rejected")


def _load(name: str) -> dict[str, Any]:
    return json.loads((resources.files(__package__) / name).read_text(encoding="utf-8"))


def digest(chapter: str) -> str:
    """What identifies the lines of a chapter's recorded results."""
    parts = []
    for record in load_all():
        if record["chapter"] == chapter:
            parts += [record["statement"], *(line["text"] for line in record.get("lines", []))]
    return sha256("\n".join(parts).encode()).hexdigest()[:16]


def accounts() -> dict[str, dict[str, Any]]:
    """The account of each chapter with results: how many slips were tried, and what they became.

    A chapter whose results have changed since then has an empty one.
    """
    found = _load("mutants.json")
    chapters = sorted({record["chapter"] for record in load_all()})
    return {
        chapter: a if (a := found.get(chapter, {})).get("digest") == digest(chapter) else {}
        for chapter in chapters
    }


def mutants() -> Table:
    """How many slips were tried in the derivations of each chapter, and how they ended."""
    rows, total = [], [0] * 6
    for chapter, a in accounts().items():
        link = chapter, f'<a href="{chapter}.html">{chapter}</a>'
        if not a:
            rows.append((link, cell("not tried on its present lines"), *[cell("")] * 5))
            continue
        unproved = len(a["unproved"])
        numbers = [a["lines"], sum(a[x] for x in OUTCOMES) + unproved]
        numbers += [*(a[x] for x in OUTCOMES), unproved]
        total = [x + y for x, y in zip(total, numbers, strict=True)]
        rows.append((link, *(cell(f"{x:,}") for x in numbers)))
    rows.append((cell("all"), *(cell(f"{x:,}") for x in total)))
    header = ("chapter", "lines", "slips", "refuted", "same thing", "makes no sense", "unproved")
    return table(header, rows, "Slips in the derivations, and what became of them")


def unproved_mutants() -> Table:
    """The slips that were neither refuted nor proved, line by line."""
    rows = [
        (cell(chapter), *(cell(x[k]) for k in ("line", "mutant", "seen")))
        for chapter, a in accounts().items()
        for x in a.get("unproved", ())
    ]
    return table(("chapter", "line", "slip", "what was seen"), rows, "Slips not refuted")


def slip_accounts() -> dict[str, dict[str, Any]]:
    """The account of each module of the package that has not changed since it was made."""

    def text_of(module: str) -> bytes:
        file = resources.files("lmmcore") / module
        return file.read_bytes() if file.is_file() else b""

    found = _load("slips.json")
    return {
        module: a
        for module, a in found.items()
        if sha256(text_of(module)).hexdigest()[:16] == a["digest"]
    }


def slips() -> Table:
    """How many slips were tried in each module of the package, and how many the tests notice.

    Of some modules a sample was tried. One that has changed since then is not in the table.
    """
    rows, total = [], [0] * 5
    for module, a in slip_accounts().items():
        equivalent, alive = a["equivalent"], len(a["survivors"])
        numbers = [a["slips"], a["tried"], a["tried"] - equivalent - alive, equivalent, alive]
        total = [x + y for x, y in zip(total, numbers, strict=True)]
        rows.append((cell(module), *(cell(f"{x:,}") for x in numbers)))
    rows.append((cell("all"), *(cell(f"{x:,}") for x in total)))
    header = ("module", "slips", "tried", "noticed", "change nothing", "survive")
    caption = "Slips in the package, and how many the tests notice; modules not listed: not tried"
    return table(header, rows, caption)


def surviving_slips() -> Table:
    """The slips that no test notices: those that change nothing, and why; and those that may."""
    excused, rows = _load("equivalent_slips.json"), []
    for module, a in slip_accounts().items():
        known = excused.get(module, {})
        rows += [(cell(module), cell(slip), cell(why)) for slip, why in known.items()]
        rows += [(cell(module), cell(slip), cell("open")) for slip in a["survivors"]]
    return table(("module", "slip", "why"), rows, "Slips that no test notices")


def summary() -> str:
    """Both kinds of slips in a sentence each: how many, and how many stand unexplained."""
    lines = [a for a in accounts().values() if a]
    tried = sum(a[x] for a in lines for x in OUTCOMES)
    unproved = sum(len(a["unproved"]) for a in lines)
    package = slip_accounts().values()
    slips, open_ = sum(a["tried"] for a in package), sum(len(a["survivors"]) for a in package)
    same = sum(a["equivalent"] for a in package)
    share = 100 * (slips - same - open_) / max(slips - same, 1)
    return (
        f"{tried + unproved:,} slips in the lines of {len(lines)} chapters: {unproved} stand "
        f"without a reason.\n{slips:,} slips in {len(package)} modules of the package: {same:,} "
        f"change nothing; of the others the tests notice {share:.1f} %, and {open_} are open."
    )
