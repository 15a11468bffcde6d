"""What became of the slips that were put into the book's lines and into the code.

`make mutate` writes the accounts. They are of lines and of functions, each known by what it says
and not by where it stands: one that has changed since it was tried has none.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from hashlib import sha256
from importlib import resources
from itertools import pairwise
from typing import Any

from lmmbook.ledger import Table, cell, table
from lmmbook.ledger.slips import ROOT, modules, units
from lmmbook.records import load_all

OUTCOMES = ("refuted", "proved", "rejected")


def _load(name: str) -> Any:
    return json.loads((resources.files(__package__) / name).read_text(encoding="utf-8"))


# -- derivations -----------------------------------------------------------------------------
def line_key(text: str, declared: str = "") -> str:
    """What a line is known by: what it says, and what its setting declares."""
    return " ".join(sha256(x.encode()).hexdigest()[:12] for x in (text, declared) if x)


def batches() -> list[dict[str, Any]]:
    """Lines, with the number of the mutants of each, and what became of all of them together."""
    return _load("mutants.json")


def lines_of(record: dict[str, Any]) -> list[str]:
    """The lines of a result, as they are tried; what is only refuted has none."""
    texts = [line["text"] for line in record.get("lines", [])]
    if record["status"] == "by entries":
        return [record["statement"]]
    return [f"{old} = {new}" for old, new in pairwise(texts)]


def mutants() -> Table:
    """How many lines the results of each chapter have, and how many slips were tried in them."""
    tried = {key.split()[0]: n for batch in batches() for key, n in batch["lines"].items()}
    lines = defaultdict(set)
    for record in load_all():
        lines[record["chapter"]] |= {line_key(text) for text in lines_of(record)}
    unproved = Counter(line_key(x["line"]) for batch in batches() for x in batch["unproved"])
    rows, total = [], [0] * 4
    for chapter, keys in sorted(lines.items()):
        done = keys & tried.keys()
        numbers = [len(keys), len(done)]
        numbers += [sum(count[key] for key in done) for count in (tried, unproved)]
        total = [x + y for x, y in zip(total, numbers, strict=True)]
        link = chapter, f'<a href="{chapter}.html">{chapter}</a>'
        rows.append((link, *(cell(f"{x:,}") for x in numbers)))
    rows.append((cell("all"), *(cell(f"{x:,}") for x in total)))
    header = ("chapter", "lines of its results", "tried", "slips", "unproved")
    return table(header, rows, "Slips in the derivations")


def unproved_mutants() -> Table:
    """The slips that were neither refuted nor proved, line by line."""
    unproved = (x for batch in batches() for x in batch["unproved"])
    rows = [tuple(cell(x[k]) for k in ("line", "mutant", "seen")) for x in unproved]
    return table(("line", "slip", "what was seen"), rows, "Slips not refuted")


# -- code ------------------------------------------------------------------------------------
def accounts() -> Iterator[tuple[str, str, int, dict[str, Any] | None]]:
    """Of every function its folder, its name, how many slips it has, and its account, if any."""
    known = _load("slips.json")
    for path in modules():
        folder = path.parent.relative_to(ROOT).as_posix()
        for unit in units(path.read_text("utf-8")):
            yield folder, unit.name or path.stem, len(unit.slips), known.get(unit.key)


def slips() -> Table:
    """How many functions and slips each folder has, and how many of these the tests notice."""
    numbers = defaultdict(lambda: [0] * 6)
    for folder, _, found, account in accounts():
        alive = account.get("alive", {}).values() if account else ()
        same, open_ = sum(map(bool, alive)), sum(not why for why in alive)
        noticed = found - len(alive) if account else 0
        new = [1, found, 0 if account else found, noticed, same, open_]
        for row in (folder, "all"):
            numbers[row] = [x + y for x, y in zip(numbers[row], new, strict=True)]
    numbers["all"] = numbers.pop("all")
    rows = [(cell(k), *(cell(f"{x:,}") for x in v)) for k, v in numbers.items()]
    header = ("folder", "functions", "slips", "not tried", "noticed", "change nothing", "survive")
    return table(header, rows, "Slips in the code, and how many the tests notice")


def surviving_slips() -> Table:
    """The slips that no test notices: those that change nothing, and why; and those that may."""
    rows = [
        (cell(f"{folder}: {name}"), cell(slip), cell(why or "open"))
        for folder, name, _, account in accounts()
        for slip, why in (account or {}).get("alive", {}).items()
    ]
    return table(("function", "slip", "why"), rows, "Slips that no test notices")


def summary() -> str:
    """Both kinds of slips: how many, what became of them, and how many stand unexplained."""
    tried = batches()
    lines = len({key for batch in tried for key in batch["lines"]})
    refuted, proved, rejected = (sum(batch[x] for batch in tried) for x in OUTCOMES)
    unproved = sum(len(batch["unproved"]) for batch in tried)
    _, functions, found, left, noticed, same, open_ = slips().rows[-1]
    return (
        f"{refuted + proved + rejected + unproved:,} slips in {lines:,} lines: {refuted:,} are "
        f"refuted, {proved:,} are the same thing,\n{rejected:,} make no sense, {unproved:,} stand "
        f"without a reason.\n{found} slips in {functions} functions of the code: {left} have not "
        f"been tried since their function changed;\nof the others the tests notice {noticed}, "
        f"{same} change nothing, {open_} are open."
    )
