"""The book's accounts: records, statements and pages say the same."""

import ast

import pytest

from lmmbook import ledger
from lmmbook.ledger import mutants
from lmmbook.ledger.lemmas import depths, graph
from lmmbook.ledger.slips import units
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
@pytest.fixture
def known(monkeypatch, tmp_path):
    """Accounts of one of two lines of a result, and of one of two functions."""
    record = {"chapter": "here", "status": "proved", "lines": [{"text": x} for x in "abc"]}
    entries = {"chapter": "here", "status": "by entries", "statement": "1 = 1"}
    refuted = {"chapter": "there", "status": "refuted", "statement": "0 = 1"}
    unproved = [{"line": "a = b", "mutant": "a = -b", "seen": "true on 9"}]
    batch = {"refuted": 1200, "proved": 30, "rejected": 4, "unproved": unproved}
    batch["lines"] = {mutants.line_key("a = b", "a setting"): 1224, mutants.line_key("1 = 1"): 11}
    (tmp_path / "m.py").write_text("def f(x):\n    return x - 1\ndef g(x):\n    return x + 2\n")
    (unit, _) = units((tmp_path / "m.py").read_text())
    code = {unit.key: {"slips": 3, "alive": {"a slip": "A reason.", "another": ""}}}
    monkeypatch.setattr(mutants, "load_all", lambda: [record, entries, refuted])
    monkeypatch.setattr(mutants, "ROOT", tmp_path.parent)
    monkeypatch.setattr(mutants, "modules", lambda: [tmp_path / "m.py"])
    monkeypatch.setattr(mutants, "_load", {"mutants.json": [batch], "slips.json": code}.get)
    return tmp_path.name


def test_slips_in_derivations_by_chapter(known):
    row = ("3", "2", "1,235", "1")
    assert mutants.mutants().rows == (("here", *row), ("there", "0", "0", "0", "0"), ("all", *row))
    assert mutants.unproved_mutants().rows == (("a = b", "a = -b", "true on 9"),)


def test_slips_in_code_by_folder(known):
    row = ("2", "6", "3", "1", "1", "1")
    assert mutants.slips().rows == ((known, *row), ("all", *row))
    place = f"{known}: f"
    assert mutants.surviving_slips().rows == (
        (place, "a slip", "A reason."), (place, "another", "open"),
    )  # fmt: skip


def test_slips_in_sentences(known):
    assert mutants.summary() == (
        "1,235 slips in 2 lines: 1,200 are refuted, 30 are the same thing,\n"
        "4 make no sense, 1 stand without a reason.\n"
        "6 slips in 2 functions of the code: 3 have not been tried since their function changed;\n"
        "of the others the tests notice 1, 1 change nothing, 1 are open."
    )


def test_the_batches_add_up():
    for batch in mutants.batches():
        judged = sum(batch[x] for x in mutants.OUTCOMES) + len(batch["unproved"])
        assert judged == sum(batch["lines"].values())
