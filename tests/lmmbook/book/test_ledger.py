"""The book's accounts: records, statements and pages say the same."""

import ast
from hashlib import sha256

import pytest

from lmmbook import ledger
from lmmbook.ledger import mutants
from lmmbook.ledger.lemmas import depths, graph
from lmmbook.records import load_all
from tools.chapters import ROOT, cells, pages

RECORDS = load_all()
STATEMENTS = {s["id"]: s for s in ledger.statements()}


def source(chapter):
    return (ROOT / "chapters" / f"{chapter}.md").read_text(encoding="utf-8")


def test_there_are_records():
    assert len(RECORDS) > 20


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: r["name"])
def test_record_is_of_its_chapter(record):
    """A record whose result has left its chapter would stay in the ledger for ever."""
    assert f'"{record["name"]}"' in source(record["chapter"]), "remove the record, or make record"
    assert set(record["cites"]) <= set(STATEMENTS), "an id that no source has"


def names_in(code):
    """The names that a cell gives to results."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and node.func.attr == "named":
                yield ast.literal_eval(node.args[0])
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if called in ("refute", "by_entries"):
                yield from (ast.literal_eval(k.value) for k in node.keywords if k.arg == "name")


def test_every_named_result_is_recorded():
    named = {(p.stem, n) for p in pages() for c in cells(p) for n in names_in(c.code)}
    assert named == {(r["chapter"], r["name"]) for r in RECORDS}, "make record"


def test_statements_are_complete_and_unique():
    ids = [s["id"] for s in ledger.statements()]
    expected = [f"A{i}" for i in range(1, 24)] + [f"B{i}" for i in range(1, 39)]
    expected += ["E1", "E2", "E3.1", "E3.2", "E3.3", "E3.4", "E4", "E5", "E6", "E7", "E8", "E9"]
    assert ids == expected


# -- who rests on whom -----------------------------------------------------------------------
def test_no_result_rests_on_itself():
    depth = depths(graph(RECORDS))
    assert set(depth) == {r["name"] for r in RECORDS}
    assert max(depth.values()) >= 2


def test_a_circle_is_found():
    with pytest.raises(ValueError, match="a circle of results"):
        depths({"a": {"b"}, "b": {"c"}, "c": {"a"}})
    with pytest.raises(ValueError, match="a circle of results"):
        depths({"a": {"a"}})
    assert depths({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == {"a": 2, "b": 1, "c": 0}


def record(name, title, chapter="here", lemmas=()):
    return {"name": name, "title": title, "chapter": chapter, "lines": [{"lemmas": list(lemmas)}]}


def test_a_lemma_without_a_result_is_found():
    first, other = record("a", "A"), record("b", "B", lemmas=["A"])
    assert graph([first, other]) == {"a": set(), "b": {"a"}}
    with pytest.raises(ValueError, match="names 0 results"):
        graph([other])
    with pytest.raises(ValueError, match="names 2 results"):
        graph([record("a", "A", "x"), record("c", "A", "y"), other])
    assert graph([record("a", "A", "x"), record("c", "A"), other])["b"] == {"c"}


def test_the_tables_add_up():
    rows = dict(ledger.totals().rows)
    assert int(rows.pop("all results")) == sum(map(int, rows.values())) == len(RECORDS)
    assert len(ledger.INLINE_WORDS) + 2 == len(ledger.typed(ROOT / "chapters").rows)
    assert all(int(n) >= 0 for _, n in ledger.typed(ROOT / "chapters").rows)


# -- slips ---------------------------------------------------------------------------------------
def test_slips_in_a_sentence_each(monkeypatch):
    chapter, module = load_all()[0]["chapter"], "profile.py"
    lines = {"lines": 2, "refuted": 1200, "proved": 30, "rejected": 4, "unproved": [{}, {}]}
    code = {"slips": 50, "tried": 40, "equivalent": 8, "survivors": ["a slip"]}
    text = (ROOT / "lmmcore" / module).read_bytes()
    known = {
        "mutants.json": {chapter: lines | {"digest": mutants.digest(chapter)},
                         "another": lines | {"digest": "of lines that have changed"}},
        "slips.json": {module: code | {"digest": sha256(text).hexdigest()[:16]},
                       "model.py": code | {"digest": "of a text that has changed"}},
    }  # fmt: skip
    monkeypatch.setattr(mutants, "_load", known.__getitem__)
    assert mutants.summary() == (
        "1,236 slips in the lines of 1 chapters: 2 stand without a reason.\n"
        "40 slips in 1 modules of the package: 8 change nothing; of the others the tests notice "
        "96.9 %, and 1 are open."
    )
    assert mutants.slips().rows == (
        (module, "50", "40", "31", "8", "1"), ("all", "50", "40", "31", "8", "1"),
    )  # fmt: skip


@pytest.mark.parametrize("module", mutants.slip_accounts())
def test_the_accounts_of_slips_add_up(module):
    account, excused = mutants.slip_accounts()[module], mutants._load("equivalent_slips.json")
    assert account["tried"] <= account["slips"]
    assert not set(account["survivors"]) & excused.get(module, {}).keys()
    assert account["equivalent"] <= len(excused.get(module, {}))
    if account["tried"] == account["slips"]:
        assert account["equivalent"] == len(excused.get(module, {}))
