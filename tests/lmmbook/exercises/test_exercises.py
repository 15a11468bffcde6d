"""The checks of the exercises, checked: right answers pass, wrong ones are named."""

import ast
import math
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import sympy as sp

from lmmbook.exercises import check, exercises, find
from tools.chapters import ROOT, cells, pages

ANSWERS = {
    identifier: answers
    for path in sorted((Path(__file__).parent / "exercise_answers").glob("[a-z]*.py"))
    for identifier, answers in import_module(f"exercise_answers.{path.stem}").ANSWERS.items()
}
IDENTIFIERS = sorted(exercises())


class Hostile:
    """Whatever is asked of it, it raises."""

    def __getattr__(self, name):
        raise RuntimeError(name)

    def __eq__(self, other):
        raise RuntimeError("compared")

    __hash__ = None


def endless(*arguments):
    while True:
        pass


def failing(*arguments):
    raise RuntimeError("no")


GARBAGE = [
    None, "", "an answer", float("nan"), float("inf"), math.pi * 1e7, sp.nan, sp.zoo,
    sp.Symbol("unrelated"), sp.Eq(sp.Symbol("a"), 1), [], {}, (1, 2, 3), np.zeros((7, 5)),
    np.array([[np.nan]]), sp.zeros(3, 5), True, object(), Hostile(), failing, lambda: 3, int,
    SimpleNamespace(), b"bytes",
]  # fmt: skip


def test_every_exercise_is_tried():
    assert set(ANSWERS) == set(exercises())


@pytest.mark.parametrize("identifier", IDENTIFIERS)
def test_there_are_enough_answers(identifier):
    answers = ANSWERS[identifier]
    assert len(answers.right) >= 3
    assert len(answers.wrong) >= 5


@pytest.mark.parametrize(
    ("identifier", "number"), [(i, k) for i in IDENTIFIERS for k in range(len(ANSWERS[i].right))]
)
def test_right_answer(identifier, number):
    verdict = check(identifier, ANSWERS[identifier].right[number])
    assert verdict.status == "right", verdict
    assert verdict.message == find(identifier).take_away


@pytest.mark.parametrize(
    ("identifier", "number"), [(i, k) for i in IDENTIFIERS for k in range(len(ANSWERS[i].wrong))]
)
def test_wrong_answer(identifier, number):
    answer, words = ANSWERS[identifier].wrong[number]
    verdict = check(identifier, answer)
    assert verdict.status == "not yet", verdict
    assert words in verdict.message
    if words:
        assert words in "".join(m.message for m in find(identifier).misconceptions)


@pytest.mark.parametrize("identifier", IDENTIFIERS)
def test_every_misconception_is_met(identifier):
    met = [check(identifier, answer).message for answer, _ in ANSWERS[identifier].wrong]
    assert {m.message for m in find(identifier).misconceptions} <= set(met)


@pytest.mark.parametrize("identifier", IDENTIFIERS)
def test_untouched_stub(identifier):
    def with_text(y):
        """What it should do."""
        return ...

    def bare(a, b): ...

    assert {check(identifier, x).status for x in (..., with_text, bare)} == {"not attempted"}
    assert check(identifier).status == "not attempted"


def one_of_each_kind():
    """The first exercise of each kind of answer: what reads an answer is the kind, not its task."""
    first = {}
    for identifier in IDENTIFIERS:
        first.setdefault(type(find(identifier).kind), identifier)
    return set(first.values())


FIRST = one_of_each_kind()
HANDED_GARBAGE = [
    i if i in FIRST else pytest.param(i, marks=pytest.mark.slow(20, chapter=find(i).chapter))
    for i in IDENTIFIERS
]


@pytest.mark.parametrize("number", range(len(GARBAGE)))
@pytest.mark.parametrize("identifier", HANDED_GARBAGE)
def test_garbage(identifier, number):
    verdict = check(identifier, GARBAGE[number])
    assert verdict.status in ("cannot read", "not yet"), verdict
    assert verdict.message
    assert str(verdict.status) in ("cannot read", "not yet")
    assert "_repr" not in verdict._repr_html_()


def test_a_loop_without_end_is_ended(monkeypatch):
    monkeypatch.setattr("lmmbook.exercises.limits.SECONDS", 0.2)
    functions = [i for i in IDENTIFIERS if type(find(i).kind).__name__ == "Function"]
    for identifier in functions[:3]:
        verdict = check(identifier, endless)
        assert verdict.status == "cannot read"
        assert "running" in verdict.message


