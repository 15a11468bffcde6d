"""A sign flipped in any line of any derivation of any chapter is noticed.

Every call of ``.step(...)`` in a chapter is tried with its line negated, in the chapter's own
namespace: the cell must raise, and the message must name the line. Besides, one slip of another
kind is judged in each line, chosen by a seed; `make mutate` judges all of them.
"""

import ast
import contextlib
import io
import json

import matplotlib
import matplotlib.pyplot as plt
import pytest

from lmmbook.ledger.mutants import accounts
from matrixproof import Setting, StepError
from matrixproof.language.errors import SoundnessError
from tools import mutate_chapters
from tools.chapters import ROOT, cells, pages
from tools.mutate_chapters import OUTCOMES, Account, proves, watching

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


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("page", CHAPTERS, ids=lambda page: page.stem)
def test_a_slip_in_any_line_is_noticed(page, monkeypatch):
    monkeypatch.chdir(ROOT / "chapters")
    monkeypatch.setenv("MATRIXPROOF_CHAPTER", page.stem)
    monkeypatch.delenv("MATRIXPROOF_RECORD", raising=False)
    namespace, tried, account = {"__name__": "__main__"}, 0, Account()
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
        with watching(account, sample=1):
            run(cell.code, namespace)
        plt.close("all")
    assert tried >= 2 or ".step(" not in page.read_text("utf-8")
    assert account.outcomes.keys() <= {*OUTCOMES, "unproved"}
    known = accounts().get(page.stem, {}).get("unproved", account.unproved)
    assert [x for x in account.unproved if x not in known] == [], f"make mutate CHAPTER={page.stem}"


def judged(page):
    if page.stem == "quadratic-forms":
        raise SoundnessError("x = y is both proved and refuted")
    return {"lines": 1, "refuted": 2, "proved": 1, "rejected": 0, "unproved": []}, 0.0


def test_a_chapter_that_fails_is_named_and_the_others_are_entered(monkeypatch, tmp_path, capsys):
    kept, gone = {"lines": 7}, {"lines": 8}
    account = tmp_path / "mutants.json"
    account.write_text(json.dumps({"first-fit": kept, "no-such-page": gone}))
    monkeypatch.setattr(mutate_chapters, "ACCOUNT", account)
    monkeypatch.setattr(mutate_chapters, "timed", judged)
    assert mutate_chapters.main(["quadratic-forms", "block-matrices"]) == 1
    assert "error: quadratic-forms: SoundnessError: x = y is both" in capsys.readouterr().out
    assert json.loads(account.read_text()) == {
        "block-matrices": judged(ROOT / "block-matrices.ipynb")[0], "first-fit": kept,
    }  # fmt: skip
    assert mutate_chapters.main(["block-matrices"]) == 0


def test_the_line_of_a_mutant_that_is_proved_and_refuted_is_named(monkeypatch):
    def both(*_):
        raise SoundnessError("both")

    monkeypatch.setattr("matrixproof.slips.derivations.judge", both)
    s = Setting("n")
    A, B = s.matrices("A: n; B: n")
    with watching(Account()), pytest.raises(SoundnessError, match=r"\(A B\)' = B' A', .*: both"):
        s.derive((A * B).T).step(B.T * A.T)
