"""Every statement of the sources has its place in the book, and the page says what the record says.

The rules are functions of the data, so that the last tests can break the data and see them object.
"""

import re
from functools import cache

import pytest
from bs4 import BeautifulSoup

from lmmbook import ledger
from lmmbook.ledger import errata
from lmmbook.records import FOLDER, load_all
from tools.chapters import ROOT, pages
from tools.ledger_page import ledger_page

# Statements that the book does not answer yet. The set may only shrink.
OPEN: set[str] = set()

RECORDS = load_all()
STATEMENTS = ledger.statements()
SOURCES = {page.stem: page.read_text(encoding="utf-8") for page in pages()}
DATA = ROOT / "lmmbook" / "ledger" / "statements.json"
SITE = ROOT / "_build" / "html" / "chapters"
LABEL = r"^```\{{math\}}\n:label: {}$"


def faults(statement, records, sources):
    """What is wrong with the account of a statement, a line each."""
    name, verdict, chapter = (statement[key] for key in ("id", "verdict", "chapter"))
    found = [r for r in records if name in r["cites"]]
    states = {r["status"] for r in found}
    if verdict == "open":
        return [] if not chapter else [f"{name} is open, yet it names the chapter {chapter}"]
    out = []
    if verdict not in ledger.VERDICTS:
        out.append(f"{name}: {verdict!r} is no verdict")
    if chapter not in sources:
        return [*out, f"{name}: there is no chapter {chapter!r}"]
    if not re.search(rf"\b{re.escape(name)}\b", sources[chapter]):
        out.append(f"{name} is not named in {chapter}")
    if verdict == "model":
        label = statement.get("label", "")
        if not re.search(LABEL.format(re.escape(label)), sources[chapter], re.M):
            out.append(f"{name}: {chapter} has no typed model labelled {label!r}")
        return out
    if chapter not in {r["chapter"] for r in found}:
        out.append(f"{name}: no result of {chapter} cites it")
    if verdict == "false as printed" and "refuted" not in states:
        out.append(f"{name}: nothing refutes it")
    if verdict.startswith("holds") and not states & {"proved", "by entries"}:
        out.append(f"{name}: nothing proves it")
    if verdict == "holds" and "refuted" in states:
        out.append(f"{name}: it is said to hold, and a result that cites it is a refutation")
    if verdict == "holds under conditions" and not statement["note"]:
        out.append(f"{name}: the note must name the condition")
    return out


def differences(rows, statements, records):
    """Where a page's table, id -> (text of the row, its links), differs from the data."""
    out = []
    for s in statements:
        if s["id"] not in rows:
            out.append(f"{s['id']} has no row")
            continue
        verdict, links = rows[s["id"]]
        cited = {f"{r['chapter']}.html#{r['name']}" for r in records if s["id"] in r["cites"]}
        expected = s["verdict"]
        if expected == "open":
            expected = "in part" if cited else "not yet in this edition"
        if expected == "model":
            cited.add(f"{s['chapter']}.html#equation-{s['label']}")
        if verdict != expected:
            out.append(f"{s['id']}: the page says {verdict!r}, the record {expected!r}")
        if links != cited:
            out.append(f"{s['id']}: links that differ: {sorted(links ^ cited)}")
    return out


def rows_of(html):
    """The rows of the index: id -> (verdict, links)."""
    found = {}
    for row in BeautifulSoup(html, "html.parser").select("div.ledger tr[id]"):
        cells = row.find_all("td")
        id_ = cells[0].get_text()
        assert row["id"] == ledger.anchor(id_) and id_ not in found
        found[id_] = cells[2].get_text(), {a["href"] for a in cells[4].find_all("a")}
    return found


@cache
def rendered():
    return rows_of("".join(ledger.answered(x)._repr_html_() for x in "ABE"))


def test_open_statements_are_listed():
    now = {s["id"] for s in STATEMENTS if s["verdict"] == "open"}
    assert now <= OPEN, f"open, though answered once: {sorted(now - OPEN)}"
    assert now == OPEN, f"answered: take off the list OPEN: {sorted(OPEN - now)}"


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda s: s["id"])
def test_statement_has_its_place(statement):
    assert faults(statement, RECORDS, SOURCES) == []


