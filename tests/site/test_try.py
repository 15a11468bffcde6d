"""What the page "Try it" runs, run here by the page's own runner, from the archives that it loads.

As in the browser there is nothing but the standard library, SymPy and what the site carries.
tests/test_browser_try.py does it in a browser.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from try_page import ANSWERS, BOXES, DERIVED, FALSE, REFUTED, answered

import book_try

ALONE = """
import json, sys
sys.path[:] = [p for p in sys.path if "site-packages" not in p and p] + sys.argv[1:]
import runner
for name in ("numpy", "scipy", "matplotlib"):
    try:
        __import__(name)
    except ModuleNotFoundError:
        continue
    sys.exit(f"there is {name} here")
json.dump([runner.run(source) for source in json.load(sys.stdin)], sys.stdout)
"""
TRIALS = [
    "1 + 1",
    "print('a')\nx = 3",
    "import numpy",
    "x = 1\n1 / 0",
    "x = (",
    "import sympy as sp\nsp.Symbol('x')**2",
    "while True: raise SystemExit",
    "from lmmbook.exercises import check\ncheck('block-small-terms', lambda *a: (1, 2))",
    "from lmmbook.records import recall\nrecall('weinstein-aronszajn')",
]


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """What each box, each answer and each trial shows."""
    folder = tmp_path_factory.mktemp("try")
    (folder / "sympy.zip").write_bytes(book_try.archive(book_try.installed("sympy", "mpmath")))
    (folder / "book.zip").write_bytes(book_try.archive(book_try.checker()))
    paths = [str(folder / "sympy.zip"), str(book_try.SOURCE)]
    subprocess.run(
        [sys.executable, "-m", "zipfile", "-e", str(folder / "book.zip"), str(folder)],
        check=True,
    )
    sources = [*BOXES, *(answered(number, answer) for number, answer, _ in ANSWERS), *TRIALS]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", ALONE, str(folder), *paths],
        input=json.dumps(sources), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return found[: len(BOXES)], found[len(BOXES) : -len(TRIALS)], found[-len(TRIALS) :]


def test_the_boxes(shown):
    boxes, _, _ = shown
    [[kind, html]] = boxes[DERIVED]
    assert kind == "html"
    assert html.count("✓") >= 2
    [[kind, text]] = boxes[FALSE]
    assert kind == "refused"
    assert text.startswith("line 2 is false")
    assert "counterexample" in text
    [[kind, html]] = boxes[REFUTED]
    assert kind == "html"
    assert 'class="refutation' in html
    for parts in boxes[REFUTED + 1 :]:
        assert "Not attempted yet." in parts[0][1]


@pytest.mark.parametrize("number", range(len(ANSWERS)))
def test_the_answers(shown, number):
    [[kind, html]] = shown[1][number]
    assert kind == "html"
    assert ANSWERS[number][2] in html


def test_what_else_a_reader_may_write(shown):
    two, printed, absent, divided, broken, power, left, data, recalled = shown[2]
    assert two == [["text", "2"]]
    assert printed == [["text", "a\n"]]
    assert absent == [
        ["error", "Line 1: numpy is not on this page. It needs Python on a computer."]
    ]
    assert divided == [["error", "Line 2: ZeroDivisionError: division by zero"]]
    assert broken[0][0] == "error"
    assert broken[0][1].startswith("Line 1: ")
    assert power[0][0] == "tex"
    assert "x^{2}" in power[0][1]
    assert left == [["error", "Line 1: SystemExit: "]]
    assert "needs numpy" in data[0][1]
    assert recalled[0][0] in ("text", "html")


def test_the_archives_are_the_same_every_time():
    assert book_try.archive(book_try.checker()) == book_try.archive(book_try.checker())


def test_an_edition_without_solutions_carries_none(monkeypatch):
    whole = {name for name, _ in book_try.checker()}
    monkeypatch.setenv("LMMCORE_SOLUTIONS", "no")
    files = dict(book_try.checker())
    assert not any(name.endswith("/bank/dyestuff.py") for name in files)
    assert any(name.endswith("/bank/block_matrices.py") for name in files)
    records = {Path(name).stem for name in whole - set(files) if name.endswith(".json")}
    assert records == book_try.results_of_solutions() & {Path(name).stem for name in whole}
    assert {"sherman-morrison", "gls-any-root", "lab-bias"} <= records
    assert "woodbury" not in records
