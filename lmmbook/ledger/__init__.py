"""The book's accounts: every recorded result, and every statement of the sources with its verdict.

The tables are made from the records that the derivations write (`matrixproof.page.records`), never
typed: a result that is not proved is not in them. Here are the tables of results and of statements;

- ``lemmas``: which result rests on which
- ``errata``: statements that are false as printed, and what repairs them
- ``corrections``: the wrong formula beside the right one
- ``mutants``: slips put into derivations and code, and what became of them
- ``slips``: the slips that there are in code, function by function
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

from lmmbook.records import load_all
from matrixproof.page.display import words

STATUS_WORDS = {
    "proved": "proved for all dimensions",
    "by entries": "proved by entries, for the sizes shown",
    "instances": "checked on exact instances only",
    "refuted": "refuted by an exact counterexample",
}
INLINE_WORDS = {
    "definition": "definition",
    "model": "model",
    "condition": "condition or hypothesis",
    "size": "size or value of an example",
    "result": "restates a recorded result",
    "computed": "computed on the page",
    "axiom": "rule built into the checker",
    "false": "quoted to be refuted",
}
VERDICTS = ("holds", "holds under conditions", "false as printed", "model", "open")


def anchor(id_: str) -> str:
    """The address of a statement on its page: E3.2 is at E3-2, since scripts take a dot amiss."""
    return id_.replace(".", "-")


@dataclass(frozen=True)
class Table:
    """Rows for the page and for the terminal; ``html`` holds the cells of the page.

    With ``anchors`` each row has an address of its own, ``#`` and `anchor` of its first cell.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    html: tuple[tuple[str, ...], ...]
    caption: str
    anchors: bool = False

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{escape(x)}</th>' for x in self.header)
        addresses = [f' id="{escape(anchor(r[0]))}"' if self.anchors else "" for r in self.rows]
        body = "".join(
            f"<tr{address}>" + "".join(f"<td>{x}</td>" for x in row) + "</tr>"
            for address, row in zip(addresses, self.html, strict=True)
        )
        return (
            f'<div class="ledger" tabindex="0" role="region" aria-label="{escape(self.caption)}">'
            f'<table class="table"><caption>{escape(self.caption)}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        )

    def __repr__(self) -> str:
        return "\n".join(" | ".join(r) for r in (self.header, *self.rows))


def table(
    header: tuple[str, ...],
    rows: list[tuple[tuple[str, str], ...]],
    caption: str,
    anchors: bool = False,
) -> Table:
    """A table from rows of (plain text, HTML) pairs; without rows it says so."""
    rows = rows or [(cell("none"), *[cell("")] * (len(header) - 1))]
    plain = tuple(tuple(p for p, _ in row) for row in rows)
    html = tuple(tuple(h for _, h in row) for row in rows)
    return Table(header, plain, html, caption, anchors)


def cell(text: str) -> tuple[str, str]:
    """A cell that says the same on the page and in the terminal."""
    return text, words(text)


def link(record: dict[str, Any]) -> tuple[str, str]:
    """A result's title, linked to its place in the book."""
    address = f"{record['chapter']}.html#{record['name']}"
    return record["title"], f'<a href="{escape(address)}">{words(record["title"])}</a>'


@cache
def statements() -> tuple[dict[str, Any], ...]:
    """The sources' statements: id, text, verdict, chapter and a note on the verdict.

    A statement whose verdict is "model" has a ``label`` too, that of the typed display.
    """
    text = (resources.files(__package__) / "statements.json").read_text(encoding="utf-8")
    return tuple(json.loads(text))


def totals() -> Table:
    """How many results there are, by how far they were checked."""
    records = load_all()
    counts = Counter(r["status"] for r in records)
    rows = [(cell(text), cell(str(counts[key]))) for key, text in STATUS_WORDS.items()]
    rows.append((cell("all results"), cell(str(sum(counts.values())))))
    return table(("what was done", "results"), rows, "Results by how far they were checked")


def effort() -> Table:
    """What stands behind the results: steps, instances, seconds."""
    records = load_all()
    lines = [line for r in records for line in r.get("lines", [])[1:]]
    rows = [
        ("steps proved", len([x for x in lines if x["status"] == "proved"])),
        ("steps that cite another result", len([x for x in lines if x["lemmas"]])),
        ("exact instances tried", sum(x["instances"] for x in lines)),
        ("seconds of search and judging", round(sum(r.get("seconds", 0) for r in records))),
    ]
    cells = [(cell(text), cell(f"{count:,}")) for text, count in rows]
    return table(("what", "how many"), cells, "What stands behind the results")


def typed(chapters: Path) -> Table:
    """Mathematics that is typed, not made from a result: displays by label, inline by kind.

    Parameters
    ----------
    chapters : Path
        The folder of the chapters' sources. Inline formulas with a relation sign that need a word
        are in ``inline_claims.json``, beside this module.
    """
    sources = [p.read_text(encoding="utf-8") for p in sorted(chapters.glob("*.md"))]
    label = re.compile(r"^:label: (def|model)-", re.M)
    labels = Counter(x for text in sources for x in label.findall(text))
    listed = json.loads(Path(__file__).with_name("inline_claims.json").read_text("utf-8"))
    kinds = Counter(kind.split(" ")[0] for entries in listed.values() for kind in entries.values())
    rows = [("displayed: definition", labels["def"]), ("displayed: model", labels["model"])]
    rows += [(f"inline: {INLINE_WORDS[kind]}", kinds[kind]) for kind in INLINE_WORDS]
    cells = [(cell(text), cell(str(count))) for text, count in rows]
    return table(("typed formula", "how many"), cells, "Typed formulas that are registered")


def results(chapter: str) -> Table:
    """The results of a chapter: what they answer, how they were checked, what they rest on."""
    rows = []
    for r in load_all():
        if r["chapter"] != chapter:
            continue
        lines = r.get("lines", [])
        lemmas = sorted({x for line in lines for x in line["lemmas"]})
        used = sorted({x for line in lines for x in line["relations"]} - set(lemmas))
        tested = sum(line["instances"] for line in lines)
        plain, html = link(r)
        name = f"{html}<br><code>{escape(r['name'])}</code>"
        rows.append(
            (
                (f"{plain} ({r['name']})", name),
                cell(", ".join(r["cites"])),
                cell(STATUS_WORDS[r["status"]] + _how_far(r)),
                cell(str(max(len(lines) - 1, 1))),
                cell(str(tested) if tested else ""),
                cell("; ".join(r.get("assumptions", []))),
                cell("; ".join(map(_relation, used))),
                cell("; ".join(lemmas)),
                cell(str(r.get("seconds", ""))),
            )
        )
    header = (
        "result", "answers", "status", "steps", "instances", "assumptions", "relations used",
        "cites", "seconds",
    )  # fmt: skip
    return table(header, rows, f"Results of the chapter {chapter}")


def _relation(name: str) -> str:
    """A relation's name, as mathematics where it is TeX."""
    return f"${name}$" if "\\" in name and "$" not in name else name


def _how_far(record: dict[str, Any]) -> str:
    if record["status"] == "proved":
        return f": ${record['quantifier'].replace(' with ', '$ with $')}$"
    return f": {record['how']}" if "how" in record else ""


def answered(source: str) -> Table:
    """The statements of a source (A, B or E) with their verdicts and where they are answered."""
    records, rows = load_all(), []
    for s in statements():
        if s["id"][0] != source:
            continue
        found = [link(r) for r in records if s["id"] in r["cites"]]
        where = ", ".join(p for p, _ in found), "<br>".join(h for _, h in found)
        if label := s.get("label"):
            address = f"{s['chapter']}.html#equation-{label}"
            typed = "the model", f'<a href="{escape(address)}">the model</a>'
            where = ", ".join(filter(None, (typed[0], where[0]))), f"{typed[1]}<br>{where[1]}"
        verdict = s["verdict"]
        if verdict == "open":
            verdict = "in part" if found else "not yet in this edition"
        rows.append(
            (cell(s["id"]), cell(s["text"]), cell(verdict), cell(s["note"]), where)
        )
    header = ("id", "statement", "verdict", "remark", "where")
    return table(header, rows, f"Statements of source {source}", anchors=True)
