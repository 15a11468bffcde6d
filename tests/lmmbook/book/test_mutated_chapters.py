"""A sign flipped in any line of any derivation of any chapter is noticed.

Every call of ``.step(...)`` in a chapter is tried with its line negated, in the chapter's own
namespace: the cell must raise, and the message must name the line. Besides, one slip of another
kind is judged in each line, chosen by a seed; `make mutate` judges all of them. The fast run of the
tests does so in some chapters, each day in others.
"""

import ast
import contextlib
import io
import json
import random
from concurrent.futures import ThreadPoolExecutor

import matplotlib
import matplotlib.pyplot as plt
import pytest

from lmmbook.ledger.mutants import batches, line_key
from matrixproof import Setting, StepError
from matrixproof.language.errors import SoundnessError
from tools import mutate_chapters
from tools.chapters import ROOT, cells, pages
from tools.mutate_chapters import OUTCOMES, Batch, judge_chapter, proves, sample_of, watching

CHAPTERS = [page for page in pages() if proves(page)]


class FlipSign(ast.NodeTransformer):
    """Negate the line of the step number ``target`` of a cell."""

    def __init__(self, target):
        self.target, self.steps, self.flipped, self.zero = target, 0, None, set()

    def visit_Try(self, node):
        return node  # a cell that shows a false line caught; its output is compared by the replay

    def visit_Call(self, node):
        step = isinstance(node.func, ast.Attribute) and node.func.attr == "step"
        if step and is_zero(ast.unparse(node.args[0])):  # then so are the lines before it
            self.zero |= {id(x) for x in ast.walk(node.func.value)}
        self.generic_visit(node)
        if step:
            if self.steps == self.target:
                self.flipped = "0" if id(node) in self.zero else ast.unparse(node.args[0])
                node.args[0] = ast.UnaryOp(ast.USub(), node.args[0])
            self.steps += 1
        return node


def is_zero(expression):
    return expression.startswith(("zero(", "0"))


def run(code, namespace):
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(code, "<cell>", "exec"), namespace)


def mutants(code):
    """The cell with one flipped step, for each of its steps."""
    number = 0
    while True:
        tree = ast.parse(code)
        flip = FlipSign(number)
        tree = ast.fix_missing_locations(flip.visit(tree))
        if flip.flipped is None:
            return
        if not is_zero(flip.flipped):  # minus zero is zero
            yield flip.flipped, tree
        number += 1


@pytest.mark.slow(10, guards=("matrixproof/slips", "tools/mutate_chapters.py"))
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("page", CHAPTERS, ids=lambda page: page.stem)
def test_a_slip_in_any_line_is_noticed(page, monkeypatch):
    monkeypatch.chdir(ROOT / "chapters")
    monkeypatch.setenv("MATRIXPROOF_CHAPTER", page.stem)
    monkeypatch.delenv("MATRIXPROOF_RECORD", raising=False)
    namespace, tried, batch = {"__name__": "__main__"}, 0, Batch()

    def see(line):
        found = line.mutants()
        batch.enter(line, random.Random(line.text).sample(found, min(1, len(found))))

    matplotlib.use("agg")
    for cell in cells(page):
        if ".step(" in cell.code:
            for line, mutant in mutants(cell.code):
                noticed = False
                try:
                    run(mutant, dict(namespace))
                except StepError as error:
                    noticed = " is false" in str(error)
                assert noticed, f"cell {cell.number} (line {cell.line}): minus ({line}) passes"
                tried += 1
        with watching(see):
            run(cell.code, namespace)
        plt.close("all")
    assert tried >= 2 or ".step(" not in page.read_text("utf-8")
    assert batch.outcomes.keys() <= {*OUTCOMES, "unproved"}
    known = [x for other in batches() for x in other["unproved"]]
    assert [x for x in batch.unproved if x not in known] == [], f"make mutate CHAPTER={page.stem}"


# -- the accounts --------------------------------------------------------------------------------
def lines_of(setting, *derivations):
    """The keys of the lines of derivations."""
    keys = []
    with watching(lambda line: keys.append(line_key(line.text, line.declared))):
        for start, new in derivations:
            setting.derive(start).step(new)
    return keys


