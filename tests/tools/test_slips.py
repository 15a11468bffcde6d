"""Slips in Python source are made as intended, and a test that notices one is seen to do so."""

import ast
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from lmmbook.ledger.slips import modules, units
from tools import callers, mutate_estimators
from tools.chapters import ROOT
from tools.mutate_estimators import ACCOUNTS, LONG, Trial, is_settled, judge, judge_again, killed
from tools.mutate_estimators import Tests as KnownTests

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


def slips(text):
    return [slip for unit in units(text) for slip in unit.slips]


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
    found = slips("def f(x):\n    return x[0] + x[0]")
    assert len({str(s) for s in found}) == len(found)
    assert [str(s) for s in found if s.kind == "off by one"] == [
        "off by one: 0 -> (1) in 'return x[0] + x[0]'",
        "off by one: 0 -> (1) in 'return x[0] + x[0]', place 2",
    ]


# -- what an account knows a function by -----------------------------------------------------
FUNCTION = "def f(x, y=2):\n    if x > 1:\n        return x - y\n    return [z * y for z in x]\n"
SAME = [
    f"a = 1 - 2\n\n\n{FUNCTION}",
    FUNCTION.replace("x - y", "(x\n                - y)  # less"),
    FUNCTION.replace("    if", '    """What f is."""\n    if'),
    FUNCTION.replace("(x, y=2)", "(x: int, y: int = 2) -> list"),
    FUNCTION.replace("    if", "    from lmmcore.old_room import x_of\n\n    if"),
]
OTHER = [
    FUNCTION.replace("x - y", "x + y"), FUNCTION.replace("y=2", "y=3"),
    FUNCTION.replace("def f", "def g"), "@cache\n" + FUNCTION,
    "class A:\n    " + FUNCTION.replace("\n", "\n    "),
    FUNCTION.replace("return [", "raise ValueError(z)\n    return ["),
]  # fmt: skip


def account(text):
    """The last function of a text, as accounts know it, and its slips."""
    unit = units(text)[-1]
    return unit.key, [str(slip) for slip in unit.slips]


@pytest.mark.parametrize("text", SAME)
def test_an_account_outlives_what_does_not_change_the_code(text):
    assert account(text) == account(FUNCTION)


@pytest.mark.parametrize("text", OTHER)
def test_changed_code_has_no_account(text):
    assert account(text)[0] != account(FUNCTION)[0]


def test_slips_belong_to_the_outermost_function_or_the_statement():
    text = "x = a - b\nclass A:\n    c: int = 1 + d\n    def f(self):\n"
    text += "        def g(z=1):\n            return z\n        return g\ny = 2\n"
    found = units(text)
    assert [(unit.name, len(unit.slips)) for unit in found] == [
        ("", 2), ("A", 3), ("A.f", 1), ("", 1),
    ]  # fmt: skip
    assert [list(unit.lines) for unit in found] == [[1], [3], [5, 6, 7], [8]]
    assert str(found[2].slips[0]) == "off by one: 1 -> (2) in 'def g(z=1):'"


def test_every_slip_is_python():
    for path in modules():
        text = path.read_text("utf-8")
        for slip in slips(text)[::20]:
            wrong = slip.apply(text)
            assert wrong != text
            ast.parse(wrong)


def test_every_module_is_tried():
    inside = {p.relative_to(ROOT).as_posix() for p in modules()}
    known = {"profile", "laplace/mode", "fast/series"}
    assert {f"lmmcore/{name}.py" for name in known} | {"lmmbook/exercises/judge.py"} <= inside
    assert len(inside) > 50
    assert not any("bank" in name for name in inside)


def test_the_accounts_are_of_slips_that_there_are():
    accounts = json.loads(ACCOUNTS.read_text("utf-8"))
    found = {unit.key: unit for path in modules() for unit in units(path.read_text("utf-8"))}
    assert accounts.keys() & found.keys()
    for key in accounts.keys() & found.keys():
        alive = accounts[key].get("alive", {})
        assert accounts[key]["slips"] == len(found[key].slips), key
        assert alive.keys() <= {str(s) for s in found[key].slips}, key
        assert all(len(why) > 20 for why in alive.values() if why), key


