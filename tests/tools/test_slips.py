"""Slips in Python source are made as intended, and a test that notices one is seen to do so."""

import ast
import json

import pytest

from tools.chapters import ROOT
from tools.mutate_estimators import EQUIVALENT, LONG, killed, modules
from tools.mutate_estimators import Tests as KnownTests
from tools.mutate_estimators import test_files as files_of_tests
from tools.slips import slips

MADE = [
    ("x = a + b", "add", {"(a - b)"}),
    ("s2 = rss / (n - p)", "dropped term", {"(n)"}),
    ("s2 = rss / (n - p)", "sub", {"(n + p)"}),
    ("g = X.T @ r", "transpose", {"(X)"}),
    ("g = X.T @ r", "swapped factors", {"(r @ X.T)"}),
    ("l = np.log(d)", "log", {"(d)"}),
    ("b = solve(V, y)", "swapped arguments", {"(solve(y, V))"}),
    ("y = x[0]", "off by one", {"(1)"}),
    ("tol = 1e-8", "tolerance", {"(1e-05)"}),
    ("h = 0.5 * q", "factor 2", {"(1.0)"}),
    ("ok = a < b", "comparison", {"(a >= b)"}),
    ("ok = len(a) < b", "edge", {"(len(a) <= b)"}),
    ("ok = a and b", "and", {"(a or b)"}),
    ("if done:\n    x = 1", "condition", {"(not done)"}),
    ("s += d", "add", {"s -= d"}),
    ("v = -x", "sign", {"(x)"}),
    ("m = True", "constant", {"(False)"}),
]


@pytest.mark.parametrize(("text", "kind", "new"), MADE)
def test_slip(text, kind, new):
    assert {s.new for s in slips(text) if s.kind == kind} == new


@pytest.mark.parametrize("text", [
    "m = max(a, b)", '"""A text."""',
    'raise ValueError(f"{a + b}")', "import a", "x = a[-1]", "def f(a: x.T): pass",
    "pairs = zip(a, strict=True)", "c = solve(V, check_finite=False)", "x = y.reshape(-1)",
    "square = s @ s",
])  # fmt: skip
def test_no_slip_where_none_matters(text):
    assert [s for s in slips(text) if s.kind != "off by one"] == []


def test_slips_alike_are_told_apart():
    found = slips("def f(x):\n    return x[0, 0] + x[0]")
    assert len({str(s) for s in found}) == len(found)
    assert "f: off by one: 0 -> (1) in 'return x[0, 0] + x[0]', column 13" in map(str, found)


def test_every_slip_is_python():
    for path in modules()[::4]:
        text = path.read_text("utf-8")
        for slip in slips(text):
            wrong = slip.apply(text)
            assert wrong != text
            ast.parse(wrong)


def test_a_slip_is_noticed_and_its_absence_too():
    path = ROOT / "lmmcore" / "closed_forms.py"
    text, tests = path.read_text("utf-8"), ["tests/test_closed_forms.py"]
    wrong = [s for s in slips(text) if s.function == "simple_sample" and s.old == "n - 1"]
    assert len(wrong) == 2
    assert all(killed(path, s.apply(text), tests) for s in wrong)
    assert not killed(path, text, tests)


def watched(calls, seconds):
    """What the observation of one file of tests holds."""
    return {"of": "", "calls": calls, "seconds": seconds}


def test_a_slip_meets_the_tests_that_call_its_function():
    a, b = "tests/test_a.py", "tests/test_b.py"
    tests = KnownTests.of_files({
        a: watched({f"{a}::one[x]": ["m.py:f"], f"{a}::one[y]": ["m.py:f"], f"{a}::two": ["m.py:f"],
                    f"{a}::other": ["m.py:g"]},
                   {f"{a}::one[x]": 0.2, f"{a}::one[y]": 0.1, f"{a}::two": 0.3, f"{a}::other": 0}),
        b: watched({b: ["m.py:g"], f"{b}::far": ["m.py:f"]},
                   {f"{b}::far": 2.8, f"{b}::slow": LONG + 1}),
    })  # fmt: skip
    f, top, g = slips("def f():\n    x = a - b\nx = a - b\ndef g():\n    x = a - b")[::2]
    assert (f.function, top.function, g.function) == ("f", "", "g")
    # the quickest of each kind, file by file, as long as they are quick; then all, quick ones first
    assert tests.rounds("m.py", f) == [
        [f"{a}::one[y]", f"{b}::far"],
        [f"{a}::one[y]", f"{a}::two", f"{b}::far", f"{a}::one[x]"],
    ]
    # what is run on import, or in a fixture, may be noticed by every test of the file
    assert set(tests.rounds("m.py", top)[1]) == tests.seconds.keys() - {f"{b}::slow"}
    assert tests.rounds("m.py", g)[1] == [f"{a}::other", f"{b}::far"]
    assert tests.cost([f"{a}::two", f"{b}::far"]) == pytest.approx(3.1)


def test_every_module_of_the_package_is_tried():
    inside = {p.relative_to(ROOT / "lmmcore").as_posix() for p in modules()}
    assert {"profile.py", "laplace/mode.py", "exercises/judge.py", "exercises/kinds.py"} <= inside
    assert len(inside) > 50


def test_the_tests_of_the_package_are_known():
    found = set(files_of_tests())
    assert {"tests/test_profile.py", "tests/test_laplace.py", "tests/test_exercises.py"} <= found
    assert not any("browser" in x or "proof" in x for x in found)


def test_slips_that_are_excused_exist():
    excused = json.loads(EQUIVALENT.read_text("utf-8"))
    for module, known in excused.items():
        text = (ROOT / "lmmcore" / module).read_text("utf-8")
        assert known.keys() <= {str(s) for s in slips(text)}, module
        assert all(len(why) > 20 for why in known.values())