def square(name="A", declare="matrices", where="", **more):
    s = Setting("n k", where=where)
    A = getattr(s, declare)(f"{name}: n")
    for method, text in more.items():
        getattr(s, method)(text)
    return s, (A + A, 2 * A)


def test_a_line_is_known_by_what_it_says_and_by_its_setting():
    (key,) = lines_of(*square())
    assert lines_of(*square()) == [key]
    others = [square("B"), square(declare="symmetric"), square(where="n > k"),
              square(matrices="C: n"), square(scalars="t")]  # fmt: skip
    assert len({key, *(lines_of(*other)[0] for other in others)}) == 6
    assert len({key.split()[0], *(lines_of(*other)[0].split()[0] for other in others)}) == 2


def judged(page, known, wanted):
    if page.stem == "quadratic-forms":
        raise SoundnessError("x = y is both proved and refuted")
    return Batch({"a new one": 3}, {"refuted": 2, "proved": 1, "rejected": 0}), {"a new one", "old"}


def in_this_process(monkeypatch):
    pool = "ProcessPoolExecutor"
    monkeypatch.setattr(mutate_chapters, pool, lambda n, **_: ThreadPoolExecutor(n))
    monkeypatch.setattr(mutate_chapters, "judge_chapter", judged)


def test_a_chapter_that_fails_is_named_and_the_others_are_entered(monkeypatch, tmp_path, capsys):
    old = [{"lines": {"old": 7}, "unproved": []}, {"lines": {"gone": 8}, "unproved": []}]
    account = tmp_path / "mutants.json"
    account.write_text(json.dumps(old))
    monkeypatch.setattr(mutate_chapters, "ACCOUNT", account)
    in_this_process(monkeypatch)
    assert mutate_chapters.main(["quadratic-forms", "block-matrices"], 0) == 1
    assert "error: quadratic-forms: SoundnessError: x = y is both" in capsys.readouterr().out
    new = judged(ROOT / "block-matrices", set(), None)[0].data()
    assert json.loads(account.read_text()) == [*old, new]
    assert mutate_chapters.main(["block-matrices"], 0) == 0


def test_lines_that_are_gone_are_left_out(monkeypatch, tmp_path):
    account = tmp_path / "mutants.json"
    account.write_text(json.dumps([{"lines": {"gone": 8}}, {"lines": {"old": 7, "gone": 1}}]))
    monkeypatch.setattr(mutate_chapters, "ACCOUNT", account)
    in_this_process(monkeypatch)
    monkeypatch.setattr(mutate_chapters, "pages", lambda: CHAPTERS[:1])
    assert mutate_chapters.main([], 0) == 0
    kept, new = json.loads(account.read_text())
    assert kept == {"lines": {"old": 7, "gone": 1}} and new["refuted"] == 2


def test_only_lines_that_are_not_known_are_judged(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("""```{code-cell}
from matrixproof import Setting
s = Setting("n")
A, B = s.matrices("A: n; B: n")
s.derive((A * B).T).step(B.T * A.T).step(B.T * A.T + 0 * A)
```""")
    batch, met = judge_chapter(page, set(), None)
    assert batch.lines.keys() == met and len(met) == 2
    assert sum(batch.lines.values()) == batch.outcomes.total()
    first, second = batch.lines
    assert judge_chapter(page, {first}, None)[0].lines.keys() == {second}
    assert judge_chapter(page, met, None)[0].lines == {}
    again, _ = judge_chapter(page, met, {first: [0, 3]})
    assert again.lines == {first: 2} and again.outcomes.total() == 2
    wanted = sample_of([batch.data()], 5)
    assert wanted.keys() <= met and sum(map(len, wanted.values())) == 5
    assert all(i < batch.lines[key] for key, found in wanted.items() for i in found)


def test_the_line_of_a_mutant_that_is_proved_and_refuted_is_named(monkeypatch):
    def both(*_):
        raise SoundnessError("both")

    monkeypatch.setattr("matrixproof.slips.derivations.judge", both)
    s = Setting("n")
    A, B = s.matrices("A: n; B: n")
    with (
        watching(lambda line: Batch().enter(line, line.mutants())),
        pytest.raises(SoundnessError, match=r"\(A B\)' = B' A', .*: both"),
    ):
        s.derive((A * B).T).step(B.T * A.T)