# -- judging -------------------------------------------------------------------------------------
def test_a_slip_is_noticed_and_its_absence_too():
    path = ROOT / "lmmcore" / "textbook" / "one_way.py"
    text, tests = path.read_text("utf-8"), ["tests/lmmcore/textbook/test_one_way.py"]
    (unit,) = (unit for unit in units(text) if unit.name == "simple_sample")
    wrong = [s for s in unit.slips if s.old == "n - 1"]
    assert len(wrong) == 2
    assert all(killed(path, s.apply(text), tests) for s in wrong)
    assert not killed(path, text, tests)


def watched(calls, seconds):
    """What the observation of one file of tests holds."""
    return {"of": "", "calls": calls, "seconds": seconds}


def test_a_slip_meets_the_tests_that_call_its_function(tmp_path):
    a, b = "tests/test_a.py", "tests/test_b.py"
    tests = KnownTests.of_files({
        a: watched({f"{a}::one[x]": ["f"], f"{a}::one[y]": ["f"], f"{a}::two": ["f"],
                    f"{a}::other": ["g"]},
                   {f"{a}::one[x]": 0.2, f"{a}::one[y]": 0.1, f"{a}::two": 0.3, f"{a}::other": 0}),
        b: watched({b: ["g"], f"{b}::far": ["f"]},
                   {f"{b}::far": 2.8, f"{b}::slow": LONG + 1}),
    })  # fmt: skip
    path = tmp_path / "m.py"
    path.write_text("def f():\n    x = a - b\nx = a - b\ndef g():\n    x = a - b")
    f, top, g = units(path.read_text())
    assert (f.name, top.name, g.name) == ("f", "", "g")
    # the quickest of each kind, file by file, as long as they are quick; then all, quick ones first
    assert tests.rounds(path, f) == [
        [f"{a}::one[y]", f"{b}::far"],
        [f"{a}::one[y]", f"{a}::two", f"{b}::far", f"{a}::one[x]"],
    ]
    # what is run on import, or in a fixture, may be noticed by every test of the file
    assert set(tests.rounds(path, top)[1]) == tests.seconds.keys() - {f"{b}::slow"}
    assert tests.rounds(path, g)[1] == [f"{a}::other", f"{b}::far"]
    assert tests.cost([f"{a}::two", f"{b}::far"]) == pytest.approx(3.1)


def test_callers_are_seen():
    file = "tests/lmmcore/textbook/test_one_way.py"
    seen = callers.watch(file)
    test = f"{file}::test_neyman_scott_equals_the_general_fit"
    assert "neyman_scott" in seen["calls"][test]
    assert "simple_sample" not in seen["calls"][test]
    assert 0 < seen["seconds"][test] < 60


@pytest.fixture
def entered(monkeypatch, tmp_path):
    """Trials of a function, of which those survive that stand in the set ``alive``; its account."""
    (unit,) = units(FUNCTION)
    alive = set()
    monkeypatch.setattr(mutate_estimators, "ACCOUNTS", tmp_path / "slips.json")
    monkeypatch.setattr(Trial, "survives", lambda trial: str(trial.slip) in alive)
    trials = [Trial(ROOT / "lmmcore" / "f.py", unit, slip, []) for slip in unit.slips]
    return trials, alive, unit.key


def test_what_is_alive_asks_for_a_reason(entered, capsys):
    trials, alive, key = entered
    alive |= {str(trials[0].slip), str(trials[1].slip)}
    reason = "It changes nothing, since nobody looks."
    accounts = {"f 0123": {"slips": 9, "alive": {str(trials[1].slip): reason}}, "g 4567": {}}
    with ThreadPoolExecutor(1) as pool:
        assert judge(trials, accounts, pool) == 1
        new = accounts[key]
        kept = {str(trials[0].slip): "", str(trials[1].slip): reason}
        assert new == {"slips": len(trials), "alive": kept}
        assert not is_settled(new) and not is_settled(None) and is_settled({"slips": 3})
        assert json.loads(mutate_estimators.ACCOUNTS.read_text()) == accounts
        assert f"alive: lmmcore/f.py, f: {trials[0].slip}" in capsys.readouterr().out
        assert judge_again(trials, accounts, pool) == 0
        alive.pop()
        assert judge_again(trials, accounts, pool) == 1
    assert "1 not as their accounts say" in capsys.readouterr().out