def test_every_fault_has_its_erratum():
    assert errata.problems() == []


def test_the_index_says_what_the_record_says():
    assert differences(rendered(), STATEMENTS, RECORDS) == []


def test_the_ledger_has_a_section_for_each_chapter():
    text = SOURCES["ledger"]
    assert ledger_page(text) == text, "make record"


def test_built_index_and_its_links():
    page = SITE / "statements.html"
    newest = max(path.stat().st_mtime for path in (*FOLDER.glob("*.json"), DATA))
    if not page.exists() or page.stat().st_mtime < newest:
        pytest.skip("make book first")
    rows = rows_of(page.read_text(encoding="utf-8"))
    assert differences(rows, STATEMENTS, RECORDS) == []
    for target in {link for _, links in rows.values() for link in links}:
        name, anchor = target.split("#")
        html = (SITE / name).read_text(encoding="utf-8")
        assert f'id="{anchor}"' in html, f"{target} is nowhere"


# -- the rules notice what is broken ------------------------------------------------------------
ANSWERED = [s for s in STATEMENTS if s["verdict"] not in ("open", "model")]


@pytest.mark.parametrize("statement", ANSWERED, ids=lambda s: s["id"])
def test_a_citation_that_is_removed_is_missed(statement):
    records = [r | {"cites": [c for c in r["cites"] if c != statement["id"]]} for r in RECORDS]
    assert faults(statement, records, SOURCES)
    assert differences(rendered(), [statement], records)


@pytest.mark.parametrize("statement", ANSWERED, ids=lambda s: s["id"])
def test_a_changed_verdict_is_noticed(statement):
    for verdict in {*ledger.VERDICTS, "true"} - {statement["verdict"], "model"}:
        assert differences(rendered(), [statement | {"verdict": verdict}], RECORDS)


def test_an_unnamed_or_missing_chapter_is_noticed():
    one = next(s for s in STATEMENTS if s["id"] == "A5")
    assert faults(one | {"chapter": "nowhere"}, RECORDS, SOURCES)
    assert faults(one, RECORDS, SOURCES | {one["chapter"]: "# Empty"})
    assert faults(one | {"verdict": "model", "label": "model-nowhere"}, RECORDS, SOURCES)
    assert faults(one | {"verdict": "false as printed"}, RECORDS, SOURCES)
    assert faults(one | {"verdict": "holds under conditions", "note": ""}, RECORDS, SOURCES)
    refuted = next(s for s in STATEMENTS if s["id"] == "A12")
    assert faults(refuted | {"verdict": "holds"}, RECORDS, SOURCES)


@pytest.mark.parametrize("change", [
    {"counterexample": ""},
    {"counterexample": "reml-score"},
    {"counterexample": "no-such-result"},
    {"repair": "cancelled-factor"},
    {"repair": "woodbury"},
    {"repair": ""},
    {"id": "A1"},
    {"kind": "wrong"},
])  # fmt: skip
def test_an_erratum_that_does_not_stand_is_noticed(change):
    entry = next(e for e in errata.all_errata() if e.id == "A12")
    fields = {k: getattr(entry, k) for k in ("id", "kind", "fault", "counterexample", "repair")}
    assert entry.problems() == []
    assert errata.Erratum(**(fields | change)).problems()


def test_a_missing_erratum_is_noticed(monkeypatch):
    for s in STATEMENTS:
        if s["verdict"] in ("false as printed", "holds under conditions"):
            rest = tuple(e for e in errata.all_errata() if e.id != s["id"])
            with monkeypatch.context() as patch:
                patch.setattr(errata, "all_errata", lambda rest=rest: rest)
                assert any(line.startswith(f"{s['id']}: its verdict") for line in errata.problems())
                with pytest.raises(ValueError, match=rf"{re.escape(s['id'])}: its verdict"):
                    errata.errata("false")


def test_a_forgotten_section_is_noticed():
    text = SOURCES["ledger"]
    section = text.index("## Block matrices")
    following = text.index("\n## ", section + 1) + 1
    assert ledger_page(text[:section] + text[following:]) == text