def test_unknown_exercise():
    with pytest.raises(ValueError, match="there is no exercise 'x'"):
        check("x", 1)


def test_nothing_is_printed(capsys):
    def talkative(*arguments):
        print("secret")
        return 1.0

    for identifier in IDENTIFIERS:
        check(identifier, talkative)
    assert capsys.readouterr().out == ""


# Python with nothing beside it but SymPy, as in the reader's browser
ALONE = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("numpy", "scipy", "pandas", "matplotlib"):
            raise ModuleNotFoundError(f"there is no {name}", name=name)

sys.meta_path.insert(0, Absent())
from lmmbook.exercises import check, exercises

for name, exercise in exercises().items():
    solution = exercise.kind.solution
    if hasattr(exercise.kind, "setting") and callable(solution):
        solution = solution(exercise.kind.setting()[1])
    elif callable(solution):  # a student's own, not the judge's
        solution = lambda *arguments, of=solution: of(*arguments)
    verdict = check(name, solution)
    print(name, type(exercise.kind).__name__, verdict.status, verdict.message, sep=":")
"""


def test_without_numpy():
    """Only numbers and functions of data need NumPy to be judged, and they say so."""
    for path in sorted((ROOT / "lmmbook" / "exercises").rglob("*.py")):
        if path.stem != "late":
            assert "import numpy" not in path.read_text(), (
                f"{path.name}: write `from lmmbook.exercises.late import np`, and give a Function "
                "its cases by a function, so that the exercises work in the reader's browser"
            )
    done = subprocess.run([sys.executable, "-c", ALONE], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = [line.split(":", 3) for line in done.stdout.splitlines()]
    assert [name for name, *_ in found] == list(exercises())
    for name, kind, status, message in found:
        if status != "right":
            assert kind in ("Function", "Property"), name
            assert "numpy" in message  # it says what is missing


# -- the chapters --------------------------------------------------------------------------


def calls(code):
    """The exercises that a cell checks."""
    return [
        node.args[0].value
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "check"
    ]


def asked(page):
    """What the cells of a page ask for: names given to check, with the parameters of functions.

    Stubs apart from solutions. A solution may define its function in a cell before the check's.
    """
    stubs, solved, functions = [], [], {}
    for cell in cells(page):
        tree = ast.parse(cell.code)
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                functions[node.name] = ast.unparse(node.args)
        found = stubs if "stub" in cell.tags else solved
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "check":
                name = ast.unparse(node.args[1])
                found.append((node.args[0].value, name, functions.pop(name, None)))
    return sorted(stubs), sorted(solved)


STUBS = [(p, c) for p in pages() for c in cells(p) if "stub" in c.tags]
SOLVED = [(p, c) for p in pages() for c in cells(p) if "stub" not in c.tags and calls(c.code)]


def test_each_exercise_has_its_stub_and_its_solution():
    stubs = sorted(x for _, c in STUBS for x in calls(c.code))
    solved = sorted(x for _, c in SOLVED for x in calls(c.code))
    assert stubs == IDENTIFIERS
    assert solved == IDENTIFIERS


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_stub_and_solution_agree_in_name_and_signature(page):
    stubs, solved = asked(page)
    assert stubs == solved


@pytest.mark.parametrize("identifier", IDENTIFIERS)
def test_exercise_in_its_chapter(identifier):
    """Statement, three hints, stub, solution with its check: in that order, in its chapter."""
    text = (ROOT / "chapters" / f"{find(identifier).chapter}.md").read_text(encoding="utf-8")
    statement = text.index(f":label: ex-{identifier}\n")
    solution = text.index(f"{{solution-start}} ex-{identifier}\n")
    stub = text.index(f'check("{identifier}"')
    assert statement < stub < solution < text.index(f'check("{identifier}"', solution)
    hints = re.findall(r"\{admonition\} .+\n:class: dropdown hint", text[statement:stub])
    assert len(hints) >= 3
    assert text.index("{solution-end}", solution) > text.index(f'check("{identifier}"', solution)


@pytest.mark.parametrize("identifier", IDENTIFIERS)
def test_the_message_does_not_give_the_answer_away(identifier):
    """A stub's line for the answer is not in any message, nor the code of the solution."""
    ((page, solved),) = [(p, c.code) for p, c in SOLVED if identifier in calls(c.code)]
    name = {i: n for i, n, _ in asked(page)[1]}[identifier]
    lines = re.findall(rf"^{re.escape(name)} = (.+)$", solved, flags=re.M)
    for misconception in find(identifier).misconceptions:
        for line in lines:
            assert len(line) < 4 or line not in misconception.message
